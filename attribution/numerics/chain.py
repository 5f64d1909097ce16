"""Absorbing Markov chains: what is lost when states are removed.

Notation: `q` (m, m) holds the transition probabilities between transient states, `start` (m,)
the probability of beginning in each, `reward` (m, r) what one visit yields on average by ending
there (r measures, such as conversions and value). Then

    visits x = start (I - q)^-1,    prospects y = (I - q)^-1 reward,    total = start y.

Removing a set of states sends every step into it to the null state. What is lost is what flows
on from the first visit to the set (Kemeny & Snell, Finite Markov Chains, 1960, ch. 3):

    loss(C) = sum over v in C of P(first state of C is v) * y(v).

For a single state c this is x(c) y(c) / d(c), with d(c) = ((I - q)^-1)(c, c).

d is the whole difficulty. Small chains are inverted. In large ones few states usually hold most
visits, and are eliminated first (`attribution.numerics.hubs`); if none does, the chain is nearly of
low rank (`attribution.numerics.even`). What takes least work is chosen by an estimate, and what is
approximated is compared with exact columns of the inverse; where they disagree, it is inverted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attribution.errors import ModelError
from attribution.numerics import even, hubs

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]

__all__ = ["losses_by_state"]

_DENSE = 1_500  # states up to which one dense inverse is the quickest
_LARGEST = 21_000  # states up to which it fits into 4 GB
_RATE = 1.5e10  # multiplications a second in a dense inverse
_CHECKED = 32  # exact columns to compare with
_AGREED = 1e-9  # of a count of returns


def losses_by_state(q: csr_array, visits: Floats, reward: Floats) -> Floats:
    """Return (m, r): what is lost when each single state is removed.

    Raises
    ------
    ModelError
        If the chain is too large to invert and too evenly visited for anything else.
    """
    returns, prospects = _returns_and_prospects(q, visits, reward)
    return np.asarray(visits[:, None] * prospects / returns[:, None])


def _returns_and_prospects(q: csr_array, visits: Floats, reward: Floats) -> tuple[Floats, Floats]:
    """Return diag((I - q)^-1), (m,), and (I - q)^-1 reward, (m, r)."""
    m = q.shape[0]
    if m <= _DENSE:
        return _inverted(q, reward)
    from scipy.sparse import diags_array

    # Take steps from a state to itself out: I - q = (I - d)(I - (I - d)^-1 (q - d)).
    order = np.argsort(-visits, kind="stable")
    q, visits, reward = q[order][:, order], visits[order], reward[order]
    stay = q.diagonal()
    leave = 1.0 / (1.0 - stay)
    q = (diags_array(leave) @ (q - diags_array(stay))).tocsr()
    q.eliminate_zeros()
    found = _sparsely(q, visits / leave, reward * leave[:, None])
    if found is None:
        found = _inverted(q, reward * leave[:, None])
    returns, prospects = np.empty(m), np.empty_like(reward)
    returns[order], prospects[order] = found[0] * leave, found[1]
    return returns, prospects


def _inverted(q: csr_array, reward: Floats) -> tuple[Floats, Floats]:
    """Invert the chain in place: 8 bytes for each pair of states."""
    from scipy.linalg.lapack import dgetrf, dgetri

    m = q.shape[0]
    if m > _LARGEST:
        raise ModelError(
            f"{m:,} channels that are all about as frequent: no exact method fits into memory. "
            "Roll rare channels up to a coarser level."
        )
    table = (-q).toarray(order="F")
    table[np.arange(m), np.arange(m)] += 1.0
    table, pivots, failed = dgetrf(table, overwrite_a=True)
    if not failed:
        table, failed = dgetri(table, pivots, lwork=64 * m, overwrite_lu=True)
    if failed:
        raise ModelError("The journeys' chain has states that no journey leaves.")
    return table.diagonal().copy(), table @ reward


def _sparsely(q: csr_array, visits: Floats, reward: Floats) -> tuple[Floats, Floats] | None:
    """Do what takes least work; None if that is an inverse, or if exact columns disagree."""
    m = q.shape[0]
    plan, evenly = hubs.plan(q, visits), even.estimate(q)
    inverse = m**3 / _RATE if m <= _LARGEST else np.inf
    parts: hubs.Eliminated | even.Deflated | None = None
    if evenly < min(plan.seconds, inverse) and m <= _LARGEST:
        parts = even.deflate(q, visits)
    if parts is None and plan.seconds < inverse:
        parts = hubs.eliminate(q, visits, plan.hubs)
    if parts is None:
        return None
    checked = np.unique(np.linspace(0, m - 1, _CHECKED).astype(np.int64))
    columns = np.arange(len(checked))
    ones = np.zeros((m, len(checked)))
    ones[checked, columns] = 1.0
    exact, prospects = parts.solve(ones), parts.solve(reward)
    if exact is None or prospects is None:
        return None
    known = exact[checked, columns]
    agreed = np.abs(parts.returns[checked] - known) <= _AGREED * known
    return (parts.returns, prospects) if agreed.all() else None
