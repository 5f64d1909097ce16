"""What books are made of, as a store tells it, read at once so that all of it belongs together."""

from __future__ import annotations

from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.store.steps import day_of, in_list
from attribution.workspace import CostRules

if TYPE_CHECKING:
    import duckdb

    from attribution.store.store import Store

__all__ = ["Records", "Told", "read_records", "read_told"]

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
        CASE WHEN o.paid_fen = sum(l.paid_fen) OVER (PARTITION BY o.platform, o.order_id)
            THEN greatest(coalesce(o.freight_fen, 0), 0) ELSE 0 END AS freight_within_fen,
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

_COSTS = Template("""
WITH sold_orders AS (
    SELECT platform, order_id, is_paid, $booked AS day FROM orders
),
excluded AS (
    SELECT DISTINCT platform, order_id FROM excluded_orders
)
SELECT
    c.cost_id, c.kind, c.amount_fen, c.state, c."at", c."from", c."to", c.platform,
    coalesce(c.scope, 'period') AS scope, c.scope_id, c.alloc, c.source_doc, c.streamer_id,
    c.platform || ':' || w.owner AS "order",
    CASE WHEN c.scope = 'session' THEN c.platform || ':' || c.scope_id END AS session,
    o.is_paid AS order_paid,
    x.order_id IS NOT NULL AND o.order_id IS NULL AS order_left_out,
    CASE WHEN o.is_paid THEN o.day END AS order_day,
    coalesce(s.platform IS NOT NULL, FALSE) AS session_known,
    s.day AS session_day,
    coalesce(s.start_at > (SELECT "at" FROM as_of), FALSE) AS session_ahead
FROM costs AS c
LEFT JOIN owned_costs AS w
    ON w.platform IS NOT DISTINCT FROM c.platform AND w.cost_id = c.cost_id
LEFT JOIN sold_orders AS o ON o.platform = c.platform AND o.order_id = w.owner
LEFT JOIN excluded AS x ON x.platform = c.platform AND x.order_id = w.owner
LEFT JOIN sessions AS s
    ON c.scope = 'session' AND s.platform = c.platform AND s.session_id = c.scope_id
ORDER BY c.platform NULLS LAST, c.cost_id
""")

_HOSTS = """
SELECT h.platform || ':' || h.session_id AS session, s.streamer_id,
    greatest(coalesce(s.share, 0), 0) AS share, coalesce(h.streamer_id, '') AS main
FROM session_shares AS s
JOIN session_hosts AS h ON h.platform = s.platform AND h.session_id = s.session_id
UNION ALL
SELECT platform || ':' || session_id, streamer_id, 1, streamer_id
FROM session_hosts AS h
WHERE streamer_id IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM session_shares AS s
        WHERE s.platform = h.platform AND s.session_id = h.session_id
    )
ORDER BY session, share DESC, streamer_id
"""


_SESSIONS = """
SELECT platform || ':' || session_id AS session, platform, session_id, streamer_id, day, start_at,
    end_at, title
FROM sessions
ORDER BY session
"""

_PAID = Template("""
SELECT platform || ':' || order_id AS "order", $booked AS day, gross_fen,
    gross_fen - net_fen AS refunded_fen, net_fen, net_expected_fen
FROM orders
WHERE is_paid
""")
_TOLD = """
SELECT coalesce(platform, '') || ':' || cost_id AS cost_id, amount_fen FROM costs
"""
_TABLES = (
    "orders",
    "order_lines",
    "refunds",
    "product_spans",
    "session_spans",
    "costs",
    "owned_costs",
    "excluded_orders",
    "as_of",
    "sessions",
    "session_shares",
    "session_hosts",
)


@dataclass(frozen=True)
class Records:
    """Rows as a store tells them; `paid_lines`, `hosts_of` and `cost_rows` make sense of them.

    Attributes
    ----------
    lines
        Lines of paid orders, with their order's money and what is known of their refunds.
    costs
        Costs, with the order or the session they are for.
    sessions, shares
        Sessions, and their hosts.
    timezone
        Of days.
    """

    lines: pd.DataFrame
    costs: pd.DataFrame
    sessions: pd.DataFrame
    shares: pd.DataFrame
    timezone: str


@dataclass(frozen=True)
class Told:
    """What must come out: paid orders with their day and money, and costs with their amount."""

    orders: pd.DataFrame
    costs: pd.DataFrame


def read_records(store: Store, rules: CostRules | None = None) -> Records:
    """Read what books are made of.

    Raises
    ------
    DataError
        If a file of the store cannot be read.
    """
    rules = rules or store.costs
    lines = _LINES.substitute(
        day=_booked(store),
        goods_back=in_list(rules.goods_back),
        own_lasts=_LASTS.format("own"),
        room_lasts=_LASTS.format("room"),
    )
    costs = _COSTS.substitute(booked=_booked(store))

    def read(connection: duckdb.DuckDBPyConnection) -> Records:
        return Records(
            lines=_frame(connection, lines),
            costs=_frame(connection, costs),
            sessions=_frame(connection, _SESSIONS),
            shares=_frame(connection, _HOSTS),
            timezone=store.timezone,
        )

    return store.reading((), read, tables=_TABLES)


def read_told(store: Store) -> Told:
    """Read what books are held against.

    Raises
    ------
    DataError
        If a file of the store cannot be read.
    """
    orders = _PAID.substitute(booked=_booked(store))

    def read(connection: duckdb.DuckDBPyConnection) -> Told:
        return Told(_frame(connection, orders), _frame(connection, _TOLD))

    return store.reading((), read, tables=("orders", "costs"))


def _booked(store: Store) -> str:
    """Return the SQL of the day an order of `orders` counts for."""
    return day_of("coalesce(booked_at, attributed_at)", store.timezone)


def _frame(connection: duckdb.DuckDBPyConnection, sql: str) -> pd.DataFrame:
    """Return a frame in which a missing text is NaN."""
    found: pd.DataFrame = connection.sql(sql).to_arrow_table().to_pandas(types_mapper=_texts)
    return found


def _texts(kind: object) -> pd.StringDtype | None:
    return pd.StringDtype(na_value=np.nan) if str(kind) in ("string", "large_string") else None
