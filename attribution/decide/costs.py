"""Every fen of cost exactly once, and where it goes: docs/costs.md has the rules.

`cost_rows` lists costs: what the sources tell, and what follows from the orders: goods, gifts, what
a refund takes back, what a guarantee gives back. `allocated` spreads them by declared rules over
sessions and streamers; what no rule can place stays, as unallocated.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.decide.spans import by_day
from attribution.names import NO_SESSION, NO_STREAMER, UNALLOCATED
from attribution.numerics.largest_remainder import split
from attribution.store.tables import PLATFORMS
from attribution.workspace import CostRules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from attribution.decide.records import Records

    Longs = NDArray[np.int64]

__all__ = [
    "COST_COLUMNS",
    "NOWHERE",
    "PART_COLUMNS",
    "Hosts",
    "allocated",
    "cost_rows",
    "hosts_of",
    "rules_of",
]

COST_COLUMNS = (
    "cost_id",
    "kind",
    "amount_fen",
    "state",
    "at",
    "day",
    "platform",
    "scope",
    "scope_id",
    "order",
    "session",
    "streamer_id",
    "campaign_id",
    "channel",
    "alloc",
    "note",
)
PART_COLUMNS = (
    "cost",
    "cost_id",
    "kind",
    "state",
    "day",
    "rule",
    "order",
    "line",
    "session",
    "streamer_id",
    "campaign_id",
    "channel",
    "amount_fen",
    "note",
)
# What a cost of this scope is spread by where neither its row nor a rule says so. Whom a campaign
# or a contract brought is for the models to say.
_BY_SCOPE = {
    "line": "direct",
    "order": "direct",
    "session": "direct",
    "streamer": "by_revenue",
    "campaign": "none",
    "channel": "by_revenue",
    "period": "by_revenue",
}
_PLACED = ("cost", "platform", "session", "line", "weight")
_NARROW = ("line", "order", "session")
# Notes of costs that belong to nothing known.
NOWHERE = ("unknown_order", "order_left_out", "order_not_paid", "unknown_session")
_OF_GOODS = ("goods", "giveaway", "sample", "lucky_bag")
_GIVEN = {"sample": "sample", "lucky_bag": "lucky_bag"}


@dataclass(frozen=True)
class Hosts:
    """Live sessions, and who hosts them.

    Attributes
    ----------
    sessions
        session ("platform:session_id"), platform, session_id, streamer_id (the main host), day,
        start_at, end_at (UTC epoch ms), title.
    shares
        session, streamer_id, share, main (host): one row for each host, the largest share first.
    days
        session, platform, day, ms: how long each session lasts on each day it touches.
    """

    sessions: pd.DataFrame
    shares: pd.DataFrame
    days: pd.DataFrame


def hosts_of(records: Records) -> Hosts:
    """Return the sessions, and how long each lasts on each day."""
    sessions = records.sessions
    timed = sessions[sessions["start_at"].notna() & sessions["end_at"].notna()]
    pieces = by_day(
        timed["start_at"].to_numpy(np.int64), timed["end_at"].to_numpy(np.int64), records.timezone
    )
    days = timed[["session", "platform"]].iloc[pieces.span].reset_index(drop=True)
    return Hosts(
        sessions.astype({"start_at": "Int64", "end_at": "Int64"}),
        records.shares,
        days.assign(day=pieces.day, ms=pieces.ms),
    )


def cost_rows(
    records: Records, lines: pd.DataFrame, rules: CostRules | None = None
) -> pd.DataFrame:
    """Return every cost once, each on its day.

    A cost of a paid order counts on the order's day, one of a session on the day the session
    starts, and any other on its own; one that states from when to when is spread over its days by
    time. Beside what the sources tell there are rows for goods and gifts of `lines`, for the goods
    that are there again, for what a refund takes back of an estimate (`rules.reverses`), and for
    what a guarantee gives back.

    Parameters
    ----------
    lines
        Of `paid_lines`.

    Returns
    -------
    DataFrame
        Sorted by cost_id and day; the amounts of one cost_id add up to the cost:

        cost_id, kind, amount_fen, state, at, platform, scope, scope_id, streamer_id, alloc
            As in `costs`; a reversal is negative, and `at` UTC epoch ms.
        day
            The day it counts for; missing where no date is known.
        order, session, campaign_id, channel
            "platform:..." of what it is for; channel is the platform, or as the cost says.
        note
            Why it stays unallocated (unknown_order, order_left_out, order_not_paid,
            unknown_session), or what it is (refunded, goods_back, guarantee); else missing.
    """
    rules = rules or CostRules()
    told = records.costs.copy()
    told["cost_id"] = told["platform"].fillna("") + ":" + told["cost_id"]
    rooms = pd.Index(lines["session"].dropna().unique())
    known = told["session_known"] | told["session"].isin(rooms)
    paid = told["order_paid"].astype("boolean")
    narrow = told["scope"].isin(("line", "order"))
    told["note"] = _chosen(
        (narrow & told["order_left_out"], "order_left_out"),
        (narrow & paid.isna(), "unknown_order"),
        (narrow & ~paid.fillna(value=True), "order_not_paid"),
        ((told["scope"] == "session") & ~known, "unknown_session"),
    )
    spans = told["from"].notna() & told["to"].notna()
    told["day"] = told["order_day"].where(told["order_day"].notna() | spans, told["session_day"])
    parts = [told, _reversed(told, lines, rules), _guaranteed(told, lines, rules)]
    listed = _dated(pd.concat(parts, ignore_index=True), records.timezone)
    listed = pd.concat([listed, _goods(lines, told)], ignore_index=True)
    listed["campaign_id"] = (listed["platform"].fillna("") + ":" + listed["scope_id"]).where(
        listed["scope"] == "campaign"
    )
    listed["channel"] = (
        listed["scope_id"].where(listed["scope"] == "channel").fillna(listed["platform"])
    )
    listed["at"] = listed["at"].astype("Int64")
    listed = listed.sort_values(["cost_id", "day"], kind="stable", ignore_index=True)
    return listed[list(COST_COLUMNS)]


def _chosen(*cases: tuple[pd.Series, str]) -> pd.Series:
    """Return the text of the first case that holds of each row, missing where none does."""
    held = [case.fillna(value=False).to_numpy(bool) for case, _ in cases]
    found = np.select(held, [text for _, text in cases], default="")
    return pd.Series(found, index=cases[0][0].index, dtype="str").where(lambda text: text != "")


def _reversed(told: pd.DataFrame, lines: pd.DataFrame, rules: CostRules) -> pd.DataFrame:
    """Return what refunds take back of costs, as rows of their own."""
    positive = told[told["amount_fen"] > 0]
    estimated = (positive["state"] == "estimated") & positive["kind"].isin(rules.reverses)
    gone = (positive["state"] == "refunded") | (estimated & (positive["note"] == "order_not_paid"))
    shared = positive[estimated & ~gone & (positive["day"].notna()) & positive["note"].isna()]
    money = ["gross_fen", "refunded_fen", "net_fen"]
    by_order = lines.groupby("order")[money].sum()
    of_line = shared[["order", "scope", "scope_id"]].merge(
        lines[["order", "line_id", *money]],
        how="left", left_on=["order", "scope_id"], right_on=["order", "line_id"],
    ).set_index(shared.index)  # fmt: skip
    whole = by_order.reindex(shared["order"]).set_index(shared.index)
    of_line = of_line[money].where(
        (of_line["scope"] == "line") & of_line["line_id"].notna(), whole
    ).fillna(0).astype(np.int64)  # fmt: skip
    share = of_line["refunded_fen"] > 0
    shared, of_line = shared[share], of_line[share]
    # What stays comes first, so that half a fen stays.
    halves = split(
        shared["amount_fen"].to_numpy(np.int64),
        of_line[["net_fen", "refunded_fen"]].to_numpy(np.float64).reshape(-1),
        np.arange(0, 2 * len(shared) + 1, 2),
    )
    back = pd.concat(
        [
            positive[gone].assign(amount_fen=-positive.loc[gone, "amount_fen"]),
            shared.assign(amount_fen=-halves[1::2]),
        ]
    )
    return back.assign(
        cost_id="refunded:" + back["cost_id"],
        state="refunded",
        note=back["note"].fillna("refunded"),
    )


def _guaranteed(told: pd.DataFrame, lines: pd.DataFrame, rules: CostRules) -> pd.DataFrame:
    """Return what comes back of slot fees whose sessions sold less than was guaranteed."""
    sold = lines.groupby("session")[["gross_fen", "net_fen"]].sum()
    found = [told.iloc[:0]]
    for guarantee in rules.guarantees:
        fees = told[
            (told["kind"] == "slot_fee")
            & (told["scope"] == "session")
            & told["note"].isna()
            & ~told["session_ahead"]
            & told["source_doc"].fillna("").str.startswith(guarantee.contract)
        ]
        held = fees["session"].unique()
        fee = int(fees["amount_fen"].sum())
        if fee <= 0 or len(held) < (guarantee.sessions or 0):
            continue
        short = fee - Fraction(int(sold[guarantee.of].reindex(held).fillna(0).sum())) / Fraction(
            str(guarantee.roi)
        )
        back = split(
            np.array([max(int(short), 0)]),
            np.maximum(fees["amount_fen"].to_numpy(np.float64), 0),
            np.array([0, len(fees)]),
        )
        found.append(
            fees.assign(
                cost_id="guarantee:" + fees["cost_id"], amount_fen=-back, state="estimated",
                note="guarantee",
            )[back > 0]
        )  # fmt: skip
    return pd.concat(found)


def _dated(costs: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """Give every cost its day; one from a time to another becomes a row for each of its days."""
    at, start, end = costs["at"], costs["from"], costs["to"]
    own = costs["day"].isna()
    spans = own & start.notna() & end.notna()
    begin = start.where(spans, at.fillna(start).fillna(end))
    timed = costs[own & begin.notna()]
    pieces = by_day(
        begin[timed.index].to_numpy(np.int64),
        end.where(spans, begin)[timed.index].to_numpy(np.int64),
        timezone,
    )
    offsets = np.searchsorted(pieces.span, np.arange(len(timed) + 1))
    amounts = split(timed["amount_fen"].to_numpy(np.int64), pieces.ms.astype(np.float64), offsets)
    cut = timed.iloc[pieces.span].assign(day=pieces.day, amount_fen=amounts)
    costs = pd.concat([costs[~(own & begin.notna())], cut], ignore_index=True)
    return costs.assign(at=costs["at"].fillna(costs["from"]).fillna(costs["to"]))


def _goods(lines: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """Return what the goods of paid orders cost, and those that are there again.

    Of a line or an order whose goods are a cost of its own already, they are not counted again.
    """
    own = told[told["kind"].isin(_OF_GOODS) & told["scope"].isin(("line", "order"))]
    whole = lines["order"].isin(own.loc[own["scope"] == "order", "order"])
    by_line = own.loc[own["scope"] == "line", ["order", "scope_id"]]
    one = pd.MultiIndex.from_frame(lines[["order", "line_id"]]).isin(
        pd.MultiIndex.from_frame(by_line)
    )
    known = lines[lines["unit_cost_fen"].notna() & ~whole & ~one]
    unit = known["unit_cost_fen"].to_numpy(np.int64)
    given = known["line_kind"].map(_GIVEN).fillna("giveaway")
    rows = pd.DataFrame(
        {
            "cost_id": "goods:" + known["order"] + ":" + known["line_id"].fillna(""),
            "kind": given.where(~known["is_revenue"], "goods"),
            "amount_fen": unit * known["units"].to_numpy(np.int64),
            "state": "confirmed",
            "at": known["placed_at"],
            "day": known["day"],
            "platform": known["platform"],
            "scope": "line",
            "scope_id": known["line_id"],
            "order": known["order"],
            "alloc": "direct",
        }
    )
    back = rows.assign(
        cost_id="back:" + rows["cost_id"],
        amount_fen=-unit * known["units_back"].to_numpy(np.int64),
        note="goods_back",
    )
    both = pd.concat([rows, back])
    return both[both["amount_fen"] != 0]


def allocated(
    costs: pd.DataFrame, lines: pd.DataFrame, hosts: Hosts, rules: CostRules | None = None
) -> pd.DataFrame:
    """Spread costs over sessions and streamers, exact to the fen.

    A cost of an order or a line goes where that was bought, one of a session there. A wider one is
    spread over what its streamer, its platform or the brand sold or showed on the cost's day: by
    gross revenue or units, with a share for what was sold outside sessions, or by the minutes of
    sessions. Of a shared session each host bears his share, unless the cost names somebody else.

    Parameters
    ----------
    costs, lines, hosts
        Of `cost_rows`, `paid_lines` and `hosts_of`; of a period, both of the same days.

    Returns
    -------
    DataFrame
        One row for each part, none of 0, sorted by cost, session, line and streamer:

        cost
            Position in `costs`; the parts of a cost add up to it.
        cost_id, kind, state, day, order, campaign_id, channel
            As in `costs`; channel is the platform of the session it went to.
        rule
            direct, by_revenue, by_minutes, by_units or none.
        line
            Position in `lines`, -1 for a cost of no line.
        session
            "platform:session_id", "(no session)" for what belongs to sales outside sessions, or
            "(unallocated)".
        streamer_id
            Who bears it, "(no streamer)" or "(unallocated)".
        amount_fen
            int64.
        note
            Of what is unallocated, why: as in `costs`, or rule_none, undated, unknown_channel,
            direct (a cost of a campaign, a channel or a streamer as such), nothing_to_spread_by.
    """
    rules = rules or CostRules()
    costs, lines = costs.reset_index(drop=True), lines.reset_index(drop=True)
    rule = rules_of(costs, rules)
    free = costs[~costs["note"].isin(NOWHERE) & (rule != "none")]
    placed = pd.concat(
        [
            _to_lines(free[free["scope"].isin(("line", "order"))], lines),
            _to_sessions(free[free["scope"] == "session"]),
            *_to_places(free[~free["scope"].isin(_NARROW)], rule, lines, hosts),
        ],
        ignore_index=True,
    )
    rest = costs.index[~costs.index.isin(placed["cost"])]
    nowhere = pd.DataFrame({"cost": rest, "session": UNALLOCATED, "line": -1, "weight": 1.0})
    placed = pd.concat([placed, nowhere], ignore_index=True).sort_values(
        ["cost", "platform", "session", "line"], kind="stable", ignore_index=True
    )
    placed["amount_fen"] = split(
        costs["amount_fen"].to_numpy(np.int64),
        placed["weight"].to_numpy(np.float64),
        np.searchsorted(placed["cost"].to_numpy(), np.arange(len(costs) + 1)),
    )
    placed = placed.drop(columns="weight")
    return _told(_borne(placed, costs, lines, hosts), costs, rule)


def rules_of(costs: pd.DataFrame, rules: CostRules) -> NDArray[np.object_]:
    """Return by what each cost is spread."""
    rule = costs["alloc"].fillna(costs["scope"].map(_BY_SCOPE)).astype(object)
    rule = costs["scope"].map(dict(rules.by_scope)).astype(object).fillna(rule)
    rule = costs["kind"].map(dict(rules.by_kind)).astype(object).fillna(rule)
    # What is of one order or session is nobody else's, however it is spread within.
    narrow = costs["scope"].isin(_NARROW) & (rule != "none")
    return np.asarray(rule.mask(narrow, "direct"), dtype=object)


def _to_lines(costs: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Place costs of lines and orders: at their line, or at all lines by gross."""
    sold = lines[["order", "line_id", "platform", "session", "gross_fen"]].reset_index(names="line")
    asked = costs[["order", "scope", "scope_id"]].reset_index(names="cost")
    of_line = asked[asked["scope"] == "line"].merge(
        sold, left_on=["order", "scope_id"], right_on=["order", "line_id"]
    )
    whole = asked[~asked["cost"].isin(of_line["cost"])].merge(sold, on="order")
    both = pd.concat([of_line, whole], ignore_index=True)
    return both.assign(
        session=both["session"].fillna(NO_SESSION),
        weight=np.maximum(both["gross_fen"].to_numpy(np.float64), 0),
    )[list(_PLACED)]


def _to_sessions(costs: pd.DataFrame) -> pd.DataFrame:
    found = costs[["platform", "session"]].reset_index(names="cost")
    return found.assign(line=-1, weight=1.0)[list(_PLACED)]


def _to_places(
    costs: pd.DataFrame, rule: NDArray[np.object_], lines: pd.DataFrame, hosts: Hosts
) -> Iterator[pd.DataFrame]:
    """Place wider costs where something was sold or shown on their day."""
    is_channel, is_streamer = costs["scope"] == "channel", costs["scope"] == "streamer"
    named = costs["scope_id"].where(is_channel & costs["scope_id"].isin(PLATFORMS))
    asked = pd.DataFrame(
        {
            "cost": costs.index,
            "day": costs["day"].to_numpy(),
            "platform": named.fillna(costs["platform"]).to_numpy(),
            "streamer_id": costs["scope_id"].where(is_streamer).to_numpy(),
            "rule": rule[costs.index],
        }
    )
    # A campaign or a channel of no known platform, or a streamer without a name, is nobody's.
    wanted = np.where(is_streamer, asked["streamer_id"].notna(), asked["platform"].notna())
    asked = asked[asked["day"].notna() & (wanted | (costs["scope"] == "period").to_numpy())]
    for by in ("by_revenue", "by_units", "by_minutes"):
        for of_streamer in (False, True):
            these = asked[(asked["rule"] == by) & (asked["streamer_id"].notna() == of_streamer)]
            if len(these) == 0:
                continue
            where = ["day", "platform", "session"] + ["streamer_id"] * of_streamer
            weight = _basis(by, lines, hosts, of_streamer).groupby(where)["weight"].sum()
            places = weight[weight > 0].reset_index()
            who = ["streamer_id"] * of_streamer
            for on in (["day", *who], ["day", "platform", *who]):
                asking = these[these["platform"].notna() == ("platform" in on)]
                found = asking[["cost", *on]].merge(places, on=on)
                yield found.assign(line=-1)[list(_PLACED)]


def _basis(by: str, lines: pd.DataFrame, hosts: Hosts, of_streamer: bool) -> pd.DataFrame:
    """Return what a rule spreads by: day, platform, session, streamer_id and weight."""
    if by == "by_minutes":
        days = hosts.days.rename(columns={"ms": "weight"})
        if not of_streamer:
            return days
        shown = days.merge(hosts.shares, on="session")
        whole = shown.groupby(["session", "day"])["share"].transform("sum")
        return shown.assign(weight=shown["weight"] * (shown["share"] / whole.where(whole > 0, 1)))
    weight = lines["gross_fen"] if by == "by_revenue" else lines["units"] * lines["is_revenue"]
    sold = lines[["day", "platform", "streamer_id"]]
    return sold.assign(session=lines["session"].fillna(NO_SESSION), weight=weight)


def _borne(
    placed: pd.DataFrame, costs: pd.DataFrame, lines: pd.DataFrame, hosts: Hosts
) -> pd.DataFrame:
    """Add who bears each part: whom the cost names, else the hosts by their shares."""
    own = costs["streamer_id"].where(costs["scope"] != "streamer", costs["scope_id"])
    own = own.reindex(placed["cost"]).reset_index(drop=True)
    main = hosts.shares.drop_duplicates("session").set_index("session")["main"]
    hosted = placed["session"].isin(main.index)
    named = own.notna() & (
        ~hosted
        | (own != placed["session"].map(main))
        | (costs["scope"] == "streamer").reindex(placed["cost"]).to_numpy()
    )
    by_line = lines["streamer_id"].reindex(placed["line"]).reset_index(drop=True)
    nobody = pd.Series(
        np.where(placed["session"] == UNALLOCATED, UNALLOCATED, NO_STREAMER), dtype="str"
    )
    alone = placed.assign(streamer_id=own.fillna(by_line).fillna(nobody))[named | ~hosted]
    shared = placed[hosted & ~named].reset_index(names="part")
    shared = shared.merge(hosts.shares[["session", "streamer_id", "share"]], on="session")
    shared = shared.sort_values(["part", "share", "streamer_id"], ascending=[True, False, True],
                                kind="stable", ignore_index=True)  # fmt: skip
    first = np.flatnonzero(~shared["part"].duplicated().to_numpy())
    shared["amount_fen"] = split(
        shared["amount_fen"].to_numpy(np.int64)[first],
        shared["share"].to_numpy(np.float64),
        np.append(first, len(shared)),
    )
    return pd.concat([alone, shared.drop(columns=["part", "share"])], ignore_index=True)


def _told(placed: pd.DataFrame, costs: pd.DataFrame, rule: NDArray[np.object_]) -> pd.DataFrame:
    """Add what is known of each part's cost, and why it is unallocated where it is."""
    homeless = (costs["scope"] == "campaign") & costs["platform"].isna()
    homeless |= (costs["scope"] == "channel") & ~costs["channel"].isin(PLATFORMS)
    by = pd.Series(rule, costs.index)
    why = _chosen(
        (costs["note"].isin(NOWHERE) & (by != "none"), ""),
        (by == "none", "rule_none"),
        (by == "direct", "direct"),
        (costs["day"].isna(), "undated"),
        (homeless & costs["platform"].isna(), "unknown_channel"),
        (by.notna(), "nothing_to_spread_by"),
    ).fillna(costs["note"])
    of_cost = costs.assign(rule=by, why=why).loc[placed["cost"]].set_index(placed.index)
    placed = placed.assign(
        **of_cost[["cost_id", "kind", "state", "day", "order", "campaign_id", "rule"]],
        channel=placed["platform"].fillna(of_cost["channel"]).fillna(UNALLOCATED),
        note=of_cost["note"].where(placed["session"] != UNALLOCATED, of_cost["why"]),
    )
    by_place = ["cost", "session", "line", "streamer_id"]
    placed = placed[placed["amount_fen"] != 0].sort_values(by_place, kind="stable")
    return placed.reset_index(drop=True)[list(PART_COLUMNS)]
