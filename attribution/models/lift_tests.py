"""Lift tests: what an experiment found a channel to have caused in a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from attribution import columns as door
from attribution.errors import DataError
from attribution.names import DEFAULT_TIMEZONE

__all__ = ["LiftTest", "lift_table", "read_lift_tests"]

_SOURCE = "lift_tests"


@dataclass(frozen=True)
class LiftTest:
    """One experiment.

    Attributes
    ----------
    channel
        The channel that was switched off for some people.
    start, end
        UTC epoch milliseconds of the window; None where it is all the time that was observed.
    conversions
        Orders that the channel caused in the window among all people, as the experiment found.
    se
        Standard error of that number.
    """

    channel: str
    start: int | None
    end: int | None
    conversions: float
    se: float


def read_lift_tests(frame: Any, tz: str = DEFAULT_TIMEZONE) -> tuple[LiftTest, ...]:
    """Return the lift tests of a table.

    Parameters
    ----------
    frame
        Values, or a table of columns channel, conversions (incremental orders), se (their
        standard error), and start and end of the window, where it is not all the time.
    tz
        Where times without a zone were written.

    Raises
    ------
    DataError
        For a missing column, a standard error that is not above zero, a window that ends before
        it starts.
    """
    if isinstance(frame, tuple) and all(isinstance(each, LiftTest) for each in frame):
        return frame
    frame = door.held(frame)
    try:
        channels = door.identifiers(frame, "channel").to_pylist()
        found = _numbers(frame, "conversions")
        errors = _numbers(frame, "se")
        bad = np.flatnonzero(~(errors > 0))
        if len(bad):
            raise DataError(
                f"{errors[bad[0]]:g}",
                "a standard error above zero",
                "State how sure the experiment is: half the width of its 95% interval, over 1.96.",
                row=int(bad[0]) + 1,
                column="se",
            )
        names = door.names_of(frame)
        windowed = "start" in names and "end" in names
        if windowed:
            start, end = (door.instants(frame, name, tz).ms for name in ("start", "end"))
            bad = np.flatnonzero(end <= start)
            if len(bad):
                raise DataError(
                    "a window that ends before it starts",
                    "an end after the start",
                    "Exchange the two, or correct them.",
                    row=int(bad[0]) + 1,
                    column="end",
                )
        if None in channels:
            raise DataError(
                "an empty cell",
                "the channel that was tested",
                "Name it.",
                row=channels.index(None) + 1,
                column="channel",
            )
    except DataError as error:
        raise error if error.source else error.at(_SOURCE) from None
    return tuple(
        LiftTest(
            channels[at],
            int(start[at]) if windowed else None,
            int(end[at]) if windowed else None,
            float(found[at]),
            float(errors[at]),
        )
        for at in range(len(channels))
    )


def lift_table(tests: tuple[LiftTest, ...]) -> pd.DataFrame:
    """Return the table that `read_lift_tests` reads."""
    return pd.DataFrame(
        {
            "channel": pd.Series([test.channel for test in tests], dtype="str"),
            "start": _instants([test.start for test in tests]),
            "end": _instants([test.end for test in tests]),
            "conversions": [test.conversions for test in tests],
            "se": [test.se for test in tests],
        }
    )


def _instants(ms: list[int | None]) -> pd.Series[Any]:
    return pd.to_datetime(pd.Series(ms, dtype="Int64"), unit="ms", utc=True)


def _numbers(frame: Any, column: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return a column of numbers of either sign; a test can find less than nothing."""
    values = pd.to_numeric(
        pd.Series(door.arrow(frame, column).to_pandas()), errors="coerce"
    ).to_numpy(dtype=float)
    bad = np.flatnonzero(~np.isfinite(values))
    if len(bad):
        raise DataError(
            "no number",
            "a number",
            "Write it in digits, or leave the row out.",
            row=int(bad[0]) + 1,
            column=column,
        )
    return values
