"""A store of 40 million touchpoints: full runs, refreshes, open journeys, and a watched live room.

New rows go to two copies of the workspace. One is refreshed, the other run from nothing, and both
must give the same credit.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks import make_store, measure
from benchmarks.make_journeys import FOLDER
from benchmarks.rows import Chosen, Row, error, memory, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = "2GB"
EVENTS = 1_000


def rows(chosen: Chosen) -> Iterator[Row]:
    """Measure it."""
    runs = measure.repeated(chosen.repeats, "watch.live_room", EVENTS)
    yield seconds(f"watch: {EVENTS:,} new events on the sample brand, from file to table, wall",
                  measure.inside(runs, "wall"), 2.0)  # fmt: skip
    name = "M" if chosen.skip_large else "L"
    with TemporaryDirectory(dir=FOLDER, prefix="copies_") as folder:
        yield from _refreshed(name, Path(folder), chosen.repeats)
    if chosen.skip_large:
        return
    runs = measure.repeated(
        chosen.repeats, "store.open_journeys", make_store.store_folder("open"), LIMIT
    )
    found = runs[0].result()
    what = f"{found['open']:,} open journeys of {found['touchpoints']:,} touchpoints"
    yield memory(f"{what}, put together with memory={LIMIT!r}: peak memory", runs, 2)
    yield seconds("... CPU", measure.cpu(runs))


def _refreshed(name: str, folder: Path, repeats: int) -> Iterator[Row]:
    made = make_store.store_folder(name)
    kept = make_store.linked_copy(made, folder / "kept")
    other = make_store.linked_copy(made, folder / "other")
    first = measure.workload("store.refresh", kept, folder / "first.parquet")
    refreshed, full, taken, apart, new = [], [], [], [], 0
    for nth in range(repeats):
        for workspace in (kept, other):
            new = int(measure.workload("store.add_new", workspace, name, nth).inside("rows"))
            taken.append(measure.workload("store.ingest", workspace))
        # The last round reads from disk what it reads: bytes, not seconds.
        cold = "cold" if nth == repeats - 1 else ""
        files = [folder / f"{kind}_{nth}.parquet" for kind in ("refreshed", "full")]
        refreshed.append(measure.workload("store.refresh", kept, files[0], cold))
        full.append(measure.workload("store.full", other, files[1], cold))
        apart.append(measure.workload("store.same", *files))
    warm = slice(None, -1) if repeats > 1 else slice(None)
    mine, whole = (measure.inside(runs[warm], "wall") for runs in (refreshed, full))
    what = f"{name} as a store: refresh after {new:,} new touchpoints"
    judged = name == "L"  # a smaller store is told: there, what does not grow counts most
    yield Row(f"{what}, against a full run, wall, imports apart",
              f"{mine / whole * 100:.2f} % ({mine:.2f} s / {whole:.1f} s)",
              "≤ 5 %" if judged else "", mine / whole <= 0.05 if judged else None)  # fmt: skip
    part = refreshed[-1].inside("fetched") / full[-1].inside("fetched")
    yield Row("... bytes fetched from disk, memory maps and what is read ahead included",
              _share(refreshed[-1], full[-1], "fetched"),
              "≤ 10 %" if judged else "", part <= 0.1 if judged else None)  # fmt: skip
    yield Row("... bytes asked for, memory maps apart", _share(refreshed[-1], full[-1], "asked"))
    yield error("... credit of all models, relative", measure.inside(apart, "apart"), 1e-9)
    yield memory("... peak memory", refreshed)
    yield memory("full run, peak memory", full)
    yield seconds("full run, CPU", measure.inside(full, "cpu"))
    yield seconds("full run that keeps its sums, the first refresh, wall", first.inside("wall"))
    yield memory("... peak memory", [first])
    yield seconds("ingest of the new rows, people resolved anew, wall",
                  measure.inside(taken, "wall"))  # fmt: skip


def _share(mine: measure.Run, whole: measure.Run, name: str) -> str:
    part, all_of_it = mine.inside(name), whole.inside(name)
    return f"{part / all_of_it * 100:.1f} % ({part / 2**20:,.0f} MB / {all_of_it / 2**20:,.0f} MB)"
