"""A comparison as a picture, for a notebook of one's own."""

from __future__ import annotations

import pytest

from attribution import ConfigError, compare, default_models, plot_comparison
from attribution.model import example_journeys


def test_a_comparison_is_drawn_in_either_language() -> None:
    journeys = example_journeys()
    comparison = compare(journeys, default_models())
    english = plot_comparison(journeys, comparison)._repr_html_()
    chinese = plot_comparison(journeys, comparison, language="zh", headline="Markov")._repr_html_()
    for text in (english, chinese):
        assert text.count("<figure>") == 3
        assert text.count('class="mark"') >= len(journeys.channels)
        assert text.count("<style>") == 1
    assert "Credit is not proof of effect" in english
    assert "马尔可夫（主模型）" in chinese
    with pytest.raises(ConfigError, match="none of the compared models"):
        plot_comparison(journeys, comparison, headline="Marko")
