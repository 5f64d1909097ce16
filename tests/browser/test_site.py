"""The whole site of the sample brand in Chromium, in both languages."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from attribution.publish import publish_site

OWN = ("downloads", "runs")  # pages without a chart
TALL = 40  # pixels a finger needs


@dataclass(frozen=True)
class Site:
    """The site of one run."""

    language: str
    reports: Path
    folder: Path

    def pages(self) -> list[str]:
        latest = json.loads((self.reports / "latest.json").read_text(encoding="utf-8"))
        return [page["name"] for page in latest["pages"]]

    def address(self, name: str) -> str:
        return (
            self.reports / "index.html" if name == "runs" else self.folder / f"{name}.html"
        ).as_uri()


@pytest.fixture(scope="module", params=["zh", "en"])
def site(request: pytest.FixtureRequest, brand: Path) -> Site:
    out = Path(f"reports-{request.param}")
    done = publish_site([f"language={request.param}"], workspace=brand, out=out)
    return Site(request.param, brand / out, done.folder)


@pytest.fixture(params=[(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")], ids=str)
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    yield watched(context.new_page())
    context.close()


@pytest.fixture
def desk(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    yield watched(context.new_page())
    context.close()


def watched(page: Page) -> Page:
    page.requested, page.said = [], []  # type: ignore[attr-defined]
    page.on("request", lambda r: page.requested.append(r.url))  # type: ignore[attr-defined]
    page.on("console", lambda m: page.said.append(m.text))  # type: ignore[attr-defined]
    page.on("pageerror", lambda e: page.said.append(str(e)))  # type: ignore[attr-defined]
    return page


def background(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


LIGHT, DARK = "rgb(252, 252, 251)", "rgb(18, 23, 29)"


def test_the_overview_fits_one_screen_but_for_its_last_line(desk: Page, site: Site) -> None:
    desk.goto(site.address("overview"))
    rows = desk.locator(".ar .row")
    assert rows.count() == 2
    box = rows.nth(1).bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= 900


def test_every_page_loads_fits_draws_and_asks_for_nothing(site: Site, page: Page) -> None:
    width = page.viewport_size["width"]
    dark = page.evaluate("matchMedia('(prefers-color-scheme:dark)').matches")
    for name in [*site.pages(), *OWN]:
        page.requested.clear()  # type: ignore[attr-defined]
        page.goto(site.address(name))
        asked = [url for url in page.requested if not url.startswith("data:")]  # type: ignore[attr-defined]
        assert asked == [site.address(name)]
        assert page.said == [], name  # type: ignore[attr-defined]
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.locator("h1").count() == 1, name
        assert background(page) == (DARK if dark else LIGHT)
        charts = page.locator("main figure svg, main figure table td.plot")
        if name not in OWN:
            assert page.locator("main figure").count() >= 1, name
            boxes = [charts.nth(i).bounding_box() for i in range(charts.count())]
            drawn = [box for box in boxes if box]  # what is folded away has none
            assert drawn, name
            assert all(box["width"] > 0 and box["height"] > 0 for box in drawn), name
        assert page.locator("nav [aria-current]").count() == 1
        assert page.locator("html").get_attribute("lang") == site.language


def test_every_link_leads_to_a_file(site: Site, desk: Page) -> None:
    for name in [*site.pages(), *OWN]:
        desk.goto(site.address(name))
        links = desk.eval_on_selector_all("a[href]", "all => all.map(a => a.href)")
        assert len(links) > len(site.pages())
        for link in {link.split("#")[0] for link in links}:
            assert Path(link.removeprefix("file://")).is_file(), f"{name}: {link}"


def test_a_chinese_site_has_no_english_words_around_its_pages(site: Site, desk: Page) -> None:
    desk.goto(site.address("downloads"))
    around = desk.locator("header").inner_text() + desk.locator("nav").inner_text()
    chinese = [letter for letter in around if "\u4e00" <= letter <= "\u9fff"]
    if site.language == "en":
        assert "".join(chinese) == "山岚"  # the brand
    else:
        words = around.replace("Shanlan", "").replace("ROI", "")
        assert not [letter for letter in words if letter.isascii() and letter.isalpha()]


def test_the_theme_is_chosen_and_remembered(site: Site, page: Page) -> None:
    first, *_ = names = [*site.pages(), "downloads"]
    page.goto(site.address(first))
    for value, colour in (("dark", DARK), ("light", LIGHT)):
        page.locator(f".theme button[value={value}]").click()
        assert background(page) == colour
        page.wait_for_timeout(300)  # the browser writes down what it stores a moment later
        page.goto(site.address(names[-1]))
        assert background(page) == colour
        pressed = page.locator(".theme button[aria-pressed=true]")
        assert pressed.get_attribute("value") == value
    page.locator(".theme button[value=system]").click()
    assert page.locator("html").get_attribute("data-theme") is None
    page.reload()
    assert page.locator("html").get_attribute("data-theme") is None


def test_without_storage_the_theme_goes_along_in_the_address(site: Site, desk: Page) -> None:
    desk.add_init_script("Object.defineProperty(window, 'localStorage', {get() { throw 1; }})")
    desk.goto(site.address(site.pages()[0]))
    desk.locator(".theme button[value=dark]").click()
    desk.locator("nav a").last.click()
    desk.wait_for_url("**/index.html?theme=dark")
    assert background(desk) == DARK


def test_without_script_the_page_is_whole_and_follows_the_system(
    site: Site, browser: Browser
) -> None:
    context = browser.new_context(java_script_enabled=False, color_scheme="dark")
    page = context.new_page()
    page.goto(site.address("downloads"))
    assert page.locator(".theme").is_hidden()
    assert page.locator("nav a").count() == len(site.pages()) + 2
    assert page.locator("tbody tr").count() > 5
    context.close()


def long_table(page: Page, site: Site) -> None:
    """Open the page of downloads with thirty more rows than it has, and a total."""
    page.goto(site.address("downloads"))
    page.evaluate(
        """() => {
          const page = new DOMParser().parseFromString('<!doctype html>' +
            document.documentElement.outerHTML, 'text/html');
          page.querySelectorAll('.filter').forEach(e => e.remove());
          const paid = i => i % 3 ? '¥' + (i * 700).toLocaleString('en') : '–';
          const rows = Array.from({length: 30}, (_, i) =>
            `<tr><td class="name">row ${i}${i < 4 ? ' early' : ''}</td><td>${paid(i)}</td></tr>`
          ).join('');
          page.querySelector('main').innerHTML = `<h1>x</h1><div class="scroll filterable"><table>
            <thead><tr><th>Name</th><th>Paid</th></tr></thead><tbody>${rows}
            <tr class="sum"><td>all</td><td>¥1</td></tr></tbody></table></div>`;
          document.open(); document.write('<!doctype html>' + page.documentElement.outerHTML);
          document.close();
        }"""
    )
    page.wait_for_selector("th button")


def test_a_long_table_is_filtered_and_sorted(site: Site, desk: Page) -> None:
    long_table(desk, site)
    desk.locator(".filter input").fill("EARLY row")
    assert desk.locator("tbody tr:visible").count() == 4  # and no total of them
    told = desk.locator(".filter [aria-live]").inner_text()
    assert told == ("4 of 30 rows" if site.language == "en" else "30 行中的 4 行")
    desk.locator(".filter input").fill("")
    assert desk.locator("tbody tr:visible").count() == 31
    paid = desk.locator("th").nth(1)
    button = paid.locator("button")
    shown = desk.locator("tbody tr td:nth-child(2)")
    before = shown.all_inner_texts()
    button.click()
    assert paid.get_attribute("aria-sort") == "descending"
    found = shown.all_inner_texts()
    assert found[:2] == ["¥20,300", "¥19,600"]
    assert found[-11:] == ["–"] * 10 + ["¥1"]  # what is missing, then the total
    button.focus()
    desk.keyboard.press("Enter")
    assert paid.get_attribute("aria-sort") == "ascending"
    found = shown.all_inner_texts()
    assert (found[0], found[19]) == ("¥700", "¥20,300")
    assert found[-11:] == ["–"] * 10 + ["¥1"]
    desk.keyboard.press("Enter")
    assert paid.get_attribute("aria-sort") is None
    assert shown.all_inner_texts() == before


def test_everything_can_be_reached_by_keyboard(site: Site, desk: Page) -> None:
    desk.goto(site.address("downloads"))
    desk.keyboard.press("Tab")
    skip = desk.locator(":focus")
    assert skip.get_attribute("class") == "skip"
    box = skip.bounding_box()
    assert box
    assert box["x"] >= 0
    desk.keyboard.press("Enter")
    assert desk.evaluate("document.activeElement.id") == "main"
    desk.reload()
    reached = []
    for _ in range(4 + len(site.pages()) + 2):
        desk.keyboard.press("Tab")
        reached.append(
            desk.evaluate(
                """() => [document.activeElement.tagName, document.activeElement.textContent,
                          getComputedStyle(document.activeElement).outlineStyle]"""
            )
        )
    assert [tag for tag, _, _ in reached[:4]] == ["A", "BUTTON", "BUTTON", "BUTTON"]
    assert {tag for tag, _, _ in reached[4:]} == {"A"}
    assert {outline for _, _, outline in reached} == {"solid"}  # focus is seen


def test_a_finger_hits_what_it_aims_at(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    page = context.new_page()
    for name in [*site.pages(), *OWN]:
        page.goto(site.address(name))
        low = page.eval_on_selector_all(
            "nav a, .theme button, .filter input, #run a, table.list a",
            f"all => all.filter(e => e.getBoundingClientRect().height < {TALL})"
            ".map(e => e.textContent)",
        )
        assert low == [], name
    context.close()


def test_print_is_light_without_navigation(site: Site, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="dark")
    page = context.new_page()
    for name in [*site.pages(), *OWN]:
        page.goto(site.address(name))
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        page.emulate_media(media="print")
        assert background(page) == LIGHT
        for hidden in ("nav", ".theme", ".skip"):
            assert page.locator(hidden).is_hidden(), hidden
        assert page.locator("h1").is_visible()
        assert len(page.pdf(format="A4")) > 10_000
        page.emulate_media(media="screen")
    context.close()


def test_the_site_is_small_and_quick(site: Site, desk: Page) -> None:
    for name in [*site.pages(), *OWN]:
        begun = time.perf_counter()
        desk.goto(site.address(name))
        assert time.perf_counter() - begun < 2
    assert (site.folder / "index.html").stat().st_size < 2_000_000
