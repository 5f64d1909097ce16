"""Ingest of order lines, beside DuckDB reading the same file."""

from __future__ import annotations

import time


def ingest(file: str) -> dict[str, float]:
    """A workspace with one CSV of order lines, ingested from nothing."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    import attribution
    from attribution.intake.ingest import ingest as bring
    from attribution.workspace import read_workspace
    from benchmarks.make_order_lines import MAPPING

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
