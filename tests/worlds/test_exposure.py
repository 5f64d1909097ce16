"""People and what touches them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import attribution
from attribution.worlds.exposure import expose
from attribution.worlds.rhythm import session_times
from attribution.worlds.settings import FlashSale, Retargeting, Seeding, Sessions

from .small import BUSY, DAY, WORLDS

HOUR = DAY // 24


def counts(exposure, channels=3):
    return np.bincount(exposure.touches.channel, minlength=channels)


@pytest.mark.parametrize("name", WORLDS)
def test_touchpoints_stand_by_person_and_time_within_the_world(name):
    settings = WORLDS[name]
    touches = expose(settings, 200, 1).touches
    keys = touches.person * 10**12 + touches.at
    assert (np.diff(keys) >= 0).all()
    assert 0 <= touches.at.min() <= touches.at.max() < settings.span
    assert ((touches.ancestry >> touches.channel) & 1).all()


def test_popularity_is_touchpoints_per_person():
    found = counts(expose(BUSY, 20_000, 1)) / 20_000
    # Activity has mean 1 and standard deviation 1.
    assert found == pytest.approx(BUSY.popularity, rel=0.04)


def test_the_touchpoints_of_a_live_channel_fall_in_its_sessions():
    settings = replace(
        WORLDS["sessions"],
        seeding=(Seeding("b", "a", 0.5, "2D"),),
        flash_sales=(FlashSale("5D20h", "1h", 5.0, 1.0, ("a",)),),
    )
    exposure = expose(settings, 3_000, 1)
    live = exposure.touches.channel == 0
    at = exposure.touches.at[live]
    hour = at % DAY // HOUR
    assert set(hour) == {20, 21, 22}
    seeded = exposure.touches.ancestry[live] == 3
    assert 0.2 < seeded.mean() < 0.5
    assert set(hour[seeded]) == {20, 21, 22}
    surge = ((at // HOUR) == 5 * 24 + 20) & ~seeded
    usual = ((at // HOUR) == 6 * 24 + 20) & ~seeded
    assert surge.sum() / usual.sum() == pytest.approx(5.0, rel=0.25)
    starts, ends = session_times(Sessions("20h", "5h"), 2 * DAY)
    assert starts.tolist() == [20 * HOUR, 44 * HOUR]
    assert ends.tolist() == [25 * HOUR, 48 * HOUR]


def test_flash_sales_raise_exposure_and_demand():
    settings = replace(
        BUSY,
        flash_sales=(FlashSale("5D", "1D", 4.0, 8.0, ("b",)),),
        channels=tuple(replace(channel, effect=0.0) for channel in BUSY.channels),
    )
    world = attribution.simulate(settings, people=10_000, seed=1)
    day = world.exposure.touches.at // DAY
    for code, factor in ((0, 1.0), (1, 4.0)):
        own = np.bincount(day[world.exposure.touches.channel == code], minlength=20)
        assert own[5] / np.delete(own, 5).mean() == pytest.approx(factor, rel=0.1)
    begin = world.people.start[0]
    ordered = ((world.orders["at"] - begin).dt.days).value_counts()
    assert ordered[5] / ordered.drop(5).mean() == pytest.approx(8.0, rel=0.1)


def test_seeding_brings_visits_after_a_delay():
    settings = replace(BUSY, days=200, seeding=(Seeding("c", "a", 0.8, "2D"),))
    plain, seeded = expose(replace(BUSY, days=200), 5_000, 1), expose(settings, 5_000, 1)
    more = counts(seeded) - counts(plain)
    assert more[1] == more[2] == 0
    # A visit of mean delay 2 days is lost beyond the end of 200 days for one source in a hundred.
    assert more[0] / counts(plain)[2] == pytest.approx(0.8 * 0.99, rel=0.05)
    brought = seeded.touches.ancestry == 0b101
    assert brought.sum() == more[0]
    assert (seeded.touches.channel[brought] == 0).all()


def test_retargeting_follows_within_its_time():
    settings = replace(BUSY, retargeting=(Retargeting("c", 0.2, "3D"),), activity_spread=0.0)
    channels = tuple(replace(c, popularity=0.0 if c.name == "c" else 0.2) for c in BUSY.channels)
    touches = expose(replace(settings, channels=channels, days=200), 20_000, 1).touches
    followers = np.flatnonzero(touches.channel == 2)
    sources = (touches.channel != 2).sum()
    assert len(followers) / sources == pytest.approx(0.2, rel=0.06)
    gaps = touches.at[followers] - touches.at[followers - 1]
    alone = touches.person[followers] == touches.person[followers - 1]
    assert alone.all()  # nobody is followed whom nothing has touched
    assert gaps.max() < 3 * DAY
    assert gaps[touches.channel[followers - 1] != 2].mean() > 1.2 * DAY


def test_generations_of_visits_die_out():
    settings = replace(
        BUSY,
        days=400,
        activity_spread=0.0,
        seeding=(Seeding("a", "b", 0.5), Seeding("b", "a", 0.5), Seeding("b", "c", 0.2)),
    )
    found = counts(expose(settings, 2_000, 1)) / 2_000
    # Expected totals solve n = popularity + offspring' n; delays of a day cost 1 in 100 at the end.
    wanted = np.linalg.solve(np.eye(3) - settings.offspring.T, settings.popularity)
    assert found == pytest.approx(wanted, rel=0.05)
