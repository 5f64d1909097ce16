"""Workspaces for tests: the sample brand, ingested, and small ones of a file or two."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from attribution.intake.create import create_workspace
from attribution.intake.ingest import ingest
from attribution.intake.shipped import shipped
from attribution.store.store import Store, open_store
from attribution.workspace import FILE, Workspace, read_workspace

KEY = "a key for tests, of more than thirty-two letters"
TABLES = (
    "orders",
    "order_lines",
    "refunds",
    "touchpoints",
    "costs",
    "platform_claims",
    "sessions",
    "session_metrics",
    "session_products",
    "streamers",
    "streamer_aliases",
    "products",
    "identities",
    "persons",
    "quarantine",
)


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


def content(store: Store) -> dict[str, str]:
    """Return every table of a store as text, to compare stores."""
    return {name: store.table(name).to_csv(index=False) for name in TABLES}


def everything_stored(workspace: Workspace) -> str:
    """Return all that stands in a store, file by file, compressed columns opened."""
    parts = []
    for file in sorted(workspace.store.rglob("*")):
        if file.is_file():
            raw = file.read_bytes()
            parts += [file.name, raw.decode("utf-8", "replace")]
            if raw[:4] == b"PAR1":
                parts.append(json.dumps(pq.read_table(file).to_pydict(), ensure_ascii=False))
    return "\n".join(parts)


__all__ = [
    "KEY",
    "TABLES",
    "content",
    "everything_stored",
    "open_store",
    "run",
    "sample_brand",
    "small",
    "source",
    "truth",
]
