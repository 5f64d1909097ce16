"""Models fitted to the days before and held against the days after, as tuning needs them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from attribution.errors import DataError, MissingAges
from attribution.evaluate.holdout import holdout, split_time
from attribution.journeys import Journeys
from attribution.journeys.blocks import join
from attribution.numerics import sequences
from attribution.tune.curve import Told, told, unheld

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from attribution.evaluate.holdout import RateModel
    from attribution.models.hazard import Hazard
    from attribution.models.hazard_fit import HazardFit
    from attribution.models.hazard_tally import HazardTally

__all__ = ["Merged", "Recent", "can_hold_out", "compared", "gathered", "merged"]


def gathered(journeys: Journeys | Iterable[Journeys], what: str) -> Journeys:
    """Return journeys as one batch that has times.

    Raises
    ------
    MissingAges
        For path counts.
    DataError
        If there are no orders after a touchpoint.
    """
    whole = journeys if isinstance(journeys, Journeys) else join(list(journeys))
    if whole.ages is None:
        raise MissingAges(what)
    if not (whole.conversions[whole.observed.lengths > 0] > 0).any():
        raise DataError(
            "no order after a touchpoint",
            "people who were touched and ordered",
            "Check that touchpoints and orders name the same people.",
        )
    return whole


def can_hold_out(journeys: Journeys) -> bool:
    """Whether journeys say when people were watched, so that days can be held out."""
    return journeys.watched_from is not None


def compared(
    journeys: Journeys, models: Mapping[Any, RateModel], held: float, level: float
) -> Told:
    """Return how models told the orders of the last days, each fitted to those before."""
    if not can_hold_out(journeys):
        return unheld(list(models))
    named = {str(place): model for place, model in enumerate(models.values())}
    found = holdout(journeys, named, at=split_time(journeys, held))
    gains = np.stack([found.gains[name] for name in named])
    return told(list(models), gains, found.orders, level)


@dataclass(frozen=True)
class Recent:
    """A hazard model for which touchpoints act for less long than journeys allow.

    Attributes
    ----------
    model
        The model.
    lookback
        Milliseconds.
    """

    model: Hazard
    lookback: int

    def tally(self, journeys: Journeys) -> HazardTally:
        """Return the tally in which older touchpoints neither act nor take part in orders.

        A touchpoint too old at an order acted before it: its exposure stays.
        """
        touch = dict(journeys.touch)
        if "lookback_ms" in touch:
            touch["lookback_ms"] = np.minimum(touch["lookback_ms"], self.lookback)
        found = self.model.tally(replace(journeys, lookback=self.lookback, touch=touch))
        rows = found.rows
        takes_part = (rows.ages <= rows.lookback) | (rows.amounts[:, 0] == 0)[rows.number]
        lengths = np.bincount(rows.number[takes_part], minlength=len(rows.group))
        rows = rows._replace(
            offsets=sequences.offsets_of(lengths),
            codes=rows.codes[takes_part],
            ages=rows.ages[takes_part],
            lookback=rows.lookback[takes_part],
        )
        return replace(found, rows=rows)

    def fitted(self, tally: HazardTally) -> HazardFit:
        """Return the maximum of the likelihood."""
        return self.model.fitted(tally)


@dataclass(frozen=True)
class Merged:
    """A hazard model that takes touchpoints of one live session for one.

    Attributes
    ----------
    model
        The model.
    gap
        Milliseconds: see `merged`.
    by
        Touchpoint columns that tell one session from another, besides the channel.
    """

    model: Hazard
    gap: int
    by: Sequence[str] = ()

    def tally(self, journeys: Journeys) -> HazardTally:
        """Return the tally of the merged journeys."""
        return self.model.tally(merged(journeys.observed, self.gap, self.by))

    def fitted(self, tally: HazardTally) -> HazardFit:
        """Return the maximum of the likelihood."""
        return self.model.fitted(tally)


def merged(journeys: Journeys, gap: int, by: Sequence[str] = ()) -> Journeys:
    """Return journeys without touchpoints that follow one of the same channel within a gap.

    Of touchpoints each at most `gap` milliseconds after the one before, the first stays: whether
    another one follows is not known when it happens. `gap` 0 leaves all as it is.
    """
    if gap <= 0 or not len(journeys.codes):
        return journeys
    assert journeys.ages is not None  # noqa: S101
    labels = [np.unique(journeys.touch[name].astype(str), return_inverse=True)[1] for name in by]
    keys: list[NDArray[np.int64]] = [*labels, journeys.codes.astype(np.int64), journeys.rows]
    order = np.lexsort([-journeys.ages, *keys])
    same = np.ones(len(order) - 1, bool)
    for key in keys:
        same &= np.diff(key[order]) == 0
    follows = same & (-np.diff(journeys.ages[order]) <= gap)
    keep = np.ones(len(order), bool)
    keep[order[1:][follows]] = False
    lengths = np.bincount(journeys.rows[keep], minlength=len(journeys))
    where, rows = np.flatnonzero(keep), np.arange(len(journeys))
    return journeys._with(sequences.offsets_of(lengths), where, rows)
