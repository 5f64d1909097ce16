"""Settings out of TOML and mappings."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

import attribution
from attribution.errors import ConfigError
from attribution.worlds.presets import preset
from attribution.worlds.settings import Intent, Sessions
from attribution.worlds.settings_file import read_settings

PAGE = """
organic = 0.02
days = 14

[[channels]]
name = "抖音/直播/晚晴"
effect = 0.02
popularity = 1.5
sessions = { start = "20h", length = "3h" }

[[channels]]
name = "search"
effect = 0.01
popularity = 0.5
half_life = "12h"

[intent]
share = 0.2
demand = 3
channels = ["search"]
"""


def test_a_page(tmp_path):
    path = tmp_path / "world.toml"
    path.write_text(PAGE, encoding="utf-8")
    for given in (path, str(path)):
        world = attribution.simulate(given, people=100, seed=1)
        assert world.settings.names == ("抖音/直播/晚晴", "search")
        assert world.settings.channels[0].sessions == Sessions("20h", "3h")
        assert world.settings.channels[1].half_life == "12h"
        assert world.settings.intent == Intent(0.2, 3, channels=("search",))
        assert world.settings.days == 14


@pytest.mark.parametrize("name", attribution.presets())
def test_every_preset_comes_back_out_of_a_mapping(name):
    assert read_settings(_plain(asdict(preset(name)))) == preset(name)


def test_a_preset_can_be_changed():
    found = read_settings({"preset": "seeding", "organic": 0.5, "refunds": {"share": 0.1}})
    assert found.seeding == preset("seeding").seeding
    assert found == replace(preset("seeding"), organic=0.5, refunds=found.refunds)
    assert found.refunds.share == 0.1


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("organic = 0.02", "organik = 0.02", r"line 2, organik: found an unknown key.*'organic'\?"),
        ("organic = 0.02", "organic = -1", r"world.toml: WorldSettings.organic: found -1"),
        ("organic = 0.02", "", r"found no organic; expected the settings of WorldSettings"),
        ("effect = 0.01", "", r"channels\[2\]: found no effect"),
        ("effect = 0.01", "effekt = 1", r"line 13, channels\[2\]\.effekt: found an unknown key"),
        ("effect = 0.01", 'effect = "x"', r"line 11, channels\[2\]: Channel.effect: found 'x'"),
        ('start = "20h"', 'start = "soon"', r"channels\[1\]\.sessions: Sessions.start"),
        ("share = 0.2", "share = 2", r"line 17, intent: Intent.share: found 2"),
        ("[intent]", "[[intent]]", r"intent: found .*; expected a table"),
        ("days = 14", 'preset = "seedling"\ndays = 14', r"found no such preset.*'seeding'\?"),
    ],
)
def test_a_page_that_cannot_stand(tmp_path, old, new, message):
    path = tmp_path / "world.toml"
    assert old in PAGE
    path.write_text(PAGE.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        attribution.simulate(path)


def test_a_file_that_is_not_there():
    with pytest.raises(ConfigError, match=r"nowhere\.toml: found no readable file"):
        attribution.simulate("nowhere.toml")


def _plain(value):
    """Return what TOML would hold: lists for tuples, and nothing for None."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
