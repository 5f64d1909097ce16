"""Ingest beside DuckDB's own reading of the same file, and beside itself at a tenth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import measure
from benchmarks.make_order_lines import order_lines_file
from benchmarks.rows import Chosen, Row, memory

if TYPE_CHECKING:
    from collections.abc import Iterator


def rows(chosen: Chosen) -> Iterator[Row]:
    """Measure it."""
    sizes = (1_000_000,) if chosen.skip_large else (1_000_000, 10_000_000)
    costs = []
    for size in sizes:
        file = order_lines_file(size)
        ours, peer = measure.alternating(
            chosen.repeats, ("intake.ingest", file), ("intake.duckdb_parquet", file)
        )
        mine, theirs = measure.wall(ours), measure.inside(peer, "wall")
        costs.append(mine / size)
        what = f"ingest of {size:,} order lines from CSV, against DuckDB reading them into Parquet"
    found = f"{mine / theirs:.2f} ({mine:.1f} s / {theirs:.1f} s)"
    yield Row(what, found, "≤ 4", mine / theirs <= 4)
    yield memory("... its peak memory", ours, 3)
    if len(costs) > 1:
        grown = costs[1] / costs[0]
        yield Row("... cost of a row, against a tenth of the rows", f"× {grown:.2f}", "≤ × 1.5",
                  grown <= 1.5)  # fmt: skip
