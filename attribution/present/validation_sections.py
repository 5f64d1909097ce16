"""Which model to trust: the verdict, the gates behind it, and models measured on known truth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from markupsafe import Markup

from attribution.evaluate.trust import OWN
from attribution.names import __version__
from attribution.present import charts
from attribution.present.curves import hatching
from attribution.present.markup import Fragment, figure, page, row, section, style, table
from attribution.present.money_charts import Bar, bar_row
from attribution.present.report import sentences
from attribution.present.selection import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attribution.evaluate.trust import Judgement
    from attribution.present.words import Words

__all__ = [
    "ValidationReport",
    "closing",
    "experiments",
    "gates",
    "held_out_and_placebos",
    "measured_models",
    "opening",
    "what_orders_know",
]

_SIGNS = {"passed": "○", "caution": "◆", "failed": "■", "skipped": "–"}
_FAIR = (0.8, 1.25)  # credited over true share within which a kind of channel is valued fairly
_ASSUMED = (
    "FirstTouch",
    "LastTouch",
    "Linear",
    "TimeDecay",
    "PositionBased",
    "Markov",
    "Shapley",
    "Hazard",
)


@dataclass(frozen=True)
class ValidationReport:
    """What the sections read.

    Attributes
    ----------
    judgement
        What the gates say.
    words
        Language.
    title, source
        The brand; what was read.
    """

    judgement: Judgement
    words: Words
    title: str = ""
    source: str = ""


def opening(report: ValidationReport) -> Fragment:
    """Return the style sheet and the verdict."""
    words, found = report.words, report.judgement
    kicker = " · ".join(part for part in (report.title, words("site_validation")) if part)
    detail = sentences(
        words,
        words("trust_sampling") if len(found.held_out) else "",
        words("trust_sampled", share=words.percent(found.share, 1)) if found.share < 1 else "",
    )
    verdict = in_words(found, words).verdict
    head = Markup('<p class="kicker">{}</p><h1>{}</h1><p>{}</p>').format(kicker, verdict, detail)
    return page(words.language, style(), hatching(), head)


def gates(report: ValidationReport) -> Fragment:
    """Return what each gate found, in order."""
    words = report.words
    reasons = in_words(report.judgement, words).reasons
    body = [
        [
            words(f"gate_{each.gate}"),
            Markup('<td class="verdict">{} {}</td>').format(
                _SIGNS[each.outcome], words(f"outcome_{each.outcome}")
            ),
            Markup('<td class="why wrap">{}</td>').format(each.sentence),
        ]
        for each in reasons
    ]
    passed = sum(each.outcome == "passed" for each in reasons)
    title = words("validation_gates_title", passed=passed, count=len(reasons))
    head = [words("validation_gate"), words("validation_outcome"), words("validation_found")]
    grid = table(head, body, kinds=["wrap", "verdict", "why wrap"], name="stacked")
    return page(
        words.language,
        section(words("validation_gates"), title, figure(grid, words("validation_never"))),
    )


def what_orders_know(report: ValidationReport) -> Fragment:
    """Return how many orders and journeys a causal model can be fitted to."""
    words, facts = report.words, report.judgement.facts
    outside = max(facts.orders - facts.counted - facts.stated, 0.0)
    touched = max(facts.nulls - facts.untouched, 0.0)
    lines = [
        ("validation_counted", facts.counted, "bar"),
        ("validation_stated", facts.stated, "hatched"),
        ("validation_outside", outside, "outline"),
        ("validation_nulls", touched, "bar"),
        ("validation_untouched", facts.untouched, "bar"),
    ]
    scale = charts.nice_scale(0.0, max(amount for _, amount, _ in lines), 4)
    body = [
        [
            words(key),
            bar_row(scale, [Bar(0, amount, kind)], f"{words(key)} {words.count(amount)}"),  # type: ignore[arg-type]
            words.count(amount),
        ]
        for key, amount, kind in lines
    ]
    share = facts.counted / facts.orders if facts.orders else 0.0
    title = words("validation_orders_title", share=words.percent(share, 1))
    head = [
        words("validation_what"),
        charts.axis(scale, words.count),
        words("validation_count"),
    ]
    grid = table(head, body, kinds=["name", "plot", ""], name="plots")
    return page(words.language, section(words("gate_data"), title, figure(grid)))


def held_out_and_placebos(report: ValidationReport) -> Fragment:
    """Return how well each candidate tells the days after, and what placebos get."""
    words, found = report.words, report.judgement
    if not len(found.held_out):
        return page(words.language)
    parts = [_held_out(report)]
    if len(found.placebos):
        parts.append(_placebos(report))
    return page(words.language, row("even", *parts))


def _held_out(report: ValidationReport) -> Markup:
    words, frame = report.words, report.judgement.held_out.iloc[::-1]
    best = words(f"candidate_{frame['model'].iloc[0]}")
    rows = [
        (words(f"candidate_{name}"), gain, low, high)
        for name, gain, low, high in frame.itertuples(index=False, name=None)
    ]
    title = words("validation_held_out_title", model=best)
    return section(
        words("gate_holdout"),
        title,
        figure(
            _intervals(words, words("validation_candidate"), rows, "validation_nats", 2),
            words("validation_held_out_note"),
        ),
    )


def _placebos(report: ValidationReport) -> Markup:
    words, frame = report.words, report.judgement.placebos
    orders = max(report.judgement.facts.counted * report.judgement.share, 1.0)
    rows = [
        (name, *(100 * x / orders for x in figures))
        for name, *figures in frame.sort_values("orders", ascending=False, kind="stable")[
            ["channel", "orders", "low", "high"]
        ].itertuples(index=False, name=None)
    ]
    inclined = frame.loc[frame["inclined"], "channel"].tolist()
    title = words("validation_placebos_empty")
    if inclined:
        title = words("validation_placebos_title", channels=words.listed(inclined))
    return section(
        words("gate_placebo"),
        title,
        figure(
            _intervals(words, words("channel"), rows, "validation_percent", 1),
            words("validation_placebos_note"),
        ),
    )


def _intervals(
    words: Words,
    what: str,
    rows: Sequence[tuple[str, float, float, float]],
    unit: str,
    decimals: int,
) -> Markup:
    """Return estimates with their intervals, one row each."""
    ends = [end for _, _, low, high in rows for end in (low, high) if np.isfinite(end)]
    scale = charts.nice_scale(min([0.0, *ends]), max([0.0, *ends]), 4)
    body = []
    for name, value, low, high in rows:
        known = np.isfinite(high)
        label = f"{name} {value:.{decimals}f}"
        span = {"low": _number(low, decimals), "high": _number(high, decimals)}
        body.append(
            [
                name,
                bar_row(scale, [Bar(0, value, "bar")], label, (low, high) if known else None),
                _number(value, decimals),
                words("roi_span", **span) if known else "–",
            ]
        )
    head = [
        what,
        charts.axis(scale, lambda t: f"{t:g}"),
        words(unit),
        words("roi_interval", level="95%"),
    ]
    return table(head, body, kinds=["name", "plot", "", "low"], name="plots")


def experiments(report: ValidationReport) -> Fragment:
    """Return each model against each lift test, and how much it claims beyond what is caused."""
    words, found = report.words, report.judgement
    if not len(found.claims):
        return page(words.language)
    parts = [_claims(report)]
    if len(found.lift):
        parts.append(_lift(report))
    return page(words.language, *parts)


def _claims(report: ValidationReport) -> Markup:
    words, frame = report.words, report.judgement.claims
    scale = charts.nice_scale(0.0, float(frame["credited"].max()), 4)
    body = [
        [
            words.model(each["model"]),
            charts.value_bar(scale, each["credited"], f"{each['model']} {each['credited']:.0f}"),
            words.count(round(each["credited"])),
            "–" if np.isnan(each["over_claim"]) else f"{each['over_claim']:.2f}",
        ]
        for each in frame.to_dict("records")
    ]
    head = [
        words("validation_model"),
        charts.axis(scale, words.count),
        words("validation_credited"),
        words("validation_over_claim"),
    ]
    claim = next(each for each in report.judgement.findings if each.gate == "over_claim")
    share = words.percent(claim.numbers["organic_share"], 1)
    grid = table(head, body, kinds=["name", "plot", "", ""], name="plots")
    return section(
        words("gate_over_claim"),
        words("validation_claims_title", share=share),
        figure(grid, words("validation_claims_note")),
    )


def _lift(report: ValidationReport) -> Markup:
    words, frame = report.words, report.judgement.lift
    body = [
        [
            words.model(each["model"]) + (words("validation_left_out") if each["left_out"] else ""),
            each["channel"],
            words.count(round(each["credit"])),
            f"{words.count(round(each['found']))} ± {words.count(round(1.96 * each['se']))}",
            _number(each["z"], 1),
            "–" if np.isnan(each["over_claim"]) else f"{each['over_claim']:.2f}",
        ]
        for each in frame.to_dict("records")
    ]
    heads = ("model", "tested", "credited", "test", "gap", "over_claim")
    own = frame[frame["model"] == OWN]["z"].abs().max()
    grid = table(
        [words(f"validation_{name}") for name in heads],
        body,
        kinds=["name", "name", "", "", "", ""],
        name="wide",
    )
    return section(
        words("gate_lift"),
        words("validation_lift_title", z=f"{own:.1f}"),
        figure(grid, words("validation_lift_note")),
    )


def measured_models(report: ValidationReport) -> Fragment:
    """Return what each model assumes, and how it does in worlds like these data."""
    words, frame = report.words, report.judgement.table
    assumed = [
        [
            words(f"model_{name}"),
            Markup('<td class="why wrap">{}</td>').format(words(f"assumes_{name}")),
            Markup('<td class="why wrap">{}</td>').format(words(f"suits_{name}")),
        ]
        for name in _ASSUMED
    ]
    head = [words("validation_model"), words("validation_assumes"), words("validation_suits")]
    grid = table(head, assumed, kinds=["name", "why wrap", "why wrap"], name="stacked")
    parts = [
        section(words("validation_assumed"), words("validation_assumed_title"), figure(grid)),
    ]
    if len(frame):
        parts.insert(0, _measured(report))
    return page(words.language, *parts)


def _measured(report: ValidationReport) -> Markup:
    words, frame = report.words, report.judgement.table
    wrong = ("tv", "tv_quick", "tv_long", "tv_targeted")
    body = [
        [
            words.model(each["model"]),
            *(words.percent(each[name]) if np.isfinite(each[name]) else "–" for name in wrong),
            _valued(words, each["late"]),
            _valued(words, each["seeder"]),
            f"{each['over_claim']:.2f}",
            _channel(words, each["overvalues"], each["overvalued_by"]),
            _channel(words, each["undervalues"], each["undervalued_by"]),
        ]
        for each in frame.to_dict("records")
    ]
    heads = ("wrong", "quick", "long", "targeted", "late", "seeder", "over_claim", "over", "under")
    grid = table(
        [words("validation_model"), *(words(f"validation_{name}") for name in heads)],
        body,
        kinds=["name", "", "", "", "", "", "", "", "why", "why"],
        name="wide",
    )
    best = frame.iloc[0]
    title = words(
        "validation_measured_title",
        model=words.model(str(best["model"])),
        share=words.percent(float(best["tv"]), 0),
    )
    note = words("validation_measured_note", people=words.count(report.judgement.simulated))
    return section(words("validation_measured"), title, figure(grid, note))


def _valued(words: Words, ratio: float) -> str:
    """Return how a kind of channel is valued: the credited share of the true one."""
    if not np.isfinite(ratio):
        return "–"
    low, high = _FAIR
    key = "fair" if low <= ratio <= high else "under" if ratio < low else "over"
    return words(f"valued_{key}", share=words.percent(ratio, 0))


def _channel(words: Words, name: str, by: float) -> str:
    if not name or pd.isna(by):
        return "–"
    return words("validation_channel", name=words.short(name), points=f"{abs(100 * by):.0f}")


def _number(value: float, decimals: int) -> str:
    text = f"{abs(value):.{decimals}f}"
    return f"−{text}" if value < 0 and float(text) else text


def closing(report: ValidationReport) -> Fragment:
    """Return the run line."""
    words = report.words
    made = words("footer_made", version=__version__)
    return page(words.language, Markup("<footer>{} · {}</footer>").format(made, report.source))
