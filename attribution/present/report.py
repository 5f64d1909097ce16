"""What every section of a report reads: the comparison, its journeys, and how to say it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attribution.model import label
from attribution.models.hazard import Hazard
from attribution.names import DEFAULT_TIMEZONE, ORGANIC, UNATTRIBUTED, VALUE
from attribution.present.markup import section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from markupsafe import Markup

    from attribution.evaluate.causal import Causal, Estimate
    from attribution.evaluate.compare import Comparison
    from attribution.journeys import Journeys
    from attribution.model import Model
    from attribution.present.words import Unit, Words

__all__ = [
    "DEPENDS",
    "DEPENDS_RANKS",
    "HOLDS",
    "SHOWN_CHANNELS",
    "WEIGHTY",
    "Report",
    "nothing",
    "sentences",
    "source_text",
    "why_silent",
]

HOLDS = 0.40  # a spread within this share of the headline figure
DEPENDS = 1.00  # a spread above it ...
DEPENDS_RANKS = 5  # ... or ranks this far apart
WEIGHTY = 0.02  # share of what is credited below which a channel makes no title
SHOWN_CHANNELS = 10


# Why the causal model says nothing.
_SILENT = {
    "no_orders": "hazard_no_orders",
    "no_times": "hazard_no_times",
    "no_nulls": "hazard_no_nulls",
    "no_time": "hazard_no_time",
    "no_maximum": "hazard_no_maximum",
}

# What a store's money columns are called; a file's has no name of its own.
_MEASURES = {
    "": "measure_value",
    "gross_fen": "measure_gross_fen",
    "net_fen": "measure_net_fen",
    "net_expected_fen": "measure_net_expected_fen",
}


@dataclass(frozen=True)
class Report:
    """What the sections read, and what they share.

    Attributes
    ----------
    journeys, comparison
        What was compared, and on what.
    left_out
        Models that these journeys cannot feed.
    words
        Language and currency.
    headline
        Name of the model whose figures lead.
    source
        What the user called the input.
    lookback
        Lookback window, for journeys with times.
    title
        The brand, or whatever the report is about.
    tz
        Time zone of calendar days.
    level, money
        Of a store: the level of the channel tree that is credited, and the money column; empty
        for files.
    causal
        What the causal model says beside those compared; None where it was not asked.
    """

    journeys: Journeys
    comparison: Comparison
    left_out: Sequence[Model]
    words: Words
    headline: str
    source: str
    lookback: str = ""
    title: str = ""
    tz: str = DEFAULT_TIMEZONE
    level: str = ""
    money: str = ""
    causal: Causal | None = None

    @cached_property
    def measure(self) -> str:
        """The money where there is any, else the number of orders."""
        money = any(credit.frame()[VALUE].any() for credit in self.comparison.credits.values())
        return VALUE if money else "conversions"

    @cached_property
    def wide(self) -> pd.DataFrame:
        """(channels and rows without one, models) figures in the measure shown."""
        return self.comparison.wide(self.measure)

    @cached_property
    def channels(self) -> pd.DataFrame:
        """The models' figures by channel, largest headline first; no row without a channel."""
        inner = self.wide.drop(index=[ORGANIC, UNATTRIBUTED], errors="ignore")
        return inner.sort_values(self.headline, ascending=False, kind="stable")

    @cached_property
    def spread(self) -> pd.DataFrame:
        """How far the models part, by channel; see `Comparison.spread`.

        Where the headline model gives nothing and another does, no share can say how far.
        """
        found = self.comparison.spread(self.headline, self.measure).loc[self.channels.index]
        apart = (found["headline"] == 0) & (found["high"] > found["low"])
        return found.assign(spread=found["spread"].mask(apart, np.inf))

    def margin(self, model: str, names: Sequence[str]) -> float | None:
        """Return half the width of the interval of what a model gives these rows together."""
        return self.comparison.credits[model].margin(names, self.measure)

    @cached_property
    def beside(self) -> Causal | None:
        """The causal model beside those compared; None where it is one of them, or not asked."""
        return self.causal if self.named(Hazard) is None else None

    @property
    def causes(self) -> bool:
        """Whether it says anything."""
        return self.beside is not None and self.beside.credit is not None

    def caused(self, names: Sequence[str]) -> Estimate | None:
        """Return what it says of these rows together; None where it says nothing."""
        return None if self.beside is None else self.beside.estimate(names, self.measure)

    @cached_property
    def organic(self) -> Estimate | None:
        """What would have come anyway, by the causal model; None where it knows of nothing such."""
        found = self.caused([ORGANIC])
        return found if found is not None and found.figure > 0 else None

    @property
    def interval_words(self) -> str:
        """What the intervals are, or why there are none."""
        level = self.comparison.interval
        if level is None:
            return self.words("no_interval")
        unit = "interval_persons" if self.journeys.block is not None else "interval_journeys"
        return self.words(unit, level=self.level_words)

    @property
    def level_words(self) -> str:
        """The level of the intervals: 95%."""
        return f"{100 * (self.comparison.interval or 0.0):.4g}%"

    @cached_property
    def unit(self) -> Unit:
        """The unit of a column of the measure shown."""
        if self.measure != VALUE:
            return self.words.order_unit()
        return self.words.money_unit(float(np.abs(self.wide.to_numpy()).max(initial=0.0)))

    @cached_property
    def unattributed(self) -> tuple[float, float]:
        """Orders and money without a known touchpoint: unattributed in every model."""
        empty = self.journeys.lengths == 0
        amounts = self.journeys.amounts()[empty].sum(axis=0)
        return float(amounts[0]), float(amounts[1])

    @cached_property
    def unattributed_by_model(self) -> dict[str, float]:
        """What each model leaves unattributed, in the measure shown."""
        lost = self.wide.reindex([UNATTRIBUTED]).fillna(0.0)
        return {str(model): float(figure) for model, figure in lost.iloc[0].items()}

    @cached_property
    def organic_by_model(self) -> dict[str, float]:
        """What would have come anyway by each model, in the measure shown."""
        anyway = self.wide.reindex([ORGANIC]).fillna(0.0)
        return {str(model): float(figure) for model, figure in anyway.iloc[0].items()}

    @cached_property
    def only_stated(self) -> float:
        """Orders whose only touchpoint is what they say of their own source."""
        journeys = self.journeys
        if journeys.evidence is None:
            return 0.0
        stated = (journeys.lengths > 0) & (journeys.observed.lengths == 0)
        return float(journeys.amounts()[stated, 0].sum())

    @cached_property
    def stated_share(self) -> dict[str, float]:
        """For each channel, the share of its touchpoints before orders that orders state."""
        buyers = self.journeys.take(self.journeys.conversions > 0)
        size = len(buyers.channels)
        every = np.bincount(buyers.codes, minlength=size)
        if buyers.evidence is None:
            return dict.fromkeys(buyers.channels, 0.0)
        stated = np.bincount(buyers.codes[buyers.evidence], minlength=size)
        shares = stated / np.maximum(every, 1)
        return dict(zip(buyers.channels, shares.tolist(), strict=True))

    @property
    def credited(self) -> bool:
        """Whether any order has a known touchpoint."""
        return bool(self.journeys.amounts()[self.journeys.lengths > 0].any())

    @cached_property
    def measure_word(self) -> str:
        """The measure in words."""
        if self.measure == VALUE:
            return self.words(_MEASURES[self.money])
        return self.words("measure_conversions")

    def named(self, kind: type) -> str | None:
        """Return the name under which a model of this class was compared."""
        name = label(kind())
        return name if name in self.comparison.credits else None

    def shown(self) -> list[str]:
        """The ten largest channels, and any other on which the models part widely."""
        spread = self.spread
        credited = float(self.channels.sum().max())  # by the model that leaves least unattributed
        wide = (spread["spread"] > DEPENDS) & (spread["high"] > WEIGHTY * max(credited, 1e-12))
        if len(spread) <= SHOWN_CHANNELS + 2:  # a row "2 other channels" would save nothing
            return list(spread.index)
        top = np.arange(len(spread)) < SHOWN_CHANNELS
        return list(spread.index[top | wide.to_numpy()])[: 2 * SHOWN_CHANNELS]

    def amount(self, orders: float, money: float) -> str:
        """Return an amount of the measure shown, in words."""
        if self.measure == VALUE:
            return self.words.money(money)
        return self.words("orders", count=self.words.count(orders))

    def span(self, hours: float) -> str:
        """Return a time span in words."""
        if hours < 24 or hours % 24:
            return self.words("hours", n=f"{hours:g}")
        return self.words("days", n=f"{hours / 24:g}")


def why_silent(words: Words, causal: Causal | None) -> str:
    """Return why the causal model says nothing; empty where it does, or was not asked."""
    return words(_SILENT[causal.reason]) if causal is not None and causal.reason else ""


def source_text(words: Words, inputs: Sequence[str | Mapping[str, str]]) -> str:
    """Return what a report calls its input: its files, or how many a store was made from."""
    batches = [each for each in inputs if not isinstance(each, str)]
    if batches:
        sources = len({each["source"] for each in batches})
        return words("read_store", files=words.count(len(batches)), sources=words.count(sources))
    return ", ".join(Path(each).name for each in inputs if isinstance(each, str))


def sentences(words: Words, *parts: str) -> str:
    """Return sentences one after the other, as the language sets them; empty ones vanish."""
    return ("" if words.language == "zh" else " ").join(part for part in parts if part)


def nothing(report: Report, kicker: str, **fields: object) -> Markup:
    """Return a section that says there is nothing to draw."""
    words = report.words
    return section(words(kicker, **fields), words("no_orders"))
