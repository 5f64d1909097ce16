"""How journeys run: graph, removal effects, path length, time lag, top paths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from attribution.credit import end_names
from attribution.names import VALUE
from attribution.numerics import sequences
from attribution.present import charts, flow
from attribution.present.markup import Fragment, figure, page, row, section, table
from attribution.present.report import SHOWN_CHANNELS, Report, nothing, sentences

if TYPE_CHECKING:
    import pandas as pd

    from attribution.journeys import Journeys

__all__ = ["graph_and_removal", "shape_of_journeys"]

_SHOWN_PATHS = 8
_LONGEST_BAR = 10
_LAG_HOURS = (1, 6, 24, 72, 168, 336, 720, 2160)
_HOUR_MS = 3_600_000
_Z95 = 1.959963984540054


def graph_and_removal(report: Report) -> Fragment:
    """Return the journey graph beside the removal effects."""
    words = report.words
    if not len(report.journeys.observed.codes):
        return page(words.language, nothing(report, "graph_kicker", all=0, shown=0))
    return page(words.language, row("even", _graph(report), _removal(report)))


def _graph(report: Report) -> Markup:
    words = report.words
    seen = flow.flow_of(report.journeys, words("graph_others", count=_rolled_up(report)))
    title = words(
        "graph_title" if report.credited else "graph_title_none",
        opener=words.short(seen.opener),
        closer=words.short(seen.closer),
    )
    return section(
        words("graph_kicker", all=len(report.channels), shown=len(seen.position)),
        title,
        figure(
            flow.drawn(seen, words, title),
            words("graph_note", hidden=words.percent(seen.hidden), limit=words.percent(0.015, 1)),
        ),
    )


def _rolled_up(report: Report) -> int:
    return len(report.journeys.channels) - 7


def _removal(report: Report) -> Markup:
    words = report.words
    found = [(n, c) for n, c in report.comparison.credits.items() if c.removals is not None]
    if not found or not report.credited:
        kicker = words("removal_kicker", model="Markov", measure=report.measure_word)
        return section(kicker, words("no_orders" if found else "removal_none"))
    name, credit = found[0]
    effects = credit.removal_effects
    assert effects is not None  # noqa: S101
    ranked = effects[report.measure].sort_values(ascending=False, kind="stable")
    top = ranked.iloc[: SHOWN_CHANNELS + 2]
    margins = _margins(effects, report.measure)
    scale = charts.nice_scale(float(top.min()), float(top.max()), 4)
    wide = [] if margins is None else [words("removal_margin", level=report.level_words)]
    body = []
    for channel, effect in top.items():
        margin = None if margins is None else float(margins[str(channel)])
        said = words.percent(effect, 1)
        ends = [] if margin is None else [f"±{words.percent(margin, 1)}"]
        body.append(
            [
                Markup('<td class="name" title="{0}">{0}</td>').format(channel),
                charts.value_bar(scale, effect, " ".join([str(channel), said, *ends]), margin),
                said,
                *ends,
            ]
        )
    if len(ranked) > len(top):
        rest = ["", "–", *("" for _ in wide)]
        body.append([words("other_channels", count=len(ranked) - len(top)), *rest])
    drawing = table(
        [
            words("removal_channel"),
            charts.axis(scale, lambda t: words.percent(t, 0 if scale.high > 0.05 else 1)),
            words("removal_effect"),
            *wide,
        ],
        body,
        kinds=["name", "plot", "", *("" for _ in wide)],
        name="plots",
    )
    return section(
        words("removal_kicker", model=words.model(name), measure=report.measure_word),
        words(
            "removal_title",
            channel=words.short(str(top.index[0])),
            share=words.percent(top.iloc[0]),
            measure=report.measure_word,
        ),
        figure(drawing, " ".join([words("removal_note"), *_caption(report, margins)])),
    )


def _margins(effects: pd.DataFrame, measure: str) -> pd.Series[float] | None:
    """Return half the width of the interval of each removal effect; None without intervals."""
    low, high = end_names(measure)
    return (effects[high] - effects[low]) / 2 if high in effects else None


def _caption(report: Report, margins: pd.Series[float] | None) -> list[str]:
    return [] if margins is None else [report.interval_words]


def shape_of_journeys(report: Report) -> Fragment:
    """Return path length, time lag where times exist, and the top paths."""
    words, journeys = report.words, report.journeys.observed
    buyers = journeys.take((journeys.conversions > 0) & (journeys.lengths > 0))
    if not len(buyers):
        return page(words.language, nothing(report, "length_kicker"))
    parts = [_lengths(report, buyers)]
    if buyers.ages is not None:
        parts.append(_lags(report, buyers))
    parts.append(_paths(report, journeys))
    return page(words.language, row("wide-right" if len(parts) > 2 else "even", *parts))


def _lengths(report: Report, buyers: Journeys) -> Markup:
    words = report.words
    weight = buyers.amounts()[:, 0]
    length = np.minimum(buyers.lengths, _LONGEST_BAR)
    share = np.bincount(length, weights=weight, minlength=2)[1:] / weight.sum()
    names = [f"{i + 1}" if i + 1 < _LONGEST_BAR else f"{_LONGEST_BAR}+" for i in range(len(share))]
    title = words("length_title", share=words.percent(1 - share[0]))
    # What an order states beside its one observed touchpoint sets rules apart.
    alike = report.journeys.evidence is None
    note = words("length_note", share=words.percent(share[0])) if alike else ""
    return section(
        words("length_kicker"),
        title,
        figure(
            charts.bars(list(share), [words.percent(s).rstrip("%") for s in share], names, title),
            _noted(report, note),
        ),
    )


def _lags(report: Report, buyers: Journeys) -> Markup:
    words = report.words
    assert buyers.ages is not None  # noqa: S101
    oldest = buyers.ages[buyers.offsets[:-1]] / _HOUR_MS
    weight = buyers.amounts()[:, 0]
    limit = float(oldest.max())
    hours = [h for h in _LAG_HOURS if h < limit] + [h for h in _LAG_HOURS if h >= limit][:1]
    within = [float(weight[oldest <= h].sum() / weight.sum()) for h in hours]
    names = [report.span(h) for h in hours]
    a = next((i for i, s in enumerate(within) if s >= 0.5), len(within) - 1)
    b = max(a, len(within) - 2)
    title = words(
        "lag_title",
        first=words.percent(within[a]),
        within=names[a],
        late=words.percent(1 - within[b]),
        after=names[b],
    )
    week = float(weight[oldest > 168].sum() / weight.sum())
    return section(
        words("lag_kicker"),
        title,
        figure(
            charts.bars(within, [words.percent(s).rstrip("%") for s in within], names, title),
            _noted(report, words("lag_note", window=report.span(168), share=words.percent(week))),
        ),
    )


def _paths(report: Report, journeys: Journeys) -> Markup:
    words = report.words
    merged = journeys.without_repeats()
    known = merged.take(merged.lengths > 0)
    first, inverse = sequences.group(known.offsets, known.codes)
    orders = known.amounts()[:, 0]
    sums = sequences.sum_by(
        inverse,
        np.column_stack([known.amounts()[:, :2], orders + known.weighted_nulls()]),
        len(first),
    )
    order = np.argsort(-sums[:, 0], kind="stable")
    order = order[sums[order, 0] > 0]
    top, rest = order[:_SHOWN_PATHS], order[_SHOWN_PATHS:]
    total = sums.sum(axis=0)
    unit = words.money_unit(float(sums[:, 1].max(initial=0.0)))
    money = report.measure == VALUE
    nulls = bool(journeys.weighted_nulls().any())
    head = [words("paths_path"), words("paths_orders")]
    head += [unit.label] if money else []
    head += [words("paths_rate")] if nulls else []

    def line(name: Markup | str, amounts: np.ndarray, *, rate: bool) -> list[Markup | str]:
        cells: list[Markup | str] = [name, words.count(amounts[0])]
        cells += [words.written(amounts[1], unit)] if money else []
        cells += [_rate(amounts[0], amounts[2]) if rate else ""] if nulls else []
        return cells

    body = [line(_chips(known, first[g]), sums[g], rate=True) for g in top]
    kinds = ["" for _ in body]
    if len(rest):
        body.append(
            line(
                words("paths_others", count=words.count(len(rest))),
                sums[rest].sum(axis=0),
                rate=False,
            )
        )
        kinds.append("rest")
    body.append(line(words("paths_total"), total, rate=False))
    kinds.append("sum")
    return section(
        words("paths_kicker"),
        words(
            "paths_title",
            count=len(top),
            share=words.percent(sums[top, 0].sum() / max(total[0], 1e-12)),
        ),
        figure(
            table(head, body, kinds=["path", *("" for _ in head[1:])], rows=kinds),
            _noted(report, words("paths_note") if nulls else ""),
        ),
    )


def _noted(report: Report, note: str) -> str:
    """Return a caption, saying where what orders state of themselves is not counted."""
    if report.journeys.evidence is None:
        return note
    return sentences(report.words, report.words("observed_only"), note)


def _chips(journeys: Journeys, which: int) -> Markup:
    codes = journeys.codes[journeys.offsets[which] : journeys.offsets[which + 1]]
    chips = [
        Markup('<span class="chip" title="{0}">{0}</span>').format(journeys.channels[c])
        for c in codes[:6]
    ]
    if len(codes) > 6:
        chips.append(Markup("…"))
    return Markup('<span class="then">›</span>').join(chips)


def _rate(orders: float, journeys: float) -> str:
    """Return a rate with its Wilson interval (Wilson 1927)."""
    share = orders / journeys
    centre = share + _Z95**2 / (2 * journeys)
    half = _Z95 * np.sqrt(share * (1 - share) / journeys + _Z95**2 / (4 * journeys**2))
    scale = 1 + _Z95**2 / journeys
    low, high = (centre - half) / scale, (centre + half) / scale
    return f"{share:.1%} ({low * 100:.1f}–{high * 100:.1f})"
