"""The folder of runs: valid at every moment, whatever stops a run, and for one run at a time."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from attribution.errors import ConfigError, LockedError
from attribution.publish import runs
from attribution.publish.runs import (
    begin,
    clear,
    failed_runs,
    give_up,
    holding,
    publish_run,
    remove_older,
    whole_runs,
)

START = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)


class Killed(BaseException):
    """What a test stops a run with: nobody catches it."""


def valid(reports: Path) -> list[str]:
    """Return the runs that the folder describes, having checked that each of them is whole."""
    if not (reports / "latest.json").exists():
        assert not (reports / "index.html").exists()
        return []
    current = json.loads((reports / "latest.json").read_text(encoding="utf-8"))["run"]
    listed = re.findall(r'"([\d-]+)/', (reports / "index.html").read_text(encoding="utf-8"))
    for run in {current, *listed}:
        manifest = json.loads((reports / run / "manifest.json").read_text(encoding="utf-8"))
        assert {"page.html", "manifest.json"} <= {path.name for path in (reports / run).iterdir()}
        assert manifest["run"] == run
    return listed


def described(kept: list[dict]) -> dict[str, str]:
    links = "".join(f'<a href="{run["run"]}/page.html">' for run in kept)
    return {"latest.json": json.dumps({"run": kept[0]["run"]}), "index.html": links}


def one_run(reports: Path, started: datetime, keep: int) -> str:
    """Do what a run does with the folder."""
    clear(reports)
    whole = whole_runs(reports)
    name, staged = begin(reports, started)
    (staged / "page.html").write_text("page", encoding="utf-8")
    record = {"run": name, "started": started.isoformat()}
    (staged / "manifest.json").write_text(json.dumps(record), encoding="utf-8")
    every = [record, *whole]
    publish_run(reports, staged, name, described(every[:keep]))
    remove_older(reports, every[keep:], keep)
    return name


@contextmanager
def stopped_at(step: int) -> Iterator[None]:
    """Stop with the given change of the disk: before it happens."""
    done = 0

    def counted(change: Callable) -> Callable:
        def counting(*arguments: object, **named: object) -> object:
            nonlocal done
            done += 1
            if done == step:
                raise Killed
            return change(*arguments, **named)

        return counting

    with pytest.MonkeyPatch.context() as patch:
        for name in ("mkdir", "write_text", "rename", "replace", "unlink"):
            patch.setattr(Path, name, counted(getattr(Path, name)))
        patch.setattr(runs.os, "fsync", counted(runs.os.fsync))
        patch.setattr(shutil, "rmtree", counted(shutil.rmtree))
        yield


def test_a_run_killed_at_any_step_leaves_the_folder_valid_and_the_next_one_clears_up(
    tmp_path: Path,
) -> None:
    finished = step = 0
    while not finished:
        step += 1
        reports = tmp_path / str(step)
        reports.mkdir()
        names = [one_run(reports, START + timedelta(hours=hour), 2) for hour in range(2)]
        with stopped_at(step):
            try:
                finished = bool(one_run(reports, START + timedelta(hours=2), 2))
            except Killed:
                listed = valid(reports)
                assert names[1] in listed  # the run before is there still
        last = one_run(reports, START + timedelta(hours=3), 2)
        assert valid(reports)[0] == last
        left = {path.name for path in reports.iterdir()} - {"failed"}
        assert left == {"latest.json", "index.html", *valid(reports)}
        assert len(valid(reports)) == 2
    assert step > 8


def test_a_full_disk_at_any_step_leaves_the_run_before(tmp_path: Path) -> None:
    for step in range(1, 4):  # both descriptions written, the folder renamed, the first shown
        reports = tmp_path / str(step)
        reports.mkdir()
        first = one_run(reports, START, 3)
        name, staged = begin(reports, START + timedelta(hours=1))
        (staged / "page.html").write_text("page", encoding="utf-8")
        record = {"run": name, "started": (START + timedelta(hours=1)).isoformat()}
        (staged / "manifest.json").write_text(json.dumps(record), encoding="utf-8")
        calls = 0

        def full(change: Callable) -> Callable:
            def failing(*arguments: object) -> object:
                nonlocal calls
                calls += 1
                if calls == step:  # noqa: B023
                    raise OSError(28, "No space left on device")
                return change(*arguments)

            return failing

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(runs.os, "fsync", full(runs.os.fsync))
            patch.setattr(Path, "rename", full(Path.rename))
            with pytest.raises(OSError, match="No space"):
                publish_run(reports, staged, name, described([record]))
        give_up(reports, staged, record | {"kind": "unwritten"})
        assert valid(reports) == [first]
        assert [run["run"] for run in failed_runs(reports)] == [name]
        assert not list(reports.glob(".*"))


def test_a_name_is_used_once(tmp_path: Path) -> None:
    names = [one_run(tmp_path, START, 9) for _ in range(3)]
    assert names == ["20261116-090000", "20261116-090000-2", "20261116-090000-3"]
    assert [run["run"] for run in whole_runs(tmp_path)] == names[::-1]
    name, staged = begin(tmp_path, START)
    give_up(tmp_path, staged, {"run": name, "started": START.isoformat(), "kind": "died"})
    assert begin(tmp_path, START)[0] == "20261116-090000-5"


def test_what_is_no_run_is_left_alone(tmp_path: Path) -> None:
    for name in ("runs", "mine", "20261116"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text("{}", encoding="utf-8")
    for hour in range(3):
        one_run(tmp_path, START + timedelta(hours=hour), 1)
    assert len(whole_runs(tmp_path)) == 1
    assert {"runs", "mine", "20261116"} < {path.name for path in tmp_path.iterdir()}


def test_failures_are_kept_as_long_as_runs(tmp_path: Path) -> None:
    for hour in range(4):
        name, staged = begin(tmp_path, START + timedelta(hours=hour))
        started = (START + timedelta(hours=hour)).isoformat()
        give_up(tmp_path, staged, {"run": name, "started": started, "kind": "died"})
    one_run(tmp_path, START + timedelta(hours=9), 2)
    assert [run["run"] for run in failed_runs(tmp_path)] == ["20261116-120000", "20261116-110000"]


def test_a_second_run_is_told_of_the_first(tmp_path: Path) -> None:
    with holding(tmp_path):
        begin(tmp_path, START)
        told = r"the run 20261116-090000 \(process \d+, since 2026-11-16T09:00:00"
        with pytest.raises(LockedError, match=told), holding(tmp_path):
            pass
    with holding(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_wrong_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="Name another folder"), holding(tmp_path / "file" / "x"):
        pass
