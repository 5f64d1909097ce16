"""What a measured child process does: `python workloads.py NAME [ARGUMENT ...]`.

Each prints one JSON object with what it measured inside; the parent measures the whole process.
Modules are imported by the one workload that needs them, because their loading is measured too.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from attribution import Model


def all_models(file: str) -> dict[str, float]:
    """Heuristics, Markov(1) and Shapley("conversions"), conversions and value."""
    import attribution

    journeys = attribution.read_paths(file)
    frame = attribution.compare(journeys, _models()).frame()
    return {"conversions": float(frame.groupby("model")["conversions"].sum().max())}


def markov(file: str, order: str) -> dict[str, float]:
    """One Markov model, conversions and value."""
    import attribution

    journeys = attribution.read_paths(file)
    credit = attribution.attribute(journeys, attribution.Markov(order=int(order)))
    return {"conversions": float(credit.frame()["conversions"].sum())}


def peer_markov(file: str, order: str) -> dict[str, float]:
    """ChannelAttribution's Markov model with its defaults, conversions and value."""
    import pandas as pd
    from ChannelAttribution import markov_model

    found = markov_model(
        pd.read_parquet(file), "path", "total_conversions",
        var_value="total_conversion_value", var_null="total_null", order=int(order),
    )  # fmt: skip
    return {"conversions": float(found["total_conversions"].sum())}


def ingest(file: str) -> dict[str, float]:
    """A workspace with one CSV of order lines, ingested from nothing."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from make_order_lines import MAPPING

    import attribution
    from attribution.intake.ingest import ingest as bring
    from attribution.workspace import read_workspace

    with TemporaryDirectory(dir=Path(file).parent) as folder:
        root = Path(folder)
        for name in ("data/raw", "mappings"):
            (root / name).mkdir(parents=True)
        (root / "data" / "raw" / "lines.csv").hardlink_to(file)
        (root / "mappings" / "lines.toml").write_text(MAPPING, encoding="utf-8")
        source = '[[source]]\nname = "lines"\nmapping = "lines"\nfiles = "data/raw"\n'
        (root / "attribution.toml").write_text(source, encoding="utf-8")
        (report,) = bring(read_workspace(root), environ={})
        assert attribution.open_store(root).batches()[0].accepted == report.files[0].read
    return {"rows": float(report.files[0].read)}


def duckdb_parquet(file: str) -> dict[str, float]:
    """DuckDB reading a CSV into Parquet, with its defaults; the time of that alone."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    import duckdb

    with TemporaryDirectory(dir=Path(file).parent) as folder:
        begun = time.perf_counter()
        duckdb.sql(f"COPY (FROM read_csv('{file}')) TO '{folder}/lines.parquet'")
        return {"wall": time.perf_counter() - begun}


def shapley_rate(file: str) -> dict[str, float]:
    """Time one exact Shapley("rate") of journeys that are already in memory."""
    import attribution

    journeys = attribution.read_paths(file)
    model = attribution.Shapley(worth="rate")
    return {
        "channels": len(journeys.channels),
        "cpu": _cpu(lambda: attribution.attribute(journeys, model)),
    }


def from_file_to_credit(file: str) -> dict[str, float]:
    """Time all the models from the file on, once everything they load is loaded."""
    import attribution

    journeys = attribution.read_paths(file)
    attribution.compare(journeys[:2], _models())
    # A tenth of a second is too short to be timed once.
    times = range(max(1, 1_000_000 // int(journeys.journeys)))
    cpu = [
        _cpu(lambda: attribution.compare(attribution.read_paths(file), _models())) for _ in times
    ]
    return {"journeys": float(journeys.journeys), "cpu": statistics.median(cpu)}


def _models() -> list[Model]:
    import attribution as a

    return [
        a.FirstTouch(), a.LastTouch(), a.LastNonDirect(direct="channel 0000"), a.Linear(),
        a.PositionBased(), a.Markov(order=1), a.Shapley(worth="conversions"),
    ]  # fmt: skip


def _cpu(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


WORKLOADS: dict[str, Callable[..., dict[str, float]]] = {
    work.__name__: work
    for work in (
        all_models,
        markov,
        peer_markov,
        shapley_rate,
        from_file_to_credit,
        ingest,
        duckdb_parquet,
    )
}

if __name__ == "__main__":
    print(json.dumps(WORKLOADS[sys.argv[1]](*sys.argv[2:])))
