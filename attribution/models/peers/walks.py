"""ChannelAttribution's Markov model without its simulation: walks cut at a number of states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.credit import Credit
from attribution.errors import ModelError
from attribution.numerics import sequences
from attribution.tally import Tally, tally_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from attribution.journeys import Journeys

__all__ = ["TruncatedMarkov"]

_BLOCK = 24_000_000  # entries of one block of masses
_NOTHING = 1e-17  # probability below which walks have ended


@dataclass(frozen=True)
class TruncatedMarkov:
    """Removal effects of walks that are cut off, in expectation (ChannelAttribution 2.2.5).

    That package simulates walks from START, ends each as a failure when it would enter one state
    more than `max_step`, and counts the converting walks that met a channel. This is what its
    numbers tend to as simulations grow. With Q the transitions between states, c the chance of
    converting in each, e the start and Q_-c without steps into the channel's states,

        P = sum over t <= max_step of e Q^t c,    RE = 1 - P_-c / P.

    States are runs of `order` touchpoints, a shorter path is one; equal neighbours count as one
    state. Money has effects of its own: each state's conversions bring their mean value.

    Two habits differ from `Markov`: orders without a touchpoint are shared out too, and money on
    a row without conversions is shared out but shapes no effect (without `nulls` it is lost).
    Not reproduced: fractional conversions are not rounded down, and if no walk converts within
    the limit, or nothing converts at all, every credit is zero.

    Parameters
    ----------
    order
        How many touchpoints a state remembers.
    max_step
        States a walk may visit; by default one more than the longest path seen has, counted in
        states (two more for a path given with neither conversions nor nulls).
    nulls
        Whether journeys that did not convert count (its `var_null`).
    """

    order: int = 1
    max_step: int | None = None
    nulls: bool = True

    def __post_init__(self) -> None:
        if self.order < 1 or int(self.order) != self.order:
            raise ModelError(f"TruncatedMarkov(order={self.order!r}): it must be 1, 2, 3 ...")
        if self.max_step is not None and self.max_step < 1:
            raise ModelError(
                f"TruncatedMarkov(max_step={self.max_step!r}): a walk visits at least 1 state."
            )

    def tally(self, journeys: Journeys) -> Tally:
        """Return the sums of every path.

        `silent` counts rows with neither conversions nor nulls, which lengthen the walks, and
        `unsold` columns hold the money of rows without conversions.
        """
        seen = journeys.observed
        bought = seen.conversions > 0
        amounts, null = seen.amounts(), seen.weighted_nulls()
        silent = (~bought & (seen.nulls <= 0)).astype(float)
        if not self.nulls:
            amounts = np.where(bought[:, None], amounts, 0.0)
            null, silent = np.zeros(len(seen)), np.zeros(len(seen))
        unsold = np.where(bought[:, None], 0.0, amounts[:, 1:])
        columns = (
            "null",
            "silent",
            *(f"unsold {name}" for name in seen.measures[1:]),
            *seen.measures,
        )
        return tally_rows(
            seen.channels,
            columns,
            seen.measures,
            seen.offsets,
            seen.codes,
            np.column_stack([null, silent, unsold, amounts]),
        )

    def credit(self, tally: Tally) -> Credit:
        """Return credit and removal effects."""
        walks = _walks(tally, self.order)
        whole, lost = _within(walks, self.longest(tally), len(tally.channels))
        effects = np.divide(lost, whole, out=np.zeros_like(lost), where=whole > 0)
        parts = effects.sum(axis=0)
        totals = tally.measured.sum(axis=0)
        credit = effects * np.divide(totals, parts, out=np.zeros_like(totals), where=parts > 0)
        return Credit(
            tally.channels, tally.measures, credit, np.zeros_like(totals), removals=effects
        )

    def longest(self, tally: Tally) -> int:
        """Return how many states a walk on these paths may visit."""
        if self.max_step is not None:
            return self.max_step
        seen = _walks(tally, self.order).lengths
        return int((seen + np.where(tally.column("silent") > 0, 2, 1)).max(initial=1))


class _Walks(NamedTuple):
    """The chain that the paths make, and how many states each path has."""

    lengths: NDArray[np.int64]  # (paths,)
    straight: NDArray[np.float64]  # (r,) reward of orders without a touchpoint, per journey
    start: NDArray[np.float64]  # (m,)
    reward: NDArray[np.float64]  # (m, r)
    back: csr_array  # (m, m) transposed transitions
    state: NDArray[np.int64]  # pairs: a state ...
    member: NDArray[np.int64]  # ... and a channel in it


def _walks(tally: Tally, order: int) -> _Walks:
    from scipy.sparse import csr_array  # 0.25 s that heuristics do not need

    known = np.flatnonzero(tally.lengths)
    lengths = tally.lengths[known]
    runs = np.maximum(lengths - order + 1, 1)
    path = np.repeat(known, runs)
    size = np.repeat(np.minimum(lengths, order), runs)
    offsets = sequences.offsets_of(size)
    codes = tally.codes[sequences.expand(sequences.expand(tally.offsets[known], runs), size)]
    first, state = sequences.group(offsets, codes)
    m = len(first)

    begins = np.diff(path, prepend=-1) != 0
    kept = np.flatnonzero(begins | (np.diff(state, prepend=-1) != 0))
    path, state, begins = path[kept], state[kept], begins[kept]
    ends = np.append(begins[1:], True)[: len(begins)]
    inner = np.flatnonzero(~begins)

    unsold = tally.sums[:, 2 : 1 + len(tally.measures)]
    rewards = tally.measured - np.column_stack([np.zeros(len(tally)), unsold])
    weight = tally.column("null") + tally.column("conversions")
    begun = weight.sum() or 1.0
    visits = np.bincount(state, weights=weight[path], minlength=m)
    per = np.divide(1.0, visits, out=np.zeros(m), where=visits > 0)
    source, target = state[inner - 1], state[inner]
    member_offsets, where = sequences.take(offsets, first)
    return _Walks(
        np.bincount(path, minlength=len(tally)),
        rewards[tally.lengths == 0].sum(axis=0) / begun,
        np.bincount(state[begins], weights=weight[path[begins]], minlength=m) / begun,
        sequences.sum_by(state[ends], rewards[path[ends]], m) * per[:, None],
        csr_array((weight[path[inner]] * per[source], (target, source)), shape=(m, m)),
        np.repeat(np.arange(m), np.diff(member_offsets)),
        codes[where].astype(np.int64),
    )


def _within(
    walks: _Walks, limit: int, channels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what walks within the limit yield, (r,), and lose without each channel, (n, r)."""
    size = max(1, _BLOCK // max(1, len(walks.start)))
    none = np.zeros(0, np.int64)
    whole = _yield(walks, limit, none, none, 1)[0]
    left = [
        _yield(
            walks, limit, walks.state[chosen], walks.member[chosen] - low, min(size, channels - low)
        )
        for low in range(0, channels, size)
        for chosen in [(walks.member >= low) & (walks.member < low + size)]
    ]
    lost = whole - np.vstack([np.zeros((0, len(whole))), *left])
    lost[np.bincount(walks.member, minlength=channels) == 0] = 0.0
    return whole + walks.straight, lost


def _yield(
    walks: _Walks, limit: int, state: NDArray[np.int64], barred: NDArray[np.int64], sets: int
) -> NDArray[np.float64]:
    """Return (sets, r): what walks yield that never enter a set's barred states."""
    mass = np.repeat(walks.start[:, None], sets, axis=1)
    total = np.zeros((sets, walks.reward.shape[1]))
    for _ in range(limit):
        mass[state, barred] = 0.0
        if mass.sum(axis=0).max(initial=0.0) < _NOTHING:
            break
        total += mass.T @ walks.reward
        mass = walks.back @ mass
    return total
