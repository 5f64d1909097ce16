"""Journeys on a real cluster, against the same journeys on one machine and as plain loops."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attribution import (
    ConfigError,
    DataError,
    Hazard,
    Journeys,
    LastNonDirect,
    Markov,
    MissingAges,
    PositionBased,
    Shapley,
    TimeDecay,
    attribute,
    compare,
)
from attribution.assemble import spark as on_spark
from attribution.assemble import spark_session
from attribution.assemble.opened import StoreJourneys, open_journeys
from attribution.assemble.spark_session import own_session, started_session
from attribution.assemble.spark_steps import made_step
from attribution.journeys.blocks import join
from attribution.journeys.definition import JourneyDefinition
from attribution.model import block_tallies, tallies
from attribution.workspace import Workspace
from tests.assemble.cluster import LIGHT, Broken, Cluster, Held, cluster, missing
from tests.assemble.histories import CHANNELS
from tests.assemble.lakes import SINCE, dated, in_a_lake, many_histories
from tests.assemble.test_rows import WATCHED
from tests.assemble.test_steps import assert_same
from tests.assemble.twin import frames
from tests.brand import sample_brand

pytestmark = [
    pytest.mark.spark,
    pytest.mark.xdist_group("spark"),
    pytest.mark.skipif(bool(missing()), reason=missing()),
    # Sockets of py4j are closed when they are collected.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning"),
]

START = 1_800_000_000_000
MODELS = [
    LastNonDirect(direct="抖音 · 直播"),
    PositionBased(),
    TimeDecay("3D"),
    Markov(),
    Markov(2),
    Shapley(),
    Shapley("rate"),
]


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


def light_session(master: str, **settings: str) -> Any:
    """Start a session for little data: no reason to make code of queries, and better code of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_SUBMIT_ARGS", f"--driver-java-options '{LIGHT}' pyspark-shell")
        return started_session(
            master,
            {
                "spark.executor.extraJavaOptions": LIGHT,
                "spark.executor.memory": "600m",
                "spark.sql.codegen.wholeStage": "false",
                "spark.sql.codegen.factoryMode": "NO_CODEGEN",
                "spark.sql.shuffle.partitions": "3",
                "spark.ui.enabled": "false",
            }
            | settings,
        )


def test_a_cluster_without_workers_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first of this file: a process has one session, and here is none yet."""
    monkeypatch.setattr(spark_session, "_EXECUTOR_SECONDS", 1)
    with (
        cluster(tmp_path, workers=0) as lonely,
        pytest.raises(ConfigError, match=r"no executor within 1 seconds\. .* has workers"),
    ):
        light_session(lonely.master)


@pytest.fixture(scope="module")
def session(machines: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    where = {"spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse"))}
    started = light_session(machines.master, **where)
    yield started
    started.stop()


@pytest.fixture(scope="module")
def brand(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return sample_brand(tmp_path_factory.mktemp("brand"))


@pytest.fixture(scope="module")
def here(brand: Workspace) -> StoreJourneys:
    found = open_journeys(brand)
    assert isinstance(found, StoreJourneys)
    return found


@pytest.fixture(scope="module")
def there(brand: Workspace, session: Any) -> on_spark.SparkJourneys:
    found = open_journeys(brand, engine="spark", spark=session, batches=3)
    assert isinstance(found, on_spark.SparkJourneys)
    return found


# ---------------------------------------------------------------------- steps


PLAIN = JourneyDefinition(
    lookback="20ms",
    lookback_by={"Douyin": "9ms", "comment": "30ms"},
    expiry="4ms",
    same_visit="4ms",
)
OPTIONS = [
    PLAIN,
    replace(
        PLAIN,
        reuse=True,
        match="matched",
        columns=("event", "product_id"),
        segments=("buyer", "platform"),
        net_of_refunds=True,
    ),
    replace(
        PLAIN,
        match="halo",
        conversion="first",
        products=("1", "it's\\"),
        categories=("it's; --",),
        one_per_session=True,
        weights={"exposure": 0.1, "order_source": 2.5},
        columns=("streamer_id", "session_id"),
        value="net_fen",
    ),
]


@pytest.mark.parametrize("definition", OPTIONS, ids=["plain", "matched", "halo"])
def test_every_step_holds_what_the_definition_says(
    session: Any, definition: JourneyDefinition
) -> None:
    history = many_histories(150, as_of=40)
    own = own_session(session)
    for name, table in history.tables().items():
        own.createDataFrame(table).createOrReplaceTempView(name)
    expected = frames(history, definition, CHANNELS)
    with made_step(own, definition, CHANNELS, history.as_of, "watched_journeys"):
        # A step that is left out is one that nothing needs; the twin makes it all the same.
        made = {row.tableName for row in own.sql("SHOW TABLES").collect()} & {*expected}
        needed = {"conversions", "taken", "order_touchpoints", "runs", "journeys"}
        assert needed | {"watched_journeys"} <= made
        assert_same(
            {name: own.table(name).toArrow() for name in made},
            {name: expected[name] for name in made},
        )


# ---------------------------------------------------------------------- from a store


def test_tallies_are_those_of_one_machine_bit_for_bit(
    here: StoreJourneys, there: on_spark.SparkJourneys
) -> None:
    for one, other in zip(tallies(here, MODELS), tallies(there, MODELS), strict=True):
        assert one.channels == other.channels
        assert np.array_equal(one.offsets, other.offsets)
        assert np.array_equal(one.codes, other.codes)
        whole = (one.sums == np.round(one.sums)).all(axis=0)
        assert np.array_equal(one.sums[:, whole], other.sums[:, whole])
        np.testing.assert_allclose(one.sums, other.sums, rtol=1e-9)


def test_credit_and_intervals_are_those_of_one_machine(
    here: StoreJourneys, there: on_spark.SparkJourneys
) -> None:
    models = [TimeDecay("3D"), Markov()]
    one = compare(here, models, interval=0.95).frame()
    other = compare(there, models, interval=0.95).frame()
    assert one["conversions"].sum() > 100
    pd.testing.assert_frame_equal(one, other, rtol=1e-9)


def test_rates_in_time_are_those_of_one_machine(
    here: StoreJourneys, there: on_spark.SparkJourneys
) -> None:
    models = [Hazard(half_life="3D")]
    one, other = compare(here, models).frame(), compare(there, models).frame()
    assert one["conversions"].sum() > 100
    pd.testing.assert_frame_equal(one, other, rtol=1e-6, atol=1e-6)


def test_each_block_of_people_is_counted_where_it_lies(
    here: StoreJourneys, there: on_spark.SparkJourneys
) -> None:
    (one,), (other,) = block_tallies(here, [Shapley()]), block_tallies(there, [Shapley()])
    assert one == other


def rows_of(journeys: Journeys) -> list[tuple[Any, ...]]:
    columns = [
        journeys.order_id,
        journeys.closed_at,
        journeys.day,
        journeys.block,
        journeys.open,
        *(getattr(journeys, name) for name in WATCHED),
        *journeys.values.values(),
        *journeys.segments.values(),
    ]
    touches = [journeys.codes, journeys.ages, *journeys.touch.values()]
    paths = [
        tuple(tuple(column[first:last]) for column in touches)
        for first, last in zip(journeys.offsets[:-1], journeys.offsets[1:], strict=True)
    ]
    return sorted(
        (tuple(map(str, own)), str(path)) for *own, path in zip(*columns, paths, strict=True)
    )


def test_batches_come_here_too(brand: Workspace, session: Any) -> None:
    chosen = {
        "level": "session",
        "columns": ["event"],
        "segments": ["province"],
        "as_of": "2026-11-11",
    }
    here = list(open_journeys(brand, **chosen))
    there = list(open_journeys(brand, engine="spark", spark=session, **chosen))
    assert there[0].notes == here[0].notes
    assert len(there[0].notes) == 2
    assert rows_of(join(there)) == rows_of(join(here))
    assert len(join(here)) > 100


def test_rows_lie_in_the_shared_folder_only_while_they_are_used(
    brand: Workspace, session: Any, tmp_path: Path
) -> None:
    journeys = open_journeys(brand, engine="spark", spark=session, shared=tmp_path)
    assert not [*tmp_path.iterdir()]
    walk = iter(journeys)
    next(walk)
    assert [*tmp_path.glob("*/touchpoint_rows/*.parquet")]
    walk.close()
    assert not [*tmp_path.iterdir()]


def test_what_many_partitions_find_is_added_up_on_the_cluster_first(
    here: StoreJourneys, there: on_spark.SparkJourneys, session: Any
) -> None:
    added = replace(there, session=session.newSession())
    added.session.conf.set("spark.sql.shuffle.partitions", "17")
    assert tallies(added, [Markov()]) == tallies(here, [Markov()])


# ---------------------------------------------------------------------- from tables on the cluster


def test_a_lake_of_parquet_files_gives_the_journeys_of_its_rows(
    session: Any, tmp_path: Path
) -> None:
    history = many_histories(60, as_of=10**6)
    tables = in_a_lake(history)
    eight_hours = 8 * 3_600_000
    tables["touchpoints"] = dated(tables["touchpoints"], pa.timestamp("us"), eight_hours)
    tables["orders"] = dated(tables["orders"], pa.timestamp("us", "UTC"))
    for name, table in tables.items():
        pq.write_table(table, tmp_path / f"{name}.parquet")
    chosen = {
        "lookback": "20ms",
        "expiry": "4ms",
        "same_visit": "4ms",
        "match": "halo",
        "segments": ["buyer"],
        "columns": ["session_id"],
    }
    journeys = open_journeys(
        {name: str(tmp_path / f"{name}.parquet") for name in tables},
        engine="spark",
        spark=session,
        **chosen,
    )
    found = join(list(journeys))
    expected = frames(history, JourneyDefinition(**chosen), CHANNELS)["journeys"]
    assert found.channels == tuple(sorted(CHANNELS))
    assert len(found) == len(expected)
    assert sorted(found.order_id[found.conversions > 0]) == sorted(
        row["order_id"] for row in expected if row["order_id"] is not None
    )
    by_order = {row["order_id"]: row for row in expected}
    for nth in np.flatnonzero(found.conversions):
        row = by_order[found.order_id[nth]]
        assert found.closed_at[nth] == row["closed_at_ms"] + SINCE
        assert found.segments["match"][nth] == row["match"]
        path = found.codes[found.offsets[nth] : found.offsets[nth + 1]]
        touches = row["touches"] or []
        assert [found.channels[code] for code in path] == [
            CHANNELS[touch["channel"]] for touch in touches
        ]
    nobody = sum(row["person"] is None for row in history.order_rows)
    assert [note.count for note in join(list(journeys)).notes] == [nobody]


@pytest.fixture(scope="module")
def shop(session: Any) -> str:
    """Return the name of a database that holds a small lake as tables."""
    session.sql("CREATE DATABASE shop")
    touches = pa.table(
        {
            "person": [1, 1, 2],
            "at": [START, START + 5, START + 9],
            "event_id": [1, 2, 3],
            "channel": [" a ", "b", "a"],
        }
    )
    orders = pa.table(
        {
            "order_id": ["o1", "o2"],
            "person": [1, None],
            "at": [START + 7, START + 8],
            "gross_fen": [300, 50],
            "net_fen": [300, 50],
            "net_expected_fen": [250, 50],
        }
    )
    for name, table in (("touchpoints", touches), ("orders", orders)):
        session.createDataFrame(table).write.saveAsTable(f"shop.{name}")
    return "shop"


def test_tables_of_a_catalogue_need_few_columns(session: Any, shop: str) -> None:
    tables = {"touchpoints": f"{shop}.touchpoints", "orders": f"{shop}.orders"}
    journeys = open_journeys(tables, engine="spark", spark=session, lookback="1D")
    frame = attribute(journeys, PositionBased()).frame().set_index("channel")
    assert frame["conversions"].to_dict() == {"a": 0.5, "b": 0.5, "(unattributed)": 1.0}
    assert frame["value"].to_dict() == {"a": 150.0, "b": 150.0, "(unattributed)": 50.0}


def test_later_rows_of_tables_are_left_out_and_counted(session: Any, shop: str) -> None:
    tables = {"touchpoints": f"{shop}.touchpoints", "orders": f"{shop}.orders"}
    until = pd.Timestamp(START + 7, unit="ms", tz="UTC")
    journeys = list(open_journeys(tables, engine="spark", spark=session, as_of=until))
    (note,) = journeys[0].notes
    assert (note.kind, note.count) == ("after_as_of", 2)
    assert [list(join(journeys).order_id)] == [["o1"]]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT * EXCEPT (channel) FROM shop.touchpoints", "no column channel among person"),
        ("SELECT * EXCEPT (at), 1.5D AS at FROM shop.touchpoints", "found double in column at"),
        (
            "SELECT * EXCEPT (person), 1.5D AS person FROM shop.touchpoints",
            "double in column person",
        ),
        ("SELECT * FROM shop.touchpoints UNION ALL SELECT * FROM shop.touchpoints", "3 ids that"),
        (
            "SELECT person, at, event_id, nullif(channel, 'b') AS channel FROM shop.touchpoints",
            "1 rows of touchpoints without channel",
        ),
        (
            "SELECT person, at, event_id, '(organic)' AS channel FROM shop.touchpoints",
            "a channel named '\\(organic\\)'",
        ),
        (
            "SELECT person, 1767225600 AS at, event_id, channel FROM shop.touchpoints",
            "column 'at': found 3 rows of touchpoints at times far.*UTC milliseconds",
        ),
        (
            "SELECT person, at, event_id, ' ' AS channel FROM shop.touchpoints",
            "column 'channel': found 3 rows of touchpoints with a blank channel",
        ),
    ],
    ids=["column", "time", "id", "twice", "no channel", "reserved", "seconds", "blank"],
)
def test_what_is_wrong_with_a_table_is_said(
    session: Any, shop: str, sql: str, message: str
) -> None:
    session.sql(f"CREATE OR REPLACE VIEW shop.odd AS {sql}")
    tables = {"touchpoints": "shop.odd", "orders": f"{shop}.orders"}
    with pytest.raises((ConfigError, DataError), match=message):
        list(open_journeys(tables, engine="spark", spark=session))


def test_money_below_zero_and_other_zones_are_refused(session: Any, shop: str) -> None:
    session.sql(
        "CREATE OR REPLACE VIEW shop.odd_orders AS "
        "SELECT * EXCEPT (gross_fen), CAST(-5 AS BIGINT) AS gross_fen FROM shop.orders"
    )
    tables = {"touchpoints": "shop.touchpoints", "orders": "shop.odd_orders"}
    with pytest.raises(DataError, match=r"column 'gross_fen': found . rows of orders with less"):
        list(open_journeys(tables, engine="spark", spark=session))
    with pytest.raises(ConfigError, match="Mars"):
        list(open_journeys(tables, engine="spark", spark=session, tz="Mars"))


def test_times_that_spark_cannot_read_are_named(session: Any, tmp_path: Path) -> None:
    at = pa.array([START], pa.timestamp("ns"))
    rows = pa.table({"person": ["p"], "at": at, "event_id": ["e"], "channel": ["a"]})
    (tmp_path / "t").mkdir()
    pq.write_table(rows, tmp_path / "t" / "part.parquet", version="2.6")
    tables = {"touchpoints": str(tmp_path / "t"), "orders": "shop.orders"}
    with pytest.raises(ConfigError, match=r"NANOS.*microseconds"):
        list(open_journeys(tables, engine="spark", spark=session))


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"touchpoints": "shop.touchpoints"}, "no table for orders"),
        ({"touchpoints": "x", "orders": "y", "people": "z"}, "the table 'people'"),
        ({"touchpoints": "shop.nothing", "orders": "shop.orders"}, "'shop.nothing' for touchpoi"),
        ({"touchpoints": "/no/such/files", "orders": "shop.orders"}, "'/no/such/files' for touc"),
    ],
    ids=["orders", "unknown", "table", "files"],
)
def test_a_table_that_is_not_there_is_named(
    session: Any, tables: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        list(open_journeys(tables, engine="spark", spark=session))


# ---------------------------------------------------------------------- what can go wrong


def test_an_error_of_a_model_on_a_worker_is_that_error_here(
    there: on_spark.SparkJourneys,
) -> None:
    with pytest.raises(MissingAges, match="needs the age of every touchpoint"):
        attribute(there, Broken(MissingAges("Broken")))
    with pytest.raises(ConfigError, match="On a worker: KeyError: 'oh no'"):
        attribute(there, Broken(KeyError("oh no")))


def test_another_version_of_the_package_on_the_workers_is_refused(
    there: on_spark.SparkJourneys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(on_spark, "__version__", "0.0.7")
    with pytest.raises(ConfigError, match=r"workers have version .* and 0\.0\.7 runs here"):
        tallies(there, [PositionBased()])


def test_a_folder_that_is_not_shared_is_refused(brand: Workspace, session: Any) -> None:
    with pytest.raises(ConfigError, match="found no such folder"):
        open_journeys(brand, engine="spark", spark=session, shared="/no/such/folder")


def test_a_process_has_one_session(session: Any) -> None:
    assert started_session() is not None
    with pytest.raises(ConfigError, match="a process has only one"):
        started_session("spark://127.0.0.1:1")


@pytest.mark.parametrize(
    ("tables", "settings", "message"),
    [
        (False, {"master": "local[2]"}, "Found master with engine='duckdb'"),
        (True, {}, "Found names of tables with engine='duckdb'"),
        (True, {"engine": "spark", "language": "en"}, "settings of a workspace"),
        (False, {"engine": "hadoop"}, "engine='hadoop': write one of duckdb, spark"),
    ],
    ids=["master", "tables", "language", "engine"],
)
def test_settings_that_mean_nothing_are_refused(
    brand: Workspace, tables: bool, settings: dict[str, Any], message: str
) -> None:
    source = {"touchpoints": "shop.touchpoints", "orders": "shop.orders"} if tables else brand
    with pytest.raises(ConfigError, match=message):
        open_journeys(source, **settings)


def test_a_worker_killed_at_work_changes_nothing(
    here: StoreJourneys, there: on_spark.SparkJourneys, machines: Cluster, tmp_path: Path
) -> None:
    model = Held(str(tmp_path))
    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(tallies, there, [model])
        while not (at_work := [*tmp_path.glob("*.at-work")]) and not found.done():
            sleep(0.05)
        machines.kill(machines.hosting(int(at_work[0].stem)))
        machines.add_worker()
        (tmp_path / "go").touch()
        (tally,) = found.result(timeout=120)
    assert tally == tallies(here, [model])[0]
    assert len([*tmp_path.glob("*.at-work")]) > 1
