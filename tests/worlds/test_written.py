"""A world written as exports and read back: what was met and bought is the same as directly."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from attribution.assemble.opened import read_store
from attribution.errors import DataError
from attribution.intake.ingest import ingest
from attribution.journeys import Journeys
from attribution.store.store import open_store
from attribution.workspace import FILE, read_workspace
from attribution.worlds.written import write_world
from tests.brand import KEY

CHANNELS = (
    "抖音/直播/晚晴",
    "抖音/直播/青禾",
    "快手/直播/阿沐",
    "快手/广告",
    "腾讯/广告",
    "微信/社群",
    "小红书/笔记",
    "自有商城",
    "抖音/广告/信息流",
    "抖音/广告/搜索",
)
START = pd.Timestamp("2026-11-01", tz="Asia/Shanghai").tz_convert("UTC")
PEOPLE, DAYS = 500, 12


@pytest.fixture(scope="module", autouse=True)
def key():
    """Who was under observation is found by the key that the files were read with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTRIBUTION_KEY", KEY)
        yield


def instants(rng: np.random.Generator, size: int) -> pd.Series:
    return pd.Series(START + pd.to_timedelta(rng.integers(0, DAYS * 86_400_000, size), unit="ms"))


@pytest.fixture(scope="module")
def frames():
    """Touchpoints, orders and people: a tenth is never touched, a third of orders goes back."""
    rng = np.random.default_rng(11)
    touches, sold = 5 * PEOPLE, PEOPLE // 3
    value = rng.integers(1, 90_000, sold)
    back = np.where(rng.random(sold) < 1 / 3, np.ceil(value * rng.choice([0.3, 1.0], sold)), 0)
    at = instants(rng, sold)
    later = at + pd.to_timedelta(rng.integers(3_600_000, 864_000_000, sold), unit="ms")
    touchpoints = pd.DataFrame(
        {
            "person": rng.integers(0, PEOPLE * 9 // 10, touches),
            "at": instants(rng, touches),
            "channel": pd.Categorical.from_codes(rng.integers(0, len(CHANNELS), touches), CHANNELS),
        }
    )
    orders = pd.DataFrame(
        {
            "order_id": [f"W{number}" for number in range(sold)],
            "person": rng.integers(0, PEOPLE, sold),
            "at": at,
            "value": value,
            "refunded_fen": back.astype(int),
            "refunded_at": later.where(back > 0),
        }
    )
    people = pd.DataFrame(
        {
            "person": np.arange(PEOPLE),
            "start": START,
            "end": START + pd.Timedelta(days=DAYS),
            "intent": rng.choice(["high", "low"], PEOPLE),
        }
    )
    return touchpoints, orders, people


@pytest.fixture(scope="module")
def folder(frames, tmp_path_factory):
    made = tmp_path_factory.mktemp("world") / "made"
    known = {"name": "山岚", "truth": frames[1].head(2)}
    return write_world(made, *frames, name='a "world"', known=known)


@pytest.fixture(scope="module")
def workspace(folder):
    made = read_workspace(folder)
    for report in ingest(made, environ={"ATTRIBUTION_KEY": KEY}):
        assert not report.problem
        assert not any(file.quarantined for file in report.files)
    return made


@pytest.fixture(scope="module")
def read(workspace):
    return read_store(workspace)


@pytest.fixture(scope="module")
def direct(frames):
    touchpoints, orders, people = frames
    return Journeys.from_touchpoints(touchpoints, orders, people=people, lookback="30D")


def table(folder, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / name, encoding="utf-8-sig")


def paths(journeys: Journeys, names: list[str]) -> list[tuple[str, ...]]:
    return [
        tuple(names[code] for code in journeys.codes[a:b]) for a, b in pairwise(journeys.offsets)
    ]


def taken(journeys: Journeys, names: list[str], ids: dict[str, str]) -> dict[str, tuple[str, ...]]:
    """Return what each order took, by the world's own order id."""
    every = paths(journeys, names)
    bought = np.flatnonzero(journeys.conversions > 0)
    return {ids[journeys.order_id[row]]: every[row] for row in bought}


def test_every_channel_has_its_touchpoints_under_a_name_of_its_own(folder, read):
    told = table(folder, "channels.csv")
    assert set(told["channel"]) == set(CHANNELS)
    counted = Counter(read.channels[code] for code in read.codes.tolist())
    assert counted == dict(zip(told["label"], told["touchpoints"], strict=True))


def test_every_order_takes_what_it_takes_directly(folder, read, direct, frames):
    own = dict(table(folder, "channels.csv")[["label", "channel"]].to_numpy())
    ids = dict(table(folder, "orders.csv")[["order_id", "world_order_id"]].to_numpy())
    found = taken(read, [own[name] for name in read.channels], ids)
    expected = taken(direct, list(direct.channels), {i: i for i in frames[1]["order_id"]})
    assert found == expected
    assert sum(map(bool, expected.values())) > 100


def test_people_who_do_not_order_are_told_apart_as_well(folder, read, direct):
    own = dict(table(folder, "channels.csv")[["label", "channel"]].to_numpy())

    def silent(journeys: Journeys, names: list[str]) -> Counter:
        every = paths(journeys, names)
        rows = np.flatnonzero((journeys.conversions == 0) & (journeys.lengths > 0))
        return Counter(every[row] for row in rows)

    assert silent(read, [own[name] for name in read.channels]) == silent(
        direct, list(direct.channels)
    )


def test_money_and_refunds_are_kept_to_the_fen(workspace, folder, frames):
    orders = frames[1].set_index("order_id")
    stored = open_store(workspace).table("orders")
    own = table(folder, "orders.csv").set_index("order_id")["world_order_id"]
    told = orders.loc[own.loc[stored["platform"] + ":" + stored["order_id"]]]
    assert stored["gross_fen"].tolist() == told["value"].tolist()
    assert stored["refunded_fen"].tolist() == told["refunded_fen"].tolist()
    late = stored["attributed_at"].to_numpy() - (
        told["at"].astype("datetime64[ms, UTC]").astype("int64").to_numpy()
    )
    assert (late > 0).all()
    assert (late <= 1_000).all()


def test_identity_is_what_brings_touchpoints_to_orders(folder, direct, tmp_path):
    """Without the members' file only people who are met and buy on one platform are joined."""
    text = (folder / FILE).read_text(encoding="utf-8")
    parts = [part for part in text.split("[[source]]") if "own_mall_members" not in part]
    alone = "[[source]]".join(parts).replace('[people]\nfile = "people.csv"\n', "")
    (tmp_path / FILE).write_text(alone, encoding="utf-8")
    shutil.copytree(folder / "raw", tmp_path / "raw")
    alone = read_workspace(tmp_path)
    ingest(alone, environ={"ATTRIBUTION_KEY": KEY})
    poor = read_store(alone)
    assert poor.conversions.sum() == direct.conversions.sum()
    joined, all_joined = (
        journeys.conversions[journeys.lengths > 0].sum() for journeys in (poor, direct)
    )
    assert joined < 0.5 * all_joined


def test_who_was_watched_and_what_is_true_stand_beside_the_files(folder, frames):
    people = table(folder, "people.csv")
    known = table(folder, "members.csv")
    assert known["world_person"].tolist() == frames[2]["person"].tolist()
    assert people["intent"].tolist() == frames[2]["intent"].tolist()
    assert pd.to_datetime(people["start"], utc=True).eq(START).all()
    members = table(folder / "raw" / "mall", "members.csv")["member_id"]
    assert people["id_value"].tolist() == known["person"].tolist() == members.tolist()
    assert set(people["id_type"]) == {"member_id"}
    known = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    assert known["name"] == "山岚"
    assert [row["order_id"] for row in known["truth"]] == ["W0", "W1"]


def test_no_phone_can_be_anybodys(folder):
    phones = set()
    for file in (folder / "raw").rglob("*"):
        if file.suffix in (".json", ".jsonl", ".csv"):
            text = file.read_bytes().decode("gb18030" if file.parent.name == "taobao" else "utf-8",
                                            "replace")  # fmt: skip
            phones |= set(re.findall(r"(?<![0-9A-Za-z])1[3-9]\d{9}(?![0-9A-Za-z])", text))
    assert len(phones) == PEOPLE
    assert all(phone.startswith("154") for phone in phones)


def test_the_same_world_is_written_in_the_same_bytes(folder, frames, tmp_path):
    again = write_world(tmp_path / "again", *frames, name='a "world"')
    for file in (again / "raw").rglob("*"):
        if file.is_file():
            assert file.read_bytes() == (folder / file.relative_to(again)).read_bytes()


def test_a_stranger_is_refused_by_name(frames, tmp_path):
    touchpoints, orders, people = frames
    with pytest.raises(DataError, match=r"orders.*person"):
        write_world(tmp_path, touchpoints, orders.assign(person=PEOPLE), people)


def test_a_fraction_of_a_fen_is_refused(frames, tmp_path):
    touchpoints, orders, people = frames
    with pytest.raises(DataError, match=r"orders, column 'value'.*0\.5"):
        write_world(tmp_path, touchpoints, orders.assign(value=0.5), people)
