"""The ledger beside what platforms and the ERP book, and what the gap is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from attribution.decide.days import Days
    from attribution.decide.ledger import Ledger
    from attribution.store.store import Store

__all__ = ["reconciled"]

# What the ERP does not book of paid orders: those it has not, and what was paid for gifts.
_PAID = """
SELECT booked_day AS day, platform,
    CAST(coalesce(sum(gross_fen) FILTER (WHERE known_from = 'platform'), 0) AS BIGINT)
        AS lacking_fen,
    CAST(coalesce(sum(gross_fen - paid_fen) FILTER (WHERE known_from <> 'platform'), 0) AS BIGINT)
        AS given_fen
FROM orders
WHERE is_paid
GROUP BY ALL
"""
_TOLD = """
SELECT day, platform, platform_paid_fen, erp_paid_fen, only_platform, only_erp
FROM order_reconciliation
"""
_KEY = ["day", "platform"]


def reconciled(store: Store, book: Ledger, days: Days) -> pd.DataFrame:
    """Return each day and platform: the ledger, the others' figures, and the gap explained.

    Parameters
    ----------
    book
        The ledger of the days, with the store's money and platforms.
    days
        Of payment.

    Returns
    -------
    DataFrame
        Sorted by day and platform, whole fen and counts: day, platform, orders, gross_fen,
        net_fen (of the ledger), platform_paid_fen, erp_paid_fen, only_platform, only_erp (orders),
        gap_fen (ledger gross less ERP) and what it is made of: lacking_fen (orders the ERP has
        not), given_fen (paid for what was given away, which the ledger leaves out), rest_fen.

    Raises
    ------
    DataError
        If a file of the store cannot be read.
    """
    sums = book.orders.groupby(_KEY).agg(
        orders=("order_id", "size"), gross_fen=("gross_fen", "sum"), net_fen=("net_fen", "sum")
    )
    parts = [sums]
    for query in (_TOLD, _PAID):
        told = store.query(query).to_pandas()
        parts.append(told[days.hold(told["day"])].set_index(_KEY))
    found = pd.concat(parts, axis="columns").fillna(0).astype("int64").sort_index()
    found["gap_fen"] = found["gross_fen"] - found["erp_paid_fen"]
    found["rest_fen"] = found["gap_fen"] - found["lacking_fen"] - found["given_fen"]
    return found.reset_index()
