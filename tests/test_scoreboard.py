"""The scoreboard of `benchmarks/truth.md`: its scores, its resuming, its page."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from benchmarks.truth import board, command, page, targets, tasks
from benchmarks.truth.tasks import Task

TRUTH = pd.Series({"a": 60.0, "b": 30.0, "c": 10.0, "d": 0.0})


def test_scores_of_a_claim_by_hand():
    claimed = pd.Series({"a": 50.0, "b": 50.0, "c": 50.0, "d": 50.0})
    effects = pd.DataFrame(
        {"low": [55.0, 35.0, None, 0.0], "high": [65.0, 60.0, None, 3.0]}, index=list(TRUTH.index)
    )
    found = board.scores(TRUTH, claimed, {"a"}, effects)
    # Shares .25 each against .6 .3 .1 0: half of .35 + .05 + .15 + .25.
    assert found["tv"] == pytest.approx(40)
    # Among b, c, d: thirds against .75 .25 0: half of .4167 + .0833 + .3333.
    assert found["tv_untested"] == pytest.approx(100 * (0.75 - 1 / 3), abs=1e-4)
    assert found["claim"] == pytest.approx(2)
    assert found["rank"] == 0  # all alike
    assert (found["inside"], found["stated"], found["zero"]) == (2, 3, 1)
    assert board.scores(TRUTH, TRUTH, set())["tv"] == 0
    assert board.scores(TRUTH, TRUTH * 3, set())["rank"] == pytest.approx(1)
    assert board.scores(TRUTH, TRUTH * 0, set())["tv"] == 100


def test_credit_put_right_by_hand_has_what_tests_found():
    claimed = pd.Series({"a": 20.0, "b": 40.0, "c": 60.0})
    tests = pd.DataFrame({"channel": ["a", "b"], "conversions": [10.0, 20.0]})
    assert board.with_tests(claimed, tests).to_dict() == {"a": 10.0, "b": 20.0, "c": 30.0}


def test_a_run_that_was_stopped_does_only_what_is_missing(tmp_path):
    asked = [Task(name, dict, ((("name", name),),)) for name in ("one", "two")]
    assert [done.name for done in tasks.run(asked[:1], tmp_path, 1)] == ["one"]
    (tmp_path / "one.json").write_text(json.dumps({"name": "kept"}), encoding="utf-8")
    assert [done.name for done in tasks.run(asked, tmp_path, 1)] == ["two"]
    assert tasks.results(asked, tmp_path) == [{"name": "kept"}, {"name": "two"}]


def world(preset: str, seed: int, **tv: float) -> dict:
    rows = [
        {"model": model, "tv": tv.get(model, 20.0), "tv_untested": 15.0, "rank": 0.5, "claim": 1.2}
        for model in page.MODELS
    ]
    for row in rows:
        if row["model"] in page.CAUSAL:
            row |= {"tv": 2.0 + seed, "inside": 7, "stated": 8, "zero": 1.0}
    known = {"preset": preset, "regime": {"equal": "0", "independent": "1"}[preset], "seed": seed}
    return known | {
        "orders": 10, "touchpoints": 20, "link": "additive", "chosen": "additive", "rows": rows,
    }  # fmt: skip


def test_the_page_says_where_the_causal_model_loses(tmp_path, monkeypatch):
    monkeypatch.setattr(page, "PAGE", tmp_path / "truth.md")
    found = {name: [] for name in command.sections(command.QUICK)} | {"speed": {}}
    found["board"] = [world("equal", seed, Linear=1.0) for seed in (0, 1)]
    found["board"] += [world("independent", seed) for seed in (0, 1)]
    rows = page.write(page.Measured("quick", 20_000, 2, "abc", found, {"board": 3, "files": 0}))
    text = (tmp_path / "truth.md").read_text(encoding="utf-8")
    assert "there are still to come 3 of board." in text
    assert "Of 2 kinds of worlds" in text
    assert "- In 0 (equal): Linear is 1.0 away, Hazard 2.5." in text
    assert "0 (0.88), 1 (0.88)" in text  # 7 of 8 intervals hold
    assert "| Linear | **1.0±0.0** | 20.0±0.0 |" in text
    met = {row.what: (row.found, row.met) for row in rows}
    assert met["Hazard: TV x 100 in regime 1 (independent); Last touch 20.0; Markov(1) 20.0"] == (
        "2.5",
        True,
    )
    assert met["Hazard: TV x 100 in regime organic"] == ("", None)  # not run: never hidden


def test_a_target_that_is_missed_says_no():
    row = targets.at_most("distance", 5.1, 5.0)
    assert (row.cells()[-1], row.met) == ("**no**", False)
    assert targets.between("coverage", 0.99, 0.92, 0.985).met is False
    assert targets.at_least("ratio", None, 100.0).cells()[-1] == "not run"
