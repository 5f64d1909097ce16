"""The funnel of each session: what was measured, what is inferred, and what nobody knows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from attribution import ConfigError
from attribution.decide.funnel import STAGES, funnel, funnel_by_minute
from attribution.numerics.ratios import wilson
from attribution.store.store import Store
from tests.store.batches import DAY, NOVEMBER, commit, order, touchpoint


def session(session_id, day=0, platform="douyin", **more):
    at = NOVEMBER + day * DAY
    return {"session_id": session_id, "platform": platform, "start_at": at,
            "end_at": at + 3_600_000, "_row": 1} | more  # fmt: skip


def metrics(session_id, platform="douyin", **more):
    return {"session_id": session_id, "platform": platform, "_row": 1} | more


def stored(folder, **tables):
    commit(folder, "a" * 16, tables)
    return Store(folder)


def line(order_id, room, platform="douyin", nth=1):
    return {"order_id": order_id, "platform": platform, "line_id": f"{order_id}-{nth}",
            "paid_fen": 100, "room_id": room, "_row": nth}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Room 1 with everything, room 2 without orders, room 3 of touchpoints alone."""
    orders = [
        order("1", paid_at=NOVEMBER),
        order("2", paid_at=NOVEMBER),
        order("3", paid_at=NOVEMBER),
        order("4", status="created"),
    ]
    refund = {
        "platform": "douyin", "order_id": "1", "refund_id": "r", "amount_fen": 40, "_row": 1,
        "status": "success", "kind": "refund_only", "final_at": NOVEMBER + 10,
    }  # fmt: skip
    met = [
        touchpoint(f"t{i}", who=f"p{i % 3}", event=event, session_id=room)
        for i, (event, room) in enumerate(
            [("enter", "1"), ("enter", "3"), ("enter", "3"), ("enter", "3"), ("enter", "3"),
             ("product_click", "3"), ("exposure", "3"), ("exposure", "3"), ("exposure", "3")]
        )
    ]  # fmt: skip
    return stored(
        tmp_path_factory.mktemp("funnel"),
        orders=orders,
        order_lines=[line(str(i), "1") for i in (1, 2, 3, 4)] + [line("1", "1", nth=2)],
        refunds=[refund],
        sessions=[
            session("1", 0, streamer_id="s1"),
            session("2", 1),
            session("3", 2),
            session("9", 3, platform="taobao"),
        ],
        streamers=[{"streamer_id": "s1", "name": "晚晴", "_row": 1}],
        session_metrics=[
            metrics("1", views=1000, uv=800, product_clicks=200, cart_opens=250, orders_created=5),
            metrics("2", views=500, product_clicks=100),
            metrics("none", platform="wechat", uv=50, orders_created=4, paid_orders=3),
        ],
        touchpoints=met,
    )


@pytest.fixture(scope="module")
def found(store):
    return funnel(store).set_index(["session_id", "stage"])


def told(found, session_id, stage):
    row = found.loc[(session_id, stage)]
    return None if pd.isna(row["count"]) else (row["count"], row["basis"], row["source"])


def test_every_session_has_every_stage(found):
    sessions = found.groupby(level=0, sort=False).size()
    assert list(sessions.index) == ["1", "2", "3", "9", "none"]  # by start
    assert (sessions == len(STAGES)).all()
    assert found.loc[("1", "enter"), "streamer"] == "晚晴"
    assert found.loc[("1", "enter"), "day"] == "2025-11-01"


def test_the_platform_s_figures_are_measured(found):
    assert told(found, "1", "enter") == (800, "measured", "session_metrics.uv")
    assert told(found, "1", "click") == (200, "measured", "session_metrics.product_clicks")
    assert told(found, "1", "cart") == (250, "measured", "session_metrics.cart_opens")
    assert told(found, "1", "exposure") is None


def test_how_often_a_session_was_watched_only_lets_infer_who_came_in(found):
    assert told(found, "2", "enter") == (500, "inferred", "session_metrics.views")


def test_people_seen_count_where_the_platform_says_nothing(found):
    assert told(found, "3", "enter") == (3, "measured", "touchpoints.enter")
    assert told(found, "3", "exposure") == (3, "measured", "touchpoints.exposure")
    assert told(found, "3", "click") == (1, "measured", "touchpoints.product_click")
    assert told(found, "3", "cart") is None


def test_orders_are_those_whose_lines_name_the_room(found):
    assert told(found, "1", "order") == (4, "measured", "orders")
    assert told(found, "1", "paid") == (3, "measured", "orders")
    assert told(found, "1", "refund") == (1, "measured", "refunds")
    assert told(found, "2", "order") == (0, "measured", "orders")  # this platform names rooms
    assert found.loc[("1", "order"), "told"] == 5
    assert pd.isna(found.loc[("1", "click"), "told"])


def test_what_nobody_tells_is_missing_and_not_nothing(found):
    for stage in STAGES:
        assert told(found, "9", stage) is None  # no order of this platform names a room
    assert told(found, "none", "order") == (4, "measured", "session_metrics.orders_created")
    assert told(found, "none", "paid") == (3, "measured", "session_metrics.paid_orders")
    assert told(found, "none", "refund") is None


def test_rates_are_of_the_nearest_stage_that_is_no_smaller(found):
    one = found.loc["1"]
    assert list(one["base"].astype(object).where(one["base"].notna(), None)) == [
        None, None, "enter", "enter", "cart", "order", "paid", "paid",
    ]  # fmt: skip
    assert one.loc["cart", "rate"] == 250 / 800
    assert one.loc["paid", "rate"] == 3 / 4
    low, high = wilson(np.array([3.0]), np.array([4.0]), 0.95)
    assert (one.loc["paid", "low"], one.loc["paid", "high"]) == (low[0], high[0])
    assert pd.isna(one.loc["refund_expected", "low"])
    nothing = found.loc[("2", "paid")]
    assert nothing["base"] == "order"
    assert pd.isna(nothing["rate"])  # of no order, no part is paid


def test_orders_without_a_refund_count_for_what_is_expected_of_them(tmp_path):
    orders = [
        *(order(f"old{i}", paid_at=NOVEMBER - 9 * DAY) for i in range(100)),
        *(order(f"new{i}", paid_at=NOVEMBER) for i in range(10)),
    ]
    back = [
        {"platform": "douyin", "order_id": f"old{i}", "refund_id": f"r{i}", "amount_fen": 100,
         "status": "success", "kind": "refund_only", "final_at": NOVEMBER - 7 * DAY, "_row": i}
        for i in range(50)
    ]  # fmt: skip
    lines = [line(f"new{i}", "1") for i in range(10)]
    found = funnel(
        stored(tmp_path, orders=orders, order_lines=lines, refunds=back, sessions=[session("1")])
    ).set_index("stage")
    assert found.loc["refund", "count"] == 0
    assert found.loc["refund_expected", "count"] == 5
    assert found.loc["refund_expected", "basis"] == "inferred"


def test_a_period_shows_the_sessions_that_start_in_it(store):
    assert set(funnel(store, since="2025-11-02", until="2025-11-03")["session_id"]) == {"2", "3"}
    assert funnel(store, since="2031-01-01").empty


def test_minutes_where_the_platform_tells_of_them(tmp_path):
    found = funnel_by_minute(
        stored(
            tmp_path,
            sessions=[session("1")],
            session_metrics=[
                metrics("1", views=30),
                metrics("1", minute=1, views=20, product_clicks=5, paid_orders=1),
                metrics("1", minute=0, views=10, product_clicks=2),
            ],
        )
    )
    assert list(found["minute"].unique()) == [0, 1]
    clicks = found[found["stage"] == "click"]
    assert list(clicks["count"]) == [2, 5]
    assert list(clicks["rate"]) == [0.2, 0.25]
    assert pd.isna(found.loc[found["stage"] == "paid", "count"].iloc[0])


def test_a_session_told_of_by_minutes_alone_is_their_sum(tmp_path):
    by_minute = [metrics("1", minute=i, views=10, uv=9) for i in range(3)]
    found = funnel(stored(tmp_path, sessions=[session("1")], session_metrics=by_minute))
    entered = found.set_index("stage").loc["enter"]
    # People of several minutes are not added up: many stay.
    assert (entered["count"], entered["source"]) == (30, "session_metrics.views")


def test_an_empty_store(tmp_path):
    assert funnel(Store(tmp_path)).empty
    assert funnel_by_minute(Store(tmp_path)).empty


def test_wrong_use_is_refused(store):
    with pytest.raises(ConfigError, match="since="):
        funnel(store, since="yesterday")
    with pytest.raises(ConfigError):
        funnel_by_minute(store, level=2)


def test_wilson_s_interval():
    low, high = wilson(np.array([0.0, 10, 5, 1]), np.array([10.0, 10, 10, 0]), 0.95)
    none = 1.959964**2 / (10 + 1.959964**2)  # of 0 in n, the upper end is z^2 / (n + z^2)
    assert (low[0], high[0]) == pytest.approx((0, none), abs=1e-6)
    assert (low[1], high[1]) == pytest.approx((1 - none, 1), abs=1e-6)
    assert low[2] + high[2] == pytest.approx(1)
    assert np.isnan(low[3])
