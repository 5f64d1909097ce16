"""The two pages of a site that no notebook makes: what can be downloaded, and every run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from attribution.present.markup import joined, section, table
from attribution.present.shell import page_title

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attribution.present.words import Words

__all__ = [
    "DIED",
    "INTERRUPTED",
    "PAGE",
    "REFUSED",
    "UNWRITTEN",
    "Download",
    "RunEntry",
    "downloads",
    "failure_words",
    "runs",
]

# Why a run failed.
PAGE, DIED, INTERRUPTED, UNWRITTEN, REFUSED = "page", "died", "interrupted", "unwritten", "refused"
_COLUMNS = 8  # named of each table


@dataclass(frozen=True)
class Download:
    """One table, or another file, of a page.

    Attributes
    ----------
    page, name
        The page's name and the table's; the latter is empty for the notebook.
    rows, columns
        Of a table.
    files
        Ending, address and bytes of each form it comes in.
    """

    page: str
    name: str
    rows: int | None
    columns: tuple[str, ...]
    files: tuple[tuple[str, str, int], ...]


@dataclass(frozen=True)
class RunEntry:
    """One run in the list of all.

    Attributes
    ----------
    run, at
        Its id, and when it began, in the workspace's time.
    state
        "current", "done" or "failed".
    period
        The days it is about, in words.
    seconds
        It took; None if it never ended.
    pages
        Names and addresses of its pages.
    cause
        Of a failure: words for why.
    """

    run: str
    at: str
    state: str
    period: str = ""
    seconds: float | None = None
    pages: tuple[tuple[str, str], ...] = ()
    cause: str = ""


def _top(title: str, detail: str) -> Markup:
    return Markup("<h1>{}</h1><p>{}</p>").format(title, detail)


def downloads(words: Words, found: Sequence[Download], inputs: int) -> Markup:
    """Return the body of the page of downloads."""
    tables = [each for each in found if each.columns]
    size = sum(size for each in found for _, _, size in each.files)
    title = words(
        "downloads_heading" if tables else "downloads_heading_none",
        tables=words.count(len(tables)),
        pages=words.count(len({each.page for each in found})),
        size=words.size(size),
    )
    body = [
        [
            each.name or words("downloads_notebook"),
            _plain(page_title(words, each.page)),
            "" if each.rows is None else _number(each.rows, words("downloads_rows"), words),
            _held(each.columns),
            _links(words, each.files),
        ]
        for each in found
    ]
    listed = table(
        [
            words("downloads_table"),
            words("downloads_page"),
            words("downloads_rows"),
            words("downloads_columns"),
            words("downloads_files"),
        ],
        body,
        kinds=["name", "why", "", "why", "why"],
        name="list",
    )
    manifest = section(
        words("downloads_manifest_kicker"),
        words("downloads_manifest_heading", inputs=words.count(inputs)),
        Markup('<p>{} <a href="manifest.json">{}</a></p>').format(
            words("downloads_manifest_detail"), words("site_manifest")
        ),
    )
    return joined([_top(title, words("downloads_detail")), listed, manifest])


def _plain(shown: Markup | str) -> Markup:
    return Markup('<td class="plain">{}</td>').format(shown)


def _number(number: int, column: str, words: Words) -> Markup:
    """Return a cell that says its column's name where a phone has no header to show it."""
    return Markup('<td data-column="{}">{}</td>').format(column, words.count(number))


def _held(columns: Sequence[str]) -> str:
    more = f" … (+{len(columns) - _COLUMNS})" if len(columns) > _COLUMNS else ""
    return ", ".join(columns[:_COLUMNS]) + more


def _links(words: Words, files: Sequence[tuple[str, str, int]]) -> Markup:
    links = joined(
        Markup('<a href="{}" download>{}&nbsp;{}</a>').format(address, ending, words.size(size))
        for ending, address, size in files
    )
    size = sum(size for _, _, size in files)
    return Markup('<td class="why" data-sort="{}">{}</td>').format(size, links)


def runs(words: Words, entries: Sequence[RunEntry]) -> Markup:
    """Return the body of the page of all runs, which come newest first."""
    current = next((each for each in entries if each.state == "current"), None)
    failed = sum(each.state == "failed" for each in entries)
    if current is None:
        title = words("runs_heading_none")
    elif entries[0] is current:
        title = words("runs_heading", at=current.at)
    else:
        title = words("runs_heading_failed", at=current.at)
    states = {
        "current": Markup("<b>● {}</b>").format(words("runs_current")),
        "done": words("runs_done"),
        "failed": Markup('<span class="failed">▼ {}</span>').format(words("runs_failed")),
    }
    body = [
        [
            _plain(_named(each)),
            _plain(states[each.state]),
            each.period or ("" if each.state == "failed" else words("runs_everything")),
            ""
            if each.seconds is None
            else _number(round(each.seconds), words("runs_seconds"), words),
            each.cause or _page_links(words, each.pages),
        ]
        for each in entries
    ]
    listed = table(
        [
            words("runs_when"),
            words("runs_state"),
            words("runs_period"),
            words("runs_seconds"),
            words("runs_pages"),
        ],
        body,
        kinds=["name", "why", "why", "", "why"],
        name="list",
    )
    detail = words(
        "runs_detail", whole=words.count(len(entries) - failed), failed=words.count(failed)
    )
    return joined([_top(title, detail), listed])


def _named(entry: RunEntry) -> Markup:
    lead = Markup("{}").format(entry.at)
    if entry.pages:
        lead = Markup('<a href="{}">{}</a>').format(entry.pages[0][1], entry.at)
    return Markup("{}<br><small>{}</small>").format(lead, entry.run)


def _page_links(words: Words, pages: Sequence[tuple[str, str]]) -> Markup:
    return joined(
        Markup('<a href="{}">{}</a>').format(address, page_title(words, name))
        for name, address in pages
    )


def failure_words(words: Words, failure: Mapping[str, str]) -> str:
    """Return why a run failed."""
    kind, cause = failure["kind"], failure.get("cause", "")
    if kind == DIED:
        return words("runs_died")
    if kind == INTERRUPTED:
        return words("runs_interrupted")
    if kind == UNWRITTEN:
        return words("runs_unwritten", cause=cause)
    if kind == REFUSED:
        return cause
    place = page_title(words, failure["page"])
    if failure["cell"]:
        return words("runs_page_failed", page=place, cell=failure["cell"], cause=cause)
    return words("runs_kernel_failed", page=place, cause=cause)
