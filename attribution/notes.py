"""What a reader of a result must know about the data behind it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Note", "NoteKind"]


class NoteKind(StrEnum):
    """Every kind of note; `present` holds its words in each language."""

    WITHOUT_ZONE = "without_zone"
    AFTER_AS_OF = "after_as_of"
    ORDERS_WITHOUT_PERSON = "orders_without_person"
    EVIDENCE_UNUSED = "evidence_unused"
    UNLISTED_PEOPLE = "unlisted_people"
    NO_ORDERS = "no_orders"
    NO_EFFECTS = "no_effects"
    FEW_TOUCHPOINTS = "few_touchpoints"
    INSEPARABLE = "inseparable"
    HALF_LIFE_AT_EDGE = "half_life_at_edge"


@dataclass(frozen=True, slots=True)
class Note:
    """A countable fact: `count` rows were treated so, with `detail` filling in the words."""

    kind: NoteKind
    count: int
    detail: str = ""
