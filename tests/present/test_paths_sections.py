"""The page of key paths shows the numbers it is given, and claims no more than they say."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import numpy as np
import pandas as pd
import pytest

from attribution.decide.paths import KeyPaths, paths
from attribution.journeys import Journeys
from attribution.present import paths_flow_sections, paths_sections
from attribution.present.paths_report import PathsReport, save_paths
from attribution.present.words import LANGUAGES, words_in
from tests.decide.made import HOUR, made_brand, ranked
from tests.strategies import HOSTILE_NAMES, Row, build

HOSTILE = "=<script>alert('x')</script>&{0}"
ALL = (
    paths_sections.opening,
    paths_sections.combinations,
    paths_flow_sections.how_journeys_run,
    paths_sections.lengths_and_lags,
    paths_sections.graph_and_top_paths,
    paths_sections.roles,
    paths_sections.buyers,
    paths_sections.closing,
)
ROWS = [
    Row(("a", "b"), 3, 1, 30_000.0, (30 * HOUR, HOUR)),
    Row(("b",), 5, 20, 50_000.0, (2 * HOUR,)),
    Row(("a", "c", "b"), 1, 1, 7_000.0, (9 * HOUR, 8 * HOUR, 3 * HOUR)),
    Row((), 2, 0, 50_000.0, ()),
]
SMALL = build(ROWS, ("a", "b", "c"))
PLANTED = paths(made_brand(40, 8_000, lift=3.0))
EMPTY = paths(SMALL.take(np.zeros(4, bool)))
UNSEEN = paths(SMALL.take(SMALL.lengths == 0))
UNSOLD = paths(replace(SMALL, conversions=SMALL.conversions * 0, values={"value": np.zeros(4)}))


def report_on(key: KeyPaths, language: str = "en", **more: str) -> PathsReport:
    return PathsReport(key, words_in(language, minor=100), brand="Acme", **more)


def whole(key: KeyPaths, language: str = "en", **more: str) -> str:
    report = report_on(key, language, **more)
    html = "".join(make(report)._repr_html_() for make in ALL)
    return re.sub(r"<style>.*?</style>", "", html, flags=re.S)


def rows_of(html: str) -> list[list[str]]:
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<td.*?</td>", line)]
        for line in re.findall(r"<tr.*?</tr>", html, flags=re.S)
    ]


def titles(html: str) -> list[str]:
    return [unescape(title) for title in re.findall(r"<h[12]>(.*?)</h[12]>", html, flags=re.S)]


# ---------------------------------------------------------------------- numbers


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_numbers_shown_are_the_numbers_planted(language: str) -> None:
    rows = rows_of(whole(paths(SMALL), language))
    lost, every = {"en": ("Unattributed", "All orders"), "zh": ("未归因", "全部订单")}[language]
    for wanted in (
        ["b", "5", "500", "20.0% (8.9–39.1)", "×0.69"],  # 5 of 25; 9 of 31 with a touchpoint
        [lost, "2", "500", "–", "–"],
        [every, "11", "1,370", "", ""],
        ["a", "", "4", "0", "4", "–", "370", "0", "–"],  # opened, closed, assisted
        [lost, "", "2", "2", "0", "–", "500", "500", "–"],
        [every, "", "11", "11", "5", "–", "1,370", "1,370", "–"],
        ["1", "5", "500", "55.6%"],  # touchpoints
    ):
        assert wanted in rows, wanted


def test_bands_as_a_table_close() -> None:
    rows = rows_of(whole(paths(SMALL)))
    assert ["All journeys", "", "", "33", "11", "1,370"] in rows
    assert ["Last", "No touchpoint seen", "Order", "2", "2", "500"] in rows
    assert ["Before the last", "a", "b", "4", "3", "300"] in rows
    assert ["First", "a", "c", "2", "1", "70"] in rows


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_planted_combination_is_the_headline(language: str) -> None:
    html = whole(PLANTED, language)
    best = PLANTED.combinations.iloc[0]
    assert (best["seeder"], best["converter"]) == (ranked(40)[1], ranked(40)[0])
    title = titles(html)[0]
    assert best["seeder"] in title
    assert best["converter"] in title
    assert f"{best['lift']:.2g}" in title
    verdict = {"en": "● more", "zh": "● 更高"}[language]
    first = next(row for row in rows_of(html) if len(row) == 8)
    assert first[0] == f"{best['seeder']}›{best['converter']}"
    assert first[2] == f"{best['lift']:.2f} ({best['low']:.2f}–{best['high']:.2f})"
    assert first[3] == verdict


def test_a_combination_that_orders_less_is_no_headline_of_more() -> None:
    frame = PLANTED.combinations.iloc[:1].assign(lift=0.5, low=0.4, high=0.6)
    html = whole(replace(PLANTED, combinations=frame))
    assert "only 0.5 times as often" in titles(html)[0]
    assert "▼ fewer" in html


def test_what_is_not_told_from_chance_is_not_claimed() -> None:
    frame = PLANTED.combinations.assign(found=False, q=0.9)
    html = whole(replace(PLANTED, combinations=frame))
    assert "none stands out from chance" in titles(html)[0]
    assert titles(html)[1].startswith("None of ")
    assert "● more" not in html
    assert html.count('class="mark"') == 1  # the legend's


def test_a_period_and_a_level_are_said() -> None:
    html = whole(PLANTED, since="2026-11-09", until="2026-11-15", level="session", money="net_fen")
    assert "9 Nov 2026 to 15 Nov 2026" in html
    assert "the session; net revenue" in html
    assert "From 9 Nov 2026 on" in whole(PLANTED, since="2026-11-09")
    assert "截至2026年11月15日" in whole(PLANTED, "zh", until="2026-11-15")


# ---------------------------------------------------------------------- what can go wrong


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("key", "says"),
    [
        (EMPTY, ("No orders here", "没有成交")),
        (UNSEEN, ("No order has an observed touchpoint", "没有订单查得到")),
        (UNSOLD, ("No orders here", "没有成交")),
    ],
    ids=["empty", "no touchpoint", "no order"],
)
def test_nothing_to_show_is_said(key: KeyPaths, says: tuple[str, str], language: str) -> None:
    html = whole(key, language)
    assert says[LANGUAGES.index(language)] in titles(html)[0]
    assert "nan" not in html.lower().replace("finance", "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_names_are_shown_and_do_nothing(language: str, tmp_path) -> None:
    names = sorted({HOSTILE, *HOSTILE_NAMES} - {"START"})
    rng = np.random.default_rng(3)
    rows = [
        Row(tuple(rng.choice(names, 3).tolist()), *rng.integers(1, 9, 2).tolist(), 100.0, (3, 2, 1))
        for _ in range(60)
    ]
    key = paths(build(rows, names), least=1)
    report = report_on(key, language)
    html = whole(key, language)
    assert "<script" not in html
    assert HOSTILE in unescape(html)
    save_paths(report, ["a.csv"], tmp_path)
    cells = pd.read_csv(tmp_path / "roles.csv", encoding="utf-8-sig")["channel"].tolist()
    assert f"'{HOSTILE}" in cells
    parquet = pd.read_parquet(tmp_path / "roles.parquet")["channel"].tolist()
    assert HOSTILE in parquet


def test_path_counts_have_no_lag_and_say_so() -> None:
    html = whole(paths(replace(SMALL, ages=None)))
    assert "Path counts carry no times" in html
    assert "Nothing says whether buyers are new or returning" in html


def test_tables_are_the_same_bytes_each_time(tmp_path) -> None:
    written = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        save_paths(report_on(paths(made_brand(30, 1_000))), [], folder)
        written.append({file.name: file.read_bytes() for file in sorted(folder.iterdir())})
    assert written[0] == written[1]
    assert {"combinations.csv", "top.parquet", "flows.csv", "facts.json"} <= set(written[0])


def test_idents_on_a_page_are_unique_and_links_lead_somewhere() -> None:
    html = whole(paths(made_brand(300, 3_000)))
    idents = re.findall(r' id="([^"]+)"', html)
    assert len(idents) == len(set(idents))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(idents)
    assert html.count("<details") > 8


def test_every_channel_of_a_large_brand_is_somewhere_in_the_picture() -> None:
    journeys: Journeys = made_brand(500, 4_000)
    key = paths(journeys)
    met = {journeys.channels[code] for code in np.unique(journeys.codes)}
    assert set(key.nodes["channel"]) == met
    assert key.nodes["node"].nunique() <= 12
