"""Intervals of models that share orders: how often they hold, and what they take."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from attribution import Journeys, Model
    from attribution.worlds.world import World

LARGER = 50  # times as many people as a data set has
LEVEL = 0.95


def models() -> dict[str, Model]:
    """Return the models whose intervals are looked at."""
    import attribution as a

    return {
        "First touch": a.FirstTouch(),
        "Last touch": a.LastTouch(),
        "Linear": a.Linear(),
        "Time decay, 7 days": a.TimeDecay(half_life="7D"),
        "Position 40/20/40": a.PositionBased(),
        "Markov(1)": a.Markov(1),
        "Markov(2)": a.Markov(2),
        "Shapley, conversions": a.Shapley(worth="conversions"),
    }


def coverage(people: int, sets: range) -> dict[str, Any]:
    """Return by model how many intervals of credit and of shares hold the population's.

    Data sets are people drawn without replacement from one population, 50 times as large; what a
    model gives the population, over 50, is what intervals are to hold.
    """
    import attribution

    world = attribution.simulate("independent", people=people * LARGER, seed=0)
    asked, names = models(), world.settings.names
    true = {name: _table(attribution.attribute(world.journeys, model), names)
            for name, model in asked.items()}  # fmt: skip
    found = {name: {"conversions": np.zeros(len(names)), "share": np.zeros(len(names))}
             for name in asked}  # fmt: skip
    for number in sets:
        journeys = _drawn(world, people, number)
        for name, model in asked.items():
            table = _table(attribution.attribute(journeys, model, interval=LEVEL), names)
            for what, scale in (("conversions", LARGER), ("share", 1)):
                low, high = _ends(table, what)
                value = true[name][what].to_numpy() / scale
                found[name][what] += (low <= value) & (value <= high)
    return {
        "sets": len(sets),
        "channels": len(names),
        "held": {name: {what: list(map(int, held)) for what, held in both.items()}
                 for name, both in found.items()},
    }  # fmt: skip


def _table(credit: Any, names: tuple[str, ...]) -> Any:
    return credit.frame().set_index("channel").reindex(list(names))


def _ends(table: Any, what: str) -> tuple[Any, Any]:
    prefix = "" if what == "conversions" else f"{what}_"
    return table[f"{prefix}low"].to_numpy(), table[f"{prefix}high"].to_numpy()


def _drawn(world: World, people: int, number: int) -> Journeys:
    """Return the journeys of people drawn from a world's."""
    from attribution import Journeys

    chance = np.random.default_rng([number, 5])
    drawn = np.zeros(world.population, bool)
    drawn[chance.choice(world.population, people, replace=False)] = True
    frames = [
        frame[drawn[frame["person"].to_numpy()]]
        for frame in (world.touchpoints, world.orders, world.people)
    ]
    return Journeys.from_touchpoints(
        frames[0], frames[1], people=frames[2], lookback=world.settings.lookback
    )


def bootstraps(people: int, replicates: int) -> dict[str, Any]:
    """Return by model the seconds of one bootstrap replicate, and of all intervals at once.

    A replicate draws as many journeys as there are, with replacement, and has its credit.
    """
    import attribution

    journeys = attribution.simulate("independent", people=people, seed=0).journeys
    chance = np.random.default_rng(0)
    out = {}
    for name, model in models().items():
        ours = _seconds(partial(attribution.attribute, journeys, model, interval=LEVEL))
        plain = _seconds(partial(attribution.attribute, journeys, model))
        drawn = partial(_bootstrap, journeys, model, chance)
        each = [_seconds(drawn, 1) for _ in range(replicates)]
        out[name] = {"interval": ours, "credit": plain, "replicate": float(np.median(each))}
    return {"people": people, "journeys": len(journeys), "models": out}


def _bootstrap(journeys: Journeys, model: Model, chance: np.random.Generator) -> None:
    import attribution

    rows = chance.integers(0, len(journeys), len(journeys))
    attribution.attribute(journeys.take(rows), model)


def _seconds(work: Callable[[], object], times: int = 3) -> float:
    """Return the smallest CPU seconds of some runs."""
    taken = []
    for _ in range(times):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return min(taken)
