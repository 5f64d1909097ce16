"""Where the notebooks and the data that ship with the package are."""

from __future__ import annotations

from pathlib import Path

__all__ = ["shipped"]


def shipped(*parts: str) -> Path:
    """Return a shipped file or folder: inside an installed package, or the working copy's own."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "_shipped"
    return (inside if inside.is_dir() else package.parent).joinpath(*parts)
