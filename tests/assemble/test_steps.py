"""Every step of journeys, on every engine, against the same steps as plain loops."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

from attribution.assemble.dialect import DUCKDB
from attribution.assemble.rows import channel_table
from attribution.assemble.steps import journey_steps, watch_step
from attribution.journeys.definition import JourneyDefinition
from attribution.store.connection import open_connection
from tests.assemble.histories import CHANNELS, History, definitions, histories
from tests.assemble.twin import frames
from tests.strategies import examples

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    Engine = Callable[[History, JourneyDefinition], dict[str, pa.Table]]


def on_duckdb(history: History, definition: JourneyDefinition) -> dict[str, pa.Table]:
    """Return what each step holds."""
    with closing(open_connection("UTC")) as connection:
        relations = history.tables() | {"channel_names": channel_table(definition, CHANNELS)}
        for name, table in relations.items():
            connection.register(name, table)
        made = {}
        steps = journey_steps(definition, DUCKDB, history.as_of)
        for step in [*steps, watch_step(definition, history.as_of)]:
            connection.execute(f'CREATE TEMP TABLE "{step.name}" AS {step.sql}')
            made[step.name] = connection.sql(f'FROM "{step.name}"').to_arrow_table()
        return made


ENGINES = [pytest.param(on_duckdb, id="duckdb")]


def plain(value: Any) -> str:
    """Return a value as text that does not depend on the order of names."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {plain(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(plain(each) for each in value) + "]"
    return repr(value)


def assert_same(made: dict[str, pa.Table], expected: dict[str, list[dict[str, Any]]]) -> None:
    assert {*made} == {*expected}
    for name, table in made.items():
        rows = expected[name]
        if rows:
            assert {*table.column_names} == {*rows[0]}, name
        assert sorted(map(plain, table.to_pylist())) == sorted(map(plain, rows)), name


@pytest.mark.parametrize("engine", ENGINES)
@given(history=histories(), definition=definitions())
@examples(100)
def test_every_step_holds_what_the_definition_says(
    engine: Engine, history: History, definition: JourneyDefinition
) -> None:
    assert_same(engine(history, definition), frames(history, definition, CHANNELS))
