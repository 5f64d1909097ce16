"""Whether Hazard finds the half-life and the effects that a world was made with."""

from __future__ import annotations

from dataclasses import replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.truth.board import effects_of, scores

if TYPE_CHECKING:
    from attribution.models.hazard_fit import HazardFit

LEVEL = 0.95


def half_life(days: float, people: int, seed: int) -> dict[str, Any]:
    """Return what Hazard finds in a world of independent channels with one half-life."""
    import attribution
    from attribution.worlds.presets import preset

    plain = preset("independent")
    channels = tuple(replace(each, half_life=f"{days * 24:g}h") for each in plain.channels)
    world = attribution.simulate(replace(plain, channels=channels), people=people, seed=seed)
    model = attribution.Hazard()
    found = model.fitted(model.tally(world.journeys))
    truth = world.truth.set_index("channel")["conversions"]
    table = effects_of(found.credit(), world.settings.names)
    low, high = half_life_interval(found)
    return {
        "days": days,
        "seed": seed,
        "found": float(np.exp(found.found.theta[found.found.problem.rates])),
        "low": low,
        "high": high,
        **scores(truth, table["conversions"].fillna(0.0), set(), table),
    }


def half_life_interval(found: HazardFit) -> tuple[float, float]:
    """Return the 95 % Wald interval of a shared half-life in days, on the scale of logarithms."""
    place = found.found.problem.rates
    error = np.sqrt(found.found.covariance[place, place])
    half = NormalDist().inv_cdf((1 + LEVEL) / 2) * error
    middle = found.found.theta[place]
    return float(np.exp(middle - half)), float(np.exp(middle + half))


def against_blocks(people: int, seed: int) -> dict[str, Any]:
    """Return each effect's standard error from the information matrix over that from blocks.

    Blocks: fitted again without each of the 64 blocks of people.
    """
    import attribution
    from attribution.model import block_tallies
    from attribution.numerics import jackknife
    from attribution.tally import sum_tallies

    world = attribution.simulate("independent", people=people, seed=seed)
    model = attribution.Hazard()
    parts = block_tallies(world.journeys, [model])[0]
    whole = sum_tallies(parts)
    effects = model.fitted(whole).effects()
    without = [model.fitted((whole - part) * jackknife.scale(len(parts))) for part in parts]
    replicates = np.array([found.effects()["effect"].to_numpy() for found in without])
    blocks = jackknife.standard_errors(replicates)
    inside = effects["low"].to_numpy() > 0  # at a bound there is no standard error
    effect, conversions, high = effects.loc[inside, ["effect", "conversions", "high"]].to_numpy().T
    width = (high - conversions) * effect / conversions
    ratio = width / NormalDist().inv_cdf((1 + LEVEL) / 2) / blocks[inside]
    return {"seed": seed, "ratios": [round(float(each), 4) for each in ratio]}
