"""The ledger of made-up orders: in memory, and written batch by batch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.make_journeys import SIZES, Size, channel_names, draw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attribution import Journeys

_LONGEST_PAUSE = 3 * 86_400_000
_RETURNED, _TO_COME = 0.3, 0.1


@dataclass(frozen=True)
class Orders:
    """Every journey of a size as an order of its own, in batches of a million."""

    size: Size

    def __iter__(self) -> Iterator[Journeys]:
        """Yield the batches; drawn anew each time, so none is kept."""
        for part in range(len(self.size.parts)):
            yield _orders(self.size, part)


def in_memory(name: str) -> dict[str, float]:
    """All orders under the eight usual models, as frames, and proof that each adds up."""
    import attribution
    from attribution.decide.ledger import ledger

    orders = list(Orders(SIZES[name]))
    models = attribution.default_models()
    begun = time.perf_counter()
    book = ledger(orders, models)
    taken = time.perf_counter() - begun
    book.check()
    return {"wall": taken, "orders": len(book.orders), "entries": len(book.entries)}


def written(name: str, folder: str) -> dict[str, float]:
    """All orders under the eight usual models, to Parquet."""
    import attribution
    from attribution.decide.ledger import write_ledger

    begun = time.perf_counter()
    write_ledger(Orders(SIZES[name]), attribution.default_models(), Path(folder))
    return {"wall": time.perf_counter() - begun}


def adds_up(folder: str) -> dict[str, float]:
    """By how much the written entries of any model differ from the orders, and how many there are.

    Whole fen, so it is nothing or a mistake.
    """
    import duckdb

    def sums(name: str, by: str) -> list[tuple[int, ...]]:
        found = duckdb.sql(
            f"SELECT count(*), sum(value), sum(net_fen), sum(net_expected_fen) "
            f"FROM '{folder}/ledger_{name}.parquet' GROUP BY {by}"
        )
        return [tuple(map(int, row)) for row in found.fetchall()]

    ((orders, *wanted),) = sums("orders", "()")
    models = sums("entries", "model")
    apart = sum(abs(a - b) for _, *found in models for a, b in zip(found, wanted, strict=True))
    return {
        "apart": apart,
        "orders": orders,
        "entries": sum(count for count, *_ in models),
        "models": len(models),
    }


def _orders(size: Size, part: int) -> Journeys:
    from attribution import Journeys

    drawn = draw(size, part)
    rng = np.random.default_rng([size.seed, part, 1])
    count, lengths = size.parts[part], np.diff(drawn.offsets)
    waits = rng.integers(0, _LONGEST_PAUSE, len(drawn.codes))
    since = np.append(np.cumsum(waits[::-1])[::-1], 0)
    gross = rng.integers(100, 50_000, count)
    net = np.where(rng.random(count) < _RETURNED, 0, gross)
    return Journeys(
        channels=tuple(channel_names(size)),
        offsets=drawn.offsets,
        codes=drawn.codes.astype(np.int32),
        conversions=np.ones(count, np.int64),
        nulls=np.zeros(count, np.int64),
        values={
            "value": gross.astype(float),
            "net_fen": net.astype(float),
            "net_expected_fen": np.floor(net * (1 - _TO_COME)),
        },
        ages=since[:-1] - np.repeat(since[drawn.offsets[1:]], lengths),
        closed_at=np.full(count, 1_794_000_000_000),
        day=np.full(count, 20_763, np.int32),
        block=rng.integers(0, 64, count).astype(np.uint8),
        order_id=np.array([f"douyin:{part:03d}{nth:013d}" for nth in range(count)], object),
    )
