from __future__ import annotations

from itertools import combinations
from math import log

import numpy as np
import pytest
from hypothesis import given
from scipy.optimize import minimize

from attribution.errors import ModelError
from attribution.journeys import Journeys
from attribution.model import attribute, check_model, example_journeys
from attribution.models.logistic import Logistic
from tests.strategies import CHANNELS, Row, build, examples, rows

RIDGE = 0.01
compared = rows().map(
    lambda given_rows: [
        *given_rows,
        Row(("a",), 0, 1, 0.0, (0,)),
        Row(("b",), 1, 1, 5.0, (0,)),
    ]
)


def by_loops(given_rows: list[Row], ridge: float) -> dict[str, float]:
    """Return each channel's mean coefficient: every subset of channels, a general optimiser."""
    held = [row for row in given_rows if row.path]
    names = sorted({name for row in held for name in row.path})
    whole = sum(row.conversions + row.nulls for row in held)

    def coefficients(chosen: tuple[str, ...]) -> np.ndarray:
        def loss(theta: np.ndarray) -> float:
            total = 0.0
            for row in held:
                line = theta[-1]
                for b, name in zip(theta, chosen, strict=False):
                    line += b * (name in row.path)
                total += row.conversions * np.logaddexp(0, -line) / whole
                total += row.nulls * np.logaddexp(0, line) / whole
            return total + 0.5 * ridge * (theta[:-1] ** 2).sum()

        start = np.zeros(len(chosen) + 1)
        return minimize(loss, start, method="BFGS", options={"gtol": 1e-8}).x[:-1]

    found = {name: [] for name in names}
    for size in range(1, len(names) + 1):
        for chosen in combinations(names, size):
            for name, b in zip(chosen, coefficients(chosen), strict=True):
                found[name].append(b)
    return {name: float(np.mean(each)) for name, each in found.items()}


@examples(12)
@given(given_rows=compared)
def test_equals_a_general_optimiser_on_every_subset(given_rows):
    credit = attribute(build(given_rows), Logistic(ridge=RIDGE))
    mean = by_loops(given_rows, RIDGE)
    if max(mean.values()) < 1e-3:  # below what the other optimiser can tell from nothing
        return
    for place, measure in enumerate(("conversions", "value")):
        weight = {
            name: max(b, 0.0) * sum(getattr(r, measure) for r in given_rows if name in r.path)
            for name, b in mean.items()
        }
        total = sum(getattr(row, measure) for row in given_rows if row.path)
        whole = sum(weight.values())
        for name, found in zip(CHANNELS, credit.amounts[:, place], strict=True):
            expected = total * weight.get(name, 0.0) / whole if whole else 0.0
            # The other optimiser stops at a slope of 1e-8; curvature is at least the ridge.
            assert found == pytest.approx(expected, abs=1e-5 / max(mean.values()) * max(1, total))


def logit(conversions: float, trials: float) -> float:
    return log(conversions / (trials - conversions))


def test_an_example_by_hand():
    # All journeys hold c, so c cannot be told from the intercept, and gets nothing.
    given_rows = [
        Row(("c",), 10, 90, 10.0),
        Row(("c", "a"), 20, 30, 60.0),
        Row(("b", "c"), 10, 30, 20.0),
    ]
    # With b in the fit, a is compared with c alone; without, with all that lacks a.
    a = (logit(20, 50) - logit(10, 100) + logit(20, 50) - logit(20, 140)) / 2
    b = (logit(10, 40) - logit(10, 100) + logit(10, 40) - logit(30, 150)) / 2
    credit = attribute(build(given_rows), Logistic(ridge=1e-9))
    share = 20 * a / (20 * a + 10 * b)
    assert credit.amounts[:, 0] == pytest.approx([40 * share, 40 * (1 - share), 0, 0], rel=1e-5)
    share = 60 * a / (60 * a + 20 * b)
    assert credit.amounts[:, 1] == pytest.approx([90 * share, 90 * (1 - share), 0, 0], rel=1e-5)
    assert credit.cautions == ["a"]  # which touched 20 orders


def test_where_no_coefficient_is_positive_orders_are_organic():
    credit = attribute(build([Row(("a",), 2, 3, 9.0), Row((), 1, 0, 1.0)]), Logistic())
    assert credit.amounts.tolist() == [[0, 0]] * 4
    assert credit.organic.tolist() == [2, 9]
    assert credit.unattributed.tolist() == [1, 1]


def test_needs_journeys_that_did_not_convert():
    with pytest.raises(ModelError, match=r"Logistic compares .* found none that did not"):
        attribute(build([Row(("a",), 1, 0, 1.0)]), Logistic())
    assert not attribute(build([Row(("a",), 0, 3, 0.0)]), Logistic()).rows.any()


def test_a_channel_that_always_converts_has_a_finite_coefficient():
    given_rows = [Row(("a",), 9, 0, 9.0), Row(("b",), 1, 9, 1.0), Row(("c",), 2, 8, 2.0)]
    credit = attribute(build(given_rows), Logistic())
    assert credit.amounts[0, 0] == 12
    assert np.isfinite(credit.amounts).all()


def world(channels: int, people: int = 40_000, seed: int = 0) -> tuple[Journeys, np.ndarray]:
    """Return journeys of independent presence, and the coefficients that made them."""
    rng = np.random.default_rng(seed)
    present = rng.random((people, channels)) < 2.5 / channels
    truth = np.linspace(0.0, 2.0, channels)
    line = -3 + present @ truth
    converted = (rng.random(people) < 1 / (1 + np.exp(-line))).astype(int)
    rows, codes = np.nonzero(present)
    journeys = Journeys(
        channels=tuple(f"c{i:03d}" for i in range(channels)),
        offsets=np.append(0, np.cumsum(np.bincount(rows, minlength=people))),
        codes=codes.astype(np.int32),
        conversions=converted,
        nulls=1 - converted,
        values={"value": converted * 3.0},
    )
    return journeys, truth


def test_finds_the_coefficients_of_a_world_of_its_own_kind():
    journeys, truth = world(8)
    found = attribute(journeys, Logistic()).amounts[:, 0]
    touched = np.bincount(
        journeys.codes, journeys.conversions[journeys.rows].astype(float), minlength=8
    )
    expected = truth * touched / (truth * touched).sum()
    assert np.abs(found / found.sum() - expected).sum() / 2 < 0.03


@pytest.mark.parametrize("seed", [0, 1])
def test_samples_of_channels_come_near_the_average_over_all(seed):
    journeys, _ = world(10, 5_000)
    exact = attribute(journeys, Logistic(exact=10)).amounts[:, 0]
    drawn = attribute(journeys, Logistic(bags=300, seed=seed)).amounts[:, 0]
    assert (drawn != exact).any()
    assert np.abs(drawn - exact).max() < 0.01 * exact.sum()


def test_a_sample_depends_on_names_and_seed_alone():
    model = Logistic(exact=0, bags=20)
    names = [f"c{i}" for i in range(12)]
    whole = model._samples(names)
    np.testing.assert_array_equal(model._samples(names[3:]), whole[:, 3:])
    assert (whole.sum(axis=0) == 10).all()
    assert (whole != Logistic(exact=0, bags=20, seed=1)._samples(names)).any()
    assert len({tuple(row) for row in whole}) == 20


@pytest.mark.parametrize("seed", range(3))
def test_obeys_the_axioms(seed):
    check_model(Logistic(), seed=seed)


def test_obeys_all_axioms_but_that_of_names_where_it_draws():
    with pytest.raises(ModelError, match=r"breaks: blind to names \(off by [^;]*\)\.$"):
        check_model(Logistic(exact=0, bags=4), world(12, 2_000)[0])


@examples(10)
@given(given_rows=compared, more=compared)
def test_what_was_added_can_be_taken_back(given_rows, more):
    model = Logistic(ridge=RIDGE)
    kept, extra = model.tally(build(given_rows)), model.tally(build(more))
    np.testing.assert_allclose(
        model.credit(kept + extra - extra).rows, model.credit(kept).rows, atol=1e-6
    )


@examples(20)
@given(given_rows=compared)
def test_adds_up(given_rows):
    journeys = build(given_rows)
    rows_of = attribute(journeys, Logistic()).rows
    assert rows_of.sum(axis=0) == pytest.approx(journeys.amounts().sum(axis=0))
    assert (rows_of >= 0).all()


def test_intervals():
    frame = attribute(world(5, 3_000)[0], Logistic(), interval=0.95).frame()
    some = frame[frame["conversions"] > 0]
    assert len(some) >= 4
    assert (some["low"] < some["conversions"]).all()
    assert (some["conversions"] < some["high"]).all()
    assert example_journeys().ages is not None  # made-up journeys with times do as well
    attribute(example_journeys(), Logistic(), interval=0.95)


@pytest.mark.parametrize(
    "options", [{"exact": 13}, {"exact": 2.0}, {"bags": 3}, {"bags": 0}, {"ridge": 0.0}]
)
def test_refuses_what_cannot_be(options):
    with pytest.raises(ModelError, match="Logistic"):
        Logistic(**options)
