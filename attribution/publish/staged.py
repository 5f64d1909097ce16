"""A run's folder, filled: pages in their shell, downloads, and the manifest last."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from attribution.present.shell import DOWNLOADS, Shell, instant, period, run_line
from attribution.present.site_pages import Download, downloads
from attribution.present.words import words_in
from attribution.publish.manifest import MANIFEST, digest, inputs_of, versions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from attribution.publish.notebook import Executed
    from attribution.publish.plan import PagePlan, Plan

__all__ = ["INDEX", "Reach", "Run", "write_run"]

INDEX = "index.html"
_FORMS = {".csv": "CSV", ".parquet": "Parquet", ".xlsx": "Excel", ".ipynb": "Notebook"}


@dataclass(frozen=True)
class Reach:
    """How far the data go, in UTC ms; None where there are none.

    Attributes
    ----------
    as_of
        Up to when they are taken.
    first, last
        When the first and the last paid order counts.
    """

    as_of: int | None
    first: int | None
    last: int | None


@dataclass(frozen=True)
class Run:
    """One run, as far as it is known before anything has run.

    Attributes
    ----------
    name
        Its id.
    started
        In the workspace's time zone.
    span
        First and last day it is about; empty for no limit.
    previous
        The run before; empty for the first.
    workspace
        Where its notebooks run.
    timezone
        Of days and clocks.
    """

    name: str
    started: datetime
    plan: Plan
    span: tuple[str, str]
    reach: Reach
    previous: str
    workspace: Path
    timezone: str

    def values(self, page: PagePlan, previous: str) -> dict[str, Any]:
        """Return what a page's notebook is run with; `previous` is the folder of the run before."""
        return page.values(
            {
                "since": self.span[0],
                "until": self.span[1],
                "language": self.plan.language,
                "title": self.plan.brand,
                "previous": previous,
                "pages": [other.name for other in self.plan.pages if other.name != page.name],
            }
        )

    def days(self, page: PagePlan) -> tuple[str, str]:
        """Return the first and last day a page is about: all there are, if it cannot be told."""
        told = page.has("since") and page.has("until")
        since, until = self.span if told else ("", "")
        every = self.every_day()
        return since or every[0], until or every[1]

    def every_day(self) -> tuple[str, str]:
        """Return the days of the first and the last paid order; empty if there is none."""
        first, last = (
            "" if ms is None else str(_clock(ms, self.timezone).date())
            for ms in (self.reach.first, self.reach.last)
        )
        return first, last


def write_run(run: Run, folder: Path, executed: Mapping[str, Executed]) -> dict[str, Any]:
    """Write everything but the notebooks' own tables into a staged run, and return its manifest.

    Parameters
    ----------
    folder
        Holds `downloads/PAGE/` with what each notebook has written.
    executed
        What each notebook showed, by page.
    """
    words = words_in(run.plan.language)
    finished = datetime.now(UTC).astimezone(run.started.tzinfo)
    seconds = round((finished - run.started).total_seconds(), 1)
    as_of = run.reach.as_of
    shell = Shell(
        words,
        run.plan.brand,
        as_of="" if as_of is None else instant(words, as_of, run.timezone),
        pages=[page.name for page in run.plan.pages],
        run_line=run_line(words, run.name, run.started, seconds),
    )
    manifest: dict[str, Any] = {
        "run": run.name,
        "status": "done",
        "started": run.started.isoformat(timespec="seconds"),
        "finished": finished.isoformat(timespec="seconds"),
        "seconds": seconds,
        "brand": run.plan.brand,
        "language": run.plan.language,
        "timezone": run.timezone,
        "as_of": None if as_of is None else _clock(as_of, run.timezone).isoformat(),
        "since": run.span[0],
        "until": run.span[1],
        "days": list(run.every_day()),
        "previous": run.previous or None,
        "pages": [],
        "inputs": [],
        "versions": versions(),
    }
    found: list[Download] = []
    for page in run.plan.pages:
        done = executed[page.name]
        body = Markup(done.body)  # noqa: S704 - made by the notebook, whose parts are escaped there
        text = shell.page(page.name, body, period(words, *run.days(page)))
        (folder / f"{page.name}.html").write_text(text, encoding="utf-8", newline="\n")
        own, described = _downloads_of(folder / DOWNLOADS / page.name, page.name)
        found += own
        manifest["inputs"] += [
            each for each in inputs_of(done.facts, run.workspace) if each not in manifest["inputs"]
        ]
        facts = {k: v for k, v in done.facts.items() if k not in ("inputs", "language", "title")}
        manifest["pages"].append(
            {
                "name": page.name,
                "file": f"{page.name}.html",
                "parameters": page.parameters(run.values(page, "")),
                **facts,
                "seconds": done.seconds,
                "tables": described,
            }
        )
    shutil.copyfile(folder / f"{run.plan.pages[0].name}.html", folder / INDEX)
    body = downloads(words, found, len(manifest["inputs"]))
    text = shell.page(DOWNLOADS, body, period(words, *run.every_day()))
    (folder / f"{DOWNLOADS}.html").write_text(text, encoding="utf-8", newline="\n")
    (folder / MANIFEST).write_text(
        json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )
    return manifest


def _clock(ms: int, timezone: str) -> datetime:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    return at.astimezone(ZoneInfo(timezone))


def _downloads_of(folder: Path, page: str) -> tuple[list[Download], list[dict[str, Any]]]:
    """Return a page's files: as the page of downloads lists them, and as the manifest does."""
    by_name: dict[str, list[Path]] = {}
    for file in sorted(folder.iterdir()):
        by_name.setdefault(file.stem, []).append(file)
    listed, described = [], []
    for name, files in sorted(by_name.items(), key=lambda item: (item[0] == page, item[0])):
        rows, columns = _shape(files)
        listed.append(
            Download(
                page,
                "" if files[0].suffix == ".ipynb" else name,
                rows,
                columns,
                tuple(
                    (_FORMS.get(file.suffix, file.suffix.lstrip(".")), _address(file), size)
                    for file in files
                    for size in [file.stat().st_size]
                ),
            )
        )
        described += [
            {"file": _address(file), "bytes": len(content), "sha256": digest(content)}
            | ({} if rows is None else {"rows": rows})
            for file in files
            if file.suffix != ".ipynb"
            for content in [file.read_bytes()]
        ]
    return listed, described


def _address(file: Path) -> str:
    return f"{DOWNLOADS}/{file.parent.name}/{file.name}"


def _shape(files: Sequence[Path]) -> tuple[int | None, tuple[str, ...]]:
    """Return rows and columns of a table, as its Parquet file tells them."""
    from pyarrow import parquet

    for file in files:
        if file.suffix == ".parquet":
            found = parquet.read_metadata(file)
            return found.num_rows, tuple(found.schema.to_arrow_schema().names)
    return None, ()
