"""The canonical tables: written as Parquet parts, read through DuckDB."""
