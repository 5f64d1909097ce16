"""A week of a fictional brand, as it happened: people, sessions, orders, refunds, touchpoints.

Nothing here knows how a platform writes its files; the modules named for the platforms do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attribution.worlds.brand.records import (
    DAY,
    HOUR,
    MINUTE,
    Claim,
    Click,
    Dice,
    ErpLine,
    ErpOrder,
    Happened,
    Line,
    LiveEvent,
    Order,
    PageEvent,
    Person,
    Product,
    Refund,
    Session,
    Streamer,
    digits,
    invented_phone,
    moment,
    token,
)

__all__ = [
    "EXPORTED",
    "GIFT",
    "PRODUCTS",
    "SIZES",
    "STREAMERS",
    "WEEK",
    "account",
    "beginnings",
    "follow",
    "last_seen",
    "make_line",
    "new_order_id",
    "order_status",
]

WEEK = moment("2026-11-09 00:00")
WEEK_END = WEEK + 7 * DAY
EXPORTED = moment("2026-11-16 09:00")


STREAMERS = (
    Streamer(
        "s01", "晚晴", "head", "mcn-yunduan",
        (
            ("douyin", "buyin_id", "7185003301442216"),
            ("douyin", "aweme_id", "58213370914"),
            ("douyin", "author_id", "2890417733651048"),
            ("douyin", "short_id", "wanqing_live"),
            ("taobao", "tb_adzone", "115403300128"),
        ),
    ),
    Streamer("s02", "阿沐", "waist", "mcn-laotie", (("kuaishou", "ks_role_id", "3401178826"),)),
    Streamer(
        "s03", "青禾", "staff", "",
        (
            ("douyin", "aweme_id", "90117734420"),
            ("douyin", "author_id", "1184460093275518"),
            ("douyin", "buyin_id", "6920044718835502"),
        ),
    ),
    Streamer("s04", "小满", "staff", "", ()),
    Streamer("s05", "若溪", "staff", "", ()),
    Streamer(
        "s06", "知夏", "staff", "",
        (
            ("wechat", "finder_id", "sphQ7mK2vXz0nR4"),
            ("wechat", "openfinderid", "oFnd5x8Lq2Wc9Ty1"),
        ),
    ),
    Streamer(
        "s08", "南星", "koc", "mcn-yunduan",
        (
            ("douyin", "buyin_id", "7033918846220175"),
            ("douyin", "author_id", "4071528836690213"),
            ("douyin", "short_id", "nanxing_outdoor"),
            ("taobao", "tb_adzone", "115403300557"),
        ),
    ),
)  # fmt: skip
# Not in the alias table: what he brings stays `unknown` and is listed.
STRANGER = Streamer(
    "s99", "", "koc", "",
    (
        ("douyin", "author_id", "3366190247715502"),
        ("douyin", "buyin_id", "7250117390264418"),
        ("douyin", "aweme_id", "66120945538"),
        ("taobao", "tb_adzone", "115403309999"),
    ),
)  # fmt: skip


def account(streamer: str, kind: str, platform: str = "douyin") -> str:
    """The id of one kind a platform knows a streamer by, or empty."""
    for known in (*STREAMERS, STRANGER):
        if known.id == streamer:
            return next((v for p, k, v in known.aliases if (p, k) == (platform, kind)), "")
    return ""


PRODUCTS = (
    Product("P01", "SL-JK01", "云岭三合一冲锋衣", "shell_jacket", 89900, 33200),
    Product("P02", "SL-JK02", "溪谷轻量冲锋衣", "shell_jacket", 59900, 21500),
    Product("P03", "SL-JK03", "雪线硬壳冲锋衣", "shell_jacket", 129900, 51800),
    Product("P04", "SL-FL01", "松针抓绒外套", "fleece", 26900, 8900),
    Product("P05", "SL-FL02", "暖阳半拉链抓绒", "fleece", 21900, 7400),
    Product("P06", "SL-FL03", "岩羊厚绒马甲", "fleece", 32900, 11200),
    Product("P07", "SL-TR01", "砾石软壳裤", "trousers", 29900, 9800),
    Product("P08", "SL-TR02", "风行速干裤", "trousers", 23900, 7600),
    Product("P09", "SL-TR03", "雪径保暖裤", "trousers", 35900, 12900),
    Product("P10", "SL-BL01", "苔原美利奴内衣", "base_layer", 19900, 7800),
    Product("P11", "SL-BL02", "晨雾排汗内衣", "base_layer", 12900, 3900),
    Product("P12", "SL-AC01", "山雀毛线帽", "accessories", 6900, 1700),
    Product("P13", "SL-AC02", "云杉羊毛袜两双", "accessories", 4900, 1100),
    Product("P14", "SL-AC03", "松塔防风手套", "accessories", 8900, 2300),
    Product("P15", "SL-AC04", "山岚帆布收纳袋", "accessories", 3900, 700),
)
POPULARITY = (8, 9, 4, 13, 14, 8, 9, 10, 6, 11, 12, 9, 12, 8, 3)
SIZES = ("S", "M", "L", "XL")
GIFT = PRODUCTS[14]

ORDERS = {"douyin": 575, "kuaishou": 180, "taobao": 280, "wechat": 205, "own_mall": 228}
BUYERS = {"douyin": 470, "kuaishou": 150, "taobao": 240, "wechat": 165, "own_mall": 140}
WATCHERS = 70
# Monday the 9th to Sunday the 15th; Wednesday is 双11.
DAY_WEIGHTS = (11, 14, 34, 10, 9, 11, 11)
HOUR_WEIGHTS = (
    5,
    2,
    1,
    1,
    1,
    1,
    3,
    6,
    9,
    12,
    14,
    14,
    15,
    13,
    12,
    12,
    12,
    13,
    16,
    22,
    30,
    30,
    22,
    11,
)
RETURNS = {"shell_jacket": 44, "fleece": 38, "trousers": 46, "base_layer": 24, "accessories": 15}


def _sessions() -> Iterator[Session]:
    """The week's timetable: 30 sessions, two of them running past midnight on the 10th."""

    def one(
        platform: str, streamer: str, day: int, opens: str, minutes: int, title: str, mode: str,
        shares: tuple[tuple[str, int], ...] = (),
    ) -> Session:  # fmt: skip
        start = moment(f"2026-11-{day:02d} {opens}")
        name = (platform, streamer, day)
        room = {
            "douyin": "74" + digits("room", *name, length=17),
            "kuaishou": "81" + digits("room", *name, length=11),
            "taobao": "50" + digits("room", *name, length=10),
            "wechat": "export/" + token("room", *name, length=22),
        }[platform]
        owner = {
            "douyin": account(streamer, "aweme_id"),
            "kuaishou": account(streamer, "ks_role_id", "kuaishou"),
            "taobao": "shanlan-tmall",
            "wechat": account(streamer, "finder_id", "wechat"),
        }[platform]
        return Session(
            platform, room, owner, streamer, shares, start, start + minutes * MINUTE, title, mode
        )

    for day in range(9, 16):
        late = day == 10
        shares = (("s03", 60), ("s04", 40)) if day == 11 else ()
        yield one(
            "douyin", "s03", day, "18:00" if late else "14:00", 510 if late else 570,
            "双11不眠夜" if late else "山岚官方直播间", "self", shares,
        )  # fmt: skip
    for day, opens, minutes in ((10, "20:00", 300), (11, "19:30", 240), (13, "19:30", 240),
                                (15, "19:30", 240)):  # fmt: skip
        yield one("douyin", "s01", day, opens, minutes, "晚晴的户外夜", "kol")
    yield one("douyin", "s99", 12, "20:00", 120, "露营好物", "koc")
    for day in (9, 10, 11, 13, 15):
        yield one("kuaishou", "s02", day, "18:00", 240, "阿沐山货铺", "kol")
    for day in range(9, 16):
        yield one("taobao", "s05", day, "10:00", 720, "天猫旗舰店直播", "self")
    for day in (9, 10, 11, 12, 14, 15):
        yield one("wechat", "s06", day, "19:00", 180, "知夏慢逛山野", "self")


def _people() -> list[Person]:
    """Buyers by home platform, then people who only look."""
    people: list[Person] = []
    homes = [home for home, count in BUYERS.items() for _ in range(count)] + ["douyin"] * WATCHERS
    others = tuple(BUYERS)
    for number, home in enumerate(homes):
        dice = Dice("person", number)
        buys = number < len(homes) - WATCHERS
        platforms = [home]
        second = others[dice.pick((35, 15, 25, 20, 20))]
        if buys and dice.chance(28) and second != home:
            platforms.append(second)
        member = buys and (home == "own_mall" or dice.chance(58))
        bound = tuple(
            p for p in platforms if member and (p == "own_mall" or dice.chance(85))
        )  # fmt: skip
        phone = invented_phone(number)
        joined = WEEK - dice.between(3, 300) * DAY + dice.below(DAY)
        people.append(
            Person(number, phone, tuple(platforms) if buys else (), member, bound, joined)
        )
    return people


def _watchers(people: Sequence[Person]) -> list[Person]:
    """People who look and never order."""
    return [person for person in people if not person.platforms]


def new_order_id(platform: str, number: int) -> str:
    """An order id as the platform writes them: too long for floating point, except the mall's."""
    return {
        "douyin": "69" + f"{35_000 + number:05d}" + digits("order", platform, number, length=12),
        "kuaishou": "2631" + f"{number:04d}" + digits("order", platform, number, length=9),
        "taobao": "24" + f"{61_000 + number:05d}" + digits("order", platform, number, length=12),
        "wechat": "37" + f"{27_000 + number:05d}" + digits("order", platform, number, length=12),
        "own_mall": f"SL2611{number:05d}",
    }[platform]


def make_line(order: str, place: int, count: int, dice: Dice, coupon: int) -> Line:
    """Draw a line; a single line of a Douyin or Taobao order has the id of the order itself."""
    product = PRODUCTS[dice.pick(POPULARITY)]
    size = SIZES[dice.below(4)] if product.category != "accessories" else "F"
    qty = 2 if dice.chance(7) else 1
    price = product.list_fen * dice.between(72, 92) // 10_000 * 100
    shop = coupon * 100 if place == 0 else 0
    platform = 1_000 if place == 0 and dice.chance(22) else 0
    streamer = 500 if place == 0 and dice.chance(5) else 0
    line = order if count == 1 else str(int(order) + place + 1) if order.isdigit() else ""
    return Line(
        line or f"{order}-{place + 1}", product, size, qty, price,
        price * qty - shop - platform - streamer, "normal", shop, platform, streamer,
    )  # fmt: skip


def order_status(
    paid: int | None, shipped: int | None, completed: int | None, created: int, now: int
) -> str:
    """The canonical status an undisturbed order has at an instant."""
    if paid is None or paid > now:
        return "created" if now - created < 30 * MINUTE else "cancelled"
    if completed is not None and completed <= now:
        return "completed"
    return "shipped" if shipped is not None and shipped <= now else "paid"


def _when(dice: Dice, sessions: Sequence[Session]) -> tuple[int, Session | None]:
    """An instant in the week, and the session it falls in where one is asked for."""
    if not sessions:
        day, hour = dice.pick(DAY_WEIGHTS), dice.pick(HOUR_WEIGHTS)
        return WEEK + day * DAY + hour * HOUR + dice.below(HOUR), None
    weights = [
        max(1, DAY_WEIGHTS[(s.start - WEEK) // DAY] * ((s.end - s.start) // HOUR)) for s in sessions
    ]
    session = sessions[dice.pick(weights)]
    inside = dice.below(session.end - session.start - 3 * MINUTE)
    return session.start + 2 * MINUTE + inside, session


FORMS = {
    "douyin": (("live", 70), ("short_video", 14), ("shop", 16)),
    "kuaishou": (("live", 64), ("short_video", 13), ("live_replay", 6), ("shop", 10),
                 ("search", 5), ("feed", 2)),
    "taobao": (("unknown", 1),),
    "wechat": (("live", 54), ("short_video", 8), ("private_chat", 18), ("showcase", 14),
               ("article", 6)),
    "own_mall": (("own_mall", 1),),
}  # fmt: skip


def _order(platform: str, number: int, buyers: Sequence[Person], shows: Sequence[Session]) -> Order:
    """Draw one ordinary order."""
    dice = Dice("order", platform, number)
    order = new_order_id(platform, number)
    form = FORMS[platform][dice.pick([w for _, w in FORMS[platform]])][0]
    at, session = _when(dice, shows if form in ("live", "live_replay") else ())
    person = buyers[dice.below(len(buyers))]
    count = 1 if platform == "kuaishou" else (1, 2, 3)[dice.pick((76, 19, 5))]
    coupon = (0, 10, 20)[dice.pick((60, 25, 15))]
    drawn = [make_line(order, place, count, dice, coupon) for place in range(count)]
    # One line for one size of one product, as platforms have it.
    goods = {(line.product.id, line.size): line for line in reversed(drawn)}
    lines = tuple(line for line in drawn if goods[line.product.id, line.size] is line)
    streamer = session.streamer if session else ""
    video = ""
    if form == "short_video":
        streamer = {"douyin": "s08" if dice.chance(65) else "s01", "kuaishou": "s02"}.get(
            platform, "s06"
        )
        video = "73" + digits("video", platform, streamer, dice.below(5), length=17)
    alliance = streamer in ("s01", "s08", "s99", "s02")
    pays = not dice.chance(5)
    paid = at + dice.between(6, 240) if pays else None
    shipped = completed = None
    if paid is not None:
        shipped = paid + dice.between(14, 60) * HOUR + dice.below(HOUR)
        completed = shipped + dice.between(50, 130) * HOUR + dice.below(HOUR)
    sharer = ""
    if form == "private_chat":
        sharer = token("wx_unionid", buyers[dice.below(40)].number, length=28)
    return Order(
        platform, order, person.number, person.phone, at, paid, shipped, completed,
        max(t for t in (at, paid or 0, shipped or 0, completed or 0) if t <= EXPORTED),
        order_status(paid, shipped, completed, at, EXPORTED), lines,
        freight_fen=1_000 if dice.chance(4) else 0, form=form,
        session=session.id if session and form == "live" else "", video=video, streamer=streamer,
        mode="alliance" if alliance else "self", sharer=sharer,
    )  # fmt: skip


def _presale(order: Order, number: int) -> Order:
    """Turn an order into a presale: a deposit days before, the rest on 双11, or not yet."""
    dice = Dice("presale", order.platform, number)
    created = moment("2026-11-01 20:00") + dice.below(8 * DAY)
    line = order.lines[0]._replace(kind="presale", id=order.id)
    deposit = line.paid_fen // 500 * 100
    deposit_at = created + dice.between(10, 200)
    tail = moment("2026-11-11 00:00") + dice.below(16 * HOUR) if dice.chance(82) else None
    shipped = tail + dice.between(30, 70) * HOUR if tail else None
    return order._replace(
        lines=(line,), created=created, deposit_fen=deposit, deposit_at=deposit_at, paid=tail,
        shipped=shipped, completed=None, form="shop" if order.platform == "douyin" else order.form,
        session="", video="", streamer="", mode="self", freight_fen=0,
        status=order_status(tail, shipped, None, created, EXPORTED) if tail else "partially_paid",
        updated=max(t for t in (deposit_at, tail or 0, shipped or 0) if t <= EXPORTED),
    )  # fmt: skip


def _orders(people: Sequence[Person], sessions: Sequence[Session]) -> list[Order]:
    """Every ordinary order of the week."""
    orders = []
    for platform, count in ORDERS.items():
        buyers = [p for p in people if platform in p.platforms]
        shows = [s for s in sessions if s.platform == platform]
        for number in range(count):
            order = _order(platform, number, buyers, shows)
            if platform in ("douyin", "taobao") and number % 17 == 3:
                order = _presale(order, number)
            elif order.form == "live" and platform in ("douyin", "wechat") and number % 23 == 5:
                order = _with_gift(order)
            orders.append(order)
    return orders


def _with_gift(order: Order) -> Order:
    """Add a free gift line; with it the first line is no longer named like the order."""
    first = order.lines[0]
    if first.id == order.id and order.id.isdigit():
        first = first._replace(id=str(int(order.id) + 1))
    gift = Line(str(int(order.id) + 9), GIFT, "F", 1, 0, 0, "gift")
    return order._replace(lines=(first, *order.lines[1:], gift))


def _refunds(orders: Sequence[Order]) -> tuple[list[Order], list[Refund]]:
    """Draw what comes back by the day of export, and settle the status of the orders."""
    found: list[Refund] = []
    settled = []
    for order in orders:
        dice = Dice("refund", order.id)
        back = []
        for line in order.lines:
            if order.paid is None or line.paid_fen == 0:
                continue
            if not dice.chance(RETURNS[line.product.category]):
                continue
            refund = _refund(order, line, dice)
            if refund is not None:
                back.append(refund)
        found += back
        whole = sum(r.amount_fen for r in back if r.status == "success" and r.kind not in KEEPS)
        if back and whole == order.paid_fen:
            order = order._replace(status="refund_closed")
        newest = max([order.updated, *(r.updated for r in back)])
        settled.append(order._replace(updated=newest))
    return settled, found


KEEPS = ("exchange", "reship", "repair")


def _refund(order: Order, line: Line, dice: Dice) -> Refund | None:
    """One refund of a line, or none if nobody has asked for it yet."""
    assert order.paid is not None  # noqa: S101
    early = dice.chance(40)
    wait = dice.between(1, 40) * HOUR if early else (2, 3, 4, 5, 6, 8, 10, 13, 17, 21)[
        dice.pick((4, 8, 12, 14, 13, 14, 12, 10, 8, 5))
    ] * DAY  # fmt: skip
    applied = order.paid + wait + dice.below(HOUR)
    if applied > EXPORTED:
        return None
    shipped = order.shipped is not None and order.shipped <= applied
    kind = "return_refund" if shipped else "refund_before_ship"
    amount, qty = line.paid_fen, line.qty
    twist = dice.below(100)
    if shipped and twist < 6:
        kind, amount = "exchange", 0
    elif twist < 12:
        kind, amount, qty = "price_protect", dice.between(10, 60) * 100, 0
        amount = min(amount, line.paid_fen // 2)
    elif twist < 22:
        kind = "refund_after_ship" if shipped else kind
        amount = line.paid_fen * dice.between(20, 70) // 100
    hours = dice.between(40, 110) if kind == "return_refund" else dice.between(1, 20)
    final = applied + hours * HOUR
    status = "failed" if dice.chance(6) else "success"
    if final > EXPORTED:
        final_at, status = None, "in_return" if kind == "return_refund" else "requested"
    else:
        final_at = final
    return Refund(
        "14" + digits("refund", line.id, length=17), order.platform, order.id, line.id,
        f"{line.product.sku}-{line.size}", line.product.id, kind, status, amount, qty, applied,
        final_at, final_at or applied,
    )  # fmt: skip


LIVE_KINDS = ("live_comment", "live_like", "live_gift", "live_fansclub", "live_follow",
              "live_enter_room")  # fmt: skip
UTMS = (
    ("wechat", "group", "d11-2026", "group-poster", ""),
    ("xiaohongshu", "article", "seeding-11", "note-07", "s08"),
    ("douyin", "short_video", "d11-2026", "video-jk01", "s08"),
    ("wechat", "live", "d11-2026", "room-notice", "s06"),
    ("wechat", "ad", "gdt-moments", "moments-a", ""),
    ("", "", "", "", ""),
)


def _live_events(
    people: Sequence[Person], sessions: Sequence[Session], orders: Sequence[Order]
) -> list[LiveEvent]:
    """What buyers and watchers do in the rooms where the brand's play is mounted."""
    rooms = {s.id: s for s in sessions if s.platform == "douyin" and s.streamer in ("s01", "s03")}
    listed = list(rooms.values())
    events: list[LiveEvent] = []

    def add(person: int, room: str, kind: int, at: int, dice: Dice) -> None:
        number = dice.between(1, 30) if LIVE_KINDS[kind] in ("live_like", "live_gift") else 1
        events.append(
            LiveEvent(f"70{len(events):05d}{digits('msg', len(events), length=12)}", person, room,
                      LIVE_KINDS[kind], at, number)
        )  # fmt: skip

    for order in orders:
        dice = Dice("live", order.id)
        room = rooms.get(order.session)
        if room is not None and dice.chance(58):
            stay = max(30, min(order.created - room.start, 45 * MINUTE))
            enters = order.created - dice.between(20, stay)
            add(order.person, room.id, 5, max(enters, room.start + 1), dice)
            for kind, percent in ((0, 28), (1, 18), (2, 4), (3, 5), (4, 9)):
                if dice.chance(percent):
                    span = max(1, order.created - enters)
                    add(order.person, room.id, kind, enters + dice.below(span), dice)
        earlier = [s for s in listed if s.start < order.created - 5 * HOUR]
        if order.platform != "kuaishou" and earlier and dice.chance(26):
            room = earlier[dice.below(len(earlier))]
            at = room.start + dice.below(min(room.end, order.created) - room.start)
            add(order.person, room.id, (0, 1, 4, 5)[dice.below(4)], at, dice)
    for person in _watchers(people):
        dice = Dice("watch", person.number)
        for _ in range(dice.between(1, 2)):
            room = listed[dice.below(len(listed))]
            at = room.start + dice.below(room.end - room.start)
            add(person.number, room.id, (0, 1, 5)[dice.below(3)], at, dice)
    return sorted(events, key=lambda e: (e.at, e.id))


def _visits(
    people: Sequence[Person], sessions: Sequence[Session], orders: Sequence[Order]
) -> tuple[list[PageEvent], list[Click]]:
    """Visits to the brand's own pages, and the ad clicks that lead there or to a shop."""
    pages: list[PageEvent] = []
    clicks: list[Click] = []
    campaigns = {"tencent": ("3301", "3302"), "kuaishou": ("8801", "8802")}

    def click(network: str, person: int, at: int, dice: Dice) -> str:
        name = (network, len(clicks))
        found = "wx0" + token("click", *name, length=16) if network == "tencent" else token(
            "callback", *name, length=22
        )  # fmt: skip
        campaign = campaigns[network][dice.below(2)]
        clicks.append(
            Click(network, found, person, at, campaign, campaign + str(dice.between(1, 3)),
                  campaign + "9" + str(dice.between(1, 5)))
        )  # fmt: skip
        return found

    def visit(person: int, at: int, dice: Dice, depth: int) -> None:
        utm = UTMS[dice.pick((24, 20, 16, 12, 16, 12))]
        ref = ("", "")
        if utm[1] == "live":
            begun = [s.id for s in sessions if s.platform == "wechat" and s.start <= at]
            utm = (*utm[:3], begun[-1], utm[4]) if begun else UTMS[0]
        elif utm[1] == "ad":
            ref = ("gdt_vid", click("tencent", person, at - dice.between(2, 20), dice))
        product = PRODUCTS[dice.pick(POPULARITY)].id
        logs_in = people[person].member and dice.chance(60)
        for step, kind in enumerate(("page_view", "view_item", "add_to_cart")[:depth]):
            pages.append(
                PageEvent(f"px{len(pages):05d}", person, kind, at + step * dice.between(20, 90),
                          logs_in and step == depth - 1, utm, ref, product if step else "")
            )  # fmt: skip

    for order in orders:
        dice = Dice("visit", order.id)
        begins = order.created
        if order.platform == "own_mall":
            visit(order.person, begins - dice.between(4, 40) * MINUTE, dice, dice.between(2, 3))
            if dice.chance(18):
                visit(order.person, begins - dice.between(5, 90) * HOUR, dice, 2)
        elif people[order.person].bound and dice.chance(13):
            visit(order.person, begins - dice.between(2, 100) * HOUR, dice, dice.between(1, 2))
        if order.platform == "kuaishou" and dice.chance(38):
            click("kuaishou", order.person, begins - dice.between(3, 600) * MINUTE, dice)
        if order.platform == "wechat" and dice.chance(22):
            click("tencent", order.person, begins - dice.between(3, 2_000) * MINUTE, dice)
    for person in _watchers(people):
        dice = Dice("browse", person.number)
        if dice.chance(20):
            visit(person.number, WEEK + dice.below(7 * DAY), dice, dice.between(1, 2))
    return sorted(pages, key=lambda e: (e.at, e.id)), sorted(clicks, key=lambda c: (c.at, c.id))


def _claims(orders: Sequence[Order]) -> list[Claim]:
    """What ad platforms and promoters say is theirs: often the same order twice."""
    claims: list[Claim] = []
    flows = ("LIVE_ROOM", "RECOMMEND_FEED", "SEARCH", "SHOP_HOMEPAGE", "PERSONAL_HOMEPAGE")
    for order in orders:
        dice = Dice("claim", order.id)
        if order.paid is None:
            continue
        if order.platform == "douyin":
            direct, indirect = dice.chance(22), dice.chance(21)
            for kind, yes in (("direct", direct), ("indirect", indirect)):
                if yes:
                    days = 1 if kind == "direct" else (3, 7, 15, 30)[dice.below(4)]
                    claims.append(
                        Claim("qianchuan", order.id, "", kind, days, order.paid_fen, order.created,
                              flows[dice.below(5)], "18" + digits("ad", dice.below(12), length=14),
                              "", "", 0)
                    )  # fmt: skip
        if order.platform == "taobao" and dice.chance(28):
            streamer = ("s01", "s08", "s99")[dice.pick((50, 42, 8))]
            state = "refunded" if order.status == "refund_closed" else "estimated"
            if order.status == "completed":
                state = "confirmed"
            claims += [
                Claim("taobaoke", order.id, line.id, "click", 15, line.paid_fen,
                      order.created - dice.between(3, 4_000) * MINUTE, "", "", state, streamer,
                      line.paid_fen * 20 // 100)
                for line in order.lines
            ]  # fmt: skip
    return claims


def _erp_line(order: Order, line: Line) -> ErpLine:
    return ErpLine(
        line.id, order.id, f"{line.product.sku}-{line.size}", line.qty, line.paid_fen,
        line.product.cost_fen, line.kind == "gift",
    )  # fmt: skip


def _erp(orders: Sequence[Order]) -> list[ErpOrder]:
    """The warehouses' view: paid orders only, some merged, some split, the last hour missing."""
    rows: list[ErpOrder] = []
    last: dict[tuple[str, int, str], int] = {}
    for order in sorted(orders, key=lambda o: (o.paid or 0, o.id)):
        # The last hour before the week's end has not been synchronised.
        if order.paid is None or order.paid > WEEK_END - HOUR or order.currency != "CNY":
            continue
        system = "wangdiantong" if order.platform in ("taobao", "wechat") else "jushuitan"
        number = len(rows)
        name = f"JY2026{number:07d}" if system == "wangdiantong" else str(4_820_000 + number)
        status = "Cancelled" if order.status == "refund_closed" else "Confirmed"
        lines = tuple(_erp_line(order, line) for line in order.lines)
        row = ErpOrder(
            system, name, order.platform, (order.id,), order.person, "普通订单", status,
            order.paid_fen, order.created, order.paid, order.updated, lines,
        )  # fmt: skip
        same = last.get((order.platform, order.person, order.phone))
        if same is not None and order.paid - rows[same].paid < 20 * HOUR and not order.freight_fen:
            before = rows[same]
            rows[same] = before._replace(
                orders=(*before.orders, order.id), paid_fen=before.paid_fen + order.paid_fen,
                status="Confirmed" if "Confirmed" in (before.status, status) else status,
                updated=max(before.updated, order.updated), lines=before.lines + lines,
            )  # fmt: skip
            continue
        if len(order.lines) == 3 and not order.freight_fen:
            rows.append(row._replace(paid_fen=lines[0].paid_fen, lines=lines[:1]))
            rest = row._replace(id=name + "1" if system == "jushuitan" else name + "-1")
            rows.append(rest._replace(paid_fen=sum(x.paid_fen for x in lines[1:]), lines=lines[1:]))
            continue
        last[order.platform, order.person, order.phone] = len(rows)
        rows.append(row)
    return rows


def last_seen(person: Person) -> int:
    """When a member last logged in."""
    return WEEK + Dice("seen", person.number).below(7 * DAY)


def beginnings() -> tuple[list[Person], list[Session], list[Order], list[Refund]]:
    """People, sessions, and the orders and refunds of an ordinary week."""
    people, sessions = _people(), list(_sessions())
    orders, refunds = _refunds(_orders(people, sessions))
    return people, sessions, orders, refunds


def follow(
    people: list[Person], sessions: list[Session], orders: list[Order], refunds: list[Refund]
) -> Happened:
    """Add what surrounds the orders: touchpoints before them, claims and the ERP's books."""
    pages, clicks = _visits(people, sessions, orders)
    live = _live_events(people, sessions, orders)
    return Happened(
        people, sessions, orders, refunds, live, pages, clicks, _claims(orders), _erp(orders)
    )
