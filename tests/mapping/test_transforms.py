"""Cells against a naive reader of one cell at a time; every trap of units, times and long ids."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attribution.mapping import transforms
from attribution.mapping.transforms import (
    Code,
    Reading,
    day,
    decimal_rate,
    epoch,
    fen,
    flag,
    identifier,
    instant,
    person_identifier,
    search_index,
    shapes,
    whole,
    word,
    yuan,
)

MOST = 10**15
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST, LAST = datetime(2000, 1, 2, tzinfo=UTC), datetime(2099, 12, 30, tzinfo=UTC)

CASES = settings(max_examples=80, deadline=None)

junk = st.text(alphabet="0123456789.,-+eExX¥￥% :/TZ张a'\"\t", max_size=12)
numbers = st.one_of(
    st.integers(-(10**17), 10**17).map(str),
    st.decimals(-(10**6), 10**6, places=2).map(str),
    st.decimals(-(10**6), 10**6, places=4).map(str),
    st.integers(0, 10**9).map("{:,}".format),
    st.integers(0, 10**9).map("¥{:,}.5".format),
    st.sampled_from(
        [
            "１２.５",
            "12.5元",
            "¥1,000 元",
            "５，０００",
            "1２",
            "²",
            "５．０",
            "－３",
            "元",
            "3元元",
            "1.2万元",
        ]
    ),
    st.sampled_from(["0x10", "1E3", "1e-2", "nan", "inf", ".5", "5.", "+7", "007", "1.500", "--1"]),
    st.sampled_from(
        ["1,23", "12,345.60", "-¥3", "¥-3.1", "", " 4 ", "0.0000000000000000000000000"]
    ),
)
columns = st.lists(st.one_of(st.none(), numbers, junk), max_size=6)


def text(*items) -> pa.Array:
    return pa.array(items, pa.string())


def bad_rows(read: Reading) -> list[int]:
    return sorted(int(row) for fault in read.faults for row in fault.rows)


def told(read: Reading, row: int) -> tuple[str, str, str]:
    for fault in read.faults:
        if row in fault.rows:
            at = fault.rows.tolist().index(row)
            return fault.found[at].as_py(), fault.expected, fault.remedy
    raise AssertionError(f"row {row} is not at fault")


def stripped(cell):
    cell = None if cell is None else cell.strip()
    return cell or None


# ---------------------------------------------------------------------- the naive twin


WIDE = str.maketrans("０１２３４５６７８９．，－＋", "0123456789.,-+")


def naive_number(cell: str) -> Decimal | None:
    """Return the number a cell says, thousands separators allowed; None if it is none."""
    cell = cell.translate(WIDE)
    if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?", cell):
        cell = cell.replace(",", "")
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", cell, re.ASCII):
        return Decimal(cell)
    return None


def naive_fen(cell: str) -> int | None:
    number = naive_number(cell)
    if number is None or number != int(number) or abs(number) >= MOST:
        return None
    return None if cell.translate(WIDE).lstrip("+-").startswith(".") else int(number)


def naive_yuan(cell: str) -> int | None:
    cell = re.sub(r"(?<=[\d.])\s*元$", "", cell.translate(WIDE))
    match = re.fullmatch(r"([+-]?)[¥￥]\s*(.*)", cell)
    number = naive_number(match[1] + match[2] if match else cell)
    if number is None or (number * 100) != int(number * 100) or abs(number * 100) >= MOST:
        return None
    return int(number * 100)


@CASES
@given(columns)
@example(["1", "2.50", None])
@example(["12", "1,200", "3.00"])
@example([str(MOST - 1), str(MOST), str(-MOST), f"{MOST // 100}", f"{MOST // 100 - 1}.99"])
@example([f"{MOST - 1}.0", f"{MOST}.0", "x"])
def test_money_is_what_the_naive_reader_says(cells):
    for read, naive in ((yuan, naive_yuan), (fen, naive_fen), (whole, naive_fen)):
        done = read(text(*cells), least=None)
        expected = [None if (c := stripped(cell)) is None else naive(c) for cell in cells]
        assert done.values.to_pylist() == expected
        filled = [i for i, cell in enumerate(cells) if stripped(cell)]
        assert bad_rows(done) == [i for i in filled if expected[i] is None]


written = st.datetimes(
    datetime(2000, 1, 3),
    datetime(2099, 12, 29),
    timezones=st.none(),
).map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000))
forms = st.sampled_from(
    [
        ("%Y-%m-%d %H:%M:%S", timedelta(seconds=1)),
        ("%Y-%m-%dT%H:%M:%S", timedelta(seconds=1)),
        ("%Y/%m/%d %H:%M", timedelta(minutes=1)),
        ("%Y-%m-%d %H:%M", timedelta(minutes=1)),
        ("%Y/%m/%d", timedelta(days=1)),
        ("%Y-%m-%d", timedelta(days=1)),
        ("ms", timedelta(milliseconds=1)),
        ("short", timedelta(minutes=1)),
    ]
)
zones = st.sampled_from(
    ["Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "UTC", "America/Sao_Paulo"]
)
offsets = st.sampled_from([None, "Z", "+08:00", "-0330", "+08", " +08:00"])


def naive_written(t: datetime, form: str) -> str:
    if form == "ms":
        return t.strftime("%Y-%m-%d %H:%M:%S.") + f"{t.microsecond // 1000:03d}"
    if form == "short":
        return f"{t.year}/{t.month}/{t.day} {t.hour}:{t.minute:02d}"
    return t.strftime(form)


def naive_utc(t: datetime, zone: str) -> int:
    """Return UTC ms of a clock time: the first of two, the next where it does not exist."""
    aware = t.replace(tzinfo=ZoneInfo(zone), fold=0)
    back = aware.astimezone(UTC).astimezone(ZoneInfo(zone))
    if back.replace(tzinfo=None) == t:
        return (aware - EPOCH) // timedelta(milliseconds=1)
    # It does not exist: walk to the second before the clock was put forward, which does.
    low, high = aware.astimezone(UTC) - timedelta(hours=26), aware.astimezone(UTC)
    before = low.astimezone(ZoneInfo(zone)).utcoffset()
    while high - low > timedelta(milliseconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(ZoneInfo(zone)).utcoffset() == before:
            low = middle
        else:
            high = middle
    return round((high - EPOCH) / timedelta(seconds=1)) * 1000


@CASES
@given(st.lists(st.tuples(written, forms, offsets), min_size=1, max_size=6), zones)
def test_written_times_are_what_the_calendar_says(drawn, zone):
    cells, expected = [], []
    for t, (form, step), offset in drawn:
        t -= (t - datetime(2000, 1, 1)) % step
        cell = naive_written(t, form)
        if offset is not None and step < timedelta(days=1):
            cell += offset
            digits = offset.strip().replace(":", "").replace("Z", "+0000").ljust(5, "0")
            shift = timedelta(hours=int(digits[1:3]), minutes=int(digits[3:5]))
            utc = t.replace(tzinfo=UTC) - (shift if digits[0] == "+" else -shift)
            expected.append((utc - EPOCH) // timedelta(milliseconds=1))
        else:
            expected.append(naive_utc(t, zone))
        cells.append(cell)
    read = instant(text(*cells), zone=zone)
    assert not read.faults
    assert read.values.to_pylist() == expected


@pytest.mark.parametrize(
    ("zone", "clock", "utc"),
    [
        ("America/New_York", "2026-03-08 01:59:59", "2026-03-08T06:59:59"),
        ("America/New_York", "2026-03-08 02:30:00", "2026-03-08T07:00:00"),  # never
        ("America/New_York", "2026-03-08 03:30:00", "2026-03-08T07:30:00"),
        ("America/New_York", "2026-11-01 01:30:00", "2026-11-01T05:30:00"),  # twice
        ("America/New_York", "2026-11-01 02:30:00", "2026-11-01T07:30:00"),
        ("Australia/Sydney", "2026-04-05 02:30:00", "2026-04-04T15:30:00"),  # twice
        ("Australia/Sydney", "2026-04-05 03:30:00", "2026-04-04T17:30:00"),
        ("Australia/Sydney", "2026-10-04 02:30:00", "2026-10-03T16:00:00"),  # never
        ("Australia/Sydney", "2026-10-04 09:30:00", "2026-10-03T22:30:00"),
    ],
)
def test_clock_times_around_summer_time(zone, clock, utc):
    expected = (datetime.fromisoformat(utc + "+00:00") - EPOCH) // timedelta(milliseconds=1)
    assert instant(text(clock), zone=zone).values.to_pylist() == [expected]


@pytest.mark.parametrize(
    "cell",
    [
        "2026-02-30",
        "2026-13-01",
        "2026-11-11 24:00:00",
        "2026-11-11 20:60",
        "11/11/2026",
        "20261111",
        "2026-11-11 20:00:00+25:00",
        "1999-12-31",
        "2101-01-01",
        "昨天",
        "2026-11/11",
        "today",
    ],
)
def test_what_is_no_time_is_refused_beside_times_that_are(cell):
    read = instant(text("2026-11-11 20:00:00", cell, "2026/11/11"), zone="Asia/Shanghai")
    assert bad_rows(read) == [1]
    assert read.values[0].as_py() == 1794398400000
    assert read.values[2].as_py() == 1794326400000


@settings(max_examples=20, deadline=None)
@given(st.lists(st.one_of(st.none(), numbers, junk), max_size=5))
def test_what_becomes_of_a_cell_never_depends_on_its_neighbours(cells):
    reads = [
        lambda a: yuan(a),
        lambda a: fen(a, least=None),
        lambda a: whole(a),
        lambda a: epoch(a, unit="epoch_s"),
        lambda a: epoch(a, unit="epoch_ms"),
        lambda a: instant(a, zone="Asia/Shanghai"),
        lambda a: decimal_rate(a, unit="percent"),
        lambda a: identifier(a),
        lambda a: search_index(a),
        lambda a: flag(a),
    ]
    for read in reads:
        together = read(text(*cells))
        for row, cell in enumerate(cells):
            alone = read(text(cell))
            assert alone.values[0].as_py() == together.values[row].as_py()
            assert bool(alone.faults) == (row in bad_rows(together))
            if alone.faults:
                # How often an unknown word occurs decides if it is shown; the rest is one.
                assert told(alone, 0)[1:] == told(together, row)[1:]


# ---------------------------------------------------------------------- money


def test_negative_amounts_are_refused_unless_a_reversal_may_be():
    assert bad_rows(yuan(text("-1.00", "1.00"))) == [0]
    assert yuan(text("-1.00"), least=None).values.to_pylist() == [-100]
    assert bad_rows(fen(text("-1"))) == [0]


def test_an_amount_in_scientific_notation_says_so():
    read = yuan(text("1.2E+5"))
    assert "in full" in told(read, 0)[2]
    assert read.values.to_pylist() == [None]


def test_the_least_64_bit_number_is_no_amount():
    assert bad_rows(fen(text(str(-(2**63))), least=None)) == [0]


def test_floats_are_money_only_where_two_decimals_say_it_all():
    cells = pa.array([1.1, 0.1 + 0.2, 1234567.89, 2.0, float("nan"), float("inf"), None, 1e20])
    read = yuan(cells)
    assert read.values.to_pylist() == [110, None, 123456789, 200, None, None, None, None]
    assert bad_rows(read) == [1, 4, 5, 7]
    assert bad_rows(fen(cells)) == [0, 1, 2, 4, 5, 7]


@given(st.integers(-(10**12), 10**12))
def test_a_float_that_was_fen_comes_back_as_fen(cents):
    assert yuan(pa.array([cents / 100]), least=None).values.to_pylist() == [cents]


@pytest.mark.parametrize(
    ("unit", "cell", "expected"),
    [
        ("per_10k", "3500", 0.35),
        ("permille", "350", 0.35),
        ("percent", "35", 0.35),
        ("percent", "35.00%", 0.35),
        ("ratio", "0.35", 0.35),
        ("ratio", "1", 1.0),
        ("ratio", "35", None),
        ("percent", "3500", None),
        ("per_10k", "10001", None),
        ("ratio", "-0.1", None),
        ("ratio", "nan", None),
        ("ratio", "35%", None),
        ("number", "613.5", 613.5),
        ("number", "-1", None),
    ],
)
def test_rates_and_their_units(unit, cell, expected):
    read = decimal_rate(text(cell), unit=unit)
    assert read.values.to_pylist() == [expected]
    assert bool(read.faults) == (expected is None)


# ---------------------------------------------------------------------- epochs


@given(st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None)))
def test_epochs_are_told_apart_by_their_size(t):
    ms = (t.replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
    s = ms // 1000
    assert epoch(text(str(s)), unit="epoch_s").values.to_pylist() == [s * 1000]
    assert epoch(text(str(ms)), unit="epoch_ms").values.to_pylist() == [ms]
    assert 'as = "epoch_ms"' in told(epoch(text(str(ms)), unit="epoch_s"), 0)[2]
    assert 'as = "epoch_s"' in told(epoch(text(str(s)), unit="epoch_ms"), 0)[2]
    assert "microseconds" in told(epoch(text(str(ms * 1000)), unit="epoch_ms"), 0)[1]
    assert "nanoseconds" in told(epoch(text(str(ms * 10**6)), unit="epoch_s"), 0)[1]


def test_an_epoch_of_zero_is_not_yet():
    read = epoch(text("0", "1794398400", None, "0.0"), unit="epoch_s")
    assert read.values.to_pylist() == [None, 1794398400000, None, None]
    assert not read.faults


def test_a_date_where_an_epoch_is_expected_and_the_other_way_round():
    assert 'as = "time"' in told(epoch(text("2026-11-11 20:00:00"), unit="epoch_s"), 0)[2]
    assert 'as = "epoch_ms"' in told(instant(text("1794398400000"), zone="UTC"), 0)[2]


def test_days_are_days_of_the_zone():
    late = "2026-11-11 23:59:59"
    assert day(text(late), unit="time", zone="Asia/Shanghai").values.to_pylist() == ["2026-11-11"]
    utc = text("2026-11-11T20:00:00Z", None, "x")
    read = day(utc, unit="time", zone="Asia/Shanghai")
    assert read.values.to_pylist() == ["2026-11-12", None, None]
    assert bad_rows(read) == [2]
    read = day(text("1794398400"), unit="epoch_s", zone="America/New_York")
    assert read.values.to_pylist() == ["2026-11-11"]
    assert day(text(), unit="time", zone="UTC").values.to_pylist() == []


# ---------------------------------------------------------------------- ids


def test_the_quirks_of_excel_are_taken_off():
    quirks = [
        "\t6921",
        "6921\t",
        "'6921",
        '="6921"',
        '"6921"',
        " 6921　",
        "\ufeff6921",
        '\t="6921"',
    ]
    read = identifier(text(*quirks))
    assert read.values.to_pylist() == ["6921"] * len(quirks)
    assert not read.faults


@pytest.mark.parametrize("cell", ["ab=", "it's", "a'b", "a b", "$x$y==$", "1e5", "SL-1.5", "12e34"])
def test_signs_that_belong_to_an_id_stay(cell):
    assert identifier(text(cell)).values.to_pylist() == [cell]


@pytest.mark.parametrize(
    "cell", ["6.92123E+18", "6.9e+18", "6.9E18", "69E+17", "6921.0", "'6.9E+18"]
)
def test_ids_that_went_through_a_float_are_refused(cell):
    read = identifier(text("6921", cell))
    assert read.values.to_pylist() == ["6921", None]
    assert "as text" in told(read, 1)[2]


EMPTY = ["-", "--", "NULL", "null", "None", "none", "N/A", "n/a", "#N/A", "nan", "NaN", "无", "空"]
EMPTY += [
    "暂无",
    "未知",
    "\\N",
    "undefined",
    "00000000-0000-0000-0000-000000000000",
    " - ",
    '="null"',
]


@pytest.mark.parametrize("cell", EMPTY)
def test_what_stands_for_no_id_is_none(cell):
    for read_ids in (identifier, person_identifier):
        read = read_ids(text("6921", cell, "a-1", None))
        assert read.values.to_pylist() == ["6921", None, "a-1", None]
        assert not read.faults
        assert read_ids(text(cell)).values.to_pylist() == [None]


def test_zeros_are_an_id_but_nobody():
    cells = ["0", "000", "0" * 32, "10", "007", "x", "0x0"]
    assert identifier(text(*cells)).values.to_pylist() == cells
    for more in ([], ["7"]):
        read = person_identifier(text(*more, *cells)).values.to_pylist()
        assert read == [*more, None, None, None, "10", "007", "x", "0x0"]


@given(st.lists(st.one_of(st.none(), st.sampled_from(["6921", "ab", *EMPTY]), st.text(max_size=9))))
def test_an_id_is_read_as_if_it_stood_alone(cells):
    together, faults = person_identifier(text(*cells))
    alone = [person_identifier(text(cell)) for cell in cells]
    assert together.to_pylist() == [each.values[0].as_py() for each in alone]
    assert bad_rows(Reading(together, faults)) == [i for i, each in enumerate(alone) if each.faults]


@pytest.mark.parametrize("cell", ["TRUE", "true", "False", '="TRUE"', "'true"])
def test_a_truth_is_no_id(cell):
    read = identifier(text("6921", cell, "trueish"))
    assert read.values.to_pylist() == ["6921", None, "trueish"]
    assert "not true or false" in told(read, 1)[1]
    booleans = identifier(pa.array([True, None, False]))
    assert (booleans.values.to_pylist(), bad_rows(booleans)) == ([None] * 3, [0, 2])


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("=6921", "6921"),
        ('="6921"', "6921"),
        ("=A1", None),
        ("=SUM(A1:A3)", None),
        ("=69-21", None),
        ('="a"&"b', None),
        ('="=1+1"', None),
        ("'=A1", None),
    ],
)
def test_a_formula_is_no_id(cell, value):
    read = identifier(text("6921", cell))
    assert read.values.to_pylist() == ["6921", value]
    if value is None:
        assert "not a formula" in told(read, 1)[1]


def test_ids_of_64_bits_keep_every_digit():
    ids = ["6921999999999999999", "9223372036854775807", "18446744073709551615"]
    assert identifier(text(*ids)).values.to_pylist() == ids


def test_a_column_of_floats_holds_no_ids():
    read = identifier(pa.array([6.92e18, None, 1.0]))
    assert read.values.to_pylist() == [None, None, None]
    assert bad_rows(read) == [0, 2]


def test_long_ids_that_all_end_in_zeros_were_cut_by_excel():
    cut = [f"{digits}0000" for digits in ("692112345678901", "692112345678902", "692112345678903")]
    read = identifier(text("12", None, *cut).slice(1))
    assert bad_rows(read) == [1, 2, 3]
    assert "15 digits" in told(read, 1)[1]
    whole_ids = [*cut, "6921123456789011234"]
    assert identifier(text(*whole_ids)).values.to_pylist() == whole_ids
    assert identifier(text(cut[0], cut[0], cut[0], cut[1])).values.to_pylist()[0] == cut[0]


def test_a_list_is_no_value():
    read = identifier(pa.array([["a"], None]))
    assert (read.values.to_pylist(), bad_rows(read)) == ([None, None], [0])
    for other in (yuan, fen, whole):
        assert bad_rows(other(pa.array([[1], None]))) == [0]
    assert bad_rows(epoch(pa.array([[1]]), unit="epoch_s")) == [0]
    assert bad_rows(instant(pa.array([[1]]), zone="UTC")) == [0]


def test_only_the_search_part_of_a_cipher_is_kept():
    read = search_index(text("$c2VhcmNo$Y2lwaGVy$1$", "13912345678", "$a", "", None))
    assert read.values.to_pylist() == ["c2VhcmNo", None, None, None, None]
    assert not read.faults


# ---------------------------------------------------------------------- words


CODES = (Code("1", "short_video"), Code("2", "live"), Code("10000..20000", "x", 10000, 20000))


def test_words_ranges_and_what_else():
    cells = text("2", "10000", "15000", "20000", "20001", "02", None)
    read = word(cells, codes=CODES)
    assert read.values.to_pylist() == ["live", "x", "x", "x", None, None, None]
    assert bad_rows(read) == [4, 5]
    read = word(cells, codes=CODES, otherwise="unknown")
    assert read.values.to_pylist() == ["live", "x", "x", "x", "unknown", "unknown", None]
    assert not read.faults


def test_a_word_of_its_own_goes_before_a_range():
    codes = (Code("10000..20000", "x", 10000, 20000), Code("10008", "search"))
    assert word(text("10008", "10009"), codes=codes).values.to_pylist() == ["search", "x"]


def test_an_unknown_word_is_shown_only_if_it_is_no_secret():
    cells = ["PAY_SUCC", "77", "张三", "已发货", "已发货", "已发货", "13912345678"]
    cells += ["海淀区1号 张三"] * 3
    read = word(text(*cells), codes=CODES)
    found = [told(read, row)[0] for row in range(len(cells))]
    assert found[:3] == ["PAY_SUCC", "77", "字字"]
    assert found[3:6] == ["已发货"] * 3
    assert found[6:] == ["99999999999"] + ["字字字9字 字字"] * 3


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("１３９１２３４５６７８", "99999999999"),
        ("52345", "99999"),
        ("1234", "1234"),
        ("-12", "-12"),
        ("张三", "字字"),
        ("退款成功", "退款成功"),
        ("已付款张三", "字字字字字"),
        ("PAY_SUCC", "PAY_SUCC"),
        ("PAY_1", "xxx_9"),
        ("wx_zhangsan88", "xx_xxxxxxxx99"),
        ("Zhang San", "xxxxx xxx"),
        ("partially paid", "partially paid"),
        ("x" * 33, "x" * 23 + "…"),
        ("王小明￥", "字字字￥"),
    ],
)
def test_what_is_shown_of_an_unknown_word(cell, found):
    for count in (1, 5):  # however often it stands there
        read = word(text(*["2", cell] * count), codes=CODES)
        assert [told(read, 2 * i + 1)[0] for i in range(count)] == [found] * count


def test_flags_in_both_languages():
    read = flag(text("true", "是", "1", "Y", "0", "否", "no", None, "maybe"))
    assert read.values.to_pylist() == [True] * 4 + [False] * 3 + [None, None]
    assert bad_rows(read) == [8]
    assert flag(pa.array([True, None, False])).values.to_pylist() == [True, None, False]
    own = flag(text("FREE", "PAID"), codes=(Code("FREE", "true"), Code("PAID", "false")))
    assert own.values.to_pylist() == [True, False]


def test_words_that_stand_for_nothing():
    assert identifier(text("0", "--", "7"), ("0", "--")).values.to_pylist() == [None, None, "7"]
    assert yuan(text("-", "1"), ("-",)).values.to_pylist() == [None, 100]


# ---------------------------------------------------------------------- shapes


@given(st.text(max_size=40))
def test_a_shape_says_nothing_of_what_stood_there(cell):
    shape = shapes(text(cell))[0].as_py()
    assert len(shape) <= 24
    assert not re.search(r"[0-8]", shape)
    assert set(re.findall(r"[A-Za-z]", shape)) <= {"x"}
    assert set(re.findall(r"[\u4e00-\u9fff]", shape)) <= {"字"}


def test_shapes():
    assert shapes(text("张三 13912345678", "Abc-9", None)).to_pylist() == [
        "字字 99999999999",
        "xxx-9",
        None,
    ]


def test_every_public_name_exists():
    assert all(hasattr(transforms, name) for name in transforms.__all__)
