"""What was being explained in a live session when something happened there.

A session shows one product after another (`session_products`), some of them with an offer such as
a flash sale or a lucky bag. Whatever happens in the session from `explain_from` on and before
`explain_to` belongs to that explanation; without an `explain_to` it lasts until the next one of the
session begins, or the session ends.
"""

from __future__ import annotations

from string import Template

from attribution.store.steps import Step, ViewOptions, local_time

__all__ = ["explanation_steps"]

# Named by product and offer; the local time tells apart what is explained several times.
_EXPLANATIONS = Template(r"""
WITH dated AS (
    SELECT
        p.platform, p.session_id, p.product_id, p.explain_from,
        coalesce(p.explain_to, least(min(p.explain_from) OVER later, s.end_at)) AS explain_to,
        nullif(trim(regexp_replace(p.offer, '[\s\p{C}]+', ' ', 'g')), '') AS offer
    FROM session_products AS p
    LEFT JOIN latest_sessions AS s ON s.platform = p.platform AND s.session_id = p.session_id
    WHERE p.explain_from IS NOT NULL
    WINDOW later AS (
        PARTITION BY p.platform, p.session_id ORDER BY p.explain_from
        RANGE BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
    )
),
short AS (
    SELECT *, concat_ws(' · ', product_id, offer) AS short_name, $minute AS minute FROM dated
),
timed AS (
    SELECT *,
        CASE
            WHEN count(*) OVER (PARTITION BY platform, session_id, short_name) = 1 THEN short_name
            ELSE short_name || ' · ' || minute
        END AS timed_name
    FROM short
)
SELECT platform, session_id, product_id, explain_from, explain_to, offer,
    CASE
        WHEN count(*) OVER (PARTITION BY platform, session_id, timed_name) = 1 THEN timed_name
        ELSE timed_name || ' #' || product_id || ' ' || explain_from
    END AS name
FROM timed
""")

# Of explanations that overlap the one begun last counts: spans between their bounds, none of which
# overlap, so that every instant lies in one span at most.
_SPANS = Template("""
WITH bounds AS (
    SELECT $scope, explain_from AS from_at FROM explanations
    UNION
    SELECT $scope, explain_to FROM explanations WHERE explain_to IS NOT NULL
),
spans AS (
    SELECT *, lead(from_at) OVER (PARTITION BY $scope ORDER BY from_at) AS to_at FROM bounds
),
running AS (
    SELECT b.from_at, b.to_at, e.*,
        row_number() OVER (
            PARTITION BY $bound, b.from_at ORDER BY e.explain_from DESC, e.product_id
        ) AS nth
    FROM spans AS b
    JOIN explanations AS e
        ON $same AND e.explain_from <= b.from_at
        AND (e.explain_to IS NULL OR e.explain_to > b.from_at)
)
SELECT platform, session_id, product_id, from_at, to_at, offer, name
FROM running
WHERE nth = 1
""")

# A session has dozens of spans. Looked up by ten minutes, a touchpoint meets one or two of them.
_SLOT_MS = 600_000
_LONG_MS = 86_400_000  # longer ones are rare, and would make too many slots

_SLOTS = Template("""
SELECT *, unnest(range(from_at // $slot_ms, (to_at - 1) // $slot_ms + 1)) AS slot
FROM session_spans
WHERE to_at - from_at <= $long_ms
""")

_LONG = Template("""
SELECT * FROM session_spans WHERE to_at IS NULL OR to_at - from_at > $long_ms
""")

_TOUCHPOINTS = Template("""
SELECT
    t.* REPLACE (coalesce(t.product_id, e.product_id, long.product_id) AS product_id),
    CASE
        WHEN own.name IS NOT NULL THEN own.offer
        WHEN e.name IS NOT NULL THEN e.offer
        ELSE long.offer
    END AS offer,
    coalesce(own.name, e.name, long.name) AS explanation
FROM touchpoints AS t
LEFT JOIN product_spans AS own
    ON own.platform = t.platform AND own.session_id = t.session_id
    AND own.product_id = t.product_id
    AND own.from_at <= t.at AND (own.to_at IS NULL OR own.to_at > t.at)
LEFT JOIN span_slots AS e
    ON e.platform = t.platform AND e.session_id = t.session_id
    AND e.slot = t.at // $slot_ms AND e.from_at <= t.at AND e.to_at > t.at
LEFT JOIN long_spans AS long
    ON long.platform = t.platform AND long.session_id = t.session_id
    AND long.from_at <= t.at AND (long.to_at IS NULL OR long.to_at > t.at)
""")


def explanation_steps(options: ViewOptions) -> list[Step]:
    """Return the steps that say what was being explained when somebody was touched.

    `explained_touchpoints` is `touchpoints` with `offer` and `explanation`, its name; a touchpoint
    that names no product has the one being explained. Of explanations that overlap, the one of the
    touchpoint's own product counts, else the one begun last.
    """
    return [
        Step(
            "explanations",
            "what was explained when, with a name of its own within the session",
            _EXPLANATIONS.substitute(minute=local_time("explain_from", options.timezone, "%H:%M")),
        ),
        Step(
            "session_spans",
            "the explanation of a session at every instant: of several, the one begun last",
            _spans("platform", "session_id"),
        ),
        Step(
            "span_slots",
            "the same by ten minutes, to be found quickly",
            _SLOTS.substitute(slot_ms=_SLOT_MS, long_ms=_LONG_MS),
        ),
        Step(
            "long_spans",
            "those that last longer than a day, or until nobody knows when",
            _LONG.substitute(long_ms=_LONG_MS),
        ),
        Step(
            "product_spans",
            "the explanations of each product of a session at every instant",
            _spans("platform", "session_id", "product_id"),
        ),
        Step(
            "explained_touchpoints",
            "touchpoints with the product and the offer that were being explained",
            _TOUCHPOINTS.substitute(slot_ms=_SLOT_MS),
        ),
    ]


def _spans(*scope: str) -> str:
    return _SPANS.substitute(
        scope=", ".join(scope),
        bound=", ".join(f"b.{name}" for name in scope),
        same=" AND ".join(f"e.{name} = b.{name}" for name in scope),
    )
