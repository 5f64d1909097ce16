"""The data-quality report shows the numbers it is given, and claims no more than they say."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from html import unescape

import pandas as pd
import pytest

from attribution.present import quality_sections as sections
from attribution.present.quality_sections import QualityReport
from attribution.present.tables import save_quality
from attribution.present.words import LANGUAGES, words_in
from attribution.store.quality import Quality, quality_of
from attribution.store.store import Store

MS = 1_794_700_000_000  # 2026-11-14 23:46:40 UTC
DAY = 86_400_000
HOSTILE = "=<script>alert('x')</script>&{0}"
ALL = (
    sections.opening,
    sections.coverage,
    sections.freshness,
    sections.set_aside,
    sections.people_and_aliases,
    sections.reconciliation,
    sections.closing,
)


def frame(columns: str, *rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=columns.split()).convert_dtypes()


def coverage(*rows: tuple) -> pd.DataFrame:
    return frame("platform platform_name day orders with_person touched touched_twice", *rows)


FULL = Quality(
    coverage=coverage(
        ("douyin", "Douyin", "2026-11-11", 213, 200, 71, 44),
        ("douyin", "Douyin", "2026-11-12", 100, 100, 50, 10),
        ("wechat", "WeChat", "2026-11-12", 40, 0, 0, 0),
    ),
    freshness=frame(
        "table source rows first_at last_at",
        ("orders", "shop", 1_313, MS - 5 * DAY, MS),
        ("refunds", "shop", 17, MS - 5 * DAY, MS - 1_000),
        ("costs", "ads", 14, MS - 9 * DAY, MS - 3 * DAY),
        ("platform_claims", "undated", 84, None, None),
    ),
    lateness=frame("source rows median_ms late_ms before_it_happened", ("shop", 9, 800, 90_000, 2)),
    duplicates=frame(
        "table rows kept", ("orders", 1_616, 1_503), ("refunds", 40, 40), ("costs", 7, 6)
    ),
    quarantine=frame(
        "source table column expected remedy findings rows",
        ("shop", "orders", "status", "one of 1, 2", "Map it.", 31, 30),
        (HOSTILE, "orders", None, "one header", HOSTILE, 1, 1),
    ),
    people=frame("identifiers persons", (1, 700), (2, 200), (5, 60), (6, 30), (9, 10)),
    identifiers=frame(
        "id_type status rows", ("phone", "ok", 500), ("phone", "hub", 3), ("member_id", "review", 4)
    ),
    review=frame(
        "person_id status reason identifiers first_seen last_seen", ("p1", "hub", "hub", 1, MS, MS)
    ),
    aliases=frame(
        "platform id_type value rows orders first_table",
        ("douyin", "author_id", HOSTILE, 27, 7, "orders"),
    ),
    reconciliation=frame(
        "day platform platform_name platform_orders erp_orders only_platform"
        " only_platform_left_out only_erp platform_paid_fen erp_paid_fen difference_fen",
        ("2026-11-11", "douyin", "Douyin", 237, 223, 14, 11, 0, 7_422_600, 7_057_800, 364_800),
        ("2026-11-12", "douyin", "Douyin", 60, 57, 3, 2, 0, 1_367_800, 1_317_700, 50_100),
        ("2026-11-12", "red", "RED", 0, 4, 0, 0, 4, 0, 63_800, -63_800),
    ),
    excluded=frame(
        "why known_from rows order_counts paid_fen",
        ("test order", "both", 3, 0, 47_600),
        ("cancelled in the ERP", "erp", 25, 24, 661_000),
        (HOSTILE, "platform", 2, 0, None),
    ),
)
NONE = replace(FULL, **{f.name: getattr(FULL, f.name).iloc[:0] for f in fields(FULL)})


def report_on(quality: Quality, language: str = "en") -> QualityReport:
    return QualityReport(
        quality, words_in(language, minor=100), brand="Acme", timezone="Asia/Shanghai"
    )


def whole(quality: Quality, language: str = "en") -> str:
    report = report_on(quality, language)
    html = "".join(make(report)._repr_html_() for make in ALL)
    return re.sub(r"<style>.*?</style>", "", html, flags=re.S)


def titles(quality: Quality, language: str = "en") -> list[str]:
    found = re.findall(r"<h[12]>(.*?)</h[12]>", whole(quality, language), flags=re.S)
    return [unescape(title) for title in found]


def rows_of(html: str) -> list[list[str]]:
    return [
        [unescape(re.sub(r"<[^>]+>", "", cell)) for cell in re.findall(r"<td.*?</td>", line)]
        for line in re.findall(r"<tr.*?</tr>", html, flags=re.S)
    ]


# ---------------------------------------------------------------------- numbers


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_numbers_shown_are_the_numbers_planted(language: str) -> None:
    rows = rows_of(whole(FULL, language))
    for wanted in (
        ["Douyin", "313", "95.8%", "38.7%", "17.3%"],  # 300, 121 and 54 of 313
        ["WeChat", "40", "0.0%", "0.0%", "0.0%"],
        ["Douyin", "33", "50"],  # 71 of 213, 50 of 100
        ["WeChat", "–", "0"],
        ["orders", "1,616", "113"],
        ["costs", "7", "1"],
        [HOSTILE, {"en": "platform", "zh": "平台"}[language], "2", "0", "–"],
        ["phone", "503", "3", "0", "0"],
        ["member_id", "4", "0", "0", "4"],
        [HOSTILE, "douyin · author_id", "27", "7"],
    ):
        assert wanted in rows
    reconciled = [row for row in rows if row[1:6] == ["297", "280", "17", "13", "0"]]
    assert [row[6:] for row in reconciled] == {
        "en": [["87.9", "83.8", "4.1"]],
        "zh": [["8.8", "8.4", "0.4"]],
    }[language]
    (waiting,) = [row for row in rows if row[:2] == ["shop", "orders.status"]]
    assert waiting[2:] == ["one of 1, 2", "Map it.", "31"]


def test_instants_stand_in_the_workspace_s_time_zone() -> None:
    rows = rows_of(whole(FULL))
    assert ["shop", "orders, refunds", "1,330", "2026-11-15 07:46", "–", "0.8 s", "1.5 min"] in rows
    assert ["ads", "costs", "14", "2026-11-12 07:46", "3 d", "–", "–"] in rows
    assert not [row for row in rows if row[:1] == ["undated"]]


def test_titles_say_what_was_found() -> None:
    assert titles(FULL) == [
        "34.3% of paid orders have an observed touchpoint, 15.3% have two or more",
        "Douyin has the most orders without a touchpoint: 192 of 232",
        "Between 33% and 36% of a day's orders have a touchpoint",
        "Data reach to 2026-11-15 07:46; furthest behind, by 3 d: ads",
        "32 findings of 2 kinds wait in quarantine",
        "114 of 1,663 rows repeat one told before; the newest counts",
        "6 orders count nowhere; of 24 more, only the ERP's row is left out, and the order counts",
        "1,000 persons; 30.0% are known by more than one identifier",
        "1 streamer id without a name",
        "Shared identifiers, which join nobody: 3 of 507",
        "17 orders only on platforms, 4 only in the ERP; 13 of the former the ERP has in a row left"
        " out, such as a cancelled one; platforms minus ERP: ¥3,511",
    ]
    text = whole(FULL)
    assert "353 orders; for 85.0% of them the person is known." in text
    assert "32 findings in quarantine wait to be mended." in text
    assert "2 touchpoints were received before they happened" in text
    assert "within 30 d before the order" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_names_cannot_act(language: str) -> None:
    text = whole(FULL, language)
    assert "<script>" not in text
    assert text.count("&lt;script&gt;") >= 4
    assert "alert('x')" not in text  # the quotes are escaped, too


def test_reasons_of_shipped_mappings_are_said_in_the_language() -> None:
    assert "测试单" in whole(FULL, "zh")
    assert "test order" not in whole(FULL, "zh")
    assert "test order" in whole(FULL, "en")


# ---------------------------------------------------------------------- little data


def only(**frames: pd.DataFrame) -> Quality:
    return replace(NONE, **frames)


ONE_ORDER = coverage(("douyin", "Douyin", "2026-11-11", 1, 1, 0, 0))
KINDS = {
    "nothing": NONE,
    "one order": only(coverage=ONE_ORDER),
    "all in quarantine": only(quarantine=FULL.quarantine),
    "many kinds": only(quarantine=pd.concat([FULL.quarantine] * 20, ignore_index=True)),
    "no touchpoints": replace(FULL, coverage=FULL.coverage.assign(touched=0, touched_twice=0)),
    "no erp": replace(FULL, reconciliation=FULL.reconciliation.assign(erp_orders=0)),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_any_data_make_a_report(kind: str, language: str) -> None:
    text = whole(KINDS[kind], language)
    assert text.count("<section") >= 7
    assert not re.search(r"\bnan\b|<NA>|&lt;NA&gt;|None", text)
    assert "{" not in text.replace("{0}", "")


def test_an_empty_store_claims_nothing(tmp_path) -> None:
    found = titles(quality_of(Store(tmp_path / "store")))
    assert found == [
        "No paid order in the store yet",
        "Nothing to show yet",
        "Nothing to show yet",
        "Nothing is in quarantine",
        "Nothing to show yet",
        "No rule left anything out",
        "Nothing to show yet",
        "Every streamer id has its streamer",
        "Nothing to show yet",
        "Nothing to show yet",
    ]


def test_orders_that_all_wait_in_quarantine_are_not_said_to_be_missing() -> None:
    text = whole(KINDS["all in quarantine"])
    assert "No paid order in the store yet" in text
    assert "none of them is an order that was paid" in text
    assert "Name your exports" not in text
    assert "Name your exports" in whole(NONE)


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        ([("a", "A", "d-1", 1, 1, 0, 0)], "1 order of A have no touchpoint"),
        ([("a", "A", "d-1", 2, 1, 2, 0)], "Every order has a touchpoint"),
        (
            [("a", "A", "d-1", 9, 9, 5, 0), ("b", "B", "d-1", 4, 4, 0, 0)],
            "A and B have the most orders without a touchpoint: 4 each of 8",
        ),
        (
            # Few of B's orders have one, but A has most of those without.
            [("a", "A", "d-1", 100, 0, 50, 0), ("b", "B", "d-1", 4, 4, 0, 0)],
            "A has the most orders without a touchpoint: 50 of 54",
        ),
    ],
)
def test_the_darkest_platform_is_the_one_that_lacks_most(rows: list[tuple], title: str) -> None:
    assert titles(only(coverage=coverage(*rows)))[1] == title


def test_a_share_that_is_not_the_whole_is_not_rounded_to_it() -> None:
    nearly = only(coverage=coverage(("a", "A", "d-1", 10_000, 10_000, 9_999, 0)))
    assert titles(nearly)[0].startswith(">99.9% of paid orders")


def test_one_day_alone_has_no_range() -> None:
    assert titles(only(coverage=ONE_ORDER))[2] == (
        "0% of a day's orders have a touchpoint, on every day"
    )


def test_sources_that_are_equally_new_lag_behind_nobody() -> None:
    fresh = FULL.freshness.iloc[[0, 0]].assign(source=["a", "b"])
    assert titles(only(freshness=fresh))[2] == "Data reach to 2026-11-15 07:46"


def test_no_rows_that_repeat_and_no_order_lost_are_said_so() -> None:
    same = FULL.duplicates.assign(kept=FULL.duplicates["rows"])
    left_out = FULL.excluded.iloc[1:2].assign(order_counts=25)
    found = titles(only(duplicates=same, excluded=left_out))
    assert "No row came twice" in found
    assert (
        "No order is lost to a rule; of 25 more, only the ERP's row is left out, and the order"
        " counts"
    ) in found


@pytest.mark.parametrize(
    ("changed", "title"),
    [
        ({"erp_orders": 0}, "The store has no paid order from an ERP to compare with"),
        ({"platform_orders": 0}, "The store has no paid order from a platform to compare with"),
        (
            {"only_platform": 0, "only_erp": 0, "difference_fen": 0},
            "Platforms and ERP tell of the same orders: 297",
        ),
        (
            {"only_platform": 0, "only_erp": 0, "difference_fen": 10},
            "Platforms and ERP tell of the same orders: 297; platforms minus ERP: ¥0.30",
        ),
    ],
)
def test_reconciliation_says_whether_there_is_anything_to_compare(
    changed: dict[str, int], title: str
) -> None:
    assert titles(only(reconciliation=FULL.reconciliation.assign(**changed)))[-1] == title


def test_long_lists_end_with_a_row_of_the_others() -> None:
    rows = rows_of(whole(KINDS["many kinds"]))
    assert ["28 other kinds", "", "", "", "448"] in rows
    thirteen = pd.concat([FULL.quarantine.iloc[:1]] * 13, ignore_index=True)
    assert "other kind" not in whole(only(quarantine=thirteen))


# ---------------------------------------------------------------------- files


def test_every_frame_is_saved_for_programs_and_for_spreadsheets(tmp_path) -> None:
    save_quality(report_on(FULL), [{"source": "shop", "file": "a.csv", "sha256": "0"}], tmp_path)
    for field in fields(FULL):
        planted = getattr(FULL, field.name)
        assert (tmp_path / f"{field.name}.csv").read_bytes().startswith(b"\xef\xbb\xbf")
        read = pd.read_parquet(tmp_path / f"{field.name}.parquet")
        assert read.astype(str).to_numpy().tolist() == planted.astype(str).to_numpy().tolist()
    cells = pd.read_csv(tmp_path / "aliases.csv", encoding="utf-8-sig")
    assert cells["value"].tolist() == [f"'{HOSTILE}"]
    ms = pd.read_csv(tmp_path / "freshness.csv", encoding="utf-8-sig", dtype=str)["last_at"]
    assert ms.fillna("").tolist() == [str(MS), str(MS - 1_000), str(MS - 3 * DAY), ""]
