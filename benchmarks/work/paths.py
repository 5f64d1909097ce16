"""Models from path counts, in a process of their own."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.work.timing import cpu_of

if TYPE_CHECKING:
    from attribution import Model


def all_models(file: str) -> dict[str, float]:
    """Heuristics, Markov(1) and Shapley("conversions"), conversions and value."""
    import attribution

    journeys = attribution.read_paths(file)
    frame = attribution.compare(journeys, _models()).frame()
    return {"conversions": float(frame.groupby("model")["conversions"].sum().max())}


def markov(file: str, order: str) -> dict[str, float]:
    """One Markov model, conversions and value."""
    import attribution

    journeys = attribution.read_paths(file)
    credit = attribution.attribute(journeys, attribution.Markov(order=int(order)))
    return {"conversions": float(credit.frame()["conversions"].sum())}


def shapley_rate(file: str) -> dict[str, float]:
    """Time one exact Shapley("rate") of journeys that are already in memory."""
    import attribution

    journeys = attribution.read_paths(file)
    model = attribution.Shapley(worth="rate")
    return {
        "channels": len(journeys.channels),
        "cpu": cpu_of(lambda: attribution.attribute(journeys, model)),
    }


def from_file_to_credit(file: str) -> dict[str, float]:
    """Time all the models from the file on, once everything they load is loaded."""
    import attribution

    journeys = attribution.read_paths(file)
    attribution.compare(journeys[:2], _models())
    # A tenth of a second is too short to be timed once.
    times = range(max(1, 1_000_000 // int(journeys.journeys)))
    cpu = [
        cpu_of(lambda: attribution.compare(attribution.read_paths(file), _models())) for _ in times
    ]
    return {"journeys": float(journeys.journeys), "cpu": statistics.median(cpu)}


def _models() -> list[Model]:
    import attribution as a

    return [
        a.FirstTouch(), a.LastTouch(), a.LastNonDirect(direct="channel 0000"), a.Linear(),
        a.PositionBased(), a.Markov(order=1), a.Shapley(worth="conversions"),
    ]  # fmt: skip
