"""Markov chains over journey graphs, and removal effects (Anderl et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd

from attribution.credit import Credit
from attribution.errors import ModelError
from attribution.names import CONVERSION, NULL, START
from attribution.numerics import chain, sequences
from attribution.tally import Tally, tally_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from attribution.journeys import Journeys

__all__ = ["Markov"]

Removal = Literal["null", "reconnect"]
_DIRECT_COUNT = 1 << 25
_FEW_KEYS = 1 << 20
_SLICE = 1 << 20  # touchpoints
_LARGEST_KEY = 1 << 62
_NO_EFFECT = 1e-12


@dataclass(frozen=True)
class Markov:
    """Removal effects of the exact absorbing chain of a given order.

    States are the last `order` touchpoints; a journey begins in its first run of that length, and
    a shorter journey is one state. A conversion ends the journey, so every one is counted, and so
    is every journey that did not convert. Removal effect of a channel: 1 - (conversions of the
    chain without it) / (conversions of the chain); credit is the attributed total shared by the
    effects. Value has effects of its own: the same chain, with the value of the conversions
    that end in a state, per visit, in place of their number.

    Parameters
    ----------
    order
        How many touchpoints a state remembers.
    removal
        What becomes of a step into a removed channel: "null" ends the journey without a
        conversion; "reconnect" forgets the step and rescales the others, so that an effect can be
        negative (such a channel gets no credit).
    nulls
        Whether journeys that did not convert count; without them the chain only knows buyers.
    """

    order: int = 1
    removal: Removal = "null"
    nulls: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.order, int | np.integer) or self.order < 1:
            raise ModelError(f"Markov(order={self.order!r}): the order must be 1, 2, 3 ...")
        object.__setattr__(self, "order", int(self.order))
        if self.removal not in get_args(Removal):
            raise ModelError(
                f"Markov(removal={self.removal!r}): write one of {', '.join(get_args(Removal))}."
            )

    def tally(self, journeys: Journeys) -> Tally:
        """Return how often each run of channels starts, continues and ends a journey.

        Keys of up to `order` channels are states: `start`, `null` and the measures say how many
        journeys begin and end there. Keys of one more are steps between two states.
        """
        seen = journeys.observed
        few = (len(seen.channels) + 1) ** (self.order + 1) <= _FEW_KEYS
        if few and len(seen.codes) > _SLICE:  # small pieces stay in cache, and add up at no cost
            parts = [self._tally(part) for part in seen.slices(_SLICE)]
            return sum(parts[1:], start=parts[0])
        return self._tally(seen)

    def _tally(self, seen: Journeys) -> Tally:
        measured = seen.amounts()
        null = seen.weighted_nulls() if self.nulls else np.zeros(len(seen))
        count = (measured[:, 0] + null)[:, None]
        state = np.minimum(seen.lengths, self.order)
        steps = np.maximum(seen.lengths - self.order, 0)
        width = self.order + 1
        runs = (
            _Runs(seen.offsets[:-1], state, count),
            _Runs(
                sequences.expand(seen.offsets[:-1], steps),
                np.full(steps.sum(), width),
                np.repeat(count, steps, axis=0),
            ),
            _Runs(seen.offsets[1:] - state, state, np.column_stack([null, measured])),
        )
        # The order is part of a column's name: tallies of different orders do not add.
        columns = ("start", f"step{self.order}", "null", *seen.measures)
        return _tally_runs(seen, runs, columns, width)

    def credit(self, tally: Tally) -> Credit:
        """Return credit and removal effects."""
        states = _states(tally, self.order)
        totals = tally.measured[tally.lengths > 0].sum(axis=0)
        begun = states.start.sum()
        lost = np.zeros((len(tally.channels), len(tally.measures)))
        if begun > 0:
            lost = _losses(states, self) * begun
        effects = np.divide(lost, totals, out=np.zeros_like(lost), where=totals != 0)
        weight = np.maximum(effects, 0.0) if self.removal == "reconnect" else effects
        shared = weight.sum(axis=0)
        credit = weight * np.divide(totals, shared, out=np.zeros_like(totals), where=shared != 0)
        return Credit(
            tally.channels,
            tally.measures,
            credit,
            tally.unattributed,
            effects=effects,
        )

    def transitions(self, tally: Tally) -> pd.DataFrame:
        """Return the transition table: source, target, count, probability; START and ends too."""
        return _transition_table(_states(tally, self.order), tally)


class _Runs(NamedTuple):
    """Runs of touchpoints: where each begins, how long it is, and its amounts (runs, c)."""

    at: NDArray[np.int64]
    lengths: NDArray[np.int64]
    amounts: NDArray[np.float64]


class _States(NamedTuple):
    """The chain: its states as runs of channels, and its counts."""

    channels: int
    offsets: NDArray[np.int64]
    codes: NDArray[np.int32]
    start: NDArray[np.float64]
    null: NDArray[np.float64]
    ended: NDArray[np.float64]  # (m, measures)
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    step: NDArray[np.float64]

    @property
    def visits(self) -> NDArray[np.float64]:
        arrived = np.bincount(self.target, weights=self.step, minlength=len(self.start))
        return np.asarray(self.start + arrived)

    def chain(self) -> tuple[csr_array, NDArray[np.float64], NDArray[np.float64]]:
        """Return transition probabilities, expected visits of a journey, and mean reward."""
        from scipy.sparse import csr_array

        m, visits = len(self.start), self.visits
        per = np.divide(1.0, visits, out=np.zeros(m), where=visits > 0)
        q = csr_array((self.step * per[self.source], (self.source, self.target)), shape=(m, m))
        return q, visits / self.start.sum(), self.ended * per[:, None]


def _tally_runs(
    journeys: Journeys, kinds: tuple[_Runs, ...], columns: tuple[str, ...], width: int
) -> Tally:
    """Tally runs of at most `width` channels; each kind has the next columns for its own.

    Equal runs are first counted by one integer each, where it fits: that is quick and leaves few
    rows. Summing them by channel sequence puts the rest right.
    """
    radix = len(journeys.channels) + 1
    lengths: list[NDArray[np.integer]] = []
    codes: list[NDArray[np.integer]] = []
    amounts, taken = [], 0
    for runs in kinds:
        if radix**width < _LARGEST_KEY:
            digits, sums = _counted(journeys.codes, runs, radix, width)
            lengths.append((digits > 0).sum(axis=1))
            codes.append(digits[digits > 0] - 1)
        else:
            sums = runs.amounts
            lengths.append(runs.lengths)
            codes.append(journeys.codes[sequences.expand(runs.at, runs.lengths)])
        wide = np.zeros((len(sums), len(columns)))
        wide[:, taken : taken + sums.shape[1]] = sums
        amounts.append(wide)
        taken += sums.shape[1]
    return tally_rows(
        journeys.channels,
        columns,
        journeys.measures,
        sequences.offsets_of(np.concatenate(lengths)),
        np.concatenate(codes),
        np.vstack(amounts),
    )


def _counted(
    codes: NDArray[np.int32], runs: _Runs, radix: int, width: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return distinct runs as rows of digits (code + 1, 0 past the end), and their sums."""
    key = np.zeros(len(runs.at), np.int64)
    last = max(len(codes) - 1, 0)
    for place in range(width):
        digit = codes[np.minimum(runs.at + place, last)] + 1 if len(codes) else key
        key = key * radix + np.where(place < runs.lengths, digit, 0)
    limit = radix**width
    if limit <= min(len(key) * 4, _DIRECT_COUNT):
        sums = sequences.sum_by(key, runs.amounts, limit)
        keys = np.flatnonzero((sums != 0).any(axis=1))
        sums = sums[keys]
    else:
        keys, inverse = np.unique(key, return_inverse=True)
        sums = sequences.sum_by(inverse, runs.amounts, len(keys))
    digits = np.empty((len(keys), width), np.int64)
    for place in reversed(range(width)):
        keys, digits[:, place] = np.divmod(keys, radix)
    return digits, sums


def _states(tally: Tally, order: int) -> _States:
    lengths = tally.lengths
    is_state, is_step = (lengths > 0) & (lengths <= order), lengths > order
    begin = tally.offsets[:-1]
    at = np.concatenate([begin[is_state], begin[is_step], begin[is_step] + 1])
    size = np.concatenate([lengths[is_state], np.full(2 * int(is_step.sum()), order)])
    offsets = sequences.offsets_of(size)
    codes = tally.codes[sequences.expand(at, size)]
    first, inverse = sequences.group(offsets, codes)
    state_offsets, where = sequences.take(offsets, first)
    kept = int(is_state.sum())
    source, target = np.split(inverse[kept:], 2)
    sums = sequences.sum_by(inverse[:kept], tally.sums[is_state], len(first))
    place = {name: i for i, name in enumerate(tally.columns)}
    return _States(
        len(tally.channels),
        state_offsets,
        codes[where],
        sums[:, place["start"]],
        sums[:, place["null"]],
        sums[:, [place[name] for name in tally.measures]],
        source,
        target,
        tally.column(f"step{order}")[is_step],
    )


def _losses(states: _States, model: Markov) -> NDArray[np.float64]:
    """Return (channels, measures): what each channel's removal costs, per journey."""
    if model.removal == "reconnect":
        return _reconnected_losses(states)
    q, visits, reward = states.chain()
    out = np.zeros((states.channels, reward.shape[1]))
    if model.order == 1:
        out[states.codes] = chain.losses_by_state(q, visits, reward)
        return out
    lengths = np.diff(states.offsets)
    start = states.start / states.start.sum()
    member = _membership(states)
    # A journey shorter than the order is one state that nothing enters or leaves.
    whole = np.flatnonzero(lengths == model.order)
    short = np.flatnonzero(lengths < model.order)
    out += member[short].T @ (start[short][:, None] * reward[short])
    last = states.codes[states.offsets[1:] - 1].astype(np.int64)[whole]
    before = states.codes[np.maximum(states.offsets[1:] - 2, 0)].astype(np.int64)[whole]
    if len(whole):
        out += chain.losses_by_set(
            q[whole][:, whole],
            start[whole],
            visits[whole],
            reward[whole],
            member[whole],
            (before, last),
        )
    return out


def _membership(states: _States) -> csr_array:
    """Return (m, channels): 1 where a state contains the channel."""
    from scipy.sparse import csr_array

    rows = np.repeat(np.arange(len(states.start)), np.diff(states.offsets))
    pairs = np.unique(rows * states.channels + states.codes)
    return csr_array(
        (np.ones(len(pairs)), (pairs // states.channels, pairs % states.channels)),
        shape=(len(states.start), states.channels),
    )


def _reconnected_losses(states: _States) -> NDArray[np.float64]:
    """Delete the channel's states and rescale every row by what it has left; no row left: null."""
    from scipy.sparse import csr_array, diags_array, eye_array
    from scipy.sparse.linalg import splu

    q, _, reward = states.chain()
    start = states.start / states.start.sum()
    per = np.divide(1.0, states.visits, out=np.zeros(len(start)), where=states.visits > 0)
    ending = (states.null + states.ended[:, 0]) * per
    total = states.ended.sum(axis=0) / states.start.sum()
    member = _membership(states).tocsc()
    out = np.zeros((states.channels, reward.shape[1]))
    for channel in np.unique(states.codes):
        keep = np.ones(len(start), bool)
        keep[member[:, [channel]].indices] = False
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
        out[channel] = total - left
    # Where a channel has no effect, rounding is left, and credit would be shared by it.
    return np.where(np.abs(out) > _NO_EFFECT * np.abs(total), out, 0.0)


def _can_end(q: csr_array, ends: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mark the states from which an end can be reached; from the others nothing converts."""
    able = ends.copy()
    while True:
        wider = able | ((q @ able.astype(float)) > 0)
        if np.array_equal(wider, able):
            return able
        able = wider


def _transition_table(states: _States, tally: Tally) -> pd.DataFrame:
    names = np.array(tally.channels, dtype=object)[states.codes]
    bounds = zip(states.offsets[:-1], states.offsets[1:], strict=True)
    label = np.array([" > ".join(names[a:b]) for a, b in bounds], dtype=object)
    parts = [
        (np.full(len(label), START, dtype=object), label, states.start),
        (label[states.source], label[states.target], states.step),
        (label, np.full(len(label), CONVERSION, dtype=object), states.ended[:, 0]),
        (label, np.full(len(label), NULL, dtype=object), states.null),
    ]
    table = pd.DataFrame(
        {
            "source": np.concatenate([p[0] for p in parts]),
            "target": np.concatenate([p[1] for p in parts]),
            "count": np.concatenate([p[2] for p in parts]),
        }
    )
    out_of = np.concatenate(
        [
            np.full(len(label), states.start.sum()),
            states.visits[states.source],
            states.visits,
            states.visits,
        ]
    )
    table["probability"] = table["count"] / np.where(out_of > 0, out_of, 1.0)
    return table[table["count"] != 0].reset_index(drop=True)
