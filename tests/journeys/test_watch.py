"""When people were under observation: against plain loops, and on a grid of minutes."""

from __future__ import annotations

import pickle
from random import Random
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution import DataError, Journeys
from attribution.journeys.blocks import join
from attribution.journeys.watch import NEVER
from attribution.notes import NoteKind
from tests.strategies import examples

MINUTE = 60_000
START = pd.Timestamp("2026-01-01", tz="UTC")
ZERO = START.value // 1_000_000
COLUMNS = ("watched_from", "watched_until", "risk_from", "risk_until")

Row = dict[str, Any]


class History(NamedTuple):
    """Rows at whole minutes; how long what lasts, in minutes; people None for nobody stated."""

    touches: list[Row]
    orders: list[Row]
    people: list[Row] | None
    lookback: int
    expiry: int
    same_visit: int
    as_of: int

    def journeys(self) -> Journeys:
        people = None
        if self.people is not None:
            people = frame(self.people, "person", "start", "end", "who")
        return Journeys.from_touchpoints(
            frame(self.touches, "person", "at", "channel", "event", "event_id"),
            frame(self.orders, "order_id", "person", "at", "value"),
            lookback=f"{self.lookback}min",
            expiry=f"{self.expiry}min",
            same_visit=f"{self.same_visit}min",
            columns=["person", "event_id"],
            as_of=instant(self.as_of),
            people=people,
        )

    def windows(self) -> dict[str, tuple[int, int]]:
        """Return in which minutes each person was watched, by what is stated or was seen."""
        found: dict[str, tuple[int, int]] = {}
        for row in self.touches:
            if row["event"] != "order_source" and row["at"] <= self.as_of:
                first = min(row["at"], found.get(row["person"], (row["at"],))[0])
                found[row["person"]] = (first, self.as_of)
        for row in self.people or []:
            found.pop(row["person"], None)
            if row["start"] <= min(row["end"], self.as_of):
                found[row["person"]] = (row["start"], min(row["end"], self.as_of))
        return found


def instant(minutes: int) -> pd.Timestamp:
    return START + pd.Timedelta(minutes=minutes)


def frame(rows: list[Row], *columns: str) -> pd.DataFrame:
    """Return rows as a frame, minutes as instants."""
    data = {name: [row[name] for row in rows] for name in columns}
    for name in {"at", "start", "end"} & {*columns}:
        data[name] = pd.to_datetime([instant(each) for each in data[name]], utc=True)
    kinds = {name: "float64" if name == "value" else "str" for name in columns}
    return pd.DataFrame(data).astype(
        {n: k for n, k in kinds.items() if n not in ("at", "start", "end")}
    )


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Few people and few instants, so that equal times and shared visits are common."""
    pick = Random(draw(st.integers(0, 2**32 - 1)))
    people = ("p1", "p2", "p3", "p4")[: draw(st.integers(1, 4))]
    times = (0, 1, 3, 4, 8, 12, 13, 19, 30, 44)

    def touch(nth: int) -> Row:
        what = {
            "person": pick.choice(people),
            "at": pick.choice(times),
            "channel": pick.choice("ab"),
        }
        return what | {
            "event": pick.choice(("click", "click", "order_source")),
            "event_id": f"e{nth}",
        }

    def order(nth: int) -> Row:
        return {
            "order_id": f"o{nth}",
            "person": pick.choice(people),
            "at": pick.choice(times),
            "value": 1,
        }

    def window(person: str) -> Row:
        start = pick.choice((0, 2, 4, 9, 20, 60))
        end = start + pick.choice((0, 5, 30, 90))
        return {"person": person, "start": start, "end": end, "who": person}

    listed = [person for person in (*people, "idle") if pick.random() < 0.7]
    return History(
        [touch(nth) for nth in range(draw(st.integers(0, 9)))],
        [order(nth) for nth in range(draw(st.integers(0, 6)))],
        draw(st.sampled_from((None, [window(person) for person in listed]))),
        lookback=pick.choice((0, 2, 5, 20, 99)),
        expiry=pick.choice((0, 2, 5, 20, 99)),
        same_visit=pick.choice((0, 1, 4, 10)),
        as_of=pick.choice((13, 30, 50, 99)),
    )


def minutes(column: np.ndarray) -> list[int | None]:
    """Return instants as minutes, None for never."""
    return [None if each >= NEVER - 1 else (each - ZERO) / MINUTE for each in column.tolist()]


def owners(history: History, journeys: Journeys) -> list[str]:
    """Return whose each journey is: by its order, its touchpoints, or its label."""
    of_order = {row["order_id"]: row["person"] for row in history.orders}
    found = []
    for row in range(len(journeys)):
        touches = journeys.touch["person"][journeys.offsets[row] : journeys.offsets[row + 1]]
        if journeys.order_id[row] is not None:
            found.append(of_order[journeys.order_id[row]])
        else:
            found.append(touches[0] if len(touches) else journeys.segments["who"][row])
    return found


@given(history=histories())
@examples(150)
def test_each_journey_says_what_a_plain_loop_finds(history):
    journeys = history.journeys()
    people, windows = owners(history, journeys), history.windows()
    ordered, closed = journeys.conversions > 0, minutes(journeys.closed_at)
    evidence = (
        np.zeros(len(journeys.codes), bool) if journeys.evidence is None else journeys.evidence
    )
    listed = {row["person"] for row in history.people or []}
    expected: dict[int, tuple[Any, ...]] = {}
    for person in {*people}:
        mine = [row for row in range(len(journeys)) if people[row] == person]
        mine.sort(key=lambda row: closed[row])  # of equal times in the order they lie in
        start, end = windows.get(person, (None, None))
        at_risk, ordered_at = start, None
        for row in mine:
            own = slice(*journeys.offsets[row : row + 2])
            silent = start is None or (
                ordered[row] and person not in listed and evidence[own].all()
            )
            begins, ends = start, end
            if ordered[row] and not silent:
                begins = start if ordered_at is None else max(start, ordered_at)
                ends = min(closed[row], end)
            if silent:  # a window that holds nothing
                begins, ends = closed[row], closed[row] - 1 / MINUTE
            until = end
            if start is not None and row != mine[-1]:
                until = min(max(closed[row], start), end)
            expected[row] = (begins, ends, at_risk, until)
            at_risk = until
            ordered_at = closed[row] if ordered[row] else ordered_at
    found = list(zip(*(minutes(getattr(journeys, name)) for name in COLUMNS), strict=True))
    assert found == [expected[row] for row in range(len(journeys))]


@given(history=histories())
@examples(150)
def test_a_person_s_pieces_of_risk_add_up_to_his_time_under_observation(history):
    journeys = history.journeys()
    risk: dict[str, float] = {}
    spans = journeys.risk_until - journeys.risk_from
    assert (spans >= 0).all()
    for person, span in zip(owners(history, journeys), spans.tolist(), strict=True):
        risk[person] = risk.get(person, 0) + span / MINUTE
    # Everybody who was watched has a journey, if only an empty one.
    assert risk == {
        person: 0
        if person not in history.windows()
        else float(np.diff(history.windows()[person])[0])
        for person in {*risk, *history.windows()}
    }


def acted(history: History) -> int:
    """Return in how many minutes touchpoints acted on people under observation, minute by minute.

    A touchpoint acts until the last order that takes it, or for the look-back if none does.
    """
    exposures = [row for row in history.touches if row["event"] != "order_source"]
    total = 0
    for touch in (row for row in exposures if row["at"] <= history.as_of):
        own = sorted(
            row["at"]
            for row in history.orders
            if row["person"] == touch["person"] and row["at"] <= history.as_of
        )
        visits: list[list[int]] = []
        for at in own:
            if visits and at - visits[-1][0] <= history.same_visit:
                visits[-1].append(at)
            else:
                visits.append([at])
        coming = next((visit for visit in visits if visit[-1] >= touch["at"]), [])
        takes = [at for at in coming if 0 <= at - touch["at"] <= history.lookback]
        ends = max(takes, default=touch["at"] + history.lookback)
        start, end = history.windows().get(touch["person"], (0, 0))
        total += sum(start <= minute < end for minute in range(touch["at"], ends))
    return total


@given(history=histories())
@examples(300)
def test_no_touchpoint_acts_twice_and_none_in_vain(history):
    journeys = history.journeys().observed
    touch = journeys.closed_at[journeys.rows] - journeys.ages
    until = np.minimum(touch + journeys.lookback, journeys.watched_until[journeys.rows])
    since = np.maximum(touch, journeys.watched_from[journeys.rows])
    assert np.maximum(until - since, 0).sum() / MINUTE == acted(history)


@given(history=histories())
@examples(100)
def test_an_order_lies_between_if_its_person_was_watched_then(history):
    journeys = history.journeys()
    windows, listed = history.windows(), {row["person"] for row in history.people or []}
    lies = (journeys.watched_from <= journeys.closed_at) & (
        journeys.closed_at <= journeys.watched_until
    )
    touched = journeys.observed.lengths > 0
    for row in np.flatnonzero(journeys.conversions).tolist():
        person = owners(history, journeys)[row]
        start, end = windows.get(person, (1, 0))
        at = minutes(journeys.closed_at)[row]
        assert lies[row] == (start <= at <= end and (person in listed or touched[row]))


# ---------------------------------------------------------------------- by hand

TOUCHES = [
    {"person": "ann", "at": 5, "channel": "a", "event": "click", "event_id": "e1"},
    {"person": "bob", "at": 1, "channel": "b", "event": "click", "event_id": "e2"},
]
ORDERS = [
    {"order_id": "o1", "person": "ann", "at": 7, "value": 3},
    {"order_id": "o2", "person": "eve", "at": 8, "value": 4},
]
PEOPLE = [
    {"person": "ann", "start": 0, "end": 10, "who": "ann"},
    {"person": "cid", "start": 2, "end": 12, "who": "cid"},
]
PLAIN = History(TOUCHES, ORDERS, PEOPLE, 30, 30, 1, 10)


def test_who_was_never_touched_counts_and_labels_belong_to_people():
    journeys = PLAIN.journeys()
    rows = {who: row for row, who in enumerate(owners(PLAIN, journeys))}
    found = {
        who: [minutes(getattr(journeys, name))[row] for name in COLUMNS]
        for who, row in rows.items()
    }
    assert found["ann"] == [0, 7, 0, 10]
    assert found["bob"] == [1, 10, 1, 10]  # nobody listed him: watched since his touchpoint
    assert found["cid"] == [2, 10, 2, 10]  # until the time of reading
    assert found["eve"][2:] == [None, None]  # no touchpoint, and nobody listed her
    cid = rows["cid"]
    assert (journeys.lengths[cid], journeys.nulls[cid], journeys.conversions[cid]) == (0, 1, 0)
    assert [journeys.segments["who"][rows[who]] for who in ("ann", "bob")] == ["ann", None]
    notes = {note.kind: note.count for note in journeys.notes}
    assert notes[NoteKind.UNLISTED_PEOPLE] == 2
    assert journeys.lookback == 30 * MINUTE


def test_the_time_of_reading_is_the_latest_end_if_none_is_given():
    touches, orders = (frame(rows, *rows[0]) for rows in (TOUCHES, ORDERS))
    journeys = Journeys.from_touchpoints(touches, orders, people=frame(PEOPLE, *PEOPLE[0]))
    assert max(each for each in minutes(journeys.risk_until) if each is not None) == 12


def test_journeys_that_reuse_touchpoints_do_not_say():
    touches, orders = (frame(rows, *rows[0]) for rows in (TOUCHES, ORDERS))
    journeys = Journeys.from_touchpoints(touches, orders, reuse=True)
    assert [getattr(journeys, name) for name in COLUMNS] == [None] * 4
    assert journeys.lookback == 30 * 24 * 60 * MINUTE


def test_nobody_at_all_is_no_journey():
    none = History([], [], [], 5, 5, 1, 10).journeys()
    assert [getattr(none, name).tolist() for name in COLUMNS] == [[]] * 4
    idle = History([], [], PEOPLE, 5, 5, 1, 10).journeys()
    assert minutes(idle.risk_from) == [0, 2]


# ---------------------------------------------------------------------- what is refused


def refused(people: Any, *, match: str, **further: Any) -> DataError:
    touches, orders = (frame(rows, *rows[0]) for rows in (TOUCHES, ORDERS))
    with pytest.raises(DataError, match=match) as caught:
        Journeys.from_touchpoints(touches, orders, people=people, **further)
    assert caught.value.source == "people"
    return caught.value


def test_each_person_is_listed_once():
    error = refused(frame([*PEOPLE, PEOPLE[0]], *PEOPLE[0]), match="each person once")
    assert (error.row, error.column) == (3, "person")
    assert "from his first start to his last end" in error.remedy


def test_an_observation_ends_after_it_starts():
    people = frame([PEOPLE[0], PEOPLE[1] | {"end": 1}], *PEOPLE[0])
    error = refused(people, match="an end before the start")
    assert (error.row, error.column) == (2, "end")


def test_a_listed_person_has_a_name():
    people = frame(PEOPLE, *PEOPLE[0])
    people.loc[1, "person"] = None
    error = refused(people, match="an empty cell")
    assert (error.row, error.column) == (2, "person")


@pytest.mark.parametrize("column", ["person", "start", "end"])
def test_people_have_a_start_and_an_end(column):
    people = frame(PEOPLE, *PEOPLE[0]).drop(columns=column)
    refused(people, match=f"no column '{column}'")


def test_times_of_people_can_be_read():
    people = frame(PEOPLE, *PEOPLE[0]).astype({"start": "str"})
    people.loc[0, "start"] = "yesterday"
    error = refused(people, match="yesterday")
    assert (error.row, error.column) == (1, "start")


def test_a_label_is_of_people_or_of_orders():
    touches = frame(TOUCHES, *TOUCHES[0])
    orders = frame(ORDERS, *ORDERS[0]).assign(who="x")
    with pytest.raises(DataError, match="the label 'who' of people and of orders") as caught:
        Journeys.from_touchpoints(
            touches, orders, people=frame(PEOPLE, *PEOPLE[0]), segments=["who"]
        )
    assert caught.value.column == "who"


def test_times_of_people_without_a_zone_are_counted():
    people = frame(PEOPLE, *PEOPLE[0])
    people["start"] = people["start"].dt.tz_localize(None)
    touches, orders = (frame(rows, *rows[0]) for rows in (TOUCHES, ORDERS))
    found = Journeys.from_touchpoints(touches, orders, people=people, tz="UTC")
    assert {note.kind: note.count for note in found.notes}[NoteKind.WITHOUT_ZONE] == len(PEOPLE)
    assert minutes(found.risk_from)[0] == 0


# ---------------------------------------------------------------------- what keeps the columns


def told(journeys: Journeys) -> list[tuple[int, ...]]:
    return list(zip(*(getattr(journeys, name).tolist() for name in COLUMNS), strict=True))


@given(history=histories())
@examples(25)
def test_arrow_pickle_take_and_join_keep_them(history):
    journeys = history.journeys()
    for same in (
        Journeys.from_arrow(pa.table(journeys)),
        pickle.loads(pickle.dumps(journeys)),
        join([journeys[:2], journeys[2:]]),
        journeys.observed,
        journeys.rolled_up({"a": "b"}),
        join([journeys[:0], *journeys.slices(2)]),
    ):
        assert told(same) == told(journeys)
        assert same.lookback == journeys.lookback
    backwards = journeys.take(np.arange(len(journeys))[::-1])
    assert told(backwards) == told(journeys)[::-1]


def test_arrow_keeps_that_nobody_knows_them():
    plain = Journeys.from_paths(
        pd.DataFrame({"path": ["a"], "total_conversions": [1]}), value=None, nulls=None
    )
    again = Journeys.from_arrow(pa.table(plain))
    assert [getattr(again, name) for name in (*COLUMNS, "lookback")] == [None] * 5


def test_batches_of_different_look_backs_are_not_joined():
    one, other = PLAIN.journeys(), PLAIN._replace(lookback=31).journeys()
    with pytest.raises(DataError, match="count for 1800000 ms in one batch and for 1860000 ms"):
        join([one, other])


def test_a_column_that_one_batch_lacks_is_left_out():
    touches, orders = (frame(rows, *rows[0]) for rows in (TOUCHES, ORDERS))
    kept = {"lookback": "30min", "as_of": instant(10)}
    parts = [
        Journeys.from_touchpoints(touches, orders, reuse=each, **kept) for each in (True, False)
    ]
    assert join(parts).watched_from is None
