"""A site run by run: whole or not there, with what failed told, and the same from the same data."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest

from attribution.errors import ConfigError, DataError, ReportError
from attribution.publish import publish_site, runs, staged
from attribution.recipe import Span
from tests.brand import run as command
from tests.brand import sample_brand, small, source
from tests.publish.tiny import PAGE, PARAMETERS, TABLES, latest, notebook, run, tiny

RUN_LINE = re.compile(r'<p id="run">.*?</p>')


def valid(reports: Path) -> dict:
    """Return what latest.json says, having checked that all it and the index name is there."""
    told = json.loads((reports / "latest.json").read_text(encoding="utf-8"))
    index = (reports / "index.html").read_text(encoding="utf-8")
    named = set(re.findall(r'href="([^"#:]+)"', index))
    named |= {page["path"] for page in told["pages"]}
    named |= {told["index"], told["manifest"]} if told["run"] else set()
    for path in named:
        assert (reports / path).is_file(), path
    for folder in {reports / Path(path).parts[0] for path in named if "/" in path}:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        for page in manifest["pages"]:
            for table in page["tables"]:
                assert (folder / table["file"]).stat().st_size == table["bytes"]
    return told


def test_a_run_publishes_every_page_with_its_tables_and_tells_of_itself(tmp_path: Path) -> None:
    workspace = tiny(tmp_path / "w", "parallel = 2")
    said: list[str] = []
    done = publish_site(["factor=2.5"], workspace=workspace.folder, said=said.append)
    there = {
        path.relative_to(done.folder).as_posix()
        for path in done.folder.rglob("*")
        if path.is_file()
    }
    tables = {
        f"downloads/{page}/{name}"
        for page in ("one", "two")
        for name in ("numbers.csv", "numbers.parquet", f"{page}.ipynb")
    }
    pages = {"index.html", "one.html", "two.html", "downloads.html", "manifest.json"}
    assert there == pages | tables
    assert done.index.read_bytes() == (done.folder / "one.html").read_bytes()
    assert said[:2] == ["one: running", "two: running"]
    assert (
        sum(re.fullmatch(r"(one|two): done in \d+\.\d s", line) is not None for line in said) == 2
    )
    told = valid(tmp_path / "w" / "reports")
    assert told["run"] == done.folder.name
    assert (told["status"], told["exit_code"], told["failure"]) == ("done", 0, None)
    assert told["previous"] is None
    assert [page["name"] for page in told["pages"]] == ["one", "two"]
    assert told["pages"][1]["counts"] == {"n": 2}
    assert told["pages"][1]["parameters"]["factor"] == 2.5
    assert told["as_of"] == "2026-11-12T23:30:00+08:00"
    manifest = json.loads((done.folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["days"] == ["2026-11-09", "2026-11-12"]
    assert manifest["pages"][0]["tables"][1]["rows"] == 2
    assert {"attribution", "papermill"} <= set(manifest["versions"])
    everything = "".join(
        path.read_text(encoding="utf-8")
        for path in (tmp_path / "w" / "reports").rglob("*")
        if path.suffix in (".html", ".json", ".ipynb")
    )
    assert str(tmp_path) not in everything  # no folder of this machine
    assert "<b>Tiny" not in everything.replace('"<b>Tiny</b>', "")  # the brand is text
    assert not list((tmp_path / "w" / "reports").glob(".run-*"))


def test_the_same_data_give_the_same_bytes_but_for_the_run_line(tmp_path: Path) -> None:
    workspace = tiny(tmp_path / "w")
    first, second = run(workspace).folder, run(workspace).folder
    for file in (path for path in first.rglob("*") if path.is_file()):
        other = second / file.relative_to(first)
        if file.suffix in (".csv", ".parquet"):
            assert file.read_bytes() == other.read_bytes()
        elif file.suffix == ".html":
            pages = [path.read_text(encoding="utf-8") for path in (file, other)]
            assert pages[0] != pages[1]
            lines = [RUN_LINE.findall(page) for page in pages]
            assert [len(found) for found in lines] == [1, 1]
            assert len({RUN_LINE.sub("", page) for page in pages}) == 1
    assert latest(workspace)["previous"] == first.name


def test_days_reach_every_page_that_has_them_and_the_header(tmp_path: Path) -> None:
    workspace = tiny(tmp_path / "w", 'period = "2026-11"')
    notebook(workspace.folder, "two", PAGE, TABLES, parameters=PARAMETERS.replace("until:", "to:"))
    notebook_two = workspace.folder / "notebooks" / "two.ipynb"
    notebook_two.write_text(
        notebook_two.read_text(encoding="utf-8").replace("{until}", "{to}"), encoding="utf-8"
    )
    done = run(workspace)
    page = (done.folder / "one.html").read_text(encoding="utf-8")
    assert "2026-11-01 2026-11-30 1.5</h1>" in page
    assert "1 Nov – 30 Nov 2026, 30 days" in page
    # A page that cannot be told when to end is about all there is, and says so.
    assert "9 Nov – 12 Nov 2026, 4 days" in (done.folder / "two.html").read_text(encoding="utf-8")
    last = run(workspace, span=Span(period="2D"))
    page = (last.folder / "one.html").read_text(encoding="utf-8")
    assert "2026-11-11 2026-11-12 1.5</h1>" in page
    assert latest(workspace)["since"] == "2026-11-11"


def test_a_page_is_told_of_the_run_before(tmp_path: Path) -> None:
    workspace = tiny(tmp_path / "w", pages='["one"]')
    before = 'previous: str = ""  # the run before\n'
    shown = 'import os\nprint(sorted(os.listdir(previous)) if previous else "none before")'
    notebook(workspace.folder, "one", shown, parameters=PARAMETERS + before)
    first = run(workspace)
    assert "none before" in first.index.read_text(encoding="utf-8")
    second = run(workspace)
    assert "downloads.html" in second.index.read_text(encoding="utf-8").split("<main")[1]
    executed = (second.folder / "downloads" / "one" / "one.ipynb").read_text(encoding="utf-8")
    assert f'previous = \\"reports/{first.folder.name}\\"' in executed
    assert str(tmp_path) not in executed


def test_a_page_that_fails_publishes_nothing_and_is_told(tmp_path: Path) -> None:
    workspace = tiny(tmp_path / "w")
    reports = tmp_path / "w" / "reports"
    good = run(workspace).folder
    notebook(workspace.folder, "two", PAGE, "# Divide\n1 / 0")
    with pytest.raises(ReportError) as caught:
        run(workspace)
    for part in (
        "two.ipynb, code cell 3 (# Divide)",
        "ZeroDivisionError",
        f"the run {good.name} stays current",
    ):
        assert part in str(caught.value)
    told = valid(reports)
    assert told["run"] == good.name
    failure = told["failure"]
    assert (failure["page"], failure["kind"], failure["exit_code"]) == ("two", "page", 1)
    assert failure["cell"].startswith("code cell 3")
    index = (reports / "index.html").read_text(encoding="utf-8")
    assert "The last run failed; the report of" in index
    assert "two: code cell 3 (# Divide). ZeroDivisionError: division by zero" in index
    assert {path.name for path in reports.iterdir() if path.is_dir()} == {good.name, "failed"}
    notebook(workspace.folder, "two", PAGE, TABLES)
    run(workspace)
    told = valid(reports)
    assert told["failure"] is None
    assert "division by zero" in (reports / "index.html").read_text(encoding="utf-8")


def test_the_first_run_may_fail(tmp_path: Path) -> None:
    workspace = tiny(tmp_path / "w", pages='["one"]')
    notebook(workspace.folder, "one", "import os\nos._exit(1)")
    with pytest.raises(
        ReportError, match=r"one\.ipynb: its kernel died.*\nNothing was published\.$"
    ):
        run(workspace)
    told = valid(tmp_path / "w" / "reports")
    assert (told["run"], told["status"]) == (None, "none")
    assert told["failure"]["page"] == "one"


def test_wrong_configuration_found_by_a_page_is_exit_code_2(tmp_path: Path) -> None:
    workspace = tiny(tmp_path / "w", pages='["one"]')
    cell = 'from attribution.errors import ConfigError\nraise ConfigError("bad model")'
    notebook(workspace.folder, "one", cell)
    with pytest.raises(ConfigError, match="bad model"):
        run(workspace)
    assert latest(workspace)["failure"]["exit_code"] == 2


def test_only_as_many_runs_as_are_kept_stay(tmp_path: Path) -> None:
    workspace = tiny(tmp_path / "w", "keep = 2", pages='["one"]')
    names = [run(workspace).folder.name for _ in range(4)]
    reports = tmp_path / "w" / "reports"
    assert {path.name for path in reports.iterdir() if path.is_dir()} == set(names[2:])
    assert valid(reports)["previous"] == names[2]


@pytest.mark.parametrize("when", ["page", "folder", "latest"])
def test_a_full_disk_leaves_the_run_before(tmp_path: Path, when: str) -> None:
    workspace = tiny(tmp_path / "w", pages='["one"]')
    reports = tmp_path / "w" / "reports"
    good = run(workspace).folder.name

    def full(*arguments: object, **named: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        if when == "page":
            patch.setattr(staged.shutil, "copyfile", full)
        elif when == "folder":
            patch.setattr(Path, "rename", full)
        else:
            patch.setattr(runs.os, "fsync", full)
        with pytest.raises(ReportError, match=f"No space left.*run {good} stays current"):
            run(workspace)
    told = valid(reports)
    assert told["run"] == good
    assert not list(reports.glob(".[rgn]*"))
    if when != "latest":  # nothing at all could be written then
        assert told["failure"]["kind"] == "unwritten"
        assert "No space left on device" in (reports / "index.html").read_text(encoding="utf-8")
    assert run(workspace).folder.name == valid(reports)["run"]


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk, as Linux does")
def test_a_disk_that_is_really_full_leaves_the_run_before(tmp_path: Path) -> None:
    workspace = tiny(tmp_path / "w", pages='["one"]')
    reports = tmp_path / "w" / "reports"
    reports.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=700k", "none", str(reports)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs the right to mount a disk")
    try:
        good = run(workspace).folder.name
        big = "import numpy as np\nif out:\n    open(out + '/big.bin', 'wb').write(bytes(10**6))"
        notebook(workspace.folder, "one", big)
        with pytest.raises(ReportError, match="No space left"):
            run(workspace)
        told = valid(reports)
        assert (told["run"], told["failure"]["page"]) == (good, "one")
        notebook(workspace.folder, "one", PAGE, TABLES)
        for left in (4_000, 40_000, 80_000, 110_000):  # bytes: full at another moment each
            (reports / "ballast").unlink(missing_ok=True)
            free = shutil.disk_usage(reports).free
            (reports / "ballast").write_bytes(bytes(free - left))
            with suppress(ReportError):
                run(workspace)
                good = valid(reports)["run"]
            assert valid(reports)["run"] == good
        (reports / "ballast").unlink()
        assert run(workspace).folder.name == valid(reports)["run"]
    finally:
        subprocess.run(["umount", str(reports)], check=True)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal to send")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=str)
def test_a_run_that_is_killed_leaves_the_site_valid(tmp_path: Path, number: int) -> None:
    workspace = tiny(tmp_path / "w", pages='["one"]')
    reports = tmp_path / "w" / "reports"
    good = run(workspace).folder.name
    here = tmp_path / "pid"
    waits = f"import os, pathlib, time\npathlib.Path({str(here)!r}).write_text(str(os.getpid()))"
    notebook(workspace.folder, "one", f"{waits}\ntime.sleep(60)")
    running = subprocess.Popen(
        [sys.executable, "-m", "attribution", "report", "--quiet"],
        cwd=workspace.folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (here.exists() and here.read_text()):
        assert running.poll() is None
        time.sleep(0.05)
    second = command("report", cwd=workspace.folder)
    assert second.returncode == 4
    assert f"process {running.pid}, since 20" in second.stderr
    running.send_signal(number)
    said = running.communicate(timeout=30)[1]
    assert valid(reports)["run"] == good
    notebook(workspace.folder, "one", PAGE, TABLES)
    third = command("report", "--quiet", cwd=workspace.folder)
    assert third.returncode == 0, third.stderr
    told = valid(reports)
    assert told["run"] != good
    index = (reports / "index.html").read_text(encoding="utf-8")
    if number == signal.SIGTERM:
        assert running.returncode == 1
        assert "interrupted; nothing was published" in said
        assert "The run was interrupted." in index
    else:
        assert "The run was killed before it was done." in index
    assert not list(reports.glob(".run-*"))
    for _ in range(200):  # its notebook ends as well
        if not _alive(int(here.read_text())):
            break
        time.sleep(0.05)
    else:
        pytest.fail("the kernel of a run that ended is still there")


def _alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_nothing_ingested_is_told_before_anything_runs(tmp_path: Path) -> None:
    workspace = small(tmp_path, {}, '[brand]\nname = "x"\n' + source("a", "generic_orders", "a"))
    with pytest.raises(DataError, match="Run `attribution ingest`"):
        run(workspace)
    assert not (tmp_path / "reports").exists()


def test_a_site_from_the_command_line_says_where_it_is(tmp_path: Path) -> None:
    workspace = tiny(tmp_path / "w")
    done = command("report", "--set", "factor=3", "--period", "2026-11", cwd=workspace.folder)
    assert done.returncode == 0, done.stderr
    told = latest(workspace)
    assert f"Report: {workspace.folder / 'reports' / told['index']}" in done.stdout.splitlines()
    assert "one: running" in done.stderr.splitlines()
    assert told["pages"][0]["parameters"]["factor"] == 3.0
    wrong = command("report", "--set", "fctor=3", cwd=workspace.folder)
    assert wrong.returncode == 2
    assert "--set fctor=3: there is no parameter 'fctor' on one, two. Did you mean factor?" in (
        wrong.stderr
    )
    frame = pd.read_parquet(
        workspace.folder / "reports" / told["run"] / "downloads" / "one" / "numbers.parquet"
    )
    assert frame["x"].tolist() == [3.0, 0.5]


@pytest.mark.slow
def test_the_sample_s_site_is_the_same_twice(tmp_path: Path) -> None:
    workspace = sample_brand(tmp_path / "w")
    run(workspace)
    first, second = run(workspace).folder, run(workspace).folder  # both have a run before
    there = {path.relative_to(first) for path in first.rglob("*") if path.is_file()}
    assert there == {path.relative_to(second) for path in second.rglob("*") if path.is_file()}
    assert len([path for path in there if path.suffix == ".html"]) > 4
    for path in there:
        one, other = (first / path).read_bytes(), (second / path).read_bytes()
        if path.suffix == ".html":
            pages = [RUN_LINE.subn("", text.decode()) for text in (one, other)]
            assert pages[0] == pages[1]
            assert pages[0][1] == 1
        elif path.suffix not in (".ipynb", ".json"):
            assert one == other, path
