"""Stores with planted returns."""

from __future__ import annotations

import numpy as np

from attribution.store.store import Store
from tests.store.batches import DAY, NOVEMBER, commit, order

NOW = NOVEMBER + 60 * DAY


def stored(folder, orders, **more):
    """Return a store of (streamer, category, age in days, paid, [(days after, fen), ...])."""
    rows = {"orders": [], "order_lines": [], "refunds": [], "streamers": []}
    for i, (streamer, category, age, paid, back) in enumerate(orders):
        number, at = f"o{i:05d}", NOW - int(age * DAY)
        own = {"platform": "douyin", "order_id": number}
        rows["orders"].append(
            order(number, paid, created_at=at, paid_at=at, _row=i, **more.get(number, {}))
        )
        rows["order_lines"].append(
            own | {"line_id": number, "paid_fen": paid, "category": category,
                   "streamer_id": streamer, "_row": i}
        )  # fmt: skip
        rows["refunds"] += [
            own | {"refund_id": f"{number}-{j}", "amount_fen": fen, "status": "success",
                   "kind": "refund_only", "applied_at": at, "final_at": at + int(after * DAY),
                   "_row": i}
            for j, (after, fen) in enumerate(back)
        ]  # fmt: skip
    rows["streamers"] = [{"streamer_id": "s1", "name": "晚晴", "_row": 1}]
    commit(folder, "a" * 16, {name: found for name, found in rows.items() if found})
    return Store(folder, as_of=NOW)


def simulated(seed, sizes, rates, days=40.0, categories=("coats", "tents")):
    """Return orders of streamers s1, s2 ... whose final return rates are known."""
    rng, orders = np.random.default_rng(seed), []
    for i, (size, rate) in enumerate(zip(sizes, rates, strict=True)):
        for _ in range(size):
            age, paid = rng.uniform(0, days), int(rng.integers(5_000, 50_000))
            wait = rng.exponential(4.0)
            back = [(wait, paid)] if rng.random() < rate and wait <= age else []
            orders.append((f"s{i + 1}", str(rng.choice(categories)), age, paid, back))
    return orders
