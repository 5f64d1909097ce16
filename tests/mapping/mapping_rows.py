"""The rows that each document of `raw/` must become, written by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any


def ms(text: str, more: int = 0) -> int:
    """Return epoch ms of a Beijing time."""
    return round(dt.datetime.fromisoformat(f"{text}+08:00").timestamp() * 1000) + more


NINTH, PAID_11, LIVE = (
    ms("2026-11-09 20:00:00"),
    ms("2026-11-11 00:10:00"),
    ms("2026-11-11 20:00:00"),
)
LIVE_1, LIVE_5 = ms("2026-11-11 20:01:00"), ms("2026-11-11 20:05:00")
NEXT, LATER, SETTLED = (
    ms("2026-11-12 09:00:00"),
    ms("2026-11-15 10:00:00"),
    ms("2026-11-20 12:00:00"),
)


def cost(kind: str, amount: int, scope: str, scope_id: str | None, **more: Any) -> dict[str, Any]:
    named = {"alloc": "direct", "scope": scope, "scope_id": scope_id}
    return {"kind": kind, "amount_fen": amount} | {k: v for k, v in named.items() if v} | more


def rows_of(platform: str | None, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    return [({"platform": platform} if platform else {}) | row for row in rows]


def who(kind: str, value: str, space: str = "") -> dict[str, str]:
    return {"id_type": kind, "id_value": value, "_identifier": f"{kind}|{space}|{value}"}


P1, P2 = "6920000000000000101", "6920000000000000102"
JACKET = {"product_id": "3600000000000000001", "sku_id": "1700000000000000001",
          "merchant_sku": "SL-JKT-M", "qty": 1, "list_price_fen": 30900}  # fmt: skip
ROOM = "7400000000000000001"
AUTHOR = {"_alias_type": "author_id", "_alias_value": "98765432109876543"}
NO_DISCOUNT = {"freight_fen": 0, "discount_shop_fen": 0, "discount_platform_fen": 0,
               "discount_streamer_fen": 0}  # fmt: skip
BUYIN = {"_alias_type": "buyin_id", "_alias_value": "7012345678901234567"}
TRADE = {"shop_id": "山岚旗舰店", "addressee_key": "1abcOAID", "created_at": LIVE,
         "paid_at": LIVE_1, "completed_at": LATER, "updated_at": LATER, "paid_fen": 19800,
         "freight_fen": 0} | who("tb_open_uid", "AAG-1")  # fmt: skip
TEE = {"product_id": "690000000001", "sku_id": "5000000000001", "merchant_sku": "SL-TEE-L"}
SOCK = {"product_id": "690000000002", "sku_id": "5000000000002", "merchant_sku": "SL-SCK-F"}
T1, T2 = "3900000000000000001", "3900000000000000002"
ZONE = {"_alias_type": "tb_adzone", "_alias_value": "111222333"}
KS = {"_alias_type": "ks_role_id", "_alias_value": "3300000001"}
PLAN = {"kind": "ads", "scope": "campaign", "state": "confirmed", "alloc": "by_revenue"}
WX = {"_alias_type": "finder_id", "_alias_value": "finder-1"}
JST = {"erp": "jushuitan"}
ERP = JST | {"platform": "douyin", "shop_id": "20011", "updated_at": NEXT}
WDT = {"erp": "wangdiantong", "platform": "taobao", "shop_id": "20013",
       "order_type": "1", "status": "110", "paid_at": LIVE_1, "updated_at": NEXT, "paid_fen": 49800,
       "erp_order_id": "JY001"}  # fmt: skip
MALL = {"created_at": LIVE, "updated_at": LIVE_5, "status": "paid"}

# What each document must become: rows of each table; then what is rejected, and what left out.
EXPECTED: dict[str, tuple[dict[str, list[dict[str, Any]]], list[Any], dict[str, int]]] = {
    "doudian_orders": (
        {
            "orders": rows_of(
                "douyin",
                # The platform's part of a discount is told apart from the streamer's.
                {"order_id": P1, "shop_id": "4463798", "status": "paid", "created_at": LIVE,
                 "paid_at": LIVE_1, "updated_at": LIVE_5, "paid_fen": 29900, "freight_fen": 0,
                 "discount_shop_fen": 500, "discount_platform_fen": 300,
                 "discount_streamer_fen": 200, "province": "浙江省"}
                | who("doudian_open_id", "dd-buyer-1"),
                # Only the deposit is paid.
                {"order_id": "6920000000000000201", "shop_id": "4463798",
                 "status": "partially_paid", "created_at": NINTH, "deposit_paid_at": NINTH,
                 "updated_at": NINTH,
                 "paid_fen": 5000, "deposit_fen": 5000} | NO_DISCOUNT
                | who("doudian_open_id", "dd-buyer-2"),
                {"order_id": "6920000000000000301", "shop_id": "4463798", "status": "paid",
                 "created_at": NINTH, "deposit_paid_at": NINTH, "paid_at": PAID_11,
                 "updated_at": PAID_11, "paid_fen": 25000, "deposit_fen": 5000,
                 "_excluded": "fake order"} | NO_DISCOUNT | {"freight_fen": 600}
                | who("doudian_open_id", "dd-buyer-3"),
            ),
            "order_lines": rows_of(
                "douyin",
                # One child has its parent's id.
                {"line_id": P1, "order_id": P1, "paid_fen": 29900, "line_kind": "normal",
                 "room_id": ROOM, "ad_env": "live", "sales_mode": "alliance",
                 "discount_platform_fen": 300, "updated_at": LIVE_5} | JACKET | AUTHOR,
                {"line_id": P2, "order_id": P1, "product_id": "3600000000000000002",
                 "sku_id": "1700000000000000002", "merchant_sku": "SL-SCK-F", "qty": 1,
                 "list_price_fen": 1900, "paid_fen": 0, "line_kind": "gift", "room_id": ROOM,
                 "ad_env": "live", "sales_mode": "alliance", "discount_platform_fen": 0,
                 "updated_at": LIVE_5} | AUTHOR,
                {"line_id": "6920000000000000201", "order_id": "6920000000000000201",
                 "paid_fen": 5000, "line_kind": "presale", "video_id": "7500000000000000001",
                 "ad_env": "short_video", "sales_mode": "self", "discount_platform_fen": 0,
                 "updated_at": NINTH} | JACKET,
                {"line_id": "6920000000000000301", "order_id": "6920000000000000301",
                 "paid_fen": 24400, "line_kind": "sample", "sales_mode": "unknown",
                 "discount_platform_fen": 0, "updated_at": PAID_11} | JACKET,
            ),
        },
        [(4, "orders", "status")],
        {},
    ),
    "doudian_refunds": (
        {
            "refunds": rows_of(
                "douyin",
                {"refund_id": "7100000000000000001", "line_id": P1, "order_id": P1, "qty": 1,
                 "kind": "refund_after_ship", "status": "success", "amount_fen": 29900,
                 "applied_at": LIVE_5, "final_at": LATER, "updated_at": LATER},
                # Taken back by the buyer: refund_status still says 1.
                {"refund_id": "7100000000000000002", "line_id": "6920000000000000201", "qty": 1,
                 "order_id": "6920000000000000201", "kind": "return_refund", "status": "failed",
                 "amount_fen": 5000, "applied_at": LIVE_5, "final_at": NEXT, "updated_at": NEXT},
                {"refund_id": "7100000000000000003", "line_id": "6920000000000000301", "qty": 1,
                 "order_id": "6920000000000000301", "kind": "price_protect", "status": "requested",
                 "amount_fen": 1000, "applied_at": LIVE_5, "updated_at": LIVE_5},
                {"refund_id": "7100000000000000004", "line_id": "6920000000000000301", "qty": 1,
                 "order_id": "6920000000000000301", "kind": "exchange", "status": "success",
                 "amount_fen": 0, "applied_at": LIVE_5, "final_at": LATER, "updated_at": LATER},
            )
        },
        [],
        {},
    ),
    "doudian_commission": (
        {
            "order_sources": rows_of(
                "douyin",
                {"told_by": "alliance",
                 "order_id": P1, "line_id": P1, "content_form": "live", "content_id": ROOM,
                 "sales_mode": "alliance", "updated_at": LIVE_5} | BUYIN,
                {"told_by": "alliance",
                 "order_id": P2, "line_id": P2, "content_form": "showcase",
                 "sales_mode": "alliance", "settled_at": SETTLED, "updated_at": SETTLED,
                 "_alias_type": "short_id", "_alias_value": "shanlan02"},
                {"told_by": "alliance",
                 "order_id": "6920000000000000103", "line_id": "6920000000000000103",
                 "content_form": "unknown", "sales_mode": "alliance", "updated_at": NEXT} | BUYIN,
            ),
            "costs": rows_of(
                "douyin",
                cost("commission", 10465, "line", P1, rate=0.35, state="estimated", at=LIVE_1,
                     updated_at=LIVE_5, **BUYIN),
                cost("commission", 1800, "line", P2, rate=0.2, state="settled", at=LIVE_1,
                     updated_at=SETTLED, _alias_type="short_id", _alias_value="shanlan02"),
                # Given back before it was settled: nothing was ever paid.
                cost("commission", 0, "line", "6920000000000000103", rate=0.2, at=LIVE_1,
                     state="refunded", updated_at=NEXT, **BUYIN),
                cost("agency_fee", 180, "line", P2, rate=0.02, state="settled", at=LIVE_1,
                     updated_at=SETTLED),
                cost("agency_fee", 0, "line", P1, rate=0.0, state="estimated", at=LIVE_1,
                     updated_at=LIVE_5),
                cost("agency_fee", 0, "line", "6920000000000000103", state="refunded", at=LIVE_1,
                     updated_at=NEXT),
            ),
        },
        [],
        {},
    ),
    "doudian_settlement": (
        {
            "order_sources": rows_of(
                "douyin",
                {"told_by": "settlement",
                 "order_id": P1, "line_id": P2, "merchant_net_fen": 7840, "settled_at": SETTLED,
                 "updated_at": SETTLED},
            ),
            "costs": rows_of(
                "douyin",
                *(
                    cost(kind, amount, "line", P2, at=SETTLED, updated_at=SETTLED, state="settled",
                         source_doc=bill)
                    for kind, amount, bill in [
                        ("platform_fee", 200, "B1"), ("platform_fee", -200, "B2"),
                        ("commission", 1800, "B1"), ("commission", -1800, "B2"),
                        ("agency_fee", 180, "B1"), ("channel_share", -5, "B2"),
                        ("other", 30, "B1"),
                        # A fee of 0 may have been another before.
                        ("agency_fee", 0, "B2"), ("channel_share", 0, "B1"), ("other", 0, "B1"),
                        ("other", 0, "B2"), ("other", 0, "B2"),
                    ]
                ),
            ),
        },
        [],
        {"refund after settlement": 1},
    ),
    "doudian_lines_export": (
        {
            "order_lines": rows_of(
                "douyin",
                {"line_id": P1, "order_id": P1, "product_id": "3600000000000000001",
                 "merchant_sku": "SL-JKT-M", "qty": 1, "list_price_fen": 30900, "paid_fen": 29900,
                 "discount_platform_fen": 300, "content_form": "live", "sales_mode": "alliance"}
                | AUTHOR,
            )
        },
        [],
        {},
    ),
    "douyin_live_events": (
        {
            # Twice the same push, and out of order: the store keeps one of each event_id.
            "touchpoints": rows_of(
                "douyin",
                *(
                    {"event_id": event, "at": at, "received_at": received, "event": kind,
                     "content_form": "live", "traffic": "unknown", "session_id": ROOM,
                     "quality": "observed"} | more | who("douyin_sec_openid", person)
                    for event, at, received, kind, person, more in [
                        ("m2", LIVE_1 + 123, LIVE_1 + 900, "comment", "sec-2", {}),
                        ("m1", LIVE + 123, LIVE_1 + 900, "comment", "sec-1", {}),
                        ("m3", LIVE_1, LIVE_1 + 1000, "gift", "sec-1", {"value_fen": 990}),
                        ("m1", LIVE + 123, LIVE_1 + 2000, "comment", "sec-1", {}),
                        ("m4", LIVE_1 + 2000, LIVE_1 + 3000, "fan_join", "sec-3", {}),
                    ]
                ),
            )
        },
        [],
        {},
    ),
    "qianchuan_sessions": (
        {
            "sessions": rows_of(
                "douyin",
                {"session_id": ROOM, "account_ref": "61500000001", "title": "双11 晚场",
                 "start_at": LIVE, "end_at": NEXT} | AUTHOR,
                {"session_id": "7400000000000000002", "account_ref": "61500000001", "title": "早场",
                 "start_at": NEXT} | AUTHOR,
            ),
            "session_metrics": rows_of(
                "douyin",
                {"session_id": ROOM, "views": 12000, "product_clicks": 2500, "cart_opens": 3000,
                 "orders_created": 120, "gmv_total_fen": 2990001, "gmv_ads_fen": 1500000,
                 "follows": 80, "comments": 900},
                {"session_id": "7400000000000000002", "views": 10, "product_clicks": 0,
                 "cart_opens": 0, "orders_created": 0, "gmv_total_fen": 0, "gmv_ads_fen": 0,
                 "follows": 0, "comments": 0},
            ),
            "costs": rows_of(
                "douyin",
                cost("ads", 123450, "session", ROOM, at=LIVE, state="confirmed", **AUTHOR),
                cost("ads", 0, "session", "7400000000000000002", at=NEXT, state="confirmed",
                     **AUTHOR),
            ),
        },
        [],
        {},
    ),
    "qianchuan_costs": (
        {
            "costs": rows_of(
                "douyin",
                PLAN | {"amount_fen": 9013, "scope_id": "18100467733190",
                        "source_doc": "18100467733190", "at": ms("2026-11-11 00:00:00")},
                PLAN | {"amount_fen": 0, "scope_id": "18100467733190",
                        "source_doc": "18100467733190", "at": ms("2026-11-12 00:00:00")},
            )
        },
        [],
        {},
    ),
    "qianchuan_claims": (
        {
            "platform_claims": rows_of(
                "douyin",
                *(
                    {"claimer": "qianchuan", "order_id": P1, "ad_id": "1760000000000001",
                     "kind": kind, "window_days": days, "amount_fen": 29900, "touch_at": LIVE,
                     "placement": place}
                    for kind, days, place in [
                        ("direct", 1, "LIVE"), ("indirect", 7, "VIDEO_TO_LIVE"),
                        ("indirect", 15, "VIDEO_TO_LIVE"),
                    ]
                ),
                # Not paid: nothing is claimed, and a claim made before is taken back.
                {"claimer": "qianchuan", "order_id": "6920000000000000201", "kind": "direct",
                 "ad_id": "1760000000000001", "window_days": 1, "amount_fen": 0, "touch_at": LIVE,
                 "placement": "LIVE"},
            )
        },
        [],
        {},
    ),
    "kuaishou_orders": (
        {
            "orders": rows_of(
                "kuaishou",
                {"order_id": "2100000000000000001", "status": "paid", "created_at": LIVE + 123,
                 "paid_at": LIVE_1 + 456, "updated_at": LIVE_5, "paid_fen": 15900, "freight_fen": 0,
                 "is_new_buyer_shop": True, "phone_index": "c2VhcmNoMQ=="}
                | who("ks_open_id", "ks-buyer-1"),
                {"order_id": "2100000000000000002", "status": "paid", "created_at": NINTH,
                 "deposit_paid_at": NINTH, "paid_at": PAID_11, "updated_at": PAID_11,
                 "paid_fen": 20000, "deposit_fen": 3000, "freight_fen": 500,
                 "is_new_buyer_shop": False, "phone_index": "c2VhcmNoMQ=="}
                | who("ks_open_id", "ks-buyer-2"),
                {"order_id": "2100000000000000003", "status": "cancelled", "created_at": LIVE,
                 "updated_at": LIVE, "paid_fen": 100, "freight_fen": 0, "is_new_buyer_shop": False}
                | who("ks_open_id", "ks-buyer-3"),
            ),
            "order_lines": rows_of(
                "kuaishou",
                {"line_id": "2100000000000000001", "order_id": "2100000000000000001",
                 "product_id": "21000000000001", "sku_id": "17000000000001",
                 "merchant_sku": "SL-TEE-L", "qty": 2, "list_price_fen": 8000, "paid_fen": 15900,
                 "content_form": "live", "content_id": "880000000001", "sales_mode": "alliance",
                 "line_kind": "normal", "updated_at": LIVE_5} | KS,
                # A search; the owner sells, who is no streamer.
                {"line_id": "2100000000000000002", "order_id": "2100000000000000002",
                 "product_id": "21000000000002", "sku_id": "17000000000002",
                 "merchant_sku": "SL-JKT-M", "qty": 1, "list_price_fen": 20000, "paid_fen": 20000,
                 "content_form": "search", "sales_mode": "self", "line_kind": "presale",
                 "updated_at": PAID_11},
                {"line_id": "2100000000000000003", "order_id": "2100000000000000003",
                 "product_id": "21000000000002", "sku_id": "17000000000002",
                 "merchant_sku": "SL-JKT-M", "qty": 1, "list_price_fen": 100, "paid_fen": 100,
                 "content_form": "private_chat", "sales_mode": "unknown", "line_kind": "normal",
                 "updated_at": LIVE},
            ),
        },
        [],
        {},
    ),
    "kuaishou_refunds": (
        {
            "refunds": rows_of(
                "kuaishou",
                {"refund_id": "5100000000000001", "order_id": "2100000000000000001",
                 "line_id": "2100000000000000001", "sku_id": "17000000000001",
                 "kind": "refund_only", "status": "success", "amount_fen": 500,
                 "applied_at": LIVE_5, "final_at": LATER, "updated_at": LATER},
                {"refund_id": "5100000000000002", "order_id": "2100000000000000002",
                 "line_id": "2100000000000000002", "sku_id": "17000000000002",
                 "kind": "price_protect", "status": "platform", "amount_fen": 700,
                 "applied_at": LIVE_5, "updated_at": LIVE_5},
            )
        },
        [],
        {},
    ),
    "kuaishou_commission": (
        {
            "order_sources": rows_of(
                "kuaishou",
                {"told_by": "kuaishou_cps",
                 "order_id": "2100000000000000001", "line_id": "2100000000000000001",
                 "sales_mode": "alliance", "updated_at": LIVE_5} | KS,
                {"told_by": "kuaishou_cps",
                 "order_id": "2100000000000000004", "line_id": "2100000000000000004",
                 "sales_mode": "alliance", "settled_at": SETTLED, "updated_at": SETTLED} | KS,
            ),
            "costs": rows_of(
                "kuaishou",
                cost("commission", 2862, "line", "2100000000000000001", rate=0.18, at=LIVE_1 + 456,
                     state="estimated", updated_at=LIVE_5, **KS),
                cost("commission", 1700, "line", "2100000000000000004", rate=0.18, at=LIVE_1 + 456,
                     state="settled", updated_at=SETTLED, **KS),
                cost("platform_fee", 795, "line", "2100000000000000001", rate=0.05,
                     at=LIVE_1 + 456, state="estimated", updated_at=LIVE_5),
                cost("platform_fee", 0, "line", "2100000000000000004", rate=0.0,
                     at=LIVE_1 + 456, state="settled", updated_at=SETTLED),
            ),
        },
        [],
        {},
    ),
    "kuaishou_ads": (
        {
            "touchpoints": rows_of(
                "kuaishou",
                {"at": LIVE + 123, "event": "click", "content_form": "ad", "traffic": "paid",
                 "quality": "observed", "click_ref": "cb-1", "app_id": "66201873",
                 "campaign_id": "8801", "ad_id": "88011", "creative_id": "880111"}
                | who("oaid_md5", "0f" * 16),
            )
        },
        [],
        {},
    ),
    "kuaishou_ads_costs_claims": (
        {
            "costs": rows_of(
                "kuaishou",
                PLAN | {"amount_fen": 32109, "scope_id": "8801", "source_doc": "880111",
                        "at": ms("2026-11-11 00:00:00")},
            ),
            # Cumulative: each window is a claim of its own.
            "platform_claims": rows_of(
                "kuaishou",
                *(
                    {"claimer": "kuaishou_ads", "kind": "other", "window_days": days,
                     "day": "2026-11-11", "amount_fen": amount, "campaign_id": "8801",
                     "ad_id": "88011", "placement": "880111"}
                    for days, amount in [(0, 100000), (1, 120050), (3, 130000), (7, 150000),
                                         (15, 0), (30, 0)]
                ),
            ),
        },
        [],
        {},
    ),
    "taobao_orders": (
        {
            "orders": rows_of(
                "taobao",
                {"order_id": T1, "status": "refund_closed"} | TRADE,
                # Its own status still says unpaid: the presale's tells.
                {"order_id": "3900000000000000010", "shop_id": "山岚旗舰店",
                 "status": "partially_paid", "created_at": NINTH, "updated_at": NINTH,
                 "paid_fen": 5000, "deposit_fen": 5000, "freight_fen": 0,
                 "addressee_key": "2abcOAID"} | who("tb_open_uid", "AAG-2"),
                {"order_id": "3900000000000000020", "shop_id": "山岚旗舰店", "status": "paid",
                 "created_at": NINTH, "paid_at": PAID_11, "updated_at": PAID_11,
                 "paid_fen": 30000, "deposit_fen": 5000, "freight_fen": 600,
                 "addressee_key": "2abcOAID", "_excluded": "test order"}
                | who("tb_open_uid", "AAG-2"),
            ),
            "order_lines": rows_of(
                "taobao",
                {"line_id": T1, "order_id": T1, "qty": 2, "list_price_fen": 9900, "paid_fen": 17820,
                 "line_kind": "normal", "updated_at": LATER} | TEE,
                {"line_id": T2, "order_id": T1, "qty": 1, "list_price_fen": 1980, "paid_fen": 1980,
                 "line_kind": "normal", "updated_at": LATER} | SOCK,
                {"line_id": "3900000000000000010", "order_id": "3900000000000000010", "qty": 1,
                 "list_price_fen": 30000, "paid_fen": 5000, "line_kind": "presale",
                 "updated_at": NINTH} | TEE,
                {"line_id": "3900000000000000020", "order_id": "3900000000000000020", "qty": 1,
                 "list_price_fen": 30000, "paid_fen": 29400, "line_kind": "presale",
                 "updated_at": PAID_11} | TEE,
            ),
        },
        [],
        {},
    ),
    "taobao_trades_export": (
        {
            # The trade stands in both its rows; the store keeps one.
            "orders": rows_of(
                "taobao",
                *[{k: v for k, v in ({"order_id": T1, "status": "completed"} | TRADE).items()
                   if k != "shop_id"}] * 2,
            ),
            "order_lines": rows_of(
                "taobao",
                {"line_id": T1, "order_id": T1, "qty": 2, "list_price_fen": 9900, "paid_fen": 17820,
                 "line_kind": "normal", "updated_at": LATER} | TEE,
                {"line_id": T2, "order_id": T1, "qty": 1, "list_price_fen": 1980, "paid_fen": 1980,
                 "line_kind": "normal", "updated_at": LATER} | SOCK,
            ),
        },
        # Excel has cut the digits off: refused.
        [(3, "orders", "order_id"), (3, "order_lines", "order_id")],
        {},
    ),
    "taobao_orders_export": (
        {
            "orders": rows_of(
                "taobao",
                {"order_id": T1, "shop_id": "70001", "status": "paid", "created_at": LIVE,
                 "paid_at": LIVE_1, "paid_fen": 19800, "freight_fen": 0},
            )
        },
        [],
        {},
    ),
    "taobao_lines_export": (
        {
            "order_lines": rows_of(
                "taobao",
                {"line_id": T2, "order_id": T1, "product_id": "690000000002",
                 "merchant_sku": "SL-SCK-F", "qty": 1, "list_price_fen": 1980, "paid_fen": 1980,
                 "line_kind": "normal"},
            )
        },
        [],
        {},
    ),
    "taobao_refunds": (
        {
            "refunds": rows_of(
                "taobao",
                {"refund_id": "8800000000000001", "order_id": T1, "line_id": T2, "qty": 1,
                 "kind": "return_refund", "status": "success", "amount_fen": 1980,
                 "applied_at": NEXT, "updated_at": LATER},
                {"refund_id": "8800000000000002", "order_id": T1, "line_id": T1,
                 "kind": "price_protect", "status": "requested", "amount_fen": 350,
                 "applied_at": NEXT, "updated_at": NEXT},
            )
        },
        [],
        {},
    ),
    "taobaoke": (
        {
            "platform_claims": rows_of(
                "taobao",
                *(
                    {"claimer": "taobaoke", "claim_id": line, "order_id": order, "line_id": line,
                     "kind": "click", "window_days": 15, "amount_fen": amount, "touch_at": NINTH,
                     "placement": "111222333", "updated_at": updated} | ZONE
                    for order, line, amount, updated in [
                        (T1, T2, 1980, LIVE_1),
                        ("3900000000000000030", "3900000000000000031", 10000, SETTLED),
                        # Withdrawn.
                        ("3900000000000000040", "3900000000000000041", 0, LIVE_1),
                    ]
                ),
            ),
            "order_sources": rows_of(
                "taobao",
                {"told_by": "taobaoke",
                 "order_id": T1, "line_id": T2, "sales_mode": "alliance", "updated_at": LIVE_1}
                | ZONE,
                {"told_by": "taobaoke",
                 "order_id": "3900000000000000030",
                 "line_id": "3900000000000000031", "sales_mode": "alliance",
                 "settled_at": SETTLED, "updated_at": SETTLED} | ZONE,
                {"told_by": "taobaoke",
                 "order_id": "3900000000000000040",
                 "line_id": "3900000000000000041", "sales_mode": "alliance",
                 "updated_at": LIVE_1} | ZONE,
            ),
            "costs": rows_of(
                "taobao",
                *(
                    cost("commission", amount, "line", line, rate=0.2, at=LIVE_1, state=state,
                         updated_at=updated, **ZONE)
                    for line, amount, state, updated in [
                        (T2, 396, "estimated", LIVE_1),
                        ("3900000000000000031", 1850, "settled", SETTLED),
                        ("3900000000000000041", 0, "refunded", LIVE_1),
                    ]
                ),
            ),
        },
        [],
        {},
    ),
    "wechat_orders": (
        {
            "orders": rows_of(
                "wechat",
                # A gift: the person is who paid.
                {"order_id": "3700000000000000001", "shop_id": "wxapp1", "status": "completed",
                 "recipient_not_payer": True, "created_at": LIVE, "paid_at": LIVE_1,
                 "completed_at": LATER, "updated_at": LATER, "paid_fen": 9900, "freight_fen": 500,
                 "discount_shop_fen": 300, "discount_streamer_fen": 200, "addressee_key": "addr-1",
                 "id_type": "wx_openid", "id_value": "o-recipient", "payer_ref": "o-giver",
                 "_identifier": "wx_openid|wxapp1|o-giver"},
                {"order_id": "3700000000000000002", "shop_id": "wxapp1", "status": "paid",
                 "created_at": LIVE, "paid_at": LIVE_1, "updated_at": LIVE_1, "paid_fen": 9900,
                 "freight_fen": 0, "discount_shop_fen": 0, "discount_streamer_fen": 0,
                 "addressee_key": "addr-2"} | who("wx_openid", "o-buyer", "wxapp1"),
            ),
            "order_lines": rows_of(
                "wechat",
                *(
                    {"sku_id": sku, "order_id": "3700000000000000001",
                     "product_id": product, "merchant_sku": code, "qty": 1, "list_price_fen": price,
                     "paid_fen": paid, "line_kind": kind, "content_form": "live",
                     "content_id": "live-1", "room_id": "live-1", "sales_mode": "alliance",
                     "updated_at": LATER} | WX
                    for sku, product, code, price, paid, kind in [
                        ("2000001", "1000001", "SL-TEE-L", 9900, 9400, "normal"),
                        ("2000002", "1000002", "SL-SCK-F", 1900, 0, "gift"),
                    ]
                ),
                {"sku_id": "2000001", "order_id": "3700000000000000002",
                 "product_id": "1000001", "merchant_sku": "SL-TEE-L", "qty": 1,
                 "list_price_fen": 9900, "paid_fen": 9900, "line_kind": "normal",
                 "content_form": "private_chat", "sales_mode": "self", "sharer_ref": "u-sharer",
                 "from_wecom": True, "updated_at": LIVE_1},
            ),
            "costs": rows_of(
                "wechat",
                cost("commission", 940, "order", "3700000000000000001", at=LIVE, state="estimated",
                     source_doc="2000001", updated_at=LATER, **WX),
                cost("agency_fee", 90, "order", "3700000000000000001", at=LIVE, state="settled",
                     source_doc="2000001", updated_at=LATER),
                cost("platform_fee", 290, "order", "3700000000000000001", at=LIVE, state="settled",
                     updated_at=LATER),
                cost("platform_fee", 297, "order", "3700000000000000002", at=LIVE,
                     state="estimated", updated_at=LIVE_1),
            ),
        },
        [],
        {},
    ),
    "wechat_refunds": (
        {
            "refunds": rows_of(
                "wechat",
                {"refund_id": "910000001", "order_id": "3700000000000000001", "sku_id": "2000001",
                 "kind": "return_refund", "status": "success", "qty": 1,
                 "amount_fen": 9400, "applied_at": NEXT, "updated_at": LATER},
            )
        },
        [],
        {},
    ),
    "wechat_sessions": (
        {
            "sessions": rows_of(
                "wechat",
                {"session_id": "live-1", "account_ref": "finder-1", "start_at": LIVE} | WX,
            ),
            "session_metrics": rows_of(
                "wechat",
                {"session_id": "live-1", "uv": 3000, "peak_online": 321, "avg_watch_s": 185.0,
                 "product_exposure": 2000, "product_clicks": 800, "orders_created": 110,
                 "paid_orders": 90, "gmv_total_fen": 990000, "refund_fen": 9400, "follows": 12,
                 "comments": 345},
            ),
        },
        [],
        {},
    ),
    "tencent_ads_clicks": (
        {
            "touchpoints": rows_of(
                "wechat",
                *(
                    {"at": at, "event": "click", "content_form": "ad", "traffic": "paid",
                     "quality": "observed", "click_ref": ref, "campaign_id": "3301",
                     "ad_id": "33011", "creative_id": "330111"} | more
                    for at, ref, more in [
                        (LIVE, "wx0vid1",
                         {"app_id": "wxapp1"} | who("wx_openid", "o-buyer", "wxapp1")),
                        (LIVE_1, "qz1", {}),
                    ]
                ),
            )
        },
        [],
        {},
    ),
    "tencent_ads_costs_claims": (
        {
            "costs": rows_of(
                "wechat",
                PLAN | {"amount_fen": 12345, "scope_id": "3301", "source_doc": "33011",
                        "at": ms("2026-11-11 00:00:00")},
                PLAN | {"amount_fen": 0, "scope_id": "3301", "source_doc": "33011",
                        "at": ms("2026-11-11 00:00:00")},
            ),
            "platform_claims": rows_of(
                "wechat",
                *(
                    {"claimer": "tencent_ads", "kind": kind, "day": "2026-11-11",
                     "amount_fen": amount, "campaign_id": "3301", "ad_id": "33011"}
                    for kind, amount in [("click", 90000), ("exposure", 30000)]
                ),
            ),
        },
        [],
        {},
    ),
    "jushuitan_orders": (
        {
            "erp_orders": rows_of(
                None,
                {"erp_order_id": "36008", "order_id": P1, "merged_ids": "6920000000000000301",
                 "order_type": "普通订单", "status": "Confirmed", "paid_fen": 29900,
                 "created_at": LIVE + 10_000, "paid_at": LIVE_1} | ERP
                | who("doudian_open_id", "dd-buyer-1"),
                {"erp_order_id": "36009", "order_id": P1, "order_type": "补发订单",
                 "status": "WaitConfirm", "paid_fen": 0, "created_at": NEXT, "paid_at": NEXT,
                 "_excluded": "re-ship"} | ERP,
                {"erp_order_id": "36010", "order_id": "2100000000000000001",
                 "order_type": "普通订单", "status": "Delete", "paid_fen": 15900,
                 "created_at": NEXT, "paid_at": NEXT,
                 "_excluded": "cancelled, or merged into another, in the ERP"}
                | ERP | {"platform": "kuaishou", "shop_id": "20012"},
            ),
            "erp_lines": rows_of(
                None,
                {"erp": "jushuitan", "erp_order_id": "36008",
                 "order_id": P1, "line_id": P1, "qty": 1,
                 "merchant_sku": "SL-JKT-M", "paid_fen": 29900, "unit_cost_fen": 12050,
                 "line_kind": "normal"},
                {"erp": "jushuitan", "erp_order_id": "36008",
                 "order_id": P1, "line_id": P2, "qty": 1,
                 "merchant_sku": "SL-SCK-F", "paid_fen": 0, "unit_cost_fen": 400,
                 "line_kind": "gift"},
            ),
        },
        [(4, "erp_orders", "currency")],
        {},
    ),
    "jushuitan_orders_export": (
        {
            "erp_orders": rows_of(
                None,
                *[{"erp_order_id": "36008", "order_id": P1, "order_type": "普通订单",
                   "status": "已发货", "paid_fen": 29900, "created_at": LIVE + 10_000,
                   "paid_at": LIVE_1} | ERP] * 2,
                {"erp_order_id": "36012", "order_id": P2, "order_type": "换货订单",
                 "status": "取消", "paid_fen": 0, "created_at": LIVE + 10_000, "paid_at": LIVE_1,
                 "_excluded": "exchange"} | ERP,
            ),
            "erp_lines": rows_of(
                None,
                {"erp": "jushuitan", "erp_order_id": "36008",
                 "line_id": P1, "qty": 1, "merchant_sku": "SL-JKT-M",
                 "paid_fen": 29900, "unit_cost_fen": 12050, "line_kind": "normal"},
                {"erp": "jushuitan", "erp_order_id": "36008",
                 "line_id": P2, "qty": 1, "merchant_sku": "SL-SCK-F",
                 "paid_fen": 0, "unit_cost_fen": 400, "line_kind": "gift"},
                {"erp": "jushuitan", "erp_order_id": "36012",
                 "qty": 1, "merchant_sku": "SL-SCK-F", "paid_fen": 0,
                 "unit_cost_fen": 400, "line_kind": "normal"},
            ),
        },
        [],
        {},
    ),
    "wangdiantong_orders": (
        {
            # One ERP order of two platform orders.
            "erp_orders": rows_of(
                None,
                {"order_id": T1} | WDT,
                {"order_id": "3900000000000000020"} | WDT,
                WDT | {"erp_order_id": "JY002", "order_id": "3700000000000000002",
                       "platform": "other", "shop_id": "20014", "status": "5", "paid_fen": 9900,
                       "_excluded": "cancelled in the ERP"},
            ),
            "erp_lines": rows_of(
                None,
                {"erp": "wangdiantong", "erp_order_id": "JY001",
                 "order_id": T1, "line_id": T1, "qty": 2,
                 "merchant_sku": "SL-TEE-L", "paid_fen": 17820, "unit_cost_fen": 3525,
                 "line_kind": "normal"},
                {"erp": "wangdiantong", "erp_order_id": "JY001",
                 "order_id": "3900000000000000020", "qty": 1,
                 "merchant_sku": "SL-CARD", "paid_fen": 0, "unit_cost_fen": 10,
                 "line_kind": "gift"},
            ),
        },
        [],
        {},
    ),
    "own_mall_events": (
        {
            "touchpoints": [
                {"platform": "douyin", "event_id": "e1", "at": LIVE + 123, "event": "enter",
                 "content_form": "live", "traffic": "unknown", "quality": "observed",
                 "session_id": ROOM, "streamer_id": "s01", "campaign_id": "d11",
                 "click_ref": "ck-1", "utm_source": "douyin", "utm_medium": "live",
                 "utm_campaign": "d11", "utm_content": ROOM, "utm_term": "s01",
                 "product_id": "P1"} | who("anon_id", "anon-1"),
                # A keyword is no streamer, and an unknown source no platform of ours.
                {"platform": "own_mall", "event_id": "e3", "at": LIVE_5, "event": "add_cart",
                 "content_form": "search", "traffic": "unknown", "quality": "observed",
                 "utm_source": "baidu", "utm_medium": "search", "utm_term": "冲锋衣",
                 "product_id": "P1"} | who("member_id", "M1"),
                {"platform": "own_mall", "event_id": "e5", "at": LIVE_5 + 2, "event": "enter",
                 "content_form": "own_mall", "traffic": "unknown", "quality": "observed"}
                | who("anon_id", "anon-2"),
            ]
        },
        [],
        # Each row is left to one of the two blocks, but for the two that make no touchpoint.
        {"tells who somebody is, touches nobody": 1, "orders come from the order file": 1},
    ),
    "own_mall_orders": (
        {
            "orders": rows_of(
                "own_mall",
                {"order_id": "W1", "paid_at": LIVE_1, "paid_fen": 19990, "freight_fen": 1000,
                 "discount_shop_fen": 550, "province": "浙江省"} | MALL | who("member_id", "M1"),
                MALL | {"order_id": "W2", "status": "completed", "paid_at": LIVE_1, "paid_fen": 900,
                        "freight_fen": 0, "province": "上海市", "_excluded": "test order"}
                | who("member_id", "M2"),
            )
        },
        [(3, "orders", "currency")],
        {},
    ),
    "own_mall_lines": (
        {
            "orders": rows_of(
                "own_mall",
                *[{"order_id": "W1", "paid_at": LIVE_1, "paid_fen": 19990} | MALL
                  | who("member_id", "M1")] * 2,
            ),
            "order_lines": rows_of(
                "own_mall",
                {"line_id": "W1-1", "order_id": "W1", "product_id": "P1",
                 "merchant_sku": "SL-TEE-L", "qty": 1, "list_price_fen": 19990, "paid_fen": 18990,
                 "line_kind": "normal", "updated_at": LIVE_5},
                {"line_id": "W1-2", "order_id": "W1", "product_id": "P2",
                 "merchant_sku": "SL-SCK-F", "qty": 1, "list_price_fen": 1990, "paid_fen": 0,
                 "line_kind": "gift", "updated_at": LIVE_5},
            ),
        },
        [],
        {},
    ),
    "own_mall_members": ({}, [], {}),
    "streamers": (
        {
            "streamers": [
                {"streamer_id": "s01", "name": "晚晴", "tier": "head", "agency_id": "a1"},
                {"streamer_id": "s02", "name": "阿岚", "tier": "staff"},
            ]
        },
        [],
        {},
    ),
    "streamer_aliases": (
        {
            "streamer_aliases": [
                {"streamer_id": "s01", "platform": "douyin", "id_type": "buyin_id",
                 "value": "7012345678901234567"},
                {"streamer_id": "s01", "platform": "douyin", "id_type": "author_id",
                 "value": "98765432109876543"},
                {"streamer_id": "s02", "platform": "kuaishou", "id_type": "ks_role_id",
                 "value": "3300000001"},
            ]
        },
        [],
        {},
    ),
    "products": (
        {
            "products": [
                {"product_id": "P1", "merchant_sku": "SL-TEE-L", "category": "tops",
                 "brand": "山岚", "list_price_fen": 19990, "price_band": "100-399",
                 "cost_fen": 3525}
            ]
        },
        [],
        {},
    ),
    "sessions": (
        {
            "sessions": rows_of(
                "kuaishou",
                {"session_id": "880000000001", "account_ref": "acc", "streamer_id": "s02",
                 "streamer_shares": '{"s01": 0.6, "s02": 0.4}', "start_at": LIVE, "end_at": NEXT,
                 "title": "跨夜场", "mode": "self", "updated_at": LATER},
            )
        },
        [],
        {},
    ),
    "session_products": (
        {
            "session_products": rows_of(
                "douyin",
                {"session_id": ROOM, "product_id": "P1", "explain_from": LIVE,
                 "explain_to": LIVE_1, "live_price_fen": 17900},
            )
        },
        [],
        {},
    ),
    "costs": (
        {
            "costs": [
                {"cost_id": "C1", "platform": "douyin", "kind": "slot_fee", "amount_fen": 8000000,
                 "at": ms("2026-11-11 00:00:00"), "scope": "session", "scope_id": ROOM,
                 "state": "confirmed", "alloc": "direct", "source_doc": "HT-1"},
                {"cost_id": "C2", "kind": "crew", "amount_fen": -12050,
                 "from": ms("2026-11-09 00:00:00"), "to": ms("2026-11-15 00:00:00"),
                 "scope": "period", "state": "estimated", "alloc": "by_minutes",
                 "source_doc": "排班表"},
            ]
        },
        [],
        {},
    ),
    "generic_costs": (
        {
            "costs": rows_of(
                "douyin",
                PLAN | {"cost_id": "C1", "amount_fen": 12345, "at": LIVE, "scope_id": "8801"},
            )
        },
        [],
        {},
    ),
    "generic_orders": (
        {
            "orders": rows_of(
                "jd",
                {"order_id": "1", "shop_id": "s", "paid_at": LIVE_1, "paid_fen": 19990,
                 "freight_fen": 150} | MALL | who("member_id", "M1"),
            )
        },
        [],
        {},
    ),
    "generic_order_lines": (
        {
            "order_lines": rows_of(
                "jd",
                {"line_id": "1", "order_id": "1", "product_id": "P1", "merchant_sku": "SL-TEE-L",
                 "category": "tops", "qty": 1, "paid_fen": 19990, "line_kind": "normal",
                 "room_id": "r1", "sales_mode": "self"},
            )
        },
        [],
        {},
    ),
    "generic_refunds": (
        {
            "refunds": rows_of(
                "jd",
                {"refund_id": "r1", "line_id": "1", "order_id": "1", "kind": "refund_only",
                 "status": "success", "amount_fen": 1999, "applied_at": NEXT, "final_at": LATER},
            )
        },
        [],
        {},
    ),
    "generic_touchpoints": (
        {
            "touchpoints": rows_of(
                "wechat",
                {"event_id": "e1", "at": LIVE, "event": "scan", "content_form": "offline",
                 "app_id": "wxapp1", "quality": "self_reported"}
                | who("wx_openid", "o-buyer", "wxapp1"),
            )
        },
        [],
        {},
    ),
    "xiaohongshu_orders": (
        {
            "orders": rows_of(
                "xiaohongshu",
                {"order_id": "P700000000000000001", "status": "shipped", "created_at": LIVE,
                 "paid_at": LIVE_1, "paid_fen": 9900, "freight_fen": 0, "discount_shop_fen": 100,
                 "discount_platform_fen": 200},
            )
        },
        [],
        {},
    ),
}  # fmt: skip
