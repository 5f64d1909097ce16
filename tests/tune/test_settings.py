"""Weights of repeats, look-back, merging, order of Markov: each where it is planted, and not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from attribution import tune
from attribution.errors import ConfigError, DataError
from attribution.journeys import Journeys
from attribution.models.hazard import Hazard
from attribution.models.hazard_terms import REPEAT
from tests.tune.worlds import fading, idle, unwatched

DAY = 86_400_000


def test_repeats_that_weigh_as_much_are_told_so():
    found = tune.position_weights(fading())
    assert found.low < 1 < found.high
    assert found.verdict.key == "weights_alike"
    assert "1 : 1" in str(found)
    assert "whole paths" in str(found)


def test_repeats_that_weigh_less_are_found():
    # A further touchpoint has a fifth of the effect of the one before it.
    found = tune.position_weights(fading(saturation=0.8))
    assert found.high < 1
    assert found.verdict.supported
    assert found.verdict.key == "weights_differ"
    assert found.curve.loc[found.curve["loglik"].idxmax(), "weights"] == "first and repeat"


def test_the_ratio_of_one_channel_is_that_of_its_effects():
    journeys = fading().rolled_up(dict.fromkeys(fading().channels, "all"))
    fit = Hazard(repeats=True).fitted(Hazard(repeats=True).tally(journeys))
    effects = fit.found.theta[fit.found.problem.groups : fit.found.problem.rates]
    repeat = fit.terms.other == REPEAT
    found = tune.position_weights(journeys)
    assert found.value == pytest.approx(effects[repeat][0] / effects[~repeat][0], rel=1e-9)


def test_where_nothing_repeats_there_is_nothing_to_weigh():
    journeys = fading()
    once = journeys.take(
        np.bincount(journeys.rows[~journeys.distinct], minlength=len(journeys)) == 0
    )
    found = tune.position_weights(once)
    assert found.verdict.key == "weights_none"
    assert np.isnan(found.value)


def test_where_touchpoints_move_nobody_no_weight_is_stated():
    found = tune.position_weights(idle())
    assert not found.verdict.supported
    assert found.verdict.key in ("weights_unknown", "weights_alike")


def test_a_look_back_that_cuts_what_acts_is_told_worse():
    found = tune.lookback(fading(), candidates=("6h", "3D", "14D"))
    assert found.verdict.supported
    assert found.low >= pd.Timedelta("3D")
    assert found.curve["lookback"].tolist() == [
        pd.Timedelta(each) for each in ("6h", "3D", "14D", "30D")
    ]
    assert "at least" in str(found)


def test_a_look_back_of_no_matter_is_told_so():
    found = tune.lookback(idle(), candidates=("1D", "7D"))
    assert found.verdict.key in ("lookback_flat", "no_signal")
    assert "cannot tell" in str(found)
    assert pd.isna(found.value)
    alone = tune.lookback(unwatched(fading()), candidates=("7D",))
    assert alone.verdict.findings[-1].key == "not_held_out"
    assert tune.lookback(fading(), candidates=("40D",)).verdict.key == "lookback_one"


def reminded(journeys: Journeys, minutes: int = 5) -> Journeys:
    """Return journeys in which each touchpoint is written down twice, minutes apart."""
    ages = np.repeat(journeys.ages, 2)
    ages[1::2] = np.maximum(ages[1::2] - minutes * 60_000, 0)
    return replace(
        journeys,
        offsets=journeys.offsets * 2,
        codes=np.repeat(journeys.codes, 2),
        ages=ages,
        touch={},
    )


def test_what_is_written_twice_does_not_matter_for_the_rates():
    # Every touchpoint twice is the same model with half the effect: nothing to tell.
    found = tune.sessions(reminded(fading(people=4_000)), gaps=("10min",))
    assert found.verdict.key == "sessions_flat"
    assert found.curve["gap"].tolist() == [pd.Timedelta(0), pd.Timedelta("10min")]


def test_repeats_written_at_random_are_merged():
    # Some touchpoints are written twenty times within minutes, and do no more than others.
    journeys = fading()
    rng = np.random.default_rng(0)
    times = np.where(rng.random(len(journeys.codes)) < 0.15, 20, 1)
    where = np.repeat(np.arange(len(times)), times)
    lengths = np.bincount(journeys.rows[where], minlength=len(journeys))
    noisy = replace(
        journeys,
        offsets=np.append(0, np.cumsum(lengths)),
        codes=journeys.codes[where],
        ages=journeys.ages[where],
        touch={},
    )
    found = tune.sessions(noisy, gaps=("10min",))
    assert found.verdict.key == "sessions_merge"
    assert found.value == pd.Timedelta("10min")


def test_merging_what_each_acts_is_told_worse():
    found = tune.sessions(fading(), gaps=("20D",))
    assert found.verdict.key == "sessions_keep"
    assert found.value == pd.Timedelta(0)


def test_nothing_to_merge_is_said():
    found = tune.sessions(fading(), gaps=("1ms",))
    assert found.verdict.key == "sessions_none"
    with pytest.raises(ConfigError, match="no touchpoint column 'session_id'"):
        tune.sessions(fading(), by=["session_id"])


def walks(order: int, people: int = 6_000, seed: int = 0) -> Journeys:
    """Return journeys of three channels whose next one depends on the last `order` of them.

    A journey ends at any time, and a third of them with an order: neither tells of the past.
    """
    rng = np.random.default_rng(seed)
    most = 12
    codes = rng.integers(0, 3, (people, most))
    for at in range(order, most):
        likely = codes[:, at - order : at].sum(axis=1) % 3
        follows = (rng.random(people) < 0.6) & (order > 0)
        codes[:, at] = np.where(follows, likely, codes[:, at])
    lengths = np.minimum(rng.geometric(0.15, people), most)
    start = rng.integers(0, 40 * DAY, people) + 1_790_000_000_000
    at = start[:, None] + np.arange(most + 1) * DAY // 4
    here = np.arange(most) < lengths[:, None]
    buyers = np.arange(0, people, 3)
    touched = {
        "person": np.repeat(np.arange(people), lengths),
        "at": pd.to_datetime(at[:, :most][here], unit="ms", utc=True),
        "channel": np.array(["a", "b", "c"])[codes[here]],
    }
    ordered = {
        "order_id": buyers,
        "person": buyers,
        "at": pd.to_datetime(at[buyers, lengths[buyers]], unit="ms", utc=True),
        "value": 1.0,
    }
    return Journeys.from_touchpoints(pd.DataFrame(touched), pd.DataFrame(ordered))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_planted_order_is_found(order):
    found = tune.markov_order(walks(order))
    assert found.value == order
    assert found.low == order
    assert found.verdict.supported
    assert f"order {order}" in str(found)
    assert found.curve["order"].tolist() == [1, 2, 3, 4]


def test_what_depends_on_nothing_needs_no_memory():
    found = tune.markov_order(walks(0))
    assert found.low == 1
    assert found.curve["gain"].max() < 0.05


def test_few_journeys_do_not_tell_the_order():
    found = tune.markov_order(walks(0, people=40), highest=2)
    if not found.verdict.supported:
        assert np.isnan(found.value)
        assert "simplest" in str(found)
    with pytest.raises(ConfigError, match="highest=0"):
        tune.markov_order(walks(1), highest=0)


def test_one_instant_cannot_be_cut():
    at = pd.Timestamp("2026-11-01", tz="UTC")
    touched = pd.DataFrame({"person": ["p"], "at": [at], "channel": ["a"]})
    orders = pd.DataFrame({"order_id": ["o"], "person": ["p"], "at": [at], "value": [1.0]})
    with pytest.raises(DataError, match="all lie at one time"):
        tune.markov_order(Journeys.from_touchpoints(touched, orders))
