"""Tiny notebooks in a workspace of one order, so that a run takes a second or two."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat

from attribution.intake.ingest import ingest
from attribution.publish import PublishedSite, publish_site
from attribution.recipe import Span
from attribution.workspace import Workspace, read_workspace
from tests.brand import small, source

ORDERS = (
    "platform,order_id,status,created_at,paid_at,paid,member_id\n"
    "own_mall,A1,paid,2026-11-09 09:59:00,2026-11-09 10:00:00,100.00,b1\n"
    "own_mall,A2,paid,2026-11-12 23:29:00,2026-11-12 23:30:00,50.00,b2\n"
)
PAGE = """\
from pathlib import Path
from markupsafe import Markup
import pandas as pd
from attribution.present.markup import page, section, style
from attribution.present.tables import save_frames, save_run_facts
page("en", style(), Markup("<h1>{}</h1>").format(f"{title} {since} {until} {factor}"))
"""
TABLES = """\
if out:
    save_frames({"numbers": pd.DataFrame({"n": [1, 2], "x": [factor, 0.5]})}, Path(out))
    facts = {"language": language, "title": title, "inputs": [], "counts": {"n": 2}}
    save_run_facts(facts, Path(out))
"""
PARAMETERS = """\
since: str = ""  # first day
until: str = ""  # last day
language: str = ""  # of the report
title: str = ""  # brand
factor: float = 1.5  # a number
out: str = ""  # folder
"""


def notebook(folder: Path, name: str, *cells: str, parameters: str = PARAMETERS) -> None:
    """Write a notebook of these code cells."""
    book = nbformat.v4.new_notebook()
    first = nbformat.v4.new_code_cell(parameters)
    first.metadata = {"tags": ["parameters"]}
    book.cells = [first, *map(nbformat.v4.new_code_cell, cells)]
    book.metadata = {"kernelspec": {"name": "python3", "display_name": "x", "language": "python"}}
    for place, cell in enumerate(book.cells):
        cell["id"] = f"cell-{place}"
    (folder / "notebooks").mkdir(exist_ok=True)
    (folder / "notebooks" / f"{name}.ipynb").write_text(nbformat.writes(book), encoding="utf-8")


def tiny(folder: Path, report: str = "", pages: str = '["one", "two"]') -> Workspace:
    """Return an ingested workspace whose recipe has two tiny pages."""
    folder.mkdir(exist_ok=True)
    toml = (
        '[brand]\nname = "<b>Tiny</b>"\nlanguage = "en"\n'
        + f"[report]\npages = {pages}\n{report}\n"
        + source("orders", "generic_orders", "orders.csv")
    )
    workspace = small(folder, {"orders.csv": ORDERS}, toml)
    ingest(workspace, environ={})
    for name in ("one", "two"):
        notebook(folder, name, PAGE, TABLES)
    return read_workspace(folder)


def run(workspace: Workspace, *settings: str, span: Span | None = None) -> PublishedSite:
    return publish_site(settings, workspace=workspace.folder, span=span)


def latest(workspace: Workspace) -> dict:
    return json.loads((workspace.folder / "reports" / "latest.json").read_text(encoding="utf-8"))
