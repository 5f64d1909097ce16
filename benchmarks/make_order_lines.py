"""Order lines as a shop exports them: one flat CSV of any size, from a seed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks.make_journeys import FOLDER, made

if TYPE_CHECKING:
    from pathlib import Path

# What an export of order lines holds: ids, a product, money in yuan, times as local text.
_ROWS = """
SELECT
    69170000000000000 + i // 2 AS order_id,
    69170000000000000 + i AS line_id,
    3540000000000 + hash(i * 7) % 500 AS product_id,
    1790000000000 + hash(i * 11) % 2000 AS sku_id,
    'SL-' || lpad((hash(i * 11) % 2000)::VARCHAR, 5, '0') AS merchant_sku,
    1 + hash(i * 13) % 3 AS qty,
    printf('%d.%02d', 39 + hash(i * 17) % 900, hash(i * 19) % 100) AS paid,
    CASE hash(i * 23) % 20 WHEN 0 THEN 'FREE' ELSE '' END AS gift,
    CASE hash(i * 29) % 3 WHEN 0 THEN ''
        ELSE (7300000000000000000 + hash(i * 29) % 300)::VARCHAR END AS room_id,
    CASE hash(i * 29) % 3 WHEN 0 THEN ''
        ELSE (98000000000 + hash(i * 29) % 60)::VARCHAR END AS author_id,
    hash(i * 31) % 3 * 4 - CASE hash(i * 31) % 3 WHEN 1 THEN 2 ELSE 0 END AS c_biz,
    strftime(TIMESTAMP '2026-10-25 00:00:00' + to_seconds(i // 4), '%Y-%m-%d %H:%M:%S')
        AS updated
FROM range(RANGE) AS rows(i)
"""

MAPPING = """\
title = "Order lines of the benchmark"
platform = "douyin"

[order_lines]
line_id = "line_id"
order_id = "order_id"
product_id = "product_id"
sku_id = "sku_id"
merchant_sku = "merchant_sku"
qty = "qty"
paid_fen = { from = "paid", as = "yuan" }
line_kind = [{ from = "gift", map = { FREE = "gift" } }, { value = "normal" }]
room_id = "room_id"
streamer = { from = "author_id", type = "author_id" }
sales_mode = { from = "c_biz", map = { 0 = "unknown", 2 = "alliance", 8 = "self" } }
updated_at = { from = "updated", as = "time" }
"""


def order_lines_file(rows: int) -> Path:
    """Return the CSV file of so many order lines, making it if it is not there."""
    return made(FOLDER / f"order_lines_{rows}.csv", "benchmarks.make_order_lines", str(rows))


if __name__ == "__main__":
    import duckdb

    for wanted in sys.argv[1:]:
        unfinished = FOLDER / f"order_lines_{wanted}.part"
        rows = _ROWS.replace("RANGE", wanted)
        duckdb.sql(f"COPY ({rows}) TO '{unfinished}' (HEADER, DELIMITER ',', FORMAT csv)")
        unfinished.rename(FOLDER / f"order_lines_{wanted}.csv")
