"""Orders consume touchpoints: the rounds against one loop over a person's possible orders."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import attribution
from attribution.worlds.additive import Additive
from attribution.worlds.chance import stream
from attribution.worlds.ordering import PAUSE_MS, Orders, first_come, last_before, next_from
from attribution.worlds.truth import link_of
from attribution.worlds.worth import NEVER, worth

from .small import WORLDS, PlainWorld


def plain_orders(world, possible, kept_out):
    """Go through possible orders one after the other."""
    plain = PlainWorld(world, without=kept_out)
    touches, link = world.exposure.touches, possible.link
    chosen, last = [], {}
    for row, (who, at) in enumerate(zip(possible.person, possible.at, strict=True)):
        before = last.get(who, -np.inf)
        if at <= before + PAUSE_MS:
            continue
        if isinstance(link, Additive):
            touch = int(possible.touch[row])
            if touch >= 0:
                if kept_out is not None and touches.needing(kept_out)[touch]:
                    continue
                own = [
                    k
                    for k in np.flatnonzero(touches.person == who)
                    if kept_out is None or not touches.needing(kept_out)[k]
                ]
                effect = plain.helped(who, own.index(touch), before)
                gone = touches.at[touch] <= before
                if gone or possible.mark[row] * link.ceiling[touch] >= effect:
                    continue
        else:
            rate = plain.rate(who, at, before) / plain.demand(who, at)
            if possible.mark[row] * np.exp(possible.ceiling[row]) >= rate:
                continue
        chosen.append(row)
        last[who] = at
    return chosen


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("without", [None, 0, 1])
def test_the_rounds_do_what_one_loop_does(name, without):
    world = attribution.simulate(WORLDS[name], people=30, seed=2)
    touches = world.exposure.touches
    kept = np.ones(len(touches.at), bool) if without is None else ~touches.needing(without)
    possible = link_of(world.settings, world.exposure).possible(stream(7))
    found = possible.orders(worth(world.settings, touches, kept))
    assert found.row.tolist() == plain_orders(world, possible, without)
    assert len(found.row) > 15


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 10**7), st.booleans()), max_size=40),
)
def test_first_come_first_served(rows):
    """With chances that do not depend on the last order, only the pause decides."""
    rows = sorted(rows)
    person = np.array([row[0] for row in rows], np.int64)
    at = np.array([row[1] for row in rows], np.int64)
    likely = np.array([row[2] for row in rows], bool)
    found = first_come(person, at, 5, lambda chosen, _: likely[chosen])
    wanted, last = [], {}
    for row in range(len(rows)):
        before = last.get(person[row])
        if likely[row] and (before is None or at[row] > before + PAUSE_MS):
            wanted.append(row)
            last[person[row]] = at[row]
    assert found.row.tolist() == wanted


def test_the_orders_around_an_instant():
    orders = Orders(np.array([1, 1, 3]), np.array([10, 20, 5]), np.arange(3))
    person, at = np.array([0, 1, 1, 1, 1, 3, 4]), np.array([7, 10, 11, 20, 21, 5, 5])
    assert last_before(orders, person, at).tolist() == [NEVER, NEVER, 10, 10, 20, NEVER, NEVER]
    end = np.full(7, 99)
    assert next_from(orders, person, at, end).tolist() == [99, 10, 20, 20, 99, 5, 99]
    none = Orders(*(np.zeros(0, np.int64),) * 3)
    assert last_before(none, person, at).tolist() == [NEVER] * 7
    assert next_from(none, person, at, end).tolist() == [99] * 7
