"""The reference pages say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from attribution.store.store import Store
from attribution.store.tables import DERIVED, TABLES

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
