"""Journeys from files: the same as from frames, and errors that name the file."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from attribution.errors import DataError
from attribution.intake.paths import read_paths, read_touchpoints
from attribution.journeys import Journeys
from attribution.model import attribute
from attribution.models.heuristic import LastTouch

SAMPLE = Path(__file__).parents[2] / "data" / "example"
HEADER = "path,total_conversions,total_conversion_value,total_null\n"


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(name, content, encoding="utf-8"):
    Path(name).write_text(content, encoding=encoding, newline="")
    return name


def sheet(name, rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
        for cell in book.active[book.active.max_row]:
            cell.data_type = "s" if cell.data_type == "f" else cell.data_type
    book.save(name)
    return name


def refusal(read, *files, **options):
    with pytest.raises(DataError) as caught:
        read(*files, **options)
    return caught.value


def same(one: Journeys, other: Journeys) -> None:
    pd.testing.assert_frame_equal(one.frame(), other.frame())
    pd.testing.assert_frame_equal(one.touchpoints(), other.touchpoints())


# ---------------------------------------------------------------------- path counts


def test_every_kind_of_file_holds_the_same_journeys():
    frame = pd.DataFrame(
        {
            "path": ["抖音 > 快手", "007", "", 'say "hi" > a, b'],
            "total_conversions": [3, 1, 2, 1],
            "total_conversion_value": [30.5, 1.0, 2.0, 7.0],
            "total_null": [0, 5, 1, 0],
        }
    )
    frame.to_csv("p.csv", index=False)
    frame.to_csv("g.csv", index=False, encoding="gb18030")
    frame.to_csv("b.csv", index=False, encoding="utf-8-sig")
    frame.to_csv("p.tsv", index=False, sep="\t")
    frame.to_excel("p.xlsx", index=False)
    frame.to_parquet("p.parquet")
    expected = Journeys.from_paths(frame)
    for name in ("p.csv", "g.csv", "b.csv", "p.tsv", "p.xlsx", "p.parquet"):
        same(read_paths(name), expected)


def test_names_may_be_given():
    write("p.csv", "way;s,sold,lost\na>b,1,2\n")
    journeys = read_paths(
        "p.csv", path="way;s", conversions="sold", value=None, nulls="lost", sep=">"
    )
    assert journeys.channels == ("a", "b")
    assert journeys.journeys == 3


def test_a_number_for_a_path_is_a_channel():
    journeys = read_paths(write("p.csv", HEADER + "007,1,1,0\n12 > 7,1,1,0\n"))
    assert journeys.channels == ("007", "12", "7")


HOSTILE = [
    "🛒直播",
    "<script>alert(1)</script>",
    "=cmd()",
    "'quoted'",
    'say "hi"',
    "中文",
    "  leading",
    "NA",
    "null",
    "nan",
    "None",
    "-1",
    "1e5",
    "TRUE",
]


def test_hostile_names_survive_every_kind_of_file():
    frame = pd.DataFrame(
        {
            "path": [f"{name} | x" for name in HOSTILE],
            "total_conversions": 1,
            "total_conversion_value": 1.0,
            "total_null": 0,
        }
    )
    frame.to_csv("p.csv", index=False)
    frame.to_parquet("p.parquet")
    sheet("p.xlsx", [list(frame.columns), *frame.values.tolist()])
    for name in ("p.csv", "p.parquet", "p.xlsx"):
        journeys = read_paths(name, sep=" | ")  # a name here holds ">"
        assert set(journeys.channels) == {*(each.strip() for each in HOSTILE), "x"}


def test_fractional_counts_are_never_truncated():
    journeys = read_paths(write("p.csv", HEADER + "a,0.5,1,0\nb,1,1,0.25\n"))
    assert journeys.conversions.tolist() == [0.5, 1.0]
    assert journeys.nulls.tolist() == [0.0, 0.25]


def test_zero_conversions_everywhere_and_one_channel():
    journeys = read_paths(write("p.csv", HEADER + "a,0,0,4\na > a,0,0,1\n"))
    frame = attribute(journeys, LastTouch()).frame()
    assert frame["conversions"].tolist() == [0.0]
    assert frame["share"].tolist() == [0.0]


@pytest.mark.parametrize("name", ["p.csv", "p.parquet"])
def test_a_journey_of_100_000_touchpoints(name):
    channels = np.array(["抖音·品牌自播", "快手", "小红书·种草笔记"])
    path = " > ".join(channels[np.arange(100_000) % 3])
    table = {
        "path": [path],
        "total_conversions": [1],
        "total_conversion_value": [1.0],
        "total_null": [0],
    }
    if name == "p.csv":
        write(name, HEADER + f"{path},1,1,0\n")
    else:
        parquet.write_table(pa.table(table), name)
    assert len(read_paths(name).codes) == 100_000


BAD_PATHS = {
    "misspelt column": (
        "path,total_conversion,total_conversion_value,total_null\na,1,1,0\n",
        {},
        None,
        None,
        "no column 'total_conversions'",
        "Did you mean 'total_conversion'",
    ),
    "missing column": (
        "path,x,total_conversion_value,total_null\na,1,1,0\n",
        {"conversions": "zzzzzz"},
        None,
        None,
        "no column 'zzzzzz'",
        "Name the column",
    ),
    "column twice": (
        "path,path,total_conversions,total_conversion_value,total_null\na,b,1,1,0\n",
        {},
        None,
        "path",
        "2 columns of that name",
        "Rename or remove",
    ),
    "header only": (HEADER, {}, None, None, "no rows", "complete"),
    "wrong path separator": (
        HEADER + "a->b,1,1,0\nb->a->b,1,1,0\n",
        {"sep": "|"},
        1,
        "path",
        "'a->b'",
        'sep="->"',
    ),
    "negative count": (
        HEADER + "a,1,1,0\nb,-2,1,0\n",
        {},
        2,
        "total_conversions",
        "-2",
        "Correct the row",
    ),
    "negative null": (HEADER + "a,1,1,-1\n", {}, 1, "total_null", "-1", "Correct the row"),
    "NaN": (HEADER + "a,1,1,0\nb,NaN,1,0\n", {}, 2, "total_conversions", "", "Fill the cell"),
    "infinite": (HEADER + "a,1,inf,0\n", {}, 1, "total_conversion_value", "inf", "Fill the cell"),
    "empty cell": (
        HEADER + "a,1,1,0\nb,1,,0\n",
        {},
        2,
        "total_conversion_value",
        "an empty cell",
        "Fill the cell",
    ),
    "NA": (HEADER + "a,1,1,0\nb,NA,1,0\n", {}, 2, "total_conversions", "'NA'", "digits only"),
    "text for a number": (
        HEADER + "a,1,1,0\nb,1,¥12,0\n",
        {},
        2,
        "total_conversion_value",
        "'¥12'",
        "without currency signs",
    ),
    "thousands": (
        HEADER + 'a,"1,234",1,0\n',
        {},
        1,
        "total_conversions",
        "'1,234'",
        "thousands separators",
    ),
    "empty step": (
        HEADER + "a > b,1,1,0\na >  > b,1,1,0\n",
        {},
        2,
        "path",
        "'a >  > b'",
        "Remove the extra separator",
    ),
    "step missing at the end": (
        HEADER + "a > b,1,1,0\na > ,1,1,0\n",
        {},
        2,
        "path",
        "'a > '",
        "Remove the extra separator",
    ),
    "reserved name": (
        HEADER + "(organic) > a,1,1,0\n",
        {},
        1,
        "path",
        "'(organic) > a', with a channel named like a row of the results",
        "Rename that channel",
    ),
    "ragged": (HEADER + "a,1,1,0\nb,1,1\n", {}, 2, None, "3 columns", "complete the row"),
    "wrong delimiter": (
        HEADER.replace(",", ";") + "a;1;1;0\n",
        {},
        None,
        None,
        "semicolons",
        "with commas",
    ),
    "empty file": ("", {}, None, None, "an empty file", "export finished"),
}


@pytest.mark.parametrize("case", BAD_PATHS, ids=BAD_PATHS)
def test_bad_paths_name_file_row_column_finding_and_remedy(case):
    content, options, row, column, found, remedy = BAD_PATHS[case]
    error = refusal(read_paths, write("我的 paths.csv", content), **options)
    assert error.source == "我的 paths.csv"
    assert str(error).startswith("我的 paths.csv")
    assert (error.row, error.column) == (row, column)
    assert found in error.found
    assert error.expected
    assert remedy in error.remedy


def test_bad_cells_of_a_workbook_are_named():
    head = HEADER.strip().split(",")
    sheet("p.xlsx", [head, ["a", 1, 1, 0], ["b", "two", 1, 0]])
    error = refusal(read_paths, "p.xlsx")
    assert (error.source, error.row, error.column) == ("p.xlsx", 2, "total_conversions")
    assert "'two'" in error.found
    sheet("q.xlsx", [head, ["a", 1, 1, 0], [None, None, None, None], ["b", 1, 1, 0]])
    error = refusal(read_paths, "q.xlsx")
    assert (error.source, error.row) == ("q.xlsx", 2)


def test_the_name_is_shown_as_it_was_given():
    write("p.csv", HEADER + "b,-2,1,0\n")
    for name in ("p.csv", "./p.csv", Path("p.csv").absolute()):
        assert str(refusal(read_paths, name)).startswith(f"{name}, row 1")


def test_the_sample_paths_are_read():
    journeys = read_paths(SAMPLE / "paths.csv")
    same(journeys, Journeys.from_paths(pd.read_csv(SAMPLE / "paths.csv")))
    assert journeys.journeys > 0


# ---------------------------------------------------------------------- touchpoints and orders

TOUCH = "person,at,channel\n"
ORDER = "order_id,person,at,value\n"
GOOD_TOUCH = TOUCH + "p1,2026-11-20 10:00:00,live\n"
GOOD_ORDER = ORDER + "o1,p1,2026-11-21 10:00:00,5\n"


def read_both(touch=GOOD_TOUCH, order=GOOD_ORDER, **options):
    return read_touchpoints(write("t.csv", touch), write("o.csv", order), **options)


def test_the_parameters_are_those_of_from_touchpoints():
    ours = list(inspect.signature(read_touchpoints).parameters.values())[2:]
    theirs = list(inspect.signature(Journeys.from_touchpoints).parameters.values())[2:]
    assert ours == theirs
    ours = list(inspect.signature(read_paths).parameters.values())[1:]
    assert ours == list(inspect.signature(Journeys.from_paths).parameters.values())[1:]


def test_the_sample_touchpoints_are_read():
    touch, orders = (
        pd.read_csv(SAMPLE / f"{name}.csv", dtype=str) for name in ("touchpoints", "orders")
    )
    orders["value"] = orders["value"].astype(float)
    options = {"columns": ["event", "session_id"], "segments": ["platform"], "lookback": "14D"}
    found = read_touchpoints(SAMPLE / "touchpoints.csv", SAMPLE / "orders.csv", **options)
    same(found, Journeys.from_touchpoints(touch, orders, **options))


def test_ids_keep_their_zeros_and_digits():
    journeys = read_both(
        "person,at,channel,event_id,room_id,seconds\n"
        "007,2026-11-20 10:00:00,12,0002,0815,30\n7312345678901234567,2026-11-20,b,0001,9,40\n",
        ORDER + "0001,007,2026-11-21 10:00:00,5\n99999999999999999999,7312345678901234567,"
        "2026-11-21 10:00:00,5\n0003,7312345678901234568,2026-11-21 10:00:00,5\n",
        columns=["room_id", "seconds"],
    )
    assert journeys.order_id.tolist() == ["0001", "99999999999999999999", "0003"]
    assert journeys.lengths.tolist() == [1, 1, 0]  # 007 is not 7, and no digit is lost
    assert journeys.channels == ("12", "b")
    assert journeys.touch["room_id"].tolist() == ["0815", "9"]
    assert journeys.touch["seconds"].tolist() == [30, 40]


def test_an_order_without_person_is_unattributed():
    journeys = read_both(order=ORDER + "o1,,2026-11-21 10:00:00,5\no2,p1,2026-11-21 10:00:00,7\n")
    assert journeys.lengths.tolist() == [0, 1]


PEOPLE = "person,start,end,intent\n"
GOOD_PEOPLE = PEOPLE + "p1,2026-11-01,2026-11-30,0.5\n007,2026-11-01,2026-11-30,0.25\n"


def test_who_was_watched_may_stand_in_a_file_or_a_frame():
    found = read_both(people=write("w.csv", GOOD_PEOPLE))
    frame = pd.read_csv("w.csv", dtype={"person": str})
    expected = read_both(people=frame)
    same(found, expected)
    assert found.segments["intent"].tolist() == [0.5, 0.25]
    assert found.lengths.tolist() == [1, 0]
    assert (found.risk_until - found.risk_from).tolist() == [29 * 86_400_000] * 2
    assert found.risk_until.tolist() == expected.risk_until.tolist()
    write("w.csv", GOOD_PEOPLE + "7,2026-11-01,2026-11-30,0.1\n")  # another than 007
    assert len(read_both(people="w.csv")) == 3


@pytest.mark.parametrize(
    ("text", "row", "column", "found"),
    [
        (PEOPLE + "p1,2026-11-30,2026-11-01,1\n", 1, "end", "an end before the start"),
        (GOOD_PEOPLE + "p1,2026-11-01,2026-11-30,1\n", 3, "person", "a person again"),
        (PEOPLE + ",2026-11-01,2026-11-30,1\n", 1, "person", "an empty cell"),
        (PEOPLE + "p1,soon,2026-11-30,1\n", 1, "start", "'soon'"),
        ("person,start\np1,2026-11-01\n", None, None, "no column 'end'"),
    ],
)
def test_a_bad_row_of_people_is_named_with_its_file(text, row, column, found):
    with pytest.raises(DataError) as caught:
        read_both(people=write("w.csv", text))
    error = caught.value
    assert (error.source, error.row) == ("w.csv", row)
    assert column is None or error.column == column
    assert found in error.found


@pytest.mark.parametrize("name", ["x.xlsx", "x.parquet"])
def test_other_kinds_of_files_hold_the_same_rows(name):
    touch = pd.DataFrame(
        {"person": ["007"], "at": pd.to_datetime(["2026-11-20 10:00:00"]), "channel": ["live"]}
    )
    order = pd.DataFrame(
        {
            "order_id": ["01"],
            "person": ["007"],
            "at": pd.to_datetime(["2026-11-21 10:00:00"]),
            "value": [5],
        }
    )
    if name == "x.xlsx":
        touch.to_excel("t" + name, index=False)
        order.to_excel("o" + name, index=False)
    else:
        touch.to_parquet("t" + name)
        order.to_parquet("o" + name)
    same(read_touchpoints("t" + name, "o" + name), Journeys.from_touchpoints(touch, order))


@pytest.mark.parametrize(
    "times",
    [
        ["2026-11-20 10:00:00", "2026-11-21 10:00:00"],
        ["2026-11-20T10:00:00+08:00", "2026-11-21T02:00:00Z"],
        ["1795140000", "1795226400"],
        ["1795140000000", "1795226400000"],
    ],
)
def test_times_of_every_form_are_read(times):
    first, last = times
    journeys = read_both(TOUCH + f"p1,{first},live\n", ORDER + f"o1,p1,{last},5\n")
    assert journeys.ages.tolist() == [86_400_000]


def test_no_orders_yet():
    journeys = read_both(order=ORDER)
    assert journeys.conversions.tolist() == [0]


def test_an_order_before_all_touchpoints_is_unattributed():
    journeys = read_both(order=ORDER + "o1,p1,2026-11-19 10:00:00,5\n")
    assert journeys.lengths.tolist() == [0, 1]


BAD_ROWS = {
    "touch: misspelt person": (
        {"touch": "persn,at,channel\np1,2026-11-20,x\n"},
        "t.csv",
        None,
        None,
        "no column 'person'",
        "Did you mean 'persn'",
    ),
    "touch: no channel": (
        {"touch": "person,at,chanel\np1,2026-11-20,x\n"},
        "t.csv",
        None,
        None,
        "no column 'channel'",
        "Did you mean 'chanel'",
    ),
    "touch: carried column missing": (
        {"columns": ["evnt"], "touch": "person,at,channel,event\np1,2026-11-20,x,click\n"},
        "t.csv",
        None,
        None,
        "no column 'evnt'",
        "Did you mean 'event'",
    ),
    "touch: bad time": (
        {"touch": GOOD_TOUCH + "p1,22.11.2026,x\n"},
        "t.csv",
        2,
        "at",
        "'22.11.2026'",
        "year-month-day",
    ),
    "touch: empty time": (
        {"touch": GOOD_TOUCH + "p1,,x\n"},
        "t.csv",
        2,
        "at",
        "an empty cell",
        "Fill in",
    ),
    "touch: far future": (
        {"touch": GOOD_TOUCH + "p1,2926-11-20 10:00:00,x\n"},
        "t.csv",
        2,
        "at",
        "2926",
        "Correct the time",
    ),
    "touch: empty person": (
        {"touch": GOOD_TOUCH + ",2026-11-20 10:00:00,x\n"},
        "t.csv",
        2,
        "person",
        "an empty cell",
        "Remove touchpoints",
    ),
    "touch: empty channel": (
        {"touch": GOOD_TOUCH + "p1,2026-11-20 10:00:00,\n"},
        "t.csv",
        2,
        "channel",
        "an empty cell",
        "Fill in the channel",
    ),
    "touch: blank channel": (
        {"touch": GOOD_TOUCH + "p1,2026-11-20 10:00:00,  \n"},
        "t.csv",
        2,
        "channel",
        "an empty",
        "hannel",
    ),
    "touch: shortened person": (
        {"touch": GOOD_TOUCH + "7.31235E+18,2026-11-20 10:00:00,x\n"},
        "t.csv",
        2,
        "person",
        "7.31235E+18",
        "as Text",
    ),
    "touch: ragged": (
        {"touch": GOOD_TOUCH + "p1,2026-11-20 10:00:00\n"},
        "t.csv",
        2,
        None,
        "2 columns",
        "row",
    ),
    "touch: reserved channel": (
        {"touch": TOUCH + "p1,2026-11-20 10:00:00,(organic)\n"},
        "t.csv",
        None,
        None,
        "'(organic)'",
        "Rename",
    ),
    "order: misspelt value": (
        {"order": "order_id,person,at,valu\no1,p1,2026-11-21,5\n"},
        "o.csv",
        None,
        None,
        "no column 'value'",
        "Did you mean 'valu'",
    ),
    "order: money missing": (
        {"values": ["gros"], "order": "order_id,person,at,value,gross\no1,p1,2026-11-21,5,6\n"},
        "o.csv",
        None,
        None,
        "no column 'gros'",
        "Did you mean 'gross'",
    ),
    "order: segment missing": (
        {
            "segments": ["platfrm"],
            "order": "order_id,person,at,value,platform\no1,p1,2026-11-21,5,x\n",
        },
        "o.csv",
        None,
        None,
        "no column 'platfrm'",
        "Did you mean 'platform'",
    ),
    "order: no order id": (
        {"order": "person,at,value\np1,2026-11-21,5\n"},
        "o.csv",
        None,
        None,
        "no column 'order_id'",
        "Name the column",
    ),
    "order: duplicate id": (
        {"order": GOOD_ORDER + "o2,p1,2026-11-21 11:00:00,5\no1,p1,2026-11-21 12:00:00,5\n"},
        "o.csv",
        3,
        "order_id",
        "'o1'",
        "one row per order",
    ),
    "order: empty id": (
        {"order": GOOD_ORDER + ",p1,2026-11-21 11:00:00,5\n"},
        "o.csv",
        2,
        "order_id",
        "an empty cell",
        "Fill in",
    ),
    "order: value is text": (
        {"order": GOOD_ORDER + "o2,p1,2026-11-21 11:00:00,five\n"},
        "o.csv",
        2,
        "value",
        "'five'",
        "digits only",
    ),
    "order: value empty": (
        {"order": GOOD_ORDER + "o2,p1,2026-11-21 11:00:00,\n"},
        "o.csv",
        2,
        "value",
        "an empty cell",
        "Fill the cell",
    ),
    "order: bad time": (
        {"order": GOOD_ORDER + "o2,p1,yesterday,5\n"},
        "o.csv",
        2,
        "at",
        "'yesterday'",
        "year-month-day",
    ),
    "order: empty file": ({"order": ""}, "o.csv", None, None, "an empty file", "export finished"),
}


@pytest.mark.parametrize("case", BAD_ROWS, ids=BAD_ROWS)
def test_bad_rows_name_file_row_column_finding_and_remedy(case):
    options, source, row, column, found, remedy = BAD_ROWS[case]
    with pytest.raises(DataError) as caught:
        read_both(**options)
    error = caught.value
    assert (error.source, error.row, error.column) == (source, row, column)
    assert found in error.found
    assert error.expected
    assert remedy in error.remedy
    assert str(error).startswith(source)


def test_missing_files_are_named():
    assert refusal(read_touchpoints, "none.csv", write("o.csv", GOOD_ORDER)).source == "none.csv"
    assert refusal(read_touchpoints, write("t.csv", GOOD_TOUCH), "none.csv").source == "none.csv"


def test_a_bad_as_of_is_no_fault_of_the_files():
    with pytest.raises(DataError) as caught:
        read_both(as_of="yesterday")
    assert caught.value.column == "as_of"
    assert "'yesterday'" in str(caught.value)
