"""The command line: `attribution VERB --workspace DIR ...`."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from attribution.errors import AttributionError, ConfigError
from attribution.names import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_DONE, _FAILED, _WRONG_USE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb. Return 0 if done, 1 if it failed, 2 for wrong use or configuration."""
    chosen = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, _interrupted)  # a scheduler's stop leaves nothing behind, too
    try:
        return int(chosen.run(chosen))
    except ConfigError as error:
        print(f"attribution: {error}", file=sys.stderr)  # noqa: T201
        return _WRONG_USE
    except KeyboardInterrupt:
        print("attribution: interrupted; nothing was published.", file=sys.stderr)  # noqa: T201
        return _FAILED
    except AttributionError as error:
        print(f"attribution: {error}", file=sys.stderr)  # noqa: T201
        return _FAILED


def _interrupted(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="attribution",
        description="Which streamer, session, video, ad or group brought each order.",
    )
    parser.add_argument("--version", action="version", version=f"attribution {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    report = verbs.add_parser(
        "report",
        help="run a report's notebook and publish it",
        description="Run a report's notebook with your settings and publish it as one HTML page "
        "with its credit tables and a manifest. Without --set it runs on the sample data.",
    )
    report.add_argument("name", nargs="?", help="the report; leave it out to list them")
    report.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of the notebook; repeatable",
    )
    report.add_argument(
        "--parameters", action="store_true", help="show the notebook's parameters and stop"
    )
    report.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="where to publish, from the workspace on (default: reports/runs/NAME-TIME)",
    )
    report.add_argument(
        "--workspace",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="folder that relative paths start from (default: here)",
    )
    report.add_argument("--quiet", action="store_true", help="show no progress")
    report.set_defaults(run=_report)
    return parser


def _report(chosen: argparse.Namespace) -> int:
    from attribution import publish
    from attribution.notebooks import parameters_of

    if chosen.name is None:
        _say("\n".join(publish.report_names(chosen.workspace)))
        return _DONE
    if chosen.parameters:
        for p in parameters_of(publish.find_notebook(chosen.name, chosen.workspace)):
            kind = " | ".join(p.choices) if p.choices else p.kind
            _say(f"{p.name:<16} {kind:<12} {p.default!r:<28} {p.help}")
        return _DONE
    done = publish.publish(
        chosen.name,
        chosen.settings,
        workspace=chosen.workspace,
        out=chosen.out,
        progress=not chosen.quiet,
    )
    _say(f"Report: {done.page}\nTables and manifest: {done.folder}")
    return _DONE


def _say(text: str) -> None:
    print(text)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
