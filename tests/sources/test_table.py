"""Reading files: what survives, and what every bad file is told."""

from __future__ import annotations

import datetime as dt
import gzip
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from attribution.errors import DataError
from attribution.sources import text_files
from attribution.sources.table import read_table

LONG_ID = "7312345678901234567"
ROWS = f'person,name,amount\n007,抖音·直播,1.5\n{LONG_ID},"a, b",2\n'


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(name, content, encoding="utf-8"):
    Path(name).write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return name


def workbook(name, rows, *, first="Sheet"):
    book = openpyxl.Workbook()
    book.active.title = first
    for row in rows:
        book.active.append(row)
    book.save(name)
    return name


def refusal(name, text=()):
    with pytest.raises(DataError) as caught:
        read_table(name, text)
    return caught.value


# ---------------------------------------------------------------------- what survives


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("ending", [".csv", ".tsv", ".CSV"])
def test_text_keeps_leading_zeros_and_long_ids(encoding, newline, ending):
    text = ROWS.replace("\n", newline)
    if ending == ".tsv":
        text = text.replace("a, b", "a; b").replace(",", "\t").replace("a; b", "a, b")
    table = read_table(write("t" + ending, text, encoding), text=("person",))
    assert table.to_pydict() == {
        "person": ["007", LONG_ID],
        "name": ["抖音·直播", "a, b"],
        "amount": [1.5, 2.0],
    }


def test_a_path_object_is_a_file():
    assert read_table(Path(write("t.csv", "a\n1\n"))).to_pydict() == {"a": [1]}


def test_empty_cells_are_null_and_words_stay_words():
    table = read_table(write("t.csv", 'a,n\n,\n"",1\nNA,2\nnull,3\n 1 ,4\n'), text=("a",))
    assert table.to_pydict() == {"a": [None, None, "NA", "null", " 1 "], "n": [None, 1, 2, 3, 4]}


def test_blanks_around_column_names_do_not_count():
    table = read_table(write("t.csv", "person , name\n007,x\n"), text=("person", "name"))
    assert table.to_pydict() == {"person": ["007"], "name": ["x"]}


def test_cells_may_hold_line_breaks_and_quotes():
    table = read_table(write("t.csv", 'a,b\n"x\ny",1\n"say ""hi""",2\nit\'s,3\n'))
    assert table.column("a").to_pylist() == ["x\ny", 'say "hi"', "it's"]


def test_blank_lines_are_skipped():
    assert read_table(write("t.csv", "\na\n1\n\n2\n\n\n")).to_pydict() == {"a": [1, 2]}


def test_rows_longer_than_a_block_are_read(monkeypatch):
    monkeypatch.setattr(text_files, "_BLOCK", 1 << 16)
    long = " > ".join(["抖音·品牌自播"] * 100_000)
    table = read_table(write("t.csv", f"path,n\n{long},1\n"), text=("path",))
    assert table.column("path").to_pylist() == [long]


def test_a_header_cell_longer_than_the_csv_modules_limit_is_read():
    long = "x" * 200_000
    assert read_table(write("t.csv", f"a,b\n{long},1\n")).column("a").to_pylist() == [long]


@pytest.mark.parametrize("content", ["person,n", "person,n\n", "person,n\r\n\r\n"])
def test_a_header_alone_is_a_table_without_rows(content):
    table = read_table(write("t.csv", content), text=("person",))
    assert (table.num_rows, table.column_names) == (0, ["person", "n"])


@settings(max_examples=settings.default.max_examples // 2)
@given(
    st.lists(st.text(st.characters(codec="gb18030", exclude_characters="\0\r\n")), min_size=1),
    st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]),
)
def test_any_text_comes_back(tmp_path_factory, cells, encoding):
    file = tmp_path_factory.mktemp("any") / "t.csv"
    rows = "".join('"{}",1\n'.format(c.replace('"', '""')) for c in cells)
    file.write_bytes(("列,n\n渠道直播间短视频,1\n" + rows).encode(encoding))
    table = read_table(file, text=("n",))
    assert table.column("列").to_pylist()[1:] == [cell or None for cell in cells]
    assert table.column("n").to_pylist() == ["1"] * (len(cells) + 1)


def test_parquet_columns_come_as_they_are(tmp_path):
    table = pa.table({"person": ["007"], "n": pa.array([2**62]), "x": [1.5]})
    folder = tmp_path / "day=1"
    folder.mkdir()
    parquet.write_table(table, folder / "t.parquet")
    assert read_table(folder / "t.parquet", text=("person",)).equals(table)


def test_a_workbook_keeps_text_as_text():
    moment = dt.datetime(2026, 11, 22, 20, 0)
    workbook(
        "t.xlsx",
        [
            ["person ", "at", "n", None],
            ["007", moment, 1],
            [LONG_ID, moment, 2.5],
            [123456789012345, None, ""],
            [12.0, moment, 4],
            [None, moment, 5],
            [None, None],
        ],
    )
    table = read_table("t.xlsx", text=("person",))
    assert table.to_pydict() == {
        "person": ["007", LONG_ID, "123456789012345", "12", None],
        "at": [moment, moment, None, moment, moment],
        "n": [1.0, 2.5, None, 4.0, 5.0],
    }


def test_mixed_cells_become_text():
    workbook("t.xlsx", [["n"], [1], ["two"], [2.5], [True]])
    assert read_table("t.xlsx").to_pydict() == {"n": ["1", "two", "2.5", "True"]}


def test_the_first_sheet_is_read():
    book = openpyxl.Workbook()
    book.active.append(["a"])
    book.active.append([1])
    book.create_sheet("second").append(["b"])
    book.save("t.xlsx")
    assert read_table("t.xlsx").to_pydict() == {"a": [1]}


# ---------------------------------------------------------------------- what is refused


def test_a_missing_file():
    write("paths.csv", ROWS)
    error = refusal("path.csv")
    assert str(error).startswith("path.csv: found no such file")
    assert "Did you mean 'paths.csv'?" in error.remedy
    assert "Check the path" in refusal("nowhere/x.csv").remedy


def test_a_directory():
    Path("folder.csv").mkdir()
    error = refusal("folder.csv")
    assert str(error).startswith("folder.csv: found a directory; expected a file")
    assert "inside it" in error.remedy


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.xlsx", "t.parquet"])
@pytest.mark.parametrize("content", ["", "\n \r\n", "\ufeff\n"])
def test_an_empty_file(name, content):
    error = refusal(write(name, content))
    assert str(error).startswith(f"{name}: found an empty file; expected a header and rows")


@pytest.mark.parametrize(
    ("name", "found", "remedy"),
    [
        ("t.xls", "'.xls'", "Save it as .xlsx"),
        ("t.json", "'.json'", "ending of its kind"),
        ("t", "a name without an ending", "ending of its kind"),
        ("t.csv.gz", "'.gz'", "ending"),
    ],
)
def test_other_kinds_of_files(name, found, remedy):
    error = refusal(write(name, "x"))
    assert found in error.found
    assert ".csv, .tsv" in error.expected
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("delimiter", "name", "found", "remedy"),
    [
        (";", "t.csv", "semicolons between names", "Save the file with commas"),
        ("\t", "t.csv", "tabs between names", "ending .tsv, or save it with commas"),
        ("|", "t.csv", "vertical bars", "Save the file with commas"),
        ("，", "t.csv", "Chinese commas", "Save the file with commas"),
        (",", "t.tsv", "commas between names", "ending .csv, or save it with tabs"),
    ],
)
def test_the_wrong_delimiter(delimiter, name, found, remedy):
    error = refusal(write(name, delimiter.join(["path", "n"]) + f"\na{delimiter}1\n"))
    assert error.source == name
    assert "single column" in error.found
    assert found in error.found
    assert "columns separated by" in error.expected
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("content", "row", "found"),
    [
        ("a,b\n1,2\n\nsecret,2,3\n4,5\n", 2, "3 columns"),
        ("a,b\n1,2\nsecret\n", 2, "1 columns"),
    ],
)
def test_ragged_lines(content, row, found):
    error = refusal(write("t.csv", content))
    assert (error.source, error.row, error.found) == ("t.csv", row, found)
    assert error.expected == "2, as in the header"
    assert "in quotation marks" in error.remedy
    assert "secret" not in str(error)


def test_ragged_lines_far_down_are_numbered():
    lines = [f"{i},secret{i}" for i in range(200_000)]
    lines[150_000] += ",3"
    error = refusal(write("t.csv", "a,b\n" + "\n".join(lines) + "\n"))
    assert (error.row, error.found) == (150_001, "3 columns")
    assert "secret" not in str(error)


def test_a_quotation_mark_left_open():
    error = refusal(write("t.csv", 'a,b\n1,2\n"secret,4\n5,6\n'))
    assert (error.source, error.row) == ("t.csv", 2)
    assert "does not close it" in error.found
    assert "Close it" in error.remedy
    assert "secret" not in str(error)


def test_the_cause_does_not_leak_other_cells():
    error = refusal(write("t.csv", "a,b\nsecret,2,3\n"))
    assert error.__cause__ is None
    assert error.__suppress_context__


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf16(encoding):
    error = refusal(write("t.csv", ROWS, encoding))
    assert error.source == "t.csv"
    assert "UTF-16" in error.found
    assert 'Save it as "CSV UTF-8"' in error.remedy


def test_an_excel_workbook_named_csv():
    workbook("t.xlsx", [["a"], [1]])
    Path("t.xlsx").rename("t.csv")
    error = refusal("t.csv")
    assert str(error).startswith("t.csv: found an Excel workbook")
    assert "ending .xlsx" in error.remedy


@pytest.mark.parametrize(
    ("name", "content", "found", "remedy"),
    [
        ("t.csv", b"\xd0\xcf\x11\xe0\xa1\xb1", "old (.xls)", "save it as .xlsx without a password"),
        ("t.csv", b"PAR1\0\0", "a Parquet file", "ending .parquet"),
        ("t.csv", gzip.compress(b"a,b\n1,2\n", mtime=0), "gzip", "Unpack"),
        ("t.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1", "password-protected", "without a password"),
        ("t.xlsx", b"a,b\n1,2\n", "no Excel workbook", "ending .csv"),
        ("t.xlsx", b"PK\x03\x04 and no more", "cannot be read (BadZipFile)", "save it again"),
        ("t.parquet", b"a,b\n1,2\n", "no complete Parquet file", "ending of its kind"),
    ],
)
def test_files_of_another_kind_than_their_name(name, content, found, remedy):
    error = refusal(write(name, content))
    assert error.source == name
    assert found in error.found
    assert remedy in error.remedy


def test_a_parquet_file_cut_short():
    parquet.write_table(pa.table({"a": np.arange(1000)}), "t.parquet")
    write("t.parquet", Path("t.parquet").read_bytes()[:-20])
    assert "no complete Parquet file" in refusal("t.parquet").found


def test_bytes_of_no_encoding():
    error = refusal(write("t.csv", b"a,b\n1,2\nx\xff\xffsecret,2\n"))
    assert error.source == "t.csv"
    assert "a byte in line 3 that is no UTF-8 and no GB18030" in error.found
    assert "CSV UTF-8" in error.remedy
    assert "secret" not in str(error)


def test_damaged_utf8_is_not_taken_for_gb18030():
    text = "渠道,n\n抖音·品牌自播,1\n小红书,2\n".encode()
    error = refusal(write("t.csv", text.replace("小红书".encode(), "小红书".encode()[:-1])))
    assert "line 3 that is no UTF-8, after text that is" in error.found
    error = refusal(write("t.csv", text + "快手".encode()[:-1]))
    assert "line 4 that is no UTF-8" in error.found


@pytest.mark.parametrize("cell", ["7.31235E+18", "7E+18", " 1.2e+05"])
def test_ids_shortened_in_a_csv_file(cell):
    error = refusal(write("t.csv", f"id,n\n007,1\n{cell},2\n"), text=("id",))
    assert (error.source, error.row, error.column) == ("t.csv", 2, "id")
    assert cell.strip() in error.found
    assert "15 digits" in error.found
    assert "as Text" in error.remedy


@pytest.mark.parametrize("cell", [7.312345678901234e18, 7312345678901234567, 1e15, "7.31235E+18"])
def test_ids_shortened_in_a_workbook(cell):
    workbook("t.xlsx", [["n", "id"], [1, "007"], [2, cell]])
    error = refusal("t.xlsx", text=("id",))
    assert (error.source, error.row, error.column) == ("t.xlsx", 2, "id")
    assert "15 digits" in error.found
    assert "as Text" in error.remedy
    assert read_table("t.xlsx").num_rows == 2  # a number column may hold such numbers


def test_a_workbook_without_a_table():
    workbook("t.xlsx", [])
    error = refusal("t.xlsx")
    assert "an empty first sheet" in error.found
    assert "first sheet" in error.remedy


def test_a_workbook_with_a_cell_beyond_its_header():
    workbook("t.xlsx", [["a", "b"], [1, 2], [3, 4, "secret"]])
    error = refusal("t.xlsx")
    assert (error.source, error.row) == ("t.xlsx", 2)
    assert "beyond the header's 2 columns" in error.found
    assert "secret" not in str(error)


def test_a_workbook_that_is_only_a_header():
    assert read_table(workbook("t.xlsx", [["a", "b"]]), text=("a",)).num_rows == 0


def test_a_formula_without_a_saved_result():
    workbook("t.xlsx", [["id", "n"], ["a", 1], ["b", "=1+1"]])
    error = refusal("t.xlsx", text=("id",))
    assert (error.source, error.row, error.column) == ("t.xlsx", 2, "n")
    assert "'=1+1' without a saved result" in error.found
    assert "save it" in error.remedy


def test_a_formula_with_its_result_is_a_value():
    workbook("f.xlsx", [["n"], ["=1+1"]])
    with zipfile.ZipFile("f.xlsx") as old, zipfile.ZipFile("t.xlsx", "w") as new:
        for name in old.namelist():
            new.writestr(
                name,
                old.read(name)
                .replace(b"<v />", b"<v>2</v>")
                .replace(b"<v></v>", b"<v>2</v>")
                .replace(b"<v/>", b"<v>2</v>"),
            )
    assert read_table("t.xlsx").to_pydict() == {"n": [2]}


def test_a_zip_archive_that_is_no_workbook():
    with zipfile.ZipFile("t.xlsx", "w") as archive:
        archive.writestr("x.txt", "x")
    assert "cannot be read (KeyError)" in refusal("t.xlsx").found


def test_a_file_one_may_not_read(monkeypatch):
    write("t.csv", ROWS)

    def locked(*_args, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", locked)
    error = refusal("t.csv")
    assert error.source == "t.csv"
    assert "Permission denied" in error.found
    assert "Close it in other programs" in error.remedy
