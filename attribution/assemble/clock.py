"""Calendar days and clock times of many instants, quickly where no clock is changed."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from attribution import columns as door

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DAY_MS", "ahead_of_utc", "days"]

DAY_MS = 86_400_000
_FIRST = pd.Timestamp("1999-12-25")
_LAST = pd.Timestamp("2100-01-10")


def days(ms: NDArray[np.int64], tz: str) -> NDArray[np.int32]:
    """Return the calendar day of each UTC instant in a time zone, as days since 1970-01-01."""
    if not len(ms):
        return np.zeros(0, np.int32)
    ahead = ahead_of_utc(tz, int(ms.min()), int(ms.max()))
    if ahead is None:
        return door.days_of(ms, tz)
    return ((ms + ahead) // DAY_MS).astype(np.int32)


def ahead_of_utc(tz: str, low: int, high: int) -> int | None:
    """Return by how many milliseconds a zone's clock is ahead of UTC, if it is always the same.

    `low` and `high` are epoch milliseconds, of UTC or of the clock itself; None where the clock is
    changed between them, or within a day of them, or where they lie outside 2000 to 2100.
    """
    ahead = _by_day(tz)
    start = _FIRST.value // 1_000_000_000 // 86_400
    first, last = low // DAY_MS - 1 - start, high // DAY_MS + 3 - start
    if first < 0 or last > len(ahead):
        return None
    seen = ahead[first:last]
    return int(seen[0]) if (seen == seen[0]).all() else None


@lru_cache(maxsize=8)
def _by_day(tz: str) -> NDArray[np.int64]:
    """Return by how much the clock is ahead of UTC at each midnight, in milliseconds."""
    midnights = pd.date_range(_FIRST, _LAST, freq="D").as_unit("ms")
    told = midnights.tz_localize(
        ZoneInfo(tz), ambiguous=np.ones(len(midnights), bool), nonexistent="shift_forward"
    )
    utc = told.tz_convert("UTC").tz_localize(None)
    return midnights.to_numpy().astype(np.int64) - utc.to_numpy().astype(np.int64)
