"""What the README shows runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("name", ["README.md", "README.zh.md"])
def test_the_python_example_is_short_and_runs(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.S)
    assert len(code.splitlines()) <= 15
    monkeypatch.chdir(ROOT)
    exec(compile(code, name, "exec"), {})
    shown = capsys.readouterr().out
    assert "LastTouch" in shown
    assert "(unattributed)" in shown


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
