"""Channels that seed and channels that convert: which pairs bring orders beyond chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from attribution.names import VALUE
from attribution.numerics import jackknife, packing, ratios
from attribution.tally import Tally, sum_tallies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["COLUMNS", "EXPECTED", "combinations_of"]

_AT_ONCE = 1 << 12  # pairs whose blocks are held at a time
EXPECTED = 5.0  # orders, and journeys without, that chance must promise on either side
COLUMNS = (
    "seeder",
    "converter",
    "journeys",
    "orders",
    VALUE,
    "rate",
    "base_rate",
    "lift",
    "low",
    "high",
    "p",
    "q",
    "found",
)


def combinations_of(
    pairs: Sequence[Sequence[Tally]], least: float, level: float
) -> tuple[pd.DataFrame, int]:
    """Return the tested combinations, and how many there are in all.

    Parameters
    ----------
    pairs
        For each length of journeys, the tallies of `PairSums` by block of persons; a block is all
        people of a remainder, so leaving one out leaves out whole people.
    least
        Fewest journeys with a combination that is tested.
    level
        Of the intervals; 1 - level is the share of chance findings accepted.
    """
    channels = sum_tallies([part for layer in pairs for part in layer]).channels
    layers = [_Found.of(sum_tallies(layer), channels) for layer in pairs]
    tried, support = _supported(layers, len(channels))
    seen, tried = len(tried), tried[support >= max(least, 1)]
    a, value, n, c, m = _counts(layers, tried, len(channels))
    fit = np.flatnonzero(ratios.expected_least(a, n, c, m) >= EXPECTED)
    tried, value = tried[fit], value[fit]
    counts = tuple(each[fit] for each in (a, n, c, m))
    estimate = ratios.log_ratio(*counts)
    parts = [[_Found.of(part, channels) for part in layer] for layer in pairs]
    errors = np.concatenate(
        [np.zeros(0)]
        + [
            _errors(parts, tried[at : at + _AT_ONCE], counts, at, len(channels))
            for at in range(0, len(tried), _AT_ONCE)
        ]
    )
    blocks = len(pairs[0])
    half = jackknife.half_width(errors, level, blocks)
    # Whichever doubts more: people who come again, or few orders.
    p = np.maximum(ratios.t_p(estimate, errors, blocks), ratios.layered_p(*counts))
    q = ratios.corrected(p)
    names = np.array(channels, dtype=object)
    seeder, converter = tried // (len(channels) + 1) - 1, tried % (len(channels) + 1) - 1
    journeys, orders = counts[1].sum(axis=1), counts[0].sum(axis=1)
    rate = orders / journeys
    frame = pd.DataFrame(
        {
            "seeder": pd.Series(names[seeder], dtype="str"),
            "converter": pd.Series(names[converter], dtype="str"),
            "journeys": journeys,
            "orders": orders,
            VALUE: value.sum(axis=1),
            "rate": rate,
            "base_rate": rate / np.exp(estimate),
            "lift": np.exp(estimate),
            "low": np.exp(estimate - half),
            "high": np.exp(np.minimum(estimate + half, 700.0)),
            "p": p,
            "q": q,
            "found": q <= 1.0 - level + 1e-12,
        },
        columns=list(COLUMNS),
    )
    order = np.lexsort((frame["converter"], frame["seeder"], -journeys, p))
    return frame.iloc[order].reset_index(drop=True), seen


class _Found(NamedTuple):
    """A tally of `PairSums`: its keys as integers, rising, and conversions, value, journeys."""

    keys: Ints
    sums: Floats

    @classmethod
    def of(cls, tally: Tally, channels: tuple[str, ...]) -> _Found:
        """Return the tally's keys with the codes of these channels, which hold all of its own."""
        return cls(
            packing.pack(tally.offsets, tally.recoded(channels), len(channels), 2), tally.sums
        )

    def at(self, keys: Ints) -> Floats:
        """Return (columns, keys): the sums of keys, zero where there are none."""
        if not len(self.keys):
            return np.zeros((self.sums.shape[1], len(keys)))
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[place] == keys, self.sums[place].T, 0.0)


def _supported(layers: Sequence[_Found], channels: int) -> tuple[Ints, Floats]:
    """Return the keys of all pairs that occur, and how many journeys have each."""
    two = [np.flatnonzero(each.keys % (channels + 1)) for each in layers]
    keys = [each.keys[chosen] for each, chosen in zip(layers, two, strict=True)]
    known, place = np.unique(np.concatenate(keys), return_inverse=True)
    journeys = np.concatenate(
        [each.sums[chosen, 2] for each, chosen in zip(layers, two, strict=True)]
    )
    return known, np.asarray(np.bincount(place, journeys, len(known)), dtype=float)


def _counts(layers: Sequence[_Found], pairs: Ints, channels: int) -> tuple[Floats, ...]:
    """Return (pairs, layers) each: orders, value and journeys with a pair; orders, journeys apart.

    Apart are journeys with the converter that the seeder does not come before in.
    """
    alone = pairs % (channels + 1) * (channels + 1)
    together = np.stack([each.at(pairs) for each in layers], axis=2)
    apart = np.stack([each.at(alone) for each in layers], axis=2) - together
    return (*together, apart[0], apart[2])


def _errors(
    parts: Sequence[Sequence[_Found]],
    pairs: Ints,
    counts: tuple[Floats, ...],
    first: int,
    channels: int,
) -> Floats:
    """Return (pairs,) the standard errors of the log lifts; infinite if one block holds all."""
    wholes = [each[first : first + len(pairs)] for each in counts]
    replicates = []
    for block in range(len(parts[0])):
        a, _, n, c, m = _counts([layer[block] for layer in parts], pairs, channels)
        own = (a, n, c, m)
        replicates.append(
            ratios.log_ratio(*(whole - part for whole, part in zip(wholes, own, strict=True)))
        )
    with np.errstate(invalid="ignore"):
        errors = jackknife.standard_errors(np.stack(replicates))
    return np.where(np.isfinite(errors), errors, np.inf)
