from __future__ import annotations

import numpy as np
import pytest

from attribution.tune.curve import more_data, told, unheld


def blocks(*means, spread=1.0, seed=0):
    noise = np.random.default_rng(seed).normal(0, spread, (len(means), 64))
    return np.array(means)[:, None] + noise


def test_the_interval_is_that_of_a_total_of_blocks():
    gains = blocks(1.0, 3.0)
    found = told(["a", "b"], gains, 100.0, 0.95)
    apart = gains[0] - gains[1]
    # The textbook variance of a sum of 64 independent block totals.
    assert found.error[0] == pytest.approx(apart.std(ddof=1) * 8 / 100)
    assert found.frame("x").loc[0, "loglik"] == pytest.approx(apart.sum() / 100)
    assert found.width == pytest.approx(1.998, abs=1e-3)  # t with 63 degrees of freedom
    assert found.best == 1
    assert not found.flat
    assert found.gains


def test_a_curve_is_flat_where_no_candidate_is_clearly_worse():
    same = blocks(2.0, 2.0, 2.0)
    assert told(["a", "b", "c"], same, 100.0, 0.95).flat
    assert not told(["a", "b", "c"], blocks(2.0, 2.0, 0.0), 100.0, 0.95).flat
    assert not told(["a", "b"], blocks(0.0, 0.0), 100.0, 0.95).gains


def test_what_rounding_leaves_is_no_difference():
    gains = np.stack([np.full(64, 1.0), np.full(64, 1.0 + 1e-9)])
    assert told(["a", "b"], gains, 64.0, 0.95).flat


def test_what_is_supported_lies_around_the_best_without_a_gap():
    found = told(list("abcde"), blocks(3.0, 0.0, 3.0, 3.0, 0.0, spread=0.1), 1.0, 0.95)
    assert found.supported() in [("a", "a"), ("c", "d")]
    assert found.within.tolist()[1] is False


def test_so_much_data_would_make_the_difference_two_standard_errors():
    found = more_data(gap=0.1, error=0.2, orders=500.0)
    assert found.numbers == {"factor": 16.0, "orders": 500.0, "wanted": 8000.0}
    assert found.said() == (
        "About 16 times the data would tell: some 8,000 orders in place of 500."
    )
    # A sample 16 times as large has a quarter of the error.
    assert 0.1 / (0.2 / np.sqrt(found.numbers["factor"])) == pytest.approx(2.0)


@pytest.mark.parametrize("gap", [0.0, -1.0, 1e-9, np.nan])
def test_no_amount_of_data_is_named_where_there_is_no_difference(gap):
    assert more_data(gap, 1.0, 100.0).key == "no_amount"


def test_where_nothing_is_held_out_nothing_is_known():
    found = unheld(["a", "b"])
    assert not found.known
    assert found.frame("x").loc[:, "loglik":].isna().all(axis=None)
