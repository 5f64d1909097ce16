"""The words that stand for something in every frame and graph."""

from __future__ import annotations

__version__ = "0.1.0"

ORGANIC = "(organic)"
UNATTRIBUTED = "(unattributed)"
RESERVED = (ORGANIC, UNATTRIBUTED)

START = "START"
CONVERSION = "CONVERSION"
NULL = "NULL"

VALUE = "value"
ORDER_SOURCE = "order_source"

DEFAULT_TIMEZONE = "Asia/Shanghai"
BLOCKS = 64
