"""Shapley values of the channels, for a worth that is always named (Shapley 1953)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd

from attribution.credit import Credit
from attribution.errors import ModelError
from attribution.model import Slopes
from attribution.numerics import game, game_slopes, sequences
from attribution.tally import Tally, tally_sets, tally_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from attribution.journeys import Journeys

__all__ = ["Shapley", "shapley_by_position"]

Worth = Literal["conversions", "rate"]
_MOST_EXACT = 26
_PER_KEY = 300  # operations for each key of a tally


@dataclass(frozen=True)
class Shapley:
    """Shapley values of a game between channels.

    Parameters
    ----------
    worth
        What a set of channels S is worth. "conversions": the conversions of journeys whose
        channels all lie in S; its Shapley value is an equal split of every journey over its
        distinct channels (Zhao et al. 2018). "rate": those conversions divided by the journeys
        that lie in S, 0 where there are none; credit is the value times the journeys with a
        touchpoint, and adds up by itself. Rates compare buyers with non-buyers, so credit can be
        negative; it is reported as it is.
    exact
        "rate": the number of channels up to which every coalition is visited (2^n of them).
    permutations, seed
        "rate" with more channels: orders of arrival sampled, and the seed they are drawn with;
        the credit then carries standard errors. A sample is drawn over the channels in the
        order of their names, so renaming them moves it within those errors.
    """

    worth: Worth = "conversions"
    exact: int = 24
    permutations: int = 1_000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.worth not in get_args(Worth):
            raise ModelError(
                f"Shapley(worth={self.worth!r}): write one of {', '.join(get_args(Worth))}."
            )
        for name in ("exact", "permutations", "seed"):
            if not isinstance(getattr(self, name), int):
                raise ModelError(f"Shapley({name}={getattr(self, name)!r}): a whole number.")
        if not 0 <= self.exact <= _MOST_EXACT:
            raise ModelError(
                f"Shapley(exact={self.exact!r}): between 0 and {_MOST_EXACT}; each further channel "
                "doubles time and memory."
            )
        if self.permutations < 4:
            raise ModelError(f"Shapley(permutations={self.permutations!r}): draw at least 4.")

    def tally(self, journeys: Journeys) -> Tally:
        """Return credit per channel ("conversions"), or sums per set of channels ("rate")."""
        if self.worth == "rate":
            return tally_sets(journeys)
        chosen = journeys.observed.converting
        return tally_weights(chosen, chosen.distinct.astype(float))

    def credit(self, tally: Tally) -> Credit:
        """Return the Shapley values, scaled to the attributed conversions and money."""
        if self.worth == "conversions":
            return Credit(tally.channels, tally.measures, tally.by_channel(), tally.unattributed)
        amounts = np.zeros((len(tally.channels), len(tally.measures)))
        errors = np.zeros_like(amounts)
        known = tally.lengths > 0
        players, codes = np.unique(tally.codes, return_inverse=True)
        offsets = sequences.offsets_of(tally.lengths[known])
        trials = tally.column("null")[known] + tally.column("conversions")[known]
        gained = tally.measured[known]
        sampled = len(players) > self.exact
        if sampled:
            found = game.shapley_sampled(
                offsets, codes, gained, trials, len(players), self.permutations, self.seed
            )
            amounts[players], errors[players] = found
        elif len(players):
            amounts[players] = _exactly(offsets, codes, gained, trials, len(players))
        touched = np.bincount(
            tally.codes,
            weights=np.repeat(tally.column("conversions")[known], tally.lengths[known]),
            minlength=len(tally.channels),
        )
        credited = amounts * trials.sum()
        return Credit(
            tally.channels,
            tally.measures,
            credited,
            tally.unattributed,
            errors=errors * trials.sum() if sampled else None,
            caution=credited[:, 0] > touched * (1 + 1e-9),
        )

    def operations(self, tally: Tally) -> float:
        """Return about how many operations `credit(tally)` takes; see `Sloped`.

        Without end where orders of arrival are sampled: a block that holds all of a channel would
        have other orders drawn without it.
        """
        if self.worth == "conversions":
            return _PER_KEY * len(tally)
        players = len(np.unique(tally.codes))
        if players > self.exact:
            return float("inf")
        return _PER_KEY * len(tally) + (1.0 + len(tally.measures)) * players * 2.0**players

    def sloped(self, tally: Tally, parts: Sequence[Tally]) -> tuple[Credit, Slopes]:
        """Return credit, and how it moves along each part of the tally; see `Sloped`."""
        return self.credit(tally), Slopes(self._slopes(tally, parts))

    def _slopes(self, tally: Tally, parts: Sequence[Tally]) -> NDArray[np.float64]:
        """Return (parts, channels, measures)."""
        if self.worth == "conversions":
            return np.array([part.by_channel() for part in parts])
        players = np.unique(tally.codes)
        out = np.zeros((len(parts), len(tally.channels), len(tally.measures)))
        if not len(players):
            return out
        sets = [_part(part, players) for part in parts]
        found = (
            game_slopes.moved(sets, len(players))
            if len(players) <= self.exact
            else game_slopes.moved_sampled(sets, len(players), self.permutations, self.seed)
        )
        # Credit is the value times the journeys with a touchpoint.
        trials = np.array([part.trials.sum() for part in sets])
        out[:, players] = trials[:, None, None] * found.values + trials.sum() * found.slopes
        return out


def _part(tally: Tally, players: NDArray[np.integer]) -> game_slopes.Part:
    known = tally.lengths > 0
    measured = tally.measured[known]
    return game_slopes.Part(
        sequences.offsets_of(tally.lengths[known]),
        np.searchsorted(players, tally.codes),
        measured,
        tally.column("null")[known] + measured[:, 0],
    )


def _exactly(
    offsets: NDArray[np.int64],
    codes: NDArray[np.integer],
    gained: NDArray[np.float64],
    trials: NDArray[np.float64],
    players: int,
) -> NDArray[np.float64]:
    inside = game.subset_sums(game.coalition_amounts(offsets, codes, trials, players))
    out = np.empty((players, gained.shape[1]))
    for measure in range(gained.shape[1]):
        worth = game.subset_sums(
            game.coalition_amounts(offsets, codes, gained[:, measure], players)
        )
        np.divide(worth, inside, out=worth, where=inside > 0)
        out[:, measure] = game.shapley(worth)
    return out


def shapley_by_position(journeys: Journeys) -> pd.DataFrame:
    """Break Shapley("conversions") down by where in the journey a channel stood.

    Each occurrence of a channel in a journey with the channels S gets 1 / (|S| n), n being how
    often the channel occurs in it (Zhao et al. 2018, ordered Shapley). Summed over positions this
    is the Shapley value itself: a breakdown, not another model.

    Returns
    -------
    DataFrame
        Columns channel, position (from 1), conversions, value, further money columns.
    """
    chosen = journeys.observed.converting
    n = max(1, len(chosen.channels))
    pair = chosen.rows * n + chosen.codes
    pairs, inverse, often = np.unique(pair, return_inverse=True, return_counts=True)
    distinct = np.bincount(pairs // n, minlength=len(chosen))
    share = 1.0 / (distinct[chosen.rows] * often[inverse])
    position = sequences.positions(chosen.offsets) + 1
    amounts = chosen.amounts()[chosen.rows] * share[:, None]
    keys, group = np.unique(position * n + chosen.codes, return_inverse=True)
    frame = pd.DataFrame(
        sequences.sum_by(group, amounts, len(keys)), columns=list(journeys.measures)
    )
    frame.insert(0, "channel", np.array(chosen.channels, dtype=object)[keys % n])
    frame.insert(1, "position", keys // n)
    return frame.sort_values(["channel", "position"], ignore_index=True)
