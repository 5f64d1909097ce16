"""Small worlds whose truth is known, each made once."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import attribution
from attribution.journeys import Journeys
from attribution.worlds.presets import preset


@cache
def fading(half_life: str = "3D", people: int = 8_000, seed: int = 7, saturation: float = 0.0):
    """Return journeys of people whom touchpoints move for a while, with this half-life."""
    base = preset("independent")
    channels = tuple(
        replace(channel, effect=0.04, half_life=half_life) for channel in base.channels[:3]
    )
    world = replace(
        base, channels=channels, effect_spread=0.0, saturation=saturation, lift_tests=()
    )
    return attribution.simulate(world, people=people, seed=seed).journeys


@cache
def idle(people: int = 5_000, seed: int = 3) -> Journeys:
    """Return journeys of people whom touchpoints do not move at all."""
    base = preset("independent")
    channels = tuple(replace(channel, effect=0.0) for channel in base.channels[:3])
    world = replace(base, channels=channels, organic=0.1, lift_tests=())
    return attribution.simulate(world, people=people, seed=seed).journeys


def unwatched(journeys: Journeys) -> Journeys:
    """Return the journeys as they are where nobody says when people were watched."""
    names = ("watched_from", "watched_until", "risk_from", "risk_until")
    return replace(journeys, **dict.fromkeys(names)).take(journeys.lengths > 0)
