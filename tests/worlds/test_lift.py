"""Experiments inside a world tell its truth, as far as their standard error says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import attribution
from attribution.worlds.lift import lift_tests
from attribution.worlds.settings import LiftTest
from attribution.worlds.truth import truth

from .small import BUSY, WORLDS


def holding(settings, *tests):
    return replace(settings, lift_tests=tests)


@pytest.mark.parametrize("name", ["additive", "brought", "synergy", "multiplicative"])
def test_gaps_to_the_truth_are_as_large_as_their_standard_errors(name):
    settings = holding(
        WORLDS[name], LiftTest("a", held_out=0.5, least=0.0), LiftTest("a", held_out=1.0)
    )
    world = attribution.simulate(settings, people=400, seed=1)
    caused = truth(settings, world.exposure, 1, replicates=20).conversions[0]
    runs = [lift_tests(settings, world.exposure, seed) for seed in range(60)]
    for row in (0, 1):
        gaps = np.array([(run.conversions[row] - caused) / run.se[row] for run in runs])
        # Of 60 gaps with standard deviation 1 the mean has 0.13, the standard deviation 0.09;
        # errors are a little too large where many people order because of the channel.
        assert abs(gaps.mean()) < 4 * 0.13
        assert 0.55 < gaps.std() < 1.4


def test_the_standard_error_is_what_the_budget_buys():
    world = attribution.simulate("independent", people=20_000, seed=1)
    found = world.lift_tests
    caused = world.truth.set_index("channel").conversions[found.channel].to_numpy()
    assert found.channel.tolist() == list(world.settings.names[6:])
    assert found.se.to_numpy() == pytest.approx(np.maximum(0.1 * caused, 15), rel=0.35)
    assert (found.se >= 15).all()
    assert (found.start == world.people.start[0]).all()
    assert (found.end == world.people.end[0]).all()


def test_a_test_of_a_few_days_finds_what_those_days_caused():
    early, late, whole = (
        LiftTest("b", start, end, held_out=1.0, precision=0.0, least=0.0)
        for start, end in (("0D", "10D"), ("10D", "20D"), ("0D", "20D"))
    )
    world = attribution.simulate(holding(BUSY, early, late, whole), people=4_000, seed=1)
    found = world.lift_tests
    assert found.end[0] - found.start[0] == pd.Timedelta("10D")
    assert found.start[1] == found.end[0]
    halves = found.conversions[0] + found.conversions[1]
    # What one half's touchpoints cause in the other is in neither: a half-life of one of 10 days.
    assert 0.75 * found.conversions[2] < halves < 1.02 * found.conversions[2]


def test_a_channel_without_effect_is_found_to_have_none():
    world = attribution.simulate(holding(BUSY, LiftTest("c")), people=400, seed=1)
    assert world.lift_tests.se[0] == 15
    assert abs(world.lift_tests.conversions[0]) < 60


def test_a_world_without_experiments():
    found = attribution.simulate(BUSY, people=10, seed=1).lift_tests
    assert list(found) == ["channel", "start", "end", "conversions", "se"]
    assert len(found) == 0
