"""The return curves on a page: the numbers given, what they do not know, and nothing more."""

from __future__ import annotations

import re
from html import unescape

import pytest

from attribution.decide.returns import return_curves
from attribution.present.curves import return_panel
from attribution.present.returns_sections import ReturnsReport, returns
from attribution.present.words import LANGUAGES, words_in
from tests.decide.returned import simulated, stored

HOSTILE = "=<script>alert('x')</script>&{0}"
APART = simulated(1, [300, 200, 60], [0.6, 0.2, 0.4])


@pytest.fixture(scope="module")
def curves(tmp_path_factory):
    return return_curves(stored(tmp_path_factory.mktemp("page"), APART))


def html_of(curves, language="en"):
    return returns(ReturnsReport(curves, words_in(language, minor=100)))._repr_html_()


def title_of(curves, language="en"):
    return unescape(re.search(r"<h2>(.*?)</h2>", html_of(curves, language))[1])


def rows_of(html):
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<td.*?</td>", line)]
        for line in re.findall(r"<tr.*?</tr>", html, flags=re.S)
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_table_shows_the_frame(curves, language):
    rows = {row[0]: row for row in rows_of(html_of(curves, language)) if row}
    first, total = curves.groups.iloc[0], curves.total.iloc[0]
    name = {"en": "all", "zh": "合计"}[language]
    assert rows["晚晴"][1] == f"{first['orders']:,}"
    assert rows["晚晴"][3] == f"{100 * first['refunded_fen'] / first['gross_fen']:.1f}%"
    assert rows["晚晴"][4] == f"{100 * first['returned_share']:.1f}%"
    assert rows["晚晴"][5] == f"{100 * first['low']:.1f}–{100 * first['high']:.1f}%"
    assert rows[name][4] == f"{100 * total['returned_share']:.1f}%"
    assert len(rows) == len(curves.groups) + 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_panel_draws_observed_expected_and_band(curves, language):
    html = html_of(curves, language)
    panels = re.findall(
        r'<svg height="110".*?</svg>\s*</svg>|<svg height="110".*?</svg></div>', html
    )
    assert len(panels) == len(curves.groups)
    assert html.count('class="curve expected" d=') == len(panels)
    assert html.count('class="curve" d=') == len(panels)
    assert html.count('class="band" d=') == len(panels)
    ends = curves.curves[curves.curves["age_days"] == curves.days]
    for share in ends["expected"]:
        assert f">{100 * share:.0f}%</text>" in html
    labels = re.findall(r'role="img" aria-label="(.*?)"', html)
    assert all(str(curves.days) in label for label in labels)


def test_the_title_says_who_is_apart_and_how_much_has_come_back(curves):
    total = curves.total.iloc[0]["seen_share"]
    title = title_of(curves)
    assert "of 晚晴 comes back" in title
    assert "of s2" in title
    assert f"{100 * total:.0f}% of all that has come back" in title
    assert f"Within {curves.days} days" in title


def test_streamers_that_are_not_apart_are_not_held_apart(tmp_path):
    alike = return_curves(stored(tmp_path, simulated(3, [80, 80], [0.4, 0.4])))
    assert "from no group clearly more than from another" in title_of(alike)


def test_the_backtest_is_said_in_words(curves):
    html = html_of(curves)
    test = curves.backtest
    last = test[test["horizon_days"] == test["horizon_days"].max()]
    overall = last[last["group"].isna()]["error_pp"].item()
    groups = last[last["group"].notna() & (last["orders"] >= 30)]
    assert f"expected {last['horizon_days'].iloc[0]} days ago" in html
    assert f"by {overall:+.1f} (".replace("-", "−") in html
    assert f"{groups['inside'].sum()} of {len(groups)} intervals hold what came" in html


def test_a_miss_is_said(curves):
    for error, wanted in ((-9.0, "the least"), (9.0, "the most")):
        test = curves.backtest.assign(inside=False, error_pp=error)
        copy = return_curves_with(curves, test)
        assert wanted in html_of(copy)
    assert "the least" not in html_of(curves)


def return_curves_with(curves, backtest):
    """Return the same curves, as if they had been that right."""
    copy = type(curves)(**{name: getattr(curves, name) for name in curves.__dataclass_fields__})
    copy.__dict__["backtest"] = backtest  # as its cached property would keep it
    return copy


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_a_refund_the_page_says_that_nobody_knows(tmp_path, language):
    orders = [("s1", "coats", float(i), 1000, []) for i in range(40)]
    found = return_curves(stored(tmp_path, orders))
    assert (
        title_of(found, language)
        == {
            "en": "No refund in the data: nothing can be said of what will come back",
            "zh": "数据里没有任何退款，无法估计还会退多少",
        }[language]
    )
    (total,) = [row for row in rows_of(html_of(found, language)) if row[:1] == ["晚晴"]]
    assert total[5:] == ["–", "–"]
    assert 'class="band" d=' not in html_of(found, language)


@pytest.mark.parametrize("language", LANGUAGES)
def test_young_orders_an_empty_period_and_orders_without_a_streamer(curves, tmp_path, language):
    young = [(None, "coats", 0.3, 1000, []), (None, "coats", 0.2, 500, [(0.1, 500)])]
    html = html_of(return_curves(stored(tmp_path, young)), language)
    assert {"en": "no streamer named", "zh": "未注明主播"}[language] in html
    assert "<path" not in html
    none = return_curves(stored(tmp_path / "none", young), since="2031-01-01")
    assert (
        title_of(none, language)
        == {
            "en": "No paid order in this period",
            "zh": "这段时间没有已付款订单",
        }[language]
    )


def test_names_are_text(tmp_path):
    orders = [(HOSTILE, *rest) for _, *rest in APART[:300]]
    html = html_of(return_curves(stored(tmp_path, orders)))
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_a_panel_keeps_to_its_axis():
    html = return_panel(
        "x", [0, 1, 2], [0.0, 0.5], [0.0, 0.9, 2.0], ([0, 0.1, 0.2], [0, 1.5, 3.0]),
        top=1.0, percent=lambda share: f"{100 * share:.0f}%", days="2 days", label="x",
    )  # fmt: skip
    heights = [float(y) for path in re.findall(r' d="(.*?)"', html)
               for y in re.findall(r"\d\.\d{4} (-?[\d.]+)", path)]  # fmt: skip
    assert heights
    assert min(heights) >= 0
    assert max(heights) <= 74
