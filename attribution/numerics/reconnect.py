"""What an absorbing chain loses when states are forgotten, and what led to them is rescaled.

The notation is that of `attribution.numerics.chain`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]

__all__ = ["losses_reconnected"]

_NO_EFFECT = 1e-12  # of all there is: what rounding leaves


def losses_reconnected(
    q: csr_array,
    start: Floats,
    ending: Floats,
    reward: Floats,
    total: Floats,
    member: csr_array,
) -> Floats:
    """Return (sets, r): what is lost when the states of each set are forgotten, one set at a time.

    Every row, and the start, is divided by what it has left. Where nothing is left, or no end can
    be reached, nothing is gained.

    Parameters
    ----------
    q, start, reward
        The chain of m states.
    ending
        (m,) the probability to end in each state, with a reward or without.
    total
        (r,) what the whole chain yields.
    member
        (m, sets) true where a state belongs to a set.
    """
    from scipy.sparse import csr_array, diags_array, eye_array
    from scipy.sparse.linalg import splu

    members = member.tocsc()
    out = np.zeros((member.shape[1], reward.shape[1]))
    for which in np.flatnonzero(np.diff(members.indptr)):
        keep = np.ones(len(start), bool)
        keep[members[:, [which]].indices] = False
        left = np.zeros(reward.shape[1])
        if start[keep].sum() > 0:
            inner = csr_array(q[keep][:, keep])
            mass = np.asarray(inner.sum(axis=1)).ravel() + ending[keep]
            scale = np.divide(1.0, mass, out=np.zeros(len(mass)), where=mass > 0)
            inner = diags_array(scale) @ inner
            able = _can_end(inner, ending[keep] > 0)
            solver = splu((eye_array(int(able.sum())) - inner[able][:, able]).tocsc())
            prospects = np.zeros((len(mass), reward.shape[1]))
            prospects[able] = solver.solve((reward[keep] * scale[:, None])[able])
            left = start[keep] @ prospects / start[keep].sum()
        out[which] = total - left
    # Where a set has no effect, rounding is left, and credit would be shared by it.
    return np.where(np.abs(out) > _NO_EFFECT * np.abs(total), out, 0.0)


def _can_end(q: csr_array, ends: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the states from which an end can be reached; from the others nothing converts."""
    able = ends.copy()
    while True:
        wider = able | ((q @ able.astype(float)) > 0)
        if np.array_equal(wider, able):
            return able
        able = wider
