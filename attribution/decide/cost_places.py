"""Costs of no single order, put to the channels they were paid for.

A session's cost is its live channel's, a campaign's goes to the channels its clicks came in by, a
streamer's to the channels he stands in, a platform's to those on it, any other to all (to organic
orders too, where they are known, but for what was paid to be seen). Where that
is more than one channel, it is spread by the cost's rule: by the gross revenue they are credited
with, by units, or by minutes on air.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from attribution.decide.costs import NOWHERE, rules_of
from attribution.journeys.definition import SEPARATOR
from attribution.names import ORGANIC, UNALLOCATED
from attribution.numerics import largest_remainder
from attribution.store.channels import channel_label, translated
from attribution.store.steps import Step

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from numpy.typing import NDArray

    from attribution.assemble.store_journeys import StoreJourneys
    from attribution.workspace import CostRules

__all__ = ["SPEND", "Placed", "Reach", "placed_costs", "reach_of", "spread_by"]

# What was paid to be seen.
SPEND = (
    "ads",
    "slot_fee",
    "commission",
    "agency_fee",
    "coupon",
    "red_packet",
    "lucky_bag",
    "giveaway",
    "sample",
    "crew",
)

# Where there is a touchpoint, where a session is held, and an ad that nobody was seen to click.
_PLACES = """
SELECT platform, content_form, streamer_id, session_id, content_id, placement, explanation,
    campaign_id
FROM explained_touchpoints
UNION ALL
SELECT s.platform, 'live', h.streamer_id, s.session_id, NULL, NULL, NULL, NULL
FROM sessions AS s
LEFT JOIN session_hosts AS h ON h.platform = s.platform AND h.session_id = s.session_id
UNION ALL
SELECT platform, 'ad', NULL, NULL, NULL, NULL, NULL, scope_id
FROM costs
WHERE scope = 'campaign' AND (platform, scope_id) NOT IN (
    SELECT (platform, campaign_id) FROM touchpoints
    WHERE platform IS NOT NULL AND campaign_id IS NOT NULL
)
"""


class Reach(NamedTuple):
    """Which channels a session, a campaign, a streamer or a platform stands for.

    Attributes
    ----------
    rows
        scope, key, channel; a channel may stand more than once.
    minutes
        Milliseconds on air, by live channel.
    """

    rows: pd.DataFrame
    minutes: pd.Series[float]


class Placed(NamedTuple):
    """Costs by channel, and why some have none.

    Attributes
    ----------
    by_channel
        channel, kind, amount_fen (int64), `(unallocated)` among the channels.
    unplaced
        kind, why, amount_fen.
    """

    by_channel: pd.DataFrame
    unplaced: pd.DataFrame


def reach_of(journeys: StoreJourneys, costs: pd.DataFrame, on_air: pd.DataFrame) -> Reach:
    """Return what costs of a store can be placed by, at the level of its journeys.

    Parameters
    ----------
    costs
        Of `cost_rows`: channels that they name by hand are found as well.
    on_air
        Of `Hosts.days`: how long each session was on air, on the days that count.

    Raises
    ------
    DataError
        If a file of the store cannot be read.
    """
    store, level = journeys.store, journeys.definition.level
    steps = [
        Step("cost_places", "where costs may belong", _PLACES),
        Step("named_places", "their channels", _named(channel_label(level, store.language))),
    ]
    tables = ("streamer_names", "session_names")
    places = store.reading(steps, _read, tables=tables).to_pandas()
    platform, channel = places["platform"], places["channel"]
    live = places["content_form"].isin(("live", "live_replay"))
    parts = [
        _rows("session", (platform + ":" + places["session_id"]).where(live), channel),
        _rows("campaign", platform + ":" + places["campaign_id"], channel),
        _rows("streamer", places["streamer_id"], channel),
        _rows("channel", platform, channel),
    ]
    names = pd.Series(channel.unique(), dtype="str")
    for given in costs.loc[costs["scope"] == "channel", "channel"].dropna().unique():
        own = translated(given, store.language) or given
        below = names[(names == own) | names.str.startswith(own + SEPARATOR)]
        parts.append(_rows("channel", pd.Series(given, below.index), below))
    rows = pd.concat(parts, ignore_index=True).drop_duplicates(ignore_index=True)
    return Reach(rows, _minutes(on_air, rows))


def spread_by(costs: pd.DataFrame, rules: CostRules) -> NDArray[np.object_]:
    """Return by what each cost is spread over channels.

    As over sessions, but that a campaign of which nothing is said is spread: whom it brought is
    what models are for.
    """
    open_campaign = costs["alloc"].isna() & (costs["scope"] == "campaign")
    return rules_of(costs.assign(alloc=costs["alloc"].mask(open_campaign, "by_revenue")), rules)


def placed_costs(costs: pd.DataFrame, reach: Reach, totals: pd.DataFrame) -> Placed:
    """Place costs, exact to the fen.

    Parameters
    ----------
    costs
        Of `cost_rows`, with their rule; those that follow orders are not among them.
    totals
        What the channels are credited with: channel, units, gross_fen.
    """
    # What is of no more than a platform is that platform's.
    of_platform = (costs["scope"] == "period") & costs["platform"].notna()
    asked = costs.assign(scope=costs["scope"].mask(of_platform, "channel"))
    asked["key"] = _keys(asked)
    why = asked["note"].where(asked["note"].isin(NOWHERE))
    why = why.mask(asked["rule"] == "none", "rule_none")
    by = ["scope", "key", "rule", "kind"]
    sums = asked[why.isna()].groupby(by, sort=True)["amount_fen"].sum().reset_index()
    everywhere = _rows("period", pd.Series("", totals.index), totals["channel"])
    shared = sums.reset_index(names="cost").merge(pd.concat([reach.rows, everywhere]))
    # What was paid to be seen was not paid for orders that would have come anyway.
    shared = shared[(shared["channel"] != ORGANIC) | ~shared["kind"].isin(SPEND)]
    shared = shared.sort_values(["cost", "channel"], ignore_index=True)
    shared["weight"] = _weights(shared, totals, reach.minutes)
    found = shared.groupby("cost")["weight"].agg(["sum", "size"]).reindex(sums.index)
    # Of one channel there is nothing to weigh.
    placeable = ((found["sum"] > 0) | (found["size"] == 1)).to_numpy()
    shared = shared[placeable[shared["cost"]]]
    bounds = np.searchsorted(shared["cost"], np.append(np.flatnonzero(placeable), len(sums)))
    shared["amount_fen"] = largest_remainder.split(
        sums.loc[placeable, "amount_fen"].to_numpy(np.int64),
        shared["weight"].to_numpy(float),
        bounds.astype(np.int64),
    )
    nowhere = found["size"].isna() & (sums["scope"] != "period")
    rest = sums.assign(why=np.where(nowhere, "unknown_place", "nothing_to_spread_by"))[~placeable]
    unplaced = pd.concat([asked.assign(why=why)[why.notna()], rest])
    unplaced = unplaced.groupby(["kind", "why"], sort=True)["amount_fen"].sum().reset_index()
    nobody = unplaced.assign(channel=UNALLOCATED)
    by_channel = pd.concat([shared, nobody])[["channel", "kind", "amount_fen"]]
    sums_by_channel = by_channel.groupby(["channel", "kind"], sort=True)["amount_fen"].sum()
    placed = sums_by_channel.reset_index()
    return Placed(placed[placed["amount_fen"] != 0], unplaced[unplaced["amount_fen"] != 0])


# ---------------------------------------------------------------------- parts


def _named(label: str) -> str:
    """Return the query that names the channels of places."""
    return f"""
SELECT DISTINCT t.platform, t.content_form, t.streamer_id, t.session_id, t.campaign_id,
    {label} AS channel
FROM cost_places AS t
LEFT JOIN streamer_names AS n ON n.streamer_id = t.streamer_id
LEFT JOIN session_names AS s ON s.platform = t.platform AND s.session_id = t.session_id
ORDER BY ALL
"""  # noqa: S608 - our own names


def _read(connection: duckdb.DuckDBPyConnection) -> pa.Table:
    return connection.sql("FROM named_places").to_arrow_table()


def _rows(scope: str, key: pd.Series[str], channel: pd.Series[str]) -> pd.DataFrame:
    found = pd.DataFrame({"scope": scope, "key": key, "channel": channel})
    return found[found["key"].notna()]


def _keys(costs: pd.DataFrame) -> pd.Series[str]:
    """Return what a cost of each scope is placed by; the cost of a period by nothing at all."""
    known = {
        "session": costs["session"],
        "campaign": costs["campaign_id"],
        "streamer": costs["scope_id"],
        "channel": costs["channel"],
    }
    key = pd.Series("", costs.index, dtype="str")
    for scope, named in known.items():
        key = key.mask(costs["scope"] == scope, named.fillna("?"))
    return key


def _minutes(on_air: pd.DataFrame, rows: pd.DataFrame) -> pd.Series[float]:
    """Return the time on air of each channel; of a session that is several, shared evenly."""
    lasting = on_air.groupby("session")["ms"].sum().rename("ms")
    of_session = rows[rows["scope"] == "session"].join(lasting, on="key", how="inner")
    share = of_session.groupby("key")["channel"].transform("size")
    found: pd.Series[float] = (of_session["ms"] / share).groupby(of_session["channel"]).sum()
    return found


def _weights(
    shared: pd.DataFrame, totals: pd.DataFrame, minutes: pd.Series[float]
) -> NDArray[np.float64]:
    """Return what each candidate weighs by its cost's rule."""
    by_channel = totals.set_index("channel")
    credited = shared["channel"].map(by_channel["gross_fen"])
    units = shared["channel"].map(by_channel["units"])
    on_air = shared["channel"].map(minutes)
    rule = shared["rule"]
    weight = credited.mask(rule == "by_units", units).mask(rule == "by_minutes", on_air)
    return np.asarray(np.maximum(weight.fillna(0.0).to_numpy(float), 0.0))
