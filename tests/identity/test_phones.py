import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.identity.phones import REASONS, normalise

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
