"""A workspace's configuration: what it says, and every mistake with its line and remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from attribution.errors import ConfigError
from attribution.intake.shipped import shipped
from attribution.journeys.definition import JourneyDefinition
from attribution.workspace import FILE, CostRules, Exclude, Guarantee, Source, read_workspace

WHOLE = """\
[brand]
name = "山岚"
timezone = "Asia/Shanghai"
language = "en"

[identity]
key_file = "../keys/brand.key"
phone_buyers_per_platform = 2

[[source]]
name = "抖店 orders"
mapping = "doudian_orders"
files = ["data/raw/douyin/orders_*.json", "data/raw/more"]
values = { shop_id = "4711" }

[[source]]
name = "erp"
mapping = "jushuitan_orders"
url = "env:ERP_URL"
sql = "SELECT * FROM orders"

[[exclude]]
why = "test order"
shop_id = ["test", "demo"]
paid_at_most = "0.1"
"""
JOURNEYS = """\
[brand]
name = "山岚"

[journeys]
level = "offer"
lookback = "14D"
reuse = true
conversion = "first"
products = "P1"
segments = ["province", "buyer"]

[journeys.lookback_by]
exposure = "1D"
"抖音 · 直播" = "7D"

[journeys.weights]
exposure = 0.2
"""


def write(folder: Path, text: str) -> Path:
    (folder / FILE).write_text(text, encoding="utf-8")
    return folder


def test_a_whole_file_is_read(tmp_path: Path):
    found = read_workspace(write(tmp_path, WHOLE))
    assert (found.brand, found.language, found.timezone) == ("山岚", "en", "Asia/Shanghai")
    assert found.sources == (
        Source(
            "抖店 orders",
            "doudian_orders",
            files=("data/raw/douyin/orders_*.json", "data/raw/more"),
            values=(("shop_id", "4711"),),
        ),
        Source("erp", "jushuitan_orders", url="env:ERP_URL", sql="SELECT * FROM orders"),
    )
    assert found.excludes == (Exclude("test order", (("shop_id", ("test", "demo")),), 10),)
    assert found.key_file == tmp_path.parent / "keys" / "brand.key"
    assert found.rules.phone_buyers_per_platform == 2


def test_a_merge_can_be_undone_and_id_types_named(tmp_path: Path):
    text = '[identity]\nsplit = [["a.1", "a.2"]]\ndevice_types = ["oaid"]\nexpiry = "200D"\n'
    rules = read_workspace(write(tmp_path, text)).rules
    assert rules.split == (("a.1", "a.2"),)
    assert (rules.device_types, rules.expiry) == (("oaid",), "200D")


def test_journeys_are_as_the_file_says_and_else_the_usual(tmp_path: Path):
    found = read_workspace(write(tmp_path, JOURNEYS)).journeys
    assert found == JourneyDefinition(
        level="offer",
        lookback="14D",
        lookback_by={"exposure": "1D", "抖音 · 直播": "7D"},
        reuse=True,
        conversion="first",
        products=["P1"],
        segments=["province", "buyer"],
        weights={"exposure": 0.2},
    )
    assert read_workspace(write(tmp_path, "[journeys]\n")).journeys == JourneyDefinition()
    assert read_workspace(write(tmp_path, "")).journeys == JourneyDefinition()
    empty = "[journeys]\nproducts = []\nsegments = []\n[journeys.weights]\n"
    assert read_workspace(write(tmp_path, empty)).journeys == JourneyDefinition()


def test_the_sample_s_comments_are_the_defaults(tmp_path: Path):
    text = shipped("data", "sample", "attribution.toml").read_text(encoding="utf-8")
    block = text[text.index("# [journeys]\n") : text.index("# [journeys.lookback_by]")]
    settings = "".join(
        f"{line[2:]}\n" for line in block.splitlines() if re.match(r"# (\[|\w+ = )", line)
    )
    found = read_workspace(write(tmp_path, settings)).journeys
    assert found == JourneyDefinition(expiry=JourneyDefinition().lookback)
    for name in JourneyDefinition().settings():
        assert f"# {name} = " in text or f"# [journeys.{name}]" in text, name


COSTS = """\
[costs]
reverses = ["commission"]
goods_back = []

[costs.by_kind]
crew = "by_minutes"

[costs.by_scope]
campaign = "none"

[[guarantee]]
contract = "HT-1"
roi = 2.5
of = "net_fen"
sessions = 4

[[guarantee]]
contract = "HT-2"
roi = 1
"""


def test_costs_are_as_the_file_says_and_else_the_usual(tmp_path: Path):
    assert read_workspace(write(tmp_path, COSTS)).costs == CostRules(
        by_kind=(("crew", "by_minutes"),),
        by_scope=(("campaign", "none"),),
        reverses=("commission",),
        goods_back=(),
        guarantees=(Guarantee("HT-1", 2.5, "net_fen", 4), Guarantee("HT-2", 1.0)),
    )
    assert read_workspace(write(tmp_path, "[costs]\n")).costs == CostRules()
    assert read_workspace(write(tmp_path, "")).costs == CostRules()


def test_the_sample_s_comments_on_costs_are_the_defaults(tmp_path: Path):
    text = shipped("data", "sample", "attribution.toml").read_text(encoding="utf-8")
    block = text[text.index("# [costs]\n") : text.index("# [costs.by_kind]")]
    settings = "".join(
        f"{line[2:]}\n" for line in block.splitlines() if re.match(r"# (\[|\w+ = )", line)
    )
    assert read_workspace(write(tmp_path, settings)).costs == CostRules()


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("[costs]", "[cost]", 1, "Did you mean 'costs'"),
        ("reverses = ", "reverse = ", 2, "Did you mean 'reverses'"),
        ('["commission"]', '["commissions"]', 2, "one of ads, slot_fee"),
        ('["commission"]', "3", 2, "a list of texts"),
        ("goods_back = []", 'goods_back = ["returned"]', 3, "one of refund_before_ship"),
        ("crew = ", "crews = ", 6, "Did you mean 'crew'"),
        ('"by_minutes"', '"by_minute"', 6, "direct, by_revenue, by_minutes, by_units, none"),
        ('"by_minutes"', '["by_minutes"]', 6, "one of direct"),
        ("campaign = ", "ads = ", 9, "one of line, order, session"),
        ('contract = "HT-1"', "", 11, "no contract"),
        ('contract = "HT-1"', "contract = 1", 12, "quotation marks"),
        ("roi = 2.5", "", 11, "no roi"),
        ("roi = 2.5", 'roi = "1:2"', 13, "a number above 0"),
        ("roi = 2.5", "roi = 0", 13, "a number above 0"),
        ("roi = 2.5", "roi = nan", 13, "a number above 0"),
        ("roi = 2.5", "roi = true", 13, "a number above 0"),
        ('"net_fen"', '"gmv"', 14, "gross_fen, net_fen"),
        ("sessions = 4", "sessions = 0", 15, "above 0"),
        ('"HT-2"', '"HT-1-B"', 18, "every contract once"),
    ],
)
def test_a_mistake_about_costs_names_its_line(tmp_path: Path, old, new, line, says):
    assert COSTS.count(old) == 1
    with pytest.raises(ConfigError) as error:
        read_workspace(write(tmp_path, COSTS.replace(old, new)))
    assert f"line {line}," in str(error.value)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("costs = 1", "a table"),
        ("[costs]\nby_kind = 1", "a table"),
        ("guarantee = 1", "two brackets"),
        ("guarantee = [1]", r"\[\[guarantee\]\]"),
    ],
)
def test_costs_that_are_no_tables_are_refused(tmp_path: Path, text, says):
    with pytest.raises(ConfigError, match=says):
        read_workspace(write(tmp_path, text))


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ('level = "offer"', 'level = "room"', 5, "platform, form, streamer, session, placement"),
        ('level = "offer"', 'levle = "offer"', 5, "Did you mean 'level'"),
        ('lookback = "14D"', "lookback = 14", 6, "a number with a unit"),
        ('lookback = "14D"', 'lookback = "two weeks"', 6, "a number with a unit"),
        ("reuse = true", 'reuse = "yes"', 7, "true or false"),
        ('conversion = "first"', 'conversion = "last"', 8, "any, first"),
        ('products = "P1"', "products = 1", 9, "a list of texts"),
        ('products = "P1"', 'products = [""]', 9, "quotation marks"),
        ('"province", "buyer"', '"province", "city"', 10, "province, buyer"),
        ('exposure = "1D"', "exposure = 1", 13, "a number with a unit"),
        ('"7D"', '"week"', 14, "a number with a unit"),
        ("exposure = 0.2", "exposure = -0.2", 17, "0 or more"),
        ("exposure = 0.2", 'exposure = "0.2"', 17, "0 or more"),
        ("exposure = 0.2", "exposed = 0.2", 17, "events, of exposure"),
        ("[journeys.weights]\nexposure = 0.2", "", 0, ""),
    ][:-1],
)
def test_every_mistake_in_journeys_names_its_line(
    tmp_path: Path, old: str, new: str, line: int, says: str
):
    assert old in JOURNEYS
    with pytest.raises(ConfigError) as error:
        read_workspace(write(tmp_path, JOURNEYS.replace(old, new, 1)))
    assert str(error.value).startswith(f"{FILE}, line {line}, journeys."), error.value
    assert says in str(error.value)


@pytest.mark.parametrize("text", ["journeys = 1\n", "[journeys]\nweights = 1\n"])
def test_journeys_and_their_weights_are_tables(tmp_path: Path, text: str):
    with pytest.raises(ConfigError, match="expected a table"):
        read_workspace(write(tmp_path, text))


def test_an_empty_file_is_a_workspace_without_sources(tmp_path: Path):
    found = read_workspace(write(tmp_path, ""))
    assert (found.brand, found.language, found.sources) == (tmp_path.name, "zh", ())


def test_a_folder_without_the_file_says_how_to_make_one(tmp_path: Path):
    with pytest.raises(ConfigError, match="attribution init"):
        read_workspace(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ('timezone = "Asia/Shanghai"', 'timezone = "Asia/Peking"', 3, "time zone"),
        ('timezone = "Asia/Shanghai"', 'timezone = "../etc"', 3, "time zone"),
        ('timezone = "Asia/Shanghai"', 'timezone = "right/Asia/Shanghai"', 3, "time zone"),
        ('timezone = "Asia/Shanghai"', 'timezone = "localtime"', 3, "time zone"),
        ("../keys/brand.key", "~nobody-by-that-name/x", 7, "a file"),
        ("env:ERP_URL", "postgresql://host/db?user=me&password=secret", 19, "a password"),
        ('values = { shop_id = "4711" }', 'snapshot = "yes"', 14, "true or false"),
        ('language = "en"', 'language = "fr"', 4, '"zh" or "en"'),
        ('language = "en"', 'langage = "en"', 4, "Did you mean 'language'"),
        ("../keys/brand.key", "data/brand.key", 7, "outside it"),
        ("phone_buyers_per_platform = 2", "phone_buyers_per_platform = 0", 8, "above 0"),
        ("phone_buyers_per_platform = 2", "split = 2", 8, "list of pairs"),
        ("phone_buyers_per_platform = 2", 'split = [["a"]]', 8, "two identifiers"),
        ("phone_buyers_per_platform = 2", 'split = [["a", "a"]]', 6, "different"),
        ("phone_buyers_per_platform = 2", 'expiry = "soon"', 6, "expiry"),
        ('name = "erp"', 'name = "抖店 orders"', 17, "a second time"),
        ('name = "erp"', "name = 7", 17, "expected text"),
        ('mapping = "jushuitan_orders"', 'mapping = "../evil"', 18, "plain name"),
        ('mapping = "jushuitan_orders"', "", 16, "no mapping"),
        ("data/raw/more", "../more", 13, "leaves the workspace"),
        ("data/raw/more", "/etc/passwd", 13, "leaves the workspace"),
        ("data/raw/more", "~/more", 13, "leaves the workspace"),
        ("data/raw/more", "data\\\\..\\\\..\\\\x", 13, "leaves the workspace"),
        ('url = "env:ERP_URL"', 'url = "postgresql://me:secret@host/erp"', 19, "a password"),
        ('sql = "SELECT * FROM orders"', "", 16, "url without sql"),
        ('url = "env:ERP_URL"', 'files = "a.csv"', 20, "sql beside files"),
        ('url = "env:ERP_URL"', 'files = "a.csv"\nurl = "env:X"', 16, "both files and url"),
        ('paid_at_most = "0.1"', "paid_at_most = 0.1", 25, "yuan as text"),
        ('why = "test order"', "", 22, "no why"),
        ('shop_id = ["test", "demo"]\npaid_at_most = "0.1"', "", 22, "no condition"),
        ('shop_id = ["test", "demo"]', 'shop = "test"', 24, "unknown key"),
    ],
)
def test_every_mistake_names_its_line(tmp_path: Path, old: str, new: str, line: int, says: str):
    assert old in WHOLE
    with pytest.raises(ConfigError) as error:
        read_workspace(write(tmp_path, WHOLE.replace(old, new)))
    message = str(error.value)
    assert message.startswith(f"{FILE}, line {line}"), message
    assert says in message
    assert "secret" not in message
    assert str(tmp_path) not in message


def test_who_was_watched_is_read_from_a_file_of_the_workspace(tmp_path: Path):
    found = read_workspace(write(tmp_path, '[brand]\nname = "a"\n[people]\nfile = "who.csv"\n'))
    assert found.people == found.folder / "who.csv"
    assert read_workspace(write(tmp_path, '[brand]\nname = "a"\n')).people is None


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('file = "../who.csv"', "leaves the workspace"),
        ('files = "who.csv"', "a table with a file"),
        ('file = "who.csv"\nstart = "x"', "start"),
        ("file = 7", "in quotation marks"),
    ],
)
def test_a_list_of_people_that_cannot_be_is_refused(tmp_path: Path, line: str, says: str):
    with pytest.raises(ConfigError, match=says):
        read_workspace(write(tmp_path, f'[brand]\nname = "a"\n[people]\n{line}\n'))
