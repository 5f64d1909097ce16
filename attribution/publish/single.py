"""Publishes one page: a notebook's page, its tables and a manifest, or nothing."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from attribution.errors import ConfigError
from attribution.notebooks import parameters_of, values_for
from attribution.publish.manifest import MANIFEST, inputs_of, versions
from attribution.publish.notebook import Failure, find_notebook, run_notebook

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Published", "publish"]

_SHELL = Markup(
    '<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="color-scheme" content="light dark"><title>{title}</title>'
    "<style>body{{margin:16px auto 32px;max-width:1280px;padding:0 32px;background:#FCFCFB}}"
    "@media screen and (prefers-color-scheme:dark){{body{{background:#12171D}}}}"
    "@media (max-width:760px){{body{{padding:0 16px}}}}"
    "@page{{size:A4;margin:12mm}}</style></head><body><main>{body}</main></body></html>"
)


@dataclass(frozen=True)
class Published:
    """Where a run landed."""

    folder: Path
    page: Path


def publish(
    name: str,
    settings: Sequence[str],
    *,
    workspace: Path,
    out: Path | None = None,
    progress: bool = True,
) -> Published:
    """Execute a report's notebook with these settings and publish the result.

    Parameters
    ----------
    name
        The notebook's name without its ending.
    settings
        `name=value` texts, checked against the notebook's own parameters before anything runs.
    workspace
        Folder that relative paths in the settings are relative to.
    out
        Folder to publish into, relative to the workspace; `reports/runs/NAME-TIME` if not given.

    Raises
    ------
    ConfigError
        For an unknown report or an ill-typed or unknown parameter.
    ReportError
        If a cell fails: names the notebook, the cell and the cause. Nothing is published, and
        what `out` held before stays as it was.
    """
    if not workspace.is_dir():
        raise ConfigError(f"The workspace {str(workspace)!r} is not a folder.")
    notebook = find_notebook(name, workspace)
    declared = parameters_of(notebook)
    given = values_for(declared, settings)
    if "out" in given:
        raise ConfigError("--set out=...: name the folder with --out instead.")
    started = datetime.now(UTC)
    folder = workspace / (out or Path("reports", "runs", f"{name}-{started:%Y%m%d-%H%M%S}"))
    staging = _staging_beside(folder, name)
    try:
        # What the executed notebook names is the folder it is published to.
        public = {str(staging.resolve()): folder.as_posix()}
        done = run_notebook(
            notebook, given, out=staging, workspace=workspace, public=public, progress=progress
        )
        if isinstance(done, Failure):
            raise done.error("Nothing was published.")
        values = {p.name: p.default for p in declared} | given
        page = staging / f"{name}.html"
        page.write_text(_page(done.body, values | done.facts), encoding="utf-8")
        manifest = _manifest(name, values, done.facts, workspace, started)
        manifest["seconds"] = done.seconds
        manifest["files"] = sorted([*(path.name for path in staging.iterdir()), MANIFEST])
        (staging / MANIFEST).write_text(
            json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
        _move_into_place(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Published(folder, folder / f"{name}.html")


def _page(body: str, values: dict[str, Any]) -> str:
    return str(
        _SHELL.format(
            language=values.get("language") or "en",
            title=values.get("title") or "attribution",
            body=Markup(body),  # noqa: S704 - made by the notebook, whose parts are escaped there
        )
    )


def _staging_beside(folder: Path, name: str) -> Path:
    """Make the folder a run is staged in, on the same disk as the one it is published to."""
    try:
        if folder.exists() and not folder.is_dir():
            raise FileExistsError(f"{folder} is a file")
        folder.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
    except OSError as error:
        raise ConfigError(
            f"--out {folder}: cannot be written ({error.strerror or error}). Name another folder."
        ) from error


def _manifest(
    name: str,
    values: dict[str, Any],
    facts: dict[str, Any],
    workspace: Path,
    started: datetime,
) -> dict[str, Any]:
    """Return what a reader needs to repeat the run and to tell two runs apart."""
    return {
        "report": name,
        "started": started.isoformat(timespec="seconds"),
        "parameters": {k: v for k, v in values.items() if k != "out"},
        **facts,
        "inputs": inputs_of(facts, workspace),
        "versions": versions(),
    }


def _move_into_place(staging: Path, folder: Path) -> None:
    """Publish every file by rename: where a manifest stands, the run beside it is whole.

    The manifest goes first and comes last, and files of an earlier run that this one does not
    have go with it.
    """
    manifest = folder / MANIFEST
    files = {path.name for path in staging.iterdir()}
    folder.mkdir(exist_ok=True)
    if manifest.exists():
        earlier = json.loads(manifest.read_text(encoding="utf-8")).get("files", [])
        manifest.unlink()
        for name in set(earlier) - files:
            (folder / Path(name).name).unlink(missing_ok=True)
    for name in sorted(files, key=lambda name: name == MANIFEST):
        (staging / name).replace(folder / name)
