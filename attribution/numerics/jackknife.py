"""The grouped jackknife: standard errors from leaving out one block of people at a time.

With B blocks, theta_b is the estimate without block b, scaled up to the whole. Then

    se^2 = (B - 1) / B * sum over b of (theta_b - mean theta)^2

and a t interval has B - 1 degrees of freedom (Efron & Tibshirani, An Introduction to the
Bootstrap, 1993, ch. 11; Wolter, Introduction to Variance Estimation, 2007, ch. 4). For a sum over
people it is the textbook variance of a total of B block totals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["first_order", "half_width", "scale", "standard_errors"]


def scale(blocks: int) -> float:
    """Return what sums without one block are multiplied by, to stand for the whole."""
    return blocks / (blocks - 1)


def first_order(whole: Floats, slopes: Floats) -> Floats:
    """Return the replicates (B, ...) of an estimate from its slopes, to first order.

    Parameters
    ----------
    whole
        (...) the estimate, a function of sums.
    slopes
        (B, ...) its derivative in the direction of each block's own sums.

    Notes
    -----
    Replicate b stands at T + (T - B T_b) / (B - 1), T being the sums and T_b the block's. The
    derivative in the direction of T is the sum of the slopes, hence

        theta_b = theta + (sum of slopes - B slope_b) / (B - 1),

    which is exact where the estimate is linear in the sums: there, slope_b is the estimate of
    block b alone.
    """
    blocks = len(slopes)
    return np.asarray(whole + (slopes.sum(axis=0) - blocks * slopes) / (blocks - 1))


def standard_errors(replicates: Floats) -> Floats:
    """Return the standard errors (...) of an estimate with these replicates (B, ...)."""
    blocks = len(replicates)
    apart = replicates - replicates.mean(axis=0)
    return np.asarray(np.sqrt((blocks - 1) / blocks * (apart**2).sum(axis=0)))


def half_width(errors: Floats, level: float, blocks: int) -> Floats:
    """Return half the width of t intervals of a level such as 0.95, with B - 1 degrees."""
    from scipy.special import stdtrit

    return np.asarray(float(stdtrit(blocks - 1, (1 + level) / 2)) * errors)
