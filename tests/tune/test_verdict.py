from __future__ import annotations

import re
import tomllib
from string import Formatter

import pandas as pd
import pytest

from attribution import shipped, tune
from attribution.tune import verdict as words

TEXTS = words._texts()
SOURCES = [
    path.read_text(encoding="utf-8")
    for path in sorted(shipped("notebooks").parent.glob("attribution/tune/*.py"))
]


def fields(text):
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_both_languages_say_it_with_the_same_numbers(key):
    assert set(TEXTS[key]) == {"en", "zh"}
    assert fields(TEXTS[key]["en"]) - {"ending"} == fields(TEXTS[key]["zh"])
    assert not re.search(r"[\u4e00-\u9fff]", TEXTS[key]["en"])


def test_every_sentence_is_said_somewhere():
    code = "".join(SOURCES)
    assert code
    unsaid = {key for key in TEXTS if f'"{key}"' not in code and not key.startswith("unit_")}
    assert not unsaid


@pytest.mark.parametrize(
    ("value", "en", "zh"),
    [
        (pd.Timedelta("3D"), "3 days", "3 天"),
        (pd.Timedelta("1D"), "1 day", "1 天"),
        (pd.Timedelta("90min"), "1.5 hours", "1.5 小时"),
        (pd.Timedelta("76h 24min"), "3.18 days", "3.18 天"),
        (pd.Timedelta("20s"), "20 seconds", "20 秒"),
        (pd.Timedelta(0), "0 seconds", "0 秒"),
        (0.98765, "0.988", "0.988"),
        (12345.6, "12,346", "12,346"),
        (0, "0", "0"),
        ("text", "text", "text"),
    ],
)
def test_numbers_are_written_as_people_write_them(value, en, zh):
    assert words.spelled(value) == en
    assert words.spelled(value, "zh") == zh


def test_a_verdict_reads_as_sentences():
    first = tune.Finding("half_life_least", {"low": pd.Timedelta("5D"), "level": "95%"})
    verdict = tune.Verdict(True, (first, tune.Finding("alone", {"best": 2})))
    assert str(verdict) == (
        "The half-life is at least 5 days (95% interval); the data set no upper limit. On the "
        "held-out days all candidates but 2 are clearly worse."
    )
    assert verdict.said("zh").startswith("半衰期至少 5 天（95% 区间）；")
    assert verdict.key == "half_life_least"


def test_the_sentences_ship_with_the_package():
    assert tomllib.loads(
        words.files("attribution.tune").joinpath("verdicts.toml").read_text("utf-8")
    )
