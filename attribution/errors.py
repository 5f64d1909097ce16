"""Every error the package raises on purpose, under one base class."""

from __future__ import annotations

__all__ = [
    "AttributionError",
    "ConfigError",
    "DataError",
    "LockedError",
    "MissingAges",
    "ModelError",
    "ReportError",
    "StoreError",
]

_SHOWN = 80


def quoted(value: object) -> str:
    """Return a short, single-line rendering of a found value for an error message."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


class AttributionError(Exception):
    """Base of every error of this package."""


class DataError(AttributionError):
    """Input that cannot be read as it stands.

    Parameters
    ----------
    found, expected, remedy
        What stands there, what should, and what the user can do.
    row
        Data row, counted from 1 without the header.
    column, source
        Column and file (or argument) the finding belongs to.
    """

    def __init__(
        self,
        found: str,
        expected: str,
        remedy: str,
        row: int | None = None,
        column: str | None = None,
        source: str | None = None,
    ) -> None:
        super().__init__(found, expected, remedy, row, column, source)
        self.found, self.expected, self.remedy = found, expected, remedy
        self.row, self.column, self.source = row, column, source

    def at(self, source: str) -> DataError:
        """Return the same error, naming the file or argument it was found in."""
        return DataError(self.found, self.expected, self.remedy, self.row, self.column, source)

    def __str__(self) -> str:
        place = [
            self.source,
            None if self.row is None else f"row {self.row}",
            None if self.column is None else f"column {self.column!r}",
        ]
        where = ", ".join(part for part in place if part)
        lead = f"{where}: found {self.found}" if where else f"Found {self.found}"
        return f"{lead}; expected {self.expected}. {self.remedy}"


class StoreError(DataError):
    """A store that cannot be written: no file of a source is to blame."""


class MissingAges(AttributionError):
    """A model that needs the age of each touchpoint met journeys that carry none."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self.model = model

    def __str__(self) -> str:
        return (
            f"{self.model} needs the age of every touchpoint, and path counts carry no times. "
            "Build the journeys with Journeys.from_touchpoints, or leave this model out."
        )


class ModelError(AttributionError):
    """A model whose parameters or results cannot stand."""


class ConfigError(AttributionError):
    """A configuration file or parameter that cannot stand; names the file, line and remedy."""


class ReportError(AttributionError):
    """A report that could not be made; nothing was published."""


class LockedError(ReportError):
    """Another run is at work on the same folder of reports; this one has not begun."""
