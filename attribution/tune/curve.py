"""Candidates held against each other by how well they tell held-out days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.numerics import jackknife
from attribution.tune.verdict import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Told", "more_data", "told", "unheld"]

_SIGNIFICANT = 2.0  # standard errors
_TINY = 1e-6  # nats per observation: what two searches for a maximum may differ by
_MOST = 1_000.0  # times the data, beyond which no amount is stated


@dataclass(frozen=True, eq=False)
class Told:
    """How well each of C candidates told the held-out days.

    Attributes
    ----------
    names
        (C,) the candidates.
    loglik, error
        (C,) held-out log-likelihood below the best one's, per observation, and the standard error
        of that difference.
    gain, gain_error
        (C,) log-likelihood beyond that of a model without touchpoints, and its standard error.
    width
        Half the width of an interval, in standard errors.
    """

    names: tuple[Any, ...]
    loglik: Floats
    error: Floats
    gain: Floats
    gain_error: Floats
    width: float

    @property
    def known(self) -> bool:
        """Whether days could be held out."""
        return bool(np.isfinite(self.loglik).all())

    @property
    def best(self) -> int:
        """The place of the best candidate."""
        return int(np.argmax(self.loglik))

    @property
    def worst(self) -> int:
        """The place of the worst candidate."""
        return int(np.argmin(self.loglik))

    @property
    def within(self) -> NDArray[np.bool_]:
        """(C,) which candidates are not told worse than the best one."""
        return np.asarray(self.loglik + self.width * self.error >= 0)

    @property
    def flat(self) -> bool:
        """Whether no candidate is told worse than the best one."""
        return bool(self.within.all())

    @property
    def gains(self) -> bool:
        """Whether the best candidate beats a model without touchpoints."""
        return bool(self.gain[self.best] > self.width * self.gain_error[self.best])

    def supported(self) -> tuple[Any, Any]:
        """Return the first and last candidate around the best one that are not told worse."""
        inside = self.within
        first = last = self.best
        while first > 0 and inside[first - 1]:
            first -= 1
        while last + 1 < len(self.names) and inside[last + 1]:
            last += 1
        return self.names[first], self.names[last]

    def beside(self) -> Finding:
        """Return which candidates are not told worse than the best one."""
        first, last = self.supported()
        if first == last:
            return Finding("alone", {"best": first})
        return Finding("beside", {"first": first, "last": last})

    @property
    def tells(self) -> bool:
        """Whether the held-out days prefer some candidates to others."""
        return self.known and self.gains and not self.flat

    def doubts(self, flat: Finding, orders: float) -> tuple[Finding, ...]:
        """Return why the held-out days do not tell, and how much more data would.

        Parameters
        ----------
        flat
            What is said where no candidate is told worse.
        orders
            How many there are in all.
        """
        if not self.known:
            return (Finding("not_held_out"),)
        if not self.gains:
            gap, error = float(self.gain[self.best]), float(self.gain_error[self.best])
            return Finding("no_signal"), more_data(gap, error, orders)
        return flat, self.more(orders)

    def more(self, orders: float) -> Finding:
        """Return how much more data would put best and worst two standard errors apart."""
        return more_data(-float(self.loglik[self.worst]), float(self.error[self.worst]), orders)

    def frame(self, name: str) -> pd.DataFrame:
        """Return one row for each candidate, its name in the column `name`."""
        half = self.width * self.error
        return pd.DataFrame(
            {
                name: list(self.names),
                "loglik": self.loglik,
                "low": self.loglik - half,
                "high": self.loglik + half,
                "gain": self.gain,
            }
        )


def told(names: Sequence[Any], gains: Floats, count: float, level: float) -> Told:
    """Return how candidates told the held-out days.

    Parameters
    ----------
    gains
        (C, blocks) log-likelihood of each block of people beyond a model without touchpoints.
    count
        Observations, such as orders.
    level
        Of the intervals, such as 0.95.
    """
    total = gains.sum(axis=1)
    apart = gains - gains[int(np.argmax(total))]
    blocks, scale = gains.shape[1], max(count, 1.0)

    def errors(parts: Floats) -> Floats:
        replicates = jackknife.first_order(parts.sum(axis=1), parts.T)
        return jackknife.standard_errors(replicates) / scale

    behind = apart.sum(axis=1) / scale
    apart[np.abs(behind) < _TINY] = 0.0
    return Told(
        tuple(names),
        apart.sum(axis=1) / scale,
        errors(apart),
        total / scale,
        errors(gains),
        float(jackknife.half_width(np.ones(1), level, blocks)[0]),
    )


def unheld(names: Sequence[Any]) -> Told:
    """Return what is known of candidates where no day could be held out: nothing."""
    nothing = np.full(len(names), np.nan)
    return Told(tuple(names), nothing, nothing, nothing, nothing, np.nan)


def more_data(gap: float, error: float, orders: float) -> Finding:
    """Return times how many orders a difference would be two of its standard errors.

    A standard error falls as the square root of the data.
    """
    factor = (_SIGNIFICANT * error / gap) ** 2 if gap > _TINY else np.inf
    if not factor < _MOST:
        return Finding("no_amount", {"most": _MOST})
    # A difference just short of two standard errors needs hardly more than there is.
    factor = max(factor, 1.05)
    numbers = {"factor": round(factor, 1 if factor < 10 else 0), "orders": _two_digits(orders)}
    return Finding("more_data", numbers | {"wanted": _two_digits(factor * orders)})


def _two_digits(number: float) -> float:
    return float(round(number)) if number < 100 else float(f"{number:.2g}")
