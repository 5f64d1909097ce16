from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import ConfigError, MissingAges, ModelError
from attribution.model import attribute
from attribution.models.heuristic import (
    FirstTouch,
    LastNonDirect,
    LastTouch,
    Linear,
    PositionBased,
    TimeDecay,
    TouchpointModel,
)
from tests import naive
from tests.strategies import CHANNELS, HOUR, Row, build, examples, fractions, rows

TWINS = [
    (FirstTouch(), "first", {}),
    (LastTouch(), "last", {}),
    (Linear(), "linear", {}),
    (LastNonDirect(), "non_direct", {}),
    (LastNonDirect(direct="a"), "non_direct", {"direct": ("a",)}),
    (LastNonDirect(direct=("a", "b", "never seen")), "non_direct", {"direct": ("a", "b")}),
    (PositionBased(), "position", {}),
    (PositionBased(0.6, 0.2), "position", {"first": 0.6, "last": 0.2}),
    (PositionBased(1.0, 0.0), "position", {"first": 1.0, "last": 0.0}),
    (PositionBased(0.0, 0.3), "position", {"first": 0.0, "last": 0.3}),
    (TimeDecay("6h"), "decay", {"half_life_ms": 6 * HOUR}),
    (TimeDecay(pd.Timedelta("90min")), "decay", {"half_life_ms": 1.5 * HOUR}),
    (TimeDecay("1ms"), "decay", {"half_life_ms": 1}),
]


@pytest.mark.parametrize(("model", "rule", "options"), TWINS, ids=lambda x: repr(x))
@examples(40)
@given(data=st.data())
def test_equals_its_twin_journey_by_journey(model, rule, options, data):
    amounts = data.draw(st.sampled_from([None, fractions]))
    given_rows = data.draw(rows(amounts=amounts))
    credit = attribute(build(given_rows), model)
    expected, nobody = naive.split(given_rows, rule, **options)
    assert credit.unattributed == pytest.approx(nobody, rel=1e-12)
    for name, found in zip(CHANNELS, credit.amounts, strict=True):
        assert found == pytest.approx(expected[name], rel=1e-12, abs=1e-12)


def shares(model, path, ages=None):
    """Return the credit of one journey worth one conversion, by channel."""
    ages = tuple(range(len(path), 0, -1)) if ages is None else ages
    one = build([Row(tuple(path), 1, 0, 1.0, ages)])
    return dict(zip(CHANNELS, attribute(one, model).amounts[:, 0], strict=True))


class TestPosition:
    def test_one_touchpoint_has_all(self):
        assert shares(PositionBased(0.0, 0.3), "a")["a"] == 1

    def test_two_share_in_proportion(self):
        found = shares(PositionBased(0.6, 0.2), "ab")
        assert found["a"] == pytest.approx(0.75)
        assert found["b"] == pytest.approx(0.25)

    def test_the_middle_shares_the_rest(self):
        found = shares(PositionBased(), "abbc")
        assert (found["a"], found["b"], found["c"]) == pytest.approx((0.4, 0.2, 0.4))

    def test_shares_of_one_in_binary(self):
        # 1 - 0.07 - 0.93 is a little less than 0, and some pairs add to a little more than 1.
        for percent in range(101):
            model = PositionBased(percent / 100, 1.0 - percent / 100)
            assert sum(shares(model, "abbc").values()) == pytest.approx(1)
            model = PositionBased(percent / 100, (100 - percent) / 100)
            assert sum(shares(model, "abbc").values()) == pytest.approx(1)

    @pytest.mark.parametrize(
        ("first", "last"),
        [
            (0.0, 0.0),
            (-0.1, 0.5),
            (0.5, -0.1),
            (0.7, 0.5),
            (float("nan"), 0.4),
            (2.0, 0.0),
        ],
    )
    def test_refuses_shares_that_cannot_be(self, first, last):
        with pytest.raises(ModelError, match="shares must be 0 or more"):
            PositionBased(first, last)


class TestTimeDecay:
    def test_halves_with_every_half_life(self):
        found = shares(TimeDecay("1D"), "abc", ages=(48 * HOUR, 24 * HOUR, 0))
        assert (found["a"], found["b"], found["c"]) == pytest.approx((1 / 7, 2 / 7, 4 / 7))

    def test_only_the_differences_of_ages_count(self):
        near = shares(TimeDecay("1D"), "ab", ages=(30 * HOUR, 0))
        far = shares(TimeDecay("1D"), "ab", ages=(30 * HOUR + 10**10, 10**10))
        assert near == pytest.approx(far)

    def test_half_life_far_below_every_age(self):
        century = 100 * 365 * 24 * HOUR
        found = shares(TimeDecay("1ms"), "abb", ages=(2 * century, century, century))
        assert found == pytest.approx({"a": 0, "b": 1, "c": 0, "direct": 0})

    def test_half_life_far_above_every_age_is_linear(self):
        found = shares(TimeDecay("100000D"), "abbc", ages=(3, 2, 1, 0))
        assert found == pytest.approx({"a": 0.25, "b": 0.5, "c": 0.25, "direct": 0})

    def test_needs_ages(self):
        journeys = build([Row(("a",), 1, 0, 1.0)], ages=False)
        with pytest.raises(MissingAges, match=r"TimeDecay.*path counts carry no times.*leave this"):
            attribute(journeys, TimeDecay())

    @pytest.mark.parametrize("half_life", ["0D", "-1D", "soon", "7", 7, 0.5, None, "1us"])
    def test_refuses_what_is_no_half_life(self, half_life):
        with pytest.raises(ConfigError, match=r"half_life.*\"7D\""):
            TimeDecay(half_life)


class TestLastNonDirect:
    def test_skips_direct_at_the_end(self):
        assert shares(LastNonDirect(), ("a", "b", "direct", "direct"))["b"] == 1

    def test_takes_direct_when_there_is_nothing_else(self):
        assert shares(LastNonDirect(), ("direct", "direct"))["direct"] == 1

    def test_without_a_direct_channel_it_is_last_touch(self):
        assert shares(LastNonDirect(direct="no such"), ("a", "direct"))["direct"] == 1


class TestOwnWeights:
    @dataclass(frozen=True)
    class Flat(TouchpointModel):
        level: float

        def weights(self, journeys):
            return np.full(len(journeys.codes), self.level)

    def test_need_not_add_up(self):
        assert shares(self.Flat(17.0), "ab")["a"] == pytest.approx(0.5)

    def test_of_nothing_leave_the_journey_unattributed(self):
        journeys = build([Row(("a", "b"), 2, 0, 8.0, (2, 1))])
        credit = attribute(journeys, self.Flat(0.0))
        assert credit.unattributed.tolist() == [2, 8]
        assert not credit.amounts.any()

    @pytest.mark.parametrize("level", [-1.0, float("nan"), float("inf")])
    def test_that_are_no_weights_are_refused(self, level):
        with pytest.raises(ModelError, match=r"Flat.*touchpoints"):
            shares(self.Flat(level), "ab")

    def test_of_another_number_are_refused(self):
        class Short(TouchpointModel):
            def weights(self, journeys):
                return np.ones(1)

        with pytest.raises(ModelError, match="3 touchpoints"):
            shares(Short(), "abc")


def test_evidence_counts_for_rules():
    journeys = build([Row(("a", "b"), 1, 0, 1.0, (2, 0))])
    marked = replace(journeys, evidence=np.array([False, True]))
    assert attribute(marked, LastTouch()).amounts[CHANNELS.index("b"), 0] == 1


@pytest.mark.parametrize("direct", [5, ["a"], ("a", 1)])
def test_direct_is_a_name_or_several(direct):
    with pytest.raises(ModelError, match="write a channel's name"):
        LastNonDirect(direct)


def test_a_touchpoint_column_weight_is_a_factor_on_every_rule():
    ages = (3 * HOUR, 2 * HOUR, HOUR)
    plain = build([Row(("a", "b", "c"), 1, 0, 10.0, ages), Row(("a",), 1, 0, 5.0, (HOUR,))])
    weighted = replace(plain, touch={"weight": np.array([0.0, 1.0, 3.0, 0.0])})
    expected = {
        Linear(): [0, 2.5, 7.5],
        FirstTouch(): [0, 0, 0],
        LastTouch(): [0, 0, 10],
        TimeDecay("1h"): [0, 10 / 7, 60 / 7],
    }
    for model, value in expected.items():
        credit = attribute(weighted, model)
        found = dict(zip(credit.channels, credit.amounts[:, 1], strict=True))
        assert [found[name] for name in "abc"] == pytest.approx(value)
        # A journey none of whose touchpoints has weight is unattributed.
        assert credit.unattributed[1] == pytest.approx(15 - sum(value))
