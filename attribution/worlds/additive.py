"""Additive worlds: organic orders, and the orders that each touchpoint causes.

The order rate of a person is the sum of an organic rate and of effect x response(age) over his
touchpoints that no order has taken (Zhang, Wei and Ren 2014, "Multi-touch attribution in online
advertising with survival theory", the additive hazard). A sum of rates is a superposition of
Poisson processes, so possible orders are drawn for each touchpoint apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from attribution.worlds.chance import scatter
from attribution.worlds.ordering import PAUSE_MS, Orders, first_come, last_before, next_from
from attribution.worlds.response import come_by, wait
from attribution.worlds.spans import key, points
from attribution.worlds.worth import NEVER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.worlds.exposure import Exposure
    from attribution.worlds.settings import WorldSettings
    from attribution.worlds.worth import Worth

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

__all__ = ["Additive", "Possible"]

_ORGANIC = np.int64(-1)


@dataclass(frozen=True, eq=False)
class Additive:
    """How orders come about at given exposures, in a world with the additive link.

    Attributes
    ----------
    settings, exposure
        The world.
    ceiling
        (T,) the largest effect a touchpoint has in any of the worlds to be compared.
    """

    settings: WorldSettings
    exposure: Exposure
    ceiling: Floats

    @cached_property
    def until(self) -> Ints:
        """(T,) when each touchpoint ends to act, if no order takes it."""
        at = self.exposure.touches.at
        return np.minimum(at + self.settings.lookback_ms, self.settings.span)

    @cached_property
    def half_life(self) -> Floats:
        """(T,) in milliseconds."""
        return self.settings.half_lives[self.exposure.touches.channel]

    @cached_property
    def acted(self) -> Floats:
        """(T,) the share of its effect a touchpoint gets round to, if no order takes it."""
        at = self.exposure.touches.at
        return come_by(self.until - at, self.half_life, self.settings.response)

    def possible(self, rng: np.random.Generator) -> Possible:
        """Draw possible orders, which serve every world to be compared."""
        spans, rhythm = self.exposure.demand
        own = scatter(rng, spans.means(rhythm))
        own_at = points(rng, own, spans, rhythm)
        touches = self.exposure.touches
        touch = scatter(rng, self.ceiling * self.acted)
        share = rng.random(len(touch)) * self.acted[touch]
        waited = wait(share, self.half_life[touch], self.settings.response).astype(np.int64)
        at = np.minimum(touches.at[touch] + waited, self.until[touch] - 1)
        person = np.concatenate([spans.person[own], touches.person[touch]])
        when = np.concatenate([own_at, at])
        order = np.argsort(key(person, when), kind="stable")
        of = np.concatenate([np.full(len(own), _ORGANIC), touch])
        return Possible(self, person[order], when[order], of[order], rng.random(len(order)))


@dataclass(frozen=True, eq=False)
class Possible:
    """Possible orders by person and time, (m,).

    Attributes
    ----------
    link
        How they come about.
    person, at
        Whose and when.
    touch
        The touchpoint it comes from; -1 for organic ones.
    mark
        A uniform number: it happens if the touchpoint's effect exceeds this share of the ceiling.
    """

    link: Additive
    person: Ints
    at: Ints
    touch: Ints
    mark: Floats

    def orders(self, worth: Worth) -> Orders:
        """Return the orders that happen among the possible ones."""
        touch_at, ceiling = self.link.exposure.touches.at, self.link.ceiling

        def happens(rows: Ints, last_order: Ints) -> NDArray[np.bool_]:
            happen = self.touch[rows] == _ORGANIC
            caused = np.flatnonzero(~happen)
            of, last = self.touch[rows[caused]], last_order[caused]
            enough = self.mark[rows[caused]] * ceiling[of] < worth.after(of, last)
            happen[caused] = (touch_at[of] > last) & enough
            return np.asarray(happen)

        people = len(self.link.exposure.people.high)
        return first_come(self.person, self.at, people, happens)

    def cause(self, orders: Orders) -> Ints:
        """Return the channel of the touchpoint each order comes from; -1 for organic ones."""
        cause = self.touch[orders.row].copy()
        caused = cause != _ORGANIC
        cause[caused] = self.link.exposure.touches.channel[cause[caused]]
        return cause

    def expected(self, orders: Orders, worth: Worth) -> Floats:
        """Return the integral of each part of the order rate along what happened.

        Its mean is the mean number of orders that part causes, with far less noise than their
        count: (channels + 1,), organic last.
        """
        touches, channels = self.link.exposure.touches, len(self.link.settings.channels)
        buyers = np.zeros(len(self.link.exposure.people.high), bool)
        buyers[orders.person] = True
        rows = np.flatnonzero(buyers[touches.person])
        untaken = np.where(worth.partner_at > NEVER, worth.boosted, worth.effect) * self.link.acted
        untaken[rows] = 0
        person, at = touches.person[rows], touches.at[rows]
        last = last_before(orders, person, at + 1)  # an order of the same instant takes it
        begin = np.where(last == NEVER, at, np.maximum(at, last + PAUSE_MS))
        begin = np.where(last == at, self.link.until[rows], begin)
        end = next_from(orders, person, at, self.link.until[rows])
        end = np.maximum(np.minimum(end, self.link.until[rows]), begin)
        half_life, response = self.link.half_life[rows], self.link.settings.response
        acted = come_by(end - at, half_life, response) - come_by(begin - at, half_life, response)
        sums = np.bincount(touches.channel, untaken, channels)
        sums += np.bincount(touches.channel[rows], worth.after(rows, last) * acted, channels)
        return np.append(sums, self._organic(orders))

    def _organic(self, orders: Orders) -> float:
        """Return the expected organic orders outside the pauses after orders."""
        spans, rhythm = self.link.exposure.demand
        usual = spans.factor[: len(self.link.exposure.people.high)][orders.person]
        paused = rhythm.by(np.minimum(orders.at + PAUSE_MS, self.link.settings.span))
        # Of pauses the episodes' surplus is left in: some minutes of a few people's days.
        return float(spans.means(rhythm).sum() - (usual * (paused - rhythm.by(orders.at))).sum())
