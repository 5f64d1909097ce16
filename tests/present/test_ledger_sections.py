"""The page of the ledger: exact figures, closed sums, hostile names, nothing at all."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

import attribution
from attribution.decide.closing import close, closings, restated
from attribution.decide.days import Days
from attribution.decide.reconciled import reconciled
from attribution.names import ORGANIC, UNATTRIBUTED
from attribution.present import ledger_sections as sections
from attribution.present.ledger_sheets import ledger_sheets, save_ledger
from attribution.present.text import yuan
from attribution.present.words import LANGUAGES, words_in
from tests.brand import sample_brand
from tests.decide.sceptic import Sceptic
from tests.present import made_ledger
from tests.present.made_ledger import HOSTILE, report_of
from tests.strategies import HOSTILE_NAMES

SECTIONS = (
    sections.opening,
    sections.by_channel,
    sections.reconciliation,
    sections.residual,
    sections.restatements,
    sections.orders,
    sections.closing,
)
MODELS = [attribution.LastTouch(), attribution.PositionBased(), attribution.Shapley()]


@pytest.fixture(scope="module")
def brand(tmp_path_factory):
    return sample_brand(tmp_path_factory.mktemp("brand"))


def reported(brand, language="en", since="", until="", tax_rate="0"):
    days = Days(since, until)
    whole = attribution.ledger(
        attribution.open_journeys(brand, language=language), MODELS, tax_rate=tax_rate
    )
    book, closed = whole.within(days), closings(brand)
    return sections.LedgerReport(
        book,
        "PositionBased",
        reconciled(attribution.open_store(brand), book, days),
        closed,
        restated(whole, closed),
        words_in(language, minor=100),
    )


@pytest.fixture(scope="module", params=["en", "zh"])
def report(request, brand):
    return reported(brand, request.param)


def text(fragment) -> str:
    return re.sub(r"<[^>]+>", " ", str(fragment.html))


def test_the_sample_s_books_stand_in_the_title(report):
    assert "400,485.32" in text(sections.opening(report))  # net of truth.json
    assert "1,422" in text(sections.opening(report))


def test_channels_close_to_the_fen(report):
    found = report.totals
    assert found["net_fen"].sum() == report.ledger.orders["net_fen"].sum()
    page = text(sections.by_channel(report))
    for row in found.head(10).to_dict("records"):
        assert yuan(int(row["net_fen"])) in page
    assert yuan(int(report.sums["gross_fen"])) in page


def test_the_gap_to_the_erp_is_explained_to_the_fen(report):
    told = report.platforms
    assert (told["rest_fen"] == 0).all()
    assert told["gap_fen"].sum() == told["lacking_fen"].sum() + told["given_fen"].sum()
    assert told["gross_fen"].sum() == report.ledger.orders["gross_fen"].sum()
    words = report.words
    gap = f"{words.currency}{yuan(int(told['gap_fen'].sum()))}"
    assert words("ledger_erp_explained", gap=gap) in text(sections.reconciliation(report))


def test_an_amount_nobody_explains_is_said(report):
    odd = report.platforms.copy()
    odd.loc[0, "rest_fen"] += 1
    words = report.words
    gap = f"{words.currency}{yuan(int(odd['gap_fen'].sum()))}"
    said = words("ledger_erp_title", gap=gap, rest=f"{words.currency}0.01")
    assert said in text(sections.reconciliation(replace(report, platforms=odd)))


def test_a_period_without_orders_says_so(brand):
    empty = reported(brand, since="2020-01-01", until="2020-01-02")
    for section in SECTIONS:
        assert "nan" not in text(section(empty)).lower()
    assert empty.words("ledger_nothing") in text(sections.opening(empty))
    assert next(sheet.name for sheet in ledger_sheets(empty)) == empty.words("workbook_summary")


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_names_cannot_act(report, name):
    first = report.totals["channel"].iloc[0]
    entries = report.ledger.entries
    renamed = entries.assign(
        channel=entries["channel"].cat.rename_categories({first: name, name: "other"})
    )
    hostile = replace(report, ledger=replace(report.ledger, entries=renamed))
    for section in SECTIONS:
        html = str(section(hostile).html)
        assert "<script" not in html
        if name.startswith("<"):
            assert name not in html


def test_tax_shows_amounts_without_it(brand):
    report = reported(brand, tax_rate="0.13")
    assert report.words("ledger_untaxed") in text(sections.by_channel(report))
    untaxed = int(report.sums["net_fen_untaxed"])
    assert abs(untaxed * 113 - int(report.sums["net_fen"]) * 100) <= 113 * len(report.ledger.orders)
    assert yuan(untaxed) in text(sections.by_channel(report))


def test_a_closed_period_and_what_changed_since(tmp_path):
    brand = sample_brand(tmp_path)
    close(brand, "2026-11-09", MODELS)
    report = reported(brand)
    assert "2026-11-09" in text(sections.restatements(report))
    assert report.words("ledger_restated_none") in text(sections.restatements(report))
    order = report.closings[0].orders["order_id"].iloc[0]
    orders = report.ledger.orders
    less = orders.assign(
        net_fen=np.where(orders["order_id"] == order, orders["net_fen"] - 1, orders["net_fen"])
    )
    now = replace(report.ledger, orders=less)
    moved = replace(report, restated=restated(now, report.closings))
    page = text(sections.restatements(moved))
    assert order in page
    assert "−0.01" in page


def test_files_hold_every_order_and_every_share(brand, tmp_path):
    report = reported(brand)
    counts = save_ledger(report, tmp_path)
    orders = pd.read_parquet(tmp_path / "ledger_orders.parquet")
    assert orders["net_fen"].sum() == 40048532  # of truth.json
    assert counts["ledger_erp"] == counts["ledger_orders"] == len(orders)
    erp = pd.read_csv(tmp_path / "ledger_erp.csv", dtype=str)
    assert {"order_id", "erp_order_id", "model", "channel", "share"} <= {*erp.columns}
    assert set(erp["model"]) == {"PositionBased"}
    entries = pd.read_parquet(tmp_path / "ledger_entries.parquet")
    sums = entries.groupby(["model", "order_id"])["net_fen"].sum()
    for model in report.ledger.models:
        wanted = orders.set_index("order_id")["net_fen"]
        assert sums[model].reindex(wanted.index).tolist() == wanted.tolist()
    book = openpyxl.load_workbook(tmp_path / "ledger.xlsx", data_only=True)
    assert book[report.words("workbook_orders")]["H2"].value == 400485.32
    agrees = [cell.value for sheet in book for cell in sheet[2] if cell.value == "agrees"]
    assert len(agrees) == 4 + 2 * len(MODELS)


def test_the_same_ledger_gives_the_same_bytes(brand, tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        save_ledger(reported(brand), folder)
    for file in sorted(folders[0].iterdir()):
        assert file.read_bytes() == Path(folders[1], file.name).read_bytes(), file.name


# ---------------------------------------------------------------------- a made-up brand, by hand


@pytest.fixture(scope="module")
def made_workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    close(made_ledger.brand().ingested(folder), "2026-10", made_ledger.MODELS)
    return made_ledger.brand(refunds=[101]).ingested(folder)


@pytest.fixture(scope="module")
def made(made_workspace):
    return report_of(made_workspace)


def whole(report):
    return "".join(section(report)._repr_html_() for section in SECTIONS)


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


def test_titles_state_what_was_found(made):
    found = titles(made)
    assert found[0] == "3 orders, ¥1,043.66 net: every order adds up to the fen"
    # A third of 1,000.01 less 1.01 refunded, and all of what bob paid less what he got back.
    assert found[1].endswith("has most: 35.5% of net")
    assert found[2:] == [
        "The ledger and the ERP are ¥7.00 apart, and every fen of it is explained",
        "Of what was paid, no model parts from the ledger by more than rounding",
        "1 closed order changed by −¥1.01 net; the next closing restates that",
        "All 3 orders, the largest first",
    ]


def test_rows_add_up_on_the_page(made):
    rows = table_of(sections.by_channel(made))
    *channels, total = rows
    for place in range(3, 6):
        fen = [int(re.sub(r"[,.]", "", row[place])) for row in channels]
        assert sum(fen) == int(re.sub(r"[,.]", "", total[place]))
    assert total[3:5] == ["1,057.01", "1,043.66"]
    assert channels[-1][0] == "Unattributed"
    assert channels[-1][3] == "7.00"


def test_the_gap_to_the_erp_is_laid_open_by_platform(made):
    douyin, wechat, total = table_of(sections.reconciliation(made))
    assert douyin[3:] == ["1,007.01", "1,006.00", "1,007.01", "1,000.01",
                          "7.00", "7.00", "0.00", "0.00", "1", "0"]  # fmt: skip
    assert wechat[3:] == ["50.00", "37.66", "50.00", "50.00", "0.00", "0.00", "0.00", "0.00",
                          "0", "0"]  # fmt: skip
    assert total[7] == "7.00"


def test_what_changed_since_the_closing_is_listed(made):
    fragment = sections.restatements(made)
    assert table_of(fragment) == [
        ["2026-10", "2026-10-01", "2026-10-31", "2", "1,050.01", "1,037.67", "0", "0.00"]
    ]
    assert table_of(fragment, 1) == [
        ["douyin:1", "2026-10", "refund", "1,000.01", "999.00", "−1.01"]
    ]


def test_orders_tell_their_source_and_how_many_models_name_it(made):
    rows = table_of(sections.orders(made))
    assert [row[0] for row in rows] == ["douyin:1", "wechat:2", "douyin:3"]
    assert [row[1] for row in rows] == ["E1", "E2", ""]
    assert rows[0][3:6] == ["1,000.01", "1.01", "999.00"]
    # Of three alike the last one met counts; the last touch is the same.
    assert rows[0][7].endswith(HOSTILE[2])
    assert rows[0][8] == "33%"
    assert rows[2][7:] == ["Unattributed", "100%", "3/3"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_name_is_escaped_in_every_language(made_workspace, language):
    text = whole(report_of(made_workspace, language))
    assert "<script" not in text
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in text
    assert "&amp;amp;{0}" in text
    assert not re.search(r"\bnan\b|<NA>|&lt;NA&gt;|None|\bNaT\b", text)
    assert text.count("<section") == 5
    assert 'role="img" aria-label=' in text


def test_amounts_without_tax_stand_beside_those_with_it(made_workspace):
    found = report_of(made_workspace, tax_rate="0.13")
    total = table_of(sections.by_channel(found))[-1]
    assert total[-1] == f"{sum(round(n / 1.13) for n in (99_900, 3_766, 700)) / 100:.2f}"


@pytest.mark.parametrize(("language", "word"), [("en", "Organic"), ("zh", "自然成交")])
def test_what_would_have_come_anyway_stands_by_its_word(made_workspace, language, word):
    given = report_of(made_workspace, language)
    models = {"Linear": attribution.Linear(), "half": Sceptic()}
    book = attribution.ledger(attribution.open_journeys(made_workspace), models)
    report = replace(given, ledger=book, headline="half")
    html = whole(report)
    assert ORGANIC not in html
    assert UNATTRIBUTED not in html
    rows = table_of(sections.by_channel(report))
    assert [row[0] for row in rows[-3:-1]] == [word, report.words("unattributed")]
    anyway = int(report.totals.set_index("channel")["net_fen"][ORGANIC])
    assert anyway > 0
    assert rows[-3][4] == report.fen(anyway)
    assert report.money(anyway) in sections.opening(report)._repr_html_()
    assert report.rows[-2:] == [ORGANIC, UNATTRIBUTED]
    cells = {
        report.words(name): {str(each) for column in sheet.columns for each in column.values}
        for name in ("workbook_sources", "workbook_channels", "workbook_residual")
        for sheet in ledger_sheets(report)
        if sheet.name == report.words(name)
    }
    assert len(cells) == 3
    for each in cells.values():
        assert word in each
        assert ORGANIC not in each
