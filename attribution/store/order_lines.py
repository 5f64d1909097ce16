"""The lines of an order, with what an alliance, a sharer, the ERP and the product list add."""

from __future__ import annotations

from string import Template

from attribution.store.steps import (
    NOT_REVENUE,
    Step,
    ViewOptions,
    in_list,
    nulls,
    provenance,
    public,
    until,
)

__all__ = ["line_steps"]

_LEFT_OUT = Template("""
SELECT platform, order_id FROM judged_orders WHERE why IS NOT NULL
UNION
SELECT platform, order_id FROM latest_orders WHERE NOT $known
""")

_PRODUCTS_BY_SKU = """
SELECT merchant_sku, min_by(category, product_id) AS category, min_by(cost_fen, product_id) AS
    cost_fen
FROM latest_products
WHERE merchant_sku IS NOT NULL
GROUP BY merchant_sku
"""

_ERP_LINE_ROWS = """
SELECT
    m.platform, m.order_id,
    coalesce(l.line_id, l.merchant_sku, l.erp_order_id) AS line_id,
    l.merchant_sku, l.qty, l.paid_fen, l.unit_cost_fen, l.line_kind,
    l._source, l._file, l._row, l._batch
FROM latest_erp_lines AS l
JOIN erp_shares AS m
    ON m.erp = coalesce(l.erp, 'erp') AND m.erp_order_id = l.erp_order_id
    AND (m.order_id = l.order_id OR (l.order_id IS NULL AND m.members = 1))
"""

_ERP_COSTS = """
SELECT
    platform, order_id, line_id, merchant_sku,
    CAST(round(sum(unit_cost_fen * coalesce(qty, 1)) / sum(coalesce(qty, 1))) AS BIGINT)
        AS unit_cost_fen
FROM erp_line_rows
WHERE unit_cost_fen IS NOT NULL AND coalesce(qty, 1) > 0
GROUP BY GROUPING SETS (
    (platform, order_id, line_id), (platform, order_id, merchant_sku)
)
"""

_BASE_LINES = Template("""
SELECT $columns, l._alias_type, l._alias_value, $row
FROM latest_order_lines AS l
ANTI JOIN left_out_orders AS x ON x.platform = l.platform AND x.order_id = l.order_id
UNION ALL
SELECT $erp_columns, NULL, NULL, $erp_row
FROM (
    SELECT
        platform, order_id, line_id, min(merchant_sku) AS merchant_sku,
        CAST(sum(qty) AS BIGINT) AS qty, CAST(coalesce(sum(paid_fen), 0) AS BIGINT) AS paid_fen,
        min(line_kind) AS line_kind,
        first(_source ORDER BY _source, _file, _row, _batch) AS _source,
        first(_file ORDER BY _source, _file, _row, _batch) AS _file,
        first(_row ORDER BY _source, _file, _row, _batch) AS _row,
        first(_batch ORDER BY _source, _file, _row, _batch) AS _batch
    FROM erp_line_rows
    GROUP BY platform, order_id, line_id
) AS e
ANTI JOIN left_out_orders AS x ON x.platform = e.platform AND x.order_id = e.order_id
ANTI JOIN latest_order_lines AS l ON l.platform = e.platform AND l.order_id = e.order_id
""")

_LINE_OWNERS = """
SELECT platform, line_id, min(order_id) AS order_id
FROM latest_order_lines
WHERE line_id IN (
    SELECT line_id FROM latest_refunds UNION SELECT order_id FROM latest_refunds
    UNION SELECT order_id FROM latest_order_sources
    UNION SELECT line_id FROM latest_platform_claims
    UNION SELECT order_id FROM latest_platform_claims
    UNION SELECT scope_id FROM latest_costs
)
GROUP BY platform, line_id
HAVING min(order_id) = max(order_id)
"""

# A row that names its order belongs there, known or not: its line number may be another order's.
_OWNED_SOURCES = """
WITH named AS (
    SELECT
        s.* REPLACE (
            coalesce(o.order_id, by_id.order_id, s.order_id) AS order_id,
            CASE
                WHEN o.order_id IS NULL AND by_id.order_id IS NOT NULL THEN s.order_id
                ELSE s.line_id
            END AS line_id
        ),
        s.order_id AS told_order_id,
        s.line_id AS told_line_id
    FROM latest_order_sources AS s
    LEFT JOIN all_orders AS o ON o.platform = s.platform AND o.order_id = s.order_id
    LEFT JOIN line_owners AS by_id ON by_id.platform = s.platform AND by_id.line_id = s.order_id
)
SELECT * EXCLUDE (told_order_id, told_line_id),
    row_number() OVER (
        PARTITION BY platform, order_id
        ORDER BY content_id IS NULL, content_form IS NULL, updated_at DESC NULLS LAST,
            told_by, told_order_id, told_line_id, _source, _file, _row, _batch
    ) AS nth
FROM named
"""

_LINE_SOURCES = """
WITH placed AS (
    SELECT s.* REPLACE (CASE WHEN l.line_id IS NOT NULL THEN s.line_id END AS line_id),
        a.streamer_id AS known_streamer
    FROM owned_sources AS s
    LEFT JOIN latest_order_lines AS l
        ON l.platform = s.platform AND l.order_id = s.order_id AND l.line_id = s.line_id
    LEFT JOIN latest_streamer_aliases AS a
        ON a.platform = s.platform AND a.id_type = s._alias_type AND a.value = s._alias_value
)
SELECT
    platform, order_id, line_id,
    min_by(nullif(content_form, 'unknown'), nth)
        FILTER (WHERE nullif(content_form, 'unknown') IS NOT NULL) AS content_form,
    min_by(content_id, nth) FILTER (WHERE content_id IS NOT NULL) AS content_id,
    min_by(nullif(sales_mode, 'unknown'), nth)
        FILTER (WHERE nullif(sales_mode, 'unknown') IS NOT NULL) AS sales_mode,
    min_by(known_streamer, nth) FILTER (WHERE known_streamer IS NOT NULL) AS streamer_id,
    bool_or(_alias_value IS NOT NULL) AS has_alias
FROM placed
GROUP BY platform, order_id, line_id
"""

# Of what a line says itself and what its source says, the line's own word comes first.
_ORDER_LINES = Template("""
WITH joined AS (
    SELECT
        l.*,
        coalesce(nullif(l.content_form, 'unknown'),
            CASE WHEN l.room_id IS NOT NULL THEN 'live'
                WHEN l.video_id IS NOT NULL THEN 'short_video' END) AS own_form,
        coalesce(s.content_form, w.content_form) AS source_form,
        coalesce(s.content_id, w.content_id) AS source_content,
        coalesce(s.sales_mode, w.sales_mode) AS source_mode,
        coalesce(s.streamer_id, w.streamer_id) AS source_streamer,
        coalesce(s.has_alias, FALSE) OR coalesce(w.has_alias, FALSE) OR l._alias_value IS NOT NULL
            AS has_alias,
        a.streamer_id AS own_streamer,
        coalesce(l.unit_cost_fen, c.unit_cost_fen, k.unit_cost_fen, p.cost_fen, q.cost_fen)
            AS known_cost,
        coalesce(l.category, p.category, q.category) AS known_category
    FROM base_lines AS l
    LEFT JOIN line_sources AS s
        ON s.platform = l.platform AND s.order_id = l.order_id AND s.line_id = l.line_id
    LEFT JOIN line_sources AS w
        ON w.platform = l.platform AND w.order_id = l.order_id AND w.line_id IS NULL
    LEFT JOIN latest_streamer_aliases AS a
        ON a.platform = l.platform AND a.id_type = l._alias_type AND a.value = l._alias_value
    LEFT JOIN erp_costs AS c
        ON c.platform = l.platform AND c.order_id = l.order_id AND c.line_id = l.line_id
    LEFT JOIN erp_costs AS k
        ON k.platform = l.platform AND k.order_id = l.order_id AND k.merchant_sku = l.merchant_sku
    LEFT JOIN latest_products AS p ON p.product_id = l.product_id
    LEFT JOIN products_by_sku AS q ON q.merchant_sku = l.merchant_sku
),
placed AS (
    SELECT *,
        coalesce(own_form, source_form) AS form,
        coalesce(content_id, room_id, video_id,
            CASE WHEN own_form IS NULL OR own_form = source_form THEN source_content END) AS content
    FROM joined
),
roomed AS (
    SELECT *,
        coalesce(room_id, CASE WHEN form = 'live' THEN content END) AS room,
        coalesce(video_id, CASE WHEN form = 'short_video' THEN content END) AS video
    FROM placed
)
SELECT
    $columns,
    coalesce(l.line_kind NOT IN $not_revenue, TRUE) AS is_revenue,
    $row
FROM roomed AS l
LEFT JOIN session_hosts AS h ON h.platform = l.platform AND h.session_id = l.room
""")


def line_steps(options: ViewOptions) -> list[Step]:
    """Return the steps that make the lines of orders."""
    return [
        Step(
            "left_out_orders",
            "orders whose lines do not count: excluded ones and those after as_of",
            _LEFT_OUT.substitute(known=until("created_at", options.as_of)),
        ),
        Step("products_by_sku", "one product for each merchant's code", _PRODUCTS_BY_SKU),
        Step(
            "erp_line_rows", "lines of the ERP under the platform order they fill", _ERP_LINE_ROWS
        ),
        Step(
            "erp_costs",
            "what a unit cost, by line number and by merchant's code, weighted by quantity",
            _ERP_COSTS,
        ),
        Step(
            "base_lines",
            "lines of the platforms, and of the ERP where no platform file gives an order's lines",
            _BASE_LINES.substitute(
                columns=public("order_lines", "l"),
                row=provenance("l"),
                erp_columns=public(
                    "order_lines",
                    "e",
                    nulls("order_lines")
                    | {
                        name: f"e.{name}"
                        for name in (
                            "line_id",
                            "order_id",
                            "platform",
                            "merchant_sku",
                            "qty",
                            "paid_fen",
                            "line_kind",
                        )
                    },
                ),
                erp_row=provenance("e"),
            ),
        ),
        Step(
            "line_owners",
            "the order of a line that a refund, a source or a claim names; a line number that "
            "several orders use names none",
            _LINE_OWNERS,
        ),
        Step(
            "owned_sources",
            "alliance, sharer and settlement rows under their order: some name it by its line",
            _OWNED_SOURCES,
        ),
        Step("line_sources", "what those rows say of a line, or of a whole order", _LINE_SOURCES),
        Step(
            "order_lines",
            "one row for every line, with form, room, streamer, cost and whether it earns",
            _ORDER_LINES.substitute(
                columns=public(
                    "order_lines",
                    "l",
                    {
                        "category": "l.known_category",
                        "unit_cost_fen": "l.known_cost",
                        "content_form": "coalesce(l.form, l.content_form)",
                        "content_id": "l.content",
                        "room_id": "l.room",
                        "video_id": "l.video",
                        "sales_mode": "coalesce(nullif(l.sales_mode, 'unknown'), l.source_mode, "
                        "l.sales_mode)",
                        "streamer_id": "coalesce(l.streamer_id, l.own_streamer, l.source_streamer, "
                        "h.streamer_id, CASE WHEN l.has_alias THEN 'unknown' END)",
                    },
                ),
                not_revenue=in_list(NOT_REVENUE),
                row=provenance("l"),
            ),
        ),
    ]
