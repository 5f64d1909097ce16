"""Mappings are data: one TOML for each kind of document, read and checked here.

A mapping of the workspace goes before the packaged one of the same name, and may extend it. Every
mistake names the file, the line, what was found, what was expected, and the remedy.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import fields, replace
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from attribution.errors import ConfigError, quoted
from attribution.mapping.blocks import (
    DERIVED_IDS,
    IDENTITIES,
    Alias,
    Block,
    Condition,
    Field,
    Form,
    Identifier,
    Mapping,
    Rule,
    table_of,
)
from attribution.mapping.source_path import Each, SourcePath, parse_path, path_problem
from attribution.mapping.transforms import Code
from attribution.store.tables import PLATFORMS, TABLES, Column
from attribution.toml_page import KeyPath, Page, read_page, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Mapping", "completed", "mapping_names", "read_mapping", "read_names"]

_PACKAGED = "mappings"
_HEAD = ("title", "platform", "records", "evidence", "extends")
_BLOCK = ("rows", "skip", "mark", "ids", "streamer", "currency")
_EVIDENCE = ("identifiers", "links")
_FIELD = ("from", "value", "as", "map", "else", "null_if", "split", "when", "assumed")
_IDENTIFIER = ("from", "type", "namespace", "link", "as", "role", "when", "null_if", "assumed")
_ALIAS = ("from", "type", "when", "null_if", "assumed")
_CONDITION = ("from", "in", "not_in", "contains")
_LINKS = ("strong", "medium", "weak")
_ROLES = ("buyer", "payer", "recipient")
_MARKED = ("orders", "erp_orders")
_NAME = re.compile(r"[^\W_][\w .·-]{0,59}")
_RANGE = re.compile(r"(\d{1,18})\.\.(\d{1,18})")

_TIME_FORMS: tuple[Form, ...] = ("epoch_s", "epoch_ms", "time")
_ID_FORMS: tuple[Form, ...] = ("text", "ks_index", "phone")
# Forms each kind of column may have; the first is the default, unless it must be said.
_FORMS: dict[str, tuple[Form, ...]] = {
    "id": _ID_FORMS,
    "text": ("text",),
    "time": _TIME_FORMS,
    "day": ("time", "epoch_s", "epoch_ms"),
    "fen": ("fen", "yuan"),
    "rate": ("ratio", "percent", "permille", "per_10k"),
}
_MUST_SAY = ("time", "fen", "rate")
_NO_SHARE = ("avg_watch_s",)  # rate columns whose number is no share of a whole


def mapping_names(folder: Path | None) -> list[tuple[str, str]]:
    """Return (name, title) of every mapping there is, sorted by name.

    Raises
    ------
    ConfigError
        If one of them is no TOML.
    """
    found = {file.stem: file for file in _packaged().glob("*.toml")}
    if folder is not None and folder.is_dir():
        found |= {file.stem: file for file in folder.glob("*.toml")}
    names = []
    for name, file in sorted(found.items()):
        title = read_page(file, "a mapping").document.get("title", name)
        names.append((name, str(title)))
    return names


def read_mapping(name: str, folder: Path | None = None) -> Mapping:
    """Read a mapping by name.

    Parameters
    ----------
    name
        The file's name without its ending.
    folder
        The workspace's own mappings, which go before the packaged ones.

    Raises
    ------
    ConfigError
        If there is no such mapping, or it cannot stand.
    """
    return _read(name, folder, ())


def completed(
    mapping: Mapping, values: Sequence[tuple[str, str]] = (), source: str | None = None
) -> Mapping:
    """Return a mapping with a source's constants in the columns it leaves out.

    Parameters
    ----------
    values
        (column, constant) pairs; a name that is no column stands in for a field of that name
        which the rows lack.
    source
        Whose constants they are, as errors call it.

    Raises
    ------
    ConfigError
        If a constant fits nowhere, or a required column still comes from nowhere.
    """
    place = "values" if source is None else f"attribution.toml, source {quoted(source)}, values"
    blocks = []
    for block in mapping.blocks:
        table = table_of(block.table)
        names = [name for name, _ in block.columns]
        more: list[tuple[str, tuple[Field, ...]]] = []
        for column in _columns(block.table).values():
            constant = dict(values).get(column.name)
            if constant is None and column.name == "platform":
                constant = mapping.platform
            if column.name in names or constant is None:
                continue
            field = Field(value=constant, form=_constant_form(column))
            problem = _constant_problem(column, field)
            if problem is not None:
                raise ConfigError(
                    f"{place}: found {quoted(constant)} for {column.name}; expected {problem}. "
                    "Correct it in attribution.toml."
                )
            more.append((column.name, (field,)))
        names += [name for name, _ in more]
        for column in table.columns:
            if column.required and column.name not in (*names, DERIVED_IDS.get(block.table)):
                raise ConfigError(
                    f"Mapping {mapping.name}, {block.name}: found no {column.name}, which every "
                    f"row of {block.table} needs; expected a path or a constant. Add "
                    f"{column.name} = ... there, or to `values` of the source."
                )
        blocks.append(replace(block, columns=(*block.columns, *more)))
    for name, _ in values:
        if not any(name in _columns(block.table) for block in blocks) and name not in read_names(
            mapping
        ):
            near = get_close_matches(name, read_names(mapping), n=1)
            raise ConfigError(
                f"{place}: found the unknown key {quoted(name)}; expected a column of the tables "
                f"that the mapping {mapping.name} fills, or a field it reads. "
                + (f"Did you mean {near[0]!r}?" if near else "Remove it.")
            )
    return replace(mapping, blocks=tuple(blocks))


def read_names(mapping: Mapping) -> set[str]:
    """Return every field a mapping reads, as it is written."""
    found = {path.text for block in mapping.blocks for path in _paths(block)}
    return found | {block.rows.text for block in mapping.blocks if block.rows is not None}


# ---------------------------------------------------------------------- files


def _packaged() -> Path:
    return Path(str(files("attribution.mapping"))) / _PACKAGED


def _find(name: str, folder: Path | None) -> Path:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"Found the mapping name {quoted(name)}; expected letters, digits, blanks, dots, - "
            "and _. Name a mapping without folder and ending."
        )
    own = [] if folder is None else [folder / f"{name}.toml"]
    for file in (*own, _packaged() / f"{name}.toml"):
        if file.is_file():
            return file
    known = [file.stem for file in _packaged().glob("*.toml")]
    known += (
        [] if folder is None or not folder.is_dir() else [f.stem for f in folder.glob("*.toml")]
    )
    near = get_close_matches(name, known, n=1)
    raise ConfigError(
        f"Found no mapping named {quoted(name)}; expected one of {', '.join(sorted(set(known)))}. "
        + (
            f"Did you mean {near[0]!r}?"
            if near
            else f"Write mappings/{name}.toml; `attribution map FILE` proposes one."
        )
    )


def _read(name: str, folder: Path | None, within: tuple[Path, ...]) -> Mapping:
    file = _find(name, folder)
    read = read_page(file, "a mapping")
    shown_as = f"mappings/{file.name}"  # no machine's path in messages
    page = _MappingPage(shown_as, read.document, read.lines)
    document = page.document
    page.check_keys((), document, (*_HEAD, *_table_names()))
    base = None
    if "extends" in document:
        other = page.text(("extends",), document["extends"])
        # A workspace's mapping may extend the packaged one whose name it bears.
        beyond = None if other == name and folder is not None else folder
        if _find(other, beyond) in (*within, file):
            raise page.error(
                ("extends",),
                f"{quoted(other)}, which extends this one in turn",
                "a mapping that stands by itself",
                "Take one of the two `extends` out.",
            )
        base = _read(other, beyond, (*within, file))
    platform = page.platform(None if base is None else base.platform)
    blocks = _merged(page, base)
    if not blocks:
        raise page.error(
            (), "no table", "at least one, such as [[orders]]", "Say what the rows become."
        )
    for block in blocks:
        page.check_block(block)
    mapping = Mapping(
        name=name,
        title=page.head("title", None if base is None else base.title) or name,
        platform=platform,
        records=page.spelled(("records",), document["records"])
        if "records" in document
        else (() if base is None else base.records),
        blocks=blocks,
        assumed=_assumed(blocks),
        digest="",
        evidence=page.head("evidence", None if base is None else base.evidence),
    )
    decides = repr((mapping.platform, mapping.records, mapping.blocks))
    return replace(mapping, digest=hashlib.sha256(decides.encode()).hexdigest())


def _table_names() -> tuple[str, ...]:
    return (*(name for name in TABLES if name not in _EVIDENCE), IDENTITIES.name)


def _columns(table: str) -> dict[str, Column]:
    """Return the columns of a table that a mapping may fill by name."""
    columns = {column.name: column for column in table_of(table).columns}
    # Whose a row is comes with its ids.
    personal = ("id_type", "id_value", "payer_ref") if "_identifier" in columns else ()
    return {
        name: column
        for name, column in columns.items()
        if not name.startswith("_") and name not in personal
    }


def _merged(page: _MappingPage, base: Mapping | None) -> tuple[Block, ...]:
    """Return the blocks of a page over those of the mapping it extends."""
    below = {} if base is None else {(block.table, block.number): block for block in base.blocks}
    for name in _table_names():
        if name not in page.document:
            continue
        for at, number, table in page.tables(name):
            block = page.block(at, name, number, table)
            under = below.get((name, number))
            below[name, number] = block if under is None else _over(block, under)
    # Blocks of one table stay together, as tables are written together.
    order = {name: place for place, name in enumerate(_table_names())}
    return tuple(below[key] for key in sorted(below, key=lambda key: (order[key[0]], key[1])))


def _over(block: Block, under: Block) -> Block:
    columns = tuple((dict(under.columns) | dict(block.columns)).items())
    own = {
        field.name: value
        for field in fields(Block)
        if field.name != "columns" and (value := getattr(block, field.name)) not in ((), None)
    }
    return replace(under, **own, columns=columns)


def _assumed(blocks: Sequence[Block]) -> tuple[tuple[str, str, str], ...]:
    found: dict[tuple[str, str, str], None] = {}
    for block in blocks:
        named = [(column, way) for column, ways in block.columns for way in ways]
        named += [(f"streamer ({each.type})", each.field) for each in block.streamer]
        named += [(f"person ({each.type})", each.field) for each in block.ids]
        for column, way in named:
            if way.assumed is not None:
                found[block.table, column, way.assumed] = None
    return tuple(found)


# ---------------------------------------------------------------------- constants


def _constant_form(column: Column) -> Form | None:
    """Return the form a source's constant is read in."""
    plain: dict[str, Form] = {"fen": "fen", "time": "time", "day": "time", "rate": "ratio"}
    return plain.get(column.kind)


def _constant_problem(column: Column, field: Field) -> str | None:
    """Return what a constant should be, or None if it is that."""
    import pyarrow as pa

    from attribution.mapping.column import read_column

    read = read_column(column, field, pa.array([field.value], pa.string()), "UTC")
    if read.faults:
        return read.faults[0].expected
    return None if read.values[0].is_valid else "a value"


# ---------------------------------------------------------------------- one file


class _MappingPage(Page):
    """A mapping's file: what only mappings hold is checked here."""

    def head(self, key: str, default: str | None) -> str | None:
        return self.text((key,), self.document[key]) if key in self.document else default

    def platform(self, default: str | None) -> str | None:
        if "platform" not in self.document:
            return default
        return self.choice(("platform",), self.document["platform"], PLATFORMS)

    def choice(self, at: KeyPath, value: object, allowed: Sequence[str]) -> str:
        if value not in allowed:
            near = get_close_matches(str(value).lower(), allowed, n=1, cutoff=0.5)
            raise self.error(
                at,
                shown(value),
                f"one of {', '.join(allowed)}",
                f"Did you mean {near[0]!r}?" if near else "Use one of these.",
            )
        return str(value)

    def tables(self, name: str) -> list[tuple[KeyPath, int, dict[str, Any]]]:
        """Return the blocks of a table: [name] is one, [[name]] one of several."""
        found = self.document[name]
        if isinstance(found, dict):
            return [((name,), 0, found)]
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise self.error((name,), shown(found), f"[[{name}]]", "Write its columns below that.")
        return [((name, number), number, table) for number, table in enumerate(found)]

    # ------------------------------------------------------------------ a block

    def block(self, at: KeyPath, name: str, number: int, table: dict[str, Any]) -> Block:
        columns = _columns(name)
        own = [key for key in _BLOCK if self.means(key, name)]
        self.check_keys(at, table, (*columns, *own))
        found = tuple(
            (key, self.ways((*at, key), value, columns[key]))
            for key, value in table.items()
            if key in columns
        )
        rows = None
        if "rows" in table:
            self.text((*at, "rows"), table["rows"])
            rows = self.paths((*at, "rows"), table["rows"])[0]
            if not rows.lists or not isinstance(rows.steps[-1], Each):
                raise self.error(
                    (*at, "rows"),
                    f"the path {quoted(rows.text)}",
                    "a list, each item of which makes a row",
                    'End it with [], such as "items[]".',
                )
        return Block(
            table=name,
            number=number,
            rows=rows,
            columns=found,
            ids=tuple(self.identifier(*each) for each in self.each(at, table, "ids")),
            streamer=tuple(self.alias(*each) for each in self.each(at, table, "streamer")),
            skip=tuple(self.rule(*each) for each in self.each(at, table, "skip")),
            mark=tuple(self.mark(*each) for each in self.each(at, table, "mark")),
            currency=self.paths((*at, "currency"), table["currency"])
            if "currency" in table
            else (),
        )

    @staticmethod
    def means(key: str, table: str) -> bool:
        """Whether a key of blocks means anything for a table."""
        if key == "mark":
            return table in _MARKED
        if key == "streamer":
            hidden = [column.name for column in table_of(table).columns]
            return "_alias_type" in hidden
        return True

    def each(self, at: KeyPath, table: dict[str, Any], key: str) -> list[tuple[KeyPath, Any]]:
        """Return the entries of a list of tables; a single table is a list of one."""
        if key not in table:
            return []
        found = table[key]
        if isinstance(found, dict):
            return [((*at, key), found)]
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            raise self.error(
                (*at, key), shown(found), "a list of tables", f'Write {key} = [{{ from = "..." }}].'
            )
        return [((*at, key, number), entry) for number, entry in enumerate(found)]

    def check_block(self, block: Block) -> None:
        """Check what only shows once a block is whole."""
        at: KeyPath = (block.table, block.number)
        if at not in self.lines:
            at = (block.table,)
        if block.table == IDENTITIES.name and not block.ids:
            raise self.error(
                at, "no ids", "[[identities.ids]]", "Say which fields tell who is who."
            )
        splits = [name for name, ways in block.columns if any(way.split for way in ways)]
        if len(splits) > 1:
            raise self.error(
                at,
                f"split in {' and '.join(splits)}",
                "one column of a block that is split",
                "Which values would belong together? Split one of them only.",
            )
        for path in _paths(block):
            opened = 0
            for place, step in enumerate(path.steps, 1):
                if isinstance(step, Each):
                    opened = place
            if opened and (block.rows is None or path.steps[:opened] != block.rows.steps[:opened]):
                raise self.error(
                    at,
                    f"the path {quoted(path.text)}, which holds many values",
                    "a list that `rows` opens"
                    + ("" if block.rows is None else f", here {quoted(block.rows.text)}"),
                    'Write rows = "...[]" for a row of each item, or [0] or [key=value] for one.',
                )

    # ------------------------------------------------------------------ a column

    def ways(self, at: KeyPath, value: object, column: Column) -> tuple[Field, ...]:
        if isinstance(value, list):
            if not value:
                raise self.error(at, "an empty list", "at least one way to the value", "Add one.")
            return tuple(self.way((*at, i), each, column) for i, each in enumerate(value))
        return (self.way(at, value, column),)

    def way(self, at: KeyPath, value: object, column: Column) -> Field:
        if isinstance(value, str):
            value = {"from": self.text(at, value)}
        table = self.table(at, value, '{ from = "..." }')
        self.check_keys(at, table, _FIELD)
        if ("from" in table) == ("value" in table):
            raise self.error(
                at,
                "both from and value" if "from" in table else "neither from nor value",
                "one of them",
                'Write from = "field" for a field of the source, value = "..." for a constant.',
            )
        field = Field(
            paths=self.paths((*at, "from"), table["from"]) if "from" in table else (),
            value=self.constant((*at, "value"), table["value"]) if "value" in table else None,
            form=self.form(at, table, column),
            codes=self.codes((*at, "map"), table["map"], column) if "map" in table else (),
            otherwise=self.meaning((*at, "else"), table["else"], column)
            if "else" in table
            else None,
            null_if=self.words((*at, "null_if"), table["null_if"]) if "null_if" in table else (),
            split=self.split((*at, "split"), table["split"], column) if "split" in table else None,
            when=self.when(at, table),
            assumed=self.text((*at, "assumed"), table["assumed"]) if "assumed" in table else None,
        )
        if field.value is not None:
            self.check_constant(at, table, field, column)
        elif field.otherwise is not None and not field.codes and not column.values:
            raise self.error(
                (*at, "else"), "else without map", "map beside it", "Add the map, or remove else."
            )
        return field

    def check_constant(
        self, at: KeyPath, table: dict[str, Any], field: Field, column: Column
    ) -> None:
        beside = [key for key in table if key not in ("value", "as", "when", "assumed")]
        if beside:
            raise self.error(
                (*at, beside[0]), f"{beside[0]} beside value", "a constant", "Remove it."
            )
        problem = _constant_problem(column, field)
        if problem is not None:
            near = get_close_matches(str(field.value), column.values, n=1, cutoff=0.5)
            raise self.error(
                (*at, "value"),
                shown(table["value"]),
                f"one of {', '.join(column.values)}" if column.values else problem,
                f"Did you mean {near[0]!r}?" if near else "Correct the constant.",
            )

    def constant(self, at: KeyPath, value: object) -> str:
        if isinstance(value, bool):
            return str(value).lower()
        return str(value) if isinstance(value, int) else self.text(at, value)

    def form(self, at: KeyPath, table: dict[str, Any], column: Column) -> Form | None:
        allowed: tuple[Form, ...] = _FORMS.get(column.kind, ())
        if column.name in _NO_SHARE:
            allowed = ("number",)
        if "as" in table:
            if not allowed:
                raise self.error(
                    (*at, "as"),
                    "as",
                    f"none for {column.name}",
                    "Its kind says how it is written; use map for words. Remove it.",
                )
            return cast("Form", self.choice((*at, "as"), table["as"], allowed))
        if column.kind in _MUST_SAY:
            raise self.error(
                at,
                f"no `as` for {column.name}",
                f"one of {', '.join(allowed)}",
                f'Say how the source writes it, such as as = "{allowed[0]}".',
            )
        return None

    def codes(self, at: KeyPath, value: object, column: Column) -> tuple[Code, ...]:
        if column.kind not in ("enum", "bool", "text", "id"):
            raise self.error(
                at, "map", f"none for {column.name}", "Only words can be mapped. Remove it."
            )
        table = self.table(at, value, '{ word = "meaning" }')
        found = []
        for key, meaning in table.items():
            if not key.strip():
                raise self.error(
                    (*at, key),
                    "an empty word",
                    "a word of the source",
                    "For empty cells, give a list of ways and let the last be a constant.",
                )
            means = self.meaning((*at, key), meaning, column)
            ends = _RANGE.fullmatch(key)
            if ends is None:
                found.append(Code(key.strip(), means))
            elif int(ends[1]) > int(ends[2]):
                raise self.error(
                    (*at, key), f"the range {key}", "the smaller number first", "Turn it round."
                )
            else:
                found.append(Code(key, means, int(ends[1]), int(ends[2])))
        return tuple(found)

    def meaning(self, at: KeyPath, value: object, column: Column) -> str:
        if column.kind == "bool":
            value = str(value).lower() if isinstance(value, bool) else value
            return self.choice(at, value, ("true", "false"))
        return self.choice(at, value, column.values) if column.values else self.text(at, value)

    def split(self, at: KeyPath, value: object, column: Column) -> str:
        if column.kind not in ("id", "text"):
            raise self.error(at, "split", f"none for {column.name}", "Split ids or text only.")
        if not isinstance(value, str) or not value:
            raise self.error(at, shown(value), "the sign between values", 'Write such as ",".')
        return value

    def words(self, at: KeyPath, value: object) -> tuple[str, ...]:
        """Return one text or several; the empty text stands for an empty cell."""
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list) or not found or not all(isinstance(x, str) for x in found):
            raise self.error(at, shown(value), "a list of texts", 'Write such as ["0", ""].')
        return tuple(each.strip() for each in found)

    def paths(self, at: KeyPath, value: object) -> tuple[SourcePath, ...]:
        return tuple(parse_path(text) for text in self.spelled(at, value))

    def spelled(self, at: KeyPath, value: object) -> tuple[str, ...]:
        """Return paths as they are written; one that nothing can be found by is refused."""
        texts = self.texts(at, value)
        for number, text in enumerate(texts):
            problem = path_problem(text)
            if problem is not None:
                raise self.error(
                    (*at, number) if isinstance(value, list) else at,
                    f"the path {quoted(text)}, with {problem}",
                    "a path such as a.b, a[].b, a[0].b or a[key=value].b",
                    "Correct the path.",
                )
        return texts

    # ------------------------------------------------------------------ people, rules

    def condition(self, at: KeyPath, table: dict[str, Any]) -> Condition:
        tests = [key for key in ("in", "not_in", "contains") if key in table]
        if "from" not in table or len(tests) != 1:
            raise self.error(
                at,
                "no from" if "from" not in table else f"{len(tests) or 'no'} tests",
                "from, and one of in, not_in, contains",
                'Write such as { from = "order_type", in = ["1"] }.',
            )
        words = self.words((*at, tests[0]), table[tests[0]])
        if tests[0] == "contains" and "" in words:
            raise self.error(
                (*at, "contains"), "an empty text", "what is looked for", "Every text contains it."
            )
        return Condition(
            self.paths((*at, "from"), table["from"]),
            among=words if tests[0] == "in" else (),
            not_among=words if tests[0] == "not_in" else (),
            contains=words if tests[0] == "contains" else (),
        )

    def rule(self, at: KeyPath, table: dict[str, Any]) -> Rule:
        self.check_keys(at, table, (*_CONDITION, "why"))
        why = self.text((*at, "why"), table["why"]) if "why" in table else None
        return Rule(self.condition(at, table), why)

    def mark(self, at: KeyPath, table: dict[str, Any]) -> Rule:
        if "why" not in table:
            raise self.error(at, "no why", "a reason", 'Add why = "test order", for example.')
        return self.rule(at, table)

    def when(self, at: KeyPath, table: dict[str, Any]) -> Condition | None:
        if "when" not in table:
            return None
        found = self.table((*at, "when"), table["when"], '{ from = "...", in = ["1"] }')
        self.check_keys((*at, "when"), found, _CONDITION)
        return self.condition((*at, "when"), found)

    def personal(self, at: KeyPath, table: dict[str, Any], keys: Sequence[str]) -> Field:
        """Read what identifiers and streamers have in common."""
        self.check_keys(at, table, keys)
        for key in ("from", "type"):
            if key not in table:
                raise self.error(at, f"no {key}", f"a {key}", f'Add {key} = "...".')
        form = None
        if "as" in table:
            form = cast("Form", self.choice((*at, "as"), table["as"], _ID_FORMS))
        return Field(
            paths=self.paths((*at, "from"), table["from"]),
            form=form,
            null_if=self.words((*at, "null_if"), table["null_if"]) if "null_if" in table else (),
            assumed=self.text((*at, "assumed"), table["assumed"]) if "assumed" in table else None,
        )

    def identifier(self, at: KeyPath, table: dict[str, Any]) -> Identifier:
        field = self.personal(at, table, _IDENTIFIER)
        kind = self.text((*at, "type"), table["type"])
        if kind == "phone" and field.form != "phone":
            raise self.error(
                at,
                "a phone that is not hashed",
                'as = "phone"',
                'Add as = "phone": the number itself is never kept.',
            )
        namespace = None
        if "namespace" in table:
            namespace = self.namespace((*at, "namespace"), table["namespace"])
        link = self.choice((*at, "link"), table.get("link", "medium"), _LINKS)
        role = self.choice((*at, "role"), table.get("role", "buyer"), _ROLES)
        return Identifier(
            field,
            kind,
            namespace,
            cast("Literal['strong', 'medium', 'weak']", link),
            cast("Literal['buyer', 'payer', 'recipient']", role),
            self.when(at, table),
        )

    def namespace(self, at: KeyPath, value: object) -> Field:
        if isinstance(value, dict):
            self.check_keys(at, value, ("value", "from"))
            if len(value) == 1 and "value" in value:
                return Field(value=self.constant((*at, "value"), value["value"]))
            value = value.get("from")
        return Field(paths=self.paths(at, value))

    def alias(self, at: KeyPath, table: dict[str, Any]) -> Alias:
        field = self.personal(at, table, _ALIAS)
        types = TABLES["streamer_aliases"].column("id_type").values
        return Alias(field, self.choice((*at, "type"), table["type"], types), self.when(at, table))


def _paths(block: Block) -> list[SourcePath]:
    """Return every path a block reads in its rows."""
    ways = [way for _, each in block.columns for way in each]
    ways += [person.field for person in block.ids]
    ways += [person.namespace for person in block.ids if person.namespace is not None]
    ways += [alias.field for alias in block.streamer]
    tests: list[Condition | None] = [rule.when for rule in (*block.skip, *block.mark)]
    tests += [way.when for way in ways]
    tests += [person.when for person in block.ids]
    tests += [alias.when for alias in block.streamer]
    found = [path for way in ways for path in way.paths]
    found += [path for test in tests if test is not None for path in test.paths]
    return [*found, *block.currency]
