"""What channels truly cause, against a plain simulator, and what must hold whatever the chance."""

from __future__ import annotations

import random
from dataclasses import replace
from statistics import fmean, variance

import numpy as np
import pytest

import attribution
from attribution.worlds.chance import stream
from attribution.worlds.truth import link_of, truth
from attribution.worlds.worth import worth

from .small import BUSY, WORLDS, PlainWorld

QUICK = ("additive", "brought", "multiplicative")  # of the plain simulator, which is slow


@pytest.fixture(scope="module", params=WORLDS)
def tiny(request):
    return attribution.simulate(WORLDS[request.param], people=12, seed=5)


def everything(world):
    return worth(
        world.settings, world.exposure.touches, np.ones(len(world.exposure.touches.at), bool)
    )


@pytest.mark.parametrize(
    ("name", "plays"),
    [(name, 60) for name in QUICK]
    + [pytest.param(name, 200, marks=pytest.mark.slow) for name in WORLDS],
)
def test_truth_is_what_a_plain_simulator_finds(name, plays):
    """The mean difference of many independent plays, within 4 of its standard errors.

    The plays share neither code nor random numbers with the truth, whose own noise at 300
    replicates is a small part of theirs.
    """
    tiny = attribution.simulate(WORLDS[name], people=12, seed=5)
    found = truth(tiny.settings, tiny.exposure, seed=1, replicates=300).set_index("channel")
    with_all = [PlainWorld(tiny).orders(random.Random(n)) for n in range(plays)]
    for code, name in enumerate(tiny.settings.names[:2]):
        world = PlainWorld(tiny, without=code)
        rest = [world.orders(random.Random(10_000 + n)) for n in range(plays)]
        error = np.sqrt((variance(with_all) + variance(rest)) / plays)
        difference = fmean(with_all) - fmean(rest)
        assert found.conversions[name] == pytest.approx(difference, abs=4 * error)


def test_expected_orders_are_the_mean_of_orders_that_happen(tiny):
    """Orders less the integral of their rate have mean 0: within 4 standard errors."""
    link, full = link_of(tiny.settings, tiny.exposure), everything(tiny)
    gaps = []
    for n in range(400):
        possible = link.possible(stream(3, n))
        orders = possible.orders(full)
        gaps.append(len(orders.at) - possible.expected(orders, full).sum())
    assert abs(np.mean(gaps)) < 4 * np.std(gaps) / np.sqrt(len(gaps))


def test_denser_thinning_changes_nothing_but_noise():
    world = attribution.simulate(WORLDS["multiplicative"], people=12, seed=5)
    full, means, spread = everything(world), [], []
    for density in (1.0, 8.0):
        link = link_of(world.settings, world.exposure).denser(density)
        played = [link.possible(stream(4, n)) for n in range(300)]
        values = [p.expected(p.orders(full), full).sum() for p in played]
        counts = [len(p.orders(full).at) for p in played]
        means += [np.mean(values), np.mean(counts)]
        spread += [np.std(values), np.std(counts)]
    errors = np.array(spread) / np.sqrt(300)
    assert np.ptp(means) < 4 * np.sqrt(2) * errors.max()
    assert spread[2] < 0.7 * spread[0]


def test_a_channel_without_effect_that_brings_nothing_caused_nothing():
    found = attribution.simulate(BUSY, people=300, seed=1).truth.set_index("channel")
    assert found.conversions["c"] == 0
    assert found.value["c"] == 0
    assert found.conversions["a"] > found.conversions["b"] > 0


def test_a_seeder_caused_what_it_brought():
    settings = WORLDS["brought"]
    plain = replace(settings, seeding=(), retargeting=())
    found = attribution.simulate(settings, people=300, seed=1).truth.set_index("channel")
    without = attribution.simulate(plain, people=300, seed=1).truth.set_index("channel")
    assert without.conversions["c"] == 0
    assert found.conversions["c"] > 20


def test_synergy_counts_for_both():
    alone = attribution.simulate(BUSY, people=300, seed=1).truth.conversions
    together = attribution.simulate(WORLDS["synergy"], people=300, seed=1).truth.conversions
    assert (together[:2] > alone[:2]).all()


def test_where_nothing_is_consumed_truth_is_effect_times_exposure():
    """With so few orders that none stands in another's way, each channel causes what it brings.

    Rate of a touchpoint of age x: effect ln 2 / h 2^(-x / h), here until the end of the world.
    """
    rare = replace(
        BUSY,
        channels=tuple(replace(c, effect=c.effect * 1e-6) for c in BUSY.channels),
        organic=0.0,
    )
    world = attribution.simulate(rare, people=2_000, seed=1)
    touches, settings = world.exposure.touches, world.settings
    left = settings.span - touches.at
    acted = 1 - 0.5 ** (left / settings.half_lives[touches.channel])
    wanted = np.bincount(touches.channel, acted, 3) * settings.effects
    assert world.truth.conversions.to_numpy() == pytest.approx(wanted, rel=1e-4)


def test_all_orders_are_organic_or_caused(tiny):
    """Without synergy, removing every channel at once leaves the organic orders."""
    link = link_of(tiny.settings, tiny.exposure)
    nothing = worth(
        tiny.settings, tiny.exposure.touches, np.zeros(len(tiny.exposure.touches.at), bool)
    )
    spans, rhythm = tiny.exposure.demand
    organic = spans.means(rhythm).sum()
    counts = [len(link.possible(stream(9, n)).orders(nothing).at) for n in range(400)]
    # Pauses of 30 minutes after each order take less than 1 % of 20 days.
    tolerance = 4 * np.std(counts) / np.sqrt(400) + 0.01 * organic
    assert np.mean(counts) == pytest.approx(organic, abs=tolerance)


def test_value_is_what_the_caused_orders_are_worth():
    channels = (replace(BUSY.channels[0], order_value=2.0), *BUSY.channels[1:])
    settings = replace(BUSY, channels=channels, organic=0.0, basket_fen=1_000)
    world = attribution.simulate(settings, people=400, seed=1)
    found = world.truth.set_index("channel")
    assert found.value["a"] > 1_900 * found.conversions["a"]
    # Without b some of a's dearer orders come in their place.
    assert found.value["b"] < 1_000 * found.conversions["b"]
    first = world.orders.value.mean()
    assert 1_000 < first < 2_100


def test_its_own_noise_is_well_below_one_percent():
    for name in ("independent", "synergy", "multiplicative"):
        world = attribution.simulate(name, people=6_000, seed=1)
        again = [truth(world.settings, world.exposure, seed).conversions for seed in range(4)]
        assert np.std(again, axis=0, ddof=1).max() < 0.005 * np.sum(again[0])


def test_truth_knows_nothing_of_identities():
    whole = attribution.simulate("independent", people=2_000, seed=1)
    split = attribution.simulate("split_identities", people=2_000, seed=1)
    assert whole.truth.equals(split.truth)
