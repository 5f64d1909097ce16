"""Every file of the week, by its path below `raw/`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from attribution.worlds.brand.douyin import (
    alliance_order,
    doudian_order,
    doudian_refund,
    live_pushes,
    qianchuan_claim,
    qianchuan_costs,
    qianchuan_sessions,
    settle_bill,
)
from attribution.worlds.brand.erp import JUSHUITAN_HEADER, jushuitan_rows, wangdian_trade
from attribution.worlds.brand.formats import (
    Document,
    Record,
    Records,
    Sheet,
    clock,
    envelope,
    sku_listing,
)
from attribution.worlds.brand.kuaishou import (
    kuaishou_click,
    kuaishou_commission,
    kuaishou_order,
    kuaishou_refund,
    kuaishou_report,
)
from attribution.worlds.brand.mall import (
    MALL_HEADER,
    MALL_REFUND_HEADER,
    MEMBER_HEADER,
    mall_order_rows,
    mall_refund_row,
    member_row,
    page_events,
)
from attribution.worlds.brand.records import (
    DAY,
    HOUR,
    Happened,
    Order,
    Refund,
)
from attribution.worlds.brand.sheets import (
    COST_HEADER,
    cost_rows,
    explanation_rows,
    product_rows,
    session_rows,
)
from attribution.worlds.brand.taobao import (
    ITEM_HEADER,
    TBK_HEADER,
    TRADE_HEADER,
    taobao_items,
    taobao_refund,
    taobao_trade,
    taobaoke_row,
)
from attribution.worlds.brand.wechat import (
    TENCENT_HEADER,
    tencent_click,
    tencent_rows,
    wechat_order,
    wechat_refund,
    wechat_sessions,
)
from attribution.worlds.brand.week import (
    STREAMERS,
    WEEK,
)

__all__ = ["documents"]


def _by_day(
    orders: Iterable[Order], record: Callable[[Order], Record], name: str
) -> dict[str, list[Record]]:
    """Split orders into daily pulls; what was created before the week is in the first."""
    files: dict[str, list[Record]] = {}
    for order in sorted(orders, key=lambda o: (o.created, o.id)):
        day = max(0, (order.created - WEEK) // DAY)
        files.setdefault(f"{name}_{clock(WEEK + day * DAY)[:10].replace('-', '')}", []).append(
            record(order)
        )
    return files


def documents(world: Happened) -> dict[str, Document]:
    """Every file of the week by its path below `raw/`."""
    orders: dict[str, list[Order]] = defaultdict(list)
    for order in world.orders:
        orders[order.platform].append(order)
    refunds: dict[str, list[Refund]] = defaultdict(list)
    for refund in sorted(world.refunds, key=lambda r: (r.applied, r.id)):
        refunds[refund.platform].append(refund)
    by_id = {(o.platform, o.id): o for o in world.orders}
    ok = {"code": 10000, "msg": "success"}
    made: dict[str, Document] = {}

    for name, records in _by_day(orders["douyin"], doudian_order, "douyin/orders").items():
        made[f"{name}.json"] = envelope(
            "data.shop_order_list", records, **ok, page=0, total=len(records)
        )
    allied = [o for o in orders["douyin"] if o.mode == "alliance" and o.paid is not None]
    done = [o for o in orders["douyin"] if o.status == "completed" and o.completed]
    made["douyin/refunds.json"] = envelope(
        "data.items", [doudian_refund(r) for r in refunds["douyin"]], **ok
    )
    made["douyin/commission.json"] = envelope(
        "data.orders", [alliance_order(o, x) for o in allied for x in o.lines if x.paid_fen], **ok
    )
    made["douyin/settlement.json"] = envelope(
        "data", [settle_bill(o, x) for o in done for x in o.lines if x.paid_fen], **ok
    )
    for day, pushes in live_pushes(world.live_events).items():
        made[f"douyin/live_events/{day}T1559-5c0ffee1-1.jsonl"] = Records("", pushes, "")

    fine = {"code": 0, "message": "OK"}
    made["qianchuan/sessions.json"] = envelope("data.list", qianchuan_sessions(world), **fine)
    made["qianchuan/costs.json"] = envelope("data.list", qianchuan_costs(), **fine)
    claims = [qianchuan_claim(c) for c in world.claims if c.claimer == "qianchuan"]
    made["qianchuan/claims.json"] = envelope("data.list", claims, **fine)

    made["kuaishou/orders.json"] = envelope(
        "data.orderList", [kuaishou_order(o) for o in orders["kuaishou"]], result=1
    )
    made["kuaishou/refunds.json"] = envelope(
        "data.refundOrderInfoList", [kuaishou_refund(r) for r in refunds["kuaishou"]], result=1
    )
    shared = [o for o in orders["kuaishou"] if o.mode == "alliance" and o.paid is not None]
    made["kuaishou/commission.json"] = envelope(
        "data.orderView", [kuaishou_commission(o) for o in shared], result=1
    )
    made["kuaishou/ad_clicks.jsonl"] = Records(
        "", [kuaishou_click(c) for c in world.clicks if c.network == "kuaishou"], ""
    )
    made["kuaishou/ad_report.json"] = envelope("data.details", kuaishou_report(world), code=0)

    made["taobao/trades.csv"] = Sheet(
        "excel-csv", TRADE_HEADER, [taobao_trade(o) for o in orders["taobao"]]
    )
    made["taobao/items.csv"] = Sheet(
        "excel-csv", ITEM_HEADER, [row for o in orders["taobao"] for row in taobao_items(o)]
    )
    made["taobao/refunds.json"] = envelope(
        "refunds_receive_get_response.refunds.refund",
        [taobao_refund(r) for r in refunds["taobao"]],
    )
    made["taobao/taobaoke.xlsx"] = Sheet(
        "xlsx", TBK_HEADER,
        [
            taobaoke_row(claim, by_id["taobao", claim.order])
            for claim in world.claims
            if claim.claimer == "taobaoke"
        ],
    )  # fmt: skip

    made["wechat/orders.json"] = envelope(
        "orders", [wechat_order(o) for o in orders["wechat"]], errcode=0, errmsg="ok"
    )
    skus = {x.id: sku_listing("wechat", x) for o in orders["wechat"] for x in o.lines}
    made["wechat/refunds.json"] = envelope(
        "after_sale_orders", [wechat_refund(r, skus[r.line]) for r in refunds["wechat"]],
        errcode=0, errmsg="ok",
    )  # fmt: skip
    made["wechat/sessions.json"] = envelope("sessions", wechat_sessions(world), errcode=0)
    made["tencent/ad_clicks.jsonl"] = Records(
        "", [tencent_click(c) for c in world.clicks if c.network == "tencent"], ""
    )
    made["tencent/ad_report.csv"] = Sheet("csv", TENCENT_HEADER, tencent_rows(world))

    booked = [e for e in world.erp if e.system == "jushuitan"]
    split = WEEK + 6 * DAY + 20 * HOUR
    for name, form, wanted in (
        ("erp/jushuitan_1109-1115.csv", "csv", [e for e in booked if e.paid < split]),
        ("erp/jushuitan_1115_evening.xlsx", "xlsx", [e for e in booked if e.paid >= split]),
    ):
        rows = [row for e in wanted for row in jushuitan_rows(e)]
        made[name] = Sheet("csv" if form == "csv" else "xlsx", JUSHUITAN_HEADER, rows)
    trades = [wangdian_trade(e) for e in world.erp if e.system == "wangdiantong"]
    made["erp/wangdiantong.json"] = envelope("trades", trades, code=0, message="ok")

    made["mall/events.jsonl"] = Records("", page_events(world), "")
    made["mall/orders.csv"] = Sheet(
        "csv", MALL_HEADER,
        [row for o in orders["own_mall"] for row in mall_order_rows(o, world.people[o.person])],
    )  # fmt: skip
    made["mall/refunds.csv"] = Sheet(
        "csv", MALL_REFUND_HEADER, [mall_refund_row(r) for r in refunds["own_mall"]]
    )
    made["mall/members.csv"] = Sheet(
        "csv", MEMBER_HEADER, [member_row(p) for p in world.people if p.member]
    )
    made["costs.csv"] = Sheet("csv", COST_HEADER, cost_rows(world))
    made["sessions.csv"] = Sheet(
        "csv",
        ["platform", "session_id", "account_ref", "streamer_id", "streamer_shares", "start_at",
         "end_at", "title", "mode", "updated_at"],
        session_rows(world),
    )  # fmt: skip
    made["session_products.csv"] = Sheet(
        "csv",
        ["platform", "session_id", "product_id", "explain_from", "explain_to", "live_price"],
        explanation_rows(world),
    )
    made["products.csv"] = Sheet(
        "csv",
        ["product_id", "merchant_sku", "category", "brand", "list_price", "price_band", "cost"],
        product_rows(),
    )
    made["streamers.csv"] = Sheet(
        "csv", ["streamer_id", "name", "tier", "agency_id"],
        [[s.id, s.name, s.tier, s.agency] for s in STREAMERS],
    )  # fmt: skip
    made["streamer_aliases.csv"] = Sheet(
        "csv", ["streamer_id", "platform", "id_type", "value"],
        [[s.id, *alias] for s in STREAMERS for alias in s.aliases],
    )  # fmt: skip
    return made
