"""Rows of journeys, as the steps make them on any engine, to the value that models read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.assemble.watched import labels_of, watch_of
from attribution.columns import days_of
from attribution.journeys import Journeys
from attribution.journeys.definition import MONEY
from attribution.journeys.watch import NEVER
from attribution.names import VALUE
from attribution.numerics import sequences
from attribution.numerics.hashing import blocks, by_hash_and_time, hash_texts
from attribution.store.channels import names_an_offer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from attribution.assemble.watched import Listed
    from attribution.journeys.definition import JourneyDefinition

__all__ = ["channel_table", "journeys_of"]

_NONE = -(2**31)  # a day, or an instant, that is none
_EVER = 1 << 52  # milliseconds


def channel_table(definition: JourneyDefinition, channels: Sequence[str]) -> pa.Table:
    """Return the relation `channel_names`: code, name, look-back, `explained`.

    The look-back is none where none is given; `explained` is whether the name ends in what was
    being explained, as names of sessions do at the level of offers.
    """
    return pa.table(
        {
            "channel": pa.array(range(len(channels)), pa.int32()),
            "name": pa.array(channels, pa.string()),
            "lookback_ms": pa.array(definition.channel_lookbacks(channels), pa.int64()),
            "explained": pa.array(map(names_an_offer, channels), pa.bool_()),
        }
    )


def journeys_of(
    table: pa.Table,
    channels: Sequence[str],
    definition: JourneyDefinition,
    tz: str,
    as_of: int | None = None,
    listed: Listed | None = None,
) -> Journeys:
    """Return the journeys in the relation `journeys`, or in any rows of it.

    The order of the rows does not matter: journeys are put in one that depends on them alone, by
    person and by closing.

    Parameters
    ----------
    table
        As the steps make it.
    channels
        Every channel, sorted; the codes of touchpoints are indexes into it.
    definition
        As the steps had it.
    tz
        Time zone of days.
    as_of
        UTC milliseconds: the end of observation. If None, journeys do not say when people were
        watched; nor do they where orders reuse touchpoints, whose action would count twice. All of
        a person's journeys must be among the rows, unless these are of `watched_journeys`.
    listed
        Who was watched when, see `with_untouched`; None where nobody has said so.
    """
    lengths, touches = _touches(table["touches"])
    closed = _numbers(table["closed_at_ms"], np.int64)
    order_id = table["order_id"]
    has_order = order_id.is_valid().to_numpy()
    person = _hashes(_owners(table["person"], order_id))

    offsets = sequences.offsets_of(lengths)
    at = _numbers(touches["at_ms"], np.int64)
    some = np.flatnonzero(lengths > 0)
    last = offsets[1:][some] - 1
    last_at = closed.copy()
    last_at[some] = at[last]
    day = days_of(np.where(has_order, closed, last_at), tz)
    in_session, session_day = _in_sessions(
        touches, last, closed[some], np.where(has_order[some], definition.same_visit_ms, _EVER)
    )
    day[some[in_session]] = session_day[in_session]

    first = _numbers(pc.fill_null(table["first_ms"], NEVER), np.int64)
    rows = _in_order(person, closed, order_id, first)
    watched = {}
    if as_of is not None and not definition.reuse:
        watched = watch_of(table, rows, person[rows], definition, as_of, listed)._asdict()
    stated = {} if listed is None else labels_of(person[rows], listed)
    bounds, where = sequences.take(offsets, rows)

    def of_touch(name: str) -> NDArray[Any]:
        return _plain(touches[name])[where]

    def of_journey(name: str) -> NDArray[Any]:
        return _plain(table[name])[rows]

    evidence = of_touch("evidence").astype(bool)
    labels = (*definition.segments, *(["match"] if definition.match == "halo" else []))
    carried = (
        *definition.columns,
        *(["weight"] if definition.weights else []),
        *(["lookback_ms"] if definition.lookback_by else []),
    )
    return Journeys(
        channels=tuple(channels),
        offsets=bounds,
        codes=_numbers(touches["channel"], np.int32)[where],
        conversions=has_order[rows].astype(np.int64),
        nulls=(~has_order[rows]).astype(np.int64),
        values={
            (VALUE if name == definition.value else name): of_journey(name).astype(float)
            for name in sorted(MONEY, key=lambda name: name != definition.value)
        },
        ages=(np.repeat(closed, lengths) - at)[where],
        evidence=evidence if evidence.any() else None,
        touch={name: of_touch(name) for name in carried},
        block=blocks(person)[rows],
        closed_at=closed[rows],
        day=day[rows],
        order_id=of_journey("order_id").astype(object),
        open=of_journey("open").astype(bool),
        segments={name: of_journey(name).astype(object) for name in labels} | stated,
        **watched,
        lookback=definition.longest_lookback_ms,
    )


def _in_order(
    person: NDArray[np.uint64],
    closed: NDArray[np.int64],
    order_id: pa.ChunkedArray,
    first: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the rows by person and closing; of equal times by order, those without one last."""
    rows = by_hash_and_time(person, closed)
    whose, at = person[rows], closed[rows]
    same = (whose[1:] == whose[:-1]) & (at[1:] == at[:-1])
    if not same.any():
        return rows
    tied = np.union1d(rows[1:][same], rows[:-1][same])
    rank = np.zeros(len(rows), np.int64)
    rank[tied] = pc.rank(order_id.take(tied).combine_chunks(), tiebreaker="dense").to_numpy()
    return np.lexsort((first, rank, closed, person))


def _in_sessions(
    touches: dict[str, pa.ChunkedArray],
    last: NDArray[np.int64],
    closed: NDArray[np.int64],
    lasting: NDArray[np.int64],
) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """Return which journeys end in a live session, and the day it starts on.

    That is, if the last touchpoint is in one, and the order, where there is one, comes before its
    end. Where nobody knows the end, the session goes on for `lasting` after the touchpoint.

    Parameters
    ----------
    last
        Places of the journeys' last touchpoints.
    closed
        When the journeys close.
    """
    ended = [touches[name].take(pa.array(last)) for name in ("session_day", "session_end")]
    day, end = (pc.fill_null(each, _NONE).to_numpy().astype(np.int64) for each in ended)
    at = _numbers(touches["at_ms"].take(pa.array(last)), np.int64)
    until = np.where((end == _NONE) | (lasting == _EVER), at + lasting, np.maximum(end, at))
    return (day != _NONE) & (closed <= until), day.astype(np.int32)


def _touches(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], dict[str, pa.ChunkedArray]]:
    """Return how many touchpoints each row lists, (n,), and the touchpoints' fields end to end."""
    fields = column.type.value_type
    parts = [chunk.flatten().flatten() for chunk in column.chunks]  # lists, then structs
    lengths = [
        pc.fill_null(pc.list_value_length(chunk), 0).to_numpy(zero_copy_only=False)
        for chunk in column.chunks
    ]
    touches = {
        fields.field(nth).name: pa.chunked_array(
            [part[nth] for part in parts], fields.field(nth).type
        )
        for nth in range(fields.num_fields)
    }
    return np.concatenate([np.zeros(0, np.int64), *lengths]).astype(np.int64), touches


def _owners(person: pa.ChunkedArray, order_id: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return whose journey it is: an order whose person is not known has one of its own."""
    mark, nothing = pa.scalar("\0", person.type), pa.scalar("", person.type)
    return pc.coalesce(person, pc.binary_join_element_wise(mark, order_id, nothing))


def _hashes(texts: pa.ChunkedArray) -> NDArray[np.uint64]:
    parts = [hash_texts(chunk) for chunk in texts.cast(pa.large_string()).chunks]
    return np.concatenate([np.zeros(0, np.uint64), *parts])


def _numbers(column: pa.ChunkedArray, kind: type[np.generic]) -> NDArray[Any]:
    return np.asarray(column.to_numpy(zero_copy_only=False).astype(kind))


def _plain(column: pa.ChunkedArray) -> NDArray[Any]:
    """Return a column as it is; of equal texts one object, None where there is none."""
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    nothing = pa.array([], pa.large_string())
    encoded = pa.concat_arrays([nothing, *column.cast(nothing.type).chunks]).dictionary_encode()
    names = np.array([*encoded.dictionary.to_pylist(), None], dtype=object)
    codes = pc.fill_null(encoded.indices, len(names) - 1)
    return np.asarray(names[codes.to_numpy(zero_copy_only=False)])
