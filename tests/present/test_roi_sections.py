"""The page of return by streamer and session shows the frames it is given, and closes."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

import attribution
from attribution import LastTouch, Linear, Shapley
from attribution.decide.earned import Earned, earned
from attribution.decide.roi import roi
from attribution.decide.sessions import minute_books, product_books, session_books
from attribution.names import COST_KINDS, ORGANIC
from attribution.present import roi_sections as sections
from attribution.present.roi_sections import RoiReport
from attribution.present.words import LANGUAGES, words_in
from attribution.workspace import Workspace
from tests.brand import sample_brand
from tests.decide.brands import brand, busy, cost, crowded, sale, session, touch
from tests.decide.sceptic import Sceptic, doubted

HOSTILE = "=<script>alert('x')</script>&{0} ‮😀"
ALL = (
    sections.opening,
    sections.profit_and_loss,
    sections.by_channel,
    sections.by_session,
    sections.by_offer,
    sections.by_minute,
    sections.closing,
)


def measured(workspace: Workspace, language: str = "en", **days: str) -> Earned:
    models = [LastTouch(), Linear(), Shapley()]
    return earned(replace(workspace, language=language), models, **days)


def report_of(found: Earned, language: str = "en") -> RoiReport:
    books = found.books
    return RoiReport(
        found.by_channel, found.by_session,
        session_books(books), product_books(books), minute_books(books), found.by_session.live,
        words_in(language, minor=100), title="Acme", source="a source",
    )  # fmt: skip


def report_on(workspace: Workspace, language: str = "en", **days: str) -> RoiReport:
    return report_of(measured(workspace, language, **days), language)


def html_of(report: RoiReport) -> str:
    html = "".join(make(report)._repr_html_() for make in ALL)
    return re.sub(r"<style>.*?</style>", "", html, flags=re.S)


def titles(report: RoiReport) -> list[str]:
    return [unescape(t) for t in re.findall(r"<h[12]>(.*?)</h[12]>", html_of(report), flags=re.S)]


def rows_of(html: str) -> list[list[str]]:
    rows = (re.findall(r"<td.*?</td>", line) for line in re.findall(r"<tr.*?</tr>", html, re.S))
    return [[unescape(re.sub(r"<[^>]+>", "", cell)) for cell in row] for row in rows if row]


def number(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return sample_brand(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def english(sample: Workspace) -> RoiReport:
    return report_on(sample)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> RoiReport:
    return report_on(crowded(tmp_path_factory.mktemp("crowd"), 10_000))


def test_numbers_on_the_page_are_those_of_the_frames(english: RoiReport) -> None:
    rows = {row[0]: row for row in rows_of(sections.by_channel(english)._repr_html_())}
    lead = english.lead.set_index("channel")
    shown = [name for name in lead.index if name in rows]
    assert len(shown) == 14
    for name in shown:
        row, wanted = rows[name], lead.loc[name]
        assert number(row[1]) == pytest.approx(wanted["net_expected_fen"] / 100, abs=0.5)
        assert number(row[2]) == pytest.approx(wanted["spend_fen"] / 100, abs=0.5)
        assert number(row[4]) == pytest.approx(wanted["contribution_expected_fen"] / 100, abs=0.5)
        assert row[8] == ("–" if not wanted["spend_fen"] else row[8])
    verdicts = english.roi.verdicts().set_index("channel")
    assert [rows[n][6] for n in shown] == [f"{verdicts['profitable'][n]}/3" for n in shown]


def test_tables_close(english: RoiReport, crowd: RoiReport) -> None:
    for report in (english, crowd):
        rows = rows_of(sections.by_channel(report)._repr_html_())
        assert rows[-1][0] == "Total"
        for column in (1, 2, 4):
            sums = sum(number(row[column]) for row in rows[:-1])
            assert sums == pytest.approx(number(rows[-1][column]), abs=len(rows))
        table = rows_of(sections.by_session(report)._repr_html_())
        for column in range(1, 7):
            sums = sum(number(row[column]) for row in table[:-1])
            assert sums == pytest.approx(number(table[-1][column]), abs=len(table))
        steps = rows_of(sections.profit_and_loss(report)._repr_html_())
        amounts = {row[0]: number(row[2]) for row in steps}
        costs = sum(list(amounts.values())[5:-1])
        assert amounts["Expected net"] + costs == pytest.approx(
            amounts["Contribution"], abs=len(steps)
        )


def test_ten_thousand_streamers_stay_readable(crowd: RoiReport) -> None:
    rows = rows_of(sections.by_channel(crowd)._repr_html_())
    assert len(rows) == sections._SHOWN + 2  # the others, and the total
    assert "9,986 other channels" in rows[-2][0]
    assert len(rows_of(sections.by_session(crowd)._repr_html_())) == sections._SESSIONS + 4
    html = html_of(crowd)
    assert len(html) < 300_000
    assert len(re.findall("<circle|<path", html)) < 200


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_languages_are_complete(sample: Workspace, language: str) -> None:
    html = html_of(report_on(sample, language))
    told = re.sub(r"<[^>]+>", " ", html)
    other = r"[a-z]{4,}" if language == "zh" else "[，。；：？（）]"
    known = {"attribution", "source", "session", "Acme"}
    assert set(re.findall(other, told)) <= known
    assert "{" not in told
    assert html.count("<svg") == html.count("aria-label=") + html.count('aria-hidden="true"') + len(
        re.findall(r'<svg x="', html)
    )


def test_titles_say_what_was_found(english: RoiReport) -> None:
    found, counts = titles(english), english.channels["verdict"].value_counts()
    total, costs = english.total, english.roi.costs
    gross, kept, left = (
        total[name] for name in ("gross_fen", "net_expected_fen", "contribution_expected_fen")
    )
    sold, stays, earned_ = (f"¥{fen / 1e5:.0f}k" for fen in (gross, kept, left))
    assert found[0] == f"{sold} sold, {stays} expected to stay, {earned_} left after all costs"
    goods = costs[(costs["kind"] == "goods") & (costs["model"] == "Linear")]["amount_fen"].sum()
    parts = (gross - kept, goods, total["cost_fen"] - goods, left)
    back, made, other, rest = (f"{100 * fen / gross:.0f}" for fen in parts)
    assert found[1] == (
        f"Of 100 paid, {back} come back, {made} are goods, {other} other costs, and {rest} are left"
    )
    assert found[2].startswith(f"{counts['profit']} of 26 channels earn more than they cost, ")
    assert f"; {counts['loss']} lose, most of all Douyin · Live · 晚晴" in found[2]
    assert found[3].startswith("By Linear, ")


def test_what_no_order_is_known_of_is_not_called_a_loss(tmp_path: Path) -> None:
    tables = {
        "sessions": [session("r", "2026-11-10 11:00", "2026-11-10 13:00", streamer_id="ann")],
        "orders": [sale("o", 9_000, "p", "2026-11-10 12:00")],
        "touchpoints": [touch("t", "p", "2026-11-10 11:00", content_form="search")],
        "costs": [cost("c", "slot_fee", 5_000, "session", scope_id="r")],
    }
    report = report_on(brand(tmp_path, tables))
    row = next(row for row in rows_of(sections.by_channel(report)._repr_html_()) if "ann" in row[0])
    assert row[-1].strip() == "no touchpoint"
    assert "lose" not in titles(report)[2]
    assert "1 of 1 sessions" not in titles(report)[3]
    assert "0 of 1 sessions earn, 0 lose, 1 cannot be told" in titles(report)[3]


def test_nothing_sold_and_nothing_spent_is_said(tmp_path: Path, english: RoiReport) -> None:
    workspace = brand(tmp_path, {"orders": [sale("o", 9, "p", "2026-11-10 12:00")]})
    empty = report_on(workspace, since="2030-01-01")
    assert set(titles(empty)) == {
        "Nothing was sold and nothing was spent in these days",
        "No live session in these days",
        "No order was placed while something was being explained, or nobody noted what was",
        "No session with a known start and end sold anything",
    }
    assert "nan" not in html_of(empty).lower()


def test_costs_without_sales_are_a_loss_in_words_and_ink(tmp_path: Path) -> None:
    tables = {"costs": [cost("c", "crew", 700_000, platform=None)]}
    report = report_on(brand(tmp_path, tables))
    assert titles(report)[:2] == [
        "¥0 sold, ¥0 expected to stay, ¥7,000 lost after all costs",
        "Nothing sold, ¥7,000 spent",
    ]
    html = html_of(report)
    assert 'class="loss"' in html
    assert "nothing sold there to spread it by" in unescape(html)


def test_hostile_names_are_only_names(tmp_path: Path) -> None:
    tables = {
        "streamers": [{"streamer_id": "ann", "name": HOSTILE}],
        "sessions": [
            session("<b>r</b>", "2026-11-10 11:00", "2026-11-10 13:00", streamer_id="ann",
                    title=HOSTILE),
        ],
        "session_products": [
            {"session_id": "<b>r</b>", "platform": "douyin", "product_id": "<i>P</i>",
             "explain_from": sale("o", 1, None, "2026-11-10 11:30")["created_at"]},
        ],
        "touchpoints": [touch("t", "p", "2026-11-10 11:00", streamer_id="ann",
                              session_id="<b>r</b>")],
        "orders": [sale("o", 9_000, "p", "2026-11-10 12:00")],
        "order_lines": [
            {"order_id": "o", "line_id": "l", "platform": "douyin", "paid_fen": 9_000,
             "room_id": "<b>r</b>", "product_id": "<i>P</i>", "qty": 1},
        ],
        "costs": [cost("c", "crew", 700_000, "session", scope_id="<b>r</b>")],
    }  # fmt: skip
    report = replace(report_on(brand(tmp_path, tables)), title=HOSTILE, source=HOSTILE)
    html = html_of(report)
    assert html.count("<script") == 0
    assert html.count("<i>") == 0
    assert html.count("&lt;script&gt;") > 8
    assert "&lt;i&gt;P" in html


def test_every_kind_of_cost_and_every_reason_has_words(tmp_path: Path) -> None:
    assert set(sections.KINDS) == set(COST_KINDS)
    report = report_on(busy(tmp_path))
    kinds = {row[0] for row in rows_of(sections.profit_and_loss(report)._repr_html_())}
    wanted = {report.words(sections.KINDS[kind]) for kind in report.roi.costs["kind"]}
    assert wanted <= kinds
    reasons = pd.DataFrame({"kind": "ads", "why": [*sections._WHY], "amount_fen": 7})
    report = replace(report, roi=replace(report.roi, unplaced=reasons))
    assert sections.by_channel(report)._repr_html_().count("Ads ¥0.07") == len(sections._WHY)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_platforms_print_stands_beside_what_is_left_of_it(
    sample: Workspace, language: str
) -> None:
    found = measured(sample, language)
    report = report_of(found, language)
    html = sections.as_printed(report, found.printed, found.claims)._repr_html_()
    rows = rows_of(html)
    ranked = found.printed.sort_values("ads_fen", ascending=False)
    assert [number(row[3]) for row in rows] == pytest.approx([*ranked["printed"]], abs=0.051)
    assert len(rows) == len(found.printed) >= 2
    # A claimer that nobody wrote a rule for keeps its own name.
    claims = replace(found.claims, rules={})
    bare = sections.as_printed(report, found.printed, claims)._repr_html_()
    assert {row[0] for row in rows_of(bare)} == set(found.printed["claimer"])
    none = sections.as_printed(report, found.printed.iloc[:0], found.claims)._repr_html_()
    assert report.words("roi_printed_none") in none


def test_what_would_have_come_anyway_is_no_channel(english: RoiReport, tmp_path: Path) -> None:
    found = roi(
        attribution.open_journeys(doubted(tmp_path)), [LastTouch(), Sceptic()], headline="Sceptic"
    )
    report = replace(english, roi=found)
    assert report.channels["channel"].tolist() == ["Douyin · Search"]
    html = sections.by_channel(report)._repr_html_()
    assert ORGANIC not in html
    row = next(row for row in rows_of(html) if row[0] == "Organic")
    anyway = report.lead.set_index("channel")["net_expected_fen"][ORGANIC]
    assert row[1] == report.yuan(anyway) == report.yuan(5_000)
    assert "no verdict" in row[-1]
