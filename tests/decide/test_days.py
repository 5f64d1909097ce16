from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.decide.days import Days, days
from attribution.errors import ConfigError

dates = st.dates(date(1990, 1, 1), date(2100, 1, 1))
ends = st.one_of(st.just(""), dates.map(str))


@given(dates)
def test_a_day_a_week_and_a_month_name_their_days(day):
    assert days(str(day)) == Days(str(day), str(day))
    first = day - timedelta(days=day.weekday())
    year, week, _ = day.isocalendar()
    assert days(f"{year}-W{week:02d}") == Days(str(first), str(first + timedelta(days=6)))
    month = days(f"{day:%Y-%m}")
    assert month.since == f"{day:%Y-%m}-01"
    following = date.fromisoformat(month.until) + timedelta(days=1)
    assert following.day == 1
    assert month.since[:7] == month.until[:7]


@pytest.mark.parametrize(
    "text",
    [
        "", "2026", "2026-13", "2026-00", "2026-W54", "2026-W00", "2026-02-30", "20261111",
        "2026-W46-3", "2026-1-1", " 2026-10", "2026-10 ", "9999-12", "9999-W53", "0000-01",
        "２０２６-10", "2026-11-11T00:00", "../2026-10", None,
    ],
)  # fmt: skip
def test_what_is_no_period_is_refused(text):
    with pytest.raises(ConfigError, match="is no period: write a month such as 2026-10"):
        days(text)


@pytest.mark.parametrize("text", ["2026-11", "20261111", "2026-02-29", "today", 20261111])
def test_what_is_no_day_is_refused(text):
    with pytest.raises(ConfigError, match=r'until=.*write a day, such as "2026-11-11"'):
        Days("2026-01-01", text)


def test_a_span_does_not_end_before_it_begins():
    with pytest.raises(ConfigError, match=r"from 2026-11-02 to 2026-11-01 ends before it begins"):
        Days("2026-11-02", "2026-11-01")


@st.composite
def spans(draw):
    since, until = draw(ends), draw(ends)
    return Days(*sorted([since, until])) if since and until else Days(since, until)


@given(spans(), st.lists(st.one_of(st.none(), dates.map(str))))
def test_a_span_holds_the_days_between_its_ends(span, listed):
    held = span.hold(pd.Series(listed, dtype="str"))
    assert held.dtype == bool
    unbound = not span.since and not span.until
    assert held.tolist() == [
        unbound
        if day is None
        else (not span.since or day >= span.since) and (not span.until or day <= span.until)
        for day in listed
    ]


@given(spans(), spans())
def test_spans_meet_where_they_have_a_day_in_common(one, other):
    ordinals = [
        np.array([
            date.fromisoformat(span.since or "1900-01-01").toordinal(),
            date.fromisoformat(span.until or "2200-01-01").toordinal(),
        ])
        for span in (one, other)
    ]  # fmt: skip
    common = max(each[0] for each in ordinals) <= min(each[1] for each in ordinals)
    assert one.meets(other) == other.meets(one) == common
