"""The maximum of a likelihood within bounds, and what the data say of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Generic, NamedTuple, Protocol, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["Bounds", "Fit", "Gradient", "Likelihood", "fit", "fitted_at", "upper_end"]

_STEPS = 100
_HAIR = 1e-9
_RESTARTS, _GAIN, _FLAT = 20, 1e-9, 1e-6
_SINGULAR = 1e-8  # of a scaled information matrix: a direction nothing is known of


class Gradient(NamedTuple):
    """The log-likelihood at a point, and its derivatives."""

    value: float
    slope: Floats


class Bounds(NamedTuple):
    """What each parameter may be; one whose two bounds are equal is not fitted.

    Attributes
    ----------
    low, high
        (parameters,).
    size
        (parameters,) about how large it is, so that all can be searched alike.
    """

    low: Floats
    high: Floats
    size: Floats


class Likelihood(Protocol):
    """A log-likelihood of parameters (p,), to be maximised within bounds."""

    @property
    def count(self) -> float:
        """How many observations there are."""
        ...

    @property
    def close(self) -> float:
        """How far from zero the gradient may end, per observation and a parameter's size."""
        ...

    @property
    def bounds(self) -> Bounds:
        """What each parameter may be."""
        ...

    def start(self) -> Floats:
        """Return where to begin."""
        ...

    def evaluate(self, theta: Floats) -> Gradient:
        """Return the log-likelihood, minus infinity where it has none, and its gradient."""
        ...

    def information(self, theta: Floats) -> Floats:
        """Return (p, p) minus its second derivative."""
        ...


L = TypeVar("L", bound=Likelihood)


@dataclass(frozen=True)
class Fit(Generic[L]):
    """The maximum.

    Attributes
    ----------
    problem
        What was fitted.
    theta
        (p,) the parameters.
    value
        The log-likelihood there.
    converged
        Whether its gradient vanishes there.
    held
        (p,) parameters that were kept where they are, or are pressed to a bound.
    """

    problem: L
    theta: Floats
    value: float
    converged: bool
    held: NDArray[np.bool_]

    @cached_property
    def _spectrum(self) -> tuple[Ints, Floats, Floats, Floats]:
        """Return what is free, and the spectrum of its information, each scaled to one."""
        free = np.flatnonzero(~self.held)
        inside = self.problem.information(self.theta)[np.ix_(free, free)]
        size = np.sqrt(np.maximum(np.diag(inside), 1e-300))
        values, vectors = np.linalg.eigh(inside / size[:, None] / size[None, :])
        return free, size, values, vectors

    @cached_property
    def covariance(self) -> Floats:
        """(p, p) of the estimates; zero where they are held.

        It leaves out directions that the data say nothing about: see `unknown`.
        """
        free, size, values, vectors = self._spectrum
        out = np.zeros((len(self.theta), len(self.theta)))
        known = values > _SINGULAR
        scaled = vectors / size[:, None]
        out[np.ix_(free, free)] = (scaled[:, known] / values[known]) @ scaled[:, known].T
        return out

    @cached_property
    def unknown(self) -> Floats:
        """(p, directions) along which the likelihood does not bend, of length one."""
        free, size, values, vectors = self._spectrum
        flat = vectors[:, values <= _SINGULAR] / size[:, None]
        out = np.zeros((len(self.theta), flat.shape[1]))
        out[free] = flat / np.maximum(np.linalg.norm(flat, axis=0), 1e-300)
        return out


def fit(problem: L, start: Floats | None = None) -> Fit[L]:
    """Return the maximum within the bounds.

    A quasi-Newton search (Byrd, Lu, Nocedal & Zhu 1995), ended by Newton's steps.
    """
    low, high, _ = problem.bounds
    theta = np.clip(problem.start() if start is None else start, low, high)
    return _polished(problem, _searched(problem, theta), low == high)


def fitted_at(found: Fit[L], parameter: int, value: float) -> Fit[L]:
    """Return the maximum where one parameter is held at a value, starting from another maximum."""
    theta = found.theta.copy()
    theta[parameter] = value
    low, high, _ = found.problem.bounds
    held = low == high
    held[parameter] = True
    return _polished(found.problem, theta, held)


def upper_end(found: Fit[L], parameter: int, drop: float) -> float:
    """Return how far a parameter can rise until the profile likelihood has fallen by `drop`.

    For one that lies at its lower bound, where no symmetric interval holds.
    """
    score = float(found.problem.evaluate(found.theta).slope[parameter])
    curvature = float(found.problem.information(found.theta)[parameter, parameter])
    begin = found.theta[parameter]
    # Where everything else stays: -score b + curvature b^2 / 2 = drop; the true end lies beyond.
    reach = np.sqrt(score**2 + 2 * max(curvature, 0.0) * drop) - score
    if not reach > 0:
        return float("inf")
    step = 2 * drop / reach
    inside, outside, at = begin, np.inf, begin + step
    profile = found
    for _ in range(40):
        profile = fitted_at(profile, parameter, at)
        short = drop - (found.value - profile.value)
        if abs(short) < 1e-3 * drop:
            break
        if short > 0:
            inside = at
        else:
            outside = at
        # The loss grows about as the square of the way.
        wanted = begin + (at - begin) * np.sqrt(drop / max(drop - short, 0.05 * drop))
        at = wanted if inside < wanted < outside else (inside + min(outside, 4 * at)) / 2
    return float(at)


def _searched(problem: Likelihood, start: Floats) -> Floats:
    from scipy.optimize import minimize

    low, high, size = problem.bounds
    count = max(problem.count, 1e-12)

    def objective(scaled: Floats) -> tuple[float, Floats]:
        at = problem.evaluate(scaled * size)
        if not np.isfinite(at.value):
            return 1e30, np.zeros_like(scaled)
        return -at.value / count, -at.slope * size / count

    best, value = start / size, np.inf
    for _ in range(_RESTARTS):  # a step to where there is no likelihood ends a search too early
        found = minimize(
            objective,
            best,
            jac=True,
            method="L-BFGS-B",
            bounds=np.column_stack([low / size, high / size]),
            options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-8, "maxcor": 20},
        )
        best, gained, value = found.x, value - found.fun, float(found.fun)
        inside = (best > low / size) & (best < high / size)
        if not gained > _GAIN or np.abs(objective(best)[1][inside]).max(initial=0.0) <= _FLAT:
            break
    # What is as good as at its bound is there: a search ends a hair beside it.
    theta = best * size
    return np.asarray(np.where(theta - low < _HAIR * size, low, theta))


def _polished(problem: L, theta: Floats, held: NDArray[np.bool_]) -> Fit[L]:
    """Return the maximum after Newton's steps on what is neither held nor pressed to a bound."""
    low, high, size = problem.bounds
    count = max(problem.count, 1e-12)
    at = problem.evaluate(theta)
    stuck, converged = held, False
    for _ in range(_STEPS):
        stuck = held | ((theta <= low) & (at.slope <= 0)) | ((theta >= high) & (at.slope >= 0))
        free = np.flatnonzero(~stuck)
        rest = np.abs(at.slope * size)[free].max(initial=0.0) / count
        if rest <= problem.close:
            converged = True
            break
        step = _newton_step(problem.information(theta)[np.ix_(free, free)], at.slope[free])
        moved = _climbed(problem, theta, free, step, at)
        if moved is None:  # no higher point within rounding
            converged = bool(rest <= max(1e-5, problem.close))
            break
        theta, at = moved
    return Fit(problem, theta, at.value, converged, stuck)


def _newton_step(information: Floats, slope: Floats) -> Floats:
    """Return the step to the maximum of the quadratic; where it bends up, along the gradient."""
    size = np.sqrt(np.maximum(np.abs(np.diag(information)), 1e-300))
    values, vectors = np.linalg.eigh(information / size[:, None] / size[None, :])
    inner = vectors.T @ (slope / size)
    return np.asarray(vectors @ (inner / np.maximum(np.abs(values), _SINGULAR)) / size)


def _climbed(
    problem: Likelihood, theta: Floats, free: Ints, step: Floats, at: Gradient
) -> tuple[Floats, Gradient] | None:
    """Return the first point along the step, halved as often as it takes, that lies higher."""
    low, high, _ = problem.bounds
    for halving in range(30):
        tried = theta.copy()
        tried[free] = np.clip(theta[free] + step * 0.5**halving, low[free], high[free])
        found = problem.evaluate(tried)
        if found.value > at.value:
            return tried, found
    return None
