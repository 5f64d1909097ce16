"""`python -m benchmarks truth`: measure the scoreboard, and write benchmarks/truth.md."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import measure
from benchmarks.truth import board, files, money, page, recovery, sampling
from benchmarks.truth.tasks import Task, results, run

KEPT = Path(__file__).resolve().parent.parent / "data" / "truth"


class Size(NamedTuple):
    """How much is measured."""

    name: str
    people: int
    seeds: int
    replicates: int  # of each half-life
    sets: int  # data sets of intervals, so many people each
    set_people: int
    sets_at_once: int
    streamers: int  # worlds of ten each
    blocks: int
    files_people: int
    files: tuple[str, ...]


QUICK = Size("quick", 20_000, 3, 8, 40, 2_000, 20, 4, 1, 3_000, ("independent",))
FULL = Size(
    "full", 60_000, 8, 40, 200, 4_000, 25, 12, 2, 10_000, ("independent", "everything")
)  # fmt: skip
HALF_LIVES = (0.5, 3.0, 10.0)  # days
SPEED_PEOPLE = 100_000


def main(given: list[str]) -> int:
    """Measure what is missing, and write the page; 1 if a number is not reached."""
    asked = _arguments(given)
    size = FULL if asked.full else QUICK
    folder = KEPT / size.name
    if folder.exists() and not asked.resume:
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    groups = sections(size)
    asked_for = [task for name, tasks in groups.items() for task in tasks
                 if not asked.only or name in asked.only]  # fmt: skip
    for done in run(asked_for, folder, asked.workers):
        print(f"{done.name}: {done.wall:.1f} s", flush=True)
    speed = folder / "speed.json"
    if not speed.exists() and (not asked.only or "speed" in asked.only):
        speed.write_text(json.dumps(_speed()), encoding="utf-8")
    found: dict[str, Any] = {name: results(tasks, folder) for name, tasks in groups.items()}
    found["speed"] = json.loads(speed.read_text(encoding="utf-8")) if speed.exists() else {}
    missing = {name: len(tasks) - len(found[name]) for name, tasks in groups.items()}
    measured = page.Measured(size.name, size.people, size.seeds, _commit(folder), found, missing)
    rows = page.write(measured)
    for row in rows:
        print(" | ".join(row.cells()), flush=True)
    return int(any(row.met is False for row in rows))


def sections(size: Size) -> dict[str, list[Task]]:
    """Return what is to be measured, section by section; what is dearest per task first."""
    steps = range(0, size.sets, size.sets_at_once)
    return {
        "board": [
            Task(f"board-{regime}-{seed}", board.one_world, (regime, size.people, seed))
            for seed in range(size.seeds)
            for regime in board.REGIMES
        ],
        "half_life": [
            Task(f"half_life-{days:g}-{seed}", recovery.half_life, (days, size.people, seed))
            for seed in range(size.replicates)
            for days in HALF_LIVES
        ],
        "intervals": [
            Task(f"intervals-{first}", sampling.coverage,
                 (size.set_people, range(first, first + size.sets_at_once)))
            for first in steps
        ],
        "bootstraps": [Task("bootstraps", sampling.bootstraps, (size.people, 5))],
        "money": [
            Task(f"money-{worth}-{seed}", money.one_world,
                 (size.people, seed, worth == "differing"))
            for seed in range(size.streamers) for worth in ("alike", "differing")
        ],
        "blocks": [
            Task(f"blocks-{seed}", recovery.against_blocks, (size.people, seed))
            for seed in range(size.blocks)
        ],
        "files": [
            Task(f"files-{preset}", files.there_and_back, (preset, size.files_people, 0))
            for preset in size.files
        ],
    }  # fmt: skip


def _speed() -> dict[str, Any]:
    """Return CPU seconds of the hazard model in a fresh process, the median of three."""
    runs = measure.repeated(3, "hazard.with_intervals", SPEED_PEOPLE)
    return {
        "people": SPEED_PEOPLE,
        "touchpoints": measure.inside(runs, "touchpoints"),
        "cpu": measure.inside(runs, "cpu"),
    }


def _commit(folder: Path) -> str:
    """Return the commit that the results were begun at."""
    kept = folder / "commit"
    if not kept.exists():
        found = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=measure.ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        kept.write_text(found.stdout.strip(), encoding="utf-8")
    return kept.read_text(encoding="utf-8")


def _arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks truth",
        description="Hold every model against worlds whose truth is known.",
    )
    parser.add_argument(
        "--full", action="store_true", help="60,000 people and 8 seeds, at most 90 minutes"
    )
    parser.add_argument("--resume", action="store_true", help="go on where a run was stopped")
    parser.add_argument("--workers", type=int, default=2, help="processes at once")
    parser.add_argument(
        "--only", action="append", choices=[*sections(QUICK), "speed"], help="one section only"
    )
    return parser.parse_args(given)
