"""The brand's own mall: pixel, orders, refunds, members."""

from __future__ import annotations

from attribution.worlds.brand.formats import (
    WECHAT_APP,
    Record,
    clock,
    member_id,
    merchant_sku,
    open_id,
    search_index,
    yuan,
)
from attribution.worlds.brand.records import (
    Order,
    PageEvent,
    Person,
    Refund,
    token,
)

__all__ = [
    "MALL_HEADER",
    "MALL_REFUND_HEADER",
    "MEMBER_HEADER",
    "mall_order_rows",
    "mall_refund_row",
    "member_row",
    "page_records",
]

MALL_HEADER = [
    "order_id", "line_id", "member_id", "phone", "receiver_name", "receiver_phone",
    "receiver_address", "status", "created_at", "paid_at", "updated_at", "currency", "paid",
    "freight", "coupon", "product_id", "merchant_sku", "qty", "list_price", "line_paid",
]  # fmt: skip
SURNAMES = "云松岩溪岚苔雪砾"
GIVEN = ("见山", "知远", "望川", "听泉", "踏雪", "问松")


def mall_name(person: int) -> str:
    """An invented receiver."""
    return SURNAMES[person % 8] + GIVEN[person // 8 % 6]


def mall_order_rows(order: Order, person: Person) -> list[list[str]]:
    """The rows of one order of the brand's own mall, one per line."""
    return [
        [
            order.id, line.id, member_id(order.person), person.phone, mall_name(person.number),
            order.phone, f"云杉市松塔路{person.number % 300 + 1}号", order.status,
            clock(order.created), clock(order.paid), clock(order.updated), order.currency,
            yuan(order.paid_fen),
            yuan(order.freight_fen), yuan(sum(x.shop_coupon_fen for x in order.lines)),
            line.product.id, merchant_sku(line), str(line.qty), yuan(line.price_fen),
            yuan(line.paid_fen),
        ]
        for line in order.lines
    ]  # fmt: skip


MALL_REFUND_HEADER = [
    "refund_id", "platform", "order_id", "line_id", "kind", "status", "amount", "qty",
    "applied_at", "final_at", "updated_at",
]  # fmt: skip


def mall_refund_row(refund: Refund) -> list[str]:
    """One refund of the brand's own mall, in the package's own words."""
    return [
        refund.id, "own_mall", refund.order, refund.line, refund.kind, refund.status,
        yuan(refund.amount_fen), str(refund.qty), clock(refund.applied), clock(refund.final),
        clock(refund.updated),
    ]  # fmt: skip


def page_records(event: PageEvent, person: Person) -> list[Record]:
    """What the pixel logs of one event: also the login, where there is one."""
    row: Record = {
        "event_id": event.id,
        "event": event.kind,
        "timestamp": event.at_ms,
        "anon_id": token("anon", event.person, length=12),
    }
    rows = []
    if event.logged_in:
        # The login itself tells nothing of a visit, but who came: an SMS proved the phone.
        login = {**row, "event_id": event.id + "L", "event": "login"}
        row["member_id"] = member_id(event.person)
        rows.append({**login, "member_id": row["member_id"], "phone": person.phone})
    row |= {
        f"utm_{name}": value
        for name, value in zip(
            ("source", "medium", "campaign", "content", "term"), event.utm, strict=True
        )
        if value
    }
    if event.click[0]:
        row[event.click[0]] = event.click[1]
    if event.product:
        row["product_id"] = event.product
    return [*rows, row]


MEMBER_HEADER = [
    "member_id", "phone", "registered_at", "last_login_at", "appid", "wx_unionid", "wx_openid",
    "doudian_open_id", "douyin_sec_openid", "ks_open_id", "tb_open_uid", "douyin_phone_index",
    "kuaishou_phone_index",
]  # fmt: skip


def member_row(person: Person, seen: int) -> list[str]:
    """One member, last seen then: a phone verified by SMS, and the platform ids bound to it."""
    bound = set(person.bound)

    def when(platform: str, value: str) -> str:
        return value if platform in bound else ""

    number = person.number
    return [
        member_id(number), person.phone, clock(person.joined), clock(seen),
        when("wechat", WECHAT_APP), when("wechat", open_id("wx_unionid", number)),
        when("wechat", open_id("wx_openid", number)),
        when("douyin", open_id("doudian_open_id", number)),
        when("douyin", open_id("sec_openid", number)),
        when("kuaishou", open_id("ks_open_id", number)),
        when("taobao", open_id("tb_open_uid", number)),
        when("douyin", search_index("douyin", person.phone)),
        when("kuaishou", search_index("kuaishou", person.phone)),
    ]  # fmt: skip
