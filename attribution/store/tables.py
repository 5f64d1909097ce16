"""The canonical tables: their columns, keys and allowed values.

Money is whole fen (`fen`), instants are UTC epoch milliseconds (`time`), ids are text. Every table
carries provenance columns, which begin with an underscore.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from attribution.names import COST_KINDS, COST_RULES, COST_SCOPES, REFUND_KINDS

__all__ = [
    "CONTENT_FORMS",
    "DERIVED",
    "EVENTS",
    "PLATFORMS",
    "PROVENANCE",
    "STATUSES",
    "TABLES",
    "Column",
    "Table",
]

Kind = Literal["id", "text", "enum", "time", "day", "fen", "int", "rate", "bool"]

ARROW: dict[Kind, pa.DataType] = {
    "id": pa.string(),
    "text": pa.string(),
    "enum": pa.string(),
    "time": pa.int64(),
    "day": pa.string(),
    "fen": pa.int64(),
    "int": pa.int64(),
    "rate": pa.float64(),
    "bool": pa.bool_(),
}

# Where a row came from: source and file as configured, its row there, and its batch.
PROVENANCE = pa.schema(
    [
        ("_source", pa.string()),
        ("_file", pa.string()),
        ("_row", pa.int64()),
        ("_batch", pa.string()),
    ]
)

PLATFORMS = (
    "douyin",
    "kuaishou",
    "taobao",
    "wechat",
    "xiaohongshu",
    "jd",
    "own_mall",
    "offline",
    "other",
)
EVENTS = (
    "exposure",
    "click",
    "enter",
    "watch",
    "comment",
    "like",
    "follow",
    "fan_join",
    "gift",
    "share",
    "product_click",
    "add_cart",
    "message",
    "scan",
    "order_source",
)
CONTENT_FORMS = (
    "live",
    "live_replay",
    "short_video",
    "ad",
    "showcase",
    "shop",
    "search",
    "feed",
    "article",
    "group",
    "private_chat",
    "own_mall",
    "offline",
    "unknown",
)
STATUSES = (
    "created",
    "partially_paid",
    "paid",
    "part_shipped",
    "shipped",
    "received",
    "completed",
    "cancelled",
    "refund_closed",
)


@dataclass(frozen=True)
class Column:
    """One column; a hidden one (`_name`) is stored for the views and not part of the table."""

    name: str
    kind: Kind
    required: bool = False
    values: tuple[str, ...] = ()

    @property
    def type(self) -> pa.DataType:
        """The Arrow type it is stored in."""
        return ARROW[self.kind]


@dataclass(frozen=True)
class Table:
    """A canonical table.

    Attributes
    ----------
    key
        Columns that tell its rows apart: of two rows with one key the newer is kept. Without a key
        every row is evidence of its own.
    newest
        The time column that says which row is newer; None where only the order of arrival does.
    at
        The time column by which rows are dated, for ranges and days.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    at: str | None = None
    newest: str | None = None

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of its parts, provenance included."""
        own = pa.schema([(column.name, column.type) for column in self.columns])
        return pa.unify_schemas([own, PROVENANCE])

    def column(self, name: str) -> Column:
        """Return a column by its name."""
        return next(column for column in self.columns if column.name == name)


def _columns(text: str, **values: tuple[str, ...]) -> tuple[Column, ...]:
    """Read columns written `name:kind`, with `*` behind the name of a required one."""
    found = []
    for part in text.split():
        name, _, kind = part.partition(":")
        plain = name.rstrip("*")
        found.append(Column(plain, kind or "id", name.endswith("*"), values.get(plain, ())))  # type: ignore[arg-type]
    return tuple(found)


_ALL = (
    Table(
        "touchpoints",
        ("platform", "event_id"),
        _columns(
            "event_id* at*:time received_at:time platform*:enum app_id id_type id_value event*:enum"
            " content_form*:enum traffic:enum streamer_id session_id content_id placement"
            " campaign_id ad_id creative_id click_ref utm_source:text utm_medium:text"
            " utm_campaign:text utm_content:text utm_term:text product_id dwell_ms:int"
            " value_fen:fen quality:enum"
            # The streamer as the platform names him, and the keyed hash of whose touchpoint it is.
            " _alias_type _alias_value _identifier",
            platform=PLATFORMS,
            event=EVENTS,
            content_form=CONTENT_FORMS,
            traffic=("organic", "paid", "alliance", "private", "unknown"),
            quality=("observed", "self_reported", "inferred"),
        ),
        at="at",
        newest="received_at",
    ),
    Table(
        "orders",
        ("platform", "order_id"),
        _columns(
            "order_id* platform*:enum shop_id erp_order_id id_type id_value payer_ref"
            " recipient_not_payer:bool status*:enum created_at*:time paid_at:time"
            " deposit_paid_at:time completed_at:time updated_at:time paid_fen*:fen deposit_fen:fen"
            " freight_fen:fen discount_shop_fen:fen discount_platform_fen:fen"
            " discount_streamer_fen:fen merchant_net_fen:fen is_new_buyer_shop:bool province:text"
            " phone_index addressee_key _identifier _excluded:text",
            platform=PLATFORMS,
            status=STATUSES,
        ),
        at="created_at",
        newest="updated_at",
    ),
    Table(
        "order_lines",
        ("platform", "order_id", "line_id"),
        _columns(
            "line_id* order_id* platform*:enum product_id sku_id merchant_sku category:text qty:int"
            " list_price_fen:fen paid_fen*:fen unit_cost_fen:fen line_kind:enum content_form:enum"
            " content_id room_id video_id streamer_id sales_mode:enum ad_env:text sharer_ref"
            " from_wecom:bool discount_platform_fen:fen updated_at:time _alias_type _alias_value",
            platform=PLATFORMS,
            line_kind=(
                "normal",
                "presale",
                "presale_gift",
                "group_buy",
                "auction",
                "zero_yuan",
                "lucky_bag",
                "sample",
                "gift",
                "shipping_diff",
            ),
            content_form=CONTENT_FORMS,
            sales_mode=("self", "alliance", "cooperative", "unknown"),
        ),
        newest="updated_at",
    ),
    # What an alliance, a sharer or a settlement adds to an order another source tells of;
    # `told_by` says which kind of document it is.
    Table(
        "order_sources",
        ("platform", "order_id", "line_id", "told_by"),
        _columns(
            "order_id* platform*:enum line_id told_by:text content_form:enum content_id"
            " sales_mode:enum merchant_net_fen:fen settled_at:time updated_at:time _alias_type"
            " _alias_value",
            platform=PLATFORMS,
            content_form=CONTENT_FORMS,
            sales_mode=("self", "alliance", "cooperative", "unknown"),
        ),
        newest="updated_at",
    ),
    # The same order as the ERP books it; one row for every platform order it holds. `erp` says
    # which system, whatever way its rows come.
    Table(
        "erp_orders",
        ("erp", "erp_order_id", "order_id"),
        _columns(
            "erp:text erp_order_id* order_id platform:enum shop_id order_type:text status:text"
            " created_at:time paid_at:time updated_at:time paid_fen*:fen id_type id_value"
            " merged_ids:text _identifier _excluded:text",
            platform=PLATFORMS,
        ),
        at="paid_at",
        newest="updated_at",
    ),
    Table(
        "erp_lines",
        ("erp", "erp_order_id", "order_id", "line_id", "merchant_sku"),
        _columns(
            "erp:text erp_order_id* line_id order_id merchant_sku qty:int paid_fen:fen"
            " unit_cost_fen:fen line_kind:enum",
            line_kind=("normal", "gift", "sample"),
        ),
    ),
    Table(
        "refunds",
        ("platform", "refund_id"),
        _columns(
            "refund_id* platform*:enum line_id order_id sku_id kind:enum status*:enum"
            " amount_fen*:fen qty:int applied_at:time final_at:time updated_at:time",
            platform=PLATFORMS,
            kind=REFUND_KINDS,
            status=(
                "requested",
                "platform",
                "in_return",
                "refunding",
                "success",
                "rejected",
                "failed",
                "clawed_back",
            ),
        ),
        at="applied_at",
        newest="updated_at",
    ),
    Table(
        "costs",
        ("platform", "cost_id"),
        _columns(
            "cost_id* platform:enum kind*:enum amount_fen*:fen at:time from:time to:time"
            " scope:enum scope_id state:enum alloc:enum source_doc:text rate:rate updated_at:time"
            " _alias_type _alias_value",
            platform=PLATFORMS,
            kind=COST_KINDS,
            scope=COST_SCOPES,
            state=("estimated", "confirmed", "settled", "refunded"),
            alloc=COST_RULES,
        ),
        at="at",
        newest="updated_at",
    ),
    Table(
        "platform_claims",
        ("claimer", "claim_id"),
        _columns(
            "claim_id* claimer*:text platform:enum order_id line_id session_id day:day kind:enum"
            " window_days:int amount_fen:fen touch_at:time placement campaign_id ad_id"
            " updated_at:time _alias_type _alias_value",
            platform=PLATFORMS,
            kind=("direct", "indirect", "click", "exposure", "follow", "other"),
        ),
        at="touch_at",
        newest="updated_at",
    ),
    Table(
        "sessions",
        ("platform", "session_id"),
        _columns(
            "session_id* platform*:enum account_ref streamer_id streamer_shares:text start_at:time"
            " end_at:time title:text mode:enum updated_at:time _alias_type _alias_value",
            platform=PLATFORMS,
            mode=("self", "kol", "koc", "matrix"),
        ),
        at="start_at",
        newest="updated_at",
    ),
    Table(
        "session_metrics",
        ("platform", "session_id", "minute"),
        _columns(
            "session_id* platform*:enum minute:int views:int uv:int peak_online:int"
            " avg_watch_s:rate product_exposure:int product_clicks:int cart_opens:int"
            " orders_created:int paid_orders:int gmv_total_fen:fen gmv_ads_fen:fen refund_fen:fen"
            " follows:int comments:int likes:int updated_at:time",
            platform=PLATFORMS,
        ),
        newest="updated_at",
    ),
    Table(
        "session_products",
        ("platform", "session_id", "product_id", "explain_from"),
        _columns(
            "session_id* platform*:enum product_id* explain_from:time explain_to:time"
            " live_price_fen:fen offer:text",
            platform=PLATFORMS,
        ),
        at="explain_from",
    ),
    Table(
        "streamers",
        ("streamer_id",),
        _columns(
            "streamer_id* name:text tier:enum agency_id",
            tier=("head", "waist", "tail", "koc", "staff"),
        ),
    ),
    Table(
        "streamer_aliases",
        ("platform", "id_type", "value"),
        _columns(
            "streamer_id* platform*:enum id_type*:enum value*",
            platform=PLATFORMS,
            id_type=(
                "buyin_id",
                "aweme_id",
                "author_id",
                "short_id",
                "ks_role_id",
                "finder_id",
                "openfinderid",
                "tb_adzone",
            ),
        ),
    ),
    Table(
        "products",
        ("product_id",),
        _columns(
            "product_id* merchant_sku category:text brand:text list_price_fen:fen price_band:text"
            " cost_fen:fen"
        ),
    ),
    # Evidence of who is who, by keyed hash: an identifier seen, and two seen together.
    Table(
        "identifiers",
        (),
        _columns("id_hash* id_type* namespace:text first_seen:time last_seen:time"),
        at="last_seen",
    ),
    Table(
        "links",
        ("a", "b", "kind", "at"),
        _columns(
            "a* b* kind*:enum at:time consent_ref purpose:text",
            kind=("strong", "medium", "weak", "rotation"),
        ),
        at="at",
    ),
)

TABLES: dict[str, Table] = {table.name: table for table in _ALL}

# Tables the store derives when it is read.
DERIVED = ("identities", "persons", "quarantine", "excluded_orders", "unmapped_aliases")
