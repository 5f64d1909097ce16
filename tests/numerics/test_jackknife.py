"""The grouped jackknife against sums written out, and quantiles from a table."""

from __future__ import annotations

import numpy as np
import pytest

from attribution.numerics import jackknife


def test_errors_are_the_sum_written_out():
    replicates = np.array([[1.0, 10.0], [2.0, 10.0], [6.0, 10.0]])
    # mean 3: squares 4, 1, 9; (3 - 1) / 3 of their sum
    np.testing.assert_allclose(jackknife.standard_errors(replicates), [(28 / 3) ** 0.5, 0.0])


def test_of_a_total_it_is_the_textbook_variance():
    totals = np.random.default_rng(5).poisson(20, 64).astype(float)
    replicates = jackknife.first_order(np.array(totals.sum()), totals)
    np.testing.assert_allclose(
        replicates, [64 / 63 * (totals.sum() - one) for one in totals], rtol=1e-14
    )
    mean = totals.sum() / 64
    variance = 64 * sum((one - mean) ** 2 for one in totals) / 63
    assert jackknife.standard_errors(replicates) == pytest.approx(variance**0.5, rel=1e-12)


@pytest.mark.parametrize(
    ("level", "quantile"), [(0.90, 1.669402), (0.95, 1.998341), (0.99, 2.656145)]
)
def test_half_widths_are_quantiles_of_t_with_63_degrees(level: float, quantile: float):
    found = jackknife.half_width(np.array([1.0, 3.0]), level, 64)
    np.testing.assert_allclose(found, [quantile, 3 * quantile], rtol=1e-6)
