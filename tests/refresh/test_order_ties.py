"""Which orders new rows can change: what they name, what is tied to that, and nothing else."""

from __future__ import annotations

import pyarrow as pa
import pytest

from attribution.refresh.order_ties import TIED, named_keys, tied_rows
from attribution.store.connection import open_connection
from attribution.store.latest import create_latest
from attribution.store.parts import read_markers
from attribution.store.tables import PLATFORMS
from tests.store.batches import commit, order

KNOWN = {
    "orders": [order(str(nth)) for nth in range(1, 9)],
    "order_lines": [
        {"line_id": line, "order_id": of, "platform": "douyin", "paid_fen": 1, "_row": 1}
        for line, of in [("1", "1"), ("1", "2"), ("l3", "3"), ("l4", "4"), ("5", "6")]
    ],
    "refunds": [
        {
            "refund_id": "r1",
            "platform": "douyin",
            "status": "success",
            "amount_fen": 1,
            "order_id": None,
            "line_id": "l4",
            "_row": 1,
        }
    ],
    "erp_orders": [
        {"erp_order_id": "w", "order_id": "7", "merged_ids": None, "paid_fen": 1, "_row": 1},
        {"erp_order_id": "w", "order_id": None, "merged_ids": "8, 4", "paid_fen": 1, "_row": 2},
    ],
}


def refund(**named):
    given = {"refund_id": "new", "platform": "douyin", "status": "success", "amount_fen": 1}
    return {"refunds": [given | named | {"_row": 1}]}


def tied(folder, new, most=100):
    """Return the numbers of the orders that are made again after some new rows."""
    commit(folder, "known", KNOWN)
    commit(folder, "new", new)
    with open_connection("UTC") as connection:
        none = pa.array([], pa.string())
        create_latest(connection, folder, read_markers(folder), none, TIED)
        rows = tied_rows(connection, ["new"], most)
        if rows is None:
            return None
        keys = named_keys(connection)
        numbers = connection.sql("SELECT count(*) FROM tied").fetchall()[0][0]
        assert len(keys) == numbers * len(PLATFORMS)
        return {int(each) for each in rows["orders"].column("order_id").to_pylist()}


@pytest.mark.parametrize(
    ("new", "orders"),
    [
        ({"orders": [order("9")]}, {9}),
        ({"orders": [order("1")]}, {1}),  # that line 1 is of two orders matters to nobody
        (refund(order_id="3"), {3}),
        (refund(line_id="l3"), {3}),
        (refund(line_id="1"), {1, 2}),  # now it does
        (refund(order_id="5"), {5, 6}),  # 5 may be an order, or a line of 6
        (refund(order_id="8"), {4, 7, 8}),  # one order of the ERP holds them
        ({"refunds": [KNOWN["refunds"][0] | {"line_id": "l3"}]}, {3, 4, 7, 8}),  # it was of 4
        ({"products": [{"product_id": "p", "_row": 1}]}, set()),
    ],
)
def test_what_is_tied_is_made_again(tmp_path, new, orders):
    assert tied(tmp_path, new) == orders


def test_too_many_are_not_followed(tmp_path):
    assert tied(tmp_path, refund(order_id="8"), most=3) is None
