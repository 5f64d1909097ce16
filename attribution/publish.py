"""Runs a report's notebook and publishes it: one page, its tables and a manifest, or nothing."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import shutil
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from attribution.errors import ConfigError, ReportError
from attribution.intake.shipped import shipped
from attribution.names import __version__
from attribution.notebooks import parameters_of, values_for
from attribution.present.tables import FACTS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Published", "find_notebook", "publish", "report_names"]

_PACKAGES = ("numpy", "pandas", "pyarrow", "scipy", "networkx", "papermill", "nbconvert")
MANIFEST = "manifest.json"
_ANALYST = "analyst"  # tag of cells whose output is for the notebook's reader only
_LONGEST_SOCKET_FOLDER = 80
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


def report_names(workspace: Path) -> list[str]:
    """Return the names of the notebooks that can be reported: the workspace's, then shipped."""
    folders = (workspace / "notebooks", shipped("notebooks"))
    return sorted({path.stem for folder in folders for path in folder.glob("*.ipynb")})


def find_notebook(name: str, workspace: Path) -> Path:
    """Return a report's notebook: the workspace's own if it has one, else the shipped one."""
    if name in report_names(workspace):
        own = workspace / "notebooks" / f"{name}.ipynb"
        return own if own.is_file() else shipped("notebooks", f"{name}.ipynb")
    raise ConfigError(
        f"There is no report {name!r}. There are {', '.join(report_names(workspace))}."
    )


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
        clock = time.perf_counter()
        executed = _execute(notebook, staging, given, workspace, progress=progress)
        run_seconds = time.perf_counter() - clock
        values = {p.name: p.default for p in declared} | given
        _forget_staging(executed, staging, folder)
        facts = _facts(staging)
        page = staging / f"{name}.html"
        page.write_text(_exported(executed, values | facts), encoding="utf-8")
        manifest = _manifest(name, values, facts, workspace, started) | {
            "seconds": {
                "notebook": round(run_seconds, 3),
                "export": round(time.perf_counter() - clock - run_seconds, 3),
                "cells": _cell_seconds(executed),
            }
        }
        (staging / FACTS).unlink(missing_ok=True)
        manifest["files"] = sorted([*(path.name for path in staging.iterdir()), MANIFEST])
        (staging / MANIFEST).write_text(
            json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
        _move_into_place(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Published(folder, folder / f"{name}.html")


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


def _execute(
    notebook: Path, staging: Path, values: dict[str, Any], workspace: Path, *, progress: bool
) -> Any:
    import papermill
    from nbclient.exceptions import DeadKernelError

    # Parameters were checked above, against types papermill does not know and warns of.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    target = staging / notebook.name
    values = values | {"out": str(staging.resolve())}
    try:
        with tempfile.TemporaryDirectory(prefix="attribution-") as sockets:
            return papermill.execute_notebook(
                notebook,
                target,
                parameters=values,
                cwd=workspace,
                progress_bar=progress,
                kernel_name="python3",
                config=_kernel_config(sockets),
            )
    except papermill.PapermillExecutionError as error:
        lines = [line for line in str(error.source).splitlines() if line.strip()]
        first = lines[0].strip() if lines else ""
        # One cell more than the notebook has was executed: the one that holds the parameters.
        place = f"{notebook.name}, code cell {error.exec_count - 1} ({first})"
        kind = ConfigError if error.ename == ConfigError.__name__ else ReportError
        raise kind(f"{place}: {error.ename}: {error.evalue}\nNothing was published.") from None
    except (DeadKernelError, RuntimeError) as error:  # died, or never answered
        raise ReportError(
            f"{notebook.name}: its kernel died ({error}). Most often the memory did not suffice: "
            "close other programs, or report on less data.\nNothing was published."
        ) from None


def _forget_staging(executed: Any, staging: Path, folder: Path) -> None:
    """Let the executed notebook name the folder it was published to, not the one it ran in."""
    import nbformat

    executed.metadata.pop("papermill", None)
    for cell in executed.cells:
        if "injected-parameters" in cell.metadata.get("tags", ()):
            cell.source = cell.source.replace(str(staging.resolve()), folder.as_posix())
    (target,) = staging.glob("*.ipynb")
    target.write_text(nbformat.writes(executed), encoding="utf-8")  # type: ignore[no-untyped-call]


def _kernel_config(folder: str) -> Any:
    """Talk to the kernel through files only this user can open, where the system has them.

    Each run has a folder of its own for them, and their names must stay under a hundred letters.
    """
    from traitlets.config import Config

    files_work = os.name == "posix" and len(folder) <= _LONGEST_SOCKET_FOLDER
    own = {"transport": "ipc", "ip": str(Path(folder, "kernel"))}
    return Config({"KernelManager": own} if files_work else {})


def _exported(executed: Any, values: dict[str, Any]) -> str:
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    exporter = HTMLExporter(  # type: ignore[no-untyped-call]
        config=Config({"TagRemovePreprocessor": {"remove_all_outputs_tags": {_ANALYST}}}),
        template_name="basic",
        exclude_input=True,
        exclude_markdown=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
        embed_images=True,
        mathjax_url="",
        require_js_url="",
        jquery_url="",
        mermaid_js_url="",
    )
    body, _ = exporter.from_notebook_node(executed)
    return str(
        _SHELL.format(
            language=values.get("language") or "en",
            title=values.get("title") or "attribution",
            body=Markup(body),  # noqa: S704 - made by the notebook, whose parts are escaped there
        )
    )


def _facts(staging: Path) -> dict[str, Any]:
    """Return what the notebook told of its run, if it did."""
    file = staging / FACTS
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found


def _manifest(
    name: str,
    values: dict[str, Any],
    facts: dict[str, Any],
    workspace: Path,
    started: datetime,
) -> dict[str, Any]:
    """Return what a reader needs to repeat the run and to tell two runs apart."""
    # A store's batches carry their fingerprints; files are read for theirs.
    inputs = [
        _fingerprint(each, workspace) if isinstance(each, str) else each
        for each in facts.get("inputs", [])
    ]
    return {
        "report": name,
        "started": started.isoformat(timespec="seconds"),
        "parameters": {k: v for k, v in values.items() if k != "out"},
        **facts,
        "inputs": inputs,
        "versions": {"attribution": __version__, "python": platform.python_version()}
        | {package: version(package) for package in _PACKAGES},
    }


def _fingerprint(text: str, workspace: Path) -> dict[str, Any]:
    path = workspace / text
    content = path.read_bytes()
    shown = text if not Path(text).is_absolute() else path.name
    return {"file": shown, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _cell_seconds(executed: Any) -> list[float]:
    times = (cell.metadata.get("papermill", {}).get("duration") for cell in executed.cells)
    return [round(seconds, 3) for seconds in times if seconds is not None]


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
