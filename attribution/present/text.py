"""Tables for a terminal, aligned also where Chinese characters are two columns wide."""

from __future__ import annotations

import re
import unicodedata
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["plain", "text_table", "yuan"]


def plain(text: str) -> str:
    """Return a text on one line, without the control characters a terminal would obey."""
    return "".join(
        letter if unicodedata.category(letter)[0] != "C" else "\N{REPLACEMENT CHARACTER}"
        for letter in text.replace("\n", " ").replace("\t", " ")
    )


def text_table(
    header: Sequence[str], rows: Sequence[Sequence[object]], wrap: Mapping[int, int] | None = None
) -> str:
    """Return rows as aligned text: numbers to the right, long text on several lines.

    Parameters
    ----------
    wrap
        Columns whose text goes on in a further line beyond so many places.
    """
    wrap = wrap or {}
    cells = [list(header), *([plain(_cell(value)) for value in row] for row in rows)]
    right = [
        bool(rows) and all(isinstance(row[i], int) or row[i] is None for row in rows)
        for i in range(len(header))
    ]
    lines = [
        [_wrapped(cell, wrap[i]) if i in wrap else [cell] for i, cell in enumerate(row)]
        for row in cells
    ]
    widths = [max(_width(part) for row in lines for part in row[i]) for i in range(len(header))]
    printed = [
        "  ".join(
            _pad(part, width, to_right)
            for part, width, to_right in zip(parts, widths, right, strict=True)
        ).rstrip()
        for row in lines
        for parts in zip_longest(*row, fillvalue="")
    ]
    head = max(len(cell) for cell in lines[0])
    return "\n".join([*printed[:head], "  ".join("-" * width for width in widths), *printed[head:]])


def _wrapped(text: str, most: int) -> list[str]:
    """Break a text into lines of at most so many places, at blanks where there are any."""
    lines = [""]
    for word in re.findall(r"\s*\S+", text):
        if _width(lines[-1]) + _width(word) <= most:
            lines[-1] += word
            continue
        rest = word.strip()
        if lines[-1]:
            lines.append("")
        for letter in rest:
            if _width(lines[-1]) + _width(letter) > most:
                lines.append("")
            lines[-1] += letter
    return [line.strip() for line in lines]


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _pad(text: str, width: int, to_right: bool) -> str:
    blanks = " " * (width - _width(text))
    return blanks + text if to_right else text + blanks


def yuan(fen: int) -> str:
    """Return whole fen as yuan, every fen of them: -1,234.05."""
    whole, rest = divmod(abs(fen), 100)
    return f"{'-' if fen < 0 else ''}{whole:,}.{rest:02d}"
