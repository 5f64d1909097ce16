"""The days of a period."""

from __future__ import annotations

import pytest

from attribution import ConfigError
from attribution.decide.day_range import day_range, in_days


def test_days_are_taken_as_they_are_or_left_open():
    assert day_range("2026-11-09", "") == ("2026-11-09", "")
    assert in_days("d", "2026-11-09", "") == "(d >= '2026-11-09' AND TRUE)"
    assert in_days("d", "", "") == "(TRUE AND TRUE)"


@pytest.mark.parametrize("day", ["2026-13-01", "20261109", "'; DROP TABLE orders", "2026-11-9"])
def test_what_is_no_day_is_refused(day):
    with pytest.raises(ConfigError, match="until="):
        day_range("", day)


def test_a_period_does_not_end_before_it_begins():
    with pytest.raises(ConfigError, match="exchange"):
        day_range("2026-11-12", "2026-11-11")
