r"""What of an order's revenue will stay once refunds have run their course.

Every fen of paid revenue is followed from its payment until it is refunded or `as_of` is reached:
a survival curve with fen as subjects (Kaplan and Meier, JASA 53, 1958). In whole days this is the
chain ladder of loss reserving (Mack, ASTIN Bulletin 23, 1993), on what is not yet refunded:

    h(a) = refunded on day a of its life / not refunded before day a,

both over the orders that have lived through all of day a, so that young orders, whose refunds are
still to come, do not count as kept (right censoring). Of an order that is A days and a part f of a
day old, the part

    kept = (1 - h(A))^(1-f) * product of (1 - h(a)) over the days a after A

of its net revenue is expected to stay. h is taken by platform and main category, and leans on a
wider one where there is little to see: h = z * own + (1 - z) * wider, z = n / (n + 50), with n the
orders seen through that day (credibility, Buhlmann, ASTIN Bulletin 4, 1967); a category leans on
its platform, a platform on all orders. Beyond the days seen, and beyond 180 days, nothing is
expected to come back. Without refunds in the data, all of the net is expected to stay.
"""

from __future__ import annotations

from string import Template

from attribution.store.steps import DAY_MS, Step

__all__ = ["FEW_ROWS", "GAP_DAYS", "HORIZON_DAYS", "LEAN_ORDERS", "RARE", "maturity_steps"]

HORIZON_DAYS = 180
LEAN_ORDERS = 50
GAP_DAYS = 30
FEW_ROWS = 10
RARE = 1000

_LIVES = Template("""
SELECT
    o.platform, o.order_id,
    coalesce(o.main_category, '') AS category,
    o.booked_at, o.gross_fen,
    least((a."at" - o.booked_at) // $day, $horizon) AS lived,
    ((a."at" - o.booked_at) % $day) / $day AS part_of_day
FROM net_orders AS o
CROSS JOIN as_of AS a
WHERE o.is_paid AND o.gross_fen > 0 AND o.booked_at <= a."at"
""")

# A refund above what was paid counts up to it.
_RETURNS = Template("""
WITH dated AS (
    SELECT
        l.platform, l.order_id, l.category, l.lived, l.gross_fen, r.reduces_fen,
        greatest(
            (coalesce(r.final_at, r.updated_at, r.applied_at, l.booked_at) - l.booked_at) // $day, 0
        ) AS age,
        coalesce(r.final_at, r.updated_at, r.applied_at) AS given_back_at,
        r.refund_id
    FROM refunds AS r
    JOIN order_lives AS l ON l.platform = r.platform AND l.order_id = r.order_id
    WHERE r.reduces_fen > 0
),
running AS (
    SELECT *,
        sum(reduces_fen) OVER (
            PARTITION BY platform, order_id ORDER BY age, given_back_at, refund_id
            ROWS UNBOUNDED PRECEDING
        ) AS up_to_here
    FROM dated
)
SELECT
    platform, category, lived, age,
    CAST(sum(
        least(up_to_here, gross_fen) - least(up_to_here - reduces_fen, gross_fen)
    ) AS BIGINT) AS refunded_fen
FROM running
GROUP BY platform, category, lived, age
""")

_TRIANGLE = Template("""
WITH days AS (
    SELECT unnest(range(0, coalesce((SELECT max(lived) FROM order_lives), 0))) AS age
),
paid AS (
    SELECT platform, category, lived, count(*) AS orders, CAST(sum(gross_fen) AS BIGINT) AS paid_fen
    FROM order_lives
    GROUP BY platform, category, lived
),
places AS (SELECT DISTINCT platform, category FROM paid),
entered AS (
    SELECT p.platform, p.category, d.age, sum(p.orders) AS orders, sum(p.paid_fen) AS paid_fen
    FROM paid AS p
    JOIN days AS d ON d.age < p.lived
    GROUP BY p.platform, p.category, d.age
),
refunded AS (
    SELECT r.platform, r.category, d.age,
        sum(r.refunded_fen) FILTER (WHERE r.age = d.age) AS on_day_fen,
        sum(r.refunded_fen) FILTER (WHERE r.age < d.age) AS before_fen
    FROM order_returns AS r
    JOIN days AS d ON d.age < r.lived AND d.age >= r.age
    GROUP BY r.platform, r.category, d.age
)
SELECT
    p.platform, p.category, d.age,
    CAST(coalesce(e.orders, 0) AS BIGINT) AS orders,
    CAST(coalesce(r.on_day_fen, 0) AS BIGINT) AS refunded_fen,
    CAST(coalesce(e.paid_fen, 0) - coalesce(r.before_fen, 0) AS BIGINT) AS at_risk_fen
FROM places AS p
CROSS JOIN days AS d
LEFT JOIN entered AS e ON e.platform = p.platform AND e.category = p.category AND e.age = d.age
LEFT JOIN refunded AS r ON r.platform = p.platform AND r.category = p.category AND r.age = d.age
""")

_CURVE = Template("""
WITH own AS (
    SELECT *,
        sum(orders) OVER on_platform AS platform_orders,
        sum(refunded_fen) OVER on_platform AS platform_refunded,
        sum(at_risk_fen) OVER on_platform AS platform_at_risk,
        sum(refunded_fen) OVER anywhere AS all_refunded,
        sum(at_risk_fen) OVER anywhere AS all_at_risk
    FROM refund_triangle
    WINDOW on_platform AS (PARTITION BY age, platform), anywhere AS (PARTITION BY age)
),
widest AS (
    SELECT *, coalesce(all_refunded / nullif(all_at_risk, 0), 0) AS h_all FROM own
),
wider AS (
    SELECT *,
        CASE
            WHEN platform_at_risk > 0
                THEN (platform_orders * (platform_refunded / platform_at_risk) + $lean * h_all)
                    / (platform_orders + $lean)
            ELSE h_all
        END AS h_platform
    FROM widest
),
leaning AS (
    SELECT platform, category, age, orders, refunded_fen, at_risk_fen,
        CASE
            WHEN at_risk_fen > 0
                THEN (orders * (refunded_fen / at_risk_fen) + $lean * h_platform) / (orders + $lean)
            ELSE h_platform
        END AS hazard
    FROM wider
)
SELECT *,
    coalesce(exp(sum(ln(greatest(1 - hazard, 1e-9))) OVER (
        PARTITION BY platform, category ORDER BY age DESC
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    )), 1) AS kept_after
FROM leaning
""")

_KEPT = """
SELECT l.platform, l.order_id,
    pow(greatest(1 - c.hazard, 1e-9), 1 - l.part_of_day) * c.kept_after AS kept
FROM order_lives AS l
JOIN refund_curve AS c
    ON c.platform = l.platform AND c.category = l.category AND c.age = l.lived
"""

# One absurd date must not make every order old: days that stand apart need some weight.
_AS_OF = Template("""
WITH instants AS (
    $instants
),
days AS (
    SELECT day, sum(rows) AS rows, max(latest) AS latest FROM instants GROUP BY day
),
parted AS (
    SELECT *, coalesce(CAST(day - lag(day) OVER (ORDER BY day) > $gap AS INTEGER), 0) AS is_new
    FROM days
),
numbered AS (
    SELECT *, sum(is_new) OVER (ORDER BY day) AS stretch FROM parted
),
stretches AS (
    SELECT max(latest) AS latest, sum(rows) AS rows, sum(sum(rows)) OVER () AS all_rows
    FROM numbered
    GROUP BY stretch
)
SELECT CAST(coalesce(
    max(latest) FILTER (WHERE rows >= $few AND rows * $rare >= all_rows),
    first(latest ORDER BY rows DESC, latest)
) AS BIGINT) AS "at"
FROM stretches
""")

_INSTANTS_OF = Template("""
    SELECT "$name" // $day AS day, count(*) AS rows, max("$name") AS latest
    FROM latest_$table WHERE "$name" IS NOT NULL GROUP BY 1
""")

# What has happened; a session or a cost may be planned, but its row was written by then.
_INSTANTS = {
    "orders": ("created_at", "paid_at", "deposit_paid_at", "completed_at", "updated_at"),
    "order_sources": ("settled_at", "updated_at"),
    "erp_orders": ("created_at", "paid_at", "updated_at"),
    "refunds": ("applied_at", "final_at", "updated_at"),
    "touchpoints": ("at", "received_at"),
    "costs": ("updated_at",),
    "platform_claims": ("touch_at", "updated_at"),
    "sessions": ("updated_at",),
    "session_metrics": ("updated_at",),
}


def maturity_steps(as_of: int | None) -> list[Step]:
    """Return the steps that say what part of each order's net revenue will stay.

    The last of them, `kept_shares`, has a row for each paid order still within the days seen;
    all of any other order's net revenue stays.

    Parameters
    ----------
    as_of
        UTC milliseconds; None for the latest instant in the data, of what has happened. Days
        that more than `GAP_DAYS` part from the ones before count only if they hold at least
        `FEW_ROWS` instants and one in `RARE` of all; where none do, those with the most, then the
        earliest.
    """
    day, horizon, lean = str(DAY_MS), str(HORIZON_DAYS), str(LEAN_ORDERS)
    return [
        Step(
            "as_of",
            "the instant up to which the data are taken",
            _AS_OF.substitute(
                instants="\n    UNION ALL ".join(
                    _INSTANTS_OF.substitute(table=table, name=name, day=day)
                    for table, names in _INSTANTS.items()
                    for name in names
                ),
                gap=str(GAP_DAYS),
                few=str(FEW_ROWS),
                rare=str(RARE),
            )
            if as_of is None
            else Template('SELECT CAST($at AS BIGINT) AS "at"').substitute(at=as_of),
        ),
        Step(
            "order_lives",
            "how many whole days every paid order has lived, and how much of the current one",
            _LIVES.substitute(day=day, horizon=horizon),
        ),
        Step(
            "order_returns",
            "what was refunded on each day of life, never more than was paid",
            _RETURNS.substitute(day=day),
        ),
        Step(
            "refund_triangle",
            "by platform, category and day of life: refunded, and not yet refunded before",
            _TRIANGLE.substitute(),
        ),
        Step(
            "refund_curve",
            "the refund rate of each day of life, and what stays after it",
            _CURVE.substitute(lean=lean),
        ),
        Step("kept_shares", "the part of each order's net that is expected to stay", _KEPT),
    ]
