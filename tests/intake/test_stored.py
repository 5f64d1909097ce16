"""What a report reads: the workspace around a notebook, or files."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from attribution.assemble.opened import read_store
from attribution.errors import ConfigError, DataError
from attribution.intake.create import create_workspace
from attribution.intake.stored import (
    find_workspace,
    given_files,
    origin_of_files,
    origin_of_store,
    workspace_or_sample,
)
from attribution.workspace import FILE, read_workspace
from tests.brand import source, truth
from tests.store.batches import commit, hash_of, order


@pytest.fixture
def workspace(tmp_path):
    text = '[brand]\nname = "Acme"\ntimezone = "UTC"\n' + source("shop", "generic_orders", "*.csv")
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    return read_workspace(tmp_path)


def test_an_empty_store_says_what_to_run(workspace):
    with (
        pytest.raises(DataError, match="Run `attribution ingest`"),
        workspace_or_sample(start=workspace.folder),
    ):
        pass


def test_the_workspace_around_a_folder_is_found(workspace):
    below = workspace.folder / "notebooks" / "mine"
    below.mkdir(parents=True)
    assert find_workspace(below) == workspace.folder
    assert find_workspace(workspace.folder.parent) is None


def test_the_workspace_s_own_language_holds_unless_one_is_chosen(workspace):
    commit(workspace.store, "b1", {"orders": [order("o")]}, file="data/raw/a.json")
    commit(workspace.store, "b2", {"orders": [order("o", 2)]}, source="no longer named")
    with workspace_or_sample(start=workspace.folder) as found:
        assert found == workspace
        origin = origin_of_store(found)
    assert (origin.title, origin.language, origin.timezone, origin.minor) == (
        "Acme",
        "zh",
        "UTC",
        100,
    )
    assert origin.inputs == ({"source": "shop", "file": "data/raw/a.json", "sha256": "d"},)
    with workspace_or_sample("en", workspace.folder) as found:
        assert origin_of_store(found).language == "en"
        assert read_store(found, level="platform").channels == ()
    assert workspace.store.is_dir()


def test_without_a_workspace_the_sample_is_made_and_goes_again(tmp_path, monkeypatch):
    elsewhere, empty = tmp_path / "temporary", tmp_path / "empty"
    elsewhere.mkdir()
    empty.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    monkeypatch.chdir(empty)
    with workspace_or_sample() as workspace:
        assert workspace.folder.parent == elsewhere
        assert workspace.language == "en"
        journeys = read_store(workspace)
    told = truth()["platforms"].values()
    assert journeys.conversions.sum() == sum(each["paid_orders"] for each in told)
    assert journeys.values["value"].sum() == sum(each["gross_fen"] for each in told)
    assert [*elsewhere.iterdir()] == []
    assert [*empty.iterdir()] == []


def test_files_are_reported_in_english_and_in_their_own_unit():
    assert given_files("", "") == []
    assert given_files("paths.csv", "") == ["paths.csv"]
    assert given_files("t.csv", "o.csv") == ["t.csv", "o.csv"]
    with pytest.raises(ConfigError, match="Name the file of touchpoints"):
        given_files("", "o.csv")
    origin = origin_of_files(["t.csv", "o.csv"], timezone="UTC")
    assert (origin.inputs, origin.language, origin.minor) == (("t.csv", "o.csv"), "en", 1)
    assert origin_of_files([], "zh").language == "zh"


def test_no_machine_path_is_in_an_origin(tmp_path):
    workspace = read_workspace(create_workspace(tmp_path / "brand"))
    name = workspace.sources[0].name
    commit(workspace.store, "b1", {"orders": [order("o", 1, "ann")]}, source=name)
    text = json.dumps(origin_of_store(workspace).inputs)
    assert str(Path(tmp_path)) not in text
    assert hash_of("ann") not in text
