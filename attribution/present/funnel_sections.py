"""How far viewers get: each session's funnel, with what was measured and what is inferred."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from markupsafe import Markup

from attribution.names import DEFAULT_TIMEZONE
from attribution.numerics.ratios import wilson
from attribution.present.curves import curve_mark, hatching, stage_bar
from attribution.present.markup import Fragment, figure, page, section, table
from attribution.present.report import sentences

if TYPE_CHECKING:
    from attribution.present.words import Words

__all__ = ["FunnelReport", "session_funnel"]

_SHOWN = 12
_STAGES = {
    "exposure": "stage_exposure",
    "enter": "stage_enter",
    "click": "stage_click",
    "cart": "stage_cart",
    "order": "stage_order",
    "paid": "stage_paid",
    "refund": "stage_refund",
    "refund_expected": "stage_refund_expected",
}
_SOURCES = {
    "session_metrics.uv": "source_uv",
    "session_metrics.views": "source_views",
    "session_metrics.product_clicks": "source_clicks",
    "session_metrics.cart_opens": "source_carts",
    "session_metrics.orders_created": "source_created",
    "session_metrics.paid_orders": "source_paid",
    "touchpoints.exposure": "source_touchpoints",
    "touchpoints.enter": "source_touchpoints",
    "touchpoints.product_click": "source_touchpoints",
    "touchpoints.add_cart": "source_touchpoints",
    "orders": "source_orders",
    "refunds": "source_refunds",
    "orders.net_expected_fen": "source_expected",
}


@dataclass(frozen=True)
class FunnelReport:
    """What the section reads.

    Attributes
    ----------
    funnel
        The frame of `decide.funnel.funnel`.
    words
        Language.
    timezone
        Of the sessions' starts.
    level
        Of the intervals in the frame.
    """

    funnel: pd.DataFrame
    words: Words
    timezone: str = DEFAULT_TIMEZONE
    level: float = 0.95


def session_funnel(report: FunnelReport) -> Fragment:
    """Return the funnel of each session as bars, and the rates from stage to stage."""
    words, frame = report.words, report.funnel
    known = frame[frame["count"].notna()]
    if not len(known):
        return page(words.language, section(words("funnel_kicker"), words("funnel_nothing")))
    stages = [stage for stage in _STAGES if (known["stage"] == stage).any()]
    return page(
        words.language,
        hatching(),
        section(
            words("funnel_kicker"),
            _title(report),
            _legend(report),
            figure(_table(report, stages), _note(report, stages)),
            _rates(report, stages),
        ),
    )


def _sessions(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each session, with the counts of its stages; most paid orders first."""
    keys = ["platform", "session_id"]
    place = frame.drop_duplicates(keys).set_index(keys)[["streamer", "start_at"]]
    parts = [
        rows.set_index(keys)[["count", "basis"]].set_axis([stage, f"{stage}_basis"], axis=1)
        for stage, rows in frame.groupby("stage")
    ]
    found = pd.concat([place, *parts], axis=1)
    found = found.reindex(columns=[*place, *(f"{s}{e}" for s in _STAGES for e in ("", "_basis"))])
    found = found[found[list(_STAGES)].notna().any(axis=1)]
    return found.assign(
        _paid=found["paid"].astype("Float64").fillna(-1),
        _start=found["start_at"].astype("Float64").fillna(0),
    ).sort_values(["_paid", "_start"], ascending=False, kind="stable")


def _rate(frame: pd.DataFrame, stage: str, base: str) -> tuple[float, float, int]:
    """Return what reached a stage and its base, over the sessions in which that is the base."""
    rows = frame[(frame["stage"] == stage) & (frame["base"] == base)]
    bases = frame[frame["stage"] == base].set_index(["platform", "session_id"])["count"]
    keys = pd.MultiIndex.from_frame(rows[["platform", "session_id"]])
    return float(rows["count"].sum()), float(bases.reindex(keys).sum()), len(rows)


def _title(report: FunnelReport) -> str:
    words, frame = report.words, report.funnel
    sessions = _sessions(frame)
    both = sessions.dropna(subset=["enter", "paid"])
    entered, paid = int(both["enter"].sum()), int(both["paid"].sum())
    if not entered or not len(both):
        return words(
            "funnel_heading_none", sessions=len(sessions), paid=int(sessions["paid"].sum())
        )
    return words(
        "funnel_heading",
        paid=words.count(round(1000 * paid / entered, 1)),
        sessions=len(both),
        all=len(sessions),
    )


def _legend(report: FunnelReport) -> Markup:
    words = report.words
    return Markup('<p class="legend"><span>{}{}</span><span>{}{}</span></p>').format(
        curve_mark("measured"),
        words("funnel_measured"),
        curve_mark("inferred"),
        words("funnel_inferred"),
    )


def _table(report: FunnelReport, stages: list[str]) -> Markup:
    words = report.words
    sessions = _sessions(report.funnel)
    shown, rest = sessions.head(_SHOWN), sessions.iloc[_SHOWN:]
    most = {stage: float(shown[stage].max() or 0) for stage in stages}

    def cell(row: pd.Series, stage: str, name: str) -> Markup | str:
        count = row[stage]
        if pd.isna(count):
            return "–"
        measured = row[f"{stage}_basis"] == "measured"
        told = words("funnel_measured") if measured else words("funnel_inferred")
        label = f"{name} · {words(_STAGES[stage])} {words.count(int(count))} ({told})"
        share = float(count) / most[stage] if most[stage] else 0.0
        return Markup("{}{}").format(
            words.count(int(count)), stage_bar(share, measured=measured, label=label)
        )

    body: list[list[Markup | str]] = []
    for key, row in shown.iterrows():
        name = _name(report, key, row)
        body.append([name, *(cell(row, stage, name) for stage in stages)])
    kinds = [""] * len(body)
    if len(rest):
        name = words("funnel_others", count=len(rest))
        body.append([name, *(_summed(report, rest[stage]) for stage in stages)])
        kinds.append("rest")
    body.append([words("funnel_total"), *(_summed(report, sessions[stage]) for stage in stages)])
    return table(
        [words("funnel_session"), *(words(_STAGES[stage]) for stage in stages)],
        body,
        kinds=["name", *("stage" for _ in stages)],
        rows=[*kinds, "sum"],
        name="funnel",
    )


def _name(report: FunnelReport, key: object, row: pd.Series) -> str:
    """Return a session's streamer and start; without either, its number."""
    _, number = key if isinstance(key, tuple) else ("", key)
    who = str(number) if pd.isna(row["streamer"]) else str(row["streamer"])
    if pd.isna(row["start_at"]):
        return who
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(row["start_at"]))
    return f"{who} · {start.astimezone(ZoneInfo(report.timezone)):%m-%d %H:%M}"


def _summed(report: FunnelReport, counts: pd.Series) -> str:
    """Return the sum of the known counts, and of how many sessions, unless of all."""
    words, known = report.words, int(counts.notna().sum())
    if not known:
        return "–"
    total = words.count(int(counts.sum()))
    return total if known == len(counts) else words("funnel_of", total=total, sessions=known)


def _note(report: FunnelReport, stages: list[str]) -> str:
    """Say where the numbers are from, and what nobody tells."""
    words, frame = report.words, report.funnel
    told = []
    for stage in stages:
        sources = frame.loc[(frame["stage"] == stage) & frame["count"].notna(), "source"]
        names = [words(_SOURCES[source]) for source in sources.drop_duplicates().sort_values()]
        told.append(
            words(
                "funnel_from", stage=words(_STAGES[stage]), sources=words("list_comma").join(names)
            )
        )
    missing = [words(name) for stage, name in _STAGES.items() if stage not in stages]
    lost = words("funnel_missing", stages=words("list_comma").join(missing)) if missing else ""
    return sentences(
        words, words("funnel_sources", told=words("funnel_semicolon").join(told)), lost,
        words("funnel_note"),
    )  # fmt: skip


def _rates(report: FunnelReport, stages: list[str]) -> Markup:
    """Return the rates from stage to stage over all sessions, with intervals, as a table."""
    words, frame = report.words, report.funnel
    pairs = frame.loc[frame["rate"].notna(), ["stage", "base"]].drop_duplicates()
    listed = [
        (base, stage)
        for stage in stages
        for base in stages
        if ((pairs["stage"] == stage) & (pairs["base"] == base)).any()
    ]
    body = []
    for base, stage in listed:
        part, whole, sessions = _rate(frame, stage, base)
        low, high = wilson(np.array([part]), np.array([whole]), report.level)
        shares = [words.percent(float(end), 1) for end in (low[0], high[0])]
        body.append(
            [
                words("funnel_step", base=words(_STAGES[base]), stage=words(_STAGES[stage])),
                words.count(sessions),
                f"{words.count(int(part))} / {words.count(int(whole))}",
                words.percent(part / whole, 1) if whole else "–",
                "–"
                if stage == "refund_expected" or not whole
                else words("funnel_span", low=shares[0].rstrip("%"), high=shares[1]),
            ]
        )
    if not body:
        return Markup("")
    told = table(
        [
            words("funnel_rate_of"),
            words("funnel_sessions"),
            words("funnel_counts"),
            words("funnel_rate"),
            words("funnel_interval", level=f"{100 * report.level:.4g}%"),
        ],
        body,
        kinds=["name", "", "", "", ""],
    )
    return Markup("<details><summary>{}</summary>{}</details>").format(
        words("funnel_details"), figure(told, words("funnel_rates_note"))
    )
