"""Small workspaces with a history: what a store goes through, one event after another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import strategies as st

from attribution.assemble.opened import open_journeys
from attribution.model import tallies
from attribution.refresh.refresh import refresh
from attribution.store.forget import forget
from attribution.store.parts import writing
from attribution.store.store import open_store
from attribution.workspace import read_workspace
from tests.store.batches import DAY, NOVEMBER, hash_of, rows

HOUR = 3_600_000
TOML = """
[brand]
name = "small"
language = "en"
[[source]]
name = "shop"
mapping = "any"
files = "data/raw/shop"
[[source]]
name = "sheet"
mapping = "any"
files = "data/raw/sheet"
snapshot = true
[[exclude]]
why = "test"
paid_at_most = "0.01"
{journeys}
"""

WHO = ("ann", "bob", "cid", "dora", "eve", "fay")
_WHO = st.sampled_from(WHO)
_SOMEBODY = st.one_of(_WHO, st.none())
_AT = st.integers(0, 60 * 24).map(lambda hours: NOVEMBER - 30 * DAY + hours * HOUR)
_LATER = st.one_of(st.none(), st.integers(0, 5).map(lambda days: NOVEMBER + days * DAY))
_SESSION = st.sampled_from([None, None, "r1", "r2"])
_STREAMER = st.sampled_from([None, None, "s1", "s2"])
_ALIAS = st.sampled_from([None, None, "a1", "a2"])
_ORDER = st.integers(1, 6).map(str)
_FEN = st.sampled_from([1, 100, 250, 1999])


def _named(who):
    if who is None:
        return {}
    return {"id_type": "open_id", "id_value": f"raw-{who}", "_identifier": hash_of(who)}


@st.composite
def touchpoints(draw):
    alias = draw(_ALIAS)
    form = draw(st.sampled_from(["live", "short_video", "search", "ad"]))
    return {
        "event_id": f"e{draw(st.integers(1, 12))}",
        "platform": draw(st.sampled_from(["douyin", "douyin", "wechat"])),
        "at": draw(_AT),
        "received_at": draw(_LATER),
        "event": draw(st.sampled_from(["enter", "comment", "exposure"])),
        "content_form": form,
        "session_id": draw(_SESSION) if form == "live" else None,
        "streamer_id": draw(_STREAMER),
        "_alias_type": alias and "author_id",
        "_alias_value": alias,
        "product_id": draw(st.sampled_from([None, "p1", "p2"])),
        **_named(draw(_SOMEBODY)),
    }


@st.composite
def orders(draw):
    paid = draw(_AT)
    return {
        "order_id": draw(_ORDER),
        "platform": "douyin",
        "status": draw(st.sampled_from(["paid", "paid", "completed", "created", "refund_closed"])),
        "created_at": paid - HOUR,
        "paid_at": paid,
        "paid_fen": draw(_FEN),
        "updated_at": draw(_LATER),
        "province": draw(st.sampled_from([None, "浙江省"])),
        **_named(draw(_SOMEBODY)),
    }


@st.composite
def order_lines(draw):
    order = draw(_ORDER)
    alias = draw(_ALIAS)
    return {
        "line_id": f"{order}-{draw(st.integers(1, 2))}",
        "order_id": order,
        "platform": "douyin",
        "paid_fen": draw(_FEN),
        "content_form": draw(st.sampled_from([None, "live", "short_video"])),
        "room_id": draw(_SESSION),
        "product_id": draw(st.sampled_from([None, "p1", "p2"])),
        "_alias_type": alias and "author_id",
        "_alias_value": alias,
    }


@st.composite
def erp_orders(draw):
    return {
        "erp": "e",
        "erp_order_id": f"w{draw(st.integers(1, 3))}",
        "order_id": draw(st.one_of(_ORDER, st.none())),
        "merged_ids": draw(st.sampled_from([None, "1,2", "3 4"])),
        "platform": draw(st.sampled_from([None, "douyin"])),
        "paid_at": draw(_AT),
        "updated_at": draw(_LATER),
        "paid_fen": draw(_FEN),
        **_named(draw(_SOMEBODY)),
    }


@st.composite
def refunds(draw):
    return {
        "refund_id": f"f{draw(st.integers(1, 4))}",
        "platform": "douyin",
        "order_id": draw(_ORDER),
        "status": draw(st.sampled_from(["success", "success", "requested"])),
        "kind": "refund_only",
        "amount_fen": draw(_FEN),
        "applied_at": draw(_AT),
        "updated_at": draw(_LATER),
    }


@st.composite
def sessions(draw):
    start = draw(_AT)
    return {
        "session_id": draw(st.sampled_from(["r1", "r2"])),
        "platform": "douyin",
        "start_at": draw(st.sampled_from([start, None])),
        "end_at": start + 4 * HOUR,
        "streamer_id": draw(_STREAMER),
        "updated_at": draw(_LATER),
    }


@st.composite
def explained(draw):
    start = draw(_AT)
    return {
        "session_id": draw(st.sampled_from(["r1", "r2"])),
        "platform": "douyin",
        "product_id": draw(st.sampled_from(["p1", "p2"])),
        "explain_from": start,
        "explain_to": draw(st.sampled_from([None, start + 40 * HOUR])),
        "offer": draw(st.sampled_from([None, "flash"])),
    }


_STREAMERS = st.builds(
    lambda who, name: {"streamer_id": who, "name": name},
    st.sampled_from(["s1", "s2"]),
    st.sampled_from(["Wan Qing", "Zhi Xia", None]),
)
_ALIASES = st.builds(
    lambda alias, who: {
        "streamer_id": who,
        "platform": "douyin",
        "id_type": "author_id",
        "value": alias,
    },
    st.sampled_from(["a1", "a2"]),
    st.sampled_from(["s1", "s2"]),
)
_IDENTIFIERS = st.builds(
    lambda who, at, days, kind: {
        "id_hash": hash_of(who),
        "id_type": kind if who in ("eve", "fay") else "doudian_open_id",
        "namespace": f"shop {who}",
        "first_seen": at,
        "last_seen": at + days * DAY,
    },
    _WHO,
    _AT,
    st.integers(0, 3),
    st.just("phone"),
)
_LINKS = st.builds(
    lambda a, b, kind, at: {"a": hash_of(a), "b": hash_of(b), "kind": kind, "at": at},
    _WHO,
    _WHO,
    st.sampled_from(["strong", "medium", "weak", "rotation"]),
    _AT,
)


def _few(rows, most=3):
    return st.lists(rows, max_size=most)


BATCHES = st.fixed_dictionaries(
    {
        "touchpoints": _few(touchpoints(), 6),
        "identifiers": _few(_IDENTIFIERS, 4),
    },
    optional={
        "links": _few(_LINKS, 2),
        "orders": _few(orders(), 4),
        "order_lines": _few(order_lines()),
        "refunds": _few(refunds(), 2),
        "erp_orders": _few(erp_orders(), 2),
        "sessions": _few(sessions(), 2),
        "session_products": _few(explained(), 2),
        "streamers": _few(_STREAMERS, 2),
        "streamer_aliases": _few(_ALIASES, 2),
    },
)
# Everybody is known, and has done something, before a history begins.
BEGINNING = {
    "identifiers": [
        {
            "id_hash": hash_of(who),
            "id_type": "phone" if who in ("eve", "fay") else "doudian_open_id",
            "namespace": f"shop {who}",
            "first_seen": NOVEMBER - 40 * DAY,
            "last_seen": NOVEMBER - 40 * DAY,
        }
        for who in WHO[:5]
    ],
    "touchpoints": [
        {
            "event_id": f"old{nth}",
            "platform": "douyin",
            "at": NOVEMBER - nth * 50 * HOUR,
            "event": "enter",
            "content_form": "live",
            "session_id": "r1",
            **_named(who),
        }
        for nth, who in enumerate(WHO * 2)
    ],
    "orders": [
        {
            "order_id": str(nth),
            "platform": "douyin",
            "status": "paid",
            "created_at": NOVEMBER - nth * DAY,
            "paid_at": NOVEMBER - nth * DAY,
            "paid_fen": 700,
            **_named(who),
        }
        for nth, who in enumerate(("ann", "cid", None))
    ],
}

EVENTS = st.one_of(
    st.tuples(st.just("ingest"), st.sampled_from(["shop", "sheet"]), BATCHES),
    st.tuples(st.just("again"), st.integers(0, 5), BATCHES),
    st.tuples(st.just("renew"), st.integers(0, 5), st.none()),
    st.tuples(st.just("lose"), st.integers(0, 5), st.none()),
    st.tuples(st.just("forget"), st.integers(0, 7), st.none()),
)


class History:
    """A workspace whose store things happen to."""

    def __init__(self, folder, journeys=""):
        (folder / "attribution.toml").write_text(TOML.format(journeys=journeys))
        self.workspace = read_workspace(folder)
        self.batches = []
        # Something stays whatever is lost: an empty store is refused.
        self._write("anchor", "shop", "products.csv", {"products": [{"product_id": "p1"}]})
        self._ingest("shop", BEGINNING)

    def happen(self, event):
        """Let one event happen to the store; what cannot happen does not."""
        what, where, found = event
        if what == "ingest":
            self._ingest(where, found)
        elif what == "forget":
            self._forget(where)
        elif self.batches:
            batch, source, file = self.batches[where % len(self.batches)]
            if what == "again":
                self._write(batch, source, file, found)
            elif what == "renew":
                with writing(self.workspace.store) as writer:
                    marker = writer.marker(batch)
                    if marker is not None:
                        writer.renewed(marker)
            else:
                (self.workspace.store / "batches" / f"{batch}.json").unlink(missing_ok=True)

    def _ingest(self, source, found):
        batch = f"b{len(self.batches)}"
        # A sheet is one file whose newest content is all there is of it.
        file = f"{source}.csv" if source == "sheet" else f"{batch}.csv"
        self.batches.append((batch, source, file))
        self._write(batch, source, file, found)

    def _write(self, batch, source, file, found):
        with (
            writing(self.workspace.store) as writer,
            writer.batch(
                batch,
                "r",
                source=source,
                file=file,
                digest=str(hash(repr(found))),
                mapping="m",
                snapshot=source == "sheet",
            ) as opened,
        ):
            for name, given in found.items():
                numbered = [{"_row": nth, **row} for nth, row in enumerate(given, 1)]
                if numbered:
                    opened.add(name, rows(name, numbered))

    def _forget(self, nth):
        store = open_store(self.workspace)
        people = sorted(store.people().persons.column("person_id").to_pylist())
        if people:
            forget(store, people[nth % len(people)])


def truth(workspace, models):
    """Return the tallies over all journeys at once, of the credited money alone."""
    batches = open_journeys(workspace, batches=1)
    return tallies(
        (replace(each, values={"value": each.values["value"]}) for each in batches), models
    )


def assert_exact(workspace, models, **how):
    """Refresh, compare with everything read anew, and return what the refresh told."""
    found = refresh(workspace, models=models, **how)
    expected = truth(workspace, models)
    for tally, whole, model in zip(found.tallies, expected, models, strict=True):
        assert tally.channels == whole.channels, model
        fractional = (np.rint(whole.sums) != whole.sums).any() or (
            np.rint(tally.sums) != tally.sums
        ).any()
        if not fractional:
            assert tally == whole, model
            continue
        left, right = model.credit(tally), model.credit(whole)
        scale = np.abs(right.amounts).sum(axis=0) + np.abs(right.unattributed)
        assert (np.abs(left.amounts - right.amounts) <= 1e-9 * scale).all(), model
        assert (np.abs(left.unattributed - right.unattributed) <= 1e-9 * scale).all(), model
    for parts in (found.by_day(), found.by_block()):
        for tally, each in zip(found.tallies, parts, strict=True):
            together = sum(each.values())
            if together:
                assert np.allclose(together.sums.sum(axis=0), tally.sums.sum(axis=0), rtol=1e-9)
    return found
