"""The sample brand's own books, kept by its generator, against those read out of its exports."""

from __future__ import annotations

import pytest

from attribution.decide.sessions import COST_FEN, check_books, open_books, session_books
from tests.brand import open_store, sample_brand, truth

MONEY = ("orders", "gross_fen", "refunded_fen", "net_fen", *COST_FEN, "cost_fen",
         "contribution_fen")  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    workspace = sample_brand(tmp_path_factory.mktemp("brand") / "shanlan")
    store = open_store(workspace)
    books = open_books(store, workspace.costs)
    check_books(store, books)
    return session_books(books).set_index("session")


def test_every_session_is_in_the_books(found):
    assert set(found.index) == set(truth()["books"])


@pytest.mark.parametrize("column", MONEY)
def test_every_figure_of_every_session_equals_the_books(found, column):
    books = {session: page.get(column, 0) for session, page in truth()["books"].items()}
    assert found[column].to_dict() == books


def test_the_books_hold_every_kind_that_the_week_knew():
    kinds = {name for page in truth()["books"].values() for name in page} & set(COST_FEN)
    assert kinds == {
        "ads_fen", "slot_fee_fen", "commission_fen", "agency_fee_fen", "platform_fee_fen",
        "coupon_fen", "red_packet_fen", "lucky_bag_fen", "giveaway_fen", "sample_fen", "goods_fen",
        "crew_fen", "other_fen",
    }  # fmt: skip
