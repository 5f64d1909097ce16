from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from attribution.errors import ModelError
from attribution.numerics import logistic
from attribution.numerics.logistic import fit_subsets
from tests.strategies import examples


@st.composite
def tables(draw):
    members = draw(st.integers(1, 4))
    sets = draw(st.lists(st.sets(st.integers(0, members - 1)), min_size=1, max_size=8))
    trials = [draw(st.integers(1, 20)) for _ in sets]
    gained = [draw(st.integers(0, n)) for n in trials]
    # Some of both kinds, so that there is an intercept.
    return members, [*sets, set()], [*trials, 2], [*gained, 1]


@examples(60)
@given(tables(), st.sampled_from([1e-5, 0.01, 1.0]))
def test_the_slope_is_zero_at_every_fit(table, ridge):
    members, sets, trials, gained = table
    numbers = np.arange(1 << members)
    kept = (numbers[:, None] >> np.arange(members) & 1).astype(bool)
    offsets = np.append(0, np.cumsum([len(each) for each in sets]))
    codes = np.array([code for each in sets for code in sorted(each)], np.int64)
    n, g = np.array(trials, float), np.array(gained, float)
    found = fit_subsets(offsets, codes, n, g, kept, ridge)
    design = np.array([[float(code in each) for code in range(members)] for each in sets])
    assert (found[~kept] == 0).all()
    for b, chosen in zip(found, kept, strict=True):
        # The intercept is where as many are expected as succeeded: found by halving.
        low, high = -60.0, 60.0
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (
                (middle, high) if n @ expit(middle + design @ b) < g.sum() else (low, middle)
            )
        slope = design.T @ (g - n * expit(low + design @ b)) / n.sum() - ridge * b
        np.testing.assert_allclose(slope[chosen], 0.0, atol=1e-8)


def test_of_one_column_without_ridge_it_is_the_difference_of_log_odds():
    found = fit_subsets(
        np.array([0, 0, 1]),
        np.array([0]),
        np.array([10.0, 20.0]),
        np.array([2.0, 15.0]),
        np.array([[True]]),
        1e-12,
    )
    assert found[0, 0] == pytest.approx(logit(15 / 20) - logit(2 / 10), rel=1e-8)


def test_a_fit_that_does_not_come_to_rest_is_refused(monkeypatch):
    monkeypatch.setattr(logistic, "_STEPS", 2)
    with pytest.raises(ModelError, match="did not come to rest"):
        fit_subsets(
            np.array([0, 0, 1]),
            np.array([0]),
            np.array([10.0, 20.0]),
            np.array([2.0, 20.0]),
            np.array([[True]]),
            1e-9,
        )
