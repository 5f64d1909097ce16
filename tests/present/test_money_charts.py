"""Charts of money: what is drawn stands where the amounts say."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from markupsafe import Markup

from attribution.present.charts import Scale
from attribution.present.money_charts import (
    Bar,
    Dot,
    bar_row,
    columns,
    day_columns,
    dot_plot,
    dot_row,
    mark,
)

SCALE = Scale(-50.0, 100.0, (-50.0, 0.0, 50.0, 100.0))
HOSTILE = '"><script>alert(1)</script>'


def rects(svg: Markup, axis: str) -> list[tuple[str, float, float]]:
    """Return (class, start, length) of every rectangle along an axis."""
    start, length = ("x", "width") if axis == "x" else ("y", "height")
    found = re.findall(r'<rect class="(\w+)"[^>]*>', svg)
    numbers = [
        (float(re.search(rf'{start}="([\d.]+)', rect)[1]),
         float(re.search(rf'{length}="([\d.]+)', rect)[1]))
        for rect in re.findall(r"<rect [^>]*>", svg)
    ]  # fmt: skip
    return [(kind, a, b) for kind, (a, b) in zip(found, numbers, strict=True)]


def test_a_bar_reaches_from_one_amount_to_the_other_either_way() -> None:
    for ends in ((0, 75), (75, 0)):
        [(kind, start, length)] = rects(bar_row(SCALE, [Bar(*ends, "bar")], "x"), "x")
        assert (kind, start) == ("bar", pytest.approx(SCALE.at(0), abs=0.01))
        assert start + length == pytest.approx(SCALE.at(75), abs=0.02)
    loss = rects(bar_row(SCALE, [Bar(0, -50, "loss")], "x"), "x")
    assert loss == [("loss", 1.5, pytest.approx(SCALE.at(0) - 1.5, abs=0.02))]
    assert rects(bar_row(SCALE, [Bar(5, 5, "cost")], "x"), "x")[0][2] > 0  # still to be seen


def test_a_whisker_ends_within_the_axis() -> None:
    drawn = bar_row(SCALE, [], "x", (-500.0, 500.0))
    ends = {float(x) for x in re.findall(r'edge-line" x1="([\d.]+)%', drawn)}
    assert ends == {SCALE.at(-50.0), SCALE.at(100.0)}


@pytest.mark.parametrize(
    ("verdict", "shape"),
    [("profit", "<circle"), ("loss", "dot loss"), ("unclear", "dot unclear"),
     ("depends", "A4 4"), ("unseen", "dot unseen")],
)  # fmt: skip
def test_no_verdict_is_told_by_colour_alone(verdict: str, shape: str) -> None:
    others = {"profit", "loss", "unclear", "depends", "unseen"} - {verdict}
    bare = {re.sub(r' class="[^"]*"', "", mark(each)) for each in others}
    assert re.sub(r' class="[^"]*"', "", mark(verdict)) not in bare
    drawn = dot_row(SCALE, Dot(10, 0, 20, verdict), "x")
    assert shape in drawn
    assert f"interval {verdict}" in drawn
    assert "interval" not in dot_row(SCALE, Dot(10, 10, 10, verdict), "x")


def test_a_higher_estimate_stands_higher() -> None:
    dots = [Dot(90, 80, 100, "profit"), Dot(0, -5, 5, "unclear"), Dot(-40, -400, -30, "loss")]
    drawn = dot_plot(SCALE, dots, ["a", "b", "c"], str, "label")
    heights = [float(y) for y in re.findall(r'<svg x="[\d.]+%" y="([\d.]+)"', drawn)]
    assert heights == sorted(heights)
    assert max(float(y) for y in re.findall(r'y2="([\d.]+)"', drawn)) <= 150
    assert re.findall(r"<title>(.*?)</title>", drawn) == ["a", "b", "c"]


def test_columns_are_in_proportion_and_stand_on_the_floor() -> None:
    drawn = rects(columns([10, 40, 0, -5], ["a"] * 4, ("x", "y"), "z", "label"), "y")
    assert [round(height, 1) for _, _, height in drawn] == [15.5, 62.0, 0.0, 0.0]
    assert {round(y + height, 1) for _, y, height in drawn} == {80.0}


def test_a_day_is_a_stack_of_what_stays_is_to_come_back_and_came_back() -> None:
    drawn = rects(day_columns([(60, 30, 10), (0, 0, 0)], ["a", "b"], ("x", "y"), "l"), "y")
    assert [kind for kind, _, _ in drawn] == ["bar", "hatched", "outline"] * 2
    assert [round(height, 1) for _, _, height in drawn[:3]] == [50.4, 25.2, 8.4]
    for below, above in pairwise(drawn[:3]):
        assert above[1] + above[2] == pytest.approx(below[1], abs=0.11)


def test_nothing_to_draw_is_drawn_as_such_and_names_are_escaped() -> None:
    for drawn in (
        bar_row(SCALE, [], HOSTILE), dot_plot(SCALE, [], [], str, HOSTILE),
        columns([], [], (HOSTILE, HOSTILE), HOSTILE, HOSTILE),
        day_columns([], [], (HOSTILE, HOSTILE), HOSTILE),
        columns([1], [HOSTILE], (HOSTILE, HOSTILE), HOSTILE, HOSTILE),
        day_columns([(1, 1, 1)], [HOSTILE], (HOSTILE, HOSTILE), HOSTILE),
        dot_plot(SCALE, [Dot(1, 0, 2, "profit")], [HOSTILE], str, HOSTILE),
    ):  # fmt: skip
        assert "<script" not in drawn
        assert 'role="img" aria-label="&#34;&gt;&lt;script' in drawn
        assert "nan" not in drawn
