"""Blocks of persons: cutting, joining, and journeys that have no persons."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import DataError
from attribution.journeys import Journeys, blocks
from attribution.journeys.blocks import by_block, join, with_blocks
from attribution.model import example_journeys
from attribution.names import BLOCKS
from tests.strategies import build, rows


def counted(paths, conversions, nulls, value=None) -> Journeys:
    return Journeys.from_paths(
        pd.DataFrame(
            {
                "path": paths,
                "total_conversions": conversions,
                "total_null": nulls,
                "total_conversion_value": conversions if value is None else value,
            }
        )
    )


def cells(journeys: Journeys) -> dict:
    """Return {(path, block): (conversions, nulls, value)}, summed."""
    found: dict = {}
    frame = journeys.frame()
    for line in frame.itertuples():
        key = (line.path, line.block)
        old = found.get(key, (0, 0, 0.0))
        found[key] = (
            old[0] + line.conversions,
            old[1] + line.nulls,
            round(old[2] + line.value, 6),
        )
    return found


class TestWithoutPersons:
    @given(rows(most=8), st.randoms(use_true_random=False))
    def test_blocks_do_not_depend_on_the_order_of_rows(self, given_rows, random):
        shuffled = list(given_rows)
        random.shuffle(shuffled)
        one, other = (with_blocks(build(each, ages=False)) for each in (given_rows, shuffled))
        assert cells(one) == cells(other)

    @given(rows(most=8))
    def test_nothing_is_lost(self, given_rows):
        whole = build(given_rows)
        spread = with_blocks(whole)
        for name in ("conversions", "nulls"):
            assert getattr(spread, name).sum() == getattr(whole, name).sum()
            assert getattr(spread, name).dtype == np.int64
        np.testing.assert_allclose(
            spread.values["value"].sum(), whole.values["value"].sum(), rtol=1e-12
        )

    def test_other_counts_are_other_people(self):
        """Of two periods nobody knows who came back: what they share is chance."""
        one, other = (
            with_blocks(counted(["a", "b"], [2_000, count], [0, 0])) for count in (1_000, 1_001)
        )
        sizes = [
            np.bincount(
                each.block,
                each.conversions * (each.codes[each.offsets[:-1]] == 0),
                minlength=BLOCKS,
            )
            for each in (one, other)
        ]
        assert (sizes[0] != sizes[1]).sum() > 40
        assert abs(np.corrcoef(*sizes)[0, 1]) < 0.45  # 3.6 standard errors

    def test_equal_paths_count_on(self):
        whole = with_blocks(counted(["a", "b"], [50, 3], [20, 0]))
        split = with_blocks(counted(["a", "a", "b"], [30, 20, 3], [5, 15, 0]))
        assert cells(whole) == cells(split)

    def test_journeys_fall_into_blocks_like_independent_people(self):
        paths = [f"c{i % 40} > d{i}" for i in range(4_000)]
        spread = with_blocks(counted(paths, [1] * 4_000, [2] * 4_000))
        sizes = np.bincount(spread.block, weights=spread.conversions + spread.nulls, minlength=64)
        # chi-square with 63 degrees of freedom: mean 63, standard deviation 11
        chi_square = ((sizes - 12_000 / BLOCKS) ** 2 / (12_000 / BLOCKS)).sum()
        assert 30 < chi_square < 110
        together = np.bincount(spread.block, weights=spread.conversions, minlength=64)
        assert abs(np.corrcoef(together, sizes - together)[0, 1]) < 0.4

    def test_many_equal_journeys_too(self):
        spread = with_blocks(counted(["a", "b"], [6_400_000, 5], [70_000, 3_000_000_000]))
        assert spread.conversions.sum() == 6_400_005
        assert spread.nulls.sum() == 3_000_070_000
        of_a = {line.block: line for line in spread.frame().query("path == 'a'").itertuples()}
        assert sorted(of_a) == list(range(BLOCKS))
        for name, count in (("conversions", 6_400_000), ("nulls", 70_000)):
            sizes = np.array([getattr(line, name) for line in of_a.values()])
            assert 30 < ((sizes - count / 64) ** 2 / (count / 64)).sum() < 110
            assert (sizes > 0).all()

    def test_a_fraction_is_one_more_smaller_journey(self):
        spread = with_blocks(counted(["a"], [2.25], [0.5]))
        assert sorted(spread.conversions[spread.conversions > 0] % 1)[-1] == 0.25
        assert spread.conversions.sum() == pytest.approx(2.25, abs=1e-15)
        assert spread.nulls[spread.nulls > 0].tolist() == [0.5]

    def test_money_is_even_over_the_conversions_and_may_stand_alone(self):
        spread = with_blocks(counted(["a", "b"], [8, 0], [0, 3], [20.0, -5.0]))
        of_a = spread.conversions > 0
        np.testing.assert_allclose(
            spread.values["value"][of_a], 2.5 * spread.conversions[of_a], rtol=1e-15
        )
        assert spread.values["value"][~of_a].sum() == -5.0
        assert np.count_nonzero(spread.values["value"][~of_a]) == 1

    def test_times_tell_journeys_apart(self):
        journeys = example_journeys(rows=200)
        spread = with_blocks(journeys)
        assert len(spread) == len(journeys)
        assert sorted(spread.ages.tolist()) == sorted(journeys.ages.tolist())


class TestCutting:
    @given(rows(most=10), st.lists(st.integers(0, 63), min_size=10, max_size=10), st.booleans())
    def test_every_journey_is_given_once_with_its_block(self, given_rows, given_blocks, joined):
        whole = build(given_rows)
        block = np.array(given_blocks[: len(whole)], np.uint8)
        whole = replace(whole, block=block)
        batches = [whole] if joined else [whole.take([i]) for i in range(len(whole))]
        found: Counter = Counter()
        for number, part in by_block(batches):
            assert (part.block == number).all()
            found += Counter(
                (line.path, line.block, line.conversions, line.nulls, line.value)
                for line in part.frame().itertuples()
            )
        assert found == Counter(
            (line.path, line.block, line.conversions, line.nulls, line.value)
            for line in whole.frame().itertuples()
        )

    def test_large_batches_are_not_joined(self, monkeypatch):
        monkeypatch.setattr(blocks, "_GATHERED", 1)
        whole = replace(example_journeys(rows=40), block=np.arange(40, dtype=np.uint8))
        batches = [whole.take(slice(0, 20)), whole.take(slice(20, 40))]
        assert [number for number, _ in by_block(batches)] == list(range(40))


class TestJoining:
    def test_channels_are_brought_together(self):
        one, other = counted(["b > a"], [1], [0]), counted(["c > a"], [2], [0])
        both = join([one, other])
        assert both.channels == ("a", "b", "c")
        assert both.frame()["path"].tolist() == ["b > a", "c > a"]

    def test_what_none_has_is_filled_and_what_only_some_have_is_left_out(self):
        timed = replace(example_journeys(rows=3), weight=np.full(3, 2.0))
        plain = replace(example_journeys(rows=2), ages=None, segments={"city": np.zeros(2)})
        both = join([timed, plain])
        assert both.ages is None
        assert both.evidence is None
        assert not both.segments
        assert both.weight.tolist() == [2, 2, 2, 1, 1]
        marked = replace(timed, evidence=np.ones(len(timed.codes), bool))
        assert join([marked, plain]).evidence.sum() == len(timed.codes)

    def test_money_is_not_left_out(self):
        plain = example_journeys(rows=3)
        more = replace(plain, values={**plain.values, "net": np.zeros(3)})
        with pytest.raises(DataError, match="money columns value in one batch and value, net"):
            join([plain, more])
