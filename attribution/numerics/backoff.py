"""The next symbol of sequences, given the last k: probabilities from other sequences.

With n(c) occurrences of a context c, t(c) of them distinct next symbols, and c' the context
without its oldest symbol,

    p(x | c) = (n(c x) + t(c) p(x | c')) / (n(c) + t(c)),

down to the empty context, whose p(x | c') is even (Witten & Bell 1991, "The zero-frequency
problem", method C, in the interpolated form of Chen & Goodman 1999, sec. 2.6). Nothing is tuned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["Steps", "highest_order", "next_logliks", "steps_of"]

_LARGEST = 2.0**62


class Steps(NamedTuple):
    """Symbols that came next, and the ones before them.

    Attributes
    ----------
    next
        (S,) the symbol.
    before
        (S, k) the last k symbols, the newest first.
    weight
        (S,) how often it counts.
    sequence
        (S,) which sequence it belongs to.
    """

    next: Ints
    before: Ints
    weight: Floats
    sequence: Ints

    def take(self, chosen: NDArray[np.bool_]) -> Steps:
        """Return the chosen steps."""
        return Steps(
            self.next[chosen], self.before[chosen], self.weight[chosen], self.sequence[chosen]
        )


def steps_of(
    offsets: Ints, codes: Ints, ends: Ints, weight: Floats, start: int, order: int
) -> Steps:
    """Return the steps of N sequences, each with its end as the last symbol.

    Parameters
    ----------
    offsets, codes
        The sequences; each begins with `start`, as often as a context asks for it.
    ends
        (N,) the symbol each ends with.
    weight
        (N,) how often each counts.
    order
        k, how many symbols before are wanted.
    """
    lengths = np.diff(offsets)
    n = len(lengths)
    width = lengths + order + 1
    bounds = np.append(0, np.cumsum(width))
    symbols = np.full(bounds[-1], start, np.int64)
    row = np.repeat(np.arange(n), lengths)
    symbols[np.arange(len(codes)) - offsets[row] + bounds[row] + order] = codes
    symbols[bounds[1:] - 1] = ends
    sequence = np.repeat(np.arange(n), lengths + 1)
    within = np.arange(len(sequence)) - np.repeat(offsets[:-1] + np.arange(n), lengths + 1)
    at = bounds[sequence] + order + within
    before = np.stack([symbols[at - 1 - back] for back in range(order)], axis=1)
    return Steps(symbols[at], before, weight[sequence], sequence)


def highest_order(symbols: int) -> int:
    """Return the longest context, with the symbol after it, that an integer can hold."""
    return max(int(np.log(_LARGEST) / np.log(max(symbols, 2))) - 1, 0)


def next_logliks(known: Steps, asked: Steps, symbols: int, possible: int) -> Floats:
    """Return (k + 1, S) the log-probability of each asked step by contexts of 0 to k symbols.

    Parameters
    ----------
    known, asked
        Steps that are counted, and steps whose probabilities are wanted.
    symbols
        Number of symbols, that of starts included.
    possible
        How many of them can come next.
    """
    order = asked.before.shape[1]
    chance = np.full(len(asked.next), 1.0 / possible)
    out = np.empty((order + 1, len(asked.next)))
    context, wanted = np.zeros(len(known.next), np.int64), np.zeros(len(asked.next), np.int64)
    for length in range(order + 1):
        if length:
            context = context * symbols + known.before[:, length - 1]
            wanted = wanted * symbols + asked.before[:, length - 1]
        pairs, place = np.unique(context * symbols + known.next, return_inverse=True)
        often = np.bincount(place, known.weight, len(pairs)).astype(float)
        contexts, place = np.unique(pairs // symbols, return_inverse=True)
        total = np.bincount(place, often, len(contexts)).astype(float)
        kinds = np.bincount(place, (often > 0).astype(float), len(contexts)).astype(float)
        n_pair = _found(pairs, often, wanted * symbols + asked.next)
        n_context, t = _found(contexts, total, wanted), _found(contexts, kinds, wanted)
        size = n_context + t
        np.divide(n_pair + t * chance, size, out=chance, where=size > 0)
        out[length] = np.log(chance)
    return out


def _found(keys: Ints, values: Floats, asked: Ints) -> Floats:
    """Return the value at each key, zero where there is none; keys ascend."""
    if not len(keys):
        return np.zeros(len(asked))
    place = np.minimum(np.searchsorted(keys, asked), len(keys) - 1)
    return np.where(keys[place] == asked, values[place], 0.0)
