"""Identity against a planted truth, and at scale."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks import measure
from benchmarks.rows import Chosen, Row, memory, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

IDENTIFIERS, LINKS = 10_000_000, 12_000_000


def rows(chosen: Chosen) -> Iterator[Row]:
    """Measure it."""
    found = measure.workload("identity.truth").result()
    beside = f"a join by phone: {found['naive_precision']:.4f}, {found['naive_recall']:.4f}"
    what = "identity, 200,000 planted people: pairwise"
    yield Row(f"{what} precision ({beside})", f"{found['precision']:.4f}", "≥ 0.995",
              found["precision"] >= 0.995)  # fmt: skip
    yield Row(f"{what} recall of what the evidence allows", f"{found['recall']:.4f}", "≥ 0.95",
              found["recall"] >= 0.95)  # fmt: skip
    if not chosen.skip_large:
        with TemporaryDirectory() as folder:
            measure.workload("identity.make", folder, IDENTIFIERS, LINKS)
            run = measure.workload("identity.resolved", folder)
        what = "identity, 10 million identifiers and 12 million links"
        yield seconds(f"{what}, wall", run.inside("wall_s"), 60.0)
        yield memory("... its peak memory", [run], 4)
    cost = measure.workload("identity.hashing").inside("us_per_hash")
    yield Row("keyed hash of one identifier", f"{cost:.2f} µs", "≤ 3 µs", cost <= 3)
