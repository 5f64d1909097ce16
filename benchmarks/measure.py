"""Child processes: how much CPU, wall time and memory they take, and what they print last."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TOLD = 300  # characters of a child's complaint
LONGEST = 3 * 3600.0  # seconds


class Failed(RuntimeError):
    """A child process that did not end well; its last words are the message."""


class Run(NamedTuple):
    """One child process, imports included: seconds of CPU and of wall time, peak memory in GB."""

    cpu: float
    wall: float
    output: str
    peak: float

    def result(self) -> dict[str, Any]:
        """Return what the child printed on its last line."""
        return dict(json.loads(self.output.splitlines()[-1]))

    def inside(self, name: str) -> float:
        """Return a number that the child measured itself."""
        return float(self.result()[name])


def run(*command: str, longest: float = LONGEST) -> Run:
    """Run a command to its end, in the project's root.

    Raises
    ------
    Failed
        If it fails, or takes longer than so many seconds.
    """
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    with TemporaryFile() as output, TemporaryFile() as complaint:
        child = subprocess.Popen(command, stdout=output, stderr=complaint, env=env, cwd=ROOT)
        watch = threading.Timer(longest, child.kill)
        watch.start()
        _, status, used = os.wait4(child.pid, 0)
        taken = time.perf_counter() - begun
        in_time = watch.is_alive()
        watch.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        complaint.seek(0)
        text = output.read().decode()
        if not in_time:
            raise Failed(f"not done after {longest:.0f} s")
        if child.returncode:
            words = " ".join(complaint.read().decode().split())
            raise Failed(words[-TOLD:] or f"ended with {child.returncode}")
    scale = 2**30 if sys.platform == "darwin" else 2**20
    return Run(used.ru_utime + used.ru_stime, taken, text, used.ru_maxrss / scale)


def workload(name: str, *arguments: object, longest: float = LONGEST) -> Run:
    """Run a function of `benchmarks.work`, such as "paths.markov", in a process of its own."""
    texts = [str(argument) for argument in arguments]
    return run(sys.executable, "-m", "benchmarks.work", name, *texts, longest=longest)


def repeated(repeats: int, name: str, *arguments: object) -> list[Run]:
    """Run a workload so many times."""
    return [workload(name, *arguments) for _ in range(repeats)]


def alternating(repeats: int, *workloads: tuple[object, ...]) -> list[list[Run]]:
    """Run workloads in turn, so that what slows the machine down slows all of them."""
    rounds = [[workload(*map(str, each)) for each in workloads] for _ in range(repeats)]
    return [list(runs) for runs in zip(*rounds, strict=True)]


def cpu(runs: list[Run]) -> float:
    """Return the median CPU seconds of whole processes."""
    return median(each.cpu for each in runs)


def wall(runs: list[Run]) -> float:
    """Return the median wall seconds of whole processes."""
    return median(each.wall for each in runs)


def inside(runs: list[Run], name: str) -> float:
    """Return the median of a number that the children measured."""
    return median(each.inside(name) for each in runs)


def peak(runs: list[Run]) -> float:
    """Return the largest peak memory, in GB."""
    return max(each.peak for each in runs)
