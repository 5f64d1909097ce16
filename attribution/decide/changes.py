"""What changed from one run to the next, and why: data, mix, model, parameters.

Two runs credit net revenue by their headline models. Of the difference,

- *data* is orders that came into the days or left them, came late or are gone, and amounts that
  moved, such as refunds;
- *mix*: those orders came by other channels than what was there before. Of a channel's change by
  data, its share of the total before is data, and the rest is mix, which adds up to nothing;
- *model*: the same orders are shared otherwise by the same settings, because touchpoints or people
  are better known, or the model learnt anew;
- *parameters*: what other settings change on the data as they are now. The old settings are applied
  to the new data, so what is left between that and the run itself is their effect and no other.

Every channel's parts add up to its change, and the channels to the total.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.assemble.opened import open_journeys
from attribution.decide.days import Days
from attribution.decide.ledger import ledger
from attribution.errors import AttributionError
from attribution.journeys.definition import JourneyDefinition
from attribution.models.named import model_from_text
from attribution.names import __version__
from attribution.numerics import largest_remainder
from attribution.store.channels import Language, translated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from attribution.decide.ledger import Ledger
    from attribution.workspace import Workspace

__all__ = [
    "CAUSES",
    "Changes",
    "Snapshot",
    "changes",
    "changes_since",
    "kept_snapshot",
    "replayed",
    "save_snapshot",
    "snapshot",
]

CAUSES = ("data", "mix", "model", "parameters")
_ORDERS, _ENTRIES, _FACTS = "snapshot_orders.parquet", "snapshot_entries.parquet", "snapshot.json"
_MONEY = "net_fen"
_OF_ORDER = ("day", "gross_fen", _MONEY)
_TOLD = {"since", "until", "model", "settings", "language", "version"}
_WHY = ("slid_out", "came_in", "late", "gone", "refunds", "amounts")


@dataclass(frozen=True, eq=False)
class Snapshot:
    """What a run must remember, to be held against the next.

    Attributes
    ----------
    orders
        order_id, day, gross_fen, net_fen.
    entries
        Of the headline model: order_id, channel, net_fen.
    facts
        since, until, model (as `label` writes it), settings (of journeys), language, version.
    """

    orders: pd.DataFrame
    entries: pd.DataFrame
    facts: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Changes:
    """What changed from one snapshot to the next.

    Attributes
    ----------
    totals
        What became of the total: why (slid_out, came_in, late, gone, refunds, amounts), orders,
        change_fen; all of them, zeros too.
    channels
        channel, before_fen, after_fen, change_fen and its parts, `CAUSES`; the largest first.
    before_fen, after_fen
        The totals.
    settings
        name, before, after: settings that differ.
    replayed
        Whether the old settings could be applied to the new data; if not, the effect of other
        settings is within `model`.
    """

    totals: pd.DataFrame
    channels: pd.DataFrame
    before_fen: int
    after_fen: int
    settings: pd.DataFrame
    replayed: bool


def snapshot(
    book: Ledger, model: str, definition: JourneyDefinition, days: Days, language: str
) -> Snapshot:
    """Return what is to be remembered of a ledger under its headline model."""
    mine = book.entries[(book.entries["model"] == model).to_numpy()]
    entries = mine.groupby(["order_id", "channel"], observed=True, sort=True)[_MONEY].sum()
    settings = json.loads(json.dumps(definition.settings(), default=str))
    return Snapshot(
        book.orders[["order_id", *_OF_ORDER]].sort_values("order_id"),
        entries.reset_index().astype({"order_id": "str", "channel": "str"}),
        {
            "since": days.since,
            "until": days.until,
            "model": model,
            "settings": settings,
            "language": language,
            "version": __version__,
        },
    )


def save_snapshot(kept: Snapshot, folder: Path) -> None:
    """Write a snapshot into a folder, to be found by `kept_snapshot`."""
    kept.orders.to_parquet(folder / _ORDERS, index=False)
    kept.entries.to_parquet(folder / _ENTRIES, index=False)
    text = json.dumps(dict(kept.facts), ensure_ascii=False, indent=2, sort_keys=True) + "\n"
    (folder / _FACTS).write_text(text, encoding="utf-8")


def kept_snapshot(folder: Path) -> Snapshot | None:
    """Return the snapshot of an earlier run; None where it left none that can be read."""
    try:
        facts = json.loads((folder / _FACTS).read_text(encoding="utf-8"))
        orders = pd.read_parquet(folder / _ORDERS)
        entries = pd.read_parquet(folder / _ENTRIES)
    except (OSError, ValueError):
        return None
    whole = (
        isinstance(facts, dict)
        and _TOLD.issubset(facts)
        and isinstance(facts["settings"], dict)
        and {"order_id", *_OF_ORDER}.issubset(orders)
        and {"order_id", "channel", _MONEY}.issubset(entries)
    )
    return Snapshot(orders, entries, facts) if whole else None


def replayed(workspace: Workspace, before: Snapshot, after: Snapshot) -> Snapshot | None:
    """Return the new data under the old settings; None where those can no longer be applied."""
    facts = before.facts
    same = all(facts[name] == after.facts[name] for name in ("model", "settings"))
    if same:
        return after
    try:
        definition = JourneyDefinition(**facts["settings"])
        model = model_from_text(facts["model"])
        journeys = open_journeys(workspace, language=after.facts["language"], **_given(definition))
        days = Days(after.facts["since"], after.facts["until"])
        book = ledger(journeys, {facts["model"]: model}, since=days.since, until=days.until)
    except (AttributionError, TypeError):
        return None
    return snapshot(book, facts["model"], definition, days, after.facts["language"])


def changes_since(workspace: Workspace, previous: str, now: Snapshot) -> Changes | None:
    """Return what changed since the run in a folder; None if there is none, or it left nothing."""
    before = kept_snapshot(Path(previous, "downloads", "overview")) if previous else None
    if before is None:
        return None
    return changes(before, now, replayed(workspace, before, now))


def changes(before: Snapshot, after: Snapshot, replay: Snapshot | None) -> Changes:
    """Return what changed, and why.

    Parameters
    ----------
    before, after
        Of the two runs.
    replay
        The new data under the old settings: see `replayed`.
    """
    middle = after if replay is None else replay
    orders = _orders(before, after)
    was, would, now = (
        _by_channel(each, after.facts["language"]) for each in (before, middle, after)
    )
    both = orders.index[orders["why"].isin(("same", "refunds", "amounts"))]
    # Of orders in both runs, what the old shares make of the new amounts.
    moved = was[was["order_id"].isin(both)].merge(
        orders[["net_before", "net_after"]], left_on="order_id", right_index=True
    )
    scaled = moved[_MONEY] * (
        moved["net_after"] / moved["net_before"].where(moved["net_before"] > 0)
    )
    # An order that was worth nothing has no shares of its amount: those it has now are taken.
    fresh = would[would["order_id"].isin(both) & would["order_id"].map(orders["net_before"]).eq(0)]
    kept = pd.concat([moved.assign(**{_MONEY: scaled.fillna(0.0)}), fresh])
    came = would[~would["order_id"].isin(both)]
    table = pd.DataFrame(
        {
            "before_fen": _sum(was),
            "kept": _sum(kept),
            "came": _sum(came),
            "would": _sum(would),
            "after_fen": _sum(now),
        }
    ).fillna(0.0)
    # What the old shares keep is whole fen again, as orders are.
    whole = [name for name in table.columns if name != "kept"]
    table = table.astype(dict.fromkeys(whole, np.int64))
    still = int(orders.loc[both, "net_after"].sum())
    table["kept"] = _split(still, table["kept"])
    table["change_fen"] = table["after_fen"] - table["before_fen"]
    by_data = table["kept"] + table["came"] - table["before_fen"]
    table["data"] = by_data
    if table["before_fen"].any():
        table["data"] = _split(int(by_data.sum()), table["before_fen"])
    table["mix"] = by_data - table["data"]
    table["model"] = table["would"] - table["kept"] - table["came"]
    table["parameters"] = table["after_fen"] - table["would"]
    size = table["change_fen"].abs()
    columns = ["before_fen", "after_fen", "change_fen", *CAUSES]
    ranked = table.iloc[np.lexsort((table.index, -size))][columns]
    counted = orders.groupby("why").agg(
        orders=("net_after", "size"), change_fen=("change_fen", "sum")
    )
    totals = counted.reindex(_WHY, fill_value=0).astype(np.int64).rename_axis("why").reset_index()
    return Changes(
        totals,
        ranked.rename_axis("channel").reset_index(),
        int(before.orders[_MONEY].sum()),
        int(after.orders[_MONEY].sum()),
        _settings(before, after),
        replay is not None,
    )


def _split(amount: int, weights: pd.Series[Any]) -> NDArray[np.int64]:
    """Return a whole amount split by weights."""
    if weights.empty:
        return np.zeros(0, np.int64)
    shares = np.maximum(weights.to_numpy(float), 0.0)
    return largest_remainder.split(np.array([amount]), shares, np.array([0, len(weights)]))


def _orders(before: Snapshot, after: Snapshot) -> pd.DataFrame:
    """Return every order of both: why it changed the total, and by how much."""
    one, two = (each.orders.set_index("order_id")[[*_OF_ORDER]] for each in (before, after))
    found = one.add_suffix("_before").join(two.add_suffix("_after"), how="outer")
    was, now = found["net_fen_before"].notna(), found["net_fen_after"].notna()
    in_new = Days(after.facts["since"], after.facts["until"]).hold(found["day_before"])
    in_old = Days(before.facts["since"], before.facts["until"]).hold(found["day_after"])
    # Where the period has no end, the data of the run before had one.
    reach = before.orders["day"].max() if len(before.orders) else ""
    in_old &= (found["day_after"] <= reach).to_numpy(bool)
    gross = found["gross_fen_before"] != found["gross_fen_after"]
    net = found["net_fen_before"] != found["net_fen_after"]
    found["why"] = np.select(
        [was & ~now & ~in_new, was & ~now, now & ~was & ~in_old, now & ~was, gross, net],
        ["slid_out", "gone", "came_in", "late", "amounts", "refunds"],
        "same",
    )
    found["net_before"] = found["net_fen_before"].fillna(0).astype(np.int64)
    found["net_after"] = found["net_fen_after"].fillna(0).astype(np.int64)
    found["change_fen"] = found["net_after"] - found["net_before"]
    return found[["why", "net_before", "net_after", "change_fen"]]


def _by_channel(kept: Snapshot, language: Language) -> pd.DataFrame:
    """Return entries with their channels named in a language."""
    if kept.facts["language"] == language:
        return kept.entries
    names = {name: translated(name, language) or name for name in kept.entries["channel"].unique()}
    return kept.entries.assign(channel=kept.entries["channel"].map(names))


def _sum(entries: pd.DataFrame) -> pd.Series[float]:
    return entries.groupby("channel")[_MONEY].sum().astype(float)


def _settings(before: Snapshot, after: Snapshot) -> pd.DataFrame:
    """Return what the two runs were told differently."""
    one, two = _told(before), _told(after)
    rows = [
        (name, one.get(name, ""), two.get(name, ""))
        for name in dict.fromkeys([*one, *two])
        if one.get(name, "") != two.get(name, "")
    ]
    return pd.DataFrame(rows, columns=["name", "before", "after"])


def _told(kept: Snapshot) -> dict[str, str]:
    facts = {name: str(kept.facts[name]) for name in ("model", "since", "until", "version")}
    return facts | {name: str(value) for name, value in kept.facts["settings"].items()}


def _given(definition: JourneyDefinition) -> dict[str, Any]:
    """Return settings as `open_journeys` takes them: those that are set."""
    return {name: value for name, value in definition.settings().items() if value is not None}
