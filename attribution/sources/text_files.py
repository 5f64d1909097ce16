"""Text tables: CSV and TSV, in UTF-8 or GB18030, with the quirks of platform exports.

A file is read once, in blocks, and split into cells of text. A row that does not fit the header is
reported by its number and left out; nothing of it reaches a message.
"""

from __future__ import annotations

import csv
import io
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from attribution.errors import DataError
from attribution.sources.file_heads import refuse_doubled
from attribution.sources.raw import Broken, RawBatch
from attribution.sources.text_stream import TextStream

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from pyarrow.csv import InvalidRow

__all__ = ["DELIMITERS", "clean_names", "text_batches", "typed_table"]

# The delimiters a file of each ending may have; the first that parts the header counts.
DELIMITERS = {".csv": (",", "\t"), ".tsv": ("\t",), ".tab": ("\t",), ".txt": ("\t", ",")}
_NAMED = {
    ",": "commas",
    "\t": "tabs",
    ";": "semicolons",
    "|": "vertical bars",
    "，": "Chinese commas",
    "；": "Chinese semicolons",
}
_BLOCK = 1 << 22  # bytes parsed at once; Arrow holds several
_ROWS, _BYTES = 1 << 16, 1 << 25  # of a batch, at least one of them
_LONGEST_BLOCK = 1 << 28  # for a row longer than a block
_HEAD = 1 << 20  # bytes the header must lie in
_PREAMBLE = 30  # rows an export may put above its header
_MOST_BROKEN = 100_000  # rows without a good one among them, before the file as a whole is refused
# Written behind the last row: where a quotation mark was left open, it is swallowed.
_END = "\x1fend of file\x1f"
_CLOSE_IT = "Close it, or double it if it belongs to the text."
_INSEPARABLE = (
    "rows that cannot be told apart",
    "one row per line, quotation marks in pairs",
    "Look for a quotation mark that is never closed.",
)
# A phone or a long id where a name should stand: the file begins with data.
_LONG_NUMBER = re.compile(r"\+?[\d\s-]*(\d[\s-]*){11,}")


def clean_names(cells: Sequence[str | None]) -> list[str]:
    """Return column names without the blanks, tabs and marks exports put around them.

    A column without a name is "".

    Raises
    ------
    DataError
        If a name is a long number: data stands where the names should.
    """
    names = [(cell or "").strip().strip("\ufeff\u200b").strip() for cell in cells]
    for number, name in enumerate(names, 1):
        if _LONG_NUMBER.fullmatch(name):
            raise DataError(
                f"a number of {sum(map(str.isdigit, name))} digits in place of the name of "
                f"column {number}",
                "column names in the first line",
                "Put a line with the names of the columns above the data.",
            )
    return names


def text_batches(file: Path, delimiters: Sequence[str]) -> Iterator[RawBatch]:
    """Yield a text table in batches; every cell is text, an empty one null.

    The header is the first line that is not blank; lines of a single cell above it, as exports
    put there ("exported at ..."), are passed over. At least one batch comes, if without rows.

    Parameters
    ----------
    delimiters
        Those it may have; the first that parts the header counts.

    Raises
    ------
    DataError
        While reading, if the file as a whole cannot be read.
    """
    given = 0
    for block in (_BLOCK, _LONGEST_BLOCK):
        try:
            for batch in _gathered(_batches(file, delimiters, block, given)):
                yield batch
                if len(batch.rows):
                    given = int(batch.rows[-1])
                if batch.broken:
                    given = max(given, batch.broken[-1].row)
        except _RowTooLongError as error:
            row = error.row
        else:
            return
    raise DataError(
        "a quotation mark that is never closed, or a row of more than 256 MB",
        "quotation marks in pairs",
        _CLOSE_IT,
        row=row,
    )


def typed_table(file: Path, delimiter: str, text: Sequence[str]) -> pa.Table:
    """Read a text table whole; columns named in `text` as text, others as what they look like.

    Raises
    ------
    DataError
        If it cannot be read, at the first row that does not fit.
    """
    for block in (_BLOCK, _LONGEST_BLOCK):
        source = TextStream(file)
        try:
            header = _read_header(source, (delimiter,))
            rest = source.read(_HEAD)
            if not rest.strip():
                columns = [pa.nulls(0, pa.large_string())] * len(header.names)
                return pa.table(columns, names=header.names)
            source.put_back(rest)
            wanted = {
                str(place): pa.large_string()
                for place, name in enumerate(header.names)
                if name in text
            }
            table = arrow_csv.read_csv(
                pa.PythonFile(source, mode="r"),
                arrow_csv.ReadOptions(
                    block_size=block, column_names=list(map(str, range(len(header.names))))
                ),
                arrow_csv.ParseOptions(delimiter=header.delimiter, newlines_in_values=True),
                arrow_csv.ConvertOptions(
                    column_types=wanted, null_values=[""], strings_can_be_null=True
                ),
            )
            return table.rename_columns(header.names)
        except pa.ArrowInvalid:
            pass
        finally:
            source.close()
    for batch in text_batches(file, (delimiter,)):
        for bad in batch.broken:
            raise DataError(bad.found, bad.expected, bad.remedy, row=bad.row)
    raise DataError(*_INSEPARABLE)


# ---------------------------------------------------------------------- header


class _Header(NamedTuple):
    names: list[str]
    delimiter: str


def _read_header(source: TextStream, delimiters: Sequence[str]) -> _Header:
    """Read the header, leaving the stream at the first data row."""
    head = b""
    while len(head) < _HEAD and (block := source.read(_HEAD)):
        head += block
    # A head of full length may end inside a character.
    text = head.decode(errors="ignore") if len(head) >= _HEAD else head.decode()
    if not text.strip():
        raise DataError("an empty file", "a header and rows", "Check that the export finished.")
    found = [_header_among(_first_rows(text, delimiter)) for delimiter in delimiters]
    place = next((i for i, (cells, _) in enumerate(found) if len(cells) > 1), 0)
    cells, end = found[place]
    names = clean_names(cells)
    if len(cells) == 1:
        _refuse_other_delimiter(cells[0], delimiters)
    source.put_back(head[len(text[:end].encode()) :])
    return _Header(names, delimiters[place])


def _first_rows(text: str, delimiter: str) -> list[tuple[list[str], int]]:
    """Return the first rows that are not blank, and where in the text each ends."""
    lines = list(io.StringIO(text, newline=""))[: _PREAMBLE * 4]
    ends = np.cumsum([len(line) for line in lines])
    reader = csv.reader(lines, delimiter=delimiter)
    rows: list[tuple[list[str], int]] = []
    try:
        for row in reader:
            if row:
                rows.append((row, int(ends[reader.line_num - 1])))
            if len(rows) > _PREAMBLE:
                break
    except csv.Error as error:  # a cell too long for this reader
        if not rows:
            raise DataError(
                f"a first line that is no header ({error})",
                "column names in the first line",
                "Check that this is a CSV or TSV file.",
            ) from None
    return rows


def _header_among(rows: list[tuple[list[str], int]]) -> tuple[list[str], int]:
    """Return the header: the first row, or what stands below lines of a single cell.

    A single cell may be the whole header. It is passed over only for a row of at least three
    names, all there and all different, with a row of the same width below it.
    """
    if len(_without_last_blanks(rows[0][0])) > 1:
        return rows[0]
    for (cells, end), (below, _) in pairwise(rows):
        names = [cell.strip() for cell in _without_last_blanks(cells)]
        if all(names) and len(set(names)) == len(names) >= 3 and len(below) == len(cells):
            return cells, end
    return rows[0]


def _without_last_blanks(cells: list[str]) -> list[str]:
    kept = len(cells)
    while kept and not cells[kept - 1].strip():
        kept -= 1
    return cells[:kept]


def _refuse_other_delimiter(header: str, delimiters: Sequence[str]) -> None:
    other = next((mark for mark in _NAMED if mark not in delimiters and mark in header), None)
    if other is None:
        return
    wanted = _NAMED[delimiters[0]]
    endings = {",": ".csv", "\t": ".tsv"}
    raise DataError(
        f"a single column, with {_NAMED[other]} between names",
        f"columns separated by {wanted}",
        f"Give the file the ending {endings[other]}, or save it with {wanted}."
        if other in endings
        else f"Save the file with {wanted} between the columns.",
    )


# ---------------------------------------------------------------------- rows


class _RowTooLongError(Exception):
    """A row that does not end within a block."""

    def __init__(self, row: int) -> None:
        super().__init__(row)
        self.row = row


class _Rows:
    """Numbers the good rows of a stream, given the numbers of the bad ones."""

    def __init__(self, delimiter: str) -> None:
        self.next = 1  # the number of the next row
        self.bad: list[Broken] = []
        self.unfit: DataError | None = None  # why the file as a whole cannot be read
        self._delimiter = delimiter

    def note(self, row: InvalidRow) -> str:
        """Keep what is wrong with a row, and nothing of what stands in it."""
        if _END in row.text:
            self.leave_open(row.text, row.number)
        elif '"' in row.text and "\n" in row.text:
            self.bad.append(
                Broken(
                    row.number,
                    "a quotation mark that opens a cell and does not close it in this row",
                    "quotation marks in pairs",
                    _CLOSE_IT,
                )
            )
        else:
            self.bad.append(
                Broken(
                    row.number,
                    f"{row.actual_columns} columns",
                    f"{row.expected_columns}, as in the header",
                    f"Put cells that hold {_NAMED[self._delimiter]} in quotation marks, "
                    "or complete the row if it was cut short.",
                )
            )
        if len(self.bad) >= _MOST_BROKEN and self.unfit is None:
            first = self.bad[0]
            self.unfit = DataError(
                f"{len(self.bad)} rows on end that do not fit the header, such as {first.found}",
                first.expected,
                first.remedy,
                row=first.row,
            )
        return "skip" if self.unfit is None else "error"

    def leave_open(self, text: str, row: int) -> None:
        """Note the last row, whose quotation mark is open at the end of the file."""
        body = text.partition(_END)[0].removesuffix("\n")
        if "\n" in body or "\r" in body:
            self.unfit = DataError(
                "a quotation mark that opens a cell and does not close it up to the file's end",
                "quotation marks in pairs",
                _CLOSE_IT,
                row=row,
            )
            return
        self.bad.append(
            Broken(
                row,
                "a last row that ends inside quotation marks",
                "a complete row",
                "Export the file again: it was cut short.",
            )
        )

    def take(self, count: int) -> tuple[NDArray[np.int64], tuple[Broken, ...]]:
        """Return the numbers of the next `count` good rows, and the bad ones among them."""
        bad = np.array([each.row for each in self.bad], np.int64)
        before = bad - self.next - np.arange(len(bad))  # good rows before each bad one
        place = np.arange(count)
        numbers = self.next + place + np.searchsorted(before, place, "right")
        among = int(np.searchsorted(before, count, "left"))
        broken, self.bad = tuple(self.bad[:among]), self.bad[among:]
        self.next += count + among
        return numbers, broken


def _batches(file: Path, delimiters: Sequence[str], block: int, given: int) -> Iterator[RawBatch]:
    """Yield the rows of a file behind row `given`, in blocks of so many bytes."""
    source = TextStream(file)
    try:
        header = _read_header(source, delimiters)
        refuse_doubled(header.names, "Rename or remove all but one in the header.")
        width = len(header.names)
        source.end_with(f"\n{header.delimiter.join([_END] * width)}\n".encode())
        numbered = [str(place) for place in range(width)]
        rows = _Rows(header.delimiter)
        try:
            reader = arrow_csv.open_csv(
                pa.PythonFile(source, mode="r"),
                # In one thread only are bad rows numbered.
                arrow_csv.ReadOptions(block_size=block, use_threads=False, column_names=numbered),
                arrow_csv.ParseOptions(
                    delimiter=header.delimiter,
                    newlines_in_values=True,
                    invalid_row_handler=rows.note,
                ),
                arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(numbered, pa.string()),
                    null_values=[""],
                    strings_can_be_null=True,
                    check_utf8=False,  # the stream has
                ),
            )
            for batch in filter(len, reader):  # a block of bad rows only is empty
                yield from _behind(_numbered(batch, header, rows), given)
        except pa.ArrowInvalid as error:
            if rows.unfit is not None:
                raise rows.unfit from None
            if "straddling" in str(error):
                raise _RowTooLongError(rows.next + len(rows.bad)) from None
            raise DataError(*_INSEPARABLE) from None
        if rows.bad:  # the last row, left open
            yield from _behind(
                RawBatch(
                    _named([pa.nulls(0, pa.string())] * width, header),
                    np.zeros(0, np.int64),
                    tuple(rows.bad),
                ),
                given,
            )
    finally:
        source.close()


def _gathered(batches: Iterator[RawBatch]) -> Iterator[RawBatch]:
    """Yield batches put together to a size worth working on."""
    taken: list[RawBatch] = []
    rows = size = 0
    for batch in batches:
        taken.append(batch)
        rows += len(batch.rows)
        size += batch.table.nbytes
        if rows >= _ROWS or size >= _BYTES:
            yield _joined(taken)
            taken, rows, size = [], 0, 0
    if taken:
        yield _joined(taken)


def _joined(batches: list[RawBatch]) -> RawBatch:
    if len(batches) == 1:
        return batches[0]
    return RawBatch(
        pa.concat_tables([batch.table for batch in batches]).combine_chunks(),
        np.concatenate([batch.rows for batch in batches]),
        tuple(broken for batch in batches for broken in batch.broken),
    )


def _numbered(batch: pa.RecordBatch, header: _Header, rows: _Rows) -> RawBatch:
    """Return a block's rows with their numbers, less the mark behind the last one."""
    count = batch.num_rows
    first, last = (batch.column(i)[count - 1].as_py() for i in (0, batch.num_columns - 1))
    ends = bool(first == _END)
    left_open = not ends and last is not None and _END in last
    numbers, broken = rows.take(count - (ends or left_open))
    if left_open:
        rows.leave_open(last, rows.next + len(rows.bad))
        if rows.unfit is not None:
            raise rows.unfit
    if ends or left_open:
        broken, rows.bad = (*broken, *rows.bad), []
    table = _named(batch.slice(0, len(numbers)).columns, header)
    return _without_blank_rows(RawBatch(table, numbers, broken))


def _named(columns: Sequence[Any], header: _Header) -> pa.Table:
    """Return the columns that have a name."""
    named = [place for place, name in enumerate(header.names) if name]
    return pa.table(
        [columns[place] for place in named],
        names=[header.names[place] for place in named],
    )


def _without_blank_rows(batch: RawBatch) -> RawBatch:
    """Leave out rows without a single cell, which spreadsheets put below their tables."""
    blank: Any = None
    for column in batch.table.columns:
        if not column.null_count:
            return batch
        blank = column.is_null() if blank is None else pc.and_(blank, column.is_null())
    if blank is None or not pc.any(blank).as_py():
        return batch
    kept = pc.invert(blank)
    return RawBatch(batch.table.filter(kept), batch.rows[kept.to_numpy()], batch.broken)


def _behind(batch: RawBatch, given: int) -> Iterator[RawBatch]:
    """Yield what of a batch lies behind row `given`; all of it if that is 0."""
    if given == 0:
        yield batch
        return
    start = int(np.searchsorted(batch.rows, given, "right"))
    broken = tuple(each for each in batch.broken if each.row > given)
    if start < len(batch.rows) or broken:
        yield RawBatch(batch.table.slice(start), batch.rows[start:], broken)
