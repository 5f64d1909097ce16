"""What changed between runs: the parts add up, and each cause is named alone."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import attribution
from attribution.decide.changes import (
    CAUSES,
    Changes,
    Snapshot,
    changes,
    kept_snapshot,
    replayed,
    save_snapshot,
    snapshot,
)
from attribution.decide.days import Days
from attribution.journeys.definition import JourneyDefinition
from attribution.names import UNATTRIBUTED
from attribution.workspace import Workspace
from tests.decide.brands import brand, busy, refund, sale, touch
from tests.store.batches import commit
from tests.strategies import examples

CHANNELS = ["a", "b", "c", UNATTRIBUTED]


def kept(
    orders: dict[str, tuple[str, int, dict[str, int]]],
    since: str = "",
    until: str = "",
    model: str = "Linear",
    **settings: object,
) -> Snapshot:
    """Return a snapshot of {order: (day, gross, {channel: net})}."""
    listed = [(o, day, gross, sum(parts.values())) for o, (day, gross, parts) in orders.items()]
    entries = [(o, c, n) for o, (_, _, parts) in orders.items() for c, n in parts.items()]
    facts = {
        "since": since, "until": until, "model": model, "settings": settings, "language": "en",
        "version": "1",
    }  # fmt: skip
    columns = ["order_id", "day", "gross_fen", "net_fen"]
    return Snapshot(
        pd.DataFrame(listed, columns=columns).astype({"order_id": "str", "day": "str"}),
        pd.DataFrame(entries, columns=["order_id", "channel", "net_fen"]).astype(
            {"order_id": "str", "channel": "str", "net_fen": "int64"}
        ),
        facts,
    )


def parts(found: Changes) -> dict[str, dict[str, int]]:
    """Return, by channel, the parts of its change that are not 0."""
    assert_adds_up(found)
    rows = found.channels.set_index("channel")[[*CAUSES]].round(6)
    return {
        channel: {cause: amount for cause, amount in row.items() if amount}
        for channel, row in rows.to_dict("index").items()
    }


def why(found: Changes) -> dict[str, tuple[int, int]]:
    rows = found.totals.itertuples(index=False, name=None)
    return {name: (orders, fen) for name, orders, fen in rows if orders}


def assert_adds_up(found: Changes) -> None:
    table = found.channels
    assert (table["after_fen"] - table["before_fen"]).tolist() == table["change_fen"].tolist()
    sums = table[[*CAUSES]].sum(axis="columns")
    assert sums.tolist() == pytest.approx(table["change_fen"].tolist(), abs=1e-6)
    assert table["before_fen"].sum() == found.before_fen
    assert table["after_fen"].sum() == found.after_fen
    assert found.totals["change_fen"].sum() == found.after_fen - found.before_fen
    assert table["model"].sum() == pytest.approx(0, abs=1e-6)
    assert table["parameters"].sum() == pytest.approx(0, abs=1e-6)
    if found.before_fen:
        assert table["mix"].sum() == pytest.approx(0, abs=1e-6)


# Any two runs --------------------------------------------------------------------------------

splits = st.dictionaries(st.sampled_from(CHANNELS), st.integers(0, 10**9), min_size=1)
days = st.sampled_from(["2026-11-01", "2026-11-02", "2026-11-03"])
books = st.dictionaries(
    st.sampled_from("uvwxyz"), st.tuples(days, st.integers(0, 10**9), splits), max_size=6
)


@st.composite
def runs(draw: st.DrawFn) -> tuple[Snapshot, Snapshot, Snapshot]:
    """Draw two runs, and the new orders as the old settings would share them."""
    before, after = draw(books), draw(books)
    would = {}
    for name, (day, gross, shared) in after.items():
        net = sum(shared.values())
        first = draw(st.integers(0, net))
        would[name] = (day, gross, {"a": first, draw(st.sampled_from("bc")): net - first})
    since = draw(st.sampled_from(["", "2026-11-02"]))
    return kept(before), kept(after, since=since), kept(would, since=since)


@given(runs())
@examples(60)
def test_the_parts_add_up_for_every_channel_and_in_all(drawn) -> None:
    before, after, would = drawn
    for replay in (would, after, None):
        found = changes(before, after, replay)
        assert_adds_up(found)
        assert found.replayed == (replay is not None)
        if replay is not would:
            assert not found.channels["parameters"].any()


@given(books)
@examples(30)
def test_the_same_run_twice_changed_nothing(one) -> None:
    found = changes(kept(one), kept(one), kept(one))
    assert not found.channels[["change_fen", *CAUSES]].any(axis=None)
    assert why(found) == {}
    assert found.settings.empty


@given(books, books)
@examples(30)
def test_there_and_back_is_no_change(one, other) -> None:
    there = changes(kept(one), kept(other), kept(other)).channels.set_index("channel")
    back = changes(kept(other), kept(one), kept(one)).channels.set_index("channel")
    assert there["change_fen"].to_dict() == (-back["change_fen"]).to_dict()


# By hand -------------------------------------------------------------------------------------

DAY = "2026-11-02"
BEFORE = {"x": (DAY, 600, {"a": 600}), "y": (DAY, 400, {"a": 100, "b": 300})}


def test_data_alone_as_before_is_no_mix() -> None:
    after = BEFORE | {"z": (DAY, 100, {"a": 70, "b": 30})}
    found = changes(kept(BEFORE), kept(after), kept(after))
    assert parts(found) == {"a": {"data": 70}, "b": {"data": 30}}
    assert why(found) == {"late": (1, 100)}


def test_data_that_came_otherwise_is_mix_too() -> None:
    after = BEFORE | {"z": (DAY, 100, {"b": 100})}
    found = changes(kept(BEFORE), kept(after), kept(after))
    assert parts(found) == {"a": {"data": 70, "mix": -70}, "b": {"data": 30, "mix": 70}}
    gone = changes(kept(after), kept(BEFORE), kept(BEFORE))
    assert why(gone) == {"gone": (1, -100)}
    assert sum(each["data"] for each in parts(gone).values()) == pytest.approx(-100)


def test_other_shares_by_the_same_settings_are_the_model() -> None:
    after = BEFORE | {"x": (DAY, 600, {"a": 350, "c": 250})}
    found = changes(kept(BEFORE), kept(after), kept(after))
    assert parts(found) == {"a": {"model": -250}, "c": {"model": 250}, "b": {}}
    assert why(found) == {}


def test_what_other_settings_change_is_parameters() -> None:
    after = BEFORE | {"x": (DAY, 600, {"a": 350, "c": 250})}
    asked = kept(after, model="LastTouch", lookback="7D")
    found = changes(kept(BEFORE, lookback="30D"), asked, kept(BEFORE))
    assert parts(found) == {"a": {"parameters": -250}, "c": {"parameters": 250}, "b": {}}
    assert found.settings.to_dict("records") == [
        {"name": "model", "before": "Linear", "after": "LastTouch"},
        {"name": "lookback", "before": "30D", "after": "7D"},
    ]
    # The same without a replay: the two cannot be told apart.
    assert parts(changes(kept(BEFORE), asked, None))["c"] == {"model": 250}


def test_a_refund_takes_from_those_who_shared_the_order() -> None:
    after = BEFORE | {"y": (DAY, 400, {"a": 50, "b": 150})}
    found = changes(kept(BEFORE), kept(after), kept(after))
    assert why(found) == {"refunds": (1, -200)}
    assert parts(found) == {"a": {"data": -140, "mix": 90}, "b": {"data": -60, "mix": -90}}
    other = BEFORE | {"y": (DAY, 500, {"a": 125, "b": 375})}
    assert why(changes(kept(BEFORE), kept(other), kept(other))) == {"amounts": (1, 100)}


def test_orders_slide_out_and_in_with_the_days() -> None:
    one = {"x": ("2026-11-01", 5, {"a": 5}), "y": (DAY, 7, {"a": 7})}
    two = {"y": (DAY, 7, {"a": 7}), "z": ("2026-11-03", 11, {"a": 11}), "w": (DAY, 2, {"a": 2})}
    found = changes(
        kept(one, "2026-11-01", DAY), kept(two, DAY, "2026-11-03"), kept(two, DAY, "2026-11-03")
    )
    assert why(found) == {"slid_out": (1, -5), "came_in": (1, 11), "late": (1, 2)}
    assert set(found.settings["name"]) == {"since", "until"}


def test_an_order_that_was_worth_nothing_takes_the_shares_it_has_now() -> None:
    before = BEFORE | {"z": (DAY, 90, {"a": 0})}
    after = BEFORE | {"z": (DAY, 90, {"b": 60, "c": 30})}
    found = changes(kept(before), kept(after), kept(after))
    assert why(found) == {"refunds": (1, 90)}
    assert parts(found) == {
        "a": {"data": 63, "mix": -63}, "b": {"data": 27, "mix": 33}, "c": {"mix": 30},
    }  # fmt: skip


def test_from_nothing_and_to_nothing() -> None:
    assert parts(changes(kept({}), kept(BEFORE), kept(BEFORE))) == {
        "a": {"data": 700}, "b": {"data": 300},
    }  # fmt: skip
    assert parts(changes(kept(BEFORE), kept({}), kept({}))) == {
        "a": {"data": -700}, "b": {"data": -300},
    }  # fmt: skip
    assert changes(kept({}), kept({}), kept({})).channels.empty


def test_channels_are_the_same_in_another_language() -> None:
    before = kept({"x": (DAY, 9, {"抖音 · 直播 · 晚晴": 5, UNATTRIBUTED: 4})})
    before = replace(before, facts={**before.facts, "language": "zh"})
    after = kept({"x": (DAY, 9, {"Douyin · Live · 晚晴": 5, UNATTRIBUTED: 4})})
    found = changes(before, after, after)
    assert parts(found) == {"Douyin · Live · 晚晴": {}, UNATTRIBUTED: {}}
    assert found.settings.empty


# Kept, and replayed --------------------------------------------------------------------------


def run(
    workspace: Workspace, model: attribution.model.Model | None = None, since: str = "", **settings
) -> Snapshot:
    journeys = attribution.open_journeys(workspace, **settings)
    asked = model or attribution.Linear()
    book = attribution.ledger(journeys, [asked], since=since)
    return snapshot(book, book.models[0], journeys.definition, Days(since), "en")


def same(one: Snapshot, other: Snapshot) -> bool:
    pd.testing.assert_frame_equal(one.orders, other.orders)
    pd.testing.assert_frame_equal(one.entries, other.entries)
    return dict(one.facts) == dict(other.facts)


def test_a_snapshot_is_found_as_it_was_left_byte_for_byte(tmp_path: Path) -> None:
    now = run(busy(tmp_path / "shop"), lookback_by={"comment": "1D"}, columns=["event"])
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        save_snapshot(now, folder)
    for file in sorted((tmp_path / "one").iterdir()):
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()
    found = kept_snapshot(tmp_path / "one")
    assert found is not None
    assert same(replace(found, orders=found.orders.set_axis(now.orders.index)), now)
    assert not changes(found, now, now).channels["change_fen"].any()


@pytest.mark.parametrize("spoilt", ["snapshot.json", "snapshot_orders.parquet", "nothing"])
@pytest.mark.parametrize("content", [None, b"", b"no file of ours", b"[]", b"{}"])
def test_a_run_without_a_snapshot_that_can_be_read_has_none(
    tmp_path: Path, spoilt: str, content: bytes | None
) -> None:
    save_snapshot(kept(BEFORE), tmp_path)
    file = tmp_path / spoilt
    if spoilt == "nothing":
        assert kept_snapshot(tmp_path) is not None
        assert kept_snapshot(tmp_path / "nothing") is None
    elif content is None:
        file.unlink()
        assert kept_snapshot(tmp_path) is None
    else:
        file.write_bytes(content)
        assert kept_snapshot(tmp_path) is None


def test_a_snapshot_of_other_columns_or_facts_is_none(tmp_path: Path) -> None:
    save_snapshot(kept(BEFORE), tmp_path)
    kept(BEFORE).orders.drop(columns="day").to_parquet(tmp_path / "snapshot_orders.parquet")
    assert kept_snapshot(tmp_path) is None
    save_snapshot(kept(BEFORE), tmp_path)
    facts = dict(kept(BEFORE).facts)
    for other in ({k: v for k, v in facts.items() if k != "model"}, facts | {"settings": None}):
        (tmp_path / "snapshot.json").write_text(json.dumps(other), encoding="utf-8")
        assert kept_snapshot(tmp_path) is None


def test_old_settings_are_applied_to_the_data_as_they_are_now(tmp_path: Path) -> None:
    workspace = busy(tmp_path)
    before = run(workspace, attribution.LastTouch(), lookback="2D")
    late = {
        "orders": [sale("new", 5_000, "p1", "2026-11-12 12:00", _row=1)],
        "refunds": [refund("o001", 9, "2026-11-13 10:00") | {"_row": 1, "refund_id": "late"}],
    }
    commit(workspace.store, "c", late, file="b.csv")
    after = run(workspace, attribution.Shapley())
    old = run(workspace, attribution.LastTouch(), lookback="2D")
    replay = replayed(workspace, before, after)
    assert replay is not None
    assert same(replay, old)
    found = changes(before, after, replay)
    assert_adds_up(found)
    assert found.channels["parameters"].abs().sum() > 1_000
    assert not found.channels["model"].any()
    assert why(found) == {"late": (1, 5_000), "refunds": (1, -9)}
    told = found.settings.set_index("name")
    assert told.loc["lookback"].tolist() == ["2D", "30D"]
    assert told.loc["model"].tolist() == ["LastTouch", "Shapley"]


def test_a_model_that_learns_anew_is_the_model_s_change(tmp_path: Path) -> None:
    workspace = busy(tmp_path)
    before = run(workspace, attribution.Markov())
    touches = [
        touch(f"n{n}", f"p{n}", "2026-11-07 12:00", content_form="search", _row=n)
        for n in range(1, 30)
    ]
    commit(workspace.store, "c", {"touchpoints": touches}, file="b.csv")
    after = run(workspace, attribution.Markov())
    found = changes(before, after, replayed(workspace, before, after))
    assert_adds_up(found)
    assert found.channels["model"].abs().sum() > 1_000
    assert not found.channels[["data", "mix", "parameters"]].any(axis=None)


@pytest.mark.parametrize(
    "old",
    [
        {"model": "my_rule.toml"},
        {"model": "Nobody()"},
        {"settings": {"level": "galaxy"}},
        {"settings": {"no_such_setting": 1}},
        {"settings": {"lookback": 7}},
    ],
)
def test_settings_that_cannot_be_applied_any_more_are_said_to_be_so(tmp_path: Path, old) -> None:
    workspace = brand(tmp_path, {"orders": [sale("o1", 100, "p", "2026-11-10 12:00")]})
    after = run(workspace)
    before = replace(after, facts={**after.facts, **old})
    assert replayed(workspace, before, after) is None
    assert not changes(before, after, None).replayed


def test_equal_settings_need_no_replay(tmp_path: Path) -> None:
    now = run(brand(tmp_path, {"orders": [sale("o1", 100, "p", "2026-11-10 12:00")]}))
    assert replayed(None, now, now) is now  # type: ignore[arg-type]
    definition = JourneyDefinition(lookback_by={"comment": "1D"}, weights={"comment": 0.5})
    assert json.loads(json.dumps(now.facts["settings"])) == now.facts["settings"]
    assert JourneyDefinition(**json.loads(json.dumps(definition.settings()))) == definition
