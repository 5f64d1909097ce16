from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import ConfigError, MissingAges, ModelError
from attribution.journeys import Journeys
from attribution.model import attribute, check_model, example_journeys
from attribution.models import counterfactual_shapley
from attribution.models.counterfactual_shapley import CounterfactualShapley
from tests.strategies import CHANNELS, HOUR, Row, build, examples, rows

DAY = 24 * HOUR
NONE = "none"
FIRST = "first"
# Somebody did not convert, and was left alone for a while.
compared = rows().map(lambda given_rows: [*given_rows, Row(("a",), 0, 1, 0.0, (40 * HOUR,))])


def recency(ago: int, states: int) -> int:
    """Return the state: 1, 2, 3 to 4, 5 to 8 ... periods ago."""
    state, reach = 0, 1
    while ago > reach and state < states - 1:
        state, reach = state + 1, 2 * reach
    return state


def players(row: Row, length: int, states: int) -> list[tuple[int, object, str]]:
    """Return (period, state, action) of every period of a journey, one by one."""
    found, last = [], None
    for period in range(row.ages[0] // length + 1):
        touched = {
            name
            for name, age in zip(row.path, row.ages, strict=True)
            if (row.ages[0] - age) // length == period
        }
        state = FIRST if last is None else recency(period - last, states)
        found += [(period, state, name) for name in sorted(touched) or [NONE]]
        last = period if touched else last
    return found


def by_hand(given_rows: list[Row], measure: str, length: int, states: int) -> dict[str, Fraction]:
    """Return credit by channel and of the organic row, period by period."""
    shapley: dict[tuple[object, str], Fraction] = defaultdict(Fraction)
    often: dict[tuple[object, str], Fraction] = defaultdict(Fraction)
    for row in given_rows:
        if row.path:
            met = players(row, length, states)
            for _, state, action in met:
                shapley[state, action] += Fraction(getattr(row, measure)) / len(met)
                often[state, action] += Fraction(row.conversions) + Fraction(row.nulls)

    def nothing(state: int) -> Fraction:
        known = [s for s in range(states) if often[s, NONE] > 0]
        rate = {s: shapley[s, NONE] / often[s, NONE] for s in known}
        below, above = [s for s in known if s <= state], [s for s in known if s >= state]
        if not below or not above:
            return rate[(below or above)[-1 if below else 0]]
        low, high = below[-1], above[0]
        if low == high:
            return rate[low]
        return rate[low] + (rate[high] - rate[low]) * (state - low) / (high - low)

    added, whole = {}, {}
    for c in CHANNELS:
        added[c] = sum(shapley[s, c] - often[s, c] * nothing(s) for s in range(states))
        whole[c] = sum(shapley[s, c] for s in range(states))
    total = sum(whole.values())
    pooled = sum(added.values()) / total if total else Fraction(0)
    credit = {}
    for c in CHANNELS:
        part = added[c] / whole[c] if whole[c] else pooled
        credit[c] = added[c] + shapley[FIRST, c] * min(max(part, -1), 1)
    attributed = sum(Fraction(getattr(row, measure)) for row in given_rows if row.path)
    return credit | {"organic": attributed - sum(credit.values())}


@examples(60)
@given(given_rows=compared, hours=st.sampled_from([1, 2, 5]), states=st.integers(1, 5))
def test_equals_the_formula_period_by_period(given_rows, hours, states):
    model = CounterfactualShapley(f"{hours}h", states)
    credit = attribute(build(given_rows), model)
    for place, measure in enumerate(("conversions", "value")):
        expected = by_hand(given_rows, measure, hours * HOUR, states)
        found = [*credit.amounts[:, place], credit.organic[place]]
        total = max(1.0, sum(getattr(row, measure) for row in given_rows))
        for amount, one in zip(expected.values(), found, strict=True):
            assert one == pytest.approx(float(amount), abs=1e-9 * total)


def shapley_values(given_rows: list[Row], length: int, states: int) -> dict[object, Fraction]:
    """Return the Shapley values of the players' game, from its definition: all orders of arrival.

    A coalition is worth the conversions of journeys that met no other player.
    """
    met = [(set(players(row, length, states)), row.conversions) for row in given_rows if row.path]
    everyone = sorted(set().union(*(each for each, _ in met)), key=str)
    values: dict[object, Fraction] = defaultdict(Fraction)
    orders = list(permutations(everyone))
    for order in orders:
        present: set[object] = set()
        for player in order:
            before = sum(n for each, n in met if each <= present)
            present.add(player)
            after = sum(n for each, n in met if each <= present)
            values[player] += Fraction(after - before, len(orders))
    return values


def test_shares_of_a_conversion_are_shapley_values():
    given_rows = [
        Row(("a",), 1, 0, 1.0, (2 * DAY,)),
        Row(("a", "b"), 2, 1, 1.0, (2 * DAY, DAY)),
        Row(("b", "a"), 1, 2, 1.0, (DAY, 0)),
    ]
    values = shapley_values(given_rows, DAY, 2)
    tally = CounterfactualShapley(states=2).tally(build(given_rows))
    by_channel = dict(zip(CHANNELS, tally.by_channel()[:, 0], strict=True))
    for name in ("a", "b"):
        own = [value for (_, _, action), value in values.items() if action == name]
        assert by_channel[name] == pytest.approx(float(sum(own)))
    assert len(values) == 7  # enough players for the definition to be work


def test_an_example_by_hand():
    given_rows = [
        # a first, a day without, b, a day without; the order falls into the fourth day.
        Row(("a", "b"), 1, 0, 8.0, (3 * DAY, DAY)),
        # a first, then three days without, twice.
        Row(("a",), 0, 2, 0.0, (3 * DAY,)),
    ]
    # Shares are 1/4 each. "None" in a state of 1 period ago: days 2 and 4 of the one, day 2 of
    # the others: 2/4 in 4 periods. 2 ago: nothing in 2 periods; 3 ago the same. b: 2 ago.
    # So b keeps 1/4 - 1 x 0; all of it, so that a's first touchpoint keeps all as well.
    credit = attribute(build(given_rows), CounterfactualShapley())
    assert credit.amounts[:, 0].tolist() == pytest.approx([1 / 4, 1 / 4, 0, 0])
    assert credit.amounts[:, 1].tolist() == pytest.approx([2, 2, 0, 0])
    assert credit.organic.tolist() == pytest.approx([1 / 2, 4])
    # With one state, none has 1/2 in 8 periods: b keeps 1/4 - 1/16, three quarters, and so does a.
    credit = attribute(build(given_rows), CounterfactualShapley(states=1))
    assert credit.amounts[:, 0].tolist() == pytest.approx([3 / 16, 3 / 16, 0, 0])


def test_a_touchpoint_that_changes_nothing_is_credited_nothing():
    # Whoever is touched by b on the second day does what the others do.
    given_rows = [
        Row(("a",), 5, 15, 50.0, (2 * DAY,)),
        Row(("a", "b"), 5, 15, 50.0, (2 * DAY, DAY)),
    ]
    credit = attribute(build(given_rows), CounterfactualShapley())
    assert credit.amounts == pytest.approx(0.0, abs=1e-12)
    assert credit.organic == pytest.approx([10, 100])


def test_harm_is_reported_as_it_is():
    given_rows = [
        Row(("a",), 5, 5, 5.0, (2 * DAY,)),
        Row(("a", "b"), 1, 9, 1.0, (2 * DAY, DAY)),
    ]
    credit = attribute(build(given_rows), CounterfactualShapley())
    # "None" one day ago: 5/3 + 1/3 in 20 periods. b: 1/3 - 10/10, which is -2 times its share.
    # a has no later touchpoint; what all of them lose is more than all, so it loses its 6/3.
    assert credit.amounts[:2, 0].tolist() == pytest.approx([-2, -2 / 3])
    assert credit.rows.sum(axis=0) == pytest.approx([6, 6])


def test_what_it_lacks_is_named():
    with pytest.raises(MissingAges, match="CounterfactualShapley"):
        attribute(build([Row(("a",), 1, 1, 1.0)], ages=False), CounterfactualShapley())
    full = Row(("a", "b"), 1, 1, 1.0, (DAY, 0))
    with pytest.raises(ModelError, match=r"found none without.*longer expiry"):
        attribute(build([full]), CounterfactualShapley())
    with pytest.raises(ModelError, match=r"found none that did not"):
        attribute(build([Row(("a",), 1, 0, 1.0, (3 * DAY,))]), CounterfactualShapley())
    nothing = attribute(build([Row((), 2, 5, 3.0)]), CounterfactualShapley())
    assert nothing.unattributed.tolist() == [2, 3]
    assert not nothing.organic.any()


def test_a_tally_in_slices_is_the_same(monkeypatch):
    journeys = example_journeys()
    whole = CounterfactualShapley().tally(journeys)
    monkeypatch.setattr(counterfactual_shapley, "_SLICE", 50)
    sliced = CounterfactualShapley().tally(journeys)
    np.testing.assert_array_equal(sliced.codes, whole.codes)
    np.testing.assert_allclose(sliced.sums, whole.sums, rtol=1e-12)


def test_different_grids_do_not_add():
    journeys = example_journeys()
    one, other = (CounterfactualShapley(grid).tally(journeys) for grid in ("1D", "2D"))
    with pytest.raises(ModelError, match="different models"):
        _ = one + other


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("model", [CounterfactualShapley(), CounterfactualShapley("12h", 2)])
def test_obeys_the_axioms(model, seed):
    check_model(model, seed=seed)


@examples(20)
@given(given_rows=compared, more=compared)
def test_what_was_added_can_be_taken_back(given_rows, more):
    model = CounterfactualShapley("2h")
    kept, extra = model.tally(build(given_rows)), model.tally(build(more))
    total = 1.0 + kept.measured.sum()
    np.testing.assert_allclose(
        model.credit(kept + extra - extra).rows, model.credit(kept).rows, atol=1e-6 * total
    )


def world(people: int, seed: int) -> tuple[Journeys, np.ndarray]:
    """Return journeys of 30 days and how many orders each channel caused; channel 0 causes none.

    Each day anybody may be touched; a touchpoint adds to the chance of an order, half as much
    every day. Journeys begin with the first touchpoint and end with an order or on day 30.
    """
    rng = np.random.default_rng(seed)
    rate = np.array([0.06, 0.03, 0.05, 0.02, 0.04])
    effect = np.array([0.0, 0.03, 0.01, 0.05, 0.02])
    active = np.ones(people, bool)
    force = np.zeros((people, 5))
    caused = np.zeros(5)
    touched, ended = [], np.full(people, 30)
    for day in range(30):
        hit = (rng.random((people, 5)) < rate) & active[:, None]
        force = force * 0.5 + hit
        touched += [(who, day, code) for who, code in np.argwhere(hit).tolist()]
        chance = 0.003 + force @ effect
        ordered = active & (rng.random(people) < chance)
        caused += (force * effect / chance[:, None])[ordered].sum(axis=0)
        ended[ordered] = day
        active &= ~ordered
    touched.sort()
    who, day, codes = np.array(touched).T
    converted = (ended < 30).astype(int)
    journeys = Journeys(
        channels=tuple(f"c{i}" for i in range(5)),
        offsets=np.append(0, np.cumsum(np.bincount(who, minlength=people))),
        codes=codes.astype(np.int32),
        conversions=converted,
        nulls=1 - converted,
        values={"value": converted * 2.0},
        ages=(ended[who] - day) * DAY,
    )
    return journeys, caused


def test_shares_come_near_those_of_the_orders_caused_where_contact_is_by_chance():
    away = []
    for seed in range(3):
        journeys, caused = world(10_000, seed)
        found = attribute(journeys, CounterfactualShapley()).amounts[:, 0]
        truth = caused / caused.sum()
        away.append(np.abs(found / found.sum() - truth).sum() / 2)
        linear = np.bincount(journeys.codes) / len(journeys.codes)
        assert np.abs(linear - truth).sum() / 2 > 0.3
    assert np.mean(away) < 0.12


def test_intervals():
    frame = attribute(world(3_000, 0)[0], CounterfactualShapley(), interval=0.95).frame()
    assert (frame["low"] < frame["conversions"]).all()
    assert (frame["conversions"] < frame["high"]).all()
    organic = frame.set_index("channel").loc["(organic)"]
    assert organic["low"] > 0


def test_an_order_of_its_own_source_is_no_touchpoint():
    plain = [Row(("a", "b"), 1, 1, 1.0, (3 * DAY, DAY)), Row(("a",), 1, 1, 1.0, (2 * DAY,))]
    more = [Row(("a", "b", "c"), 1, 1, 1.0, (3 * DAY, DAY, 0)), plain[1]]
    journeys = build(more)
    marked = Journeys(
        **{name: getattr(journeys, name) for name in ("channels", "offsets", "codes", "ages")},
        conversions=journeys.conversions,
        nulls=journeys.nulls,
        values=journeys.values,
        evidence=np.array([False, False, True, False]),
    )
    model = CounterfactualShapley()
    assert model.tally(marked) == model.tally(build(plain))


@pytest.mark.parametrize("options", [{"states": 0}, {"states": 40}, {"states": 2.0}])
def test_refuses_what_cannot_be(options):
    with pytest.raises(ModelError, match="CounterfactualShapley"):
        CounterfactualShapley(**options)


def test_refuses_a_grid_that_is_no_duration():
    with pytest.raises(ConfigError):
        CounterfactualShapley("soon")


def test_recency_doubles():
    assert [recency(ago, 5) for ago in (1, 2, 3, 4, 5, 8, 9, 900)] == [0, 1, 2, 2, 3, 3, 4, 4]
    assert len({recency(ago, 1) for ago in (1, 2, 9)}) == 1
    assert all(recency(a, 5) <= recency(b, 5) for a, b in combinations(range(1, 40), 2))
