"""Whatever happens to a store, refreshed sums are those of everything read anew."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.models.heuristic import FirstTouch, LastTouch, Linear, TimeDecay
from attribution.models.markov import Markov
from attribution.models.shapley import Shapley
from tests.refresh.histories import EVENTS, History, assert_exact

MODELS = (FirstTouch(), LastTouch(), Linear(), TimeDecay(), Markov(), Shapley())

STEPS = st.lists(st.lists(EVENTS, min_size=1, max_size=2), min_size=1, max_size=4)
JOURNEYS = st.sampled_from(
    [
        "",
        '[journeys]\nlevel = "offer"\nlookback = "12D"\nvalue = "net_fen"',
        '[journeys]\nmatch = "halo"\none_per_session = true\nlevel = "session"\n'
        "[journeys.weights]\nexposure = 0.5",
        '[journeys]\nconversion = "first"\nproducts = ["p1"]\nnet_of_refunds = true\n'
        'segments = ["buyer", "province"]\n[journeys.lookback_by]\nexposure = "5D"\n'
        '"Douyin · Live" = "3D"',
    ]
)


def followed(folder, steps, journeys=""):
    """Let a history happen and refresh after each step: exact every time, and never in full."""
    history = History(folder, journeys)
    assert assert_exact(history.workspace, MODELS).full
    for events in steps:
        for event in events:
            history.happen(event)
        found = assert_exact(history.workspace, MODELS)
        assert not found.full, found.why


@settings(max_examples=6)
@given(STEPS, JOURNEYS)
def test_any_history(tmp_path_factory, steps, journeys):
    followed(tmp_path_factory.mktemp("history"), steps, journeys)


@pytest.mark.slow
@settings(max_examples=150)
@given(STEPS, JOURNEYS)
def test_many_histories(tmp_path_factory, steps, journeys):
    followed(tmp_path_factory.mktemp("history"), steps, journeys)
