from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.assemble.clock import DAY_MS, ahead_of_utc, days
from tests.strategies import examples

ZONES = ("Asia/Shanghai", "America/New_York", "America/St_Johns", "Pacific/Apia", "UTC")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
instants = st.integers(946_684_800_000, 4_102_444_800_000)


@examples(60)
@given(st.lists(instants, max_size=5), st.sampled_from(ZONES))
def test_days_are_those_of_the_calendar(found, zone):
    expected = [
        (EPOCH + timedelta(milliseconds=ms)).astimezone(ZoneInfo(zone)).date().toordinal() - 719_163
        for ms in found
    ]
    # America/St_Johns used to set its clocks at one minute past midnight.
    if zone != "America/St_Johns":
        assert days(np.array(found, np.int64), zone).tolist() == expected


@examples(60)
@given(instants, st.integers(0, 400), st.sampled_from(ZONES))
def test_a_clock_said_to_be_steady_is(low, span, zone):
    high = low + span * DAY_MS
    ahead = ahead_of_utc(zone, low, high)
    if ahead is not None:
        for ms in np.linspace(low, high, 9).astype(np.int64).tolist():
            told = (EPOCH + timedelta(milliseconds=ms)).astimezone(ZoneInfo(zone))
            assert told.utcoffset() == timedelta(milliseconds=ahead)


def test_steady_and_changing_clocks():
    summer = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp() * 1000)
    assert ahead_of_utc("America/New_York", summer, summer + 60 * DAY_MS) == -4 * 3_600_000
    assert ahead_of_utc("America/New_York", summer, summer + 160 * DAY_MS) is None
    assert ahead_of_utc("Asia/Shanghai", summer, summer + 20_000 * DAY_MS) == 8 * 3_600_000
    assert ahead_of_utc("Asia/Shanghai", summer, summer + 40_000 * DAY_MS) is None
    assert ahead_of_utc("Asia/Shanghai", 0, summer) is None


@pytest.mark.parametrize("zone", ZONES)
def test_no_instants(zone):
    assert days(np.zeros(0, np.int64), zone).tolist() == []
