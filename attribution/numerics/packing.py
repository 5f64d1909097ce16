"""Ragged sequences of small integers as one integer each, and sums by such keys.

A sequence of codes below `symbols` is read as the digits code + 1 of a number of `width` digits,
with zeros past its end. So keys sort as sequences do, letter by letter, whatever the width and
however many symbols there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.numerics.sequences import offsets_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

__all__ = [
    "Keyed",
    "Places",
    "counted",
    "fits",
    "pack",
    "places",
    "run_keys",
    "totals",
    "unpack",
]

_LARGEST = 1 << 62
_DIRECT = 1 << 25


class Keyed(NamedTuple):
    """Keys, (n,), and what each counts in one or more columns: (n,) weights, or None for 1."""

    keys: Ints
    columns: Sequence[Floats | None]


def fits(symbols: int, width: int) -> bool:
    """Whether sequences of at most `width` codes fit into one integer."""
    return bool((symbols + 1) ** width < _LARGEST)


def pack(offsets: Ints, codes: NDArray[np.integer], symbols: int, width: int) -> Ints:
    """Return (n,) the key of each sequence, none of which is longer than `width`."""
    lengths = np.diff(offsets)
    return run_keys(codes.astype(np.int64) + 1, offsets[:-1], lengths, symbols, width)


def run_keys(digits: Ints, at: Ints, lengths: Ints, symbols: int, width: int) -> Ints:
    """Return (n,) the keys of runs of at most `width` digits: where they begin, how long they are.

    Digits are codes + 1.
    """
    keys = np.zeros(len(at), np.int64)
    shortest, longest = int(lengths.min(initial=width)), int(lengths.max(initial=0))
    for place in range(longest):
        keys *= symbols + 1
        if place < shortest:
            keys += digits[at + place]
        else:
            inside = np.minimum(at + place, len(digits) - 1)
            keys += np.where(place < lengths, digits[inside], 0)
    keys *= (symbols + 1) ** (width - longest)
    return keys


def unpack(keys: Ints, symbols: int, width: int) -> tuple[Ints, NDArray[np.int32]]:
    """Return the sequences of keys: offsets (n + 1,) and codes."""
    digits = np.empty((len(keys), width), np.int32)
    rest = keys
    for place in reversed(range(width)):
        above = rest // (symbols + 1)
        digits[:, place] = rest - above * (symbols + 1)
        rest = above
    used = digits > 0
    return offsets_of(used.sum(axis=1)), digits[used] - np.int32(1)


def counted(keys: Ints) -> Keyed:
    """Return the distinct keys, in order, and how often each occurs."""
    keys = np.sort(keys)
    starts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
    often = np.diff(np.append(starts, len(keys))).astype(float)
    return Keyed(keys[starts], [often])


class Places(NamedTuple):
    """Where keys stand among `size` places; the place of a key is itself where `keys` is None."""

    places: Sequence[Ints]
    size: int
    keys: Ints | None

    def keys_at(self, places: Ints) -> Ints:
        """Return the keys that stand at these places."""
        return places if self.keys is None else self.keys[places]


def places(arrays: Sequence[Ints], limit: int) -> Places:
    """Return a place for each of several arrays' keys below `limit`: in order, one for equal keys.

    What is in order already, such as the keys of a sum, is only merged.
    """
    if limit <= min(4 * sum(len(each) for each in arrays), _DIRECT):
        return Places(arrays, limit, None)
    together = np.concatenate(arrays)
    order = np.argsort(together, kind="stable")
    together = together[order]
    fresh = np.append(True, together[1:] != together[:-1])[: len(together)]
    place = np.empty(len(order), np.int64)
    place[order] = np.cumsum(fresh) - 1
    keys = together[fresh]
    bounds = np.cumsum([len(each) for each in arrays])
    return Places(np.split(place, bounds[:-1]), len(keys), keys)


def totals(kinds: Sequence[Keyed], limit: int) -> tuple[Ints, Floats]:
    """Sum by key; each kind has the next columns for its own.

    Parameters
    ----------
    kinds
        Keys below `limit`, and their columns, c in all.

    Returns
    -------
    keys
        (m,) distinct keys, sorted, without those whose sums are all zero.
    sums
        (m, c).
    """
    found = places([kind.keys for kind in kinds], limit)
    table = np.empty((sum(len(kind.columns) for kind in kinds), found.size))
    row = 0
    for kind, place in zip(kinds, found.places, strict=True):
        for weights in kind.columns:
            table[row] = np.bincount(place, weights, minlength=found.size)
            row += 1
    kept = np.flatnonzero((table != 0).any(axis=0))
    return found.keys_at(kept), np.ascontiguousarray(table[:, kept].T)
