"""The main job end to end: a notebook executed, exported and published, or nothing at all."""

from __future__ import annotations

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from attribution import ConfigError, ReportError, in_period, open_journeys, shipped
from attribution.publish import Published, find_notebook, publish, report_names
from attribution.workspace import FILE
from tests.brand import sample_brand, small, source, truth

FILES = {
    "credit.csv",
    "credit.parquet",
    "manifest.json",
    "model_comparison.html",
    "model_comparison.ipynb",
    "removal_effects.csv",
    "removal_effects.parquet",
}
EXAMPLE = [
    f"{name}={shipped('data', 'example', file)}"
    for name, file in (("input", "touchpoints.csv"), ("orders", "orders.csv"))
]
HOSTILE = ["=cmd()' /C calc'!A0", "<script>alert(1)</script>", '"quoted"', "直播🔴", "@sum", "-x"]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = tmp_path_factory.mktemp("sample")
    settings = [*EXAMPLE, "title=Shanlan"]
    return publish(
        "model_comparison", settings, workspace=folder, out=folder / "out", progress=False
    )


@pytest.fixture(scope="module")
def brand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample brand's workspace, ingested."""
    return sample_brand(tmp_path_factory.mktemp("brand")).folder


@pytest.fixture(scope="module")
def reports(brand: Path) -> dict[str, Published]:
    """Both reports on that workspace."""
    return {
        "model_comparison": publish(
            "model_comparison", ["money=net_fen"], workspace=brand, progress=False
        ),
        "data_quality": publish(
            "data_quality", ["title=Brand X"], workspace=brand, out=Path("dq"), progress=False
        ),
    }


def manifest_of(run: Published) -> dict:
    return json.loads((run.folder / "manifest.json").read_text(encoding="utf-8"))


def told(column: str) -> int:
    return sum(each[column] for each in truth()["platforms"].values())


def paths_file(folder: Path, channels: list[str]) -> Path:
    rows = [
        (f"{a} | {b}", i + 1, (i + 1) * 10.5, 2 * i)
        for i, (a, b) in enumerate(zip(channels, channels[1:] + channels[:1], strict=True))
    ]
    file = folder / "paths.csv"
    pd.DataFrame(
        rows, columns=["path", "total_conversions", "total_conversion_value", "total_null"]
    ).to_csv(file, index=False)
    return file


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = tmp_path_factory.mktemp("hostile")
    paths_file(folder, HOSTILE)
    settings = ["input=paths.csv", "sep= | ", "language=zh", "title=<b>brand</b>", "half_life=3D"]
    return publish("model_comparison", settings, workspace=folder, progress=False)


def test_everything_is_published_and_nothing_else(sample: Published) -> None:
    assert {path.name for path in sample.folder.iterdir()} == FILES
    assert sample.page.is_file()
    assert not list(sample.folder.parent.glob(".model*"))  # the staging folder is gone


def test_the_manifest_tells_how_to_repeat_the_run(sample: Published) -> None:
    manifest = json.loads((sample.folder / "manifest.json").read_text(encoding="utf-8"))
    touchpoints = shipped("data", "example", "touchpoints.csv").read_bytes()
    assert manifest["inputs"][0] == {
        "file": "touchpoints.csv",
        "bytes": len(touchpoints),
        "sha256": hashlib.sha256(touchpoints).hexdigest(),
    }
    orders = pd.read_csv(shipped("data", "example", "orders.csv"))
    assert manifest["counts"]["conversions"] == len(orders)
    assert manifest["parameters"]["half_life"] == "7D"
    assert {"attribution", "python", "pandas", "papermill"} <= set(manifest["versions"])
    assert manifest["seconds"]["notebook"] > 0
    assert manifest["seed"] == {"Shapley": 0}


def test_the_tables_add_up_to_the_orders(sample: Published) -> None:
    orders = pd.read_csv(shipped("data", "example", "orders.csv"))
    exact = pd.read_parquet(sample.folder / "credit.parquet")
    sums = exact.groupby("model")[["conversions", "value", "share"]].sum()
    assert len(sums) == 8
    assert (sums["conversions"] - len(orders)).abs().max() < 1e-8
    assert (sums["value"] - orders["value"].sum()).abs().max() < 1e-6
    text = pd.read_csv(sample.folder / "credit.csv", encoding="utf-8-sig")
    pd.testing.assert_frame_equal(
        text, exact.astype({"rank": float}), check_dtype=False, rtol=1e-12
    )
    assert (sample.folder / "credit.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_the_executed_notebook_names_no_staging_folder(sample: Published) -> None:
    text = (sample.folder / "model_comparison.ipynb").read_text(encoding="utf-8")
    assert ".model_comparison-" not in text
    executed = nbformat.reads(text, as_version=4)
    assert all(c.execution_count for c in executed.cells if c.cell_type == "code")


class _Page(HTMLParser):
    """Collects tags, and every attribute that could make a browser fetch something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [f"{tag} {k}={v}" for k, v in attrs if k in ("src", "href", "srcset")]


def test_a_workspace_is_compared_in_its_own_language_and_to_the_fen(
    reports: dict[str, Published],
) -> None:
    run = reports["model_comparison"]
    exact = pd.read_parquet(run.folder / "credit.parquet")
    sums = exact.groupby("model")[["conversions", "value", "gross_fen"]].sum()
    assert len(sums) == 8
    assert (sums["conversions"] - told("paid_orders")).abs().max() < 1e-8
    assert (sums["value"] - told("net_fen")).abs().max() < 1e-6
    assert (sums["gross_fen"] - told("gross_fen")).abs().max() < 1e-6
    text = run.page.read_text(encoding="utf-8")
    assert '<html lang="zh">' in text
    assert "<title>山岚 Shanlan</title>" in text
    assert "表格中为分" in text
    assert f"每一列都合计为 ¥{told('net_fen') / 1e6:.1f}万" in text
    channels = {*exact["channel"]}
    assert "抖音 · 直播 · 晚晴" in channels
    assert "快手 · 广告" in channels  # nobody hosts an ad


def test_models_are_compared_on_the_days_that_are_asked_for(brand: Path) -> None:
    day = "2026-11-11"
    settings = [f"since={day}", f"until={day}"]
    run = publish("model_comparison", settings, workspace=brand, out=Path("day"), progress=False)
    opened = open_journeys(brand, segments=["booked_day"])  # as the pages about money count
    [journeys] = in_period(opened.read(), day, day)
    assert 0 < journeys.conversions.sum() < told("paid_orders")
    assert manifest_of(run)["counts"]["conversions"] == journeys.conversions.sum()


@pytest.mark.parametrize(
    ("name", "title"), [("model_comparison", "山岚 Shanlan"), ("data_quality", "Brand X")]
)
def test_a_manifest_names_the_batches_of_a_workspace_and_no_machine(
    reports: dict[str, Published], brand: Path, name: str, title: str
) -> None:
    manifest = manifest_of(reports[name])
    raw = brand / "data" / "raw"
    assert {each["file"] for each in manifest["inputs"]} == {
        file.relative_to(brand).as_posix() for file in raw.rglob("*") if file.is_file()
    }
    for each in manifest["inputs"]:
        content = (brand / each["file"]).read_bytes()
        assert each["sha256"] == hashlib.sha256(content).hexdigest()
    assert str(brand) not in json.dumps(manifest)
    assert (manifest["language"], manifest["title"]) == ("zh", title)


def test_data_quality_runs_on_a_workspace(reports: dict[str, Published]) -> None:
    run = reports["data_quality"]
    frames = {path.stem for path in run.folder.glob("*.parquet")}
    assert frames == {path.stem for path in run.folder.glob("*.csv")}
    assert {"coverage", "freshness", "quarantine", "people", "reconciliation"} <= frames
    covered = pd.read_parquet(run.folder / "coverage.parquet")
    assert covered["orders"].sum() == told("paid_orders")
    waiting = pd.read_parquet(run.folder / "quarantine.parquet")
    assert waiting["rows"].sum() == len(truth()["quarantine"])
    text = run.page.read_text(encoding="utf-8")
    page = _Page(text)
    assert page.fetched == []
    assert "script" not in page.tags
    assert page.tags.count("figure") == 10
    assert "<title>Brand X</title>" in text
    assert not re.search(r"https?://|url\((?!#)|@import", text)


def test_without_a_workspace_a_report_is_on_the_sample_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, empty = tmp_path / "t", tmp_path / "empty"
    for folder in (elsewhere, empty):
        folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(elsewhere))
    monkeypatch.delenv("ATTRIBUTION_KEY", raising=False)
    run = publish("model_comparison", [], workspace=empty, out=Path("out"), progress=False)
    manifest = manifest_of(run)
    assert manifest["counts"]["conversions"] == told("paid_orders")
    assert manifest["language"] == "en"
    assert {"source", "file", "sha256"} == {*manifest["inputs"][0]}
    assert not [path for path in elsewhere.iterdir() if path.name.startswith("attribution-sample")]
    text = run.page.read_text(encoding="utf-8")
    assert "Credit is not proof of effect" in text
    assert "49 files of 34 sources" in text


@pytest.mark.parametrize("name", ["model_comparison", "data_quality"])
def test_a_workspace_without_data_is_told_what_to_run(tmp_path: Path, name: str) -> None:
    small(tmp_path, {}, '[brand]\nname = "x"\n' + source("a", "generic_orders", "a.csv"))
    with pytest.raises(ReportError, match="Run `attribution ingest`"):
        publish(name, [], workspace=tmp_path, out=Path("out"), progress=False)
    assert not (tmp_path / "out").exists()


def test_a_workspace_that_cannot_stand_is_wrong_configuration(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("[brand]\nnmae = 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"attribution\.toml"):
        publish("data_quality", [], workspace=tmp_path, progress=False)


def test_no_phone_is_published(reports: dict[str, Published], brand: Path) -> None:
    planted = set()
    for file in (brand / "data" / "raw").rglob("*.csv"):
        planted |= set(re.findall(rb"(?<!\d)154\d{8}(?!\d)", file.read_bytes()))
    assert len(planted) > 100
    for run in reports.values():
        for file in run.folder.iterdir():
            if file.suffix == ".parquet":
                content = pd.read_parquet(file).to_csv().encode()
            else:
                content = file.read_bytes()
            assert not planted & set(re.findall(rb"154\d{8}", content)), file.name


def test_the_page_is_one_file_with_its_charts_and_no_script(sample: Published) -> None:
    text = sample.page.read_text(encoding="utf-8")
    page = _Page(text)
    assert page.fetched == []
    assert "script" not in page.tags
    assert page.tags.count("figure") == 8
    assert page.tags.count("svg") > 30
    assert not re.search(r"https?://|url\((?!#)|@import", text)
    assert "Credit is not proof of effect" in text
    assert "Journeys(" not in text  # what only the notebook's reader needs stays there


def test_hostile_names_are_text_in_the_page_and_in_spreadsheets(hostile: Published) -> None:
    text = hostile.page.read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<b>brand</b>" not in text
    exact = pd.read_parquet(hostile.folder / "credit.parquet")
    assert set(HOSTILE) == set(exact["channel"])
    cells = pd.read_csv(hostile.folder / "credit.csv", encoding="utf-8-sig")["channel"]
    assert not cells.str.startswith(("=", "+", "-", "@")).any()
    assert {f"'{name}" for name in HOSTILE if name[0] in "=-@"} < set(cells)


def test_path_counts_leave_out_models_that_need_times_and_say_so(hostile: Published) -> None:
    manifest = json.loads((hostile.folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["models_left_out"] == ["TimeDecay(half_life='3D')"]
    assert "没有跑的模型" in hostile.page.read_text(encoding="utf-8")
    assert hostile.folder.parent.name == "runs"


def test_a_failing_cell_publishes_nothing_and_keeps_the_last_good_report(tmp_path: Path) -> None:
    good = paths_file(tmp_path, ["a", "b"])
    out = tmp_path / "out"
    publish(
        "model_comparison", [f"input={good}", "sep=|"], workspace=tmp_path, out=out, progress=False
    )
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    good.write_text(
        "path,total_conversions,total_conversion_value,total_null\na | | b,1,1,0\n",
        encoding="utf-8",
    )
    with pytest.raises(ReportError) as caught:
        publish(
            "model_comparison",
            [f"input={good}", "sep=|"],
            workspace=tmp_path,
            out=out,
            progress=False,
        )
    message = str(caught.value)
    for part in (
        "model_comparison.ipynb, code cell 3",
        "# Journeys in",
        "DataError",
        "row 1",
        "'path'",
        "an empty step",
        "Nothing was published",
    ):
        assert part in message, message
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"paths.csv", "out"}


def test_a_second_run_leaves_nothing_of_the_first(tmp_path: Path) -> None:
    paths_file(tmp_path, ["a", "b"])
    settings, out = ["input=paths.csv", "sep=|"], Path("out")
    publish("model_comparison", settings, workspace=tmp_path, out=out, progress=False)
    assert (tmp_path / "out" / "removal_effects.csv").exists()
    (tmp_path / "out" / "mine.txt").write_text("kept", encoding="utf-8")
    settings.append("models=LastTouch")
    publish("model_comparison", settings, workspace=tmp_path, out=out, progress=False)
    found = {path.name for path in (tmp_path / "out").iterdir()}
    assert found == {name for name in FILES if not name.startswith("removal")} | {"mine.txt"}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["files"]) == found - {"mine.txt"}


def test_a_model_that_is_none_is_wrong_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'Markof' is no model\. Did you mean Markov"):
        publish("model_comparison", ["models=Markof"], workspace=tmp_path, progress=False)


def test_a_folder_that_cannot_be_written_is_wrong_configuration(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    for out in (Path("file"), Path("file", "below")):
        with pytest.raises(ConfigError, match="Name another folder"):
            publish("model_comparison", [], workspace=tmp_path, out=out)


def test_a_kernel_that_dies_is_named_and_nothing_published(tmp_path: Path) -> None:
    folder = tmp_path / "notebooks"
    folder.mkdir()
    book = nbformat.v4.new_notebook()
    cell = nbformat.v4.new_code_cell('out: str = ""  # folder')
    cell.metadata = {"tags": ["parameters"]}
    book.cells = [cell, nbformat.v4.new_code_cell("import os\nos._exit(1)")]
    book.metadata = {"kernelspec": {"name": "python3", "display_name": "x", "language": "python"}}
    (folder / "dies.ipynb").write_text(nbformat.writes(book), encoding="utf-8")
    with pytest.raises(ReportError, match=r"dies\.ipynb: its kernel died"):
        publish("dies", [], workspace=tmp_path, out=Path("out"), progress=False)
    assert {path.name for path in tmp_path.iterdir()} == {"notebooks"}


def test_parameters_are_checked_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean half_life"):
        publish("model_comparison", ["halflife=3D"], workspace=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_workspace_s_own_notebook_comes_first(tmp_path: Path) -> None:
    own = tmp_path / "notebooks" / "model_comparison.ipynb"
    own.parent.mkdir()
    own.write_text("{}", encoding="utf-8")
    (tmp_path / "notebooks" / "mine.ipynb").write_text("{}", encoding="utf-8")
    assert find_notebook("model_comparison", tmp_path) == own
    names = sorted(["mine", *(each.stem for each in shipped("notebooks").glob("*.ipynb"))])
    assert report_names(tmp_path) == names
    with pytest.raises(ConfigError, match=f"There are {', '.join(names)}"):
        find_notebook("../secret", tmp_path)
