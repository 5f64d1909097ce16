"""Queries: exact values from a running PostgreSQL and from SQLite, read only, no secrets told."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from attribution.errors import ConfigError, DataError
from attribution.sources import database
from attribution.sources.database import read_query

sqlalchemy = pytest.importorskip("sqlalchemy", reason="pip install 'attribution[postgres]'")

SECRET = "p4ssw0rd"
LONG_ID = 7312345678901234567


def gather(url, sql, **options):
    batches = list(read_query(url, sql, **options))
    return (
        [row for batch in batches for row in batch.table.to_pylist()],
        [int(row) for batch in batches for row in batch.rows],
        [each for batch in batches for each in batch.broken],
    )


def rows(url, sql):
    return gather(url, sql)[0]


def refusal(kind, url, sql="SELECT 1 AS a", **options):
    with pytest.raises(kind) as caught:
        gather(url, sql, **options)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


# ---------------------------------------------------------------------- SQLite


@pytest.fixture
def lite(tmp_path):
    file = tmp_path / "shop.db"
    with sqlite3.connect(file) as opened:
        opened.execute("CREATE TABLE orders (id INTEGER, mixed, price REAL, note TEXT, raw BLOB)")
        opened.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, ?, ?)",
            [
                (LONG_ID, "007", 19.9, "100% :ok", b"x"),
                (2, 7.312345678901234e18, None, "", None),
                (3, 12, 1.0, "抖音", b"\xff"),
            ],
        )
    opened.close()
    return f"sqlite:///{file}"


def test_sqlite_values(lite):
    assert gather(lite, "SELECT * FROM orders ORDER BY rowid;") == (
        [
            {
                "id": str(LONG_ID),
                "mixed": "007",
                "price": 19.9,
                "note": "100% :ok",
                "raw": "x",
            },
            {
                "id": "2",
                "mixed": "7.312345678901234E+18",
                "price": None,
                "note": None,
                "raw": None,
            },
            {"id": "3", "mixed": "12", "price": 1.0, "note": "抖音", "raw": "ff"},
        ],
        [1, 2, 3],
        [],
    )


def test_signs_of_other_grammars_are_plain_text(lite):
    sql = "SELECT note FROM orders WHERE note LIKE '100% :o%' -- a ; here; and 'there"
    assert rows(lite, sql) == [{"note": "100% :ok"}]


def test_a_result_without_rows_has_its_columns(lite):
    (batch,) = read_query(lite, "SELECT id, note FROM orders WHERE id < 0")
    assert (batch.table.column_names, batch.table.num_rows) == (["id", "note"], 0)


def test_batches_follow_each_other(lite, monkeypatch):
    monkeypatch.setattr(database, "_ROWS", 2)
    batches = list(read_query(lite, "SELECT id FROM orders"))
    assert [list(batch.rows) for batch in batches] == [[1, 2], [3]]


def test_columns_of_one_name(lite):
    message = refusal(DataError, lite, "SELECT id, note AS id FROM orders")
    assert "2 columns named 'id'" in message
    assert "AS" in message


def test_names_the_database_does_not_know(lite):
    assert "no such table: order" in refusal(DataError, lite, "SELECT * FROM order_x")
    assert "no such column: idd" in refusal(DataError, lite, "SELECT idd FROM orders")
    message = refusal(DataError, lite, f"SELECT FROM WHERE '{SECRET}'")
    assert "a query that fails (OperationalError)" in message


def test_sqlite_is_only_read(lite):
    refusal(DataError, lite, "WITH x AS (SELECT 1) INSERT INTO orders (id) SELECT 9 FROM x")
    assert len(rows(lite, "SELECT * FROM orders")) == 3


def test_a_sqlite_file_that_is_not_there_is_not_made(tmp_path):
    message = refusal(DataError, f"sqlite:///{tmp_path}/none.db")
    assert "no such SQLite file" in message
    assert not (tmp_path / "none.db").exists()
    refusal(DataError, "sqlite://")


# ---------------------------------------------------------------------- configuration


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("DELETE FROM orders", "begins with 'DELETE'"),
        ("EXPLAIN SELECT 1", "begins with 'EXPLAIN'"),
        ("SELECT 1; DROP TABLE orders", "several statements"),
        ("SELECT '\\'; DROP TABLE orders --'", "several statements"),
        ("SELECT 1 /* ; */; -- x\nDELETE FROM orders", "several statements"),
        ("  -- nothing\n", "no statement"),
        ("", "no statement"),
    ],
)
def test_anything_but_one_select(sql, found):
    message = refusal(ConfigError, "sqlite:///none.db", sql)
    assert found in message
    assert "expected one SELECT" in message


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 as a",
        "(SELECT 1 AS a)",
        "/* x; */ WITH x AS (SELECT 1 AS a) SELECT * FROM x ; \n",
        "SELECT ';' AS a, \"id;\", `b;`, $$;$$ FROM t",
    ],
)
def test_one_select_however_written_reaches_the_database(sql, tmp_path):
    assert "no such SQLite file" in refusal(DataError, f"sqlite:///{tmp_path}/none.db", sql)


def test_the_url_may_stand_in_the_environment(lite):
    assert gather("env:SHOP_URL", "SELECT 1 AS a", environ={"SHOP_URL": lite})[0] == [{"a": "1"}]
    hidden = f"mysql://host/shop?password={SECRET}"
    assert database._url("env:SHOP_URL", {"SHOP_URL": hidden}).query["password"] == SECRET
    message = refusal(ConfigError, "env:SHOP_URL", environ={})
    assert "no environment variable SHOP_URL" in message


@pytest.mark.parametrize(
    ("url", "found"),
    [
        (f"user:{SECRET}@host", "cannot be read"),
        (f"postgresql://user:{SECRET}@host:port/x", "cannot be read"),
        (f"mssql://user:{SECRET}@host/x", "of the kind 'mssql'"),
        (f"{SECRET}", "cannot be read"),
        (f"env:postgresql://user:{SECRET}@host/x", "something else than a name"),
        (f"postgresql://host/x?user=u&password={SECRET}", "a password in the query"),
        (f"mysql://host/x?passwd={SECRET}", "a password in the query"),
        (f"mysql://host/x?a=b&PWD={SECRET}", "a password in the query"),
        (f"postgresql://host/x?p%61ssword={SECRET}", "a password in the query"),
        (f"postgresql://host/x?sslpassword={SECRET}", "a password in the query"),
    ],
)
def test_urls_that_cannot_stand(url, found):
    assert found in refusal(ConfigError, url)


@pytest.mark.parametrize(
    ("url", "driver", "extra"),
    [
        ("postgresql://u@127.0.0.1:1/x", "psycopg", "postgres"),
        ("postgres://u@127.0.0.1:1/x", "psycopg", "postgres"),
        ("mysql://u@127.0.0.1:1/x", "pymysql", "mysql"),
        ("sqlite:///x.db", "sqlalchemy", "postgres"),
    ],
)
def test_a_driver_that_is_not_installed(monkeypatch, url, driver, extra):
    for name in [each for each in sys.modules if each.partition(".")[0] == driver]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, driver, None)
    message = refusal(ConfigError, url)
    assert f"pip install 'attribution[{extra}]'" in message


# ---------------------------------------------------------------------- MySQL's door


@pytest.mark.parametrize("scheme", ["mysql", "mariadb", "mysql+pymysql", "mysql+mysqldb"])
def test_mysql_is_reached_by_its_driver(scheme):
    pytest.importorskip("pymysql", reason="pip install 'attribution[mysql]'")
    message = refusal(DataError, f"{scheme}://user:{SECRET}@127.0.0.1:1/shop")
    assert "cannot be reached (OperationalError, 2003)" in message


def test_mysql_errors_name_columns_and_never_values():
    pymysql = pytest.importorskip("pymysql", reason="pip install 'attribution[mysql]'")

    def told(number, message):
        cause = pymysql.err.OperationalError(number, message)
        error = sqlalchemy.exc.OperationalError("SELECT", {}, cause)
        return str(database._refused(error))

    assert "Unknown column 'idd'" in told(1054, "Unknown column 'idd' in 'field list'")
    assert SECRET not in told(1292, f"Incorrect value: '{SECRET}'")


# ---------------------------------------------------------------------- PostgreSQL


def _binaries():
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@pytest.fixture(scope="module")
def postgres():
    """Run a server of its own on a socket in a folder of its own, and give its URL."""
    pytest.importorskip("psycopg", reason="pip install 'attribution[postgres]'")
    binaries = _binaries()
    if binaries is None:
        pytest.skip("needs a PostgreSQL server (Debian: apt-get install postgresql)")
    # The server refuses to run as root.
    account = {"user": "postgres"} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # sockets want short paths
    if account:
        shutil.chown(folder, "postgres")

    def run(program, *arguments):
        subprocess.run(
            [binaries / program, *arguments],
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **account,
        )

    data = folder / "data"
    run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")
    options = f"-c listen_addresses= -c fsync=off -c timezone=Asia/Shanghai -k {folder}"
    run("pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
    try:
        yield f"postgresql://postgres:{SECRET}@/postgres?host={folder}"
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


EXACT = """
SELECT 7312345678901234567::bigint AS id,
       1234567890123456789012345678901234567890.1234567890::numeric AS amount,
       19.90::numeric(10, 2) AS price,
       1e3::numeric AS round,
       19.9::float8 AS rate,
       'NaN'::float8 AS gone,
       19.9::real AS half,
       true AS yes,
       timestamp '2026-11-11 20:00:00' AS naive,
       timestamptz '2026-11-11 20:00:00.25+08' AS aware,
       date '2026-11-11' AS day,
       time '20:00' AS clock,
       interval '1 day' AS span,
       '00000000-0000-0000-0000-000000000001'::uuid AS uuid,
       '\\xff'::bytea AS raw,
       'happy'::text AS mood,
       ''::text AS blank,
       NULL::int AS missing,
       '{"id": 7312345678901234567, "p": 1.50, "l": [{"n": 1}], "ok": true}'::jsonb AS doc,
       ARRAY[7312345678901234567, NULL] AS ids,
       ARRAY[1.50, 2]::numeric[] AS prices,
       ARRAY[]::text[] AS none
"""


def test_postgres_values(postgres):
    (row,) = rows(postgres, EXACT)
    assert row == {
        "id": str(LONG_ID),
        "amount": "1234567890123456789012345678901234567890.1234567890",
        "price": "19.90",
        "round": "1000",
        "rate": 19.9,
        "gone": None,
        "half": 19.9,
        "yes": True,
        "naive": "2026-11-11 20:00:00",
        "aware": "2026-11-11 12:00:00.250Z",
        "day": "2026-11-11",
        "clock": "20:00:00",
        "span": "1 day, 0:00:00",
        "uuid": "00000000-0000-0000-0000-000000000001",
        "raw": "ff",
        "mood": "happy",
        "blank": None,
        "missing": None,
        "doc": {"id": str(LONG_ID), "p": "1.50", "l": [{"n": "1"}], "ok": True},
        "ids": [str(LONG_ID), None],
        "prices": ["1.50", "2.00"],
        "none": [],
    }


def test_postgres_is_streamed_in_order(postgres, monkeypatch):
    monkeypatch.setattr(database, "_ROWS", 1000)
    sql = "SELECT i AS id, '100% :x'::text AS note FROM generate_series(1, 2500) AS t(i)"
    batches = list(read_query(postgres, sql))
    assert [len(batch.rows) for batch in batches] == [1000, 1000, 500]
    assert [int(i) for batch in batches for i in batch.table["id"].to_pylist()] == [*range(1, 2501)]
    assert batches[2].table["note"][499].as_py() == "100% :x"


def test_a_reader_that_stops_early_leaves_no_session(postgres):
    reader = read_query(postgres, "SELECT i FROM generate_series(1, 100000) AS t(i)")
    next(reader)
    reader.close()
    sql = "SELECT count(*) AS n FROM pg_stat_activity WHERE backend_type = 'client backend'"
    assert rows(postgres, f"{sql} AND pid <> pg_backend_pid() AND state <> 'idle'") == [{"n": "0"}]


def test_json_of_several_kinds_is_broken_where_it_does_not_fit(postgres):
    sql = """SELECT d FROM (VALUES ('{"a": {"b": 1}}'::json), ('{"a": "secret"}'),
             ('{"a": ""}')) AS t(d)"""
    found, numbers, broken = gather(postgres, sql)
    assert found == [{"d": {"a": {"b": "1"}}}, {"d": {"a": None}}]
    assert numbers == [1, 3]
    assert [(each.row, each.found) for each in broken] == [
        (2, "a single value in a, where others have an object of column 'd'")
    ]


@pytest.mark.parametrize(
    "sql",
    [
        "WITH x AS (INSERT INTO kept VALUES (2) RETURNING *) SELECT * FROM x",
        "SELECT 1 AS a INTO copied",
        "SELECT * FROM kept FOR UPDATE",
        "SELECT setval('counter', 9)",
    ],
)
def test_postgres_is_only_read(postgres, sql):
    url = sqlalchemy.make_url(postgres).set(drivername="postgresql+psycopg")
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS kept (a int)")
        connection.exec_driver_sql("CREATE SEQUENCE IF NOT EXISTS counter")
    refusal(DataError, postgres, sql)
    assert rows(postgres, "SELECT count(*) AS n FROM kept") == [{"n": "0"}]


def test_postgres_names_what_it_does_not_know(postgres):
    message = refusal(DataError, postgres, "SELECT idd FROM pg_class")
    assert 'column "idd" does not exist (42703)' in message
    assert 'relation "nowhere" does not exist' in refusal(
        DataError, postgres, "SELECT * FROM nowhere"
    )


def test_postgres_errors_repeat_no_value(postgres):
    message = refusal(DataError, postgres, f"SELECT '{SECRET}'::int AS a")
    assert "a query that fails" in message
    assert "22P02" in message


UNHELD = [
    ("timestamp", "infinity", "2026-11-11", "a time that is infinite"),
    ("timestamp", "-infinity", "2026-11-11", "a time that is infinite"),
    ("timestamptz", "infinity", "2026-11-11", "a time that is infinite"),
    ("date", "infinity", "2026-11-11", "a time that is infinite"),
    ("timestamp", "12026-11-11", "2026-11-11", "a time outside the years 1 to 9999"),
    ("timestamptz", "12026-11-11", "2026-11-11", "a time outside the years 1 to 9999"),
    ("date", "0044-03-15 BC", "2026-11-11", "a time outside the years 1 to 9999"),
    ("time", "24:00", "20:00", "or the hours 0 to 23"),
    ("numeric", "NaN", "1.5", "a number that is NaN"),
    ("timestamp[]", "{infinity}", "{2026-11-11}", "a time that is infinite"),
    ("numeric[]", "{1,NaN}", "{1}", "a number that is NaN"),
]


@pytest.mark.parametrize(("kind", "odd", "usual", "said"), UNHELD)
def test_a_value_that_cannot_be_held_costs_its_row_and_not_the_query(
    postgres, kind, odd, usual, said
):
    values = ", ".join(f"({i}, '{odd if i == 2 else usual}'::{kind})" for i in range(1, 5))
    found, numbers, broken = gather(postgres, f"SELECT i, v FROM (VALUES {values}) AS t(i, v)")
    assert [row["i"] for row in found] == ["1", "3", "4"]
    assert all(row["v"] == found[0]["v"] is not None for row in found)
    assert numbers == [1, 3, 4]
    assert [each.row for each in broken] == [2]
    assert said in broken[0].found
    assert broken[0].found.endswith("of column 'v'")
    assert "text" in broken[0].remedy


def test_an_infinite_decimal_is_broken():
    from decimal import Decimal

    column, unfit = database._column([Decimal("1.50"), Decimal("-Infinity"), None])
    assert (column.to_pylist(), unfit) == (
        ["1.50", None, None],
        {1: "a number that is infinite"},
    )


def test_a_database_that_is_not_there(postgres):
    url = postgres.replace("/postgres?", "/nowhere?")
    assert "cannot be reached" in refusal(DataError, url)
    closed = f"postgresql://user:{SECRET}@127.0.0.1:1/shop"
    assert "cannot be reached" in refusal(DataError, closed)
