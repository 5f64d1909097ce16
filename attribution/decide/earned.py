"""Everything a page on returns reads, measured on the same orders and costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from attribution.decide.claims import Claims, claims
from attribution.decide.funnel import funnel
from attribution.decide.ledger import open_orders
from attribution.decide.printed import printed_roas
from attribution.decide.roi import Roi, roi
from attribution.decide.sessions import (
    Books,
    minute_books,
    open_books,
    product_books,
    session_books,
)
from attribution.evaluate.compare import named_models
from attribution.store.store import open_store

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from attribution.journeys.definition import Level
    from attribution.model import Model
    from attribution.workspace import Workspace

__all__ = ["Earned", "earned"]

_BROAD = ("platform", "form", "streamer")


@dataclass(frozen=True, eq=False)
class Earned:
    """What was earned for what it cost, from all sides.

    Attributes
    ----------
    by_channel
        Credited to channels, by every model.
    by_session
        Credited to live sessions and all else at their level, by the headline model.
    books
        As it was sold, whatever brought the buyer.
    stages
        The funnel of each session.
    claims
        What platforms say, and what the headline model credits to their channels.
    printed
        ROAS as they print it.
    """

    by_channel: Roi
    by_session: Roi
    books: Books
    stages: pd.DataFrame
    claims: Claims
    printed: pd.DataFrame

    def frames(self) -> dict[str, pd.DataFrame]:
        """Return the frames by name, fit for files."""
        return {
            "roi_channels": self.by_channel.channels,
            "roi_costs": self.by_channel.costs,
            "roi_verdicts": self.by_channel.verdicts(),
            "roi_sessions_credited": self.by_session.channels,
            "roi_sessions": session_books(self.books),
            "roi_offers": product_books(self.books),
            "roi_minutes": minute_books(self.books),
            "roi_funnel": self.stages,
            "roi_returns": self.by_channel.returns.groups,
            "roi_printed": self.printed,
        }


def earned(
    workspace: Workspace,
    models: Sequence[Model],
    *,
    level: Level | None = None,
    headline: str = "",
    interval: float = 0.95,
    since: str = "",
    until: str = "",
) -> Earned:
    """Measure a workspace's returns.

    Parameters
    ----------
    level
        Of channels; if None, the workspace's own, streamers at most: sessions are a table apart.
    headline, interval, since, until
        See `roi`.

    Raises
    ------
    ConfigError
        For a setting that cannot stand.
    DataError
        If a file of the store cannot be read.
    """
    own = workspace.journeys.level
    depth: Level = level or (own if own in _BROAD else "streamer")
    found = roi(
        open_orders(workspace, level=depth),
        models,
        since=since,
        until=until,
        headline=headline,
        interval=interval,
    )
    lead = {found.headline: named_models(models)[found.headline]}
    by_session = roi(
        open_orders(workspace, level="session"), lead, since=since, until=until, interval=interval
    )
    store = open_store(workspace)
    books = open_books(store, since=since, until=until)
    credited = found.channels[found.channels["model"] == found.headline]
    credit = credited.rename(columns={"net_fen": "value"})[["channel", "value"]]
    claimed = claims(store, since, until, credits=credit)
    return Earned(
        found,
        by_session,
        books,
        funnel(store, since, until, level=interval),
        claimed,
        printed_roas(claimed, books.costs),
    )
