"""10 million journeys from rows as they happened, beside ChannelAttribution from path counts.

The peer gets the paths already put together and counted, and makes one model of them.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from benchmarks import measure
from benchmarks.make_journeys import path_file
from benchmarks.make_long import long_file
from benchmarks.rows import Chosen, Row, memory, ratio, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

ORDERS = (
    ("", "rows in the order of time", Fraction(1, 7)),
    ("_shuffled", "rows in any order", Fraction(1, 5)),
    ("_text", "in the order of time, persons as text", Fraction(1, 7)),
)
STAGES = {
    "read": "read the columns",
    "assemble": "group them into journeys",
    "solve": "solve all models",
}
PEAK = 1.5
COUNTING = 1e-9  # conversions are whole numbers


def rows(chosen: Chosen) -> Iterator[Row]:
    """Measure it."""
    name = "M" if chosen.skip_large else "L"
    files = [long_file(name + suffix) for suffix, _, _ in ORDERS]
    workloads = [("long_form.all_models", file) for file in files]
    *ours, peer = measure.alternating(
        chosen.repeats, *workloads, ("peers.channelattribution", path_file(name), 1)
    )
    floors = measure.alternating(chosen.repeats, *(("long_form.scan", file) for file in files))
    for (_, order, bar), runs, floor in zip(ORDERS, ours, floors, strict=True):
        _all_there(runs, floor)
        what = f'{name}, {order}: six heuristics, Markov(1) and Shapley("conversions")'
        beside = "against ChannelAttribution's Markov(1) from path counts"
        mine, theirs, least = (measure.cpu(each) for each in (runs, peer, floor))
        compared = ratio(f"{what}, {beside}", mine, theirs, float(bar), str(bar))
        # A smaller size is told and not judged: there, loading what is imported counts most.
        yield Row(*compared[:2]) if chosen.skip_large else compared
        yield memory("... peak memory", runs, PEAK)
        yield Row("... against the floor: DuckDB scanning the same columns",
                  f"{mine / least:.2f} ({mine:.2f} s / {least:.2f} s)")  # fmt: skip
    yield memory("ChannelAttribution's peak memory", peer)
    runs = measure.repeated(chosen.repeats, "long_form.stages", files[0])
    for stage in runs[0].result():
        yield seconds(f"{name}, {ORDERS[0][1]}, CPU to {STAGES.get(stage, stage)}",
                      measure.inside(runs, stage))  # fmt: skip


def _all_there(runs: list[measure.Run], floor: list[measure.Run]) -> None:
    orders = floor[0].inside("conversions")
    for name in ("conversions", "least"):
        if abs(runs[0].inside(name) - orders) > COUNTING * orders:
            raise measure.Failed(f"{runs[0].inside(name)} conversions credited of {orders}")
