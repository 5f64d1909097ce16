"""The same workspace on DuckDB and on Spark."""

from __future__ import annotations

import time


def duckdb(workspace: str, out: str) -> dict[str, float]:
    """All default models, imports apart."""
    import attribution

    begun = time.perf_counter()
    journeys = attribution.open_journeys(workspace)
    attribution.compare(journeys, attribution.default_models()).frame().to_parquet(out)
    return {"wall": time.perf_counter() - begun}


def spark(workspace: str, out: str, master: str) -> dict[str, float]:
    """The same on Spark: the first run, which starts it, and one in the session that is there."""
    import attribution

    taken = []
    for _ in range(2):
        begun = time.perf_counter()
        journeys = attribution.open_journeys(workspace, engine="spark", master=master)
        attribution.compare(journeys, attribution.default_models()).frame().to_parquet(out)
        taken.append(time.perf_counter() - begun)
    return {"first": taken[0], "wall": taken[1]}
