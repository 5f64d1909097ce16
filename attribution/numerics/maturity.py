r"""What part of paid money will stay, by cell, from orders still too young to know.

Every fen is followed from its payment, in whole days. With R refunded on day a of life and N not
yet refunded before it, both over the orders that have lived through the day, h = R / N is the
refund rate of that day (Kaplan and Meier, JASA 53, 1958; in whole days the chain ladder of Mack,
ASTIN Bulletin 23, 1993), and what is kept from one age to another is the product of 1 - h between.

A cell leans on its parent: h = z own + (1 - z) parent, z = n / (n + lean), n the orders seen
through the day (Buhlmann, ASTIN Bulletin 4, 1967). Days are few orders each, all days together
are many: so a cell's parent is first brought to the cell's level, r = 1 + rho (refunded / expected
- 1), as far as that is known, rho = tau^2 / (tau^2 + its variance by chance).

The error of a predicted sum has three parts, which are added as variances:

* chance: an order that keeps the part k of what it is worth, net, varies by psi net^2 k (1 - k), as
  if it came back whole or not at all; psi is what the past residuals of people say of that,
* the curves: they are made again without one block of people at a time (`jackknife`),
* leaning: a cell's true rates are its parent's times 1 + xi, of which (1 - z) xi sqrt(1 - rho) is
  not seen; the variance tau^2 of xi is that of DerSimonian and Laird (Controlled Clinical Trials 7,
  1986) from refunded over expected of all cells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

__all__ = [
    "Life",
    "Path",
    "Rates",
    "Spread",
    "Tree",
    "Triangle",
    "counted",
    "dispersion",
    "grouped",
    "heterogeneity",
    "log_kept",
    "rates",
    "residuals",
    "tilts",
    "triangle",
]

_FLOOR = 1e-9  # of what a day keeps: a day on which all came back does not make a logarithm endless
_NEWTON = 30


class Life(NamedTuple):
    """Orders as they are known at an instant, and what came back of them until then.

    Attributes
    ----------
    cell
        (n,) where an order belongs.
    lived, part
        (n,) whole days since payment, at most the horizon, and the part of the next one.
    gross
        (n,) fen paid.
    event_order, event_age, event_fen
        (m,) the order, the day of its life and the amount of each refund; of one order in time,
        and never more in all than was paid.
    """

    cell: Whole
    lived: Whole
    part: Floats
    gross: Whole
    event_order: Whole
    event_age: Whole
    event_fen: Whole


class Tree(NamedTuple):
    """Cells below places below trunks, each sorted by its parent.

    Attributes
    ----------
    place
        (cells,) the place of each cell.
    trunk
        (places,) the trunk of each place.
    """

    place: Whole
    trunk: Whole


class Triangle(NamedTuple):
    """Sums (cells, days) over the orders that have lived through each day.

    Attributes
    ----------
    orders
        How many.
    refunded, at_risk
        Fen refunded on that day, and not refunded before.
    squares
        Squares of what each order had at risk, added up.
    """

    orders: Floats
    refunded: Floats
    at_risk: Floats
    squares: Floats

    def without(self, other: Triangle) -> Triangle:
        """Return the sums without those of other orders."""
        return Triangle(*(mine - theirs for mine, theirs in zip(self, other, strict=True)))

    def summed(self, keys: Whole, count: int) -> Triangle:
        """Return the sums by key, in any order, for keys 0 to `count` - 1."""
        order = np.argsort(keys, kind="stable")
        there = np.unique(keys)
        found = []
        for each in self:
            out = np.zeros((count, each.shape[1]))
            out[there] = grouped(each[order], keys[order])
            found.append(out)
        return Triangle(*found)

    def gathered(self, parents: Whole) -> Triangle:
        """Return the sums by parent; `parents` are sorted."""
        return Triangle(*(grouped(each, parents) for each in self))


def counted(keys: Whole, weights: Floats | Whole, count: int) -> Floats:
    """Return the sums (count,) of weights by key."""
    return np.asarray(np.bincount(keys, weights, count), dtype=float)


def grouped(rows: Floats, keys: Whole) -> Floats:
    """Return the sums of rows by key, the keys being sorted and without gaps."""
    if not len(rows):
        return rows
    starts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
    return np.asarray(np.add.reduceat(rows, starts, axis=0))


def triangle(life: Life, cells: int, days: int) -> Triangle:
    """Return the sums over the orders, days 0 to `days` - 1 of their lives."""
    width = days + 1
    through = life.cell * width + np.minimum(life.lived, days)

    def seen(weights: Floats) -> Floats:
        """Return, for each day, the sum over orders that have lived longer."""
        sums = counted(through, weights, cells * width).reshape(cells, width)
        return np.asarray(np.cumsum(sums[:, :0:-1], axis=1)[:, ::-1], float)

    gross = life.gross.astype(float)
    lived = np.minimum(life.lived[life.event_order], days)
    full = life.event_age < lived
    order, age, lived = life.event_order[full], life.event_age[full], lived[full]
    cell, fen = life.cell[order], life.event_fen[full].astype(float)
    before = gross[order] - _earlier(order, fen)

    def gone(weights: Floats) -> Floats:
        """Return what is not at risk any more: from the day after until the life's end."""
        sums = counted(cell * width + age + 1, weights, cells * width)
        sums -= counted(cell * width + lived, weights, cells * width)
        return np.asarray(np.cumsum(sums.reshape(cells, width), axis=1)[:, :-1])

    refunded = counted(cell * width + age, fen, cells * width).reshape(cells, width)[:, :-1]
    return Triangle(
        seen((gross > 0).astype(float)),
        np.asarray(refunded),
        seen(gross) - gone(fen),
        seen(gross**2) - gone(before**2 - (before - fen) ** 2),
    )


def _earlier(order: Whole, fen: Floats) -> Floats:
    """Return, for each refund, what its order had got back before; one order's stand together."""
    if not len(order):
        return fen
    running = np.cumsum(fen) - fen
    starts = np.flatnonzero(np.diff(order, prepend=-1))
    return running - np.repeat(running[starts], np.diff(np.append(starts, len(order))))


@dataclass(frozen=True, eq=False)
class Rates:
    """Refund rates by cell and day, the parent's, and how far each was leaned on.

    Attributes
    ----------
    cell, place
        (cells, days), (places, days) the rates.
    cell_unseen, place_unseen
        What a relative deviation of a cell (place) from its parent would add to minus the
        logarithm of what a day keeps: (1 - z) parent / (1 - h).
    """

    cell: Floats
    place: Floats
    cell_unseen: Floats
    place_unseen: Floats

    @property
    def days(self) -> int:
        """How many days of life the rates cover; beyond, nothing comes back."""
        return int(self.cell.shape[1])


class Spread(NamedTuple):
    """How far what is seen varies by chance (`psi`), and cells around their places (`tau2`)."""

    psi: float
    tau2: float


def rates(sums: Triangle, tree: Tree, lean: float, spread: Spread) -> Rates:
    """Return the rates of every cell, leaning on its place, that on its trunk, that on all.

    A cell that is alone in its place is the place, and leans no further.
    """
    places = sums.gathered(tree.place)
    trunks = places.gathered(tree.trunk)
    everything = _ratio(trunks.refunded.sum(axis=0), trunks.at_risk.sum(axis=0))
    trunk, _ = _leaning(trunks, np.broadcast_to(everything, trunks.orders.shape), lean)
    place, place_unseen = _leaning(places, trunk[tree.trunk], lean)
    parent = place[tree.place]
    level, known = _levels(sums, parent, spread)
    cell, cell_unseen = _leaning(sums, np.minimum(level * parent, 1.0), lean)
    cell_unseen *= np.sqrt(1 - known)
    alone = (np.bincount(tree.place, minlength=len(tree.trunk)) == 1)[tree.place]
    cell[alone], cell_unseen[alone] = parent[alone], 0.0
    return Rates(cell, place, cell_unseen, place_unseen)


def _levels(sums: Triangle, parent: Floats, spread: Spread) -> tuple[Floats, Floats]:
    """Return (cells, 1) how a cell's level is to its parent's, and how far that is known."""
    expected = (parent * sums.at_risk).sum(axis=1)
    chance = spread.psi * (parent * (1 - parent) * sums.squares).sum(axis=1)
    varies = spread.tau2 * expected**2
    known = _ratio(varies, varies + chance)
    level = 1 + known * (_ratio(sums.refunded.sum(axis=1), expected) - 1)
    return level[:, None], known[:, None]


def _leaning(sums: Triangle, parent: Floats, lean: float) -> tuple[Floats, Floats]:
    seen = np.where(sums.at_risk > 0, sums.orders, 0.0)
    z = seen / (seen + lean)
    found = z * _ratio(sums.refunded, sums.at_risk) + (1 - z) * parent
    return found, (1 - z) * parent / np.maximum(1 - found, _FLOOR)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.asarray(np.divide(part, whole, out=np.zeros_like(part, float), where=whole > 0))


@dataclass(frozen=True, eq=False)
class Path:
    """A sum over days of life, read from any age to any other; parts of a day count in part."""

    daily: Floats
    before: Floats

    @classmethod
    def of(cls, daily: Floats) -> Path:
        """Return the path of daily figures (cells, days)."""
        wide = np.pad(daily, ((0, 0), (0, 1)))
        return cls(wide, np.cumsum(wide, axis=1) - wide)

    def ahead(self, cell: Whole, lived: Whole, part: Floats, horizon: int | None) -> Floats:
        """Return the sum (n,) from each order's age until `horizon` days later, or the end."""
        days = self.daily.shape[1] - 1
        start = np.minimum(lived, days)
        place = cell * (days + 1) + start
        daily, before = self.daily.ravel(), self.before.ravel()
        inside = np.where(lived < days, part, 0.0)
        done = before[place] + inside * daily[place]
        if horizon is None:
            return np.asarray(self.before[:, -1][cell] - done)
        end = cell * (days + 1) + np.minimum(lived + horizon, days)
        return np.asarray(before[end] + part * daily[end] - done)


def log_kept(hazard: Floats) -> Path:
    """Return the logarithm of what is kept, as a path over days of life."""
    return Path.of(np.log(np.maximum(1 - hazard, _FLOOR)))


def tilts(
    net: Floats,
    logs: Floats,
    place: Whole,
    wanted: Floats,
    start: Floats | None = None,
    steps: int = _NEWTON,
) -> Floats:
    """Return c (places,) such that net * exp(c * logs) adds up to what is wanted of each place.

    Newton's method on a sum that falls and is convex in c: after one step it comes from one side.
    Where nothing is expected to come back, c is 1.
    """
    found = np.ones(len(wanted)) if start is None else start.copy()
    for _ in range(steps):
        kept = net * np.exp(found[place] * logs)
        slope = counted(place, kept * logs, len(wanted))
        over = counted(place, kept, len(wanted)) - wanted
        step = np.divide(over, slope, out=np.zeros_like(over), where=slope < 0)
        found = found - step
        if np.abs(step).max(initial=0.0) < 1e-12:
            break
    return found


def residuals(life: Life, hazard: Floats) -> Floats:
    """Return (n,) what came back of each order on full days of life, less what was expected."""
    days = hazard.shape[1]
    width = days + 1
    upto = np.cumsum(np.pad(hazard, ((0, 0), (1, 0))), axis=1).ravel()
    end = life.cell * width + np.minimum(life.lived, days)
    order = life.event_order
    after = life.cell[order] * width + np.minimum(life.event_age + 1, days)
    full = life.event_age < np.minimum(life.lived, days)[order]
    gone = np.where(full, life.event_fen * (1 + upto[end[order]] - upto[after]), 0.0)
    return np.asarray(counted(order, gone, len(end)) - life.gross * upto[end])


def dispersion(found: Floats, person: Whole, sums: Triangle, hazard: Floats) -> float:
    """Return psi: the squared residuals of people over what whole returns by chance would give."""
    by_person = np.bincount(person, found)
    chance = float((hazard * (1 - hazard) * sums.squares).sum())
    return float((by_person**2).sum()) / chance if chance > 0 else 0.0


def heterogeneity(sums: Triangle, parent: Floats, psi: float) -> float:
    """Return tau^2: the variance of cells' rates around the parent's (cells, days), relatively.

    Refunded over expected, r = R / E, has the variance psi sum h (1 - h) squares / E^2 by chance;
    what it varies beyond that is tau^2, never below 0.
    """
    refunded = sums.refunded.sum(axis=1)
    expected = (parent * sums.at_risk).sum(axis=1)
    chance = psi * (parent * (1 - parent) * sums.squares).sum(axis=1)
    known = (expected > 0) & (chance > 0)
    if known.sum() < 2:
        return 0.0
    ratio = refunded[known] / expected[known]
    weight = expected[known] ** 2 / chance[known]
    mean = float((weight * ratio).sum() / weight.sum())
    q = float((weight * (ratio - mean) ** 2).sum())
    spread = weight.sum() - (weight**2).sum() / weight.sum()
    return max(0.0, (q - (len(ratio) - 1)) / float(spread)) if spread > 0 else 0.0
