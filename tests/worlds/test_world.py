"""A world as a user sees it: frames, journeys, and what each setting does to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import attribution
from attribution.errors import ConfigError
from attribution.worlds.settings import Intent, IntentBursts, Refunds

from .small import BUSY, DAY, WORLDS

FRAMES = ("touchpoints", "orders", "people", "truth", "lift_tests")


def same(one, other) -> bool:
    return all(getattr(one, name).equals(getattr(other, name)) for name in FRAMES)


@pytest.fixture(scope="module")
def brand():
    return attribution.simulate("live_commerce", people=3_000, seed=4)


def test_the_same_seed_gives_the_same_world_and_another_another():
    one = attribution.simulate("everything", people=500, seed=3)
    again = attribution.simulate("everything", people=500, seed=3)
    other = attribution.simulate("everything", people=500, seed=4)
    assert same(one, again)
    assert not any(getattr(one, name).equals(getattr(other, name)) for name in FRAMES)
    assert one.settings.effects.tolist() != other.settings.effects.tolist()


def test_what_is_asked_for_first_does_not_matter():
    one, other = (attribution.simulate("everything", people=300, seed=3) for _ in range(2))
    for name in FRAMES:
        getattr(one, name)
    for name in reversed(FRAMES):
        getattr(other, name)
    assert same(one, other)


def test_a_worlds_own_settings_make_it_again(brand):
    assert same(brand, attribution.simulate(brand.settings, people=3_000, seed=4))


def test_frames(brand):
    touch, orders, people = brand.touchpoints, brand.orders, brand.people
    assert list(touch) == ["person", "at", "channel"]
    assert list(orders) == ["order_id", "person", "at", "value", "refunded_fen", "refunded_at"]
    assert list(people) == ["person", "start", "end", "intent"]
    assert str(touch["at"].dt.tz) == str(orders["at"].dt.tz) == "UTC"
    assert orders["at"].is_monotonic_increasing
    assert orders.order_id.is_unique
    assert people.person.is_unique
    assert orders.value.dtype == orders.refunded_fen.dtype == np.int64
    assert set(touch.person) | set(orders.person) <= set(people.person)
    for at in (touch["at"], orders["at"]):
        assert (at >= people.start[0]).all()
        assert (at < people.end[0]).all()
    assert people.start[0] == pd.Timestamp("2026-11-01", tz="Asia/Shanghai")
    assert (people.end - people.start == pd.Timedelta("30D")).all()
    assert set(people.intent) == {"high", "low"}
    assert repr(brand) == (
        f"World 'live_commerce': 3,000 people, {len(touch):,} touchpoints, {len(orders):,} orders"
    )


def test_journeys_hold_what_the_frames_hold():
    """Every order takes what touched the person since his last order, by a plain loop."""
    world = attribution.simulate(replace(BUSY, lookback="4D"), people=200, seed=1)
    found = world.journeys
    touch = world.touchpoints.sort_values(["person", "at"], kind="stable")
    taken, last = {}, {}
    for order in world.orders.itertuples():
        own = touch[(touch.person == order.person) & (touch["at"] <= order.at)]
        own = own[own["at"] >= order.at - pd.Timedelta("4D")]
        if order.person in last:
            own = own[own["at"] > last[order.person]]
        last[order.person] = order.at
        taken[order.order_id] = own.channel.tolist()
    rows = np.flatnonzero(found.conversions == 1)
    names = np.array(found.channels)
    got = {
        found.order_id[row]: names[
            found.codes[found.offsets[row] : found.offsets[row + 1]]
        ].tolist()
        for row in rows
    }
    assert got == taken
    assert len(found.codes) == len(touch)
    assert found.values["value"].sum() == world.orders.value.sum()
    assert (found.risk_until - found.risk_from).sum() == 200 * 20 * DAY
    assert found.lookback == 4 * DAY


def test_journeys_know_intent_and_the_never_touched():
    world = attribution.simulate("independent", people=2_000, seed=1)
    found = world.journeys
    untouched = (found.lengths == 0) & (found.nulls == 1)
    assert 100 < untouched.sum() < 600
    assert set(found.segments["intent"]) == {"high", "low"}


@pytest.mark.parametrize("name", attribution.presets())
def test_no_two_orders_of_a_person_share_a_visit(name):
    orders = attribution.simulate(name, people=3_000, seed=2).orders
    gaps = orders.sort_values(["person", "at"]).groupby("person")["at"].diff().dropna()
    assert (gaps > pd.Timedelta("30min")).all()
    assert len(gaps)


def test_effects_are_drawn_anew_around_the_same_total():
    drawn = [attribution.simulate("independent", people=1, seed=n).settings for n in range(200)]
    effects = np.array([settings.effects for settings in drawn])
    total = effects @ drawn[0].popularity
    assert total == pytest.approx(total[0])
    live = effects.mean(0) > 0
    assert live.sum() == 7
    logs = np.log(effects[:, live])
    between = logs - logs.mean(1, keepdims=True)  # what all share is scaled away
    assert between.std() == pytest.approx(0.9 * np.sqrt(6 / 7), rel=0.08)
    assert attribution.simulate("equal", people=1, seed=1).settings.effects.std() == 0


def test_intent_orders_more_and_is_found_by_its_channels():
    intent = Intent(0.5, 4.0, 3.0, ("a",), sensitivity=0.75, specificity=0.92)
    settings = replace(BUSY, intent=intent, channels=_silent(BUSY.channels), activity_spread=0.0)
    world = attribution.simulate(settings, people=4_000, seed=1)
    high = world.exposure.people.high
    orders = np.bincount(world.orders.person, minlength=4_000)
    assert orders[high].mean() / orders[~high].mean() == pytest.approx(4.0, rel=0.1)
    for name, factor in (("a", 3.0), ("b", 1.0)):
        own = world.touchpoints[world.touchpoints.channel == name]
        counts = np.bincount(own.person, minlength=4_000)
        assert counts[high].mean() / counts[~high].mean() == pytest.approx(factor, rel=0.1)
    seen = (world.people.intent == "high").to_numpy()
    assert seen[high].mean() == pytest.approx(0.75, abs=0.04)
    assert seen[~high].mean() == pytest.approx(0.08, abs=0.03)


def test_bursts_bring_orders_and_touchpoints_together():
    bursts = IntentBursts(1.0, "1D", demand=30.0, exposure=30.0, channels=("a",))
    settings = replace(BUSY, bursts=bursts, channels=_silent(BUSY.channels), activity_spread=0.0)
    world = attribution.simulate(settings, people=3_000, seed=1)
    # One day in twenty, half of it lost at the end for one episode in forty: 29 / 20 more.
    assert len(world.orders) / 3_000 == pytest.approx(0.8 * (1 + 29 / 20 * 39 / 40), rel=0.06)
    counts = world.touchpoints.channel.value_counts() / 3_000
    assert counts["a"] == pytest.approx(2.5 * (1 + 29 / 20 * 39 / 40), rel=0.06)
    assert counts["b"] == pytest.approx(2.0, rel=0.06)
    spans = world.exposure.demand.spans
    assert len(spans.person) == pytest.approx(2 * 3_000, rel=0.05)


def test_splitting_identities_hides_touchpoints_and_moves_nothing():
    whole = attribution.simulate("independent", people=2_000, seed=1)
    split = attribution.simulate("split_identities", people=2_000, seed=1)
    assert whole.orders.equals(split.orders)
    assert whole.touchpoints[["at", "channel"]].equals(split.touchpoints[["at", "channel"]])
    hidden = split.touchpoints.person >= 2_000
    assert hidden.mean() == pytest.approx(0.33 * 0.5, abs=0.03)
    assert (split.orders.person < 2_000).all()
    second = split.exposure.second_ids
    known_by = split.touchpoints.person[hidden].to_numpy()
    assert (second[known_by - 2_000] == whole.touchpoints.person[hidden]).all()
    assert len(split.people) == 2_000 + len(second)
    assert len(second) / 2_000 == pytest.approx(0.33, abs=0.03)


def test_refunds_come_back_late_and_never_more_than_was_paid():
    settings = replace(BUSY, refunds=Refunds(0.4, partial=0.5, delay="4D"))
    orders = attribution.simulate(settings, people=3_000, seed=1).orders
    back = orders.refunded_fen > 0
    assert back.mean() == pytest.approx(0.4, abs=0.03)
    assert (orders.refunded_fen <= orders.value).all()
    assert (orders.refunded_fen < orders.value)[back].mean() == pytest.approx(0.5, abs=0.04)
    assert orders.refunded_at.isna().equals(~back)
    delay = (orders.refunded_at - orders["at"])[back] / pd.Timedelta("1D")
    assert delay.min() >= 0
    assert delay.mean() == pytest.approx(4.0, rel=0.06)
    assert delay.std() == pytest.approx(4.0 / np.sqrt(2), rel=0.1)  # gamma with shape 2
    plain = attribution.simulate(BUSY, people=3_000, seed=1).orders
    assert plain.refunded_fen.eq(0).all()
    assert plain.drop(columns=["refunded_fen", "refunded_at"]).equals(
        orders.drop(columns=["refunded_fen", "refunded_at"])
    )


def test_values_have_the_mean_and_spread_asked_for():
    orders = attribution.simulate(replace(BUSY, basket_fen=20_000), people=5_000, seed=1).orders
    assert orders.value.mean() == pytest.approx(20_000, rel=0.03)
    assert np.log(orders.value).std() == pytest.approx(0.6, rel=0.05)


def test_activity_leaves_some_people_untouched():
    even = attribution.simulate(replace(BUSY, activity_spread=0.0), people=3_000, seed=1)
    uneven = attribution.simulate(BUSY, people=3_000, seed=1)
    touched = [world.touchpoints.person.nunique() / 3_000 for world in (even, uneven)]
    # Poisson of mean 5.5, and the same mixed over an exponential activity: 1 / (1 + 5.5).
    assert touched[0] == pytest.approx(1 - np.exp(-5.5), abs=0.01)
    assert touched[1] == pytest.approx(1 - 1 / 6.5, abs=0.02)
    assert len(even.touchpoints) == pytest.approx(len(uneven.touchpoints), rel=0.08)


def test_a_world_where_nothing_happens():
    quiet = replace(
        BUSY,
        organic=0.0,
        channels=tuple(replace(channel, popularity=0.0) for channel in BUSY.channels),
    )
    for settings in (quiet, replace(quiet, link="multiplicative"), replace(quiet, saturation=0.5)):
        world = attribution.simulate(settings, people=5, seed=1)
        assert len(world.touchpoints) == len(world.orders) == 0
        assert world.truth.conversions.tolist() == [0, 0, 0]
        assert len(world.people) == 5
    organic = attribution.simulate(replace(quiet, organic=3.0), people=50, seed=1)
    assert len(organic.orders) > 100


@pytest.mark.parametrize(
    ("people", "seed", "found"),
    [(0, 0, "people=0"), (10, -1, "seed=-1"), (1.5, 0, "people=1.5"), (True, 0, "people=True")],
)
def test_what_cannot_be_simulated(people, seed, found):
    with pytest.raises(ConfigError, match=found):
        attribution.simulate("independent", people=people, seed=seed)


@pytest.mark.parametrize("name", WORLDS)
def test_every_small_world_has_journeys(name):
    world = attribution.simulate(WORLDS[name], people=50, seed=1)
    assert world.journeys.conversions.sum() == len(world.orders) > 0


def _silent(channels):
    return tuple(replace(channel, effect=0.0) for channel in channels)
