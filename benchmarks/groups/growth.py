"""What one journey costs at each size; it must not grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks import measure
from benchmarks.make_journeys import SIZES, path_file
from benchmarks.make_long import long_file
from benchmarks.page import PAGE
from benchmarks.picture import Curve, draw
from benchmarks.rows import Chosen, Row

if TYPE_CHECKING:
    from collections.abc import Iterator

GROWN = 1.5
LONGEST = 900.0
PEERS = (
    ("channelattribution", "ChannelAttribution, Markov(1) alone"),
    ("mam", "MAM 2, Markov(1) alone"),
    ("do_attribution", "do-attribution, Markov(1) alone"),
)


def rows(chosen: Chosen) -> Iterator[Row]:
    """Measure it, and draw the curves."""
    sizes = ("S", "M") if chosen.skip_large else ("S", "M", "L")
    curves = []
    for workload, file, name, some in (
        ("paths.from_file_to_credit", path_file, "all models, from path counts", sizes),
        ("long_form.from_file_to_credit", long_file, "all models, from rows",
         sizes if chosen.skip_large else (*sizes, "XL")),
    ):  # fmt: skip
        costs = []
        for size in some:
            runs = measure.repeated(chosen.repeats, workload, file(size))
            costs.append(measure.inside(runs, "cpu") / measure.inside(runs, "journeys") * 1e6)
        curves.append(_curve(name, some, costs))
        grown = max(costs) / min(costs)
        each = ", ".join(f"{size} {cost:.2f}" for size, cost in zip(some, costs, strict=True))
        yield Row(f"{name}, CPU per journey in µs, once loaded: {each}", f"× {grown:.2f}",
                  f"≤ × {GROWN} between sizes", grown <= GROWN)  # fmt: skip
    for function, name in PEERS:
        reached, costs = [], []
        for size in sizes[:2] if chosen.skip_slow else sizes:
            try:
                run = measure.workload(f"peers.{function}", path_file(size), longest=LONGEST)
            except measure.Failed as failure:
                yield Row(f"{name}, {size}", f"failed: {failure}")
                break
            reached.append(size)
            costs.append(run.inside("cpu") / SIZES[size].journeys * 1e6)
        each = ", ".join(f"{size} {cost:.2f}" for size, cost in zip(reached, costs, strict=True))
        yield Row(f"{name}, from path counts, one run", f"{each} µs")
        curves.append(_curve(name, reached, costs))
    if chosen.write:
        draw(curves, PAGE.with_name("growth.svg"))


def _curve(name: str, sizes: tuple[str, ...] | list[str], costs: list[float]) -> Curve:
    return Curve(name, tuple(SIZES[size].journeys for size in sizes), tuple(costs))
