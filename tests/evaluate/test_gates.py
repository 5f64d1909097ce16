"""Gates: what each lets through, and what it stops, on data whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import attribution
from attribution import Hazard
from attribution.evaluate.gates import (
    Outcome,
    data_gate,
    facts_of,
    holdout_gate,
    inclination,
    over_claims,
    placebo_gate,
    worth_testing,
)
from attribution.journeys import Journeys

FOUND = {"抖音/广告/信息流", "淘宝/广告/搜索"}  # what finds people of high intent in the presets


def shuffled(journeys: Journeys, seed: int) -> Journeys:
    """Return the journeys with channels exchanged among touchpoints: only times tell."""
    return replace(journeys, codes=np.random.default_rng(seed).permutation(journeys.codes))


def without_touchpoints(journeys: Journeys) -> Journeys:
    """Return the journeys with times of touchpoints that have nothing to do with orders."""
    rng = np.random.default_rng(0)
    start = pd.Timestamp("2026-11-01", tz="UTC")
    people = pd.DataFrame({"person": np.arange(4_000), "start": start})
    people["end"] = start + pd.Timedelta("30D")

    def drawn(count: int) -> pd.DataFrame:
        at = start + pd.to_timedelta(rng.random(count) * 30, unit="D")
        return pd.DataFrame({"person": rng.integers(0, 4_000, count), "at": at})

    touches = drawn(12_000).assign(channel=rng.choice(["a", "b", "c"], 12_000))
    orders = drawn(900).assign(order_id=np.arange(900), value=1.0)
    return Journeys.from_touchpoints(touches, orders, people=people)


@pytest.fixture(scope="module")
def small() -> Journeys:
    return attribution.simulate("independent", people=6_000, seed=1).journeys


# ---------------------------------------------------------------------- data


def test_facts_are_counts(small: Journeys) -> None:
    facts = facts_of(small)
    assert facts.orders == facts.counted == small.conversions.sum()
    assert facts.nulls == small.nulls.sum()
    assert facts.untouched == ((small.lengths == 0) & (small.nulls > 0)).sum()
    assert facts.stated == 0
    assert facts.timed
    assert facts.touched == small.channels


def test_orders_that_tell_only_their_own_source_are_counted(small: Journeys) -> None:
    own = replace(small, evidence=(small.conversions > 0)[small.rows])
    facts = facts_of(own)
    assert facts.stated == ((small.conversions > 0) & (small.lengths > 0)).sum()
    assert facts.counted == facts.orders  # they count as orders no touchpoint is known of
    found = data_gate(replace(facts, counted=10.0))
    assert (found.key, found.outcome) == ("mostly_stated", Outcome.FAILED)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({}, "data_enough"),
        ({"orders": 0.0}, "no_orders"),
        ({"timed": False}, "no_times"),
        ({"touched": ()}, "no_touchpoints"),
        ({"nulls": 0.0}, "no_nonconverters"),
        ({"counted": 99.0}, "few_orders"),
        ({"touched": ("a",)}, "one_channel"),
        ({"untouched": 0.0}, "no_untouched"),
    ],
)
def test_the_data_gate_names_what_is_missing(
    small: Journeys, changes: dict[str, object], key: str
) -> None:
    found = data_gate(replace(facts_of(small), **changes))
    assert found.key == key
    stops = key not in ("data_enough", "one_channel", "no_untouched")
    assert (found.outcome is Outcome.FAILED) == stops


# ---------------------------------------------------------------------- hold-out


@pytest.mark.parametrize("seed", range(2))
def test_shuffled_channels_cannot_be_told_apart(small: Journeys, seed: int) -> None:
    found = holdout_gate(shuffled(small, seed))
    assert found.finding.key == "channels_alike"
    assert found.finding.outcome is Outcome.FAILED
    assert found.finding.numbers["gain_low"] > 0  # that touchpoints act does show


@pytest.mark.slow
def test_shuffled_channels_are_called_so_in_nineteen_of_twenty_seeds_and_real_ones_never() -> None:
    called = {True: 0, False: 0}
    for seed in range(20):
        journeys = attribution.simulate("independent", people=20_000, seed=seed).journeys
        called[True] += holdout_gate(shuffled(journeys, seed)).finding.key == "channels_alike"
        called[False] += holdout_gate(journeys).finding.key == "channels_alike"
    assert called[True] >= 19
    assert called[False] == 0


def test_touchpoints_without_effect_are_no_model_of_causes(small: Journeys) -> None:
    found = holdout_gate(without_touchpoints(small))
    assert found.finding.key == "no_gain"
    assert found.chosen is None


@pytest.mark.parametrize(
    ("preset", "wanted"),
    [
        pytest.param("independent", {"link": "additive", "pairs": False}, marks=pytest.mark.slow),
        ("multiplicative", {"link": "multiplicative"}),
        ("static_intent", {"link": "additive", "covariates": ("intent",)}),
        pytest.param("synergy", {"link": "additive", "pairs": True}, marks=pytest.mark.slow),
        pytest.param(
            "mixed_half_lives",
            {"link": "additive", "half_life": "by channel"},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_hold_out_finds_what_a_world_is_made_of(preset: str, wanted: dict[str, object]) -> None:
    journeys = attribution.simulate(preset, people=20_000, seed=1).journeys
    found = holdout_gate(journeys)
    assert found.finding.key == "gain"
    assert {name: getattr(found.chosen, name) for name in wanted} == wanted
    assert found.frame["gain"].is_monotonic_increasing


# ---------------------------------------------------------------------- placebo


def test_placebos_get_nothing_unless_channels_find_people_who_order_anyway() -> None:
    for preset, inclined in (("independent", set()), ("static_intent", FOUND)):
        journeys = attribution.simulate(preset, people=40_000, seed=1).journeys
        frame = inclination(journeys, Hazard(), "3D")
        found = placebo_gate(frame)
        assert set(found.numbers["channels"]) == inclined
        assert (found.outcome is Outcome.PASSED) == (not inclined)
        assert set(frame["channel"]) == set(journeys.channels)


@pytest.mark.slow
def test_placebos_are_empty_in_nineteen_of_twenty_seeds() -> None:
    empty = 0
    for seed in range(20):
        journeys = attribution.simulate("independent", people=20_000, seed=seed).journeys
        empty += not inclination(journeys, Hazard(), "3D", seed)["inclined"].any()
    assert empty >= 18  # of intervals at 95 % together: 17 or fewer in 8 % of draws


# ---------------------------------------------------------------------- experiments, over-claim


def test_what_is_inclined_is_to_be_tested_first_then_where_models_part(small: Journeys) -> None:
    models = (attribution.LastTouch(), Hazard())
    found = {attribution.label(each): attribution.attribute(small, each) for each in models}
    low, high = (found["Hazard"].effects[end].to_numpy() for end in ("low", "high"))
    figures = [each.amounts[:, 0] for each in found.values()]
    spread = np.maximum(np.max(figures, axis=0), high) - np.minimum(np.min(figures, axis=0), low)
    ranked = [small.channels[at] for at in np.argsort(-spread, kind="stable")]
    assert worth_testing(found, []) == ranked[:2]
    assert worth_testing(found, [ranked[-1]]) == [ranked[-1], ranked[0]]
    assert worth_testing(found, [], [ranked[0]]) == ranked[1:3]


def test_over_claims_are_credit_over_what_is_caused(small: Journeys) -> None:
    models = (attribution.LastTouch(), Hazard())
    found = {attribution.label(each): attribution.attribute(small, each) for each in models}
    frame, finding = over_claims(found, "Hazard")
    credited, caused = (found[name].amounts[:, 0].sum() for name in ("LastTouch", "Hazard"))
    assert frame["over_claim"].tolist() == pytest.approx([credited / caused, 1.0])
    organic = small.conversions.sum() - caused
    assert finding.numbers["organic_share"] == pytest.approx(organic / small.conversions.sum())
