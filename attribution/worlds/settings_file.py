"""World settings out of TOML or a mapping, every mistake named with its line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING, fields, replace
from typing import Any

from attribution.errors import ConfigError
from attribution.toml_page import KeyPath, Page, dotted, read_page, shown
from attribution.worlds.presets import preset
from attribution.worlds.settings import (
    Channel,
    FlashSale,
    Intent,
    IntentBursts,
    LiftTest,
    Refunds,
    Retargeting,
    Seeding,
    Sessions,
    Synergy,
    WorldSettings,
)

__all__ = ["read_settings"]

# The settings that are tables, and those that are lists of tables.
_TABLES: dict[str, type] = {
    "intent": Intent,
    "bursts": IntentBursts,
    "refunds": Refunds,
    "sessions": Sessions,
}
_LISTS: dict[str, type] = {
    "channels": Channel,
    "flash_sales": FlashSale,
    "synergy": Synergy,
    "seeding": Seeding,
    "retargeting": Retargeting,
    "lift_tests": LiftTest,
}
_PRESET = "preset"


def read_settings(source: str | os.PathLike[str] | Mapping[str, Any]) -> WorldSettings:
    """Return the settings that a TOML file or a mapping holds.

    The names are those of `WorldSettings`; lists of parts are written `[[channels]]`, single
    parts `[intent]`. `preset = "independent"` takes all that is not given from a preset.

    Raises
    ------
    ConfigError
        For what cannot be read or cannot stand; it names the file, the line and the remedy.
    """
    if isinstance(source, Mapping):
        page = Page("settings", dict(source), {})
    else:
        page = read_page(source, "the settings of a world")
    given = dict(page.document)
    base = given.pop(_PRESET, None)
    if base is None:
        return _made(page, (), WorldSettings, given)  # type: ignore[no-any-return]
    known = preset(page.text((_PRESET,), base))
    page.check_keys((), given, [_PRESET, *(field.name for field in fields(WorldSettings))])
    values = {name: _value(page, (name,), name, value) for name, value in given.items()}
    return _stands(page, (), lambda: replace(known, **values))  # type: ignore[no-any-return]


def _made(page: Page, at: KeyPath, kind: Any, table: object) -> Any:
    """Return one part of the settings, made of a table."""
    if not isinstance(table, Mapping):
        raise page.error(at, shown(table), "a table", f"Write [{dotted(at)}] and its settings.")
    own = list(fields(kind))
    page.check_keys(at, table, [field.name for field in own] + ([_PRESET] if at == () else []))
    for field in own:
        if (
            field.name not in table
            and field.default is MISSING
            and field.default_factory is MISSING
        ):
            raise page.error(
                at, f"no {field.name}", f"the settings of {kind.__name__}", f"Write {field.name}."
            )
    values = {name: _value(page, (*at, name), name, value) for name, value in table.items()}
    return _stands(page, at, lambda: kind(**values))


def _value(page: Page, at: KeyPath, name: str, value: object) -> Any:
    if name in _TABLES and (at[:-1] == () or name == "sessions"):
        return _made(page, at, _TABLES[name], value)
    if name in _LISTS and at[:-1] == ():
        if not isinstance(value, list | tuple):
            raise page.error(at, shown(value), "a list of tables", f"Write [[{name}]].")
        return tuple(
            _made(page, (*at, number), _LISTS[name], item) for number, item in enumerate(value)
        )
    return value


def _stands(page: Page, at: KeyPath, make: Any) -> Any:
    """Return what is made, or say where in the page its settings cannot stand."""
    try:
        return make()
    except ConfigError as error:
        known = next((at[:n] for n in range(len(at), 0, -1) if at[:n] in page.lines), None)
        line = "" if known is None else f", line {page.lines[known]}"
        place = f", {dotted(at)}" if at else ""
        raise ConfigError(f"{page.file}{line}{place}: {error}") from None
