"""What each channel truly causes in a world.

The truth of a channel is the expected number of orders in the world minus the expected number in
the same world without it: its touchpoints, and those they seeded or retargeted, never happen.
All other exposures are as they were; the expectation is over how orders come about. Without a
channel its touchpoints' orders are missing, and what those orders would have consumed acts on.
Under an additive link without synergy the truths add up to a little less than all but the organic
orders; with synergy or a multiplicative link what channels do together counts for each of them.

Both worlds share their chance (common random numbers), and instead of orders the order rate is
summed up along what happens (Rao-Blackwell), which leaves noise well below 1 % of the total.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.worlds.additive import Additive
from attribution.worlds.chance import stream
from attribution.worlds.multiplicative import Multiplicative
from attribution.worlds.worth import worth

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.worlds.exposure import Exposure
    from attribution.worlds.settings import WorldSettings

    Floats = NDArray[np.float64]

__all__ = ["Link", "link_of", "truth"]

Link = Additive | Multiplicative

_REPLICATES = 8
# With a multiplicative link: possible orders per person that give little noise, and the most
# times the needed ones that are worth their while.
_ENOUGH, _DENSEST = 0.5, 4.0


def link_of(settings: WorldSettings, exposure: Exposure) -> Link:
    """Return how orders come about in a world."""
    kind = Additive if settings.link == "additive" else Multiplicative
    return kind(settings, exposure, _ceiling(settings, exposure))


def _ceiling(settings: WorldSettings, exposure: Exposure) -> Floats:
    """Return (T,) the largest effect of each touchpoint, with or without any one channel."""
    touches = exposure.touches
    full = worth(settings, touches, np.ones(len(touches.at), bool))
    top = np.maximum(full.effect, np.where(full.partner_at >= 0, full.boosted, 0))
    if settings.saturation > 0 and settings.offspring.any():  # fewer before it, more left of it
        for code in range(len(settings.channels)):
            without = worth(settings, touches, ~touches.needing(code))
            top = np.maximum(top, np.maximum(without.effect, without.boosted))
    return top


def truth(
    settings: WorldSettings, exposure: Exposure, seed: int, replicates: int = _REPLICATES
) -> pd.DataFrame:
    """Return channel, conversions, value: what each channel causes in a world, as defined above.

    Parameters
    ----------
    replicates
        How often orders are played over.
    """
    link = link_of(settings, exposure)
    if isinstance(link, Multiplicative):
        spare = _ENOUGH * len(exposure.people.high) / max(link.needed, 1.0)
        link = link.denser(min(max(spare, 1.0), _DENSEST))
    touches, channels = exposure.touches, len(settings.channels)
    full = worth(settings, touches, np.ones(len(touches.at), bool))
    without = [worth(settings, touches, ~touches.needing(code)) for code in range(channels)]
    lost = np.zeros((channels, channels + 1))
    for replicate in range(replicates):
        possible = link.possible(stream(seed, "truth", replicate))
        with_all = possible.expected(possible.orders(full), full)
        for code, rest in enumerate(without):
            lost[code] += with_all - possible.expected(possible.orders(rest), rest)
    lost /= replicates
    worth_of = settings.basket_fen * np.array([*(c.order_value for c in settings.channels), 1.0])
    return pd.DataFrame(
        {"channel": settings.names, "conversions": lost.sum(1), "value": lost @ worth_of}
    )
