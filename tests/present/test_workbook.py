"""The workbook, read back: sums are formulas that come to what they say, text is never one."""

from __future__ import annotations

import re
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.present.words import words_in
from attribution.present.workbook import Column, Sheet, save_workbook
from tests.strategies import HOSTILE_NAMES, examples

EN = words_in("en", minor=100)
SUM = re.compile(r"'([^']+)'!([A-Z]+)(\d+):[A-Z]+(\d+)")


def written(sheets, folder: Path, **options):
    file = folder / "book.xlsx"
    save_workbook(sheets, file, EN, **options)
    return openpyxl.load_workbook(file), openpyxl.load_workbook(file, data_only=True)


def summed(book, formula: str) -> float:
    """Work out a SUM over ranges, in plain Python."""
    assert formula.startswith("=SUM(")
    total = 0.0
    for sheet, letter, first, last in SUM.findall(formula):
        for row in range(int(first), int(last) + 1):
            total += book[sheet][f"{letter}{row}"].value or 0
    return total


def one(values, kind="fen", name="Money") -> Sheet:
    ids = [str(nth) for nth in range(len(values))]
    return Sheet(name, (Column("Order", "text", ids), Column("Paid", kind, values, True)))


@examples(20)
@given(values=st.lists(st.integers(-(10**12), 10**12), max_size=30), rows=st.integers(3, 12))
def test_sums_are_formulas_over_all_rows_however_many_sheets(tmp_path_factory, values, rows):
    book, shown = written([one(values)], tmp_path_factory.mktemp("book"), rows=rows)
    formula = book["Money"]["B2"].value
    exact = sum(values) / 100
    assert summed(book, formula) == pytest.approx(exact, abs=0.004)
    assert shown["Money"]["B2"].value == pytest.approx(exact, abs=0.004)
    assert sum(sheet.max_row - 2 for sheet in book if sheet["A3"].value) == len(values)
    found = [row[1].value for sheet in book for row in sheet.iter_rows(min_row=3) if row[0].value]
    assert [round(each * 100) for each in found] == values  # to the fen


def test_names_and_sums_stay_in_sight(tmp_path):
    book, _ = written([one([100, 250])], tmp_path)
    assert book["Money"].freeze_panes == "B3"
    assert [cell.value for cell in book["Money"][1]] == ["Order", "Paid"]
    assert book["Money"]["B3"].number_format == "#,##0.00"


@pytest.mark.parametrize("name", [*HOSTILE_NAMES, "=1+1", "+1", "-1", "@SUM(A1)", "http://x.y"])
def test_text_is_never_a_formula_nor_a_link(tmp_path, name):
    sheet = Sheet("Names", (Column("Channel", "text", [name]),))
    book, _ = written([sheet], tmp_path)
    cell = book["Names"]["A3"]
    assert cell.data_type == "s"
    assert cell.hyperlink is None


def test_a_cell_can_be_worked_out_from_its_row(tmp_path):
    columns = (
        Column("Day", "text", ["a", "b"]),
        Column("Paid", "fen", [1000, 2000], True),
        Column("ERP", "fen", [900, 2000], True),
        Column("Gap", "fen", [100, 0], True, "B{0}-C{0}"),
    )
    book, shown = written([Sheet("Summary", columns)], tmp_path)
    assert [book["Summary"][f"D{row}"].value for row in (3, 4)] == ["=B3-C3", "=B4-C4"]
    assert [shown["Summary"][f"D{row}"].value for row in (3, 4)] == [1, 0]


def test_a_check_holds_two_sums_against_each_other(tmp_path):
    other = Sheet(
        "Other",
        (Column("Order", "text", ["x"]), Column("Paid", "fen", [350], True)),
        checks=(("Paid", "Money", "B"),),
    )
    book, _ = written([one([100, 250]), other], tmp_path)
    assert book["Other"]["C2"].value == '=IF(ROUND(B2-\'Money\'!B2,2)=0,"agrees","DIFFERS")'
    assert summed(book, book["Other"]["B2"].value) == summed(book, book["Money"]["B2"].value)


def test_missing_cells_stay_empty_and_no_rows_are_no_error(tmp_path):
    columns = (Column("ERP", "text", ["1", None]), Column("Paid", "fen", [None, 5], True))
    book, _ = written([Sheet("Some", columns), one([], name="None")], tmp_path)
    assert book["Some"]["B3"].value is None
    assert book["Some"]["A4"].value is None
    assert summed(book, book["None"]["B2"].value) == 0


def test_two_workbooks_of_the_same_have_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        save_workbook([one([1, 2, 3])], tmp_path / name, EN)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
