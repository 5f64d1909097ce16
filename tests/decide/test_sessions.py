"""Books by session, streamer, explained product and minute: each adds up to all."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from time import perf_counter

import pandas as pd
import pytest

from attribution.decide.sessions import (
    COST_FEN,
    MONEY,
    check_books,
    minute_books,
    open_books,
    product_books,
    session_books,
    streamer_books,
)
from attribution.errors import ConfigError, DataError
from attribution.names import NO_SESSION, NO_STREAMER, UNALLOCATED
from tests.brand import open_store, sample_brand
from tests.decide.shop import HOUR, NOON, cost, line, ms, order, refund, session, shop
from tests.strategies import HOSTILE_NAMES

EVERY = [*MONEY, *COST_FEN, "cost_fen", "contribution_fen", "contribution_expected_fen"]


def opened(store, **period):
    """Return books that add up."""
    books = open_books(store, **period)
    check_books(store, books)
    return books


def by(table, key, column):
    """Return one column by another, without what is 0."""
    return {name: value for name, value in zip(table[key], table[column], strict=True) if value}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return open_store(sample_brand(tmp_path_factory.mktemp("brand") / "shanlan"))


# Sessions ------------------------------------------------------------------------------------


def test_an_empty_store_has_books_without_anything(tmp_path):
    books = opened(shop(tmp_path))
    table = session_books(books)
    assert table["session"].tolist() == [NO_SESSION, UNALLOCATED]
    assert (table[EVERY] == 0).all(axis=None)
    for empty in (streamer_books(books), product_books(books), minute_books(books)):
        assert len(empty) == 0
        assert set(EVERY) <= set(empty.columns)


def test_orders_without_any_cost(tmp_path):
    books = opened(
        shop(
            tmp_path,
            orders=[
                order("o1", 100),
                order("o2", 50),
                order("o3", 9, status="created", paid_at=None),
            ],
            order_lines=[line("o1", "l1", 100, "r1"), line("o2", "l2", 50)],
            refunds=[refund("f", "o1", 30, "l1", "price_protect")],
            sessions=[session("r1")],
        )
    )  # fmt: skip
    table = session_books(books)
    assert by(table, "session", "net_fen") == {"douyin:r1": 70, NO_SESSION: 50}
    assert by(table, "session", "contribution_fen") == {"douyin:r1": 70, NO_SESSION: 50}
    assert by(table, "session", "lines_without_cost") == {"douyin:r1": 1, NO_SESSION: 1}
    assert table["cost_fen"].sum() == 0


def test_a_session_without_orders_and_one_that_lost_money(tmp_path):
    books = opened(
        shop(
            tmp_path,
            orders=[order("o1", 100)],
            order_lines=[line("o1", "l1", 100, "r1", unit_cost_fen=60)],
            costs=[
                cost("a", "slot_fee", 800, "session", "r1"),
                cost("b", "crew", 30, "session", "r2"),
            ],
            sessions=[session("r1"), session("r2", start="2026-11-10 10:00")],
        )
    )
    table = session_books(books)
    assert table["session"].tolist() == ["douyin:r2", "douyin:r1", NO_SESSION, UNALLOCATED]
    assert table["orders"].tolist() == [0, 1, 0, 0]
    assert table["contribution_fen"].tolist() == [-30, -760, 0, 0]


def test_a_room_that_only_orders_name_is_a_session(tmp_path):
    books = opened(
        shop(
            tmp_path,
            orders=[order("o1", 100)],
            order_lines=[line("o1", "l1", 100, "r:9")],
            costs=[cost("a", "crew", 30, "session", "r:9")],
        )
    )
    first = session_books(books).iloc[0]
    assert (first["session"], first["platform"], first["session_id"]) == (
        "douyin:r:9", "douyin", "r:9",
    )  # fmt: skip
    assert first["contribution_fen"] == 70
    assert pd.isna(first["start_at"])


def test_an_order_in_two_rooms_is_split_by_its_lines(tmp_path):
    books = opened(
        shop(
            tmp_path,
            orders=[order("o1", 1_001, freight_fen=1), order("o2", 1_000)],
            order_lines=[
                line("o1", "l1", 400, "r1"),
                line("o1", "l2", 600, "r2"),
                line("o2", "l3", 500, "r1"),
                line("o2", "l4", 500, "r2"),
            ],
            refunds=[
                refund("f", "o1", 600, "l2", "refund_after_ship"),
                refund("g", "o2", 333, None, "refund_after_ship"),
            ],
            costs=[cost("a", "freight", 101, "order", "o2")],
            sessions=[session("r1"), session("r2")],
        )
    )
    table = session_books(books)
    # The fen of freight goes with the larger line.
    assert by(table, "session", "gross_fen") == {"douyin:r1": 900, "douyin:r2": 1_101}
    assert by(table, "session", "refunded_fen") == {"douyin:r1": 167, "douyin:r2": 766}
    assert by(table, "session", "freight_fen") == {"douyin:r1": 51, "douyin:r2": 50}
    assert by(table, "session", "orders") == {"douyin:r1": 1, "douyin:r2": 1}


def test_a_refund_beyond_its_line_goes_to_the_other_lines_and_beyond_all_nowhere(tmp_path):
    books = opened(
        shop(
            tmp_path,
            orders=[order("o1", 1_000), order("o2", 100)],
            order_lines=[
                line("o1", "l1", 400, "r1"),
                line("o1", "l2", 600, "r2"),
                line("o2", "l3", 100, "r1"),
            ],
            refunds=[refund("f", "o1", 700, "l1"), refund("g", "o2", 500, "l3")],
        )
    )
    table = session_books(books)
    assert by(table, "session", "refunded_fen") == {"douyin:r1": 500, "douyin:r2": 300}
    assert by(table, "session", "net_fen") == {"douyin:r2": 300}


def test_an_order_without_lines_is_one_line_of_no_session(tmp_path):
    books = opened(
        shop(tmp_path, orders=[order("o1", 100)], costs=[cost("a", "freight", 9, "order", "o1")])
    )
    table = session_books(books).set_index("session")
    assert table.loc[NO_SESSION, ["orders", "lines", "units", "contribution_fen"]].tolist() == [
        1, 1, 0, 91,
    ]  # fmt: skip


def test_hostile_names_are_only_names(tmp_path):
    names = sorted({name for name in HOSTILE_NAMES if name.strip()})
    books = opened(
        shop(
            tmp_path,
            orders=[order(f"o{n}", n + 1) for n in range(len(names))],
            order_lines=[line(f"o{n}", f"l{n}", n + 1, name) for n, name in enumerate(names)],
            sessions=[session(name, name) for name in names],
        )
    )
    expected = {name: n + 1 for n, name in enumerate(names)}
    assert by(session_books(books), "session_id", "gross_fen") == expected
    assert by(streamer_books(books), "streamer_id", "gross_fen") == expected


# Periods -------------------------------------------------------------------------------------


def test_days_of_the_sample_add_up_to_the_week(sample):
    week = session_books(opened(sample))[EVERY].sum()
    days = [f"2026-11-{day:02d}" for day in range(9, 16)]
    parts = [session_books(opened(sample, since=day, until=day))[EVERY].sum() for day in days]
    assert sum(parts).equals(week)


def test_a_period_without_data_is_empty_and_adds_up(sample):
    books = opened(sample, since="2031-01-01", until="2031-01-31")
    table = session_books(books)
    assert table["session"].tolist() == [NO_SESSION, UNALLOCATED]
    assert (table[EVERY] == 0).all(axis=None)
    assert len(product_books(books)) == len(minute_books(books)) == 0


@pytest.mark.parametrize(
    "period", [{"since": "2026-11-31"}, {"since": "2026-11-02", "until": "2026-11-01"}]
)
def test_what_is_no_period_is_refused(sample, period):
    with pytest.raises(ConfigError):
        open_books(sample, **period)


# Streamers, products, minutes ----------------------------------------------------------------


def test_a_shared_session_is_its_hosts_by_their_shares(tmp_path):
    books = opened(
        shop(
            tmp_path,
            orders=[order("o1", 1_001), order("o2", 50), order("o3", 7)],
            order_lines=[
                line("o1", "l1", 1_001, "r1"),
                line("o2", "l2", 50, streamer_id="s2"),
                line("o3", "l3", 7),
            ],
            refunds=[refund("f", "o1", 301, "l1", "refund_after_ship")],
            sessions=[session("r1", streamer_shares='{"s1": 0.25, "s2": 0.75}')],
        )
    )
    table = streamer_books(books)
    assert by(table, "streamer_id", "net_fen") == {"s1": 175, "s2": 575, NO_STREAMER: 7}
    assert by(table, "streamer_id", "refunded_fen") == {"s1": 75, "s2": 226}
    assert by(table, "streamer_id", "orders") == {"s2": 2, NO_STREAMER: 1}


def explained(session_id, product_id, start, end=None, **more):
    return {
        "session_id": session_id,
        "platform": "douyin",
        "product_id": product_id,
        "explain_from": ms(start),
        "explain_to": ms(end) if end else None,
    } | more


def test_orders_count_with_what_was_being_explained(tmp_path):
    at = {"o1": "11:05", "o2": "11:20", "o3": "11:45", "o4": "12:59"}
    books = opened(
        shop(
            tmp_path,
            orders=[
                order(name, 100, created_at=ms(f"2026-11-10 {clock}")) for name, clock in at.items()
            ],
            order_lines=[line(name, name, 100, "r1", product_id="P2") for name in at],
            costs=[
                cost("a", "crew", 40, "session", "r1"),
                cost("b", "freight", 3, "order", "o2"),
            ],
            sessions=[session("r1"), session("r2")],
            session_products=[
                explained("r1", "P1", "2026-11-10 11:10", "2026-11-10 11:50"),
                explained("r1", "P2", "2026-11-10 11:40", "2026-11-10 11:50", offer="秒杀"),
            ],
        )
    )
    table = product_books(books)
    assert by(table, "explanation", "net_fen") == {"": 200, "P1": 100, "P2 · 秒杀": 100}
    assert by(table, "explanation", "crew_fen") == {"": 20, "P1": 10, "P2 · 秒杀": 10}
    assert by(table, "product_id", "freight_fen") == {"P1": 3}


def test_orders_count_in_their_minute(tmp_path):
    at = {"o1": "10:00", "o2": "11:00", "o3": "11:59", "o4": "12:59", "o5": "14:00"}
    books = opened(
        shop(
            tmp_path,
            orders=[
                order(name, 100, created_at=ms(f"2026-11-10 {clock}")) for name, clock in at.items()
            ],
            order_lines=[line(name, name, 100, "r1", unit_cost_fen=1) for name in at],
            costs=[cost("a", "crew", 241, "session", "r1")],
            sessions=[session("r1"), session("quiet")],
        )
    )
    table = minute_books(books)
    assert len(table) == 120
    assert by(table, "minute", "net_fen") == {0: 200, 59: 100, 119: 200}
    assert by(table, "minute", "goods_fen") == {0: 2, 59: 1, 119: 2}
    assert Counter(table["crew_fen"]) == {2: 119, 3: 1}


def test_parts_of_sessions_add_up_to_sessions(sample):
    books = opened(sample)
    whole = session_books(books).set_index("session")[EVERY]
    for table in (product_books(books), minute_books(books)):
        parts = table.groupby("session")[EVERY].sum()
        expected = whole.loc[parts.index]
        assert parts.equals(expected)
        rest = whole.drop([*parts.index, NO_SESSION, UNALLOCATED])
        assert (rest == 0).all(axis=None)


# Proof ---------------------------------------------------------------------------------------


def test_random_shops_add_up(tmp_path):
    chance = random.Random(11)
    tables = {"orders": [], "order_lines": [], "refunds": [], "costs": []}
    for n in range(150):
        fens = [chance.choice([0, 1, 99, 10_007]) for _ in range(chance.randint(0, 3))]
        freight = chance.choice([0, 0, 800])
        tables["orders"].append(
            order(f"o{n}", sum(fens) + freight + chance.choice([0, 0, 5]), freight_fen=freight,
                  status=chance.choice(["paid", "refund_closed", "created"]),
                  paid_at=NOON + chance.randrange(48) * HOUR)
        )  # fmt: skip
        for k, fen in enumerate(fens):
            tables["order_lines"].append(
                line(f"o{n}", f"l{n}-{k}", fen, chance.choice([None, "r1", "r2", "lost"]),
                     qty=chance.randint(1, 3), unit_cost_fen=chance.choice([None, 33]),
                     line_kind=chance.choice(["normal", "normal", "gift"]))
            )  # fmt: skip
            if chance.random() < 0.5:
                tables["refunds"].append(
                    refund(f"f{n}-{k}", f"o{n}", chance.randint(0, fen + 5),
                           chance.choice([f"l{n}-{k}", None, "lost"]),
                           chance.choice(["return_refund", "refund_before_ship", "price_protect"]))
                )  # fmt: skip
        tables["costs"].append(
            cost(f"c{n}", chance.choice(["commission", "ads"]), chance.randint(-50, 5_000),
                 *chance.choice([("order", f"o{n}"), ("line", f"l{n}-0"), ("session", "r1"),
                                 ("channel", "douyin"), ("streamer", "s1"), ("period", None)]),
                 state=chance.choice(["estimated", "settled", "refunded"]))
        )  # fmt: skip
    store = shop(tmp_path, **tables, sessions=[session("r1"), session("r2", "s2")])
    for period in ({}, {"since": "2026-11-11"}, {"until": "2026-11-10"}):
        opened(store, **period)


@pytest.fixture
def whole(tmp_path):
    store = shop(
        tmp_path,
        orders=[order("o1", 100)],
        order_lines=[line("o1", "l1", 100, "r1")],
        costs=[cost("a", "crew", 30, "session", "r1")],
        sessions=[session("r1")],
    )
    return store, opened(store)


@pytest.mark.parametrize(
    ("which", "change", "names"),
    [
        ("lines", lambda lines: lines.assign(gross_fen=lines["gross_fen"] + 1), "douyin:o1"),
        ("lines", lambda lines: lines.iloc[:0], "douyin:o1"),
        ("lines", lambda lines: pd.concat([lines, lines]), "a line a second time.*douyin:o1"),
        ("costs", lambda costs: costs.assign(amount_fen=29), "douyin:a"),
        ("costs", lambda costs: pd.concat([costs, costs]), "a cost a second time.*douyin:a"),
        ("parts", lambda parts: parts.iloc[:0], "douyin:a"),
        ("parts", lambda parts: parts.assign(amount_fen=31), "douyin:a"),
    ],
)
def test_what_does_not_add_up_is_named(whole, which, change, names):
    store, books = whole
    changed = replace(books, **{which: change(getattr(books, which))})
    with pytest.raises(DataError, match=names):
        check_books(store, changed)


def test_ten_thousand_streamers_take_seconds(tmp_path):
    many = 10_000
    store = shop(
        tmp_path,
        orders=[order(f"o{n}", 100 + n) for n in range(many)],
        order_lines=[
            line(f"o{n}", f"l{n}", 100 + n, f"r{n}", unit_cost_fen=9) for n in range(many)
        ],
        costs=[
            *(cost(f"s{n}", "slot_fee", 70, "streamer", f"s{n}") for n in range(many)),
            *(cost(f"p{n}", "ads", 123_457, "channel", "douyin") for n in range(20)),
        ],
        sessions=[session(f"r{n}", f"s{n}") for n in range(many)],
    )
    begin = perf_counter()
    books = opened(store)
    table = streamer_books(books)
    assert perf_counter() - begin < 60
    assert len(table) == many
    assert table["slot_fee_fen"].eq(70).all()
    assert table["ads_fen"].sum() == 20 * 123_457
