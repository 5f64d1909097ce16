"""The Tally: a model's sums over journeys, which add, subtract and scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar

import numpy as np
import pandas as pd

from attribution.errors import ModelError
from attribution.numerics import packing, sequences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from attribution.journeys import Journeys

__all__ = [
    "Additive",
    "RunningTally",
    "Tally",
    "sum_tallies",
    "tally_keys",
    "tally_rows",
    "tally_sets",
    "tally_weights",
]

A = TypeVar("A", bound="Additive")

_ROUNDING = 1e-12
_WAITING = 1 << 22  # rows


class Additive(Protocol):
    """A vector of sums over journeys, whatever it is that a model counts."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Every channel the journeys know, sorted."""
        ...

    @property
    def unattributed(self) -> NDArray[np.float64]:
        """(measures,) what no touchpoint is known for."""
        ...

    def plus(self, others: Sequence[Self]) -> Self:
        """Return the sum of this and others, made at once."""
        ...

    def __mul__(self, factor: float) -> Self: ...

    def __len__(self) -> int: ...


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
        return self.plus([other])

    def plus(self, others: Sequence[Tally]) -> Tally:
        """Return the sum of this tally and others, made at once.

        Raises
        ------
        ModelError
            If they are of different models or different money columns.
        """
        return _sum([self, *others])

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

    def recoded(self, channels: tuple[str, ...]) -> NDArray[np.int32]:
        """Return the codes as indexes into other channels, which hold all of these."""
        if self.channels == channels or not len(self.codes):
            return self.codes
        place = {name: code for code, name in enumerate(channels)}
        recode = np.array([place[name] for name in self.channels], dtype=np.int32)
        return recode[self.codes]


class RunningTally(Generic[A]):
    """The sum of tallies that come one after another.

    A sum is only made once enough rows wait: adding each to a growing sum would read it over and
    over.
    """

    def __init__(self) -> None:
        self._sum: list[A] = []
        self._waiting: list[A] = []
        self._rows = 0  # that wait

    def add(self, tally: A) -> None:
        """Add one more."""
        self._waiting.append(tally)
        self._rows += len(tally)
        if self._rows > max(_WAITING, *(len(each) for each in self._sum), 0):
            self._sum, self._waiting, self._rows = [self.total()], [], 0

    def total(self) -> A:
        """Return the sum so far; there must be something to add up."""
        return sum_tallies(self._sum + self._waiting)


def sum_tallies(tallies: Sequence[A]) -> A:
    """Return the sum of one or more tallies, made at once.

    Raises
    ------
    ModelError
        If they are of different models or different money columns.
    """
    return tallies[0] if len(tallies) == 1 else tallies[0].plus(tallies[1:])


def _sum(tallies: Sequence[Tally]) -> Tally:
    first = tallies[0]
    for other in tallies:
        if (first.columns, first.measures) != (other.columns, other.measures):
            raise ModelError(
                f"Tallies of {first.columns} and {other.columns} do not add: they come from "
                "different models or different money columns."
            )
    channels = first.channels
    if any(other.channels != channels for other in tallies):
        channels = tuple(sorted({name for each in tallies for name in each.channels}))
    codes = [each.recoded(channels) for each in tallies]
    width = max(int(each.lengths.max(initial=0)) for each in tallies)
    if not packing.fits(len(channels), width):
        return tally_rows(
            channels,
            first.columns,
            first.measures,
            sequences.offsets_of(np.concatenate([each.lengths for each in tallies])),
            np.concatenate(codes),
            np.concatenate([each.sums for each in tallies]),
        )
    keys = [
        packing.pack(each.offsets, code, len(channels), width)
        for each, code in zip(tallies, codes, strict=True)
    ]
    found = packing.places(keys, (len(channels) + 1) ** width)
    signed = any(float(each.sums.min(initial=0.0)) < 0 for each in tallies)
    columns = []
    for nth in range(len(first.columns)):
        parts = [each.sums[:, nth] for each in tallies]
        column = _placed(parts, found)
        if signed:
            column = _settled(column, _placed([np.abs(part) for part in parts], found))
        columns.append(column)
    some = np.zeros(found.size, bool)
    for column in columns:
        some |= column != 0
    kept = np.flatnonzero(some)
    sums = np.empty((len(kept), len(columns)))
    for nth, column in enumerate(columns):
        sums[:, nth] = column[kept]
    offsets, digits = packing.unpack(found.keys_at(kept), len(channels), width)
    return Tally(channels, first.columns, first.measures, offsets, digits, sums)


def _placed(parts: Sequence[NDArray[np.float64]], found: packing.Places) -> NDArray[np.float64]:
    """Return the sum at each place that keys have; no key stands twice in one part."""
    sums = np.zeros(found.size)
    for part, place in zip(parts, found.places, strict=True):
        sums[place] += part
    return sums


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
    width = int(np.diff(offsets).max(initial=0))
    if packing.fits(len(channels), width):
        keys = packing.pack(offsets, codes, len(channels), width)
        counted = packing.Keyed(keys, list(amounts.T))
        return tally_keys(channels, columns, measures, [counted], width)
    first, inverse = sequences.group(offsets, codes)
    sums = sequences.sum_by(inverse, amounts, len(first))
    if (amounts < 0).any():
        sums = _settled(sums, sequences.sum_by(inverse, np.abs(amounts), len(first)))
    kept = np.flatnonzero((sums != 0).any(axis=1))
    # The form of a tally follows from its keys alone: by integers where they fit, else by hash.
    left = int(np.diff(offsets)[first[kept]].max(initial=0))
    if packing.fits(len(channels), left):
        key_offsets, where = sequences.take(offsets, first[kept])
        kept = kept[np.argsort(packing.pack(key_offsets, codes[where], len(channels), left))]
    key_offsets, where = sequences.take(offsets, first[kept])
    return Tally(
        channels, columns, measures, key_offsets, codes[where].astype(np.int32), sums[kept]
    )


def tally_keys(
    channels: tuple[str, ...],
    columns: tuple[str, ...],
    measures: tuple[str, ...],
    kinds: Sequence[packing.Keyed],
    width: int,
) -> Tally:
    """Sum keys of at most `width` channels, packed into integers (see `numerics.packing`).

    Each kind has the next columns for its own.
    """
    symbols = len(channels)
    weights = [each for kind in kinds for each in kind.columns if each is not None]
    if any((each < 0).any() for each in weights):
        sizes = [
            packing.Keyed(kind.keys, [None if each is None else np.abs(each) for each in kind[1]])
            for kind in kinds
        ]
        keys, both = packing.totals([*kinds, *sizes], (symbols + 1) ** width)
        sums = _settled(both[:, : len(columns)], both[:, len(columns) :])
        kept = (sums != 0).any(axis=1)
        keys, sums = keys[kept], sums[kept]
    else:
        keys, sums = packing.totals(kinds, (symbols + 1) ** width)
    return Tally(channels, columns, measures, *packing.unpack(keys, symbols, width), sums)


def _settled(sums: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sums without what rounding has left of fractions that cancel."""
    dust = (np.abs(sums) <= _ROUNDING * sizes) & (sums != np.rint(sums))
    return np.where(dust, 0.0, sums)


def tally_weights(journeys: Journeys, weights: NDArray[np.float64]) -> Tally:
    """Tally each journey's measures over its touchpoints by weight.

    `weights` (T,) need not sum to one within a journey: each is divided by the journey's sum. A
    journey whose weights are all zero is left unattributed.
    """
    n = len(journeys.channels)
    rows, codes = journeys.rows, journeys.codes
    amounts = journeys.amounts()
    total = np.bincount(rows, weights, minlength=len(journeys))
    some = np.flatnonzero(weights != 0)
    if len(some) < len(rows):  # most rules look at few touchpoints
        rows, codes, weights = rows[some], codes[some], weights[some]
    share = weights / total[rows]
    credited = np.empty((amounts.shape[1], n + 1))
    for measure, column in enumerate(amounts.T):
        credited[measure, 0] = column[total <= 0].sum()
        credited[measure, 1:] = np.bincount(codes, share * column[rows], minlength=n)
    keys = packing.Keyed(np.arange(n + 1), list(credited))
    return tally_keys(journeys.channels, journeys.measures, journeys.measures, [keys], 1)


def tally_sets(journeys: Journeys) -> Tally:
    """Tally journeys by the set of channels they touched: column "null", then the measures.

    What an order says of its own source is no touch; the empty set is what touched no channel.
    """
    seen = journeys.observed
    keep = np.flatnonzero(seen.distinct)
    rows, codes = seen.rows[keep], seen.codes[keep]
    order = np.lexsort((codes, rows))
    offsets = sequences.offsets_of(np.bincount(rows, minlength=len(seen)))
    amounts = np.column_stack([seen.weighted_nulls(), seen.amounts()])
    return tally_rows(
        seen.channels, ("null", *seen.measures), seen.measures, offsets, codes[order], amounts
    )
