"""What describes the runs of a folder: the page that lists them, and the file machines read."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from attribution.present.shell import RUNS, Shell, period
from attribution.present.site_pages import RunEntry, failure_words, runs
from attribution.present.words import Words, words_in
from attribution.publish.manifest import MANIFEST
from attribution.publish.staged import INDEX

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["INDEX", "LATEST", "describe"]

LATEST = "latest.json"


def describe(
    whole: Sequence[dict[str, Any]],
    failed: Sequence[dict[str, Any]],
    *,
    brand: str,
    language: str,
    timezone: str,
) -> dict[str, str]:
    """Return `latest.json` and `index.html` for these runs, both newest first.

    Parameters
    ----------
    whole
        Manifests of the runs that are whole; the first one is current.
    failed
        Records of those that failed.
    brand, language, timezone
        As attribution.toml has them now.
    """
    return {
        LATEST: json.dumps(_latest(whole, failed), ensure_ascii=False, indent=2) + "\n",
        INDEX: _index(whole, failed, words_in(language), brand, timezone),
    }


def _latest(whole: Sequence[dict[str, Any]], failed: Sequence[dict[str, Any]]) -> dict[str, Any]:
    current = whole[0] if whole else None
    newer = failed and (current is None or failed[0]["started"] > current["started"])
    failure = failed[0] if newer else None
    if current is None:
        return {"run": None, "status": "none", "pages": [], "failure": failure}
    run = current["run"]
    kept = ("started", "finished", "seconds", "brand", "language", "timezone", "as_of")
    return {
        "run": run,
        "status": current["status"],
        "exit_code": 0,
        **{key: current[key] for key in (*kept, "since", "until", "previous")},
        "index": f"{run}/{INDEX}",
        "manifest": f"{run}/{MANIFEST}",
        "pages": [
            {
                "name": page["name"],
                "path": f"{run}/{page['file']}",
                "parameters": page["parameters"],
                "counts": page.get("counts", {}),
                "seconds": page["seconds"]["notebook"],
            }
            for page in current["pages"]
        ],
        "failure": failure,
    }


def _index(
    whole: Sequence[dict[str, Any]],
    failed: Sequence[dict[str, Any]],
    words: Words,
    brand: str,
    timezone: str,
) -> str:
    zone = ZoneInfo(timezone)
    entries = [_whole(run, words, zone, current=run is whole[0]) for run in whole]
    entries += [
        RunEntry(
            run["run"],
            _clock(run["started"], zone),
            "failed",
            seconds=run.get("seconds"),
            cause=failure_words(words, run),
        )
        for run in failed
    ]
    started = {run["run"]: datetime.fromisoformat(run["started"]) for run in [*whole, *failed]}
    entries.sort(key=lambda each: (started[each.run], len(each.run), each.run), reverse=True)
    newest = whole[0] if whole else None
    shell = Shell(
        words,
        brand,
        as_of="",
        pages=[] if newest is None else [page["name"] for page in newest["pages"]],
        folder="" if newest is None else f"{newest['run']}/",
        runs=INDEX,
    )
    return shell.page(RUNS, runs(words, entries))


def _whole(run: dict[str, Any], words: Words, zone: ZoneInfo, *, current: bool) -> RunEntry:
    names = [Path(page["file"]).stem for page in run["pages"]]
    return RunEntry(
        run["run"],
        _clock(run["started"], zone),
        "current" if current else "done",
        period(words, run["since"], run["until"]),
        run["seconds"],
        tuple((name, f"{run['run']}/{name}.html") for name in names),
    )


def _clock(iso: str, zone: ZoneInfo) -> str:
    return f"{datetime.fromisoformat(iso).astimezone(zone):%Y-%m-%d %H:%M}"
