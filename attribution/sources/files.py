"""What a workspace's sources name: which files these are, and how each is read."""

from __future__ import annotations

import errno
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

__all__ = ["ENDINGS", "digest_of", "files_of", "ignored_files", "open_source", "stamp_of"]

_EXCEL = (".xlsx", ".xlsm")
_PARQUET = (".parquet", ".pq")
_DOCUMENT = (".json",)
_LINES = (".jsonl", ".ndjson")
_TEXT = (*DELIMITERS, *_DOCUMENT, *_LINES)
ENDINGS = (*_TEXT, *_EXCEL, *_PARQUET, *(f"{ending}.gz" for ending in _TEXT))
_HIDDEN = (".", "_", "~")
_UNFINISHED = (".tmp", ".part", ".crdownload")
_LITTER = ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "readme")
_MARKS = "*?["
# What the workspace writes and reads itself, from its folder on.
_STORE = ("data", "store")
_CONFIG = "attribution.toml"
_WRITTEN = (("reports",), ("notebooks",), ("mappings",))


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


def stamp_of(file: Path) -> tuple[int, int, int]:
    """Return a file's size in bytes, time of change in ns, and inode.

    Taken before the digest and after the rows were read, equal stamps say that the file has stood
    still between.

    Raises
    ------
    DataError
        If it cannot be looked at, such as when it has gone.
    """
    with unreadable_as_data_error(file.name):
        status = file.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino


def files_of(patterns: Sequence[str], folder: Path) -> list[Path]:
    """Return the files that paths, folders and globs name, each once, in the order of their names.

    Of a folder, and of what a glob finds, files of known endings count whose names, and whose
    folders' names, neither begin with `.`, `_` or `~` nor end like an unfinished download. A glob
    that writes out an ending finds files of that ending.

    The workspace's own files never count: `data/store` and `attribution.toml`; those in `reports`,
    `notebooks` and `mappings` only where a pattern is the path of that very file.

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
        If a pattern cannot be one, or it or a symbolic link it meets leads out of `folder` or to
        itself.
    """
    return _in_order({path for path, wanted in _visible(patterns, folder) if wanted}, folder)


def ignored_files(patterns: Sequence[str], folder: Path) -> list[Path]:
    """Return the files that `files_of` passes over because nothing reads their ending.

    Such as `z.xls` or `z.zip` in a folder that is named, or that a glob finds. Hidden and
    unfinished files, the workspace's own, and what systems leave behind are not among them.

    Parameters, order and errors are those of `files_of`.
    """
    seen = list(_visible(patterns, folder))
    wanted = {path for path, wanted in seen if wanted}
    return _in_order({path for path, _ in seen if not _is_litter(path)} - wanted, folder)


def _in_order(found: set[Path], folder: Path) -> list[Path]:
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def _ending(file: Path) -> str:
    parts = [part.lower() for part in file.suffixes[-2:]]
    return "".join(parts) if parts[-1:] == [".gz"] else "".join(parts[-1:])


def _visible(patterns: Sequence[str], folder: Path) -> Iterator[tuple[Path, bool]]:
    """Yield the files that patterns meet, and whether each is to be read."""
    for pattern in patterns:
        _refuse_unusable(pattern)
        try:
            yield from list(_met(pattern, folder))
        except (OSError, ValueError) as error:
            told = error.strerror if isinstance(error, OSError) else None
            raise ConfigError(
                f"found the path {quoted(pattern)}, which cannot be looked up "
                f"({told or type(error).__name__}); expected a path inside the workspace. "
                "Correct it in attribution.toml."
            ) from None


def _met(pattern: str, folder: Path) -> Iterator[tuple[Path, bool]]:
    if not any(mark in pattern for mark in _MARKS):
        path = folder / pattern
        if _is_own(path, folder, path.is_file()):
            return
        yield from _files_at(path, folder, named=True)
        return
    named = _names_ending(pattern)
    for path in folder.glob(pattern):
        hidden = _is_hidden(path.relative_to(folder), pattern)
        if not hidden and not _is_own(path, folder, named=False):
            yield from _files_at(path, folder, named=named)


def _refuse_unusable(pattern: str) -> None:
    windows = PureWindowsPath(pattern)
    if not pattern.strip() or windows.drive or windows.root or ".." in windows.parts:
        raise ConfigError(
            f"found the path {quoted(pattern)}; expected a path inside the workspace. "
            'Copy the files into it, and write such as "data/raw/orders.csv".'
        )
    if "\\" in pattern:
        raise ConfigError(
            f"found the path {quoted(pattern)} with backslashes; expected forward slashes, "
            f"on every system. Write {quoted(pattern.replace(chr(92), '/'))}."
        )
    if any("**" in part and part != "**" for part in pattern.split("/")):
        raise ConfigError(
            f"found the pattern {quoted(pattern)}; expected ** as a whole folder's name. "
            'Write such as "data/raw/**/*.csv" for every folder below, or one * for one name.'
        )


def _names_ending(pattern: str) -> bool:
    ending = Path(pattern).suffix
    return bool(ending) and not any(mark in ending for mark in _MARKS)


def _is_hidden(path: Path, pattern: str) -> bool:
    """Whether a name on a path is hidden or unfinished, and not written out in the pattern."""
    return any(
        (part.startswith(_HIDDEN) or part.lower().endswith(_UNFINISHED))
        and part not in pattern.split("/")
        for part in path.parts
    )


def _is_litter(path: Path) -> bool:
    return path.name.lower().startswith(_LITTER)


def _is_own(path: Path, folder: Path, named: bool) -> bool:
    """Whether a file or folder is the workspace's own, by its name or behind links.

    What people write themselves is not, where it is a file that is `named`.
    """
    real, root = _real(path, folder), folder.resolve()
    for parts in (path.relative_to(folder).parts, real.relative_to(root).parts):
        if parts[:2] == _STORE or parts == (_CONFIG,) or (parts[:1] in _WRITTEN and not named):
            return True
    return False


def _files_at(path: Path, folder: Path, *, named: bool) -> Iterator[tuple[Path, bool]]:
    """Yield a file, or the files of a folder, and whether its ending or its name is asked for."""
    if path.is_file():
        yield path, named or _ending(path) in ENDINGS
        return
    seen: set[Path] = set()
    for here, folders, names in os.walk(path, followlinks=True):
        real = Path(here).resolve()
        if real in seen:  # links that go round
            folders.clear()
            continue
        seen.add(real)
        folders[:] = _own_left_out(Path(here), folders, folder)
        for name in _own_left_out(Path(here), names, folder):
            each = Path(here, name)
            if each.is_file():
                yield each, _ending(each) in ENDINGS


def _own_left_out(here: Path, names: Sequence[str], folder: Path) -> list[str]:
    """Return the visible names in a folder that are not the workspace's own, in their order."""
    return sorted(
        name
        for name in names
        if not _is_hidden(Path(name), "") and not _is_own(here / name, folder, named=False)
    )


def _real(path: Path, folder: Path) -> Path:
    """Return where a path leads, links resolved; refuse it outside the folder."""
    shown = quoted(path.relative_to(folder).as_posix())
    try:
        real = Path(os.path.realpath(path, strict=True))
    except (FileNotFoundError, NotADirectoryError):
        real = Path(os.path.realpath(path))
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise ConfigError(
            f"found {shown}, a symbolic link that leads back to itself; expected a file or a "
            "folder. Remove the link, or point it at the file."
        ) from None
    if not real.is_relative_to(folder.resolve()):
        raise ConfigError(
            f"found {shown}, a symbolic link that leads out of the workspace; expected files "
            "inside it. Copy them into the workspace."
        )
    return real
