"""The few words in which the SQL of two engines differs.

The steps of journeys are one text. Where engines have no word in common, the text takes it from
here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from attribution.store.steps import literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["DUCKDB", "SPARK", "Dialect"]


@dataclass(frozen=True)
class Dialect:
    """How an engine says what engines say differently; each is a function that returns SQL.

    Attributes
    ----------
    name
        Of the engine.
    literal
        A text as a literal, whatever stands in it.
    struct
        Fields by name as one value.
    sorted_list
        An expression, over the rows of a group, as one sorted list.
    explode
        A list as rows.
    visit_starts
        (sorted list of times, milliseconds) the times that begin a visit: the first, then each
        first one that is later than the one before by more than the milliseconds.
    share
        (amount, part, whole) amount x part / whole in whole numbers, half upward, of numbers of 0
        or more; 0 where the whole is 0.
    """

    name: str
    literal: Callable[[str], str]
    struct: Callable[[Mapping[str, str]], str]
    sorted_list: Callable[[str], str]
    explode: Callable[[str], str]
    visit_starts: Callable[[str, int], str]
    share: Callable[[str, str, str], str]


def _duckdb_struct(fields: Mapping[str, str]) -> str:
    return "struct_pack(" + ", ".join(f"{name} := {sql}" for name, sql in fields.items()) + ")"


def _duckdb_starts(times: str, within: int) -> str:
    return (
        f"CASE WHEN {times}[-1] - {times}[1] <= {within} THEN [{times}[1]] "
        f"ELSE list_reduce(list_transform({times}, lambda x: [x]), lambda starts, x: "
        f"CASE WHEN x[1] - starts[-1] > {within} THEN list_concat(starts, x) ELSE starts END) END"
    )


def _duckdb_share(amount: str, part: str, whole: str) -> str:
    # Two amounts of a fen each may multiply to more than 64 bits hold.
    return (
        f"CASE WHEN {whole} = 0 THEN 0 ELSE CAST((2 * CAST({amount} AS HUGEINT) * {part} + {whole})"
        f" // (2 * CAST({whole} AS HUGEINT)) AS BIGINT) END"
    )


def _spark_literal(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _spark_struct(fields: Mapping[str, str]) -> str:
    return "named_struct(" + ", ".join(f"'{name}', {sql}" for name, sql in fields.items()) + ")"


def _spark_starts(times: str, within: int) -> str:
    return (
        f"aggregate({times}, array(element_at({times}, 1)), (starts, x) -> "
        f"CASE WHEN x - element_at(starts, -1) > {within} THEN concat(starts, array(x)) "
        "ELSE starts END)"
    )


def _spark_share(amount: str, part: str, whole: str) -> str:
    product = f"2 * CAST({amount} AS DECIMAL(19, 0)) * CAST({part} AS DECIMAL(17, 0)) + {whole}"
    return (
        f"CASE WHEN {whole} = 0 THEN 0 ELSE CAST(({product}) div "
        f"(2 * CAST({whole} AS DECIMAL(17, 0))) AS BIGINT) END"
    )


DUCKDB = Dialect(
    name="duckdb",
    literal=literal,
    struct=_duckdb_struct,
    sorted_list=lambda each: f"list_sort(list({each}))",
    explode=lambda each: f"unnest({each})",
    visit_starts=_duckdb_starts,
    share=_duckdb_share,
)

SPARK = Dialect(
    name="spark",
    literal=_spark_literal,
    struct=_spark_struct,
    sorted_list=lambda each: f"sort_array(collect_list({each}))",
    explode=lambda each: f"explode({each})",
    visit_starts=_spark_starts,
    share=_spark_share,
)
