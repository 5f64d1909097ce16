"""`make lab` as an analyst meets it: JupyterLab opens the committed notebook and runs it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser

from attribution import shipped


@pytest.fixture
def lab(tmp_path: Path, browser: Browser) -> Iterator[str]:
    """A running JupyterLab on a copy of the committed notebooks; its address."""
    folder = tmp_path / "notebooks"
    shutil.copytree(shipped("notebooks"), folder)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {
        name: str(tmp_path / name)
        for name in (
            "JUPYTER_CONFIG_DIR",
            "JUPYTER_DATA_DIR",
            "JUPYTER_RUNTIME_DIR",
            "JUPYTERLAB_SETTINGS_DIR",
            "JUPYTERLAB_WORKSPACES_DIR",
            "IPYTHONDIR",
        )
    }
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--allow-root",
            f"--port={port}",
            "--ServerApp.port_retries=0",
            "--IdentityProvider.token=",
            "--ip=127.0.0.1",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            f"--ServerApp.root_dir={folder}",
        ],
        env=os.environ | own,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, server)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(240):
        if server.poll() is not None:
            pytest.fail(f"JupyterLab ended with exit code {server.returncode}")
        try:
            with urlopen(f"{address}/api", timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.25)
    pytest.fail("JupyterLab did not answer within a minute")


@pytest.mark.parametrize(
    ("name", "last", "figures"),
    [
        ("model_comparison", "in the tables in fen", 8),
        ("data_quality", "Counts are of what the store holds now", 10),
        ("paths", "paths merge repeats", 9),
    ],
)
def test_a_committed_notebook_runs_and_shows_its_charts(
    lab: str, browser: Browser, name: str, last: str, figures: int
) -> None:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(f"{lab}/lab/tree/{name}.ipynb")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell", timeout=60_000)
    page.wait_for_selector("text=| Idle", timeout=60_000)  # the kernel answers
    page.locator(".lm-MenuBar-itemLabel").get_by_text("Run", exact=True).click()
    page.locator(".lm-Menu-itemLabel").get_by_text("Run All Cells", exact=True).click()
    page.wait_for_selector(f"text={last}", timeout=90_000)
    # What is off screen is not in the page: walk down from the top and gather what comes by.
    page.locator(".jp-WindowedPanel-outer").evaluate("panel => panel.scrollTo(0, 0)")
    questions: set[str] = set()
    for _ in range(60):
        drawn = page.locator(".jp-OutputArea-output section:has(figure svg, figure table)")
        questions |= set(drawn.locator(".kicker").all_inner_texts())
        assert page.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
        page.locator(".jp-WindowedPanel-outer").evaluate("panel => panel.scrollBy(0, 250)")
        page.wait_for_timeout(50)
    assert len(questions - {""}) == figures, questions
    page.close()
