from __future__ import annotations

import copy
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution import tally as tally_module
from attribution.errors import ModelError
from attribution.numerics.sequences import offsets_of
from attribution.tally import RunningTally, Tally, sum_tallies, tally_rows, tally_weights
from tests.strategies import CHANNELS, Row, build, examples, rows

COLUMNS = ("null", "conversions", "value")
MEASURES = ("conversions", "value")


def make(entries, channels=CHANNELS) -> Tally:
    """Return the tally of {key: sums}, or of a list of such pairs."""
    entries = list(entries.items()) if isinstance(entries, dict) else entries
    code = {name: i for i, name in enumerate(channels)}
    return tally_rows(
        tuple(channels),
        COLUMNS,
        MEASURES,
        offsets_of(np.array([len(key) for key, _ in entries], np.int64)),
        np.array([code[name] for key, _ in entries for name in key], np.int32),
        np.array([sums for _, sums in entries], float).reshape(-1, 3),
    )


def read(tally) -> dict:
    frame = tally.frame()
    return {key: tuple(sums) for key, *sums in frame.itertuples()}


keys = st.lists(st.sampled_from(CHANNELS), max_size=4).map(tuple)
sums = st.tuples(*[st.integers(-50, 50)] * 3)
entries = st.lists(st.tuples(keys, sums), max_size=15)


@examples(100)
@given(entries)
def test_sums_by_key_and_drops_what_is_zero(found):
    expected = defaultdict(lambda: np.zeros(3))
    for key, amounts in found:
        expected[key] += amounts
    assert read(make(found)) == {k: tuple(v) for k, v in expected.items() if v.any()}


@examples(100)
@given(entries, entries, entries, st.integers(-3, 3))
def test_is_a_vector_space(a, b, c, factor):
    x, y, z = make(a), make(b), make(c)
    assert x + y == y + x
    assert (x + y) + z == x + (y + z)
    assert x - x == make([])
    assert x + make([]) == x
    assert x + y - y == x
    assert -x == x * -1
    assert factor * (x + y) + make([]) == factor * x + factor * y
    assert sum([x, y, z]) == x + y + z


@examples(100)
@given(entries, st.randoms(use_true_random=False))
def test_has_one_form_whatever_the_order(found, random):
    shuffled = list(found)
    random.shuffle(shuffled)
    one, other = make(found), make(shuffled)
    assert one == other
    assert one.sums.tobytes() == other.sums.tobytes()
    assert one.codes.tobytes() == other.codes.tobytes()


@examples(60)
@given(st.lists(entries, min_size=1, max_size=8), st.integers(0, 10))
def test_many_are_added_at_once_or_one_after_another(parts, waiting):
    tallies = [make(part) for part in parts]
    expected = make([each for part in parts for each in part])
    assert sum_tallies(tallies) == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tally_module, "_WAITING", waiting)
        running = RunningTally()
        for each in tallies:
            running.add(each)
        assert running.total() == expected
        assert running.total() == expected


@examples(60)
@given(entries, entries)
def test_keys_too_long_for_an_integer_make_the_same_tally(a, b):
    """The form follows from the keys that are left, not from those that were on the way."""
    long = [(("a", "b", "c") * 30, (1, 2, 3))]
    assert make(a + long) + make(b) - make(long) == make(a + b)
    assert read(make(a + long)) == read(make(a)) | read(make(long))


def test_channels_are_joined():
    one = make({("a",): (1, 2, 3), (): (0, 1, 0)}, channels=("a", "c"))
    other = make({("b", "a"): (4, 5, 6), ("a",): (1, 1, 1)}, channels=("a", "b"))
    total = one + other
    assert total.channels == ("a", "b", "c")
    assert read(total) == {("a",): (2, 3, 4), ("b", "a"): (4, 5, 6), (): (0, 1, 0)}
    assert total == other + one


def test_different_columns_do_not_add():
    one = make({("a",): (1, 2, 3)})
    other = tally_weights(build([Row(("a",), 1, 0, 1.0)]), np.ones(1))
    with pytest.raises(ModelError, match="do not add"):
        _ = one + other


def test_only_the_zero_of_sum_is_a_number_to_add():
    with pytest.raises(TypeError):
        _ = 1 + make({})


def test_equality_is_of_values():
    one = make({("a",): (1, 2, 3)})
    assert one == copy.deepcopy(one)
    assert one != make({("a",): (1, 2, 4)})
    assert one != make({("b",): (1, 2, 3)})
    assert one != make({("a",): (1, 2, 3)}, channels=("a",))
    assert one != "a tally"
    with pytest.raises(TypeError):
        hash(one)


def test_reads_by_name():
    tally = make({("a",): (1, 2, 3), (): (4, 5, 6), ("a", "b"): (7, 8, 9)})
    assert sorted(tally.column("null")) == [1, 4, 7]
    assert tally.unattributed.tolist() == [5, 6]
    assert tally.by_channel()[0].tolist() == [2, 3]
    assert not tally.by_channel()[1:].any()
    assert len(tally) == 3


def test_arrays_do_not_change():
    tally = make({("a",): (1, 2, 3)})
    for array in (tally.sums, tally.codes, tally.offsets):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


class TestWeights:
    @examples(100)
    @given(rows(), st.data())
    def test_split_each_journey(self, given_rows, data):
        journeys = build(given_rows)
        size = len(journeys.codes)
        weights = data.draw(st.lists(st.integers(0, 3), min_size=size, max_size=size))
        expected, at = defaultdict(lambda: np.zeros(2)), 0
        for row in given_rows:
            mine = weights[at : at + len(row.path)]
            at += len(row.path)
            amounts = np.array([row.conversions, row.value], float)
            if not sum(mine):
                expected[()] += amounts
                continue
            for name, weight in zip(row.path, mine, strict=True):
                expected[(name,)] += amounts * weight / sum(mine)
        found = read(tally_weights(journeys, np.array(weights, float)))
        for key in {*found, *expected}:
            assert found.get(key, (0, 0)) == pytest.approx(tuple(expected[key]), abs=1e-12)

    def test_scale_of_weights_does_not_matter(self):
        journeys = build([Row(("a", "b"), 3, 0, 9.0)])
        one = tally_weights(journeys, np.array([1.0, 2.0]))
        for factor in (1e-300, 1e300):
            other = tally_weights(journeys, factor * np.array([1.0, 2.0]))
            assert other.sums == pytest.approx(one.sums)
