"""What a report reads: the workspace it runs in, or files."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from attribution.errors import ConfigError
from attribution.intake.create import create_workspace
from attribution.intake.ingest import ingest
from attribution.names import DEFAULT_TIMEZONE
from attribution.store.store import filled_store, open_store
from attribution.workspace import FILE, Workspace, read_workspace

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

__all__ = [
    "Origin",
    "find_workspace",
    "given_files",
    "origin_of_files",
    "origin_of_store",
    "workspace_or_sample",
]

FEN = 100  # fen in a yuan


@dataclass(frozen=True)
class Origin:
    """Where a report's rows come from, and what follows from that for its words.

    Attributes
    ----------
    inputs
        Files, named as the user named them; or the batches of a store: source, file, sha256.
    title
        The brand; empty for files.
    language
        "zh" or "en".
    timezone
        Of calendar days, and of times written without a zone.
    minor
        How many of the unit amounts come in make one of the currency: 100 for fen, 1 for files.
    """

    inputs: tuple[str | dict[str, str], ...]
    title: str
    language: str
    timezone: str
    minor: int


def origin_of_files(
    files: Sequence[str], language: str = "", timezone: str = DEFAULT_TIMEZONE
) -> Origin:
    """Return the origin of rows from files: reported in English, if no language is given."""
    return Origin(tuple(files), "", language or "en", timezone, 1)


def origin_of_store(workspace: Workspace) -> Origin:
    """Return the origin of rows from a workspace's store.

    Raises
    ------
    DataError
        If the store cannot be read.
    """
    inputs = tuple(
        {"source": each.source, "file": each.file, "sha256": each.digest}
        for each in open_store(workspace).batches()
    )
    return Origin(inputs, workspace.brand, workspace.language, workspace.timezone, FEN)


def given_files(files: str, orders: str) -> list[str]:
    """Return the files a report is to read: [paths], [touchpoints, orders], or none.

    Raises
    ------
    ConfigError
        If there are orders but no touchpoints.
    """
    if orders and not files:
        raise ConfigError("orders is given without input. Name the file of touchpoints as input.")
    return [file for file in (files, orders) if file]


def find_workspace(start: str | os.PathLike[str] = ".") -> Path | None:
    """Return the nearest folder with an `attribution.toml`, upward from a folder; None without."""
    here = Path(start).resolve()
    return next((each for each in (here, *here.parents) if (each / FILE).is_file()), None)


@contextmanager
def workspace_or_sample(
    language: Literal["", "zh", "en"] = "", start: str | os.PathLike[str] = "."
) -> Iterator[Workspace]:
    """Give the workspace around a folder, or the sample brand's where there is none.

    The sample's is made and ingested in a temporary folder, which goes when the block ends.

    Parameters
    ----------
    language
        Of names and reports; if empty, the workspace's own, and English for the sample.
    start
        The folder, or one below the workspace.

    Raises
    ------
    ConfigError
        If the workspace's configuration cannot stand.
    DataError
        If nothing has been ingested into the workspace.
    """
    found = find_workspace(start)
    if found is not None:
        workspace = read_workspace(found)
        filled_store(workspace)
        yield replace(workspace, language=language or workspace.language)
        return
    folder = Path(tempfile.mkdtemp(prefix="attribution-sample-"))
    try:
        workspace = read_workspace(create_workspace(folder))
        ingest(workspace, environ={})
        yield replace(workspace, language=language or "en")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
