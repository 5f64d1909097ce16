"""What an order earned, three ways: gross, net to date, and net expected at maturity.

Gross is what was paid for lines that earn. Only a refund that succeeded, up to `as_of`, takes
from it; exchanges, re-ships and repairs give no money back. What is still to be refunded is
`maturity`.
"""

from __future__ import annotations

from string import Template

from attribution.store.steps import (
    NOT_REVENUE,
    Step,
    ViewOptions,
    day_of,
    in_list,
    provenance,
    public,
    until,
)

__all__ = ["order_view_steps", "refund_steps", "revenue_steps"]

_NO_MONEY_BACK = ("exchange", "reship", "repair")
_PAID = ("paid", "part_shipped", "shipped", "received", "completed")
_UNPAID = ("created", "partially_paid")

_LINE_SUMS = Template("""
SELECT
    l.platform, l.order_id,
    CAST(coalesce(sum(l.paid_fen) FILTER (WHERE l.earns), 0) AS BIGINT) AS earning_fen,
    CAST(coalesce(sum(l.paid_fen) FILTER (WHERE NOT l.earns), 0) AS BIGINT) AS given_fen,
    CAST(sum(l.discount_platform_fen) AS BIGINT) AS discount_platform_fen,
    first(l.category ORDER BY l.earns DESC, l.paid_fen DESC, l.line_id) AS category
FROM (
    SELECT b.platform, b.order_id, b.line_id, b.paid_fen, b.discount_platform_fen,
        coalesce(b.category, p.category, q.category) AS category,
        coalesce(b.line_kind NOT IN $not_revenue, TRUE) AS earns
    FROM base_lines AS b
    LEFT JOIN latest_products AS p ON p.product_id = b.product_id
    LEFT JOIN products_by_sku AS q ON q.merchant_sku = b.merchant_sku
) AS l
GROUP BY l.platform, l.order_id
""")

# A refund that names its order waits for it, if need be: its line number may be another order's.
_REFUNDS = Template("""
WITH owned AS (
    SELECT r.*,
        coalesce(o.order_id, by_id.order_id, by_line.order_id, same.order_id, r.order_id) AS owner,
        coalesce(o.order_id, by_id.order_id, by_line.order_id, same.order_id) IS NOT NULL
            AS order_known
    FROM latest_refunds AS r
    LEFT JOIN all_orders AS o ON o.platform = r.platform AND o.order_id = r.order_id
    LEFT JOIN line_owners AS by_id
        ON by_id.platform = r.platform AND by_id.line_id = r.order_id
    LEFT JOIN line_owners AS by_line
        ON r.order_id IS NULL AND by_line.platform = r.platform AND by_line.line_id = r.line_id
    LEFT JOIN all_orders AS same
        ON r.order_id IS NULL AND same.platform = r.platform AND same.order_id = r.line_id
    WHERE $known
),
sku_lines AS (
    SELECT l.platform, l.order_id, l.sku_id, min(l.line_id) AS line_id
    FROM latest_order_lines AS l
    SEMI JOIN owned AS r
        ON r.platform = l.platform AND r.owner = l.order_id AND r.sku_id = l.sku_id
    GROUP BY l.platform, l.order_id, l.sku_id
    HAVING min(l.line_id) = max(l.line_id)
)
SELECT
    $columns,
    r.order_known,
    x.order_id IS NOT NULL AS order_excluded,
    CASE
        WHEN r.status = 'success' AND coalesce(r.kind NOT IN $no_money_back, TRUE) AND $succeeded
            THEN r.amount_fen
        ELSE 0
    END AS reduces_fen,
    $row
FROM owned AS r
LEFT JOIN sku_lines AS s
    ON s.platform = r.platform AND s.order_id = r.owner AND s.sku_id = r.sku_id
LEFT JOIN left_out_orders AS x ON x.platform = r.platform AND x.order_id = r.owner
""")

_REFUND_SUMS = """
SELECT platform, order_id,
    CAST(sum(reduces_fen) AS BIGINT) AS refunded_fen,
    bool_or(reduces_fen > 0) AS gave_back
FROM refunds
GROUP BY platform, order_id
"""

_NET_SETTLED = Template("""
SELECT platform, order_id, CAST(sum(merchant_net_fen) AS BIGINT) AS merchant_net_fen
FROM owned_sources
WHERE merchant_net_fen IS NOT NULL AND $known
GROUP BY platform, order_id
""")

_VALUED = Template("""
WITH paid AS (
    SELECT o.*,
        coalesce(o.deposit_paid_at, o.paid_at, o.created_at) AS attributed_at,
        coalesce(r.refunded_fen, 0) AS refunded_fen,
        coalesce(
            o.status IN $paid
            OR (o.paid_at IS NOT NULL AND o.status NOT IN $unpaid)
            -- Closed unpaid, or paid and given back? Its payment tells, else its refund; that of
            -- a deposit tells of no more than the deposit.
            OR (o.status = 'refund_closed' AND o.deposit_paid_at IS NULL AND r.gave_back),
            FALSE
        ) AS is_paid
    FROM judged_orders AS o
    LEFT JOIN refund_sums AS r ON r.platform = o.platform AND r.order_id = o.order_id
    WHERE o.why IS NULL
),
summed AS (
    SELECT p.*,
        l.order_id IS NOT NULL AS has_lines,
        coalesce(l.earning_fen, 0) AS earning_fen,
        coalesce(l.given_fen, 0) AS given_fen,
        l.discount_platform_fen AS lines_discount_fen,
        l.category AS main_category,
        n.merchant_net_fen AS settled_fen
    FROM paid AS p
    LEFT JOIN line_sums AS l ON l.platform = p.platform AND l.order_id = p.order_id
    LEFT JOIN settled_net AS n ON n.platform = p.platform AND n.order_id = p.order_id
)
SELECT *,
    CASE WHEN is_paid THEN coalesce(paid_at, created_at) END AS booked_at,
    CASE
        WHEN is_paid
            THEN paid_fen - least(given_fen, greatest(paid_fen - earning_fen, 0))
        ELSE 0
    END AS gross_fen
FROM summed
""")

_NET_ORDERS = """
SELECT *, greatest(gross_fen - refunded_fen, 0) AS net_fen FROM valued_orders
"""

_ORDERS = Template("""
SELECT
    $columns,
    i.person_id,
    o.known_from,
    o.attributed_at,
    o.booked_at,
    $booked_day AS booked_day,
    o.is_paid,
    o.main_category AS category,
    o.gross_fen,
    o.refunded_fen,
    o.net_fen,
    CAST(round(o.net_fen * coalesce(k.kept, 1)) AS BIGINT) AS net_expected_fen,
    CASE WHEN o.has_lines THEN o.earning_fen END AS lines_paid_fen,
    CASE
        WHEN o.has_lines AND o.paid_fen = o.earning_fen + o.given_fen THEN 0  -- freight within
        WHEN o.has_lines
            THEN o.paid_fen - o.earning_fen - o.given_fen - coalesce(o.freight_fen, 0)
    END AS residual_fen,
    nullif(concat_ws(';',
        CASE WHEN o.is_paid AND o.refunded_fen > o.gross_fen THEN 'refund_above_paid' END,
        CASE WHEN o.is_paid AND o.net_fen > 0 AND o.status IN ('refund_closed', 'cancelled')
            THEN 'closed_without_refund' END,
        CASE WHEN o.is_paid AND o.paid_at IS NULL THEN 'booked_at_creation' END,
        CASE WHEN o.is_shared THEN 'amount_shared_by_erp' END
    ), '') AS revenue_note,
    $row
FROM net_orders AS o
LEFT JOIN identities AS i
    ON i.id_hash = o._identifier
    AND (i.valid_from IS NULL OR o.attributed_at >= i.valid_from)
    AND (i.valid_to IS NULL OR o.attributed_at < i.valid_to)
LEFT JOIN kept_shares AS k ON k.platform = o.platform AND k.order_id = o.order_id
""")


def refund_steps(options: ViewOptions) -> list[Step]:
    """Return the steps that put every refund under its order."""
    return [
        Step(
            "refunds",
            "refunds with their order, found by its number, by the line's, or by order and goods",
            _REFUNDS.substitute(
                columns=public(
                    "refunds",
                    "r",
                    {"order_id": "r.owner", "line_id": "coalesce(r.line_id, s.line_id)"},
                ),
                known=until("r.applied_at", options.as_of),
                succeeded=until("coalesce(r.final_at, r.updated_at, r.applied_at)", options.as_of),
                no_money_back=in_list(_NO_MONEY_BACK),
                row=provenance("r"),
            ),
        ),
        Step("refund_sums", "what was given back of each order", _REFUND_SUMS),
    ]


def revenue_steps(options: ViewOptions) -> list[Step]:
    """Return the steps that say what every order earned up to now."""
    return [
        Step(
            "line_sums",
            "what the lines of an order earned, what they gave away, and its main category",
            _LINE_SUMS.substitute(not_revenue=in_list(NOT_REVENUE)),
        ),
        Step(
            "settled_net",
            "what the merchant was paid out for an order",
            _NET_SETTLED.substitute(known=until("settled_at", options.as_of)),
        ),
        Step(
            "valued_orders",
            "gross revenue: what was paid is the truth; of it, what earning lines do not explain "
            "is first taken for lines given away",
            _VALUED.substitute(paid=in_list(_PAID), unpaid=in_list(_UNPAID)),
        ),
        Step("net_orders", "net to date: never below nothing", _NET_ORDERS),
    ]


def order_view_steps(options: ViewOptions) -> list[Step]:
    """Return the step that shows orders, once `kept_shares` says what is still to come back."""
    return [
        Step(
            "orders",
            "one row for every order, with its person and its revenue three ways",
            _ORDERS.substitute(
                columns=public(
                    "orders",
                    "o",
                    {
                        "discount_platform_fen": "coalesce(o.discount_platform_fen, "
                        "o.lines_discount_fen)",
                        "merchant_net_fen": "coalesce(o.merchant_net_fen, o.settled_fen)",
                    },
                ),
                booked_day=day_of("o.booked_at", options.timezone),
                row=provenance("o"),
            ),
        )
    ]
