"""The maximum of the hazard model's likelihood, and what it says in the channels' own words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.credit import Caused, Credit
from attribution.models.hazard_problem import Rates, aligned, like, rate_orders
from attribution.models.hazard_terms import PLAIN
from attribution.notes import Note, NoteKind
from attribution.numerics.additive import LONGEST, SHORTEST, Additive
from attribution.numerics.likelihood import Fit, upper_end

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from attribution.models.hazard_tally import HazardTally, Rows
    from attribution.models.hazard_terms import Terms

    Floats = NDArray[np.float64]

__all__ = ["LEVEL", "HazardFit"]

LEVEL = 0.95
_FEW = 10  # touchpoints below which nothing is said of a channel
_FLOW_SIGMA = 4.0
_SHORT_OF_ALL = 0.999
_FLAT = 1e-3  # how much of an unknown direction an estimate may hold


@dataclass(frozen=True)
class HazardFit:
    """The maximum, and the tally it is of.

    Attributes
    ----------
    tally
        What was fitted.
    terms
        What each beta belongs to.
    found
        The maximum.
    seeding
        Whether credit moves to channels that lead to others.
    """

    tally: HazardTally
    terms: Terms
    found: Fit[Rates]
    seeding: bool

    @property
    def half_life(self) -> pd.Timedelta | pd.Series[pd.Timedelta]:
        """The half-life, one or by channel."""
        problem = self.found.problem
        days = problem.half_lives(self.found.theta)
        if problem.count <= 0 or self._timeless:
            days = np.full_like(days, np.nan)
        if (problem.clock == 0).all():
            return _timedelta(days[0] if len(days) else np.nan)
        own = pd.Series(pd.NaT, index=self._index(), dtype="timedelta64[s]")
        plain = self.terms.other == PLAIN
        own.iloc[self.terms.one[plain]] = pd.to_timedelta(days[plain], unit="D").round("s")
        return own

    @property
    def _timeless(self) -> bool:
        """Whether no effect is there for a half-life to be told from."""
        return (
            bool(self.found.problem.clocks)
            and not self.found.theta[self.found.problem.groups : self.found.problem.rates].any()
        )

    def _index(self) -> pd.Index[str]:
        return pd.Index(self.tally.channels, name="channel", dtype="str")

    # ------------------------------------------------------------------ credit

    @cached_property
    def _parts(self) -> Floats:
        """(channels, rates) how much of what each rate takes goes to each channel."""
        groups, channels = self.found.problem.groups, len(self.tally.channels)
        out = np.zeros((channels, self.found.problem.rates))
        here = groups + np.arange(len(self.terms.one))
        paired = self.terms.other >= 0
        out[self.terms.one, here] = np.where(paired, 0.5, 1.0)
        np.add.at(out, (self.terms.other[paired], here[paired]), 0.5)
        return out

    @cached_property
    def _removed(self) -> Floats:
        """(channels, terms) which terms are gone without a channel."""
        out = np.zeros((len(self.tally.channels), len(self.terms.one)))
        here = np.arange(len(self.terms.one))
        paired = self.terms.other >= 0
        out[self.terms.one, here] = 1.0
        out[self.terms.other[paired], here[paired]] = 1.0
        return out

    @cached_property
    def seeded(self) -> Floats:
        """(channels, channels) what share of the column's touchpoints the row's brought about.

        A person's inclinations are the same forwards and backwards in time: what follows a channel
        more often than it comes before it, by over four standard errors, counts as brought about.
        """
        channels = len(self.tally.channels)
        out = np.zeros((channels, channels))
        if not self.seeding:
            return out
        _, one, other, _ = self.tally.flows.parts()
        ahead, square = np.zeros((channels, channels)), np.zeros((channels, channels))
        ahead[one, other] = self.tally.flows.sums[:, 0]
        square[one, other] = self.tally.flows.sums[:, 1]
        excess = ahead - ahead.T
        sure = excess > _FLOW_SIGMA * np.sqrt(square + square.T)
        reached = self._touchpoints[None, :]
        np.divide(excess, reached, out=out, where=sure & (reached > 0))
        # No more of a channel's touchpoints are brought about than there are.
        return np.asarray(out / np.maximum(out.sum(axis=0), 1.0))

    @cached_property
    def _touchpoints(self) -> Floats:
        _, one, _, _ = self.tally.touched.parts()
        out = np.zeros(len(self.tally.channels))
        out[one] = self.tally.touched.sums[:, 0]
        return out

    @cached_property
    def _passed_on(self) -> Floats:
        """(channels, channels) what a channel is worth, by the direct worth of each."""
        channels = len(self.tally.channels)
        if not self.seeding or not self.seeded.any():
            return np.eye(channels)
        # Channels that bring about all of one another would be worth an endless sum.
        return np.asarray(np.linalg.inv(np.eye(channels) - _SHORT_OF_ALL * self.seeded))

    def _by_channel(self, shared: Floats) -> Floats:
        """Return (..., channels + 1, measures): credit of channels, then of organic orders.

        Takes what (..., rates, measures) each rate has. What channels have brought about in
        others is worth something to them, too; all is scaled back to what there is.
        """
        groups = self.found.problem.groups
        direct = np.einsum("cr,...rm->...cm", self._parts, shared)
        organic = shared[..., :groups, :].sum(axis=-2, keepdims=True)
        return np.concatenate([direct, organic], axis=-2)

    def _with_seeds(self, rows: Floats) -> Floats:
        """Return (channels + 1, measures) with what channels have brought about in others."""
        direct = rows[:-1]
        raised = self._passed_on @ direct
        size = raised.sum(axis=0)
        scale = np.divide(direct.sum(axis=0), size, out=np.ones_like(size), where=size != 0)
        return np.vstack([raised * scale, rows[-1:]])

    def credit(self) -> Credit:
        """Return credit that adds up to the orders, with effects and half-life."""
        theta = self.found.theta
        rows = self._by_channel(self.found.problem.shared(theta, self.tally.rows.amounts))
        rows = self._with_seeds(rows)
        return Credit(
            self.tally.channels,
            self.tally.measures,
            rows[:-1],
            self.tally.unattributed,
            organic=rows[-1],
            caused=Caused(self.half_life, self.effects(), tuple(self.doubts())),
        )

    def divided(self, rows: Rows) -> tuple[Floats, Floats]:
        """Return (T,) and (n,): which part of each order its touchpoints have, and organic.

        They add up to 1 for every order, and over the orders that were fitted to `credit`, except
        that what channels have brought about in others (`seeding`) is no part of any one order. Of
        what a channel does after another one, half goes to the touchpoint that does it, and half
        to the first of the other's before it.

        Parameters
        ----------
        rows
            Orders, in the channels and groups of the tally.
        """
        orders, where = rate_orders(rows, self.terms, len(self.tally.channels))
        alone, part = replace(self.found.problem, orders=orders).divided(self.found.theta)
        partner = self.terms.other[orders.term]
        paired = np.flatnonzero(partner >= 0)
        own = np.where(partner >= 0, 0.5, 1.0) * part
        shares = np.bincount(where, own, len(rows.codes)).astype(float)
        if len(paired):
            symbols = len(self.tally.channels)
            met, first = np.unique(rows.number * symbols + rows.codes, return_index=True)
            wanted = orders.row[paired] * symbols + partner[paired]
            at = first[np.searchsorted(met, wanted)]
            shares += np.bincount(at, 0.5 * part[paired], len(rows.codes))
        return shares, alone

    def loglik(self, tally: HazardTally) -> float:
        """Return the log-likelihood of other journeys at this maximum.

        What a test or a shrinkage adds is no part of it. Channels that were not there have no
        effect, and groups that were not there order at the rate of all.
        """
        own, known = aligned(tally, self.tally)
        problem = like(self.found.problem, own, self.terms)
        theta = self.found.theta
        mu = theta[: self.found.problem.groups]
        at_risk = self.found.problem.at_risk
        every = float(mu @ at_risk / at_risk.sum()) if at_risk.sum() > 0 else 0.0
        filled = np.full(problem.groups, every)
        filled[known] = np.where(at_risk > 0, mu, every)
        return problem.evaluate(np.append(filled, theta[self.found.problem.groups :])).value

    def slopes(self, parts: Sequence[HazardTally]) -> Floats:
        """Return (parts, channels + 1, measures): how credit moves along each part of the tally.

        The maximum moves by the inverse information times the part's own gradient (the influence
        function of a maximum-likelihood estimate: Hampel et al. 1986, ch. 4), and credit with it.
        """
        problem, theta = self.found.problem, self.found.theta
        moved = problem.shared_slopes(theta, self.tally.rows.amounts)
        rows = self._by_channel(problem.shared(theta, self.tally.rows.amounts))
        out = np.zeros((len(parts), len(self.tally.channels) + 1, len(self.tally.measures)))
        for place, part in enumerate(parts):
            part = part.recoded(self.tally.channels, self.tally.groups)
            own = like(problem, part, self.terms)
            step = self.found.covariance @ own.evaluate(theta).slope
            here = self._by_channel(
                own.shared(theta, part.rows.amounts) + np.tensordot(step, moved, axes=1)
            )
            out[place] = self._seed_slopes(rows, here)
        return out

    def _seed_slopes(self, rows: Floats, moved: Floats) -> Floats:
        """Return how credit with seeds moves where credit without them moves so."""
        if not self.seeding or not self.seeded.any():
            return moved
        size = 1e-6
        up, down = (self._with_seeds(rows + sign * size * moved) for sign in (1, -1))
        return np.asarray((up - down) / (2 * size))

    # ------------------------------------------------------------------ effects

    def expected(self) -> tuple[Floats, Floats]:
        """Return (channels,) the orders each is expected to have caused, and standard errors.

        From the information matrix; zero for a channel whose effect is zero at the maximum.
        """
        by_term, moved = self.found.problem.caused(self.found.theta)
        came, along = self.found.problem.caused_by_chance(self.found.theta)
        removed = self._passed_on @ self._removed
        slope = removed @ moved
        variance = np.einsum(
            "cp,pq,cq->c", slope, self.found.covariance, slope + 2 * removed @ along
        )
        variance += np.einsum("ct,tu,cu->c", removed, came, removed)
        return removed @ by_term, np.sqrt(np.maximum(variance, 0))

    def in_test(self, number: int) -> tuple[float, float]:
        """Return the orders a lift test's channel is expected to have caused in its window.

        And their standard error. Tests are numbered from 0, as they were given.
        """
        problem = self.found.problem
        assert isinstance(problem, Additive)  # noqa: S101 - no other link takes tests
        window = replace(problem, exposure=problem.tests[number].exposure)
        by_term, moved = window.caused(self.found.theta)
        slope = moved.sum(axis=0)
        error = float(np.sqrt(max(slope @ self.found.covariance @ slope, 0.0)))
        return float(by_term.sum()), error

    def effects(self) -> pd.DataFrame:
        """Return channel, effect, conversions, low, high.

        `effect` is the number of orders a touchpoint is expected to cause while it is watched,
        `conversions` that of all the channel's touchpoints, `low` and `high` its 95 % interval
        from the information matrix; a channel whose effect is zero at the maximum has one from
        the profile likelihood. Of two channels that do more together, each has what is gone
        without it, so that the figures may add up to more than all. Nothing is stated of channels
        with fewer than ten touchpoints, or that cannot be told from others.
        """
        from scipy.special import ndtri

        problem, theta = self.found.problem, self.found.theta
        conversions, error = self.expected()
        half = float(ndtri((1 + LEVEL) / 2)) * error
        low, high = np.maximum(conversions - half, 0.0), conversions + half
        for channel in np.flatnonzero((conversions <= 0) & ~self._silenced):
            high[channel] = self._at_most(int(channel), float(ndtri(LEVEL)) ** 2 / 2)
        single = self.terms.other < 0
        acted = np.bincount(
            self.terms.one[single], problem.acted(theta)[single], len(self.tally.channels)
        )
        effect = np.divide(conversions, acted, out=np.zeros_like(acted), where=acted > 0)
        table = np.column_stack([effect, conversions, low, high])
        table[self._silenced] = np.nan
        frame = pd.DataFrame(table, columns=["effect", "conversions", "low", "high"])
        frame.insert(0, "channel", pd.Series(self.tally.channels, dtype="str"))
        return frame

    def _at_most(self, channel: int, drop: float) -> float:
        """Return how many orders a channel can have caused that is not seen to cause any."""
        problem = self.found.problem
        ends = [0.0]
        for term in np.flatnonzero(self._removed[channel]):
            rate = problem.groups + int(term)
            if problem.bounds.high[rate] > 0:
                theta = self.found.theta.copy()
                theta[rate] = upper_end(self.found, rate, drop)
                ends.append(float(problem.caused(theta)[0][term]))
        return max(ends)

    @cached_property
    def _inseparable(self) -> NDArray[np.bool_]:
        """(channels,) whose effects the data do not tell from one another."""
        if not self.found.unknown.shape[1]:
            return np.zeros(len(self.tally.channels), bool)
        _, moved = self.found.problem.caused(self.found.theta)
        along = np.abs((self._removed @ moved) @ self.found.unknown)
        size = np.abs(self._removed @ moved).max(axis=1, initial=0.0)
        return np.asarray((along.max(axis=1) > _FLAT * size) & (size > 0))

    @cached_property
    def _silenced(self) -> NDArray[np.bool_]:
        if self.found.problem.count <= 0:
            return np.ones(len(self.tally.channels), bool)
        return (self._touchpoints < _FEW) | self._inseparable

    def doubts(self) -> list[Note]:
        """Return what a reader must know before he believes the figures."""
        notes = []
        if self.found.problem.count <= 0:
            return [Note(NoteKind.NO_ORDERS, 1)]
        names = np.array(self.tally.channels, dtype=object)
        few = (self._touchpoints > 0) & (self._touchpoints < _FEW)
        notes += [
            Note(NoteKind.FEW_TOUCHPOINTS, int(n), name)
            for name, n in zip(names[few], self._touchpoints[few], strict=True)
        ]
        if self._inseparable.any():
            together = names[self._inseparable]
            notes.append(Note(NoteKind.INSEPARABLE, len(together), ", ".join(together)))
        if self._timeless:
            notes.append(Note(NoteKind.NO_EFFECTS, 1))
        elif self.edge:
            notes.append(Note(NoteKind.HALF_LIFE_AT_EDGE, 1, self.edge))
        return notes

    @property
    def edge(self) -> str:
        """The bound that a half-life lies at, in words; empty where it lies within."""
        problem = self.found.problem
        if not problem.clocks or not len(self.terms.one):
            return ""
        days = np.exp(self.found.theta[problem.rates :])
        if (days >= LONGEST * 0.999).any():
            return f">= {LONGEST:g} d"
        return "<= 1 min" if (days <= SHORTEST * 1.001).any() else ""


def _timedelta(days: float) -> pd.Timedelta:
    return pd.Timedelta(days, unit="D").round("s") if np.isfinite(days) else pd.NaT  # type: ignore[return-value]
