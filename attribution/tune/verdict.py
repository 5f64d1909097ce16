"""What tuning finds: a value, what the data support, and a verdict in plain words."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Finding", "Tuned", "Verdict", "spelled"]

Language = Literal["en", "zh"]

_UNITS = (("day", 86_400.0), ("hour", 3_600.0), ("minute", 60.0), ("second", 1.0))


@cache
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads(files("attribution.tune").joinpath("verdicts.toml").read_text("utf-8"))


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes
    ----------
    key
        Which of the sentences of `verdicts.toml` it is.
    numbers
        What fills them: durations, numbers or words.
    """

    key: str
    numbers: Mapping[str, Any] = field(default_factory=dict)

    def said(self, language: Language = "en") -> str:
        """Return the finding as a sentence."""
        filled = {name: spelled(value, language) for name, value in self.numbers.items()}
        text = _texts()[self.key][language].format(**filled)
        # Chinese sets a space beside a number, but none between a unit and the next word.
        return re.sub(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])", "", text)


@dataclass(frozen=True)
class Verdict:
    """What the data say about a setting.

    Attributes
    ----------
    supported
        Whether the data prefer some of the candidates to others.
    findings
        What is said, one sentence each; the first carries the verdict.
    """

    supported: bool
    findings: tuple[Finding, ...]

    @property
    def key(self) -> str:
        """The key of the first finding."""
        return self.findings[0].key

    def said(self, language: Language = "en") -> str:
        """Return the verdict in sentences."""
        return ("" if language == "zh" else " ").join(each.said(language) for each in self.findings)

    def __str__(self) -> str:
        return self.said()


@dataclass(frozen=True, eq=False)
class Tuned:
    """A setting as the data would have it.

    Attributes
    ----------
    value
        The best setting; NaT or NaN where the data only bound it, or say nothing.
    low, high
        The interval, or the range of candidates that are not told worse; NaT or NaN where there
        is no bound on that side.
    curve
        One row for each candidate: the candidate; `loglik`, how far the held-out log-likelihood
        lies below the best one's (nats per order, or per step); `low` and `high`, the interval of
        that; `gain`, how far it lies above that of a model that knows no touchpoints. NaN where
        nothing could be held out.
    verdict
        In words.
    """

    value: Any
    low: Any
    high: Any
    curve: pd.DataFrame
    verdict: Verdict

    def __str__(self) -> str:
        return str(self.verdict)


def spelled(value: Any, language: Language = "en") -> str:
    """Return a duration in its largest unit, a number with three digits that count, or a text."""
    if isinstance(value, str):
        return value
    if isinstance(value, pd.Timedelta):
        seconds = value.total_seconds()
        name, size = next((u for u in _UNITS if seconds >= u[1]), _UNITS[-1])
        number = _rounded(seconds / size)
        ending = "" if number == "1" or language == "zh" else "s"
        return _texts()[f"unit_{name}"][language].format(number=number, ending=ending)
    return _rounded(float(value))


def _rounded(number: float) -> str:
    if number == 0 or not np.isfinite(number):
        return "0" if number == 0 else "∞"
    decimals = max(0, 2 - int(np.floor(np.log10(abs(number)))))
    text = f"{number:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
