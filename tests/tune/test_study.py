from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from attribution import tune
from attribution.journeys import Journeys
from attribution.models.heuristic import FirstTouch, LastTouch, TimeDecay
from tests.tune.worlds import fading, unwatched

PATHS = Journeys.from_paths(
    pd.DataFrame(
        {"path": ["a > b", "b", ""], "total_conversions": [3, 1, 2], "total_null": [2, 9, 5]}
    ),
    value=None,
)


def keys(journeys):
    return {n: each.verdict.key for n, each in tune.study(journeys).settings().items()}


def test_path_counts_are_told_what_they_lack():
    assert set(keys(PATHS).values()) == {"needs_times"}
    assert tune.study(PATHS).frames() == {}


def test_buyers_alone_are_told_who_is_missing():
    journeys = unwatched(fading())
    found = keys(journeys.take(np.flatnonzero(journeys.conversions > 0)))
    assert found["half_life"] == found["position_weights"] == found["half_lives"] == "needs_nulls"
    # How journeys run is seen without those who do not order.
    assert found["markov_order"].startswith("markov_")


@pytest.mark.parametrize("rows", [slice(0, 0), slice(0, 1)])
def test_next_to_nothing_fails_nowhere(rows):
    found = tune.study(fading().take(rows))
    for each in found.settings().values():
        assert not each.verdict.supported
        assert each.verdict.said("zh")


def test_what_is_saved_has_durations_in_days():
    frames = tune.study(unwatched(fading(people=2_000))).frames()
    assert frames["half_life"]["half_life_days"].tolist()[2] == pytest.approx(1 / 24)
    assert not any(
        pd.api.types.is_timedelta64_dtype(each[name]) for each in frames.values() for name in each
    )


def test_credit_along_a_setting_is_that_of_each_model():
    journeys = fading()
    found = tune.credit_along(
        journeys, {"1D": TimeDecay("1D"), "first": FirstTouch(), "last": LastTouch()}
    )
    sums = found.groupby("setting")["conversions"].sum()
    assert sums.to_numpy() == pytest.approx(journeys.conversions.sum())
    alone = LastTouch().credit(LastTouch().tally(journeys)).frame()
    last = found[found["setting"] == "last"].set_index("channel")["conversions"]
    assert last.to_dict() == alone.set_index("channel")["conversions"].to_dict()
    # The shorter the half-life, the nearer to last touch.
    quick = tune.credit_along(journeys, {"1s": TimeDecay("1s"), "last": LastTouch()})
    wide = quick.pivot_table(index="channel", columns="setting", values="conversions")
    assert wide["1s"].to_numpy() == pytest.approx(wide["last"].to_numpy(), abs=1.0)
