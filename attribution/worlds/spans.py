"""Spans of people's time in which something happens at some rate, and keys of their instants."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.numerics import sequences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.worlds.rhythm import Rhythm

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

__all__ = ["Spans", "cut", "key", "points", "ranges"]

# Instants of a world lie between 0 and this many milliseconds, about 139 years.
_STRIDE = np.int64(2**42)


class Spans(NamedTuple):
    """Spans of time: whose, from when to when, and the factor on a rhythm meanwhile; each (m,)."""

    person: Ints
    start: Ints
    end: Ints
    factor: Floats

    def means(self, rhythm: Rhythm) -> Floats:
        """Return (m,) the expected points in each span."""
        return np.asarray(self.factor * (rhythm.by(self.end) - rhythm.by(self.start)))


def key(person: Ints, at: Ints) -> Ints:
    """Return one number that orders instants by person, then by time."""
    return person * _STRIDE + at


def points(rng: np.random.Generator, cells: Ints, spans: Spans, rhythm: Rhythm) -> Ints:
    """Return an instant for each point that fell in a span, by the rhythm within it."""
    begin, end = rhythm.by(spans.start[cells]), rhythm.by(spans.end[cells])
    at = rhythm.when(begin + rng.random(len(cells)) * (end - begin))
    return np.clip(at, spans.start[cells], spans.end[cells] - 1)


def ranges(first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """Return every number of each range and the range it is of: [2, 4) gives 2, 3."""
    lengths = np.maximum(last - first, 0)
    offsets = sequences.offsets_of(lengths)
    row = np.repeat(np.arange(len(first)), lengths)
    return np.arange(offsets[-1]) - offsets[row] + first[row], row


def cut(spans: Spans, keys: Ints) -> tuple[Spans, Ints]:
    """Cut spans at the instants of their person that lie within them.

    Parameters
    ----------
    keys
        (T,) `key` of the instants, rising.

    Returns
    -------
    The pieces, and the span each was cut from.
    """
    first = np.searchsorted(keys, key(spans.person, spans.start), side="right")
    last = np.searchsorted(keys, key(spans.person, spans.end), side="left")
    inner, of = ranges(first, last)
    row = np.concatenate([np.arange(len(spans.person)), of])
    start = np.concatenate([spans.start, keys[inner] % _STRIDE])
    order = np.lexsort((start, row))
    row, start = row[order], start[order]
    closing = np.append(row[1:] != row[:-1], True)[: len(row)]
    end = np.where(closing, spans.end[row], np.append(start[1:], 0)[: len(row)])
    return Spans(spans.person[row], start, end, spans.factor[row]), row
