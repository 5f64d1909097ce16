"""How far the stored data can be trusted: coverage, freshness, doubles, people, reconciliation."""

# ruff: noqa: S608  (every name put into a query is one of our own tables and columns)

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from attribution.columns import duration_ms
from attribution.store.channels import channel_label
from attribution.store.steps import day_of
from attribution.store.tables import TABLES

if TYPE_CHECKING:
    from attribution.store.store import Store

__all__ = ["Quality", "quality_of"]

_EVIDENCE = ("identifiers", "links")  # about people: the resolution says what became of them

# An order is covered by touchpoints that were observed; what it says of itself is no observation.
_COVERAGE = Template("""
WITH touched AS (
    SELECT o.platform, o.order_id, count(t.event_id) AS touchpoints
    FROM orders AS o
    LEFT JOIN touchpoints AS t
        ON t.person_id = o.person_id AND t.event IS DISTINCT FROM 'order_source'
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

# What a forgotten person's rows were is nobody's double: only what is still visible is counted.
_DUPLICATES = Template("""
SELECT '$name' AS "table",
    (SELECT count(*) FROM visible_$name) AS rows,
    (SELECT count(*) FROM latest_$name) AS kept
""")

_QUARANTINE = """
SELECT source, "table", "column", expected, remedy, count(*) AS findings,
    count(DISTINCT struct_pack(f := file, r := row)) AS rows
FROM quarantine
GROUP BY ALL
ORDER BY findings DESC, source, "table", "column", expected, remedy
"""

# A shared identifier stands for no person.
_PEOPLE = """
SELECT identifiers, count(*) AS persons
FROM persons
WHERE status NOT IN ('hub', 'shared')
GROUP BY identifiers
ORDER BY identifiers
"""

_STATUSES = """
SELECT id_type, status, count(*) AS rows
FROM identities
GROUP BY id_type, status
ORDER BY id_type, status
"""

_REVIEW = """
SELECT person_id, status, reason, identifiers, first_seen, last_seen
FROM persons
WHERE status <> 'ok'
ORDER BY status, identifiers DESC, person_id
"""

# The ERP's row of an order may be left out, such as one it cancelled, while the order counts.
_EXCLUDED = """
SELECT e.why, e.known_from, count(*) AS rows,
    count(*) FILTER (WHERE EXISTS (
        SELECT 1 FROM orders AS o
        WHERE o.order_id = e.order_id AND (o.platform = e.platform OR e.platform = 'other')
    )) AS order_counts,
    CAST(sum(e.paid_fen) AS BIGINT) AS paid_fen
FROM excluded_orders AS e
GROUP BY e.why, e.known_from
ORDER BY e.known_from, rows DESC, e.why
"""

_RECONCILIATION = Template("""
WITH left_out AS (
    SELECT o.platform, $day AS day, count(*) AS only_platform_left_out
    FROM orders AS o
    WHERE o.is_paid AND o.known_from = 'platform' AND EXISTS (
        SELECT 1 FROM excluded_orders AS e
        WHERE e.known_from = 'erp' AND e.order_id = o.order_id
            AND (e.platform = o.platform OR e.platform = 'other')
    )
    GROUP BY ALL
)
SELECT
    t.day, t.platform, $name AS platform_name,
    t.platform_orders, t.erp_orders, t.only_platform,
    coalesce(l.only_platform_left_out, 0) AS only_platform_left_out,
    t.only_erp, t.platform_paid_fen, t.erp_paid_fen, t.difference_fen
FROM order_reconciliation AS t
LEFT JOIN left_out AS l ON l.platform = t.platform AND l.day = t.day
ORDER BY t.day, t.platform
""")


@dataclass(frozen=True)
class Quality:
    """Frames that say how far the data can be trusted. Counts are whole; money is whole fen.

    Attributes
    ----------
    coverage
        platform, platform_name, day, orders, with_person, touched, touched_twice: paid orders, and
        those whose person is known, with at least one and at least two observed touchpoints in the
        lookback.
    freshness
        table, source, rows, first_at, last_at (UTC epoch ms; empty where no row is dated).
    lateness
        source, rows, median_ms, late_ms (95 %), before_it_happened: from event to reception.
    duplicates
        table, rows, kept: rows that arrived, and rows left when the newest of each key is kept.
    quarantine
        source, table, column, expected, remedy, findings, rows: a row may have several findings.
    people
        identifiers, persons: persons by their number of identifiers.
    identifiers
        id_type, status, rows.
    review
        person_id, status, reason, identifiers, first_seen, last_seen: shared identifiers, and
        persons to look at.
    aliases
        Streamers as platforms name them that no one has mapped.
    reconciliation
        day, platform, platform_name, platform_orders, erp_orders, only_platform,
        only_platform_left_out, only_erp, platform_paid_fen, erp_paid_fen, difference_fen: paid
        orders, platform against ERP; `only_platform_left_out` are those of `only_platform` that
        the ERP has, but in a row left out by a rule, such as a cancelled one.
    excluded
        why, known_from, rows, order_counts, paid_fen: rows left out by a rule; `order_counts` are
        those of the ERP whose order counts nevertheless, as its platform tells it.
    """

    coverage: pd.DataFrame
    freshness: pd.DataFrame
    lateness: pd.DataFrame
    duplicates: pd.DataFrame
    quarantine: pd.DataFrame
    people: pd.DataFrame
    identifiers: pd.DataFrame
    review: pd.DataFrame
    aliases: pd.DataFrame
    reconciliation: pd.DataFrame
    excluded: pd.DataFrame


def quality_of(store: Store, lookback: str | pd.Timedelta = "30D") -> Quality:
    """Measure a store, which may be empty.

    Parameters
    ----------
    lookback
        Time before an order in which a touchpoint covers it.

    Raises
    ------
    ConfigError
        If `lookback` is no duration.
    DataError
        If a file of the store cannot be read.
    """
    window = duration_ms(lookback, "lookback")
    name = channel_label("platform", store.language)
    at = {
        table: f'"{kind.at}"'
        for table, kind in TABLES.items()
        if kind.at is not None and table not in _EVIDENCE
    }
    keyed = [table for table, kind in TABLES.items() if kind.key and table not in _EVIDENCE]
    fresh = [_FRESHNESS.substitute(name=table, at=column) for table, column in at.items()]
    doubles = [_DUPLICATES.substitute(name=table) for table in keyed]
    day = {
        column: day_of(column, store.timezone)
        for column in ("o.attributed_at", "coalesce(o.booked_at, o.attributed_at)")
    }
    # One connection: every figure is of the same state of the store, and it is read once.
    with closing(store.connect()) as connection:

        def frame(sql: str) -> pd.DataFrame:
            return _whole(connection.sql(sql).to_arrow_table())

        return Quality(
            coverage=frame(
                _COVERAGE.substitute(lookback=window, day=day["o.attributed_at"], name=name)
            ),
            freshness=frame(f"{' UNION ALL '.join(fresh)} ORDER BY source, 1"),
            lateness=frame(_LATENESS),
            duplicates=frame(
                f"SELECT * FROM ({' UNION ALL '.join(doubles)}) WHERE rows > 0 ORDER BY 1"
            ),
            quarantine=frame(_QUARANTINE),
            people=frame(_PEOPLE),
            identifiers=frame(_STATUSES),
            review=frame(_REVIEW),
            aliases=frame("SELECT * FROM unmapped_aliases"),
            reconciliation=frame(
                _RECONCILIATION.substitute(
                    name=name, day=day["coalesce(o.booked_at, o.attributed_at)"]
                )
            ),
            excluded=frame(_EXCLUDED),
        )


def _whole(table: pa.Table) -> pd.DataFrame:
    """Return a frame in which whole numbers stay whole, and text is text, where some are null."""
    kinds = {
        pa.int64(): pd.Int64Dtype(),
        pa.string(): pd.StringDtype(na_value=np.nan),
    }
    schema = pa.schema(
        [
            (field.name, pa.int64() if pa.types.is_integer(field.type) else field.type)
            for field in table.schema
        ]
    )
    found: pd.DataFrame = table.cast(schema).to_pandas(types_mapper=kinds.get)
    return found
