"""How far the stored data can be trusted: coverage, freshness, doubles, people, reconciliation."""

from __future__ import annotations

from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING

from attribution.columns import duration_ms
from attribution.store.channels import channel_label
from attribution.store.steps import literal, local_time
from attribution.store.tables import TABLES

if TYPE_CHECKING:
    import pandas as pd

    from attribution.store.store import Store

__all__ = ["Quality", "quality_of"]

# An order is covered by touchpoints that were observed; what it says of itself is no observation.
_COVERAGE = Template("""
WITH touched AS (
    SELECT o.platform, o.order_id, count(t.event_id) AS touchpoints
    FROM orders AS o
    LEFT JOIN touchpoints AS t
        ON t.person_id = o.person_id AND t.event <> 'order_source'
        AND t."at" <= o.attributed_at AND t."at" >= o.attributed_at - $lookback
    WHERE o.is_paid
    GROUP BY o.platform, o.order_id
)
SELECT
    t.platform,
    $name AS platform_name,
    $day AS day,
    count(*) AS orders,
    count(o.person_id) AS with_person,
    count(*) FILTER (WHERE t.touchpoints >= 1) AS touched,
    count(*) FILTER (WHERE t.touchpoints >= 2) AS touched_twice
FROM touched AS t
JOIN orders AS o ON o.platform = t.platform AND o.order_id = t.order_id
GROUP BY ALL
ORDER BY platform, day
""")

_FRESHNESS = Template("""
SELECT '$name' AS "table", _source AS source, count(*) AS rows,
    min($at) AS first_at, max($at) AS last_at
FROM "latest_$name"
GROUP BY _source
""")

_LATENESS = """
SELECT _source AS source, count(*) AS rows,
    CAST(quantile_cont(received_at - "at", 0.5) AS BIGINT) AS median_ms,
    CAST(quantile_cont(received_at - "at", 0.95) AS BIGINT) AS late_ms,
    count(*) FILTER (WHERE received_at < "at") AS before_it_happened
FROM latest_touchpoints
WHERE received_at IS NOT NULL
GROUP BY _source
ORDER BY source
"""

_PEOPLE = """
SELECT identifiers, count(*) AS persons FROM persons GROUP BY identifiers ORDER BY identifiers
"""

_STATUSES = """
SELECT status, count(*) AS rows FROM identities GROUP BY status ORDER BY status
"""


@dataclass(frozen=True)
class Quality:
    """Frames that say how far the data can be trusted.

    Attributes
    ----------
    coverage
        platform, platform_name, day, orders, with_person, touched, touched_twice: paid orders, and
        those whose person is known, with at least one and at least two observed touchpoints in the
        lookback.
    freshness
        table, source, rows, first_at, last_at (UTC epoch ms).
    lateness
        source, rows, median_ms, late_ms (95 %), before_it_happened: from event to reception.
    duplicates
        table, rows, kept: rows that arrived, and rows left when the newest of each key is kept.
    quarantine
        source, table, column, expected, remedy, rows.
    people, identifiers
        persons by number of identifiers; identifiers by status.
    aliases
        Streamers as platforms name them that no one has mapped.
    reconciliation
        Orders and amounts by day and platform (platform_name), platform against ERP.
    excluded
        why, rows, paid_fen of orders that are none.
    """

    coverage: pd.DataFrame
    freshness: pd.DataFrame
    lateness: pd.DataFrame
    duplicates: pd.DataFrame
    quarantine: pd.DataFrame
    people: pd.DataFrame
    identifiers: pd.DataFrame
    aliases: pd.DataFrame
    reconciliation: pd.DataFrame
    excluded: pd.DataFrame


def quality_of(store: Store, lookback: str = "30D") -> Quality:
    """Measure a store.

    Parameters
    ----------
    lookback
        Time before an order in which a touchpoint covers it.

    Raises
    ------
    DataError
        If a file of the store cannot be read.
    """
    dated = {name: table.at for name, table in TABLES.items() if table.at is not None}
    day = local_time("o.attributed_at", store.timezone, "%Y-%m-%d")
    window = duration_ms(lookback, "lookback")
    name = channel_label("platform", store.language)
    freshness = " UNION ALL ".join(
        _FRESHNESS.substitute(name=table, at=f'"{at}"') for table, at in dated.items()
    )
    rejected = store.table("quarantine")
    reasons = ["source", "table", "column", "expected", "remedy"]
    excluded = store.table("excluded_orders")

    def frame(sql: str) -> pd.DataFrame:
        found: pd.DataFrame = store.query(sql).to_pandas()
        return found

    return Quality(
        coverage=frame(_COVERAGE.substitute(lookback=window, day=day, name=name)),
        freshness=frame(f"{freshness} ORDER BY source, 1"),
        lateness=frame(_LATENESS),
        duplicates=_duplicates(store),
        quarantine=rejected.groupby(reasons, dropna=False)
        .size()
        .reset_index(name="rows")
        .sort_values("rows", ascending=False, kind="stable", ignore_index=True),
        people=frame(_PEOPLE),
        identifiers=frame(_STATUSES),
        aliases=store.table("unmapped_aliases"),
        reconciliation=frame(
            f"SELECT t.*, {name} AS platform_name FROM order_reconciliation AS t"  # noqa: S608
        ),
        excluded=excluded.groupby("why", as_index=False).agg(
            rows=("order_id", "size"), paid_fen=("paid_fen", "sum")
        ),
    )


def _duplicates(store: Store) -> pd.DataFrame:
    """Count what arrived, by the markers, against what is kept."""
    arrived: dict[str, int] = {}
    for marker in store.batches():
        for name, (_, rows) in marker.parts.items():
            arrived[name] = arrived.get(name, 0) + rows
    keyed = [name for name in TABLES if TABLES[name].key and arrived.get(name)]
    counts = " UNION ALL ".join(
        f'SELECT {literal(name)} AS "table", {arrived[name]} AS rows, count(*) AS kept '  # noqa: S608
        f'FROM "latest_{name}"'
        for name in keyed
    )
    empty = 'SELECT NULL::VARCHAR AS "table", 0 AS rows, 0 AS kept WHERE FALSE'
    found: pd.DataFrame = store.query(counts or empty).to_pandas()
    return found
