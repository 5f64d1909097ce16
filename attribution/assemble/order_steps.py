"""Orders to conversions and visits: which orders count, what they are worth, which share."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

from attribution.journeys.definition import MONEY
from attribution.store.steps import Step

if TYPE_CHECKING:
    from attribution.assemble.dialect import Dialect
    from attribution.journeys.definition import JourneyDefinition

__all__ = ["order_steps", "visit_steps"]

_LINES = Template("""
SELECT order_id, product_id, session_id, content_id, paid_fen, $counts AS counts
FROM line_rows
""")

_ORDER_WORTH = """
SELECT order_id,
    CAST(sum(CASE WHEN counts THEN paid_fen ELSE 0 END) AS BIGINT) AS counted_fen,
    CAST(sum(paid_fen) AS BIGINT) AS lines_fen
FROM lines
GROUP BY order_id
HAVING bool_or(counts)
"""

_PAID_ORDERS = Template("""
SELECT o.order_id, o.person, o.at AS at_ms, $money$segments
FROM order_rows AS o$worth
WHERE o.at <= $as_of
""")

_CONVERSIONS = Template("""
SELECT order_id, person, at_ms, $columns
FROM paid_orders
WHERE $kept
""")

# Of an order without a person nobody knows an earlier one.
_FIRST_CONVERSIONS = Template("""
WITH counted AS (
    SELECT *, row_number() OVER (PARTITION BY person ORDER BY at_ms, order_id) AS nth
    FROM paid_orders
    WHERE $kept
)
SELECT order_id, person, at_ms, $columns
FROM counted
WHERE nth = 1 OR person IS NULL
""")

_LONE_VISITS = """
SELECT order_id, person, at_ms, at_ms AS visit_ms
FROM conversions
WHERE person IS NOT NULL
"""

_BURSTS = Template("""
WITH times AS (
    SELECT DISTINCT person, at_ms FROM conversions WHERE person IS NOT NULL
),
pauses AS (
    SELECT person, at_ms,
        CASE WHEN at_ms - lag(at_ms) OVER (PARTITION BY person ORDER BY at_ms) <= $same_visit
            THEN 0 ELSE 1 END AS begins
    FROM times
),
numbered AS (
    SELECT person, at_ms, sum(begins) OVER (PARTITION BY person ORDER BY at_ms) AS burst
    FROM pauses
)
SELECT person, $sorted_times AS times
FROM numbered
GROUP BY person, burst
""")

_VISIT_STARTS = Template("SELECT person, $starts AS visit_ms FROM bursts")

_VISITS = """
SELECT c.order_id, c.person, c.at_ms,
    max(s.visit_ms) OVER (PARTITION BY c.person ORDER BY c.at_ms) AS visit_ms
FROM conversions AS c
LEFT JOIN visit_starts AS s ON s.person = c.person AND s.visit_ms = c.at_ms
WHERE c.person IS NOT NULL
"""


def order_steps(definition: JourneyDefinition, words: Dialect, as_of: int) -> list[Step]:
    """Return the steps from paid orders to `conversions`: the orders that count.

    Other orders do not exist for journeys: they neither take touchpoints nor cut journeys.
    """
    steps = []
    chosen = bool(definition.products or definition.categories)
    if chosen or definition.match != "any":
        steps.append(
            Step(
                "lines",
                "what was sold, and whether it is what the definition asks for",
                _LINES.substitute(counts=_counts(definition, words)),
            )
        )
    worth = {name: f"o.{name}" for name in MONEY}
    if chosen:
        steps.append(
            Step(
                "order_worth",
                "orders with a line that counts; what was paid for those lines, and for all",
                _ORDER_WORTH,
            )
        )
        # What was paid beside the lines, such as freight, belongs to none of them.
        whole = "greatest(w.lines_fen, o.gross_fen)"
        worth = {name: words.share(f"o.{name}", "w.counted_fen", whole) for name in MONEY}
        worth["gross_fen"] = "w.counted_fen"
    steps.append(
        Step(
            "paid_orders",
            "orders that have what is asked for, at its worth and that share of what is left"
            if chosen
            else "every paid order",
            _PAID_ORDERS.substitute(
                money=",\n    ".join(f"{sql} AS {name}" for name, sql in worth.items()),
                segments="".join(f", o.{name}" for name in definition.segments),
                worth="\nJOIN order_worth AS w ON w.order_id = o.order_id" if chosen else "",
                as_of=as_of,
            ),
        )
    )
    first = definition.conversion == "first"
    steps.append(
        Step(
            "conversions",
            "the orders that count" + (": each person's first" if first else ""),
            (_FIRST_CONVERSIONS if first else _CONVERSIONS).substitute(
                columns=", ".join([*MONEY, *definition.segments]),
                kept="net_fen > 0" if definition.net_of_refunds else "TRUE",
            ),
        )
    )
    return steps


def visit_steps(definition: JourneyDefinition, words: Dialect) -> list[Step]:
    """Return the steps that say which orders of a known person share touchpoints."""
    if definition.reuse:
        return [
            Step(
                "visits",
                "the orders of known people, each by itself: all may take the same touchpoints",
                _LONE_VISITS,
            )
        ]
    within = definition.same_visit_ms
    return [
        Step(
            "bursts",
            "times of a person's orders, cut where a pause is longer than a visit: no visit goes "
            "beyond that",
            _BURSTS.substitute(same_visit=within, sorted_times=words.sorted_list("at_ms")),
        ),
        Step(
            "visit_starts",
            "when a visit opens: with a burst's first order, then each first one too late for it",
            _VISIT_STARTS.substitute(starts=words.explode(words.visit_starts("times", within))),
        ),
        Step("visits", "the orders of known people, and when the visit of each opened", _VISITS),
    ]


def _counts(definition: JourneyDefinition, words: Dialect) -> str:
    """Return the condition that a line is of a wanted product or category."""
    conditions = []
    if definition.products:
        wanted = ", ".join(words.literal(each) for each in definition.products)
        # A product's id has its platform before it, and may be named without.
        own = "substr(product_id, instr(product_id, ':') + 1)"
        conditions += [f"product_id IN ({wanted})", f"{own} IN ({wanted})"]
    if definition.categories:
        wanted = ", ".join(words.literal(each) for each in definition.categories)
        conditions.append(f"category IN ({wanted})")
    return f"coalesce({' OR '.join(conditions)}, FALSE)" if conditions else "TRUE"
