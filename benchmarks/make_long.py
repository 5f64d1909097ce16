"""The same made-up journeys as rows of an event log, one for each touchpoint.

Columns: user, ts, channel, converted, value. A journey begins at any time of 90 days and its
touchpoints follow one another after 5.6 hours on average; the row that converted is the person's
last and holds the money. Memory stays bounded: rows are dealt out to files of one slice of time
each, and each slice is sorted on its own.

    python -m benchmarks.make_long M L L_shuffled L_text
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.make_journeys import FOLDER, PART, SIZES, Size, channel_names, draw, made

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

BEGIN = 1_700_000_000  # seconds since 1970
DAYS = 90
PAUSE = 20_000.0  # seconds between touchpoints, on average
SLICE = 4_000_000  # rows that are sorted at once
ROW_GROUP = 1_000_000

_ROW = np.dtype([("user", "u4"), ("at", "i4"), ("code", "u2"), ("converted", "?"), ("value", "f8")])
_DRAWS = {"persons": 1, "times": 2, "slices": 3, "places": 4}


def long_file(name: str) -> Path:
    """Return the Parquet file of that size, made now if it is not there yet.

    Rows come in the order of time; in any order if the name ends in "_shuffled"; and persons are
    texts of 16 characters, not integers, if it ends in "_text".
    """
    return made(FOLDER / f"{name}_long.parquet", "benchmarks.make_long", name)


def write_long(name: str, into: Path) -> None:
    """Write the Parquet file of that size."""
    size = SIZES[name.removesuffix("_shuffled").removesuffix("_text")]
    shuffled, text = name.endswith("_shuffled"), name.endswith("_text")
    with TemporaryDirectory(dir=FOLDER) as folder, pq.ParquetWriter(
        into, _schema(text=text)
    ) as writer:  # fmt: skip
        for rows in _slices(size, Path(folder), shuffled=shuffled):
            writer.write_table(_table(rows, size, text=text), row_group_size=ROW_GROUP)


def _slices(size: Size, folder: Path, *, shuffled: bool) -> Iterator[NDArray[np.void]]:
    """Yield all rows, a slice of time after the other; or of nothing, if shuffled."""
    count = max(1, -(-size.journeys * 4 // SLICE))
    files = [folder / f"{nth}.rows" for nth in range(count)]
    persons = _random(size, "persons").permutation(np.arange(size.journeys, dtype=np.uint32))
    for part, journeys in enumerate(size.parts):
        rows = _rows(size, part, persons[part * PART : part * PART + journeys])
        if shuffled:
            where = _random(size, "slices", part).integers(0, count, len(rows))
        else:
            where = np.minimum(rows["at"].astype(np.int64) * count // (DAYS * 86_400), count - 1)
        order = np.argsort(where, kind="stable")
        ends = np.cumsum(np.bincount(where, minlength=count))
        for file, begin, end in zip(files, [0, *ends], ends, strict=False):
            with file.open("ab") as opened:
                rows[order[begin:end]].tofile(opened)
    for nth, file in enumerate(files):
        rows = np.fromfile(file, _ROW)
        file.unlink()
        if shuffled:
            yield rows[_random(size, "places", nth).permutation(len(rows))]
        else:
            yield rows[np.argsort(rows["at"], kind="stable")]


def _rows(size: Size, part: int, persons: NDArray[np.uint32]) -> NDArray[np.void]:
    batch = draw(size, part)
    rng = _random(size, "times", part)
    lengths = np.diff(batch.offsets)
    pauses = 1 + rng.exponential(PAUSE, len(batch.codes)).astype(np.int64)
    passed = np.cumsum(pauses)
    passed -= np.repeat(passed[batch.offsets[:-1]], lengths)
    last = batch.offsets[1:] - 1
    rows = np.zeros(len(batch.codes), _ROW)
    rows["user"] = np.repeat(persons, lengths)
    rows["at"] = np.repeat(rng.integers(0, DAYS * 86_400, len(lengths)), lengths) + passed
    rows["code"] = batch.codes
    rows["converted"][last] = batch.converted
    rows["value"][last] = batch.value
    return rows


def _random(size: Size, what: str, nth: int = 0) -> np.random.Generator:
    return np.random.default_rng([size.seed, nth, _DRAWS[what]])


def _schema(*, text: bool) -> pa.Schema:
    return pa.schema(
        [
            ("user", pa.string() if text else pa.int64()),
            ("ts", pa.timestamp("us")),
            ("channel", pa.dictionary(pa.int16(), pa.string())),
            ("converted", pa.bool_()),
            ("value", pa.float64()),
        ]
    )


def _table(rows: NDArray[np.void], size: Size, *, text: bool) -> pa.Table:
    names = pa.array(channel_names(size))
    columns = [
        person_texts(rows["user"]) if text else pa.array(rows["user"].astype(np.int64)),
        pa.array((rows["at"].astype(np.int64) + BEGIN) * 1_000_000, pa.timestamp("us")),
        pa.DictionaryArray.from_arrays(pa.array(rows["code"].astype(np.int16)), names),
        pa.array(rows["converted"]),
        pa.array(rows["value"]),
    ]
    return pa.Table.from_arrays(columns, schema=_schema(text=text))


def person_texts(users: NDArray[np.integer]) -> pa.Array:
    """Return a text of 16 hexadecimal digits for each number, no two alike (splitmix64)."""
    x = users.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    digits = np.array([f"{byte:02x}" for byte in range(256)], "S2")
    texts = digits[x.view(np.uint8).reshape(-1, 8)].reshape(-1)
    offsets = np.arange(len(users) + 1, dtype=np.int32) * 16
    return pa.StringArray.from_buffers(len(users), pa.py_buffer(offsets), pa.py_buffer(texts))


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        unfinished = FOLDER / f"{wanted}_long.part"
        write_long(wanted, unfinished)
        unfinished.rename(FOLDER / f"{wanted}_long.parquet")
