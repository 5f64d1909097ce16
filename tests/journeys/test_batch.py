from __future__ import annotations

import pickle
import time
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import AttributionError, ConfigError, DataError
from attribution.journeys import Journeys
from attribution.model import attribute, example_journeys, label
from attribution.models.markov import Markov
from tests.strategies import (
    CHANNELS,
    EVERY_MODEL,
    HOSTILE_NAMES,
    Row,
    build,
    examples,
    row,
    rows,
)

PATHS = {
    "path": ["a > b", "b", ""],
    "total_conversions": [3, 1, 2],
    "total_null": [5, 0, 1],
    "total_conversion_value": [30.0, 2.5, 8.0],
}
KINDS = [pd.DataFrame, pl.DataFrame, pa.table]
FIELDS = ("offsets", "codes", "conversions", "nulls", "ages")

every_kind = pytest.mark.parametrize("kind", KINDS, ids=["pandas", "polars", "pyarrow"])


def paths(**changed):
    """Return the path counts with some columns changed; None takes one away."""
    return {k: v for k, v in (PATHS | changed).items() if v is not None}


def refused(frame, *, kind=pd.DataFrame, **options) -> DataError:
    with pytest.raises(DataError) as caught:
        Journeys.from_paths(kind(frame), **options)
    return caught.value


class TestFromPaths:
    @every_kind
    def test_reads_what_stands_there(self, kind):
        journeys = Journeys.from_paths(kind(PATHS))
        assert journeys.channels == ("a", "b")
        assert journeys.offsets.tolist() == [0, 2, 3, 3]
        assert journeys.codes.tolist() == [0, 1, 1]
        assert journeys.conversions.tolist() == [3, 1, 2]
        assert journeys.conversions.dtype == np.int64
        assert journeys.nulls.tolist() == [5, 0, 1]
        assert journeys.values["value"].tolist() == [30.0, 2.5, 8.0]
        assert journeys.journeys == 12
        assert len(journeys) == 3

    @every_kind
    def test_fractional_counts_are_never_truncated(self, kind):
        journeys = Journeys.from_paths(kind(paths(total_conversions=[1.5, 0.25, 2.0])))
        assert journeys.conversions.tolist() == [1.5, 0.25, 2.0]
        for model in EVERY_MODEL:
            if "TimeDecay" not in label(model):
                frame = attribute(journeys, model).frame()
                assert frame["conversions"].sum() == pytest.approx(3.75), label(model)

    @every_kind
    def test_counts_as_text_are_read(self, kind):
        journeys = Journeys.from_paths(kind(paths(total_conversions=["3", "1.5", "2"])))
        assert journeys.conversions.tolist() == [3, 1.5, 2]

    @pytest.mark.parametrize(
        ("column", "name"),
        [
            ("path", "path"),
            ("conversions", "total_conversions"),
            ("nulls", "total_null"),
            ("value", "total_conversion_value"),
        ],
    )
    @every_kind
    def test_missing_column(self, kind, column, name):
        error = str(refused(paths(**{name: None}), kind=kind))
        assert f"no column {name!r}" in error
        error = str(refused(PATHS, kind=kind, **{column: name[:-1]}))
        assert f"Did you mean {name!r}?" in error

    def test_columns_may_be_absent_when_told(self):
        frame = paths(total_null=None, total_conversion_value=None)
        journeys = Journeys.from_paths(pd.DataFrame(frame), value=None, nulls=None)
        assert journeys.nulls.tolist() == [0, 0, 0]
        assert journeys.values["value"].tolist() == [0, 0, 0]

    @every_kind
    def test_empty_frame(self, kind):
        empty = {name: values[:0] for name, values in PATHS.items()}
        assert "no rows" in str(refused(empty, kind=kind))

    def test_frame_without_columns(self):
        assert "no column 'path'" in str(refused({}))

    @pytest.mark.parametrize("column", ["total_conversions", "total_null"])
    @every_kind
    def test_negative_count(self, kind, column):
        error = refused(paths(**{column: [3, -1, 2]}), kind=kind)
        assert (error.row, error.column) == (2, column)
        assert error.found == "-1"
        assert "0 or more" in error.expected
        assert "value column" in error.remedy

    def test_negative_value_is_a_refund(self):
        journeys = Journeys.from_paths(pd.DataFrame(paths(total_conversion_value=[-1.0, 2, 3])))
        assert journeys.values["value"].tolist() == [-1, 2, 3]

    @pytest.mark.parametrize("bad", [None, float("nan"), float("inf"), -float("inf")])
    @pytest.mark.parametrize(
        "column", ["total_conversions", "total_null", "total_conversion_value"]
    )
    @every_kind
    def test_number_that_is_none(self, kind, column, bad):
        error = refused(paths(**{column: [1.0, 2.0, bad]}), kind=kind)
        assert (error.row, error.column) == (3, column)
        assert "a finite number" in error.expected

    @every_kind
    def test_text_that_is_no_number(self, kind):
        error = refused(paths(total_conversion_value=["1", "¥2.50", "3"]), kind=kind)
        assert (error.row, error.column) == (2, "total_conversion_value")
        assert "¥2.50" in error.found
        assert "currency" in error.remedy

    def test_truth_values_are_no_numbers(self):
        error = refused(paths(total_conversions=[True, False, True]))
        assert (error.column, "bool" in error.found) == ("total_conversions", True)

    def test_path_column_of_numbers(self):
        error = refused(paths(path=[1, 2, 3]))
        assert (error.column, error.expected) == ("path", "text")

    @pytest.mark.parametrize("path", ["a > > b", "a >", "> a", ">", "a > \t > b", ">>"])
    @every_kind
    def test_empty_step(self, kind, path):
        error = refused(paths(path=["a > b", "b", path]), kind=kind)
        assert (error.row, error.column) == (3, "path")
        assert "empty step" in error.found

    @pytest.mark.parametrize("name", ["(organic)", "(unattributed)"])
    def test_reserved_name(self, name):
        error = refused(paths(path=["a", f"a > {name}", ""]))
        assert name in error.found
        assert "Rename" in error.remedy

    def test_organic_without_brackets_is_a_channel(self):
        journeys = Journeys.from_paths(pd.DataFrame(paths(path=["organic", "a", ""])))
        assert journeys.channels == ("a", "organic")

    @every_kind
    @pytest.mark.parametrize("empty", ["", "   ", None])
    def test_an_empty_path_is_an_unattributed_order(self, kind, empty):
        journeys = Journeys.from_paths(kind(paths(path=["a", "b", empty])))
        assert journeys.lengths.tolist() == [1, 1, 0]
        assert attribute(journeys, Markov()).unattributed.tolist() == [2, 8]

    def test_blanks_around_names_do_not_count(self):
        journeys = Journeys.from_paths(pd.DataFrame(paths(path=["  a>b", "a >\u3000b ", "b"])))
        assert journeys.channels == ("a", "b")
        assert journeys.codes.tolist() == [0, 1, 0, 1, 1]

    @every_kind
    def test_hostile_names_are_names(self, kind):
        names = [n for n in HOSTILE_NAMES if ">" not in n]
        frame = {"path": [" > ".join(names), *names, ""]}
        frame["total_conversions"] = [1] * len(frame["path"])
        journeys = Journeys.from_paths(kind(frame), value=None, nulls=None)
        assert set(journeys.channels) == set(names)
        credit = attribute(journeys, Markov()).frame()
        assert set(credit["channel"]) == {*names, "(unattributed)"}

    def test_names_that_hold_the_separator(self):
        journeys = Journeys.from_paths(pd.DataFrame(paths(path=["a > b | c", "c", ""])), sep=" | ")
        assert journeys.channels == ("a > b", "c")
        with pytest.raises(DataError, match=r"holds the separator '>'.*sep=\" \| \""):
            journeys.frame()
        assert journeys.frame(sep=" | ")["path"].tolist() == ["a > b | c", "c", ""]
        assert journeys.paths(sep=" | ")["path"].tolist() == ["a > b | c", "", "c"]

    @pytest.mark.parametrize("sep", ["", None])
    def test_separator_that_is_none(self, sep):
        with pytest.raises((ConfigError, AttributeError)):
            Journeys.from_paths(pd.DataFrame(PATHS), sep=sep)

    def test_huge_numbers(self):
        journeys = Journeys.from_paths(
            pd.DataFrame(
                paths(total_conversions=[10**18, 1, 2], total_conversion_value=[1e150, 1.0, 2.0])
            )
        )
        for model in EVERY_MODEL:
            if "TimeDecay" not in label(model):
                found = attribute(journeys, model).frame()[["conversions", "value"]].sum()
                assert found.tolist() == pytest.approx([10**18, 1e150]), label(model)

    def test_wide_input_does_not_change(self):
        frame = pd.DataFrame(PATHS)
        before = frame.copy(deep=True)
        journeys = Journeys.from_paths(frame)
        pd.testing.assert_frame_equal(frame, before)
        frame.loc[:, "total_conversion_value"] = -1.0
        frame.loc[:, "total_conversions"] = -1
        assert journeys.values["value"].tolist() == [30.0, 2.5, 8.0]
        assert journeys.conversions.tolist() == [3, 1, 2]

    def test_something_else_than_a_frame(self):
        with pytest.raises(DataError, match=r"Found list.*pandas DataFrame.*read_paths"):
            Journeys.from_paths([1, 2, 3])


TOUCHES = {
    "person": ["p", "p", "q"],
    "at": ["2026-01-01 08:00:00", "2026-01-02 08:00:00", "2026-01-03 08:00:00"],
    "channel": ["live", "video", "live"],
}
ORDERS = {
    "order_id": ["o1", "o2"],
    "person": ["p", "q"],
    "value": [10.0, 20.0],
    "at": ["2026-01-02 09:00:00", "2026-01-01 00:00:00"],
}


def bad_rows(touches=None, orders=None, kind=pd.DataFrame, **options) -> DataError:
    changed = [
        {k: v for k, v in (whole | (part or {})).items() if v is not None}
        for whole, part in ((TOUCHES, touches), (ORDERS, orders))
    ]
    with pytest.raises(DataError) as caught:
        Journeys.from_touchpoints(kind(changed[0]), kind(changed[1]), **options)
    return caught.value


class TestFromTouchpoints:
    @every_kind
    def test_of_text_times_without_zone(self, kind):
        journeys = Journeys.from_touchpoints(kind(TOUCHES), kind(ORDERS))
        by_order = dict(zip(journeys.order_id, journeys.lengths.tolist(), strict=True))
        assert by_order == {"o1": 2, "o2": 0, None: 1}
        assert [(n.kind.value, n.count, n.detail) for n in journeys.notes] == [
            ("without_zone", 5, "Asia/Shanghai")
        ]
        # 2026-01-02 09:00 in Shanghai is 01:00 in UTC.
        assert journeys.closed_at[0] == pd.Timestamp("2026-01-02 01:00", tz="UTC").value // 10**6

    @every_kind
    @pytest.mark.parametrize(
        "write",
        [
            lambda t: t.tz_localize("Asia/Shanghai"),
            lambda t: t.tz_localize("Asia/Shanghai").tz_convert("UTC"),
            lambda t: t.tz_localize("Asia/Shanghai").isoformat(),
            lambda t: (
                t.tz_localize("Asia/Shanghai").tz_convert("UTC").isoformat().replace("+00:00", "Z")
            ),
            lambda t: t.strftime("%Y/%m/%d %H:%M:%S"),
            lambda t: t.strftime("%Y-%m-%d %H:%M:%S+08"),
            lambda t: t.tz_localize("Asia/Shanghai").timestamp().__int__(),
            lambda t: int(t.tz_localize("Asia/Shanghai").timestamp() * 1000),
            lambda t: int(t.tz_localize("Asia/Shanghai").timestamp() * 1_000_000),
            lambda t: int(t.tz_localize("Asia/Shanghai").timestamp()) * 1_000_000_000,
            lambda t: t.tz_localize("Asia/Shanghai").timestamp(),
            lambda t: str(int(t.tz_localize("Asia/Shanghai").timestamp() * 1000)),
            lambda t: t,
        ],
        ids=[
            "zoned",
            "utc",
            "iso",
            "iso Z",
            "slashes",
            "short offset",
            "s",
            "ms",
            "us",
            "ns",
            "float s",
            "text ms",
            "naive",
        ],
    )
    def test_times_may_be_written_in_many_ways(self, kind, write):
        def written(frame):
            return kind(frame | {"at": [write(pd.Timestamp(t)) for t in frame["at"]]})

        expected = Journeys.from_touchpoints(pd.DataFrame(TOUCHES), pd.DataFrame(ORDERS))
        found = Journeys.from_touchpoints(written(TOUCHES), written(ORDERS))
        assert (found.closed_at == expected.closed_at).all()
        assert (found.ages == expected.ages).all()

    def test_mixed_zones_in_one_column(self):
        mixed = ["2026-01-01 08:00:00", "2026-01-02T00:00:00Z", "2026-01-03T09:00:00+09:00"]
        for column in (
            mixed,
            [pd.Timestamp(t) for t in mixed],
            [pd.Timestamp(t).to_pydatetime() for t in mixed],
        ):
            found = Journeys.from_touchpoints(
                pd.DataFrame(TOUCHES | {"at": pd.Series(column, dtype=object)}),
                pd.DataFrame(ORDERS),
            )
            expected = Journeys.from_touchpoints(pd.DataFrame(TOUCHES), pd.DataFrame(ORDERS))
            assert (found.ages == expected.ages).all()
            assert found.notes[0].count == 3

    def test_tz_is_where_times_without_zone_were_written(self):
        zoned = ORDERS | {"at": ["2026-01-02T09:00:00Z", "2026-01-01T00:00:00Z"]}
        journeys = Journeys.from_touchpoints(
            pd.DataFrame(TOUCHES), pd.DataFrame(zoned), tz="Europe/Berlin"
        )
        assert journeys.ages[1] == 2 * 3_600_000  # 08:00 in Berlin is 07:00 in UTC

    @pytest.mark.parametrize("missing", ["person", "at", "channel"])
    def test_missing_touchpoint_column(self, missing):
        error = str(bad_rows({missing: None}))
        assert error.startswith("touchpoints: found no column")

    @pytest.mark.parametrize("missing", ["order_id", "person", "at", "value"])
    def test_missing_order_column(self, missing):
        error = str(bad_rows(orders={missing: None}))
        assert error.startswith("orders: found no column")

    @pytest.mark.parametrize(
        ("column", "values", "row", "words"),
        [
            ("at", ["2026-01-01", "2026-13-01", "2026-01-01"], 2, "ISO"),
            ("at", ["2026-01-01", None, "2026-01-01"], 2, "a time"),
            ("at", ["2026-01-01", "soon", "2026-01-01"], 2, "ISO"),
            ("at", ["2026-01-01", "2026-01-02", "2126-01-01"], 3, "2000 and 2100"),
            ("at", [1_767_225_600, 1_767_225_600_000, 1_767_225_600], 2, "one unit"),
            ("at", [1_767_225_600.0, float("nan"), 1_767_225_600.0], 2, "a time"),
            ("at", [1_767_225_600.0, float("inf"), 1_767_225_600.0], 2, "2000 and 2100"),
            ("at", [3, 2, 1], None, "epoch"),
            ("person", ["p", None, "q"], 2, "unknown"),
            ("person", ["p", " ", "q"], 2, "unknown"),
            ("person", [1.0, 2.0, 3.5], None, "lose digits"),
            ("channel", ["live", None, "live"], 2, "channel"),
            ("channel", ["live", "  ", "live"], 2, "channel"),
            ("channel", [1, 2, 3], None, "text"),
            ("channel", ["live", "(organic)", "live"], None, "Rename"),
        ],
    )
    @every_kind
    def test_bad_touchpoints(self, kind, column, values, row, words):
        error = bad_rows({column: values}, kind=kind)
        assert error.source == "touchpoints"
        if row is not None:
            assert (error.row, error.column) == (row, column)
        assert words in str(error)

    @pytest.mark.parametrize(
        ("column", "values", "row", "words"),
        [
            ("order_id", ["o1", "o1"], 2, "each order id once"),
            ("order_id", ["o1", None], 2, "order id"),
            ("order_id", [1.5, 2.5], None, "lose digits"),
            ("person", [1.5, 2.5], None, "lose digits"),
            ("at", ["2026-01-01", "2026-02-30"], 2, "ISO"),
            ("value", [1.0, None], 2, "finite"),
            ("value", ["1", "x"], 2, "a number"),
        ],
    )
    @every_kind
    def test_bad_orders(self, kind, column, values, row, words):
        error = bad_rows(orders={column: values}, kind=kind)
        assert error.source == "orders"
        if row is not None:
            assert (error.row, error.column) == (row, column)
        assert words in str(error)

    def test_duplicate_order_id_names_the_second(self):
        many = {
            "order_id": ["o1", "o2", "o3", "o2", "o1"],
            "person": ["p"] * 5,
            "at": ["2026-01-02 09:00:00"] * 5,
            "value": [1.0] * 5,
        }
        error = bad_rows(orders=many)
        assert (error.row, error.column) == (4, "order_id")
        assert "'o2'" in error.found

    @every_kind
    @pytest.mark.parametrize("nobody", [None, "", "  "])
    def test_an_order_without_a_person_is_unattributed(self, kind, nobody):
        journeys = Journeys.from_touchpoints(
            kind(TOUCHES), kind(ORDERS | {"person": ["p", nobody]})
        )
        assert {o: n for o, n in zip(journeys.order_id, journeys.lengths, strict=True) if o} == {
            "o1": 2,
            "o2": 0,
        }
        assert ("orders_without_person", 1) in [(n.kind.value, n.count) for n in journeys.notes]

    @pytest.mark.parametrize(
        "options",
        [
            {"lookback": "soon"},
            {"lookback": 30},
            {"lookback": "30"},
            {"lookback": "-1D"},
            {"expiry": "x"},
            {"same_visit": None},
            {"tz": "Mars/Olympus"},
        ],
    )
    def test_bad_options(self, options):
        with pytest.raises(ConfigError, match=next(iter(options))):
            Journeys.from_touchpoints(pd.DataFrame(TOUCHES), pd.DataFrame(ORDERS), **options)

    @every_kind
    def test_no_rows_at_all(self, kind):
        touches, orders = ({k: v[:0] for k, v in d.items()} for d in (TOUCHES, ORDERS))
        journeys = Journeys.from_touchpoints(kind(touches), kind(orders))
        assert len(journeys) == 0
        only_orders = Journeys.from_touchpoints(kind(touches), kind(ORDERS))
        assert only_orders.lengths.tolist() == [0, 0]
        only_touches = Journeys.from_touchpoints(kind(TOUCHES), kind(orders))
        assert only_touches.conversions.sum() == 0
        for model in EVERY_MODEL:
            assert attribute(only_orders, model).unattributed.tolist() == [2, 30]
            assert not attribute(only_touches, model).amounts.any()

    def test_carries_columns_values_and_segments(self):
        touches = TOUCHES | {"kind": ["view", "click", "view"], "event_id": [1, 2, 3]}
        orders = ORDERS | {"net": [8.0, 16.0], "city": ["上海", None]}
        journeys = Journeys.from_touchpoints(
            pd.DataFrame(touches),
            pd.DataFrame(orders),
            columns=["kind", "event_id"],
            values=["net"],
            segments=["city"],
        )
        assert journeys.touch["kind"].tolist() == ["view", "click", "view"]
        assert journeys.touch["event_id"].tolist() == [1, 2, 3]
        assert journeys.values["net"].tolist() == [8, 16, 0]
        assert journeys.segments["city"][0] == "上海"
        assert pd.isna(journeys.segments["city"][1:]).all()
        frame = journeys.frame()
        assert {"order_id", "path", "net", "city", "closed_at"} <= set(frame.columns)

    def test_value_may_have_another_name(self):
        orders = {("paid" if k == "value" else k): v for k, v in ORDERS.items()}
        journeys = Journeys.from_touchpoints(
            pd.DataFrame(TOUCHES), pd.DataFrame(orders), value="paid"
        )
        assert journeys.values["value"].tolist() == [10, 20, 0]

    @pytest.mark.parametrize("where", ["columns", "values", "segments"])
    def test_carried_column_that_is_missing(self, where):
        error = bad_rows(**{where: ["no such"]})
        assert error.source in {"touchpoints", "orders"}
        assert "no such" in error.found

    def test_category_columns(self):
        touches = pd.DataFrame(TOUCHES).astype({"channel": "category", "person": "category"})
        orders = pl.DataFrame(ORDERS).with_columns(pl.col("person").cast(pl.Categorical))
        journeys = Journeys.from_touchpoints(touches, orders)
        assert sorted(journeys.lengths.tolist()) == [0, 1, 2]


class TestImmutable:
    @examples(20)
    @given(rows())
    def test_every_array(self, given_rows):
        journeys = build(given_rows)
        for name in (*FIELDS, "lengths", "rows"):
            with pytest.raises(ValueError, match="read-only"):
                getattr(journeys, name)[...] = 0
        with pytest.raises(FrozenInstanceError):
            journeys.codes = None
        with pytest.raises(TypeError):
            journeys.values["net"] = None

    def test_refuses_arrays_that_do_not_fit(self):
        journeys = build([Row(("a", "b"), 1, 0, 1.0, (2, 1))])
        for name in ("conversions", "codes", "ages"):
            with pytest.raises(DataError, match=name):
                replace(journeys, **{name: np.zeros(5, np.int64)})

    def test_refuses_channels_out_of_order_or_reserved(self):
        journeys = build([Row(("a",), 1, 0, 1.0)])
        with pytest.raises(DataError, match="sorted order"):
            replace(journeys, channels=("b", "a", "c", "d"))
        with pytest.raises(DataError, match="Rename"):
            replace(journeys, channels=("(organic)", "a", "b", "c"))


class TestTake:
    @examples(40)
    @given(rows(), st.data())
    def test_equals_building_the_chosen_rows(self, given_rows, data):
        chosen = data.draw(st.lists(st.integers(0, len(given_rows) - 1), max_size=8))
        found = build(given_rows).take(np.array(chosen, int))
        expected = build([given_rows[i] for i in chosen])
        for name in FIELDS:
            assert getattr(found, name).tolist() == getattr(expected, name).tolist()
        assert found.values["value"].tolist() == expected.values["value"].tolist()

    def test_by_slice_and_mask(self):
        journeys = build([Row(("a",), 1, 0, 1.0), Row(("b",), 2, 0, 2.0), Row((), 3, 0, 3.0)])
        assert journeys[1:].conversions.tolist() == [2, 3]
        assert journeys[journeys.conversions > 1].conversions.tolist() == [2, 3]
        assert journeys[::-1].codes.tolist() == [1, 0]


class TestPickle:
    @examples(20)
    @given(rows())
    def test_round_trip(self, given_rows):
        journeys = build(given_rows)
        back = pickle.loads(pickle.dumps(journeys))
        assert back.channels == journeys.channels
        for name in FIELDS:
            assert getattr(back, name).tolist() == getattr(journeys, name).tolist()
            assert not getattr(back, name).flags.writeable


class TestViews:
    @examples(40)
    @given(rows())
    def test_paths_read_back_as_the_same_journeys(self, given_rows):
        journeys = build(given_rows)
        table = journeys.paths()
        assert table["path"].is_unique
        back = Journeys.from_paths(table)
        for model in (Markov(), Markov(2)):
            one, other = (
                {
                    name: tuple(amounts)
                    for name, *amounts in attribute(j, model)
                    .frame()[["channel", "conversions", "value"]]
                    .itertuples(index=False)
                    if any(amounts)
                }
                for j in (journeys, back)
            )
            assert set(one) == set(other)
            for name, amounts in one.items():
                assert other[name] == pytest.approx(amounts)

    @examples(30)
    @given(rows())
    def test_frame_has_one_row_per_journey(self, given_rows):
        frame = build(given_rows).frame()
        assert frame["path"].tolist() == [" > ".join(row.path) for row in given_rows]
        assert frame["conversions"].tolist() == [row.conversions for row in given_rows]
        assert frame["touchpoints"].tolist() == [len(row.path) for row in given_rows]

    @examples(30)
    @given(rows())
    def test_touchpoints_has_one_row_per_touchpoint(self, given_rows):
        frame = build(given_rows).touchpoints()
        assert frame["channel"].tolist() == [name for row in given_rows for name in row.path]
        assert frame["position"].tolist() == [i for row in given_rows for i in range(len(row.path))]
        assert (frame["age"] // pd.Timedelta(1, "ms")).tolist() == [
            age for row in given_rows for age in row.ages
        ]

    def test_speaks_arrow(self):
        journeys = build([Row(("a", "b"), 2, 1, 9.0, (2, 1)), Row((), 1, 0, 3.0)])
        table = pa.table(journeys)
        assert table["channel"].to_pylist() == [["a", "b"], []]
        assert table["age_ms"].to_pylist() == [[2, 1], []]
        assert table["conversions"].to_pylist() == [2, 1]
        assert pl.DataFrame(journeys).height == 2

    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    def test_html_escapes_names(self, name):
        journeys = build([Row((name, "x"), 1, 0, 1.0, (2, 1))], channels=(name, "x"))
        html = journeys._repr_html_()
        assert "<script" not in html
        assert "<table>" in html
        assert "<script" not in attribute(journeys, Markov())._repr_html_()
        text = str(html)
        for char, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&#34;")):
            name = name.replace(char, escaped)
        assert name.replace("'", "&#39;") in text

    def test_repr_counts(self):
        journeys = build([Row(("a", "b"), 2, 1, 9.0, (2, 1)), Row((), 1, 0, 3.0)])
        assert repr(journeys) == (
            "Journeys(2 rows, 4 journeys, 3 conversions, 2 touchpoints, 4 channels, with ages)"
        )

    def test_html_of_a_long_journey_is_short(self):
        journeys = build([Row(("a",) * 1_000, 1, 0, 1.0)])
        assert len(journeys._repr_html_()) < 2_000


@pytest.mark.parametrize("model", EVERY_MODEL, ids=label)
def test_a_journey_of_100_000_touchpoints(model):
    size = 100_000
    rng = np.random.default_rng(0)
    long = Row(
        tuple(np.array(CHANNELS)[rng.integers(0, 4, size)]), 1, 0, 5.0, tuple(range(size, 0, -1))
    )
    alternating = Row(("a", "b") * (size // 2), 0, 1, 0.0, tuple(range(size, 0, -1)))
    journeys = build([long, alternating, Row(("c",), 1, 1, 1.0, (1,))])
    begun = time.process_time()
    credit = attribute(journeys, model)
    assert credit.amounts.sum(axis=0) == pytest.approx([2, 6])
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("length", [1, 2, 3, 100_000])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_one_channel_many_times_through_markov(order, length):
    credit = attribute(build([Row(("a",) * length, 1, 1, 2.0)], channels=("a",)), Markov(order))
    assert credit.removals[0] == pytest.approx([1, 1])
    assert credit.amounts[0] == pytest.approx([1, 2])


@examples(30)
@given(row(), st.integers(0, 3))
def test_errors_are_one_family_and_survive_pickling(given_row, place):
    error = DataError("this", "that", "Do so.", row=place, column="c", source="f.csv")
    back = pickle.loads(pickle.dumps(error))
    assert isinstance(back, AttributionError)
    assert (
        str(back)
        == str(error)
        == (f"f.csv, row {place}, column 'c': found this; expected that. Do so.")
    )


@pytest.mark.parametrize("touchpoints", [1, 7, 50, 10_000])
def test_slices_are_the_journeys_in_order(touchpoints):
    journeys = example_journeys(3)
    parts = list(journeys.slices(touchpoints))
    assert pd.concat([part.frame() for part in parts], ignore_index=True).equals(journeys.frame())
    assert all(len(part) for part in parts)


def test_one_column_has_one_role():
    frame = pd.DataFrame({"path": ["a"], "total_conversions": [1], "total_conversion_value": [2]})
    with pytest.raises(DataError, match="named for two things"):
        Journeys.from_paths(frame, nulls="total_conversions")
    with pytest.raises(DataError, match=r"pass nulls=None if there is none.*--set nulls="):
        Journeys.from_paths(frame)
