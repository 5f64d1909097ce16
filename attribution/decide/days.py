"""A span of calendar days, such as what a ledger or a report is about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.errors import ConfigError, quoted

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["Days", "days"]

_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
_WEEK = re.compile(r"([0-9]{4})-W([0-9]{2})")


@dataclass(frozen=True, order=True)
class Days:
    """The days from `since` to `until`, both included, as text such as 2026-11-09.

    An empty end is open: `Days()` is all days.
    """

    since: str = ""
    until: str = ""

    def __post_init__(self) -> None:
        for name in ("since", "until"):
            text = getattr(self, name)
            if text and str(_day(text)) != text:
                raise _no_day(name, text)
        if self.since and self.until and self.until < self.since:
            raise ConfigError(
                f"A period from {self.since} to {self.until} ends before it begins: exchange the "
                "two days."
            )

    def hold(self, day: pd.Series[Any]) -> NDArray[np.bool_]:
        """Return (n,) which of these days, as text, lie in the span.

        A missing day lies in none that has a bound.
        """
        inside = np.ones(len(day), bool)
        text = day.astype("str")  # what is missing stays so, and compares as no day
        if self.since:
            inside &= (text >= self.since).to_numpy(bool)
        if self.until:
            inside &= (text <= self.until).to_numpy(bool)
        return inside

    def condition(self, column: str) -> str:
        """Return the SQL condition that a column of days lies in the span."""
        low = f"{column} >= '{self.since}'" if self.since else "TRUE"
        high = f"{column} <= '{self.until}'" if self.until else "TRUE"
        return f"({low} AND {high})"

    def meets(self, other: Days) -> bool:
        """Return whether the two have a day in common."""
        begins = not self.until or other.since <= self.until
        return begins and (not other.until or self.since <= other.until)


def days(text: str) -> Days:
    """Return the days that a month, a week or a day names: 2026-10, 2026-W46, 2026-11-11.

    Raises
    ------
    ConfigError
        For any other text.
    """
    try:
        month, week = _MONTH.fullmatch(text), _WEEK.fullmatch(text)
        if month:
            first = date(int(month[1]), int(month[2]), 1)
            following = (first + timedelta(days=31)).replace(day=1)
            return Days(str(first), str(following - timedelta(days=1)))
        if week:
            first = date.fromisocalendar(int(week[1]), int(week[2]), 1)
            return Days(str(first), str(first + timedelta(days=6)))
        if str(date.fromisoformat(text)) != text:  # it reads further forms
            raise ValueError(text)
        return Days(text, text)
    except (ValueError, OverflowError, TypeError) as error:
        raise ConfigError(
            f"{quoted(text)} is no period: write a month such as 2026-10, a week such as 2026-W46 "
            "or a day such as 2026-11-11."
        ) from error


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except (ValueError, TypeError):
        return None


def _no_day(name: str, text: object) -> ConfigError:
    return ConfigError(f'{name}={quoted(text)}: write a day, such as "2026-11-11".')
