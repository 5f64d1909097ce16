"""Rates that add: the likelihood of orders that touchpoints cause.

A person orders at the rate

    lambda(t) = mu_g + sum over touchpoints j of beta_f(j) d_f e^(-d_f (t - t_j)),

with d = ln 2 / half-life, g being his group and f(j) the term of the touchpoint (its channel, say).
beta is then how many orders one touchpoint causes in all. The log-likelihood of orders at times
tau, of people at risk for the times E_g, is that of a point process (Daley & Vere-Jones, An
Introduction to the Theory of Point Processes, 2nd ed. 2003, prop. 7.2.III),

    l = sum over orders of w log lambda(tau) - sum_g mu_g E_g - sum_f beta_f G_f(d_f),
    G_f = sum over touchpoints of term f of e^(-d from) - e^(-d until),

with the ages `from` and `until` between which each touchpoint acted. It is concave in mu and beta
for given d, and at its maximum sum_g mu_g E_g + sum_f beta_f G_f is the number of orders. Times are
in days.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.numerics.likelihood import Bounds, Gradient

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["Additive", "Divided", "Exposure", "Lift", "RateOrders", "totals_of"]

LN2 = float(np.log(2.0))
SHORTEST, LONGEST = 1 / 1440, 365.0  # days: half-lives that are looked for
STARTS = (1 / 144, 1 / 24, 1 / 6, 0.5, 1.5, 4.0, 12.0, 40.0)
_WARM = 12  # steps of expectation and maximisation from each start
SPREAD = 1.0  # how far logs of half-lives are expected to lie from the shared one


class RateOrders(NamedTuple):
    """Orders and what may have caused them.

    Attributes
    ----------
    row, term, age
        (T,) of each touchpoint before an order: the order's number, the term, the age in days.
    group, weight
        (n,) of each order: the group of its person, how often it counts.
    """

    row: Ints
    term: Ints
    age: Floats
    group: Ints
    weight: Floats


class Exposure(NamedTuple):
    """For how long touchpoints acted, as a signed list of ages: `from` counts 1, `until` -1.

    Attributes
    ----------
    term, often, age
        (B,) ages in days, and how many touchpoints of a term have them.
    """

    term: Ints
    often: Floats
    age: Floats


class Lift(NamedTuple):
    """A lift test: the orders that some terms caused in a window, as an experiment found."""

    exposure: Exposure
    found: float
    error: float


class Rates(NamedTuple):
    """At the orders: the rate, the kernel of each touchpoint before, and its derivatives.

    Attributes
    ----------
    kernel, by_log, by_log_twice
        (T,) d e^(-d age); its first and second derivative by the log of the half-life.
    rate
        (n,) lambda.
    """

    kernel: Floats
    by_log: Floats
    by_log_twice: Floats
    rate: Floats


class Divided(NamedTuple):
    """How orders are divided between what adds to their rate; the parts of an order add up to 1.

    Attributes
    ----------
    alone
        (n,) the part of mu.
    part
        (T,) that of each touchpoint before, by term.
    """

    alone: Floats
    part: Floats


class Compensators(NamedTuple):
    """(terms,) G, and its first and second derivative by the log of the half-life."""

    value: Floats
    by_log: Floats
    by_log_twice: Floats


@dataclass(frozen=True)
class Additive:
    """The likelihood of parameters mu (groups), beta (terms), log half-lives (clocks), in a row.

    Attributes
    ----------
    orders, exposure
        See there.
    at_risk
        (groups,) person-days.
    terms
        How many terms there are.
    clock
        (terms,) which of the half-lives each term has.
    half_life
        (clocks,) in days where they are known; None where they are to be found.
    tests
        Each adds -((sum of its G beta - found) / error)^2 / 2 to the log-likelihood.
    about
        Days: logs of half-lives are drawn towards its log, with standard deviation 1; None: free.
    """

    orders: RateOrders
    exposure: Exposure
    at_risk: Floats
    terms: int
    clock: Ints
    half_life: Floats | None = None
    tests: tuple[Lift, ...] = ()
    about: float | None = None

    @property
    def groups(self) -> int:
        """The number of mu."""
        return len(self.at_risk)

    @property
    def rates(self) -> int:
        """The number of mu and beta."""
        return self.groups + self.terms

    @cached_property
    def clocks(self) -> int:
        """The number of half-lives that are to be found."""
        return 0 if self.half_life is not None else int(self.clock.max(initial=-1)) + 1

    @property
    def count(self) -> float:
        """The number of orders."""
        return float(self.orders.weight.sum())

    @property
    def close(self) -> float:
        """How far from zero the gradient may end, per order."""
        return 1e-9

    def half_lives(self, theta: Floats) -> Floats:
        """Return (terms,) the half-life of each term, in days."""
        if self.half_life is not None:
            return np.asarray(self.half_life[self.clock])
        return np.asarray(np.exp(theta[self.rates :])[self.clock])

    @cached_property
    def usable(self) -> NDArray[np.bool_]:
        """(rates,) whether there is anything to fit a rate to: time at risk, or exposure."""
        touched = np.bincount(self.exposure.term, np.abs(self.exposure.often), self.terms) > 0
        return np.append(self.at_risk > 0, touched)

    @cached_property
    def bounds(self) -> Bounds:
        """Rates of zero or more, half-lives from a minute to a year."""
        low = np.append(np.zeros(self.rates), np.full(self.clocks, np.log(SHORTEST)))
        high = np.append(np.full(self.rates, np.inf), np.full(self.clocks, np.log(LONGEST)))
        high[: self.rates][~self.usable] = 0.0
        middle = np.append(np.zeros(self.rates), np.full(self.clocks, np.log(1.5)))
        cost = self.costs(middle)
        size = np.ones(len(low))
        each = max(self.count, 1e-12) / max(self.rates, 1)
        size[: self.rates] = np.where(cost > 0, each / np.maximum(cost, 1e-300), 1.0)
        return Bounds(low, high, size)

    def costs(self, theta: Floats) -> Floats:
        """Return (rates,) what a rate of one takes from the log-likelihood: time at risk, and G."""
        return np.append(self.at_risk, self.compensators(theta).value)

    # ------------------------------------------------------------------ where to begin

    def start(self) -> Floats:
        """Return the best of a grid of half-lives, each with a few steps of EM."""
        if not self.clocks:
            return self._warm(np.zeros(0))
        tried = [self._warm(np.full(self.clocks, np.log(each))) for each in STARTS]
        return max(tried, key=lambda theta: self.evaluate(theta).value)

    def _warm(self, logs: Floats) -> Floats:
        """Return rates after steps of EM at given half-lives: each raises the likelihood."""
        theta = np.concatenate([np.zeros(self.rates), logs])
        cost = self.costs(theta)
        known = self.usable & (cost > 0)
        theta[: self.rates][known] = max(self.count, 1e-12) / cost[known] / max(known.sum(), 1)
        plain = replace(self, tests=(), about=None)
        for _ in range(_WARM):
            gained = plain.evaluate(theta).slope[: self.rates] + cost
            theta[: self.rates][known] *= np.maximum(gained[known], 0.0) / cost[known]
        return theta

    # ------------------------------------------------------------------ the likelihood

    def at_orders(self, theta: Floats) -> Rates:
        """Return the rates at the orders."""
        orders = self.orders
        decay = (LN2 / self.half_lives(theta))[orders.term]
        aged = decay * orders.age
        kernel = decay * np.exp(-aged)
        # d/dlog h = -d/dlog d, and k = d e^(-d a) has dk/dlog d = k (1 - d a).
        by_log = -kernel * (1 - aged)
        by_log_twice = kernel * ((1 - aged) ** 2 - aged)
        beta = theta[self.groups : self.rates]
        caused = np.bincount(orders.row, beta[orders.term] * kernel, len(orders.group))
        return Rates(kernel, by_log, by_log_twice, theta[: self.groups][orders.group] + caused)

    def compensators(self, theta: Floats) -> Compensators:
        """Return G of each term, and its derivatives."""
        return self._acted(self.exposure, theta)

    def _acted(self, exposure: Exposure, theta: Floats) -> Compensators:
        aged = (LN2 / self.half_lives(theta))[exposure.term] * exposure.age
        left = exposure.often * np.exp(-aged)

        def summed(column: Floats) -> Floats:
            return np.asarray(np.bincount(exposure.term, column, self.terms), dtype=float)

        return Compensators(summed(left), summed(left * aged), summed(left * aged * (aged - 1)))

    def evaluate(self, theta: Floats) -> Gradient:
        """Return the log-likelihood and its gradient; minus infinity where a rate is zero."""
        orders, groups, rates = self.orders, self.groups, self.rates
        at = self.at_orders(theta)
        counts = orders.weight > 0
        if (at.rate[counts] <= 0).any():
            return Gradient(-np.inf, np.zeros_like(theta))
        rate = np.where(counts, at.rate, 1.0)
        beta = theta[groups:rates]
        cost = self.compensators(theta)
        pull = orders.weight / rate
        value = float(orders.weight @ np.log(rate))
        value -= float(theta[:groups] @ self.at_risk + beta @ cost.value)
        slope = np.empty_like(theta)
        slope[:groups] = np.bincount(orders.group, pull, groups) - self.at_risk
        pulled = pull[orders.row]
        slope[groups:rates] = np.bincount(orders.term, pulled * at.kernel, self.terms) - cost.value
        moved = np.bincount(orders.term, pulled * at.by_log, self.terms) - cost.by_log
        by_term = beta * moved
        for test in self.tests:
            told = self._acted(test.exposure, theta)
            gap = (float(beta @ told.value) - test.found) / test.error
            value -= gap**2 / 2
            slope[groups:rates] -= gap / test.error * told.value
            by_term = by_term - gap / test.error * beta * told.by_log
        if self.clocks:
            slope[rates:] = np.bincount(self.clock, by_term, self.clocks)
            if self.about is not None:
                apart = theta[rates:] - np.log(self.about)
                value -= float(apart @ apart) / (2 * SPREAD**2)
                slope[rates:] -= apart / SPREAD**2
        return Gradient(value, slope)

    def information(self, theta: Floats) -> Floats:
        """Return minus the second derivative of the log-likelihood."""
        orders, rates, g = self.orders, self.rates, self.groups
        at = self.at_orders(theta)
        rate = np.where(orders.weight > 0, at.rate, 1.0)
        design, once, twice = self._designs(at)
        clocks = self._clock_matrix()
        coefficient = theta[:rates].copy()
        coefficient[:g] = 0.0
        by_clock = once @ (coefficient[:, None] * clocks)  # (n, clocks) the rate's derivative
        out = _gram(design, orders.weight / rate**2, by_clock)
        pull = orders.weight / rate
        cost = self.compensators(theta)
        if self.clocks:
            cross = -(once.T @ pull)
            cross[g:] += cost.by_log
            out[:rates, rates:] += cross[:, None] * clocks
            out[rates:, :rates] += (cross[:, None] * clocks).T
            bend = -coefficient * (twice.T @ pull)
            bend[g:] += coefficient[g:] * cost.by_log_twice
            out[rates:, rates:] += np.diag(clocks.T @ bend)
            if self.about is not None:
                out[rates:, rates:] += np.eye(self.clocks) / SPREAD**2
        for test in self.tests:
            out += self._told(theta, test)
        return out

    def _told(self, theta: Floats, test: Lift) -> Floats:
        """Return what a lift test adds to the information."""
        told, g, rates = self._acted(test.exposure, theta), self.groups, self.rates
        beta, clocks = theta[g:rates], self._clock_matrix()
        gap = float(beta @ told.value) - test.found
        slope = np.zeros(len(theta))
        slope[g:rates] = told.value
        slope[rates:] = clocks[g:].T @ (beta * told.by_log)
        out = np.outer(slope, slope)
        cross = np.zeros((rates, self.clocks))
        cross[g:] = told.by_log[:, None] * clocks[g:]
        out[:rates, rates:] += gap * cross
        out[rates:, :rates] += gap * cross.T
        out[rates:, rates:] += gap * np.diag(clocks[g:].T @ (beta * told.by_log_twice))
        return np.asarray(out / test.error**2)

    def _designs(self, at: Rates) -> tuple[csr_array, csr_array, csr_array]:
        """Return (n, rates) each rate's derivative by mu and beta, and that by log half-life."""
        from scipy.sparse import csr_array

        orders, n = self.orders, len(self.orders.group)
        row = np.concatenate([np.arange(n), orders.row])
        column = np.concatenate([orders.group, self.groups + orders.term])

        def made(own: float, of_touch: Floats) -> csr_array:
            entries = np.concatenate([np.full(n, own), of_touch])
            return csr_array((entries, (row, column)), shape=(n, self.rates))

        return made(1.0, at.kernel), made(0.0, at.by_log), made(0.0, at.by_log_twice)

    def _clock_matrix(self) -> Floats:
        """(rates, clocks) which half-life each mu and beta depends on."""
        out = np.zeros((self.rates, self.clocks))
        if self.clocks:
            out[self.groups + np.arange(self.terms), self.clock] = 1.0
        return out

    # ------------------------------------------------------------------ what it says

    def caused(self, theta: Floats) -> tuple[Floats, Floats]:
        """Return (terms,) the orders each term is expected to cause, and (terms, p) derivatives."""
        cost, beta = self.compensators(theta), theta[self.groups : self.rates]
        by = np.zeros((self.terms, len(theta)))
        here = np.arange(self.terms)
        by[here, self.groups + here] = cost.value
        if self.clocks:
            by[here, self.rates + self.clock] = beta * cost.by_log
        return beta * cost.value, by

    def caused_by_chance(self, theta: Floats) -> tuple[Floats, Floats]:
        """Return zeros: what is expected to be caused does not count the orders that came."""
        return np.zeros((self.terms, self.terms)), np.zeros((self.terms, len(theta)))

    def acted(self, theta: Floats) -> Floats:
        """Return (terms,) how many touchpoints have each term, each as far as it acted."""
        return self.compensators(theta).value

    def divided(self, theta: Floats) -> Divided:
        """Return the parts of each order, in proportion to what each adds to its rate."""
        at, orders = self.at_orders(theta), self.orders
        rate = np.where(at.rate > 0, at.rate, 1.0)
        part = theta[self.groups : self.rates][orders.term] * at.kernel / rate[orders.row]
        return Divided(theta[: self.groups][orders.group] / rate, part)

    def shared(self, theta: Floats, amounts: Floats) -> Floats:
        """Return (rates, measures) what each mu and beta takes of amounts (n, measures)."""
        return totals_of(self.divided(theta), self.orders, self.groups, self.terms, amounts)

    def shared_slopes(self, theta: Floats, amounts: Floats) -> Floats:
        """Return (parameters, rates, measures) the derivative of `shared`."""
        at = self.at_orders(theta)
        rate = np.where(at.rate > 0, at.rate, 1.0)
        design, once, _ = self._designs(at)
        coefficient = theta[: self.rates].copy()
        part = design.multiply(coefficient[None, :]).multiply(1 / rate[:, None]).tocsr()
        coefficient[: self.groups] = 0.0
        clocks = self._clock_matrix()
        by_clock = once @ (coefficient[:, None] * clocks)
        out = np.zeros((len(theta), self.rates, amounts.shape[1]))
        here = np.arange(self.rates)
        for place, column in enumerate(amounts.T):
            weight = column / rate
            taken = part.multiply(weight[:, None]).tocsr()
            out[here, here, place] = design.T @ weight
            out[: self.rates, :, place] -= (design.T @ taken).toarray()
            if self.clocks:
                own = coefficient * (once.T @ weight)
                out[self.rates :, :, place] = (own[:, None] * clocks).T - by_clock.T @ taken
        return out


def totals_of(
    divided: Divided, orders: RateOrders, groups: int, terms: int, amounts: Floats
) -> Floats:
    """Return (groups + terms, measures) what each group and term has of amounts (n, measures)."""
    out = np.empty((groups + terms, amounts.shape[1]))
    for place, column in enumerate(amounts.T):
        out[:groups, place] = np.bincount(orders.group, divided.alone * column, groups)
        out[groups:, place] = np.bincount(orders.term, divided.part * column[orders.row], terms)
    return out


def _gram(design: csr_array, weight: Floats, by_clock: Floats) -> Floats:
    """Return (p, p) the weighted products of the columns of the rate's derivative."""
    weighted = design.multiply(weight[:, None]).tocsr()
    corner = (design.T @ weighted).toarray()
    side = weighted.T @ by_clock
    return np.block([[corner, side], [side.T, (by_clock * weight[:, None]).T @ by_clock]])
