"""The likelihood of a tally: additive or multiplicative rates, term by term."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attribution.models.hazard_tally import BEGIN
from attribution.models.hazard_terms import PLAIN, REPEAT, Terms, touch_terms
from attribution.numerics import sequences
from attribution.numerics.additive import Additive, Exposure, Lift, RateOrders
from attribution.numerics.multiplicative import Courses, Multiplicative

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from attribution.models.hazard_tally import HazardTally, Rows
    from attribution.models.lift_tests import LiftTest

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = [
    "DAY",
    "Rates",
    "additive",
    "aligned",
    "like",
    "multiplicative",
    "plain_terms",
    "rate_orders",
]

Rates = Additive | Multiplicative
DAY = 86_400_000.0


def plain_terms(tally: HazardTally) -> Terms:
    """Return the terms of single channels, and of their repeats."""
    _, one, _, _ = tally.touched.parts()
    window, acting, other, _ = tally.exposure.parts()
    kept = (window == 0) & (other < 0)
    # A channel whose touchpoints never acted has a term as well, so that it is known.
    ones = np.concatenate([one, acting[kept]])
    others = np.concatenate([np.full(len(one), PLAIN), other[kept]])
    found = np.unique(np.column_stack([ones, -others]), axis=0)
    return Terms(found[:, 0], -found[:, 1])


def additive(
    tally: HazardTally,
    terms: Terms,
    clock: Ints,
    half_life: Floats | None,
    *,
    about: float | None = None,
    tests: Sequence[LiftTest] = (),
) -> Additive:
    """Return the likelihood of additive rates; see `Additive`."""
    told = tuple(
        Lift(_exposure(tally, terms, number), test.conversions, test.se)
        for number, test in enumerate(tests, 1)
    )
    return Additive(
        rate_orders(tally.rows, terms, len(tally.channels))[0],
        _exposure(tally, terms, 0),
        tally.at_risk / DAY,
        len(terms.one),
        clock,
        half_life,
        told,
        about,
    )


def multiplicative(
    tally: HazardTally, terms: Terms, clock: Ints, half_life: Floats | None
) -> Multiplicative:
    """Return the likelihood of multiplicative rates; see `Multiplicative`."""
    return Multiplicative(
        rate_orders(tally.rows, terms, len(tally.channels))[0],
        _courses(tally.rows, terms, len(tally.channels)),
        tally.at_risk / DAY,
        len(terms.one),
        clock,
        half_life,
    )


def like(problem: Rates, tally: HazardTally, terms: Terms) -> Rates:
    """Return the same likelihood of another tally, without tests."""
    if isinstance(problem, Multiplicative):
        return multiplicative(tally, terms, problem.clock, problem.half_life)
    return additive(tally, terms, problem.clock, problem.half_life)


def aligned(tally: HazardTally, other: HazardTally) -> tuple[HazardTally, Ints]:
    """Return a tally in the channels of another, and where the other's groups are among its own.

    Touchpoints of channels that the other does not know are left out.
    """
    names = other.channels
    known = {name: code for code, name in enumerate(names)}
    recode = np.array([known.get(name, -1) for name in tally.channels], dtype=np.int64)
    groups = tuple(sorted({*tally.groups, *other.groups}))
    place = {label: code for code, label in enumerate(groups)}
    own = tally.limited(names, recode).recoded(names, groups)
    return own, np.array([place[label] for label in other.groups], dtype=np.int64)


def _of_touchpoints(rows: Rows, terms: Terms, symbols: int) -> tuple[Ints, Ints]:
    """Return which touchpoint has which term."""
    where, one, other = touch_terms(
        rows.offsets,
        rows.codes,
        symbols,
        repeats=bool((terms.other == REPEAT).any()),
        pairs=bool((terms.other >= 0).any()),
    )
    term = terms.places(one, other)
    kept = np.flatnonzero(term >= 0)
    return where[kept], term[kept]


def rate_orders(rows: Rows, terms: Terms, symbols: int) -> tuple[RateOrders, Ints]:
    """Return orders and the terms before them, and (R,) the touchpoint that has each term."""
    where, term = _of_touchpoints(rows, terms, symbols)
    number = rows.number[where]
    found = RateOrders(number, term, rows.ages[where] / DAY, rows.group, rows.amounts[:, 0])
    return found, where


def _exposure(tally: HazardTally, terms: Terms, number: int) -> Exposure:
    window, one, other, place = tally.exposure.parts()
    term = terms.places(one, other)
    kept = np.flatnonzero((window == number) & (term >= 0) & (tally.exposure.sums[:, 0] != 0))
    often, ages = tally.exposure.sums[kept].T
    sign = np.where(place[kept] >= BEGIN, 1.0, -1.0)
    return Exposure(term[kept], sign * often, ages / often / DAY)


def _courses(rows: Rows, terms: Terms, symbols: int) -> Courses:
    """Return the journeys that have touchpoints and were watched, event by event."""
    kept = np.flatnonzero((np.diff(rows.offsets) > 0) & (rows.span[:, 0] > rows.span[:, 1]))
    rows = rows.take(kept)
    where, term = _of_touchpoints(rows, terms, symbols)
    stopped = np.flatnonzero(rows.ages - rows.lookback > rows.span[rows.number, 1])
    number = np.concatenate([rows.number, rows.number[stopped]])
    age = np.concatenate([rows.ages, (rows.ages - rows.lookback)[stopped]])
    touch = np.concatenate([np.arange(len(rows.ages)), stopped])
    ended = np.concatenate([np.zeros(len(rows.ages)), rows.lookback[stopped] / DAY])
    order = np.lexsort((-age, number)) if len(stopped) else np.arange(len(age))
    return Courses(
        sequences.offsets_of(np.bincount(number, minlength=len(kept))),
        age[order] / DAY,
        ended[order],
        touch[order],
        rows.span[:, 0] / DAY,
        rows.span[:, 1] / DAY,
        rows.group,
        rows.weight,
        where,
        term,
    )
