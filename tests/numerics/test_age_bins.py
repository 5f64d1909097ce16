"""Ages in bins: few enough numbers, close enough to every age."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.numerics.age_bins import BINS, bin_of

DAY = 86_400_000


def test_bins_are_in_order_of_age():
    ages = np.unique(np.geomspace(1, 800 * DAY, 20_000).astype(np.int64))
    found = bin_of(ages)
    assert (np.diff(found) >= 0).all()
    assert found.min() == 0
    assert found.max() == BINS - 1
    assert bin_of(np.array([0, 999, 1000])).tolist() == [0, 0, 1]


@given(
    st.integers(0, 2**32 - 1),
    st.floats(1 / 1440, 100.0),
)
def test_a_mean_age_stands_for_all_ages_of_its_bin(seed: int, half_life: float):
    rng = np.random.default_rng(seed)
    ages = rng.choice([rng.exponential(DAY, 400), rng.uniform(0, 60 * DAY, 400)]).astype(np.int64)
    decay = np.log(2) / half_life / DAY
    place = bin_of(ages)
    often = np.bincount(place, minlength=BINS)
    mean = np.bincount(place, ages, BINS) / np.maximum(often, 1)
    exact = np.exp(-decay * ages).sum()
    # (d age)^2 e^(-d age) / 24 * 0.018^2 is below 8e-6 for every age.
    assert (often * np.exp(-decay * mean)).sum() == pytest.approx(exact, abs=8e-6 * len(ages))
