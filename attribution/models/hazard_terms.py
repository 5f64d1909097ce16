"""What a touchpoint adds to the rate of orders: a term for its channel, its repeats, its pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.errors import ModelError
from attribution.numerics import sequences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

__all__ = ["PLAIN", "REPEAT", "Terms", "followers", "touch_terms"]

# The second number of a term: none, a repeat of the channel, else a channel that came before.
PLAIN, REPEAT = -1, -2
_MOST_PAIRED = 62  # channels that fit into the bits of one integer
_LAGS = 50  # touchpoints looked back for what leads to what


class Terms(NamedTuple):
    """Terms by number: the channel, and what the second number of each says.

    Attributes
    ----------
    one, other
        (terms,) see `PLAIN`, `REPEAT`.
    """

    one: Ints
    other: Ints

    def places(self, one: Ints, other: Ints) -> Ints:
        """Return the number of each of these terms, -1 where there is none."""
        keys = _key(self.one, self.other)
        order = np.argsort(keys)
        wanted = _key(one, other)
        if not len(keys):
            return np.full(len(wanted), -1)
        at = np.minimum(np.searchsorted(keys[order], wanted), len(keys) - 1)
        return np.asarray(np.where(keys[order][at] == wanted, order[at], -1))


def _key(one: Ints, other: Ints) -> Ints:
    return np.asarray(one * (1 << 21) + other + 2, dtype=np.int64)


def touch_terms(
    offsets: Ints, codes: NDArray[np.integer], symbols: int, *, repeats: bool, pairs: bool
) -> tuple[Ints, Ints, Ints]:
    """Return the terms of touchpoints: which touchpoint, and the two numbers of its term.

    Every touchpoint has a term of its channel; with `repeats`, the channel's first in a journey
    and those after it have different ones; with `pairs`, there is one more for each other channel
    that came before it in the journey. What counts is known when the touchpoint happens.

    Raises
    ------
    ModelError
        For pairs of more channels than can be told apart at once.
    """
    where: Ints = np.arange(len(codes))
    one: Ints = codes.astype(np.int64)
    other: Ints = np.full(len(codes), PLAIN)
    if repeats:
        pair = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets)) * symbols + codes
        _, first = np.unique(pair, return_index=True)
        other = np.full(len(codes), REPEAT)
        other[first] = PLAIN
    if not pairs:
        return where, one, other
    if symbols > _MOST_PAIRED:
        raise ModelError(
            f"Hazard(pairs=True) tells up to {_MOST_PAIRED} channels apart, and there are "
            f"{symbols}: roll them up to a coarser level first, such as platform and form."
        )
    seen = _seen_before(offsets, one)
    before = seen[:, None] >> np.arange(symbols) & 1
    before[np.arange(len(codes)), codes] = 0
    at, partner = np.nonzero(before)
    return (
        np.concatenate([where, at]),
        np.concatenate([one, one[at]]),
        np.concatenate([other, partner]),
    )


def _seen_before(offsets: Ints, codes: Ints) -> Ints:
    """Return (T,) the channels of the journey before each touchpoint, as bits."""
    position = sequences.positions(offsets)
    seen = np.int64(1) << codes
    step = 1
    while step <= position.max(initial=0):  # seen holds the last `step` touchpoints
        joined = seen.copy()
        joined[step:] |= np.where(position[step:] >= step, seen[:-step], 0)
        seen, step = joined, 2 * step
    out = np.zeros_like(seen)
    out[1:] = np.where(position[1:] > 0, seen[:-1], 0)
    return out


def followers(
    offsets: Ints, codes: NDArray[np.integer], ages: Ints, within: int
) -> tuple[Ints, Ints, Ints]:
    """Return pairs of touchpoints of different channels: journey, earlier and later channel.

    The later one comes at most `within` milliseconds after the earlier, and is one of the 50 next.
    """
    codes = codes.astype(np.int64)
    row = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    found = []
    for lag in range(1, _LAGS + 1):
        near = (row[lag:] == row[:-lag]) & (ages[:-lag] - ages[lag:] <= within)
        if not near.any():
            break
        at = np.flatnonzero(near & (codes[lag:] != codes[:-lag]))
        found.append((row[at], codes[at], codes[at + lag]))
    if not found:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    journey, earlier, later = zip(*found, strict=True)
    return np.concatenate(journey), np.concatenate(earlier), np.concatenate(later)
