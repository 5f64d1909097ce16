"""What goes wrong in real exports, planted on purpose: in the world, or in the files only.

Every planter returns what it planted, where, and what a reader of the files must make of it; the
README's table and `truth.json` are written from that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from attribution.worlds.brand.douyin import doudian_order
from attribution.worlds.brand.erp import JUSHUITAN_HEADER
from attribution.worlds.brand.formats import (
    Document,
    Record,
    Records,
    Sheet,
    clock,
    member_id,
    yuan,
)
from attribution.worlds.brand.kuaishou import kuaishou_order
from attribution.worlds.brand.mall import MALL_HEADER, MEMBER_HEADER
from attribution.worlds.brand.records import (
    DAY,
    HOUR,
    MINUTE,
    Dice,
    ErpLine,
    ErpOrder,
    Happened,
    Order,
    Person,
    Refund,
    digits,
    invented_phone,
    moment,
)
from attribution.worlds.brand.taobao import taobao_trade
from attribution.worlds.brand.wechat import wechat_order
from attribution.worlds.brand.week import (
    EXPORTED,
    GIFT,
    WEEK,
    make_line,
    new_order_id,
    order_status,
)

__all__ = [
    "Bad",
    "Planted",
    "plant_in_erp",
    "plant_in_files",
    "plant_in_orders",
    "point_out",
    "resolved_later",
    "without_order",
]

JUSHUITAN = "erp/jushuitan_1109-1115.csv"
FIRST = 900  # numbers of planted orders, far from the ordinary ones


class Planted(NamedTuple):
    """A trap: where it lies, and what must happen."""

    trap: str
    where: str
    ids: tuple[str, ...]
    must: str


class Bad(NamedTuple):
    """A row that cannot stand and must be quarantined; `row` counts from 1 in its file."""

    file: str
    row: int
    why: str


def _order(platform: str, number: int, person: Person, at: int, **changes: object) -> Order:
    """One plain order, paid and not older than its age allows; `changes` replace its fields."""
    name = new_order_id(platform, FIRST + number)
    dice = Dice("planted", platform, number)
    shipped = at + 40 * HOUR
    plain = Order(
        platform, name, person.number, person.phone, at, at + 90, shipped, None,
        shipped if shipped <= EXPORTED else at + 90,
        order_status(at + 90, shipped, None, at, EXPORTED),
        (make_line(name, 0, 1, dice, 0),), form="own_mall" if platform == "own_mall" else "shop",
    )  # fmt: skip
    if platform == "taobao":
        plain = plain._replace(form="unknown")
    if platform == "wechat":
        plain = plain._replace(form="showcase")
    return plain._replace(**changes)  # type: ignore[arg-type]


def _somebody(people: list[Person], platform: str, phone: str = "", **changes: object) -> Person:
    """Add a person who only buys on one platform and is no member."""
    number = len(people)
    person = Person(
        number, phone or invented_phone(number), (platform,), False, (), WEEK - 90 * DAY
    )
    person = person._replace(**changes)  # type: ignore[arg-type]
    people.append(person)
    return person


def plant_in_orders(
    people: list[Person], orders: list[Order], refunds: list[Refund]
) -> list[Planted]:
    """Add people, orders and refunds; returns what they test."""
    planted: list[Planted] = []
    noon = moment("2026-11-12 12:00")

    def say(trap: str, where: str, ids: Iterable[str], must: str) -> None:
        planted.append(Planted(trap, where, tuple(ids), must))

    # Lines that cost and do not earn.
    kinds = (("zero_yuan", 0), ("lucky_bag", 0), ("sample", 0), ("sample", 9_900))
    given = []
    for number, (kind, paid) in enumerate(kinds):
        order = _order("douyin", number, _somebody(people, "douyin"), noon + number * HOUR)
        line = order.lines[0]._replace(
            kind=kind, paid_fen=paid, shop_coupon_fen=0, platform_coupon_fen=0,
            streamer_coupon_fen=0,
        )  # fmt: skip
        given.append(order._replace(lines=(line,)))
    orders += given
    say("0 yuan, lucky bag, sample", "douyin/orders_20261112.json", (o.id for o in given),
        "cost, not revenue: gross 0, though the last sample was paid with 99.00 yuan")  # fmt: skip

    # Orders that are none.
    memos = ("测试单，请勿发货", "测试", "刷单-老王", "补单")
    fake = [
        _order("douyin", 10 + n, _somebody(people, "douyin"), noon - n * HOUR, memo=memo)
        for n, memo in enumerate(memos)
    ]
    fake += [
        _order("taobao", n, _somebody(people, "taobao"), noon - n * HOUR, memo=memo)
        for n, memo in enumerate(("测试订单", "刷单 1112"))
    ]
    orders += fake
    say("test and fake orders", "douyin/orders_20261112.json, taobao/trades.csv",
        (o.id for o in fake),
        "left out by the seller's memo and listed; the ERP holds them too and must not bring them "
        "back")  # fmt: skip

    # Presents: the payer is who buys.
    buyers = [o for o in orders if o.platform == "wechat" and o.paid is not None][:40]
    gifts = []
    for n in range(3):
        giver = buyers[n * 7].person
        got = _somebody(people, "wechat")
        gifts.append(_order("wechat", n, got, noon + n * HOUR, giver=giver))
    orders += gifts
    say("gift recipient", "wechat/orders.json", (o.id for o in gifts),
        "openid and unionid are the recipient's; the person is the payer, present_giver_openid, "
        "and the two are never linked")  # fmt: skip

    # Who shared is found out later, or never.
    late = [
        _order("wechat", 10 + n, _somebody(people, "wechat"), noon + n * HOUR,
               form="private_chat", sharer="unresolved")
        for n in range(3)
    ]  # fmt: skip
    orders += late
    say("sharer not resolved", "wechat/orders.json", (o.id for o in late[1:]),
        "no sharer yet (handling_progress 0); the order stands")  # fmt: skip
    say("sharer resolved by a later poll", "wechat/orders.json, wechat/orders_repoll.json",
        (late[0].id,), "the later poll's sharer and commission count once")  # fmt: skip

    # Phones that join too much.
    leader = "15400000777"
    crowd = [_somebody(people, "douyin", leader) for _ in range(6)]
    shared = [_order("douyin", 20 + n, p, noon + n * 20 * MINUTE) for n, p in enumerate(crowd)]
    twice = [_order("douyin", 30 + n, p, noon + DAY + n * HOUR) for n, p in enumerate(crowd[:3])]
    orders += shared + twice
    say("group leader's phone", "douyin/orders_20261112.json, orders_20261113.json",
        (o.id for o in shared + twice),
        "six buyers, one receiver's search_index: a hub, so six persons, and the index "
        "quarantined")  # fmt: skip
    at_leader = [
        _order("own_mall", 10 + n, _somebody(people, "own_mall", member=True),
               noon + n * 25 * MINUTE, phone=leader)
        for n in range(5)
    ]  # fmt: skip
    orders += at_leader
    say("parcels to a group leader", "mall/orders.csv", (o.id for o in at_leader),
        "receiver_phone is never read: five members, five persons")  # fmt: skip
    family = "15400000555"
    pair = [_somebody(people, "douyin", family) for _ in range(2)]
    at_home = [_order("douyin", 40 + n, p, noon + n * DAY) for n, p in enumerate(pair)]
    orders += at_home
    say("family phone", "douyin/orders_20261112.json, orders_20261113.json",
        (o.id for o in at_home),
        "two buyers, one search_index, one order each: one medium link: two persons")  # fmt: skip
    recycled = "15400000999"
    before = _somebody(
        people,
        "wechat",
        recycled,
        member=True,
        bound=("wechat",),
        joined=moment("2024-02-01 10:00"),
    )
    after = _somebody(
        people,
        "wechat",
        recycled,
        member=True,
        bound=("wechat",),
        joined=moment("2026-10-28 21:00"),
    )
    both = [_order("wechat", 20 + n, p, noon + n * HOUR) for n, p in enumerate((before, after))]
    orders += both
    say("recycled number", "mall/members.csv, wechat/orders.json",
        (member_id(before.number), member_id(after.number), *(o.id for o in both)),
        "one phone, with one unionid until May 2024, since October 2026 with another: two "
        "persons")  # fmt: skip

    # Money that does not fit.
    abroad = _somebody(people, "own_mall", member=True)
    strange = _order("own_mall", 0, abroad, noon, currency="USD")
    orders.append(strange)
    say("foreign currency", "mall/orders.csv", (strange.id,), "quarantined, not converted")
    much = _order("douyin", 50, _somebody(people, "douyin"), moment("2026-11-10 09:00"))
    orders.append(much)
    above = Refund(
        "14" + digits("refund", "above", length=17), "douyin", much.id, much.lines[0].id, "",
        much.lines[0].product.id, "refund_after_ship", "success", much.paid_fen + 5_000, 1,
        much.created + 2 * DAY, much.created + 3 * DAY, much.created + 3 * DAY,
    )  # fmt: skip
    refunds.append(above)
    say("refund above paid", "douyin/refunds.json", (above.id,), "kept; net revenue 0, not below")
    unknown = [
        Refund(
            "14" + digits("refund", platform, length=17), platform,
            new_order_id(platform, FIRST + 99), new_order_id(platform, FIRST + 99), "",
            GIFT.id, "return_refund", "success", 19_900, 1, noon, noon + 30 * HOUR,
            noon + 30 * HOUR,
        )
        for platform in ("douyin", "kuaishou")
    ]  # fmt: skip
    refunds += unknown
    say("refund for an unknown order", "douyin/refunds.json, kuaishou/refunds.json",
        (r.id for r in unknown),
        "kept, and joined when the order comes; takes from no revenue")  # fmt: skip
    return planted


def plant_in_erp(world: Happened) -> list[Planted]:
    """Add ERP orders no platform tells of, and those that repeat one."""
    planted: list[Planted] = []
    rows = world.erp
    kuaishou = [e for e in rows if e.platform == "kuaishou" and len(e.orders) == 1]
    again = []
    for n, kind in enumerate(("补发订单",) * 4 + ("换货订单",) * 3):
        old = kuaishou[n * 9]
        paid = 0 if kind == "补发订单" else old.paid_fen
        again.append(
            old._replace(
                id=str(4_899_000 + n), kind=kind, paid_fen=paid, created=old.paid + 2 * DAY,
                lines=tuple(x._replace(paid_fen=paid) for x in old.lines),
            )
        )  # fmt: skip
    rows += again
    planted.append(
        Planted("补发 and 换货 orders", JUSHUITAN, tuple(e.id for e in again),
                "left out and listed, though an exchange repeats the price of the first order")
    )  # fmt: skip
    known_only = []
    for n in range(5):
        dice = Dice("erp-only", n)
        paid = WEEK + 3 * DAY + n * 7 * HOUR
        line = make_line("P7900" + digits("xhs", n, length=14), 0, 1, dice, 0)
        known_only.append(
            ErpOrder(
                "jushuitan", str(4_898_000 + n), "xiaohongshu", (line.id,), n, "普通订单",
                "Confirmed", line.paid_fen, paid - 60, paid, paid + HOUR,
                (ErpLine(line.id, line.id, f"{line.product.sku}-{line.size}", line.qty,
                         line.paid_fen, line.product.cost_fen, gift=False),),
            )
        )  # fmt: skip
    rows += known_only
    planted.append(
        Planted("orders only the ERP knows", JUSHUITAN,
                tuple(e.orders[0] for e in known_only),
                "orders of 小红书, known from the ERP alone")
    )  # fmt: skip
    return planted


def _find(world: Happened, wanted: Callable[[Order], bool]) -> list[str]:
    return [order.id for order in world.orders if wanted(order)]


def point_out(world: Happened) -> list[Planted]:
    """List what an ordinary week already holds of the traps."""
    paid_refunds = [r for r in world.refunds if r.status == "success"]
    merged = [e for e in world.erp if len(e.orders) > 1]
    held: dict[str, int] = {}
    for row in world.erp:
        if row.kind == "普通订单":
            for order in row.orders:
                held[order] = held.get(order, 0) + 1
    night = [s for s in world.sessions if clock(s.start)[:10] != clock(s.end)[:10]]
    claimed: dict[str, int] = {}
    for claim in world.claims:
        if claim.claimer == "qianchuan":
            claimed[claim.order] = claimed.get(claim.order, 0) + 1
    closed = {o.id for o in world.orders if o.status == "refund_closed"}
    rows: list[tuple[str, str, list[str], str]] = [
        ("child id = parent id", "douyin/orders_*.json, taobao/*.csv",
         _find(world, lambda o: o.platform in ("douyin", "taobao") and len(o.lines) == 1
               and o.lines[0].id == o.id),
         "order and line are two rows; neither swallows the other"),
        ("presale, paid in full", "douyin/orders_*.json, taobao/trades.csv",
         _find(world, lambda o: o.deposit_at is not None and o.paid is not None),
         "attributed at the deposit, booked at the final payment"),
        ("presale, deposit only", "douyin/orders_*.json, taobao/trades.csv",
         _find(world, lambda o: o.deposit_at is not None and o.paid is None),
         "partially_paid: no revenue yet; the amount shown is the deposit"),
        ("free gift lines", "douyin/orders_*.json, wechat/orders.json",
         _find(world, lambda o: any(x.kind == "gift" for x in o.lines)),
         "given_product_type FREE or is_free_gift: cost, not revenue"),
        ("platform-borne coupon", "douyin/orders_*.json",
         _find(world, lambda o: o.platform == "douyin"
               and any(x.platform_coupon_fen for x in o.lines)),
         "only_platform_cost_amount is the platform's cost, not yours"),
        ("streamer-borne coupon", "douyin/orders_*.json, wechat/orders.json",
         _find(world, lambda o: o.platform in ("douyin", "wechat")
               and any(x.streamer_coupon_fen for x in o.lines)),
         "the streamer's cost, not yours"),
        ("partial refunds", "*/refunds.json",
         [r.id for r in paid_refunds if r.kind == "refund_after_ship"],
         "take their own amount from net; the order's status does not change"),
        ("price protection", "*/refunds.json",
         [r.id for r in paid_refunds if r.kind == "price_protect"],
         "takes its amount from net; no goods come back (WeChat has no word for it)"),
        ("exchanges", "*/refunds.json", [r.id for r in world.refunds if r.kind == "exchange"],
         "take nothing from revenue"),
        ("ERP merges", "erp/*", [e.id for e in merged],
         "one ERP order, several platform orders (merge_so_id, src_tids): each stays one order"),
        ("ERP splits", "erp/*", [o for o, count in held.items() if count > 1],
         "one platform order in two ERP orders: one order, booked once"),
        ("cancelled in the ERP after a refund", "erp/*",
         [e.id for e in world.erp if e.status == "Cancelled" and e.orders[0] in closed],
         "the platform's order stands: paid, and refunded"),
        ("orders the ERP has not yet", "erp/*",
         _find(world, lambda o: o.paid is not None and o.id not in held and o.status == "paid"),
         "paid in the last hour of the week: known from the platform alone"),
        ("sessions past midnight", "qianchuan/sessions.json", [s.id for s in night],
         "belong to the day they start, and take orders of both days"),
        ("co-hosted session", "sessions.csv", [s.id for s in world.sessions if s.shares],
         "two streamers share it 60 : 40"),
        ("streamer alias unmapped", "douyin/*, taobao/taobaoke.xlsx",
         sorted({o.session for o in world.orders if o.streamer == "s99" and o.session}),
         "streamer `unknown`, the alias listed with its orders; nothing dropped"),
        ("the same order claimed twice", "qianchuan/claims.json",
         [o for o, count in claimed.items() if count > 1],
         "direct and indirect claims stay two claims; the over-claim ratio shows them"),
    ]  # fmt: skip
    return [Planted(trap, where, tuple(ids), must) for trap, where, ids, must in rows]


# In the files only ---------------------------------------------------------------------------


def _records(documents: dict[str, Document], name: str) -> list[Record]:
    document = documents[name]
    assert isinstance(document, Records)  # noqa: S101
    return document.records


def _rows(documents: dict[str, Document], name: str) -> list[list[str]]:
    document = documents[name]
    assert isinstance(document, Sheet)  # noqa: S101
    return document.rows


def plant_in_files(
    documents: dict[str, Document], world: Happened
) -> tuple[list[Planted], list[Bad], dict[str, bytes]]:
    """Spoil the documents; the bytes returned go behind the end of the file they are named for."""
    planted, bad, tails = [], [], {}

    def say(trap: str, where: str, ids: Iterable[str], must: str) -> None:
        planted.append(Planted(trap, where, tuple(ids), must))

    def spoil(name: str, row: list[str] | Record, why: str) -> None:
        """Append a row that must be quarantined."""
        target = documents[name]
        inside: list[Any] = target.rows if isinstance(target, Sheet) else target.records
        inside.append(row)
        bad.append(Bad(name, len(inside), why))

    by_id = {(o.platform, o.id): o for o in world.orders}

    # Orders pulled twice: an older state in the daily pull, a newer one later, or the other way.
    again, stale = [], []
    daily = [name for name in documents if name.startswith("douyin/orders_")]
    for name in daily:
        records = _records(documents, name)
        moved = [r for r in records if r["main_status"] == 3][3::9][:5]
        for record in moved:
            order = by_id["douyin", record["order_id"]]
            assert order.paid is not None  # noqa: S101
            then = order._replace(status="paid", updated=order.paid)
            again.append(doudian_order(order))
            records[records.index(record)] = doudian_order(then)
    late = "douyin/orders_20261116_refresh.json"
    first = documents[daily[0]]
    assert isinstance(first, Records)  # noqa: S101
    for record in [r for r in _records(documents, daily[1]) if r["main_status"] == 5][:3]:
        order = by_id["douyin", record["order_id"]]
        assert order.paid is not None  # noqa: S101
        stale.append(doudian_order(order._replace(status="paid", updated=order.paid)))
    before = first.before.replace(f'"total":{len(first.records)}', f'"total":{len(again) + 3}')
    documents[late] = Records(before, [*stale, *again], first.after)
    say("orders pulled again, newer", late, (r["order_id"] for r in again),
        "one order each: the newest update_time wins")  # fmt: skip
    say("orders pulled again, older", late, (r["order_id"] for r in stale),
        "the older state comes later in file order and must not win")  # fmt: skip
    doubled = _records(documents, daily[2])[5:45:8]
    _records(documents, daily[2]).extend(doubled)
    say("the same record twice in a file", daily[2], (r["order_id"] for r in doubled),
        "one order each")  # fmt: skip

    resolved = resolved_later(world)
    sharer = next(o.sharer for o in world.orders if len(o.sharer) == 28)
    poll = wechat_order(resolved._replace(sharer=sharer, updated=resolved.updated + 6 * HOUR))
    shop = documents["wechat/orders.json"]
    assert isinstance(shop, Records)  # noqa: S101
    documents["wechat/orders_repoll.json"] = Records(shop.before, [poll], shop.after)

    # Pushes come twice, and not in order.
    pushes = [name for name in documents if name.startswith("douyin/live_events/")]
    repeated = []
    for name in pushes:
        records = _records(documents, name)
        copies = [dict(r) for r in records[4::40]]
        repeated += [b["msg_id"] for r in copies for b in r["body"]]
        for n, copy in enumerate(copies):
            records.insert(min(len(records), 4 + 40 * n + 9), copy)
        for n in range(10, len(records) - 3, 25):
            records[n], records[n + 2] = records[n + 2], records[n]
    say("pushes twice and out of order", "douyin/live_events/*.jsonl", repeated,
        "one touchpoint for each msg_id, in the order of its own timestamp")  # fmt: skip
    skewed = dict(_records(documents, pushes[3])[0])
    body = dict(skewed["body"][0])
    body["msg_id"] = "7099999" + digits("skew", length=12)
    body["timestamp"] += 3 * DAY * 1_000
    skewed["body"] = [body]
    spoil(pushes[3], skewed, "clock skew: three days after it was received")

    # Phones as people write them, and phones that are no key.
    members = _rows(documents, "mall/members.csv")
    forms = ("+86 154-{0} {1}", "0086154{0}{1}", "１５４{0}{1}", " 154 {0} {1}", "(+86)154{0}{1}")
    written = []
    plain = [p for p in world.people if p.member][20:60:9]
    at = {row[0]: n for n, row in enumerate(members)}
    for form, person in zip(forms, plain, strict=False):
        row = members[at[member_id(person.number)]]
        row[1] = form.format(person.phone[3:7], person.phone[7:])
        written.append(row[0])
    say("phones written in many ways", "mall/members.csv", written,
        "the same phone as in the member's orders")  # fmt: skip
    odd = ("154****0012", "0012", "15400000012-3344", "15400000013转8812", "17000000000",
           "17100000000", "0571-00000000")  # fmt: skip
    nobody = []
    for n, phone in enumerate(odd):
        row = [f"M19990{n}", phone, clock(WEEK - 40 * DAY), clock(WEEK + DAY)]
        members.append(row + [""] * (len(MEMBER_HEADER) - len(row)))
        nobody.append(row[0])
    say("masked and virtual phones", "mall/members.csv", nobody,
        "no key: the member stands, the phone links nobody")  # fmt: skip
    for person in world.people:
        if person.joined < moment("2024-12-31 00:00"):
            members[at[member_id(person.number)]][3] = clock(moment("2024-05-03 19:30"))
    say("masked phones in platform files", "douyin, wechat, taobao", (),
        "mask_post_tel, tel_number and 联系手机 are never read")  # fmt: skip

    # Hostile text.
    sessions = _rows(documents, "sessions.csv")
    shows = [row for row in sessions if row[0] == "taobao"]
    shows[1][7] = '=HYPERLINK("http://example.invalid","天猫直播")'
    shows[2][7] = "<img src=x onerror=alert(1)>天猫直播"
    say("formula and HTML in a title", "sessions.csv", (shows[1][1], shows[2][1]),
        "shown as text, everywhere")  # fmt: skip

    # Rows that cannot stand.
    someone = next(o for o in world.orders if o.platform == "taobao" and o.paid is not None)
    trade = taobao_trade(someone)
    spoil("taobao/trades.csv", ["2.46189E+18", *trade[1:]], "id in scientific notation")
    spoil("taobao/trades.csv", ["", *trade[1:]], "order without id")
    spoil("taobao/trades.csv", ["\t2469999000000000017", trade[1], "神秘状态", *trade[3:]],
          "unknown status")  # fmt: skip
    sheet = documents["taobao/trades.csv"]
    assert isinstance(sheet, Sheet)  # noqa: S101
    middle = 150
    sheet.rows.insert(middle, list(sheet.header))
    bad = [b._replace(row=b.row + 1) if b.file == "taobao/trades.csv" else b for b in bad]
    bad.append(Bad("taobao/trades.csv", middle + 1, "the header again"))
    no_id = doudian_order(_copy(world, "douyin"))
    spoil("douyin/orders_20261112.json", {**no_id, "order_id": "", "sku_order_list": []},
          "order without id")  # fmt: skip
    strange = wechat_order(without_order(world))
    strange |= {"order_id": "3799999000000000021", "status": 999}
    spoil("wechat/orders.json", strange, "unknown status")
    seconds = kuaishou_order(_copy(world, "kuaishou"))
    seconds["orderBaseInfo"] |= {
        "oid": 2631999900000000023,
        "createTime": seconds["orderBaseInfo"]["createTime"] // 1_000,
    }
    spoil("kuaishou/orders.json", seconds, "epoch seconds where milliseconds belong")
    refund = dict(_records(documents, "taobao/refunds.json")[0])
    refund |= {"refund_id": "1499999000000000029", "refund_fee": "12.345"}
    spoil("taobao/refunds.json", refund, "a third of a fen")
    claim = dict(_records(documents, "qianchuan/claims.json")[0])
    claim["order_id"] = 6.935e18
    spoil("qianchuan/claims.json", claim, "64-bit id that went through floating point")
    wrong = dict(zip(JUSHUITAN_HEADER, _rows(documents, JUSHUITAN)[0], strict=True))
    lost = "6999999000000000031"
    wrong |= {"o_id": "4899901", "so_id": lost, "raw_so_id": lost, "outer_oi_id": lost}
    wrong |= {"merge_so_id": "", "paid_amount": "1.2E+03"}
    spoil(JUSHUITAN, list(wrong.values()), "amount in scientific notation")
    spoil("costs.csv", ["C999", "douyin", "slotting", yuan(120_000), clock(WEEK), "", "", "channel",
          "douyin", "confirmed", "none", ""], "unknown kind of cost")  # fmt: skip
    mall = _rows(documents, "mall/orders.csv")
    bad += [
        Bad("mall/orders.csv", n, "currency other than CNY")
        for n, row in enumerate(mall, 1)
        if row[MALL_HEADER.index("currency")] == "USD"
    ]
    spoil("mall/orders.csv", [*mall[0][:7], "多出来的一列", *mall[0][7:]], "a cell too many")
    events = _records(documents, "mall/events.jsonl")
    tails["mall/events.jsonl"] = b'{"event_id":"px99999","event":"page_view","times'
    bad.append(Bad("mall/events.jsonl", len(events) + 1, "the file ends in mid-record"))
    say("64-bit ids", "qianchuan, kuaishou, commission: as JSON numbers; trades.csv: behind a tab",
        (), "every digit kept")  # fmt: skip
    say("units", "commission_rate ×1e4, commissionRate ‰, tk_total_rate %; fen, yuan; s, ms, text",
        (), "one unit each in the store")  # fmt: skip
    say("claims above sales", "kuaishou/ad_report.json", (),
        "two campaigns claim the same orders: together more than 快手 sold")  # fmt: skip
    say("untagged visits", "mall/events.jsonl", (), "kept; `check` lists them by page")
    return planted, sorted(bad), tails


def resolved_later(world: Happened) -> Order:
    """The order whose sharer a later poll names."""
    return next(o for o in world.orders if o.sharer == "unresolved")


def without_order(world: Happened) -> Order:
    """What the order is like of which nothing can be read but its platform's fee."""
    return _copy(world, "wechat")


def _copy(world: Happened, platform: str) -> Order:
    return next(o for o in world.orders if o.platform == platform and o.paid is not None)
