"""The words that stand for something in every frame and graph."""

from __future__ import annotations

__version__ = "0.1.0"

ORGANIC = "(organic)"
UNATTRIBUTED = "(unattributed)"
RESERVED = (ORGANIC, UNATTRIBUTED)  # what no channel is credited with, in this order

START = "START"
CONVERSION = "CONVERSION"
NULL = "NULL"

VALUE = "value"
ORDER_SOURCE = "order_source"

DEFAULT_TIMEZONE = "Asia/Shanghai"
BLOCKS = 64

# What a cost is, what it is for, and how it is spread; what becomes of an order's goods.
COST_KINDS = (
    "ads",
    "slot_fee",
    "commission",
    "agency_fee",
    "platform_fee",
    "channel_share",
    "coupon",
    "red_packet",
    "lucky_bag",
    "giveaway",
    "sample",
    "goods",
    "freight",
    "return_freight",
    "crew",
    "other",
)
COST_SCOPES = ("line", "order", "session", "streamer", "campaign", "channel", "period")
COST_RULES = ("direct", "by_revenue", "by_minutes", "by_units", "none")
REFUND_KINDS = (
    "refund_before_ship",
    "refund_after_ship",
    "refund_only",
    "return_refund",
    "exchange",
    "price_protect",
    "reship",
    "repair",
    "other",
)
NO_SESSION = "(no session)"
NO_STREAMER = "(no streamer)"
UNALLOCATED = "(unallocated)"
