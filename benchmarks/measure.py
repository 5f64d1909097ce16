"""Child processes: how much CPU and wall time they take, and what they print last."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from typing import NamedTuple

HERE = Path(__file__).parent


class Run(NamedTuple):
    """One child process, imports included: seconds of CPU and of wall time, peak memory in GB."""

    cpu: float
    wall: float
    output: str
    peak: float

    def inside(self, name: str) -> float:
        """Return a number that the child measured itself and printed on its last line."""
        return float(json.loads(self.output.splitlines()[-1])[name])


def run(*command: str) -> Run:
    """Run a command to its end; its failure is ours."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    begun = time.perf_counter()
    with TemporaryFile() as output, TemporaryFile() as complaint:
        child = subprocess.Popen(command, stdout=output, stderr=complaint, env=env)
        _, status, used = os.wait4(child.pid, 0)
        taken = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        complaint.seek(0)
        text = output.read().decode()
        if child.returncode:
            raise RuntimeError(f"{' '.join(command)} failed:\n{complaint.read().decode()}")
    scale = 2**30 if sys.platform == "darwin" else 2**20
    return Run(used.ru_utime + used.ru_stime, taken, text, used.ru_maxrss / scale)


def workload(*arguments: str) -> Run:
    """Run one of `workloads.py` in a process of its own."""
    return run(sys.executable, str(HERE / "workloads.py"), *arguments)


def alternating(repeats: int, *workloads: tuple[str, ...]) -> list[list[Run]]:
    """Run workloads in turn, so that what slows the machine down slows all of them."""
    rounds = [[workload(*arguments) for arguments in workloads] for _ in range(repeats)]
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
