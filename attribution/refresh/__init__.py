"""Exact refresh: kept sums and kept evidence, so that a run costs what has changed."""
