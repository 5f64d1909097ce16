"""Forgetting states, against a chain with their rows and columns struck out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array

from attribution.numerics.reconnect import losses_reconnected


def test_what_led_to_a_state_goes_to_the_others():
    # a -> b or an end with reward 1, each by half; b ends without. Without b, a always earns.
    q = np.array([[0.0, 0.5], [0.0, 0.0]])
    found = losses_reconnected(
        csr_array(q),
        np.array([1.0, 0.0]),
        np.array([0.5, 1.0]),
        np.array([[0.5], [0.0]]),
        np.array([0.5]),
        csr_array(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])),
    )
    assert found[:, 0] == pytest.approx([0.5, -0.5, 0.0])


def test_states_from_which_no_end_is_left_earn_nothing():
    # a and b lead to each other, and only c ends.
    q = np.array([[0.0, 0.5, 0.5], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])
    found = losses_reconnected(
        csr_array(q),
        np.array([1.0, 0.0, 0.0]),
        np.array([0.0, 0.0, 1.0]),
        np.array([[0.0], [0.0], [1.0]]),
        np.array([1.0]),
        csr_array(np.eye(3)),
    )
    assert found[:, 0] == pytest.approx([1.0, 0.0, 1.0])
