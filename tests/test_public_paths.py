"""The main job on real input: the public 10,000 paths, wherever they are present.

They ship with the packages `mta` and `channelattribution`, whose licences differ from ours; the
variable ATTRIBUTION_PUBLIC_PATHS may name a copy.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from attribution.publish import publish
from benchmarks import exactness, public


@pytest.fixture(scope="module")
def paths() -> pd.DataFrame:
    named = os.environ.get("ATTRIBUTION_PUBLIC_PATHS")
    found = public.find(Path(named) if named else None)
    if found is None:
        pytest.skip(
            "needs the public paths: pip install --no-deps mta, or set ATTRIBUTION_PUBLIC_PATHS"
        )
    return found


def test_the_report_runs_on_the_public_paths(paths: pd.DataFrame, tmp_path: Path) -> None:
    paths.to_csv(tmp_path / "public.csv", index=False)
    done = publish(
        "model_comparison", ["input=public.csv", "currency="], workspace=tmp_path, progress=False
    )
    counts = json.loads((done.folder / "manifest.json").read_text(encoding="utf-8"))["counts"]
    assert counts["rows"] == 10_000
    assert (counts["conversions"], counts["nulls"]) == (19_785, 68_602)
    credit = pd.read_parquet(done.folder / "credit.parquet").groupby("model")
    assert (credit["conversions"].sum() - 19_785).abs().max() < 1e-6
    assert (credit["value"].sum() - paths["total_conversion_value"].sum()).abs().max() < 1e-6


@pytest.mark.parametrize("order", [1, 2, 3])
def test_removal_effects_equal_each_channel_deleted_and_the_chain_solved_again(
    paths: pd.DataFrame, order: int
) -> None:
    assert exactness.markov_error(paths, order) < 1e-12
