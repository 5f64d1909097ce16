"""The words of `headers.toml`, by which columns and values are recognised in two languages."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

__all__ = [
    "alike",
    "folded",
    "is_header",
    "is_word",
    "known_value",
    "tokens",
    "unbracketed",
    "words",
]

_BRACKETS = re.compile(r"[(（\[【].*?[)）\]】]")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_TOKEN = re.compile(r"[a-z]+\d*|\d+|[^\x00-\x7f\W]+")


@cache
def words() -> dict[str, Any]:
    """Return `headers.toml`."""
    with Path(__file__).with_name("headers.toml").open("rb") as opened:
        return tomllib.load(opened)


def unbracketed(name: str) -> str:
    """Return a name without what stands in brackets, unless nothing else does."""
    return _BRACKETS.sub(" ", name).strip() or name


@cache
def tokens(name: str) -> tuple[str, ...]:
    """Return the parts of a name: Latin words, numbers and runs of other script, folded."""
    split = _CAMEL.sub(" ", unicodedata.normalize("NFKC", name))
    return tuple(_TOKEN.findall(split.replace("_", " ").casefold()))


@cache
def folded(name: str) -> str:
    """Return a name as it is compared: its parts without anything between them."""
    return "".join(tokens(name))


@cache
def alike(name: str, word: str) -> float:
    """Return how surely a column name means a word: 1 the same, 0 nothing in common."""
    if folded(name) == folded(word):
        return 1.0
    if folded(unbracketed(name)) == folded(unbracketed(word)):
        return 0.97
    bare, wanted = tokens(unbracketed(name)), tokens(word)
    whole, part = "".join(bare), "".join(wanted)
    if not part or not whole:
        return 0.0
    if part.isascii():
        # Latin words only as a whole: "id" does not stand in "paid".
        n = len(wanted)
        inside = any(bare[i : i + n] == wanted for i in range(len(bare) - n + 1))
        return 0.5 + 0.35 * n / len(bare) if inside and len(part) > 1 else 0.0
    return 0.5 + 0.35 * len(part) / len(whole) if part in whole and len(part) > 1 else 0.0


@cache
def _meanings(kind: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for value, known in words()["values"].get(kind, {}).items():
        for word in (value, *known):
            found.setdefault(folded(word), value)
    return found


def known_value(kind: str, word: str) -> str | None:
    """Return the allowed value a word in a cell stands for, None if it is not known.

    `kind` is a heading below `values` in `headers.toml`, such as "platform" or "orders.status".
    """
    return _meanings(kind).get(folded(word))


def is_word(text: str) -> bool:
    """Return whether a text in a cell is a known word, and so nothing personal."""
    return folded(text) in _cell_words()


def is_header(text: str) -> bool:
    """Return whether a column's name is a known one, and so nothing personal."""
    return folded(text) in _header_words()


@cache
def _cell_words() -> frozenset[str]:
    return frozenset(folded(word) for word in _texts(words()["values"])) - {""}


@cache
def _header_words() -> frozenset[str]:
    rooms = [value for name, value in words().items() if name not in ("values", "files")]
    return frozenset(folded(word) for word in _texts(rooms)) - {""}


def _texts(entry: Any) -> list[str]:
    """Return every text below an entry of `headers.toml`."""
    if isinstance(entry, str):
        return [entry]
    below = entry.values() if isinstance(entry, dict) else entry
    return [text for each in below for text in _texts(each)]
