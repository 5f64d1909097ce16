"""The Tally: a model's sums over journeys, which add, subtract and scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.errors import ModelError
from attribution.numerics import sequences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.journeys import Journeys

__all__ = ["Tally", "tally_rows", "tally_weights"]

_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class Tally:
    """Sums keyed by sequences of channels; a vector space.

    The key says what a model counts: one channel (heuristics), a run of channels (Markov), a set
    of channels (Shapley). The empty key holds what no touchpoint is known for.

    Attributes
    ----------
    channels
        Every channel the journeys know, sorted, whether credited or not.
    columns
        Names of the sums. The model's measures are among them (`measures`).
    offsets, codes
        (m + 1,) and (K,): the m distinct keys as sequences of channel codes.
    sums
        (m, c) float64, exact for whole numbers below 2^53, so that integer tallies agree bit for
        bit whatever the batches, their order or the engine.
    measures
        The columns that are credited: conversions, value, further money.
    """

    channels: tuple[str, ...]
    columns: tuple[str, ...]
    measures: tuple[str, ...]
    offsets: NDArray[np.int64]
    codes: NDArray[np.int32]
    sums: NDArray[np.float64]

    def __post_init__(self) -> None:
        for name in ("offsets", "codes", "sums"):
            view = getattr(self, name).view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    def __reduce__(self) -> tuple[Any, ...]:
        return Tally, (
            self.channels,
            self.columns,
            self.measures,
            self.offsets,
            self.codes,
            self.sums,
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __add__(self, other: Tally) -> Tally:
        if (self.columns, self.measures) != (other.columns, other.measures):
            raise ModelError(
                f"Tallies of {self.columns} and {other.columns} do not add: they come from "
                "different models or different money columns."
            )
        channels = tuple(sorted({*self.channels, *other.channels}))
        parts = [part._recoded(channels) for part in (self, other)]
        return tally_rows(
            channels,
            self.columns,
            self.measures,
            sequences.offsets_of(np.concatenate([np.diff(self.offsets), np.diff(other.offsets)])),
            np.concatenate(parts),
            np.concatenate([self.sums, other.sums]),
        )

    def __mul__(self, factor: float) -> Tally:
        sums = self.sums * factor
        kept = (sums != 0).any(axis=1)
        offsets, where = sequences.take(self.offsets, np.flatnonzero(kept))
        return Tally(
            self.channels, self.columns, self.measures, offsets, self.codes[where], sums[kept]
        )

    __rmul__ = __mul__

    def __neg__(self) -> Tally:
        return self * -1.0

    def __sub__(self, other: Tally) -> Tally:
        return self + -other

    def __radd__(self, other: int) -> Tally:
        """Let `sum(tallies)` work: it begins with 0."""
        if other != 0:
            return NotImplemented
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tally):
            return NotImplemented
        return (
            self.channels == other.channels
            and self.columns == other.columns
            and np.array_equal(self.offsets, other.offsets)
            and np.array_equal(self.codes, other.codes)
            and np.array_equal(self.sums, other.sums)
        )

    __hash__ = None  # type: ignore[assignment]

    def column(self, name: str) -> NDArray[np.float64]:
        """Return one column of sums, (m,)."""
        return self.sums[:, self.columns.index(name)]

    @property
    def measured(self) -> NDArray[np.float64]:
        """(m, measures) the columns to credit."""
        return self.sums[:, [self.columns.index(name) for name in self.measures]]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(m,) how many channels each key has."""
        return np.diff(self.offsets)

    @property
    def unattributed(self) -> NDArray[np.float64]:
        """(measures,) what the empty key holds."""
        return np.asarray(self.measured[self.lengths == 0].sum(axis=0))

    def by_channel(self) -> NDArray[np.float64]:
        """Return (channels, measures): the sums of keys of one channel."""
        single = self.lengths == 1
        out = np.zeros((len(self.channels), len(self.measures)))
        out[self.codes[self.offsets[:-1][single]]] = self.measured[single]
        return out

    def frame(self) -> pd.DataFrame:
        """Return one row per key, as a tuple of channel names, with its sums."""
        keys = [
            tuple(self.channels[code] for code in self.codes[a:b])
            for a, b in zip(self.offsets[:-1], self.offsets[1:], strict=True)
        ]
        return pd.DataFrame(
            self.sums,
            index=pd.Index(keys, name="key", tupleize_cols=False),
            columns=list(self.columns),
        )

    def _recoded(self, channels: tuple[str, ...]) -> NDArray[np.int32]:
        place = {name: code for code, name in enumerate(channels)}
        recode = np.array([place[name] for name in self.channels], dtype=np.int32)
        return recode[self.codes] if len(self.codes) else self.codes


def tally_rows(
    channels: tuple[str, ...],
    columns: tuple[str, ...],
    measures: tuple[str, ...],
    offsets: NDArray[np.int64],
    codes: NDArray[np.integer],
    amounts: NDArray[np.float64],
) -> Tally:
    """Sum rows of amounts (n, c) by their key; keys whose sums are all zero are dropped.

    Where fractions cancel, what rounding leaves of them counts as zero.
    """
    first, inverse = sequences.group(offsets, codes)
    sums = sequences.sum_by(inverse, amounts, len(first))
    if (amounts < 0).any():
        size = sequences.sum_by(inverse, np.abs(amounts), len(first))
        sums[(np.abs(sums) <= _ROUNDING * size) & (sums != np.rint(sums))] = 0.0
    kept = (sums != 0).any(axis=1)
    key_offsets, where = sequences.take(offsets, first[kept])
    return Tally(
        channels, columns, measures, key_offsets, codes[where].astype(np.int32), sums[kept]
    )


def tally_weights(journeys: Journeys, weights: NDArray[np.float64]) -> Tally:
    """Tally each journey's measures over its touchpoints by weight.

    `weights` (T,) need not sum to one within a journey: each is divided by the journey's sum. A
    journey whose weights are all zero is left unattributed.
    """
    n = len(journeys.channels)
    rows = journeys.rows
    total = np.bincount(rows, weights=weights, minlength=len(journeys))
    amounts = journeys.amounts()
    unattributed = total <= 0
    share = np.divide(weights, total[rows], out=np.zeros(len(rows)), where=total[rows] > 0)
    credited = np.empty((n + 1, amounts.shape[1]))
    for measure in range(amounts.shape[1]):
        credited[:n, measure] = np.bincount(
            journeys.codes, weights=share * amounts[rows, measure], minlength=n
        )
    credited[n] = amounts[unattributed].sum(axis=0)
    kept = np.flatnonzero((credited != 0).any(axis=1))
    # Keys must stand in one canonical order, so the n + 1 rows pass through the same door.
    lengths = (kept < n).astype(np.int64)
    return tally_rows(
        journeys.channels,
        journeys.measures,
        journeys.measures,
        sequences.offsets_of(lengths),
        kept[kept < n],
        credited[kept],
    )
