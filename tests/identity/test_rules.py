import tomllib
from pathlib import Path

import pytest

import attribution
from attribution.errors import ConfigError
from attribution.identity.rules import Rules

MAPPINGS = Path(attribution.__file__).parent / "mapping" / "mappings"


def test_rules_are_checked():
    for wrong in (
        {"expiry": "365"},
        {"recycled": "-1D"},
        {"component": 0},
        {"device": 2.5},
        {"split": (("a", "a"),)},
    ):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            Rules(**wrong)


def test_every_device_shipped_mappings_name_is_known_as_one():
    rules = Rules()
    named = {
        (each["type"], each.get("link", "medium"))
        for file in MAPPINGS.glob("*.toml")
        for blocks in tomllib.loads(file.read_text(encoding="utf-8")).values()
        for block in (blocks if isinstance(blocks, list) else [blocks])
        if isinstance(block, dict)
        for each in block.get("ids", [])
    }
    things = {*rules.device_types, *rules.addressee_types}
    assert {name for name, link in named if link == "weak"} <= things
    assert {"oaid_md5", "idfa_md5", "muid", "device_id", "anon_id"} <= set(rules.device_types)
    assert {"anon_id", "oaid_md5", "wx_unionid"} <= {name for name, _ in named}
    assert "wx_unionid" not in things
