"""Intervals: the jackknife over blocks of persons, against loops, and on simulated people."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import attribution.model
from attribution.credit import Credit
from attribution.errors import ConfigError, ModelError
from attribution.evaluate.compare import compare
from attribution.journeys import Journeys
from attribution.model import (
    Model,
    Sloped,
    attribute,
    block_tallies,
    example_journeys,
    label,
    tallies,
)
from attribution.models.heuristic import FirstTouch, LastTouch, Linear, TimeDecay
from attribution.models.markov import Markov
from attribution.models.profile import profile
from attribution.models.shapley import Shapley
from attribution.names import UNATTRIBUTED
from attribution.tally import Tally
from tests.strategies import EVERY_MODEL, examples

T63 = 1.9983405425  # the 0.975 quantile of t with 63 degrees of freedom

every_model = pytest.mark.parametrize("model", EVERY_MODEL, ids=label)
SMOOTH = [m for m in EVERY_MODEL if isinstance(m, Sloped) and m != Markov(removal="reconnect")]
SMOOTH = [m for m in SMOOTH if not (isinstance(m, Markov) and m.removal == "reconnect")]


def people(rows: int = 900, seed: int = 0) -> Journeys:
    """Return journeys of persons, about three each, in blocks."""
    journeys = example_journeys(seed, rows)
    person = np.random.default_rng(seed + 1).integers(0, rows // 3, rows)
    return replace(journeys, block=(person * 7919 % 64).astype(np.uint8))


def solved_again(journeys: Journeys, model: Model) -> pd.DataFrame:
    """Return the intervals of a plain loop: every block left out, and everything done again."""
    whole = attribute(journeys, model).frame().set_index("channel")
    found = []
    for block in range(64):
        rest = journeys.take(journeys.block != block)
        scaled = replace(rest, weight=np.full(len(rest), 64 / 63))
        found.append(attribute(scaled, model).frame().set_index("channel"))
    out = pd.DataFrame(index=whole.index)
    for name, low, high in (
        ("conversions", "low", "high"),
        ("value", "value_low", "value_high"),
        ("share", "share_low", "share_high"),
    ):
        table = np.array([each[name].reindex(whole.index, fill_value=0.0) for each in found])
        error = np.sqrt(63 / 64 * ((table - table.mean(axis=0)) ** 2).sum(axis=0))
        drawn = whole.get(f"{name}_se", 0.0)
        if name == "share" and "conversions_se" in whole:
            drawn = whole["conversions_se"] / whole["conversions"].sum()
        half = T63 * np.sqrt(error**2 + drawn**2)
        out[low], out[high] = whole[name] - half, whole[name] + half
    return out


@every_model
def test_they_are_those_of_a_plain_loop(monkeypatch, model: Model):
    monkeypatch.setattr(attribution.model, "_DEAR", np.inf)
    journeys = people(150)
    frame = attribute(journeys, model, interval=0.95).frame().set_index("channel")
    expected = solved_again(journeys, model)
    scale = np.abs(expected.to_numpy()).max(axis=0)
    gap = np.abs(frame[expected.columns] - expected).to_numpy() / scale
    assert gap.max() < 1e-7


@every_model
def test_the_estimate_is_the_one_without(model: Model):
    journeys = people()
    plain, wide = attribute(journeys, model).frame(), attribute(journeys, model, 0.9).frame()
    pd.testing.assert_frame_equal(wide[plain.columns], plain, rtol=1e-9)
    ends = ["low", "high", "value_low", "value_high", "share_low", "share_high"]
    assert [name for name in wide.columns if name not in plain.columns] == ends
    assert (wide["low"] <= wide["conversions"]).all()
    assert (wide["high"] >= wide["conversions"]).all()


@pytest.mark.parametrize("model", [FirstTouch(), LastTouch(), Linear()], ids=label)
def test_of_a_rule_it_is_the_variance_of_block_totals(model: Model):
    journeys = people()
    frame = attribute(journeys, model, 0.95).frame().set_index("channel")
    totals = pd.DataFrame(
        [
            attribute(journeys.take(journeys.block == b), model)
            .frame()
            .set_index("channel")["conversions"]
            for b in range(64)
        ]
    ).fillna(0.0)
    variance = 64 * totals.var(ddof=1)
    half = (frame["high"] - frame["low"]) / 2
    np.testing.assert_allclose(half, T63 * np.sqrt(variance)[half.index], rtol=1e-9)


@pytest.mark.parametrize("model", SMOOTH, ids=label)
def test_to_first_order_they_are_nearly_the_same(monkeypatch, model: Model):
    journeys = people(20_000)
    parts = block_tallies(journeys, [model])[0]
    widths = []
    for dear in (np.inf, -1.0):
        monkeypatch.setattr(attribution.model, "_DEAR", dear)
        if dear > 0 and model.operations(parts[0]) == np.inf:
            # The loop draws the same orders: no block holds all of a channel here.
            monkeypatch.setattr(Shapley, "operations", lambda self, tally: 0.0)
        credit = attribution.model.credit_with_interval(model, parts, 0.95)
        widths.append(credit.replicates.std(axis=0))
        monkeypatch.undo()
    kept = widths[0] > 0
    np.testing.assert_allclose(widths[1][kept], widths[0][kept], rtol=0.03)
    assert (widths[1][~kept] < 1e-9 * widths[0].max()).all()


@pytest.mark.parametrize("order", [1, 2])
def test_removal_effects_have_intervals(monkeypatch, order: int):
    parts = block_tallies(people(20_000), [Markov(order)])[0]
    widths = []
    for dear in (np.inf, -1.0):
        monkeypatch.setattr(attribution.model, "_DEAR", dear)
        credit = attribution.model.credit_with_interval(Markov(order), parts, 0.95)
        frame = credit.removal_effects
        widths.append((frame["high"] - frame["low"]).to_numpy() / 2)
        assert (frame["low"] < frame["conversions"]).all()
        assert (frame["value_high"] > frame["value"]).all()
    # By leaving out: 64 solutions, their spread as for every other figure.
    whole = sum(parts[1:], start=parts[0])
    alone = [Markov(order).credit(whole - part).removals[:, 0] for part in parts]
    spread = np.sqrt(63 / 64 * ((alone - np.mean(alone, axis=0)) ** 2).sum(axis=0))
    np.testing.assert_allclose(widths[0], T63 * spread, rtol=1e-9)
    np.testing.assert_allclose(widths[1], widths[0], rtol=0.03)
    assert Markov(order).credit(whole).removal_effects.columns.tolist() == ["conversions", "value"]


@pytest.mark.parametrize("model", [Linear(), Shapley()], ids=label)
def test_of_a_linear_model_first_order_is_exact(model: Model):
    parts = block_tallies(people(), [model])[0]
    whole = sum(parts[1:], start=parts[0])
    rest = np.array([model.credit((whole - part) * (64 / 63)).amounts for part in parts])
    own = np.array([model.credit(part).amounts for part in parts])
    np.testing.assert_allclose(
        rest, 64 / 63 * (model.credit(whole).amounts - own), rtol=1e-9, atol=1e-9
    )
    if isinstance(model, Sloped):
        np.testing.assert_array_equal(model.sloped(whole, parts)[1].rows, own)


@pytest.mark.parametrize("model", [Linear(), Markov(), Markov(2), Shapley("rate")], ids=label)
@pytest.mark.parametrize("dear", [np.inf, -1.0], ids=["again", "slopes"])
@examples(3)
@given(data=st.data())
def test_batches_and_their_order_do_not_matter(model: Model, dear: float, data):
    journeys = people(100)
    rows = np.array(data.draw(st.permutations(range(len(journeys)))))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    batches = [journeys.take(part) for part in np.split(rows, cuts)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(attribution.model, "_DEAR", dear)
        one = attribute(journeys, model, 0.95).frame()
        other = attribute(batches, model, 0.95).frame()
    pd.testing.assert_frame_equal(one, other, rtol=1e-8, atol=1e-9)


def test_tallies_of_blocks_add_up_to_the_tally_bit_for_bit():
    journeys = people()
    models = [FirstTouch(), Markov(2), Shapley("rate")]
    for parts, whole in zip(
        block_tallies(journeys, models), tallies(journeys, models), strict=True
    ):
        assert len(parts) == 64
        assert {part.channels for part in parts} == {whole.channels}
        assert sum(parts[1:], start=parts[0]) == whole


def test_batches_may_know_different_channels():
    frames = [
        pd.DataFrame({"path": [path], "total_conversions": [9], "total_null": [4]})
        for path in ("a > b", "b > c")
    ]
    read = [Journeys.from_paths(frame, value=None) for frame in frames]
    both = attribute(read, Markov(), 0.95).frame()
    assert both["channel"].tolist() == ["a", "b", "c"]
    whole = Journeys.from_paths(pd.concat(frames), value=None)
    pd.testing.assert_frame_equal(both, attribute(whole, Markov(), 0.95).frame(), rtol=1e-9)


def test_a_model_of_ones_own_and_a_peer_s_are_solved_again():
    @dataclass(frozen=True)
    class Halves:
        """Half of what FirstTouch gives; the rest is organic."""

        def tally(self, journeys: Journeys) -> Tally:
            return FirstTouch().tally(journeys)

        def credit(self, tally: Tally) -> Credit:
            half = tally.by_channel() / 2
            return Credit(
                tally.channels, tally.measures, half, tally.unattributed, organic=half.sum(axis=0)
            )

    journeys = people()
    first = attribute(journeys, FirstTouch(), 0.95).frame().set_index("channel")
    frame = attribute(journeys, Halves(), 0.95).frame().set_index("channel")
    width = frame["high"] - frame["low"]
    expected = (first["high"] - first["low"]).drop(UNATTRIBUTED) / 2
    np.testing.assert_allclose(width[expected.index], expected, rtol=1e-9)
    assert width["(organic)"] > 0
    peer = attribute(journeys, next(iter(profile("mta-audit-0.1.2").values())), 0.95).frame()
    assert (peer["low"] <= peer["high"]).all()


@pytest.mark.parametrize("level", [0, 1, 1.5, -0.1, 95, "0.95", True, float("nan")], ids=repr)
def test_a_level_is_between_0_and_1(level):
    with pytest.raises(ConfigError, match=r"between 0 and 1, such as 0\.95"):
        attribute(people(30), Linear(), interval=level)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        compare(people(30), [Linear()], interval=level)


def test_no_batch_is_nothing_to_attribute():
    with pytest.raises(ModelError, match="nothing to attribute"):
        attribute([], Linear(), interval=0.95)


@pytest.mark.parametrize("rows", [0, 1, 2])
@pytest.mark.parametrize("dear", [np.inf, -1.0], ids=["again", "slopes"])
@pytest.mark.parametrize("model", EVERY_MODEL, ids=label)
def test_few_journeys_or_none(monkeypatch, rows: int, dear: float, model: Model):
    monkeypatch.setattr(attribution.model, "_DEAR", dear)
    frame = attribute(people(60).take(slice(0, rows)), model, 0.95).frame()
    assert np.isfinite(frame.select_dtypes("number").to_numpy()).all()


def test_higher_levels_are_wider():
    journeys = people()
    widths = [
        (lambda frame: frame["share_high"] - frame["share_low"])(
            attribute(journeys, TimeDecay(), level).frame()
        )
        for level in (0.5, 0.9, 0.99)
    ]
    assert (widths[0] < widths[1]).all()
    assert (widths[1] < widths[2]).all()


# ---------------------------------------------------------------------- do they cover?

PATHS = {  # path: how often of 100, and how many of 100 convert
    "a": (20, 4),
    "b": (15, 10),
    "c": (5, 20),
    "a > b": (15, 15),
    "b > a": (10, 8),
    "a > c": (10, 25),
    "c > c > b": (5, 30),
    "a > b > c": (10, 40),
    "": (10, 2),
}


def population() -> pd.DataFrame:
    """Return the share of each path and outcome, as whole numbers out of 10,000."""
    table = [(p, n * y, n * (100 - y)) for p, (n, y) in PATHS.items()]
    return pd.DataFrame(table, columns=["path", "total_conversions", "total_null"])


MODELS = (Linear(), Markov(), Shapley("rate"))


def covered(level: float, samples: int, size: int) -> dict[str, float]:
    """Return, by column, how often intervals of samples of the population hold its own figure."""
    world = population()
    outcomes = world[["total_conversions", "total_null"]].to_numpy()
    rng = np.random.default_rng(11)
    hits: dict[str, list[float]] = {"conversions": [], "share": []}
    truths = [
        attribute(Journeys.from_paths(world, value=None), model).frame().set_index("channel")
        for model in MODELS
    ]
    for _ in range(samples):
        # As many people as come: their number is part of what is uncertain.
        drawn = rng.poisson(size * outcomes / outcomes.sum())
        sample = world.assign(total_conversions=drawn[:, 0], total_null=drawn[:, 1])
        found = compare(Journeys.from_paths(sample, value=None), MODELS, interval=level).frame()
        for (_, frame), truth in zip(found.groupby("model", sort=False), truths, strict=True):
            ends = frame.set_index("channel").reindex(truth.index)
            for column, factor in (("conversions", size / outcomes.sum()), ("share", 1.0)):
                low, high = (
                    ("low", "high")
                    if column == "conversions"
                    else (
                        "share_low",
                        "share_high",
                    )
                )
                target = truth[column] * factor
                hits[column] += ((ends[low] <= target) & (target <= ends[high])).tolist()
    return {column: float(np.mean(each)) for column, each in hits.items()}


def test_intervals_cover_about_as_often_as_they_say():
    found = covered(0.9, samples=24, size=4_000)
    assert all(0.85 <= share <= 0.95 for share in found.values()), found


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_intervals_cover_as_often_as_they_say(level: float):
    found = covered(level, samples=200, size=6_000)
    assert all(abs(share - level) < 0.025 for share in found.values()), found


def clustered(rng: np.random.Generator, persons: int) -> Journeys:
    """Return journeys of people who have habits: each has one to six journeys, all alike."""
    often = rng.integers(1, 7, persons)
    person = np.repeat(np.arange(persons), often)
    channel = rng.integers(0, 3, persons)[person]
    keen = (rng.random(persons) < 0.3)[person]
    converted = (rng.random(len(person)) < np.where(keen, 0.8, 0.05)).astype(np.int64)
    return Journeys(
        channels=("a", "b", "c"),
        offsets=np.arange(len(person) + 1),
        codes=channel.astype(np.int32),
        conversions=converted,
        nulls=1 - converted,
        values={"value": converted * 1.0},
        block=rng.integers(0, 64, persons).astype(np.uint8)[person],
    )


def test_journeys_of_one_person_are_not_independent_and_intervals_know_it():
    rng = np.random.default_rng(3)
    hits = {"persons": [], "journeys": []}
    truth = 1_000 * 3.5 * (0.3 * 0.8 + 0.7 * 0.05) / 3
    for _ in range(40):
        journeys = clustered(rng, int(rng.poisson(1_000)))
        for kind, each in (("persons", journeys), ("journeys", replace(journeys, block=None))):
            frame = attribute(each, Linear(), 0.95).frame()
            hits[kind] += ((frame["low"] <= truth) & (truth <= frame["high"])).tolist()
    assert np.mean(hits["persons"]) >= 0.91
    assert np.mean(hits["journeys"]) <= 0.85
