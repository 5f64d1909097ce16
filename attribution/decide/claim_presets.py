"""How each claimer counts what it says it sold: windows, kinds and rules, as data."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Preset", "presets"]


@dataclass(frozen=True)
class Preset:
    """How one claimer's claims are taken.

    Attributes
    ----------
    claimer
        As `platform_claims` names it.
    names, rules
        What it is called and how it counts, by language; empty for a claimer nobody has described.
    platforms
        Whose orders its claims are held against, beside the platforms its rows name. The first is
        that of rows that name none.
    kinds
        Kinds of claim that are taken; none named: all.
    window_days
        Widest window that is taken; None for any. Totals without orders are cumulative, so of them
        one window is: this one, else the widest below it, else the narrowest.
    strict_kinds, strict_days
        Its narrowest reading, in the same terms.
    windows
        What it offers, in days.
    channels
        Channels its ads are found in, with all that lies below them, in Chinese or English.
    read
        Which of these fields stand in public sources; the rest is general knowledge.
    """

    claimer: str
    names: tuple[tuple[str, str], ...] = ()
    rules: tuple[tuple[str, str], ...] = ()
    platforms: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    window_days: int | None = None
    strict_kinds: tuple[str, ...] = ()
    strict_days: int | None = None
    windows: tuple[int, ...] = ()
    channels: tuple[str, ...] = ()
    read: tuple[str, ...] = ()

    def name(self, language: str) -> str:
        """Return what the claimer is called; without a name, as the data call it."""
        return dict(self.names).get(language, self.claimer)

    def rule(self, language: str) -> str:
        """Return how it counts, or nothing where that is not known."""
        return dict(self.rules).get(language, "")


@cache
def presets() -> Mapping[str, Preset]:
    """Return the presets that ship with the package, by claimer."""
    text = files("attribution.decide").joinpath("claim_presets.toml").read_text(encoding="utf-8")
    found = {}
    for claimer, entry in tomllib.loads(text).items():
        names = {field.name for field in fields(Preset)} & {*entry}
        found[claimer] = Preset(
            claimer=claimer,
            names=tuple(entry["name"].items()),
            rules=tuple(entry["rule"].items()),
            **{key: _frozen(entry[key]) for key in names},
        )
    return found


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
