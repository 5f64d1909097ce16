"""The page around a report's body: header, navigation, run line, and what makes it usable."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from markupsafe import Markup

from attribution.names import DEFAULT_TIMEZONE
from attribution.present.markup import joined, style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attribution.present.words import Words

__all__ = ["DOWNLOADS", "RUNS", "Shell", "instant", "page_title", "period", "run_line"]

DOWNLOADS, RUNS = "downloads", "runs"  # the two pages that no notebook makes
_TITLES = {
    "overview": "site_overview",
    "model_comparison": "site_model_comparison",
    "validation": "site_validation",
    "roi": "site_roi",
    "paths": "site_paths",
    "claims": "site_claims",
    "ledger": "site_ledger",
    "data_quality": "site_data_quality",
    "tuning": "site_tuning",
    "diff": "site_diff",
    DOWNLOADS: "site_downloads",
    RUNS: "site_runs",
}
_PAGE = Markup(
    '<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
    '<meta http-equiv="Content-Security-Policy" content="{policy}">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
    "<title>{title}</title>{style}<style>{sheet}</style><script>{script}</script></head>"
    '<body class="ar site" data-filter="{filter}" data-filtered="{filtered}">'
    '<a class="skip" href="#main">{skip}</a>{header}{navigation}'
    '<main id="main" tabindex="-1">{body}</main>{run}</body></html>'
)


def _policy(script: str) -> str:
    """Return what a page may do: look as it does and run this one script; ask the network nothing.

    A script that a notebook of one's own shows does not run.
    """
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return "; ".join(
        [
            "default-src 'none'",
            "style-src 'unsafe-inline'",
            f"script-src 'sha256-{digest}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


@dataclass(frozen=True)
class Shell:
    """What the pages of a run have in common.

    Attributes
    ----------
    words
        The language.
    brand
        Leads the header.
    as_of
        Up to when there are data, in words; empty if that is not known.
    pages
        Names of the pages in order.
    folder
        Where they lie, seen from the page: empty, or such as "20261116-090000/".
    runs
        Address of the page of all runs, seen from the page.
    run_line
        What is different on every run; all of it stands in this one element.
    """

    words: Words
    brand: str
    as_of: str
    pages: Sequence[str]
    folder: str = ""
    runs: str = "../index.html"
    run_line: Markup | None = None

    def page(self, name: str, body: Markup, period: str = "") -> str:
        """Return a whole page: the body of the page of this name, about these days."""
        words, title = self.words, page_title(self.words, name)
        sheet, script = style(), _own("shell.js")
        return str(
            _PAGE.format(
                language=words.language,
                policy=_policy(script),
                title=f"{title} · {self.brand}",
                style=sheet,
                sheet=_own("shell.css"),
                script=script,
                filter=words("site_filter"),
                filtered=words("site_filtered", shown="{shown}", all="{all}"),
                skip=words("site_skip"),
                header=self._header(period),
                navigation=self._navigation(name),
                body=body.replace(sheet, Markup("")),  # stands above already
                run=self.run_line or Markup(""),
            )
        )

    def _header(self, period: str) -> Markup:
        words = self.words
        choices = joined(
            Markup('<button type="button" value="{}">{}</button>').format(value, name)
            for value, name in (
                ("system", words("site_theme_system")),
                ("light", words("site_theme_light")),
                ("dark", words("site_theme_dark")),
            )
        )
        return Markup(
            '<header><span class="brand">{}</span><span>{}</span><span>{}</span>'
            '<span class="as-of">{}</span>'
            '<span class="theme" role="group" aria-label="{}" hidden>{}</span></header>'
        ).format(
            self.brand, words("site_subject"), period, self.as_of, words("site_theme"), choices
        )

    def _navigation(self, current: str) -> Markup:
        words = self.words
        links = [(name, f"{self.folder}{name}.html") for name in self.pages]
        apart = [(RUNS, self.runs)]
        if self.pages:
            apart.insert(0, (DOWNLOADS, f"{self.folder}{DOWNLOADS}.html"))
        first = apart[0][0]
        return Markup('<nav aria-label="{}">{}</nav>').format(
            words("site_navigation"),
            joined(
                Markup('<a href="{}"{}{}>{}</a>').format(
                    address,
                    Markup(' class="apart"') if name == first else "",
                    Markup(' aria-current="page"') if name == current else "",
                    page_title(words, name),
                )
                for name, address in [*links, *apart]
            ),
        )


def _own(name: str) -> Markup:
    text = files("attribution.present").joinpath(name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704 - our own file


def page_title(words: Words, name: str) -> str:
    """Return what the navigation calls a page: of one's own notebook, its name."""
    return words(_TITLES[name]) if name in _TITLES else name.replace("_", " ")


def period(words: Words, since: str, until: str) -> str:
    """Return the days from `since` to `until` in words; either may be empty."""
    first, last = (date.fromisoformat(day) if day else None for day in (since, until))
    if first and last:
        return words.days(first, last)
    if first:
        return words("site_since", first=words.day(first))
    return words("site_until", last=words.day(last)) if last else ""


def instant(words: Words, ms: int, timezone: str) -> str:
    """Return up to when there are data: day, time, and the zone of that clock."""
    at = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)).astimezone(
        ZoneInfo(timezone)
    )
    if timezone == DEFAULT_TIMEZONE:
        zone = words("site_beijing")
    else:
        offset = f"{at:%z}"
        zone = f"UTC{offset[:3]}:{offset[3:]}"
    return words("site_as_of", at=f"{words.month_day(at.date())} {at:%H:%M}", zone=zone)


def run_line(words: Words, run: str, started: datetime, seconds: float) -> Markup:
    """Return what tells one run from another: nothing else on a page does."""
    return Markup('<p id="run">{}<a href="manifest.json">{}</a></p>').format(
        words(
            "site_run_line",
            run=run,
            at=f"{started:%Y-%m-%d %H:%M}",
            seconds=words.count(round(seconds)),
        ),
        words("site_manifest"),
    )
