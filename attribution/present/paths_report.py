"""What every section on key paths reads, and the parts they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from attribution.names import UNATTRIBUTED, VALUE
from attribution.present.labels import fitted
from attribution.present.markup import Fragment, joined, page, section
from attribution.present.tables import save_frames, save_run_facts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from attribution.decide.paths import KeyPaths
    from attribution.present.words import Unit, Words

__all__ = [
    "PathsReport",
    "Sums",
    "chips",
    "details",
    "name_cell",
    "nothing",
    "records",
    "save_paths",
    "tabs",
]

Sums = Mapping[str, Any]  # a row by column

_CHIPS = 6
_CHIP = 170.0  # px of a name
_STEP = Markup('<span class="then">›</span>')
_SPANS = ((86_400, "span_days"), (3_600, "span_hours"), (60, "span_minutes"), (1, "span_seconds"))


@dataclass(frozen=True)
class PathsReport:
    """What the sections read.

    Attributes
    ----------
    paths
        The key paths.
    words
        Language, and currency with its minor unit.
    brand
        Shown on top.
    level, money, lookback
        As the journeys were made.
    since, until
        First and last day, such as "2026-11-09"; empty: all there is.
    """

    paths: KeyPaths
    words: Words
    brand: str = ""
    level: str = "streamer"
    money: str = "gross_fen"
    lookback: str = "30D"
    since: str = ""
    until: str = ""

    @cached_property
    def totals(self) -> dict[str, Sums]:
        """Orders, value and nulls by kind."""
        return {str(each["kind"]): each for each in records(self.paths.totals)}

    @property
    def orders(self) -> float:
        """All orders."""
        return float(self.totals["total"]["orders"])

    @property
    def known(self) -> float:
        """Orders with an observed touchpoint."""
        return float(self.totals["attributed"]["orders"])

    @property
    def lost(self) -> Sums:
        """What has no observed touchpoint."""
        return self.totals[UNATTRIBUTED]

    @cached_property
    def unit(self) -> Unit:
        """The unit of columns of money."""
        return self.words.money_unit(max(abs(each[VALUE]) for each in self.totals.values()))

    @property
    def level_words(self) -> str:
        """The level of the intervals: 95%."""
        return f"{100 * self.paths.interval:.4g}%"

    def count(self, number: float) -> str:
        """Return a count, of which fractions keep a decimal."""
        return self.words.count(round(float(number), 1))

    def written(self, amount: float) -> str:
        """Return an amount in the columns' unit."""
        return self.words.written(float(amount), self.unit)

    def share(self, part: float, whole: float) -> str:
        """Return a part as a percentage of a whole; a dash where there is no whole."""
        return self.words.percent(part / whole, 1) if whole > 0 else "–"

    def span(self, ms: float) -> str:
        """Return a duration in its largest unit."""
        seconds = float(ms) / 1000
        size, unit = next((s for s in _SPANS if seconds >= s[0]), _SPANS[-1])
        return self.words(unit, n=f"{seconds / size:.1f}".removesuffix(".0"))


def records(frame: pd.DataFrame) -> list[Sums]:
    """Return the rows of a frame, each by column."""
    return [{str(name): cell for name, cell in each.items()} for each in frame.to_dict("records")]


def save_paths(
    report: PathsReport, inputs: Sequence[str | Mapping[str, str]], folder: Path
) -> None:
    """Write every frame as Parquet and CSV, and a manifest's facts."""
    frames = report.paths.frames()
    save_frames(frames, folder)
    facts = {
        "language": report.words.language,
        "title": report.brand,
        "inputs": list(inputs),
        "counts": {name: len(frame) for name, frame in frames.items()},
        "interval": report.paths.interval,
    }
    save_run_facts(facts, folder)


def nothing(report: PathsReport, kicker: str) -> Fragment:
    """Return a section that says there is nothing to show."""
    words = report.words
    return page(words.language, section(kicker, words("key_nothing")))


def name_cell(name: object) -> Markup:
    """Return a cell that shows a name in full when pointed at."""
    return Markup('<td class="name" title="{0}">{0}</td>').format(name)


def chips(names: Sequence[str]) -> Markup:
    """Return the steps of a path, as far as a line can hold them."""
    steps = [
        Markup('<span class="chip" title="{}">{}</span>').format(name, fitted(name, _CHIP))
        for name in names[:_CHIPS]
    ]
    return _STEP.join([*steps, *([Markup("…")] if len(names) > _CHIPS else [])])


def details(summary: str, *parts: Markup) -> Markup:
    """Return parts that open when asked for."""
    return Markup("<details><summary>{}</summary>{}</details>").format(summary, joined(parts))


def tabs(name: str, panels: Sequence[tuple[str, Markup]]) -> Markup:
    """Return panels of which one shows: chosen by radio buttons and the style sheet alone."""
    buttons = joined(
        Markup('<label><input type="radio" name="{}" value="{}"{}>{}</label>').format(
            name, place, Markup(" checked") if place == 0 else "", title
        )
        for place, (title, _) in enumerate(panels)
    )
    shown = joined(Markup('<div class="panel">{}</div>').format(part) for _, part in panels)
    return Markup('<div class="tabs"><div class="choice">{}</div>{}</div>').format(buttons, shown)
