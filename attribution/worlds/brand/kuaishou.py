"""快手小店 and 磁力 as their interfaces answer."""

from __future__ import annotations

from attribution.worlds.brand.formats import (
    Record,
    clock,
    floating,
    listing,
    merchant_sku,
    open_id,
    sealed,
    sku_listing,
)
from attribution.worlds.brand.records import (
    DAY,
    Click,
    Happened,
    Order,
    Refund,
    digits,
    token,
)
from attribution.worlds.brand.spending import kuaishou_ads, kuaishou_fees
from attribution.worlds.brand.week import (
    WEEK,
    account,
)

__all__ = [
    "kuaishou_click",
    "kuaishou_commission",
    "kuaishou_order",
    "kuaishou_refund",
    "kuaishou_report",
]

KUAISHOU_STATUS = {
    "created": 10, "paid": 30, "shipped": 40, "received": 50, "completed": 70, "cancelled": 80,
    "refund_closed": 80,
}  # fmt: skip
CARRIERS = {"live": 2, "short_video": 1, "live_replay": 7, "shop": 3, "search": 10008, "feed": 478,
            "unknown": 0}  # fmt: skip


def kuaishou_order(order: Order) -> Record:
    """One order of open.order.detail; an order has one item."""
    line = order.lines[0]
    base: Record = {
        "oid": int(order.id),
        "buyerOpenId": open_id("ks_open_id", order.person),
        "status": KUAISHOU_STATUS[order.status],
        "createTime": order.created * 1_000,
        "payTime": (order.paid or 0) * 1_000,
        "refundTime": order.updated * 1_000 if order.status == "refund_closed" else 0,
        "updateTime": order.updated * 1_000,
        "totalFee": order.paid_fen,
        "expressFee": order.freight_fen,
        "cpsType": 2 if order.mode == "alliance" else 1,
        "carrierType": CARRIERS[order.form],
        "carrierId": order.session or order.video or "0",
        "shopNewBuyer": int(digits("new", order.id, length=1)) % 2 == 1,
    }
    if order.streamer:
        base["orderSellerRoleInfo"] = {
            "roleType": 2,
            "roleId": int(account(order.streamer, "ks_role_id", "kuaishou")),
        }
    return {
        "orderBaseInfo": base,
        "orderItemInfo": {
            "itemId": int(listing("kuaishou", line.product.id)),
            "skuId": int(sku_listing("kuaishou", line)),
            "skuNick": merchant_sku(line),
            "num": line.qty,
            "price": line.price_fen,
        },
        "orderAddress": {"encryptedMobile": sealed("kuaishou", order.phone, order.id)},
    }


KUAISHOU_REFUND = {"requested": 10, "in_return": 40, "refunding": 50, "success": 60, "failed": 70}


def kuaishou_refund(refund: Refund) -> Record:
    """One refund of open.refund.order.list."""
    return {
        "refundId": int(refund.id),
        "oid": int(refund.order),
        "handlingWay": {"return_refund": 1, "exchange": 3}.get(refund.kind, 10),
        "specialRefundType": int(refund.kind == "price_protect"),
        "status": KUAISHOU_REFUND[refund.status],
        "refundFee": refund.amount_fen,
        "submitTime": refund.applied * 1_000,
        "endTime": (refund.final or 0) * 1_000,
        "updateTime": refund.updated * 1_000,
    }


def kuaishou_commission(order: Order) -> Record:
    """One order of the distribution list; rates are per mille."""
    line = order.lines[0]
    rate, income, service = kuaishou_fees(line)
    return {
        "oid": int(order.id),
        "distributorId": int(account(order.streamer, "ks_role_id", "kuaishou")),
        "cpsOrderStatus": {"refund_closed": 80, "completed": 50}.get(order.status, 30),
        "orderCreateTime": order.created * 1_000,
        "payTime": (order.paid or 0) * 1_000,
        "updateTime": order.updated * 1_000,
        "settlementAmount": 0,
        "cpsOrderProductView": [
            {
                "itemId": int(listing("kuaishou", line.product.id)),
                "commissionRate": rate,
                "estimatedIncome": income,
                "serviceAmount": service,
            }
        ],
    }


def kuaishou_click(click: Click) -> Record:
    """One call of the click monitor."""
    return {
        "callback": click.id,
        "accountid": "66201873",
        "did": click.campaign,
        "aid": click.group,
        "cid": click.creative,
        "oaid2": token("oaid", click.person, length=32),
        "ts": str(click.at_ms),
    }


def kuaishou_report(world: Happened) -> list[Record]:
    """Spending and claims by day and campaign; T0, T1, T3 ... are cumulative, yuan."""
    rows = []
    for ad in kuaishou_ads(world):
        row: Record = {
            "report_date": clock(WEEK + ad.day * DAY)[:10],
            "campaign_id": int(ad.campaign),
            "charge": floating(ad.spent_fen),
        }
        for name, percent in (("t0", 62), ("t1", 74), ("t3", 88), ("t7", 100), ("t15", 109),
                              ("t30", 118)):  # fmt: skip
            row[f"{name}_gmv"] = floating(ad.claimed_fen * percent // 100)
        rows.append(row)
    return rows
