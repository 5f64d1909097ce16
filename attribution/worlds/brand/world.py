"""The sample brand as a world: what its people met and bought, and the files that tell of it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from attribution.errors import DataError
from attribution.intake.shipped import shipped
from attribution.journeys import Journeys
from attribution.workspace import FILE
from attribution.worlds.brand.books import gives_back, gross_fen, is_order
from attribution.worlds.brand.records import PageEvent, Refund
from attribution.worlds.brand.sample import Sample, make_sample
from attribution.worlds.brand.week import EXPORTED, STREAMERS
from attribution.worlds.places import channel_name
from attribution.worlds.written import write_files

__all__ = ["BrandWorld"]

_NETWORKS = {"kuaishou": "kuaishou", "tencent": "wechat"}
_HOSTS = {streamer.id: streamer.name for streamer in STREAMERS}


@dataclass(frozen=True)
class BrandWorld:
    """The sample brand's week: a world that was written down, not drawn from effects.

    Who met what, who bought what and what came back are known, and the files of `write` tell of
    it with everything that goes wrong in real exports. What a channel caused is not: orders of
    this week were drawn first, and touchpoints before them, so it has no `truth`.
    """

    sample: Sample = field(default_factory=make_sample, repr=False)

    @cached_property
    def touchpoints(self) -> pd.DataFrame:
        """Person, at (UTC), channel, event_id: one row for each event that some file tells of.

        Channels are named as the store names them at the level of streamers.
        """
        happened = self.sample.happened
        hosts = {session.id: _HOSTS.get(session.streamer, "") for session in happened.sessions}
        rows = [
            *(
                (e.at_ms, e.id, e.person, channel_name("douyin", "live", hosts[e.session]))
                for e in happened.live_events
            ),
            *((e.at_ms, e.id, e.person, _page_channel(e)) for e in happened.page_events),
            *(
                (c.at_ms, c.id, c.person, channel_name(_NETWORKS[c.network], "ad"))
                for c in happened.clicks
            ),
        ]
        frame = pd.DataFrame(sorted(rows), columns=["at", "event_id", "person", "channel"])
        return frame.assign(at=_instants(frame["at"]))[["person", "at", "channel", "event_id"]]

    @cached_property
    def orders(self) -> pd.DataFrame:
        """Paid orders: order_id, person, at (UTC), value, refunded_fen, refunded_at, platform.

        The person is who pays, `at` is when the deposit was paid, or else the order; `value` is
        whole fen as paid. Five orders that the ERP alone tells of have no person and are not here.
        """
        happened = self.sample.happened
        refunds: dict[tuple[str, str], list[Refund]] = {}
        for refund in happened.refunds:
            if gives_back(refund):
                refunds.setdefault((refund.platform, refund.order), []).append(refund)
        orders = [o for o in happened.orders if is_order(o) and o.paid is not None]
        back = [refunds.get((o.platform, o.id), []) for o in orders]
        final = [max((r.final or r.updated for r in each), default=None) for each in back]
        returned = pd.Series(final, dtype="Int64") * 1_000
        return pd.DataFrame(
            {
                "order_id": [f"{o.platform}:{o.id}" for o in orders],
                "person": [o.payer for o in orders],
                "at": _instants([(o.deposit_at or o.paid or o.created) * 1_000 for o in orders]),
                "value": [gross_fen(o) for o in orders],
                "refunded_fen": [
                    min(sum(r.amount_fen for r in each), gross_fen(o))
                    for o, each in zip(orders, back, strict=True)
                ],
                "refunded_at": pd.to_datetime(returned, unit="ms", utc=True),
                "platform": [o.platform for o in orders],
            }
        )

    @cached_property
    def people(self) -> pd.DataFrame:
        """Person, start, end (UTC): everybody, from the first thing that happened to the export."""
        first = min(self.touchpoints["at"].min(), self.orders["at"].min())
        return pd.DataFrame(
            {
                "person": [person.number for person in self.sample.happened.people],
                "start": first,
                "end": _instants([EXPORTED * 1_000])[0],
            }
        )

    @cached_property
    def journeys(self) -> Journeys:
        """Journeys of the people as they are, whom no reader of the files knows so well."""
        return Journeys.from_touchpoints(
            self.touchpoints, self.orders, people=self.people, segments=["platform"]
        )

    @property
    def truth(self) -> pd.DataFrame:
        """Not known of this world.

        Raises
        ------
        DataError
            Always.
        """
        raise DataError(
            "a week that was written down, in which no channel caused its orders",
            "a world drawn from effects",
            'Take another preset, such as simulate("independent"), for the orders that each '
            "channel caused; what a reader of the sample's files must find is in truth.json.",
            source='simulate("sample").truth',
        )

    @cached_property
    def lift_tests(self) -> pd.DataFrame:
        """Channel, start, end, conversions, se: none were run in this week."""
        return pd.DataFrame(
            {
                "channel": pd.Series(dtype=str),
                "start": _instants([]),
                "end": _instants([]),
                "conversions": pd.Series(dtype=float),
                "se": pd.Series(dtype=float),
            }
        )

    def write(self, folder: str | os.PathLike[str]) -> Path:
        """Write the week as its platforms export it, as a workspace.

        Parameters
        ----------
        folder
            Gets `raw/`, `attribution.toml` that reads it, `truth.json` (what a faithful reader
            must find) and README.md. Files of these names are overwritten.

        Returns
        -------
        Path
            The folder: `attribution ingest --workspace FOLDER` reads it, without a key.
        """
        settings = shipped("data", "sample", FILE).read_text(encoding="utf-8")
        settings = settings.replace('"data/raw/', '"raw/')
        return write_files(folder, self.sample.files() | {FILE: settings.encode()})


def _page_channel(event: PageEvent) -> str:
    """Where a visit to the brand's own pages came from: the link it followed tells."""
    source, form, _, _, term = event.utm
    return channel_name(source or "own_mall", form or "own_mall", _HOSTS.get(term, ""))


def _instants(at_ms: Iterable[int]) -> pd.DatetimeIndex:
    return pd.to_datetime(np.array(list(at_ms), np.int64), unit="ms", utc=True)
