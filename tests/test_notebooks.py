"""A notebook's own parameters."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from attribution import ConfigError, shipped
from attribution.notebooks import Parameter, parameters_of, values_for

SOURCE = """from typing import Literal

input: str = ""  # a file
models: list[str] = []  # such as Linear
share: float = 0.5  # a share
rounds: int = 3  # how many
fast: bool = False  # quick
language: Literal["en", "zh"] = "en"  # of the page
"""


def notebook(folder: Path, *sources: str) -> Path:
    cells = [
        {"cell_type": "code", "source": source, "metadata": {"tags": ["parameters"]}}
        for source in sources
    ]
    path = folder / "small.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}}), encoding="utf-8")
    return path


def test_names_types_defaults_and_help_are_read_from_the_cell(tmp_path: Path) -> None:
    found = {p.name: p for p in parameters_of(notebook(tmp_path, SOURCE))}
    assert list(found) == ["input", "models", "share", "rounds", "fast", "language"]
    assert found["models"] == Parameter("models", "list[str]", [], "such as Linear")
    assert found["language"] == Parameter("language", "choice", "en", "of the page", ("en", "zh"))


def test_values_take_the_declared_types(tmp_path: Path) -> None:
    settings = [
        "input=a=b.csv",
        "share=0.25",
        "rounds=7",
        "fast=yes",
        "language=zh",
        "models=Linear, Markov(order=2, nulls=False),x.toml",
    ]
    assert values_for(parameters_of(notebook(tmp_path, SOURCE)), settings) == {
        "input": "a=b.csv",
        "share": 0.25,
        "rounds": 7,
        "fast": True,
        "language": "zh",
        "models": ["Linear", "Markov(order=2, nulls=False)", "x.toml"],
    }


def test_a_list_may_be_json_and_names_may_hold_commas_in_quotes(tmp_path: Path) -> None:
    declared = parameters_of(notebook(tmp_path, SOURCE))
    assert values_for(declared, ['models=["a,b", "c"]']) == {"models": ["a,b", "c"]}
    assert values_for(declared, ["models=LastNonDirect('a,b'),Linear"]) == {
        "models": ["LastNonDirect('a,b')", "Linear"]
    }


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("half_live=3D", "no parameter 'half_live'"),
        ("langage=zh", "Did you mean language"),
        ("rounds=many", "found 'many', expected int. how many"),
        ("share=", "expected float"),
        ("fast=perhaps", "expected bool"),
        ("language=fr", "expected one of en, zh"),
        ("models=[1]", "expected list"),
        ("input", "write it as name=value"),
    ],
)
def test_an_unknown_or_ill_typed_setting_is_an_error(
    tmp_path: Path, setting: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        values_for(parameters_of(notebook(tmp_path, SOURCE)), [setting])


def test_a_setting_given_twice_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="twice"):
        values_for(parameters_of(notebook(tmp_path, SOURCE)), ["rounds=1", "rounds=2"])


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("x: int = = 3", "line 1: invalid syntax"),
        ("a: int = 1\nx = 3", "line 2: 'x = 3' names no"),
        ("x: dict = {}", "unknown type dict"),
    ],
)
def test_a_parameters_cell_that_declares_nothing_says_why(
    tmp_path: Path, source: str, says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        parameters_of(notebook(tmp_path, source))


@pytest.mark.parametrize("count", [0, 2])
def test_there_is_exactly_one_parameters_cell(tmp_path: Path, count: int) -> None:
    with pytest.raises(ConfigError, match=f"has {count} cells tagged 'parameters'"):
        parameters_of(notebook(tmp_path, *[SOURCE] * count))


def test_what_is_no_notebook_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.ipynb"
    path.write_text("no json", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"x\.ipynb cannot be read as a notebook"):
        parameters_of(path)


@pytest.mark.parametrize("path", sorted(shipped("notebooks").glob("*.ipynb")), ids=lambda p: p.stem)
def test_shipped_notebooks_are_thin_and_hold_no_outputs(path: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)
    longest = max(len("".join(c["source"]).splitlines()) for c in code if not c["metadata"])
    assert longest <= 15
    assert all(parameter.help for parameter in parameters_of(path))
