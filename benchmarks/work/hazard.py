"""The hazard model from journeys in memory, in a process of its own."""

from __future__ import annotations

from benchmarks.work.timing import cpu_of


def with_intervals(people: str) -> dict[str, float]:
    """Time credit, effects and their intervals, once everything they load is loaded."""
    import attribution

    model = attribution.Hazard()
    attribution.attribute(attribution.simulate("independent", people=200).journeys, model)
    journeys = attribution.simulate("independent", people=int(people)).journeys
    return {
        "touchpoints": float(len(journeys.codes)),
        "cpu": cpu_of(lambda: attribution.attribute(journeys, model)),
    }
