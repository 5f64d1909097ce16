"""The verdict on worlds whose truth is known, and on data that cannot bear one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import attribution
from attribution import ConfigError, Hazard
from attribution.evaluate.trust import Judgement, judge
from attribution.journeys import Journeys
from attribution.worlds.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return attribution.simulate("independent", people=12_000, seed=1)


@pytest.fixture(scope="module")
def told(world: World) -> Judgement:
    return judge(world.journeys)


def keys(found: Judgement) -> dict[str, str]:
    return {each.gate: each.key for each in found.findings}


def test_without_experiments_the_verdict_is_observational(told: Judgement) -> None:
    assert told.verdict.key == "observational"
    assert keys(told) == {
        "data": "data_enough",
        "holdout": "gain",
        "placebo": "placebos_empty",
        "lift": "untested",
        "over_claim": "over_claim",
    }
    assert isinstance(told.model, Hazard)
    assert told.verdict.numbers["wanted"] == told.findings[3].numbers["channels"]
    assert 1 <= len(told.verdict.numbers["wanted"]) <= 2


def test_the_table_has_every_model_and_knows_the_nearest(told: Judgement) -> None:
    assert set(told.table["model"]) == {*told.credits}
    assert len(told.table) == 8
    assert told.table.loc[0, "model"] == "Hazard"
    assert told.table["tv"].is_monotonic_increasing
    assert told.simulated == 12_000
    assert told.share == 1.0


def test_experiments_that_agree_make_it_tested(world: World) -> None:
    found = judge(world.journeys, world.lift_tests, simulated=False)
    assert found.verdict.key == "tested"
    assert found.verdict.numbers["tests"] == 2
    assert not len(found.table)
    assert set(found.lift["model"]) == {*found.credits}


def test_an_experiment_that_contradicts_enters_the_likelihood(world: World) -> None:
    tests = world.lift_tests.assign(conversions=[40.0, 30.0], se=[8.0, 8.0])
    found = judge(world.journeys, tests, simulated=False)
    assert found.verdict.key == "corrected"
    assert found.model is not None
    assert len(found.model.lift_tests) == 2
    assert "Hazard + tests" in set(found.lift["model"])
    effects = found.credits["Hazard"].effects.set_index("channel")["conversions"]
    # Far from what the journeys say alone, towards the tests.
    assert (effects[tests["channel"]].to_numpy() < 100).all()


@pytest.mark.slow
def test_channels_that_find_ready_buyers_are_named_until_they_are_tested() -> None:
    world = attribution.simulate("static_intent", people=40_000, seed=1)
    found = judge(world.journeys, simulated=False)
    assert found.verdict.key == "inclined"
    tested = set(world.lift_tests["channel"])
    assert set(found.verdict.numbers["channels"]) == tested
    assert set(found.verdict.numbers["wanted"]) == tested


def test_shuffled_channels_have_no_model(world: World) -> None:
    codes = np.random.default_rng(0).permutation(world.journeys.codes)
    found = judge(replace(world.journeys, codes=codes))
    assert found.verdict.key == "channels_alike"
    assert found.model is None
    assert not len(found.table)


def test_many_people_are_drawn_from_and_tests_shrink_with_them(world: World) -> None:
    half = judge(world.journeys, world.lift_tests, people=6_000, simulated=False)
    assert half.share == pytest.approx(0.5)
    assert half.lift["found"].unique() * 2 == pytest.approx(world.lift_tests["conversions"])
    assert half.lift["credit"].mean() < 0.7 * world.lift_tests["conversions"].mean()


def test_the_same_seed_gives_the_same_judgement(world: World) -> None:
    one, two = (judge(world.journeys, people=5_000, seed=7, simulated=False) for _ in range(2))
    assert one.verdict == two.verdict
    pd.testing.assert_frame_equal(one.placebos, two.placebos)


def test_people_is_a_number_of_them(world: World) -> None:
    with pytest.raises(ConfigError, match="people=0"):
        judge(world.journeys, people=0)


# ---------------------------------------------------------------------- bad input


def test_path_counts_bear_exposure_accounting_only(world: World) -> None:
    found = judge(Journeys.from_paths(world.journeys.paths()))
    assert (found.verdict.key, found.findings[0].key) == ("exposure_only", "no_times")
    assert not found.credits
    assert found.verdict.numbers["lacks"] == "no_times"


def test_without_people_who_did_not_order_there_are_no_causes(world: World) -> None:
    found = judge(world.journeys.take(world.journeys.conversions > 0))
    assert (found.verdict.key, found.findings[0].key) == ("exposure_only", "no_nonconverters")


def test_without_orders_there_is_nothing(world: World) -> None:
    found = judge(world.journeys.take(world.journeys.conversions == 0))
    assert (found.verdict.key, found.findings[0].key) == ("nothing", "no_orders")


def test_one_channel_is_told_from_what_comes_anyway(world: World) -> None:
    one = world.journeys.rolled_up(dict.fromkeys(world.journeys.channels, "all"))
    found = judge(one, simulated=False)
    assert keys(found)["data"] == "one_channel"
    assert found.verdict.key == "observational"
    assert 0 < found.verdict.numbers["organic_share"] < 1


def test_one_channel_has_a_table_without_a_seeder(world: World) -> None:
    one = world.journeys.rolled_up(dict.fromkeys(world.journeys.channels, "all"))
    found = judge(one, people=3_000)
    assert found.table["tv"].to_numpy() == pytest.approx(0.0)
    assert found.table["seeder"].isna().all()


def made(extra: pd.DataFrame, seed: int = 1) -> Journeys:
    """Return a world's journeys with further touchpoints."""
    world = attribution.simulate("independent", people=8_000, seed=seed)
    touches = pd.concat([world.touchpoints.astype({"channel": "str"}), extra], ignore_index=True)
    return Journeys.from_touchpoints(touches, world.orders, people=world.people)


def test_channels_that_always_come_together_are_named() -> None:
    touches = attribution.simulate("independent", people=8_000, seed=1).touchpoints
    twin = touches.astype({"channel": "str"})
    first = twin["channel"].iloc[0]
    found = judge(made(twin[twin["channel"] == first].assign(channel="twin")), simulated=False)
    (unclear,) = [each for each in found.findings if each.gate == "effects"]
    assert unclear.key == "inseparable"
    assert set(unclear.numbers["channels"][0].split(", ")) == {first, "twin"}


def test_a_channel_with_three_touchpoints_is_not_judged() -> None:
    touches = attribution.simulate("independent", people=8_000, seed=1).touchpoints
    rare = touches.head(3).assign(channel="rare")
    found = judge(made(rare), people=8_000)
    (unclear,) = [each for each in found.findings if each.key == "too_few"]
    assert unclear.numbers["channels"] == ["rare"]
    assert "rare" not in {*found.table["overvalues"], *found.table["undervalues"]}
    assert "rare" not in found.verdict.numbers["wanted"]
