"""Phone numbers in one form, or the reason why there is none. Nothing here repeats a number."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["REASONS", "Phones", "Reason", "normalise"]

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
