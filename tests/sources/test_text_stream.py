"""Text of any encoding, handed out in pieces of any size."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.sources.text_stream import TextStream


@settings(max_examples=settings.default.max_examples // 2)
@given(
    st.text(st.characters(codec="gb18030", exclude_characters="\0"), max_size=60),
    st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]),
    st.integers(16, 40),
)
def test_a_stream_read_in_pieces_of_any_size_is_the_text(tmp_path_factory, text, encoding, size):
    text = "渠道直播间短视频" + text
    file = tmp_path_factory.mktemp("any") / "t.txt"
    file.write_bytes(text.encode(encoding))
    stream = TextStream(file)
    pieces = list(iter(lambda: stream.read(size), b""))
    stream.close()
    assert b"".join(pieces) == text.encode()
    assert max(map(len, pieces)) <= size


def test_what_is_put_back_comes_again_and_the_end_comes_last(tmp_path):
    (tmp_path / "t.txt").write_bytes(b"one two")
    stream = TextStream(tmp_path / "t.txt")
    first = stream.read(4)
    stream.put_back(first)
    stream.end_with(b"!")
    assert stream.read() == b"one two!"
    stream.close()
