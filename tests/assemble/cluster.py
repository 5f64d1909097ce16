"""A real Spark cluster on loopback: a standalone master and two workers, each a process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from attribution import Credit, Journeys, LastTouch, Tally

__all__ = ["LIGHT", "Broken", "Cluster", "Held", "cluster", "missing"]

SECONDS = 120
LIGHT = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # a JVM that starts quickly
_MASTER = "org.apache.spark.deploy.master.Master"
_WORKER = "org.apache.spark.deploy.worker.Worker"


def missing() -> str:
    """Return why no cluster can be started here; empty if one can."""
    try:
        import pyspark  # noqa: F401
    except ModuleNotFoundError:
        return 'pyspark is not installed: pip install "attribution[spark]"'
    home = os.environ.get("JAVA_HOME")
    if not which("java", path=f"{home}/bin" if home else None):
        return "no Java: on Debian, apt-get install default-jre-headless"
    return ""


@dataclass(frozen=True)
class Cluster:
    """What runs: the master's address and the processes of the workers."""

    master: str
    folder: Path
    workers: list[subprocess.Popen[bytes]]

    def kill(self, worker: int) -> None:
        """Kill a worker at once, with the executor it runs."""
        pids = [*_children(self.workers[worker].pid), self.workers[worker].pid]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.workers[worker].wait()

    def hosting(self, pid: int) -> int:
        """Return which worker a process belongs to."""
        for number, worker in enumerate(self.workers):
            if pid in _children(worker.pid):
                return number
        raise LookupError(pid)

    def add_worker(self) -> None:
        """Start a worker and wait until the master knows it."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        work = ("--work-dir", str(self.folder / "work"))
        size = ("--cores", "1", "--memory", "900m")
        self.workers.append(_started(log, _WORKER, *size, *work, self.master))
        _told(log, "Successfully registered with master()", self.workers[-1])


@contextmanager
def cluster(folder: Path, workers: int = 2) -> Iterator[Cluster]:
    """Run a master and workers of one core each, logs and work in a folder."""
    log = folder / "master.log"
    master = _started(log, _MASTER)
    running = Cluster("", folder, [])
    try:
        running = Cluster(_told(log, r"Starting Spark master at (spark://\S+)", master), folder, [])
        for _ in range(workers):
            running.add_worker()
        yield running
    finally:
        for process in [*running.workers, master]:
            process.terminate()
        for process in [*running.workers, master]:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _started(log: Path, daemon: str, *arguments: str) -> subprocess.Popen[bytes]:
    import pyspark

    home = Path(pyspark.__file__).parent
    env = os.environ | {
        "SPARK_HOME": str(home),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": LIGHT,
        "SPARK_LOCAL_DIRS": str(log.parent / "local"),
    }
    where = ("--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
    with log.open("wb") as out:
        return subprocess.Popen(
            [str(home / "bin" / "spark-class"), daemon, *where, *arguments],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def _told(log: Path, pattern: str, process: subprocess.Popen[bytes]) -> str:
    """Wait until a log says something, and return the part in brackets."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and process.poll() is None:
        if found := re.search(pattern, log.read_text(errors="replace")):
            return found.group(1)
        time.sleep(0.05)
    raise RuntimeError(
        f"{log.name} never said {pattern}:\n{log.read_text(errors='replace')[-2000:]}"
    )


def _children(pid: int) -> list[int]:
    """Return the processes below one, at any depth, as Linux tells them."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = entry.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        parents.setdefault(int(after_name[1]), []).append(int(entry.parent.name))
    found, below = [], [pid]
    while below:
        below = [child for each in below for child in parents.get(each, [])]
        found += below
    return found


@dataclass(frozen=True)
class Held:
    """Last touch, which says where it is at work and waits to be let go on."""

    folder: str

    def tally(self, journeys: Journeys) -> Tally:
        Path(self.folder, f"{os.getpid()}.at-work").touch()
        until = time.monotonic() + SECONDS
        while not Path(self.folder, "go").exists():
            if time.monotonic() > until:
                raise RuntimeError("nobody let it go on")
            time.sleep(0.05)
        return LastTouch().tally(journeys)

    def credit(self, tally: Tally) -> Credit:
        return LastTouch().credit(tally)


@dataclass(frozen=True)
class Broken:
    """A model that fails on every journey."""

    error: Exception

    def tally(self, journeys: Journeys) -> Tally:
        raise self.error

    def credit(self, tally: Tally) -> Credit:
        raise NotImplementedError
