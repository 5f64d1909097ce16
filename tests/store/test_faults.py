"""Faults: killed, run twice at once, out of room. The store is the same, or as it was."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import time

import pytest

from attribution.errors import AttributionError
from attribution.store.parts import read_markers, writing
from attribution.store.store import Store
from tests.store.batches import commit, order, rows
from tests.store.writer import image, write

WRITER = [sys.executable, "-m", "tests.store.writer"]


def run(folder, *words):
    """Run the writer; return what it printed."""
    done = subprocess.run(
        [*WRITER, folder, *map(str, words)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


# ---------------------------------------------------------------------- killed


@pytest.mark.parametrize("first", [1, 2])
def test_killed_before_any_operation_a_second_run_mends_it(tmp_path, first):
    """Between them the two take every step of the writer."""
    printed = run(tmp_path, "every", "brief", first, 2)
    (steps,) = re.findall(r"steps (\d+)", printed)
    assert printed == f"steps {steps}\n"
    assert int(steps) > 50


def test_killed_while_forgetting_a_second_run_mends_it(tmp_path):
    printed = run(tmp_path, "every", "work", 5, 41)
    assert re.fullmatch(r"steps \d+\n", printed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(1, 5))
def test_killed_before_any_operation_of_all_that_is_done_to_a_store(tmp_path, first):
    printed = run(tmp_path, "every", "work", first, 4)
    assert re.fullmatch(r"steps \d+\n", printed)


def test_killed_at_random_moments_a_second_run_mends_it(tmp_path):
    printed = run(tmp_path, "moments", "write", 8, 20261111)
    assert re.fullmatch(r"kills \d+\n", printed)


@pytest.mark.slow
def test_killed_at_a_hundred_random_moments(tmp_path):
    printed = run(tmp_path, "moments", "work", 100, 1)
    (kills,) = re.fullmatch(r"kills (\d+)\n", printed).groups()
    assert int(kills) > 50


def test_the_reader_of_differences_sees_them(tmp_path, monkeypatch):
    write(tmp_path / "one")
    write(tmp_path / "two", size=4)
    one, two = image(tmp_path / "one"), image(tmp_path / "two")
    assert set(one) == set(two)
    assert one["parts/orders/b0-1.parquet"] != two["parts/orders/b0-1.parquet"]


# ---------------------------------------------------------------------- twice at once


def test_two_at_once_are_as_one(tmp_path):
    write(tmp_path / "alone")
    together = tmp_path / "together"
    both = [subprocess.Popen([*WRITER, together, "write"]) for _ in range(3)]
    assert [process.wait() for process in both] == [0, 0, 0]
    # The process that wrote "alone" has larger row groups.
    run(tmp_path / "one", "write")
    assert image(together) == image(tmp_path / "one")
    tables = ("orders", "touchpoints", "persons", "quarantine")
    for name in tables:
        first, second = Store(together).table(name), Store(tmp_path / "alone").table(name)
        assert first.equals(second)
        assert len(first) > 0


def test_a_writer_takes_over_from_a_killed_one(tmp_path):
    program = (
        "import sys, time; from pathlib import Path; from attribution.store.parts import writing\n"
        "with writing(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "store"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        process.kill()
    begun = time.monotonic()
    with writing(tmp_path / "store"):
        pass
    assert time.monotonic() - begun < 30


# ---------------------------------------------------------------------- out of room


def test_a_real_limit_on_file_size_leaves_the_store_intact(tmp_path):
    """The kernel refuses the bytes, wherever in a part it happens to be."""
    folder = tmp_path / "store"
    commit(folder, "b0", {"orders": [order("1")]})
    before = image(folder)
    program = f"""
import resource, sys
from pathlib import Path
from attribution.errors import AttributionError
from attribution.store.parts import writing
from tests.store.batches import order, rows

resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    with writing(Path({str(folder)!r})) as writer:
        with writer.batch("b1", "r", source="s", file="f", digest="d", mapping="m") as batch:
            for n in range(20):
                found = [order(f"{{n}}-{{i}}", i) for i in range(20_000)]
                batch.add("orders", rows("orders", found))
except AttributionError as error:
    sys.exit(str(error))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1
    assert "no room left on the disk" in done.stderr
    assert "Traceback" not in done.stderr
    assert image(folder) == before
    assert Store(folder).table("orders")["order_id"].tolist() == ["1"]


@pytest.mark.parametrize("free", [0, 1, 40, 100])
def test_no_room_even_for_a_marker(tmp_path, free):
    folder = tmp_path / "store"
    commit(folder, "b0", {})
    before = image(folder)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, limits[1]))
    try:
        with pytest.raises(AttributionError, match="no room left"):
            commit(folder, "b1", {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [marker.batch for marker in read_markers(folder)] == ["b0"]
    assert image(folder) == before
    commit(folder, "b1", {})
    assert len(read_markers(folder)) == 2


def test_a_folder_that_is_a_file_is_refused_by_name(tmp_path):
    (tmp_path / "store").write_text("")
    with pytest.raises(AttributionError, match=r"store: found a disk error \((ENOTDIR|EEXIST)\)"):
        commit(tmp_path / "store", "b0", {"orders": [order("1")]})


def test_large_batches_come_back_whole(tmp_path):
    """More rows than a row group, in runs that do not divide it."""
    folder, total = tmp_path / "store", 300_000
    with (
        writing(folder) as writer,
        writer.batch("b1", "r", source="s", file="f", digest="d", mapping="m") as batch,
    ):
        found = rows("orders", [order(str(i), i, _row=i) for i in range(total)])
        for start in range(0, total, 70_001):
            batch.add("orders", found.slice(start, 70_001))
    got = Store(folder).query(
        "SELECT count(*) AS n, sum(paid_fen)::BIGINT AS paid, count(DISTINCT order_id) AS ids "
        "FROM latest_orders"
    )
    assert got.to_pylist() == [{"n": total, "paid": total * (total - 1) // 2, "ids": total}]
