"""TOML with line numbers: where in the text every key and list item stands."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.errors import ConfigError, quoted

if TYPE_CHECKING:
    pass

__all__ = ["KeyPath", "key_lines", "parsed", "text_of"]

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


def text_of(file: str) -> str:
    """Return a file's text, or say why it is none."""
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{file}: found no readable file ({error.strerror}); expected a rule in TOML. "
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


def parsed(text: str, file: str) -> dict[str, Any]:
    """Return the document, or name the line of the mistake and the remedy."""
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
            f"{file}: found lists or tables nested hundreds deep; expected a rule in TOML. "
            "A rule nests its lists two deep at most."
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
