"""The workbook: text is never a formula, sums are, and the bytes are the same again."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
import zipfile

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.present.words import words_in
from attribution.present.workbook import Column, Sheet, save_workbook
from tests.strategies import HOSTILE_NAMES, examples

SMALL = [12_345, -7, 0, None, 99]
OFFICE = shutil.which("soffice")


def sheets(names=("a", "b", "c", "d", "e"), other=12_437):
    return [
        Sheet(
            "One",
            (
                Column("Name", "text", list(names)),
                Column("Money", "fen", SMALL, True),
                Column("Less", "fen", [each and 1 for each in SMALL], True),
                Column("Left", "fen", [each and each - 1 for each in SMALL], True, "B{0}-C{0}"),
                Column("Count", "count", [1, 2, 3, 4, 5], True),
                Column("Share", "share", [0.5, 1.0, 0.0, None, 0.25]),
            ),
            checks=(("Money", "it's two", "All"),),
        ),
        Sheet("it's two", (Column("All", "fen", [other], True),)),
    ]


def saved(folder, *more, language="en", **options):
    file = folder / "book.xlsx"
    save_workbook(*(more or (sheets(),)), file, words_in(language), **options)
    return file


def read(file, *, data_only=False):
    return openpyxl.load_workbook(file, data_only=data_only)


def cells(sheet, first=1, last=None):
    return [list(row) for row in sheet.iter_rows(first, last, values_only=True)]


def test_names_and_sums_stand_on_top_and_stay_in_sight(tmp_path):
    book = read(saved(tmp_path))
    assert book.sheetnames == ["One", "it's two"]
    one = book["One"]
    assert one.freeze_panes == "B3"
    assert cells(one, 1, 2) == [
        ["Name", "Money", "Less", "Left", "Count", "Share", "Money: agrees with it's two?"],
        [
            "Sum",
            "=SUM('One'!B3:B7)",
            "=SUM('One'!C3:C7)",
            "=SUM('One'!D3:D7)",
            "=SUM('One'!E3:E7)",
            None,
            "=IF(ROUND('One'!B2-'it''s two'!A2,2)=0,\"agrees\",\"DIFFERS\")",
        ],
    ]
    assert cells(one, 3, 4) == [
        ["a", 123.45, 0.01, "=B3-C3", 1, 0.5, None],
        ["b", -0.07, 0.01, "=B4-C4", 2, 1, None],
    ]
    assert one["B3"].number_format == "#,##0.00"
    assert one["F3"].number_format == "0.0%"
    assert one["A3"].number_format == "@"
    assert one["B6"].value is None


def test_what_formulas_come_to_is_kept_for_readers_that_work_nothing_out(tmp_path):
    one = read(saved(tmp_path), data_only=True)["One"]
    assert cells(one, 2, 3) == [
        ["Sum", 124.37, 0.03, 124.34, 15, None, "agrees"],
        ["a", 123.45, 0.01, 123.44, 1, 0.5, None],
    ]


def test_sums_that_do_not_agree_are_told(tmp_path):
    file = saved(tmp_path, sheets(other=12_438), language="zh")
    one = read(file, data_only=True)["One"]
    assert one["G1"].value == "Money与「it's two」核对"
    assert one["G2"].value == "不一致"


@pytest.mark.parametrize("name", [*HOSTILE_NAMES, "=1+1", "+1", "@x", "-2", "http://a.b", "1e5"])
def test_a_name_is_text_whatever_it_begins_with(tmp_path, name):
    file = saved(tmp_path, sheets([name] * 5))
    cell = read(file)["One"]["A3"]
    assert cell.data_type == "s"
    shown = "".join("\N{REPLACEMENT CHARACTER}" if c in "\u202e\u200b" else c for c in name)
    assert cell.value == shown.replace("\t", " ")
    assert cell.hyperlink is None
    with zipfile.ZipFile(file) as parts:
        text = parts.read("xl/worksheets/sheet1.xml").decode()
    formulas = re.findall(r"<f>(.*?)</f>", text)
    assert all(re.match(r"SUM|IF|B\d", formula) for formula in formulas)


def test_a_text_longer_than_a_cell_is_cut(tmp_path):
    value = read(saved(tmp_path, sheets(["x" * 40_000] * 5)))["One"]["A3"].value
    assert value == "x" * 32_767


def test_more_rows_than_a_sheet_holds_go_on_in_the_next(tmp_path):
    file = saved(tmp_path, sheets(), rows=4)  # two of names and sums, two more
    book = read(file)
    assert book.sheetnames == ["One", "One 2", "One 3", "it's two"]
    assert book["One"]["B2"].value == "=SUM('One'!B3:B4,'One 2'!B3:B4,'One 3'!B3:B3)"
    assert [row[0] for name in book.sheetnames[:3] for row in cells(book[name], 3)] == list("abcde")
    assert book["One 2"]["D3"].value == "=B3-C3"
    assert [book[name]["A1"].value for name in book.sheetnames[:3]] == ["Name"] * 3
    assert all(book[name].freeze_panes == "B3" for name in book.sheetnames)


@examples(20)
@given(amounts=st.lists(st.integers(-(10**12), 10**12), max_size=30), rows=st.integers(3, 12))
def test_sums_are_formulas_over_all_rows_however_many_sheets(tmp_path_factory, amounts, rows):
    names = [str(nth) for nth in range(len(amounts))]
    sheet = Sheet("Money", (Column("Id", "text", names), Column("Paid", "fen", amounts, True)))
    file = saved(tmp_path_factory.mktemp("book"), [sheet], rows=rows)
    book = read(file)
    spans = re.findall(r"'([^']+)'!B(\d+):B(\d+)", book["Money"]["B2"].value)
    found = [
        book[name][f"B{row}"].value or 0
        for name, first, last in spans
        for row in range(int(first), int(last) + 1)
    ]
    assert [round(each * 100) for each in found[: len(amounts)]] == amounts  # to the fen
    assert sum(found[len(amounts) :]) == 0
    shown = read(file, data_only=True)["Money"]["B2"].value
    assert shown == pytest.approx(sum(amounts) / 100, abs=0.004)


def test_a_sheet_without_rows_sums_to_nothing(tmp_path):
    file = saved(tmp_path, [Sheet("None", (Column("Money", "fen", [], True),))])
    assert cells(read(file)["None"]) == [["Money"], ["=SUM('None'!A3:A3)"]]
    assert read(file, data_only=True)["None"]["A2"].value == 0


def test_two_workbooks_of_the_same_are_the_same_bytes(tmp_path):
    first = saved(tmp_path).read_bytes()
    time.sleep(2.1)  # a ZIP file's times are of two seconds
    assert saved(tmp_path).read_bytes() == first


@pytest.mark.skipif(OFFICE is None, reason="needs LibreOffice (Debian: libreoffice-calc-nogui)")
@pytest.mark.slow
def test_a_spreadsheet_program_comes_to_the_same(tmp_path):
    file = saved(tmp_path, sheets(), rows=4)
    assert recalculated(file, tmp_path) == kept(file)


def kept(file):
    """Return every sheet's values as they were written."""
    return rounded(read(file, data_only=True))


def rounded(book):
    return {
        sheet.title: [
            [round(each, 6) if isinstance(each, float) else each for each in row]
            for row in cells(sheet)
        ]
        for sheet in book
    }


def recalculated(file, folder):
    """Return every sheet's values as LibreOffice works them out, without what was written."""
    bare = folder / "bare.xlsx"
    with zipfile.ZipFile(file) as given, zipfile.ZipFile(bare, "w") as left:
        for name in given.namelist():
            raw = given.read(name)
            if "worksheets/sheet" in name:
                raw = re.sub(rb"(</f>)<v>[^<]*</v>", rb"\1", raw)
            left.writestr(name, raw)
    done = subprocess.run(
        [OFFICE, f"-env:UserInstallation=file://{folder / 'profile'}", "--headless",
         "--convert-to", "xlsx", "--outdir", str(folder / "out"), str(bare)],
        check=False, capture_output=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return rounded(read(folder / "out" / "bare.xlsx", data_only=True))
