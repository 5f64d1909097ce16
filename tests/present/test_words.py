"""Words and numbers in both languages."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from string import Formatter

import pytest

from attribution import ConfigError, NoteKind
from attribution.present import words as module
from attribution.present.words import LANGUAGES, Words, words_in

FOLDER = Path(module.__file__).parent
PAGES = {
    page.stem: tomllib.loads(page.read_text(encoding="utf-8"))
    for page in sorted((FOLDER / "words").glob("*.toml"))
}
TABLE = {key: entry for page in PAGES.values() for key, entry in page.items()}
EN, ZH = Words("en"), Words("zh")


def _fields(text: str) -> set[str]:
    fields = {field for _, field, _, _ in Formatter().parse(text) if field}
    return {field for field in fields if not field.startswith("s_")}  # endings of plurals


def test_no_word_stands_on_two_pages() -> None:
    assert sum(map(len, PAGES.values())) == len(TABLE)


@pytest.mark.parametrize("key", sorted(TABLE))
def test_every_word_stands_in_every_language_with_the_same_fields(key: str) -> None:
    assert set(TABLE[key]) == set(LANGUAGES)
    english, chinese = TABLE[key]["en"], TABLE[key]["zh"]
    assert _fields(english) == _fields(chinese)
    assert english.strip()
    assert chinese.strip()


# Beginnings of keys whose ends are names: of models, of what gates find ...
BUILT = (
    "model_",
    "note_",
    "assumes_",
    "suits_",
    "candidate_",
    "found_",
    "trust_",
    "front_trust_",
    "gate_",
    "outcome_",
    "valued_",
    "validation_",
)


def test_every_word_is_used_and_every_used_word_exists() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py"))
    quoted = set(re.findall(r"""["']([a-z_A-Z]+)["']""", source))
    built = {key for key in TABLE if key.startswith(BUILT) or key.endswith("_all")}
    assert not {key for key in TABLE if key not in quoted and key not in built}
    called = set(re.findall(r'words\(\s*"([a-z_]+)"', source))
    assert called <= set(TABLE)


def test_every_kind_of_note_has_words() -> None:
    assert {f"note_{kind}" for kind in NoteKind} <= set(TABLE)


@pytest.mark.parametrize(
    ("amount", "english", "chinese"),
    [
        (28_463_000, "¥28.46M", "¥2,846.3万"),
        (617_000, "¥617k", "¥61.7万"),
        (123_000_000, "¥123.00M", "¥1.23亿"),
        (950, "¥950", "¥950"),
        (-28_463_000, "−¥28.46M", "−¥2,846.3万"),
        (0, "¥0", "¥0"),
    ],
)
def test_headline_amounts(amount: float, english: str, chinese: str) -> None:
    assert EN.money(amount) == english
    assert ZH.money(amount) == chinese


def test_columns_carry_their_unit_in_the_header() -> None:
    unit = EN.money_unit(3_524_000)
    assert (unit.label, EN.written(3_524_000, unit)) == ("¥k", "3,524")
    unit = ZH.money_unit(3_099_000)
    assert (unit.label, ZH.written(3_099_000, unit)) == ("万元", "309.9")
    assert ZH.written(-260_000, unit) == "−26.0"


def test_a_small_share_is_not_nothing() -> None:
    assert EN.percent(0.0004, 1) == "<0.1%"
    assert EN.percent(0.0) == "0%"
    assert EN.percent(-0.123, 1) == "−12.3%"
    assert EN.written(-0.001, EN.order_unit()) == "0"


def test_models_are_named_in_the_language_with_their_parameters() -> None:
    assert EN.model("TimeDecay(half_life='3D')") == "Time decay 3D"
    assert ZH.model("Markov(order=2)") == "马尔可夫 2"
    assert ZH.model("my own rule") == "my own rule"


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ConfigError, match="write one of en, zh"):
        words_in("fr")
