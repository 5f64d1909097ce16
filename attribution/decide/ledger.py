"""Every order, to the fen: which touchpoints share it under each model, and what each of them gets.

An order's money is split by the method of largest remainders, column by column, so what its
touchpoints get adds up to the order, always. What the ledger gives a channel in all may differ from
the model's own credit, where no division of orders can follow the model: `Ledger.residuals`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from attribution.assemble.opened import open_journeys
from attribution.assemble.store_journeys import StoreJourneys
from attribution.decide.days import Days
from attribution.decide.shares import Division, Fitted, fitted
from attribution.errors import ConfigError, DataError, ModelError, quoted
from attribution.evaluate.compare import named_models
from attribution.journeys import Journeys
from attribution.names import ORGANIC, UNATTRIBUTED, VALUE
from attribution.numerics import largest_remainder, sequences
from attribution.numerics.hashing import hash_texts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from attribution.credit import Credit
    from attribution.journeys.definition import Level
    from attribution.model import Model
    from attribution.workspace import Workspace

__all__ = ["Ledger", "every_order", "ledger", "open_orders", "untaxed", "write_ledger"]

_LABELS = ("platform", "erp_order_id", "booked_day", "category", "buyer")
_ENTRY = ("model", "order_id", "place", "channel", "touched_at", "stated", "share")
_WHOLE = 1e-6  # how far an amount may be from a whole number, for what sums of fractions leave
_LARGEST = 2.0**53
_RATE_SCALE = 10_000


@dataclass(frozen=True, eq=False)
class Ledger:
    """Orders, what each touchpoint gets of them under each model, and where models go further.

    Attributes
    ----------
    orders
        One row per order: order_id, day (it is booked on), touchpoints, block (of its person, for
        intervals), labels of the journeys (platform, erp_order_id ...), money columns.
    entries
        One row per order, model and touchpoint that shares it: model, order_id, place (of the
        touchpoint in the order's journey, from 1), channel, touched_at (UTC ms), stated (whether
        only the order itself tells of it), share (0..1), money columns. At place 0 stands what no
        touchpoint has: the part that would have come anyway, `(organic)`, under models that know
        one; or a whole order that nobody shares, `(unattributed)`.
    residuals
        One row per model and channel: model, channel, ledger, credit, residual (ledger - credit),
        of the first money column, over all orders the models were fitted on.
    money
        The money columns, whole fen of a store.
    credits
        What each model itself credits to channels, of all orders it was fitted on.
    """

    orders: pd.DataFrame
    entries: pd.DataFrame
    residuals: pd.DataFrame
    money: tuple[str, ...]
    credits: Mapping[str, Credit]

    @property
    def models(self) -> tuple[str, ...]:
        """The models' names, in their order."""
        return tuple(self.credits)

    def totals(self) -> pd.DataFrame:
        """Return one row per model and channel: model, channel, orders (shares), money columns."""
        sums = {"orders": ("share", "sum")} | {name: (name, "sum") for name in self.money}
        found = self.entries.groupby(["model", "channel"], observed=True, sort=False).agg(**sums)
        found = found.reset_index().astype({"model": "str", "channel": "str"})
        rank = {name: place for place, name in enumerate(self.models)}
        last = found["channel"].map({ORGANIC: 1, UNATTRIBUTED: 2}).fillna(0)
        keys = (found["channel"], -found[self.money[0]], last, found["model"].map(rank))
        return found.iloc[np.lexsort(keys)].reset_index(drop=True)

    def sources(self) -> pd.DataFrame:
        """Return one row per order and model, for the ERP.

        Columns: order_id, erp_order_id (if known), model, channel (the main source: the one with
        the largest share, of equal ones the last met; `(organic)` may be it), share (of all its
        touchpoints), day.
        """
        return _sources(self.entries, self.orders, self.models)

    def within(self, days: Days) -> Ledger:
        """Return the orders booked on some days; what models learnt and leave stays as it is."""
        kept = days.hold(self.orders["day"])
        if kept.all():
            return self
        orders = self.orders[kept].reset_index(drop=True)
        inside = self.entries["order_id"].isin(orders["order_id"]).to_numpy()
        return replace(self, orders=orders, entries=self.entries[inside].reset_index(drop=True))

    def check(self) -> None:
        """Prove that every order adds up under every model, in every money column.

        Raises
        ------
        ModelError
            Naming an order that does not.
        """
        check_sums(self.orders, self.entries, self.money, self.models)


def ledger(
    journeys: Journeys | Iterable[Journeys],
    models: Sequence[Model] | Mapping[str, Model],
    *,
    since: str = "",
    until: str = "",
    minor: int = 1,
    tax_rate: str = "0",
    interval: float | None = None,
) -> Ledger:
    """Return who shares each order under each model, to the fen.

    Parameters
    ----------
    journeys
        One batch or many, such as `open_journeys` gives: one journey per order. All of them teach
        the models, whatever the days.
    models
        Models, or a dict of names.
    since, until
        The first and last day whose orders are listed, such as "2026-11-09": the day the order is
        booked on (paid; of a presale the final payment), or for journeys that do not know it the
        day they belong to. Empty: no bound.
    minor
        How many of the smallest unit one unit of the journeys' money has: 1 for a store, which
        counts fen; 100 for files in yuan.
    tax_rate
        Of the tax within the amounts as paid, such as "0.13". Other than 0, each money column has
        another beside it without tax, `..._untaxed`.
    interval
        Level of the intervals of the models' own credit, such as 0.95; None: none.

    Raises
    ------
    DataError
        For journeys without orders' ids, or amounts that are no whole number of the smallest unit.
    ConfigError
        For a day, rate or model that is none.
    """
    named = named_models(models)
    asked = _Asked(Days(since, until), _minor(minor), _rate(tax_rate), _main(journeys))
    source = _labelled(journeys)
    fits = fitted(source, named, interval)
    orders, given, entries = [], [], []
    for batch in _orders(source):
        kept, listed = _listed(batch, asked)
        orders.append(listed)
        for each, table in _divided(batch, kept, listed, fits, asked):
            given.append(each)
            entries.append(table)
    every = pa.concat_tables(orders).to_pandas()
    _check_ids(every["order_id"])
    return Ledger(
        orders=every,
        entries=_frame(pa.concat_tables(entries)),
        residuals=_residuals(fits, given, asked.minor),
        money=asked.columns(every.columns),
        credits={fit.name: fit.credit for fit in fits},
    )


def write_ledger(
    journeys: Journeys | Iterable[Journeys],
    models: Sequence[Model] | Mapping[str, Model],
    folder: Path,
    *,
    since: str = "",
    until: str = "",
    minor: int = 1,
    tax_rate: str = "0",
) -> pd.DataFrame:
    """Write `ledger_orders.parquet` and `ledger_entries.parquet`, batch by batch.

    They hold what `Ledger.orders` and `Ledger.entries` do, of any number of orders in the memory of
    one batch. Returns the residuals. Parameters and errors are those of `ledger`.
    """
    asked = _Asked(Days(since, until), _minor(minor), _rate(tax_rate), _main(journeys))
    source = _labelled(journeys)
    fits = fitted(source, named_models(models))
    given, ids = [], []
    files = [folder / f"ledger_{name}.parquet" for name in ("orders", "entries")]
    staged = [file.with_name(f".{file.name}.part") for file in files]
    try:
        with _Parquet(staged[0]) as orders, _Parquet(staged[1]) as entries:
            for batch in _orders(source):
                kept, listed = _listed(batch, asked)
                ids.append(hash_texts(listed["order_id"].combine_chunks().cast(pa.large_string())))
                _check_ids(pd.Series(ids[-1]), listed["order_id"].to_pandas())
                orders.write(listed)
                for each, table in _divided(batch, kept, listed, fits, asked):
                    given.append(each)
                    entries.write(table)
        _check_ids(pd.Series(np.concatenate([np.zeros(0, np.uint64), *ids])))
        for part, file in zip(staged, files, strict=True):
            part.replace(file)
    finally:
        for part in staged:
            part.unlink(missing_ok=True)
    return _residuals(fits, given, asked.minor)


def open_orders(
    workspace: Workspace, *, level: Level | None = None, language: Literal["", "zh", "en"] = ""
) -> StoreJourneys:
    """Open a workspace's journeys with every paid order, whatever [journeys] leaves out.

    Books hold every order: which of them a comparison is about does not change what was sold.

    Raises
    ------
    ConfigError
        If a setting cannot stand.
    DataError
        If the store is empty.
    """
    opened = open_journeys(workspace, level=level, language=language, value="gross_fen")
    if not isinstance(opened, StoreJourneys):
        raise ConfigError("Found files; expected a workspace. Name the folder of one.")
    return every_order(opened)


def every_order(journeys: StoreJourneys) -> StoreJourneys:
    """Return the same journeys with every paid order; see `open_orders`."""
    definition = replace(
        journeys.definition,
        products=(),
        categories=(),
        conversion="any",
        net_of_refunds=False,
        value="gross_fen",
    )
    return replace(journeys, definition=definition)


def untaxed(amounts: NDArray[np.int64], rate: str) -> NDArray[np.int64]:
    """Return amounts without the tax within them, amount / (1 + rate), rounded half up.

    Raises
    ------
    ConfigError
        For a rate that is no number from 0 to less than 1, with at most 4 decimals.
    """
    return _untaxed(amounts, _rate(rate))


def check_sums(
    orders: pd.DataFrame, entries: pd.DataFrame, money: Sequence[str], models: Sequence[str]
) -> None:
    """Prove that entries add up to their orders; raises `ModelError` naming one that does not."""
    if not len(orders):
        return
    columns = list(money)
    wanted = orders.set_index("order_id")[columns].to_numpy()
    for name in models:
        mine = entries[(entries["model"] == name).to_numpy()]
        sums = mine.groupby("order_id", observed=True)[columns].sum()
        found = sums.reindex(orders["order_id"], fill_value=-1).to_numpy()
        apart = np.flatnonzero((found != wanted).any(axis=1))
        if len(apart):
            raise ModelError(
                f"The ledger of {name} does not add up: order {orders['order_id'].iloc[apart[0]]}. "
                "This is a mistake of the program; report it."
            )


# ---------------------------------------------------------------------- one batch


class _Asked(NamedTuple):
    """What is wanted of each batch: days, smallest unit, tax rate, what `value` is called."""

    days: Days
    minor: int
    rate: tuple[int, int]
    main: str

    def columns(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the money columns among those of a table: they stand last, the main one first."""
        listed = list(names)
        return tuple(listed[listed.index(self.main) :])


class _Parquet:
    """A Parquet file written table by table; the first says what the columns are."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._writer: pq.ParquetWriter | None = None

    def write(self, table: pa.Table) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._file, table.schema)
        self._writer.write_table(table)

    def __enter__(self) -> _Parquet:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()


def _divided(
    orders: Journeys,
    kept: NDArray[np.bool_],
    listed: pa.Table,
    fits: Sequence[Fitted],
    asked: _Asked,
) -> Iterator[tuple[pd.DataFrame, pa.Table]]:
    """Yield, model by model, what the channels are given of all orders, and the listed entries."""
    chosen = orders if kept.all() else orders.take(kept)
    money = {name: listed[name].to_numpy() for name in asked.columns(listed.column_names)}
    value = orders.values[VALUE] * asked.minor
    names = pa.array([fit.name for fit in fits], pa.string())
    for nth, fit in enumerate(fits):
        found = fit.shares.division(orders)
        inside = Division(found.touchpoints[kept[orders.rows]], found.organic[kept])
        table = _entries(chosen, inside, money)
        model = pa.DictionaryArray.from_arrays(np.full(len(table), nth, np.int32), names)
        yield _given(fit.name, orders, found, value), table.add_column(0, "model", model)


def _days(orders: Journeys) -> pd.Series[Any]:
    """Return the day each order is booked on, as text."""
    if "booked_day" in orders.segments:
        return pd.Series(orders.segments["booked_day"], dtype="str")
    if orders.day is None:
        return pd.Series([None] * len(orders), dtype="str")
    return pd.Series(np.datetime_as_string(orders.day.astype("datetime64[D]")), dtype="str")


def _money(orders: Journeys, asked: _Asked) -> dict[str, NDArray[np.int64]]:
    """Return the orders' money in whole smallest units, and without tax where a rate is given."""
    found = {}
    for name, amounts in orders.values.items():
        exact = amounts * asked.minor
        whole = np.rint(exact)
        broken = (np.abs(exact - whole) > _WHOLE) | (np.abs(whole) >= _LARGEST)
        if broken.any():
            nth = int(np.flatnonzero(broken)[0])
            raise DataError(
                f"{amounts[nth]!r} for order {quoted(_ids(orders)[nth])}",
                "a whole number of the smallest unit of money",
                "Pass minor=100 if amounts are in yuan; round them to fen if they are not.",
                column=name,
            )
        found[asked.main if name == VALUE else name] = whole.astype(np.int64)
    if asked.rate[0]:
        found |= {f"{name}_untaxed": _untaxed(each, asked.rate) for name, each in found.items()}
    return found


def _ids(orders: Journeys) -> NDArray[np.object_]:
    if orders.order_id is None or pd.isna(orders.order_id).any():
        raise _no_orders()
    return orders.order_id


def _given(
    name: str, orders: Journeys, found: Division, value: NDArray[np.float64]
) -> pd.DataFrame:
    """Return what the channels of a batch, and nobody, are given of the main money."""
    total = found.totals(orders)
    share = np.divide(value, total, out=np.zeros(len(orders)), where=total > 0)
    by_channel = np.bincount(
        orders.codes, found.touchpoints * share[orders.rows], minlength=len(orders.channels)
    )
    return pd.DataFrame(
        {
            "model": name,
            "channel": [*orders.channels, ORGANIC, UNATTRIBUTED],
            "ledger": [*by_channel, found.organic @ share, value[total <= 0].sum()],
        }
    )


def _entries(
    orders: Journeys,
    found: Division,
    money: Mapping[str, NDArray[np.int64]],
) -> pa.Table:
    """Return a row for each touchpoint that shares an order, and for each part that none shares.

    Of an order, the part that none shares stands first.
    """
    weights, total = found.touchpoints, found.totals(orders)
    anyway, nobody = np.flatnonzero(found.organic > 0), np.flatnonzero(total <= 0)
    shared, none = np.flatnonzero(weights > 0), len(anyway) + len(nobody)
    rows = np.concatenate([anyway, nobody, orders.rows[shared]])
    order = np.argsort(rows, kind="stable")
    rows = rows[order]

    def placed(of_touch: NDArray[Any], of_none: Any) -> NDArray[Any]:
        other = np.broadcast_to(of_none, none).astype(of_touch.dtype)
        return np.append(other, of_touch[shared])[order]

    # Money follows from the share as it is shown, so that a closed share gives the same fen again.
    whole = np.append(found.organic[anyway], np.ones(len(nobody)))
    share = placed(weights, whole) / np.where(total > 0, total, 1.0)[rows]
    offsets = sequences.offsets_of(np.bincount(rows, minlength=len(orders)))
    stated = np.zeros(len(weights), bool) if orders.evidence is None else orders.evidence
    place = placed(sequences.positions(orders.offsets).astype(np.int32) + 1, 0)
    channels = pa.array([*orders.channels, ORGANIC, UNATTRIBUTED], pa.string())
    code = len(orders.channels) + np.repeat([0, 1], [len(anyway), len(nobody)])
    columns = {
        "order_id": pa.DictionaryArray.from_arrays(
            rows.astype(np.int32), pa.array(_ids(orders), pa.string())
        ),
        "place": pa.array(place),
        "channel": pa.DictionaryArray.from_arrays(placed(orders.codes, code), channels),
        "touched_at": _touched_at(orders, placed, place),
        "stated": pa.array(placed(stated, False)),
        "share": pa.array(share),
    }
    for column, amounts in money.items():
        columns[column] = pa.array(largest_remainder.split(amounts, share, offsets))
    return pa.table(columns)


def _touched_at(
    orders: Journeys, placed: Callable[[NDArray[Any], Any], NDArray[Any]], place: NDArray[np.int32]
) -> pa.Array:
    """Return when each touchpoint was, where that is known."""
    if orders.ages is None or orders.closed_at is None:
        return pa.nulls(len(place), pa.int64())
    return pa.array(placed(orders.closed_at[orders.rows] - orders.ages, 0), mask=place == 0)


def _listed(orders: Journeys, asked: _Asked) -> tuple[NDArray[np.bool_], pa.Table]:
    """Return (n,) which orders the days hold, and a table of them."""
    day = _days(orders)
    kept = asked.days.hold(day)
    chosen = orders if kept.all() else orders.take(kept)
    block = np.zeros(len(chosen), np.uint8) if chosen.block is None else chosen.block
    table = {
        "order_id": pa.array(_ids(chosen), pa.string()),
        "day": pa.array(day[kept].to_numpy(object), pa.string(), from_pandas=True),
        "touchpoints": pa.array(chosen.lengths.astype(np.int32)),
        "block": pa.array(block),
    }
    labels = {
        name: pa.array(each, from_pandas=True).cast(pa.string())
        for name, each in chosen.segments.items()
        if name != "booked_day"
    }
    money = {name: pa.array(amounts) for name, amounts in _money(chosen, asked).items()}
    _check_names(labels, [*table, *money])
    _check_names(money, [*table, *_ENTRY, *labels])
    return kept, pa.table(table | labels | money)


def _check_names(names: Iterable[str], taken: Sequence[str]) -> None:
    """Refuse a label or money that is called like another column of the ledger."""
    for name in names:
        if name in taken:
            raise DataError(
                f"{quoted(name)} as a column of the journeys",
                "none that is called like a column of the ledger",
                "Give it another name where the journeys are read.",
                column=name,
            )


def _check_ids(order_id: pd.Series[Any], names: pd.Series[Any] | None = None) -> None:
    """Refuse an id that comes again; of hashes, `names` are what they are of."""
    twice = order_id.duplicated()
    if twice.any():
        named = order_id if names is None else names
        which = f"order {quoted(named[twice].iloc[0])}"
        if names is None and order_id.dtype == np.uint64:
            which = "an order of one batch in another, too,"
        raise DataError(
            f"{which} twice",
            "every order once",
            "Leave one of the two journeys out.",
            column="order_id",
        )


# ---------------------------------------------------------------------- all batches


def _frame(entries: pa.Table) -> pd.DataFrame:
    """Return entries as a frame; times stay whole numbers though some are missing."""
    found: pd.DataFrame = entries.unify_dictionaries().to_pandas()
    return found.assign(touched_at=found["touched_at"].astype("Int64"))


def _residuals(fits: Sequence[Fitted], given: Sequence[pd.DataFrame], minor: int) -> pd.DataFrame:
    """Return `Ledger.residuals`: by model, the largest credit first, what is nobody's last."""
    sums = pd.concat(given).groupby(["model", "channel"], sort=False)["ledger"].sum()
    parts = []
    for fit in fits:
        credit = fit.credit.frame().set_index("channel")[VALUE].rename("credit") * minor
        found = pd.concat([sums[fit.name], credit], axis=1).fillna(0.0)
        known = found.index.isin(credit.index) | (found["ledger"] != 0).to_numpy()
        found = found[known].rename_axis("channel").reset_index().assign(model=fit.name)
        nobody = found["channel"].isin([ORGANIC, UNATTRIBUTED])
        parts.append(found.iloc[np.lexsort((found["channel"], -found["credit"], nobody))])
    table: pd.DataFrame = pd.concat(parts, ignore_index=True)
    table["residual"] = table["ledger"] - table["credit"]
    return table.reindex(columns=["model", "channel", "ledger", "credit", "residual"])


def _sources(entries: pd.DataFrame, orders: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Return `Ledger.sources`."""
    parts = []
    for name in models:
        mine = entries[(entries["model"] == name).to_numpy()]
        parts.append(_main_channels(mine).assign(model=name))
    known = [name for name in ("erp_order_id", "day") if name in orders.columns]
    found = pd.concat(parts).merge(orders[["order_id", *known]], on="order_id")
    lead = ("order_id", "erp_order_id", "model", "channel", "share", "day")
    return found.reindex(columns=[name for name in lead if name in found.columns])


def _main_channels(entries: pd.DataFrame) -> pd.DataFrame:
    """Return the main source of each order under one model: order_id, channel, share."""
    order, channel = entries["order_id"].cat, entries["channel"].cat
    size = max(1, len(channel.categories))
    pairs, place = np.unique(
        order.codes.to_numpy(np.int64) * size + channel.codes.to_numpy(), return_inverse=True
    )
    share = np.bincount(place, entries["share"], minlength=len(pairs)).round(12)
    last = np.zeros(len(pairs), np.int64)
    last[place] = entries["place"].to_numpy()  # entries stand in time order: the last one stays
    orders, start = np.unique(pairs // size, return_index=True)
    # By order, the largest share first, and of equal ones the last met.
    chosen = np.lexsort((-last, -share, pairs // size))[start]
    return pd.DataFrame(
        {
            "order_id": order.categories.take(orders),
            "channel": channel.categories.take(pairs[chosen] % size),
            "share": share[chosen],
        }
    )


def _labelled(journeys: Journeys | Iterable[Journeys]) -> Journeys | Iterable[Journeys]:
    """Return journeys that carry what a ledger lists, and can be walked over twice."""
    if isinstance(journeys, StoreJourneys):
        segments = dict.fromkeys((*journeys.definition.segments, *_LABELS))
        definition = replace(journeys.definition, segments=tuple(segments))
        labelled = replace(journeys, definition=definition)
        # What fits one batch is read once: it is walked over twice.
        return labelled.read() if labelled.portions() == 1 else labelled
    if isinstance(journeys, Iterator):
        return list(journeys)
    return journeys


def _main(journeys: Journeys | Iterable[Journeys]) -> str:
    """Return what the journeys' `value` is: a store says which money it holds."""
    return journeys.definition.value if isinstance(journeys, StoreJourneys) else VALUE


def _orders(journeys: Journeys | Iterable[Journeys]) -> Iterator[Journeys]:
    """Yield the orders of every batch."""
    for batch in [journeys] if isinstance(journeys, Journeys) else journeys:
        orders = batch.take(batch.conversions > 0)
        counted = orders.conversions if orders.weight is None else orders.weight
        if (orders.conversions != 1).any() or (counted != 1).any():
            raise _no_orders()
        _ids(orders)
        yield orders


def _no_orders() -> DataError:
    return DataError(
        "journeys that are counts of paths, or weighted",
        "one journey for each order, with its id",
        "Open a workspace with open_journeys, or read touchpoints and orders.",
    )


def _minor(minor: int) -> int:
    if isinstance(minor, bool) or not isinstance(minor, int) or minor < 1:
        raise ConfigError(f"minor={quoted(minor)}: write 1 for fen, 100 for yuan.")
    return minor


def _rate(rate: str) -> tuple[int, int]:
    """Return a tax rate as a fraction of whole numbers, so that no amount is divided in binary."""
    try:
        found = Decimal(rate) if isinstance(rate, str) else None
    except InvalidOperation:
        found = None
    scaled = Decimal("0.5") if found is None or not found.is_finite() else found * _RATE_SCALE
    if not 0 <= scaled < _RATE_SCALE or scaled != scaled.to_integral_value():
        raise ConfigError(
            f'tax_rate={quoted(rate)}: write it as text from "0" to below "1" with at most four '
            'decimals, such as "0.13".'
        )
    return int(scaled), _RATE_SCALE


def _untaxed(amounts: NDArray[np.int64], rate: tuple[int, int]) -> NDArray[np.int64]:
    tax, base = rate
    whole = base + tax
    # Whole parts and rest apart: the product of a large amount would not fit.
    turns, rest = np.divmod(np.abs(amounts), whole)
    rounded = turns * base + (2 * base * rest + whole) // (2 * whole)
    return np.asarray(np.sign(amounts) * rounded)
