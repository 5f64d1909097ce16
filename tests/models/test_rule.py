"""Rules: the naive twin, the identities, and every error of the file once."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attribution.errors import ConfigError, DataError, MissingAges, ModelError
from attribution.journeys import Journeys
from attribution.model import attribute, check_model, label
from attribution.models.heuristic import (
    FirstTouch,
    LastNonDirect,
    LastTouch,
    Linear,
    PositionBased,
    TimeDecay,
)
from attribution.models.rule import (
    DeclaredWeights,
    FromEnd,
    Rule,
    Shares,
    Terms,
    deciding,
    read_rule,
)
from tests.strategies import HOUR, build, rows

CHANNELS = ("ad", "direct", "live", "live·a", "video")
TYPES = ("click", "exposure", "order_source", None)
LONGEST = 6


def declared(**terms) -> Rule:
    return Rule(DeclaredWeights(Terms(**terms)), "declared")


# ---------------------------------------------------------------------- the naive twin


def naive_decides(patterns, name):
    """Return the pattern that decides on a name: exact, else most literal, else first written."""
    matching = [
        p
        for p in patterns
        if p == name or re.fullmatch(re.escape(p).replace(r"\*", ".*").replace(r"\?", "."), name)
    ]
    best = None
    for p in matching:
        rank = (p == name, len(p.replace("*", "").replace("?", "")))
        if best is None or rank > best[0]:
            best = (rank, p)
    return best and best[1]


def naive_weights(terms, path, ages, types):
    """Weigh one journey, touchpoint by touchpoint, as DeclaredWeights describes it."""
    own = []
    for channel, kind in zip(path, types, strict=True):
        weight = 1.0
        for table, name in ((terms.channel, channel), (terms.event, kind or "")):
            pattern = naive_decides([p for p, _ in table], name)
            weight *= 1.0 if pattern is None else dict(table)[pattern]
        own.append(weight)
    left = []
    for i, channel in enumerate(path):
        pattern = naive_decides([p for p, _ in terms.lookback], channel)
        limit = None if pattern is None else pd.Timedelta(dict(terms.lookback)[pattern])
        if own[i] > 0 and (limit is None or pd.Timedelta(ages[i], "ms") <= limit):
            left.append(i)
    others = [i for i in left if naive_decides(terms.ignore, path[i]) is None]
    left = others or left
    everything = [p for tier in terms.priority for p in tier]

    def tier(i):
        pattern = naive_decides(everything, path[i])
        return next(
            (t for t, tier in enumerate(terms.priority) if pattern in tier), len(terms.priority)
        )

    left = [i for i in left if tier(i) == min(map(tier, left))]
    weights = [0.0] * len(path)
    for place, i in enumerate(left):
        weights[i] = own[i] * naive_position(terms.position, place, len(left))
    if terms.half_life is not None:
        youngest = min((ages[i] for i in left if weights[i] > 0), default=0)
        weights = [
            w * 0.5 ** ((age - youngest) / (pd.Timedelta(terms.half_life) / pd.Timedelta("1ms")))
            if w
            else 0.0
            for w, age in zip(weights, ages, strict=True)
        ]
    return weights


def naive_position(position, place, length):
    if position is None:
        return 1.0
    if isinstance(position, FromEnd):
        back = length - 1 - place
        return position.weights[back] if back < len(position.weights) else position.rest
    if length == 1:
        return position.only
    if place == 0:
        return position.first
    return position.last if place == length - 1 else position.middle / (length - 2)


patterns = st.sampled_from((*CHANNELS, "*", "live*", "*e*", "?d", "d*", "l*", "nobody"))
weight = st.sampled_from((0.0, 0.2, 1.0, 2.5, 1e-9, 1e9))
durations = st.sampled_from(("1h", "3h", "8h", "1D"))


def tables(keys, values):
    return st.dictionaries(keys, values, max_size=4).map(lambda d: tuple(d.items()))


@st.composite
def priorities(draw):
    chosen = draw(st.lists(patterns, unique=True, max_size=5))
    cuts = draw(st.lists(st.booleans(), min_size=len(chosen), max_size=len(chosen)))
    tiers = []
    for pattern, cut in zip(chosen, cuts, strict=True):
        if cut or not tiers:
            tiers.append([])
        tiers[-1].append(pattern)
    return tuple(map(tuple, tiers))


positive = st.sampled_from((0.1, 0.4, 1.0, 3.0))
positions = st.one_of(
    st.none(),
    st.builds(Shares, positive, weight, weight, weight),
    st.builds(Shares, weight, weight, positive),
    st.builds(
        lambda a, b, rest: FromEnd((a, *b), rest), positive, st.lists(weight, max_size=3), weight
    ),
)
all_terms = st.builds(
    Terms,
    position=positions,
    channel=tables(patterns, weight),
    event=tables(st.sampled_from(("click", "exposure", "*", "order*", "e*")), weight),
    lookback=tables(patterns, durations),
    ignore=st.lists(patterns, max_size=2).map(tuple),
    priority=priorities(),
    half_life=st.none() | st.sampled_from(("1ms", "1h", "7D")),
)


def typed(data, journeys: Journeys) -> Journeys:
    n = len(journeys.codes)
    types = data.draw(st.lists(st.sampled_from(TYPES), min_size=n, max_size=n))
    return replace(journeys, touch={"event": np.array(types, dtype=object)})


@given(all_terms, rows(CHANNELS, LONGEST), st.data())
def test_a_declared_rule_weighs_as_its_naive_twin(terms, given_rows, data):
    journeys = typed(data, build(given_rows, CHANNELS))
    weights = declared(**vars(terms)).weights(journeys)
    types = list(journeys.touch["event"])
    for row, a, b in zip(given_rows, journeys.offsets, journeys.offsets[1:], strict=False):
        expected = naive_weights(terms, row.path, row.ages, types[a:b])
        np.testing.assert_allclose(weights[a:b], expected, rtol=1e-12)


@given(all_terms, rows(CHANNELS, LONGEST), st.data())
def test_ignoring_and_priority_never_leave_a_journey_without_weight(terms, given_rows, data):
    journeys = typed(data, build(given_rows, CHANNELS))
    if isinstance(terms.position, Shares):  # only = 0 says that such journeys get nothing
        terms = replace(terms, position=replace(terms.position, only=1.0))
    inside = declared(**vars(replace(terms, ignore=(), priority=(), position=None)))
    had = np.bincount(journeys.rows, inside.weights(journeys), len(journeys)) > 0
    has = np.bincount(journeys.rows, declared(**vars(terms)).weights(journeys), len(journeys)) > 0
    np.testing.assert_array_equal(has, had)


@settings(max_examples=settings.default.max_examples // 4)
@given(all_terms, rows(CHANNELS, LONGEST), st.data())
def test_a_declared_rule_obeys_the_axioms(terms, given_rows, data):
    journeys = typed(data, build(given_rows, CHANNELS))
    check_model(declared(**vars(terms)), journeys, named=CHANNELS)


def every_other(journeys):
    return np.arange(len(journeys.codes)) * 0.0 + (journeys.codes > 0)


@pytest.mark.parametrize(
    "rule",
    [
        Rule(every_other),
        declared(position=Shares(0.4, 0.2, 0.4), half_life="1D"),
        declared(channel=(("live", 2.0), ("*", 0.5)), lookback=(("*", "4D"),)),
        declared(ignore=("ads",), priority=(("live", "group"), ("video",))),
    ],
    ids=("function", "position", "channel", "priority"),
)
def test_rules_pass_check_model(rule):
    named = ("ads", "group", "live", "search", "video")
    found = check_model(rule, named=named)
    assert {"blind to order", "conservation", "additive over batches"} <= set(found["axiom"])


# ---------------------------------------------------------------------- identities


@pytest.mark.parametrize(
    ("rule", "model"),
    [
        (declared(position=Shares(0.4, 0.2, 0.4)), PositionBased(0.4, 0.4)),
        (declared(position=Shares(0.07, 0.0, 0.93)), PositionBased(0.07, 0.93)),
        (declared(position=Shares(1, 0, 0)), FirstTouch()),
        (declared(position=Shares(0, 0, 1)), LastTouch()),
        (declared(position=FromEnd((1.0,))), LastTouch()),
        (declared(position=FromEnd((1.0,), rest=1.0)), Linear()),
        (declared(position=FromEnd((1.0,)), ignore=("direct",)), LastNonDirect()),
        (
            declared(position=Shares(0, 0, 1), ignore=("direct", "a*")),
            LastNonDirect(("direct", "ad")),
        ),
        (declared(half_life="6h"), TimeDecay("6h")),
        (declared(channel=(("*", 3.0),)), Linear()),
        (declared(lookback=(("*", "9D"),), priority=(("*",),)), Linear()),
    ],
)
@given(rows(CHANNELS, LONGEST))
def test_rules_equal_the_model_they_spell_out(rule, model, given_rows):
    journeys = build(given_rows, CHANNELS)
    ours, theirs = (attribute(journeys, m).frame() for m in (rule, model))
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-12)


def one(path, ages=None, types=None, channels=None) -> Journeys:
    """One converting journey."""
    channels = tuple(sorted(channels or set(path)))
    n = len(path)
    return Journeys(
        channels=channels,
        offsets=np.array([0, n]),
        codes=np.array([channels.index(name) for name in path], np.int32),
        conversions=np.array([1]),
        nulls=np.array([0]),
        values={"value": np.array([100.0])},
        ages=None if ages is None else np.array(ages, np.int64) * HOUR,
        touch={} if types is None else {"event": np.array(types, dtype=object)},
    )


def shares(rule, journey) -> dict[str, float]:
    frame = attribute(journey, rule).frame()
    return {c: s for c, s in zip(frame["channel"], frame["share"], strict=True) if s}


def test_no_weight_underflows_however_old_the_touchpoint():
    # First touch under a half-life of a millisecond, years before the order.
    rule = declared(position=Shares(1, 0, 0), half_life="1ms")
    assert shares(rule, one(["ad", "live"], [30_000, 0])) == {"ad": 1.0}
    rule = declared(ignore=("direct",), half_life="1ms")
    assert shares(rule, one(["ad", "direct"], [30_000, 0])) == {"ad": 1.0}


def test_a_journey_outside_every_lookback_is_unattributed():
    rule = declared(lookback=(("*", "3h"),))
    assert shares(rule, one(["ad", "live"], [9, 4])) == {"(unattributed)": 1.0}
    assert shares(rule, one(["ad", "live"], [9, 3])) == {"live": 1.0}


def test_positions_are_counted_among_the_touchpoints_that_count():
    rule = declared(position=Shares(1, 0, 0), event=(("click", 1.0), ("exposure", 0.0)))
    assert shares(rule, one(["ad", "live", "video"], types=["exposure", "click", "click"])) == {
        "live": 1.0
    }


def test_the_closest_pattern_decides():
    names = ["抖音·品牌自播", "抖音·达人", "快手", "抖音"]
    assert deciding(["*", "抖音*", "抖音·品牌自播", "抖音·*", "*·品牌自播"], names).tolist() == [
        2,
        3,
        0,
        1,
    ]
    assert deciding(["快手", "抖音?达人"], names).tolist() == [-1, 1, 0, -1]
    assert deciding(["a[b]*", "[x]"], ["a[b]c", "ab", "x", "a[b]"]).tolist() == [0, -1, -1, 0]
    assert deciding(["a*", "*a"], ["aa"]).tolist() == [0]  # equally close: the first written


def test_priority_takes_the_highest_tier_present():
    rule = declared(priority=(("ad",), ("live*", "video")))
    assert shares(rule, one(["ad", "live", "direct"])) == {"ad": 1.0}
    assert shares(rule, one(["video", "live", "direct", "direct"])) == {"video": 0.5, "live": 0.5}
    assert shares(rule, one(["direct"])) == {"direct": 1.0}


def test_a_missing_type_weighs_as_the_rest():
    journey = one(["ad", "live"], types=["click", None])
    assert shares(declared(event=(("click", 3.0),)), journey) == {"ad": 0.75, "live": 0.25}
    assert shares(declared(event=(("click", 1.0), ("*", 0.0))), journey) == {"ad": 1.0}
    floats = replace(journey, touch={"event": np.array([1.0, np.nan])})
    assert shares(declared(event=(("1.0", 3.0),)), floats) == {"ad": 0.75, "live": 0.25}


def test_unmatched_patterns_are_named():
    weigh = DeclaredWeights(Terms(channel=(("抖音*", 2.0),), ignore=("direct", "dirct")))
    assert weigh.unmatched(one(["direct", "抖音"])) == ["dirct"]


# ---------------------------------------------------------------------- a user's own function


def test_a_function_is_a_rule():
    rule = Rule(every_other)
    assert rule.name == label(rule) == "every_other"
    assert label(Rule(every_other, name="my rule")) == "my rule"
    assert shares(rule, one(["ad", "live"])) == {"live": 1.0}
    assert pickle.loads(pickle.dumps(rule)) == rule


def test_unnamed_functions_have_a_steady_name():
    assert label(Rule(lambda j: j.codes)) == "Rule"
    assert label(Rule(partial(every_other))) == "partial"
    assert label(Rule(DeclaredWeights(Terms(ignore=("a",))))) == "DeclaredWeights"


@pytest.mark.parametrize(
    ("weigh", "parts"),
    [
        (lambda j: np.ones(2), ["mine", "shape (2,)", "each of 3 touchpoints", "journeys.codes"]),
        (lambda j: np.ones((3, 1)), ["mine", "shape (3, 1)", "each of 3 touchpoints"]),
        (lambda j: [1, -2, 1], ["mine", "-2.0", "touchpoint 1", "'live'", "Return 0"]),
        (lambda j: [1, 1, np.nan], ["mine", "nan", "touchpoint 2", "'video'"]),
        (lambda j: [np.inf, 1, 1], ["mine", "inf", "touchpoint 0", "'ad'"]),
        (lambda j: ["a", "b", "c"], ["mine", "list", "one number per touchpoint"]),
        (lambda j: None, ["mine", "shape ()"]),
    ],
)
def test_bad_weights_are_refused(weigh, parts):
    with pytest.raises(ModelError) as caught:
        attribute(one(["ad", "live", "video"]), Rule(weigh, "mine"))
    for part in parts:
        assert part in str(caught.value)


def test_a_rule_needs_a_function():
    with pytest.raises(ModelError, match=r"'rule.toml'.*found str.*Rule\.from_toml"):
        Rule("rule.toml")


# ---------------------------------------------------------------------- what the data lack


@pytest.mark.parametrize("terms", [{"half_life": "7D"}, {"lookback": (("ad", "7D"),)}])
def test_times_are_needed_for_half_life_and_lookback(terms):
    with pytest.raises(MissingAges) as caught:
        attribute(one(["ad"]), declared(**terms))
    assert caught.value.model == "declared"
    assert "declared needs the age of every touchpoint" in str(caught.value)


def test_types_must_be_carried():
    bare = replace(one(["ad"]), touch={"session_id": np.array(["s"], dtype=object)})
    with pytest.raises(DataError) as caught:
        attribute(bare, declared(event=(("click", 1.0),)))
    for part in ("no touchpoint column 'event'", "'session_id'", "[event]", 'columns=["event"]'):
        assert part in str(caught.value)


# ---------------------------------------------------------------------- the file

EXAMPLE = """\
name = "live first"          # the file's name, if left out
half_life = "7D"
ignore = ["direct", "搜索*"]
priority = [
    "广告*",
    ["社群*", "短视频*"],
]
lookback = {"抖音*" = "7D", "*" = "30D"}

[position]
first = 0.4
middle = 0.2
last = 0.4
only = 1

[channel]
"抖音*" = 2
'抖音·品牌自播' = 1.5

[event]
click = 1
exposure = 0.2
"""


def written(tmp_path, text, name="rule.toml", encoding="utf-8"):
    file = tmp_path / name
    file.write_bytes(text.encode(encoding))
    return file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_file_declares_every_term(tmp_path, encoding, newline):
    rule = Rule.from_toml(written(tmp_path, EXAMPLE.replace("\n", newline), encoding=encoding))
    assert rule == Rule(
        DeclaredWeights(
            Terms(
                position=Shares(0.4, 0.2, 0.4, 1.0),
                channel=(("抖音*", 2.0), ("抖音·品牌自播", 1.5)),
                event=(("click", 1.0), ("exposure", 0.2)),
                lookback=(("抖音*", "7D"), ("*", "30D")),
                ignore=("direct", "搜索*"),
                priority=(("广告*",), ("社群*", "短视频*")),
                half_life="7D",
            )
        ),
        "live first",
    )
    assert rule == pickle.loads(pickle.dumps(rule))
    assert hash(rule) == hash(pickle.loads(pickle.dumps(rule)))


def test_the_docstring_holds_a_file_that_can_be_read(tmp_path):
    block = Rule.__doc__.split("term is optional)::\n")[1]
    text = "\n".join(line[8:] for line in block.splitlines())
    rule = read_rule(written(tmp_path, text))
    assert rule.name == "live first"
    assert rule.weigh.terms.position == Shares(0.4, 0.2, 0.4)


def test_short_forms_and_the_files_name(tmp_path):
    rule = read_rule(str(written(tmp_path, 'lookback = "3D"\nignore = "direct"\n', "closing.toml")))
    assert rule.name == "closing"
    assert rule.weigh.terms == Terms(lookback=(("*", "3D"),), ignore=("direct",))
    assert repr(rule.weigh) == (
        "DeclaredWeights(terms=Terms(lookback=(('*', '3D'),), ignore=('direct',)))"
    )
    rule = read_rule(written(tmp_path, "[position]\nfrom_end = [3, 2]\nrest = 0.5\n"))
    assert rule.weigh.terms.position == FromEnd((3.0, 2.0), 0.5)


BAD_FILES = {
    "unknown key": (
        'name = "x"\n\nhalf_lif = "7D"\n',
        3,
        "half_lif: found an unknown key 'half_lif'",
        "one of name, position",
        "Did you mean 'half_life'?",
    ),
    "unknown key, nothing near": ("zzz = 1\n", 1, "'zzz'", "Use one of these, or remove it."),
    "unknown position": (
        "[position]\nfirst = 1\nmidle = 2\nlast = 1\n",
        3,
        "position.midle",
        "'midle'",
        "Did you mean 'middle'?",
    ),
    "unknown array of tables": ('[[rule]]\nname = "x"\n', 1, "'rule'", "one of name, position"),
    "no term": ('name = "x"\n', None, "found no term", "half_life", "Linear()"),
    "empty file": ("", None, "found no term"),
    "empty name": ('name = " "\nhalf_life = "1D"\n', 1, "name: found the text ' '", "quotation"),
    "name is a number": ('name = 7\nhalf_life = "1D"\n', 1, "name: found 7", "expected text"),
    "half-life without unit": (
        '\nhalf_life = "7"\n',
        2,
        "half_life: found the text '7'",
        "with its unit",
        '"36h"',
    ),
    "half-life is a number": ("half_life = 7\n", 1, "half_life: found 7", "quotation marks"),
    "half-life negative": ('half_life = "-7D"\n', 1, "'-7D'", "above 0"),
    "lookback in a table": (
        '[lookback]\n"抖音*" = "7D"\n"快手*" = "7天"\n',
        3,
        'lookback."快手*"',
        "'7天'",
        '"7D"',
    ),
    "lookback in an inline table": (
        'half_life = "1D"\nlookback = {a = "1D", b = 3}\n',
        2,
        "lookback.b: found 3",
    ),
    "lookback is a list": ('lookback = ["1D"]\n', 1, "lookback: found ['1D']", "a table"),
    "weight is text": (
        '[channel]\n# a comment\n"抖音*" = "2"\n',
        3,
        "channel.\"抖音*\": found the text '2'",
        "expected a weight",
        "without quotation marks",
    ),
    "weight negative": ("[channel]\nlive = -1\n", 2, "channel.live: found -1", "takes all weight"),
    "weight is true": ("[event]\nclick = true\n", 2, "event.click: found true", "a weight"),
    "weight is nan": ("[event]\nclick = nan\n", 2, "event.click: found nan", "a weight"),
    "weight infinite": ("[event]\nclick = inf\n", 2, "found inf", "1e-09 to 1e+09"),
    "weight tiny": ("[event]\nclick = 1e-300\n", 2, "found 1e-300", "1e-09 to 1e+09"),
    "unquoted dot": (
        "[channel]\nlive = 1\nshop.main = 2\n",
        3,
        "channel.shop: found a table",
        '"live.main" = 2',
    ),
    "empty pattern": ('[channel]\n" " = 2\n', 2, "found the text ' '", "text"),
    "channel is no table": ("channel = 2\n", 1, "channel: found 2", "a table", '"抖音*" = 2'),
    "channel is empty": ("[channel]\n", 1, "channel: found an empty table", "or remove the table"),
    "event is no table": ('event = "click"\n', 1, "event: found the text 'click'", "click = 1"),
    "ignore is a number": ("ignore = 1\n", 1, "ignore: found 1", "a list of channel names"),
    "ignore is empty": ("ignore = []\n", 1, "ignore: found []", "or remove ignore"),
    "ignore holds a number": (
        'ignore = [\n  "direct",  # ]\n  5,\n]\n',
        3,
        "ignore[2]: found 5",
        "expected text",
    ),
    "priority is text": (
        'priority = "a"\n',
        1,
        "priority: found the text 'a'",
        "the highest first",
    ),
    "priority holds an empty tier": (
        'priority = [\n  "a",\n  [],\n]\n',
        3,
        "priority[2]: found []",
    ),
    "priority deep": (
        'priority = [\n  "a",\n  ["b",\n   {c = 1}],\n]\n',
        4,
        "priority[2][2]: found a table",
    ),
    "priority repeats": (
        'priority = [\n  "a",\n  ["b",\n   "a"],\n]\n',
        3,
        "priority[2]: found 'a' again",
        "after tier 1",
        "each pattern in one tier",
    ),
    "position is a list": ("position = [1]\n", 1, "position: found [1]", "first = 0.4"),
    "position incomplete": (
        "half_life = '1D'\n[position]\nlast = 1\n",
        2,
        "found no first and no middle",
        "Add first = 0 and middle = 0",
    ),
    "position without ends": (
        "[position]\nfirst = 0\nmiddle = 1\nlast = 0\n",
        1,
        "first = 0 and last = 0",
        "two touchpoints",
    ),
    "position both ways": (
        "[position]\nfrom_end = [1]\nfirst = 1\n",
        3,
        "'first' beside from_end",
        "Keep one",
    ),
    "from_end is a number": (
        "[position]\nfrom_end = 1\n",
        2,
        "found 1",
        "the last touchpoint first",
    ),
    "rest alone": ("[position]\nrest = 1\n", 2, "position.rest: found no from_end"),
    "from_end begins with 0": (
        "[position]\nfrom_end = [\n0,\n1]\n",
        3,
        "position.from_end[1]: found 0",
        "above 0",
    ),
    "from_end holds text": (
        "[position]\nfrom_end = [\n1,\n'x']\n",
        4,
        "position.from_end[2]: found the text 'x'",
    ),
    "rest is text": ("[position]\nfrom_end = [1]\nrest = 'x'\n", 3, "position.rest"),
    "syntax": ("half_life = \n", 1, "'half_life ='", "not TOML", "Put texts in quotation marks"),
    "open list": ('half_life = "1D"\nignore = [\n"a",\n', 3, "not TOML", "close what you open"),
    "repeated key": ('half_life = "1D"\nhalf_life = "2D"\n', 2, "not TOML", "each key once"),
    "bare Chinese key": (
        "[channel]\n抖音* = 2\n",
        2,
        "'抖音* = 2'",
        "Put channel names and patterns in quotation",
    ),
    "Chinese quotes": (
        'half_life = "1D"\nignore = [“direct”]\n',
        2,
        "not TOML",
        'Write " instead of “',
    ),
    "Chinese equals": ('half_life ＝ "1D"\n', 1, "Write = instead of ＝"),
    "nested too deep": ("a = " + "[" * 100_000, None, "nested hundreds deep"),
}


@pytest.mark.parametrize("case", BAD_FILES, ids=BAD_FILES)
def test_every_mistake_names_its_line(tmp_path, monkeypatch, case):
    text, line, *parts = BAD_FILES[case]
    monkeypatch.chdir(tmp_path)
    written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        Rule.from_toml("rule.toml")
    message = str(caught.value)
    assert message.startswith("rule.toml: " if line is None else f"rule.toml, line {line}"), message
    assert line is None or not message[len(f"rule.toml, line {line}")].isdigit()
    for part in parts:
        assert part in message


def test_a_file_that_cannot_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.toml: found no readable file.*Check the path"):
        Rule.from_toml(tmp_path / "none.toml")
    file = written(tmp_path, '# ok\nignore = "直接"\n', encoding="gb18030")
    with pytest.raises(ConfigError, match=r"rule\.toml, line 2: found bytes that are not UTF-8"):
        Rule.from_toml(file)
