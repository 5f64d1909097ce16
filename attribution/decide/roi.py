"""What each channel earned for what it cost, under every model, and how sure that is.

Revenue is what the ledger gives a channel. A cost of an order goes where the order's credit goes,
so that an order is credited as a whole: what it brought and what it took. Any other cost goes to
the channels it was paid for: of the session, the streamer, the campaign, the platform, by what they
are credited with; what no rule can place is the row `(unallocated)`. What would have come anyway,
`(organic)` under models that know it, is no channel's revenue, and bears its part of the goods; but
what was paid to be seen was paid for channels, and is all theirs. Under every model all rows
together are all orders and all costs, to the fen.

    contribution = net revenue - all costs
    contribution ROI = contribution, once returns have run their course / spend

Spend is what was paid to be seen: `cost_places.SPEND`. The usual ROAS, gross revenue / ads, stands
beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.assemble.store_journeys import StoreJourneys
from attribution.credit import checked_level
from attribution.decide.cost_places import SPEND, Reach, placed_costs, reach_of, spread_by
from attribution.decide.costs import cost_rows, hosts_of
from attribution.decide.days import Days
from attribution.decide.ledger import Ledger, every_order, ledger
from attribution.decide.lines import paid_lines
from attribution.decide.records import read_records
from attribution.decide.returns import ReturnCurves, return_curves
from attribution.errors import ConfigError, ModelError, quoted
from attribution.names import BLOCKS, ORGANIC, UNALLOCATED, UNATTRIBUTED, VALUE
from attribution.numerics import jackknife, largest_remainder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from attribution.credit import Credit
    from attribution.journeys import Journeys
    from attribution.model import Model
    from attribution.workspace import CostRules

__all__ = ["SPEND", "Roi", "expecting", "leading", "roi"]

_MONEY = ("gross_fen", "net_fen", "net_expected_fen")
_NO_CHANNEL = (ORGANIC, UNATTRIBUTED, UNALLOCATED)
_CONTRIBUTIONS = ("contribution_fen", "contribution_expected_fen")
_KNOWS = 0.9  # of the orders another model knows, below which the usual model does not lead


@dataclass(frozen=True, eq=False)
class Roi:
    """Revenue and cost by channel under each model.

    Attributes
    ----------
    channels
        One row per model and channel, the largest contribution first, then `(organic)`,
        `(unattributed)` and `(unallocated)`: model, channel, orders (shares), gross_fen, net_fen,
        net_expected_fen, cost_fen, spend_fen, contribution_fen (of net to date),
        contribution_expected_fen, low_fen and high_fen (of that), net_low_fen and net_high_fen (of
        net_expected_fen), margin (contribution over net, once returns have run their course), roas,
        contribution_roi, cost_per_order_fen (spend per order), break_even_fen (gross at which the
        costs that do not grow with it are earned back, at this channel's margin; NaN where no
        gross does).
    costs
        One row per model, channel and kind of cost: model, channel, kind, amount_fen.
    cost_fen
        All costs of the days.
    unplaced
        One row per kind and reason: kind, why, amount_fen; what `(unallocated)` is made of.
    live
        session ("platform:session_id") and channel: which channel a live session's is.
    headline
        The model whose figures lead.
    why_headline
        "" if it is the one asked for or the usual one; "coverage" if the usual one, Shapley,
        knows too few orders.
    ledger
        The orders of the days, and how they are shared.
    returns
        What is still to come back.
    interval
        Level of the intervals.
    """

    channels: pd.DataFrame
    costs: pd.DataFrame
    cost_fen: int
    unplaced: pd.DataFrame
    live: pd.DataFrame
    headline: str
    why_headline: str
    ledger: Ledger
    returns: ReturnCurves
    interval: float

    def verdicts(self) -> pd.DataFrame:
        """Return one row per channel, as the headline model orders them.

        Columns: channel, profitable (models under which it earns more than it costs), models,
        verdict: "profit" or "loss" where the interval is clear of zero and all models are on one
        side; "unclear" where the interval is not; "depends" where the models are not; "unseen"
        where no model knows of an order: what it earned was not measured.
        """
        inner = self.channels[~self.channels["channel"].isin(_NO_CHANNEL)]
        by_channel = inner.groupby("channel")
        above = inner["contribution_expected_fen"].gt(0).groupby(inner["channel"]).sum()
        lead = inner[inner["model"] == self.headline]
        count = len(self.ledger.models)
        profitable = lead["channel"].map(above).to_numpy(int)
        none = lead["channel"].map(by_channel["orders"].max() == 0).to_numpy(bool)
        unseen = none & (lead["low_fen"] == lead["high_fen"]).to_numpy(bool)
        clear = ((lead["low_fen"] > 0) | (lead["high_fen"] < 0)).to_numpy(bool)
        verdict = np.select(
            [unseen, ~clear, profitable == count, profitable == 0],
            ["unseen", "unclear", "profit", "loss"],
            "depends",
        )
        return pd.DataFrame(
            {
                "channel": lead["channel"].to_numpy(),
                "profitable": profitable,
                "models": count,
                "verdict": verdict,
            }
        )

    def total(self) -> pd.Series:
        """Return what all rows of the headline model add up to, with the interval of the whole."""
        mine = self.channels[self.channels["model"] == self.headline]
        sums = mine[["orders", *_MONEY, "cost_fen", "spend_fen", *_CONTRIBUTIONS]].sum()
        whole = self.returns.total
        spread = np.zeros(2)
        if len(whole):
            row = whole.iloc[0]
            spread = np.array([row["low_fen"], row["high_fen"]]) - row["net_expected_fen"]
        sums["low_fen"], sums["high_fen"] = sums["contribution_expected_fen"] + spread
        return sums

    def priced(self, journeys: StoreJourneys) -> Iterator[Journeys]:
        """Yield the journeys of these books with every order worth its expected net.

        Orders of other days are worth nothing, and stay in: what a model finds in all of them says
        more of each. So a model's `value` is of the same money as `net_expected_fen` here.
        """
        worth = self.ledger.orders.set_index("order_id")["net_expected_fen"].astype(float)
        for batch in every_order(journeys):
            none = np.zeros(len(batch))
            known = none if batch.order_id is None else worth.reindex(batch.order_id).fillna(0.0)
            yield replace(batch, values={VALUE: np.asarray(known)})

    def check(self) -> None:
        """Prove that under every model all channels are all orders and all costs, to the fen.

        Raises
        ------
        ModelError
            Naming the model and the column that does not add up.
        """
        self.ledger.check()
        wanted = dict(self.ledger.orders[[*_MONEY]].sum()) | {"cost_fen": self.cost_fen}
        for model in self.ledger.models:
            mine = self.channels[self.channels["model"] == model]
            kinds = self.costs.loc[self.costs["model"] == model, "amount_fen"]
            for name, amount in wanted.items():
                if mine[name].sum() != amount:
                    raise _apart(model, name)
            if kinds.sum() != self.cost_fen:
                raise _apart(model, "amount_fen")


def roi(
    journeys: Iterable[Journeys],
    models: Sequence[Model] | Mapping[str, Model],
    *,
    since: str = "",
    until: str = "",
    headline: str = "",
    interval: float = 0.95,
) -> Roi:
    """Return what each channel of a workspace earned for what it cost.

    Parameters
    ----------
    journeys
        Of a workspace, as `open_journeys` gives them; their level says what a channel is. Every
        paid order counts, whatever they leave out, because every cost does.
    models
        Models, or a dict of names.
    since, until
        The first and last day, such as "2026-11-09": of orders the day they are booked, of costs
        their own. Empty: no bound.
    headline
        The model whose figures lead; if empty, Shapley, or where it knows fewer than nine tenths
        of the orders that another model does, the last of those that know most.
    interval
        Level of the intervals: who bought (64 blocks of people), and what will come back.

    Raises
    ------
    ConfigError
        For journeys that are of no workspace, and settings that cannot stand.
    DataError
        If a file of the store cannot be read.
    """
    if not isinstance(journeys, StoreJourneys):
        raise ConfigError(
            "roi needs the journeys of a workspace, because costs lie in its store: "
            'attribution.roi(attribution.open_journeys("brand"), models).'
        )
    level = checked_level(interval)
    journeys = every_order(journeys)
    days, store = Days(since, until), journeys.store
    whole = ledger(journeys, models, interval=level)
    returns = return_curves(store, since=since, until=until)
    book = expecting(whole.within(days), returns)
    lead, why = leading(book, headline)
    records = read_records(store)
    lines, on_air = paid_lines(records), hosts_of(records).days
    units = lines["units"].where(lines["is_revenue"], 0).groupby(lines["order"]).sum()
    costs = _counted(cost_rows(records, lines, store.costs), days, store.costs)
    follow = costs["order"].isin(book.orders["order_id"]) & (costs["rule"] != "none")
    own, wide = _own_costs(costs[follow], book.orders), costs[~follow]
    spent = own[[kind for kind in own.columns if kind in SPEND]].sum(axis="columns").to_numpy(float)
    reach = reach_of(journeys, wide, on_air[days.hold(on_air["day"])])
    tables, sums, unplaced = [], [], {}
    for model in book.models:
        mine = book.entries[(book.entries["model"] == model).to_numpy()]
        totals = _totals(mine, book.orders, units)
        paying = _paying_shares(mine)
        followed = _followed(mine, own, paying)
        placed = placed_costs(wide, reach, totals)
        unplaced[model] = placed.unplaced
        kinds = pd.concat([followed, placed.by_channel])
        kinds = kinds.groupby(["channel", "kind"], sort=True)["amount_fen"].sum().reset_index()
        sums.append(kinds.assign(model=model))
        row = _order_rows(mine, book.orders)
        # What was paid to be seen for the organic part of an order is not organic's.
        moved = (mine["share"].to_numpy(float) - paying) * spent[row]
        margins = _margins(mine, book.orders, own, moved, _moves(whole, model), returns, level)
        growing = followed.groupby("channel")["amount_fen"].sum()
        hidden = _hidden(whole.credits[model]) / max(1, len(whole.orders))
        tables.append(
            _table(model, totals, kinds, growing, margins, _possible(hidden, book.orders, own))
        )
    return Roi(
        channels=pd.concat(tables, ignore_index=True),
        costs=pd.concat(sums, ignore_index=True)[["model", "channel", "kind", "amount_fen"]],
        cost_fen=int(costs["amount_fen"].sum()),
        unplaced=unplaced[lead].reset_index(drop=True),
        live=_live(reach),
        headline=lead,
        why_headline=why,
        ledger=book,
        returns=returns,
        interval=level,
    )


def _counted(costs: pd.DataFrame, days: Days, rules: CostRules) -> pd.DataFrame:
    """Return the costs of some days, with the rule of each; of all days, the undated ones too."""
    costs = costs[days.hold(costs["day"])].reset_index(drop=True)
    return costs.assign(rule=spread_by(costs, rules))


def _margins(
    entries: pd.DataFrame,
    orders: pd.DataFrame,
    own: pd.DataFrame,
    moved: NDArray[np.float64],
    moves: NDArray[np.float64],
    returns: ReturnCurves,
    level: float,
) -> dict[str, pd.Series[float]]:
    """Return, by channel, half the interval of expected net, and of what its own costs leave.

    `moved` is what each entry bears less of its order's own costs than by its share.
    """
    parts = pd.DataFrame(
        {
            "order": entries["order_id"].astype("str"),
            "label": entries["channel"].astype("str"),
            "share": entries["share"],
        }
    )
    # Where no refund was ever told of, nothing is known of what will come back.
    coming = returns.expected_by(parts).set_index("label")["sd_fen"].fillna(0.0)
    kept = orders["net_expected_fen"].to_numpy(float)
    left = kept - own.sum(axis="columns").to_numpy()
    row, share = _order_rows(entries, orders), entries["share"].to_numpy(float)
    worth = {"net": share * kept[row], "left": share * left[row] + moved}
    errors = {
        name: _sampling_errors(entries, orders, amounts, moves) for name, amounts in worth.items()
    }
    width = float(jackknife.half_width(np.ones(1), level, BLOCKS)[0])
    return {
        name: width * np.hypot(sampled, coming.reindex(sampled.index).to_numpy())
        for name, sampled in errors.items()
    }


def _hidden(credit: Credit) -> pd.Series[float]:
    """Return, by channel, the orders that it may have caused though the estimate is zero.

    At its bound an estimate does not move with who bought: its interval is that of the profile
    likelihood, at 95 %. Only causal models state one.
    """
    effects = credit.effects
    if effects is None:
        return pd.Series(dtype=float)
    bound = effects[(effects["conversions"] <= 0) & (effects["high"] > 0)]
    return bound.set_index("channel")["high"]


def _possible(
    hidden: pd.Series[float], orders: pd.DataFrame, own: pd.DataFrame
) -> dict[str, pd.Series[float]]:
    """Return the same in money, as `_margins` does, given the part of all orders."""
    kept = float(orders["net_expected_fen"].sum())
    return {"net": hidden * kept, "left": hidden * (kept - float(own.to_numpy().sum()))}


def _live(reach: Reach) -> pd.DataFrame:
    """Return the channel of each session."""
    found = reach.rows[reach.rows["scope"] == "session"].rename(columns={"key": "session"})
    return found[["session", "channel"]].reset_index(drop=True)


def expecting(book: Ledger, returns: ReturnCurves) -> Ledger:
    """Return a ledger whose expected net goes by the returns of each order's streamer.

    By platform and category it adds up to the store's own. What is expected is no amount to be
    taxed, so it has none without tax.
    """
    untaxed = "net_expected_fen_untaxed"
    expected = returns.orders.set_index("order")["net_expected_fen"]
    known = expected.reindex(book.orders["order_id"]).to_numpy(np.int64)
    orders = book.orders.assign(net_expected_fen=known).drop(columns=untaxed, errors="ignore")
    entries = book.entries.assign(net_expected_fen=_divided(book.entries, orders))
    return replace(
        book,
        orders=orders,
        entries=entries.drop(columns=untaxed, errors="ignore"),
        money=tuple(name for name in book.money if name != untaxed),
    )


def _divided(entries: pd.DataFrame, orders: pd.DataFrame) -> NDArray[np.int64]:
    """Return what each entry gets of its order's expected net."""
    if entries.empty:
        return np.zeros(0, np.int64)
    row = _order_rows(entries, orders)
    model = entries["model"].cat.codes.to_numpy()
    fresh = np.append(True, (np.diff(row) != 0) | (np.diff(model) != 0))
    starts = np.flatnonzero(fresh)
    return largest_remainder.split(
        orders["net_expected_fen"].to_numpy(np.int64)[row[starts]],
        entries["share"].to_numpy(float),
        np.append(starts, len(entries)),
    )


def _order_rows(entries: pd.DataFrame, orders: pd.DataFrame) -> NDArray[np.int64]:
    """Return the row of each entry's order."""
    found = pd.Index(orders["order_id"]).get_indexer(entries["order_id"].cat.categories)
    return np.asarray(found[entries["order_id"].cat.codes.to_numpy()], np.int64)


def leading(book: Ledger, wanted: str) -> tuple[str, str]:
    """Return the model whose figures lead, and why it is another than the usual one: see `Roi`.

    Raises
    ------
    ConfigError
        If the one wanted is none of the models.
    """
    if wanted:
        if wanted not in book.models:
            raise ConfigError(
                f"headline={quoted(wanted)} is none of the models: {', '.join(book.models)}."
            )
        return wanted, ""
    # That an order without any touchpoint is organic is nothing a model knows of channels.
    touched = book.orders.loc[book.orders["touchpoints"] > 0, "order_id"]
    nobody = (book.entries["channel"] == UNATTRIBUTED) & book.entries["order_id"].isin(touched)
    lost = nobody.groupby(book.entries["model"], observed=True).sum().reindex(book.models)
    known = len(touched) - lost.fillna(0).to_numpy()
    usual = "Shapley" if "Shapley" in book.models else book.models[-1]
    if known[book.models.index(usual)] >= _KNOWS * known.max(initial=0):
        return usual, ""
    return [name for name, n in zip(book.models, known, strict=True) if n == known.max()][-1], (
        "coverage"
    )


def _totals(entries: pd.DataFrame, orders: pd.DataFrame, units: pd.Series[int]) -> pd.DataFrame:
    """Return what each channel is credited with: channel, orders, units, gross_fen, net_fen ..."""
    sold = units.reindex(orders["order_id"], fill_value=0).to_numpy(float)
    mine = entries.assign(units=entries["share"] * sold[_order_rows(entries, orders)])
    sums = {"orders": ("share", "sum"), "units": ("units", "sum")}
    sums |= {name: (name, "sum") for name in _MONEY}
    found = mine.groupby("channel", observed=True, sort=True).agg(**sums).reset_index()
    return found.astype({"channel": "str"})


def _own_costs(costs: pd.DataFrame, orders: pd.DataFrame) -> pd.DataFrame:
    """Return the costs of orders: a column for each kind, a row for each order, whole fen."""
    table = costs.pivot_table(
        "amount_fen", "order", "kind", aggfunc="sum", fill_value=0, observed=True
    )
    return table.reindex(orders["order_id"], fill_value=0).astype(np.int64)


def _paying_shares(entries: pd.DataFrame) -> NDArray[np.float64]:
    """Return the part of what was paid to be seen for its order that each entry bears.

    It is the entry's share, but that channels bear the part of organic, if the order has any.
    """
    share = entries["share"].to_numpy(float)
    organic = (entries["channel"] == ORGANIC).to_numpy()
    order = entries["order_id"].cat.codes.to_numpy()
    size = len(entries["order_id"].cat.categories)
    inner = np.where(organic, 0.0, share)
    whole = np.bincount(order, inner, minlength=size)[order]
    parted = (np.bincount(order, organic, minlength=size)[order] > 0) & (whole > 0)
    return np.asarray(np.divide(inner, whole, out=share.copy(), where=parted))


def _followed(
    entries: pd.DataFrame, own: pd.DataFrame, paying: NDArray[np.float64]
) -> pd.DataFrame:
    """Return the costs of orders by the channels that share them: channel, kind, amount_fen."""
    order = own.index.get_indexer(entries["order_id"].cat.categories)
    row = order[entries["order_id"].cat.codes.to_numpy()]
    channel, names = entries["channel"].cat.codes.to_numpy(), entries["channel"].cat.categories
    by_share, parts = entries["share"].to_numpy(float), []
    for kind in own.columns:
        amounts = own[kind].to_numpy(np.int64)
        share = paying if kind in SPEND else by_share
        for sign in (1, -1):  # apart, so that what comes and goes in one channel is not lost
            side = np.where(amounts * sign > 0, amounts, 0)
            weight = np.bincount(channel, share * np.abs(side)[row], minlength=len(names)).astype(
                float
            )
            split = largest_remainder.split(
                side.sum(keepdims=True), weight, np.array([0, len(names)])
            )
            parts.append(pd.DataFrame({"channel": names, "kind": kind, "amount_fen": split}))
    if not parts:
        return pd.DataFrame({"channel": [], "kind": [], "amount_fen": []}).astype(
            {"channel": "str", "kind": "str", "amount_fen": np.int64}
        )
    found = pd.concat(parts)
    return found[found["amount_fen"] != 0].astype({"channel": "str"})


def _moves(whole: Ledger, model: str) -> NDArray[np.float64]:
    """Return (64, channels) by how much a model would share otherwise without each block of people.

    To first order, by as much as its own credit then moves against the ledger's; 1 for rules of
    thumb, which learn nothing.
    """
    mine = whole.entries[(whole.entries["model"] == model).to_numpy()]
    names, credit = mine["channel"].cat.categories, whole.credits[model]
    place = pd.Index([*credit.channels, ORGANIC, UNATTRIBUTED]).get_indexer(names)
    if credit.replicates is None:
        return np.ones((BLOCKS, len(names)))
    value = credit.measures.index(VALUE)
    amounts = mine[whole.money[0]].to_numpy(float)
    block = whole.orders["block"].to_numpy()[_order_rows(mine, whole.orders)]
    code = mine["channel"].cat.codes.to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        of_model = credit.replicates[:, place, value] / credit.rows[place, value]
        of_ledger = _left_out(mine, block, amounts) / np.bincount(code, amounts, len(names))
        ratio = of_model / of_ledger
    return np.where(np.isfinite(ratio) & (place >= 0), ratio, 1.0)


def _sampling_errors(
    entries: pd.DataFrame,
    orders: pd.DataFrame,
    worth: NDArray[np.float64],
    moves: NDArray[np.float64],
) -> pd.Series[float]:
    """Return the standard error, by channel, of what entries are worth: of who happened to buy."""
    block = orders["block"].to_numpy()[_order_rows(entries, orders)]
    mine = _left_out(entries, block, worth)
    errors = jackknife.standard_errors(mine * moves)
    met = np.unique(entries["channel"].cat.codes.to_numpy())
    return pd.Series(errors[met], index=entries["channel"].cat.categories[met].astype("str"))


def _left_out(
    entries: pd.DataFrame, block: NDArray[Any], amounts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (64, channels) the sums without each block, scaled up to all of them."""
    size = len(entries["channel"].cat.categories)
    key = block.astype(np.int64) * size + entries["channel"].cat.codes.to_numpy()
    sums = np.bincount(key, amounts, minlength=BLOCKS * size).reshape(BLOCKS, size)
    return np.asarray(jackknife.scale(BLOCKS) * (sums.sum(axis=0) - sums))


def _table(
    model: str,
    totals: pd.DataFrame,
    kinds: pd.DataFrame,
    growing: pd.Series[int],
    margins: Mapping[str, pd.Series[float]],
    possible: Mapping[str, pd.Series[float]],
) -> pd.DataFrame:
    """Return `Roi.channels` of one model."""
    cost = kinds.groupby("channel")["amount_fen"].sum()
    spend = kinds[kinds["kind"].isin(SPEND)].groupby("channel")["amount_fen"].sum()
    ads = kinds[kinds["kind"] == "ads"].groupby("channel")["amount_fen"].sum()
    found = totals.drop(columns="units").set_index("channel")
    every = found.index.union(cost.index).union(possible["net"].index)
    found = found.reindex(every).fillna(0)
    found = found.astype(dict.fromkeys(_MONEY, np.int64))

    def of(sums: pd.Series[int]) -> pd.Series[int]:
        return sums.reindex(found.index, fill_value=0).astype(np.int64)

    found["cost_fen"], found["spend_fen"] = of(cost), of(spend)
    found["contribution_fen"] = found["net_fen"] - found["cost_fen"]
    found["contribution_expected_fen"] = found["net_expected_fen"] - found["cost_fen"]
    for name, side in (("low_fen", -1), ("high_fen", 1)):
        for kind, column, before in (
            ("left", "contribution_expected_fen", ""),
            ("net", "net_expected_fen", "net_"),
        ):
            reach = margins[kind].reindex(found.index).fillna(0.0)
            more = (side * possible[kind].reindex(found.index).fillna(0.0)).clip(lower=0.0)
            found[before + name] = found[column] + side * (reach + more)
    margin_rate = (found["net_expected_fen"] - of(growing)) / found["gross_fen"].where(
        found["gross_fen"] > 0
    )
    fixed = (found["cost_fen"] - of(growing)).clip(lower=0)
    kept = found["net_expected_fen"]
    found["margin"] = found["contribution_expected_fen"] / kept.where(kept > 0)
    found["roas"] = found["gross_fen"] / of(ads).where(of(ads) > 0)
    found["contribution_roi"] = found["contribution_expected_fen"] / found["spend_fen"].where(
        found["spend_fen"] > 0
    )
    found["cost_per_order_fen"] = found["spend_fen"] / found["orders"].where(found["orders"] > 0)
    found["break_even_fen"] = fixed / margin_rate.where(margin_rate > 0)
    found["place"] = found.index.map({name: n for n, name in enumerate(_NO_CHANNEL)})
    table = found.rename_axis("channel").reset_index()
    by = ["place", "contribution_expected_fen", "channel"]
    table = table.sort_values(
        by, ascending=[True, False, True], na_position="first", ignore_index=True
    ).drop(columns="place")
    table.insert(0, "model", model)
    return table


def _apart(model: str, column: str) -> ModelError:
    return ModelError(
        f"The channels of {model} do not add up to all orders in {column}. This is a mistake of "
        "the program; report it."
    )
