"""The report's sections on journeys of every kind."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from attribution import Hazard, Journeys, Linear, attribute, compare, default_models, usable_models
from attribution.evaluate.causal import causal
from attribution.model import example_journeys
from attribution.names import ORGANIC, UNATTRIBUTED
from attribution.present import (
    charts,
    comparison_sections,
    credit_sections,
    flow,
    journey_sections,
)
from attribution.present.report import Report
from attribution.present.tables import guarded
from attribution.present.words import LANGUAGES, Words, words_in
from tests.decide.sceptic import Sceptic


def report_on(
    journeys: Journeys, language: str = "en", interval: float | None = None, **fields: str
) -> Report:
    models, left_out = usable_models(journeys, default_models())
    comparison = compare(journeys, models, interval)
    return Report(
        journeys,
        comparison,
        left_out,
        words_in(language),
        headline=comparison.headline(),
        source="x.csv",
        lookback="30D",
        **fields,
    )


def whole(report: Report) -> str:
    sections = (
        comparison_sections.opening,
        comparison_sections.what_was_read,
        credit_sections.credit_by_model,
        credit_sections.exact_and_distances,
        journey_sections.graph_and_removal,
        journey_sections.shape_of_journeys,
        comparison_sections.closing,
    )
    return "".join(section(report)._repr_html_() for section in sections)


def counted(
    paths: list[str],
    conversions: list[float],
    nulls: list[int],
    value: float = 1.0,
) -> Journeys:
    return Journeys.from_paths(
        pd.DataFrame(
            {
                "path": paths,
                "total_conversions": conversions,
                "total_null": nulls,
                "total_conversion_value": np.array(conversions) * value,
            }
        )
    )


MANY = counted(
    [f"channel {i:03d} > channel {(i * 7) % 500:03d}" for i in range(500)],
    [1 + i % 5 for i in range(500)],
    [i % 3 for i in range(500)],
    99.0,
)
KINDS = {
    "with times": example_journeys(),
    "one channel": counted(["a", "a > a"], [3, 1], [2, 2]),
    "no conversions": counted(["a > b", "b"], [0, 0], [5, 7]),
    "no value": counted(["a > b", "b > c"], [4, 2], [5, 7], 0.0),
    "no nulls": counted(["a > b", "b > c"], [4, 2], [0, 0]),
    "only unattributed": counted(["", ""], [4, 2], [0, 1]),
    "fractions": counted(["a > b", "b"], [0.5, 1.25], [0, 1]),
    "500 channels": MANY,
    "long path": counted([" > ".join(["a", "b"] * 300)], [1], [0]),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_journeys_makes_a_report(kind: str, language: str) -> None:
    text = whole(report_on(KINDS[kind], language))
    assert "nan" not in re.sub(r"<style>.*?</style>", "", text, flags=re.S).lower()
    assert text.count("<section") >= 4
    assert not re.search(r"[{}]", re.sub(r"<style>.*?</style>", "", text, flags=re.S))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "500 channels"])
def test_every_kind_of_journeys_makes_a_report_with_intervals(kind: str, language: str) -> None:
    text = whole(report_on(KINDS[kind], language, 0.95))
    plain = re.sub(r"<style>.*?</style>", "", text, flags=re.S)
    assert "nan" not in plain.lower()
    assert not re.search(r"[{}]", plain)
    says = {"en": "each journey counts as one person", "zh": "每段旅程算作一个人"}[language]
    assert says in text


def test_intervals_are_drawn_said_and_explained() -> None:
    persons = np.random.default_rng(1).integers(0, 64, len(KINDS["with times"])).astype(np.uint8)
    report = report_on(replace(KINDS["with times"], block=persons), interval=0.9)
    html = str(credit_sections.credit_by_model(report)._repr_html_())
    frame = report.comparison.credits[report.headline].frame().set_index("channel")
    name = report.channels.index[0]
    low, high = frame.loc[name, ["value_low", "value_high"]]
    written = report.words.written(float(high - low) / 2, report.unit)
    assert f'<td class="low">±{written}</td>' in html
    assert f" ±{written}, " in html or f" ±{written} " in html  # for those who listen
    lines = re.findall(r'class="interval" x1="([\d.]+)%" x2="([\d.]+)%"[^>]*/><circle', html)
    dots = [float(x) for x in re.findall(r'class="mark" cx="([\d.]+)%"', html)]
    ends = np.array(lines, float)
    np.testing.assert_allclose(ends.mean(axis=1), dots[1:], atol=0.02)  # one is in the legend
    true = (frame["value_high"] - frame["value_low"])[report.channels.index].to_numpy()
    widths = ends @ [-1, 1]
    np.testing.assert_allclose(widths / widths.sum(), true / true.sum(), atol=0.002)
    assert 3 < widths.mean() < 40
    caption = "90% intervals: person-block jackknife, 64 blocks; sampling error only"
    assert f"<figcaption>{caption}</figcaption>" in html
    assert caption in comparison_sections.closing(report)._repr_html_()
    exact = str(credit_sections._exact(report))
    ends = "–".join(report.words.written(float(x), report.unit) for x in (low, high))
    assert f'title="{ends}"' in exact


def test_the_interval_of_a_sum_is_that_of_the_sum() -> None:
    report = report_on(MANY, interval=0.95)
    rest = report.channels.drop(index=report.shown()).index
    replicates = report.comparison.credits[report.headline].replicates
    place = [report.comparison.credits[report.headline].channels.index(name) for name in rest]
    sums = replicates[:, place, 1].sum(axis=1)
    half = 1.9983405 * np.sqrt(63 / 64 * ((sums - sums.mean()) ** 2).sum())
    assert report.margin(report.headline, list(rest)) == pytest.approx(half, rel=1e-6)
    assert report_on(MANY).margin("Linear", list(rest)) is None


def test_without_intervals_none_is_spoken_of() -> None:
    text = whole(report_on(KINDS["with times"]))
    assert "±" not in text
    assert "no intervals: the models are compared" in text
    assert 'class="interval"' not in text


def _rows(html: str) -> list[list[str]]:
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<td.*?</td>", line)]
        for line in re.findall(r"<tr.*?</tr>", html, flags=re.S)
    ]


def test_the_exact_table_closes_on_screen() -> None:
    report = report_on(MANY)
    rows = [r for r in _rows(credit_sections._exact(report)) if r]
    body = np.array([[float(x.replace(",", "")) for x in r[1:]] for r in rows])
    assert rows[-1][0] == "Total"
    half = 0.5 * 10.0**-report.unit.decimals  # each shown figure is that much off at most
    assert np.abs(body[:-1].sum(axis=0) - body[-1]).max() <= half * len(body)
    assert any("other channels" in r[0] for r in rows)


def test_the_range_plot_shows_every_model_at_its_place() -> None:
    report = report_on(KINDS["with times"])
    html = str(credit_sections.credit_by_model(report)._repr_html_())
    wide = report.wide.drop(index=UNATTRIBUTED, errors="ignore")
    largest = max(float(wide.to_numpy().max()), report.unattributed[1])
    scale = charts.nice_scale(0.0, largest)
    for figure in wide[report.headline]:
        assert f'cx="{scale.at(figure):.2f}%"' in html


def with_hazard(report: Report) -> Report:
    return replace(report, causal=causal(report.journeys, report.comparison.interval))


def diamonds(html: str) -> list[float]:
    return [float(x) for x in re.findall(r'<svg x="([\d.]+)%"[^>]*><path class="diamond"', html)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "500 channels"])
def test_every_kind_of_journeys_has_diamonds_or_says_why_not(kind: str, language: str) -> None:
    report = with_hazard(report_on(KINDS[kind], language))
    plain = re.sub(r"<style>.*?</style>", "", whole(report), flags=re.S)
    assert "nan" not in plain.lower()
    assert not re.search(r"[{}]", plain)
    told = report.words(f"hazard_{report.causal.reason or 'no_times'}")
    assert (told in plain) == (bool(report.causal.reason) and report.credited)
    assert bool(diamonds(plain)) == (kind == "with times")


def test_the_diamond_stands_where_the_causal_model_puts_it() -> None:
    report = with_hazard(report_on(KINDS["with times"], interval=0.9))
    html = str(credit_sections.credit_by_model(report)._repr_html_())
    credit = attribute(report.journeys, Hazard(), 0.9).frame().set_index("channel")
    wide = report.wide.drop(index=UNATTRIBUTED)
    margins = [report.margin(report.headline, [name]) for name in report.channels.index]
    ends = report.channels[report.headline].to_numpy() + np.outer((-1, 1), margins)
    rows = credit["value"].drop(UNATTRIBUTED)
    largest = max(wide.to_numpy().max(), ends.max(), rows.max(), report.unattributed[1])
    scale = charts.nice_scale(min(0.0, float(ends.min())), float(largest))
    names = [*report.channels.index, ORGANIC]
    wanted = [scale.at(rows[name]) for name in names]
    assert diamonds(html) == pytest.approx([50.0, *wanted], abs=0.01)  # one is in the legend
    whiskers = re.findall(r'class="interval caused" x1="([\d.]+)%" x2="([\d.]+)%"', html)
    spans = credit.loc[names, ["value_low", "value_high"]].clip(scale.low, scale.high)
    drawn = np.array(whiskers, float)
    np.testing.assert_allclose(
        drawn, [[scale.at(x) for x in span] for span in spans.to_numpy()], atol=0.01
    )
    spoken = report.words.written(float(rows[names[0]]), report.unit)
    span = credit.loc[names[0], ["value_low", "value_high"]]
    low, high = (report.words.written(float(end), report.unit) for end in span)
    assert f"Hazard {spoken} ({low}–{high})" in html
    assert "Hazard: estimated as caused, 90% interval" in html


def test_the_diamond_leaves_every_other_figure_as_it_is() -> None:
    plain = report_on(KINDS["with times"], interval=0.9)
    both = with_hazard(plain)
    for section in (credit_sections.credit_by_model, credit_sections.exact_and_distances):
        before, after = (_rows(section(each)._repr_html_()) for each in (plain, both))
        known = {row[0]: row for row in after if row}
        for row in (row for row in before if row):
            assert known.pop(row[0], row)[: len(row)] == row
    assert comparison_sections.opening(both)._repr_html_() == (
        comparison_sections.opening(plain)._repr_html_()
    )


def test_the_causal_column_closes_and_leaves_out_what_is_not_stated() -> None:
    report = with_hazard(report_on(KINDS["with times"]))
    effects = report.causal.credit.caused.effects.copy()
    silent = report.channels.index[0]
    effects.loc[effects["channel"] == silent, "conversions"] = np.nan
    caused = replace(report.causal.credit.caused, effects=effects)
    credit = replace(report.causal.credit, caused=caused)
    report = replace(report, causal=replace(report.causal, credit=credit))
    rows = {row[0]: row[1:] for row in _rows(str(credit_sections._exact(report))) if row}
    column = {name: cells[-1] for name, cells in rows.items()}
    models = len(report.wide.columns)
    assert column[silent] == "–"
    assert rows["Organic"][:models] == ["–"] * models
    figures = [float(x.replace(",", "")) for x in column.values() if x != "–"]
    half = 0.5 * 10.0**-report.unit.decimals
    assert sum(figures[:-1]) == pytest.approx(figures[-1], abs=half * len(figures))
    own = float(credit.frame().set_index("channel")["value"][silent])
    assert column["Channels Hazard cannot tell"] == report.words.written(own, report.unit)
    html = str(credit_sections.credit_by_model(report)._repr_html_())
    assert len(diamonds(html)) == 1 + len(report.channels) - 1 + 1  # legend, others, organic
    assert "Hazard says nothing of 1 channel:" in html


@pytest.mark.parametrize(("model", "beside"), [(Hazard(), False), (Hazard("3D"), True)])
def test_the_model_is_not_shown_twice(model: Hazard, beside: bool) -> None:
    journeys = KINDS["with times"]
    comparison = compare(journeys, [*default_models(), model])
    report = Report(journeys, comparison, [], words_in("en"), headline="Shapley", source="x")
    html = str(credit_sections.credit_by_model(with_hazard(report))._repr_html_())
    assert bool(diamonds(html)) == beside
    assert html.count(">Organic</td>") == 1  # the compared model knows of it, too
    [organic] = [row for row in _rows(html) if row and row[0] == "Organic"]
    assert organic[-1] == report.words("why_organic")
    rows = _rows(credit_sections._exact(with_hazard(report)))
    assert len(rows[-1]) == 1 + len(comparison.credits) + beside


def test_an_organic_row_far_off_the_axis_is_said_in_words() -> None:
    report = with_hazard(report_on(KINDS["with times"]))
    credit = report.causal.credit
    credit = replace(credit, organic=credit.organic * 1_000.0)
    far = replace(report, causal=replace(report.causal, credit=credit))
    near, html = (
        str(credit_sections.credit_by_model(each)._repr_html_()) for each in (report, far)
    )
    assert len(diamonds(html)) == len(diamonds(near)) - 1
    assert re.search(r'Organic</td><td class="plot"><span class="beyond">', html)


def test_a_scale_has_round_ticks_inside_the_values() -> None:
    scale = charts.nice_scale(-3.0, 41.0)
    assert scale.ticks == (0.0, 10.0, 20.0, 30.0, 40.0)
    assert scale.at(scale.low) == pytest.approx(1.5)
    assert scale.at(scale.high) == pytest.approx(98.5)
    assert charts.nice_scale(0.0, 0.0).at(0.0) == pytest.approx(1.5)


def test_the_drawn_graph_has_few_nodes_and_owns_what_it_hides() -> None:
    seen = flow.flow_of(MANY, "others")
    assert len(seen.position) <= 12
    assert "others" in seen.position
    assert 0.0 <= seen.hidden <= 1.0
    drawn = sum(seen.graph.edges[e]["count"] for e in seen.edges)
    moves = sum(d["count"] for _, b, d in seen.graph.edges(data=True) if b != "NULL")
    assert seen.hidden == pytest.approx(1 - drawn / moves)


def test_the_opener_stands_left_of_the_closer() -> None:
    seen = flow.flow_of(counted(["open > middle > close"] * 2, [3, 4], [1, 1]), "others")
    assert (seen.opener, seen.closer) == ("open", "close")
    assert seen.position["open"][0] < seen.position["middle"][0] < seen.position["close"][0]


def test_time_lag_counts_orders_within_each_span() -> None:
    hour = 3_600_000
    day = pd.Timestamp("2026-11-01", tz="UTC")
    ages = [hour // 2, hour, 2 * hour, 30 * 24 * hour]
    touch = pd.DataFrame(
        {
            "person": list("abcd"),
            "channel": "x",
            "at": [day - pd.Timedelta(age, "ms") for age in ages],
        }
    )
    orders = pd.DataFrame({"order_id": list("abcd"), "person": list("abcd"), "at": day, "value": 1})
    report = report_on(Journeys.from_touchpoints(touch, orders))
    html = str(journey_sections._lags(report, report.journeys))
    shown = re.findall(r'text-anchor="middle">([^<]+)</text>', html)
    assert shown[:6] == ["50", "1 h", "75", "6 h", "75", "1 d"]
    assert shown[-2:] == ["100", "30 d"]


def test_wilson_interval_by_its_own_equation() -> None:
    text = journey_sections._rate(30.0, 100.0)
    low, high = (float(x) / 100 for x in re.findall(r"\((.*)–(.*)\)", text)[0])
    # The bounds solve (p - 0.3)^2 = z^2 p (1 - p) / n.
    for bound in (low, high):
        gap = (bound - 0.3) ** 2 - 1.96**2 * bound * (1 - bound) / 100
        assert abs(gap) < 2e-4  # the shown bound is rounded to 0.1 %


def test_formula_signs_are_guarded_and_nothing_else_changes() -> None:
    frame = pd.DataFrame({"channel": ["=1+1", "+x", "-x", "@x", "a=b", "直播"], "n": range(6)})
    safe = guarded(frame)
    assert list(safe["channel"]) == ["'=1+1", "'+x", "'-x", "'@x", "a=b", "直播"]
    pd.testing.assert_series_equal(safe["n"], frame["n"])


def test_words_are_only_in_the_table() -> None:
    for path in Path(charts.__file__).parent.glob("*.py"):
        assert not re.search(
            r"[\u4e00-\u9fff]",
            path.read_text(encoding="utf-8")
            .replace("亿", "")
            .replace("万元", "")
            .replace("万", "")
            .replace("；", ""),
        ), path.name


def test_the_style_sheet_s_text_is_readable_in_both_themes() -> None:
    css = Path(charts.__file__).with_name("style.css").read_text(encoding="utf-8")
    themes = [
        dict(re.findall(r"--(\w+):(#[0-9A-F]{6})", part))
        for part in (css.split("@media")[0], css.split("prefers-color-scheme:dark")[1])
    ]
    for tokens in themes:
        for name in ("ink", "ink2", "ink3", "main", "warn"):
            assert _contrast(tokens[name], tokens["bg"]) >= 4.5, name
        for name in ("neg", "un"):
            assert _contrast(tokens[name], tokens["bg"]) >= 3.0, name


def _contrast(one: str, other: str) -> float:
    """Contrast ratio of WCAG 2.1."""

    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_words_value_is_immutable() -> None:
    with pytest.raises(AttributeError):
        Words("en").language = "zh"  # type: ignore[misc]


def test_titles_say_only_what_the_data_show() -> None:
    zero = whole(report_on(KINDS["no conversions"]))
    assert "No conversions in this data" in zero
    assert "goes with it" not in zero
    assert "No order has a known touchpoint" in whole(report_on(KINDS["only unattributed"]))
    half = report_on(counted(["A > B", ""], [1, 1], [0, 0], 100.0))
    assert "moves up to 100% of credited money" in whole(half)  # the rest is no credit
    assert "1 row of paths" in whole(report_on(counted(["a > b"], [1], [0])))


def test_channels_called_like_nodes_of_the_graph_are_drawn() -> None:
    text = whole(report_on(counted(["NULL > START", "CONVERSION"], [4, 2], [1, 1])))
    assert "“NULL”" in text
    assert text.count("<figure>") == 7


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_would_have_come_anyway_has_a_row_of_its_own(language: str):
    journeys = example_journeys()
    comparison = compare(journeys, {"Linear": Linear(), "half": Sceptic()}, 0.95)
    report = Report(
        journeys, comparison, (), words_in(language), headline="half", source="", lookback=""
    )
    html = credit_sections.credit_by_model(report)._repr_html_()
    assert report.words("organic") in html
    assert report.words("why_organic") in unescape(html)
    opening = comparison_sections.opening(report)._repr_html_()
    plain = replace(report, comparison=compare(journeys, [Linear()]), headline="Linear")
    assert report.words("organic") not in credit_sections.credit_by_model(plain)._repr_html_()
    assert opening != comparison_sections.opening(plain)._repr_html_()
