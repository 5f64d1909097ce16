"""The ledger beside the ERP: what the gap is made of, in plain sums."""

from __future__ import annotations

import attribution
from attribution.decide.days import Days
from attribution.decide.ledger import ledger
from attribution.decide.reconciled import reconciled
from attribution.models.heuristic import LastTouch
from attribution.store.store import open_store
from tests.decide.books import Brand, Order


def rows(folder, brand, days=None):
    days = days or Days()
    workspace = brand.ingested(folder)
    book = ledger(attribution.open_journeys(workspace), [LastTouch()]).within(days)
    found = reconciled(open_store(workspace), book, days)
    assert (found["gap_fen"] == found["gross_fen"] - found["erp_paid_fen"]).all()
    parts = found[["lacking_fen", "given_fen", "rest_fen"]].sum(axis="columns")
    assert (found["gap_fen"] == parts).all()
    return {(row.day, row.platform): row for row in found.itertuples()}


def booked(name, order_id, paid_fen, day="2026-10-15 10:00:00", site="抖音"):
    return (name, order_id, "", site, paid_fen, day)


def order(paid_fen, day="2026-10-15 10:00:00", **more):
    return Order(paid_fen, day, **more)


def test_an_erp_that_books_the_same_leaves_no_gap(tmp_path):
    brand = Brand(
        {"1": order(100, refunds=[30]), "2": order(70)},
        erp=[booked("E1", "1", 100), booked("E2", "2", 70)],
    )
    [row] = rows(tmp_path, brand).values()
    assert (row.orders, row.gross_fen, row.net_fen) == (2, 170, 140)
    assert (row.platform_paid_fen, row.erp_paid_fen) == (170, 170)
    assert (row.gap_fen, row.lacking_fen, row.given_fen, row.rest_fen) == (0, 0, 0, 0)
    assert (row.only_platform, row.only_erp) == (0, 0)


def test_what_the_erp_lacks_and_what_only_it_has(tmp_path):
    brand = Brand(
        {"1": order(100), "2": order(70)},
        erp=[booked("E1", "1", 100), booked("E9", "9", 40)],
    )
    [row] = rows(tmp_path, brand).values()
    assert (row.orders, row.gross_fen, row.erp_paid_fen) == (3, 210, 140)
    assert (row.gap_fen, row.lacking_fen, row.rest_fen) == (70, 70, 0)
    assert (row.only_platform, row.only_erp) == (1, 1)


def test_an_amount_that_differs_stays_unexplained(tmp_path):
    brand = Brand({"1": order(100)}, erp=[booked("E1", "1", 95)])
    [row] = rows(tmp_path, brand).values()
    assert (row.gap_fen, row.rest_fen) == (5, 5)


def test_each_day_and_platform_is_a_row_and_days_are_chosen(tmp_path):
    brand = Brand(
        {
            "1": order(100),
            "2": order(70, "2026-10-16 00:00:00"),
            "3": order(50, platform="wechat"),
        },
        erp=[booked("E1", "1", 100), booked("E8", "8", 5, "2026-10-17 09:00:00", "快手")],
    )
    found = rows(tmp_path, brand)
    assert sorted(found) == [
        ("2026-10-15", "douyin"),
        ("2026-10-15", "wechat"),
        ("2026-10-16", "douyin"),
        ("2026-10-17", "kuaishou"),
    ]
    assert found["2026-10-17", "kuaishou"].gap_fen == 0
    chosen = rows(tmp_path, brand, Days("2026-10-16", "2026-10-16"))
    assert [(key, row.gross_fen) for key, row in chosen.items()] == [(("2026-10-16", "douyin"), 70)]


def test_without_orders_there_is_no_row(tmp_path):
    brand = Brand({"1": order(100, None, status="created")})
    assert rows(tmp_path, brand) == {}
