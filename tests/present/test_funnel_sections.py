"""The funnel on a page: what is known, from where, and no 0 for what is not."""

from __future__ import annotations

import re
from html import unescape

import pandas as pd
import pytest

from attribution.decide.funnel import funnel
from attribution.present.funnel_sections import FunnelReport, session_funnel
from attribution.present.words import LANGUAGES, words_in
from attribution.store.store import Store
from tests.decide.test_funnel import line, metrics, session, stored
from tests.store.batches import NOVEMBER, order, touchpoint

HOSTILE = "=<script>alert('x')</script>&{0}"


def html_of(frame, language="en"):
    return session_funnel(FunnelReport(frame, words_in(language)))._repr_html_()


def rows_of(html):
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<td.*?</td>", line)]
        for line in re.findall(r"<tr.*?</tr>", html, flags=re.S)
    ]


@pytest.fixture(scope="module")
def frame(tmp_path_factory):
    return funnel(
        stored(
            tmp_path_factory.mktemp("page"),
            orders=[order(str(i), paid_at=NOVEMBER) for i in range(4)],
            order_lines=[line(str(i), "1") for i in range(3)] + [line("3", "2")],
            sessions=[session("1", streamer_id="s1"), session("2", 1), session("3", 2)],
            streamers=[{"streamer_id": "s1", "name": HOSTILE, "_row": 1}],
            session_metrics=[
                metrics("1", uv=1000, product_clicks=300),
                metrics("2", views=500, product_clicks=50),
            ],
            touchpoints=[touchpoint("t", who="p", event="enter", session_id="3")],
        )
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_session_is_a_row_and_each_known_number_a_bar(frame, language):
    html = html_of(frame, language)
    rows = [row for row in rows_of(html) if row]
    assert rows[0] == [f"{HOSTILE} · 11-01 20:26", "1,000", "300", "3", "3", "0", "0"]
    assert rows[1] == ["2 · 11-02 20:26", "500", "50", "1", "1", "0", "0"]
    assert rows[2] == ["3 · 11-03 20:26", "1", "–", "0", "0", "0", "0"]
    known = {"en": "350 (2 known)", "zh": "350（2 场有数）"}[language]
    assert rows[3][1:4] == ["1,501", known, "4"]
    # Of the 17 known numbers, the views and the three expected refunds are inferred; and a mark
    # of each kind stands in the legend.
    bars = html.split("<tbody>")[1].split("</tbody>")[0]
    assert bars.count('class="hatched"') == 4
    assert bars.count('class="bar"') == 13
    assert "<script" not in html


def test_bars_start_at_nothing_and_the_longest_fills_its_column(frame):
    widths = re.findall(r'class="(bar|hatched)" x="0" width="([\d.]+)%"', html_of(frame))
    entered = [float(width) for _, width in widths]
    assert max(entered) == 100
    assert 50.0 in entered  # 500 views beside 1,000 people


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_title_counts_only_sessions_that_know_both(frame, language):
    title = re.search(r"<h2>(.*?)</h2>", html_of(frame, language))[1]
    # 4 paid orders of 1,501 who came in.
    assert {"en": "2.7 paid orders for every 1,000", "zh": "每 1,000 人次进入带来 2.7 单付款"}[
        language
    ] in title


def test_the_rates_are_of_sums_over_the_sessions_that_have_them(frame):
    rows = {row[0]: row for row in rows_of(html_of(frame)) if row}
    assert rows["came in → clicked goods"][1:4] == ["2", "350 / 1,500", "23.3%"]
    assert rows["ordered → paid"][1:4] == ["3", "4 / 4", "100.0%"]
    assert rows["paid → money back, expected"][4] == "–"


@pytest.mark.parametrize("language", LANGUAGES)
def test_sources_are_named_and_what_is_missing_is_said(frame, language):
    html = html_of(frame, language)
    for wanted in {
        "en": ("people whose touchpoints were read", "how often it was watched",
               "No source tells of: shown, opened the cart"),
        "zh": ("读到触点的人数", "平台统计的观看人次", "没有来源提供：曝光、打开购物车"),
    }[language]:  # fmt: skip
        assert wanted in html


def test_many_sessions_are_rolled_up_and_the_sum_is_of_all(frame):
    one = frame[frame["session_id"] == "1"]
    many = pd.concat(
        [one.assign(session_id=f"n{i:02d}", count=one["count"] + i) for i in range(15)],
        ignore_index=True,
    )
    rows = [row for row in rows_of(html_of(many)) if row]
    body = rows[: next(i for i, row in enumerate(rows) if row[0] == "all") + 1]
    assert len(body) == 14
    assert body[12][:2] == ["3 other sessions", "3,003"]  # the fewest paid orders: 0, 1, 2 more
    assert body[13][1] == "15,105"


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_to_show(tmp_path, language):
    html = html_of(funnel(Store(tmp_path)), language)
    assert {"en": "No live session", "zh": "没有带数据的直播场次"}[language] in html
    assert "<table" not in html
    only = stored(tmp_path / "one", orders=[order("1", paid_at=NOVEMBER)],
                  order_lines=[line("1", "1")], sessions=[session("1")])  # fmt: skip
    title = re.search(r"<h2>(.*?)</h2>", html_of(funnel(only), language))[1]
    assert {"en": "1 paid order in 1 session;", "zh": "1 场共 1 单付款"}[language] in title
