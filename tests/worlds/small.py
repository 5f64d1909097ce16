"""Small worlds with much going on, and a plain simulator of them that shares no code."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pandas as pd

from attribution.worlds.settings import (
    Channel,
    FlashSale,
    Intent,
    IntentBursts,
    Retargeting,
    Seeding,
    Sessions,
    Synergy,
    WorldSettings,
)

DAY = 86_400_000
PAUSE = 30 * 60_000

BUSY = WorldSettings(
    channels=(
        Channel("a", 0.5, 2.5, "2D"),
        Channel("b", 0.3, 2.0, "1D"),
        Channel("c", 0.0, 1.0, "3D"),
    ),
    organic=0.8,
    days=20,
)
WORLDS = {
    "additive": BUSY,
    "delayed": replace(BUSY, response="delayed"),
    "short lookback": replace(BUSY, lookback="36h"),
    "synergy": replace(BUSY, synergy=(Synergy("a", "b", 3.0), Synergy("c", "a", 2.0))),
    "saturation": replace(BUSY, saturation=0.5),
    "brought": replace(
        BUSY,
        saturation=0.4,
        seeding=(Seeding("c", "a", 0.9, "1D"),),
        retargeting=(Retargeting("b", 0.3, "2D"),),
    ),
    "intent": replace(BUSY, intent=Intent(0.5, 3.0, 2.0, ("a",))),
    "surges": replace(
        BUSY,
        flash_sales=(FlashSale("5D", "1D", 4.0, 8.0, ("b",)),),
        bursts=IntentBursts(1.0, "2D", 5.0, 3.0, ("a",)),
    ),
    "sessions": replace(
        BUSY,
        channels=(replace(BUSY.channels[0], sessions=Sessions("20h", "3h")), *BUSY.channels[1:]),
    ),
    "multiplicative": replace(BUSY, link="multiplicative", most=12.0),
    "multiplicative with synergy": replace(
        BUSY, link="multiplicative", most=12.0, synergy=(Synergy("a", "b", 2.0),), lookback="3D"
    ),
    "multiplicative with surges": replace(
        BUSY,
        link="multiplicative",
        most=8.0,
        bursts=IntentBursts(1.0, "2D", 4.0, 3.0, ("a",)),
        flash_sales=(FlashSale("5D", "1D", 2.0, 3.0),),
    ),
}


def milliseconds(text) -> int:
    return pd.Timedelta(text) // pd.Timedelta("1ms")


class PlainWorld:
    """The order rate of each person at every instant, in plain Python, and orders by thinning."""

    def __init__(self, world, without: int | None = None) -> None:
        self.settings = s = world.settings
        e = world.exposure
        self.people = len(e.people.high)
        self.organic = [
            s.organic * (s.intent.demand if high else 1.0) / (s.days * DAY)
            for high in e.people.high
        ]
        spans = e.demand.spans
        self.episodes = [[] for _ in range(self.people)]
        for row in range(self.people, len(spans.person)):
            who = int(spans.person[row])
            self.episodes[who].append((int(spans.start[row]), int(spans.end[row])))
        self.sales = [
            (milliseconds(x.start), milliseconds(x.start) + milliseconds(x.length), x.demand)
            for x in s.flash_sales
        ]
        self.touches = [[] for _ in range(self.people)]  # (at, channel, effect), in time
        counts = {}
        t = e.touches
        for who, at, channel, ancestry in zip(t.person, t.at, t.channel, t.ancestry, strict=True):
            if without is not None and (int(ancestry) >> without) & 1:
                continue
            n = counts[who, channel] = counts.get((who, channel), 0) + 1
            effect = s.channels[channel].effect * (1 - s.saturation) ** (n - 1)
            self.touches[who].append((int(at), int(channel), effect))

    def demand(self, who: int, at: float) -> float:
        rate = self.organic[who]
        for start, end, factor in self.sales:
            if start <= at < end:
                rate *= factor
        extra = self.settings.bursts.demand - 1 if self.settings.bursts else 0.0
        return rate * (1 + extra * sum(a <= at < b for a, b in self.episodes[who]))

    def helped(self, who: int, place: int, last: float) -> float:
        _, channel, effect = self.touches[who][place]
        for pair in self.settings.synergy:
            if pair.channel == self.settings.names[channel]:
                partner = self.settings.names.index(pair.partner)
                if any(c == partner and last < t for t, c, _ in self.touches[who][:place]):
                    return effect * pair.factor
        return effect

    def rate(self, who: int, at: float, last: float) -> float:
        s = self.settings
        added = 0.0
        for place, (when, channel, _) in enumerate(self.touches[who]):
            if not last < when <= at or at - when > milliseconds(s.lookback):
                continue
            half = milliseconds(s.channels[channel].half_life)
            age, effect = at - when, self.helped(who, place, last)
            if s.link == "multiplicative":
                added += effect * 2 ** (-age / half)
            elif s.response == "exponential":
                added += effect * math.log(2) / half * 2 ** (-age / half)
            else:
                scale = half / 1.67834699
                added += effect * age / scale**2 * math.exp(-age / scale)
        if s.link == "multiplicative":
            return self.demand(who, at) * min(math.exp(added), s.most)
        return self.demand(who, at) + added

    def top(self, who: int) -> float:
        s = self.settings
        organic = self.organic[who] * math.prod(max(f, 1) for _, _, f in self.sales)
        extra = s.bursts.demand - 1 if s.bursts else 0.0
        organic *= 1 + extra * len(self.episodes[who])
        if s.link == "multiplicative":
            return organic * s.most
        factor = max([1.0, *(pair.factor for pair in s.synergy)])
        peak = sum(
            effect * factor * math.log(2) / milliseconds(s.channels[channel].half_life)
            for _, channel, effect in self.touches[who]
        )
        return organic + peak  # the hump of a delayed response is lower than that

    def orders(self, rng: random.Random) -> int:
        span, count = self.settings.days * DAY, 0
        for who in range(self.people):
            top, at, last = self.top(who), 0.0, -math.inf
            while (at := at + rng.expovariate(top)) < span:
                rate = self.rate(who, at, last)
                assert rate <= top * (1 + 1e-12)
                if at > last + PAUSE and rng.random() * top < rate:
                    count, last = count + 1, at
        return count
