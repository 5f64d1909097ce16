from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import ModelError
from attribution.journeys import Journeys
from attribution.model import attribute, example_journeys
from attribution.models import markov as markov_module
from attribution.models.markov import Markov
from attribution.numerics import chain, walks
from tests import naive
from tests.numerics.test_chain import take_hubs
from tests.strategies import CHANNELS, Row, build, examples, fractions, rows

# Five paths on which eight systems give channel A between 0 and 39 per cent.
FIVE_PATHS = pd.DataFrame(
    {
        "path": ["A > A > B", "A > B", "B", "B > A > B > A", "C"],
        "total_conversions": [3, 2, 4, 1, 0],
        "total_null": [5, 3, 10, 6, 7],
    }
)


def assert_equals_twin(given_rows, model, close=1e-9):
    credit = attribute(build(given_rows), model)
    expected, effects = naive.markov(
        given_rows, CHANNELS, model.order, nulls=model.nulls, removal=model.removal
    )
    total = max(1.0, sum(r.value + r.conversions for r in given_rows))
    for i, name in enumerate(CHANNELS):
        assert credit.removals[i] == pytest.approx(effects[name], rel=close, abs=close), name
        assert np.abs(credit.amounts[i] - expected[name]).max() <= close * total, name


def take_sparse_routes(patch):
    """Make the routes for large chains take small ones."""
    take_hubs(patch)
    patch.setattr(walks, "_GROUPS", 2)
    patch.setattr(walks, "_NARROW", 1)
    patch.setattr(walks, "_CACHED", 4)


@pytest.mark.parametrize("removal", ["null", "reconnect"])
@pytest.mark.parametrize("nulls", [True, False])
@pytest.mark.parametrize("order", [1, 2, 3])
class TestTwin:
    @examples(40)
    @given(data=st.data())
    def test_delete_and_solve_again(self, order, nulls, removal, data):
        amounts = data.draw(st.sampled_from([None, fractions]))
        given_rows = data.draw(rows(longest=8, amounts=amounts))
        assert_equals_twin(given_rows, Markov(order, removal=removal, nulls=nulls))


@pytest.mark.parametrize("order", [1, 2, 3])
class TestLargeChainRoutes:
    @examples(40)
    @given(data=st.data())
    def test_equal_the_twin(self, order, data):
        with pytest.MonkeyPatch.context() as patch:
            take_sparse_routes(patch)
            assert_equals_twin(data.draw(rows(longest=8)), Markov(order))

    def test_direct_factorisation_equals_the_sweeps(self, order, monkeypatch):
        journeys = random_journeys(channels=8, size=200)
        swept = attribute(journeys, Markov(order)).removals
        monkeypatch.setattr(walks, "_CYCLES", 0)
        direct = attribute(journeys, Markov(order)).removals
        assert np.abs(swept - direct).max() <= 1e-12

    def test_big_keys_are_counted_like_small_ones(self, order, monkeypatch):
        from attribution.numerics import packing

        journeys = random_journeys(channels=8, size=200)
        direct = Markov(order).tally(journeys)
        monkeypatch.setattr(packing, "_DIRECT", 0)
        assert Markov(order).tally(journeys) == direct
        monkeypatch.setattr(packing, "_LARGEST", 0)  # what fits decides the order of the keys
        assert len(direct) > 0
        assert len(Markov(order).tally(journeys) - direct) == 0


def random_journeys(channels, size, seed=0, longest=12):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, longest, size)
    conversions = rng.integers(0, 3, size)
    return Journeys(
        channels=tuple(f"c{i:04d}" for i in range(channels)),
        offsets=np.append(0, np.cumsum(lengths)),
        codes=np.minimum(rng.geometric(0.2, lengths.sum()) - 1, channels - 1).astype(np.int32),
        conversions=conversions,
        nulls=rng.integers(0, 3, size),
        values={"value": conversions * rng.integers(1, 100, size).astype(float)},
    )


class TestSlowMixing:
    """Chains that walk thousands of steps before they end."""

    @pytest.mark.parametrize("order", [1, 2, 3])
    @pytest.mark.parametrize(
        "path",
        [
            ("a",) * 5_000,
            ("a", "b") * 2_000,
            ("c", *("a",) * 5_000, "b"),
            ("c", *("a", "b") * 2_000, "direct"),
            ("a", "b", "c") * 1_000,
            (*("a",) * 2_000, *("b",) * 2_000, "c"),
            (*("a", "a", "b") * 700, *("c", "c", "direct") * 700),
        ],
        ids=lambda p: f"{p[0]}{p[1]}..{p[-1]}x{len(p)}",
    )
    def test_equals_the_twin(self, order, path):
        given_rows = [
            Row(path, 1, 0, 20.0),
            Row(("a",), 1, 2, 5.0),
            Row(("b", "c"), 2, 3, 9.0),
            Row(("direct", "a", "b", "c"), 1, 1, 3.0),
        ]
        assert_equals_twin(given_rows, Markov(order))

    @pytest.mark.parametrize("order", [1, 2, 3])
    def test_equals_the_twin_in_the_sparse_routes(self, order, monkeypatch):
        take_sparse_routes(monkeypatch)
        given_rows = [
            Row(("c", *("a", "b") * 2_000, "direct"), 1, 0, 20.0),
            Row(("direct", "a", "b", "c"), 1, 1, 3.0),
        ]
        assert_equals_twin(given_rows, Markov(order))


class TestFivePaths:
    def effects(self):
        """Removal effects worked out by hand, without linear algebra.

        Steps out of A: 21 to B, 8 back to A, 1 + 6 ends; out of B: 7 to A, the rest end.
        """
        counts = Counter()
        for path, c, n in FIVE_PATHS.itertuples(index=False):
            steps = ["START", *path.split(" > ")]
            for a, b in pairwise(steps):
                counts[a, b] += c + n
            counts[steps[-1], "C!"] += c
            counts[steps[-1], "N!"] += n
        out = Counter()
        for (a, _), count in counts.items():
            out[a] += count

        def p(a, b):
            return counts[a, b] / out[a]

        loop = 1 - p("A", "A")
        # B = C!_B + BA * A and A = (C!_A + AB * B) / (1 - AA): substitute.
        b = (p("B", "C!") + p("B", "A") * p("A", "C!") / loop) / (
            1 - p("B", "A") * p("A", "B") / loop
        )
        a = (p("A", "C!") + p("A", "B") * b) / loop
        whole = p("START", "A") * a + p("START", "B") * b
        without_a = p("START", "B") * p("B", "C!")
        without_b = p("START", "A") * p("A", "C!") / loop
        return whole, 1 - without_a / whole, 1 - without_b / whole

    def test_a_has_36_15_per_cent(self):
        journeys = Journeys.from_paths(FIVE_PATHS, value=None)
        credit = attribute(journeys, Markov()).frame().set_index("channel")
        whole, effect_a, effect_b = self.effects()
        assert whole == pytest.approx(10 / 41)  # the chain reproduces what was observed
        found = attribute(journeys, Markov()).removal_effects["conversions"]
        assert found[["A", "B"]].tolist() == pytest.approx([effect_a, effect_b], rel=1e-12)
        assert found["C"] == 0
        assert credit.loc["A", "share"] == pytest.approx(effect_a / (effect_a + effect_b))
        assert credit.loc["A", "share"] == pytest.approx(0.3615, abs=5e-5)

    def test_other_semantics_give_other_numbers(self):
        journeys = Journeys.from_paths(FIVE_PATHS, value=None)

        def share(model):
            return attribute(journeys, model).frame().set_index("channel").loc["A", "share"]

        assert share(Markov(nulls=False)) == pytest.approx(0.389, abs=5e-4)
        assert share(Markov(removal="reconnect")) == 0


class TestChain:
    def test_unattributed_orders_and_untouched_people_stay_outside(self):
        inside = [Row(("a", "b"), 2, 3, 10.0), Row(("c",), 1, 1, 5.0)]
        outside = [Row((), 4, 0, 40.0), Row((), 0, 50, 0.0)]
        with_, without = (attribute(build(r), Markov()) for r in (inside + outside, inside))
        assert (with_.removals == without.removals).all()
        assert (with_.amounts == without.amounts).all()
        assert with_.unattributed.tolist() == [4, 40]

    def test_a_path_shorter_than_the_order_is_one_state(self):
        table = Markov(3).transitions(Markov(3).tally(build([Row(("a", "b"), 1, 0, 1.0)])))
        assert table[["source", "target"]].to_numpy().tolist() == [
            ["START", "a > b"],
            ["a > b", "CONVERSION"],
        ]

    def test_a_path_as_long_as_the_order_is_the_same_state_as_the_run(self):
        given_rows = [Row(("a", "b"), 1, 0, 1.0), Row(("a", "b", "c"), 0, 1, 0.0)]
        table = Markov(2).transitions(Markov(2).tally(build(given_rows)))
        found = {(s, t): (n, p) for s, t, n, p in table.itertuples(index=False)}
        assert found == {
            ("START", "a > b"): (2, 1.0),
            ("a > b", "b > c"): (1, 0.5),
            ("a > b", "CONVERSION"): (1, 0.5),
            ("b > c", "NULL"): (1, 1.0),
        }

    @pytest.mark.parametrize("order", [1, 2, 3])
    @examples(30)
    @given(data=st.data())
    def test_transition_table_counts_every_step(self, order, data):
        given_rows = data.draw(rows())
        expected = Counter()
        for row in given_rows:
            if not row.path:
                continue
            states = ["START", *(" > ".join(s) for s in naive.states_of(row.path, order))]
            for a, b in pairwise(states):
                expected[a, b] += row.conversions + row.nulls
            expected[states[-1], "CONVERSION"] += row.conversions
            expected[states[-1], "NULL"] += row.nulls
        table = Markov(order).transitions(Markov(order).tally(build(given_rows)))
        assert {(s, t): n for s, t, n, _ in table.itertuples(index=False)} == {
            key: n for key, n in expected.items() if n
        }
        assert table.groupby("source")["probability"].sum().to_numpy() == pytest.approx(1)

    def test_value_has_effects_of_its_own(self):
        given_rows = [Row(("a",), 1, 1, 1.0), Row(("b",), 1, 1, 99.0)]
        found = attribute(build(given_rows), Markov()).removal_effects
        assert found["conversions"][["a", "b"]].tolist() == pytest.approx([0.5, 0.5])
        assert found["value"][["a", "b"]].tolist() == pytest.approx([0.01, 0.99])

    def test_several_money_columns(self):
        journeys = build([Row(("a", "b"), 2, 1, 10.0), Row(("b",), 1, 1, 5.0)])
        gross = journeys.values["value"]
        more = replace(journeys, values={"value": gross, "net": gross * 0.8})
        credit = attribute(more, Markov(2))
        assert credit.measures == ("conversions", "value", "net")
        assert credit.amounts[:, 2] == pytest.approx(0.8 * credit.amounts[:, 1])

    def test_removal_effects_are_a_frame_by_channel(self):
        found = attribute(build([Row(("a",), 1, 0, 1.0)]), Markov()).removal_effects
        assert list(found.columns) == ["conversions", "value"]
        assert list(found.index) == list(CHANNELS)
        assert found.index.name == "channel"

    def test_evidence_is_not_exposure(self):
        journeys = build([Row(("a", "b"), 1, 0, 1.0), Row(("c",), 1, 1, 1.0)])
        marked = replace(journeys, evidence=np.array([False, True, True]))
        credit = attribute(marked, Markov())
        assert credit.amounts[:, 0].tolist() == [1, 0, 0, 0]
        assert credit.unattributed.tolist() == [1, 1]


class TestReconnect:
    def test_when_every_journey_converts_no_channel_has_an_effect(self):
        # The effects are rounding only, and rounding must not be shared out as credit.
        given_rows = [
            Row(("a", "b", "c"), 3, 0, 3.0),
            Row(("b", "a"), 7, 0, 7.0),
            Row(("c", "a", "b", "b"), 11, 0, 11.0),
            Row(("direct",), 1, 0, 1.0),
        ]
        credit = attribute(build(given_rows), Markov(removal="reconnect"))
        assert not credit.amounts.any()

    def test_a_channel_that_harms_gets_nothing(self):
        given_rows = [Row(("a",), 5, 5, 5.0), Row(("b",), 1, 9, 1.0)]
        credit = attribute(build(given_rows), Markov(removal="reconnect"))
        # Without b one in two converts, against 6 in 20 with it.
        assert credit.removals[1, 0] == pytest.approx(1 - 0.5 / 0.3)
        assert credit.amounts[:, 0].tolist() == pytest.approx([6, 0, 0, 0])


@pytest.mark.parametrize("order", [0, -1, 1.5, "1", None, 2.0])
def test_refuses_what_is_no_order(order):
    with pytest.raises(ModelError, match="order must be 1, 2, 3"):
        Markov(order)


def test_takes_an_order_from_numpy():
    journeys = random_journeys(channels=3_000, size=50)
    assert Markov(np.int64(6)).tally(journeys) == Markov(6).tally(journeys)


def test_refuses_an_unknown_removal():
    with pytest.raises(ModelError, match="null, reconnect"):
        Markov(removal="detour")


@pytest.mark.slow
def test_thousands_of_channels_equal_the_dense_solution(monkeypatch):
    journeys = random_journeys(channels=2_500, size=20_000)
    rng = np.random.default_rng(1)
    codes = rng.zipf(1.2, len(journeys.codes)).clip(1, 2_500).astype(np.int32) - 1
    wide = replace(journeys, codes=codes)
    found = attribute(wide, Markov()).removals
    monkeypatch.setattr(chain, "_DENSE", 10**9)
    assert np.abs(attribute(wide, Markov()).removals - found).max() <= 1e-11


@pytest.mark.parametrize("order", [1, 2])
def test_a_tally_in_slices_is_the_tally_bit_for_bit(order, monkeypatch):
    journeys = example_journeys(5)
    whole = Markov(order).tally(journeys)
    monkeypatch.setattr(markov_module, "_SLICE", 40)
    assert Markov(order).tally(journeys) == whole
