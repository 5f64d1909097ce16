"""Watching a live room: ingest and refresh, over and over, and what one looks at in between."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from attribution.intake.ingest import ingest
from attribution.model import label
from attribution.names import VALUE
from attribution.refresh.refresh import refresh

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd

    from attribution.model import Model
    from attribution.refresh.refresh import Refreshed
    from attribution.workspace import Workspace

__all__ = ["Glance", "watch"]

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Glance:
    """What is known at one moment.

    Attributes
    ----------
    day
        The latest day, up to today, that has an order; None where none has.
    orders
        How many orders that day has.
    credit
        What they are credited to: channel, one column of conversions for each model, then value
        (of the last model), the largest value first.
    age
        Seconds since the newest row; None without any.
    rows
        Rows that came since the last glance.
    seconds
        From looking for new files to this.
    problems
        Files that could not be read.
    """

    day: date | None
    orders: float
    credit: pd.DataFrame
    age: float | None
    rows: int
    seconds: float
    problems: tuple[str, ...]


def watch(
    workspace: Workspace,
    *,
    every: float,
    shown: Sequence[Model],
    waiting: Callable[[], None] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Glance]:
    """Yield a glance at the start and then every so many seconds, for ever.

    Parameters
    ----------
    workspace
        What is watched.
    every
        Seconds from one round's beginning to the next one's.
    shown
        Models to show, among those compared by default; the last one's value is shown.
    waiting
        Called once if another run holds the store for more than two seconds.
    sleep
        Waits for so many seconds.
    """
    while True:
        begun = time.monotonic()
        reports = ingest(workspace, waiting=waiting)
        problems = tuple(
            f"{file.file}: {file.problem}"
            for report in reports
            for file in report.files
            if file.problem
        )
        found = _refreshed(workspace, waiting)
        yield _glance(workspace, found, shown, problems, begun)
        sleep(max(0.0, every - (time.monotonic() - begun)))


def _refreshed(workspace: Workspace, waiting: Callable[[], None] | None) -> Refreshed | None:
    """Return what a refresh finds; None as long as nothing was ingested."""
    from attribution.store.store import open_store

    if not open_store(workspace).batches():
        return None
    return refresh(workspace, waiting=waiting)


def _glance(
    workspace: Workspace,
    found: Refreshed | None,
    shown: Sequence[Model],
    problems: tuple[str, ...],
    begun: float,
) -> Glance:
    import pandas as pd

    nothing = pd.DataFrame({"channel": [], **{label(model): [] for model in shown}, VALUE: []})
    if found is None:
        return Glance(None, 0, nothing, None, 0, time.monotonic() - begun, problems)
    now = datetime.now(UTC)
    age = None if found.newest is None else now.timestamp() - found.newest / 1000
    today = (now.astimezone(ZoneInfo(workspace.timezone)).date() - _EPOCH).days
    day = found.last_day(today)
    credit, orders = nothing, 0.0
    if day is not None:
        tallies = dict(zip(map(label, found.models), found.on_day(day), strict=True))
        frames = [
            model.credit(tallies[label(model)]).frame().set_index("channel") for model in shown
        ]
        columns = {
            label(model): frame["conversions"] for model, frame in zip(shown, frames, strict=True)
        }
        credit = pd.DataFrame({**columns, VALUE: frames[-1][VALUE]}).fillna(0.0)
        orders = float(frames[-1]["conversions"].sum())
        credit = credit[(credit != 0).any(axis=1)].sort_values(VALUE, ascending=False)
        credit = credit.rename_axis("channel").reset_index()
    return Glance(
        None if day is None else _EPOCH + timedelta(days=day),
        orders,
        credit,
        age,
        found.rows,
        time.monotonic() - begun,
        problems,
    )
