"""Returns to each state of a large sparse chain: the diagonal of (I - q)^-1.

A few hubs H hold most visits; the rest R is so sparse that its series are short. With
T = (I - q_RR)^-1, E = T q_RH (the first hub met from each state of the rest), F = q_HR T (visits
between hubs) and the Schur complement S = I - q_HH - q_HR E,

    (I - q)^-1 = S^-1 on the hubs,   T + E S^-1 F on the rest

(block elimination; Meyer, Matrix Analysis, 2000, ch. 6.2). The diagonal of T is 1 plus the
probability of short ways back that meet no hub.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]

__all__ = ["Eliminated", "Plan", "eliminate", "multiplications", "plan"]

_TOLERANCE = 4e-10  # of a count of returns, which is at least 1
_FEW = 200  # hubs of the smallest plan
_ROUNDS, _FLOOR = 20, 1e-3  # of the power method
_SERIES = 400  # terms of a series before it counts as too slow
_EXACT = 1e-15  # of what a series began with
_ROUGH = 1e-6  # the same of hubs met from the rest: what comes back from there is rare
_SOLVED = 2_000  # states whose returns are solved one by one before the rest gets hubs of its own
_COLUMNS = 64  # solved side by side
_SLICE = 4_000_000  # entries of a slice of a product
_SMALL = 1_500  # states up to which one dense inverse is the quickest
_MEMORY = 4e8  # bytes of one array of hubs met
_WIDE, _SCATTERED, _FULL = 8e8, 2.5e7, 4.5e10  # multiplications a second, by kind of matrix


class Plan(NamedTuple):
    """How many hubs to eliminate, and about how many seconds that takes."""

    hubs: int
    seconds: float


def plan(q: csr_array, visits: Floats) -> Plan:
    """Estimate the work of `eliminate` for several numbers of hubs; m hubs if none is possible.

    Parameters
    ----------
    q
        (m, m) steps between states in the order of their visits, most first, none to itself.
    visits
        (m,) expected visits.
    """
    m = q.shape[0]
    steps = q.tocoo()
    source, target = steps.coords
    lower = np.minimum(source, target)  # a step is in the rest if both its ends are
    best = Plan(m, np.inf)
    hubs = _FEW
    while hubs < m and hubs * m * 8 <= _MEMORY:
        inside = lower >= hubs
        count = float(inside.sum())
        flow = float(visits[source[inside]] @ steps.data[inside])
        stays = min(flow / float(visits[hubs:].sum()), 0.99)
        terms = 2 + np.log(_ROUGH) / np.log(max(stays, 1e-3))
        pairs = float(
            np.bincount(target[inside], minlength=m) @ np.bincount(source[inside], minlength=m)
        )
        triples = pairs * count / (m - hubs)
        seconds = (
            2 * terms * count * hubs / _WIDE
            + (pairs + 2 * triples) / _SCATTERED
            + (2.0 * (m - hubs) * hubs**2 + 8.0 * hubs**3) / _FULL
        )
        if seconds < best.seconds:
            best = Plan(hubs, seconds)
        hubs = max(hubs + 1, hubs * 3 // 2)
    return best


class Eliminated(NamedTuple):
    """A chain whose hubs stand first, and what the elimination of the rest left of it."""

    hub_rest: csr_array  # (h, m - h)
    rest_hub: csr_array  # (m - h, h)
    rest: csr_array  # (m - h, m - h)
    between: Floats  # (h, h) the hubs' block of (I - q)^-1
    returns: Floats  # (m,) the diagonal of (I - q)^-1

    def solve(self, right: Floats) -> Floats | None:
        """Return (I - q)^-1 right, (m, r), to rounding, or None if a series is too long."""
        hubs = len(self.between)
        first = series(self.rest, right[hubs:])
        if first is None:
            return None
        at_hubs = self.between @ (right[:hubs] + self.hub_rest @ first)
        second = series(self.rest, self.rest_hub @ at_hubs)
        return None if second is None else np.vstack([at_hubs, first + second])


def multiplications(first: csr_array, second: csr_array) -> int:
    """Return how many multiplications the product of two sparse matrices takes."""
    return int(np.bincount(first.indices, minlength=second.shape[0]) @ np.diff(second.indptr))


def eliminate(q: csr_array, visits: Floats, hubs: int) -> Eliminated | None:
    """Eliminate all states but the first `hubs`, or return None if a series is too long.

    Parameters
    ----------
    q, visits
        As `plan` takes them.

    Notes
    -----
    The relative error of a count of returns is at most 4e-10 each for the ways back that meet no
    hub (bounded) and for those that do (estimated from the last terms of the series).
    """
    hub_rest, rest_hub, rest = q[:hubs, hubs:], q[hubs:, :hubs], q[hubs:, hubs:]
    inner = _without_hubs(rest, visits[hubs:])
    back = rest.T.tocsr()
    to_hub = _Series(rest_hub.toarray())
    from_hub = _Series(hub_rest.T.toarray())
    goal = _ROUGH
    while inner is not None and to_hub.run(rest, goal) and from_hub.run(back, goal):
        # What both series leave out is of second order here, and small: single precision will do.
        missed = (rest @ to_hub.term).astype(np.float32)
        through = hub_rest @ to_hub.total + from_hub.total.T.astype(np.float32) @ missed
        between = np.linalg.inv(np.eye(hubs) - q[:hubs, :hubs].toarray() - through)
        excursions = _excursions(to_hub.total, between, from_hub.total)
        # They leave out about `goal` of an excursion.
        worst = goal * float((excursions / (inner + excursions)).max(initial=0.0))
        if worst <= _TOLERANCE:
            returns = np.append(between.diagonal(), inner + excursions)
            return Eliminated(hub_rest, rest_hub, rest, between, returns)
        goal *= _TOLERANCE / worst / 2
    return None


class _Series:
    """The sum of q^i first, as far as it has been run."""

    def __init__(self, first: Floats) -> None:
        self.total, self.term, self.terms = first.copy(), first, 1

    def run(self, q: csr_array, goal: float) -> bool:
        """Add terms until the last is less than `goal` of each row's sum; False if too many."""
        while self.terms < _SERIES:
            reached = self.total.sum(axis=1)
            if (self.term.sum(axis=1) <= goal * reached).all():
                return True
            self.term = q @ self.term
            self.total += self.term
            self.terms += 1
        return False


def _excursions(to_hub: Floats, between: Floats, from_hub: Floats) -> Floats:
    """Return the diagonal of to_hub @ between @ from_hub.T, in slices."""
    rows = max(1, _SLICE // len(between))
    parts = [slice(begin, begin + rows) for begin in range(0, len(to_hub), rows)]
    return np.concatenate(
        [np.einsum("ij,ij->i", to_hub[part] @ between, from_hub[part]) for part in parts]
    )


def _without_hubs(q: csr_array, visits: Floats) -> Floats | None:
    """Return the diagonal of (I - q)^-1, or None if a series is too long."""
    m = q.shape[0]
    if m <= _SMALL:
        return np.asarray(np.linalg.inv(np.eye(m) - q.toarray()).diagonal())
    returns, error = _short_ways(q, visits)
    hard = np.flatnonzero(error > _TOLERANCE * returns)
    if len(hard) > _SOLVED:
        hubs = plan(q, visits).hubs
        deeper = eliminate(q, visits, hubs) if hubs < m else None
        return None if deeper is None else deeper.returns
    for begin in range(0, len(hard), _COLUMNS):
        state = hard[begin : begin + _COLUMNS]
        first = np.zeros((m, len(state)))
        first[state, np.arange(len(state))] = 1.0
        found = series(q, first)
        if found is None:
            return None
        returns[state] = found[state, np.arange(len(state))]
    return returns


def _short_ways(q: csr_array, visits: Floats) -> tuple[Floats, Floats]:
    """Return 1 plus the ways back to each state of at most six steps, and a bound of all others.

    With s = D q D^-1 for any positive diagonal D, the diagonals of the powers of s and q are the
    same, and a way back of 6 + k steps counts at most |s^3 row| |s|^k |s^3 column|. Visits'
    roots make |s|, the 2-norm, small.
    """
    from scipy.sparse import diags_array

    root = np.sqrt(np.maximum(visits, np.finfo(float).tiny))
    s = (diags_array(root) @ q @ diags_array(1.0 / root)).tocsr()
    back = s.T.tocsr()
    norm = _norm(s, back)
    returns, error = 1.0 + s.diagonal(), np.full(len(root), np.inf)
    if norm >= 1 or multiplications(s, s) > _SLICE * 20:
        return returns, error
    two, two_back = (s @ s).tocsr(), (back @ back).tocsr()
    rows = max(1, int(_SLICE * s.shape[0] // max(multiplications(two, s), 1)))
    for begin in range(0, len(root), rows):
        part = slice(begin, begin + rows)
        three, three_back = two[part] @ s, two_back[part] @ back
        for way, other in (
            (s[part], back[part]),
            (two[part], back[part]),
            (two[part], two_back[part]),
            (three, two_back[part]),
            (three, three_back),
        ):
            returns[part] += _row_sums(way * other)
        lengths = np.sqrt(_row_sums(three * three) * _row_sums(three_back * three_back))
        error[part] = lengths * norm / (1 - norm)
    return returns, error


def _row_sums(table: csr_array) -> Floats:
    return np.asarray(table.sum(axis=1)).ravel()


def _norm(s: csr_array, back: csr_array) -> float:
    """Bound the 2-norm: max (b z)_i / z_i bounds the largest eigenvalue of b = s' s >= 0, z > 0.

    (Collatz and Wielandt; Horn and Johnson, Matrix Analysis, 2013, 8.1.26.)
    """
    z = np.ones(s.shape[0])
    for _ in range(_ROUNDS):
        z = back @ (s @ z)
        z = z / max(z.max(initial=0.0), np.finfo(float).tiny) + _FLOOR
    return float(np.sqrt(((back @ (s @ z)) / z).max(initial=0.0)))


def series(q: csr_array, first: Floats) -> Floats | None:
    """Return (I - q)^-1 first as the sum of q^i first, or None if it converges slowly."""
    total, term = first.copy(), first
    enough = _EXACT * np.abs(first).max(axis=0, initial=0.0)
    for _ in range(_SERIES):
        term = q @ term
        total += term
        if (np.abs(term).max(axis=0, initial=0.0) <= enough).all():
            return total
    return None
