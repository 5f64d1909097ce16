"""How far the models are from other ways to compute the same numbers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks import exactness, public

ROOT = Path(__file__).resolve().parent.parent.parent


def fixture() -> dict[str, float]:
    """A's share of credit in the peers' fixture."""
    return {"share": exactness.fixture_share()}


def paths(given: str = "", oracle: str = "") -> dict[str, float | str]:
    """Largest errors of all models on the public paths, or on the sample's where there are none."""
    name = "public 10,000 paths"
    found = public.find(Path(given) if given else None)
    if found is None:
        name, found = "sample paths", pd.read_csv(ROOT / "data" / "example" / "paths.csv")
    known = Path(oracle) if oracle else None
    return {
        "name": name,
        **{f"markov_{order}": exactness.markov_error(found, order, known) for order in (1, 2, 3)},
        "rate": exactness.shapley_rate_error(found),
        "conversions": exactness.equal_split_error(found),
    }
