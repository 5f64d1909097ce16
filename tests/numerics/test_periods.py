from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attribution.numerics.periods import sum_periods
from tests.strategies import CHANNELS, build, examples, rows


@examples(50)
@given(given_rows=rows(), length=st.sampled_from([3_600_000, 7_200_000, 10**12]))
def test_every_period_and_every_amount_is_counted_once(given_rows, length):
    journeys = build(given_rows)
    trials = (journeys.conversions + journeys.nulls).astype(float)
    size = (len(CHANNELS), 3)
    found = sum_periods(
        journeys.offsets,
        journeys.codes,
        journeys.ages,
        trials,
        journeys.amounts(),
        size,
        length,
    )
    some = journeys.lengths > 0
    np.testing.assert_allclose(
        found.shares.sum(axis=(0, 1)), journeys.amounts()[some].sum(axis=0), atol=1e-9
    )
    # One channel alone: as many periods as fit between its first touchpoint and the close.
    one = journeys.codes * 0
    alone = sum_periods(
        journeys.offsets, one, journeys.ages, trials, journeys.amounts(), (1, 3), length
    )
    first = journeys.ages[journeys.offsets[:-1][some]]
    assert alone.often.sum() == (trials[some] * (first // length + 1)).sum()
    # The first period of each journey, and no other, is before any contact; it has a touchpoint.
    assert alone.often[0, -1] == trials[some].sum()
    assert alone.often[-1, -1] == 0
