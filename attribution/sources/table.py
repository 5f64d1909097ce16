"""One file in, one Arrow table out: CSV, TSV, Excel and Parquet, for reports on a single file.

Columns of ids and names are read as text, so that leading zeros and 64-bit ids survive; they never
pass through floating-point numbers. Nothing of a file's content reaches an error message, except
the one cell, or the header, that is at fault.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.errors import DataError, quoted
from attribution.sources.excel_files import LOSES_DIGITS, sheet_rows
from attribution.sources.file_heads import head_of, refuse_other_kinds, unreadable_as_data_error
from attribution.sources.parquet_files import opened_parquet
from attribution.sources.text_files import typed_table

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["read_table"]

_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t"}
_EXCEL = (".xlsx", ".xlsm")
_PARQUET = (".parquet", ".pq")
# How Excel shows a long number, and writes it into a CSV file.
_SHORTENED = r"^\s*[0-9](\.[0-9]+)?[eE]\+[0-9]+\s*$"


def read_table(path: str | os.PathLike[str], text: Sequence[str] = ()) -> pa.Table:
    """Read a file into an Arrow table.

    The ending of the name says what the file is: `.csv` (commas), `.tsv`, `.tab` and `.txt`
    (tabs), `.xlsx` and `.xlsm` (first sheet), `.parquet` and `.pq`. Text may be UTF-8, with or
    without a byte order mark, or GB18030 (GBK, GB2312); its blank lines are skipped and not
    counted as rows. Blanks around column names are removed. An empty cell is null.

    Parameters
    ----------
    path
        The file; error messages repeat it as given.
    text
        Columns to read as text, whatever their cells look like. Names the file does not have are
        left to whoever asks for them.

    Raises
    ------
    DataError
        Naming file, row, what was found, what was expected, and the remedy.
    """
    source = os.fspath(path)
    file = Path(path)
    ending = file.suffix.lower()
    with unreadable_as_data_error(source):
        head = head_of(file, ending, (*_DELIMITERS, *_EXCEL, *_PARQUET))
        if ending in _DELIMITERS:
            refuse_other_kinds(head, "text in UTF-8 or GB18030")
            table = typed_table(file, _DELIMITERS[ending], text)
            _refuse_shortened(table, text)
            return table
        if ending in _EXCEL:
            return _from_excel(file, text)
        with opened_parquet(file) as opened:
            return opened.read()


# ---------------------------------------------------------------------- Excel


def _from_excel(file: Path, text: Sequence[str]) -> pa.Table:
    rows = list(sheet_rows(file))
    while rows and all(cell is None for cell in rows[-1]):
        rows.pop()
    if not rows:
        raise DataError(
            "an empty first sheet",
            "a header and rows",
            "Move the table to the first sheet, its header to the first row.",
        )
    header, body = list(rows[0]), rows[1:]
    while header and header[-1] is None:
        header.pop()
    for number, row in enumerate(body, 1):
        if any(cell is not None for cell in row[len(header) :]):
            raise DataError(
                f"a cell beyond the header's {len(header)} columns",
                "a name above every column",
                "Name the column in the first row, or clear the cell.",
                row=number,
            )
    names = ["" if cell is None else str(cell).strip() for cell in header]
    columns = [[row[i] if i < len(row) else None for row in body] for i in range(len(names))]
    table = pa.Table.from_arrays(
        [
            _text_cells(cells, name) if name in text else _cells(cells)
            for name, cells in zip(names, columns, strict=True)
        ],
        names=names,
    )
    _refuse_shortened(table, text)
    return table


def _text_cells(cells: list[Any], column: str) -> pa.Array:
    """Return cells as text; a number of more than 15 digits has lost some and is refused."""
    for number, cell in enumerate(cells, 1):
        if isinstance(cell, int | float) and not abs(cell) < LOSES_DIGITS:
            raise _shortened(f"the number {cell!r}", number, column)
    return pa.array([_cell_text(cell) for cell in cells], pa.large_string())


def _cell_text(cell: object) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)


def _cells(cells: list[Any]) -> pa.Array:
    """Return cells of one kind as they are, mixed ones as text."""
    try:
        return pa.array(cells)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if cell is None else str(cell) for cell in cells], pa.large_string())


def _refuse_shortened(table: pa.Table, text: Sequence[str]) -> None:
    """Refuse text that is a long number in scientific notation: Excel has cut its digits."""
    for name in dict.fromkeys(text):
        if table.column_names.count(name) != 1:
            continue
        hits = pc.match_substring_regex(table.column(name), _SHORTENED)
        if pc.any(hits).as_py():
            row = int(np.flatnonzero(pc.fill_null(hits, False).to_numpy())[0])
            raise _shortened(quoted(table.column(name)[row].as_py()), row + 1, name)


def _shortened(found: str, row: int, column: str) -> DataError:
    return DataError(
        f"{found}: Excel keeps 15 digits of a number, the rest are lost",
        "text or a number of at most 15 digits",
        "Export the data again and bring this column into Excel as text (format the column as "
        "Text before pasting, or import the CSV with the column type Text).",
        row=row,
        column=column,
    )
