"""Terminal tables."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from attribution.present.text import plain, text_table


def wide(text: str) -> int:
    return len(text) + sum(unicodedata.east_asian_width(c) in "WF" for c in text)


def test_columns_align_whatever_the_script():
    lines = text_table(
        ["source", "rows", "next"], [["抖店 订单", 12345, "-"], ["mall", None, "看 README"]]
    ).split("\n")
    assert lines[0] == "source       rows  next"
    assert lines[2] == "抖店 订单  12,345  -"
    assert lines[3] == "mall            -  看 README"


@given(st.lists(st.tuples(st.text(max_size=8), st.integers(0, 10**9)), max_size=6))
def test_every_row_is_one_line_and_numbers_end_together(rows):
    lines = text_table(["a", "b"], rows).split("\n")
    assert len(lines) == len(rows) + 2
    assert len({wide(line) for line in lines[1:]}) == 1


def test_long_text_goes_on_in_the_next_line_under_its_column():
    row = ["x", "one two three 四五六七八", 7]
    lines = text_table(["a", "b", "c"], [row], wrap={1: 9}).split("\n")
    assert lines[2:] == ["x  one two   7", "   three", "   四五六七", "   八"]


@given(st.text(max_size=60), st.integers(2, 20))
def test_wrapping_keeps_every_letter_and_the_width(text, most):
    lines = text_table(["a"], [[text]], wrap={0: most}).split("\n")[2:]
    kept = "".join("".join(lines).split())
    assert kept == "".join(plain(text).split())
    assert all(wide(line) <= most for line in lines)


def test_a_terminal_is_not_given_orders():
    assert (
        plain("a\x1b[31m\nb\u202ec") == "a\N{REPLACEMENT CHARACTER}[31m b\N{REPLACEMENT CHARACTER}c"
    )
