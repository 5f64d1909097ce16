"""The funnel of each live session: who came, who clicked, who bought, and what came back.

Every number says where it is from, and whether it was measured or is inferred. What nobody told is
missing, never 0. Of the audience a platform's own figures come first (`session_metrics`); where a
session has none, the people whose touchpoints were read are counted, of whom there are fewer than
were there. Orders are those whose lines name the room.
"""

from __future__ import annotations

from string import Template
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.credit import checked_level
from attribution.decide.days import Days
from attribution.numerics.ratios import wilson
from attribution.store.steps import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb
    import pyarrow as pa

    from attribution.store.store import Store

__all__ = ["STAGES", "funnel", "funnel_by_minute"]

STAGES = ("exposure", "enter", "click", "cart", "order", "paid", "refund", "refund_expected")
_PLACE = ["platform", "session_id", "streamer_id", "streamer", "title", "day", "start_at"]

_ROOM_ORDERS = """
SELECT DISTINCT platform, order_id, room_id AS session_id
FROM order_lines
WHERE room_id IS NOT NULL
"""

# An order of which nothing came back yet counts for the part that is expected to.
_ORDERS = """
SELECT r.platform, r.session_id,
    count(*) AS orders,
    count(*) FILTER (WHERE o.is_paid) AS paid,
    count(*) FILTER (WHERE o.is_paid AND o.refunded_fen > 0) AS refunded,
    coalesce(sum(CASE
        WHEN o.refunded_fen > 0 THEN 1.0
        WHEN o.net_fen > 0 THEN 1 - o.net_expected_fen / o.net_fen
        ELSE 0
    END) FILTER (WHERE o.is_paid), 0) AS refunded_in_the_end
FROM room_orders AS r
JOIN orders AS o ON o.platform = r.platform AND o.order_id = r.order_id
GROUP BY r.platform, r.session_id
"""

_TOLD = """
SELECT platform, session_id,
    max(uv) FILTER (WHERE minute IS NULL) AS uv,
    coalesce(max(views) FILTER (WHERE minute IS NULL), sum(views)) AS views,
    coalesce(max(product_clicks) FILTER (WHERE minute IS NULL), sum(product_clicks)) AS clicks,
    coalesce(max(cart_opens) FILTER (WHERE minute IS NULL), sum(cart_opens)) AS carts,
    coalesce(max(orders_created) FILTER (WHERE minute IS NULL), sum(orders_created)) AS orders,
    coalesce(max(paid_orders) FILTER (WHERE minute IS NULL), sum(paid_orders)) AS paid
FROM session_metrics
GROUP BY platform, session_id
"""

_MET = """
SELECT platform, session_id,
    count(DISTINCT who) FILTER (WHERE event = 'exposure') AS exposure,
    count(DISTINCT who) FILTER (WHERE event = 'enter') AS enter,
    count(DISTINCT who) FILTER (WHERE event = 'product_click') AS click,
    count(DISTINCT who) FILTER (WHERE event = 'add_cart') AS cart
FROM (
    SELECT platform, session_id, event, coalesce(person_id, id_type || ':' || id_value, event_id)
        AS who
    FROM touchpoints
    WHERE session_id IS NOT NULL AND event IN ('exposure', 'enter', 'product_click', 'add_cart')
        AND quality IS DISTINCT FROM 'inferred'
)
GROUP BY platform, session_id
"""

_SESSIONS = Template("""
WITH known AS (
    SELECT platform, session_id, streamer_id, title, day, start_at FROM sessions
    UNION ALL
    SELECT DISTINCT m.platform, m.session_id, NULL, NULL, NULL, NULL
    FROM session_metrics AS m
    ANTI JOIN sessions AS s ON s.platform = m.platform AND s.session_id = m.session_id
)
SELECT k.platform, k.session_id, k.streamer_id, coalesce(n.name, k.streamer_id) AS streamer,
    k.title, k.day, k.start_at,
    t.uv, t.views, t.clicks, t.carts, t.orders AS told_orders, t.paid AS told_paid,
    m.exposure, m.enter, m.click, m.cart,
    CASE WHEN r.platform IS NOT NULL THEN coalesce(o.orders, 0) END AS orders,
    CASE WHEN r.platform IS NOT NULL THEN coalesce(o.paid, 0) END AS paid,
    CASE WHEN r.platform IS NOT NULL THEN coalesce(o.refunded, 0) END AS refunded,
    CASE WHEN r.platform IS NOT NULL THEN coalesce(o.refunded_in_the_end, 0) END
        AS refunded_in_the_end
FROM known AS k
LEFT JOIN streamers AS n ON n.streamer_id = k.streamer_id
LEFT JOIN told AS t ON t.platform = k.platform AND t.session_id = k.session_id
LEFT JOIN met AS m ON m.platform = k.platform AND m.session_id = k.session_id
LEFT JOIN orders_of_rooms AS o ON o.platform = k.platform AND o.session_id = k.session_id
LEFT JOIN (SELECT DISTINCT platform FROM room_orders) AS r ON r.platform = k.platform
WHERE $shown
ORDER BY k.start_at NULLS LAST, k.platform, k.session_id
""")

_MINUTES = Template("""
SELECT m.platform, m.session_id, s.streamer_id, coalesce(n.name, s.streamer_id) AS streamer,
    s.title, s.day, s.start_at, m.minute,
    m.uv, m.views, m.product_clicks AS clicks, m.cart_opens AS carts,
    m.orders_created AS told_orders, m.paid_orders AS told_paid
FROM session_metrics AS m
LEFT JOIN sessions AS s ON s.platform = m.platform AND s.session_id = m.session_id
LEFT JOIN streamers AS n ON n.streamer_id = s.streamer_id
WHERE m.minute IS NOT NULL AND $shown
ORDER BY s.start_at NULLS LAST, m.platform, m.session_id, m.minute
""")


def funnel(store: Store, since: str = "", until: str = "", level: float = 0.95) -> pd.DataFrame:
    """Return the funnel of every session that starts in a period.

    Parameters
    ----------
    since, until
        First and last day, such as "2026-11-09"; empty: all there is. A session that only its
        metrics tell of has no day, and is shown where there is no bound.
    level
        Of the intervals of rates.

    Returns
    -------
    DataFrame
        A row for each session, by start, and stage of `STAGES`: platform, session_id, streamer_id,
        streamer, title, day, start_at; stage; count (people, or times where the platform counts
        those; orders from "order" on); basis ("measured" or "inferred"); source (where the count
        is from); base, rate, low, high; told (what the platform says of orders, beside ours).
        What is not known is missing.

        `base` is the nearest stage before that is known and no smaller, `rate` the part of it that
        got here, with Wilson's interval (JASA 22, 1927). "refund" counts orders of which money has
        come back, "refund_expected" also those it is expected of. An order with lines from two
        rooms counts in both.

    Raises
    ------
    ConfigError
        For what is no day, or a level outside 0 to 1.
    DataError
        If a file of the store cannot be read.
    """
    level = checked_level(level)
    shown = Days(since, until).condition("k.day")
    steps = [
        Step("room_orders", "orders by the room their lines name", _ROOM_ORDERS),
        Step("orders_of_rooms", "orders, paid and refunded ones of each room", _ORDERS),
        Step("told", "what the platform says of a session as a whole", _TOLD),
        Step("met", "people whose touchpoints in a session were read", _MET),
        Step("funnel_sessions", "sessions with all of it", _SESSIONS.substitute(shown=shown)),
    ]
    wide = _wide(store, steps, "funnel_sessions")
    told = wide[["uv", "views", "clicks", "carts"]].notna().any(axis=1)
    met = {name: wide[name].mask(told | (wide[name] == 0)) for name in STAGES[:4]}
    in_the_end = wide["refunded_in_the_end"].round()
    stages = {
        "exposure": [(met["exposure"], "measured", "touchpoints.exposure")],
        "enter": [*_entered(wide), (met["enter"], "measured", "touchpoints.enter")],
        "click": [
            (wide["clicks"], "measured", "session_metrics.product_clicks"),
            (met["click"], "measured", "touchpoints.product_click"),
        ],
        "cart": [
            (wide["carts"], "measured", "session_metrics.cart_opens"),
            (met["cart"], "measured", "touchpoints.add_cart"),
        ],
        "order": [(wide["orders"], "measured", "orders"), *_told_orders(wide)],
        "paid": [(wide["paid"], "measured", "orders"), *_told_paid(wide)],
        "refund": [(wide["refunded"], "measured", "refunds")],
        "refund_expected": [(in_the_end, "inferred", "orders.net_expected_fen")],
    }
    return _long(wide, stages, _PLACE, level)


def funnel_by_minute(
    store: Store, since: str = "", until: str = "", level: float = 0.95
) -> pd.DataFrame:
    """Return the funnel of every minute that a platform tells of, from its figures alone.

    Parameters, columns and errors are those of `funnel`, with `minute` after `start_at`, and no
    stage that `session_metrics` say nothing of.
    """
    level = checked_level(level)
    shown = Days(since, until).condition("s.day")
    step = Step("funnel_minutes", "minutes of sessions", _MINUTES.substitute(shown=shown))
    wide = _wide(store, [step], "funnel_minutes")
    stages = {
        "enter": _entered(wide),
        "click": [(wide["clicks"], "measured", "session_metrics.product_clicks")],
        "cart": [(wide["carts"], "measured", "session_metrics.cart_opens")],
        "order": _told_orders(wide),
        "paid": _told_paid(wide),
    }
    return _long(wide, stages, [*_PLACE, "minute"], level)


# ---------------------------------------------------------------------- inside


def _entered(wide: pd.DataFrame) -> list[tuple[pd.Series, str, str]]:
    """People who came in; how often a session was watched is at least that."""
    return [
        (wide["uv"], "measured", "session_metrics.uv"),
        (wide["views"], "inferred", "session_metrics.views"),
    ]


def _told_orders(wide: pd.DataFrame) -> list[tuple[pd.Series, str, str]]:
    return [(wide["told_orders"], "measured", "session_metrics.orders_created")]


def _told_paid(wide: pd.DataFrame) -> list[tuple[pd.Series, str, str]]:
    return [(wide["told_paid"], "measured", "session_metrics.paid_orders")]


def _wide(store: Store, steps: Sequence[Step], name: str) -> pd.DataFrame:
    def read(connection: duckdb.DuckDBPyConnection) -> pa.Table:
        return connection.sql(f'SELECT * FROM "{name}"').to_arrow_table()  # noqa: S608

    frame: pd.DataFrame = store.reading(steps, read).to_pandas()
    texts = ["platform", "session_id", "streamer_id", "streamer", "title", "day"]
    whole = [each for each in frame.columns if each not in (*texts, "refunded_in_the_end")]
    return frame.astype({**dict.fromkeys(texts, "string"), **dict.fromkeys(whole, "Int64")})


def _long(
    wide: pd.DataFrame,
    stages: dict[str, list[tuple[pd.Series, str, str]]],
    place: list[str],
    level: float,
) -> pd.DataFrame:
    """Return a row for each session and stage: of the sources of a stage the first that knows."""
    counts, parts = np.full((len(wide), len(stages)), np.nan), []
    for column, (stage, sources) in enumerate(stages.items()):
        count = pd.Series(pd.NA, wide.index, "Float64")
        basis = pd.Series(pd.NA, wide.index, "string")
        source = basis.copy()
        for known, kind, name in sources:
            new = count.isna() & known.notna()
            count = count.mask(new, known.astype("Float64"))
            basis, source = basis.mask(new, kind), source.mask(new, name)
        counts[:, column] = count.to_numpy(float, na_value=np.nan)
        told = {"order": "told_orders", "paid": "told_paid"}.get(stage)
        parts.append(
            wide[place].assign(
                stage=stage,
                count=count.round().astype("Int64"),
                basis=basis,
                source=source,
                told=wide[told] if told else pd.Series(pd.NA, wide.index, "Int64"),
                _row=np.arange(len(wide)),
                _stage=column,
            )
        )
    names, base = list(stages), np.full(counts.shape, -1)
    for column in range(len(names)):
        for earlier in range(min(column, _refunds_from(names))):
            base[counts[:, earlier] >= counts[:, column], column] = earlier
    whole = np.where(base >= 0, np.take_along_axis(counts, np.maximum(base, 0), axis=1), np.nan)
    low, high = wilson(counts, whole, level)
    frame = pd.concat(parts, ignore_index=True)
    at = (frame["_row"].to_numpy(), frame["_stage"].to_numpy())
    estimated = (frame["stage"] == "refund_expected").to_numpy()
    return frame.assign(
        base=pd.array([*names, None], "string").take(base[at]),
        rate=(counts / np.where(whole > 0, whole, np.nan))[at],
        low=np.where(estimated, np.nan, low[at]),
        high=np.where(estimated, np.nan, high[at]),
    ).sort_values(["_row", "_stage"], kind="stable", ignore_index=True)[
        [*place, "stage", "count", "basis", "source", "base", "rate", "low", "high", "told"]
    ]


def _refunds_from(names: list[str]) -> int:
    """Return how many stages come before refunds: these are no base of each other."""
    return names.index("refund") if "refund" in names else len(names)
