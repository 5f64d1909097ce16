"""The small parts: rhythms, responses, spans, draws, and what a touchpoint can do."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import gamma

import attribution
from attribution.worlds.chance import scatter, stream
from attribution.worlds.exposure import Touches
from attribution.worlds.response import come_by, wait
from attribution.worlds.rhythm import Rhythm
from attribution.worlds.settings import Synergy
from attribution.worlds.spans import Spans, cut, key, points, ranges
from attribution.worlds.worth import NEVER, worth

from .small import BUSY


def ints(*values):
    return np.array(values, np.int64)


def test_a_rhythm_and_its_inverse():
    rhythm = Rhythm(ints(0, 10, 20, 40), np.array([0.1, 0.0, 0.2]))
    assert rhythm.by(ints(0, 5, 10, 15, 20, 40)).tolist() == [0, 0.5, 1, 1, 1, 5]
    assert rhythm.when(np.array([0, 0.5, 0.99, 1.0, 3.0, 5.0])).tolist() == [0, 5, 9, 20, 30, 39]


@given(st.lists(st.floats(0, 5), min_size=1, max_size=6), st.integers(0, 99))
def test_what_has_come_by_when_so_much_has_come(rates, percent):
    rhythm = Rhythm(np.arange(len(rates) + 1) * 1_000, np.array(rates))
    total = rhythm.totals[-1]
    if total == 0:
        return
    at = rhythm.when(np.array([percent / 100 * total]))
    # Instants are whole, so up to a millisecond's rate is missing.
    assert rhythm.by(at)[0] <= percent / 100 * total * (1 + 1e-9)
    assert rhythm.by(at + 1)[0] >= percent / 100 * total * (1 - 1e-9)


@pytest.mark.parametrize("response", ["exponential", "delayed"])
def test_responses_are_distributions_with_their_median_at_the_half_life(response):
    half = np.array([3.0])
    assert come_by(np.array([0.0]), half, response)[0] == 0
    assert come_by(half, half, response)[0] == pytest.approx(0.5, rel=1e-12)
    assert come_by(np.array([300.0]), half, response)[0] == pytest.approx(1.0)
    shares = np.linspace(0.001, 0.999, 50)
    assert come_by(wait(shares, half, response), half, response) == pytest.approx(shares, abs=1e-12)


def test_the_delayed_response_is_a_gamma_of_shape_two():
    scale = 3.0 / gamma.ppf(0.5, 2)
    ages = np.linspace(0, 20, 30)
    assert come_by(ages, np.full(30, 3.0), "delayed") == pytest.approx(
        gamma.cdf(ages, 2, scale=scale), abs=1e-12
    )
    hump, _ = quad(lambda x: gamma.pdf(x, 2, scale=scale), 0, 3.0)
    assert hump == pytest.approx(0.5)


def test_ranges():
    numbers, of = ranges(ints(2, 5, 7), ints(4, 5, 8))
    assert numbers.tolist() == [2, 3, 7]
    assert of.tolist() == [0, 0, 2]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50), st.integers(0, 50)), max_size=6),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), max_size=12),
)
def test_cutting_spans(spans, touches):
    spans = [(who, min(a, b), max(a, b)) for who, a, b in spans]
    columns = [np.array(column, np.int64) for column in zip(*spans, strict=True)] or [ints()] * 3
    given_spans = Spans(*columns, np.arange(len(spans), dtype=float))
    keys = (
        np.sort(key(*(np.array(c, np.int64) for c in zip(*touches, strict=True))))
        if touches
        else ints()
    )
    pieces, of = cut(given_spans, keys)
    wanted = []
    for number, (who, start, end) in enumerate(spans):
        inner = sorted(at for person, at in touches if person == who and start < at < end)
        edges = [start, *inner, end]
        wanted += [(who, a, b, number) for a, b in pairwise(edges)]
    got = zip(pieces.person, pieces.start, pieces.end, of, strict=True)
    assert sorted(map(tuple, got)) == sorted(wanted)
    assert (pieces.factor == of).all()


def test_points_fall_in_their_spans_by_the_rhythm():
    rhythm = Rhythm(ints(0, 100, 200, 300), np.array([0.001, 0.0, 0.003]))
    spans = Spans(ints(0, 0), ints(50, 150), ints(300, 250), np.array([1.0, 2.0]))
    assert spans.means(rhythm) == pytest.approx([0.35, 0.3])
    at = points(stream(1), np.zeros(10_000, np.int64), spans, rhythm)
    assert at.min() == 50
    assert not ((at >= 100) & (at < 200)).any()
    assert (at < 100).mean() == pytest.approx(0.05 / 0.35, abs=0.015)


def test_scattered_points_are_poisson_in_each_cell():
    means = np.array([0.0, 0.5, 3.0, 0.0, 1.0])
    rng = stream(5)
    drawn = np.array([np.bincount(scatter(rng, means), minlength=5) for _ in range(5_000)])
    assert drawn.mean(0) == pytest.approx(means, abs=0.1)
    assert drawn.var(0) == pytest.approx(means, abs=0.2)
    assert (drawn[:, means == 0] == 0).all()
    assert abs(np.corrcoef(drawn[:, 1], drawn[:, 2])[0, 1]) < 0.06
    assert len(scatter(rng, np.zeros(3))) == len(scatter(rng, np.zeros(0))) == 0


def test_streams_of_different_purposes_differ():
    drawn = [stream(*names).random() for names in ((1, "a"), (1, "b"), (2, "a"), (1, "a", 0))]
    assert len(set(drawn)) == 4
    assert stream(1, "a").random() == drawn[0]


def test_what_touchpoints_can_do():
    settings = replace(BUSY, saturation=0.5, synergy=(Synergy("b", "a", 3.0),))
    touches = Touches(
        person=ints(0, 0, 0, 0, 1),
        at=ints(1, 2, 3, 4, 5),
        channel=ints(0, 1, 0, 1, 1),
        ancestry=ints(1, 2, 1, 2, 2),
    )
    found = worth(settings, touches, np.ones(5, bool))
    assert found.effect == pytest.approx([0.5, 0.3, 0.25, 0.15, 0.3])
    assert found.boosted == pytest.approx([0.5, 0.9, 0.25, 0.45, 0.9])
    assert found.partner_at.tolist() == [NEVER, 1, NEVER, 3, NEVER]
    assert found.after(ints(3, 3, 4), ints(2, 3, -1)) == pytest.approx([0.45, 0.15, 0.3])
    rest = worth(settings, touches, ints(0, 1, 1, 1, 1).astype(bool))
    assert rest.effect == pytest.approx([0.0, 0.3, 0.5, 0.15, 0.3])
    assert rest.partner_at.tolist() == [NEVER, NEVER, NEVER, 3, NEVER]


def test_the_public_names():
    assert callable(attribution.simulate)
    assert attribution.World.__module__ == "attribution.worlds.world"
