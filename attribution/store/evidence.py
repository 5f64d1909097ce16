"""Who was touched by what: streamers by their aliases, sessions, touchpoints, costs and claims."""

from __future__ import annotations

from string import Template

from attribution.store.steps import (
    Step,
    ViewOptions,
    day_of,
    nulls,
    provenance,
    public,
    until,
)
from attribution.store.tables import TABLES

__all__ = ["alias_steps", "evidence_steps", "host_steps", "later_steps", "plain_steps"]

_AT = {
    "refunds": "applied_at",
    "touchpoints": '"at"',
    "costs": 'coalesce("at", "from")',
    "platform_claims": "touch_at",
    "sessions": "start_at",
    "session_products": "explain_from",
    "orders": "created_at",
    "erp_orders": "coalesce(created_at, paid_at)",
}

_HOSTS = """
SELECT platform, session_id, streamer_id,
    TRY_CAST(json_extract_string(
        streamer_shares, '/' || replace(replace(streamer_id, '~', '~0'), '/', '~1')
    ) AS DOUBLE) AS share
FROM (
    SELECT platform, session_id, streamer_shares,
        unnest(CASE WHEN json_valid(streamer_shares) THEN json_keys(streamer_shares) END)
            AS streamer_id
    FROM latest_sessions
) AS listed
"""

_MAIN_HOSTS = """
WITH loudest AS (
    SELECT platform, session_id, first(streamer_id ORDER BY share DESC, streamer_id) AS streamer_id
    FROM session_shares
    GROUP BY platform, session_id
)
SELECT s.platform, s.session_id,
    coalesce(s.streamer_id, a.streamer_id, l.streamer_id,
        CASE WHEN s._alias_value IS NOT NULL THEN 'unknown' END) AS streamer_id
FROM latest_sessions AS s
LEFT JOIN latest_streamer_aliases AS a
    ON a.platform = s.platform AND a.id_type = s._alias_type AND a.value = s._alias_value
LEFT JOIN loudest AS l ON l.platform = s.platform AND l.session_id = s.session_id
"""

_SESSIONS = Template("""
SELECT $columns, $day AS day, $row
FROM latest_sessions AS s
LEFT JOIN session_hosts AS h ON h.platform = s.platform AND h.session_id = s.session_id
WHERE $known
""")

# A cost or a claim names its streamer itself, through an alias, or through its session.
_NAMED = Template("""
SELECT $columns, $extra, $row
FROM $table AS t
LEFT JOIN latest_streamer_aliases AS a
    ON a.platform = t.platform AND a.id_type = t._alias_type AND a.value = t._alias_value
LEFT JOIN session_hosts AS h ON h.platform = t.platform AND h.session_id = $session
$joins
WHERE $known
""")

_CLAIM_ORDERS = """
LEFT JOIN all_orders AS o ON o.platform = t.platform AND o.order_id = t.order_id
LEFT JOIN line_owners AS by_id ON by_id.platform = t.platform AND by_id.line_id = t.order_id
LEFT JOIN line_owners AS by_line
    ON t.order_id IS NULL AND by_line.platform = t.platform AND by_line.line_id = t.line_id
"""

# Of a commission, an alliance tells the estimate and a settlement the bill, which has a number.
_OWNED_COSTS = Template("""
SELECT t.*,
    CASE
        WHEN t.scope IN ('line', 'order') THEN coalesce(o.order_id, l.order_id, t.scope_id)
    END AS owner
FROM latest_costs AS t
LEFT JOIN all_orders AS o ON o.platform = t.platform AND o.order_id = t.scope_id
LEFT JOIN line_owners AS l ON l.platform = t.platform AND l.line_id = t.scope_id
WHERE $known
""")

_JUDGED_COSTS = """
WITH bills AS (
    SELECT * FROM owned_costs
    WHERE state = 'settled' AND source_doc IS NOT NULL AND owner IS NOT NULL
),
by_scope AS (
    SELECT platform, kind, owner, scope_id, min(source_doc) AS bill FROM bills GROUP BY ALL
),
by_order AS (
    SELECT platform, kind, owner,
        min(source_doc) FILTER (WHERE scope = 'order') AS whole_bill,
        min(source_doc) FILTER (WHERE scope = 'order' OR amount_fen <> 0) AS some_bill
    FROM bills
    GROUP BY ALL
),
unbilled AS (
    SELECT *,
        min(scope_id) OVER same_order = max(scope_id) OVER same_order AS stands_alone
    FROM owned_costs
    WHERE source_doc IS NULL AND owner IS NOT NULL
    WINDOW same_order AS (PARTITION BY platform, kind, owner)
)
SELECT t.platform, t.cost_id,
    coalesce(
        s.bill, w.whole_bill,
        CASE
            WHEN t.scope = 'order' OR (t.scope_id = t.owner AND t.stands_alone) THEN w.some_bill
        END
    ) AS replaced_by
FROM unbilled AS t
LEFT JOIN by_scope AS s
    ON s.platform = t.platform AND s.kind = t.kind AND s.owner = t.owner
    AND s.scope_id = t.scope_id
LEFT JOIN by_order AS w
    ON w.platform = t.platform AND w.kind = t.kind AND w.owner = t.owner
"""

_ORDER_EVIDENCE = Template("""
WITH evident AS (
    SELECT l.*, o.attributed_at, o.person_id, o.id_type, o.id_value,
        coalesce(l.content_form, 'unknown') AS form,
        row_number() OVER (
            PARTITION BY l.platform, l.order_id, l.room_id, l.video_id, l.content_id, l.streamer_id,
                CASE WHEN coalesce(l.content_id, l.streamer_id) IS NULL THEN l.content_form END
            ORDER BY l.is_revenue DESC, l.line_id
        ) AS nth
    FROM order_lines AS l
    JOIN orders AS o ON o.platform = l.platform AND o.order_id = l.order_id
    WHERE o.attributed_at IS NOT NULL
        AND (l.content_id IS NOT NULL OR l.streamer_id IS NOT NULL
            OR coalesce(l.content_form, 'unknown') <> 'unknown'
            OR l.sales_mode = 'alliance')
)
SELECT $columns, l.person_id, l.order_id, $row
FROM evident AS l
WHERE nth = 1
""")

_TOUCHPOINTS = Template("""
SELECT $columns, i.person_id, CAST(NULL AS VARCHAR) AS order_id, $row
FROM latest_touchpoints AS t
LEFT JOIN latest_streamer_aliases AS a
    ON a.platform = t.platform AND a.id_type = t._alias_type AND a.value = t._alias_value
LEFT JOIN session_hosts AS h ON h.platform = t.platform AND h.session_id = t.session_id
LEFT JOIN identities AS i
    ON i.id_hash = t._identifier
    AND (i.valid_from IS NULL OR t.at >= i.valid_from)
    AND (i.valid_to IS NULL OR t.at < i.valid_to)
WHERE $known
UNION ALL
SELECT * FROM order_evidence
""")

_UNMAPPED = Template("""
WITH named AS (
    $tables
)
SELECT
    n.platform, n._alias_type AS id_type, n._alias_value AS value,
    count(*) AS rows,
    count(DISTINCT n.order_id) AS orders,
    min_by(n.table_name, n.nth_table) AS first_table
FROM named AS n
LEFT JOIN latest_streamer_aliases AS a
    ON a.platform = n.platform AND a.id_type = n._alias_type AND a.value = n._alias_value
WHERE n._alias_value IS NOT NULL AND a.streamer_id IS NULL AND n.streamer_id IS NULL
GROUP BY n.platform, n._alias_type, n._alias_value
ORDER BY rows DESC, n.platform, id_type, value
""")

_UNMAPPED_FROM = Template("""SELECT '$table' AS table_name, $nth AS nth_table, platform,
        _alias_type, _alias_value, $order_id AS order_id, $streamer_id AS streamer_id
    FROM latest_$table""")

_PLAIN = Template("SELECT $columns, $row FROM latest_$table AS t WHERE $known")

_LATER = Template("""SELECT '$table' AS table_name, count(*) AS rows, max($at) AS latest_at
FROM latest_$table WHERE $at > (SELECT "at" FROM as_of)""")


def host_steps() -> list[Step]:
    """Return the steps that say who hosts a session."""
    return [
        Step("session_shares", "the hosts of a shared session, one row each", _HOSTS),
        Step(
            "session_hosts",
            "the main host of a session: as stated, by alias, or the one with the largest share",
            _MAIN_HOSTS,
        ),
    ]


def evidence_steps(options: ViewOptions) -> list[Step]:
    """Return the steps for touchpoints, sessions, costs and claims."""
    return [
        _sessions(options),
        *_costs(options),
        _claims(options),
        _order_evidence(),
        _touchpoints(options),
    ]


def alias_steps() -> list[Step]:
    """Return the step that lists streamers whom no alias tells."""
    carriers = [name for name, table in TABLES.items() if _has(name, "_alias_value") and table.key]
    tables = "\n    UNION ALL ".join(
        _UNMAPPED_FROM.substitute(
            table=name,
            nth=nth,
            order_id="order_id" if _has(name, "order_id") else "CAST(NULL AS VARCHAR)",
            streamer_id="streamer_id" if _has(name, "streamer_id") else "CAST(NULL AS VARCHAR)",
        )
        for nth, name in enumerate(carriers)
    )
    return [
        Step(
            "unmapped_aliases",
            "streamers as platforms name them, whom streamer_aliases does not know",
            _UNMAPPED.substitute(tables=tables),
        )
    ]


def plain_steps(options: ViewOptions) -> list[Step]:
    """Return the steps of tables shown as they are."""
    return [
        Step(
            name,
            "as the source gives it",
            _PLAIN.substitute(
                table=name,
                columns=public(name, "t"),
                row=provenance("t"),
                known=until(_AT[name], options.as_of) if name in _AT else "TRUE",
            ),
        )
        for name in (
            "session_metrics",
            "session_products",
            "streamers",
            "streamer_aliases",
            "products",
        )
    ]


def later_steps() -> list[Step]:
    """Return the step that counts what lies after `as_of`."""
    return [
        Step(
            "later_rows",
            "rows later than as_of: a given one leaves them out; by default they are planned, or "
            "their dates are to be looked at",
            "\nUNION ALL ".join(
                _LATER.substitute(table=name, at=at) for name, at in sorted(_AT.items())
            ),
        )
    ]


def _has(table: str, column: str) -> bool:
    return any(own.name == column for own in TABLES[table].columns)


def _sessions(options: ViewOptions) -> Step:
    return Step(
        "sessions",
        "sessions with their host; the day is the one they start on",
        _SESSIONS.substitute(
            columns=public(
                "sessions",
                "s",
                {"streamer_id": "h.streamer_id"},
            ),
            day=day_of("s.start_at", options.timezone),
            row=provenance("s"),
            known=until("s.start_at", options.as_of),
        ),
    )


def _costs(options: ViewOptions) -> list[Step]:
    streamer = (
        "coalesce(a.streamer_id, CASE WHEN t.scope = 'streamer' THEN t.scope_id END, "
        "h.streamer_id, CASE WHEN t._alias_value IS NOT NULL THEN 'unknown' END)"
    )
    named = {
        "table": "owned_costs",
        "columns": public(
            "costs",
            "t",
            {
                "scope_id": "CASE WHEN t.scope = 'streamer' THEN coalesce(t.scope_id, "
                "a.streamer_id, CASE WHEN t._alias_value IS NOT NULL THEN 'unknown' END) "
                "ELSE t.scope_id END"
            },
        ),
        "session": "CASE WHEN t.scope = 'session' THEN t.scope_id END",
        "joins": "LEFT JOIN judged_costs AS j "
        "ON j.platform IS NOT DISTINCT FROM t.platform AND j.cost_id = t.cost_id",
        "row": provenance("t"),
    }
    return [
        Step(
            "owned_costs",
            "costs up to as_of, with the order they are for",
            _OWNED_COSTS.substitute(known=until('coalesce(t.at, t."from")', options.as_of)),
        ),
        Step(
            "judged_costs",
            "costs of lines and orders that have no bill's number, and the bill that replaces "
            "them: a settled cost of the same kind, with a number, for the same line or for the "
            "whole order; a cost told once for a whole order goes with the first bill, not of 0, "
            "of any of its lines",
            _JUDGED_COSTS,
        ),
        Step(
            "costs",
            "costs, with the streamer they are for; of an estimate and its bill, the bill",
            _NAMED.substitute(
                **named, extra=f"{streamer} AS streamer_id", known="j.replaced_by IS NULL"
            ),
        ),
        Step(
            "replaced_costs",
            "costs that a settled bill replaces, and its number",
            _NAMED.substitute(
                **named,
                extra=f"{streamer} AS streamer_id, j.replaced_by",
                known="j.replaced_by IS NOT NULL",
            ),
        ),
    ]


def _claims(options: ViewOptions) -> Step:
    return Step(
        "platform_claims",
        "what platforms claim, under the order it is about",
        _NAMED.substitute(
            table="latest_platform_claims",
            columns=public(
                "platform_claims",
                "t",
                {"order_id": "coalesce(o.order_id, by_id.order_id, by_line.order_id, t.order_id)"},
            ),
            extra="coalesce(a.streamer_id, h.streamer_id, "
            "CASE WHEN t._alias_value IS NOT NULL THEN 'unknown' END) AS streamer_id",
            session="t.session_id",
            joins=_CLAIM_ORDERS,
            row=provenance("t"),
            known=until("t.touch_at", options.as_of),
        ),
    )


def _order_evidence() -> Step:
    said = {
        "event_id": "'order_source:' || l.platform || ':' || l.order_id || ':' || l.line_id",
        "at": "l.attributed_at",
        "platform": "l.platform",
        "id_type": "l.id_type",
        "id_value": "l.id_value",
        "event": "'order_source'",
        "content_form": "l.form",
        "traffic": "CASE WHEN l.sales_mode = 'alliance' THEN 'alliance' END",
        "streamer_id": "l.streamer_id",
        "session_id": "l.room_id",
        "content_id": "l.content_id",
        "product_id": "l.product_id",
        "quality": "'inferred'",
    }
    return Step(
        "order_evidence",
        "what an order itself says of its source: one row for each room, video or streamer in it",
        _ORDER_EVIDENCE.substitute(
            columns=public("touchpoints", "l", nulls("touchpoints") | said), row=provenance("l")
        ),
    )


def _touchpoints(options: ViewOptions) -> Step:
    return Step(
        "touchpoints",
        "what people were seen to do, and the evidence of orders, with person and streamer",
        _TOUCHPOINTS.substitute(
            columns=public(
                "touchpoints",
                "t",
                {
                    "streamer_id": "coalesce(t.streamer_id, a.streamer_id, h.streamer_id, "
                    "CASE WHEN t._alias_value IS NOT NULL THEN 'unknown' END)"
                },
            ),
            row=provenance("t"),
            known=until("t.at", options.as_of),
        ),
    )
