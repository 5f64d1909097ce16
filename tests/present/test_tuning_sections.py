"""The page on tuning shows what was found, and where nothing was, what is missing."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pandas as pd
import pytest

from attribution import tune
from attribution.journeys import Journeys
from attribution.present import tuning_sections as sections
from attribution.present.words import LANGUAGES, words_in
from attribution.tune.verdict import spelled
from tests.strategies import HOSTILE_NAMES
from tests.tune.test_study import PATHS
from tests.tune.worlds import fading, unwatched

ALL = (
    sections.opening,
    sections.half_life,
    sections.credit_by_half_life,
    sections.weights,
    sections.credit_by_weights,
    sections.lookback,
    sections.markov_order,
    sections.sessions,
    sections.closing,
)


@pytest.fixture(scope="module")
def study():
    return tune.study(fading())


def whole(journeys: Journeys, study: tune.Study, language: str = "en", **more) -> str:
    report = sections.TuningReport(journeys, study, words_in(language), brand="Acme", **more)
    html = "".join(make(report)._repr_html_() for make in ALL)
    return re.sub(r"<style>.*?</style>", "", html, flags=re.S)


def rows_of(html: str) -> list[list[str]]:
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<td.*?</td>", line)]
        for line in re.findall(r"<tr.*?</tr>", html, flags=re.S)
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_what_was_found(study, language):
    html = whole(fading(), study, language)
    text = unescape(html)
    for each in study.settings().values():
        for finding in each.verdict.findings:
            assert finding.said(language) in text
    opened = rows_of(html)[1:7]
    assert opened[0][1] == spelled(study.half_life.value, language)
    assert spelled(study.half_life.low, language) in opened[0][2]
    assert "nan" not in text.lower().replace("douyin", "")
    assert "NaT" not in text


def test_every_candidate_has_its_row_and_its_mark(study):
    html = whole(fading(), study)
    rows = rows_of(html)
    for found in (study.lookback, study.sessions, study.markov_order, study.position_weights):
        for loglik in found.curve["loglik"]:
            told = "0" if loglik == 0 else f"{loglik:.3f}".replace("-", "−")
            assert any(row[2:3] == [told] for row in rows if len(row) == 4)
    drawn = html.split("<figure>")[1].split("</figure>")[0]
    assert drawn.count("<circle") == len(study.half_life.curve)
    worse = (study.half_life.curve["high"] < 0).sum()
    assert drawn.count('class="dot unclear"') == worse
    assert drawn.count('class="supported"') == 1


def test_credit_moves_with_the_parameters(study):
    chosen = whole(fading(), study, half_life="2h", first=0.7, last=0.1)
    assert "70 : 20 : 10" in chosen
    assert "at a half-life of 2h" in chosen
    usual = whole(fading(), study)
    assert "70 : 20 : 10" not in usual
    assert "at a half-life of 7D" in usual


def test_shares_are_those_of_the_models(study):
    report = sections.TuningReport(fading(), study, words_in("en"))
    rows = rows_of(sections.credit_by_weights(report)._repr_html_())
    expected = report.by_weights[report.by_weights["setting"] == "0 : 0 : 100"]
    expected = expected.set_index("channel")["conversions"]
    credited = expected.drop("(unattributed)", errors="ignore")
    for row in rows[1:]:
        assert row[-1] == f"{100 * credited[row[0]] / credited.sum():.1f}%"


@pytest.mark.parametrize("language", LANGUAGES)
def test_without_times_the_page_says_so_and_still_shows_weights(language):
    study = tune.study(PATHS)
    text = unescape(whole(PATHS, study, language))
    assert text.count(study.half_life.verdict.said(language)) >= 6
    assert "40 : 20 : 40" in text
    assert "NaT" not in text


def test_where_no_day_is_held_out_the_likelihood_of_all_is_drawn(study):
    journeys = unwatched(fading())
    alone = tune.study(journeys)
    text = unescape(whole(journeys, alone))
    assert "No days could be held out" in text
    assert "Log-likelihood of all orders below its maximum" in text


def test_nothing_at_all_is_said_to_be_nothing(study):
    none = fading().take(slice(0, 0))
    text = unescape(whole(none, tune.study(none)))
    assert "The data settle 0 of 6 settings" in text


def test_names_of_channels_cannot_act(study):
    names = dict(zip(fading().channels, HOSTILE_NAMES, strict=False))
    journeys = fading().rolled_up(names)
    html = whole(journeys, study)
    assert "<script>" not in html
    assert "<b>" not in html


def test_tables_are_saved(study, tmp_path):
    report = sections.TuningReport(fading(), study, words_in("zh"), brand="Acme")
    sections.save_tuning(report, ["in.csv"], tmp_path)
    verdicts = pd.read_parquet(tmp_path / "verdicts.parquet").set_index("setting")
    assert verdicts.loc["half_life", "says"] == study.half_life.verdict.said("zh")
    curve = pd.read_parquet(tmp_path / "half_life.parquet")
    assert curve["loglik"].tolist() == study.half_life.curve["loglik"].tolist()
    moved = pd.read_parquet(tmp_path / "credit_by_half_life.parquet")
    assert moved.equals(report.by_half_life)
    assert {path.suffix for path in tmp_path.iterdir()} == {".csv", ".parquet", ".json"}


def test_an_open_interval_is_at_least_or_at_most(study):
    open_above = replace(study.half_life, high=pd.NaT)
    report = sections.TuningReport(fading(), study, words_in("en"))
    assert report.span(open_above.low, open_above.high).startswith("at least ")
    assert report.span(pd.NaT, pd.Timedelta("2h")) == "at most 2 hours"
    assert report.span(pd.NaT, pd.NaT) == "–"
