"""Rates that add: the likelihood against brute force, its derivatives against differences."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.numerics.additive import Additive, Exposure, Lift, RateOrders
from attribution.numerics.likelihood import fit

LN2 = np.log(2)
DAYS = 20.0


def made(
    seed: int, people: int = 60, terms: int = 3, *, clocks: bool = False
) -> tuple[Additive, list[tuple[float, list[tuple[float, int]], list[float], int]]]:
    """Return a problem, and its people: days watched, touchpoints, orders, group.

    Orders take nothing here: a touchpoint acts as long as its person is watched.
    """
    rng = np.random.default_rng(seed)
    persons = []
    for _ in range(people):
        touches = [
            (float(rng.uniform(0, DAYS)), int(rng.integers(terms))) for _ in range(rng.poisson(3))
        ]
        orders = [float(rng.uniform(0, DAYS)) for _ in range(rng.poisson(0.7))]
        persons.append((DAYS, sorted(touches), sorted(orders), int(rng.integers(2))))
    row, term, age, group, often = [], [], [], [], []
    exposed: list[tuple[int, float, float]] = []
    at_risk = np.zeros(2)
    for days, touches, orders, own in persons:
        at_risk[own] += days
        exposed += [(f, sign, a) for s, f in touches for sign, a in ((1.0, 0.0), (-1.0, days - s))]
        for at in orders:
            for s, f in touches:
                if s <= at:
                    row.append(len(group))
                    term.append(f)
                    age.append(at - s)
            group.append(own)
            often.append(1.0)
    columns = [np.array(column) for column in zip(*exposed, strict=True)]
    problem = Additive(
        RateOrders(
            np.array(row, int), np.array(term, int), np.array(age), np.array(group), np.array(often)
        ),
        Exposure(columns[0].astype(int), columns[1], columns[2]),
        at_risk,
        terms,
        np.arange(terms) if clocks else np.zeros(terms, int),
    )
    return problem, persons


def brute(persons, mu, beta, half_life) -> float:
    """Return the log-likelihood, integrating the rate on a grid of minutes."""
    total, grid = 0.0, np.linspace(0, DAYS, 40_001)
    middle = (grid[1:] + grid[:-1]) / 2
    for _, touches, orders, own in persons:

        def rate(at, touches=touches, own=own):
            out = np.full(np.shape(at), mu[own], float)
            for s, f in touches:
                d = LN2 / half_life[f]
                out = out + np.where(at >= s, beta[f] * d * np.exp(-d * np.maximum(at - s, 0)), 0)
            return out

        total += float(np.log(rate(np.array(orders))).sum()) if orders else 0.0
        total -= float(rate(middle).sum() * (grid[1] - grid[0]))
    return total


def test_the_likelihood_is_that_of_a_point_process():
    problem, persons = made(1, people=12)
    mu, beta, h = np.array([0.02, 0.05]), np.array([0.3, 0.1, 0.6]), 2.5
    theta = np.concatenate([mu, beta, [np.log(h)]])
    # A step of the grid is off where a touchpoint begins: at most beta d times its length each.
    assert problem.evaluate(theta).value == pytest.approx(
        brute(persons, mu, beta, np.full(3, h)), abs=5e-3
    )


def test_of_each_channels_own_half_life():
    problem, persons = made(2, people=12, clocks=True)
    mu, beta, h = np.array([0.02, 0.05]), np.array([0.3, 0.1, 0.6]), np.array([0.5, 2.0, 9.0])
    theta = np.concatenate([mu, beta, np.log(h)])
    assert problem.evaluate(theta).value == pytest.approx(brute(persons, mu, beta, h), abs=2e-2)


@pytest.mark.parametrize("clocks", [False, True])
@given(st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_derivatives(clocks: bool, seed: int):
    rng = np.random.default_rng(seed)
    problem, _ = made(seed, clocks=clocks)
    exposure = Exposure(
        problem.exposure.term[:20], problem.exposure.often[:20], problem.exposure.age[:20]
    )
    problem = replace(
        problem,
        tests=(Lift(exposure, 1.5, 0.7),),
        about=3.0 if clocks else None,
    )
    theta = np.concatenate(
        [rng.uniform(0.01, 0.1, 2), rng.uniform(0.1, 0.9, 3), rng.normal(1, 0.4, problem.clocks)]
    )
    step = 1e-6
    up = [problem.evaluate(theta + step * row) for row in np.eye(len(theta))]
    down = [problem.evaluate(theta - step * row) for row in np.eye(len(theta))]
    slope = np.array([(a.value - b.value) / (2 * step) for a, b in zip(up, down, strict=True)])
    assert problem.evaluate(theta).slope == pytest.approx(slope, rel=1e-5, abs=1e-5)
    bend = np.array([(a.slope - b.slope) / (2 * step) for a, b in zip(up, down, strict=True)])
    assert problem.information(theta) == pytest.approx(-bend, rel=1e-4, abs=1e-3)
    amounts = rng.uniform(0, 5, (len(problem.orders.group), 2))
    moved = np.array(
        [
            (
                problem.shared(theta + step * row, amounts)
                - problem.shared(theta - step * row, amounts)
            )
            / (2 * step)
            for row in np.eye(len(theta))
        ]
    )
    assert problem.shared_slopes(theta, amounts) == pytest.approx(moved, rel=1e-4, abs=1e-4)
    caused, by = problem.caused(theta)
    ahead = np.array([problem.caused(theta + step * row)[0] for row in np.eye(len(theta))])
    assert pytest.approx((ahead - caused) / step, rel=1e-3, abs=1e-3) == by.T


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_at_the_maximum_what_is_expected_is_what_came(seed: int):
    problem, _ = made(seed)
    found = fit(problem)
    assert found.converged
    expected = problem.caused(found.theta)[0].sum() + found.theta[:2] @ problem.at_risk
    assert expected == pytest.approx(problem.count, rel=1e-7)
    amounts = problem.orders.weight[:, None]
    assert problem.shared(found.theta, amounts).sum() == pytest.approx(problem.count)
    # No point near by is higher.
    rng = np.random.default_rng(seed)
    for _ in range(10):
        near = found.theta * np.exp(rng.normal(0, 0.05, len(found.theta)))
        near[-1] = found.theta[-1] + rng.normal(0, 0.05)
        assert problem.evaluate(near).value <= found.value + 1e-9


def test_a_precise_test_holds_the_effect_where_it_found_it():
    problem, _ = made(3, people=200)
    whole = problem.exposure
    mine = whole.term == 1
    exposure = Exposure(whole.term[mine], whole.often[mine], whole.age[mine])
    told = replace(problem, tests=(Lift(exposure, 40.0, 0.01),))
    assert problem.caused(fit(problem).theta)[0][1] < 35
    assert told.caused(fit(told).theta)[0][1] == pytest.approx(40.0, abs=0.05)
