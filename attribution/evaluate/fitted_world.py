"""Worlds like the user's own: as many touchpoints and orders, with effects as a fit found them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.evaluate.placebo import persons
from attribution.numerics.multiplicative import Multiplicative
from attribution.worlds.settings import Channel, Intent, Seeding, WorldSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from attribution.journeys import Journeys
    from attribution.models.hazard_fit import HazardFit

    Floats = NDArray[np.float64]

__all__ = [
    "OTHERS",
    "VARIANTS",
    "largest_channels",
    "seeder_of",
    "settings_like",
    "slow_of",
    "variants",
]

OTHERS = "(other channels)"
VARIANTS = ("fitted", "quick", "long", "late", "seeder", "targeted")
_MOST = 12  # channels of a world
_DAY = 86_400_000
_LOOKBACK = "30D"
_SHORTEST, _LONGEST = 1 / 24, 60.0  # days: half-lives that a world of some weeks can show
_QUICK, _LONG, _LATE = 1 / 8, 4.0, 8.0
_VISITS = 0.35  # of the seeded channel, by touchpoint of the seeder
# People of high intent in the targeted world, as in the preset of static intent.
_TARGETED = Intent(share=0.15, demand=12.0, exposure=4.0)


def largest_channels(journeys: Journeys, keep: Sequence[str] = ()) -> Journeys:
    """Return the journeys with all but the largest channels, and those to keep, as one."""
    if len(journeys.channels) <= _MOST:
        return journeys
    size = np.bincount(journeys.codes, minlength=len(journeys.channels))
    small = [journeys.channels[at] for at in np.argsort(-size, kind="stable")[_MOST - 1 :]]
    return journeys.rolled_up({name: OTHERS for name in small if name not in keep})


def settings_like(journeys: Journeys, fit: HazardFit) -> WorldSettings:
    """Return a world in which channels have the effects of a fit.

    People are touched as often, and as unevenly, as these; organic orders are as frequent. An
    effect the fit states nothing of is the mean of the others. Live sessions, seasons and what
    people share beside activity are left out.

    Parameters
    ----------
    journeys
        What was fitted, with times.
    fit
        Of at most 63 channels, without repeats or pairs.
    """
    seen = journeys.observed
    person = persons(seen)
    people = int(person.max(initial=-1)) + 1
    assert seen.risk_from is not None and seen.risk_until is not None  # noqa: PT018, S101
    watched = seen.risk_until > seen.risk_from
    start, end = int(seen.risk_from[watched].min()), int(seen.risk_until[watched].max())
    multiplies = isinstance(fit.found.problem, Multiplicative)
    effects = fit.effects()["effect"].to_numpy(float, copy=True)
    known = np.isfinite(effects)
    if multiplies:  # what a touchpoint adds to the logarithm of the rate
        effects[fit.terms.one] = fit.found.theta[fit.found.problem.groups :][: len(fit.terms.one)]
    effects = np.where(known, effects, effects[known].mean() if known.any() else 0.0)
    touched = np.bincount(seen.codes, minlength=len(seen.channels)) / max(people, 1)
    problem, theta = fit.found.problem, fit.found.theta
    organic = float(theta[: problem.groups] @ problem.at_risk) / max(people, 1)
    days = _half_lives(fit, len(seen.channels))
    channels = tuple(
        Channel(name, float(np.clip(effect, 0, 100)), float(often), pd.Timedelta(days=float(h)))
        for name, effect, often, h in zip(seen.channels, effects, touched, days, strict=True)
    )
    lookback = _LOOKBACK if seen.lookback is None else pd.Timedelta(seen.lookback, unit="ms")
    return WorldSettings(
        channels=channels,
        organic=organic,
        name="fitted",
        days=int(np.clip(round((end - start) / _DAY), 1, 3_650)),
        start=str(pd.Timestamp(start, unit="ms").date()),
        lookback=lookback,
        link="multiplicative" if multiplies else "additive",
        activity_spread=_activity_spread(seen, person, people),
    )


def _half_lives(fit: HazardFit, channels: int) -> Floats:
    found = fit.half_life
    one = found if isinstance(found, pd.Series) else pd.Series([found] * channels)
    days = one.to_numpy("timedelta64[ns]").astype(np.int64) / (_DAY * 1e6)
    middle = np.median(days[days > 0]) if (days > 0).any() else 1.0
    return np.clip(np.where(days > 0, days, middle), _SHORTEST, _LONGEST)


def _activity_spread(seen: Journeys, person: NDArray[np.int64], people: int) -> float:
    """Return how far people's activity spreads: what of the variance of counts chance leaves."""
    often = np.bincount(person[seen.rows], minlength=people)
    mean = float(often.mean()) if people else 0.0
    if mean <= 0:
        return 0.0
    return float(min(np.sqrt(max(often.var() - mean, 0.0)) / mean, 10.0))


def variants(settings: WorldSettings) -> dict[str, WorldSettings]:
    """Return the world by the name of what is different in it; see `VARIANTS`.

    Quick: half-lives are an eighth. Long: four times as long. Late: every second channel, by size,
    acts eight times as slowly, as what builds a brand does. Seeder: touchpoints of the channel
    with the smallest effect lead to the one that sells most. Targeted: people of high intent are
    found by the two largest channels.
    """
    found = {
        "fitted": settings,
        "quick": _timed(settings, np.full(len(settings.channels), _QUICK)),
        "long": _timed(settings, np.full(len(settings.channels), _LONG)),
    }
    if len(settings.channels) > 1:
        found["late"] = _timed(settings, np.where(slow_of(settings), _LATE, 1.0))
        source, target = seeder_of(settings)
        found["seeder"] = replace(
            settings, name="seeder", seeding=(Seeding(source, target, _VISITS),)
        )
    large = np.argsort(-settings.popularity, kind="stable")[:2]
    names = tuple(settings.names[at] for at in large)
    found["targeted"] = replace(
        settings, name="targeted", intent=replace(_TARGETED, channels=names)
    )
    return found


def seeder_of(settings: WorldSettings) -> tuple[str, str]:
    """Return the channel that seeds in the seeder's world, and the one it leads to."""
    sells = int(np.argmax(settings.popularity * settings.effects))
    rest = np.where(np.arange(len(settings.channels)) == sells, np.inf, settings.effects)
    return settings.names[int(np.argmin(rest))], settings.names[sells]


def slow_of(settings: WorldSettings) -> NDArray[np.bool_]:
    """Return (channels,) which ones act slowly in the late world: every second one by size."""
    rank = np.argsort(np.argsort(-settings.popularity, kind="stable"))
    return np.asarray(rank % 2 == 1)


def _timed(settings: WorldSettings, factor: Floats) -> WorldSettings:
    days = np.clip(settings.half_lives / _DAY * factor, 1 / 1440, 10 * _LONGEST)
    channels = tuple(
        replace(channel, half_life=pd.Timedelta(days=float(each)))
        for channel, each in zip(settings.channels, days, strict=True)
    )
    return replace(settings, channels=channels)
