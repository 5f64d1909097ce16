"""The outcome of a refresh."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from attribution.model import label
from attribution.names import VALUE
from attribution.refresh.sums import added, empty_like, part_of, read_tallies

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from attribution.credit import Credit
    from attribution.model import Model
    from attribution.tally import Tally

__all__ = ["Refreshed", "added_up"]


@dataclass(frozen=True, eq=False)
class Refreshed:
    """The credit of a workspace's orders as of now, and what it took to know.

    Attributes
    ----------
    models
        In the order asked for.
    tallies
        Their sums, equal to those over all journeys at once.
    full
        Whether everything was read.
    why
        Why it was; empty if it was not.
    batches
        How many files' rows came, and how many went.
    people
        How many persons, and orders without one, have other journeys than before; 0 if `full`.
    rows, bytes
        Rows of files that came, and the size of the files they stand in.
    newest
        The latest instant in the rows of the store, UTC epoch ms; None where there is none.
    """

    models: tuple[Model, ...]
    tallies: tuple[Tally, ...]
    full: bool
    why: str
    batches: tuple[int, int]
    people: int
    rows: int
    bytes: int
    newest: int | None
    _parts: tuple[Path, ...]

    @cached_property
    def credits(self) -> dict[str, Credit]:
        """What each model gives each channel, by the model's label."""
        return {
            label(model): model.credit(tally)
            for model, tally in zip(self.models, self.tallies, strict=True)
        }

    def frame(self) -> pd.DataFrame:
        """Return one row for each model and channel: model, channel, conversions, value."""
        columns = ["model", "channel", "conversions", VALUE]
        frames = [
            credit.frame().assign(model=name)[columns] for name, credit in self.credits.items()
        ]
        return pd.concat(frames, ignore_index=True)

    def by_day(self) -> list[dict[int, Tally]]:
        """Return, for each model, the sums of each day, in days since 1970-01-01.

        A journey's day is that of its order in the workspace's time zone (of its last touchpoint,
        if it has no order), or that on which the live session of its last touchpoint starts.
        """
        return [part_of(tally) for tally in self._parted()[: len(self.models)]]

    def on_day(self, day: int) -> list[Tally]:
        """Return each model's sums of one day, in days since 1970-01-01."""
        return [
            part_of(tally, [day]).get(day, empty_like(tally))
            for tally in self._parted()[: len(self.models)]
        ]

    def last_day(self, latest: int) -> int | None:
        """Return the last day up to `latest`, in days since 1970-01-01, that has an order."""
        days = part_of(self._parted()[0])
        with_orders = [day for day, tally in days.items() if tally.column("conversions").sum() > 0]
        return max((day for day in with_orders if day <= latest), default=None)

    def by_block(self) -> list[dict[int, Tally]]:
        """Return, for each model, the sums of each of 64 blocks of persons."""
        return [part_of(tally) for tally in self._parted()[len(self.models) :]]

    def _parted(self) -> list[Tally]:
        return added_up(self._parts)


def added_up(files: Sequence[Path]) -> list[Tally]:
    """Return the sums of tallies that stand in several files."""
    return [added(each) for each in zip(*map(read_tallies, files), strict=True)]
