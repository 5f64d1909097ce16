"""The sample brand's exports are what their script makes, and hold what their page says.

The figures of `truth.json` are checked here against a plain reading of the files.
"""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import openpyxl
import pytest

import attribution
from attribution import shipped

SAMPLE = shipped("data", "sample")
RAW = SAMPLE / "raw"
MAPPINGS = Path(attribution.__file__).parent / "mapping" / "mappings"
TRUTH = json.loads((SAMPLE / "truth.json").read_text(encoding="utf-8"))
PLANTED = {trap: ids for trap, _, ids in TRUTH["planted"]}
BAD = {(file, row) for file, row, _ in TRUTH["quarantine"]}
CHINESE = ("trades.csv", "items.csv")  # as Excel saves them
KEEPS_MONEY = {3, 7, 8}  # 抖店: exchange, re-ship, repair


def document(name: str) -> dict:
    return json.loads((RAW / name).read_text(encoding="utf-8"))


def table(name: str, encoding: str = "utf-8-sig") -> list[dict]:
    text = (RAW / name).read_bytes().decode(encoding)
    return list(csv.DictReader(io.StringIO(text, newline="")))


def lines(name: str) -> list[dict]:
    found = []
    for line in (RAW / name).read_text(encoding="utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except json.JSONDecodeError:
            assert (name, len(found) + 1) in BAD
    return found


def fen(yuan: str) -> int:
    whole, _, rest = yuan.partition(".")
    return int(whole) * 100 + int(rest.ljust(2, "0") or 0)


@pytest.fixture(scope="module")
def douyin() -> dict[str, dict]:
    """Each order in its newest state, without tests and fakes."""
    newest: dict[str, dict] = {}
    for file in sorted(RAW.glob("douyin/orders_*.json")):
        for record in json.loads(file.read_text(encoding="utf-8"))["data"]["shop_order_list"]:
            name = record["order_id"]
            known = newest.get(name)
            if name and (known is None or known["update_time"] <= record["update_time"]):
                newest[name] = record
    assert len(newest) > 500
    return {name: order for name, order in newest.items() if not order["seller_words"]}


def test_the_script_makes_the_committed_files_byte_for_byte(tmp_path: Path) -> None:
    script = str(SAMPLE / "make_sample.py")
    subprocess.run([sys.executable, "-B", script, str(tmp_path)], check=True)
    made = {file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file()}
    held = {Path("README.md"), Path("truth.json")} | {
        file.relative_to(SAMPLE) for file in RAW.rglob("*") if file.is_file()
    }
    assert made == held
    for name in made:
        assert (tmp_path / name).read_bytes() == (SAMPLE / name).read_bytes(), name


def test_it_is_small_enough_to_commit() -> None:
    files = [f for f in SAMPLE.rglob("*") if f.is_file() and "__pycache__" not in f.parts]
    assert sum(f.stat().st_size for f in files) <= 2_621_440  # 2.5 MiB


def test_the_page_names_every_file_and_a_mapping_for_it() -> None:
    page = (SAMPLE / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \| `(\w+)` \|", page, re.MULTILINE)
    named: set[Path] = set()
    for files, mapping in rows:
        assert (MAPPINGS / f"{mapping}.toml").is_file(), mapping
        first, *others = files.split(", ")
        folder = Path(first).parent
        for pattern in (first, *(str(folder / other) for other in others)):
            named |= set(RAW.glob(pattern))
    assert named == {file for file in RAW.rglob("*") if file.is_file()}


def test_douyin_orders_add_up(douyin: dict[str, dict]) -> None:
    told = TRUTH["platforms"]["douyin"]
    back: Counter[str] = Counter()
    for item in document("douyin/refunds.json")["data"]["items"]:
        info = item["aftersale_info"]
        if info["refund_status"] == 3 and info["aftersale_type"] not in KEEPS_MONEY:
            back[str(item["order_info"]["shop_order_id"])] += info["refund_amount"]
    gross = {
        name: order["pay_amount"]
        - sum(
            line["pay_amount"]
            for line in order["sku_order_list"]
            if line["given_product_type"] == "FREE" or line["trade_type"] in (5, 10, 11, 12)
        )
        for name, order in douyin.items()
        if order["main_status"] not in (1, 103, 4)
    }
    assert len(douyin) == told["orders"]
    assert len(gross) == told["paid_orders"]
    assert sum(len(order["sku_order_list"]) for order in douyin.values()) == told["lines"]
    assert sum(gross.values()) == told["gross_fen"]
    assert sum(max(paid - back[name], 0) for name, paid in gross.items()) == told["net_fen"]


def test_taobao_and_mall_orders_add_up() -> None:
    trades = [
        row
        for number, row in enumerate(table("taobao/trades.csv", "gb18030"), 1)
        if ("taobao/trades.csv", number) not in BAD and not row["订单备注"]
    ]
    told = TRUTH["platforms"]["taobao"]
    assert len(trades) == told["orders"]
    paid = [row for row in trades if row["订单付款时间"]]
    assert sum(fen(row["买家实际支付金额"]) for row in paid) == told["gross_fen"]

    mall = {
        row["order_id"]: row
        for number, row in enumerate(table("mall/orders.csv"), 1)
        if ("mall/orders.csv", number) not in BAD
    }
    told = TRUTH["platforms"]["own_mall"]
    assert len(mall) == told["orders"]
    assert sum(fen(row["paid"]) for row in mall.values() if row["paid_at"]) == told["gross_fen"]
    back: Counter[str] = Counter()
    for row in table("mall/refunds.csv"):
        if row["status"] == "success" and row["kind"] != "exchange":
            back[row["order_id"]] += fen(row["amount"])
    net = sum(max(fen(row["paid"]) - back[name], 0) for name, row in mall.items() if row["paid_at"])
    assert net == told["net_fen"]


def test_kuaishou_and_wechat_orders_add_up() -> None:
    records = document("kuaishou/orders.json")["data"]["orderList"]
    orders = [
        each["orderBaseInfo"]
        for number, each in enumerate(records, 1)
        if ("kuaishou/orders.json", number) not in BAD
    ]
    told = TRUTH["platforms"]["kuaishou"]
    assert len(orders) == told["orders"]
    assert sum(o["totalFee"] for o in orders if o["payTime"]) == told["gross_fen"]

    shop = {
        each["order_id"]: each["order_detail"]
        for number, each in enumerate(document("wechat/orders.json")["orders"], 1)
        if ("wechat/orders.json", number) not in BAD
    }
    told = TRUTH["platforms"]["wechat"]
    assert len(shop) == told["orders"]
    paid = [each["price_info"] for each in shop.values() if each["pay_info"]["pay_time"]]
    assert sum(each["order_price"] for each in paid) == told["gross_fen"]


def test_lines_add_up_to_their_order(douyin: dict[str, dict]) -> None:
    whole = [order for order in douyin.values() if order["main_status"] != 103]
    assert len(whole) > 500
    for order in whole:
        paid = sum(line["pay_amount"] for line in order["sku_order_list"])
        assert paid + order["post_amount"] == order["pay_amount"]
        ids = [line["order_id"] for line in order["sku_order_list"]]
        assert len(set(ids)) == len(ids)


def test_the_quarantined_rows_stand_where_the_page_says() -> None:
    found = {(file, why): row for file, row, why in TRUTH["quarantine"]}
    trades = table("taobao/trades.csv", "gb18030")

    def trade(why: str) -> dict:
        return trades[found["taobao/trades.csv", why] - 1]

    assert trade("the header again")["订单编号"] == "订单编号"
    assert re.fullmatch(r"\d\.\d+E\+\d+", trade("id in scientific notation")["订单编号"])
    assert trade("order without id")["订单编号"] == ""
    assert trade("unknown status")["订单状态"] == "神秘状态"
    mall = table("mall/orders.csv")
    assert mall[found["mall/orders.csv", "currency other than CNY"] - 1]["currency"] == "USD"
    assert None in mall[found["mall/orders.csv", "a cell too many"] - 1]
    claims = document("qianchuan/claims.json")["data"]["list"]
    spoilt = found["qianchuan/claims.json", "64-bit id that went through floating point"]
    assert [n for n, c in enumerate(claims, 1) if isinstance(c["order_id"], float)] == [spoilt]
    assert not (RAW / "mall/events.jsonl").read_bytes().endswith(b"\n")
    assert 10 <= len(BAD) == len(TRUTH["quarantine"]) <= 15


def test_every_import_trap_is_planted() -> None:
    wanted = {
        "child id = parent id", "presale, paid in full", "presale, deposit only",
        "0 yuan, lucky bag, sample", "free gift lines", "partial refunds", "price protection",
        "ERP merges", "ERP splits", "补发 and 换货 orders", "platform-borne coupon",
        "gift recipient", "sharer not resolved", "pushes twice and out of order",
        "orders pulled again, older", "streamer alias unmapped", "co-hosted session",
        "sessions past midnight", "test and fake orders", "refund above paid",
        "refund for an unknown order", "foreign currency", "group leader's phone",
        "recycled number", "masked and virtual phones", "orders only the ERP knows",
    }  # fmt: skip
    assert wanted <= {trap for trap, ids in PLANTED.items() if ids}
    text = "".join(
        file.read_bytes().decode("gb18030" if file.name in CHINESE else "utf-8")
        for file in RAW.rglob("*")
        if file.suffix in (".json", ".jsonl", ".csv")
    )
    for trap in wanted:
        for name in PLANTED[trap]:
            assert name in text, (trap, name)


def test_pushes_repeat_and_lie_within_their_sessions() -> None:
    rooms = {
        str(room["room_id"]): room for room in document("qianchuan/sessions.json")["data"]["list"]
    }
    seen: Counter[str] = Counter()
    for file in sorted(RAW.glob("douyin/live_events/*.jsonl")):
        name = file.relative_to(RAW).as_posix()
        order = []
        for number, push in enumerate(lines(name), 1):
            if (name, number) in BAD:
                continue
            assert push["header"]["x-roomid"] in rooms
            order.append(int(push["header"]["x-timestamp"]))
            for event in push["body"]:
                seen[event["msg_id"]] += 1
                assert 0 <= int(push["header"]["x-timestamp"]) - event["timestamp"] < 120_000
        assert order != sorted(order)
    assert len(seen) == TRUTH["touchpoints"]["live"]
    assert {name for name, count in seen.items() if count > 1} >= set(
        PLANTED["pushes twice and out of order"]
    )


def test_workbooks_and_chinese_exports_read_as_text() -> None:
    book = openpyxl.load_workbook(RAW / "taobao/taobaoke.xlsx", read_only=True)
    header, *rows = book.active.iter_rows(values_only=True)
    assert header[0] == "trade_parent_id"
    assert all(re.fullmatch(r"24\d{17}", row[0]) for row in rows)
    with pytest.raises(UnicodeDecodeError):
        (RAW / "taobao/trades.csv").read_bytes().decode("utf-8")
    assert table("taobao/items.csv", "gb18030")[0]["主订单编号"].startswith("\t24")


def test_platforms_claim_more_than_once_for_one_order() -> None:
    kinds: dict[str, set[str]] = defaultdict(set)
    for claim in document("qianchuan/claims.json")["data"]["list"]:
        kinds[str(claim["order_id"])].add(claim["pay_type"])
    assert sum(len(each) == 2 for each in kinds.values()) >= 20
    allied = {order["order_id"] for order in document("douyin/commission.json")["data"]["orders"]}
    assert len(allied & set(kinds)) >= 20
    report = document("kuaishou/ad_report.json")["data"]["details"]
    claimed = sum(round(row["t7_gmv"] * 100) for row in report)
    assert claimed > TRUTH["platforms"]["kuaishou"]["gross_fen"]


def test_bound_ids_belong_to_one_person_and_no_phone_can_be_real() -> None:
    members = table("mall/members.csv")
    for column in ("member_id", "wx_unionid", "doudian_open_id", "ks_open_id", "tb_open_uid"):
        values = [row[column] for row in members if row[column]]
        assert len(set(values)) == len(values) > 20
    groups = TRUTH["same_person"]
    assert len({value for group in groups for value in group}) == sum(map(len, groups))
    phones = set()
    for file in RAW.rglob("*"):
        if file.suffix in (".json", ".jsonl", ".csv"):
            encoding = "gb18030" if file.name in CHINESE else "utf-8"
            text = file.read_bytes().decode(encoding)
            phones |= set(re.findall(r"(?<![0-9A-Za-z])1[3-9]\d{9}(?![0-9A-Za-z])", text))
    assert len(phones) > 500
    assert {phone for phone in phones if not phone.startswith("154")} == {
        "17000000000",
        "17100000000",
    }
