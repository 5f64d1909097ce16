"""Models side by side."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from attribution import (
    ConfigError,
    FirstTouch,
    Journeys,
    LastTouch,
    Linear,
    Markov,
    ModelError,
    Shapley,
    TimeDecay,
    attribute,
    compare,
)
from attribution.names import UNATTRIBUTED


@pytest.fixture
def journeys() -> Journeys:
    return Journeys.from_paths(
        pd.DataFrame(
            {
                "path": ["a > b", "b", "a > a > c", "", "d"],
                "total_conversions": [3, 2, 1, 4, 0],
                "total_conversion_value": [30.0, 10.0, 5.0, 8.0, 0.0],
                "total_null": [5, 1, 0, 2, 3],
            }
        )
    )


def test_frame_is_tidy_and_every_model_accounts_for_everything(journeys: Journeys) -> None:
    frame = compare(journeys, [FirstTouch(), Linear(), Markov(), Shapley()]).frame()
    assert list(frame.columns) == [
        "model",
        "channel",
        "conversions",
        "value",
        "share",
        "rank",
        "influenced",
    ]
    totals = frame.groupby("model")[["conversions", "value", "share"]].sum()
    np.testing.assert_allclose(totals["conversions"], 10, rtol=1e-12)
    np.testing.assert_allclose(totals["value"], 53, rtol=1e-12)
    np.testing.assert_allclose(totals["share"], 1, rtol=1e-12)


def test_influenced_counts_every_converting_journey_that_holds_the_channel(
    journeys: Journeys,
) -> None:
    frame = compare(journeys, [LastTouch()]).frame().set_index("channel")
    known = {"a": 3 + 1, "b": 3 + 2, "c": 1, "d": 0}
    assert frame["influenced"].drop(UNATTRIBUTED).to_dict() == known
    assert np.isnan(frame.loc[UNATTRIBUTED, "influenced"])


def test_rank_one_is_most_conversions_and_ties_share_the_smaller(journeys: Journeys) -> None:
    frame = compare(journeys, [FirstTouch()]).frame().set_index("channel")
    # a opens 3 + 1, b opens 2, c and d open none
    assert frame["rank"].drop(UNATTRIBUTED).to_dict() == {"a": 1, "b": 2, "c": 3, "d": 3}
    assert frame.loc[UNATTRIBUTED, "rank"] is pd.NA


def test_models_are_named_after_their_class_and_changed_parameters(journeys: Journeys) -> None:
    names = list(compare(journeys, [Linear(), Markov(2), Shapley("rate")]).credits)
    assert names == ["Linear", "Markov(order=2)", "Shapley(worth='rate')"]
    assert list(compare(journeys, {"mine": Linear()}).credits) == ["mine"]
    assert TimeDecay("3D") != TimeDecay()


def test_batches_give_what_one_batch_gives(journeys: Journeys) -> None:
    models = [FirstTouch(), Markov(), Shapley("rate")]
    whole = compare(journeys, models).frame()
    parts = compare((journeys.take([i]) for i in (4, 1, 0, 3, 2)), models).frame()
    pd.testing.assert_frame_equal(whole, parts)


def test_distance_is_the_share_of_credit_that_changes_channel(journeys: Journeys) -> None:
    apart = compare(journeys, [FirstTouch(), LastTouch()]).distances()
    # 3 of the 6 conversions with a touchpoint go from a to b, 1 from a to c
    assert apart.loc["FirstTouch", "LastTouch"] == pytest.approx(4 / 6, abs=1e-15)
    assert (np.diag(apart) == 0).all()


def test_spread_names_the_lowest_and_highest_model(journeys: Journeys) -> None:
    spread = compare(journeys, [FirstTouch(), LastTouch()]).spread("LastTouch")
    line = spread.loc["b"]
    assert (line["low"], line["high"], line["spread"]) == (2, 5, (5 - 2) / 5)
    assert (line["low_model"], line["high_model"]) == ("FirstTouch", "LastTouch")
    assert (line["best_rank"], line["worst_rank"]) == (1, 2)
    assert np.isnan(spread.loc["a", "spread"])  # the headline gives it nothing


def test_wide_puts_rows_without_a_channel_last(journeys: Journeys) -> None:
    wide = compare(journeys, [FirstTouch(), Linear()]).wide("value")
    assert wide.index[-1] == UNATTRIBUTED
    np.testing.assert_allclose(wide.sum(), 53, rtol=1e-12)


@pytest.mark.parametrize(
    ("models", "says"),
    [([], "no model"), ([Linear(), Linear()], "Two models are called Linear")],
)
def test_a_comparison_that_cannot_be_says_why(
    journeys: Journeys, models: list[Linear], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        compare(journeys, models)


def test_an_unknown_headline_lists_the_models(journeys: Journeys) -> None:
    with pytest.raises(ConfigError, match="'Marko' is none of the compared models: Linear"):
        compare(journeys, [Linear()]).headline("Marko")


def test_intervals_stand_behind_the_other_columns(journeys: Journeys) -> None:
    plain = compare(journeys, [FirstTouch(), Markov()])
    wide = compare(journeys, [FirstTouch(), Markov()], interval=0.9)
    assert (plain.interval, wide.interval) == (None, 0.9)
    frame = wide.frame()
    assert list(frame.columns) == [
        *plain.frame().columns,
        *("low", "high", "value_low", "value_high", "share_low", "share_high"),
    ]
    pd.testing.assert_frame_equal(frame[plain.frame().columns], plain.frame(), rtol=1e-9)
    for name, credit in wide.credits.items():
        part = frame[frame["model"] == name]
        np.testing.assert_array_equal(part["low"], credit.frame()["low"])


def test_what_is_no_model_or_no_journeys_is_refused(journeys: Journeys) -> None:
    with pytest.raises(ConfigError, match="'int' is no model"):
        compare(journeys, [5])  # type: ignore[list-item]
    with pytest.raises(ModelError, match="the name 'brand' instead of journeys"):
        attribute("brand", LastTouch())  # type: ignore[arg-type]
