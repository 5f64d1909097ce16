"""Costs: each once, on its day, in its place, to the fen."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.decide.costs import COST_COLUMNS, PART_COLUMNS, Hosts, allocated
from attribution.decide.lines import LINE_COLUMNS
from attribution.decide.sessions import check_books, open_books
from attribution.names import COST_KINDS, NO_SESSION, NO_STREAMER, UNALLOCATED
from attribution.workspace import CostRules, Guarantee
from tests.decide.shop import HOUR, NOON, cost, line, ms, order, refund, session, shop
from tests.strategies import HOSTILE_NAMES, examples


def opened(store, rules=None, **period):
    """Return books that add up."""
    books = open_books(store, rules, **period)
    check_books(store, books)
    return books


def amounts(costs, *keys):
    """Return the amounts by these columns, without what is 0 in all."""
    keys = keys or ("kind", "note")
    sums = costs.fillna({"note": ""}).groupby(list(keys), dropna=False)["amount_fen"].sum()
    return {key: fen for key, fen in sums.items() if fen}


def one_order(folder, *costs, refunds=(), **more):
    """Return the books of one order of two lines, of 60 and 40 yuan, in the room r1."""
    return opened(
        shop(
            folder,
            orders=[order("o1", 10_000) | more],
            order_lines=[line("o1", "l1", 6_000, "r1"), line("o1", "l2", 4_000, "r1")],
            refunds=list(refunds),
            costs=list(costs),
            sessions=[session("r1")],
        )
    )


# What a refund takes back --------------------------------------------------------------------


def test_an_estimate_goes_back_with_its_line(tmp_path):
    backs = {0: 0, 1_000: -100, 3_333: -333, 6_000: -600, 9_999: -600}
    books = opened(
        shop(
            tmp_path,
            orders=[order(f"o{n}", 10_000) for n in backs],
            order_lines=[
                line(f"o{n}", f"{name}{n}", fen) for n in backs for name, fen in
                (("l", 6_000), ("m", 4_000))
            ],
            refunds=[refund(f"f{n}", f"o{n}", n, f"l{n}", "refund_after_ship") for n in backs],
            costs=[
                cost(f"c{n}", "commission", 600, "line", f"l{n}", state="estimated") for n in backs
            ],
        )
    )  # fmt: skip
    back = books.costs[books.costs["note"] == "refunded"]
    found = dict(zip(back["order"].str.removeprefix("douyin:o"), back["amount_fen"], strict=True))
    assert found == {str(n): fen for n, fen in backs.items() if fen}


def test_an_estimate_of_the_order_goes_back_in_proportion_to_the_order(tmp_path):
    books = one_order(
        tmp_path,
        cost("c", "platform_fee", 333, "order", "o1", state="estimated"),
        refunds=[refund("f", "o1", 2_500, "l1", "price_protect")],
    )
    # 333 x 75 % is 249.75: 250 stay.
    assert amounts(books.costs) == {("platform_fee", ""): 333, ("platform_fee", "refunded"): -83}


def test_half_a_fen_stays(tmp_path):
    books = one_order(
        tmp_path,
        cost("c", "commission", 1, "order", "o1", state="estimated"),
        refunds=[refund("f", "o1", 5_000, "l1")],
    )
    assert amounts(books.costs) == {("commission", ""): 1}


@pytest.mark.parametrize(("state", "kept"), [("settled", 600), ("confirmed", 600), ("refunded", 0)])
def test_what_is_no_estimate_stays_as_it_is_told(tmp_path, state, kept):
    books = one_order(
        tmp_path,
        cost("c", "commission", 600, "line", "l1", state=state),
        refunds=[refund("f", "o1", 6_000, "l1")],
    )
    assert books.costs["amount_fen"].sum() == kept


def test_a_settled_bill_is_not_counted_beside_its_estimate_nor_reversed(tmp_path):
    books = one_order(
        tmp_path,
        cost("c", "commission", 600, "line", "l1", state="estimated"),
        cost("d", "commission", 200, "line", "l1", state="settled", source_doc="B1"),
        refunds=[refund("f", "o1", 4_000, "l1")],
    )
    assert amounts(books.costs) == {("commission", ""): 200}


def test_freight_stays_where_only_commissions_go_back(tmp_path):
    books = one_order(
        tmp_path,
        cost("c", "freight", 900, "order", "o1", state="estimated"),
        refunds=[refund("f", "o1", 10_000)],
    )
    assert amounts(books.costs) == {("freight", ""): 900}


def test_rules_say_what_goes_back(tmp_path):
    store = shop(
        tmp_path,
        orders=[order("o1", 10_000)],
        order_lines=[line("o1", "l1", 10_000, unit_cost_fen=70)],
        refunds=[refund("f", "o1", 10_000, "l1", "refund_only")],
        costs=[cost("c", "commission", 500, "order", "o1", state="estimated")],
    )
    kept = opened(store, CostRules(reverses=(), goods_back=("return_refund",)))
    assert amounts(kept.costs) == {("commission", ""): 500, ("goods", ""): 70}
    assert opened(store).costs["amount_fen"].sum() == 0


def test_an_estimate_of_an_order_that_is_not_paid_counts_as_nothing(tmp_path):
    books = one_order(
        tmp_path,
        cost("c", "platform_fee", 300, "order", "o1", state="estimated"),
        cost("d", "freight", 900, "order", "o1", state="estimated"),
        status="created",
        paid_at=None,
    )
    assert amounts(books.costs) == {("freight", "order_not_paid"): 900}
    assert amounts(books.parts, "session", "note") == {(UNALLOCATED, "order_not_paid"): 900}


# Goods ---------------------------------------------------------------------------------------


def goods(folder, lines, refunds):
    """Return what the goods of one order cost, by kind and note."""
    paid = sum(one["paid_fen"] for one in lines)
    store = shop(folder, orders=[order("o1", paid)], order_lines=lines, refunds=refunds)
    return amounts(opened(store).costs)


def test_goods_cost_by_the_piece_and_come_back_by_the_piece(tmp_path):
    found = goods(
        tmp_path,
        [line("o1", "l1", 6_000, qty=3, unit_cost_fen=500)],
        [refund("f", "o1", 4_500, "l1", qty=2)],
    )
    assert found == {("goods", ""): 1_500, ("goods", "goods_back"): -1_000}


BACK = [
    ("refund_before_ship", 6_000, 3, 3),
    ("refund_before_ship", 3_999, 3, 1),  # the rest of the money keeps the rest of the goods
    ("refund_before_ship", 1_999, 3, 0),
    ("refund_before_ship", 6_000, 1, 1),
    ("refund_only", 2_000, None, 1),
    ("refund_only", 2_000, 0, 0),
    ("return_refund", 5_400, 3, 3),  # less the freight back
    ("return_refund", 6_000, 9, 3),
    ("refund_after_ship", 6_000, 3, 0),
    ("price_protect", 6_000, 3, 0),
    ("exchange", 6_000, 3, 0),
]


def test_which_goods_are_there_again(tmp_path):
    numbers = range(len(BACK))
    books = opened(
        shop(
            tmp_path,
            orders=[order(f"o{n}", 6_000) for n in numbers],
            order_lines=[line(f"o{n}", f"l{n}", 6_000, qty=3, unit_cost_fen=500) for n in numbers],
            refunds=[
                refund(f"f{n}", f"o{n}", amount, f"l{n}", kind, qty=qty)
                for n, (kind, amount, qty, _) in enumerate(BACK)
            ],
        )
    )
    units = books.lines.set_index("order")["units_back"].to_dict()
    assert units == {f"douyin:o{n}": found for n, (*_, found) in enumerate(BACK)}
    back = books.costs.loc[books.costs["note"] == "goods_back", "amount_fen"]
    assert back.sum() == -500 * sum(found for *_, found in BACK)


def test_a_freight_told_with_the_goods_does_not_keep_them(tmp_path):
    store = shop(
        tmp_path,
        orders=[order("o1", 6_500, freight_fen=500)],
        order_lines=[line("o1", "l1", 6_500, unit_cost_fen=70)],
        refunds=[refund("f", "o1", 6_000, "l1", "refund_before_ship")],
    )
    assert opened(store).costs["amount_fen"].sum() == 0


def test_several_refunds_before_shipping_add_up(tmp_path):
    found = goods(
        tmp_path,
        [line("o1", "l1", 6_000, qty=1, unit_cost_fen=500)],
        [
            refund("f", "o1", 2_000, "l1", "refund_before_ship", qty=1),
            refund("g", "o1", 4_000, "l1", "refund_before_ship", qty=1),
        ],
    )
    assert found == {("goods", ""): 500, ("goods", "goods_back"): -500}


def test_a_refund_of_the_whole_order_brings_back_every_line(tmp_path):
    found = goods(
        tmp_path,
        [
            line("o1", "l1", 6_000, unit_cost_fen=500),
            line("o1", "l2", 3_000, qty=2, unit_cost_fen=100),
        ],
        [refund("f", "o1", 9_000, None, "refund_before_ship")],
    )
    assert found == {("goods", ""): 700, ("goods", "goods_back"): -700}


@pytest.mark.parametrize(("amount", "back"), [(6_000, -90), (5_999, 0)])
def test_gifts_come_back_when_all_goods_do(tmp_path, amount, back):
    found = goods(
        tmp_path,
        [
            line("o1", "l1", 6_000, unit_cost_fen=500),
            line("o1", "l2", 0, line_kind="gift", qty=3, unit_cost_fen=30),
        ],
        [refund("f", "o1", amount, "l1", "refund_before_ship")],
    )
    assert found["giveaway", ""] == 90
    assert found.get(("giveaway", "goods_back"), 0) == back


def test_what_is_given_away_is_a_cost_of_its_kind(tmp_path):
    kinds = ("gift", "presale_gift", "zero_yuan", "sample", "lucky_bag")
    lines = [
        line("o1", kind, 0, line_kind=kind, unit_cost_fen=10**n) for n, kind in enumerate(kinds)
    ]
    assert goods(tmp_path, lines, []) == {
        ("giveaway", ""): 111,
        ("sample", ""): 1_000,
        ("lucky_bag", ""): 10_000,
    }


def test_goods_that_are_told_as_a_cost_are_not_counted_again(tmp_path):
    store = shop(
        tmp_path,
        orders=[order("o1", 200), order("o2", 200)],
        order_lines=[
            line(f"o{n}", f"l{n}-{k}", 100, unit_cost_fen=10) for n in (1, 2) for k in (1, 2)
        ],
        costs=[cost("a", "goods", 33, "order", "o1"), cost("b", "goods", 7, "line", "l2-1")],
    )
    costs = opened(store).costs
    assert amounts(costs, "order") == {"douyin:o1": 33, "douyin:o2": 17}


def test_an_unknown_cost_of_goods_is_none_and_never_guessed(tmp_path):
    assert goods(tmp_path, [line("o1", "l1", 6_000)], []) == {}


# Guarantees ----------------------------------------------------------------------------------


LATER = "2026-12-01 13:00"


def guaranteed(folder, sold, guarantee, fees=((800, "r1"), (400, "r2"), (9_999, "r3"))):
    """Return what comes back of slot fees of rooms: r1 sold so much, r3 is still to come."""
    store = shop(
        folder,
        orders=[order("o1", sold)],
        order_lines=[line("o1", "l1", sold, "r1")],
        refunds=[refund("f", "o1", sold // 2, "l1", "refund_after_ship")],
        costs=[
            cost(f"c{n}", "slot_fee", fee, "session", room, source_doc="HT-1 坑位费")
            for n, (fee, room) in enumerate(fees)
        ],
        sessions=[session("r1"), session("r2"), session("r3", start="2026-12-01 11:00", end=LATER)],
    )
    books = opened(store, CostRules(guarantees=(guarantee,)))
    back = books.costs[books.costs["note"] == "guarantee"]
    assert set(back["state"]) <= {"estimated"}
    return dict(zip(back["scope_id"], back["amount_fen"], strict=True))


@pytest.mark.parametrize(
    ("sold", "guarantee", "back"),
    [
        (2_400, Guarantee("HT-1", 2), {}),
        (1_200, Guarantee("HT-1", 2), {"r1": -400, "r2": -200}),
        (0, Guarantee("HT-1", 2), {"r1": -800, "r2": -400}),
        (2_400, Guarantee("HT-1", 2, of="net_fen"), {"r1": -400, "r2": -200}),
        (1_000, Guarantee("HT-1", 1.5), {"r1": -355, "r2": -178}),  # 533 of 1200 - 666.67
        (1_200, Guarantee("HT-1", 2, sessions=2), {"r1": -400, "r2": -200}),
        (1_200, Guarantee("HT-1", 2, sessions=3), {}),
        (1_200, Guarantee("HT-2", 2), {}),
    ],
)
def test_what_a_guarantee_gives_back(tmp_path, sold, guarantee, back):
    assert guaranteed(tmp_path, sold, guarantee) == back


# Days ----------------------------------------------------------------------------------------


def test_a_cost_across_midnight_and_months_is_spread_by_time(tmp_path):
    span = {"at": None, "from": ms("2026-10-31 22:00"), "to": ms("2026-11-01 04:00")}
    store = shop(tmp_path, costs=[cost("c", "crew", 100, "period", **span)])
    assert amounts(opened(store).costs, "day") == {"2026-10-31": 33, "2026-11-01": 67}
    november = opened(store, since="2026-11-01", until="2026-11-30")
    assert amounts(november.costs, "day") == {"2026-11-01": 67}


def test_a_month_of_rent_is_spread_over_its_days_and_adds_up(tmp_path):
    span = {"at": None, "from": ms("2026-10-15 00:00"), "to": ms("2026-11-15 00:00")}
    costs = opened(shop(tmp_path, costs=[cost("c", "other", 1_000_000, "period", **span)])).costs
    assert len(costs) == 31
    assert set(costs["amount_fen"]) == {32_258, 32_259}
    assert costs["amount_fen"].sum() == 1_000_000


def test_a_cost_counts_on_the_day_of_what_it_is_for(tmp_path):
    books = opened(
        shop(
            tmp_path,
            orders=[order("o1", 100, paid_at=ms("2026-11-12 00:10"))],
            costs=[
                cost("a", "commission", 1, "order", "o1", at=ms("2026-12-20 10:00")),
                cost("b", "slot_fee", 2, "session", "r1", at=ms("2026-10-01 10:00")),
                cost("c", "ads", 4, "channel", "douyin", at=ms("2026-11-05 23:59")),
                cost("d", "ads", 8, "channel", "douyin", at=None, to=ms("2026-11-06 00:00")),
                cost("e", "ads", 16, "session", "lost", at=ms("2026-11-07 00:00")),
                cost("f", "ads", 32, "channel", "douyin", at=None),
            ],
            sessions=[session("r1")],
        )
    )
    days = dict(zip(books.costs["amount_fen"], books.costs["day"].fillna(""), strict=True))
    assert days == {
        1: "2026-11-12",
        2: "2026-11-10",
        4: "2026-11-05",
        8: "2026-11-06",
        16: "2026-11-07",
        32: "",
    }


# Where costs go ------------------------------------------------------------------------------


def brand(folder, *costs, rules=None, **more):
    """Return books of a brand: two rooms of two platforms, a shop without any, two days."""
    tables = {
        "orders": [
            order("o1", 3_000),
            order("o2", 1_000),
            order("o3", 2_000, platform="kuaishou"),
            order("o4", 500, paid_at=NOON + 24 * HOUR),
        ],
        "order_lines": [
            line("o1", "l1", 3_000, "r1", qty=1),
            line("o2", "l2", 1_000, qty=2),
            line("o3", "l3", 2_000, "k1", platform="kuaishou"),
            line("o4", "l4", 500),
        ],
        "costs": list(costs),
        "sessions": [
            session("r1", start="2026-11-10 22:00", end="2026-11-11 02:00"),
            session("k1", "s2", platform="kuaishou", start="2026-11-10 20:00",
                    end="2026-11-10 21:00"),
        ],
    }  # fmt: skip
    return opened(shop(folder, **tables | more), rules)


PLACES = [
        (cost("c", "ads", 400, "channel", "douyin", alloc="by_revenue"),
         {"douyin:r1": 300, NO_SESSION: 100}),
        (cost("c", "ads", 400, "channel", "kuaishou", alloc="by_revenue", platform=None),
         {"kuaishou:k1": 400}),
        (cost("c", "ads", 600, "period", platform=None),
         {"douyin:r1": 300, "kuaishou:k1": 200, NO_SESSION: 100}),
        (cost("c", "ads", 300, "channel", "douyin", alloc="by_units"),
         {"douyin:r1": 100, NO_SESSION: 200}),
        (cost("c", "crew", 300, "period", alloc="by_minutes", platform=None),
         {"douyin:r1": 200, "kuaishou:k1": 100}),
        (cost("c", "crew", 300, "period", alloc="by_minutes", platform=None,
              at=NOON + 24 * HOUR), {"douyin:r1": 300}),
        (cost("c", "crew", 300, "streamer", "s2", alloc="by_minutes", platform=None),
         {"kuaishou:k1": 300}),
        (cost("c", "slot_fee", 300, "streamer", "s2", platform=None), {"kuaishou:k1": 300}),
        (cost("c", "slot_fee", 300, "streamer", "s2"), {UNALLOCATED: 300}),
        (cost("c", "slot_fee", 300, "session", "r1", alloc="by_minutes"), {"douyin:r1": 300}),
        (cost("c", "ads", 300, "campaign", "7", alloc="by_revenue"),
         {"douyin:r1": 225, NO_SESSION: 75}),
        (cost("c", "ads", 300, "campaign", "7"), {UNALLOCATED: 300}),
        (cost("c", "freight", 300, "order", "o2"), {NO_SESSION: 300}),
        (cost("c", "freight", 300, "line", "l1"), {"douyin:r1": 300}),
        (cost("c", "other", -300, "line", "l1"), {"douyin:r1": -300}),
    ]  # fmt: skip


REASONS = [
        (cost("c", "ads", 300, "session", "lost"), "unknown_session"),
        (cost("c", "ads", 300, "session", "r1", platform="wechat"), "unknown_session"),
        (cost("c", "freight", 300, "order", "lost"), "unknown_order"),
        (cost("c", "freight", 300, "line", "lost"), "unknown_order"),
        (cost("c", "freight", 300, "order", None), "unknown_order"),
        (cost("c", "ads", 300, "channel", "somewhere", platform=None), "unknown_channel"),
        (cost("c", "ads", 300, "campaign", "7", platform=None, alloc="by_revenue"),
         "unknown_channel"),
        (cost("c", "ads", 300, "channel", "douyin", alloc="none"), "rule_none"),
        (cost("c", "ads", 300, "channel", "douyin", alloc="direct"), "direct"),
        (cost("c", "ads", 300, "channel", "douyin", at=None), "undated"),
        (cost("c", "ads", 300, "channel", "jd"), "nothing_to_spread_by"),
        (cost("c", "ads", 300, "channel", "douyin", at=NOON - 24 * HOUR), "nothing_to_spread_by"),
        (cost("c", "ads", 300, "streamer", "nobody"), "nothing_to_spread_by"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """The parts of all these costs, each named by its number."""
    given = [one for one, _ in PLACES + REASONS]
    numbered = [one | {"cost_id": str(n)} for n, one in enumerate(given)]
    return brand(tmp_path_factory.mktemp("brand"), *numbered).parts


@pytest.mark.parametrize("number", range(len(PLACES)))
def test_where_a_cost_goes(parts, number):
    mine = parts[parts["cost_id"].str.endswith(f":{number}")]
    assert amounts(mine, "session") == PLACES[number][1]


@pytest.mark.parametrize("number", range(len(REASONS)))
def test_what_nobody_bears_says_why(parts, number):
    mine = parts[parts["cost_id"].str.endswith(f":{number + len(PLACES)}")]
    assert amounts(mine, "session", "note") == {(UNALLOCATED, REASONS[number][1]): 300}


def test_an_order_that_was_left_out_keeps_its_costs_apart(tmp_path):
    parts = brand(
        tmp_path,
        cost("c", "freight", 300, "order", "o9"),
        orders=[order("o9", 100, _excluded="test")],
        order_lines=[],
    ).parts
    assert amounts(parts, "session", "note") == {(UNALLOCATED, "order_left_out"): 300}


def test_a_kind_comes_before_a_scope_and_both_before_the_row(tmp_path):
    given = (
        cost("a", "ads", 1, "channel", "douyin", alloc="by_revenue"),
        cost("b", "crew", 2, "channel", "douyin", alloc="by_revenue"),
        cost("c", "crew", 4, "session", "r1"),
        cost("d", "other", 8, "session", "r1"),
    )
    rules = CostRules(
        by_kind=(("crew", "by_minutes"),), by_scope=(("channel", "none"), ("session", "none"))
    )
    parts = brand(tmp_path, *given, rules=rules).parts
    assert amounts(parts, "kind", "session", "rule") == {
        ("ads", UNALLOCATED, "none"): 1,
        ("crew", "douyin:r1", "by_minutes"): 2,
        ("crew", "douyin:r1", "direct"): 4,
        ("other", UNALLOCATED, "none"): 8,
    }


def test_hosts_bear_their_share_unless_somebody_else_is_named(tmp_path):
    shares = '{"s1": 0.6, "s2": 0.4}'
    given = (
        cost("a", "crew", 101, "session", "r1"),
        cost("b", "slot_fee", 7, "session", "r1", _alias_type="author_id", _alias_value="77"),
        cost("c", "slot_fee", 5, "streamer", "s1"),
        cost("d", "commission", 3, "order", "o2", _alias_type="author_id", _alias_value="77"),
        cost("e", "freight", 2, "order", "o2"),
        cost("f", "ads", 1, "session", "lost"),
    )
    parts = brand(
        tmp_path,
        *given,
        sessions=[session("r1", "s1", streamer_shares=shares)],
        streamer_aliases=[
            {"streamer_id": "guest", "platform": "douyin", "id_type": "author_id", "value": "77"}
        ],
    ).parts
    assert amounts(parts, "cost_id", "streamer_id") == {
        ("douyin:a", "s1"): 61,
        ("douyin:a", "s2"): 40,
        ("douyin:b", "guest"): 7,
        ("douyin:c", "s1"): 5,
        ("douyin:d", "guest"): 3,
        ("douyin:e", NO_STREAMER): 2,
        ("douyin:f", UNALLOCATED): 1,
    }


def test_hostile_names_are_only_names(tmp_path):
    names = [name for name in HOSTILE_NAMES if name.strip()]
    books = opened(
        shop(
            tmp_path,
            orders=[order(name, 100) for name in names],
            order_lines=[line(name, name, 100, name) for name in names],
            costs=[
                *(cost(f"s{n}", "crew", 7, "session", name) for n, name in enumerate(names)),
                *(cost(f"o{n}", "freight", 5, "order", name) for n, name in enumerate(names)),
                *(cost(f"h{n}", "slot_fee", 3, "streamer", name) for n, name in enumerate(names)),
                *(cost(f"c{n}", "ads", 2, "campaign", name) for n, name in enumerate(names)),
            ],
            sessions=[session(name, name) for name in names],
        )
    )
    expected = {(f"douyin:{name}", name): 15 for name in names}
    found = amounts(books.parts[books.parts["kind"] != "ads"], "session", "streamer_id")
    assert found == expected


# A plain twin --------------------------------------------------------------------------------

DAYS = ("2026-11-10", "2026-11-11")
ROOMS = ("douyin:a", "douyin:b", "kuaishou:c", None)


def frame(columns, found):
    """Return rows as a frame whose texts are as a store's."""
    table = pd.DataFrame(found, columns=list(columns))
    texts = {name: "str" for name in table if table[name].dtype == object}
    return table.astype(texts)


@st.composite
def worlds(draw):
    lines = []
    for n in range(draw(st.integers(0, 6))):
        room = draw(st.sampled_from(ROOMS))
        platform = room.split(":")[0] if room else draw(st.sampled_from(("douyin", "kuaishou")))
        fen = draw(st.integers(0, 50))
        lines.append(
            dict.fromkeys(LINE_COLUMNS, 0)
            | {
                "order": f"{platform}:o{n % 3}{platform}",
                "line_id": f"l{n}",
                "platform": platform,
                "session": room,
                "streamer_id": draw(st.sampled_from(("s1", "s2", None))),
                "day": draw(st.sampled_from(DAYS)),
                "units": draw(st.integers(0, 3)),
                "is_revenue": draw(st.booleans()),
                "gross_fen": fen,
            }
        )
    costs = []
    for n in range(draw(st.integers(0, 6))):
        scope = draw(st.sampled_from(("line", "order", "session", "streamer", "channel", "period")))
        named = {
            "line": [one["line_id"] for one in lines] or ["l0"],
            "session": ["a", "b"],
            "streamer": ["s1", "s2"],
            "channel": ["douyin"],
        }
        owner = draw(st.sampled_from([one["order"] for one in lines] or ["douyin:o"]))
        name = draw(st.sampled_from(named.get(scope, [None])))
        costs.append(
            dict.fromkeys(COST_COLUMNS)
            | {
                "cost_id": f"c{n}",
                "kind": draw(st.sampled_from(COST_KINDS)),
                "amount_fen": draw(st.integers(-1_000, 1_000)),
                "day": draw(st.sampled_from((*DAYS, None))),
                "platform": draw(st.sampled_from(("douyin", None))),
                "scope": scope,
                "scope_id": name,
                "order": owner if scope in ("line", "order") else None,
                "session": f"douyin:{name}" if scope == "session" else None,
                "alloc": draw(st.sampled_from(("by_revenue", "by_units", None))),
            }
        )
    return costs, lines


def naive(costs, lines):
    """Return what each place gets of each cost, one cost and one fen at a time."""
    found = defaultdict(int)
    for one in costs:
        weights = defaultdict(int)
        if one["scope"] in ("line", "order"):
            mine = [n for n, sold in enumerate(lines) if sold["order"] == one["order"]]
            exact = [n for n in mine if one["scope"] == "line"
                     and lines[n]["line_id"] == one["scope_id"]]  # fmt: skip
            for n in exact or mine:
                sold = lines[n]
                weights[sold["platform"], sold["session"] or NO_SESSION, n] = sold["gross_fen"]
        elif one["scope"] == "session":
            weights["douyin", one["session"], -1] = 1
        elif one["day"] is not None:
            for sold in lines:
                platform = "douyin" if one["scope"] == "channel" else one["platform"]
                if (
                    sold["day"] == one["day"]
                    and platform in (None, sold["platform"])
                    and (one["scope"] != "streamer" or sold["streamer_id"] == one["scope_id"])
                ):
                    by_units = one["alloc"] == "by_units"
                    weight = sold["units"] * sold["is_revenue"] if by_units else sold["gross_fen"]
                    weights[sold["platform"], sold["session"] or NO_SESSION, -1] += weight
            weights = {place: weight for place, weight in weights.items() if weight}
        if not weights:
            weights = {("", UNALLOCATED, -1): 1}
        places = sorted(weights)
        if not any(weights.values()):
            weights = dict.fromkeys(places, 1)
        quotas = [
            Fraction(abs(one["amount_fen"]) * weights[place], sum(weights.values()))
            for place in places
        ]
        parts = [int(quota) for quota in quotas]
        order = sorted(range(len(parts)), key=lambda i: (parts[i] - quotas[i], i))
        for i in order[: abs(one["amount_fen"]) - sum(parts)]:
            parts[i] += 1
        for place, part in zip(places, parts, strict=True):
            found[one["cost_id"], place[1], place[2]] += part if one["amount_fen"] > 0 else -part
    return {key: fen for key, fen in found.items() if fen}


def hosts(shares=()):
    sessions = frame(("session", "streamer_id"), [])
    return Hosts(
        sessions,
        frame(("session", "streamer_id", "share", "main"), list(shares)),
        frame(("session", "platform", "day", "ms"), []),
    )


@examples(60)
@given(worlds())
def test_parts_are_those_of_a_plain_twin(world):
    costs, lines = world
    table = frame(COST_COLUMNS, costs).astype({"amount_fen": np.int64})
    sold = frame(LINE_COLUMNS, lines).astype(
        {"gross_fen": np.int64, "units": np.int64, "is_revenue": bool}
    )
    shares = [("douyin:a", "s1", 0.7, "s1"), ("douyin:a", "s2", 0.3, "s1"),
              ("kuaishou:c", "s2", 1.0, "s2")]  # fmt: skip
    for of in (hosts(), hosts(shares)):
        parts = allocated(table, sold, of)
        assert list(parts.columns) == list(PART_COLUMNS)
        assert amounts(parts, "cost_id", "session", "line") == naive(costs, lines)
        assert parts[["session", "streamer_id", "channel", "rule"]].notna().all(axis=None)
