"""How far two credits are apart: models and periods."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from attribution.errors import ConfigError
from attribution.evaluate.compare import compare
from attribution.evaluate.differences import difference
from attribution.journeys import Journeys
from attribution.model import attribute, example_journeys
from attribution.models.heuristic import FirstTouch, LastTouch, Linear
from attribution.models.markov import Markov
from attribution.models.shapley import Shapley
from attribution.names import UNATTRIBUTED

T63 = 1.9983405425  # the 0.975 quantile of t with 63 degrees of freedom
COLUMNS = ["channel", "conversions", "value", "share"]
ENDS = ["low", "high", "value_low", "value_high", "share_low", "share_high"]


@pytest.fixture
def journeys() -> Journeys:
    made = example_journeys(rows=600)
    return replace(made, block=np.random.default_rng(2).integers(0, 64, 600).astype(np.uint8))


def without(journeys: Journeys, model, block: int) -> pd.DataFrame:
    rest = journeys.take(journeys.block != block)
    scaled = replace(rest, weight=np.full(len(rest), 64 / 63))
    return attribute(scaled, model).frame().set_index("channel")[COLUMNS[1:]]


def test_two_models_leave_out_the_same_people(journeys: Journeys) -> None:
    models = (FirstTouch(), Markov())
    found = compare(journeys, models, 0.95).difference("FirstTouch", "Markov").set_index("channel")
    assert list(found.columns) == [*COLUMNS[1:], *ENDS]
    whole = [attribute(journeys, model).frame().set_index("channel") for model in models]
    gaps = [without(journeys, models[0], b) - without(journeys, models[1], b) for b in range(64)]
    table = np.array([gap.loc[found.index].to_numpy() for gap in gaps])
    half = T63 * np.sqrt(63 / 64 * ((table - table.mean(axis=0)) ** 2).sum(axis=0))
    for place, name in enumerate(COLUMNS[1:]):
        gap = (whole[0][name] - whole[1][name])[found.index]
        np.testing.assert_allclose(found[name], gap, rtol=1e-9, atol=1e-9)
        low, high = found[ENDS[2 * place]], found[ENDS[2 * place + 1]]
        np.testing.assert_allclose(low, gap - half[:, place], rtol=1e-7, atol=1e-7)
        np.testing.assert_allclose(high, gap + half[:, place], rtol=1e-7, atol=1e-7)


def test_a_model_does_not_differ_from_itself(journeys: Journeys) -> None:
    one = attribute(journeys, Shapley("rate"), 0.95)
    found = difference(one, one).drop(columns="channel")
    assert not found.to_numpy().any()


def test_what_models_share_cancels(journeys: Journeys) -> None:
    wide = compare(journeys, {"one": Linear(), "other": Shapley()}, 0.95)
    gap = wide.difference("one", "other").set_index("channel")
    own = wide.credits["one"].frame().set_index("channel")
    assert (gap["high"] - gap["low"]).sum() < 0.7 * (own["high"] - own["low"]).sum()


def test_periods_are_aligned_by_channel_and_nothing_stands_for_what_one_does_not_know() -> None:
    def read(paths: list[str], orders: list[int]) -> Journeys:
        frame = pd.DataFrame({"path": paths, "total_conversions": orders})
        return Journeys.from_paths(frame, value=None, nulls=None)

    before = attribute(read(["a > b", "b"], [40, 10]), LastTouch(), 0.95)
    after = attribute(read(["b", "c", ""], [30, 25, 5]), LastTouch(), 0.95)
    found = difference(after, before).set_index("channel")
    assert found["conversions"].to_dict() == {"a": 0, "b": -20, "c": 25, UNATTRIBUTED: 5}
    assert found.loc["c", "share"] == pytest.approx(25 / 60)
    alone = after.frame().set_index("channel").loc["c"]
    assert found.loc["c", "low"] == pytest.approx(alone["low"])
    assert found.loc["c", "share_high"] == pytest.approx(alone["share_high"])
    assert found.loc["a", ["low", "high"]].tolist() == [0, 0]


def test_unrelated_periods_have_the_sum_of_variances() -> None:
    rng = np.random.default_rng(4)
    parts = []
    for seed in (1, 2):
        made = example_journeys(seed, 1_200)
        block = rng.integers(0, 64, 1_200).astype(np.uint8)
        parts.append(attribute(replace(made, block=block), Linear(), 0.95))
    gap = difference(*parts).set_index("channel")
    widths = [part.frame().set_index("channel") for part in parts]
    squares = sum((each["high"] - each["low"]) ** 2 for each in widths)
    np.testing.assert_allclose((gap["high"] - gap["low"]) ** 2, squares[gap.index], rtol=0.8)
    assert (gap["high"] - gap["low"]).sum() == pytest.approx(np.sqrt(squares).sum(), rel=0.15)


def test_differences_of_path_counts_cover_about_as_often_as_they_say() -> None:
    """Two samples of one population differ by chance alone: 0 lies inside 9 times of 10."""
    rng = np.random.default_rng(8)
    mean = np.array([300, 200, 100, 50, 400, 30])
    paths = ["a", "b", "c", "a > b", "b > a > c", "c > c"]
    inside = []
    for _ in range(60):
        one, other = (
            attribute(
                Journeys.from_paths(
                    pd.DataFrame(
                        {
                            "path": paths,
                            "total_conversions": rng.poisson(mean),
                            "total_null": rng.poisson(mean * 3),
                        }
                    ),
                    value=None,
                ),
                Linear(),
                0.9,
            )
            for _ in range(2)
        )
        found = difference(one, other)
        inside.append(((found["low"] <= 0) & (found["high"] >= 0)).to_numpy())
    # 180 looks, about 60 of them independent: a standard error of 4 points
    assert 0.78 < np.mean(inside) <= 0.99


def test_the_level_is_that_of_the_first_unless_given(journeys: Journeys) -> None:
    one, other = attribute(journeys, Linear(), 0.95), attribute(journeys, FirstTouch(), 0.5)
    plain, narrow = difference(one, other), difference(one, other, 0.5)
    pd.testing.assert_frame_equal(plain, difference(one, other, 0.95))
    widths = [
        (each["high"] - each["low"])[each["channel"] != UNATTRIBUTED] for each in (narrow, plain)
    ]
    assert (widths[0] < widths[1]).all()


def test_the_error_of_a_sample_counts(journeys: Journeys) -> None:
    drawn = attribute(journeys, Shapley("rate", exact=0, permutations=8), 0.95)
    exact = replace(drawn, errors=None)
    gap = difference(drawn, exact)
    half = ((gap["high"] - gap["low"]) / 2)[: len(drawn.channels)]
    np.testing.assert_allclose(half, T63 * drawn.errors[:, 0], rtol=1e-9)


def test_a_difference_that_cannot_be_says_why(journeys: Journeys) -> None:
    with pytest.raises(ConfigError, match="of two credits"):
        difference("a", "b")  # type: ignore[arg-type]
    wide, plain = attribute(journeys, Linear(), 0.95), attribute(journeys, Linear())
    for pair in ((wide, plain), (plain, wide)):
        with pytest.raises(ConfigError, match=r"attribute or compare with interval=0\.95"):
            difference(*pair)
    net = replace(journeys, values={**journeys.values, "net": journeys.values["value"]})
    with pytest.raises(ConfigError, match="conversions, value and conversions, value, net"):
        difference(wide, attribute(net, Linear(), 0.95))
    with pytest.raises(ConfigError, match="between 0 and 1"):
        difference(wide, wide, 95)
    with pytest.raises(ConfigError, match="'Best' is none of the compared models: Linear"):
        compare(journeys, [Linear()], 0.95).difference("Linear", "Best")
    with pytest.raises(ConfigError, match="needs two credits with intervals"):
        compare(journeys, [Linear(), FirstTouch()]).difference("Linear", "FirstTouch")
