"""All models from path counts: beside ChannelAttribution on the same file, and on their own."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks import measure
from benchmarks.make_journeys import path_file
from benchmarks.rows import SLOW, Chosen, Row, ratio, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator


def rows(chosen: Chosen) -> Iterator[Row]:
    """Measure it."""
    file = path_file("M")
    ours, peer = measure.alternating(
        chosen.repeats, ("paths.all_models", file), ("peers.channelattribution", file, 1)
    )
    yield ratio("M: five heuristics, Markov(1) and Shapley(\"conversions\") together, against "
                "ChannelAttribution's Markov(1) alone",
                measure.cpu(ours), measure.cpu(peer), 0.4)  # fmt: skip
    what = "M: Markov(3) against ChannelAttribution's"
    if chosen.skip_slow:
        yield Row(what, bar="≤ 0.125")
    else:
        ours, peer = measure.alternating(
            SLOW, ("paths.markov", file, 3), ("peers.channelattribution", file, 3)
        )
        yield ratio(what, measure.cpu(ours), measure.cpu(peer), 0.125)
    for name, bar in (("S", 0.3), ("S24", 3.0)):
        runs = measure.repeated(chosen.repeats, "paths.shapley_rate", path_file(name))
        channels = measure.inside(runs, "channels")
        yield seconds(f'Shapley("rate") exact, {channels:.0f} channels, CPU of attribute() alone',
                      measure.inside(runs, "cpu"), bar)  # fmt: skip
    runs = [measure.run(sys.executable, "-c", "import attribution") for _ in range(chosen.repeats)]
    yield seconds("`import attribution`, whole process, wall", measure.wall(runs), 1.0)
    runs = [_report() for _ in range(chosen.repeats)]
    yield seconds("sample report end to end, from the raw exports, wall", measure.wall(runs), 15.0)


def _report() -> measure.Run:
    command = (sys.executable, "-m", "attribution", "report", "model_comparison", "--quiet")
    with TemporaryDirectory() as folder:
        return measure.run(*command, "--out", str(Path(folder) / "report"))
