"""Can the data be trusted: coverage, freshness, what was set aside, people, reconciliation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from markupsafe import Markup

from attribution.names import __version__
from attribution.present import charts
from attribution.present.markup import Fragment, figure, page, row, section, style, table

if TYPE_CHECKING:
    import pandas as pd

    from attribution.present.words import Words
    from attribution.store.quality import Quality

__all__ = [
    "QualityReport",
    "closing",
    "coverage",
    "freshness",
    "opening",
    "people_and_aliases",
    "reconciliation",
    "set_aside",
]

_LONGEST = 6  # identifiers of one person that get a bar of their own
_SHOWN = 12
_COUNTS = ["orders", "with_person", "touched", "touched_twice"]


@dataclass(frozen=True)
class QualityReport:
    """What the sections read.

    Attributes
    ----------
    quality
        The measured frames.
    words
        Language, and currency with its minor unit.
    brand
        Shown on top.
    timezone
        Of instants and days.
    lookback
        As the measurements took it, in words of the configuration.
    """

    quality: Quality
    words: Words
    brand: str
    timezone: str
    lookback: str

    def share(self, part: float, whole: float) -> str:
        """Return a part as a percentage of a whole, or a dash where there is no whole."""
        return self.words.percent(part / whole, 1) if whole else "–"

    def instant(self, ms: int | float) -> str:
        """Return an instant in the workspace's time zone."""
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(ms))
        return f"{at.astimezone(ZoneInfo(self.timezone)):%Y-%m-%d %H:%M}"

    def span(self, ms: float) -> str:
        """Return a duration in its largest sensible unit."""
        seconds = ms / 1000
        for size, unit in ((86_400, "span_days"), (3_600, "span_hours"), (60, "span_minutes")):
            if abs(seconds) >= size:
                return self.words(unit, n=f"{seconds / size:.1f}")
        return self.words("span_seconds", n=f"{seconds:.1f}")


def opening(report: QualityReport) -> Fragment:
    """Return the style sheet and the finding: how many orders could be explained at all."""
    words = report.words
    sums = report.quality.coverage[_COUNTS].sum()
    orders = int(sums["orders"])
    if orders:
        finding = words(
            "quality_headline",
            touched=report.share(sums["touched"], orders),
            twice=report.share(sums["touched_twice"], orders),
        )
        waiting = int(report.quality.quarantine["rows"].sum())
        detail = words(
            "quality_subtitle",
            orders=words("orders", count=words.count(orders)),
            known=report.share(sums["with_person"], orders),
            waiting=words.count(waiting),
        )
    else:
        finding, detail = words("quality_headline_none"), words("quality_subtitle_none")
    kicker = f"{report.brand} · {words('quality_title')}"
    return page(
        words.language,
        style(),
        Markup('<p class="kicker">{}</p><h1>{}</h1><p>{}</p>').format(kicker, finding, detail),
    )


def coverage(report: QualityReport) -> Fragment:
    """Return orders with a person and with touchpoints, by platform and by day."""
    words, frame = report.words, report.quality.coverage
    if not len(frame):
        return _nothing(report, "coverage_kicker")
    named = frame.groupby("platform_name", sort=False)[_COUNTS].sum()
    named = named.sort_values("orders", ascending=False, kind="stable")
    total = frame[_COUNTS].sum()
    head = [
        words("coverage_platform"),
        words("coverage_orders"),
        words("coverage_person"),
        words("coverage_touched"),
        words("coverage_twice"),
    ]

    def line(name: str, counts: pd.Series) -> list[str]:
        orders = counts["orders"]
        shares = (report.share(counts[column], orders) for column in _COUNTS[1:])
        return [name, words.count(orders), *shares]

    body = [line(str(name), counts) for name, counts in named.iterrows()]
    body.append(line(words("coverage_all"), total))
    rows = ["" for _ in named.index] + ["sum"]
    worst = named[named["orders"] >= 0.05 * total["orders"]]
    lowest = (worst["touched"] / worst["orders"]).idxmin()
    by_platform = section(
        words("coverage_kicker"),
        words(
            "coverage_heading",
            platform=str(lowest),
            share=report.share(worst.loc[lowest, "touched"], worst.loc[lowest, "orders"]),
        ),
        figure(
            table(head, body, kinds=["name", "", "", "", ""], rows=rows),
            words("coverage_note", lookback=report.lookback),
        ),
    )
    return page(words.language, row("even", by_platform, _days(report)))


def _days(report: QualityReport) -> Markup:
    words = report.words
    days = report.quality.coverage.groupby("day")[_COUNTS].sum().sort_index().tail(14)
    shares = list((days["touched"] / days["orders"]).astype(float))
    title = words(
        "coverage_days_heading",
        low=words.percent(min(shares)),
        high=words.percent(max(shares)),
    )
    return section(
        words("coverage_days_kicker"),
        title,
        figure(
            charts.bars(
                shares,
                [words.percent(share).rstrip("%") for share in shares],
                [str(day)[5:] for day in days.index],
                title,
            ),
            words("coverage_days_note", orders=words.count(float(days["orders"].sum()))),
        ),
    )


def freshness(report: QualityReport) -> Fragment:
    """Return how new each source is, and how late its touchpoints arrive."""
    words, frame = report.words, report.quality.freshness
    if not len(frame):
        return _nothing(report, "freshness_kicker")
    newest = int(frame["last_at"].max())
    ordered = frame.sort_values("last_at", kind="stable")
    late = report.quality.lateness.set_index("source")
    body = []
    for source, name, rows, last in ordered[["source", "table", "rows", "last_at"]].itertuples(
        index=False
    ):
        known = name == "touchpoints" and source in late.index
        body.append(
            [
                source,
                name,
                words.count(rows),
                report.instant(last),
                report.span(newest - last) if newest > last else "–",
                report.span(late.loc[source, "median_ms"]) if known else "",
                report.span(late.loc[source, "late_ms"]) if known else "",
            ]
        )
    oldest = ordered.iloc[0]
    keys = ("source", "table", "rows", "last", "behind", "median", "late")
    return page(
        words.language,
        section(
            words("freshness_kicker"),
            words(
                "freshness_heading",
                newest=report.instant(newest),
                source=str(oldest["source"]),
                behind=report.span(newest - int(oldest["last_at"])),
            ),
            figure(
                table(
                    [words(f"freshness_{key}") for key in keys],
                    body,
                    kinds=["name", "why", "", "", "", "", ""],
                ),
                words("freshness_note"),
            ),
        ),
    )


def set_aside(report: QualityReport) -> Fragment:
    """Return the quarantine by reason, doubles, and orders left out by a rule."""
    words, frame = report.words, report.quality.quarantine
    shown = frame.head(_SHOWN)
    place = shown["table"].fillna("") + "." + shown["column"].fillna("")
    body = [
        [str(source), where.strip("."), str(expected), str(remedy), words.count(rows)]
        for source, where, expected, remedy, rows in zip(
            shown["source"], place, shown["expected"], shown["remedy"], shown["rows"], strict=True
        )
    ]
    total = int(frame["rows"].sum())
    heads = ("source", "place", "expected", "remedy", "rows")
    waiting = section(
        words("quarantine_kicker"),
        words("quarantine_heading", rows=words.count(total), kinds=words.count(len(frame)))
        if total
        else words("quarantine_heading_none"),
        *(
            [
                figure(
                    table(
                        [words(f"quarantine_{head}") for head in heads],
                        body,
                        kinds=["name", "why", "why wrap", "why wrap", ""],
                    ),
                    words("quarantine_note"),
                )
            ]
            if total
            else []
        ),
    )
    return page(words.language, waiting, row("even", _doubles(report), _excluded(report)))


def _doubles(report: QualityReport) -> Markup:
    words, frame = report.words, report.quality.duplicates
    frame = frame[frame["rows"] > 0].sort_values("table", kind="stable")
    arrived = int(frame["rows"].sum())
    gone = arrived - int(frame["kept"].sum())
    body = [
        [str(name), words.count(rows), words.count(rows - kept)]
        for name, rows, kept in frame[["table", "rows", "kept"]].itertuples(index=False)
    ]
    return section(
        words("doubles_kicker"),
        words(
            "doubles_heading", gone=words.count(gone), rows=words.count(int(frame["rows"].sum()))
        ),
        figure(
            table(
                [words("doubles_table"), words("doubles_rows"), words("doubles_gone")],
                body,
                kinds=["name", "", ""],
            ),
            words("doubles_note"),
        ),
    )


def _excluded(report: QualityReport) -> Markup:
    words, frame = report.words, report.quality.excluded
    unit = words.money_unit(float(frame["paid_fen"].fillna(0).max()) if len(frame) else 0.0)
    body = [
        [str(why), words.count(rows), words.written(float(paid or 0), unit)]
        for why, rows, paid in frame[["why", "rows", "paid_fen"]].fillna(0).itertuples(index=False)
    ]
    count = int(frame["rows"].sum()) if len(frame) else 0
    return section(
        words("excluded_kicker"),
        words("excluded_heading", count=words.count(count)),
        figure(
            table(
                [words("excluded_why"), words("excluded_rows"), unit.label],
                body,
                kinds=["name", "", ""],
            ),
            words("excluded_note"),
        ),
    )


def people_and_aliases(report: QualityReport) -> Fragment:
    """Return how many identifiers people have, shared identifiers, and unmapped streamers."""
    words, people = report.words, report.quality.people
    if not len(people):
        return _nothing(report, "people_kicker")
    total = int(people["persons"].sum())
    size = people["identifiers"].clip(upper=_LONGEST)
    counts = people.groupby(size)["persons"].sum().reindex(range(1, _LONGEST + 1), fill_value=0)
    shares = [float(count) / total for count in counts]
    names = [f"{n}" if n < _LONGEST else f"{n}+" for n in counts.index]
    status = report.quality.identifiers.set_index("status")["rows"]
    several = 1 - shares[0]
    title = words("people_heading", persons=words.count(total), several=words.percent(several))
    sizes = section(
        words("people_kicker"),
        title,
        figure(
            charts.bars(shares, [words.percent(s).rstrip("%") for s in shares], names, title),
            words(
                "people_note",
                hubs=words.count(int(status.get("hub", 0))),
                review=words.count(int(status.get("review", 0))),
            ),
        ),
    )
    return page(words.language, row("even", sizes, _aliases(report)))


def _aliases(report: QualityReport) -> Markup:
    words, frame = report.words, report.quality.aliases
    if not len(frame):
        return section(words("aliases_kicker"), words("aliases_heading_none"))
    body = [
        [str(value), f"{platform} · {kind}", words.count(rows), words.count(orders)]
        for platform, kind, value, rows, orders in frame.head(_SHOWN)[
            ["platform", "id_type", "value", "rows", "orders"]
        ].itertuples(index=False)
    ]
    return section(
        words("aliases_kicker"),
        words("aliases_heading", count=words.count(len(frame))),
        figure(
            table(
                [words(f"aliases_{head}") for head in ("value", "kind", "rows", "orders")],
                body,
                kinds=["name", "why", "", ""],
            ),
            words("aliases_note"),
        ),
    )


def reconciliation(report: QualityReport) -> Fragment:
    """Return paid orders and money by platform, as platforms and as the ERP have them."""
    words, frame = report.words, report.quality.reconciliation
    if not len(frame):
        return _nothing(report, "reconciliation_kicker")
    numbers = [
        "platform_orders",
        "erp_orders",
        "only_platform",
        "only_erp",
        "platform_paid_fen",
        "erp_paid_fen",
        "difference_fen",
    ]
    sums = frame.groupby("platform_name", sort=False)[numbers].sum()
    sums = sums.sort_values("platform_paid_fen", ascending=False, kind="stable")
    total = frame[numbers].sum()
    unit = words.money_unit(float(total[numbers[4:]].abs().max()))

    def line(name: str, figures: pd.Series) -> list[str]:
        return [
            name,
            *(words.count(int(figures[column])) for column in numbers[:4]),
            *(words.written(float(figures[column]), unit) for column in numbers[4:]),
        ]

    body = [line(str(name), figures) for name, figures in sums.iterrows()]
    body.append(line(words("coverage_all"), total))
    head = [words(f"reconciliation_{column.removesuffix('_fen')}") for column in numbers]
    head = [*head[:4], *(f"{name} {unit.label}" for name in head[4:])]
    return page(
        words.language,
        section(
            words("reconciliation_kicker"),
            words(
                "reconciliation_heading",
                only_platform=words.count(int(total["only_platform"])),
                only_erp=words.count(int(total["only_erp"])),
                difference=words.money(float(total["difference_fen"])),
            ),
            figure(
                table(
                    [words("coverage_platform"), *head],
                    body,
                    kinds=["name", *("" for _ in head)],
                    rows=["" for _ in sums.index] + ["sum"],
                ),
                words("reconciliation_note"),
            ),
        ),
    )


def closing(report: QualityReport) -> Fragment:
    """Return the run line."""
    words = report.words
    made = words("footer_made", version=__version__)
    return page(
        words.language,
        Markup("<footer>{} · {}</footer>").format(made, words("quality_footer")),
    )


def _nothing(report: QualityReport, kicker: str) -> Fragment:
    words = report.words
    return page(words.language, section(words(kicker), words("quality_nothing")))
