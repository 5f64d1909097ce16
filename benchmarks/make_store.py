"""The made-up journeys as a brand's workspace: touchpoints and orders, ingested into its store.

A channel is a streamer whose live rooms people enter; a journey that converted is a paid order at
its last touchpoint's time. Nothing is put into the store but by `ingest`, through the mappings
below.
"""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks import measure
from benchmarks.make_journeys import FOLDER, SIZES, Size, draw, made
from benchmarks.make_long import BEGIN, DAYS, long_file, person_texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Whole = NDArray[np.int64]
    # Seconds, persons, channel codes, converted, value.
    Rows = tuple[Whole, Whole, Whole, NDArray[np.bool_], NDArray[np.float64]]

OPEN_PEOPLE, OPEN_TOUCHPOINTS = 7_000_000, 10_000_000
FILE_ROWS = 4_000_000  # touchpoints in one file
NEW_SHARE = 1_000  # a new file holds one row for so many

CONFIG = """\
[journeys]
level = "streamer"

[[source]]
name = "touchpoints"
mapping = "made_touchpoints"
files = "data/raw/touchpoints"

[[source]]
name = "orders"
mapping = "made_orders"
files = "data/raw/orders"
"""
MAPPINGS = {
    "made_touchpoints": """\
title = "Touchpoints of the benchmark"
platform = "douyin"

[touchpoints]
event_id = "event_id"
at = { from = "at", as = "epoch_ms" }
event = { value = "enter" }
content_form = { value = "live" }
streamer_id = "streamer"

[[touchpoints.ids]]
from = "person"
type = "doudian_open_id"
link = "medium"
""",
    "made_orders": """\
title = "Orders of the benchmark"
platform = "douyin"

[orders]
order_id = "order_id"
status = { value = "paid" }
created_at = { from = "at", as = "epoch_ms" }
paid_at = { from = "at", as = "epoch_ms" }
updated_at = { from = "at", as = "epoch_ms" }
paid_fen = { from = "paid_fen", as = "fen" }

[[orders.ids]]
from = "person"
type = "doudian_open_id"
link = "medium"
""",
}


def store_folder(name: str) -> Path:
    """Return the workspace that holds that size, made and ingested now if it is not there yet.

    "open" holds 10 million touchpoints of 7 million people who never ordered.
    """
    return made(FOLDER / f"store_{name}", "benchmarks.make_store", name)


def add_new(workspace: Path, name: str, nth: int) -> int:
    """Add the nth file of new rows, a thousandth of that size; return how many touchpoints.

    They are a later day's: half of its people were known before.
    """
    size = SIZES[name]
    new = Size(max(2, size.journeys // NEW_SHARE), size.channels, 1_000 * size.seed + nth)
    batch = draw(new, 0)
    rng = np.random.default_rng([new.seed, 5])
    known = rng.choice(size.journeys, new.journeys // 2, replace=False)
    strange = size.journeys + nth * new.journeys + np.arange(new.journeys - len(known))
    lengths = np.diff(batch.offsets)
    begin = (DAYS + 30 + nth) * 86_400 + rng.integers(0, 43_200, new.journeys)
    passed = np.arange(len(batch.codes)) - np.repeat(batch.offsets[:-1], lengths)
    seconds = np.repeat(begin, lengths) + 60 * passed
    persons = np.repeat(rng.permutation(np.concatenate([known, strange])), lengths)
    converted, value = np.zeros(len(seconds), bool), np.zeros(len(seconds))
    last = batch.offsets[1:] - 1
    converted[last], value[last] = batch.converted, batch.value
    numbers = np.arange(len(seconds))
    _write_touchpoints(workspace, f"new_{nth}", _ids(f"n{nth}-", numbers), seconds, persons,
                       batch.codes)  # fmt: skip
    _write_orders(workspace, f"new_{nth}", _ids(f"n{nth}-", numbers[converted]),
                  seconds[converted], persons[converted], value[converted])  # fmt: skip
    return len(seconds)


def linked_copy(workspace: Path, folder: Path) -> Path:
    """Return a copy of a workspace that shares its files' bytes; files there are never changed."""
    for file in sorted(workspace.rglob("*")):
        if file.is_file() and file.name != "lock":
            copy = folder / file.relative_to(workspace)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.hardlink_to(file)
    return folder


def write_store(name: str, folder: Path) -> None:
    """Write the workspace of that size, and ingest its sources."""
    rmtree(folder, ignore_errors=True)
    (folder / "mappings").mkdir(parents=True)
    for kind in ("touchpoints", "orders"):
        (folder / "data" / "raw" / kind).mkdir(parents=True)
    for mapping, text in MAPPINGS.items():
        (folder / "mappings" / f"{mapping}.toml").write_text(text, encoding="utf-8")
    (folder / "attribution.toml").write_text(CONFIG, encoding="utf-8")
    _write(folder, _never_ordered() if name == "open" else _from_long(name))
    measure.workload("store.ingest", folder)


def _write(folder: Path, parts: Iterator[Rows]) -> None:
    begun = 0
    for nth, (seconds, persons, codes, converted, value) in enumerate(parts):
        numbers = begun + np.arange(len(seconds))
        begun += len(seconds)
        name = f"{nth:04d}"
        _write_touchpoints(folder, name, _ids("t", numbers), seconds, persons, codes)
        _write_orders(folder, name, _ids("o", numbers[converted]), seconds[converted],
                      persons[converted], value[converted])  # fmt: skip


def _from_long(name: str) -> Iterator[Rows]:
    opened = pq.ParquetFile(long_file(name), read_dictionary=["channel"])
    for batch in opened.iter_batches(FILE_ROWS):
        names = batch["channel"].dictionary.to_pylist()
        code_of = np.array([int(each.rsplit(" ")[-1]) for each in names])
        micros = pc.cast(batch["ts"], "int64").to_numpy()
        yield (micros // 1_000_000 - BEGIN, batch["user"].to_numpy(),
               code_of[batch["channel"].indices.to_numpy()],
               batch["converted"].to_numpy(zero_copy_only=False),
               batch["value"].to_numpy())  # fmt: skip


def _never_ordered() -> Iterator[Rows]:
    rng = np.random.default_rng(11)
    people = np.arange(OPEN_PEOPLE)
    again = rng.integers(0, OPEN_PEOPLE, OPEN_TOUCHPOINTS - OPEN_PEOPLE)
    persons = rng.permutation(np.concatenate([people, again]))
    for begin in range(0, len(persons), FILE_ROWS):
        part = persons[begin : begin + FILE_ROWS]
        # Within the lookback of the last of them: no journey has closed.
        yield (rng.integers(0, 29 * 86_400, len(part)), part, rng.integers(0, 200, len(part)),
               np.zeros(len(part), bool), np.zeros(len(part)))  # fmt: skip


def _write_touchpoints(
    folder: Path,
    name: str,
    ids: pa.Array,
    seconds: Whole,
    persons: Whole,
    codes: Whole,
) -> None:
    streamers = pa.array([f"channel {code:04d}" for code in range(int(codes.max()) + 1)])
    table = pa.table(
        {
            "event_id": ids,
            "at": pa.array((seconds + BEGIN) * 1_000),
            "person": person_texts(persons),
            "streamer": streamers.take(pa.array(codes)),
        }
    )
    pq.write_table(table, folder / "data" / "raw" / "touchpoints" / f"{name}.parquet")


def _write_orders(
    folder: Path,
    name: str,
    ids: pa.Array,
    seconds: Whole,
    persons: Whole,
    value: NDArray[np.float64],
) -> None:
    table = pa.table(
        {
            "order_id": ids,
            "at": pa.array((seconds + BEGIN) * 1_000),
            "person": person_texts(persons),
            "paid_fen": pa.array(np.rint(value * 100).astype(np.int64)),
        }
    )
    pq.write_table(table, folder / "data" / "raw" / "orders" / f"{name}.parquet")


def _ids(prefix: str, numbers: Whole) -> pa.Array:
    return pc.binary_join_element_wise(prefix, pa.array(numbers).cast(pa.string()), "")


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        unfinished = FOLDER / f"store_{wanted}.part"
        write_store(wanted, unfinished)
        unfinished.rename(FOLDER / f"store_{wanted}")
