"""The command line: `attribution VERB --workspace DIR ...`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from attribution import verbs as do
from attribution.errors import AttributionError, ConfigError, LockedError
from attribution.names import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code.

    0 if done, 1 if it failed, 2 for wrong use or configuration, 3 if `check --strict` would
    quarantine a row, 4 if another run holds the folder of reports.
    """
    chosen = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupted)  # a scheduler's stop leaves nothing behind, too
    done = do.FAILED
    try:
        done = int(chosen.run(chosen))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ConfigError as error:
        print(f"attribution: {error}", file=sys.stderr)  # noqa: T201
        return do.WRONG_USE
    except KeyboardInterrupt:
        print("attribution: interrupted; nothing was published.", file=sys.stderr)  # noqa: T201
        return do.FAILED
    except LockedError as error:
        print(f"attribution: {error}", file=sys.stderr)  # noqa: T201
        return do.LOCKED
    except AttributionError as error:
        print(f"attribution: {error}", file=sys.stderr)  # noqa: T201
        return do.FAILED
    return done


def _interrupted(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="attribution",
        description="Which streamer, session, video, ad or group brought each order.",
    )
    parser.add_argument("--version", action="version", version=f"attribution {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--workspace",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="folder of attribution.toml, from which relative paths start (default: here)",
    )

    def verb(
        name: str, run: Callable[[argparse.Namespace], int], summary: str
    ) -> argparse.ArgumentParser:
        text = f"{summary[0].upper()}{summary[1:]}."
        added = verbs.add_parser(name, help=summary, description=text, parents=[common])
        added.set_defaults(run=run)
        return added

    init = verb("init", do.init, "make a workspace, which works at once on the sample brand")
    init.add_argument("folder", type=Path, metavar="DIR", help="the folder to make")

    check = verb("check", do.check, "validate the configuration and every source; keep nothing")
    check.add_argument(
        "--strict", action="store_true", help="exit with 3 when a row would be quarantined"
    )

    ingest = verb("ingest", do.ingest, "bring new and changed files into the store")
    ingest.add_argument(
        "--retry", action="store_true", help="read files with quarantined rows again, too"
    )

    map_file = verb("map", do.map_file, "propose a mapping for an unknown file")
    map_file.add_argument(
        "file",
        type=Path,
        nargs="?",
        metavar="FILE",
        help="CSV, Excel, JSON or Parquet; leave it out to list the mappings there are",
    )
    map_file.add_argument("--out", type=Path, metavar="TOML", help="write the proposal here")

    person = verb("person", do.person, "show why these identifiers are one person")
    person.add_argument("id", metavar="ID", help="a person_id, or an identifier such as an openid")

    forget = verb("forget", do.forget, "erase a person for good; only facts of orders stay")
    forget.add_argument("id", metavar="ID", help="a person_id, or an identifier such as an openid")

    tag = verb("tag", do.tag, "make UTM links from a table of streamers, sessions, placements")
    tag.add_argument("file", type=Path, metavar="FILE", help="the table: CSV or Excel")
    tag.add_argument("--url", metavar="URL", help="the page to link, for rows that name none")
    tag.add_argument("--out", type=Path, metavar="CSV", help="write the links here")

    explain = verb("explain", do.explain, "print how journeys are made, step by step, as SQL")
    explain.add_argument(
        "name", nargs="?", metavar="NAME", help="one step only; leave it out for all of them"
    )
    explain.add_argument(
        "--store", action="store_true", help="print the steps to the store's tables, too"
    )

    refresh = verb("refresh", do.refresh, "bring credit up to date, at the cost of what changed")
    refresh.add_argument("--full", action="store_true", help="read everything anew")
    refresh.add_argument(
        "--out", type=Path, metavar="PARQUET", help="write model, channel, conversions, value here"
    )

    watch = verb("watch", do.watch, "ingest and refresh over and over, with a live table")
    watch.add_argument(
        "--every", type=float, default=10.0, metavar="SECONDS", help="from round to round (10)"
    )
    watch.add_argument("--once", action="store_true", help="one round only")

    close = verb("close", do.close, "close the books of a period that is over")
    close.add_argument(
        "period",
        nargs="?",
        metavar="PERIOD",
        help="a month, week or day: 2026-10, 2026-W46, 2026-11-11; leave it out to list what is "
        "closed, and what has changed since",
    )

    report = verb(
        "report",
        do.report,
        "publish the report site; or, with a name, one notebook as a page",
    )
    report.add_argument(
        "name",
        nargs="?",
        help="one page only; leave it out for the site that [report] of attribution.toml describes",
    )
    report.add_argument("--list", action="store_true", help="list the pages there are and stop")
    report.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of every page that has it; repeatable",
    )
    report.add_argument("--since", default="", metavar="DAY", help="first day, such as 2026-11-09")
    report.add_argument("--until", default="", metavar="DAY", help="last day")
    report.add_argument(
        "--period", default="", metavar="DAYS", help="instead: a month (2026-11), 28D, or all"
    )
    report.add_argument(
        "--parameters", action="store_true", help="show the notebook's parameters and stop"
    )
    report.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where to publish, from the workspace on (default: reports; "
        "of one page reports/runs/NAME-TIME)",
    )
    report.add_argument("--quiet", action="store_true", help="show no progress")
    return parser


if __name__ == "__main__":
    sys.exit(main())
