"""JSON as APIs return it: one document, or one record per line. Numbers keep their digits."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from attribution.errors import DataError, quoted
from attribution.sources.nested import array_of
from attribution.sources.raw import Broken, RawBatch
from attribution.sources.text_stream import TextStream

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

__all__ = ["document_batches", "exact_json", "line_batches"]

_ROWS = 1 << 16
_TEXT = 1 << 24  # bytes of lines in one batch
_LARGEST = 1 << 28  # bytes of a document, which is held in memory
_WHITE = re.compile(r"[ \t\r\n]*")
# What stands beside the list in an API's answer, in small letters without underscores.
_ENVELOPE = frozenset(
    {
        *("code", "subcode", "status", "statuscode", "errcode", "errno", "errorcode", "success"),
        *("msg", "message", "submsg", "errmsg", "errormsg", "errormessage", "ok", "hasmore"),
        *("total", "totalcount", "totalnum", "totalresults", "count", "limit", "offset", "hasnext"),
        *("page", "pageno", "pagenum", "pagesize", "size", "cursor", "nextcursor", "nextkey"),
        *("requestid", "logid", "traceid", "now", "time", "timestamp", "result"),
    }
)
_MESSAGES = frozenset({"msg", "message", "submsg", "errmsg", "errormsg", "errormessage"})
_CODES = ("code", "errcode", "err_no", "errno", "error_code", "sub_code", "status_code", "result")
_SUCCESS = ("0", "1", "200", "10000", "success", "ok")
_SAFE_CODE = re.compile(r"-?\d{1,9}|[A-Za-z][A-Za-z_.:-]{0,39}")


def _refuse(_constant: str) -> Any:
    raise ValueError("NaN or Infinity")


_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse)


def exact_json(text: str | bytes) -> Any:
    """Read JSON with numbers as the text of their digits.

    Raises
    ------
    ValueError
        If it is no JSON.
    """
    return _DECODER.decode(text.decode() if isinstance(text, bytes) else text)


def document_batches(file: Path, records: Sequence[str]) -> Iterator[RawBatch]:
    """Yield the records of a JSON document, or of several in a row.

    Parameters
    ----------
    records
        Where the list of records may be, such as "data.shop_order_list[]"; the first that exists
        counts. Without any: the top-level list, the only list of an API's answer, or the document
        as one record.

    Raises
    ------
    DataError
        If it is no JSON (naming the line), an API's error (naming its code), or has no records.
    """
    yield from _batched(
        _Record(each) for document in _documents(file) for each in _records(document, records)
    )


def line_batches(file: Path, records: Sequence[str]) -> Iterator[RawBatch]:
    """Yield the records of a file with one JSON value per line; blank lines do not count.

    A line that is no JSON is a broken row. See `document_batches` for `records`; without any,
    a line is a record.
    """
    yield from _batched(_of_lines(file, records))


class _Record(NamedTuple):
    value: Any
    wrong: Broken | None = None
    size: int = 0  # bytes of the line it stands in


def _batched(found: Iterable[_Record]) -> Iterator[RawBatch]:
    first, size = 1, 0
    taken: list[_Record] = []
    for record in found:
        taken.append(record)
        size += record.size
        if len(taken) == _ROWS or size >= _TEXT:
            yield _batch(taken, first)
            first, size, taken = first + len(taken), 0, []
    if taken:
        yield _batch(taken, first)


def _batch(taken: list[_Record], first: int) -> RawBatch:
    broken: list[Broken] = []
    values: list[dict[str, Any]] = []
    places: list[int] = []
    for row, (record, wrong, _) in enumerate(taken, first):
        if wrong is not None:
            broken.append(Broken(row, wrong.found, wrong.expected, wrong.remedy))
        elif not isinstance(record, dict) or not record:
            broken.append(
                Broken(
                    row,
                    "an empty object" if record == {} else "a value that is no object",
                    "an object with the fields of a record",
                    "Name where the records are with `records` in the mapping.",
                )
            )
        else:
            values.append(record)
            places.append(row)
    array, unfit = array_of(values)
    rows = np.array(places, np.int64)
    if unfit:
        broken += [
            Broken(
                places[place],
                what,
                "one kind of value in a field",
                "Correct the record, or export it again.",
            )
            for place, what in unfit.items()
        ]
        broken.sort(key=lambda each: each.row)
        kept = np.ones(len(rows), bool)
        kept[list(unfit)] = False
        array, rows = array.filter(pa.array(kept)), rows[kept]
    table = pa.Table.from_struct_array(array) if len(rows) else pa.table({})
    return RawBatch(table, rows, tuple(broken))


# ---------------------------------------------------------------------- text to values


def _of_lines(file: Path, records: Sequence[str]) -> Iterator[_Record]:
    for line in _lines(file):
        try:
            value = exact_json(line)
        except (ValueError, RecursionError) as error:
            yield _Record(None, _no_json(error))
            continue
        try:
            found = _records(value, records) if records else [value]
        except DataError as error:
            yield _Record(None, Broken(0, error.found, error.expected, error.remedy))
            continue
        size = len(line) // max(len(found), 1)
        yield from (_Record(each, None, size) for each in found)


def _no_json(error: Exception) -> Broken:
    if isinstance(error, RecursionError):
        found = "objects nested hundreds deep"
    elif isinstance(error, json.JSONDecodeError):
        found = f"text that is no JSON from character {error.pos + 1} on"
    else:
        found = str(error)
    return Broken(0, found, "one JSON value per line", "Export the file again if it was cut short.")


def _lines(file: Path) -> Iterator[bytes]:
    source = TextStream(file)
    try:
        rest = b""
        while block := source.read(_TEXT):
            *lines, rest = (rest + block).split(b"\n")
            yield from (line for line in lines if line.strip())
        if rest.strip():
            yield rest
    finally:
        source.close()


def _documents(file: Path) -> Iterator[Any]:
    source = TextStream(file)
    try:
        pieces, size = [], 0
        while block := source.read(_TEXT):
            pieces.append(block)
            size += len(block)
            if size > _LARGEST:
                raise DataError(
                    f"one JSON document of more than {_LARGEST >> 20} MB",
                    "a smaller document, or one record per line",
                    "Save it as .jsonl with one record per line, or in several files.",
                )
        text = b"".join(pieces).decode()
    finally:
        source.close()
    place = _past_white(text, 0)
    while place < len(text):
        try:
            value, place = _DECODER.raw_decode(text, place)
        except json.JSONDecodeError as error:
            raise DataError(
                f"text that is no JSON in line {error.lineno}, character {error.colno}",
                "a JSON document",
                "Export the file again if it was cut short; with one record per line, give it "
                "the ending .jsonl.",
            ) from None
        except (ValueError, RecursionError) as error:
            raise DataError(
                _no_json(error).found,
                "a JSON document",
                "Write it again: JSON knows neither NaN nor Infinity, and few levels suffice.",
            ) from None
        yield value
        place = _past_white(text, place)


def _past_white(text: str, place: int) -> int:
    white = _WHITE.match(text, place)
    return place if white is None else white.end()


# ---------------------------------------------------------------------- values to records


def _records(document: Any, paths: Sequence[str]) -> list[Any]:
    if not paths:
        return _obvious_records(document)
    found = _first_there(document, paths)
    if found is None and isinstance(document, list):
        # Pages one after the other, or the records themselves.
        pages = [_first_there(page, paths) for page in document]
        if all(page is None for page in pages):
            return document
        return [each for page in document for each in _records_of_page(page, paths)]
    return _no_records(document, paths) if found is None else found


def _records_of_page(page: Any, paths: Sequence[str]) -> list[Any]:
    found = _first_there(page, paths)
    return _no_records(page, paths) if found is None else found


def _first_there(document: Any, paths: Sequence[str]) -> list[Any] | None:
    found = next((found for path in paths if (found := _at(document, path)) is not None), None)
    if found == [None]:  # null in place of a list: nothing to tell, or an error
        _refuse_errors(document)
        return []
    return found


def _at(document: Any, path: str) -> list[Any] | None:
    """Return what stands at a path as a list; None if nothing does, [None] if null does."""
    values = [document]
    for part in path.split("."):
        name = part.removesuffix("[]")
        inner = [value[name] for value in values if isinstance(value, dict) and name in value]
        if not inner:
            return [None] if None in values else None
        values = inner
        if part.endswith("[]"):
            if all(value is None for value in values):
                return [None]
            if not any(isinstance(value, list) for value in values):
                return None
            values = [each for value in values if isinstance(value, list) for each in value]
            if not values:
                return []
    return [each for value in values for each in (value if isinstance(value, list) else [value])]


def _no_records(document: Any, paths: Sequence[str]) -> list[Any]:
    _refuse_errors(document)
    raise DataError(
        "no list of records",
        f"one at {' or '.join(map(quoted, paths))}",
        "Correct `records` in the mapping, if the platform has renamed it.",
    )


def _obvious_records(document: Any) -> list[Any]:
    if isinstance(document, list):
        return document
    found = _only_list(document)
    if found is None:
        _refuse_errors(document)
        return [document]
    return found


def _only_list(document: Any) -> list[Any] | None:
    """Return the list of an answer that holds nothing else but what says how it went."""
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return None
    inner = {name: each for name, each in document.items() if isinstance(each, dict | list)}
    others = {name.lower().replace("_", "") for name in document if name not in inner}
    if len(inner) != 1 or not others <= _ENVELOPE:
        return None
    return _only_list(next(iter(inner.values())))


def _refuse_errors(document: Any) -> None:
    """Refuse an API's answer that it could not answer, by its code only."""
    if not isinstance(document, dict):
        return
    answer = document.get("error_response", document.get("error", document))
    if not isinstance(answer, dict):
        answer = document
    names = {name.lower().replace("_", "") for name in answer}
    if not names & _MESSAGES:
        return
    for name in _CODES:
        code = answer.get(name)
        if code is None or isinstance(code, dict | list | bool) or str(code).lower() in _SUCCESS:
            continue
        shown = str(code) if _SAFE_CODE.fullmatch(str(code)) else "of another form"
        raise DataError(
            f"an API's error, {name} {shown}, in place of records",
            "the records that were asked for",
            "Look the code up in the platform's documentation, and fetch the data again.",
        )
