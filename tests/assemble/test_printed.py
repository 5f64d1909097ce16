"""The steps as text: all of them, in order, and such as an engine can run."""

from __future__ import annotations

from contextlib import closing

import pytest

from attribution.assemble.printed import one_step, step_texts
from attribution.errors import ConfigError
from attribution.journeys.definition import JourneyDefinition
from attribution.store.connection import open_connection, tables_read
from attribution.workspace import Exclude, Workspace

EVERYTHING = JourneyDefinition(
    level="offer",
    lookback_by={"exposure": "1D", "抖音": "2D"},
    conversion="first",
    products=["P'1"],
    categories=["hat"],
    match="halo",
    one_per_session=True,
    weights={"exposure": 0.5},
    columns=["event"],
    segments=["buyer"],
)


def workspace(folder, **more):
    return Workspace(folder=folder, brand="Acme", **more)


def parts(text):
    name, why, *sql = text.splitlines()
    return name.removeprefix("-- "), why, "\n".join(sql)


@pytest.mark.parametrize("journeys", [JourneyDefinition(), EVERYTHING])
def test_every_step_is_named_told_and_read_only_after_it_was_made(tmp_path, journeys):
    found = step_texts(workspace(tmp_path, journeys=journeys), store=True)
    made = {parts(text)[0] for text in found}
    given = set()
    with closing(open_connection("UTC")) as connection:
        for text in found:
            name, why, sql = parts(text)
            assert why.startswith("-- ")
            assert len(why) > 10
            assert sql.endswith(";")
            read = {*tables_read(connection, sql.replace("$as_of", "0"))}
            assert read, name
            assert read & made <= given, name
            assert name not in given
            given.add(name)
    assert parts(found[-1])[0] == "journeys"


def test_journeys_alone_begin_with_what_they_take_from_the_store(tmp_path):
    short = step_texts(workspace(tmp_path))
    whole = step_texts(workspace(tmp_path), store=True)
    assert whole[-len(short) :] == short
    assert parts(short[0])[0] == "kept_touchpoints"
    assert len(whole) > 2 * len(short)


def test_the_workspace_s_settings_are_in_the_steps(tmp_path):
    told = workspace(tmp_path, journeys=EVERYTHING, language="en", timezone="Asia/Tokyo")
    text = "\n".join(step_texts(told, store=True))
    for part in ("'P''1'", "86400000", "Asia/Tokyo", "no explanation", "$as_of"):
        assert part in text, part
    assert "9007199254740993" not in text


def test_one_step_is_found_by_its_name_wherever_it_is_made(tmp_path):
    for name in ("journeys", "explanations", "order_rows"):
        text = one_step(workspace(tmp_path), name)
        assert parts(text)[0] == name
        assert text in step_texts(workspace(tmp_path), store=True)
    with pytest.raises(ConfigError, match=r"no step 'explanation'\. Did you mean 'explanations'"):
        one_step(workspace(tmp_path), "explanation")
    with pytest.raises(ConfigError, match="--store"):
        one_step(workspace(tmp_path), "x")


def test_names_cannot_steer_a_terminal(tmp_path):
    rule = Exclude("\x1b[2Jtest", (("shop_id", ("a\x07\u202eb",)),))
    text = "\n".join(step_texts(workspace(tmp_path, excludes=(rule,)), store=True))
    assert "[2Jtest" in text
    assert all(letter.isprintable() or letter == "\n" for letter in text)
