"""Made-up path counts of any size, the same on every run.

A journey has 1 to 60 touchpoints, 4 on average; channels are as unequal as words in a text (Zipf,
exponent 1.1), a quarter of the touchpoints repeat the one before, and each channel has a hidden
effect on whether the journey converts. Channels are otherwise independent, so there are more
distinct paths than in real data.

    python -m benchmarks.make_journeys S M W

`make_long` writes the same journeys touchpoint by touchpoint.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks import measure

if TYPE_CHECKING:
    from numpy.typing import NDArray

FOLDER = Path(__file__).parent / "data"
LONGEST = 60
MEAN_FURTHER = 3.0
REPEATS = 0.25
ZIPF = 1.1
PART = 1_000_000


class Size(NamedTuple):
    """How many journeys over how many channels, and the seed they come from.

    The k-th channel's popularity falls as k ** -zipf.
    """

    journeys: int
    channels: int
    seed: int
    zipf: float = ZIPF

    @property
    def parts(self) -> list[int]:
        """How many journeys are drawn at a time."""
        return [min(PART, self.journeys - begun) for begun in range(0, self.journeys, PART)]


class Batch(NamedTuple):
    """Journeys as one run of channel codes, with what became of each."""

    offsets: NDArray[np.int64]
    codes: NDArray[np.int64]
    converted: NDArray[np.bool_]
    value: NDArray[np.float64]


SIZES = {
    "S": Size(100_000, 20, 1),
    "M": Size(1_000_000, 50, 2),
    "L": Size(10_000_000, 200, 3),
    "W": Size(1_000_000, 5_000, 4),
    "S24": Size(100_000, 24, 5),
    # XL10 is the first tenth of XL.
    "XL": Size(25_000_000, 200, 6),
    "XL10": Size(2_500_000, 200, 6),
    "X20": Size(5_000_000, 20_000, 7),
    "W_equal": Size(1_000_000, 5_000, 8, zipf=0.0),
    "X20_equal": Size(5_000_000, 20_000, 9, zipf=0.0),
}


def path_file(name: str) -> Path:
    """Return the Parquet file of path counts of that size, made now if it is not there yet."""
    return made(FOLDER / f"{name}_paths.parquet", "benchmarks.make_journeys", name)


def made(file: Path, module: str, name: str) -> Path:
    """Return a file or folder, which a module makes from a name if it is not there yet.

    In a process of its own: a child's peak memory is never told lower than its parent's.
    """
    if not file.exists():
        print(f"Making {file.name} once ...", file=sys.stderr, flush=True)
        FOLDER.mkdir(parents=True, exist_ok=True)
        measure.run(sys.executable, "-m", module, name)
    return file


def path_counts(size: Size) -> pa.Table:
    """Return one row per distinct path: conversions, value and journeys without a conversion."""
    parts = [_counted(_rows(draw(size, part), size)) for part in range(len(size.parts))]
    whole = _counted(pa.concat_tables(parts)).sort_by("path")
    cents = pc.round(whole["total_conversion_value"], 2)
    return whole.set_column(2, "total_conversion_value", cents)


def draw(size: Size, part: int) -> Batch:
    """Draw the part's journeys; each channel has an effect on the log-odds of converting."""
    effects = np.random.default_rng(size.seed).normal(0.0, 1.0, size.channels)
    rng = np.random.default_rng([size.seed, part])
    journeys = size.parts[part]
    further = rng.poisson(rng.exponential(MEAN_FURTHER, journeys))
    lengths = 1 + np.minimum(further, LONGEST - 1)
    offsets = np.append(0, np.cumsum(lengths))
    codes = _sticky(_popular(rng, int(offsets[-1]), size), offsets, rng)
    pull = np.add.reduceat(effects[codes], offsets[:-1]) / np.sqrt(lengths)
    odds = np.exp(-2.8 + 0.5 * pull + 0.05 * lengths)
    converted = rng.random(journeys) < odds / (1.0 + odds)
    spent = np.round(rng.lognormal(3.5, 0.8, journeys), 2)
    return Batch(offsets, codes, converted, np.where(converted, spent, 0.0))


def _popular(rng: np.random.Generator, count: int, size: Size) -> NDArray[np.int64]:
    reach = np.cumsum(np.arange(1, size.channels + 1) ** -size.zipf)
    return np.asarray(np.searchsorted(reach, rng.random(count) * reach[-1]))


def _sticky(
    codes: NDArray[np.int64], offsets: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Let a quarter of the touchpoints that are not a journey's first repeat the one before."""
    fresh = rng.random(len(codes)) >= REPEATS
    fresh[offsets[:-1]] = True
    return codes[np.maximum.accumulate(np.where(fresh, np.arange(len(codes)), 0))]


def _rows(batch: Batch, size: Size) -> pa.Table:
    names = pa.array(channel_names(size))
    steps = pa.ListArray.from_arrays(
        pa.array(batch.offsets, pa.int32()),
        pa.DictionaryArray.from_arrays(pa.array(batch.codes), names).dictionary_decode(),
    )
    return pa.table(
        {
            "path": pc.binary_join(steps, " > ").cast(pa.large_string()),
            "total_conversions": batch.converted.astype(np.int64),
            "total_conversion_value": batch.value,
            "total_null": (~batch.converted).astype(np.int64),
        }
    )


def channel_names(size: Size) -> list[str]:
    """Return the channels' names, by their codes."""
    return [f"channel {code:04d}" for code in range(size.channels)]


def _counted(rows: pa.Table) -> pa.Table:
    """Add up equal paths, in one thread: sums of money then come out the same every time."""
    columns = [name for name in rows.column_names if name != "path"]
    sums = rows.group_by("path", use_threads=False).aggregate([(name, "sum") for name in columns])
    return sums.select(["path", *(f"{name}_sum" for name in columns)]).rename_columns(
        ["path", *columns]
    )


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        unfinished = FOLDER / f"{wanted}_paths.part"
        pq.write_table(path_counts(SIZES[wanted]), unfinished)
        unfinished.rename(FOLDER / f"{wanted}_paths.parquet")
