"""What a run is to do, settled before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from attribution.errors import ConfigError
from attribution.intake.create import create_workspace
from attribution.publish.plan import USUAL, Plan, plan_site
from attribution.workspace import FILE, read_workspace
from tests.publish.tiny import PARAMETERS, notebook

BOTH = '[report]\npages = ["one", "two"]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    notebook(tmp_path, "one")
    notebook(tmp_path, "two", parameters=PARAMETERS + 'only: int = 1  # of two\nprevious: str = ""')
    return tmp_path


def plan(folder: Path, text: str, *settings: str) -> Plan:
    (folder / FILE).write_text(f'[brand]\nname = "B"\nlanguage = "en"\n{text}', encoding="utf-8")
    return plan_site(read_workspace(folder), settings)


def test_the_usual_pages_are_those_there_are_in_their_order(tmp_path: Path) -> None:
    pages = [
        page.name for page in plan_site(read_workspace(create_workspace(tmp_path / "w")), []).pages
    ]
    assert pages == [name for name in USUAL if name in pages]
    assert {"model_comparison", "data_quality"} <= set(pages)


def test_what_is_nearer_to_the_run_goes_first(folder: Path) -> None:
    text = f"{BOTH}[report.page.two]\nfactor = 3\n[report.parameters]\nfactor = 2\n"
    given = [dict(page.given) for page in plan(folder, text).pages]
    assert given == [{"factor": 2}, {"factor": 3}]
    given = [dict(page.given) for page in plan(folder, text, "factor=4", "only=7").pages]
    assert given == [{"factor": 4.0}, {"factor": 4.0, "only": 7}]


def test_a_page_is_run_with_what_it_declares(folder: Path) -> None:
    one, two = plan(folder, BOTH, "only=7").pages
    of_the_run = {"since": "2026-11-01", "previous": "/x", "language": "en", "nobody": 1}
    assert one.values(of_the_run) == {"since": "2026-11-01", "language": "en"}
    assert two.values(of_the_run) == {
        "since": "2026-11-01",
        "previous": "/x",
        "language": "en",
        "only": 7,
    }
    told = two.parameters(two.values(of_the_run))
    assert (told["only"], told["factor"], told["since"]) == (7, 1.5, "2026-11-01")
    assert not {"out", "previous"} & set(told)


def test_language_and_brand_are_those_of_the_nearest(folder: Path) -> None:
    found = plan(folder, BOTH)
    assert (found.language, found.brand) == ("en", "B")
    found = plan(folder, BOTH + 'language = "zh"\n', "title=Other")
    assert (found.language, found.brand) == ("zh", "Other")
    assert plan(folder, BOTH + 'language = "zh"\n', "language=en").language == "en"


@pytest.mark.parametrize(
    ("text", "settings", "says"),
    [
        ('pages = ["one", "tow"]', [], "There is no report 'tow'"),
        ("[report.page.three]\nx = 1", [], "line 7, report.page.three.x: found the page 'three'"),
        ("[report.parameters]\nfctor = 1", [], "line 7, .* Did you mean factor"),
        ("[report.page.one]\nonly = 1", [], "line 7, .* no parameter 'only' on one"),
        ('[report.parameters]\nfactor = "1"', [], "found '1'; expected float for the page one"),
        ("[report.parameters]\nfactor = true", [], "expected float"),
        ('[report.parameters]\nsince = "2026-11-09"', [], r"Use since of \[report\]"),
        ("", ["out=x"], "Use --out"),
        ("", ["nope=1"], "no parameter 'nope' on one, two"),
        ("", ["factor=x"], "expected float"),
        ("", ["factor"], "name=value"),
        ("", ["factor=1", "factor=2"], "given twice"),
    ],
)
def test_what_does_not_fit_is_refused(
    folder: Path, text: str, settings: list[str], says: str
) -> None:
    start = "[report]\n" if text.startswith("pages") else BOTH
    with pytest.raises(ConfigError, match=says):
        plan(folder, start + text, *settings)
