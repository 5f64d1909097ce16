"""The page beside the sample's files: what they are, what must come out, what was planted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from attribution.worlds.brand.traps import Bad, Planted

__all__ = ["readme"]

WORDS = {
    "douyin": "抖音", "kuaishou": "快手", "taobao": "淘宝", "wechat": "微信",
    "own_mall": "自有商城", "xiaohongshu": "小红书 (ERP only)",
}  # fmt: skip
FILES = (
    ("douyin/orders_*.json", "doudian_orders", "order.searchList by day, and a later refresh"),
    ("douyin/refunds.json", "doudian_refunds", "afterSale.List"),
    ("douyin/commission.json", "doudian_commission", "buyin.queryShopAllianceOrder"),
    ("douyin/settlement.json", "doudian_settlement", "order.getSettleBillDetailV3"),
    ("douyin/live_events/*.jsonl", "douyin_live_events", "pushes as they landed"),
    ("qianchuan/sessions.json", "qianchuan_sessions", "rooms and their report"),
    ("qianchuan/costs.json", "qianchuan_costs", "campaigns that lead to no room"),
    ("qianchuan/claims.json", "qianchuan_claims", "long_transfer_order_get"),
    ("kuaishou/orders.json", "kuaishou_orders", "open.order.detail"),
    ("kuaishou/refunds.json", "kuaishou_refunds", "refund list"),
    ("kuaishou/commission.json", "kuaishou_commission", "distribution orders, rates in per mille"),
    ("kuaishou/ad_clicks.jsonl", "kuaishou_ads", "磁力 click monitor"),
    ("kuaishou/ad_report.json", "kuaishou_ads_costs_claims", "spending, T0 to T30 claims"),
    ("taobao/trades.csv", "taobao_orders_export", "order report from Excel, GB18030"),
    ("taobao/items.csv", "taobao_lines_export", "item report from Excel, GB18030"),
    ("taobao/refunds.json", "taobao_refunds", "taobao.refunds.receive.get"),
    ("taobao/taobaoke.xlsx", "taobaoke", "promoters' orders"),
    ("wechat/orders.json, orders_repoll.json", "wechat_orders", "/channels/ec/order/get"),
    ("wechat/refunds.json", "wechat_refunds", "after-sale orders"),
    ("wechat/sessions.json", "wechat_sessions", "live dashboard"),
    ("tencent/ad_clicks.jsonl", "tencent_ads_clicks", "click monitor"),
    ("tencent/ad_report.csv", "tencent_ads_costs_claims", "spending and claims by day, in fen"),
    ("erp/jushuitan_1109-1115.csv, jushuitan_1115_evening.xlsx", "jushuitan_orders_export",
     "抖音, 快手, own mall, 小红书; a row per line"),
    ("erp/wangdiantong.json", "wangdiantong_orders", "淘宝, 微信"),
    ("mall/events.jsonl", "own_mall_events", "pixel and UTM"),
    ("mall/orders.csv", "own_mall_lines", "a row per line; clear phones, names and addresses"),
    ("mall/refunds.csv", "generic_refunds", "in the package's own column names"),
    ("mall/members.csv", "own_mall_members", "clear phones, and the platform ids members bound"),
    ("costs.csv", "costs", "slot fees, crews, samples, coupons"),
    ("sessions.csv", "sessions", "rooms no platform exports; co-hosts"),
    ("session_products.csv", "session_products", "what was explained when"),
    ("streamers.csv", "streamers", ""),
    ("streamer_aliases.csv", "streamer_aliases", ""),
    ("products.csv", "products", "one row per merchant code"),
)  # fmt: skip


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _book_table(pages: dict[str, dict[str, int]]) -> str:
    """The books in sum: of all sessions, of what was sold elsewhere, and of what nobody bears."""
    columns = {"sessions": Counter[str](), "no session": Counter[str](), "unallocated": Counter()}
    for name, page in pages.items():
        column = name.strip("()") if name.startswith("(") else "sessions"
        columns[column].update(page)
    total = Counter[str]()
    for counted in columns.values():
        total.update(counted)
    rows = [
        [f"`{name}`", *(f"{column[name]:,}" for column in columns.values()), f"{total[name]:,}"]
        for name in _ordered(total)
    ]
    return _table(["", *columns, "all"], rows)


def _ordered(total: Counter[str]) -> list[str]:
    first = ["orders", "gross_fen", "refunded_fen", "net_fen"]
    last = ["cost_fen", "contribution_fen"]
    return [*first, *sorted(set(total) - {*first, *last}), *last]


def readme(
    known: dict[str, Any], planted: list[Planted], bad: list[Bad], raw: dict[str, bytes]
) -> str:
    """The sample's page, with the figures the script has just counted."""
    counted = ("orders", "paid_orders", "lines", "gross_fen", "net_fen", "buyers", "refunds")
    figures = [
        [WORDS[name], *(f"{each[key]:,}" for key in counted)]
        for name, each in known["platforms"].items()
    ]
    total = {key: sum(each[key] for each in known["platforms"].values()) for key in counted}
    total["buyers"] = known["people"]["buyers"]
    figures.append(["**all**", *(f"{total[key]:,}" for key in counted)])
    traps = [
        [
            p.trap,
            f"`{p.where}`",
            str(len(p.ids)) if p.ids else "all",
            ", ".join(p.ids[:2]) + (" …" if len(p.ids) > 2 else ""),
            p.must,
        ]
        for p in planted
    ]
    words = {
        "count": str(len(raw)),
        "size": f"{sum(map(len, raw.values())) // 1_000:,}",
        "files": _table(
            ["below `raw/`", "mapping", "what it is"],
            [[f"`{a}`", f"`{b}`", c] for a, b, c in FILES],
        ),
        "figures": _table(
            ["platform", "orders", "paid", "lines", "gross fen", "net fen", "buyers", "refunds"],
            figures,
        ),
        "excluded": str(len(known["excluded"])),
        "members": str(known["people"]["members"]),
        "watchers": str(known["people"]["watchers"]),
        **{name: f"{count:,}" for name, count in known["touchpoints"].items()},
        "sessions": str(sum(known["sessions"].values())),
        "by_platform": ", ".join(f"{WORDS[k]} {v}" for k, v in sorted(known["sessions"].items())),
        "books": _book_table(known["books"]),
        **{claimer: f"{fen:,}" for claimer, fen in known["claims_fen"].items()},
        "planted": _table(["trap", "where", "how many", "such as", "what must happen"], traps),
        "quarantine": _table(
            ["file", "row", "why"], [[f"`{b.file}`", str(b.row), b.why] for b in bad]
        ),
    }
    page = Path(__file__).with_name("readme.txt").read_text(encoding="utf-8")
    return Template(page).substitute(words)
