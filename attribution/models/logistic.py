"""Bagged logistic regression on the presence of channels (Shao and Li 2011)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from attribution.errors import ModelError
from attribution.models.proportional import proportional, require_nulls
from attribution.numerics import hashing, logistic, sequences
from attribution.tally import Tally, tally_sets

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from attribution.credit import Credit
    from attribution.journeys import Journeys

__all__ = ["Logistic"]

_MOST_EXACT = 12
_NOTHING = 1e-8  # fits are exact to about this


@dataclass(frozen=True)
class Logistic:
    """Coefficients of logistic regressions on random halves of the channels, averaged.

    X. Shao and L. Li, "Data-driven multi-touch attribution models", KDD 2011, section 3.1: fit
    log odds of a conversion = intercept + sum of b_c over the channels of the journey on a sample
    of the journeys and of the channels, many times, and average each b_c over the fits that its
    channel was part of. Collinear channels then share what they explain. Here a sample of the
    channels holds each with probability one half. Journeys are not sampled: averaged over samples
    of journeys, a fit tends to the fit of all of them, which is taken at once and without
    the noise of the draw.

    A channel's credit is max(b_c, 0) times the orders that it touched (for money: times their
    money), scaled so that all credit together is the attributed conversions. A channel with a
    negative coefficient gets nothing, nor does one that every journey holds: there is nothing to
    compare it with. Where no coefficient is positive, all orders are organic.

    What it needs: journeys that did not convert, as a sample of all of them, and no hidden cause
    of both contact and purchase. It knows presence only: not order, not repeats, not time. An
    order ends a journey, so buyers' journeys are short and exposure looks harmful: coefficients
    are too low, and most so for channels of long journeys. Mind that before reading the zeros.

    Parameters
    ----------
    exact
        The number of channels up to which the average is over all 2^n samples of channels there
        are, so that nothing is drawn.
    bags, seed
        With more channels: how many samples are drawn, each along with its complement, and the
        seed they are drawn with. Whether a channel is part of a sample depends on its name, the
        seed and nothing else, so renaming channels moves the credit a little.
    ridge
        Half of this, times each squared coefficient, is taken from the mean log-likelihood of a
        journey. It keeps the coefficient of a channel that always converts finite.
    """

    exact: int = 8
    bags: int = 100
    seed: int = 0
    ridge: float = 1e-5

    def __post_init__(self) -> None:
        for name in ("exact", "bags", "seed"):
            if not isinstance(getattr(self, name), int):
                raise ModelError(f"Logistic({name}={getattr(self, name)!r}): a whole number.")
        if not 0 <= self.exact <= _MOST_EXACT:
            raise ModelError(
                f"Logistic(exact={self.exact!r}): between 0 and {_MOST_EXACT}; each further "
                "channel doubles the number of fits."
            )
        if self.bags < 2 or self.bags % 2:
            raise ModelError(f"Logistic(bags={self.bags!r}): an even number, at least 2.")
        if not 0 < self.ridge < np.inf:
            raise ModelError(f"Logistic(ridge={self.ridge!r}): a number above 0.")

    def tally(self, journeys: Journeys) -> Tally:
        """Return journeys and amounts by set of channels."""
        return tally_sets(journeys)

    def credit(self, tally: Tally) -> Credit:
        """Return orders times positive coefficients, scaled to the attributed conversions.

        Raises
        ------
        ModelError
            If there are conversions and no journey that did not convert, or a fit does not end.
        """
        known = tally.lengths > 0
        measured, null = tally.measured[known], tally.column("null")[known]
        require_nulls("Logistic", measured[:, 0].sum(), null.sum())
        lengths = tally.lengths[known]
        touched = sequences.sum_by(
            tally.codes, np.repeat(measured, lengths, axis=0), len(tally.channels)
        )
        coefficients = np.zeros(len(tally.channels))
        players, codes = np.unique(tally.codes, return_inverse=True)
        if measured[:, 0].sum() > 0:
            kept = self._samples([tally.channels[code] for code in players])
            fits = logistic.fit_subsets(
                sequences.offsets_of(lengths),
                codes,
                null + measured[:, 0],
                measured[:, 0],
                kept,
                self.ridge,
            )
            coefficients[players] = fits.sum(axis=0) / kept.sum(axis=0)
        positive = np.where(coefficients > _NOTHING, coefficients, 0.0)
        weight = positive[:, None] * touched
        return proportional(tally, weight, measured.sum(axis=0), touched[:, 0])

    def _samples(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Return (samples, channels): which channels each sample holds."""
        if len(names) <= self.exact:
            number = np.arange(1, 1 << len(names))
            return (number[:, None] >> np.arange(len(names)) & 1).astype(bool)
        own = hashing.hash_texts(pa.array(names, pa.string()))
        draw = hashing.hash_integers(np.arange(self.bags // 2) + (self.seed << 32))
        mixed = hashing.hash_integers((own ^ draw[:, None]).view(np.int64))
        drawn = mixed >> np.uint64(63) == 1
        return np.concatenate([drawn, ~drawn])
