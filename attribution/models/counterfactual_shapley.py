"""Counterfactual adjusted Shapley values of user states and actions (Singal et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.columns import duration_ms
from attribution.credit import Credit
from attribution.errors import MissingAges, ModelError
from attribution.model import label
from attribution.models.proportional import require_nulls
from attribution.numerics import periods, sequences
from attribution.tally import RunningTally, Tally, tally_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.journeys import Journeys

__all__ = ["CounterfactualShapley"]

_SLICE = 1 << 18  # touchpoints


@dataclass(frozen=True)
class CounterfactualShapley:
    """What a touchpoint adds to a period, against the same period without one.

    R. Singal, O. Besbes, A. Desir, V. Goyal and G. Iyengar, "Shapley meets uniform: an axiomatic
    framework for attribution in online advertising", Management Science 68(10), 2022. A person
    walks through states; in each period an action is taken, a touchpoint of a channel or none
    ("no ad"). Players are pairs (state s, action a), and a coalition is worth the conversions of
    the journeys that met no other pair. That worth is a sum of unanimity games, one for each
    converting journey, so its Shapley value SV(s, a) shares every conversion equally among the
    distinct pairs of its journey: "unique-uniform". The counterfactual adjusted value takes away
    what the same periods would have been given without a touchpoint,

        CASV(s, a) = SV(s, a) - (beta(s, a) / beta(s, none)) SV(s, none),

    beta(s, a) being how often a is taken in s. CASV(s, none) is zero. A channel's credit is the
    sum of CASV(s, a) over states; all else is organic, so that everything adds up. Value goes the
    same way. Credit can be negative; it is reported as it is.

    What the paper leaves open is settled so:

    - A journey is cut into periods of `grid`, from its first touchpoint to its close. Each channel
      that touches in a period is an action of it.
    - A state is the period's number in the journey, and how many periods ago the last touchpoint
      was: 1, 2, 3 to 4, 5 to 8 ... With the number in it no pair is met twice, so that
      unique-uniform shares a conversion equally among all periods. Without it a "none" met on many
      days counts once in SV but every day in beta: then a channel without any effect keeps almost
      all of its share. How often an action is taken is held to depend on recency alone.
    - Journeys begin with a touchpoint, so the state before the first is never seen without an ad.
      There a channel adds the same part of its SV as by its later touchpoints, which may be a
      loss, but at most all of it; where there are no later ones, the part of all channels together.
    - A state never seen without an ad takes the value of "none" from the nearest ones.

    What it needs: times; journeys that did not convert, with the time after their last touchpoint
    in which nothing happened; and that people in one state who are touched are otherwise like
    those who are not. A conversion is shared among all periods of its journey, so the level of all
    channels falls as journeys get longer or the grid finer, and what is organic rises: compare
    channels with each other, not with what they cost.

    Parameters
    ----------
    grid
        Length of a period.
    states
        How many states of recency there are; the last is open.
    """

    grid: str | pd.Timedelta = "1D"
    states: int = 5

    def __post_init__(self) -> None:
        duration_ms(self.grid, "grid", least=1)
        if not isinstance(self.states, int) or not 1 <= self.states <= 32:
            raise ModelError(
                f"CounterfactualShapley(states={self.states!r}): a whole number from 1 to 32."
            )

    def tally(self, journeys: Journeys) -> Tally:
        """Return periods and shares of conversions, by action and state.

        The key of a period without a touchpoint is empty. Its measures are, as in any tally, what
        no touchpoint is known for; those of a channel are its shares in all states.
        """
        if journeys.ages is None:
            raise MissingAges(label(self))
        parts: RunningTally[Tally] = RunningTally()
        parts.add(self._tally(journeys.observed.take(slice(0, 0))))
        for part in journeys.observed.slices(_SLICE):  # small pieces stay in cache
            parts.add(self._tally(part))
        return parts.total()

    def _tally(self, seen: Journeys) -> Tally:
        assert seen.ages is not None  # noqa: S101
        length, n = duration_ms(self.grid, "grid"), len(seen.channels)
        amounts = seen.amounts()
        found = periods.sum_periods(
            seen.offsets,
            seen.codes,
            seen.ages,
            seen.weighted_nulls() + amounts[:, 0],
            amounts,
            (n, self.states),
            length,
        )
        measured = found.shares.sum(axis=1)
        measured[-1] = amounts[seen.lengths == 0].sum(axis=0)
        null = np.zeros(n + 1)
        null[-1] = seen.weighted_nulls()[seen.lengths > 0].sum()
        # The grid is part of a column's name: tallies of different grids do not add.
        places = [f"{place}@{length}" for place in range(self.states + 1)]
        columns = [f"{name}{place}" for place in places for name in ("periods", *seen.measures)]
        table = np.concatenate([found.often[:, :, None], found.shares], axis=2)
        return tally_rows(
            seen.channels,
            (*seen.measures, "null", *columns),
            seen.measures,
            sequences.offsets_of(np.append(np.ones(n, np.int64), 0)),
            np.arange(n),
            np.column_stack([measured, null, table.reshape(n + 1, -1)]),
        )

    def credit(self, tally: Tally) -> Credit:
        """Return the adjusted values of each channel, and what is left as organic.

        Raises
        ------
        ModelError
            If there are conversions, and no journey that did not convert or no period without a
            touchpoint.
        """
        often, shares = self._sums(tally)
        totals = shares.sum(axis=(0, 1))
        if totals[0] > 0:
            require_nulls(label(self), totals[0], tally.column("null").sum())
            self._require_nothing(often)
        later, first = shares[:-1, :-1], shares[:-1, -1]
        nothing = _rates(often[-1, :-1], shares[-1, :-1])
        added = (later - often[:-1, :-1, None] * nothing).sum(axis=1)
        whole = later.sum(axis=1)
        part = np.where(whole != 0, _ratio(added, whole), _ratio(added.sum(0), whole.sum(0)))
        credit = added + first * np.clip(part, -1.0, 1.0)
        return Credit(
            tally.channels,
            tally.measures,
            credit,
            tally.unattributed,
            organic=totals - credit.sum(axis=0),
        )

    def _sums(self, tally: Tally) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return periods and shares by action and state, as in `numerics.periods`."""
        action = np.full(len(tally), len(tally.channels))
        action[tally.lengths == 1] = tally.codes
        sums = np.zeros((len(tally.channels) + 1, tally.sums.shape[1]))
        sums[action] = tally.sums
        # Behind the measures and "null", for each state: its periods and the measures' shares.
        wide = 1 + len(tally.measures)
        table = sums[:, wide:].reshape(len(sums), self.states + 1, wide)
        return table[:, :, 0], table[:, :, 1:]

    def _require_nothing(self, often: NDArray[np.float64]) -> None:
        if often[-1].sum() <= 0:
            raise ModelError(
                f"{label(self)} compares periods with a touchpoint and periods without, and found "
                "none without. Take a finer grid, or read people who did not order with the time "
                "after their last touchpoint (a longer expiry)."
            )


def _rates(often: NDArray[np.float64], amounts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (states, r) amounts of a period; where there are none, between those of neighbours."""
    known = np.flatnonzero(often > 0)
    if not len(known):
        return np.zeros_like(amounts)
    rates = amounts[known] / often[known, None]
    every = np.arange(len(often))
    return np.column_stack([np.interp(every, known, rate) for rate in rates.T])


def _ratio(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole != 0)
