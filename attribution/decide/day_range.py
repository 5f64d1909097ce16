"""The first and last day of a period, as a report's parameters give them."""

from __future__ import annotations

from datetime import date

from attribution.errors import ConfigError, quoted

__all__ = ["day_range", "in_days"]


def day_range(since: str, until: str) -> tuple[str, str]:
    """Return both days, checked; an empty one is without bound.

    Raises
    ------
    ConfigError
        For what is no day such as 2026-11-09, or a period that ends before it begins.
    """
    for name, value in (("since", since), ("until", until)):
        if value and not _is_day(value):
            raise ConfigError(
                f'{name}={quoted(value)}: write a day, such as "2026-11-09", or nothing.'
            )
    if since and until and until < since:
        raise ConfigError(
            f"A period from {since} to {until} ends before it begins: exchange since and until."
        )
    return since, until


def in_days(column: str, since: str, until: str) -> str:
    """Return the SQL condition that a day lies in a checked period."""
    low = f"{column} >= '{since}'" if since else "TRUE"
    high = f"{column} <= '{until}'" if until else "TRUE"
    return f"({low} AND {high})"


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
