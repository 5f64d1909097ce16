"""What key paths are made of: sums over journeys, each a tally that adds as every tally does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.names import VALUE
from attribution.numerics import sequences
from attribution.tally import Tally, tally_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.journeys import Journeys

__all__ = [
    "BUYER",
    "BUYERS",
    "LENGTHS",
    "LONGEST",
    "PairSums",
    "PathSums",
    "RoleSums",
    "ShapeSums",
]

BUYER = "buyer"  # the label of journeys that says who ordered
BUYERS = ("new", "returning", "")  # the last: not known
ROLES = ("opened", "closed", "assisted", "in_path")
LONGEST = 20  # touchpoints told apart; the last stands for more, too
LENGTHS = ((2, 2), (3, 3), (4, 4), (5, 6), (7, 9), (10, 14), (15, None))  # alike, for a comparison


@dataclass(frozen=True)
class PathSums:
    """Whole paths, neighbouring touchpoints of one channel merged: orders, money and nulls."""

    def tally(self, journeys: Journeys) -> Tally:
        """Return the tally, keyed by paths; the empty path holds what has no touchpoint."""
        merged = journeys.observed.without_repeats()
        amounts = np.column_stack([_orders_and_money(merged), merged.weighted_nulls()])
        columns = ("conversions", VALUE, "nulls")
        return tally_rows(merged.channels, columns, columns, merged.offsets, merged.codes, amounts)


@dataclass(frozen=True)
class PairSums:
    """Journeys of `shortest` to `longest` touchpoints in which one channel comes before another.

    "a before b" says that the first touchpoint of a is earlier than the last of b. Keyed by
    (a, b); and by (b), for the journeys with b however it stands there.
    """

    shortest: int
    longest: int | None

    def tally(self, journeys: Journeys) -> Tally:
        """Return the tally: conversions, value, journeys."""
        seen = journeys.observed
        fits = seen.lengths >= self.shortest
        if self.longest is not None:
            fits &= seen.lengths <= self.longest
        chosen = seen.take(fits)
        amounts = np.column_stack([_orders_and_money(chosen), chosen.weighted_nulls()])
        amounts[:, 2] += amounts[:, 0]
        rows, codes, first, last = _visits(chosen)
        each = np.bincount(rows, minlength=len(chosen))  # distinct channels of each journey
        starts = sequences.offsets_of(each)[:-1]
        one = np.repeat(np.arange(len(rows)), each[rows])
        other = sequences.expand(starts[rows], each[rows])
        before = np.flatnonzero((one != other) & (first[one] < last[other]))
        one, other = one[before], other[before]
        keys = np.concatenate([np.column_stack([codes[one], codes[other]]).ravel(), codes])
        lengths = np.concatenate([np.full(len(one), 2), np.full(len(codes), 1)])
        columns = ("conversions", VALUE, "journeys")
        return tally_rows(
            chosen.channels,
            columns,
            columns,
            sequences.offsets_of(lengths),
            keys,
            amounts[np.concatenate([rows[one], rows])],
        )


@dataclass(frozen=True)
class RoleSums:
    """What each channel opened, closed, assisted and was part of, by kind of buyer.

    Keyed by channel; a channel assists an order if it is on its path and not last. The empty key
    holds orders without an observed touchpoint: what they would have opened and closed.
    """

    def tally(self, journeys: Journeys) -> Tally:
        """Return the tally: conversions and value, by role and kind of buyer."""
        buyers = journeys.observed.converting
        orders, kinds = _orders_and_money(buyers), _kinds(buyers)
        rows, codes, _, _ = _visits(buyers)
        some = np.flatnonzero(buyers.lengths)
        opener = buyers.codes[buyers.offsets[some]]
        closer = buyers.codes[buyers.offsets[some + 1] - 1]
        ends = np.full(len(buyers), -1)
        ends[some] = closer
        helps = codes != ends[rows]
        none = np.flatnonzero(buyers.lengths == 0)
        parts = {
            "opened": (np.concatenate([some, none]), opener),
            "closed": (np.concatenate([some, none]), closer),
            "assisted": (rows[helps], codes[helps]),
            "in_path": (rows, codes),
        }
        keys = np.concatenate([part[1] for part in parts.values()])
        lengths = np.concatenate(
            [(np.arange(len(part[0])) < len(part[1])).astype(np.int64) for part in parts.values()]
        )
        amounts = np.zeros((len(lengths), len(self.columns())))
        at = 0
        for role, (whose, _) in zip(ROLES, parts.values(), strict=True):
            place = 2 * (len(BUYERS) * ROLES.index(role) + kinds[whose])
            here = np.arange(at, at + len(whose))
            amounts[here, place] = orders[whose, 0]
            amounts[here, place + 1] = orders[whose, 1]
            at += len(whose)
        columns = self.columns()
        return tally_rows(
            buyers.channels, columns, columns, sequences.offsets_of(lengths), keys, amounts
        )

    @staticmethod
    def columns() -> tuple[str, ...]:
        """Return the columns: role, kind of buyer, measure."""
        return tuple(
            f"{role}.{kind}.{measure}"
            for role in ROLES
            for kind in BUYERS
            for measure in ("conversions", VALUE)
        )


@dataclass(frozen=True)
class ShapeSums:
    """Orders by number of touchpoints, and by time since the first and the last, by kind of buyer.

    All under the empty key. `spans` are milliseconds, rising.
    """

    spans: tuple[int, ...]

    def tally(self, journeys: Journeys) -> Tally:
        """Return the tally: conversions and value, by kind of buyer and what is counted."""
        buyers = journeys.observed.converting
        orders, kinds = _orders_and_money(buyers), _kinds(buyers)
        length = np.minimum(buyers.lengths, LONGEST)
        found = [_placed(kinds * (LONGEST + 1) + length, orders, len(BUYERS) * (LONGEST + 1))]
        some = np.flatnonzero(buyers.lengths)
        slots = len(self.spans) + 1  # the last: longer than all, or no time is known
        for at in (buyers.offsets[some], buyers.offsets[some + 1] - 1):
            slot = np.full(len(some), slots - 1)
            if buyers.ages is not None:
                slot = np.searchsorted(self.spans, buyers.ages[at], side="left")
            found.append(_placed(kinds[some] * slots + slot, orders[some], len(BUYERS) * slots))
        timed = buyers.ages is not None
        clocked = orders[some].sum(axis=0) if timed else np.zeros(2)
        # Touchpoints of all orders together, for the mean.
        touched = np.bincount(
            kinds, weights=orders[:, 0] * buyers.lengths, minlength=len(BUYERS)
        ).astype(float)
        amounts = np.concatenate([*(part.ravel() for part in found), clocked, touched])
        columns = self.columns()
        return tally_rows(
            buyers.channels,
            columns,
            columns,
            np.zeros(2, np.int64),
            np.zeros(0, np.int32),
            amounts[None, :],
        )

    def columns(self) -> tuple[str, ...]:
        """Return the columns."""
        counted = {
            "length": range(LONGEST + 1),
            "first": range(len(self.spans) + 1),
            "last": range(len(self.spans) + 1),
        }
        return (
            *(
                f"{name}.{kind}.{place}.{measure}"
                for name, places in counted.items()
                for kind in BUYERS
                for place in places
                for measure in ("conversions", VALUE)
            ),
            "timed.conversions",
            f"timed.{VALUE}",
            *(f"touchpoints.{kind}" for kind in BUYERS),
        )


def _orders_and_money(journeys: Journeys) -> NDArray[np.float64]:
    return journeys.amounts()[:, :2]


def _kinds(journeys: Journeys) -> NDArray[np.int64]:
    """Return (n,) the place in BUYERS of who ordered."""
    out = np.full(len(journeys), len(BUYERS) - 1)
    label = journeys.segments.get(BUYER)
    if label is not None:
        for place, kind in enumerate(BUYERS[:-1]):
            out[np.asarray(label == kind, dtype=bool)] = place
    return out


def _placed(
    places: NDArray[np.int64], amounts: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    return sequences.sum_by(places, amounts, size)


def _visits(
    journeys: Journeys,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return each channel of each journey once: row, code, place of first and last touchpoint."""
    size = max(1, len(journeys.channels))
    keys = journeys.rows * size + journeys.codes
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    fresh = np.append(True, keys[1:] != keys[:-1])[: len(keys)]
    starts = np.flatnonzero(fresh)
    ends = np.append(starts[1:], len(keys))[: len(starts)] - 1
    return keys[starts] // size, keys[starts] % size, order[starts], order[ends]
