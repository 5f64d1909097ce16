"""Every order to the fen under eight models: in memory, and streamed to Parquet."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks import measure
from benchmarks.make_journeys import FOLDER
from benchmarks.rows import SLOW, Chosen, Row, memory, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator


def rows(chosen: Chosen) -> Iterator[Row]:
    """Measure it."""
    runs = measure.repeated(chosen.repeats, "ledger.in_memory", "M")
    found = runs[0].result()
    what = f"ledger of {found['orders']:,} orders x 8 models, {found['entries']:,} entries"
    yield seconds(f"{what}, wall", measure.inside(runs, "wall"), 30.0)
    yield memory("... peak memory, the check of every order's sum included", runs)
    name = "M" if chosen.skip_large else "L"
    FOLDER.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=FOLDER, prefix="ledger_") as folder:
        runs = [measure.workload("ledger.written", name, folder) for _ in range(SLOW)]
        sums = measure.workload("ledger.adds_up", folder).result()
    what = f"ledger of {sums['orders']:,} orders x {sums['models']} models, to Parquet"
    yield memory(f"{what}: peak memory", runs, 4)
    yield seconds("... wall", measure.inside(runs, "wall"))
    yield Row(f"... {sums['entries']:,} entries against the orders, in fen", f"{sums['apart']}",
              "0", sums["apart"] == 0)  # fmt: skip
