"""Simulate, write, ingest, resolve, assemble: what comes out is what went in."""

from __future__ import annotations

import json
from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import attribution
from attribution.intake.ingest import ingest
from attribution.journeys import Journeys
from attribution.store.store import open_store
from attribution.workspace import read_workspace
from attribution.worlds.brand.world import BrandWorld
from tests.brand import KEY


def read_back(world, folder):
    workspace = read_workspace(world.write(folder))
    ingest(workspace, environ={"ATTRIBUTION_KEY": KEY})
    assert open_store(workspace).table("quarantine").empty
    return attribution.read_store(workspace)


@pytest.fixture(scope="module", autouse=True)
def key():
    """Who was under observation is found by the key that the files were read with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTRIBUTION_KEY", KEY)
        yield


def table(folder, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name, encoding="utf-8-sig")


def taken(journeys: Journeys, names: list[str], ids: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Return what each order took, by the world's own order id."""
    paths = [tuple(names[c] for c in journeys.codes[a:b]) for a, b in pairwise(journeys.offsets)]
    return {ids[journeys.order_id[n]]: paths[n] for n in np.flatnonzero(journeys.conversions > 0)}


def same(world, folder):
    """Compare orders, touchpoints by channel, and the pairing, with the direct journeys."""
    read, direct = read_back(world, folder), world.journeys
    own = dict(table(folder, "channels.csv")[["label", "channel"]].to_numpy())
    ids = dict(table(folder, "orders.csv")[["order_id", "world_order_id"]].to_numpy())
    names = [own[name] for name in read.channels]
    counted = Counter(np.array(names)[read.codes].tolist())
    assert counted == Counter(world.touchpoints["channel"].tolist())
    straight = {order: order for order in world.orders["order_id"]}
    assert taken(read, names, ids) == taken(direct, list(direct.channels), straight)
    assert read.values["value"].sum() == world.orders["value"].sum()
    # Who was never touched and never ordered is on the list of people.
    assert len(read) == len(direct)
    assert read.risk_until is not None
    assert (read.risk_until - read.risk_from).sum() == pytest.approx(
        (direct.risk_until - direct.risk_from).sum(), rel=1e-6
    )


def test_a_world_with_everything_comes_back_as_it_was(tmp_path):
    world = attribution.simulate("everything", people=1_000, seed=3)
    same(world, tmp_path / "made")
    known = json.loads((tmp_path / "made" / "truth.json").read_text(encoding="utf-8"))
    assert [row["channel"] for row in known["truth"]] == world.truth["channel"].tolist()
    assert [row["conversions"] for row in known["truth"]] == pytest.approx(
        world.truth["conversions"].tolist()
    )
    assert known["settings"]["name"] == "everything"
    assert len(known["lift_tests"]) == len(world.lift_tests)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["independent", "split_identities", "seeding", "live_commerce"])
def test_worlds_of_three_thousand_people_come_back_as_they_were(preset, tmp_path):
    same(attribution.simulate(preset, people=3_000, seed=1), tmp_path / "made")


def test_the_lookback_of_a_world_is_its_workspaces(tmp_path):
    settings = attribution.simulate("independent", people=10).settings
    for lookback in ("7D", pd.Timedelta("36h")):
        world = attribution.simulate(
            attribution.WorldSettings(settings.channels, settings.organic, lookback=lookback),
            people=20,
        )
        workspace = read_workspace(world.write(tmp_path / str(lookback)))
        assert pd.Timedelta(workspace.journeys.lookback) == pd.Timedelta(lookback)


def test_the_sample_brand_is_a_preset():
    assert isinstance(attribution.simulate("sample"), BrandWorld)
    with pytest.raises(attribution.ConfigError, match="what it is"):
        attribution.simulate("sample", people=10)
