"""微信小店 and 腾讯广告 as their interfaces answer."""

from __future__ import annotations

from attribution.worlds.brand.formats import (
    WECHAT_APP,
    Record,
    clock,
    listing,
    masked,
    merchant_sku,
    open_id,
    sku_listing,
)
from attribution.worlds.brand.records import (
    DAY,
    Click,
    Dice,
    Happened,
    Line,
    Order,
    Refund,
    paid_orders,
    token,
)
from attribution.worlds.brand.spending import sharer_fee, tencent_ads, wechat_fee
from attribution.worlds.brand.week import (
    WEEK,
    account,
)

__all__ = [
    "TENCENT_HEADER",
    "tencent_click",
    "tencent_rows",
    "wechat_order",
    "wechat_refund",
    "wechat_sessions",
]

WECHAT_STATUS = {
    "created": 10, "paid": 20, "part_shipped": 21, "shipped": 30, "completed": 100,
    "cancelled": 250, "refund_closed": 200,
}  # fmt: skip
SCENES = {"live": 2, "short_video": 3, "private_chat": 4, "showcase": 5, "article": 6, "unknown": 1}


def wechat_order(order: Order) -> Record:
    """One order of /channels/ec/order/get."""
    live = order.form == "live"
    finder = account(order.streamer, "finder_id", "wechat")
    detail: Record = {
        "product_infos": [_wechat_product(line) for line in order.lines],
        "price_info": {
            "order_price": order.paid_fen,
            "freight": order.freight_fen,
            "merchant_discounted_price": sum(x.shop_coupon_fen for x in order.lines),
            "finder_discounted_price": sum(x.streamer_coupon_fen for x in order.lines),
        },
        "pay_info": {"pay_time": order.paid or 0},
        "ext_info": {
            "order_scene": SCENES[order.form],
            "live_id": order.session if live else "",
            "finder_id": finder,
        },
        "source_info": {"sale_channel": 0},
        "delivery_info": {
            "address_info": {
                "tel_number": masked(order.phone),
                "hash_code": token("addressee", "wechat", order.phone, length=16),
            }
        },
        "settle_info": {"predict_commission_fee": wechat_fee(order)},
    }
    if order.status == "completed":
        detail["settle_info"]["commission_fee"] = wechat_fee(order)
        detail["ext_info"]["confirm_receipt_time"] = order.completed
    if order.sharer:
        resolved = order.sharer != "unresolved"
        union = order.sharer if resolved else ""
        detail["sharer_info"] = {
            "sharer_unionid": union,
            "share_scene": 7,
            "handling_progress": int(resolved),
        }
        detail["sku_sharer_infos"] = [
            {"sku_id": sku_listing("wechat", line), "sharer_unionid": union, "from_wecom": resolved}
            for line in order.lines[:1]
        ]
        if resolved:
            detail["commission_infos"] = [
                {"sku_id": sku_listing("wechat", order.lines[0]), "type": 0, "status": 1,
                 "amount": sharer_fee(order), "finder_id": "", "openfinderid": ""}
            ]  # fmt: skip
    record: Record = {
        "appid": WECHAT_APP,
        "order_id": order.id,
        "openid": open_id("wx_openid", order.person),
        "unionid": open_id("wx_unionid", order.person),
        "is_present": order.giver is not None,
        "status": WECHAT_STATUS[order.status],
        "create_time": order.created,
        "update_time": order.updated,
        "order_detail": detail,
    }
    if order.giver is not None:
        record["present_giver_openid"] = open_id("wx_openid", order.giver)
    return record


def _wechat_product(line: Line) -> Record:
    return {
        "product_id": listing("wechat", line.product.id),
        "sku_id": sku_listing("wechat", line),
        "sku_code": merchant_sku(line),
        "sku_cnt": line.qty,
        "sale_price": line.price_fen,
        "real_price": line.paid_fen,
        "is_free_gift": line.kind == "gift",
    }


def wechat_refund(refund: Refund, sku: str) -> Record:
    """One after-sale order."""
    returns = refund.kind == "return_refund"
    done = "MERCHANT_RETURN_SUCCESS" if returns else "MERCHANT_REFUND_SUCCESS"
    status = {
        "success": done, "in_return": "USER_WAIT_RETURN", "requested": "MERCHANT_PROCESSING",
        "refunding": "PLATFORM_REFUNDING",
        "failed": "RETURN_CLOSED" if returns else "MERCHANT_FAIL",
    }  # fmt: skip
    return {
        "after_sale_order_id": refund.id,
        "order_id": refund.order,
        "product_info": {"product_id": listing("wechat", refund.product), "sku_id": sku,
                         "count": refund.qty},
        "type": "RETURN" if returns else "REFUND",
        "status": status[refund.status],
        "refund_info": {"amount": refund.amount_fen},
        "create_time": refund.applied,
        "update_time": refund.updated,
        "complete_time": refund.final or 0,
    }  # fmt: skip


def wechat_sessions(world: Happened) -> list[Record]:
    """The live dashboard of each session."""
    shows, rows = paid_orders(world), []
    for session in world.sessions:
        if session.platform != "wechat":
            continue
        orders = shows[session.id]
        audience = 300 * len(orders) + Dice("metrics", session.id).between(200, 900)
        rows.append(
            {
                "live_id": session.id,
                "finder_id": session.account,
                "title": session.title,
                "end_time": session.end,
                "live_dashboard_data": {"start_time": session.start},
                "live_ec_data_summary": {
                    "total_gmv": sum(o.paid_fen for o in orders),
                    "total_exp_uv": audience * 2,
                    "total_clk_uv": audience // 3,
                    "total_create_uv": len(orders) + len(orders) // 8,
                    "total_pay_uv": len(orders),
                    "cumulative_audience_count": audience,
                    "average_watch_seconds_per_audience": 180 + audience % 90,
                    "new_follow_count": audience // 80,
                    "new_comment_count": audience // 30,
                    "refund_amount": 0,
                },
            }
        )
    return rows


def tencent_click(click: Click) -> Record:
    """One call of the click monitor."""
    return {
        "gdt_vid": click.id,
        "click_time": click.at,
        "wechat_app_id": WECHAT_APP,
        "campaign_id": click.campaign,
        "adgroup_id": click.group,
        "ad_id": click.creative,
        "wechat_openid": open_id("wx_openid", click.person),
    }


TENCENT_HEADER = [
    "date", "campaign_id", "adgroup_id", "cost", "claim_type", "order_count", "order_amount",
]  # fmt: skip


def tencent_rows(world: Happened) -> list[list[str]]:
    """Spending and claims by day, campaign and kind of claim; amounts in fen."""
    return [
        [clock(WEEK + ad.day * DAY)[:10], ad.campaign, ad.campaign + "1", str(ad.spent_fen),
         ad.kind, str(ad.claimed_fen // 20_000), str(ad.claimed_fen)]
        for ad in tencent_ads(world)
    ]  # fmt: skip
