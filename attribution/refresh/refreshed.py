"""The outcome of a refresh."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from attribution.model import credit_with_interval, label
from attribution.names import BLOCKS, VALUE
from attribution.refresh.sums import empty_like, part_of, with_channels
from attribution.tally import sum_tallies

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    _parts: tuple[tuple[Tally, ...], ...]

    @cached_property
    def credits(self) -> dict[str, Credit]:
        """What each model gives each channel, by the model's label."""
        return {
            label(model): model.credit(tally)
            for model, tally in zip(self.models, self.tallies, strict=True)
        }

    def with_intervals(self, level: float) -> dict[str, Credit]:
        """Return what each model gives each channel, with intervals of a level such as 0.95.

        They are those of `attribute(..., interval=level)`, from the sums that are kept.

        Raises
        ------
        ConfigError
            For a level that is not between 0 and 1.
        """
        found = {}
        for model, tally, blocks in zip(self.models, self.tallies, self.by_block(), strict=True):
            nothing = empty_like(tally)
            parts = [with_channels(blocks.get(b, nothing), tally.channels) for b in range(BLOCKS)]
            found[label(model)] = credit_with_interval(model, parts, level)
        return found

    def frame(self) -> pd.DataFrame:
        """Return one row for each model and channel: model, channel, conversions, value."""
        columns = ["model", "channel", "conversions", VALUE]
        frames = [
            credit.frame().assign(model=name)[columns] for name, credit in self.credits.items()
        ]
        return pd.concat(frames, ignore_index=True)

    def by_day(self) -> list[dict[int, Tally]]:
        """Return, for each model, the sums of each day, in days since 1970-01-01.

        What a journey's day is: `Journeys.day`, in the workspace's time zone.
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


def added_up(several: Sequence[Sequence[Tally]]) -> list[Tally]:
    """Return the sums of tallies of which each of several lists has one."""
    return [sum_tallies(each) for each in zip(*several, strict=True)]
