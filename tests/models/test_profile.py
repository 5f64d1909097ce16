"""Profiles give the numbers of the packages they name.

README: `peer_goldens.json` was measured by installing the package versions it names and running
them on the tables it holds (each row expanded to journeys where a package takes no counts).
ChannelAttribution simulates, so its cells are the mean and the standard error over 24 seeds; the
others are what the package returned. To measure again, run those versions on the same tables.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import ConfigError, MissingAges, ModelError
from attribution.evaluate.compare import compare
from attribution.journeys import Journeys
from attribution.model import attribute, check_model, example_journeys
from attribution.models.heuristic import FirstTouch
from attribution.models.markov import Markov
from attribution.models.peers.chains import MoneyMarkov, Participation
from attribution.models.peers.games import ExactSetShapley, LocalShapley
from attribution.models.peers.paths import Buyers, MoneyFollows
from attribution.models.peers.rules import RankDecay, StepDecay
from attribution.models.peers.walks import TruncatedMarkov
from attribution.models.profile import profile, profiles
from attribution.models.shapley import Shapley
from tests.strategies import Row, build, rows

GOLDENS = json.loads(Path(__file__).with_name("peer_goldens.json").read_text(encoding="utf-8"))
TABLES = GOLDENS["tables"]
DAY = 86_400_000
WITH_TIMES = {
    f"{name}: {row}": model
    for name in profiles()
    for row, model in profile(name, ages=True).items()
}


def journeys_of(table):
    columns = ["path", "total_conversions", "total_null", "total_conversion_value"]
    return Journeys.from_paths(pd.DataFrame(TABLES[table], columns=columns))


JOURNEYS = {table: journeys_of(table) for table in TABLES}


def credited(journeys, model, measure="conversions"):
    credit = attribute(journeys, model)
    place = credit.measures.index(measure)
    return dict(zip(credit.channels, credit.amounts[:, place], strict=True))


def assert_equal(found, wanted, scale=None):
    scale = max(1.0, sum(wanted.values()) if scale is None else scale)
    for channel in {*found, *wanted}:
        gap = abs(found.get(channel, 0.0) - wanted.get(channel, 0.0))
        assert gap <= 1e-9 * scale, (channel, found.get(channel), wanted.get(channel))


# ---------------------------------------------------------------------- ChannelAttribution


def grams(path, order):
    if not path:
        return []
    found = [path[i : i + order] for i in range(max(1, len(path) - order + 1))]
    return [gram for i, gram in enumerate(found) if i == 0 or gram != found[i - 1]]


def naive_walks(table, order, nulls, max_step, measure):
    """The same walks once more: probabilities pushed from state to state in dictionaries."""
    wide = [(tuple(p.split(" > ")) if p else (), c, n, v) for p, c, n, v in table]
    if not nulls:
        wide = [(p, c, 0, v) for p, c, _, v in wide if c > 0]
    step, out, bought, money = (defaultdict(float) for _ in range(4))
    limit = 0
    for path, c, n, v in wide:
        states = grams(path, order)
        limit = max(limit, len(states) + (1 if c + n else 2))
        for source, target in zip(["START", *states], states, strict=False):
            step[source, target] += c + n
            out[source] += c + n
        end = states[-1] if states else "START"
        out[end] += c + n
        bought[end] += c
        money[end] += v if c else 0
    limit = max_step or limit
    ahead = defaultdict(list)
    for (source, target), w in step.items():
        if w:
            ahead[source].append((target, w / out[source]))
    reward = bought if measure == "conversions" else money

    def worth(without):
        mass, total = {"START": 1.0}, 0.0
        for visited in range(limit + 1):
            total += sum(
                m * reward[s] / out[s]
                for s, m in mass.items()
                if out[s]
                if measure == "conversions" or s != "START"
            )
            if visited == limit or sum(mass.values()) < 1e-18:
                break
            later = defaultdict(float)
            for source, m in mass.items():
                for target, p in ahead[source]:
                    if without not in target:
                        later[target] += m * p
            mass = later
        return total

    whole = worth(None)
    lost = {name: whole - worth(name) for path, *_ in wide for name in path}
    total = sum(c if measure == "conversions" else v for _, c, _, v in wide)
    shared = sum(lost.values())
    return {name: total * x / shared if shared > 0 else 0.0 for name, x in lost.items()}


@pytest.mark.parametrize("case", GOLDENS["ChannelAttribution"]["markov"])
def test_truncated_markov_is_what_channelattribution_simulates(case):
    table, order, nulls, max_step = case.split("|")
    golden = GOLDENS["ChannelAttribution"]["markov"][case]
    model = TruncatedMarkov(
        int(order), None if max_step == "None" else int(max_step), nulls == "nulls"
    )
    journeys = JOURNEYS[table]
    assert model.longest(model.tally(journeys)) == golden["max_step"]
    for measure in ("conversions", "value"):
        found = credited(journeys, model, measure)
        if max_step == "1000" and table == "t200":  # slow, and no walk is that long
            wanted = credited(journeys, Markov(model.order, nulls=model.nulls), measure)
        else:
            wanted = naive_walks(TABLES[table], model.order, model.nulls, model.max_step, measure)
        assert_equal(found, wanted)
        for channel, (mean, error) in golden[measure].items():
            assert abs(found[channel] - mean) <= 4 * error + 1e-8 * max(1, abs(mean)), channel


@pytest.mark.parametrize("table", GOLDENS["ChannelAttribution"]["rules"])
def test_channelattribution_rules(table):
    models = profile("channelattribution-2.2.5")
    for rule, golden in GOLDENS["ChannelAttribution"]["rules"][table].items():
        for measure, wanted in golden.items():
            model = models[f"ChannelAttribution 2.2.5 {rule}"]
            assert_equal(credited(JOURNEYS[table], model, measure), wanted)


@given(rows(), st.integers(1, 3), st.booleans())
def test_without_a_limit_truncated_markov_is_markov(data, order, nulls):
    journeys = build(
        [row for row in data if row.path and row.conversions + row.nulls]
        or [Row(("a",), 1, 0, 1.0, (0,))]
    )
    endless = attribute(journeys, TruncatedMarkov(order, 10**6, nulls))
    exact = attribute(journeys, Markov(order, nulls=nulls))
    np.testing.assert_allclose(endless.amounts, exact.amounts, atol=1e-7)


@given(rows(), st.integers(1, 3), st.booleans(), st.sampled_from([None, 1, 2]))
def test_truncated_markov_is_its_naive_twin(data, order, nulls, max_step):
    table = [[" > ".join(row.path), row.conversions, row.nulls, row.value] for row in data]
    model = TruncatedMarkov(order, max_step, nulls)
    for measure in ("conversions", "value"):
        wanted = naive_walks(table, order, nulls, max_step, measure)
        assert_equal(credited(build(data), model, measure), wanted)


def test_the_longest_path_leaves_with_its_journeys():
    model = TruncatedMarkov()
    long, short = JOURNEYS["edge_zero_row"], JOURNEYS["fixture"]
    extra = long.take(slice(5, 6))
    tally = model.tally(short) + model.tally(extra)
    assert tally == model.tally(long)
    assert (model.longest(tally), model.longest(tally - model.tally(extra))) == (9, 5)


def test_no_walk_converts_within_the_limit():
    journeys = build([Row(("a", "b", "c"), 3, 1, 9.0)], ages=False)
    assert not attribute(journeys, TruncatedMarkov(max_step=2)).amounts.any()


# ---------------------------------------------------------------------- the other packages


@pytest.mark.parametrize("name", ["mam-1", "mam-2"])
@pytest.mark.parametrize("table", GOLDENS["mam-1"])
def test_mam(name, table):
    models = {row.split(" ", 2)[2]: model for row, model in profile(name).items()}
    models |= {
        "shapley 2": LocalShapley(2),
        "shapley 12": LocalShapley(12),
        "time decay 48h": Buyers(StepDecay("48h")),
    }
    for measure, golden in GOLDENS[name][table].items():
        assert golden or table == "edge_no_conv_re"
        for rule, wanted in golden.items():
            assert_equal(credited(JOURNEYS[table], models[rule], measure), wanted)


@pytest.mark.parametrize("table", GOLDENS["mta"])
def test_mta(table):
    models = profile("mta-0.0.9")
    for rule, wanted in GOLDENS["mta"][table].items():
        model = models[f"mta 0.0.9 {rule.removesuffix(' effects')}"]
        if rule == "markov effects":
            effects = attribute(JOURNEYS[table], model).removal_effects
            assert_equal(effects["conversions"].to_dict(), wanted)
            total = sum(wanted.values())
            share = {c: x / total * 100 for c, x in wanted.items()} if total else wanted
            found = credited(JOURNEYS[table], model)
            bought = JOURNEYS[table].conversions.sum()
            assert_equal({c: x / bought * 100 if bought else 0 for c, x in found.items()}, share)
        else:
            assert_equal(credited(JOURNEYS[table], model), wanted)


def removal(rule):
    order, strategy = int(rule[7]), rule.split(" ")[1]
    return (
        MoneyFollows(Markov(order))
        if strategy == "redirect_to_null"
        else Participation(strategy, order)
    )


@pytest.mark.parametrize("table", GOLDENS["do-attribution"])
def test_do_attribution(table):
    bought = int(JOURNEYS[table].conversions.sum())
    for rule, golden in GOLDENS["do-attribution"][table].items():
        model = ExactSetShapley() if rule == "shapley" else removal(rule)
        if golden["shares"] is None:
            with pytest.raises(ModelError, match="gives no shares here"):
                attribute(JOURNEYS[table], model)
            continue
        assert_equal(
            credited(JOURNEYS[table], model), {c: bought * x for c, x in golden["shares"].items()}
        )
        if rule != "shapley":
            effects = attribute(JOURNEYS[table], model).removal_effects["conversions"]
            assert_equal(effects.to_dict(), golden["effects"])


@pytest.mark.parametrize("table", GOLDENS["mta-audit"])
def test_mta_audit(table):
    for rule, golden in GOLDENS["mta-audit"][table].items():
        if (table, rule) == ("edge_trap", "markov reconnect"):
            continue  # see test_a_trap_converts_nowhere
        model = profile("mta-audit-0.1.2")[f"mta-audit 0.1.2 {rule}"]
        for measure, wanted in golden.items():
            assert_equal(credited(JOURNEYS[table], model, measure), wanted)


def test_a_trap_converts_nowhere():
    # Without C, A only leads to A: the package answers 0.1475 where 1/3 of journeys convert.
    model = profile("mta-audit-0.1.2")["mta-audit 0.1.2 markov reconnect"]
    effects = attribute(JOURNEYS["edge_trap"], model).removal_effects["conversions"]
    bought, begun = 2, sum(c + n for _, c, n, _ in TABLES["edge_trap"])
    assert effects["C"] == pytest.approx(1 - (1 / 3) / (bought / begun))


# ---------------------------------------------------------------------- one fixture, many numbers


def test_the_same_paths_give_channel_a_anything_from_nothing_to_39_percent():
    def share(model):
        return round(100 * credited(JOURNEYS["fixture"], model)["A"] / 10, 2)

    def named(name, row):
        return share(profile(name)[row])

    found = {
        "reconnect": named("mta-audit-0.1.2", "mta-audit 0.1.2 markov reconnect"),
        "mta": named("mta-0.0.9", "mta 0.0.9 markov"),
        "mam": named("mam-2", "MAM 2.1.1 markov"),
        "channelattribution": named(
            "channelattribution-2.2.5", "ChannelAttribution 2.2.5 markov(1)"
        ),
        "exact": named("exact", "exact markov(1)"),
        "redirect": named(
            "do-attribution-0.0.2", "do-attribution 0.0.2 markov(1) redirect_to_null"
        ),
        "audit redirect": named("mta-audit-0.1.2", "mta-audit 0.1.2 markov redirect_to_null"),
        "max_step=1000": share(TruncatedMarkov(max_step=1000)),
        "fail": named("do-attribution-0.0.2", "do-attribution 0.0.2 markov(1) fail"),
        "no nulls": share(TruncatedMarkov(max_step=1000, nulls=False)),
    }
    assert found == {
        "reconnect": 0.0,
        "mta": 24.31,
        "mam": 26.78,
        "channelattribution": 35.55,
        "exact": 36.15,
        "redirect": 36.15,
        "audit redirect": 36.15,
        "max_step=1000": 36.15,
        "fail": 37.5,
        "no nulls": 38.89,
    }


# ---------------------------------------------------------------------- identities


@given(rows())
def test_fail_is_participation(data):
    journeys = build(data)
    met = compare(journeys, [FirstTouch()]).influenced
    total = sum(met.values())
    if not total:
        with pytest.raises(ModelError, match="no channel has any effect"):
            attribute(journeys, Participation())
        return
    bought = journeys.conversions[journeys.lengths > 0].sum()
    assert_equal(
        credited(journeys, Participation()), {c: bought * x / total for c, x in met.items()}
    )


@given(rows())
def test_mam_1_counts_like_a_chain_of_buyers(data):
    journeys = build(data)
    one, other = (attribute(journeys, m) for m in (MoneyMarkov(), Markov(nulls=False)))
    np.testing.assert_allclose(one.amounts[:, 0], other.amounts[:, 0], atol=1e-9)
    np.testing.assert_allclose(one.unattributed, other.unattributed)


def naive_refit(row, channel, order, strategy):
    """What is left of a journey without the channel: its states, or None where it is forgotten."""
    if strategy == "detour":
        left = [name for name in row.path if name != channel]
        return (left, row.conversions) if left else None
    states = [row.path[i : i + order] for i in range(max(1, len(row.path) - order + 1))]
    if all(channel in state for state in states):
        return None
    return states, 0 if channel in row.path else row.conversions


@given(rows(), st.integers(1, 3), st.sampled_from(["fail_refit", "detour"]))
def test_refitting_by_counting_again(data, order, strategy):
    data = [row for row in data if row.path and row.conversions + row.nulls]
    bought = sum(row.conversions for row in data)
    if not bought:
        return
    base = bought / sum(row.conversions + row.nulls for row in data)
    wanted = {}
    for channel in {name for row in data for name in row.path}:
        left = [(row, naive_refit(row, channel, order, strategy)) for row in data]
        left = [(row, found[1]) for row, found in left if found is not None]
        count = sum(row.conversions + row.nulls for row, _ in left)
        rate = sum(got for _, got in left) / count if count else 0.0
        wanted[channel] = (1 - rate / base) * (-1 if strategy == "detour" and count else 1)
    total = sum(wanted.values())
    try:
        found = attribute(build(data), Participation(strategy, order))
    except ModelError:
        assert (
            total == pytest.approx(0, abs=1e-9)
            or min(x / total for x in wanted.values()) < 1e-12
            or max(x / total for x in wanted.values()) > 1 - 1e-9
        )
        return
    assert_equal(found.removal_effects["conversions"].to_dict(), wanted, scale=1)


@given(rows())
def test_mta_linear_and_shapley_split_over_distinct_channels(data):
    models = profile("mta-0.0.9")
    assert models["mta 0.0.9 linear"] == models["mta 0.0.9 shapley"] == Shapley()
    wanted = defaultdict(float)
    for row in data:
        seen = list(dict.fromkeys(row.path))
        for rank, name in enumerate(seen, start=1):
            wanted[name] += row.conversions * rank / (len(seen) * (len(seen) + 1) / 2)
    assert_equal(credited(build(data), RankDecay()), wanted)


def test_step_decay_reads_ages_where_there_are_any():
    row = Row(("a", "b", "c"), 1, 0, 70.0, (15 * DAY, 8 * DAY - 1, DAY))
    found = credited(build([row]), StepDecay(), "value")
    assert_equal(found, {"a": 70 * 1 / 9, "b": 70 * 4 / 9, "c": 70 * 4 / 9})


def test_local_shapley_takes_the_last_of_the_alphabet():
    journeys = build(
        [Row(tuple("abcdef"), 3, 2, 30.0), Row(("a",), 1, 4, 5.0)], "abcdef", ages=False
    )
    assert_equal(credited(journeys, LocalShapley()), {"a": 1.0, **dict.fromkeys("cdef", 0.75)})


# ---------------------------------------------------------------------- as models


def answers(journeys, model):
    try:
        return attribute(journeys, model)
    except ModelError:
        return None


@pytest.mark.parametrize("name", WITH_TIMES)
def test_every_profile_adds_over_batches_and_subtracts(name):
    model, journeys = WITH_TIMES[name], example_journeys(3)
    whole = model.tally(journeys)
    parts = [model.tally(journeys.take(slice(i, None, 3))) for i in range(3)]
    added = parts[0] + parts[1] + parts[2]
    assert (added.channels, added.columns) == (whole.channels, whole.columns)
    np.testing.assert_array_equal(added.codes, whole.codes)
    np.testing.assert_allclose(added.sums, whole.sums, rtol=1e-12)
    less = added - parts[1]
    rest = model.tally(journeys.take(np.arange(len(journeys)) % 3 != 1))
    one, other = (answers_of_tally(model, tally) for tally in (less, rest))
    assert (one is None) == (other is None)
    if one is not None:
        np.testing.assert_allclose(one.amounts, other.amounts, rtol=1e-7, atol=1e-6)


def answers_of_tally(model, tally):
    try:
        return model.credit(tally)
    except ModelError:
        return None


@pytest.mark.parametrize("name", WITH_TIMES)
def test_profiles_obey_the_axioms_where_they_answer(name):
    model, journeys = WITH_TIMES[name], example_journeys(5)
    if answers(journeys, model) is None:
        return
    if isinstance(model, LocalShapley):  # it keeps the last channels of the alphabet
        with pytest.raises(ModelError, match=r"breaks: blind to names \(off by [^)]*\)\.$"):
            check_model(model, journeys)
        model = LocalShapley(12)
    check_model(model, journeys)


@pytest.mark.parametrize("name", profiles())
def test_compare_takes_a_profile_as_it_is(name):
    models = {
        row: model
        for row, model in profile(name).items()
        if answers(JOURNEYS["fixture"], model) is not None
    }
    assert models
    wide = compare(JOURNEYS["fixture"], models).wide()
    assert list(wide.columns) == list(models)
    np.testing.assert_allclose(wide.sum(), 10.0)


def test_time_decay_joins_where_there_are_ages():
    assert "MAM 2.1.1 time decay" not in profile("mam-2")
    with pytest.raises(MissingAges):
        compare(JOURNEYS["fixture"], profile("mam-2", ages=True))
    timed = compare(example_journeys(), profile("mam-2", ages=True))
    assert "MAM 2.1.1 time decay" in timed.credits


def test_an_unknown_profile_is_told_what_is_known():
    with pytest.raises(ConfigError, match="Did you mean 'channelattribution-2\\.2\\.5'") as caught:
        profile("ChannelAttribution")
    assert all(name in str(caught.value) for name in profiles())
    with pytest.raises(ConfigError, match="There is no profile '§'\\. Known: exact"):
        profile("§")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: TruncatedMarkov(0),
        lambda: TruncatedMarkov(1.5),
        lambda: TruncatedMarkov(max_step=0),
        lambda: Participation("reconnect"),
        lambda: Participation("fail", 0),
        lambda: LocalShapley(0),
        lambda: LocalShapley(13),
    ],
)
def test_parameters_that_cannot_stand(wrong):
    with pytest.raises(ModelError):
        wrong()


@pytest.mark.parametrize("name", WITH_TIMES)
def test_nothing_but_untouched_people(name):
    journeys = build([Row((), 0, 5, 0.0), Row(("a",), 0, 2, 0.0, (0,))])
    credit = answers(journeys, WITH_TIMES[name])
    assert credit is None or not credit.amounts.any()
