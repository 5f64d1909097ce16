"""The Credit value: what a model gives each channel. All reports read this and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.names import ORGANIC, UNATTRIBUTED, VALUE

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Credit"]


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
    effects
        (channels, measures) removal effects, for models on a graph.
    errors
        (channels, measures) standard errors of a sampled estimate; None where it is exact.
    caution
        (channels,) True where the model credits more than a channel can have touched.
    """

    channels: tuple[str, ...]
    measures: tuple[str, ...]
    amounts: NDArray[np.float64]
    unattributed: NDArray[np.float64]
    organic: NDArray[np.float64] | None = None
    effects: NDArray[np.float64] | None = None
    errors: NDArray[np.float64] | None = None
    caution: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        for name in ("amounts", "unattributed", "organic", "effects", "errors", "caution"):
            array = getattr(self, name)
            if array is not None:
                own = np.array(array)
                own.flags.writeable = False
                object.__setattr__(self, name, own)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by construction, so that a copy is as read-only as the original."""
        return Credit, tuple(getattr(self, field.name) for field in fields(self))

    def frame(self) -> pd.DataFrame:
        """Return one row per channel, then organic and unattributed where there are any.

        Columns: `channel`, `conversions`, `value`, `share` (of all conversions), further money
        columns, and `<measure>_se` where the credit is a sampled estimate.
        """
        zero = np.zeros(len(self.measures))
        extra = [
            (ORGANIC, self.organic if self.organic is not None else zero),
            (UNATTRIBUTED, self.unattributed),
        ]
        extra = [(name, row) for name, row in extra if row.any()]
        table = np.vstack([self.amounts.reshape(-1, len(zero)), *(row for _, row in extra)])
        frame = pd.DataFrame(table, columns=list(self.measures))
        names = [*self.channels, *(name for name, _ in extra)]
        frame.insert(0, "channel", pd.Series(names, dtype="str"))
        total = frame["conversions"].sum()
        share = frame["conversions"] / total if total else frame["conversions"] * 0.0
        frame.insert(2 + self.measures.index(VALUE), "share", share)
        if self.errors is not None:
            for place, name in enumerate(self.measures):
                frame[f"{name}_se"] = np.append(self.errors[:, place], np.zeros(len(extra)))
        return frame

    @property
    def removal_effects(self) -> pd.DataFrame | None:
        """Removal effect by channel, columns conversions, value ...; None for other models."""
        if self.effects is None:
            return None
        index = pd.Index(self.channels, name="channel", dtype="str")
        return pd.DataFrame(self.effects, index=index, columns=list(self.measures))

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
