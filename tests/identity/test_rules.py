import pytest

from attribution.errors import ConfigError
from attribution.identity.rules import Rules


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
