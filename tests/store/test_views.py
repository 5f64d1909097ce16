"""Every rule of the views on planted rows, and a naive twin for amounts."""

from __future__ import annotations

import json
import re
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.errors import ConfigError
from attribution.intake.shipped import shipped
from attribution.store.steps import NOT_REVENUE
from attribution.store.store import open_store
from attribution.store.tables import PROVENANCE, TABLES
from attribution.store.views import ViewOptions, steps
from attribution.workspace import Exclude
from tests.brand import sample_brand
from tests.store.planted import DAY, listed, ms, one, planted

T = ms("2026-11-11 20:00:00")
SHOWN = {step.name for step in steps(ViewOptions())}


def by(rows, *names):
    return {tuple(row[name] for name in names): row for row in rows}


def order(order_id, paid_fen=10_000, **more):
    return {"order_id": order_id, "created_at": T, "paid_at": T, "paid_fen": paid_fen, **more}


def line(order_id, line_id, paid_fen=10_000, **more):
    return {"order_id": order_id, "line_id": line_id, "paid_fen": paid_fen, **more}


def refund(refund_id, amount_fen, **more):
    return {"refund_id": refund_id, "amount_fen": amount_fen, "final_at": T + DAY, **more}


# ---------------------------------------------------------------------- shape


def test_views_show_the_columns_of_their_table_then_derived_ones_then_provenance():
    world = planted({})
    shown = set(TABLES) & SHOWN
    assert set(TABLES) - shown == {
        "order_sources",
        "erp_orders",
        "erp_lines",
        "identifiers",
        "links",
    }
    for name in shown:
        found = [row["column_name"] for row in listed(world, f"DESCRIBE {name}")]
        public = [c.name for c in TABLES[name].columns if not c.name.startswith("_")]
        assert found[: len(public)] == public
        assert found[-4:] == PROVENANCE.names
        assert not [column for column in found[:-4] if column.startswith("_")]
        assert listed(world, f"SELECT * FROM {name}") == []


def test_every_column_keeps_the_type_of_its_table():
    world = planted({})
    words = {"string": "VARCHAR", "int64": "BIGINT", "bool": "BOOLEAN", "double": "DOUBLE"}
    for name in set(TABLES) & SHOWN:
        found = {r["column_name"]: r["column_type"] for r in listed(world, f"DESCRIBE {name}")}
        for column in TABLES[name].columns:
            if column.name in found:
                assert found[column.name] == words[str(column.type)], (name, column.name)


def test_every_money_column_is_a_whole_number():
    world = planted({})
    for name in sorted(SHOWN):
        for row in listed(world, f"DESCRIBE {name}"):
            if row["column_name"].endswith("_fen"):
                assert row["column_type"] == "BIGINT", (name, row)


def test_steps_say_why_and_read_only_earlier_ones():
    done = steps(ViewOptions())
    names = [step.name for step in done]
    assert len(set(names)) == len(names)
    for nth, step in enumerate(done):
        assert step.why
        own = set(re.findall(r"(\w+) AS \(", step.sql))
        assert not own & set(names), "a part of a step has the name of another step"
        read = set(re.findall(r"\b(?:FROM|JOIN)\s+(\w+)", step.sql)) & set(names)
        assert read <= set(names[:nth])


def test_every_step_can_be_read_alone():
    world = planted({"orders": [order("1")], "order_lines": [line("1", "11")]})
    for step in steps(ViewOptions()):
        listed(world, f"SELECT * FROM {step.name}")


# ---------------------------------------------------------------------- streamers


ALIASES = [{"streamer_id": "s1", "id_type": "author_id", "value": "A1"}]
ROOM = [{"session_id": "r2", "streamer_id": "s2", "start_at": T}]


@pytest.mark.parametrize(
    ("row", "streamer"),
    [
        ({"streamer_id": "s9", "_alias_type": "author_id", "_alias_value": "A1"}, "s9"),
        ({"_alias_type": "author_id", "_alias_value": "A1", "room": "r2"}, "s1"),
        ({"_alias_type": "author_id", "_alias_value": "nobody", "room": "r2"}, "s2"),
        ({"_alias_type": "author_id", "_alias_value": "nobody"}, "unknown"),
        ({"_alias_type": "buyin_id", "_alias_value": "A1"}, "unknown"),
        ({"_alias_type": "author_id", "_alias_value": "A1", "platform": "wechat"}, "unknown"),
        ({"room": "r2"}, "s2"),
        ({"room": "r3"}, "unknown"),
        ({"room": "nowhere"}, None),
        ({}, None),
    ],
)
def test_a_streamer_is_the_rows_own_then_the_alias_then_the_sessions(row, streamer):
    hidden = {"session_id": "r3", "_alias_type": "short_id", "_alias_value": "x", "start_at": T}
    room = row.pop("room", None)
    touch = {"event_id": "e", "at": T, "session_id": room, **row}
    world = planted(
        {
            "streamer_aliases": ALIASES,
            "sessions": [*ROOM, hidden],
            "touchpoints": [touch],
            "orders": [order("1", platform=row.get("platform", "douyin"))],
            "order_lines": [line("1", "1", room_id=room, **row)],
        }
    )
    observed = "SELECT streamer_id FROM touchpoints WHERE event <> 'order_source'"
    assert one(world, observed)["streamer_id"] == streamer
    assert one(world, "SELECT streamer_id FROM order_lines")["streamer_id"] == streamer


def test_an_unmapped_alias_is_listed_wherever_it_stands():
    alias = {"_alias_type": "author_id", "_alias_value": "nobody"}
    world = planted(
        {
            "streamer_aliases": ALIASES,
            "touchpoints": [
                {"event_id": "e1", "at": T, **alias},
                {"event_id": "e2", "at": T, **alias, "streamer_id": "s1"},
                {"event_id": "e3", "at": T, "_alias_type": "author_id", "_alias_value": "A1"},
            ],
            "order_lines": [
                line("1", "1", **alias),
                line("1", "2", **alias),
                line("2", "3", **alias),
            ],
            "costs": [{"cost_id": "c", "_alias_type": "buyin_id", "_alias_value": "other"}],
        }
    )
    assert by(listed(world, "unmapped_aliases"), "platform", "id_type", "value") == {
        ("douyin", "author_id", "nobody"): {
            "platform": "douyin",
            "id_type": "author_id",
            "value": "nobody",
            "rows": 4,
            "orders": 2,
            "first_table": "touchpoints",
        },
        ("douyin", "buyin_id", "other"): {
            "platform": "douyin",
            "id_type": "buyin_id",
            "value": "other",
            "rows": 1,
            "orders": 0,
            "first_table": "costs",
        },
    }


def test_costs_and_claims_are_under_their_streamer():
    alias = {"_alias_type": "author_id", "_alias_value": "A1"}
    nobody = {"_alias_type": "author_id", "_alias_value": "nobody"}
    world = planted(
        {
            "streamer_aliases": ALIASES,
            "sessions": ROOM,
            "costs": [
                {"cost_id": "1", "scope": "streamer", **alias},
                {"cost_id": "2", "scope": "streamer", **nobody},
                {"cost_id": "3", "scope": "streamer", "scope_id": "s7"},
                {"cost_id": "4", "scope": "session", "scope_id": "r2"},
                {"cost_id": "5", "scope": "order", "scope_id": "o1", **alias},
                {"cost_id": "6", "scope": "period"},
            ],
            "platform_claims": [
                {"claim_id": "1", "session_id": "r2"},
                {"claim_id": "2", **nobody},
                {"claim_id": "3", "order_id": "11"},
                {"claim_id": "4", "order_id": "99", "line_id": "11"},
                {"claim_id": "5", "line_id": "11"},
            ],
            "orders": [order("1")],
            "order_lines": [line("1", "11")],
        }
    )
    costs = listed(world, "SELECT cost_id, scope_id, streamer_id FROM costs ORDER BY ALL")
    assert [tuple(row.values()) for row in costs] == [
        ("1", "s1", "s1"),
        ("2", "unknown", "unknown"),
        ("3", "s7", "s7"),
        ("4", "r2", "s2"),
        ("5", "o1", "s1"),
        ("6", None, None),
    ]
    claims = listed(
        world, "SELECT claim_id, order_id, streamer_id FROM platform_claims ORDER BY ALL"
    )
    assert [tuple(row.values()) for row in claims] == [
        ("1", None, "s2"),
        ("2", None, "unknown"),
        ("3", "1", None),
        ("4", "99", None),
        ("5", "1", None),
    ]


def cost(cost_id, scope_id, amount_fen=100, **more):
    usual = {"kind": "commission", "scope": "line", "state": "estimated", "at": T}
    return {**usual, "cost_id": cost_id, "scope_id": scope_id, "amount_fen": amount_fen, **more}


def bill(cost_id, scope_id, amount_fen=90, **more):
    later = {"state": "settled", "source_doc": f"B{cost_id}", "at": T + DAY}
    return cost(cost_id, scope_id, amount_fen, **{**later, **more})


@pytest.mark.parametrize(
    ("rows", "counted", "replaced"),
    [
        # For the line itself, be the bill 0.
        ([cost("a", "11"), bill("b", "11")], {"b"}, {"a": "Bb"}),
        ([cost("a", "11", state="settled"), bill("b", "11", 0)], {"b"}, {"a": "Bb"}),
        # Lines of one order, each with its own.
        ([cost("a", "11"), cost("b", "12"), bill("c", "12")], {"a", "c"}, {"b": "Bc"}),
        # Told once for the whole order, whose number it has; a bill of 0 for a line says nothing.
        ([cost("a", "1"), bill("b", "11"), bill("c", "12")], {"b", "c"}, {"a": "Bb"}),
        ([cost("a", "1", scope="order"), bill("b", "12")], {"b"}, {"a": "Bb"}),
        ([cost("a", "1"), bill("b", "12", 0)], {"a", "b"}, {}),
        ([cost("a", "12"), bill("b", "11")], {"a", "b"}, {}),
        ([cost("a", "11"), cost("b", "12"), bill("c", "1", scope="order")], {"c"},
         {"a": "Bc", "b": "Bc"}),
        # A bill and its reversal are two bills, and an estimate of another kind or platform stays.
        ([bill("a", "11"), bill("b", "11", -90)], {"a", "b"}, {}),
        ([cost("a", "11", kind="agency_fee"), bill("b", "11")], {"a", "b"}, {}),
        ([cost("a", "11", platform="taobao"), bill("b", "11")], {"a", "b"}, {}),
        # Neither order nor line is known: the number alone tells.
        ([cost("a", "77"), bill("b", "77"), cost("c", "78")], {"b", "c"}, {"a": "Bb"}),
        # What is not of a line or an order is never replaced, and an unsettled bill replaces none.
        ([cost("a", "11", scope="session"), bill("b", "11")], {"a", "b"}, {}),
        ([cost("a", "11"), bill("b", "11", state="confirmed")], {"a", "b"}, {}),
    ],
)  # fmt: skip
def test_a_settled_bill_replaces_the_estimate_of_another_document(rows, counted, replaced):
    world = planted(
        {"orders": [order("1")], "order_lines": [line("1", "11"), line("1", "12")], "costs": rows}
    )
    assert {row["cost_id"] for row in listed(world, "costs")} == counted
    found = {row["cost_id"]: row["replaced_by"] for row in listed(world, "replaced_costs")}
    assert found == replaced
    assert counted | set(replaced) == {row["cost_id"] for row in rows}


def test_a_bill_after_as_of_replaces_nothing_yet():
    rows = {"costs": [cost("a", "11"), bill("b", "11")]}
    assert one(planted(rows, ViewOptions(as_of=T)), "costs")["cost_id"] == "a"


def test_the_samples_commission_stands_once_and_nothing_is_lost(tmp_path):
    """Estimates less those that are billed, and all bills, from the raw files themselves."""
    raw = shipped("data", "sample", "raw") / "douyin"
    estimates, bills = {}, {}
    for file in sorted(raw.glob("commission*.json")):
        for row in json.loads(file.read_text("utf-8"))["data"]["orders"]:
            real = row["flow_point"] in ("SETTLE", "REFUND") or row["shop_real_commission"]
            fee = row["shop_real_commission" if real else "shop_estimated_commission"]
            newest = max((row["update_time"], fee), estimates.get(row["order_id"], ("", 0)))
            estimates[row["order_id"]] = newest
    for file in sorted(raw.glob("settlement*.json")):
        for row in json.loads(file.read_text("utf-8"))["data"]:
            bills[row["order_id"], row["request_no"]] = row["commission"]
    assert estimates
    assert bills
    billed = {line for line, _ in bills}
    open_fen = sum(fee for number, (_, fee) in estimates.items() if number not in billed)
    gone_fen = sum(fee for number, (_, fee) in estimates.items() if number in billed)
    store = open_store(sample_brand(tmp_path))
    chosen = "platform == 'douyin' and kind == 'commission'"
    assert store.table("costs").query(chosen)["amount_fen"].sum() == open_fen + sum(bills.values())
    assert store.table("replaced_costs").query(chosen)["amount_fen"].sum() == gone_fen > 0


# ---------------------------------------------------------------------- sessions


def test_a_session_belongs_to_the_day_it_starts_on():
    start = ms("2026-11-11 23:30:00")
    rows = {"sessions": [{"session_id": "r", "start_at": start, "end_at": start + DAY // 8}]}
    assert one(planted(rows), "SELECT day FROM sessions")["day"] == "2026-11-11"
    london = planted(rows, ViewOptions(timezone="Europe/London"))
    assert one(london, "SELECT day FROM sessions")["day"] == "2026-11-11"
    tokyo = planted(rows, ViewOptions(timezone="Asia/Tokyo"))
    assert one(tokyo, "SELECT day FROM sessions")["day"] == "2026-11-12"


def test_a_day_follows_summer_time():
    start = ms("2026-07-01 23:30:00", "Europe/London")
    world = planted(
        {"sessions": [{"session_id": "r", "start_at": start}]},
        ViewOptions(timezone="Europe/London"),
    )
    assert one(world, "SELECT day FROM sessions")["day"] == "2026-07-01"


def test_hosts_of_a_shared_session_and_the_main_one():
    shares = {"s1": 0.3, "s/2~\"'": 0.7}
    world = planted(
        {
            "sessions": [
                {"session_id": "a", "streamer_shares": json.dumps(shares)},
                {"session_id": "b", "streamer_shares": '{"s2": 0.5, "s1": 0.5}'},
                {"session_id": "c", "streamer_shares": '{"s1": 1}', "streamer_id": "s3"},
                {"session_id": "d", "streamer_shares": "s1 and s2"},
                {"session_id": "e", "streamer_shares": "[1, 2]"},
            ]
        }
    )
    hosts = by(listed(world, "session_shares"), "session_id", "streamer_id")
    assert {key: row["share"] for key, row in hosts.items()} == {
        ("a", "s1"): 0.3,
        ("a", "s/2~\"'"): 0.7,
        ("b", "s1"): 0.5,
        ("b", "s2"): 0.5,
        ("c", "s1"): 1.0,
    }
    main = {row["session_id"]: row["streamer_id"] for row in listed(world, "sessions")}
    assert main == {"a": "s/2~\"'", "b": "s1", "c": "s3", "d": None, "e": None}


# ---------------------------------------------------------------------- lines


@pytest.mark.parametrize(
    ("row", "form", "content", "room", "video"),
    [
        ({"room_id": "r"}, "live", "r", "r", None),
        ({"video_id": "v"}, "short_video", "v", None, "v"),
        ({"room_id": "r", "content_form": "showcase"}, "showcase", "r", "r", None),
        ({"content_form": "live", "content_id": "r"}, "live", "r", "r", None),
        ({"content_form": "short_video", "content_id": "v"}, "short_video", "v", None, "v"),
        ({"content_form": "shop", "content_id": "x"}, "shop", "x", None, None),
        ({"content_form": "unknown", "room_id": "r"}, "live", "r", "r", None),
        ({"content_form": "unknown"}, "unknown", None, None, None),
        ({}, None, None, None, None),
    ],
)
def test_room_and_video_tell_the_form(row, form, content, room, video):
    found = one(planted({"order_lines": [line("1", "1", **row)]}), "order_lines")
    told = (found["content_form"], found["content_id"], found["room_id"], found["video_id"])
    assert told == (form, content, room, video)


def test_an_alliance_row_fills_in_what_its_line_leaves_open():
    source = {
        "content_form": "live",
        "content_id": "r1",
        "sales_mode": "alliance",
        "_alias_type": "author_id",
        "_alias_value": "A1",
    }
    world = planted(
        {
            "streamer_aliases": ALIASES,
            "orders": [order("1"), order("2"), order("3"), order("4")],
            "order_lines": [
                line("1", "11"),
                line("1", "12"),
                line("2", "2"),
                line("3", "31", content_form="shop", streamer_id="s9", sales_mode="self"),
                line("4", "41"),
                line("4", "42"),
            ],
            "order_sources": [
                {"order_id": "1", "line_id": "11", **source},
                {"order_id": "2", **source},  # the only child has the parent's number
                {"order_id": "3", **source},
                {"order_id": "42", **source},  # names its order by a child's number
                {"order_id": "99", **source},  # its order is not here yet
                {"order_id": "98", "line_id": "12", **source},
            ],
        }
    )
    lines = by(listed(world, "order_lines"), "line_id")

    def told(line_id):
        row = lines[(line_id,)]
        names = ("content_form", "content_id", "room_id", "sales_mode", "streamer_id")
        return tuple(row[name] for name in names)

    full = ("live", "r1", "r1", "alliance", "s1")
    assert told("11") == told("2") == told("42") == full
    assert told("12") == told("41") == (None,) * 5
    assert told("31") == ("shop", None, None, "self", "s9")


def test_of_several_sources_the_one_with_content_and_the_newest_come_first():
    world = planted(
        {
            "order_lines": [line("1", "1")],
            "order_sources": [
                {"order_id": "1", "told_by": "settle", "merchant_net_fen": 5, "updated_at": T + 9},
                {
                    "order_id": "1",
                    "_source": "b",
                    "content_form": "live",
                    "content_id": "r1",
                    "updated_at": T,
                },
                {
                    "order_id": "1",
                    "_source": "a",
                    "content_form": "live",
                    "content_id": "r0",
                    "updated_at": T - 1,
                },
            ],
        }
    )
    assert one(world, "order_lines")["content_id"] == "r1"


def test_what_a_unit_cost_comes_from_line_then_erp_then_product():
    world = planted(
        {
            "orders": [order("1")],
            "order_lines": [
                line("1", "a", unit_cost_fen=1, merchant_sku="k"),
                line("1", "b", merchant_sku="k"),
                line("1", "c", merchant_sku="k"),
                line("1", "d", product_id="p"),
                line("1", "e", merchant_sku="q"),
                line("1", "f", merchant_sku="nothing"),
            ],
            "erp_orders": [
                {"erp_order_id": "E1", "order_id": "1", "platform": "douyin", "paid_fen": 1},
                {"erp_order_id": "E2", "order_id": "1", "platform": "douyin", "paid_fen": 1},
            ],
            "erp_lines": [
                {
                    "erp_order_id": "E1",
                    "order_id": "1",
                    "line_id": "b",
                    "merchant_sku": "k",
                    "qty": 1,
                    "unit_cost_fen": 300,
                },
                {
                    "erp_order_id": "E2",
                    "order_id": "1",
                    "line_id": "b",
                    "merchant_sku": "k",
                    "qty": 3,
                    "unit_cost_fen": 700,
                },
            ],
            "products": [
                {"product_id": "p", "merchant_sku": "q", "cost_fen": 55, "category": "coats"}
            ],
        }
    )
    lines = {row["line_id"]: row for row in listed(world, "order_lines")}
    assert {k: r["unit_cost_fen"] for k, r in lines.items()} == {
        "a": 1, "b": 600, "c": 600, "d": 55, "e": 55, "f": None,
    }  # fmt: skip
    assert {k: r["category"] for k, r in lines.items()} == {
        "a": None, "b": None, "c": None, "d": "coats", "e": "coats", "f": None,
    }  # fmt: skip


def test_what_is_given_away_is_cost_and_not_revenue():
    kinds = TABLES["order_lines"].column("line_kind").values
    rows = [line("1", kind, line_kind=kind) for kind in kinds] + [line("1", "none")]
    found = {
        r["line_id"]: r["is_revenue"] for r in listed(planted({"order_lines": rows}), "order_lines")
    }
    given = {"presale_gift", "zero_yuan", "lucky_bag", "sample", "gift"}
    assert found == {kind: kind not in given for kind in (*kinds, "none")}
    assert set(NOT_REVENUE) == given


def test_lines_of_an_excluded_order_are_left_out_and_those_of_an_unknown_order_stay():
    world = planted(
        {
            "orders": [order("1", _excluded="test order"), order("2")],
            "order_lines": [line("1", "1"), line("2", "2"), line("3", "3")],
        }
    )
    assert [row["line_id"] for row in listed(world, "order_lines")] == ["2", "3"]


# ---------------------------------------------------------------------- one order


def erp(erp_order_id, order_id, paid_fen, **more):
    return {
        "erp_order_id": erp_order_id,
        "order_id": order_id,
        "paid_fen": paid_fen,
        "platform": "douyin",
        "paid_at": T,
        **more,
    }


def orders_of(world):
    return by(listed(world, "orders"), "platform", "order_id")


def test_an_order_known_to_platform_and_erp_is_one():
    world = planted({"orders": [order("1", 500)], "erp_orders": [erp("E1", "1", 480)]})
    found = one(world, "orders")
    assert (found["paid_fen"], found["erp_order_id"], found["known_from"]) == (500, "E1", "both")


def test_erp_merge_and_split_keep_every_order_once():
    world = planted(
        {
            "orders": [order("1", 100), order("2", 200), order("3", 300)],
            "erp_orders": [
                erp("E1", "1", 300),
                erp("E1", "2", 300),
                erp("E3b", "3", 100),
                erp("E3a", "3", 200),
            ],
        }
    )
    found = orders_of(world)
    assert {key[1]: row["erp_order_id"] for key, row in found.items()} == {
        "1": "E1",
        "2": "E1",
        "3": "E3a;E3b",
    }
    assert sum(row["gross_fen"] for row in found.values()) == 600


def test_merged_numbers_in_one_cell_are_found():
    world = planted(
        {
            "orders": [order("1", 100), order("2", 200)],
            "erp_orders": [
                erp("E1", "1", 300, merged_ids="1, 2"),
                erp("E2", None, 70, merged_ids="8；9"),
            ],
        }
    )
    found = orders_of(world)
    assert {key[1]: (row["erp_order_id"], row["paid_fen"]) for key, row in found.items()} == {
        "1": ("E1", 100),
        "2": ("E1", 200),
        "8": ("E2", 35),
        "9": ("E2", 35),
    }


def test_an_order_only_the_erp_knows_becomes_an_order():
    world = planted(
        {
            "erp_orders": [
                erp(
                    "E1",
                    "77",
                    900,
                    platform="xiaohongshu",
                    shop_id="x",
                    id_type="t",
                    id_value="v",
                    _identifier="h",
                ),
                erp("E2", None, 50, platform=None),
                erp("E3", "78", 10, paid_at=None, created_at=T),
            ],
            "identities": [{"id_hash": "h", "person_id": "p1"}],
        }
    )
    found = orders_of(world)
    first = found["xiaohongshu", "77"]
    assert first["person_id"] == "p1"
    assert (first["status"], first["gross_fen"], first["known_from"]) == ("paid", 900, "erp")
    assert (first["id_type"], first["id_value"], first["shop_id"]) == ("t", "v", "x")
    assert first["created_at"] == first["attributed_at"] == first["booked_at"] == T
    assert found["other", "E2"]["gross_fen"] == 50
    unpaid = found["douyin", "78"]
    assert (unpaid["status"], unpaid["gross_fen"], unpaid["booked_at"]) == ("created", 0, None)


def test_lines_of_the_erp_stand_in_where_no_platform_file_gives_any():
    world = planted(
        {
            "orders": [order("1", 100)],
            "order_lines": [line("1", "1", 100)],
            "erp_orders": [erp("E1", "1", 100), erp("E2", "2", 80), erp("E3", "2", 80)],
            "erp_lines": [
                {"erp_order_id": "E1", "order_id": "1", "line_id": "1", "paid_fen": 100},
                {"erp_order_id": "E2", "order_id": None, "line_id": "21", "qty": 1, "paid_fen": 50},
                {"erp_order_id": "E3", "order_id": "2", "line_id": "21", "qty": 2, "paid_fen": 80},
                {"erp_order_id": "E2", "merchant_sku": "gift", "paid_fen": 0, "line_kind": "gift"},
            ],
        }
    )
    names = ("order_id", "line_id", "qty", "paid_fen", "is_revenue")
    lines = [tuple(row[n] for n in names) for row in listed(world, "order_lines")]
    assert sorted(lines) == [
        ("1", "1", None, 100, True),
        ("2", "21", 3, 130, True),
        ("2", "gift", None, 0, False),
    ]


def test_a_line_of_a_merged_erp_order_that_names_no_order_is_put_under_none():
    world = planted(
        {
            "erp_orders": [erp("E1", "1", 100), erp("E1", "2", 100), erp("E2", "3", 100)],
            "erp_lines": [
                {"erp_order_id": "E1", "line_id": "a", "paid_fen": 100},
                {"erp_order_id": "E2", "line_id": "b", "paid_fen": 100},
            ],
        }
    )
    lines = listed(world, "order_lines")
    assert [(row["order_id"], row["line_id"]) for row in lines] == [("3", "b")]


def test_a_row_of_the_erp_without_platform_joins_the_order_of_its_number():
    world = planted(
        {
            "orders": [order("1", 100), order("2", 100)],
            "erp_orders": [
                erp("E1", "1", 100, platform=None),
                erp("E2", "2", 100, platform="other"),
                erp("E3", "1", 40, platform="taobao"),
                erp("E4", "3", 30, platform=None),
                erp("E5", "3", 30, platform="taobao", erp="second"),
            ],
        }
    )
    found = orders_of(world)
    assert {key: row["erp_order_id"] for key, row in found.items()} == {
        ("douyin", "1"): "E1",
        ("douyin", "2"): "E2",
        ("taobao", "1"): "E3",
        ("taobao", "3"): "E4;E5",
    }


def test_one_erp_is_one_however_its_rows_come_and_two_are_two():
    world = planted(
        {
            "orders": [],
            "erp_orders": [
                erp("E1", "1", 100, erp="jushuitan", _source="file"),
                erp("E1", "2", 100, erp="jushuitan", _source="sql"),
                erp("E1", "3", 70, erp="wangdiantong"),
                erp("E1", "4", 40),
            ],
            "erp_lines": [
                {"erp": "jushuitan", "erp_order_id": "E1", "order_id": "2", "paid_fen": 30,
                 "_source": "third"},
                {"erp": "wangdiantong", "erp_order_id": "E1", "line_id": "x", "paid_fen": 70},
                {"erp_order_id": "E1", "line_id": "y", "paid_fen": 40},
            ],
        }
    )  # fmt: skip
    assert {key[1]: row["paid_fen"] for key, row in orders_of(world).items()} == {
        "1": 70, "2": 30, "3": 70, "4": 40,
    }  # fmt: skip
    lines = {row["order_id"]: row["paid_fen"] for row in listed(world, "order_lines")}
    assert lines == {"2": 30, "3": 70, "4": 40}


def test_keys_do_not_depend_on_which_source_told():
    assert not [name for name, table in TABLES.items() if "_source" in table.key]


def test_an_older_state_of_an_erp_order_no_longer_counts():
    world = planted(
        {
            "orders": [order("1", 100)],
            "erp_orders": [
                erp("E1", "1", 100, updated_at=T + 2),
                erp("E1", "2", 300, updated_at=T + 1),  # it was merged, and then taken apart
            ],
        }
    )
    assert list(orders_of(world)) == [("douyin", "1")]


def test_reships_and_the_like_make_no_order_and_take_none_away():
    world = planted(
        {
            "orders": [order("1", 100)],
            "erp_orders": [
                erp("E1", "1", 100),
                erp("E2", "1", 100, _excluded="re-ship or exchange"),
                erp("E3", "9", 100, _excluded="re-ship or exchange"),
            ],
        }
    )
    assert one(world, "orders")["erp_order_id"] == "E1"
    out = listed(world, "SELECT erp_order_id, order_id, why FROM excluded_orders ORDER BY ALL")
    assert [tuple(row.values()) for row in out] == [
        ("E2", "1", "re-ship or exchange"),
        ("E3", "9", "re-ship or exchange"),
    ]


def test_a_test_order_does_not_come_back_through_the_erp():
    world = planted(
        {"orders": [order("1", _excluded="test order")], "erp_orders": [erp("E1", "1", 10_000)]}
    )
    assert listed(world, "orders") == []
    out = one(world, "excluded_orders")
    assert (out["order_id"], out["why"], out["known_from"]) == ("1", "test order", "both")


def test_rules_leave_orders_out_and_say_why():
    rules = (
        Exclude("friends' orders", (("id_value", ("it's me", "you")),)),
        Exclude("one cent", (("shop_id", ("s",)),), paid_at_most_fen=1),
        Exclude("never reached", (("shop_id", ("s",)),), paid_at_most_fen=1),
        Exclude("by number", (("order_id", ("6", "7")), ("platform", ("jd",)))),
    )
    world = planted(
        {
            "orders": [
                order("1", id_value="it's me"),
                order("2", 1, shop_id="s"),
                order("3", 2, shop_id="s"),
                order("4", 1),
                order("5", _excluded="marked", id_value="you"),
                order("6"),
                order("7", platform="jd"),
            ],
            "erp_orders": [erp("E1", "8", 1, shop_id="s")],
        },
        ViewOptions(excludes=rules),
    )
    assert {row["order_id"]: row["why"] for row in listed(world, "excluded_orders")} == {
        "1": "friends' orders",
        "2": "one cent",
        "5": "marked",
        "7": "by number",
        "8": "one cent",
    }
    assert {key[1] for key in orders_of(world)} == {"3", "4", "6"}


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (Exclude("x", (("colour", ("red",)),)), "found the column 'colour'"),
        (Exclude("x", (("_identifier", ("h",)),)), "found the column '_identifier'"),
        (Exclude("x"), "found no condition"),
    ],
)
def test_a_rule_that_cannot_stand_is_refused(rule, message):
    with pytest.raises(ConfigError, match=message):
        ViewOptions(excludes=(rule,))


AMOUNTS = st.integers(0, 500)
ERP_ROWS = st.lists(
    st.tuples(st.sampled_from("ABC"), st.sampled_from("12345")), min_size=1, max_size=9, unique=True
)


@settings(max_examples=25, deadline=None)
@given(
    ERP_ROWS,
    st.dictionaries(st.sampled_from("ABC"), AMOUNTS),
    st.dictionaries(st.sampled_from("123"), AMOUNTS),
)
def test_an_erp_orders_amount_is_handed_out_whole_and_platforms_decide(rows, totals, platform):
    """Merged and split at once: what the ERP was paid is neither doubled nor lost."""
    world = planted(
        {
            "orders": [order(number, paid) for number, paid in platform.items()],
            "erp_orders": [erp(e, number, totals.get(e, 90)) for e, number in rows],
        }
    )
    found = orders_of(world)
    assert {key[1] for key in found} == {number for _, number in rows} | set(platform)
    members = defaultdict(list)
    for e, number in rows:
        members[e].append(number)
    naive = defaultdict(int)
    for e, numbers in members.items():
        total = totals.get(e, 90)
        unknown = sorted(set(numbers) - set(platform))
        if len(numbers) == 1:
            naive[numbers[0]] += total
            continue
        rest = max(total - sum(platform[n] for n in numbers if n in platform), 0)
        for place, number in enumerate(unknown):
            naive[number] += rest // len(unknown) + (place < rest % len(unknown))
    for (_, number), row in found.items():
        assert row["paid_fen"] == platform.get(number, naive[number])
        ids = sorted(e for e, n in rows if n == number)
        assert row["erp_order_id"] == (";".join(ids) or None)
    shares = listed(world, "erp_shares")
    for e in members:
        assert sum(r["share_fen"] for r in shares if r["erp_order_id"] == e) == totals.get(e, 90)
    world.connection.close()


def test_an_amount_is_shared_by_lines_where_they_name_the_orders_and_said_so_where_not():
    world = planted(
        {
            "erp_orders": [
                erp("E1", "1", 1000),
                erp("E1", "2", 1000),
                erp("E2", "3", 9),
                erp("E2", "4", 9),
            ],
            "erp_lines": [
                {"erp_order_id": "E1", "order_id": "1", "line_id": "a", "paid_fen": 300},
                {"erp_order_id": "E1", "order_id": "2", "line_id": "b", "paid_fen": 600},
            ],
        }
    )
    found = {key[1]: (r["paid_fen"], r["revenue_note"]) for key, r in orders_of(world).items()}
    assert found == {
        "1": (400, None),
        "2": (600, None),
        "3": (5, "amount_shared_by_erp"),
        "4": (4, "amount_shared_by_erp"),
    }


def test_rows_that_state_their_own_part_keep_it():
    world = planted({"erp_orders": [erp("E1", "1", 300), erp("E1", "2", 600)]})
    assert {key[1]: row["paid_fen"] for key, row in orders_of(world).items()} == {
        "1": 300,
        "2": 600,
    }


def test_reconciliation_sets_both_sides_beside_each_other_by_day():
    late = ms("2026-11-11 23:59:59")
    world = planted(
        {
            "orders": [
                order("1", 100, paid_at=late),
                order("2", 200),
                order("3", 300, paid_at=late + 1000),
                order("4", 400, status="created", paid_at=None),
                order("5", 500, _excluded="test order"),
            ],
            "erp_orders": [
                erp("E1", "1", 90),
                erp("E5", "5", 500),
                erp("E6", "6", 60),
                erp("E7", "4", 400),
            ],
        }
    )
    names = ("day", "platform", "platform_orders", "erp_orders", "only_platform", "only_erp",
             "platform_paid_fen", "erp_paid_fen", "difference_fen")  # fmt: skip
    rows = listed(world, "order_reconciliation")
    assert [tuple(row[n] for n in names) for row in rows] == [
        ("2026-11-11", "douyin", 2, 3, 1, 2, 300, 550, -250),
        ("2026-11-12", "douyin", 1, 0, 1, 0, 300, 0, 300),
    ]


# ---------------------------------------------------------------------- revenue


@pytest.mark.parametrize(
    ("row", "paid"),
    [
        ({"status": "created", "paid_at": None}, False),
        ({"status": "cancelled", "paid_at": None}, False),
        ({"status": "partially_paid", "paid_at": None, "deposit_paid_at": T}, False),
        ({"status": "paid"}, True),
        ({"status": "completed", "paid_at": None}, True),
        ({"status": "refund_closed"}, True),
        ({"status": "refund_closed", "paid_at": None}, False),
        ({"status": "cancelled"}, True),
    ],
)
def test_an_order_is_paid_by_its_status_or_its_payment(row, paid):
    found = one(planted({"orders": [order("1", 700, **row)]}), "orders")
    assert found["is_paid"] is paid
    assert found["gross_fen"] == found["net_fen"] == found["net_expected_fen"] == 700 * paid
    assert (found["booked_at"] is not None) is paid


@pytest.mark.parametrize(
    ("row", "back", "told"),
    [
        ({"paid_at": None}, {}, (True, 700, "booked_at_creation")),
        ({"status": "refund_closed", "paid_at": None}, {}, (False, 0, None)),
        ({"status": "refund_closed", "paid_at": None}, {"status": "rejected"}, (False, 0, None)),
        ({"status": "refund_closed", "paid_at": None}, {"amount_fen": 700},
         (True, 0, "booked_at_creation")),
        # Only the deposit was paid, and it went back.
        ({"status": "refund_closed", "paid_at": None, "deposit_paid_at": T}, {"amount_fen": 50},
         (False, 0, None)),
    ],
)  # fmt: skip
def test_a_closed_order_counts_only_if_it_was_paid_and_a_guessed_day_is_said(row, back, told):
    refunds = [refund("r", 100, order_id="1") | back] if back else []
    world = planted({"orders": [order("1", 700, **row)], "refunds": refunds})
    found = one(world, "orders")
    assert (found["is_paid"], found["net_fen"], found["revenue_note"]) == told
    assert (found["booked_at"] == T) is told[0]


def test_a_presale_is_attributed_at_deposit_and_booked_at_final_payment():
    day1, day9 = T, T + 8 * DAY
    world = planted(
        {
            "orders": [
                order("1", 900, created_at=day1 - 5, deposit_paid_at=day1, paid_at=day9),
                order(
                    "2",
                    900,
                    created_at=day1 - 5,
                    deposit_paid_at=day1,
                    paid_at=None,
                    status="partially_paid",
                    deposit_fen=100,
                ),
                order("3", 900, created_at=day1 - 5, paid_at=None, status="created"),
            ]
        }
    )
    found = orders_of(world)
    told = {
        key[1]: (r["attributed_at"], r["booked_at"], r["gross_fen"]) for key, r in found.items()
    }
    assert told == {"1": (day1, day9, 900), "2": (day1, None, 0), "3": (day1 - 5, None, 0)}


@pytest.mark.parametrize(
    ("paid", "lines", "gross", "residual"),
    [
        (1000, [], 1000, None),
        (1000, [(900, "normal")], 1000, 100 - 30),
        (1000, [(970, "normal"), (0, "gift")], 1000, 0),
        (1000, [(970, "normal"), (500, "gift")], 970, -500),  # the gift's list price
        (1000, [(600, "normal"), (400, "sample")], 600, 0),
        (990, [(990, "sample")], 0, 0),
        (0, [(0, "zero_yuan")], 0, 0),
        (1000, [(1200, "normal")], 1000, -230),
        (1000, [(1000, "normal")], 1000, 0),  # the line's amount holds the freight
    ],
)
def test_gross_is_what_was_paid_for_lines_that_earn(paid, lines, gross, residual):
    world = planted(
        {
            "orders": [order("1", paid, freight_fen=30)],
            "order_lines": [
                line("1", str(i), fen, line_kind=kind) for i, (fen, kind) in enumerate(lines)
            ],
        }
    )
    found = one(world, "orders")
    assert (found["gross_fen"], found["residual_fen"]) == (gross, residual)


def test_who_bears_a_discount_stays_apart_and_lines_tell_the_platforms():
    world = planted(
        {
            "orders": [
                order("1", 700, discount_shop_fen=100, discount_streamer_fen=50),
                order("2", 700, discount_platform_fen=5),
            ],
            "order_lines": [
                line("1", "1", 300, discount_platform_fen=60),
                line("1", "2", 400, discount_platform_fen=90),
                line("2", "3", 700, discount_platform_fen=60),
            ],
        }
    )
    found = {key[1]: row for key, row in orders_of(world).items()}
    first = found["1"]
    assert first["discount_platform_fen"] == 150
    assert first["discount_shop_fen"] == 100
    assert first["discount_streamer_fen"] == 50
    assert first["gross_fen"] == 700
    assert found["2"]["discount_platform_fen"] == 5


def test_what_the_merchant_was_paid_out_is_summed_over_lines():
    world = planted(
        {
            "orders": [order("1"), order("2", merchant_net_fen=3), order("3")],
            "order_lines": [line("1", "11"), line("1", "12")],
            "order_sources": [
                {"order_id": "11", "merchant_net_fen": 400},
                {"order_id": "1", "line_id": "12", "merchant_net_fen": 500},
                {"order_id": "2", "merchant_net_fen": 500},
            ],
        }
    )
    found = {key[1]: row["merchant_net_fen"] for key, row in orders_of(world).items()}
    assert found == {"1": 900, "2": 3, "3": None}


def test_only_a_refund_that_succeeded_and_gives_money_back_reduces_revenue():
    kinds = (*TABLES["refunds"].column("kind").values, None)
    statuses = TABLES["refunds"].column("status").values
    cases = [(kind, status) for kind in kinds for status in statuses]
    world = planted(
        {
            "orders": [order(str(i)) for i, _ in enumerate(cases)],
            "refunds": [
                refund(str(i), 3000, order_id=str(i), kind=kind, status=status)
                for i, (kind, status) in enumerate(cases)
            ],
        }
    )
    for (_, number), row in orders_of(world).items():
        kind, status = cases[int(number)]
        back = status == "success" and kind not in ("exchange", "reship", "repair")
        assert row["net_fen"] == 10_000 - 3000 * back, (kind, status)
        assert row["gross_fen"] == 10_000


def test_partial_and_price_protect_refunds_add_up_and_one_above_paid_is_capped_and_noted():
    world = planted(
        {
            "orders": [order("1"), order("2"), order("3", status="refund_closed")],
            "refunds": [
                refund("a", 2500, order_id="1", kind="refund_only"),
                refund("b", 500, order_id="1", kind="price_protect"),
                refund("c", 10_001, order_id="2"),
            ],
        }
    )
    found = {
        key[1]: (r["net_fen"], r["refunded_fen"], r["revenue_note"])
        for key, r in orders_of(world).items()
    }
    assert found == {
        "1": (7000, 3000, None),
        "2": (0, 10_001, "refund_above_paid"),
        "3": (10_000, 0, "closed_without_refund"),
    }


def test_a_refund_finds_its_order_by_its_number_its_line_or_its_goods():
    world = planted(
        {
            "orders": [order("1"), order("2"), order("3"), order("4", _excluded="test order")],
            "order_lines": [
                line("1", "11", sku_id="k"),
                line("1", "12", sku_id="m"),
                line("2", "2"),  # the only child has the parent's number
                line("3", "same"),
                line("1", "same"),
            ],
            "refunds": [
                refund("order", 1, order_id="1"),
                refund("line", 1, line_id="12"),
                refund("child as order", 1, order_id="11"),
                refund("goods", 1, order_id="1", sku_id="m"),
                refund("parent", 1, line_id="2"),
                refund("no line file", 1, line_id="3"),
                refund("shared number", 1, line_id="same"),
                refund("waits", 1, order_id="99", line_id="12"),  # the line is another order's
                refund("waits, too", 1, order_id="98", line_id="2"),
                refund("unknown", 1, order_id="99", line_id="98"),
                refund("other platform", 1, order_id="1", platform="taobao"),
                refund("test", 1, order_id="4"),
            ],
        }
    )
    names = ("order_id", "line_id", "order_known", "order_excluded")
    found = {r["refund_id"]: tuple(r[n] for n in names) for r in listed(world, "refunds")}
    assert found == {
        "order": ("1", None, True, False),
        "line": ("1", "12", True, False),
        "child as order": ("1", None, True, False),
        "goods": ("1", "12", True, False),
        "parent": ("2", "2", True, False),
        "no line file": ("3", "3", True, False),
        "shared number": (None, "same", False, False),
        "unknown": ("99", "98", False, False),
        "waits": ("99", "12", False, False),
        "waits, too": ("98", "2", False, False),
        "other platform": ("1", None, False, False),
        "test": ("4", None, True, True),
    }
    assert {key[1]: row["refunded_fen"] for key, row in orders_of(world).items()} == {
        "1": 4,
        "2": 1,
        "3": 1,
    }


WORLD = st.lists(
    st.tuples(
        AMOUNTS,  # paid
        st.lists(st.tuples(AMOUNTS, st.sampled_from(["normal", "gift", None])), max_size=3),
        st.lists(
            st.tuples(
                AMOUNTS,
                st.sampled_from(["success", "requested", "rejected"]),
                st.sampled_from(["refund_only", "exchange", "price_protect"]),
                st.integers(0, 9),
            ),
            max_size=3,
        ),
        st.sampled_from(["paid", "created", "completed"]),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=25, deadline=None)
@given(WORLD, st.one_of(st.none(), st.integers(0, 9)))
def test_gross_and_net_agree_with_a_naive_twin(made, days):
    as_of = None if days is None else T + days * DAY
    orders, lines, refunds, naive = [], [], [], {}
    for i, (paid, own_lines, own_refunds, status) in enumerate(made):
        number = f"o{i}"
        orders.append(order(number, paid, status=status, paid_at=None))
        earning = given_away = 0
        for j, (fen, kind) in enumerate(own_lines):
            lines.append(line(number, f"{number}-{j}", fen, line_kind=kind))
            earning += fen if kind != "gift" else 0
            given_away += fen if kind == "gift" else 0
        back = 0
        for j, (fen, state, kind, day) in enumerate(own_refunds):
            refunds.append(
                refund(
                    f"{number}-{j}",
                    fen,
                    order_id=number,
                    status=state,
                    kind=kind,
                    applied_at=T,
                    final_at=T + day * DAY,
                )
            )
            if state == "success" and kind != "exchange" and (days is None or day <= days):
                back += fen
        gross = 0
        if status != "created":
            gross = paid - min(given_away, max(paid - earning, 0))
        naive[number] = (gross, back, max(gross - back, 0))
    world = planted(
        {"orders": orders, "order_lines": lines, "refunds": refunds}, ViewOptions(as_of=as_of)
    )
    found = {
        key[1]: (row["gross_fen"], row["refunded_fen"], row["net_fen"])
        for key, row in orders_of(world).items()
    }
    assert found == naive
    for row in orders_of(world).values():
        assert 0 <= row["net_expected_fen"] <= row["net_fen"]
    world.connection.close()


# ---------------------------------------------------------------------- people


def test_a_row_belongs_to_whoever_held_its_identifier_then():
    world = planted(
        {
            "orders": [
                order("1", _identifier="h", deposit_paid_at=T, paid_at=T + 5 * DAY),
                order("2", _identifier="h", paid_at=T + 2 * DAY),
                order("3", _identifier="g"),
                order("4"),
            ],
            "touchpoints": [
                {"event_id": "a", "at": T, "_identifier": "h"},
                {"event_id": "b", "at": T + DAY, "_identifier": "h"},
                {"event_id": "c", "at": T, "_identifier": "forgotten"},
                {"event_id": "d", "at": T},
            ],
            "identities": [
                {"id_hash": "h", "person_id": "first", "valid_to": T + DAY},
                {"id_hash": "h", "person_id": "second", "valid_from": T + DAY},
                {"id_hash": "g", "person_id": "third"},
            ],
        }
    )
    people = {key[1]: row["person_id"] for key, row in orders_of(world).items()}
    assert people == {"1": "first", "2": "second", "3": "third", "4": None}
    touched = {row["event_id"]: row["person_id"] for row in listed(world, "touchpoints")}
    assert touched == {"a": "first", "b": "second", "c": None, "d": None}


def test_the_erp_tells_who_bought_where_the_platform_does_not():
    world = planted(
        {
            "orders": [order("1"), order("2", _identifier="own", id_type="a", id_value="x")],
            "erp_orders": [
                erp("E1", "1", 1, _identifier="theirs", id_type="b", id_value="y"),
                erp("E2", "2", 1, _identifier="theirs", id_type="b", id_value="y"),
            ],
            "identities": [
                {"id_hash": "own", "person_id": "p1"},
                {"id_hash": "theirs", "person_id": "p2"},
            ],
        }
    )
    found = {
        key[1]: (row["person_id"], row["id_type"], row["id_value"])
        for key, row in orders_of(world).items()
    }
    assert found == {"1": ("p2", "b", "y"), "2": ("p1", "a", "x")}


# ---------------------------------------------------------------------- order_source


def test_an_orders_own_evidence_is_one_touchpoint_for_each_source_in_it():
    world = planted(
        {
            "orders": [
                order("1", _identifier="h", deposit_paid_at=T, paid_at=T + DAY),
                order("2", _excluded="test order"),
                order("3"),
                order("4"),
            ],
            "order_lines": [
                line("1", "13", room_id="r1", streamer_id="s1", product_id="p3"),
                line("1", "12", room_id="r1", streamer_id="s1", product_id="p2"),
                line("1", "11", 0, room_id="r1", streamer_id="s1", line_kind="gift"),
                line("1", "14", video_id="v1", _alias_type="author_id", _alias_value="x"),
                line("1", "15"),
                line("2", "21", room_id="r1"),
                line("3", "31", content_form="search"),
                line("3", "32", content_form="search"),
                line("4", "41", sales_mode="alliance"),
                line("9", "91", room_id="r1"),
            ],
            "identities": [{"id_hash": "h", "person_id": "p1"}],
        }
    )
    names = ("event_id", "at", "person_id", "content_form", "session_id", "content_id",
             "streamer_id", "traffic", "product_id", "order_id")  # fmt: skip
    rows = listed(world, "touchpoints")
    assert sorted(tuple(row[n] for n in names) for row in rows) == [
        ("order_source:douyin:1:12", T, "p1", "live", "r1", "r1", "s1", None, "p2", "1"),
        ("order_source:douyin:1:14", T, "p1", "short_video", None, "v1", "unknown", None, None,
         "1"),
        ("order_source:douyin:3:31", T, None, "search", None, None, None, None, None, "3"),
        ("order_source:douyin:4:41", T, None, "unknown", None, None, None, "alliance", None, "4"),
    ]  # fmt: skip
    assert {(row["event"], row["quality"]) for row in rows} == {("order_source", "inferred")}
    assert {row["_source"] for row in rows} == {"order_lines"}


def test_observed_touchpoints_name_no_order_and_are_all_kept():
    rows = [{"event_id": str(i), "at": T + i} for i in range(3)]
    found = listed(planted({"touchpoints": rows}), "touchpoints")
    assert [row["order_id"] for row in found] == [None] * 3


# ---------------------------------------------------------------------- as_of


def test_what_is_later_than_as_of_is_left_out_and_counted():
    rows = {
        "orders": [
            order("before", paid_at=T - DAY, created_at=T - DAY),
            order("paid later", created_at=T - 1, paid_at=T + 1, completed_at=T + 2),
            order("deposit", created_at=T - 1, deposit_paid_at=T, paid_at=T + DAY),
            order("after", created_at=T + 1, paid_at=T + 1),
        ],
        "order_lines": [line("before", "1"), line("after", "2")],
        "erp_orders": [
            erp("E1", "after", 5, paid_at=T + 1),
            erp("E2", "erp after", 5, paid_at=T + 1),
        ],
        "refunds": [
            refund("in time", 100, order_id="before", applied_at=T - 5, final_at=T),
            refund("open then", 100, order_id="before", applied_at=T - 5, final_at=T + 1),
            refund("after", 100, order_id="before", applied_at=T + 1, final_at=T + 1),
        ],
        "touchpoints": [{"event_id": "a", "at": T}, {"event_id": "b", "at": T + 1}],
        "costs": [{"cost_id": "a", "at": T + 1}, {"cost_id": "b", "from": T}, {"cost_id": "c"}],
        "sessions": [{"session_id": "a", "start_at": T + 1}],
    }
    world = planted(rows, ViewOptions(as_of=T))
    found = orders_of(world)
    assert {key[1] for key in found} == {"before", "paid later", "deposit"}
    told = {key[1]: (r["status"], r["is_paid"], r["paid_at"]) for key, r in found.items()}
    assert told["before"] == ("paid", True, T - DAY)
    assert told["paid later"] == ("created", False, None)
    assert told["deposit"] == ("partially_paid", False, None)
    assert found["douyin", "before"]["net_fen"] == 9900
    assert {row["refund_id"] for row in listed(world, "refunds")} == {"in time", "open then"}
    assert [row["line_id"] for row in listed(world, "order_lines")] == ["1"]
    assert [row["event_id"] for row in listed(world, "touchpoints")] == ["a"]
    assert {row["cost_id"] for row in listed(world, "costs")} == {"b", "c"}
    later = {row["table_name"]: row["rows"] for row in listed(world, "later_rows")}
    assert later == LATER
    assert one(world, "as_of")["at"] == T


LATER = {
    "orders": 1, "erp_orders": 2, "refunds": 1, "touchpoints": 1, "costs": 1,
    "platform_claims": 0, "sessions": 1, "session_products": 0,
}  # fmt: skip


def test_an_order_of_the_erp_that_is_paid_after_as_of_is_not_paid():
    rows = {
        "erp_orders": [
            erp("E1", "1", 50, created_at=T - 1, paid_at=T + 1),
            erp("E2", "2", 60, created_at=T - 1, paid_at=T),
        ]
    }
    world = planted(rows, ViewOptions(as_of=T))
    names = ("status", "is_paid", "paid_at", "booked_at", "gross_fen")
    assert {key[1]: tuple(r[n] for n in names) for key, r in orders_of(world).items()} == {
        "1": ("created", False, None, None, 0),
        "2": ("paid", True, T, T, 60),
    }
    assert one(world, "order_reconciliation")["erp_orders"] == 1


def test_what_is_settled_after_as_of_has_not_been_paid_out():
    rows = {
        "orders": [order("1", paid_at=T - DAY, created_at=T - DAY)],
        "order_sources": [
            {"order_id": "1", "line_id": "a", "merchant_net_fen": 4, "settled_at": T},
            {"order_id": "1", "line_id": "b", "merchant_net_fen": 5, "settled_at": T + 1},
        ],
    }
    found = one(planted(rows, ViewOptions(as_of=T)), "orders")
    assert found["merchant_net_fen"] == 4


def test_as_of_is_by_default_the_latest_instant_in_the_data():
    world = planted(
        {
            "orders": [order("1", completed_at=T + 7)],
            "touchpoints": [{"event_id": "a", "at": T + 5}],
            "sessions": [{"session_id": "planned", "start_at": T + DAY}],
        }
    )
    assert one(world, "as_of")["at"] == T + 7
    assert one(planted({}), "as_of")["at"] is None


ABSURD = ms("2096-02-01 00:00:00")


def test_a_few_absurd_dates_are_listed_and_make_no_order_old():
    """Without them and with them, an order is expected to keep the same."""
    old = [order(f"old{i}", 1000, created_at=T - 9 * DAY, paid_at=T - 9 * DAY) for i in range(20)]
    back = [
        refund(f"r{i}", 500, order_id=f"old{i}", applied_at=T - 8 * DAY, final_at=T - 7 * DAY)
        for i in range(20)
    ]
    absurd = [
        order("typo", 1000, created_at=ABSURD, paid_at=ABSURD + DAY),
        order("typo in part", 1000, paid_at=T, completed_at=ABSURD + 2 * DAY),
    ]
    told = []
    for more in ([], absurd):
        world = planted({"orders": [*old, order("new", 1000), *more], "refunds": back})
        assert one(world, "as_of")["at"] == T
        told.append(orders_of(world)["douyin", "new"]["net_expected_fen"])
        later = {r["table_name"]: (r["rows"], r["latest_at"]) for r in listed(world, "later_rows")}
        assert later["orders"] == ((1, ABSURD) if more else (0, None))
    assert told[0] == told[1] < 1000


@pytest.mark.parametrize(
    ("days", "now"),
    [
        ([0], 0),
        ([0, 30, 60], 60),
        ([0, 31], 0),  # as many rows: the earlier
        ([0, 0, 31], 0),
        ([0, 31, 31], 31),
        ([0, *[90] * 5, *[200] * 4], 90),  # few rows everywhere: the most
        ([0] * 50 + [90] * 5, 0),
        ([0] * 50 + [90] * 10, 90),
        ([0] * 50 + [90] * 20 + [91] * 1 + [400] * 2, 91),
        ([*range(0, 400, 31)], 0),
        ([0] * 20_000 + [90] * 19, 0),
    ],
)
def test_now_is_the_end_of_the_latest_days_that_have_some_weight(days, now):
    touches = [{"event_id": str(i), "at": T + day * DAY} for i, day in enumerate(days)]
    assert one(planted({"touchpoints": touches}), "as_of")["at"] == T + now * DAY
