"""Closed periods: a ledger that no longer moves, and what has changed since.

A closing keeps the entries of the orders booked in its days, with their shares and the money as it
was. Later refunds and corrections do not touch it: the next closing carries them as restatements,
each order's change split by the shares it was closed with. So the books as closed are the sum of
all closings, and what they say of an order is its latest restated amount, split by its own shares.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from attribution.decide.days import Days, days
from attribution.decide.ledger import Ledger, check_sums, ledger, open_orders
from attribution.errors import ConfigError, DataError
from attribution.evaluate.compare import named_models
from attribution.models.heuristic import LastTouch
from attribution.names import __version__
from attribution.numerics import largest_remainder, sequences
from attribution.store.parts import locked, store_errors
from attribution.store.store import filled_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from attribution.model import Model
    from attribution.workspace import Workspace

__all__ = [
    "BOOKED",
    "Closing",
    "Restatement",
    "carried",
    "changed_since",
    "close",
    "closings",
    "restated",
]

BOOKED = ("gross_fen", "net_fen")  # what is booked; what is still expected to come back is not
_KEY = ["model", "order_id", "place"]
_ENTRY = [*_KEY, "channel", "share", *BOOKED]
_FACTS = "closing.json"
_MONEY = [(name, pa.int64()) for name in BOOKED]
_FILES = {  # with what they hold, also where they hold nothing
    "entries.parquet": pa.schema(
        [
            ("model", pa.string()),
            ("order_id", pa.string()),
            ("place", pa.int32()),
            ("channel", pa.string()),
            ("share", pa.float64()),
            *_MONEY,
            ("kind", pa.string()),
        ]
    ),
    "orders.parquet": pa.schema(
        [
            ("order_id", pa.string()),
            ("day", pa.string()),
            *_MONEY,
            ("kind", pa.string()),
            ("why", pa.string()),
        ]
    ),
}
_STAGING = ".closing"


@dataclass(frozen=True, eq=False)
class Closing:
    """One closed period.

    Attributes
    ----------
    name
        As it was asked for: 2026-10, 2026-W46 or 2026-11-11.
    days
        What it covers.
    facts
        number (from 1, in the order of closing), as_of (UTC ms), models, version, and counts and
        sums, as `closing.json` has them.
    orders
        What it books of each order: order_id, day, gross_fen, net_fen; of a restatement the
        difference, the kind ("order" or "restatement"), and why.
    folder
        Where it lies.
    """

    name: str
    days: Days
    facts: Mapping[str, Any]
    orders: pd.DataFrame
    folder: Path

    @cached_property
    def entries(self) -> pd.DataFrame:
        """What it books: model, order_id, place, channel, share, gross_fen, net_fen, kind."""
        return pd.read_parquet(self.folder / "entries.parquet")

    def entries_of(self, order_ids: Iterable[str]) -> pd.DataFrame:
        """Return the entries of some orders; the others are not kept in memory."""
        wanted = [("order_id", "in", set(order_ids))]
        return pd.read_parquet(self.folder / "entries.parquet", filters=wanted)


@dataclass(frozen=True, eq=False)
class Restatement:
    """What has changed of closed periods since.

    Attributes
    ----------
    orders
        One row per order: order_id, closing (the one whose days hold it), day, why ("refund",
        "amount", "late": it was not known then, "gone": it is an order no more),
        closed_gross_fen, closed_net_fen, gross_fen, net_fen (as they are now), gross_change_fen,
        net_change_fen.
    entries
        The same by model and touchpoint, as differences: model, order_id, place, channel, share,
        gross_fen, net_fen.
    """

    orders: pd.DataFrame
    entries: pd.DataFrame


def close(
    workspace: Workspace,
    period: str,
    models: Sequence[Model] | Mapping[str, Model],
    *,
    waiting: Callable[[], None] | None = None,
) -> Closing:
    """Close a period: freeze its ledger, with the restatements of the periods closed before.

    Parameters
    ----------
    period
        A month, week or day that is over: 2026-10, 2026-W46, 2026-11-11.
    waiting
        Called once if another run is closing, for which this one waits.

    Raises
    ------
    ConfigError
        If the period is none, is not over by the data, is closed already or overlaps one that is.
    DataError
        If there is nothing in the store, or a closing is not as it was written.
    StoreError
        If it cannot be written. Nothing is closed then.
    """
    asked, named = days(period), named_models(models)
    folder = _folder(workspace)
    with locked(folder, waiting):
        earlier = closings(workspace)
        as_of = _as_of(workspace)
        _check_open(period, asked, earlier)
        _check_over(period, asked, as_of, workspace.timezone)
        now = ledger(open_orders(workspace), named)
        _check_gap(period, asked, now, earlier)
        orders, entries = _books(now, asked, earlier)
        facts = {
            "number": len(earlier) + 1,
            "period": period,
            "since": asked.since,
            "until": asked.until,
            "as_of": as_of,
            "models": {name: repr(model) for name, model in named.items()},
            "version": __version__,
            **_sums(orders),
        }
        _write(folder, period, facts, orders, entries)
        return _read(folder / period)


def closings(workspace: Workspace) -> list[Closing]:
    """Return the closed periods, in the order in which they were closed.

    Raises
    ------
    DataError
        If a closing is not as it was written, or one is missing.
    """
    folders = (each for each in sorted(_folder(workspace).glob("*/")) if each.name != _STAGING)
    found = sorted((_read(each) for each in folders), key=lambda each: int(each.facts["number"]))
    for place, each in enumerate(found, 1):
        if each.facts["number"] != place:
            raise _damaged("", f"no closing number {place}, but number {each.facts['number']}")
    return found


def carried(earlier: Sequence[Closing]) -> pd.DataFrame:
    """Return every restatement that a closing has booked, newest closing first.

    Columns: order_id, closing (the one whose days hold it), booked_in (the one that carried it),
    day, why, gross_change_fen, net_change_fen.
    """
    parts = []
    for each in reversed(earlier):
        mine = each.orders[each.orders["kind"] == "restatement"]
        found = mine.rename(columns={name: _change(name) for name in BOOKED})
        whose = _holding(mine["day"], earlier)
        parts.append(found.assign(closing=whose, booked_in=each.name))
    columns = ["order_id", "closing", "booked_in", "day", "why", *(_change(n) for n in BOOKED)]
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts, ignore_index=True)[columns]


def changed_since(workspace: Workspace, earlier: Sequence[Closing]) -> Restatement:
    """Return what has become of closed periods by now, in a workspace.

    Late orders' entries are those of LastTouch; a closing has them under its own models.
    """
    return restated(ledger(open_orders(workspace), [LastTouch()]), earlier)


def restated(now: Ledger, earlier: Sequence[Closing]) -> Restatement:
    """Return what the orders of closed periods have become since.

    Parameters
    ----------
    now
        The ledger of all days as it is now, with gross_fen and net_fen.
    earlier
        The closings there are.
    """
    closed = _closed_orders(earlier)
    current = now.orders.set_index("order_id")[["day", *BOOKED]]
    both = closed.join(current[list(BOOKED)], how="left")
    gone = both[BOOKED[0]].isna()
    both[list(BOOKED)] = both[list(BOOKED)].fillna(0).astype(np.int64)
    both["why"] = np.select(
        [gone, both["gross_fen"] != both["closed_gross_fen"]], ["gone", "amount"], "refund"
    )
    late = current[~current.index.isin(closed.index)]
    names = _holding(late["day"], earlier)
    late = late[names != ""].assign(
        closing=names[names != ""], why="late", closed_gross_fen=0, closed_net_fen=0
    )
    orders = pd.concat([both, late]).rename_axis("order_id").reset_index()
    for name in BOOKED:
        orders[_change(name)] = orders[name] - orders[f"closed_{name}"]
    moved = (orders[[_change(name) for name in BOOKED]] != 0).any(axis="columns")
    orders = orders[moved | (orders["why"] == "late")].sort_values(["closing", "order_id"])
    orders = orders.reindex(columns=_RESTATED).reset_index(drop=True)
    known = orders[orders["why"] != "late"]
    fresh = now.entries["order_id"].isin(orders.loc[orders["why"] == "late", "order_id"])
    entries = pd.concat(
        [_moved(known, earlier), _plain(now.entries[fresh.to_numpy()])[_ENTRY]], ignore_index=True
    )
    return Restatement(orders, entries)


# ---------------------------------------------------------------------- one closing


def _check_open(period: str, asked: Days, earlier: Sequence[Closing]) -> None:
    for other in earlier:
        if asked.meets(other.days):
            raise ConfigError(
                f"{period} cannot be closed: {other.name} is closed and has days of it. What "
                "changes later is restated in the next period."
            )


def _check_gap(period: str, asked: Days, now: Ledger, earlier: Sequence[Closing]) -> None:
    """Refuse what would leave orders between two closings to no period at all."""
    if not earlier:
        return
    last = max(earlier, key=lambda each: each.days.until)
    if asked.until < last.days.since:
        raise ConfigError(
            f"{period} cannot be closed any more: {last.name}, which is later, is closed. Close "
            "periods in their order; what changes in days before the first is not booked."
        )
    between = now.orders["day"].dropna()
    between = between[(between > last.days.until) & (between < asked.since)]
    if len(between):
        raise ConfigError(
            f"{period} cannot be closed yet: {last.name} is the last that is closed, and there are "
            f"orders between the two, such as on {between.min()}. Close those days first."
        )


def _check_over(period: str, asked: Days, as_of: int, timezone: str) -> None:
    last = str(pd.Timestamp(as_of, unit="ms", tz="UTC").tz_convert(timezone).date())
    if last <= asked.until:
        raise ConfigError(
            f"{period} cannot be closed yet: it ends with {asked.until}, and the data reach until "
            f"{last}. Ingest what is newer first, or close a shorter period."
        )


def _books(
    now: Ledger, asked: Days, earlier: Sequence[Closing]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the orders and entries that a closing of these days books."""
    changed = restated(now, earlier)
    # An order closed with another day stays there: a correction of its day is no second order.
    known = now.orders["order_id"].isin(_closed_orders(earlier).index)
    booked = now.orders[asked.hold(now.orders["day"]) & ~known.to_numpy()]
    fresh = _plain(now.entries[now.entries["order_id"].isin(booked["order_id"]).to_numpy()])
    check_sums(booked, fresh, BOOKED, now.models)
    moves = changed.entries[_ENTRY].assign(kind="restatement")
    changes = _changes(changed.orders)
    for model, mine in moves.groupby("model"):
        told = changes["order_id"].isin(mine["order_id"])
        check_sums(changes[told], mine, BOOKED, [str(model)])
    orders = [booked[["order_id", "day", *BOOKED]].assign(kind="order", why=""), changes]
    entries = pd.concat([fresh[_ENTRY].assign(kind="order"), moves], ignore_index=True)
    return (
        pd.concat(orders, ignore_index=True).sort_values(["kind", "order_id"], ignore_index=True),
        entries.sort_values(["kind", "order_id", "model", "place"], ignore_index=True),
    )


def _sums(orders: pd.DataFrame) -> dict[str, int]:
    """Return how many orders a closing books and restates, and their sums."""
    own = orders["kind"] == "order"
    return {
        "orders": int(own.sum()),
        "restated": int((~own).sum()),
        **{name: int(orders.loc[own, name].sum()) for name in BOOKED},
        **{f"restated_{name}": int(orders.loc[~own, name].sum()) for name in BOOKED},
    }


# ---------------------------------------------------------------------- closed orders


def _change(name: str) -> str:
    return f"{name.removesuffix('_fen')}_change_fen"


_RESTATED = [
    *("order_id", "closing", "day", "why"),
    *(f"closed_{name}" for name in BOOKED),
    *BOOKED,
    *(_change(name) for name in BOOKED),
]


def _closed_orders(earlier: Sequence[Closing]) -> pd.DataFrame:
    """Return closed orders by id: closing, day, and the sums booked so far."""
    columns = ["closing", "day", *(f"closed_{name}" for name in BOOKED)]
    if not earlier:
        return pd.DataFrame(columns=columns, index=pd.Index([], name="order_id", dtype="str"))
    every = pd.concat(
        [each.orders.assign(closing=_closing_of(each.orders, each, earlier)) for each in earlier]
    )
    found: pd.DataFrame = every.groupby("order_id", sort=True).agg(
        closing=("closing", "first"),
        day=("day", "first"),
        **{f"closed_{name}": (name, "sum") for name in BOOKED},
    )
    return found


def _closing_of(
    orders: pd.DataFrame, closing: Closing, earlier: Sequence[Closing]
) -> pd.Series[Any]:
    """Return the name of the closing whose days hold each order that a closing books."""
    own = orders["kind"] == "order"
    names = pd.Series(_holding(orders["day"], earlier), index=orders.index)
    return names.mask(own, closing.name)


def _holding(day: pd.Series[Any], earlier: Iterable[Closing]) -> np.ndarray:
    """Return the name of the closing that holds each day, empty where none does."""
    found = np.full(len(day), "", dtype=object)
    for each in earlier:
        found[each.days.hold(day)] = each.name
    return found


def _moved(orders: pd.DataFrame, earlier: Sequence[Closing]) -> pd.DataFrame:
    """Return by how much each closed entry of these orders moves.

    An order's amount now is split by the shares it was closed with; what is booked so far is taken
    from that, so that the books always hold a whole order split once.
    """
    if not earlier or not len(orders):
        return pd.DataFrame(columns=_ENTRY).astype(
            {"place": np.int32, "share": float, **dict.fromkeys(BOOKED, np.int64)}
        )
    wanted = orders.set_index("order_id")
    every = pd.concat([each.entries_of(wanted.index) for each in earlier], ignore_index=True)
    booked = every.groupby(_KEY, sort=True).agg(
        channel=("channel", "first"),
        share=("share", "first"),
        **{name: (name, "sum") for name in BOOKED},
    )
    booked = booked.reset_index()
    fresh = (booked["order_id"] != booked["order_id"].shift()) | (
        booked["model"] != booked["model"].shift()
    )
    starts = np.flatnonzero(fresh)
    offsets = sequences.offsets_of(np.diff(np.append(starts, len(booked))))
    owners = booked["order_id"].to_numpy()[starts]
    share = booked["share"].to_numpy(float)
    for name in BOOKED:
        amounts = wanted[name].reindex(owners).to_numpy(np.int64)
        booked[name] = largest_remainder.split(amounts, share, offsets) - booked[name]
    moved: pd.DataFrame = booked.reindex(columns=_ENTRY)
    return moved


def _changes(orders: pd.DataFrame) -> pd.DataFrame:
    """Return restated orders as a closing books them: the differences."""
    found = orders[["order_id", "day", "why"]].assign(
        kind="restatement", **{name: orders[_change(name)] for name in BOOKED}
    )
    return found[["order_id", "day", *BOOKED, "kind", "why"]]


def _plain(entries: pd.DataFrame) -> pd.DataFrame:
    """Return entries with names as text: closings of different channels stand one below another."""
    return entries.astype({"model": "str", "order_id": "str", "channel": "str"})


# ---------------------------------------------------------------------- files


def _folder(workspace: Workspace) -> Path:
    return workspace.folder / "data" / "closings"


def _as_of(workspace: Workspace) -> int:
    return int(filled_store(workspace).query('SELECT "at" FROM as_of')["at"][0].as_py())


def _write(
    folder: Path,
    name: str,
    facts: Mapping[str, Any],
    orders: pd.DataFrame,
    entries: pd.DataFrame,
) -> None:
    """Write a closing whole, by one rename; the caller holds the lock."""
    staging = folder / _STAGING
    with store_errors(folder):
        shutil.rmtree(staging, ignore_errors=True)  # of a run that was killed
        try:
            staging.mkdir()
            for frame, (file, schema) in zip((entries, orders), _FILES.items(), strict=True):
                table = pa.Table.from_pandas(frame, schema, preserve_index=False)
                pq.write_table(table.replace_schema_metadata(), staging / file)
            sealed = dict(facts) | {"sha256": _digests(staging, facts)}
            text = json.dumps(sealed, ensure_ascii=False, indent=2) + "\n"
            (staging / _FACTS).write_text(text, encoding="utf-8")
            for file in (*_FILES, _FACTS):
                with (staging / file).open("rb") as written:
                    os.fsync(written.fileno())
            staging.rename(folder / name)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _read(folder: Path) -> Closing:
    """Read a closing, if it is as it was written."""
    try:
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        told = facts.pop("sha256")
        whole = told == _digests(folder, facts) and facts["period"] == folder.name
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(folder.name, "files that are missing or cannot be read") from error
    if not whole:
        raise _damaged(folder.name, "files other than those that were written")
    orders = pd.read_parquet(folder / "orders.parquet")
    return Closing(folder.name, Days(facts["since"], facts["until"]), facts, orders, folder)


def _damaged(name: str, found: str) -> DataError:
    return DataError(
        found,
        "closed periods as they were closed",
        "Bring the folder back from a backup; closed books are not to be edited.",
        source="/".join(part for part in ("data/closings", name) if part),
    )


def _digests(folder: Path, facts: Mapping[str, Any]) -> dict[str, str]:
    """Return the digest of each file, and of the facts beside them."""
    found = {"facts": hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()}
    for name in _FILES:
        with (folder / name).open("rb") as file:
            found[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
