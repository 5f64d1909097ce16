"""What a brand's world is made of: people, sessions, orders, touchpoints, and draws by name.

Nothing here knows how a platform writes its files; the modules named for the platforms do.
Instants are UTC epoch seconds, money is whole fen, and every draw comes from a generator named
after what it draws, so a change in one place leaves the rest of the world as it was. Only
`random.Random.random` is drawn from, whose sequence Python guarantees, and it is multiplied by
whole numbers only: the same world comes out on every machine.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from random import Random
from typing import NamedTuple

__all__ = [
    "BEIJING",
    "DAY",
    "HOUR",
    "MINUTE",
    "Claim",
    "Click",
    "Dice",
    "ErpLine",
    "ErpOrder",
    "Happened",
    "Line",
    "LiveEvent",
    "Order",
    "PageEvent",
    "Person",
    "Product",
    "Refund",
    "Session",
    "Streamer",
    "digits",
    "invented_phone",
    "moment",
    "paid_orders",
    "token",
]

SEED = "shanlan-2026-11"
BEIJING = timezone(timedelta(hours=8))
MINUTE, HOUR, DAY = 60, 3_600, 86_400


def moment(text: str) -> int:
    """UTC epoch seconds of a Beijing time such as `2026-11-11 20:00`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=BEIJING).timestamp())


class Dice:
    """Draws that depend on their name alone."""

    def __init__(self, *name: object) -> None:
        self._random = Random(":".join(map(str, (SEED, *name))))  # noqa: S311

    def below(self, size: int) -> int:
        """A whole number from 0 to size - 1."""
        return int(self._random.random() * size)

    def between(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        """True in so many of a hundred draws."""
        return self.below(100) < percent

    def pick(self, weights: Sequence[int]) -> int:
        """An index, drawn with whole-number weights."""
        ticket = self.below(sum(weights))
        for index, weight in enumerate(weights):
            ticket -= weight
            if ticket < 0:
                return index
        raise AssertionError(weights)


def token(*name: object, length: int = 20) -> str:
    """A reproducible opaque id."""
    return hashlib.sha256(":".join(map(str, (SEED, *name))).encode()).hexdigest()[:length]


def digits(*name: object, length: int) -> str:
    """Reproducible decimal digits."""
    text = hashlib.sha256(":".join(map(str, (SEED, *name))).encode()).hexdigest()
    return str(int(text, 16))[-length:]


def invented_phone(person: int) -> str:
    """A phone that can be nobody's: no operator has been given the prefix 154."""
    return f"154{(person * 7_919 + 10_000_019) % 100_000_000:08d}"


class Streamer(NamedTuple):
    """Who shows the goods; aliases are (platform, kind of id, value)."""

    id: str
    name: str
    tier: str
    agency: str
    aliases: tuple[tuple[str, str, str], ...]


class Product(NamedTuple):
    """One product; `sku` is the merchant's own code, the same on every platform."""

    id: str
    sku: str
    title: str
    category: str
    list_fen: int
    cost_fen: int


class Session(NamedTuple):
    """A live session; co-hosts share it by percent."""

    platform: str
    id: str
    account: str
    streamer: str
    shares: tuple[tuple[str, int], ...]
    start: int
    end: int
    title: str
    mode: str


class Person(NamedTuple):
    """Somebody who buys or only looks; `bound` are the platforms tied to the membership."""

    number: int
    phone: str
    platforms: tuple[str, ...]
    member: bool
    bound: tuple[str, ...]
    joined: int


class Line(NamedTuple):
    """One order line; prices are per piece before coupons, `paid_fen` is for the line."""

    id: str
    product: Product
    size: str
    qty: int
    price_fen: int
    paid_fen: int
    kind: str = "normal"
    shop_coupon_fen: int = 0
    platform_coupon_fen: int = 0
    streamer_coupon_fen: int = 0


class Order(NamedTuple):
    """An order as it stands when it is exported.

    `phone` is the receiver's, who need not be the buyer. `giver` is the payer of a present.
    `sharer` is empty, a person's unionid, or `unresolved`.
    """

    platform: str
    id: str
    person: int
    phone: str
    created: int
    paid: int | None
    shipped: int | None
    completed: int | None
    updated: int
    status: str
    lines: tuple[Line, ...]
    freight_fen: int = 0
    deposit_fen: int = 0
    deposit_at: int | None = None
    form: str = "unknown"
    session: str = ""
    video: str = ""
    streamer: str = ""
    mode: str = "self"
    giver: int | None = None
    sharer: str = ""
    memo: str = ""
    currency: str = "CNY"

    @property
    def payer(self) -> int:
        """Who pays: of a present, not who gets it."""
        return self.person if self.giver is None else self.giver

    @property
    def paid_fen(self) -> int:
        """What the buyer pays in all, freight included."""
        return sum(line.paid_fen for line in self.lines) + self.freight_fen


class Refund(NamedTuple):
    """A claim after the sale, in canonical words."""

    id: str
    platform: str
    order: str
    line: str
    sku: str
    product: str
    kind: str
    status: str
    amount_fen: int
    qty: int
    applied: int
    final: int | None
    updated: int


class LiveEvent(NamedTuple):
    """One thing somebody did in a live room that the play in the room reports."""

    id: str
    person: int
    session: str
    kind: str
    at: int
    number: int

    @property
    def at_ms(self) -> int:
        """When, in epoch milliseconds."""
        return self.at * 1_000 + int(digits("ms", self.id, length=3))


class PageEvent(NamedTuple):
    """One row of the pixel of the brand's own mall."""

    id: str
    person: int
    kind: str
    at: int
    logged_in: bool
    utm: tuple[str, str, str, str, str]
    click: tuple[str, str]
    product: str

    @property
    def at_ms(self) -> int:
        """When, in epoch milliseconds."""
        return self.at * 1_000 + int(digits("px", self.id, length=3))


class Click(NamedTuple):
    """A click on an ad, as the monitor link is called."""

    network: str
    id: str
    person: int
    at: int
    campaign: str
    group: str
    creative: str

    @property
    def at_ms(self) -> int:
        """When, in epoch milliseconds; one of the two networks tells whole seconds only."""
        inside = int(digits("click", self.id, length=3)) if self.network == "kuaishou" else 0
        return self.at * 1_000 + inside


class Claim(NamedTuple):
    """A platform says that an ad or a promoter brought an order."""

    claimer: str
    order: str
    line: str
    kind: str
    days: int
    amount_fen: int
    at: int
    placement: str
    ad: str
    state: str
    streamer: str
    commission_fen: int


class ErpLine(NamedTuple):
    """A line as the ERP books it."""

    id: str
    order: str
    sku: str
    qty: int
    paid_fen: int
    cost_fen: int
    gift: bool


class ErpOrder(NamedTuple):
    """An ERP order; `orders` are the platform orders it holds, more than one when merged."""

    system: str
    id: str
    platform: str
    orders: tuple[str, ...]
    person: int
    kind: str
    status: str
    paid_fen: int
    created: int
    paid: int
    updated: int
    lines: tuple[ErpLine, ...]


class Happened(NamedTuple):
    """Everything that happened."""

    people: list[Person]
    sessions: list[Session]
    orders: list[Order]
    refunds: list[Refund]
    live_events: list[LiveEvent]
    page_events: list[PageEvent]
    clicks: list[Click]
    claims: list[Claim]
    erp: list[ErpOrder]


def paid_orders(world: Happened) -> dict[str, list[Order]]:
    """Paid orders by the room they name."""
    found: dict[str, list[Order]] = defaultdict(list)
    for order in world.orders:
        if order.session and order.paid is not None:
            found[order.session].append(order)
    return found
