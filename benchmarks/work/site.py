"""The report site of the sample brand: how long it takes, how large it is, how soon it opens."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run")


def published() -> dict[str, float]:
    """The whole site, from an ingested workspace; its first page opened in a browser."""
    from attribution.intake.create import create_workspace
    from attribution.intake.ingest import ingest
    from attribution.publish import publish_site
    from attribution.workspace import read_workspace

    with tempfile.TemporaryDirectory() as folder:
        workspace = read_workspace(create_workspace(Path(folder, "brand")))
        ingest(workspace, environ={})
        begun = time.perf_counter()
        site = publish_site(workspace=workspace.folder)
        taken = time.perf_counter() - begun
        largest = max(page.stat().st_size for page in site.folder.glob("*.html"))
        return {
            "wall": taken,
            "overview": (site.folder / "overview.html").stat().st_size,
            "largest": largest,
            "opens": _opened(site.index),
        }


def _opened(page: Path) -> float:
    """Return the seconds until a page is loaded and drawn; not a number without a browser."""
    from playwright.sync_api import sync_playwright

    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        return float("nan")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=browser, args=list(_FLAGS))
        view = running.new_page()
        view.goto("about:blank")
        begun = time.perf_counter()
        view.goto(page.as_uri(), wait_until="load")
        view.evaluate("() => new Promise(done => requestAnimationFrame(() => done()))")
        taken = time.perf_counter() - begun
        running.close()
    return taken
