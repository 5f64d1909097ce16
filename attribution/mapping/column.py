"""One column of a block out of a source's field: which transform reads it, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attribution.mapping.transforms import (
    NO_ID,
    Code,
    Reading,
    day,
    decimal_rate,
    epoch,
    fen,
    flag,
    identifier,
    instant,
    search_index,
    text,
    whole,
    word,
    yuan,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from attribution.mapping.blocks import Field
    from attribution.store.tables import Column

__all__ = ["read_column"]


def read_column(
    column: Column, field: Field, leaf: pa.Array, zone: str, *, reversible: bool = False
) -> Reading:
    """Read a source's field into a column; phones are none of these.

    Parameters
    ----------
    leaf
        (n,) the field as the source has it.
    zone
        Where times without a zone are read.
    reversible
        Whether an amount may be negative, as a reversal is.
    """
    null_if = field.null_if
    match column.kind, field.form:
        case "id", "ks_index":
            return search_index(leaf, null_if)
        case "id", _ if field.codes:
            named = {code.word for code in field.codes}
            nothing = [each for each in NO_ID if each not in named]
            return word(leaf, (*null_if, *nothing), codes=field.codes, otherwise=field.otherwise)
        case (("text" | "enum"), _) if field.codes:
            return word(leaf, null_if, codes=field.codes, otherwise=field.otherwise)
        case "enum", _:
            codes = [Code(each, each) for each in column.values]
            return word(leaf, null_if, codes=codes, otherwise=field.otherwise)
        case "id", _:
            return identifier(leaf, null_if)
        case "bool", _:
            return flag(leaf, null_if, codes=field.codes)
        case "int", _:
            return whole(leaf, null_if)
        case "fen", "yuan":
            return yuan(leaf, null_if, least=None if reversible else 0)
        case "fen", _:
            return fen(leaf, null_if, least=None if reversible else 0)
        case "rate", ("ratio" | "percent" | "permille" | "per_10k" | "number") as unit:
            return decimal_rate(leaf, null_if, unit=unit)
        case "time", ("epoch_s" | "epoch_ms") as unit:
            return epoch(leaf, null_if, unit=unit)
        case "time", _:
            return instant(leaf, null_if, zone=zone)
        case "day", ("epoch_s" | "epoch_ms") as unit:
            return day(leaf, null_if, unit=unit, zone=zone)
        case "day", _:
            return day(leaf, null_if, unit="time", zone=zone)
        case _:
            return text(leaf, null_if)
