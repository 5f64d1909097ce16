"""By which shares a model divides one order among its own touchpoints and what came anyway.

A rule of thumb has weights of its own, and the hazard model divides each order by the rates at its
time, which is how it divides all of them. Any other model says what a channel gets of all orders,
not of one: there, each channel gets one factor, and an order is divided among its observed channels
in proportion to their factors, evenly among touchpoints of one channel; where the model has organic
orders, organic is one more such member of every order with an observed touchpoint. The factors are
those by which the orders' money adds up to the model's own credit (`numerics.choice`); for Shapley
values of conversions they are all 1. Where a model gives a channel less than the orders that
touched no other, no division of orders can follow it: the residual that is left, which the ledger
shows, is then the least that any has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from attribution.model import (
    Slopes,
    block_tallies,
    credit_with_interval,
    credit_with_slopes,
    tallies,
)
from attribution.models.hazard import Hazard
from attribution.models.heuristic import TouchpointModel
from attribution.models.shapley import Shapley
from attribution.names import VALUE
from attribution.numerics import choice, sequences
from attribution.tally import sum_tallies

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from attribution.credit import Credit
    from attribution.journeys import Journeys
    from attribution.model import Model
    from attribution.models.hazard_fit import HazardFit
    from attribution.tally import Tally

__all__ = ["Division", "Fitted", "Shares", "fitted"]

_NOTHING = 1e-9


class Division(NamedTuple):
    """How orders are divided, as weights of 0 or more; one whose weights are 0 is unattributed.

    Attributes
    ----------
    touchpoints
        (T,) the weight of each touchpoint.
    organic
        (n,) that of what would have come anyway.
    """

    touchpoints: NDArray[np.float64]
    organic: NDArray[np.float64]

    def totals(self, orders: Journeys) -> NDArray[np.float64]:
        """Return (n,) the sum of each order's weights."""
        shared = np.bincount(orders.rows, self.touchpoints, minlength=len(orders))
        return np.asarray(shared + self.organic)


class Shares(Protocol):
    """How orders are divided among their touchpoints, and what no channel caused."""

    def division(self, journeys: Journeys) -> Division:
        """Return the weights of orders."""
        ...


@dataclass(frozen=True)
class RuleShares:
    """The weights of a rule of thumb."""

    rule: TouchpointModel

    def division(self, journeys: Journeys) -> Division:
        """Return the rule's weights."""
        return Division(self.rule.factored(journeys), np.zeros(len(journeys)))


@dataclass(frozen=True, eq=False)
class RateShares:
    """What touchpoints, and whatever comes anyway, add to the rate of orders at each order's time.

    Attributes
    ----------
    model
        The hazard model.
    fit
        Its maximum over all journeys.
    """

    model: Hazard
    fit: HazardFit

    def division(self, journeys: Journeys) -> Division:
        """Return the parts that the model itself credits."""
        return Division(*self.model.divided(self.fit, journeys))


@dataclass(frozen=True, eq=False)
class FactorShares:
    """One factor for each channel, and one for organic.

    Attributes
    ----------
    factors
        By channel's name, 0 or more.
    organic
        0 or more; 0 for models without organic orders.
    """

    factors: Mapping[str, float]
    organic: float = 0.0

    def division(self, journeys: Journeys) -> Division:
        """Return the factor of each observed touchpoint's channel, shared by its repeats.

        Organic has its factor in every order with an observed touchpoint.
        """
        names = journeys.channels
        seen = np.ones(len(journeys.codes), bool)
        if journeys.evidence is not None:
            seen = ~journeys.evidence
        pair = journeys.rows * max(1, len(names)) + journeys.codes
        _, place, often = np.unique(pair[seen], return_inverse=True, return_counts=True)
        factor = np.array([self.factors[name] for name in names], dtype=float)
        weights = np.zeros(len(seen))
        weights[seen] = factor[journeys.codes[seen]] / often[place]
        known = np.bincount(journeys.rows[seen], minlength=len(journeys)) > 0
        organic = np.where(known, self.organic, 0.0)
        some = journeys.lengths > 0
        largest = organic.copy()
        if some.any():
            of_touch = np.maximum.reduceat(weights, journeys.offsets[:-1][some])
            largest[some] = np.maximum(organic[some], of_touch)
        # Beside a channel of another order of magnitude, one that gets too much anyway has nothing.
        return Division(
            np.where(weights > _NOTHING * largest[journeys.rows], weights, 0.0),
            np.where(organic > _NOTHING * largest, organic, 0.0),
        )


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
        *parts, sets = ([tally] for tally in tallies(journeys, asked))
    else:
        *parts, sets = block_tallies(journeys, asked)
    whole = sum_tallies(sets)
    return [
        _fitted(name, model, part, whole, interval)
        for (name, model), part in zip(models.items(), parts, strict=True)
    ]


def _fitted(
    name: str, model: Model, parts: Sequence[Any], sets: Tally, interval: float | None
) -> Fitted:
    """Return a model's credit and shares, solved once; parts are blocks of people, or one tally."""
    if isinstance(model, Hazard):
        fit = model.fitted(sum_tallies(parts))
        credit = fit.credit()
        if interval is not None:
            credit = credit_with_slopes(credit, Slopes(fit.slopes(parts)), parts, interval)
        return Fitted(name, credit, RateShares(model, fit))
    if interval is None:
        credit = model.credit(sum_tallies(parts))
    else:
        credit = credit_with_interval(model, parts, interval)
    if isinstance(model, TouchpointModel):
        return Fitted(name, credit, RuleShares(model))
    return Fitted(name, credit, _factors(credit, sets))


def _factors(credit: Credit, sets: Tally) -> FactorShares:
    """Return the factors by which orders, by their set of channels, add up to the credit."""
    measure = _money(sets)
    place = credit.measures.index(measure)
    amounts = sets.measured[:, sets.measures.index(measure)]
    kept = np.flatnonzero((sets.lengths > 0) & (amounts > 0))
    offsets, where = sequences.take(sets.offsets, kept)
    codes = sets.codes[where]
    by_name = dict(zip(credit.channels, credit.amounts[:, place].tolist(), strict=True))
    targets = np.array([max(0.0, by_name.get(name, 0.0)) for name in sets.channels])
    organic = 0.0 if credit.organic is None else max(0.0, float(credit.organic[place]))
    if organic > 0:  # one more member, of every set
        targets = np.append(targets, organic)
        codes = np.insert(codes, offsets[1:], len(sets.channels))
        offsets = offsets + np.arange(len(offsets))
    if not targets.any():  # the model gives nothing to anybody: nor does the ledger
        return FactorShares(dict.fromkeys(sets.channels, 0.0))
    found = choice.factors(offsets, codes, amounts[kept], targets)
    return FactorShares(
        dict(zip(sets.channels, found.tolist(), strict=False)),
        float(found[-1]) if organic > 0 else 0.0,
    )


def _money(sets: Tally) -> str:
    """Return the measure that is divided: the money, or conversions where there is no money."""
    return VALUE if sets.measured[:, sets.measures.index(VALUE)].any() else sets.measures[0]
