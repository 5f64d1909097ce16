"""A Spark session to assemble journeys in: started, or somebody's own, and its errors put plainly.

Nothing here is imported before a user asks for Spark.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from attribution.errors import ConfigError, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pyspark.sql import SparkSession

__all__ = ["LOCAL", "own_session", "plain_errors", "started_session"]

LOCAL = "local[*]"

_ANSWER_SECONDS = 5
_EXECUTOR_SECONDS = 30
_STANDALONE = "spark://"
_PORT = 7077
_SHOWN = 300

# The same words and numbers as the other engine: UTC, names in double quotes, errors for overflow.
_MEANINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.sql.caseSensitive": "true",
    "spark.sql.variable.substitute": "false",  # "${...}" in a name is part of the name
    "spark.sql.execution.arrow.maxRecordsPerBatch": "50000",
}


def started_session(master: str = "", settings: Mapping[str, str] | None = None) -> SparkSession:
    """Return a session on a cluster; if this process has one already, that.

    It stays for further calls and ends with the process. Its workers use this very Python: a
    cluster whose Python lies elsewhere says so in the environment variable `PYSPARK_PYTHON`.

    Parameters
    ----------
    master
        "local[*]" for the cores of this machine, "spark://host:port" for a standalone cluster, or
        what else Spark calls a master (yarn, k8s://...). If empty, that of the session there is,
        and else this machine.
    settings
        Further settings of Spark, such as {"spark.executor.memory": "8g"}; a session that is there
        already keeps its own.

    Raises
    ------
    ConfigError
        If pyspark or Java is missing, no master answers within seconds, the cluster gives no
        executor, or this process has a session on another cluster.
    """
    _check_pyspark()
    from pyspark.sql import SparkSession

    if running := SparkSession.getActiveSession():
        return _on(running, master)
    master = master or LOCAL
    builder = SparkSession.builder
    _check_java()
    _check_answers(master)
    place = str(Path(__file__).parents[2])
    own = {
        "spark.master": master,
        "spark.app.name": "attribution",
        "spark.ui.showConsoleProgress": "false",
        # A copy of the package that is not installed is found on this machine all the same.
        "spark.executorEnv.PYTHONPATH": place,
    }
    if master.startswith("local") or _is_here(master):
        own |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    for name, value in (own | dict(settings or {})).items():
        builder = builder.config(name, value)
    with _python_of_workers():
        try:
            session = builder.getOrCreate()
        except Exception as error:
            raise ConfigError(
                f"Spark did not start on {quoted(master)}: {_first_line(error)} Look at the "
                "master's address and at spark.* settings."
            ) from error
    if not master.startswith("local"):
        _wait_for_executor(session, master)
    return _on(session, master)


def own_session(session: SparkSession) -> SparkSession:
    """Return a session beside a given one: the same cluster, its own views, and its own meaning.

    Its settings are those of the given one, but for the few that say what SQL means.
    """
    beside = session.newSession()
    chosen = {
        name: value for name, value in session.conf.getAll.items() if beside.conf.isModifiable(name)
    }
    for name, value in (chosen | _MEANINGS).items():
        beside.conf.set(name, value)
    return beside


@contextmanager
def plain_errors() -> Iterator[None]:
    """Put what a cluster says when a job fails into plain words.

    Raises
    ------
    ConfigError
        For a worker without this package, and for a job that Spark gave up.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    try:
        yield
    except (Py4JError, PySparkException) as error:
        text = str(error)
        if lacking := re.search(r"No module named '(\w+)", text):
            raise ConfigError(
                f"The workers' Python does not have {lacking[1]}. Install this package there with "
                "all it needs (`pip install attribution`), or name the Python that has it in "
                "PYSPARK_PYTHON."
            ) from error
        if "Cannot run program" in text:
            raise ConfigError(
                f"The workers cannot start Python: {_first_line(error)} Name in PYSPARK_PYTHON the "
                "one that has this package there."
            ) from error
        if "PYTHON_VERSION_MISMATCH" in text:
            raise ConfigError(
                f"The workers' Python is another than this one, {sys.version.split()[0]}. Name "
                "one of the same version in PYSPARK_PYTHON."
            ) from error
        if "FILE_NOT_EXIST" in text or "FileNotFoundException" in text:
            raise ConfigError(
                "A worker does not see a file that this machine sees. Name a folder that all of "
                f"them see by the same name, as shared=. {_first_line(error)}"
            ) from error
        if raised := re.findall(r"^([\w.]+(?:Error|Exception)\b.*)$", text, re.MULTILINE):
            raise ConfigError(f"On a worker: {raised[-1][:_SHOWN]}") from error
        raise ConfigError(
            f"Spark gave the job up: {_first_line(error)} If workers died, give them more memory "
            '("spark.executor.memory"), or make the parts smaller ("spark.sql.shuffle.partitions").'
        ) from error


def _check_pyspark() -> None:
    try:
        import pyspark.sql  # noqa: F401
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"engine='spark' needs pyspark, and {error.name} is not installed. "
            'Install it: pip install "attribution[spark]"'
        ) from error


def _on(running: SparkSession, master: str) -> SparkSession:
    there = running.sparkContext.master
    if master and master != there:
        raise ConfigError(
            f"This process has a Spark session on {quoted(there)}, and a process has only one; "
            f"master={quoted(master)} asks for another. Stop the session first, or leave `master` "
            "out."
        )
    return running


def _check_java() -> None:
    home = os.environ.get("JAVA_HOME")
    if not shutil.which("java", path=f"{home}/bin" if home else None):
        where = f"in JAVA_HOME ({home})" if home else "on the PATH"
        raise ConfigError(
            f"Spark runs on Java 17 or newer, and there is none {where}. Install it (Debian: "
            "apt-get install default-jre-headless), or say where it is in JAVA_HOME."
        )


def _hosts(master: str) -> list[tuple[str, int]]:
    """Return the addresses of a standalone master; none for other kinds."""
    if not master.startswith(_STANDALONE):
        return []
    found = []
    for each in master.removeprefix(_STANDALONE).split(","):
        host, colon, port = each.rpartition(":")
        if not (host if colon else each) or (colon and not port.isdigit()):
            raise ConfigError(f"master={quoted(master)}: write spark://host:port, as Spark does.")
        found.append((host, int(port)) if colon else (each, _PORT))
    return found


def _is_here(master: str) -> bool:
    return any(host in ("127.0.0.1", "localhost") for host, _ in _hosts(master))


def _check_answers(master: str) -> None:
    """Refuse a master that nobody answers for: Spark itself would try for a minute and longer."""
    tried = []
    for host, port in _hosts(master):
        try:
            socket.create_connection((host, port), timeout=_ANSWER_SECONDS).close()
        except OSError as error:
            tried.append(f"{host}:{port} ({error.strerror or error})")
        else:
            return
    if tried:
        raise ConfigError(
            f"No Spark master answers at {', '.join(tried)}. Look whether it runs and whether its "
            "address is right, or leave `master` out to use the cores of this machine."
        )


@contextmanager
def _python_of_workers() -> Iterator[None]:
    """Let workers use this Python while a session is made, unless the environment names one."""
    if "PYSPARK_PYTHON" in os.environ:
        yield
        return
    os.environ["PYSPARK_PYTHON"] = sys.executable
    try:
        yield
    finally:
        del os.environ["PYSPARK_PYTHON"]


def _wait_for_executor(session: SparkSession, master: str) -> None:
    """Wait until the cluster gives an executor: without one a job would wait for ever."""
    status = session.sparkContext._jsc.sc()
    until = time.monotonic() + _EXECUTOR_SECONDS
    while status.getExecutorMemoryStatus().size() < 2:  # the driver is one of them
        if time.monotonic() > until:
            session.stop()
            raise ConfigError(
                f"The cluster at {quoted(master)} gave no executor within {_EXECUTOR_SECONDS} "
                'seconds. Look whether it has workers, ask for less ("spark.executor.memory", '
                '"spark.executor.cores"), or make the session yourself, wait, and pass it as '
                "spark=."
            )
        time.sleep(0.1)


def _first_line(error: BaseException) -> str:
    """Return what an error says first, without the stack of the other side."""
    cause = getattr(error, "java_exception", None)
    text = str(cause.getMessage() if cause is not None else error).strip() or type(error).__name__
    line = text.splitlines()[0].rstrip(".")
    return f"{line[:_SHOWN]}."
