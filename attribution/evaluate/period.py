"""The journeys of a period, so that one period can be held against another."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd

from attribution.errors import ConfigError, DataError, quoted
from attribution.journeys import Journeys
from attribution.journeys.window import between
from attribution.model import reduced
from attribution.names import DEFAULT_TIMEZONE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

T = TypeVar("T")

__all__ = ["Period", "in_period", "watched_in"]


def in_period(
    journeys: Journeys | Iterable[Journeys], first: str | date, last: str | date
) -> Period:
    """Return the journeys that belong to the days from `first` to `last`, both included.

    A model of rates in time needs `watched_in` instead: what acted in the period is more than the
    journeys that belong to it.

    A journey belongs to the day of its order, or of its last touchpoint where there is no order;
    one that ends in a live session, while that lasts, to the day the session starts on. Where
    journeys carry the label `booked_day`, an order belongs to the day it is paid.

    Parameters
    ----------
    journeys
        One batch or many, here or on a cluster.
    first, last
        Calendar days in the journeys' time zone, such as "2026-11-11".

    Returns
    -------
    Period
        An iterable of batches; `attribute` and `compare` take it.

    Raises
    ------
    ConfigError
        For what is no day, or a period that ends before it begins.
    DataError
        When it is walked over, for journeys without times.
    """
    return Period(journeys, partial(_belonging, *_days_from(first, last)))


def watched_in(
    journeys: Journeys | Iterable[Journeys],
    first: str | date,
    last: str | date,
    tz: str = DEFAULT_TIMEZONE,
) -> Period:
    """Return all journeys, of people who are watched in these days only: for a model of rates.

    Touchpoints from before stay and act in the period as long as they do; the orders are those
    that `in_period` has. One of them that is placed outside of the days, such as in a session past
    midnight, stands outside of the likelihood.

    Parameters
    ----------
    journeys
        One batch or many, which say when people were watched.
    first, last
        Calendar days, both included.
    tz
        Their time zone.

    Raises
    ------
    ConfigError
        For what is no day, or a period that ends before it begins.
    DataError
        When it is walked over, for journeys that do not say when people were watched.
    """
    days = _days_from(first, last)
    start, end = (
        int(pd.Timestamp(day, unit="D").tz_localize(tz).timestamp() * 1_000)
        for day in (days[0], days[1] + 1)
    )
    return Period(journeys, partial(_watched, days, (start, end)))


def _days_from(first: str | date, last: str | date) -> tuple[int, int]:
    start, end = _day(first, "first"), _day(last, "last")
    if end < start:
        raise ConfigError(
            f"A period from {first} to {last} ends before it begins: exchange the two days."
        )
    return start, end


@dataclass(frozen=True, eq=False)
class Period:
    """The journeys of some days, batch by batch; each walk reads the source anew."""

    journeys: Journeys | Iterable[Journeys]
    cut: Callable[[Journeys], Journeys]

    def __iter__(self) -> Iterator[Journeys]:
        """Yield every batch of the source with the journeys of these days alone."""
        whole = [self.journeys] if isinstance(self.journeys, Journeys) else self.journeys
        return (self.cut(batch) for batch in whole)

    def reduced(self, work: Callable[[Iterable[Journeys]], T], add: Callable[[T, T], T]) -> T:
        """Return the sum of what `work` finds in the batches, worked out where they lie."""
        return reduced(self.journeys, partial(_worked, work, self.cut), add)


def _worked(
    work: Callable[[Iterable[Journeys]], T],
    cut: Callable[[Journeys], Journeys],
    batches: Iterable[Journeys],
) -> T:
    return work(cut(batch) for batch in batches)


def _belonging(first: int, last: int, journeys: Journeys) -> Journeys:
    """Return the journeys of these days, without the time at risk, which is not of them alone."""
    day = _days(journeys)
    chosen = journeys.take((day >= first) & (day <= last))
    return replace(chosen, risk_until=chosen.risk_from)


def _watched(days: tuple[int, int], bounds: tuple[int, int], journeys: Journeys) -> Journeys:
    """Return journeys watched between two instants, whose orders are those of some days."""
    seen = between(journeys, *bounds)
    day = _days(journeys)
    ordered = seen.conversions > 0
    other = ordered & ((day < days[0]) | (day > days[1]))
    found = replace(
        seen,
        conversions=np.where(other, 0, seen.conversions),
        nulls=np.where(other, seen.conversions, seen.nulls),
        values={name: np.where(other, 0.0, column) for name, column in seen.values.items()},
    )
    assert seen.watched_from is not None and seen.watched_until is not None  # noqa: PT018, S101
    assert seen.risk_from is not None and seen.risk_until is not None  # noqa: PT018, S101
    acts = (seen.watched_until > seen.watched_from) | (seen.risk_until > seen.risk_from)
    return found.take(acts | (ordered & ~other))


def _days(journeys: Journeys) -> NDArray[np.int32]:
    """Return the day each journey belongs to; an order's is that of its payment, if it is told."""
    if journeys.day is None:
        raise DataError(
            "journeys without days",
            "journeys with times, such as open_journeys or read_touchpoints make",
            "Path counts have no times: count the paths of each period apart.",
        )
    booked = journeys.segments.get("booked_day")
    if booked is None:
        return journeys.day
    told = pd.notna(booked)
    days = journeys.day.copy()
    days[told] = booked[told].astype("datetime64[D]").astype(np.int32)
    return days


def _day(value: str | date, name: str) -> int:
    """Return the days since 1970-01-01."""
    try:
        return (date.fromisoformat(str(value)) - date(1970, 1, 1)).days
    except ValueError as error:
        raise ConfigError(f'{name}={quoted(value)}: write a day, such as "2026-11-11".') from error
