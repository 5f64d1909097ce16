from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import DataError, MissingAges
from attribution.journeys import Journeys
from attribution.models.hazard import Hazard
from attribution.tune.held import Recent, gathered, merged

START = pd.Timestamp("2026-11-01", tz="UTC")


def raw(seed: int = 0, people: int = 300):
    rng = np.random.default_rng(seed)
    touches, orders = 6 * people, people // 2
    touched = pd.DataFrame(
        {
            "person": rng.integers(0, people, touches),
            "at": START + pd.to_timedelta(rng.random(touches) * 30, unit="D").round("s"),
            "channel": rng.choice(["a", "b"], touches),
        }
    )
    ordered = pd.DataFrame(
        {
            "order_id": np.arange(orders),
            "person": rng.integers(0, people, orders),
            "at": START + pd.to_timedelta(rng.random(orders) * 30, unit="D").round("s"),
            "value": 1.0,
        }
    )
    watched = pd.DataFrame(
        {"person": np.arange(people), "start": START, "end": START + pd.Timedelta("30D")}
    )
    return touched, ordered, watched


@pytest.mark.parametrize("lookback", ["1D", "4D", "12D"])
def test_a_shorter_look_back_is_that_of_journeys_built_with_it(lookback):
    touched, ordered, watched = raw()
    long, short = (
        Journeys.from_touchpoints(touched, ordered, people=watched, lookback=each)
        for each in ("25D", lookback)
    )
    ms = int(pd.Timedelta(lookback) / pd.Timedelta("1ms"))
    model = Hazard("2D")
    cut = Recent(model, ms)
    found, expected = cut.fitted(cut.tally(long)), model.fitted(model.tally(short))
    # Exposure is binned: 1,000 bins of the log of age, read at their mean.
    assert found.found.value == pytest.approx(expected.found.value, rel=1e-6)
    assert found.found.theta == pytest.approx(expected.found.theta, rel=1e-4)


def test_the_journeys_own_look_back_changes_nothing():
    journeys = Journeys.from_touchpoints(*raw()[:2], people=raw()[2], lookback="10D")
    model = Hazard("2D")
    same = Recent(model, journeys.lookback).tally(journeys)
    assert model.fitted(same).found.value == model.fitted(model.tally(journeys)).found.value


touch = st.tuples(st.integers(0, 2), st.integers(0, 20), st.sampled_from("ab"))


@given(st.lists(touch, min_size=1, max_size=12), st.integers(0, 6))
def test_merging_keeps_the_first_of_each_run(rows, gap):
    touched = pd.DataFrame(
        {
            "person": [person for person, _, _ in rows],
            "at": [START + pd.Timedelta(minutes=at) for _, at, _ in rows],
            "channel": [channel for _, _, channel in rows],
        }
    )
    nobody = pd.DataFrame({"order_id": ["o"], "person": ["x"], "at": [START], "value": [1.0]})
    touched["person"] = touched["person"].astype(str)
    journeys = Journeys.from_touchpoints(touched, nobody, columns=[])
    found = merged(journeys, gap * 60_000)
    kept = set()
    for person, channel in {(p, c) for p, _, c in rows}:
        last = None
        for at in sorted(at for p, at, c in rows if (p, c) == (person, channel)):
            if gap == 0 or last is None or at - last > gap:
                kept.add((person, channel, at))
            last = at
    # One journey for each person, in their order; equal rows are as many as they were if gap is 0.
    names = np.array(found.channels)
    at = found.closed_at[found.rows] - found.ages
    shown = {
        (str(names[code]), int(ms - START.value // 10**6) // 60_000)
        for code, ms in zip(found.codes, at, strict=True)
    }
    assert shown == {(channel, at) for _, channel, at in kept}
    assert len(found.codes) == (len(rows) if gap == 0 else len(kept))
    assert found.lengths[journeys.lengths > 0].min() >= 1


def test_sessions_are_told_apart_by_a_column():
    touched = pd.DataFrame(
        {
            "person": "p",
            "at": [START, START + pd.Timedelta("1min"), START + pd.Timedelta("2min")],
            "channel": "a",
            "session_id": ["s1", "s2", "s2"],
        }
    )
    orders = pd.DataFrame(
        {"order_id": ["o"], "person": ["p"], "at": [START + pd.Timedelta("1h")], "value": [1.0]}
    )
    journeys = Journeys.from_touchpoints(touched, orders, columns=["session_id"])
    assert len(merged(journeys, 600_000).codes) == 1
    assert merged(journeys, 600_000, ["session_id"]).touch["session_id"].tolist() == ["s1", "s2"]


def test_several_batches_are_read_as_one():
    journeys = Journeys.from_touchpoints(*raw()[:2])
    halves = [journeys.take(slice(0, 100)), journeys.take(slice(100, None))]
    assert gathered(halves, "it").journeys == journeys.journeys


def test_what_is_missing_is_named():
    paths = Journeys.from_paths(
        pd.DataFrame({"path": ["a > b"], "total_conversions": [1], "total_null": [2]}), value=None
    )
    with pytest.raises(MissingAges, match="The half-life needs the age of every touchpoint"):
        gathered(paths, "The half-life")
    touched, ordered, _ = raw()
    strangers = ordered.assign(person=ordered["person"] + 10_000)
    with pytest.raises(DataError, match="no order after a touchpoint"):
        gathered(Journeys.from_touchpoints(touched, strangers), "it")
