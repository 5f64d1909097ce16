"""Lines of paid orders, with the money of their order split among them to the fen.

An order's gross, what was refunded of it, its net and its expected net come from `orders`, which
decides; here each is a sum over the order's lines, so that two lines of one order may belong to two
sessions and no fen is counted twice.
"""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.numerics.largest_remainder import split
from attribution.numerics.sequences import offsets_of
from attribution.store.steps import day_of, in_list
from attribution.workspace import CostRules

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.store.store import Store

    Longs = NDArray[np.int64]

__all__ = ["LINE_COLUMNS", "booked_day", "paid_lines", "texts"]

LINE_COLUMNS = (
    "order",
    "platform",
    "order_id",
    "line_id",
    "session",
    "streamer_id",
    "product_id",
    "explained_product_id",
    "explanation",
    "line_kind",
    "is_revenue",
    "placed_at",
    "day",
    "units",
    "units_back",
    "unit_cost_fen",
    "gross_fen",
    "refunded_fen",
    "net_fen",
    "net_expected_fen",
    "is_main",
)

# Of a return the units are stated; before shipping, what matters is how many the money pays for. A
# refund that names no line of its order is one of the whole order.
_LINES = Template("""
WITH given_back AS (
    SELECT r.platform, r.order_id, l.line_id, r.reduces_fen, r.qty,
        r.kind IN $goods_back AS brings_goods,
        r.kind = 'return_refund' AND r.qty IS NOT NULL AS counts_goods
    FROM refunds AS r
    LEFT JOIN order_lines AS l
        ON l.platform = r.platform AND l.order_id = r.order_id AND l.line_id = r.line_id
    WHERE r.reduces_fen > 0
),
by_line AS (
    SELECT platform, order_id, line_id,
        CAST(sum(reduces_fen) AS BIGINT) AS known_fen,
        CAST(sum(reduces_fen) FILTER (WHERE brings_goods AND NOT counts_goods) AS BIGINT)
            AS goods_fen,
        CAST(sum(coalesce(qty, 1e9)) FILTER (WHERE brings_goods AND NOT counts_goods) AS BIGINT)
            AS goods_at_most,
        CAST(sum(qty) FILTER (WHERE brings_goods AND counts_goods) AS BIGINT) AS goods_counted
    FROM given_back
    WHERE line_id IS NOT NULL
    GROUP BY ALL
),
by_order AS (
    SELECT platform, order_id,
        CAST(sum(reduces_fen) FILTER (WHERE brings_goods) AS BIGINT) AS order_goods_fen
    FROM given_back
    WHERE line_id IS NULL
    GROUP BY ALL
),
placed AS (
    SELECT
        o.platform || ':' || o.order_id AS "order", o.platform, o.order_id, l.line_id,
        l.room_id AS session_id, l.streamer_id, l.product_id, l.line_kind,
        coalesce(l.is_revenue, TRUE) AS is_revenue,
        coalesce(o.created_at, o.attributed_at) AS placed_at,
        $day AS day,
        greatest(coalesce(l.qty, CASE WHEN l.line_id IS NOT NULL THEN 1 ELSE 0 END), 0) AS units,
        l.unit_cost_fen,
        greatest(coalesce(l.paid_fen, 0), 0) AS paid_fen,
        o.gross_fen AS order_gross_fen, o.net_fen AS order_net_fen,
        o.net_expected_fen AS order_expected_fen,
        coalesce(b.known_fen, 0) AS known_fen,
        coalesce(b.goods_fen, 0) AS goods_fen,
        coalesce(b.goods_at_most, 0) AS goods_at_most,
        coalesce(b.goods_counted, 0) AS goods_counted,
        coalesce(w.order_goods_fen, 0) AS order_goods_fen
    FROM orders AS o
    LEFT JOIN order_lines AS l ON l.platform = o.platform AND l.order_id = o.order_id
    LEFT JOIN by_line AS b
        ON b.platform = l.platform AND b.order_id = l.order_id AND b.line_id = l.line_id
    LEFT JOIN by_order AS w ON w.platform = o.platform AND w.order_id = o.order_id
    WHERE o.is_paid
)
SELECT p.* EXCLUDE (session_id),
    p.platform || ':' || p.session_id AS session,
    CASE WHEN $own_lasts THEN own.product_id WHEN $room_lasts THEN room.product_id END
        AS explained_product_id,
    CASE WHEN $own_lasts THEN own.name WHEN $room_lasts THEN room.name END AS explanation
FROM placed AS p
ASOF LEFT JOIN product_spans AS own
    ON own.platform = p.platform AND own.session_id = p.session_id
    AND own.product_id = p.product_id AND p.placed_at >= own.from_at
ASOF LEFT JOIN session_spans AS room
    ON room.platform = p.platform AND room.session_id = p.session_id
    AND p.placed_at >= room.from_at
ORDER BY p.platform, p.order_id, p.line_id NULLS LAST
""")
_LASTS = "{0}.from_at IS NOT NULL AND ({0}.to_at IS NULL OR {0}.to_at > p.placed_at)"


def paid_lines(store: Store, rules: CostRules | None = None) -> pd.DataFrame:
    """Return the lines of every paid order; an order that no file gives lines of is one line.

    Gross, which holds the freight paid, is split by what was paid for the lines that earn. A refund
    stays with its line as far as that earned so much, and goes to what is left of the order's other
    lines beyond. Expected net is split by net.

    Returns
    -------
    DataFrame
        Sorted by platform, order and line:

        order, line_id
            "platform:order_id"; the line's number, None where no line is known.
        platform, order_id, streamer_id, product_id, line_kind, is_revenue
            As in `orders` and `order_lines`.
        session
            "platform:session_id" of the live session it was bought in, else None.
        explained_product_id, explanation
            What was being explained there at that instant.
        placed_at, day
            When the order was placed, UTC epoch ms; the day it counts for, of `booked_at`.
        units, units_back, unit_cost_fen
            Goods; those that are there again after a refund (`rules.goods_back`): as many as the
            refund states or its money pays for whole. What was given with an order comes back
            when all its goods do.
        gross_fen, refunded_fen, net_fen, net_expected_fen
            int64; gross is refunded and net.
        is_main
            Whether the order is counted here: at the line with the largest gross.

    Raises
    ------
    DataError
        If a file of the store cannot be read.
    """
    rules = rules or CostRules()
    found = store.query(
        _LINES.substitute(
            day=booked_day(store),
            goods_back=in_list(rules.goods_back),
            own_lasts=_LASTS.format("own"),
            room_lasts=_LASTS.format("room"),
        )
    )
    lines: pd.DataFrame = found.to_pandas(types_mapper=texts)
    first = np.flatnonzero(~lines["order"].duplicated().to_numpy())
    lengths = np.diff(first, append=len(lines))
    _split_money(lines, first, offsets_of(lengths))
    lines["units_back"] = _units_back(lines, first, lengths)
    lines["is_main"] = _main(lines["gross_fen"].to_numpy(), first, lengths)
    lines["unit_cost_fen"] = lines["unit_cost_fen"].astype("Int64")
    return lines[list(LINE_COLUMNS)]


def booked_day(store: Store) -> str:
    """Return the SQL of the day an order of `orders` counts for."""
    return day_of("coalesce(booked_at, attributed_at)", store.timezone)


def texts(kind: object) -> pd.StringDtype | None:
    """Map Arrow's texts to those of pandas in which a missing one is NaN."""
    return pd.StringDtype(na_value=np.nan) if str(kind) in ("string", "large_string") else None


def _split_money(lines: pd.DataFrame, first: Longs, offsets: Longs) -> None:
    """Add the columns of money: each of the order's amounts, split among its lines."""

    def of_order(name: str) -> Longs:
        return np.asarray(lines[name].to_numpy()[first], np.int64)

    def shared(amounts: Longs, weights: Longs) -> Longs:
        return split(amounts, weights.astype(np.float64), offsets)

    earns = lines["is_revenue"].to_numpy(bool)
    paid = np.where(earns, lines["paid_fen"].to_numpy(), 0)
    # Where no earning line was paid for, those that earn are alike.
    unpaid = np.repeat(_sums(paid, first) == 0, np.diff(offsets))
    gross = shared(of_order("order_gross_fen"), np.where(unpaid, earns, paid).astype(np.int64))
    net_of_order = of_order("order_net_fen")
    back = _sums(gross, first) - net_of_order
    known = np.clip(lines["known_fen"].to_numpy(np.int64), 0, np.maximum(gross, 0))
    refunded = known + shared(back - _sums(known, first), np.maximum(gross - known, 0))
    net = gross - refunded
    lines["gross_fen"], lines["refunded_fen"], lines["net_fen"] = gross, refunded, net
    lines["net_expected_fen"] = shared(of_order("order_expected_fen"), net)


def _units_back(lines: pd.DataFrame, first: Longs, lengths: Longs) -> Longs:
    """Return how many units of each line are there again."""
    earns = lines["is_revenue"].to_numpy(bool)
    units = lines["units"].to_numpy(np.int64)
    paid = np.where(earns, lines["paid_fen"].to_numpy(np.int64), 0)
    whole = split(lines["order_goods_fen"].to_numpy(np.int64)[first], paid.astype(np.float64),
                  offsets_of(lengths))  # fmt: skip
    money = lines["goods_fen"].to_numpy(np.int64) + whole
    paid_for = units * money // np.maximum(paid, 1)
    at_most = lines["goods_at_most"].to_numpy(np.int64) + np.where(whole > 0, units, 0)
    back = np.minimum(paid_for, at_most) + lines["goods_counted"].to_numpy(np.int64)
    back = np.where(earns & (paid > 0), np.minimum(back, units), 0)
    left = _sums(np.where(earns, units - back, 0), first)
    all_back = np.repeat((left == 0) & (_sums(back, first) > 0), lengths)
    return np.asarray(np.where(~earns & all_back, units, back), np.int64)


def _sums(values: Longs, first: Longs) -> Longs:
    if len(first) == 0:
        return np.zeros(0, np.int64)
    return np.asarray(np.add.reduceat(values, first), np.int64)


def _main(gross: Longs, first: Longs, lengths: Longs) -> NDArray[np.bool_]:
    """Return whether a line is the first of those with the largest gross of its order."""
    main = np.zeros(len(gross), bool)
    if len(first):
        order = np.lexsort((-gross, np.repeat(np.arange(len(first)), lengths)))
        main[order[first]] = True
    return main
