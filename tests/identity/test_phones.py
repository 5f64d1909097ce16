import re

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.identity.phones import REASONS, holds_mobile, normalise

WIDE = str.maketrans("0123456789+-() ", "０１２３４５６７８９＋－（）　")


def one(text):
    found = normalise(pa.array([text], pa.string()))
    return found.number[0].as_py(), found.reason[0].as_py()


@pytest.mark.parametrize(
    "text",
    [
        "13912345678",
        "+8613912345678",
        "008613912345678",
        "8613912345678",
        "86-13912345678",
        "+86 139 1234 5678",
        "139-1234-5678",
        "(+86) 139.1234.5678",
        "\t13912345678",
        "'13912345678",
        '="13912345678"',
        "13912345678\u200b",
        "１３９１２３４５６７８",
        "＋８６　１３９－１２３４－５６７８",
        "013912345678",
    ],
)
def test_a_mainland_mobile_in_all_its_forms(text):
    assert one(text) == ("+8613912345678", None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("139****5678", "masked"),
        ("139＊＊＊＊5678", "masked"),
        ("139xxxx5678", "masked"),
        ("*******5678", "masked"),
        ("5678", "partial"),
        ("13912345678-1234", "extension"),
        ("13912345678转1234", "extension"),
        ("13912345678 转 1234", "extension"),
        ("13912345678,1234", "extension"),
        ("13912345678[1234]", "extension"),
        ("+86 139-1234-5678 ext. 12", "extension"),
        ("17012345678", "virtual"),
        ("17112345678", "virtual"),
        ("+86 162 1234 5678", "virtual"),
        ("165-1234-5678", "virtual"),
        ("16712345678", "virtual"),
        ("010-62345678", "landline"),
        ("021 6234 5678", "landline"),
        ("400-800-1234", "landline"),
        ("+44 20 7946 0958", "landline"),
        ("12345678901", "wrong"),
        ("139123456789", "wrong"),
        ("1391234567", "wrong"),
        ("1.39E+10", "wrong"),
        ("none", "wrong"),
        ("收货人电话", "wrong"),
        ("+999 1234567", "wrong"),
    ],
)
def test_what_is_no_phone_of_ones_own_says_why(text, reason):
    assert one(text) == (None, reason)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("+852 9123 4567", "+85291234567"),
        ("0085291234567", "+85291234567"),
        ("+886 912 345 678", "+886912345678"),
        ("+44 7400 123456", "+447400123456"),
        ("+1 650 253 0000", "+16502530000"),
    ],
)
def test_mobiles_from_elsewhere(text, number):
    assert one(text) == (number, None)


@pytest.mark.parametrize("text", [None, "", "  ", "\t"])
def test_nothing_is_no_number_and_no_fault(text):
    assert one(text) == (None, None)


digits = st.integers(10_000_000_000, 19_999_999_999).map(str)


@given(digits, st.sampled_from(["", "+86", "0086", "86", "+86 "]), st.booleans())
def test_every_mobile_number_is_its_own_number(text, prefix, wide):
    written = prefix + f"{text[:3]}-{text[3:7]} {text[7:]}"
    number, reason = one(written.translate(WIDE) if wide else written)
    if text[1] in "012":
        assert number is None
    elif text[:3] in {"162", "165", "167", "170", "171"}:
        assert (number, reason) == (None, "virtual")
    else:
        assert (number, reason) == (f"+86{text}", None)


@given(st.lists(st.one_of(st.none(), st.text(max_size=25), digits)))
def test_it_never_raises_and_tells_either_or_nothing(texts):
    found = normalise(pa.array(texts, pa.string()))
    assert len(found.number) == len(found.reason) == len(texts)
    for number, reason in zip(found.number.to_pylist(), found.reason.to_pylist(), strict=True):
        assert number is None or reason is None
        assert reason is None or reason in REASONS
        assert number is None or number.startswith("+")


def test_columns_of_other_kinds_of_text():
    texts = ["13912345678", None, "13912345678"]
    plain = normalise(pa.array(texts)).number.to_pylist()
    assert plain == ["+8613912345678", None, "+8613912345678"]
    for other in (
        pa.array(texts).dictionary_encode(),
        pa.array(texts, pa.large_string()),
        pa.chunked_array([texts[:1], texts[1:]]),
        pa.array(["x", *texts]).slice(1),
    ):
        assert normalise(other).number.to_pylist() == plain
    assert len(normalise(pa.nulls(2, pa.string())).number) == 2
    assert len(normalise(pa.array([], pa.string())).number) == 0


# ---------------------------------------------------------------------- a phone in a text


P = "13912345678"
HIDDEN = [
    P,
    "１３９１２３４５６７８",
    "139.1234.5678",
    "139/1234/5678",
    "139_1234_5678",
    "139\u200b1234\u200c5678",
    "(139)12345678",
    "【139】1234-5678",
    "+86" + P,
    "86" + P,
    "0086" + P,
    "+86 139-1234-5678",
    "手机" + P,
    "tel:" + P,
    "M" + P,
    "张三" + P,
    "a" + P,
    P + "f",
    "x" + P + "y",
    "张三１３９ １２３４ ５６７８",
    "\u200b".join(P),
    "1\ufe0f3\ufe0f9\ufe0f12345678",
    "5\u200b" + P,
    "20261111-" + P,
    P + "-1",
    "139-12345678-1",
    "https://a.cn/b?t=" + P,
    P + ".0",
    "wx_" + P,
]
IDS = [
    "6917" + P,
    P + "9",
    "69" + P + "1234",
    "a" + P + "f",
    "AB12A" + P + "F9",
    "550e8400-e29b-41d4-a716-" + P + "f",
    P + "abcde",
    "evt_" + P + "abcdefabcdefaabcdefab",
    "1794398400-1",
    "1794398400_12",
    "1-6917000001",
    "o6_bmjrPTlm6_2sgVt7hMZOPfL2M",
    "12345678901",
    "2026-11-11 20:00:00",
    "139****5678",
    "SL-00001",
    "直播 15:00-17:00 20261111",
    "",
    None,
]


@pytest.mark.parametrize("text", HIDDEN)
def test_a_mobile_is_found_however_it_is_written(text):
    assert holds_mobile(pa.array([text])).tolist() == [True]


@pytest.mark.parametrize("text", IDS)
def test_an_id_that_happens_to_hold_such_digits_is_an_id(text):
    assert holds_mobile(pa.array([text], pa.string())).tolist() == [False]


def test_what_a_text_holds_does_not_depend_on_its_neighbours():
    mixed = pa.array(["x", *HIDDEN, None, *IDS, *HIDDEN]).slice(1)
    expected = [True] * len(HIDDEN) + [False] * (1 + len(IDS)) + [True] * len(HIDDEN)
    assert holds_mobile(mixed).tolist() == expected
    assert holds_mobile(mixed.slice(0, 0)).tolist() == []
    assert holds_mobile(pa.nulls(3, pa.string())).tolist() == [False] * 3


@given(st.lists(st.one_of(st.none(), st.from_regex(r"(00)?(8[56])?1[0-9]{9,12}", fullmatch=True))))
def test_a_number_is_a_mobile_only_as_a_whole(texts):
    expected = [bool(t and re.fullmatch(r"((00)?86)?1[3-9]\d{9}", t)) for t in texts]
    assert holds_mobile(pa.array(texts, pa.string())).tolist() == expected
    other = pa.array([*texts, "some-thing-else"], pa.string())
    assert holds_mobile(other).tolist() == [*expected, False]


@given(st.lists(st.text(alphabet="0123456789abcdefxM-_ 张", max_size=30), max_size=5))
def test_a_run_of_eleven_digits_alone_is_found_in_any_text(texts):
    found = holds_mobile(pa.array(texts, pa.string())).tolist()
    for text, one in zip(texts, found, strict=True):
        if re.search(r"(?<![0-9a-f])1[3-9]\d{9}(?![0-9a-f])", text):
            assert one
        digits = re.sub(r"[\s_-]", "", text)
        if not re.search(r"1[3-9]\d{9}", digits):
            assert not one


def test_a_token_of_mixed_signs_is_an_id_and_a_word_before_a_number_is_not():
    ids = ["wx07b9ca15582602953", "a1b13912345678c", "13912345678x9"]
    phones = ["M13912345678", "tel13912345678", "order-13912345678"]
    assert holds_mobile(pa.array(ids + phones)).tolist() == [False] * 3 + [True] * 3
