"""Excel workbooks: the cells of a sheet, by their values.

A number is text by its digits; one of 16 digits or more keeps the scientific form, as Excel holds
15 digits and the rest are lost.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from attribution.errors import DataError, quoted
from attribution.sources.file_heads import refuse_doubled, refuse_other_kinds
from attribution.sources.nested import text_of
from attribution.sources.raw import Broken, RawBatch
from attribution.sources.text_files import clean_names

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["LOSES_DIGITS", "excel_batches", "sheet_rows"]

LOSES_DIGITS = 10**15  # from here on Excel has lost digits of a number
_ROWS = 1 << 16
_PREAMBLE = 30
_FORMULA = re.compile(rb"<(\w+:)?f[ >/]")
_PLAIN_FORMULA = re.compile(r"=[A-Z0-9()+*/:,.$-]{1,40}")
_DAMAGED = (zipfile.BadZipFile, KeyError, ValueError, TypeError, SyntaxError)

Row = tuple[Any, ...]


def sheet_rows(file: Path, sheet: str | None = None) -> Iterator[Row]:
    """Yield the rows of a sheet (the first, if none is named), empty text as None.

    Raises
    ------
    DataError
        If it is no workbook, has no such sheet, or holds a formula without a saved result.
    """
    with file.open("rb") as opened:
        head = opened.read(8)
    if not head.startswith(b"PK\x03\x04"):
        refuse_other_kinds(head, "an Excel workbook (.xlsx)")
        raise DataError(
            "a file that is no Excel workbook",
            "an Excel workbook (.xlsx)",
            "If it is text, give the file the ending .csv or .tsv.",
        )
    try:
        if _has_formulas(file):
            yield from _checked(file, sheet)
        else:
            yield from _values(file, sheet, data_only=True)
    except _DAMAGED as error:
        raise DataError(
            f"a workbook that cannot be read ({type(error).__name__})",
            "an Excel workbook (.xlsx)",
            "Open it in Excel and save it again as .xlsx.",
        ) from None


def excel_batches(file: Path, sheet: str | None) -> Iterator[RawBatch]:
    """Yield a sheet in batches; every cell is text, TRUE or FALSE as Excel shows them.

    The header is the first row with a cell; rows of a single cell above it are passed over. Times
    are ISO text without a zone. Rows without a cell are left out and keep their numbers.

    Raises
    ------
    DataError
        While reading, if the sheet as a whole cannot be read.
    """
    rows = sheet_rows(file, sheet)
    head: list[Row] = []
    for row in rows:
        if head or _width(row):
            head.append(row)
        if len(head) > _PREAMBLE:
            break
    if not head:
        raise DataError(
            "an empty sheet", "a header and rows", "Name the sheet that holds the table."
        )
    place = _header_place(head)
    names = clean_names([text_of(cell) for cell in head[place][: _width(head[place])]])
    refuse_doubled(names, "Rename or remove all but one in the header.")
    taken, first = head[place + 1 :], 1
    for row in rows:
        taken.append(row)
        if len(taken) == _ROWS:
            yield _batch(taken, names, first)
            taken, first = [], first + _ROWS
    if taken or first == 1:
        yield _batch(taken, names, first)


def _batch(taken: list[Row], names: list[str], first: int) -> RawBatch:
    widths = [_width(row) for row in taken]
    good = [place for place, width in enumerate(widths) if 0 < width <= len(names)]
    broken = tuple(
        Broken(
            first + place,
            f"a cell beyond the header's {len(names)} columns",
            "a name above every column",
            "Name the column in the header, or clear the cell.",
        )
        for place, width in enumerate(widths)
        if width > len(names)
    )
    columns = {
        name: pa.array(
            [_text(taken[row][column]) if column < widths[row] else None for row in good],
            pa.string(),
        )
        for column, name in enumerate(names)
        if name
    }
    return RawBatch(pa.table(columns), np.array(good, np.int64) + first, broken)


def _text(cell: Any) -> str | None:
    """Return a cell as text; a number Excel has cut in scientific form, whatever it is held as."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"  # as in the text Excel saves
    if isinstance(cell, int) and abs(cell) >= LOSES_DIGITS:
        return text_of(float(cell))
    return text_of(cell)


def _width(row: Row) -> int:
    width = len(row)
    while width and row[width - 1] is None:
        width -= 1
    return width


def _header_place(head: list[Row]) -> int:
    """Return which row is the header; see `text_files` for what may stand above it."""
    if _width(head[0]) > 1:
        return 0
    for place, row in enumerate(head[:-1]):
        names = row[: _width(row)]
        texts = all(isinstance(name, str) for name in names)
        if texts and len(set(names)) == len(names) >= 3 and _width(head[place + 1]) > 1:
            return place
    return 0


# ---------------------------------------------------------------------- the workbook


def _values(file: Path, sheet: str | None, *, data_only: bool) -> Iterator[Row]:
    import openpyxl

    with _quiet():
        book = openpyxl.load_workbook(file, read_only=True, data_only=data_only)
    try:
        if sheet is not None and sheet not in book.sheetnames:
            raise DataError(
                f"no sheet {quoted(sheet)}",
                f"one of {', '.join(map(quoted, book.sheetnames))}",
                "Correct `sheet` in attribution.toml.",
            )
        if not book.worksheets:
            return
        page = book.worksheets[0] if sheet is None else book[sheet]
        page.reset_dimensions()  # some programs write a wrong size
        rows = page.iter_rows(values_only=True)
        while taken := _taken(rows):
            yield from taken
    finally:
        book.close()


def _taken(rows: Iterator[Row]) -> list[Row]:
    with _quiet():  # never while a caller's code runs
        return [
            tuple(None if cell == "" else cell for cell in row) for row in islice(rows, 1 << 10)
        ]


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions, which are not read
        yield


def _has_formulas(file: Path) -> bool:
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            if not name.startswith("xl/worksheets/") or not name.endswith(".xml"):
                continue
            tail = b""
            with archive.open(name) as sheet:
                for block in iter(partial(sheet.read, 1 << 20), b""):
                    if _FORMULA.search(tail + block):
                        return True
                    tail = block[-16:]
    return False


def _checked(file: Path, sheet: str | None) -> Iterator[Row]:
    """Refuse a formula whose result the workbook does not hold: it would be read as empty."""
    values = _values(file, sheet, data_only=True)
    formulas = _values(file, sheet, data_only=False)
    header: Row | None = None
    for number, (row, written) in enumerate(zip(values, formulas, strict=True)):
        header = row if header is None else header
        for place, (value, formula) in enumerate(zip(row, written, strict=True)):
            if value is None and formula is not None:
                text = str(formula)
                raise DataError(
                    f"the formula {quoted(text)} without a saved result"
                    if _PLAIN_FORMULA.fullmatch(text) and not re.search(r"\d{5}", text)
                    else "a formula without a saved result",
                    "text, numbers, or formulas with their results",
                    "Open the workbook in Excel and save it; a text that begins with = belongs "
                    "in a cell of the format Text.",
                    row=number or None,
                    column=str(header[place]) if number and place < len(header) else None,
                )
        yield row
