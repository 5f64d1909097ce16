"""The first page of the site: one screen, its figures those of the frames."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

import attribution
from attribution import LastTouch, Linear, Shapley
from attribution.decide.changes import Changes, Snapshot, changes, snapshot
from attribution.decide.days import Days
from attribution.decide.roi import roi
from attribution.evaluate.causal import Causal, causal
from attribution.evaluate.gates import Finding, Outcome
from attribution.names import ORGANIC
from attribution.present import overview_sections as sections
from attribution.present.overview_sections import OverviewReport
from attribution.present.words import LANGUAGES, words_in
from attribution.store.quality import quality_of
from attribution.workspace import Workspace
from tests.brand import sample_brand
from tests.decide.brands import brand, busy, cost, crowded, sale, touch
from tests.decide.sceptic import Sceptic, doubted

HOSTILE = "=<script>alert('x')</script>&{0} ‮😀"
PAGES = ("roi", "claims", "model_comparison", "data_quality", "diff")
ALL = (sections.opening, sections.glance, sections.who_and_what_changed, sections.closing)


def report_on(workspace: Workspace, language: str = "en", **days: str) -> OverviewReport:
    store = attribution.open_store(workspace)
    journeys = attribution.open_journeys(workspace, language=language)
    found = roi(journeys, [LastTouch(), Linear(), Shapley()], **days)
    return OverviewReport(
        found, attribution.claims(store), quality_of(store), None,
        words_in(language, minor=100), ("", ""), PAGES, "Acme", "a source",
        causal=causal(found.priced(journeys)),
    )  # fmt: skip


def now_of(report: OverviewReport, workspace: Workspace) -> Snapshot:
    definition = attribution.open_journeys(workspace).definition
    book = report.roi.ledger
    return snapshot(book, report.roi.headline, definition, Days(), report.words.language)


def html_of(report: OverviewReport) -> str:
    html = "".join(make(report)._repr_html_() for make in ALL)
    return re.sub(r"<style>.*?</style>", "", html, flags=re.S)


def titles(report: OverviewReport) -> list[str]:
    return [unescape(t) for t in re.findall(r"<h[12]>(.*?)</h[12]>", html_of(report), flags=re.S)]


def rows_of(html: str) -> list[list[str]]:
    rows = (re.findall(r"<td.*?</td>", line) for line in re.findall(r"<tr.*?</tr>", html, re.S))
    return [[unescape(re.sub(r"<[^>]+>", "", cell)) for cell in row] for row in rows if row]


def number(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-").replace("+", "").rstrip("%"))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return sample_brand(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def english(sample: Workspace) -> OverviewReport:
    return report_on(sample)


@pytest.fixture(scope="module")
def changed(english: OverviewReport, sample: Workspace) -> OverviewReport:
    """Return the same with a run before it: fewer orders, a refund less, other settings."""
    now = now_of(english, sample)
    facts = dict(now.facts) | {"settings": dict(now.facts["settings"]) | {"lookback": "7D"}}
    orders = now.orders.iloc[:-40].reset_index(drop=True)
    entries = now.entries[now.entries["order_id"].isin(orders["order_id"])]
    paid = orders["net_fen"] == orders["gross_fen"]
    orders.loc[~paid, "net_fen"] = orders.loc[~paid, "gross_fen"]
    entries = orders[["order_id", "net_fen"]].assign(channel="Douyin · Search")
    before = Snapshot(orders, entries, facts)
    return replace(english, changes=changes(before, now, now))


def test_who_brought_it_closes_and_is_the_frame_s(english: OverviewReport) -> None:
    rows = rows_of(sections.who_and_what_changed(english)._repr_html_())
    lead = english.roi.channels[english.roi.channels["model"] == english.roi.headline]
    wanted = lead.set_index("channel")["net_expected_fen"]
    shown = {row[0]: row for row in rows if row[0] in wanted.index}
    assert len(shown) >= 10
    for name, row in shown.items():
        assert number(row[2]) == pytest.approx(wanted[name] / 100, abs=0.5)
        assert number(row[4]) == pytest.approx(100 * wanted[name] / wanted.sum(), abs=0.05)
    total = next(row for row in rows if row[0] == "Expected net, all")
    parts = [row for row in rows if len(row) == 6 and row is not total and row[2] != "–"]
    assert sum(number(row[2]) for row in parts) == pytest.approx(number(total[2]), abs=len(parts))
    assert sum(number(row[4]) for row in parts) == pytest.approx(100, abs=0.6)


def test_the_causal_model_stands_beside_the_others(english: OverviewReport) -> None:
    html = sections.who_and_what_changed(english)._repr_html_()
    credit = english.causal.credit
    frame = credit.frame().set_index("channel")
    lead = english.roi.channels[english.roi.channels["model"] == english.roi.headline]
    assert frame["value"].sum() == pytest.approx(lead["net_expected_fen"].sum())  # the same money
    shown = {row[0]: row for row in rows_of(html) if len(row) == 6}
    assert shown["Organic"][1].startswith("only Hazard gives ")
    given = number(shown["Organic"][1].removeprefix("only Hazard gives "))
    assert given == pytest.approx(frame["value"]["(organic)"] / 100, abs=0.5)
    assert shown["Organic"][2:] == ["–", "", "–", ""]
    stated = set(credit.effects.dropna()["channel"]) & shown.keys()
    assert 0 < len(stated) < len(credit.channels)
    spoken = dict(re.findall(r'aria-label="([^":]+): [^"]*, by Hazard ([\d,.]+)"', html))
    assert spoken.keys() == stated
    for name, amount in spoken.items():
        assert number(amount) == pytest.approx(frame["value"][name] / 100, abs=0.5)
    assert html.count('class="diamond"') == 2 + len(stated)  # in the legend, and organic
    before = sections.who_and_what_changed(replace(english, causal=None))._repr_html_()
    assert "azard" not in before
    assert [row for row in rows_of(html) if row[0] != "Organic"] == rows_of(before)


def test_why_there_is_no_causal_model_is_said(english: OverviewReport) -> None:
    silent = replace(english, causal=Causal(None, "no_nulls"))
    html = sections.who_and_what_changed(silent)._repr_html_()
    assert "No Hazard: without people who did not order" in html
    assert 'class="diamond"' not in html
    assert "Organic" not in html


def test_what_changed_closes(changed: OverviewReport) -> None:
    rows = [r for r in rows_of(sections.who_and_what_changed(changed)._repr_html_()) if len(r) == 3]
    assert rows[0][0] == "Net, run before"
    assert rows[-1][0] == "Net, this run"
    between = sum(number(row[2]) for row in rows[1:-1])
    assert number(rows[0][2]) + between == pytest.approx(number(rows[-1][2]), abs=len(rows))
    assert {row[0].split(" (")[0] for row in rows[1:-1]} == {
        "Orders that came late", "New refunds", "Model and parameters",
    }  # fmt: skip
    html = html_of(changed)
    assert "1 setting of models and journeys changed" in html
    assert 'href="diff.html"' in html


def test_titles_say_what_was_found(english: OverviewReport, changed: OverviewReport) -> None:
    found = titles(english)
    total = english.roi.total()
    gross, kept, left = (
        total[name] for name in ("gross_fen", "net_expected_fen", "contribution_expected_fen")
    )
    sold, stays, earned = (f"¥{fen / 1e5:.0f}k" for fen in (gross, kept, left))
    assert found[0] == f"{sold} sold, {stays} expected to stay, {earned} left after all costs"
    assert found[1] == (
        f"Of 100 paid about {100 * kept / gross:.0f} stay and {100 * left / gross:.0f} are profit"
        " contribution"
    )
    assert found[-1] == "This is the first run; the next one is held against it"
    net = changed.changes.after_fen / changed.changes.before_fen - 1
    more = "more" if net > 0 else "less"
    assert titles(changed)[-1].startswith(f"Net is {abs(net):.1%} {more} than in the run before")


def test_attention_is_five_things_at_most_each_with_a_way_on(english: OverviewReport) -> None:
    items = re.findall(r"<li>.*?</li>", html_of(english))
    assert 3 <= len(items) <= 5
    assert all("<a href=" in item and "aria-label=" in item for item in items)
    bare = html_of(replace(english, pages=()))
    assert "<a " not in bare
    losing = english.roi.verdicts().query("verdict == 'loss'")["channel"]
    assert sum("■" in item for item in items) == min(2, len(losing))


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_languages_are_complete(sample: Workspace, language: str) -> None:
    told = re.sub(r"<[^>]+>", " ", html_of(report_on(sample, language)))
    other = r"[a-z]{4,}" if language == "zh" else "[，。；：？（）]"
    assert set(re.findall(other, told)) <= {"attribution", "source", "azard"}
    assert "{" not in told


def test_nothing_sold_and_nothing_spent_is_said(tmp_path: Path) -> None:
    workspace = brand(tmp_path, {"orders": [sale("o", 9, "p", "2026-11-10 12:00")]})
    empty = report_on(workspace, since="2030-01-01")
    assert titles(empty)[:2] == ["Nothing was sold and nothing was spent in these days"] * 2
    assert "No order has a known touchpoint" in titles(empty)
    assert "Nothing stands out in this run" in titles(empty)
    assert "nan" not in html_of(empty).lower()


def test_a_loss_is_drawn_left_of_zero_and_no_claims_are_no_item(tmp_path: Path) -> None:
    tables = {
        "orders": [sale("o", 9_000, "p", "2026-11-10 12:00")],
        "touchpoints": [touch("t", "p", "2026-11-10 11:00", content_form="search")],
        "costs": [cost("c", "crew", 5_000_000)],
    }
    report = report_on(brand(tmp_path, tables))
    assert "lost after all costs" in titles(report)[0]
    html = html_of(report)
    assert 'class="loss"' in html
    assert "claim" not in html.replace("claims.html", "")
    assert "nan" not in html.lower()


def test_ten_thousand_streamers_stay_readable(tmp_path: Path) -> None:
    html = html_of(report_on(crowded(tmp_path, 10_000)))
    assert len(html) < 60_000
    assert "other channels" in html
    rows = [row for row in rows_of(html) if len(row) == 6 and row[2] != "–"]
    assert len(rows) <= 10 + 2 + 2
    total = number(rows[-1][2])
    assert sum(number(row[2]) for row in rows[:-1]) == pytest.approx(total, abs=len(rows))


def test_hostile_names_are_only_names(tmp_path: Path) -> None:
    tables = {
        "streamers": [{"streamer_id": "ann", "name": HOSTILE}],
        "orders": [sale("o", 9_000, "p", "2026-11-10 12:00")],
        "touchpoints": [touch("t", "p", "2026-11-10 11:00", streamer_id="ann")],
        "costs": [cost("c", "crew", 700_000, "streamer", scope_id="ann")],
        "platform_claims": [
            {"claim_id": "x", "claimer": HOSTILE, "platform": "douyin", "order_id": "o",
             "kind": "direct", "amount_fen": 90_000},
        ],
    }  # fmt: skip
    report = replace(report_on(brand(tmp_path, tables)), title=HOSTILE, source=HOSTILE)
    html = html_of(report)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 5


def test_a_change_of_nothing_is_said(english: OverviewReport, sample: Workspace) -> None:
    now = now_of(english, sample)
    same: Changes = changes(now, now, now)
    report = replace(english, changes=same)
    assert titles(report)[-1] == "Net revenue is what it was in the run before."
    assert "Models and settings are as they were." in html_of(report)
    nothing = replace(now, orders=now.orders.iloc[:0], entries=now.entries.iloc[:0])
    grown = replace(english, changes=changes(nothing, now, now))
    assert "nan" not in html_of(grown).lower()
    assert isinstance(grown.changes.totals, pd.DataFrame)


def test_everything_is_there_for_a_busy_shop(tmp_path: Path) -> None:
    html = html_of(report_on(busy(tmp_path)))
    assert "of cost has no channel" in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_verdict_on_models_stands_beside_how_sure_the_figures_are(
    english: OverviewReport, language: str
) -> None:
    words = words_in(language, minor=100)
    verdict = Finding("verdict", Outcome.CAUTION, "corrected", {"tests": 3})
    told = replace(english, words=words, trust=verdict, pages=("validation",))
    html = sections.glance(told)._repr_html_()
    assert f"<b>3</b><span>{words('front_sure_tests')}" in html
    said = f'{words("front_trust_corrected")} · <a href="validation.html">'
    assert said in unescape(html)
    plain = sections.glance(replace(told, pages=(), trust=None))._repr_html_()
    assert words("front_sure_untested") in unescape(plain)


def test_what_would_have_come_anyway_is_told_apart(english: OverviewReport, tmp_path: Path) -> None:
    found = roi(
        attribution.open_journeys(doubted(tmp_path)), [LastTouch(), Sceptic()], headline="Sceptic"
    )
    for language, word in (("en", "Organic"), ("zh", "自然成交")):
        words = words_in(language, minor=100)
        report = replace(english, roi=found, words=words, causal=None)
        html = html_of(report)
        assert ORGANIC not in html
        rows = rows_of(sections.who_and_what_changed(report)._repr_html_())
        row = next(row for row in rows if row[0] == word)
        assert row[2] == report.words.written(5_000.0, report.unit)
        # Of 130 yuan 50 were caused, 50 would have come anyway, and 30 nobody knows.
        caused = report.words("front_sure_caused")
        assert f"<b>{report.words.percent(50 / 130, 1)}</b><span>{caused}" in html
    # Models part by all that one takes for organic.
    assert report.wide.index.tolist() == ["Douyin · Search"]
    assert sections._furthest(report.known)[0] == pytest.approx(0.5)
