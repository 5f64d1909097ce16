"""How far stored data can be trusted, against a plain count of what was planted."""

from __future__ import annotations

import random
from collections import Counter, defaultdict

import pandas as pd
import pytest

from attribution.errors import ConfigError
from attribution.store.quality import quality_of
from attribution.store.store import Store
from tests.store.batches import (
    DAY,
    NOVEMBER,
    commit,
    finding,
    hash_of,
    identifier,
    link,
    order,
    touchpoint,
)

HOUR = 3_600_000


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store", timezone="UTC", language="en")


def erp_order(erp_order_id, order_id, **more):
    return {
        "erp_order_id": erp_order_id,
        "order_id": order_id,
        "platform": "douyin",
        "created_at": NOVEMBER,
        "paid_at": NOVEMBER,
        "paid_fen": 100,
        "_row": 1,
    } | more


def listed(frame, *columns):
    return list(frame[list(columns)].itertuples(index=False, name=None))


def test_an_empty_store_has_every_frame_empty(store):
    quality = quality_of(store)
    for name, frame in vars(quality).items():
        assert len(frame) == 0, name
        assert len(frame.columns) >= 2, name


def test_coverage_counts_as_a_plain_loop_does(store):
    chance = random.Random(7)
    people = [f"p{i}" for i in range(12)]
    orders, touches = [], []
    for i in range(60):
        who = chance.choice([*people, None])
        at = NOVEMBER + chance.randrange(5 * 24) * HOUR
        platform = chance.choice(["douyin", "wechat"])
        status = chance.choice(["paid", "paid", "paid", "created"])
        orders.append(
            order(f"o{i}", 100, who, created_at=at, platform=platform, status=status, _row=i + 1)
        )
    for i in range(50):
        at = NOVEMBER + chance.randrange(-40, 5 * 24) * HOUR
        touches.append(touchpoint(f"t{i}", chance.choice(people), at=at, _row=i + 1))
    commit(
        store.folder,
        "b1",
        {
            "orders": orders,
            "touchpoints": touches,
            "identifiers": [identifier(who, id_type="open_id") for who in people],
        },
    )
    wanted = defaultdict(Counter)
    for each in orders:
        if each["status"] != "paid":
            continue
        seen = sum(
            touch["_identifier"] == each.get("_identifier")
            and each["created_at"] - 2 * DAY <= touch["at"] <= each["created_at"]
            for touch in touches
        )
        day = str(pd.Timestamp(each["created_at"], unit="ms").date())
        wanted[each["platform"], day].update(
            orders=1, with_person="_identifier" in each, touched=seen >= 1, touched_twice=seen >= 2
        )
    found = quality_of(store, "2D").coverage
    columns = ["orders", "with_person", "touched", "touched_twice"]
    assert {
        (platform, day): tuple(counts)
        for platform, day, *counts in listed(found, "platform", "day", *columns)
    } == {key: tuple(counts[column] for column in columns) for key, counts in wanted.items()}
    assert {*listed(found, "platform", "platform_name")} == {
        ("douyin", "Douyin"),
        ("wechat", "WeChat"),
    }
    assert 0 < found["touched_twice"].sum() < found["touched"].sum() < found["orders"].sum()


def test_what_an_order_says_of_its_source_covers_nothing(store):
    rows = {
        "orders": [order("o1", 100, "ann", created_at=NOVEMBER)],
        "identifiers": [identifier("ann")],
        "order_lines": [
            {
                "line_id": "l1",
                "order_id": "o1",
                "platform": "douyin",
                "paid_fen": 100,
                "room_id": "room",
                "content_form": "live",
                "_row": 1,
            }
        ],
    }
    commit(store.folder, "b1", rows)
    assert store.table("touchpoints")["event"].tolist() == ["order_source"]
    assert listed(quality_of(store).coverage, "with_person", "touched") == [(1, 0)]


def test_freshness_keeps_whole_instants_where_a_source_has_none(store):
    claim = {"claimer": "x", "claim_id": "c", "platform": "douyin", "_row": 1}
    commit(store.folder, "b1", {"orders": [order("o1"), order("o2", created_at=NOVEMBER + 1)]})
    commit(store.folder, "b2", {"platform_claims": [claim]}, source="ads", file="b.csv")
    found = quality_of(store).freshness
    assert str(found["last_at"].dtype) == "Int64"
    assert listed(found.dropna(), "source", "table", "rows", "first_at", "last_at") == [
        ("shop", "orders", 2, NOVEMBER, NOVEMBER + 1)
    ]
    assert found["last_at"].isna().sum() == 1


def test_lateness_is_from_the_event_to_its_reception(store):
    late = [0, 1_000, 2_000, 3_000, -5_000]
    touches = [
        touchpoint(f"t{i}", at=NOVEMBER, received_at=NOVEMBER + ms, _row=i + 1)
        for i, ms in enumerate(late)
    ]
    commit(store.folder, "b1", {"touchpoints": [*touches, touchpoint("unknown", _row=9)]})
    found = quality_of(store).lateness
    assert listed(found, "source", "rows", "median_ms", "late_ms", "before_it_happened") == [
        ("shop", 5, 1_000, 2_800, 1)
    ]


def test_doubles_are_rows_of_a_key_that_was_told_before(store):
    commit(store.folder, "b1", {"orders": [order("o1"), order("o2"), order("o1", _row=2)]})
    commit(
        store.folder,
        "b2",
        {"orders": [order("o1")], "streamers": [{"streamer_id": "s", "name": "x", "_row": 1}]},
        file="b.csv",
    )
    found = quality_of(store).duplicates
    assert listed(found, "table", "rows", "kept") == [("orders", 4, 2), ("streamers", 1, 1)]


def test_quarantine_counts_findings_and_the_rows_that_have_them(store):
    rejected = [finding(1), finding(2), finding(2, column="paid_fen"), finding(3, column=None)]
    commit(store.folder, "b1", {}, rejected)
    found = quality_of(store).quarantine.fillna("")
    assert listed(found, "source", "table", "column", "findings", "rows") == [
        ("shop", "orders", "status", 2, 2),
        ("shop", "orders", "paid_fen", 1, 1),
        ("shop", "orders", "", 1, 1),
    ]


def test_people_are_counted_without_the_identifiers_they_share(store):
    accounts = [f"buyer {i}" for i in range(5)]
    rows = {
        "identifiers": [
            *(identifier(each) for each in accounts),
            identifier("phone", id_type="phone"),
            identifier("member", id_type="member_id"),
        ],
        "links": [
            *(link(each, "phone", "medium", NOVEMBER + n * DAY) for n, each in enumerate(accounts)),
            link("buyer 0", "member"),
        ],
    }
    commit(store.folder, "b1", rows)
    quality = quality_of(store)
    assert listed(quality.people, "identifiers", "persons") == [(1, 4), (2, 1)]
    assert listed(quality.identifiers, "id_type", "status", "rows") == [
        ("doudian_open_id", "ok", 5),
        ("member_id", "ok", 1),
        ("phone", "hub", 1),
    ]
    assert listed(quality.review, "status", "identifiers") == [("hub", 1)]


def test_an_erp_row_that_is_left_out_takes_no_order_with_it(store):
    rows = {
        "orders": [
            order("kept"),
            order("alone", 70),
            order("test", 30, _excluded="test order"),
        ],
        "erp_orders": [
            erp_order("e1", "kept", _excluded="cancelled"),
            erp_order("e2", "gone", _excluded="cancelled", paid_fen=50),
            erp_order("e3", "kept", _excluded="re-ship", paid_fen=0),
        ],
    }
    commit(store.folder, "b1", rows)
    quality = quality_of(store)
    columns = ("why", "known_from", "rows", "order_counts", "paid_fen")
    assert listed(quality.excluded, *columns) == [
        ("cancelled", "erp", 2, 1, 150),
        ("re-ship", "erp", 1, 1, 0),
        ("test order", "platform", 1, 0, 30),
    ]
    columns = ("platform_orders", "erp_orders", "only_platform", "only_platform_left_out")
    assert listed(quality.reconciliation, *columns, "difference_fen") == [(2, 0, 2, 1, 170)]


def test_reconciliation_sets_paid_orders_side_by_side_by_day(store):
    rows = {
        "orders": [
            order("a", 100, created_at=NOVEMBER, paid_at=NOVEMBER),
            order("b", 250, created_at=NOVEMBER + DAY, paid_at=NOVEMBER + DAY),
            order("unpaid", 999, status="created"),
        ],
        "erp_orders": [
            erp_order("1", "a", paid_fen=90),
            erp_order("2", "c", paid_fen=40, created_at=NOVEMBER + DAY, paid_at=NOVEMBER + DAY),
        ],
    }
    commit(store.folder, "b1", rows)
    found = quality_of(store).reconciliation
    columns = [
        "platform_orders", "erp_orders", "only_platform", "only_erp", "platform_paid_fen",
        "erp_paid_fen", "difference_fen",
    ]  # fmt: skip
    days = [str(pd.Timestamp(NOVEMBER + n * DAY, unit="ms").date()) for n in range(2)]
    assert listed(found, "day", *columns) == [
        (days[0], 1, 1, 0, 0, 100, 90, 10),
        (days[1], 1, 1, 1, 1, 250, 40, 210),
    ]


def test_an_unmapped_streamer_is_listed(store):
    rows = {"touchpoints": [touchpoint("t", _alias_type="author_id", _alias_value="=9")]}
    commit(store.folder, "b1", rows)
    found = quality_of(store).aliases
    assert listed(found, "platform", "id_type", "value", "rows") == [
        ("douyin", "author_id", "=9", 1)
    ]


def test_a_lookback_that_is_none_is_refused(store):
    with pytest.raises(ConfigError, match="lookback"):
        quality_of(store, "many days")


def test_no_hash_of_a_person_is_in_a_frame(store):
    rows = {"orders": [order("o", 1, "ann")], "identifiers": [identifier("ann")]}
    commit(store.folder, "b1", rows)
    text = "".join(frame.to_csv() for frame in vars(quality_of(store)).values())
    assert hash_of("ann") not in text
    assert "raw-ann" not in text
