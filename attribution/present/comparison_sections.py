"""The report's beginning and end: the finding, what was read, and the run line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from attribution.model import label
from attribution.models.heuristic import LastNonDirect
from attribution.names import VALUE, __version__
from attribution.present.markup import Fragment, joined, page, section, style
from attribution.present.report import DEPENDS, DEPENDS_RANKS, HOLDS, Report, sentences

if TYPE_CHECKING:
    pass

__all__ = ["closing", "opening", "what_was_read"]


# How deep in the channel tree, and which money, a comparison of a store goes.
_LEVELS = {
    "platform": "level_platform",
    "form": "level_form",
    "streamer": "level_streamer",
    "session": "level_session",
    "placement": "level_placement",
    "offer": "level_offer",
}
_MONEY = {
    "gross_fen": "read_gross_fen",
    "net_fen": "read_net_fen",
    "net_expected_fen": "read_net_expected_fen",
}
_BESIDE_ORGANIC = {  # of orders without a touchpoint, where a model may call them organic
    "subtitle_credited": "subtitle_credited_organic",
    "subtitle_orders": "subtitle_orders_organic",
}


def opening(report: Report) -> Fragment:
    """Return the style sheet, the finding as the title, and the totals that stand behind it."""
    words, totals = report.words, report.journeys.amounts().sum(axis=0)
    lost_orders, lost_money = report.unattributed
    finding, detail = _finding(report), ""
    if totals[0]:
        kind = "subtitle_credited" if report.measure == VALUE else "subtitle_orders"
        credited = totals[0] - lost_orders
        told = _BESIDE_ORGANIC[kind] if any(report.organic_by_model.values()) else kind
        detail = words(
            told if lost_orders else f"{kind}_all",
            credited=report.amount(totals[0] - lost_orders, totals[1] - lost_money),
            orders=words("orders", count=words.count(credited)),
            models=len(report.comparison.credits),
            unattributed=report.amount(lost_orders, lost_money),
            lost=words("orders", count=words.count(lost_orders)),
        )
        if report.only_stated:
            stated = words(
                "subtitle_stated",
                count=words.count(report.only_stated),
                orders=words("orders", count=words.count(credited)),
            )
            detail = sentences(words, detail, stated)
    kicker = " · ".join(part for part in (report.title, words("page_title")) if part)
    return page(
        words.language,
        style(),
        Markup('<p class="kicker">{}</p><h1>{}</h1><p>{}</p>').format(kicker, finding, detail),
    )


def _finding(report: Report) -> str:
    words, spread = report.words, report.spread
    if not report.journeys.amounts()[:, 0].any():
        return words("headline_none")
    if not report.credited:
        return words("headline_unattributed")
    furthest = float(report.comparison.distances(report.measure).to_numpy().max(initial=0.0))
    if furthest < 1e-9:
        return words("headline_same")
    depends = (spread["spread"] > DEPENDS) | (
        spread["worst_rank"] - spread["best_rank"] >= DEPENDS_RANKS
    )
    holds = (spread["spread"].fillna(0.0) <= HOLDS) & ~depends
    moves = words(
        "headline_moves_stated" if report.only_stated else "headline_moves",
        share=words.percent(furthest),
        measure=report.measure_word,
    )
    counts = words(
        "headline_counts",
        holds=words.count(int(holds.sum())),
        total=words.count(len(spread)),
        depends=words.count(int(depends.sum())),
    )
    return moves + ("；" if words.language == "zh" else "; ") + counts


def what_was_read(report: Report) -> Fragment:
    """Return what was read, what was left out, and why."""
    words, journeys = report.words, report.journeys
    orders, lost = float(journeys.amounts()[:, 0].sum()), report.unattributed[0]
    facts = [
        (words("read_input"), report.source),
        (
            words("read_orders"),
            words(
                "read_orders_text",
                orders=words("orders", count=words.count(orders)),
                known=words.count(orders - lost),
                unknown=words.count(lost),
            ),
        ),
        (
            words("read_nulls"),
            words("read_nulls_text", count=words.count(float(journeys.weighted_nulls().sum()))),
        ),
    ]
    if report.only_stated:
        stated = words("read_stated_text", count=words.count(report.only_stated))
        facts.append((words("read_stated"), stated))
    if report.level:
        credited = words("read_credited_text", level=words(_LEVELS[report.level]))
        facts.append((words("read_credited"), credited))
        facts.append((words("read_money"), words(_MONEY[report.money])))
    if journeys.closed_at is not None and len(journeys):
        facts.append((words("read_period"), _period(report)))
        window = report.span(pd.Timedelta(report.lookback) / pd.Timedelta(hours=1))
        facts.append((words("read_window"), words("read_window_text", lookback=window)))
    if journeys.open is not None and journeys.open.any():
        still = words.count(int(journeys.open.sum()))
        facts.append((words("read_open"), words("read_open_text", count=still)))
    if report.left_out:
        names = words.listed([words.model(label(model)) for model in report.left_out])
        facts.append((words("read_left_out"), words("read_left_out_text", models=names)))
    if _no_direct(report):
        facts.append((words("note"), words("note_no_direct")))
    facts += [
        (
            words("note"),
            words(f"note_{note.kind}", count=words.count(note.count), detail=note.detail),
        )
        for note in journeys.notes
    ]
    facts += [
        (
            words("read_caution"),
            words(
                "read_caution_text", model=words.model(name), channels=words.listed(credit.cautions)
            ),
        )
        for name, credit in report.comparison.credits.items()
        if credit.cautions
    ]
    listed = joined(Markup("<dt>{}</dt><dd>{}</dd>").format(*fact) for fact in facts)
    title = _read_title(report, orders, lost)
    return page(
        words.language, section(words("read_kicker"), title, Markup("<dl>{}</dl>").format(listed))
    )


def _no_direct(report: Report) -> bool:
    """Whether the last non-direct model can only repeat the last touch."""
    default = LastNonDirect()
    return label(default) in report.comparison.credits and (
        default.direct not in report.journeys.channels
    )


def _read_title(report: Report, orders: float, lost: float) -> str:
    words, journeys = report.words, report.journeys
    total = words.count(journeys.journeys)
    if not orders:
        return words("read_title_empty", journeys=total)
    share = words.percent(1 - lost / orders, 1)
    if journeys.ages is None:
        return words(
            "read_title_paths", journeys=total, share=share, paths=words.count(len(journeys))
        )
    return words(
        "read_title_times",
        journeys=total,
        share=share,
        touchpoints=words.count(len(journeys.codes)),
    )


def _period(report: Report) -> str:
    journeys = report.journeys
    assert journeys.closed_at is not None and journeys.ages is not None  # noqa: PT018, S101
    opened = journeys.closed_at[journeys.rows] - journeys.ages
    first = int(min(opened.min(initial=journeys.closed_at.min()), journeys.closed_at.min()))
    days = [
        pd.Timestamp(ms, unit="ms", tz="UTC").tz_convert(report.tz).date()
        for ms in (first, int(journeys.closed_at.max()))
    ]
    return report.words(
        "read_period_text",
        first=report.words.day(days[0]),
        last=report.words.day(days[1]),
        days=(days[1] - days[0]).days + 1,
        tz=report.tz,
    )


def closing(report: Report) -> Fragment:
    """Return the run line."""
    words = report.words
    text = " · ".join(
        [
            words("footer_made", version=__version__),
            words(
                "footer_fen" if report.money else "footer",
                headline=words.model(report.headline),
                interval=report.interval_words,
            ),
        ]
    )
    return page(words.language, Markup("<footer>{}</footer>").format(text))
