"""Mappings as files: what stands in them, what they extend, and every mistake with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from attribution.errors import ConfigError
from attribution.mapping.mapping_file import completed, mapping_names, read_mapping
from attribution.mapping.transforms import Code

ORDERS = """
title = "Shop orders"
platform = "douyin"
records = ["data.list[]", "list[]"]
evidence = "seen in a file"

[[orders]]
order_id = ["id", { from = ["order_no", "订单编号"] }]
status = { from = "state", map = { 1 = "created", "2..9" = "paid" }, else = "completed" }
created_at = { from = "created", as = "epoch_s" }
paid_fen = { from = "paid", as = "yuan", assumed = "unit not stated" }
is_new_buyer_shop = { from = "first", map = { a = true, b = "false" } }

[[orders.ids]]
from = "openid"
type = "wx_openid"
namespace = "appid"

[[order_lines]]
rows = "items[]"
order_id = "id"
line_id = "items[].no"
paid_fen = { from = "items[].paid", as = "fen" }
"""


def write(folder: Path, name: str, text: str) -> Path:
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return folder


def read(folder: Path, text: str, name: str = "mine"):
    return read_mapping(name, write(folder, name, text))


def test_what_a_mapping_says(tmp_path):
    mapping = read(tmp_path, ORDERS)
    assert (mapping.name, mapping.title, mapping.platform) == ("mine", "Shop orders", "douyin")
    assert mapping.records == ("data.list[]", "list[]")
    assert mapping.assumed == (("orders", "paid_fen", "unit not stated"),)
    orders, lines = mapping.blocks
    columns = dict(orders.columns)
    assert [[path.text for path in way.paths] for way in columns["order_id"]] == [
        ["id"],
        ["order_no", "订单编号"],
    ]
    (status,) = columns["status"]
    assert status.codes == (Code("1", "created"), Code("2..9", "paid", 2, 9))
    assert status.otherwise == "completed"
    assert columns["is_new_buyer_shop"][0].codes == (Code("a", "true"), Code("b", "false"))
    assert (orders.ids[0].link, orders.ids[0].role) == ("medium", "buyer")
    assert lines.rows is not None
    assert lines.rows.text == "items[]"
    assert hash(mapping) == hash(read(tmp_path, ORDERS))


def test_a_single_table_is_a_list_of_one(tmp_path):
    double = read(tmp_path, ORDERS)
    single = read(tmp_path, ORDERS.replace("[[order_lines]]", "[order_lines]"))
    assert single == double


def test_the_digest_tells_of_what_decides_on_rows_and_of_nothing_else(tmp_path):
    digest = read(tmp_path, ORDERS).digest
    same = ORDERS.replace("Shop orders", "Other").replace("seen in a file", "seen in two")
    assert read(tmp_path, same).digest == digest
    for old, new in (("epoch_s", "epoch_ms"), ('"appid"', '"app"'), ("douyin", "kuaishou")):
        assert read(tmp_path, ORDERS.replace(old, new)).digest != digest


def test_a_mapping_of_the_workspace_goes_before_the_packaged_one(tmp_path):
    name = mapping_names(None)[0][0]
    assert read_mapping(name).title != "Mine"
    write(tmp_path, name, ORDERS.replace("Shop orders", "Mine"))
    assert read_mapping(name, tmp_path).title == "Mine"
    assert (name, "Mine") in mapping_names(tmp_path)
    assert read_mapping(mapping_names(None)[1][0], tmp_path)


def test_extending_replaces_what_is_given_and_keeps_the_rest(tmp_path):
    write(tmp_path, "base", ORDERS)
    mapping = read(
        tmp_path,
        """
        extends = "base"
        platform = "taobao"
        [orders]
        paid_fen = { from = "amount", as = "fen" }
        shop_id = "shop"
        [[order_lines]]
        qty = "items[].n"
        [[order_lines]]
        order_id = "id"
        """,
    )
    base = read_mapping("base", tmp_path)
    assert (mapping.platform, mapping.title, mapping.records) == (
        "taobao",
        base.title,
        base.records,
    )
    orders, lines, more = mapping.blocks
    columns = dict(orders.columns)
    assert columns["paid_fen"][0].form == "fen"
    assert columns["status"] == dict(base.blocks[0].columns)["status"]
    assert orders.ids == base.blocks[0].ids
    assert lines.rows == base.blocks[1].rows
    assert {"qty", "line_id"} <= set(dict(lines.columns))
    assert (more.number, len(more.columns)) == (1, 1)
    assert mapping.assumed == ()


def test_a_mapping_may_extend_the_packaged_one_of_its_name(tmp_path):
    name = "doudian_orders"
    write(tmp_path, name, f'extends = "{name}"\n[orders]\nerp_order_id = "erp"\n')
    mapping = read_mapping(name, tmp_path)
    assert "erp_order_id" in dict(mapping.blocks[0].columns)
    assert len(mapping.blocks) == len(read_mapping(name).blocks)


def test_mappings_that_extend_each_other_are_refused(tmp_path):
    write(tmp_path, "a", 'extends = "b"\n')
    write(tmp_path, "b", 'extends = "a"\n')
    with pytest.raises(ConfigError, match=r"b\.toml, line 1, extends: found 'a', which extends"):
        read_mapping("a", tmp_path)


@pytest.mark.parametrize("name", ["../secret", "a/b", "", ".hidden"])
def test_a_name_is_no_path(tmp_path, name):
    with pytest.raises(ConfigError, match="Name a mapping without folder"):
        read_mapping(name, tmp_path)


def test_an_unknown_name_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="Did you mean 'doudian_orders'"):
        read_mapping("doudian_order", tmp_path)
    with pytest.raises(ConfigError, match="attribution map FILE"):
        read_mapping("zzz", tmp_path)


MISTAKES = [
    ('platfrom = "douyin"', "line 1", "unknown key 'platfrom'", "Did you mean 'platform'?"),
    ('platform = "tiktok"', "line 1", "the text 'tiktok'", "one of douyin"),
    ('[[order]]\nid = "x"', "line 1", "unknown key 'order'", "Did you mean 'orders'?"),
    ("[links]", "line 1", "unknown key 'links'", ""),
    ('[orders]\norderid = "x"', "line 2", "unknown key 'orderid'", "Did you mean 'order_id'?"),
    ('[orders]\nid_value = "x"', "line 2", "unknown key 'id_value'", ""),
    ('[orders]\n_excluded = "x"', "line 2", "unknown key '_excluded'", ""),
    ("[orders]\norder_id = 5", "line 2", "found 5", "a table"),
    ("[orders]\norder_id = {}", "line 2", "an empty table", "at least one entry"),
    ("[orders]\norder_id = []", "line 2", "an empty list", "at least one way"),
    ('[orders]\norder_id = ""', "line 2", "the text ''", "text"),
    ('[orders]\norder_id = { form = "x" }', "line 2", "unknown key 'form'", "'from'"),
    ("[orders]\norder_id = { as = 'text' }", "line 2", "neither from nor value", "one of them"),
    ('[orders]\norder_id = { from = "a", value = "b" }', "line 2", "both from and value", ""),
    ('[orders]\ncreated_at = "t"', "line 2", "no `as` for created_at", "epoch_s, epoch_ms, time"),
    ('[orders]\npaid_fen = "p"', "line 2", "no `as` for paid_fen", "one of fen, yuan"),
    ('[costs]\nrate = "r"', "line 2", "no `as` for rate", "ratio, percent, permille, per_10k"),
    ('[orders]\npaid_fen = { from = "p", as = "yaun" }', "line 2", "'yaun'", "mean 'yuan'?"),
    ('[orders]\ncreated_at = { from = "t", as = "ms" }', "line 2", "the text 'ms'", "epoch_ms"),
    ('[orders]\nstatus = { from = "s", as = "text" }', "line 2", "found as", "Remove it."),
    (
        '[session_metrics]\navg_watch_s = { from = "a", as = "ratio" }',
        "line 2",
        "'ratio'",
        "one of number",
    ),
    (
        '[orders]\nstatus = { from = "s", map = { 1 = "payed" } }',
        "line 2",
        "the text 'payed'",
        "Did you mean 'paid'?",
    ),
    (
        '[orders.status]\nfrom = "s"\n[orders.status.map]\n1 = "paid"\n2 = "shiped"',
        "line 5",
        "'shiped'",
        "Did you mean 'shipped'?",
    ),
    ('[orders]\nstatus = { from = "s", map = { 1 = 2 } }', "line 2", "found 2", "one of created"),
    ('[orders]\nstatus = { from = "s", map = { "" = "paid" } }', "line 2", "an empty word", ""),
    ('[orders]\nstatus = { from = "s", map = { "9..2" = "paid" } }', "line 2", "range 9..2", ""),
    (
        '[orders]\nstatus = { from = "s", else = "unknown" }',
        "line 2",
        "'unknown'",
        "one of created",
    ),
    ('[orders]\norder_id = { from = "s", else = "x" }', "line 2", "else without map", ""),
    (
        '[orders]\npaid_fen = { from = "p", as = "fen", map = { 1 = "2" } }',
        "line 2",
        "map",
        "words",
    ),
    ('[orders]\nstatus = { value = "payed" }', "line 2", "'payed'", "Did you mean 'paid'?"),
    (
        '[orders]\nstatus = { value = "paid", map = { 1 = "paid" } }',
        "line 2",
        "map beside value",
        "",
    ),
    ('[orders]\npaid_fen = { value = "1.5", as = "fen" }', "line 2", "'1.5'", "whole fen"),
    ('[orders]\ncreated_at = { value = "x", as = "time" }', "line 2", "'x'", "a time such as"),
    ('[orders]\norder_id = { from = "s", null_if = 0 }', "line 2", "found 0", "a list of texts"),
    (
        '[orders]\npaid_fen = { from = "s", as = "fen", split = "," }',
        "line 2",
        "split",
        "ids or text",
    ),
    ('[orders]\norder_id = { from = "s", split = "" }', "line 2", "''", "the sign between"),
    (
        '[erp_orders]\norder_id = { from = "a", split = ";" }\n'
        'merged_ids = { from = "b", split = ";" }',
        "line 1",
        "split in order_id and merged_ids",
        "one column",
    ),
    ('[orders]\norder_id = "items[].id"', "line 1", "which holds many values", "`rows` opens"),
    (
        '[order_lines]\nrows = "items[]"\nline_id = "others[].id"',
        "line 1",
        "'others[].id'",
        "'items[]'",
    ),
    ('[order_lines]\nrows = "items"', "line 2", "the path 'items'", "End it with []"),
    ('[order_lines]\nrows = "items[].a"', "line 2", "the path 'items[].a'", "End it with []"),
    ('[orders]\nskip = "x"', "line 2", "the text 'x'", "a list of tables"),
    ('[orders]\nmark = [{ from = "a", in = ["b"] }]', "line 2", "no why", "a reason"),
    ('[orders]\nskip = [{ in = ["b"], why = "c" }]', "line 2", "no from", ""),
    ('[orders]\nskip = [{ from = "a", why = "c" }]', "line 2", "no tests", "in, not_in, contains"),
    (
        '[orders]\nskip = [{ from = "a", in = ["b"], contains = ["c"], why = "d" }]',
        "line 2",
        "2 tests",
        "",
    ),
    (
        '[orders]\nmark = [{ from = "a", contains = [""], why = "b" }]',
        "line 2",
        "an empty text",
        "",
    ),
    ('[refunds]\nmark = [{ from = "a", in = ["b"], why = "c" }]', "line 2", "'mark'", ""),
    ('[refunds]\nstreamer = [{ from = "a", type = "short_id" }]', "line 2", "'streamer'", ""),
    (
        '[sessions]\nstreamer = [{ from = "a", type = "shortid" }]',
        "line 2",
        "'shortid'",
        "'short_id'",
    ),
    ('[sessions]\nstreamer = [{ from = "a" }]', "line 2", "no type", "a type"),
    ('[[orders.ids]]\ntype = "x"', "line 1", "no from", "a from"),
    ('[[orders.ids]]\nfrom = "a"\ntype = "x"\nlink = "hard"', "line 4", "'hard'", "strong, medium"),
    ('[[orders.ids]]\nfrom = "a"\ntype = "x"\nrole = "owner"', "line 4", "'owner'", "buyer, payer"),
    ('[[orders.ids]]\nfrom = "a"\ntype = "phone"', "line 1", "not hashed", 'as = "phone"'),
    ('[[orders.ids]]\nfrom = "a"\ntype = "x"\nwhen = { in = ["1"] }', "line 4", "no from", ""),
    ('[identities]\nat = { from = "t", as = "time" }', "line 1", "no ids", "who is who"),
    ('[identities]\norder_id = "x"', "line 2", "unknown key 'order_id'", "one of at"),
    ('title = "only"', "mine.toml", "no table", "[[orders]]"),
    ('orders = "x"', "line 1", "the text 'x'", "[[orders]]"),
]


@pytest.mark.parametrize(("text", "line", "found", "remedy"), MISTAKES)
def test_every_mistake_names_its_line_and_the_remedy(tmp_path, text, line, found, remedy):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    assert message.startswith("mappings/mine.toml")
    assert str(tmp_path) not in message
    for part in (line, found, remedy, "expected "):
        assert part in message


def test_no_toml_at_all(tmp_path):
    with pytest.raises(ConfigError, match="line 2"):
        read(tmp_path, 'title = "x"\norder = (1)\n')


# ---------------------------------------------------------------------- constants of a source


def test_constants_fill_what_a_mapping_leaves_out(tmp_path):
    mapping = read(tmp_path, ORDERS)
    filled = completed(mapping, (("shop_id", "77"),))
    (shop,) = dict(filled.blocks[0].columns)["shop_id"]
    assert shop.value == "77"
    (platform,) = dict(filled.blocks[1].columns)["platform"]
    assert platform.value == "douyin"
    # A column the mapping reads is not overwritten.
    assert (
        dict(completed(mapping, (("order_id", "1"),)).blocks[0].columns)["order_id"]
        == dict(mapping.blocks[0].columns)["order_id"]
    )
    assert completed(mapping, (("appid", "wx1"),))


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ((("shopid", "1"),), "^values: found the unknown key 'shopid'"),
        ((("deposit_fen", "1.5"),), "whole fen"),
        ((("recipient_not_payer", "perhaps"),), "yes or no"),
    ],
)
def test_constants_that_fit_nowhere_are_refused(tmp_path, values, found):
    with pytest.raises(ConfigError, match=found):
        completed(read(tmp_path, ORDERS), values)


def test_a_constant_that_fits_nowhere_names_its_source(tmp_path):
    mapping = read(tmp_path, ORDERS)
    for values in ((("shopid", "1"),), (("deposit_fen", "1.5"),)):
        with pytest.raises(ConfigError, match=r"^attribution\.toml, source 'mall', values: found"):
            completed(mapping, values, "mall")


@pytest.mark.parametrize("path", ["a[.b", "a].b", "a[[0]].b", "a..b", ".a", "a[]b", "[]"])
def test_a_path_that_finds_nothing_is_refused_with_its_line(tmp_path, path):
    for line in (f'order_id = "{path}"', f'order_id = {{ from = ["x", "{path}"] }}'):
        with pytest.raises(ConfigError) as caught:
            read(tmp_path, f'platform = "jd"\n[orders]\n{line}\n')
        for part in ("mine.toml, line 3", f"the path '{path}'", "a.b, a[].b"):
            assert part in str(caught.value)
    with pytest.raises(ConfigError, match="line 1, records"):
        read(tmp_path, f'records = "{path}"\n[orders]\norder_id = "x"')


@pytest.mark.parametrize("path", ["No.", "金额[元]", "[订单]", "a(b", "a.b-c"])
def test_signs_in_the_name_of_a_column_are_no_mistake(tmp_path, path):
    read(tmp_path, f'platform = "jd"\n[orders]\norder_id = "{path}"\n')


def test_only_a_rule_that_leaves_rows_to_another_block_needs_no_reason(tmp_path):
    rule = '= [{ from = "a", in = ["b"] }]'
    (block,) = read(tmp_path, f'[orders]\nskip {rule}\norder_id = "x"').blocks
    assert block.skip[0].why is None


def test_a_required_column_must_come_from_somewhere(tmp_path):
    text = ORDERS.replace('platform = "douyin"', "")
    with pytest.raises(ConfigError, match=r"\[\[orders\]\]: found no platform, which every row"):
        completed(read(tmp_path, text))
    assert completed(read(tmp_path, text), (("platform", "jd"),))
