"""The causal hazard model: its likelihood, its axioms, what it says and what it refuses to say."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import attribution
from attribution import Hazard, Journeys, attribute, check_model
from attribution.errors import ConfigError, DataError, MissingAges, ModelError
from attribution.evaluate.holdout import holdout, split_time
from attribution.journeys.window import between
from attribution.model import block_tallies, credit_with_interval, tallies
from attribution.models.hazard_problem import additive, plain_terms
from attribution.tally import sum_tallies
from tests.models import hazard_twin as twin

CHANNELS = ("ads", "live", "video")


def journeys(seed: int, lookback: str = "5D", *, people: bool = True, n: int = 40) -> Journeys:
    touch, orders, watched = twin.rows(seed, n)
    return Journeys.from_touchpoints(
        touch, orders, lookback=lookback, people=watched if people else None
    )


@cache
def world(name: str, seed: int = 1, people: int = 20_000):
    return attribution.simulate(name, people=people, seed=seed)


# ---------------------------------------------------------------------- the likelihood


@given(st.integers(0, 10_000), st.sampled_from(["2D", "5D", "30D"]))
@settings(max_examples=25, deadline=None)
def test_its_likelihood_is_that_of_the_rows(seed: int, lookback: str):
    found = journeys(seed, lookback)
    tally = Hazard(covariates=("intent",)).tally(found)
    terms = plain_terms(tally)
    problem = additive(tally, terms, np.zeros(len(terms.one), int), None)
    mu = {"high": 0.06, "low": 0.02}
    beta = {"ads": 0.3, "live": 0.05, "video": 0.15}
    theta = np.array(
        [mu[group[0]] for group in tally.groups]
        + [beta[tally.channels[code]] for code in terms.one]
        + [np.log(1.7)]
    )
    plain = twin.loglik(
        twin.rows(seed), mu, beta, 1.7, pd.Timedelta(lookback) // pd.Timedelta("1ms")
    )
    # Ages stand in bins: each e^(-d age) is off by less than 1e-5.
    assert problem.evaluate(theta).value == pytest.approx(plain, abs=1e-3)


def test_a_journey_that_does_not_say_when_it_was_watched_is_watched_by_itself():
    rows = pd.DataFrame(
        {"channel": [["a", "b"], ["a"]], "age_ms": [[twin.DAY * 3, twin.DAY], [2 * twin.DAY]],
         "conversions": [1, 0], "nulls": [0, 1], "value": [5.0, 0.0]}
    )  # fmt: skip
    tally = Hazard().tally(Journeys.from_arrow(pa.Table.from_pandas(rows)))
    assert tally.at_risk.tolist() == [5 * twin.DAY]
    assert tally.unattributed.tolist() == [0, 0]


# ---------------------------------------------------------------------- the algebra


def test_it_obeys_the_axioms():
    # Found by iteration: to 1e-6 of what there is.
    check_model(Hazard(), tolerance=1e-6)
    check_model(Hazard("2D"), tolerance=1e-6)


@pytest.mark.slow
def test_the_multiplicative_link_obeys_the_axioms():
    check_model(Hazard(link="multiplicative"), tolerance=1e-4)


@pytest.mark.parametrize(
    "model",
    [
        Hazard(covariates=("intent",)),
        Hazard("by channel"),
        Hazard("3D", repeats=True),
        Hazard(pairs=True, seeding="2D"),
        Hazard("3D", link="multiplicative"),
    ],
    ids=attribution.label,
)
def test_tallies_add_and_subtract(model: Hazard):
    whole = world("independent", people=3000).journeys
    rng = np.random.default_rng(0)
    parts = [whole.take(part) for part in np.array_split(rng.permutation(len(whole)), 3)]
    tally = model.tally(whole)
    apart = [model.tally(part) for part in parts]
    added = sum_tallies(apart)
    assert added.at_risk == pytest.approx(tally.at_risk)
    assert np.array_equal(added.exposure.keys, tally.exposure.keys)
    assert added.exposure.sums == pytest.approx(tally.exposure.sums)
    back = added - apart[1]
    rest = apart[0] + apart[2]
    assert np.array_equal(back.exposure.keys, rest.exposure.keys)
    assert back.rows.amounts.sum(axis=0) == pytest.approx(rest.rows.amounts.sum(axis=0))
    one = model.credit(tally).frame()
    other = model.credit(added).frame()
    pd.testing.assert_frame_equal(one, other, rtol=1e-5, atol=1e-4)
    pd.testing.assert_frame_equal(
        model.credit(back).frame(), model.credit(rest).frame(), rtol=1e-5, atol=1e-4
    )


def test_batches_with_other_channels_and_groups_add():
    found = journeys(3)
    names = np.array(found.channels)
    live = found.take(
        [
            i
            for i in range(len(found))
            if "live" in names[found.codes[found.offsets[i] : found.offsets[i + 1]]]
        ]
    )
    rest = found.take(
        [
            i
            for i in range(len(found))
            if "live" not in names[found.codes[found.offsets[i] : found.offsets[i + 1]]]
        ]
    )
    renamed = replace(
        rest, channels=("ads", "video"), codes=np.array([0, -1, 1], np.int32)[rest.codes]
    )
    model = Hazard(covariates=("intent",))
    pd.testing.assert_frame_equal(
        attribute([live, renamed], model).frame(), attribute(found, model).frame(), rtol=1e-6
    )


def test_through_arrow_and_pickle_nothing_changes():
    import pickle

    found = world("independent", people=3000).journeys
    model = Hazard()
    same = Journeys.from_arrow(pa.table(found))
    tally = pickle.loads(pickle.dumps(model.tally(found)))
    pd.testing.assert_frame_equal(
        model.credit(tally).frame(), attribute(same, model).frame(), rtol=1e-9
    )


# ---------------------------------------------------------------------- credit


@pytest.mark.parametrize(
    "model",
    [
        Hazard(),
        Hazard("by channel"),
        Hazard(covariates=("intent",), repeats=True),
        Hazard(pairs=True, seeding="3D"),
        Hazard(link="multiplicative"),
    ],
    ids=attribution.label,
)
def test_credit_adds_up_to_what_was_observed(model: Hazard):
    found = world("seeding", people=6000).journeys
    credit = attribute(found, model)
    frame = credit.frame()
    assert frame["conversions"].sum() == pytest.approx(found.conversions.sum())
    assert frame["value"].sum() == pytest.approx(found.values["value"].sum())
    assert frame["share"].sum() == pytest.approx(1.0)
    assert (frame["conversions"] >= -1e-9).all()
    assert "(organic)" in set(frame["channel"])


def test_what_is_expected_is_what_came_at_the_maximum():
    credit = attribute(world("independent").journeys, Hazard())
    effects = credit.effects.set_index("channel")["conversions"]
    given_ = credit.frame().set_index("channel")["conversions"]
    assert effects.to_numpy() == pytest.approx(given_[effects.index].to_numpy(), rel=1e-6)


def test_the_half_life_and_effects_it_was_planted_with_are_found():
    planted = world("independent")
    credit = attribute(planted.journeys, Hazard())
    # 20,000 people tell a half-life of 3 days to about 0.25 days.
    assert credit.half_life / pd.Timedelta("1D") == pytest.approx(3, abs=0.75)
    effects = credit.effects.set_index("channel")
    truth = planted.truth.set_index("channel")["conversions"][effects.index]
    inside = (effects["low"] <= truth) & (truth <= effects["high"])
    assert inside.sum() >= 6  # of eight, each with 95 %: once in 170 fewer
    apart = (effects["conversions"] / effects["conversions"].sum() - truth / truth.sum()).abs()
    last = attribute(planted.journeys, attribution.LastTouch()).frame().set_index("channel")
    wrong = (last["conversions"] / last["conversions"].sum() - truth / truth.sum()).abs()
    assert apart.sum() < wrong.sum() / 2
    silent = truth.index[truth == 0][0]
    assert effects.loc[silent, "low"] == 0


def test_each_channel_can_have_its_half_life():
    planted = world("mixed_half_lives")
    credit = attribute(planted.journeys, Hazard("by channel"))
    assert isinstance(credit.half_life, pd.Series)
    lives = {each.name: each.half_life for each in planted.settings.channels}
    strong = credit.effects.nlargest(4, "conversions")["channel"]
    wanted = [pd.Timedelta(lives[name]) / pd.Timedelta("1D") for name in strong]
    found = [credit.half_life[name] / pd.Timedelta("1D") for name in strong]
    assert np.abs(np.log(np.array(found) / wanted)).max() < np.log(3)


def test_a_channel_that_no_order_followed_has_an_upper_end():
    touch, orders, people = twin.rows(4, 300)
    buyers = set(orders["person"])
    mute = touch[~touch["person"].isin(buyers)].assign(channel="mute")
    found = Journeys.from_touchpoints(pd.concat([touch, mute]), orders, people=people)
    effects = attribute(found, Hazard("2D")).effects.set_index("channel").loc["mute"]
    assert effects["conversions"] == 0
    # Without an order the log-likelihood falls by the orders expected, alone: 1.645^2 / 2.
    assert effects["high"] == pytest.approx(1.645**2 / 2, rel=5e-3)


def test_credit_at_the_bound_ends_where_the_effect_does():
    found = world("independent", 2, 6000).journeys  # chance puts the silent channel at zero there
    credit = attribute(found, Hazard(), interval=0.95)
    effects = credit.effects.set_index("channel")
    bound = effects.index[effects["conversions"] <= 0]
    assert len(bound) == 1
    frame = credit.frame().set_index("channel").loc[bound]
    assert frame["conversions"].tolist() == [0.0] * len(bound)
    assert frame["high"].to_numpy() == pytest.approx(effects.loc[bound, "high"].to_numpy())
    worth = found.values["value"].sum() / found.conversions.sum()
    assert frame["value_high"].to_numpy() == pytest.approx(frame["high"].to_numpy() * worth)
    assert (frame["low"] == 0).all()


def test_without_people_orders_without_touchpoints_stay_unattributed():
    found = journeys(5, people=False)
    alone = int(found.conversions[found.lengths == 0].sum())
    assert alone > 0
    frame = attribute(found, Hazard()).frame().set_index("channel")
    assert frame.loc["(unattributed)", "conversions"] == alone
    assert frame["conversions"].sum() == pytest.approx(found.conversions.sum())


def test_orders_while_nobody_watched_are_unattributed():
    touch, orders, people = twin.rows(8)
    outside = sum(
        not (p.start <= at <= p.end)
        for p in people.itertuples()
        for at in orders["at"][orders["person"] == p.person]
    )
    assert outside > 0
    found = Journeys.from_touchpoints(touch, orders, people=people)
    frame = attribute(found, Hazard()).frame().set_index("channel")
    assert frame.loc["(unattributed)", "conversions"] == outside


def test_a_sign_of_intent_moves_credit_to_organic():
    planted = world("static_intent")
    plain = attribute(planted.journeys, Hazard()).frame().set_index("channel")["conversions"]
    known = attribute(planted.journeys, Hazard(covariates=("intent",))).frame()
    known = known.set_index("channel")["conversions"]
    truth = planted.truth.set_index("channel")["conversions"]
    organic = planted.journeys.conversions.sum() - truth.sum()
    assert abs(known["(organic)"] - organic) < abs(plain["(organic)"] - organic)


def test_lift_tests_pull_effects_towards_what_they_found():
    planted = world("static_intent")
    tests = planted.lift_tests
    free = attribute(planted.journeys, Hazard(covariates=("intent",))).effects
    told = attribute(planted.journeys, Hazard(covariates=("intent",), lift_tests=tests)).effects
    for test in tests.itertuples():
        gap = [
            abs(each.set_index("channel").loc[test.channel, "conversions"] - test.conversions)
            for each in (free, told)
        ]
        assert gap[1] < gap[0]


def test_a_tests_window_is_a_part_of_all_the_time():
    planted = world("independent", people=3000)
    found = planted.journeys
    name, days = found.channels[0], [planted.people["start"].min(), planted.people["end"].max()]
    middle = days[0] + (days[1] - days[0]) / 3
    tests = pd.DataFrame(
        {"channel": name, "start": [days[0], middle, days[0]], "end": [middle, days[1], days[1]],
         "conversions": 1.0, "se": 1.0}
    )  # fmt: skip
    model = Hazard("2D", lift_tests=tests)
    tally = model.tally(found)
    terms = plain_terms(tally)
    problem = additive(tally, terms, np.zeros(8, int), np.array([2.0]), tests=model.lift_tests)
    theta = np.ones(problem.rates)
    first, rest, whole = (problem._acted(test.exposure, theta).value for test in problem.tests)
    assert first.sum() > 0
    assert first + rest == pytest.approx(whole, rel=1e-5)
    assert whole[0] == pytest.approx(problem.compensators(theta).value[0], rel=1e-5)
    assert not whole[1:].any()


def test_pairs_that_do_more_together_are_found_and_others_are_not():
    planted = world("synergy")
    found = Hazard(pairs=True).fitted(Hazard(pairs=True).tally(planted.journeys))
    names = planted.journeys.channels
    paired = {
        frozenset((names[a], names[b]))
        for a, b in zip(found.terms.one, found.terms.other, strict=True)
        if b >= 0
    }
    true = {frozenset((pair.channel, pair.partner)) for pair in planted.settings.synergy}
    assert paired & true
    none = Hazard(pairs=True).fitted(Hazard(pairs=True).tally(world("independent").journeys))
    assert (none.terms.other >= 0).sum() == 0


def test_what_leads_to_others_is_credited_for_it():
    planted = world("seeding")
    plain = attribute(planted.journeys, Hazard()).effects.set_index("channel")["conversions"]
    seeds = attribute(planted.journeys, Hazard(seeding="3D")).effects
    seeds = seeds.set_index("channel")["conversions"]
    truth = planted.truth.set_index("channel")["conversions"]

    def apart(found: pd.Series) -> float:
        return float((found / found.sum() - truth / truth.sum()).abs().sum())

    assert apart(seeds) < apart(plain)
    fit = Hazard(seeding="3D").fitted(Hazard(seeding="3D").tally(world("independent").journeys))
    assert not fit.seeded.any()


# ---------------------------------------------------------------------- intervals


def test_the_information_matrix_agrees_with_leaving_blocks_out():
    found = world("independent").journeys
    credit = attribute(found, Hazard(), interval=0.95)
    effects = credit.effects
    inner = effects["low"] > 0
    width = (effects["high"] - effects["low"])[inner]
    frame = credit.frame().set_index("channel").loc[effects["channel"][inner]]
    blocks = (frame["high"] - frame["low"]).to_numpy()
    # 64 blocks tell a standard error to about 9 %; credit also has the noise of its own orders.
    assert np.log(blocks / width).mean() == pytest.approx(0, abs=0.2)


def test_first_order_intervals_are_those_of_solving_again():
    model = Hazard("3D")
    found = world("independent", people=3000).journeys
    parts = block_tallies(found, [model])[0]
    quick = credit_with_interval(model, parts, 0.95)
    whole = sum_tallies(parts)
    again = np.stack([model.credit((whole - part) * (64 / 63)).rows for part in parts])
    # A channel whose effect comes and goes at zero has no derivative there.
    inner = np.append(quick.effects["low"] > 0, [True, False])
    assert inner.sum() >= 5
    assert quick.replicates is not None
    assert quick.replicates.std(axis=0)[inner, 0] == pytest.approx(
        again.std(axis=0)[inner, 0], rel=0.05
    )


# ---------------------------------------------------------------------- hold-out


def test_held_out_orders_are_told_best_by_the_model_of_the_world():
    # As the world is, against half-lives that are not its own.
    told = holdout(
        world("independent").journeys,
        {"3D": Hazard("3D"), "6h": Hazard("6h"), "40D": Hazard("40D")},
    )
    assert told.best == "3D"
    frame = told.frame().set_index("model")
    assert frame.loc["3D", "low"] > 0
    assert (frame.loc[["6h", "40D"], "behind_low"] > 0).all()


def test_the_held_out_likelihood_is_that_of_the_rows():
    frames = twin.rows(11)
    found = Journeys.from_touchpoints(frames[0], frames[1], lookback="5D", people=frames[2])
    when = split_time(found)
    model = Hazard("2D")
    parts = [between(found, 0, when), between(found, when, 1 << 61)]
    values = [
        model.fitted(model.tally(found)).loglik(tally) for tally in tallies(parts[:1], [model])
    ] + [model.fitted(model.tally(found)).loglik(tally) for tally in tallies(parts[1:], [model])]
    whole = model.fitted(model.tally(found)).loglik(model.tally(found))
    assert sum(values) == pytest.approx(whole, rel=1e-4)


# ---------------------------------------------------------------------- what it will not say


def test_path_counts_have_no_times():
    paths = pd.DataFrame({"path": ["a > b"], "total_conversions": [3], "total_null": [5]})
    found = Journeys.from_paths(paths, value=None)
    with pytest.raises(MissingAges, match="Hazard"):
        attribute(found, Hazard())


def test_without_people_who_did_not_order_it_says_what_is_missing():
    found = journeys(2, people=False)
    buyers = found.take(found.conversions > 0)
    with pytest.raises(ModelError, match=r"did not order.*still report"):
        attribute(buyers, Hazard())


def test_without_orders_it_states_nothing():
    touch, orders, people = twin.rows(2)
    found = Journeys.from_touchpoints(touch, orders.iloc[:0], people=people)
    credit = attribute(found, Hazard(), interval=0.95)
    assert credit.half_life is pd.NaT
    assert credit.effects[["effect", "conversions", "low", "high"]].isna().all(axis=None)
    assert [note.kind.value for note in credit.caused.notes] == ["no_orders"]
    assert (credit.frame()["conversions"] == 0).all()


def test_one_channel_is_enough():
    found = world("independent", people=6000).journeys.rolled_up(
        dict.fromkeys(world("independent", people=6000).journeys.channels, "all")
    )
    credit = attribute(found, Hazard())
    assert len(credit.effects) == 1
    assert credit.effects["low"][0] > 0


def test_channels_that_only_come_together_are_not_told_apart():
    touch, orders, people = twin.rows(4, 300)
    live = touch[touch["channel"] == "live"]
    both = pd.concat([touch, live.assign(channel="live again")], ignore_index=True)
    found = Journeys.from_touchpoints(both, orders, people=people)
    credit = attribute(found, Hazard("2D"))
    said = credit.effects.set_index("channel")
    assert said.loc[["live", "live again"]].isna().all(axis=None)
    assert said.loc[["ads", "video"]].notna().all(axis=None)
    notes = {note.kind.value: note.detail for note in credit.caused.notes}
    assert notes["inseparable"] == "live, live again"
    assert credit.frame()["conversions"].sum() == pytest.approx(found.conversions.sum())


def test_nothing_is_said_of_a_channel_with_three_touchpoints():
    touch, orders, people = twin.rows(4, 300)
    few = touch.iloc[:3].assign(channel="rare")
    found = Journeys.from_touchpoints(pd.concat([touch, few]), orders, people=people)
    credit = attribute(found, Hazard("2D"))
    assert credit.effects.set_index("channel").loc["rare"].isna().all()
    assert [(n.kind.value, n.count, n.detail) for n in credit.caused.notes] == [
        ("few_touchpoints", 3, "rare")
    ]


def test_a_half_life_at_the_edge_is_said_to_be_there():
    rng = np.random.default_rng(1)
    people = 4000
    touch = pd.DataFrame(
        {"person": np.arange(people), "at": twin.START + rng.integers(0, twin.DAY, people),
         "channel": "ads"}
    )  # fmt: skip
    some = rng.random(people) < 0.2  # the touched order at any time after, as often late as soon
    orders = pd.DataFrame(
        {"order_id": np.flatnonzero(some), "person": np.flatnonzero(some),
         "at": twin.START + twin.DAY + rng.integers(0, 25 * twin.DAY, int(some.sum())),
         "value": 1.0}
    )  # fmt: skip
    watched = pd.DataFrame(
        {"person": np.arange(2 * people), "start": twin.START, "end": twin.START + 27 * twin.DAY}
    )
    found = Journeys.from_touchpoints(touch, orders, people=watched, lookback="60D")
    credit = attribute(found, Hazard())
    kinds = {note.kind.value for note in credit.caused.notes}
    assert credit.half_life > pd.Timedelta("60D") or credit.half_life is pd.NaT
    assert "half_life_at_edge" in kinds or credit.half_life < pd.Timedelta("365D")


def test_a_covariate_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match=r"no segment 'mood'.*intent"):
        attribute(journeys(1), Hazard(covariates=("mood",)))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Hazard("soon"), "half_life"),
        (lambda: Hazard(link="log"), "additive, multiplicative"),
        (lambda: Hazard(covariates="intent"), r"\['intent'\]"),
        (lambda: Hazard("by channel", link="multiplicative"), "one half-life"),
        (lambda: Hazard(link="multiplicative", lift_tests=lift(se=2.0)), "additive link only"),
        (lambda: Hazard(lift_tests=lift(se=0.0)), "standard error above zero"),
        (lambda: Hazard(lift_tests=lift(end="2026-10-01")), "ends before it starts"),
        (lambda: Hazard(lift_tests=lift(conversions="many")), "a number"),
        (lambda: Hazard(lift_tests=lift(channel=None)), "the channel that was tested"),
        (
            lambda: attribute(journeys(1), Hazard(lift_tests=lift(channel="radio"))),
            "'radio' is of no channel",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make, says: str):
    with pytest.raises((ModelError, ConfigError, DataError), match=says):
        make()


def lift(**changed: object) -> pd.DataFrame:
    row = {
        "channel": "ads",
        "start": "2026-11-01",
        "end": "2026-11-20",
        "conversions": 5.0,
        "se": 1,
    }
    return pd.DataFrame([row | changed])


def test_too_many_channels_for_pairs_are_refused():
    found = journeys(1)
    many = tuple(sorted([*found.channels, *(f"x{n:02d}" for n in range(60))]))
    wide = replace(
        found,
        channels=many,
        codes=np.array([many.index(name) for name in found.channels], np.int32)[found.codes],
    )
    with pytest.raises(ModelError, match="62 channels apart"):
        attribute(wide, Hazard(pairs=True))


@pytest.mark.slow
def test_a_search_that_steps_to_where_there_is_no_likelihood_goes_on():
    # Its second step makes the half-life so short that effects are out of all bounds.
    found = world("short_half_life", 7, 60_000).journeys
    before = between(found, 0, split_time(found))
    model = Hazard(link="multiplicative")
    fit = model.fitted(model.tally(before))
    assert fit.found.converged
    assert fit.half_life < pd.Timedelta("1D")
