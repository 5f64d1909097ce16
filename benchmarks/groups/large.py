"""Higher orders, thousands of channels, a hundred million touchpoints."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from benchmarks import measure
from benchmarks.make_journeys import path_file
from benchmarks.make_long import long_file
from benchmarks.rows import SLOW, Chosen, Row, error, memory, ratio, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKED = 16  # channels that are deleted one by one


def rows(chosen: Chosen) -> Iterator[Row]:
    """Measure it."""
    runs = measure.repeated(chosen.repeats, "paths.markov", path_file("W"), 1)
    what = "W, 5,000 channels: Markov(1), CPU"
    yield seconds(f"{what}, from path counts", measure.cpu(runs), 6.0)
    runs = measure.repeated(chosen.repeats, "long_form.markov", long_file("W"), 1)
    yield seconds(f"{what}, from rows", measure.cpu(runs))
    runs = measure.repeated(chosen.repeats, "long_form.markov", long_file("W_equal"), 1)
    yield seconds(f"{what}, from rows, channels equally popular", measure.cpu(runs))
    if chosen.skip_large:
        return
    yield from _higher_orders(chosen)
    yield from _many_channels(chosen)
    small, large = (
        measure.repeated(chosen.repeats, "long_form.all_models", long_file(name))
        for name in ("XL10", "XL")
    )
    yield memory("XL, 100 million touchpoints: all models of the table above, peak memory",
                 large, 3)  # fmt: skip
    mine, tenth = measure.cpu(large), measure.cpu(small)
    yield Row("... CPU against a tenth of them", f"× {mine / tenth:.2f} ({mine:.1f} s / "
              f"{tenth:.2f} s)", "≤ × 11", mine / tenth <= 11)  # fmt: skip


def _higher_orders(chosen: Chosen) -> Iterator[Row]:
    file = long_file("L")
    runs = measure.repeated(chosen.repeats, "long_form.markov", file, 2)
    what = "L: Markov(2) from rows, against ChannelAttribution's from path counts"
    bar = Fraction(1, 15)
    if chosen.skip_slow:
        yield Row(what, f"{measure.cpu(runs):.2f} s / ?", f"≤ {bar}")
    else:
        peer = measure.repeated(SLOW, "peers.channelattribution", path_file("L"), 2)
        yield ratio(what, measure.cpu(runs), measure.cpu(peer), float(bar), str(bar))
    yield memory("... peak memory", runs)
    runs = measure.repeated(chosen.repeats, "long_form.markov", file, 3)
    yield seconds("L: Markov(3) from rows, CPU", measure.cpu(runs), 160)
    yield memory("... peak memory", runs, 3)


def _many_channels(chosen: Chosen) -> Iterator[Row]:
    for name, how in (("X20", ""), ("X20_equal", ", channels equally popular")):
        what = f"X20, 20,000 channels, 5 million journeys{how}: Markov(1) from rows"
        judged = not how
        if chosen.skip_slow and not judged:
            yield Row(what)
            continue
        file = long_file(name)
        runs = measure.repeated(chosen.repeats if judged else SLOW, "long_form.markov", file, 1)
        yield seconds(f"{what}, CPU", measure.cpu(runs), 60 if judged else None)
        yield memory("... peak memory", runs, 4 if judged else None)
        checked = measure.workload("spot_checks.markov", file, CHECKED)
        yield error(f"... removal effects of {checked.inside('channels'):.0f} channels, relative, "
                    "against each deleted and the chain solved again",
                    checked.inside("error"), 1e-8)  # fmt: skip
