"""Journeys by block of persons: the 64 parts that intervals leave out one at a time."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from attribution.errors import DataError
from attribution.journeys.batch import Journeys
from attribution.journeys.paths import sorted_channels
from attribution.names import BLOCKS
from attribution.numerics import sequences
from attribution.numerics.hashing import blocks, hash_integers, hash_texts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

__all__ = ["by_block", "join", "with_blocks"]

_GATHERED = 1 << 22  # touchpoints: cutting fewer into 64 parts costs more than counting them
_AT_ONCE = 1 << 22  # journeys hashed at a time
_MANY = 1 << 16  # journeys of one row above which their numbers per block are drawn at once
_PARTS = 1 << 16  # of a journey: a fractional count is told apart from another as far as this
_ODD = np.uint64(0x9E3779B97F4A7C15)
_KINDS = (np.uint64(0x2545F4914F6CDD1D), np.uint64(0xD6E8FEB86659FD93))  # conversions, nulls


def by_block(batches: Iterable[Journeys]) -> Iterator[tuple[int, Journeys]]:
    """Yield (block, journeys) until every journey has been given once.

    Small batches are first joined. Journeys without blocks get them by `with_blocks`, all at once:
    where equal paths stand in several batches, their journeys are numbered through.
    """
    nameless: list[Journeys] = []
    waiting: list[Journeys] = []
    for batch in batches:
        if batch.block is None:
            nameless.append(batch)
            continue
        waiting.append(batch)
        if sum(len(each.codes) + len(each) for each in waiting) >= _GATHERED:
            yield from _cut(join(waiting))
            waiting = []
    if nameless:
        waiting.append(with_blocks(join(nameless)))
    if waiting:
        yield from _cut(join(waiting))


def _cut(journeys: Journeys) -> Iterator[tuple[int, Journeys]]:
    assert journeys.block is not None  # noqa: S101
    if not len(journeys):
        yield 0, journeys
    bounds = np.append(0, np.cumsum(np.bincount(journeys.block, minlength=BLOCKS)))
    lies_in_order = bool((journeys.block[1:] >= journeys.block[:-1]).all())
    order = None if lies_in_order else np.argsort(journeys.block, kind="stable")
    for block, (first, last) in enumerate(pairwise(bounds.tolist())):
        if last == first:
            continue
        if order is not None:
            yield block, journeys.take(order[first:last])
            continue
        offsets = journeys.offsets[first : last + 1]
        touchpoints = slice(int(offsets[0]), int(offsets[-1]))
        yield block, journeys._with(offsets - offsets[0], touchpoints, slice(first, last))


def join(batches: Sequence[Journeys]) -> Journeys:
    """Return several batches as one, in their order.

    A column that only some of them have is left out, except marks of evidence and weights, where
    having none says something: no evidence, weight one.

    Raises
    ------
    DataError
        If they have different money columns or look-backs.
    """
    first = batches[0]
    if len(batches) == 1:
        return first
    for each in batches:
        if each.lookback != first.lookback:
            raise DataError(
                f"touchpoints that count for {first.lookback} ms in one batch and for "
                f"{each.lookback} ms in another",
                "the same look-back in every batch",
                "Assemble all batches with the same look-back.",
            )
        if set(each.values) != set(first.values):
            raise DataError(
                f"money columns {', '.join(first.values)} in one batch and "
                f"{', '.join(each.values)} in another",
                "the same in every batch",
                "Read all batches with the same money columns.",
            )
    channels = first.channels
    codes: list[NDArray[np.int32]] = [each.codes for each in batches]
    if any(each.channels != channels for each in batches):
        channels, _ = sorted_channels([name for each in batches for name in each.channels])
        place = {name: code for code, name in enumerate(channels)}
        codes = [
            np.array([place[name] for name in each.channels], np.int32)[each.codes]
            for each in batches
        ]

    def column(name: str) -> Any:
        parts = [getattr(each, name) for each in batches]
        return None if any(part is None for part in parts) else np.concatenate(parts)

    def columns(name: str) -> dict[str, NDArray[Any]]:
        parts = [getattr(each, name) for each in batches]
        shared = [key for key in parts[0] if all(key in part for part in parts)]
        return {key: np.concatenate([part[key] for part in parts]) for key in shared}

    def filled(name: str, size: str, value: Any) -> Any:
        parts = [getattr(each, name) for each in batches]
        if all(part is None for part in parts):
            return None
        sizes = [len(getattr(each, size)) for each in batches]
        return np.concatenate(
            [
                np.full(n, value) if part is None else part
                for part, n in zip(parts, sizes, strict=True)
            ]
        )

    return Journeys(
        channels=channels,
        offsets=sequences.offsets_of(np.concatenate([each.lengths for each in batches])),
        codes=np.concatenate(codes),
        evidence=filled("evidence", "codes", False),
        weight=filled("weight", "lengths", 1.0),
        notes=tuple(dict.fromkeys(note for each in batches for note in each.notes)),
        conversions=column("conversions"),
        nulls=column("nulls"),
        values=columns("values"),
        ages=column("ages"),
        touch=columns("touch"),
        block=column("block"),
        closed_at=column("closed_at"),
        day=column("day"),
        order_id=column("order_id"),
        open=column("open"),
        segments=columns("segments"),
        watched_from=column("watched_from"),
        watched_until=column("watched_until"),
        risk_from=column("risk_from"),
        risk_until=column("risk_until"),
        lookback=first.lookback,
    )


def with_blocks(journeys: Journeys) -> Journeys:
    """Return journeys without persons with a block each: every journey counts as one person.

    A row of path counts is spread over the blocks as independent people would be: journey j of a
    path stands in the block that a hash of the path's channel names, j, and all counts says. So
    the blocks do not depend on the order of rows, equal rows go on counting where the one before
    ended, and other counts have blocks of their own: nobody is taken to be in two periods. What
    is left of a fractional count beyond whole journeys is one more, smaller journey. Money is
    spread evenly over the conversions of its row. The rows returned stand in order of block.
    """
    keys = _path_keys(journeys)
    keys = _hashed(keys + _mark(journeys, keys))
    starts = _numbered(journeys, keys)
    found = [
        _spread(keys + salt, starts[kind], getattr(journeys, name))
        for kind, (name, salt) in enumerate(zip(("conversions", "nulls"), _KINDS, strict=True))
    ]
    money = np.zeros(len(journeys), bool)
    for column in journeys.values.values():
        money |= column != 0
    # Money without a conversion stands in a block of its own row's, at its full amount.
    alone = np.flatnonzero(money & (journeys.conversions == 0))
    at = alone * BLOCKS + _blocks_of(keys[alone])
    # Three sorted runs: a stable sort merges them.
    cells = np.sort(np.concatenate([found[0].cells, found[1].cells, at]), kind="stable")
    cells = cells[np.append(True, np.diff(cells) != 0)[: len(cells)]]
    rows = cells // BLOCKS
    converted, nulls = (part.at(cells) for part in found)
    share = np.divide(
        converted,
        journeys.conversions[rows],
        out=_Spread(at, np.ones(len(at))).at(cells),
        where=journeys.conversions[rows] != 0,
    )
    block = (cells % BLOCKS).astype(np.uint8)
    order = np.argsort(block, kind="stable")
    chosen = journeys.take(rows[order])
    return Journeys(
        channels=chosen.channels,
        offsets=chosen.offsets,
        codes=chosen.codes,
        conversions=converted[order].astype(journeys.conversions.dtype),
        nulls=nulls[order].astype(journeys.nulls.dtype),
        values={name: column * share[order] for name, column in chosen.values.items()},
        ages=chosen.ages,
        evidence=chosen.evidence,
        touch=chosen.touch,
        weight=chosen.weight,
        block=block[order],
        segments=chosen.segments,
        notes=chosen.notes,
    )


class _Spread(NamedTuple):
    """Amounts by cell, a cell being row * 64 + block; cells are sorted and distinct."""

    cells: NDArray[np.int64]
    amounts: NDArray[np.float64]

    def at(self, cells: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the amounts at cells that contain these."""
        out = np.zeros(len(cells))
        out[np.searchsorted(cells, self.cells)] = self.amounts
        return out


def _path_keys(journeys: Journeys) -> Hashes:
    """Return (n,) a hash of each journey's channel names, and of its times where it has any."""
    names = hash_texts(pa.array(journeys.channels, pa.string()))
    words = names[journeys.codes] if len(journeys.codes) else np.zeros(0, np.uint64)
    words = words + _ODD * (sequences.positions(journeys.offsets).astype(np.uint64) + np.uint64(1))
    if journeys.ages is not None:
        words = words ^ hash_integers(journeys.ages)
    running = np.append(np.uint64(0), np.cumsum(_hashed(words), dtype=np.uint64))
    sums = running[journeys.offsets[1:]] - running[journeys.offsets[:-1]]
    return _hashed(sums + journeys.lengths.astype(np.uint64))


def _mark(journeys: Journeys, keys: Hashes) -> np.uint64:
    """Return a number that all counts have in common: in any order, and however rows are split."""
    mark = 0
    for name, salt in zip(("conversions", "nulls"), _KINDS, strict=True):
        counts = np.rint(getattr(journeys, name) * _PARTS).astype(np.int64).view(np.uint64)
        mark += int((_hashed(keys + salt) * counts).sum(dtype=np.uint64))
    return np.uint64(mark % 2**64)


def _hashed(words: Hashes) -> Hashes:
    return hash_integers(words.view(np.int64))


def _blocks_of(words: Hashes) -> NDArray[np.int64]:
    return blocks(_hashed(words)).astype(np.int64)


def _numbered(journeys: Journeys, keys: Hashes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the numbers of each row's first conversion and null among those of its key."""
    ordered = np.sort(keys)
    if not (ordered[1:] == ordered[:-1]).any():
        return np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)
    columns = [journeys.conversions, journeys.nulls, *journeys.values.values()]
    weight = () if journeys.weight is None else (journeys.weight,)
    order = np.lexsort((*columns[::-1], *weight, keys))
    fresh = np.append(True, keys[order][1:] != keys[order][:-1])
    group = np.cumsum(fresh) - 1

    def starts(counts: NDArray[Any]) -> NDArray[np.int64]:
        before = sequences.offsets_of(np.ceil(counts[order]).astype(np.int64))[:-1]
        out = np.empty(len(order), np.int64)
        out[order] = before - before[fresh][group]
        return out

    return starts(journeys.conversions), starts(journeys.nulls)


def _spread(keys: Hashes, starts: NDArray[np.int64], counts: NDArray[Any]) -> _Spread:
    """Spread the journeys of each row over the blocks."""
    whole = np.floor(counts).astype(np.int64)
    many, rest = np.flatnonzero(whole > _MANY), np.flatnonzero(counts != whole)
    single = np.where(whole > _MANY, 0, whole)
    bounds = np.append(0, np.cumsum(single))
    parts = []
    for at in range(0, max(1, int(bounds[-1])), _AT_ONCE):
        first, last = np.searchsorted(bounds, (at, at + _AT_ONCE))
        rows = np.arange(first, min(last, len(single)))
        each = np.repeat(rows, single[rows])
        number = sequences.expand(starts[rows], single[rows]).astype(np.uint64)
        at_cells = each * BLOCKS + _blocks_of(keys[each] + _ODD * number)
        cells, often = np.unique(at_cells, return_counts=True)
        parts.append(_Spread(cells, often.astype(float)))
    if len(many):
        parts.append(_drawn(many, keys[many] + starts[many].astype(np.uint64), whole[many]))
    if len(rest):
        number = (starts + whole)[rest].astype(np.uint64)
        cells = rest * BLOCKS + _blocks_of(keys[rest] + _ODD * number)
        parts.append(_Spread(cells, (counts - whole)[rest].astype(float)))
    cells = np.concatenate([part.cells for part in parts])
    amounts = np.concatenate([part.amounts for part in parts])
    if not (len(many) or len(rest)):  # rows were taken in order
        return _Spread(cells, amounts)
    cells, inverse = np.unique(cells, return_inverse=True)
    return _Spread(cells, np.asarray(np.bincount(inverse, amounts, len(cells)), dtype=float))


def _drawn(rows: NDArray[np.int64], keys: Hashes, counts: NDArray[np.int64]) -> _Spread:
    """Spread many journeys at once: the normal limit of the multinomial, in whole numbers.

    With independent standard normals z, count/64 + sqrt(count/64) (z - mean z) has the means and
    covariances of the multinomial; with over a thousand a block the two are one.
    """
    from scipy.special import ndtri

    words = keys[:, None] + _ODD * np.arange(1, BLOCKS + 1, dtype=np.uint64)
    uniform = (_hashed(words.ravel()) >> np.uint64(11)).astype(float).reshape(words.shape)
    normal = ndtri((uniform + 0.5) / 2.0**53)
    normal -= normal.mean(axis=1, keepdims=True)
    mean = counts[:, None] / BLOCKS
    ends = np.rint(np.cumsum(mean + np.sqrt(mean) * normal, axis=1))
    ends[:, -1] = counts
    cells = rows[:, None] * BLOCKS + np.arange(BLOCKS)
    return _Spread(cells.ravel(), np.diff(ends, axis=1, prepend=0.0).ravel())
