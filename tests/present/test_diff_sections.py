"""The page on what changed between runs shows the frames it is given, and closes."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest

from attribution.decide.changes import Snapshot, changes
from attribution.names import ORGANIC
from attribution.present import diff_sections as sections
from attribution.present.diff_sections import DiffReport
from attribution.present.words import LANGUAGES, words_in
from tests.decide.test_changes import BEFORE, DAY, kept

HOSTILE = "=<script>alert('x')</script>&{0} ‮😀"
ALL = (
    sections.opening,
    sections.by_order,
    sections.by_channel,
    sections.settings,
    sections.closing,
)
AFTER = {
    "x": (DAY, 60_000, {"a": 350_00, "c": 250_00}),
    "z": (DAY, 50_000, {"b": 500_00}),
}
OLD = {
    "x": (DAY, 60_000, {"a": 600_00}), "y": (DAY, 40_000, {"a": 100_00, "b": 300_00}),
}  # fmt: skip


def report_on(before: Snapshot | None, after: Snapshot, language: str = "en", replay=None):
    found = None if before is None else changes(before, after, replay or after)
    return DiffReport(after, found, words_in(language, minor=100), "Acme", "a source")


def html_of(report: DiffReport) -> str:
    html = "".join(make(report)._repr_html_() for make in ALL)
    return re.sub(r"<style>.*?</style>", "", html, flags=re.S)


def titles(report: DiffReport) -> list[str]:
    return [unescape(t) for t in re.findall(r"<h[12]>(.*?)</h[12]>", html_of(report), flags=re.S)]


def rows_of(html: str) -> list[list[str]]:
    rows = (re.findall(r"<td.*?</td>", line) for line in re.findall(r"<tr.*?</tr>", html, re.S))
    return [[unescape(re.sub(r"<[^>]+>", "", cell)) for cell in row] for row in rows if row]


def number(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-").replace("+", ""))


def test_titles_say_what_changed() -> None:
    report = report_on(kept(OLD), kept(AFTER, model="LastTouch"), replay=kept(OLD))
    assert titles(report) == [
        "Net revenue is ¥100 more: from ¥1,000 to ¥1,100",
        "Most by: Orders that came late, +¥500",
        "What moved channels most: Parameters",
        "Settings that differ: 1",
    ]


def test_tables_close() -> None:
    report = report_on(kept(OLD), kept(AFTER))
    orders = rows_of(sections.by_order(report)._repr_html_())
    amounts = [number(row[-1]) for row in orders]
    assert amounts[0] + sum(amounts[1:-1]) == amounts[-1] == 1_100
    channels = rows_of(sections.by_channel(report)._repr_html_())
    for column in range(2, 9):
        sums = sum(number(row[column]) for row in channels[:-1])
        assert sums == pytest.approx(number(channels[-1][column]), abs=2)
    for row in channels:
        assert number(row[3]) - number(row[2]) == pytest.approx(number(row[4]), abs=2)
        assert sum(map(number, row[5:])) == pytest.approx(number(row[4]), abs=3)


def test_a_first_run_shows_what_the_next_is_held_against() -> None:
    many = {str(n): (DAY, 100, {f"c{n:03d}": 100 + n}) for n in range(500)}
    report = report_on(None, kept(many))
    assert titles(report)[0] == "This is the first run, there is none to hold it against"
    rows = rows_of(html_of(report))
    assert len(rows) == sections._SHOWN + 2
    assert rows[-2][0] == "485 other channels"
    total = number(rows[-1][-1])
    assert sum(number(row[-1]) for row in rows[:-1]) == pytest.approx(total, abs=len(rows))
    assert "nan" not in html_of(report_on(None, kept({}))).lower()


def test_five_hundred_channels_stay_readable_and_close() -> None:
    one = {str(n): (DAY, 100, {f"c{n:03d}": 10_000 + n}) for n in range(500)}
    two = {str(n): (DAY, 100, {f"c{n:03d}": 10_000 + 3 * n}) for n in range(1, 500)}
    rows = rows_of(sections.by_channel(report_on(kept(one), kept(two)))._repr_html_())
    assert len(rows) == sections._SHOWN + 2
    assert rows[-2][0] == "485 other channels"
    total = number(rows[-1][4])
    assert sum(number(row[4]) for row in rows[:-1]) == pytest.approx(total, abs=len(rows))


def test_nothing_changed_and_nothing_there_are_said() -> None:
    same = report_on(kept(BEFORE), kept(BEFORE))
    assert titles(same) == [
        "Net revenue is what it was: ¥10", "No order came, went or changed",
        "No channel changed", "No setting changed",
    ]  # fmt: skip
    empty = html_of(report_on(kept({}), kept({})))
    assert "nan" not in empty.lower()


def test_settings_that_could_not_be_replayed_are_said_to_be_so() -> None:
    report = report_on(kept(OLD), kept(AFTER))
    found = changes(kept(OLD), kept(AFTER), None)
    said = report.words("diff_not_replayed")
    assert said in unescape(html_of(replace(report, changes=found)))
    assert said not in unescape(html_of(report))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("first", [True, False])
def test_both_languages_are_complete(language: str, first: bool) -> None:
    before, after = (
        kept(each, model=model) for each, model in ((OLD, "Linear"), (AFTER, "LastTouch"))
    )
    told = html_of(report_on(None if first else before, after, language))
    told = re.sub(r"<[^>]+>", " ", told)
    other = r"[A-Za-z]{4,}" if language == "zh" else "[，。；：？（）]"
    known = {"attribution", "source", "Acme", "Linear", "LastTouch", "model"}
    assert set(re.findall(other, told)) <= known
    assert "{" not in told


def test_hostile_names_are_only_names() -> None:
    before = kept({"x": (DAY, 9_00, {HOSTILE: 9_00})}, model=HOSTILE)
    after = kept({"x": (DAY, 9_00, {"a": 9_00})})
    html = html_of(replace(report_on(before, after), title=HOSTILE, source=HOSTILE))
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_would_have_come_anyway_stands_by_its_word(language: str) -> None:
    after = {"x": (DAY, 60_000, {"a": 350_00, ORGANIC: 250_00})}
    report = report_on(kept(OLD), kept(after), language)
    html = html_of(report)
    assert report.words("organic") in html
    assert ORGANIC not in html
