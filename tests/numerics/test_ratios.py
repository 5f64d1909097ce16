"""Ratios of rates within layers, their p-values, and findings among many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, t

from attribution.numerics import ratios


def counts(*layers: tuple[int, int, int, int]) -> list[np.ndarray]:
    """Return cases, totals, other cases, other totals of layers given one by one."""
    return [np.array(each, float) for each in zip(*layers, strict=True)]


def test_one_layer_is_walters_ratio() -> None:
    # 30 of 100 against 20 of 200, half a case added to each: (30.5 / 100.5) / (20.5 / 200.5).
    found = ratios.log_ratio(*counts((30, 100, 20, 200)))
    assert found == pytest.approx(np.log((30.5 / 100.5) / (20.5 / 200.5)))


def test_without_cases_the_ratio_is_finite() -> None:
    found = ratios.log_ratio(*counts((0, 40, 10, 60)))
    assert found == pytest.approx(np.log((0.5 / 40.5) / (10.5 / 60.5)))


def test_two_layers_by_hand() -> None:
    # Half a case is spread 1 to 3 over the first group's layers, 3 to 2 over the other's.
    a, n1 = np.array([10 + 0.125, 60 + 0.375]), np.array([100 + 0.125, 300 + 0.375])
    c, n0 = np.array([15 + 0.3, 20 + 0.2]), np.array([300 + 0.3, 200 + 0.2])
    by_hand = (a * n0 / (n1 + n0)).sum() / (c * n1 / (n1 + n0)).sum()
    found = ratios.log_ratio(*counts((10, 100, 15, 300), (60, 300, 20, 200)))
    assert found == pytest.approx(np.log(by_hand))


def test_layers_that_order_more_often_make_no_ratio() -> None:
    # 1 % in one layer and 50 % in the other, in both groups alike, however they lean.
    like = counts((10, 1_000, 100, 10_000), (5_000, 10_000, 500, 1_000))
    assert np.exp(ratios.log_ratio(*like)) == pytest.approx(1.0, abs=1e-2)
    pooled = [each.sum(keepdims=True) for each in like]
    assert np.exp(ratios.log_ratio(*pooled)) > 8


def test_groups_that_share_no_layer_have_no_ratio() -> None:
    assert not np.isfinite(ratios.log_ratio(*counts((3, 10, 0, 0), (0, 0, 4, 10))))


def test_what_chance_promises_is_the_smallest_of_four_counts() -> None:
    # 50 of 200 order: 25 of 100 on either side. The layer of one group alone does not count.
    assert ratios.expected_least(*counts((40, 100, 10, 100), (9, 9, 0, 0))) == pytest.approx(25)
    assert ratios.expected_least(*counts((95, 100, 100, 100))) == pytest.approx(2.5)


def test_the_layered_test_is_the_usual_one_in_one_layer() -> None:
    a, n1, c, n0 = 40.0, 100.0, 25.0, 120.0
    hits, both = a + c, n1 + n0
    variance = n1 * n0 * hits * (both - hits) / (both**2 * (both - 1))
    z = (a - n1 * hits / both) / np.sqrt(variance)
    found = ratios.layered_p(*counts((a, n1, c, n0)))
    assert found == pytest.approx(2 * norm.sf(abs(z)))
    assert ratios.layered_p(*counts((0, 10, 0, 10))) == pytest.approx(1.0)


def test_t_p_values() -> None:
    found = ratios.t_p(np.array([0.0, 2.0, -2.0, 3.0]), np.array([1.0, 1.0, 1.0, np.inf]), 64)
    both = 2 * t.sf(2.0, 63)
    assert found.tolist() == pytest.approx([1.0, both, both, 1.0])


def test_corrected_p_values_by_hand() -> None:
    # In order .01 .03 .04 .5, times 4/1, 4/2, 4/3, 4/4: .04 .06 .0533 .5; never above a later one.
    found = ratios.corrected(np.array([0.01, 0.04, 0.03, 0.5]))
    assert found.tolist() == pytest.approx([0.04, 0.16 / 3, 0.16 / 3, 0.5])
    assert ratios.corrected(np.zeros(0)).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_corrected_p_values_keep_the_order_and_grow(p: list[float]) -> None:
    p = np.array(p)
    q = ratios.corrected(p)
    assert (q >= p - 1e-12).all()
    assert (q <= 1).all()
    assert (np.diff(q[np.argsort(p, kind="stable")]) >= -1e-12).all()


def test_wilson_ends_solve_its_equation() -> None:
    z = norm.ppf(0.975)
    low, high = ratios.wilson(np.array([12.0, 0.0]), np.array([80.0, 9.0]), 0.95)
    for end in (low[0], high[0]):
        assert abs(12 / 80 - end) == pytest.approx(z * np.sqrt(end * (1 - end) / 80))
    assert low[1] == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(ratios.wilson(np.zeros(1), np.zeros(1), 0.95)[0]).all()
