"""Which touchpoints an order takes, against a loop over people written from the definition."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.journeys import Journeys
from tests.strategies import examples

START = 1_767_225_600_000  # 2026-01-01
SAME_PLACE = ("session_id", "content_id", "streamer_id")


class Touch(NamedTuple):
    person: str
    at: int
    channel: str
    event_id: int
    event: str = "view"
    session_id: str | None = None
    order_id: str | None = None  # of the order whose source it is, where that is known


class Order(NamedTuple):
    order_id: str
    person: str | None
    at: int
    value: int


class Made(NamedTuple):
    """One journey as the definition has it; touchpoints as (event_id, age)."""

    order_id: str | None
    touchpoints: tuple[tuple[int, int], ...]
    closed_at: int
    open: bool
    value: int


def naive(touches, orders, *, lookback, expiry, same_visit, reuse, as_of, places):
    """Assemble one person at a time; times are small whole numbers."""
    instants = [row.at for row in (*touches, *orders)]
    as_of = max(instants, default=0) if as_of is None else as_of
    touches = [t for t in touches if t.at <= as_of]
    orders = [o for o in orders if o.at <= as_of]
    made = [
        Made(order.order_id, (), order.at, False, order.value)
        for order in orders
        if order.person is None
    ]
    for person in {row.person for row in (*touches, *orders)} - {None}:
        own = [t for t in touches if t.person == person]
        own_orders = sorted((o for o in orders if o.person == person), key=lambda o: o.at)
        made += one_person(own, own_orders, lookback, expiry, same_visit, reuse, as_of, places)
    return sorted(made, key=str)


def one_person(touches, orders, lookback, expiry, same_visit, reuse, as_of, places):
    touches = sorted(touches, key=lambda t: (t.at, t.event_id))
    exposures = [t for t in touches if t.event != "order_source"]
    visits = []
    for order in orders:
        if not visits or order.at - visits[-1][0].at > same_visit:
            visits.append([])
        visits[-1].append(order)
    made, taken = [], set()
    for i, visit in enumerate(visits):
        consumed = visits[i - 1][-1].at if i and not reuse else None
        for order in visit:
            mine = [
                t
                for t in exposures
                if t.at <= order.at
                and order.at - t.at <= lookback
                and (consumed is None or t.at > consumed)
            ]
            taken |= {t.event_id for t in mine}
            evidence = [
                t
                for t in touches
                if t.event == "order_source"
                and t.at == order.at
                and (consumed is None or t.at > consumed)
                and t.order_id in {None, order.order_id}
                and not any(refines(t, m, places) for m in mine)
            ]
            path = sorted([*mine, *evidence], key=lambda t: (t.at, t.event_id))
            made.append(
                Made(
                    order.order_id,
                    tuple((t.event_id, order.at - t.at) for t in path),
                    order.at,
                    False,
                    order.value,
                )
            )
    group = []
    for touch in [t for t in exposures if t.event_id not in taken] + [None]:
        if group and (
            touch is None
            or touch.at - group[-1].at > expiry
            or any(group[-1].at <= o.at < touch.at for o in orders)
        ):
            end = group[-1].at + expiry
            closed = min(end, as_of)
            made.append(
                Made(
                    None, tuple((t.event_id, closed - t.at) for t in group), closed, end > as_of, 0
                )
            )
            group = []
        if touch is not None:
            group.append(touch)
    return made


def refines(evidence, touch, places):
    """Tell whether a touchpoint already stands for the source that an order states."""
    if not places or evidence.session_id is None:
        return evidence.channel == touch.channel
    return evidence.session_id == touch.session_id


def assembled(touches, orders, *, places, kind=pd.DataFrame, ids=str, event_ids=True, **options):
    """Return what the package makes of the same rows."""

    def people(rows):
        return [None if r.person is None else ids(r.person) for r in rows]

    touch_frame = {
        "person": people(touches),
        "at": np.array([START + t.at for t in touches], np.int64),
        "channel": [t.channel for t in touches],
        "number": np.array([t.event_id for t in touches], np.int64),
    }
    if event_ids:
        touch_frame["event_id"] = [f"{t.event_id:06d}" for t in touches]
    if any(t.event == "order_source" for t in touches):
        touch_frame["event"] = [t.event for t in touches]
        touch_frame["order_id"] = [t.order_id for t in touches]
    if places:
        touch_frame["session_id"] = [t.session_id for t in touches]
    order_frame = {
        "order_id": [o.order_id for o in orders],
        "person": people(orders),
        "at": np.array([START + o.at for o in orders], np.int64),
        "value": np.array([o.value for o in orders], float),
    }
    if kind is pd.DataFrame and ids is int:
        # pandas has whole numbers with gaps, too
        order_frame["person"] = pd.array(order_frame["person"], dtype="Int64")
    durations = {
        k: pd.Timedelta(options.pop(k), "ms")
        for k in ("lookback", "expiry", "same_visit")
        if k in options
    }
    as_of = options.pop("as_of", None)
    return Journeys.from_touchpoints(
        kind(touch_frame),
        kind(order_frame),
        columns=["number"],
        as_of=None if as_of is None else pd.Timestamp(START + as_of, unit="ms", tz="UTC"),
        **durations,
        **options,
    )


def listed(journeys):
    """Return the journeys as the naive loop writes them."""
    made = []
    for i, (a, b) in enumerate(zip(journeys.offsets[:-1], journeys.offsets[1:], strict=True)):
        converted = bool(journeys.conversions[i])
        assert journeys.conversions[i] + journeys.nulls[i] == 1
        assert converted == (journeys.order_id[i] is not None)
        made.append(
            Made(
                journeys.order_id[i],
                tuple(
                    zip(
                        journeys.touch["number"][a:b].tolist(),
                        journeys.ages[a:b].tolist(),
                        strict=True,
                    )
                ),
                int(journeys.closed_at[i]) - START,
                bool(journeys.open[i]),
                int(journeys.values["value"][i]),
            )
        )
    return sorted(made, key=str)


@st.composite
def world(draw, evidence=False):
    """Few people, and times so few that ties and boundaries are the rule."""
    people = [str(n) for n in range(draw(st.integers(1, 3)))]
    latest = draw(st.integers(1, 24))
    touches = [
        Touch(
            draw(st.sampled_from(people)),
            draw(st.integers(0, latest)),
            draw(st.sampled_from(["live", "video", "ads"])),
            number,
            session_id=draw(st.sampled_from([None, "s1", "s2"])) if evidence else None,
        )
        for number in draw(st.permutations(range(draw(st.integers(0, 14)))))
    ]
    orders = [
        Order(
            f"o{i}",
            draw(st.sampled_from([*people, *people, None])),
            draw(st.integers(0, latest)),
            draw(st.integers(0, 9)),
        )
        for i in range(draw(st.integers(0, 6)))
    ]
    if evidence:
        sources = draw(
            st.lists(st.sampled_from([o for o in orders if o.person]), max_size=4)
            if any(o.person for o in orders)
            else st.just([])
        )
        stray = draw(
            st.lists(st.tuples(st.sampled_from(people), st.integers(0, latest)), max_size=2)
        )
        sources += [Order("", person, at, 0) for person, at in stray]
        touches += [
            Touch(
                o.person,
                o.at,
                draw(st.sampled_from(["live", "ads"])),
                100 + i,
                "order_source",
                draw(st.sampled_from([None, "s1", "s2"])),
                draw(st.sampled_from([None, o.order_id or "unknown", "o0"])),
            )
            for i, o in enumerate(sources)
        ]
    options = {
        "lookback": draw(st.integers(0, 12)),
        "expiry": draw(st.integers(0, 8)),
        "same_visit": draw(st.integers(0, 4)),
        "reuse": draw(st.booleans()),
        "as_of": draw(st.none() | st.integers(0, 30)),
        "places": draw(st.booleans()) if evidence else False,
    }
    return touches, orders, options


class TestNaiveLoop:
    @examples(400)
    @given(world())
    def test_equals_it(self, given_world):
        touches, orders, options = given_world
        assert listed(assembled(touches, orders, **options)) == naive(touches, orders, **options)

    @examples(300)
    @given(world(evidence=True))
    def test_equals_it_with_evidence(self, given_world):
        touches, orders, options = given_world
        assert listed(assembled(touches, orders, **options)) == naive(touches, orders, **options)

    @examples(60)
    @given(world(), st.sampled_from([pl.DataFrame, pa.table]), st.sampled_from([str, int]))
    def test_of_every_kind_of_frame_and_person(self, given_world, kind, ids):
        touches, orders, options = given_world
        found = assembled(touches, orders, kind=kind, ids=ids, **options)
        assert listed(found) == naive(touches, orders, **options)

    @examples(60)
    @given(world())
    def test_without_event_ids_ties_stay_in_the_order_of_the_rows(self, given_world):
        touches, orders, options = given_world
        numbered = [t._replace(event_id=i) for i, t in enumerate(touches)]
        found = assembled(numbered, orders, event_ids=False, **options)
        assert listed(found) == naive(numbered, orders, **options)

    @examples(60)
    @given(world(), st.randoms(use_true_random=False))
    def test_order_of_rows_does_not_matter(self, given_world, random):
        touches, orders, options = given_world
        before = listed(assembled(touches, orders, **options))
        touches, orders = list(touches), list(orders)
        random.shuffle(touches)
        random.shuffle(orders)
        assert listed(assembled(touches, orders, **options)) == before


OPTIONS = {"lookback": 10, "expiry": 10, "same_visit": 2, "reuse": False, "places": False}


def made(touches, orders, **options):
    """Return {order_id: event ids} of a small case; None for journeys without an order."""
    numbered = [Touch("p", at, "live", i) for i, at in enumerate(touches)]
    placed = [Order(f"o{i}", "p", at, 1) for i, at in enumerate(orders)]
    journeys = assembled(numbered, placed, **(OPTIONS | options))
    found = {}
    for journey in listed(journeys):
        found.setdefault(journey.order_id, []).append([number for number, _ in journey.touchpoints])
    return found


class TestRules:
    def test_lookback_includes_its_boundary(self):
        assert made([0], [10])["o0"] == [[0]]
        assert made([0], [11])["o0"] == [[]]

    def test_a_touchpoint_at_the_time_of_the_order_belongs_to_it(self):
        assert made([5], [5])["o0"] == [[0]]

    def test_a_touchpoint_at_the_time_of_the_earlier_order_does_not_belong_to_the_next(self):
        assert made([5, 6], [5, 9]) == {"o0": [[0]], "o1": [[1]]}

    def test_an_earlier_visit_consumes_its_touchpoints(self):
        assert made([0, 4], [1, 5]) == {"o0": [[0]], "o1": [[1]]}

    def test_unless_they_may_be_used_again(self):
        assert made([0, 4], [1, 5], reuse=True) == {"o0": [[0]], "o1": [[0, 1]]}

    def test_orders_of_one_visit_share(self):
        assert made([0], [1, 3]) == {"o0": [[0]], "o1": [[0]]}

    def test_a_visit_is_measured_from_its_first_order(self):
        # 3 lies 2 after 1, but 5 lies 4 after 1: a new visit, and 0 is consumed up to 3.
        assert made([0, 2], [1, 3, 5]) == {"o0": [[0]], "o1": [[0, 1]], "o2": [[]]}

    def test_no_visits(self):
        assert made([0], [1, 3], same_visit=0) == {"o0": [[0]], "o1": [[]]}

    def test_an_order_before_every_touchpoint_is_unattributed(self):
        assert made([5, 6], [1]) == {"o0": [[]], None: [[0, 1]]}

    def test_a_gap_equal_to_expiry_does_not_cut(self):
        assert made([0, 10], []) == {None: [[0, 1]]}
        assert made([0, 11], []) == {None: [[0], [1]]}

    def test_an_order_cuts_what_did_not_lead_to_it(self):
        # 0 is too old for the order at 5, 6 comes after it.
        assert made([0, 6], [5], lookback=3) == {"o0": [[]], None: [[0], [1]]}

    def test_a_journey_that_has_not_expired_is_open(self):
        touches = [Touch("p", 0, "live", 0), Touch("q", 11, "live", 1)]
        journeys = assembled(touches, [], **OPTIONS)
        assert listed(journeys) == [
            Made(None, ((0, 10),), 10, False, 0),
            Made(None, ((1, 0),), 11, True, 0),
        ]

    def test_rows_after_as_of_are_left_out_and_counted(self):
        touches = [Touch("p", 0, "live", 0), Touch("p", 9, "live", 1)]
        journeys = assembled(touches, [Order("o", "p", 8, 1)], as_of=5, **OPTIONS)
        assert listed(journeys) == [Made(None, ((0, 5),), 5, True, 0)]
        assert [(note.kind.value, note.count) for note in journeys.notes] == [("after_as_of", 2)]

    def test_orders_without_a_person_never_share(self):
        orders = [Order("o1", None, 1, 5), Order("o2", None, 1, 6), Order("o3", "p", 1, 7)]
        journeys = assembled([Touch("p", 0, "live", 0)], orders, **OPTIONS)
        assert {j.order_id: len(j.touchpoints) for j in listed(journeys)} == {
            "o1": 0,
            "o2": 0,
            "o3": 1,
        }
        assert [(n.kind.value, n.count) for n in journeys.notes] == [("orders_without_person", 2)]

    def test_default_windows(self):
        day = 86_400_000
        touches = [Touch("p", 0, "live", 0), Touch("q", 0, "live", 1)]
        orders = [Order("o1", "p", 30 * day, 1), Order("o2", "q", 30 * day + 1, 1)]
        journeys = assembled(touches, orders, places=False)
        assert {j.order_id: len(j.touchpoints) for j in listed(journeys)} == {
            None: 1,
            "o1": 1,
            "o2": 0,
        }


class TestEvidence:
    def one(self, source, *, session="s1", **options):
        touches = [
            Touch("p", 0, "live", 0, session_id="s1"),
            Touch("p", 5, source, 1, "order_source", session),
        ]
        return assembled(touches, [Order("o", "p", 5, 1)], **(OPTIONS | options))

    def test_of_the_same_room_only_refines(self):
        assert len(self.one("ads", places=True).codes) == 1

    def test_of_the_same_channel_refines_where_no_place_is_known(self):
        assert len(self.one("live").codes) == 1

    def test_of_another_room_becomes_a_touchpoint(self):
        journeys = self.one("ads", session="s2", places=True)
        assert journeys.evidence.tolist() == [False, True]
        assert journeys.ages.tolist() == [5, 0]
        assert journeys.observed.codes.tolist() == [journeys.channels.index("live")]

    def test_alone_leaves_the_order_unattributed_for_models_of_exposure(self):
        touches = [Touch("p", 5, "ads", 1, "order_source")]
        journeys = assembled(touches, [Order("o", "p", 5, 1)], **OPTIONS)
        assert journeys.lengths.tolist() == [1]
        assert journeys.observed.lengths.tolist() == [0]

    def test_without_its_order_is_unused(self):
        touches = [Touch("p", 0, "live", 0), Touch("p", 4, "ads", 1, "order_source")]
        journeys = assembled(touches, [Order("o", "p", 5, 1)], **OPTIONS)
        assert listed(journeys) == [Made("o", ((0, 5),), 5, False, 1)]
        assert [(n.kind.value, n.count) for n in journeys.notes] == [("evidence_unused", 1)]


class TestBlocks:
    def journeys(self, people, ids=str, kind=pd.DataFrame):
        touches = [Touch(p, i, "live", i) for i, p in enumerate(people)]
        return assembled(
            touches,
            [Order(f"o{p}", p, 50, 1) for p in set(people)],
            ids=ids,
            kind=kind,
            **(OPTIONS | {"lookback": 100}),
        )

    def by_order(self, journeys):
        return dict(zip(journeys.order_id, journeys.block.tolist(), strict=True))

    def test_are_those_of_the_person_in_whatever_batch(self):
        people = [str(n) for n in range(200)]
        whole = self.by_order(self.journeys(people))
        part = self.by_order(self.journeys(people[50:60]))
        assert part == {order: whole[order] for order in part}
        assert set(whole.values()) <= set(range(64))
        assert len(set(whole.values())) > 50

    def test_are_the_same_for_numbers_and_text(self):
        people = [str(n) for n in range(1_000, 1_050)]
        expected = self.by_order(self.journeys(people))
        for kind in (pd.DataFrame, pl.DataFrame, pa.table):
            assert self.by_order(self.journeys(people, ids=int, kind=kind)) == expected

    def test_are_the_same_in_every_process(self):
        # Worked out once; a change would make old tallies by block meaningless.
        found = self.by_order(self.journeys(["1", "2", "张三"]))
        assert found == {"o1": found["o1"], "o2": found["o2"], "o张三": found["o张三"]}
        assert [found["o1"], found["o2"], found["o张三"]] == [14, 48, 17]


@pytest.mark.slow
def test_many_rows_equal_the_naive_loop():
    rng = np.random.default_rng(0)
    touches = [
        Touch(str(p), int(t), "live", i)
        for i, (p, t) in enumerate(
            zip(rng.integers(0, 400, 20_000), rng.integers(0, 5_000, 20_000), strict=True)
        )
    ]
    orders = [
        Order(f"o{i}", str(p), int(t), 1)
        for i, (p, t) in enumerate(
            zip(rng.integers(0, 400, 4_000), rng.integers(0, 5_000, 4_000), strict=True)
        )
    ]
    options = {
        "lookback": 700,
        "expiry": 200,
        "same_visit": 40,
        "reuse": False,
        "as_of": None,
        "places": False,
    }
    assert listed(assembled(touches, orders, **options)) == naive(touches, orders, **options)
