"""Markov(1) over very many channels, against a chain counted and solved apart from the package.

A removal effect is what is lost when the channel is deleted and the chain is solved again.
"""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy import sparse


def markov(file: str, channels: str) -> dict[str, float]:
    """Largest relative error among so many channels, from the most to the least frequent."""
    import attribution

    person, at, channel, converted, value = ("user", "ts", "channel", "converted", "value")
    credit = attribution.attribute(
        attribution.open_journeys(
            file, person=person, at=at, channel=channel, converted=converted, value=value
        ),
        attribution.Markov(),
    )
    effects = credit.removal_effects
    assert effects is not None
    names, start, moves, ends = counted(file)
    visits = np.asarray(moves.sum(axis=1)).ravel() + ends.sum(axis=1)
    seen = np.argsort(-visits, kind="stable")[: int((visits > 0).sum())]
    chosen = seen[np.unique(np.geomspace(1, len(seen), int(channels)).astype(int) - 1)]
    expected = removal_effects(start, moves, ends[:, 1], visits, chosen)
    found = effects["conversions"].loc[[names[code] for code in chosen]].to_numpy()
    return {
        "channels": float(len(chosen)),
        "error": float((np.abs(found - expected) / expected).max()),
    }


def counted(file: str) -> tuple[list[str], np.ndarray, sparse.csr_array, np.ndarray]:
    """Return names, journeys that begin at each, moves between them, (nulls, conversions)."""
    table = pq.read_table(file, columns=["user", "ts", "channel", "converted"])
    column = table["channel"].unify_dictionaries().combine_chunks()
    names = column.dictionary.to_pylist()
    codes = column.indices.to_numpy().astype(np.int64)
    users = table["user"].to_numpy()
    order = np.lexsort((pc.cast(table["ts"], "int64").to_numpy(), users))
    codes, users = codes[order], users[order]
    converted = table["converted"].to_numpy()[order]
    last = np.append(users[1:] != users[:-1], True)
    first = np.append(True, last[:-1])
    n = len(names)
    moving = ~last[:-1]
    ones = np.ones(int(moving.sum()))
    moves = sparse.coo_array((ones, (codes[:-1][moving], codes[1:][moving])), shape=(n, n)).tocsr()
    ends = np.zeros((n, 2))
    np.add.at(ends, (codes[last], converted[last].astype(int)), 1.0)
    return names, np.bincount(codes[first], minlength=n).astype(float), moves, ends


def removal_effects(
    start: np.ndarray,
    moves: sparse.csr_array,
    conversions: np.ndarray,
    visits: np.ndarray,
    chosen: np.ndarray,
) -> np.ndarray:
    """Solve y = b + Q y, and again with each chosen channel worth nothing, by plain iteration."""
    rate = 1.0 / np.maximum(visits, 1.0)
    b = (conversions * rate)[:, None]
    q = sparse.diags_array(rate) @ moves
    columns = np.arange(len(chosen) + 1)[1:]
    y = np.zeros((len(start), len(chosen) + 1))
    while True:
        following = b + q @ y
        following[chosen, columns] = 0.0
        moved = float(np.abs(following - y).max())
        y = following
        # What is still to come is at most moved / (1 - q's largest row sum on the way).
        if moved < 1e-16:
            break
    won = start @ y
    return 1.0 - won[1:] / won[0]
