from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import ModelError
from attribution.journeys import Journeys
from attribution.model import attribute
from attribution.models.shapley import Shapley, shapley_by_position
from tests import naive
from tests.strategies import CHANNELS, Row, build, examples, fractions, rows

MEASURES = ("conversions", "value")


@pytest.mark.parametrize(
    "by",
    [naive.shapley_by_permutations, naive.shapley_by_coalitions],
    ids=["permutations", "coalitions"],
)
@pytest.mark.parametrize("kind", ["conversions", "rate"])
@examples(30)
@given(data=st.data())
def test_equals_the_definition(by, kind, data):
    given_rows = data.draw(rows(amounts=data.draw(st.sampled_from([None, fractions]))))
    credit = attribute(build(given_rows), Shapley(kind))
    journeys = sum(row.conversions + row.nulls for row in given_rows if row.path)
    for place, measure in enumerate(MEASURES):
        values = by(naive.worth_of(given_rows, kind, measure), CHANNELS)
        scale = journeys if kind == "rate" else 1
        total = max(1.0, sum(getattr(row, measure) for row in given_rows))
        for name, found in zip(CHANNELS, credit.amounts[:, place], strict=True):
            assert abs(found - float(values[name]) * scale) <= 1e-10 * total


def test_the_twins_agree_with_each_other():
    given_rows = [Row(("a", "b"), 2, 1, 9.0), Row(("b", "c", "b"), 1, 4, 5.0)]
    worth = naive.worth_of(given_rows, "rate", "conversions")
    assert naive.shapley_by_permutations(worth, CHANNELS) == naive.shapley_by_coalitions(
        worth, CHANNELS
    )


class TestConversionsWorth:
    @examples(60)
    @given(data=st.data())
    def test_is_an_equal_split_over_distinct_channels(self, data):
        given_rows = data.draw(rows(amounts=data.draw(st.sampled_from([None, fractions]))))
        expected, nobody = naive.split(given_rows, "distinct")
        credit = attribute(build(given_rows), Shapley())
        assert credit.unattributed == pytest.approx(nobody)
        for name, found in zip(CHANNELS, credit.amounts, strict=True):
            assert found == pytest.approx(expected[name], rel=1e-12, abs=1e-12)

    @examples(60)
    @given(data=st.data())
    def test_breakdown_by_position_adds_up_to_it(self, data):
        given_rows = data.draw(rows())
        journeys = build(given_rows)
        found = shapley_by_position(journeys)
        assert list(found.columns) == ["channel", "position", "conversions", "value"]
        expected = defaultdict(lambda: [0.0, 0.0])
        for row in given_rows:
            for at, (name, share) in enumerate(
                zip(row.path, naive.shares(row, "distinct"), strict=True), start=1
            ):
                expected[name, at][0] += share * row.conversions
                expected[name, at][1] += share * row.value
        for (name, at), amounts in expected.items():
            here = found[(found["channel"] == name) & (found["position"] == at)]
            assert here[list(MEASURES)].sum().tolist() == pytest.approx(amounts)
        credit = attribute(journeys, Shapley())
        for name, whole in zip(CHANNELS, credit.amounts, strict=True):
            parts = found.loc[found["channel"] == name, list(MEASURES)].sum()
            assert parts.tolist() == pytest.approx(whole.tolist())

    def test_any_number_of_channels(self):
        names = tuple(f"c{i:04d}" for i in range(500))
        credit = attribute(build([Row(names, 1, 0, 2.0)], channels=names), Shapley())
        assert credit.amounts[:, 0] == pytest.approx(1 / 500)


class TestRateWorth:
    def test_can_be_negative_and_is_not_clipped(self):
        # Alone a converts always; with b never.
        given_rows = [Row(("a",), 1, 0, 1.0), Row(("a", "b"), 0, 1, 0.0)]
        credit = attribute(build(given_rows), Shapley("rate"))
        # v(a) = 1, v(b) = 0, v(ab) = 1/2: phi_a = (1 + 1/2) / 2, phi_b = (0 - 1/2) / 2.
        assert credit.amounts[:2, 0] == pytest.approx([2 * 0.75, 2 * -0.25])

    def test_flags_credit_beyond_what_a_channel_touched(self):
        given_rows = [Row(("a",), 1, 0, 1.0), Row(("a", "b"), 0, 1, 0.0)]
        credit = attribute(build(given_rows), Shapley("rate"))
        assert credit.cautions == ["a"]  # 1.5 conversions of the 1 that it touched
        assert attribute(build(given_rows), Shapley()).cautions == []

    def test_unattributed_orders_and_untouched_people_stay_outside(self):
        inside = [Row(("a",), 1, 1, 1.0), Row(("b", "a"), 1, 3, 2.0)]
        outside = [Row((), 7, 9, 70.0)]
        one, other = (attribute(build(r), Shapley("rate")) for r in (inside, inside + outside))
        assert (one.amounts == other.amounts).all()
        assert other.unattributed.tolist() == [7, 70]

    def test_evidence_is_not_exposure(self):
        journeys = build([Row(("a", "b"), 1, 0, 1.0), Row(("c",), 1, 1, 1.0)])
        marked = replace(journeys, evidence=np.array([False, True, True]))
        for model in (Shapley(), Shapley("rate")):
            credit = attribute(marked, model)
            assert credit.amounts[:, 0].tolist() == [1, 0, 0, 0]
            assert credit.unattributed.tolist() == [1, 1]

    def test_only_channels_that_occur_are_players(self):
        names = tuple(f"c{i:04d}" for i in range(300))
        given_rows = [Row(("c0007", "c0200"), 1, 3, 4.0), Row(("c0200",), 2, 2, 1.0)]
        credit = attribute(build(given_rows, channels=names), Shapley("rate"))
        assert credit.errors is None
        assert np.flatnonzero(credit.amounts[:, 0]).tolist() == [7, 200]


class TestSampled:
    def journeys(self, channels=10):
        rng = np.random.default_rng(7)
        lengths = rng.integers(1, 6, 400)
        conversions = rng.integers(0, 3, 400)
        return Journeys(
            channels=tuple(f"c{i:02d}" for i in range(channels)),
            offsets=np.append(0, np.cumsum(lengths)),
            codes=rng.integers(0, channels, lengths.sum()).astype(np.int32),
            conversions=conversions,
            nulls=rng.integers(0, 4, 400),
            values={"value": conversions * rng.integers(1, 100, 400).astype(float)},
        )

    def test_lies_within_its_standard_errors(self):
        journeys = self.journeys()
        exact = attribute(journeys, Shapley("rate"))
        sampled = attribute(journeys, Shapley("rate", exact=0, permutations=2_000))
        off = np.abs(sampled.amounts - exact.amounts) / sampled.errors
        assert off.max() <= 4.5
        assert np.sqrt((off**2).mean()) >= 0.3  # the errors are no overstatement either
        assert (sampled.errors > 0).all()

    def test_errors_fall_with_the_root_of_the_draws(self):
        journeys = self.journeys()
        few, many = (
            attribute(journeys, Shapley("rate", exact=0, permutations=n)).errors.mean()
            for n in (400, 6_400)
        )
        assert few / many == pytest.approx(4, rel=0.3)

    def test_errors_are_true(self):
        journeys = self.journeys(6)
        exact = attribute(journeys, Shapley("rate")).amounts[:, 0]
        scores = []
        for seed in range(60):
            found = attribute(journeys, Shapley("rate", exact=0, permutations=60, seed=seed))
            scores.append((found.amounts[:, 0] - exact) / found.errors[:, 0])
        assert 0.8 < np.std(scores) < 1.3

    def test_adds_up_exactly(self):
        journeys = self.journeys()
        found = attribute(journeys, Shapley("rate", exact=0, permutations=4))
        assert found.amounts.sum(axis=0) == pytest.approx(journeys.amounts().sum(axis=0))

    def test_the_same_seed_gives_the_same_credit(self):
        journeys = self.journeys()
        one, two, other = (
            attribute(journeys, Shapley("rate", exact=0, permutations=20, seed=seed)).amounts
            for seed in (1, 1, 2)
        )
        assert (one == two).all()
        assert (one != other).any()

    def test_only_beyond_the_exact_limit(self):
        journeys = self.journeys()
        assert attribute(journeys, Shapley("rate", exact=10)).errors is None
        found = attribute(journeys, Shapley("rate", exact=9)).frame()
        assert {"conversions_se", "value_se"} <= set(found.columns)


@pytest.mark.parametrize(
    "options",
    [
        {"worth": "sales"},
        {"exact": -1},
        {"exact": 40},
        {"permutations": 3},
    ],
)
def test_refuses_what_cannot_be(options):
    with pytest.raises(ModelError, match="Shapley"):
        Shapley(**options)
