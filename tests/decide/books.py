"""A made-up brand whose files change over time: orders, refunds, touchpoints, an ERP."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from hypothesis import strategies as st

from attribution.intake.ingest import ingest
from attribution.workspace import Workspace
from tests.brand import KEY, small, source

SOURCES = "".join(
    [
        '[brand]\nname = "made up"\nlanguage = "en"\n',
        source("orders", "generic_orders", "orders.csv", "snapshot = true"),
        source("refunds", "generic_refunds", "refunds.csv", "snapshot = true"),
        source("touchpoints", "generic_touchpoints", "touchpoints.csv", "snapshot = true"),
    ]
)
ERP = source("erp", "jushuitan_orders_export", "erp.csv", "snapshot = true")
WHO = ("ann", "bob", "cid")
STREAMERS = ("s1", "s2", "s3")
SITES = {"douyin": "抖音", "wechat": "视频号"}


@dataclass
class Order:
    """An order as its platform tells it."""

    paid_fen: int
    paid_at: str | None
    who: str = "ann"
    platform: str = "douyin"
    status: str = "paid"
    created_at: str = "2026-10-01 08:00:00"
    deposit_paid_at: str | None = None
    refunds: list[int] = field(default_factory=list)


@dataclass
class Brand:
    """What the files say at one time."""

    orders: dict[str, Order] = field(default_factory=dict)
    touches: list[tuple[str, str, str]] = field(default_factory=list)  # who, streamer, at
    erp: list[tuple[str, str, str, str, int, str]] = field(default_factory=list)
    until: str = "2027-03-01 12:00:00"

    def ingested(self, folder: Path) -> Workspace:
        """Return the workspace of these files, all of them read anew."""
        orders = [
            {
                "order_id": name,
                "platform": each.platform,
                "status": each.status,
                "created_at": each.created_at,
                "paid_at": each.paid_at or "",
                "deposit_paid_at": each.deposit_paid_at or "",
                "paid_fen": each.paid_fen,
                "wx_unionid": each.who,
            }
            for name, each in self.orders.items()
        ]
        refunds = [
            {
                "refund_id": f"r{name}-{nth}",
                "platform": each.platform,
                "order_id": name,
                "kind": "refund_only",
                "status": "success",
                "amount_fen": amount,
                "applied_at": "2026-10-20 10:00:00",
                "final_at": "2026-10-20 10:00:00",
            }
            for name, each in self.orders.items()
            for nth, amount in enumerate(each.refunds)
        ]
        # Somebody who buys nothing says how far the data reach: they pause for no 30 days.
        pulse = pd.date_range("2026-10-01 12:00:00", self.until, freq="10D", inclusive="left")
        seen = [*(str(at) for at in pulse), self.until]
        touches = [*self.touches, *(("nobody", "s1", at) for at in seen)]
        touchpoints = [
            {
                "event_id": f"e{nth}",
                "platform": "douyin",
                "at": at,
                "event": "enter",
                "content_form": "live",
                "streamer_id": streamer,
                "wx_unionid": who,
            }
            for nth, (who, streamer, at) in enumerate(touches)
        ]
        files = {
            "orders.csv": text(orders, "order_id"),
            "refunds.csv": text(refunds, "refund_id"),
            "touchpoints.csv": text(touchpoints, "event_id"),
        }
        names = ("内部订单号", "线上订单号", "合并订单号", "平台", "已付金额", "付款日期")
        rows = [dict(zip(names, row, strict=True)) for row in self.erp]
        for row in rows:
            row["已付金额"] = f"{row['已付金额'] / 100:.2f}"
        if rows:
            files["erp.csv"] = text(rows, "")
        workspace = small(folder, files, SOURCES + (ERP if rows else ""))
        ingest(workspace, environ={"ATTRIBUTION_KEY": KEY})
        return workspace


def text(rows: list[dict[str, object]], key: str) -> str:
    """Return rows as CSV; without any, a header alone."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]) if rows else [key], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


moments = st.builds(
    "2026-{:02d}-{:02d} {:02d}:30:00".format,
    st.sampled_from([10, 11, 12]),
    st.integers(1, 30),
    st.sampled_from([0, 7, 15, 16, 23]),
)
touches = st.lists(st.tuples(st.sampled_from(WHO), st.sampled_from(STREAMERS), moments), max_size=8)


@st.composite
def orders(draw) -> Order:
    """Return an order: paid, a presale with or without its final payment, or not paid at all."""
    kind = draw(st.sampled_from(["paid", "paid", "paid", "presale", "deposit", "created"]))
    paid_at = draw(moments)
    paid_fen = draw(st.integers(0, 1_000))
    return Order(
        paid_fen=paid_fen,
        paid_at=paid_at if kind in ("paid", "presale") else None,
        who=draw(st.sampled_from(WHO)),
        platform=draw(st.sampled_from(list(SITES))),
        status={"presale": "paid", "deposit": "partially_paid"}.get(kind, kind),
        deposit_paid_at="2026-10-01 09:00:00" if kind in ("presale", "deposit") else None,
        refunds=draw(st.lists(st.integers(0, 600), max_size=2)) if kind == "paid" else [],
    )
