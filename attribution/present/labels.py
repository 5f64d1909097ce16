"""Names cut to the room there is: a channel's own name stands at the end of its way down."""

from __future__ import annotations

import unicodedata

from attribution.journeys.definition import SEPARATOR

__all__ = ["fitted", "isolated", "width_of"]

_WIDE, _NARROW = 12.2, 7.2  # of a letter in bold, at 12 px


def width_of(text: str) -> float:
    """Return about how many pixels a text takes, at most, at 12 px."""
    return sum(_width(letter) for letter in text)


def fitted(name: str, room: float) -> str:
    """Return a name in so many pixels: the beginning of its way down goes first."""
    if width_of(name) <= room:
        return name
    parts = name.split(SEPARATOR)
    for dropped in range(1, len(parts)):
        short = f"… {SEPARATOR.join(parts[dropped:])}"
        if width_of(short) <= room:
            return short
    lead, text = ("… " if len(parts) > 1 else ""), parts[-1]
    while len(text) > 1 and width_of(f"{lead}{text}…") > room:
        text = text[:-1]
    return f"{lead}{text}…"


def isolated(name: str) -> str:
    """Return a name whose direction of writing ends where it does."""
    return f"\N{FIRST STRONG ISOLATE}{name}\N{POP DIRECTIONAL ISOLATE}"


def _width(letter: str) -> float:
    if unicodedata.combining(letter):
        return 0.0
    wide = unicodedata.east_asian_width(letter) in "WFA"
    return _WIDE if wide and letter not in "·…" else _NARROW
