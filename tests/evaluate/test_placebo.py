"""Placebo channels: touchpoints of the same people at other times, and nothing else changed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attribution
from attribution import DataError, Hazard
from attribution.evaluate.placebo import PLACEBO, persons, with_placebos
from attribution.journeys import Journeys

DAY = 86_400_000
START = pd.Timestamp("2026-11-01", tz="UTC").value // 1_000_000


@st.composite
def watched(draw: st.DrawFn) -> Journeys:
    """Return journeys of people watched for 20 days, each labelled with its person."""
    people = draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    touches, orders = draw(st.integers(1, 30)), draw(st.integers(0, 12))
    end = START + 20 * DAY
    touchpoints = pd.DataFrame(
        {
            "person": rng.integers(0, people, touches),
            "at": START + rng.integers(0, 20 * DAY, touches),
            "channel": rng.choice(["a", "b", "c"], touches),
        }
    )
    order = pd.DataFrame(
        {
            "order_id": np.arange(orders),
            "person": rng.integers(0, people, orders),
            "at": START + rng.integers(0, 20 * DAY, orders),
            "value": 1.0,
        }
    )
    who = pd.DataFrame(
        {"person": np.arange(people), "start": START, "end": end, "who": np.arange(people)}
    )
    lookback = draw(st.sampled_from(["2D", "7D", "30D"]))
    return Journeys.from_touchpoints(
        touchpoints,
        order,
        people=who,
        lookback=lookback,
        as_of=pd.Timestamp(end, unit="ms", tz="UTC"),
    )


@given(watched())
@settings(max_examples=60, deadline=None)
def test_a_person_s_journeys_are_found_to_be_one_person_s(journeys: Journeys) -> None:
    found, told = persons(journeys), journeys.segments["who"]
    pairs = pd.DataFrame({"found": found, "told": told}).drop_duplicates()
    assert pairs["found"].is_unique  # never two people as one
    assert len(pairs) == len(set(told))  # nor one as two


@given(watched(), st.integers(0, 99), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_placebos_are_of_the_same_people_and_change_nothing_else(
    journeys: Journeys, seed: int, copies: int
) -> None:
    wider = with_placebos(journeys, seed, copies)
    fake = np.char.startswith(np.array(wider.channels, dtype=str), PLACEBO)[wider.codes]
    assert fake.sum() == copies * len(journeys.codes)
    at = wider.closed_at[wider.rows] - wider.ages
    assert ((at[fake] >= START) & (at[fake] <= START + 20 * DAY)).all()

    def often(of: Journeys, which: np.ndarray) -> pd.Series:
        names = [of.channels[code].removeprefix(PLACEBO) for code in of.codes[which]]
        table = pd.DataFrame({"who": of.segments["who"][of.rows[which]], "channel": names})
        return table.value_counts().sort_index()

    every = np.ones(len(journeys.codes), bool)
    pd.testing.assert_series_equal(often(wider, fake), often(journeys, every) * copies)
    # What is real is as it was, journey by journey.
    real, n = ~fake, len(journeys)
    own = wider.rows[real]
    assert (own == journeys.rows).all()
    assert (wider.ages[real] == journeys.ages).all()
    names = np.array(wider.channels)[wider.codes[real]]
    assert (names == np.array(journeys.channels)[journeys.codes]).all()
    assert (wider.conversions[:n] == journeys.conversions).all()
    assert not wider.conversions[n:].any()
    assert (wider.risk_until - wider.risk_from)[n:].sum() == 0
    # Within a journey of an order, a placebo comes before the order and within the look-back.
    bought = fake & (wider.conversions[wider.rows] > 0)
    assert (wider.ages[bought] >= 0).all()
    assert (wider.ages[bought] <= wider.lookback).all()


@given(watched(), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_a_placebo_is_taken_by_the_next_order_within_the_look_back(
    journeys: Journeys, seed: int
) -> None:
    wider = with_placebos(journeys, seed)
    fake = np.char.startswith(np.array(wider.channels, dtype=str), PLACEBO)[wider.codes]
    at, who = wider.closed_at[wider.rows] - wider.ages, wider.segments["who"][wider.rows]
    sold = journeys.conversions > 0
    for instant, person, row in zip(at[fake], who[fake], wider.rows[fake], strict=True):
        own = journeys.closed_at[sold & (journeys.segments["who"] == person)]
        own = own[own >= instant]
        near = len(own) and own.min() - instant <= journeys.lookback
        assert bool(wider.conversions[row]) == bool(near)
        if near:
            assert wider.closed_at[row] == own.min()


def test_under_a_multiplicative_link_placebos_act_beside_what_is_there() -> None:
    world = attribution.simulate("multiplicative", people=4_000, seed=0)
    model = Hazard(half_life="3D", link="multiplicative")
    fit = model.fitted(model.tally(with_placebos(world.journeys, 0)))
    orders, errors = fit.expected()
    fake = np.array([name.startswith(PLACEBO) for name in fit.tally.channels])
    assert (orders[fake] <= 3.5 * errors[fake]).all()


def test_path_counts_know_no_people() -> None:
    paths = pd.DataFrame({"path": ["a > b"], "total_conversions": [2], "total_null": [3]})
    journeys = Journeys.from_paths(paths, value=None)
    with pytest.raises(DataError, match="when people were watched"):
        persons(journeys)
