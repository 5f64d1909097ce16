"""The command line, as a user runs it: a process, its exit code and what it says."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from attribution.cli import main


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "attribution", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )


def test_a_report_says_where_it_is_and_shows_progress(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text(
        "path,total_conversions,total_conversion_value,total_null\nA > B,2,9,1\n", encoding="utf-8"
    )
    done = run("report", "model_comparison", "--set", "input=p.csv", "--out", "here", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"Report: {Path('here', 'model_comparison.html')}" in done.stdout.splitlines()
    assert (tmp_path / "here" / "model_comparison.html").is_file()
    assert "100%" in done.stderr


def test_a_failing_report_exits_1_and_names_the_cause(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("path,conv\nA,1\n", encoding="utf-8")
    done = run("report", "model_comparison", "--set", "input=p.csv", "--quiet", cwd=tmp_path)
    assert done.returncode == 1
    assert "total_conversions" in done.stderr
    assert "p.csv" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["report", "model_comparision"], "There is no report"),
        (["report", "model_comparison", "--set", "nope=1"], "no parameter 'nope'"),
        (["report", "model_comparison", "--workspace", "absent"], "is not a folder"),
        (["report", "--workspace", "absent"], "is not a folder"),
        (["report", "--set", "nope=1"], "no parameter 'nope' on "),
        (["report", "--parameters"], "name one page"),
        (["report", "--since", "yesterday"], "is no day"),
        (["report", "--period", "28D", "--since", "2026-11-09"], "one or the other"),
        (["report", "data_quality", "--period", "28D"], "write --since and --until"),
    ],
)
def test_wrong_use_exits_2(
    arguments: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    assert says in capsys.readouterr().err


def test_reports_and_their_parameters_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--list"]) == 0
    assert "model_comparison" in capsys.readouterr().out
    assert main(["report", "model_comparison", "--parameters"]) == 0
    assert "en | zh" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal to send")
def test_a_scheduler_s_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    arguments = ["report", "model_comparison", "--out", "here", "--quiet"]
    running = subprocess.Popen(
        [sys.executable, "-m", "attribution", *arguments],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    while not list(tmp_path.glob(".model_comparison-*")) and running.poll() is None:
        time.sleep(0.05)
    running.terminate()
    said = running.communicate(timeout=60)[1]
    assert running.returncode == 1
    assert "interrupted; nothing was published" in said
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    gone, written = os.pipe()
    os.close(gone)
    done = subprocess.run(
        [sys.executable, "-m", "attribution", "report", "--list", "--workspace", str(tmp_path)],
        env={k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"},
        stdout=written,
        stderr=subprocess.PIPE,
        check=False,
        timeout=60,
    )
    os.close(written)
    assert (done.returncode, done.stderr) == (0, b"")
