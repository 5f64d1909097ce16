"""ROAS as platforms print it, against sums by hand."""

from __future__ import annotations

import pandas as pd
import pytest

import attribution
from attribution.decide.earned import earned
from attribution.decide.printed import printed_roas
from tests.brand import sample_brand


@pytest.fixture(scope="module")
def brand(tmp_path_factory):
    return sample_brand(tmp_path_factory.mktemp("brand"))


def costs(*rows):
    return pd.DataFrame(rows, columns=["kind", "platform", "amount_fen"])


def test_each_reading_is_over_the_ads_of_the_claimer_s_platforms(brand):
    claimed = attribution.claims(brand.folder)
    told = costs(
        ("ads", "douyin", 1_000_000), ("ads", "douyin", 500_000), ("ads", "wechat", 700_000),
        ("slot_fee", "douyin", 9_999_999), ("ads", "jd", 5),
    )  # fmt: skip
    found = printed_roas(claimed, told).set_index("claimer")
    assert set(found.index) == {"qianchuan", "tencent_ads"}  # nothing is paid for on the others
    whole = claimed.claimers.set_index("claimer")
    assert found["ads_fen"].to_dict() == {"qianchuan": 1_500_000, "tencent_ads": 700_000}
    for name in found.index:
        assert found["printed"][name] == whole["says_fen"][name] / found["ads_fen"][name]
    assert found["standing"]["qianchuan"] == whole["stands_fen"]["qianchuan"] / 1_500_000
    assert pd.isna(found["standing"]["tencent_ads"])  # totals name no orders
    assert found["credited"].isna().all()  # nobody was asked


def test_without_ads_or_claims_there_is_no_row(brand):
    claimed = attribution.claims(brand.folder)
    assert printed_roas(claimed, costs()).empty
    assert printed_roas(claimed, costs(("crew", "douyin", 5))).empty
    none = attribution.claims(brand.folder, "2020-01-01", "2020-01-02")
    assert printed_roas(none, costs(("ads", "douyin", 5))).empty


def test_a_page_s_parts_are_of_the_same_orders_and_costs(brand):
    models = [attribution.LastTouch(), attribution.PositionBased()]
    found = earned(brand, models, since="2026-11-10", until="2026-11-12")
    channels, books = found.by_channel, found.books
    channels.check()
    lead = channels.channels[channels.channels["model"] == channels.headline]
    assert lead["gross_fen"].sum() == books.lines["gross_fen"].sum()
    assert lead["cost_fen"].sum() == books.costs["amount_fen"].sum()
    fine = found.by_session.channels
    assert set(fine["model"]) == {channels.headline}
    for name in ("orders", "gross_fen", "net_fen", "net_expected_fen", "cost_fen"):
        assert fine[name].sum() == pytest.approx(lead[name].sum(), abs=1e-6)
    assert {"roi_channels", "roi_sessions", "roi_printed"} <= {*found.frames()}
