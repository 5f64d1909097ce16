"""Whole amounts split by weights, to the last unit: the method of largest remainders.

Each part gets the whole units of its quota, amount * weight / sum of weights; the units that are
left go one each to the largest remainders, the earlier part first where they tie (Hamilton's
method; Balinski & Young, Fair Representation, 1982, ch. 2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attribution.errors import ModelError
from attribution.numerics.sequences import offsets_of, positions, take

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Longs = NDArray[np.int64]

__all__ = ["split"]

_BITS = 49  # of a group's weights: their sum stays below 2^50, so that remainders are exact
_LIMIT = 2**62
_FEW = 12  # parts of a group, up to which comparing all pairs is quicker than sorting


def split(amounts: Longs, weights: Floats, offsets: Longs) -> Longs:
    """Split every amount among the parts of its group, in proportion to their weights.

    Parameters
    ----------
    amounts
        (n,) whole units, such as fen; a negative one is split as its opposite is.
    weights
        (T,) from 0 up, in any unit. Within a group they are read to 2^-49 of their sum, so whole
        numbers that sum to less are exact. Where all are 0 the parts are alike.
    offsets
        (n + 1,) the parts of amount i are `weights[offsets[i]:offsets[i + 1]]`.

    Returns
    -------
    (T,) whole units. Those of a group sum to its amount, and each is less than one unit from its
    quota.

    Raises
    ------
    ModelError
        If a weight is negative, infinite or missing, or an amount has no parts and is not 0, or
        is 2^62 or more.
    """
    amounts = np.asarray(amounts, np.int64)
    weights = np.asarray(weights, np.float64)
    offsets = np.asarray(offsets, np.int64)
    if not bool(np.all(np.isfinite(weights) & (weights >= 0))):
        raise ModelError("Weights to split by: found one that is negative or no number.")
    if bool(np.any((amounts >= _LIMIT) | (amounts <= -_LIMIT))):
        raise ModelError("An amount to split is 2^62 or more; no sum of money is.")
    lengths = np.diff(offsets)
    if bool(np.any((lengths == 0) & (amounts != 0))):
        raise ModelError("An amount to split has no parts; give it one, or leave it out.")
    parts = np.zeros(len(weights), np.int64)
    # Of a part alone and of nothing there is nothing to reckon.
    alone = lengths == 1
    parts[offsets[:-1][alone]] = amounts[alone]
    several = np.flatnonzero((lengths > 1) & (amounts != 0))
    if len(several):
        own_offsets, where = take(offsets, several)
        parts[where] = _shared(amounts[several], weights[where], own_offsets)
    return parts


def _shared(amounts: Longs, weights: Floats, offsets: Longs) -> Longs:
    """Split amounts that are not 0 among groups of two parts and more."""
    starts, lengths = offsets[:-1], np.diff(offsets)
    quotas, totals = _whole_weights(weights, starts, lengths)
    each, total = np.repeat(amounts, lengths), np.repeat(totals, lengths)
    sign = np.sign(each)
    each = np.abs(each)
    # The quotient is right to a few units, as doubles are; the remainder then is exact even though
    # both products overflow, for it stays far below 2^63 and int64 wraps around.
    parts = (each.astype(np.float64) * (quotas / total)).astype(np.int64)
    over, rest = np.divmod(each * quotas - parts * total, total)
    parts += over
    left = np.abs(amounts) - np.add.reduceat(parts, starts)
    parts += _largest(rest, left, lengths)
    return np.asarray(parts * sign, np.int64)


def _whole_weights(weights: Floats, starts: Longs, lengths: Longs) -> tuple[Longs, Longs]:
    """Return weights as whole numbers, scaled by a power of two in each group, and their sums."""
    largest = np.maximum.reduceat(weights, starts)
    weights = np.ldexp(weights, -np.repeat(np.frexp(largest)[1], lengths))
    scale = _BITS - np.frexp(np.add.reduceat(weights, starts))[1]
    whole = np.rint(np.ldexp(weights, np.repeat(scale, lengths))).astype(np.int64)
    whole[np.repeat(largest == 0, lengths)] = 1
    return whole, np.add.reduceat(whole, starts)


def _largest(rest: Longs, left: Longs, lengths: Longs) -> Longs:
    """Return 1 for the `left[i]` largest of each group, the earlier ones where they tie, else 0."""
    place = np.empty(len(rest), np.int64)
    few = lengths <= _FEW
    for chosen, placed in ((few, _places_of_few), (~few, _places_of_many)):
        offsets, where = take(offsets_of(lengths), np.flatnonzero(chosen))
        place[where] = placed(rest[where], offsets)
    return (place < np.repeat(left, lengths)).astype(np.int64)


def _places_of_few(rest: Longs, offsets: Longs) -> Longs:
    """Return each one's place in its group by size, from 0: every pair is compared."""
    place = np.zeros(len(rest), np.int64)
    behind = np.repeat(offsets[1:], np.diff(offsets)) - np.arange(len(rest)) - 1
    here, step = np.flatnonzero(behind > 0), 1
    while len(here):
        first = rest[here] >= rest[here + step]
        place[here] += ~first  # `here` holds nothing twice
        place[here + step] += first
        step += 1
        here = here[behind[here] >= step]
    return place


def _places_of_many(rest: Longs, offsets: Longs) -> Longs:
    """Return the same by sorting."""
    lengths = np.diff(offsets)
    place = np.empty(len(rest), np.int64)
    order = np.lexsort((-rest, np.repeat(np.arange(len(lengths)), lengths)))
    place[order] = positions(offsets)
    return place
