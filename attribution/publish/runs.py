"""The folder of runs on disk: one at a time, whole or not there, the oldest ones removed.

A run is made in a hidden folder and shown by one rename. What describes the runs (`index.html`,
`latest.json`) is written beside first and then renamed, so that at any moment it tells of whole
runs only; a run to be removed leaves it before it leaves the disk.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from attribution.errors import ConfigError, LockedError
from attribution.present.site_pages import DIED
from attribution.publish.manifest import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

__all__ = [
    "announce",
    "begin",
    "clear",
    "failed_runs",
    "give_up",
    "holding",
    "publish_run",
    "remove_older",
    "whole_runs",
]

_ID = re.compile(r"\d{8}-\d{6}(-\d+)?")
_STAGED, _GONE, _FRESH = ".run-", ".gone-", ".new-"
_FAILED = "failed"  # the folder of what is known of runs that failed
_BEGUN = "begun.json"  # in a staged run: who makes it, since when

Record = dict[str, Any]


@contextmanager
def holding(reports: Path) -> Iterator[None]:
    """Hold the folder of runs; a killed process loses it.

    Raises
    ------
    LockedError
        If another run holds it; names that run's process and start.
    ConfigError
        If the folder cannot be written.
    """
    from filelock import FileLock, Timeout

    try:
        reports.mkdir(parents=True, exist_ok=True)
        lock = FileLock(reports / ".lock")
        lock.acquire(blocking=False)
    except Timeout:
        raise LockedError(
            f"{reports.name}: {_holder(reports)} is at work here. Nothing was begun. Wait until "
            "it is done, or let schedules leave more time between runs."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{reports}: cannot be written ({error.strerror or error}). Name another folder "
            "with --out."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _holder(reports: Path) -> str:
    for file in sorted(reports.glob(f"{_STAGED}*/{_BEGUN}"), reverse=True):
        with suppress(OSError, ValueError):
            begun = json.loads(file.read_text(encoding="utf-8"))
            return f"the run {begun['run']} (process {begun['pid']}, since {begun['started']})"
    return "another run"


def clear(reports: Path) -> None:
    """Remove what runs that died have left, and keep of each that it died.

    The caller holds the folder, so nothing of this is being written.
    """
    for staged in sorted(reports.glob(f"{_STAGED}*")):
        begun: Record = {}
        with suppress(OSError, ValueError):
            begun = json.loads((staged / _BEGUN).read_text(encoding="utf-8"))
        _remove(staged)
        if "run" in begun:
            kept = {key: begun[key] for key in ("run", "started")}
            _keep_failure(reports, kept | {"status": "failed", "finished": None, "kind": DIED})
    for pattern in (f"{_GONE}*", f"{_FRESH}*", f"{_FAILED}/{_FRESH}*"):
        for left in reports.glob(pattern):
            _remove(left)


def begin(reports: Path, started: datetime) -> tuple[str, Path]:
    """Return the id of a new run, and the hidden folder to make it in."""
    taken = {path.name for path in reports.iterdir()}
    taken |= {path.stem for path in (reports / _FAILED).glob("*.json")}
    first = run = f"{started:%Y%m%d-%H%M%S}"
    number = 1
    while run in taken:
        number += 1
        run = f"{first}-{number}"
    staged = reports / f"{_STAGED}{run}"
    staged.mkdir()
    begun = {"run": run, "pid": os.getpid(), "started": started.isoformat(timespec="seconds")}
    (staged / _BEGUN).write_text(json.dumps(begun), encoding="utf-8")
    return run, staged


def whole_runs(reports: Path) -> list[Record]:
    """Return the manifests of the runs that are whole, newest first."""
    files = (file for file in reports.glob(f"*/{MANIFEST}") if _ID.fullmatch(file.parent.name))
    return _newest_first([each for file in files for each in _records(file, file.parent.name)])


def failed_runs(reports: Path) -> list[Record]:
    """Return what is known of runs that failed, newest first."""
    files = (reports / _FAILED).glob("*.json")
    return _newest_first([each for file in files for each in _records(file, file.stem)])


def _records(file: Path, run: str) -> list[Record]:
    """Return what a file tells of a run, if it is about that run; a file of anything else is none.

    What a run is called decides which folder goes when it is old, so it is that of its folder.
    """
    with suppress(OSError, ValueError):
        found = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(found, dict) and found.get("run") == run and "started" in found:
            return [found]
    return []


def _newest_first(runs: Sequence[Record]) -> list[Record]:
    return sorted(runs, key=lambda run: (run["started"], len(run["run"]), run["run"]), reverse=True)


def publish_run(reports: Path, staged: Path, run: str, described: Mapping[str, str]) -> None:
    """Show a whole run, and then what describes the runs.

    Everything is on disk before the first rename, so a full disk is met while nothing has changed.
    The run counts as published when the first of `described` says so. The others describe earlier
    runs until they follow, which is not wrong.

    Raises
    ------
    OSError
        If it could not be shown; the folder is as it was, but for what is staged.
    """
    (staged / _BEGUN).unlink()
    fresh = _written(reports, described)
    staged.rename(reports / run)
    try:
        _show(fresh[:1])
    except OSError:
        (reports / run).rename(staged)
        raise
    with suppress(OSError):
        _show(fresh[1:])


def announce(reports: Path, described: Mapping[str, str]) -> None:
    """Write what describes the runs."""
    _show(_written(reports, described))


def give_up(reports: Path, staged: Path, failure: Record) -> None:
    """Remove a run that failed, and keep why."""
    _remove(staged)
    for left in reports.glob(f"{_FRESH}*"):
        _remove(left)
    _keep_failure(reports, failure)


def remove_older(reports: Path, runs: Sequence[Record], keep: int) -> None:
    """Remove runs that nothing describes any more, and failures beyond as many as are kept."""
    for run in runs:
        folder = reports / run["run"]
        gone = reports / f"{_GONE}{run['run']}"
        folder.rename(gone)
        _remove(gone)
    for run in failed_runs(reports)[keep:]:
        (reports / _FAILED / f"{run['run']}.json").unlink(missing_ok=True)


def _written(reports: Path, described: Mapping[str, str]) -> list[tuple[Path, Path]]:
    """Write files beside those they are to replace, as far as the disk itself."""
    pairs = []
    for name, text in described.items():
        fresh = reports / f"{_FRESH}{name}.part"
        with fresh.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        pairs.append((fresh, reports / name))
    return pairs


def _show(fresh: Sequence[tuple[Path, Path]]) -> None:
    for written, target in fresh:
        written.replace(target)


def _keep_failure(reports: Path, failure: Record) -> None:
    folder = reports / _FAILED
    folder.mkdir(exist_ok=True)
    text = json.dumps(failure, ensure_ascii=False, indent=2) + "\n"
    announce(folder, {f"{failure['run']}.json": text})


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
