"""Factors: a division that gives the targets where one can, and else leaves the least amiss."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog

from attribution.numerics.choice import divided, factors
from attribution.numerics.sequences import offsets_of
from tests.strategies import examples

MEMBERS = 5


def columns(sets):
    lengths = np.array([len(each) for each in sets], np.int64)
    return offsets_of(lengths), np.array([c for each in sets for c in each], np.int32)


@st.composite
def cases(draw):
    """Return sets, their amounts, and targets that add up to them, within reach or not."""
    some = st.sets(st.integers(0, MEMBERS - 1), min_size=1).map(sorted)
    sets = draw(st.lists(some, min_size=1, max_size=7))
    amounts = np.array([draw(st.integers(1, 1_000)) for _ in sets], float)
    targets = np.array([draw(st.integers(0, 100)) for _ in range(MEMBERS)], float)
    if not targets.any():
        targets[0] = 1
    return sets, amounts, targets * (amounts.sum() / targets.sum())


def naive_divided(sets, amounts, given_factors):
    got = [0.0] * MEMBERS
    for each, amount in zip(sets, amounts, strict=True):
        whole = sum(given_factors[c] for c in each)
        for c in each:
            got[c] += amount * given_factors[c] / whole
    return got


def least_amiss(sets, amounts, targets):
    """Return the least that any division leaves amiss, by a linear program."""
    pairs = [(i, c) for i, each in enumerate(sets) for c in each]
    table = np.zeros((len(sets) + MEMBERS, len(pairs) + 2 * MEMBERS))
    for k, (i, c) in enumerate(pairs):
        table[i, k] = table[len(sets) + c, k] = 1
    for c in range(MEMBERS):
        table[len(sets) + c, len(pairs) + c] = 1
        table[len(sets) + c, len(pairs) + MEMBERS + c] = -1
    cost = np.append(np.zeros(len(pairs)), np.ones(2 * MEMBERS))
    return linprog(cost, A_eq=table, b_eq=np.append(amounts, targets), bounds=(0, None)).fun


@examples(100)
@given(cases(), st.lists(st.floats(1e-6, 1), min_size=MEMBERS, max_size=MEMBERS))
def test_sets_are_divided_in_proportion(case, given_factors):
    sets, amounts, _ = case
    got = divided(*columns(sets), amounts, np.array(given_factors))
    assert got == pytest.approx(naive_divided(sets, amounts, given_factors))
    assert got.sum() == pytest.approx(amounts.sum())


@examples(150)
@given(cases())
def test_no_division_leaves_less_amiss(case):
    sets, amounts, targets = case
    found = factors(*columns(sets), amounts, targets)
    assert found.min() >= 1e-12 * (1 - 1e-9)
    assert found.max() <= 1
    amiss = np.abs(divided(*columns(sets), amounts, found) - targets).sum()
    assert amiss <= least_amiss(sets, amounts, targets) + 1e-6 * amounts.sum()


@examples(100)
@given(cases(), st.lists(st.floats(0.01, 1), min_size=MEMBERS, max_size=MEMBERS))
def test_what_factors_can_give_is_given(case, planted):
    sets, amounts, _ = case
    targets = divided(*columns(sets), amounts, np.array(planted))
    got = divided(*columns(sets), amounts, factors(*columns(sets), amounts, targets))
    assert np.abs(got - targets).sum() <= 2e-7 * amounts.sum()


@examples(50)
@given(cases(), st.floats(1e-3, 1e6))
def test_neither_unit_matters(case, unit):
    sets, amounts, targets = case
    one = factors(*columns(sets), amounts, targets)
    for other in (
        factors(*columns(sets), amounts * unit, targets),
        factors(*columns(sets), amounts, targets * unit),
    ):
        got = [divided(*columns(sets), amounts, each) for each in (one, other)]
        assert got[0] == pytest.approx(got[1], abs=1e-5 * amounts.sum())


def test_an_even_division_needs_no_factors():
    sets = [[0, 1], [1, 2, 3], [0], [0, 1, 2, 3, 4]]
    amounts = np.array([3.0, 5.0, 7.0, 11.0])
    even = divided(*columns(sets), amounts, np.ones(MEMBERS))
    assert factors(*columns(sets), amounts, even).tolist() == [1.0] * MEMBERS


def test_two_factors_by_hand():
    """Of 12 that 0 and 1 share, 0 is to get 9: three times as much as 1."""
    found = factors(*columns([[0, 1]]), np.array([12.0]), np.array([9.0, 3.0, 0, 0, 0]))
    assert found[0] / found[1] == pytest.approx(3, rel=1e-5)


def test_whoever_has_too_much_of_its_own_gets_nothing_else():
    sets, amounts = [[0], [0, 1, 2]], np.array([60.0, 40.0])
    got = divided(
        *columns(sets), amounts, factors(*columns(sets), amounts, np.array([50, 25, 25.0, 0, 0]))
    )
    assert got == pytest.approx([60, 20, 20, 0, 0], abs=1e-4)


def test_nothing_to_divide_and_nothing_wanted():
    none = np.zeros(0)
    assert factors(np.zeros(1, np.int64), none.astype(np.int32), none, np.ones(2)).tolist() == [
        1,
        1,
    ]
    one = columns([[0, 1]])
    assert factors(*one, np.array([5.0]), np.zeros(2)).tolist() == [1, 1]
    assert factors(*one, np.array([0.0]), np.ones(2)).tolist() == [1, 1]


def test_many_rare_members_are_found_too():
    rng = np.random.default_rng(1)
    n = 2_000
    often = 1 / np.arange(1, n + 1)
    sets = [
        np.unique(rng.choice(n, size, p=often / often.sum())) for size in rng.geometric(0.3, 20_000)
    ]
    offsets = offsets_of(np.array([len(each) for each in sets], np.int64))
    codes, amounts = np.concatenate(sets), rng.integers(100, 50_000, len(sets)).astype(float)
    targets = divided(offsets, codes, amounts, rng.uniform(0.2, 1, n))
    got = divided(offsets, codes, amounts, factors(offsets, codes, amounts, targets))
    assert np.abs(got - targets).sum() <= 2e-7 * amounts.sum()
