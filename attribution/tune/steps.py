"""How much of a journey its next step depends on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attribution.credit import checked_level
from attribution.errors import ConfigError, DataError
from attribution.evaluate.holdout import split_time
from attribution.journeys.blocks import with_blocks
from attribution.names import BLOCKS
from attribution.numerics.backoff import Steps, highest_order, next_logliks, steps_of
from attribution.tune.curve import told
from attribution.tune.held import gathered
from attribution.tune.verdict import Finding, Tuned, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from attribution.journeys import Journeys

__all__ = ["markov_order"]


def markov_order(
    journeys: Journeys | Iterable[Journeys],
    *,
    highest: int = 4,
    held: float = 0.3,
    level: float = 0.95,
) -> Tuned:
    """Return how many touchpoints back a Markov model should look.

    A step is a touchpoint or an order, at its time. Those of the days before are counted after
    each context of 1, 2 ... touchpoints, and tell the steps of the days after; see
    `numerics.backoff` for the smoothing. That a journey ends without an order is no step: it is
    seen only once its silence has lasted. `curve` has, per step, the log-likelihood below the best
    order's and the gain beyond order 0, which knows how frequent each step is and nothing of the
    journey so far.

    Parameters
    ----------
    highest
        The highest order to try, from 1 on.
    journeys, held, level
        As in `half_life`; journeys need times, and no more.

    Raises
    ------
    ConfigError
        For an order below one.
    MissingAges
        For path counts.
    DataError
        If all steps lie on one side of the split.
    """
    level = checked_level(level)
    if highest < 1:
        raise ConfigError(f"highest={highest}: write an order of 1 or more.")
    whole = gathered(journeys, "An order of Markov, held out in time,").observed
    whole = whole.take(whole.lengths > 0)
    whole = whole if whole.block is not None else with_blocks(whole)
    assert whole.closed_at is not None and whole.block is not None  # noqa: PT018, S101
    at = split_time(whole, held)
    symbols = len(whole.channels) + 2
    steps, times, block = _steps(whole, min(highest, highest_order(symbols)))
    before, after = times < at, times >= at
    if not before.any() or not after.any():
        raise DataError(
            "touchpoints and orders that all lie at one time",
            "earlier and later ones",
            "Read more days.",
        )
    known, asked = (steps.take(side) for side in (before, after))
    logs = next_logliks(known, asked, symbols, symbols - 1) * asked.weight
    by_block = np.stack([np.bincount(block[after], each, BLOCKS) for each in logs])
    names = list(range(1, len(logs)))
    seen = told(names, by_block[1:] - by_block[0], float(asked.weight.sum()), level)
    curve = seen.frame("order")
    why = Finding("markov_steps")
    low, high = seen.supported()
    if seen.flat:
        orders = float(whole.amounts()[:, 0].sum())
        flat = Finding("markov_flat", {"simplest": names[0]})
        verdict = Verdict(False, (flat, seen.more(orders), why))
        return Tuned(np.nan, low, high, curve, verdict)
    value = names[seen.best]
    found = Finding("markov_found", {"value": value})
    return Tuned(value, low, high, curve, Verdict(True, (found, seen.beside(), why)))


def _steps(journeys: Journeys, order: int) -> tuple[Steps, NDArray[np.int64], NDArray[np.uint8]]:
    """Return the steps of journeys; the instant, and the block of people, of each."""
    assert journeys.closed_at is not None and journeys.ages is not None  # noqa: PT018, S101
    assert journeys.block is not None  # noqa: S101
    n, conversion = len(journeys), len(journeys.channels)
    factor = np.ones(n) if journeys.weight is None else journeys.weight
    weight = factor * (journeys.conversions + journeys.nulls)
    ends = np.where(journeys.conversions > 0, conversion, -1)
    codes = journeys.codes.astype(np.int64)
    found = steps_of(journeys.offsets, codes, ends, weight, conversion + 1, order)
    times = np.empty(len(found.next), np.int64)
    touched = np.arange(len(codes)) + journeys.rows
    times[touched] = journeys.closed_at[journeys.rows] - journeys.ages
    times[journeys.offsets[1:] + np.arange(n)] = journeys.closed_at
    happened = found.next >= 0
    steps = found.take(happened)
    return steps, times[happened], journeys.block[steps.sequence]
