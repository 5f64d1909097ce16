"""Where sequences of small integers stand in a table of distinct ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attribution.numerics import packing, sequences

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    Ragged = tuple[NDArray[np.int64], NDArray[np.integer]]

__all__ = ["places"]


def places(table: Ragged, wanted: Iterable[Ragged], symbols: int) -> Iterator[NDArray[np.int64]]:
    """Yield, for each batch of wanted sequences, the index of every one of them in the table.

    Parameters
    ----------
    table, wanted
        Ragged sequences (offsets, codes) of codes below `symbols`; the table's are distinct, and
        every wanted sequence is in it.
    """
    width = int(np.diff(table[0]).max(initial=0))
    if not packing.fits(symbols, width):
        yield from (_by_group(table, each) for each in wanted)
        return
    keys = packing.pack(*table, symbols, width)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    for each in wanted:
        yield order[np.searchsorted(keys, packing.pack(*each, symbols, width))]


def _by_group(table: Ragged, wanted: Ragged) -> NDArray[np.int64]:
    offsets = np.concatenate([table[0], table[0][-1] + wanted[0][1:]])
    first, inverse = sequences.group(offsets, np.concatenate([table[1], wanted[1]]))
    return first[inverse[len(table[0]) - 1 :]]
