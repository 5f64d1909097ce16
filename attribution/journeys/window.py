"""Journeys whose people are watched for a part of the time only."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from attribution.errors import DataError

if TYPE_CHECKING:
    from attribution.journeys.batch import Journeys

__all__ = ["between"]


def between(journeys: Journeys, start: int, end: int) -> Journeys:
    """Return journeys of people who are watched from `start` on and before `end` only.

    All touchpoints stay, so that what they did before still counts; orders outside stand outside
    of the likelihood. In milliseconds.

    Raises
    ------
    DataError
        For journeys that do not say when people were watched.
    """
    columns = ("watched_from", "watched_until", "risk_from", "risk_until")
    if any(getattr(journeys, name) is None for name in columns):
        raise DataError(
            "journeys that do not say when people were watched",
            "journeys made of touchpoints and orders with times",
            "Build them with from_touchpoints or open_journeys, without reuse.",
        )
    found = [np.clip(getattr(journeys, name), start, end - 1) for name in columns[:2]]
    # An order outside must stay outside: its bounds would meet at the edge.
    low, high = journeys.watched_from, journeys.watched_until
    missed = (high < start) | (low >= end)  # type: ignore[operator]
    found[1] = np.where(missed, found[0] - 1, found[1])
    risk = [np.clip(getattr(journeys, name), start, end) for name in columns[2:]]
    return replace(journeys, **dict(zip(columns, [*found, *risk], strict=True)))
