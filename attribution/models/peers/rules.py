"""Rules that other packages call time decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.columns import duration_ms
from attribution.models.heuristic import TouchpointModel, decay_weights
from attribution.numerics import sequences

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from attribution.journeys import Journeys

__all__ = ["RankDecay", "StepDecay"]

_DAY_MS = 86_400_000


@dataclass(frozen=True)
class StepDecay(TouchpointModel):
    """Credit halves at every full half-life before the last touchpoint (MAM 1.0).

    Path counts carry no times: their touchpoints are taken to be one day apart.
    """

    half_life: str | pd.Timedelta = "7D"

    def __post_init__(self) -> None:
        duration_ms(self.half_life, "half_life", least=1)

    def weights(self, journeys: Journeys) -> NDArray[np.float64]:
        """Return 2 ** -floor((age - smallest age of the journey) / half_life)."""
        ages = journeys.ages
        if ages is None:
            after = np.repeat(journeys.lengths, journeys.lengths) - 1
            ages = _DAY_MS * (after - sequences.positions(journeys.offsets))
        youngest = np.zeros(len(journeys), np.int64)
        some = journeys.lengths > 0
        if some.any():
            youngest[some] = np.minimum.reduceat(ages, journeys.offsets[:-1][some])
        steps = (ages - youngest[journeys.rows]) // duration_ms(self.half_life, "half_life")
        return decay_weights(journeys, steps, 1.0)


@dataclass(frozen=True)
class RankDecay(TouchpointModel):
    """The r-th new channel of a journey gets r parts; coming back counts nothing (mta 0.0.9)."""

    def weights(self, journeys: Journeys) -> NDArray[np.float64]:
        """Return each channel's rank among the journey's channels at its first touchpoint."""
        new = journeys.distinct.astype(np.int64)
        running = np.append(0, np.cumsum(new))
        rank = running[1:] - running[journeys.offsets[:-1]][journeys.rows]
        return np.where(journeys.distinct, rank, 0).astype(float)
