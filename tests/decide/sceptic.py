"""A model with organic orders whose division of an order is known by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from attribution import Journeys, Linear
from attribution.credit import Credit
from attribution.tally import Tally
from attribution.workspace import Workspace
from tests.decide.brands import brand, sale, touch

__all__ = ["Sceptic", "doubted"]


@dataclass(frozen=True)
class Sceptic:
    """Half of what linear gives everybody; the rest would have come anyway."""

    def tally(self, journeys: Journeys) -> Tally:
        return Linear().tally(journeys)

    def credit(self, tally: Tally) -> Credit:
        found = Linear().credit(tally)
        return replace(found, amounts=found.amounts / 2, organic=found.amounts.sum(axis=0) / 2)


def doubted(folder: Path) -> Workspace:
    """Return a workspace of two orders: 100 yuan after a search, 30 yuan after nothing."""
    at = "2026-11-10 12:00"
    tables = {
        "touchpoints": [touch("t1", "p", "2026-11-10 11:30", content_form="search")],
        "orders": [sale("o1", 10_000, "p", at), sale("o2", 3_000, "q", at)],
    }
    return brand(folder, tables)
