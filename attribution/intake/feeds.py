"""What a source has to offer now: files or a query's result, each known by its content."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING

import numpy as np
import pyarrow as pa

from attribution.errors import DataError
from attribution.sources.database import read_query
from attribution.sources.files import digest_of, files_of, open_source, stamp_of
from attribution.sources.raw import Broken, RawBatch

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from attribution.mapping.mapping_file import Mapping
    from attribution.workspace import Source, Workspace

__all__ = ["Feed", "Offer", "offers"]

_QUERY = "query"


@dataclass(frozen=True)
class Feed:
    """The content of one file, or of one result of a query.

    Attributes
    ----------
    name
        The file's path from the workspace on, with forward slashes; "query" for a database.
    digest
        Of its content, in hexadecimal.
    batches
        Reads it.
    """

    name: str
    digest: str
    batches: Callable[[], Iterator[RawBatch]]


@dataclass(frozen=True)
class Offer:
    """A file or a query not opened yet; `with offer.open() as feed` may raise DataError."""

    name: str
    open: Callable[[], AbstractContextManager[Feed]]


def offers(workspace: Workspace, source: Source, mapping: Mapping) -> list[Offer]:
    """Return what a source holds now, files in the order of their names.

    Raises
    ------
    ConfigError
        If a path leaves the workspace.
    """
    if source.url is not None and source.sql is not None:
        return [Offer(_QUERY, partial(_query, source.url, source.sql, workspace.folder))]
    return [
        Offer(name, partial(_file, path, name, mapping.records, source.sheet))
        for path in files_of(source.files, workspace.folder)
        for name in (path.relative_to(workspace.folder).as_posix(),)
    ]


@contextmanager
def _file(path: Path, name: str, records: Sequence[str], sheet: str | None) -> Iterator[Feed]:
    before = stamp_of(path)
    digest = digest_of(path)

    def batches() -> Iterator[RawBatch]:
        yield from open_source(path, records, sheet)
        if stamp_of(path) != before:
            raise DataError(
                "a file that changed while it was read",
                "a file nobody is writing",
                "Run again when the export is complete.",
            )

    yield Feed(name, digest, batches)


@contextmanager
def _query(url: str, sql: str, folder: Path) -> Iterator[Feed]:
    """Read a query into a nameless temporary file, as only its whole content says if it is new."""
    with tempfile.TemporaryFile() as spool:
        yield _spooled(url, sql, folder, spool)


def _spooled(url: str, sql: str, folder: Path, spool: IO[bytes]) -> Feed:
    digest = hashlib.sha256()
    found: list[tuple[NDArray[np.int64], tuple[Broken, ...]]] = []
    for batch in read_query(url, sql, folder=folder):
        start = spool.tell()
        with pa.ipc.new_stream(spool, batch.table.schema) as writer:
            writer.write_table(batch.table)
        found.append((batch.rows, batch.broken))
        spool.seek(start)
        for block in iter(partial(spool.read, 1 << 20), b""):
            digest.update(block)
        digest.update(repr(batch.broken).encode())

    def batches() -> Iterator[RawBatch]:
        spool.seek(0)
        for rows, broken in found:
            yield RawBatch(pa.ipc.open_stream(spool).read_all(), rows, broken)

    return Feed(_QUERY, digest.hexdigest(), batches)
