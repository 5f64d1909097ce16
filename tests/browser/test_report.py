"""The published page in Chromium: nothing requested, everything drawn, nothing overflowing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from attribution.publish import Published, publish


@pytest.fixture(scope="module", params=["en", "zh"])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder: Path = tmp_path_factory.mktemp(request.param)
    settings = [f"language={request.param}"]
    if request.param == "zh":
        settings.append("channel=channel_zh")
    return publish("model_comparison", settings, workspace=folder, progress=False)


@pytest.fixture(params=[(1280, "light"), (1280, "dark"), (390, "light")], ids=str)
def page(request: pytest.FixtureRequest, browser: Browser, report: Published) -> Iterator[Page]:
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    view = context.new_page()
    view.requested = []  # type: ignore[attr-defined]
    view.said = []  # type: ignore[attr-defined]
    view.on("request", lambda r: view.requested.append(r.url))  # type: ignore[attr-defined]
    view.on("console", lambda m: view.said.append(m.text))  # type: ignore[attr-defined]
    view.on("pageerror", lambda e: view.said.append(str(e)))  # type: ignore[attr-defined]
    view.goto(report.page.as_uri())
    yield view
    context.close()


def test_the_page_asks_the_network_for_nothing(page: Page, report: Published) -> None:
    assert page.requested == [report.page.as_uri()]  # type: ignore[attr-defined]
    assert page.said == []  # type: ignore[attr-defined]


def test_every_chart_is_drawn(page: Page) -> None:
    figures = page.locator("figure")
    assert figures.count() == 8
    for place in range(figures.count()):
        box = figures.nth(place).bounding_box()
        assert box is not None
        assert box["width"] > 150
        assert box["height"] > 60
    assert page.locator("circle.mark").count() >= 12
    assert page.locator("rect.bar").count() >= 12


def test_nothing_is_wider_than_the_screen(page: Page) -> None:
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0


def test_labels_in_bar_charts_stay_inside_their_figure(page: Page) -> None:
    outside = page.evaluate(
        """() => [...document.querySelectorAll('figure')].flatMap(f => {
             const r = f.getBoundingClientRect();
             return [...f.querySelectorAll('svg text')].filter(t => {
               const b = t.getBoundingClientRect();
               return b.width > 0 && (b.left < r.left - 14 || b.right > r.right + 14);
             }).map(t => t.textContent);
           })"""
    )
    assert outside == []
