"""Key paths of five hundred channels in Chromium: nothing overlaps, nodes light up and open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from attribution.decide.paths import KeyPaths, paths
from attribution.present import paths_flow_sections, paths_sections
from attribution.present.paths_report import PathsReport
from attribution.present.words import words_in
from tests.decide.made import made_brand

SHELL = (
    '<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" '
    'content="width=device-width, initial-scale=1"></head><body>{}</body></html>'
)
OVERLAPS = """selector => {
  const seen = [...document.querySelectorAll(selector)].filter(t => t.checkVisibility());
  const boxes = seen.map(t => {
    const b = t.getBoundingClientRect();
    return {text: t.textContent, left: b.left, right: b.right, top: b.top, bottom: b.bottom};
  }).filter(b => b.right > b.left);
  return boxes.flatMap((a, i) => boxes.slice(i + 1).filter(b =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4
  ).map(b => a.text + ' | ' + b.text));
}"""


@pytest.fixture(scope="module")
def large() -> KeyPaths:
    return paths(made_brand(500, 20_000))


@pytest.fixture(params=["en", "zh"])
def written(request: pytest.FixtureRequest, large: KeyPaths, tmp_path: Path) -> Path:
    report = PathsReport(large, words_in(request.param, minor=100))
    made = (
        paths_sections.opening,
        paths_sections.combinations,
        paths_flow_sections.how_journeys_run,
        paths_sections.graph_and_top_paths,
    )
    page = tmp_path / "paths.html"
    html = "".join(make(report)._repr_html_() for make in made)
    page.write_text(SHELL.format(html), encoding="utf-8")
    return page


@pytest.fixture(params=[1280, 390])
def page(request: pytest.FixtureRequest, browser: Browser, written: Path) -> Iterator[Page]:
    view = browser.new_page(viewport={"width": request.param, "height": 900})
    view.requested = []  # type: ignore[attr-defined]
    view.on("request", lambda r: view.requested.append(r.url))  # type: ignore[attr-defined]
    view.goto(written.as_uri())
    yield view
    view.close()


def test_no_label_of_the_sankey_lies_over_another(page: Page) -> None:
    for place in range(3):
        page.locator('input[name="flow"]').nth(place).check()
        assert page.locator("svg.sankey:visible").count() == 1
        assert page.evaluate(OVERLAPS, "svg.sankey > g text, svg.sankey > a text") == []
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_names_in_the_graph_stand_apart(page: Page) -> None:
    assert page.evaluate(OVERLAPS, ".map text.strong") == []


def test_a_node_pointed_at_or_focused_lights_its_bands(page: Page) -> None:
    faint = """() => [...document.querySelectorAll('#flow-journeys .ribbon')]
                     .filter(r => getComputedStyle(r).opacity < 0.1).length"""
    assert page.evaluate(faint) == 0
    every = page.locator("#flow-journeys .ribbon").count()
    page.locator("#flow-journeys [tabindex]").first.focus()
    page.wait_for_timeout(250)
    assert 0 < page.evaluate(faint) < every
    page.evaluate("document.activeElement.blur()")
    page.wait_for_timeout(250)
    assert page.evaluate(faint) == 0


def test_a_node_that_stands_for_many_opens_without_a_script(page: Page) -> None:
    assert page.locator("script").count() == 0
    link = page.locator("#flow-journeys a").first
    ident = link.get_attribute("href").removeprefix("#")  # type: ignore[union-attr]
    assert not page.locator(f"#{ident}").is_visible()
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(100)
    assert page.locator(f"#{ident}").is_visible()
    assert page.evaluate(OVERLAPS, f"#{ident} > g text, #{ident} > a text") == []
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    assert all(url.split("#")[0].endswith("paths.html") for url in page.requested)  # type: ignore[attr-defined]
