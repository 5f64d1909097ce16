r"""What will come back of each streamer's orders, how sure that is, and how right it was before.

The store follows refunds by platform and category (`store/maturity.py`). Here a curve is that of a
streamer within them, and leans on the store's where the streamer has few orders. What each order is
expected to keep is then tilted so that the orders shown of a platform and category add up, to the
fen, to their `net_expected_fen` in the store: streamers differ, the totals of every page agree.
What the streamers' curves alone would say stands beside it (`untilted_fen`): it is the better
figure where the mix of streamers has changed lately. The mathematics, with their sources, are in
`numerics/maturity.py` and `numerics/forecast.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from string import Template
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from attribution.credit import checked_level
from attribution.decide.days import Days
from attribution.errors import ConfigError, quoted
from attribution.names import BLOCKS
from attribution.numerics.forecast import Forecast, Learned, Parts, mean_curves
from attribution.numerics.hashing import blocks, hash_texts
from attribution.numerics.jackknife import half_width
from attribution.numerics.maturity import Life, Tree, counted
from attribution.store.maturity import HORIZON_DAYS, LEAN_ORDERS
from attribution.store.steps import DAY_MS, Step, day_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb
    from numpy.typing import NDArray

    from attribution.store.store import Store

    Floats = NDArray[np.float64]
    Whole = NDArray[np.int64]

__all__ = ["HORIZONS", "ReturnCurves", "return_curves"]

HORIZONS = (1, 3, 7, 14, 28, 56)  # days ahead that the back-test looks
_WIDE = 50.0  # on the scale of an interval: beyond, it is from 0 to 1
_COLUMNS = ("platform", "category", "province", "shop_id")

_STREAMERS = """
SELECT platform, order_id,
    arg_min(streamer_id, (NOT is_revenue, -paid_fen, line_id)) AS streamer_id
FROM order_lines
WHERE streamer_id IS NOT NULL
GROUP BY platform, order_id
"""

_PAID_LIVES = Template("""
SELECT
    row_number() OVER (ORDER BY o.platform, o.order_id) - 1 AS nth,
    o.platform || ':' || o.order_id AS "order",
    o.platform,
    coalesce(o.category, '') AS category,
    coalesce($group, '') AS "group",
    coalesce(o.person_id, o.platform || ':' || o.order_id) AS person,
    o.booked_at, o.gross_fen, o.net_fen, o.net_expected_fen,
    l.order_id IS NOT NULL AS followed,
    $shown AS shown
FROM orders AS o
LEFT JOIN order_lives AS l ON l.platform = o.platform AND l.order_id = o.order_id
LEFT JOIN order_streamers AS s ON s.platform = o.platform AND s.order_id = o.order_id
WHERE o.is_paid
""")

# As the store dates and caps them; see `order_returns` in store/maturity.py.
_GIVEN_BACK = """
WITH dated AS (
    SELECT n.nth, n.gross_fen, n.booked_at, r.reduces_fen, r.refund_id,
        coalesce(r.final_at, r.updated_at, r.applied_at, n.booked_at) AS back_at
    FROM refunds AS r
    JOIN paid_lives AS n ON n."order" = r.platform || ':' || r.order_id
    WHERE r.reduces_fen > 0 AND n.followed
),
running AS (
    SELECT *,
        sum(reduces_fen) OVER (
            PARTITION BY nth ORDER BY back_at, refund_id ROWS UNBOUNDED PRECEDING
        ) AS up_to_here
    FROM dated
)
SELECT nth, booked_at, back_at,
    CAST(least(up_to_here, gross_fen) - least(up_to_here - reduces_fen, gross_fen) AS BIGINT) AS fen
FROM running
ORDER BY nth, back_at, refund_id
"""

_BACKTEST = {
    "horizon_days": "int64",
    "group": "string",
    "orders": "int64",
    "gross_fen": "int64",
    "known_share": "float64",
    "predicted_share": "float64",
    "low": "float64",
    "high": "float64",
    "actual_share": "float64",
    "error_pp": "float64",
    "inside": "bool",
}


@dataclass(frozen=True, eq=False)
class ReturnCurves:
    """Return curves by group, what each order is expected to keep, and how right that was.

    An order's key is "platform:order_id"; money is whole fen. Low and high are the ends of an
    interval of `level`; they are missing where the data hold no refund at all, because then nobody
    knows whether none was made or none was read.

    Attributes
    ----------
    by
        What groups are: "streamer", another column of orders, or "label".
    as_of
        UTC epoch ms up to which the data are taken.
    days
        Days of life that the data reach; what comes back later is neither known nor expected.
    level
        Of intervals.
    orders
        A row for each paid order of the period, sorted by its key. order, group; gross_fen,
        net_fen (after refunds so far), kept (the part of the net that is expected to stay),
        net_expected_fen (adds up to the store's by platform and category), untilted_fen (by the
        group's curve alone), chance_fen2 (the variance of what will be left, around the curve).
    names
        Streamers' names by id.
    """

    by: str
    as_of: int
    days: int
    level: float
    orders: pd.DataFrame
    names: Mapping[str, str]
    _paid: _Paid
    _forecast: Forecast

    @cached_property
    def groups(self) -> pd.DataFrame:
        """A row for each group, largest gross first.

        Columns: group, name, orders, gross_fen, refunded_fen (so far), net_fen, net_expected_fen,
        low_fen, high_fen, returned_share (of gross, in the end), low, high, seen_share (the part
        of what is expected to come back in the end that has), untilted_fen.
        """
        frame = self._summed(self.orders["group"])
        return frame.sort_values(["gross_fen", "group"], ascending=[False, True], ignore_index=True)

    @cached_property
    def total(self) -> pd.DataFrame:
        """The same of all orders together, in one row; none where there is no order."""
        return self._summed(pd.Series("", self.orders.index, dtype="string"))

    def _summed(self, label: pd.Series) -> pd.DataFrame:
        names = ["gross_fen", "net_fen", "net_expected_fen", "untilted_fen"]
        sums = self.orders.groupby(label, sort=True)
        money = sums[names].sum()
        gross, net, expected, untilted = money.to_numpy(float).T
        found = self.expected_by(pd.DataFrame({"order": self.orders["order"], "label": label}))
        return pd.DataFrame(
            {
                "group": pd.Series(money.index, dtype="string"),
                "name": [self.names.get(group, group) for group in money.index],
                "orders": sums.size().to_numpy(),
                "gross_fen": money["gross_fen"].to_numpy(),
                "refunded_fen": (money["gross_fen"] - money["net_fen"]).to_numpy(),
                "net_fen": money["net_fen"].to_numpy(),
                "net_expected_fen": money["net_expected_fen"].to_numpy(),
                "low_fen": found["low_fen"],
                "high_fen": found["high_fen"],
                "returned_share": _ratio(gross - expected, gross),
                "low": _ratio(gross - found["high_fen"].to_numpy(), gross),
                "high": _ratio(gross - found["low_fen"].to_numpy(), gross),
                "seen_share": _ratio(gross - net, gross - expected),
                "untilted_fen": untilted,
            }
        )

    @cached_property
    def curves(self) -> pd.DataFrame:
        """The return curve of each group, from all orders in the store, in the order of `groups`.

        Columns: group, age_days (0 to `days`), returned_share (of gross, by that age, as the
        group's own orders have it; missing where none is old enough), expected (by the leaning
        rates, in the group's mix of platforms and categories), low, high (of `expected`), orders
        (that have reached the age), at_risk_fen (of them, not refunded before the day that ends
        there).
        """
        learned, groups = self._forecast.learned, self._paid.groups
        shown = [groups.index(group) for group in self.groups["group"]]
        cells = len(learned.tree.place)
        key = self._paid.group_of_cell
        rows = self._forecast.rows
        weight = counted(learned.life.cell[rows], self._paid.gross[rows], cells)
        kept, errors = mean_curves(learned, weight, key, len(groups))
        own = learned.sums.summed(key, len(groups))
        ages = np.arange(self.days + 1)
        everyone = counted(
            key[learned.life.cell], (learned.life.gross > 0).astype(np.int64), len(groups)
        )
        orders = np.column_stack([everyone, own.orders])
        gross = counted(key[learned.life.cell], learned.life.gross, len(groups))
        at_risk = np.column_stack([gross, own.at_risk])
        hazard = _ratio(own.refunded, own.at_risk)
        seen = np.column_stack([np.zeros(len(groups)), 1 - np.cumprod(1 - hazard, axis=1)])
        low, high = _curve_interval(kept, half_width(errors, self.level, BLOCKS))
        if not self._paid.has_refunds:
            low[:] = high[:] = np.nan
        return pd.DataFrame(
            {
                "group": np.repeat(self.groups["group"].to_numpy(), len(ages)),
                "age_days": np.tile(ages, len(shown)),
                "returned_share": seen[shown].ravel(),
                "expected": 1 - kept[shown].ravel(),
                "low": low[shown].ravel(),
                "high": high[shown].ravel(),
                "orders": orders[shown].ravel().astype(np.int64),
                "at_risk_fen": at_risk[shown].ravel().astype(np.int64),
            }
        )

    @cached_property
    def backtest(self) -> pd.DataFrame:
        """What would have been expected of today some days ago, and what came; of all orders.

        A row for each horizon of `HORIZONS` that the data reach twice over and each group, and
        one with the group missing for all orders. Columns: horizon_days, group, orders, gross_fen,
        known_share (refunded by then, of gross), predicted_share (for today), low, high,
        actual_share, error_pp (predicted less actual, in percentage points), inside (whether the
        interval holds what came).
        """
        paid = self._paid
        first = int(paid.booked_at[paid.followed].min()) if paid.followed.any() else self.as_of
        reach = [days for days in HORIZONS if self.as_of - first >= 2 * days * DAY_MS]
        found = [self._looked_back(days) for days in reach]
        empty = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _BACKTEST.items()})
        return pd.concat([empty, *found], ignore_index=True).astype(_BACKTEST)

    def _looked_back(self, days: int) -> pd.DataFrame:
        paid, then = self._paid, self.as_of - days * DAY_MS
        learned = paid.learned(then)
        rows = np.flatnonzero(learned.life.gross > 0)
        forecast = Forecast(learned, rows, paid.net(then)[rows], horizon=days)
        codes = paid.group_of_cell[learned.life.cell[rows]]
        every = len(paid.groups)  # the label of all orders together
        twice = np.tile(np.arange(len(rows)), 2)
        parts = Parts(
            twice,
            np.concatenate([codes, np.full(len(rows), every)]),
            np.ones(len(twice)),
            every + 1,
        )

        def summed(amounts: Floats) -> Floats:
            return counted(parts.label, amounts[parts.row], every + 1)

        gross, orders = summed(paid.gross[rows].astype(float)), summed(np.ones(len(rows)))
        known, left = summed(forecast.net), summed(paid.net(self.as_of)[rows])
        expected = forecast.expected(parts)
        width = half_width(forecast.standard_errors(parts), self.level, BLOCKS)
        low, high = np.maximum(expected - width, 0), np.minimum(expected + width, known)
        if not learned.life.event_fen.any():
            low[:] = high[:] = np.nan
        there = np.flatnonzero(orders)
        share = {
            "known_share": known, "predicted_share": expected, "low": high, "high": low,
            "actual_share": left,
        }  # fmt: skip
        frame = pd.DataFrame(
            {
                "horizon_days": days,
                "group": pd.array([*paid.groups, None], "string").take(there),
                "orders": orders[there].astype(np.int64),
                "gross_fen": gross[there].astype(np.int64),
                **{name: _ratio(gross - fen, gross)[there] for name, fen in share.items()},
            }
        )
        frame["error_pp"] = 100 * (frame["predicted_share"] - frame["actual_share"])
        cent = 0.5 / gross[there]  # money is whole fen
        frame["inside"] = (frame["low"] - cent <= frame["actual_share"]) & (
            frame["actual_share"] <= frame["high"] + cent
        )
        return frame

    def expected_by(self, parts: pd.DataFrame) -> pd.DataFrame:
        """Return what parts of orders are expected to be worth, by label, with an interval.

        Parameters
        ----------
        parts
            order (the key), label and, where it is not the whole order, share: as a ledger parts
            orders. Orders that are not in `orders` count for nothing.

        Returns
        -------
        DataFrame
            A row for each label, sorted: label, orders, gross_fen, net_fen, net_expected_fen,
            sd_fen (standard error), low_fen, high_fen; money as floats, because shares part it.
            The interval is of what will be left: chance, the curves' own error and leaning. It
            knows no error of the shares.

        Raises
        ------
        ConfigError
            If a column is missing.
        """
        labels, made = self._parts(parts)

        def summed(amounts: Floats) -> Floats:
            return counted(made.label, made.share * amounts[made.row], made.labels)

        money = {
            name: summed(self.orders[name].to_numpy(float))
            for name in ("gross_fen", "net_fen", "net_expected_fen")
        }
        errors = self._forecast.standard_errors(made)
        if not self._paid.has_refunds:
            errors[:] = np.nan
        middle, width = self._forecast.expected(made), half_width(errors, self.level, BLOCKS)
        return pd.DataFrame(
            {
                "label": labels,
                "orders": counted(made.label, np.ones(len(made.label)), made.labels).astype(
                    np.int64
                ),
                **money,
                "sd_fen": errors,
                "low_fen": np.maximum(middle - width, 0.0),
                "high_fen": np.minimum(middle + width, money["net_fen"]),
            }
        )

    def replicates_by(self, parts: pd.DataFrame) -> pd.DataFrame:
        """Return what parts are expected to be worth by the curves without each block of people.

        Parameters
        ----------
        parts
            As in `expected_by`, with the same errors.

        Returns
        -------
        DataFrame
            (64, labels) fen. `jackknife.standard_errors` of it is the error of the curves alone.
        """
        labels, made = self._parts(parts)
        return pd.DataFrame(self._forecast.replicates(made), columns=labels)

    def _parts(self, parts: pd.DataFrame) -> tuple[list[str], Parts]:
        missing = [name for name in ("order", "label") if name not in parts]
        if missing:
            raise ConfigError(
                f"Parts of orders have no column {quoted(missing[0])}; they need order and label."
            )
        row = pd.Index(self.orders["order"]).get_indexer(pd.Index(parts["order"]))
        labels = parts["label"].astype("category").cat
        code = labels.codes.to_numpy(np.int64)
        share = parts["share"].to_numpy(float) if "share" in parts else np.ones(len(parts))
        known, count = (row >= 0) & (code >= 0), len(labels.categories)
        pairs, inverse = np.unique(row[known] * count + code[known], return_inverse=True)
        summed = counted(inverse, share[known], len(pairs))
        return list(labels.categories), Parts(pairs // count, pairs % count, summed, count)


def return_curves(
    store: Store,
    by: str | pd.Series = "streamer",
    since: str = "",
    until: str = "",
    level: float = 0.95,
) -> ReturnCurves:
    """Return what came back of orders by age, and what is still expected to.

    All paid orders of the store teach the curves; the period says which orders are shown.

    Parameters
    ----------
    by
        "streamer" (the one that the largest line of an order names), "platform", "category",
        "province" or "shop_id"; or labels of one's own, by order key. An order without one has "".
    since, until
        First and last day of payment, such as "2026-11-09"; empty: all there is.
    level
        Of intervals.

    Raises
    ------
    ConfigError
        For another name, for what is no day, or a level outside 0 to 1.
    DataError
        If a file of the store cannot be read.
    """
    level = checked_level(level)
    labels = None if isinstance(by, str) else by
    name = by if isinstance(by, str) else "label"
    if labels is None and name not in ("streamer", *_COLUMNS):
        raise ConfigError(f"by={quoted(by)}: write one of streamer, {', '.join(_COLUMNS)}.")
    group = {"streamer": "s.streamer_id", "label": "NULL"}.get(name, f"o.{name}")
    shown = Days(since, until).condition(day_of("o.booked_at", store.timezone))
    steps = [
        Step("order_streamers", "the streamer an order's largest line names", _STREAMERS),
        Step(
            "paid_lives",
            "paid orders, with their group and how long they have been followed",
            _PAID_LIVES.substitute(group=group, shown=shown),
        ),
        Step("given_back", "what each refund took, never more than was paid", _GIVEN_BACK),
    ]
    read = store.reading(steps, _read, tables=("as_of", "streamers"))
    if labels is not None:
        known = labels.astype("string").reindex(read.orders["order"]).fillna("")
        read.orders["group"] = known.to_numpy(object)
    paid, orders, as_of = _paid_of(read), read.orders, read.as_of
    rows = np.flatnonzero(orders["shown"].to_numpy(bool))
    learned = paid.learned(as_of)
    orders = orders.iloc[rows].reset_index(drop=True)
    place = learned.tree.place[paid.cell[rows]]
    wanted = counted(place, orders["net_expected_fen"].to_numpy(float), len(learned.tree.trunk))
    forecast = Forecast(learned, rows, orders["net_fen"].to_numpy(float), wanted=wanted)
    return ReturnCurves(
        by=name,
        as_of=as_of,
        days=learned.days,
        level=level,
        orders=pd.DataFrame(
            {
                "order": orders["order"],
                "group": orders["group"].astype("string"),
                "gross_fen": orders["gross_fen"],
                "net_fen": orders["net_fen"],
                "kept": forecast.kept,
                "net_expected_fen": _whole(forecast.net * forecast.kept, place, wanted),
                "untilted_fen": forecast.untilted,
                "chance_fen2": forecast.chance,
            }
        ),
        names=read.names if name == "streamer" else {},
        _paid=paid,
        _forecast=forecast,
    )


# ---------------------------------------------------------------------- inside


class _Read(NamedTuple):
    """What the store holds."""

    orders: pd.DataFrame
    person: NDArray[np.uint64]
    back: dict[str, Whole]
    as_of: int
    names: dict[str, str]


def _read(connection: duckdb.DuckDBPyConnection) -> _Read:
    ((as_of,),) = connection.sql('SELECT "at" FROM as_of').fetchall()
    orders = connection.sql("SELECT * FROM paid_lives ORDER BY nth").to_arrow_table()
    back = connection.sql("SELECT * FROM given_back").to_arrow_table()
    names = connection.sql("SELECT streamer_id, name FROM streamers WHERE name <> ''").fetchall()
    kinds = {pa.string(): pd.StringDtype(na_value=np.nan)}
    persons = [hash_texts(chunk) for chunk in orders["person"].chunks]
    return _Read(
        orders.drop_columns("person").to_pandas(types_mapper=kinds.get),
        np.concatenate([np.zeros(0, np.uint64), *persons]),
        {name: back[name].to_numpy() for name in back.column_names},
        int(as_of or 0),
        dict(names),
    )


@dataclass(frozen=True, eq=False)
class _Paid:
    """Every paid order, and every refund of one, so that any instant can be looked at.

    Orders that are not followed are worth nothing or are yet to be paid.
    """

    tree: Tree
    cell: Whole
    group_of_cell: Whole
    groups: list[str]
    person: Whole
    block: NDArray[np.uint8]
    booked_at: Whole
    gross: Whole
    followed: NDArray[np.bool_]
    back: Mapping[str, Whole]

    @property
    def has_refunds(self) -> bool:
        return bool(len(self.back["fen"]))

    def learned(self, now: int) -> Learned:
        """Return what was known at an instant; orders paid later are there and teach nothing."""
        here = self.followed & (self.booked_at <= now)
        age = np.where(here, now - self.booked_at, 0)
        lived = np.where(here, np.minimum(age // DAY_MS, HORIZON_DAYS), HORIZON_DAYS)
        known = (self.back["back_at"] <= now) & here[self.back["nth"]]
        order, booked, back, fen = (column[known] for column in self.back.values())
        life = Life(
            self.cell,
            lived,
            age % DAY_MS / DAY_MS,
            np.where(here, self.gross, 0),
            order,
            np.maximum((back - booked) // DAY_MS, 0),
            fen,
        )
        days = int(lived[here].max(initial=0))
        return Learned(life, self.tree, self.person, self.block, BLOCKS, days, LEAN_ORDERS)

    def net(self, now: int) -> Floats:
        """Return (n,) what was left of each order at an instant."""
        known = self.back["back_at"] <= now
        gone = counted(self.back["nth"][known], self.back["fen"][known], len(self.gross))
        return np.asarray(self.gross - gone, dtype=float)


def _paid_of(read: _Read) -> _Paid:
    orders = read.orders
    trunk, _ = _coded(orders["platform"])
    category, categories = _coded(orders["category"])
    group, groups = _coded(orders["group"])
    places, place = np.unique(trunk * max(1, len(categories)) + category, return_inverse=True)
    cells, cell = np.unique(place * max(1, len(groups)) + group, return_inverse=True)
    _, trunk_of_place = np.unique(places // max(1, len(categories)), return_inverse=True)
    hashes = read.person
    _, person = np.unique(hashes, return_inverse=True)
    return _Paid(
        tree=Tree(cells // max(1, len(groups)), trunk_of_place),
        cell=cell,
        group_of_cell=cells % max(1, len(groups)),
        groups=groups,
        person=person,
        block=blocks(hashes),
        booked_at=orders["booked_at"].to_numpy(np.int64),
        gross=orders["gross_fen"].to_numpy(np.int64),
        followed=orders["followed"].to_numpy(bool),
        back=read.back,
    )


def _coded(column: pd.Series) -> tuple[Whole, list[str]]:
    found = column.astype("category").cat
    return np.asarray(found.codes, dtype=np.int64), [str(each) for each in found.categories]


def _whole(amounts: Floats, place: Whole, wanted: Floats) -> Whole:
    """Return amounts in whole fen that add up to what is wanted of each place.

    Each is rounded down, and the largest remainders are rounded up.
    """
    floors = np.floor(amounts)
    spare = np.rint(wanted - counted(place, floors, len(wanted)))
    order = np.lexsort((floors - amounts, place))
    starts = np.searchsorted(place[order], np.arange(len(wanted)))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - starts[place[order]]
    return np.asarray(floors + (rank < spare[place]), dtype=np.int64)


def _curve_interval(kept: Floats, width: Floats) -> tuple[Floats, Floats]:
    """Return the ends of intervals of the returned share, by the scale log(-log kept).

    So they stay between 0 and 1 (Kalbfleisch and Prentice, The Statistical Analysis of Failure
    Time Data, 2002, sec. 1.4.1).
    """
    lost = -np.log(np.clip(kept, 1e-12, 1.0))
    relative = np.divide(width, kept * lost, out=np.zeros_like(lost), where=lost > 0)
    spread = np.exp(np.minimum(relative, _WIDE))
    return 1 - np.exp(-lost / spread), 1 - np.exp(-lost * spread)


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Return part / whole, and nothing where the whole is nothing."""
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    return np.asarray(np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole != 0))
