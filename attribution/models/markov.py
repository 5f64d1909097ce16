"""Markov chains over journey graphs, and removal effects (Anderl et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
import pandas as pd

from attribution.credit import Credit
from attribution.errors import ModelError
from attribution.model import Slopes
from attribution.names import CONVERSION, NULL, START
from attribution.numerics import chain, chain_slopes, lookup, packing, reconnect, sequences, walks
from attribution.tally import RunningTally, Tally, tally_keys, tally_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from attribution.journeys import Journeys

__all__ = ["Markov"]

Removal = Literal["null", "reconnect"]
_SLICE = 1 << 20  # touchpoints
_PER_CHAIN = 1e6  # operations of a chain's solution, however small
_PER_KEY = 300  # the same, for each key of a tally


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
        if not packing.fits(len(seen.channels), self.order + 1):
            return self._tally_long(seen)
        if len(seen.codes) <= _SLICE:
            return self._tally(seen)
        parts: RunningTally[Tally] = RunningTally()
        for part in seen.slices(_SLICE):  # small pieces stay in cache
            parts.add(self._tally(part))
        return parts.total()

    def _columns(self, seen: Journeys) -> tuple[str, ...]:
        # The order is part of a column's name: tallies of different orders do not add.
        return ("start", f"step{self.order}", "null", *seen.measures)

    def _ends(self, seen: Journeys) -> list[NDArray[np.float64]]:
        """Return (n,) how many journeys end without a conversion, and each measure."""
        null = seen.weighted_nulls() if self.nulls else np.zeros(len(seen))
        return [null, *np.ascontiguousarray(seen.amounts().T)]

    def _tally(self, seen: Journeys) -> Tally:
        """Tally runs by one integer each."""
        symbols, width = len(seen.channels), self.order + 1
        ends = self._ends(seen)
        count = ends[0] + ends[1]
        weights = None if (count == 1).all() else count
        state = np.minimum(seen.lengths, self.order)
        digits = seen.codes.astype(np.int64) + 1
        start = packing.run_keys(digits, seen.offsets[:-1], state, symbols, width)
        end = packing.run_keys(digits, seen.offsets[1:] - state, state, symbols, width)
        kinds = (
            packing.Keyed(start, [weights]),
            _steps(seen, digits, weights, width),
            packing.Keyed(end, ends),
        )
        return tally_keys(seen.channels, self._columns(seen), seen.measures, kinds, width)

    def _tally_long(self, seen: Journeys) -> Tally:
        """Tally runs that do not fit into an integer."""
        ends = self._ends(seen)
        count = ends[0] + ends[1]
        state = np.minimum(seen.lengths, self.order)
        steps = np.maximum(seen.lengths - self.order, 0)
        columns = self._columns(seen)
        at = [
            seen.offsets[:-1],
            sequences.expand(seen.offsets[:-1], steps),
            seen.offsets[1:] - state,
        ]
        lengths = [state, np.full(len(at[1]), self.order + 1), state]
        amounts = np.zeros((sum(len(each) for each in at), len(columns)))
        amounts[: len(seen), 0] = count
        amounts[len(seen) : len(amounts) - len(seen), 1] = np.repeat(count, steps)
        amounts[len(amounts) - len(seen) :, 2:] = np.column_stack(ends)
        size = np.concatenate(lengths)
        codes = seen.codes[sequences.expand(np.concatenate(at), size)]
        return tally_rows(
            seen.channels, columns, seen.measures, sequences.offsets_of(size), codes, amounts
        )

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
            removals=effects,
        )

    def operations(self, tally: Tally) -> float:
        """Return about how many operations `credit(tally)` takes; see `Sloped`.

        Zero for removal "reconnect": where an effect changes its sign, credit has no derivative.
        """
        if self.removal == "reconnect":
            return 0.0
        channels = len(tally.channels)
        if self.order == 1:
            return _PER_CHAIN + _PER_KEY * len(tally) + 0.2 * channels**3
        return 5 * _PER_CHAIN + _PER_KEY * len(tally) * (1 + channels)

    def sloped(self, tally: Tally, parts: Sequence[Tally]) -> tuple[Credit, Slopes]:
        """Return credit, and how it moves along each part of the tally; see `Sloped`."""
        states = _states(tally, self.order)
        counts = chain_slopes.Counts(
            states.start, states.ended, states.source, states.target, states.step
        )
        changes = _changes(states, tally, parts, self.order)
        if self.order == 1:
            lost = np.zeros((len(parts), len(tally.channels), len(tally.measures)))
            lost[:, states.codes] = chain_slopes.slopes_by_state(counts, changes)
        else:
            member = _membership(states, np.arange(len(states.start)))
            lost = chain_slopes.slopes_by_set(counts, member, changes)
        # Along all parts together, a loss is itself. Credit is total x loss / sum of losses, a
        # removal effect loss / total.
        known = np.array([part.measured[part.lengths > 0].sum(axis=0) for part in parts])
        whole = lost.sum(axis=0)
        size = whole.sum(axis=0)
        per = np.divide(1.0, size, out=np.zeros_like(size), where=size != 0)
        share = whole * per
        moved = lost - share * lost.sum(axis=1, keepdims=True)
        total = known.sum(axis=0)
        each = np.divide(1.0, total, out=np.zeros_like(total), where=total != 0)
        return self.credit(tally), Slopes(
            known[:, None, :] * share + total * per * moved,
            each * (lost - whole * each * known[:, None, :]),
        )

    def transitions(self, tally: Tally) -> pd.DataFrame:
        """Return the transition table: source, target, count, probability; START and ends too."""
        return _transition_table(_states(tally, self.order), tally)


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


def _steps(
    seen: Journeys, digits: NDArray[np.int64], weights: NDArray[np.float64] | None, width: int
) -> packing.Keyed:
    """Return the keys of all runs of `width` touchpoints, and how often they stand there."""
    symbols = len(seen.channels)
    keys = digits.copy()
    for place in range(1, width):
        keys *= symbols + 1
        keys[:-place] += digits[place:]
    for place in range(1, width):  # runs that would end in the next journey
        keys[seen.offsets[1:][seen.lengths >= place] - place] = 0
    limit = (symbols + 1) ** width
    if limit > len(keys):
        begins = np.flatnonzero(keys > 0)
        if weights is None:
            return packing.counted(keys[begins])
        return packing.Keyed(keys[begins], [weights[seen.rows[begins]]])
    each = None if weights is None else weights[seen.rows]
    count = np.bincount(keys, each, minlength=limit).astype(float)
    count[0] = 0.0
    found = np.flatnonzero(count != 0)
    return packing.Keyed(found, [count[found]])


def _states(tally: Tally, order: int) -> _States:
    lengths = tally.lengths
    is_state, is_step = (lengths > 0) & (lengths <= order), lengths > order
    (offsets, codes), place = _numbered(tally, is_state, is_step, order)
    kept = int(is_state.sum())
    source, target = np.split(place[kept:], 2)
    sums = sequences.sum_by(place[:kept], tally.sums[is_state], len(offsets) - 1)
    column = {name: i for i, name in enumerate(tally.columns)}
    return _States(
        len(tally.channels),
        offsets,
        codes,
        sums[:, column["start"]],
        sums[:, column["null"]],
        sums[:, [column[name] for name in tally.measures]],
        source,
        target,
        tally.column(f"step{order}")[is_step],
    )


def _numbered(
    tally: Tally, is_state: NDArray[np.bool_], is_step: NDArray[np.bool_], order: int
) -> tuple[tuple[NDArray[np.int64], NDArray[np.int32]], NDArray[np.int64]]:
    """Return the distinct states, and the place of each key's, each step's first and second."""
    symbols = len(tally.channels)
    if packing.fits(symbols, order + 1):
        # A step's first state is the number without its last digit, its second without its first.
        keys = packing.pack(tally.offsets, tally.codes, symbols, order + 1)
        limit = (symbols + 1) ** order
        first, step = keys // (symbols + 1), keys[is_step]
        wanted = np.concatenate([first[is_state], first[is_step], step % limit])
        found, place = sequences.distinct(wanted, limit)
        return packing.unpack(found, symbols, order), place
    begin, lengths = tally.offsets[:-1], tally.lengths
    at = np.concatenate([begin[is_state], begin[is_step], begin[is_step] + 1])
    size = np.concatenate([lengths[is_state], np.full(2 * int(is_step.sum()), order)])
    offsets = sequences.offsets_of(size)
    codes = tally.codes[sequences.expand(at, size)]
    alike, place = sequences.group(offsets, codes)
    offsets, where = sequences.take(offsets, alike)
    return (offsets, codes[where]), place


def _changes(
    states: _States, tally: Tally, parts: Sequence[Tally], order: int
) -> list[chain_slopes.Change]:
    """Return each part's counts, at the places of the whole tally's states and steps."""
    kinds = [((part.lengths > 0) & (part.lengths <= order), part.lengths > order) for part in parts]
    symbols = len(tally.channels)
    at_state = lookup.places(
        (states.offsets, states.codes),
        (_keys(part, is_state) for part, (is_state, _) in zip(parts, kinds, strict=True)),
        symbols,
    )
    at_step = lookup.places(
        _keys(tally, tally.lengths > order),
        (_keys(part, is_step) for part, (_, is_step) in zip(parts, kinds, strict=True)),
        symbols,
    )
    return [
        chain_slopes.Change(
            state,
            part.column("start")[is_state],
            part.measured[is_state],
            step,
            part.column(f"step{order}")[is_step],
        )
        for part, (is_state, is_step), state, step in zip(
            parts, kinds, at_state, at_step, strict=True
        )
    ]


def _keys(tally: Tally, chosen: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.integer]]:
    offsets, where = sequences.take(tally.offsets, np.flatnonzero(chosen))
    return offsets, tally.codes[where]


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
    # A journey shorter than the order is one state that nothing enters or leaves.
    whole = np.flatnonzero(lengths == model.order)
    short = np.flatnonzero(lengths < model.order)
    out += _membership(states, short).T @ (start[short][:, None] * reward[short])
    if len(whole):
        words = states.codes[states.offsets[whole][:, None] + np.arange(model.order)]
        out += walks.losses_by_symbol(
            q[whole][:, whole], start[whole], visits[whole], reward[whole], words, len(out)
        )
    return out


def _membership(states: _States, chosen: NDArray[np.int64]) -> csr_array:
    """Return (chosen, channels): 1 where a state contains the channel."""
    from scipy.sparse import csr_array

    offsets, where = sequences.take(states.offsets, chosen)
    rows = np.repeat(np.arange(len(chosen)), np.diff(offsets))
    pairs = np.unique(rows * states.channels + states.codes[where])
    return csr_array(
        (np.ones(len(pairs)), (pairs // states.channels, pairs % states.channels)),
        shape=(len(chosen), states.channels),
    )


def _reconnected_losses(states: _States) -> NDArray[np.float64]:
    """Delete the channel's states and rescale every row by what it has left; no row left: null."""
    q, visits, reward = states.chain()
    begun = states.start.sum()
    passed = visits * begun
    ended = states.null + states.ended[:, 0]
    return reconnect.losses_reconnected(
        q,
        states.start / begun,
        np.divide(ended, passed, out=np.zeros(len(passed)), where=passed > 0),
        reward,
        states.ended.sum(axis=0) / begun,
        _membership(states, np.arange(len(passed))),
    )


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
