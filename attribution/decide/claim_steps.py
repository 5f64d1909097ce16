"""From what platforms claim and the store's orders to both side by side, step by step."""

# ruff: noqa: S608  (every name put into a query is one of our own tables and columns)

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

from attribution.decide.days import Days
from attribution.store.steps import Step, day_of, literal

if TYPE_CHECKING:
    from collections.abc import Collection

from attribution.decide.claim_presets import Preset

__all__ = ["claim_steps"]

_SOLD = Template("""
SELECT platform, order_id, is_paid, gross_fen, net_fen, refunded_fen, lines_paid_fen,
    $day AS day
FROM orders
""")

# What names a line that no order is known for is taken for an order of that number.
_TOLD = Template("""
WITH named AS (
    SELECT c.*, r.claimer IS NOT NULL AS has_preset,
        r.kinds, r.window_days AS widest, r.strict_kinds, r.strict_days,
        coalesce(c.platform, r.platforms[1], 'other') AS sold_on,
        coalesce(c.order_id, c.line_id) AS named_order,
        $touch_day AS touch_day, $updated_day AS updated_day
    FROM platform_claims AS c
    LEFT JOIN claim_rules AS r ON r.claimer = c.claimer
)
SELECT
    n.claim_id, n.claimer, n.sold_on AS platform, n.named_order AS order_id,
    CASE WHEN n.order_id IS NOT NULL THEN n.line_id END AS line_id, n.session_id,
    coalesce(n.kind, 'other') AS kind, n.window_days,
    coalesce(n.window_days, n.widest, -1) AS days,
    coalesce(n.amount_fen, 0) AS amount_fen, n.amount_fen IS NULL AS without_amount,
    n.touch_at, n.placement, n.ad_id, coalesce(n.campaign_id, n.ad_id) AS campaign_id,
    n.widest, n.strict_days, n.has_preset,
    coalesce(len(n.kinds), 0) = 0 OR list_contains(n.kinds, coalesce(n.kind, 'other')) AS of_kind,
    coalesce(len(n.strict_kinds), 0) = 0
        OR list_contains(n.strict_kinds, coalesce(n.kind, 'other')) AS of_strict_kind,
    s.is_paid, s.order_id IS NOT NULL AS is_known,
    coalesce(s.day, x.day, n.day, v.day, n.touch_day, n.updated_day) AS day,
    x.order_id IS NOT NULL AND s.order_id IS NULL AS is_excluded
FROM named AS n
LEFT JOIN sold_orders AS s ON s.platform = n.sold_on AND s.order_id = n.named_order
LEFT JOIN ruled_out_orders AS x ON x.platform = n.sold_on AND x.order_id = n.named_order
LEFT JOIN sessions AS v ON v.platform = n.sold_on AND v.session_id = n.session_id
""")

_RULED_OUT = Template("""
WITH placed AS (
    SELECT order_id, platform, $day AS day FROM excluded_orders WHERE platform <> 'other'
    UNION ALL
    SELECT e.order_id, c.platform, $day AS day
    FROM excluded_orders AS e
    JOIN (SELECT DISTINCT platform, order_id FROM platform_claims) AS c USING (order_id)
    WHERE e.platform = 'other'
)
SELECT platform, order_id, min(day) AS day
FROM placed
WHERE order_id IS NOT NULL
GROUP BY platform, order_id
""")

_JUDGED = """
WITH windowed AS (
    SELECT *,
        bool_or(order_id IS NOT NULL AND of_kind AND (amount_fen <> 0 OR without_amount))
            OVER (PARTITION BY claimer) AS names_orders,
        max(days) FILTER (WHERE order_id IS NULL AND (widest IS NULL OR days <= widest))
            OVER (PARTITION BY claimer, kind) AS widest_total,
        min(days) FILTER (WHERE order_id IS NULL) OVER (PARTITION BY claimer, kind)
            AS narrowest_total,
        max(days) FILTER (WHERE widest IS NULL OR days <= widest) OVER (
            PARTITION BY claimer, platform, order_id, line_id, kind, campaign_id, ad_id, placement
        ) AS widest_alike
    FROM told_claims
)
SELECT * EXCLUDE (widest_total, narrowest_total, widest_alike),
    CASE
        WHEN is_undated THEN 'undated'
        WHEN NOT of_kind THEN 'kind'
        WHEN order_id IS NULL AND names_orders THEN 'told_by_order'
        WHEN order_id IS NULL AND days <> coalesce(widest_total, narrowest_total) THEN 'window'
        WHEN order_id IS NULL THEN NULL
        WHEN amount_fen = 0 AND NOT without_amount THEN 'withdrawn'
        WHEN days > widest THEN 'window'
        WHEN days < widest_alike THEN 'restated'
    END AS left_out
FROM windowed
"""

# A claim on a whole order covers its lines; the first of several is the strictest.
_RANKED = """
WITH covered AS (
    SELECT *,
        of_strict_kind AND (strict_days IS NULL OR days <= strict_days) AS is_strict,
        bool_or(line_id IS NULL) OVER (PARTITION BY claimer, platform, order_id) AS has_whole
    FROM judged_claims
    WHERE left_out IS NULL AND order_id IS NOT NULL
)
SELECT *,
    row_number() OVER (
        PARTITION BY claimer, platform, order_id, CASE WHEN has_whole THEN '' ELSE line_id END
        ORDER BY line_id IS NOT NULL, is_strict DESC, days, kind, touch_at NULLS LAST, claim_id
    ) AS nth
FROM covered
"""

_CLAIMED_LINES = """
SELECT r.claimer, r.platform, r.order_id,
    CAST(coalesce(sum(l.paid_fen) FILTER (WHERE l.is_revenue), 0) AS BIGINT) AS lines_fen
FROM (SELECT DISTINCT claimer, platform, order_id, line_id FROM ranked_claims WHERE NOT has_whole)
    AS r
JOIN order_lines AS l
    ON l.platform = r.platform AND l.order_id = r.order_id AND l.line_id = r.line_id
GROUP BY ALL
"""

# Money of an order of which some lines are claimed is shared by what was paid for the lines.
_CLAIMED = """
WITH told AS (
    SELECT claimer, platform, order_id, min(day) AS day,
        count(*) AS claims, max(nth) AS times,
        string_agg(DISTINCT kind, ', ' ORDER BY kind) AS kinds,
        max(window_days) AS window_days,
        CAST(sum(amount_fen) AS BIGINT) AS says_fen,
        CAST(coalesce(sum(amount_fen) FILTER (WHERE nth > 1), 0) AS BIGINT) AS again_fen,
        bool_or(is_strict) AS is_strict, bool_or(is_known) AS is_known,
        bool_or(is_excluded) AS is_excluded
    FROM ranked_claims
    GROUP BY claimer, platform, order_id
),
priced AS (
    SELECT t.*, s.is_paid, s.gross_fen, s.net_fen, s.refunded_fen,
        CASE
            WHEN l.lines_fen IS NULL OR coalesce(s.lines_paid_fen, 0) = 0 THEN s.gross_fen
            ELSE CAST(CAST(s.gross_fen AS HUGEINT) * l.lines_fen // s.lines_paid_fen AS BIGINT)
        END AS earned_fen
    FROM told AS t
    LEFT JOIN sold_orders AS s USING (platform, order_id)
    LEFT JOIN claimed_lines AS l USING (claimer, platform, order_id)
),
kept AS (
    SELECT *, says_fen - again_fen AS once_fen,
        CASE
            WHEN earned_fen = 0 THEN 0
            ELSE CAST(CAST(net_fen AS HUGEINT) * earned_fen // gross_fen AS BIGINT)
        END AS kept_fen,
        CASE
            WHEN is_excluded THEN 'excluded'
            WHEN NOT is_known THEN 'unknown'
            WHEN NOT is_paid THEN 'unpaid'
            WHEN net_fen = 0 AND refunded_fen > 0 THEN 'refunded'
            WHEN refunded_fen > 0 THEN 'part_refunded'
            ELSE 'kept'
        END AS state
    FROM priced
)
SELECT claimer, platform, order_id, day, state, claims, times, kinds, window_days, is_strict,
    says_fen, again_fen,
    CASE WHEN state = 'unknown' THEN once_fen ELSE 0 END AS unknown_fen,
    CASE WHEN state = 'excluded' THEN once_fen ELSE 0 END AS excluded_fen,
    CASE WHEN state = 'unpaid' THEN once_fen ELSE 0 END AS unpaid_fen,
    CASE WHEN is_paid THEN once_fen - earned_fen ELSE 0 END AS differs_fen,
    CASE WHEN is_paid THEN earned_fen - kept_fen ELSE 0 END AS refunded_fen,
    CASE WHEN is_paid AND NOT is_strict THEN kept_fen ELSE 0 END AS wider_fen,
    CASE WHEN is_paid AND is_strict THEN kept_fen ELSE 0 END AS stands_fen,
    CASE WHEN is_paid THEN earned_fen END AS earned_fen
FROM kept
"""

# What a total would be by the strictest reading; where no narrower total is told, itself.
_TOTALS = """
WITH keyed AS (
    SELECT *,
        max(days) FILTER (WHERE days <= strict_days) OVER alike AS strict_total,
        max_by(amount_fen, days) FILTER (WHERE days <= strict_days) OVER alike AS strict_amount
    FROM judged_claims
    WHERE order_id IS NULL
    WINDOW alike AS (
        PARTITION BY claimer, platform, kind, day, session_id, campaign_id, ad_id, placement
    )
)
SELECT claimer, platform, day, kind, campaign_id, claim_id, days, amount_fen AS says_fen,
    CASE
        WHEN NOT of_strict_kind THEN amount_fen
        WHEN strict_total IS NULL OR days <= strict_days THEN 0
        ELSE amount_fen - strict_amount
    END AS wider_fen
FROM keyed
WHERE left_out IS NULL
"""

_SAID = """
SELECT claimer, bool_and(has_preset) AS has_preset, kind, window_days,
    order_id IS NOT NULL AS names_orders, left_out,
    count(*) AS claims,
    count(DISTINCT struct_pack(p := platform, o := order_id)) FILTER (WHERE order_id IS NOT NULL)
        AS orders,
    CAST(sum(amount_fen) AS BIGINT) AS says_fen
FROM judged_claims
GROUP BY ALL
ORDER BY claimer, kind, window_days NULLS FIRST, names_orders, left_out NULLS FIRST
"""

# Whose orders a claimer is held against, whether or not it claims any of them.
_MARKETS = """
SELECT DISTINCT claimer, platform FROM (
    SELECT claimer, platform FROM told_claims WHERE platform <> 'other' OR NOT has_preset
    UNION ALL
    SELECT claimer, unnest(platforms) AS platform
    FROM claim_rules
    WHERE claimer IN (SELECT claimer FROM told_claims)
)
ORDER BY claimer, platform
"""

_NET_ORDERS = Template("""
SELECT platform, order_id, day, net_fen
FROM sold_orders
WHERE is_paid AND net_fen > 0 AND $within
""")

_NET_DAYS = """
SELECT platform, day, count(*) AS net_orders, CAST(sum(net_fen) AS BIGINT) AS net_fen
FROM net_paid_orders
GROUP BY platform, day
ORDER BY platform, day
"""

# What a claimer could have sold: the net orders of all its platforms.
_SOLD_DAYS = """
SELECT m.claimer, n.day,
    CAST(sum(n.net_orders) AS BIGINT) AS net_orders, CAST(sum(n.net_fen) AS BIGINT) AS net_fen
FROM claim_markets AS m
JOIN net_days AS n USING (platform)
GROUP BY m.claimer, n.day
"""

_DAYS = """
WITH told AS (
    SELECT claimer, day, times AS says_orders, says_fen, stands_fen FROM claimed_orders
    UNION ALL
    SELECT claimer, day, NULL, says_fen, NULL FROM claimed_totals
),
said AS (
    SELECT claimer, day,
        CAST(sum(says_orders) AS BIGINT) AS says_orders, CAST(sum(says_fen) AS BIGINT) AS says_fen,
        CAST(sum(stands_fen) AS BIGINT) AS stands_fen
    FROM told
    GROUP BY claimer, day
)
SELECT claimer, day, said.says_orders, coalesce(said.says_fen, 0) AS says_fen, said.stands_fen,
    coalesce(sold.net_orders, 0) AS net_orders, coalesce(sold.net_fen, 0) AS net_fen,
    CAST(coalesce(said.says_fen, 0) AS DOUBLE) / nullif(sold.net_fen, 0) AS ratio
FROM said
FULL JOIN claimer_sold_days AS sold USING (claimer, day)
ORDER BY claimer, day NULLS LAST
"""

_PARTS = """
WITH told AS (
    SELECT claimer, times AS says_orders, says_fen,
        times - 1 AS again_orders, again_fen,
        CAST(state = 'unknown' AS BIGINT) AS unknown_orders, unknown_fen,
        CAST(state = 'excluded' AS BIGINT) AS excluded_orders, excluded_fen,
        CAST(state = 'unpaid' AS BIGINT) AS unpaid_orders, unpaid_fen,
        CAST(coalesce(earned_fen = 0, FALSE) AS BIGINT) AS differs_orders, differs_fen,
        CAST(coalesce(earned_fen > 0, FALSE) AND wider_fen + stands_fen = 0 AS BIGINT)
            AS refunded_orders,
        refunded_fen,
        CAST(wider_fen > 0 AS BIGINT) AS wider_orders, wider_fen,
        CAST(stands_fen > 0 AS BIGINT) AS stands_orders, stands_fen
    FROM claimed_orders
    UNION ALL BY NAME
    SELECT claimer, says_fen, wider_fen FROM claimed_totals
),
summed AS (
    SELECT claimer, sum(COLUMNS(* EXCLUDE (claimer))) FROM told GROUP BY claimer
),
sold AS (
    SELECT claimer, sum(net_orders) AS net_orders, sum(net_fen) AS net_fen
    FROM claimer_sold_days
    GROUP BY claimer
)
SELECT m.claimer, m.platforms, CAST(COLUMNS(s.* EXCLUDE (claimer)) AS BIGINT),
    CAST(coalesce(t.net_orders, 0) AS BIGINT) AS net_orders,
    CAST(coalesce(t.net_fen, 0) AS BIGINT) AS net_fen
FROM (
    SELECT claimer, string_agg(platform, ', ' ORDER BY platform) AS platforms
    FROM claim_markets
    GROUP BY claimer
) AS m
LEFT JOIN summed AS s USING (claimer)
LEFT JOIN sold AS t USING (claimer)
ORDER BY m.claimer
"""

_CAMPAIGNS = """
WITH named AS (
    SELECT r.claimer, r.campaign_id, r.platform, r.order_id,
        count(*) AS claims, sum(r.amount_fen) AS says_fen,
        coalesce(sum(r.amount_fen) FILTER (WHERE r.nth > 1), 0) AS again_fen,
        any_value(c.stands_fen + c.wider_fen) AS net_fen
    FROM ranked_claims AS r
    JOIN claimed_orders AS c USING (claimer, platform, order_id)
    GROUP BY ALL
),
told AS (
    SELECT claimer, campaign_id, claims, 1 AS says_orders, says_fen, again_fen, net_fen FROM named
    UNION ALL
    SELECT claimer, campaign_id, 1, NULL, says_fen, NULL, NULL FROM claimed_totals
),
summed AS (
    SELECT claimer, campaign_id,
        CAST(sum(claims) AS BIGINT) AS claims, CAST(sum(says_orders) AS BIGINT) AS says_orders,
        CAST(sum(says_fen) AS BIGINT) AS says_fen, CAST(sum(again_fen) AS BIGINT) AS again_fen,
        CAST(sum(net_fen) AS BIGINT) AS net_fen
    FROM told
    GROUP BY claimer, campaign_id
),
sold AS (
    SELECT claimer, sum(net_fen) AS whole_fen FROM claimer_sold_days GROUP BY claimer
)
SELECT s.*,
    CAST(s.says_fen AS DOUBLE) / nullif(s.net_fen, 0) AS ratio,
    CAST(s.says_fen AS DOUBLE) / nullif(t.whole_fen, 0) AS share
FROM summed AS s
LEFT JOIN sold AS t USING (claimer)
ORDER BY s.claimer, s.says_fen DESC, s.campaign_id NULLS LAST
"""

# Whatever a preset takes: every claim that names an order and was not withdrawn.
_VOICES = """
SELECT *, bool_or(line_id IS NULL) OVER (PARTITION BY platform, order_id) AS has_whole
FROM judged_claims
WHERE order_id IS NOT NULL AND (amount_fen <> 0 OR without_amount) AND NOT is_undated
"""

_TWICE = """
WITH units AS (
    SELECT platform, order_id,
        CASE
            WHEN count(DISTINCT claimer) > 1 THEN 1
            WHEN count(DISTINCT kind) > 1 THEN 2
            WHEN count(DISTINCT days) > 1 THEN 3
            WHEN count(DISTINCT campaign_id) > 1 THEN 4
            ELSE 5
        END AS rank
    FROM claim_voices
    GROUP BY platform, order_id, CASE WHEN has_whole THEN '' ELSE line_id END
    HAVING count(*) > 1
),
twice AS (
    SELECT platform, order_id, min(rank) AS rank FROM units GROUP BY platform, order_id
)
SELECT t.platform, t.order_id, min(v.day) AS day,
    (['claimers', 'kinds', 'windows', 'ads', 'same'])[t.rank] AS why,
    count(*) AS claims,
    string_agg(DISTINCT v.claimer, '; ' ORDER BY v.claimer) AS claimers,
    string_agg(DISTINCT v.kind, ', ' ORDER BY v.kind) AS kinds,
    array_to_string(
        list_sort(list(DISTINCT v.window_days) FILTER (WHERE v.window_days IS NOT NULL)), ', '
    ) AS windows,
    CAST(sum(v.amount_fen) AS BIGINT) AS says_fen,
    CAST(coalesce(sum(v.amount_fen) FILTER (WHERE v.left_out IS NULL), 0) AS BIGINT) AS taken_fen,
    any_value(s.net_fen) AS net_fen
FROM twice AS t
JOIN claim_voices AS v USING (platform, order_id)
LEFT JOIN sold_orders AS s USING (platform, order_id)
GROUP BY t.platform, t.order_id, t.rank
ORDER BY t.platform, t.order_id
"""

_OVERLAP = """
WITH voices AS (
    SELECT DISTINCT claimer, kind, platform, order_id FROM claim_voices
)
SELECT a.claimer, a.kind, b.claimer AS other_claimer, b.kind AS other_kind,
    count(*) AS orders, CAST(coalesce(sum(s.net_fen), 0) AS BIGINT) AS net_fen
FROM voices AS a
JOIN voices AS b USING (platform, order_id)
LEFT JOIN sold_orders AS s USING (platform, order_id)
GROUP BY ALL
ORDER BY a.claimer, a.kind, other_claimer, other_kind
"""

_UNCLAIMED = """
WITH asked AS (
    SELECT m.platform, bool_or(c.claimer IS NOT NULL) AS names_orders
    FROM claim_markets AS m
    LEFT JOIN (SELECT DISTINCT claimer FROM claimed_orders) AS c USING (claimer)
    GROUP BY m.platform
)
SELECT n.platform, n.order_id, n.day, n.net_fen,
    CASE
        WHEN a.platform IS NULL THEN 'no_claimer'
        WHEN NOT a.names_orders THEN 'not_named'
        ELSE 'not_claimed'
    END AS why
FROM net_paid_orders AS n
LEFT JOIN asked AS a USING (platform)
WHERE NOT EXISTS (
    SELECT 1 FROM claimed_orders AS c
    WHERE c.platform = n.platform AND c.order_id = n.order_id
)
ORDER BY n.platform, n.order_id
"""


def claim_steps(rules: Collection[Preset], timezone: str, days: Days) -> list[Step]:
    """Return the steps; the last ones are the frames of `claims`.

    Parameters
    ----------
    rules
        A preset for each claimer that has one.
    timezone
        Of days.
    days
        That count.
    """
    within = days.condition("day")
    undated = "FALSE" if days == Days() else "day IS NULL"
    told = _TOLD.substitute(
        touch_day=day_of("c.touch_at", timezone), updated_day=day_of("c.updated_at", timezone)
    )
    return [
        Step("claim_rules", "how each claimer's claims are taken", _rules(rules)),
        Step(
            "sold_orders",
            "orders with the day their money counts",
            _SOLD.substitute(day=day_of("coalesce(booked_at, attributed_at)", timezone)),
        ),
        Step(
            "ruled_out_orders",
            "orders that a rule left out, under the platform a claim may name",
            _RULED_OUT.substitute(day=day_of("coalesce(paid_at, created_at)", timezone)),
        ),
        Step(
            "told_claims",
            "claims with their rule, their order and their day; those of other days are left out",
            f"SELECT *, {undated} AS is_undated FROM ({told}) WHERE {undated} OR {within}",
        ),
        Step("judged_claims", "which claims the rules take, and why not the others", _JUDGED),
        Step("ranked_claims", "claims on orders: which is the first of several", _RANKED),
        Step("claimed_lines", "what was paid for the lines that are claimed", _CLAIMED_LINES),
        Step("claimed_orders", "one row for each claimer and order, split to the fen", _CLAIMED),
        Step("claimed_totals", "claims that name no order", _TOTALS),
        Step("claim_markets", "whose orders a claimer is held against", _MARKETS),
        Step(
            "net_paid_orders",
            "paid orders of which something was kept",
            _NET_ORDERS.substitute(within=within),
        ),
        Step("net_days", "what was kept, by platform and day", _NET_DAYS),
        Step("claimer_sold_days", "what a claimer could have sold, by day", _SOLD_DAYS),
        Step("claim_days", "what is claimed and what was kept, by claimer and day", _DAYS),
        Step("claim_parts", "what is claimed, by claimer, and what of it stands", _PARTS),
        Step("claim_campaigns", "what is claimed, by campaign", _CAMPAIGNS),
        Step("claims_said", "all claims by kind and window, taken or not", _SAID),
        Step("claim_voices", "every claim that names an order, whatever the rules", _VOICES),
        Step("claims_twice", "orders claimed more than once", _TWICE),
        Step("claims_overlap", "orders that two claimers or kinds both claim", _OVERLAP),
        Step("unclaimed_orders", "orders nobody claims", _UNCLAIMED),
    ]


def _rules(rules: Collection[Preset]) -> str:
    """Return the presets as rows."""

    def texts(values: tuple[str, ...]) -> str:
        return f"CAST([{', '.join(map(literal, values))}] AS VARCHAR[])"

    def days(value: int | None) -> str:
        return f"CAST({'NULL' if value is None else value} AS BIGINT)"

    rows = [
        f"SELECT {literal(rule.claimer)} AS claimer, {texts(rule.platforms)} AS platforms, "
        f"{texts(rule.kinds)} AS kinds, {days(rule.window_days)} AS window_days, "
        f"{texts(rule.strict_kinds)} AS strict_kinds, {days(rule.strict_days)} AS strict_days"
        for rule in rules
    ]
    return " UNION ALL ".join(rows)
