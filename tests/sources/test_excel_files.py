"""Sheets as text: exact where Excel is, visibly inexact where it is not."""

from __future__ import annotations

import datetime as dt
import warnings

import openpyxl
import pytest

from attribution.errors import DataError
from attribution.sources import excel_files
from attribution.sources.excel_files import excel_batches

SECRET = "13800138000"


@pytest.fixture
def write(tmp_path):
    def written(rows, sheet="Sheet"):
        book = openpyxl.Workbook()
        book.active.title = sheet
        for row in rows:
            book.active.append(row)
        book.create_sheet("第二").append(["other"])
        book.save(tmp_path / "t.xlsx")
        return tmp_path / "t.xlsx"

    return written


def read(file, sheet=None):
    batches = list(excel_batches(file, sheet))
    return (
        {
            name: [cell for batch in batches for cell in batch.table[name].to_pylist()]
            for name in batches[0].table.column_names
        },
        [int(row) for batch in batches for row in batch.rows],
        [each for batch in batches for each in batch.broken],
    )


def refusal(file, sheet=None):
    with pytest.raises(DataError) as caught:
        read(file, sheet)
    assert SECRET not in str(caught.value)
    return caught.value


def test_cells_are_exact_text(write):
    cells = {
        "007": "007",
        "  x": "  x",
        12: "12",
        13.0: "13",
        19.9: "19.9",
        999_999_999_999_999: "999999999999999",
        True: "TRUE",
        False: "FALSE",
        dt.datetime(2026, 11, 11, 20, 0, 1): "2026-11-11 20:00:01",
        dt.date(2026, 11, 11): "2026-11-11 00:00:00",
        dt.time(20, 0): "20:00:00",
    }
    columns, rows, _ = read(write([["a"], *([cell] for cell in cells)]))
    assert columns["a"] == list(cells.values())
    assert rows == list(range(1, len(cells) + 1))


@pytest.mark.parametrize("cell", [7312345678901234567, 7.312345678901234e18, 10**15])
def test_numbers_excel_has_cut_keep_the_scientific_form(write, cell):
    columns, _, _ = read(write([["id"], [cell]]))
    (text,) = columns["id"]
    assert "E+" in text
    assert float(text) == float(cell)


def test_blank_rows_are_left_out_and_keep_their_numbers(write):
    rows = [[], ["a", " b "], [1, 2], [], [None, ""], [3, None], []]
    columns, numbers, broken = read(write(rows))
    assert columns == {"a": ["1", "3"], "b": ["2", None]}
    assert (numbers, broken) == ([1, 4], [])


def test_lines_above_the_header_are_passed_over(write):
    columns, numbers, _ = read(write([["导出时间"], ["店铺", "山岚"], ["a", "b", "c"], [1, 2, 3]]))
    assert (columns, numbers) == ({"a": ["1"], "b": ["2"], "c": ["3"]}, [1])


def test_a_single_column_is_a_table(write):
    assert read(write([["a"], [1], [2]]))[0] == {"a": ["1", "2"]}


def test_batches_follow_each_other(write, monkeypatch):
    monkeypatch.setattr(excel_files, "_ROWS", 40)
    file = write([["a"], *([i] for i in range(1, 101))])
    batches = list(excel_batches(file, None))
    assert len(batches) == 3
    assert [row for batch in batches for row in batch.rows] == list(range(1, 101))
    assert [c for batch in batches for c in batch.table["a"].to_pylist()] == [
        str(i) for i in range(1, 101)
    ]


def test_a_header_alone_gives_one_batch(write):
    assert read(write([["a", "b"]])) == ({"a": [], "b": []}, [], [])


def test_a_cell_beyond_the_header_is_a_broken_row(write):
    columns, rows, broken = read(write([["a", "b"], [1, 2], [3, 4, SECRET], [5]]))
    assert (columns["a"], rows) == (["1", "5"], [1, 3])
    assert [(each.row, each.found) for each in broken] == [
        (2, "a cell beyond the header's 2 columns")
    ]


def test_a_sheet_by_its_name(write):
    file = write([["a"]], sheet="first")
    assert read(file, "第二")[0] == {"other": []}
    error = refusal(file, "third")
    assert "no sheet 'third'" in error.found
    assert "'first', '第二'" in error.expected


def test_an_empty_sheet(write):
    assert "an empty sheet" in refusal(write([[None], [""]])).found


def test_two_columns_of_one_name(write):
    assert "2 columns named 'a'" in refusal(write([["a", "b", "a "], [1, 2, 3]])).found


@pytest.mark.parametrize(
    ("formula", "found"),
    [
        ("=SUM(A1:A2)", "the formula '=SUM(A1:A2)' without"),
        (f'="{SECRET}"', "a formula without"),
        (f"={SECRET}", "a formula without"),
    ],
)
def test_a_formula_without_a_result_is_refused_and_not_repeated_if_it_holds_data(
    write, formula, found
):
    error = refusal(write([["a", "b"], [1, 2], [3, formula]]))
    assert error.found.startswith(found)
    assert (error.row, error.column) == (2, "b")


def test_warnings_of_the_workbook_stay_inside(write):
    file = write([["a"], *([i] for i in range(5000))])
    before = list(warnings.filters)
    batches = excel_batches(file, None)
    next(batches)
    assert warnings.filters == before
    batches.close()
    assert warnings.filters == before
