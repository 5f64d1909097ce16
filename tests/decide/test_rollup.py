"""A dozen nodes for any number of channels: each channel in one, the heaviest by themselves."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from attribution.decide.rollup import MOST, OTHERS, rolled_nodes
from tests.decide.made import names
from tests.strategies import HOSTILE_NAMES

words = st.sampled_from(["a", "b", "c", *HOSTILE_NAMES[:6], OTHERS])
channels = st.lists(
    st.lists(words, min_size=1, max_size=4).map(" · ".join), min_size=1, max_size=40, unique=True
)


def nodes_of(weights: dict[str, float], most: int = MOST) -> dict[str, str]:
    frame = rolled_nodes(list(weights), np.array(list(weights.values()), float), most)
    return dict(zip(frame["channel"], frame["node"], strict=True))


@given(channels, st.integers(1, 14), st.randoms(use_true_random=False))
def test_every_channel_is_in_one_of_at_most_so_many_nodes(found, most, random) -> None:
    weights = np.array([random.randint(0, 5) for _ in found], float)
    frame = rolled_nodes(found, weights, most)
    assert frame["channel"].tolist() == found
    assert frame["node"].nunique() <= most
    for node, part in frame.groupby("node"):
        assert (part["channels"] == len(part)).all()
        if len(part) == 1:
            assert part["channel"].tolist() == [node]
            assert not part["rest"].any()
        elif node.strip("()") != OTHERS.strip("()"):
            assert all(name == node or name.startswith(f"{node} · ") for name in part["channel"])
            outside = [n for n in found if n not in set(part["channel"])]
            parted = any(name == node or name.startswith(f"{node} · ") for name in outside)
            assert part["rest"].eq(parted).all()
    if len(found) <= most:
        assert frame["node"].tolist() == found


@given(channels, st.randoms(use_true_random=False))
def test_the_order_of_channels_does_not_matter(found, random) -> None:
    weights = {name: float(random.randint(0, 3)) for name in found}
    shuffled = list(found)
    random.shuffle(shuffled)
    assert nodes_of(weights, 5) == nodes_of({name: weights[name] for name in shuffled}, 5)


def test_a_large_streamer_stands_beside_what_is_left_of_its_form() -> None:
    weights = {f"抖音 · 直播 · {i}": 1.0 for i in range(48)}
    weights |= {"抖音 · 直播 · 晚晴": 40.0, "抖音 · 短视频 · 南星": 5.0, "快手 · 直播 · 阿沐": 30.0}
    found = nodes_of(weights, 4)
    assert found["抖音 · 直播 · 晚晴"] == "抖音 · 直播 · 晚晴"
    assert found["抖音 · 直播 · 0"] == "抖音 · 直播"
    assert found["抖音 · 短视频 · 南星"] == "抖音 · 短视频 · 南星"  # all that is left of 抖音
    assert found["快手 · 直播 · 阿沐"] == "快手 · 直播 · 阿沐"


def test_flat_names_leave_one_node_of_others() -> None:
    found = nodes_of({f"c{i:02d}": float(30 - i) for i in range(30)})
    assert [found[f"c{i:02d}"] for i in range(11)] == [f"c{i:02d}" for i in range(11)]
    assert {found[f"c{i:02d}"] for i in range(11, 30)} == {OTHERS}


def test_a_channel_called_like_the_others_is_not_among_them() -> None:
    weights = {f"c{i:02d}": float(30 - i) for i in range(30)} | {OTHERS: 100.0}
    found = nodes_of(weights)
    assert found[OTHERS] == OTHERS
    assert found["c29"] == f"({OTHERS})"


def test_five_hundred_channels() -> None:
    frame = rolled_nodes(names(500), np.arange(500, 0, -1, dtype=float))
    assert frame["node"].nunique() == MOST
