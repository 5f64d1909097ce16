"""Rows through a mapping: canonical rows, evidence, what is refused, and every planted trap."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.errors import ConfigError, DataError
from attribution.mapping.apply import REJECTED, Context, Emission, apply
from attribution.mapping.file_columns import check_columns
from attribution.mapping.mapping_file import read_mapping
from attribution.sources.raw import Broken, RawBatch
from attribution.store.tables import TABLES

T = "2026-11-11 20:00:00"
MS = 1794398400000  # of T in Shanghai
PHONE, OTHER_PHONE = "13912340001", "13912340002"


class Plain:
    """Hashes that can be read, so that a test sees what was hashed."""

    def __init__(self, key: str | None = "k", older: tuple[str, ...] = ()) -> None:
        self.key, self.older = key, older

    @property
    def can_hash_phones(self):
        return self.key is not None

    def _hash(self, key, id_type, namespace, values):
        spaces = [None] * len(values) if namespace is None else namespace.to_pylist()
        pairs = zip(spaces, values.to_pylist(), strict=True)
        texts = [None if v is None else f"{id_type}|{space or ''}|{v}" for space, v in pairs]
        digests = [None if t is None else hashlib.sha256(t.encode()).hexdigest() for t in texts]
        return pa.array([None if d is None else f"{key}.{d}" for d in digests], pa.string())

    def hashes(self, id_type, namespace, values):
        return self._hash(self.key, id_type, namespace, values)

    def phones(self, values):
        plain = [
            f"+86{v[-11:]}" if v is not None and v[-11:].isdigit() and len(v) >= 11 else None
            for v in values.to_pylist()
        ]
        return pa.array(plain, pa.string()), pa.nulls(len(plain), pa.string())

    def rotations(self, id_type, namespace, values):
        old = [self._hash(key, id_type, namespace, values) for key in self.older]
        new = [self.hashes(id_type, namespace, values)] * len(old)
        none = pa.array([], pa.string())
        return pa.concat_arrays([none, *old]), pa.concat_arrays([none, *new])


def hashed(id_type, value, namespace=None, key="k"):
    return (
        Plain(key).hashes(id_type, pa.array([namespace], pa.string()), pa.array([value]))[0].as_py()
    )


def context(hasher=None, values=(), timezone="Asia/Shanghai") -> Context:
    return Context(timezone, "shop", "raw/a.csv", "b1", hasher or Plain(), values)


def mapping(tmp_path: Path, text: str):
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    return read_mapping("mine", tmp_path)


def batch(rows: list[dict], columns=None, first: int = 1, broken=()) -> RawBatch:
    table = pa.Table.from_pylist(rows)
    if columns is not None:
        table = pa.table({name: table.column(name) for name in columns})
    return RawBatch(table, np.arange(first, first + len(rows), dtype=np.int64), tuple(broken))


def run(tmp_path, text, rows, **more) -> Emission:
    return apply(mapping(tmp_path, text), batch(rows), context(**more))


def rows_of(emission: Emission, table: str, *columns: str):
    found = emission.tables[table].select(list(columns)).to_pydict()
    return list(zip(*found.values(), strict=True))


def refused(emission: Emission, *columns: str):
    columns = columns or ("_row", "table", "column")
    return list(zip(*emission.rejected.select(list(columns)).to_pydict().values(), strict=True))


ORDERS = """
platform = "douyin"
[[orders]]
order_id = "id"
status = { from = "state", map = { 1 = "created", 2 = "paid" } }
created_at = { from = "t", as = "time" }
paid_fen = { from = "paid", as = "yuan" }
"""
ORDER = {"id": "1", "state": "2", "t": T, "paid": "19.90"}


def orders(more: str = "", head: str = "") -> str:
    return ORDERS.replace("[[orders]]", f"[[orders]]\n{head}") + more


# ---------------------------------------------------------------------- rows


def test_a_row_has_its_values_and_where_it_came_from(tmp_path):
    made = apply(
        mapping(tmp_path, ORDERS), batch([ORDER, {**ORDER, "id": "2"}], first=41), context()
    )
    assert set(made.tables) == {"orders"}
    assert made.tables["orders"].schema == TABLES["orders"].schema
    columns = ("order_id", "platform", "status", "created_at", "paid_fen")
    columns += ("_source", "_file", "_row", "_batch", "shop_id")
    assert rows_of(made, "orders", *columns) == [
        ("1", "douyin", "paid", MS, 1990, "shop", "raw/a.csv", 41, "b1", None),
        ("2", "douyin", "paid", MS, 1990, "shop", "raw/a.csv", 42, "b1", None),
    ]
    assert (made.read, made.excluded, made.rejected.num_rows) == (2, {}, 0)
    assert made.rejected.schema == REJECTED


def test_a_row_is_refused_once_for_each_value_that_cannot_be_read(tmp_path):
    bad = {"id": "2", "state": "9", "t": "yesterday", "paid": "12.345"}
    made = run(tmp_path, ORDERS, [ORDER, bad, {**ORDER, "id": None}, {**ORDER, "id": "6.9E+18"}])
    assert rows_of(made, "orders", "order_id") == [("1",)]
    assert sorted(refused(made)) == [
        (2, "orders", "created_at"),
        (2, "orders", "paid_fen"),
        (2, "orders", "status"),
        (3, "orders", "order_id"),
        (4, "orders", "order_id"),
    ]
    found = dict(zip(*zip(*refused(made, "column", "found"), strict=True), strict=True))
    assert found == {
        "created_at": "xxxxxxxxx",
        "paid_fen": "99.999",
        "status": "9",
        "order_id": "9.9x+99",
    }
    assert all(a and b for a, b in refused(made, "expected", "remedy"))
    assert refused(made, "key") == [("douyin|2",)] * 3 + [(None,), (None,)]


def test_blocks_do_not_suffer_by_each_other(tmp_path):
    text = (
        ORDERS + '[[products]]\nproduct_id = "id"\nlist_price_fen = { from = "paid", as = "fen" }\n'
    )
    made = run(tmp_path, text, [ORDER, {**ORDER, "id": "2", "state": "9", "paid": "3"}])
    assert rows_of(made, "orders", "order_id") == [("1",)]
    assert rows_of(made, "products", "product_id", "list_price_fen") == [("2", 3)]
    assert sorted(refused(made)) == [(1, "products", "list_price_fen"), (2, "orders", "status")]
    # Each by the key of its own table.
    assert sorted(refused(made, "table", "key")) == [("orders", "douyin|2"), ("products", "1")]


def test_a_header_in_the_middle_is_no_row(tmp_path):
    header = {name: name for name in ORDER}
    made = run(tmp_path, ORDERS, [ORDER, {**header, "id": "\tid "}, {**ORDER, "id": "2"}])
    assert rows_of(made, "orders", "order_id", "_row") == [("1", 1), ("2", 3)]
    assert refused(made, "_row", "found") == [(2, "the header a second time")]
    assert made.read == 3


def test_a_row_with_one_name_in_it_is_no_header(tmp_path):
    made = run(tmp_path, ORDERS, [ORDER, dict.fromkeys(ORDER) | {"id": "id"}])
    assert {column for (column,) in refused(made, "column")} == {"status", "created_at", "paid_fen"}


def test_a_value_that_is_its_columns_name_is_a_value(tmp_path):
    made = run(tmp_path, ORDERS, [{**ORDER, "id": "id"}])
    assert rows_of(made, "orders", "order_id") == [("id",)]


def test_rows_that_could_not_be_read_are_counted_and_told(tmp_path):
    broken = Broken(7, "3 columns", "4 columns", "Complete the row.")
    made = apply(mapping(tmp_path, ORDERS), batch([ORDER], broken=[broken]), context())
    assert made.read == 2
    assert refused(made, "_row", "found", "remedy", "key") == [
        (7, "3 columns", "Complete the row.", None)
    ]


def test_an_empty_batch_makes_nothing(tmp_path):
    empty = RawBatch(batch([ORDER]).table.slice(0, 0), np.zeros(0, np.int64))
    made = apply(mapping(tmp_path, ORDERS), empty, context())
    assert (made.tables, made.rejected.num_rows, made.read) == ({}, 0, 0)


# ---------------------------------------------------------------------- ways to a value


def test_the_first_way_that_yields_a_value_counts(tmp_path):
    text = """
    platform = "douyin"
    [[order_lines]]
    line_id = ["no", "id"]
    order_id = "id"
    paid_fen = [{ from = "real", as = "fen", null_if = ["0"] }, { from = "est", as = "fen" }]
    line_kind = [
      { from = "given", map = { FREE = "gift" } },
      { from = "trade", map = { 0 = "normal", 2 = "presale" } },
      { value = "sample" },
    ]
    content_form = { from = ["absent", "form"], map = { a = "live" }, else = "unknown" }
    """
    rows = [
        {"id": "1", "no": "7", "real": "5", "est": "9", "given": "FREE", "trade": "0", "form": "a"},
        {
            "id": "2",
            "no": None,
            "real": "0",
            "est": "9",
            "given": "PAID",
            "trade": "2",
            "form": "b",
        },
        {"id": "3", "no": "", "real": None, "est": "8", "given": None, "trade": None, "form": None},
        {"id": "4", "no": "7", "real": "x", "est": "8", "given": "", "trade": "", "form": "a"},
        {"id": "5", "no": "7", "real": "1", "est": "x", "given": "FREE", "trade": "9", "form": "a"},
        {"id": "6", "no": "7", "real": "x", "est": "y", "given": "FREE", "trade": "9", "form": "a"},
    ]
    made = run(tmp_path, text, rows)
    columns = ("line_id", "paid_fen", "line_kind", "content_form")
    assert rows_of(made, "order_lines", *columns) == [
        ("7", 5, "gift", "live"),
        ("2", 9, "presale", "unknown"),
        ("3", 8, "sample", None),
        ("7", 1, "gift", "live"),
    ]
    # What cannot be read in a way that counts is refused, not passed over.
    assert refused(made) == [(4, "order_lines", "paid_fen"), (6, "order_lines", "paid_fen")]


def test_a_word_that_no_way_knows_is_refused(tmp_path):
    text = orders(head='is_new_buyer_shop = "new"').replace(
        'status = { from = "state", map = { 1 = "created", 2 = "paid" } }',
        'status = [{ from = "step", map = { A = "created" } },'
        ' { from = "state", map = { 2 = "paid" } }]',
    )
    rows = [{**ORDER, "step": "A", "state": "9", "new": "1"}, {**ORDER, "step": "B", "new": "0"}]
    made = run(tmp_path, text, [*rows, {**ORDER, "step": "B", "state": "9", "new": "?"}])
    assert rows_of(made, "orders", "status", "is_new_buyer_shop") == [
        ("created", True),
        ("paid", False),
    ]
    assert sorted(refused(made)) == [(3, "orders", "is_new_buyer_shop"), (3, "orders", "status")]


def test_a_way_may_hold_for_some_rows_only(tmp_path):
    text = orders(head='shop_id = { from = "x", when = { from = "kind", in = ["live"] } }')
    rows = [{**ORDER, "x": "s", "kind": "live"}, {**ORDER, "id": "2", "x": "s", "kind": None}]
    assert rows_of(run(tmp_path, text, rows), "orders", "shop_id") == [("s",), (None,)]


def test_units_and_times_side_by_side(tmp_path):
    """分, 元, 万分之一 and ‰; seconds, milliseconds and clock times: all name the same."""
    text = """
    [[costs]]
    platform = "p"
    kind = { value = "commission" }
    amount_fen = { from = "fen", as = "fen" }
    rate = { from = "per10k", as = "per_10k" }
    at = { from = "s", as = "epoch_s" }
    [[costs]]
    platform = "p"
    kind = { value = "commission" }
    amount_fen = { from = "yuan", as = "yuan" }
    rate = { from = "permille", as = "permille" }
    at = { from = "ms", as = "epoch_ms" }
    [[costs]]
    platform = "p"
    kind = { value = "commission" }
    amount_fen = { from = "yuan", as = "yuan" }
    rate = { from = "ratio", as = "ratio" }
    at = { from = "zoned", as = "time" }
    """
    row = {"p": "jd", "fen": "1990", "yuan": "19.9", "per10k": "3500", "permille": "350"}
    row |= {
        "ratio": "0.35",
        "s": str(MS // 1000),
        "ms": str(MS),
        "zoned": "2026-11-11T20:00:00+08:00",
    }
    made = run(tmp_path, text, [row])
    assert rows_of(made, "costs", "amount_fen", "rate", "at") == [(1990, 0.35, MS)] * 3
    mixed = run(tmp_path, text, [row, {**row, "s": str(MS), "per10k": "35000", "fen": "19.9"}])
    assert sorted(refused(mixed)) == [(2, "costs", c) for c in ("amount_fen", "at", "rate")]


def test_a_cost_may_be_reversed_and_a_payment_may_not(tmp_path):
    costs = '[[costs]]\nkind = { value = "ads" }\namount_fen = { from = "paid", as = "yuan" }\n'
    made = run(tmp_path, ORDERS + costs, [{**ORDER, "paid": "-5.00"}])
    assert rows_of(made, "costs", "amount_fen") == [(-500,)]
    assert refused(made) == [(1, "orders", "paid_fen")]


def test_constants_of_the_source_fill_columns_and_stand_in_for_fields(tmp_path):
    ids = '[[orders.ids]]\nfrom = "openid"\ntype = "wx_openid"\nnamespace = "appid"\n'
    values = (("shop_id", "77"), ("appid", "wx9"))
    made = run(tmp_path, orders(ids), [{**ORDER, "openid": "o"}], values=values)
    assert rows_of(made, "orders", "shop_id", "_identifier") == [
        ("77", hashed("wx_openid", "o", "wx9"))
    ]


def test_clock_times_are_read_in_the_zone_of_the_workspace(tmp_path):
    made = run(tmp_path, ORDERS, [ORDER], timezone="UTC")
    assert rows_of(made, "orders", "created_at") == [(MS + 8 * 3_600_000,)]


def test_a_list_in_one_cell_makes_a_row_of_each_item(tmp_path):
    text = """
    [[erp_orders]]
    skip = [{ from = "type", in = ["return"], why = "no sale" }]
    erp_order_id = "no"
    order_id = { from = "src", split = "," }
    paid_fen = { from = "paid", as = "yuan" }
    """
    rows = [
        {"no": "e1", "src": " 11, 12 ,,", "paid": "5", "type": "sale"},
        {"no": "e2", "src": None, "paid": "6", "type": "sale"},
        {"no": "e3", "src": "13,14", "paid": "7", "type": "return"},
        {"no": "e4", "src": "15,1.5E+17", "paid": "8", "type": "sale"},
    ]
    made = run(tmp_path, text, rows)
    assert rows_of(made, "erp_orders", "erp_order_id", "order_id", "paid_fen", "_row") == [
        ("e1", "11", 500, 1),
        ("e1", "12", 500, 1),
        ("e2", None, 600, 2),
        ("e4", "15", 800, 4),
    ]
    assert made.excluded == {"no sale": 2}
    assert refused(made) == [(4, "erp_orders", "order_id")]
    listed = [{"no": "e1", "src": ["11", "12"], "paid": "5", "type": "sale"}]
    assert rows_of(run(tmp_path, text, listed), "erp_orders", "order_id") == [("11",), ("12",)]


# ---------------------------------------------------------------------- nested rows


NESTED = """
platform = "douyin"
[[orders]]
order_id = "id"
status = { value = "paid" }
created_at = { from = "t", as = "epoch_s" }
deposit_fen = { from = "phases[phase=1].paid", as = "fen" }
deposit_paid_at = { from = "phases[phase=1].at", as = "epoch_s" }
paid_at = [{ from = "phases[phase=2].at", as = "epoch_s" }, { from = "pay", as = "epoch_s" }]
paid_fen = { from = "paid", as = "fen" }
[[order_lines]]
rows = "lines[]"
order_id = { from = ["lines[].parent", "id"] }
line_id = "lines[].id"
paid_fen = { from = "lines[].paid", as = "fen" }
updated_at = { from = "t", as = "epoch_s" }
streamer = [
  { from = "lines[].author", type = "author_id", null_if = ["0"] },
  { from = "role.id", type = "ks_role_id", when = { from = "role.type", in = ["2"] } },
]
"""


def test_presale_phases_and_lines_of_nested_orders(tmp_path):
    s = MS // 1000
    rows = [
        {
            "id": "6921",
            "t": str(s),
            "pay": str(s + 60),
            "paid": "300",
            # The child order has its parent's id: a line and an order, not the same thing.
            "lines": [
                {"id": "6921", "parent": "6921", "paid": "100", "author": "a1"},
                {"id": "6922", "parent": "6921", "paid": "200", "author": "0"},
            ],
            "phases": [
                {"phase": "2", "paid": "200", "at": "0"},
                {"phase": "1", "paid": "100", "at": str(s + 5)},
            ],
            "role": {"type": "2", "id": "k1"},
        },
        {
            "id": "7000",
            "t": str(s),
            "pay": "0",
            "paid": "0",
            "lines": [],
            "phases": None,
            "role": {"type": "1", "id": "owner"},
        },
        {
            "id": "7001",
            "t": str(s),
            "pay": "0",
            "paid": "0",
            "lines": [{"id": "7002", "parent": "7001", "paid": "5.5", "author": None}],
            "phases": None,
            "role": {"type": "1", "id": "owner"},
        },
    ]
    made = run(tmp_path, NESTED, rows)
    columns = ("order_id", "deposit_fen", "deposit_paid_at", "paid_at")
    assert rows_of(made, "orders", *columns) == [
        ("6921", 100, MS + 5000, MS + 60_000),
        ("7000", None, None, None),
        ("7001", None, None, None),
    ]
    columns = ("order_id", "line_id", "paid_fen", "_alias_type", "_alias_value", "_row")
    assert rows_of(made, "order_lines", *columns) == [
        ("6921", "6921", 100, "author_id", "a1", 1),
        ("6921", "6922", 200, "ks_role_id", "k1", 1),
    ]
    assert refused(made, "_row", "column", "key") == [(3, "paid_fen", "douyin|7001|7002")]


# ---------------------------------------------------------------------- rows left out, marked


def test_rules_leave_rows_out_and_mark_orders(tmp_path):
    rules = """
    skip = [
      { from = "type", in = ["补发", "换货"], why = "re-ship or exchange" },
      { from = "gone", not_in = [""], why = "deleted" },
    ]
    mark = [
      { from = "memo", contains = ["测试", "刷单"], why = "test order" },
      { from = "paid", in = ["0.01"], why = "one cent" },
    ]
    """
    ids = '[[orders.ids]]\nfrom = "m"\ntype = "member_id"\n'
    ids += '[[orders.ids]]\nfrom = "u"\ntype = "wx_unionid"\nlink = "strong"\n'
    row = {**ORDER, "type": "普通", "gone": None, "memo": None, "m": "m1", "u": "u1"}
    rows = [
        row,
        {**row, "id": "2", "type": "补发"},
        {**row, "id": "3", "memo": "刷单 勿发", "m": "m3", "u": "u3", "paid": "0.01"},
        {**row, "id": "4", "paid": "0.01"},
        {**row, "id": "5", "type": "换货", "gone": "1"},
        {**row, "id": "6", "gone": "1"},
    ]
    made = run(tmp_path, orders(ids, rules), rows)
    assert rows_of(made, "orders", "order_id", "_excluded") == [
        ("1", None),
        ("3", "test order"),
        ("4", "one cent"),
    ]
    assert made.excluded == {"re-ship or exchange": 2, "deleted": 1}
    # What is no order says who was seen, and links nobody.
    assert {h for (h,) in rows_of(made, "identifiers", "id_hash")} == {
        hashed(kind, value)
        for kind, value in (
            ("member_id", "m1"),
            ("wx_unionid", "u1"),
            ("member_id", "m3"),
            ("wx_unionid", "u3"),
        )
    }
    assert len(rows_of(made, "links", "a")) == 1


def test_a_rule_on_a_field_that_is_not_there_takes_it_for_empty(tmp_path):
    skip = 'skip = [{ from = "fee", in = ["", "0"], why = "no fee" }]'
    made = run(tmp_path, orders(head=skip), [ORDER])
    assert (made.tables, made.excluded) == ({}, {"no fee": 1})


def test_rows_left_to_another_block_are_not_counted(tmp_path):
    other = ORDERS.replace('platform = "douyin"', "")
    text = orders(head='skip = [{ from = "kind", not_in = ["a"] }]')
    text += other.replace("[[orders]]", '[[orders]]\nskip = [{ from = "kind", in = ["a"] }]')
    rows = [{**ORDER, "kind": "a"}, {**ORDER, "id": "2", "kind": "b"}]
    made = run(tmp_path, text, rows)
    assert rows_of(made, "orders", "order_id") == [("1",), ("2",)]
    assert (made.excluded, made.rejected.num_rows) == ({}, 0)


@pytest.mark.parametrize("code", ["CNY", "RMB", "Cny", "rmb", "人民币", "¥", "", None])
def test_amounts_in_yuan(tmp_path, code):
    made = run(tmp_path, orders(head='currency = "cur"'), [{**ORDER, "cur": code}])
    assert rows_of(made, "orders", "order_id") == [("1",)]


def test_amounts_in_another_currency_are_refused(tmp_path):
    other = {**ORDER, "id": "other"}
    made = run(tmp_path, orders(head='currency = "cur"'), [{**ORDER, "cur": "USD"}, other])
    assert refused(made, "_row", "column", "found", "expected") == [(1, "currency", "USD", "CNY")]
    assert run(tmp_path, orders(head='currency = "cur"'), [ORDER]).rejected.num_rows == 0


def test_an_order_in_two_currencies_is_refused_whole(tmp_path):
    rows = [{**ORDER, "cur": "CNY"}, {**ORDER, "cur": "USD"}, {**ORDER, "id": "other"}]
    made = run(tmp_path, orders(head='currency = "cur"'), rows)
    assert sorted(refused(made, "_row", "column", "found", "expected")) == [
        (1, "currency", "an order in two currencies", "one currency, CNY"),
        (2, "currency", "USD", "CNY"),
    ]


# ---------------------------------------------------------------------- touchpoints


TOUCH = """
platform = "douyin"
[[touchpoints]]
at = { from = "at", as = "epoch_ms" }
received_at = { from = "got", as = "epoch_ms" }
event = { value = "comment" }
content_form = { value = "live" }
session_id = "room"
[[touchpoints.ids]]
from = "who"
type = "douyin_sec_openid"
"""
TOUCHED = {"at": str(MS), "got": str(MS + 5), "room": "r1", "who": "p1"}


def test_an_event_from_the_future_is_refused(tmp_path):
    day = 86_400_000
    rows = [TOUCHED, {**TOUCHED, "at": str(MS + 5 + day)}, {**TOUCHED, "at": str(MS + 6 + day)}]
    made = run(tmp_path, TOUCH, rows)
    assert rows_of(made, "touchpoints", "at") == [(MS,), (MS + 5 + day,)]
    assert refused(made, "_row", "column") == [(3, "at")]
    assert "clock" in refused(made, "remedy")[0][0]


def test_an_event_without_id_gets_one_of_its_own_facts(tmp_path):
    again = {**TOUCHED, "got": str(MS + 900)}  # the same push, delivered once more
    other = [{**TOUCHED, "who": "p2"}, {**TOUCHED, "room": "r2"}, {**TOUCHED, "at": str(MS + 1)}]
    made = run(tmp_path, TOUCH, [TOUCHED, again, *other])
    ids = [i for (i,) in rows_of(made, "touchpoints", "event_id")]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4
    assert all(len(i) == 24 and int(i, 16) >= 0 for i in ids)
    assert [i for (i,) in rows_of(run(tmp_path, TOUCH, [TOUCHED]), "touchpoints", "event_id")] == [
        ids[0]
    ]


def test_costs_of_two_blocks_or_two_streamers_are_two_costs(tmp_path):
    block = """
    [[costs]]
    platform = { value = "douyin" }
    kind = { value = "slot_fee" }
    amount_fen = { from = "fee", as = "yuan" }
    at = { from = "t", as = "time" }
    state = { from = "state", map = { a = "estimated", b = "settled" } }
    streamer = [{ from = "who", type = "short_id" }]
    """
    row = {"fee": "10", "t": T, "who": "s1", "state": "a"}
    rows = [row, {**row, "who": "s2"}, {**row, "fee": "12", "state": "b"}]
    made = run(tmp_path, block * 2, rows)
    ids = [i for (i,) in rows_of(made, "costs", "cost_id")]
    # The third is the first, settled at another amount.
    assert ids[0] == ids[2]
    assert ids[3] == ids[5]
    assert len(set(ids)) == 4


def test_costs_alike_but_for_their_amount_are_all_kept(tmp_path):
    block = """
    [[costs]]
    platform = { value = "douyin" }
    kind = { value = "ads" }
    amount_fen = { from = "fee", as = "yuan" }
    at = { from = "t", as = "time" }
    """
    fees = ["10", "12", "10", "7"]
    made = run(tmp_path, block, [{"fee": fee, "t": T} for fee in fees])
    found = dict(rows_of(made, "costs", "cost_id", "amount_fen"))
    assert sorted(found.values()) == [700, 1000, 1200], "what is told twice is one"
    again = run(tmp_path, block, [{"fee": fee, "t": T} for fee in fees])
    assert dict(rows_of(again, "costs", "cost_id", "amount_fen")) == found


def test_a_commission_keeps_its_id_when_its_streamer_and_time_come_later(tmp_path):
    block = """
    [[costs]]
    platform = { value = "wechat" }
    kind = { value = "commission" }
    amount_fen = { from = "fee", as = "yuan" }
    at = { from = "t", as = "time" }
    scope = { value = "order" }
    scope_id = "order"
    streamer = [{ from = "who", type = "finder_id" }]
    """
    early = {"fee": "10", "t": T, "order": "O1", "who": None}
    late = {"fee": "9", "t": "2026-11-20 08:00:00", "order": "O1", "who": "f1"}
    ids = [rows_of(run(tmp_path, block, [row]), "costs", "cost_id") for row in (early, late)]
    assert ids[0] == ids[1]


def test_lines_without_a_number_are_counted_within_their_order(tmp_path):
    block = """
    [[order_lines]]
    platform = { value = "wechat" }
    order_id = "order"
    sku_id = "sku"
    paid_fen = { from = "paid", as = "yuan" }
    """
    rows = [
        {"order": "O1", "sku": "S1", "paid": "99"},
        {"order": "O1", "sku": "S1", "paid": "0"},
        {"order": "O1", "sku": "S2", "paid": "5"},
        {"order": "O2", "sku": "S1", "paid": "99"},
    ]
    ids = [i for (i,) in rows_of(run(tmp_path, block, rows), "order_lines", "line_id")]
    assert len(set(ids)) == 4
    alone = rows_of(run(tmp_path, block, rows[:2]), "order_lines", "line_id")
    assert [i for (i,) in alone] == ids[:2]


# ---------------------------------------------------------------------- people


def people(*ids: str) -> str:
    return orders("".join(f"[[orders.ids]]\n{each}\n" for each in ids))


OPENID = 'from = "openid"\ntype = "wx_openid"\nnamespace = "app"'
UNIONID = 'from = "unionid"\ntype = "wx_unionid"\nlink = "strong"'
PHONE_ID = 'from = "phone"\ntype = "phone"\nas = "phone"'
NOBODY = {**ORDER, "openid": None, "unionid": None, "phone": None, "app": "wx1"}


def links_of(made: Emission) -> set[tuple[frozenset[str], str]]:
    if "links" not in made.tables:
        return set()
    return {(frozenset((a, b)), kind) for a, b, kind in rows_of(made, "links", "a", "b", "kind")}


def test_the_first_identifier_is_whose_the_order_is_and_the_others_are_linked(tmp_path):
    rows = [
        {**NOBODY, "openid": "o1", "unionid": "u1", "phone": PHONE},
        {**NOBODY, "id": "2", "unionid": "u2", "phone": OTHER_PHONE},
        {**NOBODY, "id": "3"},
    ]
    made = run(tmp_path, people(OPENID, UNIONID, PHONE_ID), rows)
    o1, u1, u2 = (
        hashed("wx_openid", "o1", "wx1"),
        hashed("wx_unionid", "u1"),
        hashed("wx_unionid", "u2"),
    )
    p1, p2 = hashed("phone", f"+86{PHONE}"), hashed("phone", f"+86{OTHER_PHONE}")
    assert rows_of(made, "orders", "id_type", "id_value", "_identifier", "payer_ref") == [
        ("wx_openid", "o1", o1, None),
        ("wx_unionid", "u2", u2, None),
        (None, None, None, None),
    ]
    assert links_of(made) == {
        (frozenset((o1, u1)), "strong"),
        (frozenset((o1, p1)), "medium"),
        (frozenset((u2, p2)), "medium"),
    }
    seen = rows_of(made, "identifiers", "id_hash", "id_type", "namespace", "first_seen", "_row")
    assert (o1, "wx_openid", "wx1", MS, 1) in seen
    assert (p2, "phone", None, MS, 2) in seen
    assert len(seen) == 5
    for name in ("identifiers", "links"):
        assert made.tables[name].schema == TABLES[name].schema


def test_evidence_is_told_once_with_its_first_and_last_time(tmp_path):
    later = "2026-11-12 20:00:00"
    rows = [{**NOBODY, "openid": "o1", "t": t} for t in (later, T, later, T)]
    made = run(tmp_path, people(OPENID, UNIONID), rows)
    assert rows_of(made, "identifiers", "first_seen", "last_seen", "_row") == [
        (MS, MS + 86_400_000, 1)
    ]
    assert "links" not in made.tables


def test_a_refused_row_is_no_evidence(tmp_path):
    made = run(tmp_path, people(OPENID), [{**NOBODY, "openid": "o1", "state": "9"}])
    assert "identifiers" not in made.tables


def test_a_phone_as_id_is_kept_as_its_hash(tmp_path):
    made = run(tmp_path, people(PHONE_ID), [{**NOBODY, "phone": PHONE}])
    p = hashed("phone", f"+86{PHONE}")
    assert rows_of(made, "orders", "id_type", "id_value", "_identifier") == [("phone", p, p)]


def test_a_masked_phone_is_nobody(tmp_path):
    made = run(tmp_path, people(PHONE_ID), [{**NOBODY, "phone": "139****0001"}])
    assert rows_of(made, "orders", "order_id", "id_value", "_identifier") == [("1", None, None)]
    assert "identifiers" not in made.tables


def test_a_masked_name_is_nobody(tmp_path):
    made = run(tmp_path, people(OPENID), [{**NOBODY, "openid": "晚**"}])
    assert rows_of(made, "orders", "id_value", "_identifier") == [(None, None)]


def test_a_phone_needs_a_key(tmp_path):
    text = people(OPENID, PHONE_ID)
    with pytest.raises(ConfigError, match=r"32 characters or more .* ATTRIBUTION_KEY"):
        run(tmp_path, text, [{**NOBODY, "phone": PHONE}], hasher=Plain(None))
    bare = {**ORDER, "openid": "o1", "app": "wx1"}  # no phone column: none is needed
    made = run(tmp_path, text, [bare], hasher=Plain(None))
    assert rows_of(made, "orders", "id_value") == [("o1",)]
    index = orders(head='phone_index = { from = "phone", as = "phone" }')
    with pytest.raises(ConfigError, match="ATTRIBUTION_KEY"):
        run(tmp_path, index, [{**NOBODY, "phone": PHONE}], hasher=Plain(None))


def test_a_phone_that_is_called_something_else_is_never_kept(tmp_path):
    """A member number may be the phone: it is hashed as what it is called, and not shown."""
    member = 'from = "m"\ntype = "member_id"'
    rows = [{**NOBODY, "m": PHONE}, {**NOBODY, "m": "10086", "id": "2"}]
    made = run(tmp_path, people(member), rows)
    hidden = hashed("member_id", PHONE)
    assert rows_of(made, "orders", "id_value", "_identifier") == [
        (hidden, hidden),
        ("10086", hashed("member_id", "10086")),
    ]
    keyless = run(tmp_path, people(member), rows, hasher=Plain(None))
    assert rows_of(keyless, "orders", "id_value") == [("10086",)]
    assert refused(keyless, "column", "found") == [("id_value", "99999999999")]
    index = run(tmp_path, orders(head='phone_index = "m"'), rows)
    assert refused(index, "column", "found") == [("phone_index", "99999999999")]
    hashed_index = orders(head='phone_index = { from = "m", as = "phone" }')
    made = run(tmp_path, hashed_index, rows)
    assert rows_of(made, "orders", "phone_index")[0] == (hashed("phone", f"+86{PHONE}"),)
    for emission in (made, keyless, index):
        told = [emission.rejected, *emission.tables.values()]
        assert all(PHONE not in str(table.to_pylist()) for table in told)


@pytest.mark.parametrize(
    "cell",
    ["１３９１２３４０００１", "139.1234.0001", "手机139 1234 0001", f"张三{PHONE}", f"+86{PHONE}"],
)
def test_a_phone_within_an_id_of_a_person_is_never_kept(tmp_path, cell):
    member = 'from = "m"\ntype = "member_id"'
    row = {**NOBODY, "m": cell}
    hidden = hashed("member_id", cell)
    made = run(tmp_path, people(member), [row])
    assert rows_of(made, "orders", "id_value", "_identifier") == [(hidden, hidden)]
    keyless = run(tmp_path, people(member), [row], hasher=Plain(None))
    assert (keyless.tables, refused(keyless, "column")) == ({}, [("id_value",)])
    (shown,) = refused(keyless, "found")[0]
    assert not set("0123456784张三手机") & set(shown)


@pytest.mark.parametrize("column", ["shop_id", "erp_order_id", "order_id"])
@pytest.mark.parametrize("cell", [PHONE, f"86{PHONE}", "１３９１２３４０００１", f"tel:{PHONE}"])
def test_a_phone_in_any_id_is_refused_and_not_repeated(tmp_path, column, cell):
    text = orders(head='shop_id = "shop"\nerp_order_id = "erp"')
    name = {"shop_id": "shop", "erp_order_id": "erp", "order_id": "id"}[column]
    rows = [{**ORDER, "shop": "77", "erp": "e1"}, {**ORDER, "id": "2", "shop": "77", "erp": "e2"}]
    rows[1][name] = cell
    made = run(tmp_path, text, rows)
    assert rows_of(made, "orders", "order_id") == [("1",)]
    assert refused(made, "_row", "column", "expected") == [(2, column, "no phone number here")]
    assert "leave this one out" in refused(made, "remedy")[0][0]
    for told in (made.rejected.to_pylist(), made.tables["orders"].to_pylist()):
        assert PHONE not in str(told)
        assert cell not in str(told)
    assert refused(made, "key") == [(None if column == "order_id" else "douyin|2",)]


def test_a_phone_in_a_text_a_streamer_or_a_namespace_is_refused(tmp_path):
    text = TOUCH.replace(
        'session_id = "room"',
        'session_id = "room"\nutm_term = "term"\n'
        'streamer = [{ from = "author", type = "short_id" }]',
    )
    text += 'namespace = "app"\n'
    row = {**TOUCHED, "term": "冲锋衣", "author": "a1", "app": "wx1"}
    rows = [row, {**row, "term": f"找我 {PHONE}"}, {**row, "author": PHONE}, {**row, "app": PHONE}]
    made = run(tmp_path, text, [*rows, {**row, "who": None, "app": PHONE, "room": "r9"}])
    assert rows_of(made, "touchpoints", "_row") == [(1,), (5,)]
    assert sorted(refused(made, "_row", "column", "expected")) == [
        (2, "utm_term", "no phone number here"),
        (3, "streamer", "no phone number here"),
        (4, "namespace", "no phone number here"),
    ]
    told = [made.rejected, *made.tables.values()]
    assert all(PHONE not in str(table.to_pylist()) for table in told)


@pytest.mark.parametrize(
    "cell", ["-", "NULL", "无", "0", "0000", "00000000-0000-0000-0000-000000000000"]
)
def test_what_stands_for_no_id_is_no_person(tmp_path, cell):
    rows = [{**NOBODY, "openid": cell}, {**NOBODY, "id": "2", "openid": cell, "unionid": "u2"}]
    made = run(tmp_path, people(OPENID, UNIONID), rows)
    assert rows_of(made, "orders", "id_value") == [(None,), ("u2",)]
    assert "links" not in made.tables
    assert rows_of(made, "identifiers", "id_type") == [("wx_unionid",)]


def test_a_required_id_that_is_a_placeholder_is_missing(tmp_path):
    made = run(tmp_path, ORDERS, [ORDER, {**ORDER, "id": "--"}, {**ORDER, "id": "N/A"}])
    assert refused(made, "_row", "column", "found") == [
        (2, "order_id", "an empty cell"),
        (3, "order_id", "an empty cell"),
    ]
    mapped = ORDERS.replace(
        'order_id = "id"', 'order_id = { from = "id", map = { a = "A", "无" = "N" } }'
    )
    made = run(tmp_path, mapped, [{**ORDER, "id": each} for each in ("a", "无", "-")])
    assert rows_of(made, "orders", "order_id") == [("A",), ("N",)]
    assert refused(made, "found") == [("an empty cell",)]


GIFT = (
    OPENID.replace("openid", "payer", 1) + '\nrole = "payer"',
    UNIONID.replace("unionid", "payer_union", 1) + '\nrole = "payer"',
    OPENID + '\nrole = "recipient"\nwhen = { from = "gift", in = ["1", "true"] }',
    OPENID + '\nwhen = { from = "gift", in = ["", "0"] }',
    UNIONID,
    'from = "receiver"\ntype = "addressee_key"\nlink = "weak"\nrole = "recipient"',
)


def test_a_gift_is_the_payers_and_its_recipient_is_somebody_else(tmp_path):
    row = {**NOBODY, "payer": None, "payer_union": None, "gift": None, "receiver": "a1"}
    rows = [
        {**row, "payer": "giver", "payer_union": "g", "openid": "given", "gift": "1"},
        {**row, "id": "2", "openid": "o2", "unionid": "u2", "gift": "0"},
        {**row, "id": "3", "receiver": "a3"},
    ]
    made = run(tmp_path, people(*GIFT), rows)
    giver, o2 = hashed("wx_openid", "giver", "wx1"), hashed("wx_openid", "o2", "wx1")
    assert rows_of(made, "orders", "id_type", "id_value", "payer_ref", "_identifier") == [
        ("wx_openid", "given", "giver", giver),
        ("wx_openid", "o2", None, o2),
        (None, None, None, None),
    ]
    given, a1 = hashed("wx_openid", "given", "wx1"), hashed("addressee_key", "a1")
    assert links_of(made) == {
        (frozenset((given, a1)), "weak"),
        (frozenset((giver, hashed("wx_unionid", "g"))), "strong"),
        (frozenset((o2, hashed("wx_unionid", "u2"))), "strong"),
    }


def test_who_is_who_without_any_row(tmp_path):
    text = '[identities]\nat = { from = "t", as = "time" }\n'
    text += "".join(
        f'[[identities.ids]]\nfrom = "{name}"\ntype = "{name}"\nlink = "strong"\n'
        for name in ("member", "union")
    )
    made = run(tmp_path, text, [{"t": T, "member": "m", "union": "u"}])
    assert set(made.tables) == {"identifiers", "links"}
    assert links_of(made) == {(frozenset((hashed("member", "m"), hashed("union", "u"))), "strong")}
    assert rows_of(made, "links", "at", "_row") == [(MS, 1)]


def test_older_keys_lead_to_the_newest(tmp_path):
    hasher = Plain("new", older=("old",))
    made = run(tmp_path, people(OPENID), [{**NOBODY, "openid": "o1"}], hasher=hasher)
    assert links_of(made) == {
        (
            frozenset(hashed("wx_openid", "o1", "wx1", key) for key in ("new", "old")),
            "rotation",
        )
    }


def test_only_the_search_part_of_a_cipher_is_hashed(tmp_path):
    cipher = 'from = "c"\ntype = "phone_index"\nas = "ks_index"'
    rows = [{**NOBODY, "c": "$seek$one$1$"}, {**NOBODY, "id": "2", "c": "$seek$two$1$"}]
    made = run(tmp_path, people(cipher), rows)
    assert rows_of(made, "orders", "_identifier") == [(hashed("phone_index", "seek"),)] * 2


# ---------------------------------------------------------------------- columns of a file


def schema(*names: str) -> pa.Schema:
    return pa.schema([(name, pa.string()) for name in names])


def test_a_renamed_column_is_named_with_its_new_name(tmp_path):
    mine = mapping(tmp_path, ORDERS.replace('"id"', '["order_id", "订单编号"]'))
    check_columns(mine, schema("订单编号", "state", "t", "paid"))
    with pytest.raises(DataError) as caught:
        check_columns(mine, schema("order_ids", "state", "t", "paid"))
    message = str(caught.value)
    for part in ("order_id or 订单编号", "order_ids, state", "renamed 'order_id' to 'order_ids'"):
        assert part in message


def test_optional_columns_may_be_missing(tmp_path):
    mine = mapping(tmp_path, orders(head='shop_id = "shop"'))
    check_columns(mine, schema("id", "state", "t", "paid"))


def test_a_block_of_which_nothing_is_there_is_not_meant(tmp_path):
    two = ORDERS + '[[products]]\nproduct_id = "sku"\ncategory = "class"\n'
    check_columns(mapping(tmp_path, two), schema("id", "state", "t", "paid"))
    with pytest.raises(DataError, match=r"products.*sku"):
        check_columns(mapping(tmp_path, two), schema("id", "state", "t", "paid", "class"))
    with pytest.raises(DataError, match=r"orders.*id \(for order_id\)"):
        check_columns(mapping(tmp_path, two), schema("something", "else"))


def test_a_column_that_a_rule_looks_for_may_be_missing(tmp_path):
    cost = """
    [[costs]]
    skip = [{ from = "fee", in = ["", "0"], why = "no fee" }]
    kind = { value = "platform_fee" }
    amount_fen = { from = "fee", as = "fen" }
    scope_id = "id"
    """
    check_columns(mapping(tmp_path, ORDERS + cost), schema("id", "state", "t", "paid"))


def test_nested_lines_must_be_there(tmp_path):
    mine = mapping(tmp_path, NESTED)
    record = {"id": "1", "t": "1", "pay": "1", "paid": "1", "phases": [{"phase": "1"}]}
    check_columns(mine, batch([{**record, "lines": []}]).table.schema)
    with pytest.raises(DataError, match=r"lines\[\] \(for rows\)"):
        check_columns(mine, batch([{**record, "items": [{"id": "1"}]}]).table.schema)
    with pytest.raises(DataError, match=r"order_lines.*lines\[\].paid"):
        check_columns(mine, batch([{**record, "lines": [{"id": "1"}]}]).table.schema)


def test_constants_count_as_columns(tmp_path):
    mine = mapping(tmp_path, ORDERS)
    check_columns(mine, schema("id", "t", "paid", "x"), (("state", "2"),))


def test_a_file_without_header_gives_nothing_away(tmp_path):
    with pytest.raises(DataError) as caught:
        check_columns(mapping(tmp_path, ORDERS), schema("6921", "张三", PHONE, "paid"))
    message = str(caught.value)
    assert "column names" in message
    assert PHONE not in message
    assert "张三" not in message


def test_names_that_may_be_somebodys_are_told_by_their_shape(tmp_path):
    mine = mapping(tmp_path, orders(head='shop_id = "我的列"'))
    names = (
        "张三",
        "订单编号",
        "我的列",
        "a.b_c[]",
        "wx12345",
        "state",
        "海淀区 1 号",
        "１２３４５",
    )
    with pytest.raises(DataError) as caught:
        check_columns(mine, schema(*names))
    assert (
        "only the columns 字字, 订单编号, 我的列, a.b_c[], xx99999, state, 字字字 9 字, 99999;"
        in f"{caught.value};".replace("; expected", ";", 1)
    )
    with pytest.raises(DataError, match=r"columns data\[\]\.字字, data\[\]\.state;"):
        check_columns(mine, pa.Table.from_pylist([{"data": [{"张三": "1", "state": "1"}]}]).schema)


def test_a_column_that_is_read_or_known_was_not_renamed(tmp_path):
    text = ORDERS.replace('"id"', '"shop_ids"').replace('from = "paid"', 'from = "paid_fe"')
    mine = mapping(tmp_path, text.replace("[[orders]]", '[[orders]]\nshop_id = "shop_idx"'))
    with pytest.raises(DataError) as caught:
        # One is read as the shop, and one is a column of ours.
        check_columns(mine, schema("shop_idx", "state", "t", "paid_fen"))
    assert "renamed" not in str(caught.value)
    with pytest.raises(DataError, match="renamed 'shop_ids' to 'shop_idss'"):
        check_columns(mine, schema("shop_idx", "state", "t", "shop_idss"))


def test_a_constant_that_fits_nowhere_names_the_source(tmp_path):
    mine = mapping(tmp_path, ORDERS)
    with pytest.raises(ConfigError, match="source 'shop', values: found the unknown key 'x'"):
        apply(mine, batch([ORDER]), context(values=(("x", "1"),)))
    with pytest.raises(ConfigError, match="source 'shop', values: found the unknown key 'x'"):
        check_columns(mine, schema("id"), (("x", "1"),), "shop")


# ---------------------------------------------------------------------- all together


cell = st.sampled_from(
    [None, "", "1", "2", "3", " 2", "x", "1.5", "-1", "6.9E+18", T, "0", "1,000"]
)


def naive(row: dict) -> tuple | None:
    """Return the order a row makes, or None if it is refused."""
    clean = {name: (value or "").strip() or None for name, value in row.items()}
    if None in clean.values() or clean["id"] in ("6.9E+18",):
        return None
    status = {"1": "created", "2": "paid"}.get(clean["state"])
    paid = {"1": 100, "2": 200, "3": 300, "1.5": 150, "0": 0, "1,000": 100_000}.get(clean["paid"])
    if status is None or paid is None or clean["t"] != T:
        return None
    return clean["id"], status, MS, paid


@settings(max_examples=60, deadline=None)
@given(st.lists(st.fixed_dictionaries({"id": cell, "state": cell, "t": cell, "paid": cell})))
def test_every_row_is_an_order_or_refused(rows):
    text_types = {name: pa.array([row[name] for row in rows], pa.string()) for name in ORDER}
    raw = RawBatch(pa.table(text_types), np.arange(1, len(rows) + 1))
    made = apply(_ORDERS_MAPPING, raw, context())
    expected = {number: naive(row) for number, row in enumerate(rows, 1)}
    got = {}
    if "orders" in made.tables:
        columns = ("_row", "order_id", "status", "created_at", "paid_fen")
        got = {row[0]: row[1:] for row in rows_of(made, "orders", *columns)}
    assert got == {number: order for number, order in expected.items() if order is not None}
    bad = {number for number, order in expected.items() if order is None}
    assert {row for (row,) in refused(made, "_row")} == bad
    assert len(set(refused(made, "_row", "column"))) == made.rejected.num_rows
    assert made.read == len(rows)


def _read_orders():
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        return mapping(Path(folder), ORDERS)


_ORDERS_MAPPING = _read_orders()
