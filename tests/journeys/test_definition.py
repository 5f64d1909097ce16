"""The definition of journeys: a plain value that refuses what cannot stand."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pandas as pd
import pytest

from attribution.errors import ConfigError
from attribution.journeys.definition import (
    CARRIED,
    LEVELS,
    STRENGTH,
    JourneyDefinition,
)
from attribution.store import channels as tree
from attribution.store.tables import EVENTS, TABLES

DAY = 86_400_000


def test_events_and_levels_are_those_of_the_store():
    assert sorted(STRENGTH) == sorted(EVENTS)
    assert LEVELS == tree.LEVELS
    assert {*CARRIED} <= {column.name for column in TABLES["touchpoints"].columns}


def test_what_is_left_out_is_the_plain_definition():
    plain = JourneyDefinition()
    assert (plain.lookback_ms, plain.expiry_ms, plain.same_visit_ms) == (30 * DAY,) * 2 + (
        30 * 60_000,
    )
    assert plain.longest_lookback_ms == 30 * DAY
    assert plain.further_money == ("net_fen", "net_expected_fen")
    assert plain.channel_lookbacks(["Douyin", "Douyin · Live"]) == [None, None]


def test_equal_settings_are_equal_hash_alike_and_print_alike():
    one = JourneyDefinition(
        lookback=pd.Timedelta("7D"),
        lookback_by={"watch": "3D", "exposure": pd.Timedelta("1D")},
        weights={"watch": 1, "click": 2.0},
        columns=["event", "event_id"],
        products=["a"],
    )
    other = JourneyDefinition(
        lookback=pd.Timedelta(days=7),
        lookback_by=(("exposure", pd.Timedelta("24h")), ("watch", "3D")),
        weights=[("click", 2), ("watch", 1.0)],
        columns=("event", "event_id"),
        products=("a",),
    )
    assert one == other
    assert hash(one) == hash(other)
    assert repr(one) == repr(other)
    assert one != replace(one, columns=("event_id", "event"))
    assert pickle.loads(pickle.dumps(one)) == one


def test_a_definition_can_be_changed_and_is_checked_again():
    known = JourneyDefinition(lookback_by={"click": "2D"}, weights={"click": 3})
    assert replace(known, reuse=True).event_lookbacks == (("click", 2 * DAY),)
    with pytest.raises(ConfigError, match="reuse"):
        replace(known, reuse="yes")


def test_the_longest_name_above_a_channel_gives_its_lookback():
    known = JourneyDefinition(
        lookback_by={
            "Douyin": "5D",
            "Douyin · Live": "2D",
            "Douyin · Live · Ann": "1D",
            "exposure": "9D",
        }
    )
    expected = {
        "Douyin": 5,
        "Douyin · Search": 5,
        "Douyin · Live": 2,
        "Douyin · Live · Bo": 2,
        "Douyin · Live · Ann": 1,
        "Douyin · Live · Ann · 11-11 20:00 session": 1,
        "Douyin · Liver": 5,
        "Douyins": None,
        "Kuaishou · Live": None,
        "exposure": None,  # an event's name means the event
    }
    found = known.channel_lookbacks(expected)
    assert found == [None if days is None else days * DAY for days in expected.values()]
    assert known.event_lookbacks == (("exposure", 9 * DAY),)
    assert known.longest_lookback_ms == 30 * DAY
    assert replace(known, lookback="3D").longest_lookback_ms == 9 * DAY


def test_the_expiry_is_the_lookback_unless_given():
    assert JourneyDefinition(lookback="2D").expiry_ms == 2 * DAY
    assert JourneyDefinition(lookback="2D", expiry="12h").expiry_ms == DAY // 2
    assert JourneyDefinition(expiry="0ms").expiry_ms == 0


@pytest.mark.parametrize(
    ("name", "setting", "said"),
    [
        ("level", "room", "platform, form, streamer, session, placement"),
        ("value", "value", "gross_fen, net_fen, net_expected_fen"),
        ("conversion", "second", "any, first"),
        ("match", True, "any, matched, halo"),
        ("reuse", 1, "true or false"),
        ("one_per_session", "no", "true or false"),
        ("net_of_refunds", None, "true or false"),
        ("lookback", "30", "30min"),
        ("lookback", None, "duration"),
        ("expiry", "-1D", "duration"),
        ("same_visit", "soon", "duration"),
        ("lookback_by", {"exposure": 5}, r"lookback_by\[exposure\]"),
        ("lookback_by", {"": "5D"}, "not empty"),
        ("lookback_by", {3: "5D"}, "not empty"),
        ("lookback_by", {3: "5D", "exposure": "1D"}, "names with durations"),
        ("lookback_by", "exposure", "names with durations"),
        ("lookback_by", (("click", "1D"), ("click", "2D")), "each name once"),
        ("weights", {"exposur": 1}, "exposure"),
        ("weights", {"exposure": -1}, "0 or more"),
        ("weights", {"exposure": float("nan")}, "0 or more"),
        ("weights", {"exposure": float("inf")}, "0 or more"),
        ("weights", {"exposure": "2"}, "0 or more"),
        ("weights", {"exposure": True}, "0 or more"),
        ("weights", 3, "events with factors"),
        ("products", "a", "a list of names"),
        ("products", [1], "not empty"),
        ("categories", [" "], "not empty"),
        ("columns", ["evnt"], "event, event_id"),
        ("columns", ["event", "event"], "each name once"),
        ("segments", ["age"], "platform, category, province, buyer"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_allowed(name, setting, said):
    with pytest.raises(ConfigError, match=said) as caught:
        JourneyDefinition(**{name: setting})
    assert name in str(caught.value)
