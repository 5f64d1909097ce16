"""What journeys are made of, out of a store: touchpoints, orders and lines, person by person.

The store is read once. Its rows go to temporary files, split into portions by person, so that a
portion fits into memory whatever the store holds. A portion is then shown as the relations that
the steps of journeys read.
"""

# ruff: noqa: S608  (every name put into a query is one of our own tables and columns)

from __future__ import annotations

import errno
import shutil
import tempfile
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from attribution.errors import StoreError
from attribution.journeys.paths import checked_channels
from attribution.names import ORDER_SOURCE
from attribution.notes import Note, NoteKind
from attribution.store.channels import label_columns, labelled
from attribution.store.connection import enough_memory, open_connection
from attribution.store.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb

    from attribution.journeys.definition import JourneyDefinition
    from attribution.store.channels import Language
    from attribution.store.store import Store

__all__ = ["LISTED", "Inputs", "input_steps", "inputs", "place_step", "relation_steps"]

LISTED = "listed_people"

_AT_ONCE = 1 << 18  # rows split at a time
_NAMES = ("streamer_names", "session_names")

_ORDERS = r"""
SELECT platform || ':' || order_id AS order_id, person_id AS person, attributed_at AS "at",
    gross_fen, net_fen, net_expected_fen, platform, category, erp_order_id, booked_day,
    nullif(regexp_replace(trim(province),
        '(省|市|特别行政区|(壮族|回族|维吾尔)?自治区)$', ''), '') AS province,
    CASE
        WHEN is_new_buyer_shop THEN 'new'
        WHEN NOT is_new_buyer_shop THEN 'returning'
        WHEN person_id IS NULL THEN NULL
        WHEN row_number() OVER (
            PARTITION BY person_id ORDER BY attributed_at, platform, order_id
        ) = 1 THEN 'new'
        ELSE 'returning'
    END AS buyer
FROM orders
WHERE is_paid
"""

_LINES = """
SELECT o.order_id, o.person, l.platform || ':' || l.product_id AS product_id, l.category,
    l.platform || ':' || l.room_id AS session_id,
    l.platform || ':' || coalesce(l.video_id, l.content_id) AS content_id, l.paid_fen
FROM order_lines AS l
JOIN order_rows AS o ON o.order_id = l.platform || ':' || l.order_id
WHERE l.is_revenue
"""

# Ids mean something within a platform only.
_TOUCHPOINTS = """
SELECT t.person, t."at", t.platform || ':' || t.event_id AS event_id, c.channel, t.event,
    t.platform || ':' || t.session_id AS session_id,
    t.platform || ':' || t.content_id AS content_id,
    t.streamer_id, t.platform || ':' || t.product_id AS product_id,
    d.day AS session_day, d.end_at AS session_end, t.platform || ':' || t.order_id AS order_id
FROM kept_touchpoints AS t
JOIN channel_places AS c ON {same}
LEFT JOIN session_days AS d ON d.platform = t.platform AND d.session_id = t.session_id
"""

_SESSION_DAYS = """
SELECT platform, session_id, CAST(CAST(day AS DATE) - DATE '1970-01-01' AS INTEGER) AS day, end_at
FROM sessions
WHERE day IS NOT NULL
"""


def input_steps(definition: JourneyDefinition) -> list[Step]:
    """Return the steps from the store's tables to the rows that are kept, person by person."""
    columns = dict.fromkeys(
        [
            *("platform", "event_id", "event", "session_id", "content_id", "streamer_id"),
            *("product_id", "order_id"),
            *label_columns(definition.level),
        ]
    )
    # What was being explained costs a join, so it is asked for only where it shows.
    explained = (
        definition.level == "offer"
        or definition.match != "any"
        or "product_id" in definition.columns
    )
    steps = [
        Step(
            "kept_touchpoints",
            "touchpoints of people who are known, and what orders say of their own source",
            f'\nSELECT person_id AS person, "at", {", ".join(columns)}\n'
            f"FROM {'explained_touchpoints' if explained else 'touchpoints'}\n"
            "WHERE person_id IS NOT NULL OR order_id IS NOT NULL",
        ),
        Step("order_rows", "paid orders at the time of their attribution, with labels", _ORDERS),
        Step("session_days", "the day each session starts on, and when it ends", _SESSION_DAYS),
    ]
    if _lines_matter(definition):
        steps.append(Step("line_rows", "what was sold in them, and where", _LINES))
    return steps


def _lines_matter(definition: JourneyDefinition) -> bool:
    return bool(definition.products or definition.categories) or definition.match != "any"


def place_step(definition: JourneyDefinition, language: Language) -> Step:
    """Return the step that names the channels of kept touchpoints."""
    return Step(
        "channel_places",
        "the channel of each place at the level of the definition; its code is its rank among the "
        "sorted names",
        "\nSELECT *, CAST(dense_rank() OVER (ORDER BY name) - 1 AS INTEGER) AS channel\n"
        f"FROM ({labelled('kept_touchpoints', definition.level, language)}) AS named",
    )


def relation_steps(definition: JourneyDefinition) -> list[Step]:
    """Return the step from kept touchpoints to the relation that the steps of journeys read."""
    same = " AND ".join(
        f"c.{name} IS NOT DISTINCT FROM t.{name}" for name in label_columns(definition.level)
    )
    return [Step("touchpoint_rows", "touchpoints by channel", _TOUCHPOINTS.format(same=same))]


@dataclass(frozen=True, eq=False)
class Inputs:
    """The rows of a store that journeys are made of, in portions; no person stands in two.

    Attributes
    ----------
    definition
        What a journey is.
    channels
        Every channel, sorted: a code is an index into it.
    as_of
        UTC milliseconds: as given, else the latest instant in the rows.
    notes
        What a reader must know of the rows.
    portions
        Names of folders that hold a portion's rows.
    timezone, memory
        Of the connections that show them.
    """

    definition: JourneyDefinition
    channels: tuple[str, ...]
    as_of: int
    notes: tuple[Note, ...]
    portions: tuple[Path, ...]
    timezone: str
    memory: str
    _places: pa.Table
    _session_days: pa.Table

    @contextmanager
    def relations(self, portion: Path) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a connection with `touchpoint_rows`, `order_rows` and `line_rows` of a portion."""
        with enough_memory("touchpoint_rows"):
            opened = open_connection(self.timezone, self.memory)
        with closing(opened) as connection:
            for file in sorted(portion.glob("*.arrows")):
                connection.register(file.stem, _read(file))
            connection.register("channel_places", self._places)
            connection.register("session_days", self._session_days)
            for step in relation_steps(self.definition):
                connection.execute(f'CREATE TEMP VIEW "{step.name}" AS {step.sql}')
            yield connection


@contextmanager
def inputs(
    store: Store,
    definition: JourneyDefinition,
    *,
    portions: int,
    memory: str,
    people: pa.Table | None = None,
) -> Iterator[Inputs]:
    """Give the rows of a store that journeys are made of, while the block lasts.

    Parameters
    ----------
    store
        With its language and `as_of`.
    definition
        What a journey is.
    portions
        How many to split people into.
    memory
        What a connection may use before it writes to temporary files, such as "2GB".
    people
        Who was under observation, see `Listed`: each is shown with the portion of his rows, as
        `listed_people`. None where nobody has said so.

    Raises
    ------
    StoreError
        If the memory does not suffice; it names the step.
    """
    with tempfile.TemporaryDirectory(prefix="attribution-") as folder:
        kept = partial(_kept, store, definition, Path(folder), portions, memory, people)
        steps = input_steps(definition)
        counted = () if store.as_of is None else ("later_rows",)
        yield store.reading(steps, kept, tables=(*_NAMES, *counted), memory=memory)


def _kept(
    store: Store,
    definition: JourneyDefinition,
    folder: Path,
    portions: int,
    memory: str,
    people: pa.Table | None,
    connection: duckdb.DuckDBPyConnection,
) -> Inputs:
    """Write all rows to the folder, split by person, and name their channels."""
    for left in folder.iterdir():  # by an attempt during which the store changed
        shutil.rmtree(left, ignore_errors=True)
    folders = tuple(Path(tempfile.mkdtemp(dir=folder)) for _ in range(portions))
    latest = 0
    owners = {
        "kept_touchpoints": "coalesce(person, platform || ':' || order_id)",
        "order_rows": "coalesce(person, order_id)",
    }
    if _lines_matter(definition):
        owners["line_rows"] = "coalesce(person, order_id)"
    if people is not None:
        owners[LISTED] = "person"
        connection.register(LISTED, people)
        latest = pc.max(people["end_ms"]).as_py() or 0
    for name, owner in owners.items():
        sql = f"SELECT *, CAST(hash({owner}) % {portions} AS INTEGER) AS portion FROM {name}"
        with enough_memory(name), _enough_room():
            reader = connection.sql(sql).to_arrow_reader(_AT_ONCE)
            latest = max(latest, _split(reader, name, folders))
    places = place_step(definition, store.language)
    connection.execute("DROP VIEW kept_touchpoints")
    met = [_places(connection, definition, each) for each in folders]
    connection.register("kept_touchpoints", pa.concat_tables(met))
    with enough_memory(places.name):
        found = connection.sql(places.sql).to_arrow_table()
        days = connection.sql("FROM session_days").to_arrow_table()
    named = dict(zip(found["channel"].to_pylist(), found["name"].to_pylist(), strict=True))
    channels = checked_channels(tuple(named[code] for code in range(len(named))))
    return Inputs(
        definition=definition,
        channels=channels,
        as_of=latest if store.as_of is None else store.as_of,
        notes=_notes(connection, store, folders, people),
        portions=folders,
        timezone=store.timezone,
        memory=memory,
        _places=found.drop_columns("name"),
        _session_days=days,
    )


def _places(
    connection: duckdb.DuckDBPyConnection, definition: JourneyDefinition, folder: Path
) -> pa.Table:
    """Return the distinct places of a portion: a name depends on no more of its touchpoints."""
    connection.register("portion", _read(folder / "kept_touchpoints.arrows"))
    columns = ", ".join(label_columns(definition.level))
    with enough_memory("channel_places"):
        return connection.sql(f"SELECT DISTINCT {columns} FROM portion").to_arrow_table()


def _notes(
    connection: duckdb.DuckDBPyConnection,
    store: Store,
    folders: Sequence[Path],
    people: pa.Table | None,
) -> tuple[Note, ...]:
    nobody = sum(_read(each / "order_rows.arrows")["person"].null_count for each in folders)
    notes = [Note(NoteKind.ORDERS_WITHOUT_PERSON, nobody)]
    if people is not None:
        unlisted = sum(_unlisted(each, people["person"]) for each in folders)
        notes.append(Note(NoteKind.UNLISTED_PEOPLE, unlisted))
    if store.as_of is not None:
        ((later,),) = connection.execute(
            "SELECT coalesce(sum(rows), 0) FROM later_rows "
            "WHERE table_name IN ('touchpoints', 'orders')"
        ).fetchall()
        moment = pd.Timestamp(store.as_of, unit="ms", tz="UTC").tz_convert(store.timezone)
        notes.insert(0, Note(NoteKind.AFTER_AS_OF, int(later), moment.isoformat()))
    return tuple(note for note in notes if note.count)


def _unlisted(folder: Path, listed: pa.ChunkedArray) -> int:
    """Return how many persons of a portion are in no list."""
    touched = _read(folder / "kept_touchpoints.arrows")
    seen = touched.filter(pc.not_equal(touched["event"], ORDER_SOURCE))["person"]
    ordered = _read(folder / "order_rows.arrows")["person"]
    persons = pa.chunked_array([*seen.chunks, *ordered.chunks], pa.string()).unique().drop_null()
    return int(pc.sum(pc.invert(pc.is_in(persons, value_set=listed))).as_py() or 0)


# ---------------------------------------------------------------------- files


def _split(reader: pa.RecordBatchReader, name: str, folders: Sequence[Path]) -> int:
    """Write rows to the folders of their portions; return the latest instant among them, or 0.

    DuckDB's own way of writing in partitions takes twice the time and four times the memory.
    """
    schema = reader.schema.remove(reader.schema.get_field_index("portion"))
    latest = 0
    with ExitStack() as opened:
        writers = [
            opened.enter_context(pa.ipc.new_stream(folder / f"{name}.arrows", schema))
            for folder in folders
        ]
        for batch in reader:
            portion = batch.column("portion").to_numpy()
            rows = batch.drop_columns(["portion"])
            if "at" in schema.names and batch.num_rows:
                latest = max(latest, pc.max(rows.column("at")).as_py())
            order = np.argsort(portion.astype(np.uint16), kind="stable")
            counts = np.bincount(portion, minlength=len(folders))
            by_portion = rows.take(pa.array(order))
            for writer, end, count in zip(writers, np.cumsum(counts), counts, strict=True):
                if count:
                    writer.write_batch(by_portion.slice(int(end - count), int(count)))
    return latest


@contextmanager
def _enough_room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise StoreError(
            "no room left for temporary files",
            "about 130 bytes for each touchpoint",
            "Free some space, or name a folder on another disk in the variable TMPDIR.",
        ) from error


def _read(file: Path) -> pa.Table:
    with pa.memory_map(str(file)) as mapped:
        return pa.ipc.open_stream(mapped).read_all()
