"""What the causal model says beside models that only divide credit, where the data bear it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from attribution.errors import DataError, MissingAges, ModelError
from attribution.evaluate.period import watched_in
from attribution.model import block_tallies, credit_with_interval
from attribution.models.hazard import Hazard
from attribution.names import DEFAULT_TIMEZONE, ORGANIC, UNATTRIBUTED
from attribution.tally import sum_tallies

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from attribution.credit import Credit
    from attribution.journeys import Journeys

__all__ = ["Causal", "Estimate", "Reason", "causal"]

Reason = Literal["", "no_orders", "no_times", "no_nulls", "no_time", "no_maximum"]


class Estimate(NamedTuple):
    """What is estimated as caused: a figure, and the ends of its interval if it has one."""

    figure: float
    ends: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Causal:
    """The causal model's credit, or why there is none.

    Attributes
    ----------
    credit
        Of `Hazard()`: one half-life for all channels, effects that add; None where these journeys
        do not bear it.
    reason
        Why there is none: no orders, no times, nobody who did not order, no time in which orders
        could have come, or no maximum found; empty where there is one.
    """

    credit: Credit | None
    reason: Reason = ""

    @property
    def unstated(self) -> list[str]:
        """Channels that nothing is said of: too few touchpoints, or never apart from others.

        What credit they have keeps the sum whole; none of it is anyone's alone.
        """
        if self.credit is None or self.credit.effects is None:
            return []
        effects = self.credit.effects
        return [str(name) for name in effects.loc[effects["conversions"].isna(), "channel"]]

    @property
    def _rows(self) -> tuple[str, ...]:
        return () if self.credit is None else (*self.credit.channels, ORGANIC, UNATTRIBUTED)

    def estimate(self, names: Sequence[str], measure: str) -> Estimate | None:
        """Return what some rows together are estimated to have caused, in a measure.

        Rows are channels, `(organic)` and `(unattributed)`. Channels in `unstated`, and those that
        no touchpoint is of, are passed over; None if nothing is stated of any.
        """
        stated = set(self._rows) - set(self.unstated)
        return self._sum([name for name in names if name in stated], measure)

    def untold(self, measure: str) -> Estimate | None:
        """Return what is left for the channels in `unstated`, together; None if that is nothing."""
        found = self._sum(self.unstated, measure)
        return found if found is not None and found.figure else None

    def _sum(self, names: Sequence[str], measure: str) -> Estimate | None:
        if self.credit is None or not names:
            return None
        column = self.credit.rows[:, self.credit.measures.index(measure)]
        figures = dict(zip(self._rows, column.tolist(), strict=True))
        return Estimate(sum(figures[name] for name in names), self.credit.span(names, measure))


def causal(
    journeys: Journeys | Iterable[Journeys],
    interval: float | None = None,
    since: str = "",
    until: str = "",
    tz: str = DEFAULT_TIMEZONE,
) -> Causal:
    """Return what the hazard model estimates as caused, or why it says nothing.

    Data that do not bear the model are no error here: what else a report says still stands.

    Parameters
    ----------
    journeys
        One batch or many; they are read once.
    interval
        Level of intervals, such as 0.95; see `attribute`. None: no intervals.
    since, until, tz
        Days in which people are watched, and their time zone; all if both are empty.

    Raises
    ------
    ConfigError
        If the level is none.
    """
    model = Hazard()
    if since or until:
        journeys = watched_in(journeys, since or "1970-01-02", until or "9999-12-30", tz)
    try:
        parts = block_tallies(journeys, [model])[0]
    except (MissingAges, DataError):  # path counts, or journeys that nobody was watched for
        return Causal(None, "no_times")
    whole = sum_tallies(parts)
    if not whole.rows.amounts[:, 0].any():
        return Causal(None, "no_orders")
    if whole.nulls <= 0:
        return Causal(None, "no_nulls")
    if not whole.at_risk.sum() > 0:
        return Causal(None, "no_time")
    try:
        if interval is None:
            return Causal(model.credit(whole))
        return Causal(credit_with_interval(model, parts, interval))
    except ModelError:
        return Causal(None, "no_maximum")
