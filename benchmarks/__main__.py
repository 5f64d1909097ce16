"""Measure every number the project promises, and write them into benchmarks/README.md.

`make bench` does it; without make: `python -m benchmarks --repeats 3 --paths paths.csv`.
`python -m benchmarks truth` holds models against worlds whose truth is known, into
benchmarks/truth.md: see `benchmarks.truth.command`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import measure, page
from benchmarks.groups import (
    exact,
    growth,
    identity,
    intake,
    large,
    ledger,
    long_form,
    paths,
    peers,
    site,
    spark,
    store,
)
from benchmarks.rows import Chosen, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Group(NamedTuple):
    """One table: its title, what measures it, and its picture if it draws one."""

    title: str
    rows: Callable[[Chosen], Iterator[Row]]
    picture: str = ""


GROUPS = {
    "exact": Group("Exactness", exact.rows),
    "paths": Group("Models, from path counts", paths.rows),
    "long_form": Group("10 million journeys, from rows as they happened", long_form.rows),
    "large": Group("Higher orders, many channels, many touchpoints", large.rows),
    "growth": Group("Growth", growth.rows, "growth.svg"),
    "peers": Group("Peers", peers.rows),
    "intake": Group("Ingest", intake.rows),
    "identity": Group("Identity", identity.rows),
    "store": Group("Store, refresh, watch", store.rows),
    "ledger": Group("Ledger", ledger.rows),
    "site": Group("Report site", site.rows),
    "spark": Group("Spark", spark.rows),
}


def main() -> int:
    """Measure, print and write the tables; 1 if a promise is broken or a measurement fails."""
    given = _arguments()
    write = given.write or not given.only
    chosen = Chosen(
        given.repeats, given.skip_slow, given.skip_large, given.paths, given.oracle, write
    )
    broken = False
    for name, group in GROUPS.items():
        if given.only and name not in given.only:
            continue
        print(f"\n## {group.title}", flush=True)
        rows = list(_measured(group, chosen))
        broken |= any(row.met is False for row in rows)
        if write:
            how = f"{given.machine}, medians of {given.repeats} runs, {page.versions()}"
            page.write(name, group.title, rows, how, group.picture)
    return int(broken)


def _measured(group: Group, chosen: Chosen) -> Iterator[Row]:
    try:
        for row in group.rows(chosen):
            print(" | ".join(row.cells()), flush=True)
            yield row
    except measure.Failed as failure:
        print(f"failed: {failure}", flush=True)
        yield Row("the rest of this table", f"failed: {failure}", "", met=False)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure what the project promises."
    )
    parser.add_argument("--repeats", type=int, default=3, help="runs of each child process")
    parser.add_argument("--skip-slow", action="store_true", help="leave out the slow peer runs")
    parser.add_argument(
        "--skip-large", action="store_true", help="leave out 10 million journeys and more"
    )
    parser.add_argument("--paths", type=Path, help="file of the public paths")
    parser.add_argument("--oracle", type=Path, help="file of their known removal effects")
    parser.add_argument("--machine", default=page.machine(), help="what to call this machine")
    parser.add_argument(
        "--only", action="append", choices=list(GROUPS), help="one group only, printed"
    )
    parser.add_argument("--write", action="store_true", help="write the groups of --only, too")
    return parser.parse_args()


if __name__ == "__main__":
    if sys.argv[1:2] == ["truth"]:
        from benchmarks.truth.command import main as truth

        sys.exit(truth(sys.argv[2:]))
    sys.exit(main())
