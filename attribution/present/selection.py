"""Which model to trust, in words: the verdict, its reasons, and the measured table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from attribution.evaluate.trust import judge
from attribution.journeys import Journeys
from attribution.journeys.blocks import join
from attribution.models.hazard import Hazard
from attribution.present.words import words_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from attribution.evaluate.gates import Finding
    from attribution.evaluate.trust import Judgement
    from attribution.present.words import Words

__all__ = ["Reason", "Selection", "in_words", "select", "verdict_in_words"]

_SHARES = ("share", "organic_share")
_NATS = ("gain", "gain_low", "gain_high", "apart", "apart_low", "apart_high")
_ERRORS = ("z", "z_left_out")


@dataclass(frozen=True)
class Reason:
    """What one gate found.

    Attributes
    ----------
    gate
        "data", "holdout", "effects", "placebo", "lift" or "over_claim".
    outcome
        "passed", "caution", "failed" or "skipped".
    key
        Which of the gate's findings.
    numbers
        The figures it rests on.
    sentence
        The same in words.
    """

    gate: str
    outcome: str
    key: str
    numbers: Mapping[str, Any]
    sentence: str


@dataclass(frozen=True, eq=False)
class Selection:
    """Which model to trust on some journeys.

    Attributes
    ----------
    verdict
        In one or two sentences.
    key
        The same as a word: "nothing", "exposure_only", "no_causes", "channels_alike", "inclined",
        "corrected", "tested" or "observational".
    reasons
        One for each gate, in order.
    table
        What models are worth in worlds like these data, see `selection_table`; without rows where
        the data do not allow a causal model.
    judgement
        The figures behind it all.
    """

    verdict: str
    key: str
    reasons: tuple[Reason, ...]
    table: pd.DataFrame = field(repr=False)
    judgement: Judgement = field(repr=False)

    @property
    def model(self) -> Hazard | None:
        """The causal model to use; None where none is to be believed."""
        return self.judgement.model

    def __str__(self) -> str:
        lines = [f"{each.gate} ({each.outcome}): {each.sentence}" for each in self.reasons]
        return "\n".join([self.verdict, *lines])

    def _repr_html_(self) -> str:
        items = Markup("").join(
            Markup("<li><b>{}</b> {}</li>").format(each.outcome, each.sentence)
            for each in self.reasons
        )
        table = Markup(self.table.to_html(index=False, escape=True)) if len(self.table) else ""  # noqa: S704 - escaped by pandas
        return str(Markup("<p><b>{}</b></p><ol>{}</ol>{}").format(self.verdict, items, table))


def select(
    journeys: Journeys | Iterable[Journeys],
    lift_tests: Any = None,
    *,
    language: str = "en",
    people: int = 60_000,
    seed: int = 0,
) -> Selection:
    """Return which model to trust on these journeys, and why, in plain words.

    Gates are passed in order: do the data suffice; does a causal model fitted to the days before
    tell the orders after better than a constant rate, and an effect for each channel better than
    one for all; do placebo channels get nothing; do lift tests agree; how much would have come
    anyway. It never chooses by areas under curves, stability or agreement among models, which
    reward telling who will be touched.

    Parameters
    ----------
    lift_tests
        Experiments, see `read_lift_tests`; None if there are none.
    language
        Of the words: "en" or "zh".
    people
        The most people that it is worked out on; of more, so many are drawn.
    seed
        Of whatever is drawn.

    Raises
    ------
    ConfigError
        For an unknown language.
    DataError
        For lift tests that cannot be read, or of no channel of the journeys.
    """
    words = words_in(language)
    whole = journeys if isinstance(journeys, Journeys) else join(list(journeys))
    found = judge(whole, lift_tests, people=people, seed=seed)
    return in_words(found, words)


def in_words(judgement: Judgement, words: Words) -> Selection:
    """Return a judgement with its words."""
    reasons = tuple(
        Reason(each.gate, each.outcome.value, each.key, each.numbers, finding_in_words(each, words))
        for each in judgement.findings
    )
    verdict = verdict_in_words(judgement.verdict, words)
    return Selection(verdict, judgement.verdict.key, reasons, judgement.table, judgement)


def verdict_in_words(verdict: Finding, words: Words) -> str:
    """Return the verdict as a sentence or two."""
    fields = _fields(verdict.numbers, words)
    if "lacks" in verdict.numbers:
        fields["lacks"] = words(f"found_{verdict.numbers['lacks']}", **fields)
    alone = verdict.key == "observational" and not verdict.numbers.get("wanted")
    return words(f"trust_{verdict.key}{'_alone' if alone else ''}", **fields)


def finding_in_words(finding: Finding, words: Words) -> str:
    """Return what a gate found as a sentence or two."""
    text = words(f"found_{finding.key}", **_fields(finding.numbers, words))
    if "z_left_out" in finding.numbers:
        gap = " " if words.language == "en" else ""
        text += gap + words("found_left_out", z=f"{finding.numbers['z_left_out']:.1f}")
    return text


def _fields(numbers: Mapping[str, Any], words: Words) -> dict[str, str]:
    return {name: _written(name, value, words) for name, value in numbers.items()}


def _written(name: str, value: Any, words: Words) -> str:
    if isinstance(value, Hazard):
        return _used(value, words)
    if name == "model":
        return words.model(str(value))
    if isinstance(value, list | tuple):
        return words.listed([str(each) for each in value])
    if isinstance(value, str):
        return value
    if name in _SHARES:
        return words.percent(value, 1)
    if name in _NATS or name == "over_claim":
        return words.ratio(value) if name == "over_claim" else _nats(value)
    return f"{value:.1f}" if name in _ERRORS else words.count(round(value))


def _nats(value: float) -> str:
    text = f"{abs(value):.3f}" if abs(value) < 0.1 else f"{abs(value):.2f}"
    return f"−{text}" if value < 0 and float(text) else text


def _used(model: Hazard, words: Words) -> str:
    """Return what a hazard model is made of, in words."""
    parts = [words(f"trust_used_{model.link}")]
    if model.half_life == "by channel":
        parts.append(words("trust_used_by_channel"))
    if model.covariates:
        parts.append(words("trust_used_covariates", names=", ".join(model.covariates)))
    if model.pairs:
        parts.append(words("trust_used_pairs"))
    return words.listed(parts)
