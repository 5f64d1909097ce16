"""A workspace: one folder and the `attribution.toml` that says what is in it.

The file is written by people without an engineer beside them, so every mistake in it names its
line, what was found, what was expected, and the remedy. Nothing it names lies outside the folder,
except the key, which must.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote
from zoneinfo import available_timezones

from attribution.errors import ConfigError, quoted
from attribution.identity.rules import Rules
from attribution.journeys.definition import JourneyDefinition
from attribution.names import (
    COST_KINDS,
    COST_RULES,
    COST_SCOPES,
    DEFAULT_TIMEZONE,
    REFUND_KINDS,
)
from attribution.recipe import Recipe, recipe_of
from attribution.toml_page import KeyPath, Page, read_page, shown

if TYPE_CHECKING:
    import os

__all__ = [
    "FILE",
    "CostRules",
    "Exclude",
    "Guarantee",
    "LedgerRules",
    "Source",
    "Workspace",
    "read_workspace",
]

FILE = "attribution.toml"
_TABLES = (
    "brand",
    "identity",
    "journeys",
    "people",
    "report",
    "source",
    "exclude",
    "ledger",
    "costs",
    "guarantee",
)
_NAME = re.compile(r"[^\W_][\w .·-]{0,59}")
_PASSWORD = re.compile(
    r"://[^/@:]*:[^/@]+@|[?&;]\s*\w*(password|passwd|passphrase|pwd)\s*=", re.IGNORECASE
)
_ZONE = re.compile(r"(?!right/|posix/|localtime|posixrules|Factory)[A-Z]")
_ORDER_COLUMNS = ("platform", "order_id", "shop_id", "id_value", "status")


@dataclass(frozen=True)
class Source:
    """One place rows come from: files, or a query on a database.

    Attributes
    ----------
    name
        What reports and errors call it.
    mapping
        Name of the mapping that reads it.
    files
        Files, folders and patterns, relative to the workspace; empty for a database.
    sheet
        The sheet of a workbook; None for the first.
    url, sql
        A database and the query that reads it; None for files.
    values
        Constants for columns that the rows do not carry, such as a shop's id.
    snapshot
        Whether a file is the whole truth, as a sheet is: what its newest content lacks is gone.
    """

    name: str
    mapping: str
    files: tuple[str, ...] = ()
    sheet: str | None = None
    url: str | None = None
    sql: str | None = None
    values: tuple[tuple[str, str], ...] = ()
    snapshot: bool = False


@dataclass(frozen=True)
class Exclude:
    """A rule for orders that are none, such as tests: every condition must hold.

    Attributes
    ----------
    why
        Shown wherever the orders it leaves out are listed.
    where
        (column of orders, values) pairs.
    paid_at_most_fen
        Orders paid above this are kept; None for no such condition.
    """

    why: str
    where: tuple[tuple[str, tuple[str, ...]], ...] = ()
    paid_at_most_fen: int | None = None


@dataclass(frozen=True)
class LedgerRules:
    """How the books are kept.

    Attributes
    ----------
    models
        Of a closing, as `model_from_text` reads them; empty for the usual eight.
    tax_rate
        Of the tax within the amounts as paid, such as "0.13"; "0" shows no amounts without tax.
    """

    models: tuple[str, ...] = ()
    tax_rate: str = "0"


@dataclass(frozen=True)
class Guarantee:
    """A slot fee of which a part comes back if too little is sold (保底).

    Attributes
    ----------
    contract
        What `source_doc` of its slot fees begins with.
    roi
        What is to be sold for each yuan of the fee.
    of
        The column of orders that counts as sold: `gross_fen` or `net_fen`.
    sessions
        How many sessions the contract covers: before so many are held, nothing comes back. None
        for those that there are.
    """

    contract: str
    roi: float
    of: Literal["gross_fen", "net_fen"] = "gross_fen"
    sessions: int | None = None


@dataclass(frozen=True)
class CostRules:
    """How costs are reckoned and spread; docs/costs.md has the reasons.

    Attributes
    ----------
    by_kind, by_scope
        (kind or scope, rule) pairs: direct, by_revenue, by_minutes, by_units or none. A kind's
        comes before a scope's, and both before what the cost's own row says.
    reverses
        Kinds of costs that go back in proportion to refunds, as long as they are estimates.
    goods_back
        Kinds of refunds after which the goods are there again.
    guarantees
        Slot fees with a guarantee.
    """

    by_kind: tuple[tuple[str, str], ...] = ()
    by_scope: tuple[tuple[str, str], ...] = ()
    reverses: tuple[str, ...] = ("commission", "agency_fee", "platform_fee", "channel_share")
    goods_back: tuple[str, ...] = ("refund_before_ship", "refund_only", "return_refund")
    guarantees: tuple[Guarantee, ...] = ()


@dataclass(frozen=True)
class Workspace:
    """A folder and what its `attribution.toml` declares."""

    folder: Path
    brand: str
    timezone: str = DEFAULT_TIMEZONE
    language: Literal["zh", "en"] = "zh"
    sources: tuple[Source, ...] = ()
    excludes: tuple[Exclude, ...] = ()
    rules: Rules = field(default_factory=Rules)
    key_file: Path | None = None
    journeys: JourneyDefinition = field(default_factory=JourneyDefinition)
    people: Path | None = None
    report: Recipe = field(default_factory=Recipe)
    ledger: LedgerRules = field(default_factory=LedgerRules)
    costs: CostRules = field(default_factory=CostRules)

    @property
    def store(self) -> Path:
        """The folder of the store."""
        return self.folder / "data" / "store"

    @property
    def mappings(self) -> Path:
        """The folder of the workspace's own mappings."""
        return self.folder / "mappings"


def read_workspace(folder: str | os.PathLike[str]) -> Workspace:
    """Read a workspace's configuration.

    Raises
    ------
    ConfigError
        If the folder is no workspace, or its file cannot stand; names the line and the remedy.
    """
    root = Path(folder).resolve()
    file = root / FILE
    if not file.is_file():
        raise ConfigError(
            f"{folder}: found no {FILE}; expected a workspace. "
            f"Make one with `attribution init {folder}`, or name one with --workspace DIR."
        )
    page = _read(file)
    document = page.document
    page.check_keys((), document, _TABLES)
    return Workspace(
        folder=root,
        sources=_sources(page, document.get("source", [])),
        excludes=_excludes(page, document.get("exclude", [])),
        journeys=_journeys(page, document.get("journeys", {})),
        people=_people(page, document.get("people"), root),
        report=recipe_of(page, document.get("report", {})),
        ledger=_ledger(page, document.get("ledger", {})),
        costs=_costs(page, document.get("costs", {}), document.get("guarantee", [])),
        **_brand(page, document.get("brand", {}), root.name),
        **_identity(page, document.get("identity", {}), root),
    )


def _read(file: Path) -> Page:
    page = read_page(file, "the configuration of a workspace")
    return Page(FILE, page.document, page.lines)  # no machine's path in messages


def _brand(page: Page, table: Any, folder: str) -> dict[str, Any]:
    at: KeyPath = ("brand",)
    if not isinstance(table, dict):
        raise page.error(at, shown(table), "a table", 'Write [brand] and below it name = "...".')
    page.check_keys(at, table, ("name", "timezone", "language"))
    timezone = page.text((*at, "timezone"), table.get("timezone", DEFAULT_TIMEZONE))
    if timezone not in available_timezones() or not _ZONE.match(timezone):
        raise page.error(
            (*at, "timezone"),
            f"the text {quoted(timezone)}",
            "a time zone",
            'Write such as "Asia/Shanghai".',
        )
    language = table.get("language", "zh")
    if language not in ("zh", "en"):
        raise page.error(
            (*at, "language"), shown(language), '"zh" or "en"', "Choose the reports' language."
        )
    name = page.text((*at, "name"), table.get("name", folder))
    return {"brand": name, "timezone": timezone, "language": language}


def _identity(page: Page, table: Any, root: Path) -> dict[str, Any]:
    at: KeyPath = ("identity",)
    if not isinstance(table, dict):
        raise page.error(at, shown(table), "a table", "Write [identity] and its limits below.")
    defaults = {field.name: field.default for field in fields(Rules)}
    page.check_keys(at, table, ("key_file", *defaults))
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name == "split":
            values[name] = _split(page, (*at, name), value)
        elif name != "key_file":
            values[name] = _limit(page, (*at, name), value, defaults[name])
    key_file = None
    if "key_file" in table:
        text = page.text((*at, "key_file"), table["key_file"])
        try:
            key_file = (root / Path(text).expanduser()).resolve()
        except (RuntimeError, OSError):
            raise page.error(
                (*at, "key_file"), quoted(text), "a file", "Write its whole path."
            ) from None
        if key_file.is_relative_to(root):
            raise page.error(
                (*at, "key_file"),
                f"{quoted(text)}, which lies inside the workspace",
                "a file outside it",
                "Keep the key apart from the data it protects, such as in your home folder.",
            )
    try:
        return {"rules": Rules(**values), "key_file": key_file}
    except ConfigError as error:
        raise page.error(at, str(error), "limits that can stand", "Correct the value.") from None


def _limit(page: Page, at: KeyPath, value: Any, default: Any) -> Any:
    """Return a value of the default's kind: a count, a duration, or a list of id types."""
    if isinstance(default, tuple):
        return page.texts(at, value)
    if isinstance(default, str):
        return page.text(at, value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise page.error(at, shown(value), "a whole number above 0", f"Write such as {default}.")
    return value


def _split(page: Page, at: KeyPath, value: Any) -> tuple[tuple[str, str], ...]:
    """Return pairs of identifiers that are never one person."""
    if not isinstance(value, list):
        raise page.error(at, shown(value), "a list of pairs", 'Write [["id_hash", "id_hash"]].')
    pairs = []
    for number, pair in enumerate(value):
        both = page.texts((*at, number), pair)
        if len(both) != 2:
            raise page.error(
                (*at, number), shown(pair), "two identifiers", "Take both from `identities`."
            )
        pairs.append((both[0], both[1]))
    return tuple(pairs)


def _journeys(page: Page, table: Any) -> JourneyDefinition:
    """Return the definition of journeys; each setting is tried alone, to name its line."""
    at: KeyPath = ("journeys",)
    if not isinstance(table, dict):
        raise page.error(at, shown(table), "a table", "Write [journeys] and its settings below.")
    defaults = JourneyDefinition().settings()
    page.check_keys(at, table, tuple(defaults))
    values: dict[str, Any] = {}
    for name, value in table.items():
        if name in ("lookback_by", "weights"):
            values[name] = _entries(page, (*at, name), value)
            continue
        listed = defaults[name] == () and value != []
        values[name] = page.texts((*at, name), value) if listed else value
        _tried(page, (*at, name), {name: values[name]}, value)
    return JourneyDefinition(**values)


def _ledger(page: Page, table: Any) -> LedgerRules:
    at: KeyPath = ("ledger",)
    if not isinstance(table, dict):
        raise page.error(at, shown(table), "a table", "Write [ledger] and its settings below.")
    page.check_keys(at, table, ("models", "tax_rate"))
    rate = table.get("tax_rate", "0")
    if not isinstance(rate, str) or not re.fullmatch(r"0(\.\d{1,4})?", rate):
        raise page.error(
            (*at, "tax_rate"),
            shown(rate),
            "a rate below 1 as text, with at most four decimals",
            'Write such as "0.13".',
        )
    models = page.texts((*at, "models"), table["models"]) if table.get("models") else ()
    return LedgerRules(models, rate)


def _entries(page: Page, at: KeyPath, table: Any) -> dict[str, Any]:
    """Return a table of names with settings, each of them checked."""
    if not isinstance(table, dict):
        remedy = f"Write [journeys.{at[-1]}] and below it such as exposure = ..."
        raise page.error(at, shown(table), "a table", remedy)
    for name, value in table.items():
        _tried(page, (*at, name), {str(at[-1]): {name: value}}, value)
    return table


def _tried(page: Page, at: KeyPath, setting: dict[str, Any], value: Any) -> None:
    try:
        JourneyDefinition(**setting)
    except ConfigError as error:
        raise page.error(at, shown(value), "a value that can stand", str(error)) from None


def _sources(page: Page, listed: Any) -> tuple[Source, ...]:
    if not isinstance(listed, list):
        raise page.error(("source",), shown(listed), "[[source]]", "Use two brackets on each side.")
    sources: list[Source] = []
    for number, table in enumerate(listed):
        source = _source(page, ("source", number), table)
        if any(source.name == other.name for other in sources):
            raise page.error(
                ("source", number, "name"),
                f"{quoted(source.name)} a second time",
                "a name of its own for every source",
                "Rename one of the two.",
            )
        sources.append(source)
    return tuple(sources)


def _source(page: Page, at: KeyPath, table: Any) -> Source:
    if not isinstance(table, dict):
        raise page.error(at, shown(table), "a table", "Write [[source]] and its keys below.")
    page.check_keys(at, table, [field.name for field in fields(Source)])
    for key in ("name", "mapping"):
        if key not in table:
            raise page.error(at, f"no {key}", f"a {key}", f'Add {key} = "...".')
    name = page.text((*at, "name"), table["name"])
    mapping = page.text((*at, "mapping"), table["mapping"])
    for key, text in (("name", name), ("mapping", mapping)):
        if not _NAME.fullmatch(text):
            raise page.error(
                (*at, key),
                f"the text {quoted(text)}",
                "letters, digits, blanks, dots, - and _",
                "Give it a plain name; a mapping is named without folder and ending.",
            )
    if ("files" in table) == ("url" in table):
        raise page.error(
            at,
            "both files and url" if "files" in table else "neither files nor url",
            "one of them",
            'Write files = "data/raw/..." for files, or url and sql for a database.',
        )
    snapshot = table.get("snapshot", False)
    if not isinstance(snapshot, bool):
        raise page.error(
            (*at, "snapshot"), shown(snapshot), "true or false", "Write it without quotation marks."
        )
    return Source(
        name=name,
        mapping=mapping,
        snapshot=snapshot,
        values=_values(page, (*at, "values"), table.get("values", {})),
        **(_files(page, at, table) if "files" in table else _query(page, at, table)),
    )


def _people(page: Page, table: Any, root: Path) -> Path | None:
    """Return the file that says who was under observation, and when; None without one."""
    at: KeyPath = ("people",)
    if table is None:
        return None
    if not isinstance(table, dict) or "file" not in table:
        raise page.error(
            at, shown(table), "a table with a file", 'Write [people] and below it file = "...".'
        )
    page.check_keys(at, table, ("file",))
    text = page.text((*at, "file"), table["file"])
    _check_inside(page, (*at, "file"), text)
    return root / text


def _check_inside(page: Page, at: KeyPath, text: str) -> None:
    parts = re.split(r"[/\\]", text)
    if ".." in parts or Path(text).is_absolute() or text.startswith(("/", "\\", "~")):
        raise page.error(
            at,
            f"{quoted(text)}, which leaves the workspace",
            "a path inside it",
            "Copy the files into the workspace and name them from there, such as data/raw/...",
        )


def _files(page: Page, at: KeyPath, table: dict[str, Any]) -> dict[str, Any]:
    if "sql" in table:
        raise page.error((*at, "sql"), "sql beside files", "url beside sql", "Remove one of them.")
    files = page.texts((*at, "files"), table["files"])
    for text in files:
        _check_inside(page, (*at, "files"), text)
    sheet = page.text((*at, "sheet"), table["sheet"]) if "sheet" in table else None
    return {"files": files, "sheet": sheet}


def _query(page: Page, at: KeyPath, table: dict[str, Any]) -> dict[str, Any]:
    url = page.text((*at, "url"), table["url"])
    if _PASSWORD.search(unquote(url)):
        raise page.error(
            (*at, "url"),
            "a password",
            'the name of an environment variable, such as "env:ERP_URL"',
            "Set the variable to the whole URL, and keep the password out of this file.",
        )
    if "sql" not in table:
        raise page.error(at, "url without sql", "a query", 'Add sql = "SELECT ... FROM ...".')
    if "sheet" in table:
        raise page.error((*at, "sheet"), "sheet beside url", "no sheet", "Remove it.")
    return {"url": url, "sql": page.text((*at, "sql"), table["sql"])}


def _values(page: Page, at: KeyPath, table: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(table, dict):
        raise page.error(at, shown(table), "a table", 'Write values = { shop_id = "..." }.')
    return tuple((key, page.text((*at, key), value)) for key, value in sorted(table.items()))


def _excludes(page: Page, listed: Any) -> tuple[Exclude, ...]:
    if not isinstance(listed, list):
        raise page.error(
            ("exclude",), shown(listed), "[[exclude]]", "Use two brackets on each side."
        )
    return tuple(_exclude(page, ("exclude", i), table) for i, table in enumerate(listed))


def _exclude(page: Page, at: KeyPath, table: Any) -> Exclude:
    if not isinstance(table, dict):
        raise page.error(at, shown(table), "a table", "Write [[exclude]] and its keys below.")
    page.check_keys(at, table, ("why", "paid_at_most", *_ORDER_COLUMNS))
    if "why" not in table:
        raise page.error(at, "no why", "a reason", 'Add why = "test order", for example.')
    where = tuple(
        (name, page.texts((*at, name), table[name])) for name in _ORDER_COLUMNS if name in table
    )
    limit = None
    if "paid_at_most" in table:
        text = table["paid_at_most"]
        if not isinstance(text, str) or not re.fullmatch(r"\d{1,9}(\.\d{1,2})?", text):
            raise page.error(
                (*at, "paid_at_most"), shown(text), "yuan as text", 'Write such as "0.01".'
            )
        yuan, _, rest = text.partition(".")
        limit = int(yuan) * 100 + int(rest.ljust(2, "0") or 0)
    if not where and limit is None:
        raise page.error(
            at,
            "no condition",
            f"paid_at_most or one of {', '.join(_ORDER_COLUMNS)}",
            "Without a condition the rule would leave out every order.",
        )
    return Exclude(page.text((*at, "why"), table["why"]), where, limit)


def _costs(page: Page, table: Any, listed: Any) -> CostRules:
    at: KeyPath = ("costs",)
    if not isinstance(table, dict):
        raise page.error(at, shown(table), "a table", "Write [costs] and its rules below.")
    page.check_keys(at, table, ("by_kind", "by_scope", "reverses", "goods_back"))
    values: dict[str, Any] = {
        name: _spread(page, (*at, name), table[name], known)
        for name, known in (("by_kind", COST_KINDS), ("by_scope", COST_SCOPES))
        if name in table
    }
    for name, known in (("reverses", COST_KINDS), ("goods_back", REFUND_KINDS)):
        if name in table:  # an empty list says that none does
            found = () if table[name] == [] else page.texts((*at, name), table[name])
            for number, text in enumerate(found):
                _known(page, (*at, name, number), text, known)
            values[name] = found
    if not isinstance(listed, list):
        raise page.error(
            ("guarantee",), shown(listed), "[[guarantee]]", "Use two brackets on each side."
        )
    guarantees = tuple(_guarantee(page, ("guarantee", i), each) for i, each in enumerate(listed))
    for number, one in enumerate(guarantees):
        if any(_overlap(one.contract, other.contract) for other in guarantees[:number]):
            raise page.error(
                ("guarantee", number, "contract"),
                f"{quoted(one.contract)}, which another one covers",
                "every contract once",
                "Write the whole number of each contract.",
            )
    return CostRules(guarantees=guarantees, **values)


def _spread(
    page: Page, at: KeyPath, table: Any, known: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Return a table of kinds or scopes with the rule of each."""
    if not isinstance(table, dict):
        raise page.error(at, shown(table), "a table", f'Write such as {known[0]} = "none".')
    page.check_keys(at, table, known)
    return tuple(
        (name, _known(page, (*at, name), rule, COST_RULES)) for name, rule in table.items()
    )


def _known(page: Page, at: KeyPath, value: Any, known: tuple[str, ...]) -> str:
    if value not in known:
        raise page.error(at, shown(value), f"one of {', '.join(known)}", "Write one of these.")
    return str(value)


def _overlap(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _guarantee(page: Page, at: KeyPath, table: Any) -> Guarantee:
    if not isinstance(table, dict):
        raise page.error(at, shown(table), "a table", "Write [[guarantee]] and its keys below.")
    page.check_keys(at, table, [field.name for field in fields(Guarantee)])
    for key in ("contract", "roi"):
        if key not in table:
            raise page.error(at, f"no {key}", f"a {key}", f"Add {key} = ...")
    roi = table["roi"]
    if isinstance(roi, bool) or not isinstance(roi, int | float) or not 0 < roi < 1_000:
        raise page.error((*at, "roi"), shown(roi), "a number above 0", "Write such as 2 for 1:2.")
    sessions = table.get("sessions")
    if sessions is not None:
        sessions = _limit(page, (*at, "sessions"), sessions, 4)
    of = _known(page, (*at, "of"), table.get("of", "gross_fen"), ("gross_fen", "net_fen"))
    return Guarantee(
        page.text((*at, "contract"), table["contract"]),
        float(roi),
        "net_fen" if of == "net_fen" else "gross_fen",
        sessions,
    )
