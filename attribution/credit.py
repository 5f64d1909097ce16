"""The Credit value: what a model gives each channel. All reports read this and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.errors import ConfigError, quoted
from attribution.names import ORGANIC, UNATTRIBUTED, VALUE
from attribution.numerics import jackknife

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from attribution.notes import Note

__all__ = ["Caused", "Credit", "checked_level", "end_names", "shares_of"]

_ARRAYS = (
    "amounts",
    "unattributed",
    "organic",
    "removals",
    "errors",
    "caution",
    "replicates",
    "removal_replicates",
)


@dataclass(frozen=True, eq=False)
class Caused:
    """What a causal model estimates beside credit.

    Attributes
    ----------
    half_life
        Time for an effect to halve; by channel where each has its own.
    effects
        Columns channel, effect (orders a touchpoint causes), conversions (orders the channel is
        expected to have caused), low, high (of conversions, 95 %).
    notes
        What to know before believing it.
    """

    half_life: pd.Timedelta | pd.Series[pd.Timedelta]
    effects: pd.DataFrame
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, eq=False)
class Credit:
    """Conversions and money per channel, adding up to what was observed.

    Attributes
    ----------
    channels
        Every channel the journeys know.
    measures
        `conversions`, `value`, and further money columns.
    amounts
        (channels, measures) credit.
    organic, unattributed
        (measures,) what no channel caused, and what has no known touchpoint.
    removals
        (channels, measures) removal effects, for models on a graph.
    errors
        (channels, measures) standard errors of a sampled estimate; None where it is exact.
    caution
        (channels,) True where the model credits more than a channel can have touched.
    replicates
        (64, channels + 2, measures) the credit without each block of people, scaled up to all of
        them; the last two rows are organic and unattributed. None without intervals.
    removal_replicates
        (64, channels, measures) the removal effects without each block of people; None without.
    interval
        Level of the intervals, such as 0.95; None without.
    caused
        What a causal model estimates beside credit; None for other models.
    """

    channels: tuple[str, ...]
    measures: tuple[str, ...]
    amounts: NDArray[np.float64]
    unattributed: NDArray[np.float64]
    organic: NDArray[np.float64] | None = None
    removals: NDArray[np.float64] | None = None
    errors: NDArray[np.float64] | None = None
    caution: NDArray[np.bool_] | None = None
    replicates: NDArray[np.float64] | None = None
    removal_replicates: NDArray[np.float64] | None = None
    interval: float | None = None
    caused: Caused | None = None

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            array = getattr(self, name)
            if array is not None:
                own = np.array(array)
                own.flags.writeable = False
                object.__setattr__(self, name, own)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by construction, so that a copy is as read-only as the original."""
        return Credit, tuple(getattr(self, field.name) for field in fields(self))

    @property
    def rows(self) -> NDArray[np.float64]:
        """(channels + 2, measures) the credit of channels, then organic and unattributed."""
        nobody = np.zeros(len(self.measures))
        organic = nobody if self.organic is None else self.organic
        inner = self.amounts.reshape(-1, len(self.measures))
        return np.vstack([inner, organic, self.unattributed])

    def frame(self) -> pd.DataFrame:
        """Return one row per channel, then organic and unattributed where there are any.

        Columns: `channel`, `conversions`, `value`, `share` (of all conversions), further money
        columns; with intervals `low`, `high` (of conversions), `<money>_low`, `<money>_high`,
        `share_low`, `share_high`; and `<measure>_se` where the credit is a sampled estimate.
        """
        rows = self.rows
        kept = np.append(np.ones(len(self.channels), bool), rows[-2:].any(axis=1))
        names = np.array([*self.channels, ORGANIC, UNATTRIBUTED], dtype=object)[kept]
        frame = pd.DataFrame(rows[kept], columns=list(self.measures))
        frame.insert(0, "channel", pd.Series(names, dtype="str"))
        frame.insert(2 + self.measures.index(VALUE), "share", shares_of(rows)[kept])
        for name, (low, high) in self.ends().items():
            names_of_ends = end_names(name)
            frame[names_of_ends[0]], frame[names_of_ends[1]] = low[kept], high[kept]
        if self.errors is not None:
            extra = np.zeros(len(frame) - len(self.channels))
            for place, name in enumerate(self.measures):
                frame[f"{name}_se"] = np.append(self.errors[:, place], extra)
        return frame

    def ends(self) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Return the lower and upper ends (channels + 2,) of each measure and of the share.

        Where the credit is a sampled estimate, the error of the sample is part of the width. A
        channel that a causal model gives nothing, its effect being at the bound of zero, ends
        where the profile likelihood of `effects` does, an order being worth what all are on
        average. Empty without intervals.
        """
        if self.replicates is None or self.interval is None:
            return {}
        found, rows, blocks = {}, self.rows, len(self.replicates)
        drawn = np.zeros_like(rows)
        if self.errors is not None:
            drawn[: len(self.channels)] = self.errors
        for place, name in enumerate(self.measures):
            errors = np.hypot(
                jackknife.standard_errors(self.replicates[:, :, place]), drawn[:, place]
            )
            low, high = _about(rows[:, place], jackknife.half_width(errors, self.interval, blocks))
            found[name] = low, self._bounded(high, rows[:, place].sum())
        shares = shares_of(self.replicates)
        total = rows[:, 0].sum()
        drawn_share = drawn[:, 0] / total if total else drawn[:, 0]
        errors = np.hypot(jackknife.standard_errors(shares), drawn_share)
        low, high = _about(shares_of(rows), jackknife.half_width(errors, self.interval, blocks))
        found["share"] = low, self._bounded(high, 1.0)
        return found

    def _bounded(self, high: NDArray[np.float64], whole: float) -> NDArray[np.float64]:
        """Return upper ends (channels + 2,) with those of effects at the bound, of a whole."""
        return np.asarray(np.where(self._at_bound > 0, self._at_bound * whole, high))

    @property
    def _at_bound(self) -> NDArray[np.float64]:
        """(channels + 2,) the most of all orders that effects at the bound can have; else 0."""
        out, orders = np.zeros(len(self.channels) + 2), float(self.rows[:, 0].sum())
        if self.caused is not None and orders:
            effects = self.caused.effects
            bound = np.flatnonzero((effects["conversions"] <= 0) & np.isfinite(effects["high"]))
            out[bound] = effects["high"].to_numpy()[bound] / orders
        return out

    def margin(self, names: Sequence[str], measure: str) -> float | None:
        """Return half the width of the interval of a sum of rows; None without intervals.

        Rows are named as in `frame`. Of a sum it is less than the sum of theirs.
        """
        if self.replicates is None or self.interval is None:
            return None
        place, at = self.measures.index(measure), self._places(names)
        error = jackknife.standard_errors(self.replicates[:, at, place].sum(axis=1))
        if self.errors is not None:
            drawn = self.errors[at[at < len(self.channels)], place]
            error = np.hypot(error, np.sqrt((drawn**2).sum()))
        return float(jackknife.half_width(error, self.interval, len(self.replicates)))

    def span(self, names: Sequence[str], measure: str) -> tuple[float, float] | None:
        """Return the ends of the interval of a sum of rows; None without intervals.

        Of one row they are those of `ends`. What channels at the bound of zero can have stands
        above the sum, as an error of its own beside that of the others.
        """
        margin = self.margin(names, measure)
        if margin is None:
            return None
        at, column = self._places(names), self.rows[:, self.measures.index(measure)]
        above = np.append(self._at_bound[at] * column.sum(), margin)
        middle = float(column[at].sum())
        return middle - margin, middle + float(np.sqrt((above**2).sum()))

    def _places(self, names: Sequence[str]) -> NDArray[np.int64]:
        code = {name: at for at, name in enumerate((*self.channels, ORGANIC, UNATTRIBUTED))}
        return np.array([code[name] for name in names], dtype=np.int64)

    @property
    def removal_effects(self) -> pd.DataFrame | None:
        """Removal effect by channel, columns conversions, value ...; None for other models.

        With intervals also `low`, `high` (of conversions), `<money>_low`, `<money>_high`.
        """
        if self.removals is None:
            return None
        index = pd.Index(self.channels, name="channel", dtype="str")
        frame = pd.DataFrame(self.removals, index=index, columns=list(self.measures))
        if self.removal_replicates is None or self.interval is None:
            return frame
        errors = jackknife.standard_errors(self.removal_replicates)
        half = jackknife.half_width(errors, self.interval, len(self.removal_replicates))
        for place, name in enumerate(self.measures):
            low, high = end_names(name)
            frame[low], frame[high] = _about(self.removals[:, place], half[:, place])
        return frame

    @property
    def effects(self) -> pd.DataFrame | None:
        """Orders that each channel is expected to have caused, with intervals; see `Caused`."""
        return None if self.caused is None else self.caused.effects.copy()

    @property
    def half_life(self) -> pd.Timedelta | pd.Series[pd.Timedelta] | None:
        """The half-life of effects, one or by channel; None for models without."""
        return None if self.caused is None else self.caused.half_life

    @property
    def cautions(self) -> list[str]:
        """Channels credited with more than the converting journeys that contain them."""
        flags = np.zeros(len(self.channels), bool) if self.caution is None else self.caution
        return [name for name, flag in zip(self.channels, flags, strict=True) if flag]

    def __repr__(self) -> str:
        return f"Credit\n{self.frame().to_string(index=False, float_format='{:,.4g}'.format)}"

    def _repr_html_(self) -> str:
        # pandas escapes text in HTML.
        return str(self.frame().to_html(index=False, float_format="{:,.4g}".format, escape=True))


def checked_level(interval: object) -> float:
    """Return the level of an interval.

    Raises
    ------
    ConfigError
        If it is no number between 0 and 1.
    """
    if isinstance(interval, float | np.floating) and 0 < interval < 1:
        return float(interval)
    raise ConfigError(f"interval={quoted(interval)}: write a level between 0 and 1, such as 0.95.")


def end_names(measure: str) -> tuple[str, str]:
    """Return the columns of an interval's ends: `low` and `high` for the conversions."""
    if measure == "conversions":
        return "low", "high"
    return f"{measure}_low", f"{measure}_high"


def shares_of(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (..., rows) each row's share of the conversions of (..., rows, measures); else 0."""
    total = rows[..., 0].sum(axis=-1, keepdims=True)
    out = np.zeros(rows.shape[:-1])
    np.divide(rows[..., 0], total, out=out, where=total != 0)
    return out


def _about(
    middle: NDArray[np.float64], half: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return middle - half, middle + half
