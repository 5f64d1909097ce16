"""What a sum of orders will be worth once refunds have run their course, and how sure that is.

See `maturity` for the curves. A forecast is tilted: what each order is expected to keep is raised
to a power, one for each place, so that a place's orders keep together what the place's own curve
says. So finer curves part the money of a place differently and leave its total alone (benchmarking
of small areas: Pfeffermann, Statistical Science 28, 2013, sec. 6.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.numerics import maturity
from attribution.numerics.jackknife import standard_errors
from attribution.numerics.maturity import (
    Life,
    Path,
    Rates,
    Spread,
    Tree,
    Triangle,
    counted,
    log_kept,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

__all__ = ["Forecast", "Learned", "Parts", "mean_curves"]


@dataclass(frozen=True, eq=False)
class Learned:
    """The rates that orders teach, and what is needed to say how sure they are.

    Attributes
    ----------
    life, tree
        The orders, and the cells they lie in.
    person, block
        (n,) who ordered, as a code, and the block of people that is left out together.
    blocks
        How many blocks there are.
    days
        How many days of life the rates cover.
    lean
        Orders that a parent's rates count for.
    """

    life: Life
    tree: Tree
    person: Whole
    block: NDArray[np.uint8]
    blocks: int
    days: int
    lean: float

    @cached_property
    def sums(self) -> Triangle:
        """The sums of all orders."""
        return maturity.triangle(self.life, len(self.tree.place), self.days)

    @cached_property
    def rates(self) -> Rates:
        """The rates of all orders."""
        return maturity.rates(self.sums, self.tree, self.lean, self.spread)

    @cached_property
    def spread(self) -> Spread:
        """What varies by chance, and cells around their places; from rates that know neither."""
        plain = maturity.rates(self.sums, self.tree, self.lean, Spread(0.0, 0.0))
        found = maturity.residuals(self.life, plain.cell)
        psi = maturity.dispersion(found, self.person, self.sums, plain.cell)
        return Spread(psi, maturity.heterogeneity(self.sums, plain.place[self.tree.place], psi))

    @cached_property
    def place_spread(self) -> float:
        """tau^2 of places around their trunks."""
        places = self.sums.gathered(self.tree.place)
        trunks = places.gathered(self.tree.trunk)
        pooled = np.divide(
            trunks.refunded,
            trunks.at_risk,
            out=np.zeros_like(trunks.refunded),
            where=trunks.at_risk > 0,
        )
        return maturity.heterogeneity(places, pooled[self.tree.trunk], self.spread.psi)

    def without_each_block(self) -> Iterator[Rates]:
        """Yield the rates without one block of people, for every block."""
        order = np.argsort(self.block, kind="stable")
        bounds = np.searchsorted(self.block[order], np.arange(self.blocks + 1))
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        life, owner = self.life, self.block[self.life.event_order]
        events = np.argsort(owner, kind="stable")
        ends = np.searchsorted(owner[events], np.arange(self.blocks + 1))
        for block in range(self.blocks):
            rows = order[bounds[block] : bounds[block + 1]]
            mine = events[ends[block] : ends[block + 1]]
            theirs = Life(
                life.cell[rows],
                life.lived[rows],
                life.part[rows],
                life.gross[rows],
                place[life.event_order[mine]] - bounds[block],
                life.event_age[mine],
                life.event_fen[mine],
            )
            sums = maturity.triangle(theirs, len(self.tree.place), self.days)
            yield maturity.rates(self.sums.without(sums), self.tree, self.lean, self.spread)


class Parts(NamedTuple):
    """Shares of orders under labels: (m,) the order's place among those shown, label and share.

    No order has two parts under one label; `labels` is how many labels there are.
    """

    row: Whole
    label: Whole
    share: Floats
    labels: int


@dataclass(frozen=True, eq=False)
class Forecast:
    """What is expected of some orders.

    Attributes
    ----------
    learned
        The rates.
    rows
        (k,) which of the orders learned from.
    net
        (k,) fen that are left of each.
    wanted
        (places,) what a place's orders keep together in the end; None: by the place's own curve.
    horizon
        Days ahead; None for all the days that the rates cover.
    """

    learned: Learned
    rows: Whole
    net: Floats
    wanted: Floats | None = None
    horizon: int | None = None

    @cached_property
    def cell(self) -> Whole:
        """(k,) the cell of each order."""
        return self.learned.life.cell[self.rows]

    @cached_property
    def place(self) -> Whole:
        """(k,) the place of each order."""
        return self.learned.tree.place[self.cell]

    @cached_property
    def tilt(self) -> Floats:
        """(places,) the power that makes a place's orders keep what is wanted together."""
        rates = self.learned.rates
        wanted = self._by_place(rates) if self.wanted is None else self.wanted
        logs = self._to_the_end(log_kept(rates.cell), self.cell)
        return maturity.tilts(self.net, logs, self.place, wanted)

    @cached_property
    def untilted(self) -> Floats:
        """(k,) fen expected to be left of each order by its cell's curve alone."""
        logs = self._ahead(log_kept(self.learned.rates.cell), self.cell)
        return np.asarray(self.net * np.exp(logs))

    @cached_property
    def kept(self) -> Floats:
        """(k,) the part of each order's net that is expected to be left."""
        logs = self._ahead(log_kept(self.learned.rates.cell), self.cell)
        return np.asarray(np.exp(self.tilt[self.place] * logs))

    @cached_property
    def chance(self) -> Floats:
        """(k,) the variance of what is left of each order, around what is expected."""
        return self.learned.spread.psi * self.net**2 * self.kept * (1 - self.kept)

    def expected(self, parts: Parts) -> Floats:
        """Return (labels,) fen expected to be left."""
        return _sums(parts, self.net * self.kept)

    def replicates(self, parts: Parts) -> Floats:
        """Return (blocks, labels) the same by the curves without each block of people.

        Orders of one cell and day of life share the mean part of that day, so that many orders
        cost little more than few: what the replicates vary by is the same.
        """
        bins = _Bins.of(self)
        codes, inverse = np.unique(
            parts.label * len(bins.net) + bins.of_row[parts.row], return_inverse=True
        )
        label, where = np.divmod(codes, max(1, len(bins.net)))
        amount = counted(inverse, parts.share * self.net[parts.row], len(codes))
        place = self.learned.tree.place[bins.cell]
        places = len(self.learned.tree.trunk)
        found = np.empty((self.learned.blocks, parts.labels))
        for block, rates in enumerate(self.learned.without_each_block()):
            path = log_kept(rates.cell)
            own = bins.net * np.exp(bins.ahead(log_kept(rates.place), place, None))
            logs = bins.ahead(path, bins.cell, None)
            wanted = counted(place, own, places)
            tilt = maturity.tilts(bins.net, logs, place, wanted, self.tilt, steps=1)
            if self.horizon is not None:
                logs = bins.ahead(path, bins.cell, self.horizon)
            kept = np.exp(tilt[place] * logs)
            found[block] = counted(label, amount * kept[where], parts.labels)
        return found

    def standard_errors(self, parts: Parts) -> Floats:
        """Return (labels,) the standard error: chance, curves and leaning together."""
        chance = counted(parts.label, parts.share**2 * self.chance[parts.row], parts.labels)
        curves = standard_errors(self.replicates(parts)) ** 2
        return np.asarray(np.sqrt(chance + curves + self._leaning(parts)))

    def _ahead(self, path: Path, index: Whole) -> Floats:
        life = self.learned.life
        return path.ahead(index, life.lived[self.rows], life.part[self.rows], self.horizon)

    def _to_the_end(self, path: Path, index: Whole) -> Floats:
        life = self.learned.life
        return path.ahead(index, life.lived[self.rows], life.part[self.rows], None)

    def _by_place(self, rates: Rates) -> Floats:
        kept = self.net * np.exp(self._to_the_end(log_kept(rates.place), self.place))
        return counted(self.place, kept, len(self.learned.tree.trunk))

    def _leaning(self, parts: Parts) -> Floats:
        """Return (labels,) the variance that comes from what leaning does not see.

        A deviation of a cell moves its own orders and, by the tilt, all orders of its place the
        other way; one of a place moves all of its orders.
        """
        learned, rates = self.learned, self.learned.rates
        cells, places = len(learned.tree.place), len(learned.tree.trunk)
        path, unseen = log_kept(rates.cell), Path.of(rates.cell_unseen)
        tilt, left = self.tilt[self.place], self.net * self.kept
        logs = self._to_the_end(path, self.cell)
        whole = self.net * np.exp(tilt * logs)
        moved_all = counted(self.cell, whole * tilt * self._to_the_end(unseen, self.cell), cells)
        slope_all = counted(self.place, whole * logs, places)

        by_cell = _Pairs.of(parts, self.cell, cells)
        by_place = _Pairs.of(parts, self.place, places)
        moved = by_cell.sums(parts, left * tilt * self._ahead(unseen, self.cell))
        slope = by_place.sums(parts, left * self._ahead(path, self.cell))
        tilted = np.divide(
            slope,
            slope_all[by_place.key],
            out=np.zeros_like(slope),
            where=slope_all[by_place.key] < 0,
        )
        own = moved**2 - 2 * moved * moved_all[by_cell.key] * by_cell.looked_up(
            by_place, tilted, learned.tree.place
        )
        others = counted(learned.tree.place, moved_all**2, places)[by_place.key] * tilted**2
        of_cells = counted(by_cell.label, own, parts.labels)
        of_cells = of_cells + counted(by_place.label, others, parts.labels)

        wide = Path.of(rates.place_unseen)
        together = by_place.sums(parts, left * self._ahead(wide, self.place))
        of_places = counted(by_place.label, together**2, parts.labels)
        return np.asarray(
            learned.spread.tau2 * np.maximum(of_cells, 0.0) + learned.place_spread * of_places
        )


def mean_curves(learned: Learned, weight: Floats, key: Whole, keys: int) -> tuple[Floats, Floats]:
    """Return what is kept by each age (keys, days + 1), and its standard error.

    Both are missing under a key whose cells count for nothing.

    Parameters
    ----------
    weight, key
        (cells,) what each cell counts for, and under which of `keys` it comes.
    """
    total = counted(key, weight, keys)[key]
    share = np.divide(weight, total, out=np.full(len(weight), np.nan), where=total > 0)[:, None]
    order = np.argsort(key, kind="stable")
    place = learned.tree.place

    def summed(rows: Floats) -> Floats:
        out = np.zeros((keys, rows.shape[1]))
        there = np.unique(key)
        out[there] = maturity.grouped(rows[order], key[order])
        return out

    def made(rates: Rates) -> Floats:
        return np.asarray(share * np.exp(log_kept(rates.cell).before))

    own = made(learned.rates)
    by_block = np.array([summed(made(rates)) for rates in learned.without_each_block()])
    of_cells = summed((own * Path.of(learned.rates.cell_unseen).before) ** 2)
    wide = own * Path.of(learned.rates.place_unseen).before[place]
    together = np.lexsort((place, key))
    pair = (key * (place.max(initial=0) + 1) + place)[together]
    pair_of = np.unique(pair)
    by_pair = maturity.grouped(wide[together], pair) ** 2
    of_places = np.zeros_like(of_cells)
    np.add.at(of_places, pair_of // (place.max(initial=0) + 1), by_pair)
    errors = np.sqrt(
        standard_errors(by_block) ** 2
        + learned.spread.tau2 * of_cells
        + learned.place_spread * of_places
    )
    return summed(own), errors


def _sums(parts: Parts, amounts: Floats) -> Floats:
    return counted(parts.label, parts.share * amounts[parts.row], parts.labels)


@dataclass(frozen=True, eq=False)
class _Bins:
    """Orders by cell and day of life: what is left of them, and the mean part of the day."""

    cell: Whole
    lived: Whole
    part: Floats
    net: Floats
    of_row: Whole

    @classmethod
    def of(cls, forecast: Forecast) -> _Bins:
        life, days = forecast.learned.life, forecast.learned.days
        lived = np.minimum(life.lived[forecast.rows], days)
        width = days + 1
        codes, of_row = np.unique(forecast.cell * width + lived, return_inverse=True)
        net = counted(of_row, forecast.net, len(codes))
        part = counted(of_row, forecast.net * life.part[forecast.rows], len(codes))
        part = np.divide(part, net, out=np.zeros_like(part), where=net > 0)
        return cls(codes // width, codes % width, part, net, of_row)

    def ahead(self, path: Path, index: Whole, horizon: int | None) -> Floats:
        return path.ahead(index, self.lived, self.part, horizon)


@dataclass(frozen=True, eq=False)
class _Pairs:
    """The pairs of label and key that occur, sorted, and which of them each part is."""

    label: Whole
    key: Whole
    codes: Whole
    keys: int
    of_part: Whole

    @classmethod
    def of(cls, parts: Parts, key: Whole, keys: int) -> _Pairs:
        codes, inverse = np.unique(parts.label * keys + key[parts.row], return_inverse=True)
        return cls(codes // keys, codes % keys, codes, keys, inverse)

    def sums(self, parts: Parts, amounts: Floats) -> Floats:
        """Return the sum of amounts by pair."""
        return counted(self.of_part, parts.share * amounts[parts.row], len(self.codes))

    def looked_up(self, wider: _Pairs, figures: Floats, parent: Whole) -> Floats:
        """Return for each pair the figure of its label and its key's parent."""
        found = np.searchsorted(wider.codes, self.label * wider.keys + parent[self.key])
        return np.asarray(figures[found])
