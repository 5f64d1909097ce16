"""The ready worlds."""

from __future__ import annotations

import pytest

import attribution
from attribution.errors import ConfigError
from attribution.worlds.presets import preset

REGIMES = ["0", "1", "2a", "2b", "3", "4", "5a", "5b", "5c", "6", "7", "8", "9", "10", "11", "12"]


def test_the_sixteen_regimes_have_names_and_numbers():
    named = attribution.presets()
    numbers = [preset(name).regime for name in named]
    assert [number for number in numbers if number] == REGIMES
    assert all(about.endswith(".") and len(about) < 90 for about in named.values())
    for name in named:
        assert preset(name).name == name
        assert preset(name).about == named[name]
    assert preset("2a") is preset("static_intent")


@pytest.mark.parametrize("name", attribution.presets())
def test_what_every_preset_holds(name):
    settings = preset(name)
    assert len(settings.channels) == 8
    assert (settings.effects == 0).sum() == (0 if name == "equal" else 1)
    assert settings.popularity.sum() == pytest.approx(4.9)
    assert len(set(settings.popularity)) == 8
    tested = [settings.names.index(test.channel) for test in settings.lift_tests]
    assert tested == [6, 7]
    assert settings.days == 30


@pytest.mark.parametrize(("name", "organic"), [("independent", 0.2), ("organic", 0.77)])
def test_there_are_as_many_orders_as_a_fit_needs(name, organic):
    world = attribution.simulate(name, people=20_000, seed=1)
    caused = world.truth.conversions.sum()
    assert 1 - caused / len(world.orders) == pytest.approx(organic, abs=0.05)
    assert 1_300 < caused < 1_700  # some 5,000 orders of 60,000 people in regime 1


def test_a_preset_nobody_knows():
    with pytest.raises(ConfigError, match=r"found no such preset.*Did you mean 'static_intent'\?"):
        attribution.simulate("static-intent")
