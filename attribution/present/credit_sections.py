"""Who brought it, and do the models agree: range plot, exact table, distances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from attribution.evaluate.causal import Estimate
from attribution.models.heuristic import FirstTouch, LastTouch
from attribution.models.markov import Markov
from attribution.names import ORGANIC, UNATTRIBUTED
from attribution.notes import NoteKind
from attribution.present import charts
from attribution.present.markup import Fragment, figure, joined, page, row, section, table
from attribution.present.report import (
    DEPENDS,
    DEPENDS_RANKS,
    HOLDS,
    WEIGHTY,
    Report,
    nothing,
    sentences,
    why_silent,
)

if TYPE_CHECKING:
    import pandas as pd


__all__ = ["credit_by_model", "exact_and_distances"]

_AGREE = 0.15  # models this close, relative to the headline, say the same
_STATED = 0.25  # share of touchpoints that only orders state, above which it sets models apart


def credit_by_model(report: Report) -> Fragment:
    """Return the range plot: one row per channel, the band of all models, and the caveat."""
    words, spread = report.words, report.spread
    if not report.credited:
        return page(words.language, nothing(report, "credit_kicker", unit=report.unit.label))
    first, last = report.named(FirstTouch), report.named(LastTouch)
    shown, unit = report.shown(), report.unit
    rest = report.channels.drop(index=shown)
    apart = [report.unattributed_by_model, report.organic_by_model]
    lost = [max(each.values()) for each in apart]
    figures = {name: _line(report.channels.T[name]) for name in shown}
    margins = {name: report.margin(report.headline, [name]) for name in shown}
    others = words("other_channels", count=len(rest))
    if len(rest):
        figures[others] = _line(rest.sum())
        margins[others] = report.margin(report.headline, list(rest.index))
    # Rows that are no channel must not flatten the channels: they are drawn where they fit.
    inner = [x for name in shown for x in figures[name].values()]
    inner += [
        figures[name][report.headline] + side * (margins[name] or 0.0)
        for name in shown
        for side in (-1, 1)
    ]
    members = {name: [name] for name in shown}
    if len(rest):
        members[others] = list(rest.index)
    caused = {name: report.caused(channels) for name, channels in members.items()}
    inner += [found.figure for name in shown if (found := caused[name]) is not None]
    reach = 3 * max(map(abs, inner))
    outside = [*lost, *(_line(rest.sum()).values() if len(rest) else ())]
    outside += [found.figure for found in (caused.get(others), report.organic) if found is not None]
    fitting = [x for x in outside if x <= reach]
    scale = charts.nice_scale(min(inner), max([*inner, *fitting]))
    body, rows = [], []
    for name, line in figures.items():
        known = name in spread.index
        body.append(
            [
                Markup('<td class="name" title="{}">{}</td>').format(name, name),
                charts.range_marks(
                    scale,
                    line,
                    first,
                    last,
                    report.headline,
                    _spoken(report, name, line, margins[name], caused[name]),
                    margins[name],
                    caused[name],
                )
                if max(line.values()) <= scale.high
                else "",
                "–".join(words.written(end(line.values()), unit) for end in (min, max)),
                *_margin_cell(report, margins[name]),
                _spread_cell(
                    report, max(line.values()) - min(line.values()), line[report.headline]
                ),
                _rank_cell(spread.T[name]) if known else "",
                _why(report, name, line) if known else "",
            ]
        )
        rows.append("" if known else "rest")
    if any(report.organic_by_model.values()) or report.organic is not None:
        body.append(_organic_row(report, scale, first, last))
        rows.append("rest")
    if any(report.unattributed_by_model.values()):
        body.append(_unattributed_row(report, scale, first, last))
        rows.append("rest")
    margin = [words("margin", model=words.model(report.headline), level=report.level_words)]
    wide = report.comparison.interval is not None
    plot = table(
        [
            words("channel"),
            charts.axis(scale, lambda t: words.tick(t, unit)),
            f"{words('low_high')} {unit.label}",
            *(margin if wide else ()),
            words("spread_of"),
            words("rank"),
            words("why"),
        ],
        body,
        kinds=["name", "plot", "low", *(["low"] if wide else []), "spread", "rank", "why"],
        rows=rows,
        name="plots",
    )
    caveat = Markup('<p class="caveat"><b>{}</b> {}</p>').format(
        words("caveat_title"), words("caveat_text_hazard" if report.causes else "caveat_text")
    )
    said = _causal_said(report)
    note = Markup('<p class="after">{}</p>').format(said) if said else Markup("")
    return page(
        words.language,
        section(
            words("credit_kicker", unit=unit.label),
            _credit_title(report, shown),
            figure(_legend(report, first, last) + plot, report.interval_words if wide else ""),
            note,
            caveat,
        ),
    )


def _organic_row(
    report: Report, scale: charts.Scale, first: str | None, last: str | None
) -> list[Markup | str]:
    """Return the row of orders that would have come anyway; most models know none."""
    words, unit, line = report.words, report.unit, report.organic_by_model
    caused, low, high = report.organic, min(line.values()), max(line.values())
    if not any(line.values()) and caused is not None:
        text = words.written(caused.figure, unit)
        spoken = f"{words('organic')}: {_caused_words(report, caused)} {unit.label}"
        mark, high = charts.estimate_row(scale, caused, "", spoken), caused.figure
        cells = ["" for _ in _margin_cell(report, report.margin(report.headline, [ORGANIC]))]
        cells += ["", "", words("why_organic_hazard")]
    else:
        text = "–".join(words.written(end, unit) for end in (low, high))
        spoken = _spoken(report, words("organic"), line, caused=caused)
        mark = charts.range_marks(scale, line, first, last, report.headline, spoken, caused=caused)
        cells = _margin_cell(report, report.margin(report.headline, [ORGANIC]))
        cells += [_spread_cell(report, high - low, line[report.headline]), "", words("why_organic")]
    if high > scale.high:  # off the axis: said in words, where there is no such column
        mark = Markup('<span class="beyond">{} {}</span>').format(text, unit.label)
    return [words("organic"), mark, text, *cells]


def _causal_said(report: Report) -> str:
    """Return why there are no diamonds, or what to know of those there are."""
    words, found = report.words, report.beside
    if found is None or found.credit is None or found.credit.caused is None:
        return why_silent(words, found)
    notes = [
        words("hazard_note", note=words(f"note_{note.kind}", count=note.count, detail=note.detail))
        for note in found.credit.caused.notes
        if note.kind not in (NoteKind.FEW_TOUCHPOINTS, NoteKind.INSEPARABLE)
    ]
    if found.unstated:
        notes.insert(0, words("hazard_unstated", count=len(found.unstated)))
    return sentences(words, *notes)


def _caused_words(report: Report, caused: Estimate) -> str:
    text = f"{report.words('hazard')} {report.words.written(caused.figure, report.unit)}"
    if caused.ends is None:
        return text
    low, high = (report.words.written(end, report.unit) for end in caused.ends)
    return f"{text} ({low}–{high})"


def _unattributed_row(
    report: Report, scale: charts.Scale, first: str | None, last: str | None
) -> list[Markup | str]:
    """Return the row of orders without a touchpoint; models may differ on what is one."""
    words, unit, line = report.words, report.unit, report.unattributed_by_model
    low, high = min(line.values()), max(line.values())
    ends = [words.written(end, unit) for end in (low, high)]
    if report.only_stated or high - low > 1e-9 * abs(high):
        text = "–".join(ends)
        why = "why_unattributed_stated" if report.only_stated else "why_unattributed_models"
        spread = _spread_cell(report, high - low, line[report.headline])
        spoken = _spoken(report, words("unattributed"), line)
        mark = charts.range_marks(scale, line, first, last, report.headline, spoken)
    else:
        timed = report.journeys.ages is not None
        text, why = ends[1], "why_unattributed" if timed else "why_unattributed_paths"
        spread = words.percent(0.0)
        mark = charts.single_mark(scale, high, text)
    if high > scale.high:  # off the axis: said in words, where the column of figures is hidden
        mark = Markup('<span class="beyond">{} {}</span>').format(text, unit.label)
    margin = _margin_cell(report, report.margin(report.headline, [UNATTRIBUTED]))
    return [words("unattributed"), mark, text, *margin, spread, "", words(why)]


def _margin_cell(report: Report, margin: float | None) -> list[str]:
    """Return the cell that says how wide the headline model's interval is, if it has one."""
    return [] if margin is None else [f"±{report.words.written(margin, report.unit)}"]


def _line(figures: pd.Series[float]) -> dict[str, float]:
    return {str(model): float(figure) for model, figure in figures.items()}


def _credit_title(report: Report, shown: list[str]) -> str:
    spread = report.spread.loc[shown]
    base = spread["headline"].abs()
    # Of a channel to which the headline model gives nothing, what another gives is the weight.
    weighty = base.where(base > 0, spread["high"]) >= WEIGHTY * base.sum()
    if not weighty.any():
        weighty |= True
    parting = spread["spread"].fillna(0.0)
    apart = spread.assign(spread=parting)[weighty & (parting > HOLDS)]
    widest = apart.sort_values(["spread", "high"], ascending=False, kind="stable").index[:3]
    words = report.words
    if len(widest):
        return words("credit_title", names=words.listed(list(widest)))
    limit, least = words.percent(HOLDS), words.percent(WEIGHTY)
    if (report.spread["spread"].fillna(0.0) <= HOLDS).all():
        return words("credit_title_hold", limit=limit)
    return words("credit_title_weighty", limit=limit, least=least)


def _legend(report: Report, first: str | None, last: str | None) -> Markup:
    words = report.words
    marks = [
        ("first", words("legend_first") if first else ""),
        ("last", words("legend_last") if last else ""),
        ("other", words("legend_others")),
        _legend_headline(report),
        ("band", words("legend_band")),
        _legend_caused(report),
    ]
    return Markup('<p class="legend">{}</p>').format(
        joined(
            Markup("<span>{}{}</span>").format(charts.legend_mark(kind), text)
            for kind, text in marks
            if text
        )
    )


def _legend_headline(report: Report) -> tuple[str, str]:
    words, model = report.words, report.words.model(report.headline)
    if report.comparison.interval is None:
        return "headline", words("legend_headline", model=model)
    return "interval", words("legend_interval", model=model, level=report.level_words)


def _legend_caused(report: Report) -> tuple[str, str]:
    if not report.causes:
        return "caused", ""
    if report.comparison.interval is None:
        return "caused", report.words("legend_caused")
    return "caused interval", report.words("legend_caused_interval", level=report.level_words)


def _spoken(
    report: Report,
    name: str,
    line: dict[str, float],
    margin: float | None = None,
    caused: Estimate | None = None,
) -> str:
    words, unit = report.words, report.unit
    figures = {k: f"{words.model(k)} {words.written(v, unit)}" for k, v in line.items()}
    if margin is not None:
        figures[report.headline] += f" ±{words.written(margin, unit)}"
    said = list(figures.values())
    if caused is not None:
        said.append(_caused_words(report, caused))
    return f"{name}: {', '.join(said)} {unit.label}"


def _spread_cell(report: Report, width: float, base: float) -> Markup | str:
    if base == 0:
        return "–"
    share = width / abs(base)
    text = report.words.percent(share)
    return Markup("<b>{}</b>").format(text) if share > DEPENDS else text


def _rank_cell(line: pd.Series) -> Markup | str:
    best, worst = int(line["best_rank"]), int(line["worst_rank"])
    text = f"{best}" if best == worst else f"{best}–{worst}"
    return Markup("<b>{}</b>").format(text) if worst - best >= DEPENDS_RANKS else text


def _why(report: Report, name: str, line: dict[str, float]) -> str:
    """Say what sets the models apart: the ends of the path, or the graph against the rules."""
    words = report.words
    first, last = report.named(FirstTouch), report.named(LastTouch)
    graph = report.named(Markov)
    low, high = min(line.values()), max(line.values())
    if report.stated_share[name] >= _STATED and high - low > _AGREE * abs(line[report.headline]):
        return words("why_stated")
    if first and last:
        opened, ended = line[first], line[last]
        for more, less, much, some in (
            (opened, ended, "why_opens", "why_opens_some"),
            (ended, opened, "why_ends", "why_ends_some"),
        ):
            if more > 2 * less:
                return words(much)
            if more > 1.25 * less:
                return words(some)
    if graph:
        rules = [v for k, v in line.items() if k != graph]
        if line[graph] < 0.9 * min(rules, default=0.0):
            return words("why_graph")
        if line[graph] > 1.1 * max(rules, default=0.0):
            return words("why_graph_more")
    near = abs(line[report.headline]) > 0 and high - low <= _AGREE * abs(line[report.headline])
    return words("why_agree") if near else ""


def exact_and_distances(report: Report) -> Fragment:
    """Return the exact table beside the distances between models."""
    words = report.words
    return page(words.language, row("wide-left", _exact(report), _distances(report)))


def _exact(report: Report) -> Markup:
    words, unit = report.words, report.unit
    shown = report.shown()
    rest = report.channels.drop(index=shown)
    every = list(report.wide.index)
    lines: list[tuple[str, list[str], str]] = [(name, [name], "") for name in shown]
    if len(rest):
        lines.append((words("other_channels", count=len(rest)), list(rest.index), "rest"))
    for name, word in ((ORGANIC, "organic"), (UNATTRIBUTED, "unattributed")):
        if name in every or (name == ORGANIC and report.organic is not None):
            lines.append((words(word), [name], "rest"))
    models, shows = list(report.wide.columns), report.causes
    estimates = [report.caused(members) for _, members, _ in lines]
    untold = report.beside.untold(report.measure) if report.beside is not None else None
    if untold is not None:
        lines.append((words("hazard_untold"), [], "rest"))
        estimates.append(untold)
    lines.append((words("exact_total"), every, "sum"))
    estimates.append(Estimate(sum(found.figure for found in estimates if found is not None)))
    body = [
        [
            Markup('<td class="name" title="{0}">{0}</td>').format(name),
            *(_of_model(report, model, members, plain=bool(kind)) for model in models),
            *([_of_causal(report, caused, members, plain=bool(kind))] if shows else []),
        ]
        for (name, members, kind), caused in zip(lines, estimates, strict=True)
    ]
    totals = report.journeys.amounts().sum(axis=0)
    legend = Markup(
        '<p class="after"><span class="swatch-above">{}</span> <span '
        'class="swatch-below">{}</span> {}</p>'
    ).format(
        words("above"),
        words("below"),
        words(
            "exact_legend_fen" if report.money else "exact_legend",
            model=words.model(report.headline),
        ),
    )
    if shows:
        legend += Markup('<p class="after">{}</p>').format(words("exact_legend_hazard"))
    heads = [words.model(model) for model in models] + ([words("hazard")] if shows else [])
    return section(
        f"{words('exact_kicker')} · {unit.label}",
        words("exact_title", total=report.amount(totals[0], totals[1])),
        figure(
            table(
                [words("channel"), *heads],
                body,
                kinds=["name", *("" for _ in heads)],
                rows=[k for *_, k in lines],
            )
        ),
        legend,
    )


def _of_model(report: Report, model: str, members: list[str], *, plain: bool) -> Markup:
    """Return a model's figure for some rows together; "–" where it knows of none of them."""
    known = [name for name in members if name in report.wide.index]
    if not known:
        return Markup("<td>–</td>")
    span = report.comparison.credits[model].span(known, report.measure)
    figure = Estimate(float(report.wide.loc[known, model].sum()), span)
    return _tinted(report, figure, known, plain=plain)


def _of_causal(
    report: Report, caused: Estimate | None, members: list[str], *, plain: bool
) -> Markup:
    """Return the causal model's figure for some rows together; "–" where it says nothing."""
    known = [name for name in members if name in report.wide.index]
    return Markup("<td>–</td>") if caused is None else _tinted(report, caused, known, plain=plain)


def _tinted(report: Report, figure: Estimate, members: list[str], *, plain: bool) -> Markup:
    """Return a figure, tinted by the headline's for these rows; pointed at, with its interval."""
    words, unit = report.words, report.unit
    value, ends = figure
    base = float(report.wide.loc[members, report.headline].sum())
    title, style = Markup(""), Markup("")
    if ends is not None:
        title = Markup(' title="{}"').format("–".join(words.written(end, unit) for end in ends))
    apart = (value - base) / abs(base) if base else 0.0
    strength = min(1.0, abs(apart)) * 0.32
    if not plain and strength >= 0.016:
        side = "above" if apart > 0 else "below"
        style = Markup(' style="background:rgba(var(--{}),{:.2f})"').format(side, strength)
    return Markup("<td{}{}>{}</td>").format(style, title, words.written(value, unit))


def _distances(report: Report) -> Markup:
    words, apart = report.words, report.comparison.distances(report.measure)
    names, share = [words.model(name) for name in apart.index], apart.to_numpy(dtype=float)
    body = []
    for i, name in enumerate(names):
        cells: list[Markup] = [
            Markup('<td style="background:rgba(var(--above),{:.2f})">{}</td>').format(
                min(0.6, share[i, j] * 1.4), words.percent(share[i, j]).rstrip("%")
            )
            for j in range(i)
        ]
        body.append(
            [
                name,
                *cells,
                *(["·"] if i < len(names) - 1 else []),
                *("" for _ in range(len(names) - i - 2)),
            ]
        )
    return section(
        words("distance_kicker"),
        _distance_title(report, apart),
        figure(
            table(["", *names[:-1]], body, kinds=["name", *("" for _ in names[:-1])]),
            words("distance_note") if {"Linear", "Shapley"} <= set(apart.index) else "",
        ),
    )


def _distance_title(report: Report, apart: pd.DataFrame) -> str:
    words, count = report.words, len(apart)
    if count == 1:
        return words("distance_title_one")
    share = apart.to_numpy(dtype=float)
    pairs = [(float(share[i, j]), i, j) for i in range(count) for j in range(i)]
    (far, a, b), (_, c, d) = max(pairs), min(pairs)
    if far < 1e-9:
        return words("distance_title_same")
    one, two = words.model(apart.index[b]), words.model(apart.index[a])
    if count == 2:
        return words("distance_title_two", a=one, b=two, share=words.percent(far))
    return words(
        "distance_title", a=one, b=two, c=words.model(apart.index[d]), d=words.model(apart.index[c])
    )
