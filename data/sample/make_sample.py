"""Write a week of a fictional brand as its platforms export it: `raw/`, `truth.json`, README.md.

The same files come out byte for byte on every machine. In `maker/`, `world.py` is what
happened, `traps.py` what goes wrong, `spending.py` what it cost, `books.py` adds it up, and the
other modules are how each platform writes it down.

Run: python data/sample/make_sample.py [folder]
"""

from __future__ import annotations

import json
import sys
from collections import Counter, defaultdict
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from maker.books import books, gross_fen, is_order, net_fen
from maker.exports import documents
from maker.formats import encode, member_id, open_id
from maker.kuaishou import kuaishou_report
from maker.traps import (
    Bad,
    Planted,
    plant_in_erp,
    plant_in_files,
    plant_in_orders,
    point_out,
    resolved_later,
    without_order,
)
from maker.wechat import TENCENT_HEADER, tencent_rows
from maker.world import EXPORTED, Order, Refund, World, beginnings, follow

if TYPE_CHECKING:
    from collections.abc import Mapping


def build() -> dict[str, bytes]:
    """Make every file and return it by its path below the sample's folder."""
    people, sessions, orders, refunds = beginnings()
    planted = plant_in_orders(people, orders, refunds)
    orders.sort(key=lambda o: (o.created, o.id))
    world = follow(people, sessions, orders, refunds)
    planted += plant_in_erp(world)
    exports = documents(world)
    more, bad, tails = plant_in_files(exports, world)
    planted += [*more, *point_out(world)]
    files = {f"raw/{name}": encode(made) + tails.get(name, b"") for name, made in exports.items()}
    known = truth(world, planted, bad)
    text = json.dumps(known, ensure_ascii=False, separators=(",", ":"))
    # One line for each top-level entry keeps the file readable and small.
    for name in known:
        text = text.replace(f'"{name}":', f'\n"{name}":', 1)
    page = readme(known, planted, bad, files)
    files |= {"truth.json": (text + "\n").encode(), "README.md": page.encode()}
    return files


def buyer(order: Order) -> int:
    """Who pays."""
    return order.person if order.giver is None else order.giver


def truth(world: World, planted: list[Planted], bad: list[Bad]) -> dict[str, Any]:
    """What a faithful reader of the files must find."""
    of_order: dict[tuple[str, str], list[Refund]] = defaultdict(list)
    for refund in world.refunds:
        of_order[refund.platform, refund.order].append(refund)
    platforms = {}
    orders = [o for o in world.orders if is_order(o)]
    for platform in sorted({o.platform for o in orders}):
        mine = [o for o in orders if o.platform == platform]
        paid = [o for o in mine if o.paid is not None]
        platforms[platform] = {
            "orders": len(mine),
            "paid_orders": len(paid),
            "lines": sum(len(o.lines) for o in mine),
            "gross_fen": sum(map(gross_fen, mine)),
            "net_fen": sum(net_fen(o, of_order[platform, o.id]) for o in mine),
            "buyers": len({buyer(o) for o in mine}),
            "refunds": sum(r.platform == platform for r in world.refunds),
        }
    only_erp = [e for e in world.erp if e.platform == "xiaohongshu"]
    amount = sum(e.paid_fen for e in only_erp)
    platforms["xiaohongshu"] = {
        "orders": len(only_erp), "paid_orders": len(only_erp), "lines": len(only_erp),
        "gross_fen": amount, "net_fen": amount, "buyers": 0, "refunds": 0,
    }  # fmt: skip
    claims = Counter[str]()
    for claim in world.claims:
        if claim.state != "refunded":
            claims[claim.claimer] += claim.amount_fen
    paid_by: dict[int, list[str]] = defaultdict(list)
    for order in orders:
        paid_by[buyer(order)].append(order.id)
    linked = [p for p in world.people if p.bound]
    return {
        "exported_at": EXPORTED * 1_000,
        "platforms": platforms,
        "excluded": sorted(o.id for o in world.orders if o.memo),
        "people": {
            "buyers": len({buyer(o) for o in orders}),
            "members": sum(p.member for p in world.people),
            "watchers": sum(not p.platforms for p in world.people),
        },
        "touchpoints": {
            "live": len(world.live_events),
            "pixel": len(world.page_events),
            "kuaishou_clicks": sum(c.network == "kuaishou" for c in world.clicks),
            "tencent_clicks": sum(c.network == "tencent" for c in world.clicks),
        },
        "sessions": Counter(s.platform for s in world.sessions),
        "claims_fen": claims,
        "claims": claimed(world, of_order),
        "books": books(world, resolved_later(world), without_order(world)),
        "quarantine": [list(b) for b in bad],
        "planted": [[p.trap, len(p.ids), list(p.ids[:12])] for p in planted],
        # Ids that a membership binds to one person, so they must come out as one.
        "same_person": [
            [
                value
                for platform, value in (
                    ("", member_id(p.number)),
                    ("douyin", open_id("doudian_open_id", p.number)),
                    ("douyin", open_id("sec_openid", p.number)),
                    ("kuaishou", open_id("ks_open_id", p.number)),
                    ("taobao", open_id("tb_open_uid", p.number)),
                    ("wechat", open_id("wx_unionid", p.number)),
                )
                if not platform or platform in p.bound
            ]
            for p in linked
            if len(set(p.bound) - {"own_mall"}) > 0
        ][:60],
        # Orders that one person pays; one that is not among them is its payer's only one.
        "same_buyer": [ids for ids in paid_by.values() if len(ids) > 1],
    }


def claimed(world: World, of_order: Mapping[tuple[str, str], list[Refund]]) -> dict[str, Any]:
    """What platforms claim, against the orders they claim; orders and claims each counted once."""
    by_id = {o.id: o for o in world.orders}
    standing = [c for c in world.claims if c.state != "refunded" and c.amount_fen]
    # One claim on each line is one claim on the order.
    told = Counter((c.claimer, c.order, c.line) for c in standing)
    found: dict[str, Any] = {}
    for claimer in sorted({c.claimer for c in standing}):
        orders = [by_id[o] for o in sorted({c.order for c in standing if c.claimer == claimer})]
        kept = {o.id: net_fen(o, of_order[o.platform, o.id]) for o in orders if is_order(o)}
        earned = {o.id: gross_fen(o) for o in orders if is_order(o)}
        platform = orders[0].platform
        found[claimer] = {
            "orders": len(orders),
            "twice": sorted({order for (c, order, _), n in told.items() if c == claimer and n > 1}),
            "excluded": [o.id for o in orders if not is_order(o)],
            "refunded": [o for o, fen in kept.items() if not fen and earned[o]],
            "part_refunded": [o for o, fen in kept.items() if 0 < fen < earned[o]],
            "kept_fen": sum(kept.values()),
            "unclaimed": sum(
                is_order(o)
                and o.platform == platform
                and o.id not in kept
                and net_fen(o, of_order[platform, o.id]) > 0
                for o in world.orders
            ),
        }
    found["kuaishou_ads"] = Counter[str]()
    for row in kuaishou_report(world):
        for name, yuan in row.items():
            if name.endswith("_gmv"):
                found["kuaishou_ads"][name.removesuffix("_gmv")] += round(float(yuan) * 100)
    kinds = {"0": "click", "2": "exposure"}
    found["tencent_ads"] = Counter[str]()
    for cells in tencent_rows(world):
        row = dict(zip(TENCENT_HEADER, cells, strict=True))
        found["tencent_ads"][kinds[row["claim_type"]]] += int(row["order_amount"])
    return found


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
    for column in columns.values():
        total.update(column)
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


def main(folder: Path) -> None:
    """Write the files into the folder."""
    for name, content in build().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parent)
