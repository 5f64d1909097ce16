"""A proposed mapping: what was guessed, how surely, and why; as a table and as TOML."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Aside", "Guess", "Proposal", "ProposedBlock"]

SURE = 0.85
LIKELY = 0.6
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Guess:
    """One line of a mapping.

    Attributes
    ----------
    column
        The canonical column, or `ids`, `streamer`, `currency`, `skip`.
    source
        The field of the file; "" for a constant.
    value
        What the mapping says: text, a list, or a table.
    confidence
        0 to 1.
    evidence
        What speaks for it: words of the header and shapes of cells, never a cell.
    alternatives
        Other fields, or other meanings, that were close.
    todo
        What the user has to look at; "" for nothing but to confirm.
    """

    column: str
    source: str
    value: Any
    confidence: float
    evidence: str
    alternatives: tuple[str, ...] = ()
    todo: str = ""

    @property
    def how(self) -> str:
        """The unit or form it is read in, as a word; "" for text."""
        found = self.value
        if isinstance(found, list) and len(found) == 1:
            found = found[0]
        if not isinstance(found, dict):
            return ""
        if "value" in found:
            return f'"{found["value"]}"'
        if "map" in found:
            return f"{len(found['map'])} words"
        return str(found.get("as", ""))


@dataclass(frozen=True)
class ProposedBlock:
    """The rows of one canonical table; `rows` is the list each item of which makes one."""

    table: str
    rows: str
    guesses: tuple[Guess, ...]


@dataclass(frozen=True)
class Aside:
    """A field the mapping does not read, and why."""

    source: str
    why: str
    evidence: str


@dataclass(frozen=True)
class Proposal:
    """A mapping for a file nobody has described yet, to be confirmed by somebody who knows it.

    Attributes
    ----------
    file
        The file's name.
    sampled
        How many rows it was guessed from.
    platform, platform_evidence
        Whose data these seem to be, and what says so; "other" if nothing does.
    records
        Where a JSON document holds its records; "" for the usual places.
    blocks
        What the rows become; the table it is most about first.
    personal
        Fields about persons: left out of the mapping, and shown by their names only.
    unmapped
        Fields without a place.
    known
        (packaged mapping, share of its fields the file has), the best first.
    notes
        What the user should know of the file as a whole.
    """

    file: str
    sampled: int
    platform: str
    platform_evidence: str
    records: str
    blocks: tuple[ProposedBlock, ...]
    personal: tuple[Aside, ...]
    unmapped: tuple[Aside, ...]
    known: tuple[tuple[str, float], ...]
    notes: tuple[str, ...]

    def frame(self) -> pd.DataFrame:
        """Return one row per guess: table, column, source, how, confidence, evidence and more."""
        rows = [
            {
                "table": block.table,
                "column": guess.column,
                "source": guess.source,
                "how": guess.how,
                "confidence": round(guess.confidence, 2),
                "evidence": guess.evidence,
                "alternatives": "; ".join(guess.alternatives),
                "to do": guess.todo,
            }
            for block in self.blocks
            for guess in block.guesses
        ]
        names = ["table", "column", "source", "how", "confidence", "evidence", "alternatives"]
        return pd.DataFrame(rows, columns=[*names, "to do"])

    def text(self) -> str:
        """Return the proposal for a terminal."""
        out = [f"{self.file}: {self.sampled:,} rows looked at; platform {self.platform} "]
        out[0] += f"({self.platform_evidence})"
        out += [f"  {line}" for line in self._head()]
        for block in self.blocks:
            out += [
                "",
                f"[{block.table}]" + (f"  a row for each of {block.rows}" * bool(block.rows)),
            ]
            cells = [
                (
                    g.column,
                    g.source or "(constant)",
                    g.how or "-",
                    _sureness(g.confidence),
                    g.evidence,
                )
                for g in block.guesses
            ]
            out += _aligned([("column", "source", "as", "sure", "because"), *cells])
            out += [f"  ! {g.column}: {g.todo}" for g in block.guesses if g.todo]
            out += [
                f"  ? {g.column}: or {', '.join(g.alternatives)}"
                for g in block.guesses
                if g.alternatives
            ]
        if self.personal:
            out += ["", "Left out, about persons:"]
            out += _aligned([(each.source, each.why) for each in self.personal])
        if self.unmapped:
            out += ["", "Not mapped:"]
            out += _aligned([(each.source, each.evidence) for each in self.unmapped])
        return "\n".join(out)

    def toml(self) -> str:
        """Return the mapping as TOML, each line with what speaks for it."""
        out = [
            f"# Proposed from {self.sampled:,} rows of {_plain(self.file)}. Confirm each line.",
            *(f"# {line}" for line in self._head()),
            f"title = {_toml(self.file)}",
            f"platform = {_toml(self.platform)}  # {self.platform_evidence}",
        ]
        if self.records:
            out.append(f"records = {_toml([self.records])}")
        out.append('evidence = "guessed from names and shapes; to be confirmed"')
        for block in self.blocks:
            out += ["", f"[[{block.table}]]"]
            if block.rows:
                out.append(f"rows = {_toml(block.rows)}")
            # What is a table of its own comes last, or it would swallow what follows.
            inline = [g for g in block.guesses if g.column != "ids"]
            for guess in inline:
                out += _comments(guess)
                out.append(f"{guess.column} = {_toml(guess.value)}")
            for guess in block.guesses:
                if guess.column == "ids":
                    out += ["", *_comments(guess), f"[[{block.table}.ids]]"]
                    out += [f"{key} = {_toml(value)}" for key, value in guess.value.items()]
        if self.personal:
            out += ["", "# Left out, about persons (nothing of them is kept or shown):"]
            out += [f"#   {_plain(each.source)}: {each.why}" for each in self.personal]
        if self.unmapped:
            out += ["", "# Not mapped:"]
            out += [f"#   {_plain(each.source)}  ({each.evidence})" for each in self.unmapped]
        return "\n".join(out) + "\n"

    def _head(self) -> list[str]:
        known = [
            f'The packaged mapping "{name}" finds {share:.0%} of its fields in this file: '
            f'try mapping = "{name}" first.'
            for name, share in self.known[:1]
        ]
        return [*known, *self.notes]


def _comments(guess: Guess) -> list[str]:
    source = f"{_plain(guess.source)}: " if guess.source else ""
    lines = [f"# {_sureness(guess.confidence)}: {source}{_plain(guess.evidence)}"]
    if guess.alternatives:
        lines.append(f"#   or {_plain(', '.join(guess.alternatives))}")
    if guess.todo:
        lines.append(f"# TO DO {_plain(guess.todo)}")
    return lines


def _sureness(confidence: float) -> str:
    word = "sure" if confidence >= SURE else "likely" if confidence >= LIKELY else "UNSURE"
    return f"{word} {confidence:.0%}"


def _plain(text: str) -> str:
    """Return text for a comment: one line, without control characters."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON text is TOML text, but for one control character.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml(each) for each in value)}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(_pairs(value))} }}"
    return str(value)


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_toml(value)}" for key, value in table.items()]


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _toml(name)


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    """Return rows as lines with columns under each other; Chinese signs are two wide."""
    clean = [tuple(_plain(cell) for cell in row) for row in rows]
    widths = [max(_width(row[i]) for row in clean) for i in range(len(clean[0]))]
    return [
        "  "
        + "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in clean
    ]


def _width(text: str) -> int:
    return sum(2 if ord(sign) > 0x2E7F else 1 for sign in text)
