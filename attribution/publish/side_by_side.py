"""Several notebooks at once, each in a process of its own, which dies with the run."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from attribution.publish.notebook import Executed, Failure, run_notebook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess
    from pathlib import Path

__all__ = ["PageFailed", "Task", "run_side_by_side"]

_GRACE = 5.0  # seconds a process has to end its kernel
_PRELOADED = ["papermill", "nbconvert", "attribution.publish.notebook"]


class PageFailed(Exception):
    """A notebook did not run to its end."""

    def __init__(self, page: str, failure: Failure) -> None:
        super().__init__(page, failure)
        self.page, self.failure = page, failure


@dataclass(frozen=True)
class Task:
    """One notebook to run: see `run_notebook`."""

    name: str
    notebook: Path
    values: Mapping[str, Any]
    out: Path
    workspace: Path
    public: Mapping[str, str]


def run_side_by_side(
    tasks: Sequence[Task], at_once: int, said: Callable[[str], None]
) -> dict[str, Executed]:
    """Return what notebooks show, by name; run some at a time, until the first one fails.

    Parameters
    ----------
    at_once
        How many run at the same time.
    said
        Told of each page that it runs, is done, or failed.

    Raises
    ------
    PageFailed
        For the first one that fails; the others are stopped.
    """
    context = _context()
    waiting = list(tasks)
    running: dict[Any, tuple[Task, BaseProcess, float]] = {}
    done: dict[str, Executed] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                task = waiting.pop(0)
                here, there = context.Pipe(duplex=False)
                process = context.Process(target=_work, args=(task, there), daemon=True)
                process.start()
                there.close()
                running[here] = (task, process, time.perf_counter())
                said(f"{task.name}: running")
            for answered in wait(list(running)):
                task, process, since = running.pop(answered)
                outcome = _answer(answered, task)
                process.join()
                took = f"{time.perf_counter() - since:.1f} s"
                if isinstance(outcome, Failure):
                    said(f"{task.name}: failed after {took}")
                    raise PageFailed(task.name, outcome)
                said(f"{task.name}: done in {took}")
                done[task.name] = outcome
    finally:
        _stop([process for _, process, _ in running.values()])
    return done


def _context() -> Any:
    """Return how processes start: from one that has imported what they need, where there is one."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def _answer(connection: Any, task: Task) -> Executed | Failure:
    try:
        found: Executed | Failure = connection.recv()
    except EOFError:  # the process died before it could answer
        return Failure(task.notebook.name, "", "its process died; most often for want of memory.")
    finally:
        connection.close()
    return found


def _stop(processes: Sequence[BaseProcess]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.join(_GRACE)
        if process.is_alive():
            process.kill()
            process.join()


def _work(task: Task, answer: Connection) -> None:
    """Run one notebook; what a killed run has left behind ends as well."""
    threading.Thread(target=_end_with_the_run, daemon=True).start()
    with open(os.devnull, "w") as nowhere:  # a kernel that is told to end may complain of it
        os.dup2(nowhere.fileno(), 2)
    try:
        found = run_notebook(
            task.notebook,
            task.values,
            out=task.out,
            workspace=task.workspace,
            public=task.public,
        )
    except OSError as error:  # such as a full disk
        found = Failure(task.notebook.name, "", f"{error.strerror or error}.")
    answer.send(found)
    answer.close()


def _end_with_the_run() -> None:
    run = multiprocessing.parent_process()
    if run is not None:
        run.join()
        os._exit(1)
