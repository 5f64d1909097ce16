"""Derivatives of what an absorbing chain loses when states are removed, along changes of counts.

The chain is made of counts: `start` (m,) journeys that begin in each state, `step` (k,) that go
from `source` to `target`, and `ended` (m, r) what ends in a state in each of r measures. With the
visits v = start + arrivals, q = step / v[source], reward = ended / v and, in expectation over all
journeys, prospects y = reward + q y. Removing a set C of states loses

    loss(C) = total - sum over i outside C of start(i) y_C(i),

y_C being the prospects of the chain whose steps into C end without a reward. Let x_C be its
visits, k = 1 - x_C / v the share of a state's visits that come after C was met (1 inside C). The
derivative of loss(C) along a change of counts is

    sum k(i) d ended(i) - sum k(i) y_C(i) d start(i)
        + sum over steps i -> j of y_C(j) (k(i) - k(j)) d step(i, j).

It is the influence function of the chain (a sum over a journey's steps of x_i (y_j - y_i); Hampel
1974), with that of the whole chain taken off so that rare sets do not cancel. For one state c, with
N = (I - q)^-1, loss(c) = v(c) y(c) / N(c, c), and the derivative follows from dN = N dq N.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]
    Places = NDArray[np.int64]

__all__ = ["Change", "Counts", "slopes_by_set", "slopes_by_state"]

_DENSE = 400  # states up to which sets are solved by one dense inverse
_DENSE_STATES = 2_000  # the same where each set is one state
_HUBS = 64  # states of a larger chain whose loops are followed to the end
_BLOCK = 24_000_000  # entries of one block of a large chain
_PRECISION = 1e-5  # relative, of a series: an interval needs no more
_ROUNDS = 3_000  # terms of a series before factorisation


class Counts(NamedTuple):
    """A chain as counts; see the module's notation."""

    start: Floats
    ended: Floats
    source: Places
    target: Places
    step: Floats

    @property
    def visits(self) -> Floats:
        """(m,) journeys that pass through each state."""
        arrived = np.bincount(self.target, weights=self.step, minlength=len(self.start))
        return np.asarray(self.start + arrived)


class Change(NamedTuple):
    """A change of a chain's counts: of some states, and of some of its steps.

    Attributes
    ----------
    state
        (a,) distinct states; `start` (a,) and `ended` (a, r) are their changes.
    edge
        (e,) distinct steps, as indexes into the chain's; `step` (e,) are their changes.
    """

    state: Places
    start: Floats
    ended: Floats
    edge: Places
    step: Floats


class _Changes(NamedTuple):
    """All changes as matrices with a row for each."""

    start: csr_array  # (changes, m)
    ended: list[csr_array]  # r of (changes, m)
    step: csr_array  # (changes, k)


def _matrices(counts: Counts, changes: Sequence[Change]) -> _Changes:
    from scipy.sparse import csr_array

    def rows(columns: list[Places], values: list[Floats], width: int) -> csr_array:
        bounds = np.append(0, np.cumsum([len(each) for each in columns]))
        parts = (np.concatenate(values), np.concatenate(columns), bounds)
        return csr_array(parts, shape=(len(changes), width))

    m, states = len(counts.start), [each.state for each in changes]
    return _Changes(
        rows(states, [each.start for each in changes], m),
        [
            rows(states, [each.ended[:, measure] for each in changes], m)
            for measure in range(counts.ended.shape[1])
        ],
        rows([each.edge for each in changes], [each.step for each in changes], len(counts.step)),
    )


def _probabilities(counts: Counts) -> tuple[csr_array, Floats]:
    """Return q, and 1 / visits."""
    from scipy.sparse import csr_array

    visits, m = counts.visits, len(counts.start)
    per = np.divide(1.0, visits, out=np.zeros(m), where=visits > 0)
    places = (counts.source, counts.target)
    return csr_array((counts.step * per[counts.source], places), shape=(m, m)), per


def slopes_by_state(counts: Counts, changes: Sequence[Change]) -> Floats:
    """Return (changes, m, r): the derivative of each single state's loss along each change.

    Up to 2,000 states it is exact. Beyond, of what leads a journey back to a state only loops of
    one and two steps have an error, except for the 64 most visited states.
    """
    q, per = _probabilities(counts)
    m, visits = len(per), counts.visits
    given = _matrices(counts, changes)
    into = _incidence(counts.target, m)
    change = (given.start + given.step @ into).toarray()  # of visits, (changes, m)
    inverse = _inverse(q) if m <= _DENSE_STATES else None
    prospects = _applied(inverse, q, counts.ended * per[:, None])
    if inverse is None:
        returns, repeats = _short_loops(counts, per, given.step, change)
        _with_hubs(q, counts, per, given.step, change, (returns, repeats))
    else:
        returns, repeats = _loops(inverse, counts, per, given.step, change)
    out = np.empty((len(changes), m, counts.ended.shape[1]))
    from_source = _incidence(counts.source, m)
    for measure in range(out.shape[2]):
        y = prospects[:, measure]
        onward = given.step.multiply(y[counts.target]).tocsr() @ from_source
        rate = ((given.ended[measure] + onward).toarray() - change * y) * per
        gained = _applied(inverse, q, rate.T).T
        out[:, :, measure] = (change * y + visits * gained - visits * y * repeats) / returns
    return out


def _incidence(state: Places, m: int) -> csr_array:
    """Return (k, m): 1 where a step has this state at the end in question."""
    from scipy.sparse import csr_array

    return csr_array((np.ones(len(state)), state, np.arange(len(state) + 1)), shape=(len(state), m))


def _inverse(q: csr_array) -> Floats:
    from scipy.linalg import inv

    identity = np.eye(q.shape[0])
    return np.asarray(inv(identity - q.toarray(), overwrite_a=True, check_finite=False))


def _applied(inverse: Floats | None, q: csr_array, right: Floats) -> Floats:
    """Return (I - q)^-1 right."""
    if inverse is not None:
        return np.asarray(inverse @ right)
    return _summed(q, right, None)


def _loops(
    inverse: Floats, counts: Counts, per: Floats, steps: csr_array, change: Floats
) -> tuple[Floats, Floats]:
    """Return N(c, c), (m,), and its derivative relative to it, (changes, m).

    dN = N dq N with dq(i, j) = (d step(i, j) - q(i, j) d visits(i)) / visits(i), and q N = N - I.
    """
    from scipy.sparse import csr_array

    m = len(per)
    diagonal: Floats = inverse.diagonal()
    transposed = np.ascontiguousarray(inverse.T)
    out = change * per * diagonal - (change * per) @ (transposed * inverse)
    for row in range(len(out)):
        at = slice(steps.indptr[row], steps.indptr[row + 1])
        edge = steps.indices[at]
        source = counts.source[edge]
        rates = steps.data[at] * per[source]
        moved = csr_array((rates, (source, counts.target[edge])), shape=(m, m))
        there = np.flatnonzero(np.diff(moved.indptr))
        out[row] += np.einsum("ij,ij->j", transposed[there], moved[there] @ inverse)
    return diagonal, np.asarray(out / diagonal)


def _short_loops(
    counts: Counts, per: Floats, steps: csr_array, change: Floats
) -> tuple[Floats, Floats]:
    """Return the same from f(c) = q(c, c) + sum over j of q(c, j) q(j, c) alone."""
    from scipy.sparse import csr_array

    m, source, target = len(per), counts.source, counts.target
    stays = source == target
    back = _back(counts, per)
    # A step i -> j counts in the loops of i and of j; a step from a state to itself in its own.
    leaving = np.where(stays, 1.0, back) * per[source]
    coming = np.where(stays, 0.0, back) * per[source]
    weights = (
        _incidence(source, m).multiply(leaving[:, None])
        + _incidence(target, m).multiply(coming[:, None])
    ).tocsr()
    loops = np.bincount(source, weights=counts.step * leaving, minlength=m)
    between = csr_array((counts.step * coming, (source, target)), shape=(m, m))
    relative = change * per
    found = (steps @ weights).toarray() - relative * loops - relative @ between
    returns = np.asarray(1.0 / (1.0 - loops))
    return returns, np.asarray(found * returns)


def _with_hubs(
    q: csr_array,
    counts: Counts,
    per: Floats,
    steps: csr_array,
    change: Floats,
    found: tuple[Floats, Floats],
) -> None:
    """Put exact figures, as `_loops` has them, in the places of the most visited states."""
    returns, repeats = found
    relative, back = change * per, q.T.tocsr()
    hubs = np.argsort(-counts.visits, kind="stable")[:_HUBS]
    width = max(1, _BLOCK // max(1, len(counts.step)))
    for first in range(0, len(hubs), width):
        chosen = hubs[first : first + width]
        here = np.zeros((len(per), len(chosen)))
        here[chosen, np.arange(len(chosen))] = 1.0
        to, out_of = _summed(q, here, None), _summed(back, here, None)
        diagonal = to[chosen, np.arange(len(chosen))]
        along = (out_of * per[:, None])[counts.source] * to[counts.target]
        moved = steps @ along + relative[:, chosen] * diagonal - relative @ (out_of * to)
        returns[chosen], repeats[:, chosen] = diagonal, moved / diagonal


def _back(counts: Counts, per: Floats) -> Floats:
    """Return (k,): for each step i -> j, the probability of the step j -> i."""
    m = len(per)
    forth, wanted = counts.source * m + counts.target, counts.target * m + counts.source
    order = np.argsort(forth)
    at = order[np.minimum(np.searchsorted(forth[order], wanted), len(order) - 1)]
    return np.where(forth[at] == wanted, counts.step[at] * per[counts.source[at]], 0.0)


def slopes_by_set(counts: Counts, member: csr_array, changes: Sequence[Change]) -> Floats:
    """Return (changes, sets, r): the derivative of each set's loss along each change.

    Parameters
    ----------
    member
        (m, sets) true where a state belongs to a set.
    """
    q, per = _probabilities(counts)
    m, sets = member.shape
    given = _matrices(counts, changes)
    solver = _Dense(q) if m <= _DENSE else _Series(q)
    prospects = solver.prospects(counts.ended * per[:, None])
    out = np.empty((len(changes), sets, counts.ended.shape[1]))
    width = max(1, _BLOCK // max(m, len(counts.step), 1))
    for first in range(0, sets, width):
        inside = member[:, first : first + width].toarray() != 0
        after = solver.after(inside, counts.visits) * per[:, None]
        after[inside] = 1.0
        for measure in range(out.shape[2]):
            y = prospects[:, measure]
            left = y[:, None] - solver.through(inside, y)
            left[inside] = 0.0
            found = given.ended[measure] @ after - given.start @ (after * left)
            moved = after[counts.source]
            moved -= after[counts.target]
            moved *= left[counts.target]
            out[:, first : first + width, measure] = found + given.step @ moved
    return out


class _Dense:
    """Masked chains by blocks of one inverse N: F = N(., C) N(C, C)^-1 is P(first meeting C at)."""

    def __init__(self, q: csr_array) -> None:
        self.inverse = _inverse(q)

    def prospects(self, reward: Floats) -> Floats:
        return np.asarray(self.inverse @ reward)

    def after(self, inside: NDArray[np.bool_], visits: Floats) -> Floats:
        """Return (m, sets): visits to each state after its journey has met the set."""
        out = np.zeros(inside.shape)
        for place, where in enumerate(inside.T):
            block = self.inverse[np.ix_(where, where)]
            out[:, place] = np.linalg.solve(block.T, visits[where]) @ self.inverse[where]
        return out

    def through(self, inside: NDArray[np.bool_], prospects: Floats) -> Floats:
        """Return (m, sets): what of a state's prospects comes by way of the set."""
        out = np.zeros(inside.shape)
        for place, where in enumerate(inside.T):
            block = self.inverse[np.ix_(where, where)]
            out[:, place] = self.inverse[:, where] @ np.linalg.solve(block, prospects[where])
        return out


class _Series:
    """Masked chains by their series; all terms have one sign, so it ends at any precision."""

    def __init__(self, q: csr_array) -> None:
        self.forth, self.back = q, q.T.tocsr()

    def prospects(self, reward: Floats) -> Floats:
        return _summed(self.forth, reward, None)

    def after(self, inside: NDArray[np.bool_], visits: Floats) -> Floats:
        return _summed(self.back, self.back @ (inside * visits[:, None]), inside)

    def through(self, inside: NDArray[np.bool_], prospects: Floats) -> Floats:
        return _summed(self.forth, self.forth @ (inside * prospects[:, None]), inside)


def _summed(q: csr_array, first: Floats, inside: NDArray[np.bool_] | None) -> Floats:
    """Return the sum of q^i first, kept at zero inside; by factorisation if it is slow."""
    term = first.copy()
    if inside is not None:
        term[inside] = 0.0
    begin, total, before = term, term.copy(), np.abs(term).sum(axis=0)
    for _ in range(_ROUNDS):
        term = q @ term
        if inside is not None:
            term[inside] = 0.0
        total += term
        size = np.abs(term).sum(axis=0)
        # Terms fall by a steady ratio in the end, so what is still to come can be foreseen.
        ratio = np.divide(size, before, out=np.zeros_like(size), where=before > 0)
        to_come = size * ratio / np.maximum(1.0 - ratio, 1e-12)
        if ((ratio < 1) & (to_come <= _PRECISION * np.abs(total).sum(axis=0)) | (size == 0)).all():
            return total
        before = size
    return _factorised(q, begin, inside)


def _factorised(q: csr_array, first: Floats, inside: NDArray[np.bool_] | None) -> Floats:
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import splu

    if inside is None:
        return np.asarray(splu((eye_array(q.shape[0]) - q).tocsc()).solve(first))
    out = np.zeros_like(first)
    for place, where in enumerate(inside.T):
        keep = np.flatnonzero(~where)
        inner = q[keep][:, keep]
        out[keep, place] = splu((eye_array(len(keep)) - inner).tocsc()).solve(first[keep, place])
    return out
