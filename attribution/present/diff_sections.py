"""What changed since the run before, and why: the total, the channels, the settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from attribution.decide.changes import CAUSES
from attribution.names import __version__
from attribution.present import charts
from attribution.present.markup import Fragment, figure, joined, page, section, style, table
from attribution.present.money_charts import Bar, bar_row, mark

if TYPE_CHECKING:
    import pandas as pd

    from attribution.decide.changes import Changes, Snapshot
    from attribution.present.words import Unit, Words

__all__ = ["WHY", "DiffReport", "by_channel", "by_order", "closing", "opening", "settings"]

_SHOWN = 15
WHY = {
    "slid_out": "diff_slid_out",
    "came_in": "diff_came_in",
    "late": "diff_late",
    "gone": "diff_gone",
    "refunds": "diff_refunds",
    "amounts": "diff_amounts",
}
_CAUSES = {
    "data": ("diff_data", "diff_data_text"),
    "mix": ("diff_mix", "diff_mix_text"),
    "model": ("diff_model", "diff_model_text"),
    "parameters": ("diff_parameters", "diff_parameters_text"),
}


@dataclass(frozen=True)
class DiffReport:
    """What the sections read.

    Attributes
    ----------
    now
        This run.
    changes
        Since the run before; None if there was none.
    words
        Language and currency.
    title, source
        The brand; what was read.
    """

    now: Snapshot
    changes: Changes | None
    words: Words
    title: str = ""
    source: str = ""

    @cached_property
    def unit(self) -> Unit:
        """The unit of columns of money."""
        found = self.changes
        total = float(self.now.orders["net_fen"].sum())
        largest = total if found is None else max(found.before_fen, found.after_fen)
        return self.words.money_unit(float(largest) / 10)

    def named(self, channel: str) -> str:
        """Return what a row is called."""
        return self.words.row(channel)


def opening(report: DiffReport) -> Fragment:
    """Return the style sheet and the finding."""
    words, found = report.words, report.changes
    kicker = " · ".join(part for part in (report.title, words("diff_title")) if part)
    finding, detail = words("diff_first"), words("diff_first_detail")
    if found is not None:
        change = found.after_fen - found.before_fen
        key = "diff_same" if not change else "diff_more" if change > 0 else "diff_less"
        amounts = (abs(change), found.before_fen, found.after_fen)
        by, before, after = (words.money(float(amount)) for amount in amounts)
        finding, detail = words(key, by=by, before=before, after=after), words("diff_detail")
    head = Markup('<p class="kicker">{}</p><h1>{}</h1><p>{}</p>').format(kicker, finding, detail)
    return page(words.language, style(), head)


def by_order(report: DiffReport) -> Fragment:
    """Return which orders changed the total; on a first run, what there is to compare with."""
    words, found, unit = report.words, report.changes, report.unit
    if found is None:
        return page(words.language, _first(report))
    rows = found.totals
    reach = max([1.0, *rows["change_fen"].abs().tolist()])
    scale = charts.Scale(-reach, reach, (0.0,))
    body: list[list[Markup | str]] = [
        [words("diff_before"), "", "", words.written(found.before_fen, unit)]
    ]
    body += [
        [
            words(WHY[why]),
            bar_row(
                scale,
                [Bar(0, change, "bar" if change >= 0 else "loss")],
                f"{words(WHY[why])} {words.signed(change, unit)} {unit.label}",
            ),
            words.count(orders),
            words.signed(change, unit),
        ]
        for why, orders, change in rows.itertuples(index=False, name=None)
    ]
    body += [
        [words("diff_rules"), "", "", words.signed(0, unit)],
        [words("diff_after"), "", "", words.written(found.after_fen, unit)],
    ]
    head = [words("diff_cause"), "", words("unit_orders"), unit.label]
    kinds = ["sum", *[""] * (len(body) - 2), "sum"]
    grid = table(head, body, kinds=["name", "plot", "low", ""], rows=kinds, name="plots")
    largest = rows.iloc[int(rows["change_fen"].abs().to_numpy().argmax())]
    change = float(largest["change_fen"])
    amount = ("+" if change > 0 else "") + words.money(change)
    why = words(WHY[str(largest["why"])])
    title = words("diff_order_title", why=why, amount=amount)
    if not change:
        title = words("diff_order_none")
    return page(
        words.language,
        section(words("diff_order_kicker"), title, figure(grid, words("diff_order_note"))),
    )


def _first(report: DiffReport) -> Markup:
    words, unit = report.words, report.unit
    sums = report.now.entries.groupby("channel")["net_fen"].sum()
    ranked = sums.sort_values(ascending=False, kind="stable")
    shown, rest = ranked.head(_SHOWN), ranked.iloc[_SHOWN:]
    scale = charts.nice_scale(0.0, float(shown.max()) if len(shown) else 1.0, 4)
    body: list[list[Markup | str]] = [
        [
            Markup('<td class="name" title="{0}">{0}</td>').format(report.named(str(name))),
            bar_row(scale, [Bar(0, float(amount), "bar")],
                    f"{name} {words.written(float(amount), unit)} {unit.label}"),
            words.written(float(amount), unit),
        ]
        for name, amount in shown.items()
    ]  # fmt: skip
    if len(rest):
        name = words("other_channels", count=words.count(len(rest)))
        body.append([name, "", words.written(float(rest.sum()), unit)])
    body.append([words("diff_total"), "", words.written(float(sums.sum()), unit)])
    head = [words("channel"), "", f"{words('diff_net')} {unit.label}"]
    rows = [""] * len(shown) + ["rest"] * bool(len(rest)) + ["sum"]
    grid = table(head, body, kinds=["name", "plot", ""], rows=rows, name="plots")
    return section(words("diff_basis_kicker"), words("diff_basis_title"), figure(grid))


def by_channel(report: DiffReport) -> Fragment:
    """Return every channel's change, parted into data, mix, model and parameters."""
    words, found, unit = report.words, report.changes, report.unit
    if found is None or found.channels.empty:
        return page(words.language)
    shown, rest = found.channels.head(_SHOWN), found.channels.iloc[_SHOWN:]
    reach = float(shown[[*CAUSES, "change_fen"]].abs().to_numpy().max(initial=1.0))
    scale = charts.Scale(-reach, reach, (0.0,))
    body = []
    for row in shown.to_dict("records"):
        name = report.named(str(row["channel"]))
        change = float(row["change_fen"])
        bar = bar_row(
            scale,
            [Bar(0, change, "bar" if change >= 0 else "loss")],
            f"{name} {words.signed(change, unit)} {unit.label}",
        )
        parts = [words.signed(float(row[cause]), unit) for cause in CAUSES]
        ends = [words.written(float(row[end]), unit) for end in ("before_fen", "after_fen")]
        cell = Markup('<td class="name" title="{0}">{0}</td>').format(name)
        body.append([cell, bar, *ends, words.signed(change, unit), *parts])
    if len(rest):
        body.append(_summed(report, words("other_channels", count=words.count(len(rest))), rest))
    body.append(_summed(report, words("diff_total"), found.channels))
    head = [
        words("channel"),
        "",
        f"{words('diff_before')} {unit.label}",
        f"{words('diff_after')} {unit.label}",
        f"{words('diff_change')} {unit.label}",
        *(f"{words(_CAUSES[cause][0])} {unit.label}" for cause in CAUSES),
    ]
    kinds = ["name", "plot", "low", "low", "", *["low"] * len(CAUSES)]
    rows = [""] * len(shown) + ["rest"] * bool(len(rest)) + ["sum"]
    grid = table(head, body, kinds=kinds, rows=rows, name="plots")
    listed = joined(
        Markup("<dt>{}</dt><dd>{}</dd>").format(words(name), words(text))
        for name, text in _CAUSES.values()
    )
    sizes = {cause: float(found.channels[cause].abs().sum()) / 2 for cause in CAUSES}
    sizes["data"] = float(np.abs(found.channels["data"].sum()))
    largest = max(sizes, key=lambda cause: sizes[cause])
    title = words("diff_channel_title", cause=words(_CAUSES[largest][0]))
    if not any(sizes.values()):
        title = words("diff_channel_none")
    note = "" if found.replayed else words("diff_not_replayed")
    marks = Markup('<p class="legend"><span>{}{}</span><span>{}{}</span></p>').format(
        mark("bar"), words("diff_legend_more"), mark("loss-bar"), words("diff_legend_less")
    )
    return page(
        words.language,
        section(
            words("diff_channel_kicker"),
            title,
            figure(marks + grid, note),
            Markup("<dl>{}</dl>").format(listed),
        ),
    )


def _summed(report: DiffReport, name: str, rows: pd.DataFrame) -> list[Markup | str]:
    words, unit = report.words, report.unit
    sums = rows.sum(numeric_only=True)
    return [
        name,
        "",
        *(words.written(float(sums[end]), unit) for end in ("before_fen", "after_fen")),
        *(words.signed(float(sums[part]), unit) for part in ("change_fen", *CAUSES)),
    ]


def settings(report: DiffReport) -> Fragment:
    """Return which settings the two runs were told differently."""
    words, found = report.words, report.changes
    if found is None:
        return page(words.language)
    if found.settings.empty:
        return page(words.language, section(words("diff_set_kicker"), words("diff_set_none")))
    body = [list(row) for row in found.settings.itertuples(index=False, name=None)]
    head = [words("diff_setting"), words("diff_before_run"), words("diff_this_run")]
    grid = table(head, body, kinds=["name", "why wrap", "why wrap"])
    title = words("diff_set_title", count=len(body))
    return page(words.language, section(words("diff_set_kicker"), title, grid))


def closing(report: DiffReport) -> Fragment:
    """Return the run line."""
    words = report.words
    made = words("footer_made", version=__version__)
    return page(
        words.language,
        Markup("<footer>{} · {} · {}</footer>").format(made, report.source, words("diff_footer")),
    )
