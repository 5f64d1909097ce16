"""Every file of the week, by its path below `raw/`."""

from __future__ import annotations

from attribution.worlds.brand.douyin import (
    alliance_order,
    qianchuan_claim,
    qianchuan_costs,
    qianchuan_sessions,
    settle_bill,
)
from attribution.worlds.brand.erp import JUSHUITAN_HEADER, jushuitan_rows, wangdian_trade
from attribution.worlds.brand.formats import (
    Document,
    Sheet,
    envelope,
)
from attribution.worlds.brand.kuaishou import (
    kuaishou_commission,
    kuaishou_report,
)
from attribution.worlds.brand.records import (
    DAY,
    HOUR,
    Happened,
)
from attribution.worlds.brand.sheets import (
    COST_HEADER,
    cost_rows,
    explanation_rows,
)
from attribution.worlds.brand.shops import (
    DOUDIAN_OK,
    by_platform,
    member_sheet,
    product_sheet,
    session_sheet,
    shop_documents,
    streamer_sheet,
    touch_documents,
)
from attribution.worlds.brand.taobao import (
    TBK_HEADER,
    taobaoke_row,
)
from attribution.worlds.brand.wechat import (
    TENCENT_HEADER,
    tencent_rows,
    wechat_sessions,
)
from attribution.worlds.brand.week import EXPORTED, STREAMERS, WEEK, last_seen

__all__ = ["documents"]


def documents(world: Happened) -> dict[str, Document]:
    """Every file of the week by its path below `raw/`."""
    orders = by_platform(world.orders)
    by_id = {(o.platform, o.id): o for o in world.orders}
    made = shop_documents(world.orders, world.refunds, world.people, WEEK)
    made |= touch_documents(world.live_events, world.page_events, world.clicks, world.people)

    allied = [o for o in orders["douyin"] if o.mode == "alliance" and o.paid is not None]
    done = [o for o in orders["douyin"] if o.status == "completed" and o.completed]
    made["douyin/commission.json"] = envelope(
        "data.orders",
        [alliance_order(o, x) for o in allied for x in o.lines if x.paid_fen],
        **DOUDIAN_OK,
    )
    made["douyin/settlement.json"] = envelope(
        "data", [settle_bill(o, x) for o in done for x in o.lines if x.paid_fen], **DOUDIAN_OK
    )

    fine = {"code": 0, "message": "OK"}
    made["qianchuan/sessions.json"] = envelope("data.list", qianchuan_sessions(world), **fine)
    made["qianchuan/costs.json"] = envelope("data.list", qianchuan_costs(), **fine)
    claims = [qianchuan_claim(c) for c in world.claims if c.claimer == "qianchuan"]
    made["qianchuan/claims.json"] = envelope("data.list", claims, **fine)

    shared = [o for o in orders["kuaishou"] if o.mode == "alliance" and o.paid is not None]
    made["kuaishou/commission.json"] = envelope(
        "data.orderView", [kuaishou_commission(o) for o in shared], result=1
    )
    made["kuaishou/ad_report.json"] = envelope("data.details", kuaishou_report(world), code=0)

    made["taobao/taobaoke.xlsx"] = Sheet(
        "xlsx", TBK_HEADER,
        [
            taobaoke_row(claim, by_id["taobao", claim.order])
            for claim in world.claims
            if claim.claimer == "taobaoke"
        ],
    )  # fmt: skip

    made["wechat/sessions.json"] = envelope("sessions", wechat_sessions(world), errcode=0)
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

    made["mall/members.csv"] = member_sheet((p, last_seen(p)) for p in world.people if p.member)
    made["costs.csv"] = Sheet("csv", COST_HEADER, cost_rows(world))
    # Rooms no platform exports, and who shared one.
    kept = [s for s in world.sessions if s.platform in ("kuaishou", "taobao") or s.shares]
    made["sessions.csv"] = session_sheet(kept, EXPORTED)
    made["session_products.csv"] = Sheet(
        "csv",
        ["platform", "session_id", "product_id", "explain_from", "explain_to", "live_price"],
        explanation_rows(world),
    )
    made["products.csv"] = product_sheet()
    made["streamers.csv"] = streamer_sheet(STREAMERS)
    made["streamer_aliases.csv"] = Sheet(
        "csv", ["streamer_id", "platform", "id_type", "value"],
        [[s.id, *alias] for s in STREAMERS for alias in s.aliases],
    )  # fmt: skip
    return made
