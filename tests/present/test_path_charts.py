"""Rows of lifts around one, and of what channels open against what they close."""

from __future__ import annotations

import re

import pytest

from attribution.present.charts import nice_scale
from attribution.present.path_charts import ends_marks, ratio_axis, ratio_marks, ratio_scale


def places(html: str, name: str) -> list[float]:
    return [float(found) for found in re.findall(rf'{name}="([0-9.]+)%"', html)]


def test_halves_and_doubles_stand_as_far_from_one() -> None:
    scale = ratio_scale([0.5, 2.0])
    assert scale.ticks == (0.5, 1.0, 2.0)
    assert scale.at(1.0) - scale.at(0.5) == pytest.approx(scale.at(2.0) - scale.at(1.0))
    assert scale.at(1.0) == pytest.approx(50)


def test_one_is_always_on_the_axis_and_the_endless_stops_at_the_edge() -> None:
    scale = ratio_scale([3.0, float("inf")])
    assert 1.0 in scale.ticks
    assert scale.at(float("inf")) == scale.at(16.0) == pytest.approx(97)
    assert ratio_scale([]).low < 1 < ratio_scale([]).high
    assert "×1<" in ratio_axis(scale)


def test_a_sure_lift_is_solid_and_an_unclear_one_hollow() -> None:
    scale = ratio_scale([0.5, 4.0])
    sure = ratio_marks(scale, 2.0, 1.5, 3.0, "a & b", sure=True)
    assert 'class="mark"' in sure
    assert 'aria-label="a &amp; b"' in sure
    assert places(sure, "cx") == [pytest.approx(scale.at(2.0), abs=0.01)]
    interval = re.search(r'class="interval" x1="([0-9.]+)%" x2="([0-9.]+)%"', sure)
    assert interval is not None
    assert [float(x) for x in interval.groups()] == pytest.approx(
        [scale.at(1.5), scale.at(3.0)], abs=0.01
    )
    assert "hollow" in ratio_marks(scale, 2.0, 0.9, 3.0, "", sure=False)
    assert "mark loss" in ratio_marks(scale, 0.6, 0.5, 0.8, "", sure=True)


def test_the_way_between_opening_and_closing_is_drawn_from_the_lesser() -> None:
    scale = nice_scale(0.0, 0.4)
    for opened, closed in ((0.1, 0.3), (0.3, 0.1)):
        html = ends_marks(scale, opened, closed, "x")
        band = re.search(r'class="band" x="([0-9.]+)%" width="([0-9.]+)%"', html)
        assert band is not None
        assert float(band[1]) == pytest.approx(scale.at(0.1), abs=0.01)
        assert float(band[2]) == pytest.approx(scale.at(0.3) - scale.at(0.1), abs=0.02)
