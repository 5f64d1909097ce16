"""The axioms, for every model; and that `check_model` sees each one broken."""

from __future__ import annotations

import pickle
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.credit import Credit
from attribution.errors import ModelError
from attribution.journeys import Journeys
from attribution.model import Model, attribute, check_model, label
from attribution.models.heuristic import (
    FirstTouch,
    LastNonDirect,
    LastTouch,
    Linear,
    PositionBased,
    TimeDecay,
)
from attribution.models.markov import Markov
from attribution.models.shapley import Shapley
from attribution.names import UNATTRIBUTED
from attribution.tally import Tally
from tests.strategies import (
    CHANNELS,
    EVERY_MODEL,
    HOSTILE_NAMES,
    NAME_BLIND_MODELS,
    WHOLE_MODELS,
    Row,
    build,
    examples,
    fractions,
    rows,
    with_weights,
)

CLOSE = 1e-9

every_model = pytest.mark.parametrize("model", EVERY_MODEL, ids=label)
every_blind_model = pytest.mark.parametrize("model", NAME_BLIND_MODELS, ids=label)


def table(credit: Credit) -> pd.DataFrame:
    return credit.frame().set_index("channel")[list(credit.measures)]


def assert_same(one: Credit, other: Credit, scale=1.0):
    a, b = table(one), table(other)
    for name in set(a.index) ^ set(b.index):
        assert name == UNATTRIBUTED  # a row of rounding residue, or none
        a = a.reindex(a.index.union([name]), fill_value=0.0)
        b = b.reindex(b.index.union([name]), fill_value=0.0)
    total = max(1.0, float(np.abs(a.to_numpy()).sum()))
    gap = np.abs(a - b.loc[a.index] * scale).to_numpy().max()
    assert gap <= CLOSE * total, f"\n{a}\n{b * scale}"


@every_model
class TestAxioms:
    @examples(10)
    @given(data=st.data())
    def test_conserves_what_was_observed(self, model, data):
        given_rows = data.draw(rows())
        credit = attribute(build(given_rows), model)
        if isinstance(model, Markov) and model.removal == "reconnect":
            for place, effect in enumerate(np.maximum(credit.removals, 0).sum(axis=0)):
                if effect == 0:  # no channel has an effect: nothing to share by
                    assert not credit.amounts[:, place].any()
                    return
        found = table(credit).sum()
        conversions = sum(row.conversions for row in given_rows)
        value = sum(row.value for row in given_rows)
        assert found["conversions"] == pytest.approx(conversions, abs=CLOSE * (1 + conversions))
        assert found["value"] == pytest.approx(value, abs=CLOSE * (1 + value))
        nobody = [
            sum(getattr(r, m) for r in given_rows if not r.path) for m in ("conversions", "value")
        ]
        assert credit.unattributed == pytest.approx(nobody)

    @examples(10)
    @given(data=st.data())
    def test_batches_add_up_whatever_the_split(self, model, data):
        journeys = build(data.draw(rows()))
        batch = np.array(
            data.draw(st.lists(st.integers(0, 3), min_size=len(journeys), max_size=len(journeys)))
        )
        parts = [journeys.take(batch == i) for i in range(4)]
        whole, summed = model.tally(journeys), sum(model.tally(part) for part in parts)
        if model in WHOLE_MODELS:
            assert whole == summed
            assert whole.sums.tobytes() == summed.sums.tobytes()
        assert_same(model.credit(whole), model.credit(summed))
        assert_same(model.credit(whole), attribute(parts, model))

    @examples(10)
    @given(data=st.data())
    def test_what_was_added_can_be_taken_back(self, model, data):
        one, other = build(data.draw(rows(most=6))), build(data.draw(rows(most=6)))
        kept = model.tally(one)
        back = kept + model.tally(other) - model.tally(other)
        if model in WHOLE_MODELS:
            assert back == kept
        assert_same(model.credit(kept), model.credit(back))

    @examples(10)
    @given(data=st.data())
    def test_fractional_weights_can_be_taken_back(self, model, data):
        def weighted():
            journeys = build(data.draw(rows(most=6)))
            size = len(journeys)
            return with_weights(
                journeys, data.draw(st.lists(fractions, min_size=size, max_size=size))
            )

        one, other = weighted(), weighted()
        kept = model.tally(one)
        back = kept + model.tally(other) - model.tally(other)
        assert_same(model.credit(kept), model.credit(back))

    @examples(10)
    @given(data=st.data())
    def test_order_of_journeys_does_not_matter(self, model, data):
        journeys = build(data.draw(rows()))
        order = data.draw(st.permutations(range(len(journeys))))
        shuffled = journeys.take(np.array(order))
        if model in WHOLE_MODELS:
            assert model.tally(shuffled) == model.tally(journeys)
        assert_same(attribute(journeys, model), attribute(shuffled, model))

    @examples(10)
    @given(data=st.data(), factor=st.sampled_from([2, 3, 10, 0.125]))
    def test_credit_grows_with_the_amounts(self, model, data, factor):
        journeys = build(data.draw(rows()))
        grown = with_weights(journeys, np.full(len(journeys), factor))
        assert_same(attribute(grown, model), attribute(journeys, model), scale=factor)
        assert_same(
            model.credit(model.tally(journeys) * factor), attribute(journeys, model), scale=factor
        )
        assert_same(
            model.credit(factor * model.tally(journeys)), attribute(journeys, model), scale=factor
        )

    @examples(10)
    @given(data=st.data(), factor=st.sampled_from([1e-9, 1e-3, 1e9]))
    def test_value_is_free_of_its_unit(self, model, data, factor):
        journeys = build(data.draw(rows()))
        other = replace(journeys, values={"value": journeys.values["value"] * factor})
        before, after = table(attribute(journeys, model)), table(attribute(other, model))
        total = max(1.0, before["value"].sum())
        assert np.abs(after["value"] / factor - before["value"]).max() <= CLOSE * total
        assert np.abs(after["conversions"] - before["conversions"]).max() <= CLOSE * total

    @examples(10)
    @given(data=st.data())
    def test_repeating_a_row_is_counting_it_twice(self, model, data):
        given_rows = data.draw(rows(most=6))
        twice = [
            replace(r, conversions=2 * r.conversions, nulls=2 * r.nulls, value=2 * r.value)
            for r in given_rows
        ]
        assert_same(attribute(build(twice), model), attribute(build(given_rows * 2), model))

    def test_nothing_converts(self, model):
        journeys = build([Row(("a", "b"), 0, 5, 0.0, (2, 1)), Row((), 0, 3, 0.0)])
        frame = attribute(journeys, model).frame()
        assert list(frame["channel"]) == list(CHANNELS)
        assert (frame[["conversions", "value", "share"]] == 0).all(axis=None)

    def test_nothing_at_all(self, model):
        frame = attribute(build([]), model).frame()
        assert list(frame["channel"]) == list(CHANNELS)
        assert (frame[["conversions", "value", "share"]] == 0).all(axis=None)

    def test_no_channel_at_all(self, model):
        journeys = build([Row((), 2, 1, 7.0)], channels=())
        frame = attribute(journeys, model).frame()
        assert (
            frame.to_dict("records")
            == [{"channel": UNATTRIBUTED, "conversions": 2.0, "value": 7.0, "share": 1.0}]
            or "conversions_se" in frame
        )

    def test_one_channel_takes_everything(self, model):
        given_rows = [Row(("a",), 3, 1, 30.0, (1,)), Row(("a", "a", "a"), 2, 4, 5.0, (3, 2, 1))]
        credit = table(attribute(build(given_rows, channels=("a",)), model))
        if model == Markov(1, removal="reconnect") or model == Markov(2, removal="reconnect"):
            assert credit.loc["a", "conversions"] == pytest.approx(5)
        assert credit.loc["a"].tolist() == pytest.approx([5, 35])

    @examples(10)
    @given(data=st.data())
    def test_inputs_and_results_never_change(self, model, data):
        given_rows = data.draw(rows())
        journeys, untouched = build(given_rows), build(given_rows)
        tally = model.tally(journeys)
        kept = (tally.sums.copy(), tally.codes.copy())
        credit = model.credit(tally)
        frame, amounts = credit.frame(), credit.amounts.copy()
        frame["conversions"] = -1.0
        assert (credit.amounts == amounts).all()
        assert (tally.sums == kept[0]).all()
        assert (tally.codes == kept[1]).all()
        for name in ("offsets", "codes", "conversions", "nulls", "ages"):
            assert (getattr(journeys, name) == getattr(untouched, name)).all()
            with pytest.raises(ValueError, match="read-only"):
                getattr(journeys, name)[...] = 0
        for array in (
            tally.sums,
            tally.codes,
            tally.offsets,
            credit.amounts,
            credit.unattributed,
            journeys.values["value"],
        ):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0
        with pytest.raises(AttributeError):
            credit.amounts = None
        with pytest.raises(TypeError):
            journeys.values["value"] = None

    def test_pickles(self, model):
        journeys = build([Row(("a", "b", "a"), 2, 1, 9.0, (3, 2, 1)), Row((), 1, 0, 2.0)])
        tally = model.tally(journeys)
        credit = model.credit(tally)
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            model2, journeys2, tally2, credit2 = pickle.loads(
                pickle.dumps((model, journeys, tally, credit), protocol)
            )
            assert model2 == model
            assert tally2 == tally == model.tally(journeys2)
            assert not tally2.sums.flags.writeable
            assert not journeys2.codes.flags.writeable
            pd.testing.assert_frame_equal(credit2.frame(), credit.frame())

    def test_is_a_model_with_a_name(self, model):
        assert isinstance(model, Model)
        assert label(model).startswith(type(model).__name__)
        with pytest.raises(AttributeError):
            model.anything = 1
        assert hash(model) == hash(pickle.loads(pickle.dumps(model)))

    def test_obeys_check_model(self, model):
        if model not in NAME_BLIND_MODELS:
            pytest.skip("a sample is drawn over sorted positions")
        named = ["direct"] if isinstance(model, LastNonDirect) else []
        assert len(check_model(model, named=named)) == 8

    def test_same_from_every_kind_of_frame(self, model):
        if isinstance(model, TimeDecay):
            pytest.skip("path counts have no ages")
        data = {
            "path": ["a > b > a", "b", "", "c > b", None],
            "total_conversions": [3, 1, 2, 0, 4],
            "total_null": [5, 0, 1, 7, 0],
            "total_conversion_value": [30.5, 2.25, 8.0, 0.0, 0.1],
        }
        frames = [pd.DataFrame(data), pl.DataFrame(data), pa.table(data)]
        frames.append(frames[0].astype({"path": "category"}))
        frames.append(frames[1].lazy().collect().rechunk())
        tallies = [model.tally(Journeys.from_paths(frame)) for frame in frames]
        assert all(tally == tallies[0] for tally in tallies)
        credits_ = [model.credit(tally).frame() for tally in tallies]
        for other in credits_[1:]:
            pd.testing.assert_frame_equal(other, credits_[0], check_exact=True)


@every_blind_model
class TestNames:
    @examples(10)
    @given(data=st.data())
    def test_names_do_not_matter(self, model, data):
        names = data.draw(st.permutations(HOSTILE_NAMES))[: len(CHANNELS)]
        new = dict(zip(CHANNELS, names, strict=True))
        if isinstance(model, LastNonDirect):
            model = replace(model, direct=new["direct"])
        given_rows = data.draw(rows())
        renamed = [replace(r, path=tuple(new[name] for name in r.path)) for r in given_rows]
        original = LastNonDirect() if isinstance(model, LastNonDirect) else model
        before = table(attribute(build(given_rows), original)).rename(index=new)
        after = table(attribute(build(renamed, channels=names), model))
        assert set(before.index) == set(after.index)
        total = max(1.0, before["value"].sum())
        assert np.abs(before - after.loc[before.index]).to_numpy().max() <= CLOSE * total

    @examples(10)
    @given(data=st.data())
    def test_a_silent_channel_gets_nothing_and_changes_nothing(self, model, data):
        given_rows = data.draw(rows())
        silent = data.draw(st.sampled_from(("", "~"))) + "aa"
        with_silent = table(attribute(build(given_rows, channels=(*CHANNELS, silent)), model))
        assert (with_silent.loc[silent] == 0).all()
        before = table(attribute(build(given_rows), model))
        total = max(1.0, before["value"].sum())
        after = with_silent.drop(index=silent)
        assert np.abs(before - after.loc[before.index]).to_numpy().max() <= CLOSE * total


class TestAttribute:
    def test_one_batch_or_many(self):
        journeys = build([Row(("a",), 1, 0, 5.0, (0,)), Row(("b",), 2, 0, 5.0, (0,))])
        one = attribute(journeys, LastTouch()).frame()
        many = attribute((journeys.take([i]) for i in range(2)), LastTouch()).frame()
        pd.testing.assert_frame_equal(one, many)

    def test_no_batches(self):
        with pytest.raises(ModelError, match="nothing to attribute"):
            attribute([], LastTouch())


class TestLabel:
    @pytest.mark.parametrize(
        ("model", "name"),
        [
            (LastTouch(), "LastTouch"),
            (TimeDecay(), "TimeDecay"),
            (TimeDecay(half_life="3D"), "TimeDecay(half_life='3D')"),
            (Markov(2), "Markov(order=2)"),
            (Markov(nulls=False, removal="reconnect"), "Markov(removal='reconnect', nulls=False)"),
            (Shapley("rate"), "Shapley(worth='rate')"),
            (PositionBased(0.3, 0.3), "PositionBased(first=0.3, last=0.3)"),
        ],
    )
    def test_is_the_class_with_what_is_not_default(self, model, name):
        assert label(model) == name

    def test_of_any_object(self):
        class Own:
            pass

        assert label(Own()) == "Own"


# ---------------------------------------------------------------------- models that break an axiom


@dataclass(frozen=True)
class Changed:
    """LastTouch, with one thing wrong."""

    def tally(self, journeys):
        return LastTouch().tally(journeys)

    def credit(self, tally):
        return LastTouch().credit(tally)


class Loses(Changed):
    def credit(self, tally):
        credit = super().credit(tally)
        return replace(credit, amounts=credit.amounts * 0.99)


class Rounds(Changed):
    def credit(self, tally):
        credit = super().credit(tally)
        return replace(
            credit,
            amounts=np.floor(credit.amounts / 7) * 7,
            unattributed=credit.unattributed
            + credit.amounts.sum(axis=0)
            - (np.floor(credit.amounts / 7) * 7).sum(axis=0),
        )


class PaysTheFirstName(Changed):
    def credit(self, tally):
        credit = super().credit(tally)
        amounts = np.zeros_like(credit.amounts)
        amounts[0] = credit.amounts.sum(axis=0)
        return replace(credit, amounts=amounts)


class PaysEveryName(Changed):
    def credit(self, tally):
        credit = super().credit(tally)
        even = np.ones_like(credit.amounts) * credit.amounts.sum(axis=0) / len(credit.amounts)
        return replace(credit, amounts=even)


class LooksAtTheFirstJourney(Changed):
    def tally(self, journeys):
        tally = super().tally(journeys)
        odd = len(journeys) and journeys.conversions[0] + journeys.lengths[0] % 3
        return tally * (1.0 + odd)


class ForgetsSmallBatches(Changed):
    def tally(self, journeys):
        return super().tally(journeys) * float(len(journeys) > 150)


class NeverTheSame(Changed):
    calls = count(1)

    def tally(self, journeys):
        return super().tally(journeys) * float(next(self.calls))


class Sticky(Tally):
    """A tally from which nothing can be taken away."""

    def __add__(self, other):
        return stuck(super().__add__(other))

    def __sub__(self, other):
        return self


def stuck(tally):
    names = ("channels", "columns", "measures", "offsets", "codes", "sums")
    return Sticky(*(getattr(tally, name) for name in names))


class NeverForgets(Changed):
    def tally(self, journeys):
        return stuck(super().tally(journeys))


class CountsRowsNotJourneys(Changed):
    def tally(self, journeys):
        return super().tally(replace(journeys, weight=None))


@pytest.mark.parametrize(
    ("model", "axiom"),
    [
        (Loses(), "conservation"),
        (Rounds(), "proportional"),
        (PaysTheFirstName(), "blind to names"),
        (PaysEveryName(), "silent channel"),
        (LooksAtTheFirstJourney(), "blind to order"),
        (ForgetsSmallBatches(), "additive over batches"),
        (NeverTheSame(), "repeatable"),
        (CountsRowsNotJourneys(), "proportional"),
        (NeverForgets(), "subtractable"),
    ],
    ids=lambda x: x if isinstance(x, str) else type(x).__name__,
)
def test_check_model_names_the_broken_axiom(model, axiom):
    with pytest.raises(ModelError) as caught:
        check_model(model)
    assert axiom in str(caught.value)
    assert type(model).__name__ in str(caught.value)


def test_check_model_on_own_journeys():
    journeys = build([Row(("a", "b"), 2, 1, 9.0, (2, 1)), Row(("c",), 1, 1, 3.0, (1,))])
    found = check_model(Linear(), journeys)
    assert list(found.columns) == ["axiom", "difference"]
    assert (found["difference"] <= CLOSE).all()


def test_check_model_needs_the_names_a_model_names():
    journeys = build([Row(("a", "direct"), 2, 1, 9.0, (2, 1))])
    check_model(LastNonDirect(), journeys, named=["direct"])
    with pytest.raises(ModelError, match="blind to names"):
        check_model(LastNonDirect(), journeys)


def test_a_model_of_ones_own_is_short():
    @dataclass(frozen=True)
    class MyFirst:
        def tally(self, journeys):
            return FirstTouch().tally(journeys)

        def credit(self, tally):
            return FirstTouch().credit(tally)

    check_model(MyFirst())
