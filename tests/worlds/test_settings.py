"""Settings that cannot stand say what was found and what is expected."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from attribution.errors import ConfigError
from attribution.worlds.settings import (
    Channel,
    FlashSale,
    Intent,
    LiftTest,
    Retargeting,
    Seeding,
    Sessions,
    Synergy,
)

from .small import BUSY


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Channel(" ", 1, 1), "Channel.name"),
        (lambda: Channel("(organic)", 1, 1), "Channel.name"),
        (lambda: Channel("a", -1, 1), "Channel.effect: found -1; expected a number from 0"),
        (lambda: Channel("a", float("nan"), 1), "Channel.effect: found nan"),
        (lambda: Channel("a", True, 1), "Channel.effect: found True"),
        (lambda: Channel("a", 1, 1, half_life="soon"), "Channel.half_life"),
        (lambda: Channel("a", 1, 1, half_life="0D"), "Channel.half_life"),
        (lambda: Sessions(length="2D"), "Sessions.length: found '2D'; expected at most every"),
        (lambda: FlashSale("1D", channels="abc"), "FlashSale.channels.*a list of channels"),
        (lambda: Intent(share=1.5), "Intent.share: found 1.5; expected a number from 0 to 1"),
        (lambda: replace(BUSY, channels=()), "WorldSettings.channels: found '0 channels'"),
        (lambda: replace(BUSY, channels=(BUSY.channels[0],) * 2), "found 'a'; expected each name"),
        (lambda: replace(BUSY, days=1.5), "WorldSettings.days.*a whole number"),
        (lambda: replace(BUSY, link="log"), "found 'log'; expected one of additive, multiplic"),
        (lambda: replace(BUSY, response="late"), "one of exponential, delayed"),
        (lambda: replace(BUSY, start="soon"), "WorldSettings.start: found 'soon'"),
        (lambda: replace(BUSY, synergy=(Synergy("a", "z"),)), "found 'z'; expected a channel of a"),
        (lambda: replace(BUSY, synergy=(Synergy("a", "b"), Synergy("a", "c"))), "one partner"),
        (lambda: replace(BUSY, seeding=(Seeding("a", "a", 1.0),)), "ever more visits"),
        (lambda: replace(BUSY, retargeting=(Retargeting("a", 0.1, sources=("z",)),)), "found 'z'"),
        (lambda: replace(BUSY, lift_tests=(LiftTest("a", "5D", "4D"),)), "found '5D to 4D'"),
        (lambda: replace(BUSY, lift_tests=(LiftTest("z"),)), "lift_tests: found 'z'"),
        (lambda: replace(BUSY, link="multiplicative", response="delayed"), "exponential with this"),
        (
            lambda: replace(
                BUSY, link="multiplicative", channels=(Channel("a", 1, 1, order_value=2.0),)
            ),
            "order_value.*1 with the multiplicative link",
        ),
    ],
)
def test_what_cannot_stand(make, message):
    with pytest.raises(ConfigError, match=message):
        make()


def test_who_brings_whom():
    settings = replace(
        BUSY,
        seeding=(Seeding("a", "b", 0.5),),
        retargeting=(Retargeting("c", 0.1), Retargeting("b", 0.2, sources=("c",))),
    )
    assert np.allclose(settings.offspring, [[0, 0.5, 0.1], [0, 0, 0.1], [0, 0.2, 0]])
