"""The reference pages say what the code does."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import attribution
from attribution.errors import ConfigError
from attribution.journeys.definition import JourneyDefinition
from attribution.models.named import model_from_text
from attribution.store.store import Store
from attribution.store.tables import DERIVED, TABLES
from attribution.workspace import FILE, read_workspace

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "tables.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"\n## (\w+)\n(.*?)(?=\n## |\Z)", PAGE, re.DOTALL))


def test_every_table_has_its_section():
    assert {*TABLES, *DERIVED} <= set(SECTIONS)


@pytest.mark.parametrize("name", sorted(SECTIONS))
def test_a_section_lists_the_columns_there_are(name, tmp_path):
    listed = re.findall(r"`(\w+)`", SECTIONS[name].strip().split("\n\n")[1])
    shown = [each for each in Store(tmp_path).table(name).columns if not each.startswith("_")]
    assert listed == shown
    explained = re.findall(r"^\| `(\w+)` \|", SECTIONS[name], re.MULTILINE)
    assert set(explained) <= set(shown)


def test_links_between_pages_lead_somewhere():
    root = DOCS.parent
    for page in [*root.glob("*.md"), *DOCS.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_page_on_journeys_tells_every_setting_and_its_examples_can_be_read(tmp_path):
    page = (DOCS / "journeys.md").read_text(encoding="utf-8")
    told = set()
    for names, usual in re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ([^|]*) \|", page, re.MULTILINE):
        for name in re.findall(r"\w+", names):
            told.add(name)
            stated = re.fullmatch(r"`(.*)`", usual.strip())
            if stated:
                value = tomllib.loads(f"value = {stated[1]}")["value"]
                assert getattr(JourneyDefinition(), name) == value, name
    assert told == set(JourneyDefinition().settings())
    [example] = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / FILE).write_text(example, encoding="utf-8")
    assert read_workspace(tmp_path).journeys.level == "session"


def test_the_page_on_models_tells_of_every_model():
    page = (DOCS / "models.md").read_text(encoding="utf-8")
    sections = set(re.findall(r"^## (\w+)$", page, re.MULTILINE))
    rows = set(re.findall(r"^\| `(\w+)", page, re.MULTILINE))
    with pytest.raises(ConfigError) as refused:
        model_from_text("no model")
    there_are = set(re.findall(r"There are (.*), or", str(refused.value))[0].split(", "))
    assert rows == there_are | {"Rule"}
    assert sections == rows | {"Profiles"}


def test_the_page_on_worlds_lists_the_presets_and_its_example_can_be_simulated(tmp_path):
    page = (DOCS / "worlds.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \| ([0-9a-c]*) ?\| (.*) \|$", page, re.MULTILINE)
    told = {name: about for name, _, about in listed if name in attribution.presets()}
    assert told == attribution.presets()
    [example] = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    (tmp_path / "autumn.toml").write_text(example, encoding="utf-8")
    world = attribution.simulate(tmp_path / "autumn.toml", people=500)
    assert len(world.orders) > 0
    assert len(world.lift_tests) == 1
