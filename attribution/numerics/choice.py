"""Factors by which sets are divided among their members, so that the members' totals are as given.

A set S with the amount v is divided in proportion to its members' factors, v f_c / sum of f over S
(Luce, Individual Choice Behavior, 1959). The factors are found by iterative scaling,

    f_c <- f_c * target_c / (what c gets by these factors),

which raises the likelihood of the targets in every round (Hunter, MM algorithms for generalized
Bradley-Terry models, Annals of Statistics 32, 2004, section 4). Where no factors give the targets,
because a member's own sets hold more than its target, it comes as near as any do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["divided", "factors"]

_LEAST = 1e-12  # of the largest factor: no set is left with nothing to be divided by


def factors(
    offsets: NDArray[np.int64],
    codes: NDArray[np.integer],
    amounts: Floats,
    targets: Floats,
    *,
    rounds: int = 300,
    tolerance: float = 1e-7,
) -> Floats:
    """Return (n,) the members' factors; the largest is 1.

    Parameters
    ----------
    offsets, codes
        (m + 1,) and (T,): the members of each set, none of them empty, no member twice.
    amounts
        (m,) what is divided, 0 or more.
    targets
        (n,) what each member is to get in all, 0 or more.
    rounds, tolerance
        It ends after so many rounds, or when what goes to the wrong member is so small a share.
    """
    found = np.ones(len(targets))
    if not len(codes):
        return found
    wanted = targets > 0
    total = amounts.sum()
    for _ in range(rounds):
        got = divided(offsets, codes, amounts, found)
        if np.abs(got - targets).sum() <= tolerance * total:
            break
        step = np.divide(targets, got, out=np.ones_like(found), where=wanted & (got > 0))
        found = np.where(wanted, found * step, 0.0)
        found = np.maximum(found / found.max(initial=_LEAST), _LEAST)
    return found


def divided(
    offsets: NDArray[np.int64], codes: NDArray[np.integer], amounts: Floats, shares: Floats
) -> Floats:
    """Return (n,) what each member gets of all sets by these factors."""
    each = shares[codes]
    per_unit = amounts / np.add.reduceat(each, offsets[:-1])
    share = each * np.repeat(per_unit, np.diff(offsets))
    return np.bincount(codes, share, minlength=len(shares)).astype(float)
