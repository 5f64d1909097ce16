"""Key paths: combinations with lift, top paths, first and last roles, buyers, length and lag."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from markupsafe import Markup

from attribution.names import UNATTRIBUTED, VALUE, __version__
from attribution.present import charts, path_charts
from attribution.present.markup import Fragment, figure, page, row, section, style, table
from attribution.present.paths_flow_sections import graph
from attribution.present.paths_report import (
    PathsReport,
    Sums,
    chips,
    details,
    name_cell,
    nothing,
    records,
    tabs,
)
from attribution.present.report import sentences

if TYPE_CHECKING:
    from collections.abc import Callable

    from attribution.present.words import Words

__all__ = [
    "buyers",
    "closing",
    "combinations",
    "graph_and_top_paths",
    "lengths_and_lags",
    "opening",
    "roles",
]

_COMBINATIONS = 12
_UNCLEAR = 6  # shown where fewer stand out
_PATHS = 8
_CHANNELS = 10
_LONGEST_BAR = 10
_ALL = 1 - 1e-12
_LEVELS = {
    "": "channel",
    "platform": "level_platform",
    "form": "level_form",
    "streamer": "level_streamer",
    "session": "level_session",
    "placement": "level_placement",
    "offer": "level_offer",
}
_MONEY = {
    "": "measure_value",
    "gross_fen": "measure_gross_fen",
    "net_fen": "measure_net_fen",
    "net_expected_fen": "measure_net_expected_fen",
}
_BUYERS = {"new": "buyer_new", "returning": "buyer_returning", "": "buyer_unknown"}
_RANKS = {
    "rank_orders": "top_by_orders",
    "rank_value": "top_by_value",
    "rank_lift": "top_by_lift",
}


def opening(report: PathsReport) -> Fragment:
    """Return the style sheet, the finding, and the totals that stand behind it."""
    words, total = report.words, report.totals["total"]
    detail = words("key_subtitle_none", nulls=report.count(total["nulls"]))
    if report.orders:
        detail = words(
            "key_subtitle",
            orders=words("orders", count=report.count(report.orders)),
            amount=words.money(total[VALUE]),
            known=words("orders", count=report.count(report.known)),
            unknown=words("orders", count=report.count(report.lost["orders"])),
            nulls=report.count(total["nulls"]),
        )
    kicker = " · ".join(part for part in (report.brand, words("key_page")) if part)
    return page(
        words.language,
        style(),
        Markup('<p class="kicker">{}</p><h1>{}</h1><p>{}</p>').format(
            kicker, _finding(report), sentences(words, detail, _read(report))
        ),
    )


def _finding(report: PathsReport) -> str:
    words, frame = report.words, report.paths.combinations
    if not report.orders:
        return words("key_headline_none")
    if not report.known:
        return words("key_headline_unseen")
    found = frame[frame["found"]]
    more = found[found["lift"] > 1]
    if len(found):
        best = (more if len(more) else found).iloc[0]
        return words(
            "key_headline" if len(more) else "key_headline_less",
            seeder=words.short(best["seeder"]),
            converter=words.short(best["converter"]),
            lift=f"{best['lift']:.2g}",
        )
    inner = report.paths.roles[report.paths.roles["channel"] != UNATTRIBUTED]
    closer = words.short(str(inner["channel"].iloc[int(inner["closed"].to_numpy().argmax())]))
    if not len(frame):
        return words("key_headline_untested", closer=closer)
    return words("key_headline_chance", closer=closer, tested=report.count(len(frame)))


def _read(report: PathsReport) -> str:
    words, since, until = report.words, _day(report, report.since), _day(report, report.until)
    period = ""
    if since and until:
        period = words("key_period", since=since, until=until)
    elif since:
        period = words("key_period_since", since=since)
    elif until:
        period = words("key_period_until", until=until)
    return words(
        "key_read",
        period=period,
        level=words(_LEVELS[report.level]),
        money=words(_MONEY[report.money]),
    )


def _day(report: PathsReport, day: str) -> str:
    return report.words.day(date.fromisoformat(day)) if day else ""


# ---------------------------------------------------------------------- combinations


def combinations(report: PathsReport) -> Fragment:
    """Return the tested combinations, surest first, around a lift of one."""
    words, frame = report.words, report.paths.combinations
    if not report.known:
        return nothing(report, words("combo_kicker"))
    untested = report.paths.seen - len(frame)
    if not len(frame):
        note = words("combo_untested", count=report.count(untested)) if untested else ""
        said = Markup('<p class="after">{}</p>').format(note)
        return page(
            words.language, section(words("combo_kicker"), words("combo_title_untested"), said)
        )
    found = int(frame["found"].sum())
    shown = frame.iloc[: min(_COMBINATIONS, max(found, _UNCLEAR))]
    scale = path_charts.ratio_scale(shown[["lift", "low", "high"]].to_numpy().ravel().tolist())
    body = [_combination(report, each, scale) for each in records(shown)]
    kinds = ["" for _ in body]
    if len(frame) > len(shown):
        more = words(
            "combo_others",
            count=report.count(len(frame) - len(shown)),
            found=report.count(found - int(shown["found"].sum())),
        )
        body.append([more, *[""] * 7])
    if untested:
        body.append([words("combo_untested", count=report.count(untested)), *[""] * 7])
    kinds += ["rest"] * (len(body) > len(kinds))
    head = [
        words("combo_channels"),
        path_charts.ratio_axis(scale),
        words("combo_lift", level=report.level_words),
        words("combo_sure"),
        words("combo_journeys"),
        words("combo_orders"),
        words("combo_rate"),
        words("combo_base"),
    ]
    note = words(
        "combo_note",
        least=report.count(report.paths.least),
        chance=words.percent(1 - report.paths.interval),
        tested=report.count(len(frame)),
        level=report.level_words,
    )
    columns = ["pair", "plot", "lift", "verdict", "", "", "", ""]
    caveat = Markup('<p class="caveat"><b>{}</b> {}</p>').format(
        words("combo_caveat_title"), words("combo_caveat_text")
    )
    drawing = table(head, body, kinds=columns, rows=kinds, name="lifts")
    return page(
        words.language,
        section(
            words("combo_kicker"),
            _combination_title(report, found),
            _combination_legend(words),
            figure(drawing, note),
            caveat,
        ),
    )


def _combination_title(report: PathsReport, found: int) -> str:
    words, frame = report.words, report.paths.combinations
    tested = report.count(len(frame))
    if not found:
        return words("combo_title_none", tested=tested)
    best = words(
        "combo_pair",
        seeder=words.short(frame["seeder"].iloc[0]),
        converter=words.short(frame["converter"].iloc[0]),
    )
    return words("combo_title", found=report.count(found), tested=tested, best=best)


def _combination(
    report: PathsReport, each: Sums, scale: path_charts.RatioScale
) -> list[Markup | str]:
    words, ends = report.words, (each["lift"], each["low"], each["high"])
    high = f"{each['high']:.2f}" if each["high"] < 100 else ">100"
    lift = f"{each['lift']:.2f} ({each['low']:.2f}–{high})"
    verdict = "combo_unclear"
    if each["found"]:
        verdict = "combo_more" if each["lift"] > 1 else "combo_fewer"
    label = words("combo_pair", seeder=each["seeder"], converter=each["converter"])
    pair = chips([each["seeder"], each["converter"]])
    return [
        Markup('<td class="pair">{}</td>').format(pair),
        path_charts.ratio_marks(scale, *ends, f"{label}: {lift}", sure=bool(each["found"])),
        lift,
        words(verdict),
        report.count(each["journeys"]),
        report.count(each["orders"]),
        words.percent(each["rate"], 1),
        words.percent(each["base_rate"], 1),
    ]


def _combination_legend(words: Words) -> Markup:
    return Markup('<p class="legend"><span>{}{}</span><span>{}{}</span></p>').format(
        charts.legend_mark("interval"),
        words("combo_legend_more"),
        path_charts.legend_unsure(),
        words("combo_legend_unclear"),
    )


# ---------------------------------------------------------------------- top paths


def graph_and_top_paths(report: PathsReport) -> Fragment:
    """Return which channel follows which, beside the leading paths by orders, money and lift."""
    words = report.words
    if not report.known:
        return nothing(report, words("top_kicker"))
    return page(words.language, row("even", graph(report), _top_paths(report)))


def _top_paths(report: PathsReport) -> Markup:
    words, top = report.words, report.paths.top
    led = {rank: top[top[rank].notna()].sort_values(rank, kind="stable") for rank in _RANKS}
    panels = [
        (words(key), _path_table(report, led[rank]))
        for rank, key in _RANKS.items()
        if len(led[rank])
    ]
    attributed = report.totals["attributed"]
    rate = report.known / (report.known + attributed["nulls"])
    first = led["rank_orders"].iloc[:_PATHS]
    count, share = report.count(len(first)), words.percent(first["orders"].sum() / report.known)
    title = words("top_title_plain", count=count, share=share)
    best = records(led["rank_lift"].iloc[:1])
    if best and best[0]["low"] > rate:
        path = " › ".join(words.short(name) for name in best[0]["path"])
        title = words("top_title", count=count, share=share, path=path)
    note = words("top_note", rate=words.percent(rate, 1), least=report.count(report.paths.least))
    return section(words("top_kicker"), title, figure(tabs("top", panels), note))


def _path_table(report: PathsReport, led: pd.DataFrame) -> Markup:
    """Return some paths, all others, those without a touchpoint, and the sum."""
    words, attributed = report.words, report.totals["attributed"]
    shown = led.iloc[:_PATHS]

    def line(name: Markup | str, sums: Sums, *last: str) -> list[Markup | str]:
        return [name, report.count(sums["orders"]), report.written(sums[VALUE]), *last]

    body = [
        line(
            chips(each["path"]),
            each,
            f"{words.percent(each['rate'], 1)} ({each['low'] * 100:.1f}–{each['high'] * 100:.1f})",
            f"×{each['lift']:.2f}",
        )
        for each in records(shown)
    ]
    kinds = ["" for _ in body]
    others = int((report.paths.counts.lengths > 0).sum()) - len(shown)
    if others:
        rest = {
            name: attributed[name] - float(shown[name].sum()) for name in ("orders", VALUE, "nulls")
        }
        rate = report.share(rest["orders"], rest["orders"] + rest["nulls"])
        body.append(line(words("top_others", count=report.count(others)), rest, rate, ""))
        kinds.append("rest")
    if report.lost["orders"] or report.lost[VALUE]:
        body.append(line(words("unattributed"), report.lost, "–", "–"))
        kinds.append("")
    body.append(line(words("top_total"), report.totals["total"], "", ""))
    head = [
        words("top_path"),
        words("combo_orders"),
        report.unit.label,
        words("top_rate", level=report.level_words),
        words("top_lift"),
    ]
    return table(head, body, kinds=["path", "", "", "", ""], rows=[*kinds, "sum"])


# ---------------------------------------------------------------------- roles


def roles(report: PathsReport) -> Fragment:
    """Return what each channel opened, closed and assisted."""
    words, frame = report.words, report.paths.roles
    if not report.known:
        return nothing(report, words("role_kicker"))
    unknown = frame["channel"] == UNATTRIBUTED
    inner = frame[~unknown & (frame["in_path"] > 0)]
    shown = inner.iloc[:_CHANNELS] if len(inner) > _CHANNELS + 1 else inner
    rest = inner.iloc[len(shown) :].drop(columns="channel")
    ends = shown[["opened", "closed"]].to_numpy() / report.known
    scale = charts.nice_scale(0.0, float(ends.max(initial=0.01)), 4)
    body, kinds = [], ["" for _ in shown.index]
    for each, (first, last) in zip(records(shown), ends.tolist(), strict=True):
        label = f"{each['channel']}: ◀ {words.percent(first, 1)}, ▶ {words.percent(last, 1)}"
        marks = path_charts.ends_marks(scale, first, last, label)
        body.append(_role(report, name_cell(each["channel"]), each, marks))
    if len(rest):
        name = words("other_channels", count=report.count(len(rest)))
        body.append(_role(report, name, _summed(rest)))
        kinds.append("rest")
    for each in records(frame[unknown]):
        body.append(_role(report, words("unattributed"), each))
        kinds.append("")
    body.append(_role(report, words("top_total"), _summed(frame.drop(columns="channel"))))
    head = [
        words("channel"),
        charts.axis(scale, words.percent),
        words("role_opened"),
        words("role_closed"),
        words("role_assisted"),
        words("role_ratio"),
        words("role_opened_value", unit=report.unit.label),
        words("role_closed_value", unit=report.unit.label),
        words("role_new"),
    ]
    columns = ["name", "plot", *[""] * 7]
    drawing = table(head, body, kinds=columns, rows=[*kinds, "sum"], name="broad")
    return page(
        words.language,
        section(
            words("role_kicker"),
            _role_title(report, inner),
            Markup('<p class="legend"><span>{}</span></p>').format(words("role_share")),
            figure(drawing, words("role_note")),
        ),
    )


def _role(
    report: PathsReport, name: Markup | str, sums: Sums, marks: Markup | str = ""
) -> list[Markup | str]:
    closed = float(sums["closed"])
    return [
        name,
        marks,
        *(report.count(sums[role]) for role in ("opened", "closed", "assisted")),
        f"{float(sums['assisted']) / closed:.2f}" if closed and marks else "–",
        report.written(sums["opened_value"]),
        report.written(sums["closed_value"]),
        report.share(
            float(sums["opened_new"]), float(sums["opened_new"] + sums["opened_returning"])
        ),
    ]


def _summed(frame: pd.DataFrame) -> Sums:
    return {str(name): float(total) for name, total in frame.sum().items()}


def _role_title(report: PathsReport, inner: pd.DataFrame) -> str:
    words = report.words
    lead = (inner["opened"] - inner["closed"]).to_numpy()
    if not lead.any():
        return words("role_title_even")
    opener, closer = inner.iloc[int(lead.argmax())], inner.iloc[int(lead.argmin())]
    return words(
        "role_title",
        opener=words.short(opener["channel"]),
        opened=report.count(opener["opened"]),
        closed=report.count(opener["closed"]),
        closer=words.short(closer["channel"]),
    )


# ---------------------------------------------------------------------- buyers


def buyers(report: PathsReport) -> Fragment:
    """Return new buyers against returning ones."""
    words, frame = report.words, report.paths.buyers
    if not report.orders:
        return nothing(report, words("buyer_kicker"))
    if not frame["buyer"].astype(bool).any():
        return page(words.language, section(words("buyer_kicker"), words("buyer_title_unknown")))
    scale = charts.nice_scale(0.0, float(frame["orders"].max()) / report.orders, 4)
    body: list[list[Markup | str]] = []
    for each in records(frame):
        name, share = words(_BUYERS[each["buyer"]]), each["orders"] / report.orders
        marks = charts.value_bar(scale, share, f"{name} {words.percent(share, 1)}")
        body.append(
            [
                name,
                marks,
                words.percent(share, 1),
                *_amounts(report, each),
                _or_dash(each["touchpoints"], lambda figure: f"{figure:.1f}"),
                _or_dash(each["one_touch"], words.percent),
                _or_dash(each["within_day"], words.percent),
            ]
        )
    whole = _summed(frame[["orders", VALUE, "unattributed"]])
    every = [words("top_total"), "", words.percent(1.0, 1), *_amounts(report, whole), "", "", ""]
    head = [
        words("buyer_kind"),
        charts.axis(scale, words.percent),
        words("buyer_share"),
        words("combo_orders"),
        report.unit.label,
        words("buyer_lost"),
        words("buyer_steps"),
        words("buyer_one"),
        words("buyer_day"),
    ]
    drawing = table(
        head,
        [*body, every],
        kinds=["name", "plot", *[""] * 7],
        rows=["" for _ in body] + ["sum"],
        name="broad",
    )
    return page(
        words.language,
        section(words("buyer_kicker"), _buyer_title(report), figure(drawing, words("buyer_note"))),
    )


def _amounts(report: PathsReport, sums: Sums) -> list[Markup | str]:
    return [
        report.count(sums["orders"]),
        report.written(sums[VALUE]),
        report.count(sums["unattributed"]),
    ]


def _buyer_title(report: PathsReport) -> str:
    words, known = report.words, report.paths.buyers.set_index("buyer")
    within = known["within_day"].reindex(["new", "returning"])
    if within.notna().all():
        new, returning = (words.percent(share) for share in within.tolist())
        return words("buyer_title", new=new, returning=returning)
    orders = known["orders"].reindex(["new"], fill_value=0.0)
    return words("buyer_title_plain", share=words.percent(float(orders.sum()) / report.orders))


def _or_dash(figure: float, written: Callable[[float], str]) -> str:
    return "–" if np.isnan(figure) else written(figure)


# ---------------------------------------------------------------------- length and lag


def lengths_and_lags(report: PathsReport) -> Fragment:
    """Return how many touchpoints orders have, and how soon after the first and last they come."""
    words = report.words
    if not report.known:
        return nothing(report, words("steps_kicker"))
    parts = [_lengths(report)]
    if len(report.paths.lags):
        parts.append(_lag(report, "first", words("lag_first_kicker")))
        parts.append(_lag(report, "last", words("lag_last_kicker")))
    else:
        parts.append(section(words("lag_first_kicker"), words("lag_untimed")))
    return page(words.language, row("thirds" if len(parts) == 3 else "even", *parts))


def _lengths(report: PathsReport) -> Markup:
    words, frame = report.words, report.paths.lengths
    known = frame[frame["touchpoints"] > 0]
    longest = int(known["touchpoints"].max())
    size = min(longest, _LONGEST_BAR)
    sums = np.zeros((size, 2))
    place = np.minimum(known["touchpoints"].to_numpy(), size) - 1
    np.add.at(sums, place, known[["orders", VALUE]].to_numpy())
    names = [f"{n}{'+' if n == size < longest else ''}" for n in range(1, size + 1)]
    shares = (sums[:, 0] / report.known).tolist()
    title = words("steps_title", share=words.percent(1 - shares[0]))
    body: list[list[Markup | str]] = [
        [name, report.count(orders), report.written(value), words.percent(share, 1)]
        for name, (orders, value), share in zip(names, sums.tolist(), shares, strict=True)
    ]
    for key, kind in (("unattributed", UNATTRIBUTED), ("top_total", "total")):
        total = report.totals[kind]
        body.append([words(key), report.count(total["orders"]), report.written(total[VALUE]), ""])
    kinds = ["" for _ in names] + ["rest", "sum"]
    return section(
        words("steps_kicker"),
        title,
        figure(charts.bars(shares, _figures(report, shares), names, title)),
        _as_table(report, words("steps_touchpoints"), body, kinds),
    )


def _lag(report: PathsReport, which: str, kicker: str) -> Markup:
    words, frame = report.words, report.paths.lags
    done = np.flatnonzero(frame[f"{which}_share"].to_numpy() >= _ALL)
    # Spans after the one by which all orders have come say nothing new.
    frame = frame.iloc[: int(done[0]) + 1] if len(done) else frame
    shares = frame[f"{which}_share"].tolist()
    names = [report.span(ms) for ms in frame["span"].tolist()]
    half = next((place for place, share in enumerate(shares) if share >= 0.5), len(shares) - 1)
    late = max(half, len(shares) - 2)
    if shares[half] >= _ALL:
        title = words("lag_all_within", span=names[half])
    else:
        title = words(
            "lag_within",
            share=words.percent(shares[half]),
            span=names[half],
            late=words.percent(1 - shares[late]),
            after=names[late],
        )
    body: list[list[Markup | str]] = [
        [
            name,
            report.count(each[f"{which}_orders"]),
            report.written(each[f"{which}_{VALUE}"]),
            words.percent(each[f"{which}_share"], 1),
        ]
        for name, each in zip(names, records(frame), strict=True)
    ]
    return section(
        kicker,
        title,
        figure(charts.bars(shares, _figures(report, shares), names, title)),
        _as_table(report, words("lag_span"), body, []),
    )


def _figures(report: PathsReport, shares: list[float]) -> list[str]:
    return [report.words.percent(share).rstrip("%") for share in shares]


def _as_table(
    report: PathsReport, first: str, body: list[list[Markup | str]], kinds: list[str]
) -> Markup:
    words = report.words
    head = [first, words("combo_orders"), report.unit.label, words("steps_share")]
    return details(words("steps_table"), table(head, body, kinds=[""] * 4, rows=kinds))


def closing(report: PathsReport) -> Fragment:
    """Return the run line."""
    words = report.words
    window = report.span(pd.Timedelta(report.lookback) / pd.Timedelta(milliseconds=1))
    return page(
        words.language,
        Markup("<footer>{} · {}</footer>").format(
            words("footer_made", version=__version__), words("key_footer", lookback=window)
        ),
    )
