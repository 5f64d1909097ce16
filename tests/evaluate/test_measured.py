"""Worlds like the user's own, and what models are worth in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import attribution
from attribution import Hazard, LastTouch, Linear
from attribution.evaluate.fitted_world import (
    OTHERS,
    VARIANTS,
    largest_channels,
    seeder_of,
    settings_like,
    slow_of,
    variants,
)
from attribution.evaluate.measured import TABLE, measured, selection_table
from attribution.worlds.settings import WorldSettings
from attribution.worlds.world import World


def like(world: World, model: Hazard) -> WorldSettings:
    return settings_like(world.journeys, model.fitted(model.tally(world.journeys)))


@pytest.fixture(scope="module")
def world() -> World:
    return attribution.simulate("independent", people=30_000, seed=4)


@pytest.fixture(scope="module")
def settings(world: World) -> WorldSettings:
    return like(world, Hazard())


def test_a_fitted_world_is_like_the_one_it_was_fitted_to(
    world: World, settings: WorldSettings
) -> None:
    own = world.settings
    assert settings.days == own.days
    # 30,000 people: touchpoints by channel to 3 %, effects as well as the fit knows them.
    order = [settings.names.index(name) for name in own.names]
    assert settings.popularity[order] == pytest.approx(own.popularity, rel=0.05)
    assert settings.activity_spread == pytest.approx(own.activity_spread, rel=0.05)
    assert settings.organic == pytest.approx(own.organic, rel=0.2)
    assert settings.half_lives.mean() == pytest.approx(own.half_lives.mean(), rel=0.2)
    assert settings.effects[order] == pytest.approx(own.effects, abs=0.006)
    again = attribution.simulate(settings, people=30_000, seed=5)
    orders = world.journeys.conversions.sum()
    assert again.journeys.conversions.sum() == pytest.approx(orders, rel=0.05)


def test_a_multiplicative_fit_makes_a_multiplicative_world() -> None:
    world = attribution.simulate("multiplicative", people=10_000, seed=0)
    settings = like(world, Hazard(link="multiplicative"))
    order = [settings.names.index(name) for name in world.settings.names]
    assert settings.link == "multiplicative"
    assert settings.effects[order] == pytest.approx(world.settings.effects, abs=0.3)


def test_variants_change_one_thing_each(settings: WorldSettings) -> None:
    found = variants(settings)
    assert set(found) == {*VARIANTS}
    assert found["fitted"] is settings
    assert found["quick"].half_lives * 8 == pytest.approx(settings.half_lives, rel=1e-6)
    assert found["long"].half_lives == pytest.approx(settings.half_lives * 4, rel=1e-6)
    late = found["late"].half_lives / settings.half_lives
    assert late == pytest.approx(np.where(slow_of(settings), 8, 1), rel=1e-6)
    (seeds,) = found["seeder"].seeding
    assert (seeds.source, seeds.target) == seeder_of(settings)
    assert found["targeted"].intent.share > 0
    for each in found.values():
        assert each.effects.tolist() == settings.effects.tolist()


def test_many_channels_are_the_largest_and_the_rest() -> None:
    names = [f"c{number:02d}" for number in range(30)]
    paths = pd.DataFrame({"path": names, "total_conversions": range(30), "total_null": 1})
    journeys = attribution.Journeys.from_paths(paths, value=None)
    found = largest_channels(journeys, ["c29"])
    assert OTHERS in found.channels
    assert "c29" in found.channels
    assert len(found.channels) <= 13
    assert found.conversions.sum() == journeys.conversions.sum()


def test_the_table_is_what_the_measurements_say(settings: WorldSettings) -> None:
    worlds = {
        name: each for name, each in variants(settings).items() if name in ("fitted", "quick")
    }
    models = {"last": LastTouch(), "linear": Linear(), "hazard": Hazard()}
    found = measured(worlds, models, people=3_000, seeds=2)
    table = selection_table(found, worlds)
    assert tuple(table.columns) == TABLE
    for row in table.to_dict("records"):
        own = found[(found["model"] == row["model"]) & (found["world"] == "fitted")]
        each = []
        for _, part in own.groupby("seed"):
            shares = part[["credited", "caused"]] / part[["credited", "caused"]].sum()
            each.append((shares["credited"] - shares["caused"]).abs().sum() / 2)
        assert row["tv"] == pytest.approx(np.mean(each))
        assert row["over_claim"] == pytest.approx(own["credited"].sum() / own["caused"].sum())
        assert np.isnan(row["tv_targeted"])
    assert set(found[found["world"] == "quick"]["seed"]) == {0}


def test_models_that_cannot_be_fed_are_left_out(settings: WorldSettings) -> None:
    quiet = replace(
        settings,
        organic=0.0,
        channels=tuple(replace(channel, effect=0.0) for channel in settings.channels),
    )
    found = measured({"fitted": quiet}, {"last": LastTouch()}, people=200, seeds=1)
    table = selection_table(found, {"fitted": quiet})
    assert table["tv"].tolist() == [0.0]
    assert not selection_table(found.iloc[:0], {}).shape[0]
