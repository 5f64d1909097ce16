"""Closed books stay closed; what changes later is booked once, by the shares closed with."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from attribution.assemble.opened import open_journeys
from attribution.decide import closing
from attribution.decide.closing import BOOKED, changed_since, close, closings, restated
from attribution.decide.ledger import ledger, open_orders
from attribution.errors import ConfigError, DataError, StoreError
from attribution.models.hazard import Hazard
from attribution.models.heuristic import FirstTouch, LastTouch, Linear
from attribution.models.markov import Markov
from attribution.models.shapley import Shapley
from attribution.names import ORGANIC
from attribution.numerics import largest_remainder
from tests.brand import run, sample_brand
from tests.decide.books import Brand, Order, moments, orders, touches
from tests.decide.sceptic import Sceptic
from tests.strategies import examples

MODELS = [LastTouch(), Linear(), Markov(), Shapley()]
PERIODS = ("2026-10", "2026-11", "2026-12")


def digest(workspace):
    """Return the digest of every file of closed periods."""
    return {
        str(file.relative_to(workspace.folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted((workspace.folder / "data" / "closings").rglob("*.*"))
    }


def booked(workspace):
    """Return all closings' entries one below another."""
    return pd.concat([each.entries for each in closings(workspace)], ignore_index=True)


def now(workspace, models=MODELS):
    return ledger(open_journeys(workspace, value="gross_fen"), models)


def check_books(workspace):
    """The sum of all closings is each booked order's latest amount, split by its own shares."""
    known = {}
    for each in closings(workspace):
        for row in each.orders.itertuples():
            amounts = known.setdefault(row.order_id, [0, 0])
            known[row.order_id] = [amounts[0] + row.gross_fen, amounts[1] + row.net_fen]
    by = defaultdict(dict)
    for row in booked(workspace).itertuples():
        line = by[row.order_id, row.model].setdefault(row.place, [row.channel, row.share, 0, 0])
        assert line[:2] == [row.channel, row.share]  # frozen at the first
        line[2] += row.gross_fen
        line[3] += row.net_fen
    assert {order_id for order_id, _ in by} == set(known)
    for (order_id, _), lines in by.items():
        share = np.array([lines[place][1] for place in sorted(lines)])
        for nth, amount in enumerate(known[order_id], 2):
            parts = largest_remainder.split(
                np.array([amount]), share, np.array([0, len(share)], np.int64)
            )
            assert [lines[place][nth] for place in sorted(lines)] == parts.tolist()
    return known


@st.composite
def histories(draw):
    """Return what the files say at each closing: orders change, come late, are gone or moved."""
    brand = Brand({str(n): draw(orders()) for n in range(draw(st.integers(1, 6)))}, draw(touches))
    states = [brand]
    for step in range(1, len(PERIODS) + 1):
        listed = {name: replace(each) for name, each in states[-1].orders.items()}
        for name in list(listed):
            what = draw(st.sampled_from(["", "", "refund", "amount", "gone", "moved", "paid"]))
            each = listed[name]
            if what == "refund":
                each.refunds = [*each.refunds, draw(st.integers(0, 400))]
            elif what == "amount":
                each.paid_fen = draw(st.integers(0, 1_000))
            elif what == "gone":
                del listed[name]
            elif what == "moved" and each.paid_at:
                each.paid_at = draw(moments)
            elif what == "paid":
                each.status, each.paid_at = "paid", each.paid_at or draw(moments)
        if draw(st.booleans()):
            listed[f"late{step}"] = draw(orders())
        if not listed:
            listed["last"] = Order(1, "2026-12-30 10:00:00")
        states.append(Brand(listed, [*states[-1].touches, *draw(touches)]))
    return states


@settings(examples(2), phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(history=histories())
def test_books_hold_every_change_once_and_never_move(tmp_path_factory, history):
    folder = tmp_path_factory.mktemp("brand")
    before, names = {}, set()
    for period, state in zip((*PERIODS, None), history, strict=True):
        workspace = state.ingested(folder)
        changed = changed_since(workspace, closings(workspace)) if before else None
        assert (digest(workspace) if before else {}) == before
        if period is None:
            break
        done = close(workspace, period, MODELS)
        restating = done.orders[done.orders["kind"] == "restatement"]
        assert before.items() <= digest(workspace).items()
        before = digest(workspace)
        if changed is not None:
            told = changed.orders.set_index("order_id")["net_change_fen"]
            assert restating.set_index("order_id")["net_fen"].to_dict() == told.to_dict()
        assert done.facts["orders"] + done.facts["restated"] == len(done.orders)
        known = check_books(workspace)
        # Of the days that are closed now, every order is booked: once, and in no other closing.
        listed = now(workspace, [LastTouch()]).orders
        current = listed.set_index("order_id")[list(BOOKED)].T.to_dict("list")
        assert known == {name: current.get(name, [0, 0]) for name in known}
        inside = np.zeros(len(listed), bool)
        for each in closings(workspace):
            inside |= each.days.hold(listed["day"])
        names |= set(known)
        assert set(listed["order_id"][inside]) <= set(known)
        own = pd.concat([each.orders for each in closings(workspace)])
        first = own[(own["kind"] == "order") | (own["why"] == "late")]
        assert first["order_id"].is_unique
        assert set(first["order_id"]) == names
        assert changed_since(workspace, closings(workspace)).orders.empty


# ---------------------------------------------------------------------- one change at a time

OCTOBER = Order(1_000, "2026-10-15 10:00:00")
TOUCHES = [("ann", name, f"2026-10-14 1{i}:00:00") for i, name in enumerate(("s1", "s2", "s3"))]


def closed(folder, *more, models=MODELS):
    brand = Brand({"1": OCTOBER, **dict(more)}, TOUCHES)
    workspace = brand.ingested(folder)
    close(workspace, "2026-10", models)
    return workspace


def changes(folder, found, touches=TOUCHES):
    """Return what has changed by now, as plain rows: order, why, gross and net change."""
    workspace = Brand(found, touches).ingested(folder)
    changed = changed_since(workspace, closings(workspace)).orders
    names = ["order_id", "closing", "why", "gross_change_fen", "net_change_fen"]
    return [tuple(row) for row in changed[names].itertuples(index=False)]


@pytest.mark.parametrize(
    ("order", "why", "gross", "net"),
    [
        (replace(OCTOBER, refunds=[100]), "refund", 0, -100),
        (replace(OCTOBER, paid_fen=1_200), "amount", 200, 200),
        (replace(OCTOBER, paid_fen=800, refunds=[100]), "amount", -200, -300),
        (replace(OCTOBER, status="created", paid_at=None), "gone", -1_000, -1_000),
    ],
)
def test_a_change_says_why(tmp_path, order, why, gross, net):
    closed(tmp_path)
    other = {"2": Order(5, "2026-11-02 10:00:00")}
    assert changes(tmp_path, {"1": order} | other) == [("douyin:1", "2026-10", why, gross, net)]


def test_an_order_that_came_late_is_told_in_the_period_it_belongs_to(tmp_path):
    closed(tmp_path)
    late = {"1": OCTOBER, "2": replace(OCTOBER, paid_fen=70, refunds=[20])}
    assert changes(tmp_path, late) == [("douyin:2", "2026-10", "late", 70, 50)]


def test_what_came_late_for_nothing_is_told_all_the_same_and_once(tmp_path):
    closed(tmp_path)
    free = {"1": OCTOBER, "2": replace(OCTOBER, paid_fen=0)}
    assert changes(tmp_path, free) == [("douyin:2", "2026-10", "late", 0, 0)]
    workspace = Brand(free, TOUCHES).ingested(tmp_path)
    close(workspace, "2026-11", MODELS)
    assert changes(tmp_path, free) == []


def test_an_order_whose_day_moves_is_not_booked_twice(tmp_path):
    closed(tmp_path)
    moved = {"1": replace(OCTOBER, paid_at="2026-11-03 10:00:00")}
    assert changes(tmp_path, moved) == []
    workspace = Brand(moved, TOUCHES).ingested(tmp_path)
    assert not len(close(workspace, "2026-11", MODELS).orders)
    assert check_books(workspace) == {"douyin:1": [1_000, 1_000]}


def test_an_order_that_is_gone_may_come_back(tmp_path):
    closed(tmp_path)
    other = {"2": Order(5, "2026-11-02 10:00:00")}
    workspace = Brand(other, TOUCHES).ingested(tmp_path)
    close(workspace, "2026-11", MODELS)
    assert check_books(workspace) == {"douyin:1": [0, 0], "douyin:2": [5, 5]}
    back = {"1": OCTOBER} | other
    assert changes(tmp_path, back) == [("douyin:1", "2026-10", "amount", 1_000, 1_000)]
    close(Brand(back, TOUCHES).ingested(tmp_path), "2026-12", MODELS)
    assert check_books(workspace) == {"douyin:1": [1_000, 1_000], "douyin:2": [5, 5]}


def test_a_presale_is_booked_by_its_final_payment(tmp_path):
    presale = Order(900, None, status="partially_paid", deposit_paid_at="2026-10-20 20:00:00")
    workspace = closed(tmp_path, ("2", presale))
    assert closings(workspace)[0].orders["order_id"].tolist() == ["douyin:1"]
    paid = replace(presale, status="paid", paid_at="2026-11-01 00:30:00")
    workspace = Brand({"1": OCTOBER, "2": paid}, TOUCHES).ingested(tmp_path)
    done = close(workspace, "2026-11", MODELS)
    assert done.orders[["order_id", "day", "kind"]].to_numpy().tolist() == [
        ["douyin:2", "2026-11-01", "order"]
    ]


def test_shares_are_those_of_the_closing_though_touchpoints_come_later(tmp_path):
    workspace = closed(tmp_path, models=[Linear()])
    later = [*TOUCHES, ("ann", "s1", "2026-10-14 20:00:00")]
    refunded = {"1": replace(OCTOBER, refunds=[500])}
    close(Brand(refunded, later).ingested(tmp_path), "2026-11", [Linear()])
    entries = booked(workspace)
    assert entries["kind"].tolist() == ["order"] * 3 + ["restatement"] * 3
    assert entries["gross_fen"].tolist() == [334, 333, 333, 0, 0, 0]
    assert entries["net_fen"].tolist() == [334, 333, 333, 167 - 334, 167 - 333, 166 - 333]


def test_models_may_change_between_closings(tmp_path):
    """An order is restated under the models it was closed with, a new one booked under today's."""
    workspace = closed(tmp_path, models=[LastTouch(), Linear()])
    state = {
        "1": replace(OCTOBER, refunds=[100]),
        "2": replace(OCTOBER, paid_fen=70),
        "3": Order(50, "2026-11-05 10:00:00"),
    }
    workspace = Brand(state, TOUCHES).ingested(tmp_path)
    done = close(workspace, "2026-11", [Linear(), FirstTouch()])
    by = done.entries.groupby(["order_id", "kind"])["model"].unique().map(sorted).to_dict()
    assert by == {
        ("douyin:1", "restatement"): ["LastTouch", "Linear"],
        ("douyin:2", "restatement"): ["FirstTouch", "Linear"],
        ("douyin:3", "order"): ["FirstTouch", "Linear"],
    }
    check_books(workspace)


def test_organic_parts_are_closed_and_restated_like_touchpoints(tmp_path):
    """A period closed before any model knew organic orders stays as it was, beside one after."""
    workspace = closed(tmp_path, models=[LastTouch()])
    state = {"1": OCTOBER, "2": Order(1_001, "2026-11-05 10:00:00")}
    touches = [*TOUCHES, ("ann", "s2", "2026-11-04 10:00:00")]
    workspace = Brand(state, touches).ingested(tmp_path)
    close(workspace, "2026-11", {"half": Sceptic(), "rates": Hazard("3D")})
    done = closings(workspace)
    assert ORGANIC not in set(done[0].entries["channel"])
    half = done[1].entries[done[1].entries["model"] == "half"]
    assert half["place"].tolist() == [0, 1]
    assert half["channel"].iloc[0] == ORGANIC
    assert half["gross_fen"].min() > 0
    state = {"1": replace(OCTOBER, refunds=[100]), "2": replace(state["2"], refunds=[301])}
    workspace = Brand(state, touches).ingested(tmp_path)
    close(workspace, "2026-12", {"half": Sceptic()})
    moved = closings(workspace)[2].entries
    moved = moved[(moved["order_id"] == "douyin:2") & (moved["model"] == "half")]
    assert moved["channel"].tolist() == half["channel"].tolist()
    assert moved["net_fen"].sum() == -301
    check_books(workspace)


def test_without_closings_nothing_is_restated(tmp_path):
    workspace = Brand({"1": OCTOBER}, TOUCHES).ingested(tmp_path)
    assert closings(workspace) == []
    found = restated(now(workspace), [])
    assert found.orders.empty
    assert found.entries.empty


def test_a_period_without_orders_can_be_closed(tmp_path):
    workspace = closed(tmp_path)
    done = close(workspace, "2026-11", MODELS)
    assert (done.facts["orders"], done.facts["restated"]) == (0, 0)
    assert [each.name for each in closings(workspace)] == ["2026-10", "2026-11"]


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("period", "message"),
    [
        ("2026-10", "2026-10 cannot be closed: 2026-10 is closed and has days of it"),
        ("2026-10-31", "restated in the next period"),
        ("2026-W40", "2026-10 is closed and has days of it"),  # from 28 September on
        ("2027-03", "ends with 2027-03-31, and the data reach until 2027-03-01. Ingest"),
        ("2027-03-01", "cannot be closed yet"),
        ("October", "'October' is no period: write a month such as 2026-10"),
    ],
)
def test_what_cannot_be_closed_is_refused_with_a_remedy(tmp_path, period, message):
    workspace = closed(tmp_path)
    before = digest(workspace)
    with pytest.raises(ConfigError, match=message):
        close(workspace, period, MODELS)
    assert digest(workspace) == before


def test_the_data_reach_as_far_as_the_workspaces_own_day(tmp_path):
    brand = Brand({"1": OCTOBER}, TOUCHES, until="2026-11-01 00:05:00")  # still October in UTC
    workspace = brand.ingested(tmp_path)
    assert close(workspace, "2026-10", MODELS).facts["orders"] == 1


@pytest.mark.parametrize(
    ("file", "change", "found"),
    [
        ("entries.parquet", lambda raw: raw + b"\0", "files other than those that were written"),
        ("orders.parquet", None, "files that are missing"),
        ("closing.json", lambda raw: raw.replace(b'"orders": 1', b'"orders": 2'), "files other"),
        ("closing.json", lambda raw: b"{}", "files that are missing or cannot be read"),
        ("closing.json", lambda raw: b"[1", "files that are missing or cannot be read"),
        ("closing.json", None, "files that are missing"),
    ],
)
def test_books_that_were_edited_are_refused(tmp_path, file, change, found):
    workspace = closed(tmp_path)
    there = workspace.folder / "data" / "closings" / "2026-10" / file
    if change is None:
        there.unlink()
    else:
        there.write_bytes(change(there.read_bytes()))
    for use in (closings, lambda w: close(w, "2026-11", MODELS)):
        with pytest.raises(DataError, match=rf"data/closings/2026-10: found {found}.*backup"):
            use(workspace)


def test_books_that_were_moved_or_lost_are_missed(tmp_path):
    workspace = closed(tmp_path)
    close(workspace, "2026-11", MODELS)
    folder = workspace.folder / "data" / "closings"
    (folder / "2026-10").rename(folder / "2026-09")
    with pytest.raises(DataError, match="data/closings/2026-09: found files other"):
        closings(workspace)
    (folder / "2026-09").rename(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="no closing number 1, but number 2"):
        closings(workspace)


def test_a_full_disk_closes_nothing(tmp_path, monkeypatch):
    workspace = Brand({"1": OCTOBER}, TOUCHES).ingested(tmp_path)
    written = parquet.write_table

    def full(table, path):
        if path.name == "orders.parquet":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written(table, path)

    monkeypatch.setattr(parquet, "write_table", full)
    with pytest.raises(StoreError, match="no room left on the disk"):
        close(workspace, "2026-10", MODELS)
    monkeypatch.undo()
    assert closings(workspace) == []
    assert close(workspace, "2026-10", MODELS).facts["number"] == 1


def test_what_a_killed_run_left_is_no_closing(tmp_path):
    workspace = closed(tmp_path)
    staging = workspace.folder / "data" / "closings" / closing._STAGING
    staging.mkdir()
    (staging / "orders.parquet").write_bytes(b"half")
    assert len(closings(workspace)) == 1
    close(workspace, "2026-11", MODELS)
    assert not staging.exists()


def test_two_runs_at_once_close_one_after_the_other(tmp_path):
    workspace = Brand({"1": OCTOBER}, TOUCHES).ingested(tmp_path)
    outcomes = {}

    def work(period):
        try:
            outcomes[period] = close(workspace, period, [LastTouch()]).facts["number"]
        except ConfigError as error:
            outcomes[period] = str(error)

    threads = [threading.Thread(target=work, args=(each,)) for each in ("2026-10", "2026-10-31")]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [each for each in outcomes.values() if each == 1] == [1]
    assert len(closings(workspace)) == 1
    assert "has days of it" in next(each for each in outcomes.values() if each != 1)


def test_the_same_closing_is_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first, second = (digest(closed(tmp_path / name)) for name in ("one", "two"))
    assert first == second
    assert len(first) == 3


# ---------------------------------------------------------------------- the command line


def test_closing_from_the_command_line(tmp_path):
    workspace = Brand({"1": OCTOBER}, TOUCHES).ingested(tmp_path)
    toml = workspace.folder / "attribution.toml"
    toml.write_text(
        toml.read_text(encoding="utf-8") + '[ledger]\nmodels = ["Linear"]\n', encoding="utf-8"
    )
    at = ("--workspace", str(tmp_path))
    assert "Nothing is closed yet" in run("close", *at, cwd=tmp_path).stdout
    done = run("close", "2026-10", *at, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2026-10-01 to 2026-10-31" in done.stdout
    assert "10.00" in done.stdout
    facts = json.loads((tmp_path / "data/closings/2026-10/closing.json").read_text("utf-8"))
    assert facts["models"] == {"Linear": "Linear()"}
    again = run("close", "2026-10", *at, cwd=tmp_path)
    assert (again.returncode, "is closed" in again.stderr) == (2, True)
    assert "Nothing of it has changed since" in run("close", *at, cwd=tmp_path).stdout
    Brand({"1": replace(OCTOBER, refunds=[250])}, TOUCHES).ingested(tmp_path)
    listed = run("close", *at, cwd=tmp_path).stdout
    assert "Changed since" in listed
    assert [line.split() for line in listed.splitlines()][-1] == [
        "2026-10", "refund", "1", "0.00", "-2.50",
    ]  # fmt: skip


def test_what_comparisons_leave_out_is_booked_all_the_same(tmp_path):
    brand = sample_brand(tmp_path)
    closed = close(brand, "2026-11-10", [LastTouch()])
    for setting in ({"categories": ("fleece",)}, {"conversion": "first"}, {"net_of_refunds": True}):
        other = replace(brand, journeys=replace(brand.journeys, **setting))
        assert changed_since(other, [closed]).orders.empty
        book = ledger(open_orders(other), [LastTouch()])
        assert book.orders["net_fen"].sum() == 40048532  # of truth.json


def test_periods_are_closed_in_their_order_and_without_a_gap(tmp_path):
    brand = sample_brand(tmp_path)
    close(brand, "2026-11-10", [LastTouch()])
    with pytest.raises(ConfigError, match=r"2026-11-09 cannot be closed any more: 2026-11-10"):
        close(brand, "2026-11-09", [LastTouch()])
    with pytest.raises(ConfigError, match=r"orders between the two, such as on 2026-11-11"):
        close(brand, "2026-11-12", [LastTouch()])
    close(brand, "2026-11-11", [LastTouch()])
