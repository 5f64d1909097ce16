"""Measure every number the project promises, and write them into benchmarks/README.md.

`make bench` does it; without make: `python benchmarks/run.py --repeats 5 --paths paths.csv`.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import exactness
import measure
import pandas as pd
import public
from make_journeys import path_file
from make_order_lines import order_lines_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HERE = Path(__file__).parent
PAGE = HERE / "README.md"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
SLOW = 3  # runs of a peer that takes a minute and a half
PACKAGES = (
    "attribution",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "duckdb",
    "channelattribution",
    "shapiq",
)


class Row(NamedTuple):
    """One promise: what it is, what was found, what was promised, and whether it is kept."""

    what: str
    found: str
    bar: str
    met: bool | None

    def cells(self) -> tuple[str, ...]:
        """Return the row as it is printed."""
        word = {True: "yes", False: "**no**", None: "not run"}[self.met]
        return (self.what, self.found, self.bar, word)


def main() -> int:
    """Measure, print and write the table; 1 if a promise is broken."""
    chosen = _arguments()
    rows = []
    for measured in MEASURED:
        if chosen.only not in (None, measured.__name__):
            continue
        for row in measured(chosen):
            rows.append(row)
            print(" | ".join(row.cells()), flush=True)
    if chosen.only is None:
        write(rows, f"{chosen.machine}, medians of {chosen.repeats} runs")
    return int(any(row.met is False for row in rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure what the project promises.")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each child process")
    parser.add_argument("--skip-slow", action="store_true", help="leave out the slow peer runs")
    parser.add_argument("--skip-large", action="store_true", help="leave out 10 million journeys")
    parser.add_argument("--paths", type=Path, help="file of the public paths")
    parser.add_argument("--oracle", type=Path, help="file of their known removal effects")
    parser.add_argument("--machine", default=_machine(), help="what to call this machine")
    parser.add_argument(
        "--only", choices=[rows.__name__ for rows in MEASURED], help="print one group only"
    )
    return parser.parse_args()


def exact_rows(chosen: argparse.Namespace) -> Iterator[Row]:
    """Compare with other ways to compute the same numbers."""
    share = exactness.fixture_share()
    yield Row("Markov(1), fixture of peers: share of A", f"{share * 100:.2f} %", "36.15 %",
              f"{share:.2%}" == "36.15%")  # fmt: skip
    paths = public.find(chosen.paths)
    name = "public 10,000 paths"
    if paths is None:
        name, paths = "sample paths", pd.read_csv(HERE.parent / "data" / "example" / "paths.csv")
    against = "each channel deleted and the chain solved again"
    against += " and known effects" if chosen.oracle else ""
    for order in (1, 2, 3):
        error = exactness.markov_error(paths, order, chosen.oracle)
        yield _error(f"Markov({order}) removal effects, {name}, against {against}", error, 1e-9)
    error = exactness.shapley_rate_error(paths)
    yield _error(f'Shapley("rate"), {name}, against shapiq\'s exact computer', error, 1e-9)
    error = exactness.equal_split_error(paths)
    yield _error(f'Shapley("conversions"), {name}, against an equal split', error, 1e-12)


def ratio_rows(chosen: argparse.Namespace) -> Iterator[Row]:
    """Compare with ChannelAttribution on the same file, both with conversions and value."""
    file = str(path_file("M"))
    ours, peer = measure.alternating(
        chosen.repeats, ("all_models", file), ("peer_markov", file, "1")
    )
    yield _ratio("M: five heuristics, Markov(1) and Shapley(\"conversions\") together, against "
                 "ChannelAttribution's Markov(1) alone", ours, peer, 0.4)  # fmt: skip
    what = "M: Markov(3) against ChannelAttribution's"
    if chosen.skip_slow:
        yield Row(what, "", "≤ 0.125", None)
        return
    ours, peer = measure.alternating(
        min(chosen.repeats, SLOW), ("markov", file, "3"), ("peer_markov", file, "3")
    )
    yield _ratio(what, ours, peer, 0.125)


def time_rows(chosen: argparse.Namespace) -> Iterator[Row]:
    """Measure what has no peer to compare with."""
    file = str(path_file("W"))
    runs = _repeat(chosen, measure.workload, "markov", file, "1")
    yield _seconds("W: Markov(1), whole process, CPU", measure.cpu(runs), 8.0)
    for name, bar in (("S", 0.3), ("S24", 3.0)):
        file = str(path_file(name))
        runs = _repeat(chosen, measure.workload, "shapley_rate", file)
        channels = measure.inside(runs, "channels")
        yield _seconds(f'Shapley("rate") exact, {channels:.0f} channels, CPU of attribute() alone',
                       measure.inside(runs, "cpu"), bar)  # fmt: skip
    runs = _repeat(chosen, measure.run, sys.executable, "-c", "import attribution")
    yield _seconds("`import attribution`, whole process, wall", measure.wall(runs), 1.0)
    runs = _repeat(chosen, _report)
    yield _seconds("sample report end to end, from the raw exports, wall", measure.wall(runs), 15.0)


def growth_rows(chosen: argparse.Namespace) -> Iterator[Row]:
    """Measure the cost of one journey at each size; it must not grow."""
    costs = {}
    for name in ("S", "M") if chosen.skip_large else ("S", "M", "L"):
        file = str(path_file(name))
        runs = _repeat(chosen, measure.workload, "from_file_to_credit", file)
        costs[name] = measure.inside(runs, "cpu") / measure.inside(runs, "journeys") * 1e6
    each = ", ".join(f"{name} {cost:.2f}" for name, cost in costs.items())
    grown = max(costs.values()) / min(costs.values())
    what = f"all models from the file on, CPU per journey in µs: {each}"
    yield Row(what, f"× {grown:.2f}", "≤ × 1.5 between sizes", grown <= 1.5)


def intake_rows(chosen: argparse.Namespace) -> Iterator[Row]:
    """Compare ingest with DuckDB's own reading of the same file, and with itself at a tenth."""
    sizes = (1_000_000,) if chosen.skip_large else (1_000_000, 10_000_000)
    costs = []
    for size in sizes:
        file = str(order_lines_file(size))
        ours, peer = measure.alternating(
            min(chosen.repeats, SLOW), ("ingest", file), ("duckdb_parquet", file)
        )
        mine, theirs = measure.wall(ours), measure.inside(peer, "wall")
        costs.append(mine / size)
        what = f"ingest of {size:,} order lines from CSV, against DuckDB reading them into Parquet"
    found = f"{mine / theirs:.2f} ({mine:.1f} s / {theirs:.1f} s)"
    yield Row(what, found, "≤ 4", mine / theirs <= 4)
    yield Row("... its peak memory", f"{measure.peak(ours):.2f} GB", "≤ 3 GB",
              measure.peak(ours) <= 3)  # fmt: skip
    if len(costs) > 1:
        grown = costs[1] / costs[0]
        yield Row("... cost of a row, against a tenth of the rows", f"× {grown:.2f}", "≤ × 1.5",
                  grown <= 1.5)  # fmt: skip


def identity_rows(chosen: argparse.Namespace) -> Iterator[Row]:
    """Identity against a planted truth, and at scale."""

    def run(what: str) -> measure.Run:
        return measure.run(sys.executable, str(HERE / "identity.py"), what)

    found = run("truth")
    kept = {name: found.inside(name) for name in ("precision", "recall")}
    beside = "a join by phone: {:.4f}, {:.4f}".format(
        found.inside("naive_precision"), found.inside("naive_recall")
    )
    what = "identity, 200,000 planted people: pairwise"
    yield Row(f"{what} precision ({beside})", f"{kept['precision']:.4f}", "≥ 0.995",
              kept["precision"] >= 0.995)  # fmt: skip
    yield Row(f"{what} recall of what the evidence allows", f"{kept['recall']:.4f}", "≥ 0.95",
              kept["recall"] >= 0.95)  # fmt: skip
    if not chosen.skip_large:
        scale = run("scale")
        seconds = scale.inside("wall_s")
        what = "identity, 10 million identifiers and 12 million links"
        yield _seconds(f"{what}, wall", seconds, 60.0)
        yield Row(
            "... its peak memory",
            f"{scale.inside('peak_gb'):.2f} GB",
            "≤ 4 GB",
            scale.inside("peak_gb") <= 4,
        )
    cost = run("hash").inside("us_per_hash")
    yield Row("keyed hash of one identifier", f"{cost:.2f} µs", "≤ 3 µs", cost <= 3)


def _repeat(
    chosen: argparse.Namespace, work: Callable[..., measure.Run], *arguments: str
) -> list[measure.Run]:
    return [work(*arguments) for _ in range(chosen.repeats)]


def _report() -> measure.Run:
    command = (sys.executable, "-m", "attribution", "report", "model_comparison", "--quiet")
    with TemporaryDirectory() as folder:
        return measure.run(*command, "--out", str(Path(folder) / "report"))


def _error(what: str, error: float, bar: float) -> Row:
    return Row(what, f"{error:.1e}", f"≤ {bar:.0e}".replace("e-0", "e-"), error <= bar)


def _ratio(what: str, ours: list[measure.Run], peer: list[measure.Run], bar: float) -> Row:
    mine, theirs = measure.cpu(ours), measure.cpu(peer)
    found = f"{mine / theirs:.3f} ({mine:.2f} s / {theirs:.2f} s)"
    return Row(what, found, f"≤ {bar:g}", mine / theirs <= bar)


def _seconds(what: str, seconds: float, bar: float) -> Row:
    return Row(what, f"{seconds:.2f} s", f"≤ {bar:g} s", seconds <= bar)


def write(rows: list[Row], how: str) -> None:
    """Put the table between the markers of the page."""
    lines = [
        f"{datetime.now(UTC):%d %B %Y}, {how}, {_versions()}.", "",
        "| what | found | bar | met |", "|---|---|---|---|",
        *(f"| {' | '.join(row.cells())} |" for row in rows),
    ]  # fmt: skip
    page = PAGE.read_text(encoding="utf-8")
    head, rest = page.split(BEGIN)
    tail = rest.split(END)[1]
    PAGE.write_text("\n".join([head + BEGIN, *lines, END + tail]), encoding="utf-8")


def _versions() -> str:
    found = [f"Python {platform.python_version()}"]
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(found)


def _machine() -> str:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB"


MEASURED = (exact_rows, ratio_rows, time_rows, growth_rows, intake_rows, identity_rows)

if __name__ == "__main__":
    sys.exit(main())
