"""What the causal model says beside the others, and why it sometimes says nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from attribution import (
    ConfigError,
    Hazard,
    Journeys,
    ModelError,
    attribute,
    simulate,
)
from attribution.evaluate.causal import causal
from attribution.model import example_journeys
from attribution.names import ORGANIC, UNATTRIBUTED

EXAMPLE = example_journeys()


def together() -> Journeys:
    """Return journeys of a channel alone, one met three times, and two that are always together."""
    rng = np.random.default_rng(4)
    noon = pd.Timestamp("2026-11-11 12:00", tz="UTC")
    people = [f"p{n:03d}" for n in range(300)]
    at = [noon + pd.Timedelta(int(m), "min") for m in rng.integers(0, 10_000, 300)]
    alone = pd.DataFrame({"person": people, "at": at, "channel": "alone"})
    both = alone.iloc[:200].assign(at=[t + pd.Timedelta("1h") for t in at[:200]])
    rare = alone.iloc[-3:].assign(channel="rare")
    touch = pd.concat([alone, both.assign(channel="x"), both.assign(channel="y"), rare])
    buyers = [*people[:200:3], *people[200::8], people[-1]]
    bought = touch.groupby("person")["at"].max()[buyers] + pd.Timedelta("2h")
    orders = pd.DataFrame(
        {"person": buyers, "at": bought.to_numpy(), "order_id": buyers, "value": 100.0}
    ).drop_duplicates("order_id")
    return Journeys.from_touchpoints(touch, orders)


def test_it_is_the_hazard_model_s_credit_with_its_interval() -> None:
    found, wanted = causal(EXAMPLE, 0.9), attribute(EXAMPLE, Hazard(), 0.9)
    assert found.reason == ""
    assert found.credit is not None
    pd.testing.assert_frame_equal(found.credit.frame(), wanted.frame(), rtol=1e-6)
    for name, value, low, high in wanted.frame()[
        ["channel", "value", "value_low", "value_high"]
    ].itertuples(index=False, name=None):
        estimate = found.estimate([name], "value")
        assert estimate is not None
        assert estimate.figure == pytest.approx(value, rel=1e-5, abs=1e-6)
        assert estimate.ends == pytest.approx((low, high), rel=1e-5, abs=1e-6)
    assert causal(EXAMPLE).estimate([ORGANIC], "value").ends is None


def test_batches_make_no_difference() -> None:
    half = np.arange(len(EXAMPLE)) % 2 == 0
    whole, parts = causal(EXAMPLE), causal(EXAMPLE.take(mask) for mask in (half, ~half))
    np.testing.assert_allclose(parts.credit.rows, whole.credit.rows, rtol=1e-6, atol=1e-3)


def test_rows_together_are_all_that_was_observed() -> None:
    journeys = simulate("independent", people=1_000, seed=3).journeys
    found, total = causal(journeys), journeys.amounts().sum(axis=0)
    every = [*journeys.channels, ORGANIC, UNATTRIBUTED]
    for place, measure in enumerate(found.credit.measures):
        assert found.untold(measure) is None
        assert found.estimate(every, measure).figure == pytest.approx(total[place], rel=1e-9)


def test_nothing_is_said_of_channels_whose_effect_is_not_stated() -> None:
    journeys = together()
    found = causal(journeys, 0.95)
    assert found.unstated == ["rare", "x", "y"]
    assert found.estimate(["x"], "value") is None
    assert found.estimate(["x", "rare"], "value") is None
    alone = found.estimate(["alone"], "value")
    assert found.estimate(["alone", "x"], "value") == alone
    assert found.estimate(["alone", "paid for, never met"], "value") == alone
    assert found.estimate(["paid for, never met"], "value") is None
    untold = found.untold("value")
    rest = [found.estimate([name], "value").figure for name in (ORGANIC, UNATTRIBUTED)]
    assert untold.figure > 0
    assert untold.figure + alone.figure + sum(rest) == pytest.approx(journeys.amounts()[:, 1].sum())
    errors = found.credit.replicates[:, [1, 2, 3], 1].sum(axis=1)
    half = 1.9983405 * np.sqrt(63 / 64 * ((errors - errors.mean()) ** 2).sum())
    wanted = (untold.figure - half, untold.figure + half)
    assert untold.ends == pytest.approx(wanted, rel=1e-6)


def paths() -> Journeys:
    counted = pd.DataFrame({"path": ["a > b"], "total_conversions": [3], "total_null": [2]}).assign(
        total_conversion_value=1.0
    )
    return Journeys.from_paths(counted)


NOBODY = np.zeros(len(EXAMPLE), np.int64)
WORTHLESS = {"value": np.zeros(len(EXAMPLE))}


@pytest.mark.parametrize(
    ("journeys", "reason"),
    [
        (paths(), "no_times"),
        (replace(EXAMPLE, conversions=NOBODY, values=WORTHLESS), "no_orders"),
        (EXAMPLE.take(np.zeros(0, np.int64)), "no_orders"),
        (EXAMPLE.take(EXAMPLE.conversions > 0), "no_nulls"),
        (replace(EXAMPLE, ages=np.zeros_like(EXAMPLE.ages)), "no_time"),
    ],
    ids=["paths", "no orders", "no journeys", "buyers only", "no time"],
)
def test_data_that_do_not_bear_it_give_a_reason(journeys: Journeys, reason: str) -> None:
    found = causal(journeys, 0.95)
    assert (found.credit, found.reason, found.unstated) == (None, reason, [])
    assert found.estimate(["ads", ORGANIC], "value") is None
    assert found.untold("value") is None


@pytest.mark.parametrize("interval", [None, 0.95])
def test_a_search_that_ends_nowhere_gives_a_reason(
    monkeypatch: pytest.MonkeyPatch, interval: float | None
) -> None:
    def fails(*_: object) -> None:
        raise ModelError("no maximum")

    monkeypatch.setattr(Hazard, "fitted", fails)
    assert causal(EXAMPLE, interval).reason == "no_maximum"


def test_a_level_that_is_none_is_an_error() -> None:
    with pytest.raises(ConfigError):
        causal(EXAMPLE, 95.0)
