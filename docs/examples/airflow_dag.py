"""Every morning: read what is new, run each notebook, publish the report site."""

from __future__ import annotations

from contextlib import chdir
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.providers.papermill.operators.papermill import PapermillOperator
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

WORKSPACE = Path("/srv/brand")
ATTRIBUTION = "/opt/attribution/.venv/bin/attribution"
NOTEBOOKS = ("model_comparison", "data_quality")  # as in `pages` of [report]
EXECUTED = "/srv/airflow/attribution/{{ ds_nodash }}"


class NotebookOperator(PapermillOperator):
    """A notebook run where it finds its workspace: the operator itself names no folder."""

    def execute(self, context: Any) -> Any:
        """Execute the notebook in the workspace."""
        with chdir(WORKSPACE):
            return super().execute(context)


with DAG(
    dag_id="attribution_report",
    schedule="0 6 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": timedelta(minutes=5)},
) as dag:
    ingest = BashOperator(
        task_id="ingest",
        bash_command=f"{ATTRIBUTION} ingest && mkdir -p {EXECUTED}",
        cwd=str(WORKSPACE),
    )
    publish = BashOperator(
        task_id="publish", bash_command=f"{ATTRIBUTION} report --period 28D", cwd=str(WORKSPACE)
    )
    for name in NOTEBOOKS:
        notebook = NotebookOperator(
            task_id=name,
            input_nb=str(WORKSPACE / "notebooks" / f"{name}.ipynb"),
            output_nb=f"{EXECUTED}/{name}.ipynb",
            parameters={"language": "zh"},
            kernel_name="python3",
            language_name="python",
        )
        ingest >> notebook >> publish
