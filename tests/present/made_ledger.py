"""A ledger of a made-up brand with hostile names, closed once and refunded since."""

from __future__ import annotations

import attribution
from attribution.decide.closing import changed_since, closings
from attribution.decide.days import Days
from attribution.decide.ledger import ledger
from attribution.decide.reconciled import reconciled
from attribution.models.heuristic import LastTouch, Linear
from attribution.models.markov import Markov
from attribution.present.ledger_sections import LedgerReport
from attribution.present.words import words_in
from attribution.store.store import open_store
from tests.decide.books import Brand, Order

HOSTILE = ("<script>alert('x')</script>", "\u202e🛒&amp;{0}", "@SUM(A1)")
MODELS = [LastTouch(), Linear(), Markov()]


def brand(refunds=()):
    """Return a brand of hostile streamers; the ERP lacks one of its orders."""
    days = ("2026-10-15 10:00:00", "2026-10-16 10:00:00", "2026-11-02 10:00:00")
    orders = {
        "1": Order(100_001, days[0], "ann", refunds=list(refunds)),
        "2": Order(5_000, days[1], "bob", "wechat", refunds=[1_234]),
        "3": Order(700, days[2], "cid"),
    }
    touches = [("ann", name, f"2026-10-14 1{i}:00:00") for i, name in enumerate(HOSTILE)]
    touches += [("bob", HOSTILE[1], "2026-10-15 10:00:00")]
    sites = {"douyin": "抖音", "wechat": "视频号"}
    erp = [
        (f"E{name}", name, "", sites[each.platform], each.paid_fen, each.paid_at)
        for name, each in orders.items()
        if name != "3"
    ]
    return Brand(orders, touches, erp)


def report_of(workspace, language="en", days=None, **options):
    days = days or Days()
    whole = ledger(attribution.open_journeys(workspace), MODELS, **options)
    book, closed = whole.within(days), closings(workspace)
    platforms = reconciled(open_store(workspace), book, days)
    changed = changed_since(workspace, closed)
    return LedgerReport(book, "Linear", platforms, closed, changed, words_in(language, minor=100),
                        title="made up", source="files")  # fmt: skip
