"""The hazard model's likelihood in plain loops, from rows of touchpoints and orders."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

HOUR = 3_600_000
DAY = 24 * HOUR
START = 1_800_000_000_000


def rows(seed: int, people: int = 40, days: float = 20.0) -> tuple[pd.DataFrame, ...]:
    """Return touchpoints, orders and people, with close orders, ties and the never touched."""
    rng = np.random.default_rng(seed)
    touch, orders, watched = [], [], []
    for person in range(people):
        start = START + int(rng.integers(0, 2 * DAY))
        end = START + int(days * DAY) - int(rng.integers(0, 2 * DAY))
        watched.append((person, start, end, rng.choice(["high", "low"])))
        for _ in range(rng.poisson(2.5)):
            at = START + int(rng.integers(0, int(days * DAY)))
            touch.append((person, at, rng.choice(["ads", "live", "video"])))
        for _ in range(rng.poisson(0.6)):
            at = START + int(rng.integers(0, int(days * DAY)))
            orders.append((person, at))
            if rng.random() < 0.5:  # one more in the same visit, or just after it
                orders.append((person, at + int(rng.integers(1, 50 * 60_000))))
    orders = [(f"o{n}", *each, float(rng.integers(1, 900))) for n, each in enumerate(orders)]
    return (
        pd.DataFrame(touch, columns=["person", "at", "channel"]),
        pd.DataFrame(orders, columns=["order_id", "person", "at", "value"]),
        pd.DataFrame(watched, columns=["person", "start", "end", "intent"]),
    )


def loglik(
    frames: tuple[pd.DataFrame, ...],
    mu: dict[str, float],
    beta: dict[str, float],
    half_life: float,
    lookback: int,
) -> float:
    """Return the log-likelihood, rates per day; `mu` by intent."""
    touch, orders, people = frames
    d = math.log(2) / half_life
    total = 0.0
    for person in people.itertuples():
        mine = sorted((t.at, t.channel) for t in touch[touch.person == person.person].itertuples())
        bought = sorted(orders.at[i, "at"] for i in orders.index[orders.person == person.person])
        visits: list[list[int]] = []
        for at in bought:
            if visits and at - visits[-1][0] <= 30 * 60_000:
                visits[-1].append(at)
            else:
                visits.append([at])
        total -= mu[person.intent] * (person.end - person.start) / DAY
        until = [min(at + lookback, person.end) for at, _ in mine]
        closed = -math.inf
        for visit in visits:
            for at in visit:
                taken = [
                    n for n, (s, _) in enumerate(mine) if closed < s <= at and at - s <= lookback
                ]
                for n in taken:
                    until[n] = min(at, person.end)
                if not person.start <= at <= person.end:
                    continue
                rate = mu[person.intent]
                for n in taken:
                    s, channel = mine[n]
                    rate += beta[channel] * d * math.exp(-d * (at - s) / DAY)
                total += math.log(rate)
            closed = visit[-1]
        for (s, channel), end in zip(mine, until, strict=True):
            begin = max(s, person.start)
            if end > begin:
                total -= beta[channel] * (
                    math.exp(-d * (begin - s) / DAY) - math.exp(-d * (end - s) / DAY)
                )
    return total
