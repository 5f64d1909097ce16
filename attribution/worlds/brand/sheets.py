"""Sheets people keep by hand: costs, timetable, explanations, products, streamers."""

from __future__ import annotations

import json

from attribution.worlds.brand.formats import (
    clock,
    listing,
    yuan,
)
from attribution.worlds.brand.records import (
    MINUTE,
    Dice,
    Happened,
    Session,
)
from attribution.worlds.brand.spending import kept_costs
from attribution.worlds.brand.week import (
    PRODUCTS,
)

__all__ = [
    "COST_HEADER",
    "PRODUCT_HEADER",
    "SESSION_HEADER",
    "cost_rows",
    "explanation_rows",
    "product_rows",
    "session_row",
]

COST_HEADER = [
    "cost_id", "platform", "kind", "amount", "at", "from", "to", "scope", "scope_id", "state",
    "alloc", "source_doc",
]  # fmt: skip


def cost_rows(world: Happened) -> list[list[str]]:
    """Slot fees, crews, samples, coupons: what no platform exports."""
    return [
        [f"C{number:03d}", cost.platform, cost.kind, yuan(cost.fen), clock(cost.at),
         clock(cost.start), clock(cost.end), cost.scope, cost.name, cost.state, cost.alloc,
         cost.doc]
        for number, cost in enumerate(kept_costs(world), 1)
    ]  # fmt: skip


SESSION_HEADER = [
    "platform", "session_id", "account_ref", "streamer_id", "streamer_shares", "start_at",
    "end_at", "title", "mode", "updated_at",
]  # fmt: skip


def session_row(session: Session, updated: int) -> list[str]:
    """One session of the team's own timetable, as it stood then."""
    shares = {streamer: percent / 100 for streamer, percent in session.shares}
    return [
        session.platform, session.id, session.account, session.streamer,
        json.dumps(shares) if shares else "", clock(session.start), clock(session.end),
        session.title, session.mode, clock(updated),
    ]  # fmt: skip


def explanation_rows(world: Happened) -> list[list[str]]:
    """Which product was shown when: each session walks through three of them."""
    rows: list[list[str]] = []
    for session in world.sessions:
        dice = Dice("explain", session.id)
        step = (session.end - session.start) // 3
        for turn in range(3):
            product = PRODUCTS[(dice.below(14) + turn) % 14]
            begin = session.start + turn * step + dice.between(1, 5) * MINUTE
            rows.append(
                [session.platform, session.id, listing(session.platform, product.id), clock(begin),
                 clock(begin + dice.between(4, 15) * MINUTE),
                 yuan(product.list_fen * dice.between(72, 85) // 10_000 * 100)]
            )  # fmt: skip
    return rows


PRODUCT_HEADER = [
    "product_id", "merchant_sku", "category", "brand", "list_price", "price_band", "cost",
]  # fmt: skip


def product_rows() -> list[list[str]]:
    """Every size of every product, by the merchant's code."""
    rows: list[list[str]] = []
    for product in PRODUCTS:
        sizes = ("F",) if product.category == "accessories" else ("S", "M", "L", "XL")
        band = next(
            name for name, below in (("0-99", 10_000), ("100-399", 40_000), ("400+", 10_000_000))
            if product.list_fen < below
        )  # fmt: skip
        rows += [
            [f"{product.id}-{size}", f"{product.sku}-{size}", product.category, "山岚",
             yuan(product.list_fen), band, yuan(product.cost_fen)]
            for size in sizes
        ]  # fmt: skip
    return rows
