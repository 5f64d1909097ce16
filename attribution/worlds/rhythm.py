"""When things happen: a rate over the time of a world, constant in each of its pieces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.columns import duration_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from attribution.worlds.settings import FlashSale, Sessions, WorldSettings

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

__all__ = ["Rhythm", "demand_rhythm", "exposure_rhythms", "session_times"]


@dataclass(frozen=True)
class Rhythm:
    """A rate that is constant between edges.

    Its total over the world is 1 at ordinary times, more where there are surges.

    Attributes
    ----------
    edges
        (m + 1,) milliseconds from the beginning of the world, rising from 0.
    rates
        (m,) rate per millisecond between two edges.
    """

    edges: Ints
    rates: Floats

    @property
    def totals(self) -> Floats:
        """Return (m + 1,) what has come by each edge."""
        return np.append(0.0, np.cumsum(self.rates * np.diff(self.edges)))

    def by(self, at: Ints) -> Floats:
        """Return what has come by each instant."""
        return np.interp(at, self.edges, self.totals)

    def when(self, total: Floats) -> Ints:
        """Return the instant by which so much has come, in whole milliseconds."""
        live = self.rates > 0
        ends, begins = self.totals[1:][live], self.totals[:-1][live]
        piece = np.minimum(np.searchsorted(ends, total, side="right"), len(ends) - 1)
        after = np.floor((total - begins[piece]) / self.rates[live][piece]).astype(np.int64)
        first, last = self.edges[:-1][live][piece], self.edges[1:][live][piece]
        return np.asarray(np.clip(first + after, first, last - 1), dtype=np.int64)


def session_times(sessions: Sessions, span: int) -> tuple[Ints, Ints]:
    """Return starts and ends of live sessions within the world, in milliseconds."""
    length, every = duration_ms(sessions.length, "length"), duration_ms(sessions.every, "every")
    starts = np.arange(duration_ms(sessions.start, "start"), span, every, dtype=np.int64)
    return starts, np.minimum(starts + length, span)


def demand_rhythm(settings: WorldSettings) -> Rhythm:
    """Return when people order of their own accord."""
    base = Rhythm(np.array([0, settings.span]), np.array([1 / settings.span]))
    return _with_surges(base, settings.flash_sales, [sale.demand for sale in settings.flash_sales])


def exposure_rhythms(settings: WorldSettings) -> list[Rhythm]:
    """Return when each channel touches people."""
    found = []
    for channel in settings.channels:
        base = Rhythm(np.array([0, settings.span]), np.array([1 / settings.span]))
        if channel.sessions is not None:
            starts, ends = session_times(channel.sessions, settings.span)
            edges = np.unique(np.concatenate([[0, settings.span], starts, ends]))
            on = np.searchsorted(starts, edges[:-1], side="right") > np.searchsorted(
                ends, edges[:-1], side="right"
            )
            hours = (np.diff(edges) * on).sum()
            base = Rhythm(edges, on / max(hours, 1))
        sales = [s for s in settings.flash_sales if not s.channels or channel.name in s.channels]
        found.append(_with_surges(base, sales, [sale.exposure for sale in sales]))
    return found


def _with_surges(base: Rhythm, sales: Sequence[FlashSale], factors: Sequence[float]) -> Rhythm:
    """Return the rate times each sale's factor while it lasts."""
    span = base.edges[-1]
    begins = [min(duration_ms(sale.start, "start"), span) for sale in sales]
    ends = [
        min(begin + duration_ms(sale.length, "length"), span)
        for begin, sale in zip(begins, sales, strict=True)
    ]
    edges = np.unique(np.concatenate([base.edges, begins, ends]).astype(np.int64))
    rates = base.rates[np.searchsorted(base.edges, edges[:-1], side="right") - 1]
    for begin, end, factor in zip(begins, ends, factors, strict=True):
        rates = np.where((edges[:-1] >= begin) & (edges[:-1] < end), rates * factor, rates)
    return Rhythm(edges, rates)
