"""What the documentation shows for schedules can be used as it stands."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from attribution.cli import main
from attribution.publish.described import describe

DOCS = Path(__file__).resolve().parents[2] / "docs"
EXAMPLES = DOCS / "examples"
PARSE = """
import json, sys
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models import DagBag
bag = DagBag(sys.argv[1])
tasks = {t.task_id: sorted(t.upstream_task_ids) for d in bag.dags.values() for t in d.tasks}
print("found " + json.dumps({"errors": list(bag.import_errors.values()), "tasks": tasks}))
"""


def test_schedules_call_verbs_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = [file.read_text(encoding="utf-8") for file in EXAMPLES.iterdir() if file.is_file()]
    called = re.findall(
        r"(?:ATTRIBUTION\"?|\{ATTRIBUTION\}|bin/attribution) ([a-z]+)((?: --\w+ \w+)*)",
        "\n".join(texts),
    )
    assert len(called) == 6
    for verb, more in called:
        with pytest.raises(SystemExit) as ended:
            main([verb, *more.split(), "--help"])
        assert ended.value.code == 0
    assert "usage: attribution report" in capsys.readouterr().out


def test_the_page_on_schedules_tells_every_field_of_latest_json() -> None:
    page = (DOCS / "scheduling.md").read_text(encoding="utf-8")
    told = set()
    for names in re.findall(r"^\| (`[a-z_]+`(?:, `[a-z_]+`)*) \|", page, re.MULTILINE):
        told |= set(re.findall(r"\w+", names))
    run = dict.fromkeys(
        ("started", "finished", "seconds", "brand", "language", "timezone", "as_of"), "2026-11-16"
    )
    run |= {"run": "r", "status": "done", "since": "", "until": "", "previous": None, "pages": []}
    run["seconds"] = 1.0
    texts = describe([run], [], brand="B", language="en", timezone="Asia/Shanghai")
    assert told == set(json.loads(texts["latest.json"]))


def test_the_dag_is_parsed_by_airflow(tmp_path: Path) -> None:
    if importlib.util.find_spec("airflow") is None:
        pytest.skip("needs apache-airflow and apache-airflow-providers-papermill")
    (tmp_path / "dags").mkdir()
    text = (EXAMPLES / "airflow_dag.py").read_text(encoding="utf-8")
    (tmp_path / "dags" / "dag.py").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", PARSE, str(tmp_path / "dags")],
        env=os.environ | {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout.rpartition("found ")[2])
    assert found["errors"] == []
    assert found["tasks"] == {
        "ingest": [],
        "model_comparison": ["ingest"],
        "data_quality": ["ingest"],
        "publish": ["data_quality", "model_comparison"],
    }
