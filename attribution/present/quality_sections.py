"""Can the data be trusted: coverage, freshness, what was set aside, people, reconciliation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from markupsafe import Markup

from attribution.names import DEFAULT_TIMEZONE, __version__
from attribution.present import charts
from attribution.present.markup import Fragment, figure, page, row, section, style, table
from attribution.present.report import sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

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
_DAYS = 14
_COUNTS = ["orders", "with_person", "touched", "touched_twice"]
_REASONS = {  # as the shipped mappings write them
    "test order": "reason_test",
    "fake order": "reason_fake",
    "re-ship": "reason_reship",
    "exchange": "reason_exchange",
    "cancelled in the ERP": "reason_cancelled",
    "cancelled, or merged into another, in the ERP": "reason_cancelled_or_merged",
}
_SPANS = ((86_400, "span_days"), (3_600, "span_hours"), (60, "span_minutes"), (1, "span_seconds"))


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
        As the measurements took it.
    """

    quality: Quality
    words: Words
    brand: str = ""
    timezone: str = DEFAULT_TIMEZONE
    lookback: str | pd.Timedelta = "30D"

    def count(self, number: float) -> str:
        """Return a count as the language writes it."""
        return self.words.count(int(number))

    def share(self, part: float, whole: float) -> str:
        """Return a part as a percentage of a whole, or a dash where there is no whole.

        A part that is not the whole is never shown as the whole.
        """
        if not whole:
            return "–"
        text = self.words.percent(part / whole, 1)
        return ">99.9%" if part < whole and text == "100.0%" else text

    def instant(self, ms: float) -> str:
        """Return an instant in the workspace's time zone."""
        at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(ms))
        return f"{at.astimezone(ZoneInfo(self.timezone)):%Y-%m-%d %H:%M}"

    def span(self, ms: float) -> str:
        """Return a duration in its largest sensible unit."""
        seconds = float(ms) / 1000
        size, unit = next((s for s in _SPANS if abs(seconds) >= s[0]), _SPANS[-1])
        return self.words(unit, n=f"{seconds / size:.1f}".removesuffix(".0"))


def opening(report: QualityReport) -> Fragment:
    """Return the style sheet and the finding: how many orders could be explained at all."""
    words, quality = report.words, report.quality
    sums = quality.coverage[_COUNTS].sum()
    orders, findings = int(sums["orders"]), int(quality.quarantine["findings"].sum())
    waiting = words("quality_waiting", waiting=report.count(findings)) if findings else ""
    if orders:
        finding = words(
            "quality_headline",
            touched=report.share(sums["touched"], orders),
            twice=report.share(sums["touched_twice"], orders),
        )
        detail = words(
            "quality_subtitle",
            orders=words("orders", count=report.count(orders)),
            known=report.share(sums["with_person"], orders),
        )
    else:
        finding = words("quality_headline_none")
        held = int(quality.freshness["rows"].sum()) or findings
        detail = words("quality_subtitle_held" if held else "quality_subtitle_none")
    kicker = " · ".join(part for part in (report.brand, words("quality_title")) if part)
    detail = sentences(words, detail, waiting)
    return page(
        words.language,
        style(),
        Markup('<p class="kicker">{}</p><h1>{}</h1><p>{}</p>').format(kicker, finding, detail),
    )


# ---------------------------------------------------------------------- coverage


def coverage(report: QualityReport) -> Fragment:
    """Return orders with a person and with touchpoints, by platform, and by platform and day."""
    words, frame = report.words, report.quality.coverage
    if not len(frame):
        return _nothing(report, "coverage_kicker")
    named = frame.groupby("platform_name", sort=False)[_COUNTS].sum()
    named = named.sort_values("orders", ascending=False, kind="stable")
    total = frame[_COUNTS].sum()

    def line(name: str, counts: pd.Series) -> list[str]:
        orders = counts["orders"]
        shares = (report.share(counts[column], orders) for column in _COUNTS[1:])
        return [name, report.count(orders), *shares]

    body = [line(str(name), counts) for name, counts in named.iterrows()]
    body.append(line(words("coverage_all"), total))
    lookback = report.span(pd.Timedelta(report.lookback) / pd.Timedelta(milliseconds=1))
    by_platform = section(
        words("coverage_kicker"),
        _coverage_title(report, named),
        figure(
            table(
                [
                    words("coverage_platform"),
                    words("coverage_orders"),
                    words("coverage_person"),
                    words("coverage_touched"),
                    words("coverage_twice"),
                ],
                body,
                kinds=["name", "", "", "", ""],
                rows=["" for _ in named.index] + ["sum"],
            ),
            words("coverage_note", lookback=lookback),
        ),
    )
    return page(
        words.language, row("even", by_platform, _days(report, [str(name) for name in named.index]))
    )


def _coverage_title(report: QualityReport, named: pd.DataFrame) -> str:
    """Say where most of the orders without a touchpoint are."""
    words, lost = report.words, named["orders"] - named["touched"]
    total = int(lost.sum())
    if not total:
        return words("coverage_heading_full")
    if len(named) == 1:
        return words("coverage_heading_one", lost=report.count(total), platform=named.index[0])
    most = lost[lost == lost.max()]
    key = "coverage_heading_alike" if len(most) > 1 else "coverage_heading"
    return words(
        key,
        platform=words.listed([str(name) for name in most.index]),
        lost=report.count(most.iloc[0]),
        total=report.count(total),
    )


def _days(report: QualityReport, platforms: Sequence[str]) -> Markup:
    """Return the share of orders with a touchpoint as a table of platforms and days."""
    words, frame = report.words, report.quality.coverage
    by_day = frame.groupby("day")[_COUNTS].sum().sort_index().tail(_DAYS)
    cells = frame.groupby(["platform_name", "day"])[_COUNTS].sum()
    shares = by_day["touched"].astype(float) / by_day["orders"].astype(float)
    low, high = (words.percent(end) for end in (shares.min(), shares.max()))

    def cell(counts: pd.Series | None) -> Markup | str:
        if counts is None or not counts["orders"]:
            return "–"
        share = float(counts["touched"]) / float(counts["orders"])
        text = words.percent(share).rstrip("%")
        return Markup('<td style="background:rgba(var(--above),{:.2f})" title="{}">{}</td>').format(
            share * 0.45, f"{int(counts['touched'])} / {int(counts['orders'])}", text
        )

    body = [
        [
            str(name),
            *(
                cell(cells.loc[(name, day)] if (name, day) in cells.index else None)
                for day in by_day.index
            ),
        ]
        for name in platforms
    ]
    body.append([words("coverage_all"), *(cell(counts) for _, counts in by_day.iterrows())])
    title = (
        words("coverage_days_heading", low=low, high=high)
        if low != high
        else words("coverage_days_heading_same", share=low)
    )
    return section(
        words("coverage_days_kicker"),
        title,
        figure(
            table(
                [words("coverage_platform"), *(str(day)[5:] for day in by_day.index)],
                body,
                kinds=["name", *("" for _ in by_day.index)],
                rows=["" for _ in platforms] + ["sum"],
                name="days",
            ),
            words(
                "coverage_days_note", days=len(by_day), orders=report.count(by_day["orders"].sum())
            ),
        ),
    )


# ---------------------------------------------------------------------- freshness


def freshness(report: QualityReport) -> Fragment:
    """Return how new each source is, and how late its touchpoints arrive."""
    words = report.words
    dated = report.quality.freshness.dropna(subset=["last_at"])
    if not len(dated):
        return _nothing(report, "freshness_kicker")
    by_source = (
        dated.groupby("source", sort=False)
        .agg(tables=("table", ", ".join), rows=("rows", "sum"), last_at=("last_at", "max"))
        .sort_values("last_at", kind="stable")
    )
    newest = int(by_source["last_at"].max())
    late = report.quality.lateness.set_index("source")
    listed = (np.arange(len(by_source)) < _SHOWN) | by_source.index.isin(late.index)
    shown, rest = by_source[listed], by_source[~listed]
    body = []
    for source, tables, rows, last in shown.itertuples():
        known = source in late.index
        body.append(
            [
                _name(source),
                tables,
                report.count(rows),
                report.instant(last),
                report.span(newest - int(last)) if newest > last else "–",
                report.span(late.loc[source, "median_ms"]) if known else "–",
                report.span(late.loc[source, "late_ms"]) if known else "–",
            ]
        )
    if len(rest):
        name = words("freshness_others", count=report.count(len(rest)))
        most = newest - int(rest["last_at"].min())
        behind = words("freshness_within", span=report.span(most)) if most else "–"
        body.append([name, "", report.count(rest["rows"].sum()), "", behind, "", ""])
    early = int(report.quality.lateness["before_it_happened"].sum())
    note = words("freshness_note")
    if early:
        note = sentences(words, note, words("freshness_early", count=report.count(early)))
    return page(
        words.language,
        section(
            words("freshness_kicker"),
            _freshness_title(report, by_source, newest),
            figure(
                table(
                    [
                        words("freshness_source"),
                        words("freshness_table"),
                        words("freshness_rows"),
                        words("freshness_last"),
                        words("freshness_behind"),
                        words("freshness_median"),
                        words("freshness_late"),
                    ],
                    body,
                    kinds=["name", "why", "", "", "", "", ""],
                    rows=["" for _ in shown.index] + ["rest"],
                ),
                note,
            ),
        ),
    )


def _freshness_title(report: QualityReport, by_source: pd.DataFrame, newest: int) -> str:
    words, oldest = report.words, int(by_source["last_at"].iloc[0])
    reach = words("freshness_reach", newest=report.instant(newest))
    if len(by_source) == 1 or oldest == newest:
        return reach
    furthest = by_source.index[by_source["last_at"] == oldest]
    return words(
        "freshness_heading",
        reach=reach,
        source=words.listed([str(source) for source in furthest[:3]]),
        behind=report.span(newest - oldest),
    )


# ---------------------------------------------------------------------- what was set aside


def set_aside(report: QualityReport) -> Fragment:
    """Return the quarantine by reason, doubles, and orders left out by a rule."""
    words = report.words
    return page(
        words.language,
        _waiting(report),
        row("even", _doubles(report), _excluded(report)),
    )


def _waiting(report: QualityReport) -> Markup:
    words, frame = report.words, report.quality.quarantine
    if not len(frame):
        return section(words("quarantine_kicker"), words("quarantine_heading_none"))
    shown, rest = _parted(frame)
    place = shown["table"].fillna("").astype(str) + "." + shown["column"].fillna("").astype(str)
    body = [
        [
            _name(source),
            where.strip("."),
            str(expected),
            str(remedy),
            report.count(rows),
        ]
        for source, where, expected, remedy, rows in zip(
            shown["source"],
            place,
            shown["expected"].fillna(""),
            shown["remedy"].fillna(""),
            shown["findings"],
            strict=True,
        )
    ]
    if len(rest):
        name = words("quarantine_others", count=report.count(len(rest)))
        body.append([name, "", "", "", report.count(rest["findings"].sum())])
    return section(
        words("quarantine_kicker"),
        words(
            "quarantine_heading",
            rows=report.count(frame["findings"].sum()),
            kinds=report.count(len(frame)),
        ),
        figure(
            table(
                [
                    words("quarantine_source"),
                    words("quarantine_place"),
                    words("quarantine_expected"),
                    words("quarantine_remedy"),
                    words("quarantine_rows"),
                ],
                body,
                kinds=["name", "why", "why wrap", "why wrap", ""],
                rows=["" for _ in shown.index] + ["rest"],
                name="reasons",
            ),
            words("quarantine_note"),
        ),
    )


def _doubles(report: QualityReport) -> Markup:
    words, frame = report.words, report.quality.duplicates
    kicker = words("doubles_kicker")
    arrived = int(frame["rows"].sum())
    if not arrived:
        return section(kicker, words("quality_nothing"))
    repeated = frame.assign(gone=frame["rows"] - frame["kept"])
    repeated = repeated.sort_values("gone", ascending=False, kind="stable")
    gone = int(repeated["gone"].sum())
    some = repeated["gone"] > 0

    def line(name: str, rows: int, gone: int) -> list[str]:
        return [name, report.count(rows), report.count(gone)]

    columns = ["table", "rows", "gone"]
    body = [line(*each) for each in repeated.loc[some, columns].itertuples(index=False)]
    if not some.all():
        name = words("doubles_others", count=report.count((~some).sum()))
        body.append(
            line(name if gone else words("coverage_all"), int(repeated["rows"][~some].sum()), 0)
        )
    key = "doubles_heading" if gone else "doubles_heading_none"
    return section(
        kicker,
        words(key, gone=report.count(gone), rows=report.count(arrived)),
        figure(
            table(
                [words("doubles_table"), words("doubles_rows"), words("doubles_gone")],
                body,
                kinds=["name", "", ""],
                rows=["" for _ in range(int(some.sum()))] + ["rest"],
            ),
            words("doubles_note"),
        ),
    )


def _excluded(report: QualityReport) -> Markup:
    """Return rows left out by a rule: orders that count nowhere, and the ERP's rows of others."""
    words, frame = report.words, report.quality.excluded
    kicker = words("excluded_kicker")
    if not len(frame):
        return section(kicker, words("excluded_heading_nothing"))
    nowhere = int((frame["rows"] - frame["order_counts"]).sum())
    elsewhere = int(frame["order_counts"].sum())
    sides = {"erp": words("excluded_erp")}
    body = [
        [
            _reason(words, str(why)),
            sides.get(str(side), words("excluded_platform")),
            report.count(rows),
            report.count(counts),
            "–" if pd.isna(paid) else words.money(float(paid)),
        ]
        for why, side, rows, counts, paid in frame[
            ["why", "known_from", "rows", "order_counts", "paid_fen"]
        ].itertuples(index=False)
    ]
    key = "excluded_heading" if nowhere else "excluded_heading_none"
    title = words(key, count=report.count(nowhere))
    if elsewhere:
        title += words("clause_gap") + words("excluded_elsewhere", count=report.count(elsewhere))
    heads = [
        words("excluded_why"),
        words("excluded_side"),
        words("excluded_rows"),
        words("excluded_counts"),
        words("excluded_paid"),
    ]
    return section(
        kicker,
        title,
        figure(
            table(heads, body, kinds=["name", "why", "", "", ""]),
            words("excluded_note"),
        ),
    )


def _reason(words: Words, why: str) -> str:
    """Return a shipped mapping's reason in the report's language; a user's own as it is."""
    return words(_REASONS[why]) if why in _REASONS else why


# ---------------------------------------------------------------------- people


def people_and_aliases(report: QualityReport) -> Fragment:
    """Return how many identifiers people have, shared identifiers, and unmapped streamers."""
    left = Markup("<div>{}{}</div>").format(_sizes(report), _aliases(report))
    return page(report.words.language, row("even", left, _identifiers(report)))


def _sizes(report: QualityReport) -> Markup:
    words, people = report.words, report.quality.people
    kicker = words("people_kicker")
    total = int(people["persons"].sum())
    if not total:
        return section(kicker, words("quality_nothing"))
    size = people["identifiers"].clip(lower=1, upper=_LONGEST).astype(int)
    counts = people["persons"].astype(int).groupby(size).sum()
    counts = counts.reindex(range(1, _LONGEST + 1), fill_value=0)
    shares = [float(count) / total for count in counts]
    names = [f"{n}" if n < _LONGEST else f"{n}+" for n in counts.index]
    title = words(
        "people_heading",
        persons=report.count(total),
        several=report.share(total - int(counts.iloc[0]), total),
    )
    return section(
        kicker,
        title,
        figure(
            charts.bars(shares, [words.percent(s).rstrip("%") for s in shares], names, title),
            words("people_note"),
        ),
    )


def _identifiers(report: QualityReport) -> Markup:
    """Return identifiers by kind, with those that join nobody."""
    words, frame = report.words, report.quality.identifiers
    kicker = words("identifiers_kicker")
    if not len(frame):
        return section(kicker, words("quality_nothing"))
    statuses = ["hub", "shared", "review"]
    sums = frame.pivot_table(index="id_type", columns="status", values="rows", aggfunc="sum")
    sums = sums.fillna(0).astype(int)
    by_type = sums.reindex(columns=statuses, fill_value=0)
    by_type.insert(0, "all", sums.sum(axis=1))
    shown, rest = _parted(by_type.sort_values("all", ascending=False, kind="stable"))

    def line(name: str, counts: pd.Series) -> list[str]:
        return [name, *(report.count(count) for count in counts)]

    body = [line(str(kind), counts) for kind, counts in shown.iterrows()]
    rows = ["" for _ in body]
    if len(rest):
        body.append(line(words("identifiers_others", count=report.count(len(rest))), rest.sum()))
        rows.append("rest")
    total = by_type.sum()
    body.append(line(words("coverage_all"), total))
    nobody = int(total["hub"] + total["shared"])
    key = "identifiers_heading" if nobody else "identifiers_heading_none"
    return section(
        kicker,
        words(key, count=report.count(nobody), all=report.count(total["all"])),
        figure(
            table(
                [
                    words("identifiers_kind"),
                    words("identifiers_total"),
                    words("identifiers_hub"),
                    words("identifiers_shared"),
                    words("identifiers_review"),
                ],
                body,
                kinds=["name", "", "", "", ""],
                rows=[*rows, "sum"],
            ),
            words("identifiers_note"),
        ),
    )


def _aliases(report: QualityReport) -> Markup:
    words, frame = report.words, report.quality.aliases
    if not len(frame):
        return section(words("aliases_kicker"), words("aliases_heading_none"))
    shown, rest = _parted(frame)
    columns = ["platform", "id_type", "value", "rows", "orders"]
    body = [
        [str(value), f"{platform} · {kind}", report.count(rows), report.count(orders)]
        for platform, kind, value, rows, orders in shown[columns].itertuples(index=False)
    ]
    if len(rest):
        name = words("aliases_others", count=report.count(len(rest)))
        sums = (report.count(rest[column].sum()) for column in ("rows", "orders"))
        body.append([name, "", *sums])
    return section(
        words("aliases_kicker"),
        words("aliases_heading", count=report.count(len(frame))),
        figure(
            table(
                [
                    words("aliases_value"),
                    words("aliases_kind"),
                    words("aliases_rows"),
                    words("aliases_orders"),
                ],
                body,
                kinds=["name", "why", "", ""],
                rows=["" for _ in shown.index] + ["rest"],
            ),
            words("aliases_note"),
        ),
    )


# ---------------------------------------------------------------------- platforms against ERP


def reconciliation(report: QualityReport) -> Fragment:
    """Return paid orders and money by platform, as platforms and as the ERP have them."""
    words, frame = report.words, report.quality.reconciliation
    counts = [
        "platform_orders",
        "erp_orders",
        "only_platform",
        "only_platform_left_out",
        "only_erp",
    ]
    money = ["platform_paid_fen", "erp_paid_fen", "difference_fen"]
    total = frame[[*counts, *money]].sum()
    if not len(frame):
        return _nothing(report, "reconciliation_kicker")
    for side, key in (
        ("erp_orders", "reconciliation_no_erp"),
        ("platform_orders", "reconciliation_no_platform"),
    ):
        if not total[side]:
            return page(words.language, section(words("reconciliation_kicker"), words(key)))
    sums = frame.groupby("platform_name", sort=False)[[*counts, *money]].sum()
    sums = sums.sort_values("platform_paid_fen", ascending=False, kind="stable")
    unit = words.money_unit(float(total[money].astype(float).abs().max()))

    def line(name: str, figures: pd.Series) -> list[str]:
        return [
            name,
            *(report.count(figures[column]) for column in counts),
            *(words.written(float(figures[column]), unit) for column in money),
        ]

    body = [line(str(name), figures) for name, figures in sums.iterrows()]
    body.append(line(words("coverage_all"), total))
    head = [
        words("reconciliation_platform_orders"),
        words("reconciliation_erp_orders"),
        words("reconciliation_only_platform"),
        words("reconciliation_only_platform_left_out"),
        words("reconciliation_only_erp"),
        f"{words('reconciliation_platform_paid')} {unit.label}",
        f"{words('reconciliation_erp_paid')} {unit.label}",
        f"{words('reconciliation_difference')} {unit.label}",
    ]
    return page(
        words.language,
        section(
            words("reconciliation_kicker"),
            _reconciliation_title(report, total),
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


def _reconciliation_title(report: QualityReport, total: pd.Series) -> str:
    words, difference = report.words, int(total["difference_fen"])
    alone, erp = int(total["only_platform"]), int(total["only_erp"])
    if not alone and not erp:
        same = words("reconciliation_same", count=report.count(total["platform_orders"]))
        gap = words("reconciliation_gap", difference=words.money(difference))
        return same + (words("clause_gap") + gap if difference else "")
    left_out = int(total["only_platform_left_out"])
    parts = [
        words("reconciliation_only", only_platform=report.count(alone), only_erp=report.count(erp))
    ]
    if left_out:
        parts.append(words("reconciliation_left_out", count=report.count(left_out)))
    parts.append(words("reconciliation_gap", difference=words.money(difference)))
    return words("clause_gap").join(parts)


def closing(report: QualityReport) -> Fragment:
    """Return the run line."""
    words = report.words
    made = words("footer_made", version=__version__)
    return page(
        words.language,
        Markup("<footer>{} · {}</footer>").format(made, words("quality_footer")),
    )


def _name(name: object) -> Markup:
    """Return a cell that shows a name in full when pointed at."""
    return Markup('<td class="name" title="{0}">{0}</td>').format(name)


def _parted(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows to show, and the rest; a row "1 other" would save nothing."""
    shown = len(frame) if len(frame) <= _SHOWN + 1 else _SHOWN
    return frame.iloc[:shown], frame.iloc[shown:]


def _nothing(report: QualityReport, kicker: str) -> Fragment:
    words = report.words
    return page(words.language, section(words(kicker), words("quality_nothing")))
