"""What each session, streamer, explained product and minute took in, cost and left, model-free.

An order counts where it was placed. Whatever is placed nowhere is a row of its own, so that every
table adds up to all paid orders and all costs of the period: `check_books` proves it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.decide.costs import Hosts, allocated, cost_rows, hosts_of
from attribution.decide.days import Days
from attribution.decide.lines import paid_lines
from attribution.decide.records import read_records, read_told
from attribution.errors import DataError, quoted
from attribution.names import COST_KINDS, NO_SESSION, NO_STREAMER, UNALLOCATED
from attribution.numerics.largest_remainder import split
from attribution.numerics.sequences import offsets_of, positions
from attribution.workspace import CostRules

if TYPE_CHECKING:
    from attribution.store.store import Store

__all__ = [
    "COST_FEN",
    "MONEY",
    "Books",
    "check_books",
    "minute_books",
    "open_books",
    "product_books",
    "session_books",
    "streamer_books",
]

COST_FEN = tuple(f"{kind}_fen" for kind in COST_KINDS)
MONEY = ("gross_fen", "refunded_fen", "net_fen", "net_expected_fen")
_COUNTED = ("orders", "lines", "units", "lines_without_cost")
_ABOUT = (
    "session",
    "platform",
    "session_id",
    "streamer_id",
    "day",
    "start_at",
    "end_at",
    "title",
)
_SHOWN = 5  # names in an error
_MINUTE_MS = 60_000


@dataclass(frozen=True)
class Books:
    """Orders and costs of a period, each in its place; what every table of books is made of.

    Attributes
    ----------
    lines
        Of `paid_lines`: those of orders booked in the period.
    costs
        Of `cost_rows`: those of its days.
    parts
        The costs as `allocated` spreads them.
    hosts
        Of `hosts_of`.
    days
        The period.
    """

    lines: pd.DataFrame
    costs: pd.DataFrame
    parts: pd.DataFrame
    hosts: Hosts
    days: Days


def open_books(
    store: Store, rules: CostRules | None = None, since: str = "", until: str = ""
) -> Books:
    """Read a store's orders and costs of a period, and spread the costs.

    Parameters
    ----------
    rules
        `Workspace.costs`; None for the defaults.
    since, until
        First and last day, such as "2026-11-09"; empty for no bound. An order belongs to the day
        it is booked on, refunds and costs of it with it.

    Raises
    ------
    ConfigError
        For what is no day, or a period that ends before it begins.
    DataError
        If a file of the store cannot be read.
    """
    days, rules = Days(since, until), rules or store.costs
    records = read_records(store, rules)
    hosts, lines = hosts_of(records), paid_lines(records)
    costs = cost_rows(records, lines, rules)
    if days != Days():
        lines = lines[days.hold(lines["day"])].reset_index(drop=True)
        costs = costs[days.hold(costs["day"])].reset_index(drop=True)
    return Books(lines, costs, allocated(costs, lines, hosts, rules), hosts, days)


def session_books(books: Books) -> pd.DataFrame:
    """Return what each session took in, cost and left.

    Returns
    -------
    DataFrame
        Sorted by start; sessions of the period and those that its orders and costs name, then
        "(no session)" for what was sold elsewhere, then "(unallocated)" for costs nobody bears:

        session, platform, session_id, streamer_id, day, start_at, end_at, title
            As in `sessions`; missing where only orders name the session.
        orders, lines, units, lines_without_cost
            Whole numbers; of an order with lines in several sessions, the order counts where most
            of it is; lines whose goods nobody has told the cost of.
        gross_fen, refunded_fen, net_fen, net_expected_fen
            int64.
        ads_fen ... other_fen
            A column for each kind of cost, `COST_FEN`.
        cost_fen, contribution_fen, contribution_expected_fen
            Their sum; net and expected net less costs.
    """
    known = books.hosts.sessions
    held = known["session"]
    if books.days != Days():
        held = held[books.days.hold(known["day"])]
    money = _sums(books.lines["session"].fillna(NO_SESSION), books.lines)
    costs = _costs(books.parts["session"], books.parts)
    rows = pd.Index([*held, NO_SESSION, UNALLOCATED]).union(money.index).union(costs.index)
    found = _left(money, costs, rows.rename("session"))
    table = found.reset_index().merge(known, on="session", how="left")
    # A room that only orders name has its platform before the colon.
    outside = {NO_SESSION: 1, UNALLOCATED: 2}
    room = table["session"].where(~table["session"].isin(outside)).str.extract(r"(?s)^(\w+):(.*)")
    table["platform"] = table["platform"].fillna(room[0])
    table["session_id"] = table["session_id"].fillna(room[1])
    table["place"] = table["session"].map(outside).fillna(0)
    table = table.sort_values(["place", "start_at", "session"], ignore_index=True)
    return table[[*_ABOUT, *found.columns]]


def streamer_books(books: Books) -> pd.DataFrame:
    """Return the same by streamer: streamer_id, then the columns of `session_books` from orders on.

    What a session took in is its hosts', by their shares, and its orders are counted with the
    first of them; what was sold elsewhere is the streamer's whom the order names, else of
    "(no streamer)".
    """
    lines, shares = books.lines, books.hosts.shares
    hosted = lines["session"].isin(shares["session"]).to_numpy()
    shared = _sums(lines["session"][hosted], lines[hosted]).reset_index()
    shared = shared.merge(shares, on="session").sort_values(
        ["session", "share", "streamer_id"], ascending=[True, False, True], ignore_index=True
    )
    first = np.flatnonzero(~shared["session"].duplicated().to_numpy())
    offsets = np.append(first, len(shared))
    for name in ("refunded_fen", "net_fen", "net_expected_fen"):
        amounts = shared[name].to_numpy(np.int64)[first]
        shared[name] = split(amounts, shared["share"].to_numpy(np.float64), offsets)
    shared["gross_fen"] = shared["refunded_fen"] + shared["net_fen"]
    shared.loc[~shared.index.isin(first), list(_COUNTED)] = 0
    elsewhere = _sums(lines["streamer_id"][~hosted].fillna(NO_STREAMER), lines[~hosted])
    money = pd.concat([shared.set_index("streamer_id")[list(elsewhere.columns)], elsewhere])
    money = money.groupby(level=0).sum()
    costs = _costs(books.parts["streamer_id"], books.parts)
    rows = money.index.union(costs.index).rename("streamer_id")
    return _left(money, costs, rows).reset_index()


def product_books(books: Books) -> pd.DataFrame:
    """Return the same by what was being explained: session, explanation, product_id, and so on.

    What was sold while nothing was explained is a row of the session without explanation, "".
    Costs of the session as such are spread over its rows by gross revenue; of what belongs to no
    session there is no row.
    """
    lines = books.lines[books.lines["session"].notna()]
    within = pd.DataFrame(
        {
            "session": lines["session"],
            "explanation": lines["explanation"].fillna(""),
            "product_id": lines["explained_product_id"].fillna(""),
        }
    )
    money = _sums([within[name] for name in within], lines)
    bare = _costly(books).difference(money.index.get_level_values("session"))
    blank = pd.Index([""] * len(bare))
    none = pd.MultiIndex.from_arrays([bare, blank, blank], names=list(within.columns))
    rows = money.index.union(none)
    weight = money["gross_fen"].reindex(rows, fill_value=0).clip(lower=0)
    return _within(books, within, money, weight)


def minute_books(books: Books) -> pd.DataFrame:
    """Return the same by minute of each session with a known start and end: session, minute ...

    The first minute is 0. What was ordered before the session began or after it ended counts with
    the first or the last one. Costs of the session as such are spread evenly over its minutes.
    """
    timed = books.hosts.sessions.dropna(subset=["start_at", "end_at"]).set_index("session")
    start = timed["start_at"].astype(np.int64)
    lasted = timed["end_at"].astype(np.int64) - start
    minutes = (-(-lasted // _MINUTE_MS)).clip(lower=1)  # a last one that has begun counts
    lines = books.lines[books.lines["session"].isin(minutes.index)]
    begun = lines["placed_at"].to_numpy(np.int64) - start.reindex(lines["session"]).to_numpy()
    last = minutes.reindex(lines["session"]).to_numpy() - 1
    within = pd.DataFrame(
        {"session": lines["session"], "minute": np.clip(begun // _MINUTE_MS, 0, last)}
    )
    money = _sums([within[name] for name in within], lines)
    shown = minutes[minutes.index.isin(lines["session"]) | minutes.index.isin(_costly(books))]
    counts = shown.to_numpy(np.int64)
    rows = pd.MultiIndex.from_arrays(
        [np.repeat(shown.index, counts), positions(offsets_of(counts))], names=list(within.columns)
    )
    return _within(books, within, money, pd.Series(1, index=rows))


def check_books(store: Store, books: Books) -> None:
    """Prove that books add up: every order and every cost once, and every table to the same sums.

    Raises
    ------
    DataError
        Naming what does not.
    """
    for found, key, what in (
        (books.lines.dropna(subset=["line_id"]), ["order", "line_id"], "line"),
        (books.costs, ["cost_id", "day"], "cost"),
    ):
        twice = found.duplicated(key)
        _refuse(found.loc[twice, key[0]], f"a {what} a second time", f"every {what} once")
    told = read_told(store)
    orders = told.orders
    orders = orders[books.days.hold(orders["day"])] if books.days != Days() else orders
    money = list(MONEY)
    by_order = books.lines.groupby("order")[money].sum()
    _compare(by_order, orders.set_index("order")[money], "what the lines of an order sum to")
    if books.days == Days():
        amounts = told.costs.set_index("cost_id")
        listed = books.costs.groupby("cost_id")[["amount_fen"]].sum()
        _compare(listed.reindex(amounts.index), amounts, "what the days of a cost sum to")
    parts = books.parts.groupby("cost")[["amount_fen"]].sum()
    whole = books.costs[["amount_fen"]]
    spread = parts.reindex(whole.index, fill_value=0).set_axis(books.costs["cost_id"])
    _compare(spread, whole.set_axis(books.costs["cost_id"]), "what the parts of a cost sum to")
    sums = pd.concat(
        [
            books.lines[money].sum(),
            books.costs.groupby("kind")["amount_fen"].sum().reindex(COST_KINDS, fill_value=0)
            .set_axis(COST_FEN),
        ]
    )  # fmt: skip
    for name, table in (("sessions", session_books(books)), ("streamers", streamer_books(books))):
        total = table[[*money, *COST_FEN]].sum()
        _compare(total.to_frame(name), sums.to_frame(name), f"what the {name} sum to")


def _refuse(names: pd.Series | pd.Index, found: str, expected: str) -> None:
    if len(names):
        some = ", ".join(quoted(name) for name in names[:_SHOWN])
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise DataError(
            f"{found}: {some}{more}",
            expected,
            "The books were changed after they were opened, or this is a mistake of the package.",
            source="books",
        )


def _compare(found: pd.DataFrame, expected: pd.DataFrame, what: str) -> None:
    """Refuse frames of whole numbers that differ, naming the rows."""
    rows = found.index.union(expected.index)
    apart = (found.reindex(rows) != expected.reindex(rows)).any(axis=1)
    _refuse(rows[apart], what, "what was paid, or was to be paid")


def _sums(keys: pd.Series | list[pd.Series], lines: pd.DataFrame) -> pd.DataFrame:
    """Return what lines took in, by keys."""
    counted = lines[["units", *MONEY]].assign(
        orders=lines["is_main"].astype(np.int64),
        lines=1,
        lines_without_cost=lines["unit_cost_fen"].isna().astype(np.int64),
    )
    return counted[[*_COUNTED, *MONEY]].groupby(keys).sum()


def _costs(keys: pd.Series | list[pd.Series], parts: pd.DataFrame) -> pd.DataFrame:
    """Return what parts of costs sum to, by keys: a column for each kind."""
    by_kind = {
        f"{kind}_fen": parts["amount_fen"].where(parts["kind"] == kind, 0) for kind in COST_KINDS
    }
    return pd.DataFrame(by_kind, index=parts.index).astype(np.int64).groupby(keys).sum()


def _left(money: pd.DataFrame, costs: pd.DataFrame, rows: pd.Index) -> pd.DataFrame:
    """Return money and costs of these rows, and what is left."""
    table = pd.concat(
        [money.reindex(rows, fill_value=0), costs.reindex(rows, fill_value=0)], axis=1
    )
    cost = table[list(COST_FEN)].sum(axis=1).astype(np.int64)
    return table.assign(
        cost_fen=cost,
        contribution_fen=table["net_fen"] - cost,
        contribution_expected_fen=table["net_expected_fen"] - cost,
    )


def _costly(books: Books) -> pd.Index:
    """Return the sessions with costs of their own, beside those of their lines."""
    own = books.parts.loc[books.parts["line"] < 0, "session"]
    own = own[~own.isin((NO_SESSION, UNALLOCATED))]
    found: pd.Index[str] = pd.Index(own.drop_duplicates().to_numpy())
    return found


def _within(
    books: Books, within: pd.DataFrame, money: pd.DataFrame, weight: pd.Series
) -> pd.DataFrame:
    """Return books of parts of sessions.

    Parameters
    ----------
    within
        By line: session, and which part of it.
    money
        By part: what it took in.
    weight
        By part, in order of sessions: what costs of the session as such are spread by.
    """
    parts = books.parts
    keys = list(within.columns)
    of_lines = parts[parts["line"].isin(within.index)]
    where = within.loc[of_lines["line"]].set_index(of_lines.index)
    direct = _costs([where[name] for name in keys], of_lines)
    rows = weight.index
    of_session = rows.get_level_values("session")
    own = parts[(parts["line"] < 0) & parts["session"].isin(of_session)]
    shared = _costs(own["session"], own)
    first = np.flatnonzero(~of_session.duplicated())
    offsets = np.append(first, len(rows))
    amounts = shared.reindex(of_session[first], fill_value=0)
    spread = pd.DataFrame(
        {
            name: split(amounts[name].to_numpy(np.int64), weight.to_numpy(np.float64), offsets)
            for name in COST_FEN
        },
        index=rows,
    )
    return _left(money, direct.reindex(rows, fill_value=0) + spread, rows).reset_index()
