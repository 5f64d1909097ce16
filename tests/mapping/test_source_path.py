"""Paths into nested rows, against a naive walk over Python objects."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from attribution.mapping.source_path import (
    Each,
    Entry,
    Item,
    Match,
    Rows,
    SourcePath,
    parse_path,
    plain_text,
)

RECORDS = [
    {
        "id": "1",
        "a": {"b": "x", "list": [{"k": "1", "v": "p"}, {"k": "2", "v": "q"}]},
        "deep": [{"n": "A", "in": [{"m": "1"}, {"m": "2"}]}, {"n": "B", "in": []}],
        "words": ["u", None, "w"],
        "header": {"x-roomid": "r1"},
    },
    {"id": "2", "a": {"b": None, "list": []}, "deep": None, "words": [], "header": None},
    {
        "id": "3",
        "a": None,
        "deep": [None, {"n": "C", "in": [{"m": "3"}]}],
        "words": None,
        "header": {"x-roomid": "r3"},
    },
    {
        "id": "4",
        "a": {
            "b": "y",
            "list": [{"k": "2", "v": "s"}, {"k": "2", "v": "t"}, {"k": "1", "v": None}],
        },
        "deep": [],
        "words": ["z"],
        "header": {"x-roomid": None},
    },
]


def records(rows=RECORDS) -> Rows:
    return Rows.of(pa.Table.from_pylist(rows))


def values(rows: Rows, path: str):
    found = rows.leaf(parse_path(path))
    return None if found is None else found.to_pylist()


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("a", (Entry("a"),)),
        ("a.b", (Entry("a"), Entry("b"))),
        ("a[].b", (Entry("a"), Each(), Entry("b"))),
        ("a[0].b", (Entry("a"), Item(0), Entry("b"))),
        ("a[k=v].b", (Entry("a"), Match("k", "v"), Entry("b"))),
        ("a[k=]", (Entry("a"), Match("k", ""))),
        ("header.x-roomid", (Entry("header"), Entry("x-roomid"))),
        ("a[][0]", (Entry("a"), Each(), Item(0))),
        ("订单编号", (Entry("订单编号"),)),
        # A header's own signs.
        ("金额[元]", (Entry("金额[元]"),)),
        ("a[", (Entry("a["),)),
        ("a.", (Entry("a."),)),
        ("[]", (Entry("[]"),)),
        ("No.", (Entry("No."),)),
    ],
)
def test_paths(text, steps):
    assert parse_path(text) == SourcePath(text, steps)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("id", ["1", "2", "3", "4"]),
        ("a.b", ["x", None, None, "y"]),
        ("header.x-roomid", ["r1", None, "r3", None]),
        ("a.list[0].v", ["p", None, None, "s"]),
        ("a.list[1].v", ["q", None, None, "t"]),
        ("a.list[7].v", [None] * 4),
        ("a.list[k=2].v", ["q", None, None, "s"]),
        ("a.list[k=1].v", ["p", None, None, None]),
        ("a.list[k=9].v", [None] * 4),
        ("words[0]", ["u", None, None, "z"]),
        ("nothing", None),
        ("a.nothing", None),
        ("id.b", None),
        ("a.list[nothing=1].v", None),
        ("id[0]", None),
    ],
)
def test_a_value_of_each_record(path, expected):
    assert values(records(), path) == expected


def test_a_row_of_each_item():
    rows = records().each(parse_path("a.list[]"))
    assert rows is not None
    assert rows.record.tolist() == [0, 0, 3, 3, 3]
    assert values(rows, "a.list[].v") == ["p", "q", "s", "t", None]
    assert values(rows, "id") == ["1", "1", "4", "4", "4"]
    assert values(rows, "a.b") == ["x", "x", "y", "y", "y"]


def test_a_row_of_each_item_of_lists_of_lists():
    rows = records().each(parse_path("deep[].in[]"))
    assert rows is not None
    assert values(rows, "deep[].in[].m") == ["1", "2", "3"]
    assert values(rows, "deep[].n") == ["A", "A", "C"]
    assert values(rows, "id") == ["1", "1", "3"]


def test_a_row_of_each_word():
    rows = records().each(parse_path("words[]"))
    assert rows is not None
    assert values(rows, "words[]") == ["u", "w", "z"]


def test_rows_can_be_taken_in_any_order():
    rows = records().each(parse_path("a.list[]"))
    assert rows is not None
    taken = rows.take(np.array([4, 0, 0]))
    assert values(taken, "a.list[].v") == [None, "p", "p"]
    assert values(taken, "id") == ["4", "1", "1"]
    assert taken.record.tolist() == [3, 0, 0]


def test_a_list_that_is_not_there_makes_no_rows():
    assert records().each(parse_path("nothing[]")) is None
    empty = records([{"id": "1", "list": []}]).each(parse_path("list[]"))
    assert empty is not None
    assert empty.count == 0
    # Of an empty list nobody knows which fields its items would have.
    assert values(empty, "list[].any") == []


def test_a_single_object_is_a_list_of_one():
    rows = records([{"o": {"v": "1"}}, {"o": None}]).each(parse_path("o[]"))
    assert rows is not None
    assert values(rows, "o[].v") == ["1"]


def test_a_header_with_signs_goes_before_the_path_it_looks_like():
    table = pa.table({"a.b": ["flat"], "金额[元]": ["1"], "a": [{"b": "nested"}]})
    assert values(Rows.of(table), "a.b") == ["flat"]
    assert values(Rows.of(table), "金额[元]") == ["1"]


def test_slices_and_chunks_are_read_like_the_whole():
    table = pa.Table.from_pylist(RECORDS)
    parts = pa.concat_tables([table.slice(1, 2), table.slice(3), table.slice(0, 1)])
    rows = Rows.of(parts).each(parse_path("a.list[]"))
    assert rows is not None
    assert values(rows, "a.list[].v") == ["s", "t", None, "p", "q"]
    assert values(Rows.of(parts), "a.list[k=2].v") == [None, None, "s", "q"]


def test_scalars_as_text():
    assert plain_text(pa.array([True, None, False])).to_pylist() == ["true", None, "false"]
    assert plain_text(pa.array([3.0, 1.5, None])).to_pylist() == ["3", "1.5", None]
    assert plain_text(pa.array([["a"]])).to_pylist() == [None]
    assert plain_text(pa.array(["a"], pa.large_string())).type == pa.string()
    assert plain_text(pa.nulls(2)).to_pylist() == [None, None]
