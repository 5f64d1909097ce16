"""Workspaces for tests: the sample brand, ingested, and small ones of a file or two."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from attribution.intake.create import create_workspace
from attribution.intake.ingest import ingest
from attribution.intake.shipped import shipped
from attribution.store.store import open_store
from attribution.workspace import FILE, Workspace, read_workspace

KEY = "a key for tests, of more than thirty-two letters"


def sample_brand(folder: Path) -> Workspace:
    """Return the sample brand's workspace, ingested without a key of one's own."""
    workspace = read_workspace(create_workspace(folder))
    ingest(workspace, environ={})
    return workspace


def truth() -> dict[str, Any]:
    return json.loads(shipped("data", "sample", "truth.json").read_text(encoding="utf-8"))


def small(folder: Path, files: dict[str, str | bytes], sources: str) -> Workspace:
    """Return a workspace of these files below data/raw and these [[source]] tables."""
    for name, content in files.items():
        file = folder / "data" / "raw" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / FILE).write_text(sources, encoding="utf-8")
    return read_workspace(folder)


def source(name: str, mapping: str, files: str, more: str = "") -> str:
    return (
        f'[[source]]\nname = "{name}"\nmapping = "{mapping}"\nfiles = "data/raw/{files}"\n{more}\n'
    )


def run(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process of its own, without a key unless one is given."""
    env = {k: v for k, v in os.environ.items() if k != "ATTRIBUTION_KEY"} | environ
    return subprocess.run(
        [sys.executable, "-m", "attribution", *arguments],
        cwd=cwd,
        env=env | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=300,
    )


def text_of(file: Path) -> str:
    """Return a file's bytes as text, and what compressed columns hold besides."""
    raw = file.read_bytes()
    text = raw.decode("utf-8", "replace")
    if raw[:4] == b"PAR1":
        text += json.dumps(pq.read_table(file).to_pydict(), ensure_ascii=False, default=str)
    return text


def everything_stored(workspace: Workspace) -> str:
    """Return all that stands in a store, and the names of its files."""
    files = sorted(file for file in workspace.store.rglob("*") if file.is_file())
    return "\n".join(part for file in files for part in (file.name, text_of(file)))


def planted_phones() -> set[str]:
    """Return every phone of the sample's raw files, and those that tests plant."""
    found = {"13812345678", "13912345678", "13800138000", "13800138001", "13800138002"}
    for name in ("members.csv", "orders.csv"):
        text = shipped("data", "sample", "raw", "mall", name).read_text(encoding="utf-8-sig")
        found |= set(re.findall(r"(?<!\d)1[3-9]\d{9}(?!\d)", text))
    return found


__all__ = [
    "KEY",
    "everything_stored",
    "open_store",
    "planted_phones",
    "run",
    "sample_brand",
    "small",
    "source",
    "text_of",
    "truth",
]
