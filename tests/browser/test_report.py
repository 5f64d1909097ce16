"""The published pages in Chromium: nothing requested, everything drawn, nothing overflowing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from attribution.publish import Published, publish

FIGURES = {"model_comparison": 8, "data_quality": 10, "claims": 11, "paths": 9, "validation": 3}
BARS = {"model_comparison": 12, "data_quality": 6, "claims": 28, "paths": 15, "validation": 3}


@pytest.fixture(
    scope="module",
    params=[(name, language) for name in FIGURES for language in ("en", "zh")],
    ids="-".join,
)
def report(request: pytest.FixtureRequest, brand: Path) -> Published:
    name, language = request.param
    return publish(name, [f"language={language}"], workspace=brand, progress=False)


@pytest.fixture(params=[(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")], ids=str)
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


def test_every_chart_is_drawn(page: Page, report: Published) -> None:
    name = report.page.stem
    figures = page.locator("figure")
    assert figures.count() == FIGURES[name]
    for place in range(figures.count()):
        box = figures.nth(place).bounding_box()
        assert box is not None
        assert box["width"] > 150
        assert box["height"] > 60
    assert page.locator("rect.bar").count() >= BARS[name]
    if name == "model_comparison":
        assert page.locator("circle.mark").count() >= 12


def test_nothing_is_wider_than_the_screen(page: Page) -> None:
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0


def test_labels_in_bar_charts_stay_inside_their_figure(page: Page) -> None:
    outside = page.evaluate(
        """() => [...document.querySelectorAll('figure')].flatMap(f => {
             const r = f.getBoundingClientRect();
             return [...f.querySelectorAll('svg text')].filter(t => {
               const b = t.getBoundingClientRect(), s = t.closest('.scroll');
               if (s && s.scrollWidth > s.clientWidth + 1) return false;  // reached by scrolling
               return b.width > 0 && (b.left < r.left - 14 || b.right > r.right + 14);
             }).map(t => t.textContent);
           })"""
    )
    assert outside == []


def test_no_text_lies_over_another_in_a_table(page: Page) -> None:
    crossing = page.evaluate(
        """() => [...document.querySelectorAll('table')].flatMap(table =>
             [...table.querySelectorAll('tr')].flatMap(row => {
               const cells = [...row.children].filter(c => c.textContent.trim()).map(c => {
                 const range = document.createRange();
                 range.selectNodeContents(c);
                 const inner = range.getBoundingClientRect(), outer = c.getBoundingClientRect();
                 return {left: Math.max(inner.left, outer.left), right: inner.right,
                         top: inner.top, bottom: inner.bottom, text: c.textContent,
                         cut: getComputedStyle(c).overflow === 'hidden', end: outer.right};
               }).filter(c => c.bottom > c.top);
               return cells.flatMap((a, i) => cells.slice(i + 1).filter(b =>
                 Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4 &&
                 Math.min(a.cut ? Math.min(a.right, a.end) : a.right,
                          b.cut ? Math.min(b.right, b.end) : b.right)
                   - Math.max(a.left, b.left) > 1
               ).map(b => a.text + ' | ' + b.text));
             }))"""
    )
    assert crossing == []


def test_text_stands_out_from_the_page_in_light_and_dark(page: Page) -> None:
    faint = page.evaluate(
        """() => {
             const light = c => { const v = c.match(/[0-9.]+/g).slice(0, 3).map(x => {
               x /= 255; return x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; });
               return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
             const ground = light(getComputedStyle(document.querySelector('.ar')).backgroundColor);
             return [...document.querySelectorAll('h1, h2, p, td, th, figcaption, dt, dd')]
               .filter(e => e.textContent.trim()).filter(e => {
                 const ink = light(getComputedStyle(e).color);
                 const ratio = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
                 return ratio < 4.5;
               }).map(e => e.textContent);
           }"""
    )
    assert faint == []
