"""Sources into the store: what is new is read, mapped, checked and kept; what is bad is set aside.

A batch is the content of one file of one source. It remembers the mapping, constants, time zone
and keys it was read with, so running again changes nothing, and a corrected mapping reads its
files anew.
"""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.compute as pc

from attribution.errors import ConfigError, DataError, StoreError
from attribution.identity.keys import PLAIN, Keyring, read_keyring
from attribution.intake.feeds import Feed, offers
from attribution.intake.landing import is_landing, publish
from attribution.intake.shipped import shipped
from attribution.intake.tag import untagged
from attribution.mapping.apply import Context, Emission, apply
from attribution.mapping.file_columns import check_columns
from attribution.mapping.mapping_file import Mapping, read_mapping
from attribution.sources.files import digest_of, ignored_files
from attribution.store.forget import finish_forgetting
from attribution.store.parts import Marker, layout, writing
from attribution.store.store import open_store
from attribution.store.suppression import suppress, suppressed
from attribution.store.tables import TABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from collections.abc import Mapping as Environment
    from concurrent.futures import Future

    import pyarrow as pa
    from numpy.typing import NDArray

    from attribution.sources.raw import RawBatch
    from attribution.store.parts import Writer
    from attribution.workspace import Source, Workspace

__all__ = ["FileReport", "SourceReport", "check", "ingest"]

_WORKERS = 2
_PHONE = re.compile(r"(?<!\d)(?:\+?86)?1[3-9]\d{9}(?!\d)")


@dataclass(frozen=True)
class FileReport:
    """What became of one file.

    Attributes
    ----------
    read, accepted, quarantined
        Rows.
    excluded
        (why, rows) a rule of the mapping left out.
    first_at, last_at
        UTC epoch ms of the earliest and latest row; None where no row is dated.
    reasons
        (reason, remedy, findings) of the quarantined, the most frequent first.
    problem, remedy
        Why the file as a whole could not be read, or None.
    untagged
        (day, product, whether a click id explains it) of own-mall visits without a utm_source,
        and how many.
    fresh
        Whether this run read it; otherwise it was known.
    """

    source: str
    file: str
    read: int = 0
    accepted: int = 0
    quarantined: int = 0
    excluded: tuple[tuple[str, int], ...] = ()
    first_at: int | None = None
    last_at: int | None = None
    reasons: tuple[tuple[str, str, int], ...] = ()
    problem: str | None = None
    remedy: str | None = None
    untagged: tuple[tuple[tuple[str, str | None, bool], int], ...] = ()
    fresh: bool = False


@dataclass(frozen=True)
class SourceReport:
    """What became of one source: its files, and what its mapping takes for granted.

    Attributes
    ----------
    assumed
        (field, why) of facts the mapping has from general knowledge.
    ignored
        Files of its folders that nothing here reads, by their endings.
    problem, remedy
        Why the source as a whole could not be read, or None.
    """

    source: str
    mapping: str
    files: tuple[FileReport, ...] = ()
    assumed: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    problem: str | None = None
    remedy: str | None = None

    @property
    def failed(self) -> bool:
        """Whether the source, or any file of it, could not be read."""
        return self.problem is not None or any(file.problem for file in self.files)

    @property
    def quarantined(self) -> int:
        """Rows set aside."""
        return sum(file.quarantined for file in self.files)


def ingest(
    workspace: Workspace,
    *,
    retry: bool = False,
    environ: Environment[str, str] = os.environ,
    waiting: Callable[[], None] | None = None,
    done: Callable[[SourceReport], None] | None = None,
) -> tuple[SourceReport, ...]:
    """Bring everything new in a workspace's sources into its store.

    Parameters
    ----------
    retry
        Read files with quarantined rows again, too.
    environ
        Where ATTRIBUTION_KEY is looked for.
    waiting
        Called when another run holds the store.
    done
        Called after each source.

    Raises
    ------
    ConfigError
        If the configuration, a mapping, the key or a database's address cannot stand. Files read
        before stay read.
    """
    plan = _plan(workspace)
    finish_forgetting(open_store(workspace), waiting)
    keys = _Keys(workspace, environ, suppressed(workspace.store))
    reports = []
    with writing(workspace.store, waiting=waiting) as writer:
        keys.refuse_unknown(writer.markers())
        hidden = suppressed(workspace.store)
        for source, mapping in plan:
            reader = _Reader(workspace, source, mapping, keys)
            _show_landed(workspace, source)

            def keep(feed: Feed, reader: _Reader = reader) -> FileReport:
                return _keep(writer, reader, feed, hidden, retry=retry)

            report = _each_file(reader, keep)
            reports.append(report)
            if done is not None:
                done(report)
    open_store(workspace).refresh_people()
    return tuple(reports)


def check(
    workspace: Workspace, *, environ: Environment[str, str] = os.environ
) -> tuple[SourceReport, ...]:
    """Read every source as `ingest` would, and keep nothing."""
    keys = _Keys(workspace, environ, suppressed(workspace.store))
    reports = []
    for source, mapping in _plan(workspace):
        reader = _Reader(workspace, source, mapping, keys)

        def look(feed: Feed, reader: _Reader = reader) -> FileReport:
            counts = _Counts(reader.source.name, feed.name, reader.workspace.timezone)
            for emission in reader.emissions(feed, batch=""):
                counts.add(emission)
            return counts.report()

        reports.append(_each_file(reader, look))
    return tuple(reports)


def _plan(workspace: Workspace) -> list[tuple[Source, Mapping]]:
    return [
        (source, read_mapping(source.mapping, workspace.mappings)) for source in workspace.sources
    ]


class _Keys:
    """The workspace's key; the published one for the very files of the sample, and no others."""

    def __init__(
        self, workspace: Workspace, environ: Environment[str, str], hidden: pa.Array
    ) -> None:
        own = read_keyring(environ, workspace.key_file, demo=False)
        self._demo = read_keyring({}, None, demo=True)
        # Who was forgotten before there was a key stays forgotten when there is one.
        before = {text.partition(".")[0] for text in hidden.to_pylist()} if own.keys else set()
        # Beside the sample's files people stay who they are, with a key or without one.
        made = {marker.key for marker in open_store(workspace).batches()}
        before |= made & {key.id for key in self._demo.keys}
        older = [key for key in (*self._demo.keys, PLAIN) if key.id in before]
        self._keyed = bool(own.keys)
        self._own = (own if own.keys or not older else Keyring((PLAIN,))).after(*older)
        raw = shipped("data", "sample", "raw")
        self._sample = {digest_of(file) for file in raw.rglob("*") if file.is_file()}

    def refuse_unknown(self, markers: Iterable[Marker]) -> None:
        """Refuse to go on where the store was made with a key that is missing now.

        Everybody would become somebody else, and who was forgotten would come back.
        """
        known = {key.id for key in (*self._own.keys, *self._demo.keys, PLAIN)}
        lost = sorted({marker.key for marker in markers} - known - {""})
        if lost:
            raise ConfigError(
                f"The store was made with the key {', '.join(lost)}, which is missing now. Put it "
                "back: as ATTRIBUTION_KEY, or below the new key in the key file (`key_file` in "
                f"attribution.toml), written as `{lost[0]}: ` and its text. If it is lost for "
                "good, remove data/store and ingest again: people then get new ids, and who was "
                "forgotten has to be forgotten again."
            )

    def of(self, feed: Feed) -> Keyring:
        return self._demo if not self._keyed and feed.digest in self._sample else self._own


@dataclass(frozen=True)
class _Reader:
    """One source with all that reading it takes."""

    workspace: Workspace
    source: Source
    mapping: Mapping
    keys: _Keys

    def batch(self, feed: Feed) -> str:
        """Return the batch's id: what was read, and from where."""
        return _digest(self.source.name, feed.name, feed.digest)

    def revision(self, feed: Feed) -> str:
        """Return a digest of what decides how the batch is read.

        A further key reads nothing anew: older hashes stay, and are linked to those it makes.
        """
        values = [text for pair in self.source.values for text in pair]
        keyed = "keyed" if self.keys.of(feed).can_hash_phones else "plain"
        sheet = self.source.sheet or ""
        return _digest(self.mapping.digest, self.workspace.timezone, keyed, sheet, *values)

    def emissions(self, feed: Feed, batch: str) -> Iterator[Emission]:
        """Yield what the mapping makes of a feed, batch by batch, in order."""
        context = Context(
            timezone=self.workspace.timezone,
            source=self.source.name,
            file=feed.name,
            batch=batch,
            values=self.source.values,
            hasher=self.keys.of(feed),
        )
        checked = False

        def work(raw: RawBatch) -> Emission:
            return apply(self.mapping, raw, context)

        def checking() -> Iterator[RawBatch]:
            nonlocal checked
            for raw in feed.batches():
                if not checked:
                    check_columns(
                        self.mapping, raw.table.schema, self.source.values, self.source.name
                    )
                    checked = True
                yield raw

        yield from _ahead(work, checking())


def _ahead(work: Callable[[RawBatch], Emission], batches: Iterable[RawBatch]) -> Iterator[Emission]:
    """Yield `work` of each batch in order, with a few batches in hand at once."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        waiting: deque[Future[Emission]] = deque()
        for raw in batches:
            waiting.append(pool.submit(work, raw))
            if len(waiting) > _WORKERS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _each_file(reader: _Reader, read: Callable[[Feed], FileReport]) -> SourceReport:
    """Read each file of a source; one that cannot be read does not stop the others."""
    report = SourceReport(
        reader.source.name,
        reader.source.mapping,
        assumed=tuple((f"{table}.{column}", why) for table, column, why in reader.mapping.assumed),
        ignored=tuple(
            file.relative_to(reader.workspace.folder).as_posix()
            for file in ignored_files(reader.source.files, reader.workspace.folder)
        ),
    )
    files: list[FileReport] = []
    for offer in offers(reader.workspace, reader.source, reader.mapping):
        try:
            _refuse_phone(offer.name)
            with offer.open() as feed:
                files.append(read(feed))
        except StoreError:
            raise
        except DataError as error:
            place = f"row {error.row}: " if error.row is not None else ""
            problem = f"{place}{error.found}; expected {error.expected}"
            files.append(
                FileReport(report.source, offer.name, problem=problem, remedy=error.remedy)
            )
    if not files:
        named = ", ".join(reader.source.files)
        return replace(
            report,
            problem=f"no file at {named}",
            remedy="Put the export there, or correct `files` in attribution.toml.",
        )
    return replace(report, files=tuple(files))


def _refuse_phone(name: str) -> None:
    """Refuse a file named after a phone: its name is stored with every row."""
    if _PHONE.search(unicodedata.normalize("NFKC", name)):
        raise DataError(
            "a phone number in its name", "a name without one", "Rename the file, then run again."
        )


def _show_landed(workspace: Workspace, source: Source) -> None:
    """Let a receiver's finished minutes be seen, in sources that are landing folders."""
    for name in source.files:
        if is_landing(workspace.folder / name):
            publish(workspace.folder / name)


def _keep(
    writer: Writer, reader: _Reader, feed: Feed, hidden: pa.Array, *, retry: bool
) -> FileReport:
    batch_id, revision = reader.batch(feed), reader.revision(feed)
    known = writer.marker(batch_id)
    if (
        known is not None
        and (known.revision, known.layout) == (revision, layout())
        and not (retry and known.quarantined)
        and writer.is_whole(known)
    ):
        return _of_marker(writer.renewed(known), writer.rejected(known))
    counts = _Counts(reader.source.name, feed.name, reader.workspace.timezone)
    with writer.batch(
        batch_id,
        revision,
        source=reader.source.name,
        file=feed.name,
        digest=feed.digest,
        mapping=reader.mapping.digest,
        key=reader.keys.of(feed).key_id,
        snapshot=reader.source.snapshot,
    ) as batch:
        for emission in reader.emissions(feed, batch_id):
            counts.add(emission)
            for name, table in suppress(emission.tables, hidden).items():
                batch.add(name, table)
            batch.reject(emission.rejected)
            batch.count(read=emission.read, excluded=emission.excluded)
    return replace(counts.report(), fresh=True)


def _of_marker(marker: Marker, rejected: pa.Table) -> FileReport:
    return FileReport(
        marker.source,
        marker.file,
        read=marker.read,
        accepted=marker.accepted,
        quarantined=marker.quarantined,
        excluded=tuple(sorted(marker.excluded.items())),
        first_at=marker.first_at,
        last_at=marker.last_at,
        reasons=tuple((*reason, rows) for reason, rows in _reasons(rejected).most_common()),
    )


def _reasons(rejected: pa.Table) -> Counter[tuple[str, str]]:
    """Count findings by (what was expected where, remedy)."""
    counts: Counter[tuple[str, str]] = Counter()
    keys = ["table", "column", "expected", "remedy"]
    for row in rejected.group_by(keys).aggregate([([], "count_all")]).to_pylist():
        place = ".".join(part for part in (row["table"], row["column"]) if part)
        counts[f"{place}: expected {row['expected']}", row["remedy"]] += row["count_all"]
    return counts


class _Counts:
    """Sums over the batches of one file."""

    def __init__(self, source: str, file: str, timezone: str) -> None:
        self._source, self._file = source, file
        self._read, self._timezone = 0, timezone
        self._untagged: Counter[tuple[str, str | None, bool]] = Counter()
        self._rejected: list[NDArray[np.int64]] = []
        self._excluded: Counter[str] = Counter()
        self._reasons: Counter[tuple[str, str]] = Counter()
        self._times: list[int] = []

    def add(self, emission: Emission) -> None:
        self._read += emission.read
        self._excluded.update(emission.excluded)
        for name, table in emission.tables.items():
            at = TABLES[name].at
            if at is not None and table.num_rows:
                ends = pc.min_max(table.column(at)).as_py()
                self._times += [ms for ms in ends.values() if ms is not None]
            if name == "touchpoints":
                self._untagged.update(untagged(table, self._timezone))
        rejected = emission.rejected
        if rejected.num_rows:
            self._rejected.append(np.unique(rejected.column("_row").to_numpy()))
            self._reasons.update(_reasons(rejected))

    def report(self) -> FileReport:
        quarantined = len(np.unique(np.concatenate([np.empty(0, np.int64), *self._rejected])))
        return FileReport(
            self._source,
            self._file,
            read=self._read,
            accepted=self._read - quarantined,
            quarantined=quarantined,
            excluded=tuple(sorted(self._excluded.items())),
            first_at=min(self._times, default=None),
            last_at=max(self._times, default=None),
            reasons=tuple((*reason, rows) for reason, rows in self._reasons.most_common()),
            untagged=tuple(self._untagged.items()),
        )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
