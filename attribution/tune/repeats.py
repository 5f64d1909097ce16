"""What a channel's repeated touchpoints weigh against its first."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from attribution.credit import checked_level
from attribution.model import tallies
from attribution.models.hazard import Hazard
from attribution.models.hazard_terms import PLAIN, REPEAT
from attribution.tune.curve import more_data
from attribution.tune.held import compared, gathered
from attribution.tune.verdict import Finding, Tuned, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attribution.journeys import Journeys
    from attribution.models.hazard_fit import HazardFit

__all__ = ["position_weights"]


class _Ratio(NamedTuple):
    """Repeat over first; its interval, NaN where it has no end; its standard error."""

    value: float
    low: float
    high: float
    error: float


def position_weights(
    journeys: Journeys | Iterable[Journeys],
    *,
    model: Hazard | None = None,
    held: float = 0.3,
    level: float = 0.95,
) -> Tuned:
    """Return what a repeated touchpoint of a channel weighs, its first weighing one.

    `value` is the sum over channels of w times the effect of repeats, over that of firsts, with
    w = F R / (F + R) of the exposure F of firsts and R of repeats (weights as of Mantel & Haenszel
    1959), so that channels are compared with themselves; `low` and `high` are Fieller's interval
    of a ratio (Fieller 1954) from the information matrix. `curve` has a row for the model that
    takes both alike and for the one that does not.

    First and repeated are known when a touchpoint happens. Whether it is the last is known only
    when the order comes: weights of first, middle and last fitted to whole paths absorb how recent
    the last one is, and give it most of the credit where position does nothing. None are fitted.

    Parameters
    ----------
    journeys, model, held, level
        As in `half_life`.

    Raises
    ------
    MissingAges
        For path counts.
    DataError, ModelError
        If nobody ordered after a touchpoint, or there are no people who did not order.
    """
    level = checked_level(level)
    whole = gathered(journeys, "A weight by position")
    alike = replace(model or Hazard(), repeats=False)
    apart = replace(alike, repeats=True)
    fit = apart.fitted(tallies(whole, [apart])[0])
    ratio = _ratio(fit, level)
    seen = compared(whole, {"alike": alike, "first and repeat": apart}, held, level)
    orders = float(fit.tally.rows.amounts[:, 0].sum())
    differ = ratio.high < 1 or ratio.low > 1
    # Held-out days may speak against what the information matrix finds.
    differ = differ and not (seen.known and seen.gain[1] < seen.gain[0])
    only = Finding("weights_only")
    numbers: dict[str, Any] = {"value": ratio.value, "low": ratio.low, "high": ratio.high}
    numbers |= {"level": f"{100 * level:.4g}%"}
    if np.isnan(ratio.value) and np.isnan(ratio.error):
        findings = [Finding("weights_none")]
    elif np.isnan(ratio.high):
        findings = [Finding("weights_unknown")]
    elif differ:
        findings = [Finding("weights_differ", numbers)]
    else:
        gap = abs(ratio.value - 1)
        findings = [Finding("weights_alike", numbers), more_data(gap, ratio.error, orders)]
    if not seen.known:
        findings.append(Finding("not_held_out"))
    return Tuned(
        ratio.value, ratio.low, ratio.high, seen.frame("weights"),
        Verdict(bool(differ), (*findings, only)),
    )  # fmt: skip


def _ratio(fit: HazardFit, level: float) -> _Ratio:
    from scipy.special import ndtri

    terms, problem, theta = fit.terms, fit.found.problem, fit.found.theta
    groups, channels = problem.groups, len(fit.tally.channels)
    here = np.arange(len(terms.one))
    acted = problem.acted(theta)
    places = np.full((channels, 2), -1)
    for column, kind in enumerate((PLAIN, REPEAT)):
        chosen = terms.other == kind
        places[terms.one[chosen], column] = here[chosen]
    both = places[(places >= 0).all(axis=1)]
    exposed = acted[both]
    total = exposed.sum(axis=1)
    weight = np.divide(exposed.prod(axis=1), total, out=np.zeros_like(total), where=total > 0)
    if not weight.any():
        return _Ratio(np.nan, np.nan, np.nan, np.nan)
    by = np.zeros((2, len(theta)))
    for column in (0, 1):
        by[column, groups + both[:, column]] = weight
    first, repeat = by @ theta
    (vff, vfr), (_, vrr) = by @ fit.found.covariance @ by.T
    if first <= 0:
        return _Ratio(np.nan, 0.0, np.nan, 0.0)
    value = repeat / first
    error = float(np.sqrt(max(vrr - 2 * value * vfr + value**2 * vff, 0.0))) / first
    z = float(ndtri((1 + level) / 2))
    # Those r for which repeat - r first lies within z of its standard errors.
    square, middle = first**2 - z**2 * vff, first * repeat - z**2 * vfr
    rest = repeat**2 - z**2 * vrr
    root = middle**2 - square * rest
    if square <= 0 or root < 0:
        return _Ratio(float(value), 0.0, np.nan, error)
    low, high = ((middle + sign * np.sqrt(root)) / square for sign in (-1, 1))
    return _Ratio(float(value), float(max(low, 0.0)), float(high), error)
