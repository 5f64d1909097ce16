"""Peers that need the whole path: their tally keeps every path, and the work is in `credit`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from attribution.credit import Credit
from attribution.journeys import Journeys
from attribution.numerics import sequences
from attribution.tally import Tally, tally_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.model import Model

__all__ = ["Buyers", "Collapsed", "MoneyFollows", "PathModel", "collapsed", "merged", "shared"]


class PathModel(Protocol):
    """A model of path counts: subclass it and write `solve`.

    Its tally is the path counts themselves, keyed by the whole path, so that it adds, subtracts
    and scales like any other.
    """

    def solve(self, paths: Journeys) -> Credit:
        """Return credit from path counts, one row per distinct path."""
        ...

    def tally(self, journeys: Journeys) -> Tally:
        """Return the nulls and the measures of every path."""
        return _path_tally(journeys.observed)

    def credit(self, tally: Tally) -> Credit:
        """Return what the model gives each channel."""
        return self.solve(_paths_of(tally))


@dataclass(frozen=True)
class Collapsed:
    """Another model, on paths in which neighbouring repeats of a channel are one touchpoint."""

    model: Model

    def tally(self, journeys: Journeys) -> Tally:
        """Return the other model's tally of the shorter paths."""
        found: Tally = self.model.tally(collapsed(journeys))
        return found

    def credit(self, tally: Tally) -> Credit:
        """Return the other model's credit."""
        return self.model.credit(tally)


@dataclass(frozen=True)
class Buyers:
    """Another model, on journeys that converted: money on a row without conversions is lost."""

    model: Model

    def tally(self, journeys: Journeys) -> Tally:
        """Return the other model's tally of the journeys that converted."""
        found: Tally = self.model.tally(journeys.take(journeys.conversions > 0))
        return found

    def credit(self, tally: Tally) -> Credit:
        """Return the other model's credit."""
        return self.model.credit(tally)


@dataclass(frozen=True)
class MoneyFollows:
    """Another model's conversions, and all money in the same shares.

    A package that knows one set of removal effects, or no money at all, shares money like this.
    Where no channel has an effect, all get the same. Money on a row without conversions is lost.
    """

    model: Model

    def tally(self, journeys: Journeys) -> Tally:
        """Return the other model's tally, of money that came with a conversion."""
        bought = journeys.conversions > 0
        values = {name: np.where(bought, column, 0.0) for name, column in journeys.values.items()}
        found: Tally = self.model.tally(replace(journeys, values=values))
        return found

    def credit(self, tally: Tally) -> Credit:
        """Return the other model's conversions with money in proportion."""
        found = self.model.credit(tally)
        met = np.bincount(tally.codes, minlength=len(tally.channels)) > 0
        weight = found.amounts[:, 0] if found.amounts[:, 0].any() else met.astype(float)
        totals = tally.measured[tally.lengths > 0].sum(axis=0)
        return shared(
            tally.channels, tally.measures, weight, totals, tally.unattributed, found.removals
        )


def shared(
    channels: tuple[str, ...],
    measures: tuple[str, ...],
    weight: NDArray[np.float64],
    totals: NDArray[np.float64],
    unattributed: NDArray[np.float64],
    effects: NDArray[np.float64] | None = None,
) -> Credit:
    """Return credit that shares every total by the same weights; none if they sum to zero."""
    total = weight.sum()
    share = weight / total if total else np.zeros(len(weight))
    return Credit(channels, measures, share[:, None] * totals, unattributed, removals=effects)


def collapsed(journeys: Journeys) -> Journeys:
    """Return the journeys with neighbouring touchpoints of one channel made one, the first."""
    codes = journeys.codes
    begins = sequences.positions(journeys.offsets) == 0
    keep = np.flatnonzero(begins | (codes != np.roll(codes, 1)))
    offsets = sequences.offsets_of(np.bincount(journeys.rows[keep], minlength=len(journeys)))
    return replace(
        journeys,
        offsets=offsets,
        codes=codes[keep],
        ages=None if journeys.ages is None else journeys.ages[keep],
        evidence=None if journeys.evidence is None else journeys.evidence[keep],
        touch={name: column[keep] for name, column in journeys.touch.items()},
    )


def merged(journeys: Journeys) -> Journeys:
    """Return path counts: one row per distinct path."""
    return _paths_of(_path_tally(journeys))


def _path_tally(journeys: Journeys) -> Tally:
    amounts = np.column_stack([journeys.weighted_nulls(), journeys.amounts()])
    return tally_rows(
        journeys.channels,
        ("null", *journeys.measures),
        journeys.measures,
        journeys.offsets,
        journeys.codes,
        amounts,
    )


def _paths_of(tally: Tally) -> Journeys:
    return Journeys(
        tally.channels,
        tally.offsets,
        tally.codes,
        tally.column("conversions"),
        tally.column("null"),
        {name: tally.column(name) for name in tally.measures[1:]},
    )
