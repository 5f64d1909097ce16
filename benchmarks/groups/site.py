"""The report site of the sample brand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import measure
from benchmarks.rows import Chosen, Row, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

_MB = 1e6


def rows(chosen: Chosen) -> Iterator[Row]:
    """Measure it."""
    runs = measure.repeated(chosen.repeats, "site.published")
    yield seconds("site of the sample brand, all pages, wall", measure.inside(runs, "wall"), 60.0)
    overview = measure.inside(runs, "overview") / _MB
    yield Row("... its overview", f"{overview:.2f} MB", "≤ 2 MB", overview <= 2)
    yield Row("... its largest page", f"{measure.inside(runs, 'largest') / _MB:.2f} MB")
    yield seconds("... opens in Chromium in", measure.inside(runs, "opens"), 2.0)
