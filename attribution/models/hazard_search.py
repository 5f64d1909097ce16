"""The search for the maximum of the hazard model's likelihood, and for pairs of channels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from attribution.columns import duration_ms
from attribution.errors import ModelError, quoted
from attribution.models.hazard_problem import DAY, Rates, additive, multiplicative, plain_terms
from attribution.models.hazard_tally import BEGIN
from attribution.models.hazard_terms import Terms
from attribution.numerics.additive import Additive
from attribution.numerics.likelihood import Fit, fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from attribution.models.hazard_tally import HazardTally
    from attribution.models.lift_tests import LiftTest

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["check", "found_pairs", "searched"]

_PAIRS_LEVEL = 0.01  # of a wrong pair among all that are tested
_MOST_PAIRS = 20
_SEEN_TOGETHER = 30  # touchpoints after another channel's below which a pair is not tested


def searched(
    tally: HazardTally, half_life: str, *, multiplies: bool, tests: Sequence[LiftTest]
) -> tuple[Terms, Fit[Rates]]:
    """Return the terms of single channels, and the maximum.

    Raises
    ------
    ModelError
        If no maximum was found.
    """
    terms = plain_terms(tally)
    clock = np.zeros(len(terms.one), np.int64)
    known = None
    if half_life not in ("shared", "by channel"):
        known = np.array([duration_ms(half_life, "Hazard(half_life)") / DAY])
    found: Fit[Rates]
    if multiplies:
        found = fit(multiplicative(tally, terms, clock, known))
        return terms, _converged(found)
    problem = additive(tally, terms, clock, known, tests=tests)
    found = _converged(fit(problem))
    if half_life == "by channel" and len(terms.one):
        about = float(found.problem.half_lives(found.theta)[0])
        clock = np.unique(terms.one, return_inverse=True)[1]
        own = replace(problem, clock=clock, about=about)
        start = np.append(found.theta[: problem.rates], np.full(own.clocks, np.log(about)))
        found = _converged(fit(own, start))
    return terms, found


def check(tally: HazardTally, tests: Sequence[LiftTest]) -> None:
    """Refuse what no effect can be told from.

    Raises
    ------
    ModelError
        Saying what is missing, and what can still be reported.
    """
    rest = "Rules, Markov and Shapley still report how credit is divided."
    for test in tests:
        if test.channel not in tally.channels:
            raise ModelError(
                f"The lift test of {quoted(test.channel)} is of no channel of these journeys: "
                f"{quoted(list(tally.channels))}. Name it as the journeys do."
            )
    if not tally.rows.amounts[:, 0].any():
        return
    if tally.nulls <= 0:
        raise ModelError(
            "Hazard needs people who did not order: without them nothing tells what touchpoints "
            f"cause from what buyers do anyway. Add journeys that did not convert. {rest}"
        )
    if not tally.at_risk.sum() > 0:
        raise ModelError(
            "Hazard needs time in which orders could have come, and there is none: every journey "
            "opens and closes in the same instant, or journeys were chosen by in_period. Check the "
            f"times of touchpoints and orders; for a period, use attribution.watched_in. {rest}"
        )


def _converged(found: Fit[Rates]) -> Fit[Rates]:
    if found.converged:
        return found
    raise ModelError(
        "Hazard found no maximum of the likelihood within its steps, so it states no effects. "
        "Give it a half-life, such as Hazard('3D'), or fewer channels; rules, Markov and Shapley "
        "still report."
    )


# ------------------------------------------------------------------------- pairs of channels


def found_pairs(
    tally: HazardTally, terms: Terms, found: Fit[Rates], tests: Sequence[LiftTest]
) -> tuple[Terms, Fit[Rates]]:
    """Return the terms with those of pairs that a score test finds, one after the other.

    The score of a further rate at zero, over its standard error given the others, is standard
    normal where the rate is zero (Rao 1948).
    """
    from scipy.special import ndtri

    window, one, other, place = tally.exposure.parts()
    kept = (window == 0) & (other >= 0) & (place >= BEGIN)
    keys, at = np.unique(np.column_stack([one, other])[kept], axis=0, return_inverse=True)
    often = np.bincount(at.ravel(), tally.exposure.sums[kept, 0], len(keys))
    tried = keys[often >= _SEEN_TOGETHER]
    if not len(tried):
        return terms, found
    limit = -float(ndtri(_PAIRS_LEVEL / len(tried)))
    while len(tried) and (terms.other >= 0).sum() < _MOST_PAIRS:
        scores = _scores(tally, terms, found, tried, tests)
        best = int(np.argmax(scores))
        if scores[best] < limit:
            break
        terms = Terms(np.append(terms.one, tried[best, 0]), np.append(terms.other, tried[best, 1]))
        tried = np.delete(tried, best, axis=0)
        problem, theta = _widened(tally, terms, found, tests)
        last = problem.rates - 1
        theta[last] = 1e-3 * problem.bounds.size[last]
        found = _converged(fit(problem, theta))
    return terms, found


def _widened(
    tally: HazardTally, terms: Terms, found: Fit[Rates], tests: Sequence[LiftTest]
) -> tuple[Rates, Floats]:
    """Return the likelihood with further terms, and the maximum so far with zeros for them."""
    old = found.problem
    # A pair fades as the channel does that completes it.
    clocks = dict(zip(terms.one[: old.terms].tolist(), old.clock.tolist(), strict=True))
    clock = np.array([clocks[code] for code in terms.one.tolist()], dtype=np.int64)
    problem: Rates
    if isinstance(old, Additive):
        problem = additive(tally, terms, clock, old.half_life, about=old.about, tests=tests)
    else:
        problem = multiplicative(tally, terms, clock, old.half_life)
    more = np.zeros(problem.rates - old.rates)
    return problem, np.concatenate([found.theta[: old.rates], more, found.theta[old.rates :]])


def _scores(
    tally: HazardTally,
    terms: Terms,
    found: Fit[Rates],
    tried: Ints,
    tests: Sequence[LiftTest],
) -> Floats:
    """Return (tried,) the score of each pair over its standard error."""
    wider = Terms(np.append(terms.one, tried[:, 0]), np.append(terms.other, tried[:, 1]))
    problem, theta = _widened(tally, wider, found, tests)
    slope, information = problem.evaluate(theta).slope, problem.information(theta)
    new = np.arange(found.problem.rates, problem.rates)
    old = np.flatnonzero(~np.isin(np.arange(len(theta)), new))
    side = information[np.ix_(new, old)]
    spread = np.diag(information)[new] - np.einsum("no,op,np->n", side, found.covariance, side)
    return np.asarray(slope[new] / np.sqrt(np.maximum(spread, 1e-300)))
