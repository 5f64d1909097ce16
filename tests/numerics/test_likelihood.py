"""The maximum within bounds, against likelihoods whose maximum is known by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.optimize import brentq

from attribution.numerics.likelihood import Bounds, Gradient, fit, fitted_at, upper_end

Floats = np.ndarray


@dataclass(frozen=True)
class Counts:
    """Poisson counts whose means are sums of rates: y_i ~ Poisson(design_i theta)."""

    design: Floats
    y: Floats
    high: float = np.inf

    @property
    def count(self) -> float:
        return float(self.y.sum())

    @property
    def close(self) -> float:
        return 1e-10

    @property
    def bounds(self) -> Bounds:
        size = np.ones(self.design.shape[1])
        return Bounds(0 * size, self.high * size, size)

    def start(self) -> Floats:
        return np.ones(self.design.shape[1])

    def evaluate(self, theta: Floats) -> Gradient:
        mean = self.design @ theta
        if (mean <= 0).any():
            return Gradient(-np.inf, 0 * theta)
        value = float(self.y @ np.log(mean) - mean.sum())
        return Gradient(value, self.design.T @ (self.y / mean - 1))

    def information(self, theta: Floats) -> Floats:
        mean = self.design @ theta
        return (self.design.T * (self.y / mean**2)) @ self.design


def test_the_mean_of_counts_is_their_maximum():
    problem = Counts(np.ones((4, 1)), np.array([3.0, 5.0, 7.0, 1.0]))
    found = fit(problem)
    assert found.converged
    assert found.theta == pytest.approx([4.0])
    # The variance of a mean of Poisson counts is the mean over their number.
    assert found.covariance == pytest.approx(np.array([[1.0]]))
    assert not found.unknown.shape[1]


def test_a_rate_that_would_be_negative_lies_at_zero():
    # y_1 = a, y_2 = a + b: the free maximum has b = -2.
    problem = Counts(np.array([[1.0, 0], [1, 1]]), np.array([8.0, 6.0]))
    found = fit(problem)
    assert found.converged
    assert found.theta == pytest.approx([7.0, 0.0], abs=1e-9)
    assert found.held.tolist() == [False, True]
    assert found.covariance[1, 1] == 0


def test_its_upper_end_is_where_the_profile_has_fallen():
    problem = Counts(np.array([[1.0, 0], [1, 1]]), np.array([8.0, 6.0]))
    found = fit(problem)

    def fallen(b: float) -> float:
        # With b held, a solves 8/a + 6/(a + b) = 2.
        a = brentq(lambda a: 8 / a + 6 / (a + b) - 2, 1e-6, 100)
        return found.value - problem.evaluate(np.array([a, b])).value - 1.3528

    assert upper_end(found, 1, 1.3528) == pytest.approx(brentq(fallen, 0, 50), rel=2e-3)
    held = fitted_at(found, 1, 2.0)
    assert held.theta[0] == pytest.approx(brentq(lambda a: 8 / a + 6 / (a + 2) - 2, 1e-6, 100))


def test_what_cannot_be_told_apart_is_said():
    # Two rates that only ever come together, and a third of its own.
    problem = Counts(np.array([[1.0, 1, 0], [1, 1, 1]]), np.array([5.0, 9.0]))
    found = fit(problem)
    assert found.converged
    assert found.theta[:2].sum() == pytest.approx(5.0)
    assert found.unknown.shape[1] == 1
    assert np.abs(found.unknown[:, 0]) == pytest.approx([0.5**0.5, 0.5**0.5, 0], abs=1e-6)
    together = np.array([1.0, 1.0, 0.0])
    assert together @ found.covariance @ together == pytest.approx(5.0)


def test_a_parameter_with_equal_bounds_is_left_alone():
    found = fit(Counts(np.ones((2, 1)), np.array([3.0, 5.0]), high=0.0))
    assert found.theta == pytest.approx([0.0])
    assert found.held.all()
