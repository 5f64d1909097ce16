"""What a refresh keeps in the store's folder `refresh`, and how it gets there whole.

Files are written under new names, and count once the manifest lists them, which is moved into place
last. So a run that was killed leaves the state of the run before. Everything here follows from the
store: it is safe to delete, and then made anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from attribution.names import __version__
from attribution.store.parts import store_errors, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from attribution.store.parts import Marker

__all__ = [
    "FORM",
    "Batch",
    "Manifest",
    "batches_of",
    "clean",
    "commit",
    "digest_of",
    "is_whole",
    "read_manifest",
    "read_table",
    "remove",
    "state_folder",
    "write_table",
]

FORM = 2  # of the files; another number is another form

_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Batch:
    """What a state knows of a batch of the store: it is another one if any of this differs.

    Attributes
    ----------
    edition, sequence
        How often it was written, and its place in the order of arrival.
    content
        Digest of what it was read from and with: two editions of one content differ only in who
        was forgotten in between.
    tables
        Those it has rows of.
    """

    edition: int
    sequence: int
    content: str
    tables: tuple[str, ...]


@dataclass(frozen=True)
class Manifest:
    """What the files of a state are, and what they were made from.

    Attributes
    ----------
    form
        See `FORM`.
    settings
        A digest of each thing that decides what the sums are.
    batches
        The batches of the store they are made from, by id.
    suppressed
        Who was forgotten by then.
    undated
        Links that have no time at all, nor their ends: identity is then no local matter.
    stamp
        The number of the run that wrote it.
    evidence, orders, places
        Files of the kept evidence and orders, and of the small tables that name channels.
    totals
        The file of the sums in all.
    parts
        Files of the sums by day and by block, to be added up.
    sizes, digests
        Bytes of each file, and what those that are read as a whole hold: a damaged one is told.
    """

    form: int
    settings: Mapping[str, str]
    batches: Mapping[str, Batch]
    suppressed: tuple[str, ...]
    undated: int
    stamp: int
    evidence: Mapping[str, Sequence[str]]
    orders: Mapping[str, Sequence[str]]
    places: Mapping[str, str]
    totals: str
    parts: tuple[str, ...]
    sizes: Mapping[str, int]
    digests: Mapping[str, str]

    def files(self) -> set[str]:
        """Return the names of all files it lists."""
        segments = [*self.evidence.values(), *self.orders.values()]
        return {
            *(name for each in segments for name in each),
            *self.places.values(),
            self.totals,
            *self.parts,
        }

    def small_files(self) -> set[str]:
        """Return the names of those that every run reads as a whole."""
        return {*self.places.values(), self.totals}

    def text(self) -> str:
        """Return the manifest as JSON."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True, indent=1) + "\n"

    @classmethod
    def read_text(cls, text: str) -> Manifest:
        """Read a manifest from its JSON; ValueError, TypeError, KeyError ... if it is none."""
        found: dict[str, Any] = json.loads(text)
        found["batches"] = {
            name: Batch(**{**each, "tables": tuple(each["tables"])})
            for name, each in found["batches"].items()
        }
        for name in ("suppressed", "parts"):
            found[name] = tuple(found[name])
        read = cls(**found)
        names = [*read.files(), *read.suppressed, *read.settings.values(), *read.digests.values()]
        numbers = [read.form, read.stamp, read.undated, *read.sizes.values()]
        if not all(isinstance(each, str) for each in names):
            raise TypeError("a name that is none")
        if not all(isinstance(each, int) for each in numbers):
            raise TypeError("a number that is none")
        return read


def state_folder(store: Path) -> Path:
    """Return where the state of a store lies."""
    return store / "refresh"


def batches_of(markers: Iterable[Marker]) -> dict[str, Batch]:
    """Return what a state knows of batches."""
    return {
        marker.batch: Batch(
            marker.edition,
            marker.sequence,
            digest_of(marker.revision, marker.digest, marker.mapping, marker.layout, marker.key),
            tuple(sorted(marker.parts)),
        )
        for marker in markers
    }


def digest_of(*values: object) -> str:
    """Return a digest of values by the way they print."""
    return hashlib.sha256(repr((__version__, values)).encode()).hexdigest()[:16]


def read_manifest(folder: Path) -> Manifest | None:
    """Return the manifest of a state, or None where there is none that can be read."""
    try:
        return Manifest.read_text((folder / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return None


def commit(folder: Path, manifest: Manifest) -> None:
    """Make the state what the manifest lists, and remove all other files."""
    with store_errors(folder):
        told = replace(
            manifest,
            sizes={name: (folder / name).stat().st_size for name in manifest.files()},
            digests={name: _content(folder / name) for name in manifest.small_files()},
        )
        write_atomically(folder / _MANIFEST, told.text())
    clean(folder, manifest)


def clean(folder: Path, manifest: Manifest | None) -> None:
    """Remove what the manifest does not list; the caller holds the lock."""
    listed = {_MANIFEST, "lock"} | (set() if manifest is None else manifest.files())
    with store_errors(folder):
        for file in sorted(folder.iterdir()):
            if file.name not in listed:
                file.unlink()


def remove(folder: Path) -> None:
    """Remove all that is kept; the caller holds the lock."""
    with store_errors(folder):
        (folder / _MANIFEST).unlink(missing_ok=True)
    clean(folder, None)


def is_whole(folder: Path, manifest: Manifest) -> bool:
    """Whether every file that the manifest lists is there, as long as it was, and undamaged.

    Files of which a run reads a small part are known by their length only.
    """
    try:
        return all(
            (folder / name).stat().st_size == manifest.sizes.get(name) for name in manifest.files()
        ) and all(
            _content(folder / name) == manifest.digests.get(name) for name in manifest.small_files()
        )
    except OSError:
        return False


def _content(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()[:16]


def write_table(file: Path, table: pa.Table) -> None:
    """Write a small table that is read as a whole."""
    with file.open("wb") as opened:
        with pa.ipc.new_file(opened, table.schema) as writer:
            writer.write_table(table)
        opened.flush()
        os.fsync(opened.fileno())


def read_table(file: Path) -> pa.Table:
    """Return what `write_table` wrote."""
    return pa.ipc.open_file(pa.memory_map(str(file))).read_all()
