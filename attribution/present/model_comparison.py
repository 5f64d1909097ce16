"""The model-comparison report: one function per section, each from frames to a fragment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from markupsafe import Markup

from attribution.model import Model, label
from attribution.models.heuristic import FirstTouch, LastTouch
from attribution.models.markov import Markov
from attribution.names import ORGANIC, UNATTRIBUTED, VALUE, __version__
from attribution.numerics import sequences
from attribution.present import charts, flow
from attribution.present.markup import Fragment, figure, joined, page, row, section, style, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attribution.evaluate.compare import Comparison
    from attribution.journeys import Journeys
    from attribution.present.words import Unit, Words

__all__ = ["Report"]

_SHOWN_CHANNELS = 10
_HOLDS = 0.40  # a spread within this share of the headline figure
_DEPENDS = 1.00  # a spread above it ...
_DEPENDS_RANKS = 5  # ... or ranks this far apart
_SHOWN_PATHS = 8
_LONGEST_BAR = 10
_LAGS = ((1, "h"), (6, "h"), (24, "h"), (72, "h"), (168, "h"), (336, "h"), (720, "h"), (2160, "h"))
_HOUR_MS = 3_600_000
_Z95 = 1.959963984540054


@dataclass(frozen=True)
class Report:
    """Everything the report reads, and nothing it computes.

    Attributes
    ----------
    journeys, comparison
        What was compared, and on what.
    left_out
        Models that these journeys cannot feed.
    words
        Language and currency.
    headline
        Name of the model whose figures lead.
    source
        What the user called the input.
    lookback
        Lookback window, for journeys with times.
    title
        The brand, or whatever the report is about.
    """

    journeys: Journeys
    comparison: Comparison
    left_out: Sequence[Model]
    words: Words
    headline: str
    source: str
    lookback: str = ""
    title: str = ""

    # -------------------------------------------------------------- what the sections share

    @property
    def measure(self) -> str:
        """The money where there is any, else the number of orders."""
        money = any(credit.frame()[VALUE].any() for credit in self.comparison.credits.values())
        return VALUE if money else "conversions"

    @property
    def _wide(self) -> pd.DataFrame:
        return self.comparison.wide(self.measure)

    @property
    def _channels(self) -> pd.DataFrame:
        """The models' figures by channel, largest headline first; no row without a channel."""
        inner = self._wide.drop(index=[ORGANIC, UNATTRIBUTED], errors="ignore")
        return inner.sort_values(self.headline, ascending=False, kind="stable")

    @property
    def _spread(self) -> pd.DataFrame:
        return self.comparison.spread(self.headline, self.measure).loc[self._channels.index]

    @property
    def _unit(self) -> Unit:
        if self.measure != VALUE:
            return self.words.order_unit()
        return self.words.money_unit(float(np.abs(self._wide.to_numpy()).max(initial=0.0)))

    @property
    def _unattributed(self) -> tuple[float, float]:
        """Orders and money without a known touchpoint."""
        empty = self.journeys.lengths == 0
        amounts = self.journeys.amounts()[empty].sum(axis=0)
        return float(amounts[0]), float(amounts[1])

    @property
    def _measure_word(self) -> str:
        return self.words("measure_value" if self.measure == VALUE else "measure_conversions")

    def _named(self, kind: type) -> str | None:
        """Return the name under which a model of this class was compared."""
        name = label(kind())
        return name if name in self.comparison.credits else None

    def _shown(self) -> list[str]:
        """The ten largest channels, and any other on which the models part widely."""
        spread = self._spread
        wide = (spread["spread"] > _DEPENDS) & (
            spread["high"] > 0.02 * max(float(self._channels[self.headline].sum()), 1e-12)
        )
        top = np.arange(len(spread)) < _SHOWN_CHANNELS
        return list(spread.index[top | wide.to_numpy()])[: 2 * _SHOWN_CHANNELS]

    # -------------------------------------------------------------- the sections

    def opening(self) -> Fragment:
        """Return the style sheet, the finding as the title, and the totals that stand behind it."""
        words, totals = self.words, self.journeys.amounts().sum(axis=0)
        lost_orders, lost_money = self._unattributed
        if totals[0] == 0:
            finding, detail = words("headline_none"), ""
        else:
            finding, detail = self._finding(), words(
                "subtitle_credited" if lost_orders else "subtitle_credited_all",
                credited=self._amount(totals[0] - lost_orders, totals[1] - lost_money),
                orders=words("orders", count=words.count(totals[0] - lost_orders)),
                models=len(self.comparison.credits),
                unattributed=self._amount(lost_orders, lost_money),
                lost=words("orders", count=words.count(lost_orders)),
            )
        kicker = " · ".join(part for part in (self.title, words("page_title")) if part)
        return page(
            words.language, style(),
            Markup('<p class="kicker">{}</p><h1>{}</h1><p>{}</p>').format(kicker, finding, detail),
        )

    def _finding(self) -> str:
        words, spread = self.words, self._spread
        if len(self._channels) == 1:
            return words("headline_one")
        furthest = float(self.comparison.distances(self.measure).to_numpy().max(initial=0.0))
        moves = words("headline_moves", share=words.percent(furthest), measure=self._measure_word)
        holds = int((spread["spread"].fillna(0.0) <= _HOLDS).sum())
        depends = int(
            ((spread["spread"] > _DEPENDS)
             | (spread["worst_rank"] - spread["best_rank"] >= _DEPENDS_RANKS)).sum()
        )
        counts = words("headline_counts", holds=holds, total=len(spread), depends=depends)
        return moves + ("；" if words.language == "zh" else "; ") + counts

    def what_was_read(self) -> Fragment:
        """Return what was read, what was left out, and why."""
        words, journeys = self.words, self.journeys
        orders, lost = float(journeys.amounts()[:, 0].sum()), self._unattributed[0]
        facts = [
            (words("read_input"), self.source),
            (words("read_orders"), words(
                "read_orders_text", orders=words("orders", count=words.count(orders)),
                known=words.count(orders - lost), unknown=words.count(lost))),
            (words("read_nulls"), words(
                "read_nulls_text", count=words.count(float(journeys.weighted_nulls().sum())))),
        ]
        if journeys.closed_at is not None and len(journeys):
            facts.append((words("read_period"), self._period()))
            facts.append((words("read_window"), words("read_window_text", lookback=self.lookback)))
        if journeys.open is not None and journeys.open.any():
            still = words.count(int(journeys.open.sum()))
            facts.append((words("read_open"), words("read_open_text", count=still)))
        if self.left_out:
            names = words.listed([words.model(label(model)) for model in self.left_out])
            facts.append((words("read_left_out"), words("read_left_out_text", models=names)))
        facts += [
            (words("note"), words(f"note_{note.kind}", count=words.count(note.count),
                                  detail=note.detail))
            for note in journeys.notes
        ]
        facts += [
            (words("read_caution"), words("read_caution_text", model=words.model(name),
                                          channels=words.listed(credit.cautions)))
            for name, credit in self.comparison.credits.items() if credit.cautions
        ]
        listed = joined(Markup("<dt>{}</dt><dd>{}</dd>").format(*fact) for fact in facts)
        return page(words.language, section(
            words("read_kicker"), self._read_title(orders, lost), Markup("<dl>{}</dl>").format(listed)
        ))

    def _read_title(self, orders: float, lost: float) -> str:
        words, journeys = self.words, self.journeys
        total = words.count(journeys.journeys)
        if not orders:
            return words("read_title_empty", journeys=total)
        share = words.percent(1 - lost / orders, 1)
        if journeys.ages is None:
            return words("read_title_paths", journeys=total, share=share,
                         paths=words.count(len(journeys)))
        return words("read_title_times", journeys=total, share=share,
                     touchpoints=words.count(len(journeys.codes)))

    def _period(self) -> str:
        journeys = self.journeys
        assert journeys.closed_at is not None and journeys.ages is not None  # noqa: PT018, S101
        opened = journeys.closed_at[journeys.rows] - journeys.ages
        first = int(min(opened.min(initial=journeys.closed_at.min()), journeys.closed_at.min()))
        days = [pd.Timestamp(ms, unit="ms", tz="UTC").tz_convert("Asia/Shanghai").date().isoformat()
                for ms in (first, int(journeys.closed_at.max()))]
        return " – ".join(days)

    def credit_by_model(self) -> Fragment:
        """Return the range plot: one row per channel, the band of all models, and the caveat."""
        words, spread = self.words, self._spread
        if not len(spread):
            return page(words.language, self._nothing("credit_kicker", unit=""))
        first, last = self._named(FirstTouch), self._named(LastTouch)
        shown, unit = self._shown(), self._unit
        rest = self._channels.drop(index=shown)
        lost = float(self._unattributed[self.measure == VALUE])
        figures = {name: self._channels.loc[name].to_dict() for name in shown}
        if len(rest):
            figures[words("other_channels", count=len(rest))] = rest.sum().to_dict()
        everything = [x for line in figures.values() for x in line.values()] + [lost]
        scale = charts.nice_scale(min(everything), max(everything))
        body, rows = [], []
        for name, line in figures.items():
            known = name in spread.index
            body.append([
                Markup('<td class="name" title="{}">{}</td>').format(name, name),
                charts.range_marks(scale, line, first, last, self.headline,
                                   self._spoken(name, line)),
                f"{words.written(min(line.values()), unit)}–{words.written(max(line.values()), unit)}",
                self._spread_cell(max(line.values()) - min(line.values()), line[self.headline]),
                self._rank_cell(spread.loc[name]) if known else "",
                self._why(line) if known else "",
            ])
            rows.append("" if known else "rest")
        if lost:
            missing = "why_unattributed" if self.journeys.ages is not None else (
                "why_unattributed_paths")
            body.append([words("unattributed"),
                         charts.single_mark(scale, lost, words.written(lost, unit)),
                         words.written(lost, unit), words.percent(0.0), "", words(missing)])
            rows.append("rest")
        plot = table(
            [words("channel"), charts.axis(scale, lambda t: words.written(t, unit)),
             f"{words('low_high')} {unit.label}", words("spread_of"), words("rank"), words("why")],
            body, kinds=["name", "plot", "low", "spread", "rank", "why"], rows=rows, name="plots",
        )
        caveat = Markup('<p class="caveat"><b>{}</b> {}</p>').format(
            words("caveat_title"), words("caveat_text")
        )
        return page(words.language, section(
            words("credit_kicker", unit=unit.label), self._credit_title(shown),
            figure(self._legend(first, last) + plot), caveat,
        ))

    def _credit_title(self, shown: list[str]) -> str:
        spread = self._spread.loc[shown, "spread"].fillna(0.0)
        widest = spread[spread > _HOLDS].sort_values(ascending=False).index[:3]
        if not len(widest):
            return self.words("credit_title_hold", limit=self.words.percent(_HOLDS))
        return self.words("credit_title", names=self.words.listed(list(widest)))

    def _legend(self, first: str | None, last: str | None) -> Markup:
        words = self.words
        marks = [
            ("first", words("legend_first") if first else ""),
            ("last", words("legend_last") if last else ""),
            ("other", words("legend_others")),
            ("headline", words("legend_headline", model=words.model(self.headline))),
            ("band", words("legend_band")),
        ]
        return Markup('<p class="legend">{}</p>').format(joined(
            Markup("<span>{}{}</span>").format(charts.legend_mark(kind), text)
            for kind, text in marks if text
        ))

    def _spoken(self, name: str, line: dict[str, float]) -> str:
        unit = self._unit
        figures = (f"{self.words.model(k)} {self.words.written(v, unit)}" for k, v in line.items())
        return f"{name}: {', '.join(figures)} {unit.label}"

    def _spread_cell(self, width: float, base: float) -> Markup | str:
        if base == 0:
            return "–"
        share = width / abs(base)
        text = self.words.percent(share)
        return Markup("<b>{}</b>").format(text) if share > _DEPENDS else text

    def _rank_cell(self, line: pd.Series) -> Markup | str:
        best, worst = int(line["best_rank"]), int(line["worst_rank"])
        text = f"{best}" if best == worst else f"{best}–{worst}"
        return Markup("<b>{}</b>").format(text) if worst - best >= _DEPENDS_RANKS else text

    def _why(self, line: dict[str, float]) -> str:
        """Say what sets the models apart: the ends of the path, or the graph against the rules."""
        words = self.words
        first, last = self._named(FirstTouch), self._named(LastTouch)
        graph = self._named(Markov)
        if first and last:
            opened, ended = line[first], line[last]
            for more, less, much, some in ((opened, ended, "why_opens", "why_opens_some"),
                                           (ended, opened, "why_ends", "why_ends_some")):
                if more > 2 * less:
                    return words(much)
                if more > 1.25 * less:  # noqa: PLR2004
                    return words(some)
        if graph:
            rules = [v for k, v in line.items() if k != graph]
            if line[graph] < 0.9 * min(rules, default=0.0):
                return words("why_graph")
            if line[graph] > 1.1 * max(rules, default=0.0):
                return words("why_graph_more")
        return words("why_agree") if max(line.values()) else ""

    def exact_and_distances(self) -> Fragment:
        """Return the exact table beside the distances between models."""
        words = self.words
        return page(words.language, row("wide-left", self._exact(), self._distances()))

    def _exact(self) -> Markup:
        words, unit = self.words, self._unit
        shown = self._shown()
        rest = self._channels.drop(index=shown)
        lines: list[tuple[str, pd.Series, str]] = [
            (name, self._channels.loc[name], "") for name in shown
        ]
        if len(rest):
            lines.append((words("other_channels", count=len(rest)), rest.sum(), "rest"))
        for name, word in ((ORGANIC, "organic"), (UNATTRIBUTED, "unattributed")):
            if name in self._wide.index:
                lines.append((words(word), self._wide.loc[name], "rest"))
        total = self._wide.sum()
        lines.append((words("exact_total"), total, "sum"))
        models = list(self._wide.columns)
        body = [
            [Markup('<td class="name" title="{0}">{0}</td>').format(name)]
            + [self._tinted(line[m], line[self.headline], unit, plain=bool(kind)) for m in models]
            for name, line, kind in lines
        ]
        totals = self.journeys.amounts().sum(axis=0)
        legend = Markup('<p class="after"><span class="swatch-above">{}</span> <span '
                        'class="swatch-below">{}</span> {}</p>').format(
            words("above"), words("below"),
            words("exact_legend", model=words.model(self.headline)))
        return section(
            f"{words('exact_kicker')} · {unit.label}",
            words("exact_title", total=self._amount(totals[0], totals[1])),
            figure(table([words("channel"), *(words.model(m) for m in models)], body,
                         kinds=["name", *("" for _ in models)], rows=[k for *_, k in lines])),
            legend,
        )

    def _tinted(self, value: float, base: float, unit: Unit, *, plain: bool) -> Markup:
        text = self.words.written(float(value), unit)
        apart = (value - base) / abs(base) if base else 0.0
        strength = min(1.0, abs(float(apart))) * 0.32
        if plain or strength < 0.016:  # noqa: PLR2004 - under 5 % apart
            return Markup("<td>{}</td>").format(text)
        side = "above" if apart > 0 else "below"
        return Markup('<td style="background:rgba(var(--{}),{:.2f})">{}</td>').format(
            side, strength, text
        )

    def _distances(self) -> Markup:
        words, apart = self.words, self.comparison.distances(self.measure)
        names = [words.model(name) for name in apart.index]
        body = []
        for i, name in enumerate(names):
            cells: list[Markup] = [
                Markup('<td style="background:rgba(var(--above),{:.2f})">{}</td>').format(
                    min(0.6, float(apart.iloc[i, j]) * 1.4),
                    words.percent(float(apart.iloc[i, j])).rstrip("%"))
                for j in range(i)
            ]
            body.append([name, *cells, *(["·"] if i < len(names) - 1 else []),
                         *("" for _ in range(len(names) - i - 2))])
        return section(
            words("distance_kicker"), self._distance_title(apart),
            figure(table(["", *names[:-1]], body, kinds=["name", *("" for _ in names[:-1])]),
                   words("distance_note")),
        )

    def _distance_title(self, apart: pd.DataFrame) -> str:
        words, count = self.words, len(apart)
        if count == 1:
            return words("distance_title_one")
        pairs = [(float(apart.iloc[i, j]), i, j) for i in range(count) for j in range(i)]
        (far, a, b), (_, c, d) = max(pairs), min(pairs)
        one, two = words.model(apart.index[b]), words.model(apart.index[a])
        if count == 2:  # noqa: PLR2004
            return words("distance_title_two", a=one, b=two, share=words.percent(far))
        return words("distance_title", a=one, b=two,
                     c=words.model(apart.index[d]), d=words.model(apart.index[c]))

    def graph_and_removal(self) -> Fragment:
        """Return the journey graph beside the removal effects."""
        words = self.words
        if not len(self.journeys.observed.codes):
            return page(words.language, self._nothing("graph_kicker", all=0, shown=0))
        return page(words.language, row("even", self._graph(), self._removal()))

    def _graph(self) -> Markup:
        words = self.words
        seen = flow.flow_of(self.journeys, words("graph_others", count=self._rolled_up()))
        title = words("graph_title", opener=seen.opener, closer=seen.closer)
        return section(
            words("graph_kicker", all=len(self._channels), shown=len(seen.position)), title,
            figure(flow.drawn(seen, words, title), words(
                "graph_note", hidden=words.percent(seen.hidden), limit=words.percent(0.015, 1))),
        )

    def _rolled_up(self) -> int:
        return len(self.journeys.channels) - 7

    def _removal(self) -> Markup:
        words = self.words
        found = [(n, c) for n, c in self.comparison.credits.items() if c.effects is not None]
        if not found:
            return self._nothing("removal_kicker", model="Markov", measure=self._measure_word)
        name, credit = found[0]
        effects = credit.removal_effects
        assert effects is not None  # noqa: S101
        ranked = effects[self.measure].sort_values(ascending=False, kind="stable")
        top = ranked.iloc[: _SHOWN_CHANNELS + 2]
        scale = charts.nice_scale(float(top.min()), float(top.max()), 4)
        body = [
            [Markup('<td class="name" title="{0}">{0}</td>').format(channel),
             charts.value_bar(scale, effect, f"{channel} {words.percent(effect, 1)}"),
             words.percent(effect, 1)]
            for channel, effect in top.items()
        ]
        if len(ranked) > len(top):
            body.append([words("other_channels", count=len(ranked) - len(top)), "", "–"])
        drawing = table(
            [words("removal_channel"), charts.axis(scale, lambda t: words.percent(t)),
             words("removal_effect")],
            body, kinds=["name", "plot", ""], name="plots",
        )
        return section(
            words("removal_kicker", model=words.model(name), measure=self._measure_word),
            words("removal_title", channel=str(top.index[0]), share=words.percent(top.iloc[0]),
                  measure=self._measure_word),
            figure(drawing, words("removal_note")),
        )

    def shape_of_journeys(self) -> Fragment:
        """Return path length, time lag where times exist, and the top paths."""
        words = self.words
        buyers = self.journeys.take(
            (self.journeys.conversions > 0) & (self.journeys.lengths > 0)
        )
        if not len(buyers):
            return page(words.language, self._nothing("length_kicker"))
        parts = [self._lengths(buyers)]
        if buyers.ages is not None:
            parts.append(self._lags(buyers))
        parts.append(self._paths())
        return page(words.language, row("wide-right" if len(parts) > 2 else "even", *parts))  # noqa: PLR2004

    def _lengths(self, buyers: Journeys) -> Markup:
        words = self.words
        weight = buyers.amounts()[:, 0]
        length = np.minimum(buyers.lengths, _LONGEST_BAR)
        share = np.bincount(length, weights=weight, minlength=2)[1:] / weight.sum()
        names = [f"{i + 1}" if i + 1 < _LONGEST_BAR else f"{_LONGEST_BAR}+"
                 for i in range(len(share))]
        title = words("length_title", share=words.percent(1 - share[0]))
        return section(
            words("length_kicker"), title,
            figure(charts.bars(list(share), [words.percent(s).rstrip("%") for s in share], names,
                               title),
                   words("length_note", share=words.percent(share[0]))),
        )

    def _lags(self, buyers: Journeys) -> Markup:
        words = self.words
        assert buyers.ages is not None  # noqa: S101
        oldest = buyers.ages[buyers.offsets[:-1]] / _HOUR_MS
        weight = buyers.amounts()[:, 0]
        limit = float(oldest.max())
        hours = [h for h, _ in _LAGS if h < limit] + [h for h, _ in _LAGS if h >= limit][:1]
        within = [float(weight[oldest <= h].sum() / weight.sum()) for h in hours]
        names = [self._span(h) for h in hours]
        a = next((i for i, s in enumerate(within) if s >= 0.5), len(within) - 1)  # noqa: PLR2004
        b = max(a, len(within) - 2)
        title = words("lag_title", first=words.percent(within[a]), within=names[a],
                      late=words.percent(1 - within[b]), after=names[b])
        week = float(weight[oldest > 168].sum() / weight.sum())  # noqa: PLR2004
        return section(
            words("lag_kicker"), title,
            figure(charts.bars(within, [words.percent(s).rstrip("%") for s in within], names, title),
                   words("lag_note", window=self._span(168), share=words.percent(week))),
        )

    def _span(self, hours: int) -> str:
        if hours < 24:  # noqa: PLR2004
            return self.words("hours", n=hours)
        return self.words("days", n=hours // 24)

    def _paths(self) -> Markup:
        words = self.words
        merged = self.journeys.without_repeats()
        known = merged.take(merged.lengths > 0)
        first, inverse = sequences.group(known.offsets, known.codes)
        orders = known.amounts()[:, 0]
        sums = sequences.sum_by(
            inverse, np.column_stack([known.amounts()[:, :2], orders + known.weighted_nulls()]),
            len(first),
        )
        order = np.argsort(-sums[:, 0], kind="stable")
        order = order[sums[order, 0] > 0]
        top, rest = order[:_SHOWN_PATHS], order[_SHOWN_PATHS:]
        total = sums.sum(axis=0)
        unit = words.money_unit(float(sums[:, 1].max(initial=0.0)))
        money = self.measure == VALUE
        nulls = bool(self.journeys.weighted_nulls().any())
        head = [words("paths_path"), words("paths_orders")]
        head += [unit.label] if money else []
        head += [words("paths_rate")] if nulls else []

        def line(name: Markup | str, amounts: np.ndarray, *, rate: bool) -> list[Markup | str]:
            cells: list[Markup | str] = [name, words.count(amounts[0])]
            cells += [words.written(amounts[1], unit)] if money else []
            cells += [self._rate(amounts[0], amounts[2]) if rate else ""] if nulls else []
            return cells

        body = [line(self._chips(known, first[g]), sums[g], rate=True) for g in top]
        kinds = ["" for _ in body]
        if len(rest):
            body.append(line(words("paths_others", count=words.count(len(rest))),
                             sums[rest].sum(axis=0), rate=False))
            kinds.append("rest")
        body.append(line(words("paths_total"), total, rate=False))
        kinds.append("sum")
        return section(
            words("paths_kicker"),
            words("paths_title", count=len(top),
                  share=words.percent(sums[top, 0].sum() / max(total[0], 1e-12))),
            figure(table(head, body, kinds=["path", *("" for _ in head[1:])], rows=kinds),
                   words("paths_note") if nulls else ""),
        )

    @staticmethod
    def _chips(journeys: Journeys, which: int) -> Markup:
        codes = journeys.codes[journeys.offsets[which] : journeys.offsets[which + 1]]
        chips = [Markup('<span class="chip" title="{0}">{0}</span>').format(journeys.channels[c])
                 for c in codes[:6]]
        if len(codes) > 6:  # noqa: PLR2004
            chips.append(Markup("…"))
        return Markup('<span class="then">›</span>').join(chips)

    def _rate(self, orders: float, journeys: float) -> str:
        """Return a rate with its Wilson interval (Wilson 1927)."""
        share = orders / journeys
        centre = share + _Z95**2 / (2 * journeys)
        half = _Z95 * np.sqrt(share * (1 - share) / journeys + _Z95**2 / (4 * journeys**2))
        scale = 1 + _Z95**2 / journeys
        low, high = (centre - half) / scale, (centre + half) / scale
        return f"{share:.1%} ({low * 100:.1f}–{high * 100:.1f})"

    def closing(self) -> Fragment:
        """Return the run line."""
        words = self.words
        text = " · ".join([words("footer_made", version=__version__),
                           words("footer", headline=words.model(self.headline))])
        return page(words.language, Markup("<footer>{}</footer>").format(text))

    def _nothing(self, kicker: str, **fields: object) -> Markup:
        words = self.words
        return section(words(kicker, **fields), words("no_orders"))

    def _amount(self, orders: float, money: float) -> str:
        if self.measure == VALUE:
            return self.words.money(money)
        return self.words("orders", count=self.words.count(orders))
