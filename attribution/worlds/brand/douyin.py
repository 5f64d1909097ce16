"""抖店, 抖音 and 巨量千川 as their interfaces answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from attribution.worlds.brand.formats import (
    Record,
    clock,
    floating,
    listing,
    masked,
    merchant_sku,
    open_id,
    search_index,
    sku_listing,
)
from attribution.worlds.brand.records import (
    BEIJING,
    DAY,
    HOUR,
    MINUTE,
    Claim,
    Happened,
    Line,
    LiveEvent,
    Order,
    Refund,
    digits,
    paid_orders,
)
from attribution.worlds.brand.spending import alliance_fees, qianchuan_ads, room_report, settled_fee
from attribution.worlds.brand.week import (
    WEEK,
    account,
)

__all__ = [
    "alliance_order",
    "doudian_order",
    "doudian_refund",
    "live_pushes",
    "qianchuan_claim",
    "qianchuan_costs",
    "qianchuan_sessions",
    "settle_bill",
]

SHOP = 4463798

DOUDIAN_STATUS = {
    "created": 1, "partially_paid": 103, "paid": 2, "part_shipped": 101, "shipped": 3,
    "completed": 5, "cancelled": 4, "refund_closed": 22,
}  # fmt: skip
DOUDIAN_TRADE = {
    "normal": 0, "presale": 2, "gift": 0, "zero_yuan": 5, "sample": 12, "lucky_bag": 11,
    "group_buy": 1,
}  # fmt: skip


def doudian_order(order: Order) -> Record:
    """One order of order.searchList."""
    phases: list[Record] = []
    if order.deposit_at is not None:
        rest = order.paid_fen - order.deposit_fen
        phases = [
            {"current_phase": 1, "pay_success": 1, "phase_pay_amount": order.deposit_fen,
             "phase_pay_time": order.deposit_at},
            {"current_phase": 2, "pay_success": int(order.paid is not None),
             "phase_pay_amount": rest if order.paid else 0, "phase_pay_time": order.paid or 0},
        ]  # fmt: skip
    partly = order.deposit_at is not None and order.paid is None
    record: Record = {
        "order_id": order.id,
        "shop_id": SHOP,
        "doudian_open_id": open_id("doudian_open_id", order.person),
        "main_status": DOUDIAN_STATUS[order.status],
        "create_time": order.created,
        "pay_time": order.paid or 0,
        "finish_time": order.completed if order.status == "completed" else 0,
        "update_time": order.updated,
        "pay_amount": order.deposit_fen if partly else order.paid_fen,
        "post_amount": order.freight_fen,
        "shop_cost_amount": sum(x.shop_coupon_fen for x in order.lines),
        "author_cost_amount": sum(x.streamer_coupon_fen for x in order.lines),
        "search_index": search_index("douyin", order.phone),
        "mask_post_tel": masked(order.phone),
        "seller_words": order.memo,
        "sku_order_list": [_doudian_line(order, line) for line in order.lines],
    }
    return {**record, "order_phase_list": phases} if phases else record


def _doudian_line(order: Order, line: Line) -> Record:
    author = account(order.streamer, "author_id")
    return {
        "order_id": line.id,
        "parent_order_id": order.id,
        "product_id_str": listing("douyin", line.product.id),
        "sku_id": int(sku_listing("douyin", line)),
        "code": merchant_sku(line),
        "item_num": line.qty,
        "origin_amount": line.price_fen,
        "pay_amount": line.paid_fen,
        "only_platform_cost_amount": line.platform_coupon_fen,
        "given_product_type": "FREE" if line.kind == "gift" else "",
        "trade_type": DOUDIAN_TRADE[line.kind],
        "room_id_str": order.session,
        "video_id": order.video,
        "author_id": int(author) if author else 0,
        "c_biz": {"alliance": 2, "self": 8}.get(order.mode, 0),
        "ad_env_type": "live" if order.session else "video" if order.video else "",
    }


DOUDIAN_REFUND_KIND = {
    "return_refund": 0, "refund_after_ship": 1, "refund_before_ship": 2, "exchange": 3,
    "price_protect": 6, "reship": 7, "repair": 8,
}  # fmt: skip
DOUDIAN_REFUND_STATUS = {"requested": 1, "in_return": 1, "refunding": 2, "success": 3, "failed": 4}


def doudian_refund(refund: Refund) -> Record:
    """One item of afterSale.List."""
    info: Record = {
        "aftersale_id": refund.id,
        "related_id": int(refund.line),
        "aftersale_type": DOUDIAN_REFUND_KIND[refund.kind],
        "aftersale_status": {"success": 12, "failed": 28, "in_return": 7}.get(refund.status, 6),
        "refund_status": DOUDIAN_REFUND_STATUS[refund.status],
        "refund_amount": refund.amount_fen,
        "aftersale_num": refund.qty,
        "apply_time": refund.applied,
        "update_time": refund.updated,
        "aftersale_status_to_final_time": refund.final or 0,
    }
    return {"order_info": {"shop_order_id": int(refund.order)}, "aftersale_info": info}


def alliance_order(order: Order, line: Line) -> Record:
    """One line of buyin.queryShopAllianceOrder."""
    closed, done = order.status == "refund_closed", order.status == "completed"
    rate, commission, agency = alliance_fees(order, line)
    record: Record = {
        "order_id": line.id,
        "author_buyin_id": int(account(order.streamer, "buyin_id")),
        "author_short_id": account(order.streamer, "short_id"),
        "media_type": "live" if order.session else "video" if order.video else "others",
        "media_id": int(order.session or order.video or 0),
        "commission_rate": rate,
        "shop_estimated_commission": commission,
        "shop_real_commission": commission if done else 0,
        "flow_point": "REFUND" if closed else "CONFIRM" if done else "PAY_SUCC",
        "pay_success_time": clock(order.paid),
        "update_time": clock(order.updated),
        "settle_time": "",
    }
    if agency:
        record["colonel_order_info"] = {
            "institution_id": 71_093_326,
            "estimated_commission": agency,
            "real_commission": agency if done else 0,
        }
    return record


def settle_bill(order: Order, line: Line) -> Record:
    """One row of order.getSettleBillDetailV3; amounts in fen, what is paid out is negative."""
    fee = settled_fee(line)
    _, commission, agency = alliance_fees(order, line)
    if order.mode != "alliance":
        commission = agency = 0
    assert order.completed is not None  # noqa: S101
    return {
        "request_no": "SB" + digits("bill", line.id, length=12),
        "order_id": line.id,
        "shop_order_id": order.id,
        "settle_time": clock(order.completed + 2 * HOUR),
        "trade_type": 0,
        "pay_amount": line.paid_fen,
        "platform_service_fee": fee,
        "commission": commission,
        "colonel_service_fee": agency,
        "platform_coupon": line.platform_coupon_fen,
        "settle_amount": line.paid_fen + line.platform_coupon_fen - fee - commission - agency,
    }


def live_push(events: Sequence[LiveEvent]) -> Record:
    """One push of the live room: a header and events of one room and kind."""
    first = events[0]
    bodies = []
    for event in events:
        body: Record = {
            "msg_id": event.id,
            "sec_openid": open_id("sec_openid", event.person),
            "timestamp": event.at_ms,
        }
        if event.kind == "live_like":
            body["like_num"] = event.number
        elif event.kind == "live_gift":
            body |= {"gift_num": 1, "gift_value": event.number * 10}
        bodies.append(body)
    header = {
        "x-roomid": first.session,
        "x-msg-type": first.kind,
        "x-timestamp": str(max(b["timestamp"] for b in bodies) + 800),
    }
    return {"header": header, "body": bodies}


def live_pushes(events: Iterable[LiveEvent]) -> dict[str, list[Record]]:
    """Pushes by the day that received them; a push gathers what a minute brought."""
    batches: dict[tuple[int, str, str], list[LiveEvent]] = defaultdict(list)
    for event in events:
        batches[event.at // MINUTE, event.session, event.kind].append(event)
    files: dict[str, list[Record]] = defaultdict(list)
    for (minute, _, _), batch in sorted(batches.items()):
        day = datetime.fromtimestamp(minute * MINUTE, BEIJING).strftime("%Y%m%d")
        files[day].append(live_push(batch))
    return files


def qianchuan_sessions(world: Happened) -> list[Record]:
    """Rooms of the account with the report of each; amounts are floats in yuan."""
    shows, rows = paid_orders(world), []
    for session in world.sessions:
        if session.platform != "douyin":
            continue
        report = room_report(session, shows[session.id])
        views = report.views
        rows.append(
            {
                "room_id": int(session.id),
                "anchor_id": int(account(session.streamer, "author_id")),
                "aweme_id": int(session.account),
                "room_title": session.title,
                "start_time": clock(session.start),
                "end_time": clock(session.end),
                "stat_cost": floating(report.spent_fen),
                "live_pay_order_gmv_alias": floating(sum(o.paid_fen for o in shows[session.id])),
                "luban_live_pay_order_gmv": floating(report.by_ads_fen),
                "total_live_watch_cnt": views,
                "total_live_follow_cnt": views // 90,
                "total_live_comment": views // 25,
                "live_click_cart_count_alias": views // 4,
                "live_click_product_count_alias": views // 5,
            }
        )
    return rows


def qianchuan_costs() -> list[Record]:
    """Spending by campaign and day outside the rooms (short video and search ads)."""
    return [
        {
            "advertiser_id": 17_920_046_113_355_781,
            "campaign_id": int(ad.campaign + "7733190"),
            "stat_datetime": clock(WEEK + ad.day * DAY),
            "stat_cost": floating(ad.spent_fen),
            **dict(zip(("show_cnt", "click_cnt", "pay_order_count"), ad.counts, strict=True)),
        }
        for ad in qianchuan_ads()
    ]


def qianchuan_claim(claim: Claim) -> Record:
    """One row of long_transfer_order_get."""
    return {
        "order_id": int(claim.order),
        "ad_id": int(claim.ad),
        "pay_type": claim.kind.upper(),
        "optimization_time_scope": claim.days,
        "order_place_time": clock(claim.at),
        "order_amount": floating(claim.amount_fen),
        "order_flow_source": claim.placement,
    }
