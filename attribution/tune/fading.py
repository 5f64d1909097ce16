"""How fast touchpoints fade, and whether channels differ in that."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.columns import duration_ms
from attribution.credit import checked_level
from attribution.evaluate.holdout import gained, halves, split_time
from attribution.model import block_tallies, tallies
from attribution.models.hazard import Hazard
from attribution.models.hazard_terms import PLAIN
from attribution.numerics.additive import LONGEST, SHORTEST
from attribution.numerics.likelihood import fitted_at
from attribution.tally import sum_tallies
from attribution.tune.curve import Told, told, unheld
from attribution.tune.held import can_hold_out, compared, gathered
from attribution.tune.verdict import Finding, Tuned, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from attribution.journeys import Journeys
    from attribution.models.hazard_fit import HazardFit
    from attribution.models.hazard_tally import HazardTally

__all__ = ["HALF_LIVES", "half_life", "half_lives"]

HALF_LIVES = (
    "5min", "20min", "1h", "3h", "6h", "12h", "1D", "2D", "3D", "5D", "7D", "14D", "30D", "60D"
)  # fmt: skip

_DAY = 86_400_000.0
_CLOSE = 0.005  # of a bound's log: half a per cent
_HELD = 0.3
_LEVEL = 0.95


def half_life(
    journeys: Journeys | Iterable[Journeys],
    *,
    model: Hazard | None = None,
    candidates: Sequence[str] = HALF_LIVES,
    held: float = _HELD,
    level: float = _LEVEL,
) -> Tuned:
    """Return the half-life that the data support.

    `value` is the maximum of the likelihood of all orders; `low` and `high` are where the profile
    likelihood has fallen by half the chi-squared quantile, 1.92 at 95 % (Cox & Hinkley,
    Theoretical Statistics, 1974, sec. 9.3). `curve` holds the candidates against each other: each
    is fitted to the days before and tells the orders of the days after; its column `profile` is how
    far the likelihood of all orders lies below its maximum, in nats. The verdict says that the data
    cannot tell where no candidate tells the held-out days worse than the best one does.

    Parameters
    ----------
    journeys
        Journeys with times. To hold days out, they must say when people were watched.
    model
        The hazard model whose half-life it is; the plain one if not given.
    candidates
        Half-lives of the curve, such as "3D".
    held
        Share of the orders that are held out, the last ones.
    level
        Of all intervals.

    Raises
    ------
    MissingAges
        For path counts.
    DataError, ModelError
        If nobody ordered after a touchpoint, or there are no people who did not order.
    """
    level = checked_level(level)
    whole = gathered(journeys, "The half-life")
    model = replace(model or Hazard(), half_life="shared")
    days = np.sort([duration_ms(each, "candidates", least=1) / _DAY for each in candidates])
    tally = tallies(whole, [model])[0]
    free = model.fitted(tally)
    best = _days(free)
    fits = _along(model, free, days)
    profile = np.array([fit.found.value for fit in fits]) - free.found.value
    low, high = _bounds(model, free, dict(zip(days.tolist(), fits, strict=True)), level)
    seen = _held_out(whole, model, days, held, level)
    names = [_timedelta(each) for each in days]
    curve = replace(seen, names=tuple(names)).frame("half_life").assign(profile=profile)
    orders = float(tally.rows.amounts[:, 0].sum())
    known = SHORTEST * 1.01 < best < LONGEST * 0.99 and not (np.isnan(low) and np.isnan(high))
    value = _timedelta(best) if known else pd.NaT
    return Tuned(
        value, _timedelta(low), _timedelta(high), curve,
        _verdict(value, low, high, replace(seen, names=tuple(names)), orders, level),
    )  # fmt: skip


def _timedelta(days: float) -> pd.Timedelta:
    return pd.NaT if np.isnan(days) else pd.Timedelta(days, unit="D").round("s")  # type: ignore[return-value]


def _days(fit: HazardFit) -> float:
    """Return the half-life that all channels share, in days."""
    return float(fit.found.problem.half_lives(fit.found.theta)[0])


def _along(model: Hazard, free: HazardFit, days: NDArray[np.float64]) -> list[HazardFit]:
    """Return the maximum at each half-life, each begun at that of its neighbour."""
    start = int(np.searchsorted(days, _days(free)))
    fits: dict[int, HazardFit] = {}
    for places in (range(start, len(days)), range(start - 1, -1, -1)):
        near = free
        for place in places:
            near = fits[place] = _fixed(model, near, float(days[place]))
    return [fits[place] for place in range(len(days))]


def _fixed(model: Hazard, near: HazardFit, days: float) -> HazardFit:
    """Return the maximum at a half-life, beginning from another maximum."""
    found = fitted_at(near.found, near.found.problem.rates, float(np.log(days)))
    if found.converged:
        return replace(near, found=found)
    known = replace(model, half_life=f"{max(round(days * _DAY), 1)}ms")
    return known.fitted(near.tally)


def _bounds(
    model: Hazard, free: HazardFit, fits: Mapping[float, HazardFit], level: float
) -> tuple[float, float]:
    """Return between which half-lives the profile has fallen by less than the quantile allows.

    In days; NaN on a side on which it never falls so far, from a minute to a year.

    Parameters
    ----------
    fits
        The maxima at some half-lives.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtri

    quantile, best = float(ndtri((1 + level) / 2)), _days(free)

    def at(days: float, near: HazardFit) -> HazardFit:
        return fits[days] if days in fits else _fixed(model, near, days)

    def short(fit: HazardFit) -> float:
        """Return how far the root of twice the fall is short of the quantile."""
        return quantile - float(np.sqrt(2 * max(free.found.value - fit.found.value, 0.0)))

    def bound(outwards: Iterable[float]) -> float:
        inside, near = best, free
        for days in outwards:
            far = at(days, near)
            if short(far) < 0:
                root = partial(_short_at, model, near, short)
                ends = float(np.log(inside)), float(np.log(days))
                return float(np.exp(brentq(root, *ends, xtol=_CLOSE, rtol=_CLOSE)))
            inside, near = days, far
        return np.nan

    steps = {*fits, SHORTEST, LONGEST, best / 30, best / 3, best * 3, best * 30}
    tried = sorted(days for days in steps if SHORTEST <= days <= LONGEST)
    return bound(d for d in tried[::-1] if d < best), bound(d for d in tried if d > best)


def _short_at(
    model: Hazard, near: HazardFit, short: Callable[[HazardFit], float], log: float
) -> float:
    return short(_fixed(model, near, float(np.exp(log))))


def _held_out(
    journeys: Journeys, model: Hazard, days: NDArray[np.float64], held: float, level: float
) -> Told:
    """Return how each half-life, fitted to the days before, tells the orders after them."""
    if not can_hold_out(journeys):
        return unheld(list(days))
    before, after = halves(journeys, split_time(journeys, held))
    tally, parts = tallies(before, [model])[0], block_tallies(after, [model])[0]
    fits = _along(model, model.fitted(tally), days)
    gains = np.stack([gained(fit, parts) for fit in fits])
    return told(list(days), gains, _orders(parts), level)


def _orders(parts: Sequence[HazardTally]) -> float:
    return float(sum_tallies(parts).rows.amounts[:, 0].sum())


def _verdict(
    value: Any, low: float, high: float, seen: Told, orders: float, level: float
) -> Verdict:
    ends = {"value": value, "low": _timedelta(low), "high": _timedelta(high)}
    key = "half_life_least" if np.isnan(high) else "half_life_most" if np.isnan(low) else ""
    numbers = {name: end for name, end in ends.items() if not pd.isna(end)}
    stands = Finding(key or "half_life_found", numbers | {"level": f"{100 * level:.4g}%"})
    bounded = not (np.isnan(low) and np.isnan(high))
    if seen.tells and bounded:
        return Verdict(True, (stands, seen.beside()))
    doubts = seen.doubts(Finding("half_life_flat"), orders)
    if not bounded:
        return Verdict(False, (Finding("half_life_unknown"), *doubts))
    if not seen.known:
        return Verdict(True, (stands, *doubts))
    return Verdict(False, (*doubts, stands))


def half_lives(
    journeys: Journeys | Iterable[Journeys],
    *,
    model: Hazard | None = None,
    held: float = _HELD,
    level: float = _LEVEL,
) -> Tuned:
    """Return a half-life for each channel, their own only if held-out days are told better so.

    `value`, `low` and `high` are Series by channel; NaT where a channel has no effect to fade.
    Otherwise the shared half-life stands for each channel. A channel's own is drawn towards the
    shared one, and its interval is of the information matrix, on the log scale. `curve` has a row
    for each of the two models.

    Parameters
    ----------
    journeys, model, held, level
        As in `half_life`.

    Raises
    ------
    MissingAges, DataError, ModelError
        As in `half_life`; DataError also for journeys of which no days can be held out.
    """
    level = checked_level(level)
    whole = gathered(journeys, "The half-life")
    shared = replace(model or Hazard(), half_life="shared")
    own = replace(shared, half_life="by channel")
    seen = compared(whole, {"shared": shared, "by channel": own}, held, level)
    better = bool(seen.best == 1 and not seen.within[0])
    fit = (own if better else shared).fitted(tallies(whole, [shared])[0])
    orders = float(fit.tally.rows.amounts[:, 0].sum())
    value, low, high = _by_channel(fit, level)
    if not seen.known:
        findings = [Finding("half_lives_shared"), Finding("not_held_out")]
    elif better:
        known = value.dropna()
        findings = [
            Finding(
                "half_lives_own",
                {
                    "shortest": known.min(), "longest": known.max(),
                    "first": str(known.idxmin()), "last": str(known.idxmax()),
                },
            )
        ]  # fmt: skip
    elif not seen.within[1]:
        findings = [Finding("half_lives_worse")]
    else:
        findings = [Finding("half_lives_shared"), seen.more(orders)]
    told_apart = seen.known and not seen.flat
    return Tuned(value, low, high, seen.frame("half_lives"), Verdict(told_apart, tuple(findings)))


def _by_channel(fit: HazardFit, level: float) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Return each channel's half-life and its interval."""
    from scipy.special import ndtri

    problem, theta = fit.found.problem, fit.found.theta
    names = pd.Index(fit.tally.channels, name="channel", dtype="str")
    plain = np.flatnonzero(fit.terms.other == PLAIN)
    clock = problem.rates + problem.clock[plain]
    error = np.sqrt(np.maximum(np.diag(fit.found.covariance)[clock], 0.0))
    logs = theta[clock]
    alive = (theta[problem.groups + plain] > 0) & (error > 0)
    half = float(ndtri((1 + level) / 2)) * error

    def series(
        column: NDArray[np.float64], use: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    ) -> pd.Series:
        out = pd.Series(pd.NaT, index=names, dtype="timedelta64[s]")
        days = np.clip(np.exp(use(column)), SHORTEST, LONGEST)[alive]
        out.iloc[fit.terms.one[plain][alive]] = pd.to_timedelta(days, unit="D").round("s")
        return out

    return (
        series(logs, lambda x: x),
        series(logs, lambda x: x - half),
        series(logs, lambda x: x + half),
    )
