"""The page around a body."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from importlib.resources import files

from markupsafe import Markup

from attribution.present.markup import style, table
from attribution.present.shell import Shell, instant, page_title, period, run_line
from attribution.present.words import Words

EN, ZH = Words("en"), Words("zh")
HOSTILE = "<script>alert(1)</script>"


def shell(words: Words = EN, **more: object) -> Shell:
    return Shell(words, HOSTILE, "Data to", ["overview", "my_own"], **more)


def test_everything_but_the_body_is_escaped_and_the_style_stands_once() -> None:
    body = Markup("{}<p>body</p>").format(style())
    text = shell().page("my_own", body, "<i>days</i>")
    assert HOSTILE not in text
    assert text.count("&lt;script&gt;alert") == 2  # title and header
    assert "&lt;i&gt;days" in text
    assert text.count(str(style())) == 1
    assert text.count("<script>") == 1


def test_a_page_forbids_itself_the_network() -> None:
    text = shell().page("overview", Markup(""))
    assert "default-src 'none'" in Markup(text).unescape()
    assert not re.search(r"https?://|url\((?!#)|@import", text)


def test_the_navigation_names_pages_in_order_and_where_one_is() -> None:
    text = shell(ZH, folder="r/", runs="index.html").page("my_own", Markup(""))
    nav = text.split("<nav")[1].split("</nav>")[0]
    assert re.findall(r'href="([^"]*)"', nav) == [
        "r/overview.html",
        "r/my_own.html",
        "r/downloads.html",
        "index.html",
    ]
    assert re.findall(r">([^<]+)</a>", nav) == ["总览", "my own", "下载", "历次运行"]
    assert re.findall(r'aria-current="page">([^<]+)<', nav) == ["my own"]


def test_days_and_clocks_are_written_as_the_language_does() -> None:
    assert EN.days(date(2026, 10, 25), date(2026, 11, 21)) == "25 Oct – 21 Nov 2026, 28 days"
    assert ZH.days(date(2026, 10, 25), date(2026, 11, 21)) == "2026年10月25日–11月21日（28 天）"
    assert EN.days(date(2025, 12, 31), date(2026, 1, 1)) == "31 Dec 2025 – 1 Jan 2026, 2 days"
    assert ZH.days(date(2026, 1, 1), date(2026, 1, 1)) == "2026年1月1日"
    assert period(EN, "2026-11-09", "") == "from 9 Nov 2026"
    assert period(ZH, "", "2026-11-09") == "至 2026年11月9日"
    assert period(EN, "", "") == ""
    ms = int(datetime(2026, 11, 21, 22, 0, tzinfo=UTC).timestamp() * 1000)
    assert instant(ZH, ms, "Asia/Shanghai") == "数据截至 11月22日 06:00（北京时间）"
    assert instant(EN, ms, "Asia/Kolkata") == "Data to 22 Nov 03:30 (UTC+05:30)"


def test_sizes_of_files() -> None:
    assert [EN.size(n) for n in (0, 999, 12_400, 1_450_000)] == ["0 B", "999 B", "12 kB", "1.4 MB"]


def test_the_run_line_holds_what_is_of_the_run() -> None:
    line = run_line(EN, "20261116-090000", datetime(2026, 11, 16, 9, 0, tzinfo=UTC), 41.4)
    assert line.startswith('<p id="run">Run 20261116-090000 · 2026-11-16 09:00 · 41 s')


def test_a_page_of_one_s_own_is_called_by_its_name() -> None:
    assert (page_title(EN, "roi"), page_title(EN, "team_view")) == ("ROI", "team view")


def test_dark_is_one_set_of_colours_whether_chosen_or_the_system_s() -> None:
    sheet = files("attribution.present").joinpath("style.css").read_text(encoding="utf-8")
    system = re.search(r":root:not\(\[data-theme=\"light\"\]\) \.ar \{(.*?)\}", sheet, re.DOTALL)
    chosen = re.search(r":root\[data-theme=\"dark\"\] \.ar \{(.*?)\}", sheet, re.DOTALL)
    light = re.search(r"^\.ar \{(.*?)\}", sheet, re.DOTALL)
    assert system
    assert chosen
    assert light
    assert system[1] == chosen[1]
    names = [set(re.findall(r"--[\w-]+(?=:)", found[1])) for found in (light, chosen)]
    assert names[0] == names[1]


def test_a_long_table_can_be_filtered_unless_it_is_a_chart_or_its_totals_make_it_long() -> None:
    short = table(["a"], [["x"]] * 16, kinds=["name"], rows=[""] * 15 + ["sum"])
    long = table(["a"], [["x"]] * 17, kinds=["name"], rows=[""] * 16 + ["sum"])
    chart = table(["a"], [["x"]] * 17, kinds=["name plot"])
    assert chart.startswith('<div class="scroll"><table')
    assert short.startswith('<div class="scroll"><table')
    assert long.startswith('<div class="scroll filterable"><table')
