"""Frames of touchpoints and orders to the fields of journeys, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from attribution.columns import days_of
from attribution.journeys.rows import Orders, People, Touchpoints, as_of_ms, people
from attribution.journeys.touchpoints import already_said, assemble
from attribution.journeys.watch import (
    NEVER,
    first_touchpoints,
    others,
    watch,
    windows_of_touched,
)
from attribution.notes import Note, NoteKind
from attribution.numerics import sequences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.journeys.touchpoints import Assembly
    from attribution.journeys.watch import Watch

__all__ = ["Windows", "fields_of_rows"]


class Windows(NamedTuple):
    """Which touchpoints an order takes; durations in milliseconds."""

    lookback: int
    expiry: int
    same_visit: int
    reuse: bool


def fields_of_rows(
    touch: Touchpoints,
    order: Orders,
    watched: People | None,
    windows: Windows,
    tz: str,
    as_of: str | pd.Timestamp | None,
) -> dict[str, Any]:
    """Return the fields of the journeys that these touchpoints and orders make.

    Parameters
    ----------
    touch, order, watched
        Every row, checked; `watched` is None where nobody has said who was under observation.
    windows
        Which touchpoints an order takes.
    tz
        Of days, and of times written without a zone.
    as_of
        Rows after this instant are left out; the latest instant in the data if not given.
    """
    limit = as_of_ms(as_of, tz, touch, order, watched)
    touch_rows, order_rows = np.flatnonzero(touch.at <= limit), np.flatnonzero(order.at <= limit)
    known = [touch.person.take(touch_rows), order.person.take(order_rows)]
    code, block = people(*known, *([watched.person] if watched else []))
    of_touch, of_orders, of_people = np.split(code, np.cumsum([len(each) for each in known]))
    made = assemble(
        of_touch,
        touch.at[touch_rows],
        touch.tie[touch_rows],
        of_orders,
        order.at[order_rows],
        exposure=~touch.evidence[touch_rows],
        as_of=limit,
        **windows._asdict(),
    )
    if watched:
        made = _with_untouched(made, of_people, np.minimum(watched.end, limit), len(block))
    zoneless = int(touch.naive[touch_rows].sum() + order.naive[order_rows].sum())
    zoneless += int(watched.naive.sum()) if watched else 0
    left_out = len(touch.at) + len(order.at) - len(touch_rows) - len(order_rows)
    notes = [
        Note(NoteKind.WITHOUT_ZONE, zoneless, tz),
        Note(NoteKind.AFTER_AS_OF, left_out, _iso(limit, tz)),
    ]
    has_order = made.order >= 0
    of_order = order_rows[made.order[has_order]]
    labels, unlisted = _labels_of_people(watched, of_people, made.person, len(block))
    nobody = int(order.nobody[order_rows].sum())
    notes += [
        Note(NoteKind.ORDERS_WITHOUT_PERSON, nobody),
        Note(NoteKind.UNLISTED_PEOPLE, max(unlisted - nobody, 0)),
    ]

    def from_orders(column: NDArray[Any], missing: Any) -> NDArray[Any]:
        out = np.full(len(has_order), missing, dtype=np.result_type(column, type(missing)))
        out[has_order] = column[of_order]
        return out

    taken = touch_rows[made.touch]
    order_id = from_orders(order.order_id, None)
    if touch.evidence.any():
        keep, used = _settled(touch, taken, made, order_id)
        unused = int(touch.evidence[touch_rows].sum()) - used
        notes.append(Note(NoteKind.EVIDENCE_UNUSED, unused))
        lengths = np.bincount(_journeys(made)[keep], minlength=len(has_order))
        offsets, taken, ages = sequences.offsets_of(lengths), taken[keep], made.ages[keep]
    else:
        offsets, ages = made.offsets, made.ages
    # An order's day, or the last touchpoint's: that does not move with `as_of`.
    ended = made.closed_at.copy()
    free = np.flatnonzero(~has_order & (np.diff(made.offsets) > 0))
    ended[free] -= made.ages[made.offsets[1:][free] - 1]
    when = _watch(made, touch.evidence[touch_rows], watched, of_people, len(block), limit)
    return {
        "channels": touch.channels,
        "offsets": offsets,
        "codes": touch.code[taken],
        "ages": ages,
        "touch": {name: column[taken] for name, column in touch.carried.items()},
        "evidence": touch.evidence[taken] if touch.evidence.any() else None,
        "conversions": has_order.astype(np.int64),
        "nulls": (~has_order).astype(np.int64),
        "values": {name: from_orders(column, 0.0) for name, column in order.values.items()},
        "block": block[made.person],
        "closed_at": made.closed_at,
        "day": days_of(ended, tz),
        "order_id": order_id,
        "open": made.open,
        "segments": {name: from_orders(column, None) for name, column in order.segments.items()}
        | labels,
        **({} if windows.reuse else when._asdict()),
        "lookback": windows.lookback,
        "notes": tuple(note for note in notes if note.count),
    }


def _with_untouched(
    made: Assembly, of_people: NDArray[np.int64], end: NDArray[np.int64], people: int
) -> Assembly:
    """Return the journeys and one more for each person who was watched and has none."""
    idle = np.flatnonzero(np.bincount(made.person, minlength=people)[of_people] == 0)
    none = np.full(len(idle), -1)
    return made._replace(
        offsets=np.append(made.offsets, np.repeat(made.offsets[-1], len(idle))),
        order=np.append(made.order, none),
        person=np.append(made.person, of_people[idle]),
        closed_at=np.append(made.closed_at, end[idle]),
        open=np.append(made.open, none >= 0),
    )


def _labels_of_people(
    watched: People | None,
    of_people: NDArray[np.int64],
    person: NDArray[np.int64],
    people: int,
) -> tuple[dict[str, NDArray[Any]], int]:
    """Return what is known of each journey's person, and how many persons nobody has listed."""
    if watched is None:
        return {}, 0
    row = np.full(people, -1)
    row[of_people] = np.arange(len(of_people))
    place = row[person]
    labels = {}
    for name, column in watched.labels.items():
        out = np.full(len(person), None, dtype=object)
        out[place >= 0] = column[place[place >= 0]]
        labels[name] = out
    return labels, int((row < 0).sum())


def _watch(
    made: Assembly,
    evidence: NDArray[np.bool_],
    watched: People | None,
    of_people: NDArray[np.int64],
    people: int,
    limit: int,
) -> Watch:
    """Return when each journey's person was watched: as stated, else from his first touchpoint."""
    seen = np.flatnonzero(~evidence[made.touch])
    offsets = sequences.offsets_of(
        np.bincount(_journeys(made)[seen], minlength=len(made.order)).astype(np.int64)
    )
    first, touched = first_touchpoints(offsets, made.closed_at, made.ages[seen])
    start, end = windows_of_touched(made.person, first, touched, people, limit)
    counts = touched
    if watched:
        start[of_people], end[of_people] = watched.start, np.minimum(watched.end, limit)
        late = start > end  # watched only after the time of reading
        start[late], end[late] = NEVER, NEVER
        listed = np.zeros(people, bool)
        listed[of_people] = True
        counts = touched | listed[made.person]
    ordered = made.order >= 0
    among = others(made.person, made.closed_at, ordered)
    return watch(made.closed_at, ordered, start[made.person], end[made.person], counts, among)


def _journeys(made: Assembly) -> NDArray[np.int64]:
    return np.repeat(np.arange(len(made.order)), np.diff(made.offsets))


def _settled(
    touch: Touchpoints,
    taken: NDArray[np.int64],
    made: Assembly,
    order_id: NDArray[np.object_],
) -> tuple[NDArray[np.int64], int]:
    """Return which of the taken touchpoints stay, and how much evidence was of use.

    An order's evidence of its source stays only where no touchpoint already says as much.
    """
    journey, evidence = _journeys(made), touch.evidence[taken]
    own = evidence & (made.ages == 0) & (made.order >= 0)[journey]
    if touch.stated_order is not None:
        stated = touch.stated_order[taken]
        own &= pd.isna(stated) | (stated == order_id[journey])
    places = [pd.factorize(place[taken])[0].astype(np.int64) for place in touch.places.values()]
    known = already_said(evidence, journey, touch.code[taken].astype(np.int64), places)
    return np.flatnonzero(~evidence | (own & ~known)), len(np.unique(taken[own]))


def _iso(ms: int, tz: str) -> str:
    return pd.Timestamp(ms, unit="ms", tz="UTC").tz_convert(tz).isoformat()
