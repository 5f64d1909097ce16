"""Rows as a source gives them, before any mapping: the one value all readers return."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["Broken", "RawBatch"]


@dataclass(frozen=True)
class Broken:
    """A row that could not even be read; says so without repeating what stands in it."""

    row: int
    found: str
    expected: str
    remedy: str


@dataclass(frozen=True)
class RawBatch:
    """A run of rows of one file.

    Attributes
    ----------
    table
        One column per field of the source; structs and lists where the source nests them (JSON).
        Every leaf is text exactly as it stands (numbers by their digits, never rounded; an empty
        cell is null), except `bool` and `float64` leaves: what has passed through floating point
        stays visible as such, so that an id among them can be refused.
    rows
        (n,) the number of each row in its file, from 1, without the header.
    broken
        Rows that could not be read.
    """

    table: pa.Table
    rows: NDArray[np.int64]
    broken: tuple[Broken, ...] = ()
