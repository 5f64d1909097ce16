"""Touchpoints to those an order takes, what orders say of their source, and those left free."""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

from attribution.names import ORDER_SOURCE
from attribution.store.steps import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attribution.assemble.dialect import Dialect
    from attribution.journeys.definition import JourneyDefinition

__all__ = ["carried", "credited", "evidence_steps", "free_steps", "taking_steps"]

_KINDS = {
    "session_day": "INTEGER",
    "session_end": "BIGINT",
    "weight": "DOUBLE",
    "lookback_ms": "BIGINT",
}

_CHANNELS = Template("\nLEFT JOIN channel_names AS c ON c.channel = $of.channel")

_EXPOSURES = Template("""
SELECT t.person, t.at AS at_ms, t.event_id, t.channel, $columns
FROM touchpoint_rows AS t$channels
WHERE t.person IS NOT NULL AND t.event <> '$order_source' AND t.at <= $as_of
""")

_BEFORE_ORDERS = Template("""
WITH timeline AS (
    SELECT t.person, t.at_ms, t.event_id, t.channel, $columns,
        CAST(NULL AS BIGINT) AS own_order_ms, CAST(NULL AS BIGINT) AS own_visit_ms
    FROM exposures AS t
    SEMI JOIN visits AS v ON v.person = t.person
    UNION ALL
    SELECT v.person, v.at_ms, CAST(NULL AS STRING), CAST(NULL AS INTEGER), $nothing,
        v.at_ms, v.visit_ms
    FROM visits AS v
),
ahead AS (
    SELECT t.person, t.at_ms, t.event_id, t.channel, $columns,
        min(t.own_order_ms) OVER coming AS order_ms,
        min(t.own_visit_ms) OVER coming AS visit_ms
    FROM timeline AS t
    WINDOW coming AS (PARTITION BY t.person ORDER BY t.at_ms DESC)
)
SELECT * FROM ahead WHERE event_id IS NOT NULL
""")

_TAKEN = Template("""
SELECT v.order_id, t.person, t.at_ms, t.event_id, t.channel, $columns
FROM before_orders AS t
JOIN visits AS v
    ON v.person = t.person AND v.visit_ms = t.visit_ms
    AND v.at_ms >= t.at_ms AND v.at_ms - t.at_ms <= $lookback
""")

# Time lies in pieces as long as the longest look-back: what an order may take is in its own piece
# or in the one before.
_TAKEN_AGAIN = Template("""
WITH pieces AS (
    SELECT order_id, person, at_ms, CAST(floor(at_ms / $piece) AS BIGINT) AS piece
    FROM visits
    UNION ALL
    SELECT order_id, person, at_ms, CAST(floor(at_ms / $piece) AS BIGINT) - 1
    FROM visits
)
SELECT v.order_id, t.person, t.at_ms, t.event_id, t.channel, $columns
FROM before_orders AS t
JOIN pieces AS v
    ON v.person = t.person AND v.piece = CAST(floor(t.at_ms / $piece) AS BIGINT)
    AND v.at_ms >= t.at_ms AND v.at_ms - t.at_ms <= $lookback
""")

_MATCHED = """
SELECT t.*
FROM taken AS t
SEMI JOIN lines AS l
    ON l.order_id = t.order_id AND l.counts
    AND (l.product_id = t.product_id OR l.session_id = t.session_id
        OR l.content_id = t.content_id)
"""

_MATCHING_ORDERS = """
SELECT order_id FROM matched
UNION
SELECT order_id FROM evidence
"""

_CREDITED = """
SELECT t.* FROM matched AS t
UNION ALL
SELECT t.* FROM taken AS t
ANTI JOIN matching_orders AS m ON m.order_id = t.order_id
"""

_EVIDENCE = Template("""
SELECT c.order_id, c.person, c.at_ms, t.event_id, t.channel, $columns
FROM touchpoint_rows AS t
JOIN conversions AS c ON c.order_id = t.order_id
WHERE t.event = '$order_source'
""")

_SETTLED_EVIDENCE = Template("""
SELECT e.*
FROM evidence AS e$channels
ANTI JOIN $credited AS t
    ON t.order_id = e.order_id
    AND ($same)
""")

_SAME = """t.session_id = e.session_id OR t.content_id = e.content_id
        OR t.streamer_id = nullif(e.streamer_id, 'unknown')
        OR (coalesce(e.session_id, e.content_id, nullif(e.streamer_id, 'unknown')) IS NULL
            AND t.channel = e.channel)"""

# An order placed while something was explained says which explanation sold it: more than the room.
_SAME_OFFER = f"""t.channel = e.channel
        OR (NOT (c.explained AND e.session_id IS NOT NULL)
            AND ({_SAME}))"""

_FREE = Template("""
SELECT t.person, t.at_ms, t.event_id, t.channel, $columns, CAST(NULL AS BIGINT) AS order_ms
FROM exposures AS t
ANTI JOIN visits AS v ON v.person = t.person
UNION ALL
SELECT t.person, t.at_ms, t.event_id, t.channel, $columns, t.order_ms
FROM before_orders AS t
ANTI JOIN $credited AS k ON k.event_id = t.event_id
""")

_RUNS = Template("""
WITH paced AS (
    SELECT t.*, lag(t.at_ms) OVER line AS last_ms, lag(t.order_ms) OVER line AS last_order_ms
    FROM free AS t
    WINDOW line AS (PARTITION BY t.person ORDER BY t.at_ms)
),
cut AS (
    SELECT t.*,
        CASE WHEN t.last_ms IS NULL OR t.at_ms - t.last_ms > $expiry
            OR t.order_ms IS DISTINCT FROM t.last_order_ms THEN t.at_ms END AS begins_ms
    FROM paced AS t
)
SELECT t.person, t.at_ms, t.event_id, t.channel, FALSE AS evidence, $columns,
    max(t.begins_ms) OVER (PARTITION BY t.person ORDER BY t.at_ms) AS run_ms
FROM cut AS t
""")


def carried(definition: JourneyDefinition) -> list[str]:
    """Return what steps hand on of a touchpoint, beside person, time, id and channel.

    How long it counts is among it only where that differs from one touchpoint to another.
    """
    return [
        "session_id",
        "content_id",
        "streamer_id",
        "product_id",
        "session_day",
        "session_end",
        "event",
        *(["weight"] if definition.weights else []),
        *(["lookback_ms"] if definition.lookback_by else []),
    ]


def credited(definition: JourneyDefinition) -> str:
    """Return the name of the step that holds what each order takes in the end."""
    return {"any": "taken", "matched": "matched", "halo": "credited"}[definition.match]


def taking_steps(definition: JourneyDefinition, words: Dialect, as_of: int) -> list[Step]:
    """Return the steps to what each order takes of the touchpoints before it."""
    columns = _listed(carried(definition))
    nothing = ", ".join(
        f"CAST(NULL AS {_KINDS.get(name, 'STRING')})" for name in carried(definition)
    )
    lookback = "t.lookback_ms" if definition.lookback_by else str(definition.lookback_ms)
    if definition.reuse:
        why = "what each order takes: all for as long back as it counts, taken before or not"
        taken = _TAKEN_AGAIN.substitute(
            columns=columns, lookback=lookback, piece=max(definition.longest_lookback_ms, 1)
        )
    else:
        why = (
            "what each order takes: all since the visit before, for as long back as it counts; "
            "orders of one visit share"
        )
        taken = _TAKEN.substitute(columns=columns, lookback=lookback)
    return [
        Step(
            "exposures",
            "what people were seen to do"
            + (", and how long before an order it counts" if definition.lookback_by else ""),
            _EXPOSURES.substitute(
                columns=_read(definition, words, _lookback(definition, words)),
                channels=_CHANNELS.substitute(of="t") if _by_channel(definition) else "",
                order_source=ORDER_SOURCE,
                as_of=as_of,
            ),
        ),
        Step(
            "before_orders",
            "touchpoints of people who order; the next order's time, and when its visit opened",
            _BEFORE_ORDERS.substitute(columns=columns, nothing=nothing),
        ),
        Step("taken", why, taken),
    ]


def evidence_steps(definition: JourneyDefinition, words: Dialect) -> list[Step]:
    """Return the steps to what orders say of their source, and to what matches them."""
    steps = [
        Step(
            "evidence",
            "what an order itself says of its source, at the order's time",
            _EVIDENCE.substitute(
                columns=_read(definition, words, str(definition.lookback_ms)),
                order_source=ORDER_SOURCE,
            ),
        )
    ]
    if definition.match != "any":
        steps.append(
            Step(
                "matched",
                "of what an order takes, that of its products, or of the room or video of a line",
                _MATCHED,
            )
        )
    if definition.match == "halo":
        steps += [
            Step(
                "matching_orders",
                "orders that something matches; evidence of an order always does",
                _MATCHING_ORDERS,
            ),
            Step(
                "credited",
                "what matches an order; where nothing does, all it takes (its halo)",
                _CREDITED,
            ),
        ]
    by_offer = definition.level == "offer"
    steps.append(
        Step(
            "settled_evidence",
            "evidence that no touchpoint of the journey already stands for: of the same room, "
            "video or streamer, or, if it names none of them, of the same channel"
            + ("; of the same explanation, if it names one" if by_offer else ""),
            _SETTLED_EVIDENCE.substitute(
                credited=credited(definition),
                same=_SAME_OFFER if by_offer else _SAME,
                channels=_CHANNELS.substitute(of="e") if by_offer else "",
            ),
        )
    )
    return steps


def free_steps(definition: JourneyDefinition) -> list[Step]:
    """Return the steps to the touchpoints no order takes, as journeys."""
    columns = _listed(carried(definition))
    return [
        Step(
            "free",
            "touchpoints that no order takes, with the next order's time",
            _FREE.substitute(columns=columns, credited=credited(definition)),
        ),
        Step(
            "runs",
            "free touchpoints by journey, named by the time of its first: cut where nothing "
            "happened for the expiry, or an order lies between",
            _RUNS.substitute(columns=columns, expiry=definition.expiry_ms),
        ),
    ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"t.{name}" for name in names)


def _read(definition: JourneyDefinition, words: Dialect, lookback: str) -> str:
    """Return what is carried, as it is read from a row of touchpoints."""
    weights = [(name, f"CAST('{factor!r}' AS DOUBLE)") for name, factor in definition.event_weights]
    made = {
        "weight": _by_event(weights, "CAST(1 AS DOUBLE)", words),
        "lookback_ms": f"CAST({lookback} AS BIGINT)",
    }
    return ", ".join(
        f"{made[name]} AS {name}" if name in made else f"t.{name}" for name in carried(definition)
    )


def _lookback(definition: JourneyDefinition, words: Dialect) -> str:
    """Return a touchpoint's look-back: its event's, else its channel's, else the general one."""
    general = str(definition.lookback_ms)
    if _by_channel(definition):
        general = f"coalesce(c.lookback_ms, {general})"
    events = [(name, str(ms)) for name, ms in definition.event_lookbacks]
    return _by_event(events, general, words)


def _by_channel(definition: JourneyDefinition) -> bool:
    return len(definition.lookback_by) > len(definition.event_lookbacks)


def _by_event(pairs: Sequence[tuple[str, str]], otherwise: str, words: Dialect) -> str:
    if not pairs:
        return otherwise
    cases = " ".join(f"WHEN {words.literal(name)} THEN {value}" for name, value in pairs)
    return f"CASE t.event {cases} ELSE {otherwise} END"
