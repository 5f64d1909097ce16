"""The Sankey: bands as wide as what runs through them, names that cannot act, room for letters."""

from __future__ import annotations

import re
from html import unescape
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.decide.flows import flows_of
from attribution.decide.paths import paths
from attribution.names import CONVERSION, NULL, UNATTRIBUTED
from attribution.present.sankey import Picture, drawn
from attribution.present.words import LANGUAGES, words_in
from tests.decide.made import made_brand
from tests.strategies import CHANNELS, HOSTILE_NAMES, Row, build, examples

HOSTILE = "=<script>alert('x')</script>&{0}\u202e"
WORDS = words_in("en")


def picture(**more: object) -> Picture:
    return Picture(**({"ident": "p", "label": "What runs", "named": str} | more))


def flows(*found: tuple) -> pd.DataFrame:
    return pd.DataFrame(
        found, columns=["step", "source", "target", "orders", "value", "nulls"]
    ).astype({"orders": float, "value": float, "nulls": float})


SMALL = flows(
    (1, "a", "b", 2, 20, 1),
    (2, "a", "c", 3, 30, 0),
    (2, "b", "c", 4, 40, 5),
    (3, "c", CONVERSION, 9, 90, 0),
    (3, "c", NULL, 0, 0, 11),
    (3, UNATTRIBUTED, CONVERSION, 6, 60, 0),
)


def ribbons(html: str) -> list[tuple[bool, int, int, float, float, float]]:
    """Return each band: whether of orders, its ends, where it begins and stops, and how thick."""
    found = re.findall(
        r'<path class="ribbon( order)?(?: unknown)? b(\d+) b(\d+)" d="([^"]+)"', html
    )
    out = []
    for kind, source, target, path in found:
        start, stop = re.match(r"M\S+ (\S+?)C\S+ \S+ \S+ \S+ \S+ (\S+?)v", path).groups()  # type: ignore[union-attr]
        thick = float(re.search(r"v([0-9.]+)", path)[1])  # type: ignore[index]
        out.append((bool(kind), int(source), int(target), float(start), float(stop), thick))
    return out


def knots(html: str) -> list[tuple[float, float, float]]:
    """Return each node in order: x in per cent, top, height."""
    found = re.findall(
        r'class="knot [^"]*" x="([0-9.]+)%" y="([0-9.]+)" width="10" height="([0-9.]+)"', html
    )
    return [tuple(float(each) for each in node) for node in found]


def test_bands_are_as_wide_as_what_runs_through_them() -> None:
    bands = ribbons(str(drawn(SMALL, "journeys", WORDS, picture())))
    scale = sum(b[5] for b in bands if b[0]) / (2 + 3 + 4 + 9 + 6)
    widths = sorted(round(b[5] / scale) for b in bands)
    assert widths == sorted([2, 1, 3, 4, 5, 9, 11, 6])


@pytest.mark.parametrize(("measure", "total"), [("orders", 15), ("value", 150)])
def test_by_orders_or_money_journeys_without_an_order_are_not_drawn(
    measure: str, total: float
) -> None:
    html = str(drawn(SMALL, measure, WORDS, picture()))  # type: ignore[arg-type]
    assert all(band[0] for band in ribbons(html))
    assert "No order" not in html
    last = [height for x, _, height in knots(html) if x == 87]
    part = [height for x, _, height in knots(html) if x == 58]
    assert len(last) == 1
    assert sum(part) == pytest.approx(last[0], abs=0.2)


@given(st.integers(0, 10_000))
@examples(20)
def test_bands_fill_their_nodes_without_lying_over_each_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [
        Row(
            tuple(rng.choice(CHANNELS, rng.integers(0, 5))),
            *rng.integers(0, 9, 2).tolist(),
            1.0,
        )
        for _ in range(12)
    ]
    html = str(drawn(flows_of(build(rows), {}), "journeys", WORDS, picture()))
    nodes = knots(html)
    for side, end in ((1, 3), (2, 4)):
        for number, (_, top, height) in enumerate(nodes):
            mine = sorted((b[end], b[end] + b[5]) for b in ribbons(html) if b[side] == number)
            for (_, stop), (start, _) in pairwise(mine):
                assert start >= stop - 0.35
            if mine:
                assert mine[0][0] >= top - 0.1
                assert mine[-1][1] <= top + max(height, 1.0) + 0.2


def test_labels_stand_a_line_apart_however_many_nodes_there_are() -> None:
    key = paths(made_brand(500, 4_000))
    html = str(drawn(key.flows, "journeys", WORDS, picture()))
    for x in ("0.0%", "29.0%", "58.0%"):
        found = re.findall(rf'<text class="halo" x="{x}" dx="16.0" y="([0-9.]+)"', html)
        at = [float(y) for y in found]
        assert len(at) == 12
        assert min(np.diff(at)) >= 16


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [HOSTILE, *HOSTILE_NAMES])
def test_no_name_can_act(language: str, name: str) -> None:
    frame = SMALL.replace({"c": name})
    html = str(drawn(frame, "journeys", words_in(language), picture()))
    assert "<script" not in html
    assert unescape(html).count(name) >= 2
    assert html.count("<svg") == html.count("</svg>") == 2


def test_a_channel_called_like_an_end_is_a_channel() -> None:
    frame = SMALL.replace({"source": {"c": NULL}})
    frame.loc[frame["step"] == 2, "target"] = NULL
    html = str(drawn(frame, "journeys", WORDS, picture()))
    assert f"\u2068{NULL}\u2069" in html
    assert len(knots(html)) == len(knots(str(drawn(SMALL, "journeys", WORDS, picture()))))


def test_what_is_rolled_up_stands_last_and_opens() -> None:
    html = str(drawn(SMALL, "journeys", WORDS, picture(last=["a"], opens={"a": "inside-1"})))
    assert html.count('href="#inside-1"') == 2  # as the first, and before the last
    second = [top for x, top, _ in knots(html) if x == 29]
    names = re.findall(r'x="29.0%" dx="16.0" y="[0-9.]+"><tspan class="strong">(.*?)</tspan>', html)
    assert second == sorted(second)
    assert [name.strip("\u2068\u2069 ▸") for name in names] == ["b", "a"]


def test_nodes_can_be_reached_by_keyboard_and_are_spoken() -> None:
    html = str(drawn(SMALL, "journeys", WORDS, picture(label='What "runs"')))
    assert 'aria-label="What &#34;runs&#34;"' in html
    assert html.count('tabindex="0"') == len(knots(html))
    assert 'aria-label="c · 20 journeys, 9 orders"' in html
    assert "\u2068b\u2069 › \u2068c\u2069: 9 journeys, 4 orders" in html
    rules = re.findall(r"#p:has\(\.n(\d+):is\(:hover,:focus\)\)", html)
    assert rules == [str(n) for n in range(len(knots(html)))]


def test_nothing_at_all_is_an_empty_picture() -> None:
    html = str(drawn(SMALL.iloc[:0], "journeys", WORDS, picture()))
    assert not knots(html)
    assert not ribbons(html)
