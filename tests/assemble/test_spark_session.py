"""What is said where there is no Spark to be had: quickly, and with what to do."""

from __future__ import annotations

import socket
import sys
import time
from pathlib import Path

import pytest

from attribution import ConfigError
from attribution.assemble.spark_session import plain_errors, started_session


def test_without_pyspark_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(ConfigError, match=r'pip install "attribution\[spark\]"'):
        started_session()


def test_without_java_it_is_said_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("pyspark")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"none on the PATH.*apt-get install default-jre"):
        started_session()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="none in JAVA_HOME"):
        started_session()


@pytest.fixture
def java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let there be something that is called java."""
    pytest.importorskip("pyspark")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch(mode=0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))


@pytest.mark.usefixtures("java")
def test_a_master_that_does_not_answer_is_named_within_seconds() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        begun = time.monotonic()
        with pytest.raises(ConfigError, match=f"No Spark master answers at 127.0.0.1:{port}"):
            started_session(f"spark://127.0.0.1:{port}")
        assert time.monotonic() - begun < 30


@pytest.mark.usefixtures("java")
@pytest.mark.parametrize("master", ["spark://", "spark://host:port", "spark://:7077"])
def test_an_address_that_is_none_is_refused(master: str) -> None:
    with pytest.raises(ConfigError, match="write spark://host:port"):
        started_session(master)


WORKER = "An exception was thrown from the Python worker:\nTraceback (most recent call last):\n"


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            f"{WORKER}ModuleNotFoundError: No module named 'attribution'",
            "does not have attribution",
        ),
        (f"{WORKER}ModuleNotFoundError: No module named 'pandas'", "does not have pandas.*PYSPARK"),
        ('Cannot run program "/no/python": error=2', "cannot start Python: .*/no/python"),
        (
            f"{WORKER}RuntimeError: [PYTHON_VERSION_MISMATCH] 3.12, 3.11",
            "workers' Python is another than this",
        ),
        (f"{WORKER}  File x\n    raise KeyError\nKeyError: 'oh no'", "On a worker: KeyError: 'oh"),
        ("[FAILED_READ_FILE.FILE_NOT_EXIST] no file", "as shared=.*FILE_NOT_EXIST"),
        ("Job aborted: lost.\n\tat org.apache", r"gave the job up: Job aborted: lost\. If workers"),
    ],
    ids=["package", "needed", "none", "python", "model", "file", "job"],
)
def test_what_a_cluster_says_is_put_plainly(said: str, message: str) -> None:
    errors = pytest.importorskip("pyspark.errors")
    with pytest.raises(ConfigError, match=message) as raised, plain_errors():
        raise errors.PySparkException(said)
    assert "\n" not in str(raised.value)
