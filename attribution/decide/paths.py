"""Key paths: what seeds and what converts, how long it takes, and who opens and closes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.columns import duration_ms
from attribution.credit import checked_level
from attribution.decide.combinations import combinations_of
from attribution.decide.flows import flows_of, visits
from attribution.decide.path_sums import (
    BUYERS,
    LENGTHS,
    LONGEST,
    ROLES,
    PairSums,
    PathSums,
    RoleSums,
    ShapeSums,
)
from attribution.decide.rollup import rolled_nodes
from attribution.errors import ConfigError, quoted
from attribution.journeys import Journeys
from attribution.model import Summed, block_tallies
from attribution.names import UNATTRIBUTED, VALUE
from attribution.numerics import ratios
from attribution.tally import Tally, sum_tallies

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

__all__ = ["OTHER_PATHS", "SPANS", "KeyPaths", "paths"]

SPANS = ("10min", "1h", "6h", "1D", "3D", "7D", "14D", "30D")
OTHER_PATHS = "(other paths)"
_SEPARATOR = " > "


@dataclass(frozen=True, eq=False)
class KeyPaths:
    """How people come to order, as frames. Orders, journeys and money add up to all there are.

    Only observed touchpoints count: what an order says of its own source (`order_source`) is left
    out, since only buyers have that. Neighbouring touchpoints of one channel are one step of a
    path. `value` is in the unit of the journeys, whole fen from a store. `nulls` are journeys
    without an order.

    Attributes
    ----------
    totals
        kind ("attributed", "(unattributed)", "total"), orders, value, nulls: with an observed
        touchpoint, without, together.
    combinations
        Each tested pair of channels, surest first: seeder, converter, journeys, orders, value,
        rate, base_rate, lift, low, high, p, q, found. A journey has the combination if its first
        touchpoint of the seeder is earlier than its last of the converter. `rate` is orders per
        journey with it; `base_rate` what journeys as long, with the converter but no seeder
        before, would give; `lift` the first over the second; `found` where q says that at most a
        share `1 - interval` of what is found is chance.
    seen
        How many combinations occur; those with few journeys, or few orders to expect, are not
        tested.
    top
        Leading paths, then "(other paths)" and "(unattributed)": kind ("path", "other",
        "(unattributed)"), path (a tuple of channels), orders, value, nulls, rate, low, high,
        lift (of the rate over that of all journeys with a touchpoint), rank_orders, rank_value,
        rank_lift. By lift, paths rank by the lower end of their interval.
    lengths
        touchpoints (0: unattributed; 20: and more), orders, value, share, within: shares of the
        orders with a touchpoint, and of those with at most as many.
    lags
        span (milliseconds), then for first and last touchpoint the orders and value placed within
        that time of it, and their shares: first_orders, first_value, first_share,
        first_value_share, last_orders ... Empty where touchpoints have no times.
    roles
        channel, opened, closed, assisted, in_path, ratio (assisted over closed), each also as
        `*_value`, `*_new` and `*_returning` (orders of new and returning buyers); then
        "(unattributed)". `opened` and `closed` add up to all orders.
    buyers
        buyer ("new", "returning", "": not known), orders, value, unattributed,
        unattributed_value, touchpoints (of an order with any, on average), one_touch (share of
        those with one), within_day (share placed within a day of the first).
    nodes
        channel, node, channels, rest: the at most twelve nodes as which the channels met are
        drawn; see `attribution.decide.rollup`.
    flows
        step, source, target, orders, value, nulls: how journeys run through the nodes; see
        `attribution.decide.flows.flows_of`.
    counts
        The paths themselves, as path counts, to roll up otherwise.
    least, interval
        As asked.
    """

    totals: pd.DataFrame
    combinations: pd.DataFrame
    seen: int
    top: pd.DataFrame
    lengths: pd.DataFrame
    lags: pd.DataFrame
    roles: pd.DataFrame
    buyers: pd.DataFrame
    nodes: pd.DataFrame
    flows: pd.DataFrame
    counts: Journeys
    least: int
    interval: float

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return the frames by name, paths as text: fit for files."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        tables = {name: each for name, each in found.items() if isinstance(each, pd.DataFrame)}
        text = self.top["path"].map(_SEPARATOR.join).astype("str")
        return tables | {"top": self.top.assign(path=text)}


def paths(
    journeys: Journeys | Iterable[Journeys],
    *,
    least: int = 30,
    interval: float = 0.95,
    spans: Sequence[str | pd.Timedelta] = SPANS,
    most: int = 50,
) -> KeyPaths:
    """Return the key paths of one batch of journeys or of many; they are read once.

    Parameters
    ----------
    least
        Fewest journeys of a combination that is tested, and of a path that is ranked by its lift.
        A combination also needs five orders, and five journeys without, to expect by chance on
        either side of the comparison (Cochran 1954).
    interval
        Level of intervals, such as 0.95: sampling error only, leaving out one of 64 blocks of
        persons at a time. Path counts have no persons, so each journey counts as one. A path's
        rate has the interval of Wilson (1927), in which each journey counts as one.
    spans
        Times since the first and the last touchpoint, rising.
    most
        Leading paths kept by each of orders, money and lift.

    Returns
    -------
    KeyPaths

    Raises
    ------
    ConfigError
        If the level is not between 0 and 1, `least` or `most` is below 1, or spans do not rise.
    ModelError
        If there is no batch.

    Notes
    -----
    The lift of a before b compares journeys with b in which a came before with those in which it
    did not, among journeys of as many touchpoints (2, 3, 4, 5-6, 7-9, 10-14, 15 and more): a ratio
    of rates after Greenland & Robins (1985) with Walter's (1975) correction, see
    `attribution.numerics.ratios`. Longer journeys order more or less often than short ones, which
    alone would make lifts. Its interval is a jackknife of the logarithm by blocks of persons; its
    p-value the larger of the jackknife's and that of Mantel & Haenszel (1959), for people who come
    again and for few orders; q is corrected for the number of combinations tested (Benjamini &
    Hochberg 1995).
    """
    level = checked_level(interval)
    for name, number in (("least", least), ("most", most)):
        if number < 1:
            raise ConfigError(f"{name}={quoted(number)}: write 1 or more.")
    limits = tuple(duration_ms(span, "spans") for span in spans)
    if not limits or any(b <= a for a, b in pairwise(limits)):
        raise ConfigError(f"spans={quoted(spans)}: write times that rise, such as {SPANS}.")
    asked: list[Summed] = [PathSums(), RoleSums(), ShapeSums(limits)]
    asked += [PairSums(*each) for each in LENGTHS]
    path_parts, role_parts, shape_parts, *pairs = block_tallies(journeys, asked)
    whole = sum_tallies(path_parts)
    combinations, seen = combinations_of(pairs, least, level)
    counts = _counts(whole)
    nodes = _nodes(counts)
    shape = _Shape(sum_tallies(shape_parts), limits)
    return KeyPaths(
        totals=_totals(whole),
        combinations=combinations,
        seen=seen,
        top=_top(whole, least, level, most),
        lengths=shape.lengths(),
        lags=shape.lags(),
        roles=_roles(sum_tallies(role_parts)),
        buyers=shape.buyers(),
        nodes=nodes,
        flows=flows_of(counts, dict(zip(nodes["channel"], nodes["node"], strict=True))),
        counts=counts,
        least=least,
        interval=level,
    )


def _totals(whole: Tally) -> pd.DataFrame:
    empty = whole.lengths == 0
    sums = [whole.sums[~empty].sum(axis=0), whole.sums[empty].sum(axis=0)]
    table = np.array([*sums, sums[0] + sums[1]])
    frame = pd.DataFrame(table, columns=["orders", VALUE, "nulls"])
    frame.insert(0, "kind", pd.Series(["attributed", UNATTRIBUTED, "total"], dtype="str"))
    return frame


def _counts(whole: Tally) -> Journeys:
    return Journeys(
        channels=whole.channels,
        offsets=whole.offsets,
        codes=whole.codes,
        conversions=whole.column("conversions"),
        nulls=whole.column("nulls"),
        values={VALUE: whole.column(VALUE)},
    )


def _nodes(counts: Journeys) -> pd.DataFrame:
    weights = visits(counts)
    met = np.flatnonzero(weights > 0)
    return rolled_nodes([counts.channels[code] for code in met.tolist()], weights[met])


# ---------------------------------------------------------------------- paths


def _top(whole: Tally, least: int, level: float, most: int) -> pd.DataFrame:
    orders, value, nulls = whole.sums.T
    known = whole.lengths > 0
    journeys = orders + nulls
    low, _ = ratios.wilson(orders, journeys, level)
    ranks = [
        _ranked(figures, known & (orders > 0) & enough)
        for figures, enough in ((orders, True), (value, value > 0), (low, journeys >= least))
    ]
    leading = np.flatnonzero(np.any([(each > 0) & (each <= most) for each in ranks], axis=0))
    by_orders = np.where(ranks[0] > 0, ranks[0], len(whole) + 1)
    leading = leading[np.argsort(by_orders[leading], kind="stable")]
    rest = known.copy()
    rest[leading] = False
    sums = np.array(
        [*whole.sums[leading], whole.sums[rest].sum(axis=0), whole.sums[~known].sum(axis=0)]
    )
    ends = len(leading) + np.arange(2)
    overall = _shares(orders[known].sum(), journeys[known].sum())
    low, high = ratios.wilson(sums[:, 0], sums[:, 0] + sums[:, 2], level)
    low[ends] = high[ends] = np.nan
    frame = pd.DataFrame(
        {
            "kind": pd.Series(["path"] * len(leading) + ["other", UNATTRIBUTED], dtype="str"),
            "path": [*(_path(whole, int(row)) for row in leading), (OTHER_PATHS,), (UNATTRIBUTED,)],
            "orders": sums[:, 0],
            VALUE: sums[:, 1],
            "nulls": sums[:, 2],
            "rate": _shares(sums[:, 0], sums[:, 0] + sums[:, 2]),
            "low": low,
            "high": high,
        }
    )
    frame["lift"] = frame["rate"] / overall
    for name, each in zip(("rank_orders", "rank_value", "rank_lift"), ranks, strict=True):
        placed = pd.Series(np.append(each[leading], [0, 0]), dtype="Int64")
        frame[name] = placed.mask(placed == 0)
    kept = np.asarray(sums.any(axis=1))
    kept[: len(leading)] = True
    return frame.loc[kept].reset_index(drop=True)


def _path(whole: Tally, row: int) -> tuple[str, ...]:
    codes = whole.codes[whole.offsets[row] : whole.offsets[row + 1]]
    return tuple(whole.channels[code] for code in codes.tolist())


def _ranked(figures: NDArray[np.float64], among: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return (m,) ranks from 1, largest first, ties in the order given; 0 for the others."""
    rows = np.flatnonzero(among)
    out = np.zeros(len(figures), np.int64)
    out[rows[np.argsort(-figures[rows], kind="stable")]] = np.arange(1, len(rows) + 1)
    return out


def _shares(part: Any, whole: Any) -> NDArray[np.float64]:
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    return np.asarray(np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0))


# ---------------------------------------------------------------------- roles


def _roles(tally: Tally) -> pd.DataFrame:
    size = len(tally.channels)
    table = np.zeros((size + 1, len(tally.columns)))
    at = np.full(len(tally), size)
    single = tally.lengths == 1
    at[single] = tally.codes[tally.offsets[:-1][single]]
    table[at] = tally.sums
    sums = table.reshape(size + 1, len(ROLES), len(BUYERS), 2)
    columns: dict[str, NDArray[np.float64]] = {}
    for place, role in enumerate(ROLES):
        columns[role] = sums[:, place, :, 0].sum(axis=1)
    columns["ratio"] = _shares(columns["assisted"], columns["closed"])
    for place, role in enumerate(ROLES):
        columns[f"{role}_value"] = sums[:, place, :, 1].sum(axis=1)
        for kind, buyer in enumerate(BUYERS[:-1]):
            columns[f"{role}_{buyer}"] = sums[:, place, kind, 0]
    frame = pd.DataFrame(columns)
    frame.insert(0, "channel", pd.Series([*tally.channels, UNATTRIBUTED], dtype="str"))
    order = np.argsort(-columns["in_path"][:size], kind="stable")
    last = [size] if table[size].any() else []
    return frame.iloc[[*order.tolist(), *last]].reset_index(drop=True)


# ---------------------------------------------------------------------- lengths, lags, buyers


@dataclass(frozen=True)
class _Shape:
    """The sums of `ShapeSums`, by what they count: (kinds of buyer, places, measures)."""

    tally: Tally
    limits: tuple[int, ...]

    def counted(self, name: str, places: int) -> NDArray[np.float64]:
        columns = [i for i, each in enumerate(self.tally.columns) if each.startswith(f"{name}.")]
        sums = self.tally.sums[:, columns].sum(axis=0)
        return np.asarray(sums.reshape(len(BUYERS), places, -1))

    def by_length(self) -> NDArray[np.float64]:
        return self.counted("length", LONGEST + 1)

    def lengths(self) -> pd.DataFrame:
        sums = self.by_length().sum(axis=0)
        longest = int(np.flatnonzero(sums.any(axis=1)).max(initial=0))
        orders = sums[: longest + 1, 0]
        share = _shares(np.append(0.0, orders[1:]), np.full(longest + 1, orders[1:].sum()))
        return pd.DataFrame(
            {
                "touchpoints": np.arange(longest + 1),
                "orders": orders,
                VALUE: sums[: longest + 1, 1],
                "share": np.append(np.nan, share[1:]),
                "within": np.append(np.nan, np.cumsum(share[1:])),
            }
        )

    def lags(self) -> pd.DataFrame:
        whole = self.tally.column("timed.conversions").sum()
        money = self.tally.column(f"timed.{VALUE}").sum()
        columns: dict[str, NDArray[np.float64]] = {}
        for name in ("first", "last"):
            sums = self.counted(name, len(self.limits) + 1).sum(axis=0)
            within = np.cumsum(sums[:-1], axis=0)
            columns[f"{name}_orders"], columns[f"{name}_{VALUE}"] = within.T
            columns[f"{name}_share"] = _shares(within[:, 0], np.full(len(within), whole))
            columns[f"{name}_value_share"] = _shares(within[:, 1], np.full(len(within), money))
        frame = pd.DataFrame(columns)
        frame.insert(0, "span", np.array(self.limits, dtype=np.int64))
        return frame if whole else frame.iloc[:0]

    def buyers(self) -> pd.DataFrame:
        sums = self.by_length()
        touched, none = sums[:, 1:].sum(axis=1), sums[:, 0]
        steps = np.array([self.tally.column(f"touchpoints.{kind}").sum() for kind in BUYERS])
        day = int(pd.Timedelta("1D") / pd.Timedelta(milliseconds=1))
        slots = [place for place, limit in enumerate(self.limits) if limit <= day]
        first = self.counted("first", len(self.limits) + 1)
        soon = first[:, slots, 0].sum(axis=1)
        timed = day in self.limits and bool(self.tally.column("timed.conversions").sum())
        frame = pd.DataFrame(
            {
                "buyer": pd.Series(BUYERS, dtype="str"),
                "orders": touched[:, 0] + none[:, 0],
                VALUE: touched[:, 1] + none[:, 1],
                "unattributed": none[:, 0],
                f"unattributed_{VALUE}": none[:, 1],
                "touchpoints": _shares(steps, touched[:, 0]),
                "one_touch": _shares(sums[:, 1, 0], touched[:, 0]),
                "within_day": _shares(soon, touched[:, 0]) if timed else np.nan,
            }
        )
        kept = (frame["orders"] > 0) | (frame[VALUE] != 0)
        return frame.loc[kept].reset_index(drop=True)
