"""The report on platform claims shows the frames it is given, and closes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

import pandas as pd
import pytest

from attribution.decide.claims import Claims, claims
from attribution.present import claims_sections as sections
from attribution.present.claims_sections import ClaimsReport
from attribution.present.tables import save_frames
from attribution.present.words import LANGUAGES, words_in
from attribution.publish import publish
from attribution.store.store import Store
from tests.brand import sample_brand
from tests.decide.test_claims import FIRST, claim, stored
from tests.store.batches import order

HOSTILE = "=<script>alert('x')</script>&{0}, ; ‮😀"
ALL = (
    sections.opening,
    sections.says_and_stands,
    sections.why,
    sections.overlap_and_platforms,
    sections.by_day,
    sections.campaigns,
    sections.claimed_orders,
    sections.rules,
    sections.closing,
)


def whole(found: Claims, language: str = "en", headline: str = "") -> str:
    report = ClaimsReport(found, words_in(language, minor=100), brand="Acme", headline=headline)
    html = "".join(make(report)._repr_html_() for make in ALL)
    return re.sub(r"<style>.*?</style>", "", html, flags=re.S)


def titles(found: Claims, language: str = "en") -> list[str]:
    shown = re.findall(r"<h[12]>(.*?)</h[12]>", whole(found, language), flags=re.S)
    return [unescape(title) for title in shown]


def rows_of(html: str) -> list[list[str]]:
    rows = (re.findall(r"<td.*?</td>", line) for line in re.findall(r"<tr.*?</tr>", html, re.S))
    return [[unescape(re.sub(r"<[^>]+>", "", cell)) for cell in row] for row in rows if row]


@pytest.fixture(scope="module")
def brand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_brand(tmp_path_factory.mktemp("brand")).folder


@pytest.fixture(scope="module")
def sample(brand: Path) -> Claims:
    return claims(brand)


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Claims:
    """Of 10,000.00 that one claims by order half stands; another claims twice the sales."""
    orders = [order(str(n), 250_000) for n in range(1, 5)]
    told = [
        *(claim("qianchuan", str(n), 250_000, ad_id="7") for n in (1, 2)),
        claim("qianchuan", "2", 250_000, kind="indirect", ad_id="8"),
        claim("qianchuan", "9", 250_000, ad_id="8"),
        claim("else", None, 2_000_000, day=FIRST, campaign_id="c1"),
    ]
    return claims(stored(tmp_path_factory.mktemp("few") / "store", orders, told))


def test_titles_say_what_was_found(few: Claims) -> None:
    assert titles(few) == [
        "else claims 200% of what Douyin kept; 1 order are claimed more than once",
        "Of ¥10k claimed order by order, 50.0% stands: paid, kept, each order once, by the"
        " narrowest reading",
        "Largest reason: the same order claimed again, ¥2,500 of what Qianchuan claims",
        "Qianchuan · direct and Qianchuan · indirect both claim 1 order",
        "Claims reach 300% of what Douyin kept",
        "Highest on 1 Nov 2025: else claims 200% of what was kept",
        "else c1 claims most: ¥20k",
        "1 of 3 claimed orders were refunded whole or were no sale",
        "Nobody claims 2 orders, worth ¥5,000, on platforms whose claimers name orders",
        "1 order, claimed for ¥5,000, of which ¥2,500 was kept",
        "No claimed order was refunded",
        "Each claimer counts by a rule and a window of its own; 1 of 2 have a preset",
    ]


def test_every_column_of_reasons_closes(few: Claims, sample: Claims) -> None:
    for found, count in ((few, 2), (sample, 4)):
        rows = {row[0]: row[1:] for row in rows_of(whole(found)) if len(row) == count + 1}
        first, last = list(rows).index("Platform says"), list(rows).index("We say: kept")
        steps = list(rows.items())[first : last + 1]
        for place in range(count):
            cents = [
                round(float(cells[place].replace(",", "").replace("−", "-")) * 100)
                for _, cells in steps
                if cells[place] != "–"
            ]
            names = [name for name, cells in steps if cells[place] != "–"]
            stands = names.index("What stands")
            assert sum(cents[:stands]) == cents[stands]
            assert sum(cents[stands : len(cents) - 1]) == cents[-1]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sample_s_figures_are_those_of_the_frames(sample: Claims, language: str) -> None:
    rows = rows_of(whole(sample, language))
    name = {"en": "Qianchuan", "zh": "巨量千川"}[language]
    assert [name, "219", "188", "17", "12", "0", "2", "0", "1"] in rows
    douyin = {"en": "Douyin", "zh": "抖音"}[language]
    nobody = {"en": "claimed by nobody", "zh": "没人认领"}[language]
    assert [douyin, nobody, "310"] in [row[:3] for row in rows]
    assert sum(row[0].startswith("69") and douyin in row[0] for row in rows) == 20
    others = {"en": "11 other orders", "zh": "其余 11 单"}[language]
    assert [row for row in rows if row[0] == others]


def test_totals_are_never_shown_as_checked(few: Claims) -> None:
    text = whole(few)
    assert len(re.findall(r'<rect class="claimed unchecked"[^>]*y="5"', text)) == 1
    assert text.count('<rect class="claimed" ') == 2  # Qianchuan's row, and the legend
    assert "else: says ¥20k without naming orders, kept ¥10k" in text
    [row] = [row for row in rows_of(text) if row[0] == "else" and row[1] == ""]
    assert row[2:] == ["20.0", "10.0", "200.0%", "–"]


def test_a_model_s_credit_stands_beside_the_claims(sample: Claims) -> None:
    given = sample.claimers.assign(credited_fen=[0.0, float("nan"), float("nan"), 1_900_000.0])
    html = whole(replace(sample, claimers=given), headline="Shapley")
    rows = [row for row in rows_of(html) if len(row) == 7 and row[1] == ""]
    assert {row[0]: row[6] for row in rows if "all" not in row[0]} == {
        "Tencent Ads": "19",
        "Qianchuan": "–",
        "Kuaishou Magnetic ads": "–",
        "Taobao affiliates": "–",
    }
    assert "credited by Shapley" in html
    assert "credited by" not in whole(sample)


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_cannot_act(tmp_path: Path, language: str) -> None:
    told = [
        claim(HOSTILE, HOSTILE, 500, ad_id=HOSTILE),
        claim(HOSTILE, HOSTILE, 500, ad_id=HOSTILE, kind="indirect"),
        claim(f"{HOSTILE}2", "1", 500, platform=None),
    ]
    found = claims(stored(tmp_path / "store", [order("1", 500), order(HOSTILE, 500)], told))
    text = whole(found, language)
    assert "<script>" not in text
    assert "alert('x')" not in text
    assert text.count("&lt;script&gt;") >= 8
    save_frames(found.frames(), tmp_path)
    cells = pd.read_csv(tmp_path / "twice.csv", encoding="utf-8-sig")
    assert cells["order_id"].tolist() == [f"'{HOSTILE}"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["nothing", "orders only", "claims only", "totals only", "zero"])
def test_any_data_make_a_report(tmp_path: Path, kind: str, language: str) -> None:
    found = {
        "nothing": lambda: claims(Store(tmp_path / "store")),
        "orders only": lambda: claims(stored(tmp_path / "store", [order("1", 500)], [])),
        "claims only": lambda: claims(
            stored(tmp_path / "store", [], [claim("a", "1", 5), claim("b", None, 7)])
        ),
        "totals only": lambda: claims(
            stored(tmp_path / "store", [order("1", 9)], [claim("b", None, 7, day=FIRST)])
        ),
        "zero": lambda: claims(stored(tmp_path / "store", [order("1", 9)], [claim("a", "1", 0)])),
    }[kind]()
    text = whole(found, language)
    assert text.count("<section") == 11
    assert not re.search(r"\bnan\b|&lt;NA&gt;|<NA>|None", text)
    assert "{" not in text


def test_a_period_without_claims_says_so(brand: Path) -> None:
    found = titles(claims(brand, "2020-01-01", "2020-01-31"))
    assert found[0] == "No platform claims any sale here"
    assert set(found[1:]) == {"Nothing is claimed, so there is nothing to compare"}


def test_many_days_and_claimers_stay_readable(tmp_path: Path) -> None:
    days = [f"{day:%Y-%m-%d}" for day in pd.date_range("2026-01-01", periods=40)]
    told = [
        claim(f"claimer {n:02}", None, n + 1, day=day, campaign_id=f"{n} {day}")
        for n in range(30)
        for day in days
    ]
    text = whole(claims(stored(tmp_path / "store", [order("1", 500)], told)))
    assert "24 smaller claimers stand in the table why." in text
    assert "The latest 31 days" in text
    assert "1,190 other campaigns" in text


# ---------------------------------------------------------------------- the notebook


def test_the_page_is_published_with_its_tables(brand: Path, sample: Claims) -> None:
    made = publish("claims", ["language=zh", "since=2026-11-11"], workspace=brand, progress=False)
    text = made.page.read_text(encoding="utf-8")
    assert "平台怎么说，我们怎么说？" in text
    folder = made.page.parent
    read = {name: folder / f"{name}.parquet" for name in sample.frames()}
    assert all(file.is_file() for file in read.values())
    days = pd.read_parquet(read["days"])["day"]
    assert days.min() == "2026-11-11"
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["counts"]["twice"] == len(pd.read_parquet(read["twice"]))
