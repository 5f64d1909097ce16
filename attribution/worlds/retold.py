"""A simulated world in the words of its platforms: frames to the records that writers take.

Writers take one record at a time, so this is the one place where rows become objects; all that can
be worked out for whole columns is. Instants of records are whole seconds: a touchpoint is put in
the second it happened in and an order in the next, so no order loses what came before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from attribution.errors import DataError, quoted
from attribution.worlds.brand.records import (
    DAY,
    HOUR,
    MINUTE,
    Click,
    Line,
    LiveEvent,
    Order,
    PageEvent,
    Person,
    Refund,
    Session,
    Streamer,
    digits,
    invented_phone,
    token,
)
from attribution.worlds.brand.week import PRODUCTS, SIZES
from attribution.worlds.places import Place

__all__ = ["Retold", "Touched", "milliseconds", "retold_orders", "retold_people", "touched"]

Ints = NDArray[np.int64]

# Where people are at home: each orders on one platform, and is met on all.
_HOMES = ("douyin", "douyin", "douyin", "taobao", "taobao", "wechat", "wechat", "kuaishou",
          "own_mall", "own_mall")  # fmt: skip
_PLATFORMS = ("douyin", "kuaishou", "taobao", "wechat", "own_mall")
_ON_AIR = ("live", "live_replay")
_BEIJING = 8 * HOUR


class Retold(NamedTuple):
    """Orders and what came back of them."""

    orders: list[Order]
    refunds: list[Refund]


class Touched(NamedTuple):
    """Touchpoints by the way they are told, and who was on the air."""

    live: list[LiveEvent]
    pages: list[PageEvent]
    clicks: list[Click]
    sessions: list[Session]
    streamers: list[Streamer]


def milliseconds(at: pd.Series[pd.Timestamp]) -> Ints:
    """Return UTC epoch milliseconds of instants."""
    return np.asarray(at.astype("datetime64[ms, UTC]").astype("int64"), np.int64)


def retold_people(count: int, start: int) -> list[Person]:
    """Return members by number, who joined some time before the world began (epoch seconds).

    Each is bound on every platform, so his ids are one person's to whoever reads the members.
    """
    numbers = np.arange(count)
    joined = start - DAY * (3 + numbers * 7_919 % 298) - numbers * 613 % DAY
    homes = [_HOMES[home] for home in (numbers * 2_654_435_761 >> 7) % len(_HOMES)]
    return [
        Person(number, invented_phone(number), (home,), member=True, bound=_PLATFORMS, joined=at)
        for number, home, at in zip(range(count), homes, joined.tolist(), strict=True)
    ]


def retold_orders(orders: pd.DataFrame, number: Ints, people: list[Person]) -> Retold:
    """Return orders as shops have them: one line, paid at once, shipped.

    Parameters
    ----------
    orders
        At, value, and where something came back refunded_fen and refunded_at.
    number
        Of the person of each order, (n,).
    people
        Everybody, each at the place of his number.

    Raises
    ------
    DataError
        If an amount is not whole fen.
    """
    at = milliseconds(orders["at"]) // 1_000 + 1
    value = _fen(orders["value"])
    back, back_at = np.zeros_like(value), at
    if "refunded_fen" in orders:
        back = _fen(orders["refunded_fen"].fillna(0))
        back_at = np.where(
            back > 0, milliseconds(orders["refunded_at"].fillna(orders["at"])) // 1_000 + 1, at
        )
    made = Retold([], [])
    columns = (number, at, value, back, back_at)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for nth, (who, paid, fen, returned, final) in enumerate(rows):
        person = people[who]
        platform = person.platforms[0]
        name = _order_id(platform, nth)
        product = PRODUCTS[nth * 7 % len(PRODUCTS)]
        size = "F" if product.category == "accessories" else SIZES[nth % len(SIZES)]
        line = Line(name, product, size, 1, fen, fen)
        whole = returned == fen and fen > 0
        made.orders.append(
            Order(
                platform, name, who, person.phone, paid - 1, paid, paid + DAY, None,
                max(paid, final), "refund_closed" if whole else "shipped", (line,), form="unknown",
            )
        )  # fmt: skip
        if returned:
            made.refunds.append(
                Refund(
                    "14" + digits("refund", name, length=17), platform, name, name,
                    f"{product.sku}-{size}", product.id,
                    "return_refund" if whole else "refund_after_ship", "success", returned,
                    int(whole), final, final, final,
                )
            )  # fmt: skip
    return made


def _fen(amounts: pd.Series[Any]) -> Ints:
    whole = np.asarray(amounts, np.float64)
    if not (whole == np.floor(whole)).all() or (whole < 0).any():
        raise DataError(
            f"the amount {quoted(whole[(whole != np.floor(whole)) | (whole < 0)][0])}",
            "whole fen, not below 0",
            "Multiply yuan by 100 and round.",
            column=str(amounts.name),
            source="orders",
        )
    return whole.astype(np.int64)


def _order_id(platform: str, number: int) -> str:
    """An order id as the platform writes them, for up to ten million orders."""
    lead, length = {
        "douyin": ("69", 10), "kuaishou": ("2631", 6), "taobao": ("24", 10), "wechat": ("37", 10),
        "own_mall": ("SL", 0),
    }[platform]  # fmt: skip
    return f"{lead}{number:07d}" + (digits("order", number, length=length) if length else "")


def touched(at_ms: Ints, channel: Ints, number: Ints, places: list[Place]) -> Touched:
    """Return touchpoints as the platforms tell of them.

    People in a Douyin room are pushed by the play mounted in it, clicks on Tencent's ads call a
    monitor, and everybody else comes by a tagged link to the brand's own pages. So do those who
    clicked on an ad on Kuaishou: its monitor names nothing but a device, by which nobody is known.

    Parameters
    ----------
    at_ms, channel, number
        Instant in UTC epoch milliseconds, place and person of each touchpoint, (n,).
    places
        Where each channel is written.
    """
    order = np.argsort(at_ms, kind="stable")
    at, channel, number = at_ms[order] // 1_000, channel[order], number[order]
    told = np.array([_told(place) for place in places])[channel]
    streamers = [
        Streamer(f"w{nth:03d}", host, "", "", ())
        for nth, host in enumerate(dict.fromkeys(p.host for p in places if p.host), 1)
    ]
    hosts = {streamer.name: streamer.id for streamer in streamers}
    sessions, session = _sessions(at, channel, places, hosts)

    def rows(way: str, *columns: NDArray[Any]) -> Iterator[tuple[Any, ...]]:
        mine = np.flatnonzero(told == way)
        return zip(mine.tolist(), *(column[mine].tolist() for column in columns), strict=True)

    live = [
        LiveEvent(f"70{nth:07d}{digits('msg', nth, length=10)}", who, sessions[room].id,
                  "live_enter_room", when, 1)
        for nth, when, who, room in rows("push", at, number, session)
    ]  # fmt: skip
    clicks = [
        Click(
            "tencent", "wx0" + token("click", nth, length=16), who, when, "3301", "33011", "33019"
        )
        for nth, when, who in rows("click", at, number)
    ]
    # People log in once, and are known by their browser from then on.
    visits = np.flatnonzero(told == "link")
    logs_in = np.zeros(len(at), bool)
    logs_in[visits[np.unique(number[visits], return_index=True)[1]]] = True
    pages = [
        PageEvent(
            f"px{nth:07d}", who, "page_view", when, logs,
            _utm(places[kind], sessions[room].id if room >= 0 else "", hosts), ("", ""), "",
        )
        for nth, when, who, kind, room, logs in rows("link", at, number, channel, session, logs_in)
    ]  # fmt: skip
    return Touched(live, pages, clicks, sessions, streamers)


def _told(place: Place) -> str:
    if (place.platform, place.form) == ("douyin", "live"):
        return "push"
    return "click" if (place.platform, place.form) == ("wechat", "ad") else "link"


def _utm(place: Place, session: str, hosts: dict[str, str]) -> tuple[str, str, str, str, str]:
    """What the link of a place says: source, medium, campaign, content, term."""
    source = "" if place.platform == "own_mall" else place.platform
    return source, place.form, "", session, hosts.get(place.host, "")


def _sessions(
    at: Ints, channel: Ints, places: list[Place], hosts: dict[str, str]
) -> tuple[list[Session], Ints]:
    """Return a session for each live channel and day, and that of each touchpoint, -1 for none.

    Days are Beijing's; a session lasts from the day's first touchpoint to its last.
    """
    on_air = np.array([place.form in _ON_AIR for place in places])[channel]
    of = np.full(len(at), -1)
    when, where = at[on_air], channel[on_air]
    days, first, of[on_air] = np.unique(
        (when + _BEIJING) // DAY * len(places) + where, return_index=True, return_inverse=True
    )
    last = len(when) - 1 - np.unique(of[on_air][::-1], return_index=True)[1]
    sessions = []
    for day, begins, ends in zip(
        days.tolist(), when[first].tolist(), when[last].tolist(), strict=True
    ):
        place = places[day % len(places)]
        name = "74" + digits("room", place.name, day // len(places), length=17)
        sessions.append(
            Session(place.platform, name, "", hosts[place.host], (), begins // HOUR * HOUR,
                    ends + MINUTE, place.host, "kol")
        )  # fmt: skip
    return sessions, of
