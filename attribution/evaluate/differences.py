"""How far two credits are apart, with intervals: two models, or one model in two periods."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.credit import Credit, checked_level, end_names, shares_of
from attribution.errors import ConfigError
from attribution.names import ORGANIC, UNATTRIBUTED, VALUE
from attribution.numerics import jackknife

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["difference"]

_NO_CHANNEL = (ORGANIC, UNATTRIBUTED)


def difference(one: Credit, other: Credit, interval: float | None = None) -> pd.DataFrame:
    """Return by how much one credit exceeds another, channel by channel.

    Rows are aligned by channel name; a channel that only one of them knows has nothing in the
    other. Both leave out the same people together, so that what the two have in common cancels in
    the interval, and what they do not, adds: two models of the same journeys, two periods in which
    some people came back.

    Parameters
    ----------
    one, other
        Credits with intervals.
    interval
        Level; that of `one` if not given.

    Returns
    -------
    DataFrame
        Columns channel; conversions, value, share and further money columns of `one` minus those
        of `other`; and the ends `low, high, value_low, value_high, share_low, share_high` ...
        Organic and unattributed stand last, where either credit has them.

    Raises
    ------
    ConfigError
        If a credit has no intervals, or the two have different money columns or blocks.
    """
    if not isinstance(one, Credit) or not isinstance(other, Credit):
        raise ConfigError("A difference is of two credits, such as attribute returns.")
    if one.replicates is None or one.interval is None or other.replicates is None:
        raise ConfigError(
            "A difference needs two credits with intervals: attribute or compare with "
            "interval=0.95."
        )
    if one.measures != other.measures or len(one.replicates) != len(other.replicates):
        raise ConfigError(
            f"Credits of {', '.join(one.measures)} and {', '.join(other.measures)} in "
            f"{len(one.replicates)} and {len(other.replicates)} blocks have no difference: "
            "attribute both alike."
        )
    level = one.interval if interval is None else checked_level(interval)
    channels = sorted({*one.channels, *other.channels})
    gap = _aligned(one, one.rows, channels) - _aligned(other, other.rows, channels)
    apart = _aligned(one, one.replicates, channels) - _aligned(other, other.replicates, channels)
    errors = np.hypot(
        jackknife.standard_errors(apart),
        np.hypot(_drawn(one, channels), _drawn(other, channels)),
    )
    half = jackknife.half_width(errors, level, len(apart))
    names = [*one.measures, "share"]
    there = _aligned(one, np.abs(one.rows), channels) + _aligned(
        other, np.abs(other.rows), channels
    )
    kept = np.append(np.ones(len(channels), bool), there[-2:].any(axis=1))
    frame = pd.DataFrame(gap[kept], columns=names)
    frame.insert(0, "channel", pd.Series([*channels, *_NO_CHANNEL], dtype="str")[kept].to_numpy())
    frame = frame[["channel", "conversions", VALUE, "share", *one.measures[2:]]]
    for place, name in enumerate(names):
        low, high = end_names(name)
        frame[low] = (gap - half)[kept, place]
        frame[high] = (gap + half)[kept, place]
    return frame


def _aligned(credit: Credit, rows: NDArray[np.float64], channels: list[str]) -> NDArray[np.float64]:
    """Return (..., channels + 2, measures + 1): rows in the order of channels, and their share."""
    place = {name: code for code, name in enumerate(channels)}
    at = [*(place[name] for name in credit.channels), len(channels), len(channels) + 1]
    out = np.zeros((*rows.shape[:-2], len(channels) + 2, rows.shape[-1] + 1))
    out[..., at, :-1] = rows
    out[..., at, -1] = shares_of(rows)
    return out


def _drawn(credit: Credit, channels: list[str]) -> NDArray[np.float64]:
    """Return the errors of a sampled estimate, aligned; zeros where the credit is exact."""
    rows = np.zeros_like(credit.rows)
    if credit.errors is not None:
        rows[: len(credit.channels)] = credit.errors
    out = _aligned(credit, rows, channels)
    total = credit.rows[:, 0].sum()
    out[..., -1] = out[..., 0] / total if total else 0.0
    return out
