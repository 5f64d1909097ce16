"""How orders are divided between touchpoints and what comes anyway: against plain loops."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution import CounterfactualShapley, Hazard, Journeys, LastTouch, Linear
from attribution.decide.ledger import Ledger, ledger
from attribution.model import tallies
from attribution.names import ORGANIC, UNATTRIBUTED
from tests.decide.sceptic import Sceptic
from tests.models import hazard_twin as twin

HAZARDS = (
    Hazard(),
    Hazard("2D", covariates=("intent",)),
    Hazard("1D", repeats=True),
    Hazard("12h", link="multiplicative", covariates=("intent",)),
)


def journeys(seed: int, *, people: bool = True, n: int = 40, lookback: str = "5D") -> Journeys:
    """Return journeys with close orders, ties, and the never touched; one block per person."""
    touch, orders, watched = twin.rows(seed, n)
    found = Journeys.from_touchpoints(
        touch, orders, lookback=lookback, people=watched if people else None
    )
    if people:
        return found
    nothing = np.full(len(found), None, dtype=object)
    return replace(found, segments={"intent": nothing})


def amiss(book: Ledger) -> float:
    """Return the largest residual, relative to all there is; orders are checked on the way."""
    book.check()
    assert (book.entries["share"] >= 0).all()
    for _, mine in book.entries.groupby(["model", "order_id"], observed=True):
        assert mine["share"].sum() == pytest.approx(1.0)
        nobody = mine["channel"].isin([ORGANIC, UNATTRIBUTED])
        assert (mine["place"].eq(0) == nobody).all()
    rows = book.residuals
    return float(
        rows["residual"].abs().max() / max(1.0, rows.groupby("model")["credit"].sum().max())
    )


# ---------------------------------------------------------------------- the hazard model


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(HAZARDS), st.booleans())
def test_what_orders_are_divided_into_is_what_the_hazard_model_credits(seed, model, people):
    found = journeys(seed, people=people)
    assert amiss(ledger(found, {"m": model})) < 1e-9


def test_each_order_is_divided_by_the_rates_at_its_time():
    found, model = journeys(3), Hazard("2D", covariates=("intent",))
    fit = model.fitted(tallies(found, [model])[0])
    theta, groups = fit.found.theta, len(fit.tally.groups)
    mu = {label[0]: theta[place] for place, label in enumerate(fit.tally.groups)}
    beta = dict.fromkeys(found.channels, 0.0)
    for place, code in enumerate(fit.terms.one):
        beta[fit.tally.channels[code]] = theta[groups + place]
    book, d = ledger(found, {"m": model}), math.log(2) / 2
    by = book.entries.astype({"order_id": "str", "channel": "str"}).set_index(["order_id", "place"])
    seen = 0
    for row, (begin, end) in enumerate(pairwise(found.offsets.tolist())):
        if not found.conversions[row]:
            continue
        order = by.loc[str(found.order_id[row])]
        watched = found.watched_from[row] <= found.closed_at[row] <= found.watched_until[row]
        if not watched:
            assert order["channel"].tolist() == [UNATTRIBUTED]
            continue
        rates = {0: mu[found.segments["intent"][row]]}
        for place, where in enumerate(range(begin, end), 1):
            days = found.ages[where] / twin.DAY
            rates[place] = beta[found.channels[found.codes[where]]] * d * math.exp(-d * days)
        whole = sum(rates.values())
        wanted = {place: rate / whole for place, rate in rates.items() if rate > 0}
        assert order["share"].to_dict() == pytest.approx(wanted)
        seen += 1
    assert seen > 10


def test_of_what_pairs_do_together_each_has_half():
    """A touchpoint of b does more after a: half of that is the first a's, half its own."""
    found, model = journeys(0, n=800, lookback="30D"), Hazard("2D", pairs=True)
    fit = model.fitted(tallies(found, [model])[0])
    terms, theta = fit.terms, np.array(fit.found.theta)
    code = {name: place for place, name in enumerate(fit.tally.channels)}
    # A pair that is there whatever a score test says of these few people.
    one, other = np.append(terms.one, code["live"]), np.append(terms.other, code["ads"])
    problem = replace(fit.found.problem, terms=len(one), clock=np.zeros(len(one), np.int64))
    planted = replace(
        fit,
        terms=type(terms)(one, other),
        found=replace(fit.found, problem=problem, theta=np.append(theta, 0.4)),
    )
    orders = found.take(found.conversions > 0)
    shares, organic = model.divided(planted, orders)
    d, mu, checked = math.log(2) / 2, theta[0], 0
    beta = dict(zip(terms.one.tolist(), theta[1:].tolist(), strict=True))
    for row, (begin, end) in enumerate(pairwise(orders.offsets.tolist())):
        if not organic[row]:
            continue
        path = [code[orders.channels[each]] for each in orders.codes[begin:end]]
        kernel = [d * math.exp(-d * age / twin.DAY) for age in orders.ages[begin:end].tolist()]
        rates = [beta[each] * k for each, k in zip(path, kernel, strict=True)]
        for place, each in enumerate(path):
            if each == code["live"] and code["ads"] in path[:place]:
                rates[place] += 0.4 * kernel[place] / 2
                rates[path.index(code["ads"])] += 0.4 * kernel[place] / 2
                checked += 1
        whole = mu + sum(rates)
        assert organic[row] == pytest.approx(mu / whole)
        assert shares[begin:end].tolist() == pytest.approx([rate / whole for rate in rates])
    assert checked > 20  # of which some repeat either channel


def test_what_channels_lead_to_is_a_residual_and_orders_add_up_all_the_same():
    touch, orders, people = twin.rows(1, 400)
    brought = touch[touch["channel"] == "ads"].assign(channel="live")
    brought["at"] += 2 * twin.HOUR
    touch = pd.concat([touch, brought], ignore_index=True)
    live = touch[touch["channel"] == "live"].iloc[::3]
    bought = live.assign(order_id=[f"c{n}" for n in live.index], value=500.0)
    bought["at"] += twin.HOUR
    orders = pd.concat([orders, bought.drop(columns="channel")], ignore_index=True)
    found = Journeys.from_touchpoints(touch, orders, lookback="5D", people=people)
    book = ledger(found, {"plain": Hazard("2D"), "seeding": Hazard("2D", seeding="1D")})
    amiss(book)
    by = book.residuals.set_index(["model", "channel"])
    plain, seeding = by.loc["plain"], by.loc["seeding"]
    np.testing.assert_allclose(plain["ledger"], seeding["ledger"].reindex(plain.index))
    assert plain["residual"].abs().max() < 1e-6
    # Ads have what live orders they led to, which no single order shows.
    assert seeding.loc["ads", "residual"] < -100
    assert seeding["residual"].sum() == pytest.approx(0, abs=1e-6)


def test_the_same_is_found_batch_by_batch_and_with_intervals():
    found, model = journeys(5, n=120), Hazard("2D", covariates=("intent",))
    whole = ledger(found, {"m": model})
    parts = [found.take(np.arange(len(found)) % 3 == part) for part in range(3)]
    split = ledger(parts, {"m": model}, interval=0.95)
    key = ["order_id", "place"]
    one, other = (
        book.entries.astype({"order_id": "str", "channel": "str"}).sort_values(key)
        for book in (whole, split)
    )
    assert one["channel"].tolist() == other["channel"].tolist()
    np.testing.assert_allclose(one["share"], other["share"], rtol=1e-5)
    assert split.credits["m"].replicates is not None
    assert amiss(split) < 1e-9


def test_credit_and_shares_are_of_one_solution(monkeypatch):
    calls, own = [], Hazard.fitted
    monkeypatch.setattr(Hazard, "fitted", lambda *asked: calls.append(1) or own(*asked))
    ledger(journeys(2), {"m": Hazard("2D")}, interval=0.95)
    assert len(calls) == 1


def test_what_an_order_says_of_its_own_source_has_no_rate():
    found = journeys(4)
    stated = np.zeros(len(found.codes), bool)
    stated[found.offsets[1:][(found.lengths > 0) & (found.conversions > 0)] - 1] = True
    found = replace(found, evidence=stated)
    book = ledger(found, {"m": Hazard("2D"), "last": LastTouch()})
    assert amiss(book) < 1e-9
    told = book.entries[book.entries["stated"].to_numpy()]
    assert set(told["model"]) == {"last"}


def test_the_main_source_may_be_organic():
    book = ledger(journeys(6), {"m": Hazard("2D")})
    main = book.sources().set_index("order_id")["channel"]
    mine = book.entries.astype({"order_id": "str", "channel": "str"})
    sums = mine[mine["channel"] == ORGANIC].groupby("order_id")["share"].sum()
    alone = sums.index[sums > 0.5 + 1e-9]
    assert len(alone) > 0
    assert (main.loc[alone] == ORGANIC).all()
    assert book.totals()["channel"].tolist()[-2:] == [ORGANIC, UNATTRIBUTED]


# ---------------------------------------------------------------------- other models


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_organic_is_one_more_player_in_every_order_that_was_touched(seed):
    found = journeys(seed)
    book = ledger(found, {"half": Sceptic()})
    amiss(book)
    mine = book.entries.astype({"channel": "str"})
    touched = book.orders.set_index("order_id")["touchpoints"] > 0
    alone = mine["order_id"].astype("str").map(~touched).to_numpy()
    assert set(mine.loc[alone, "channel"]) <= {UNATTRIBUTED}
    rows = book.residuals.set_index("channel")
    # The factors can give organic its half, as it is in every order.
    assert rows.loc[ORGANIC, "residual"] == pytest.approx(0, abs=1e-5 * rows["credit"].sum())


def test_a_model_that_says_all_is_organic_leaves_nothing_to_channels():
    @dataclass(frozen=True)
    class Nihilist(Sceptic):
        def credit(self, tally):
            found = Linear().credit(tally)
            return replace(found, amounts=found.amounts * 0, organic=found.amounts.sum(axis=0))

    book = ledger(journeys(7), {"none": Nihilist()})
    assert amiss(book) < 1e-9
    assert set(book.entries["channel"]) == {ORGANIC, UNATTRIBUTED}


def test_counterfactual_shapley_s_organic_orders_are_in_the_ledger():
    found = journeys(9, n=300)
    book = ledger(found, {"m": CounterfactualShapley()})
    amiss(book)
    rows = book.residuals.set_index("channel")
    assert rows.loc[ORGANIC, "credit"] > 0
    assert rows.loc[ORGANIC, "ledger"] > 0
