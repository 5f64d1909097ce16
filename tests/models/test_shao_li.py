from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import ModelError
from attribution.journeys import Journeys
from attribution.model import attribute, check_model, example_journeys
from attribution.models import shao_li
from attribution.models.shao_li import ShaoLi
from tests.strategies import CHANNELS, Row, build, examples, rows

# Somebody did not convert: without that the model has nothing to say.
compared = rows().map(lambda given_rows: [*given_rows, Row(("a",), 0, 1, 0.0, (0,))])


def by_hand(given_rows: list[Row], measure: str) -> dict[str, Fraction]:
    """Return each channel's credit, order by order, straight from section 3.2."""

    def rate(*channels: str) -> Fraction:
        held = [row for row in given_rows if set(channels) <= set(row.path)]
        trials = sum(row.conversions + row.nulls for row in held)
        return Fraction(sum(Fraction(getattr(row, measure)) for row in held), max(trials, 1))

    sums: dict[str, Fraction] = defaultdict(Fraction)
    for row in given_rows:
        channels = set(row.path)
        for c in channels:
            contribution = rate(c)
            for j in channels - {c}:
                apart = rate(c, j) - rate(c) - rate(j)
                contribution += apart / (2 * (len(channels) - 1))
            sums[c] += row.conversions * contribution
    kept = {name: max(Fraction(0), amount) for name, amount in sums.items()}
    total = sum(Fraction(getattr(row, measure)) for row in given_rows if row.path)
    whole = sum(kept.values())
    return {name: total * amount / whole if whole else Fraction(0) for name, amount in kept.items()}


@examples(60)
@given(given_rows=compared)
def test_equals_the_paper_order_by_order(given_rows):
    credit = attribute(build(given_rows), ShaoLi())
    for place, measure in enumerate(("conversions", "value")):
        expected = by_hand(given_rows, measure)
        total = max(1.0, sum(getattr(row, measure) for row in given_rows))
        for name, found in zip(CHANNELS, credit.amounts[:, place], strict=True):
            assert found == pytest.approx(float(expected.get(name, 0)), abs=1e-10 * total)


def test_an_example_by_hand():
    # p(a) = 3/6, p(b) = 2/4, p(ab) = 2/3.
    given_rows = [
        Row(("a",), 1, 2, 10.0),
        Row(("a", "b", "a"), 2, 1, 50.0),
        Row(("b",), 0, 1, 0.0),
    ]
    credit = attribute(build(given_rows), ShaoLi())
    # In an order of both: 1/2 + (2/3 - 1/2 - 1/2) / 2 = 1/3 each; a alone: 1/2.
    # a: 1/2 + 2/3 = 7/6, b: 2/3, of 3 orders.
    assert credit.amounts[:2, 0] == pytest.approx([3 * 7 / 11, 3 * 4 / 11])
    # Mean values: a 60/6, b 50/4, ab 50/3. Both: 10 + (50/3 - 22.5) / 2 and 12.5 + the same.
    both = (50 / 3 - 22.5) / 2
    a, b = 10 + 2 * (10 + both), 2 * (12.5 + both)
    assert credit.amounts[:2, 1] == pytest.approx([60 * a / (a + b), 60 * b / (a + b)])


@examples(60)
@given(given_rows=compared)
def test_all_orders_with_a_touchpoint_are_credited(given_rows):
    # Contributions to an order of N channels sum to N / 2 times the mean rate of its pairs, so
    # something is always positive.
    credit = attribute(build(given_rows), ShaoLi())
    attributed = sum(row.conversions for row in given_rows if row.path)
    assert credit.amounts[:, 0].sum() == pytest.approx(attributed, abs=1e-9)
    assert (credit.amounts >= 0).all()


def test_a_channel_whose_sum_is_negative_gets_nothing():
    # a never converts by itself, b always does; together less than b.
    given_rows = [Row(("a",), 0, 10, 0.0), Row(("b",), 8, 0, 8.0), Row(("a", "b"), 2, 2, 2.0)]
    credit = attribute(build(given_rows), ShaoLi())
    assert credit.amounts[:2, 0].tolist() == [0.0, 10.0]


def test_money_that_came_and_went_back_is_organic():
    given_rows = [Row(("a",), 1, 1, -5.0), Row(("b",), 0, 1, 0.0)]
    credit = attribute(build(given_rows), ShaoLi())
    assert credit.amounts[:, 0].tolist() == [1, 0, 0, 0]
    assert credit.amounts[:, 1].tolist() == [0, 0, 0, 0]
    assert credit.organic.tolist() == [0, -5]


def test_flags_credit_beyond_what_a_channel_touched():
    # b converts always, and mostly takes from the many orders of a.
    given_rows = [Row(("a",), 8, 92, 8.0), Row(("b",), 2, 0, 2.0)]
    credit = attribute(build(given_rows), ShaoLi())
    assert credit.cautions == ["b"]


def test_needs_journeys_that_did_not_convert():
    with pytest.raises(ModelError, match=r"ShaoLi compares .* found none that did not"):
        attribute(build([Row(("a",), 1, 0, 1.0)]), ShaoLi())
    nothing = attribute(build([Row((), 2, 0, 3.0)]), ShaoLi())
    assert nothing.unattributed.tolist() == [2, 3]


def test_untouched_people_and_unattributed_orders_stay_outside():
    inside = [Row(("a",), 1, 1, 1.0), Row(("b", "a"), 1, 3, 2.0)]
    one, other = (attribute(build(r), ShaoLi()) for r in (inside, [*inside, Row((), 7, 9, 70.0)]))
    assert (one.amounts == other.amounts).all()
    assert other.unattributed.tolist() == [7, 70]


@pytest.mark.parametrize("seed", range(3))
def test_obeys_the_axioms(seed):
    check_model(ShaoLi(), seed=seed)


@examples(20)
@given(given_rows=compared, more=compared)
def test_what_was_added_can_be_taken_back(given_rows, more):
    model = ShaoLi()
    kept, extra = model.tally(build(given_rows)), model.tally(build(more))
    np.testing.assert_allclose(
        model.credit(kept + extra - extra).amounts, model.credit(kept).amounts, atol=1e-9
    )


@given(order=st.permutations(range(4)))
def test_order_and_repeats_do_not_count(order):
    path = tuple(CHANNELS[i] for i in order)
    one, other = (
        attribute(build([Row(p, 2, 1, 3.0), Row(("a",), 1, 4, 1.0)]), ShaoLi()).amounts
        for p in (path, path + path[:2])
    )
    assert (one == other).all()


def test_many_channels_with_journeys_of_all_lengths():
    rng = np.random.default_rng(3)
    lengths = rng.integers(1, 60, 300)
    converted = rng.integers(0, 2, 300)
    journeys = Journeys(
        channels=tuple(f"c{i:03d}" for i in range(200)),
        offsets=np.append(0, np.cumsum(lengths)),
        codes=rng.integers(0, 200, lengths.sum()).astype(np.int32),
        conversions=converted,
        nulls=1 - converted,
        values={"value": converted * 2.0},
    )
    credit = attribute(journeys, ShaoLi())
    assert credit.amounts[:, 0].sum() == pytest.approx(converted.sum())
    # Where every order is worth as much, money goes as the orders do.
    np.testing.assert_allclose(credit.amounts[:, 1], 2 * credit.amounts[:, 0], rtol=1e-9)
    tally = ShaoLi().tally(journeys)
    held = [set(row.tolist()) for row in np.split(journeys.codes, journeys.offsets[1:-1])]
    wanted = {pair for each in held for pair in combinations(sorted(each), 2)}
    assert (tally.lengths == 2).sum() == len(wanted)


def test_intervals():
    frame = attribute(example_journeys(0, 600), ShaoLi(), interval=0.95).frame()
    assert (frame["low"] < frame["conversions"]).all()
    assert (frame["conversions"] < frame["high"]).all()


def test_a_tally_in_slices_is_the_same(monkeypatch):
    journeys = example_journeys()
    whole = ShaoLi().tally(journeys)
    monkeypatch.setattr(shao_li, "_SLICE", 50)
    sliced = ShaoLi().tally(journeys)
    np.testing.assert_array_equal(sliced.codes, whole.codes)
    np.testing.assert_allclose(sliced.sums, whole.sums, rtol=1e-12)
