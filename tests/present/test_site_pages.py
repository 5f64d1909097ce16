"""The pages of downloads and of runs."""

from __future__ import annotations

import re

from attribution.present.site_pages import (
    DIED,
    INTERRUPTED,
    PAGE,
    REFUSED,
    UNWRITTEN,
    Download,
    RunEntry,
    downloads,
    failure_words,
    runs,
)
from attribution.present.words import Words

EN, ZH = Words("en"), Words("zh")
HOSTILE = "<img src=x>"


def test_every_table_is_listed_with_rows_columns_and_sizes() -> None:
    found = [
        Download("roi", "by_session", 1_234, ("a", HOSTILE), (("CSV", "downloads/roi/x", 2_000),)),
        Download("roi", "", None, (), (("Notebook", "downloads/roi/roi.ipynb", 1_500_000),)),
    ]
    text = str(downloads(EN, found, 49))
    assert "<h1>1 table of 1 page, 1.5 MB in all</h1>" in text
    assert ">1,234</td>" in text
    assert "&lt;img" in text
    assert HOSTILE not in text
    assert re.findall(r'<a href="([^"]+)" download>', text) == [
        "downloads/roi/x",
        "downloads/roi/roi.ipynb",
    ]
    assert 'href="manifest.json"' in text
    assert "1 个页面的 1 张表，共 1.5 MB" in downloads(ZH, found, 49)
    assert "This run has written no table" in downloads(EN, found[1:], 0)


def test_runs_say_which_is_current_and_why_one_failed() -> None:
    current = RunEntry("r2", "2026-11-16 09:00", "current", "", 41.2, (("roi", "r2/roi.html"),))
    failed = RunEntry("r3", "2026-11-17 09:00", "failed", cause=HOSTILE)
    text = str(runs(EN, [failed, current]))
    assert "The last run failed; the report of 2026-11-16 09:00 stays current" in text
    assert '<a href="r2/roi.html">ROI</a>' in text
    assert "▼ failed" in text
    assert HOSTILE not in text
    assert "The current report is of 2026-11-16 09:00" in runs(EN, [current])
    assert "还没有发布过报告" in runs(ZH, [failed])


def test_every_kind_of_failure_has_words() -> None:
    told = {
        kind: failure_words(
            EN, {"kind": kind, "page": "roi", "cell": "code cell 3", "cause": "why"}
        )
        for kind in (PAGE, DIED, INTERRUPTED, UNWRITTEN, REFUSED)
    }
    assert told == {
        PAGE: "ROI: code cell 3. why",
        DIED: "The run was killed before it was done.",
        INTERRUPTED: "The run was interrupted.",
        UNWRITTEN: "It could not be written: why",
        REFUSED: "why",
    }
    died = {"kind": PAGE, "page": "roi", "cell": "", "cause": "why"}
    assert failure_words(ZH, died) == "主播与场次 ROI：why"
