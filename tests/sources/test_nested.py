"""Values of any type as text that says exactly them."""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import DataError
from attribution.sources.nested import array_of, text_leaves, text_of

SHANGHAI = dt.timezone(dt.timedelta(hours=8))
NOON = dt.datetime(2026, 11, 11, 12, 0, 0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("", None),
        (" x ", " x "),
        (True, "true"),
        (2**70, str(2**70)),
        (12.0, "12"),
        (19.9, "19.9"),
        (-0.00001, "-0.00001"),
        (999_999_999_999_999.0, "999999999999999"),
        (7.312345678901234e18, "7.312345678901234E+18"),
        (1e15, "1E+15"),
        (float("nan"), None),
        (float("inf"), "inf"),
        (Decimal("1.50"), "1.50"),
        (Decimal("1E+3"), "1000"),
        (Decimal("NaN"), "NaN"),
        (NOON, "2026-11-11 12:00:00"),
        (NOON.replace(tzinfo=SHANGHAI), "2026-11-11 12:00:00+08:00"),
        (NOON.date(), "2026-11-11"),
        (b"x", "x"),
        (b"\xff\x00", "ff00"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ],
)
def test_single_values(value, text):
    assert text_of(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_float_is_the_float(value):
    text = text_of(value)
    assert float(text) == value
    assert ("E" in text) == (abs(value) >= 1e15)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([2**62, None, -1]), [str(2**62), None, "-1"]),
        (pa.array([2**64 - 1], pa.uint64()), [str(2**64 - 1)]),
        (pa.array([Decimal("1.50"), Decimal("-0.01")]), ["1.50", "-0.01"]),
        (pa.array([Decimal(10**37 + 1)], pa.decimal256(60, 2)), [f"1{'0' * 36}1.00"]),
        (pa.array(["a", "", None]), ["a", None, None]),
        (pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        (pa.array(["x"], pa.string_view()), ["x"]),
        (pa.array([True, None]), [True, None]),
        (pa.array([1.5, float("nan"), None]), [1.5, None, None]),
        (pa.array([19.9], pa.float32()), [19.9]),
        (pa.nulls(2), [None, None]),
        (pa.array([NOON]), ["2026-11-11 12:00:00"]),
        (pa.array([NOON.replace(microsecond=250_000)]), ["2026-11-11 12:00:00.250"]),
        (pa.array([1], pa.timestamp("ns")), ["1970-01-01 00:00:00.000000001"]),
        (pa.array([NOON], pa.timestamp("us", "Asia/Shanghai")), ["2026-11-11 12:00:00Z"]),
        (pa.array([NOON.date()]), ["2026-11-11"]),
        (pa.array([dt.time(9, 30)], pa.time32("s")), ["09:30:00"]),
        (pa.array([b"abc", b""], pa.binary()), ["abc", None]),
        (pa.array([b"\xff\x01", None, b"\xa0"], pa.binary()), ["ff01", None, "a0"]),
        (pa.array([b"\xff\x01", b"ab", b"\xa0"], pa.binary())[1:], ["6162", "a0"]),
        (pa.array([b"ab", b"cd"], pa.binary(2))[1:], ["6364"]),
        (pa.array([uuid.UUID(int=1).bytes], pa.uuid()), [str(uuid.UUID(int=1))]),
        (pa.array([{}, {}]), [None, None]),
        (pa.array([{"n": 1, "f": 0.5}, None]), [{"n": "1", "f": 0.5}, None]),
        (pa.array([[1, 2], None, [], [3]])[1:], [None, [], ["3"]]),
        (pa.array([[None, None], []]), [[None, None], []]),
        (pa.array([{"a": [None, None]}]), [{"a": [None, None]}]),
        (pa.array([[1], [2]], pa.large_list(pa.int64())), [["1"], ["2"]]),
        (pa.array([[1, 2]], pa.list_(pa.int8(), 2)), [["1", "2"]]),
        (
            pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
            [[{"key": "k", "value": "1"}], None],
        ),
        (
            pa.array([{"a": [{"b": 1}, None]}, {"a": None}, None])[1:],
            [{"a": None}, None],
        ),
    ],
)
def test_arrow_types(array, expected):
    found = text_leaves(array)
    found.validate(full=True)
    assert found.to_pylist() == expected


def test_a_type_without_exact_text_is_refused():
    array = pa.array([pa.MonthDayNano([1, 2, 3])])
    with pytest.raises(DataError) as caught:
        text_leaves(array)
    assert "month_day_nano" in caught.value.found


LEAVES = st.none() | st.booleans() | st.text(max_size=3)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)


def leaves(value, path=()):
    """Return every single value that says something, with its path and as text."""
    if isinstance(value, dict):
        return [leaf for name, each in value.items() for leaf in leaves(each, (*path, name))]
    if isinstance(value, list):
        return [leaf for i, each in enumerate(value) for leaf in leaves(each, (*path, i))]
    return [] if value in (None, "") else [(path, text_of(value))]


@given(st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3), max_size=8))
def test_mixed_values_keep_every_leaf_or_do_not_fit(values):
    array, unfit = array_of(values)
    assert len(array) == len(values)
    for place, (value, back) in enumerate(zip(values, array.to_pylist(), strict=True)):
        if place not in unfit:
            assert sorted(leaves(back)) == sorted(leaves(value))


def test_a_field_of_bools_and_texts_is_text():
    array, unfit = array_of([{"a": True}, {"a": "x"}, {"a": None}])
    assert (array.to_pylist(), unfit) == ([{"a": "true"}, {"a": "x"}, {"a": None}], {})


def test_empty_values_of_another_kind_are_null():
    values = [{"a": {"b": "1"}}, {"a": ""}, {"a": []}, {"a": {}}, {"c": [["1"]]}, {"c": ""}]
    array, unfit = array_of(values)
    assert not unfit
    assert [each["a"] for each in array.to_pylist()] == [{"b": "1"}, *[None] * 5]


def test_what_does_not_fit_is_named_by_its_path_without_its_digits():
    values = [{"m": {"13800138000": ["x"]}}, {"m": {"13800138000": "secret"}}]
    array, unfit = array_of(values)
    assert array.to_pylist()[1] is None
    assert unfit == {1: "a single value in m.99999999999, where others have a list"}


def test_half_an_emoji_does_not_cost_the_record():
    array, unfit = array_of([{"nick": "ok\ud83d"}, {"nick": "抖"}])
    assert (array.to_pylist(), unfit) == ([{"nick": "ok\ufffd"}, {"nick": "抖"}], {})


KINDS = {
    "an object": {"x": "1"},
    "a list": ["1"],
    "a single value": "1",
}


@pytest.mark.parametrize("odd", KINDS)
@pytest.mark.parametrize("usual", KINDS)
@pytest.mark.parametrize("place", [0, 500, 1000])
def test_one_odd_value_costs_only_its_own_row(usual, odd, place):
    if usual == odd:
        return
    values = [{"id": KINDS[usual], "n": str(i)} for i in range(1000)]
    values.insert(place, {"id": KINDS[odd], "n": "odd"})
    array, unfit = array_of(values)
    assert unfit == {place: f"{odd} in id, where others have {usual}"}
    kept = [each for each in array.to_pylist() if each is not None]
    assert kept == [each for each in values if each["n"] != "odd"]


@pytest.mark.parametrize("odd", [True, False, 1.5])
def test_a_bool_or_number_among_objects_is_the_odd_one(odd):
    _, unfit = array_of([{"a": odd}, {"a": {"b": "1"}}, {"a": {"b": "2"}}])
    assert unfit == {0: "a single value in a, where others have an object"}
    array, unfit = array_of([{"a": {"b": "1"}}, {"a": odd}, {"a": odd}])
    assert unfit == {0: "an object in a, where others have a single value"}
    assert [each and each["a"] for each in array.to_pylist()] == [None, odd, odd]


def test_odd_values_of_several_fields_cost_their_rows():
    values = [{"a": "1", "b": ["1"], "c": {"d": "1"}} for _ in range(9)]
    values[2] = {"a": ["1"], "b": ["1"], "c": {"d": "1"}}
    values[4] = {"a": "1", "b": "1", "c": {"d": {"e": "1"}}}
    values[8] = {"a": "1", "b": ["1"], "c": ["1"]}
    array, unfit = array_of(values)
    assert list(unfit) == [2, 4, 8]
    assert sum(each == values[0] for each in array.to_pylist()) == 6


def test_a_long_list_counts_as_one_record():
    values = [{"l": [{"x": ["1"]}] * 50}, {"l": [{"x": "1"}]}, {"l": [{"x": "2"}]}]
    assert array_of(values)[1] == {0: "a list in l[].x, where others have a single value"}


@pytest.mark.parametrize(
    ("first", "second", "wins"),
    [
        ("an object", "a single value", "an object"),
        ("a single value", "a list", "a list"),
        ("an object", "a list", "an object"),
    ],
)
def test_of_as_many_the_same_kind_wins_in_any_order(first, second, wins):
    values = [{"a": KINDS[first]}, {"a": KINDS[second]}]
    for order in (values, values[::-1]):
        array, unfit = array_of(order)
        assert [each and each["a"] for each in array.to_pylist()].count(KINDS[wins]) == 1
        assert [order[place]["a"] == KINDS[wins] for place in unfit] == [False]


@given(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=30))
def test_what_most_have_is_what_stays(kinds):
    array, unfit = array_of([{"a": KINDS[kind]} for kind in kinds])
    most = max(map(kinds.count, kinds))
    assert len(kinds) - len(unfit) == most
    assert len({kinds[place] for place in range(len(kinds)) if place not in unfit}) == 1
    assert len(array) == len(kinds)
