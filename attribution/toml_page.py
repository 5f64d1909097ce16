"""A TOML file as a page: its values checked, and the line of every mistake named."""

from __future__ import annotations

import math
import os
import re
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.errors import ConfigError, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["KeyPath", "Page", "dotted", "key_lines", "read_page", "shown"]

KeyPath = tuple[str | int, ...]

_LOOKALIKES = {
    "＝": "=",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
    "，": ",",
    "［": "[",
    "］": "]",
    "【": "[",
    "】": "]",
    "｛": "{",
    "｝": "}",
    "＃": "#",
    "：": "=",
    "＊": "*",
}


@dataclass(frozen=True)
class Page:
    """A parsed file that knows the line of each of its keys.

    Attributes
    ----------
    file
        Its name, as errors repeat it.
    document
        What stands in it.
    lines
        Line, from 1, of every key and list item.
    """

    file: str
    document: dict[str, Any]
    lines: Mapping[KeyPath, int]

    def error(self, at: KeyPath, found: str, expected: str, remedy: str) -> ConfigError:
        """Return the error of what stands at a key: where, what was found, and the remedy."""
        known = next((at[:n] for n in range(len(at), 0, -1) if at[:n] in self.lines), None)
        line = "" if known is None else f", line {self.lines[known]}"
        place = f", {dotted(at)}" if at else ""
        return ConfigError(
            f"{self.file}{line}{place}: found {found}; expected {expected}. {remedy}"
        )

    def check_keys(self, at: KeyPath, table: Mapping[str, Any], allowed: Sequence[str]) -> None:
        """Refuse a key that means nothing here, with the nearest that does."""
        for key in table:
            if key not in allowed:
                near = get_close_matches(key.lower(), allowed, n=1, cutoff=0.5)
                raise self.error(
                    (*at, key),
                    f"an unknown key {quoted(key)}",
                    f"one of {', '.join(allowed)}",
                    f"Did you mean {near[0]!r}?" if near else "Use one of these, or remove it.",
                )

    def table(self, at: KeyPath, value: object, example: str) -> dict[str, Any]:
        """Return a table with at least one entry."""
        if not isinstance(value, dict):
            raise self.error(at, shown(value), "a table", f"Write {example}.")
        if not value:
            raise self.error(
                at, "an empty table", "at least one entry", f"Write {example}, or remove the table."
            )
        return value

    def text(self, at: KeyPath, value: object) -> str:
        """Return a text that is not blank, without blanks around it."""
        if not isinstance(value, str) or not value.strip():
            raise self.error(at, shown(value), "text", "Write it in quotation marks.")
        return value.strip()

    def texts(self, at: KeyPath, value: object) -> tuple[str, ...]:
        """Return one text, or a list of texts, as a tuple of at least one."""
        if isinstance(value, str):
            return (self.text(at, value),)
        if not isinstance(value, list) or not value:
            raise self.error(
                at, shown(value), "text, or a list of texts", 'Write such as ["a", "b"].'
            )
        return tuple(self.text((*at, i), item) for i, item in enumerate(value))


def read_page(path: str | os.PathLike[str], what: str) -> Page:
    """Read a TOML file; `what` says what it should hold ("a rule").

    Raises
    ------
    ConfigError
        If it cannot be read or is no TOML, naming the line and the remedy.
    """
    file = os.fspath(path)
    text = _text_of(file, what)
    return Page(file, _parsed(text, file, what), key_lines(text))


def dotted(at: KeyPath) -> str:
    """Render a key path as it would be written: channel."抖音*", priority[2]."""
    out = ""
    for part in at:
        if isinstance(part, int):
            out += f"[{part + 1}]"
        else:
            bare = re.fullmatch(r"[A-Za-z0-9_-]+", part)
            out += ("." if out else "") + (part if bare else f'"{part}"')
    return out


def shown(value: object) -> str:
    """Return what a found value is, for an error message."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, str):
        return f"the text {quoted(value)}"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    return quoted(value)


def _text_of(file: str, what: str) -> str:
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{file}: found no readable file ({error.strerror}); expected {what} in TOML. "
            "Check the path."
        ) from error
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{file}, line {line}: found bytes that are not UTF-8; expected a TOML file in UTF-8. "
            "Save the file with the encoding UTF-8."
        ) from error


def _parsed(text: str, file: str, what: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        place = re.search(r" ?\(at (?:line (\d+), column \d+|end of document)\)", message)
        number = int(place[1]) if place and place[1] else text.rstrip("\n").count("\n") + 1
        line = (text.split("\n")[number - 1 : number] or [""])[0].strip()
        reason = message if place is None else message[: place.start()]
        raise ConfigError(
            f"{file}, line {number}: found {quoted(line)}, which is not TOML ({reason}); "
            f'expected key = value, "pattern" = value or [table]. {_syntax_remedy(line)}'
        ) from error
    except RecursionError:
        raise ConfigError(
            f"{file}: found lists or tables nested hundreds deep; expected {what} in TOML. "
            "Take the brackets apart."
        ) from None


def _syntax_remedy(line: str) -> str:
    outside = re.sub(r"\"[^\"]*\"|'[^']*'", "", line)
    for mark, plain in _LOOKALIKES.items():
        if mark in outside:
            return f"Write {plain} instead of {mark}: TOML takes the ASCII sign only."
    if not outside.isascii() or "*" in outside:
        return 'Put channel names and patterns in quotation marks, such as "抖音*" = 2.'
    return "Put texts in quotation marks, close what you open, and give each key once."


_TOKEN = re.compile(
    r"(?P<skip>[ \t]+|\#[^\n]*)"
    r'|(?P<string>"""(?:\\[\s\S]|[^\\])*?"{3,5}(?!")|\'\'\'[\s\S]*?\'{3,5}(?!\')'
    r'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\')'
    r"|(?P<mark>[\n\[\]{}=,.])"
    r"|(?P<bare>[^\s\#\"'\[\]{}=,.]+)"
)


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line, from 1, of every key and list item of a valid TOML text.

    A key path holds the names of tables and keys, and list positions from 0. `tomllib` checks the
    text but keeps no lines, so the text is read once more; what follows relies on it being valid.
    """
    tokens: list[tuple[str, int]] = []
    line = 1
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "skip":
            tokens.append((match[0], line))
        line += match[0].count("\n")
    return _Scan([*tokens, ("\n", line)]).document()


class _Scan:
    """One pass over the tokens of a valid TOML text."""

    def __init__(self, tokens: list[tuple[str, int]]) -> None:
        self.tokens, self.next = tokens, 0
        self.lines: dict[KeyPath, int] = {}
        self.tables: dict[KeyPath, int] = {}  # how often each [[table]] has been opened

    def document(self) -> dict[KeyPath, int]:
        prefix: KeyPath = ()
        while self.next < len(self.tokens):
            if self.peek() == "\n":
                self.next += 1
            elif self.peek() == "[":
                prefix = self.header()
            else:
                self.entry(prefix)
        return self.lines

    def peek(self) -> str:
        return self.tokens[self.next][0]

    def take(self) -> tuple[str, int]:
        self.next += 1
        return self.tokens[self.next - 1]

    def header(self) -> KeyPath:
        self.next += 1
        repeated = self.peek() == "["
        self.next += repeated
        path: KeyPath = ()
        names, line = self.key("]")
        for name in names:
            if path in self.tables:
                path = (*path, self.tables[path] - 1)
            path = (*path, name)
            self.lines.setdefault(path, line)
        if repeated:
            self.tables[path] = self.tables.get(path, 0) + 1
        if path in self.tables:
            path = (*path, self.tables[path] - 1)
            self.lines.setdefault(path, line)
        self.next += repeated
        return path

    def key(self, end: str) -> tuple[list[str], int]:
        """Read a dotted key and the mark behind it."""
        names: list[str] = []
        line = self.tokens[self.next][1]
        while self.peek() != end:
            part, _ = self.take()
            if part != ".":
                names.append(tomllib.loads(f"_ = {part}")["_"] if part[0] in "\"'" else part)
        self.next += 1
        return names, line

    def entry(self, prefix: KeyPath) -> None:
        names, line = self.key("=")
        path = prefix
        for name in names:
            path = (*path, name)
            self.lines.setdefault(path, line)
        self.value(path)

    def value(self, path: KeyPath) -> None:
        opened = self.peek()
        if opened not in {"[", "{"}:
            while self.peek() not in {",", "]", "}", "\n"}:  # 1.5 and a time of day are many tokens
                self.next += 1
            return
        self.next += 1
        item = 0
        while True:
            while self.peek() in {"\n", ","}:
                self.next += 1
            if self.peek() in {"]", "}"}:
                self.next += 1
                return
            if opened == "{":
                self.entry(path)
            else:
                self.lines[*path, item] = self.tokens[self.next][1]
                self.value((*path, item))
                item += 1
