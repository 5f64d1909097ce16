"""What was earned for what it cost: profit and loss, channels, sessions, offers, minutes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from attribution.names import NO_SESSION, RESERVED, UNALLOCATED, __version__
from attribution.present import charts
from attribution.present.curves import hatching
from attribution.present.markup import (
    Fragment,
    figure,
    joined,
    page,
    section,
    style,
    table,
)
from attribution.present.money_charts import Bar, Dot, bar_row, columns, dot_plot, dot_row, mark
from attribution.present.report import sentences

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from numpy.typing import NDArray

    from attribution.decide.claims import Claims
    from attribution.decide.roi import Roi
    from attribution.present.words import Unit, Words

__all__ = [
    "KINDS",
    "RoiReport",
    "as_printed",
    "by_channel",
    "by_minute",
    "by_offer",
    "by_session",
    "closing",
    "opening",
    "profit_and_loss",
]

_SHOWN = 14
_OFFERS = 12
_PLOTTED = 60  # sessions a plot can hold
_SESSIONS = 40  # sessions of which each has a row
_MINUTES = 3  # sessions shown minute by minute
_VERDICTS = {
    "profit": "roi_profit",
    "loss": "roi_loss",
    "unclear": "roi_unclear",
    "depends": "roi_depends",
    "unseen": "roi_unseen",
}
KINDS = {
    "goods": "roi_kind_goods",
    "ads": "roi_kind_ads",
    "slot_fee": "roi_kind_slot_fee",
    "commission": "roi_kind_commission",
    "agency_fee": "roi_kind_agency_fee",
    "platform_fee": "roi_kind_platform_fee",
    "channel_share": "roi_kind_channel_share",
    "coupon": "roi_kind_coupon",
    "red_packet": "roi_kind_red_packet",
    "lucky_bag": "roi_kind_lucky_bag",
    "giveaway": "roi_kind_giveaway",
    "sample": "roi_kind_sample",
    "freight": "roi_kind_freight",
    "return_freight": "roi_kind_return_freight",
    "crew": "roi_kind_crew",
    "other": "roi_kind_other",
}
_WHY = {
    "unknown_order": "roi_why_unknown_order",
    "order_left_out": "roi_why_order_left_out",
    "order_not_paid": "roi_why_order_not_paid",
    "unknown_session": "roi_why_unknown_session",
    "unknown_place": "roi_why_unknown_place",
    "rule_none": "roi_why_rule_none",
    "nothing_to_spread_by": "roi_why_nothing_to_spread_by",
}


@dataclass(frozen=True)
class RoiReport:
    """What the sections read.

    Attributes
    ----------
    roi
        By channel.
    sessions
        By session, of the headline model alone.
    books, offers, minutes
        `session_books`, `product_books` and `minute_books`: where it was sold, whatever brought
        the buyer.
    names
        session ("platform:session_id") and channel: what live sessions are called.
    words
        Language and currency.
    title, source
        The brand; what was read.
    """

    roi: Roi
    sessions: Roi
    books: pd.DataFrame
    offers: pd.DataFrame
    minutes: pd.DataFrame
    names: pd.DataFrame
    words: Words
    title: str = ""
    source: str = ""

    @cached_property
    def lead(self) -> pd.DataFrame:
        """The rows of the headline model."""
        every = self.roi.channels
        return every[every["model"] == self.roi.headline].reset_index(drop=True)

    @cached_property
    def channels(self) -> pd.DataFrame:
        """The headline model's channels with their verdicts, best first."""
        inner = self.lead[~self.lead["channel"].isin((*RESERVED, UNALLOCATED))]
        return inner.merge(self.roi.verdicts(), on="channel")

    @cached_property
    def total(self) -> pd.Series[float]:
        """All rows together."""
        return self.roi.total()

    @cached_property
    def unit(self) -> Unit:
        """The unit of columns of money: fit for rows, which are a part of the total each."""
        largest = self.lead[["gross_fen", "cost_fen"]].abs().to_numpy().max(initial=0.0)
        return self.words.money_unit(float(largest) / 10)

    @property
    def level(self) -> str:
        """The level of the intervals: 95%."""
        return f"{100 * self.roi.interval:.4g}%"

    def yuan(self, fen: float) -> str:
        """Return an amount in the unit of columns; a dash where it is not known."""
        return "–" if np.isnan(fen) else self.words.written(float(fen), self.unit)

    def ratio(self, number: float) -> str:
        """Return a ratio of two amounts."""
        return "–" if np.isnan(number) else self.words.ratio(float(number))

    def share(self, number: float) -> str:
        """Return a part of an amount; a dash where it is not known."""
        return "–" if np.isnan(number) else self.words.percent(float(number))

    def span(self, low: float, high: float) -> str:
        """Return an interval in the unit of columns."""
        if np.isnan(low) or low == high:
            return "–"
        return self.words("roi_span", low=self.yuan(low), high=self.yuan(high))

    def named(self, channel: str) -> str:
        """Return what a row is called."""
        if channel == UNALLOCATED:
            return self.words("roi_unallocated")
        return self.words.row(channel)


def opening(report: RoiReport) -> Fragment:
    """Return the style sheet and the finding."""
    words, total = report.words, report.total
    kicker = " · ".join(part for part in (report.title, words("roi_title")) if part)
    finding, detail = words("roi_nothing"), ""
    if total["gross_fen"] or total["cost_fen"]:
        finding = words(
            "roi_headline" if total["contribution_expected_fen"] >= 0 else "roi_headline_loss",
            sold=words.money(total["gross_fen"]),
            kept=words.money(total["net_expected_fen"]),
            left=words.money(abs(total["contribution_expected_fen"])),
        )
        losing = report.channels[report.channels["verdict"] == "loss"]
        detail = sentences(
            words,
            words("roi_subtitle", model=words.model(report.roi.headline)),
            words("roi_coverage", model=words.model("Shapley")) if report.roi.why_headline else "",
            words(
                "roi_losing",
                count=len(losing),
                names=words.listed(losing["channel"].iloc[::-1].tolist()[:3]),
            )
            if len(losing)
            else "",
        )
    head = Markup('<p class="kicker">{}</p><h1>{}</h1><p>{}</p>').format(kicker, finding, detail)
    return page(words.language, style(), hatching(), head)


def profit_and_loss(report: RoiReport) -> Fragment:
    """Return the way from what was paid to what is left, step by step."""
    words, total = report.words, report.total
    if not total["gross_fen"] and not total["cost_fen"]:
        return page(words.language, section(words("roi_pl_kicker"), words("roi_nothing")))
    mine = report.roi.costs[report.roi.costs["model"] == report.roi.headline]
    costs = mine.groupby("kind")["amount_fen"].sum().sort_values(ascending=False, kind="stable")
    gross, net, kept = (float(total[n]) for n in ("gross_fen", "net_fen", "net_expected_fen"))
    left = float(total["contribution_expected_fen"])
    lines: list[tuple[str, float, list[Bar], str]] = [
        (words("roi_gross"), gross, [Bar(0, gross, "bar")], "strong"),
        (words("roi_refunded"), net - gross, [Bar(net, gross, "outline")], ""),
        (words("roi_net"), net, [Bar(0, net, "bar")], "strong"),
        (words("roi_coming"), kept - net, [Bar(kept, net, "hatched")], ""),
        (words("roi_kept"), kept, [Bar(0, kept, "bar")], "strong"),
    ]
    running = kept
    for kind, amount in costs.items():
        bar = Bar(running - amount, running, "cost")
        lines.append((words(KINDS[str(kind)]), -float(amount), [bar], ""))
        running -= amount
    lines.append(
        (words("roi_left"), left, [Bar(0, left, "bar" if left >= 0 else "loss")], "strong")
    )
    lowest = min(0.0, *(min(piece[:2]) for _, _, pieces, _ in lines for piece in pieces))
    scale = charts.Scale(lowest, max(gross, kept, 1.0), ())
    ends = (float(total["low_fen"]), float(total["high_fen"]))
    body = [
        [
            Markup('<td class="name {}">{}</td>').format(kind, name),
            bar_row(
                scale,
                pieces,
                f"{name} {report.yuan(amount)} {report.unit.label}",
                ends if place == len(lines) - 1 and ends[0] < ends[1] else None,
            ),
            Markup('<span class="{}">{}</span>').format(kind, report.yuan(amount)),
            words.percent(amount / kept, 1) if kept > 0 else "–",
        ]
        for place, (name, amount, pieces, kind) in enumerate(lines)
    ]
    head = [words("roi_step"), "", report.unit.label, words("roi_of_kept")]
    grid = table(head, body, kinds=["name", "plot", "", "low"], name="plots")
    note = (
        words(
            "roi_pl_note",
            level=report.level,
            low=words.money(ends[0]),
            high=words.money(ends[1]),
        )
        if ends[0] < ends[1]
        else ""
    )
    return page(
        words.language,
        section(
            words("roi_pl_kicker"), _pl_title(report, costs), figure(_fills(words) + grid, note)
        ),
    )


def _pl_title(report: RoiReport, costs: pd.Series[int]) -> str:
    words, total = report.words, report.total
    gross = float(total["gross_fen"])
    if gross <= 0:
        return words("roi_pl_title_unsold", cost=words.money(float(total["cost_fen"])))
    hundred = {
        "back": gross - total["net_expected_fen"],
        "goods": costs.get("goods", 0),
        "other": total["cost_fen"] - costs.get("goods", 0),
        "left": total["contribution_expected_fen"],
    }
    parts = {name: words.count(round(100 * amount / gross)) for name, amount in hundred.items()}
    return words("roi_pl_title", **parts)


def _fills(words: Words) -> Markup:
    kinds = (("bar", "roi_fill_kept"), ("hatched", "roi_fill_coming"), ("outline", "roi_fill_back"),
             ("cost", "roi_fill_cost"))  # fmt: skip
    return _legend([(kind, words(key)) for kind, key in kinds])


def _legend(marks: Sequence[tuple[str, str]]) -> Markup:
    return Markup('<p class="legend">{}</p>').format(
        joined(Markup("<span>{}{}</span>").format(mark(kind), text) for kind, text in marks)
    )


def by_channel(report: RoiReport) -> Fragment:
    """Return revenue, cost and what is left of every channel, with verdicts."""
    words, found = report.words, report.channels
    if report.lead.empty:
        return page(words.language, section(words("roi_channel_kicker"), words("roi_nothing")))
    kept = _weighty(found)
    shown, rest = found[kept], found[~kept]
    ends = shown[["low_fen", "high_fen", "contribution_expected_fen"]].to_numpy(float)
    scale = charts.nice_scale(ends.min(initial=0.0), ends.max(initial=0.0), 4)
    body, kinds = [], []
    for row in shown.to_dict("records"):
        dot = Dot(row["contribution_expected_fen"], row["low_fen"], row["high_fen"], row["verdict"])
        plot = dot_row(scale, dot, _spoken(report, row))
        agree = f"{row['profitable']}/{row['models']}"
        body.append(_channel_row(report, row, plot, agree, _verdict(words, row["verdict"])))
        kinds.append("")
    if len(rest):
        body.append(_rest_row(report, rest))
        kinds.append("rest")
    outside = report.lead[report.lead["channel"].isin((*RESERVED, UNALLOCATED))]
    for row in outside.to_dict("records"):
        key = "roi_homeless" if row["channel"] == UNALLOCATED else "roi_no_verdict"
        body.append(_channel_row(report, row, "", "", words(key)))
        kinds.append("rest")
    total = report.total
    body.append(
        [
            words("roi_total"),
            report.yuan(total["net_expected_fen"]),
            report.yuan(total["spend_fen"]),
            "",
            report.yuan(total["contribution_expected_fen"]),
            report.span(total["low_fen"], total["high_fen"]),
            "",
            report.share(
                total["contribution_expected_fen"] / (total["net_expected_fen"] or np.nan)
            ),
            report.ratio(total["contribution_expected_fen"] / (total["spend_fen"] or np.nan)),
            *[""] * 4,
        ]
    )
    kinds.append("sum")
    unit = report.unit.label
    head = [
        words("channel"),
        f"{words('roi_kept')} {unit}",
        f"{words('roi_spend')} {unit}",
        charts.axis(scale, lambda t: words.tick(t, report.unit)),
        f"{words('roi_left')} {unit}",
        f"{words('roi_interval', level=report.level)} {unit}",
        words("roi_models"),
        words("roi_margin"),
        words("roi_roi"),
        words("roi_roas"),
        f"{words('roi_per_order')} {words.currency}",
        f"{words('roi_break_even')} {unit}",
        words("roi_verdict"),
    ]
    grid = table(
        head,
        body,
        kinds=["name", "low", "low", "plot", "", "low", "rank", *["low"] * 5, "verdict"],
        rows=kinds,
        name="plots money",
    )
    verdicts = [(kind, words(key)) for kind, key in _VERDICTS.items()]
    caveat = Markup('<p class="caveat"><b>{}</b> {}</p>').format(
        words("roi_caveat_title"), words("roi_caveat_text")
    )
    return page(
        words.language,
        section(
            words("roi_channel_kicker"),
            _channel_title(report),
            figure(_legend(verdicts) + grid, words("roi_channel_note")),
            _unplaced(report),
            caveat,
        ),
    )


def _channel_row(
    report: RoiReport,
    row: Mapping[Hashable, Any],
    plot: Markup | str,
    profitable: str,
    verdict: Markup | str,
) -> list[Markup | str]:
    words, cost = report.words, row["cost_per_order_fen"]
    return [
        Markup('<td class="name" title="{0}">{0}</td>').format(report.named(row["channel"])),
        report.yuan(row["net_expected_fen"]),
        report.yuan(row["spend_fen"]),
        plot,
        report.yuan(row["contribution_expected_fen"]),
        report.span(row["low_fen"], row["high_fen"]),
        profitable,
        report.share(row["margin"]),
        report.ratio(row["contribution_roi"]),
        report.ratio(row["roas"]),
        "–" if np.isnan(cost) else words.count(round(cost / words.minor, 1)),
        report.yuan(row["break_even_fen"]),
        verdict,
    ]


def _rest_row(report: RoiReport, rest: pd.DataFrame) -> list[Markup | str]:
    sums = rest[["net_expected_fen", "spend_fen", "contribution_expected_fen"]].sum()
    spend = sums["spend_fen"] or np.nan
    return [
        report.words("other_channels", count=report.words.count(len(rest))),
        report.yuan(sums["net_expected_fen"]),
        report.yuan(sums["spend_fen"]),
        "",
        report.yuan(sums["contribution_expected_fen"]),
        "",
        "",
        report.share(sums["contribution_expected_fen"] / (sums["net_expected_fen"] or np.nan)),
        report.ratio(sums["contribution_expected_fen"] / spend),
        *[""] * 4,
    ]


def _weighty(found: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which channels are shown: those that move most money; all, if they are few."""
    if len(found) <= _SHOWN + 2:
        return np.ones(len(found), bool)
    weight = found[["net_expected_fen", "cost_fen"]].abs().max(axis="columns")
    return np.asarray(weight.rank(method="first", ascending=False) <= _SHOWN)


def _verdict(words: Words, verdict: str) -> Markup:
    kind = "losing" if verdict == "loss" else ""
    return Markup('<span class="{}">{} {}</span>').format(
        kind, _legend_mark(verdict), words(_VERDICTS[verdict])
    )


def _legend_mark(verdict: str) -> Markup:
    return Markup('<span class="sign">{}</span>').format(mark(verdict))


def _spoken(report: RoiReport, row: Mapping[Hashable, Any]) -> str:
    words = report.words
    return words(
        "roi_spoken",
        channel=row["channel"],
        left=f"{report.yuan(row['contribution_expected_fen'])} {report.unit.label}",
        span=report.span(row["low_fen"], row["high_fen"]),
        verdict=words(_VERDICTS[row["verdict"]]),
    )


def _channel_title(report: RoiReport) -> str:
    words, found = report.words, report.channels
    if found.empty:
        return words("roi_channel_none")
    profit, losing = (found["verdict"] == "profit").sum(), found[found["verdict"] == "loss"]
    said = words(
        "roi_channel_title",
        profit=words.count(profit),
        total=words.count(len(found)),
        open=words.count(len(found) - profit - len(losing)),
    )
    if losing.empty:
        return said
    worst = losing["channel"].iloc[::-1].tolist()[:3]
    more = words("roi_channel_title_loss", names=words.listed(worst), count=len(losing))
    return said + words("clause_gap") + more


def _unplaced(report: RoiReport) -> Markup:
    """Return why costs have no channel."""
    words, rest = report.words, report.roi.unplaced
    if rest.empty:
        return Markup("")
    parts = [
        words(
            "roi_unplaced_part",
            kind=words(KINDS[kind]),
            amount=words.money(float(amount)),
            why=words(_WHY[why]),
        )
        for kind, why, amount in rest.itertuples(index=False, name=None)
    ]
    return Markup('<p class="after">{}</p>').format(
        words("roi_unplaced", parts=words("list_semicolon").join(parts))
    )


def by_session(report: RoiReport) -> Fragment:
    """Return every session: what it is credited with, and what was sold in it."""
    words, named = report.words, _sessions(report)
    if named.empty:
        return page(words.language, section(words("roi_session_kicker"), words("roi_no_session")))
    counts = named["verdict"].value_counts()
    profit, loss = int(counts.get("profit", 0)), int(counts.get("loss", 0))
    title = words(
        "roi_session_title",
        model=words.model(report.roi.headline),
        total=words.count(len(named)),
        profit=words.count(profit),
        loss=words.count(loss),
        open=words.count(len(named) - profit - loss),
    )
    plotted = named[named["verdict"].notna()]
    if len(plotted) > _PLOTTED:
        half = _PLOTTED // 2
        plotted = pd.concat([plotted.head(half), plotted.tail(half)])
    dots = [Dot(*row) for row in plotted[[*_CREDITED, "verdict"]].itertuples(index=False)]
    drawing = Markup("")
    if dots:
        scale = charts.nice_scale(min(dot.low for dot in dots), max(dot.high for dot in dots), 4)
        unit = report.unit
        kinds = [kind for kind in _VERDICTS if kind in set(plotted["verdict"])]
        drawing = figure(
            _legend([(kind, words(_VERDICTS[kind])) for kind in kinds])
            + dot_plot(scale, dots, plotted["channel"].tolist(),
                       lambda t: words.tick(t, unit), title),
            words("roi_session_note", level=report.level, unit=unit.label),
        )  # fmt: skip
    return page(
        words.language,
        section(words("roi_session_kicker"), title, drawing, _session_table(report, named)),
    )


_CREDITED = ["credited_fen", "low_fen", "high_fen"]


def _sessions(report: RoiReport) -> pd.DataFrame:
    """Return the books of sessions with what each is credited with, the largest first."""
    held = report.books[~report.books["session"].isin((NO_SESSION, UNALLOCATED))]
    names = report.names.drop_duplicates("session").set_index("session")["channel"]
    named = held.assign(channel=held["session"].map(names))
    named["channel"] = named["channel"].fillna(named["title"]).fillna(named["session"])
    lead = report.sessions.channels.rename(columns={"contribution_expected_fen": "credited_fen"})
    lead = lead.loc[lead["model"] == report.sessions.headline, ["channel", *_CREDITED]]
    known = lead.merge(report.sessions.verdicts(), on="channel", how="left")
    named = named.merge(known[["channel", *_CREDITED, "verdict"]], on="channel", how="left")
    return named.sort_values("credited_fen", ascending=False, kind="stable", ignore_index=True)


def _session_table(report: RoiReport, named: pd.DataFrame) -> Markup:
    words, unit = report.words, report.unit.label
    half, few = _SESSIONS // 2, len(named) <= _SESSIONS
    body: list[list[Markup | str]] = [
        [
            Markup('<td class="name" title="{}">{}</td>').format(
                row["title"] if isinstance(row["title"], str) else row["channel"], row["channel"]
            ),
            words.count(row["orders"]),
            report.yuan(row["gross_fen"]),
            report.yuan(row["refunded_fen"]),
            report.yuan(row["net_expected_fen"]),
            report.yuan(row["cost_fen"]),
            report.yuan(row["contribution_expected_fen"]),
            report.yuan(row["credited_fen"]),
            report.span(row["low_fen"], row["high_fen"]),
        ]
        for row in (named if few else pd.concat([named.head(half), named.tail(half)])).to_dict(
            "records"
        )
    ]
    kinds = [""] * len(body)
    if not few:
        between = named.iloc[half:-half]
        name = words("roi_other_sessions", count=words.count(len(between)))
        body.insert(half, _book_row(report, name, between[_BOOKED].sum().to_dict()))
        kinds.insert(half, "rest")
    outside = report.books[report.books["session"].isin((NO_SESSION, UNALLOCATED))]
    rest = {NO_SESSION: "roi_elsewhere", UNALLOCATED: "roi_unallocated"}
    body += [
        _book_row(report, words(rest[row["session"]]), row) for row in outside.to_dict("records")
    ]
    body.append(_book_row(report, words("roi_total"), report.books[_BOOKED].sum().to_dict()))
    head = [
        words("roi_session"),
        words("unit_orders"),
        *(f"{words(key)} {unit}" for key in (
            "roi_gross", "roi_refunded", "roi_kept", "roi_cost", "roi_left", "roi_left_credited",
        )),
        f"{words('roi_interval', level=report.level)} {unit}",
    ]  # fmt: skip
    rows = [*kinds, *["rest"] * len(outside), "sum"]
    return table(head, body, kinds=["name", *[""] * 8], rows=rows, name="sessions")


_BOOKED = [
    "orders",
    "gross_fen",
    "refunded_fen",
    "net_expected_fen",
    "cost_fen",
    "contribution_expected_fen",
]


def _book_row(report: RoiReport, name: str, row: Mapping[Hashable, Any]) -> list[Markup | str]:
    amounts = [report.yuan(row[column]) for column in _BOOKED[1:]]
    return [name, report.words.count(row["orders"]), *amounts, "", ""]


def by_offer(report: RoiReport) -> Fragment:
    """Return what was sold while something was being explained, and what it left."""
    words = report.words
    found = report.offers[report.offers["explanation"] != ""]
    if found.empty:
        return page(words.language, section(words("roi_offer_kicker"), words("roi_no_offer")))
    ranked = found.sort_values("gross_fen", ascending=False, kind="stable")
    shown, rest = ranked.head(_OFFERS), ranked.iloc[_OFFERS:]
    names = report.names.drop_duplicates("session").set_index("session")["channel"]
    scale = charts.nice_scale(0.0, float(shown["gross_fen"].max()), 4)
    body = []
    for row in shown.to_dict("records"):
        where = names.get(row["session"], row["session"])
        gross, kept = float(row["gross_fen"]), float(row["net_expected_fen"])
        net = float(row["net_fen"])
        pieces = [Bar(0, kept, "bar"), Bar(kept, net, "hatched"), Bar(net, gross, "outline")]
        said = f"{row['explanation']} {report.yuan(gross)} {report.unit.label}"
        body.append(
            [
                Markup('<td class="name" title="{0}">{0}</td>').format(row["explanation"]),
                Markup('<td class="name low" title="{0}">{0}</td>').format(where),
                bar_row(scale, pieces, said),
                words.count(row["orders"]),
                report.yuan(gross),
                report.yuan(kept),
                report.yuan(row["contribution_expected_fen"]),
            ]
        )
    if len(rest):
        sums = rest[_BOOKED].sum()
        body.append(
            [
                words("roi_other_offers", count=words.count(len(rest))), "", "",
                words.count(sums["orders"]),
                report.yuan(sums["gross_fen"]), report.yuan(sums["net_expected_fen"]),
                report.yuan(sums["contribution_expected_fen"]),
            ]
        )  # fmt: skip
    best = shown.iloc[0]
    share = best["gross_fen"] / max(1, report.offers["gross_fen"].sum())
    title = words(
        "roi_offer_title", name=words.short(best["explanation"]), share=words.percent(share, 1)
    )
    unit = report.unit.label
    head = [
        words("roi_offer"),
        words("roi_session"),
        "",
        words("unit_orders"),
        *(f"{words(key)} {unit}" for key in ("roi_gross", "roi_kept", "roi_left")),
    ]
    grid = table(
        head,
        body,
        kinds=["name", "low", "plot", "low", "", "low", "low"],
        rows=[""] * len(shown) + ["rest"],
        name="plots",
    )
    return page(
        words.language,
        section(
            words("roi_offer_kicker"),
            title,
            figure(_fills(words) + grid, words("roi_offer_note")),
        ),
    )


def by_minute(report: RoiReport) -> Fragment:
    """Return when in the largest sessions orders were placed, minute by minute."""
    words, minutes = report.words, report.minutes
    sums = minutes.groupby("session")["gross_fen"].sum()
    largest = sums[sums > 0].sort_values(ascending=False, kind="stable").index[:_MINUTES]
    if not len(largest):
        return page(words.language, section(words("roi_minute_kicker"), words("roi_no_minute")))
    names = report.names.drop_duplicates("session").set_index("session")["channel"]
    drawings, rows = [], []
    for session in largest:
        mine = minutes[minutes["session"] == session].sort_values("minute")
        name = str(names.get(session, session))
        amounts = mine["gross_fen"].astype(float).tolist()
        peak = int(mine["minute"].iloc[int(np.argmax(amounts))])
        busiest = np.sort(amounts)[::-1][: max(1, len(amounts) // 10)].sum() / sum(amounts)
        at = [words("roi_at_minute", minute=minute) for minute in mine["minute"]]
        told = [f"{a}: {report.yuan(x)} {report.unit.label}" for a, x in
                zip(at, amounts, strict=True)]  # fmt: skip
        said = words("roi_minute_label", name=name, minute=peak, share=words.percent(busiest))
        drawings.append(
            Markup('<p class="strong">{}</p>{}').format(
                name, columns(amounts, told, (at[0], at[-1]), at[amounts.index(max(amounts))], said)
            )
        )
        rows.append([name, words.count(len(amounts)), at[amounts.index(max(amounts))],
                     report.yuan(max(amounts)), words.percent(busiest)])  # fmt: skip
    head = [
        words("roi_session"),
        words("roi_minutes"),
        words("roi_peak"),
        f"{words('roi_peak_gross')} {report.unit.label}",
        words("roi_busiest"),
    ]
    title = words("roi_minute_title", name=words.short(rows[0][0]), share=rows[0][4])
    return page(
        words.language,
        section(
            words("roi_minute_kicker"),
            title,
            figure(joined(drawings), words("roi_minute_note")),
            table(head, rows, kinds=["name", "", "", "", ""], name="sessions"),
        ),
    )


def as_printed(report: RoiReport, printed: pd.DataFrame, claims: Claims) -> Fragment:
    """Return ROAS as platforms print it, and what is left of it once every order counts once."""
    words = report.words
    if printed.empty:
        return page(words.language, section(words("roi_printed_kicker"), words("roi_printed_none")))
    readings = ["printed", "standing", "credited"]
    largest = float(printed[readings].max().max())
    scale = charts.nice_scale(0.0, largest, 4)
    body = []
    for row in printed.sort_values("ads_fen", ascending=False, kind="stable").to_dict("records"):
        name = _claimer(claims, row["claimer"], words)
        figures = [np.nan if pd.isna(row[each]) else float(row[each]) for each in readings]
        stands = 0.0 if np.isnan(figures[1]) else min(figures[1], figures[0])
        pieces = [Bar(0, stands, "bar"), Bar(stands, figures[0], "outline")]
        body.append(
            [
                Markup('<td class="name" title="{0}">{0}</td>').format(name),
                bar_row(scale, pieces, f"{name} {report.ratio(figures[0])}"),
                report.yuan(row["ads_fen"]),
                *(report.ratio(figure) for figure in figures),
            ]
        )
    worst = printed.iloc[int(printed["printed"].astype(float).to_numpy().argmax())]
    named = _claimer(claims, worst["claimer"], words)
    title = words("roi_printed_title", name=named, printed=report.ratio(float(worst["printed"])))
    head = [
        words("roi_printed_claimer"),
        charts.axis(scale, words.ratio),
        f"{words('roi_kind_ads')} {report.unit.label}",
        words("roi_printed"),
        words("roi_printed_stands"),
        words("roi_printed_credited", model=words.model(report.roi.headline)),
    ]
    kinds = ["name", "plot", "low", "", "low", "low"]
    grid = table(head, body, kinds=kinds, name="plots")
    return page(
        words.language,
        section(words("roi_printed_kicker"), title, figure(grid, words("roi_printed_note"))),
    )


def _claimer(claims: Claims, claimer: str, words: Words) -> str:
    rule = claims.rules.get(claimer)
    return claimer if rule is None else rule.name(words.language)


def closing(report: RoiReport) -> Fragment:
    """Return the run line."""
    words = report.words
    made = words("footer_made", version=__version__)
    return page(
        words.language,
        Markup("<footer>{} · {} · {}</footer>").format(made, report.source, words("roi_footer")),
    )
