"""The page and the files of the ledger show the numbers they are given, and escape every name."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import openpyxl
import pandas as pd
import pytest

import attribution
from attribution.decide.closing import changed_since, close, closings
from attribution.decide.days import Days
from attribution.decide.ledger import ledger
from attribution.decide.reconciled import reconciled
from attribution.models.heuristic import LastTouch, Linear
from attribution.models.markov import Markov
from attribution.present import ledger_sections as sections
from attribution.present.ledger_sections import LedgerReport
from attribution.present.ledger_sheets import ledger_sheets, save_ledger
from attribution.present.words import LANGUAGES, words_in
from attribution.store.store import open_store
from tests.decide.books import Brand, Order
from tests.present.test_workbook import OFFICE, kept, recalculated

ALL = (
    sections.opening,
    sections.by_channel,
    sections.reconciliation,
    sections.residual,
    sections.restatements,
    sections.orders,
    sections.closing,
)
HOSTILE = ("<script>alert('x')</script>", "\u202e🛒&amp;{0}", "@SUM(A1)")
MODELS = [LastTouch(), Linear(), Markov()]


def brand(refunds=()):
    """Return a brand of hostile streamers; the ERP lacks one of its orders."""
    days = ("2026-10-15 10:00:00", "2026-10-16 10:00:00", "2026-11-02 10:00:00")
    orders = {
        "1": Order(100_001, days[0], "ann", refunds=list(refunds)),
        "2": Order(5_000, days[1], "bob", "wechat", refunds=[1_234]),
        "3": Order(700, days[2], "cid"),
    }
    touches = [("ann", name, f"2026-10-14 1{i}:00:00") for i, name in enumerate(HOSTILE)]
    touches += [("bob", HOSTILE[1], "2026-10-15 10:00:00")]
    sites = {"douyin": "抖音", "wechat": "视频号"}
    erp = [
        (f"E{name}", name, "", sites[each.platform], each.paid_fen, each.paid_at)
        for name, each in orders.items()
        if name != "3"
    ]
    return Brand(orders, touches, erp)


def report_of(workspace, language="en", days=None, **options):
    days = days or Days()
    whole = ledger(attribution.open_journeys(workspace), MODELS, **options)
    book, closed = whole.within(days), closings(workspace)
    platforms = reconciled(open_store(workspace), book, days)
    changed = changed_since(workspace, closed)
    return LedgerReport(book, "Linear", platforms, closed, changed, words_in(language, minor=100),
                        title="made up", source="files")  # fmt: skip


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ledger")
    found = brand().ingested(folder)
    close(found, "2026-10", MODELS)
    return brand(refunds=[101]).ingested(folder)


@pytest.fixture(scope="module")
def report(workspace):
    return report_of(workspace)


def whole(report):
    return "".join(section(report)._repr_html_() for section in ALL)


def titles(report):
    return [unescape(each) for each in re.findall(r"<h[12]>(.*?)</h[12]>", whole(report))]


def table_of(fragment, nth=0):
    """Return a table's rows as text."""
    table = re.findall(r"<table.*?</table>", fragment._repr_html_(), re.DOTALL)[nth]
    return [
        [
            unescape(re.sub(r"<[^>]*>", "", cell))
            for cell in re.findall(r"<td.*?</td>", row, re.DOTALL)
        ]
        for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)[1:]
    ]


# ---------------------------------------------------------------------- the page


def test_titles_state_what_was_found(report):
    found = titles(report)
    assert found[0] == "3 orders, ¥1,043.66 net: every order adds up to the fen"
    # A third of 1,000.01 less 1.01 refunded, and all of what bob paid less what he got back.
    assert found[1].endswith("has most: 35.5% of net")
    assert found[2:] == [
        "The ledger and the ERP are ¥7.00 apart, and every fen of it is explained",
        "No model parts from the ledger by more than rounding",
        "1 closed order changed by −¥1.01 net; the next closing restates that",
        "All 3 orders, the largest first",
    ]


def test_rows_add_up_on_the_page(report):
    rows = table_of(sections.by_channel(report))
    *channels, total = rows
    for place in range(3, 6):
        fen = [int(re.sub(r"[,.]", "", row[place])) for row in channels]
        assert sum(fen) == int(re.sub(r"[,.]", "", total[place]))
    assert total[3:5] == ["1,057.01", "1,043.66"]
    assert channels[-1][0] == "Unattributed"
    assert channels[-1][3] == "7.00"


def test_the_gap_to_the_erp_is_laid_open_by_platform(report):
    douyin, wechat, total = table_of(sections.reconciliation(report))
    assert douyin[3:] == ["1,007.01", "1,006.00", "1,007.01", "1,000.01",
                          "7.00", "7.00", "0.00", "0.00", "1", "0"]  # fmt: skip
    assert wechat[3:] == ["50.00", "37.66", "50.00", "50.00", "0.00", "0.00", "0.00", "0.00",
                          "0", "0"]  # fmt: skip
    assert total[7] == "7.00"


def test_what_changed_since_the_closing_is_listed(report):
    fragment = sections.restatements(report)
    assert table_of(fragment) == [
        ["2026-10", "2026-10-01", "2026-10-31", "2", "1,050.01", "1,037.67", "0", "0.00"]
    ]
    assert table_of(fragment, 1) == [
        ["douyin:1", "2026-10", "refund", "1,000.01", "999.00", "−1.01"]
    ]


def test_orders_tell_their_source_and_how_many_models_name_it(report):
    rows = table_of(sections.orders(report))
    assert [row[0] for row in rows] == ["douyin:1", "wechat:2", "douyin:3"]
    assert [row[1] for row in rows] == ["E1", "E2", ""]
    assert rows[0][3:6] == ["1,000.01", "1.01", "999.00"]
    # Of three alike the last one met counts; the last touch is the same.
    assert rows[0][7].endswith(HOSTILE[2])
    assert rows[0][8] == "33%"
    assert rows[2][7:] == ["Unattributed", "100%", "3/3"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_name_is_escaped_in_every_language(workspace, language):
    text = whole(report_of(workspace, language))
    assert "<script" not in text
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in text
    assert "&amp;amp;{0}" in text
    assert not re.search(r"\bnan\b|<NA>|&lt;NA&gt;|None|\bNaT\b", text)
    assert text.count("<section") == 5
    assert 'role="img" aria-label=' in text


def test_a_period_without_orders_and_a_brand_without_closings_make_a_page(tmp_path, workspace):
    empty = report_of(workspace, days=Days("2030-01-01", "2030-01-31"))
    assert titles(empty)[0] == "No paid order in these days"
    fresh = report_of(brand().ingested(tmp_path))
    assert "Nothing is closed yet" in titles(fresh)
    for each in (empty, fresh):
        ledger_sheets(each)
        save_ledger(each, tmp_path)


def test_amounts_without_tax_stand_beside_those_with_it(workspace):
    found = report_of(workspace, tax_rate="0.13")
    total = table_of(sections.by_channel(found))[-1]
    assert total[-1] == f"{sum(round(n / 1.13) for n in (99_900, 3_766, 700)) / 100:.2f}"


# ---------------------------------------------------------------------- files


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
    assert erp.columns.tolist() == ["order_id", "erp_order_id", "model", "channel", "share", "day"]
    assert erp.set_index("order_id")["erp_order_id"].fillna("-").to_dict() == {
        "douyin:1": "E1", "wechat:2": "E2", "douyin:3": "-",
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
