"""Have the returns run their course: curves by streamer, what is still to come, the back-test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from attribution.present.curves import curve_mark, return_panel, small_multiples
from attribution.present.markup import Fragment, figure, page, section, table
from attribution.present.report import sentences

if TYPE_CHECKING:
    import pandas as pd

    from attribution.decide.returns import ReturnCurves
    from attribution.present.words import Words

UNKNOWN = "unknown"  # as the store writes a streamer that no alias explains
__all__ = ["ENOUGH_ORDERS", "ReturnsReport", "returns"]

_PANELS = 6
_LISTED = 40
ENOUGH_ORDERS = 30  # of a group, before a title or the back-test speaks of it
_SEEN_BY = 5  # orders that have reached an age, before the observed curve is drawn that far
_APART = 0.002  # of gross: how far the groups' own curves may part from the store's unsaid


@dataclass(frozen=True)
class ReturnsReport:
    """What the section reads.

    Attributes
    ----------
    curves
        The return curves.
    words
        Language, and currency with its minor unit.
    """

    curves: ReturnCurves
    words: Words

    def name(self, group: str, name: str) -> str:
        """Return what a group is called; orders without a known streamer have words for that."""
        if self.curves.by == "streamer" and group == UNKNOWN:
            return self.words("returns_unknown_group")
        return name if group else self.words("returns_no_group")

    def share(self, share: float, decimals: int = 0) -> str:
        """Return a share, or a dash where it is not known."""
        return "–" if np.isnan(share) else self.words.percent(float(share), decimals)

    def span(self, low: float, high: float) -> str:
        """Return the interval of a share, or a dash."""
        if np.isnan(low) or np.isnan(high):
            return "–"
        words = self.words
        return words(
            "returns_span", low=words.percent(low, 1).rstrip("%"), high=words.percent(high, 1)
        )


def returns(report: ReturnsReport) -> Fragment:
    """Return the curves by group, the table behind them, and how right they were before."""
    words, curves = report.words, report.curves
    groups = curves.groups
    kicker = words("returns_kicker")
    if not len(groups) or not groups["gross_fen"].sum():
        return page(words.language, section(kicker, words("returns_nothing")))
    shown = groups[groups["orders"] >= _SEEN_BY].head(_PANELS)
    shown = shown if len(shown) else groups.head(1)
    parts = [_legend(report), _panels(report, shown)] if curves.days else []
    note = sentences(words, _reach(report), _mix(report), words("returns_note"))
    return page(
        words.language,
        section(
            kicker,
            _title(report),
            *parts,
            Markup('<p class="after">{}</p>').format(_tested(report)),
            Markup('<p class="after">{}</p>').format(note),
            _table(report),
        ),
    )


def _title(report: ReturnsReport) -> str:
    words, curves = report.words, report.curves
    total = curves.total.iloc[0]
    if np.isnan(total["low"]):
        return words("returns_heading_none")
    named = ~curves.groups["group"].isin(["", UNKNOWN])
    big = curves.groups[named & (curves.groups["orders"] >= ENOUGH_ORDERS)]
    big = big[big["returned_share"].notna()]
    share, seen = report.share(total["returned_share"], 1), report.share(total["seen_share"])
    if len(big) < 2:
        return words("returns_heading_all", count=curves.days, share=share, seen=seen)
    most = big.sort_values("returned_share").iloc[-1]
    least = big.sort_values("returned_share").iloc[0]
    if most["low"] > least["high"]:
        return words(
            "returns_heading",
            count=curves.days,
            most=words.short(report.name(most["group"], most["name"])),
            high=report.share(most["returned_share"]),
            least=words.short(report.name(least["group"], least["name"])),
            low=report.share(least["returned_share"]),
            seen=seen,
        )
    return words("returns_heading_alike", count=curves.days, share=share, seen=seen)


def _legend(report: ReturnsReport) -> Markup:
    words = report.words
    marks = [
        ("observed", words("returns_observed")),
        ("expected", words("returns_expected")),
        ("band", words("returns_band", level=f"{100 * report.curves.level:.4g}%")),
    ]
    spans = Markup("").join(
        Markup("<span>{}{}</span>").format(curve_mark(kind), text) for kind, text in marks
    )
    return Markup('<p class="legend">{}</p>').format(spans)


def _panels(report: ReturnsReport, shown: pd.DataFrame) -> Markup:
    words, curves = report.words, report.curves.curves
    drawn = curves[curves["group"].isin(shown["group"])]
    reach = drawn[["expected", "high"]].max().max()
    top = min(1.0, 1.05 * float(reach)) if reach > 0 else 0.1
    days = words("returns_days", count=report.curves.days)
    panels = []
    for group, called in zip(shown["group"], shown["name"], strict=True):
        curve = curves[curves["group"] == group]
        name = report.name(group, called)
        seen = curve[(curve["orders"] >= _SEEN_BY) & curve["returned_share"].notna()]
        last = curve.iloc[-1]
        banded = bool(curve["low"].notna().all())
        panels.append(
            return_panel(
                name,
                curve["age_days"].tolist(),
                seen["returned_share"].tolist(),
                curve["expected"].tolist(),
                (curve["low"].tolist(), curve["high"].tolist()) if banded else None,
                top=top,
                percent=words.percent,
                days=days,
                label=words(
                    "returns_label",
                    name=name,
                    share=report.share(last["expected"], 1),
                    span=report.span(last["low"], last["high"]),
                    days=report.curves.days,
                ),
            )
        )
    return small_multiples(panels)


def _tested(report: ReturnsReport) -> str:
    """Say how right the same estimate was before."""
    words, test = report.words, report.curves.backtest
    if not len(test):
        return words("returns_untested")
    horizon = int(test["horizon_days"].max())
    last = test[test["horizon_days"] == horizon]
    overall = last[last["group"].isna()].iloc[0]
    groups = last[last["group"].notna() & (last["orders"] >= ENOUGH_ORDERS)]
    said = {"days": horizon, "error": _points(report, overall["error_pp"])}
    if not len(groups):
        told = words("returns_tested_all", **said)
    else:
        told = words(
            "returns_tested",
            **said,
            low=_points(report, groups["error_pp"].min()),
            high=_points(report, groups["error_pp"].max()),
            inside=int(groups["inside"].sum()),
            groups=len(groups),
        )
    missed = (
        ""
        if overall["inside"] or np.isnan(overall["low"])
        else words("returns_missed_low" if overall["error_pp"] < 0 else "returns_missed_high")
    )
    return sentences(words, told, missed)


def _points(report: ReturnsReport, error: float) -> str:
    text = report.words.percent(float(error) / 100, 1).rstrip("%")
    return f"+{text}" if error >= 0.05 else text


def _reach(report: ReturnsReport) -> str:
    return report.words("returns_reach", count=report.curves.days)


def _mix(report: ReturnsReport) -> str:
    """Say how far the groups' own curves part from the store's totals, if they do."""
    words, total = report.words, report.curves.total.iloc[0]
    apart = float(total["untilted_fen"]) - float(total["net_expected_fen"])
    if abs(apart) < _APART * float(total["gross_fen"]):
        return ""
    return words(
        "returns_mix_more" if apart < 0 else "returns_mix_less", money=words.money(abs(apart))
    )


def _table(report: ReturnsReport) -> Markup:
    words, groups = report.words, report.curves.groups
    unit = words.money_unit(float(report.curves.total["gross_fen"].iloc[0]))

    def line(name: str, row: pd.Series) -> list[str]:
        return [
            name,
            words.count(row["orders"]),
            words.written(row["gross_fen"], unit),
            report.share(row["refunded_fen"] / row["gross_fen"] if row["gross_fen"] else np.nan, 1),
            report.share(row["returned_share"], 1),
            report.span(row["low"], row["high"]),
            report.share(row["seen_share"]),
        ]

    body = [
        line(report.name(row["group"], row["name"]), row)
        for _, row in groups.head(_LISTED).iterrows()
    ]
    kinds = [""] * len(body)
    if len(groups) > _LISTED:
        body.append([words("returns_others", count=len(groups) - _LISTED), *[""] * 6])
        kinds.append("rest")
    body.append(line(words("returns_total"), report.curves.total.iloc[0]))
    told = table(
        [
            words("returns_group") if report.curves.by == "streamer" else words("returns_label_of"),
            words("returns_orders"),
            words("returns_gross", unit=unit.label),
            words("returns_so_far"),
            words("returns_final", count=report.curves.days),
            words("returns_interval", level=f"{100 * report.curves.level:.4g}%"),
            words("returns_seen"),
        ],
        body,
        kinds=["name", "", "", "", "", "", ""],
        rows=[*kinds, "sum"],
    )
    return Markup("<details><summary>{}</summary>{}</details>").format(
        words("returns_details"), figure(told)
    )
