"""The brand's own books: what each session took in, what it cost, and what was left.

Added up from what happened, with whole numbers only; no file is read. The rules are those of
`docs/costs.md`: an order counts where it was placed and on the day it was paid in full; its costs
go with it; what is for a platform, a campaign or all is spread over what was sold that day.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime

from attribution.worlds.brand.records import (
    BEIJING,
    DAY,
    Happened,
    Line,
    Order,
    Refund,
    paid_orders,
)
from attribution.worlds.brand.spending import (
    alliance_fees,
    kept_costs,
    kuaishou_ads,
    kuaishou_fees,
    qianchuan_ads,
    room_report,
    settled_fee,
    sharer_fee,
    tencent_ads,
    wechat_fee,
)
from attribution.worlds.brand.week import WEEK

__all__ = ["NOT_REVENUE", "NO_MONEY_BACK", "books", "gross_fen", "is_order", "net_fen"]

NO_MONEY_BACK = ("exchange", "reship", "repair")
NOT_REVENUE = ("gift", "zero_yuan", "lucky_bag", "sample")
GIVEN = {"gift": "giveaway", "zero_yuan": "giveaway", "lucky_bag": "lucky_bag", "sample": "sample"}
GOODS_BACK = ("refund_before_ship", "return_refund")
GUARANTEED = "HT-2026-088"  # at 1:2
NOWHERE, UNALLOCATED = "(no session)", "(unallocated)"

Place = tuple[str, str]  # platform, session or NOWHERE


def is_order(order: Order) -> bool:
    """Whether it counts: no test, no fake, and in the currency of the books."""
    return not order.memo and order.currency == "CNY"


def gross_fen(order: Order) -> int:
    """What was paid for lines that earn; nothing while only a deposit is paid."""
    if order.paid is None:
        return 0
    return order.paid_fen - sum(x.paid_fen for x in order.lines if x.kind in NOT_REVENUE)


def net_fen(order: Order, refunds: Sequence[Refund]) -> int:
    """Gross less what was given back, never below nothing."""
    return max(gross_fen(order) - sum(r.amount_fen for r in refunds if gives_back(r)), 0)


def gives_back(refund: Refund) -> bool:
    """Whether money went back."""
    return refund.status == "success" and refund.kind not in NO_MONEY_BACK


def shares(amount: int, weights: Sequence[int]) -> list[int]:
    """Split by largest remainder; the earlier part first where they tie."""
    if not any(weights):
        weights = [1] * len(weights)
    total = sum(weights)
    parts = [amount * weight // total for weight in weights]
    rest = sorted(range(len(parts)), key=lambda i: (-(amount * weights[i] % total), i))
    for i in rest[: amount - sum(parts)]:
        parts[i] += 1
    return parts


def by_line(order: Order, refunds: Sequence[Refund]) -> dict[str, tuple[int, int]]:
    """Gross and net of each line; a freight that was paid goes with the lines."""
    earning = [x for x in order.lines if x.kind not in NOT_REVENUE]
    if not earning:
        return {}
    gross = shares(gross_fen(order), [x.paid_fen for x in earning])
    back = [
        min(sum(r.amount_fen for r in refunds if gives_back(r) and r.line == line.id), most)
        for line, most in zip(earning, gross, strict=True)
    ]
    return {
        line.id: (most, most - less) for line, most, less in zip(earning, gross, back, strict=True)
    }


def units_back(line: Line, refunds: Sequence[Refund]) -> int:
    """How many of a line came back, or never left: as many as the money given back pays for."""
    money = sum(
        r.amount_fen for r in refunds
        if r.line == line.id and r.kind in GOODS_BACK and r.status == "success"
    )  # fmt: skip
    return min(line.qty * money // line.paid_fen, line.qty) if line.paid_fen else 0


def kept(amount: int, gross: int, net: int) -> int:
    """What is left of an estimate once part of its order was given back."""
    return shares(amount, [net, gross - net])[0] if gross else amount


def order_costs(
    order: Order, refunds: Sequence[Refund], claimed: Sequence[tuple[str, str, int]]
) -> Counter[str]:
    """What one paid order costs by kind; `claimed` are promoters' line, state and commission."""
    costs: Counter[str] = Counter()
    lines = by_line(order, refunds)
    all_gross, all_net = gross_fen(order), net_fen(order, refunds)
    done, closed = order.status == "completed", order.status == "refund_closed"
    stays = 0
    for line in order.lines:
        if line.kind not in NOT_REVENUE:
            here = line.qty - units_back(line, refunds)
            costs["goods"] += line.product.cost_fen * here
            stays += here
    for line in order.lines:
        gone = bool(lines) and stays == 0
        if line.kind in NOT_REVENUE and not gone:
            costs[GIVEN[line.kind]] += line.product.cost_fen * line.qty
    if order.platform == "douyin":
        for line in order.lines:
            if line.paid_fen == 0:
                continue
            _, commission, agency = alliance_fees(order, line)
            if done:
                costs["platform_fee"] += settled_fee(line)
            if order.mode == "alliance" and not closed:
                for kind, fen in (("commission", commission), ("agency_fee", agency)):
                    costs[kind] += fen if done else kept(fen, *lines[line.id])
    if order.platform == "kuaishou" and order.mode == "alliance" and not closed:
        line = order.lines[0]
        _, commission, service = kuaishou_fees(line)
        for kind, fen in (("commission", commission), ("platform_fee", service)):
            costs[kind] += fen if done else kept(fen, *lines[line.id])
    if order.platform == "wechat":
        costs["platform_fee"] += kept(wechat_fee(order), all_gross, all_net)
        if order.sharer:
            costs["commission"] += kept(sharer_fee(order), all_gross, all_net)
    for line_id, state, fen in claimed:
        if state != "refunded":
            costs["commission"] += fen if state == "confirmed" else kept(fen, *lines[line_id])
    return costs


def books(world: Happened, resolved: Order, stray: Order) -> dict[str, dict[str, int]]:
    """Revenue, refunds, every kind of cost and what is left, by session.

    Of orders whose sharer was not known at first, only that of `resolved` came to be known; of an
    order like `stray` only its platform's fee is told.
    """
    refunds: dict[tuple[str, str], list[Refund]] = defaultdict(list)
    for refund in world.refunds:
        refunds[refund.platform, refund.order].append(refund)
    claims: dict[tuple[str, str], list[tuple[str, str, int]]] = defaultdict(list)
    for claim in world.claims:
        if claim.claimer == "taobaoke":
            claims["taobao", claim.order].append((claim.line, claim.state, claim.commission_fen))
    pages: dict[str, Counter[str]] = {
        **{f"{s.platform}:{s.id}": Counter() for s in world.sessions},
        NOWHERE: Counter(),
        UNALLOCATED: Counter(),
    }
    sales: dict[tuple[str, Place], int] = Counter()

    def sell(day: str, place: Place, gross: int, net: int, costs: Counter[str]) -> None:
        page = pages[place[1]]
        page.update({"orders": 1, "gross_fen": gross, "refunded_fen": gross - net, "net_fen": net})
        page.update({f"{kind}_fen": fen for kind, fen in costs.items()})
        sales[day, place] += gross

    for order in world.orders:
        if order.paid is None or not is_order(order):
            continue
        back = refunds[order.platform, order.id]
        room = f"{order.platform}:{order.session}" if order.session else NOWHERE
        nobody = order.sharer == "unresolved" and order.id != resolved.id
        known = order._replace(sharer="") if nobody else order
        costs = order_costs(known, back, claims[order.platform, order.id])
        place = (order.platform, room)
        sell(_day(order.paid), place, gross_fen(order), net_fen(order, back), costs)
    for booked in world.erp:
        if booked.platform == "xiaohongshu":
            goods = Counter({"goods": sum(x.cost_fen * x.qty for x in booked.lines)})
            place = (booked.platform, NOWHERE)
            sell(_day(booked.paid), place, booked.paid_fen, booked.paid_fen, goods)

    def spread(kind: str, fen: int, day: str, platform: str) -> None:
        """Over what was sold that day, on the platform or on all."""
        places = sorted(p for d, p in sales if d == day and platform in ("", p[0]) and sales[d, p])
        parts = shares(fen, [sales[day, place] for place in places])
        for (_, room), part in zip(places, parts, strict=True):
            pages[room][f"{kind}_fen"] += part

    rooms = paid_orders(world)
    for session in world.sessions:
        if session.platform == "douyin":
            spent = room_report(session, rooms[session.id]).spent_fen
            pages[f"douyin:{session.id}"]["ads_fen"] += spent
    # 保底: for each yuan of the fee two were to be sold; what is short of it comes back.
    rooms_paid = [
        cost for cost in kept_costs(world)
        if cost.kind == "slot_fee" and cost.doc.startswith(GUARANTEED)
    ]  # fmt: skip
    fee = sum(cost.fen for cost in rooms_paid)
    sold = sum(pages[f"{cost.platform}:{cost.name}"]["gross_fen"] for cost in rooms_paid)
    short = shares(max(2 * fee - sold, 0) // 2, [cost.fen for cost in rooms_paid])
    for cost, fen in zip(rooms_paid, short, strict=True):
        pages[f"{cost.platform}:{cost.name}"][f"{cost.kind}_fen"] -= fen
    for platform, ads in (
        ("douyin", qianchuan_ads()),
        ("kuaishou", kuaishou_ads(world)),
        ("wechat", tencent_ads(world)),
    ):
        for ad in ads:
            spread("ads", ad.spent_fen, _day(WEEK + ad.day * DAY), platform)
    for cost in kept_costs(world):
        if cost.scope == "session":
            pages[f"{cost.platform}:{cost.name}"][f"{cost.kind}_fen"] += cost.fen
        elif cost.start is None or cost.end is None:
            spread(cost.kind, cost.fen, _day(cost.at or 0), cost.platform)
        else:
            days = range(cost.start, cost.end, DAY)
            for at, fen in zip(days, shares(cost.fen, [1] * len(days)), strict=True):
                spread(cost.kind, fen, _day(at), cost.platform)
    pages[UNALLOCATED]["platform_fee_fen"] += wechat_fee(stray)
    return {name: _closed(page) for name, page in pages.items()}


def _closed(page: Counter[str]) -> dict[str, int]:
    """Add the sum of costs and what is left, and leave out what is nothing."""
    revenue = ("orders", "gross_fen", "refunded_fen", "net_fen")
    cost = sum(fen for name, fen in page.items() if name not in revenue)
    listed = {name: page[name] for name in (*revenue, *sorted(set(page) - set(revenue)))}
    listed |= {"cost_fen": cost, "contribution_fen": page["net_fen"] - cost}
    return {name: value for name, value in listed.items() if value}


def _day(at: int) -> str:
    return datetime.fromtimestamp(at, BEIJING).strftime("%Y-%m-%d")
