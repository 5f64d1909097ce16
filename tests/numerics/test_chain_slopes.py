"""Derivatives of losses, against differences of a chain solved again with changed counts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import csr_array

from attribution.numerics import chain_slopes
from attribution.numerics.chain_slopes import Change, Counts, slopes_by_set, slopes_by_state

STATES = 7


def walks(seed: int, count: int, steps=None) -> list[tuple[list[int], float, float]]:
    """Return journeys as (states, conversions, value)."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        if steps is None:
            path = rng.integers(0, STATES, rng.geometric(0.3)).tolist()
        else:
            path = [int(rng.integers(STATES))]
            while rng.random() < 0.7 and steps[path[-1]]:
                path.append(int(rng.choice(steps[path[-1]])))
        converted = float(rng.random() < 0.3)
        out.append((path, converted, converted * float(rng.integers(1, 90))))
    return out


def tables(journeys):
    """Return start (m,), steps (m, m) and ended (m, 2) as dense arrays."""
    start, step, ended = np.zeros(STATES), np.zeros((STATES, STATES)), np.zeros((STATES, 2))
    for path, converted, value in journeys:
        start[path[0]] += 1
        for a, b in pairwise(path):
            step[a, b] += 1
        ended[path[-1]] += converted, value
    return start, step, ended


def losses(dense, sets):
    """Return (sets, 2): total less what the chain without the set yields, solved again."""
    start, step, ended = dense
    visits = start + step.sum(axis=0)
    q, reward = step / visits[:, None], ended / visits[:, None]
    out = []
    for members in sets:
        keep = [s for s in range(STATES) if s not in members]
        system = np.eye(len(keep)) - q[np.ix_(keep, keep)]
        out.append(ended.sum(axis=0) - start[keep] @ np.linalg.solve(system, reward[keep]))
    return np.array(out)


def differences(whole, parts, sets, size=1e-6):
    """Return (parts, sets, 2): central differences along each part."""
    out = []
    for part in parts:
        ends = [
            losses([a + sign * size * b for a, b in zip(whole, part, strict=True)], sets)
            for sign in (1, -1)
        ]
        out.append((ends[0] - ends[1]) / (2 * size))
    return np.array(out)


def sparse(whole, parts):
    source, target = np.nonzero(whole[1])
    counts = Counts(whole[0], whole[2], source, target, whole[1][source, target])
    changes = []
    for start, step, ended in parts:
        state = np.flatnonzero(start + ended.sum(axis=1))
        edge = np.flatnonzero(step[source, target])
        values = step[source[edge], target[edge]]
        changes.append(Change(state, start[state], ended[state], edge, values))
    return counts, changes


def worlds(steps=None):
    blocks = [tables(walks(seed, 60, steps)) for seed in range(5)]
    whole = [sum(each) for each in zip(*blocks, strict=True)]
    return whole, blocks


def test_single_states():
    whole, parts = worlds()
    found = slopes_by_state(*sparse(whole, parts))
    sets = [{s} for s in range(STATES)]
    np.testing.assert_allclose(found, differences(whole, parts, sets), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=0), losses(whole, sets), rtol=1e-10)


@pytest.mark.parametrize("hubs", [0, 3, STATES])
def test_of_a_large_chain_hubs_are_exact_and_elsewhere_loops_of_two_steps_suffice(
    monkeypatch, hubs: int
):
    monkeypatch.setattr(chain_slopes, "_DENSE_STATES", 0)
    monkeypatch.setattr(chain_slopes, "_PRECISION", 1e-9)
    monkeypatch.setattr(chain_slopes, "_HUBS", hubs)
    # Only 0 -> 0, 1 <-> 2 and 3 <-> 4 go round.
    steps = {0: [0, 1], 1: [2, 3], 2: [1, 5], 3: [4], 4: [3, 4, 6], 5: [6], 6: []}
    whole, parts = worlds(steps)
    found = slopes_by_state(*sparse(whole, parts))
    expected = differences(whole, parts, [{s} for s in range(STATES)])
    longer = {3, 4}  # 3 -> 4 -> 4 -> 3
    busiest = np.argsort(-(whole[0] + whole[1].sum(axis=0)), kind="stable")[:hubs]
    loops_of_three = sorted(longer - set(busiest.tolist()))
    exact = [s for s in range(STATES) if s not in loops_of_three]
    np.testing.assert_allclose(found[:, exact], expected[:, exact], rtol=1e-5, atol=1e-5)
    assert np.abs(found - expected).max() < 0.1 * np.abs(expected[:, sorted(longer)]).max()


@pytest.mark.parametrize("dense", [0, 1_000], ids=["series", "inverse"])
def test_sets_of_states(monkeypatch, dense: int):
    monkeypatch.setattr(chain_slopes, "_DENSE", dense)
    monkeypatch.setattr(chain_slopes, "_PRECISION", 1e-9)
    monkeypatch.setattr(chain_slopes, "_BLOCK", 2 * STATES * STATES)  # two sets at a time
    sets = [{0}, {1, 2}, {2, 3, 6}, {4}, set(range(STATES)), set()]
    whole, parts = worlds()
    table = np.array([[s in members for members in sets] for s in range(STATES)], float)
    found = slopes_by_set(*sparse(whole, parts)[:1], csr_array(table), sparse(whole, parts)[1])
    np.testing.assert_allclose(found, differences(whole, parts, sets), rtol=1e-5, atol=1e-5)


def test_a_slow_series_is_factorised(monkeypatch):
    whole, parts = worlds()
    table = csr_array(np.eye(STATES))
    counts, changes = sparse(whole, parts)
    quick = slopes_by_set(counts, table, changes)
    monkeypatch.setattr(chain_slopes, "_DENSE", 0)
    monkeypatch.setattr(chain_slopes, "_ROUNDS", 1)
    np.testing.assert_allclose(slopes_by_set(counts, table, changes), quick, rtol=1e-9, atol=1e-9)
