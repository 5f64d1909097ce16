"""The ledger's files: every row, fit for spreadsheets, the same again; sums are checked."""

from __future__ import annotations

import re
from dataclasses import replace

import openpyxl
import pandas as pd
import pytest

from attribution.decide.closing import close
from attribution.decide.days import Days
from attribution.present.ledger_sheets import save_ledger
from attribution.present.words import LANGUAGES
from tests.present.made_ledger import MODELS, brand, report_of
from tests.present.test_workbook import OFFICE, kept, recalculated


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ledger")
    close(brand().ingested(folder), "2026-10", MODELS)
    return brand(refunds=[101]).ingested(folder)


@pytest.fixture(scope="module")
def report(workspace):
    return report_of(workspace)


def test_files_hold_every_row_and_are_fit_for_spreadsheets(report, tmp_path):
    counts = save_ledger(report, tmp_path)
    assert counts["ledger_orders"] == 3
    assert counts["ledger_entries"] == len(report.ledger.entries)
    assert counts["ledger_erp"] == 3
    for name, size in counts.items():
        read = pd.read_parquet(tmp_path / f"{name}.parquet")
        assert len(read) == size
        told = pd.read_csv(tmp_path / f"{name}.csv", encoding="utf-8-sig", dtype=str)
        assert len(told) == size
        for column in read.select_dtypes("str"):
            values = told[column].dropna()
            assert not values.str.startswith(("=", "+", "-", "@")).any()
    erp = pd.read_csv(tmp_path / "ledger_erp.csv", encoding="utf-8-sig", dtype=str)
    wanted = ["platform", "order_id", "erp_order_id", "model", "channel", "share", "day"]
    assert erp.columns.tolist() == wanted
    assert erp.set_index(["platform", "order_id"])["erp_order_id"].fillna("-").to_dict() == {
        ("douyin", "1"): "E1", ("wechat", "2"): "E2", ("douyin", "3"): "-",
    }  # fmt: skip


def test_files_are_the_same_bytes_again(workspace, tmp_path):
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        save_ledger(report_of(workspace), tmp_path / name)
        written.append({each.name: each.read_bytes() for each in (tmp_path / name).iterdir()})
    assert written[0] == written[1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_check_of_the_workbook_agrees(workspace, tmp_path, language):
    found = report_of(workspace, language, tax_rate="0.13")
    save_ledger(found, tmp_path)
    book = openpyxl.load_workbook(tmp_path / "ledger.xlsx", data_only=True)
    assert len(book.sheetnames) == 6
    checks = [
        sheet.cell(2, place).value
        for sheet in book
        for place in range(1, sheet.max_column + 1)
        if re.search("agrees with|核对", str(sheet.cell(1, place).value))
    ]
    assert checks == [found.words("workbook_agrees")] * (2 + 2 + 2 * len(MODELS))


def test_a_ledger_that_lost_an_order_is_told_by_the_workbook(report, tmp_path):
    lost = report.ledger.entries["order_id"] != "douyin:3"
    broken = replace(report, ledger=replace(report.ledger, entries=report.ledger.entries[lost]))
    save_ledger(broken, tmp_path)
    book = openpyxl.load_workbook(tmp_path / "ledger.xlsx", data_only=True)
    assert book["Sources"]["H1"].value == "Paid: agrees with Orders?"
    assert book["Sources"]["H2"].value == "DIFFERS"


@pytest.mark.skipif(OFFICE is None, reason="needs LibreOffice (Debian: libreoffice-calc-nogui)")
@pytest.mark.slow
def test_a_spreadsheet_program_comes_to_the_same_figures(report, tmp_path):
    save_ledger(report, tmp_path)
    file = tmp_path / "ledger.xlsx"
    assert recalculated(file, tmp_path) == kept(file)


def test_days_without_orders_and_a_brand_without_closings_have_files_too(workspace, tmp_path):
    empty = report_of(workspace, days=Days("2030-01-01", "2030-01-31"))
    assert save_ledger(empty, tmp_path)["ledger_orders"] == 0
    (tmp_path / "fresh").mkdir()
    fresh = report_of(brand().ingested(tmp_path / "fresh"))
    assert save_ledger(fresh, tmp_path)["ledger_restated"] == 0
