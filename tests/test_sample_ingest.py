"""The sample brand from its raw exports to the canonical tables, against what truly happened."""

from __future__ import annotations

import csv
import json
from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest

from attribution.intake.ingest import ingest
from attribution.intake.shipped import shipped
from attribution.store.store import open_store
from tests.brand import KEY, everything_stored, run, sample_brand, truth

RAW = shipped("data", "sample", "raw")
TRUTH = truth()
PLANTED = {name: ids for name, _, ids in TRUTH["planted"]}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return sample_brand(tmp_path_factory.mktemp("brand"))


@pytest.fixture(scope="module")
def tables(workspace):
    store = open_store(workspace)
    names = (
        "orders order_lines refunds touchpoints costs platform_claims sessions persons identities"
        " quarantine excluded_orders unmapped_aliases"
    )
    return {name: store.table(name) for name in names.split()}


@pytest.fixture(scope="module")
def orders(tables) -> pd.DataFrame:
    frame = tables["orders"].set_index("order_id")
    assert frame.index.is_unique
    return frame


# ---------------------------------------------------------------------- totals


@pytest.mark.parametrize("platform", sorted(TRUTH["platforms"]))
def test_orders_and_money_of_every_platform_come_out(platform, tables):
    expected = TRUTH["platforms"][platform]
    own = tables["orders"].query("platform == @platform")
    paid = own[own["is_paid"]]
    assert len(own) == expected["orders"]
    assert len(paid) == expected["paid_orders"]
    assert own["gross_fen"].sum() == expected["gross_fen"]
    assert own["net_fen"].sum() == expected["net_fen"]
    lines = tables["order_lines"].query("platform == @platform")
    assert lines["order_id"].isin(own["order_id"]).sum() == expected["lines"]
    assert (tables["refunds"]["platform"] == platform).sum() == expected["refunds"]


def test_expected_net_lies_between_nothing_and_net(tables):
    own = tables["orders"]
    assert own["net_expected_fen"].between(0, own["net_fen"]).all()
    assert own["net_expected_fen"].sum() < own["net_fen"].sum()


def test_sessions_and_claims_come_out(tables):
    assert tables["sessions"]["platform"].value_counts().to_dict() == TRUTH["sessions"]
    claims = tables["platform_claims"].groupby("claimer")["amount_fen"].sum()
    assert claims["qianchuan"] == TRUTH["claims_fen"]["qianchuan"]


def test_exactly_the_planted_rows_are_quarantined(tables):
    found = {
        (row.file.removeprefix("data/raw/"), row.row) for row in tables["quarantine"].itertuples()
    }
    assert found == {(file, row) for file, row, _ in TRUTH["quarantine"]}


def test_every_row_knows_where_it_came_from(tables, workspace):
    for name in ("orders", "order_lines", "refunds", "costs"):
        frame = tables[name]
        assert frame[["_source", "_file", "_row", "_batch"]].notna().all().all()
        assert all((workspace.folder / file).is_file() for file in frame["_file"].unique())
    one = tables["orders"].query("platform == 'own_mall' and known_from != 'erp'").iloc[0]
    with (workspace.folder / one["_file"]).open(encoding="utf-8-sig") as opened:
        row = list(csv.DictReader(opened))[one["_row"] - 1]
    assert one["order_id"] in row.values()


# ---------------------------------------------------------------------- traps


def test_tests_and_fakes_are_listed_and_count_nowhere(tables, orders):
    listed = set(tables["excluded_orders"]["order_id"])
    for order_id in PLANTED["test and fake orders"]:
        assert order_id in listed
        assert order_id not in orders.index


def test_reships_and_exchanges_of_the_erp_are_no_orders(tables):
    erp = tables["excluded_orders"].set_index("erp_order_id")["why"]
    for erp_order_id in PLANTED["补发 and 换货 orders"]:
        assert erp[erp_order_id] in ("re-ship", "exchange")
    assert not tables["orders"]["erp_order_id"].isin(PLANTED["补发 and 换货 orders"]).any()


def test_what_only_the_erp_knows_is_an_order(orders):
    for order_id in PLANTED["orders only the ERP knows"]:
        assert orders.loc[order_id, ["platform", "known_from"]].tolist() == ["xiaohongshu", "erp"]


def test_one_order_of_two_erp_orders_is_booked_once(orders):
    for order_id in PLANTED["ERP splits"]:
        assert orders.loc[order_id, "erp_order_id"].count(";") == 1


def test_a_merged_erp_order_holds_several(orders):
    numbers = orders["erp_order_id"].dropna().str.split(";").explode()
    merged = numbers.value_counts()
    assert (merged[PLANTED["ERP merges"]] > 1).all()


def test_a_presale_is_attributed_at_its_deposit_and_booked_at_its_payment(orders):
    for order_id in PLANTED["presale, paid in full"]:
        own = orders.loc[order_id]
        assert own["attributed_at"] == own["deposit_paid_at"] < own["paid_at"] == own["booked_at"]
    for order_id in PLANTED["presale, deposit only"]:
        own = orders.loc[order_id]
        assert own["status"] == "partially_paid"
        assert own["gross_fen"] == 0
        assert pd.isna(own["booked_at"])


def test_given_away_lines_cost_and_do_not_earn(tables, orders):
    for order_id in PLANTED["0 yuan, lucky bag, sample"]:
        assert orders.loc[order_id, "gross_fen"] == 0
    lines = tables["order_lines"]
    gifts = lines[lines["order_id"].isin(PLANTED["free gift lines"])]
    kinds = gifts.groupby("order_id")["line_kind"].apply(set)
    assert all("gift" in kind for kind in kinds)
    assert not gifts.loc[gifts["line_kind"] == "gift", "is_revenue"].any()


def test_a_refund_above_what_was_paid_leaves_nothing_and_not_less(tables):
    refunds = tables["refunds"].set_index("refund_id")
    orders = tables["orders"].set_index(["platform", "order_id"])
    (refund_id,) = PLANTED["refund above paid"]
    refund = refunds.loc[refund_id]
    order = orders.loc[("douyin", refund["order_id"])]
    assert order["net_fen"] == 0
    assert "refund_above_paid" in order["revenue_note"]


def test_refunds_of_unknown_orders_wait(tables):
    refunds = tables["refunds"].set_index("refund_id")
    assert not refunds.loc[PLANTED["refund for an unknown order"], "order_known"].any()


def test_a_gift_is_the_payers_and_binds_nobody(tables):
    orders = tables["orders"].set_index("order_id")
    for order_id in PLANTED["gift recipient"]:
        own = orders.loc[order_id]
        assert own["recipient_not_payer"]
        assert own["payer_ref"] != own["id_value"]
        others = tables["orders"].query("id_value == @own.payer_ref")
        assert (others["person_id"] == own["person_id"]).all()


def test_the_group_leader_joins_nobody(orders):
    people = orders.loc[PLANTED["group leader's phone"], "person_id"]
    assert people.nunique() >= 6
    five = orders.loc[PLANTED["parcels to a group leader"], "person_id"]
    assert five.nunique() == 5


def test_no_two_true_buyers_become_one_and_most_of_one_are_joined(orders):
    owner = {order: n for n, group in enumerate(TRUTH["same_buyer"]) for order in group}
    known = [order for order in owner if order in orders.index]
    people = orders["person_id"]
    by_person: dict[str, set[int]] = {}
    for order in known:
        if pd.notna(people[order]):
            by_person.setdefault(people[order], set()).add(owner[order])
    assert all(len(buyers) == 1 for buyers in by_person.values())
    pairs = [pair for group in TRUTH["same_buyer"] for pair in combinations(group, 2)]
    joined = sum(people.get(a) == people.get(b) and pd.notna(people.get(a)) for a, b in pairs)
    assert joined / len(pairs) > 0.8


def test_the_ids_of_one_member_are_one_person_on_every_platform(tables):
    seen = pd.concat(
        [tables[name][["id_value", "person_id"]] for name in ("touchpoints", "orders")]
    )
    people = seen.dropna().groupby("id_value")["person_id"].agg(set)
    joined = 0
    for ids in TRUTH["same_person"]:
        known = [people[each] for each in ids if each in people.index]
        assert len(set().union(*known)) <= 1
        joined += len(known) > 1
    assert joined > 20


def test_the_newest_state_wins_in_whatever_order_it_came(orders):
    newest: dict[str, int] = {}
    for file in sorted((RAW / "douyin").glob("orders_*.json")):
        for order in json.loads(file.read_text(encoding="utf-8"))["data"]["shop_order_list"]:
            if order.get("order_id"):
                at = int(order["update_time"])
                newest[order["order_id"]] = max(at, newest.get(order["order_id"], 0))
    again = PLANTED["orders pulled again, newer"] + PLANTED["orders pulled again, older"]
    kept = [order_id for order_id in again if order_id in orders.index]
    assert set(again) - set(kept) <= set(TRUTH["excluded"])
    assert len(kept) > 10
    for order_id in kept:
        assert orders.loc[order_id, "updated_at"] == newest[order_id] * 1000


def test_unmapped_streamers_are_unknown_and_listed(tables):
    (alias,) = PLANTED["streamer alias unmapped"]
    lines = tables["order_lines"]
    unknown = lines[(lines["room_id"] == alias) | (lines["content_id"] == alias)]
    assert len(unknown) or alias in set(tables["unmapped_aliases"]["value"])
    assert len(tables["unmapped_aliases"])
    assert "unknown" in set(lines["streamer_id"])


def test_an_order_carries_its_room_as_evidence_of_its_own_kind(tables):
    evidence = tables["touchpoints"].query("event == 'order_source'")
    assert len(evidence)
    assert evidence["order_id"].notna().all()
    assert (evidence["quality"] == "inferred").all()
    assert len(tables["touchpoints"]) - len(evidence) == sum(TRUTH["touchpoints"].values())


# ---------------------------------------------------------------------- privacy


def personal() -> set[str]:
    """Return every phone, name and address that stands in the raw files."""
    found: set[str] = set()
    for file in ("members.csv", "orders.csv"):
        with (RAW / "mall" / file).open(encoding="utf-8-sig") as opened:
            for row in csv.DictReader(opened):
                for column, cell in row.items():
                    if column and cell and isinstance(cell, str):
                        if column in ("phone", "receiver_phone"):
                            found.add("".join(filter(str.isdigit, cell))[-11:])
                        if "name" in column or "address" in column:
                            found.add(cell)
    return {text for text in found if (len(text) >= 2 and not text.isascii()) or len(text) == 11}


def test_nothing_personal_reaches_the_store_or_the_screen(workspace, tmp_path: Path):
    planted = personal()
    assert len(planted) > 500
    said = run("check", "--workspace", str(workspace.folder), cwd=tmp_path)
    text = everything_stored(workspace) + said.stdout + said.stderr
    assert [each for each in planted if each in text] == []


@pytest.mark.parametrize("key", ["", KEY])
def test_people_stay_who_they_are_when_a_file_of_the_sample_is_edited(tmp_path, key):
    """Beside the published key there is none, or one of one's own: the ids are others then."""
    edited = sample_brand(tmp_path)
    store = open_store(edited)
    persons, orders = store.table("persons"), store.table("orders")
    file = edited.folder / "data" / "raw" / "douyin" / "orders_20261111.json"
    document = json.loads(file.read_text(encoding="utf-8"))
    (rows,) = [part for part in _lists_in(document) if len(part) > 20]
    del rows[::3]
    file.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    environ = {"ATTRIBUTION_KEY": key} if key else {}
    ingest(edited, environ=environ)
    store = open_store(edited)
    assert len(store.table("persons")) == len(persons)
    ids = ["platform", "order_id"]
    both = orders.merge(store.table("orders"), on=ids)[["person_id_x", "person_id_y"]].dropna()
    assert len(both) > 1000
    assert both.groupby("person_id_x")["person_id_y"].nunique().max() == 1
    assert both.groupby("person_id_y")["person_id_x"].nunique().max() == 1


def _lists_in(document):
    if isinstance(document, list):
        yield document
    for part in document.values() if isinstance(document, dict) else []:
        yield from _lists_in(part)
