"""Pieces of work whose results are kept, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

# One thread for each process: threads of many small problems wait for each other more than they do.
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Task(NamedTuple):
    """A piece of work: its name, and the function and arguments whose result is kept."""

    name: str
    work: Callable[..., dict[str, Any]]
    arguments: tuple[Any, ...]


class Done(NamedTuple):
    """A finished task, and the seconds it took."""

    name: str
    wall: float


def run(tasks: Sequence[Task], folder: Path, workers: int) -> Iterator[Done]:
    """Do what has no result in the folder yet, several at once, and yield each when it is done."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ONE_THREAD:
        os.environ[name] = "1"
    missing = [task for task in tasks if not _file(folder, task.name).exists()]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        running = [pool.submit(_kept, task, folder) for task in missing]
        for finished in as_completed(running):
            yield finished.result()


def results(tasks: Sequence[Task], folder: Path) -> list[dict[str, Any]]:
    """Return the results of the tasks that are done."""
    files = [_file(folder, task.name) for task in tasks]
    return [json.loads(file.read_text(encoding="utf-8")) for file in files if file.exists()]


def _kept(task: Task, folder: Path) -> Done:
    begun = time.perf_counter()
    found = task.work(*task.arguments)
    file = _file(folder, task.name)
    staged = file.with_suffix(".new")
    staged.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
    staged.replace(file)
    return Done(task.name, time.perf_counter() - begun)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"
