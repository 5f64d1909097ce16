"""One screen: what sold, what it really earned, who brought it, how sure we are, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from attribution.model import label
from attribution.models.hazard import Hazard
from attribution.models.heuristic import FirstTouch, LastTouch
from attribution.names import ORGANIC, RESERVED, UNALLOCATED, UNATTRIBUTED, VALUE, __version__
from attribution.present import charts
from attribution.present.curves import hatching
from attribution.present.diff_sections import WHY
from attribution.present.markup import Fragment, figure, joined, page, row, section, style, table
from attribution.present.money_charts import Bar, bar_row, day_columns, mark
from attribution.present.report import DEPENDS, WEIGHTY, sentences, why_silent
from attribution.present.roi_sections import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attribution.decide.changes import Changes
    from attribution.decide.claims import Claims
    from attribution.decide.roi import Roi
    from attribution.evaluate.causal import Causal, Estimate
    from attribution.evaluate.gates import Finding
    from attribution.present.words import Unit, Words
    from attribution.store.quality import Quality

__all__ = ["OverviewReport", "closing", "glance", "opening", "who_and_what_changed"]

_SHOWN = 10
_MOST = 5  # things that need attention
_LOSING = 2  # of them, channels that lose
_USUAL_COSTS = ("goods", "ads", "slot_fee", "commission", "platform_fee", "crew")
_LAG_MS = 2 * 86_400_000  # by which one source of orders or refunds may end before another
_SIGNS = {"act": "■", "check": "◆", "know": "○"}
_SPOKEN = {"act": "front_act", "check": "front_check", "know": "front_know"}


@dataclass(frozen=True)
class OverviewReport:
    """What the sections read.

    Attributes
    ----------
    roi
        Revenue and cost by channel.
    claims
        What platforms claim.
    quality
        How far the data can be trusted.
    changes
        Since the run before; None if there was none.
    words
        Language and currency.
    days
        First and last day shown, as text.
    pages
        Other pages of the site, to link to.
    title, source
        The brand; what was read.
    trust
        Which model to trust; None where nobody has looked.
    causal
        What the causal model says of the same money; None where it was not asked.
    """

    roi: Roi
    claims: Claims
    quality: Quality
    changes: Changes | None
    words: Words
    days: tuple[str, str]
    pages: Sequence[str] = ()
    title: str = ""
    source: str = ""
    trust: Finding | None = None
    causal: Causal | None = None

    @cached_property
    def total(self) -> pd.Series[float]:
        """All rows of the headline model together."""
        return self.roi.total()

    @cached_property
    def known(self) -> pd.DataFrame:
        """Expected net by channel, or organic, (rows) and model (columns)."""
        table_ = self.roi.channels.pivot_table(
            "net_expected_fen", "channel", "model", fill_value=0.0, sort=False
        ).reindex(columns=list(self.roi.ledger.models))
        return table_.drop(index=[UNATTRIBUTED, UNALLOCATED], errors="ignore")

    @cached_property
    def wide(self) -> pd.DataFrame:
        """Expected net by channel (rows) and model (columns), the headline's largest first."""
        inner = self.known.drop(index=ORGANIC, errors="ignore")
        return inner.sort_values([self.roi.headline], ascending=False, kind="stable")

    @cached_property
    def lead(self) -> pd.DataFrame:
        """The headline model's rows, by channel."""
        every = self.roi.channels
        return every[every["model"] == self.roi.headline].set_index("channel")

    @cached_property
    def unit(self) -> Unit:
        """The unit of columns of money."""
        return self.words.money_unit(float(self.wide.to_numpy().max(initial=0.0)) / 10)

    @cached_property
    def credited(self) -> float:
        """Expected net that the headline model credits to channels."""
        return float(self.wide[self.roi.headline].sum())

    @cached_property
    def beside(self) -> Causal | None:
        """The causal model beside the others; None where it is one of them, or was not asked."""
        return None if label(Hazard()) in self.roi.ledger.models else self.causal

    @property
    def causes(self) -> bool:
        """Whether it says anything."""
        return self.beside is not None and self.beside.credit is not None

    def caused(self, name: str) -> Estimate | None:
        """Return what it says of a row; None where it says nothing."""
        return None if self.beside is None else self.beside.estimate([name], VALUE)

    def claimer(self, claimer: str) -> str:
        """Return what a claimer is called."""
        rule = self.claims.rules.get(claimer)
        return claimer if rule is None else rule.name(self.words.language)

    def link(self, name: str, text: str) -> Markup:
        """Return a link to another page of the site; nothing where it has none."""
        if name not in self.pages:
            return Markup("")
        return Markup(' · <a href="{}.html">{}</a>').format(name, text)


class Item(NamedTuple):
    """One thing that needs attention: how urgent, what, how much and why, and where to look."""

    kind: str
    fact: str
    why: str
    page: str
    text: str


def opening(report: OverviewReport) -> Fragment:
    """Return the style sheet and the finding in one sentence."""
    words, total = report.words, report.total
    kicker = " · ".join(part for part in (report.title, words("front_title")) if part)
    finding, detail = words("front_nothing"), ""
    if total["gross_fen"] or total["cost_fen"]:
        left = total["contribution_expected_fen"]
        finding = words(
            "roi_headline" if left >= 0 else "roi_headline_loss",
            sold=words.money(total["gross_fen"]),
            kept=words.money(total["net_expected_fen"]),
            left=words.money(abs(left)),
        )
        detail = sentences(
            words,
            words(
                "front_subtitle",
                level=f"{100 * report.roi.interval:.4g}%",
                low=words.money(total["low_fen"]),
                high=words.money(total["high_fen"]),
            )
            if total["low_fen"] < total["high_fen"]
            else "",
            _against_before(report),
        )
    head = Markup('<p class="kicker">{}</p><h1>{}</h1><p>{}</p>').format(kicker, finding, detail)
    return page(words.language, style(), hatching(), head)


def _against_before(report: OverviewReport) -> str:
    words, found = report.words, report.changes
    if found is None or found.before_fen <= 0:
        return ""
    change = found.after_fen / found.before_fen - 1
    if not change:
        return words("front_same")
    place = int(found.totals["change_fen"].abs().to_numpy().argmax())
    key = "front_more" if change > 0 else "front_less"
    why = words(WHY[str(found.totals["why"].iloc[place])])
    return words(key, share=words.percent(abs(change), 1), why=why)


def glance(report: OverviewReport) -> Fragment:
    """Return what was earned, how sure that is, and what needs attention."""
    parts = row("front", _earned(report), _sure(report), _attention(report))
    return page(report.words.language, parts)


def _earned(report: OverviewReport) -> Markup:
    words, total = report.words, report.total
    gross, net, kept = (float(total[n]) for n in ("gross_fen", "net_fen", "net_expected_fen"))
    left, cost = float(total["contribution_expected_fen"]), float(total["cost_fen"])
    if not gross and not cost:
        return section(words("front_earned_kicker"), words("front_nothing"))
    whole = report.roi.returns.total
    ends = (kept, kept)
    if len(whole) and np.isfinite(whole.iloc[0]["low_fen"]):
        ends = (float(whole.iloc[0]["low_fen"]), float(whole.iloc[0]["high_fen"]))
    span = (left + ends[0] - kept, left + ends[1] - kept)
    scale = charts.Scale(min(0.0, left, span[0]), max(gross, 1.0), ())
    stays, comes, back = Bar(0, kept, "bar"), Bar(kept, net, "hatched"), Bar(net, gross, "outline")
    count = words("orders", count=words.count(len(report.roi.ledger.orders)))
    lines = [
        (words("roi_gross"), count, [stays, comes, back], gross, None),
        (words("roi_net"), words("front_back", amount=words.money(gross - net)),
         [stays, comes], net, None),
        (words("roi_kept"), words("front_coming", amount=words.money(net - kept)), [stays], kept,
         ends),
        (words("roi_left"), words("front_cost", amount=words.money(cost)),
         [Bar(0, left, "bar" if left >= 0 else "loss")], left, span),
    ]  # fmt: skip
    body = [
        [
            Markup('<td class="name two"><b>{}</b><small>{}</small></td>').format(name, small),
            bar_row(scale, pieces, f"{name} {words.money(amount)}", about),
            Markup('<td class="key"><b>{}</b><small>{}</small></td>').format(
                words.money(amount),
                words("roi_span", low=words.money(about[0]), high=words.money(about[1]))
                if about and about[0] < about[1]
                else "",
            ),
        ]
        for name, small, pieces, amount, about in lines
    ]
    title = words("front_earned_unsold", cost=words.money(cost))
    if gross > 0:
        parts = {"kept": kept, "left": left}
        hundred = {name: words.count(round(100 * x / gross)) for name, x in parts.items()}
        title = words("front_earned_title", **hundred)
    grid = table(
        [words("roi_step"), "", ""], body, kinds=["name", "plot", "key"], name="plots earned"
    )
    fills = [("bar", "roi_fill_kept"), ("hatched", "roi_fill_coming"), ("outline", "roi_fill_back")]
    legend = Markup('<p class="legend">{}</p>').format(
        joined(Markup("<span>{}{}</span>").format(mark(k), words(key)) for k, key in fills)
    )
    return section(words("front_earned_kicker"), title, figure(grid + legend))


def _sure(report: OverviewReport) -> Markup:
    words, total = report.words, report.total
    net = float(total["net_expected_fen"])
    if net <= 0:
        return section(words("front_sure_kicker"), words("front_nothing"))
    lost = float(report.lead["net_expected_fen"].get(UNATTRIBUTED, 0.0))
    whole = report.roi.returns.total
    seen = float(whole.iloc[0]["seen_share"]) if len(whole) else np.nan
    anyway = float(report.lead["net_expected_fen"].get(ORGANIC, 0.0))
    apart, one, other = _furthest(report.known)
    credited = (
        words.percent(1 - lost / net, 1),
        words("front_sure_credited"),
        words("front_sure_rest", amount=words.money(lost)),
    )
    if anyway:
        credited = (
            words.percent(1 - (lost + anyway) / net, 1),
            words("front_sure_caused"),
            words("front_sure_anyway", organic=words.money(anyway), amount=words.money(lost)),
        )
    facts = [
        credited,
        ("–" if np.isnan(seen) else words.percent(seen, 1), words("front_sure_seen"),
         words("front_sure_coming")),
        (words.percent(apart, 1), words("front_sure_moves"),
         words("front_sure_models", one=words.model(one), other=words.model(other))
         if apart else words("front_sure_same")),
        _trusted(report),
    ]  # fmt: skip
    listed = joined(
        Markup('<div class="fact"><b>{}</b><span>{}<small>{}</small></span></div>').format(*fact)
        for fact in facts
    )
    key = "front_sure_title" if apart > _AGREED else "front_sure_title_same"
    return section(
        words("front_sure_kicker"), words(key), Markup('<div class="facts">{}</div>').format(listed)
    )


def _trusted(report: OverviewReport) -> tuple[str, str, Markup]:
    """Return how many experiments there are, and which model to trust."""
    words, verdict = report.words, report.trust
    if verdict is None:
        return "0", words("front_sure_tests"), escape(words("front_sure_untested"))
    said = escape(words(f"front_trust_{verdict.key}"))
    link = report.link("validation", words("front_see_validation"))
    tests = words.count(verdict.numbers.get("tests", 0))
    return tests, words("front_sure_tests"), said + link


_AGREED = 0.15  # of what is credited: less moves between models that say the same


def _furthest(wide: pd.DataFrame) -> tuple[float, str, str]:
    """Return the largest share of credit that two models see elsewhere, and which two."""
    sums = wide.to_numpy(float)
    total = sums.sum(axis=0).max(initial=0.0)
    if total <= 0:
        return 0.0, str(wide.columns[0]), str(wide.columns[-1])
    moved = np.abs(sums[:, :, None] - sums[:, None, :]).sum(axis=0) / 2 / total
    one, other = np.unravel_index(moved.argmax(), moved.shape)
    return float(moved.max()), str(wide.columns[one]), str(wide.columns[other])


def _attention(report: OverviewReport) -> Markup:
    words = report.words
    losing = int((report.roi.verdicts()["verdict"] == "loss").sum())
    acting = _losing(report)
    others = [*_claimed(report), *_open(report), *_lacking(report), *_set_aside(report)]
    items = [*acting, *others][:_MOST]
    if not items:
        return section(words("front_attention_kicker"), words("front_attention_none"))
    body = joined(
        Markup(
            '<li><span class="sign {0}" aria-label="{1}">{2}</span><span><b>{3}</b>'
            "<small>{4}{5}</small></span></li>"
        ).format(
            item.kind, words(_SPOKEN[item.kind]), _SIGNS[item.kind], item.fact, item.why,
            report.link(item.page, item.text),
        )
        for item in items
    )  # fmt: skip
    title = words("front_attention_check", count=len(others))
    if losing:
        title = words("front_attention_title", count=len(others), losing=losing)
    grid = Markup('<ul class="attention">{}</ul>').format(body)
    return section(words("front_attention_kicker"), title, grid)


def _losing(report: OverviewReport) -> list[Item]:
    """Return the channels that lose most, under every model."""
    words, verdicts = report.words, report.roi.verdicts()
    losing = verdicts.loc[verdicts["verdict"] == "loss", "channel"].iloc[::-1]
    found = []
    for name in losing[:_LOSING].tolist():
        mine = report.roi.costs
        mine = mine[(mine["model"] == report.roi.headline) & (mine["channel"] == name)]
        largest = mine.loc[mine["amount_fen"].idxmax()]
        less = abs(float(report.lead["contribution_expected_fen"][name]))
        why = words("front_losing_why", kind=words(KINDS[largest["kind"]]),
                    amount=words.money(float(largest["amount_fen"])))  # fmt: skip
        fact = words("front_losing", name=words.short(str(name)), amount=words.money(less),
                     models=len(report.roi.ledger.models))  # fmt: skip
        found.append(Item("act", fact, why, "roi", words("front_see_roi")))
    return found


def _claimed(report: OverviewReport) -> list[Item]:
    """Return the platform that claims most beyond what was sold, and what is claimed twice."""
    words, found = report.words, []
    claimed = report.claims.platforms.sort_values("ratio", ascending=False, kind="stable")
    twice = len(report.claims.twice)
    over = claimed[claimed["ratio"] > 1]
    why = words("front_twice", count=words.count(twice)) if twice else words("front_over_why")
    if len(over):
        worst = over.iloc[0]
        names = words.listed([report.claimer(name) for name in worst["claimers"].split(", ")])
        fact = words("front_over", names=names, share=words.percent(worst["ratio"] - 1))
        found.append(Item("check", fact, why, "claims", words("front_see_claims")))
    elif twice:
        fact = words("front_claimed_twice", count=words.count(twice))
        found.append(
            Item("check", fact, words("front_over_why"), "claims", words("front_see_claims"))
        )
    return found


def _open(report: OverviewReport) -> list[Item]:
    """Return the channel whose worth depends most on the model."""
    words, wide = report.words, report.wide
    weighty = wide[wide.max(axis="columns") > WEIGHTY * max(report.credited, 1e-9)]
    apart = (weighty.max(axis="columns") - weighty.min(axis="columns")).sort_values()
    if apart.empty:
        return []
    name = str(apart.index[-1])
    if apart.iloc[-1] <= DEPENDS * max(float(wide[report.roi.headline][name]), 1.0):
        return []
    low, high = (float(x) for x in (weighty.T[name].min(), weighty.T[name].max()))
    fact = words("front_open", name=words.short(name), low=words.money(low), high=words.money(high))
    return [Item("check", fact, words("front_open_why"), "model_comparison",
                 words("front_see_models"))]  # fmt: skip


def _lacking(report: OverviewReport) -> list[Item]:
    """Return what the money rests on and nobody has told: costs, and sources that lag behind."""
    words, found = report.words, []
    verdicts = report.roi.verdicts()
    unseen = verdicts.loc[verdicts["verdict"] == "unseen", "channel"]
    spent = report.lead["cost_fen"].reindex(unseen)
    if len(spent):
        name = words.short(str(spent.idxmax()))
        fact = words("front_unseen", name=name, amount=words.money(float(spent.max())))
        found.append(Item("check", fact, words("front_unseen_why"), "roi",
                          words("front_see_roi")))  # fmt: skip
    told = report.roi.costs.groupby("kind")["amount_fen"].sum()
    missing = [kind for kind in _USUAL_COSTS if not told.get(kind, 0)]
    if missing and len(report.roi.ledger.orders):
        names = words("list_comma").join(words(KINDS[kind]) for kind in missing)
        fact = words("front_no_costs", kinds=names)
        found.append(Item("check", fact, words("front_no_costs_why"), "roi",
                          words("front_see_roi")))  # fmt: skip
    fresh = report.quality.freshness
    ends = fresh[fresh["table"].isin(("orders", "refunds"))]["last_at"].dropna()
    behind = int((ends < ends.max() - _LAG_MS).sum()) if len(ends) else 0
    if behind:
        fact = words("front_lag", count=words.count(behind))
        found.append(Item("check", fact, words("front_lag_why"), "data_quality",
                          words("front_see_quality")))  # fmt: skip
    return found


def _set_aside(report: OverviewReport) -> list[Item]:
    """Return what the data lack: rows set aside, names nobody explains, costs without a place."""
    words, quality, found = report.words, report.quality, []
    rows = int(quality.quarantine["rows"].sum()) if len(quality.quarantine) else 0
    aliases = int(quality.aliases["orders"].sum()) if len(quality.aliases) else 0
    if rows:
        fact = words("front_quarantine", count=words.count(rows))
        found.append(Item("know", fact, words("front_quarantine_why"), "data_quality",
                          words("front_see_quality")))  # fmt: skip
    if aliases:
        fact = words("front_aliases", count=words.count(aliases))
        found.append(Item("know", fact, words("front_aliases_why"), "data_quality",
                          words("front_see_quality")))  # fmt: skip
    lost = float(report.roi.unplaced["amount_fen"].abs().sum())
    if lost:
        fact = words("front_unplaced", amount=words.money(lost))
        found.append(Item("know", fact, words("front_unplaced_why"), "roi", words("front_see_roi")))
    return found


def who_and_what_changed(report: OverviewReport) -> Fragment:
    """Return who brought it under all models, and what changed since the run before."""
    parts = row("wide-left front-low", _who(report), _changed(report))
    return page(report.words.language, parts)


def _who(report: OverviewReport) -> Markup:
    words, wide, lead = report.words, report.wide, report.roi.headline
    if not report.credited:
        return section(words("front_who_kicker"), words("front_nobody"))
    top = set(wide.index[:_SHOWN])
    spread = wide.max(axis="columns") - wide.min(axis="columns")
    wild = spread[(spread > DEPENDS * wide[lead]) & (spread > 2 * WEIGHTY * report.credited)]
    top |= set(wild.sort_values(ascending=False, kind="stable").index[:2])
    shown, rest = wide[wide.index.isin(top)], wide[~wide.index.isin(top)]
    ranks = wide.rank(method="min", ascending=False).astype(int)
    known = [label(FirstTouch()), label(LastTouch())]
    first, last = (name if name in wide.columns else None for name in known)
    reach = report.lead["net_high_fen"].reindex(shown.index).max()
    caused = {name: report.caused(str(name)) for name in shown.index}
    diamonds = [found.figure for found in caused.values() if found is not None]
    ends = [float(shown.to_numpy().max()), float(reach), *diamonds]
    scale = charts.nice_scale(0.0, max(ends), 4)
    unit, net = report.unit, float(report.total["net_expected_fen"])
    body, kinds = [], []
    for name, line in shown.T.to_dict().items():
        mine = report.lead.T[name]
        margin = float(mine["net_high_fen"] - mine["net_expected_fen"])
        said = words("front_who_spoken", name=name, amount=words.written(line[lead], unit),
                     low=words.written(min(line.values()), unit),
                     high=words.written(max(line.values()), unit), unit=unit.label)  # fmt: skip
        found = caused[name]
        if found is not None:
            said += words("front_who_caused", amount=words.written(found.figure, unit))
        best, worst = int(ranks.T[name].min()), int(ranks.T[name].max())
        body.append(
            [
                Markup('<td class="name" title="{0}">{0}</td>').format(name),
                charts.range_marks(scale, line, first, last, lead, said, margin, found),
                words.written(line[lead], unit),
                words("roi_span", low=words.written(mine["net_low_fen"], unit),
                      high=words.written(mine["net_high_fen"], unit)),
                words.percent(line[lead] / net, 1),
                str(best) if best == worst else f"{best}–{worst}",
            ]
        )  # fmt: skip
        kinds.append("")
    if len(rest):
        sums = rest[lead].sum()
        others = words("other_channels", count=words.count(len(rest)))
        body.append([others, "", words.written(sums, unit), "", words.percent(sums / net, 1), ""])
        kinds.append("rest")
    for name in RESERVED:
        apart = float(report.lead["net_expected_fen"].get(name, 0.0))
        drawn = _organic(report, scale) if name == ORGANIC else Markup("")
        if apart or drawn:
            body.append([words.row(name), drawn, words.written(apart, unit) if apart else "–", "",
                         words.percent(apart / net, 1) if apart else "–", ""])  # fmt: skip
            kinds.append("rest")
    body.append([words("front_total"), "", words.written(net, unit), "", words.percent(1.0, 1), ""])
    kinds.append("sum")
    level = f"{100 * report.roi.interval:.4g}%"
    head = [
        words("channel"),
        charts.axis(scale, lambda t: words.tick(t, unit)),
        f"{words('roi_kept')} {unit.label}",
        f"{words('roi_interval', level=level)} {unit.label}",
        words("front_share"),
        words("front_ranks", count=len(wide.columns)),
    ]
    legend = [
        ("interval", words("legend_interval", model=words.model(lead), level=level)),
        ("first", words("legend_first") if first else ""),
        ("last", words("legend_last") if last else ""),
        ("band", words("front_band", count=len(wide.columns))),
        ("caused", words("legend_caused") if report.causes else ""),
    ]
    marks = Markup('<p class="legend">{}</p>').format(
        joined(
            Markup("<span>{}{}</span>").format(charts.legend_mark(kind), text)
            for kind, text in legend
            if text
        )
    )
    grid = table(
        head, body, kinds=["name", "plot", "", "low", "", "rank"], rows=kinds, name="plots"
    )
    shares = [
        f"{words.short(str(name))} {words.percent(float(amount) / net, 1)}"
        for name, amount in wide[lead].iloc[:2].items()
    ]
    title = words("front_who_title", names=words("list_and").join(shares))
    return section(
        words("front_who_kicker"),
        title,
        figure(
            marks + grid,
            sentences(words, words("front_who_note"), why_silent(words, report.beside)),
        ),
    )


def _organic(report: OverviewReport, scale: charts.Scale) -> Markup:
    """Return the diamond of what would have come anyway; nothing where there is no such order."""
    words, found = report.words, report.caused(ORGANIC)
    if found is None or found.figure <= 0:
        return Markup("")
    told = words("only_hazard", amount=words.written(found.figure, report.unit))
    return charts.estimate_row(scale, found, told, f"{words('organic')}: {told}")


def _changed(report: OverviewReport) -> Markup:
    words, found = report.words, report.changes
    daily = _daily(report)
    if found is None:
        return section(words("front_changed_kicker"), words("front_changed_first"), daily)
    rows = found.totals[(found.totals["orders"] > 0) | (found.totals["change_fen"] != 0)]
    unit = words.money_unit(float(max(found.before_fen, found.after_fen)) / 10)
    reach = max([1.0, *rows["change_fen"].abs().tolist()])
    scale = charts.Scale(-reach, reach, (0.0,))
    body = [[words("front_before"), "", words.written(found.before_fen, unit)]]
    body += [
        [
            words("front_why", why=words(WHY[why]), count=words.count(orders)),
            bar_row(scale, [Bar(0, change, "bar" if change >= 0 else "loss")],
                    f"{words(WHY[why])} {words.written(change, unit)}"),
            words.signed(change, unit),
        ]
        for why, orders, change in rows.itertuples(index=False, name=None)
    ]  # fmt: skip
    body += [
        [words("front_parameters"), "", words.signed(0, unit)],
        [words("front_after"), "", words.written(found.after_fen, unit)],
    ]
    kinds = ["sum", *[""] * (len(body) - 2), "sum"]
    grid = table([words("front_net"), "", unit.label], body, kinds=["name", "plot", ""], rows=kinds,
                 name="plots")  # fmt: skip
    told = Markup('<p class="after">{}{}</p>').format(
        _told(report), report.link("diff", words("front_see_changes"))
    )
    title = _against_before(report) or words("front_same")
    return section(words("front_changed_kicker"), title, daily, figure(grid), told)


def _told(report: OverviewReport) -> str:
    """Return whether the channels were credited by other rules, too."""
    words, found = report.words, report.changes
    if found is None:
        return ""
    rules = found.settings[~found.settings["name"].isin(("since", "until"))]
    if rules.empty:
        return words("front_rules_same")
    return words("front_rules_changed", count=len(rules))


def _daily(report: OverviewReport) -> Markup:
    """Return each day's paid amount: what stays, what is to come back, what came back."""
    words, orders = report.words, report.roi.ledger.orders
    if orders.empty:
        return Markup("")
    days = orders.groupby("day")[["gross_fen", "net_fen", "net_expected_fen"]].sum()
    every = pd.date_range(days.index.min(), days.index.max()).strftime("%Y-%m-%d")
    if len(every) <= _LONGEST:
        days = days.reindex(every, fill_value=0)
    pieces = [
        (float(kept), float(net - kept), float(gross - net))
        for gross, net, kept in days.itertuples(index=False, name=None)
    ]
    told = [
        f"{day}: {words.money(sum(piece))}" for day, piece in zip(days.index, pieces, strict=True)
    ]
    best = str(days["gross_fen"].idxmax())
    said = words("front_daily", day=best, amount=words.money(float(days["gross_fen"].max())))
    drawing = day_columns(pieces, told, (str(days.index[0])[5:], str(days.index[-1])[5:]), said)
    return figure(drawing, said)


_LONGEST = 400  # days of which each gets a place, though nothing was sold


def closing(report: OverviewReport) -> Fragment:
    """Return the run line."""
    words = report.words
    made = words("footer_made", version=__version__)
    said = words("front_footer", model=words.model(report.roi.headline))
    return page(
        words.language,
        Markup("<footer>{} · {} · {}</footer>").format(made, report.source, said),
    )
