"""What is still to be refunded, against a naive twin and a planted truth."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.store.maturity import HORIZON_DAYS, LEAN_ORDERS
from attribution.store.views import ViewOptions
from tests.store.planted import DAY, listed, ms, one, planted

NOW = ms("2026-11-11 20:00:00")


def world(orders, as_of=NOW):
    """Plant orders: (platform, category, age in ms, paid, [(ms after payment, amount), ...])."""
    rows = {"orders": [], "order_lines": [], "refunds": []}
    for i, (platform, category, age, paid, back) in enumerate(orders):
        number, paid_at = f"o{i:05d}", NOW - age
        own = {"platform": platform, "order_id": number}
        rows["orders"].append({**own, "created_at": paid_at, "paid_at": paid_at, "paid_fen": paid})
        rows["order_lines"].append(
            {**own, "line_id": number, "paid_fen": paid, "category": category}
        )
        rows["refunds"] += [
            {**own, "refund_id": f"{number}-{j}", "amount_fen": amount, "applied_at": paid_at,
             "final_at": paid_at + after}
            for j, (after, amount) in enumerate(back)
        ]  # fmt: skip
    return planted(rows, ViewOptions(as_of=as_of))


def expected(orders):
    found = listed(world(orders), "SELECT order_id, net_expected_fen FROM orders ORDER BY order_id")
    return [row["net_expected_fen"] for row in found]


def naive(orders):
    """The same, one fen and one day at a time, by the definition."""
    days = max((age // DAY for *_, age, _, _ in orders), default=0)
    days = min(days, HORIZON_DAYS)
    events = []  # by order: what went back on which day of its life, never more than was paid
    for _, _, age, paid, back in orders:
        left, own = paid, defaultdict(int)
        for after, amount in sorted(back):
            if after <= age:
                taken = min(amount, left)
                own[after // DAY] += taken
                left -= taken
        events.append((own, left))

    def rate(day, chosen):
        seen = back = risk = 0
        for (platform, category, age, paid, _), (own, _) in zip(orders, events, strict=True):
            if paid == 0 or min(age // DAY, HORIZON_DAYS) <= day:
                continue
            if chosen not in ((), (platform,), (platform, category)):
                continue
            seen += 1
            back += own[day]
            risk += paid - sum(amount for at, amount in own.items() if at < day)
        if not chosen:
            return back / risk if risk else 0.0
        wider = rate(day, chosen[:-1])
        if not risk:
            return wider
        return (seen * back / risk + LEAN_ORDERS * wider) / (seen + LEAN_ORDERS)

    out = []
    for (platform, category, age, _, _), (_, left) in zip(orders, events, strict=True):
        lived, part = divmod(age, DAY)
        kept = 1.0
        for day in range(min(lived, HORIZON_DAYS), days):
            h = rate(day, (platform, category))
            kept *= (1 - h) ** (1 - part / DAY if day == lived else 1.0)
        out.append(left * kept)
    return out


ORDERS = st.lists(
    st.tuples(
        st.sampled_from(["douyin", "taobao"]),
        st.sampled_from(["coats", "tents"]),
        st.integers(0, 6 * DAY),
        st.integers(0, 5000),
        st.lists(st.tuples(st.integers(0, 8 * DAY), st.integers(1, 3000)), max_size=2),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=30, deadline=None)
@given(ORDERS)
def test_expected_net_agrees_with_the_definition(orders):
    # Half a fen may fall on either side.
    assert expected(orders) == pytest.approx(naive(orders), abs=0.5 + 1e-6)


def test_without_refunds_all_of_the_net_is_expected_to_stay():
    orders = [("douyin", "coats", i * DAY, 1000, []) for i in range(5)]
    assert expected(orders) == [1000] * 5


def test_young_orders_do_not_hide_refunds_to_come():
    """Every order loses half on its third day: those of today will, too, however many they are."""
    old = [("douyin", "coats", 20 * DAY, 1000, [(2 * DAY + 5, 500)])] * 10
    young = [("douyin", "coats", 0, 1000, [])] * 300
    assert expected(old + young) == [500] * 10 + [500] * 300


def test_an_order_past_the_days_seen_keeps_what_it_has():
    orders = [
        ("douyin", "coats", 30 * DAY, 1000, [(DAY // 2, 400)]),
        ("douyin", "coats", 0, 100, []),
    ]
    assert expected(orders) == [600, 60]


def test_part_of_a_day_counts_in_part():
    old = [("douyin", "coats", 9 * DAY, 1000, [(DAY // 2, 190)])]
    assert expected([*old, ("douyin", "coats", DAY // 2, 1000, [])]) == [810, 900]


def test_little_data_lean_on_their_platform_and_that_on_all():
    many = [("douyin", "coats", 9 * DAY, 1000, [(5, 800)])] * 400
    few = [("taobao", "tents", 9 * DAY, 1000, [])] * 2
    fresh = [("taobao", "tents", 0, 100_000, []), ("douyin", "coats", 0, 100_000, [])]
    few_expected, many_expected = expected(many + few + fresh)[-2:]
    # 320,000 of 402,000 went back; two own orders weigh 2 in 52, twice.
    everywhere = 320_000 / 402_000
    assert few_expected == round(100_000 * (1 - everywhere * (50 / 52) ** 2))
    lean = (400 * 0.8 + 50 * everywhere) / 450
    assert many_expected == round(100_000 * (1 - (400 * 0.8 + 50 * lean) / 450))


def test_refunds_of_another_kind_or_above_what_was_paid_do_not_bend_the_curve():
    orders = [("douyin", "coats", 9 * DAY, 1000, [(5, 900), (DAY + 5, 900)])]
    found = world([*orders, ("douyin", "coats", 0, 1000, [])])
    rows = listed(found, "SELECT age, refunded_fen, at_risk_fen FROM refund_curve ORDER BY age")
    assert [(r["refunded_fen"], r["at_risk_fen"]) for r in rows[:3]] == [
        (900, 1000),
        (100, 100),
        (0, 0),
    ]
    assert one(found, "SELECT net_expected_fen FROM orders WHERE order_id = 'o00001'") == {
        "net_expected_fen": 0
    }


def test_the_curve_ends_at_the_horizon():
    late = [(DAY * (HORIZON_DAYS + 5), 500)]
    orders = [("douyin", "coats", 400 * DAY, 1000, late), ("douyin", "coats", 0, 1000, [])]
    assert expected(orders) == [500, 1000]


def test_an_order_of_several_categories_counts_under_its_largest_earning_line():
    own = {"order_id": "1", "platform": "douyin"}
    rows = {
        "orders": [{**own, "created_at": NOW, "paid_at": NOW, "paid_fen": 100}],
        "order_lines": [
            {**own, "line_id": "a", "paid_fen": 40, "category": "socks"},
            {**own, "line_id": "b", "paid_fen": 60, "product_id": "p"},
            {**own, "line_id": "c", "paid_fen": 99, "category": "gifts", "line_kind": "gift"},
        ],
        "products": [{"product_id": "p", "category": "coats"}],
    }
    assert one(planted(rows), "SELECT category FROM orders")["category"] == "coats"


def test_a_planted_truth_is_found():
    """Two categories with known return curves, seen halfway: the total expected is the true one."""
    rng = np.random.default_rng(7)
    orders, truth, shown = [], defaultdict(float), defaultdict(float)
    for category, share, mean_days in (("coats", 0.7, 4.0), ("tents", 0.15, 7.0)):
        ages = rng.integers(0, 40 * DAY, 3000)
        paid = rng.integers(5_000, 50_000, 3000)
        returned = rng.random(3000) < share
        after = (rng.exponential(mean_days, 3000) * DAY).astype(np.int64)
        for age, fen, back, wait in zip(ages, paid, returned, after, strict=True):
            seen = [(int(wait), int(fen))] if back and wait <= age else []
            orders.append(("douyin", category, int(age), int(fen), seen))
            truth[category] += 0 if back else int(fen)
            shown[category] += int(fen) * (not seen)
    found = listed(
        world(orders), "SELECT category, sum(net_expected_fen) AS fen FROM orders GROUP BY ALL"
    )
    for row in found:
        true, to_date = truth[row["category"]], shown[row["category"]]
        assert abs(row["fen"] / true - 1) < 0.05
        assert abs(row["fen"] - true) < abs(to_date - true) / 3


def test_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(3)
    orders = [
        ("douyin", "coats", int(a), 1000, [(int(b), 300)])
        for a, b in rng.integers(0, 9 * DAY, (200, 2))
    ]
    turned = expected(orders[::-1])[::-1]
    assert expected(orders) == turned == expected(orders)
