"""Compare with other ways to compute the same numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import measure
from benchmarks.rows import Chosen, Row, error

if TYPE_CHECKING:
    from collections.abc import Iterator


def rows(chosen: Chosen) -> Iterator[Row]:
    """Measure it."""
    share = measure.workload("exact.fixture").inside("share")
    yield Row("Markov(1), fixture of peers: share of A", f"{share * 100:.2f} %", "36.15 %",
              f"{share:.2%}" == "36.15%")  # fmt: skip
    files = [str(file.resolve()) if file else "" for file in (chosen.paths, chosen.oracle)]
    found = measure.workload("exact.paths", *files).result()
    name = found["name"]
    against = "each channel deleted and the chain solved again"
    against += " and known effects" if chosen.oracle else ""
    for order in (1, 2, 3):
        what = f"Markov({order}) removal effects, {name}, against {against}"
        yield error(what, found[f"markov_{order}"], 1e-9)
    yield error(f'Shapley("rate"), {name}, against shapiq\'s exact computer', found["rate"], 1e-9)
    yield error(f'Shapley("conversions"), {name}, against an equal split',
                found["conversions"], 1e-12)  # fmt: skip
