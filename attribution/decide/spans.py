"""Calendar days of a time zone: which a span of time lies in, and how much of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from attribution.numerics.sequences import expand

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Longs = NDArray[np.int64]

__all__ = ["Pieces", "by_day"]


class Pieces(NamedTuple):
    """Spans by day: which span, (m,), on which day such as "2026-11-11", and for how many ms."""

    span: Longs
    day: NDArray[np.object_]
    ms: Longs


def by_day(start: Longs, end: Longs, timezone: str) -> Pieces:
    """Cut spans from `start` (n,) up to, not including, `end` (n,), UTC epoch ms, by day.

    A span that does not end after it starts is an instant, on the day of `start`.
    """
    start, end = np.asarray(start, np.int64), np.asarray(end, np.int64)
    if len(start) == 0:
        none = np.zeros(0, np.int64)
        return Pieces(none, np.zeros(0, object), none)
    end = np.maximum(end, start)
    first, last = int(start.min()), int(end.max())
    zone = [
        pd.Timestamp(at, unit="ms", tz="UTC").tz_convert(timezone).tz_localize(None).normalize()
        for at in (first, last)
    ]
    midnights = pd.date_range(zone[0], zone[1] + pd.Timedelta(days=2), freq="D")
    local = midnights.tz_localize(
        timezone, ambiguous=np.ones(len(midnights), bool), nonexistent="shift_forward"
    )
    bounds = np.asarray(local.tz_convert("UTC").tz_localize(None).as_unit("ms").asi8, np.int64)
    names = np.asarray(midnights.strftime("%Y-%m-%d"), dtype=object)
    opens = np.searchsorted(bounds, start, side="right") - 1
    closes = np.searchsorted(bounds, np.maximum(end - 1, start), side="right") - 1
    counts = closes - opens + 1
    span = np.repeat(np.arange(len(start)), counts)
    day = expand(opens, counts)
    ms = np.minimum(bounds[day + 1], end[span]) - np.maximum(bounds[day], start[span])
    return Pieces(span, names[day], ms)
