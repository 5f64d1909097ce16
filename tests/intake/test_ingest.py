"""Ingest: again, after a kill, two at once, after a correction; and what bad files lead to."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from attribution.errors import ConfigError, StoreError
from attribution.intake.create import create_workspace
from attribution.intake.ingest import check, ingest
from attribution.store.forget import forget
from attribution.store.store import open_store
from attribution.workspace import read_workspace
from tests.brand import KEY, everything_stored, run, sample_brand, small, source

ORDERS = "order_id,platform,status,created_at,paid,buyer_id\n"
SOURCE = source("orders", "mine", "orders*.csv")
MAPPING = """
title = "Orders of a test"
[orders]
order_id = "order_id"
platform = "platform"
status = "status"
created_at = { from = "created_at", as = "time" }
paid_fen = { from = "paid", as = "yuan" }
[[orders.ids]]
from = "buyer_id"
type = "buyer_id"
"""


def order(number: object, *, status: str = "paid", at: str = "2026-11-11 20:00:00", paid="12.30"):
    return f"{number},douyin,{status},{at},{paid},b{number}\n"


def brand(folder: Path, files: dict[str, str | bytes], *, mapping: str = MAPPING, more: str = ""):
    (folder / "mappings").mkdir(exist_ok=True)
    (folder / "mappings" / "mine.toml").write_text(mapping, encoding="utf-8")
    return small(folder, files, SOURCE + more)


def orders_of(workspace) -> pd.DataFrame:
    return open_store(workspace).table("orders")


def quarantine_of(workspace) -> pd.DataFrame:
    return open_store(workspace).table("quarantine")


# ---------------------------------------------------------------------- again


def test_running_again_changes_no_byte(tmp_path):
    workspace = brand(tmp_path, {"orders.csv": ORDERS + order(1) + order(2, status="odd")})
    first = ingest(workspace, environ={})
    files = {p: p.read_bytes() for p in workspace.store.rglob("*") if p.is_file()}
    again = ingest(workspace, environ={})
    assert {p: p.read_bytes() for p in workspace.store.rglob("*") if p.is_file()} == files
    assert [f.fresh for r in first for f in r.files] == [True]
    assert [f.fresh for r in again for f in r.files] == [False]
    assert [f.quarantined for r in again for f in r.files] == [1]


def test_a_new_content_of_the_same_file_adds_and_the_newest_row_counts(tmp_path):
    workspace = brand(tmp_path, {"orders.csv": ORDERS + order(1) + order(2)})
    ingest(workspace, environ={})
    brand(tmp_path, {"orders.csv": ORDERS + order(2, status="completed") + order(3)})
    ingest(workspace, environ={})
    found = orders_of(workspace).set_index("order_id")["status"]
    assert found.to_dict() == {"1": "paid", "2": "completed", "3": "paid"}


def test_what_a_file_said_before_counts_again_when_it_says_it_again(tmp_path):
    for paid in ("12.50", "99.00", "12.50"):
        workspace = brand(tmp_path, {"orders.csv": ORDERS + order(1, paid=paid)})
        ingest(workspace, environ={})
        yuan, fen = paid.split(".")
        assert orders_of(workspace)["paid_fen"].tolist() == [int(yuan + fen)]


def test_a_row_deleted_from_a_snapshot_is_gone_and_from_an_export_is_not(tmp_path):
    for snapshot, left in (("true", ["2"]), ("false", ["1", "2"])):
        folder = tmp_path / snapshot
        folder.mkdir()
        (folder / "mappings").mkdir()
        (folder / "mappings" / "mine.toml").write_text(MAPPING, encoding="utf-8")
        sources = source("orders", "mine", "orders.csv", f"snapshot = {snapshot}")
        for rows in (order(1) + order(2), order(2)):
            workspace = small(folder, {"orders.csv": ORDERS + rows}, sources)
            ingest(workspace, environ={})
        assert orders_of(workspace)["order_id"].tolist() == left


def test_a_part_that_was_lost_is_read_again(tmp_path):
    workspace = brand(tmp_path, {"orders.csv": ORDERS + order(1)})
    ingest(workspace, environ={})
    for part in workspace.store.glob("parts/orders/*.parquet"):
        part.unlink()
    (report,) = ingest(workspace, environ={})
    assert report.files[0].fresh
    assert orders_of(workspace)["order_id"].tolist() == ["1"]


def test_a_known_file_still_tells_what_to_mend(tmp_path):
    workspace = brand(tmp_path, {"orders.csv": ORDERS + order(1, paid="x")})
    first, again = (ingest(workspace, environ={})[0].files[0] for _ in range(2))
    assert first.reasons == again.reasons
    assert "yuan" in first.reasons[0][0]
    assert first.reasons[0][1]


def test_a_corrected_mapping_reads_its_files_anew(tmp_path):
    workspace = brand(tmp_path, {"orders.csv": ORDERS + order(1) + order(2, status="已付")})
    ingest(workspace, environ={})
    assert quarantine_of(workspace)["column"].tolist() == ["status"]
    mended = MAPPING.replace(
        'status = "status"',
        'status = { from = "status", map = { paid = "paid", "已付" = "paid" } }',
    )
    brand(tmp_path, {}, mapping=mended)
    ingest(workspace, environ={})
    assert orders_of(workspace)["order_id"].tolist() == ["1", "2"]
    assert quarantine_of(workspace).empty


def test_a_corrected_file_empties_the_quarantine_with_retry(tmp_path):
    workspace = brand(tmp_path, {"orders.csv": ORDERS + order(1) + order("")})
    ingest(workspace, environ={})
    assert quarantine_of(workspace)["row"].tolist() == [2]
    ingest(workspace, retry=True, environ={})
    assert quarantine_of(workspace)["row"].tolist() == [2], "still as bad as before"
    brand(tmp_path, {"orders.csv": ORDERS + order(1) + order(2)})
    ingest(workspace, retry=True, environ={})
    assert quarantine_of(workspace).empty
    assert orders_of(workspace)["order_id"].tolist() == ["1", "2"]


# ---------------------------------------------------------------------- kills, two at once


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "attribution", "ingest", "--workspace", str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={k: v for k, v in os.environ.items() if k != "ATTRIBUTION_KEY"},
    )


def every_byte(folder: Path) -> dict[str, bytes]:
    store = folder / "data" / "store"
    files = (file for file in store.rglob("*") if file.is_file() and file.name != "lock")
    return {file.relative_to(store).as_posix(): file.read_bytes() for file in files}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return every_byte(sample_brand(tmp_path_factory.mktemp("undisturbed")).folder)


@pytest.mark.parametrize(
    "kills", [pytest.param(3, id="few"), pytest.param(100, id="many", marks=pytest.mark.slow)]
)
def test_a_killed_ingest_is_continued(kills, tmp_path, undisturbed):
    """Each time from nothing: kill at a random moment, run again, and compare every byte."""
    draw = random.Random(kills)
    folder = create_workspace(tmp_path / "brand")
    killed = 0
    for _ in range(kills):
        shutil.rmtree(folder / "data" / "store", ignore_errors=True)
        process = start(folder)
        time.sleep(draw.uniform(0.5, 3.5))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait()
        ingest(read_workspace(folder), environ={})
        assert every_byte(folder) == undisturbed
    assert killed > kills / 3


def test_two_at_once_make_the_same_store(tmp_path, undisturbed):
    folder = create_workspace(tmp_path / "brand")
    both = [start(folder), start(folder)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert every_byte(folder) == undisturbed


# ---------------------------------------------------------------------- bad files


def only(reports):
    ((file,),) = [[f for f in report.files if f.problem] for report in reports]
    return file


def test_one_unreadable_file_does_not_stop_the_others(tmp_path):
    files = {"orders_1.csv": ORDERS + order(1), "orders_2.csv": b"", "orders_3.csv": b"PAR1xxxx"}
    workspace = brand(tmp_path, files)
    (report,) = ingest(workspace, environ={})
    assert report.failed
    assert [bool(file.problem) for file in report.files] == [False, True, True]
    assert all(file.remedy for file in report.files if file.problem)
    assert orders_of(workspace)["order_id"].tolist() == ["1"]


def test_a_renamed_column_names_the_new_and_the_expected(tmp_path):
    text = (ORDERS + order(1)).replace("created_at", "created_time")
    workspace = brand(tmp_path, {"orders.csv": text})
    file = only(ingest(workspace, environ={}))
    assert "created_time" in file.problem + file.remedy
    assert "created_at" in file.problem + file.remedy
    assert orders_of(workspace).empty


def test_ids_that_went_through_floating_point_are_refused(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(ORDERS.strip().split(","))
    book.active.append([6.917529027641082e18, "douyin", "paid", "2026-11-11 20:00:00", 12.3, "b1"])
    book.active.append(["6917529027641081857", "douyin", "paid", "2026-11-11 20:00:00", 12.3, "b"])
    (tmp_path / "data" / "raw").mkdir(parents=True)
    book.save(tmp_path / "data" / "raw" / "orders.xlsx")
    frame = pd.DataFrame({c: ["x"] for c in ORDERS.strip().split(",")}).assign(
        order_id=[6.917529027641082e18], platform="douyin", status="paid", paid="1.00"
    )
    frame.assign(created_at="2026-11-11 20:00:00").to_parquet(tmp_path / "data/raw/orders.parquet")
    workspace = brand(tmp_path, {})
    workspace = small(tmp_path, {}, source("orders", "mine", "orders.*"))
    ingest(workspace, environ={})
    assert orders_of(workspace)["order_id"].tolist() == ["6917529027641081857"]
    bad = quarantine_of(workspace)
    assert bad["column"].tolist() == ["order_id", "order_id"]
    assert bad["remedy"].str.contains("text").all()


def test_truncated_repeated_and_ragged_rows_are_set_aside(tmp_path):
    text = ORDERS + order(1) + ORDERS + "7,douyin\n" + order(2) + "8,douyin,paid,2026-11-11 20:0"
    workspace = brand(tmp_path, {"orders.csv": text})
    (report,) = ingest(workspace, environ={})
    assert orders_of(workspace)["order_id"].tolist() == ["1", "2"]
    assert sorted(quarantine_of(workspace)["row"]) == [2, 3, 5]
    assert (report.files[0].read, report.files[0].accepted, report.files[0].quarantined) == (
        5,
        2,
        3,
    )


def test_mixed_encodings_refuse_the_file_and_name_the_line(tmp_path):
    text = (
        ORDERS.encode()
        + order(1).encode()
        + "2,抖音抖音抖音抖音\n".encode()
        + "3,快手".encode("gbk")
    )
    file = only(ingest(brand(tmp_path, {"orders.csv": text}), environ={}))
    assert "line 4" in file.problem


def test_gb18030_and_a_byte_order_mark_are_read(tmp_path):
    rows = ORDERS + "1,douyin,paid,2026-11-11 20:00:00,1.00,买家一\n"
    files = {"orders_1.csv": rows.encode("gb18030"), "orders_2.csv": rows.encode("utf-8-sig")}
    workspace = brand(tmp_path, files)
    ingest(workspace, environ={})
    assert orders_of(workspace)["id_value"].tolist() == ["买家一"]


def test_links_that_lead_outside_are_refused(tmp_path):
    outside = tmp_path / "outside.csv"
    outside.write_text(ORDERS + order(1), encoding="utf-8")
    inside = tmp_path / "inside"
    inside.mkdir()
    workspace = brand(inside, {"other.csv": "a\n"})
    (inside / "data" / "raw" / "orders.csv").symlink_to(outside)
    with pytest.raises(ConfigError, match=r"orders\.csv"):
        ingest(workspace, environ={})
    assert not list(workspace.store.rglob("*.parquet"))


def test_formulas_and_markup_in_names_are_text(tmp_path):
    name = "=HYPERLINK(1)<script>alert(1)</script>"
    products = f"product_id,name,category\nP1,x,{name}\n"
    workspace = small(tmp_path, {"products.csv": products}, source("p", "products", "products.csv"))
    ingest(workspace, environ={})
    assert open_store(workspace).table("products")["category"].tolist() == [name]


def test_a_query_is_ingested_once_and_its_file_lies_inside(tmp_path):
    inside = tmp_path / "brand"
    inside.mkdir()
    brand(inside, {})
    columns = ORDERS.strip().split(",")
    for file in (inside / "data" / "shop.db", tmp_path / "outside.db"):
        file.parent.mkdir(exist_ok=True)
        with closing(sqlite3.connect(file)) as opened:
            opened.execute(f"CREATE TABLE o ({', '.join(columns)})")
            row = order(1).strip().split(",")
            opened.execute("INSERT INTO o VALUES (?, ?, ?, ?, ?, ?)", row)
            opened.commit()

    def workspace(url: str):
        query = f'url = "{url}"\nsql = "SELECT * FROM o"\n'
        return small(inside, {}, f'[[source]]\nname = "erp"\nmapping = "mine"\n{query}')

    for fresh in (True, False):
        (report,) = ingest(workspace("sqlite:///data/shop.db"), environ={})
        assert [file.fresh for file in report.files] == [fresh]
    assert orders_of(workspace("sqlite:///data/shop.db"))["paid_fen"].tolist() == [1230]
    for url in ("sqlite:///../outside.db", f"sqlite:///{tmp_path}/outside.db"):
        with pytest.raises(ConfigError, match="outside the workspace"):
            ingest(workspace(url), environ={})


def test_a_wrong_enum_in_a_mapping_names_its_line(tmp_path):
    wrong = MAPPING.replace('status = "status"', 'status = { from = "s", map = { a = "payed" } }')
    with pytest.raises(ConfigError, match=r"mine\.toml, line 6.*payed"):
        ingest(brand(tmp_path, {"orders.csv": ORDERS + order(1)}, mapping=wrong), environ={})


def test_a_source_without_files_says_where_they_belong(tmp_path):
    (report,) = ingest(brand(tmp_path, {}), environ={})
    assert report.failed
    assert "data/raw/orders*.csv" in report.problem


# ---------------------------------------------------------------------- keys and phones

PHONES = (
    MAPPING + '\n[[orders.ids]]\nfrom = "phone"\ntype = "phone"\nas = "phone"\nlink = "strong"\n'
)
WITH_PHONE = ORDERS.replace("\n", ",phone\n") + order(1).replace("\n", ",138 1234 5678\n")


def test_phones_without_a_key_are_refused_with_the_way_to_make_one(tmp_path):
    workspace = brand(tmp_path, {"orders.csv": WITH_PHONE}, mapping=PHONES)
    with pytest.raises(ConfigError, match="ATTRIBUTION_KEY"):
        ingest(workspace, environ={})
    with pytest.raises(ConfigError, match="32"):
        ingest(workspace, environ={"ATTRIBUTION_KEY": "too short"})
    ingest(workspace, environ={"ATTRIBUTION_KEY": KEY})
    text = everything_stored(workspace)
    assert "13812345678" not in text
    assert "1234 5678" not in text
    assert KEY not in text


def test_the_demo_key_serves_the_samples_own_files_only(tmp_path):
    workspace = sample_brand(tmp_path / "brand")
    own = brand(tmp_path / "brand", {"orders.csv": WITH_PHONE}, mapping=PHONES)
    with pytest.raises(ConfigError, match="ATTRIBUTION_KEY"):
        ingest(own, environ={})
    assert len(open_store(workspace).table("orders")) > 1000


def test_a_new_key_keeps_people_together_while_the_old_one_is_known(tmp_path):
    keys = tmp_path / "keys.txt"
    folder = tmp_path / "brand"
    folder.mkdir()
    key_file = '[identity]\nkey_file = "../keys.txt"\n'

    def written(files):
        (folder / "mappings").mkdir(exist_ok=True)
        (folder / "mappings" / "mine.toml").write_text(PHONES, encoding="utf-8")
        return small(folder, files, key_file + SOURCE)

    keys.write_text(f"old: {KEY}\n", encoding="utf-8")
    ingest(written({"orders_1.csv": WITH_PHONE}), environ={})
    before = orders_of(folder)["person_id"].tolist()
    keys.write_text(f"new: {KEY[::-1]}\nold: {KEY}\n", encoding="utf-8")
    later = WITH_PHONE.replace("\n1,", "\n2,").replace("-11 20:", "-12 20:")
    ingest(written({"orders_2.csv": later}), environ={})
    assert orders_of(folder)["person_id"].tolist() == 2 * before


def test_who_was_forgotten_without_a_key_stays_so_with_one(tmp_path):
    workspace = brand(tmp_path, {"orders.csv": ORDERS + order(1) + order(2)})
    ingest(workspace, environ={})
    person = orders_of(workspace).set_index("order_id")["person_id"]["1"]
    forget(open_store(workspace), person)
    ingest(workspace, environ={"ATTRIBUTION_KEY": KEY})
    after = orders_of(workspace).set_index("order_id")
    assert after["id_value"].isna().tolist() == [True, False]
    assert after["person_id"].isna().tolist() == [True, False]
    assert len(open_store(workspace).table("persons")) == 1


def test_people_are_found_by_their_ids_without_a_key_too(tmp_path):
    workspace = brand(tmp_path, {"orders.csv": ORDERS + order(1)})
    ingest(workspace, environ={})
    done = run("person", "b1", "--workspace", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert orders_of(workspace)["person_id"][0] in done.stdout


def test_a_key_that_is_missing_now_is_asked_for(tmp_path):
    workspace = brand(tmp_path, {"orders.csv": ORDERS + order(1)})
    ingest(workspace, environ={"ATTRIBUTION_KEY": KEY})
    with pytest.raises(ConfigError, match="which is missing now"):
        ingest(workspace, environ={"ATTRIBUTION_KEY": KEY[::-1]})
    with pytest.raises(ConfigError, match="which is missing now"):
        ingest(workspace, environ={})


def test_a_file_named_after_a_phone_is_refused_without_repeating_it(tmp_path):
    workspace = brand(tmp_path, {"orders_张三13912345678.csv": ORDERS + order(1)})
    (report,) = ingest(workspace, environ={})
    assert "Rename" in report.files[0].remedy
    assert "13912345678" not in everything_stored(workspace)


def test_rows_of_a_source_that_is_no_longer_named_are_not_shown(tmp_path):
    workspace = brand(tmp_path, {"orders.csv": ORDERS + order(1)})
    ingest(workspace, environ={})
    renamed = small(tmp_path, {}, SOURCE.replace('name = "orders"', 'name = "shop"'))
    assert orders_of(renamed).empty
    ingest(renamed, environ={})
    assert orders_of(renamed)["_source"].tolist() == ["shop"]


def test_another_sheet_is_read_when_another_is_named(tmp_path):
    book = openpyxl.Workbook()
    for number, sheet in enumerate((book.active, book.create_sheet("second")), 1):
        for row in (ORDERS + order(number)).strip().split("\n"):
            sheet.append(row.split(","))
    (tmp_path / "data" / "raw").mkdir(parents=True)
    book.save(tmp_path / "data" / "raw" / "orders.xlsx")
    brand(tmp_path, {})
    for sheet in ("Sheet", "second"):
        sources = source("orders", "mine", "orders.xlsx", f'sheet = "{sheet}"')
        workspace = small(tmp_path, {}, sources)
        ingest(workspace, environ={})
    assert orders_of(workspace)["order_id"].tolist() == ["2"]


def test_a_full_disk_ends_the_run_and_blames_no_file(tmp_path, monkeypatch):
    workspace = brand(tmp_path, {"orders_1.csv": ORDERS + order(1), "orders_2.csv": ORDERS})

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pyarrow.parquet.ParquetWriter.write_table", full)
    with pytest.raises(StoreError, match="room"):
        ingest(workspace, environ={})
    monkeypatch.undo()
    ingest(workspace, environ={})
    assert orders_of(workspace)["order_id"].tolist() == ["1"]


# ---------------------------------------------------------------------- check


def test_check_counts_as_ingest_does_and_keeps_nothing(tmp_path):
    workspace = brand(tmp_path, {"orders.csv": ORDERS + order(1) + order(2, paid="x")})
    (looked,) = check(workspace, environ={})
    assert not workspace.store.exists()
    (kept,) = ingest(workspace, environ={})
    for name in ("read", "accepted", "quarantined", "first_at", "last_at"):
        assert getattr(looked.files[0], name) == getattr(kept.files[0], name)


def test_check_lists_untagged_visits(tmp_path):
    rows = (
        "event_id,at,platform,event,content_form,utm_source,member_id\n"
        "e1,2026-11-11 20:00:00,own_mall,click,own_mall,,m1\n"
        "e2,2026-11-11 20:00:00,own_mall,click,own_mall,douyin,m1\n"
    )
    small(tmp_path, {"t.csv": rows}, source("t", "generic_touchpoints", "t.csv"))
    done = run("check", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "1 visits of the own mall carry no utm_source" in done.stdout
    assert "2026-11-11" in done.stdout
    assert "attribution tag" in done.stdout
