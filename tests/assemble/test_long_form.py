from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

import attribution
from attribution.assemble import long_rows, long_sources, person_buckets
from attribution.assemble.long_form import open_long_form
from attribution.errors import ConfigError, DataError
from attribution.journeys import Journeys
from attribution.model import tallies
from attribution.notes import NoteKind
from attribution.numerics import hashing
from tests.strategies import examples

ROLES = {
    "person": "user",
    "at": "ts",
    "channel": "channel",
    "converted": "converted",
    "value": "value",
}
FOREVER = "40000D"
START = datetime(2026, 3, 1, tzinfo=UTC)


def table(rows, person=None, at=None) -> pa.Table:
    """Return rows of (person, minutes, channel, value or None if it did not convert)."""
    instants = [START + timedelta(minutes=row[1]) for row in rows]
    return pa.table(
        {
            "user": pa.array([row[0] for row in rows], person),
            "ts": pa.array(instants, at or pa.timestamp("us", "UTC")),
            "channel": pa.array([row[2] for row in rows], pa.string()),
            "converted": pa.array([row[3] is not None for row in rows], pa.bool_()),
            "value": pa.array([row[3] or 0.0 for row in rows], pa.float64()),
        }
    )


def read(source, **options) -> list[Journeys]:
    return list(open_long_form(source, **(ROLES | options)))


def described(batches) -> Counter:
    """Return journeys as plain values; ages of those without an order count from the last."""
    found = Counter()
    for each in [batches] if isinstance(batches, Journeys) else batches:
        for i, (a, b) in enumerate(zip(each.offsets[:-1], each.offsets[1:], strict=True)):
            ages = each.ages[a:b]
            if not each.conversions[i]:
                ages = ages - ages[-1]
            found[
                tuple(each.channels[code] for code in each.codes[a:b]),
                tuple(ages.tolist()),
                int(each.conversions[i]),
                int(each.nulls[i]),
                float(each.values["value"][i]),
                int(each.block[i]),
                int(each.day[i]),
            ] += 1
    return found


def twin(rows, tz="Asia/Shanghai") -> Journeys:
    """Return the same journeys from touchpoints and orders; ids are text there."""
    touch = table(rows, pa.string())
    orders = touch.filter(touch["converted"])
    ids = pa.array([f"o{i}" for i in range(len(orders))], pa.string())
    return Journeys.from_touchpoints(
        touch.select(["user", "ts", "channel"]),
        orders.select(["user", "ts", "value"]).append_column("order_id", ids),
        person="user",
        at="ts",
        lookback=FOREVER,
        tz=tz,
    )


@st.composite
def long_forms(draw):
    """Return rows of (person, minutes, channel, value): whoever converts does so at the end."""
    rows = []
    for person in range(draw(st.integers(0, 8))):
        times = draw(st.lists(st.integers(0, 400_000), min_size=1, max_size=8))
        names = [draw(st.sampled_from(["a", "b", "直播", "c d"])) for _ in times]
        values = [None] * len(times)
        if draw(st.booleans()):
            values[times.index(max(times))] = draw(st.sampled_from([0.0, 9.5, 120.0]))
        rows += [(person, *each) for each in zip(times, names, values, strict=True)]
    if draw(st.booleans()):
        rows.sort(key=lambda row: row[1])
    else:
        rows = draw(st.permutations(rows))
    return rows


def as_text(rows, form="p{}"):
    return [(form.format(row[0]), *row[1:]) for row in rows]


def with_integer_blocks(rows):
    """Return the twin's journeys, with the blocks that whole numbers have."""
    found = Counter()
    by_text = hashing.blocks(hashing.hash_texts(pa.array([str(i) for i in range(8)])))
    numbers = hashing.blocks(hashing.hash_integers(np.arange(8)))
    assert len(set(by_text.tolist())) == 8  # a block tells the person
    block = dict(zip(by_text.tolist(), numbers.tolist(), strict=True))
    for key, count in described(twin(as_text(rows, "{}"))).items():
        found[(*key[:5], block[key[5]], key[6])] += count
    return found


def watched(batches) -> Counter:
    """Return when people were watched and at risk, in minutes."""
    names = ("watched_from", "watched_until", "risk_from", "risk_until")
    start = int(START.timestamp()) * 1_000
    found = Counter()
    for each in batches:
        columns = [((getattr(each, name) - start) // 60_000).tolist() for name in names]
        found.update(zip(*columns, strict=True))
    return found


@pytest.fixture
def small_pieces(monkeypatch):
    """Read a few rows at a time into many buckets of few people."""
    monkeypatch.setattr(long_sources, "_BATCH", 5)
    monkeypatch.setattr(person_buckets, "_ROWS", 4)


class TestEqualsTheTwin:
    @examples(60)
    @given(rows=long_forms(), parts=st.booleans())
    def test_text_ids(self, rows, parts):
        with pytest.MonkeyPatch.context() as patch:
            if parts:
                small_pieces.__wrapped__(patch)
            batches = read(table(as_text(rows), pa.string()))
        assert described(batches) == described(twin(as_text(rows)))

    @examples(60)
    @given(rows=long_forms(), parts=st.booleans(), gaps=st.booleans())
    def test_whole_numbers(self, rows, parts, gaps):
        with pytest.MonkeyPatch.context() as patch:
            if parts:
                small_pieces.__wrapped__(patch)
            if gaps:
                patch.setattr(person_buckets, "Numbered", lambda *_: person_buckets.Integers(3))
            batches = read(table(rows, pa.int64()))
        assert described(batches) == with_integer_blocks(rows)

    @examples(40)
    @given(rows=long_forms())
    def test_ids_that_share_the_bits_that_are_sorted_by(self, rows):
        """Hashes of three bits: people stand interleaved, and are parted."""
        whole = hashing.text_keys

        def few(array):
            found = whole(array)
            return hashing.TextKeys(found.hashes & np.uint64(0x300000001), found.checks)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(hashing, "text_keys", few)
            found = described(read(table(as_text(rows), pa.string())))
        expected = described(twin(as_text(rows)))
        assert Counter(key[:5] for key in found.elements()) == Counter(
            key[:5] for key in expected.elements()
        )

    def test_several_files_and_row_groups(self, tmp_path):
        rng = np.random.default_rng(1)
        rows = [
            (int(p), int(t), f"c{c:02d}", None)
            for p, t, c in zip(
                rng.integers(0, 90, 2_000),
                rng.integers(0, 100_000, 2_000),
                rng.integers(0, 30, 2_000),
                strict=True,
            )
        ]
        last = {}
        for place, row in enumerate(rows):
            if row[0] % 3 == 0 and (row[0] not in last or row[1] > rows[last[row[0]]][1]):
                last[row[0]] = place
        for place in last.values():
            rows[place] = (*rows[place][:3], float(place))
        names = as_text(rows)
        for part in (0, 1):
            half = table(names[part * 1_000 : (part + 1) * 1_000], pa.string())
            parquet.write_table(half, tmp_path / f"{part}.parquet", row_group_size=130)
        files = [tmp_path / "0.parquet", str(tmp_path / "1.parquet")]
        assert described(read(files)) == described(twin(names))

    def test_one_person_with_many_rows_and_many_with_one(self, tmp_path):
        count = 100_000
        rng = np.random.default_rng(2)
        minutes = rng.permutation(count)
        frame = pd.DataFrame(
            {
                "user": ["busy"] * count + [f"p{i}" for i in range(count)],
                "ts": pd.to_datetime(np.tile(minutes, 2) * 60 + START.timestamp(), unit="s"),
                "channel": pd.Categorical.from_codes(
                    rng.integers(0, 3, 2 * count), ["x", "y", "z"]
                ),
                "converted": np.append(minutes == count - 1, np.zeros(count, bool)),
                "value": np.append((minutes == count - 1) * 5.0, np.zeros(count)),
            }
        )
        frame.to_parquet(tmp_path / "f.parquet", row_group_size=30_000)
        batches = read(tmp_path / "f.parquet", tz="UTC")
        lengths = np.concatenate([each.lengths for each in batches])
        assert sorted(lengths.tolist()) == [1] * count + [count]
        busy = next(each for each in batches if each.lengths.max() == count)
        row = int(np.argmax(busy.lengths))
        at = slice(busy.offsets[row], busy.offsets[row + 1])
        order = np.argsort(minutes)
        assert busy.codes[at].tolist() == frame["channel"].cat.codes.to_numpy()[order].tolist()
        assert busy.ages[at].tolist() == ((count - 1 - np.arange(count)) * 60_000).tolist()
        assert (busy.conversions[row], busy.values["value"][row]) == (1, 5.0)
        assert sum(each.values["value"].sum() for each in batches) == 5.0


class TestWhatAJourneyIs:
    def test_columns(self, small_pieces):
        rows = [(i, 10 * i, "abc"[i % 3], None) for i in range(50)]
        batches = read(table(rows, pa.int64()))
        assert len(batches) > 1
        assert {each.channels for each in batches} == {("a", "b", "c")}
        for each in batches:
            for column in (each.codes, each.ages, each.block, each.day, each.values["value"]):
                assert not column.flags.writeable
            assert each.closed_at is not None
            assert (each.order_id, each.open, each.weight, each.evidence) == (None,) * 4

    def test_ties_stay_in_the_order_of_the_rows(self):
        rows = [("p", 5, name, None) for name in "cabca"] + [
            ("p", 5, "b", 3.0),
            ("p", 1, "c", None),
        ]
        (found,) = read(table(rows))
        assert [found.channels[code] for code in found.codes] == list("ccabcab")

    def test_a_touchpoint_of_the_same_instant_is_not_later_than_the_order(self):
        (found,) = read(table([("p", 5, "a", 3.0), ("p", 5, "b", None)]))
        assert [found.channels[code] for code in found.codes] == ["a", "b"]
        assert found.ages.tolist() == [0, 0]
        assert found.conversions.tolist() == [1]

    def test_a_journey_without_an_order_closes_at_its_last_touchpoint(self):
        (found,) = read(table([("p", 5, "a", None), ("p", 65, "b", None)]))
        assert found.ages.tolist() == [3_600_000, 0]
        at = START + timedelta(minutes=65)
        assert found.closed_at.tolist() == [int(at.timestamp() * 1000)]

    def test_lookback_leaves_out_what_is_older(self):
        day = 24 * 60
        rows = [("p", 0, "a", None), ("p", day, "b", None), ("p", 2 * day, "c", 1.0)]
        rows += [("q", 0, "a", None), ("q", day + 1, "b", None)]
        (found,) = read(table(rows), lookback="1D")
        assert Counter(key[0] for key in described(found)) == Counter([("b", "c"), ("b",)])

    @given(rows=long_forms())
    @examples(30)
    def test_people_are_watched_from_their_first_row_to_the_end_or_their_order(self, rows):
        found = read(table(as_text(rows)))
        latest = max((row[1] for row in rows), default=0)
        expected = Counter()
        for person in {row[0] for row in rows}:
            own = [row for row in rows if row[0] == person]
            since = min(row[1] for row in own)
            until = max((row[1] for row in own if row[3] is not None), default=latest)
            expected[since, until, since, until] += 1
        assert watched(found) == expected
        assert {each.lookback for each in found} == {None}

    def test_rows_beyond_the_look_back_still_say_since_when_people_were_watched(self):
        rows = [
            ("p", 0, "a", None),
            ("p", 3000, "b", 1.0),
            ("q", 1, "a", None),
            ("q", 3001, "b", None),
        ]
        (found,) = read(table(rows), lookback="1D")
        assert found.lengths.tolist() == [1, 1]
        assert watched([found]) == Counter([(0, 3000, 0, 3000), (1, 3001, 1, 3001)])
        assert found.lookback == 86_400_000

    def test_without_value_every_order_is_worth_nothing(self):
        (found,) = read(table([("p", 5, "a", 3.0)]), value=None)
        assert found.values["value"].tolist() == [0.0]

    def test_can_be_read_many_times_over(self):
        opened = open_long_form(table([("p", 5, "a", 3.0), ("q", 6, "b", None)]), **ROLES)
        assert described(list(opened)) == described(list(opened))

    def test_names_that_no_row_has_are_no_channels(self):
        codes = pa.DictionaryArray.from_arrays(pa.array([2, 2, 0]), pa.array(["b", "x", "a"]))
        rows = table([("p", 5, "", None), ("q", 5, "", None), ("r", 5, "", None)])
        (found,) = read(rows.set_column(2, "channel", codes))
        assert found.channels == ("a", "b")

    def test_blanks_around_names_and_ids_do_not_count(self):
        rows = [(" p", 1, "a ", None), ("p\u3000", 2, " a", None), ("p", 3, "a", None)]
        (found,) = read(table(rows))
        assert (len(found), found.channels) == (1, ("a",))

    def test_models_take_the_batches(self, small_pieces):
        rows = [(i, 10 * i + j, "abc"[(i * j) % 3], None) for i in range(30) for j in range(4)]
        rows = [(*row[:3], 2.0) if row[1] % 10 == 3 and row[0] % 2 else row for row in rows]
        models = [attribution.Linear(), attribution.Markov(), attribution.Shapley()]
        names = as_text(rows)
        for one, other in zip(
            tallies(open_long_form(table(names), **ROLES), models),
            tallies(twin(names), models),
            strict=True,
        ):
            gap = one - other
            assert len(one) > 0
            assert np.abs(gap.sums).max(initial=0.0) < 1e-9


class TestTimes:
    @pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
    @pytest.mark.parametrize("zone", ["UTC", "America/New_York", None])
    def test_timestamps(self, unit, zone):
        found = read(table([("p", 5, "a", None)], at=pa.timestamp(unit, zone)), tz="Asia/Tokyo")
        at = START + timedelta(minutes=5)
        if zone is None:
            at -= timedelta(hours=9)
        assert found[0].closed_at.tolist() == [int(at.timestamp() * 1000)]
        assert [note.kind for note in found[0].notes] == [NoteKind.WITHOUT_ZONE] * (zone is None)

    @pytest.mark.parametrize("factor", [1, 1_000, 1_000_000, 1_000_000_000])
    def test_epoch_numbers(self, factor):
        rows = table([("p", 5, "a", None)])
        numbers = pa.array([(int(START.timestamp()) + 300) * factor])
        (found,) = read(rows.set_column(1, "ts", numbers))
        assert found.closed_at.tolist() == [(int(START.timestamp()) + 300) * 1_000]

    def test_text(self):
        rows = table([("p", 5, "a", None), ("p", 6, "a", None)])
        times = pa.array(["2026-03-01 20:00:00", "2026-03-01T13:00:00Z"])
        (found,) = read(rows.set_column(1, "ts", times))
        assert found.ages.tolist() == [3_600_000, 0]
        assert [(note.kind, note.count) for note in found.notes] == [(NoteKind.WITHOUT_ZONE, 1)]

    @pytest.mark.parametrize(
        "zone", ["Asia/Shanghai", "America/New_York", "America/St_Johns", "Australia/Lord_Howe"]
    )
    def test_days_and_clock_times_where_clocks_are_changed(self, zone):
        every = pd.date_range("2005-10-20", "2006-04-10", freq="7h31min", unit="ms")
        clock = every[[_is_told(each, zone) for each in every]]
        rows = pa.table(
            {
                "user": [f"p{i}" for i in range(len(clock))],
                "ts": pa.array(clock),
                "channel": ["a"] * len(clock),
                "converted": [False] * len(clock),
            }
        )
        found = read(rows, value=None, tz=zone)
        pairs = sorted(
            (int(at), int(day))
            for each in found
            for at, day in zip(each.closed_at, each.day, strict=True)
        )
        utc = [each.to_pydatetime().replace(tzinfo=ZoneInfo(zone)).timestamp() for each in clock]
        days = (clock.normalize() - pd.Timestamp(0)).days
        assert pairs == sorted(zip([int(each * 1000) for each in utc], days, strict=True))


class TestIds:
    def test_wide_whole_numbers(self):
        ids = [-(1 << 63), (1 << 63) - 1, (1 << 53) + 1, (1 << 53), 0]
        found = read(table([(i, 5, "a", None) for i in ids * 2], pa.int64()))
        assert sum(len(each) for each in found) == len(ids)
        blocks = hashing.blocks(hashing.hash_integers(np.array(ids)))
        together = np.concatenate([each.block for each in found])
        assert sorted(together.tolist()) == sorted(blocks.tolist())

    @pytest.mark.parametrize(
        "kind", [pa.uint64(), pa.int8(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())]
    )
    def test_kinds_of_columns(self, kind, tmp_path):
        ids = [1, 2, 1] if pa.types.is_integer(kind) else ["1", "2", "1"]
        rows = table([(i, 5, "a", None) for i in ids], pa.array(ids).type)
        rows = rows.set_column(0, "user", rows["user"].cast(kind))
        parquet.write_table(rows, tmp_path / "f.parquet")
        for source in (rows, tmp_path / "f.parquet"):
            assert sorted(n for each in read(source) for n in each.lengths.tolist()) == [1, 2]

    def test_uint64_beyond_int64(self):
        ids = pa.array([(1 << 64) - 1, 5, (1 << 64) - 1], pa.uint64())
        rows = table([(0, 5, "a", None)] * 3).set_column(0, "user", ids)
        assert sorted(n for each in read(rows) for n in each.lengths.tolist()) == [1, 2]

    def test_many_people_with_gaps_and_without(self, tmp_path):
        for step in (1, 1_000_003):
            people = np.arange(3_000) * step - 7
            rows = pa.table(
                {
                    "user": np.repeat(people, 2),
                    "ts": np.tile([1_770_000_000, 1_770_000_060], 3_000),
                    "channel": np.tile(["a", "b"], 3_000),
                    "converted": np.tile([0, 1], 3_000),
                    "value": np.tile([0, 1], 3_000),
                }
            )
            parquet.write_table(rows, tmp_path / "f.parquet", row_group_size=700)
            found = read(tmp_path / "f.parquet")
            assert sum(len(each) for each in found) == 3_000
            assert {key[:3] for key in described(found)} == {(("a", "b"), (60_000, 0), 1)}


class TestOtherSources:
    def test_csv(self, tmp_path):
        file = tmp_path / "f.csv"
        file.write_text(
            "user,ts,channel,converted,value\n"
            "007,2026-03-01 10:00:00,a,false,\n"
            "7,2026-03-01 10:00:00,b,false,\n"
            "007,2026-03-01 11:00:00,b,true,12.5\n",
            encoding="utf-8",
        )
        found = described(read(file))
        assert {key[:5] for key in found} == {
            (("a", "b"), (3_600_000, 0), 1, 0, 12.5),
            (("b",), (0,), 0, 1, 0.0),
        }

    def test_pandas(self):
        rows = table([("p", 1, "a", None), ("p", 2, "b", 4.0)])
        assert described(read(rows.to_pandas())) == described(read(rows))

    @pytest.mark.parametrize("rows", [[], [("p", 1, "a", None)]])
    def test_empty_files(self, rows, tmp_path):
        parquet.write_table(table([], pa.string()), tmp_path / "none.parquet")
        parquet.write_table(table(rows, pa.string()), tmp_path / "rows.parquet")
        (found,) = read([tmp_path / "none.parquet", tmp_path / "rows.parquet"])
        assert len(found) == len(rows)
        assert found.channels == tuple(row[2] for row in rows)

    def test_no_file(self):
        with pytest.raises(ConfigError, match="No file"):
            open_long_form([], **ROLES)

    def test_missing_file(self, tmp_path):
        (tmp_path / "long.parquet").write_bytes(b"PAR1 no more")
        with pytest.raises(DataError, match=r"no such file.*Did you mean 'long.parquet'"):
            open_long_form(tmp_path / "lon.parquet", **ROLES)
        with pytest.raises(DataError, match="no complete Parquet file"):
            open_long_form(tmp_path / "long.parquet", **ROLES)

    def test_ids_of_two_kinds(self):
        with pytest.raises(DataError, match="whole numbers in one file and text in another"):
            open_long_form(
                [table([(1, 1, "a", None)]), table([("p", 1, "a", None)])],
                **ROLES,
            )


def _is_told(clock, zone):
    """Whether a clock shows this time at all: some are left out when it is put forward."""
    told = clock.to_pydatetime().replace(tzinfo=ZoneInfo(zone))
    return told.astimezone(UTC).astimezone(ZoneInfo(zone)) == told


def bad(column, values, count=3):
    rows = table([(f"p{i}", i, "a", 1.0 if i == 1 else None) for i in range(count)])
    return rows.set_column(rows.column_names.index(column), column, pa.array(values))


@pytest.mark.parametrize(
    "converted",
    [
        [0, 1, 0],
        [0.0, 1.0, 0.0],
        ["No", " YES ", "no"],
        ["False", "true", "F"],
        ["0", "1", "0"],
        ["否", "是", "否"],
    ],
)
def test_what_converted_is_told_in_any_usual_words(converted):
    (found,) = read(bad("converted", converted))
    assert found.conversions.sum() == 1
    assert found.values["value"].sum() == 1.0


@pytest.mark.parametrize(
    "kind", [pa.decimal128(10, 2), pa.decimal128(18, 4), pa.decimal256(50, 2), pa.float32()]
)
def test_money_of_any_numeric_type(kind):
    values = [None, Decimal("9.50"), Decimal(0)]
    if pa.types.is_floating(kind):
        values = [None, 9.5, 0.0]
    rows = bad("converted", [False, True, False])
    place = rows.column_names.index("value")
    (found,) = read(rows.set_column(place, "value", pa.array(values, kind)))
    assert found.values["value"].sum() == 9.5


class TestBadInput:
    @pytest.mark.parametrize(
        ("source", "row", "message"),
        [
            (bad("user", ["p", None, "q"]), 2, "an empty cell.*the person"),
            (bad("user", ["p", "q", " "]), 3, "an empty cell.*the person"),
            (bad("user", [1, None, 2]), 2, "an empty cell.*the person"),
            (bad("user", [1.0, 2.0, 3.0]), None, "decimal point"),
            (bad("channel", ["a", "b", None]), 3, "an empty cell.*the channel"),
            (bad("channel", ["a", " ", "b"]), 2, "an empty cell.*the channel"),
            (bad("channel", ["a", "(organic)", "b"]), 2, r"named '\(organic\)'"),
            (bad("channel", [1, 2, 3]), None, "expected text"),
            (bad("ts", [None, None, None]), 1, "an empty cell"),
            (bad("ts", ["2026-03-01", "soon", "2026-03-01"]), 2, "'soon'"),
            (bad("ts", [1_770_000_000, 5, 1_770_000_000]), None, "2000 and 2100|numbers around"),
            (bad("converted", [True, None, False]), 2, "an empty cell.*true or false"),
            (bad("converted", [0, 2, 1]), 2, "found 2.*true or false"),
            (bad("converted", [0.0, 0.5, 1.0]), 2, "found 0.5.*true or false"),
            (bad("converted", ["no", "yes", "perhaps"]), 3, "'perhaps'.*true or false"),
            (bad("converted", [b"1", b"0", b"0"]), None, "binary values.*true or false"),
            (bad("value", [0.0, -1.0, 0.0]), 2, "-1.*0 or more"),
            (bad("value", [0.0, float("nan"), 0.0]), 2, "an empty cell or NaN"),
            (bad("value", [0, None, 0]), 2, "an empty cell or NaN"),
            (bad("value", [0.0, float("inf"), 0.0]), 2, "inf"),
            (bad("value", [7.0, 1.0, 0.0]), 1, "7 where nothing was ordered"),
            (bad("value", ["0", "much", "0"]), 2, "'much'"),
        ],
        ids=lambda each: each if isinstance(each, str) else None,
    )
    def test_is_named_by_file_row_and_column(self, source, row, message, tmp_path, monkeypatch):
        file = tmp_path / "long.parquet"
        parquet.write_table(source, file)
        for size in (10, 2):
            monkeypatch.setattr(long_sources, "_BATCH", size)
            with pytest.raises(DataError, match=message) as caught:
                read(file)
            assert caught.value.source == str(file)
            if row is not None:
                assert caught.value.row == row
            assert caught.value.column is not None

    def test_orders_without_value_among_rows_without_one_are_found(self):
        empty = bad("value", [None, 3.0, None])
        (found,) = read(empty)
        assert found.values["value"].sum() == 3.0

    @pytest.mark.parametrize(
        ("rows", "row", "order"),
        [
            ([("p", 1, "a", 2.0), ("x", 0, "a", None), ("p", 2, "b", None)], 3, 1),
            ([("p", 2, "a", None), ("x", 0, "a", None), ("p", 1, "b", 2.0)], 1, 3),
            ([("p", 1, "a", 2.0), ("x", 0, "a", None), ("p", 1, "b", 2.0)], 3, 1),
            ([("p", 1, "a", 2.0), ("p", 2, "a", 2.0), ("p", 3, "b", 2.0)], 2, 1),
            ([("p", 0, "a", None), ("p", 3, "a", 2.0), ("p", 1, "b", 2.0)], 2, 3),
        ],
    )
    @pytest.mark.parametrize("whole", [True, False])
    def test_a_row_after_the_order_names_the_person(self, rows, row, order, whole, small_pieces):
        if whole:
            rows = [({"p": 17, "x": 5}[who], *rest) for who, *rest in rows]
        with pytest.raises(DataError) as caught:
            read(table(rows))
        assert caught.value.row == row
        assert f"person {'17' if whole else 'p'!r}" in str(caught.value)
        assert f"(row {order})" in str(caught.value)

    def test_a_row_after_the_order_in_another_file(self, tmp_path):
        parquet.write_table(table([("p", 1, "a", 2.0)]), tmp_path / "one.parquet")
        parquet.write_table(table([("q", 1, "a", None), ("p", 2, "b", None)]), tmp_path / "two.pq")
        files = [tmp_path / "one.parquet", tmp_path / "two.pq"]
        with pytest.raises(DataError, match=r"row 1 of .*one\.parquet") as caught:
            read(files)
        assert (caught.value.source, caught.value.row) == (str(files[1]), 2)

    def test_a_missing_column(self):
        with pytest.raises(DataError, match=r"no column 'usr' among .*Did you mean 'user'"):
            open_long_form(table([("p", 1, "a", None)]), **(ROLES | {"person": "usr"}))

    def test_one_column_for_two_things(self):
        with pytest.raises(ConfigError, match="'ts' is named for two things"):
            open_long_form(table([("p", 1, "a", None)]), **(ROLES | {"person": "ts"}))

    @pytest.mark.parametrize("options", [{"tz": "Mars/Base"}, {"lookback": "30"}])
    def test_settings(self, options):
        with pytest.raises(ConfigError):
            open_long_form(table([("p", 1, "a", None)]), **ROLES, **options)

    def test_a_footer_that_lies(self, tmp_path, monkeypatch):
        parquet.write_table(table([(5, 1, "a", None), (9, 1, "a", None)]), tmp_path / "f.parquet")
        stated = long_sources.Extent(2, (5, 6))
        monkeypatch.setattr(long_sources.FileOfRows, "extent", lambda *_: stated)
        monkeypatch.setattr(person_buckets, "_ROWS", 1)
        with pytest.raises(DataError, match="outside the bounds"):
            read(tmp_path / "f.parquet")

    def test_too_many_channels(self, monkeypatch):
        monkeypatch.setattr(long_rows, "MOST_CHANNELS", 2)
        with pytest.raises(DataError, match="more than 2 channels"):
            read(table([("p", i, f"c{i}", None) for i in range(3)]))
