"""The verdict in words: every finding has them, in both languages, and numbers that are its own."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

import attribution
from attribution import ConfigError, DataError, Selection, select
from attribution.evaluate.gates import Finding, Outcome
from attribution.journeys import Journeys
from attribution.present.selection import finding_in_words, in_words, verdict_in_words
from attribution.present.words import LANGUAGES, words_in
from attribution.worlds.world import World

WORDS = tomllib.loads(
    files("attribution.present").joinpath("words/validation.toml").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def world() -> World:
    return attribution.simulate("independent", people=12_000, seed=1)


@pytest.fixture(scope="module")
def selection(world: World) -> Selection:
    return select(world.journeys, world.lift_tests)


def test_the_verdict_is_a_sentence_with_reasons_and_a_table(selection: Selection) -> None:
    assert selection.key == "tested"
    assert selection.verdict.startswith("Trust the hazard model")
    gates = [each.gate for each in selection.reasons]
    assert gates == ["data", "holdout", "placebo", "lift", "over_claim"]
    assert all(each.sentence.endswith(".") for each in selection.reasons)
    assert len(selection.table) == 8
    assert selection.model is selection.judgement.model
    assert str(selection).splitlines()[0] == selection.verdict
    assert selection.verdict in selection._repr_html_().replace("&#39;", "'")


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_chooses_wrongly_leads_no_verdict(selection: Selection, language: str) -> None:
    found = in_words(selection.judgement, words_in(language))
    for text in (found.verdict, *(each.sentence for each in found.reasons)):
        assert not re.search(r"AUC|stab|consensus|稳定|一致程度", text)
        assert "{" not in text


def test_shuffled_channels_are_said_to_be_alike(world: World) -> None:
    codes = np.random.default_rng(1).permutation(world.journeys.codes)
    found = select(replace(world.journeys, codes=codes), language="zh")
    assert found.key == "channels_alike"
    assert "分不清" in found.verdict
    assert found.model is None


def test_batches_are_read_as_one(world: World) -> None:
    half = world.journeys.conversions > 0
    parts = [world.journeys.take(half), world.journeys.take(~half)]
    assert select(parts, people=3_000).judgement.facts.orders == half.sum()


def test_path_counts_are_told_what_they_lack(world: World) -> None:
    found = select(Journeys.from_paths(world.journeys.paths()))
    assert found.key == "exposure_only"
    assert "Missing: touchpoints and orders with times" in found.verdict
    assert not len(found.table)


def test_a_language_nobody_speaks_and_a_test_of_nobody_are_refused(world: World) -> None:
    with pytest.raises(ConfigError, match="language='fr'"):
        select(world.journeys, language="fr")
    tests = world.lift_tests.assign(channel="nobody")
    with pytest.raises(DataError, match="nobody"):
        select(world.journeys, tests)


NUMBERS = {
    "orders": 12.0, "counted": 10.0, "stated": 2.0, "nulls": 5.0, "untouched": 1.0,
    "fewest": 100, "gain": 0.5, "gain_low": 0.4, "gain_high": 0.6, "apart": 0.01,
    "apart_low": -0.02, "apart_high": 0.03, "model": "LastTouch", "channels": ["a", "b"],
    "edge": ">= 365 d", "share": 0.031, "tried": 8, "tests": 2, "z": 1.24, "organic_share": 0.2,
    "over_claim": 1.25, "wanted": ["a"], "tested": ["b"], "lacks": "no_times",
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_finding_and_verdict_has_words(language: str) -> None:
    words = words_in(language)
    findings = [key.removeprefix("found_") for key in WORDS if key.startswith("found_")]
    assert len(findings) > 15
    for key in findings:
        found = Finding("data", Outcome.PASSED, key, NUMBERS)
        assert "{" not in finding_in_words(found, words)
    verdicts = "nothing exposure_only no_causes channels_alike inclined corrected tested"
    for key in [*verdicts.split(), "observational"]:
        verdict = Finding("verdict", Outcome.PASSED, key, NUMBERS)
        assert "{" not in verdict_in_words(verdict, words)
        assert words(f"front_trust_{key}")
    alone = Finding("verdict", Outcome.CAUTION, "observational", {**NUMBERS, "wanted": []})
    assert verdict_in_words(alone, words) == words("trust_observational_alone")
