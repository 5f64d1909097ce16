"""Proposed mappings: right on exports as they are, safe on what is not, valid for the engine."""

from __future__ import annotations

import csv
import io
import json
import tomllib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import DataError
from attribution.identity.keys import read_keyring
from attribution.mapping.apply import Context, apply
from attribution.mapping.mapping_file import completed, read_mapping
from attribution.mapping.vocabulary import words
from attribution.proposal.propose import propose, propose_rows
from attribution.sources.raw import RawBatch
from attribution.store.tables import TABLES
from tests.proposal.exports import EXPORTS

UNITS = ("yuan", "fen", "time", "epoch_s", "epoch_ms", "phone", "number", "ratio", "percent")


def table(text):
    head, *body = csv.reader(io.StringIO(text))
    return pa.table(
        {name: pa.array([row[i] or None for row in body]) for i, name in enumerate(head)}
    )


def meaning(proposal):
    """Return for each table, in its first block, what a column is read from and how."""
    found = {}
    for block in proposal.blocks:
        if block.table in found:
            continue
        found[block.table] = said = {}
        for guess in block.guesses:
            how = guess.how if guess.how in (*UNITS, "permille", "per_10k") else ""
            how = how if guess.source else guess.how
            said.setdefault(guess.column, f"{guess.source} {how}".strip())
    return found


def engine(proposal, folder):
    """Read a proposal as the engine does, with every required column in its place."""
    (folder / "proposed.toml").write_text(proposal.toml(), encoding="utf-8")
    return completed(read_mapping("proposed", folder))


def guess_of(proposal, table_name, column):
    return next(
        guess
        for block in proposal.blocks
        if block.table == table_name
        for guess in block.guesses
        if guess.column == column
    )


def propose_text(text, name="x.csv"):
    return propose_rows(table(text), name)


# ---------------------------------------------------------------------- real exports


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.file)
def test_an_export_is_understood(export, tmp_path):
    proposal = propose_text(export.text, export.file)
    assert meaning(proposal) == export.meaning
    assert {each.source for each in proposal.personal} == set(export.personal)
    assert proposal.platform == export.platform
    mapping = engine(proposal, tmp_path)
    assert {block.table for block in mapping.blocks} == set(export.meaning)


def test_nothing_of_a_cell_about_persons_is_shown():
    for export in EXPORTS:
        proposal = propose_text(export.text, export.file)
        shown = "\n".join(
            [proposal.text(), proposal.toml(), proposal.frame().to_csv(), repr(proposal)]
        )
        for row in csv.DictReader(io.StringIO(export.text)):
            for name in export.personal:
                cell = row[name].strip("'")
                # A province may be a word of a file's name; names and numbers may not be.
                assert len(cell) < 3 or cell not in shown, (export.file, name)
        for phone in ("13800001111", "13900001111", "****0001", "****1111"):
            assert phone not in shown


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.file)
def test_an_export_goes_through_its_proposal(export, tmp_path):
    rows = table(export.text)
    mapping = engine(propose_rows(rows, export.file), tmp_path)
    keys = read_keyring({"ATTRIBUTION_KEY": "a key of these tests, long enough"}, None, demo=False)
    context = Context("Asia/Shanghai", "s", export.file, "b", keys)
    raw = RawBatch(rows, np.arange(1, rows.num_rows + 1))
    made = apply(mapping, raw, context)
    assert made.rejected.to_pylist() == []
    filled = {name for name in made.tables if name not in ("identifiers", "links")}
    assert filled == set(export.meaning)
    shown = str({name: each.to_pylist() for name, each in made.tables.items()})
    for row in csv.DictReader(io.StringIO(export.text)):
        for name in export.personal:
            assert len(row[name]) < 3 or row[name] not in shown
    for phone in ("13800001111", "13800002222", "13900001111", "13900002222"):
        assert phone not in shown


def test_a_proposal_keeps_money_and_times_exact(tmp_path):
    export = next(each for each in EXPORTS if each.file == "orders_export_1.csv")
    rows = table(export.text)
    mapping = engine(propose_rows(rows, export.file), tmp_path)
    keys = read_keyring({"ATTRIBUTION_KEY": "a key of these tests, long enough"}, None, demo=False)
    raw = RawBatch(rows, np.arange(1, rows.num_rows + 1))
    made = apply(mapping, raw, Context("UTC", "s", export.file, "b", keys))
    orders = made.tables["orders"].select(["order_id", "paid_fen", "status", "created_at"])
    assert orders.to_pylist() == [
        {"order_id": "#1001", "paid_fen": 40900, "status": "paid", "created_at": 1762862400000},
        {
            "order_id": "#1002",
            "paid_fen": 7890,
            "status": "refund_closed",
            "created_at": 1762866000000,
        },
    ]
    assert made.excluded == {"further line of an order": 1}


def test_a_packaged_mapping_that_fits_is_named():
    export = next(each for each in EXPORTS if each.file.startswith("抖店"))
    proposal = propose_text(export.text, export.file)
    assert proposal.known[0][0].startswith("doudian")
    assert f'mapping = "{proposal.known[0][0]}"' in proposal.toml()
    other = next(each for each in EXPORTS if each.file == "费用.csv")
    assert propose_text(other.text, other.file).known == ()


def test_a_wide_sheet_of_costs_makes_a_block_of_each_amount(tmp_path):
    export = next(each for each in EXPORTS if each.file == "费用.csv")
    proposal = propose_text(export.text, export.file)
    kinds = {}
    for block in proposal.blocks:
        guesses = {guess.column: guess for guess in block.guesses}
        kinds[guesses["amount_fen"].source] = guesses["kind"].value["value"]
    assert kinds == {"坑位费": "slot_fee", "佣金": "commission", "福袋": "lucky_bag"}
    assert len(engine(proposal, tmp_path).blocks) == 3


def test_direct_and_indirect_claims_are_two_blocks(tmp_path):
    proposal = propose_text(
        "日期,计划ID,消耗(元),直接成交金额(元),间接成交金额(元)\n"
        "2025-11-11,1790000000000001,100.00,500.00,70.00\n"
    )
    claims = {
        guess.source: next(g.value["value"] for g in block.guesses if g.column == "kind")
        for block in proposal.blocks
        if block.table == "platform_claims"
        for guess in block.guesses
        if guess.column == "amount_fen"
    }
    assert claims == {"直接成交金额(元)": "direct", "间接成交金额(元)": "indirect"}
    assert meaning(proposal)["costs"]["amount_fen"] == "消耗(元) yuan"
    engine(proposal, tmp_path)


def test_a_list_of_members_is_evidence_of_who_is_who(tmp_path):
    proposal = propose_text(
        "会员编号,手机号,unionid,注册时间\nm1,13800001111,u1,2025-01-02 10:00:00\n"
        "m2,13800002222,,2025-01-03 10:00:00\n"
    )
    [block] = engine(proposal, tmp_path).blocks
    assert block.table == "identities"
    assert [(each.type, each.link) for each in block.ids] == [
        ("wx_unionid", "strong"),
        ("member_id", "strong"),
        ("phone", "medium"),
    ]
    assert meaning(proposal)["identities"]["at"] == "注册时间 time"


# ---------------------------------------------------------------------- files


def test_a_gb18030_file_is_read(tmp_path):
    export = EXPORTS[0]
    file = tmp_path / export.file
    file.write_bytes(export.text.encode("gb18030"))
    assert meaning(propose(file)) == export.meaning


def test_nested_json_says_where_its_records_and_rows_are(tmp_path):
    orders = [
        {
            "order_id": f"692000000000000000{i}",
            "main_status": "paid",
            "create_time": 1762862400 + i,
            "pay_amount": 37900 + 1000 * i,
            "post_amount": 0,
            "buyer": {"open_id": f"u{i}", "nickname": "林晓梅"},
            "sku_order_list": [
                {
                    "order_id": f"69300000000000{i}{j:04}",
                    "product_id": f"3600{j}",
                    "item_num": 1,
                    "pay_amount": 18900,
                    "room_id_str": "7400001",
                }
                for j in range(1 + i % 2)
            ],
        }
        for i in range(6)
    ]
    answer = {"code": 10000, "msg": "ok", "data": {"total": 6, "shop_order_list": orders}}
    file = tmp_path / "orders.json"
    file.write_text(json.dumps(answer), encoding="utf-8")
    proposal = propose(file)
    assert proposal.records == "data.shop_order_list[]"
    assert meaning(proposal) == {
        "orders": {
            "order_id": "order_id",
            "status": "main_status",
            "created_at": "create_time epoch_s",
            "paid_fen": "pay_amount fen",
            "freight_fen": "post_amount fen",
            "ids": "buyer.open_id",
        },
        "order_lines": {
            "line_id": "sku_order_list[].order_id",
            "order_id": "order_id",
            "product_id": "sku_order_list[].product_id",
            "qty": "sku_order_list[].item_num",
            "paid_fen": "sku_order_list[].pay_amount fen",
            "room_id": "sku_order_list[].room_id_str",
        },
    }
    assert [each.source for each in proposal.personal] == ["buyer.nickname"]
    mapping = engine(proposal, tmp_path)
    assert mapping.records == ("data.shop_order_list[]",)
    assert [b.rows.text if b.rows else "" for b in mapping.blocks] == ["", "sku_order_list[]"]


def test_a_single_order_with_lines_is_a_record_and_no_envelope(tmp_path):
    file = tmp_path / "order.json"
    line = {"sku_id": "1", "num": 1, "real_price": 9900}
    order = {"order_id": "37", "status": "paid", "create_time": 1762862400, "order_price": 19800}
    file.write_text(json.dumps({**order, "product_infos": [line, {**line, "sku_id": "2"}]}))
    proposal = propose(file)
    assert proposal.records == ""
    assert [(b.table, b.rows) for b in proposal.blocks] == [
        ("orders", ""),
        ("order_lines", "product_infos[]"),
    ]


def test_landed_pushes_are_read_event_by_event(tmp_path):
    file = tmp_path / "push.jsonl"
    record = {
        "header": {"x-roomid": "7400001", "x-msg-type": "live_like"},
        "body": [{"msg_id": "m1", "sec_openid": "s1", "timestamp": 1762862400123}],
    }
    file.write_text("".join(json.dumps(record) + "\n" for _ in range(3)), encoding="utf-8")
    proposal = propose(file)
    [block] = proposal.blocks
    assert (block.table, block.rows) == ("touchpoints", "body[]")
    said = meaning(proposal)["touchpoints"]
    assert said["event_id"] == "body[].msg_id"
    assert said["at"] == "body[].timestamp epoch_ms"
    assert said["event"] == "header.x-msg-type"
    assert said["session_id"] == "header.x-roomid"
    assert said["ids"] == "body[].sec_openid"
    assert proposal.platform == "douyin"
    engine(proposal, tmp_path)


def test_a_file_without_rows_is_refused(tmp_path):
    file = tmp_path / "orders.csv"
    file.write_text("订单号,金额\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"orders\.csv: found no rows"):
        propose(file)


def test_a_file_whose_header_is_missing_is_refused_without_showing_it():
    text = "林晓梅,13800001111,2025-11-11 20:00:00\n李四,13800002222,2025-11-11 20:00:01\n"
    with pytest.raises(DataError) as raised:
        propose_text(text)
    assert "names of the columns" in str(raised.value)
    assert "1380000" not in str(raised.value)
    assert "林" not in str(raised.value)


# ---------------------------------------------------------------------- units


def amounts(*cells, name="pay_amount", more=""):
    rows = "\n".join(f"{i},{1762862400 + i},{cell}{more}" for i, cell in enumerate(cells))
    extra = more and ",freight"
    return propose_text(f"order_no,create_time,{name}{extra}\n{rows}\n")


@pytest.mark.parametrize(
    ("cells", "name", "unit", "certain"),
    [
        (("379.00", "118.90"), "pay_amount", "yuan", True),
        (("379", "118.9"), "pay_amount", "yuan", True),
        (("37900", "11890"), "pay_amount", "fen", False),
        (("379", "118"), "pay_amount", "yuan", False),  # yuan without decimals
        (("5", "3"), "pay_amount", "yuan", False),
        (("379", "118"), "实付金额", "yuan", False),
        (("37900", "11890"), "实付金额(分)", "fen", True),
        (("37900", "11890"), "paid_fen", "fen", True),
        (("37900", "11890"), "paid_amount_cents", "fen", True),
        (("379", "118"), "实付金额(元)", "yuan", True),
        (("37900", "11890"), "实付金额（元）", "yuan", True),  # the name decides
        (("￥1,379.00", "118"), "实付金额", "yuan", True),
    ],
)
def test_the_unit_of_an_amount(cells, name, unit, certain):
    cells = [f'"{cell}"' for cell in cells]
    guess = guess_of(amounts(*cells, name=name), "orders", "paid_fen")
    assert guess.value["as"] == unit
    assert ("assumed" not in guess.value) == certain
    assert (guess.todo == "") == certain


def test_decimals_under_a_name_that_says_fen_are_a_question():
    guess = guess_of(amounts("379.50", "118.25", name="实付金额(分)"), "orders", "paid_fen")
    assert guess.value["as"] == "yuan"
    assert "though the name says fen" in guess.value["assumed"]


def test_whole_amounts_have_the_unit_the_others_show():
    guess = guess_of(amounts("379.00", "118.90", more=",10"), "orders", "freight_fen")
    assert guess.value["as"] == "yuan"
    assert guess.value["assumed"].endswith("as the file's other amounts")


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        (("1762862400", "1762862401"), "epoch_s"),
        (("1762862400000", "1762862401000"), "epoch_ms"),
        (("1762862400", "0"), "epoch_s"),
        (("2025-11-11 20:00:00", "-"), "time"),
        (("2025/11/11 20:00", "2025/1/1 8:00"), "time"),
        (("2025-11-11T20:00:00+08:00", "2025-11-11T20:00:00Z"), "time"),
        (("2025-11-11", ""), "time"),
    ],
)
def test_the_form_of_a_time(cells, form):
    rows = "".join(f"{i},1.00,2025-11-11 19:00:00,{cell},paid\n" for i, cell in enumerate(cells))
    guess = guess_of(
        propose_text(f"order_no,paid,create_time,finish_time,status\n{rows}"),
        "orders",
        "completed_at",
    )
    assert guess.value["as"] == form
    nothing = [cell for cell in cells if cell in ("0", "-")]
    assert guess.value.get("null_if", []) == nothing


@pytest.mark.parametrize(
    "cells", [("1762862400000000", "1762862400000001"), ("20251111", "20251112"), ("1.5", "2")]
)
def test_what_no_mapping_reads_as_a_time_is_not_called_one(cells):
    rows = "".join(f"{i},1.00,2025-11-11 19:00:00,{cell},paid\n" for i, cell in enumerate(cells))
    proposal = propose_text(f"order_no,paid,create_time,finish_time,status\n{rows}")
    assert "completed_at" not in meaning(proposal)["orders"]
    assert "finish_time" in [each.source for each in proposal.unmapped]


def test_times_that_are_all_zero_are_read_as_the_others_are():
    proposal = propose_text(
        "order_no,paid,create_time,finish_time,status\n1,1.00,1762862400000,0,paid\n"
    )
    guess = guess_of(proposal, "orders", "completed_at")
    assert guess.value == {"from": "finish_time", "as": "epoch_ms", "null_if": ["0"]}


@pytest.mark.parametrize(
    ("cells", "name", "form", "certain"),
    [
        (("0.2", "0.15"), "佣金率", "ratio", True),
        (("20%", "15.5%"), "佣金率", "percent", True),
        (("20", "15.5"), "佣金率(%)", "percent", True),
        (("20", "15.5"), "佣金率", "percent", False),
        (("200", "155"), "佣金率", "permille", False),
        (("200", "155"), "佣金率(‰)", "permille", True),
        (("2000", "1550"), "commission_rate", "per_10k", False),
    ],
)
def test_the_unit_of_a_rate(cells, name, form, certain):
    rows = "".join(f"2025-11-11,10.00,{cell}\n" for cell in cells)
    guess = guess_of(propose_text(f"日期,费用金额,{name}\n{rows}"), "costs", "rate")
    assert guess.value["as"] == form
    assert ("assumed" not in guess.value) == certain


# ---------------------------------------------------------------------- doubts


def test_of_two_fields_for_one_column_the_other_is_an_alternative():
    proposal = propose_text(
        "订单号,下单时间,订单状态,支付金额,实收金额\n1,2025-11-11 20:00:00,已付款,9.90,8.90\n"
    )
    guess = guess_of(proposal, "orders", "paid_fen")
    assert {guess.source, *guess.alternatives} == {"支付金额", "实收金额"}
    assert "or " + guess.alternatives[0] in proposal.toml()


def test_an_empty_column_is_read_but_doubted():
    proposal = propose_text("订单号,下单时间,实付金额,完成时间\n1,2025-11-11 20:00:00,9.90,\n")
    guess = guess_of(proposal, "orders", "completed_at")
    full = guess_of(proposal, "orders", "created_at")
    assert guess.confidence < full.confidence


def test_unknown_words_of_a_status_are_asked_for_and_never_guessed(tmp_path):
    proposal = propose_text(
        "order_no,create_time,pay_amount,status\n1,1762862400,9.90,105\n2,1762862401,8.90,22\n"
    )
    guess = guess_of(proposal, "orders", "status")
    assert set(guess.value["map"]) == set(TABLES["orders"].column("status").values)
    assert "105 (1), 22 (1)" in guess.todo
    assert guess.confidence < 0.5
    engine(proposal, tmp_path)


def test_some_unknown_words_are_listed_beside_the_map(tmp_path):
    rows = "".join(
        f"{i},2025-11-11 20:00:00,9.90,{word}\n"
        for i, word in enumerate(["已付款", "已完成", "神秘状态", "神秘状态", "神秘状态", "林晓梅"])
    )
    proposal = propose_text(f"订单号,下单时间,实付金额,订单状态\n{rows}")
    guess = guess_of(proposal, "orders", "status")
    assert guess.value["map"] == {"已付款": "paid", "已完成": "completed"}
    assert "神秘状态 (3)" in guess.todo
    assert "林" not in proposal.text() + proposal.toml()
    engine(proposal, tmp_path)


def test_ids_that_lost_digits_are_reported():
    proposal = propose_text(
        "订单号,下单时间,实付金额\n6.92E+18,2025-11-11 20:00:00,9.90\n"
        "6.93E+18,2025-11-11 20:00:01,9.90\n"
    )
    assert any("lost digits" in note and "订单号" in note for note in proposal.notes)
    assert guess_of(proposal, "orders", "order_id").confidence < 0.6


def test_amounts_of_lines_are_not_taken_for_the_orders():
    rows = (
        "1,11,2025-11-11 20:00:00,已付款,10.00,1\n1,12,2025-11-11 20:00:00,已付款,5.00,1\n"
        "2,13,2025-11-11 20:00:00,已付款,7.00,1\n2,14,2025-11-11 20:00:00,已付款,3.00,2\n"
    )
    proposal = propose_text(f"主订单编号,子订单编号,下单时间,订单状态,实付金额,数量\n{rows}")
    assert list(meaning(proposal)) == ["order_lines"]
    assert any("a row's own" in note for note in proposal.notes)


def test_amounts_of_orders_are_not_taken_for_their_lines():
    rows = (
        "1,11,2025-11-11 20:00:00,已付款,15.00,1\n1,12,2025-11-11 20:00:00,已付款,15.00,1\n"
        "2,13,2025-11-11 20:00:00,已付款,10.00,1\n2,14,2025-11-11 20:00:00,已付款,10.00,2\n"
    )
    proposal = propose_text(f"主订单编号,子订单编号,下单时间,订单状态,实付金额,数量\n{rows}")
    assert list(meaning(proposal)) == ["orders"]
    assert any("whole order's" in note for note in proposal.notes)


def test_both_amounts_are_told_apart():
    rows = (
        "1,11,2025-11-11 20:00:00,已付款,15.00,10.00\n1,12,2025-11-11 20:00:00,已付款,15.00,5.00\n"
        "2,13,2025-11-11 20:00:00,已付款,10.00,7.00\n2,14,2025-11-11 20:00:00,已付款,10.00,3.00\n"
    )
    said = meaning(
        propose_text(f"主订单编号,子订单编号,下单时间,订单状态,实付金额,商品实付金额\n{rows}")
    )
    assert said["orders"]["paid_fen"] == "实付金额 yuan"
    assert said["order_lines"]["paid_fen"] == "商品实付金额 yuan"


def test_one_amount_for_orders_and_lines_is_said():
    proposal = propose_text(EXPORTS[0].text, EXPORTS[0].file)
    assert any("both read 订单应付金额" in note for note in proposal.notes)


ORDERS_OF = "订单编号,创建时间,订单状态,实付金额,{},{}\n" + "".join(
    f"100000000000{i},2025-11-11 20:00:00,已付款,10.50,{{}},{{}}\n" for i in range(3)
)


@pytest.mark.parametrize(
    ("cells", "platform", "said"),
    [
        (("wx_unionid", "platform", "", "douyin"), "douyin", "the values of platform"),
        (("wx_unionid", "平台", "", "快手小店"), "kuaishou", "the values of 平台"),
        (("wx_unionid", "platform", "oABCdefGhi123", "jd"), "jd", "the values of platform"),
        (("wx_unionid", "platform", "oABCdefGhi123", ""), "wechat", "the field wx_unionid"),
        (("wx_unionid", "note", "", "x"), "other", "nothing says which"),
        (("wx_unionid", "platform", "", "neverland"), "other", "nothing says which"),
    ],
)
def test_values_say_the_platform_and_empty_fields_do_not(cells, platform, said):
    first, second, *filled = cells
    text = ORDERS_OF.format(first, second, *filled * 3)
    proposal = propose_text(text)
    assert proposal.platform == platform
    assert said in proposal.platform_evidence


def test_a_name_no_mapping_can_write_is_said(tmp_path):
    proposal = propose_text("订单编号,创建时间,订单状态,实付金额,[x\n1,2025-11-11,已付款,1.00,y\n")
    assert "rename it" in next(x for x in proposal.unmapped if x.source == "[x").evidence
    engine(proposal, tmp_path)


def test_what_nobody_knows_makes_no_block_but_a_note(tmp_path):
    proposal = propose_text("foo,bar\nx,1\ny,2\n")
    assert proposal.blocks == ()
    assert [each.source for each in proposal.unmapped] == ["foo", "bar"]
    assert any("No table fits" in note for note in proposal.notes)
    assert tomllib.loads(proposal.toml())["platform"] == "other"


# ---------------------------------------------------------------------- persons

BASE = "订单号,下单时间,实付金额"


def with_column(name, *cells):
    rows = "".join(f"{i},2025-11-11 20:00:00,9.90,{cell}\n" for i, cell in enumerate(cells))
    return propose_text(f"{BASE},{name}\n{rows}")


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("uid", ("13800001111", "13900002222")),  # phones under another name
        ("订购编码", ("13800001111", "13900002222")),
        ("手机", ("+86 13800001111", "13900002222")),
        ("会员手机号", ("13800001111", "13900002222")),
    ],
)
def test_phones_are_hashed_whatever_their_name(name, cells, tmp_path):
    proposal = with_column(name, *cells)
    guess = guess_of(proposal, "orders", "ids")
    assert guess.value["from"] == name
    assert guess.value["as"] == guess.value["type"] == "phone"
    assert guess.value["link"] == ("strong" if name.startswith("会员") else "medium")
    assert "1380000" not in proposal.text() + proposal.toml()
    engine(proposal, tmp_path)


@pytest.mark.parametrize(
    ("name", "cells", "why"),
    [
        ("手机", ("138****1111", "139****2222"), "masked"),
        ("联系方式", ("138****1111", "139****2222"), "masked"),
        ("phone", ("****1111", "****2222"), "masked"),
        ("receiver_phone", ("$fe12$ab$1$", "$fe13$ab$1$"), "encrypted"),
        ("代号", ("张*", "欧阳**"), "masked names"),
        ("代号", ("***", "**"), "masked names"),
        ("x", ("a@b.cn", "c@d.cn"), "e-mail"),
        ("y", ("浙江省杭州市西湖区某路1号", "上海市徐汇区某街2号"), "addresses"),
        ("name", ("Li Lei", "Han Mei"), "a name"),
        ("收货人电话归属地", ("浙江", "上海"), "encrypted or cut"),
        ("收件人(加密)", ("##abc##", "##abd##"), "a name"),
    ],
)
def test_what_is_about_persons_is_left_out(name, cells, why):
    proposal = with_column(name, *cells)
    [aside] = proposal.personal
    assert aside.source == name
    assert why in aside.why
    read = [guess.source for block in proposal.blocks for guess in block.guesses]
    assert name not in read
    assert not any(cell in proposal.text() + proposal.toml() for cell in cells if len(cell) > 2)


def test_a_number_of_eleven_digits_under_an_orders_own_name_is_its_id():
    proposal = propose_text(
        "订单号,下单时间,实付金额\n13800001111,2025-11-11 20:00:00,9.90\n"
        "13800001112,2025-11-11 20:00:01,9.90\n"
    )
    assert meaning(proposal)["orders"]["order_id"] == "订单号"
    assert "1380000" not in proposal.text() + proposal.toml()


def test_an_index_made_of_phones_is_an_id_and_no_phone():
    proposal = with_column("search_index", "a1b2c3", "a1b2c4")
    assert guess_of(proposal, "orders", "ids").value["type"] == "phone_index"
    assert with_column("douyin_phone_index", "a1b2c3", "a1b2c4").personal == ()


# ---------------------------------------------------------------------- anything goes

HEADERS = sorted(
    {
        word.removeprefix("=")
        for columns in words()["columns"].values()
        for each in columns.values()
        for word in each
    }
    | {
        word
        for section in ("ids", "streamers", "personal", "other")
        for each in words()[section].values()
        for word in each
    }
)
CELLS = st.one_of(
    st.sampled_from(["已付款", "paid", "直播", "-", "0", "是", "20%", "1.50", "37900", "林晓梅"]),
    st.integers(0, 10**19).map(str),
    st.integers(1_700_000_000, 1_800_000_000).map(str),
    st.sampled_from(
        ["13800001111", "2025-11-11 20:00:00", "2025-11-11", "a,b", '"', "\\", "#{}[]="]
    ),
)


@given(data=st.data())
def test_every_proposal_is_a_mapping_the_engine_takes(data, tmp_path_factory):
    names = data.draw(
        st.lists(
            st.sampled_from(HEADERS) | st.text("字 \"'.[]=#a", min_size=1, max_size=5),
            min_size=1,
            max_size=14,
            unique=True,
        )
    )
    columns = {}
    for name in names:
        kind = data.draw(
            st.one_of(
                CELLS.map(lambda cell: [cell] * 3),
                st.lists(CELLS | st.none(), min_size=3, max_size=3),
            )
        )
        columns[name] = pa.array(kind, pa.string())
    try:
        proposal = propose_rows(
            pa.table(columns), data.draw(st.sampled_from(["订单.csv", 'a"b.json', "x"]))
        )
    except DataError:
        return
    shown = proposal.text() + proposal.toml() + proposal.frame().to_csv()
    assert "1380000" not in shown
    assert "林晓" not in shown
    if proposal.blocks:
        mapping = engine(proposal, tmp_path_factory.mktemp("mapping"))
        assert {b.table for b in mapping.blocks} == {b.table for b in proposal.blocks}
