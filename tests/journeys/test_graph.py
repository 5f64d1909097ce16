from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given

from attribution.errors import DataError
from tests.strategies import CHANNELS, Row, build, examples, rows, with_weights

ENDS = ("START", "CONVERSION", "NULL")


@examples(60)
@given(rows())
def test_counts_every_step(given_rows):
    expected, out = Counter(), Counter()
    for row in given_rows:
        if row.path:
            walk = ["START", *row.path]
            for a, b in pairwise(walk):
                expected[a, b] += row.conversions + row.nulls
            expected[walk[-1], "CONVERSION"] += row.conversions
            expected[walk[-1], "NULL"] += row.nulls
    for (a, _), count in expected.items():
        out[a] += count
    graph = build(given_rows).graph()
    assert set(graph.nodes) == {*CHANNELS, *ENDS}
    assert {(a, b): c for a, b, c in graph.edges(data="count")} == {
        edge: count for edge, count in expected.items() if count
    }
    for a, b, data in graph.edges(data=True):
        assert data["probability"] == pytest.approx(expected[a, b] / out[a])


def test_weights_count():
    journeys = build([Row(("a", "b"), 2, 1, 1.0)])
    graph = with_weights(journeys, [0.5]).graph()
    assert graph.edges["a", "b"]["count"] == 1.5
    assert graph.edges["b", "CONVERSION"]["probability"] == pytest.approx(2 / 3)


def test_of_journeys_without_touchpoints():
    assert build([Row((), 2, 1, 1.0)]).graph().number_of_edges() == 0
    assert build([]).graph().number_of_edges() == 0


@pytest.mark.parametrize("name", ENDS)
def test_a_channel_named_like_an_end_is_refused(name):
    with pytest.raises(DataError, match=f"{name}.*Rename"):
        build([Row((name,), 1, 0, 1.0)], channels=(name,)).graph()
