"""Writing the store: Parquet parts, and a marker that makes a batch visible all at once.

A batch is the content of one file of one source. Its rows are written as parts, one for each table,
and seen by no reader until the batch's marker names them; the marker is moved into place last.
So a run that is killed leaves the store as it was before the batch it was in, and the next one
continues there. One lock admits one writer; readers need none.

Nothing written here holds a clock, a random number or a machine's path: the same batches in the
same order give the same bytes.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from attribution.errors import DataError, StoreError
from attribution.store.tables import PROVENANCE, TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = [
    "QUARANTINE",
    "BatchWriter",
    "Marker",
    "PartWriter",
    "Writer",
    "current",
    "file_error",
    "layout",
    "locked",
    "part_file",
    "read_markers",
    "store_errors",
    "write_atomically",
    "write_marker",
    "writing",
]

ROW_GROUP = 131_072  # rows held in memory for each table
_FEW_VALUES = 4  # a column with fewer distinct values than rows / this is dictionary-encoded
_PATIENCE = 2.0  # seconds until the caller hears that another run holds the lock
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_TEMPORARY = ".tmp"
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NO_LEAVE = (errno.EACCES, errno.EPERM, errno.EROFS)

# Rows that could not be taken, and why.
QUARANTINE = pa.schema(
    [
        ("table", pa.string()),
        ("column", pa.string()),
        ("found", pa.string()),
        ("expected", pa.string()),
        ("remedy", pa.string()),
        ("key", pa.string()),
        *PROVENANCE,
    ]
)
_REJECTED = ("_row", "table", "column", "found", "expected", "remedy", "key")


@dataclass(frozen=True)
class Marker:
    """What a committed batch brought; the store consists of what the markers list.

    Attributes
    ----------
    batch, revision
        Its id, and what it was read with, as the caller names it.
    edition
        How often it was written; the latest edition replaces the earlier ones.
    sequence
        Its place in the order of arrival, from 1; kept by later editions.
    source, file, digest, mapping
        Where it came from: configured source, file, and digests of the content and the mapping.
    read, accepted, quarantined
        Rows of the file, those of which nothing was rejected, and the others.
    excluded
        Rows that a rule of the mapping left out, by reason.
    parts
        For each table its file and number of rows.
    reasons
        Rejections by `table.column: expected`.
    first_at, last_at
        Range of the rows' times, UTC epoch ms; None without any.
    key
        Id of the key that identifiers were hashed with.
    snapshot
        Whether the file is the whole truth: what its newest content lacks is gone.
    layout
        Digest of the tables' columns when it was written.
    """

    batch: str
    revision: str
    edition: int
    sequence: int
    source: str
    file: str
    digest: str
    mapping: str
    read: int = 0
    accepted: int = 0
    quarantined: int = 0
    excluded: Mapping[str, int] = field(default_factory=dict)
    parts: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)
    first_at: int | None = None
    last_at: int | None = None
    key: str = ""
    snapshot: bool = False
    layout: str = ""

    def text(self) -> str:
        """Return the marker as JSON; equal markers give equal text."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, indent=1) + "\n"

    @classmethod
    def read_text(cls, text: str) -> Marker:
        """Read a marker from its JSON.

        Raises
        ------
        ValueError, TypeError, KeyError
            If the text is no marker.
        """
        found = json.loads(text)
        found["parts"] = {name: (str(file), int(n)) for name, (file, n) in found["parts"].items()}
        marker = cls(**found)
        plain = _PLAIN.fullmatch(marker.batch) and all(
            _PLAIN.fullmatch(name) and _PLAIN.fullmatch(file.removesuffix(".parquet"))
            for name, (file, _) in marker.parts.items()
        )
        numbers = (marker.edition, marker.sequence, marker.read, marker.quarantined)
        if not plain or not all(isinstance(number, int) for number in numbers):
            raise ValueError("names or numbers that are none")
        return marker


# ---------------------------------------------------------------------- files


def layout() -> str:
    """Return a digest of the columns of all tables, by which older parts are told."""
    text = "\n".join(f"{name} {table.schema.to_string()}" for name, table in TABLES.items())
    return hashlib.sha256(f"{text}\n{QUARANTINE.to_string()}".encode()).hexdigest()[:8]


def part_file(folder: Path, table: str, file: str) -> Path:
    """Return where a part lies in the store's folder."""
    return folder / "parts" / table / file


def file_error(folder: Path, file: Path, found: str, expected: str, remedy: str) -> DataError:
    """Return an error about a file of the store, named from the store's folder on."""
    place = file.relative_to(folder.parent).as_posix() if folder in file.parents else file.name
    return DataError(found, expected, remedy, source=place)


@contextmanager
def store_errors(folder: Path) -> Iterator[None]:
    """Say what a failed file operation means; the store is as it was before the batch."""
    try:
        yield
    except OSError as error:
        remedy = "What was stored before is intact; run the same command again afterwards."
        if error.errno in _NO_ROOM:
            found, expected, first = "no room left on the disk", "room", "Free some space."
        elif error.errno in _NO_LEAVE:
            found, expected = "a folder that must not be written to", "a writable folder"
            first = "Check the folder's permissions."
        else:
            code = errno.errorcode.get(error.errno or 0, type(error).__name__)
            found, expected, first = f"a disk error ({code})", "a disk that works", "Check it."
        raise StoreError(found, expected, f"{first} {remedy}", source=folder.name) from error


def _flush(path: Path) -> None:
    """Ask the disk to keep a file, or the names in a folder, where the system allows it."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # folders cannot be opened on every system
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _make_folder(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        _flush(folder.parent)


def _move(temporary: Path, file: Path) -> None:
    temporary.replace(file)
    _flush(file.parent)


def write_atomically(file: Path, text: str) -> None:
    """Write a text file so that it is there as a whole or not at all."""
    _make_folder(file.parent)
    temporary = file.with_name(file.name + _TEMPORARY)
    with temporary.open("w", encoding="utf-8", newline="\n") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    _move(temporary, file)


def write_marker(folder: Path, marker: Marker) -> None:
    """Make a batch visible as its marker says; the caller holds the lock."""
    with store_errors(folder):
        write_atomically(folder / "batches" / f"{marker.batch}.json", marker.text())


def read_markers(folder: Path) -> tuple[Marker, ...]:
    """Return the markers of all committed batches, in order of arrival.

    Raises
    ------
    DataError
        If one cannot be read; names the file.
    """
    found = []
    for file in sorted((folder / "batches").glob("*.json")):
        try:
            marker = Marker.read_text(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise file_error(
                folder,
                file,
                f"a marker that cannot be read ({type(error).__name__})",
                "the record of an ingested file",
                "Restore the file from a backup; or delete it and ingest again: the source's "
                "rows are then read anew.",
            ) from None
        if f"{marker.batch}.json" != file.name:
            raise file_error(
                folder,
                file,
                f"the marker of the batch {marker.batch}",
                "the marker the file is named after",
                "Remove the copy.",
            )
        found.append(marker)
    return tuple(sorted(found, key=lambda marker: (marker.sequence, marker.batch)))


def current(markers: Iterable[Marker]) -> tuple[Marker, ...]:
    """Return the markers that count, in order: of a snapshot's file only the newest content's."""
    newest: dict[tuple[str, str], Marker] = {}
    ordered = sorted(markers, key=lambda marker: (marker.sequence, marker.batch))
    for marker in ordered:
        newest[_origin(marker)] = marker
    return tuple(
        marker
        for marker in ordered
        if marker is newest[_origin(marker)] or not newest[_origin(marker)].snapshot
    )


def _origin(marker: Marker) -> tuple[str, str]:
    return marker.source, marker.file


@contextmanager
def locked(folder: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the store's lock; a killed process loses it.

    Parameters
    ----------
    folder
        The store; made if it does not exist.
    waiting
        Called once if another run holds the lock for more than two seconds.
    """
    from filelock import FileLock, Timeout

    with store_errors(folder):
        _make_folder(folder)
        lock = FileLock(folder / "lock")
        try:
            lock.acquire(timeout=_PATIENCE)
        except Timeout:
            if waiting is not None:
                waiting()
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def clean(folder: Path, markers: Iterable[Marker]) -> None:
    """Remove what no marker lists: left-overs of killed runs and replaced editions.

    The caller holds the lock, so nothing of this is being written.
    """
    listed = {
        part_file(folder, table, file)
        for marker in markers
        for table, (file, _) in marker.parts.items()
    }
    with store_errors(folder):
        for file in sorted((folder / "parts").glob("*/*")):
            if file not in listed:
                file.unlink()
        for name in ("batches", "suppression"):
            for file in sorted((folder / name).glob(f"*{_TEMPORARY}")):
                file.unlink()


# ---------------------------------------------------------------------- parts


class PartWriter:
    """Streams the rows of one table into one part, holding a row group at most.

    Parameters
    ----------
    folder
        The store.
    table
        A canonical table or `quarantine`.
    batch, edition
        What the part belongs to.
    """

    def __init__(self, folder: Path, table: str, batch: str, edition: int) -> None:
        self.folder = folder
        self.file = part_file(folder, table, f"{batch}-{edition}.parquet")
        self.rows = 0
        self._schema = TABLES[table].schema if table in TABLES else QUARANTINE
        self._temporary = self.file.with_name(self.file.name + _TEMPORARY)
        self._writer: Any = None
        self._waiting: list[pa.Table] = []
        self._held = 0

    def add(self, table: pa.Table) -> None:
        """Append rows with the columns of the schema in its order, dictionary-encoded or plain."""
        if not table.num_rows:
            return
        if not self.rows:
            self._encode_as(table)
        self._waiting.append(_cast(table, self._schema))
        self._held += table.num_rows
        self.rows += table.num_rows
        if self._held >= ROW_GROUP:
            self._write(self._held // ROW_GROUP * ROW_GROUP)

    def close(self) -> None:
        """Bring the part to its place, where no reader sees it until a marker lists it."""
        if not self.rows:
            return
        self._write(self._held)
        with store_errors(self.folder):
            self._writer.close()
            _flush(self._temporary)
            _move(self._temporary, self.file)

    def abandon(self) -> None:
        """Remove what was written; never fails, since the next run cleans as well."""
        if self._writer is not None:
            with suppress(OSError, pa.ArrowException):
                self._writer.close()
            self._writer.is_open = False  # or it tries again, and complains, when it is collected
        with suppress(OSError):
            self._temporary.unlink()

    def _encode_as(self, first: pa.Table) -> None:
        # What comes dictionary-encoded is written so without hashing every value again.
        encoded = pa.dictionary(pa.int32(), pa.string())
        self._schema = pa.schema(
            [
                (item.name, encoded if pa.types.is_dictionary(given.type) else item.type)
                for item, given in zip(self._schema, first.schema, strict=True)
            ]
        )

    def _write(self, count: int) -> None:
        if not count:
            return
        table = pa.concat_tables(self._waiting).unify_dictionaries()
        with store_errors(self.folder):
            if self._writer is None:
                _make_folder(self.file.parent)
                self._writer = parquet.ParquetWriter(
                    self._temporary,
                    self._schema,
                    compression="snappy",
                    use_dictionary=_repeated(table),
                    store_schema=False,
                )
            self._writer.write_table(table.slice(0, count), row_group_size=ROW_GROUP)
        rest = table.slice(count)
        self._waiting, self._held = ([rest] if rest.num_rows else []), rest.num_rows


def _repeated(sample: pa.Table) -> list[str]:
    """Return the text columns whose values repeat, for which a dictionary pays."""
    return [
        name
        for name in sample.column_names
        if pa.types.is_dictionary(kind := sample.schema.field(name).type)
        or (
            pa.types.is_string(kind)
            and pc.count_distinct(sample.column(name)).as_py() * _FEW_VALUES < sample.num_rows
        )
    ]


def _cast(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the table in the schema's order and types."""
    columns = []
    for item in schema:
        column = table.column(item.name)
        if column.type != item.type:
            plain = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
            column = (
                plain.cast(pa.string()).dictionary_encode()
                if pa.types.is_dictionary(item.type)
                else plain.cast(item.type)
            )
        columns.append(column)
    return pa.Table.from_arrays(columns, schema=schema)


# ---------------------------------------------------------------------- batches


@dataclass(frozen=True)
class Writer:
    """The store while this process alone may write to it; made by `writing`."""

    folder: Path
    _markers: dict[str, Marker]

    def marker(self, batch: str) -> Marker | None:
        """Return a committed batch's marker, or None."""
        return self._markers.get(batch)

    def markers(self) -> tuple[Marker, ...]:
        """Return all committed batches' markers, in order of arrival."""
        return tuple(sorted(self._markers.values(), key=lambda each: (each.sequence, each.batch)))

    def commit(self, marker: Marker) -> None:
        """Make a batch, or a new edition of it, visible."""
        write_marker(self.folder, marker)
        self._markers[marker.batch] = marker

    def is_whole(self, marker: Marker) -> bool:
        """Whether every part the marker lists is there."""
        return all(
            part_file(self.folder, table, file).is_file()
            for table, (file, _) in marker.parts.items()
        )

    def renewed(self, marker: Marker) -> Marker:
        """Return the marker of a batch that arrived again: the newest of its file once more."""
        others = [m for m in self._markers.values() if (m.source, m.file) == _origin(marker)]
        if marker.sequence < max((m.sequence for m in others), default=0):
            marker = replace(marker, sequence=self._last() + 1)
            self.commit(marker)
        return marker

    def rejected(self, marker: Marker) -> pa.Table:
        """Return the rows a batch quarantined."""
        if "quarantine" not in marker.parts:
            return QUARANTINE.empty_table()
        file = part_file(self.folder, "quarantine", marker.parts["quarantine"][0])
        with store_errors(self.folder):
            return parquet.read_table(file)

    def _last(self) -> int:
        return max((marker.sequence for marker in self._markers.values()), default=0)

    @contextmanager
    def batch(
        self,
        batch: str,
        revision: str,
        *,
        source: str,
        file: str,
        digest: str,
        mapping: str,
        key: str = "",
        snapshot: bool = False,
    ) -> Iterator[BatchWriter]:
        """Write a batch: committed when the `with` block ends, untouched if it ends in an error.

        A committed batch of that id stays visible until then, and is replaced as a whole.

        Raises
        ------
        ValueError
            If the id is no plain name.
        DataError
            If the disk refuses.
        """
        old = self.marker(batch)
        if not _PLAIN.fullmatch(batch):
            raise ValueError(f"batch id {batch!r}")
        head = Marker(
            batch=batch,
            revision=revision,
            edition=old.edition + 1 if old else 1,
            sequence=old.sequence if old else self._last() + 1,
            source=source,
            file=file,
            digest=digest,
            mapping=mapping,
            key=key,
            snapshot=snapshot,
            layout=layout(),
        )
        rows = BatchWriter(self.folder, head)
        try:
            yield rows
            self.commit(rows.finish())
        except BaseException:
            rows.abandon()
            raise


class BatchWriter:
    """Takes the rows of one batch; made by `Writer.batch`."""

    def __init__(self, folder: Path, head: Marker) -> None:
        self._folder, self._head = folder, head
        self._parts: dict[str, PartWriter] = {}
        self._read = 0
        self._excluded: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._rejected: list[NDArray[np.int64]] = []
        self._range: list[int] = []

    def add(self, name: str, table: pa.Table) -> None:
        """Append rows of a canonical table; columns it lacks become null.

        Raises
        ------
        ValueError
            If there is no such table or column, or a required column is missing.
        """
        canonical = TABLES[name]
        given = set(table.column_names)
        unknown = given - set(canonical.schema.names)
        lacking = {column.name for column in canonical.columns if column.required} - given
        if unknown or lacking:
            raise ValueError(f"{name}: unknown {sorted(unknown)}, missing {sorted(lacking)}")
        if canonical.at is not None and canonical.at in given:
            extremes = pc.min_max(table.column(canonical.at))
            self._range += [at for at in extremes.as_py().values() if at is not None]
        self._part(name).add(_completed(table, canonical.schema, self._provenance()))

    def reject(self, table: pa.Table) -> None:
        """Quarantine rows.

        Parameters
        ----------
        table
            Columns _row, table, column, found, expected, remedy, key: one row for each finding.
        """
        if not table.num_rows:
            return
        table = table.select(_REJECTED)
        self._rejected.append(np.unique(table.column("_row").to_numpy()))
        counted = table.group_by(["table", "column", "expected"]).aggregate([([], "count_all")])
        for found in counted.to_pylist():
            place = ".".join(part for part in (found["table"], found["column"]) if part)
            self._reasons[f"{place}: {found['expected']}"] += found["count_all"]
        self._part("quarantine").add(_completed(table, QUARANTINE, self._provenance()))

    def count(self, read: int = 0, excluded: Mapping[str, int] | None = None) -> None:
        """Add to the rows read, and to those left out by reason."""
        self._read += read
        self._excluded.update(excluded or {})

    def finish(self) -> Marker:
        """Bring all parts to their places and return the marker that lists them."""
        for part in self._parts.values():
            part.close()
        rejected = np.unique(np.concatenate([np.empty(0, np.int64), *self._rejected]))
        return replace(
            self._head,
            read=self._read,
            accepted=self._read - len(rejected),
            quarantined=len(rejected),
            excluded=dict(self._excluded),
            parts={n: (part.file.name, part.rows) for n, part in self._parts.items() if part.rows},
            reasons=dict(self._reasons),
            first_at=min(self._range, default=None),
            last_at=max(self._range, default=None),
        )

    def abandon(self) -> None:
        """Remove what was written of the batch."""
        for part in self._parts.values():
            part.abandon()

    def _part(self, name: str) -> PartWriter:
        if name not in self._parts:
            head = self._head
            self._parts[name] = PartWriter(self._folder, name, head.batch, head.edition)
        return self._parts[name]

    def _provenance(self) -> dict[str, str]:
        return {"_source": self._head.source, "_file": self._head.file, "_batch": self._head.batch}


def _completed(table: pa.Table, schema: pa.Schema, constants: Mapping[str, str]) -> pa.Table:
    """Return the table with every column of the schema: given, constant, or null."""
    columns = []
    for item in schema:
        if item.name in constants:
            index = pa.array(np.zeros(table.num_rows, np.int32))
            column = pa.DictionaryArray.from_arrays(index, pa.array([constants[item.name]]))
        elif item.name in table.column_names:
            column = table.column(item.name)
        else:
            column = pa.nulls(table.num_rows, item.type)
        columns.append(column)
    return pa.Table.from_arrays(columns, names=schema.names)


@contextmanager
def writing(folder: Path, waiting: Callable[[], None] | None = None) -> Iterator[Writer]:
    """Hold the store for writing, and remove what killed runs have left.

    Parameters
    ----------
    folder
        The store; made if it does not exist.
    waiting
        Called once if another run holds the store for more than two seconds.

    Raises
    ------
    DataError
        If a marker cannot be read, or the disk refuses.
    """
    with locked(folder, waiting):
        markers = read_markers(folder)
        clean(folder, markers)
        yield Writer(folder, {marker.batch: marker for marker in markers})
