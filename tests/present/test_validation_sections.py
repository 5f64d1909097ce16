"""The page on which model to trust: its figures are those of the judgement, names are escaped."""

from __future__ import annotations

import re
from html import unescape

import pytest

import attribution
from attribution.evaluate.trust import Judgement, judge
from attribution.journeys import Journeys
from attribution.present import validation_sections as sections
from attribution.present.selection import in_words
from attribution.present.validation_sections import ValidationReport
from attribution.present.words import LANGUAGES, words_in

HOSTILE = "=<script>alert('x')</script>&{0} ‮😀"
ALL = (
    sections.opening,
    sections.gates,
    sections.what_orders_know,
    sections.held_out_and_placebos,
    sections.experiments,
    sections.measured_models,
    sections.closing,
)


@pytest.fixture(scope="module")
def judgement() -> Judgement:
    world = attribution.simulate("independent", people=5_000, seed=1)
    first = world.journeys.channels[0]
    journeys = world.journeys.rolled_up({first: HOSTILE})
    tests = world.lift_tests.replace({"channel": {first: HOSTILE}})
    return judge(journeys, tests)


@pytest.fixture(scope="module")
def lacking() -> Judgement:
    world = attribution.simulate("independent", people=500, seed=1)
    return judge(Journeys.from_paths(world.journeys.paths()))


def html_of(judgement: Judgement, language: str = "en") -> str:
    report = ValidationReport(judgement, words_in(language), title=HOSTILE, source="a source")
    html = "".join(make(report)._repr_html_() for make in ALL)
    return re.sub(r"<style>.*?</style>", "", html, flags=re.S)


def rows_of(html: str) -> list[list[str]]:
    rows = (
        re.findall(r"<td.*?</td>", line, re.S) for line in re.findall(r"<tr.*?</tr>", html, re.S)
    )
    return [[unescape(re.sub(r"<[^>]+>", "", cell)) for cell in row] for row in rows if row]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_says_the_verdict_and_every_reason(judgement: Judgement, language: str) -> None:
    html, told = html_of(judgement, language), in_words(judgement, words_in(language))
    text = unescape(re.sub(r"<[^>]+>", "", html))
    assert told.verdict in text
    for reason in told.reasons:
        assert reason.sentence in text
    assert "<script" not in html


def test_figures_are_those_of_the_judgement(judgement: Judgement) -> None:
    rows = rows_of(html_of(judgement))
    words = words_in("en")
    for each in judgement.claims.to_dict("records"):
        assert any(
            row[0] == words.model(each["model"]) and row[-1] == f"{each['over_claim']:.2f}"
            for row in rows
        )
    for each in judgement.table.to_dict("records"):
        wrong = words.percent(each["tv"])
        assert any(row[:2] == [words.model(each["model"]), wrong] for row in rows)
    placebos = [row for row in rows if row[0] in set(judgement.placebos["channel"])]
    assert len(placebos) >= len(judgement.placebos)


@pytest.mark.parametrize("language", LANGUAGES)
def test_data_that_lack_something_are_told_so_and_no_figure_is_drawn(
    lacking: Judgement, language: str
) -> None:
    html = html_of(lacking, language)
    assert in_words(lacking, words_in(language)).verdict in unescape(html)
    assert html.count("<section") == 3  # gates, what orders know, what models assume
    assert "nan" not in html.lower()


def test_what_placebos_do_not_get_has_no_interval(judgement: Judgement) -> None:
    nothing = judgement.placebos[judgement.placebos["orders"] == 0]
    assert nothing["high"].isna().all()
    assert "nan" not in html_of(judgement).lower()


def test_tables_with_rows_are_saved_by_name(judgement: Judgement, lacking: Judgement) -> None:
    assert set(judgement.frames()) == {
        "validation_gates",
        "validation_held_out",
        "validation_placebos",
        "validation_lift_tests",
        "validation_over_claim",
        "validation_models",
    }
    assert set(lacking.frames()) == {"validation_gates"}
