"""When the effect of a touchpoint comes about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.worlds.settings import Response

    Floats = NDArray[np.float64]

__all__ = ["come_by", "wait"]

# The median of a gamma distribution with shape 2 and rate 1: (1 + x) exp(-x) = 1/2.
_HUMP_MEDIAN = 1.6783469900166608


def come_by(age: NDArray[Any], half_life: Floats, response: Response) -> Floats:
    """Return the share of an effect that has come by an age: 0 at 0, 1/2 at the half-life.

    "exponential": 1 - 2^(-age / half-life). "delayed": the distribution function of a gamma
    variable with shape 2, 1 - (1 + x) exp(-x), where x is the age over its scale.
    """
    ages = np.asarray(age) / half_life
    if response == "exponential":
        return np.asarray(-np.expm1(-np.log(2) * ages))
    x = _HUMP_MEDIAN * ages
    return np.asarray(-np.expm1(-x) - x * np.exp(-x))


def wait(share: Floats, half_life: Floats, response: Response) -> Floats:
    """Return the age by which a share of the effect has come: the inverse of `come_by`."""
    if response == "exponential":
        return np.asarray(-np.log1p(-share) * half_life / np.log(2))
    from scipy.special import gammaincinv

    return np.asarray(gammaincinv(2, share) * half_life / _HUMP_MEDIAN)
