"""What a refresh reads, why it reads everything, and what is left when it is interrupted."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from attribution.assemble.opened import open_journeys
from attribution.errors import ConfigError, DataError
from attribution.model import attribute, label
from attribution.models.heuristic import FirstTouch, LastTouch, Linear, TouchpointModel
from attribution.models.markov import Markov
from attribution.refresh import changed, everything, index, keeping, refresh, state, task
from attribution.refresh.refresh import forget_kept
from attribution.refresh.segment import Segment
from attribution.store.forget import forget
from attribution.store.store import open_store
from attribution.workspace import read_workspace
from tests.refresh.histories import DAY, NOVEMBER, TOML, History, assert_exact, truth
from tests.store.batches import hash_of

MODELS = (LastTouch(), Linear(), Markov())


def visit(event_id, who, at=NOVEMBER - DAY, **more):
    given = {
        "event_id": event_id,
        "platform": "douyin",
        "at": at,
        "event": "enter",
        "content_form": "live",
        "id_type": "open_id",
        "id_value": f"raw-{who}",
        "_identifier": hash_of(who),
    }
    return given | more


def sale(order_id, who, at=NOVEMBER, fen=500, **more):
    given = {
        "order_id": order_id,
        "platform": "douyin",
        "status": "paid",
        "created_at": at,
        "paid_at": at,
        "paid_fen": fen,
        "id_type": "open_id",
        "id_value": f"raw-{who}",
        "_identifier": hash_of(who),
    }
    return given | more


def seen(who, at=NOVEMBER - 40 * DAY):
    return {
        "id_hash": hash_of(who),
        "id_type": "doudian_open_id",
        "namespace": f"shop {who}",
        "first_seen": at,
        "last_seen": at,
    }


NEW = {
    "identifiers": [seen("gil")],
    "touchpoints": [visit("n1", "gil", streamer_id="s1"), visit("n2", "ann", streamer_id="s2")],
    "orders": [sale("n1", "gil")],
}


@pytest.fixture
def history(tmp_path):
    made = History(tmp_path)
    assert assert_exact(made.workspace, MODELS).full
    return made


def kept(history):
    return history.workspace.store / "refresh"


def test_a_refresh_reads_what_came_and_says_so(history):
    history.happen(("ingest", "shop", NEW))
    found = assert_exact(history.workspace, MODELS)
    assert (found.full, found.why, found.batches, found.people) == (False, "", (1, 0), 2)
    assert found.rows == 4
    assert found.newest == NOVEMBER
    frame = found.frame()
    assert list(frame.columns) == ["model", "channel", "conversions", "value"]
    assert list(frame["model"].unique()) == [label(model) for model in MODELS]
    assert frame.groupby("model")["value"].sum().round(6).eq(700 * 3 + 500).all()


def test_nothing_new_costs_nothing(history, monkeypatch):
    history.happen(("ingest", "shop", NEW))
    first = assert_exact(history.workspace, MODELS)
    monkeypatch.setattr(changed, "read_changes", None)
    monkeypatch.setattr(keeping, "write_tallies", None)
    again = refresh.refresh(history.workspace, models=MODELS)
    assert again.batches == (0, 0)
    assert again.rows == 0
    assert all(one == two for one, two in zip(first.tallies, again.tallies, strict=True))


def test_days_and_blocks_are_those_of_the_journeys(history):
    history.happen(("ingest", "shop", NEW))
    found = assert_exact(history.workspace, MODELS)
    (batch,) = open_journeys(history.workspace, batches=1)
    batch = replace(batch, values={"value": batch.values["value"]})
    for parts, of in ((found.by_day(), batch.day), (found.by_block(), batch.block)):
        for model, mine in zip(MODELS, parts, strict=True):
            for part in np.unique(of).tolist():
                expected = model.tally(batch.take(of == part))
                amounts = mine[part].sums if part in mine else 0 * expected.sums
                assert np.allclose(amounts.sum(axis=0), expected.sums.sum(axis=0)), (model, part)
    day = found.last_day(10**6)
    assert day == max(batch.day[batch.conversions > 0])
    assert (
        found.on_day(day)[0].sums.sum() == MODELS[0].tally(batch.take(batch.day == day)).sums.sum()
    )
    assert found.on_day(-5)[0].columns == found.tallies[0].columns
    assert found.last_day(-5) is None


def test_days_can_be_asked_for_after_a_later_run(history):
    history.happen(("ingest", "shop", NEW))
    early = assert_exact(history.workspace, MODELS)
    told = early.by_day()
    fresh = refresh.refresh(history.workspace, models=MODELS)
    refresh.refresh(history.workspace, models=MODELS, full=True)
    assert fresh.by_day() == told


def test_intervals_are_those_of_all_journeys(history):
    history.happen(("ingest", "shop", NEW))
    found = refresh.refresh(history.workspace, models=MODELS).with_intervals(0.9)
    assert [*found] == [label(model) for model in MODELS]
    for model in MODELS:
        expected = attribute(open_journeys(history.workspace), model, 0.9).frame()
        columns = ["channel", "conversions", "low", "high", "value_low", "share_high"]
        pd.testing.assert_frame_equal(
            found[label(model)].frame()[columns], expected[columns], rtol=1e-9, atol=1e-9
        )


@dataclass(frozen=True)
class Chosen(TouchpointModel):
    """Replaced below by another of its name and fields."""

    def weights(self, journeys):
        return np.ones(len(journeys.codes))


def test_a_model_of_ones_own_that_was_written_anew_is_summed_anew(history):
    refresh.refresh(history.workspace, models=[Chosen()])
    assert not refresh.refresh(history.workspace, models=[Chosen()]).full

    @dataclass(frozen=True)
    class Other(TouchpointModel):
        def weights(self, journeys):
            return (journeys.codes == 0).astype(float)

    Other.__name__ = Other.__qualname__ = "Chosen"
    found = refresh.refresh(history.workspace, models=[Other()])
    assert found.why == "changed since: the models"


@pytest.mark.parametrize(
    ("models", "message"),
    [([], "no model to refresh"), ([Linear(), Linear()], "Linear twice")],
)
def test_models_that_cannot_be_told_apart_are_refused(history, models, message):
    with pytest.raises(ConfigError, match=message):
        refresh.refresh(history.workspace, models=models)


@dataclass(frozen=True)
class Rate:
    """A model of rates: its sums are no sums by channel."""

    def tally(self, journeys):
        return float((journeys.risk_until - journeys.risk_from).sum())

    def credit(self, tally):
        raise NotImplementedError


def test_a_model_of_rates_is_refused_before_anything_is_read(history):
    refresh.refresh(history.workspace, models=MODELS)
    before = refresh.refresh(history.workspace, models=MODELS).frame()
    with pytest.raises(ConfigError, match=r"Found Rate among .* at risk, .*open_journeys"):
        refresh.refresh(history.workspace, models=[*MODELS, Rate()])
    after = refresh.refresh(history.workspace, models=MODELS)
    assert not after.full
    pd.testing.assert_frame_equal(after.frame(), before)


def test_journeys_before_and_now_that_are_alike_are_not_summed(history, monkeypatch):
    summed = []
    of = changed.summed
    monkeypatch.setattr(
        changed, "summed", lambda batches, models: of(summed_batches(batches, summed), models)
    )
    old_order = {"orders": [sale("0", "ann", NOVEMBER, 700, updated_at=NOVEMBER + DAY)]}
    history.happen(("ingest", "shop", old_order))
    found = assert_exact(history.workspace, MODELS)
    assert found.people == 0
    assert summed == [0, 0]


def summed_batches(batches, seen):
    for batch in batches:
        seen.append(len(batch))
        yield batch


# ---------------------------------------------------------------------- why everything is read


SHAPES = [
    ("batches", []),
    ("batches", {"b": {"edition": 1}}),
    ("stamp", "x"),
    ("evidence", None),
    ("evidence", {"links": [5]}),
    ("settings", None),
    ("sizes", {"totals-1": "many"}),
    ("digests", []),
    ("parts", 5),
    ("suppressed", [None]),
]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("models", "changed since: the models"),
        ("journeys", r"changed since: \[journeys\]"),
        ("language", "changed since: the language"),
        ("rules", r"changed since: \[identity\]"),
        ("form", "another version"),
        ("torn", "nothing was kept"),
        ("lost", "missing"),
        ("cut", "missing or damaged"),
        ("damaged", "cannot be read"),
        ("flipped", "missing or damaged"),
        ("shape", "nothing was kept"),
        ("asked", "asked for"),
        ("remembered", "listed no more"),
    ],
)
def test_a_full_run_says_why(history, change, why, monkeypatch):
    workspace, models, how = history.workspace, MODELS, {}
    if change == "models":
        models = (FirstTouch(), *MODELS)
    elif change == "journeys":
        text = TOML.format(journeys='[journeys]\nlookback = "3D"')
        (workspace.folder / "attribution.toml").write_text(text)
        workspace = read_workspace(workspace.folder)
    elif change == "language":
        workspace = replace(workspace, language="zh")
    elif change == "rules":
        workspace = replace(workspace, rules=replace(workspace.rules, device=1))
    elif change == "form":
        for module in (task, keeping):
            monkeypatch.setattr(module, "FORM", state.FORM + 1)
    elif change == "torn":
        (kept(history) / "manifest.json").write_text("{")
    elif change == "lost":
        next(kept(history).glob("touchpoints*")).unlink()
    elif change == "cut":
        file = next(kept(history).glob("identifiers*"))
        file.write_bytes(file.read_bytes()[:20])
        history.happen(("ingest", "shop", NEW))
    elif change == "damaged":
        file = next(kept(history).glob("touchpoints*"))
        held = bytearray(file.read_bytes())
        held[16:64] = bytes(range(200, 248))
        file.write_bytes(held)
        history.happen(("ingest", "shop", NEW))
    elif change == "flipped":
        file = next(kept(history).glob("sessions*"))
        file.write_bytes(file.read_bytes()[:-1] + b"!")
    elif change == "shape":
        manifest = kept(history) / "manifest.json"
        whole = json.loads(manifest.read_text())
        for name, wrong in SHAPES:
            manifest.write_text(json.dumps(whole | {name: wrong}))
            assert state.read_manifest(kept(history)) is None, (name, wrong)
    elif change == "asked":
        how = {"full": True}
    else:
        history.happen(("forget", 0, None))
        assert not assert_exact(workspace, models).full
        shutil.rmtree(workspace.store / "suppression")
    found = assert_exact(workspace, models, **how)
    assert found.full
    assert re.search(why, found.why)
    history.happen(("ingest", "shop", NEW))
    assert not assert_exact(workspace, models).full


def test_what_is_still_to_be_refunded_is_estimated_anew_each_time(tmp_path):
    history = History(tmp_path, '[journeys]\nvalue = "net_expected_fen"')
    for _ in range(2):
        found = assert_exact(history.workspace, MODELS)
        assert found.full
        assert "refunded" in found.why or "kept" in found.why


def test_a_link_without_any_time_is_no_local_matter(history):
    nowhen = seen("gil") | {"first_seen": None, "last_seen": None}
    link = {"a": hash_of("gil"), "b": hash_of("ann"), "kind": "medium", "at": None}
    history.happen(("ingest", "shop", {"identifiers": [nowhen], "links": [link]}))
    for _ in range(2):
        found = assert_exact(history.workspace, MODELS)
        assert found.full
        assert "without any" in found.why


def test_when_most_people_change_everything_is_read(history, monkeypatch):
    monkeypatch.setattr(changed, "_FEW", 1)
    monkeypatch.setattr(changed, "_MOST", 0.0)
    history.happen(("ingest", "shop", NEW))
    found = assert_exact(history.workspace, MODELS)
    assert found.full
    assert "most people" in found.why


def test_an_empty_store_is_refused(tmp_path):
    (tmp_path / "attribution.toml").write_text(TOML.format(journeys=""))
    with pytest.raises(DataError, match="nothing ingested"):
        refresh.refresh(tmp_path)


# ---------------------------------------------------------------------- things that move


def test_a_streamer_with_a_new_name_is_a_new_channel_everywhere(history):
    history.happen(("ingest", "shop", NEW))
    assert_exact(history.workspace, MODELS)
    named = {"streamers": [{"streamer_id": "s1", "name": "Wan Qing"}]}
    history.happen(("ingest", "shop", named))
    found = assert_exact(history.workspace, MODELS)
    assert not found.full
    assert any("Wan Qing" in name for name in found.tallies[0].channels)


def test_an_event_told_again_of_somebody_else_moves_to_him(history):
    moved = visit("old0", "bob", NOVEMBER, received_at=NOVEMBER + DAY)
    history.happen(("ingest", "shop", {"touchpoints": [moved]}))
    found = assert_exact(history.workspace, MODELS)
    assert found.people == 2
    # And back, when the file that said so is gone.
    history.happen(("lose", 1, None))
    assert assert_exact(history.workspace, MODELS).people == 2


def test_many_small_files_keep_few_files(history):
    for nth in range(20):
        new = {"touchpoints": [visit(f"x{nth}", "bob", NOVEMBER - nth * DAY)]}
        history.happen(("ingest", "shop", new))
        refresh.refresh(history.workspace, models=MODELS)
    assert_exact(history.workspace, MODELS)
    assert len(list(kept(history).iterdir())) < 60


# ---------------------------------------------------------------------- forgetting


def bytes_kept(history):
    found = b""
    for file in kept(history).iterdir():
        name = file.name
        if name.split("-")[0] in {
            *("touchpoints", "older", "events", "identifiers", "links", "sources"),
            *("orders", "lines", "digests", "owned"),
        }:
            for rows in Segment(kept(history), name).scan():
                found += repr(rows.to_pydict()).encode()
        else:
            found += file.read_bytes()
    return found


@pytest.mark.parametrize("models", [None, MODELS])
def test_who_is_forgotten_is_gone_from_what_is_kept(history, models):
    history.happen(("ingest", "shop", NEW))
    refresh.refresh(history.workspace, models=models)
    his = hash_of("gil")
    assert his.encode() in bytes_kept(history)
    forget(open_store(history.workspace), "p" + his.partition(".")[2])
    forget_kept(history.workspace)
    # The list of who must stay forgotten names him, as the store's own list does.
    (kept(history) / "manifest.json").unlink(missing_ok=True)
    assert his.encode() not in bytes_kept(history)
    if models is not None:
        assert [each.name for each in kept(history).iterdir()] == ["lock"]


def test_a_refresh_after_forgetting_is_exact_and_not_in_full(history):
    history.happen(("ingest", "shop", NEW))
    assert_exact(history.workspace, MODELS)
    forget(open_store(history.workspace), "p" + hash_of("ann").partition(".")[2])
    found = assert_exact(history.workspace, MODELS)
    assert not found.full
    assert hash_of("ann").encode() not in bytes_kept(history).replace(
        (kept(history) / "manifest.json").read_bytes(), b""
    )


def test_nothing_kept_is_nothing_to_forget(tmp_path):
    history = History(tmp_path)
    forget_kept(history.workspace)
    assert not kept(history).exists()


# ---------------------------------------------------------------------- interruptions


class Interruption(BaseException):
    """Whatever ends a process."""


# Whatever changes the folder, and the modules that call it by that name.
WRITING = (
    (index, "write_segment"),
    (keeping, "write_tallies"),
    (keeping, "write_table"),
    (state, "write_atomically"),
    (Path, "unlink"),
)


def interrupted(monkeypatch, step, *, after):
    """Have the process end before or after this step of writing; return the steps so far."""
    taken = []

    def ending(work):
        def done(*given, **named):
            taken.append(work)
            if len(taken) - 1 == step and not after:
                raise Interruption
            out = work(*given, **named)
            if len(taken) - 1 == step:
                raise Interruption
            return out

        return done

    for where, name in WRITING:
        monkeypatch.setattr(where, name, ending(getattr(where, name)))
    return taken


def check_interruption(history, monkeypatch, step, *, after):
    """Interrupt a refresh and run it again; return whether there was such a step."""
    expected = truth(history.workspace, MODELS)
    with monkeypatch.context() as broken:
        taken = interrupted(broken, step, after=after)
        try:
            refresh.refresh(history.workspace, models=MODELS)
        except Interruption:
            assert len(taken) == step + 1
        else:
            return False
    found = refresh.refresh(history.workspace, models=MODELS)
    assert not found.full or step >= 0
    for one, two in zip(found.tallies, expected, strict=True):
        assert one.channels == two.channels
        assert np.allclose(one.sums.sum(axis=0), two.sums.sum(axis=0), rtol=1e-12)
    listed = state.read_manifest(kept(history)).files() | {"manifest.json", "lock"}
    assert {file.name for file in kept(history).iterdir()} == listed
    return True


@pytest.mark.parametrize("step", [0, 4, 9, 13])
def test_interrupted_while_it_writes_and_run_again(history, monkeypatch, step):
    history.happen(("ingest", "shop", NEW))
    assert check_interruption(history, monkeypatch, step, after=step % 2)


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
def test_interrupted_at_any_step_of_a_refresh(history, monkeypatch, tmp_path, after):
    history.happen(("ingest", "shop", NEW))
    before = tmp_path / "before"
    shutil.copytree(kept(history), before)
    step = 0
    while check_interruption(history, monkeypatch, step, after=after):
        shutil.rmtree(kept(history))
        shutil.copytree(before, kept(history))
        step += 1
    assert step > 12


@pytest.mark.slow
def test_interrupted_at_any_step_of_a_full_run(history, monkeypatch):
    step = 0
    shutil.rmtree(kept(history))
    while check_interruption(history, monkeypatch, step, after=False):
        shutil.rmtree(kept(history))
        step += 1
    assert step > 12


def test_a_store_that_changes_during_a_full_run_is_read_again(history, monkeypatch):
    of = everything.build_evidence
    calls = []

    def meanwhile(*given):
        calls.append(1)
        if len(calls) == 1:
            history.happen(("ingest", "shop", NEW))
        return of(*given)

    monkeypatch.setattr(everything, "build_evidence", meanwhile)
    found = refresh.refresh(history.workspace, models=MODELS, full=True)
    assert len(calls) == 2
    expected = truth(history.workspace, MODELS)
    assert found.tallies[0] == expected[0]
    assert not assert_exact(history.workspace, MODELS).full
