"""The ledger as a workbook that finance opens: sums are formulas, text is never one.

Amounts are written in yuan, as numbers of two decimals: fen are whole, and a hundredth of a whole
number below 2^53 shows exactly so many decimals. Nothing in the file tells when it was written, so
two workbooks of the same ledger have the same bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from attribution.present.text import plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from attribution.present.words import Words

__all__ = ["Column", "Sheet", "save_workbook"]

_ROWS = 1_048_576  # of a sheet, as Excel has it
_HEAD = 2  # rows of names and of sums
_MADE = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_WIDEST = 44
_FORMATS = {"text": "@", "fen": "#,##0.00", "count": "#,##0", "share": "0.0%", "sum": "#,##0.00"}


class Column(NamedTuple):
    """A column of a sheet.

    Attributes
    ----------
    title
        What stands above it.
    kind
        "text", "fen" (whole fen, shown as yuan), "count" or "share".
    values
        One for each row.
    summed
        Whether a formula above adds it up.
    formula
        What each cell is worked out by, with {0} for its row, such as "D{0}-H{0}"; the values are
        then what it comes to.
    """

    title: str
    kind: str
    values: Sequence[Any]
    summed: bool = False
    formula: str = ""


@dataclass(frozen=True)
class Sheet:
    """A sheet of the workbook.

    Attributes
    ----------
    name
        At its tab; where it has more rows than a sheet can hold, "NAME 2" goes on.
    columns
        All of one length.
    checks
        Sums that must agree: (column here, sheet, column there), by title; a cell beside the sums
        says whether they do.
    """

    name: str
    columns: tuple[Column, ...]
    checks: tuple[tuple[str, str, str], ...] = ()


def save_workbook(sheets: Sequence[Sheet], file: Path, words: Words, *, rows: int = _ROWS) -> None:
    """Write the sheets; the first row holds names, the second sums, and both stay in sight.

    Parameters
    ----------
    rows
        Most rows of one sheet.
    """
    import xlsxwriter

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        book.set_properties({"created": _MADE})
        style = {name: book.add_format({"num_format": text}) for name, text in _FORMATS.items()}
        style["head"] = book.add_format({"bold": True, "text_wrap": True, "bottom": 1})
        style["sum"] = book.add_format({"bold": True, "num_format": _FORMATS["fen"]})
        style["count_sum"] = book.add_format({"bold": True, "num_format": _FORMATS["count"]})
        plans = {sheet.name: _parts(sheet, rows) for sheet in sheets}
        for sheet in sheets:
            for nth, (name, first, last) in enumerate(plans[sheet.name]):
                page = book.add_worksheet(name)
                page.freeze_panes(_HEAD, 1)
                _widths(page, sheet)
                _names(page, sheet, style)
                if nth == 0:
                    _sums(page, sheet, plans, style, words)
                _body(page, sheet, first, last, style)


def _parts(sheet: Sheet, rows: int) -> list[tuple[str, int, int]]:
    """Return the sheets a long one is parted into: name, first row, and the one after the last."""
    size, room = len(sheet.columns[0].values), rows - _HEAD
    starts = range(0, max(size, 1), room)
    return [
        (sheet.name if not nth else f"{sheet.name} {nth + 1}", start, min(start + room, size))
        for nth, start in enumerate(starts)
    ]


def _widths(page: Any, sheet: Sheet) -> None:
    for place, column in enumerate(sheet.columns):
        seen = [str(value) for value in list(column.values[:200]) if value is not None]
        longest = max([len(column.title), *(len(text) + 4 for text in seen)])
        page.set_column(place, place, min(_WIDEST, max(10, longest)))


def _names(page: Any, sheet: Sheet, style: dict[str, Any]) -> None:
    for place, column in enumerate(sheet.columns):
        page.write_string(0, place, column.title, style["head"])


def _sums(
    page: Any,
    sheet: Sheet,
    plans: dict[str, list[tuple[str, int, int]]],
    style: dict[str, Any],
    words: Words,
) -> None:
    titles = [column.title for column in sheet.columns]
    page.write_string(1, 0, words("workbook_sum"), style["head"])
    for place, column in enumerate(sheet.columns):
        if column.summed:
            total = int(pd.Series(column.values, dtype="Int64").sum())
            kind = "sum" if column.kind == "fen" else "count_sum"
            shown = total / 100 if column.kind == "fen" else total
            page.write_formula(1, place, _sum_of(plans[sheet.name], place), style[kind], shown)
    for nth, (here, other, there) in enumerate(sheet.checks):
        one = f"{_letters(titles.index(here))}2"
        two = f"{_quoted(other)}!{there}2"
        yes, no = words("workbook_agrees"), words("workbook_differs")
        formula = f'=IF(ROUND({one}-{two},2)=0,"{yes}","{no}")'
        page.write_string(0, len(titles) + nth, words("workbook_check", sheet=other), style["head"])
        page.write_formula(1, len(titles) + nth, formula, style["head"], yes)


def _sum_of(parts: list[tuple[str, int, int]], place: int) -> str:
    letter = _letters(place)
    spans = [
        f"{_quoted(name)}!{letter}{_HEAD + 1}:{letter}{_HEAD + max(last - first, 1)}"
        for name, first, last in parts
    ]
    return f"=SUM({','.join(spans)})"


def _body(page: Any, sheet: Sheet, first: int, last: int, style: dict[str, Any]) -> None:
    """Write rows one after another, as a file that is streamed has to be."""
    columns = [_cells(column, first, last) for column in sheet.columns]
    kinds = [style[column.kind] for column in sheet.columns]
    is_text = [column.kind == "text" for column in sheet.columns]
    formulas = [column.formula for column in sheet.columns]
    for nth, row in enumerate(zip(*columns, strict=True)):
        for place, value in enumerate(row):
            if value is None:
                continue
            if is_text[place]:
                page.write_string(_HEAD + nth, place, value, kinds[place])
            elif formulas[place]:
                worked_out = "=" + formulas[place].format(_HEAD + nth + 1)
                page.write_formula(_HEAD + nth, place, worked_out, kinds[place], value)
            else:
                page.write_number(_HEAD + nth, place, value, kinds[place])


def _cells(column: Column, first: int, last: int) -> list[Any]:
    """Return a column's cells; None where there is nothing to write."""
    values = pd.Series(column.values).iloc[first:last]
    if column.kind == "text":
        cells: pd.Series[Any] = values.astype(str).map(plain, na_action="ignore")
    else:
        cells = values.astype("Float64") / (100 if column.kind == "fen" else 1)
    return cells.astype(object).where(values.notna(), None).tolist()


def _letters(place: int) -> str:
    from xlsxwriter.utility import xl_col_to_name

    return str(xl_col_to_name(place))


def _quoted(sheet: str) -> str:
    return "'" + sheet.replace("'", "''") + "'"
