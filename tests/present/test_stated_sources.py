"""A comparison of a store: money in fen, and orders that only state their source themselves."""

from __future__ import annotations

import re
from html import unescape

import pandas as pd
import pytest

from attribution import Journeys, compare, default_models
from attribution.present import comparison_sections, credit_sections, journey_sections
from attribution.present.report import Report, source_text
from attribution.present.words import LANGUAGES, words_in

NOON = pd.Timestamp("2026-11-11 12:00", tz="UTC")
HOUR = pd.Timedelta("1h")

# Six buyers: a and b met an ad two hours before, c also names a room, d to f name a room only.
TOUCH = pd.DataFrame(
    [
        *((who, NOON - 2 * HOUR, "ad", "click", None) for who in "abc"),
        *((who, NOON, "room", "order_source", f"o-{who}") for who in "cdef"),
        ("x", NOON - 3 * HOUR, "ad", "click", None),
    ],
    columns=["person", "at", "channel", "event", "order_id"],
)
ORDERS = pd.DataFrame(
    [(f"o-{who}", who, NOON, 1_000_000) for who in "abcdef"] + [("o-g", "g", NOON, 500_000)],
    columns=["order_id", "person", "at", "value"],
)


def report_on(language: str = "en", orders: pd.DataFrame = ORDERS) -> Report:
    journeys = Journeys.from_touchpoints(TOUCH, orders)
    return Report(
        journeys,
        compare(journeys, default_models()),
        [],
        words_in(language, minor=100),
        headline="Shapley",
        source="x",
        lookback="30D",
        level="streamer",
        money="gross_fen",
    )


def text_of(*fragments: object) -> str:
    html = "".join(fragment._repr_html_() for fragment in fragments)
    return re.sub(r"<style>.*?</style>", "", html, flags=re.S)


def rows_of(html: str) -> dict[str, list[str]]:
    found = {}
    for line in re.findall(r"<tr.*?</tr>", html, flags=re.S):
        cells = re.findall(r"<td.*?</td>", line, flags=re.S)
        plain = [unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in cells]
        if plain:
            found[plain[0]] = plain[1:]
    return found


def test_the_finding_owns_what_only_orders_state() -> None:
    text = text_of(comparison_sections.opening(report_on()))
    assert "to another channel, or to none" in text
    assert "¥60k from 6 orders with a known touchpoint" in text
    assert "¥5,000 from 1 order unattributed in every model" in text
    assert "Of the 6 orders, 3 only state their source themselves" in text


def test_what_was_read_says_level_money_and_stated_sources() -> None:
    text = text_of(comparison_sections.what_was_read(report_on()))
    assert "down to the streamer" in text
    assert "gross: what was paid for goods, before refunds" in text
    assert "3 orders met no observed touchpoint" in text


def test_models_that_need_an_observation_leave_more_unattributed() -> None:
    report = report_on()
    lost = report.unattributed_by_model
    assert lost["LastTouch"] == lost["Linear"] == 500_000
    assert lost["Markov"] == lost["Shapley"] == 3_500_000
    rows = rows_of(text_of(credit_sections.credit_by_model(report)))
    *_, figures, spread, rank, why = rows["Unattributed"]
    assert (figures, spread, rank) == ("5.0–35.0", "86%", "")  # 30 of 35 thousand yuan
    assert why == "no touchpoint, or only the order's own word"
    assert rows["room"][-1] == "mostly told by the orders, not observed"
    assert report.stated_share == {"ad": 0.0, "room": 1.0}


def test_an_unattributed_figure_beyond_the_axis_is_written_out() -> None:
    dear = pd.concat(
        [ORDERS, pd.DataFrame([("o-h", None, NOON, 90_000_000)], columns=ORDERS.columns)]
    )
    rows = rows_of(text_of(credit_sections.credit_by_model(report_on(orders=dear))))
    assert rows["Unattributed"][0] == "905–935 ¥k"


def test_how_journeys_run_is_told_from_what_was_observed() -> None:
    html = text_of(journey_sections.shape_of_journeys(report_on()))
    labels = re.findall(r'text-anchor="middle">([^<]+)</text>', html)
    assert labels[:2] == ["100", "1"]  # a, b and c: one observed touchpoint each
    assert labels[2:6] == ["0", "1 h", "100", "6 h"]  # all two hours before, none at the order
    rows = rows_of(html)
    assert rows["ad"] == ["3", "30.0", "75.0% (30.1–95.4)"]  # of four journeys that met it
    assert "room" not in rows
    assert rows["Orders with a touchpoint"][0] == "3"
    assert html.count("Observed touchpoints only") == 3
    assert "every rule-based model gives the same answer" not in html


@pytest.mark.parametrize("language", LANGUAGES)
def test_amounts_are_yuan_on_the_page_and_fen_in_the_tables(language: str) -> None:
    report = report_on(language)
    text = text_of(credit_sections.exact_and_distances(report), comparison_sections.closing(report))
    assert {"en": "in fen and orders", "zh": "以分为单位"}[language] in text
    assert {"en": "in the tables in fen", "zh": "表格中为分"}[language] in text
    assert {"en": "the same ¥65k", "zh": "¥6.5万"}[language] in text


def test_money_is_called_what_it_is() -> None:
    assert report_on().measure_word == "gross revenue"
    assert report_on("zh").measure_word == "成交额"


def test_inputs_are_named_by_their_files_or_counted() -> None:
    words = words_in("en")
    assert source_text(words, ["/a/b/t.csv", "o.csv"]) == "t.csv, o.csv"
    batches = [{"source": "s", "file": name, "sha256": "0"} for name in "ab"]
    assert source_text(words, batches) == ("2 files of 1 source, as ingested into the store")


def test_a_channel_that_only_some_models_credit_does_not_hold() -> None:
    report = report_on()
    assert report.spread.loc["room", "headline"] == 0
    assert report.spread.loc["room", "spread"] == float("inf")
    assert "1 of 2 channels hold, for 1 it depends" in text_of(comparison_sections.opening(report))
    title = re.findall(r"<h2>(.*?)</h2>", text_of(credit_sections.credit_by_model(report)))[0]
    assert title == "It depends most on the model for room"
