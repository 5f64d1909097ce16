"""From touchpoints and orders to journeys: one step of SQL for each idea.

The steps read four relations (`touchpoint_rows`, `order_rows`, `line_rows`, `channel_names`) and
end in `journeys`, one row for each. Every step works on one person at a time, so people can be
taken in any portions. The text is the same for every engine, but for the words in `dialect`.
"""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

from attribution.assemble.order_steps import order_steps, visit_steps
from attribution.assemble.touch_steps import (
    carried,
    credited,
    evidence_steps,
    free_steps,
    taking_steps,
)
from attribution.journeys.definition import MONEY, STRENGTH
from attribution.store.steps import Step

if TYPE_CHECKING:
    from attribution.assemble.dialect import Dialect
    from attribution.journeys.definition import JourneyDefinition

__all__ = ["PROJECTIONS", "journey_steps", "watch_step"]

# Steps that only choose columns of an input: quicker to repeat than to keep.
PROJECTIONS = frozenset({"lines"})

_ORDER_TOUCHPOINTS = Template("""
SELECT t.order_id, t.at_ms, t.event_id, t.channel, FALSE AS evidence, $columns
FROM $credited AS t
UNION ALL
SELECT t.order_id, t.at_ms, t.event_id, t.channel, TRUE AS evidence, $columns
FROM settled_evidence AS t
""")

_SESSIONS = Template("""
WITH ranked AS (
    SELECT $key, t.at_ms, t.event_id, t.channel, t.evidence, $columns,
        row_number() OVER (
            PARTITION BY $key, t.session_id, t.evidence
            ORDER BY $weight DESC, CASE t.event $strength ELSE -1 END DESC, t.at_ms DESC,
                t.event_id DESC
        ) AS nth
    FROM $source AS t
)
SELECT $key, t.at_ms, t.event_id, t.channel, t.evidence, $columns
FROM ranked AS t
WHERE t.nth = 1 OR t.session_id IS NULL OR t.evidence
""")

_JOURNEYS = Template("""
WITH order_lists AS (
    SELECT order_id, min(CASE WHEN NOT evidence THEN at_ms END) AS first_ms, $touches AS touches
    FROM $of_orders
    GROUP BY order_id
)
SELECT c.order_id, c.person, c.at_ms AS closed_at_ms, FALSE AS open, $money$labels,
    l.first_ms, l.touches
FROM conversions AS c
LEFT JOIN order_lists AS l ON l.order_id = c.order_id$matching
UNION ALL
SELECT CAST(NULL AS STRING), person, least(max(at_ms) + $expiry, $as_of),
    max(at_ms) + $expiry > $as_of, $no_money$no_labels, min(at_ms), $touches
FROM $of_runs
GROUP BY person, run_ms
""")

# Of an order whose person is not known nobody has others.
_OWN = "PARTITION BY person, CASE WHEN person IS NULL THEN order_id END"
_ORDER_MS = "CASE WHEN order_id IS NOT NULL THEN closed_at_ms END"
_TIES = "CASE WHEN order_id IS NULL THEN 1 ELSE 0 END, order_id, first_ms"

_WATCHED = Template("""
SELECT *,
    min(first_ms) OVER ($own) AS start_ms,
    CAST($end AS BIGINT) AS end_ms,
    lag(closed_at_ms) OVER ($line) AS closed_before_ms,
    max($order_ms) OVER (
        $line ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS order_before_ms,
    lead(closed_at_ms) OVER ($line) IS NULL AS is_last
FROM journeys
""")

_MATCH = """, CASE WHEN m.order_id IS NOT NULL THEN 'matched'
        WHEN l.touches IS NOT NULL THEN 'halo' END AS match"""


def journey_steps(definition: JourneyDefinition, words: Dialect, as_of: int) -> list[Step]:
    """Return the steps from the input relations to `journeys`, each after those it reads.

    Parameters
    ----------
    definition
        What a journey is.
    words
        Of the engine that is to run the steps.
    as_of
        UTC milliseconds: later rows are left out, and what has not expired by then is open.

    Returns
    -------
    list of Step
        The last is `journeys`: order_id (NULL without an order), person, closed_at_ms, open, the
        money in whole fen, the wanted segments (and `match`, where that is told), first_ms (the
        first touchpoint that is no evidence), and `touches`, a sorted list of structs: at_ms,
        event_id, channel, evidence, session_day, session_end, then `weight` if there are weights,
        `lookback_ms` if it differs from one to another, and the columns to carry.
    """
    return [
        *order_steps(definition, words, as_of),
        *visit_steps(definition, words),
        *taking_steps(definition, words, as_of),
        *evidence_steps(definition, words),
        *free_steps(definition),
        *_journeys(definition, words, as_of),
    ]


def watch_step(definition: JourneyDefinition, as_of: int) -> Step:
    """Return the step from `journeys` to `watched_journeys`, for an engine that parts them.

    It adds when each journey's person was watched, start_ms (NULL if never) and end_ms, and where
    it stands among his others: closed_before_ms, order_before_ms (NULL without one) and is_last.
    Where all of a person's journeys are at hand, `journeys.watch` finds the same.

    Parameters
    ----------
    definition
        What a journey is.
    as_of
        UTC milliseconds.
    """
    # After a first order nobody can have another one.
    first = definition.conversion == "first"
    return Step(
        "watched_journeys",
        "journeys, with when their person was watched (from his first touchpoint on), and which "
        "of his others closed before",
        _WATCHED.substitute(
            end=f"coalesce(min({_ORDER_MS}) OVER ({_OWN}), {as_of})" if first else as_of,
            order_ms=_ORDER_MS,
            own=_OWN,
            line=f"{_OWN} ORDER BY closed_at_ms, {_TIES}",
        ),
    )


def _journeys(definition: JourneyDefinition, words: Dialect, as_of: int) -> list[Step]:
    columns = ", ".join(f"t.{name}" for name in carried(definition))
    steps = [
        Step(
            "order_touchpoints",
            "the touchpoints of journeys that end in an order, and evidence that adds to them",
            _ORDER_TOUCHPOINTS.substitute(columns=columns, credited=credited(definition)),
        )
    ]
    of_orders, of_runs = "order_touchpoints", "runs"
    if definition.one_per_session:
        steps += [
            _sessions(definition, columns, "order_sessions", of_orders, "t.order_id"),
            _sessions(definition, columns, "run_sessions", of_runs, "t.person, t.run_ms"),
        ]
        of_orders, of_runs = "order_sessions", "run_sessions"
    told = definition.match == "halo"
    kept = ["at_ms", "event_id", "channel", "evidence", "session_day", "session_end"]
    kept += ["weight"] if definition.weights else []
    kept += ["lookback_ms"] if definition.lookback_by else []
    kept += [name for name in definition.columns if name != "event_id"]
    steps.append(
        Step(
            "journeys",
            "one row for each journey: those of orders, then those without; the latter close when "
            "they expire, and are open if that is still to come",
            _JOURNEYS.substitute(
                touches=words.sorted_list(words.struct({name: name for name in kept})),
                of_orders=of_orders,
                of_runs=of_runs,
                money=", ".join(f"c.{name}" for name in MONEY),
                no_money=", ".join("0" for _ in MONEY),
                labels="".join(f", c.{name}" for name in definition.segments)
                + (_MATCH if told else ""),
                no_labels=", CAST(NULL AS STRING)" * (len(definition.segments) + told),
                matching="\nLEFT JOIN matching_orders AS m ON m.order_id = c.order_id"
                if told
                else "",
                expiry=definition.expiry_ms,
                as_of=as_of,
            ),
        )
    )
    return steps


def _sessions(
    definition: JourneyDefinition, columns: str, name: str, source: str, key: str
) -> Step:
    """Return the step that folds what one person does in one live session into one touchpoint."""
    return Step(
        name,
        "of what one person does in one live session, within one journey, the event of the "
        "largest weight, of equal ones the strongest, at its latest time",
        _SESSIONS.substitute(
            key=key,
            columns=columns,
            source=source,
            weight="t.weight" if definition.weights else "1",
            strength=" ".join(f"WHEN '{event}' THEN {n}" for n, event in enumerate(STRENGTH)),
        ),
    )
