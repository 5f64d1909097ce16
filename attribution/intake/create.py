"""A new workspace, which works as it stands: on the sample brand."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from attribution.errors import ConfigError
from attribution.intake.shipped import shipped
from attribution.workspace import FILE

if TYPE_CHECKING:
    import os

__all__ = ["create_workspace"]

_FOLDERS = ("data/raw", "mappings", "notebooks", "reports")


def create_workspace(folder: str | os.PathLike[str]) -> Path:
    """Make a workspace: its folders, the sample brand's exports, the notebooks, the configuration.

    What stands in the folder already is left as it is. The configuration is written last, so a
    folder that has one is whole.

    Raises
    ------
    ConfigError
        If the folder is a workspace already, or cannot be written.
    """
    root = Path(folder)
    if (root / FILE).exists():
        raise ConfigError(
            f"{folder}: found {FILE}; expected a folder that is no workspace yet. "
            "Edit that file, or name another folder."
        )
    try:
        for name in _FOLDERS:
            (root / name).mkdir(parents=True, exist_ok=True)
        _copy_into(shipped("data", "sample", "raw"), root / "data" / "raw")
        _copy_into(shipped("notebooks"), root / "notebooks")
        shutil.copyfile(shipped("data", "sample", FILE), root / FILE)
    except OSError as error:
        raise ConfigError(
            f"{folder}: found a folder that cannot be written ({error.strerror}); expected one "
            "that can. Check its rights and the space on the disk, or name another."
        ) from error
    return root


def _copy_into(source: Path, target: Path) -> None:
    """Copy a folder's files; those that are there already stay."""
    for file in sorted(source.rglob("*")):
        if file.is_file() and not file.name.startswith(".") and "checkpoints" not in file.parts:
            copy = target / file.relative_to(source)
            if not copy.exists():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, copy)
