"""Return curves by streamer: they add up to the store's, and were as right as they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from attribution import ConfigError
from attribution.decide.returns import HORIZONS, return_curves
from attribution.numerics.jackknife import standard_errors
from attribution.store.store import Store
from tests.decide.returned import NOW, simulated, stored
from tests.store.batches import DAY, commit, order

ORDERS = simulated(1, [300, 200, 60, 3], [0.6, 0.2, 0.4, 0.5])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return stored(tmp_path_factory.mktemp("returns"), ORDERS)


@pytest.fixture(scope="module")
def curves(store):
    return return_curves(store)


# ---------------------------------------------------------------------- money


def test_orders_add_up_to_the_store_by_platform_and_category(store, curves):
    told = store.table("orders").query("is_paid")
    found = curves.orders.set_index("order")["net_expected_fen"]
    told.index = told["platform"] + ":" + told["order_id"]
    by = told["category"]
    pd.testing.assert_series_equal(
        found.groupby(by).sum(), told["net_expected_fen"].groupby(by).sum(), check_dtype=False
    )
    assert curves.total["net_expected_fen"].item() == told["net_expected_fen"].sum()
    assert curves.groups["net_expected_fen"].sum() == told["net_expected_fen"].sum()


def test_a_period_adds_up_too(store):
    days = ("2025-12-20", "2025-12-25")
    found = return_curves(store, since=days[0], until=days[1])
    told = store.query(
        "SELECT sum(net_expected_fen) AS fen, count(*) AS orders FROM orders WHERE is_paid AND "
        "strftime(make_timestamp(booked_at * 1000) + INTERVAL 8 HOUR, '%Y-%m-%d') "
        f"BETWEEN '{days[0]}' AND '{days[1]}'"
    ).to_pylist()[0]
    assert 0 < told["orders"] == len(found.orders) < len(ORDERS)
    assert found.orders["net_expected_fen"].sum() == told["fen"]


def test_without_streamers_to_tell_apart_it_is_the_store_s_own_estimate(store):
    found = return_curves(store, by="platform").orders
    told = (
        store.table("orders").set_index("order_id").loc[found["order"].str.removeprefix("douyin:")]
    )
    off = found["net_expected_fen"].to_numpy() - told["net_expected_fen"].to_numpy()
    assert np.abs(off).max() <= 1
    assert found["untilted_fen"].to_numpy() == pytest.approx(
        told["net_expected_fen"].to_numpy(float), abs=0.5 + 1e-6
    )


def test_every_order_keeps_between_nothing_and_its_net(curves):
    orders = curves.orders
    assert orders["net_expected_fen"].between(0, orders["net_fen"]).all()
    assert orders["kept"].between(0, 1).all()
    assert orders["order"].is_monotonic_increasing
    assert (orders["chance_fen2"] >= 0).all()


def test_streamers_are_told_apart(curves):
    groups = curves.groups.set_index("group")
    assert list(curves.groups["group"]) == ["s1", "s2", "s3", "s4"]
    assert groups.loc["s1", "name"] == "晚晴"
    assert groups.loc["s2", "name"] == "s2"
    for streamer, rate in (("s1", 0.6), ("s2", 0.2), ("s3", 0.4)):
        assert groups.loc[streamer, "returned_share"] == pytest.approx(rate, abs=0.1)
        assert groups.loc[streamer, "low"] < groups.loc[streamer, "returned_share"]
        assert groups.loc[streamer, "returned_share"] < groups.loc[streamer, "high"]
    assert (groups["seen_share"].between(0.5, 1)).all()
    sizes = groups["high"] - groups["low"]
    assert sizes["s3"] > sizes["s1"]


def test_the_streamer_of_the_largest_line_that_names_one_counts(tmp_path):
    own = {"order_id": "1", "platform": "douyin", "_row": 1}
    lines = [
        own | {"line_id": "a", "paid_fen": 90},
        own | {"line_id": "b", "paid_fen": 60, "streamer_id": "big"},
        own | {"line_id": "c", "paid_fen": 40, "streamer_id": "small"},
        own | {"line_id": "d", "paid_fen": 99, "streamer_id": "gift", "line_kind": "gift"},
    ]
    commit(tmp_path, "b" * 16, {"orders": [order("1", 190, paid_at=NOW)], "order_lines": lines})
    assert list(return_curves(Store(tmp_path)).orders["group"]) == ["big"]


# ---------------------------------------------------------------------- parts and labels


def test_parts_add_up_to_their_orders(curves):
    orders = curves.orders["order"]
    halves = pd.concat(
        [
            pd.DataFrame({"order": orders, "label": "a", "share": 0.25}),
            pd.DataFrame({"order": orders, "label": "b", "share": 0.5}),
            pd.DataFrame({"order": orders, "label": "b", "share": 0.25}),
            pd.DataFrame({"order": ["douyin:nowhere"], "label": ["b"], "share": [1.0]}),
        ]
    )
    found = curves.expected_by(halves).set_index("label")
    total = curves.total.iloc[0]
    assert list(found.index) == ["a", "b"]
    for name in ("gross_fen", "net_fen", "net_expected_fen"):
        assert found.loc["b", name] == pytest.approx(0.75 * total[name])
        assert found[name].sum() == pytest.approx(total[name])
    whole = total["high_fen"] - total["low_fen"]
    assert found.loc["b", "high_fen"] - found.loc["b", "low_fen"] == pytest.approx(0.75 * whole)
    assert (found["orders"] == len(orders)).all()
    replicates = curves.replicates_by(halves)
    assert replicates.shape == (64, 2)
    assert (standard_errors(replicates.to_numpy()) < found["sd_fen"]).all()


def test_labels_of_one_s_own(store, curves):
    orders = curves.orders["order"]
    labels = pd.Series("even", index=orders.iloc[::2])
    found = return_curves(store, by=labels)
    assert found.by == "label"
    assert dict(found.groups.set_index("group")["orders"]) == {
        "even": (len(orders) + 1) // 2,
        "": len(orders) // 2,
    }
    assert found.orders["net_expected_fen"].sum() == curves.orders["net_expected_fen"].sum()


# ---------------------------------------------------------------------- curves


def test_the_observed_curve_is_kaplan_and_meier_s_by_fen(curves):
    of = curves.curves[curves.curves["group"] == "s2"].set_index("age_days")
    kept = 1.0
    mine = [row for row in ORDERS if row[0] == "s2"]
    for day in range(curves.days):
        through = [row for row in mine if int(row[2]) > day]
        risk = sum(paid for *_, paid, back in through if not back or int(back[0][0]) >= day)
        gone = sum(paid for *_, paid, back in through if back and int(back[0][0]) == day)
        assert of.loc[day + 1, "orders"] == len(through)
        assert of.loc[day + 1, "at_risk_fen"] == risk
        if risk:
            kept *= 1 - gone / risk
            assert of.loc[day + 1, "returned_share"] == pytest.approx(1 - kept)


def test_expected_curves_rise_from_nothing_within_their_band(curves):
    frame = curves.curves
    assert list(frame["group"].unique()) == list(curves.groups["group"])
    assert frame["age_days"].max() == curves.days
    for _, curve in frame.groupby("group"):
        assert curve["expected"].iloc[0] == 0
        assert curve["expected"].is_monotonic_increasing
        assert (curve["low"] <= curve["expected"]).all()
        assert (curve["expected"] <= curve["high"]).all()
        assert curve["high"].between(0, 1).all()
    ends = frame[frame["age_days"] == curves.days].set_index("group")
    assert ends.loc["s1", "expected"] == pytest.approx(0.6, abs=0.1)
    # Three orders say little: the curve is near that of all.
    assert 0.2 < ends.loc["s4", "expected"] < 0.65
    assert (
        ends.loc["s4", "high"] - ends.loc["s4", "low"]
        > ends.loc["s1", "high"] - ends.loc["s1", "low"]
    )


def test_own_curves_see_a_changed_mix_where_the_store_s_cannot(tmp_path):
    """A streamer of few returns sold before, one of many sells now."""
    before = simulated(5, [400, 100], [0.1, 0.7], categories=("coats",))
    late = [(s, c, a / 40, p, [r for r in b if r[0] <= a / 40]) for s, c, a, p, b in
            simulated(6, [0, 400], [0.1, 0.7], categories=("coats",))]  # fmt: skip
    total = return_curves(stored(tmp_path, before + late)).total.iloc[0]
    assert total["untilted_fen"] < 0.85 * total["net_expected_fen"]


# ---------------------------------------------------------------------- looking back


def test_the_backtest_is_what_the_store_would_have_said(store, curves):
    """At an earlier `as_of` the same orders, refunds and rates; and what came since."""
    days = 7
    then = return_curves(replace(store, as_of=NOW - days * DAY))
    test = curves.backtest[curves.backtest["horizon_days"] == days].set_index("group")
    assert test.loc[pd.NA, "orders"] == len(then.orders)
    known = then.groups.set_index("group")
    now = curves.orders.set_index("order").loc[then.orders["order"]]
    for group in ("s1", "s2"):
        assert test.loc[group, "gross_fen"] == known.loc[group, "gross_fen"]
        assert test.loc[group, "known_share"] == pytest.approx(
            known.loc[group, "refunded_fen"] / known.loc[group, "gross_fen"]
        )
        mine = now[now["group"] == group]
        assert test.loc[group, "actual_share"] == pytest.approx(
            1 - mine["net_fen"].sum() / mine["gross_fen"].sum()
        )
        assert test.loc[group, "known_share"] <= test.loc[group, "predicted_share"]
        # It looks seven days ahead, `groups` to the end.
        assert test.loc[group, "predicted_share"] <= known.loc[group, "returned_share"] + 0.01


def test_the_backtest_is_right_about_a_planted_truth(curves):
    test = curves.backtest
    assert set(test["horizon_days"]) == {1, 3, 7, 14}  # the data reach back 40 days
    assert test["inside"].mean() > 0.8
    overall = test[test["group"].isna()]
    assert (overall["error_pp"].abs() < 4).all()
    assert overall["error_pp"].to_numpy() == pytest.approx(
        100 * (overall["predicted_share"] - overall["actual_share"]).to_numpy()
    )


# ---------------------------------------------------------------------- bad input


def test_without_any_refund_nobody_knows(tmp_path):
    orders = [("s1", "coats", float(i), 1000, []) for i in range(20)]
    found = return_curves(stored(tmp_path, orders))
    total = found.total.iloc[0]
    assert total["net_expected_fen"] == 20_000
    assert total["returned_share"] == 0
    assert np.isnan(total["low"])
    assert np.isnan(total["seen_share"])
    assert found.curves["low"].isna().all()
    assert found.backtest["low"].isna().all()
    assert found.groups["high_fen"].isna().all()


def test_orders_that_are_all_too_young(tmp_path):
    orders = [("s1", "coats", 0.3, 1000, []), ("s1", "coats", 0.2, 500, [(0.1, 500)])]
    found = return_curves(stored(tmp_path, orders))
    assert found.days == 0
    assert list(found.orders["net_expected_fen"]) == [1000, 0]
    assert list(found.curves["age_days"]) == [0]
    assert found.backtest.empty


def test_a_refund_before_the_payment_or_above_it_counts_once(tmp_path):
    orders = [
        ("s1", "coats", 9.0, 1000, [(-1.0, 400)]),
        ("s1", "coats", 9.0, 1000, [(0.5, 900), (3.0, 900)]),
        ("s2", "coats", 9.5, 0, []),
    ]
    found = return_curves(stored(tmp_path, orders))
    of = found.curves[found.curves["group"] == "s1"].set_index("age_days")
    assert of.loc[1, "returned_share"] == pytest.approx(1300 / 2000)
    assert of.loc[4, "returned_share"] == pytest.approx(1 - 0.35 * (1 - 100 / 700))
    assert list(found.orders["net_expected_fen"]) == [600, 0, 0]
    assert np.isnan(found.groups.set_index("group").loc["s2", "returned_share"])


def test_an_empty_store_and_an_empty_period(tmp_path, store):
    for found in (
        return_curves(Store(tmp_path)),
        return_curves(store, since="2031-01-01"),
    ):
        assert found.orders.empty
        assert found.groups.empty
        assert found.curves.empty
        assert found.total.empty


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"by": "colour"}, "by='colour'"),
        ({"since": "11/11"}, "since='11/11'"),
        ({"since": "2026-11-12", "until": "2026-11-11"}, "before it begins"),
        ({"level": 95}, "95"),
    ],
)
def test_wrong_use_is_refused(store, asked, said):
    with pytest.raises(ConfigError, match=said):
        return_curves(store, **asked)


def test_parts_need_their_columns(curves):
    with pytest.raises(ConfigError, match="label"):
        curves.expected_by(pd.DataFrame({"order": ["douyin:1"]}))


def test_the_same_store_gives_the_same_bits(store, curves):
    again = return_curves(store)
    for name in ("orders", "groups", "curves", "backtest"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(curves, name), check_exact=True)


def test_horizons_are_days_in_order():
    assert list(HORIZONS) == sorted(set(HORIZONS))
