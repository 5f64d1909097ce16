"""Gates that a causal model has to pass before its figures are believed, one function each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.errors import MissingAges, ModelError
from attribution.evaluate.holdout import holdout, split_time
from attribution.evaluate.lift import score
from attribution.evaluate.placebo import PLACEBO, with_placebos
from attribution.models.hazard import Hazard
from attribution.names import ORGANIC
from attribution.numerics import jackknife

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from attribution.credit import Credit
    from attribution.journeys import Journeys
    from attribution.models.lift_tests import LiftTest

    Floats = NDArray[np.float64]

__all__ = [
    "FEWEST_ORDERS",
    "Facts",
    "Finding",
    "HeldOut",
    "Outcome",
    "agreement",
    "data_gate",
    "facts_of",
    "holdout_gate",
    "inclination",
    "lift_gate",
    "over_claims",
    "placebo_gate",
    "worth_testing",
]

FEWEST_ORDERS = 100  # in the likelihood: with fewer even one effect is told within half its size
LEVEL = 0.95
_ONE_PERCENT = 2.33  # standard deviations
_APART = 2.0  # standard errors between a credit and a test that count as disagreement
_MOST_VALUES = 8  # of a label of people that organic demand may depend on
_LISTED = 2  # tests to recommend


class Outcome(StrEnum):
    """How a gate ended."""

    PASSED = "passed"
    CAUTION = "caution"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Finding:
    """What a gate found.

    Attributes
    ----------
    gate
        "data", "holdout", "placebo", "lift" or "over_claim".
    outcome
        How it ended.
    key
        Which of its findings; `present` has the words.
    numbers
        What the words need: counts, shares, lists of names.
    """

    gate: str
    outcome: Outcome
    key: str
    numbers: Mapping[str, Any] = field(default_factory=dict)


# ---------------------------------------------------------------------- data


@dataclass(frozen=True)
class Facts:
    """What journeys hold, as far as a causal model needs it.

    Attributes
    ----------
    orders
        All of them.
    counted
        Orders while their person was watched: those a rate can be fitted to.
    stated
        Orders whose only touchpoint is what they say of their own source.
    nulls, untouched
        Journeys without an order; those of people who were watched and never touched.
    timed
        Whether touchpoints have times and people have times under observation.
    touched
        Channels with touchpoints that are no order's own word.
    """

    orders: float
    counted: float
    stated: float
    nulls: float
    untouched: float
    timed: bool
    touched: tuple[str, ...]


def facts_of(journeys: Journeys) -> Facts:
    """Return what journeys hold."""
    seen = journeys.observed
    orders, nulls = seen.amounts()[:, 0], seen.weighted_nulls()
    closed, from_, until = seen.closed_at, seen.watched_from, seen.watched_until
    counted = 0.0
    if closed is not None and from_ is not None and until is not None:
        counted = float(orders[(from_ <= closed) & (closed <= until)].sum())
    silent = (journeys.lengths > 0) & (seen.lengths == 0)
    present = np.bincount(seen.codes, minlength=len(seen.channels)) > 0
    return Facts(
        float(orders.sum()),
        counted,
        float(orders[silent].sum()),
        float(nulls.sum()),
        float(nulls[seen.lengths == 0].sum()) if from_ is not None else 0.0,
        seen.ages is not None and from_ is not None,
        tuple(name for name, has in zip(seen.channels, present, strict=True) if has),
    )


def data_gate(facts: Facts) -> Finding:
    """Return whether the data can tell a cause from exposure at all, and what they lack."""
    numbers = {
        "orders": facts.orders,
        "counted": facts.counted,
        "stated": facts.stated,
        "nulls": facts.nulls,
        "untouched": facts.untouched,
        "channels": len(facts.touched),
        "fewest": FEWEST_ORDERS,
    }
    lacks = [
        ("no_orders", facts.orders <= 0),
        ("no_times", not facts.timed),
        ("no_touchpoints", not facts.touched),
        ("no_nonconverters", facts.nulls <= 0),
        ("mostly_stated", facts.stated > facts.counted),
        ("few_orders", facts.counted < FEWEST_ORDERS),
    ]
    for key, lacking in lacks:
        if lacking:
            return Finding("data", Outcome.FAILED, key, numbers)
    if len(facts.touched) == 1:
        return Finding("data", Outcome.CAUTION, "one_channel", numbers)
    if facts.untouched <= 0:
        return Finding("data", Outcome.CAUTION, "no_untouched", numbers)
    return Finding("data", Outcome.PASSED, "data_enough", numbers)


# ---------------------------------------------------------------------- hold-out


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What the orders of the last days say of models fitted to the days before.

    Attributes
    ----------
    frame
        Columns model, gain (nats per order beyond a constant rate), low, high; best last.
    chosen
        The model to use; None where none tells orders better than a constant rate.
    finding
        Of the gate.
    """

    frame: pd.DataFrame
    chosen: Hazard | None
    finding: Finding


@dataclass(frozen=True)
class _Told:
    """One model's gains on the held-out orders, by block of people."""

    model: Hazard
    gains: Floats
    orders: float

    def over(self, other: _Told | None) -> tuple[float, float, float]:
        """Return the gain per order beyond another model's (None: constant), and its interval."""
        blocks = self.gains if other is None else self.gains - other.gains
        errors = jackknife.standard_errors(jackknife.first_order(np.asarray(blocks.sum()), blocks))
        half = float(jackknife.half_width(errors, LEVEL, len(blocks)))
        total, scale = float(blocks.sum()), max(self.orders, 1.0)
        return total / scale, (total - half) / scale, (total + half) / scale


def holdout_gate(journeys: Journeys) -> HeldOut:
    """Return which hazard tells the held-out orders best, if any does.

    One effect for all channels against a constant rate says whether touchpoints matter at all;
    an effect for each against one for all says whether channels can be told apart. A further
    part of the model (labels of people, pairs, half-lives by channel) stays where it tells the
    orders better beyond sampling error.
    """
    at = split_time(journeys.observed)
    together = journeys.rolled_up(dict.fromkeys(journeys.channels, "all"))
    told: dict[str, _Told] = {}

    def tried(name: str, model: Hazard, of: Journeys = journeys) -> _Told | None:
        try:
            found = holdout(of, {name: model}, at=at)
        except (ModelError, MissingAges):
            return None
        gains = found.gains[name]
        if found.orders <= 0 or not np.isfinite(gains).all():
            return None
        told[name] = _Told(model, gains, found.orders)
        return told[name]

    one = tried("one_effect", Hazard(), together)
    links = [each for each in (tried(name, model) for name, model in _links()) if each is not None]
    if one is None or not links:
        return HeldOut(_told_frame(told), None, Finding("holdout", Outcome.FAILED, "not_fitted"))
    best = max(links, key=lambda each: float(each.gains.sum()))
    chosen = best.model
    for name, changes in _additions(journeys, best.model):
        more = tried(name, replace(best.model, **changes))
        if more is not None and more.over(best)[1] > 0:
            chosen = replace(chosen, **changes)
    numbers: dict[str, Any] = {"orders": best.orders, "model": chosen}
    numbers |= _gain("gain", max(one, best, key=_total).over(None))
    numbers |= _gain("apart", best.over(one))
    frame = _told_frame(told)
    if max(one.over(None)[1], best.over(None)[1]) <= 0:
        return HeldOut(frame, None, Finding("holdout", Outcome.FAILED, "no_gain", numbers))
    facts = facts_of(journeys)
    chance = _chance_gain(len(facts.touched), best.orders, facts.counted - best.orders)
    alike = best.over(one)[1] <= 0 and float((best.gains - one.gains).sum()) <= chance
    if len(facts.touched) > 1 and alike:
        return HeldOut(frame, chosen, Finding("holdout", Outcome.FAILED, "channels_alike", numbers))
    return HeldOut(frame, chosen, Finding("holdout", Outcome.PASSED, "gain", numbers))


def _chance_gain(channels: int, told: float, fitted: float) -> float:
    """Return the gain in nats that effects of channels that are alike have in 1 % of draws.

    Of k further parameters that do nothing, estimated on n orders and told m others, the gain is
    g'd - d'Jd / 2 with d and g normal of variance 1 / (information of n) and J: of mean -k r / 2
    and variance k (r + r^2 / 2), where r = m / n. An interval by blocks also has the spread of a
    gain that is there, so a gain far beyond chance counts even where that interval is wide.
    """
    further, ratio = max(channels - 1, 1), told / max(fitted, 1.0)
    spread = float(np.sqrt(further * (ratio + ratio**2 / 2)))
    return -further * ratio / 2 + _ONE_PERCENT * spread


def _total(told: _Told) -> float:
    return float(told.gains.sum())


def _links() -> list[tuple[str, Hazard]]:
    """Return the candidates that the others build on."""
    return [("additive", Hazard()), ("multiplicative", Hazard(link="multiplicative"))]


def _additions(journeys: Journeys, base: Hazard) -> list[tuple[str, dict[str, Any]]]:
    found: list[tuple[str, dict[str, Any]]] = []
    labels = _labels(journeys)
    if labels:
        found.append(("covariates", {"covariates": labels}))
    if base.link == "additive":
        found.append(("pairs", {"pairs": True}))
        found.append(("by_channel", {"half_life": "by channel"}))
    return found


def _labels(journeys: Journeys) -> tuple[str, ...]:
    """Return labels of people with few values, known of those who never ordered, too."""
    null = journeys.nulls > 0
    found = []
    for name, column in journeys.segments.items():
        own = pd.Series(column)
        known = own[null].notna()
        everybody = len(known) > 0 and bool(known.all()) and bool(own.notna().all())
        if everybody and 2 <= own.astype(str).nunique() <= _MOST_VALUES:
            found.append(name)
    return tuple(found[:2])


def _told_frame(told: Mapping[str, _Told]) -> pd.DataFrame:
    rows = [(name, *each.over(None)) for name, each in told.items()]
    frame = pd.DataFrame(rows, columns=["model", "gain", "low", "high"])
    return frame.sort_values("gain", kind="stable", ignore_index=True)


def _gain(name: str, of: tuple[float, float, float]) -> dict[str, float]:
    return {name: of[0], f"{name}_low": of[1], f"{name}_high": of[2]}


# ---------------------------------------------------------------------- placebo


def inclination(journeys: Journeys, model: Hazard, half_life: str, seed: int = 0) -> pd.DataFrame:
    """Return what a model gives to channels that cannot have caused anything.

    Returns
    -------
    DataFrame
        A row for each channel whose placebo was drawn: `channel`, `orders` that the model takes
        for caused by its placebo, `low` and `high` at 95 % for all channels together
        (Bonferroni; no upper end where the model gives nothing), `share` of all orders, and
        `inclined`: whether `low` is above zero.
    """
    from scipy.special import ndtri

    # The half-life is known from the real touchpoints; pairs and seeds are none of a placebo's.
    plain = replace(model, half_life=half_life, pairs=False, repeats=False, seeding=None)
    copies = 4 if model.link == "additive" else 1  # more find smaller inclinations, and cost time
    fit = plain.fitted(plain.tally(with_placebos(journeys, seed, copies)))
    orders, errors = fit.expected()
    names = fit.tally.channels
    own = [at for at, name in enumerate(names) if name.startswith(PLACEBO)]
    half = float(ndtri(1 - (1 - LEVEL) / 2 / max(len(own), 1))) * errors[own]
    frame = pd.DataFrame(
        {
            "channel": pd.Series([names[at].removeprefix(PLACEBO) for at in own], dtype="str"),
            "orders": orders[own],
            "low": np.maximum(orders[own] - half, 0.0),
            "high": np.where(orders[own] > 0, orders[own] + half, np.nan),
            "share": orders[own] / max(fit.found.problem.count, 1e-300),
        }
    )
    return frame.assign(inclined=frame["low"] > 0)


def placebo_gate(found: pd.DataFrame) -> Finding:
    """Return whether placebos get nothing; else which channels find people who order anyway."""
    inclined = found[found["inclined"]].sort_values("share", ascending=False)
    numbers = {
        "channels": inclined["channel"].tolist(),
        "share": float(found["share"].sum()),
        "tried": len(found),
    }
    if len(inclined):
        return Finding("placebo", Outcome.FAILED, "inclined", numbers)
    return Finding("placebo", Outcome.PASSED, "placebos_empty", numbers)


# ---------------------------------------------------------------------- lift tests


def lift_gate(
    journeys: Journeys,
    model: Hazard,
    others: Mapping[str, Any],
    tests: Sequence[LiftTest],
) -> tuple[Hazard, pd.DataFrame, Finding]:
    """Return the model, with tests in its likelihood where they contradict it; and the scores."""
    own = "Hazard"
    frame = score(journeys, {**others, own: model}, tuple(tests))
    gap = float(frame.loc[frame["model"] == own, "z"].abs().max())
    numbers: dict[str, Any] = {
        "tests": len(tests),
        "channels": sorted({test.channel for test in tests}),
        "z": gap,
    }
    if gap <= _APART:
        return model, frame, Finding("lift", Outcome.PASSED, "tests_agree", numbers)
    # A multiplicative rate cannot hold a test, which is stated in orders.
    told = replace(model, link="additive", lift_tests=tuple(tests))
    left_out = score(journeys, {f"{own} + tests": told}, tuple(tests))
    frame = pd.concat([frame, left_out], ignore_index=True)
    if len(tests) > 1:
        numbers["z_left_out"] = float(left_out["z"].abs().max())
    return told, frame, Finding("lift", Outcome.CAUTION, "tests_correct", numbers)


def worth_testing(
    found: Mapping[str, Credit], inclined: Sequence[str], tested: Sequence[str] = ()
) -> list[str]:
    """Return the one or two channels a lift test would tell most of.

    First those whose placebo gets orders; then those on which models, and the ends of the
    hazard's intervals, lie furthest apart in orders.
    """
    some = next(iter(found.values()))
    figures = [credit.amounts[:, 0] for credit in found.values()]
    for credit in found.values():
        if credit.effects is not None:
            ends = credit.effects[["low", "high"]].to_numpy(float).T
            figures += [np.where(np.isfinite(end), end, credit.amounts[:, 0]) for end in ends]
    spread = np.max(figures, axis=0) - np.min(figures, axis=0)
    ranked = [some.channels[at] for at in np.argsort(-spread, kind="stable") if spread[at] > 0]
    order = [*inclined, *(name for name in ranked if name not in inclined)]
    return [name for name in order if name not in tested][:_LISTED]


def agreement(finding: Finding | None) -> bool:
    """Return whether experiments were run and agree."""
    return finding is not None and finding.key == "tests_agree"


# ---------------------------------------------------------------------- over-claim


def over_claims(found: Mapping[str, Credit], own: str) -> tuple[pd.DataFrame, Finding]:
    """Return how many orders each model gives to channels for one that the hazard calls caused."""
    caused = float(found[own].amounts[:, 0].sum())
    rows = [(name, float(credit.amounts[:, 0].sum())) for name, credit in found.items()]
    frame = pd.DataFrame(rows, columns=["model", "credited"])
    frame["over_claim"] = frame["credited"] / caused if caused > 0 else np.nan
    hazard = found[own].frame().set_index("channel")["conversions"]
    organic = float(hazard.get(ORGANIC, 0.0))
    most = frame[frame["model"] != own].sort_values("over_claim", ascending=False)
    numbers = {
        "caused": caused,
        "organic": organic,
        "organic_share": organic / max(organic + caused, 1e-300),
        "model": str(most["model"].iloc[0]) if len(most) else own,
        "over_claim": float(most["over_claim"].iloc[0]) if len(most) else 1.0,
    }
    return frame, Finding("over_claim", Outcome.PASSED, "over_claim", numbers)
