"""Text tables in blocks: every cell as text, every row with its number, every fault named."""

from __future__ import annotations

import csv
import gzip
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.errors import DataError
from attribution.sources import text_files
from attribution.sources.text_files import DELIMITERS, text_batches

SECRET = "secret"


@pytest.fixture
def write(tmp_path):
    def written(content, name="t.csv"):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return file

    return written


def read(file, delimiters=None):
    """Return the columns, the rows' numbers and the broken rows of a whole file."""
    batches = list(text_batches(file, delimiters or DELIMITERS[".csv"]))
    columns = {
        name: [cell for batch in batches for cell in batch.table[name].to_pylist()]
        for name in batches[0].table.column_names
    }
    return (
        columns,
        [int(row) for batch in batches for row in batch.rows],
        [each for batch in batches for each in batch.broken],
    )


def refusal(file):
    with pytest.raises(DataError) as caught:
        read(file)
    assert SECRET not in str(caught.value)
    return caught.value


# ---------------------------------------------------------------------- what survives


def test_every_cell_is_text_as_it_stands(write):
    columns, rows, broken = read(
        write('id,n,t\n007,1.50,"a, b"\n\t73123456789012345678,1e5, x \n,,NULL\n')
    )
    assert columns == {
        "id": ["007", "\t73123456789012345678", None],
        "n": ["1.50", "1e5", None],
        "t": ["a, b", " x ", "NULL"],
    }
    assert (rows, broken) == ([1, 2, 3], [])


def test_names_lose_blanks_tabs_and_marks_and_nameless_columns_go(write):
    columns, _, _ = read(write("\ufeff\t订单编号\t, 金额\u3000,\n1,2,\n"))
    assert columns == {"订单编号": ["1"], "金额": ["2"]}


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_line_ends(write, newline):
    columns, rows, _ = read(write(newline.join(["a,b", "1,2", "", "3,4", ""])))
    assert (columns, rows) == ({"a": ["1", "3"], "b": ["2", "4"]}, [1, 2])


def test_a_csv_file_may_be_parted_by_tabs(write):
    assert read(write("a\tb\n1\t2,5\n"))[0] == {"a": ["1"], "b": ["2,5"]}


def test_tabs_around_names_do_not_make_a_file_parted_by_tabs(write):
    assert read(write("\ta\t,\tb\t\n1,2\n"))[0] == {"a": ["1"], "b": ["2"]}


def test_a_header_alone_gives_one_batch_with_its_columns(write):
    (batch,) = text_batches(write("a,b\n"), (",",))
    assert (batch.table.column_names, batch.table.num_rows, len(batch.rows)) == (["a", "b"], 0, 0)


def test_rows_without_a_cell_are_left_out_and_keep_their_numbers(write):
    columns, rows, broken = read(write("a,b\n1,2\n,\n3,4\n,\n"))
    assert (columns["a"], rows, broken) == (["1", "3"], [1, 3], [])


def test_lines_above_the_header_are_passed_over(write):
    text = "导出时间：2026-11-11\n店铺,山岚\n\n订单号,金额,状态\n1,2,3\n4,5,6\n"
    columns, rows, broken = read(write(text))
    assert columns == {"订单号": ["1", "4"], "金额": ["2", "5"], "状态": ["3", "6"]}
    assert (rows, broken) == ([1, 2], [])


def test_a_single_column_stays_the_header_of_its_file(write):
    columns, rows, broken = read(write("path\nx > y\nc, d > e, f\nz\n"))
    assert (columns, rows) == ({"path": ["x > y", "z"]}, [1, 3])
    assert [(each.row, each.found) for each in broken] == [(2, "3 columns")]


def test_a_gzip_archive(write):
    packed = gzip.compress("订单,b\n1,快手\n".encode("gb18030"), mtime=0)
    assert read(write(packed, "t.csv.gz"))[0] == {"订单": ["1"], "b": ["快手"]}


# The csv module does not quote a lone \r.
CELLS = st.text(st.characters(codec="gb18030", exclude_characters="\0\r\x1f"), max_size=6)


@st.composite
def files(draw):
    """Return rows of cells, some of a wrong width, and how they are written down."""
    width = draw(st.integers(1, 4))
    # Below a single name, rows of three cells and more would be a header with its table.
    ragged = [2] if width == 1 else [1, width + 1, width + 3]
    widths = draw(st.lists(st.sampled_from([width] * 6 + ragged), max_size=40))
    rows = [draw(st.lists(CELLS, min_size=each, max_size=each)) for each in widths]
    return (
        width,
        rows,
        draw(st.sampled_from(["utf-8", "utf-8-sig", "gb18030"])),
        draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL])),
        draw(st.sampled_from(["\n", "\r\n"])),
    )


@given(files(), st.sampled_from([1 << 7, 1 << 10, 1 << 22]), st.sampled_from([1, 3, 1 << 16]))
def test_any_rows_come_back_numbered_and_ragged_ones_are_broken(
    tmp_path_factory, made, block, together
):
    width, rows, encoding, quoting, newline = made
    names = [f"渠道直播间短视频{i}" for i in range(width)]
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=quoting, lineterminator=newline)
    writer.writerow(names)
    writer.writerows(rows)
    file = tmp_path_factory.mktemp("any") / "t.csv"
    file.write_bytes(buffer.getvalue().encode(encoding))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "_BLOCK", block)
        patch.setattr(text_files, "_ROWS", together)
        columns, numbers, broken = read(file, (",",))
    good = [
        (number, row)
        for number, row in enumerate(rows, 1)
        if len(row) == width and any(row)  # the rest is ragged, or has no cell
    ]
    assert numbers == [number for number, _ in good]
    assert list(columns) == names
    for place, name in enumerate(names):
        assert columns[name] == [row[place] or None for _, row in good]
    assert [each.row for each in broken] == [
        number for number, row in enumerate(rows, 1) if len(row) != width
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_characters_cut_by_a_block_come_back(write, monkeypatch, encoding):
    monkeypatch.setattr(text_files, "_BLOCK", 1 << 9)
    cells = ["抖音" * n + "é𠮷"[n % 2] for n in range(60)]
    columns, rows, _ = read(write(("渠道直播间短视频\n" + "\n".join(cells)).encode(encoding)))
    assert (columns["渠道直播间短视频"], rows) == (cells, list(range(1, 61)))


def test_a_row_longer_than_a_block_comes_once_between_the_others(write, monkeypatch):
    monkeypatch.setattr(text_files, "_BLOCK", 1 << 10)
    monkeypatch.setattr(text_files, "_ROWS", 1)
    lines = [f"{i},x" for i in range(1000)]
    lines[100] = "ragged"
    lines[500] = "y" * 10_000 + ",x"
    columns, rows, broken = read(write("a,b\n" + "\n".join(lines)))
    assert rows == [i for i in range(1, 1001) if i != 101]
    assert columns["a"] == [line.partition(",")[0] for line in lines if line != "ragged"]
    assert [each.row for each in broken] == [101]


def test_a_long_file_is_read_in_batches_of_many_rows(write):
    numbers = np.arange(300_000)
    file = write("a,b\n" + "\n".join(f"{i},抖音" for i in numbers))
    sizes, at = [], 0
    for batch in text_batches(file, (",",)):
        assert batch.table["a"].to_pylist() == [str(row - 1) for row in batch.rows]
        assert batch.rows[0] == at + 1
        at = int(batch.rows[-1])
        sizes.append(len(batch.rows))
    assert at == 300_000
    assert min(sizes[:-1]) >= 1 << 16


# ---------------------------------------------------------------------- broken rows


def test_a_row_cut_short_at_the_end_is_broken(write):
    columns, rows, broken = read(write(f"a,b,c\n1,2,3\n4,{SECRET}"))
    assert (columns["a"], rows) == (["1"], [1])
    (only,) = broken
    assert (only.row, only.found, only.expected) == (2, "2 columns", "3, as in the header")
    assert "cut short" in only.remedy
    assert SECRET not in str(only)


@pytest.mark.parametrize("last", [f'3,"{SECRET}', f'"{SECRET}'])
def test_a_last_row_cut_within_quotation_marks_is_broken(write, last):
    columns, _, broken = read(write(f"a,b\n1,2\n{last}"))
    assert columns == {"a": ["1"], "b": ["2"]}
    assert [each.row for each in broken] == [2]
    assert "ends inside quotation marks" in broken[0].found
    assert SECRET not in str(broken)


def test_nothing_but_broken_rows_comes_as_a_batch_without_rows(write):
    columns, rows, broken = read(write("a,b\n1\n2\n"))
    assert (columns, rows) == ({"a": [], "b": []}, [])
    assert [each.row for each in broken] == [1, 2]


def test_a_block_of_bad_rows_only_between_good_ones(write, monkeypatch):
    monkeypatch.setattr(text_files, "_BLOCK", 1 << 8)
    _, rows, broken = read(write("a,b\n1,2\n" + "x\n" * 2000 + "3,4\n"))
    assert rows == [1, 2002]
    assert [each.row for each in broken] == list(range(2, 2002))


def test_a_file_of_which_no_row_fits_is_refused_early(write, monkeypatch):
    monkeypatch.setattr(text_files, "_MOST_BROKEN", 50)
    error = refusal(write("a,b\n" + f"1,2,{SECRET}\n" * 1000))
    assert "50 rows on end that do not fit the header, such as 3 columns" in error.found
    assert error.row == 1


# ---------------------------------------------------------------------- refused files


def test_a_quotation_mark_never_closed(write):
    error = refusal(write(f'a,b\n1,2\n3,"{SECRET}\n4,5\n6,7\n'))
    assert error.row == 2
    assert "does not close it up to the file's end" in error.found


def test_a_quotation_mark_never_closed_in_a_long_file(write, monkeypatch):
    monkeypatch.setattr(text_files, "_BLOCK", 1 << 10)
    monkeypatch.setattr(text_files, "_LONGEST_BLOCK", 1 << 11)
    error = refusal(write("a,b\n" + "1,2\n" * 700 + "x\n" + f'3,"{SECRET}\n' + "4,5\n" * 5000))
    assert error.row == 702
    assert "never closed, or a row of more than" in error.found


def test_two_columns_of_one_name(write):
    assert "2 columns named '金额'" in refusal(write("金额,b, 金额\n1,2,3\n")).found


def test_data_in_place_of_a_header(write):
    error = refusal(write("13800138000,张三\n13800138001,李四\n"))
    assert "a number of 11 digits in place of the name of column 1" in error.found
    assert "13800138000" not in str(error)


@pytest.mark.parametrize("content", [b"a,b\n1,\0\n", "a,b\n1,2\n".encode("utf-16-le")])
def test_bytes_that_are_no_text(write, content):
    assert "binary data, or text in UTF-16" in refusal(write(content)).found


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("订单编号,b\n1,2\n".encode() + "1,抖音\n".encode("gb18030"), "line 3 that is no UTF-8, a"),
        ("订单编号,b\n1,2\n".encode("gb18030") + "1,抖音直播\n".encode(), "line 3 that is"),
        (b"a,b\n1,2\n\xff\xff,3\n", "line 3 that is no UTF-8 and no GB18030"),
    ],
)
@pytest.mark.parametrize("block", [16, 1 << 22])
def test_mixed_encodings(write, monkeypatch, content, found, block):
    monkeypatch.setattr(text_files, "_HEAD", block)
    assert f"a byte in {found}" in refusal(write(content)).found


def test_utf8_after_gb18030_far_down(write):
    content = ("订单编号,b\n" + "1,抖音\n" * 10).encode("gb18030") + "1,抖音直播\n".encode()
    content += b"1,2\n"
    found = refusal(write(content)).found
    assert found.startswith("a byte in line 12 that is")


def test_a_gzip_archive_cut_short(write):
    packed = gzip.compress(b"a,b\n" + b"1,2\n" * 10_000, mtime=0)
    assert "cut short" in refusal(write(packed[:-20], "t.csv.gz")).found


def test_an_archive_of_nothing(write):
    assert "an empty file" in refusal(write(gzip.compress(b"\n", mtime=0), "t.csv.gz")).found
