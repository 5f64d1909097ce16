"""What the README shows runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from attribution.cli import main

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_python_example_is_short_and_runs(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = examples(name)[-1]
    assert len(code.splitlines()) <= 15
    monkeypatch.chdir(ROOT)
    exec(compile(code, name, "exec"), {})
    shown = capsys.readouterr().out
    assert "LastTouch" in shown
    assert "(unattributed)" in shown


def test_the_commands_for_a_brand_and_its_notebook_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = page.split("## Your own brand")[1].split("```sh\n")[1].split("```")[0]
    monkeypatch.delenv("ATTRIBUTION_KEY", raising=False)
    monkeypatch.chdir(tmp_path)
    for line in commands.splitlines():
        verb, *arguments = line.split("#")[0].split()
        if verb == "cd":
            monkeypatch.chdir(arguments[0])
        elif arguments[0] != "report":  # reports have tests of their own
            assert main(arguments) == 0, line
    monkeypatch.chdir(tmp_path)
    for name in ("README.md", "README.zh.md"):
        found: dict[str, Any] = {}
        exec(compile(examples(name)[0], name, "exec"), found)
        assert len(found["journeys"]) > 1000


def examples(name: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def test_both_readmes_show_the_same_commands() -> None:
    commands = [
        re.findall(
            r"`([^`\n]*(?:pip install|attribution report|pytest|jupyter)[^`\n]*)`",
            (ROOT / name).read_text(encoding="utf-8"),
        )
        for name in ("README.md", "README.zh.md")
    ]
    assert commands[0] == commands[1]


def test_files_that_a_page_points_to_exist() -> None:
    for page in ("README.md", "README.zh.md", "ARCHITECTURE.md", "CONTRIBUTING.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", (ROOT / page).read_text(encoding="utf-8")):
            assert (ROOT / target).exists(), f"{page}: {target}"
