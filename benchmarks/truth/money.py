"""Whether the true contribution of each streamer lies in the interval of what is reported."""

from __future__ import annotations

from typing import Any

import numpy as np

PLATFORMS = ("抖音", "快手", "淘宝")
NAMES = ("晚晴", "青禾", "阿北", "小满", "南风", "知夏", "望舒", "云起", "沐雨", "星野")
COMMISSION, GOODS = 0.2, 0.4  # of what an order is worth
SLOT_FEE = 90.0  # fen, for each touchpoint that a slot is expected to bring
LEVEL = 0.95


def one_world(people: int, seed: int, differing: bool) -> dict[str, Any]:
    """Return by model how many streamers' contributions lie in their intervals.

    Ten streamers differ in reach and effect, and if asked in what the orders are worth that they
    cause, by a factor from 0.6 to 1.6; one of them causes nothing. Each is paid a commission on
    the orders that he caused and a fee for his slots; contribution is what the orders are worth,
    less commission, goods and fees. What an interval is of is what the model credits him with: his
    costs are known.
    """
    import attribution as a
    from attribution.worlds.settings import Channel

    chance = np.random.default_rng([seed, 7])
    reach = chance.uniform(0.2, 1.0, len(NAMES))
    worth = chance.uniform(0.6, 1.6, len(NAMES)) if differing else np.ones(len(NAMES))
    channels = tuple(
        Channel(
            f"{PLATFORMS[number % 3]}/直播/{name}",
            effect=0.0 if number == 5 else 0.0186,
            popularity=float(reach[number]),
            order_value=float(worth[number]),
        )
        for number, name in enumerate(NAMES)
    )
    settings = a.WorldSettings(channels, organic=0.0125, effect_spread=0.9, name="streamers")
    world = a.simulate(settings, people=people, seed=seed)
    fee = SLOT_FEE * reach * people
    keep = 1 - COMMISSION - GOODS
    truth = world.truth.set_index("channel")["value"] * keep - fee
    models: dict[str, a.Model] = {"Hazard": a.Hazard(), "Last touch": a.LastTouch()}
    held, wrong = {}, {}
    for name, model in models.items():
        table = a.attribute(world.journeys, model, interval=LEVEL).frame().set_index("channel")
        table = table.reindex(list(settings.names))
        low, high = (table[f"value_{end}"] * keep - fee for end in ("low", "high"))
        held[name] = int(((low <= truth) & (truth <= high)).sum())
        middle = table["value"] * keep - fee
        wrong[name] = int(((middle > 0) != (truth > 0)).sum())
    return {
        "seed": seed, "differing": differing, "streamers": len(NAMES), "held": held,
        "wrong_side": wrong, "profitable": int((truth > 0).sum()),
    }  # fmt: skip
