"""What a faithful reader of the files must find, counted from what happened: `truth.json`."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from attribution.worlds.brand.books import books, gross_fen, is_order, net_fen
from attribution.worlds.brand.formats import member_id, open_id
from attribution.worlds.brand.kuaishou import kuaishou_report
from attribution.worlds.brand.traps import resolved_later, without_order
from attribution.worlds.brand.wechat import TENCENT_HEADER, tencent_rows
from attribution.worlds.brand.week import EXPORTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attribution.worlds.brand.records import Happened, Refund
    from attribution.worlds.brand.traps import Bad, Planted

__all__ = ["truth"]


def truth(world: Happened, planted: list[Planted], bad: list[Bad]) -> dict[str, Any]:
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
            "buyers": len({o.payer for o in mine}),
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
        paid_by[order.payer].append(order.id)
    linked = [p for p in world.people if p.bound]
    return {
        "exported_at": EXPORTED * 1_000,
        "platforms": platforms,
        "excluded": sorted(o.id for o in world.orders if o.memo),
        "people": {
            "buyers": len({o.payer for o in orders}),
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
        "claims": _claimed(world, of_order),
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


def _claimed(world: Happened, of_order: Mapping[tuple[str, str], list[Refund]]) -> dict[str, Any]:
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
