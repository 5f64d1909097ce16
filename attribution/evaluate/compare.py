"""Models side by side on the same journeys: what each says, and where they part."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

import numpy as np
import pandas as pd

from attribution.credit import Credit, checked_level
from attribution.errors import ConfigError, quoted
from attribution.evaluate.differences import difference
from attribution.journeys import Journeys
from attribution.model import Model, block_tallies, credit_with_interval, label, tallies
from attribution.names import ORGANIC, UNATTRIBUTED
from attribution.numerics import sequences
from attribution.tally import Tally, sum_tallies, tally_rows

__all__ = ["Comparison", "compare", "named_models"]

_NO_CHANNEL = (ORGANIC, UNATTRIBUTED)
_KNOWS = 0.9


@dataclass(frozen=True, eq=False)
class Comparison:
    """The credit of several models on the same journeys.

    Attributes
    ----------
    credits
        Credit by the model's name, in the order given.
    influenced
        Conversions of journeys that contain the channel, by channel. They overlap, so they are no
        credit: their sum exceeds the conversions.
    """

    credits: Mapping[str, Credit]
    influenced: Mapping[str, float]

    def __post_init__(self) -> None:
        for name in ("credits", "influenced"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    @cached_property
    def _tidy(self) -> pd.DataFrame:
        parts = []
        for name, credit in self.credits.items():
            part = credit.frame()
            part.insert(0, "model", name)
            ranked = part["conversions"].where(~part["channel"].isin(_NO_CHANNEL))
            part["rank"] = _ranks(ranked).astype("Int64")
            part["influenced"] = part["channel"].map(dict(self.influenced))
            parts.append(part)
        frame = pd.concat(parts, ignore_index=True)
        lead = ["model", "channel", "conversions", "value", "share", "rank", "influenced"]
        return frame[lead + [name for name in frame.columns if name not in lead]]

    def frame(self) -> pd.DataFrame:
        """Return model, channel, conversions, value, share, rank, influenced: a row for each.

        With intervals also `low`, `high` and the further columns of `Credit.frame`.
        """
        return self._tidy.copy()

    def difference(self, one: str, other: str) -> pd.DataFrame:
        """Return by how much one model's figures exceed another's, with intervals.

        Both are of the same people, so what they share cancels; see `difference`.

        Raises
        ------
        ConfigError
            If a model was not compared, or the comparison has no intervals.
        """
        return difference(self.credits[self._known(one)], self.credits[self._known(other)])

    def _known(self, name: str) -> str:
        if name not in self.credits:
            raise ConfigError(
                f"{quoted(name)} is none of the compared models: {', '.join(self.credits)}."
            )
        return name

    @property
    def interval(self) -> float | None:
        """Level of the intervals, such as 0.95; None without."""
        return next(iter(self.credits.values())).interval

    def headline(self, wanted: str | None = None) -> str:
        """Return the model whose figures lead: the one wanted, else Shapley, else the last.

        Where that one knows fewer than nine tenths of the orders that another model does, because
        only orders tell of their source, the last of those that know most leads.
        """
        if not wanted:
            names = list(self.credits)
            known = [float(credit.amounts[:, 0].sum()) for credit in self.credits.values()]
            usual = "Shapley" if "Shapley" in names else names[-1]
            if known[names.index(usual)] >= _KNOWS * max(known):
                return usual
            most = max(known) * (1 - 1e-9)
            return [name for name, n in zip(names, known, strict=True) if n >= most][-1]
        if wanted not in self.credits:
            raise ConfigError(
                f"headline={quoted(wanted)} is none of the compared models: "
                f"{', '.join(self.credits)}."
            )
        return wanted

    def wide(self, measure: str = "conversions") -> pd.DataFrame:
        """Return one row per channel and one column per model, largest mean first.

        Organic and unattributed, where there are any, stand last; every column adds up to the
        same total.
        """
        table = self._tidy.pivot_table(
            index="channel", columns="model", values=measure, sort=False, dropna=False
        ).fillna(0.0)[list(self.credits)]
        last = [name for name in _NO_CHANNEL if name in table.index]
        order = table.drop(index=last).mean(axis=1).sort_values(ascending=False, kind="stable")
        return table.loc[[*order.index, *last]]

    def spread(self, headline: str | None = None, measure: str = "conversions") -> pd.DataFrame:
        """Return how far the models part on each channel.

        Columns: headline, low, high, low_model, high_model, spread (high - low as a share of the
        headline model's figure), best_rank, worst_rank.
        """
        name = self.headline(headline)
        table = self.wide(measure).drop(index=list(_NO_CHANNEL), errors="ignore")
        ranks = table.apply(_ranks)
        low, high = table.min(axis=1), table.max(axis=1)
        base = table[name]
        return pd.DataFrame(
            {
                "headline": base,
                "low": low,
                "high": high,
                "low_model": table.idxmin(axis=1),
                "high_model": table.idxmax(axis=1),
                "spread": (high - low) / base.abs().where(base != 0),
                "best_rank": ranks.min(axis=1).astype(int),
                "worst_rank": ranks.max(axis=1).astype(int),
            }
        )

    def distances(self, measure: str = "conversions") -> pd.DataFrame:
        """Return, for each pair of models, the share of credit that changes channel (0..1).

        What is unattributed in every model is no credit.
        """
        table = self.wide(measure)
        total = np.abs(table.to_numpy()).sum(axis=0).max(initial=0.0)
        if UNATTRIBUTED in table.index:
            total -= float(table.T[UNATTRIBUTED].abs().min())
        columns = table.to_numpy().T
        moved = np.abs(columns[:, None, :] - columns[None, :, :]).sum(axis=2) / 2
        return pd.DataFrame(
            moved / total if total else moved, index=table.columns, columns=table.columns
        )

    def __repr__(self) -> str:
        return f"Comparison of {', '.join(self.credits)}\n{self.wide().to_string()}"

    def _repr_html_(self) -> str:
        return str(self.wide().to_html(float_format="{:,.1f}".format, escape=True))


def compare(
    journeys: Journeys | Iterable[Journeys],
    models: Sequence[Model] | Mapping[str, Model],
    interval: float | None = None,
) -> Comparison:
    """Attribute the same journeys with several models.

    Parameters
    ----------
    journeys
        One batch or many; they are read once.
    models
        Models, named after their class and non-default parameters; or a dict of own names.
    interval
        Level of intervals, such as 0.95; see `attribute`. None: no intervals.

    Raises
    ------
    ConfigError
        If there is no model, two would carry the same name, or the level is none.
    """
    named = named_models(models)
    asked = [*named.values(), _Influence()]
    if interval is None:
        *found, reach = tallies(journeys, asked)
        credited = [model.credit(tally) for model, tally in zip(asked, found, strict=False)]
    else:
        level = checked_level(interval)
        *parts, reaches = block_tallies(journeys, asked)
        reach = sum_tallies(reaches)
        credited = [
            credit_with_interval(model, part, level)
            for model, part in zip(asked, parts, strict=False)
        ]
    return Comparison(
        dict(zip(named, credited, strict=True)),
        dict(zip(reach.channels, reach.by_channel()[:, 0].tolist(), strict=True)),
    )


def _ranks(figures: pd.Series[float]) -> pd.Series[float]:
    """Rank from the largest; figures that differ by rounding only are a tie."""
    total = figures.abs().sum()
    rounded = (figures / total).round(12) if total else figures
    return rounded.rank(method="min", ascending=False)


def named_models(models: Sequence[Model] | Mapping[str, Model]) -> dict[str, Model]:
    """Return models by name: their own names, or their class and non-default parameters.

    Raises
    ------
    ConfigError
        If there is no model, two would carry the same name, or one is none.
    """
    if isinstance(models, Mapping):
        named = dict(models)
    else:
        names = [label(model) for model in models]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigError(
                f"Two models are called {', '.join(twice)}. Pass a dict of names to models."
            )
        named = dict(zip(names, models, strict=True))
    for name, model in named.items():
        if not isinstance(model, Model):
            raise ConfigError(f"{quoted(name)} is no model: a model has tally and credit.")
    if not named:
        raise ConfigError(
            "There is no model to compare. Name at least one that these journeys can feed."
        )
    return named


@dataclass(frozen=True)
class _Influence:
    """Counts, for each channel, the conversions of journeys that contain it."""

    def tally(self, journeys: Journeys) -> Tally:
        chosen = journeys.converting
        keep = np.flatnonzero(chosen.distinct)
        offsets = sequences.offsets_of(np.ones(len(keep), np.int64))
        amounts = chosen.amounts()[chosen.rows[keep]]
        return tally_rows(
            chosen.channels, chosen.measures, chosen.measures, offsets, chosen.codes[keep], amounts
        )

    def credit(self, tally: Tally) -> Credit:
        return Credit(tally.channels, tally.measures, tally.by_channel(), tally.unattributed)
