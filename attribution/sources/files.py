"""What a workspace's sources name: which files these are, and how each is read."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

from attribution.errors import ConfigError, quoted
from attribution.sources.excel_files import excel_batches
from attribution.sources.file_heads import head_of, refuse_other_kinds, unreadable_as_data_error
from attribution.sources.json_files import document_batches, line_batches
from attribution.sources.parquet_files import parquet_batches
from attribution.sources.text_files import DELIMITERS, text_batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from attribution.sources.raw import RawBatch

__all__ = ["ENDINGS", "digest_of", "files_of", "open_source"]

_EXCEL = (".xlsx", ".xlsm")
_PARQUET = (".parquet", ".pq")
_DOCUMENT = (".json",)
_LINES = (".jsonl", ".ndjson")
_TEXT = (*DELIMITERS, *_DOCUMENT, *_LINES)
ENDINGS = (*_TEXT, *_EXCEL, *_PARQUET, *(f"{ending}.gz" for ending in _TEXT))
_HIDDEN = (".", "_", "~")
_UNFINISHED = (".tmp", ".part", ".crdownload")


def open_source(
    file: Path, records: Sequence[str] = (), sheet: str | None = None
) -> Iterator[RawBatch]:
    """Yield a file's rows in batches, as text; its ending says how it is read.

    Parameters
    ----------
    records
        Where a JSON document holds its records, such as "data.shop_order_list[]": the first path
        that exists counts. Other files have no use for it.
    sheet
        The sheet of a workbook; the first if None. Other files have no use for it.

    Raises
    ------
    DataError
        While reading, naming the file, if it as a whole cannot be read. Rows that cannot be read
        come in `RawBatch.broken`.
    """
    with unreadable_as_data_error(file.name):
        head = head_of(file, _ending(file), ENDINGS)
        ending = _ending(file).removesuffix(".gz")
        if ending in _TEXT and ending == _ending(file):
            refuse_other_kinds(head, "text in UTF-8 or GB18030")
        if ending in DELIMITERS:
            yield from text_batches(file, DELIMITERS[ending])
        elif ending in _DOCUMENT:
            yield from document_batches(file, records)
        elif ending in _LINES:
            yield from line_batches(file, records)
        elif ending in _EXCEL:
            yield from excel_batches(file, sheet)
        else:
            yield from parquet_batches(file)


def digest_of(file: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    with unreadable_as_data_error(file.name), file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def files_of(patterns: Sequence[str], folder: Path) -> list[Path]:
    """Return the files that paths, folders and globs name, each once, in the order of their names.

    Of a folder, and of what a glob finds, files of known endings count whose names, and whose
    folders' names, neither begin with `.`, `_` or `~` nor end like an unfinished download. A glob
    that writes out an ending finds files of that ending.

    Parameters
    ----------
    patterns
        Relative to `folder`, with forward slashes.

    Returns
    -------
    list of Path
        Each begins with `folder`; empty if nothing matches.

    Raises
    ------
    ConfigError
        If a pattern, or a symbolic link it meets, leads out of `folder`.
    """
    found: set[Path] = set()
    for pattern in patterns:
        _refuse_outside(pattern)
        if any(mark in pattern for mark in "*?["):
            for path in folder.glob(pattern):
                if not _is_hidden(path.relative_to(folder), pattern):
                    found.update(_files_at(path, folder, own=_names_ending(pattern)))
        else:
            found.update(_files_at(folder / pattern, folder, own=True))
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def _ending(file: Path) -> str:
    parts = [part.lower() for part in file.suffixes[-2:]]
    return "".join(parts) if parts[-1:] == [".gz"] else "".join(parts[-1:])


def _refuse_outside(pattern: str) -> None:
    windows = PureWindowsPath(pattern)
    if not pattern.strip() or windows.drive or windows.root or ".." in windows.parts:
        raise ConfigError(
            f"found the path {quoted(pattern)}; expected a path inside the workspace. "
            'Copy the files into it, and write such as "data/raw/orders.csv".'
        )


def _names_ending(pattern: str) -> bool:
    ending = Path(pattern).suffix
    return bool(ending) and not any(mark in ending for mark in "*?[")


def _is_hidden(path: Path, pattern: str) -> bool:
    """Whether a name on a path is hidden or unfinished, and not written out in the pattern."""
    return any(
        (part.startswith(_HIDDEN) or part.lower().endswith(_UNFINISHED))
        and part not in pattern.split("/")
        for part in path.parts
    )


def _files_at(path: Path, folder: Path, *, own: bool) -> Iterator[Path]:
    """Yield a file, if its ending is known or its `own` was named, or the files of a folder."""
    _refuse_link_outside(path, folder)
    if path.is_file():
        if own or _ending(path) in ENDINGS:
            yield path
        return
    seen: set[Path] = set()
    for here, folders, names in os.walk(path, followlinks=True):
        real = Path(here).resolve()
        if real in seen:  # links that go round
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not _is_hidden(Path(name), ""))
        for name in folders:
            _refuse_link_outside(Path(here, name), folder)
        for name in sorted(names):
            each = Path(here, name)
            if _ending(each) in ENDINGS and not _is_hidden(Path(name), ""):
                _refuse_link_outside(each, folder)
                if each.is_file():
                    yield each


def _refuse_link_outside(path: Path, folder: Path) -> None:
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ConfigError(
            f"found {quoted(path.relative_to(folder).as_posix())}, a symbolic link that leads out "
            "of the workspace; expected files inside it. Copy them into the workspace."
        )
