"""The sample brand as a world, against its own files and what a store reads out of them."""

from __future__ import annotations

import pandas as pd
import pytest

from attribution.errors import DataError
from attribution.intake.ingest import ingest
from attribution.intake.shipped import shipped
from attribution.store.store import open_store
from attribution.workspace import read_workspace
from attribution.worlds.brand.world import BrandWorld

SAMPLE = shipped("data", "sample")


@pytest.fixture(scope="module")
def world():
    return BrandWorld()


@pytest.fixture(scope="module")
def store(world, tmp_path_factory):
    workspace = read_workspace(world.write(tmp_path_factory.mktemp("world") / "brand"))
    ingest(workspace, environ={})
    return open_store(workspace)


def milliseconds(at: pd.Series) -> list[int]:
    return at.astype("datetime64[ms, UTC]").astype("int64").tolist()


def test_it_writes_the_committed_files_and_a_workspace_around_them(world, tmp_path):
    root = world.write(tmp_path / "made")
    written = {file.relative_to(root) for file in root.rglob("*") if file.is_file()}
    held = {
        file.relative_to(SAMPLE)
        for file in SAMPLE.rglob("*")
        if file.is_file() and file.suffix not in (".py", ".pyc")
    }
    assert written == held
    differs = {n.name for n in held if (root / n).read_bytes() != (SAMPLE / n).read_bytes()}
    assert differs == {"attribution.toml"}


def test_its_touchpoints_are_those_a_store_reads(world, store):
    read = store.table("channels").query("event != 'order_source'")
    told = world.touchpoints
    assert set(told["channel"]) == set(read["channel_streamer"])
    # A click has no id of its own in the files; the instants say that they are the same.
    for channel, mine in told.groupby("channel"):
        theirs = read.loc[read["channel_streamer"] == channel, "at"]
        assert sorted(milliseconds(mine["at"])) == sorted(theirs)


def test_its_orders_are_those_a_store_reads(world, store):
    paid = store.table("orders").query("is_paid and platform != 'xiaohongshu'")
    read = paid.set_index(paid["platform"] + ":" + paid["order_id"])
    told = world.orders.set_index("order_id").loc[read.index]
    assert len(world.orders) == len(read)
    assert told["value"].tolist() == read["gross_fen"].tolist()
    assert (told["value"] - told["refunded_fen"]).tolist() == read["net_fen"].tolist()
    assert milliseconds(told["at"]) == read["attributed_at"].tolist()
    assert told["refunded_at"].notna().tolist() == (told["refunded_fen"] > 0).tolist()


def test_its_journeys_hold_every_order_and_everybody(world):
    journeys = world.journeys
    assert journeys.conversions.sum() == len(world.orders)
    assert journeys.values["value"].sum() == world.orders["value"].sum()
    assert set(journeys.channels) == set(world.touchpoints["channel"])
    assert world.people["person"].is_unique
    assert set(world.orders["person"]) | set(world.touchpoints["person"]) <= set(
        world.people["person"]
    )
    assert (world.people["start"] <= world.touchpoints["at"].min()).all()
    assert (world.orders["at"].max() <= world.people["end"]).all()


def test_it_does_not_pretend_to_know_what_channels_caused(world):
    with pytest.raises(DataError, match="no channel caused"):
        _ = world.truth
    assert world.lift_tests.columns.tolist() == ["channel", "start", "end", "conversions", "se"]
    assert world.lift_tests.empty
    assert isinstance(world.lift_tests["start"].dtype, pd.DatetimeTZDtype)
