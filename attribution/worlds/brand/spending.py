"""What the week cost, as it happened: ads, contracts, crews, commissions, fees.

The exports write it down, each in its own way; `books.py` adds it up.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from attribution.worlds.brand.records import (
    DAY,
    HOUR,
    Dice,
    Happened,
    Line,
    Order,
    Session,
)
from attribution.worlds.brand.week import WEEK

__all__ = [
    "AdDay",
    "Kept",
    "RoomReport",
    "alliance_fees",
    "kept_costs",
    "kuaishou_ads",
    "kuaishou_fees",
    "qianchuan_ads",
    "room_report",
    "settled_fee",
    "sharer_fee",
    "tencent_ads",
    "wechat_fee",
]


class RoomReport(NamedTuple):
    """What the ad account reports of one room."""

    views: int
    spent_fen: int
    by_ads_fen: int


class AdDay(NamedTuple):
    """A campaign's day: what it cost, what it claims, and what else its report counts."""

    day: int
    campaign: str
    spent_fen: int
    claimed_fen: int = 0
    counts: tuple[int, int, int] = (0, 0, 0)
    kind: str = ""


class Kept(NamedTuple):
    """A cost that people write down by hand; one of a period has no instant."""

    platform: str
    kind: str
    fen: int
    at: int | None
    scope: str
    name: str
    doc: str
    alloc: str = "by_revenue"
    state: str = "confirmed"
    start: int | None = None
    end: int | None = None


def room_report(session: Session, sold: list[Order]) -> RoomReport:
    """Views, spending and what the ads claim of a Douyin room's sales."""
    dice = Dice("metrics", session.id)
    total = sum(o.paid_fen for o in sold)
    views = 400 * len(sold) + dice.between(300, 2_000)
    spent = total * dice.between(9, 19) // 100 if session.streamer != "s99" else 0
    return RoomReport(views, spent, total * dice.between(45, 70) // 100)


def qianchuan_ads() -> list[AdDay]:
    """Spending on Douyin outside the rooms: short video and search."""
    found = []
    for day in range(7):
        for campaign in ("1810046", "1810052"):
            dice = Dice("qianchuan-cost", day, campaign)
            spent = dice.between(9_000, 70_000) + 13
            counts = (
                dice.between(8_000, 40_000), dice.between(200, 900), dice.between(2, 9),
            )  # fmt: skip
            found.append(AdDay(day, campaign, spent, counts=counts))
    return found


def _sold_by_day(world: Happened, platforms: tuple[str, ...]) -> dict[int, int]:
    sold: dict[int, int] = defaultdict(int)
    for order in world.orders:
        if order.platform in platforms and order.paid is not None:
            sold[(order.created - WEEK) // DAY] += order.paid_fen
    return sold


def kuaishou_ads(world: Happened) -> list[AdDay]:
    """Two campaigns on Kuaishou; each claims more than half of what was sold."""
    sold = _sold_by_day(world, ("kuaishou",))
    found = []
    for day in range(7):
        for campaign, share in (("8801", 64), ("8802", 48)):
            dice = Dice("magnetic", day, campaign)
            last = sold[day] * share // 100
            found.append(AdDay(day, campaign, last * dice.between(14, 22) // 100, last))
    return found


def tencent_ads(world: Happened) -> list[AdDay]:
    """Two campaigns on Tencent, each with claims by click (0), which cost, and by exposure (2)."""
    sold = _sold_by_day(world, ("wechat", "own_mall"))
    found = []
    for day in range(7):
        for campaign, share in (("3301", 22), ("3302", 14)):
            for kind, percent in (("0", 100), ("2", 60)):
                dice = Dice("tencent", day, campaign, kind)
                claimed = sold[day] * share * percent // 10_000
                cost = claimed * dice.between(15, 24) // 100 if kind == "0" else 0
                found.append(AdDay(day, campaign, cost, claimed, kind=kind))
    return found


def kept_costs(world: Happened) -> list[Kept]:
    """Slot fees, crews, samples, coupons, the studio's rent."""
    found: list[Kept] = []
    for session in world.sessions:
        of_session = (session.start, "session", session.id)
        if session.streamer == "s01":
            found.append(
                Kept("douyin", "slot_fee", 800_000, *of_session,
                     "HT-2026-088 坑位费 8,000，保底 ROI 1:2，共 4 场")
            )  # fmt: skip
        if session.streamer == "s02":
            found.append(
                Kept("kuaishou", "slot_fee", 300_000, *of_session,
                     "HT-2026-093 坑位费 3,000，无保底")
            )  # fmt: skip
        if session.mode == "self":
            hours = (session.end - session.start) // HOUR
            found.append(
                Kept(session.platform, "crew", hours * 12_000, *of_session, "排班表", "by_minutes")
            )
    for platform, kind, fen, at, doc in (
        ("douyin", "sample", 186_000, WEEK + 10 * HOUR, "寄样登记"),
        ("kuaishou", "sample", 42_000, WEEK + 10 * HOUR, "寄样登记"),
        ("own_mall", "coupon", 96_500, WEEK + 2 * DAY, "双11券核销"),
        ("taobao", "red_packet", 58_000, WEEK + 2 * DAY, "红包雨"),
    ):
        found.append(Kept(platform, kind, fen, at, "channel", platform, doc))
    found.append(
        Kept("", "other", 350_000, None, "period", "", "直播间场租", state="estimated",
             start=WEEK, end=WEEK + 7 * DAY)
    )  # fmt: skip
    return found


def alliance_fees(order: Order, line: Line) -> tuple[int, int, int]:
    """Rate in 1/10,000, commission and the agency's part of a Douyin line sold for somebody."""
    rate = {"s01": 2000, "s08": 1500}.get(order.streamer, 1000)
    commission = line.paid_fen * rate // 10_000
    return rate, commission, commission // 10 if order.streamer in ("s01", "s08") else 0


def settled_fee(line: Line) -> int:
    """The platform's part of a Douyin line, when it is settled."""
    return line.paid_fen * 2 // 100


def kuaishou_fees(line: Line) -> tuple[int, int, int]:
    """Rate per mille, commission and service fee of a Kuaishou line sold for somebody."""
    rate = 180
    return rate, line.paid_fen * rate // 1_000, line.paid_fen * 5 // 100


def wechat_fee(order: Order) -> int:
    """The platform's part of a WeChat order."""
    return order.paid_fen * 3 // 100


def sharer_fee(order: Order) -> int:
    """What the sharer of a WeChat order gets, of its first line."""
    return order.lines[0].paid_fen * 8 // 100
