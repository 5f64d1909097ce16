"""The packaged mappings: what they must say, and what they make of each platform's documents.

`raw/` holds one tiny document for each mapping, as the platform's interface or export gives it; all
of it is invented. The rows they must become are written here by hand.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from attribution.mapping import mapping_file as mapping_module
from attribution.mapping.apply import Context, apply
from attribution.mapping.blocks import DERIVED_IDS
from attribution.mapping.file_columns import check_columns
from attribution.mapping.mapping_file import completed, mapping_names, read_mapping
from attribution.sources.files import open_source
from attribution.store.tables import TABLES
from tests.mapping.mapping_rows import EXPECTED, LIVE_5, NEXT

FOLDER = Path(mapping_module.__file__).parent / "mappings"
RAW = Path(__file__).parent / "raw"
NAMES = sorted(file.stem for file in FOLDER.glob("*.toml"))
DOCUMENTS = {name: tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8")) for name in NAMES}
HEAD = ("title", "platform", "records", "evidence", "extends")


def blocks(name: str, table: str) -> list[dict[str, Any]]:
    """Return a mapping's blocks of a table as they are written, those it extends included."""
    document = DOCUMENTS[name]
    own = document.get(table, [])
    own = [own] if isinstance(own, dict) else own
    return own or (blocks(document["extends"], table) if "extends" in document else [])


def tables_of(name: str) -> set[str]:
    document = DOCUMENTS[name]
    below = tables_of(document["extends"]) if "extends" in document else set()
    return {key for key in document if key not in HEAD} | below


def ways(spec: Any) -> list[dict[str, Any]]:
    """Return the ways to a column's value, each as a table."""
    if isinstance(spec, list):
        return [way for each in spec for way in ways(each)]
    return [{"from": spec} if isinstance(spec, str) else spec]


def paths(way: dict[str, Any]) -> list[str]:
    found = way.get("from", [])
    return [found] if isinstance(found, str) else found


def all_paths(found: Any) -> set[str]:
    """Return every path that stands anywhere in a mapping."""
    if isinstance(found, list):
        return set().union(*(all_paths(each) for each in found)) if found else set()
    if not isinstance(found, dict):
        return set()
    own = {
        path
        for key in ("from",)
        if isinstance(found.get(key), str | list)
        for path in paths({"from": found[key]})
        if isinstance(path, str)
    }
    bare = {
        value
        for key, value in found.items()
        if isinstance(value, str)
        and key
        not in (
            "value",
            "as",
            "assumed",
            "why",
            "type",
            "link",
            "role",
            "else",
            "split",
            "title",
            "evidence",
            "platform",
            "extends",
        )
    }
    return own | bare | all_paths(list(found.values()))


# ---------------------------------------------------------------------- what they must say

ENUM = {
    "doudian": "1=created;103=partially_paid;105=paid;2=paid;101=part_shipped;3=shipped;"
    "5=completed;4=cancelled;21=refund_closed;22=refund_closed;39=refund_closed",
    "trade_type": "0=normal;1=group_buy;2=presale;3=presale;4=auction;5=zero_yuan;7=normal;"
    "10=sample;11=lucky_bag;12=sample;13=normal;16=auction;18=normal;102=presale_gift",
    "aftersale": "0=return_refund;1=refund_after_ship;2=refund_before_ship;3=exchange;"
    "6=price_protect;7=reship;8=repair",
    "refund": "1=requested;2=refunding;3=success;4=failed;5=clawed_back",
    "media": "live=live;video=short_video;shop_list=showcase;others=unknown",
    "flow": "PAY_SUCC=estimated;CONFIRM=confirmed;SETTLE=settled;REFUND=refunded",
    "channel": "0=self;1=cooperative;100=alliance",
    "kuaishou": "10=created;30=paid;40=shipped;50=received;70=completed;80=cancelled",
    "carrier": "2=live;1=short_video;7=live_replay;100010=live_replay;311=shop;3=shop;29=shop;"
    "10008=search;478=feed;10000..20000=private_chat",
    "ks_refund": "10=requested;11=requested;20=platform;21=platform;22=platform;30=in_return;"
    "40=in_return;45=in_return;50=refunding;60=success;70=failed",
    "taobao": "TRADE_NO_CREATE_PAY=created;WAIT_BUYER_PAY=created;PAY_PENDING=created;"
    "WAIT_PRE_AUTH_CONFIRM=created;WAIT_SELLER_SEND_GOODS=paid;PAID_FORBID_CONSIGN=paid;"
    "SELLER_CONSIGNED_PART=part_shipped;WAIT_BUYER_CONFIRM_GOODS=shipped;"
    "TRADE_BUYER_SIGNED=received;TRADE_FINISHED=completed;TRADE_CLOSED=refund_closed;"
    "TRADE_CLOSED_BY_TAOBAO=cancelled",
    "dispute": "REFUND=refund_only;REFUND_AND_RETURN=return_refund;TMALL_EXCHANGE=exchange;"
    "TAOBAO_EXCHANGE=exchange;REPAIR=repair;RESHIPPING=reship;OTHERS=other",
    "wechat": "10=created;20=paid;21=part_shipped;30=shipped;100=completed;190=cancelled;"
    "200=refund_closed;250=cancelled",
    "scene": "1=unknown;2=live;3=short_video;4=private_chat;5=showcase;6=article",
    "wx_refund": "MERCHANT_REFUND_SUCCESS=success;MERCHANT_RETURN_SUCCESS=success;"
    "USER_WAIT_RETURN=in_return;MERCHANT_WAIT_RECEIPT=in_return;MERCHANT_PROCESSING=requested;"
    "PLATFORM_REFUNDING=refunding;USER_CANCELD=failed;RETURN_CLOSED=failed;MERCHANT_FAIL=failed",
    "push": "live_comment=comment;live_like=like;live_gift=gift;live_fansclub=fan_join;"
    "live_follow=follow;live_enter_room=enter",
}

# Facts read in public sources, by mapping and table: column, where it stands, and how.
FACTS: dict[tuple[str, str], list[tuple[str, str, str]]] = {
    ("doudian_orders", "orders"): [
        ("order_id", "order_id", ""),
        ("status", "main_status", ENUM["doudian"]),
        ("created_at", "create_time", "epoch_s"),
        ("paid_fen", "pay_amount", "fen"),
        ("discount_shop_fen", "shop_cost_amount", "fen"),
        ("discount_streamer_fen", "author_cost_amount", "fen"),
        ("deposit_fen", "order_phase_list[current_phase=1].phase_pay_amount", "fen"),
    ],
    ("doudian_orders", "order_lines"): [
        ("product_id", "sku_order_list[].product_id_str", ""),
        ("order_id", "sku_order_list[].parent_order_id", ""),
        ("line_kind", "sku_order_list[].trade_type", ENUM["trade_type"]),
        ("line_kind", "sku_order_list[].given_product_type", "FREE=gift"),
        ("sales_mode", "sku_order_list[].c_biz", "0=unknown;2=alliance;8=self"),
        ("room_id", "sku_order_list[].room_id_str", ""),
    ],
    ("doudian_refunds", "refunds"): [
        ("kind", "aftersale_info.aftersale_type", ENUM["aftersale"]),
        (
            "status",
            "aftersale_info.refund_status",
            ENUM["refund"],
        ),
        ("final_at", "aftersale_info.aftersale_status_to_final_time", "epoch_s"),
    ],
    ("doudian_commission", "order_sources"): [
        (
            "content_form",
            "media_type",
            ENUM["media"],
        ),
    ],
    ("doudian_commission", "costs"): [
        ("rate", "commission_rate", "per_10k"),
        (
            "state",
            "flow_point",
            ENUM["flow"],
        ),
        ("amount_fen", "colonel_order_info.real_commission", "fen"),
    ],
    ("doudian_settlement", "costs"): [
        ("amount_fen", "platform_service_fee", "fen"),
        ("amount_fen", "good_learn_channel_fee", "fen"),
        ("at", "settle_time", "time"),
    ],
    ("doudian_settlement", "order_sources"): [
        ("merchant_net_fen", "settle_amount", "fen"),
    ],
    ("douyin_live_events", "touchpoints"): [
        ("at", "body[].timestamp", "epoch_ms"),
        ("event", "header.x-msg-type", ENUM["push"]),
    ],
    ("qianchuan_sessions", "session_metrics"): [
        ("gmv_total_fen", "live_pay_order_gmv_alias", "yuan"),
    ],
    ("qianchuan_sessions", "costs"): [
        ("amount_fen", "stat_cost", "yuan"),
    ],
    ("qianchuan_claims", "platform_claims"): [
        ("kind", "pay_type", "DIRECT=direct;INDIRECT=indirect"),
        ("window_days", "optimization_time_scope", ""),
    ],
    ("kuaishou_orders", "orders"): [
        ("status", "orderBaseInfo.status", ENUM["kuaishou"]),
        ("created_at", "orderBaseInfo.createTime", "epoch_ms"),
        ("paid_fen", "orderBaseInfo.totalFee", "fen"),
        ("phone_index", "orderAddress.encryptedMobile", "ks_index"),
    ],
    ("kuaishou_orders", "order_lines"): [
        ("content_form", "orderBaseInfo.carrierType", ENUM["carrier"]),
    ],
    ("kuaishou_refunds", "refunds"): [
        ("kind", "handlingWay", "1=return_refund;10=refund_only;3=exchange"),
        ("status", "status", ENUM["ks_refund"]),
    ],
    ("kuaishou_commission", "costs"): [
        ("rate", "cpsOrderProductView[].commissionRate", "permille"),
    ],
    ("kuaishou_ads_costs_claims", "platform_claims"): [
        ("amount_fen", "t15_gmv", "yuan"),
    ],
    ("taobao_orders", "orders"): [
        ("status", "status", ENUM["taobao"]),
        ("status", "step_trade_status", "FRONT_PAID_FINAL_NOPAID=partially_paid"),
        ("paid_fen", "payment", "yuan"),
        ("created_at", "created", "time"),
    ],
    ("taobao_orders", "order_lines"): [
        ("paid_fen", "orders.order[].divide_order_fee", "yuan"),
    ],
    ("taobao_refunds", "refunds"): [
        ("kind", "dispute_type", ENUM["dispute"]),
    ],
    ("taobaoke", "platform_claims"): [
        ("touch_at", "click_time", "time"),
    ],
    ("taobaoke", "costs"): [
        ("state", "tk_status", "12=estimated;14=confirmed;3=settled;13=refunded"),
        ("amount_fen", "pub_share_pre_fee", "yuan"),
    ],
    ("wechat_orders", "orders"): [
        ("status", "status", ENUM["wechat"]),
        ("paid_fen", "order_detail.price_info.order_price", "fen"),
        ("recipient_not_payer", "is_present", ""),
    ],
    ("wechat_orders", "order_lines"): [
        ("paid_fen", "order_detail.product_infos[].real_price", "fen"),
        ("content_form", "order_detail.ext_info.order_scene", ENUM["scene"]),
        (
            "sales_mode",
            "order_detail.source_info.sale_channel",
            ENUM["channel"],
        ),
    ],
    ("wechat_orders", "costs"): [
        ("amount_fen", "order_detail.settle_info.commission_fee", "fen"),
    ],
    ("wechat_refunds", "refunds"): [
        ("status", "status", ENUM["wx_refund"]),
    ],
    ("tencent_ads_clicks", "touchpoints"): [
        ("at", "click_time", "epoch_s"),
    ],
    ("tencent_ads_costs_claims", "platform_claims"): [
        ("kind", "claim_type", "0=click;1=follow;2=exposure;3=other;4=other"),
    ],
    ("jushuitan_orders", "erp_orders"): [
        ("paid_fen", "paid_amount", "yuan"),
        ("paid_at", "pay_date", "time"),
    ],
    ("wangdiantong_orders", "erp_orders"): [
        ("order_id", "src_tids", ""),
    ],
    ("wangdiantong_orders", "erp_lines"): [
        ("unit_cost_fen", "detail_list[].avg_cost", "yuan"),
    ],
}

# Who, by mapping and table: where it stands, type, how strong, whose, read as.
PEOPLE: dict[tuple[str, str], list[tuple[str, str, str, str, str]]] = {
    ("doudian_orders", "orders"): [
        ("doudian_open_id", "doudian_open_id", "medium", "buyer", "text"),
        ("search_index", "phone_index", "medium", "buyer", "text"),
    ],
    ("kuaishou_orders", "orders"): [
        ("orderBaseInfo.buyerOpenId", "ks_open_id", "medium", "buyer", "text"),
        ("orderAddress.encryptedMobile", "phone_index", "medium", "buyer", "ks_index"),
    ],
    ("taobao_orders", "orders"): [
        ("buyer_open_uid", "tb_open_uid", "medium", "buyer", "text"),
        ("oaid", "addressee_key", "weak", "buyer", "text"),
    ],
    ("wechat_orders", "orders"): [
        ("present_giver_openid", "wx_openid", "medium", "payer", "text"),
        ("openid", "wx_openid", "medium", "recipient", "text"),
        ("openid", "wx_openid", "medium", "buyer", "text"),
        ("unionid", "wx_unionid", "strong", "buyer", "text"),
    ],
    ("own_mall_events", "identities"): [
        ("phone", "phone", "strong", "buyer", "phone"),
    ],
    ("own_mall_members", "identities"): [
        ("member_id", "member_id", "strong", "buyer", "text"),
    ],
}

# What is general knowledge must say so, for the user to see and confirm.
ASSUMED = [
    ("kuaishou_orders", "orders", "created_at"),
    ("kuaishou_orders", "orders", "paid_at"),
    ("kuaishou_refunds", "refunds", "refund_id"),
    ("kuaishou_refunds", "refunds", "final_at"),
    ("kuaishou_ads", "touchpoints", "at"),
    ("kuaishou_ads_costs_claims", "platform_claims", "amount_fen"),
    ("qianchuan_sessions", "costs", "amount_fen"),
    ("qianchuan_sessions", "session_metrics", "gmv_total_fen"),
    ("qianchuan_sessions", "session_metrics", "gmv_ads_fen"),
    ("qianchuan_claims", "platform_claims", "amount_fen"),
    ("taobaoke", "platform_claims", "window_days"),
    ("wangdiantong_orders", "erp_lines", "line_kind"),
    *(("xiaohongshu_orders", "orders", column) for column in ("order_id", "status", "paid_fen")),
]

# A receiver's name, phone and address; nicknames; what the platform marks as deprecated.
NEVER = re.compile(
    r"receiver|consignee|nick(?!$)|post_tel|tel_number|mobile|address(?!_info\.hash_code)"
    r"|收件|收货人|收货地址|联系|手机(?!号$)|姓名|地址|theme_type|send_pay|origin_id|\bcid\b",
    re.IGNORECASE,
)
HARMLESS = {
    "orderAddress.encryptedMobile",  # only its search string is kept
    "seller_nick",  # the shop's own name
    "orderItemInfo.skuNick",  # the merchant's code
    "会员手机",  # hashed
    "cid",  # an ad's creative, in click macros
}
# Of an address the province alone is read, and into no other column.
PROVINCES = {
    "orderAddress.province",
    "receiver_state",
    "order_detail.delivery_info.address_info.province_name",
    "order_detail.address_info.province_name",
    "收件人省份",
}


@pytest.mark.parametrize("name", NAMES)
def test_every_mapping_stands_by_itself(name):
    mapping = completed(read_mapping(name))
    assert mapping.title == DOCUMENTS[name]["title"]
    assert " · " in mapping.title
    assert mapping.evidence


def test_every_mapping_is_listed():
    assert [name for name, _ in mapping_names(None)] == NAMES


def test_every_mapping_has_a_document_and_rows_to_expect():
    assert sorted(file.stem for file in RAW.iterdir()) == NAMES
    assert sorted(EXPECTED) == NAMES


@pytest.mark.parametrize(
    ("name", "table", "column", "path", "how"),
    [(*place, *fact) for place, facts in FACTS.items() for fact in facts],
)
def test_verified_facts(name, table, column, path, how):
    found = [
        way
        for block in blocks(name, table)
        for way in ways(block.get(column, []))
        if path in paths(way)
    ]
    assert found, f"{column} of {table} is not read from {path}"
    if "=" in how:
        wanted = dict(pair.rsplit("=", 1) for pair in how.split(";"))
        said = {key: value for way in found for key, value in way["map"].items()}
        assert {key: said.get(key) for key in wanted} == wanted
    elif how:
        assert {way["as"] for way in found} == {how}


@pytest.mark.parametrize(
    ("name", "table", "path", "kind", "link", "role", "how"),
    [(*place, *each) for place, people in PEOPLE.items() for each in people],
)
def test_who_is_who(name, table, path, kind, link, role, how):
    assert (kind, link, role, how) in [
        (
            each["type"],
            each.get("link", "medium"),
            each.get("role", "buyer"),
            each.get("as", "text"),
        )
        for block in blocks(name, table)
        for each in block["ids"]
        if path in paths(each)
    ]


@pytest.mark.parametrize(("name", "table", "column"), ASSUMED)
def test_what_is_not_certain_is_said(name, table, column):
    assert (table, column) in [found[:2] for found in read_mapping(name).assumed]


@pytest.mark.parametrize("name", NAMES)
def test_no_mapping_reads_names_addresses_or_open_phones(name):
    rest = dict(DOCUMENTS[name])
    if "orders" in tables_of(name):
        rest["orders"] = [{**block, "province": None} for block in blocks(name, "orders")]
        provinces = [block.get("province", []) for block in blocks(name, "orders")]
        assert {path for path in all_paths(provinces) if NEVER.search(path)} <= PROVINCES
    found = {path for path in all_paths(rest) if NEVER.search(path)}
    assert found - HARMLESS - ({"cid"} if name == "kuaishou_ads" else set()) == set()
    for table in tables_of(name):
        for block in blocks(name, table):
            for each in block.get("ids", []):
                said = any("phone" in path or "手机" in path for path in paths(each))
                assert (each.get("as") == "phone") == (said and "index" not in each["type"])


@pytest.mark.parametrize(
    ("flat", "nested", "table"),
    [
        ("taobao_trades_export", "taobao_orders", "orders"),
        ("jushuitan_orders_export", "jushuitan_orders", "erp_orders"),
    ],
)
def test_a_flat_export_tells_the_same_orders(flat, nested, table):
    assert blocks(flat, table) == blocks(nested, table)


def test_both_blocks_of_mall_events_agree_but_for_session_and_streamer():
    named, other = blocks("own_mall_events", "touchpoints")
    own = {"session_id", "streamer_id", "skip"}
    assert {k: v for k, v in named.items() if k not in own} == {
        k: v for k, v in other.items() if k not in own
    }
    assert named["skip"][0]["not_in"] == other["skip"][0]["in"]


# ---------------------------------------------------------------------- what they make


class _Readable:
    """A hasher whose hashes can be read."""

    can_hash_phones = True

    def hashes(self, id_type, namespace, values):
        spaces = [None] * len(values) if namespace is None else namespace.to_pylist()
        return pa.array(
            [
                None if value is None else f"{id_type}|{space or ''}|{value}"
                for space, value in zip(spaces, values.to_pylist(), strict=True)
            ],
            pa.string(),
        )

    def phones(self, values):
        digits = [
            None if v is None else re.sub(r"\D", "", v).removeprefix("86")
            for v in values.to_pylist()
        ]
        whole = [d if d is not None and len(d) == 11 else None for d in digits]
        why = ["masked" if w is None else None for w in whole]
        return pa.array(whole, pa.string()), pa.array(why, pa.string())

    def rotations(self, id_type, namespace, values):
        return pa.array([], pa.string()), pa.array([], pa.string())


def emitted(name: str, folder: Path, text: str, **values: str):
    """Return the rows that a mapping makes of a JSON document."""
    (folder / f"{name}.json").write_text(text, "utf-8")
    return emit(name, folder=folder, **values)[0]


def emit(name: str, zone: str = "Asia/Shanghai", folder: Path = RAW, **values: str):
    """Return what a mapping makes of its document: rows, rejections, exclusions, evidence."""
    mapping = read_mapping(name)
    (file,) = folder.glob(f"{name}.*")
    context = Context(
        timezone=zone,
        source="s",
        file=file.name,
        batch="b",
        values=tuple(values.items()),
        hasher=_Readable(),
    )
    tables: dict[str, list[dict[str, Any]]] = {}
    rejected: list[tuple[int, str, str]] = []
    excluded: Counter[str] = Counter()
    for raw in open_source(file, mapping.records):
        check_columns(mapping, raw.table.schema, context.values)
        emission = apply(mapping, raw, context)
        for table, rows in emission.tables.items():
            assert rows.schema.names == TABLES[table].schema.names
            tables.setdefault(table, []).extend(rows.to_pylist())
        excluded.update(emission.excluded)
        rejected += [(r["_row"], r["table"], r["column"]) for r in emission.rejected.to_pylist()]
    return tables, rejected, dict(excluded)


PROVENANCE = ("_source", "_file", "_row", "_batch")
DERIVED = ("cost_id", "claim_id", "event_id", "line_id")


def told(row: dict[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Return what a row says, in a form that can be counted; not the ids made for it."""
    return tuple(
        sorted(
            (name, value)
            for name, value in row.items()
            if value is not None
            and name not in PROVENANCE
            and not (name in DERIVED and re.fullmatch("[0-9a-f]{24}", str(value)))
        )
    )


@pytest.mark.parametrize("name", NAMES)
def test_documents_become_rows(name):
    rows, rejected, excluded = EXPECTED[name]
    found, refused, left_out = emit(name)
    evidence = {"identifiers", "links"}
    assert {table for table in found if found[table]} - evidence == set(rows)
    for table, wanted in rows.items():
        assert Counter(map(told, found[table])) == Counter(map(told, wanted))
        derived = DERIVED_IDS.get(table)
        assert derived is None or all(row[derived] for row in found[table])
    assert Counter(refused) == Counter(rejected)
    assert left_out == excluded


def links(name: str) -> Counter[tuple[frozenset[str], str]]:
    found, _, _ = emit(name)
    return Counter({(frozenset((row["a"], row["b"])), row["kind"]): 1 for row in found["links"]})


def test_a_gift_links_nobody_to_its_payer():
    found = {kind: pair for pair, kind in links("wechat_orders")}
    together = set().union(*(pair for pair, _ in links("wechat_orders")))
    assert "wx_openid|wxapp1|o-giver" not in together
    assert found["strong"] <= {
        *("wx_openid|wxapp1|o-buyer", "wx_unionid||u-buyer"),
        *("wx_openid|wxapp1|o-recipient", "wx_unionid||u-recipient"),
    }


def test_kuaishou_phones_are_known_by_their_search_string_only():
    assert links("kuaishou_orders") == Counter(
        {
            (frozenset({f"ks_open_id||{buyer}", "phone_index|kuaishou|c2VhcmNoMQ=="}), "medium"): 1
            for buyer in ("ks-buyer-1", "ks-buyer-2")
        }
    )


def test_members_tell_who_is_who_and_make_no_rows():
    pairs = links("own_mall_members")
    wanted = {"phone||13900000001", "wx_unionid||u-buyer", "doudian_open_id||dd-buyer-1",
              "phone_index|doudian|idx-1"}  # fmt: skip
    assert pairs == Counter({(frozenset({"member_id||M1", each}), "strong"): 1 for each in wanted})


def test_a_login_ties_the_browser_to_the_member():
    pairs = links("own_mall_events")
    assert (frozenset({"member_id||M1", "anon_id||anon-1"}), "weak") in pairs
    assert (frozenset({"member_id||M1", "phone||13900000001"}), "strong") in pairs
    assert not any("anon_id||anon-2" in pair for pair, _ in pairs)


def test_addressees_link_weakly():
    for name in ("taobao_orders", "wechat_orders"):
        kinds = {kind for pair, kind in links(name) if any("addressee" in each for each in pair)}
        assert kinds == {"weak"}


def test_a_bill_and_its_reversal_are_two_costs():
    found, _, _ = emit("doudian_settlement")
    fees = [row["cost_id"] for row in found["costs"] if row["kind"] == "platform_fee"]
    assert len(set(fees)) == 2


def test_an_order_claimed_in_several_windows_is_several_claims():
    found, _, _ = emit("qianchuan_claims")
    assert len({row["claim_id"] for row in found["platform_claims"]}) == 4
    found, _, _ = emit("kuaishou_ads_costs_claims")
    assert len({row["claim_id"] for row in found["platform_claims"]}) == 6


def test_an_estimate_and_its_settlement_are_one_cost(tmp_path, monkeypatch):
    mapping = read_mapping("doudian_commission")
    text = (RAW / "doudian_commission.json").read_text("utf-8")
    later = text.replace('"shop_real_commission": 0', '"shop_real_commission": 10000').replace(
        '"flow_point": "PAY_SUCC"', '"flow_point": "SETTLE"'
    )
    (tmp_path / "a.json").write_text(text, "utf-8")
    (tmp_path / "b.json").write_text(later, "utf-8")
    context = Context("Asia/Shanghai", "s", "f", "b", _Readable())
    first, second = (
        apply(mapping, raw, context).tables["costs"].to_pylist()
        for file in ("a.json", "b.json")
        for raw in open_source(tmp_path / file, mapping.records)
    )
    assert [row["cost_id"] for row in first] == [row["cost_id"] for row in second]
    assert (first[0]["state"], first[0]["amount_fen"]) == ("estimated", 10465)
    assert (second[0]["state"], second[0]["amount_fen"]) == ("settled", 10000)


def test_a_source_says_what_a_document_leaves_out():
    found, _, _ = emit("tencent_ads_costs_claims", window_days="7")
    assert {row["window_days"] for row in found["platform_claims"]} == {7}
    found, _, _ = emit("taobao_orders_export", shop_id="70001")
    assert {row["shop_id"] for row in found["orders"]} == {"70001"}
    found, _, _ = emit("tencent_ads_clicks", wechat_app_id="wxapp9")
    assert "wxapp9" not in {row["app_id"] for row in found["touchpoints"]}


def test_openids_of_a_shop_are_its_app_s(tmp_path):
    text = (RAW / "wechat_orders.json").read_text("utf-8").replace('"appid": "wxapp1", ', "")
    found = emitted("wechat_orders", tmp_path, text, appid="wxapp9")
    spaces = {row["namespace"] for row in found["identifiers"] if row["id_type"] == "wx_openid"}
    assert spaces == {"wxapp9"}


@pytest.mark.parametrize(
    ("name", "whole", "one"),
    [
        ("doudian_orders", ("data", "shop_order_list"), ("data", "shop_order_detail")),
        ("kuaishou_orders", ("data", "orderList"), ("data",)),
        ("kuaishou_refunds", ("data", "refundOrderInfoList"), ("data",)),
        ("wechat_orders", ("orders",), ("order",)),
    ],
)
def test_an_answer_with_one_record_is_read_like_a_page_of_them(name, whole, one, tmp_path):
    records = json.loads((RAW / f"{name}.json").read_text("utf-8"))
    for key in whole:
        records = records[key]
    answer: Any = records[0]
    for key in reversed(one):
        answer = {key: answer}
    table = min(set(EXPECTED[name][0]) & {"orders", "refunds"})
    found = emitted(name, tmp_path, json.dumps({"code": 0, **answer}))
    assert [told(row) for row in found[table]] == [told(EXPECTED[name][0][table][0])]


def test_times_without_zone_are_read_in_the_workspace_s(tmp_path):
    tokyo, _, _ = emit("taobao_refunds", zone="Asia/Tokyo")
    assert {row["applied_at"] for row in tokyo["refunds"]} == {NEXT - 3_600_000}
    tokyo, _, _ = emit("doudian_refunds", zone="Asia/Tokyo")
    assert {row["applied_at"] for row in tokyo["refunds"]} == {LIVE_5}


# ---------------------------------------------------------------------- what changes, and what is 0


ALLIANCE = {
    "order_id": "1", "media_type": "live", "commission_rate": 1000,
    "pay_success_time": "2026-11-11 20:00:00", "author_buyin_id": "7",
    "colonel_order_info": {"institution_id": 5, "estimated_commission": 50, "real_commission": 0},
}  # fmt: skip
KS_CPS = {
    "oid": 1, "payTime": 1794398460456, "cpsOrderProductView": [{"estimatedIncome": 500}],
}  # fmt: skip
TBK = {
    "trade_id": "1", "trade_parent_id": "9", "click_time": "2026-11-11 10:00:00",
    "alipay_total_price": "100.00", "pub_share_pre_fee": "5.00",
}  # fmt: skip


def costs_of(
    name: str, folder: Path, records: str, record: dict[str, Any]
) -> list[tuple[str, int]]:
    found = emitted(name, folder, json.dumps({records: [record]}))
    return sorted((row["kind"], row["amount_fen"]) for row in found["costs"])


@pytest.mark.parametrize(
    ("state", "real", "commission", "agency"),
    [
        ("PAY_SUCC", 0, 500, 50),
        ("CONFIRM", 0, 500, 50),
        ("CONFIRM", 400, 400, 50),
        ("SETTLE", 400, 400, 0),
        ("SETTLE", 0, 0, 0),
        ("SETTLE", "", 500, 0),
        ("REFUND", 0, 0, 0),
        ("REFUND", "", 0, 0),
    ],
)
def test_alliance_commission_is_real_once_it_is_settled(state, real, commission, agency, tmp_path):
    record = {"flow_point": state, "shop_estimated_commission": 500, "shop_real_commission": real}
    found = costs_of("doudian_commission", tmp_path, "orders", ALLIANCE | record)
    assert found == [("agency_fee", agency), ("commission", commission)]


@pytest.mark.parametrize(
    ("state", "settled", "amount"), [(30, 0, 500), (50, 0, 500), (60, 0, 0), (60, 7, 7), (80, 0, 0)]
)
def test_kuaishou_commission_is_the_settled_one_once_it_is_settled(
    state, settled, amount, tmp_path
):
    record = {"cpsOrderStatus": state, "settlementAmount": settled}
    found = costs_of("kuaishou_commission", tmp_path, "orderView", KS_CPS | record)
    assert found == [("commission", amount)]


@pytest.mark.parametrize(
    ("state", "settled", "amount", "claimed"),
    [(12, "0.00", 500, 10_000), (3, "0.00", 0, 10_000), (3, "4.00", 400, 10_000),
     (13, "0.00", 0, 0), (13, "", 0, 0)],
)  # fmt: skip
def test_a_lapsed_affiliate_order_claims_and_costs_nothing(
    state, settled, amount, claimed, tmp_path
):
    record = TBK | {"tk_status": state, "pub_share_fee": settled}
    found = emitted("taobaoke", tmp_path, json.dumps({"publisher_order_dto": [record]}))
    assert [row["amount_fen"] for row in found["costs"]] == [amount]
    assert [(r["claim_id"], r["amount_fen"]) for r in found["platform_claims"]] == [("1", claimed)]


def test_no_rule_drops_a_row_that_may_have_been_another():
    """A row left out by its state or for a 0 would leave its older state in the store."""
    for name in NAMES:
        for table in ("costs", "platform_claims"):
            for block in blocks(name, table) if table in tables_of(name) else ():
                for rule in block.get("skip", []):
                    assert rule.get("in") == [""], (name, table, rule)


@pytest.mark.parametrize(
    ("phases", "paid"),
    [
        (None, True),
        ([], True),
        ([{"current_phase": 1, "phase_pay_time": 1763000050, "phase_pay_amount": 5000}], False),
        (
            [
                {"current_phase": 1, "phase_pay_time": 1763000050, "phase_pay_amount": 5000},
                {"current_phase": 2, "phase_pay_time": 0, "phase_pay_amount": 0},
            ],
            False,
        ),
    ],
)
def test_the_time_of_a_deposit_is_no_payment(phases, paid, tmp_path):
    order = {
        "order_id": "1",
        "main_status": 4,
        "create_time": 1763000000,
        "pay_time": 1763000050,
        "pay_amount": 30000,
        "order_phase_list": phases,
        "sku_order_list": [{"order_id": "1", "parent_order_id": "1", "pay_amount": 1}],
    }
    found = emitted("doudian_orders", tmp_path, json.dumps({"shop_order_list": [order]}))
    (row,) = found["orders"]
    assert row["paid_at"] == (1763000050000 if paid else None)
    assert (row["deposit_paid_at"] is None) == paid
    base = {"oid": 1, "status": 80, "createTime": 1763000000000, "payTime": 1763000050000,
            "totalFee": 30000}  # fmt: skip
    steps = [
        {"payStepNo": each["current_phase"], "payTime": each["phase_pay_time"] * 1000,
         "paymentFee": each["phase_pay_amount"]}
        for each in phases or []
    ]  # fmt: skip
    order = {"orderBaseInfo": base, "orderStepInfo": {"orderPaymentSteps": steps}}
    found = emitted("kuaishou_orders", tmp_path, json.dumps({"orderList": [order]}))
    (row,) = found["orders"]
    assert row["paid_at"] == (1763000050000 if paid else None)


def test_a_closed_taobao_order_was_refunded_if_it_was_paid(tmp_path):
    head = "订单编号,订单创建时间,订单付款时间,买家实际支付金额,订单状态\n"
    day = "2026-11-11 10:00:00"
    rows = f"1,{day},,88.00,交易关闭\n2,{day},{day},88.00,交易关闭\n3,{day},,88.00,等待买家付款\n"
    (tmp_path / "taobao_orders_export.csv").write_text(head + rows, "utf-8")
    found, refused, _ = emit("taobao_orders_export", folder=tmp_path)
    assert refused == []
    assert {row["order_id"]: row["status"] for row in found["orders"]} == {
        "1": "cancelled", "2": "refund_closed", "3": "created",
    }  # fmt: skip


def test_a_paid_line_and_a_gift_of_the_same_goods_are_two(tmp_path):
    goods = [
        {"sku_id": "S", "product_id": "p", "sku_cnt": 1, "real_price": price, "is_free_gift": gift}
        for price, gift in ((9000, 0), (0, 1))
    ]
    detail = {"product_infos": goods, "price_info": {"order_price": 9000}}
    order = {"order_id": "1", "status": 20, "create_time": 1763000000, "order_detail": detail}
    found = emitted("wechat_orders", tmp_path, json.dumps({"orders": [order]}))["order_lines"]
    assert len({row["line_id"] for row in found}) == 2
    assert {(row["paid_fen"], row["line_kind"]) for row in found} == {(9000, "normal"), (0, "gift")}
    items = [{"sku_id": "A", "qty": 1, "amount": amount} for amount in ("50.00", "30.00")]
    order = {
        "o_id": 1,
        "so_id": "X",
        "shop_site": "抖音",
        "paid_amount": "80.00",
        "items": items,
        "order_type": "普通订单",
        "status": "Confirmed",
        "created": "2026-11-11 10:00:00",
    }
    found = emitted("jushuitan_orders", tmp_path, json.dumps({"orders": [order]}))["erp_lines"]
    key = TABLES["erp_lines"].key
    assert len({tuple(row[name] for name in key) for row in found}) == 2
