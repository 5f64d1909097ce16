"""Which files a source names, how each is opened, and what they are known by."""

from __future__ import annotations

import gzip
import hashlib
import json
import os

import openpyxl
import pyarrow as pa
import pytest
from pyarrow import parquet

from attribution.errors import ConfigError, DataError
from attribution.sources.files import (
    digest_of,
    files_of,
    ignored_files,
    open_source,
    stamp_of,
)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "brand"
    for name in [
        "raw/b.csv",
        "raw/a.csv",
        "raw/day/c.jsonl",
        "raw/day/notes.md",
        "raw/day/d.CSV.gz",
        "raw/.hidden.csv",
        "raw/_old.csv",
        "raw/~$a.xlsx",
        "raw/_attic/e.csv",
        "raw/f.csv.part",
        "raw/g.json.crdownload",
        "raw/h.dat",
        "other/i.parquet",
    ]:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("a\n1\n", encoding="utf-8")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.csv").write_text("a\n1\n", encoding="utf-8")
    return root


def names(folder, *patterns):
    return [path.relative_to(folder).as_posix() for path in files_of(patterns, folder)]


# ---------------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["raw"], ["raw/a.csv", "raw/b.csv", "raw/day/c.jsonl", "raw/day/d.CSV.gz"]),
        (["raw/"], ["raw/a.csv", "raw/b.csv", "raw/day/c.jsonl", "raw/day/d.CSV.gz"]),
        (["raw/b.csv", "raw/a.csv", "raw/*.csv"], ["raw/a.csv", "raw/b.csv"]),
        (["raw/**/*.jsonl"], ["raw/day/c.jsonl"]),
        (["raw/d*"], ["raw/day/c.jsonl", "raw/day/d.CSV.gz"]),
        (["**/*"], [
            "other/i.parquet", "raw/a.csv", "raw/b.csv", "raw/day/c.jsonl", "raw/day/d.CSV.gz",
        ]),
        (["raw/*.dat"], ["raw/h.dat"]),
        (["raw/h.dat"], ["raw/h.dat"]),
        (["raw/_attic"], ["raw/_attic/e.csv"]),
        (["raw/_attic/*.csv"], ["raw/_attic/e.csv"]),
        (["raw/_old.csv"], ["raw/_old.csv"]),
        (["."], [
            "other/i.parquet", "raw/a.csv", "raw/b.csv", "raw/day/c.jsonl", "raw/day/d.CSV.gz",
        ]),
        (["nothing", "nothing/*.csv", "raw/z.csv"], []),
    ],
)  # fmt: skip
def test_paths_folders_and_globs(folder, patterns, expected):
    assert names(folder, *patterns) == expected
    assert all(path.is_relative_to(folder) for path in files_of(patterns, folder))


@pytest.mark.parametrize(
    "pattern",
    ["../outside/x.csv", "raw/../../outside", "/etc/*.csv", "C:\\x.csv", "\\\\host\\x", "..", " "],
)
def test_paths_that_leave_the_workspace(folder, pattern):
    with pytest.raises(ConfigError, match="inside the workspace") as caught:
        files_of([pattern], folder)
    assert repr(pattern)[1:-1][:10] in str(caught.value)


@pytest.mark.parametrize("pattern", ["raw", "raw/*", "raw/link.csv", "raw/**/*.csv"])
def test_a_link_that_leads_out_is_refused(folder, pattern):
    (folder / "raw" / "link.csv").symlink_to(folder.parent / "outside" / "x.csv")
    with pytest.raises(ConfigError, match=r"'raw/link\.csv', a symbolic link"):
        files_of([pattern], folder)


@pytest.mark.parametrize("pattern", ["raw", "raw/link", "raw/*", "raw/link/x.csv"])
def test_a_linked_folder_outside_is_refused(folder, pattern):
    (folder / "raw" / "link").symlink_to(folder.parent / "outside")
    with pytest.raises(ConfigError, match="a symbolic link"):
        files_of([pattern], folder)


def test_links_inside_are_followed_and_may_go_round(folder):
    (folder / "other" / "round").symlink_to(folder / "other")
    (folder / "other" / "day").symlink_to(folder / "raw" / "day")
    assert names(folder, "other") == [
        "other/day/c.jsonl",
        "other/day/d.CSV.gz",
        "other/i.parquet",
    ]


@pytest.mark.parametrize("pattern", ["raw", "raw/loop.csv", "raw/*", "raw/*.csv", "."])
def test_a_link_to_itself_is_refused(folder, pattern):
    (folder / "raw" / "loop.csv").symlink_to(folder / "raw" / "loop.csv")
    with pytest.raises(ConfigError, match=r"'raw/loop\.csv', a symbolic link that leads back"):
        files_of([pattern], folder)


@pytest.mark.parametrize(
    "pattern", ["raw/way/far/x.csv", "raw/way/*/x.csv", "raw/way/far", "raw/way", "raw/way/far/*"]
)
def test_a_link_that_leads_out_in_the_middle_of_a_path(folder, pattern):
    (folder / "raw" / "way").mkdir()
    (folder / "raw" / "way" / "far").symlink_to(folder.parent / "outside")
    with pytest.raises(ConfigError, match=r"'raw/way/far.*leads out"):
        files_of([pattern], folder)


@pytest.mark.parametrize("pattern", ["linked", "linked/*.csv", "linked/a.csv", "linked/*"])
def test_a_linked_folder_inside_is_read(folder, pattern):
    (folder / "linked").symlink_to(folder / "raw")
    assert "linked/a.csv" in names(folder, pattern)


@pytest.mark.parametrize("pattern", ["raw/**.csv", "raw/a**", "***/x.csv"])
def test_two_stars_are_a_folder_of_their_own(folder, pattern):
    with pytest.raises(ConfigError, match=r"data/raw/\*\*/\*\.csv"):
        files_of([pattern], folder)


@pytest.mark.parametrize(
    "pattern",
    [f"raw/{'x' * 300}.csv", f"{'x' * 300}/*.csv", "x" * 300, "raw/a\0.csv"],
)
def test_a_name_no_system_takes(folder, pattern):
    with pytest.raises(ConfigError, match="cannot be looked up"):
        files_of([pattern], folder)


def test_a_name_no_system_takes_is_no_file_to_open(folder):
    for act in (digest_of, stamp_of, rows):
        with pytest.raises(DataError, match="too long"):
            act(folder / f"{'x' * 300}.csv")


def test_backslashes_are_refused_with_what_to_write(folder):
    with pytest.raises(ConfigError, match=r"Write 'raw/day/c\.jsonl'"):
        files_of(["raw\\day\\c.jsonl"], folder)


OWN = [
    "data/store/parts/orders/b.parquet",
    "reports/r.csv",
    "reports/day/s.csv",
    "notebooks/n.csv",
    "mappings/m.json",
]


@pytest.fixture
def workspace(folder):
    for name in [*OWN, "attribution.toml", "data/raw/x.csv", "data/reports/y.csv", "data/a.toml"]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("a\n1\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "pattern",
    [".", "data", "**/*", "**/*.*", "**/*.parquet", "*", "data/*", "data/store", "reports"],
)
def test_what_the_workspace_itself_writes_is_no_source(workspace, pattern):
    for found in (names(workspace, pattern), ignored(workspace, pattern)):
        assert not {*OWN, "attribution.toml"} & set(found)


def test_what_is_not_its_own_is_found_beside_it(workspace):
    assert names(workspace, "data") == ["data/raw/x.csv", "data/reports/y.csv"]
    assert names(workspace, "*.toml", "attribution.toml", "data/*.toml") == ["data/a.toml"]


def test_a_file_of_its_own_is_read_where_it_is_named_but_never_the_store(workspace):
    assert names(workspace, *OWN) == sorted(OWN[1:])
    assert names(workspace, "./reports/r.csv", "./data/store/parts/orders/b.parquet") == [
        "reports/r.csv"
    ]


def test_links_do_not_lead_into_the_store(workspace):
    (workspace / "raw" / "inside").symlink_to(workspace / "data" / "store")
    (workspace / "raw" / "part.parquet").symlink_to(workspace / OWN[0])
    assert "raw/b.csv" in names(workspace, "raw")
    for pattern in ("raw", "raw/**/*", "raw/inside", "raw/part.parquet", "raw/inside/*/*/*"):
        assert not any("inside" in name or "part." in name for name in names(workspace, pattern))


# ---------------------------------------------------------------------- files that nothing reads


def ignored(folder, *patterns):
    return [path.relative_to(folder).as_posix() for path in ignored_files(patterns, folder)]


UNREAD = ["z.xls", "z.zip", "z.rar", "z.csv.bak", "z.docx", "z.pdf", "z.html", "z.7z", "z"]


def test_files_with_endings_nobody_reads_are_told(folder):
    litter = [".DS_Store", "Thumbs.db", "desktop.ini", "README", "README.md", "~$z.xls", "z.part"]
    for name in [*UNREAD, *litter]:
        (folder / "raw" / name).write_bytes(b"x")
    expected = sorted(["day/notes.md", "h.dat", *UNREAD])
    assert ignored(folder, "raw") == [f"raw/{name}" for name in expected]
    assert ignored(folder, "raw", "raw/*.zip", "raw/h.dat") == [
        f"raw/{name}" for name in expected if name not in ("z.zip", "h.dat")
    ]
    assert ignored(folder, "raw/z*") == sorted(f"raw/{name}" for name in UNREAD)
    assert ignored(folder, "raw/*.csv", "raw/z.xls", "other", "nothing") == []


def test_no_file_is_both_read_and_ignored(folder):
    for patterns in (["raw"], ["**/*", "raw/*.dat"], [".", "raw/h.dat"]):
        assert not set(names(folder, *patterns)) & set(ignored(folder, *patterns))


# ---------------------------------------------------------------------- a file that changes


def test_a_stamp_says_whether_a_file_stood_still(folder):
    file = folder / "raw" / "a.csv"
    before = stamp_of(file)
    assert before == stamp_of(file) == (4, file.stat().st_mtime_ns, file.stat().st_ino)
    with file.open("ab") as opened:
        opened.write(b"2\n")
    assert stamp_of(file) != before
    other = folder / "raw" / "new.csv"
    other.write_bytes(b"a\n2\n")
    os.utime(other, ns=(before[1], before[1]))
    other.replace(file)
    assert stamp_of(file)[:2] == before[:2]
    assert stamp_of(file) != before
    with pytest.raises(DataError, match=r"none\.csv: found a file that cannot be read"):
        stamp_of(folder / "none.csv")


def test_a_workspace_may_itself_be_reached_by_a_link(folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    assert names(tmp_path / "link", "raw/a.csv") == ["raw/a.csv"]


def test_the_digest_is_of_the_content(folder):
    assert digest_of(folder / "raw/a.csv") == hashlib.sha256(b"a\n1\n").hexdigest()
    with pytest.raises(DataError, match=r"none\.csv: found a file that cannot be read"):
        digest_of(folder / "none.csv")


# ---------------------------------------------------------------------- opening


def rows(file, *args):
    return [row for batch in open_source(file, *args) for row in batch.table.to_pylist()]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", b"a,b\n1,x\n"),
        ("t.CSV", "\ufeffa\tb\n1\tx\n".encode()),
        ("t.tsv", b"a\tb\n1\tx\n"),
        ("t.tab", b"a\tb\n1\tx\n"),
        ("t.txt", b"a\tb\n1\tx\n"),
        ("t.txt", b"a,b\n1,x\n"),
        ("t.json", b'[{"a": 1, "b": "x"}]'),
        ("t.jsonl", b'{"a": 1, "b": "x"}'),
        ("t.ndjson", b'{"a": 1, "b": "x"}'),
        ("t.csv.gz", gzip.compress(b"a,b\n1,x\n", mtime=0)),
        ("t.jsonl.gz", gzip.compress(b'{"a": 1, "b": "x"}', mtime=0)),
        ("t.json.gz", gzip.compress(b'[{"a": 1, "b": "x"}]', mtime=0)),
    ],
)
def test_the_ending_says_how_text_is_read(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert rows(tmp_path / name) == [{"a": "1", "b": "x"}]


def test_workbooks_and_parquet(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["other"])
    page = book.create_sheet("orders")
    page.append(["a", "b"])
    page.append([1, "x"])
    book.save(tmp_path / "t.xlsx")
    parquet.write_table(pa.table({"a": [1], "b": ["x"]}), tmp_path / "t.pq")
    assert rows(tmp_path / "t.xlsx", (), "orders") == [{"a": "1", "b": "x"}]
    assert rows(tmp_path / "t.pq") == [{"a": "1", "b": "x"}]


def test_a_mere_header_is_a_batch_of_no_rows(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"a,b\n")
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    book.save(tmp_path / "t.xlsx")
    for name in ("t.csv", "t.xlsx"):
        (batch,) = open_source(tmp_path / name)
        assert (batch.table.column_names, batch.table.num_rows) == (["a", "b"], 0)


def test_records_reach_the_reader(tmp_path):
    (tmp_path / "t.json").write_text(json.dumps({"x": [{"a": 1}], "y": [{"a": 2}]}), "utf-8")
    assert rows(tmp_path / "t.json", ("z[]", "y[]")) == [{"a": "2"}]


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("t.csv", b"", "an empty file"),
        ("t.json", b" \n", "an empty file"),
        ("t.csv", b"PK\x03\x04", "an Excel workbook"),
        ("t.json", b"\x1f\x8b", "a gzip archive"),
        ("t.csv", b"\xff\xfea\0", "text in UTF-16"),
        ("t.csv.gz", b"a,b\n1,2\n", "a gzip archive that is cut short or damaged"),
        ("t.xlsx", b"a,b\n1,2\n", "no Excel workbook"),
        ("t.parquet", b"a,b\n1,2\n", "no complete Parquet file"),
        ("t.xls", b"x", "the ending '.xls'"),
        ("t.parquet.gz", b"x", "the ending '.parquet.gz'"),
    ],
)
def test_files_that_are_not_what_they_say(tmp_path, name, content, found):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        rows(tmp_path / name)
    assert caught.value.source == name
    assert found in caught.value.found


def test_a_file_one_may_not_read(tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_bytes(b"a\n1\n")

    def locked(*_args, **_options):
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr(type(tmp_path), "open", locked)
    with pytest.raises(DataError) as caught:
        rows(tmp_path / "t.csv")
    assert "Permission denied" in caught.value.found
    assert str(tmp_path) not in str(caught.value)
