"""How journeys run: the Sankey, what is inside its nodes, and the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from attribution.decide.flows import met_by, opened, visits
from attribution.decide.rollup import OTHERS, rolled_nodes
from attribution.names import CONVERSION, NULL, UNATTRIBUTED, VALUE
from attribution.present import flow, sankey
from attribution.present.markup import Fragment, figure, joined, page, section, table
from attribution.present.paths_report import (
    PathsReport,
    Sums,
    details,
    name_cell,
    nothing,
    records,
    tabs,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from attribution.present.sankey import Measure
    from attribution.present.words import Words

__all__ = ["graph", "how_journeys_run"]

_BANDS = 40
_INSIDE = 40
_NODES = 8  # of the graph: its lines cross
_MEASURES: tuple[tuple[Measure, str], ...] = (
    ("journeys", "flow_journeys"),
    ("orders", "flow_orders"),
    ("value", "flow_money"),
)


def how_journeys_run(report: PathsReport) -> Fragment:
    """Return the Sankey with what is inside its nodes, and which channel follows which."""
    words, paths = report.words, report.paths
    if not len(paths.nodes):
        return nothing(report, words("flow_kicker", nodes=0, channels=0))
    names = _called(paths.nodes, words)
    several = paths.nodes.loc[paths.nodes["channels"] > 1, "node"].drop_duplicates().tolist()
    inside = {node: f"inside-{place}" for place, node in enumerate(several)}
    title = _title(report, names)
    panels = [
        (
            words(key),
            sankey.drawn(
                paths.flows,
                measure,
                words,
                sankey.Picture(
                    f"flow-{measure}", title, names.__getitem__, _rest(paths.nodes), inside
                ),
            ),
        )
        for measure, key in _MEASURES
        if measure == "journeys" or report.known
    ]
    kicker = words(
        "flow_kicker", nodes=report.count(len(names)), channels=report.count(len(paths.nodes))
    )
    return page(
        words.language,
        section(
            kicker,
            title,
            figure(tabs("flow", panels), words("flow_note")),
            Markup('<div class="opens">{}</div>').format(
                joined(_inside(report, node, names[node], ident) for node, ident in inside.items())
            ),
            details(words("flow_table"), _flow_table(report, names)),
        ),
    )


def _title(report: PathsReport, names: Mapping[str, str]) -> str:
    words, flows = report.words, report.paths.flows
    if not report.known:
        return words("flow_title_none")
    steps = flows[(flows["step"] == 2) & (flows["orders"] > 0)]
    if not len(steps):
        return words("flow_title_one")
    best = steps.iloc[int(steps["orders"].to_numpy().argmax())]
    return words(
        "flow_title",
        share=words.percent(1 - float(steps["orders"].sum()) / report.known),
        source=words.short(names[best["source"]]),
        target=words.short(names[best["target"]]),
    )


def _called(nodes: pd.DataFrame, words: Words) -> dict[str, str]:
    """Return what each node is called: alone, whole with its number, or what is left of it."""
    called = {}
    for each in records(nodes.drop_duplicates("node")):
        node, count = str(each["node"]), words.count(each["channels"])
        if each["channels"] == 1:
            called[node] = node
        elif node.strip("()") == OTHERS.strip("()"):
            called[node] = words("other_channels", count=count)
        else:
            key = words("flow_rest", node=node, count=count)
            called[node] = key if each["rest"] else words("flow_whole", node=node, count=count)
    return called


def _rest(nodes: pd.DataFrame) -> list[str]:
    """Return the nodes that gather what is left over, to stand below the others."""
    return [str(node) for node in nodes.loc[nodes["rest"], "node"].drop_duplicates()]


def _inside(report: PathsReport, node: str, name: str, ident: str) -> Markup:
    """Return what a node opens into: its journeys by child, and all its channels."""
    words, paths = report.words, report.paths
    members = paths.nodes.loc[paths.nodes["node"] == node, "channel"].tolist()
    found = opened(paths.counts, members)
    names = _called(found.nodes, words) | {found.elsewhere: words("flow_elsewhere")}
    label = words("flow_inside_label", node=name)
    picture = sankey.Picture(
        ident, label, names.__getitem__, [*_rest(found.nodes), found.elsewhere]
    )
    met = met_by(paths.counts, {})
    met = met[met["node"].isin(members)]
    body: list[list[Markup | str]] = [
        [name_cell(each["node"]), *_amounts(report, each)] for each in records(met.iloc[:_INSIDE])
    ]
    if len(met) > _INSIDE:
        body.append([words("flow_more", count=report.count(len(met) - _INSIDE)), "", "", ""])
    head = [words("channel"), words("flow_journeys"), words("flow_orders"), report.unit.label]
    return details(
        words("flow_inside", node=name),
        figure(sankey.drawn(found.flows, "journeys", words, picture), label),
        table(head, body, kinds=["name", "", "", ""]),
    )


def _amounts(report: PathsReport, sums: Sums) -> list[Markup | str]:
    return [
        report.count(sums["orders"] + sums["nulls"]),
        report.count(sums["orders"]),
        report.written(sums[VALUE]),
    ]


def _flow_table(report: PathsReport, names: Mapping[str, str]) -> Markup:
    """Return the bands, largest first within each step; the last step adds up to all journeys."""
    words, flows = report.words, report.paths.flows
    ends = {CONVERSION: words("flow_order"), NULL: words("flow_none")}
    sources = {**names, UNATTRIBUTED: words("flow_unknown")}
    body: list[list[Markup | str]] = []
    kinds: list[str] = []
    for step, key in ((1, "flow_first"), (2, "flow_before"), (3, "flow_last")):
        mine = flows[flows["step"] == step]
        order = np.argsort(-(mine["orders"] + mine["nulls"]).to_numpy(), kind="stable")
        shown, rest = mine.iloc[order[:_BANDS]], mine.iloc[order[_BANDS:]]
        for each in records(shown):
            target = (ends if step == 3 else names)[each["target"]]
            where = [name_cell(sources[each["source"]]), name_cell(target)]
            body.append([words(key), *where, *_amounts(report, each)])
            kinds.append("")
        if len(rest):
            more = words("flow_table_rest", count=report.count(len(rest)))
            body.append([words(key), more, "", *_amounts(report, _summed(rest))])
            kinds.append("")
    whole = _summed(flows[flows["step"] == 3])
    body.append([words("flow_table_all"), "", "", *_amounts(report, whole)])
    head = [
        words("flow_step"),
        words("flow_from"),
        words("flow_to"),
        words("flow_journeys"),
        words("flow_orders"),
        report.unit.label,
    ]
    return table(head, body, kinds=["", "why", "why", "", "", ""], rows=[*kinds, "sum"])


def _summed(frame: pd.DataFrame) -> Sums:
    return {name: float(frame[name].sum()) for name in ("orders", VALUE, "nulls")}


def graph(report: PathsReport) -> Markup:
    """Return which channel follows which, rolled up further than the Sankey is."""
    words, paths = report.words, report.paths
    weights = dict(zip(paths.counts.channels, visits(paths.counts).tolist(), strict=True))
    channels = paths.nodes["channel"].tolist()
    nodes = rolled_nodes(channels, np.array([weights[name] for name in channels]), _NODES)
    names = _called(nodes, words)
    named = {each["channel"]: names[each["node"]] for each in records(nodes)}
    rest = {names[node] for node in _rest(nodes)}
    seen = flow.flow_among(paths.counts.rolled_up(named).without_repeats(), {}, rest)
    title = words(
        "graph_title" if report.known else "graph_title_none",
        opener=words.short(seen.opener),
        closer=words.short(seen.closer),
    )
    drawing = Markup('<div class="scroll map">{}</div>').format(flow.drawn(seen, words, title))
    note = words("graph_note", hidden=words.percent(seen.hidden), limit=words.percent(0.015, 1))
    return section(
        words("map_kicker", shown=report.count(len(seen.position))), title, figure(drawing, note)
    )
