"""The page on which model to trust, run without hands on a world whose truth is known."""

from __future__ import annotations

from pathlib import Path

import pytest

import attribution
from attribution.intake.ingest import ingest
from attribution.publish import publish
from attribution.workspace import read_workspace
from tests.brand import KEY, sample_brand


@pytest.mark.slow
def test_a_simulated_brand_with_experiments_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ATTRIBUTION_KEY", KEY)
    world = attribution.simulate("independent", people=8_000, seed=1)
    folder = tmp_path / "brand"
    world.write(folder)
    ingest(read_workspace(folder), environ={"ATTRIBUTION_KEY": KEY})
    channels = attribution.open_journeys(folder, level="streamer").read().channels
    tests = world.lift_tests.assign(channel=list(channels[:2]))  # under names of the store
    tests.to_csv(folder / "tests.csv", index=False)
    made = publish(
        "validation",
        ["lift_tests=tests.csv", "level=streamer", "language=zh"],
        workspace=folder,
        out=tmp_path / "out",
        progress=False,
    )
    text = made.page.read_text(encoding="utf-8")
    assert "2 次增量实验" in text
    assert (made.folder / "validation_models.parquet").is_file()


@pytest.mark.slow
def test_the_sample_brand_says_what_it_lacks(tmp_path: Path) -> None:
    folder = sample_brand(tmp_path / "brand").folder
    made = publish("validation", ["language=en"], workspace=folder, progress=False)
    text = made.page.read_text(encoding="utf-8")
    assert "Exposure accounting only" in text
    assert "Missing: exposures, clicks or visits before these orders" in text
