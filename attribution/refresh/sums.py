"""Sums of models that are kept: in all, by day, and by block of persons.

A partition is a tally as well: its keys begin with a name for the part, so days add, subtract and
are written like anything else. Days and blocks are two partitions; their product would be nearly
as large as the data.
"""

from __future__ import annotations

import json
import os
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from attribution.numerics import sequences
from attribution.tally import Tally, sum_tallies, tally_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from attribution.journeys import Journeys
    from attribution.model import Model

__all__ = [
    "Sums",
    "empty_like",
    "part_of",
    "parted",
    "read_tallies",
    "summed",
    "with_channels",
    "write_tallies",
]

# No channel begins so: channels' names are stripped text.
_PART = "\0"
_ROUNDING = 1e-9


class Sums(NamedTuple):
    """The tallies of some models over the same journeys; a vector space as tallies are.

    Attributes
    ----------
    totals, days, blocks
        For each model its tally, and its tally parted by day and by block, see `parted`.
    """

    totals: tuple[Tally, ...]
    days: tuple[Tally, ...]
    blocks: tuple[Tally, ...]

    def less(self, other: Sums) -> Sums:
        """Return these sums without the other."""
        return Sums(
            *(
                tuple(one - two for one, two in zip(mine, others, strict=True))
                for mine, others in zip(self, other, strict=True)
            )
        )


def summed(batches: Iterable[Journeys], models: Sequence[Model]) -> Sums:
    """Return the sums over batches of journeys, which carry day and block; one batch at least."""
    waiting: list[Sums] = []
    done: list[Sums] = []
    for batch in batches:
        waiting.append(_of_batch(batch, models))
        # Sums grow slower than batches come; adding many at once costs little more than one.
        if len(waiting) == 8:
            done, waiting = [_together([*done, *waiting])], []
    return _together([*done, *waiting])


def _of_batch(batch: Journeys, models: Sequence[Model]) -> Sums:
    if batch.day is None or batch.block is None:
        raise ValueError("journeys without day or block")
    days = _by(batch, batch.day.astype(np.int64), models)
    blocks = _by(batch, batch.block.astype(np.int64), models)
    totals = tuple(_without_part(tally) for tally in blocks)
    return Sums(totals, days, blocks)


def _by(batch: Journeys, part: NDArray[np.int64], models: Sequence[Model]) -> tuple[Tally, ...]:
    """Return each model's tally parted by a number of each journey."""
    order = np.argsort(part, kind="stable")
    names, starts = np.unique(part[order], return_index=True)
    bounds = np.append(starts, len(order)).tolist()
    slices = [batch.take(order[start:end]) for start, end in pairwise(bounds)]
    nothing = [batch.take(slice(0, 0))]  # so that columns are known where there is no journey
    return tuple(
        parted(
            {int(name): model.tally(part) for name, part in zip(names, slices, strict=True)},
            model.tally(nothing[0]),
        )
        for model in models
    )


def _together(several: Sequence[Sums]) -> Sums:
    if len(several) == 1:
        return several[0]
    return Sums(
        *(
            tuple(sum_tallies(tallies) for tallies in zip(*parts, strict=True))
            for parts in zip(*several, strict=True)
        )
    )


# ---------------------------------------------------------------------- tallies


def parted(parts: Mapping[int, Tally], like: Tally) -> Tally:
    """Return one tally of many: each key begins with a name for its part.

    Parameters
    ----------
    parts
        Tallies of one model, by the number of their part.
    like
        A tally of that model with all its channels.
    """
    names = {name for tally in (like, *parts.values()) for name in tally.channels}
    channels = tuple(sorted({*names, *map(_part_name, parts)}))
    place = {name: code for code, name in enumerate(channels)}
    lengths = [tally.lengths + 1 for tally in parts.values()]
    codes = [
        _prefixed(tally.offsets, tally.recoded(channels), place[_part_name(part)])
        for part, tally in parts.items()
    ]
    return tally_rows(
        channels,
        like.columns,
        like.measures,
        sequences.offsets_of(np.concatenate([np.zeros(0, np.int64), *lengths])),
        np.concatenate([np.zeros(0, np.int32), *codes]),
        np.concatenate([like.sums[:0], *(tally.sums for tally in parts.values())]),
    )


def part_of(tally: Tally, wanted: Sequence[int] | None = None) -> dict[int, Tally]:
    """Return the tallies of which `parted` made one: of all parts, or of those wanted."""
    heads = tally.codes[tally.offsets[:-1]] if len(tally) else np.zeros(0, np.int32)
    found = {}
    for code in np.unique(heads).tolist():
        part = int(tally.channels[code].removeprefix(_PART))
        if wanted is not None and part not in wanted:
            continue
        rows = np.flatnonzero(heads == code)
        offsets, where = sequences.take(tally.offsets, rows)
        codes, sums = tally.codes[where], tally.sums[rows]
        one = Tally(tally.channels, tally.columns, tally.measures, offsets, codes, sums)
        found[part] = _without_part(one)
    return found


def empty_like(tally: Tally) -> Tally:
    """Return the sums of no journeys, of the model of a tally, parted or not."""
    return _without_part(tally * 0.0)


def with_channels(tally: Tally, channels: tuple[str, ...]) -> Tally:
    """Return the tally as one that knows these channels and no others.

    Raises
    ------
    ValueError
        If a key of another channel holds more than rounding has left there.
    """
    if tally.channels == channels:
        return tally
    place = {name: code for code, name in enumerate(channels)}
    recode = np.array([place.get(name, -1) for name in tally.channels], np.int32)
    codes = recode[tally.codes] if len(tally.codes) else tally.codes
    lost = np.zeros(len(tally) + 1, bool)
    lost[np.repeat(np.arange(len(tally)), tally.lengths)[codes < 0]] = True
    rows = np.flatnonzero(~lost[:-1])
    size = np.abs(tally.sums).sum(axis=0)
    if (np.abs(tally.sums[lost[:-1]]) > _ROUNDING * size).any():
        raise ValueError("a key of a channel that is not among the channels")
    offsets, where = sequences.take(tally.offsets, rows)
    return tally_rows(
        channels, tally.columns, tally.measures, offsets, codes[where], tally.sums[rows]
    )


def _part_name(part: int) -> str:
    return f"{_PART}{part}"


def _prefixed(offsets: NDArray[np.int64], codes: NDArray[np.int32], head: int) -> NDArray[np.int32]:
    """Return the codes of sequences that begin with one more."""
    return np.insert(codes, offsets[:-1], head).astype(np.int32)


def _without_part(tally: Tally) -> Tally:
    """Return a parted tally summed over its parts."""
    channels = tuple(name for name in tally.channels if not name.startswith(_PART))
    tail = np.ones(len(tally.codes), bool)
    tail[tally.offsets[:-1]] = False
    # A part's name sorts before every channel.
    codes = tally.codes[tail] - (len(tally.channels) - len(channels))
    return tally_rows(
        channels,
        tally.columns,
        tally.measures,
        sequences.offsets_of(tally.lengths - 1),
        codes,
        np.array(tally.sums),
    )


# ---------------------------------------------------------------------- files


def write_tallies(file: Path, tallies: Sequence[Tally]) -> None:
    """Write tallies: one row for each key, with the number of its tally, its codes and its sums."""
    told = [
        {"channels": tally.channels, "columns": tally.columns, "measures": tally.measures}
        for tally in tallies
    ]
    schema = _ROWS.with_metadata({_TOLD: json.dumps(told)})
    with file.open("wb") as opened:
        with pa.ipc.new_file(opened, schema) as writer:
            for number, tally in enumerate(tallies):
                if len(tally):
                    writer.write_batch(_batch(number, tally))
        opened.flush()
        os.fsync(opened.fileno())


def read_tallies(file: Path) -> tuple[Tally, ...]:
    """Return the tallies that `write_tallies` wrote."""
    reader = pa.ipc.open_file(pa.memory_map(str(file)))
    batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
    rows = {batch.column("tally")[0].as_py(): batch for batch in batches}
    told = json.loads(reader.schema.metadata[_TOLD])
    return tuple(_read(each, rows.get(number)) for number, each in enumerate(told))


_TOLD = b"tallies"
_ROWS = pa.schema(
    [
        ("tally", pa.int32()),
        ("codes", pa.large_list(pa.int32())),
        ("sums", pa.large_list(pa.float64())),
    ]
)


def _batch(number: int, tally: Tally) -> pa.RecordBatch:
    bounds = np.arange(len(tally) + 1, dtype=np.int64) * len(tally.columns)
    codes = pa.array(np.ascontiguousarray(tally.codes, np.int32))
    sums = pa.array(np.ascontiguousarray(tally.sums).ravel())
    columns = [
        pa.array(np.full(len(tally), number, np.int32)),
        pa.LargeListArray.from_arrays(pa.array(tally.offsets), codes),
        pa.LargeListArray.from_arrays(pa.array(bounds), sums),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=_ROWS)


def _read(told: Mapping[str, Sequence[str]], batch: pa.RecordBatch | None) -> Tally:
    channels, columns, measures = (
        tuple(told[name]) for name in ("channels", "columns", "measures")
    )
    if batch is None:
        offsets, codes = np.zeros(1, np.int64), np.zeros(0, np.int32)
        return Tally(channels, columns, measures, offsets, codes, np.zeros((0, len(columns))))
    lists = batch.column("codes")
    return Tally(
        channels,
        columns,
        measures,
        np.asarray(lists.offsets.to_numpy()),
        np.asarray(lists.values.to_numpy()),
        np.asarray(batch.column("sums").values.to_numpy()).reshape(-1, len(columns)),
    )
