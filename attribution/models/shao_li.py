"""The simple probabilistic model of channels and pairs of channels (Shao and Li 2011)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.models.proportional import proportional, require_nulls
from attribution.numerics import pairs, sequences
from attribution.tally import RunningTally, Tally, tally_rows, tally_sets

if TYPE_CHECKING:
    from attribution.credit import Credit
    from attribution.journeys import Journeys

__all__ = ["ShaoLi"]

_SLICE = 1 << 17  # touchpoints


@dataclass(frozen=True)
class ShaoLi:
    """Rates of conversion given a channel, and given a pair of channels.

    X. Shao and L. Li, "Data-driven multi-touch attribution models", KDD 2011, section 3.2. With
    p(y | c) the part of all journeys with channel c that converted, and p(y | c, j) of those with
    both, an order whose journey holds N channels gives each of them

        C(c) = p(y | c) + sum over its other channels j of
               [p(y | c, j) - p(y | c) - p(y | j)] / (2 (N - 1)),

    and p(y | c) where N = 1. A channel's credit is the sum of C(c) over all orders that it
    touched, scaled so that all credit together is the attributed conversions. Value goes the same
    way, with the mean value of those journeys in place of p.

    C(c) can be negative for one order and is kept so. Only a channel whose sum over all orders is
    negative is set to zero, before scaling. Where no channel's sum is positive, which only money
    that comes and goes back can bring about, what there is counts as organic.

    What it needs: journeys that did not convert, as a sample of all of them. It knows presence
    only: not order, not repeats, not time. Rates compare who met a channel with who did not, so
    whatever makes people both meet it and buy counts for the channel; and since an order ends a
    journey, buyers' journeys are short, which makes channels of long journeys look harmful. With
    many channels most pairs rest on few journeys; their rates are used as they are, and only the
    intervals tell.
    """

    def tally(self, journeys: Journeys) -> Tally:
        """Return journeys and amounts by channel and by pair of channels.

        Columns `<measure>_each` are the amounts divided by the journey's N channels (keys of one
        channel, so that they add up to all there is) or by N - 1 (pairs).
        """
        parts: RunningTally[Tally] = RunningTally()
        parts.add(_tally(journeys.take(slice(0, 0))))
        for part in journeys.slices(_SLICE):  # long journeys have many pairs
            parts.add(_tally(part))
        return parts.total()

    def credit(self, tally: Tally) -> Credit:
        """Return the contributions, scaled to the attributed conversions and money.

        Raises
        ------
        ModelError
            If there are conversions and no journey that did not convert.
        """
        single, double = tally.lengths == 1, tally.lengths == 2
        measured, null = tally.measured, tally.column("null")
        each = tally.sums[:, -len(tally.measures) :]
        require_nulls("ShaoLi", measured[single, 0].sum(), null[single].sum())
        trials = null + measured[:, 0]
        rates = np.divide(
            measured, trials[:, None], out=np.zeros_like(measured), where=trials[:, None] > 0
        )
        codes = tally.codes[tally.offsets[:-1][single]]
        alone = np.zeros((len(tally.channels), len(tally.measures)))
        touched = np.zeros(len(tally.channels))
        alone[codes], touched[codes] = rates[single], measured[single, 0]
        pair = tally.codes[tally.offsets[:-1][double][:, None] + np.arange(2)]
        sums = pairs.second_order(alone, touched, pair, rates[double], each[double, 0])
        return proportional(tally, sums, each[single].sum(axis=0), touched)


def _tally(journeys: Journeys) -> Tally:
    sets = tally_sets(journeys)
    lengths = sets.lengths
    rows = np.repeat(np.arange(len(sets)), lengths)
    two = pairs.pairs_within(sets.offsets)
    nobody = np.flatnonzero(lengths == 0)
    where = np.concatenate([nobody, rows, two.row])
    size = np.repeat([0, 1, 2], [len(nobody), len(rows), len(two.row)])
    codes = np.append(sets.codes, sets.codes[np.column_stack(two[1:]).ravel()])
    share = 1.0 / np.concatenate([np.ones(len(nobody)), lengths[rows], lengths[two.row] - 1])
    return tally_rows(
        sets.channels,
        ("null", *sets.measures, *(f"{name}_each" for name in sets.measures)),
        sets.measures,
        sequences.offsets_of(size),
        codes,
        np.column_stack([sets.sums[where], sets.measured[where] * share[:, None]]),
    )
