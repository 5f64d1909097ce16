"""Experiments run inside a world: the same people with a channel, and without it.

An experiment plays orders once more, by fresh chance, for the people held out: with the channel,
and without its touchpoints, and those that need them, in the time of the experiment.
Both arms share their chance, so each person is compared with himself, as in a perfectly matched
design; a plain comparison of two groups as large would know less. What is found is scaled up
from the people held out to all. Its variance is the sum of squared differences of persons, also
scaled up: a little too much where a channel makes many of them order. An experiment more precise
than its budget buys, see `LiftTest.precision`, is blurred by as much, and says so in its standard
error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.columns import duration_ms
from attribution.worlds.chance import stream
from attribution.worlds.truth import link_of
from attribution.worlds.worth import worth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.worlds.exposure import Exposure
    from attribution.worlds.settings import LiftTest, WorldSettings
    from attribution.worlds.truth import Link
    from attribution.worlds.worth import Worth

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

__all__ = ["lift_tests"]

_PILOTS = 4


def lift_tests(settings: WorldSettings, exposure: Exposure, seed: int) -> pd.DataFrame:
    """Return channel, start, end (milliseconds into the world), conversions, se of experiments."""
    link = link_of(settings, exposure)
    rows = [
        _run(link, test, stream(seed, "lift", number))
        for number, test in enumerate(settings.lift_tests)
    ]
    return pd.DataFrame(rows, columns=["channel", "start", "end", "conversions", "se"])


def _run(link: Link, test: LiftTest, rng: np.random.Generator) -> tuple[object, ...]:
    settings, touches = link.settings, link.exposure.touches
    start = duration_ms(test.start, "start")
    end = settings.span if test.end is None else duration_ms(test.end, "end")
    code = settings.names.index(test.channel)
    during = (touches.at >= start) & (touches.at < end)
    kept = np.ones(len(during), bool)
    arms = (
        worth(settings, touches, kept),
        worth(settings, touches, ~(touches.needing(code) & during)),
    )
    size = np.mean([_differences(link, arms, start, end, rng).sum() for _ in range(_PILOTS)])
    difference = _differences(link, arms, start, end, rng)
    held_out = rng.random(len(difference)) < test.held_out
    found = (difference * held_out).sum() / test.held_out
    variance = (difference**2 * held_out).sum() / test.held_out**2
    aim = max(test.precision * abs(size), test.least)
    blur = np.sqrt(max(aim**2 - variance, 0))
    found += blur * rng.standard_normal()
    return test.channel, start, end, float(found), float(max(np.sqrt(variance), aim))


def _differences(
    link: Link, arms: tuple[Worth, Worth], start: int, end: int, rng: np.random.Generator
) -> Floats:
    """Return how many more orders each person makes with the channel, within the time."""
    possible = link.possible(rng)
    people = len(link.exposure.people.high)
    counts = []
    for arm in arms:
        orders = possible.orders(arm)
        within = (orders.at >= start) & (orders.at < end)
        counts.append(np.bincount(orders.person[within], minlength=people))
    return np.asarray(counts[0] - counts[1], dtype=float)
