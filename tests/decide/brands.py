"""Workspaces of a few people, rooms, orders and costs, for tests of money."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pandas as pd

from attribution.workspace import FILE, Workspace, read_workspace
from tests.brand import source
from tests.store.batches import commit, identifier, order, touchpoint

HOUR = 3_600_000
Rows = list[dict[str, Any]]


def ms(text: str) -> int:
    """Return an instant of Shanghai's clock as UTC epoch ms."""
    return int(pd.Timestamp(text, tz="Asia/Shanghai").timestamp() * 1000)


def touch(event_id: str, who: str, at: str, **more: Any) -> dict[str, Any]:
    return touchpoint(event_id, who, at=ms(at), **more)


def sale(order_id: str, paid_fen: int, who: str | None, at: str, **more: Any) -> dict[str, Any]:
    return order(order_id, paid_fen, who, created_at=ms(at), paid_at=ms(at), **more)


def line(order_id: str, paid_fen: int, **more: Any) -> dict[str, Any]:
    given = {"order_id": order_id, "line_id": f"{order_id}-1", "paid_fen": paid_fen}
    return given | {"platform": "douyin", "line_kind": "normal", "qty": 1} | more


def refund(order_id: str, amount_fen: int, at: str) -> dict[str, Any]:
    return {
        "refund_id": f"r-{order_id}", "order_id": order_id, "platform": "douyin",
        "kind": "refund_only", "status": "success", "amount_fen": amount_fen, "final_at": ms(at),
    }  # fmt: skip


def session(session_id: str, start: str, end: str, **more: Any) -> dict[str, Any]:
    given = {"session_id": session_id, "platform": "douyin", "start_at": ms(start)}
    return given | {"end_at": ms(end)} | more


def cost(cost_id: str, kind: str, amount_fen: int, scope: str = "period", **more: Any) -> dict:
    given = {"cost_id": cost_id, "kind": kind, "amount_fen": amount_fen, "scope": scope}
    return given | {"platform": "douyin", "at": ms("2026-11-10 12:00")} | more


def brand(folder: Path, tables: dict[str, Rows], more: str = "") -> Workspace:
    """Return a workspace of these canonical rows; all who bought or touched are known."""
    folder.mkdir(parents=True, exist_ok=True)
    head = '[brand]\nname = "Acme"\nlanguage = "en"\n' + source("shop", "generic_orders", "*.csv")
    (folder / FILE).write_text(head + more, encoding="utf-8")
    workspace = read_workspace(folder)
    people = {
        row["id_value"].removeprefix("raw-")
        for name in ("touchpoints", "orders")
        for row in tables.get(name, [])
        if "id_value" in row
    }
    rows = {name: each for name, each in tables.items() if each}
    if people:
        rows["identifiers"] = [identifier(who) for who in sorted(people)]
    numbered = {
        name: [row | {"_row": n} for n, row in enumerate(each, 1)] for name, each in rows.items()
    }
    commit(workspace.store, "b", numbered)
    return workspace


def busy(
    folder: Path, seed: int = 5, people: int = 40, more: str = "", back: float = 0.4
) -> Workspace:
    """Return a workspace with every kind of cost, by chance; `back` is the share refunded."""
    chance = random.Random(seed)
    rooms = {"r1": "ann", "r2": "bob", "r3": "ann"}
    whos = [f"p{n}" for n in range(people)]
    touches = []
    for n in range(6 * people):
        room = chance.choice([None, *rooms])
        form = "live" if room else chance.choice(["search", "short_video", "ad"])
        at = f"2026-11-{chance.randrange(1, 12):02d} {chance.randrange(24):02d}:{n % 60:02d}"
        touches.append(
            touch(
                f"t{n:04d}", chance.choice(whos), at, content_form=form, session_id=room,
                streamer_id=rooms.get(room) or ("ann" if form == "short_video" else None),
                campaign_id=chance.choice([None, "c1", "c2"]) if form != "search" else None,
            )
        )  # fmt: skip
    orders, lines, refunds, costs = [], [], [], []
    for n in range(2 * people):
        name, day = f"o{n:03d}", chance.randrange(8, 13)
        paid = chance.randrange(1, 40_000)
        at = f"2026-11-{day:02d} {chance.randrange(24):02d}:30"
        orders.append(sale(name, paid, chance.choice([*whos, None]), at))
        lines.append(line(name, paid, qty=chance.randrange(1, 4), unit_cost_fen=paid // 9))
        if chance.random() < back:
            refunds.append(refund(name, chance.randrange(1, paid + 1), f"2026-11-{day + 3:02d}"))
        costs.append(cost(f"f{n}", "platform_fee", paid // 50, "order", scope_id=name))
    costs += [
        cost("goes", "commission", 777, "order", scope_id="nowhere"),
        cost("slot", "slot_fee", 10_001, "session", scope_id="r1"),
        cost("crew", "crew", 999, "session", scope_id="r9"),
        cost("ann", "agency_fee", 5_003, "streamer", scope_id="ann"),
        cost("eve", "agency_fee", 71, "streamer", scope_id="eve"),
        cost("c1", "ads", 3_001, "campaign", scope_id="c1"),
        cost("c2", "ads", 4_001, "campaign", scope_id="c2", alloc="by_units"),
        cost("c3", "ads", 501, "campaign", scope_id="c3"),
        cost("hand", "other", 2_003, "channel", scope_id="抖音 · 直播"),
        cost("min", "crew", 6_007, "channel", scope_id="douyin", alloc="by_minutes"),
        cost("all", "sample", 8_009, platform=None),
        cost("dy", "sample", 97, alloc="by_units"),
        cost("back", "coupon", -301, platform=None),
        cost("kept", "other", 53, alloc="none"),
    ]
    tables = {
        "touchpoints": touches, "orders": orders, "order_lines": lines, "refunds": refunds,
        "costs": costs,
        "streamers": [{"streamer_id": s, "name": s.title()} for s in ("ann", "bob", "eve")],
        "sessions": [
            session("r1", "2026-11-09 20:00", "2026-11-09 23:00", streamer_id="ann"),
            session("r2", "2026-11-10 22:00", "2026-11-11 03:00", streamer_id="bob"),
            session("r3", "2026-11-11 20:00", "2026-11-11 21:00", streamer_id="ann"),
        ],
    }  # fmt: skip
    return brand(folder, tables, more)


def crowded(folder: Path, count: int) -> Workspace:
    """Return a workspace of as many streamers, each with a room, a buyer and two costs."""
    numbers = range(count)
    tables = {
        "streamers": [{"streamer_id": f"s{n}", "name": f"Streamer {n}"} for n in numbers],
        "sessions": [
            session(f"r{n}", "2026-11-10 11:00", "2026-11-10 13:00", streamer_id=f"s{n}")
            for n in numbers
        ],
        "touchpoints": [
            touch(f"t{n}", f"p{n}", "2026-11-10 11:30", session_id=f"r{n}", streamer_id=f"s{n}")
            for n in numbers
        ],
        "orders": [sale(f"o{n}", 100 + n, f"p{n}", "2026-11-10 12:00") for n in numbers],
        "costs": [
            cost(f"{kind}{n}", kind, 7 + n, scope, scope_id=f"{key}{n}")
            for n in numbers
            for kind, scope, key in (("slot_fee", "session", "r"), ("commission", "order", "o"))
        ],
    }
    tables["costs"].append(cost("all", "sample", 99_991, platform=None))
    return brand(folder, tables)
