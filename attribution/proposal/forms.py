"""From a field's name and cells to what it is: a column, a unit, the form of a time, its words."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from attribution.mapping.vocabulary import alike, folded, known_value, tokens, unbracketed, words
from attribution.proposal.looks import Leaf, Look, look_at
from attribution.proposal.proposal import Guess
from attribution.store.tables import TABLES, Column

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CLOSE",
    "SAME",
    "Unit",
    "column_score",
    "is_name",
    "kind_in_name",
    "named",
    "rate_form",
    "seen",
    "time_form",
    "units_of",
    "words_guess",
]

CLOSE = 0.5  # names less alike than this have nothing to do with each other
SAME = 0.8
MOST_WORDS = 40  # an enumeration has no more
_EXACT = 0.97
_FEN = re.compile(r"[(（]分[)）]|单位[:：]?分|[_ ]?(fen|cents?)$", re.IGNORECASE)
_YUAN = re.compile(r"元|[¥￥]|(^|[_ (（])(yuan|rmb|cny)($|[_ )）])", re.IGNORECASE)
_SHOWABLE = re.compile(r"[A-Za-z][A-Za-z0-9_ .-]{0,23}|-?\d{1,6}")
_OFTEN = 3  # a word this often is a code, not a person's
_LISTED = 8


class Unit(NamedTuple):
    """Of an amount: "fen" or "yuan", whether that is certain, and why."""

    unit: str
    certain: bool
    why: str


# ---------------------------------------------------------------------- names


def named(leaf: Leaf, *section: str) -> tuple[float, str]:
    """Return how well a field's name fits the words of a section, from 0 to 1, and which word.

    Words that come earlier win over later ones that fit as well.
    """
    return _named(leaf.names, section)


@cache
def _named(names: tuple[str, ...], section: tuple[str, ...]) -> tuple[float, str]:
    known = words()
    for key in section:
        known = known[key]
    # Our own name of a column or of an id is a word for it, too.
    own = section[-1:] if section[0] in ("columns", "ids", "streamers") else ()
    best, word = 0.0, ""
    for place, each in enumerate((*own, *known)):
        plain = each.removeprefix("=")
        score = alike(names[0], plain)
        # With the name above it, a field must be just that; a parent's words say too little.
        score = max(score, *(s if (s := alike(name, plain)) >= _EXACT else 0.0 for name in names))
        if each != plain and score < _EXACT:
            continue
        score -= 0.001 * place
        if score > best:
            best, word = score, plain
    return best, word


def column_score(leaf: Leaf, table: str, column: str) -> float:
    """Return how well a field fits a canonical column, by its name and its cells."""
    score, _ = named(leaf, "columns", table, column)
    if score < CLOSE:
        return 0.0
    never = words()["never"].get(table, {}).get(column, ())
    if score < 0.9 and any(_stands_in(word, leaf.names[0]) for word in never):
        return 0.0
    return score * _fit(TABLES[table].column(column), leaf.look)


def _stands_in(word: str, name: str) -> bool:
    """Whether a word stands in a name; a Latin one as a whole word."""
    return alike(name, word) > 0 if word.isascii() else word in name


def _fit(column: Column, look: Look) -> float:
    """Return how well cells fit a kind of column: 1 well, near 0 not at all."""
    if not look.filled:
        return 0.8
    if column.kind in ("time", "day"):
        return 1.0 if look.time >= 0.8 else 0.8 if look.zero == 1.0 else 0.1
    if max(look.email, look.masked_name, look.address) >= 0.5 or look.clock >= 0.8:
        return 0.1
    good = {
        "fen": look.number >= 0.95 and look.long_id < 0.5,
        "int": look.whole >= 0.95 and look.long_id < 0.5,
        "rate": max(look.number, look.percent, look.permille) >= 0.95,
        "bool": look.yes_no >= 0.95,
        "enum": look.distinct <= MOST_WORDS,
        "id": look.cents < 0.5 and look.date < 0.8,
        "text": True,
    }[column.kind]
    return 1.0 if good else 0.1


def kind_in_name(table: str, name: str) -> str | None:
    """Return the kind of cost or claim that the name of an amount says; None if it says none."""
    small = name.casefold()
    if table == "platform_claims":
        if "间接" in name or "indirect" in small:
            return "indirect"
        return "direct" if "直接" in name or "direct" in small else None
    said = known_value("costs.kind", unbracketed(name))
    if said is not None:
        return said
    spend = ("消耗", "消费", "花费", "投放")
    if set(tokens(unbracketed(name))) & {"spend", "spent", "cost"} or any(w in name for w in spend):
        return "ads"
    marks = (("坑位", "slot_fee"), ("佣金", "commission"), ("运费", "freight"))
    return next((kind for word, kind in marks if word in name and "率" not in name), None)


# ---------------------------------------------------------------------- units


def units_of(scope: Sequence[Leaf]) -> dict[str, Unit]:
    """Return the unit of every field, were it an amount: by itself, else by the file's others."""
    own = {leaf.path: _own_unit(leaf) for leaf in scope}
    money = [leaf for leaf in scope if _is_money(leaf)]
    sure = {unit.unit for leaf in money if (unit := own[leaf.path]) and unit.certain}
    if len(sure) == 1:
        rest = Unit(next(iter(sure)), False, "as the file's other amounts")
    else:
        rest = _likely_unit([leaf for leaf in money if own[leaf.path] is None])
    return {path: unit or rest for path, unit in own.items()}


def _is_money(leaf: Leaf) -> bool:
    return leaf.look.number >= 0.95 and any(
        TABLES[table].column(column).kind == "fen" and column_score(leaf, table, column) >= CLOSE
        for table, columns in words()["columns"].items()
        for column in columns
    )


def _own_unit(leaf: Leaf) -> Unit | None:
    """Return the unit a field's own name and cells say; None if they do not."""
    name = leaf.names[0]
    decimals = leaf.look.number - leaf.look.whole > 0.01
    if _FEN.search(name) is not None:
        if decimals:
            return Unit("yuan", False, "decimals, though the name says fen")
        return Unit("fen", True, "the name says fen")
    if _YUAN.search(name) is not None:
        return Unit("yuan", True, "the name says yuan")
    return Unit("yuan", True, "decimals: yuan") if decimals else None


def _likely_unit(money: Sequence[Leaf]) -> Unit:
    """Return the likelier unit of whole numbers that say nothing, all together."""
    telling = [leaf.look for leaf in money if leaf.look.high > 0 and leaf.names[0].isascii()]
    # Prices in fen nearly all end in 0, and a thousand of them is ten yuan.
    tens = all(look.round_tens >= 0.8 for look in telling)
    if telling and tens and max(look.high for look in telling) >= 1000:
        return Unit("fen", False, "whole numbers that end in 0, as prices in fen do")
    return Unit("yuan", False, "whole numbers, and nothing that says fen")


def time_form(look: Look, others: Sequence[Look]) -> tuple[str, str]:
    """Return how a time is written, and why; of empty cells, as the file's other times are."""
    if look.seconds >= 0.8:
        return "epoch_s", "10 digits: seconds"
    if look.milliseconds >= 0.8:
        return "epoch_ms", "13 digits: milliseconds"
    if look.time >= 0.8:
        return "time", f"cells like {look.shapes[0]}"
    filled = [other for other in others if other.time >= 0.8]
    if filled:
        return time_form(filled[0], ())[0], "as the file's other times"
    return "time", "the usual form"


def rate_form(leaf: Leaf, column: Column) -> tuple[str, bool, str]:
    """Return the unit of a rate, whether that is certain, and why."""
    look, name = leaf.look, leaf.names[0]
    if column.name == "avg_watch_s":
        return "number", True, "a number of seconds"
    if "‰" in name or look.permille:
        return "permille", True, "‰"
    if look.percent or "%" in name:
        return "percent", True, "%"
    if look.high <= 1:
        return "ratio", look.high > 0, "at most 1"
    if look.high <= 100:
        return "percent", False, "above 1 and at most 100"
    if look.high <= 1000:
        return "permille", False, "above 100 and at most 1000"
    return "per_10k", False, "above 1000"


# ---------------------------------------------------------------------- words


def words_guess(table: str, column: Column, leaf: Leaf, score: float, why: str) -> Guess | None:
    """Return what the words of an enumeration mean; None for an optional one nobody knows."""
    shared = column.name in ("platform", "content_form")
    kind = column.name if shared else f"{table}.{column.name}"
    counted = _counted(leaf)
    known = {w: means for w, _ in counted if (means := known_value(kind, w)) is not None}
    unknown = [(word, n) for word, n in counted if word not in known]
    spec: dict[str, Any] = {"from": leaf.path}
    if not known:
        return _unknown_words(column, spec, unknown, why) if column.required else None
    if any(word != means for word, means in known.items()):
        spec["map"] = known
    if unknown and "unknown" in column.values:
        spec["else"] = "unknown"
    if leaf.look.nothing:
        spec["null_if"] = list(leaf.look.nothing)
    share = 1 - sum(n for _, n in unknown) / sum(n for _, n in counted)
    value: Any = leaf.path if set(spec) == {"from"} else spec
    if column.required and "unknown" in column.values and leaf.values.null_count:
        value = [spec, {"value": "unknown"}]
    return Guess(
        column.name,
        leaf.path,
        value,
        min(score, 0.98) * (0.6 + 0.4 * share),
        f"{why}; {len(known)} of {len(counted)} words known",
        todo=f"not in the map: {_shown(unknown)}" if unknown else "",
    )


def _unknown_words(
    column: Column, spec: dict[str, Any], unknown: list[tuple[str, int]], why: str
) -> Guess:
    if not unknown:
        assumed = {**spec, "assumed": "no value in the sample"}
        return Guess(column.name, spec["from"], assumed, 0.4, f"{why}; no value in the sample")
    # Nothing is guessed: every row waits in quarantine until the map is filled in.
    itself = {value: value for value in column.values}
    assumed = {**spec, "map": itself, "assumed": "no word known; put this field's words into map"}
    return Guess(
        column.name,
        spec["from"],
        assumed,
        0.3,
        f"{why}; {len(unknown)} unknown words",
        todo=f"say in the map what these mean: {_shown(unknown)}",
    )


def _counted(leaf: Leaf) -> list[tuple[str, int]]:
    """Return the different words with their counts, the most frequent first."""
    counts = pc.value_counts(leaf.values.drop_null()).to_pylist()
    pairs = [(each["values"], each["counts"]) for each in counts]
    said = [each for each in pairs if each[0] not in leaf.look.nothing]
    return sorted(said, key=lambda each: (-each[1], each[0]))


def _shown(counted: Sequence[tuple[str, int]]) -> str:
    """Return words with their counts; one that may be somebody's own is shown by its shape."""
    said = [
        f"{word if _SHOWABLE.fullmatch(word) or _is_code(word, n) else _shape(word)} ({n})"
        for word, n in counted[:_LISTED]
    ]
    return ", ".join(said) + (" ..." if len(counted) > _LISTED else "")


def _is_code(word: str, count: int) -> bool:
    return count >= _OFTEN and len(word) <= 12 and not re.search(r"\d{5}|@|\*", word)


def _shape(word: str) -> str:
    return look_at(pa.array([word], pa.string())).shapes[0]


def seen(look: Look) -> str:
    """Return what cells look like, in a few words."""
    return f"cells like {look.shapes[0]}" if look.filled else "empty"


def is_name(leaf: Leaf, *names: str) -> bool:
    """Whether a field bears one of these names."""
    return folded(leaf.names[0]) in {folded(name) for name in names}
