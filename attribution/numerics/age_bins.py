"""Ages of touchpoints in bins: counts and mean ages stand for any number of them.

A bin is narrow enough that e^(-d age) of its mean age stands for all ages in it: with 1,000 bins
from a second to 400 days, neighbours differ by 1.8 %, and a sum of e^(-d age) is off by at most
(d age)^2 e^(-d age) / 24 * 0.018^2 < 1e-5 of itself, whatever the rate d.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BINS", "bin_of"]

BINS = 1_001  # one for ages below a second, 1,000 from there on
_FIRST = 1_000.0  # ms
_LAST = 400 * 86_400_000.0  # ms
_PER_BIN = np.log(_LAST / _FIRST) / (BINS - 1)


def bin_of(ages: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (n,) the bin of each age in milliseconds; ages beyond the last bin are in it."""
    older = np.log(np.maximum(ages, _FIRST) / _FIRST) / _PER_BIN
    place = np.minimum(older.astype(np.int64) + 1, BINS - 1)
    return np.asarray(np.where(ages < _FIRST, 0, place), dtype=np.int64)
