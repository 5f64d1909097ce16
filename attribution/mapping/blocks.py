"""What a mapping says, as values: which canonical rows a source's rows make, and from what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from attribution.store.tables import TABLES, Column, Table

if TYPE_CHECKING:
    from attribution.mapping.source_path import SourcePath
    from attribution.mapping.transforms import Code

__all__ = [
    "DERIVED_IDS",
    "IDENTITIES",
    "Alias",
    "Block",
    "Condition",
    "Field",
    "Form",
    "Identifier",
    "Mapping",
    "Rule",
    "table_of",
]

# How a value is written in the source, where its column leaves that open.
Form = Literal[
    "text",
    "phone",
    "ks_index",
    "epoch_s",
    "epoch_ms",
    "time",
    "fen",
    "yuan",
    "ratio",
    "percent",
    "permille",
    "per_10k",
    "number",
]

# By table, the id that is made of a row's own facts where the source has none.
DERIVED_IDS = {
    "costs": "cost_id",
    "platform_claims": "claim_id",
    "touchpoints": "event_id",
    "order_lines": "line_id",
    "erp_lines": "line_id",
}

# Rows that are evidence of who is who, and nothing else.
IDENTITIES = Table("identities", (), (Column("at", "time"),), at="at")


def table_of(name: str) -> Table:
    """Return the table a block makes rows of."""
    return IDENTITIES if name == IDENTITIES.name else TABLES[name]


@dataclass(frozen=True)
class Condition:
    """A test on one value of a row; an empty cell is the empty text.

    Attributes
    ----------
    among, not_among
        The value is one of these, or none of these.
    contains
        The value contains one of these.
    """

    paths: tuple[SourcePath, ...]
    among: tuple[str, ...] = ()
    not_among: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()


@dataclass(frozen=True)
class Field:
    """One way to a column's value.

    Attributes
    ----------
    paths
        Where it stands: the first of these that the file has. Empty for a constant.
    value
        The constant, as a source would write it.
    form
        How it is written; None where the column's kind says it.
    codes
        What the source's words mean.
    otherwise
        What any other word means; None refuses it.
    null_if
        Words that stand for nothing.
    split
        The sign between several values in one cell, each of which makes a row.
    when
        Holds for the rows in which this is a way at all.
    assumed
        Why the fact is not certain; None if it is.
    """

    paths: tuple[SourcePath, ...] = ()
    value: str | None = None
    form: Form | None = None
    codes: tuple[Code, ...] = ()
    otherwise: str | None = None
    null_if: tuple[str, ...] = ()
    split: str | None = None
    when: Condition | None = None
    assumed: str | None = None


@dataclass(frozen=True)
class Rule:
    """A condition, and why the rows it holds for are left out.

    Without a reason the rows are meant for another block, and not counted.
    """

    when: Condition
    why: str | None


@dataclass(frozen=True)
class Alias:
    """A streamer as the platform names him."""

    field: Field
    type: str
    when: Condition | None = None


@dataclass(frozen=True)
class Identifier:
    """An identifier of a person.

    Attributes
    ----------
    namespace
        The app, shop or developer within which it means something.
    link
        How strongly it is tied to the row's first identifier of the same person.
    role
        Whose it is. Payer and recipient of a gift are not the same person.
    """

    field: Field
    type: str
    namespace: Field | None = None
    link: Literal["strong", "medium", "weak"] = "medium"
    role: Literal["buyer", "payer", "recipient"] = "buyer"
    when: Condition | None = None


@dataclass(frozen=True)
class Block:
    """Rows of one table.

    Attributes
    ----------
    number
        Its place among the blocks of its table, from 0.
    rows
        The list of which every item makes a row; None if every record does.
    columns
        For each column, the ways to its value: row by row the first that yields one.
    skip, mark
        Rows this block does not make; orders that are made, and kept apart as being none.
    currency
        Where the currency stands.
    """

    table: str
    number: int
    rows: SourcePath | None = None
    columns: tuple[tuple[str, tuple[Field, ...]], ...] = ()
    ids: tuple[Identifier, ...] = ()
    streamer: tuple[Alias, ...] = ()
    skip: tuple[Rule, ...] = ()
    mark: tuple[Rule, ...] = ()
    currency: tuple[SourcePath, ...] = ()

    @property
    def name(self) -> str:
        """How errors call it."""
        return f"[[{self.table}]]" + (f" number {self.number + 1}" if self.number else "")


@dataclass(frozen=True)
class Mapping:
    """How one kind of document becomes canonical rows.

    Attributes
    ----------
    records
        Where a JSON document's records may stand; the first path that exists counts.
    platform
        The platform of every row, unless a block maps its own.
    assumed
        (table, column, why) of what is taken for granted.
    digest
        Of all that decides on the rows: another digest, other rows.
    """

    name: str
    title: str
    platform: str | None
    records: tuple[str, ...]
    blocks: tuple[Block, ...]
    assumed: tuple[tuple[str, str, str], ...]
    digest: str
    evidence: str | None = None
