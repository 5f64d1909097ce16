"""Naive twins: each model once more, journey by journey, straight from its definition."""

from __future__ import annotations

from collections import Counter, defaultdict
from fractions import Fraction
from itertools import combinations, pairwise, permutations
from math import factorial

import numpy as np

# ---------------------------------------------------------------------- rules


def shares(row, rule, **options):
    """Return one journey's shares of credit, a list as long as its path."""
    return {
        "first": _first,
        "last": _last,
        "linear": _linear,
        "non_direct": _non_direct,
        "position": _position,
        "decay": _decay,
        "distinct": _distinct,
    }[rule](row, **options)


def _first(row):
    return [1.0] + [0.0] * (len(row.path) - 1)


def _last(row):
    return _first(row)[::-1]


def _linear(row):
    return [1 / len(row.path)] * len(row.path)


def _non_direct(row, direct=("direct",)):
    chosen = len(row.path) - 1
    for place, name in enumerate(row.path):
        if name not in direct:
            chosen = place
    if all(name in direct for name in row.path):
        chosen = len(row.path) - 1
    return [float(place == chosen) for place in range(len(row.path))]


def _position(row, first=0.4, last=0.4):
    n = len(row.path)
    if n == 1:
        return [1.0]
    if n == 2:
        return [first / (first + last), last / (first + last)]
    return [first, *[(1 - first - last) / (n - 2)] * (n - 2), last]


def _decay(row, half_life_ms):
    weights = [2.0 ** (-(age - min(row.ages)) / half_life_ms) for age in row.ages]
    return [weight / sum(weights) for weight in weights]


def _distinct(row):
    often = Counter(row.path)
    return [1 / len(often) / often[name] for name in row.path]


def split(rows, rule, **options):
    """Return {channel: [conversions, value]} and [conversions, value] that no touchpoint has."""
    credit, nobody = defaultdict(lambda: [0.0, 0.0]), [0.0, 0.0]
    for row in rows:
        if not row.path:
            nobody[0] += row.conversions
            nobody[1] += row.value
            continue
        for name, share in zip(row.path, shares(row, rule, **options), strict=True):
            credit[name][0] += share * row.conversions
            credit[name][1] += share * row.value
    return credit, nobody


# ---------------------------------------------------------------------- Markov


def states_of(path, order):
    """Return the states a journey passes through: runs of `order`, or the whole short path."""
    if len(path) <= order:
        return [tuple(path)]
    return [tuple(path[i : i + order]) for i in range(len(path) - order + 1)]


class Chain:
    """A dense absorbing chain, counted in dicts and solved again for every removal."""

    def __init__(self, rows, order, *, nulls=True):
        self.start, self.step = Counter(), defaultdict(Counter)
        self.null, self.converted, self.money = Counter(), Counter(), Counter()
        for row in rows:
            if not row.path:
                continue
            null = row.nulls if nulls else 0
            count = row.conversions + null
            states = states_of(row.path, order)
            self.start[states[0]] += count
            for a, b in pairwise(states):
                self.step[a][b] += count
            self.null[states[-1]] += null
            self.converted[states[-1]] += row.conversions
            self.money[states[-1]] += row.value
        self.states = sorted(
            {s for s, n in self.start.items() if n}
            | {b for out in self.step.values() for b, n in out.items() if n}
        )

    def worth(self, removed, measure, *, reconnect=False):
        """Return what one journey is worth in the chain without a channel."""
        kept = [s for s in self.states if removed not in s]
        place = {s: i for i, s in enumerate(kept)}
        end = self.converted if measure == "conversions" else self.money
        n = len(kept)
        system, reward, begin = np.eye(n), np.zeros(n), np.zeros(n)
        for s in kept:
            out = self.step[s]
            ending = self.null[s] + self.converted[s]
            if reconnect:
                leaving = ending + sum(c for t, c in out.items() if t in place)
            else:
                leaving = ending + sum(out.values())
            if not leaving:
                continue
            for t, count in out.items():
                if t in place:
                    system[place[s], place[t]] -= count / leaving
            reward[place[s]] = end[s] / leaving
        # A state that only leads round in circles ends nowhere: give it no way out, no worth.
        for i in range(n):
            begin[i] = self.start[kept[i]]
        possible = begin.sum() if reconnect else sum(self.start.values())
        if not possible:
            return 0.0
        alive = self._ends(kept, place)
        inner = system[np.ix_(alive, alive)]
        solved = np.linalg.solve(inner, reward[alive]) if alive else np.zeros(0)
        return float(begin[alive] @ solved / possible) if alive else 0.0

    def _ends(self, kept, place):
        able = {s for s in kept if self.null[s] + self.converted[s]}
        while True:
            more = able | {
                s
                for s in kept
                if any(c and t in able for t, c in self.step[s].items() if t in place)
            }
            if more == able:
                return [place[s] for s in kept if s in able]
            able = more

    def effects(self, channels, measure, *, reconnect=False):
        whole = self.worth(object(), measure)
        return {
            c: (whole - self.worth(c, measure, reconnect=reconnect)) / whole if whole else 0.0
            for c in channels
        }


def markov(rows, channels, order, *, nulls=True, removal="null"):
    """Return {channel: [conversions, value]} of credit, and the same of removal effects."""
    chain = Chain(rows, order, nulls=nulls)
    credit = {c: [0.0, 0.0] for c in channels}
    effects = {c: [0.0, 0.0] for c in channels}
    for place, measure in enumerate(("conversions", "value")):
        total = sum(getattr(row, measure) for row in rows if row.path)
        found = chain.effects(channels, measure, reconnect=removal == "reconnect")
        share = {c: max(e, 0.0) if removal == "reconnect" else e for c, e in found.items()}
        share = {c: 0.0 if abs(e) < 1e-11 else e for c, e in share.items()}
        for c in channels:
            effects[c][place] = found[c]
            credit[c][place] = (
                total * share[c] / sum(share.values()) if any(share.values()) else 0.0
            )
    return credit, effects


# ---------------------------------------------------------------------- Shapley


def shapley_by_permutations(worth, players):
    """Return exact Shapley values: the mean marginal gain over every order of arrival."""
    total = dict.fromkeys(players, Fraction(0))
    for arrival in permutations(players):
        before = Fraction(0)
        for i, player in enumerate(arrival):
            now = worth(frozenset(arrival[: i + 1]))
            total[player] += now - before
            before = now
    return {p: t / factorial(len(players)) for p, t in total.items()}


def shapley_by_coalitions(worth, players):
    """Return exact Shapley values: the weighted mean marginal gain over every coalition."""
    n, out = len(players), {}
    for player in players:
        others = [p for p in players if p != player]
        out[player] = sum(
            Fraction(factorial(size) * factorial(n - size - 1), factorial(n))
            * (worth(frozenset(s) | {player}) - worth(frozenset(s)))
            for size in range(n)
            for s in combinations(others, size)
        )
    return out


def worth_of(rows, kind, measure):
    """Return v(S): amounts of the journeys inside S, as a sum or per journey."""

    def worth(coalition):
        inside = [row for row in rows if row.path and set(row.path) <= coalition]
        gained = sum((Fraction(getattr(row, measure)) for row in inside), Fraction(0))
        if kind == "conversions":
            return gained
        trials = sum(
            (Fraction(row.conversions) + Fraction(row.nulls) for row in inside), Fraction(0)
        )
        return gained / trials if trials else Fraction(0)

    return worth
