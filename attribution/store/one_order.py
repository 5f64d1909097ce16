"""One order: what platforms and ERP tell of the same order, brought together once.

An ERP merges several platform orders into one of its own, splits one into several, and adds
re-ships and exchanges. A platform's row decides what an order is; the ERP adds its own number,
and the orders that no platform file tells of.
"""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

from attribution.store.steps import (
    Step,
    ViewOptions,
    day_of,
    in_list,
    literal,
    nulls,
    provenance,
    public,
    until,
)

if TYPE_CHECKING:
    from attribution.workspace import Exclude

__all__ = ["order_steps", "reconciliation_steps"]

# A mapping that names no ERP means the only one.
_KNOWN_ERP_ORDERS = Template("""
SELECT * REPLACE (coalesce(erp, 'erp') AS erp, $paid_at AS paid_at)
FROM latest_erp_orders
WHERE $known
""")

_ERP_ROWS = Template(r"""
WITH current_rows AS (
    SELECT * FROM (
        SELECT *, max(updated_at) OVER (PARTITION BY erp, erp_order_id) AS newest
        FROM known_erp_orders
    ) AS dated
    WHERE updated_at IS NULL OR updated_at = newest
),
named AS (
    SELECT *, 0 AS rank FROM current_rows
    UNION ALL
    SELECT * EXCLUDE (merged_id) REPLACE (trim(merged_id) AS order_id), 1 AS rank
    FROM (
        SELECT c.* , m.merged_id
        FROM current_rows AS c,
            LATERAL (SELECT unnest(string_split_regex(c.merged_ids, '[,;，；|\s]+')) AS merged_id)
                AS m
    ) AS split_ids
    WHERE trim(merged_id) <> ''
),
single AS (
    SELECT * FROM (
        SELECT *,
            row_number() OVER (
                PARTITION BY erp, erp_order_id, order_id ORDER BY rank, _source, _file, _row, _batch
            ) AS nth,
            count(order_id) OVER (PARTITION BY erp, erp_order_id) AS named_ids
        FROM named
    ) AS ranked
    WHERE nth = 1 AND (order_id IS NOT NULL OR named_ids = 0)
)
SELECT
    erp, erp_order_id,
    coalesce(order_id, erp_order_id) AS order_id,
    nullif(platform, 'other') AS platform,
    max(nullif(platform, 'other')) OVER (PARTITION BY coalesce(order_id, erp_order_id))
        AS platform_elsewhere,
    shop_id, created_at, paid_at, updated_at, paid_fen, id_type, id_value, _identifier, _excluded,
    _source, _file, _row, _batch
FROM single
""")

_ERP_MATCHED = """
SELECT * FROM (
    SELECT
        e.* REPLACE (
            coalesce(o.platform, e.platform, e.platform_elsewhere, 'other') AS platform
        ),
        o.order_id IS NOT NULL AS on_platform,
        o.paid_fen AS platform_paid_fen,
        row_number() OVER (
            PARTITION BY e.erp, e.erp_order_id, e.order_id ORDER BY o.platform
        ) AS nth
    FROM erp_rows AS e
    LEFT JOIN known_orders AS o
        ON o.order_id = e.order_id AND (e.platform IS NULL OR e.platform = o.platform)
    WHERE e._excluded IS NULL
) AS candidates
WHERE nth = 1
"""

_ERP_SHARES = """
WITH stated AS (
    SELECT coalesce(erp, 'erp') AS erp, erp_order_id, order_id,
        CAST(sum(paid_fen) AS BIGINT) AS lines_fen
    FROM latest_erp_lines
    WHERE order_id IS NOT NULL
    GROUP BY ALL
),
whole AS (
    SELECT
        m.*, l.lines_fen,
        count(*) OVER booked AS members,
        min(m.paid_fen) OVER booked <> max(m.paid_fen) OVER booked AS each_states_its_own,
        CAST(sum(m.paid_fen) OVER booked AS BIGINT) AS sum_fen
    FROM erp_matched AS m
    LEFT JOIN stated AS l
        ON l.erp = m.erp AND l.erp_order_id = m.erp_order_id AND l.order_id = m.order_id
    WINDOW booked AS (PARTITION BY m.erp, m.erp_order_id)
),
based AS (
    SELECT *,
        CASE
            WHEN members = 1 OR each_states_its_own THEN paid_fen
            ELSE coalesce(lines_fen, platform_paid_fen)
        END AS base_fen,
        CASE WHEN each_states_its_own THEN sum_fen ELSE paid_fen END AS total_fen
    FROM whole
),
rest AS (
    SELECT *,
        total_fen - coalesce(CAST(sum(base_fen) OVER booked AS BIGINT), 0) AS rest_fen,
        members - count(base_fen) OVER booked AS unknown,
        row_number() OVER (
            PARTITION BY erp, erp_order_id, base_fen IS NULL ORDER BY order_id
        ) AS nth_alike
    FROM based
    WINDOW booked AS (PARTITION BY erp, erp_order_id)
)
SELECT * EXCLUDE (nth, lines_fen, each_states_its_own, sum_fen, base_fen, total_fen, rest_fen,
        unknown, nth_alike),
    CASE
        WHEN base_fen IS NULL
            THEN greatest(rest_fen, 0) // unknown
                + CAST(nth_alike <= greatest(rest_fen, 0) % unknown AS BIGINT)
        WHEN nth_alike = 1 AND (unknown = 0 OR rest_fen < 0) THEN base_fen + rest_fen
        ELSE base_fen
    END AS share_fen,
    base_fen IS NULL AS is_shared
FROM rest
"""

_ERP_BY_ORDER = """
WITH ranked AS (
    SELECT *,
        row_number() OVER (
            PARTITION BY platform, order_id ORDER BY erp, erp_order_id, _source, _file, _row, _batch
        ) AS nth
    FROM erp_shares
)
SELECT
    platform, order_id,
    string_agg(DISTINCT erp_order_id, ';' ORDER BY erp_order_id) AS erp_order_id,
    CAST(sum(share_fen) AS BIGINT) AS erp_paid_fen,
    bool_or(is_shared) AS is_shared,
    bool_or(on_platform) AS on_platform,
    min(created_at) AS created_at, min(paid_at) AS paid_at, max(updated_at) AS updated_at,
    min_by(shop_id, nth) FILTER (WHERE shop_id IS NOT NULL) AS shop_id,
    min_by(id_type, nth) FILTER (WHERE id_value IS NOT NULL) AS id_type,
    min_by(id_value, nth) FILTER (WHERE id_value IS NOT NULL) AS id_value,
    min_by(_identifier, nth) FILTER (WHERE _identifier IS NOT NULL) AS _identifier,
    min_by(_source, nth) AS _source, min_by(_file, nth) AS _file, min_by(_row, nth) AS _row,
    min_by(_batch, nth) AS _batch
FROM ranked
GROUP BY platform, order_id
"""

_ALL_ORDERS = Template("""
SELECT
    $platform_columns,
    CASE WHEN e.order_id IS NULL THEN 'platform' ELSE 'both' END AS known_from,
    e.erp_paid_fen,
    e.paid_at AS erp_paid_at,
    FALSE AS is_shared,
    coalesce(o._identifier, e._identifier) AS _identifier,
    o._excluded,
    $platform_provenance
FROM known_orders AS o
LEFT JOIN erp_by_order AS e ON e.platform = o.platform AND e.order_id = o.order_id
UNION ALL
SELECT
    $erp_columns,
    'erp' AS known_from,
    e.erp_paid_fen,
    e.paid_at AS erp_paid_at,
    e.is_shared,
    e._identifier,
    NULL AS _excluded,
    $erp_provenance
FROM erp_by_order AS e
WHERE NOT e.on_platform
""")

_JUDGED_ORDERS = Template("""
SELECT *, $why AS why FROM all_orders
""")

_EXCLUDED_ORDERS = Template("""
SELECT
    platform, order_id, erp_order_id, why, known_from, paid_fen, created_at, paid_at, $row
FROM judged_orders AS o
WHERE why IS NOT NULL
UNION ALL
SELECT
    coalesce(platform, 'other') AS platform, order_id, erp_order_id, _excluded AS why,
    'erp' AS known_from, paid_fen, created_at, paid_at, $erp_row
FROM erp_rows AS e
WHERE _excluded IS NOT NULL
""")

_RECONCILIATION = Template("""
WITH sides AS (
    SELECT platform, paid_fen, erp_paid_fen,
        $day AS day,
        is_paid AND known_from <> 'erp' AS on_platform,
        known_from <> 'platform' AND (is_paid OR erp_paid_at IS NOT NULL) AS in_erp
    FROM valued_orders
)
SELECT
    day, platform,
    count(*) FILTER (WHERE on_platform) AS platform_orders,
    count(*) FILTER (WHERE in_erp) AS erp_orders,
    count(*) FILTER (WHERE on_platform AND NOT in_erp) AS only_platform,
    count(*) FILTER (WHERE in_erp AND NOT on_platform) AS only_erp,
    CAST(coalesce(sum(paid_fen) FILTER (WHERE on_platform), 0) AS BIGINT) AS platform_paid_fen,
    CAST(coalesce(sum(erp_paid_fen) FILTER (WHERE in_erp), 0) AS BIGINT) AS erp_paid_fen,
    CAST(coalesce(sum(paid_fen) FILTER (WHERE on_platform), 0)
        - coalesce(sum(erp_paid_fen) FILTER (WHERE in_erp), 0) AS BIGINT) AS difference_fen
FROM sides
WHERE on_platform OR in_erp
GROUP BY day, platform
ORDER BY day, platform
""")

# What an order of the ERP alone says in each column; the rest of them it does not say.
_FROM_ERP = {
    "order_id": "e.order_id",
    "platform": "e.platform",
    "shop_id": "e.shop_id",
    "erp_order_id": "e.erp_order_id",
    "id_type": "e.id_type",
    "id_value": "e.id_value",
    "status": "CASE WHEN e.paid_at IS NULL THEN 'created' ELSE 'paid' END",
    "created_at": "coalesce(e.created_at, e.paid_at, e.updated_at)",
    "paid_at": "e.paid_at",
    "updated_at": "e.updated_at",
    "paid_fen": "e.erp_paid_fen",
}


def order_steps(options: ViewOptions) -> list[Step]:
    """Return the steps from rows of platforms and ERP to one row for every order."""
    return [
        _known_orders(options.as_of),
        Step(
            "known_erp_orders",
            "rows of the ERP up to as_of; a later payment has not happened yet",
            _KNOWN_ERP_ORDERS.substitute(
                paid_at=f"CASE WHEN {until('paid_at', options.as_of)} THEN paid_at END",
                known=until("coalesce(created_at, paid_at)", options.as_of),
            ),
        ),
        Step(
            "erp_rows",
            "one row for each platform order that an ERP order holds: the rows of its newest "
            "state, and the orders named among the merged ones",
            _ERP_ROWS.substitute(),
        ),
        Step(
            "erp_matched",
            "the platform's order each ERP row is about, by its number, and by platform where the "
            "ERP or another row of it names one; re-ships and the like are about none",
            _ERP_MATCHED,
        ),
        Step(
            "erp_shares",
            "how much of an ERP order's amount belongs to each platform order it holds: what its "
            "row or lines state, else what the platform says was paid; the unknown share the rest",
            _ERP_SHARES,
        ),
        Step("erp_by_order", "all ERP orders of one platform order, together", _ERP_BY_ORDER),
        Step(
            "all_orders",
            "orders of the platforms, and those only the ERP tells of",
            _ALL_ORDERS.substitute(
                platform_columns=public(
                    "orders",
                    "o",
                    {
                        "erp_order_id": "coalesce(e.erp_order_id, o.erp_order_id)",
                        "id_type": "CASE WHEN o.id_value IS NULL THEN e.id_type ELSE o.id_type END",
                        "id_value": "coalesce(o.id_value, e.id_value)",
                    },
                ),
                platform_provenance=provenance("o"),
                erp_columns=public("orders", "e", nulls("orders") | _FROM_ERP),
                erp_provenance=provenance("e"),
            ),
        ),
        Step(
            "judged_orders",
            "why an order is none, if it is: its mapping's mark, else the first rule that holds",
            _JUDGED_ORDERS.substitute(why=_why(options.excludes)),
        ),
        Step(
            "excluded_orders",
            "orders left out everywhere else, and why",
            _EXCLUDED_ORDERS.substitute(row=provenance("o"), erp_row=provenance("e")),
        ),
    ]


def reconciliation_steps(options: ViewOptions) -> list[Step]:
    """Return the step that sets paid orders of the platforms beside those of the ERP."""
    return [
        Step(
            "order_reconciliation",
            "paid orders and amounts by day of payment, platform against ERP",
            _RECONCILIATION.substitute(
                day=day_of("coalesce(booked_at, erp_paid_at, attributed_at)", options.timezone)
            ),
        )
    ]


def _known_orders(as_of: int | None) -> Step:
    """Orders as they were known to stand at `as_of`: what happened later has not happened."""
    why = "orders made up to as_of; a later payment has not happened yet"
    if as_of is None:
        return Step("known_orders", why, "SELECT * FROM latest_orders")
    text = Template("""
SELECT * REPLACE (
    CASE
        WHEN paid_at <= $as_of OR paid_at IS NULL THEN status
        WHEN deposit_paid_at <= $as_of THEN 'partially_paid'
        ELSE 'created'
    END AS status,
    CASE WHEN paid_at <= $as_of THEN paid_at END AS paid_at,
    CASE WHEN deposit_paid_at <= $as_of THEN deposit_paid_at END AS deposit_paid_at,
    CASE WHEN completed_at <= $as_of THEN completed_at END AS completed_at
)
FROM latest_orders
WHERE created_at IS NULL OR created_at <= $as_of
""")
    return Step("known_orders", why, text.substitute(as_of=as_of))


def _why(rules: tuple[Exclude, ...]) -> str:
    cases = []
    for rule in rules:
        conditions = [f"{name} IN {in_list(values)}" for name, values in rule.where]
        if rule.paid_at_most_fen is not None:
            conditions.append(f"paid_fen <= {rule.paid_at_most_fen}")
        cases.append(f"WHEN {' AND '.join(conditions)} THEN {literal(rule.why)}")
    return f"CASE WHEN _excluded IS NOT NULL THEN _excluded {' '.join(cases)} END"
