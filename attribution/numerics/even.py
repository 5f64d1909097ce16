"""Returns to each state of a large chain without hubs: the diagonal of (I - q)^-1.

Where no state is much busier than others, what comes next is nearly the same after each of them:
q is a matrix of low rank and a remainder that is small in the 2-norm, though not entry by entry.
With s = D q D^-1 (D the roots of the visits) and orthonormal u (m, k) that spans its leading
directions, s = u b' + w, b = s' u, w = s - u b', and with M = (I - w)^-1

    (I - s)^-1 = M + M u (I - b' M u)^-1 b' M

(Sherman, Morrison and Woodbury; Golub & Van Loan, Matrix Computations, 2013, 2.1.4). The diagonal
of M is summed up to w^4, whose diagonal needs w^2 only; w^2 is kept in single precision.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.numerics.hubs import multiplications

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]

__all__ = ["Deflated", "deflate", "estimate"]

_RANK = 16  # directions taken out
_ROUNDS = 12  # of subspace iteration
_SMALL = 0.1  # norm of the remainder, up to which the fifth power counts for nothing
_ROWS = 500  # rows of w^2 made at once
_SERIES, _EXACT = 60, 1e-15
_SCATTERED, _DENSE = 2e8, 4e8  # multiplications a second: sparse by sparse; entries written


def estimate(q: csr_array) -> float:
    """Return about how many seconds `deflate` takes."""
    return float(multiplications(q, q) / _SCATTERED + q.shape[0] ** 2 / _DENSE)


class Deflated(NamedTuple):
    """A scaled chain, its leading directions, and the returns to each state."""

    scale: Floats  # (m,)
    s: csr_array
    u: Floats  # (m, k)
    b: Floats  # (m, k)
    inner: Floats  # (k, k) (I - b' M u)^-1
    onward: Floats  # (m, k) M u
    returns: Floats  # (m,)

    def solve(self, right: Floats) -> Floats | None:
        """Return (I - q)^-1 right, (m, r), to rounding, or None if a series is too long."""
        found = _series(self.s, self.u, self.b, right * self.scale[:, None])
        if found is None:
            return None
        found = found + self.onward @ (self.inner @ (self.b.T @ found))
        return np.asarray(found / self.scale[:, None])


def deflate(q: csr_array, visits: Floats) -> Deflated | None:
    """Take the leading directions out, or return None if what remains is not small.

    Parameters
    ----------
    q
        (m, m) steps between states, none to itself.
    visits
        (m,) expected visits.

    Notes
    -----
    4 bytes for each pair of states. The error of a count of returns is that of the fifth power
    of w, about |w|^5 over the root of m where w is like noise: compare with exact columns.
    """
    from scipy.sparse import diags_array

    scale = np.sqrt(np.maximum(visits, np.finfo(float).tiny))
    s = (diags_array(scale) @ q @ diags_array(1.0 / scale)).tocsr()
    back = s.T.tocsr()
    u = np.random.default_rng(0).standard_normal((len(scale), _RANK))
    for _ in range(_ROUNDS):
        u = np.linalg.qr(s @ (back @ u))[0]
    b = back @ u
    if _norm(s, back, u, b) > _SMALL:
        return None
    onward, ahead = _series(s, u, b, u), _series(back, b, u, b)
    if onward is None or ahead is None:
        return None
    inner = np.linalg.inv(np.eye(u.shape[1]) - b.T @ onward)
    right = np.hstack([b, back @ b - b @ (u.T @ b)])
    del back
    returns = _powers(s, u, b, right) + np.einsum("ij,ij->i", onward @ inner, ahead)
    return Deflated(scale, s, u, b, inner, onward, returns)


def _norm(s: csr_array, back: csr_array, u: Floats, b: Floats) -> float:
    """Estimate the 2-norm of w by the power method."""
    z, size = np.random.default_rng(1).standard_normal((len(u), 1)), 0.0
    for _ in range(_ROUNDS):
        z = s @ z - u @ (b.T @ z)
        z = back @ z - b @ (u.T @ z)
        size = float(np.linalg.norm(z))
        z = z / max(size, np.finfo(float).tiny)
    return float(np.sqrt(size))


def _series(s: csr_array, u: Floats, b: Floats, first: Floats) -> Floats | None:
    """Return (I - w)^-1 first as the sum of w^i first, or None if it converges slowly."""
    total, term = first.copy(), first
    enough = _EXACT * np.abs(first).max(axis=0, initial=0.0)
    for _ in range(_SERIES):
        term = s @ term - u @ (b.T @ term)
        total += term
        if (np.abs(term).max(axis=0, initial=0.0) <= enough).all():
            return total
    return None


def _powers(s: csr_array, u: Floats, b: Floats, right: Floats) -> Floats:
    """Return the diagonal of I + w + w^2 + w^3 + w^4, where w^2 = s^2 - (s u, u) right'."""
    m = len(u)
    left, right = np.hstack([s @ u, u]).astype(np.float32), right.astype(np.float32)
    single, u32 = s.astype(np.float32), u.astype(np.float32)
    back = single.T.tocsr()
    square = np.empty((m, m), np.float32)
    total = np.asarray(1.0 + s.diagonal()) - np.einsum("ij,ij->i", u, b)
    for begin in range(0, m, _ROWS):
        part = slice(begin, min(begin + _ROWS, m))
        rows = square[part]
        np.matmul(left[part], right.T, out=rows)
        np.subtract((single[part] @ single).toarray(), rows, out=rows)
        total[part] += rows[np.arange(len(rows)), np.arange(begin, begin + len(rows))]
        entries = back[part]
        row = np.repeat(np.arange(len(rows)), np.diff(entries.indptr))
        third = entries.data * rows[row, entries.indices]
        total[part] += np.bincount(row, third, len(rows))
        total[part] -= np.einsum("ij,ij->i", rows @ u32, b[part])
    for begin in range(0, m, _ROWS):
        part = slice(begin, begin + _ROWS)
        for across in range(0, m, _ROWS):
            other = slice(across, across + _ROWS)
            total[part] += np.einsum("ij,ji->i", square[part, other], square[other, part])
    return np.asarray(total)
