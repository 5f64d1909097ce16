"""Hold-out in time: what a fit of the days before says of the days after.

The log-likelihood of the orders of the last days, given every touchpoint as it happened, at the
maximum of the days before. It tells models of when people order apart, not causes from
inclinations; areas under curves of who will order do not: they reward telling who will be touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from attribution.errors import ConfigError, DataError
from attribution.journeys.window import between
from attribution.model import block_tallies, tallies
from attribution.numerics import jackknife
from attribution.tally import sum_tallies

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from attribution.journeys import Journeys
    from attribution.models.hazard_fit import HazardFit
    from attribution.models.hazard_tally import HazardTally

__all__ = ["CONSTANT", "Holdout", "RateModel", "gained", "halves", "holdout", "split_time"]

CONSTANT = "constant"
_EVER = 1 << 61
_HELD = 0.3


class RateModel(Protocol):
    """A model of the rate of orders in time, such as `Hazard`."""

    def tally(self, journeys: Journeys) -> HazardTally:
        """Return its sums over journeys."""
        ...

    def fitted(self, tally: HazardTally) -> HazardFit:
        """Return the maximum of its likelihood."""
        ...


@dataclass(frozen=True, eq=False)
class Holdout:
    """How much better each model tells the held-out orders than a constant rate does.

    Attributes
    ----------
    at
        UTC milliseconds: what is before was fitted, what is after was told.
    orders
        How many orders were told.
    gains
        (64 blocks of people,) by model: log-likelihood beyond the constant rate's, in nats.
    """

    at: int
    orders: float
    gains: Mapping[str, NDArray[np.float64]]

    def frame(self, level: float = 0.95) -> pd.DataFrame:
        """Return model, gain (nats per order beyond a constant rate), low, high, `behind`.

        `behind` is how far the model is behind the best one, `behind_low` and `behind_high` its
        interval. Intervals are of blocks of people left out one at a time.
        """
        best = max(self.gains, key=lambda name: float(self.gains[name].sum()))
        rows = []
        for name, blocks in self.gains.items():
            gain, half = self._total(blocks, level)
            behind, apart = self._total(self.gains[best] - blocks, level)
            rows.append(
                (name, gain, gain - half, gain + half, behind, behind - apart, behind + apart)
            )
        columns = ["model", "gain", "low", "high", "behind", "behind_low", "behind_high"]
        return pd.DataFrame(rows, columns=columns)

    def _total(self, blocks: NDArray[np.float64], level: float) -> tuple[float, float]:
        """Return the sum of blocks per order, and half the width of its interval."""
        replicates = jackknife.first_order(np.asarray(blocks.sum()), blocks)
        error = jackknife.standard_errors(replicates)
        half = jackknife.half_width(error, level, len(blocks))
        scale = max(self.orders, 1.0)
        return float(blocks.sum()) / scale, float(half) / scale

    @property
    def best(self) -> str:
        """The model that tells the held-out orders best."""
        return max(self.gains, key=lambda name: float(self.gains[name].sum()))


def split_time(journeys: Journeys, held: float = _HELD) -> int:
    """Return the instant before which all but a share of the orders are.

    Raises
    ------
    ConfigError
        For a share that is not between 0 and 1.
    DataError
        If there are no orders with times.
    """
    if not 0 < held < 1:
        raise ConfigError(f"held={held!r}: write the share of orders to hold out, such as 0.3.")
    if journeys.closed_at is None or not (journeys.conversions > 0).any():
        raise DataError(
            "no orders with times",
            "journeys of orders, with the times of orders",
            "Build the journeys with from_touchpoints or open_journeys.",
        )
    times = np.sort(journeys.closed_at[journeys.conversions > 0])
    return int(times[min(int(len(times) * (1 - held)), len(times) - 1)])


def holdout(
    journeys: Journeys, models: Mapping[str, RateModel], *, at: int | None = None
) -> Holdout:
    """Fit models to what is before an instant, and let them tell the orders after it.

    Parameters
    ----------
    journeys
        Journeys that say when people were watched.
    models
        Models of rates by name.
    at
        UTC milliseconds; `split_time` if not given.
    """
    when = split_time(journeys) if at is None else at
    before, after = halves(journeys, when)
    asked = list(models.values())
    fits = [model.fitted(tally) for model, tally in zip(asked, tallies(before, asked), strict=True)]
    found = block_tallies(after, asked)
    gains = {n: gained(fit, parts) for n, fit, parts in zip(models, fits, found, strict=True)}
    orders = float(sum_tallies(found[0]).rows.amounts[:, 0].sum())
    return Holdout(when, orders, gains)


def halves(journeys: Journeys, at: int) -> tuple[Journeys, Journeys]:
    """Return the journeys as watched before an instant, and as watched from it on.

    Raises
    ------
    DataError
        For journeys that do not say when people were watched.
    """
    return between(journeys, -_EVER, at), between(journeys, at, _EVER)


def gained(fit: HazardFit, parts: Sequence[HazardTally]) -> NDArray[np.float64]:
    """Return (parts,) how much better a fit tells each tally than its constant rate does."""
    base = _constant_rates(fit.tally)
    return np.array([fit.loglik(part) - _constant(base, part) for part in parts])


def _constant_rates(tally: HazardTally) -> float:
    at_risk = float(tally.at_risk.sum())
    return float(tally.rows.amounts[:, 0].sum()) / at_risk if at_risk > 0 else 0.0


def _constant(rate: float, tally: HazardTally) -> float:
    """Return the log-likelihood of a constant rate per millisecond, in days."""
    orders = float(tally.rows.amounts[:, 0].sum())
    per_day = rate * 86_400_000.0
    return orders * float(np.log(max(per_day, 1e-300))) - rate * float(tally.at_risk.sum())
