"""Derivatives of Shapley values of the game "gained / trials inside the coalition".

With g(S) and t(S) the sums of a coalition's subsets and v = g / t, a change of the sums moves the
worth by dv(S) = (dg(S) - v(S) dt(S)) / t(S), and the Shapley value, being linear, by phi(dv). For
phi_c(dv) = sum over S of a_c(S) dv(S) no subset sums of a change are needed: what a single set A
carries counts in every S that contains it, so its weight is a sum over supersets,

    sum over S with A inside S of a_c(S) / t(S) = Z(A + c) - Z'(A),

Z being the superset sums of (w_in + w_out) / t and Z' those of w_out / t, since the supersets of
A that hold c are those of A + c. The same with v / t in place of 1 / t for the trials.
"""

from __future__ import annotations

from math import comb
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.numerics import game, sequences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Moved", "Part", "moved", "moved_sampled"]


class Part(NamedTuple):
    """Observed sets as ragged sequences of players, and their sums.

    Attributes
    ----------
    offsets, codes
        The sets, not empty, without repeats.
    gained, trials
        (sets, r) and (sets,).
    """

    offsets: NDArray[np.int64]
    codes: NDArray[np.integer]
    gained: Floats
    trials: Floats


class Moved(NamedTuple):
    """Shapley values (players, r), and their derivatives along each part (parts, players, r)."""

    values: Floats
    slopes: Floats


def moved(parts: Sequence[Part], players: int) -> Moved:
    """Return the exact Shapley values of the parts together, and how each part moves them."""
    measures = parts[0].gained.shape[1]
    sets = [_coalitions(part) for part in parts]

    def sums(column: list[Floats]) -> Floats:
        total = np.bincount(
            np.concatenate(sets), weights=np.concatenate(column), minlength=1 << players
        )
        return game.subset_sums(np.asarray(total, dtype=float))

    def supersets(amounts: Floats) -> Floats:
        return game.subset_sums(amounts[::-1])[::-1]

    inside = sums([part.trials for part in parts])
    per = np.divide(1.0, inside, out=inside, where=inside > 0)
    both, absent = _weights(players)
    values = np.empty((players, measures))
    slopes = np.zeros((len(parts), players, measures))
    bits = np.left_shift(np.int64(1), np.arange(players))

    def add(weight: Floats, columns: list[Floats], where: slice, sign: float) -> None:
        """Add the sums over supersets of weight, at A + c less at A."""
        with_player = supersets(weight * both[_sizes(players)])
        for place, (at, amounts) in enumerate(zip(sets, columns, strict=True)):
            for player in range(players):
                slopes[place, player, where] += sign * (with_player[at | bits[player]] @ amounts)
        without = supersets(weight * absent[_sizes(players)])
        for place, (at, amounts) in enumerate(zip(sets, columns, strict=True)):
            slopes[place, :, where] -= sign * (without[at] @ amounts)

    add(per, [part.gained for part in parts], slice(None), 1.0)
    for measure in range(measures):
        worth = sums([part.gained[:, measure] for part in parts])
        worth *= per
        values[:, measure] = game.shapley(worth)
        worth *= per
        column = [part.trials[:, None] for part in parts]
        add(worth, column, slice(measure, measure + 1), -1.0)
    return Moved(values, slopes)


def _coalitions(part: Part) -> NDArray[np.int64]:
    bits = np.left_shift(np.int64(1), part.codes.astype(np.int64))
    running = np.append(0, np.cumsum(bits))
    return np.asarray(running[part.offsets[1:]] - running[part.offsets[:-1]])


def _sizes(players: int) -> NDArray[np.uint8]:
    size = np.zeros(1, dtype=np.uint8)
    for _ in range(players):
        size = np.concatenate([size, size + np.uint8(1)])
    return size


def _weights(players: int) -> tuple[Floats, Floats]:
    """Return w_in + w_out and w_out by size of coalition; w(s) = s! (n - s - 1)! / n!."""
    weight = np.array([1.0 / (players * comb(players - 1, s)) for s in range(players)])
    absent = np.append(weight, 0.0)
    return np.append(0.0, weight) + absent, absent


def moved_sampled(parts: Sequence[Part], players: int, permutations: int, seed: int) -> Moved:
    """Return the same for the estimate of `game.shapley_sampled`, from the same draws."""
    lengths = np.concatenate([np.diff(part.offsets) for part in parts])
    codes = np.concatenate([part.codes for part in parts])
    offsets = sequences.offsets_of(lengths)
    first, inverse = sequences.group(offsets, codes)
    set_offsets, where = sequences.take(offsets, first)
    distinct, starts = codes[where], set_offsets[:-1]
    row = np.repeat(np.arange(len(parts)), [len(part.trials) for part in parts]) * players
    trials = np.concatenate([part.trials for part in parts])
    gained = np.concatenate([part.gained for part in parts])
    rng = np.random.default_rng(seed)
    pairs = max(2, permutations // 2)
    values = np.zeros((players, gained.shape[1]))
    slopes = np.zeros((len(parts), players, gained.shape[1]))
    for _ in range(pairs):
        order = rng.permutation(players)
        for arrival in (order, order[::-1]):
            rank = np.empty(players, np.int64)
            rank[arrival] = np.arange(players)
            complete = row + np.maximum.reduceat(rank[distinct], starts)[inverse]
            size = len(parts) * players

            def running(column: Floats, at: NDArray[np.int64] = complete, n: int = size) -> Floats:
                table = np.bincount(at, weights=column, minlength=n).reshape(len(parts), players)
                return np.cumsum(table, axis=1)

            inside = running(trials)
            whole = inside.sum(axis=0)
            for measure in range(gained.shape[1]):
                got = running(gained[:, measure])
                worth = np.divide(got.sum(axis=0), whole, out=np.zeros(players), where=whole > 0)
                apart = got - worth * inside
                rate = np.divide(apart, whole, out=np.zeros_like(apart), where=whole > 0)
                values[arrival, measure] += np.diff(worth, prepend=0.0)
                slopes[:, arrival, measure] += np.diff(rate, axis=1, prepend=0.0)
    return Moved(values / (2 * pairs), slopes / (2 * pairs))
