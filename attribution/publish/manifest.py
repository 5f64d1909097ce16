"""What a manifest says of a run: its inputs by their fingerprints, and the versions at work."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

from attribution.names import __version__

__all__ = ["MANIFEST", "digest", "inputs_of", "versions"]

MANIFEST = "manifest.json"
_PACKAGES = ("numpy", "pandas", "pyarrow", "scipy", "networkx", "papermill", "nbconvert")


def inputs_of(facts: dict[str, Any], workspace: Path) -> list[dict[str, Any]]:
    """Return what a page read: batches of a store as they are, files with their fingerprints."""
    return [
        _fingerprint(each, workspace) if isinstance(each, str) else each
        for each in facts.get("inputs", [])
    ]


def _fingerprint(text: str, workspace: Path) -> dict[str, Any]:
    path = workspace / text
    content = path.read_bytes()
    shown = text if not Path(text).is_absolute() else path.name
    return {"file": shown, "bytes": len(content), "sha256": digest(content)}


def digest(content: bytes) -> str:
    """Return the fingerprint of a file's content."""
    return hashlib.sha256(content).hexdigest()


def versions() -> dict[str, str]:
    """Return the versions of the package, of Python, and of the packages that reckon and write."""
    return {"attribution": __version__, "python": platform.python_version()} | {
        package: version(package) for package in _PACKAGES
    }
