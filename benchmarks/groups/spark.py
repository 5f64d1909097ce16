"""What Spark costs where one machine would do."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks import measure
from benchmarks.make_store import store_folder
from benchmarks.rows import Chosen, Row, error, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

MASTER = "local[2]"


def rows(chosen: Chosen) -> Iterator[Row]:
    """Measure it."""
    workspace = store_folder("M")
    with TemporaryDirectory() as folder:
        files = [Path(folder) / f"{engine}.parquet" for engine in ("duckdb", "spark")]
        plain, spark = measure.alternating(
            chosen.repeats,
            ("spark.duckdb", workspace, files[0]),
            ("spark.spark", workspace, files[1], MASTER),
        )
        apart = measure.workload("store.same", *files).inside("apart")
    what = "M as a store, 1 million journeys: all models, wall, imports apart"
    yield seconds(f"{what}, DuckDB", measure.inside(plain, "wall"))
    yield seconds(f"{what}, Spark ({MASTER}), session there", measure.inside(spark, "wall"))
    yield seconds(f"{what}, Spark, session started", measure.inside(spark, "first"))
    yield error("... credit of all models, relative", apart, 1e-9)
