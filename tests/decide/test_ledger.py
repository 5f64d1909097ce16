"""The ledger: every order to the fen under every model, against a twin in whole numbers."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import attribution
from attribution.decide.ledger import Ledger, ledger, untaxed, write_ledger
from attribution.errors import ConfigError, DataError, ModelError
from attribution.evaluate.compare import named_models
from attribution.models.heuristic import (
    FirstTouch,
    LastNonDirect,
    LastTouch,
    Linear,
    PositionBased,
    TimeDecay,
    TouchpointModel,
)
from attribution.models.markov import Markov
from attribution.models.profile import profile
from attribution.models.shapley import Shapley
from attribution.names import UNATTRIBUTED
from attribution.store.store import open_store
from tests import naive
from tests.decide.books import SITES, Brand, Order, orders, touches
from tests.strategies import (
    CHANNELS,
    EVERY_MODEL,
    HOSTILE_NAMES,
    Row,
    build,
    examples,
    row,
)

DAY = 20_000  # 2024-10-04
NOON = DAY * 86_400_000 + 43_200_000
RULES = {
    FirstTouch(): ("first", {}),
    LastTouch(): ("last", {}),
    LastNonDirect(): ("non_direct", {}),
    Linear(): ("linear", {}),
    TimeDecay("6h"): ("decay", {"half_life_ms": 6 * 3_600_000}),
    PositionBased(): ("position", {}),
}
PEERS = {
    f"{name} {model}": each
    for name in ("mam-1", "mam-2", "mta-0.0.9", "do-attribution-0.0.2", "channelattribution-2.2.5")
    for model, each in profile(name, ages=True).items()
}
MONEY = ("value", "net_fen", "net_expected_fen")


def journeys_of(rows, channels=CHANNELS, **more):
    """Return rows as a store gives them: an id, a day and three kinds of money for each order."""
    rows = [replace(each, nulls=1 - each.conversions) for each in rows]
    value = np.array([each.value for each in rows])
    n = len(rows)
    columns = {
        "order_id": np.array(
            [f"douyin:{i}" if each.conversions else None for i, each in enumerate(rows)], object
        ),
        "values": {
            "value": value,
            "net_fen": np.floor(value * (np.arange(n) % 3) / 2),
            "net_expected_fen": np.floor(value * 0.7),
        },
        "closed_at": np.full(n, NOON),
        "day": (DAY + np.arange(n) % 4).astype(np.int32),
        "block": (np.arange(n) % 64).astype(np.uint8),
    }
    return replace(build(rows, channels), **(columns | more))


@st.composite
def journeys(draw, channels=CHANNELS):
    """Return journeys, at least one of them an order; some touchpoints only the order states."""
    listed = draw(st.lists(row(channels, amounts=st.integers(0, 1)), min_size=1, max_size=10))
    listed.append(Row(draw(row(channels)).path, 1, 0, float(draw(st.integers(0, 1000)))))
    listed[-1] = replace(listed[-1], ages=tuple(range(len(listed[-1].path)))[::-1])
    found = journeys_of(listed, channels)
    if draw(st.booleans()):
        stated = draw(st.lists(st.booleans(), min_size=len(found.codes), max_size=len(found.codes)))
        found = replace(found, evidence=np.array(stated, bool))
    return found


def paths(found):
    """Return each order's id, path, ages and money, as plain rows."""
    rows = []
    for i, (a, b) in enumerate(pairwise(found.offsets.tolist())):
        if found.conversions[i]:
            path = tuple(found.channels[c] for c in found.codes[a:b])
            money = [int(amounts[i]) for amounts in found.values.values()]
            rows.append((found.order_id[i], path, tuple(found.ages[a:b].tolist()), money))
    return rows


def by_order(book, model):
    """Return each order's entries under a model: (place, channel, share, *money)."""
    mine = book.entries[book.entries["model"] == model]
    found = defaultdict(list)
    names = ["order_id", "place", "channel", "share", *book.money]
    for order_id, *rest in mine[names].itertuples(index=False):
        found[str(order_id)].append(tuple(rest))
    return found


def handed_out(amount, shares):
    """Split whole units by shares, the largest remainders first: with fractions only."""
    total = sum(map(Fraction, shares))
    quotas = [amount * Fraction(share) / total for share in shares]
    parts = [int(quota) for quota in quotas]
    by_rest = sorted(range(len(parts)), key=lambda i: (parts[i] - quotas[i], i))
    for i in by_rest[: amount - sum(parts)]:
        parts[i] += 1
    return parts


# ---------------------------------------------------------------------- every order adds up


@examples(15)
@given(journeys())
def test_every_order_adds_up_under_every_model_in_every_money_column(found):
    book = ledger(found, EVERY_MODEL)
    book.check()
    orders = paths(found)
    assert book.orders["order_id"].tolist() == [order_id for order_id, *_ in orders]
    assert book.money == MONEY
    assert book.orders[list(MONEY)].to_numpy().tolist() == [money for *_, money in orders]
    for model in book.models:
        entries = by_order(book, model)
        assert list(entries) == [order_id for order_id, *_ in orders]
        for order_id, path, _, money in orders:
            rows = entries[order_id]
            assert [sum(column) for column in zip(*(r[3:] for r in rows), strict=True)] == money
            assert sum(r[2] for r in rows) == pytest.approx(1.0, abs=1e-12)
            if rows[0][0] == 0:
                assert [r[:3] for r in rows] == [(0, UNATTRIBUTED, 1.0)]
            else:
                assert [r[1] for r in rows] == [path[r[0] - 1] for r in rows]
                assert [r[0] for r in rows] == sorted({r[0] for r in rows})


@examples(15)
@given(journeys())
def test_totals_conserve_what_was_paid(found):
    book = ledger(found, EVERY_MODEL)
    totals = book.totals().groupby("model")[["orders", *MONEY]].sum()
    for model in book.models:
        assert totals.loc[model, "orders"] == pytest.approx(len(book.orders))
        assert totals.loc[model, list(MONEY)].tolist() == book.orders[list(MONEY)].sum().tolist()
    assert list(dict.fromkeys(book.totals()["model"])) == list(book.models)


@examples(30)
@given(journeys())
def test_rules_divide_an_order_as_their_definition_does(found):
    found = replace(found, evidence=None)
    book = ledger(found, list(RULES))
    for model, (rule, options) in RULES.items():
        entries = by_order(book, named_models([model]).popitem()[0])
        for order_id, path, ages, money in paths(found):
            if not path:
                assert entries[order_id] == [(0, UNATTRIBUTED, 1.0, *money)]
                continue
            twin = naive.shares(Row(path, 1, 0, 0.0, ages), rule, **options)
            shared = [(i, share) for i, share in enumerate(twin, 1) if share > 0]
            assert [r[:2] for r in entries[order_id]] == [(i, path[i - 1]) for i, _ in shared]
            shares = [r[2] for r in entries[order_id]]
            assert shares == pytest.approx([share for _, share in shared], rel=1e-12)
            for nth, amount in enumerate(money, 3):
                # The fen of a tie goes by the last bits of a share, so shares are the ledger's own.
                parts = [r[nth] for r in entries[order_id]]
                quotas = [amount * Fraction(share) / sum(map(Fraction, shares)) for share in shares]
                rests = sorted(quota % 1 for quota in quotas)
                assert all(abs(part - quota) < 1 for part, quota in zip(parts, quotas, strict=True))
                if all(b - a > 1e-9 for a, b in pairwise(rests)):
                    assert parts == handed_out(amount, shares)


def test_a_hundred_fen_by_hand():
    found = journeys_of([Row(("a", "b", "c"), 1, 0, 100.0, (30, 20, 10)), Row((), 1, 0, 7.0)])
    book = ledger(found, {"even": Linear(), "ends": PositionBased(), "last": LastTouch()})
    by = {
        model: [
            (str(o), str(c), v)
            for o, c, v in book.entries.loc[
                book.entries["model"] == model, ["order_id", "channel", "value"]
            ].itertuples(index=False)
        ]
        for model in book.models
    }
    nobody = ("douyin:1", UNATTRIBUTED, 7)
    shared = [("douyin:0", name) for name in "abc"]
    assert by["even"] == [(*shared[0], 34), (*shared[1], 33), (*shared[2], 33), nobody]
    assert by["ends"] == [(*shared[0], 40), (*shared[1], 20), (*shared[2], 40), nobody]
    assert by["last"] == [(*shared[2], 100), nobody]
    touched = book.entries.loc[book.entries["model"] == "even", "touched_at"]
    assert touched.tolist() == [NOON - 30, NOON - 20, NOON - 10, pd.NA]
    assert book.orders["touchpoints"].tolist() == [3, 0]


# ---------------------------------------------------------------------- data-driven models


@examples(15)
@given(journeys())
def test_a_model_without_weights_has_one_factor_for_each_channel(found):
    """Of the observed touchpoints: what an order says of itself is shared by rules only."""
    book = ledger(found, [Markov(), Shapley("rate")])
    stated = np.zeros(len(found.codes), bool) if found.evidence is None else found.evidence
    places = {
        order_id: {p for p in range(1, b - a + 1) if not stated[a + p - 1]}
        for order_id, a, b in zip(found.order_id, found.offsets, found.offsets[1:], strict=False)
    }
    for model in book.models:
        ratios = {}
        for order_id, rows in by_order(book, model).items():
            assert {r[0] for r in rows} <= places[order_id] | {0}
            shares = Counter()
            for _, channel, share, *_ in rows:
                shares[channel] += share
            for one, other in ((a, b) for a in shares for b in shares if a < b):
                ratio = shares[one] / shares[other]
                assert ratio == pytest.approx(ratios.setdefault((one, other), ratio), rel=1e-6)
            each = Counter(r[1] for r in rows)
            for _, channel, share, *_ in rows:  # repeats of a channel share alike
                assert share == pytest.approx(shares[channel] / each[channel])


@examples(30)
@given(journeys())
def test_rules_give_a_channel_what_the_model_credits(found):
    book = ledger(found, [*RULES, Shapley()])
    assert book.residuals["residual"].abs().max() <= 1e-6 * max(1.0, book.orders["value"].sum())
    for model in book.models:
        mine = book.residuals[book.residuals["model"] == model].set_index("channel")
        whole = book.totals()
        whole = whole[whole["model"] == model].set_index("channel")["value"]
        # Whole fen are off by less than one for each order.
        off = mine["ledger"].sub(whole, fill_value=0).abs()
        assert off.max() < len(book.orders)


def least_amiss(found, credit):
    """Return the least sum of residuals that any division of the orders has: a linear program."""
    sets, amounts = [], []
    for i, (a, b) in enumerate(pairwise(found.offsets.tolist())):
        if found.conversions[i] and b > a:
            sets.append(sorted(set(found.codes[a:b].tolist())))
            amounts.append(found.values["value"][i])
    n, pairs = len(found.channels), [(i, c) for i, each in enumerate(sets) for c in each]
    table = np.zeros((len(sets) + n, len(pairs) + 2 * n))
    for k, (i, c) in enumerate(pairs):
        table[i, k] = table[len(sets) + c, k] = 1
    for c in range(n):
        table[len(sets) + c, len(pairs) + c] = 1
        table[len(sets) + c, len(pairs) + n + c] = -1
    cost = np.append(np.zeros(len(pairs)), np.ones(2 * n))
    return linprog(cost, A_eq=table, b_eq=np.append(amounts, credit), bounds=(0, None)).fun


@examples(30)
@given(journeys(), st.sampled_from([Markov(), Markov(2), Markov(removal="reconnect"), Shapley()]))
def test_no_division_of_the_orders_comes_nearer_to_the_model(found, model):
    found = replace(found, evidence=None)
    book = ledger(found, {"it": model})
    mine = book.residuals.set_index("channel").drop(index=UNATTRIBUTED, errors="ignore")
    if not mine["credit"].sum():  # no channel has an effect: nothing is divided
        assert mine["ledger"].eq(0).all()
        return
    credit = mine["credit"].reindex(found.channels).fillna(0).to_numpy()
    best = least_amiss(found, credit)
    assert mine["residual"].abs().sum() == pytest.approx(best, abs=1e-6 * credit.sum())


def test_where_no_division_can_follow_the_model_the_residual_says_so():
    """One order touched a only, one b, c and d. Removing any of them halves the orders, so each is
    credited a quarter of the money: a fourth of 200, though a alone has an order of 100."""
    rows = [Row(("a",), 1, 0, 100.0, (0,)), Row(("b", "c", "d"), 1, 0, 100.0, (0,) * 3)]
    found = ledger(journeys_of(rows, ("a", "b", "c", "d")), [Markov()]).residuals
    assert found["channel"].tolist() == ["a", "b", "c", "d"]
    assert found["credit"].to_numpy() == pytest.approx([50, 50, 50, 50])
    assert found["ledger"].to_numpy() == pytest.approx([100, 100 / 3, 100 / 3, 100 / 3], rel=1e-6)
    assert found["residual"].to_numpy() == pytest.approx([50, -50 / 3, -50 / 3, -50 / 3], rel=1e-6)


def test_a_channel_that_has_too_much_anyway_shares_no_other_order():
    rows = [Row(("a",), 1, 0, 900.0, (0,)), Row(("a", "b", "c", "d"), 1, 0, 100.0, (0,) * 4)]
    book = ledger(journeys_of(rows, ("a", "b", "c", "d")), {"m": Fixed()})
    assert by_order(book, "m")["douyin:1"][0][:2] == (2, "b")


class Fixed:
    """A model that credits all channels but the first alike."""

    def tally(self, journeys):
        return Shapley().tally(journeys)

    def credit(self, tally):
        found = Shapley().credit(tally)
        amounts = np.array(found.amounts)
        amounts[0] = 0
        amounts[1:] = amounts.sum(axis=0) / 3
        return replace(found, amounts=amounts)


@examples(8)
@given(journeys())
def test_what_other_packages_compute_is_divided_too(found):
    found = replace(found, evidence=None)
    for name, model in PEERS.items():
        try:
            attribution.attribute(found, model)
        except (ModelError, DataError):
            continue
        ledger(found, {name: model}).check()


def test_a_model_that_credits_nobody_divides_nothing():
    class Nobody(TouchpointModel):
        def weights(self, journeys):
            return np.zeros(len(journeys.codes))

    found = journeys_of([Row(("a", "b"), 1, 0, 100.0, (1, 0))])
    book = ledger(found, {"nobody": Nobody()})
    assert book.entries["channel"].tolist() == [UNATTRIBUTED]
    book.check()


def test_orders_worth_nothing_have_shares_all_the_same():
    found = journeys_of([Row(("a", "b"), 1, 0, 0.0, (1, 0)), Row((), 1, 0, 0.0)])
    book = ledger(found, EVERY_MODEL)
    book.check()
    assert set(book.entries.groupby(["model", "order_id"], observed=True)["share"].sum()) == {1.0}


# ---------------------------------------------------------------------- batches, days, money


def entries_of(book):
    names = ["model", "order_id", "place"]
    found = book.entries.astype(dict.fromkeys(["model", "order_id", "channel"], "str"))
    return found.sort_values(names).reset_index(drop=True)


@examples(15)
@given(journeys(), st.randoms(use_true_random=False))
def test_batches_in_any_split_and_order_give_the_same_entries(found, random):
    whole = ledger(found, EVERY_MODEL[:10])
    rows = list(range(len(found)))
    random.shuffle(rows)
    cut = random.randint(0, len(rows))
    parts = [found.take(np.array(part, int)) for part in (rows[:cut], rows[cut:])]
    split = ledger(iter(parts), EVERY_MODEL[:10])
    one, other = entries_of(whole), entries_of(split)
    rules = one["model"].isin(named_models(EVERY_MODEL[:7]))
    pd.testing.assert_frame_equal(one[rules], other[rules])
    # What a data-driven model learns differs in its last bits, and so may a fen that is a tie.
    pd.testing.assert_frame_equal(one.drop(columns=list(MONEY)), other.drop(columns=list(MONEY)))
    split.check()


@examples(15)
@given(journeys(), st.integers(0, 4), st.integers(0, 4))
def test_a_period_lists_its_orders_and_learns_from_all(found, first, more):
    since, until = (str(np.datetime64(DAY + n, "D")) for n in (first, first + more))
    whole, part = ledger(found, EVERY_MODEL), ledger(found, EVERY_MODEL, since=since, until=until)
    inside = whole.orders["day"].between(since, until)
    expected = whole.orders[inside].reset_index(drop=True)
    pd.testing.assert_frame_equal(part.orders, expected)
    listed = entries_of(whole)
    listed = listed[listed["order_id"].isin(expected["order_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(entries_of(part), listed)
    pd.testing.assert_frame_equal(part.residuals, whole.residuals)
    part.check()
    assert len(part.totals()) == len(listed[["model", "channel"]].drop_duplicates())
    assert len(part.sources()) == len(expected) * len(EVERY_MODEL)


def test_the_day_an_order_is_booked_on_goes_before_the_journeys_own():
    booked = np.array(["2026-11-12", None], object)
    rows = [Row(("a",), 1, 0, 10.0, (0,)), Row(("a",), 1, 0, 20.0, (0,))]
    found = journeys_of(rows, segments={"booked_day": booked})
    assert ledger(found, [LastTouch()]).orders["day"].isna().tolist() == [False, True]
    listed = ledger(found, [LastTouch()], since="2026-11-12").orders
    assert listed["day"].tolist() == ["2026-11-12"]
    assert "booked_day" not in listed


def test_journeys_that_know_no_day_are_listed_where_no_day_is_asked_for():
    found = journeys_of([Row(("a",), 1, 0, 10.0, (0,))], day=None)
    assert len(ledger(found, [LastTouch()]).orders) == 1
    assert len(ledger(found, [LastTouch()], until="2030-01-01").orders) == 0


def test_amounts_in_yuan_are_counted_in_fen():
    found = journeys_of([Row(("a", "b"), 1, 0, 0.0, (1, 0)), Row((), 1, 0, 0.0)])
    found = replace(found, values={"value": np.array([0.1 + 0.2, 1234.56])})
    book = ledger(found, [Linear(), Markov()], minor=100)
    assert book.orders["value"].tolist() == [30, 123456]
    assert book.entries["value"].tolist() == [15, 15, 123456] * 2
    assert book.residuals["credit"].groupby(book.residuals["model"]).sum().tolist() == (
        pytest.approx([123486, 123486])
    )
    assert book.residuals["residual"].abs().max() < 1e-6


@pytest.mark.parametrize("amount", [10.5, 0.001, 2.0**60])
def test_amounts_that_are_no_whole_fen_are_refused(amount):
    found = journeys_of([Row((), 1, 0, 1.0), Row((), 1, 0, 1.0)])
    found = replace(found, values={"value": np.array([5.0, amount])})
    with pytest.raises(DataError, match=r"column 'value': found .*order 'douyin:1'.*minor=100"):
        ledger(found, [LastTouch()])


def test_what_is_no_order_is_refused():
    counted = attribution.Journeys.from_paths(
        pd.DataFrame({"path": ["a"], "total_conversions": [1], "total_conversion_value": [5.0]}),
        nulls=None,
    )
    orders = journeys_of([Row(("a",), 1, 0, 1.0, (0,))])
    for bad in (
        counted,
        replace(orders, weight=np.array([2.0])),
        replace(orders, conversions=np.array([2])),
        replace(orders, order_id=np.array([None], object)),
    ):
        with pytest.raises(DataError, match=r"expected one journey for each order.*open_journeys"):
            ledger(bad, [LastTouch()])
    with pytest.raises(DataError, match=r"found order 'douyin:0' twice"):
        ledger([orders, orders], [LastTouch()])
    with pytest.raises(ModelError, match="nothing to attribute"):
        ledger([], [LastTouch()])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"since": "2026-11"}, r'since=.*write a day, such as "2026-11-11"'),
        ({"since": "2026-11-12", "until": "2026-11-11"}, "ends before it begins"),
        ({"minor": 0}, "write 1 for fen, 100 for yuan"),
        ({"minor": True}, "write 1 for fen, 100 for yuan"),
        ({"tax_rate": "13%"}, "at most four decimals"),
        ({"tax_rate": "1"}, "at most four decimals"),
        ({"tax_rate": "0.00001"}, "at most four decimals"),
        ({"tax_rate": 0.13}, "write it as text from"),
        ({"tax_rate": "NaN"}, "at most four decimals"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        ledger(journeys_of([Row((), 1, 0, 1.0)]), [LastTouch()], **options)


@pytest.mark.parametrize("name", ["share", "touchpoints", "order_id", "net_fen"])
def test_a_column_called_like_one_of_the_ledger_is_refused(name):
    found = journeys_of([Row((), 1, 0, 1.0)])
    with pytest.raises(DataError, match=r"Give it another name"):
        ledger(
            replace(found, values={"value": np.ones(1), "touchpoints": np.ones(1)}), [LastTouch()]
        )
    if name != "share":
        with pytest.raises(DataError, match=rf"column '{name}'"):
            ledger(replace(found, segments={name: np.array(["x"], object)}), [LastTouch()])


def test_labels_of_any_kind_are_text():
    labels = {"shop": np.array([7, 8]), "kind": np.array(["=1+1", None], object)}
    rows = [Row((), 1, 0, 1.0), Row((), 1, 0, 1.0)]
    listed = ledger(journeys_of(rows, segments=labels), [LastTouch()]).orders
    assert listed["shop"].tolist() == ["7", "8"]
    assert listed["kind"].fillna("-").tolist() == ["=1+1", "-"]


# ---------------------------------------------------------------------- tax


@examples(100)
@given(st.integers(-(2**53), 2**53), st.integers(0, 9999))
def test_amounts_without_tax_are_exact(amount, rate):
    text = f"0.{rate:04d}"
    found = int(untaxed(np.array([amount]), text)[0])
    exact = Decimal(amount) / (1 + Decimal(text))
    assert found == exact.quantize(Decimal(1), ROUND_HALF_UP)
    off = Fraction(amount) / (1 + Fraction(rate, 10_000)) - found
    assert abs(off) <= Fraction(1, 2)


@examples(8)
@given(journeys(), st.sampled_from(["0.13", "0.06", "0.0001"]))
def test_amounts_without_tax_add_up_beside_those_with_it(found, rate):
    book = ledger(found, EVERY_MODEL, tax_rate=rate)
    assert book.money == (*MONEY, *(f"{name}_untaxed" for name in MONEY))
    for name in MONEY:
        wanted = untaxed(book.orders[name].to_numpy(), rate)
        assert book.orders[f"{name}_untaxed"].tolist() == wanted.tolist()
    book.check()


# ---------------------------------------------------------------------- names, sources, files


def test_hostile_names_are_only_names():
    names = HOSTILE_NAMES
    rows = [
        Row((names[i], names[(i + 1) % len(names)]), 1, 0, 101.0, (1, 0)) for i in range(len(names))
    ]
    book = ledger(journeys_of(rows, names), EVERY_MODEL[:8])
    book.check()
    assert set(book.entries["channel"].astype(str)) == set(names)
    assert set(book.totals()["channel"]) == set(names)


@examples(12)
@given(journeys())
def test_the_main_source_is_the_largest_share_and_of_equal_ones_the_last_met(found):
    book = ledger(found, EVERY_MODEL)
    told = book.sources().set_index(["model", "order_id"])
    assert len(told) == len(book.orders) * len(EVERY_MODEL)
    for model in book.models:
        for order_id, rows in by_order(book, model).items():
            shares, last = Counter(), {}
            for place, channel, share, *_ in rows:
                shares[channel] += share
                last[channel] = place
            most = max(shares.values())
            near = [channel for channel, share in shares.items() if share > most - 1e-9]
            line = told.loc[(model, order_id)]
            assert line["channel"] == max(near, key=last.get)
            assert line["share"] == pytest.approx(most)


def test_an_empty_period_has_no_row():
    book = ledger(journeys_of([Row(("a",), 1, 0, 1.0, (0,))]), EVERY_MODEL, since="2030-01-01")
    book.check()
    assert not len(book.orders)
    assert not len(book.entries)
    assert not len(book.totals())
    assert not len(book.sources())


def test_a_ledger_that_does_not_add_up_is_told():
    book = ledger(journeys_of([Row(("a",), 1, 0, 10.0, (0,))]), [LastTouch()])
    wrong = book.entries.assign(value=book.entries["value"] + 1)
    for entries in (wrong, book.entries.iloc[:0]):
        with pytest.raises(ModelError, match=r"LastTouch does not add up: order douyin:0"):
            Ledger(book.orders, entries, book.residuals, book.money, book.credits).check()


def test_files_hold_what_the_ledger_does_and_are_the_same_again(tmp_path):
    rows = [
        Row(("a", "b", "a"), 1, 0, 101.0, (5, 3, 1)),
        Row((), 1, 0, 7.0),
        Row(("b",), 0, 0, 0.0, (0,)),
    ]
    found = journeys_of(rows * 3)
    batches = [found.take(slice(0, 4)), found.take(slice(4, 9))]
    book, written = ledger(batches, EVERY_MODEL, tax_rate="0.13"), []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        residuals = write_ledger(batches, EVERY_MODEL, tmp_path / name, tax_rate="0.13")
        pd.testing.assert_frame_equal(residuals, book.residuals)
        written.append([file.read_bytes() for file in sorted((tmp_path / name).iterdir())])
    assert written[0] == written[1]
    orders, entries = (
        pd.read_parquet(tmp_path / "one" / f"ledger_{name}.parquet")
        for name in ("orders", "entries")
    )
    pd.testing.assert_frame_equal(orders, book.orders)
    names = dict.fromkeys(["model", "order_id", "channel"], "str")
    kinds = names | {"touched_at": "Int64"}
    pd.testing.assert_frame_equal(entries.astype(kinds), book.entries.astype(names))


# ---------------------------------------------------------------------- a store with an ERP


@st.composite
def books_of_an_erp(draw):
    """Return a brand whose ERP merges and splits its orders, and books them as they were paid."""
    found = Brand({str(n): draw(orders()) for n in range(draw(st.integers(1, 7)))}, draw(touches))
    names = [name for name, each in found.orders.items() if each.paid_at]
    groups = defaultdict(list)
    for name in names:  # orders of one platform may be merged
        groups[draw(st.integers(0, 2)), found.orders[name].platform].append(name)
    for merged in groups.values():
        each = [found.orders[name] for name in merged]
        paid = sum(order.paid_fen for order in each)
        parts = [paid]
        if len(merged) == 1 and draw(st.booleans()):  # one alone may be split
            cut = draw(st.integers(0, paid))
            parts = [cut, paid - cut]
        for nth, part in enumerate(parts):
            found.erp.append(
                (
                    f"E{merged[0]}-{nth}",
                    merged[0],
                    ",".join(merged) if len(merged) > 1 else "",
                    SITES[each[0].platform],
                    part,
                    max(order.paid_at for order in each),
                )
            )
    return found


@settings(examples(6), phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(found=books_of_an_erp())
def test_every_order_is_what_the_erp_has_less_its_refunds(tmp_path_factory, found):
    """Refunds, presales, and orders that the ERP merges into one or splits into several."""
    workspace = found.ingested(tmp_path_factory.mktemp("brand"))
    book = ledger(attribution.open_journeys(workspace), attribution.default_models())
    book.check()
    paid = {
        f"{each.platform}:{name}": [
            each.paid_fen,
            max(each.paid_fen - sum(each.refunds), 0),
            each.paid_at[:10],
            sorted(e for e, one, many, *_ in found.erp if name in {one, *many.split(",")}),
        ]
        for name, each in found.orders.items()
        if each.paid_at
    }
    listed = {
        row.order_id: [row.gross_fen, row.net_fen, row.day, sorted(row.erp_order_id.split(";"))]
        for row in book.orders.itertuples()
    }
    assert listed == paid
    sums = book.entries.groupby(["model", "order_id"], observed=True)[["gross_fen", "net_fen"]]
    for (_, order_id), money in sums.sum().iterrows():
        assert money.tolist() == paid[order_id][:2]
    told = open_store(workspace).table("order_reconciliation")
    assert told["difference_fen"].eq(0).all()
    by = book.orders.groupby(["platform", "day"])["gross_fen"].sum()
    assert told.set_index(["platform", "day"])["erp_paid_fen"].to_dict() == by.to_dict()
    listing = book.sources()[["order_id", "erp_order_id"]].drop_duplicates()
    assert {row.order_id: sorted(row.erp_order_id.split(";")) for row in listing.itertuples()} == {
        name: numbers for name, (*_, numbers) in paid.items()
    }


def test_the_money_a_store_credits_stands_first(tmp_path):
    brand = Brand({"1": Order(100, "2026-10-15 10:00:00", refunds=[30])})
    workspace = brand.ingested(tmp_path)
    book = ledger(attribution.open_journeys(workspace, value="net_fen"), [LastTouch()])
    assert book.money == ("net_fen", "gross_fen", "net_expected_fen")
    assert book.orders[["net_fen", "gross_fen"]].to_numpy().tolist() == [[70, 100]]
    assert book.orders.columns[:5].tolist() == [
        "order_id",
        "day",
        "touchpoints",
        "block",
        "platform",
    ]
