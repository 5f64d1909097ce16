"""One file in, one Arrow table out: CSV, TSV, Excel and Parquet.

Columns of ids and names are read as text, so that leading zeros and 64-bit ids survive; they never
pass through floating-point numbers. Nothing of a file's content reaches an error message, except
the one cell, or the header, that is at fault.
"""

from __future__ import annotations

import codecs
import csv
import os
import re
import warnings
import zipfile
from contextlib import suppress
from difflib import get_close_matches
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.errors import DataError, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyarrow.csv import InvalidRow

__all__ = ["read_table"]

_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t"}
_EXCEL = (".xlsx", ".xlsm")
_PARQUET = (".parquet", ".pq")
_NAMED = {
    ",": "commas",
    "\t": "tabs",
    ";": "semicolons",
    "|": "vertical bars",
    "，": "Chinese commas",
    "；": "Chinese semicolons",
}
_SAVE_AS_UTF8 = 'Save it as "CSV UTF-8" (Excel: Save as, CSV UTF-8).'
_MAGIC = (
    (
        b"PK\x03\x04",
        "an Excel workbook or a zip archive",
        "If it is a workbook, give the file the ending .xlsx; otherwise unpack it first.",
    ),
    (
        b"\xd0\xcf\x11\xe0",
        "an old (.xls) or password-protected Excel workbook",
        "Open it in Excel and save it as .xlsx without a password.",
    ),
    (b"PAR1", "a Parquet file", "Give the file the ending .parquet."),
    (b"\x1f\x8b", "a gzip archive", "Unpack it first."),
    (b"\xff\xfe", "text in UTF-16", _SAVE_AS_UTF8),
    (b"\xfe\xff", "text in UTF-16", _SAVE_AS_UTF8),
)
_BLOCK = 1 << 24
_LONGEST_BLOCK = (1 << 31) - 1
_EXACT = 10**15  # Excel keeps 15 digits of a number
# How Excel shows a long number, and writes it into a CSV file.
_SHORTENED = r"^\s*[0-9](\.[0-9]+)?[eE]\+[0-9]+\s*$"
_FORMULA = re.compile(rb"<(\w+:)?f[ >/]")
# A GB18030 text is rarely valid UTF-8 for a character or two, and never for this many bytes.
_SURELY_UTF8 = 8


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
    try:
        head = _head(file, ending)
        if ending in _DELIMITERS:
            return _from_text_file(file, head, _DELIMITERS[ending], text)
        if ending in _EXCEL:
            return _from_excel(file, head, text)
        return _from_parquet(file)
    except DataError as error:
        raise error.at(source) from None
    except OSError as error:
        raise DataError(
            f"a file that cannot be read ({error.strerror or error})",
            "a readable file",
            "Close it in other programs and check that you may read it.",
            source=source,
        ) from error


def _head(file: Path, ending: str) -> bytes:
    """Return the first bytes of a file that exists, is not empty, and has a known ending."""
    if file.is_dir():
        raise DataError("a directory", "a file", "Name the file inside it.")
    if not file.exists():
        siblings = [each.name for each in file.parent.iterdir()] if file.parent.is_dir() else []
        near = get_close_matches(file.name, siblings, n=1, cutoff=0.6)
        raise DataError(
            "no such file",
            "a file to read",
            f"Did you mean {near[0]!r}?" if near else "Check the path.",
        )
    known = (*_DELIMITERS, *_EXCEL, *_PARQUET)
    if ending not in known:
        raise DataError(
            f"the ending {ending!r}" if ending else "a name without an ending",
            f"one of {', '.join(known)}",
            "Save it as .xlsx."
            if ending == ".xls"
            else "Give the file the ending of its kind, or save it as one of these.",
        )
    with file.open("rb") as opened:
        head = opened.read(1 << 16)
    if not head.strip(codecs.BOM_UTF8 + b" \t\r\n"):
        raise DataError("an empty file", "a header and rows", "Check that the export finished.")
    return head


# ---------------------------------------------------------------------- CSV and TSV


def _from_text_file(file: Path, head: bytes, delimiter: str, text: Sequence[str]) -> pa.Table:
    from pyarrow import csv as arrow_csv

    _refuse_other_kinds(head, "text in UTF-8 or GB18030")
    if b"\0" in head:
        raise DataError("binary data, or text in UTF-16", "text in UTF-8 or GB18030", _SAVE_AS_UTF8)
    encoding, has_quotes = _encoding(file)
    header, has_rows = _header(file, encoding, delimiter)
    names = [name.strip() for name in header]
    if len(header) == 1:
        _refuse_other_delimiter(header[0], delimiter)
    if not has_rows:
        return pa.table([pa.nulls(0, pa.large_string())] * len(names), names=names)
    wanted = {name: pa.large_string() for name in header if name.strip() in text}
    read = partial(
        arrow_csv.read_csv,
        file,
        convert_options=arrow_csv.ConvertOptions(
            column_types=wanted, null_values=[""], strings_can_be_null=True
        ),
    )
    parse = partial(arrow_csv.ParseOptions, delimiter=delimiter, newlines_in_values=has_quotes)
    options = partial(arrow_csv.ReadOptions, encoding=encoding)
    # A row longer than a block (a journey of very many touchpoints) needs a larger block.
    blocks = (_BLOCK, min(file.stat().st_size + 1, _LONGEST_BLOCK))
    for block in blocks:
        try:
            table = read(read_options=options(block_size=block), parse_options=parse())
        except pa.ArrowInvalid:
            continue
        table = table.rename_columns(names)
        _refuse_shortened(table, text)
        return table
    # Read again in one thread: only then are rows numbered.
    bad: list[InvalidRow] = []

    def note(row: InvalidRow) -> str:
        bad.append(row)
        return "error"

    with suppress(pa.ArrowInvalid):
        read(
            read_options=options(block_size=blocks[-1], use_threads=False),
            parse_options=parse(invalid_row_handler=note),
        )
    raise _ragged(bad[0] if bad else None, delimiter)


def _refuse_other_kinds(head: bytes, kind: str) -> None:
    for magic, found, remedy in _MAGIC:
        if head.startswith(magic):
            raise DataError(found, kind, remedy)


class _Decoded(NamedTuple):
    """How far a file could be decoded."""

    line: int | None  # of the first byte that could not
    wide: int  # bytes beyond one per character before it
    has_quotes: bool


def _encoding(file: Path) -> tuple[str, bool]:
    """Return the file's encoding, and whether it holds a quotation mark."""
    utf8 = _decode(file, "utf-8")
    if utf8.line is None:
        return "utf-8", utf8.has_quotes
    if utf8.wide < _SURELY_UTF8:
        gb18030 = _decode(file, "gb18030")
        if gb18030.line is None:
            return "gb18030", gb18030.has_quotes
    raise DataError(
        f"a byte in line {utf8.line} that is no UTF-8"
        + (", after text that is" if utf8.wide >= _SURELY_UTF8 else " and no GB18030"),
        "text in UTF-8 or GB18030 (GBK)",
        'Save the file again as "CSV UTF-8"; export it anew if it was cut short.',
    )


def _decode(file: Path, encoding: str) -> _Decoded:
    decoder = codecs.getincrementaldecoder(encoding)()
    line, wide, has_quotes = 1, 0, False
    with file.open("rb") as opened:
        for block in chain(iter(partial(opened.read, _BLOCK), b""), (b"",)):
            has_quotes = has_quotes or b'"' in block
            try:
                if not block.isascii() or decoder.getstate()[0] or not block:
                    wide += len(block) - len(decoder.decode(block, final=not block))
            except UnicodeDecodeError as error:
                good = error.object[: error.start]
                wide += len(good) - len(good.decode(encoding))
                return _Decoded(line + good.count(b"\n"), wide, has_quotes)
            line += block.count(b"\n")
    return _Decoded(None, wide, has_quotes)


def _header(file: Path, encoding: str, delimiter: str) -> tuple[list[str], bool]:
    """Return the header's cells, and whether any row follows."""
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    with file.open(encoding=codec, newline="") as opened:
        try:
            rows = (row for row in csv.reader(opened, delimiter=delimiter) if row)
            header = next(rows)
            return header, next(rows, None) is not None
        except csv.Error:
            # The first rows hold a cell too long for this reader: rows there are.
            opened.seek(0)
            first = opened.readline()
    try:
        return next(csv.reader([first], delimiter=delimiter)), True
    except csv.Error as error:
        raise DataError(
            f"a first line that is no header ({error})",
            "column names in the first line",
            "Check that this is a CSV or TSV file.",
        ) from error


def _refuse_other_delimiter(header: str, delimiter: str) -> None:
    other = next((mark for mark in _NAMED if mark != delimiter and mark in header), None)
    if other is None:
        return
    endings = {",": ".csv", "\t": ".tsv"}
    raise DataError(
        f"a single column {quoted(header)}, with {_NAMED[other]} between names",
        f"columns separated by {_NAMED[delimiter]}",
        f"Give the file the ending {endings[other]}, or save it with {_NAMED[delimiter]}."
        if other in endings
        else f"Save the file with {_NAMED[delimiter]} between the columns.",
    )


def _ragged(row: InvalidRow | None, delimiter: str) -> DataError:
    if row is None:
        return DataError(
            "rows that cannot be told apart",
            "one row per line, quotation marks in pairs",
            "Look for a quotation mark that is never closed.",
        )
    number = None if row.number is None else row.number - 1  # the header is row 1 there
    if '"' in row.text and "\n" in row.text:
        return DataError(
            "a quotation mark that opens a cell and does not close it in this row",
            "quotation marks in pairs",
            "Close it, or double it if it belongs to the text.",
            row=number,
        )
    return DataError(
        f"{row.actual_columns} columns",
        f"{row.expected_columns}, as in the header",
        f"Put cells that hold {_NAMED[delimiter]} in quotation marks, "
        "or complete the row if it was cut short.",
        row=number,
    )


# ---------------------------------------------------------------------- Excel


def _from_excel(file: Path, head: bytes, text: Sequence[str]) -> pa.Table:
    if not head.startswith(b"PK\x03\x04"):
        _refuse_other_kinds(head, "an Excel workbook (.xlsx)")
        raise DataError(
            "a file that is no Excel workbook",
            "an Excel workbook (.xlsx)",
            "If it is text, give the file the ending .csv or .tsv.",
        )
    rows = _sheet(file)
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


def _sheet(file: Path) -> list[tuple[Any, ...]]:
    """Return the values of the first sheet, empty text as None."""
    try:
        rows = _values(file, data_only=True)
        if _has_formulas(file):
            _refuse_unsaved_formulas(rows, _values(file, data_only=False))
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, SyntaxError) as error:
        raise DataError(
            f"a workbook that cannot be read ({type(error).__name__})",
            "an Excel workbook (.xlsx)",
            "Open it in Excel and save it again as .xlsx.",
        ) from None
    return rows


def _values(file: Path, *, data_only: bool) -> list[tuple[Any, ...]]:
    import openpyxl

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions, which are not read
        book = openpyxl.load_workbook(file, read_only=True, data_only=data_only)
        try:
            if not book.worksheets:
                return []
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # some programs write a wrong size
            return [
                tuple(None if cell == "" else cell for cell in row)
                for row in sheet.iter_rows(values_only=True)
            ]
        finally:
            book.close()


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


def _refuse_unsaved_formulas(rows: list[tuple[Any, ...]], formulas: list[tuple[Any, ...]]) -> None:
    """Refuse a formula whose result the workbook does not hold: it would be read as empty."""
    for number, (values, written) in enumerate(zip(rows, formulas, strict=True)):
        for place, (value, formula) in enumerate(zip(values, written, strict=True)):
            if value is None and formula is not None:
                raise DataError(
                    f"the formula {quoted(formula)} without a saved result",
                    "text, numbers, or formulas with their results",
                    "Open the workbook in Excel and save it; a text that begins with = belongs "
                    "in a cell of the format Text.",
                    row=number or None,
                    column=str(rows[0][place]) if number else None,
                )


def _text_cells(cells: list[Any], column: str) -> pa.Array:
    """Return cells as text; a number of more than 15 digits has lost some and is refused."""
    for number, cell in enumerate(cells, 1):
        if isinstance(cell, int | float) and not abs(cell) < _EXACT:
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


# ---------------------------------------------------------------------- Parquet


def _from_parquet(file: Path) -> pa.Table:
    from pyarrow import parquet

    try:
        # One file, not a dataset: folder names such as "day=1" must not become columns.
        with parquet.ParquetFile(file) as opened:
            return opened.read()
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"a file that is no complete Parquet file ({type(error).__name__})",
            "a Parquet file",
            "Write it again, or give the file the ending of its kind.",
        ) from None
