"""Factors by which sets are divided among their members, so that the members' totals are as given.

A set S with the amount v is divided in proportion to its members' factors, v f_c / sum of f over S
(Luce, Individual Choice Behavior, 1959). The factors are those that make the targets likeliest:
they minimise

    sum over sets of v log(sum of f over S) - sum over members of target_c log f_c,

which is convex in log f, and whose slope is what a member gets less its target (Hunter, MM
algorithms for generalized Bradley-Terry models, Annals of Statistics 32, 2004). Factors lie between
1e-12 and 1. Where no factors give the targets, because members' own sets hold more than they are to
get, whoever gets too much ends at the smallest factor and whoever gets too little at the largest:
so nothing is left that could be moved to where it is missing, and the sum of what is amiss is the
least that any division of the sets leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Longs = NDArray[np.int64]
    Codes = NDArray[np.integer]

__all__ = ["divided", "factors"]

_LEAST = 1e-12
_LOWEST = float(np.log(_LEAST))
_STARTS = 10  # a line search that ends in rounding errors begins anew, a few rounds further on
_ROUNDS = 5


def factors(
    offsets: Longs, codes: Codes, amounts: Floats, targets: Floats, *, tolerance: float = 1e-7
) -> Floats:
    """Return (n,) the members' factors, from 1e-12 to 1.

    Parameters
    ----------
    offsets, codes
        (m + 1,) and (T,): the members of each set, none of them empty, no member twice.
    amounts
        (m,) what is divided, 0 or more.
    targets
        (n,) what each member is to get in all, 0 or more; read as shares of their sum.
    tolerance
        Share of the amounts that may go to the wrong member.
    """
    total, wanted = float(amounts.sum()), float(targets.sum())
    if not total or not wanted:
        return np.ones(len(targets))
    share, target = amounts / total, targets / wanted
    found = np.zeros(len(target))
    for _ in range(_STARTS):
        # Where nothing moves within the bounds, nothing can be gained.
        slope = divided(offsets, codes, share, np.exp(found)) - target
        if np.abs(np.clip(found - slope, _LOWEST, 0.0) - found).sum() <= tolerance:
            break
        found = _scaled(offsets, codes, share, target, found)
        found = _steepest(offsets, codes, share, target, found, tolerance)
    return np.asarray(np.exp(found))


def divided(offsets: Longs, codes: Codes, amounts: Floats, factors: Floats) -> Floats:
    """Return (n,) what each member gets of all sets by these factors."""
    each = factors[codes]
    per_unit = amounts / np.add.reduceat(each, offsets[:-1])
    share = each * np.repeat(per_unit, np.diff(offsets))
    return np.bincount(codes, share, minlength=len(factors)).astype(float)


def _scaled(offsets: Longs, codes: Codes, share: Floats, target: Floats, found: Floats) -> Floats:
    """Return log factors after a few rounds of f <- f * target / got, which never lead away."""
    least = np.finfo(float).tiny
    for _ in range(_ROUNDS):
        got = divided(offsets, codes, share, np.exp(found))
        step = np.log(np.maximum(target, least)) - np.log(np.maximum(got, least))
        found = found + np.where(got > 0, step, 0.0)
        found = np.clip(found - found.max(), _LOWEST, 0.0)
    return found


def _steepest(
    offsets: Longs, codes: Codes, share: Floats, target: Floats, found: Floats, tolerance: float
) -> Floats:
    """Return log factors at the least value that is found from here (L-BFGS-B)."""
    from scipy.optimize import minimize

    # A member's curvature is about what it gets: by its root all members are alike, rare ones too.
    got = divided(offsets, codes, share, np.ones(len(target)))
    root = np.sqrt(np.maximum(np.maximum(target, got), _LEAST))

    def value_and_slope(scaled: Floats) -> tuple[float, Floats]:
        logs = scaled / root
        each = np.exp(logs)
        sums = np.add.reduceat(each[codes], offsets[:-1])
        value = share @ np.log(sums) - target @ logs
        return float(value), (divided(offsets, codes, share, each) - target) / root

    done = minimize(
        value_and_slope,
        found * root,
        jac=True,
        method="L-BFGS-B",
        bounds=[(_LOWEST * each, 0.0) for each in root.tolist()],
        options={"maxiter": 1000, "maxfun": 2000, "ftol": 0.0, "gtol": tolerance / root.sum()},
    )
    return np.asarray(np.clip(done.x / root, _LOWEST, 0.0))
