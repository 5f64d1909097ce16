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
        *("error", "errordescription"),
    }
)
_MESSAGES = frozenset(
    {"msg", "message", "submsg", "errmsg", "errormsg", "errormessage", "error", "errordescription"}
)
_CODES = (
    *("code", "errcode", "err_no", "errno", "error_code", "sub_code", "status_code", "result"),
    *("success", "ok"),
)
_OUTCOME = _MESSAGES | {name.replace("_", "") for name in _CODES}
_SUCCESS = ("0", "1", "200", "10000", "success", "ok", "true")
_COUNTS = frozenset({"total", "totalcount", "totalnum", "totalresults", "count"})
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
        as one record. An empty list is an answer without batches; so is null in its place beside
        a total of 0.

    Raises
    ------
    DataError
        If it is no JSON (naming the line), an API's error (naming its code), or says nowhere that
        there are no records and has none.
    """
    yield from _batched(
        _Record(None, each) if isinstance(each, Broken) else _Record(each)
        for document in _documents(file)
        for each in _records(document, records)
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
        for each in found:
            broken = isinstance(each, Broken)
            yield _Record(None, each, size) if broken else _Record(each, None, size)


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

_NULL: list[Any] = [None]  # null in place of the records; told by its identity


def _records(document: Any, paths: Sequence[str]) -> list[Any]:
    """Return the records of a document; of pages, one without any is a `Broken`."""
    pages = isinstance(document, list)
    found = _first_there(document, paths) if paths or pages else _only_list(document)
    if found is not None:
        if not found:
            _refuse_errors(document)
        return found
    if not pages:
        if paths or _says_nothing(document):
            raise _without_records(document, paths)
        _refuse_errors(document)
        return [document]
    parts = [_first_there(page, paths) for page in document]
    if any(part is not None for part in parts):
        return [
            each
            for page, part in zip(document, parts, strict=True)
            for each in ([_broken(page, paths)] if part is None else part)
        ]
    if document and all(map(_is_answer, document)):
        raise _without_records(document[0], paths)
    return list(document)


def _first_there(document: Any, paths: Sequence[str]) -> list[Any] | None:
    """Return what stands at the first path that leads to something; None if none does."""
    nulls: list[str] = []
    for path in paths:
        if any(null.startswith(f"{path}.") for null in nulls):
            continue  # the object without its list is no record
        found = _at(document, path)
        if found is _NULL:
            nulls.append(path)
        elif found is not None:
            return found
    return [] if nulls and _counts_none(document) else None


def _at(document: Any, path: str) -> list[Any] | None:
    """Return what stands at a path as a list; None if nothing does, `_NULL` if null does."""
    values = [document]
    parts = path.split(".")
    for depth, part in enumerate(parts, 1):
        name = part.removesuffix("[]")
        inner = [value[name] for value in values if isinstance(value, dict) and name in value]
        if not inner:
            return None
        if depth == len(parts) and all(value is None for value in inner):
            return _NULL
        for value in values:
            if not isinstance(value, dict) or value.get(name) is None:
                _refuse_errors(value)  # one page of several
        values = inner
        if part.endswith("[]"):
            lists = [value for value in values if isinstance(value, list)]
            if not lists:
                return None
            values = [each for value in lists for each in value]
            if not values:
                return []
    return [each for value in values for each in (value if isinstance(value, list) else [value])]


def _only_list(document: Any) -> list[Any] | None:
    """Return the list of an answer that holds nothing else but what says how it went."""
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        return None
    inner = {name: each for name, each in document.items() if isinstance(each, dict | list)}
    others = {_plain(name) for name in document if name not in inner}
    if len(inner) != 1 or not others <= _ENVELOPE:
        return None
    return _only_list(next(iter(inner.values())))


# ---------------------------------------------------------------------- answers without records


def _plain(name: str) -> str:
    return name.lower().replace("_", "")


def _said(value: Any) -> set[str]:
    """Return the names, at any depth of objects, under which something stands."""
    names: set[str] = set()
    for name, each in value.items() if isinstance(value, dict) else ():
        if isinstance(each, dict):
            names |= _said(each)
        elif each not in (None, "", []):
            names.add(_plain(name))
    return names


def _is_answer(value: Any) -> bool:
    """Whether an object says how a request went, and nothing else."""
    names = _said(value)
    return names <= _ENVELOPE and bool(names & _OUTCOME)


def _says_nothing(document: Any) -> bool:
    return document is None or (
        isinstance(document, dict) and (_is_answer(document) or not _said(document))
    )


def _counts_none(document: Any) -> bool:
    """Whether an answer says that there are 0 records."""
    return isinstance(document, dict) and any(
        _counts_none(each) or (_plain(name) in _COUNTS and each == "0")
        for name, each in document.items()
    )


def _without_records(document: Any, paths: Sequence[str]) -> DataError:
    """Return why a document without records is refused, an error by its code only."""
    error = _api_error(document)
    if error is not None:
        return error
    told = _outcome(_answer(document))
    return DataError(
        "no list of records" if told is None else f"no list of records, beside {told[0]} {told[1]}",
        f"one at {' or '.join(map(quoted, paths))}" if paths else "records",
        "Fetch the data again; correct `records` in the mapping, if the platform has renamed it.",
    )


def _broken(page: Any, paths: Sequence[str]) -> Broken:
    error = _without_records(page, paths)
    return Broken(0, error.found, error.expected, error.remedy)


def _refuse_errors(document: Any) -> None:
    error = _api_error(document)
    if error is not None:
        raise error


def _api_error(document: Any) -> DataError | None:
    """Return the error of an API's answer that it could not answer, by its code only."""
    answer = _answer(document)
    if not {_plain(name) for name in answer} & _MESSAGES:
        return None
    told = _outcome(answer, without=_SUCCESS)
    if told is None:
        return None
    return DataError(
        f"an API's error, {told[0]} {told[1]}, in place of records",
        "the records that were asked for",
        "Look the code up in the platform's documentation, and fetch the data again.",
    )


def _answer(document: Any) -> dict[str, Any]:
    """Return the object of a document that says how the request went."""
    if not isinstance(document, dict):
        return {}
    inner = document.get("error_response", document.get("error"))
    return inner if isinstance(inner, dict) else document


def _outcome(answer: dict[str, Any], without: Sequence[str] = ()) -> tuple[str, str] | None:
    """Return the first code of an answer that is none of some, with its name."""
    for name in _CODES:
        code = answer.get(name)
        if code is None or isinstance(code, dict | list):
            continue
        text = str(code).lower() if isinstance(code, bool) else str(code)
        if text.lower() not in without:
            return name, text if _SAFE_CODE.fullmatch(text) else "of another form"
    return None
