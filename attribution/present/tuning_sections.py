"""What the data support: half-life, weights, look-back, order of Markov, repeats of a session."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from attribution.errors import MissingAges
from attribution.models.heuristic import FirstTouch, LastTouch, Linear, PositionBased, TimeDecay
from attribution.names import UNATTRIBUTED
from attribution.present.charts import nice_scale
from attribution.present.curves import small_multiples
from attribution.present.markup import Fragment, figure, joined, page, section, style, table
from attribution.present.money_charts import Dot, dot_row, mark
from attribution.present.tables import save_frames, save_run_facts
from attribution.present.tuning_charts import share_panel, support_curve
from attribution.tune.study import credit_along
from attribution.tune.verdict import spelled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from attribution.journeys import Journeys
    from attribution.model import Model
    from attribution.present.words import Words
    from attribution.tune.study import Study
    from attribution.tune.verdict import Tuned

__all__ = [
    "TuningReport",
    "closing",
    "credit_by_half_life",
    "credit_by_weights",
    "half_life",
    "lookback",
    "markov_order",
    "opening",
    "save_tuning",
    "sessions",
    "weights",
]

_ALONG = ("20min", "1h", "3h", "6h", "12h", "1D", "2D", "3D", "5D", "7D", "14D", "30D", "60D")
_PANELS = 6
_CHANNELS = 10
_NAMED = 8  # half-lives whose names have room below a curve
_SETTINGS = {
    "half_life": "tuning_half_life",
    "half_lives": "tuning_half_lives",
    "position_weights": "tuning_position_weights",
    "lookback": "tuning_lookback",
    "markov_order": "tuning_markov_order",
    "sessions": "tuning_sessions",
}
_KICKERS = {
    "half_life": "tuning_half_life_kicker",
    "position_weights": "tuning_position_weights_kicker",
    "lookback": "tuning_lookback_kicker",
    "markov_order": "tuning_markov_order_kicker",
    "sessions": "tuning_sessions_kicker",
}
_BY = {
    "half_life": "tuning_by_half_life",
    "weights": "tuning_by_weights",
    "lookback": "tuning_by_lookback",
    "order": "tuning_by_order",
    "gap": "tuning_by_gap",
}
_CANDIDATES = {"alike": "tuning_alike", "first and repeat": "tuning_first_and_repeat"}
_TOLD = {
    "profit": "tuning_told_best",
    "unclear": "tuning_told_within",
    "loss": "tuning_told_worse",
}


@dataclass(frozen=True)
class TuningReport:
    """What the sections read.

    Attributes
    ----------
    journeys
        What is credited.
    study
        What the data say of each setting.
    words
        The language.
    half_life
        The half-life to see credit at, such as "7D".
    first, last
        The weights to see credit at.
    brand
        Shown on top.
    level
        Of the intervals, such as 0.95.
    held
        Share of the orders that were held out.
    """

    journeys: Journeys
    study: Study
    words: Words
    half_life: str = "7D"
    first: float = 0.4
    last: float = 0.4
    brand: str = ""
    level: float = 0.95
    held: float = 0.3

    def said(self, value: Any) -> str:
        """Return a value, or a dash where there is none."""
        if isinstance(value, pd.Series):
            known = value.dropna()
            if not len(known):
                return "–"
            shortest, longest = known.min(), known.max()
            return self.said(shortest) if shortest == longest else self.span(shortest, longest)
        if pd.isna(value):
            return "–"
        nothing = isinstance(value, pd.Timedelta) and value == pd.Timedelta(0)
        return self.words("tuning_keep_all") if nothing else spelled(value, self.words.language)

    def span(self, low: Any, high: Any) -> str:
        """Return an interval; open where there is no bound."""
        if isinstance(low, pd.Series) or (pd.isna(low) and pd.isna(high)):
            return "–"
        if pd.isna(high):
            return self.words("tuning_least", low=self.said(low))
        if pd.isna(low):
            return self.words("tuning_most", high=self.said(high))
        if low == high:
            return self.said(low)
        return self.words("tuning_span", low=self.said(low), high=self.said(high))

    @cached_property
    def by_half_life(self) -> pd.DataFrame:
        """Credit of TimeDecay at each half-life, the chosen one among them; empty without times."""
        models: dict[str, Model] = {each: TimeDecay(each) for each in _ALONG}
        models[self.half_life] = TimeDecay(self.half_life)
        try:
            return credit_along(self.journeys, models)
        except MissingAges:
            return pd.DataFrame(columns=["setting", "channel", "conversions", "value", "share"])

    @cached_property
    def by_weights(self) -> pd.DataFrame:
        """Credit by weights of first and last touchpoint."""
        return credit_along(self.journeys, self._weighted)

    @property
    def _weighted(self) -> Mapping[str, Model]:
        chosen = f"{100 * self.first:g} : {100 * (1 - self.first - self.last):g}"
        models: dict[str, Model] = {
            "100 : 0 : 0": FirstTouch(),
            "40 : 20 : 40": PositionBased(),
            "equal": Linear(),
            "0 : 0 : 100": LastTouch(),
        }
        if (self.first, self.last) != (0.4, 0.4):
            own = PositionBased(first=self.first, last=self.last)
            models[f"{chosen} : {100 * self.last:g}"] = own
        return models


def opening(report: TuningReport) -> Fragment:
    """Return the style sheet, and what the data say of each setting."""
    words, found = report.words, report.study.settings()
    supported = sum(each.verdict.supported for each in found.values())
    rows = [
        [
            words(_SETTINGS[name]),
            report.said(each.value),
            report.span(each.low, each.high),
            words("tuning_settled" if each.verdict.supported else "tuning_unsettled"),
        ]
        for name, each in found.items()
    ]
    title = words("tuning_heading", count=supported, of=len(found))
    head = ["tuning_setting", "tuning_value", "tuning_range", "tuning_says"]
    return page(
        words.language,
        style(),
        Markup('<p class="kicker">{}</p><h1>{}</h1><p>{}</p>').format(
            words("tuning_kicker", brand=report.brand) if report.brand else words("site_tuning"),
            title,
            words(
                "tuning_subtitle",
                orders=words.count(float(_orders(report.journeys))),
                held=words.percent(report.held),
            ),
        ),
        table([words(key) for key in head], rows, kinds=["name", "", "", "verdict"]),
    )


def half_life(report: TuningReport) -> Fragment:
    """Return the curve of half-lives, what it supports, and those of channels."""
    words, found = report.words, report.study.half_life
    curve = found.curve
    parts = []
    held = len(curve) and curve["loglik"].notna().all()
    if len(curve):
        named = curve if held else curve.assign(loglik=curve["profile"], low=0.0, high=0.0)
        values = np.asarray(named["loglik"], float)
        low = np.asarray(named["low"], float) if held else values
        high = np.asarray(named["high"], float) if held else values
        places = _places(curve["half_life"])
        names = [_short(report, each) for each in curve["half_life"]]
        step = -(-len(names) // _NAMED)
        drawing = support_curve(
            places, [n if i % step == 0 else "" for i, n in enumerate(names)],
            values.tolist(), low.tolist(), high.tolist(),
            within=(high >= 0).tolist(),
            span=_span(curve["half_life"], found),
            at=None if pd.isna(found.value) else _place(curve["half_life"], found.value),
            label=words("tuning_curve_label", says=_lead(report, found)),
        )  # fmt: skip
        parts.append(figure(drawing, words("tuning_curve_held" if held else "tuning_curve_all")))
        parts.append(_details(report, _dots(report, curve, "half_life") if held else Markup("")))
    own = report.study.half_lives
    parts.append(_after(own.verdict.said(words.language)))
    parts += [_own_half_lives(report)] if own.verdict.key == "half_lives_own" else []
    return _section(report, "half_life", found, *parts)


def credit_by_half_life(report: TuningReport) -> Fragment:
    """Return how credit moves along the half-life of time decay, channel by channel."""
    words, moved = report.words, report.by_half_life
    kicker = words("tuning_moves_kicker")
    if not len(moved):
        return page(words.language, section(kicker, report.study.half_life.verdict.said(
            words.language)))  # fmt: skip
    wide = _wide(moved)
    if not wide.to_numpy().any():
        return page(words.language, section(kicker, words("no_orders")))
    settings = pd.Series(pd.to_timedelta(wide.columns), index=wide.columns)
    wide = wide[settings.sort_values().index]
    settings = settings.loc[wide.columns]
    spread = (wide.max(axis=1) - wide.min(axis=1)).sort_values(ascending=False, kind="stable")
    shown = wide.loc[spread.index[:_PANELS]]
    top = 1.15 * float(shown.to_numpy().max())
    chosen = _place(settings, pd.Timedelta(report.half_life))
    ends = (_short(report, settings.iloc[0]), _short(report, settings.iloc[-1]))
    panels = [
        share_panel(
            str(name), _places(settings), shares.tolist(), top=top,
            at=(chosen, float(shares[report.half_life])),
            span=_span(settings, report.study.half_life), ends=ends, percent=words.percent,
            label=words("tuning_panel_label", name=name, share=words.percent(
                float(shares[report.half_life]), 1), half_life=report.half_life),
        )
        for name, shares in shown.iterrows()
    ]  # fmt: skip
    most = str(spread.index[0])
    title = words(
        "tuning_moves", name=words.short(most),
        low=words.percent(float(wide.min(axis=1)[most])),
        high=words.percent(float(wide.max(axis=1)[most])),
    )  # fmt: skip
    note = words("tuning_moves_note", half_life=_short(report, pd.Timedelta(report.half_life)))
    return page(words.language, section(kicker, title, small_multiples(panels), _after(note)))


def weights(report: TuningReport) -> Fragment:
    """Return what a repeated touchpoint weighs against a channel's first."""
    return _with_dots(report, "position_weights", "weights")


def credit_by_weights(report: TuningReport) -> Fragment:
    """Return how credit moves with the weights of first and last touchpoint."""
    words = report.words
    wide = _wide(report.by_weights)
    if not wide.to_numpy().any():
        return page(words.language, section(words("tuning_weights_kicker"), words("no_orders")))
    wide = wide.loc[wide.mean(axis=1).sort_values(ascending=False, kind="stable").index]
    head = [words("channel"), *(words("tuning_equal") if n == "equal" else n for n in wide.columns)]
    rows = [
        [str(name), *(words.percent(float(share), 1) for share in shares)]
        for name, shares in wide.head(_CHANNELS).iterrows()
    ]
    spread = wide.max(axis=1) - wide.min(axis=1)
    most = str(spread.idxmax())
    title = words(
        "tuning_weights_move", name=words.short(most),
        low=words.percent(float(wide.min(axis=1)[most])),
        high=words.percent(float(wide.max(axis=1)[most])),
    )  # fmt: skip
    return page(
        words.language,
        section(
            words("tuning_weights_kicker"), title,
            table(head, rows, kinds=["name"] + [""] * (len(head) - 1)),
            _after(words("tuning_weights_note")),
        ),
    )  # fmt: skip


def lookback(report: TuningReport) -> Fragment:
    """Return for how long touchpoints should count."""
    return _with_dots(report, "lookback", "lookback")


def markov_order(report: TuningReport) -> Fragment:
    """Return how far back a Markov model should look."""
    return _with_dots(report, "markov_order", "order")


def sessions(report: TuningReport) -> Fragment:
    """Return whether repeats of one live session should count once."""
    return _with_dots(report, "sessions", "gap")


def closing(report: TuningReport) -> Fragment:
    """Return what all of this does and does not mean."""
    words = report.words
    return page(
        words.language,
        section(
            words("tuning_read_kicker"),
            words("tuning_read"),
            _after(words("tuning_read_note", level=f"{100 * report.level:.4g}%")),
        ),
    )


def save_tuning(
    report: TuningReport, inputs: Sequence[str | Mapping[str, str]], folder: Path
) -> None:
    """Write every curve, and credit along settings, as Parquet and CSV; and a manifest's facts."""
    frames = report.study.frames()
    frames |= {"credit_by_half_life": report.by_half_life, "credit_by_weights": report.by_weights}
    language = report.words.language
    said = [
        (name, each.verdict.key, each.verdict.supported, each.verdict.said(language))
        for name, each in report.study.settings().items()
    ]
    columns = ["setting", "verdict", "supported", "says"]
    frames["verdicts"] = pd.DataFrame(said, columns=columns)
    frames = {name: frame for name, frame in frames.items() if len(frame)}
    save_frames(frames, folder)
    facts = {
        "language": language,
        "title": report.brand,
        "inputs": list(inputs),
        "counts": {name: len(frame) for name, frame in frames.items()},
        "interval": report.level,
    }
    save_run_facts(facts, folder)


# ---------------------------------------------------------------------- what sections share


def _orders(journeys: Journeys) -> float:
    return float(journeys.amounts()[:, 0].sum())


def _lead(report: TuningReport, found: Tuned) -> str:
    """Return the sentence that carries the verdict."""
    return found.verdict.findings[0].said(report.words.language)


def _section(report: TuningReport, name: str, found: Tuned, *parts: Markup) -> Fragment:
    """Return a section whose title is the verdict, with what else is said below."""
    words = report.words
    rest = [each.said(words.language) for each in found.verdict.findings[1:]]
    said = ("" if words.language == "zh" else " ").join(rest)
    lead = [_after(said)] if said else []
    return page(
        words.language,
        section(words(_KICKERS[name]), _lead(report, found), *lead, *parts),
    )


def _after(text: str) -> Markup:
    return Markup('<p class="after">{}</p>').format(text)


def _details(report: TuningReport, inner: Markup) -> Markup:
    if not inner:
        return inner
    return Markup("<details><summary>{}</summary>{}</details>").format(
        report.words("tuning_candidates"), inner
    )


def _with_dots(report: TuningReport, name: str, column: str) -> Fragment:
    """Return a section with each candidate on a row of its own."""
    found = report.study.settings()[name]
    known = len(found.curve) and found.curve["loglik"].notna().all()
    return _section(report, name, found, *([_dots(report, found.curve, column)] if known else []))


def _dots(report: TuningReport, curve: pd.DataFrame, column: str) -> Markup:
    """Return candidates, each with how far it is told worse than the best and the interval."""
    words = report.words
    scale = nice_scale(float(curve["low"].min()), float(max(curve["high"].max(), 0.0)))
    rows = []
    for candidate, loglik, low, high in curve[[column, "loglik", "low", "high"]].itertuples(
        index=False, name=None
    ):
        kind = "profit" if loglik == 0 else "unclear" if high >= 0 else "loss"
        told = words(_TOLD[kind])
        label = words(
            "tuning_dot", name=_candidate(report, candidate), loglik=words.ratio(loglik),
            says=told,
        )  # fmt: skip
        rows.append(
            [
                _candidate(report, candidate),
                Markup('<td class="plot">{}</td>').format(
                    dot_row(scale, Dot(loglik, low, high, kind), label)
                ),
                _nats(loglik),
                Markup('<td class="verdict">{}</td>').format(told),
            ]
        )
    head = [words(_BY[column]), words("tuning_worse_by"), "", words("tuning_told")]
    legend = joined(
        Markup("<span>{}{}</span>").format(mark(kind), words(told)) for kind, told in _TOLD.items()
    )
    return Markup('<p class="legend">{}</p>').format(legend) + table(
        head, rows, kinds=["name", "plot", "", "verdict"]
    )


def _nats(number: float) -> str:
    return "0" if number == 0 else f"{number:.3f}".replace("-", "−")


def _candidate(report: TuningReport, candidate: Any) -> str:
    """Return what a candidate is called."""
    if isinstance(candidate, str):
        return report.words(_CANDIDATES[candidate])
    return report.said(candidate)


def _short(report: TuningReport, value: pd.Timedelta) -> str:
    """Return a duration as a tick: 3 d, 6 h."""
    seconds = value.total_seconds()
    for key, size in (("tuning_d", 86_400), ("tuning_h", 3_600), ("tuning_min", 60)):
        if seconds >= size:
            return report.words(key, n=f"{seconds / size:.3g}")
    return report.words("tuning_s", n=f"{seconds:.3g}")


def _place(candidates: pd.Series[pd.Timedelta], value: pd.Timedelta) -> float:
    """Return where a duration stands among candidates on a log axis, from 0 to 1."""
    first, last = candidates.min(), candidates.max()
    if last <= first:
        return 0.5
    return float(np.log(value / first) / np.log(last / first))


def _places(candidates: pd.Series[pd.Timedelta]) -> list[float]:
    return [_place(candidates, each) for each in candidates]


def _span(candidates: pd.Series[pd.Timedelta], found: Tuned) -> tuple[float, float] | None:
    """Return between which places the half-life is supported; to the edge where it is unbounded."""
    low, high = found.low, found.high
    if pd.isna(low) and pd.isna(high):
        return None
    ends = (0.0 if pd.isna(low) else _place(candidates, low),
            1.0 if pd.isna(high) else _place(candidates, high))  # fmt: skip
    return None if ends[1] <= 0 or ends[0] >= 1 else ends


def _wide(moved: pd.DataFrame) -> pd.DataFrame:
    """Return (channels, settings) shares of the orders that are credited to channels."""
    wide = moved[moved["channel"] != UNATTRIBUTED].pivot_table(
        index="channel", columns="setting", values="conversions", sort=False
    )
    totals = wide.sum()
    return wide.div(totals.where(totals > 0, 1.0))


def _own_half_lives(report: TuningReport) -> Markup:
    """Return the half-life of each channel that has one."""
    words, own = report.words, report.study.half_lives
    known = own.value.dropna().sort_values()
    rows = [
        [str(name), report.said(value), report.span(own.low[name], own.high[name])]
        for name, value in known.items()
    ]
    head = [words("channel"), words("tuning_value"), words("tuning_range")]
    return _details(report, table(head, rows, kinds=["name", "", ""]))
