"""What platforms claim against what was sold, beside a plain count in loops."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attribution
from attribution.decide.claim_presets import Preset, presets
from attribution.decide.claims import REASONS, Claims, claims
from attribution.errors import ConfigError
from attribution.store.store import Store
from tests.brand import sample_brand, truth
from tests.store.batches import DAY, NOVEMBER, commit, order

FIRST = "2025-11-01"  # of NOVEMBER, in UTC


def stored(
    folder: Path,
    orders: list[dict[str, Any]],
    told: list[dict[str, Any]],
    lines: list[dict[str, Any]] | None = None,
    refunds: list[dict[str, Any]] | None = None,
) -> Store:
    rows = {
        "orders": [{"paid_at": NOVEMBER, **each} for each in orders],
        "order_lines": [
            {"platform": "douyin", "line_kind": "normal", "_row": 1, **each}
            for each in lines or []
        ],
        "refunds": [
            {
                "refund_id": f"r{n}", "platform": "douyin", "status": "success",
                "kind": "refund_only", "final_at": NOVEMBER, "_row": n, **each,
            }
            for n, each in enumerate(refunds or [])
        ],
        "platform_claims": [
            {"claim_id": f"c{n}", "platform": "douyin", "kind": "direct", "_row": n, **each}
            for n, each in enumerate(told)
        ],
    }  # fmt: skip
    commit(folder, "b", {name: each for name, each in rows.items() if each})
    return Store(folder, timezone="UTC", language="en")


def claim(claimer: str, order_id: str | None, amount_fen: int | None, **more: Any) -> dict:
    return {"claimer": claimer, "order_id": order_id, "amount_fen": amount_fen} | more


def reasons(found: Claims, claimer: str) -> dict[str, int]:
    mine = found.why[found.why["claimer"] == claimer]
    return {r: int(f) for r, f in zip(mine["reason"], mine["fen"], strict=True) if f}


def row(frame: pd.DataFrame, **where: str) -> pd.Series:
    for column, value in where.items():
        frame = frame[frame[column] == value]
    [(_, found)] = frame.iterrows()
    return found


def assert_adds_up(found: Claims) -> None:
    """The reasons, the days, the orders and the platforms each add up to what is said."""
    assert list(found.why["reason"]) == [*REASONS] * len(found.claimers)
    for one in found.claimers.itertuples():
        mine = found.why[found.why["claimer"] == one.claimer]
        assert mine["fen"].sum() == one.says_fen - one.net_fen
        days = found.days[found.days["claimer"] == one.claimer]
        assert days["says_fen"].sum() == one.says_fen
        assert days["net_fen"].sum() == one.net_fen
        campaigns = found.campaigns[found.campaigns["claimer"] == one.claimer]
        assert campaigns["says_fen"].sum() == one.says_fen
        taken = found.said[(found.said["claimer"] == one.claimer) & found.said["left_out"].isna()]
        assert taken["says_fen"].sum() == one.says_fen
        if one.names_orders:
            assert mine["orders"].sum() == one.says_orders - one.net_orders
    parts = [f"{reason}_fen" for reason in REASONS[:-1]] + ["stands_fen"]
    assert (found.orders[parts].sum(axis=1) == found.orders["says_fen"]).all()
    assert found.platforms["says_fen"].sum() == found.claimers["says_fen"].sum()


# ---------------------------------------------------------------------- the sample brand


@pytest.fixture(scope="module")
def brand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_brand(tmp_path_factory.mktemp("brand")).folder


@pytest.fixture(scope="module")
def sample(brand: Path) -> Claims:
    return attribution.claims(brand)


def test_planted_double_claims_are_all_found_and_none_invented(sample: Claims) -> None:
    planted = truth()["claims"]
    assert len(planted["qianchuan"]["twice"]) == 21
    assert planted["taobaoke"]["twice"] == []  # two lines of an order are no double
    assert sample.twice["order_id"].tolist() == planted["qianchuan"]["twice"]
    assert set(sample.twice["why"]) == {"kinds"}
    both = row(sample.overlap, kind="direct", other_kind="indirect")
    assert both["orders"] == 21
    again = row(sample.why, claimer="qianchuan", reason="again")
    assert again["orders"] == 21


def test_refunded_excluded_and_unclaimed_orders_are_those_planted(sample: Claims) -> None:
    for claimer in ("qianchuan", "taobaoke"):
        planted = truth()["claims"][claimer]
        mine = sample.orders[sample.orders["claimer"] == claimer].set_index("order_id")
        assert len(mine) == planted["orders"]
        assert mine.index[mine["state"] == "excluded"].tolist() == planted["excluded"]
        assert mine.index[mine["state"] == "refunded"].tolist() == planted["refunded"]
        assert mine.index[mine["state"] == "part_refunded"].tolist() == planted["part_refunded"]
        assert (mine["stands_fen"] + mine["wider_fen"]).sum() == planted["kept_fen"]
    free = sample.unclaimed.groupby(["platform", "why"]).size()
    assert free["douyin", "not_claimed"] == truth()["claims"]["qianchuan"]["unclaimed"]
    assert free["taobao", "not_claimed"] == truth()["claims"]["taobaoke"]["unclaimed"]
    assert ("kuaishou", "not_named") in free.index
    assert ("xiaohongshu", "no_claimer") in free.index


def test_what_is_said_is_what_was_exported(sample: Claims) -> None:
    planted = truth()["claims"]
    says = sample.claimers.set_index("claimer")["says_fen"]
    assert says["qianchuan"] == truth()["claims_fen"]["qianchuan"]
    assert says["taobaoke"] == truth()["claims_fen"]["taobaoke"]
    assert says["kuaishou_ads"] == planted["kuaishou_ads"]["t7"]
    assert says["tencent_ads"] == sum(planted["tencent_ads"].values())
    net = truth()["platforms"]
    sold = sample.claimers.set_index("claimer")["net_fen"]
    assert sold["qianchuan"] == net["douyin"]["net_fen"]
    assert sold["tencent_ads"] == net["wechat"]["net_fen"] + net["own_mall"]["net_fen"]
    assert sample.platforms["net_fen"].sum() == sum(each["net_fen"] for each in net.values())


def test_cumulative_windows_are_never_summed(brand: Path, sample: Claims) -> None:
    planted = truth()["claims"]["kuaishou_ads"]
    narrow = reasons(sample, "kuaishou_ads")
    assert narrow["wider"] == planted["t7"] - planted["t0"]
    for days, left in ((0, "t0"), (1, "t1"), (2, "t1"), (30, "t30"), (None, "t30")):
        rule = replace(presets()["kuaishou_ads"], window_days=days)
        found = claims(brand, rules=[rule])
        assert row(found.claimers, claimer="kuaishou_ads")["says_fen"] == planted[left]
    assert row(sample.claimers, claimer="kuaishou_ads")["ratio"] > 1


def test_the_sample_adds_up_by_day_platform_and_reason(brand: Path, sample: Claims) -> None:
    assert_adds_up(sample)
    one = claims(brand, "2026-11-11", "2026-11-11")
    assert_adds_up(one)
    assert set(one.days["day"]) == {"2026-11-11"}
    days = sorted(set(sample.days["day"]))
    parts = [claims(brand, day, day).claimers["says_fen"].sum() for day in days]
    assert sum(parts) == sample.claimers["says_fen"].sum()


def test_two_runs_give_the_same_frames(brand: Path, sample: Claims) -> None:
    for name, frame in claims(attribution.open_store(brand)).frames().items():
        pd.testing.assert_frame_equal(frame, sample.frames()[name])


def test_a_model_s_credit_stands_beside_the_claimers_whose_channels_it_knows(brand: Path) -> None:
    credit = pd.DataFrame(
        {
            "channel": ["快手 · 广告", "快手 · 广告 · x", "快手 · 广告牌", "自有商城 · 广告"],
            "value": [100.0, 10.0, 1.0, 0.5],
        }
    )
    found = claims(brand, credits=credit).claimers.set_index("claimer")["credited_fen"]
    assert found["kuaishou_ads"] == 110.0
    assert found["tencent_ads"] == 0.5
    assert found[["qianchuan", "taobaoke"]].isna().all()


# ---------------------------------------------------------------------- one order


@pytest.mark.parametrize(
    ("orders", "told", "lines", "refunds", "gap"),
    [
        pytest.param([order("1", 500)], [claim("qianchuan", "1", 500)], [], [], {}, id="right"),
        pytest.param(
            [order("1", 500)], [claim("qianchuan", "1", 500)] * 2, [], [], {"again": 500},
            id="twice",
        ),
        pytest.param(
            [order("1", 500)],
            [claim("qianchuan", "1", 500), claim("qianchuan", "1", 510, kind="indirect")],
            [], [], {"again": 510}, id="direct and indirect: the direct one counts",
        ),
        pytest.param(
            [order("1", 500)], [claim("qianchuan", "1", 500, kind="indirect")], [], [],
            {"wider": 500, "rest": -500}, id="indirect alone",
        ),
        pytest.param(
            [order("1", 500)], [claim("qianchuan", "9", 300)], [], [],
            {"unknown": 300, "rest": -500}, id="an order nobody knows",
        ),
        pytest.param(
            [order("1", 500, status="cancelled", paid_at=None)], [claim("qianchuan", "1", 500)],
            [], [], {"unpaid": 500}, id="never paid",
        ),
        pytest.param(
            [order("1", 500)], [claim("qianchuan", "1", 450)], [], [], {"differs": -50},
            id="another amount",
        ),
        pytest.param(
            [order("1", 500)], [claim("qianchuan", "1", None)], [], [], {"differs": -500},
            id="no amount",
        ),
        pytest.param(
            [order("1", 500)], [claim("qianchuan", "1", 500)], [],
            [{"order_id": "1", "amount_fen": 200}], {"refunded": 200}, id="refunded in part",
        ),
        pytest.param(
            [order("1", 500)], [claim("qianchuan", "1", 500)], [],
            [{"order_id": "1", "amount_fen": 500}], {"refunded": 500}, id="refunded whole",
        ),
        pytest.param(
            [order("1", 500)], [claim("qianchuan", "1", 0)], [], [], {"rest": -500},
            id="withdrawn",
        ),
        pytest.param(
            [order("1", 500)],
            [claim("me", "1", 300, line_id="a"), claim("me", "1", 200, line_id="b")],
            [
                {"order_id": "1", "line_id": "a", "paid_fen": 300},
                {"order_id": "1", "line_id": "b", "paid_fen": 200},
            ],
            [{"order_id": "1", "amount_fen": 101}], {"refunded": 101}, id="all lines",
        ),
        pytest.param(
            [order("1", 500)], [claim("me", "1", 300, line_id="a")],
            [
                {"order_id": "1", "line_id": "a", "paid_fen": 300},
                {"order_id": "1", "line_id": "b", "paid_fen": 200},
            ],
            [{"order_id": "1", "amount_fen": 101}],
            # 399 were kept, of which 3/5 are 239.4: the line's, and 61 of its 300 are lost.
            {"refunded": 61, "rest": -160}, id="one of two lines",
        ),
        pytest.param(
            [order("1", 500)],
            [claim("me", "1", 500), claim("me", "1", 300, line_id="a")],
            [{"order_id": "1", "line_id": "a", "paid_fen": 500}], [], {"again": 300},
            id="the order and its line",
        ),
    ],
)  # fmt: skip
def test_why_a_claim_is_not_what_was_sold(tmp_path, orders, told, lines, refunds, gap) -> None:
    found = claims(stored(tmp_path / "store", orders, told, lines, refunds))
    assert_adds_up(found)
    [claimer] = found.claimers["claimer"]
    assert reasons(found, claimer) == gap


def test_a_claim_told_again_for_a_wider_window_is_one_claim(tmp_path) -> None:
    told = [claim("qianchuan", "1", 500, window_days=days, ad_id="7") for days in (1, 7, 30)]
    told.append(claim("qianchuan", "1", 500, window_days=60, ad_id="7"))
    found = claims(stored(tmp_path / "store", [order("1", 500)], told))
    assert_adds_up(found)
    assert reasons(found, "qianchuan") == {}
    assert found.said["left_out"].fillna("").tolist() == ["restated", "restated", "", "window"]
    assert row(found.twice, order_id="1")["why"] == "windows"
    assert row(found.twice, order_id="1")["taken_fen"] == 500


def test_totals_of_one_who_names_orders_are_not_added(tmp_path) -> None:
    told = [claim("qianchuan", "1", 500), claim("qianchuan", None, 900, day=FIRST)]
    found = claims(stored(tmp_path / "store", [order("1", 500)], told))
    assert row(found.claimers, claimer="qianchuan")["says_fen"] == 500
    assert "told_by_order" in set(found.said["left_out"])


def test_who_claims_one_order_is_said(tmp_path) -> None:
    told = [
        claim("a", "1", 500),
        claim("b", "1", 500),
        claim("a", "2", 400, ad_id="x"),
        claim("a", "2", 400, ad_id="y"),
        claim("a", "3", 10),
        claim("a", "3", 10),
        claim("b", "4", 10),
    ]
    orders = [order(str(n), 100) for n in range(1, 6)]
    found = claims(stored(tmp_path / "store", orders, told))
    assert dict(zip(found.twice["order_id"], found.twice["why"], strict=True)) == {
        "1": "claimers",
        "2": "ads",
        "3": "same",
    }
    assert found.unclaimed["order_id"].tolist() == ["5"]
    assert row(found.overlap, claimer="a", other_claimer="b")["orders"] == 1
    assert row(found.platforms, platforms="douyin")["claimers"] == "a, b"
    assert not found.said["has_preset"].any()


def test_a_total_belongs_to_its_day_and_an_order_to_the_day_it_was_paid(tmp_path) -> None:
    told = [
        claim("a", "1", 500, touch_at=NOVEMBER - 5 * DAY),
        claim("b", None, 70, day="2025-11-02"),
        claim("c", "unknown", 5),
    ]
    store = stored(tmp_path / "store", [order("1", 500, paid_at=NOVEMBER)], told)
    found = claims(store, FIRST, FIRST)
    assert found.claimers.set_index("claimer")["says_fen"].to_dict() == {"a": 500, "c": 0}
    assert row(found.said, claimer="c")["left_out"] == "undated"
    assert claims(store).claimers["says_fen"].sum() == 575


def test_what_cannot_be_a_period_or_a_credit_is_refused(tmp_path) -> None:
    store = Store(tmp_path / "store")
    with pytest.raises(ConfigError, match=r"since=.*write a day"):
        claims(store, "11.11.")
    with pytest.raises(ConfigError, match="ends before it begins"):
        claims(store, "2026-11-12", "2026-11-11")
    with pytest.raises(ConfigError, match="expected channel and value"):
        claims(store, credits=pd.DataFrame({"channel": []}))


def test_an_empty_store_has_every_frame_empty(tmp_path) -> None:
    for name, frame in claims(Store(tmp_path / "store")).frames().items():
        assert len(frame) == 0, name
        assert len(frame.columns) > 3, name


def test_every_preset_says_how_it_counts_in_both_languages() -> None:
    for preset in presets().values():
        for language in ("en", "zh"):
            assert preset.name(language) != preset.claimer
            assert preset.rule(language)
        assert {*preset.read} <= {*vars(preset)}
        if preset.windows and preset.window_days is not None:
            assert preset.window_days in preset.windows
    assert Preset("me").name("zh") == "me"
    assert Preset("me").rule("en") == ""


# ---------------------------------------------------------------------- a plain twin

ORDER_IDS = [str(n) for n in range(6)]
DRAWN_ORDERS = st.dictionaries(
    st.sampled_from(ORDER_IDS),
    st.tuples(st.booleans(), st.integers(1, 9), st.integers(0, 12), st.integers(0, 1)),
    max_size=6,
)
DRAWN_CLAIMS = st.lists(
    st.tuples(
        st.sampled_from(["qianchuan", "me"]),
        st.sampled_from([*ORDER_IDS, "8"]),
        st.sampled_from(["direct", "indirect", "click"]),
        st.sampled_from([None, 1, 7, 60]),
        st.sampled_from(["x", "y"]),
        st.integers(0, 9),
    ),
    max_size=14,
)


def plain(orders: dict, told: list) -> tuple[dict, dict, set]:
    """Return says and reasons by claimer, and the orders claimed twice, one claim at a time."""
    says: dict[str, int] = {}
    gaps: dict[str, dict[str, int]] = {}
    voices: dict[str, int] = defaultdict(int)
    for claimer in sorted({each[0] for each in told}):
        mine = [c for c in told if c[0] == claimer and c[5]]
        for each in mine:
            voices[each[1]] += 1
        if claimer == "qianchuan":
            mine = [c for c in mine if c[2] != "click" and (30 if c[3] is None else c[3]) <= 30]
        known = 30 if claimer == "qianchuan" else -1
        widest: dict[tuple, int] = {}
        for _, number, kind, window, ad, _ in [c for c in told if c[0] == claimer]:
            days = known if window is None else window
            if claimer != "qianchuan" or days <= 30:
                key = (number, kind, ad)
                widest[key] = max(widest.get(key, days), days)
        by_order: dict[str, list] = defaultdict(list)
        for _, number, kind, window, ad, fen in mine:
            days = known if window is None else window
            if days == widest[number, kind, ad]:
                strict = kind == "direct" or claimer == "me"
                by_order[number].append((not strict, days, kind, fen))
        gap: dict[str, int] = defaultdict(int)
        total = 0
        for number, each in by_order.items():
            each.sort(key=lambda c: c[:3])
            total += sum(c[3] for c in each)
            # Of claims that are alike in all but the amount, any may be the first.
            alike = {c[3] for c in each if c[:3] == each[0][:3]}
            gap["alike"] += len(alike) - 1
            first = each[0][3]
            gap["again"] += sum(c[3] for c in each[1:])
            if number not in orders:
                gap["unknown"] += first
                continue
            paid, fen, refund, _ = orders[number]
            if not paid:
                gap["unpaid"] += first
                continue
            net = max(fen - refund, 0)
            gap["differs"] += first - fen
            gap["refunded"] += fen - net
            gap["wider"] += net if each[0][0] else 0
        sold = sum(max(f - r, 0) for p, f, r, _ in orders.values() if p)
        exact = sum(fen for name, fen in gap.items() if name != "alike")
        gap["rest"] = total - sold - exact
        says[claimer] = total
        gaps[claimer] = {name: fen for name, fen in gap.items() if fen}
    return says, gaps, {number for number, count in voices.items() if count > 1}


@settings(max_examples=settings.default.max_examples // 2)  # each one writes a store
@given(DRAWN_ORDERS, DRAWN_CLAIMS)
def test_random_claims_add_up_as_a_plain_count_does(orders: dict, told: list) -> None:
    with TemporaryDirectory() as folder:
        store = stored(
            Path(folder) / "store",
            [
                order(
                    number, fen, status="paid" if paid else "cancelled",
                    paid_at=NOVEMBER + day * DAY if paid else None,
                )
                for number, (paid, fen, _, day) in orders.items()
            ],
            [
                claim(claimer, number, fen, kind=kind, window_days=window, ad_id=ad)
                for claimer, number, kind, window, ad, fen in told
            ],
            refunds=[
                {"order_id": number, "amount_fen": refund}
                for number, (paid, _, refund, _) in orders.items()
                if paid and refund
            ],
        )  # fmt: skip
        found = claims(store)
    assert_adds_up(found)
    says, gaps, twice = plain(orders, told)
    assert found.claimers.set_index("claimer")["says_fen"].to_dict() == says
    assert set(found.twice["order_id"]) == twice
    for claimer, gap in gaps.items():
        if gap.pop("alike", 0) == 0:
            assert reasons(found, claimer) == gap
    claimed = set(found.orders["order_id"])
    assert set(found.unclaimed["order_id"]) == {
        number
        for number, (paid, fen, refund, _) in orders.items()
        if paid and fen > refund and number not in claimed
    }
