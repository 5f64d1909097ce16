"""A report's words and numbers in one language."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from attribution.errors import ConfigError, quoted
from attribution.names import RESERVED

if TYPE_CHECKING:
    from datetime import date

__all__ = ["LANGUAGES", "Unit", "Words", "words_in"]

Language = Literal["en", "zh"]
LANGUAGES: tuple[str, ...] = get_args(Language)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONGEST_NAME = 28
_MINUS = "−"
_SMALL = 1_000
_NARROW_FROM = 100_000


class Unit(NamedTuple):
    """How a column of money is written: divided by `scale`, with so many decimals."""

    scale: float
    label: str
    decimals: int


@cache
def _table() -> dict[str, dict[str, str]]:
    """Return the words of every page: one file each below `words`, no key in two of them."""
    pages = files("attribution.present").joinpath("words").iterdir()
    return {
        key: entry
        for page in pages
        for key, entry in tomllib.loads(page.read_text(encoding="utf-8")).items()
    }


@dataclass(frozen=True)
class Words:
    """Looks words up and writes numbers as the language does.

    Parameters
    ----------
    language
        "en" or "zh".
    currency
        Sign before amounts of money; empty where the unit is unknown.
    minor
        How many of the unit that amounts come in make one of the currency: 100 for fen.
    """

    language: Language = "en"
    currency: str = "¥"
    minor: int = 1

    def __call__(self, key: str, **fields: object) -> str:
        """Return the words for a key with the fields filled in.

        `{s_count}` is the ending of a plural: empty where the field `count` is one.
        """
        endings = {f"s_{name}": "" if str(value) == "1" else "s" for name, value in fields.items()}
        return _table()[key][self.language].format(**fields, **endings)

    def model(self, name: str) -> str:
        """Return a model's name: known classes in the language, their parameters as given."""
        kind, bracket, parameters = name.partition("(")
        key = f"model_{kind}"
        if key not in _table():
            return name
        inner = parameters.rstrip(")").replace("half_life=", "").replace("order=", "")
        plain = inner.replace("worth=", "").replace("'", "")
        return f"{self(key)} {plain}" if bracket else self(key)

    def row(self, channel: str) -> str:
        """Return what a row of credit is called: a channel by its name, what has none in words."""
        return self(channel.strip("()")) if channel in RESERVED else channel

    def listed(self, names: list[str]) -> str:
        """Return names as the language lists them."""
        names = [self.short(name) for name in names]
        if len(names) <= 1:
            return "".join(names)
        return self("list_comma").join(names[:-1]) + self("list_and") + names[-1]

    @staticmethod
    def short(name: str) -> str:
        """Return a name as far as a title can hold it."""
        return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"

    def count(self, number: float) -> str:
        """Return a count, with separators; a fraction keeps one decimal."""
        return _signed(number, 0 if float(number).is_integer() else 1)

    def percent(self, share: float, decimals: int = 0) -> str:
        """Return a share as a percentage; what would round to nothing says so."""
        least = 0.5 * 10.0**-decimals / 100
        if 0 < share < least:
            return f"<{10.0**-decimals:.{decimals}f}%"
        return f"{_signed(share * 100, decimals)}%"

    def ratio(self, number: float) -> str:
        """Return a ratio of two amounts, such as a return on cost."""
        return _signed(number, 2 if abs(number) < 10 else 1)

    def money(self, amount: float) -> str:
        """Return an amount for a headline: ¥28.46M, ¥617k; ¥2,846.3万, ¥1.23亿."""
        size, sign = abs(amount) / self.minor, _MINUS if amount < 0 else ""
        steps = (
            ((1e8, "亿", 2), (1e4, "万", 1))
            if self.language == "zh"
            else ((1e6, "M", 2), (1e4, "k", 0))
        )
        if self.language == "en" and steps[1][0] <= size < steps[0][0]:
            return f"{sign}{self.currency}{size / 1e3:,.0f}k"
        for scale, label, decimals in steps:
            if size >= scale:
                return f"{sign}{self.currency}{size / scale:,.{decimals}f}{label}"
        decimals = 2 if size < _SMALL and not float(size).is_integer() else 0
        return f"{sign}{self.currency}{size:,.{decimals}f}"

    def money_unit(self, largest: float) -> Unit:
        """Return the unit for a column of money whose largest entry this is."""
        size = abs(largest) / self.minor
        if size < _NARROW_FROM / 10:
            return Unit(self.minor, self.currency, 2 if size < _SMALL else 0)
        if self.language == "zh":
            label = "万元" if self.currency == "¥" else f"{self.currency}万"
            return Unit(1e4 * self.minor, label, 1)
        return Unit(1e3 * self.minor, f"{self.currency}k", 0 if size >= _NARROW_FROM else 1)

    def order_unit(self) -> Unit:
        """Return the unit for a column of orders."""
        return Unit(1.0, self("unit_orders"), 0)

    def tick(self, amount: float, unit: Unit) -> str:
        """Return an axis tick in a column's unit, without decimals it does not need."""
        shown = amount / unit.scale
        return _signed(shown, 0 if shown == round(shown) else max(1, unit.decimals))

    def day(self, day: date) -> str:
        """Return a calendar day as the language writes it: 25 Oct 2026."""
        return self("day", year=day.year, month=self._month(day), day=day.day)

    def days(self, first: date, last: date) -> str:
        """Return a period of calendar days and its length: 25 Oct – 21 Nov 2026, 28 days."""
        count = (last - first).days + 1
        if first == last:
            return self.day(first)
        near, far = (first, last) if self.language == "zh" else (last, first)
        shown = {near: self.day(near), far: self.day(far)}
        if far.year == near.year:
            shown[far] = self.month_day(far)
        return self("period", first=shown[first], last=shown[last], count=count)

    def month_day(self, day: date) -> str:
        """Return a calendar day without its year: 25 Oct."""
        return self("month_day", month=self._month(day), day=day.day)

    def _month(self, day: date) -> str:
        return str(day.month) if self.language == "zh" else _MONTHS[day.month - 1]

    def size(self, number: int) -> str:
        """Return the size of a file: 850 B, 12 kB, 1.4 MB."""
        for scale, unit, decimals in ((1e6, "MB", 1), (1e3, "kB", 0)):
            if number >= scale:
                return f"{number / scale:,.{decimals}f} {unit}"
        return f"{number} B"

    def signed(self, amount: float, unit: Unit) -> str:
        """Return a change in a column's unit, its sign before it."""
        text = self.written(amount, unit)
        return f"+{text}" if amount > 0 else text

    def written(self, amount: float, unit: Unit) -> str:
        """Return an amount in a column's unit."""
        return _signed(amount / unit.scale, unit.decimals)


def words_in(language: str, currency: str = "¥", minor: int = 1) -> Words:
    """Return the words of a language.

    Raises
    ------
    ConfigError
        If the language is not one of those there are.
    """
    if language not in LANGUAGES:
        raise ConfigError(f"language={quoted(language)}: write one of {', '.join(LANGUAGES)}.")
    return Words("zh" if language == "zh" else "en", currency, minor)


def _signed(number: float, decimals: int) -> str:
    text = f"{abs(number):,.{decimals}f}"
    return f"{_MINUS}{text}" if number < 0 and float(text.replace(",", "")) else text
