"""Draws: one named stream of random numbers for each purpose, and points of a Poisson process."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["scatter", "stream"]


def stream(seed: int, *purpose: object) -> np.random.Generator:
    """Return the random numbers of a purpose: what one draws leaves the others as they are."""
    names = [zlib.crc32(str(part).encode()) for part in purpose]
    return np.random.default_rng([seed, *names])


def scatter(rng: np.random.Generator, means: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return, for each point of a Poisson process over cells, the cell it falls in.

    Parameters
    ----------
    means
        (m,) expected points in each cell. Drawing the total and then a cell for each point is the
        same as a Poisson number for each cell, and cheap where most cells stay empty.
    """
    totals = np.cumsum(means)
    if len(totals) == 0 or totals[-1] == 0:
        return np.zeros(0, np.int64)
    place = rng.random(rng.poisson(totals[-1])) * totals[-1]
    place.sort()
    cells = np.minimum(np.searchsorted(totals, place, side="right"), len(means) - 1)
    return np.asarray(cells, dtype=np.int64)
