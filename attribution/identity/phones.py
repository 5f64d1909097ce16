"""Phone numbers in one form, or the reason why there is none. Nothing here repeats a number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["REASONS", "Phones", "Reason", "holds_mobile", "normalise"]

Reason = Literal["masked", "partial", "extension", "virtual", "landline", "wrong"]
REASONS: tuple[Reason, ...] = get_args(Reason)

# Read after full-width characters have become plain ones.
_MARKS = r"[\s\p{Z}\p{Cf}\-‐‑‒–—―−.·()'\"=/]+"
_MASK = r"[*•●#?xX]{2,}|\*"
# A platform's privacy number is rung with an extension and lives for some weeks.
_EXTENSION = (
    r"^\D*(?:(?:\+|00)?86)?\D*1[3-9]\d[\s-]?\d{4}[\s-]?\d{4}\s*"
    r"(?:[-‐‑‒–—―−,;#/_]|转|轉|分机|ext\.?|x|\(|\[|【)\s*(?:转|轉|分机|ext\.?)?\s*\d{1,6}\D*$"
)
_MOBILE = r"^(?:(?:\+|00)?86)?(?P<number>1[3-9]\d{9})$"
# Numbers of resellers: rented out for a while, and most privacy numbers are among them.
_VIRTUAL = r"^1(?:6[257]|7[01])"
_PARTIAL = r"^\d{1,6}$"

# A mobile within a text. What follows judges NFKC text, in which digits are 0 to 9.
_RUN = r"(?:(?:00)?86)?1[3-9][0-9]{9}"
_ALONE = rf"(?:^|[^0-9]){_RUN}(?:[^0-9]|$)"
_MAYBE = r"1[^0-9A-Za-z]*[3-9](?:[^0-9A-Za-z]*[0-9]){9}"
_UNSEEN = r"[\p{Cf}\pM]+"
_SEPARATORS = r"[\s\pZ\pC\p{Pd}\p{Ps}\p{Pe}\p{Pc}\p{Pi}\p{Pf}.·•・。/\\+'\"~−]+"
_LEFT, _RIGHT = r"(^|[^\pL\pN])", r"([^\pL\pN]|$)"
# Random ids hold such a run by chance: UUIDs, the lengths hashes have, a run between two letters;
# and tokens that mix digits and letters before or behind it.
_RANDOM_IDS = (
    *(
        f"{_LEFT}(?:{body}){_RIGHT}"
        for h, letter in (("[0-9a-f]", "[a-f]"), ("[0-9A-F]", "[A-F]"))
        for body in (
            rf"{h}{{8}}(?:-{h}{{4}}){{3}}-{h}{{12}}",
            rf"{h}{{16}}|{h}{{24}}|{h}{{32}}|{h}{{40}}|{h}{{64}}",
            rf"{h}*{letter}{_RUN}{letter}{h}*",
        )
    ),
    f"{_LEFT}(?:[0-9A-Za-z]*[0-9][A-Za-z]+{_RUN}[0-9A-Za-z]*){_RIGHT}",
    f"{_LEFT}(?:[0-9A-Za-z]*{_RUN}[A-Za-z]+[0-9][0-9A-Za-z]*){_RIGHT}",
)
# A number of a line behind (or of a shop before) a long id is no part of one phone.
_SUFFIX = r"([0-9]{8,})[-_./]([0-9]{1,3})([^0-9]|$)"
_PREFIX = r"(^|[^0-9])([0-9])[-_./]([0-9]{8,})"
_SHORTEST = 11


class Phones(NamedTuple):
    """Normalised numbers.

    Attributes
    ----------
    number
        (n,) text such as ``+8613800138000`` (E.164), or null.
    reason
        (n,) why there is no number (`Reason`), null where there is one and where nothing stood:

        - ``masked``: digits are hidden;
        - ``partial``: too few digits, such as the last four;
        - ``extension``: a number with an extension, as platforms lend them for one delivery;
        - ``virtual``: a reseller's number (162, 165, 167, 170, 171);
        - ``landline``: a number many people answer (landline, service, pager);
        - ``wrong``: no phone number.
    """

    number: pa.StringArray
    reason: pa.StringArray


def normalise(values: pa.Array | pa.ChunkedArray) -> Phones:
    """Return each phone number in one form, or why it is none.

    Mainland mobiles are read by one rule over the whole column: country code or not, blanks,
    dashes and full-width digits. What that rule leaves goes to `phonenumbers`, each distinct
    value once, as a number dialled in mainland China.

    Parameters
    ----------
    values
        (n,) text; an empty cell is null or blank.

    Returns
    -------
    Phones
        Two arrays of (n,). Never raises on a value, never repeats one.
    """
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    number, reason = _distinct(encoded.dictionary.cast(pa.string()))
    return Phones(number.take(encoded.indices), reason.take(encoded.indices))


def holds_mobile(values: pa.StringArray) -> NDArray[np.bool_]:
    """Return which texts are a mainland mobile, or hold one among other signs, (n,).

    Full-width digits, invisible characters, blanks, dashes, dots, slashes, brackets and the
    country code hide none: `139.1234.5678`, `(+86)13912345678`, `tel:13912345678`. A longer run of
    digits is an id, whatever it holds; so is a hexadecimal id.

    Parameters
    ----------
    values
        (n,) text; null holds none.
    """
    found = np.zeros(len(values), bool)
    if not len(values) or values.buffers()[2] is None:
        return found
    ends = np.frombuffer(values.buffers()[1], np.int32)[values.offset :][: len(values) + 1]
    data = np.frombuffer(values.buffers()[2], np.uint8)
    lengths = np.diff(ends)
    if lengths.max() < _SHORTEST:
        return found
    signs = data[ends[0] : ends[-1]]
    top = signs.max()
    if top <= ord("9") and signs.min() >= ord("0"):
        # Nearly every id column: a look at the lengths, and at the first digits of a few.
        for before in (b"", b"86", b"0086"):
            found[_led_by(signs, ends, lengths == _SHORTEST + len(before), before)] = True
        return found & _flags(values.is_valid()) if found.any() else found
    if top < 128:
        rows = np.flatnonzero(_flags(pc.match_substring_regex(values, _MAYBE)))
        found[rows] = _among_signs(values.take(pa.array(rows)))
        return found
    encoded = values.dictionary_encode()
    plain = pc.utf8_normalize(encoded.dictionary, form="NFKC")
    rows = np.flatnonzero(_flags(pc.match_substring_regex(plain, _MAYBE)))
    hits = np.zeros(len(plain), bool)
    hits[rows] = _among_signs(plain.take(pa.array(rows)))
    return _flags(pa.array(hits).take(encoded.indices)) if hits.any() else found


def _led_by(
    signs: NDArray[np.uint8], ends: NDArray[np.int32], among: NDArray[np.bool_], before: bytes
) -> NDArray[np.int64]:
    """Return the cells, of one length, that begin with a country code and a mobile's digits."""
    count = np.count_nonzero(among)
    if not count:
        return np.zeros(0, np.int64)
    width = _SHORTEST + len(before)
    if count * width == len(signs):  # all others are empty
        heads, rows = signs.reshape(count, width), None
    else:
        rows = np.flatnonzero(among)
        heads = signs[(ends[rows] - ends[0])[:, None] + np.arange(len(before) + 2)]
    kept = heads[:, 0] == (before or b"1")[0]
    if not kept.any():
        return np.zeros(0, np.int64)
    rows = np.flatnonzero(among) if rows is None else rows
    for place, (low, high) in enumerate([*((c, c) for c in before), (49, 49), (51, 57)]):
        kept &= (heads[:, place] >= low) & (heads[:, place] <= high)
    return np.asarray(rows[kept])


def _among_signs(plain: pa.StringArray) -> NDArray[np.bool_]:
    """Return which NFKC texts hold a mobile, (n,)."""
    if not len(plain):
        return np.zeros(0, bool)
    bare = _without_hex_ids(plain)
    found = _flags(pc.match_substring_regex(bare, _ALONE))
    if pc.any(pc.match_substring_regex(plain, _UNSEEN)).as_py():
        bare = _without_hex_ids(pc.replace_substring_regex(plain, _UNSEEN, ""))
        found |= _flags(pc.match_substring_regex(bare, _ALONE))
    bare = pc.replace_substring_regex(bare, _SUFFIX, r"\1x\2\3")
    bare = pc.replace_substring_regex(bare, _PREFIX, r"\1\2x\3")
    bare = pc.replace_substring_regex(bare, _SEPARATORS, "")
    return found | _flags(pc.match_substring_regex(bare, _ALONE))


def _without_hex_ids(texts: pa.StringArray) -> pa.StringArray:
    if pc.any(pc.match_substring_regex(texts, "[A-Fa-f]")).as_py():
        for pattern in _RANDOM_IDS:
            texts = pc.replace_substring_regex(texts, pattern, r"\1x\2")
    return texts


def _flags(array: pa.Array) -> NDArray[np.bool_]:
    """Return booleans (n,), null as false."""
    return np.asarray(pc.fill_null(array, False).to_numpy(zero_copy_only=False), bool)


def _distinct(raw: pa.StringArray) -> tuple[pa.StringArray, pa.StringArray]:
    none = pa.scalar(None, pa.string())
    if not pc.all(pc.string_is_ascii(raw), min_count=0).as_py():
        raw = pc.utf8_normalize(raw, form="NFKC")
    bare = pc.replace_substring_regex(raw, _MARKS, "")
    mobile = pc.struct_field(pc.extract_regex(bare, _MOBILE), "number")
    reason = pc.case_when(
        pc.make_struct(
            pc.match_substring_regex(raw, _MASK),
            pc.match_substring_regex(raw, _EXTENSION, ignore_case=True),
            pc.match_substring_regex(bare, _PARTIAL),
            pc.fill_null(pc.match_substring_regex(mobile, _VIRTUAL), False),
        ),
        *(pa.scalar(code, pa.string()) for code in ("masked", "extension", "partial", "virtual")),
    )
    mobile = pc.if_else(pc.is_null(reason), mobile, none)
    number = pc.binary_join_element_wise("+86", mobile, "")
    left = pc.and_(
        pc.and_(pc.is_null(reason), pc.is_null(number)),
        pc.fill_null(pc.not_equal(bare, ""), False),
    )
    rows = np.flatnonzero(left.to_numpy(zero_copy_only=False))
    if not len(rows):
        return number, reason
    others = [_other(text) for text in raw.take(pa.array(rows)).to_pylist()]
    return (
        pc.replace_with_mask(number, left, pa.array([each[0] for each in others], pa.string())),
        pc.replace_with_mask(reason, left, pa.array([each[1] for each in others], pa.string())),
    )


def _other(text: str) -> tuple[str | None, Reason | None]:
    """Read what is no plain mainland mobile."""
    import phonenumbers

    try:
        number = phonenumbers.parse(text, "CN")
    except phonenumbers.NumberParseException:
        return None, "wrong"
    if not phonenumbers.is_valid_number(number):
        return None, "wrong"
    if number.extension:
        return None, "extension"
    kinds = phonenumbers.PhoneNumberType
    kind = phonenumbers.number_type(number)
    # Where a country does not tell mobiles from landlines, the number may be a person's own.
    if kind not in {kinds.MOBILE, kinds.FIXED_LINE_OR_MOBILE, kinds.PERSONAL_NUMBER}:
        return None, "landline"
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if pc.match_substring_regex(pa.scalar(written.removeprefix("+86")), _VIRTUAL).as_py():
        return None, "virtual"
    return written, None
