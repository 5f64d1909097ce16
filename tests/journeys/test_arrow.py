"""Journeys come back from Arrow as they went."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given

from attribution.errors import DataError
from attribution.journeys import Journeys
from tests.strategies import Row, build, examples, rows

NOON = 1_760_000_000_000


def same(one: Journeys, other: Journeys) -> None:
    assert one.channels == other.channels
    arrays = ("offsets", "codes", "ages", "evidence", "conversions", "nulls", "weight", "block")
    for name in (*arrays, "closed_at", "day", "order_id", "open"):
        left, right = getattr(one, name), getattr(other, name)
        assert (left is None) == (right is None), name
        if left is not None:
            assert left.dtype == right.dtype, name
            np.testing.assert_array_equal(left, right)
    for name in ("values", "touch", "segments"):
        left, right = getattr(one, name), getattr(other, name)
        assert list(left) == list(right)
        for key in left:
            np.testing.assert_array_equal(left[key], right[key])


def store_like() -> Journeys:
    """Journeys with every column there is."""
    touchpoints = pd.DataFrame(
        {
            "person": ["x", "x", "y", "x", "z"],
            "at": [NOON, NOON + 5, NOON, NOON + 9, NOON + 7],
            "channel": ["b", "a", "c", "c", "a"],
            "event": ["click", "enter", "click", "order_source", "click"],
            "dwell": [1, 2, 3, 4, 5],
        }
    )
    orders = pd.DataFrame(
        {
            "order_id": ["1", "2", "3"],
            "person": ["x", "y", None],
            "at": [NOON + 9, NOON + 1, NOON],
            "value": [500.0, 7.0, 1.0],
            "net_fen": [400.0, 0.0, 1.0],
            "category": ["tea", None, "cup"],
        }
    )
    return Journeys.from_touchpoints(
        touchpoints,
        orders,
        columns=["event", "dwell"],
        values=["net_fen"],
        segments=["category"],
    )


@examples(40)
@given(rows())
def test_any_journeys_return(given_rows):
    journeys = build(given_rows)
    same(Journeys.from_arrow(journeys), journeys)


def test_every_column_returns():
    journeys = store_like()
    same(Journeys.from_arrow(journeys), journeys)
    assert journeys.segments["category"][2] == "cup"


def test_in_pieces_and_through_another_library():
    journeys = store_like()
    table = pa.table(journeys)
    pieces = pa.concat_tables([table.slice(0, 2), table.slice(2)])
    same(Journeys.from_arrow(pieces), journeys)
    same(Journeys.from_arrow(pl.DataFrame(journeys).select(table.column_names)), journeys)


def test_a_slice_holds_only_its_own_touchpoints():
    journeys = build([Row(("a",), 1, 0, 2.0, (0,)), Row(("b", "c"), 0, 1, 0.0, (4, 1))])
    alone = Journeys.from_arrow(pa.table(journeys).slice(1))
    assert [alone.channels[code] for code in alone.codes] == ["b", "c"]
    assert alone.offsets.tolist() == [0, 2]


def test_without_channel():
    table = pa.table(build([Row(("a",), 1, 0, 2.0, (0,))])).drop_columns(["channel"])
    with pytest.raises(DataError, match="no column 'channel'"):
        Journeys.from_arrow(table)


def test_lists_that_do_not_fit():
    table = pa.table(build([Row(("a", "b"), 1, 0, 2.0, (3, 0))]))
    place = table.column_names.index("age_ms")
    wrong = table.set_column(place, "age_ms", pa.array([[1]]))
    with pytest.raises(DataError, match="one entry for every touchpoint"):
        Journeys.from_arrow(wrong)


def lists(*names: object) -> pa.Array:
    return pa.array([*names], pa.large_list(pa.string()))


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("conversions", pa.array([1, -5]), "row 2, column 'conversions'"),
        ("nulls", pa.array([0, None]), "row 2, column 'nulls'"),
        ("value", pa.array([1.0, float("nan")]), "row 2, column 'value'"),
        ("weight", pa.array([1.0, None]), "row 2, column 'weight'"),
        ("channel", lists(["a"], ["b", None]), "row 2, column 'channel': found a touchpoint with"),
        ("channel", lists(["a", " "], []), "row 1, column 'channel': found a touchpoint without"),
        ("channel", pa.array(["a", "b"]), "column 'channel': found string values"),
        ("channel", pa.array([[1], [2]]), "column 'channel': found list<item: int64> values"),
        ("block", pa.array([0, 64]), "blocks from 0 to 64"),
    ],
)
def test_rows_that_cannot_stand_are_named(name, column, message):
    data = {
        "channel": lists(["a"], ["b"]),
        "conversions": pa.array([1, 0]),
        "nulls": pa.array([0, 1]),
        "value": pa.array([1.0, 0.0]),
    }
    assert Journeys.from_arrow(pa.table(data)).journeys == 2
    with pytest.raises(DataError, match=message):
        Journeys.from_arrow(pa.table(data | {name: column}))


def test_what_is_no_table_is_refused():
    with pytest.raises(DataError, match="Found a value of type int; expected journeys"):
        Journeys.from_arrow(5)


class TestDay:
    def test_of_an_order_and_of_a_last_touchpoint(self):
        late = pd.Timestamp("2026-11-11 23:30", tz="Asia/Shanghai").value // 1_000_000
        hour = 3_600_000
        touchpoints = pd.DataFrame(
            {"person": ["x", "y"], "at": [late, late], "channel": ["a", "b"]}
        )
        orders = pd.DataFrame(
            {"order_id": ["1"], "person": ["x"], "at": [late + hour], "value": [1.0]}
        )
        journeys = Journeys.from_touchpoints(touchpoints, orders, as_of=None)
        days = np.asarray(journeys.day, "datetime64[D]").astype(str).tolist()
        assert days == ["2026-11-12", "2026-11-11"]
        utc = Journeys.from_touchpoints(touchpoints, orders, tz="UTC")
        assert np.asarray(utc.day, "datetime64[D]").astype(str).tolist() == ["2026-11-11"] * 2

    def test_does_not_move_with_as_of(self):
        touchpoints = pd.DataFrame({"person": ["x"], "at": [NOON], "channel": ["a"]})
        orders = pd.DataFrame({"order_id": ["1"], "person": ["y"], "at": [NOON], "value": [1.0]})
        day = 86_400_000
        days = {
            int(
                Journeys.from_touchpoints(
                    touchpoints, orders.assign(at=NOON + later * day), lookback="30D"
                ).day[1]
            )
            for later in (0, 3, 40)
        }
        assert len(days) == 1
