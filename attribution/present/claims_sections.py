"""What platforms claim and what was sold: says, we say, why; overlap, days, campaigns, orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from attribution.decide.claims import REASONS
from attribution.names import __version__
from attribution.present import charts
from attribution.present.markup import Fragment, figure, joined, page, row, section, style, table
from attribution.present.report import sentences
from attribution.present.words import Unit
from attribution.store.channels import platform_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from attribution.decide.claims import Claims
    from attribution.present.words import Words

__all__ = [
    "ClaimsReport",
    "by_day",
    "campaigns",
    "claimed_orders",
    "closing",
    "opening",
    "overlap_and_platforms",
    "rules",
    "says_and_stands",
    "why",
]

_SHOWN = 10
_COLUMNS = 6  # claimers whose reasons stand side by side
_DRAWN = 31  # days of a small chart
_LISTED = 14  # days of a table
_UNKNOWN = ("again", "unknown", "excluded", "unpaid", "differs", "refunded")  # of totals
_ROOM = 10_000_000  # of the currency: what fits a column in full
_REASONS = {
    "again": "why_again",
    "unknown": "why_unknown",
    "excluded": "why_excluded",
    "unpaid": "why_unpaid",
    "differs": "why_differs",
    "refunded": "why_refunded",
    "wider": "why_wider",
    "rest": "why_rest",
}
_KINDS = {
    "direct": "kind_direct",
    "indirect": "kind_indirect",
    "click": "kind_click",
    "exposure": "kind_exposure",
    "follow": "kind_follow",
    "other": "kind_other",
}
_STATES = {
    "kept": "fates_kept",
    "part_refunded": "fates_part",
    "refunded": "fates_refunded",
    "unpaid": "fates_unpaid",
    "excluded": "fates_excluded",
    "unknown": "fates_unknown",
}
_FREE = {
    "not_claimed": "free_not_claimed",
    "not_named": "free_not_named",
    "no_claimer": "free_no_claimer",
}
_FIELDS = {
    "platforms": "field_platforms",
    "kinds": "field_kinds",
    "windows": "field_windows",
    "window_days": "field_window_days",
}
_LEFT_OUT = {
    "": "said_yes",
    "kind": "said_of_kind",
    "window": "said_of_window",
    "restated": "said_restated",
    "withdrawn": "said_withdrawn",
    "told_by_order": "said_told_by_order",
    "undated": "said_undated",
}


@dataclass(frozen=True)
class ClaimsReport:
    """What the sections read.

    Attributes
    ----------
    claims
        The frames.
    words
        Language, and currency with its minor unit.
    brand
        Shown on top.
    headline
        The model whose credit stands beside the claims; empty for none.
    """

    claims: Claims
    words: Words
    brand: str = ""
    headline: str = ""

    @property
    def any(self) -> bool:
        """Whether anybody claims anything."""
        return len(self.claims.claimers) > 0

    @property
    def ranked(self) -> pd.DataFrame:
        """The claimers, largest claims first."""
        return self.claims.claimers.sort_values(
            ["says_fen", "claimer"], ascending=[False, True], ignore_index=True
        )

    def name(self, claimer: str) -> str:
        """Return what a claimer is called."""
        rule = self.claims.rules.get(claimer)
        return claimer if rule is None else rule.name(self.words.language)

    def kind(self, kind: str) -> str:
        """Return a kind of claim in words."""
        return self.words(_KINDS[kind]) if kind in _KINDS else kind

    def voice(self, claimer: str, kind: str) -> str:
        """Return a claimer and a kind of claim."""
        return f"{self.name(claimer)} · {self.kind(kind)}"

    def platforms(self, codes: str) -> str:
        """Return platforms in words."""
        language = self.words.language
        names = [platform_name(code, language) for code in _split(codes)]
        return self.words.listed(names)

    def count(self, number: float) -> str:
        """Return a count as the language writes it, or a dash where it is not known."""
        return "–" if pd.isna(number) else self.words.count(int(number))

    def share(self, ratio: float, decimals: int = 1) -> str:
        """Return a ratio as a percentage, or a dash where there is none."""
        return "–" if pd.isna(ratio) else self.words.percent(float(ratio), decimals)

    def money(self, fen: float) -> str:
        """Return an amount for a sentence."""
        return self.words.money(float(fen))

    def written(self, fen: float, unit: Unit) -> str:
        """Return an amount in a column's unit, or a dash where it is not known."""
        return "–" if pd.isna(fen) else self.words.written(float(fen), unit)

    def day(self, day: str) -> str:
        """Return a calendar day in words."""
        return self.words.day(date.fromisoformat(day))


def opening(report: ClaimsReport) -> Fragment:
    """Return the style sheet and the finding: who claims more than there was."""
    words, found = report.words, report.claims
    days = sorted(found.days["day"].dropna())
    period = (
        words("claims_days", first=report.day(days[0]), last=report.day(days[-1])) if days else ""
    )
    kicker = " · ".join(part for part in (report.brand, words("claims_title"), period) if part)
    if not report.any:
        finding, detail = words("claims_headline_none"), words("claims_subtitle_none")
    else:
        twice = len(found.twice)
        doubles = words("claims_headline_twice", count=report.count(twice)) if twice else ""
        finding = words("clause_gap").join(part for part in (_finding(report), doubles) if part)
        claimed = found.platforms[found.platforms["claimers"] != ""]
        detail = words(
            "claims_subtitle",
            says=report.money(found.claimers["says_fen"].sum()),
            net=report.money(claimed["net_fen"].sum()),
        )
    return page(
        words.language,
        style(),
        Markup('<p class="kicker">{}</p><h1>{}</h1><p>{}</p>').format(kicker, finding, detail),
    )


def _finding(report: ClaimsReport) -> str:
    """Say who claims beyond all sales; else of whose claims least stands; else who claims most."""
    words, ranked = report.words, report.ranked
    compared = ranked.dropna(subset=["ratio"]).sort_values("ratio", ascending=False, kind="stable")
    named = ranked[ranked["names_orders"]]
    if not len(compared):
        first = ranked.iloc[0]
        return words(
            "claims_headline_unsold",
            claimer=words.short(report.name(first["claimer"])),
            says=report.money(first["says_fen"]),
        )
    most = compared.iloc[0]
    if most["ratio"] <= 1 and len(named):
        lost = (named["says_fen"] - named["stands_fen"]).astype(int)
        worst = named.loc[lost == lost.max()].iloc[0]
        return words(
            "claims_headline_stands",
            claimer=words.short(report.name(worst["claimer"])),
            says=report.money(worst["says_fen"]),
            stands=report.money(worst["stands_fen"]),
        )
    return words(
        "claims_headline_over" if most["ratio"] > 1 else "claims_headline_totals",
        claimer=words.short(report.name(most["claimer"])),
        share=report.share(most["ratio"], 0),
        platforms=report.platforms(most["platforms"]),
    )


# ---------------------------------------------------------------------- says, we say, why


def says_and_stands(report: ClaimsReport) -> Fragment:
    """Return what each platform says against what was sold, as bars and figures."""
    words, ranked = report.words, report.ranked
    kicker = words("says_kicker")
    if not report.any:
        return page(words.language, section(kicker, words("claims_nothing")))
    largest = float(ranked[["says_fen", "net_fen"]].to_numpy(float).max(initial=0.0))
    scale, unit = charts.nice_scale(0.0, largest), words.money_unit(largest)
    credited = bool(report.headline) and bool(ranked["credited_fen"].notna().any())
    body = [
        _claimer_row(report, claimer, scale, unit, credited) for _, claimer in ranked.iterrows()
    ]
    claimed = report.claims.platforms[report.claims.platforms["claimers"] != ""]
    says, net = int(ranked["says_fen"].sum()), int(claimed["net_fen"].sum())
    named = ranked[ranked["names_orders"]]
    stands = int(named["stands_fen"].sum())
    total: list[Markup | str] = [words("says_all"), ""]
    total += [report.written(fen, unit) for fen in (says, net)]
    total += [report.share(says / net) if net else "–"]
    total += [report.written(stands, unit) if len(named) else "–"]
    heads: list[Markup | str] = [
        words("says_claimer"),
        charts.axis(scale, lambda tick: words.tick(tick, unit)),
        f"{words('says_says')} {unit.label}",
        f"{words('says_net')} {unit.label}",
        words("says_ratio"),
        f"{words('says_stands')} {unit.label}",
    ]
    kinds = ["name", "plot", "", "low", "spread", "rank"]
    if credited:
        total.append(report.written(ranked["credited_fen"].sum(), unit))
        model = words.model(report.headline)
        heads.append(f"{words('says_credited', model=model)} {unit.label}")
        kinds.append("rank")
    note = words("says_note")
    if credited:
        note = sentences(words, note, words("says_credited_note"))
    drawing = table(
        heads, [*body, total], kinds=kinds, rows=[*("" for _ in body), "sum"], name="plots"
    )
    marks = {
        "bar": words("says_legend_stands"),
        "claimed": words("says_legend_claim"),
        "claimed unchecked": words("says_legend_totals"),
        "kept": words("says_legend_net"),
    }
    title = (
        words(
            "says_heading",
            named=report.money(named["says_fen"].sum()),
            share=report.share(stands / int(named["says_fen"].sum())),
        )
        if len(named) and int(named["says_fen"].sum())
        else words("says_heading_totals")
    )
    caveat = Markup('<p class="caveat"><b>{}</b> {}</p>').format(
        words("claims_caveat_title"), words("claims_caveat_text")
    )
    return page(
        words.language,
        section(kicker, title, _legend(marks), figure(drawing, note), caveat),
    )


def _claimer_row(
    report: ClaimsReport, claimer: pd.Series, scale: charts.Scale, unit: Unit, credited: bool
) -> list[Markup | str]:
    words, name = report.words, report.name(claimer["claimer"])
    named = bool(claimer["names_orders"])
    stands = float(claimer["stands_fen"]) if named else None
    says, kept = report.money(claimer["says_fen"]), report.money(claimer["net_fen"])
    label = (
        words("says_bar", claimer=name, says=says, stands=report.money(stands), net=kept)
        if stands is not None
        else words("says_bar_totals", claimer=name, says=says, net=kept)
    )
    cells: list[Markup | str] = [
        _name(name),
        charts.claim_bar(
            scale, float(claimer["says_fen"]), stands, float(claimer["net_fen"]), label
        ),
        report.written(claimer["says_fen"], unit),
        report.written(claimer["net_fen"], unit),
        _ratio(report, claimer["ratio"], "spread"),
        report.written(claimer["stands_fen"], unit),
    ]
    if credited:
        # A model that knows no buyer of a channel gives it nothing: that is no estimate.
        given = claimer["credited_fen"]
        cells.append(report.written(given, unit) if given else "–")
    return cells


def _legend(marks: dict[str, str]) -> Markup:
    parts = (
        Markup("<span>{}{}</span>").format(charts.claim_mark(kind), text)
        for kind, text in marks.items()
    )
    return Markup('<p class="legend">{}</p>').format(joined(parts))


def why(report: ClaimsReport) -> Fragment:
    """Return the way from what each platform says to what was kept, reason by reason."""
    words, ranked = report.words, report.ranked
    kicker = words("why_kicker")
    if not report.any:
        return page(words.language, section(kicker, words("claims_nothing")))
    shown = ranked.iloc[:_COLUMNS]
    indexed = report.claims.why.set_index(["reason", "claimer"])["fen"]
    gaps = {reason: indexed.xs(reason) for reason in REASONS}
    says = shown.set_index("claimer")["says_fen"]
    net = shown.set_index("claimer")["net_fen"]
    totals = set(shown["claimer"][~shown["names_orders"]])
    unit = _exact(words, float(max(says.max(), net.max())))

    def line(name: str, amounts: pd.Series, sign: int = 1, dashes: Iterable[str] = ()) -> list[str]:
        written = (
            "–" if claimer in dashes else report.written(sign * amounts[claimer], unit)
            for claimer in shown["claimer"]
        )
        return [name, *written]

    body, kinds = [line(words("why_says"), says)], ["part"]
    for reason in REASONS[:-1]:
        if (gaps[reason] != 0).any():
            dashes = totals if reason in _UNKNOWN else ()
            body.append(line(words(_REASONS[reason]), gaps[reason], -1, dashes))
            kinds.append("")
    body.append(line(words("why_stands"), net + gaps["rest"]))
    body.append(line(words("why_rest"), gaps["rest"], -1))
    body.append(line(words("why_net"), net))
    kinds += ["part", "", "sum"]
    note = words("why_note")
    if len(ranked) > len(shown):
        note = sentences(
            words, note, words("why_more", count=report.count(len(ranked) - len(shown)))
        )
    heads = [report.name(claimer) for claimer in shown["claimer"]]
    return page(
        words.language,
        section(
            kicker,
            _why_title(report),
            figure(
                table(
                    [words("why_reason", unit=unit.label), *heads],
                    body,
                    kinds=["label", *("" for _ in heads)],
                    rows=kinds,
                ),
                note,
            ),
        ),
    )


def _exact(words: Words, largest: float, decimals: int = 2) -> Unit:
    """Return a unit that shows an amount in full, where the column has room for it."""
    if largest >= _ROOM * words.minor:
        return words.money_unit(largest)
    return Unit(words.minor, words.currency, decimals)


def _why_title(report: ClaimsReport) -> str:
    words, gaps = report.words, report.claims.why
    known = gaps[(gaps["reason"] != "rest") & (gaps["fen"] > 0)]
    if not len(known):
        return words("why_heading_none")
    most = known.sort_values("fen", ascending=False, kind="stable").iloc[0]
    return words(
        "why_heading",
        reason=words(_REASONS[most["reason"]]),
        amount=report.money(most["fen"]),
        claimer=words.short(report.name(most["claimer"])),
    )


# ---------------------------------------------------------------------- together


def overlap_and_platforms(report: ClaimsReport) -> Fragment:
    """Return who claims the same orders, and all claims on each platform together."""
    words = report.words
    return page(words.language, row("even", _overlap(report), _markets(report)))


def _overlap(report: ClaimsReport) -> Markup:
    words, pairs = report.words, report.claims.overlap
    kicker = words("overlap_kicker")
    if not len(pairs):
        key = "overlap_heading_totals" if report.any else "claims_nothing"
        return section(kicker, words(key))
    one = list(zip(pairs["claimer"], pairs["kind"], strict=True))
    other = list(zip(pairs["other_claimer"], pairs["other_kind"], strict=True))
    shared = {(a, b): int(n) for a, b, n in zip(one, other, pairs["orders"], strict=True)}
    voices = sorted({*one}, key=lambda voice: (-shared[voice, voice], voice))[:_SHOWN]

    def cell(a: tuple[str, str], b: tuple[str, str]) -> Markup | str:
        orders = shared.get((a, b), 0)
        if a == b:
            return Markup('<td class="strong">{}</td>').format(report.count(orders))
        share = orders / min(shared[a, a], shared[b, b])
        return Markup('<td style="background:rgba(var(--above),{:.2f})" title="{}">{}</td>').format(
            share * 0.9, report.share(share), report.count(orders) if orders else "0"
        )

    body = [[_name(report.voice(*a)), *(cell(a, b) for b in voices)] for a in voices]
    apart = {pair: n for pair, n in shared.items() if pair[0] < pair[1]}
    title = words("overlap_heading_none")
    if apart:
        (a, b), count = max(apart.items(), key=lambda item: (item[1], item[0]))
        title = words(
            "overlap_heading",
            one=report.voice(*a),
            other=report.voice(*b),
            count=report.count(count),
        )
    heads = [words("overlap_orders"), *(report.voice(*voice) for voice in voices)]
    kinds = ["name", *("" for _ in voices)]
    return section(kicker, title, figure(table(heads, body, kinds=kinds), words("overlap_note")))


def _markets(report: ClaimsReport) -> Markup:
    words, frame = report.words, report.claims.platforms
    kicker = words("markets_kicker")
    if not report.any:
        return section(kicker, words("claims_nothing"))
    ranked = frame.sort_values(["says_fen", "net_fen"], ascending=False, kind="stable")
    unit = words.money_unit(float(frame[["says_fen", "net_fen"]].to_numpy(float).max(initial=0.0)))
    body: list[list[Markup | str]] = [
        [
            _name(report.platforms(each["platforms"])),
            words.listed([report.name(name) for name in _split(each["claimers"])]) or "–",
            report.written(each["says_fen"], unit) if each["claimers"] else "–",
            report.written(each["net_fen"], unit),
            _ratio(report, each["ratio"]) if each["claimers"] else "–",
        ]
        for _, each in ranked.iterrows()
    ]
    compared = ranked[ranked["claimers"] != ""].dropna(subset=["ratio"])
    title = words("markets_heading_none")
    if len(compared):
        most = compared.sort_values("ratio", ascending=False, kind="stable").iloc[0]
        title = words(
            "markets_heading",
            share=report.share(most["ratio"], 0),
            platforms=report.platforms(most["platforms"]),
        )
    heads = [
        words("markets_platforms"),
        words("markets_claimers"),
        f"{words('says_says')} {unit.label}",
        f"{words('says_net')} {unit.label}",
        words("says_ratio"),
    ]
    drawing = table(heads, body, kinds=["name", "why wrap", "", "", ""])
    return section(kicker, title, figure(drawing, words("markets_note")))


# ---------------------------------------------------------------------- by day, by campaign


def by_day(report: ClaimsReport) -> Fragment:
    """Return each claimer's claims by day beside what was kept, small and side by side."""
    words = report.words
    days = report.claims.days.dropna(subset=["day"])
    kicker = words("claim_days_kicker")
    if not report.any or not len(days):
        return page(words.language, section(kicker, words("claims_nothing")))
    dates = sorted(set(days["day"]))[-_DRAWN:]
    unit = words.money_unit(float(days[["says_fen", "net_fen"]].to_numpy(float).max(initial=0.0)))
    drawn = []
    for claimer in report.ranked["claimer"]:
        mine = days[days["claimer"] == claimer].set_index("day").reindex(dates)
        amounts = mine[["says_fen", "net_fen"]].fillna(0).astype(float)
        largest = float(amounts.to_numpy().max(initial=0.0))
        name = report.name(claimer)
        drawn.append(
            Markup("<div><p>{}</p>{}</div>").format(
                name,
                charts.claim_days(
                    list(amounts["says_fen"]),
                    list(amounts["net_fen"]),
                    [day[5:] for day in dates],
                    words.written(largest, unit),
                    words("claim_days_chart", claimer=name),
                ),
            )
        )
    marks = {"bar": words("claim_days_legend_bar"), "kept": words("claim_days_legend_tick")}
    note = words("claim_days_note", unit=unit.label)
    if len(set(days["day"])) > len(dates):
        note = sentences(words, note, words("claim_days_cut", days=len(dates)))
    return page(
        words.language,
        section(
            kicker,
            _days_title(report, days),
            _legend(marks),
            figure(Markup('<div class="claim-days">{}</div>').format(joined(drawn)), note),
            _day_table(report, days, dates[-_LISTED:]),
        ),
    )


def _days_title(report: ClaimsReport, days: pd.DataFrame) -> str:
    words = report.words
    compared = days.dropna(subset=["ratio"]).sort_values("ratio", ascending=False, kind="stable")
    if not len(compared):
        return words("claim_days_heading_none")
    most = compared.iloc[0]
    return words(
        "claim_days_heading",
        day=report.day(most["day"]),
        claimer=words.short(report.name(most["claimer"])),
        share=report.share(most["ratio"], 0),
    )


def _day_table(report: ClaimsReport, days: pd.DataFrame, dates: Sequence[str]) -> Markup:
    words = report.words
    by_claimer = days.pivot_table(index="claimer", columns="day", values="ratio", dropna=False)
    by_claimer = by_claimer.reindex(index=report.ranked["claimer"], columns=[*dates])

    def cell(ratio: float) -> Markup | str:
        if pd.isna(ratio):
            return "–"
        beyond = min(max(ratio - 1.0, 0.0), 1.0)
        text = words.percent(ratio).rstrip("%")
        return Markup('<td style="background:rgba(var(--below),{:.2f})">{}</td>').format(
            0.15 + 0.35 * beyond if beyond else 0.0, text
        )

    body = [
        [_name(report.name(str(claimer))), *(cell(ratio) for ratio in ratios)]
        for claimer, ratios in zip(by_claimer.index, by_claimer.to_numpy(float), strict=True)
    ]
    heads = [words("says_claimer"), *(day[5:] for day in dates)]
    drawing = table(heads, body, kinds=["name", *("" for _ in dates)], name="days")
    return _details(words("claim_days_table"), drawing)


def campaigns(report: ClaimsReport) -> Fragment:
    """Return the campaigns that claim most."""
    words = report.words
    kicker = words("campaigns_kicker")
    ranked = report.claims.campaigns.sort_values(
        ["says_fen", "claimer", "campaign_id"], ascending=[False, True, True], kind="stable"
    )
    if not len(ranked):
        return page(words.language, section(kicker, words("claims_nothing")))
    shown, rest = _parted(ranked)
    unit = _exact(words, float(ranked["says_fen"].max()), 0)

    def campaign(value: str | float) -> str:
        return words("campaigns_unnamed") if pd.isna(value) else str(value)

    body = [
        [
            _name(campaign(each["campaign_id"])),
            report.name(each["claimer"]),
            report.count(each["says_orders"]),
            report.written(each["says_fen"], unit),
            report.written(each["again_fen"], unit),
            report.written(each["net_fen"], unit),
            report.share(each["ratio"], 0),
            report.share(each["share"]),
        ]
        for _, each in shown.iterrows()
    ]
    rows = ["" for _ in body]
    if len(rest):
        others = words("campaigns_others", count=report.count(len(rest)))
        says = report.written(rest["says_fen"].sum(), unit)
        body.append([others, "", "", says, "", "", "", ""])
        rows.append("rest")
    first = ranked.iloc[0]
    title = words(
        "campaigns_heading",
        claimer=words.short(report.name(first["claimer"])),
        campaign=words.short(campaign(first["campaign_id"])),
        says=report.money(first["says_fen"]),
    )
    heads = [
        words("campaigns_campaign"),
        words("says_claimer"),
        words("campaigns_orders"),
        f"{words('says_says')} {unit.label}",
        f"{words('campaigns_again')} {unit.label}",
        f"{words('campaigns_net')} {unit.label}",
        words("says_ratio"),
        words("campaigns_share"),
    ]
    kinds = ["name", "why", "", "", "", "", "", ""]
    drawing = table(heads, body, kinds=kinds, rows=rows, name="wide")
    return page(words.language, section(kicker, title, figure(drawing, words("campaigns_note"))))


# ---------------------------------------------------------------------- orders


def claimed_orders(report: ClaimsReport) -> Fragment:
    """Return what became of claimed orders, those claimed twice or refunded, and the unclaimed."""
    words = report.words
    return page(
        words.language,
        row("even", _fates(report), _free(report)),
        row("even", _twice(report), _back(report)),
    )


def _fates(report: ClaimsReport) -> Markup:
    words, orders = report.words, report.claims.orders
    kicker = words("fates_kicker")
    if not len(orders):
        return section(kicker, words("says_heading_totals" if report.any else "claims_nothing"))
    counts = orders.pivot_table(
        index="claimer", columns="state", values="order_id", aggfunc="count", fill_value=0
    ).reindex(columns=list(_STATES), fill_value=0)
    differs = orders[orders["differs_fen"] != 0].groupby("claimer").size()
    body = [
        [
            _name(report.name(str(claimer))),
            report.count(each.sum()),
            *(report.count(each[state]) for state in _STATES),
            report.count(differs.get(claimer, 0)),
        ]
        for claimer, each in counts.iterrows()
    ]
    lost = int(counts[["refunded", "unpaid", "excluded", "unknown"]].sum().sum())
    heads = [
        words("says_claimer"),
        words("fates_orders"),
        *(words(key) for key in _STATES.values()),
        words("fates_differs"),
    ]
    title = words("fates_heading", count=report.count(lost), all=report.count(len(orders)))
    drawing = table(heads, body, kinds=["name", *("" for _ in heads[1:])])
    return section(kicker, title, figure(drawing, words("fates_note")))


def _free(report: ClaimsReport) -> Markup:
    words, orders = report.words, report.claims.unclaimed
    kicker = words("free_kicker")
    if not report.any:
        return section(kicker, words("claims_nothing"))
    free = orders[orders["why"] == "not_claimed"]
    if len(free):
        title = words(
            "free_heading", count=report.count(len(free)), net=report.money(free["net_fen"].sum())
        )
    else:
        named = bool(report.claims.claimers["names_orders"].any())
        title = words("free_heading_none" if named else "free_heading_unknown")
    if not len(orders):
        return section(kicker, title)
    sums = orders.groupby(["why", "platform"])["net_fen"].agg(["size", "sum"]).reset_index()
    sums = sums.sort_values(["size", "platform"], ascending=[False, True])
    unit = words.money_unit(float(sums["sum"].max()))
    body = [
        [
            _name(report.platforms(each["platform"])),
            words(_FREE[each["why"]]),
            report.count(each["size"]),
            report.written(each["sum"], unit),
        ]
        for _, each in sums.iterrows()
    ]
    heads = [
        words("markets_platforms"),
        words("free_status"),
        words("campaigns_orders"),
        f"{words('says_net')} {unit.label}",
    ]
    drawing = table(heads, body, kinds=["name", "why", "", ""])
    return section(kicker, title, figure(drawing, words("free_note")))


def _twice(report: ClaimsReport) -> Markup:
    words, orders = report.words, report.claims.twice
    kicker = words("twice_kicker")
    if not len(orders):
        return section(kicker, words("twice_heading_none" if report.any else "claims_nothing"))
    ranked = orders.sort_values(["says_fen", "platform", "order_id"], ascending=[False, True, True])
    shown, rest = _parted(ranked)
    unit = words.money_unit(float(ranked["says_fen"].max()))
    body = [
        [
            _order(report, each),
            _voices(report, each),
            report.written(each["says_fen"], unit),
            report.written(each["net_fen"], unit),
        ]
        for _, each in shown.iterrows()
    ]
    sums = (report.written(rest[column].sum(), unit) for column in ("says_fen", "net_fen"))
    body += [[words("twice_others", count=report.count(len(rest))), "", *sums]] if len(rest) else []
    title = words(
        "twice_heading",
        count=report.count(len(orders)),
        says=report.money(orders["says_fen"].sum()),
        net=report.money(orders["net_fen"].sum()),
    )
    heads = [
        words("twice_order"),
        words("twice_why"),
        f"{words('twice_claimed')} {unit.label}",
        f"{words('twice_kept')} {unit.label}",
    ]
    drawing = table(
        heads,
        body,
        kinds=["id", "why wrap", "", ""],
        rows=[*("" for _ in shown.index), "rest"],
    )
    return section(kicker, title, figure(drawing, words("twice_note")))


def _voices(report: ClaimsReport, each: pd.Series) -> str:
    """Return who claims an order, by which kinds and windows."""
    words = report.words
    claimers = words.listed([report.name(name) for name in each["claimers"].split("; ")])
    parts = [claimers, words.listed([report.kind(kind) for kind in _split(each["kinds"])])]
    if not pd.isna(each["windows"]) and each["windows"]:
        parts.append(words("rules_day", days=each["windows"].replace(", ", " / ")))
    return " · ".join(parts)


def _back(report: ClaimsReport) -> Markup:
    words = report.words
    kicker = words("back_kicker")
    found = report.claims.in_state("refunded", "part_refunded")
    if not len(found):
        return section(kicker, words("back_heading_none" if report.any else "claims_nothing"))
    ranked = found.sort_values(
        ["refunded_fen", "claimer", "platform", "order_id"], ascending=[False, True, True, True]
    )
    shown, rest = _parted(ranked)
    unit = words.money_unit(float(ranked["says_fen"].max()))
    body = [
        [
            _order(report, each),
            report.name(each["claimer"]),
            report.written(each["says_fen"], unit),
            report.written(each["refunded_fen"], unit),
        ]
        for _, each in shown.iterrows()
    ]
    sums = (report.written(rest[column].sum(), unit) for column in ("says_fen", "refunded_fen"))
    body += [[words("twice_others", count=report.count(len(rest))), "", *sums]] if len(rest) else []
    whole = int((found["state"] == "refunded").sum())
    title = words(
        "back_heading",
        whole=report.count(whole),
        part=report.count(len(found) - whole),
        fen=report.money(found["refunded_fen"].sum()),
    )
    heads = [
        words("twice_order"),
        words("twice_why"),
        f"{words('twice_claimed')} {unit.label}",
        f"{words('back_refunded')} {unit.label}",
    ]
    drawing = table(
        heads, body, kinds=["id", "why", "", ""], rows=[*("" for _ in shown.index), "rest"]
    )
    return section(kicker, title, figure(drawing, words("back_note")))


# ---------------------------------------------------------------------- rules


def rules(report: ClaimsReport) -> Fragment:
    """Return how each claimer counts, what is taken of it, and all that was not taken."""
    words, found = report.words, report.claims
    kicker = words("rules_kicker")
    if not report.any:
        return page(words.language, section(kicker, words("claims_nothing")))
    body = [
        [
            _name(report.name(claimer)),
            found.rules[claimer].rule(words.language) or words("rules_unknown"),
            _taken(report, claimer),
            _windows(words, found.rules[claimer].windows),
            _evidence(words, found.rules[claimer].read),
        ]
        for claimer in report.ranked["claimer"]
    ]
    described = sum(1 for rule in found.rules.values() if rule.rules)
    title = words(
        "rules_heading", count=report.count(described), all=report.count(len(found.rules))
    )
    heads = [
        words("says_claimer"),
        words("rules_rule"),
        words("rules_taken"),
        words("rules_offered"),
        words("rules_source"),
    ]
    kinds = ["name", "why wrap", "why wrap", "why wrap", "why wrap"]
    return page(
        words.language,
        section(
            kicker,
            title,
            figure(table(heads, body, kinds=kinds, name="stacked"), words("rules_note")),
            _said(report),
        ),
    )


def _taken(report: ClaimsReport, claimer: str) -> str:
    words, rule = report.words, report.claims.rules[claimer]
    kinds = words.listed([report.kind(kind) for kind in rule.kinds]) or words("rules_any_kind")
    window = (
        words("rules_any_window")
        if rule.window_days is None
        else words("rules_window", days=rule.window_days)
    )
    return words("list_comma").join([kinds, window])


def _windows(words: Words, windows: Sequence[int]) -> str:
    return words("rules_day", days=" / ".join(map(str, windows))) if windows else "–"


def _evidence(words: Words, read: Sequence[str]) -> str:
    fields = [words(_FIELDS[name]) for name in read if name in _FIELDS]
    if not fields:
        return words("rules_assumed")
    return words("rules_read", fields=words.listed(fields))


def _said(report: ClaimsReport) -> Markup:
    """Return every claim by kind and window, and whether it is taken."""
    words, said = report.words, report.claims.said
    unit = words.money_unit(float(said["says_fen"].max()))
    body = [
        [
            _name(report.name(each["claimer"])),
            report.kind(each["kind"]),
            "–"
            if pd.isna(each["window_days"])
            else words("rules_day", days=int(each["window_days"])),
            report.count(each["claims"]),
            report.count(each["orders"]) if each["names_orders"] else "–",
            report.written(each["says_fen"], unit),
            words(_LEFT_OUT["" if pd.isna(each["left_out"]) else each["left_out"]]),
        ]
        for _, each in said.iterrows()
    ]
    heads = [
        words("says_claimer"),
        words("said_kind"),
        words("said_window"),
        words("said_claims"),
        words("campaigns_orders"),
        f"{words('says_says')} {unit.label}",
        words("said_taken"),
    ]
    drawing = table(heads, body, kinds=["name", "why", "", "", "", "", "why"])
    return _details(words("said_title"), drawing)


def closing(report: ClaimsReport) -> Fragment:
    """Return the run line."""
    words = report.words
    made = words("footer_made", version=__version__)
    return page(
        words.language,
        Markup("<footer>{} · {}</footer>").format(made, words("claims_footer")),
    )


# ---------------------------------------------------------------------- parts


def _split(text: str) -> list[str]:
    return text.split(", ") if text else []


def _name(name: object) -> Markup:
    """Return a cell that shows a name in full when pointed at."""
    return Markup('<td class="name" title="{0}">{0}</td>').format(name)


def _ratio(report: ClaimsReport, ratio: float, kind: str = "") -> Markup:
    """Return a cell with a ratio; one beyond all sales is bold."""
    beyond = " strong" if ratio > 1 else ""
    return Markup('<td class="{}{}">{}</td>').format(kind, beyond, report.share(ratio))


def _order(report: ClaimsReport, each: pd.Series) -> Markup:
    """Return a cell with an order's number under its platform's name."""
    return Markup('<td class="id">{}<span class="under">{}</span></td>').format(
        each["order_id"], report.platforms(each["platform"])
    )


def _details(title: str, drawing: Markup) -> Markup:
    return Markup("<details><summary>{}</summary>{}</details>").format(title, drawing)


def _parted(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows to show, and the rest; a row "1 other" would save nothing."""
    shown = len(frame) if len(frame) <= _SHOWN + 1 else _SHOWN
    return frame.iloc[:shown], frame.iloc[shown:]
