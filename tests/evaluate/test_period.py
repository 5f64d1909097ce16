"""Journeys of a period: days cut nothing in two and add up to the whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from attribution import (
    ConfigError,
    DataError,
    Hazard,
    Journeys,
    LastTouch,
    Linear,
    Markov,
    ModelError,
    attribute,
    compare,
    difference,
    in_period,
    simulate,
    watched_in,
)
from attribution.tally import sum_tallies

DAYS = [date(2026, 11, 1) + timedelta(days=nth) for nth in range(20)]


@pytest.fixture(scope="module")
def journeys() -> Journeys:
    """Return journeys of 200 people over 20 days, with orders at any hour of a local day."""
    rng = np.random.default_rng(3)
    at = pd.Timestamp("2026-11-01", tz="Asia/Shanghai") + pd.to_timedelta(
        np.sort(rng.integers(0, 20 * 86_400, 2_000)), unit="s"
    )
    touchpoints = pd.DataFrame(
        {
            "person": rng.integers(0, 200, 2_000).astype(str),
            "at": at,
            "channel": rng.choice(["live", "ads", "group"], 2_000),
        }
    )
    orders = touchpoints.iloc[::7][["person", "at"]].reset_index(drop=True)
    orders = orders.assign(order_id=orders.index.astype(str), value=rng.integers(1, 900, 286))
    return Journeys.from_touchpoints(touchpoints, orders, lookback="3D")


def test_days_are_local_and_both_ends_belong_to_the_period(journeys: Journeys) -> None:
    (found,) = in_period(journeys, "2026-11-05", DAYS[6])
    local = pd.to_datetime(found.closed_at, unit="ms", utc=True).tz_convert("Asia/Shanghai")
    ordered = found.conversions > 0
    assert {*local[ordered].date} == {*DAYS[4:7]}
    everything = pd.to_datetime(journeys.closed_at, unit="ms", utc=True)
    wanted = [day in DAYS[4:7] for day in everything.tz_convert("Asia/Shanghai").date]
    assert ordered.sum() == (journeys.conversions > 0)[wanted].sum()


def test_periods_add_up_to_the_whole(journeys: Journeys) -> None:
    parts = [in_period(journeys, DAYS[a], DAYS[b]) for a, b in ((0, 6), (7, 7), (8, 19))]
    frames = [attribute(part, Linear()).frame().set_index("channel") for part in parts]
    whole = attribute(journeys, Linear()).frame().set_index("channel")
    added = sum(frame["value"] for frame in frames)
    np.testing.assert_allclose(added[whole.index], whole["value"])
    tallied = [Markov().tally(batch) for part in parts for batch in part]
    assert not len(sum_tallies(tallied) - Markov().tally(journeys))


class _Elsewhere:
    """Journeys that are nowhere to be walked over: sums are made where they lie."""

    def __init__(self, batches: list[Journeys]) -> None:
        self.batches = batches

    def __iter__(self) -> Any:
        raise AssertionError("they were fetched")

    def reduced(
        self, work: Callable[[Iterable[Journeys]], Any], add: Callable[[Any, Any], Any]
    ) -> Any:
        one, *others = [work(iter([batch])) for batch in self.batches]
        for other in others:
            one = add(one, other)
        return one


def test_a_period_of_journeys_elsewhere_is_cut_there(journeys: Journeys) -> None:
    halves = [journeys.take(slice(0, 500)), journeys.take(slice(500, None))]
    models = [LastTouch(), Markov()]
    there = compare(in_period(_Elsewhere(halves), DAYS[3], DAYS[9]), models, 0.9)
    here = compare(in_period(halves, DAYS[3], DAYS[9]), models, 0.9)
    pd.testing.assert_frame_equal(there.frame(), here.frame())


def test_two_periods_differ_with_an_interval(journeys: Journeys) -> None:
    before, after = (
        attribute(in_period(journeys, DAYS[a], DAYS[b]), LastTouch(), 0.95)
        for a, b in ((0, 9), (10, 19))
    )
    gap = difference(after, before).set_index("channel")
    one, other = (each.frame().set_index("channel")["conversions"] for each in (after, before))
    np.testing.assert_allclose(gap["conversions"], (one - other)[gap.index])
    assert ((gap["low"] < gap["conversions"]) & (gap["conversions"] < gap["high"])).all()


def test_a_period_without_journeys_has_nothing_to_credit(journeys: Journeys) -> None:
    credit = attribute(in_period(journeys, "2030-01-01", "2030-12-31"), Markov(), 0.95)
    assert not credit.rows.any()


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("2026-11-31", "2026-12-01", "first='2026-11-31': write a day"),
        ("2026-11-01", "soon", "last='soon': write a day"),
        ("2026-11-01", 5, "last=5: write a day"),
        ("2026-11-02", "2026-11-01", "from 2026-11-02 to 2026-11-01 ends before it begins"),
    ],
)
def test_what_is_no_period_is_refused(
    journeys: Journeys, first: Any, last: Any, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        in_period(journeys, first, last)


def test_path_counts_have_no_days() -> None:
    paths = pd.DataFrame({"path": ["a > b"], "total_conversions": [3]})
    counted = Journeys.from_paths(paths, value=None, nulls=None)
    with pytest.raises(DataError, match="Path counts have no times"):
        attribute(in_period(counted, "2026-11-01", "2026-11-02"), LastTouch())


def test_a_model_of_rates_watches_the_days_and_keeps_what_acted_before() -> None:
    planted = simulate("independent", people=20_000, seed=2)
    halves = [("2026-11-01", "2026-11-15"), ("2026-11-16", "2026-11-30")]
    found = [attribute(watched_in(planted.journeys, *days), Hazard(), 0.95) for days in halves]
    for credit, days in zip(found, halves, strict=True):
        # A half tells a half-life of 3 days to about 0.3 days.
        assert credit.half_life / pd.Timedelta("1D") == pytest.approx(3, abs=1)
        frame = credit.frame().set_index("channel")
        belonging = sum(batch.conversions.sum() for batch in in_period(planted.journeys, *days))
        assert frame["conversions"].sum() == pytest.approx(belonging)
        assert "(unattributed)" not in frame.index
    apart = difference(*found).set_index("channel")
    assert ((apart["low"] <= 0) & (apart["high"] >= 0)).loc["(organic)"]


def test_what_a_model_of_rates_says_of_parts_adds_up(journeys: Journeys) -> None:
    model = Hazard("1D")
    fit = model.fitted(model.tally(journeys))
    parts = [
        fit.loglik(model.tally(batch))
        for days in ((DAYS[0], DAYS[7]), (DAYS[8], DAYS[-1]))
        for batch in watched_in(journeys, *days)
    ]
    assert sum(parts) == pytest.approx(fit.loglik(model.tally(journeys)), rel=1e-4)


def test_journeys_chosen_by_their_day_are_refused_by_a_model_of_rates(journeys: Journeys) -> None:
    with pytest.raises(ModelError, match="watched_in"):
        attribute(in_period(journeys, DAYS[0], DAYS[9]), Hazard())
    with pytest.raises(ConfigError, match="ends before it begins"):
        watched_in(journeys, DAYS[3], DAYS[2])
