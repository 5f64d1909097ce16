"""UTM links: made, read back, refused, counted where they are missing."""

from __future__ import annotations

import csv
import hashlib
from datetime import datetime
from urllib.parse import parse_qs, quote, urlsplit
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import DataError
from attribution.intake.tag import parse_utm, tag_links, untagged, write_links

ROW = {"url": "https://m.mall.cn/p/1", "platform": "douyin", "content_form": "live"}


def tagged(**changed):
    return tag_links(pa.Table.from_pylist([{**ROW, **changed}]))["link"][0].as_py()


def test_a_chinese_table_becomes_links():
    table = pa.table(
        {
            "链接": ["https://m.mall.cn/p/1?a=1#top", "http://x.cn"],
            "平台": ["抖音", "kuaishou"],
            "形式": ["直播", "短视频"],
            "主播": ["晚晴", None],
            "场次": ["11-11 20:00", None],
            "资源位": [None, "评论区 置顶"],
            "活动": ["双11&预售", None],
            "负责人": ["x", "y"],
        }
    )
    links = tag_links(table)
    assert links["link"].to_pylist() == [
        "https://m.mall.cn/p/1?a=1&utm_source=douyin&utm_medium=live"
        "&utm_campaign=%E5%8F%8C11%26%E9%A2%84%E5%94%AE&utm_content=11-11%2020%3A00"
        "&utm_term=%E6%99%9A%E6%99%B4#top",
        "http://x.cn?utm_source=kuaishou&utm_medium=short_video"
        "&utm_content=%E8%AF%84%E8%AE%BA%E5%8C%BA%20%E7%BD%AE%E9%A1%B6",
    ]
    assert links.column_names == [
        *("url", "platform", "content_form", "campaign", "session", "creative", "placement"),
        *("streamer", "link", "code"),
    ]


NAMES = ("streamer", "session", "placement", "campaign", "creative")
WORD = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1, max_size=8).filter(
    lambda word: word.strip() and not word.isdecimal()
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {},
            optional=dict.fromkeys(NAMES, WORD),
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(["", "?", "?a=1", "?a=1&", "?a=%E4%B8%AD&b"]),
    st.sampled_from(["", "#", "#top", "#/page?x=1"]),
)
def test_links_say_what_the_rows_say(rows, query, fragment):
    url = f"https://m.mall.cn/商品{query}{fragment}"
    table = pa.Table.from_pylist(
        [{**ROW, **row, "url": url} for row in rows],
        schema=pa.schema([(name, pa.string()) for name in (*ROW, *NAMES)]),
    )
    links = tag_links(table)["link"].to_pylist()
    for row, link in zip(rows, links, strict=True):
        row = {name: word.strip() for name, word in row.items()}
        parts = urlsplit(link)
        said = {name: value[0] for name, value in parse_qs(parts.query).items()}
        contents = [row[n] for n in ("session", "creative", "placement") if n in row]
        expected = {
            "utm_source": "douyin",
            "utm_medium": "live",
            "utm_campaign": row.get("campaign"),
            "utm_content": contents[0] if contents else None,
            "utm_term": row.get("streamer"),
            "utm_creative": row.get("creative") if "session" in row else None,
            "utm_placement": row.get("placement") if len(contents) > 1 else None,
        }
        assert {k: v for k, v in said.items() if k.startswith("utm")} == {
            k: v for k, v in expected.items() if v is not None
        }
        assert link.startswith("https://m.mall.cn/商品" + query.rstrip("&"))
        assert link.endswith(fragment)
    read = parse_utm(pa.array(links)).select(["utm_content", "utm_term"]).to_pylist()
    for row, back in zip(rows, read, strict=True):
        assert back["utm_term"] == (row["streamer"].strip() if "streamer" in row else None)


def test_the_short_code_depends_on_the_link_alone():
    one = tag_links(pa.Table.from_pylist([{**ROW, "session": "a"}, {**ROW, "session": "b"}]))
    two = tag_links(pa.Table.from_pylist([{**ROW, "session": "b"}]))
    assert one["code"][1] == two["code"][0]
    assert one["code"][0] != one["code"][1]
    [code] = two["code"].to_pylist()
    assert len(code) == 10
    assert code.isalnum()
    bits = int.from_bytes(hashlib.sha256(two["link"][0].as_py().encode()).digest()[:7])
    alphabet = "abcdefghijklmnopqrstuvwxyz234567"
    assert code == "".join(alphabet[bits >> shift & 31] for shift in range(51, 1, -5))


def test_what_a_link_already_says_is_not_said_twice():
    url = "https://m.mall.cn/?utm_source=douyin&x=1"
    assert tagged(url=url) == f"{url}&utm_medium=live"
    url = f"https://m.mall.cn/?utm_source=douyin&utm_medium=live&utm_term={quote('晚晴')}"
    assert tagged(url=url, streamer="晚晴") == url


def test_a_table_without_links_may_name_one_page():
    table = pa.table({"platform": ["douyin", "wechat"], "form": ["live", "article"]})
    assert tag_links(table, "https://m.mall.cn/")["link"].to_pylist() == [
        "https://m.mall.cn/?utm_source=douyin&utm_medium=live",
        "https://m.mall.cn/?utm_source=wechat&utm_medium=article",
    ]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"url": None}, "row 2, column 'url': found an empty cell"),
        ({"url": "  "}, "row 2, column 'url': found an empty cell"),
        ({"url": "m.mall.cn/p/1"}, "row 2, column 'url': found text that is no link"),
        ({"url": "javascript:alert(1)"}, "text that is no link"),
        ({"url": "https://"}, "text that is no link"),
        ({"url": "https://a b.cn/"}, "text that is no link"),
        ({"url": "https://a.cn/x\u3000y"}, "text that is no link"),
        ({"url": "https://a.cn/?utm_source=kuaishou"}, "already has another utm_source"),
        ({"url": "https://a.cn/?UTM_Source=kuaishou"}, "already has another utm_source"),
        ({"url": "https://a.cn/?utm_source="}, "already has another utm_source"),
        ({"url": "https://a.cn/?utm_source=douyin&utm_source=x"}, "another utm_source"),
        ({"platform": "douyn"}, "Did you mean 'douyin'"),
        ({"platform": None}, "row 2, column 'platform': found an empty cell"),
        ({"content_form": "电视"}, "row 2, column 'content_form': found '电视'"),
        ({"session": "x" * 2048}, "more than 2048 bytes"),
        ({"url": "https://a.cn/" + "字" * 700}, "more than 2048 bytes"),
        ({"streamer": "13800001111"}, "row 2, column 'streamer': found what looks like a phone"),
        ({"session": "call +8613800001111!"}, "looks like a phone"),
    ],
)
def test_what_cannot_be_tagged_is_refused_with_its_row(changed, message):
    table = pa.Table.from_pylist([{**ROW, "session": None, "streamer": None}, {**ROW, **changed}])
    with pytest.raises(DataError) as raised:
        tag_links(table)
    assert message in str(raised.value)
    assert "1380000" not in str(raised.value)


def test_a_link_of_just_2048_bytes_is_taken():
    room = 2048 - len(tagged(session="x")) + 1
    assert len(tagged(session="x" * room)) == 2048
    with pytest.raises(DataError):
        tagged(session="x" * (room + 1))


@pytest.mark.parametrize("missing", ["url", "platform", "content_form"])
def test_a_missing_column_is_named(missing):
    table = pa.table({name: [value] for name, value in ROW.items() if name != missing})
    with pytest.raises(DataError, match=f"a column {missing}"):
        tag_links(table)


def test_two_columns_of_one_meaning_are_refused():
    table = pa.table({**{name: [value] for name, value in ROW.items()}, "平台": ["wechat"]})
    with pytest.raises(DataError, match="mean the same"):
        tag_links(table)


def test_a_table_of_no_rows_makes_no_links():
    table = pa.table({name: pa.array([], pa.string()) for name in ROW})
    assert tag_links(table).num_rows == 0


def test_the_csv_opens_in_excel_and_runs_no_formula(tmp_path):
    table = pa.Table.from_pylist(
        [{**ROW, "session": "=cmd|' /C calc'!A0", "streamer": '晚,"晴"'}, {**ROW, "session": "s"}]
    )
    file = tmp_path / "links.csv"
    write_links(tag_links(table), file)
    data = file.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(data.decode("utf-8-sig").splitlines()))
    assert rows[0]["session"] == "'=cmd|' /C calc'!A0"
    assert rows[0]["streamer"] == '晚,"晴"'
    assert rows[1]["session"] == "s"
    assert rows[1]["streamer"] == ""
    assert [r["link"] for r in rows] == tag_links(table)["link"].to_pylist()
    assert [p.name for p in tmp_path.iterdir()] == ["links.csv"]


def test_links_are_read_back():
    urls = [
        "https://m.cn/?utm_source=douyin&UTM_Medium=live+show&clickid=a+b%2Fc&spm=a1.b2",
        "https://m.cn/#/p?utm_source=%CD%C6%B9%E3&gdt_vid=g1&pid=mm_1_2_3",  # GB18030 escapes
        "https://m.cn/?xutm_source=no&callback=&utm_term=13800001111&utm_content=%FF",
        "/p?qz_gdt=q#frag",
        "",
        None,
    ]
    rows = parse_utm(pa.array(urls)).to_pylist()
    said = [{name: value for name, value in row.items() if value is not None} for row in rows]
    assert said == [
        {
            "utm_source": "douyin",
            "utm_medium": "live show",
            "clickid": "a+b/c",
            "click_ref": "a+b/c",
            "spm": "a1.b2",
        },
        {"utm_source": "推广", "gdt_vid": "g1", "pid": "mm_1_2_3", "click_ref": "g1"},
        {},
        {"qz_gdt": "q", "click_ref": "q"},
        {},
        {},
    ]
    assert parse_utm(pa.array([], pa.string())).num_rows == 0
    assert parse_utm(pa.chunked_array([["/?pid=1"], ["/?pid=2"]]))["pid"].to_pylist() == ["1", "2"]


def test_untagged_touchpoints_of_the_own_mall_are_counted_by_where_and_when():
    shanghai = ZoneInfo("Asia/Shanghai")

    def ms(day, hour):
        return int(datetime(2026, 11, day, hour, tzinfo=shanghai).timestamp() * 1000)

    rows = [
        ("own_mall", ms(11, 0), None, None, "P1"),
        ("own_mall", ms(11, 23), None, "c1", "P1"),
        ("own_mall", ms(11, 23), None, None, "P1"),
        ("own_mall", ms(12, 0), None, None, None),
        ("own_mall", ms(12, 1), "douyin", None, "P1"),
        ("douyin", ms(12, 1), None, None, "P1"),
    ]
    names = ("platform", "at", "utm_source", "click_ref", "product_id")
    table = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])
    assert untagged(table, "Asia/Shanghai") == {
        ("2026-11-11", "P1", False): 2,
        ("2026-11-11", "P1", True): 1,
        ("2026-11-12", None, False): 1,
    }
    assert not untagged(table.slice(0, 0), "Asia/Shanghai")
