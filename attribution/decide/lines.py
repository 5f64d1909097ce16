"""Lines of paid orders, with the money of their order split among them to the fen.

An order's gross, what was refunded of it, its net and its expected net come from `orders`, which
decides; here each is a sum over the order's lines, so that two lines of one order may belong to two
sessions and no fen is counted twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.numerics.largest_remainder import split
from attribution.numerics.sequences import offsets_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.decide.records import Records

    Longs = NDArray[np.int64]

__all__ = ["LINE_COLUMNS", "paid_lines"]

LINE_COLUMNS = (
    "order",
    "platform",
    "order_id",
    "line_id",
    "session",
    "streamer_id",
    "product_id",
    "explained_product_id",
    "explanation",
    "line_kind",
    "is_revenue",
    "placed_at",
    "day",
    "units",
    "units_back",
    "unit_cost_fen",
    "gross_fen",
    "refunded_fen",
    "net_fen",
    "net_expected_fen",
    "is_main",
)


def paid_lines(records: Records) -> pd.DataFrame:
    """Return the lines of every paid order; an order that no file gives lines of is one line.

    Gross, which holds the freight paid, is split by what was paid for the lines that earn. A refund
    stays with its line as far as that earned so much, and goes to what is left of the order's other
    lines beyond. Expected net is split by net.

    Returns
    -------
    DataFrame
        Sorted by platform, order and line:

        order, line_id
            "platform:order_id"; the line's number, None where no line is known.
        platform, order_id, streamer_id, product_id, line_kind, is_revenue
            As in `orders` and `order_lines`.
        session
            "platform:session_id" of the live session it was bought in, else None.
        explained_product_id, explanation
            What was being explained there at that instant.
        placed_at, day
            When the order was placed, UTC epoch ms; the day it counts for, of `booked_at`.
        units, units_back, unit_cost_fen
            Goods; those that are there again after a refund (`CostRules.goods_back`): as many as
            the refund states or its money pays for whole. What was given with an order comes back
            when all its goods do.
        gross_fen, refunded_fen, net_fen, net_expected_fen
            int64; gross is refunded and net.
        is_main
            Whether the order is counted here: at the line with the largest gross.
    """
    lines = records.lines.copy()
    first = np.flatnonzero(~lines["order"].duplicated().to_numpy())
    lengths = np.diff(first, append=len(lines))
    _split_money(lines, first, offsets_of(lengths))
    lines["units_back"] = _units_back(lines, first, lengths)
    lines["is_main"] = _main(lines["gross_fen"].to_numpy(), first, lengths)
    lines["unit_cost_fen"] = lines["unit_cost_fen"].astype("Int64")
    return lines[list(LINE_COLUMNS)]


def _split_money(lines: pd.DataFrame, first: Longs, offsets: Longs) -> None:
    """Add the columns of money: each of the order's amounts, split among its lines."""

    def of_order(name: str) -> Longs:
        return np.asarray(lines[name].to_numpy()[first], np.int64)

    def shared(amounts: Longs, weights: Longs) -> Longs:
        return split(amounts, weights.astype(np.float64), offsets)

    earns = lines["is_revenue"].to_numpy(bool)
    paid = np.where(earns, lines["paid_fen"].to_numpy(), 0)
    # Where no earning line was paid for, those that earn are alike.
    unpaid = np.repeat(_sums(paid, first) == 0, np.diff(offsets))
    gross = shared(of_order("order_gross_fen"), np.where(unpaid, earns, paid).astype(np.int64))
    net_of_order = of_order("order_net_fen")
    back = _sums(gross, first) - net_of_order
    known = np.clip(lines["known_fen"].to_numpy(np.int64), 0, np.maximum(gross, 0))
    refunded = known + shared(back - _sums(known, first), np.maximum(gross - known, 0))
    net = gross - refunded
    lines["gross_fen"], lines["refunded_fen"], lines["net_fen"] = gross, refunded, net
    lines["net_expected_fen"] = shared(of_order("order_expected_fen"), net)


def _units_back(lines: pd.DataFrame, first: Longs, lengths: Longs) -> Longs:
    """Return how many units of each line are there again."""
    earns = lines["is_revenue"].to_numpy(bool)
    units = lines["units"].to_numpy(np.int64)
    paid = np.where(earns, lines["paid_fen"].to_numpy(np.int64), 0)
    weights, offsets = paid.astype(np.float64), offsets_of(lengths)
    whole = split(lines["order_goods_fen"].to_numpy(np.int64)[first], weights, offsets)
    # Some platforms count the freight with the goods, and do not give it back with them.
    freight = split(lines["freight_within_fen"].to_numpy(np.int64)[first], weights, offsets)
    paid = np.maximum(paid - freight, 0)
    money = lines["goods_fen"].to_numpy(np.int64) + whole
    paid_for = units * money // np.maximum(paid, 1)
    at_most = lines["goods_at_most"].to_numpy(np.int64) + np.where(whole > 0, units, 0)
    back = np.minimum(paid_for, at_most) + lines["goods_counted"].to_numpy(np.int64)
    back = np.where(earns & (paid > 0), np.minimum(back, units), 0)
    left = _sums(np.where(earns, units - back, 0), first)
    all_back = np.repeat((left == 0) & (_sums(back, first) > 0), lengths)
    return np.asarray(np.where(~earns & all_back, units, back), np.int64)


def _sums(values: Longs, first: Longs) -> Longs:
    if len(first) == 0:
        return np.zeros(0, np.int64)
    return np.asarray(np.add.reduceat(values, first), np.int64)


def _main(gross: Longs, first: Longs, lengths: Longs) -> NDArray[np.bool_]:
    """Return whether a line is the first of those with the largest gross of its order."""
    main = np.zeros(len(gross), bool)
    if len(first):
        order = np.lexsort((-gross, np.repeat(np.arange(len(first)), lengths)))
        main[order[first]] = True
    return main
