"""Why two models differ: the steps add up, and say what is different."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.credit import Credit
from attribution.errors import ConfigError, ModelError
from attribution.evaluate.explain import difference_steps, explain_difference
from attribution.model import attribute, example_journeys
from attribution.models.heuristic import (
    FirstTouch,
    LastTouch,
    Linear,
    PositionBased,
    TimeDecay,
)
from attribution.models.markov import Markov
from attribution.models.peers.chains import (
    MoneyMarkov,
    ObservedPaths,
    Participation,
    ResharedMarkov,
)
from attribution.models.peers.games import ExactSetShapley, LocalShapley
from attribution.models.peers.paths import Buyers, Collapsed, MoneyFollows
from attribution.models.peers.rules import RankDecay, StepDecay
from attribution.models.peers.walks import TruncatedMarkov
from attribution.models.shapley import Shapley
from attribution.tally import tally_rows
from tests.strategies import Row, build, rows

FIXTURE = build(
    [
        Row(("A", "A", "B"), 3, 5, 36.0),
        Row(("A", "B"), 2, 3, 10.5),
        Row(("B",), 4, 10, 44.0),
        Row(("B", "A", "B", "A"), 1, 6, 30.25),
        Row(("C",), 0, 7, 0.0),
    ],
    "ABC",
    ages=False,
)


@dataclass(frozen=True)
class Alphabetical:
    """A model of one's own: all credit to the first channel of the alphabet."""

    def tally(self, journeys):
        return tally_rows(
            journeys.channels,
            journeys.measures,
            journeys.measures,
            np.array([0, 1]),
            np.array([0]),
            journeys.amounts().sum(axis=0, keepdims=True),
        )

    def credit(self, tally):
        return Credit(tally.channels, tally.measures, tally.by_channel(), tally.unattributed)


MODELS = (
    FirstTouch(),
    LastTouch(),
    Linear(),
    PositionBased(),
    PositionBased(0.9, 0.1),
    TimeDecay(),
    TimeDecay("1D"),
    StepDecay(),
    RankDecay(),
    Buyers(Linear()),
    Collapsed(PositionBased()),
    Collapsed(Linear()),
    Markov(),
    Markov(2),
    Markov(nulls=False),
    Markov(removal="reconnect"),
    Markov(2, "reconnect", False),
    TruncatedMarkov(),
    TruncatedMarkov(2, 2, nulls=False),
    MoneyMarkov(),
    ResharedMarkov(),
    ObservedPaths(),
    Participation(),
    MoneyFollows(Markov()),
    Shapley(),
    Shapley("rate"),
    LocalShapley(),
    LocalShapley(2),
    ExactSetShapley(),
    Alphabetical(),
)


def table(credit, journeys, measure="conversions"):
    frame = credit.frame().set_index("channel")[measure]
    return frame.reindex([*journeys.channels, "(unattributed)"]).fillna(0.0)


def reasons(a, b, journeys=FIXTURE):
    return explain_difference(a, b, journeys)["reason"].tolist()[:-1]


# ---------------------------------------------------------------------- it adds up


def check(a, b, journeys, measure):
    frame = explain_difference(a, b, journeys, measure=measure)
    assert list(frame.columns) == [
        "step",
        "reason",
        "moved",
        "gains",
        "gains_by",
        "loses",
        "loses_by",
    ]
    assert frame["step"].iloc[-1] == "total"
    steps = difference_steps(a, b, journeys, measure=measure)
    named = frame[~frame["step"].isin(["offset", "total"])]
    assert steps["step"].drop_duplicates().tolist() == named["step"].tolist()
    one, other = (table(attribute(journeys, m), journeys, measure) for m in (a, b))
    total = journeys.amounts()[:, journeys.measures.index(measure)]
    scale = total[journeys.lengths > 0].sum() or 1.0
    summed = steps.groupby("channel")["change"].sum().reindex(one.index).fillna(0.0)
    np.testing.assert_allclose(summed, other - one, atol=1e-9 * max(1.0, total.sum()))
    lost = steps.loc[steps["channel"] == "(not credited)", "change"].sum()
    moved = (np.abs(other - one).sum() + abs(lost)) / 2 / scale
    assert frame["moved"].iloc[-1] == pytest.approx(moved, abs=1e-9)
    assert frame["moved"].iloc[:-1].sum() == pytest.approx(moved, abs=1e-9)
    assert (named["moved"] >= 0).all()
    assert (frame[["gains_by", "loses_by"]] >= 0).all(axis=None)
    return frame


@pytest.mark.parametrize("measure", ["conversions", "value"])
@pytest.mark.parametrize("a", MODELS, ids=str)
def test_the_steps_add_up_between_any_two_models(a, measure):
    journeys, answered = example_journeys(11, 80), 0
    place = MODELS.index(a) + (measure == "value")
    for b in MODELS[place % 4 :: 4]:  # over all models, every kind of pair
        try:
            attribute(journeys, a)
            attribute(journeys, b)
        except ModelError:
            with pytest.raises(ModelError):
                explain_difference(a, b, journeys)
            continue
        check(a, b, journeys, measure)
        answered += 1
    assert answered or not isinstance(a, Linear)


@given(rows(), st.sampled_from(MODELS), st.sampled_from(MODELS))
def test_the_steps_add_up_on_any_journeys(data, a, b):
    journeys = build(data)
    try:
        attribute(journeys, a)
        attribute(journeys, b)
    except ModelError:
        return
    check(a, b, journeys, "conversions")


def test_the_gains_are_those_of_the_credit():
    frame = explain_difference(FirstTouch(), LastTouch(), FIXTURE)
    assert frame.to_dict("records") == [
        {
            "step": step,
            "reason": reason,
            "moved": 0.4,
            "gains": "B",
            "gains_by": 4.0,
            "loses": "A",
            "loses_by": 4.0,
        }
        for step, reason in (
            ("1", "last touch instead of first touch"),
            ("total", "LastTouch instead of FirstTouch"),
        )
    ]


@pytest.mark.parametrize("model", [Markov(), Linear(), Alphabetical()], ids=str)
def test_a_model_does_not_differ_from_itself(model):
    frame = explain_difference(model, model, FIXTURE)
    assert frame["moved"].tolist() == [0.0] * len(frame)
    assert difference_steps(model, model, FIXTURE)["change"].tolist() == [0.0] * (
        len(difference_steps(model, model, FIXTURE))
    )


# ---------------------------------------------------------------------- it says why


def test_a_simulated_package_against_the_exact_chain():
    assert reasons(Markov(), TruncatedMarkov()) == [
        "walks are cut at 5 states, one more than the longest path seen"
    ]
    assert reasons(TruncatedMarkov(nulls=False), Markov(2))[:3] == [
        "walks go on until they end, instead of being cut at 5 states, one more than the longest "
        "path seen",
        "journeys that did not convert count too",
        "order 1 -> order 2",
    ]
    assert reasons(TruncatedMarkov(), TruncatedMarkov(max_step=2)) == [
        "walks are cut at 2 states instead of the longest path seen"
    ]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (Markov(), Markov(nulls=False), "journeys that did not convert are left out of the chain"),
        (Markov(), Markov(removal="reconnect"), "removal reconnects instead of ending the journey"),
        (Markov(removal="reconnect"), Markov(), "removal ends the journey instead of reconnecting"),
        (Markov(), ResharedMarkov(), "every journey is shared again over its own touchpoints"),
        (Markov(), ObservedPaths(), "only the converting paths seen count, not every walk"),
        (Markov(), Participation(), "removal fails every journey that met the channel, whole"),
        (Linear(), Shapley(), "repeats count once"),
        (Shapley(), Linear(), "repeats count each"),
        (Linear(), Collapsed(Linear()), "neighbouring repeats count once"),
        (FirstTouch(), Linear(), "equal shares instead of first touch"),
        (Buyers(FirstTouch()), Buyers(LastTouch()), "last touch instead of first touch"),
        (
            Shapley("rate"),
            LocalShapley(),
            "each set has a game of its own, for the rate of exactly that set",
        ),
    ],
)
def test_one_habit_has_one_reason(a, b, expected):
    assert reasons(a, b) == [expected]


def test_parameters_change_one_by_one_where_they_can():
    journeys = example_journeys()
    assert reasons(TimeDecay("7D"), TimeDecay("3D"), journeys) == ["half-life 7D -> 3D"]
    assert reasons(PositionBased(), PositionBased(0.9, 0.1)) == [
        "first 0.4 -> 0.9 and last 0.4 -> 0.1"
    ]
    assert reasons(PositionBased(), PositionBased(0.1, 0.2))[:2] == [
        "first 0.4 -> 0.1",
        "last 0.4 -> 0.2",
    ]


def test_money_has_reasons_of_its_own():
    frame = explain_difference(Markov(), MoneyFollows(Markov()), FIXTURE, measure="value")
    assert frame["reason"].iloc[0] == "money follows conversions"
    assert reasons(Markov(), MoneyFollows(Markov())) == []
    assert reasons(Markov(nulls=False), MoneyMarkov()) == []


def test_orders_without_a_touchpoint_are_named():
    journeys = build(
        [Row(("a", "b", "a", "b"), 3, 2, 5.0), Row(("b",), 1, 2, 3.0), Row((), 2, 1, 1.0)],
        ages=False,
    )
    frame = explain_difference(Markov(), TruncatedMarkov(), journeys)
    assert frame["reason"].iloc[0] == "the channels share orders without a touchpoint too"
    assert frame[["loses", "loses_by"]].iloc[0].tolist() == ["(unattributed)", 2.0]


# ---------------------------------------------------------------------- no family in common


def test_a_rule_and_a_chain_are_split_by_journeys():
    found = reasons(FirstTouch(), Markov())
    lead = "Markov instead of first touch, "
    assert [reason.removeprefix(lead) for reason in found] == [
        "journeys with one touchpoint",
        "journeys with two touchpoints",
        "journeys in which a channel repeats",
        "journeys that did not convert",
    ]
    frame = explain_difference(FirstTouch(), Markov(), FIXTURE)
    assert frame["moved"].iloc[0] == pytest.approx(0, abs=1e-12)


@given(rows(longest=1))
def test_rules_and_chains_agree_on_journeys_with_one_touchpoint(data):
    journeys = build(data)
    for a, b in pairwise((FirstTouch(), Markov(), Shapley(), Linear(), ResharedMarkov())):
        assert (explain_difference(a, b, journeys)["moved"].abs() < 1e-9).all()


def test_a_game_meets_a_chain_as_a_split_over_channels():
    assert all(
        reason.startswith("Markov instead of an equal split over the channels met, ")
        for reason in reasons(Shapley(), Markov())
        if reason.startswith("Markov")
    )


def test_a_way_of_its_own_is_walked_before_the_split():
    found = reasons(TruncatedMarkov(), Collapsed(FirstTouch()))
    assert found[0].startswith("walks go on until they end")
    assert found[1].startswith("first touch instead of Markov, ")


# ---------------------------------------------------------------------- what cannot be said


@dataclass(frozen=True)
class Moody(FirstTouch):
    """First touch, but only if both its parameters are the same."""

    left: int = 0
    right: int = 0

    def credit(self, tally):
        if self.left != self.right:
            raise ModelError("left and right differ")
        credit = super().credit(tally)
        return replace(credit, amounts=np.roll(credit.amounts, self.left, axis=0))


def test_models_between_that_refuse_are_passed_over():
    assert reasons(Moody(), Moody(1, 1)) == ["left 0 -> 1 and right 0 -> 1"]


def test_models_that_refuse_are_not():
    with pytest.raises(ModelError, match="gives no shares here"):
        explain_difference(Markov(), Participation("fail_refit"), FIXTURE)


def test_an_unknown_measure():
    with pytest.raises(ConfigError, match="'profit' is none of these journeys' measures"):
        explain_difference(Markov(), Linear(), FIXTURE, measure="profit")
