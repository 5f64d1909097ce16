"""The causal hazard model: how many orders a touchpoint causes, and how fast it fades."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from attribution.columns import duration_ms
from attribution.errors import ConfigError, MissingAges, ModelError, quoted
from attribution.model import Slopes
from attribution.models.hazard_fit import HazardFit
from attribution.models.hazard_search import check, found_pairs, searched
from attribution.models.hazard_tally import BEGIN, Cells, HazardTally, Rows
from attribution.models.hazard_terms import followers, touch_terms
from attribution.models.lift_tests import LiftTest, read_lift_tests
from attribution.numerics import sequences
from attribution.numerics.age_bins import bin_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from attribution.credit import Credit
    from attribution.journeys import Journeys

    Ints = NDArray[np.int64]

__all__ = ["Hazard"]

Link = Literal["additive", "multiplicative"]

_EVER = 1 << 52  # milliseconds: longer than any observation
_MOST_GROUPS = 50
_NONE = "–"


@dataclass(frozen=True)
class Hazard:
    """Orders caused by touchpoints at a rate that fades, beside those that come anyway.

    A person orders at the rate mu + sum over his touchpoints of beta d e^(-d age), where beta is
    the number of orders a touchpoint of its channel causes and d = ln 2 / half-life (additive
    hazard with exponential decay: Zhang, Wei & Ren 2014, "Multi-touch attribution in online
    advertising with survival theory", eq. 5; the maximum is found exactly, with organic orders as
    a player of their own). A touchpoint acts until an order takes it, and for at most the journeys'
    look-back. Orders may repeat.

    Credit of an order is each channel's share of the rate at its time; what mu takes is organic.
    It adds up to what was observed. `Credit.effects` has the orders that each channel is expected
    to have caused, with intervals from the information matrix, and `Credit.half_life` the half-life
    that the data support.

    It needs touchpoints with times and people who did not order; and, to tell organic orders from
    caused ones, people who were watched without being touched (`people=` of `from_touchpoints`).
    Like every model that only watches, it takes what high intent brings about for an effect of the
    touchpoints that intent brings about, unless `covariates` or `lift_tests` tell them apart.

    Parameters
    ----------
    half_life
        "shared" and "by channel" are found from the data; or a duration, such as "3D".
    link
        "additive" as above; "multiplicative": mu e^(sum of b 2^(-age / half-life)), for effects
        that multiply what a person would order anyway.
    covariates
        Segments of the journeys, such as a sign of intent: organic orders have a rate for each
        combination of their values.
    repeats
        Whether a channel's first touchpoint in a journey has another effect than later ones.
    pairs
        Whether to look for channels that do more after another one: those that a score test
        finds, at 1 % for all pairs together (Rao 1948; Bonferroni).
    seeding
        Time, such as "3D", within which touchpoints of one channel may lead to another; None: not
        looked at. More of one channel after another than before it counts as caused by it.
    lift_tests
        Experiments (see `read_lift_tests`), as a frame or values: each enters the likelihood with
        its error.
    """

    half_life: str = "shared"
    link: Link = "additive"
    covariates: tuple[str, ...] = ()
    repeats: bool = False
    pairs: bool = False
    seeding: str | None = None
    lift_tests: tuple[LiftTest, ...] = ()

    def __post_init__(self) -> None:
        if self.half_life not in ("shared", "by channel"):
            duration_ms(self.half_life, "Hazard(half_life)", least=1)
        if self.link not in get_args(Link):
            raise ModelError(
                f"Hazard(link={self.link!r}): write one of {', '.join(get_args(Link))}."
            )
        if isinstance(self.covariates, str):
            raise ModelError(
                f"Hazard(covariates={self.covariates!r}): write a list of names, such as "
                f"[{self.covariates!r}]."
            )
        object.__setattr__(self, "covariates", tuple(self.covariates))
        if self.seeding is not None:
            duration_ms(self.seeding, "Hazard(seeding)", least=1)
        object.__setattr__(self, "lift_tests", read_lift_tests(self.lift_tests))
        if self.link == "multiplicative":
            self._check_multiplicative()

    def _check_multiplicative(self) -> None:
        if self.half_life == "by channel":
            raise ModelError(
                "Hazard(link='multiplicative') has one half-life for all channels: write "
                "half_life='shared' or a duration."
            )
        if self.lift_tests:
            raise ModelError(
                "Lift tests enter the additive link only: they are stated in orders, which a "
                "multiplicative rate does not divide. Leave out link='multiplicative'."
            )

    # ------------------------------------------------------------------ the sum

    def tally(self, journeys: Journeys) -> HazardTally:
        """Return for how long touchpoints acted, the time at risk, and the journeys of orders.

        Raises
        ------
        MissingAges
            For path counts.
        ConfigError
            For covariates that the journeys do not carry.
        """
        if journeys.ages is None:
            raise MissingAges("Hazard")
        seen = journeys.observed
        people = (seen.conversions + seen.nulls).astype(float)
        people = people if seen.weight is None else people * seen.weight
        span, at_risk = _watched(seen)
        groups, group = self._groups(seen)
        where, one, other = touch_terms(
            seen.offsets, seen.codes, len(seen.channels), repeats=self.repeats, pairs=self.pairs
        )
        acting = _acting(seen, span)
        exposure = [_exposed(0, acting, where, one, other, people[seen.rows])]
        for number, test in enumerate(self.lift_tests, 1):
            code = seen.channels.index(test.channel) if test.channel in seen.channels else -1
            own = np.flatnonzero((one == code) | (other == code))
            inside = _windowed(acting, seen, test)
            exposure.append(
                _exposed(number, inside, where[own], one[own], other[own], people[seen.rows])
            )
        amounts = seen.amounts()
        counted = _counted(span)
        any_amount = (amounts != 0).any(axis=1)
        kept = np.flatnonzero((any_amount & counted) | (self.link == "multiplicative"))
        outside = any_amount & ~counted
        rows = _rows(seen, span, group, people, amounts * counted[:, None]).take(kept)
        return HazardTally(
            seen.channels,
            seen.measures,
            groups,
            Cells.joined(exposure),
            self._flows(seen, people),
            _touched(seen, people),
            np.bincount(group, at_risk * people, len(groups)).astype(float),
            rows,
            amounts[outside].sum(axis=0),
            float(seen.weighted_nulls().sum()),
        )

    def _groups(self, seen: Journeys) -> tuple[tuple[tuple[str, ...], ...], Ints]:
        """Return the labels of the groups, and (n,) each journey's group."""
        if not self.covariates:
            return ((),), np.zeros(len(seen), np.int64)
        for name in self.covariates:
            if name not in seen.segments:
                known = ", ".join(seen.segments) or "none"
                raise ConfigError(
                    f"Hazard(covariates={list(self.covariates)!r}): the journeys carry no segment "
                    f"{name!r}; there are: {known}. Give people= a column of that name."
                )
        columns = [
            pd.Series(seen.segments[name])
            .astype("object")
            .where(lambda column: column.notna(), _NONE)
            for name in self.covariates
        ]
        labels = pd.MultiIndex.from_arrays([column.astype(str) for column in columns])
        codes, found = pd.factorize(labels, sort=True)
        if len(found) > _MOST_GROUPS:
            raise ConfigError(
                f"Hazard(covariates={list(self.covariates)!r}) makes {len(found)} groups of "
                f"people, more than {_MOST_GROUPS}: sort them into a few, such as low and high."
            )
        return tuple(tuple(label) for label in found), codes.astype(np.int64)

    def _flows(self, seen: Journeys, people: NDArray[np.float64]) -> Cells:
        nothing = np.zeros(0, np.int64)
        if self.seeding is None or seen.ages is None:
            return Cells(nothing, np.zeros((0, 2)))
        within = duration_ms(self.seeding, "Hazard(seeding)")
        journey, one, other = followers(seen.offsets, seen.codes, seen.ages, within)
        weight = people[journey]
        counted = Cells.of(0, one, other, 0, np.column_stack([weight, np.zeros(len(weight))]))
        # The square of one journey's excess of a -> b over b -> a stands with a < b.
        low, high = np.minimum(one, other), np.maximum(one, other)
        symbols = len(seen.channels)
        keys, place = np.unique((journey * symbols + low) * symbols + high, return_inverse=True)
        excess = np.bincount(place, np.where(one < other, 1.0, -1.0), len(keys))
        rest, high = np.divmod(keys, max(symbols, 1))
        journey, low = np.divmod(rest, max(symbols, 1))
        squares = excess**2 * people[journey]
        squared = Cells.of(0, low, high, 0, np.column_stack([np.zeros(len(squares)), squares]))
        return Cells.joined([counted, squared])

    # ------------------------------------------------------------------ the solution

    def fitted(self, tally: HazardTally) -> HazardFit:
        """Return the maximum of the likelihood, and what it says.

        Raises
        ------
        ModelError
            If there are no people who did not order, no time at risk, or no maximum was found.
        """
        check(tally, self.lift_tests)
        terms, found = searched(
            tally,
            self.half_life,
            multiplies=self.link == "multiplicative",
            tests=self.lift_tests,
        )
        if self.pairs:
            terms, found = found_pairs(tally, terms, found, self.lift_tests)
        return HazardFit(tally, terms, found, self.seeding is not None)

    def divided(
        self, fit: HazardFit, journeys: Journeys
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return (T,) and (n,): which part of each order its touchpoints have, and organic.

        An order is divided as `Credit` divides all of them: in proportion to what each touchpoint,
        and mu, adds to the rate at its time. Both are 0 for what is outside of the likelihood:
        orders of people who were not watched then, and what orders alone say of their source.

        Parameters
        ----------
        fit
            What `fitted` found.
        journeys
            Some of those it was fitted on.
        """
        seen = journeys.observed
        span, _ = _watched(seen)
        labels, group = self._groups(seen)
        groups, channels = fit.tally.groups, fit.tally.channels
        regroup = np.array([groups.index(label) for label in labels], dtype=np.int64)
        place = {name: code for code, name in enumerate(channels)}
        recode = np.array([place[name] for name in seen.channels], dtype=np.int32)
        recoded = replace(seen, channels=channels, codes=recode[seen.codes])
        people = np.ones(len(seen))
        rows = _rows(recoded, span, regroup[group], people, seen.amounts())
        counted = np.flatnonzero(_counted(span) & (seen.conversions > 0))
        _, where = sequences.take(rows.offsets, counted)
        organic, of_seen = np.zeros(len(seen)), np.zeros(len(seen.codes))
        of_seen[where], organic[counted] = fit.divided(rows.take(counted))
        shares = np.zeros(len(journeys.codes))
        shares[... if journeys.evidence is None else ~journeys.evidence] = of_seen
        return shares, organic

    def credit(self, tally: HazardTally) -> Credit:
        """Return credit, effects with intervals, and the half-life."""
        return self.fitted(tally).credit()

    def operations(self, tally: HazardTally) -> float:
        """Return more operations than solving again is worth: see `Sloped`."""
        return 1e12 if len(tally) else 0.0

    def sloped(self, tally: HazardTally, parts: Sequence[HazardTally]) -> tuple[Credit, Slopes]:
        """Return credit, and how it moves along each part of the tally; see `Sloped`."""
        found = self.fitted(tally)
        return found.credit(), Slopes(found.slopes(parts))


def _watched(seen: Journeys) -> tuple[Ints, Ints]:
    """Return (n, 2) ages of each journey's end while it was watched, and (n,) its time at risk.

    Where journeys do not say when people were watched, each is watched by itself from its first
    touchpoint until it closes.
    """
    n = len(seen)
    closed, watched_from, watched_until = seen.closed_at, seen.watched_from, seen.watched_until
    if closed is None or watched_from is None or watched_until is None:
        assert seen.ages is not None  # noqa: S101
        touched = seen.lengths > 0
        oldest = np.zeros(n, np.int64)
        oldest[touched] = seen.ages[seen.offsets[:-1][touched]]
        span = np.column_stack([np.full(n, _EVER), np.zeros(n, np.int64)])
        span[~touched] = (-1, 0)
        return span, oldest
    assert seen.risk_from is not None and seen.risk_until is not None  # noqa: PT018, S101
    span = np.column_stack([closed - watched_from, closed - watched_until])
    return span, seen.risk_until - seen.risk_from


def _counted(span: Ints) -> NDArray[np.bool_]:
    """Return (n,) whether each journey ends while its person was watched."""
    return np.asarray((span[:, 0] >= 0) & (span[:, 1] <= 0))


def _lookback(seen: Journeys) -> Ints:
    own = seen.touch.get("lookback_ms")
    if own is not None:
        return np.asarray(own, dtype=np.int64)
    return np.full(len(seen.codes), _EVER if seen.lookback is None else seen.lookback)


def _acting(seen: Journeys, span: Ints) -> tuple[Ints, Ints]:
    """Return (T,) the ages of each touchpoint between which it acted and was watched."""
    assert seen.ages is not None  # noqa: S101
    begins = np.maximum(seen.ages - span[seen.rows, 0], 0)
    ends = np.minimum(seen.ages - span[seen.rows, 1], _lookback(seen))
    return begins, np.maximum(ends, begins)


def _windowed(acting: tuple[Ints, Ints], seen: Journeys, test: LiftTest) -> tuple[Ints, Ints]:
    """Return the ages again, within a lift test's window."""
    begins, ends = acting
    if test.start is not None and test.end is not None:
        if seen.closed_at is None:
            raise ConfigError(
                f"The lift test of {quoted(test.channel)} has a window, and these journeys have no "
                "times: leave out its start and end, or build the journeys from touchpoints."
            )
        assert seen.ages is not None  # noqa: S101
        at = seen.closed_at[seen.rows] - seen.ages
        begins = np.maximum(begins, test.start - at)
        ends = np.minimum(ends, test.end - at)
    return begins, np.maximum(ends, begins)


def _exposed(
    window: int,
    acting: tuple[Ints, Ints],
    where: Ints,
    one: Ints,
    other: Ints,
    people: NDArray[np.float64],
) -> Cells:
    """Return the ages between which touchpoints acted, by term and bin."""
    begins, ends = acting
    acted = ends[where] > begins[where]
    where, one, other = where[acted], one[acted], other[acted]
    weight = people[where]
    begins, ends = begins[where], ends[where]
    return Cells.of(
        window,
        np.tile(one, 2),
        np.tile(other, 2),
        np.concatenate([bin_of(begins) + BEGIN, bin_of(ends)]),
        np.tile(weight, 2)[:, None]
        * np.column_stack([np.ones(2 * len(where)), np.concatenate([begins, ends])]),
    )


def _touched(seen: Journeys, people: NDArray[np.float64]) -> Cells:
    null = seen.weighted_nulls() > 0
    weight = people[seen.rows]
    sums = np.column_stack([weight, weight * null[seen.rows]])
    return Cells.of(0, seen.codes.astype(np.int64), 0, 0, sums)


def _rows(
    seen: Journeys, span: Ints, group: Ints, people: NDArray[np.float64], amounts: NDArray[Any]
) -> Rows:
    assert seen.ages is not None  # noqa: S101
    return Rows(seen.offsets, seen.codes, seen.ages, _lookback(seen), group, span, people, amounts)
