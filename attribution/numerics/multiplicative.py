"""Rates that multiply: the likelihood of orders where touchpoints raise what comes anyway.

A person orders at the rate

    lambda(t) = mu_g exp(eta(t)),   eta(t) = sum over touchpoints j of b_f(j) e^(-d (t - t_j)),

with d = ln 2 / half-life, the same for all. Between two touchpoints eta fades as one exponential,
from eta_0 at a time s_0 to eta_1 at s_1, so that the time at risk it stands for has a closed form:

    integral of (e^eta - 1) from s_0 to s_1 = (Ein(eta_0) - Ein(eta_1)) / d,
    Ein(z) = integral of (e^u - 1) / u from 0 to z = Ei(z) - ln |z| - gamma

(Abramowitz & Stegun 1964, 5.1.10 and 5.1.40). A touchpoint that stops acting takes away what is
left of it. Times are in days.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.numerics.additive import (
    LN2,
    LONGEST,
    SHORTEST,
    STARTS,
    Divided,
    RateOrders,
    totals_of,
)
from attribution.numerics.likelihood import Bounds, Gradient

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["Courses", "Multiplicative", "ein"]

_LARGEST = 50.0  # eta beyond which nothing is believed
_MOST = 20.0  # b
_LOWEST, _PER_UNIT = -1.0, 64  # of the nodes of Ein


class Courses(NamedTuple):
    """The course of each journey: touchpoints that begin to act, and that stop.

    Attributes
    ----------
    offsets
        (n + 1,) bounds of each journey's events.
    age
        (E,) days from the event to the journey's end, falling within a journey.
    ended
        (E,) days after which the touchpoint stops, where the event is that; else 0.
    touch
        (E,) which touchpoint begins or stops.
    opens, closes
        (n,) ages between which the journey is watched, the older first.
    group, weight
        (n,) of the journey's person.
    touch_of, term_of
        (R,) which touchpoint has which term.
    """

    offsets: Ints
    age: Floats
    ended: Floats
    touch: Ints
    opens: Floats
    closes: Floats
    group: Ints
    weight: Floats
    touch_of: Ints
    term_of: Ints


class _Layout(NamedTuple):
    """Events by position: all first events of journeys, all second ones, and so on.

    Attributes
    ----------
    order
        (E,) the place in `Courses` of each event; journeys stand from the longest to the shortest.
    bounds
        (positions + 1,) where each position begins.
    gap
        (E,) days since the event before, 0 for the first.
    older, lasting
        (E,) days from the event to where it is watched from, and how long it is watched from there.
    """

    order: Ints
    bounds: Ints
    gap: Floats
    older: Floats
    lasting: Floats


def ein(z: Floats) -> Floats:
    """Return Ein(z), the entire exponential integral, for z from -1 to 50.

    Cubic Hermite interpolation between nodes 1/64 apart, with the exact derivative
    (e^z - 1) / z: off by less than 2e-10 e^z.
    """
    values, slopes = _nodes()
    place = (z - _LOWEST) * _PER_UNIT
    at = np.clip(place.astype(np.int64), 0, len(values) - 2)
    t = place - at
    low, high = values[at], values[at + 1]
    rise = high - low
    begin, end = slopes[at] - rise, rise - slopes[at + 1]
    return np.asarray(low + t * (rise + (1 - t) * (begin * (1 - t) + end * t)))


@cache
def _nodes() -> tuple[Floats, Floats]:
    """Return Ein at the nodes, and its derivative times their distance."""
    from scipy.special import expi

    z = _LOWEST + np.arange(int((_LARGEST - _LOWEST) * _PER_UNIT) + 2) / _PER_UNIT
    small = np.abs(z) < 0.5
    near, far = np.where(small, z, 0.0), np.where(small, 1.0, z)
    series, power = np.zeros_like(near), np.ones_like(near)
    for n in range(1, 16):
        power = power * near / n
        series += power / n
    value = np.where(small, series, expi(far) - np.log(np.abs(far)) - np.euler_gamma)
    slope = np.where(z == 0, 1.0, np.expm1(z) / np.where(z == 0, 1.0, z))
    return value, slope / _PER_UNIT


@dataclass(frozen=True)
class Multiplicative:
    """The likelihood of parameters mu (groups), b (terms), log half-life, in a row.

    Attributes
    ----------
    orders
        Orders and the touchpoints before them.
    courses
        Every journey, with an order or without.
    at_risk
        (groups,) person-days.
    terms
        How many terms there are.
    clock
        (terms,) zeros: all have one half-life.
    half_life
        (1,) in days where it is known; None where it is to be found.
    """

    orders: RateOrders
    courses: Courses
    at_risk: Floats
    terms: int
    clock: Ints
    half_life: Floats | None = None

    @property
    def groups(self) -> int:
        """The number of mu."""
        return len(self.at_risk)

    @property
    def rates(self) -> int:
        """The number of mu and b."""
        return self.groups + self.terms

    @property
    def clocks(self) -> int:
        """The number of half-lives that are to be found."""
        return 0 if self.half_life is not None or not self.terms else 1

    @property
    def count(self) -> float:
        """The number of orders."""
        return float(self.orders.weight.sum())

    @property
    def close(self) -> float:
        """How far from zero the gradient may end, per order."""
        return 1e-6

    def half_lives(self, theta: Floats) -> Floats:
        """Return (terms,) the half-life of each term, in days."""
        known = np.exp(theta[self.rates :]) if self.half_life is None else self.half_life
        return np.asarray(np.full(self.terms, known[0] if len(known) else np.nan))

    @cached_property
    def bounds(self) -> Bounds:
        """Rates of zero or more, b from 0 to 20, half-lives from a minute to a year."""
        low = np.append(np.zeros(self.rates), np.full(self.clocks, np.log(SHORTEST)))
        high = np.append(np.full(self.groups, np.inf), np.full(self.terms, _MOST))
        high[: self.groups][self.at_risk <= 0] = 0.0
        touched = np.bincount(self.courses.term_of, minlength=self.terms) > 0
        high[self.groups :][~touched] = 0.0
        size = np.ones(len(low))
        size[: self.groups] = max(self.count, 1e-12) / np.maximum(self.at_risk, 1e-12)
        return Bounds(low, np.append(high, np.full(self.clocks, np.log(LONGEST))), size)

    # ------------------------------------------------------------------ where to begin

    def start(self) -> Floats:
        """Return the best of a grid of half-lives, with every b alike."""
        if not self.clocks:
            return self._level(0.5, np.zeros(0))
        tried = [self._level(0.5, np.array([np.log(days)])) for days in STARTS[1:]]
        values = [self.evaluate(theta).value for theta in tried]
        return tried[int(np.argmax(values))]

    def _level(self, b: float, logs: Floats) -> Floats:
        """Return parameters with every b alike and the mu that suit them best."""
        level = np.concatenate([np.ones(self.groups), np.full(self.terms, b), logs])
        theta: Floats = np.minimum(level, self.bounds.high)
        cost = self.at_risk + self._extra(theta)
        told = np.bincount(self.orders.group, self.orders.weight, self.groups)
        theta[: self.groups] = np.divide(told, cost, out=np.zeros(self.groups), where=cost > 0)
        return theta

    def _extra(self, theta: Floats) -> Floats:
        """(groups,) person-days that touchpoints stand for beyond those that pass."""
        state = self._states(theta)
        each = self.courses.weight[self._journey] * _extra_days(state, self._layout)
        return np.asarray(
            np.bincount(self.courses.group[self._journey], each, self.groups), dtype=float
        )

    # ------------------------------------------------------------------ the course of eta

    @cached_property
    def _layout(self) -> _Layout:
        courses = self.courses
        lengths = np.diff(courses.offsets)
        rows = np.argsort(-lengths, kind="stable")
        position = np.arange(len(courses.age)) - np.repeat(courses.offsets[:-1], lengths)
        rank = np.empty(len(rows), np.int64)
        rank[rows] = np.arange(len(rows))
        row = np.repeat(np.arange(len(rows)), lengths)
        order = np.lexsort((rank[row], position))
        counts = np.bincount(position, minlength=1)
        age, first = courses.age, position == 0
        gap = np.where(first, 0.0, np.append(0.0, -np.diff(age))[: len(age)])
        last = np.append(position[1:] == 0, True)[: len(age)]
        ends = np.where(last, courses.closes[row], np.append(age[1:], 0.0)[: len(age)])
        begins = np.minimum(age, courses.opens[row])
        ends = np.maximum(ends, courses.closes[row])
        lasting = np.maximum(begins - ends, 0.0)
        return _Layout(
            order,
            np.append(0, np.cumsum(counts)),
            gap[order],
            (age - begins)[order],
            lasting[order],
        )

    @cached_property
    def _journey(self) -> Ints:
        """(E,) the journey of each event, by position."""
        lengths = np.diff(self.courses.offsets)
        return np.asarray(np.repeat(np.arange(len(lengths)), lengths)[self._layout.order])

    def _states(self, theta: Floats) -> _States:
        """Return eta right after each event, and how it moves with log d; by position."""
        courses, layout = self.courses, self._layout
        decay = LN2 / float(self.half_lives(theta)[0]) if self.terms else 1.0
        touches = int(courses.touch.max(initial=-1)) + 1
        b = theta[self.groups : self.rates]
        jump = np.bincount(courses.touch_of, b[courses.term_of], touches)[courses.touch]
        stops = courses.ended > 0
        left = np.where(stops, -np.exp(-decay * courses.ended), 1.0)
        moved = np.where(stops, decay * courses.ended * np.exp(-decay * courses.ended), 0.0)
        value: Floats = (jump * left)[layout.order].astype(float)
        slope: Floats = (jump * moved)[layout.order].astype(float)
        keep = np.exp(-decay * layout.gap)
        fade = decay * layout.gap
        for place in range(1, len(layout.bounds) - 1):
            begin, end = layout.bounds[place], layout.bounds[place + 1]
            prior = slice(layout.bounds[place - 1], layout.bounds[place - 1] + end - begin)
            here = slice(begin, end)
            slope[here] += keep[here] * (slope[prior] - fade[here] * value[prior])
            value[here] += keep[here] * value[prior]
        return _States(decay, value, slope, keep, left[layout.order])

    def _pulled(self, state: _States, pull: Floats) -> Floats:
        """Return (terms,) the derivative by b where that by eta after each event is `pull`."""
        layout, courses = self._layout, self.courses
        pull = pull.copy()
        for place in range(len(layout.bounds) - 2, 0, -1):
            begin, end = layout.bounds[place], layout.bounds[place + 1]
            prior = slice(layout.bounds[place - 1], layout.bounds[place - 1] + end - begin)
            pull[prior] += state.keep[begin:end] * pull[begin:end]
        touches = int(courses.touch.max(initial=-1)) + 1
        by_touch = np.bincount(courses.touch[layout.order], pull * state.left, touches)
        return np.asarray(
            np.bincount(courses.term_of, by_touch[courses.touch_of], self.terms), dtype=float
        )

    # ------------------------------------------------------------------ the likelihood

    def _at_orders(self, theta: Floats) -> tuple[Floats, Floats, Floats]:
        """Return (T,) what is left of each touchpoint at its order, and decay x age; (n,) eta."""
        orders = self.orders
        aged = (LN2 / self.half_lives(theta))[orders.term] * orders.age
        left = np.exp(-aged)
        b = theta[self.groups : self.rates]
        eta = np.bincount(orders.row, b[orders.term] * left, len(orders.group)).astype(float)
        return left, aged, eta

    def evaluate(self, theta: Floats) -> Gradient:
        """Return the log-likelihood and its gradient; minus infinity where a rate is zero."""
        orders, groups, rates, b = self.orders, self.groups, self.rates, theta[self.groups :]
        mu = theta[:groups]
        state = self._states(theta)
        told = np.bincount(orders.group, orders.weight, groups)
        if (mu[told > 0] <= 0).any() or state.eta.max(initial=0.0) > _LARGEST:
            return Gradient(-np.inf, np.zeros_like(theta))
        left, aged, eta = self._at_orders(theta)
        layout, journey = self._layout, self._journey
        cost = self.courses.weight[journey] * mu[self.courses.group[journey]]
        extra = _extra_days(state, layout)
        by_eta, by_decay = _extra_slopes(state, layout, extra)
        per_group = np.bincount(
            self.courses.group[journey], self.courses.weight[journey] * extra, groups
        )
        value = float(told @ np.log(np.where(told > 0, mu, 1.0)) + orders.weight @ eta)
        value -= float(mu @ (self.at_risk + per_group))
        slope = np.empty_like(theta)
        slope[:groups] = np.divide(told, mu, out=np.zeros(groups), where=told > 0)
        slope[:groups] -= self.at_risk + per_group
        weight = orders.weight[orders.row]
        gained = np.bincount(orders.term, weight * left, self.terms)
        slope[groups:rates] = gained - self._pulled(state, cost * by_eta)
        if self.clocks:
            gained_d = -float((weight * b[orders.term] * left * aged).sum())
            lost_d = float(cost @ (by_decay + by_eta * state.by_decay))
            slope[rates:] = -(gained_d - lost_d)  # by the log of the half-life
        return Gradient(value, slope)

    def information(self, theta: Floats) -> Floats:
        """Return the sum over orders of the products of the derivatives of log lambda.

        Its expectation is that of minus the second derivative of the log-likelihood.
        """
        design = self._scores(theta)
        weighted = design.multiply(self.orders.weight[:, None]).tocsr()
        return np.asarray((design.T @ weighted).toarray())

    def _scores(self, theta: Floats) -> csr_array:
        """Return (n, p) the derivatives of log lambda at the orders."""
        from scipy.sparse import csr_array

        orders, groups, n = self.orders, self.groups, len(self.orders.group)
        left, aged, _ = self._at_orders(theta)
        b = theta[groups : self.rates]
        by_clock = np.bincount(orders.row, b[orders.term] * left * aged, n)
        mu = np.maximum(theta[:groups], 1e-300)
        design = csr_array(
            (
                np.concatenate([1 / mu[orders.group], left, by_clock]),
                (
                    np.concatenate([np.arange(n), orders.row, np.arange(n)]),
                    np.concatenate([orders.group, groups + orders.term, np.full(n, self.rates)]),
                ),
            ),
            shape=(n, self.rates + 1),
        )
        return design[:, : len(theta)]

    # ------------------------------------------------------------------ what it says

    def caused(self, theta: Floats) -> tuple[Floats, Floats]:
        """Return (terms,) orders that would be gone without each term, and (terms, p) derivatives.

        Of an order that a term raised by e^u, 1 - e^-u would be gone.
        """
        orders = self.orders
        left, aged, _ = self._at_orders(theta)
        n, terms, b = len(orders.group), self.terms, theta[self.groups : self.rates]
        cell, place = np.unique(orders.row * max(terms, 1) + orders.term, return_inverse=True)
        reach = np.bincount(place, left, len(cell))
        faded = np.bincount(place, left * aged, len(cell))
        row, term = np.divmod(cell, max(terms, 1))
        weight = orders.weight[row] if n else np.zeros(0)
        stays = np.exp(-b[term] * reach)
        by = np.zeros((terms, len(theta)))
        here = np.arange(terms)
        by[here, self.groups + here] = np.bincount(term, weight * reach * stays, terms)
        if self.clocks:
            by[here, self.rates] = np.bincount(term, weight * stays * b[term] * faded, terms)
        return np.asarray(np.bincount(term, weight * (1 - stays), terms), dtype=float), by

    def caused_by_chance(self, theta: Floats) -> tuple[Floats, Floats]:
        """Return (terms, terms) and (terms, p): how `caused` varies with which orders came.

        `caused` sums w = 1 - e^-u over the orders that came, and these vary about their rate. With
        M the orders less what was expected, it is off by the integral of w dM, beside what it is
        off because the estimates are: by the inverse information times the integral of the scores
        dM (Andersen & Gill 1982). The sums over orders of w w' and of w scores' stand for the
        variance of the first and for its covariance with the scores.
        """
        from scipy.sparse import csr_array

        orders = self.orders
        left, _, _ = self._at_orders(theta)
        shape = (len(orders.group), self.terms)
        # A term's touchpoints before one order add up where they share a place.
        reach = csr_array(csr_array((left, (orders.row, orders.term)), shape=shape))
        reach.sum_duplicates()
        b = theta[self.groups : self.rates]
        gone = csr_array((-np.expm1(-b[reach.indices] * reach.data), reach.indices, reach.indptr),
                         shape=shape)  # fmt: skip
        weighted = gone.multiply(orders.weight[:, None]).tocsr()
        return (
            np.asarray((gone.T @ weighted).toarray()),
            np.asarray((weighted.T @ self._scores(theta)).toarray()),
        )

    def acted(self, theta: Floats) -> Floats:
        """Return (terms,) how many touchpoints have each term."""
        del theta
        return np.asarray(np.bincount(self.courses.term_of, minlength=self.terms), dtype=float)

    def divided(self, theta: Floats) -> Divided:
        """Return the parts of each order: e^-eta is that of mu, the rest goes by b e^(-d age)."""
        orders, b = self.orders, theta[self.groups : self.rates]
        left, _, eta = self._at_orders(theta)
        per = np.where(eta > 1e-12, -np.expm1(-eta) / np.maximum(eta, 1e-12), 1.0)
        return Divided(np.exp(-eta), b[orders.term] * left * per[orders.row])

    def shared(self, theta: Floats, amounts: Floats) -> Floats:
        """Return (rates, measures) what each mu and b takes of amounts (n, measures)."""
        return totals_of(self.divided(theta), self.orders, self.groups, self.terms, amounts)

    def shared_slopes(self, theta: Floats, amounts: Floats) -> Floats:
        """Return (parameters, rates, measures) the derivative of `shared`, by differences."""
        out = np.zeros((len(theta), self.rates, amounts.shape[1]))
        for parameter in range(self.groups, len(theta)):
            step = np.zeros_like(theta)
            step[parameter] = 1e-5 * max(1.0, abs(theta[parameter]))
            up, down = (self.shared(theta + sign * step, amounts) for sign in (1, -1))
            out[parameter] = (up - down) / (2 * step[parameter])
        return out


class _States(NamedTuple):
    """After each event, by position.

    Attributes
    ----------
    decay
        d, per day.
    eta, by_decay
        (E,) eta, and its derivative by log d.
    keep
        (E,) what is left of the event before.
    left
        (E,) what an event adds to eta of its touchpoint's b.
    """

    decay: float
    eta: Floats
    by_decay: Floats
    keep: Floats
    left: Floats


def _ends(state: _States, layout: _Layout) -> tuple[Floats, Floats]:
    begin = state.eta * np.exp(-state.decay * layout.older)
    return begin, begin * np.exp(-state.decay * layout.lasting)


def _extra_days(state: _States, layout: _Layout) -> Floats:
    """Return (E,) the integral of e^eta - 1 from each event to the next."""
    begin, end = _ends(state, layout)
    return np.asarray((ein(begin) - ein(end)) / state.decay)


def _extra_slopes(state: _States, layout: _Layout, extra: Floats) -> tuple[Floats, Floats]:
    """Return (E,) the derivatives of that integral by eta after the event, and by log d."""
    begin, end = _ends(state, layout)
    small = np.abs(state.eta) < 1e-8
    older = np.exp(-state.decay * layout.older)
    at_zero = older * -np.expm1(-state.decay * layout.lasting) / state.decay
    rise = np.exp(begin) - np.exp(end)
    by_eta = np.where(small, at_zero, rise / (state.decay * np.where(small, 1.0, state.eta)))
    stretched = np.expm1(end) * (layout.older + layout.lasting) - np.expm1(begin) * layout.older
    return by_eta, stretched - extra
