"""Absorbing Markov chains: what is lost when states are removed.

Notation: `q` (m, m) holds the transition probabilities between transient states, `start` (m,)
the probability of beginning in each, `reward` (m, r) what one visit yields on average by ending
there (r measures, such as conversions and value). Then

    visits x = start (I - q)^-1,    prospects y = (I - q)^-1 reward,    total = start y.

Removing a set of states sends every step into it to the null state. What is lost is what flows
on from the first visit to the set (Kemeny & Snell, Finite Markov Chains, 1960, ch. 3):

    loss(C) = sum over v in C of P(first state of C is v) * y(v).

For a single state c this is x(c) y(c) / d(c), with d(c) = ((I - q)^-1)(c, c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attribution.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]

__all__ = ["losses_by_set", "losses_by_state"]

_DENSE = 1_500  # states up to which one dense inverse is the quickest
_HUBS = 400  # states eliminated exactly at each level of a large sparse chain
_SERIES = 400  # terms of a geometric series before it counts as too slow
_CYCLES = 300  # cycles of aggregation and disaggregation before direct factorisation
_GROUPS = 128  # groups of the coarse chain
_BLOCK = 24_000_000  # entries of one block of masses


def losses_by_state(q: csr_array, visits: Floats, reward: Floats) -> Floats:
    """Return (m, r): what is lost when each single state is removed."""
    returns, prospects = _returns_and_prospects(q, visits, reward)
    return np.asarray(visits[:, None] * prospects / returns[:, None])


def _returns_and_prospects(q: csr_array, visits: Floats, reward: Floats) -> tuple[Floats, Floats]:
    """Return diag((I - q)^-1), (m,), and (I - q)^-1 reward, (m, r)."""
    if q.shape[0] > _DENSE and _has_hubs(visits):
        found = _without_repeats(q, visits, reward)
        if found is not None:
            return found
    from scipy.linalg import inv

    fundamental = inv(np.eye(q.shape[0]) - q.toarray(), overwrite_a=True, check_finite=False)
    return fundamental.diagonal().copy(), fundamental @ reward


def _has_hubs(visits: Floats) -> bool:
    """Whether few states hold most visits; eliminating them costs more than it saves if not."""
    busiest = np.partition(visits, -_HUBS)[-_HUBS:]
    return bool(busiest.sum() > visits.sum() / 2)


def _without_repeats(q: csr_array, visits: Floats, reward: Floats) -> tuple[Floats, Floats] | None:
    """Take steps from a state to itself out first: I - q = (I - d)(I - (I - d)^-1 (q - d))."""
    from scipy.sparse import diags_array

    stay = q.diagonal()
    leave = 1.0 / (1.0 - stay)
    moves = (diags_array(leave) @ (q - diags_array(stay))).tocsr()
    moves.eliminate_zeros()
    found = _by_hubs(moves, visits, reward * leave[:, None])
    return None if found is None else (found[0] * leave, found[1])


def _by_hubs(q: csr_array, visits: Floats, reward: Floats) -> tuple[Floats, Floats] | None:
    """Eliminate the most visited states exactly; the rest is so sparse that its series is short.

    With hubs H and the rest R, S = I - q_HH - q_HR (I - q_RR)^-1 q_RH is the Schur complement;
    its inverse is the hubs' block of the fundamental matrix, and the rest's diagonal is
    diag((I - q_RR)^-1) plus the excursions through the hubs. None if a series converges slowly.
    """
    order = np.argsort(-visits, kind="stable")
    q = q[order][:, order]
    hub_hub, hub_rest = q[:_HUBS, :_HUBS].toarray(), q[:_HUBS, _HUBS:]
    rest_hub, rest = q[_HUBS:, :_HUBS], q[_HUBS:, _HUBS:]
    onward = _geometric(rest, np.hstack([rest_hub.toarray(), reward[order][_HUBS:]]))
    arriving = _geometric(rest.T.tocsr(), hub_rest.T.toarray())
    inner = _return_diagonal(rest, visits[order][_HUBS:])
    if onward is None or arriving is None or inner is None:
        return None
    to_hub, ending = onward[:, :_HUBS], onward[:, _HUBS:]
    schur = np.linalg.inv(np.eye(_HUBS) - hub_hub - hub_rest @ to_hub)
    hub_prospects = schur @ (reward[order][:_HUBS] + hub_rest @ ending)
    excursions = np.einsum("ij,ij->i", to_hub @ schur, arriving)
    returns, prospects = np.empty(len(order)), np.empty_like(reward)
    returns[order] = np.append(schur.diagonal(), inner + excursions)
    prospects[order] = np.vstack([hub_prospects, ending + to_hub @ hub_prospects])
    return returns, prospects


def _return_diagonal(q: csr_array, visits: Floats) -> Floats | None:
    """Return diag((I - q)^-1). A walk returns only inside its strong component: one at a time."""
    from scipy.sparse.csgraph import connected_components

    count, component = connected_components(q, connection="strong")
    sizes = np.bincount(component, minlength=count)
    inside = np.split(np.argsort(component, kind="stable"), np.cumsum(sizes)[:-1])
    returns = np.asarray(1.0 / (1.0 - q.diagonal()))
    for label in np.flatnonzero(sizes > 1):
        found = _block_diagonal(q[inside[label]][:, inside[label]], visits[inside[label]])
        if found is None:
            return None
        returns[inside[label]] = found
    return returns


def _block_diagonal(q: csr_array, visits: Floats) -> Floats | None:
    if q.shape[0] <= _DENSE:
        return np.asarray(np.linalg.inv(np.eye(q.shape[0]) - q.toarray()).diagonal())
    deeper = _by_hubs(q, visits, np.zeros((q.shape[0], 0)))
    return None if deeper is None else deeper[0]


def _geometric(q: csr_array, first: Floats) -> Floats | None:
    """Return (I - q)^-1 first as the sum of q^i first, or None if it converges slowly."""
    total, term = first.copy(), first
    enough = 1e-14 * np.abs(first).max(axis=0, initial=0.0)
    for _ in range(_SERIES):
        term = q @ term
        total += term
        if (np.abs(term).max(axis=0, initial=0.0) <= enough).all():
            return total
    return None


def losses_by_set(
    q: csr_array,
    start: Floats,
    visits: Floats,
    reward: Floats,
    member: csr_array,
    ends: tuple[NDArray[np.int64], NDArray[np.int64]],
) -> Floats:
    """Return (sets, r): what is lost when each set of states is removed.

    Parameters
    ----------
    q, start, visits, reward
        The chain; see the module's notation.
    member
        (m, sets) true where a state belongs to a set.
    ends
        The last two symbols of each state, each (m,): a step leads from a state whose last symbol
        is the next state's last but one. States are grouped by them.

    Notes
    -----
    For every set the mass that has not met it, f = start + f q (masked), is found by iterative
    aggregation and disaggregation (Stewart, Introduction to the Numerical Solution of Markov
    Chains, 1994, ch. 6): sweeps of the chain, each followed by an exact solution of the small
    chain between groups of states. The 1-norm of the residual bounds the error in probability.
    """
    prospects = _prospects(q, visits, reward, ends[1])
    sets = member.shape[1]
    block = max(1, _BLOCK // max(1, q.shape[0]))
    out = np.empty((sets, reward.shape[1]))
    step = _Sweep(q, visits, *ends)
    for first in range(0, sets, block):
        members = member[:, first : first + block].tocoo()
        state, which = members.coords
        arrivals = step.first_visits(start, state, which, members.shape[1])
        for measure in range(reward.shape[1]):
            out[first : first + block, measure] = np.bincount(
                which, weights=arrivals * prospects[state, measure], minlength=members.shape[1]
            )
    return out


class _Sweep:
    """One chain, its transpose and its grouping, ready for sweeps over many sets at once."""

    def __init__(
        self, q: csr_array, visits: Floats, before: NDArray[np.int64], last: NDArray[np.int64]
    ) -> None:
        from scipy.sparse import csr_array

        self.back = q.T.tocsr()
        group = _groups(last, visits, int(max(before.max(), last.max())) + 1)
        size = int(group.max(initial=0)) + 1
        states = np.arange(len(last))
        self.visits = visits
        self.size = size
        self.source = group[before]
        ones = np.ones(len(last))
        self.of_last = csr_array((ones, (group[last], states)), shape=(size, len(last)))
        pair = self.source * size + group[last]
        self.of_pair = csr_array((ones, (pair, states)), shape=(size * size, len(last)))

    def first_visits(
        self, start: Floats, state: NDArray[np.integer], which: NDArray[np.integer], sets: int
    ) -> Floats:
        """Return P(the first state of the set met is `state`) for each (state, set) pair."""
        begin = np.repeat(start[:, None], sets, axis=1)
        begin[state, which] = 0.0
        coarse_begin = self.of_last @ begin
        # Begin with mass wherever the chain goes: a group whose mass has not yet reached the
        # state it leaves by would seem to hold it for ever.
        mass = np.repeat(self.visits[:, None], sets, axis=1)
        mass[state, which] = 0.0
        # Probability is conserved to rounding: less than this cannot be asked for.
        goal = 1e-15 * max(1.0, float(start.sum())) * 8
        best = np.inf
        for cycle in range(_CYCLES):
            flow = self.back @ mass
            hit = flow[state, which]
            flow[state, which] = 0.0
            residual = float(np.abs(begin + flow - mass).sum(axis=0).max(initial=0.0))
            if residual <= goal or (residual < 1e-12 and residual >= best and cycle > 2):
                return np.asarray(start[state] + hit)
            best = min(best, residual)
            try:
                scale = self._coarse(flow, mass, coarse_begin)
            except np.linalg.LinAlgError:
                break
            flow *= scale[self.source]
            flow += begin
            mass = flow
        return self._directly(start, state, which, sets)

    def _coarse(self, flow: Floats, mass: Floats, begin: Floats) -> Floats:
        """Return (groups, sets): by how much the exact solution between groups rescales each."""
        size, sets = begin.shape
        held = self.of_last @ mass
        between = (self.of_pair @ flow).reshape(size, size, sets)
        rate = between / np.where(held > 0, held, 1.0)[:, None, :]
        system = np.eye(size) - rate.transpose(2, 1, 0)
        exact = np.linalg.solve(system, begin.T[:, :, None])[:, :, 0].T
        return np.where(held > 0, exact / np.where(held > 0, held, 1.0), 1.0)

    def _directly(
        self, start: Floats, state: NDArray[np.integer], which: NDArray[np.integer], sets: int
    ) -> Floats:
        """Factorise the chain without each set: slow, but it cannot fail to converge."""
        from scipy.sparse import eye_array
        from scipy.sparse.linalg import splu

        out = np.empty(len(state))
        for chosen in range(sets):
            inside = state[which == chosen]
            keep = np.ones(len(start), bool)
            keep[inside] = False
            mass = np.zeros(len(start))
            if keep.any():
                rest = self.back[keep][:, keep]
                mass[keep] = splu((eye_array(rest.shape[0]) - rest).tocsc()).solve(start[keep])
            out[which == chosen] = start[inside] + (self.back @ mass)[inside]
        return out


def _prospects(q: csr_array, visits: Floats, reward: Floats, last: NDArray[np.int64]) -> Floats:
    """Solve y = reward + q y by sweeps, each corrected on the chain between groups."""
    from scipy.sparse import csr_array, eye_array
    from scipy.sparse.linalg import splu

    group = _groups(last, visits, int(last.max()) + 1)[last]
    size = int(group.max(initial=0)) + 1
    gather = csr_array((visits, (group, np.arange(len(group)))), shape=(size, len(group)))
    held = np.asarray(gather.sum(axis=1)).ravel()
    spread = csr_array(
        (np.ones(len(group)), (np.arange(len(group)), group)), shape=(len(group), size)
    )
    scale = np.where(held > 0, 1.0 / np.where(held > 0, held, 1.0), 0.0)[:, None]
    coarse = np.linalg.inv(np.eye(size) - (gather @ q @ spread).toarray() * scale)
    prospects, best = reward.copy(), np.inf
    largest = np.abs(reward).max(axis=0, initial=0.0)
    for _ in range(_CYCLES * 4):
        residual = reward + q @ prospects - prospects
        size_of = float(
            (np.abs(residual).max(axis=0) / np.where(largest > 0, largest, 1)).max(initial=0.0)
        )
        if size_of < 1e-15 or (size_of < 1e-13 and size_of >= best):
            return prospects
        best = min(best, size_of)
        prospects = prospects + residual
        residual = reward + q @ prospects - prospects
        prospects = prospects + spread @ (coarse @ ((gather @ residual) * scale))
    try:
        return np.asarray(splu((eye_array(q.shape[0]) - q).tocsc()).solve(reward))
    except RuntimeError as error:
        raise ModelError("The journeys' chain has states that no journey leaves.") from error


def _groups(last: NDArray[np.int64], visits: Floats, symbols: int) -> NDArray[np.int64]:
    """Give each symbol a group: one each for the most visited, one for all the others."""
    weight = np.bincount(last, weights=visits, minlength=symbols)
    group = np.empty(symbols, np.int64)
    group[np.argsort(-weight, kind="stable")] = np.minimum(np.arange(symbols), _GROUPS - 1)
    return group
