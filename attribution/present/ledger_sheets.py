"""The ledger as sheets of a workbook, and as the file that goes back to the ERP."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from attribution.decide.closing import carried
from attribution.present.ledger_sections import WHY
from attribution.present.tables import save_frames
from attribution.present.workbook import Column, Sheet, save_workbook
from attribution.store.channels import platform_name

if TYPE_CHECKING:
    from pathlib import Path

    from attribution.present.ledger_sections import LedgerReport
    from attribution.present.words import Words

__all__ = ["ledger_sheets", "save_ledger"]

_MONEY = {
    "gross_fen": "roi_gross",
    "net_fen": "roi_net",
    "net_expected_fen": "roi_kept",
    "gross_fen_untaxed": "workbook_gross_untaxed",
    "net_fen_untaxed": "ledger_untaxed",
    "net_expected_fen_untaxed": "workbook_kept_untaxed",
}


def save_ledger(report: LedgerReport, folder: Path) -> dict[str, int]:
    """Write a ledger's tables as Parquet and CSV, and the workbook; return their rows.

    `ledger_erp` has one row per order, for the ERP: its numbers, its main source, share and model.
    """
    book = report.ledger
    frames = {
        "ledger_orders": book.orders.drop(columns="block"),
        "ledger_entries": book.entries.astype(
            dict.fromkeys(("model", "order_id", "channel"), "str")
        ),
        "ledger_channels": book.totals(),
        "ledger_residuals": book.residuals,
        "ledger_erp": _numbered(report.sources),
        "ledger_restated": report.restated.orders,
        "ledger_restated_before": carried(report.closings),
    }
    save_frames(frames, folder)
    save_workbook(ledger_sheets(report), folder / "ledger.xlsx", report.words)
    return {name: len(frame) for name, frame in frames.items()}


def _numbered(sources: pd.DataFrame) -> pd.DataFrame:
    """Return main sources with the order's number as its platform and the ERP write it."""
    whose = sources["order_id"].str.extract(r"(?s)^([^:]*):(.*)$")
    found = sources.assign(order_id=whose[1].fillna(sources["order_id"]))
    found.insert(0, "platform", whose[0].fillna(""))
    return found


def ledger_sheets(report: LedgerReport) -> list[Sheet]:
    """Return the sheets: summary, orders, sources, channels, residual, restated."""
    words = report.words
    orders, sources = words("workbook_orders"), words("workbook_sources")
    gross, net = words("roi_gross"), words("roi_net")
    return [
        _summary(report, orders),
        _orders(report, orders),
        Sheet(
            sources,
            _entries(report),
            checks=((gross, orders, gross), (net, orders, net)),
        ),
        _channels(report, orders),
        _residuals(report),
        _restated(report),
    ]


def _money(words: Words, frame: pd.DataFrame, names: list[str]) -> list[Column]:
    return [Column(words(_MONEY[name]), "fen", frame[name].tolist(), True) for name in names]


def _platforms(report: LedgerReport, names: pd.Series[str]) -> list[str]:
    return [platform_name(str(name), report.words.language) for name in names]


def _summary(report: LedgerReport, orders: str) -> Sheet:
    """Return days and platforms: the ledger beside what platform and ERP say was paid.

    Gaps are formulas of the figures beside them, so that finance can follow each.
    """
    words, both = report.words, report.platforms
    refunded = both["gross_fen"] - both["net_fen"]

    def fen(key: str, name: str, formula: str = "") -> Column:
        return Column(words(key), "fen", both[name].tolist(), True, formula)

    columns = [
        Column(words("ledger_day"), "text", both["day"].tolist()),
        Column(words("ledger_platform"), "text", _platforms(report, both["platform"])),
        Column(words("workbook_count"), "count", both["orders"].tolist(), True),
        fen("roi_gross", "gross_fen"),
        Column(words("roi_refunded"), "fen", refunded.tolist(), True),
        fen("roi_net", "net_fen", "D{0}-E{0}"),
        fen("ledger_platform_paid", "platform_paid_fen"),
        fen("ledger_erp_paid", "erp_paid_fen"),
        fen("ledger_gap", "gap_fen", "D{0}-H{0}"),
        fen("ledger_lacking", "lacking_fen"),
        fen("ledger_given", "given_fen"),
        fen("ledger_rest", "rest_fen", "ROUND(I{0}-J{0}-K{0},2)"),
        Column(words("ledger_only_platform"), "count", both["only_platform"].tolist(), True),
        Column(words("ledger_only_erp"), "count", both["only_erp"].tolist(), True),
    ]
    checks = tuple((words(key), orders, words(key)) for key in ("roi_gross", "roi_net"))
    return Sheet(words("workbook_summary"), tuple(columns), checks)


def _orders(report: LedgerReport, name: str) -> Sheet:
    """Return one row for each order, with its main source."""
    words, found = report.words, report.ledger.orders
    main = report.sources.set_index("order_id")[["channel", "share"]]
    found = found.join(main, on="order_id").sort_values(["day", "order_id"], ignore_index=True)
    own = found["order_id"].str.replace(r"^[^:]*:", "", regex=True)  # the platform stands beside it
    erp = found.get("erp_order_id", pd.Series(None, found.index, dtype="str"))
    further = [each for each in report.ledger.money if each not in ("gross_fen", "net_fen")]
    columns = [
        Column(words("ledger_order"), "text", own.tolist()),
        Column(words("ledger_erp_order"), "text", erp.tolist()),
        Column(words("ledger_platform"), "text", _platforms(report, found["platform"])),
        Column(words("ledger_day"), "text", found["day"].tolist()),
        Column(words("workbook_touchpoints"), "count", found["touchpoints"].tolist(), True),
        *_money(words, found, ["gross_fen"]),
        Column(
            words("roi_refunded"), "fen", (found["gross_fen"] - found["net_fen"]).tolist(), True
        ),
        *_money(words, found, ["net_fen", *further]),
        Column(words("ledger_main", model=words.model(report.headline)), "text",
               [report.named(str(each)) for each in found["channel"]]),
        Column(words("front_share"), "share", found["share"].tolist()),
    ]  # fmt: skip
    return Sheet(name, tuple(columns))


def _entries(report: LedgerReport) -> tuple[Column, ...]:
    """Return who shares each order under the headline model."""
    words, every = report.words, report.ledger.entries
    mine = every[(every["model"] == report.headline).to_numpy()]
    mine = mine.astype({"order_id": "str", "channel": "str"})
    mine = mine.sort_values(["order_id", "place"], ignore_index=True)
    own = mine["order_id"].str.replace(r"^[^:]*:", "", regex=True)  # as in the sheet of orders
    return (
        Column(words("ledger_order"), "text", own.tolist()),
        Column(words("workbook_place"), "count", mine["place"].tolist()),
        Column(words("channel"), "text", [report.named(each) for each in mine["channel"]]),
        Column(words("front_share"), "share", mine["share"].tolist()),
        *_money(words, mine, list(report.ledger.money)),
    )


def _channels(report: LedgerReport, orders: str) -> Sheet:
    """Return what each channel has under every model; what the models share is the same sum."""
    words, book = report.words, report.ledger
    found = book.totals()
    columns = [Column(words("channel"), "text", [])]
    checks = []
    for name, key in _MONEY.items():
        if name not in book.money:
            continue
        wide = found.pivot_table(index="channel", columns="model", values=name, sort=False)
        wide = wide.reindex(report.rows, columns=list(book.models)).fillna(0).astype("int64")
        for model in book.models:
            title = f"{words(key)} · {words.model(model)}"
            columns.append(Column(title, "fen", wide[model].tolist(), True))
            if name in ("gross_fen", "net_fen"):
                checks.append((title, orders, words(key)))
    columns[0] = columns[0]._replace(values=[report.named(each) for each in report.rows])
    return Sheet(words("workbook_channels"), tuple(columns), tuple(checks))


def _residuals(report: LedgerReport) -> Sheet:
    """Return what the ledger and each model's own credit give a channel, to the nearest fen."""
    words, found = report.words, report.ledger.residuals
    ledger, credit = (found[name].round().astype("int64") for name in ("ledger", "credit"))
    return Sheet(
        words("workbook_residual"),
        (
            Column(words("ledger_model"), "text", [words.model(each) for each in found["model"]]),
            Column(words("channel"), "text", [report.named(each) for each in found["channel"]]),
            Column(words("workbook_ledger"), "fen", ledger.tolist()),
            Column(words("workbook_credit"), "fen", credit.tolist()),
            Column(words("ledger_difference"), "fen", (ledger - credit).tolist(), False,
                   "C{0}-D{0}"),
        ),
    )  # fmt: skip


def _restated(report: LedgerReport) -> Sheet:
    """Return what changed of closed orders; the changes are formulas of what stands beside them."""
    words, found = report.words, report.restated.orders

    def fen(key: str, name: str, formula: str = "") -> Column:
        return Column(words(key), "fen", found[name].tolist(), True, formula)

    return Sheet(
        words("workbook_restated"),
        (
            Column(words("ledger_order"), "text", found["order_id"].tolist()),
            Column(words("ledger_closed_as"), "text", found["closing"].tolist()),
            Column(words("ledger_day"), "text", found["day"].tolist()),
            Column(words("ledger_why"), "text", [words(WHY[why]) for why in found["why"]]),
            fen("ledger_closed_gross", "closed_gross_fen"),
            fen("ledger_gross_now", "gross_fen"),
            fen("ledger_gross_change", "gross_change_fen", "F{0}-E{0}"),
            fen("ledger_closed_net", "closed_net_fen"),
            fen("ledger_net_now", "net_fen"),
            fen("ledger_restated", "net_change_fen", "I{0}-H{0}"),
        ),
    )
