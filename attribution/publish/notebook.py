"""Runs one notebook and takes what it shows as HTML; finds notebooks by name."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.errors import ConfigError, ReportError
from attribution.intake.shipped import shipped
from attribution.present.tables import FACTS

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Executed", "Failure", "find_notebook", "report_names", "run_notebook"]

_ANALYST = "analyst"  # tag of cells whose output is for the notebook's reader only
_LONGEST_SOCKET_FOLDER = 80


@dataclass(frozen=True)
class Executed:
    """What a notebook that ran to its end has shown and told.

    Attributes
    ----------
    body
        Its outputs, as HTML.
    facts
        What it told of its run: language, title, inputs, counts and the like.
    seconds
        Of the notebook, of the export, and of each cell.
    """

    body: str
    facts: dict[str, Any]
    seconds: dict[str, Any]


@dataclass(frozen=True)
class Failure:
    """Why a notebook did not run to its end.

    Attributes
    ----------
    file
        The notebook's name.
    cell
        The code cell, from 1, and its first line; empty if the kernel died.
    cause
        What was raised.
    wrong_use
        Whether the configuration is to blame.
    """

    file: str
    cell: str
    cause: str
    wrong_use: bool = False

    @property
    def place(self) -> str:
        """The notebook, and the cell if one is to blame."""
        return f"{self.file}, {self.cell}" if self.cell else self.file

    def error(self, then: str) -> ConfigError | ReportError:
        """Return it as an error; `then` says what became of the run."""
        kind = ConfigError if self.wrong_use else ReportError
        return kind(f"{self.place}: {self.cause}\n{then}")


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


def run_notebook(
    notebook: Path,
    values: Mapping[str, Any],
    *,
    out: Path,
    workspace: Path,
    public: Mapping[str, str],
    progress: bool = False,
) -> Executed | Failure:
    """Execute a notebook, with the tables it writes and itself in one folder.

    Parameters
    ----------
    values
        Its parameters, checked before; `out` is added.
    out
        The folder, which exists.
    workspace
        Where it runs, so that relative paths start there.
    public
        What the executed notebook names instead of folders of this run.
    """
    clock = time.perf_counter()
    executed = _execute(notebook, out, dict(values), workspace, progress=progress)
    if isinstance(executed, Failure):
        return executed
    run_seconds = time.perf_counter() - clock
    cells = _cell_seconds(executed)
    _forget_run(executed, out / notebook.name, public)
    body = _exported(executed)
    facts = _facts(out)
    seconds = {
        "notebook": round(run_seconds, 3),
        "export": round(time.perf_counter() - clock - run_seconds, 3),
        "cells": cells,
    }
    return Executed(body, facts, seconds)


def _execute(
    notebook: Path, out: Path, values: dict[str, Any], workspace: Path, *, progress: bool
) -> Any:
    import papermill
    from nbclient.exceptions import DeadKernelError

    # Parameters were checked before, against types papermill does not know and warns of.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    try:
        with tempfile.TemporaryDirectory(prefix="attribution-") as sockets:
            return papermill.execute_notebook(
                notebook,
                out / notebook.name,
                parameters=values | {"out": str(out.resolve())},
                cwd=workspace,
                progress_bar=progress,
                kernel_name="python3",
                config=_kernel_config(sockets),
            )
    except papermill.PapermillExecutionError as error:
        lines = [line for line in str(error.source).splitlines() if line.strip()]
        first = lines[0].strip() if lines else ""
        # One cell more than the notebook has was executed: the one that holds the parameters.
        return Failure(
            notebook.name,
            f"code cell {error.exec_count - 1} ({first})",
            f"{error.ename}: {error.evalue}",
            wrong_use=error.ename == ConfigError.__name__,
        )
    except (DeadKernelError, RuntimeError) as error:  # died, or never answered
        return Failure(
            notebook.name,
            "",
            f"its kernel died ({error}). Most often the memory did not suffice: "
            "close other programs, or report on less data.",
        )


def _forget_run(executed: Any, target: Path, public: Mapping[str, str]) -> None:
    """Leave in the executed notebook nothing of this run but the folder it is published to."""
    import nbformat

    executed.metadata.pop("papermill", None)
    for cell in executed.cells:
        for clock in ("papermill", "execution"):
            cell.metadata.pop(clock, None)
        if "injected-parameters" in cell.metadata.get("tags", ()):
            cell.id = "injected-parameters"  # a random one stands there
            for private, shown in public.items():
                cell.source = cell.source.replace(private, shown)
    target.write_text(nbformat.writes(executed), encoding="utf-8")  # type: ignore[no-untyped-call]


def _kernel_config(folder: str) -> Any:
    """Talk to the kernel through files only this user can open, where the system has them.

    Each run has a folder of its own for them, and their names must stay under a hundred letters.
    """
    from traitlets.config import Config

    files_work = os.name == "posix" and len(folder) <= _LONGEST_SOCKET_FOLDER
    own = {"transport": "ipc", "ip": str(Path(folder, "kernel"))}
    return Config({"KernelManager": own} if files_work else {})


def _exported(executed: Any) -> str:
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
    return str(body)


def _facts(out: Path) -> dict[str, Any]:
    """Take what the notebook told of its run, if it did."""
    file = out / FACTS
    if not file.exists():
        return {}
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    file.unlink()
    return found


def _cell_seconds(executed: Any) -> list[float]:
    times = (cell.metadata.get("papermill", {}).get("duration") for cell in executed.cells)
    return [round(seconds, 3) for seconds in times if seconds is not None]
