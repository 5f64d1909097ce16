"""Cooperative games: Shapley values by subset transforms, or by sampled permutations.

A coalition of n players is an integer below 2^n whose bit i says whether player i is in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Sampled", "coalition_amounts", "shapley", "shapley_sampled", "subset_sums"]

_LOW_BITS = 6
_CHUNK_BITS = 16


class Sampled(NamedTuple):
    """Estimated Shapley values (n, r) and their standard errors (n, r)."""

    values: Floats
    errors: Floats


def subset_sums(amounts: Floats) -> Floats:
    """Return, for each of the 2^n coalitions, the sum of `amounts` over its subsets.

    The zeta transform of the subset lattice, in place on a copy: the low bits by one matrix
    product, the next while a chunk is in cache, the rest in long strides.
    """
    total = len(amounts)
    low = min(_LOW_BITS, total.bit_length() - 1)
    block = 1 << low
    inside = np.array([[1.0 if a & b == a else 0.0 for b in range(block)] for a in range(block)])
    sums = np.ascontiguousarray(amounts).reshape(-1, block) @ inside
    sums = sums.reshape(-1)
    chunk = min(total, 1 << _CHUNK_BITS)
    for part in sums.reshape(-1, chunk):
        _add_halves(part, block)
    _add_halves(sums, chunk)
    return np.asarray(sums)


def _add_halves(sums: Floats, half: int) -> None:
    while half < len(sums):
        pairs = sums.reshape(-1, 2, half)
        pairs[:, 1] += pairs[:, 0]
        half *= 2


def shapley(worth: Floats) -> Floats:
    """Return the n Shapley values of the game `worth` (2^n,) (Shapley 1953).

    phi_i = sum over S with i of w(|S| - 1) v(S) - sum over S without i of w(|S|) v(S), with
    w(s) = s! (n - s - 1)! / n!. Both sums come out of one folding pass over (w_in + w_out) v.
    """
    n = len(worth).bit_length() - 1
    if n == 0:
        return np.zeros(0)
    size = np.zeros(1, dtype=np.uint8)
    for _ in range(n):
        size = np.concatenate([size, size + np.uint8(1)])
    joining, absent = _weights(n)
    folded = (joining + absent)[size] * worth
    without_all = float(absent[size] @ worth)
    values = np.empty(n)
    for player in range(n - 1, -1, -1):
        half = 1 << player
        values[player] = folded[half:].sum()
        folded = folded[:half] + folded[half:]
    return np.asarray(values - without_all)


def _weights(n: int) -> tuple[Floats, Floats]:
    """Return, by coalition size, the weight of a coalition for a member and for an outsider."""
    weight = np.empty(n)  # s! (n - s - 1)! / n!
    weight[0] = 1.0 / n
    for s in range(1, n):
        weight[s] = weight[s - 1] * s / (n - s)
    return np.append(0.0, weight), np.append(weight, 0.0)


def shapley_sampled(
    offsets: NDArray[np.int64],
    codes: NDArray[np.integer],
    gained: Floats,
    trials: Floats,
    players: int,
    permutations: int,
    seed: int,
) -> Sampled:
    """Estimate the Shapley values of the game "gained / trials inside the coalition".

    Parameters
    ----------
    offsets, codes
        The observed sets, as ragged sequences of distinct players.
    gained, trials
        (sets, r) and (sets,): what each set yields in each of r measures, out of how many.
    permutations
        How many orders of arrival to draw; half of them are the others reversed, which takes
        much of the noise out (Mitchell et al. 2022, section 3.2). Errors are between such pairs.
    """
    rng = np.random.default_rng(seed)
    measures = gained.shape[1]
    pairs = max(2, permutations // 2)
    mean, spread = np.zeros((players, measures)), np.zeros((players, measures))
    starts = offsets[:-1]
    for drawn in range(1, pairs + 1):
        order = rng.permutation(players)
        pair = np.zeros((players, measures))
        for arrival in (order, order[::-1]):
            rank = np.empty(players, np.int64)
            rank[arrival] = np.arange(players)
            complete = np.maximum.reduceat(rank[codes], starts)
            inside = np.cumsum(np.bincount(complete, weights=trials, minlength=players))
            for measure in range(measures):
                got = np.cumsum(
                    np.bincount(complete, weights=gained[:, measure], minlength=players)
                )
                worth = np.divide(got, inside, out=np.zeros(players), where=inside > 0)
                pair[arrival, measure] += np.diff(worth, prepend=0.0) / 2
        # Welford 1962: the spread about a running mean does not cancel.
        apart = pair - mean
        mean += apart / drawn
        spread += apart * (pair - mean)
    return Sampled(mean, np.sqrt(spread / (pairs - 1) / pairs))


def coalition_amounts(
    offsets: NDArray[np.int64], codes: NDArray[np.integer], amounts: Floats, players: int
) -> Floats:
    """Return (2^players,): each set's amount at its coalition, summed."""
    bits = np.left_shift(np.int64(1), codes.astype(np.int64))
    running = np.append(0, np.cumsum(bits))
    coalition = running[offsets[1:]] - running[offsets[:-1]]
    return np.asarray(np.bincount(coalition, weights=amounts, minlength=1 << players), dtype=float)
