"""Where the notebooks and the sample that ship with the package are."""

from __future__ import annotations

from pathlib import Path

from attribution.errors import ConfigError

__all__ = ["report_inputs", "shipped"]


def shipped(*parts: str) -> Path:
    """Return a shipped file or folder: inside an installed package, or the working copy's own."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "_shipped"
    return (inside if inside.is_dir() else package.parent).joinpath(*parts)


def report_inputs(files: str, orders: str) -> list[str]:
    """Return the files a report reads: [paths], [touchpoints, orders], or the sample's two.

    Raises
    ------
    ConfigError
        If there are orders but no touchpoints.
    """
    if orders and not files:
        raise ConfigError("orders is given without input. Name the file of touchpoints as input.")
    if not files:
        return [
            str(shipped("data", "example", f"{name}.csv")) for name in ("touchpoints", "orders")
        ]
    return [files, orders] if orders else [files]
