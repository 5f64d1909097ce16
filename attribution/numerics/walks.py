"""Chains that remember several symbols: what is lost when all states with a symbol are removed.

A state is a run of symbols, and a step forgets the first and appends one:
(a, b, c) -> (b, c, d). The notation is that of `attribution.numerics.chain`.

To remove symbol j is to remove C_j, the states that contain it. C_j is entered where a journey
begins, or by a step into a state that has j at its end and nowhere else, so that

    loss(j) = sum over v in C_j of start(v) y(v) + sum over entries v of C_j of (f q)(v) y(v),

with f the mass that has not met j: f = start + f q outside C_j. f is the visits of the whole chain
plus a correction, whose residual r begins as what flows out of C_j in the whole chain. Each cycle
moves r by one sweep, r <- r q, and by the exact solution of the small chain between groups of
last symbols, spread as the whole chain's visits are (a two-grid method: Stewart, Introduction to
the Numerical Solution of Markov Chains, 1994, ch. 6). Entries add up on the way: f is not kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import coo_array, csc_array, csr_array

    Floats = NDArray[np.float64]
    Places = NDArray[np.integer]

__all__ = ["losses_by_symbol"]

_GROUPS = 256  # groups of the small chain: one each for the most visited symbols, one for others
_CYCLES = 300  # cycles before direct factorisation
_GOAL = 1e-13  # probability left to follow
_SINGLE = 1e-5  # probability left from which on single precision keeps every digit that counts
_NARROW, _WIDE = 16, 64  # symbols followed at once: a state's masses are a cache line, or some
_CACHED = 1 << 22  # masses that fit into the cache
_SLICE = 1 << 16  # states corrected at once


def losses_by_symbol(
    q: csr_array, start: Floats, visits: Floats, reward: Floats, words: Places, symbols: int
) -> Floats:
    """Return (symbols, r): what is lost when all states that contain a symbol are removed.

    Parameters
    ----------
    q, start, visits, reward
        The chain of m states; see `attribution.numerics.chain`. `visits` is start (I - q)^-1.
    words
        (m, k) the symbols of each state, k >= 2. A step leads from a state to one that begins
        with all but the first of its symbols.
    symbols
        How many symbols there are.

    Raises
    ------
    ModelError
        If there are states from which no journey ends.

    Notes
    -----
    The probability of entries not found is at most the 1-norm of r, which ends below 1e-13.
    """
    # States that are entered from the same states stand together, and so do those they are
    # entered from: a sweep works in the cache.
    order = np.lexsort((words[:, 0], *words.T[:0:-1]))
    words, start, visits, reward = words[order], start[order], visits[order], reward[order]
    back = q[order][:, order].T.tocsr()
    back.sort_indices()
    groups = _group(back, visits, words, symbols)
    prospects = _prospects(back.T.tocsr(), reward, words, groups)
    members = _members(words, symbols)
    entered = _entered(back, start, visits, words, groups, members)
    begun = start[:, None] * prospects
    return np.asarray(members.T @ begun) + np.stack(
        [np.bincount(words[:, -1], entered * worth, symbols) for worth in prospects.T], axis=1
    )


class _Groups(NamedTuple):
    """Symbols in groups, and the small chain between the groups of last symbols."""

    of: Places  # (symbols,) group of each symbol
    held: Floats  # (g,) visits of states whose last symbol is in the group
    share: Floats  # (m,) of its group's visits that a state has
    inflow: Floats  # (m,) what flows into a state if every group's mass is 1
    visits: Floats  # (g, g) expected visits of the small chain


def _group(back: csr_array, visits: Floats, words: Places, symbols: int) -> _Groups:
    """Give each symbol a group: one each for the most visited, one for all the others."""
    popular = np.bincount(words[:, -1], weights=visits, minlength=symbols)
    of = np.empty(symbols, np.int64)
    of[np.argsort(-popular, kind="stable")] = np.minimum(np.arange(symbols), _GROUPS - 1)
    size = int(of.max()) + 1
    last, before = of[words[:, -1]], of[words[:, -2]]
    held = np.bincount(last, weights=visits, minlength=size).astype(np.float64)
    share = np.divide(visits, held[last], out=np.zeros(len(visits)), where=held[last] > 0)
    inflow = back @ share
    between = np.bincount(before * size + last, weights=inflow, minlength=size * size)
    try:
        expected = np.linalg.inv(np.eye(size) - between.reshape(size, size))
    except np.linalg.LinAlgError:
        expected = np.zeros((size, size))  # sweeps alone must do
    return _Groups(of, held, share, inflow, np.asarray(expected, np.float64))


def _members(words: Places, symbols: int) -> csr_array:
    """Return (m, symbols): 1 where a state contains the symbol."""
    from scipy.sparse import csr_array

    first = [
        ~(words[:, :place] == words[:, [place]]).any(axis=1) for place in range(words.shape[1])
    ]
    marked = np.stack(first, axis=1)
    starts = np.append(0, np.cumsum(marked.sum(axis=1)))
    found = csr_array((np.ones(starts[-1]), words[marked], starts), shape=(len(words), symbols))
    found.sort_indices()
    return found


def _entered(
    back: csr_array,
    start: Floats,
    visits: Floats,
    words: Places,
    groups: _Groups,
    members: csr_array,
) -> Floats:
    """Return (m,): probability of a step into a state as the first one with its last symbol."""
    last, before = words[:, -1], groups.of[words[:, -2]]
    entry = ~(words[:, :-1] == last[:, None]).any(axis=1)
    returns = _returns(back, groups.share, words, members.shape[1])
    state, symbol = returns.coords
    again = last[state] == symbol
    entered = np.where(entry, visits - start, 0.0)
    entered[state[again]] -= (returns.data * groups.held[before[state]])[again]
    members, returns = members.tocsc(), returns.tocsc()
    exact = _sweep(back, groups, words)
    quick = exact.single()
    width = min(max(_CACHED // len(last), _NARROW), _WIDE)
    visited = np.bincount(last, visits, members.shape[1])
    ranked = np.argsort(-visited, kind="stable")
    ranked = ranked[np.diff(members.indptr)[ranked] > 0]
    for begin in range(0, len(ranked), width):
        block = _block(ranked[begin : begin + width], members, returns, last, entry)
        found = _follow(exact, quick, groups, words, block)
        if found is None:
            entered[block.entry.state] = _directly(back, start, block)
        else:
            entered[block.entry.state] += found
    return entered


def _returns(back: csr_array, share: Floats, words: Places, symbols: int) -> coo_array:
    """Return (m, symbols): what flows into a state from the one that begins with the symbol.

    A group's mass is 1, spread by `share`. States that hold the symbol before their end are left
    out: they are entered from states that hold it only.
    """
    from scipy.sparse import coo_array

    steps = back.tocoo()
    state, origin = steps.coords
    symbol = words[origin, 0]
    free = ~(words[state, :-1] == symbol[:, None]).any(axis=1)
    state, origin, symbol = state[free], origin[free], symbol[free]
    return coo_array(
        (steps.data[free] * share[origin], (state, symbol)), shape=(len(words), symbols)
    )


class _Pairs(NamedTuple):
    """States, and for each the column of the symbol it concerns."""

    state: Places
    column: Places

    def flat(self, groups: Places, width: int) -> Places:
        """Return where the pairs stand in a flat (g, width) array of the states' groups."""
        return np.asarray(groups[self.state] * width + self.column)


class _Block(NamedTuple):
    """Symbols removed side by side, one in each column, and the states they concern."""

    symbols: Places
    member: _Pairs  # states that contain the symbol
    entry: _Pairs  # states that have it at their end only
    after: _Pairs  # states reached from one that begins with it, and
    flow: Floats  # what flows there if each group's mass is 1


def _block(
    symbols: Places,
    members: csc_array,
    returns: csc_array,
    last: Places,
    entry: NDArray[np.bool_],
) -> _Block:
    state, column = members[:, symbols].tocoo().coords
    arrived = entry[state] & (last[state] == symbols[column])
    after = returns[:, symbols].tocoo()
    return _Block(
        symbols,
        _Pairs(state, column),
        _Pairs(state[arrived], column[arrived]),
        _Pairs(*after.coords),
        after.data,
    )


class _Sweep(NamedTuple):
    """What a cycle multiplies by, in one precision."""

    back: csr_array  # (m, m)
    gather: csr_array  # (g, m): the mass of each group
    lift: tuple[tuple[slice, csr_array], ...]  # (m, g) in slices: a group's mass spread and swept

    def single(self) -> _Sweep:
        """Return the same in single precision."""
        lift = tuple((part, rows.astype(np.float32)) for part, rows in self.lift)
        return _Sweep(self.back.astype(np.float32), self.gather.astype(np.float32), lift)


def _sweep(back: csr_array, groups: _Groups, words: Places) -> _Sweep:
    from scipy.sparse import csr_array

    m, size = len(words), len(groups.held)
    last, before = groups.of[words[:, -1]], groups.of[words[:, -2]]
    gather = csr_array((np.ones(m), (last, np.arange(m))), shape=(size, m))
    change = np.stack([groups.inflow, -groups.share], axis=1).ravel()
    where = np.stack([before, last], axis=1).ravel()
    lift = csr_array((change, where, np.arange(m + 1) * 2), shape=(m, size))
    slices = [slice(begin, min(begin + _SLICE, m)) for begin in range(0, m, _SLICE)]
    return _Sweep(back, gather, tuple((part, lift[part]) for part in slices))


def _follow(
    exact: _Sweep, quick: _Sweep, groups: _Groups, words: Places, block: _Block
) -> Floats | None:
    """Return what the correction adds to each entry of the block, or None if it resists."""
    last, before = groups.of[words[:, -1]], groups.of[words[:, -2]]
    width = len(block.symbols)
    size = len(groups.held)
    rows = np.arange(len(last))
    member, entry = block.member.flat(rows, width), block.entry.flat(rows, width)
    after, into = block.after.flat(rows, width), block.after.flat(before, width)
    ending, share = block.entry.flat(last, width), groups.share[block.entry.state]
    met = np.bincount(
        block.member.flat(last, width), groups.share[block.member.state], size * width
    ).reshape(size, width)
    spread = np.divide(1.0, 1.0 - met, out=np.zeros_like(met), where=met < 1 - 1e-9)
    mass = np.zeros((len(last), width))
    mass.reshape(-1)[after] = -block.flow * groups.held[before[block.after.state]]
    mass.reshape(-1)[member] = 0.0
    found = np.zeros(len(entry))
    sweep, flow = exact, block.flow
    for _ in range(_CYCLES):
        left = _largest(mass, sweep)
        if left <= _GOAL:
            return found
        if not left < 1e3:
            break
        if left <= _SINGLE and sweep is exact:
            sweep, mass = quick, mass.astype(np.float32)
            flow = flow.astype(np.float32)
        held = _without(groups, block.symbols, sweep.gather @ mass) * spread
        held = held.astype(mass.dtype)
        for part, lift in sweep.lift:
            mass[part] += lift @ held
        flat, of_group = mass.reshape(-1), held.reshape(-1)
        flat[after] -= flow * of_group[into]
        found += flat[entry] + share * of_group[ending]
        flat[member] = 0.0
        mass = sweep.back @ mass
        flat = mass.reshape(-1)
        found += flat[entry]
        flat[entry] = 0.0
    return None


def _largest(mass: NDArray[np.floating], sweep: _Sweep) -> float:
    """Return the largest sum of a column's absolute masses."""
    sums = np.zeros(mass.shape[1], mass.dtype)
    for part, _ in sweep.lift:
        rows = np.abs(mass[part])
        sums += np.ones(len(rows), mass.dtype) @ rows
    return float(sums.max(initial=0.0))


def _without(groups: _Groups, symbols: Places, mass: NDArray[np.floating]) -> Floats:
    """Return expected visits of the small chain begun with `mass`, without each column's symbol.

    Without state j the fundamental matrix is N - N(:, j) N(j, :) / N(j, j). A symbol that shares
    its group with others stays: the cycles take longer, and end in the same numbers.
    """
    visits = groups.visits.T @ mass.astype(np.float64)
    of = groups.of[symbols]
    column = np.flatnonzero((np.bincount(groups.of) == 1)[of])
    of = of[column]
    back = groups.visits[of, of]
    again = np.divide(visits[of, column], back, out=np.zeros(len(of)), where=back != 0)
    visits[:, column] -= groups.visits[of].T * again
    visits[of, column] = 0.0
    return np.asarray(visits)


def _directly(back: csr_array, start: Floats, block: _Block) -> Floats:
    """Factorise the chain without each symbol: slow, but it cannot fail to converge."""
    from scipy.sparse import eye_array
    from scipy.sparse.linalg import splu

    out = np.empty(len(block.entry.state))
    for column in range(len(block.symbols)):
        keep = np.ones(len(start), bool)
        keep[block.member.state[block.member.column == column]] = False
        mass = np.zeros(len(start))
        if keep.any():
            rest = back[keep][:, keep]
            mass[keep] = splu((eye_array(rest.shape[0]) - rest).tocsc()).solve(start[keep])
        entry = block.entry.column == column
        out[entry] = (back @ mass)[block.entry.state[entry]]
    return out


def _prospects(q: csr_array, reward: Floats, words: Places, groups: _Groups) -> Floats:
    """Solve y = reward + q y by sweeps, each corrected on the chain between groups."""
    from scipy.sparse import csr_array, eye_array
    from scipy.sparse.linalg import splu

    group, size, m = groups.of[words[:, -1]], len(groups.held), len(words)
    gather = csr_array((groups.share, (group, np.arange(m))), shape=(size, m))
    prospects, best = reward.copy(), np.inf
    largest = np.abs(reward).max(axis=0, initial=0.0)
    unit = np.where(largest > 0, largest, 1)
    for _ in range(_CYCLES * 4):
        residual = reward + q @ prospects - prospects
        left = float((np.abs(residual).max(axis=0) / unit).max(initial=0.0))
        if left < 1e-15 or (left < 1e-13 and left >= best):
            return prospects
        best = min(best, left)
        prospects = prospects + residual
        residual = reward + q @ prospects - prospects
        prospects = prospects + (groups.visits @ (gather @ residual))[group]
    try:
        return np.asarray(splu((eye_array(m) - q).tocsc()).solve(reward))
    except RuntimeError as error:
        raise ModelError("The journeys' chain has states that no journey leaves.") from error
