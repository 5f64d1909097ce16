"""A made-up brand: hundreds of channels in a tree, and a seeding effect that is known."""

from __future__ import annotations

import numpy as np

from attribution.journeys import Journeys

HOUR = 3_600_000
PLATFORMS = ("抖音", "快手", "淘宝", "微信", "小红书")
FORMS = ("直播", "短视频", "图文", "广告", "搜索")


def names(count: int) -> tuple[str, ...]:
    """Return channel names that hold their way down the tree, most of them streamers'."""
    return tuple(
        sorted(f"{PLATFORMS[i % 5]} · {FORMS[i // 5 % 5]} · 主播{i:04d}" for i in range(count))
    )


def ranked(channels: int = 500) -> list[str]:
    """Return the names, most popular first."""
    place = np.random.default_rng(channels).permutation(channels)
    return [names(channels)[code] for code in place]


def made_brand(
    channels: int = 500,
    journeys: int = 40_000,
    *,
    base: float = 0.06,
    seeder: int = 1,
    converter: int = 0,
    lift: float = 2.5,
    longer: float = 1.0,
    orders_per_person: float = 1.4,
    seed: int = 7,
) -> Journeys:
    """Return journeys in which an order is `lift` times as likely where one comes before another.

    Parameters
    ----------
    seeder, converter
        Ranks by popularity.
    longer
        How much likelier an order is with each further touchpoint, whatever they are.
    orders_per_person
        Journeys of one person share a block.
    """
    rng = np.random.default_rng(seed)
    lengths = 1 + np.minimum(rng.poisson(rng.gamma(1.2, 1.6, journeys)), 25)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    popular = 1 / np.arange(1, channels + 1) ** 1.05
    ranks = rng.choice(channels, offsets[-1], p=popular / popular.sum())
    rows = np.repeat(np.arange(journeys), lengths)
    where = np.arange(len(ranks))
    first = np.full(journeys, len(ranks))
    np.minimum.at(first, rows[ranks == seeder], where[ranks == seeder])
    last = np.full(journeys, -1)
    np.maximum.at(last, rows[ranks == converter], where[ranks == converter])
    chance = base * longer ** (lengths - 1) * np.where(first < last, lift, 1.0)
    bought = (rng.random(journeys) < chance).astype(np.int64)
    person = rng.integers(0, max(1, int(journeys / orders_per_person)), journeys)
    gaps = rng.exponential(20 * HOUR, len(ranks)).astype(np.int64)
    total = np.cumsum(gaps)
    ages = np.repeat(total[offsets[1:] - 1], lengths) - total + gaps
    kind = np.where(rng.random(journeys) < 0.6, "new", "returning").astype(object)
    kind[bought == 0] = None
    return Journeys(
        channels=names(channels),
        offsets=offsets,
        codes=np.random.default_rng(channels).permutation(channels)[ranks].astype(np.int32),
        conversions=bought,
        nulls=1 - bought,
        values={"value": bought * np.round(rng.lognormal(9.5, 0.6, journeys))},
        ages=ages,
        block=(person * 40503 % 64).astype(np.uint8),
        segments={"buyer": kind},
    )
