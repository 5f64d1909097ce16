"""Every model in one world: how far its credit is from what channels caused."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attribution import Credit
    from attribution.evaluate.holdout import Holdout
    from attribution.worlds.world import World

    Frame = pd.DataFrame
    Found = tuple[str, pd.Series, Frame | None]

REGIMES = (
    "equal", "independent", "static_intent", "intent_bursts", "organic", "synergy",
    "short_half_life", "long_half_life", "mixed_half_lives", "split_identities", "seeding",
    "everything", "delayed", "multiplicative", "saturation", "multiplicative_intent",
)  # fmt: skip
SEEDING = "3D"
HAZARD, MULTIPLICATIVE, CHOSEN = "Hazard", "Hazard, multiplicative", "Hazard, link by hold-out"
BY_CHANNEL, INTENT = "Hazard, half-life by channel", "Hazard, intent"
PAIRS_SEEDING = "Hazard, pairs and seeding"
MULTIPLICATIVE_INTENT = "Hazard, multiplicative, intent"
INTENT_TESTS = "Hazard, intent, two lift tests"
FULL_TESTS = "Hazard, intent, pairs, seeding, two lift tests"
LAST, LAST_TESTS = "Last touch", "Last touch, two lift tests"
DECAY_FOUND = "Time decay, half-life of Hazard"


def one_world(preset: str, people: int, seed: int) -> dict[str, Any]:
    """Return the scores of every model in one world, and which link the hold-out chose."""
    import attribution

    world = attribution.simulate(preset, people=people, seed=seed)
    truth = world.truth.set_index("channel")["conversions"]
    tested = set(world.lift_tests["channel"])
    rows = []
    begun = time.process_time()
    for name, claimed, effects in _claims(world):
        row = scores(truth, claimed, tested, effects)
        rows.append({"model": name, "cpu": round(time.process_time() - begun, 3), **row})
        begun = time.process_time()
    found = _links(world)
    chosen, gains = found.best, {name: float(part.sum()) for name, part in found.gains.items()}
    source = HAZARD if chosen == "additive" else MULTIPLICATIVE
    copied = next(row for row in rows if row["model"] == source)
    rows.append({**copied, "model": CHOSEN, "cpu": round(time.process_time() - begun, 3)})
    return {
        "preset": preset,
        "regime": world.settings.regime,
        "seed": seed,
        "people": people,
        "orders": len(world.orders),
        "touchpoints": len(world.touchpoints),
        "link": world.settings.link,
        "chosen": chosen,
        "gains": gains,
        "rows": rows,
    }


def _claims(world: World) -> Iterator[Found]:
    """Yield each model's name, conversions by channel, and effects with intervals if it has any."""
    import attribution as a

    journeys, tests = world.journeys, world.lift_tests

    def credited(model: a.Model) -> pd.Series:
        frame = a.attribute(journeys, model).frame().set_index("channel")["conversions"]
        return frame.reindex(world.settings.names).fillna(0.0)

    def caused(name: str, **settings: Any) -> tuple[Found, Credit]:
        credit = a.attribute(journeys, a.Hazard(**settings))
        table = effects_of(credit, world.settings.names)
        return (name, table["conversions"].fillna(0.0), table), credit

    yield "First touch", credited(a.FirstTouch()), None
    last = credited(a.LastTouch())
    yield LAST, last, None
    yield "Linear", credited(a.Linear()), None
    yield "Time decay, 7 days", credited(a.TimeDecay(half_life="7D")), None
    yield "Position 40/20/40", credited(a.PositionBased()), None
    for order in (1, 2, 3):
        yield f"Markov({order})", credited(a.Markov(order)), None
    for worth in ("conversions", "rate"):
        yield f"Shapley, {worth}", credited(a.Shapley(worth=worth)), None
    yield "Shao-Li", credited(a.ShaoLi()), None
    yield "Logistic", credited(a.Logistic()), None
    yield "Counterfactual Shapley", credited(a.CounterfactualShapley()), None
    found, credit = caused(HAZARD)
    yield found
    half_life = credit.half_life
    if isinstance(half_life, pd.Timedelta) and not pd.isna(half_life):
        seconds = max(round(half_life.total_seconds()), 1)
        yield DECAY_FOUND, credited(a.TimeDecay(half_life=f"{seconds}s")), None
    yield caused(BY_CHANNEL, half_life="by channel")[0]
    yield caused(INTENT, covariates=("intent",))[0]
    yield caused(PAIRS_SEEDING, pairs=True, seeding=SEEDING)[0]
    yield caused(MULTIPLICATIVE, link="multiplicative")[0]
    if world.settings.intent.share > 0:
        yield caused(MULTIPLICATIVE_INTENT, link="multiplicative", covariates=("intent",))[0]
    yield caused(INTENT_TESTS, covariates=("intent",), lift_tests=tests)[0]
    everything = {"covariates": ("intent",), "pairs": True, "seeding": SEEDING}
    yield caused(FULL_TESTS, lift_tests=tests, **everything)[0]
    yield LAST_TESTS, with_tests(last, tests), None


def _links(world: World) -> Holdout:
    import attribution as a
    from attribution.evaluate.holdout import holdout

    links = {"additive": a.Hazard(), "multiplicative": a.Hazard(link="multiplicative")}
    return holdout(world.journeys, links)


def with_tests(claimed: pd.Series, tests: Frame) -> pd.Series:
    """Return credit put right by lift tests, as one would by hand.

    Tested channels have what their tests found; all others are scaled by what the tests found of
    what the model claims for the tested ones.
    """
    found = tests.set_index("channel")["conversions"]
    there = claimed[found.index].sum()
    scaled = claimed * (found.sum() / there if there > 0 else 1.0)
    scaled[found.index] = found
    return scaled


def effects_of(credit: Credit, names: tuple[str, ...]) -> Frame:
    """Return conversions, low and high of each channel; missing where nothing is stated."""
    assert credit.effects is not None
    table = credit.effects.set_index("channel")[["conversions", "low", "high"]]
    return table.reindex(list(names))


def scores(
    truth: pd.Series, claimed: pd.Series, tested: set[str], effects: Frame | None = None
) -> dict[str, float | None]:
    """Return how far claims are from the truth.

    tv, tv_untested: total-variation distance of shares, x 100; the latter of shares among the
    channels no experiment tested. rank: Spearman's correlation. claim: claimed / true, in all.
    With effects: `inside` of the `stated` intervals hold the truth; `zero`: whether the interval of
    the channel without effect, where there is one, holds 0.
    """
    others = [name for name in truth.index if name not in tested]
    out: dict[str, float | None] = {
        "tv": tv(truth, claimed),
        "tv_untested": tv(truth[others], claimed[others]),
        "rank": spearman(truth, claimed),
        "claim": float(claimed.sum() / truth.sum()),
    }
    if effects is not None:
        stated = effects["low"].notna()
        inside = (effects["low"] <= truth) & (truth <= effects["high"])
        out |= {"inside": int(inside[stated].sum()), "stated": int(stated.sum())}
        none = truth.abs() < 1e-9
        out["zero"] = float((effects["low"][none] <= 1e-9).mean()) if none.any() else None
    return {key: None if value is None else round(value, 5) for key, value in out.items()}


def tv(truth: pd.Series, claimed: pd.Series) -> float:
    """Return half the sum of differences of shares, x 100; 100 where nothing is claimed."""
    total = claimed.sum()
    if not total > 0:
        return 100.0
    return float(50.0 * (claimed / total - truth / truth.sum()).abs().sum())


def spearman(truth: pd.Series, claimed: pd.Series) -> float:
    """Return the correlation of ranks; 0 where either is constant."""
    one, other = truth.round(9).rank(), claimed.round(9).rank()
    if one.nunique() < 2 or other.nunique() < 2:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
