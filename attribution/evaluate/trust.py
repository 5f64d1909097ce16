"""Which model to trust on these data: all gates in order, and what they say together."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.errors import ConfigError, ModelError
from attribution.evaluate.fitted_world import largest_channels, settings_like, variants
from attribution.evaluate.gates import (
    Facts,
    Finding,
    Outcome,
    data_gate,
    facts_of,
    holdout_gate,
    inclination,
    lift_gate,
    over_claims,
    placebo_gate,
    worth_testing,
)
from attribution.evaluate.lift import COLUMNS
from attribution.evaluate.measured import TABLE, measured, selection_table
from attribution.evaluate.placebo import persons
from attribution.model import attribute, label
from attribution.models.hazard import Hazard
from attribution.models.lift_tests import read_lift_tests
from attribution.models.named import default_models, usable_models
from attribution.notes import NoteKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attribution.credit import Credit
    from attribution.journeys import Journeys
    from attribution.model import Model
    from attribution.models.lift_tests import LiftTest

__all__ = ["OWN", "Judgement", "judge"]

OWN = "Hazard"
_PEOPLE = 60_000
_SIMULATED = 15_000
_SEEDING = "3D"
_LEFT_OUT = "LastNonDirect"  # of the default models: here it is LastTouch


@dataclass(frozen=True, eq=False)
class Judgement:
    """What the gates say of models on these data.

    Attributes
    ----------
    verdict
        What they say together.
    findings
        What each says, in order.
    facts
        What the journeys hold.
    model
        The causal model to use; None where there is none.
    credits
        Credit of every model compared, by name.
    held_out
        Model, gain, low, high: see `HeldOut`.
    placebos
        See `inclination`.
    lift
        See `lift.score`.
    claims
        Model, credited, over_claim.
    table
        See `selection_table`.
    simulated
        People of each simulated world.
    share
        The share of people that all this was worked out on.
    """

    verdict: Finding
    findings: tuple[Finding, ...]
    facts: Facts
    model: Hazard | None = None
    credits: Mapping[str, Credit] = field(default_factory=dict)
    held_out: pd.DataFrame = field(default_factory=lambda: _empty("model", "gain", "low", "high"))
    placebos: pd.DataFrame = field(default_factory=lambda: _empty("channel", "orders"))
    lift: pd.DataFrame = field(default_factory=lambda: _empty(*COLUMNS))
    claims: pd.DataFrame = field(default_factory=lambda: _empty("model", "credited", "over_claim"))
    table: pd.DataFrame = field(default_factory=lambda: _empty(*TABLE))
    simulated: int = 0
    share: float = 1.0

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return the tables that have rows, by name."""
        every = {
            "validation_gates": pd.DataFrame(
                [(each.gate, each.outcome.value, each.key) for each in self.findings],
                columns=["gate", "outcome", "found"],
            ),
            "validation_held_out": self.held_out,
            "validation_placebos": self.placebos,
            "validation_lift_tests": self.lift,
            "validation_over_claim": self.claims,
            "validation_models": self.table,
        }
        return {name: frame for name, frame in every.items() if len(frame)}


def judge(
    journeys: Journeys,
    lift_tests: Any = None,
    *,
    people: int = _PEOPLE,
    seed: int = 0,
    simulated: bool = True,
) -> Judgement:
    """Return which model to trust on these data, and why.

    Parameters
    ----------
    journeys
        What is to be attributed.
    lift_tests
        Experiments, see `read_lift_tests`; None if there are none.
    people
        The most people that it is worked out on; of more, so many are drawn.
    seed
        Of people drawn, placebos and simulated worlds.
    simulated
        Whether to measure models in simulated worlds, which takes most of the time.
    """
    if people < 1:
        raise ConfigError(f"people={people!r}: write a whole number from 1.")
    tests = () if lift_tests is None else read_lift_tests(lift_tests)
    facts = facts_of(journeys)
    data = data_gate(facts)
    if data.outcome is Outcome.FAILED:
        return Judgement(_without_causes(data), (data,), facts)
    sample, share = _sampled(journeys, people, seed)
    tests = tuple(replace(t, conversions=t.conversions * share, se=t.se * share) for t in tests)
    sample = largest_channels(sample, [test.channel for test in tests])
    found = _judged(sample, facts, tests, share, seed)
    if not simulated or found.model is None:
        return found
    table, simulants = _table(sample, found.model, _rules(sample), seed)
    return replace(found, table=table, simulated=simulants)


def _judged(
    journeys: Journeys,
    facts: Facts,
    tests: Sequence[LiftTest],
    share: float,
    seed: int,
) -> Judgement:
    data, told = data_gate(facts), holdout_gate(journeys)
    findings = [data, told.finding]
    if told.chosen is None:
        verdict = Finding("verdict", Outcome.FAILED, "no_causes", told.finding.numbers)
        return Judgement(verdict, tuple(findings), facts, held_out=told.frame, share=share)
    model = replace(told.chosen, seeding=_SEEDING)
    fit = model.fitted(model.tally(journeys))
    findings += _unclear(fit.doubts())
    try:
        placebos = inclination(journeys, model, _half_life(fit.half_life), seed)
        placebo = placebo_gate(placebos)
    except ModelError:
        placebos = _empty("channel", "orders")
        placebo = Finding("placebo", Outcome.SKIPPED, "placebo_not_fitted")
    findings.append(placebo)
    rules = _rules(journeys)
    lift, lifted = _empty(*COLUMNS), None
    if tests:
        model, lift, lifted = lift_gate(journeys, model, rules, tests)
        findings.append(lifted)
    found = {name: attribute(journeys, each) for name, each in {**rules, OWN: model}.items()}
    inclined = placebo.numbers.get("channels", [])
    tested = sorted({test.channel for test in tests})
    wanted = worth_testing(found, inclined, tested)
    if lifted is None:
        lifted = Finding("lift", Outcome.CAUTION, "untested", {"channels": wanted})
        findings.append(lifted)
    claims, claim = over_claims(found, OWN)
    findings.append(claim)
    numbers = {**claim.numbers, "channels": inclined, "wanted": wanted, "tested": tested}
    verdict = _verdict(told.finding, placebo, lifted, tested, numbers)
    return Judgement(
        verdict,
        tuple(findings),
        facts,
        model if verdict.key != "channels_alike" else None,
        found,
        told.frame,
        placebos,
        lift,
        claims,
        share=share,
    )


def _without_causes(data: Finding) -> Finding:
    key = "nothing" if data.key in ("no_orders", "no_touchpoints") else "exposure_only"
    return Finding("verdict", Outcome.FAILED, key, {**data.numbers, "lacks": data.key})


def _verdict(
    told: Finding,
    placebo: Finding,
    lifted: Finding,
    tested: Sequence[str],
    numbers: Mapping[str, Any],
) -> Finding:
    """Return what the gates say together; the first that stands in the way decides."""
    if told.key == "channels_alike":
        return Finding("verdict", Outcome.FAILED, "channels_alike", told.numbers)
    untested = [name for name in placebo.numbers.get("channels", []) if name not in tested]
    if untested:
        return Finding("verdict", Outcome.CAUTION, "inclined", {**numbers, "channels": untested})
    if lifted.key == "tests_correct":
        return Finding("verdict", Outcome.CAUTION, "corrected", {**numbers, **lifted.numbers})
    if lifted.key == "tests_agree":
        return Finding("verdict", Outcome.PASSED, "tested", {**numbers, **lifted.numbers})
    return Finding("verdict", Outcome.CAUTION, "observational", numbers)


def _unclear(doubts: Sequence[Any]) -> list[Finding]:
    """Return what the fit says nothing of."""
    few = [note.detail for note in doubts if note.kind is NoteKind.FEW_TOUCHPOINTS]
    together = [note.detail for note in doubts if note.kind is NoteKind.INSEPARABLE]
    edge = [note.detail for note in doubts if note.kind is NoteKind.HALF_LIFE_AT_EDGE]
    found = []
    if few:
        found.append(Finding("effects", Outcome.CAUTION, "too_few", {"channels": few}))
    if together:
        found.append(Finding("effects", Outcome.CAUTION, "inseparable", {"channels": together}))
    if edge:
        found.append(Finding("effects", Outcome.CAUTION, "edge", {"edge": edge[0]}))
    return found


def _rules(journeys: Journeys) -> dict[str, Model]:
    """Return the models that only divide, by name."""
    usual = [each for each in default_models() if type(each).__name__ != _LEFT_OUT]
    return {label(each): each for each in usable_models(journeys, usual)[0]}


def _half_life(found: pd.Timedelta | pd.Series[pd.Timedelta]) -> str:
    one = found.median() if isinstance(found, pd.Series) else found
    return f"{max(round(one.total_seconds()), 1)}s"


def _sampled(journeys: Journeys, people: int, seed: int) -> tuple[Journeys, float]:
    """Return the journeys of so many people at most, and which share of people that is."""
    if len(journeys) <= people:
        return journeys, 1.0
    person = persons(journeys)
    count = int(person.max(initial=-1)) + 1
    if count <= people:
        return journeys, 1.0
    chosen = np.zeros(count, bool)
    chosen[np.random.default_rng(seed).choice(count, people, replace=False)] = True
    return journeys.take(np.flatnonzero(chosen[person])), people / count


def _table(
    journeys: Journeys, model: Hazard, rules: Mapping[str, Model], seed: int
) -> tuple[pd.DataFrame, int]:
    """Return the measured table, and how many people each world had."""
    plain = Hazard(half_life=model.half_life, link=model.link)
    fit = plain.fitted(plain.tally(journeys))
    worlds = variants(settings_like(journeys, fit))
    people = min(_SIMULATED, int(persons(journeys).max(initial=0)) + 1)
    own = replace(model, lift_tests=(), covariates=())
    found = measured(worlds, {**rules, OWN: own}, people=people, seed=seed)
    return selection_table(found, worlds), people


def _empty(*columns: str) -> pd.DataFrame:
    return pd.DataFrame(columns=list(columns))
