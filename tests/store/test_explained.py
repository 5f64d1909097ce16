"""What was being explained at an instant of a session, against a plain loop over explanations."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.store.views import ViewOptions
from tests.store.planted import listed, ms, planted

START = ms("2026-11-11 20:00:00")
MINUTE, DAY = 60_000, 86_400_000


def world(products, touchpoints, sessions=(), **options):
    return planted(
        {
            "sessions": [{"session_id": room, **more} for room, more in dict(sessions).items()],
            "session_products": [
                {"platform": "douyin", "session_id": "r1", **each} for each in products
            ],
            "touchpoints": [
                {"event_id": str(i), "session_id": "r1", **each}
                for i, each in enumerate(touchpoints)
            ],
        },
        ViewOptions(**options),
    )


def found(*arguments, **options):
    """Return (product, offer, whether anything was explained) of each touchpoint, in order."""
    rows = listed(world(*arguments, **options), "explained_touchpoints")
    rows.sort(key=lambda row: int(row["event_id"]))
    return [(row["product_id"], row["offer"], row["explanation"] is not None) for row in rows]


def plainly(products, touchpoints, end):
    """Say the same for each touchpoint by looking at every explanation."""
    told = []
    for touch in touchpoints:
        open_ones = []
        for each in products:
            later = [
                other["explain_from"]
                for other in products
                if other["explain_from"] > each["explain_from"]
            ]
            until = each["explain_to"]
            if until is None:
                until = min([*later, *([end] if end is not None else [])], default=None)
            if each["explain_from"] <= touch["at"] and (until is None or touch["at"] < until):
                open_ones.append(each)
        own = [each for each in open_ones if each["product_id"] == touch["product_id"]]
        chosen = sorted(own or open_ones, key=lambda e: (-e["explain_from"], e["product_id"]))[:1]
        product = touch["product_id"] or (chosen[0]["product_id"] if chosen else None)
        told.append((product, chosen[0]["offer"] if chosen else None, bool(chosen)))
    return told


MOMENTS = st.integers(-5, 200).map(lambda tens: START + tens * 10 * MINUTE)
PRODUCTS = st.sampled_from(["P1", "P2", "P3"])
EXPLANATIONS = st.lists(
    st.fixed_dictionaries(
        {
            "product_id": PRODUCTS,
            "explain_from": MOMENTS,
            "explain_to": st.none() | MOMENTS | MOMENTS.map(lambda at: at + 3 * DAY),
            "offer": st.sampled_from([None, "flash sale", "lucky bag"]),
        }
    ),
    max_size=6,
    unique_by=lambda each: (each["product_id"], each["explain_from"]),
)
TOUCHPOINTS = st.lists(
    st.fixed_dictionaries(
        {
            "at": st.tuples(MOMENTS, st.integers(-1, 1)).map(sum),
            "product_id": st.none() | PRODUCTS,
        }
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=30)
@given(EXPLANATIONS, TOUCHPOINTS, st.none() | MOMENTS)
def test_each_touchpoint_has_what_a_plain_look_finds(products, touchpoints, end):
    sessions = {"r1": {"start_at": START, "end_at": end}}
    assert found(products, touchpoints, sessions) == plainly(products, touchpoints, end)


@settings(max_examples=15)
@given(EXPLANATIONS)
def test_no_two_explanations_of_a_session_share_a_name(products):
    names = [row["name"] for row in listed(world(products, []), "explanations")]
    assert len({*names}) == len(names) == len(products)


def test_other_sessions_and_platforms_have_explanations_of_their_own():
    products = [
        {"product_id": "P1", "explain_from": START},
        {"product_id": "P2", "explain_from": START, "session_id": "r2"},
        {"product_id": "P3", "explain_from": START, "platform": "kuaishou"},
    ]
    touchpoints = [
        {"at": START},
        {"at": START, "session_id": "r2"},
        {"at": START, "platform": "kuaishou"},
        {"at": START, "session_id": None},
        {"at": START, "session_id": "r3"},
    ]
    assert [product for product, _, _ in found(products, touchpoints)] == ["P1", "P2", "P3"] + [
        None
    ] * 2


def test_an_order_has_what_was_explained_when_it_was_placed():
    products = [
        {"product_id": "P1", "explain_from": START, "offer": "flash sale"},
        {"product_id": "P2", "explain_from": START + MINUTE},
    ]
    rows = {
        "orders": [{"order_id": str(i), "created_at": START + i * MINUTE // 2} for i in range(4)],
        "order_lines": [
            {"order_id": str(i), "line_id": str(i), "product_id": "P1", "room_id": "r1"}
            for i in range(4)
        ],
        "session_products": [
            {"platform": "douyin", "session_id": "r1", **each} for each in products
        ],
    }
    told = {
        row["order_id"]: (row["product_id"], row["offer"], row["explanation"])
        for row in listed(planted(rows), "explained_touchpoints")
    }
    assert told == {
        "0": ("P1", "flash sale", "P1 · flash sale"),
        "1": ("P1", "flash sale", "P1 · flash sale"),
        "2": ("P1", None, "P2"),  # it bought P1 while P2 was on
        "3": ("P1", None, "P2"),
    }


def test_an_explanation_without_a_beginning_is_none():
    assert found([{"product_id": "P1", "offer": "x"}], [{"at": START}]) == [(None, None, False)]


@pytest.mark.parametrize(
    ("as_of", "wanted"), [(START, (None, None, False)), (None, ("P1", "x", True))]
)
def test_what_is_explained_after_as_of_is_not_known_yet(as_of, wanted):
    products = [{"product_id": "P1", "offer": "x", "explain_from": START + 1}]
    touchpoints = [{"at": START - 1}, {"at": START + 2}] if as_of is None else [{"at": START}]
    assert found(products, touchpoints, as_of=as_of)[-1] == wanted
