"""Refund rates by day of life, against the definition order by order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.numerics import maturity
from attribution.numerics.maturity import (
    Life,
    Path,
    Spread,
    Tree,
    log_kept,
    rates,
    tilts,
    triangle,
)

TREE = Tree(np.array([0, 0, 1, 2]), np.array([0, 0, 1]))
LEAN = 50

ORDERS = st.lists(
    st.tuples(
        st.integers(0, 3),  # cell
        st.integers(0, 6),  # days lived
        st.integers(0, 500),  # paid
        st.lists(st.tuples(st.integers(0, 8), st.integers(1, 300)), max_size=3),
    ),
    min_size=1,
    max_size=12,
)


def life_of(orders, part=0.0):
    """Cap refunds at what was paid, in time, as the store does."""
    events = []
    for i, (_, _, paid, back) in enumerate(orders):
        left = paid
        for age, fen in sorted(back):
            taken = min(fen, left)
            left -= taken
            events += [(i, age, taken)] * (taken > 0)
    cell, lived, gross = (np.array([order[k] for order in orders], np.int64) for k in range(3))
    order, age, fen = np.array(events, np.int64).reshape(-1, 3).T
    return Life(cell, lived, np.full(len(orders), part), gross, order, age, fen)


def naive(life, cells, day):
    """(orders, refunded, at_risk, squares) of some cells on a day."""
    found = np.zeros(4)
    for i, (cell, lived, gross) in enumerate(zip(life.cell, life.lived, life.gross, strict=True)):
        if cell in cells and gross > 0 and lived > day:
            own = life.event_order == i
            risk = gross - life.event_fen[own & (life.event_age < day)].sum()
            back = life.event_fen[own & (life.event_age == day)].sum()
            found += [1, back, risk, risk**2]
    return found


@given(ORDERS)
def test_the_triangle_is_the_sum_over_orders(orders):
    life = life_of(orders)
    sums = triangle(life, 4, 6)
    for cell in range(4):
        for day in range(6):
            assert [each[cell, day] for each in sums] == list(naive(life, {cell}, day))


@given(ORDERS, st.sampled_from([0.0, 0.3]))
def test_rates_lean_on_place_trunk_and_all(orders, tau2):
    life = life_of(orders)
    found = rates(triangle(life, 4, 6), TREE, LEAN, Spread(1.0, tau2))

    def rate(day, sets):
        seen, back, risk, _ = naive(life, sets[0], day)
        if len(sets) == 1:
            return back / risk if risk else 0.0
        wider = rate(day, sets[1:])
        if len(sets) == 4:
            wider = min(1.0, level(sets) * wider)
        return (seen * back / risk + LEAN * wider) / (seen + LEAN) if risk else wider

    def level(sets):
        days = [(naive(life, sets[0], day), rate(day, sets[1:])) for day in range(6)]
        back = sum(sums[1] for sums, _ in days)
        expected = sum(sums[2] * h for sums, h in days)
        chance = sum(sums[3] * h * (1 - h) for sums, h in days)
        if not expected or not tau2:
            return 1.0
        known = tau2 / (tau2 + chance / expected**2)
        return 1 + known * (back / expected - 1)

    every = {0, 1, 2, 3}
    places, trunks = [{0, 1}, {2}, {3}], [{0, 1, 2}, {3}]
    for day in range(6):
        for cell, place in enumerate(TREE.place):
            above = [places[place], trunks[TREE.trunk[place]], every]
            own = [{cell}, *above] if cell < 2 else above  # the others are alone in their places
            assert found.cell[cell, day] == pytest.approx(rate(day, own), abs=1e-12)
            assert found.place[place, day] == pytest.approx(rate(day, above), abs=1e-12)


def test_a_path_is_read_from_any_age_to_any_other():
    path = Path.of(np.array([[1.0, 2.0, 4.0], [10.0, 20.0, 40.0]]))
    cell, lived = np.array([0, 0, 1, 1, 0]), np.array([0, 1, 0, 2, 3])
    part = np.array([0.0, 0.5, 0.25, 0.0, 0.5])
    assert path.ahead(cell, lived, part, None).tolist() == [7, 5, 67.5, 40, 0]
    assert path.ahead(cell, lived, part, 1).tolist() == [1, 1 + 2, 7.5 + 5, 40, 0]
    assert path.ahead(cell, lived, part, 9).tolist() == [7, 5, 67.5, 40, 0]


def test_what_all_came_back_of_is_no_endless_logarithm():
    assert np.isfinite(log_kept(np.array([[1.0, 0.0]])).before).all()


LOSSES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(1, 10**6), st.floats(0.01, 3)), min_size=1
)


@given(LOSSES, st.floats(0.02, 0.98))
def test_a_tilt_makes_each_place_keep_what_is_wanted(rows, share):
    place, net, lost = (np.array(column) for column in zip(*rows, strict=True))
    whole = np.bincount(place, net, 3)
    powers = tilts(net.astype(float), -lost, place, share * whole)
    kept = net * np.exp(-powers[place] * lost)
    assert np.bincount(place, kept, 3) == pytest.approx(share * whole, rel=1e-9)


def test_a_place_that_loses_nothing_is_not_tilted():
    found = tilts(np.array([5.0, 7.0]), np.zeros(2), np.array([0, 1]), np.array([5.0, 7.0]))
    assert found.tolist() == [1.0, 1.0]


@given(ORDERS)
def test_a_residual_is_what_came_back_less_what_was_expected(orders):
    life, hazard = life_of(orders), np.linspace(0.05, 0.4, 24).reshape(4, 6)
    found = maturity.residuals(life, hazard)
    for i, cell in enumerate(life.cell):
        alone = Life(*(column[[i]] for column in life[:4]), *(
            column[life.event_order == i] for column in (0 * life.event_order, *life[5:])
        ))  # fmt: skip
        wanted = sum(
            back - hazard[cell, day] * risk
            for day in range(6)
            for _, back, risk, _ in [naive(alone, {cell}, day)]
        )
        assert found[i] == pytest.approx(wanted, abs=1e-9)


def test_heterogeneity_is_what_cells_vary_beyond_chance():
    rng = np.random.default_rng(5)
    cells, orders, hazard = 400, 200, 0.1

    def spread(tau):
        rate = np.clip(hazard * (1 + tau * rng.standard_normal(cells)), 0, 1)
        back = rng.binomial(orders, rate).astype(float)[:, None]
        risk = np.full((cells, 1), float(orders))
        sums = maturity.Triangle(risk, back, risk, risk)
        return maturity.heterogeneity(sums, np.full((cells, 1), hazard), psi=1.0)

    assert spread(0.0) < 0.01
    assert spread(0.4) == pytest.approx(0.16, abs=0.04)


def test_psi_is_one_for_whole_returns_and_grows_where_people_return_everything_they_bought():
    rng = np.random.default_rng(6)
    people, each = 3000, 2
    alone = rng.random(people * each) < 0.3
    together = np.repeat(rng.random(people) < 0.3, each)
    person = np.repeat(np.arange(people), each)

    def psi(back):
        n = len(back)
        gross = np.full(n, 100, np.int64)
        order = np.flatnonzero(back)
        life = Life(np.zeros(n, np.int64), np.ones(n, np.int64), np.zeros(n), gross,
                    order, np.zeros(len(order), np.int64), gross[order])  # fmt: skip
        sums = triangle(life, 1, 1)
        hazard = sums.refunded / sums.at_risk
        return maturity.dispersion(maturity.residuals(life, hazard), person, sums, hazard)

    assert psi(alone) == pytest.approx(1, abs=0.1)
    assert psi(together) == pytest.approx(2, abs=0.1)
