"""Rows with the constants that stand in for fields they lack, and conditions on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.mapping.source_path import Rows, SourcePath
from attribution.mapping.transforms import cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from attribution.mapping.blocks import Condition

__all__ = ["View", "flags"]


@dataclass(frozen=True)
class View:
    """Rows, and the constants that stand in for fields they lack."""

    rows: Rows
    values: dict[str, str]

    def leaf(self, paths: Sequence[SourcePath]) -> pa.Array | None:
        """Return the value of each row at the first path that exists, (n,)."""
        for path in paths:
            found = self.rows.leaf(path)
            if found is not None:
                return found
        for path in paths:
            if path.text in self.values:
                return pa.repeat(pa.scalar(self.values[path.text]), self.rows.count)
        return None

    def holds(self, test: Condition) -> NDArray[np.bool_]:
        """Return the rows for which a condition holds, (n,)."""
        leaf = self.leaf(test.paths)
        if leaf is None:
            empty = "" in test.among or (bool(test.not_among) and "" not in test.not_among)
            return np.full(self.rows.count, empty)
        found = pc.fill_null(cells(leaf), "")
        if test.contains:
            hits = np.zeros(self.rows.count, bool)
            for part in test.contains:
                hits |= flags(pc.match_substring(found, part))
            return hits
        listed = test.among or test.not_among
        among = flags(pc.is_in(found, pa.array(listed, pa.string())))
        return among if test.among else ~among

    def where(self, test: Condition | None, leaf: pa.Array) -> pa.Array:
        """Return a field with null in the rows for which a condition does not hold."""
        if test is None:
            return leaf
        return leaf.take(pa.array(np.arange(len(leaf)), mask=~self.holds(test)))


def flags(array: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    """Return booleans (n,), null as false."""
    filled = pc.fill_null(array, False)
    if isinstance(filled, pa.ChunkedArray):
        return np.asarray(filled.to_numpy(), bool)
    return np.asarray(filled.to_numpy(zero_copy_only=False), bool)
