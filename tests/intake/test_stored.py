"""What a report reads: journeys from a store, and the workspace around a notebook."""

from __future__ import annotations

import json
import random
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest

from attribution.errors import ConfigError, DataError
from attribution.intake.create import create_workspace
from attribution.intake.stored import (
    find_workspace,
    given_files,
    origin_of_files,
    origin_of_store,
    read_store,
    workspace_or_sample,
)
from attribution.workspace import FILE, read_workspace
from tests.brand import source, truth
from tests.store.batches import DAY, NOVEMBER, commit, hash_of, identifier, order, touchpoint

HOUR = 3_600_000


@pytest.fixture
def workspace(tmp_path):
    text = '[brand]\nname = "Acme"\ntimezone = "UTC"\n' + source("shop", "generic_orders", "*.csv")
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    return read_workspace(tmp_path)


def journeys_of(journeys):
    """Return {order id: channels in time order} of the journeys with an order."""
    return {
        str(journeys.order_id[i]): [
            journeys.channels[code]
            for code in journeys.codes[journeys.offsets[i] : journeys.offsets[i + 1]]
        ]
        for i in range(len(journeys))
        if journeys.conversions[i]
    }


def test_journeys_are_those_a_plain_loop_finds(workspace):
    chance = random.Random(3)
    people = [f"p{i}" for i in range(8)]
    forms = {"live": "直播 · 未知主播", "search": "搜索", "short_video": "短视频 · 未知主播"}
    touches = [
        touchpoint(
            f"t{i:03d}",
            chance.choice([*people, None]),
            at=NOVEMBER + chance.randrange(-48, 48) * HOUR + i,
            content_form=chance.choice([*forms]),
            _row=i + 1,
        )
        for i in range(80)
    ]
    # Orders lie far apart, so that no two of one person share a visit.
    orders = [
        order(f"o{i}", 100 + i, who, created_at=NOVEMBER + i * 12 * HOUR, _row=i + 1)
        for i, who in enumerate([*people, *people, None])
    ]
    rows = {
        "orders": orders,
        "touchpoints": touches,
        "identifiers": [identifier(who) for who in people],
    }
    commit(workspace.store, "b1", rows)
    wanted, last = {}, defaultdict(lambda: -1)
    for each in orders:
        who, at = each.get("_identifier"), each["created_at"]
        mine = [
            touch
            for touch in sorted(touches, key=lambda t: t["at"])
            if who is not None
            and touch.get("_identifier") == who
            and last[who] < touch["at"] <= at
            and at - touch["at"] <= DAY
        ]
        last[who] = at
        wanted[f"douyin:{each['order_id']}"] = [
            f"抖音 · {forms[touch['content_form']]}" for touch in mine
        ]
    journeys = read_store(workspace, lookback="1D")
    assert journeys_of(journeys) == wanted
    assert sum(map(len, wanted.values())) > 15
    assert journeys.values["value"].sum() == sum(each["paid_fen"] for each in orders)
    assert {note.kind: note.count for note in journeys.notes} == {"orders_without_person": 1}


def test_levels_money_and_language_are_chosen(workspace):
    rows = {
        "orders": [order("o1", 1_000, "ann")],
        "refunds": [
            {
                "refund_id": "r",
                "order_id": "o1",
                "platform": "douyin",
                "kind": "refund_only",
                "status": "success",
                "amount_fen": 400,
                "final_at": NOVEMBER,
                "_row": 1,
            }
        ],
        "touchpoints": [
            touchpoint("t", "ann", streamer_id="s1", session_id="r1", placement="nature")
        ],
        "streamers": [{"streamer_id": "s1", "name": "晚晴", "_row": 1}],
        "identifiers": [identifier("ann")],
    }
    commit(workspace.store, "b1", rows)
    steps = ["Douyin", "Live", "晚晴", "session r1", "Natural feed"]
    levels = ("platform", "form", "streamer", "session", "placement")
    for depth, level in enumerate(levels, 1):
        journeys = read_store(workspace, level=level, language="en", value="net_fen")
        assert journeys.channels == (" · ".join(steps[:depth]),)
        assert list(journeys.values) == ["value", "gross_fen", "net_expected_fen"]
        assert journeys.values["value"].tolist() == [600.0]
        assert journeys.values["gross_fen"].tolist() == [1_000.0]
    assert read_store(workspace.folder).channels == ("抖音 · 直播 · 晚晴",)
    labelled = read_store(workspace, segments=["platform"], columns=["event", "session_id"])
    assert labelled.segments["platform"].tolist() == ["douyin"]
    assert labelled.touch["session_id"].tolist() == ["r1"]


def test_an_unpaid_order_is_no_conversion_and_a_deposit_is_when_it_counts(workspace):
    rows = {
        "orders": [
            order("unpaid", 1, "ann", status="created"),
            order(
                "presale",
                5,
                "ann",
                deposit_paid_at=NOVEMBER + HOUR,
                paid_at=NOVEMBER + 9 * DAY,
            ),
        ],
        "identifiers": [identifier("ann")],
    }
    commit(workspace.store, "b1", rows)
    journeys = read_store(workspace)
    assert journeys.order_id.tolist() == ["douyin:presale"]
    assert journeys.closed_at.tolist() == [NOVEMBER + HOUR]


def test_ids_of_two_platforms_may_be_alike(workspace):
    orders = [order("1", 3, "ann"), order("1", 4, "ann", platform="wechat", _row=2)]
    commit(workspace.store, "b1", {"orders": orders, "identifiers": [identifier("ann")]})
    assert {*read_store(workspace).order_id} == {"douyin:1", "wechat:1"}


@pytest.mark.parametrize(
    "wrong", [{"level": "streamers"}, {"value": "paid_fen"}, {"language": "fr"}]
)
def test_a_choice_that_is_none_is_refused(workspace, wrong):
    with pytest.raises(ConfigError, match="write one of"):
        read_store(workspace, **wrong)


def test_an_empty_store_says_what_to_run(workspace):
    with pytest.raises(DataError, match="Run `attribution ingest`"):
        read_store(workspace)
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
