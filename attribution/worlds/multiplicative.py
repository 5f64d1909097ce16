"""Multiplicative worlds: touchpoints raise the rate of organic orders.

The order rate of a person is organic x exp(sum of effect x 2^(-age / half-life)) over his
touchpoints that no order has taken, up to a largest rate. Possible orders are drawn at a rate
that is never exceeded, and each happens with the probability rate / ceiling (thinning: Lewis and
Shedler 1979, "Simulation of nonhomogeneous Poisson processes by thinning"). Between two
touchpoints the rate only falls, so its ceiling is its value at the beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from attribution.numerics import sequences
from attribution.worlds.chance import scatter
from attribution.worlds.ordering import PAUSE_MS, Orders, first_come, last_before
from attribution.worlds.spans import Spans, cut, key, points, ranges
from attribution.worlds.worth import NEVER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.worlds.exposure import Exposure
    from attribution.worlds.settings import WorldSettings
    from attribution.worlds.worth import Worth

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

__all__ = ["Multiplicative", "Possible"]


@dataclass(frozen=True, eq=False)
class Multiplicative:
    """How orders come about at given exposures, in a world with the multiplicative link.

    Attributes
    ----------
    settings, exposure
        The world.
    ceiling
        (T,) the largest effect a touchpoint has in any of the worlds to be compared.
    density
        How many times as many possible orders to draw as are needed: more make `expected` less
        noisy, and change nothing else.
    """

    settings: WorldSettings
    exposure: Exposure
    ceiling: Floats
    density: float = 1.0

    def denser(self, density: float) -> Multiplicative:
        """Return the same with more possible orders."""
        return replace(self, density=density)

    @property
    def needed(self) -> float:
        """How many possible orders are drawn on average at density 1."""
        pieces, top = self._pieces
        return float((pieces.means(self.exposure.demand.rhythm) * np.exp(top)).sum())

    @cached_property
    def _keys(self) -> Ints:
        return key(self.exposure.touches.person, self.exposure.touches.at)

    @cached_property
    def _pieces(self) -> tuple[Spans, Floats]:
        """Return people's time cut at their touchpoints, and the ceiling in each piece."""
        pieces, _ = cut(self.exposure.demand.spans, self._keys)
        offsets, touch, fading = self._before(pieces.person, pieces.start)
        row = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        weights = self.ceiling[touch] * fading
        return pieces, self.capped(np.bincount(row, weights, len(offsets) - 1))

    def _before(self, person: Ints, at: Ints) -> tuple[Ints, Ints, Floats]:
        """Return the touchpoints that can act at instants, and what is left of their effect."""
        touches = self.exposure.touches
        oldest = np.maximum(at - self.settings.lookback_ms, 0)
        first = np.searchsorted(self._keys, key(person, oldest), side="left")
        last = np.searchsorted(self._keys, key(person, at), side="right")
        touch, row = ranges(first, last)
        age = at[row] - touches.at[touch]
        fading = np.exp2(-age / self.settings.half_lives[touches.channel[touch]])
        return sequences.offsets_of(last - first), touch, fading

    def possible(self, rng: np.random.Generator) -> Possible:
        """Draw possible orders, which serve every world to be compared."""
        pieces, top = self._pieces
        rhythm = self.exposure.demand.rhythm
        cells = scatter(rng, pieces.means(rhythm) * np.exp(top) * self.density)
        at = points(rng, cells, pieces, rhythm)
        order = np.argsort(key(pieces.person[cells], at), kind="stable")
        cells, at = cells[order], at[order]
        person = pieces.person[cells]
        ceiling = top[cells] + np.log(self.density)
        return Possible(self, person, at, ceiling, rng.random(len(at)), *self._before(person, at))

    def capped(self, log_rate: NDArray[Any]) -> Floats:
        """Return the logarithm of a rate over the organic one, kept to the largest."""
        return np.asarray(np.minimum(log_rate, np.log(self.settings.most)), dtype=float)


@dataclass(frozen=True, eq=False)
class Possible:
    """Possible orders by person and time, (m,), and the touchpoints before them.

    Attributes
    ----------
    link
        How they come about.
    person, at
        Whose and when.
    ceiling
        Logarithm of the rate at which it was drawn, over the organic rate.
    mark
        A uniform number: it happens if the rate exceeds this share of the ceiling.
    offsets, touch, fading
        Of possible order i, `offsets[i]:offsets[i + 1]` are its person's touchpoints that can
        still act, and what is left of the effect of each.
    """

    link: Multiplicative
    person: Ints
    at: Ints
    ceiling: Floats
    mark: Floats
    offsets: Ints
    touch: Ints
    fading: Floats

    def orders(self, worth: Worth) -> Orders:
        """Return the orders that happen among the possible ones."""

        def happens(rows: Ints, last_order: Ints) -> NDArray[np.bool_]:
            rate = self._log_rate(worth, rows, last_order)
            return np.asarray(self.mark[rows] < np.exp(rate - self.ceiling[rows]))

        people = len(self.link.exposure.people.high)
        return first_come(self.person, self.at, people, happens)

    def _log_rate(self, worth: Worth, rows: Ints, last_order: Ints) -> Floats:
        """Return the logarithm of the rate over the organic one, given the last orders."""
        offsets, where = sequences.take(self.offsets, rows)
        row = np.repeat(np.arange(len(rows)), np.diff(offsets))
        touch, last = self.touch[where], last_order[row]
        there = self.link.exposure.touches.at[touch] > last
        adds = worth.after(touch, last) * self.fading[where] * there
        return self.link.capped(np.bincount(row, adds, len(rows)))

    def cause(self, orders: Orders) -> Ints:
        """Return -1 for each order: in these worlds none has one cause."""
        return np.full(len(orders.at), -1)

    def expected(self, orders: Orders, worth: Worth) -> Floats:
        """Return an estimate of the integral of the order rate along what happened.

        The possible orders are points at a known rate, so the sum of rate / ceiling over them
        has the integral as its mean. It stands last in (channels + 1,): no order has one cause.
        """
        last = last_before(orders, self.person, self.at)
        rate = self._log_rate(worth, np.arange(len(self.at)), last)
        rested = (last == NEVER) | (self.at > last + PAUSE_MS)
        total = (np.exp(rate - self.ceiling) * rested).sum()
        return np.append(np.zeros(len(self.link.settings.channels)), total)
