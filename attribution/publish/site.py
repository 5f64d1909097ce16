"""A run: every page of the recipe made, staged, and shown as one, or nothing at all."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pandas as pd

from attribution.errors import AttributionError, ConfigError, ReportError
from attribution.intake.stored import find_workspace, workspace_or_sample
from attribution.present.shell import DOWNLOADS
from attribution.present.site_pages import INTERRUPTED, PAGE, REFUSED, UNWRITTEN
from attribution.publish.described import describe
from attribution.publish.plan import plan_site
from attribution.publish.runs import (
    announce,
    begin,
    clear,
    failed_runs,
    give_up,
    holding,
    publish_run,
    remove_older,
    whole_runs,
)
from attribution.publish.side_by_side import PageFailed, Task, run_side_by_side
from attribution.publish.staged import INDEX, Reach, Run, write_run
from attribution.store.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from attribution.publish.plan import Plan
    from attribution.recipe import Span
    from attribution.workspace import Workspace

__all__ = ["PublishedSite", "publish_site"]

_MOST_AT_ONCE = 2  # where the recipe does not say: each notebook takes a core and its memory
_FAILED, _WRONG_USE = 1, 2  # exit codes


@dataclass(frozen=True)
class PublishedSite:
    """Where a run landed.

    Attributes
    ----------
    folder
        The run's own.
    index
        Its first page.
    runs
        The page that lists every run.
    seconds
        It took.
    """

    folder: Path
    index: Path
    runs: Path
    seconds: float


def publish_site(
    settings: Sequence[str] = (),
    *,
    workspace: Path,
    span: Span | None = None,
    out: Path | None = None,
    said: Callable[[str], None] = lambda _: None,
) -> PublishedSite:
    """Run the recipe of a workspace and publish its site: every page, or none.

    Where there is no workspace around the folder, the sample brand is ingested and reported.

    Parameters
    ----------
    settings
        `name=value` texts, each for every page that has such a parameter.
    workspace
        The folder of the workspace, or one below it.
    span
        Days the site is about, instead of the recipe's.
    out
        The folder of runs, from the workspace on; `reports` if not given.
    said
        Told of the progress, line by line.

    Raises
    ------
    ConfigError
        For a recipe or setting that cannot stand.
    LockedError
        If another run is at work on the same folder.
    DataError
        If nothing has been ingested yet.
    ReportError
        If a page fails, or the disk; the run before stays current, and why is kept.
    """
    if not workspace.is_dir():
        raise ConfigError(f"The workspace {str(workspace)!r} is not a folder.")
    found = find_workspace(workspace)
    reports = ((found or workspace) / (out or "reports")).resolve()
    if found is None:
        said("No attribution.toml here: reporting on the sample brand.")
    with workspace_or_sample(start=workspace) as opened:
        plan = plan_site(opened, settings)
        with holding(reports):
            return _publish(opened, plan, span or opened.report.span, reports, said)


def _publish(
    workspace: Workspace, plan: Plan, span: Span, reports: Path, said: Callable[[str], None]
) -> PublishedSite:
    """Make and show one run; the caller holds the folder."""
    clear(reports)
    whole, keep = whole_runs(reports), workspace.report.keep
    plan = plan if whole else plan.first()
    started = datetime.now(UTC).astimezone(ZoneInfo(workspace.timezone))
    name, staged = _begun(reports, started)
    try:
        run = _run(name, started, workspace, plan, span, whole)
        tasks = _longest_first(_tasks(run, staged, reports), whole)
        executed = run_side_by_side(tasks, workspace.report.parallel or _at_once(), said)
        manifest = write_run(run, staged, executed)
        runs = [manifest, *whole]
        texts = describe(runs[:keep], failed_runs(reports)[:keep], **_words(plan, workspace))
        publish_run(reports, staged, name, texts)
    except (PageFailed, AttributionError, OSError, KeyboardInterrupt) as error:
        since = started.isoformat(timespec="seconds")
        record = {"run": name, "started": since} | _why(error, started)
        with suppress(OSError):  # a disk that is still full: the run is gone all the same
            give_up(reports, staged, record)
            texts = describe(whole, failed_runs(reports)[:keep], **_words(plan, workspace))
            announce(reports, texts)
        raise _told(error, whole) from None
    with suppress(OSError):  # what stays is removed by the next run
        remove_older(reports, runs[keep:], keep)
    folder = reports / name
    return PublishedSite(folder, folder / INDEX, reports / INDEX, manifest["seconds"])


def _begun(reports: Path, started: datetime) -> tuple[str, Path]:
    try:
        return begin(reports, started)
    except OSError as error:
        raise ReportError(
            f"{reports.name}: cannot be written ({error.strerror or error}). Nothing was published."
        ) from error


def _run(
    name: str,
    started: datetime,
    workspace: Workspace,
    plan: Plan,
    span: Span,
    whole: Sequence[dict[str, Any]],
) -> Run:
    zone = ZoneInfo(workspace.timezone)
    found = open_store(workspace).query(
        'SELECT (SELECT "at" FROM as_of) AS "at", min(booked_at) AS first, max(booked_at) AS last '
        "FROM orders WHERE is_paid"
    )
    [(at, first, last)] = found.to_pandas().astype("Int64").itertuples(index=False)
    reach = Reach(*(None if pd.isna(ms) else int(ms) for ms in (at, first, last)))
    newest = None if reach.as_of is None else _day(reach.as_of, zone)
    return Run(
        name=name,
        started=started,
        plan=plan,
        span=span.days(newest),
        reach=reach,
        previous=whole[0]["run"] if whole else "",
        workspace=workspace.folder,
        timezone=workspace.timezone,
    )


def _tasks(run: Run, staged: Path, reports: Path) -> list[Task]:
    """Return the notebooks to run; each has a folder for its tables."""
    previous = str(reports / run.previous) if run.previous else ""
    shown = f"{reports.name}/{run.name}"
    public = {str(staged): shown} | (
        {previous: f"{reports.name}/{run.previous}"} if previous else {}
    )
    tasks = []
    for page in run.plan.pages:
        out = staged / DOWNLOADS / page.name
        out.mkdir(parents=True)
        values = run.values(page, previous)
        tasks.append(Task(page.name, page.notebook, values, out, run.workspace, public))
    return tasks


def _longest_first(tasks: Sequence[Task], whole: Sequence[dict[str, Any]]) -> list[Task]:
    """Return the tasks as they keep all cores busy to the end, going by the run before."""
    pages = whole[0]["pages"] if whole else []
    took = {page["name"]: page["seconds"]["notebook"] for page in pages}
    return sorted(tasks, key=lambda task: -took.get(task.name, float("inf")))


def _at_once() -> int:
    return min(_MOST_AT_ONCE, os.cpu_count() or 1)


def _words(plan: Plan, workspace: Workspace) -> dict[str, str]:
    return {"brand": plan.brand, "language": plan.language, "timezone": workspace.timezone}


def _why(error: BaseException, started: datetime) -> dict[str, Any]:
    """Return what is kept of a run that failed."""
    now = datetime.now(UTC).astimezone(started.tzinfo)
    record: dict[str, Any] = {
        "status": "failed",
        "finished": now.isoformat(timespec="seconds"),
        "seconds": round((now - started).total_seconds(), 1),
        "exit_code": _FAILED,
    }
    if isinstance(error, PageFailed):
        found = error.failure
        record |= {"kind": PAGE, "page": error.page, "cell": found.cell, "cause": found.cause}
        record["exit_code"] = _WRONG_USE if found.wrong_use else _FAILED
    elif isinstance(error, KeyboardInterrupt):
        record |= {"kind": INTERRUPTED}
    elif isinstance(error, OSError):
        record |= {"kind": UNWRITTEN, "cause": error.strerror or str(error)}
    else:
        record |= {"kind": REFUSED, "cause": str(error)}
        record["exit_code"] = _WRONG_USE if isinstance(error, ConfigError) else _FAILED
    return record


def _told(error: BaseException, whole: Sequence[dict[str, Any]]) -> BaseException:
    """Return the error to raise: it says what became of the site."""
    then = "Nothing was published."
    if whole:
        then = f"Nothing was published; the run {whole[0]['run']} stays current."
    if isinstance(error, PageFailed):
        return error.failure.error(then)
    if isinstance(error, OSError):
        return ReportError(f"The run cannot be written: {error.strerror or error}. {then}")
    return error


def _day(ms: int, zone: ZoneInfo) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).astimezone(zone).date()
