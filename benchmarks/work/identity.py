"""Identity: against a planted truth, and at scale."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from attribution.identity.keys import read_keyring
from attribution.identity.resolve import resolve

PER_PERSON = 3.83  # identifiers of a planted person
SEED = 7


def truth(people: int = 200_000) -> dict[str, float]:
    """Return pairwise precision and recall, of the rules and of a join by phone number."""
    from tests.identity.planted import judged, naive, plant, quality

    planted = plant(people, SEED)
    found = quality(
        planted, judged(planted, resolve(planted.identifiers, planted.links).identities)
    )
    plain = quality(planted, naive(planted))
    return {
        "precision": found.precision,
        "recall": found.recall,
        "naive_precision": plain.precision,
        "naive_recall": plain.recall,
    }


def make(into: str, how_many_identifiers: str, how_many_links: str) -> None:
    """Write evidence of exactly this size."""
    from tests.identity.planted import plant

    folder, identifiers, links = Path(into), int(how_many_identifiers), int(how_many_links)
    planted = plant(int(identifiers / PER_PERSON * 1.02), SEED)
    kept = planted.identifiers.num_rows >= identifiers and planted.identifiers.slice(0, identifiers)
    assert kept, "too few people for so many identifiers"
    parquet.write_table(kept, folder / "identifiers.parquet", row_group_size=1 << 17)
    inside = np.flatnonzero((planted.a < identifiers) & (planted.b < identifiers))
    # What is missing is evidence seen again, some time later.
    rng = np.random.default_rng(SEED)
    more = max(0, links - len(inside))
    again = np.concatenate([inside[:links], rng.choice(inside, more)])
    at = planted.at[again] + np.append(
        np.zeros(len(again) - more, np.int64), rng.integers(0, 30 * 86_400_000, more)
    )
    table = planted.links.take(pa.array(again)).set_column(3, "at", pa.array(at))
    parquet.write_table(table, folder / "links.parquet", row_group_size=1 << 17)


def resolved(evidence: str) -> dict[str, float]:
    """Return seconds and peak memory of resolving: identifiers in memory, links batch by batch."""
    folder = Path(evidence)
    # Read a little at a time: what reading takes is not what is measured.
    file = parquet.ParquetFile(folder / "identifiers.parquet", pre_buffer=False)
    identifiers = pa.Table.from_batches(file.iter_batches(1 << 17))
    file = parquet.ParquetFile(folder / "links.parquet", pre_buffer=False)
    wall, cpu = time.perf_counter(), time.process_time()
    people = resolve(identifiers, file.iter_batches(1 << 17))
    return {
        "identifiers": identifiers.num_rows,
        "links": file.metadata.num_rows,
        "persons": people.persons.num_rows,
        "wall_s": time.perf_counter() - wall,
        "cpu_s": time.process_time() - cpu,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def hashing(count: int = 1_000_000) -> dict[str, float]:
    """Return microseconds per distinct value, hashed under one key."""
    values = pa.array([f"+86139{i:08d}" for i in range(count)])
    keyring = read_keyring({"ATTRIBUTION_KEY": "k" * 43}, None, demo=False)
    cpu = time.process_time()
    keyring.hashes("phone", None, values)
    return {"us_per_hash": (time.process_time() - cpu) / count * 1e6}
