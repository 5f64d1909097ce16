"""The sample brand: a week of which everything is known, as values and as its platforms' files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from attribution.worlds.brand.exports import documents
from attribution.worlds.brand.formats import Document, encode
from attribution.worlds.brand.page import readme
from attribution.worlds.brand.records import Happened
from attribution.worlds.brand.traps import (
    Bad,
    Planted,
    plant_in_erp,
    plant_in_files,
    plant_in_orders,
    point_out,
)
from attribution.worlds.brand.truth import truth
from attribution.worlds.brand.week import beginnings, follow

__all__ = ["Sample", "make_sample"]


@dataclass(frozen=True)
class Sample:
    """A week as it happened, its files, and what was planted in them.

    Parameters
    ----------
    happened
        People, sessions, orders, refunds, touchpoints, claims, the ERP's books.
    documents
        Each file of the week by its path below `raw/`, with what was spoilt in it.
    tails
        Bytes behind the end of a file: what a broken transfer leaves.
    planted, bad
        What goes wrong on purpose, and the rows of it that cannot stand.
    """

    happened: Happened
    documents: dict[str, Document]
    tails: dict[str, bytes]
    planted: list[Planted]
    bad: list[Bad]

    @cached_property
    def known(self) -> dict[str, Any]:
        """What a faithful reader of the files must find."""
        return truth(self.happened, self.planted, self.bad)

    def files(self) -> dict[str, bytes]:
        """Return every file by its path below the sample's folder."""
        made = {
            f"raw/{name}": encode(document) + self.tails.get(name, b"")
            for name, document in self.documents.items()
        }
        text = json.dumps(self.known, ensure_ascii=False, separators=(",", ":"))
        # One line for each top-level entry keeps the file readable and small.
        for name in self.known:
            text = text.replace(f'"{name}":', f'\n"{name}":', 1)
        page = readme(self.known, self.planted, self.bad, made)
        return made | {"truth.json": f"{text}\n".encode(), "README.md": page.encode()}


def make_sample() -> Sample:
    """Let the week happen, and write it down as its platforms do: the same on every machine."""
    people, sessions, orders, refunds = beginnings()
    planted = plant_in_orders(people, orders, refunds)
    orders.sort(key=lambda o: (o.created, o.id))
    happened = follow(people, sessions, orders, refunds)
    planted += plant_in_erp(happened)
    exports = documents(happened)
    more, bad, tails = plant_in_files(exports, happened)
    planted += [*more, *point_out(happened)]
    return Sample(happened, exports, tails, planted, bad)
