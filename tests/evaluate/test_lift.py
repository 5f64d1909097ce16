"""Models against lift tests: what they credit in a window, and what the test found."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import attribution
from attribution import ConfigError, DataError, Hazard, LastTouch, LiftTest, Linear, lift
from attribution.intake.create import create_workspace
from attribution.journeys import Journeys
from attribution.workspace import Workspace, read_workspace
from attribution.worlds.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return attribution.simulate("independent", people=6_000, seed=3)


@pytest.fixture(scope="module")
def journeys(world: World) -> Journeys:
    return world.journeys


def all_time(channel: str, found: float = 100.0, se: float = 10.0) -> LiftTest:
    return LiftTest(channel, None, None, found, se)


def windowed(test: LiftTest, start: str, end: str) -> LiftTest:
    at = [pd.Timestamp(day, tz="Asia/Shanghai").value // 1_000_000 for day in (start, end)]
    return replace(test, start=at[0], end=at[1])


def test_over_all_time_the_hazard_credits_what_it_calls_caused(journeys: Journeys) -> None:
    channel = journeys.channels[0]
    effects = attribution.attribute(journeys, Hazard()).effects.set_index("channel")
    [row] = lift.score(journeys, [Hazard()], (all_time(channel),)).to_dict("records")
    assert row["credit"] == pytest.approx(effects.loc[channel, "conversions"], rel=1e-6)
    half = effects.loc[channel, "high"] - effects.loc[channel, "conversions"]
    assert row["credit_se"] == pytest.approx(half / 1.959964, rel=1e-5)
    assert row["z"] == pytest.approx((row["credit"] - 100) / np.hypot(row["credit_se"], 10))
    assert row["over_claim"] == pytest.approx(row["credit"] / 100)
    assert not row["left_out"]


def test_windows_that_make_up_all_time_add_up(journeys: Journeys) -> None:
    test = all_time(journeys.channels[1])
    cuts = ["2026-10-01", "2026-11-09", "2026-11-17", "2027-01-01"]
    parts = [windowed(test, *ends) for ends in pairwise(cuts)]
    for model in (Hazard(), LastTouch()):
        found = lift.score(journeys, {"m": model}, (test, *parts))["credit"]
        # The exposure is binned by age, to within 1e-5 of it.
        assert found[1:].sum() == pytest.approx(found[0], rel=1e-4)


def test_a_rule_credits_the_orders_of_the_window(journeys: Journeys) -> None:
    test = windowed(all_time(journeys.channels[2]), "2026-11-05", "2026-11-12")
    [row] = lift.score(journeys, [LastTouch()], (test,)).to_dict("records")
    naive = 0
    for place, (first, last) in enumerate(pairwise(journeys.offsets)):
        if journeys.conversions[place] and test.start <= journeys.closed_at[place] < test.end:
            naive += last > first and journeys.codes[last - 1] == 2
    assert row["credit"] == naive
    assert row["start"] == pd.Timestamp("2026-11-05", tz="Asia/Shanghai")


def test_a_model_with_tests_is_fitted_without_the_one_it_is_held_against(world: World) -> None:
    one, two = attribution.read_lift_tests(world.lift_tests)
    both = lift.score(world.journeys, {"m": Hazard(lift_tests=(one, two))}, (one, two))
    other = lift.score(world.journeys, {"m": Hazard(lift_tests=(two,))}, (one,))
    assert both["left_out"].all()
    assert both.loc[0, "credit"] == pytest.approx(other.loc[0, "credit"], rel=1e-6)
    assert both.loc[0, "z"] == pytest.approx(other.loc[0, "z"], rel=1e-6)


def test_the_hazard_lies_within_the_error_of_experiments_and_few_rules_do() -> None:
    gaps = []
    for seed in range(4):
        world = attribution.simulate("independent", people=10_000, seed=seed)
        models = {"hazard": Hazard(), "linear": Linear()}
        gaps.append(lift.score(world.journeys, models, world.lift_tests))
    found = pd.concat(gaps).groupby("model")["z"].agg(lambda z: float((z**2).mean()))
    # Eight squared standard gaps average 1; above 2.5 in under 1 % of draws.
    assert found["hazard"] < 2.5
    assert found["linear"] > found["hazard"]


def test_a_multiplicative_hazard_is_fitted_to_the_window() -> None:
    world = attribution.simulate("multiplicative", people=3_000, seed=0)
    test = windowed(all_time(world.journeys.channels[0]), "2026-11-05", "2026-11-20")
    found = lift.score(world.journeys, [Hazard(link="multiplicative")], (test,))
    assert np.isfinite(found["credit"]).all()
    assert (found["credit_se"] > 0).all()


def test_a_test_that_found_nothing_has_no_over_claim(journeys: Journeys) -> None:
    found = lift.score(journeys, [LastTouch()], (all_time(journeys.channels[0], -3.0),))
    assert found["over_claim"].isna().all()


def test_a_test_of_no_channel_and_a_window_without_times_are_refused(journeys: Journeys) -> None:
    with pytest.raises(DataError, match=r"lift_tests, row 1, column 'channel': found a lift test"):
        lift.score(journeys, [Hazard()], (all_time("nobody"),))
    paths = Journeys.from_paths(journeys.paths())
    test = windowed(all_time(paths.channels[0]), "2026-11-05", "2026-11-12")
    with pytest.raises(DataError, match="Leave out start and end"):
        lift.score(paths, [LastTouch()], (test,))
    assert len(lift.score(paths, [LastTouch()], (all_time(paths.channels[0]),))) == 1


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return read_workspace(create_workspace(tmp_path / "w"))


def test_tests_are_read_from_a_file_of_the_workspace(workspace: Workspace) -> None:
    rows = "channel,start,end,conversions,se\nads,2026-11-01,2026-11-08,50,7\n"
    (workspace.folder / "tests.csv").write_text(rows, encoding="utf-8")
    [test] = lift.tests_in(workspace, "tests.csv")
    assert (test.channel, test.conversions, test.se) == ("ads", 50.0, 7.0)
    assert pd.Timestamp(test.start, unit="ms", tz="UTC") == pd.Timestamp("2026-10-31T16:00Z")
    assert lift.tests_in(workspace, "") == ()


def test_a_file_outside_missing_or_wrong_is_named(workspace: Workspace) -> None:
    (workspace.folder.parent / "out.csv").write_text("channel\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="outside of the workspace"):
        lift.tests_in(workspace, "../out.csv")
    with pytest.raises(ConfigError, match="no such file in the workspace"):
        lift.tests_in(workspace, "none.csv")
    (workspace.folder / "bad.csv").write_text("channel,conversions,se\na,1,0\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"bad\.csv, row 1, column 'se'"):
        lift.tests_in(workspace, "bad.csv")
