"""Rules declared in TOML: reading, checking, and naming the line of every mistake."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.columns import duration_ms
from attribution.errors import ConfigError, quoted
from attribution.toml_page import KeyPath, Page, dotted, read_page, shown

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FromEnd", "Shares", "Terms", "read_terms"]

_LEAST, _MOST = 1e-9, 1e9  # products of a few such weights stay far from 0 and infinity
_SHARES = ("first", "middle", "last")
_POSITION_KEYS = (*_SHARES, "only", "from_end", "rest")


@dataclass(frozen=True)
class Shares:
    """Shares by position, as in `PositionBased`; the middle touchpoints divide `middle`.

    With two touchpoints the shares are first / (first + last) and last / (first + last). `only`
    is for a journey of one touchpoint: 0 leaves such journeys unattributed.
    """

    first: float
    middle: float
    last: float
    only: float = 1.0


@dataclass(frozen=True)
class FromEnd:
    """Weights counted from the end: of the last touchpoint, the last but one, ... and the rest."""

    weights: tuple[float, ...]
    rest: float = 0.0


@dataclass(frozen=True, repr=False)
class Terms:
    """What a rule declares; a term left out changes nothing.

    Attributes
    ----------
    position
        Weights by position among the touchpoints that count.
    channel, event
        (pattern, weight) of channels and of touchpoint types.
    lookback
        (pattern, duration) of channels.
    ignore
        Patterns of channels that count only where no other is left.
    priority
        Tiers of channel patterns, the highest first.
    half_life
        Time in which a weight falls by half.
    """

    position: Shares | FromEnd | None = None
    channel: tuple[tuple[str, float], ...] = ()
    event: tuple[tuple[str, float], ...] = ()
    lookback: tuple[tuple[str, str], ...] = ()
    ignore: tuple[str, ...] = ()
    priority: tuple[tuple[str, ...], ...] = ()
    half_life: str | None = None

    def __repr__(self) -> str:
        declared = [
            f"{f.name}={getattr(self, f.name)!r}"
            for f in fields(self)
            if getattr(self, f.name) != f.default
        ]
        return f"Terms({', '.join(declared)})"


_KEYS = ("name", *(f.name for f in fields(Terms)))


def read_terms(path: str | os.PathLike[str]) -> tuple[str, Terms]:
    """Read a rule from a TOML file: its name (the file's, if it has none) and its terms.

    Raises
    ------
    ConfigError
        Naming file, line, what was found, what was expected, and the remedy.
    """
    read = read_page(path, "a rule")
    file, document = read.file, read.document
    page = _RulePage(file, document, read.lines)
    page.check_keys((), document, _KEYS)
    name = page.text(("name",), document["name"]) if "name" in document else Path(file).stem
    readers: dict[str, Callable[[KeyPath, Any], Any]] = {
        "position": page.position,
        "channel": page.weights,
        "event": page.weights,
        "lookback": page.lookback,
        "ignore": page.patterns,
        "priority": page.tiers,
        "half_life": page.duration,
    }
    declared: dict[str, Any] = {
        key: reader((key,), document[key]) for key, reader in readers.items() if key in document
    }
    if not declared:
        raise ConfigError(
            f"{file}: found no term; expected at least one of {', '.join(_KEYS[1:])}. "
            "Declare what the rule weighs, or use Linear() to weigh every touchpoint alike."
        )
    return name, Terms(**declared)


@dataclass(frozen=True)
class _RulePage(Page):
    """A rule's file: what only rules hold is checked here."""

    def number(self, at: KeyPath, value: object) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if isinstance(value, dict):
            raise self.error(
                at,
                "a table",
                "a weight",
                'Put a name that holds a dot in quotation marks, such as "live.main" = 2.',
            )
        if not is_number or not (value == 0 or _LEAST <= value <= _MOST):  # type: ignore[operator]
            raise self.error(
                at,
                shown(value),
                f"a weight: 0, or a number from {_LEAST:g} to {_MOST:g}",
                "Write a number without quotation marks, such as 0.5; 0 takes all weight away.",
            )
        return float(value)  # type: ignore[arg-type]

    def duration(self, at: KeyPath, value: object) -> str:
        if not isinstance(value, str) or not _is_duration(value):
            raise self.error(
                at,
                shown(value),
                "a duration above 0 with its unit",
                'Write a number with a unit in quotation marks, such as "7D", "36h" or "30min".',
            )
        return value.strip()

    def weights(self, at: KeyPath, value: object) -> tuple[tuple[str, float], ...]:
        example = (
            '[channel] and below it "抖音*" = 2'
            if at[0] == "channel"
            else ("[event] and below it click = 1")
        )
        table = self.table(at, value, example)
        return tuple(
            (self.text((*at, key), key), self.number((*at, key), item))
            for key, item in table.items()
        )

    def lookback(self, at: KeyPath, value: object) -> tuple[tuple[str, str], ...]:
        if isinstance(value, str):
            return (("*", self.duration(at, value)),)
        table = self.table(at, value, 'lookback = "30D", or [lookback] and below it "抖音*" = "7D"')
        return tuple(
            (self.text((*at, key), key), self.duration((*at, key), item))
            for key, item in table.items()
        )

    def patterns(self, at: KeyPath, value: object) -> tuple[str, ...]:
        if isinstance(value, str):
            return (self.text(at, value),)
        if not isinstance(value, list) or not value:
            raise self.error(
                at,
                shown(value),
                "a list of channel names or patterns",
                f'Write such as ["direct", "抖音*"], or remove {dotted(at)}.',
            )
        return tuple(self.text((*at, i), item) for i, item in enumerate(value))

    def tiers(self, at: KeyPath, value: object) -> tuple[tuple[str, ...], ...]:
        if not isinstance(value, list) or not value:
            raise self.error(
                at,
                shown(value),
                "a list of channel patterns, the highest first",
                'Write such as ["广告*", ["社群*", "短视频*"]]: an inner list is one tier.',
            )
        tiers = tuple(self.patterns((*at, i), item) for i, item in enumerate(value))
        seen: dict[str, int] = {}
        for i, tier in enumerate(tiers):
            for pattern in tier:
                if seen.setdefault(pattern, i) != i:
                    raise self.error(
                        (*at, i),
                        f"{quoted(pattern)} again, after tier {seen[pattern] + 1}",
                        "each pattern in one tier",
                        "Keep it in the tier where it belongs.",
                    )
        return tiers

    def position(self, at: KeyPath, value: object) -> Shares | FromEnd:
        table = self.table(
            at, value, "[position] and below it first = 0.4, middle = 0.2, last = 0.4"
        )
        self.check_keys(at, table, _POSITION_KEYS)
        if "from_end" in table or "rest" in table:
            return self._from_end(at, table)
        missing = [key for key in _SHARES if key not in table]
        if missing:
            raise self.error(
                at,
                f"no {' and no '.join(missing)}",
                "first, middle and last, or from_end",
                f"Add {' and '.join(f'{key} = 0' for key in missing)} if they have no weight.",
            )
        shares = Shares(**{key: self.number((*at, key), item) for key, item in table.items()})
        if shares.first + shares.last == 0:
            raise self.error(
                at,
                "first = 0 and last = 0",
                "a weight above 0 in one of them",
                "A journey of two touchpoints has no middle and would lose all its weight.",
            )
        return shares

    def _from_end(self, at: KeyPath, table: dict[str, Any]) -> FromEnd:
        other = next((key for key in table if key not in {"from_end", "rest"}), None)
        if other is not None:
            raise self.error(
                (*at, other),
                f"{other!r} beside from_end",
                "either from_end and rest, or first, middle, last and only",
                "Keep one of the two.",
            )
        value = table.get("from_end")
        if not isinstance(value, list) or not value:
            raise self.error(
                (*at, "from_end" if "from_end" in table else "rest"),
                "no from_end" if value is None else shown(value),
                "a list of weights, of the last touchpoint first",
                "Write such as from_end = [0.5, 0.3, 0.2].",
            )
        weights = tuple(self.number((*at, "from_end", i), item) for i, item in enumerate(value))
        if weights[0] == 0:
            raise self.error(
                (*at, "from_end", 0),
                "0",
                "a weight above 0 for the last touchpoint",
                "A journey of one touchpoint would lose all its weight.",
            )
        return FromEnd(weights, self.number((*at, "rest"), table.get("rest", 0.0)))


def _is_duration(value: str) -> bool:
    try:
        return duration_ms(value.strip(), "duration", least=1) > 0
    except ConfigError:
        return False
