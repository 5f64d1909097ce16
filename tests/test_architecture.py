"""The rooms: imports point only downward, nothing goes round, and importing stays light."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import attribution

PACKAGE = Path(attribution.__file__).parent

# From the ground up. Rooms on one floor are siblings and do not import each other, except on
# the low floor, where what a journey is made of lies together (and nothing may go round).
FLOORS = [
    {"names", "errors"},
    {"numerics"},
    {"journeys", "tally", "credit", "columns", "notes", "toml_page"},
    {"identity", "recipe"},
    {"workspace"},
    {"store"},
    {"sources"},
    {"mapping"},
    {"intake", "proposal", "assemble"},
    {"model"},
    {"models"},
    {"worlds"},
    {"evaluate", "refresh"},
    {"tune"},
    {"decide"},
    {"present"},
    {"notebooks"},
    {"publish"},
    {"verbs"},
    {"cli"},
    {"__main__"},
]
LOW = FLOORS[2]
OUTSIDE = {"publish", "notebooks", "verbs", "cli", "__main__"}
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms}
HEAVY = (
    "networkx",
    "scipy.sparse",
    "papermill",
    "nbconvert",
    "IPython",
    "openpyxl",
    "xlsxwriter",
    "matplotlib",
    "duckdb",
    "phonenumbers",
    "sqlalchemy",
)


def modules() -> dict[str, Path]:
    """Return every module of the package by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if "_shipped" not in parts:
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imports(name: str) -> set[str]:
    """Return the modules of the package that a module imports, wherever it does so."""
    path, found = MODULES[name], set()
    here = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = here.split(".")[: len(here.split(".")) - node.level + 1]
                base = ".".join([*up, *([base] if base else [])])
            wanted = [
                full if (full := f"{base}.{alias.name}") in MODULES else base
                for alias in node.names
            ]
        else:
            continue
        found |= {w for w in wanted if w == "attribution" or w.startswith("attribution.")}
    return found - {name}


def room(name: str) -> str:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "attribution"


GRAPH = {name: imports(name) for name in MODULES}
EDGES = [(name, other) for name, others in GRAPH.items() for other in sorted(others)]


def test_the_reader_of_imports_sees_them():
    assert "attribution.journeys.batch" in GRAPH["attribution.tally"] | {
        other for each in GRAPH["attribution.tally"] for other in GRAPH[each]
    }
    assert "attribution.numerics.chain" in GRAPH["attribution.models.markov"]


def test_every_import_is_of_a_module_that_exists():
    assert not [(a, b) for a, b in EDGES if b not in MODULES]


def test_every_module_is_in_a_room():
    assert {room(name) for name in MODULES} - {"attribution"} <= set(FLOOR)


def test_nothing_goes_round():
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail("imports go round: " + " < ".join(error.args[1]))


def test_imports_point_only_downward():
    upward = [
        f"{name} imports {other}"
        for name, other in EDGES
        if name != "attribution"
        and other != "attribution"
        and FLOOR[room(other)] > FLOOR[room(name)]
    ]
    assert not upward


def test_siblings_do_not_import_each_other():
    across = [
        f"{name} imports {other}"
        for name, other in EDGES
        if name != "attribution"
        and other != "attribution"
        and room(name) != room(other)
        and FLOOR[room(other)] == FLOOR[room(name)]
        and room(name) not in LOW
        and room(name) != "names"
        and room(name) != "errors"
    ]
    assert not across


def test_the_front_door_is_for_those_outside():
    inside = [
        name
        for name, other in EDGES
        if other == "attribution"
        and room(name) not in {"publish", "notebooks", "verbs", "cli", "__main__"}
    ]
    assert not inside


def test_numerics_never_see_a_frame():
    for name, path in MODULES.items():
        if room(name) == "numerics":
            names = {
                alias.name.split(".")[0]
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                if isinstance(node, ast.Import)
                for alias in node.names
            }
            assert not names & {"pandas", "pyarrow", "polars"}, name


def test_only_publish_knows_the_notebook_tools():
    for name, path in MODULES.items():
        if room(name) in {"publish", "notebooks"}:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found = (
                [a.name for a in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            assert not {f.split(".")[0] for f in found} & {"papermill", "nbconvert"}, name


def test_import_stays_light():
    program = f"import sys, attribution; print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=PACKAGE.parent,
    )
    assert done.stdout.strip() == "[]"


def test_the_architecture_page_names_every_module_and_no_other():
    page = (PACKAGE.parent / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = page.split("| module | is |")[1].split("## Where new code goes")[0]
    named = set(re.findall(r"`([a-z_/]+\.py)`", rooms))
    there = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py"
    }
    assert named == there
