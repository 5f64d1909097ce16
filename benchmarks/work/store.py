"""A store of made-up journeys: ingest, a full run, a refresh."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def ingest(workspace: str) -> dict[str, float]:
    """Everything new in the sources, into the store."""
    from attribution.intake.ingest import ingest as bring
    from attribution.workspace import read_workspace

    begun = time.perf_counter()
    reports = bring(read_workspace(workspace), environ={})
    read = sum(file.read for report in reports for file in report.files if file.fresh)
    problems = [report for report in reports if report.failed or report.quarantined]
    assert not problems, problems
    return {"rows": read, "wall": time.perf_counter() - begun}


def add_new(workspace: str, name: str, nth: str) -> dict[str, float]:
    """One file of new rows into the sources."""
    from benchmarks import make_store

    return {"rows": make_store.add_new(Path(workspace), name, int(nth))}


def full(workspace: str, out: str, cold: str = "") -> dict[str, float]:
    """Journeys and all default models from the whole store; no kept sums are used."""
    import attribution

    def work() -> None:
        journeys = attribution.open_journeys(workspace)
        attribution.compare(journeys, attribution.default_models()).frame().to_parquet(out)

    return _measured(workspace, work, cold)


def refresh(workspace: str, out: str, cold: str = "") -> dict[str, float]:
    """What is new since the last run."""
    from attribution.refresh.refresh import refresh as run

    def work() -> None:
        run(workspace).frame().to_parquet(out)

    return _measured(workspace, work, cold)


def same(one: str, other: str) -> dict[str, float]:
    """Largest difference between two tables of credit, relative to the model's total."""
    import pandas as pd

    keys = ["model", "channel"]
    a, b = (
        pd.read_parquet(file).set_index(keys)[["conversions", "value"]] for file in (one, other)
    )
    assert set(a.index) == set(b.index)
    apart = (a - b.loc[a.index]).abs().groupby("model").max() / a.groupby("model").sum()
    return {"apart": float(apart.to_numpy().max())}


def open_journeys(workspace: str, memory: str) -> dict[str, float]:
    """Journeys put together under a limit, batch by batch; nothing else is done with them."""
    import attribution

    begun = time.perf_counter()
    journeys = opened = touchpoints = 0
    for batch in attribution.open_journeys(workspace, memory=memory):
        journeys += len(batch)
        touchpoints += len(batch.codes)
        opened += int(batch.open.sum()) if batch.open is not None else 0
    return {
        "journeys": journeys, "open": opened, "touchpoints": touchpoints,
        "wall": time.perf_counter() - begun,
    }  # fmt: skip


def _measured(workspace: str, work: Callable[[], None], cold: str) -> dict[str, Any]:
    """Time a piece of work, imports apart; cold: with no file of the store in memory."""
    if cold:
        forget_pages(Path(workspace))
    before, wall, cpu = _bytes_read(), time.perf_counter(), time.process_time()
    work()
    after = _bytes_read()
    return {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        **{kind: after[kind] - before[kind] for kind in after},
    }


def forget_pages(folder: Path) -> None:
    """Drop a folder's files from the system's cache: to read them is to read a disk."""
    os.sync()
    for file in folder.rglob("*"):
        if file.is_file():
            opened = os.open(file, os.O_RDONLY)
            os.posix_fadvise(opened, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(opened)


def _bytes_read() -> dict[str, int]:
    """Bytes this process asked for by reading, and bytes fetched from disk for it.

    The second counts pages of memory maps too, with what the system read ahead.
    """
    counts = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return {"asked": int(counts["rchar"]), "fetched": int(counts["read_bytes"])}
