"""Closed periods: a ledger that no longer moves, and what has changed since.

A closing keeps the entries of the orders booked in its days, with their shares and the money as it
was. Later refunds and corrections do not touch it: the next closing carries them as restatements,
each order's change split by the shares it was closed with. So the books as closed are the sum of
all closings, and what they say of an order is its latest restated amount, split by its own shares.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.assemble.opened import open_journeys
from attribution.decide.days import Days, days
from attribution.decide.ledger import Ledger, check_sums, ledger
from attribution.errors import ConfigError, DataError
from attribution.evaluate.compare import named_models
from attribution.names import __version__
from attribution.numerics import largest_remainder, sequences
from attribution.store.parts import store_errors
from attribution.store.store import filled_store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from attribution.model import Model
    from attribution.workspace import Workspace

__all__ = ["BOOKED", "Closing", "Restatement", "close", "closings", "restated"]

BOOKED = ("gross_fen", "net_fen")  # what is booked; what is still expected to come back is not
_KEY = ["model", "order_id", "place"]
_ENTRY = [*_KEY, "channel", "share", *BOOKED]
_FACTS = "closing.json"


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
        as_of (UTC ms), models, version, and counts and sums, as `closing.json` has them.
    entries
        What it books: model, order_id, place, channel, share, gross_fen, net_fen; kind ("order" or
        "restatement").
    orders
        What it books of each order: order_id, day, gross_fen, net_fen; of a restatement the
        difference, the kind, and why.
    """

    name: str
    days: Days
    facts: Mapping[str, Any]
    entries: pd.DataFrame
    orders: pd.DataFrame


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
    workspace: Workspace, period: str, models: Sequence[Model] | Mapping[str, Model]
) -> Closing:
    """Close a period: freeze its ledger, with the restatements of the periods closed before.

    Parameters
    ----------
    period
        A month, week or day that is over: 2026-10, 2026-W46, 2026-11-11.

    Raises
    ------
    ConfigError
        If the period is none, is not over by the data, is closed already or overlaps one that is.
    DataError
        If there is nothing in the store.
    StoreError
        If it cannot be written. Nothing is closed then.
    """
    asked = days(period)
    earlier = closings(workspace)
    for other in earlier:
        if asked.meets(other.days):
            raise ConfigError(
                f"{period} cannot be closed: {other.name} is closed and has days of it. What "
                "changes later is restated in the next period."
            )
    as_of = _as_of(workspace)
    last = str(pd.Timestamp(as_of, unit="ms", tz="UTC").tz_convert(workspace.timezone).date())
    if last <= asked.until:
        raise ConfigError(
            f"{period} cannot be closed yet: it ends with {asked.until}, and the data reach until "
            f"{last}. Ingest what is newer first, or close a shorter period."
        )
    named = named_models(models)
    now = ledger(open_journeys(workspace, value="gross_fen"), named)
    changed = restated(now, earlier)
    # An order closed with another day stays there: a correction of its day is no second order.
    known = now.orders["order_id"].isin(_closed_orders(earlier).index)
    booked = now.orders[asked.hold(now.orders["day"]) & ~known.to_numpy()]
    fresh = now.entries[now.entries["order_id"].isin(booked["order_id"]).to_numpy()]
    entries = pd.concat(
        [
            _plain(fresh)[_ENTRY].assign(kind="order"),
            changed.entries[_ENTRY].assign(kind="restatement"),
        ],
        ignore_index=True,
    )
    orders = pd.concat(
        [
            booked[["order_id", "day", *BOOKED]].assign(kind="order", why=""),
            _changes(changed.orders),
        ],
        ignore_index=True,
    )
    for (kind, model), mine in entries.groupby(["kind", "model"]):
        told = (orders["kind"] == kind) & orders["order_id"].isin(mine["order_id"])
        check_sums(orders[told], mine, BOOKED, [str(model)])
    facts = {
        "number": len(earlier) + 1,
        "period": period,
        "since": asked.since,
        "until": asked.until,
        "as_of": as_of,
        "models": {name: repr(model) for name, model in named.items()},
        "version": __version__,
        "orders": len(booked),
        "restated": len(changed.orders),
        **{name: int(booked[name].sum()) for name in BOOKED},
        **{f"restated_{name}": int(_changes(changed.orders)[name].sum()) for name in BOOKED},
    }
    return _written(workspace, Closing(period, asked, facts, entries, orders))


def closings(workspace: Workspace) -> list[Closing]:
    """Return the closed periods, in the order in which they were closed.

    Raises
    ------
    DataError
        If a closing is not as it was written.
    """
    found = [_read(folder) for folder in sorted(_folder(workspace).glob("*/"))]
    return sorted((each for each in found if each), key=lambda each: each.facts["number"])


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
    every = pd.concat([each.entries for each in earlier], ignore_index=True)
    every = every[every["order_id"].isin(wanted.index)]
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


def _written(workspace: Workspace, closing: Closing) -> Closing:
    """Write a closing whole, by one rename."""
    folder = _folder(workspace)
    with store_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".closing-", dir=folder))
        try:
            for name in ("entries", "orders"):
                getattr(closing, name).to_parquet(staging / f"{name}.parquet", index=False)
            facts = dict(closing.facts) | {"sha256": _digests(staging)}
            text = json.dumps(facts, ensure_ascii=False, indent=2) + "\n"
            (staging / _FACTS).write_text(text, encoding="utf-8")
            staging.chmod(0o755)
            staging.rename(folder / closing.name)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return replace(closing, facts=facts)


def _read(folder: Path) -> Closing | None:
    file = folder / _FACTS
    if folder.name.startswith(".") or not file.is_file():
        return None
    facts = json.loads(file.read_text(encoding="utf-8"))
    if facts["sha256"] != _digests(folder):
        raise DataError(
            "files other than those that were written",
            "a closed period as it was closed",
            "Bring the folder back from a backup; closed books are not to be edited.",
            source=f"data/closings/{folder.name}",
        )
    entries, orders = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("entries", "orders")
    )
    return Closing(folder.name, Days(facts["since"], facts["until"]), facts, entries, orders)


def _digests(folder: Path) -> dict[str, str]:
    names = ("entries.parquet", "orders.parquet")
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
