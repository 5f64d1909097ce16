"""The journeys of a period, so that one period can be held against another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd

from attribution.errors import ConfigError, DataError, quoted
from attribution.journeys import Journeys
from attribution.model import reduced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from numpy.typing import NDArray

T = TypeVar("T")

__all__ = ["Period", "in_period"]


def in_period(
    journeys: Journeys | Iterable[Journeys], first: str | date, last: str | date
) -> Period:
    """Return the journeys that belong to the days from `first` to `last`, both included.

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
    start, end = _day(first, "first"), _day(last, "last")
    if end < start:
        raise ConfigError(
            f"A period from {first} to {last} ends before it begins: exchange the two days."
        )
    return Period(journeys, start, end)


@dataclass(frozen=True, eq=False)
class Period:
    """The journeys of some days, batch by batch; each walk reads the source anew."""

    journeys: Journeys | Iterable[Journeys]
    first: int
    last: int

    def __iter__(self) -> Iterator[Journeys]:
        """Yield every batch of the source with the journeys of these days alone."""
        whole = [self.journeys] if isinstance(self.journeys, Journeys) else self.journeys
        return (_cut(batch, self.first, self.last) for batch in whole)

    def reduced(self, work: Callable[[Iterable[Journeys]], T], add: Callable[[T, T], T]) -> T:
        """Return the sum of what `work` finds in the batches, worked out where they lie."""
        return reduced(self.journeys, partial(_worked, work, self.first, self.last), add)


def _worked(
    work: Callable[[Iterable[Journeys]], T],
    first: int,
    last: int,
    batches: Iterable[Journeys],
) -> T:
    return work(_cut(batch, first, last) for batch in batches)


def _cut(journeys: Journeys, first: int, last: int) -> Journeys:
    day = _days(journeys)
    return journeys.take((day >= first) & (day <= last))


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
