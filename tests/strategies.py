"""Journeys for the property tests: written as plain rows, so that a naive twin can read them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from attribution.journeys import Journeys
from attribution.models.heuristic import (
    FirstTouch,
    LastNonDirect,
    LastTouch,
    Linear,
    PositionBased,
    TimeDecay,
)
from attribution.models.markov import Markov
from attribution.models.shapley import Shapley

CHANNELS = ("a", "b", "c", "direct")
HOUR = 3_600_000

HOSTILE_NAMES = (
    "🛒直播",
    "抖音·品牌自播",
    "<script>alert(1)</script>",
    "=cmd()|' /C calc'!A0",
    'say "hi"',
    "it's",
    "a, b",
    "tab\there",
    "START",
    "CONVERSION",
    "NULL",
    "organic",
    "direct",
    "&amp;",
    "(none)",
    "\u202eright to left",
    "zero\u200bwidth",
    "-1",
    "None",
    "nan",
    "e\u0301",
    "\u00e9",
)


def examples(count: int) -> settings:
    """Return how many examples a property gets: `count`, or as many times more as are sought."""
    return settings(max_examples=max(1, count * settings().max_examples // 50))


@dataclass(frozen=True)
class Row:
    """One journey row: the channels of its touchpoints in order, and what it is worth."""

    path: tuple[str, ...]
    conversions: float
    nulls: float
    value: float
    ages: tuple[int, ...] = ()


def build(rows, channels=CHANNELS, *, ages=True) -> Journeys:
    """Return the rows as Journeys, by the constructor alone."""
    channels = tuple(sorted(channels))
    code = {name: i for i, name in enumerate(channels)}
    ages = ages and all(len(row.ages) == len(row.path) for row in rows)
    integer = all(float(x).is_integer() for row in rows for x in (row.conversions, row.nulls))
    kind = np.int64 if integer else np.float64
    return Journeys(
        channels=channels,
        offsets=np.array([0, *accumulate(len(row.path) for row in rows)], np.int64),
        codes=np.array([code[name] for row in rows for name in row.path], np.int32),
        conversions=np.array([row.conversions for row in rows], kind),
        nulls=np.array([row.nulls for row in rows], kind),
        values={"value": np.array([row.value for row in rows], float)},
        ages=np.array([age for row in rows for age in row.ages], np.int64) if ages else None,
    )


@st.composite
def row(draw, channels=CHANNELS, longest=6, amounts=None) -> Row:
    path = tuple(draw(st.lists(st.sampled_from(channels), max_size=longest)))
    amount = st.integers(0, 4) if amounts is None else amounts
    gaps = draw(st.lists(st.integers(0, 5), min_size=len(path), max_size=len(path)))
    ages = tuple(HOUR * age for age in accumulate(gaps))[::-1]
    conversions = draw(amount)
    value = draw(st.integers(0, 1_000)) if conversions else 0
    return Row(path, conversions, draw(amount), float(value), ages)


def rows(channels=CHANNELS, longest=6, most=12, amounts=None):
    return st.lists(row(channels, longest, amounts), min_size=1, max_size=most)


fractions = st.integers(0, 40).map(lambda n: n / 8 + n / 10)


def with_weights(journeys: Journeys, weights) -> Journeys:
    return replace(journeys, weight=np.array(weights, float))


EVERY_MODEL = (
    FirstTouch(),
    LastTouch(),
    LastNonDirect(),
    Linear(),
    TimeDecay("6h"),
    PositionBased(),
    PositionBased(first=0.07, last=0.93),
    Markov(),
    Markov(2),
    Markov(3),
    Markov(1, nulls=False),
    Markov(2, nulls=False),
    Markov(1, removal="reconnect"),
    Markov(2, removal="reconnect"),
    Shapley(),
    Shapley("rate"),
    Shapley("rate", exact=0, permutations=8),
)
# Their tallies are whole numbers when the journeys are.
WHOLE_MODELS = tuple(
    model
    for model in EVERY_MODEL
    if isinstance(model, FirstTouch | LastTouch | LastNonDirect | Markov)
    or (isinstance(model, Shapley) and model.worth == "rate")
)
# Sampled permutations are drawn over positions in the sorted list, so names and order matter to
# the draw; a reconnecting chain may find that no channel has an effect, and credits nothing.
NAME_BLIND_MODELS = tuple(
    model for model in EVERY_MODEL if not (isinstance(model, Shapley) and model.exact == 0)
)
