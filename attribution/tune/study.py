"""Every setting at once, and how credit moves with it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.errors import DataError, MissingAges, ModelError
from attribution.journeys import Journeys
from attribution.journeys.blocks import join
from attribution.model import tallies
from attribution.tune.fading import half_life, half_lives
from attribution.tune.repeats import position_weights
from attribution.tune.steps import markov_order
from attribution.tune.verdict import Finding, Tuned, Verdict
from attribution.tune.windows import lookback, sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from attribution.model import Model

__all__ = ["Study", "credit_along", "study"]


@dataclass(frozen=True, eq=False)
class Study:
    """What the data say about each setting; see the functions of these names."""

    half_life: Tuned
    half_lives: Tuned
    position_weights: Tuned
    lookback: Tuned
    markov_order: Tuned
    sessions: Tuned

    def settings(self) -> dict[str, Tuned]:
        """Return what was found, by the name of the setting."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return the curves, with durations in days; without those there are none of."""
        return {
            name: _in_days(found.curve)
            for name, found in self.settings().items()
            if len(found.curve)
        }


def study(
    journeys: Journeys | Iterable[Journeys], *, held: float = 0.3, level: float = 0.95
) -> Study:
    """Return what the data say about every setting; what they lack is said, and never fails.

    Parameters
    ----------
    journeys
        Of any kind.
    held, level
        As in `half_life`.
    """
    whole = journeys if isinstance(journeys, Journeys) else join(list(journeys))

    def tried(tune: Callable[..., Tuned]) -> Tuned:
        try:
            return tune(whole, held=held, level=level)
        except MissingAges:
            return _missing(Finding("needs_times"))
        except DataError:
            return _missing(Finding("needs_orders"))
        except ModelError as error:
            if not whole.weighted_nulls().sum() > 0:
                return _missing(Finding("needs_nulls"))
            return _missing(Finding("not_fitted", {"error": str(error)}))

    return Study(
        tried(half_life),
        tried(half_lives),
        tried(position_weights),
        tried(lookback),
        tried(markov_order),
        tried(sessions),
    )


def _missing(why: Finding) -> Tuned:
    return Tuned(np.nan, np.nan, np.nan, pd.DataFrame(), Verdict(False, (why,)))


def credit_along(
    journeys: Journeys | Iterable[Journeys], models: Mapping[str, Model]
) -> pd.DataFrame:
    """Return setting, channel, conversions, value, share: how credit moves from model to model.

    Parameters
    ----------
    models
        One for each setting, such as {"3D": TimeDecay("3D"), "7D": TimeDecay("7D")}.
    """
    found = tallies(journeys, list(models.values()))
    columns = ["channel", "conversions", "value", "share"]
    parts = [
        model.credit(tally).frame()[columns].assign(setting=setting)
        for (setting, model), tally in zip(models.items(), found, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)[["setting", *columns]]


def _in_days(curve: pd.DataFrame) -> pd.DataFrame:
    """Return a curve whose durations are numbers of days, in columns that say so."""
    out = curve.copy()
    for name in [n for n in curve.columns if pd.api.types.is_timedelta64_dtype(curve[n])]:
        out[name] = curve[name].dt.total_seconds() / 86_400
        out = out.rename(columns={name: f"{name}_days"})
    return out
