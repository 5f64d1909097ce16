"""The `[report]` table of `attribution.toml`: which pages a site has, over which days, and how."""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass, fields
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal, cast

from attribution.errors import ConfigError, quoted
from attribution.toml_page import dotted, shown

if TYPE_CHECKING:
    from attribution.toml_page import KeyPath, Page

__all__ = ["Recipe", "Setting", "Span", "recipe_of"]

_MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")
_LAST_DAYS = re.compile(r"([1-9]\d{0,3})D")
_PERIODS = '"2026-11", "28D" or "all"'
_DAY = '"2026-11-09"'


@dataclass(frozen=True)
class Span:
    """The days a report is about.

    Attributes
    ----------
    since, until
        First and last day, such as "2026-11-09"; empty for no limit.
    period
        Instead: a month ("2026-11"), the last days of the data ("28D"), or "all".

    Raises
    ------
    ConfigError
        For what is no day or period, both at once, or days in the wrong order.
    """

    since: str = ""
    until: str = ""
    period: str = ""

    def __post_init__(self) -> None:
        if self.period and (self.since or self.until):
            raise ConfigError("A period beside since or until: write one or the other.")
        if self.period not in ("", "all"):
            self.days(date(2000, 1, 1))
        ends = [_day(text) for text in (self.since, self.until) if text]
        if ends != sorted(ends):
            raise ConfigError(
                f"{self.since} to {self.until} ends before it begins: exchange the two days."
            )

    def __bool__(self) -> bool:
        return bool(self.since or self.until or self.period)

    def days(self, newest: date | None) -> tuple[str, str]:
        """Return first and last day, empty for no limit.

        Parameters
        ----------
        newest
            The day up to which there are data; None if there are none.
        """
        month, last = _MONTH.fullmatch(self.period), _LAST_DAYS.fullmatch(self.period)
        if month:
            ending = monthrange(int(month[1]), int(month[2]))[1]
            return f"{self.period}-01", f"{self.period}-{ending}"
        if last:
            first = newest and newest - timedelta(days=int(last[1]) - 1)
            return str(first or ""), str(newest or "")
        if self.period not in ("", "all"):
            raise ConfigError(f"period={quoted(self.period)}: write such as {_PERIODS}.")
        return self.since, self.until


def _day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or str(found) != text:
        raise ConfigError(f"{quoted(text)} is no day: write such as {_DAY}.")
    return found


@dataclass(frozen=True)
class Setting:
    """A value that the file gives a parameter.

    Attributes
    ----------
    name, value
        The parameter and what stands there; whether a page takes it is seen once it is planned.
    page
        The page it is for; empty for all that have such a parameter.
    where
        File, line and key, for errors.
    """

    name: str
    value: Any
    page: str
    where: str


@dataclass(frozen=True)
class Recipe:
    """How a site is made.

    Attributes
    ----------
    pages
        Names of notebooks, in order; empty for the usual ones.
    language
        Empty for the workspace's.
    span
        The days it is about.
    keep
        How many runs stay.
    parallel
        How many notebooks run at once; 0 for as many as there are cores, at most two.
    settings
        Parameters of the notebooks.
    """

    pages: tuple[str, ...] = ()
    language: Literal["", "zh", "en"] = ""
    span: Span = Span()
    keep: int = 30
    parallel: int = 0
    settings: tuple[Setting, ...] = ()


_SPAN = tuple(field.name for field in fields(Span))
_KEYS = ("pages", "language", *_SPAN, "keep", "parallel", "parameters", "page")


def recipe_of(page: Page, table: Any) -> Recipe:
    """Return what a file's `[report]` says.

    Raises
    ------
    ConfigError
        Naming the line of the first thing that cannot stand.
    """
    at: KeyPath = ("report",)
    if not isinstance(table, dict):
        raise page.error(at, shown(table), "a table", "Write [report] and its settings below.")
    page.check_keys(at, table, _KEYS)
    language = table.get("language", "")
    if language not in ("", "zh", "en"):
        raise page.error(
            (*at, "language"), shown(language), '"zh" or "en"', "Choose the report's language."
        )
    listed = table.get("pages", [])
    names = () if listed == [] else page.texts((*at, "pages"), listed)
    for place, name in enumerate(names):
        if name in names[:place]:
            raise page.error(
                (*at, "pages", place), f"{quoted(name)} a second time", "each once", "Remove it."
            )
    return Recipe(
        pages=names,
        language=cast("Literal['', 'zh', 'en']", language),
        span=_span(page, at, table),
        keep=_count(page, (*at, "keep"), table.get("keep", Recipe.keep)),
        parallel=_count(page, (*at, "parallel"), table["parallel"]) if "parallel" in table else 0,
        settings=_settings(page, at, table),
    )


def _span(page: Page, at: KeyPath, table: dict[str, Any]) -> Span:
    """Return the days; each key is tried alone first, to name its line."""
    given = {}
    for name in (name for name in _SPAN if name in table):
        value = table[name]
        text = value.isoformat() if type(value) is date else page.text((*at, name), value)
        try:
            Span(**{name: text})
        except ConfigError as error:
            expected = _PERIODS if name == "period" else f"a day, such as {_DAY}"
            raise page.error((*at, name), shown(text), expected, str(error)) from None
        given[name] = text
    try:
        return Span(**given)
    except ConfigError as error:
        last = list(given)[-1]
        raise page.error((*at, last), shown(given[last]), "days that fit", str(error)) from None


def _count(page: Page, at: KeyPath, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise page.error(at, shown(value), "a whole number above 0", "Write such as 2.")
    return value


def _settings(page: Page, at: KeyPath, table: dict[str, Any]) -> tuple[Setting, ...]:
    every = table.get("parameters", {})
    found = _settings_below(page, (*at, "parameters"), every, "")
    pages = table.get("page", {})
    if not isinstance(pages, dict):
        raise page.error(
            (*at, "page"), shown(pages), "a table", "Write [report.page.NAME] and settings below."
        )
    for name, own in pages.items():
        found += _settings_below(page, (*at, "page", name), own, name)
    return tuple(found)


def _settings_below(page: Page, at: KeyPath, table: Any, name: str) -> list[Setting]:
    if not isinstance(table, dict):
        raise page.error(at, shown(table), "a table", f"Write [{dotted(at)}] and settings below.")
    return [
        Setting(key, value, name, f"{page.file}, line {page.lines[*at, key]}, {dotted((*at, key))}")
        for key, value in table.items()
    ]
