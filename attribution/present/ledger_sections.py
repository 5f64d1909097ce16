"""Every order to the fen: totals by channel, reconciliation, residual, restatements, orders."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from attribution.decide.closing import carried
from attribution.names import ORGANIC, RESERVED, UNATTRIBUTED, __version__
from attribution.present import charts
from attribution.present.curves import hatching
from attribution.present.markup import Fragment, figure, joined, page, section, style, table
from attribution.present.money_charts import Bar, bar_row, mark
from attribution.present.report import sentences
from attribution.present.text import yuan
from attribution.store.channels import platform_name

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from attribution.decide.closing import Closing, Restatement
    from attribution.decide.ledger import Ledger
    from attribution.present.words import Words

__all__ = [
    "WHY",
    "LedgerReport",
    "by_channel",
    "closing",
    "opening",
    "orders",
    "reconciliation",
    "residual",
    "restatements",
]

_SHOWN = 14
_ORDERS = 200
WHY = {  # words for why a closed order changed
    "refund": "ledger_why_refund",
    "amount": "ledger_why_amount",
    "late": "ledger_why_late",
    "gone": "ledger_why_gone",
}


@dataclass(frozen=True)
class LedgerReport:
    """What the sections read.

    Attributes
    ----------
    ledger
        Orders and who shares them.
    headline
        The model whose figures lead.
    platforms
        Days and platforms against the ERP, of `reconciled`.
    closings, restated
        Closed periods, and what has changed of them since.
    words
        Language and currency.
    title, source
        The brand; what was read.
    """

    ledger: Ledger
    headline: str
    platforms: pd.DataFrame
    closings: Sequence[Closing]
    restated: Restatement
    words: Words
    title: str = ""
    source: str = ""

    @cached_property
    def totals(self) -> pd.DataFrame:
        """The headline model's channels, the largest first, and what nobody shares."""
        every = self.ledger.totals()
        return every[every["model"] == self.headline].reset_index(drop=True)

    @cached_property
    def rows(self) -> list[str]:
        """Every channel of any model: the headline's largest first, what nobody shares last."""
        others = self.ledger.totals()["channel"]
        found = dict.fromkeys([*self.totals["channel"], *others])
        inner = [name for name in found if name not in RESERVED]
        return inner + [name for name in RESERVED if name in found]

    @cached_property
    def sums(self) -> pd.Series[int]:
        """What all orders add up to."""
        return self.ledger.orders[list(self.ledger.money)].sum()

    @cached_property
    def main(self) -> pd.DataFrame:
        """The main source of each order under every model."""
        return self.ledger.sources()

    @cached_property
    def sources(self) -> pd.DataFrame:
        """The headline model's main source of each order."""
        return self.main[self.main["model"] == self.headline].reset_index(drop=True)

    @cached_property
    def taxless(self) -> bool:
        """Whether amounts without tax stand beside those with it."""
        return "net_fen_untaxed" in self.ledger.money

    def fen(self, amount: float) -> str:
        """Return whole fen as yuan, every fen of them: −1,234.05."""
        return yuan(int(amount)).replace("-", "−")

    def money(self, amount: float) -> str:
        """Return the same with the currency: −¥1,234.05."""
        text = self.words.currency + yuan(abs(int(amount)))
        return f"−{text}" if amount < 0 else text

    def named(self, channel: str) -> str:
        """Return what a row is called."""
        return self.words.row(channel)


def opening(report: LedgerReport) -> Fragment:
    """Return the style sheet and the finding."""
    words, sums, found = report.words, report.sums, report.ledger.orders
    kicker = " · ".join(part for part in (report.title, words("ledger_title")) if part)
    finding, detail = words("ledger_nothing"), ""
    if len(found):
        finding = words(
            "ledger_headline",
            orders=words("orders", count=words.count(len(found))),
            net=report.money(sums["net_fen"]),
        )
        lost = report.totals[report.totals["channel"] == UNATTRIBUTED]
        nobody = int(lost["net_fen"].sum())
        own = report.totals[report.totals["channel"] == ORGANIC]
        anyway = int(own["net_fen"].sum())
        detail = sentences(
            words,
            words("ledger_subtitle", models=len(report.ledger.models)),
            words(
                "ledger_unattributed",
                model=words.model(report.headline),
                net=report.money(nobody),
            )
            if nobody
            else "",
            words("ledger_organic", model=words.model(report.headline), net=report.money(anyway))
            if anyway
            else "",
        )
    head = Markup('<p class="kicker">{}</p><h1>{}</h1><p>{}</p>').format(kicker, finding, detail)
    return page(words.language, style(), hatching(), head)


def by_channel(report: LedgerReport) -> Fragment:
    """Return what each channel has of the orders, exact, under the headline model."""
    words, found = report.words, report.totals
    if found.empty:
        return page(
            words.language, section(words("ledger_channel_kicker"), words("ledger_nothing"))
        )
    apart = found["channel"].isin(RESERVED)
    inner, lost = found[~apart], found[apart]
    shown, rest = inner.head(_SHOWN), inner.iloc[_SHOWN:]
    scale = charts.nice_scale(0.0, float(found["gross_fen"].max()), 4)
    columns = ["gross_fen", "net_fen", "net_expected_fen"]
    columns += ["net_fen_untaxed"] * report.taxless
    body, kinds = [], []
    for rows, kind in ((shown, ""), (_one(rest, words("other_channels", count=len(rest))), "rest"),
                       (lost, "rest")):  # fmt: skip
        for row in rows.to_dict("records"):
            gross, net, kept = (float(row[name]) for name in columns[:3])
            name = report.named(row["channel"])
            pieces = [Bar(0, kept, "bar"), Bar(kept, net, "hatched"), Bar(net, gross, "outline")]
            body.append(
                [
                    Markup('<td class="name" title="{0}">{0}</td>').format(name),
                    bar_row(scale, pieces, f"{name} {report.fen(gross)}"),
                    words.count(round(row["orders"], 1)),
                    *(report.fen(row[column]) for column in columns),
                ]
            )
            kinds.append(kind)
    body.append(
        [
            words("ledger_total"),
            "",
            words.count(len(report.ledger.orders)),
            *(report.fen(report.sums[column]) for column in columns),
        ]
    )
    head = [
        words("channel"),
        charts.axis(scale, lambda t: words.tick(t, words.money_unit(scale.high))),
        words("unit_orders"),
        *(f"{words(_MONEY[column])} {words.currency}" for column in columns),
    ]
    classes = ["name", "plot", "low", "low", "", *["low"] * (len(columns) - 2)]
    grid = table(head, body, kinds=classes, rows=[*kinds, "sum"], name="plots")
    fills = [("bar", "roi_fill_kept"), ("hatched", "roi_fill_coming"), ("outline", "roi_fill_back")]
    legend = Markup('<p class="legend">{}</p>').format(
        joined(Markup("<span>{}{}</span>").format(mark(kind), words(key)) for kind, key in fills)
    )
    best = inner.iloc[0] if len(inner) else found.iloc[0]
    share = float(best["net_fen"]) / max(1, int(report.sums["net_fen"]))
    title = words("ledger_channel_title", name=words.short(report.named(str(best["channel"]))),
                  share=words.percent(share, 1))  # fmt: skip
    note = words("ledger_channel_note", model=words.model(report.headline))
    return page(
        words.language,
        section(
            f"{words('ledger_channel_kicker')} · {words.money_unit(scale.high).label}",
            title,
            figure(legend + grid, note),
            Markup('<p class="caveat">{}</p>').format(words("ledger_caveat")),
        ),
    )


_MONEY = {
    "gross_fen": "roi_gross",
    "net_fen": "roi_net",
    "net_expected_fen": "roi_kept",
    "net_fen_untaxed": "ledger_untaxed",
}


def _one(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return rows as one, if there are any."""
    if rows.empty:
        return rows
    return rows.sum(numeric_only=True).to_frame().T.assign(channel=name)


def reconciliation(report: LedgerReport) -> Fragment:
    """Return the ledger beside what platforms and the ERP say was paid."""
    words = report.words
    told = report.platforms.groupby("platform").sum(numeric_only=True)
    if told.empty:
        return page(words.language, section(words("ledger_erp_kicker"), words("ledger_nothing")))
    told = told.sort_values("gross_fen", ascending=False, kind="stable")
    largest = told[["gross_fen", "platform_paid_fen", "erp_paid_fen"]].to_numpy().max()
    scale = charts.nice_scale(0.0, float(largest), 4)
    body = []
    for row in told.reset_index().to_dict("records"):
        name = platform_name(str(row["platform"]), words.language)
        gross, erp = float(row["gross_fen"]), float(row["erp_paid_fen"])
        said = f"{name} {report.fen(gross)}, ERP {report.fen(erp)}"
        plot = bar_row(scale, [Bar(0, gross, "bar")], said, (erp, erp))
        body.append(_reconciled(report, name, row, plot))
    total = told.sum()
    body.append(_reconciled(report, words("ledger_total"), total.to_dict(), ""))
    head = [
        words("ledger_platform"),
        charts.axis(scale, lambda t: words.tick(t, words.money_unit(scale.high))),
        words("unit_orders"),
        *(f"{words(key)} {words.currency}" for key in _RECONCILED.values()),
        words("ledger_only_platform"),
        words("ledger_only_erp"),
    ]
    kinds = ["name", "plot", "low", "", *["low"] * 3, "", *["low"] * 5]
    grid = table(head, body, kinds=kinds, rows=[""] * len(told) + ["sum"], name="plots")
    gap, rest = int(total["gap_fen"]), int(told["rest_fen"].abs().sum())
    amounts = {name: report.money(abs(amount)) for name, amount in (("gap", gap), ("rest", rest))}
    key = "ledger_erp_title" if rest else "ledger_erp_explained" if gap else "ledger_erp_same"
    return page(
        words.language,
        section(
            f"{words('ledger_erp_kicker')} · {words.money_unit(scale.high).label}",
            words(key, **amounts),
            figure(grid, words("ledger_erp_note")),
        ),
    )


_RECONCILED = {
    "gross_fen": "roi_gross",
    "net_fen": "roi_net",
    "platform_paid_fen": "ledger_platform_paid",
    "erp_paid_fen": "ledger_erp_paid",
    "gap_fen": "ledger_gap",
    "lacking_fen": "ledger_lacking",
    "given_fen": "ledger_given",
    "rest_fen": "ledger_rest",
}


def _reconciled(
    report: LedgerReport, name: str, row: Mapping[Hashable, Any], plot: Markup | str
) -> list[Markup | str]:
    words = report.words
    return [
        Markup('<td class="name" title="{0}">{0}</td>').format(name),
        plot,
        words.count(int(row["orders"])),
        *(report.fen(row[column]) for column in _RECONCILED),
        words.count(int(row["only_platform"])),
        words.count(int(row["only_erp"])),
    ]


def residual(report: LedgerReport) -> Fragment:
    """Return how far the ledger is from each model's own credit."""
    words, every = report.words, report.ledger.residuals
    if not len(report.ledger.orders):
        return page(words.language)
    money = max(1.0, float(every.groupby("model")["credit"].sum().max()))
    rows = []
    for model in report.ledger.models:
        mine = every[every["model"] == model]
        place = int(mine["residual"].abs().to_numpy().argmax())
        moved = float(mine["residual"].abs().sum()) / 2
        rows.append((model, moved, mine.iloc[place]))
    scale = charts.Scale(0.0, max([*(moved for _, moved, _ in rows), money / 100]), (0.0,))
    body = [
        [
            words.model(model),
            bar_row(
                scale, [Bar(0, moved, "bar")], f"{words.model(model)} {report.fen(round(moved))}"
            ),
            report.fen(round(moved)),
            words.percent(moved / money, 2),
            report.named(str(worst["channel"])) if moved >= 1 else "–",
            report.fen(round(float(worst["residual"]))) if moved >= 1 else "–",
        ]
        for model, moved, worst in rows
    ]
    head = [
        words("ledger_model"),
        "",
        f"{words('ledger_residual')} {words.currency}",
        words("ledger_residual_share"),
        words("ledger_residual_most"),
        words.currency,
    ]
    grid = table(head, body, kinds=["name", "plot", "", "low", "low", "low"], name="plots")
    largest = max(rows, key=lambda row: row[1])
    title = words("ledger_residual_none")
    if largest[1] / money >= _TOLD:
        title = words(
            "ledger_residual_title",
            model=words.model(largest[0]),
            share=words.percent(largest[1] / money, 1),
        )
    return page(
        words.language,
        section(
            words("ledger_residual_kicker"), title, figure(grid, words("ledger_residual_note"))
        ),
    )


_TOLD = 0.0005  # of the money, below which a residual is rounding


def restatements(report: LedgerReport) -> Fragment:
    """Return the closed periods, and what has changed of them since the last closing."""
    words, found = report.words, report.restated.orders
    kicker = words("ledger_closed_kicker")
    if not report.closings:
        return page(
            words.language,
            section(
                kicker,
                words("ledger_closed_none"),
                Markup('<p class="after">{}</p>').format(words("ledger_closed_how")),
            ),
        )
    head = [
        words("ledger_closed_as"),
        words("ledger_from"),
        words("ledger_until"),
        words("unit_orders"),
        f"{words('roi_gross')} {words.currency}",
        f"{words('roi_net')} {words.currency}",
        words("ledger_restated_orders"),
        f"{words('ledger_restated')} {words.currency}",
    ]
    body = [
        [
            each.name,
            each.days.since,
            each.days.until,
            words.count(each.facts["orders"]),
            report.fen(each.facts["gross_fen"]),
            report.fen(each.facts["net_fen"]),
            words.count(each.facts["restated"]),
            report.fen(each.facts["restated_net_fen"]),
        ]
        for each in report.closings
    ]
    closed = table(head, body, kinds=["name", "why", "why", *[""] * 5])
    before = _carried(report)
    if found.empty:
        return page(words.language, section(kicker, words("ledger_restated_none"), closed, before))
    title = words(
        "ledger_restated_title",
        count=words.count(len(found)),
        net=report.money(found["net_change_fen"].sum()),
    )
    listed = found.iloc[found["net_change_fen"].abs().argsort(kind="stable")[::-1]].head(_ORDERS)
    rows = [
        [
            row["order_id"],
            row["closing"],
            words(WHY[row["why"]]),
            report.fen(row["closed_net_fen"]),
            report.fen(row["net_fen"]),
            report.fen(row["net_change_fen"]),
        ]
        for row in listed.to_dict("records")
    ]
    heads = [
        words("ledger_order"),
        words("ledger_closed_as"),
        words("ledger_why"),
        f"{words('ledger_closed_net')} {words.currency}",
        f"{words('ledger_net_now')} {words.currency}",
        f"{words('ledger_restated')} {words.currency}",
    ]
    grid = table(heads, rows, kinds=["name", "why", "why", "", "", ""])
    return page(words.language, section(kicker, title, closed, grid, before))


def _carried(report: LedgerReport) -> Markup:
    """Return the restatements that closings have booked, newest first: the audit trail."""
    words, found = report.words, carried(report.closings)
    if found.empty:
        return Markup("")
    rows = [
        [
            row["order_id"],
            row["closing"],
            row["booked_in"],
            words(WHY[row["why"]]),
            report.fen(row["gross_change_fen"]),
            report.fen(row["net_change_fen"]),
        ]
        for row in found.head(_ORDERS).to_dict("records")
    ]
    heads = [
        words("ledger_order"),
        words("ledger_closed_as"),
        words("ledger_booked_in"),
        words("ledger_why"),
        f"{words('ledger_gross_change')} {words.currency}",
        f"{words('ledger_restated')} {words.currency}",
    ]
    grid = table(heads, rows, kinds=["name", "why", "why", "why", "", ""])
    return Markup('<p class="after">{}</p>{}').format(words("ledger_carried"), grid)


def orders(report: LedgerReport) -> Fragment:
    """Return the largest orders with their main source; a table to search in."""
    words, found = report.words, report.ledger.orders
    if found.empty:
        return page(words.language)
    main = report.sources.set_index("order_id")[["channel", "share"]]
    ranked = found.join(main, on="order_id").sort_values(
        ["gross_fen", "order_id"], ascending=[False, True], kind="stable"
    )
    shown = ranked.head(_ORDERS)
    told = report.main[report.main["order_id"].isin(shown["order_id"])]
    by_model = told.pivot(index="order_id", columns="model", values="channel")  # noqa: PD010
    body = [
        [
            _named(row["order_id"], row["order_id"]),
            "" if pd.isna(row.get("erp_order_id")) else str(row["erp_order_id"]),
            row["day"],
            report.fen(row["gross_fen"]),
            report.fen(row["gross_fen"] - row["net_fen"]),
            report.fen(row["net_fen"]),
            report.fen(row["net_expected_fen"]),
            _named(report.named(row["channel"]), report.named(row["channel"]), "name why"),
            words.percent(float(row["share"])),
            _agreeing(report, by_model.loc[row["order_id"]].to_dict()),
        ]
        for row in shown.to_dict("records")
    ]
    head = [
        words("ledger_order"),
        words("ledger_erp_order"),
        words("ledger_day"),
        *(
            f"{words(key)} {words.currency}"
            for key in ("roi_gross", "roi_refunded", "roi_net", "roi_kept")
        ),
        words("ledger_main", model=words.model(report.headline)),
        words("front_share"),
        words("ledger_agree"),
    ]
    kinds = ["name", "name why", "", "", "", "", "", "name why", "", ""]
    grid = table(head, body, kinds=kinds, name="wide")
    title = words("ledger_orders_title", shown=words.count(len(shown)), all=words.count(len(found)))
    if len(shown) == len(found):
        title = words("ledger_orders_all", count=words.count(len(found)))
    note = Markup('<p class="after">{}</p>').format(words("ledger_orders_note"))
    return page(words.language, section(words("ledger_orders_kicker"), title, grid, note))


def _named(name: object, whole: str, kind: str = "name") -> Markup:
    """Return a cell that shows a text in full when pointed at."""
    return Markup('<td class="{}" title="{}">{}</td>').format(kind, whole, name)


def _agreeing(report: LedgerReport, main: dict[str, str]) -> Markup:
    """Return how many models name the same main source; pointed at, what each names."""
    words = report.words
    same = sum(channel == main[report.headline] for channel in main.values())
    each = [
        f"{words.model(model)}: {report.named(str(main[model]))}" for model in report.ledger.models
    ]
    return _named(f"{same}/{len(main)}", "\n".join(each), "")


def closing(report: LedgerReport) -> Fragment:
    """Return the run line."""
    words = report.words
    made = words("footer_made", version=__version__)
    return page(
        words.language,
        Markup("<footer>{} · {} · {}</footer>").format(made, report.source, words("ledger_footer")),
    )
