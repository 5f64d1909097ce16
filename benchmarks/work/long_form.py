"""Models from rows as they happened, in a process of their own."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

from benchmarks.work.timing import Stopwatch, cpu_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attribution import Journeys, Model

COLUMNS = ("user", "ts", "channel", "converted", "value")


def all_models(file: str) -> dict[str, float]:
    """All heuristics, Markov(1) and Shapley("conversions"), conversions and value."""
    import attribution

    frame = attribution.compare(_journeys(file), models()).frame()
    sums = frame.groupby("model")["conversions"].sum()
    return {"conversions": float(sums.max()), "least": float(sums.min())}


def markov(file: str, order: str) -> dict[str, float]:
    """One Markov model, conversions and value."""
    import attribution

    credit = attribution.attribute(_journeys(file), attribution.Markov(order=int(order)))
    return {"conversions": float(credit.frame()["conversions"].sum())}


def scan(file: str) -> dict[str, float]:
    """The floor: DuckDB looking at every value of the same columns, and nothing else."""
    import duckdb

    text = "VARCHAR" in str(duckdb.sql(f"SELECT \"user\" FROM '{file}' LIMIT 0").types)
    person = 'sum(strlen("user"))' if text else 'sum("user")'
    ((*_, orders, _),) = duckdb.sql(
        f"SELECT {person}, sum(epoch_us(ts)), sum(strlen(channel)), sum(converted::INT), sum(value)"
        f" FROM '{file}'"
    ).fetchall()
    return {"conversions": float(orders)}


def stages(file: str) -> dict[str, Any]:
    """CPU seconds by stage: reading the columns, grouping them, each model's sums, all credit."""
    import pyarrow.parquet as pq

    import attribution

    begun = time.process_time()
    opened = pq.ParquetFile(file, read_dictionary=["channel"])
    for group in range(opened.num_row_groups):
        opened.read_row_group(group, columns=list(COLUMNS), use_threads=False)
    reading = time.process_time() - begun

    watch = Stopwatch()
    named = {attribution.label(model): model for model in models()}
    kept: dict[str, attribution.Tally] = {}
    for batch in watch.each("assemble", _journeys(file)):
        for name, model in named.items():
            part = watch.once(f"sum up for {name}", lambda m=model, b=batch: m.tally(b))
            kept[name] = watch.once(
                f"sum up for {name}", lambda n=name, p=part: kept[n] + p if n in kept else p
            )
    for name, model in named.items():
        watch.once("solve", lambda n=name, m=model: m.credit(kept[n]))
    grouping = watch.seconds.pop("assemble") - reading
    return {"read": reading, "assemble": grouping, **watch.seconds}


def from_file_to_credit(file: str) -> dict[str, float]:
    """Time all the models from the file on, once everything they load is loaded."""
    import attribution
    from attribution.model import example_journeys

    small = example_journeys()
    attribution.compare(small, [attribution.Markov(), attribution.Shapley()])
    journeys = sum(batch.journeys for batch in _journeys(file))
    # A tenth of a second is too short to be timed once.
    times = range(max(1, 1_000_000 // int(journeys)))
    cpu = [cpu_of(lambda: attribution.compare(_journeys(file), models())) for _ in times]
    return {"journeys": float(journeys), "cpu": statistics.median(cpu)}


def models() -> list[Model]:
    """All heuristics, and the two data-driven models that need no further choice."""
    import attribution as a

    return [
        a.FirstTouch(), a.LastTouch(), a.LastNonDirect(direct="channel 0000"), a.Linear(),
        a.PositionBased(), a.TimeDecay("7D"), a.Markov(), a.Shapley(),
    ]  # fmt: skip


def _journeys(file: str) -> Iterable[Journeys]:
    import attribution

    person, at, channel, converted, value = COLUMNS
    return attribution.open_journeys(
        file, person=person, at=at, channel=channel, converted=converted, value=value
    )
