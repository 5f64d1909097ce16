from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution import columns
from attribution.errors import ConfigError, DataError
from tests.strategies import examples

KINDS = {"pandas": pd.DataFrame, "polars": pl.DataFrame, "pyarrow": pa.table}
every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
SHANGHAI = "Asia/Shanghai"
NEW_YEAR = 1_767_225_600_000  # 2026-01-01T00:00Z


def one(values, kind=pd.DataFrame):
    return kind({"x": values})


class TestNumbers:
    @every_kind
    @examples(60)
    @given(values=st.lists(st.floats(-1e300, 1e300), min_size=1))
    def test_amounts_are_what_was_given(self, kind, values):
        assert columns.amounts(one(values, kind), "x").tolist() == values

    @every_kind
    @examples(60)
    @given(values=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
    def test_whole_amounts_are_the_nearest_float(self, kind, values):
        assert columns.amounts(one(values, kind), "x").tolist() == [float(v) for v in values]

    @every_kind
    @examples(60)
    @given(values=st.lists(st.integers(0, 2**53 - 1), min_size=1))
    def test_whole_counts_stay_whole(self, kind, values):
        found = columns.counts(one(values, kind), "x")
        assert found.dtype == np.int64
        assert found.tolist() == values

    @every_kind
    @examples(60)
    @given(values=st.lists(st.floats(0, 1e15), min_size=1))
    def test_fractional_counts_are_never_truncated(self, kind, values):
        assert columns.counts(one(values, kind), "x").tolist() == values

    @pytest.mark.parametrize(
        "values",
        [
            np.array([3], np.uint8),
            np.array([3], np.float32),
            [Decimal("3")],
            ["3"],
            [" 3 "],
            ["3.0"],
            pd.array([3], "Int64"),
            pd.array(["3"], "str"),
            pd.Categorical(["3"]),
            pd.Categorical([3]),
            np.array([3], object),
            np.array([2**70 + 3, 1], object)[1:] * 3,
        ],
    )
    def test_every_type_of_number(self, values):
        assert columns.amounts(one(values), "x").tolist() == [3]

    def test_beyond_every_integer_type(self):
        assert columns.amounts(one(pd.Series([2**70], dtype=object)), "x").tolist() == [2.0**70]

    @every_kind
    @pytest.mark.parametrize("bad", [None, float("nan"), float("inf")])
    def test_names_the_row_of_what_is_no_number(self, kind, bad):
        with pytest.raises(DataError) as caught:
            columns.amounts(one([1.0, 2.0, bad, bad], kind), "x")
        assert (caught.value.row, caught.value.column) == (3, "x")

    @pytest.mark.parametrize("value", ["1,000", "¥5", "five", "1 2", "0x10"])
    def test_text_that_is_no_number(self, value):
        with pytest.raises(DataError) as caught:
            columns.amounts(one(["1", value]), "x")
        assert (caught.value.row, value in caught.value.found) == (2, True)

    @pytest.mark.parametrize("values", [[True], [dt.date(2026, 1, 1)], [b"1"], [[1]]])
    def test_columns_of_something_else(self, values):
        with pytest.raises(DataError, match="numbers"):
            columns.amounts(one(values), "x")


class TestIdentifiers:
    @every_kind
    def test_text_and_whole_numbers(self, kind):
        assert columns.identifiers(one(["1", "张三"], kind), "x").to_pylist() == ["1", "张三"]
        assert columns.identifiers(one([1, 2**62 + 1], kind), "x").to_pylist() == [
            "1",
            str(2**62 + 1),
        ]

    @every_kind
    @pytest.mark.parametrize("blank", [None, "", "  ", "\u3000"])
    def test_blank_is_null(self, kind, blank):
        assert columns.identifiers(one(["a", blank], kind), "x").to_pylist() == ["a", None]

    @every_kind
    def test_floats_are_refused(self, kind):
        with pytest.raises(DataError, match="lose digits"):
            columns.identifiers(one([1.0, 2.0], kind), "x")

    def test_whole_numbers_with_a_gap(self):
        with pytest.raises(DataError, match="as text"):  # pandas has made floats of them
            columns.identifiers(one([1, None]), "x")
        found = columns.identifiers(one(pd.array([1, None], "Int64")), "x")
        assert found.to_pylist() == ["1", None]

    def test_mixed_kinds_are_text(self):
        values = pd.Series(["a", 1, pd.NA, None, np.nan, pd.NaT], dtype=object)
        assert columns.identifiers(one(values), "x").to_pylist() == ["a", "1", *[None] * 4]

    @every_kind
    def test_nothing_at_all(self, kind):
        assert columns.identifiers(one([], kind), "x").to_pylist() == []
        assert columns.identifiers(one([None, None], kind), "x").to_pylist() == [None, None]

    def test_a_column_of_nan_has_no_type(self):
        # That is how pandas reads a column without a value from CSV.
        assert columns.identifiers(one([np.nan, np.nan]), "x").to_pylist() == [None, None]
        assert columns.text(one([np.nan, np.nan]), "x").to_pylist() == [None, None]

    @pytest.mark.parametrize("values", [[dt.date(2026, 1, 1)], [True], [b"x"]])
    def test_something_else(self, values):
        with pytest.raises(DataError, match="ids as text"):
            columns.identifiers(one(values), "x")


class TestText:
    @every_kind
    def test_of_every_kind(self, kind):
        assert columns.text(one(["a", None, ""], kind), "x").to_pylist() == ["a", None, ""]

    @pytest.mark.parametrize(
        "column",
        [
            pd.Categorical(["a", None]),
            pd.array(["a", None], "string"),
            pd.Series(["a", None], dtype=object),
            pd.array(["a", None], pd.ArrowDtype(pa.string())),
        ],
    )
    def test_of_every_pandas_type(self, column):
        assert columns.text(one(column), "x").to_pylist() == ["a", None]

    @pytest.mark.parametrize(
        "kind",
        [
            pa.string(),
            pa.large_string(),
            pa.string_view(),
            pa.dictionary(pa.int8(), pa.string()),
        ],
        ids=str,
    )
    def test_of_every_arrow_type(self, kind):
        array = pa.chunked_array([pa.array(["a", None]).cast(kind), pa.array(["b"]).cast(kind)])
        assert columns.text(pa.table({"x": array}), "x").to_pylist() == ["a", None, "b"]

    @pytest.mark.parametrize("kind", [pl.String, pl.Categorical, pl.Enum(["a"])], ids=str)
    def test_of_every_polars_type(self, kind):
        frame = pl.DataFrame({"x": pl.Series(["a", None], dtype=kind)})
        assert columns.text(frame, "x").to_pylist() == ["a", None]

    def test_numbers_are_no_text(self):
        with pytest.raises(DataError, match="int64 values such as 1"):
            columns.text(one([1]), "x")


class TestColumn:
    @every_kind
    def test_that_is_not_there(self, kind):
        with pytest.raises(DataError, match=r"no column 'valeu'.*Did you mean 'value'\?"):
            columns.text(kind({"value": ["a"], "at": ["b"]}), "valeu")
        with pytest.raises(DataError, match="Name the column"):
            columns.text(kind({"value": ["a"]}), "zzz")

    @pytest.mark.parametrize(
        "frame",
        [
            pd.DataFrame([["a", "b"]], columns=["x", "x"]),
            pa.table([pa.array(["a"]), pa.array(["b"])], names=["x", "x"]),
        ],
        ids=["pandas", "pyarrow"],
    )
    def test_that_is_there_twice(self, frame):
        with pytest.raises(DataError, match="2 columns of that name"):
            columns.text(frame, "x")

    def test_whose_name_is_a_number(self):
        frame = pd.DataFrame([["a", "b"]])
        assert columns.names_of(frame) == ["0", "1"]
        assert columns.text(frame, "1").to_pylist() == ["b"]

    def test_index_does_not_matter(self):
        frame = pd.DataFrame({"x": ["a", "b"]}, index=[7, 7])
        assert columns.text(frame, "x").to_pylist() == ["a", "b"]

    def test_record_batches_are_frames(self):
        batch = pa.record_batch({"x": ["a"]})
        assert columns.text(batch, "x").to_pylist() == ["a"]


class TestCodes:
    @examples(60)
    @given(st.lists(st.sampled_from(["a", "b", "", "é"])))
    def test_point_at_the_names(self, values):
        codes, names = columns.codes(pa.array(values, pa.string()), "x", role="name")
        assert [names[code] for code in codes] == values
        assert len(set(names)) == len(names)

    def test_refuse_an_empty_cell(self):
        with pytest.raises(DataError, match=r"row 2, column 'x'.*Fill in the person"):
            columns.codes(pa.array(["a", None]), "x", role="person")


class TestInstants:
    @every_kind
    @examples(60)
    @given(
        times=st.lists(
            st.datetimes(dt.datetime(2000, 1, 2), dt.datetime(2099, 12, 30)).map(
                lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000)
            ),
            min_size=1,
        )
    )
    def test_every_way_of_writing_agrees(self, kind, times):
        utc = [t.replace(tzinfo=dt.UTC) for t in times]
        expected = [
            int((t - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) / dt.timedelta(milliseconds=1))
            for t in utc
        ]
        shanghai = dt.timezone(dt.timedelta(hours=8))
        for values, naive in (
            (utc, 0),
            ([t.isoformat() for t in utc], 0),
            ([t.astimezone(shanghai).isoformat() for t in utc], 0),
            ([str(t.replace(tzinfo=None)) for t in utc], len(times)),
            (times, len(times)),
        ):
            found = columns.instants(one(values, kind), "x", "UTC")
            assert found.ms.tolist() == expected
            assert found.without_zone == naive

    @every_kind
    @pytest.mark.parametrize("per_second", [1, 10**3, 10**6, 10**9])
    def test_epochs_are_told_apart_by_their_size(self, kind, per_second):
        values = [NEW_YEAR // 1000 * per_second, (NEW_YEAR // 1000 + 1) * per_second]
        for column in (values, [str(v) for v in values], [float(v) for v in values]):
            found = columns.instants(one(column, kind), "x", SHANGHAI)
            assert found.ms.tolist() == [NEW_YEAR, NEW_YEAR + 1000]
            assert found.without_zone == 0

    def test_nanoseconds_keep_every_millisecond(self):
        found = columns.instants(one([NEW_YEAR * 10**6 + 999_999]), "x", SHANGHAI)
        assert found.ms.tolist() == [NEW_YEAR]

    @pytest.mark.parametrize(
        "values",
        [
            [NEW_YEAR, NEW_YEAR // 1000, NEW_YEAR],
            [NEW_YEAR // 1000, NEW_YEAR, NEW_YEAR // 1000],
            [NEW_YEAR, -1, NEW_YEAR],
            [NEW_YEAR, 2**62, NEW_YEAR],
            [float(NEW_YEAR), -1e300, NEW_YEAR],
        ],
    )
    def test_mixed_units_name_the_row(self, values):
        with pytest.raises(DataError, match="one unit") as caught:
            columns.instants(one(values), "x", SHANGHAI)
        assert caught.value.row == 2

    def test_time_in_the_far_future(self):
        with pytest.raises(DataError, match=r"row 2.*2000 and 2100"):
            columns.instants(one(["2026-01-01", "2226-01-01"]), "x", SHANGHAI)

    def test_a_day_is_its_first_moment_in_the_zone(self):
        for values in (["2026-01-01"], [dt.date(2026, 1, 1)]):
            found = columns.instants(one(values), "x", SHANGHAI)
            assert found.ms.tolist() == [NEW_YEAR - 8 * 3_600_000]

    def test_clock_changes(self):
        # 02:30 does not exist on 29 March 2026 in Berlin, and is there twice on 25 October.
        found = columns.instants(
            one(["2026-03-29 02:30", "2026-10-25 02:30"]), "x", "Europe/Berlin"
        )
        expected = [
            dt.datetime(2026, 3, 29, 1, 0, tzinfo=dt.UTC),
            dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC),
        ]
        assert found.ms.tolist() == [int(t.timestamp() * 1000) for t in expected]

    @every_kind
    def test_mixed_zones(self, kind):
        values = [
            "2026-01-01 08:00:00",
            "2026-01-01T00:00:00Z",
            "2026-01-01 09:00:00+09",
            "2026-01-01 03:00:00.000 +0300",
        ]
        found = columns.instants(one(values, kind), "x", SHANGHAI)
        assert found.ms.tolist() == [NEW_YEAR] * 4
        assert found.without_zone == 1

    def test_objects_with_and_without_zone(self):
        values = [dt.datetime(2026, 1, 1, 8), dt.datetime(2026, 1, 1, tzinfo=dt.UTC)]
        for column in (values, values[::-1]):
            found = columns.instants(one(pd.Series(column, dtype=object)), "x", SHANGHAI)
            assert found.ms.tolist() == [NEW_YEAR] * 2
            assert found.without_zone == 1

    @every_kind
    @pytest.mark.parametrize("value", ["soon", "2026-13-01", "2026-02-30", "20:00", "", "9" * 19])
    def test_text_that_is_no_time(self, kind, value):
        with pytest.raises(DataError, match="ISO") as caught:
            columns.instants(one(["2026-01-01", value], kind), "x", SHANGHAI)
        assert caught.value.row == 2

    @every_kind
    def test_empty_cell(self, kind):
        with pytest.raises(DataError, match=r"row 2, column 'x'.*a time"):
            columns.instants(one(["2026-01-01", None], kind), "x", SHANGHAI)

    @every_kind
    def test_no_rows(self, kind):
        assert columns.instants(one([], kind), "x", SHANGHAI).ms.tolist() == []

    @pytest.mark.parametrize("values", [[True], [dt.timedelta(1)], [b"x"]])
    def test_something_else(self, values):
        with pytest.raises(DataError, match="times"):
            columns.instants(one(values), "x", SHANGHAI)

    def test_zone_that_is_none(self):
        with pytest.raises(ConfigError, match="Asia/Shanghai"):
            columns.instants(one(["2026-01-01"]), "x", "Mars/Olympus")


class TestDuration:
    @pytest.mark.parametrize(
        ("value", "ms"),
        [
            ("7D", 604_800_000),
            ("36h", 129_600_000),
            ("30min", 1_800_000),
            ("0D", 0),
            ("1.5h", 5_400_000),
            (pd.Timedelta("1D"), 86_400_000),
            (dt.timedelta(seconds=1), 1_000),
            (np.timedelta64(2, "h"), 7_200_000),
            ("1 days 02:00:00", 93_600_000),
            (0, 0),
            (0.0, 0),
            ("0", 0),
            (" 0.0 ", 0),
        ],
    )
    def test_in_milliseconds(self, value, ms):
        assert columns.duration_ms(value, "lookback") == ms

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "x",
            "7",
            "7.5",
            " 7 ",
            "-7",
            7,
            7.5,
            True,
            False,
            5e-7,
            "00",
            np.int64(7),
            None,
            "-1D",
            "-1us",
            pd.NaT,
            float("nan"),
            "400000D",
            [],
        ],
    )
    def test_that_is_none(self, value):
        with pytest.raises(ConfigError, match=r"lookback=.*\"7D\""):
            columns.duration_ms(value, "lookback")

    def test_least(self):
        assert columns.duration_ms("1ms", "half_life", least=1) == 1
        with pytest.raises(ConfigError, match="1 ms or more"):
            columns.duration_ms("0D", "half_life", least=1)


@pytest.mark.parametrize("text", ["now", "today", "2026", "2026-01"])
def test_a_time_is_a_whole_date_and_never_the_clock(text):
    with pytest.raises(DataError, match="a time in ISO form"):
        columns.instants(pd.DataFrame({"at": [text]}), "at", "Asia/Shanghai")


@pytest.mark.parametrize("tz", ["Asia/Shanghai", "UTC", "America/New_York", "Australia/Lord_Howe"])
def test_days_are_those_of_the_calendar(tz):
    rng = np.random.default_rng(5)
    # Every quarter of an hour around changes of the clock, and instants at random.
    spring = np.arange(1_772_000_000_000, 1_776_000_000_000, 450_000)
    ms = np.concatenate([spring, rng.integers(946_684_800_000, 4_102_444_800_000, 300)])
    local = pd.DatetimeIndex(ms.astype("datetime64[ms]")).tz_localize("UTC").tz_convert(tz)
    expected = local.tz_localize(None).to_numpy().astype("datetime64[D]").astype(np.int32)
    np.testing.assert_array_equal(columns.days_of(ms, tz), expected)
    assert columns.days_of(ms[:0], tz).tolist() == []
