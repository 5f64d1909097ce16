"""Names cut to the room there is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from attribution.present.labels import fitted, isolated, width_of
from tests.strategies import HOSTILE_NAMES


def test_the_way_down_goes_before_the_name_itself() -> None:
    name = "抖音 · 直播 · 晚晴 · 11-11 20:00场"
    assert fitted(name, 400) == name
    assert fitted(name, 160) == "… 晚晴 · 11-11 20:00场"
    assert fitted(name, 120) == "… 11-11 20:00场"
    assert fitted(name, 80).endswith("…")


@given(st.text(max_size=60) | st.sampled_from(HOSTILE_NAMES), st.integers(60, 300))
def test_what_is_fitted_fits(name: str, room: int) -> None:
    assert width_of(fitted(name, room)) <= room


def test_wide_letters_are_wide_and_marks_take_no_room() -> None:
    assert width_of("晚晴") > 1.5 * width_of("ab")
    assert width_of("e\u0301") == width_of("e")


def test_an_isolated_name_ends_where_it_ends() -> None:
    assert isolated("\u202eabc") == "\u2068\u202eabc\u2069"
