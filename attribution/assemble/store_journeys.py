"""Journeys of a store as an iterable of batches, each within the memory allowed."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from attribution.assemble.inputs import LISTED, inputs
from attribution.assemble.rows import journeys_of
from attribution.assemble.watched import Listed, with_untouched
from attribution.errors import ConfigError, quoted
from attribution.journeys.blocks import join

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attribution.assemble.stated_people import StatedPeople
    from attribution.journeys import Journeys
    from attribution.journeys.definition import JourneyDefinition
    from attribution.store.store import Store

__all__ = ["MEMORY", "StoreJourneys", "checked_batches", "checked_memory"]

MEMORY = "2GB"

_ROWS = 1_500_000  # touchpoints and orders of a batch, in that memory
_MOST = 1_000  # batches, each of which has a few files open while the store is read
_UNITS = {"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT]B)", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class StoreJourneys:
    """Journeys of a store, in batches; each walk over them reads the store as it then is.

    All batches know the same channels, and no two share a person. The first carries the notes.

    Attributes
    ----------
    store
        What is read, in its language and up to its `as_of`.
    definition
        What a journey is.
    memory
        What the engine may use before it writes to temporary files, such as "2GB".
    batches
        How many batches there are to be; None for about 1.5 million touchpoints and orders in
        each, fewer where `memory` is less than 2 GB.
    people
        Who was under observation; None: each person from his first touchpoint to the end.
    """

    store: Store
    definition: JourneyDefinition
    memory: str = MEMORY
    batches: int | None = None
    people: StatedPeople | None = None

    def __iter__(self) -> Iterator[Journeys]:
        """Yield the batches; one that is empty if there is no journey at all.

        Raises
        ------
        DataError
            If a file of the store cannot be read, or people who are listed cannot be told apart.
        StoreError
            If the memory does not suffice; it names the step, and what to set.
        """
        from attribution.assemble.duck import assembled

        listed = None if self.people is None else self.people.among(self.store.people())
        with inputs(
            self.store,
            self.definition,
            portions=self.portions(),
            memory=self.memory,
            people=None if listed is None else listed.rows,
        ) as held:
            notes, given = held.notes, False
            for nth, portion in enumerate(held.portions, 1):
                part = None
                with held.relations(portion) as connection:
                    rows = assembled(connection, self.definition, held.channels, held.as_of)
                    if listed is not None:
                        here = connection.sql(f"FROM {LISTED}").to_arrow_table()
                        part = Listed(here, listed.labels)
                        rows = with_untouched(rows, part, held.as_of)
                if len(rows) or (nth == len(held.portions) and not given):
                    found = journeys_of(
                        rows, held.channels, self.definition, self.store.timezone, held.as_of, part
                    )
                    yield replace(found, notes=notes)
                    notes, given = (), True

    def read(self) -> Journeys:
        """Return all journeys as one value, in memory."""
        return join(list(self))

    def portions(self) -> int:
        """Return how many batches there are to be; by what the markers count, if not given."""
        if self.batches:
            return self.batches
        rows = sum(
            marker.parts[table][1]
            for marker in self.store.batches()
            for table in ("touchpoints", "orders")
            if table in marker.parts
        )
        share = min(1.0, _bytes(self.memory) / _bytes(MEMORY))
        return min(_MOST, max(1, math.ceil(rows / (_ROWS * share))))


def checked_memory(memory: str) -> str:
    """Return a size such as "2GB" if it is one.

    Raises
    ------
    ConfigError
        If it is not.
    """
    if not isinstance(memory, str) or not _SIZE.fullmatch(memory) or not _bytes(memory):
        raise ConfigError(f'memory={quoted(memory)}: write a size with a unit, such as "2GB".')
    return memory


def checked_batches(batches: int | None) -> int | None:
    """Return a number of batches if it is one that can be had; None stays.

    Raises
    ------
    ConfigError
        If it is not.
    """
    whole = isinstance(batches, int) and not isinstance(batches, bool)
    if batches is not None and not (whole and 1 <= batches <= _MOST):
        raise ConfigError(f"batches={quoted(batches)}: write a number from 1 to {_MOST:,}.")
    return batches


def _bytes(memory: str) -> float:
    found = _SIZE.fullmatch(memory)
    return float(found[1]) * _UNITS[found[2].upper()] if found else 0.0
