"""Logistic regressions on presence: one data set, many subsets of its columns, all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.errors import ModelError
from attribution.numerics.pairs import pairs_within

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]
    Marks = NDArray[np.bool_]

__all__ = ["fit_subsets"]

_ENTRIES = 1 << 23  # of the largest arrays
_STEPS = 200
_SETTLED = 1e-8  # the next step of Newton's method would then be about its square


def fit_subsets(
    offsets: NDArray[np.int64],
    codes: NDArray[np.integer],
    trials: Floats,
    gained: Floats,
    kept: Marks,
    ridge: float,
) -> Floats:
    """Return (fits, n) coefficients of regressions of success on which members a set has.

    Those of columns left out are 0. Each fit maximises the mean log-likelihood of a trial less
    ridge / 2 times the sum of squared coefficients, intercept apart, by Newton's method with
    halved steps.

    Parameters
    ----------
    offsets, codes
        m sets of members below n.
    trials, gained
        (m,) trials of each set and successes among them; some of both kinds in all.
    kept
        (fits, n) True for the columns of each fit.

    Raises
    ------
    ModelError
        If a fit does not come to rest.
    """
    design = _Design.of(offsets, codes, trials, gained, kept.shape[1])
    at_once = max(1, _ENTRIES // max((kept.shape[1] + 1) ** 2, len(trials)))
    return np.concatenate(
        [
            _newton(design, kept[first : first + at_once], ridge)
            for first in range(0, len(kept), at_once)
        ]
    )


class _Design(NamedTuple):
    """The data, with a last column of ones, and the products of any two columns, by set."""

    columns: csr_array  # (m, n + 1)
    products: csr_array  # (pairs of columns that meet, m)
    one: NDArray[np.int64]
    other: NDArray[np.int64]
    trials: Floats  # parts of all trials
    gained: Floats

    @classmethod
    def of(
        cls,
        offsets: NDArray[np.int64],
        codes: NDArray[np.integer],
        trials: Floats,
        gained: Floats,
        members: int,
    ) -> _Design:
        from scipy.sparse import csr_array

        sets, wide = len(trials), members + 1
        # Every set ends with the column of ones.
        ends = offsets + np.arange(sets + 1)
        cells = np.full(ends[-1], members, np.int64)
        cells[np.arange(offsets[-1]) + np.repeat(np.arange(sets), np.diff(offsets))] = codes
        columns = csr_array((np.ones(len(cells)), cells, ends), shape=(sets, wide))
        two = pairs_within(ends)
        own = np.repeat(np.arange(sets), np.diff(ends))
        key = np.append(cells * wide + cells, cells[two.first] * wide + cells[two.second])
        found, place = np.unique(key, return_inverse=True)
        rows = np.append(own, two.row)
        products = csr_array((np.ones(len(key)), (place, rows)), shape=(len(found), sets))
        whole = trials.sum()
        return cls(columns, products, found // wide, found % wide, trials / whole, gained / whole)


def _newton(design: _Design, kept: Marks, ridge: float) -> Floats:
    fits, members = kept.shape
    free = np.column_stack([kept, np.ones(fits, bool)])
    weight = np.append(np.full(members, ridge), 0.0)
    base = design.gained.sum()
    theta = np.zeros((fits, members + 1))
    theta[:, -1] = np.log(base) - np.log1p(-base)
    # Columns left out: no slope, and a curvature of one.
    fixed = np.where(free, weight, 1.0)

    def height(at: Floats) -> Floats:
        line = design.columns @ at.T
        fitted = design.gained @ line - design.trials @ np.logaddexp(0.0, line)
        return np.asarray(fitted - 0.5 * (at**2) @ weight)

    now = height(theta)
    for _ in range(_STEPS):
        chance = 1.0 / (1.0 + np.exp(-(design.columns @ theta.T)))
        apart = design.gained[:, None] - design.trials[:, None] * chance
        slope = ((design.columns.T @ apart).T - weight * theta) * free
        bend = np.zeros((fits, members + 1, members + 1))
        summed = (design.products @ (design.trials[:, None] * chance * (1.0 - chance))).T
        summed *= free[:, design.one] & free[:, design.other]
        bend[:, design.one, design.other] = summed
        bend[:, design.other, design.one] = summed
        bend[:, np.arange(members + 1), np.arange(members + 1)] += fixed
        step = np.linalg.solve(bend, slope[:, :, None])[:, :, 0]
        after = height(theta + step)
        while (worse := after < now - 1e-12 * np.abs(now)).any():
            step[worse] *= 0.5
            after = height(theta + step)
        theta, now = theta + step, after
        if np.abs(step).max() <= _SETTLED:
            return theta[:, :-1]
    raise ModelError(
        f"A logistic regression with ridge {ridge!r} did not come to rest: some channel nearly "
        "decides who converts. A larger ridge holds its coefficient."
    )
