"""The page: one section for each group, between markers, written as soon as it is measured."""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.rows import Row

PAGE = Path(__file__).parent / "README.md"
PACKAGES = (
    "attribution",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "duckdb",
    "pyspark",
    "channelattribution",
    "marketing-attribution-models",
    "do-attribution",
    "shapiq",
)


def write(group: str, title: str, rows: Sequence[Row], how: str, picture: str = "") -> None:
    """Put a group's table, and its picture, between its markers."""
    begin, end = f"<!-- {group}: begin -->", f"<!-- {group}: end -->"
    lines = [
        begin, f"### {title}", "",
        *([f"![{title}]({picture})", ""] if picture else []),
        "| what | found | bar | met |", "|---|---|---|---|",
        *(f"| {' | '.join(_cell(text) for text in row.cells())} |" for row in rows),
        "", f"<sub>{datetime.now(UTC):%d %B %Y}, {how}.</sub>", end,
    ]  # fmt: skip
    page = PAGE.read_text(encoding="utf-8")
    found = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not found.search(page):
        raise ValueError(f"{PAGE.name} has no place for {group}: write {begin}{end} there")
    PAGE.write_text(found.sub(lambda _: "\n".join(lines), page), encoding="utf-8")


def machine() -> str:
    """Return what this machine has: cores and memory."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB"


def versions() -> str:
    """Return the versions of Python and of the packages that are measured."""
    found = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
