"""Rates that multiply: the likelihood against brute force, its derivatives against differences."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from attribution.numerics.additive import RateOrders
from attribution.numerics.likelihood import fit
from attribution.numerics.multiplicative import Courses, Multiplicative, ein

LN2 = np.log(2)


def made(seed: int, journeys: int = 40, terms: int = 3) -> tuple[Multiplicative, list]:
    """Return a problem, and its journeys: touchpoints by age, look-back, ages watched, order."""
    rng = np.random.default_rng(seed)
    lookback = 6.0
    found = []
    at_risk = np.zeros(2)
    for _ in range(journeys):
        ages = np.sort(rng.uniform(0, 15, rng.poisson(2.5)))[::-1]
        ordered = bool(rng.random() < 0.5)
        closes = 0.0 if ordered else -float(rng.uniform(0, 4))
        opens = float(rng.uniform(5, 16))
        own = int(rng.integers(2))
        at_risk[own] += opens - closes
        # What is too old at an order is not in its journey.
        kept = ages[ages <= lookback] if ordered else ages
        found.append((kept, rng.integers(0, terms, len(kept)), opens, closes, own, ordered))
    events, offsets, touch, touches_of, terms_of = [], [0], 0, [], []
    row, term, age, group = [], [], [], []
    for kept, codes, _, closes, own, ordered in found:
        mine = []
        for a, c in zip(kept, codes, strict=True):
            mine.append((a, 0.0, touch))
            if a - lookback > closes:
                mine.append((a - lookback, lookback, touch))
            touches_of.append(touch)
            terms_of.append(c)
            if ordered:
                row.append(len(group))
                term.append(c)
                age.append(a)
            touch += 1
        if ordered:
            group.append(own)
        events += sorted(mine, key=lambda event: -event[0])
        offsets.append(len(events))
    columns = [np.array(column) for column in zip(*events, strict=True)]
    problem = Multiplicative(
        RateOrders(
            np.array(row, int), np.array(term, int), np.array(age, float), np.array(group, int),
            np.ones(len(group)),
        ),
        Courses(
            np.array(offsets), columns[0], columns[1], columns[2].astype(int),
            np.array([each[2] for each in found]), np.array([each[3] for each in found]),
            np.array([each[4] for each in found]), np.ones(len(found)),
            np.array(touches_of, int), np.array(terms_of, int),
        ),
        at_risk,
        terms,
        np.zeros(terms, int),
    )  # fmt: skip
    return problem, [(*each, lookback) for each in found]


def brute(journeys: list, mu: np.ndarray, b: np.ndarray, h: float) -> float:
    """Return the log-likelihood, the rate integrated on a fine grid of ages."""
    total = 0.0
    for ages, codes, opens, closes, own, ordered, lookback in journeys:
        grid = np.linspace(closes, opens, 60_001)
        middle = (grid[1:] + grid[:-1]) / 2
        eta = np.zeros(len(middle))
        at_order = 0.0
        for a, c in zip(ages, codes, strict=True):
            since = a - middle
            acts = (since >= 0) & (since <= lookback)
            eta += np.where(acts, b[c] * np.exp(-LN2 / h * np.maximum(since, 0)), 0.0)
            at_order += b[c] * np.exp(-LN2 / h * a)
        total -= mu[own] * float(np.exp(eta).sum() * (grid[1] - grid[0]))
        if ordered:
            total += float(np.log(mu[own]) + at_order)
    return total


@pytest.mark.parametrize("z", [-0.9, -1e-9, 0.0, 1e-5, 0.3, 1.7, 5.0, 20.0, 49.0])
def test_ein_is_its_integral(z: float):
    exact = quad(lambda u: np.expm1(u) / u if u else 1.0, 0, z, epsabs=0, epsrel=1e-12)[0]
    assert ein(np.array([z]))[0] == pytest.approx(exact, abs=3e-10 * np.exp(z), rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_likelihood_is_that_of_a_point_process(seed: int):
    problem, journeys = made(seed, 15)
    mu, b, h = np.array([0.05, 0.1]), np.array([0.4, 1.5, 0.9]), 1.7
    theta = np.concatenate([mu, b, [np.log(h)]])
    # The grid is off by a step of 3e-4 days where a touchpoint begins: about 1e-4 each.
    assert problem.evaluate(theta).value == pytest.approx(brute(journeys, mu, b, h), abs=3e-3)


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_derivatives(seed: int):
    problem, _ = made(seed)
    rng = np.random.default_rng(seed)
    theta = np.concatenate([rng.uniform(0.02, 0.2, 2), rng.uniform(0.1, 2, 3), rng.normal(0, 1, 1)])
    step = 1e-6
    up = [problem.evaluate(theta + step * row).value for row in np.eye(len(theta))]
    down = [problem.evaluate(theta - step * row).value for row in np.eye(len(theta))]
    slope = (np.array(up) - np.array(down)) / (2 * step)
    assert problem.evaluate(theta).slope == pytest.approx(slope, rel=1e-4, abs=1e-4)
    caused, by = problem.caused(theta)
    ahead = np.array([problem.caused(theta + step * row)[0] for row in np.eye(len(theta))])
    assert np.abs(by.T - (ahead - caused) / step).max() < 1e-3


def test_what_chance_does_to_orders_is_summed_over_them():
    problem, journeys = made(4)
    mu, b, h = np.array([0.05, 0.1]), np.array([0.4, 1.5, 0.9]), 1.7
    theta = np.concatenate([mu, b, [np.log(h)]])
    came, along = problem.caused_by_chance(theta)
    squares, products, information = np.zeros((3, 3)), np.zeros((3, 6)), np.zeros((6, 6))
    for ages, codes, _, _, own, ordered, _ in journeys:
        if not ordered:
            continue
        gone, score = np.zeros(3), np.zeros(6)
        score[own] = 1 / mu[own]
        for a, c in zip(ages, codes, strict=True):
            left = np.exp(-LN2 / h * a)
            gone[c] += b[c] * left
            score[2 + c] += left
            score[5] += b[c] * left * LN2 / h * a
        gone = 1 - np.exp(-gone)
        squares += np.outer(gone, gone)
        products += np.outer(gone, score)
        information += np.outer(score, score)
    assert np.abs(came - squares).max() < 1e-9
    assert np.abs(along - products).max() < 1e-9
    assert np.abs(problem.information(theta) - information).max() < 1e-9 * information.max()


def test_an_order_is_shared_whole():
    problem, _ = made(5)
    theta = np.array([0.05, 0.1, 0.4, 1.5, 0.9, 0.3])
    amounts = np.column_stack([np.ones(len(problem.orders.group)), problem.orders.group + 2.0])
    assert problem.shared(theta, amounts).sum(axis=0) == pytest.approx(amounts.sum(axis=0))


def test_at_the_maximum_nothing_near_by_is_higher():
    problem, _ = made(7, 400)
    found = fit(problem)
    assert found.converged
    rng = np.random.default_rng(0)
    for _ in range(20):
        near = found.theta * np.exp(rng.normal(0, 0.03, len(found.theta)))
        assert problem.evaluate(near).value <= found.value + 1e-6
    # mu is told by itself: orders over what time at risk stands for.
    slope = problem.evaluate(found.theta).slope
    assert np.abs(slope[:2] * found.theta[:2]).max() < 1e-3
