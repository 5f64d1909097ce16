"""A small shop for tests: orders, lines, refunds, costs and sessions as rows of a store."""

from __future__ import annotations

from attribution.store.store import Store
from tests.store.batches import commit
from tests.store.planted import ms

NOON = ms("2026-11-10 12:00")
HOUR = 3_600_000


def shop(folder, **tables):
    """Return a store of these rows, each with a row number of its own."""
    numbered = {
        name: [row | {"_row": n} for n, row in enumerate(found, 1)]
        for name, found in tables.items()
        if found
    }
    commit(folder / "store", "b1", numbered)
    return Store(folder / "store", language="en")


def order(order_id, paid_fen, **more):
    return {
        "order_id": order_id,
        "platform": "douyin",
        "status": "paid",
        "created_at": NOON,
        "paid_at": NOON,
        "paid_fen": paid_fen,
    } | more


def line(order_id, line_id, paid_fen, room=None, **more):
    return {
        "order_id": order_id,
        "line_id": line_id,
        "platform": "douyin",
        "paid_fen": paid_fen,
        "qty": 1,
        "line_kind": "normal",
        "room_id": room,
    } | more


def refund(refund_id, order_id, amount_fen, line_id=None, kind="return_refund", **more):
    return {
        "refund_id": refund_id,
        "platform": "douyin",
        "order_id": order_id,
        "line_id": line_id,
        "kind": kind,
        "status": "success",
        "amount_fen": amount_fen,
        "applied_at": NOON + HOUR,
        "final_at": NOON + 2 * HOUR,
    } | more


def cost(cost_id, kind, amount_fen, scope=None, scope_id=None, **more):
    return {
        "cost_id": cost_id,
        "platform": "douyin",
        "kind": kind,
        "amount_fen": amount_fen,
        "at": NOON,
        "scope": scope,
        "scope_id": scope_id,
        "state": "confirmed",
    } | more


def session(session_id, streamer_id="s1", start="2026-11-10 11:00", end="2026-11-10 13:00", **more):
    return {
        "session_id": session_id,
        "platform": "douyin",
        "streamer_id": streamer_id,
        "start_at": ms(start),
        "end_at": ms(end),
        "title": session_id,
    } | more


__all__ = ["HOUR", "NOON", "cost", "line", "ms", "order", "refund", "session", "shop"]
