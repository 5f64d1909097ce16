"""By which shares a model divides one order among the order's own touchpoints.

A rule of thumb has weights of its own. Any other model says what a channel gets of all orders, not
of one: there, each channel gets one factor, and an order is divided among its observed channels in
proportion to their factors, evenly among touchpoints of one channel. The factors are those by
which the orders' money adds up to the model's own credit (`numerics.choice`); for Shapley values of
conversions they are all 1. Where a model gives a channel less than the orders that touched no
other, no division of orders can follow it: the residual that is left, which the ledger shows, is
then the least that any has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from attribution.model import block_tallies, credit_with_interval, tallies
from attribution.models.heuristic import TouchpointModel
from attribution.models.shapley import Shapley
from attribution.names import VALUE
from attribution.numerics import choice, sequences
from attribution.tally import sum_tallies

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from attribution.credit import Credit
    from attribution.journeys import Journeys
    from attribution.model import Model
    from attribution.tally import Tally

__all__ = ["Fitted", "Shares", "fitted"]

_NOTHING = 1e-9


class Shares(Protocol):
    """How orders are divided among their touchpoints."""

    def weights(self, journeys: Journeys) -> NDArray[np.float64]:
        """Return (T,) weights of 0 or more; an order whose weights are all 0 is unattributed."""
        ...


@dataclass(frozen=True)
class RuleShares:
    """The weights of a rule of thumb."""

    rule: TouchpointModel

    def weights(self, journeys: Journeys) -> NDArray[np.float64]:
        """Return the rule's weights."""
        return self.rule.factored(journeys)


@dataclass(frozen=True, eq=False)
class FactorShares:
    """One factor for each channel.

    Attributes
    ----------
    factors
        By channel's name, 0 or more.
    """

    factors: Mapping[str, float]

    def weights(self, journeys: Journeys) -> NDArray[np.float64]:
        """Return the factor of each observed touchpoint's channel, shared by its repeats."""
        names = journeys.channels
        seen = np.ones(len(journeys.codes), bool)
        if journeys.evidence is not None:
            seen = ~journeys.evidence
        pair = journeys.rows * max(1, len(names)) + journeys.codes
        _, place, often = np.unique(pair[seen], return_inverse=True, return_counts=True)
        factor = np.array([self.factors[name] for name in names], dtype=float)
        weights = np.zeros(len(seen))
        weights[seen] = factor[journeys.codes[seen]] / often[place]
        some = journeys.lengths > 0
        largest = np.zeros(len(journeys))
        if some.any():
            largest[some] = np.maximum.reduceat(weights, journeys.offsets[:-1][some])
        # Beside a channel of another order of magnitude, one that gets too much anyway has nothing.
        return np.where(weights > _NOTHING * largest[journeys.rows], weights, 0.0)


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model's name, what it credits to channels in all, and how it divides an order."""

    name: str
    credit: Credit
    shares: Shares


def fitted(
    journeys: Journeys | Iterable[Journeys],
    models: Mapping[str, Model],
    interval: float | None = None,
) -> list[Fitted]:
    """Return how each model divides orders, learnt from these journeys in one pass over them.

    With a level of intervals, each model's credit carries its replicates; see `attribute`.
    """
    asked = [*models.values(), Shapley("rate")]
    if interval is None:
        *own, sets = tallies(journeys, asked)
        credited = [model.credit(tally) for model, tally in zip(asked, own, strict=False)]
    else:
        *parts, set_parts = block_tallies(journeys, asked)
        sets = sum_tallies(set_parts)
        credited = [
            credit_with_interval(model, part, interval)
            for model, part in zip(asked, parts, strict=False)
        ]
    found = []
    for (name, model), credit in zip(models.items(), credited, strict=True):
        found.append(Fitted(name, credit, _shares(model, credit, sets)))
    return found


def _shares(model: Model, credit: Credit, sets: Tally) -> Shares:
    if isinstance(model, TouchpointModel):
        return RuleShares(model)
    return FactorShares(_factors(credit, sets))


def _factors(credit: Credit, sets: Tally) -> dict[str, float]:
    """Return the factors by which orders, by their set of channels, add up to the credit."""
    measure = _money(sets)
    amounts = sets.measured[:, sets.measures.index(measure)]
    kept = np.flatnonzero((sets.lengths > 0) & (amounts > 0))
    offsets, where = sequences.take(sets.offsets, kept)
    credited = credit.amounts[:, credit.measures.index(measure)]
    by_name = dict(zip(credit.channels, credited.tolist(), strict=True))
    targets = np.array([max(0.0, by_name.get(name, 0.0)) for name in sets.channels])
    if not targets.any():  # the model gives nothing to anybody: nor does the ledger
        return dict.fromkeys(sets.channels, 0.0)
    found = choice.factors(offsets, sets.codes[where], amounts[kept], targets)
    return dict(zip(sets.channels, found.tolist(), strict=True))


def _money(sets: Tally) -> str:
    """Return the measure that is divided: the money, or conversions where there is no money."""
    return VALUE if sets.measured[:, sets.measures.index(VALUE)].any() else sets.measures[0]
