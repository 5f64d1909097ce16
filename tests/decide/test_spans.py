"""Spans of time, cut by calendar day."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.decide.spans import by_day
from tests.decide.shop import HOUR, ms
from tests.strategies import examples


def pieces(start, end, zone="Asia/Shanghai"):
    cut = by_day(np.array([start]), np.array([end]), zone)
    return dict(zip(cut.day, cut.ms, strict=True))


def test_a_span_is_cut_at_each_midnight():
    assert pieces(ms("2026-10-30 23:00"), ms("2026-11-01 06:00")) == {
        "2026-10-30": HOUR,
        "2026-10-31": 24 * HOUR,
        "2026-11-01": 6 * HOUR,
    }


@pytest.mark.parametrize("end", ["2026-11-01 00:00", "2026-10-31 00:00"])
def test_what_does_not_end_later_is_an_instant(end):
    assert pieces(ms("2026-11-01 00:00"), ms(end)) == {"2026-11-01": 0}


def test_what_ends_at_midnight_is_not_of_the_next_day():
    assert pieces(ms("2026-11-01 23:00"), ms("2026-11-02 00:00")) == {"2026-11-01": HOUR}


def test_days_of_other_lengths_are_as_long_as_they_are():
    zone = "Europe/Berlin"
    spring = pieces(ms("2026-03-29 00:00", zone), ms("2026-03-30 00:00", zone), zone)
    autumn = pieces(ms("2026-10-25 00:00", zone), ms("2026-10-26 00:00", zone), zone)
    assert spring == {"2026-03-29": 23 * HOUR}
    assert autumn == {"2026-10-25": 25 * HOUR}


def test_a_midnight_that_does_not_exist_is_an_hour_later():
    zone = "America/Santiago"
    found = pieces(ms("2026-09-05 22:00", zone), ms("2026-09-06 02:00", zone), zone)
    assert found == {"2026-09-05": 2 * HOUR, "2026-09-06": HOUR}


def test_nothing_has_no_days():
    none = np.zeros(0, np.int64)
    assert [len(part) for part in by_day(none, none, "UTC")] == [0, 0, 0]


instants = st.integers(ms("2026-10-01 00:00"), ms("2026-11-20 00:00"))


@examples(80)
@given(st.lists(st.tuples(instants, instants), max_size=6),
       st.sampled_from(["Asia/Shanghai", "UTC", "America/New_York"]))  # fmt: skip
def test_days_are_those_of_a_clock_that_walks_by_hours(spans, zone):
    spans = [(a // HOUR * HOUR, b // HOUR * HOUR) for a, b in map(sorted, spans)]
    starts, ends = (np.array([span[i] for span in spans], np.int64) for i in (0, 1))
    cut = by_day(starts, ends, zone)
    found = Counter()
    for span, day, length in zip(cut.span, cut.day, cut.ms, strict=True):
        found[int(span), day] += int(length)
    expected = Counter()
    for n, (start, end) in enumerate(spans):
        at = start
        expected[n, _day(at, zone)] += 0
        while at < end:
            expected[n, _day(at, zone)] += HOUR
            at += HOUR
    assert found == expected
    assert list(cut.span) == sorted(cut.span)


def _day(at, zone):
    moment = datetime(1970, 1, 1, tzinfo=ZoneInfo("UTC")) + timedelta(milliseconds=at)
    return moment.astimezone(ZoneInfo(zone)).date().isoformat()
