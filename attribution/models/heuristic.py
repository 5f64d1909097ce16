"""Rule-based models: each splits a journey's conversions over its own touchpoints."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.columns import duration_ms
from attribution.credit import Credit
from attribution.errors import MissingAges, ModelError, quoted
from attribution.model import label
from attribution.tally import Tally, tally_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.journeys import Journeys

__all__ = [
    "FirstTouch",
    "LastNonDirect",
    "LastTouch",
    "Linear",
    "PositionBased",
    "TimeDecay",
    "TouchpointModel",
    "decay_weights",
    "last_where",
]

_FACTOR = "weight"


class TouchpointModel(ABC):
    """A model that is nothing but touchpoint weights: subclass it and write `weights`.

    Weights need not add up to one within a journey; a journey whose weights are all zero is left
    unattributed. A touchpoint column `weight` is a factor on them.
    """

    @abstractmethod
    def weights(self, journeys: Journeys) -> NDArray[np.float64]:
        """Return (T,) the weight of each touchpoint, zero or more."""

    def factored(self, journeys: Journeys) -> NDArray[np.float64]:
        """Return (T,) the weights, times the touchpoints' own factors where they carry some.

        Raises
        ------
        ModelError
            If `weights` are not one number of 0 or more for each touchpoint.
        """
        weights = np.asarray(self.weights(journeys), dtype=float)
        fits = weights.shape == journeys.codes.shape
        if not fits or not (np.isfinite(weights) & (weights >= 0)).all():
            raise ModelError(
                f"{label(self)} gave weights that are not one number of 0 or more for each of the "
                f"{len(journeys.codes)} touchpoints."
            )
        if _FACTOR in journeys.touch:
            weights = weights * journeys.touch[_FACTOR].astype(float)
        return weights

    def tally(self, journeys: Journeys) -> Tally:
        """Return credit per channel, summed over the journeys."""
        chosen = journeys.converting
        return tally_weights(chosen, self.factored(chosen))

    def credit(self, tally: Tally) -> Credit:
        """Return the tallied credit as it stands."""
        return Credit(tally.channels, tally.measures, tally.by_channel(), tally.unattributed)


@dataclass(frozen=True)
class FirstTouch(TouchpointModel):
    """All credit to the first touchpoint."""

    def weights(self, journeys: Journeys) -> NDArray[np.float64]:
        """Return 1 for each journey's first touchpoint, else 0."""
        weights = np.zeros(len(journeys.codes))
        weights[journeys.offsets[:-1][journeys.lengths > 0]] = 1.0
        return weights


@dataclass(frozen=True)
class LastTouch(TouchpointModel):
    """All credit to the last touchpoint."""

    def weights(self, journeys: Journeys) -> NDArray[np.float64]:
        """Return 1 for each journey's last touchpoint, else 0."""
        weights = np.zeros(len(journeys.codes))
        weights[journeys.offsets[1:][journeys.lengths > 0] - 1] = 1.0
        return weights


@dataclass(frozen=True)
class LastNonDirect(TouchpointModel):
    """All credit to the last touchpoint that is not direct; to the last if all are.

    Parameters
    ----------
    direct
        The channel, or channels, that stand for a visit without a known source.
    """

    direct: str | tuple[str, ...] = "direct"

    def __post_init__(self) -> None:
        names = (self.direct,) if isinstance(self.direct, str) else self.direct
        if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
            raise ModelError(
                f"LastNonDirect(direct={quoted(self.direct)}): write a channel's name, or several "
                'in a tuple such as ("direct", "mall").'
            )

    def weights(self, journeys: Journeys) -> NDArray[np.float64]:
        """Return 1 for the last touchpoint that is not direct, else 0."""
        direct = {self.direct} if isinstance(self.direct, str) else set(self.direct)
        wanted = np.array([name not in direct for name in journeys.channels], dtype=bool)
        return last_where(journeys, wanted[journeys.codes])


@dataclass(frozen=True)
class Linear(TouchpointModel):
    """Equal credit to every touchpoint; repeats count."""

    def weights(self, journeys: Journeys) -> NDArray[np.float64]:
        """Return 1 for every touchpoint."""
        return np.ones(len(journeys.codes))


@dataclass(frozen=True)
class PositionBased(TouchpointModel):
    """Shares for the first and the last touchpoint, the rest equally between them.

    With two touchpoints the shares are first / (first + last) and last / (first + last); with
    one it has all.
    """

    first: float = 0.4
    last: float = 0.4

    def __post_init__(self) -> None:
        if not (self.first >= 0 and self.last >= 0 and 0 < self.first + self.last <= 1 + 1e-12):
            raise ModelError(
                f"PositionBased(first={self.first!r}, last={self.last!r}): the shares must be 0 "
                "or more and add up to more than 0 and at most 1."
            )

    def weights(self, journeys: Journeys) -> NDArray[np.float64]:
        """Return the position's share of each touchpoint."""
        lengths = journeys.lengths
        # 1 - 0.07 - 0.93 is less than 0 in binary.
        middle = max(0.0, 1.0 - self.first - self.last) / np.maximum(lengths - 2, 1)
        weights = middle[journeys.rows]
        some = lengths > 0
        weights[journeys.offsets[:-1][some]] = self.first
        weights[journeys.offsets[1:][some] - 1] = self.last
        weights[journeys.offsets[:-1][lengths == 1]] = 1.0
        return weights


@dataclass(frozen=True)
class TimeDecay(TouchpointModel):
    """Credit falls by half with every half-life before the order: 2 ** (-age / half_life)."""

    half_life: str | pd.Timedelta = "7D"

    def __post_init__(self) -> None:
        duration_ms(self.half_life, "half_life", least=1)

    def weights(self, journeys: Journeys) -> NDArray[np.float64]:
        """Return 2 ** (-(age - smallest age of the journey) / half_life)."""
        if journeys.ages is None:
            raise MissingAges(label(self))
        return decay_weights(journeys, journeys.ages, duration_ms(self.half_life, "half_life"))


def decay_weights(
    journeys: Journeys, ages: NDArray[np.int64], half_life_ms: float
) -> NDArray[np.float64]:
    """Return 2 ** (-age / half_life), up to a factor per journey, so that none underflows."""
    some = journeys.lengths > 0
    youngest = np.zeros(len(journeys), np.int64)
    if some.any():
        youngest[some] = np.minimum.reduceat(ages, journeys.offsets[:-1][some])
    return np.exp2(-((ages - youngest[journeys.rows]) / half_life_ms))


def last_where(journeys: Journeys, wanted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return 1 for each journey's last wanted touchpoint, or its last if none is wanted."""
    last = np.full(len(journeys), -1, np.int64)
    chosen = np.flatnonzero(wanted)
    last[journeys.rows[chosen]] = chosen  # assignments run in order: the last one stands
    some = journeys.lengths > 0
    none_wanted = (last < 0) & some
    last[none_wanted] = journeys.offsets[1:][none_wanted] - 1
    weights = np.zeros(len(wanted))
    weights[last[some]] = 1.0
    return weights
