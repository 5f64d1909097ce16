"""Return on cost: everything adds up, and every cost is where a plain loop puts it."""

from __future__ import annotations

import json
import random
import time
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import attribution
from attribution import Hazard, Journeys, LastTouch, Linear, Markov, Shapley, TimeDecay
from attribution.decide.costs import cost_rows
from attribution.decide.lines import paid_lines
from attribution.decide.records import read_records
from attribution.decide.roi import SPEND, Roi, roi
from attribution.errors import ConfigError, ModelError
from attribution.intake.ingest import ingest
from attribution.journeys.definition import LEVELS
from attribution.model import Model
from attribution.names import BLOCKS, COST_KINDS, ORGANIC, UNALLOCATED, UNATTRIBUTED
from attribution.numerics import jackknife
from attribution.store.store import Store
from attribution.workspace import Workspace, read_workspace
from tests.brand import KEY, sample_brand
from tests.decide.brands import brand, busy, cost, crowded, line, ms, refund, sale, session, touch
from tests.decide.sceptic import Sceptic
from tests.strategies import HOSTILE_NAMES

MODELS = [LastTouch(), Linear(), Markov(), Shapley()]
NAMES = {
    "live": "Douyin · Live", "search": "Douyin · Search", "ad": "Douyin · Ad",
    "short_video": "Douyin · Short video",
}  # fmt: skip
LIVE, ANN = "Douyin · Live · Ann", "2026-11-10 12:00"
HOMELESS = (
    "unknown_order", "order_left_out", "order_not_paid", "order_not_counted", "unknown_session",
    "unknown_place", "rule_none", "nothing_to_spread_by",
)  # fmt: skip


def of(workspace: Workspace, models=MODELS, level=None, people=None, **asked) -> Roi:
    found = roi(attribution.open_journeys(workspace, level=level, people=people), models, **asked)
    found.check()
    return found


def lead(found: Roi, model: str | None = None) -> pd.DataFrame:
    mine = found.channels[found.channels["model"] == (model or found.headline)]
    return mine.set_index("channel")


def costs_of(found: Roi, model: str | None = None) -> dict[tuple[str, str], int]:
    mine = found.costs[found.costs["model"] == (model or found.headline)]
    return {
        (c, k): n for c, k, n in mine[["channel", "kind", "amount_fen"]].itertuples(index=False)
    }


def why(found: Roi) -> dict[tuple[str, str], int]:
    return {(k, w): n for k, w, n in found.unplaced.itertuples(index=False)}


def one_sale(folder: Path, *costs, more: str = "", **tables) -> Roi:
    """Return what one order of 100 yuan, brought by Ann's room alone, earned."""
    given = {
        "streamers": [{"streamer_id": "ann", "name": "Ann"}],
        "sessions": [
            session("r1", "2026-11-10 11:00", "2026-11-10 13:00", streamer_id="ann"),
        ],
        "touchpoints": [
            touch("t1", "p", "2026-11-10 11:30", session_id="r1", streamer_id="ann"),
        ],
        "orders": [sale("o1", 10_000, "p", ANN)],
        "costs": list(costs),
    }  # fmt: skip
    return of(brand(folder, given | tables, more), [LastTouch()])


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return sample_brand(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return busy(tmp_path_factory.mktemp("crowd"))


# Everything, once ----------------------------------------------------------------------------


def test_the_sample_adds_up_to_its_tables_under_every_model(sample: Workspace) -> None:
    found = of(sample, attribution.default_models())
    store = attribution.open_store(sample)
    orders = store.table("orders")
    orders = orders[orders["is_paid"]]
    told, listed = store.table("costs"), all_costs(store)
    stated = listed["cost_id"].isin(told["platform"].fillna("") + ":" + told["cost_id"])
    assert listed.loc[stated, "amount_fen"].sum() == told["amount_fen"].sum()
    spent = listed["amount_fen"].sum()
    assert set(found.channels["model"]) == set(found.ledger.models)
    for _, mine in found.channels.groupby("model"):
        for name in ("gross_fen", "net_fen", "net_expected_fen"):
            assert mine[name].sum() == orders[name].sum() > 0
        assert mine["cost_fen"].sum() == spent > 0
        assert mine["orders"].sum() == pytest.approx(len(orders))
    assert found.cost_fen == spent


def test_every_level_adds_up_to_the_same(crowd: Workspace, sample: Workspace) -> None:
    for workspace, levels in ((crowd, LEVELS), (sample, ("platform", "session", "offer"))):
        found = [lead(of(workspace, [Linear()], level=level)) for level in levels]
        for name in ("gross_fen", "net_fen", "net_expected_fen", "cost_fen", "spend_fen"):
            assert len({rows[name].sum() for rows in found}) == 1


def test_journeys_are_priced_as_the_books_are(crowd: Workspace) -> None:
    opened = attribution.open_journeys(crowd, value="net_fen")
    found = roi(opened, MODELS, since="2026-11-09", until="2026-11-10")
    worth = found.ledger.orders.set_index("order_id")["net_expected_fen"].to_dict()
    every = list(attribution.open_orders(crowd))
    priced = list(found.priced(opened))
    seen = {}
    for one, other in zip(every, priced, strict=True):
        assert one.conversions.tolist() == other.conversions.tolist()
        assert set(other.values) == {"value"}
        rows = zip(other.order_id, other.conversions, other.values["value"], strict=True)
        for order, count, value in rows:
            assert value == (worth.get(order, 0) if count else 0)
            seen[order] = value
    assert 0 < len(worth) < sum(int(batch.conversions.sum()) for batch in every)
    assert worth.keys() <= seen.keys()


def test_money_that_stands_twice_or_not_at_all_is_found(crowd: Workspace) -> None:
    found = of(crowd)
    book, named = found.ledger, found.channels["channel"] == LIVE
    entries, orders = book.entries, book.orders
    spoilt = [
        replace(found, ledger=replace(book, entries=pd.concat([entries, entries.iloc[[3]]]))),
        replace(found, ledger=replace(book, entries=entries.iloc[1:])),
        replace(found, ledger=replace(book, orders=pd.concat([orders, orders.iloc[[3]]]))),
        replace(found, channels=pd.concat([found.channels, found.channels[named].iloc[[0]]])),
        replace(found, channels=found.channels[~named]),
        replace(found, costs=pd.concat([found.costs, found.costs.iloc[[0]]])),
        replace(found, costs=found.costs.iloc[1:]),
        replace(found, cost_fen=found.cost_fen + 1),
    ]
    for each in spoilt:
        with pytest.raises(ModelError, match="add up"):
            each.check()
    for name in ("gross_fen", "net_fen", "net_expected_fen", "cost_fen"):
        channels = found.channels.copy()
        channels.loc[len(channels) - 1, name] += 1
        with pytest.raises(ModelError, match=f"Shapley do not add up.* in {name}"):
            replace(found, channels=channels).check()


# A plain loop --------------------------------------------------------------------------------


def all_costs(store: Store) -> pd.DataFrame:
    records = read_records(store)
    return cost_rows(records, paid_lines(records), store.costs)


def rows(store: Store, table: str) -> list[dict[str, Any]]:
    found = store.table(table)
    return found.astype(object).where(found.notna(), None).to_dict("records")


def places(workspace: Workspace) -> dict[str, dict[str, set[str]]]:
    """Return, by scope and key, the channels of what was touched or held."""
    store = attribution.open_store(workspace)
    names = {"ann": "Ann", "bob": "Bob", "eve": "Eve"}
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    held = [{"content_form": "live", "campaign_id": None} | row for row in rows(store, "sessions")]
    for row in [*rows(store, "touchpoints"), *held]:
        form = row["content_form"]
        channel = NAMES[form]
        if form in ("live", "short_video"):
            channel += f" · {names[row['streamer_id']]}"
        for scope, key in (
            ("session", row["session_id"]), ("campaign", row["campaign_id"]),
            ("streamer", row["streamer_id"]), ("channel", "douyin"),
        ):  # fmt: skip
            if key is not None:
                found[scope][key].add(channel)
    found["campaign"]["c3"] = {NAMES["ad"]}
    found["channel"]["抖音 · 直播"] = {c for c in found["channel"]["douyin"] if "Live" in c}
    return found


def by_a_loop(workspace: Workspace, found: Roi, model: str) -> dict[tuple[str, str], float]:
    """Return what each channel bears of each kind, before anything is rounded."""
    store = attribution.open_store(workspace)
    reach, sold = places(workspace), defaultdict(lambda: defaultdict(float))
    units = {f"douyin:{r['order_id']}": r["qty"] for r in rows(store, "order_lines")}
    shares = defaultdict(list)
    entries = found.ledger.entries
    for row in entries[entries["model"] == model].itertuples():
        shares[row.order_id].append((row.channel, row.share))
        sold["by_revenue"][row.channel] += row.gross_fen
        sold["by_units"][row.channel] += row.share * units[row.order_id]
    for row in rows(store, "sessions"):
        for channel in reach["session"][row["session_id"]]:
            sold["by_minutes"][channel] += row["end_at"] - row["start_at"]
    total: dict[tuple[str, str], float] = defaultdict(float)
    for row in all_costs(store).itertuples():
        rule = row.alloc if isinstance(row.alloc, str) and row.alloc != "direct" else "by_revenue"
        named = {
            "session": reach["session"].get(row.scope_id),
            "campaign": reach["campaign"].get(row.scope_id),
            "streamer": reach["streamer"].get(row.scope_id),
            "channel": reach["channel"].get(row.scope_id),
            "period": reach["channel"]["douyin"] if isinstance(row.platform, str)
            else set(sold["by_revenue"]),
        }  # fmt: skip
        if row.order in shares and rule != "none":
            parts = dict.fromkeys((channel for channel, _ in shares[row.order]), 0.0)
            for channel, share in shares[row.order]:
                parts[channel] += share
        else:
            at = named.get(row.scope) or set()
            parts = {c: sold[rule][c] for c in at} if rule != "none" else {}
            parts = dict.fromkeys(at, 1.0) if len(at) == 1 else parts
        whole = sum(parts.values())
        for channel, part in (parts if whole else {UNALLOCATED: 1.0}).items():
            total[channel, row.kind] += row.amount_fen * part / (whole or 1.0)
    return total


@pytest.mark.parametrize("seed", range(3))
def test_costs_are_where_a_plain_loop_puts_them(tmp_path: Path, seed: int) -> None:
    workspace = busy(tmp_path, seed)
    found = of(workspace)
    for model in found.ledger.models:
        wanted, told = by_a_loop(workspace, found, model), costs_of(found, model)
        assert {kind for _, kind in told} > {"goods", "ads", "slot_fee", "crew", "coupon"}
        # Each cost or group of costs is rounded to whole fen once.
        assert {key for key, amount in wanted.items() if abs(amount) > 6} <= set(told)
        for key, amount in told.items():
            assert amount == pytest.approx(wanted[key], abs=6), key
        for kind in COST_KINDS:
            assert sum(n for (_, k), n in told.items() if k == kind) == pytest.approx(
                sum(n for (_, k), n in wanted.items() if k == kind)
            )


def test_the_columns_are_what_they_say(crowd: Workspace) -> None:
    found = of(crowd)
    for model in found.ledger.models:
        mine, told = lead(found, model), costs_of(found, model)
        for channel, row in mine.iterrows():
            costs = {k: n for (c, k), n in told.items() if c == channel}
            assert row["cost_fen"] == sum(costs.values())
            assert row["spend_fen"] == sum(n for k, n in costs.items() if k in SPEND)
            assert row["contribution_fen"] == row["net_fen"] - row["cost_fen"]
            left = row["net_expected_fen"] - row["cost_fen"]
            assert row["contribution_expected_fen"] == left
            ratios = {
                "roas": (row["gross_fen"], costs.get("ads", 0)),
                "contribution_roi": (left, row["spend_fen"]),
                "cost_per_order_fen": (row["spend_fen"], row["orders"]),
            }
            for name, (part, whole) in ratios.items():
                wanted = part / whole if whole > 0 else np.nan
                assert row[name] == pytest.approx(wanted, nan_ok=True), name
        assert list(mine.index)[-2:] == [UNATTRIBUTED, UNALLOCATED]
        assert mine["contribution_expected_fen"].iloc[:-2].is_monotonic_decreasing


# By hand -------------------------------------------------------------------------------------


def test_a_refund_takes_back_money_and_the_estimate_of_a_commission(tmp_path: Path) -> None:
    found = one_sale(
        tmp_path,
        cost("f", "commission", 1_000, "order", scope_id="o1", state="estimated"),
        cost("slot", "slot_fee", 700, "session", scope_id="r1"),
        order_lines=[line("o1", 10_000, unit_cost_fen=2_000)],
        refunds=[refund("o1", 4_000, "2026-11-12 10:00")],
    )
    row = lead(found).loc[LIVE]
    assert (row["gross_fen"], row["net_fen"]) == (10_000, 6_000)
    assert costs_of(found) == {
        (LIVE, "commission"): 600, (LIVE, "slot_fee"): 700, (LIVE, "goods"): 2_000,
    }  # fmt: skip
    assert row["contribution_fen"] == 6_000 - 3_300
    assert row["roas"] != row["roas"]  # no ads: there is no such figure


def test_break_even_is_where_what_does_not_grow_is_earned_back(tmp_path: Path) -> None:
    found = one_sale(
        tmp_path,
        cost("f", "platform_fee", 1_000, "order", scope_id="o1"),
        cost("slot", "slot_fee", 4_500, "session", scope_id="r1"),
    )
    row = lead(found).loc[LIVE]
    kept = row["net_expected_fen"] / 10_000
    assert row["break_even_fen"] == pytest.approx(4_500 / (kept - 0.1))
    # At those sales, with costs of orders in proportion, nothing is left.
    times = row["break_even_fen"] / 10_000
    left = times * (row["net_expected_fen"] - 1_000) - 4_500
    assert left == pytest.approx(0, abs=1e-6)


def test_no_sales_earn_back_what_loses_with_every_order(tmp_path: Path) -> None:
    dear = cost("f", "goods", 12_000, "order", scope_id="o1")
    row = lead(one_sale(tmp_path, dear, cost("s", "crew", 5, "session", scope_id="r1"))).loc[LIVE]
    assert row["contribution_fen"] == 10_000 - 12_005
    assert np.isnan(row["break_even_fen"])


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [(None, {LIVE: 300, NAMES["search"]: 100}), ("by_units", {LIVE: 200, NAMES["search"]: 200}),
     ("by_minutes", {LIVE: 400}), ("none", {UNALLOCATED: 400})],
)  # fmt: skip
@pytest.mark.parametrize("scope", ["channel", "period", "campaign"])
def test_wide_costs_are_spread_by_their_rule(tmp_path: Path, scope: str, rule, wanted) -> None:
    key = {"channel": "douyin", "campaign": "c1"}.get(scope)
    one = one_sale(
        tmp_path,
        cost("x", "ads", 400, scope, alloc=rule, scope_id=key),
        touchpoints=[
            touch("t1", "p", "2026-11-10 11:30", session_id="r1", streamer_id="ann",
                  campaign_id="c1"),
            touch("t2", "q", "2026-11-10 11:30", content_form="search", campaign_id="c1"),
        ],
        orders=[sale("o1", 7_500, "p", ANN), sale("o2", 2_500, "q", ANN)],
        order_lines=[line("o1", 7_500, qty=2), line("o2", 2_500, qty=2)],
    )  # fmt: skip
    assert costs_of(one) == {(channel, "ads"): n for channel, n in wanted.items()}
    assert why(one) == ({("ads", "rule_none"): 400} if rule == "none" else {})


def test_minutes_are_those_of_the_days(tmp_path: Path) -> None:
    rooms = [
        session("r1", "2026-11-10 11:00", "2026-11-10 12:00", streamer_id="ann"),
        session("r2", "2026-11-10 23:00", "2026-11-11 03:00", streamer_id="bob"),
    ]
    tables = {"orders": [sale("o1", 100, "p", ANN)], "sessions": rooms,
              "costs": [cost("x", "crew", 800, alloc="by_minutes")]}  # fmt: skip
    workspace = brand(tmp_path, tables)
    share = {key[0]: n for key, n in costs_of(of(workspace, [LastTouch()])).items()}
    assert share == {"Douyin · Live · ann": 160, "Douyin · Live · bob": 640}
    found = of(workspace, [LastTouch()], since="2026-11-10", until="2026-11-10")
    assert {key[0]: n for key, n in costs_of(found).items()} == {
        "Douyin · Live · ann": 400, "Douyin · Live · bob": 400,
    }  # fmt: skip


def test_a_rule_of_the_workspace_goes_before_the_cost_s_own(tmp_path: Path) -> None:
    fee = cost("f", "platform_fee", 60, "order", scope_id="o1")
    ads = cost("a", "ads", 40, "campaign", scope_id="c", alloc="by_revenue")
    more = '[costs.by_kind]\nplatform_fee = "none"\n[costs.by_scope]\ncampaign = "none"\n'
    found = one_sale(tmp_path, fee, ads, more=more)
    assert why(found) == {("ads", "rule_none"): 40, ("platform_fee", "rule_none"): 60}


def test_every_order_and_cost_counts_whatever_comparisons_leave_out(tmp_path: Path) -> None:
    orders = [sale("o1", 10_000, "p", ANN), sale("o3", 900, "q", ANN)]
    lines = [line("o1", 10_000, product_id="P"), line("o3", 900, product_id="Q")]
    more = '[journeys]\nproducts = ["P"]\nconversion = "first"\n'
    fee = cost("k", "platform_fee", 90, "order", scope_id="o3")
    found = one_sale(tmp_path, fee, more=more, orders=orders, order_lines=lines)
    found.check()
    lead = found.channels[found.channels["model"] == found.headline]
    assert (lead["gross_fen"].sum(), lead["cost_fen"].sum()) == (10_900, 90)
    assert (lead["net_expected_fen"] <= lead["net_fen"]).all()
    assert found.unplaced.empty


def test_costs_that_belong_nowhere_say_why(tmp_path: Path) -> None:
    costs = [
        cost("a", "ads", 1, "order", scope_id="nowhere"),
        cost("b", "ads", 2, "order", scope_id="o2"),
        cost("c", "ads", 4, "order", scope_id="test"),
        cost("d", "crew", 8, "session", scope_id="r9"),
        cost("e", "crew", 16, "streamer", scope_id="nobody"),
        cost("f", "crew", 32, "channel", scope_id="抖音 · 直播 · Eve"),
        cost("g", "crew", 64, "channel", platform=None, scope_id=None),
        cost("h", "crew", 128, "campaign", platform=None, scope_id="c1"),
        cost("i", "other", 256, "session", scope_id="r1", alloc="none"),
        cost("j", "other", 512, "channel", scope_id="kuaishou", platform="kuaishou"),
    ]
    more = '[[exclude]]\nwhy = "tests"\norder_id = "test"\n'
    orders = [
        sale("o1", 10_000, "p", ANN), sale("test", 9, "p", ANN),
        sale("o2", 9, "p", ANN) | {"status": "created", "paid_at": None},
    ]  # fmt: skip
    found = one_sale(tmp_path, *costs, more=more, orders=orders)
    assert why(found) == {
        ("ads", "unknown_order"): 1, ("ads", "order_not_paid"): 2, ("ads", "order_left_out"): 4,
        ("crew", "unknown_session"): 8, ("crew", "unknown_place"): 16 + 32 + 64 + 128,
        ("other", "rule_none"): 256, ("other", "unknown_place"): 512,
    }  # fmt: skip
    assert {reason for _, reason in why(found)} < set(HOMELESS)
    assert lead(found).loc[UNALLOCATED, "cost_fen"] == 1_023


def test_a_channel_is_named_by_hand_in_either_language_at_any_level(tmp_path: Path) -> None:
    for n, name in enumerate(
        ("抖音 · 直播", "Douyin · Live", "抖音 · 直播 · Ann", "douyin", "抖音")
    ):
        found = one_sale(tmp_path / str(n), cost("x", "other", 9, "channel", scope_id=name))
        assert costs_of(found) == {(LIVE, "other"): 9}, name


def test_a_session_nobody_bought_in_bears_its_cost_and_is_not_judged(tmp_path: Path) -> None:
    rooms = [
        session("r1", "2026-11-10 11:00", "2026-11-10 13:00", streamer_id="ann"),
        session("r2", "2026-11-10 11:00", "2026-11-10 13:00", streamer_id="bob"),
    ]
    found = one_sale(tmp_path, cost("x", "slot_fee", 900, "session", scope_id="r2"), sessions=rooms)
    row = lead(found).loc["Douyin · Live · bob"]
    assert (row["orders"], row["cost_fen"], row["contribution_expected_fen"]) == (0, 900, -900)
    assert found.verdicts().set_index("channel")["verdict"].to_dict() == {
        LIVE: "unclear", "Douyin · Live · bob": "unseen",
    }  # fmt: skip
    assert row["contribution_roi"] == -1
    assert set(found.live["session"]) == {"douyin:r1", "douyin:r2"}


def test_a_cost_across_midnight_and_months_counts_day_by_day(tmp_path: Path) -> None:
    rent = {"from": ms("2026-10-31 12:00"), "to": ms("2026-11-02 12:00"), "at": None}
    workspace = brand(
        tmp_path,
        {
            "orders": [sale(f"o{d}", 100, "p", f"2026-{d} 15:00") for d in ("10-31", "11-01")],
            "costs": [cost("rent", "crew", 4_801, **rent)],
        },
    )
    days = ("2026-10-31", "2026-11-01", "2026-11-02")
    by_day = [of(workspace, [Linear()], since=day, until=day) for day in days]
    assert [found.cost_fen for found in by_day] == [1_200, 2_401, 1_200]
    assert [lead(found)["gross_fen"].sum() for found in by_day] == [100, 100, 0]
    assert of(workspace, [Linear()]).cost_fen == 4_801
    assert of(workspace, [Linear()], until="2026-10-31").cost_fen == 1_200


def test_periods_add_up_to_the_whole(crowd: Workspace) -> None:
    whole = lead(of(crowd))
    parts = [lead(of(crowd, until="2026-11-10")), lead(of(crowd, since="2026-11-11"))]
    for name in ("gross_fen", "net_fen", "net_expected_fen", "cost_fen"):
        assert sum(part[name].sum() for part in parts) == whole[name].sum()
        assert all(part[name].sum() for part in parts)


def test_nothing_at_all_and_no_costs_are_answered(tmp_path: Path, crowd: Workspace) -> None:
    none = of(crowd, since="2030-01-01")
    assert none.channels.empty or not none.channels["gross_fen"].any()
    assert (none.cost_fen, len(none.verdicts())) == (0, 0)
    assert not none.total()[["gross_fen", "cost_fen", "low_fen", "high_fen"]].any()
    free = one_sale(tmp_path / "free")
    assert free.costs.empty
    assert lead(free).loc[LIVE, "contribution_fen"] == 10_000
    assert lead(free)[["roas", "contribution_roi"]].isna().all(axis=None)
    dear = brand(tmp_path / "dear", {"costs": [cost("x", "crew", 70)]})
    assert why(of(dear, [Linear()])) == {("crew", "unknown_place"): 70}
    rent = brand(tmp_path / "rent", {"costs": [cost("x", "crew", 70, platform=None)]})
    assert why(of(rent, [Linear()])) == {("crew", "nothing_to_spread_by"): 70}


def test_names_are_only_names(tmp_path: Path) -> None:
    names = [*HOSTILE_NAMES, "Douyin · Live", "(unallocated)"]
    ids = [f"s{n}" for n in range(len(names))]
    tables = {
        "streamers": [{"streamer_id": s, "name": n} for s, n in zip(ids, names, strict=True)],
        "touchpoints": [touch(f"t{s}", s, "2026-11-10 11:00", streamer_id=s) for s in ids],
        "orders": [sale(f"o{s}", 100, s, ANN) for s in ids],
        "costs": [cost(f"c{s}", "ads", 7, "streamer", scope_id=s) for s in ids],
    }
    found = lead(of(brand(tmp_path, tables), [Linear()]))
    assert found["cost_fen"].tolist() == [7] * len(names)
    assert found["gross_fen"].tolist() == [100] * len(names)


# How sure ------------------------------------------------------------------------------------


def left_out(workspace: Workspace, model: Model) -> pd.Series:
    """Return standard errors from fitting the model anew without each block of people."""
    journeys = attribution.open_journeys(workspace).read()
    worth = of(workspace, [model]).ledger.orders.set_index("order_id")["net_expected_fen"]
    sums = []
    for block in range(BLOCKS):
        book = attribution.ledger(journeys.take(journeys.block != block), [model])
        entries = book.entries.astype({"order_id": "str", "channel": "str"})
        amounts = entries["share"] * entries["order_id"].map(worth)
        sums.append(amounts.groupby(entries["channel"]).sum() * BLOCKS / (BLOCKS - 1))
    frame = pd.DataFrame(sums).fillna(0.0)
    return pd.Series(jackknife.standard_errors(frame.to_numpy()), frame.columns)


@pytest.mark.parametrize(
    ("model", "apart"),
    [(LastTouch(), 1e-9), (Markov(), 1e-3), (Shapley(), 1e-3), (Markov(order=2), 0.02)],
    ids=str,
)
def test_intervals_are_those_of_leaving_people_out_and_learning_anew(
    tmp_path: Path, model: Model, apart: float
) -> None:
    workspace = busy(tmp_path, people=100, back=0.0)  # nothing comes back: only people vary
    rows = lead(of(workspace, [model]))
    errors = left_out(workspace, model)
    width = jackknife.half_width(errors.to_numpy(), 0.95, BLOCKS)
    high = rows["net_high_fen"].reindex(errors.index) - rows["net_expected_fen"]
    assert high[errors.index].to_numpy() == pytest.approx(width, rel=apart)
    low = rows["net_expected_fen"] - rows["net_low_fen"]
    assert low[errors.index].to_numpy() == pytest.approx(width, rel=apart)
    wide = lead(of(workspace, [model], interval=0.99))
    assert (wide["net_high_fen"] >= rows["net_high_fen"]).all()


def test_returns_still_to_come_widen_intervals(tmp_path: Path) -> None:
    found = lead(of(busy(tmp_path), [Linear()]))
    parts = found.drop(UNALLOCATED)
    sampled = parts["net_high_fen"] - parts["net_expected_fen"]
    assert (sampled > 0).all()
    # What an order costs goes with it, so what it leaves varies less than what it brings.
    left = parts["high_fen"] - parts["contribution_expected_fen"]
    assert (left < sampled).all()


def drawn(folder: Path, seed: int) -> Workspace:
    """Return a brand of 150 people who all act by the same chances."""
    chance = random.Random(seed)
    touches, orders = [], []
    for n in range(150):
        who = f"{seed}-{n}"  # other people each time, so that blocks are drawn anew, too
        for m in range(chance.randrange(1, 4)):
            form = chance.choices(["search", "ad", "feed"], [5, 3, 2])[0]
            touches.append(touch(f"t{n}-{m}", who, f"2026-11-09 1{m}:00", content_form=form))
        if chance.random() < 0.4:
            orders.append(sale(f"o{n}", chance.randrange(1_000, 30_000), who, ANN))
    costs = [
        cost(f"f-{each['order_id']}", "goods", each["paid_fen"] // 3, "order",
             scope_id=each["order_id"])
        for each in orders
    ]  # fmt: skip
    return brand(folder, {"touchpoints": touches, "orders": orders, "costs": costs})


@pytest.mark.slow
def test_intervals_hold_the_truth_as_often_as_they_say(tmp_path: Path) -> None:
    tables = [
        of(drawn(tmp_path / str(seed), seed), [Linear(), Shapley()]).channels for seed in range(80)
    ]
    every = pd.concat(tables).set_index(["model", "channel"])
    for value, low, high in (
        ("net_expected_fen", "net_low_fen", "net_high_fen"),
        ("contribution_expected_fen", "low_fen", "high_fen"),
    ):
        truth = every[value].groupby(level=[0, 1]).mean().reindex(every.index)
        inside = (every[low] <= truth) & (truth <= every[high])
        assert len(inside) >= 80 * 6
        assert 0.90 <= inside.mean() <= 0.99


# Size ----------------------------------------------------------------------------------------


def test_ten_thousand_streamers_take_seconds_and_add_up(tmp_path: Path) -> None:
    workspace = crowded(tmp_path, 10_000)
    begin = time.perf_counter()
    found = of(workspace, [LastTouch(), Linear()])
    assert time.perf_counter() - begin < 60  # 6 s on 2 idle cores
    assert len(lead(found)) == 10_000
    assert found.cost_fen == 2 * sum(range(7, 10_007)) + 99_991
    assert (lead(found)["cost_fen"] >= 14).all()


# Verdicts, and who leads ---------------------------------------------------------------------


def judged(rows: list[tuple[str, float, float, float, float]]) -> dict[str, str]:
    """Return verdicts of (channel, low, high, contribution by the lead and by another)."""
    frames = [
        pd.DataFrame(
            {
                "model": model, "channel": channel, "orders": [float(channel != "cost")],
                "contribution_expected_fen": value, "low_fen": low, "high_fen": high,
            }
        )
        for channel, low, high, one, two in rows
        for model, value in (("A", one), ("B", two))
    ]  # fmt: skip
    book = type("Book", (), {"models": ("A", "B")})
    found = Roi(pd.concat(frames), *[None] * 3, None, "A", "", book, None, 0.95)
    return dict(found.verdicts()[["channel", "verdict"]].itertuples(index=False))


def test_a_verdict_needs_an_interval_clear_of_zero_and_all_models_on_one_side() -> None:
    assert judged(
        [
            ("up", 1, 9, 5, 7), ("down", -9, -1, -5, -7), ("open", -1, 9, 4, 4),
            ("touches", 0, 9, 4, 4), ("split", 1, 9, 5, -7), ("torn", -9, -1, -5, 7),
            ("cost", -5, -5, -5, -5),
        ]
    ) == {
        "up": "profit", "down": "loss", "open": "unclear", "touches": "unclear",
        "split": "depends", "torn": "depends", "cost": "unseen",
    }  # fmt: skip


def test_the_usual_model_leads_unless_it_knows_too_few_orders(
    crowd: Workspace, sample: Workspace
) -> None:
    assert (of(crowd).headline, of(crowd).why_headline) == ("Shapley", "")
    assert of(crowd, [Linear(), LastTouch()]).headline == "LastTouch"
    assert of(crowd, headline="Linear").headline == "Linear"
    # Only buyers have what an order says of its own source: data-driven models do not look at it.
    found = of(sample, [Linear(), TimeDecay(), Shapley()])
    lost = lead(found, "Shapley").loc[UNATTRIBUTED, "orders"]
    assert lost > 0.2 * len(found.ledger.orders)
    assert (found.headline, found.why_headline) == ("TimeDecay", "coverage")
    assert of(sample, [Linear(), Shapley()], headline="Shapley").why_headline == ""
    with pytest.raises(ConfigError, match="headline='Nobody' is none of the models: LastTouch"):
        of(crowd, headline="Nobody")


def test_what_cannot_be_asked_is_refused(crowd: Workspace) -> None:
    counts = pd.DataFrame({"path": ["A > B"], "total_conversions": [3]})
    paths = Journeys.from_paths(counts, value=None, nulls=None)
    with pytest.raises(ConfigError, match="needs the journeys of a workspace"):
        roi(paths, [Linear()])  # type: ignore[arg-type]
    for asked, says in (
        ({"since": "November"}, "since='November'"),
        ({"since": "2026-11-02", "until": "2026-11-01"}, "ends before it begins"),
        ({"interval": 95}, "95"),
    ):
        with pytest.raises(ConfigError, match=says):
            of(crowd, **asked)


# What would have come anyway -----------------------------------------------------------------


def test_organic_bears_its_goods_and_channels_what_was_paid_to_be_seen(tmp_path: Path) -> None:
    tables = {
        "streamers": [{"streamer_id": "ann", "name": "Ann"}],
        "sessions": [
            session("r1", "2026-11-10 11:00", "2026-11-10 13:00", streamer_id="ann"),
        ],
        "touchpoints": [
            touch("t1", "p", "2026-11-10 11:30", session_id="r1", streamer_id="ann"),
        ],
        "orders": [sale("o1", 10_000, "p", ANN), sale("o2", 3_000, "q", ANN)],
        "order_lines": [line("o1", 10_000, unit_cost_fen=2_000)],
        "costs": [
            cost("f", "commission", 1_000, "order", scope_id="o1"),
            cost("g", "commission", 30, "order", scope_id="o2"),
            cost("slot", "slot_fee", 700, "session", scope_id="r1"),
            cost("rent", "other", 1_300, platform=None),
            cost("show", "ads", 800, platform=None),
        ],
    }  # fmt: skip
    found = of(brand(tmp_path, tables), [Sceptic()])
    rows = lead(found)
    assert rows.index.tolist() == [LIVE, ORGANIC, UNATTRIBUTED]
    assert rows["net_fen"].tolist() == [5_000, 5_000, 3_000]
    costs = costs_of(found)
    shown = costs.pop((LIVE, "ads")), costs.pop((UNATTRIBUTED, "ads"))
    assert sum(shown) == 800  # by revenue, to channels and to orders nobody knows
    assert costs == {
        (LIVE, "commission"): 1_000, (LIVE, "goods"): 1_000, (LIVE, "slot_fee"): 700,
        (LIVE, "other"): 500, (ORGANIC, "goods"): 1_000, (ORGANIC, "other"): 500,
        (UNATTRIBUTED, "commission"): 30, (UNATTRIBUTED, "other"): 300,
    }  # fmt: skip
    assert rows.loc[ORGANIC, "spend_fen"] == 0
    assert found.verdicts()["channel"].tolist() == [LIVE]


@dataclass(frozen=True)
class World:
    """A simulated world, out of its export files: what each channel earned, and what is true.

    Attributes
    ----------
    caused
        The orders that each channel truly caused.
    """

    roi: Roi
    caused: pd.Series

    def rows(self, model: str) -> pd.DataFrame:
        """Return a model's channels with what they truly caused: net_true, left_true.

        What an order is worth and costs does not depend on what caused it.
        """
        orders = len(self.roi.ledger.orders)
        goods = sum(n for (_, kind), n in costs_of(self.roi, model).items() if kind == "goods")
        net = self.roi.ledger.orders["net_expected_fen"].sum()
        return (
            lead(self.roi, model)
            .reindex(self.caused.index)
            .assign(
                net_true=self.caused * net / orders, left_true=self.caused * (net - goods) / orders
            )
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("world")
    attribution.simulate("independent", people=4_000, seed=5).write(folder)
    workspace = read_workspace(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ATTRIBUTION_KEY", KEY)
        ingest(workspace)
        found = of(workspace, [LastTouch(), Shapley(), Hazard()], people=folder / "people.csv")
    told = pd.read_csv(folder / "channels.csv")
    truth = pd.DataFrame(json.loads((folder / "truth.json").read_text())["truth"])
    return World(found, truth.merge(told, on="channel").set_index("label")["conversions"])


def test_a_model_that_calls_untouched_orders_organic_does_not_lead_for_that(world: World) -> None:
    found = world.roi
    assert lead(found, "Hazard").loc[ORGANIC, "orders"] > 0.1 * len(found.ledger.orders)
    assert UNATTRIBUTED not in lead(found, "Hazard").index
    assert (found.headline, found.why_headline) == ("Shapley", "")


def test_returns_by_the_hazard_model_hold_what_channels_truly_caused(world: World) -> None:
    rows, last = world.rows("Hazard"), world.rows("LastTouch")
    held = rows["net_true"].between(rows["net_low_fen"], rows["net_high_fen"])
    left = rows["left_true"].between(rows["low_fen"], rows["high_fen"])
    # More than one of eight intervals of 95 % misses in one world of twenty; this one is fixed.
    assert held.sum() >= len(rows) - 1
    assert left.sum() >= len(rows) - 1
    # The last touchpoint has what would have come anyway, too.
    over, mine = (each["net_expected_fen"].sum() / each["net_true"].sum() for each in (last, rows))
    assert over > 1.1
    assert abs(mine - 1) < abs(over - 1)


def test_an_effect_at_zero_has_an_interval_that_reaches_up(world: World) -> None:
    found = world.roi
    effects = found.ledger.credits["Hazard"].effects.set_index("channel")
    none = effects.index[(effects["conversions"] <= 0) & (effects["high"] > 0)]
    assert len(none) > 0
    rows, orders = lead(found, "Hazard"), found.ledger.orders
    each = orders["net_expected_fen"].sum() / len(orders)
    assert (rows.loc[none, ["net_expected_fen", "net_low_fen"]] == 0).all(axis=None)
    wanted = effects.loc[none, "high"] * each
    np.testing.assert_allclose(rows.loc[none, "net_high_fen"], wanted)
