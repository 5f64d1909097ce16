"""What the hazard model adds up: exposure by age, time at risk, and the journeys of orders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.errors import ModelError
from attribution.numerics import sequences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["BEGIN", "Cells", "HazardTally", "Rows"]

BEGIN = 1 << 10

# A cell's key is one integer: window, two numbers that name the term, bin of age.
_BIN, _CODE, _SHIFT = 1 << 11, 1 << 20, 8
_ROUNDING = 1e-12


class Cells(NamedTuple):
    """Sums by key, each key once, in ascending order.

    Attributes
    ----------
    keys
        (m,) see `cells_of`.
    sums
        (m, 2) counts and sums of ages in milliseconds; or whatever is counted in pairs.
    """

    keys: Ints
    sums: Floats

    @staticmethod
    def of(
        window: Ints | int, one: Ints, other: Ints | int, place: Ints | int, sums: Floats
    ) -> Cells:
        """Sum rows (n, 2) by window, the two numbers of a term (-8 or more), and bin of age."""
        if not len(sums):
            return Cells(np.zeros(0, np.int64), np.zeros((0, 2)))
        firsts, seconds = int(np.max(one)) + _SHIFT + 1, int(np.max(other)) + _SHIFT + 1
        close = ((window * firsts + one + _SHIFT) * seconds + other + _SHIFT) * _BIN + place
        limit = (int(np.max(window)) + 1) * firsts * seconds * _BIN
        keys, at = sequences.distinct(np.asarray(close, dtype=np.int64), limit)
        rest, place = np.divmod(keys, _BIN)
        rest, other = np.divmod(rest, seconds)
        window, one = np.divmod(rest, firsts)
        spread = ((window * _CODE + one) * _CODE + other) * _BIN + place
        return _nonzero(spread, at, sums)

    @staticmethod
    def joined(parts: Sequence[Cells]) -> Cells:
        """Return the sum of several."""
        return _summed(
            np.concatenate([each.keys for each in parts]),
            np.concatenate([each.sums for each in parts]),
        )

    def parts(self) -> tuple[Ints, Ints, Ints, Ints]:
        """Return (m,) window, the two numbers of a term, and bin of age of each key."""
        rest, place = np.divmod(self.keys, _BIN)
        rest, other = np.divmod(rest, _CODE)
        window, one = np.divmod(rest, _CODE)
        return window, one - _SHIFT, other - _SHIFT, place

    def limited(self, recode: Ints) -> Cells:
        """Return the cells of channels that `recode` does not make -1, with their new codes."""
        _, one, other, _ = self.parts()
        if not len(recode):
            return self
        kept = (recode[one] >= 0) & ((other < 0) | (recode[np.maximum(other, 0)] >= 0))
        return Cells(self.keys[kept], self.sums[kept]).recoded(recode)

    def recoded(self, recode: Ints) -> Cells:
        """Return the cells with other codes for the numbers of a term that are channels."""
        window, one, other, place = self.parts()
        return Cells.of(window, _recoded(one, recode), _recoded(other, recode), place, self.sums)


def _recoded(code: Ints, recode: Ints) -> Ints:
    out = code.copy()
    out[code >= 0] = recode[code[code >= 0]]
    return out


def _summed(keys: Ints, sums: Floats) -> Cells:
    found, place = np.unique(keys, return_inverse=True)
    return _nonzero(found, place, sums)


def _nonzero(found: Ints, place: Ints, sums: Floats) -> Cells:
    """Return the sums by place; what rounding leaves where they cancel counts as zero."""
    total = sequences.sum_by(place, sums, len(found))
    if (sums < 0).any():
        dust = np.abs(total) <= _ROUNDING * sequences.sum_by(place, np.abs(sums), len(found))
        total = np.where(dust, 0.0, total)
    kept = (total != 0).any(axis=1)
    return Cells(found[kept], total[kept])


class Rows(NamedTuple):
    """Journeys, one by one.

    Attributes
    ----------
    offsets, codes, ages
        Touchpoints: channel codes, and ages in milliseconds at the journey's end.
    lookback
        (T,) milliseconds for which each touchpoint acts.
    group
        (n,) which group the person belongs to.
    span
        (n, 2) ages of the journey's end between which its exposure counts, from older to younger.
    weight
        (n,) how many people the journey stands for.
    amounts
        (n, measures) orders and money; none for a journey that did not convert.
    """

    offsets: Ints
    codes: NDArray[np.int32]
    ages: Ints
    lookback: Ints
    group: Ints
    span: Ints
    weight: Floats
    amounts: Floats

    def take(self, rows: Ints) -> Rows:
        """Return the chosen rows."""
        offsets, where = sequences.take(self.offsets, rows)
        return Rows(
            offsets,
            self.codes[where],
            self.ages[where],
            self.lookback[where],
            self.group[rows],
            self.span[rows],
            self.weight[rows],
            self.amounts[rows],
        )

    @property
    def number(self) -> Ints:
        """(T,) the row each touchpoint belongs to."""
        return np.repeat(np.arange(len(self.group)), np.diff(self.offsets))


@dataclass(frozen=True, eq=False)
class HazardTally:
    """Sums over journeys; they add, subtract and scale as every tally does.

    Attributes
    ----------
    channels, measures
        As in `Tally`.
    groups
        Labels of the groups of people, each a tuple of the values of the covariates.
    exposure
        Keys (window, channel, kind, bin): ages between which touchpoints acted; where they begin
        to, the bin is raised by `BEGIN`. Window 0 is all the time, window k that of the k-th lift
        test.
    flows
        Keys (0, channel, later channel, 0): how often one follows the other in a journey, and the
        sum over journeys of the square of how often more than the other way round.
    touched
        Keys (0, channel, 0, 0): touchpoints, and those of journeys without an order.
    at_risk
        (groups,) person-milliseconds.
    rows
        The journeys whose touchpoints are kept one by one: those of orders, or all.
    unattributed
        (measures,) orders and money outside of the likelihood.
    nulls
        How many journeys did not convert.
    """

    channels: tuple[str, ...]
    measures: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    exposure: Cells
    flows: Cells
    touched: Cells
    at_risk: Floats
    rows: Rows
    unattributed: Floats
    nulls: float

    def __len__(self) -> int:
        return len(self.exposure.keys) + len(self.rows.group)

    def __mul__(self, factor: float) -> HazardTally:
        rows = self.rows
        kept = rows if factor else rows.take(np.zeros(0, np.int64))
        return replace(
            self,
            exposure=_scaled(self.exposure, factor),
            flows=_scaled(self.flows, factor),
            touched=_scaled(self.touched, factor),
            at_risk=self.at_risk * factor,
            rows=kept._replace(weight=kept.weight * factor, amounts=kept.amounts * factor),
            unattributed=self.unattributed * factor,
            nulls=self.nulls * factor,
        )

    __rmul__ = __mul__

    def __add__(self, other: HazardTally) -> HazardTally:
        return self.plus([other])

    def __neg__(self) -> HazardTally:
        return self * -1.0

    def __sub__(self, other: HazardTally) -> HazardTally:
        return self + -other

    def __radd__(self, other: int) -> HazardTally:
        """Let `sum(tallies)` work: it begins with 0."""
        return NotImplemented if other != 0 else self

    def plus(self, others: Sequence[HazardTally]) -> HazardTally:
        """Return the sum of this tally and others, made at once.

        Raises
        ------
        ModelError
            If they have different money columns.
        """
        every = [self, *others]
        for each in others:
            if each.measures != self.measures:
                raise ModelError(
                    f"Tallies of {self.measures} and {each.measures} do not add: they come from "
                    "different money columns."
                )
        channels = tuple(sorted({name for each in every for name in each.channels}))
        groups = tuple(sorted({group for each in every for group in each.groups}))
        aligned = [each.recoded(channels, groups) for each in every]
        return HazardTally(
            channels,
            self.measures,
            groups,
            Cells.joined([each.exposure for each in aligned]),
            Cells.joined([each.flows for each in aligned]),
            Cells.joined([each.touched for each in aligned]),
            np.sum([each.at_risk for each in aligned], axis=0),
            _rows_joined([each.rows for each in aligned]),
            np.sum([each.unattributed for each in aligned], axis=0),
            sum(each.nulls for each in aligned),
        )

    def limited(self, channels: tuple[str, ...], recode: Ints) -> HazardTally:
        """Return the tally of touchpoints of these channels alone; `recode` is -1 for others."""
        if self.channels == channels:
            return self
        rows = self.rows
        kept = recode[rows.codes] >= 0 if len(rows.codes) else np.zeros(0, bool)
        lengths = np.bincount(rows.number[kept], minlength=len(rows.group))
        return replace(
            self,
            channels=channels,
            exposure=self.exposure.limited(recode),
            flows=self.flows.limited(recode),
            touched=self.touched.limited(recode),
            rows=rows._replace(
                offsets=sequences.offsets_of(lengths),
                codes=recode[rows.codes[kept]].astype(np.int32),
                ages=rows.ages[kept],
                lookback=rows.lookback[kept],
            ),
        )

    def recoded(
        self, channels: tuple[str, ...], groups: tuple[tuple[str, ...], ...]
    ) -> HazardTally:
        """Return the tally with other channels and groups, which hold all of these."""
        if self.channels == channels and self.groups == groups:
            return self
        place = {name: code for code, name in enumerate(channels)}
        recode = np.array([place[name] for name in self.channels], dtype=np.int64)
        where = {label: code for code, label in enumerate(groups)}
        regroup = np.array([where[label] for label in self.groups], dtype=np.int64)
        at_risk = np.zeros(len(groups))
        at_risk[regroup] = self.at_risk
        rows = self.rows
        return replace(
            self,
            channels=channels,
            groups=groups,
            exposure=self.exposure.recoded(recode),
            flows=self.flows.recoded(recode),
            touched=self.touched.recoded(recode),
            at_risk=at_risk,
            rows=rows._replace(
                codes=recode[rows.codes].astype(np.int32) if len(rows.codes) else rows.codes,
                group=regroup[rows.group] if len(rows.group) else rows.group,
            ),
        )


def _scaled(cells: Cells, factor: float) -> Cells:
    return (
        cells._replace(sums=cells.sums * factor)
        if factor
        else Cells(cells.keys[:0], cells.sums[:0])
    )


def _rows_joined(parts: Sequence[Rows]) -> Rows:
    """Return the rows of all; where some are taken away, what they cancel is gone."""
    lengths = np.concatenate([np.diff(each.offsets) for each in parts])
    whole = Rows(
        sequences.offsets_of(lengths),
        *(np.concatenate(column) for column in list(zip(*parts, strict=True))[1:]),
    )
    if (whole.weight >= 0).all():
        return whole
    return _settled(whole)


def _settled(rows: Rows) -> Rows:
    """Return rows with equal ones added up, and none whose sums are zero."""
    each = np.diff(rows.offsets)
    # One sequence of integers for each row: what it is, then its touchpoints.
    lengths = 3 + 3 * each
    offsets = sequences.offsets_of(lengths)
    words = np.empty(offsets[-1], np.int64)
    head = offsets[:-1]
    words[head], words[head + 1], words[head + 2] = rows.group, rows.span[:, 0], rows.span[:, 1]
    body = np.repeat(head + 3, each) + 3 * sequences.positions(rows.offsets)
    words[body], words[body + 1], words[body + 2] = rows.codes, rows.ages, rows.lookback
    first, inverse = sequences.group(offsets, words)
    sums = np.column_stack([rows.weight, rows.amounts])
    total = sequences.sum_by(inverse, sums, len(first))
    dust = np.abs(total) <= _ROUNDING * sequences.sum_by(inverse, np.abs(sums), len(first))
    total = np.where(dust, 0.0, total)
    kept = np.flatnonzero((total != 0).any(axis=1))
    return rows.take(first[kept])._replace(weight=total[kept, 0], amounts=total[kept, 1:])
