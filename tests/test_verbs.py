"""Every verb as its user meets it: what it does, what it prints, its exit code."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from attribution.cli import main
from attribution.intake.shipped import shipped
from attribution.mapping.mapping_file import read_mapping
from attribution.store.store import open_store
from attribution.store.suppression import suppress_person
from attribution.workspace import FILE, read_workspace
from tests.brand import everything_stored, small, source

MEMBERS = shipped("data", "sample", "raw", "mall", "members.csv")


@pytest.fixture(scope="module")
def brand(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("verbs") / "brand"
    os.environ.pop("ATTRIBUTION_KEY", None)
    assert main(["init", str(folder)]) == 0
    assert main(["ingest", "--workspace", str(folder)]) == 0
    return folder


@pytest.fixture
def say(capsys):
    def run(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        try:
            code = main(list(arguments))
        except SystemExit as stop:
            code = int(stop.code or 0)
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def member(folder: Path) -> dict[str, str]:
    """Return a member of the sample with a plain phone, and orders under a bound Douyin id."""
    ordered = set(open_store(folder).table("orders")["id_value"])
    with MEMBERS.open(encoding="utf-8-sig") as opened:
        rows = list(csv.DictReader(opened))
    return next(r for r in rows if r["phone"].isdigit() and r["doudian_open_id"] in ordered)


# ---------------------------------------------------------------------- init, check, ingest


def test_init_makes_a_workspace_that_works_and_never_overwrites_one(brand, say):
    assert read_workspace(brand).sources
    for name in ("data/raw", "notebooks", "reports", "mappings"):
        assert (brand / name).is_dir()
    assert "/" not in {s.files[0][0] for s in read_workspace(brand).sources}
    code, said = say("init", str(brand))
    assert code == 2
    assert "no workspace yet" in said


def test_check_prints_one_table_and_strict_exits_with_3(brand, say):
    code, said = say("check", "--workspace", str(brand))
    assert code == 0
    header = said.splitlines()[0]
    for title in (
        "source",
        "rows read",
        "accepted",
        "quarantined",
        "dates",
        "problems",
        "next step",
    ):
        assert title in header
    for each in read_workspace(brand).sources:
        assert f"\n{each.name} " in said
    assert "2026-11-09 to 2026-11-15" in said
    assert say("check", "--strict", "--workspace", str(brand))[0] == 3


def test_strict_is_content_when_nothing_is_quarantined(tmp_path, say):
    small(tmp_path, {"s.csv": "streamer_id,name\ns1,晚晴\n"}, source("s", "streamers", "s.csv"))
    assert say("check", "--strict", "--workspace", str(tmp_path))[0] == 0


def test_ingest_exits_with_1_when_a_file_cannot_be_read_and_reads_the_rest(tmp_path, say):
    files = {"a.csv": "streamer_id,name\ns1,晚晴\n", "b.csv": b"\xff\xfe\x00"}
    small(tmp_path, files, source("s", "streamers", "*.csv"))
    code, said = say("ingest", "--workspace", str(tmp_path))
    assert code == 1
    assert "data/raw/b.csv" in said
    assert open_store(tmp_path).table("streamers")["name"].tolist() == ["晚晴"]


def test_files_nothing_reads_are_named(tmp_path, say):
    files = {"a.csv": "streamer_id,name\ns1,晚晴\n", "old.xls": b"\xd0\xcf\x11\xe0", "b.zip": b"PK"}
    small(tmp_path, files, '[[source]]\nname = "s"\nmapping = "streamers"\nfiles = "data/raw"\n')
    code, said = say("check", "--workspace", str(tmp_path))
    assert code == 0
    assert "data/raw/old.xls" in said
    assert "data/raw/b.zip" in said


@pytest.mark.parametrize("verb", ["check", "ingest", "person x", "forget x", "explain"])
def test_every_verb_refuses_a_folder_that_is_no_workspace(verb, tmp_path, say):
    code, said = say(*verb.split(), "--workspace", str(tmp_path))
    assert code == 2
    assert "attribution init" in said


def test_a_mistake_in_the_configuration_exits_with_2_and_names_its_line(tmp_path, say):
    (tmp_path / FILE).write_text('[brand]\nname = "x"\nlanguage = "fr"\n', encoding="utf-8")
    code, said = say("check", "--workspace", str(tmp_path))
    assert code == 2
    assert f"{FILE}, line 3" in said


# ---------------------------------------------------------------------- map


def test_map_lists_what_there_is(tmp_path, say):
    code, said = say("map", "--workspace", str(tmp_path))
    assert code == 0
    assert "doudian_orders" in said


def test_map_proposes_a_mapping_that_can_be_used_at_once(tmp_path, say):
    table = (
        "订单编号,下单时间,付款时间,实付金额,订单状态,买家手机\n"
        "6917529027641081001,2026-11-11 20:00:01,2026-11-11 20:00:31,129.00,已付款,13812345678\n"
        "6917529027641081002,2026-11-11 20:01:01,2026-11-11 20:02:31,88.50,已完成,13912345678\n"
    )
    (tmp_path / "unknown.csv").write_text(table, encoding="utf-8")
    arguments = ["map", "unknown.csv", "--out", "proposal.toml", "--workspace", str(tmp_path)]
    code, said = say(*arguments)
    assert code == 0, said
    assert "13812345678" not in said + (tmp_path / "proposal.toml").read_text(encoding="utf-8")
    mapping = read_mapping("proposal", tmp_path)
    assert {block.table for block in mapping.blocks} >= {"orders"}
    code, said = say(*arguments)
    assert (code, "is there already" in said) == (2, True)


# ---------------------------------------------------------------------- person, forget


@pytest.mark.parametrize("asked", ["member_id", "doudian_open_id", "phone"])
def test_person_explains_whoever_is_meant(asked, brand, say):
    own = member(brand)
    code, said = say("person", own[asked], "--workspace", str(brand))
    assert code == 0, said
    assert "the oldest" in said
    assert "strong evidence" in said
    for kind in ("member_id", "doudian_open_id", "phone"):
        assert kind in said
    assert own["phone"] not in said
    person_id = said.split()[0]
    assert say("person", person_id, "--workspace", str(brand)) == (0, said)


def test_nobody_is_a_plain_error_that_does_not_repeat_what_was_asked(brand, say):
    code, said = say("person", "13800138000", "--workspace", str(brand))
    assert code == 1
    assert "nobody" in said
    assert "13800138000" not in said


def test_forget_leaves_the_orders_and_nobody_behind_them(tmp_path, say):
    folder = tmp_path / "brand"
    assert main(["init", str(folder)]) == 0
    assert main(["ingest", "--workspace", str(folder)]) == 0
    own = member(folder)
    before = open_store(folder).table("orders")
    person = before.loc[before["id_value"] == own["doudian_open_id"], "person_id"].iloc[0]
    code, said = say("forget", own["member_id"], "--workspace", str(folder))
    assert code == 0, said
    assert person in said
    for arguments in (["ingest"], ["ingest", "--retry"]):
        assert main([*arguments, "--workspace", str(folder)]) == 0
        store = open_store(folder)
        after = store.table("orders")
        assert after["paid_fen"].tolist() == before["paid_fen"].tolist()
        assert not (after["person_id"] == person).any()
        assert not (store.table("touchpoints")["person_id"] == person).any()
        assert not (after["id_value"] == own["doudian_open_id"]).any()
        assert person not in set(store.table("persons")["person_id"])
        assert say("person", own["member_id"], "--workspace", str(folder))[0] == 1


@pytest.mark.parametrize("then", ["forget", "ingest"])
def test_a_forgetting_that_was_killed_is_finished(then, tmp_path, say):
    rows = (
        "order_id,platform,status,created_at,paid,member_id\n1,own_mall,paid,2026-11-11,1.00,M1\n"
    )
    workspace = small(tmp_path, {"o.csv": rows}, source("o", "generic_orders", "o.csv"))
    assert say("ingest", "--workspace", str(tmp_path))[0] == 0
    store = open_store(workspace)
    person = store.table("orders")["person_id"][0]
    hashes = store.table("identities")["id_hash"].tolist()
    suppress_person(workspace.store, person, hashes)  # and killed there
    arguments = ["forget", "M1"] if then == "forget" else ["ingest"]
    say(*arguments, "--workspace", str(tmp_path))
    (listed,) = (workspace.store / "suppression").glob("*.json")
    left = everything_stored(workspace).replace(listed.read_text(encoding="utf-8"), "")
    assert not [each for each in hashes if each in left]


# ---------------------------------------------------------------------- tag


def test_tag_makes_links_that_the_mall_mapping_reads_back(tmp_path, say):
    table = (
        "链接,平台,形式,主播,场次,活动\n"
        "https://mall.example/p/1?x=1#top,抖音,直播,s01,7455519284188403575,双11\n"
    )
    (tmp_path / "links.csv").write_text(table, encoding="utf-8-sig")
    code, said = say("tag", "links.csv", "--workspace", str(tmp_path))
    assert code == 0, said
    assert "utm_source=douyin" in said
    assert "utm_content=7455519284188403575" in said
    assert said.strip().endswith("#top")
    code, said = say("tag", "links.csv", "--out", "out.csv", "--workspace", str(tmp_path))
    assert code == 0
    assert (tmp_path / "out.csv").read_bytes().startswith(b"\xef\xbb\xbf")


def test_tag_names_the_row_that_cannot_be_tagged(tmp_path, say):
    (tmp_path / "links.csv").write_text("url,platform,content_form\nx,douyin,live\n")
    code, said = say("tag", "links.csv", "--workspace", str(tmp_path))
    assert code == 1
    assert "links.csv, row 1, column 'url'" in said


# ---------------------------------------------------------------------- explain


def test_explain_prints_steps_and_needs_no_data(tmp_path, say):
    small(tmp_path, {}, '[journeys]\nlookback = "3D"\n')
    code, said = say("explain", "--workspace", str(tmp_path))
    assert code == 0
    assert said.index("-- order_rows\n") < said.index("-- conversions\n")
    assert "259200000" in said
    assert "-- valued_orders" not in said
    code, all_said = say("explain", "--store", "--workspace", str(tmp_path))
    assert (code, said in all_said) == (0, True)
    assert "-- valued_orders\n" in all_said


def test_explain_prints_one_step(tmp_path, say):
    small(tmp_path, {}, "")
    code, said = say("explain", "order_rows", "--workspace", str(tmp_path))
    assert code == 0
    assert said.startswith("-- order_rows\n-- ")
    assert said.count("\n-- ") == 1
    code, said = say("explain", "order_row", "--workspace", str(tmp_path))
    assert code == 2
    assert "Did you mean 'order_rows'?" in said
