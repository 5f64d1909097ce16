"""Key paths: what a plain loop finds, and nothing beyond chance where there is nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from itertools import groupby

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from pandas.testing import assert_frame_equal

import attribution
from attribution import ConfigError, Journeys, ModelError
from attribution.decide import combinations
from attribution.decide.flows import flows_of, met_by, opened
from attribution.decide.paths import KeyPaths, paths
from attribution.names import CONVERSION, NULL, UNATTRIBUTED
from tests.decide.made import HOUR, made_brand, ranked
from tests.strategies import CHANNELS, Row, build, examples, rows

BINS = {2: 0, 3: 1, 4: 2, 5: 3, 6: 3, 7: 4, 8: 4, 9: 4, **dict.fromkeys(range(10, 15), 5)}


def by_pair(frame: pd.DataFrame) -> dict[tuple[str, str], pd.Series]:
    return {(each["seeder"], each["converter"]): each for _, each in frame.iterrows()}


def near(sums) -> tuple[float, ...]:
    """Return sums without the dust of rounding: path counts share their money between blocks."""
    return tuple(np.round(np.asarray(sums, float), 6).tolist())


def merged(path: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name, _ in groupby(path))


# ---------------------------------------------------------------------- naive twins


def naive_pairs(found: list[Row]) -> dict[tuple[str, str], dict[int, np.ndarray]]:
    """Return, for each pair and length, orders and journeys with it, and those apart."""
    sums: dict = defaultdict(lambda: defaultdict(lambda: np.zeros(4)))
    for row in found:
        if len(row.path) < 2:
            continue
        layer = BINS.get(len(row.path), 6)
        journeys = row.conversions + row.nulls
        for b in CHANNELS:
            for a in CHANNELS:
                if a == b or b not in row.path:
                    continue
                last = max(i for i, name in enumerate(row.path) if name == b)
                before = a in row.path[:last]
                at = sums[a, b][layer]
                at[0 if before else 2] += row.conversions
                at[1 if before else 3] += journeys
    return sums


def naive_lift(layers: dict[int, np.ndarray]) -> float:
    total = sum(layers.values())
    above = below = 0.0
    for a, n, c, m in layers.values():
        if n and m:
            half, other = n / total[1] / 2, m / total[3] / 2
            size = n + half + m + other
            above += (a + half) * (m + other) / size
            below += (c + other) * (n + half) / size
    return above / below


@given(rows(longest=9, most=16))
@examples(20)
def test_combinations_are_what_a_plain_loop_counts(found: list[Row]) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(combinations, "EXPECTED", 1e-9)  # however few there are
        key = paths(build(found), least=1)
    naive = naive_pairs(found)
    tested = by_pair(key.combinations)
    for pair, each in tested.items():
        total = sum(naive[pair].values())
        assert (each["orders"], each["journeys"]) == (total[0], total[1])
        assert each["lift"] == pytest.approx(naive_lift(naive[pair]))
        assert each["rate"] / each["base_rate"] == pytest.approx(each["lift"])
    assert key.seen == sum(sum(layers.values())[1] > 0 for layers in naive.values())
    for pair, layers in naive.items():
        shared = sum((each for each in layers.values() if each[1] and each[3]), np.zeros(4))
        orders, journeys = shared[0] + shared[2], shared[1] + shared[3]
        assert pair not in tested or 0 < orders < journeys


@given(rows(longest=7, most=14))
@examples(25)
def test_all_else_is_what_a_plain_loop_counts(found: list[Row]) -> None:
    key = paths(build(found), spans=("1h", "4h", "12h"), least=1, most=100)
    check_paths_and_lengths(key, found)
    check_roles(key, found)
    check_lags(key, found)
    check_flows(key, found)
    check_totals(key, found)


def check_paths_and_lengths(key: KeyPaths, found: list[Row]) -> None:
    by_path: dict = defaultdict(lambda: np.zeros(3))
    lengths: Counter = Counter()
    for row in found:
        by_path[merged(row.path)] += (row.conversions, row.value, row.nulls)
        lengths[len(row.path)] += row.conversions
    top = key.top[key.top["kind"] == "path"]
    sums = zip(top["path"], top["orders"], top["value"], top["nulls"], strict=True)
    wanted = {path: tuple(sums) for path, sums in by_path.items() if path and sums[0]}
    assert {path: near(each) for path, *each in sums} == wanted
    longest = int(key.lengths["touchpoints"].max())
    assert key.lengths["orders"].tolist() == [lengths[n] for n in range(longest + 1)]


def check_roles(key: KeyPaths, found: list[Row]) -> None:
    sums: dict = defaultdict(Counter)
    for row in found:
        if row.path:
            sums["opened"][row.path[0]] += row.conversions
            sums["closed"][row.path[-1]] += row.conversions
        for name in set(row.path):
            sums["in_path"][name] += row.conversions
            sums["assisted"][name] += row.conversions * (name != row.path[-1])
    roles = key.roles.set_index("channel")
    for role, counted in sums.items():
        assert roles.loc[list(CHANNELS), role].tolist() == [counted[name] for name in CHANNELS]


def check_lags(key: KeyPaths, found: list[Row]) -> None:
    buyers = [row for row in found if row.path and row.conversions]
    total = sum(row.conversions for row in buyers)
    assert len(key.lags) == (3 if total else 0)
    for _, each in key.lags.iterrows():
        for which, place in (("first", 0), ("last", -1)):
            within = [row for row in buyers if row.ages[place] <= each["span"]]
            assert each[f"{which}_orders"] == sum(row.conversions for row in within)
            assert near([each[f"{which}_value"]]) == (sum(row.value for row in within),)
            assert each[f"{which}_share"] == pytest.approx(each[f"{which}_orders"] / total)


def check_flows(key: KeyPaths, found: list[Row]) -> None:
    names = {"a": "x", "b": "x"}
    naive: dict = defaultdict(lambda: np.zeros(3))
    for row in found:
        path = merged(tuple(names.get(name, name) for name in row.path))
        sums = np.array([row.conversions, row.value, row.nulls], float)
        last = path[-1] if path else UNATTRIBUTED
        naive[3, last, CONVERSION] += sums * [1, 1, 0]
        naive[3, last, NULL] += sums * [0, 0, 1]
        if len(path) > 1:
            naive[2, path[-2], last] += sums
        if len(path) > 2:
            naive[1, path[0], path[-2]] += sums
    frame = flows_of(key.counts, names).set_index(["step", "source", "target"])
    read = {where: near(sums) for where, sums in zip(frame.index, frame.to_numpy(), strict=True)}
    assert read == {key: tuple(sums) for key, sums in naive.items() if sums.any()}


def check_totals(key: KeyPaths, found: list[Row]) -> None:
    orders = float(sum(row.conversions for row in found))
    value = float(sum(row.value for row in found))
    nulls = float(sum(row.nulls for row in found))
    sums = (orders, value, nulls)
    assert near(key.totals.iloc[2, 1:]) == sums
    assert near(key.top[["orders", "value", "nulls"]].sum()) == sums
    assert key.lengths["orders"].sum() == orders
    assert key.roles["opened"].sum() == orders
    assert near([key.roles["closed_value"].sum()]) == (value,)
    assert key.buyers["orders"].sum() == orders
    last = key.flows[key.flows["step"] == 3]
    assert near(last[["orders", "value", "nulls"]].sum()) == sums


# ---------------------------------------------------------------------- sums


def in_pieces(journeys: Journeys) -> list[Journeys]:
    """Return the journeys as batches, each knowing its own channels only."""
    pieces = []
    for part in (slice(0, 400), slice(400, 401), slice(401, None)):
        piece = journeys.take(part)
        used = np.unique(piece.codes)
        code = np.zeros(len(piece.channels), np.int32)
        code[used] = np.arange(len(used))
        names = tuple(piece.channels[i] for i in used)
        pieces.append(replace(piece, channels=names, codes=code[piece.codes]))
    return pieces


def same(one: KeyPaths, other: KeyPaths) -> None:
    for name, frame in one.frames().items():
        assert_frame_equal(frame, other.frames()[name], rtol=1e-9)
    assert one.seen == other.seen


def test_batches_add_up_whatever_they_are() -> None:
    journeys = made_brand(30, 3_000)
    same(paths(journeys), paths(in_pieces(journeys)))
    same(paths(journeys), paths(iter(in_pieces(journeys)[::-1])))


def test_a_period_is_a_source_like_any_other() -> None:
    journeys = made_brand(30, 1_000)
    dated = replace(journeys, day=np.arange(1_000, dtype=np.int32) % 10)
    some = dated.take(dated.day < 5)
    same(attribution.paths(attribution.in_period(dated, "1970-01-01", "1970-01-05")), paths(some))


def test_what_an_order_says_of_itself_is_left_out() -> None:
    journeys = made_brand(30, 2_000)
    evidence = np.random.default_rng(0).random(len(journeys.codes)) < 0.3
    marked = replace(journeys, evidence=evidence)
    same(paths(marked), paths(marked.observed))


# ---------------------------------------------------------------------- by hand


def test_a_small_case_by_hand() -> None:
    found = [
        Row(("a", "a", "b"), 3, 1, 300.0, (5 * HOUR, 4 * HOUR, 0)),
        Row(("b",), 1, 3, 50.0, (2 * HOUR,)),
        Row(("a", "b", "a", "b"), 1, 0, 70.0, (9 * HOUR, 8 * HOUR, 7 * HOUR, 3 * HOUR)),
        Row((), 2, 0, 500.0, ()),
    ]
    key = paths(build(found, ("a", "b")), spans=("1h", "6h"), least=1)
    top = key.top.set_index("path")
    assert top.loc[[("a", "b")], "orders"].tolist() == [3]  # a, a, b: repeats are one step
    assert top.loc[[("a", "b")], "rate"].tolist() == [0.75]
    # 5 orders of 9 journeys with a touchpoint.
    assert top.loc[[("a", "b")], "lift"].tolist() == pytest.approx([0.75 / (5 / 9)])
    assert top.loc[[(UNATTRIBUTED,)], "value"].tolist() == [500]
    roles = key.roles.set_index("channel")
    assert tuple(roles.loc["a", ["opened", "closed", "assisted"]]) == (4, 0, 4)
    assert tuple(roles.loc["b", ["opened", "closed", "assisted"]]) == (1, 5, 0)
    assert tuple(roles.loc[UNATTRIBUTED, ["opened", "closed", "in_path"]]) == (2, 2, 0)
    assert roles.loc["b", "ratio"] == 0
    assert key.lengths["orders"].tolist() == [2, 1, 0, 3, 1]
    assert key.lengths["within"].tolist()[1:] == pytest.approx([0.2, 0.2, 0.8, 1.0])
    assert key.lags["first_orders"].tolist() == [0, 4]
    assert key.lags["last_orders"].tolist() == [3, 5]
    assert key.lags["last_value_share"].tolist() == pytest.approx([300 / 420, 1.0])
    assert key.buyers["orders"].tolist() == [7]
    assert key.buyers["touchpoints"].tolist() == pytest.approx([(3 * 3 + 1 + 4) / 5])


def test_new_and_returning_buyers_are_told_apart() -> None:
    kinds = np.array(["new", None, "returning", None], object)
    found = [
        Row(("a",), 1, 0, 10.0, (HOUR,)),
        Row(("a", "b"), 1, 0, 20.0, (30 * HOUR, HOUR)),
        Row(("b",), 1, 0, 40.0, (2 * HOUR,)),
        Row((), 1, 0, 80.0, ()),
    ]
    key = paths(replace(build(found, ("a", "b")), segments={"buyer": kinds}))
    buyers = key.buyers.set_index("buyer")
    assert buyers["value"].to_dict() == {"new": 10, "returning": 40, "": 100}
    assert buyers["unattributed"].to_dict() == {"new": 0, "returning": 0, "": 1}
    assert buyers["within_day"].to_dict() == {"new": 1, "returning": 1, "": 0}
    roles = key.roles.set_index("channel")
    assert tuple(roles.loc["a", ["opened_new", "opened_returning", "opened"]]) == (1, 0, 2)
    assert tuple(roles.loc["b", ["closed_new", "closed_returning", "closed"]]) == (0, 1, 2)


def test_by_lift_luck_with_few_journeys_does_not_win() -> None:
    found = [Row(("a",), 2, 0, 1.0), Row(("b",), 60, 40, 1.0), Row(("c",), 10, 90, 1.0)]
    top = paths(build(found), least=2).top.set_index("path")
    assert top.loc[[("a",)], "lift"].item() > top.loc[[("b",)], "lift"].item()
    assert top["rank_lift"].dropna().to_dict() == {("b",): 1, ("a",): 2, ("c",): 3}
    assert pd.isna(paths(build(found), least=3).top.set_index("path")["rank_lift"][("a",)])


# ---------------------------------------------------------------------- lifts and chance


def test_the_interval_is_the_jackknife_over_blocks_of_people() -> None:
    journeys = made_brand(4, 2_000, base=0.2)
    names = dict(zip(journeys.channels, CHANNELS, strict=True))
    plain = journeys.rolled_up(names)
    each = paths(plain).combinations.iloc[0]
    pair = (each["seeder"], each["converter"])
    blocks: dict[int, list[Row]] = defaultdict(list)
    for place, block in enumerate(plain.block.tolist()):
        codes = plain.codes[plain.offsets[place] : plain.offsets[place + 1]]
        bought = int(plain.conversions[place])
        blocks[block].append(Row(tuple(CHANNELS[c] for c in codes), bought, 1 - bought, 0.0))
    counted = [naive_pairs(blocks[block])[pair] for block in range(64)]

    def without(left_out: int) -> float:
        layers: dict = defaultdict(lambda: np.zeros(4))
        for block, part in enumerate(counted):
            for layer, sums in part.items():
                layers[layer] += sums * (block != left_out)
        return float(np.log(naive_lift(layers)))

    parts = np.array([without(block) for block in range(64)])
    error = np.sqrt(63 / 64 * ((parts - parts.mean()) ** 2).sum())
    t63 = 1.9983405  # of 97.5 %
    assert np.log(each["high"] / each["low"]) == pytest.approx(2 * t63 * error, rel=1e-6)


def test_a_planted_seeding_effect_is_found_and_its_interval_holds_the_truth() -> None:
    held = found = 0
    for seed in range(8):
        seeder, converter = ranked(20)[1], ranked(20)[0]
        frame = paths(made_brand(20, 6_000, lift=2.5, longer=1.1, seed=seed)).combinations
        each = by_pair(frame)[seeder, converter]
        held += each["low"] <= 2.5 <= each["high"]
        found += each["found"]
    assert found == 8
    assert held >= 6  # of 8 at 95 %: fewer has a chance of 1 %


@pytest.mark.parametrize("longer", [1.0, 1.25], ids=["random", "longer journeys order more"])
def test_on_random_data_nothing_is_found(longer: float) -> None:
    false = 0
    for seed in range(8):
        frame = paths(made_brand(20, 6_000, lift=1.0, longer=longer, seed=seed)).combinations
        assert len(frame) > 30
        false += frame["found"].any()
    assert false <= 2  # of 8 at 5 %: more has a chance of 1 %


def test_shuffled_orders_leave_nothing_of_a_planted_effect() -> None:
    journeys = made_brand(20, 6_000, lift=3.0)
    assert paths(journeys).combinations["found"].any()
    false = 0
    for seed in range(8):
        order = np.random.default_rng(seed).permutation(len(journeys))
        bought = journeys.conversions[order]
        shuffled = replace(
            journeys, conversions=bought, nulls=1 - bought, values={"value": bought * 1.0}
        )
        false += paths(shuffled).combinations["found"].any()
    assert false <= 2


def test_people_who_come_again_and_again_are_not_many_people() -> None:
    # 40 keen people go the same way each time and always order: 400 orders, but 40 people.
    rng = np.random.default_rng(1)
    ordered, not_ordered = Row(("a", "b"), 1, 0, 1.0), Row(("a", "b"), 0, 1, 0.0)
    rest = [not_ordered] * 800 + [Row(("c", "b"), 1, 3, 1.0)] * 300
    together = build([*[replace(ordered, conversions=10)] * 40, *rest])
    apart = build([ordered] * 400 + rest)
    together, apart = (
        replace(each, block=rng.integers(0, 64, len(each)).astype(np.uint8))
        for each in (together, apart)
    )
    clustered, spread = (by_pair(paths(each).combinations)["a", "b"] for each in (together, apart))
    assert clustered["lift"] == pytest.approx(spread["lift"])
    wide = np.log(clustered["high"] / clustered["low"])
    assert wide > 1.5 * np.log(spread["high"] / spread["low"])
    assert clustered["p"] >= spread["p"]


def test_few_journeys_are_not_tested_and_the_number_tested_is_what_is_corrected_for() -> None:
    journeys = made_brand(20, 6_000)
    key = paths(journeys, least=200)
    assert (key.combinations["journeys"] >= 200).all()
    assert 0 < len(key.combinations) < key.seen
    p = key.combinations["p"].to_numpy()
    assert (np.diff(p) >= 0).all()
    q = np.minimum.accumulate((p * len(p) / np.arange(1, len(p) + 1))[::-1])[::-1]
    assert key.combinations["q"].tolist() == pytest.approx(np.minimum(q, 1.0).tolist())


def test_path_counts_have_intervals_too() -> None:
    journeys = made_brand(6, 3_000, base=0.2)
    counts = replace(journeys, block=None, ages=None, segments={})
    key = paths(counts)
    persons = by_pair(paths(journeys).combinations)
    assert len(key.combinations)
    assert not len(key.lags)
    for pair, each in by_pair(key.combinations).items():
        assert each["lift"] == pytest.approx(persons[pair]["lift"])
        assert each["low"] < each["lift"] < each["high"]


# ---------------------------------------------------------------------- nodes


def test_inside_a_node_are_the_journeys_that_meet_it() -> None:
    key = paths(made_brand(60, 3_000))
    node = str(key.nodes.loc[key.nodes["channels"] > 1, "node"].iloc[0])
    members = set(key.nodes.loc[key.nodes["node"] == node, "channel"])
    inside = opened(key.counts, sorted(members))
    assert set(inside.nodes["channel"]) == members
    assert inside.nodes["node"].nunique() <= 10
    names = [
        {key.counts.channels[c] for c in key.counts.codes[a:b]}
        for a, b in zip(key.counts.offsets[:-1], key.counts.offsets[1:], strict=True)
    ]
    meets = np.array([bool(each & members) for each in names])
    last = inside.flows[inside.flows["step"] == 3]
    assert last["orders"].sum() == key.counts.conversions[meets].sum()
    assert last["nulls"].sum() == key.counts.nulls[meets].sum()
    met = met_by(key.counts, dict.fromkeys(members, node)).set_index("node").loc[node]
    assert met["orders"] == last["orders"].sum()


# ---------------------------------------------------------------------- bad and empty input


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"least": 0}, "least=0"),
        ({"most": 0}, "most=0"),
        ({"interval": 1.5}, "1.5"),
        ({"spans": ()}, "spans"),
        ({"spans": ("3D", "1D")}, "write times that rise"),
        ({"spans": ("3",)}, "unit"),
    ],
)
def test_what_cannot_stand_is_refused(wrong: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        paths(build([Row(("a",), 1, 0, 1.0)]), **wrong)


def test_no_batch_is_an_error_and_an_empty_one_is_none() -> None:
    with pytest.raises(ModelError, match="no batch"):
        paths([])
    empty = made_brand(5, 10).take(np.zeros(10, bool))
    key = paths(empty)
    assert key.totals["orders"].tolist() == [0, 0, 0]
    for frame in (key.combinations, key.top, key.lags, key.buyers, key.nodes, key.flows):
        assert not len(frame)
