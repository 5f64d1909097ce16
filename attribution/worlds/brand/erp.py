"""The two warehouses' systems: 聚水潭 and 旺店通."""

from __future__ import annotations

from attribution.worlds.brand.formats import (
    Record,
    clock,
    floating,
    open_id,
    yuan,
)
from attribution.worlds.brand.records import ErpOrder

__all__ = [
    "JUSHUITAN_HEADER",
    "jushuitan_rows",
    "wangdian_trade",
]

JUSHUITAN_HEADER = [
    "o_id", "so_id", "merge_so_id", "order_type", "status", "shop_id", "shop_site",
    "pay_date", "modified", "paid_amount", "open_id", "sku_id",
    "qty", "amount", "cost_price", "is_gift", "raw_so_id", "outer_oi_id",
]  # fmt: skip
SITES = {
    "douyin": ("20011", "头条放心购"), "kuaishou": ("20012", "快手小店"),
    "xiaohongshu": ("20015", "小红书"), "own_mall": ("20018", "自有商城"),
    "taobao": ("20013", "淘宝天猫"), "wechat": ("20014", "视频号小店"),
}  # fmt: skip
OPEN_IDS = {"douyin": "doudian_open_id", "kuaishou": "ks_open_id", "taobao": "tb_open_uid"}


def jushuitan_rows(row: ErpOrder) -> list[list[str]]:
    """The rows of one order: one per line, the order's own columns repeated."""
    shop, site = SITES[row.platform]
    kind = OPEN_IDS.get(row.platform)
    return [
        [
            row.id, row.orders[0], ",".join(row.orders[1:]), row.kind, row.status, shop, site,
            clock(row.paid), clock(row.updated), yuan(row.paid_fen),
            open_id(kind, row.person) if kind else "", line.sku,
            str(line.qty), yuan(line.paid_fen), yuan(line.cost_fen), str(line.gift).lower(),
            line.order, line.id,
        ]
        for line in row.lines
    ]  # fmt: skip


def wangdian_trade(row: ErpOrder) -> Record:
    """One trade of trade_query; merged platform orders share it."""
    return {
        "trade_no": row.id,
        "src_tids": ",".join(row.orders),
        "platform_id": {"taobao": 1, "wechat": 108}.get(row.platform, 127),
        "shop_no": SITES[row.platform][0],
        "trade_status": 110 if row.status == "Confirmed" else 5,
        "trade_type": 1 if row.kind == "普通订单" else 4,
        "pay_time": clock(row.paid),
        "modified": clock(row.updated),
        "paid": floating(row.paid_fen),
        "detail_list": [
            {"src_tid": line.order, "src_oid": line.id, "spec_no": line.sku, "num": line.qty,
             "share_amount": floating(line.paid_fen), "avg_cost": floating(line.cost_fen),
             "gift_type": int(line.gift)}
            for line in row.lines
        ],
    }  # fmt: skip
