"""The files that any world has: orders and refunds of five shops, touchpoints, members, sheets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from attribution.worlds.brand.douyin import doudian_order, doudian_refund, live_pushes
from attribution.worlds.brand.formats import (
    Document,
    Record,
    Records,
    Sheet,
    clock,
    envelope,
    sku_listing,
)
from attribution.worlds.brand.kuaishou import kuaishou_click, kuaishou_order, kuaishou_refund
from attribution.worlds.brand.mall import (
    MALL_HEADER,
    MALL_REFUND_HEADER,
    MEMBER_HEADER,
    mall_order_rows,
    mall_refund_row,
    member_row,
    page_records,
)
from attribution.worlds.brand.records import (
    DAY,
    Click,
    LiveEvent,
    Order,
    PageEvent,
    Person,
    Refund,
    Session,
    Streamer,
)
from attribution.worlds.brand.sheets import (
    PRODUCT_HEADER,
    SESSION_HEADER,
    product_rows,
    session_row,
)
from attribution.worlds.brand.taobao import (
    ITEM_HEADER,
    TRADE_HEADER,
    taobao_items,
    taobao_refund,
    taobao_trade,
)
from attribution.worlds.brand.wechat import tencent_click, wechat_order, wechat_refund

__all__ = [
    "DOUDIAN_OK",
    "by_platform",
    "member_sheet",
    "product_sheet",
    "session_sheet",
    "shop_documents",
    "streamer_sheet",
    "touch_documents",
]

DOUDIAN_OK = {"code": 10000, "msg": "success"}


def by_platform(orders: Iterable[Order]) -> dict[str, list[Order]]:
    """Orders by the platform they were placed on, in their order."""
    found: dict[str, list[Order]] = defaultdict(list)
    for order in orders:
        found[order.platform].append(order)
    return found


def shop_documents(
    orders: Iterable[Order], refunds: Iterable[Refund], people: Sequence[Person], since: int
) -> dict[str, Document]:
    """Orders and refunds as the five shops export them.

    Parameters
    ----------
    orders, refunds
        Of any platform, in any order.
    people
        Everybody, each at the place of his number.
    since
        The first day that orders were pulled by; what was created before is in its pull.
    """
    sold = by_platform(orders)
    back: dict[str, list[Refund]] = defaultdict(list)
    for refund in sorted(refunds, key=lambda r: (r.applied, r.id)):
        back[refund.platform].append(refund)
    made: dict[str, Document] = {}
    for day, records in _by_day(sold["douyin"], since).items():
        made[f"douyin/orders_{day}.json"] = envelope(
            "data.shop_order_list", records, **DOUDIAN_OK, page=0, total=len(records)
        )
    made["douyin/refunds.json"] = envelope(
        "data.items", [doudian_refund(r) for r in back["douyin"]], **DOUDIAN_OK
    )
    made["kuaishou/orders.json"] = envelope(
        "data.orderList", [kuaishou_order(o) for o in sold["kuaishou"]], result=1
    )
    made["kuaishou/refunds.json"] = envelope(
        "data.refundOrderInfoList", [kuaishou_refund(r) for r in back["kuaishou"]], result=1
    )
    made["taobao/trades.csv"] = Sheet(
        "excel-csv", TRADE_HEADER, [taobao_trade(o) for o in sold["taobao"]]
    )
    made["taobao/items.csv"] = Sheet(
        "excel-csv", ITEM_HEADER, [row for o in sold["taobao"] for row in taobao_items(o)]
    )
    made["taobao/refunds.json"] = envelope(
        "refunds_receive_get_response.refunds.refund", [taobao_refund(r) for r in back["taobao"]]
    )
    made["wechat/orders.json"] = envelope(
        "orders", [wechat_order(o) for o in sold["wechat"]], errcode=0, errmsg="ok"
    )
    skus = {x.id: sku_listing("wechat", x) for o in sold["wechat"] for x in o.lines}
    made["wechat/refunds.json"] = envelope(
        "after_sale_orders", [wechat_refund(r, skus[r.line]) for r in back["wechat"]],
        errcode=0, errmsg="ok",
    )  # fmt: skip
    made["mall/orders.csv"] = Sheet(
        "csv", MALL_HEADER,
        [row for o in sold["own_mall"] for row in mall_order_rows(o, people[o.person])],
    )  # fmt: skip
    made["mall/refunds.csv"] = Sheet(
        "csv", MALL_REFUND_HEADER, [mall_refund_row(r) for r in back["own_mall"]]
    )
    return made


def _by_day(orders: Iterable[Order], since: int) -> dict[str, list[Record]]:
    """Orders of the Douyin shop in daily pulls."""
    files: dict[str, list[Record]] = {}
    for order in sorted(orders, key=lambda o: (o.created, o.id)):
        day = max(0, (order.created - since) // DAY)
        name = clock(since + day * DAY)[:10].replace("-", "")
        files.setdefault(name, []).append(doudian_order(order))
    return files


def touch_documents(
    live: Iterable[LiveEvent],
    pages: Iterable[PageEvent],
    clicks: Sequence[Click],
    people: Sequence[Person],
) -> dict[str, Document]:
    """What people met, as it is pushed, logged and called back."""
    made: dict[str, Document] = {}
    for day, pushes in live_pushes(live).items():
        made[f"douyin/live_events/{day}T1559-5c0ffee1-1.jsonl"] = Records("", pushes, "")
    for network, record in (("kuaishou", kuaishou_click), ("tencent", tencent_click)):
        called = [record(c) for c in clicks if c.network == network]
        made[f"{network}/ad_clicks.jsonl"] = Records("", called, "")
    rows = [row for event in pages for row in page_records(event, people[event.person])]
    made["mall/events.jsonl"] = Records("", rows, "")
    return made


def member_sheet(members: Iterable[tuple[Person, int]]) -> Sheet:
    """Members, each with the instant of the last login."""
    return Sheet("csv", MEMBER_HEADER, [member_row(person, seen) for person, seen in members])


def session_sheet(sessions: Iterable[Session], updated: int) -> Sheet:
    """The team's own timetable, as it stood then."""
    return Sheet("csv", SESSION_HEADER, [session_row(session, updated) for session in sessions])


def product_sheet() -> Sheet:
    """Every size of every product."""
    return Sheet("csv", PRODUCT_HEADER, product_rows())


def streamer_sheet(streamers: Iterable[Streamer]) -> Sheet:
    """Who shows the goods."""
    rows = [[s.id, s.name, s.tier, s.agency] for s in streamers]
    return Sheet("csv", ["streamer_id", "name", "tier", "agency_id"], rows)
