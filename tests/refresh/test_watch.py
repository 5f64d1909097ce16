"""A workspace watched, and refreshed from the command line."""

from __future__ import annotations

import json
import os
from itertools import islice

import pandas as pd
import pytest

from attribution import verbs
from attribution.cli import main
from attribution.models.heuristic import LastTouch, Linear
from attribution.models.markov import Markov
from attribution.refresh.watch import watch
from attribution.workspace import read_workspace

ROOM = "data/raw/douyin/live_events"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """The sample brand, ingested and refreshed once."""
    folder = tmp_path_factory.mktemp("brand") / "brand"
    environ = dict(os.environ)
    os.environ.pop("ATTRIBUTION_KEY", None)
    try:
        assert main(["init", str(folder)]) == 0
        assert main(["ingest", "--workspace", str(folder)]) == 0
        assert main(["refresh", "--workspace", str(folder)]) == 0
        yield folder
    finally:
        os.environ.clear()
        os.environ.update(environ)


def push(folder, name, events):
    """Write a file of comments in the last room, as the platform pushes them."""
    last = sorted((folder / ROOM).glob("*.jsonl"))[-1]
    before = json.loads(last.read_text(encoding="utf-8").splitlines()[-1])
    at = int(before["body"][0]["timestamp"])
    lines = []
    for nth in range(events):
        told = {"msg_id": f"{name}{nth}", "sec_openid": f"_000{nth:014x}", "timestamp": at + nth}
        head = before["header"] | {"x-msg-type": "live_comment", "x-timestamp": str(at + nth)}
        lines.append(json.dumps({"header": head, "body": [told]}))
    (folder / ROOM / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_each_glance_shows_what_came_since(sample, monkeypatch):
    monkeypatch.delenv("ATTRIBUTION_KEY", raising=False)
    waits = []

    def sleep(seconds):
        waits.append(seconds)
        push(sample, "later", 7)

    models = (LastTouch(), Linear(), Markov())
    first, second = islice(watch(read_workspace(sample), every=5.0, shown=models, sleep=sleep), 2)
    # An event, whose it is, and that he may be somebody the published key has named.
    assert (first.rows, second.rows) == (0, 21)
    assert 0 <= waits[0] <= 5.0
    assert first.day == second.day
    assert first.orders == second.orders > 100
    assert list(second.credit.columns) == ["channel", "LastTouch", "Linear", "Markov", "value"]
    assert second.credit["Linear"].sum() == pytest.approx(second.orders)
    assert second.credit["value"].is_monotonic_decreasing
    assert second.age > 0
    assert not second.problems


def test_watching_goes_on_where_a_file_cannot_be_read(sample, monkeypatch):
    monkeypatch.delenv("ATTRIBUTION_KEY", raising=False)
    broken = sample / ROOM / "broken.jsonl"
    broken.write_text("{", encoding="utf-8")
    try:
        (glance,) = islice(watch(read_workspace(sample), every=0, shown=(Linear(),)), 1)
    finally:
        broken.unlink()
    assert len(glance.problems) == 1
    assert "broken.jsonl" in glance.problems[0]
    assert glance.orders > 100


def test_nothing_ingested_yet_is_shown_as_such(tmp_path):
    (tmp_path / "attribution.toml").write_text('[brand]\nname = "new"\n')
    (glance,) = islice(watch(read_workspace(tmp_path), every=0, shown=(Linear(),)), 1)
    assert glance.day is None
    assert glance.credit.empty
    assert "no order yet" in verbs._glance(glance)[0]


def test_the_verb_shows_one_round(sample, capsys, monkeypatch):
    monkeypatch.delenv("ATTRIBUTION_KEY", raising=False)
    assert main(["watch", "--once", "--workspace", str(sample)]) == 0
    said = capsys.readouterr().out
    assert "orders, newest row" in said
    assert "yuan (Markov)" in said


def test_the_verb_ends_quietly_when_it_is_stopped(sample, capsys, monkeypatch):
    def stopped(*_given, **_named):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("attribution.refresh.watch.watch", stopped)
    assert main(["watch", "--workspace", str(sample)]) == 0
    assert capsys.readouterr().out == "\n"


def test_the_verb_refuses_a_time_that_is_none(sample, capsys):
    assert main(["watch", "--every", "-1", "--workspace", str(sample)]) == 2
    assert "--every" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 s"), (119, "119 s"), (120, "2 min"), (7_200, "2 h"), (200_000, "2 days")],
)
def test_ages_are_told_in_their_largest_unit(seconds, words):
    assert verbs._ago(seconds) == words


def test_the_verb_refreshes_and_writes(sample, capsys, monkeypatch):
    monkeypatch.delenv("ATTRIBUTION_KEY", raising=False)
    refresh = ["refresh", "--workspace", str(sample)]
    main(refresh)
    capsys.readouterr()
    assert main([*refresh, "--out", "credit.parquet"]) == 0
    said = capsys.readouterr().out
    assert "Nothing has changed" in said
    assert "Wrote credit.parquet." in said
    assert "\N{MIDDLE DOT}" in said
    frame = pd.read_parquet(sample / "credit.parquet")
    assert list(frame.columns) == ["model", "channel", "conversions", "value"]
    assert frame["model"].nunique() == 8
    value = frame.groupby("model")["value"].sum()
    assert value.max() == pytest.approx(value.min())
    push(sample, "more", 3)
    assert main(["ingest", "--workspace", str(sample)]) == 0
    capsys.readouterr()
    assert main(refresh) == 0
    assert "Read 1 new or changed files (9 rows), left out 0; the journeys of 3 people" in (
        capsys.readouterr().out
    )
    assert main([*refresh, "--full"]) == 0
    assert "Read everything" in capsys.readouterr().out


@pytest.mark.parametrize("out", ["credit.csv", "nowhere/credit.parquet"])
def test_the_verb_refuses_to_write_elsewhere(sample, capsys, out):
    assert main(["refresh", "--out", out, "--workspace", str(sample)]) == 2
    assert out in capsys.readouterr().err


def test_forgetting_leaves_nothing_in_what_is_kept(sample, capsys, monkeypatch):
    monkeypatch.delenv("ATTRIBUTION_KEY", raising=False)
    from attribution.refresh.state import read_manifest, state_folder
    from attribution.store.store import open_store

    workspace = read_workspace(sample)
    person = open_store(workspace).people().persons.column("person_id")[5].as_py()
    before = read_manifest(state_folder(workspace.store))
    assert main(["forget", person, "--workspace", str(sample)]) == 0
    after = read_manifest(state_folder(workspace.store))
    assert after.stamp == before.stamp + 1
    assert {len(files) for files in after.evidence.values()} == {1}
    assert {*after.suppressed} > {*before.suppressed}
    capsys.readouterr()
    assert main(["refresh", "--workspace", str(sample)]) == 0
    assert "Nothing has changed" in capsys.readouterr().out
