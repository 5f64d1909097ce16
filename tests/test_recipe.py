"""The recipe of a site: what `[report]` says, and every mistake in it with its line."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import ConfigError
from attribution.intake.shipped import shipped
from attribution.recipe import Recipe, Setting, Span
from attribution.workspace import FILE, read_workspace

REPORT = """\
[brand]
language = "en"

[report]
pages = ["overview", "mine"]
language = "zh"
since = 2026-11-09
until = "2026-11-15"
keep = 3
parallel = 1

[report.parameters]
level = "session"

[report.page.mine]
factor = 1.5
models = ["Linear"]
"""


def read(folder: Path, text: str) -> Recipe:
    (folder / FILE).write_text(text, encoding="utf-8")
    return read_workspace(folder).report


def test_a_whole_recipe_is_read(tmp_path: Path) -> None:
    where = "attribution.toml, line {}, report.{}"
    assert read(tmp_path, REPORT) == Recipe(
        pages=("overview", "mine"),
        language="zh",
        span=Span("2026-11-09", "2026-11-15"),
        keep=3,
        parallel=1,
        settings=(
            Setting("level", "session", "", where.format(13, "parameters.level")),
            Setting("factor", 1.5, "mine", where.format(16, "page.mine.factor")),
            Setting("models", ["Linear"], "mine", where.format(17, "page.mine.models")),
        ),
    )
    assert read(tmp_path, "") == read(tmp_path, "[report]\n") == Recipe()


def test_the_sample_s_comments_are_the_defaults(tmp_path: Path) -> None:
    text = shipped("data", "sample", FILE).read_text(encoding="utf-8")
    block = text[
        text.index("# [report]\n") : text.index("# 以下没有默认值", text.index("[report]"))
    ]
    settings = "".join(
        f"{line[2:]}\n" for line in block.splitlines() if re.match(r"# (\[|\w+ = )", line)
    )
    assert read(tmp_path, settings) == Recipe(language="zh", span=Span(period="all"), parallel=2)
    examples = text[text.index("# since = ") : text.index("# 不算订单")]
    lines = [line[2:] for line in examples.splitlines() if line.startswith("# ")]
    found = read(tmp_path, "[report]\n" + "\n".join(lines))
    assert [each.name for each in found.settings] == ["level", "half_life"]


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("keep = 3", "kep = 3", 9, "Did you mean 'keep'"),
        ("keep = 3", "keep = 0", 9, "a whole number above 0"),
        ("keep = 3", "keep = true", 9, "a whole number above 0"),
        ("parallel = 1", 'parallel = "1"', 10, "a whole number above 0"),
        ('"overview", "mine"', '"overview", "overview"', 5, "a second time"),
        ('["overview", "mine"]', "7", 5, "a list of texts"),
        ('language = "zh"', 'language = "fr"', 6, '"zh" or "en"'),
        ("since = 2026-11-09", 'since = "9 November"', 7, "such as \"2026-11-09\""),
        ("since = 2026-11-09", 'since = "20261109"', 7, "such as \"2026-11-09\""),
        ("since = 2026-11-09", 'since = "2026-12-09"', 8, "exchange the two days"),
        ("keep = 3", 'period = "28D"', 9, "one or the other"),
        ('until = "2026-11-15"', "until = 7", 8, "quotation marks"),
        ("[report.parameters]\nlevel", "[report]\nparameters = 3\nkeep", 12, "not TOML"),
        ("[report.page.mine]", "[report.page]\nmine = 3\n[x]", 16, "a table"),
    ],
)  # fmt: skip
def test_every_mistake_names_its_line(
    tmp_path: Path, old: str, new: str, line: int, says: str
) -> None:
    assert old in REPORT
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, REPORT.replace(old, new, 1).replace("[x]", "[report.page.other]"))
    assert f"{FILE}, line {line}" in str(caught.value)
    assert says in str(caught.value)


@pytest.mark.parametrize("text", ["report = 3", "[report]\nparameters = 3", "[report]\npage = 3"])
def test_what_must_be_a_table_is_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"a table|\[report"):
        read(tmp_path, text)


def test_periods_are_days() -> None:
    newest = date(2026, 3, 1)
    assert Span().days(newest) == Span(period="all").days(newest) == ("", "")
    assert Span(period="2028-02").days(newest) == ("2028-02-01", "2028-02-29")
    assert Span(period="1D").days(newest) == ("2026-03-01", "2026-03-01")
    assert Span(period="3D").days(newest) == ("2026-02-27", "2026-03-01")
    assert Span(since="2026-01-01").days(newest) == ("2026-01-01", "")
    assert Span(period="28D").days(None) == ("", "")
    assert not Span()
    assert Span(period="all")


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(1, 3000))
def test_the_last_days_are_as_many_as_asked(newest: date, count: int) -> None:
    first, last = map(date.fromisoformat, Span(period=f"{count}D").days(newest))
    assert ((last - first).days + 1, last) == (count, newest)


@pytest.mark.parametrize("period", ["2026-13", "0D", "28d", "28", "week", "2026", " all"])
def test_what_is_no_period_is_refused(period: str) -> None:
    with pytest.raises(ConfigError, match='"2026-11", "28D" or "all"'):
        Span(period=period)
