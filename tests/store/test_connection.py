"""What a wanted table is made from: only that, and what is read twice only once."""

from __future__ import annotations

from collections import Counter

import duckdb
import pytest

from attribution.store.connection import (
    create_steps,
    leading_to,
    open_connection,
    tables_read,
)
from attribution.store.steps import Step, ViewOptions
from attribution.store.views import steps

STEPS = [
    Step("base", "", "SELECT * FROM latest_orders"),
    Step("once", "", "SELECT x + 1 AS x FROM base"),
    Step("twice", "", "SELECT a.x FROM base a JOIN base b USING (x)"),
    Step("other", "", "SELECT * FROM latest_costs"),
    Step("final", "", "SELECT * FROM once UNION ALL SELECT * FROM twice"),
]


@pytest.fixture
def connection():
    with open_connection("Asia/Shanghai") as opened:
        yield opened


@pytest.mark.parametrize(
    ("sql", "read"),
    [
        ("SELECT 1", {}),
        ('SELECT "at", from_table FROM "my table"', {"my table": 1}),
        ("SELECT 'FROM x' FROM a, b AS c JOIN a USING (k) -- FROM d", {"a": 2, "b": 1}),
        (
            "WITH c AS (SELECT * FROM a) SELECT * FROM c WHERE x IN (SELECT y FROM b)",
            dict.fromkeys("abc", 1),
        ),
        (
            "SELECT (SELECT max(x) FROM a), u FROM unnest([1]) t(u) WHERE EXISTS (FROM b)",
            dict.fromkeys("ab", 1),
        ),
        ("DROP TABLE a", {}),
        ("SELECT FROM", {}),
    ],
)
def test_a_query_is_read_without_being_run(connection, sql, read):
    assert tables_read(connection, sql) == Counter(read)


def test_only_what_leads_to_the_wanted_is_made(connection):
    chosen, readers = leading_to(connection, STEPS, {"once"})
    assert [step.name for step in chosen] == ["base", "once"]
    assert readers == {"base": 1, "latest_orders": 1}
    chosen, readers = leading_to(connection, STEPS, {"final"})
    assert [step.name for step in chosen] == ["base", "once", "twice", "final"]
    assert readers["base"] == 3
    assert leading_to(connection, STEPS, {"unknown"}) == ([], Counter())


def test_what_is_read_several_times_is_computed_once(connection):
    connection.execute("CREATE TABLE latest_orders AS SELECT 1 AS x")
    create_steps(connection, *leading_to(connection, STEPS, {"final"}))
    assert sorted(connection.sql("SELECT x FROM final").fetchall()) == [(1,), (2,)]
    kinds = dict(
        connection.sql("SELECT table_name, table_type FROM information_schema.tables").fetchall()
    )
    assert kinds["base"] == "LOCAL TEMPORARY"
    assert kinds["once"] == kinds["twice"] == kinds["final"] == "VIEW"


def test_every_step_is_found_to_read_what_exists(connection):
    every = steps(ViewOptions())
    known = {step.name for step in every}
    chosen, _ = leading_to(connection, every, known)
    assert chosen == every
    for step in every:
        assert tables_read(connection, step.sql), step.name


def test_nothing_is_fetched_from_anywhere(connection):
    with pytest.raises(duckdb.Error):
        connection.execute("SELECT * FROM read_csv('https://example.com/a.csv')")
    settings = dict(
        connection.sql(
            "SELECT name, value FROM duckdb_settings() WHERE name LIKE 'auto%extensions'"
        ).fetchall()
    )
    assert set(settings.values()) == {"false"}
