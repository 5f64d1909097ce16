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


def followed(folder, steps, journeys=""):
    history = History(folder, journeys)
    assert assert_exact(history.workspace, MODELS).full
    for events in steps:
        for event in events:
            history.happen(event)
        assert not assert_exact(history.workspace, MODELS).full


@settings(max_examples=12)
@given(STEPS)
def test_any_history(tmp_path_factory, steps):
    followed(tmp_path_factory.mktemp("history"), steps)


@pytest.mark.slow
@settings(max_examples=300)
@given(STEPS)
def test_many_histories(tmp_path_factory, steps):
    followed(tmp_path_factory.mktemp("history"), steps)
