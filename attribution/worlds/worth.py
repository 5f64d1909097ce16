"""What each touchpoint can do in a world, or in the same world with some of them left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.worlds.exposure import Touches
    from attribution.worlds.settings import WorldSettings

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

__all__ = ["NEVER", "Worth", "worth"]

# Before any instant of a world: of what has not happened.
NEVER = np.int64(-1)


class Worth(NamedTuple):
    """The effects of T touchpoints.

    Attributes
    ----------
    effect
        (T,) without a partner's help; 0 for those left out.
    boosted
        (T,) with it.
    partner_at
        (T,) when the partner channel last touched the person before; `NEVER` if it did not. It
        helps if the person has not ordered since.
    """

    effect: Floats
    boosted: Floats
    partner_at: Ints

    def after(self, rows: Ints, last_order: Ints) -> Floats:
        """Return the effect of touchpoints whose person last ordered at an instant."""
        helped = self.partner_at[rows] > last_order
        return np.where(helped, self.boosted[rows], self.effect[rows])


def worth(settings: WorldSettings, touches: Touches, kept: Bools) -> Worth:
    """Return what touchpoints can do when only those kept ever happen."""
    effect = settings.effects[touches.channel] * kept
    if settings.saturation > 0:
        effect = effect * (1 - settings.saturation) ** _kept_before(touches, kept)
    factor = np.ones(len(effect))
    partner_at = np.full(len(effect), NEVER)
    at_name = {name: place for place, name in enumerate(settings.names)}
    for pair in settings.synergy:
        own = touches.channel == at_name[pair.channel]
        factor[own] = pair.factor
        partner = _latest_before(touches, kept & (touches.channel == at_name[pair.partner]))
        partner_at[own] = partner[own]
    return Worth(effect, effect * factor, partner_at)


def _kept_before(touches: Touches, kept: Bools) -> Ints:
    """Return how many kept touchpoints of its channel came to the person before each."""
    order = np.lexsort((np.arange(len(kept)), touches.channel, touches.person))
    person, channel = touches.person[order], touches.channel[order]
    fresh = np.append(True, (person[1:] != person[:-1]) | (channel[1:] != channel[:-1]))
    before = np.append(0, np.cumsum(kept[order]))[: len(order)]
    first = np.maximum.accumulate(np.where(fresh[: len(order)], before, 0))
    out = np.empty(len(order), np.int64)
    out[order] = before - first
    return out


def _latest_before(touches: Touches, marked: Bools) -> Ints:
    """Return when a marked touchpoint last came to the person before each; `NEVER` if none did."""
    place = np.where(marked, np.arange(len(marked)), -1)
    before = np.append(-1, np.maximum.accumulate(place))[: len(marked)].astype(np.int64)
    same = (before >= 0) & (touches.person[np.maximum(before, 0)] == touches.person)
    return np.where(same, touches.at[np.maximum(before, 0)], NEVER)
