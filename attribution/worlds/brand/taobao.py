"""淘宝 and 天猫 as exported from the seller centre, and 淘宝客."""

from __future__ import annotations

from attribution.worlds.brand.formats import (
    Record,
    clock,
    listing,
    masked,
    merchant_sku,
    open_id,
    sku_listing,
    yuan,
)
from attribution.worlds.brand.records import (
    Claim,
    Order,
    Refund,
    token,
)
from attribution.worlds.brand.week import account

__all__ = [
    "ITEM_HEADER",
    "TBK_HEADER",
    "TRADE_HEADER",
    "taobao_items",
    "taobao_refund",
    "taobao_trade",
    "taobaoke_row",
]

TAOBAO_STATUS = {
    "created": "等待买家付款", "partially_paid": "定金已付尾款未付",
    "paid": "买家已付款,等待卖家发货", "shipped": "卖家已发货,等待买家确认",
    "completed": "交易成功", "refund_closed": "交易关闭",
    "cancelled": "付款以前，卖家或买家主动关闭交易",
}  # fmt: skip
TRADE_HEADER = [
    "订单编号", "买家OpenUID", "订单状态", "订单创建时间", "订单付款时间", "确认收货时间",
    "订单更新时间", "买家实际支付金额", "买家应付邮费", "定金金额", "定金付款时间", "OAID",
    "收货人姓名", "联系手机", "店铺名称", "订单备注",
]  # fmt: skip
ITEM_HEADER = [
    "子订单编号", "主订单编号", "商品ID", "SKU ID", "商家编码", "购买数量", "商品价格",
    "买家实际支付金额",
]  # fmt: skip


def taobao_trade(order: Order) -> list[str]:
    """One row of the order report; Excel needs a tab before long ids."""
    presale = order.deposit_at is not None
    partly = presale and order.paid is None
    return [
        "\t" + order.id, open_id("tb_open_uid", order.person), TAOBAO_STATUS[order.status],
        clock(order.created), clock(order.paid),
        clock(order.completed) if order.status == "completed" else "", clock(order.updated),
        yuan(order.deposit_fen if partly else order.paid_fen), yuan(order.freight_fen),
        yuan(order.deposit_fen) if presale else "", clock(order.deposit_at),
        token("addressee", order.phone, length=16), "**", masked(order.phone), "山岚旗舰店",
        order.memo,
    ]  # fmt: skip


def taobao_items(order: Order) -> list[list[str]]:
    """The rows of the item report: one for each child order."""
    return [
        [
            "\t" + line.id, "\t" + order.id, "\t" + listing("taobao", line.product.id),
            "\t" + sku_listing("taobao", line), merchant_sku(line), str(line.qty),
            yuan(line.price_fen), yuan(line.paid_fen),
        ]
        for line in order.lines
    ]  # fmt: skip


TAOBAO_REFUND_STATUS = {
    "requested": "WAIT_SELLER_AGREE", "in_return": "WAIT_BUYER_RETURN_GOODS",
    "refunding": "WAIT_SELLER_CONFIRM_GOODS", "success": "SUCCESS", "failed": "CLOSED",
}  # fmt: skip
TAOBAO_REFUND_KIND = {
    "return_refund": "REFUND_AND_RETURN", "exchange": "TMALL_EXCHANGE", "repair": "REPAIR",
    "reship": "RESHIPPING",
}  # fmt: skip


def taobao_refund(refund: Refund) -> Record:
    """One refund of taobao.refunds.receive.get."""
    protects = refund.kind == "price_protect"
    return {
        "refund_id": refund.id,
        "tid": int(refund.order),
        "oid": int(refund.line),
        "dispute_type": TAOBAO_REFUND_KIND.get(refund.kind, "REFUND"),
        "special_refund_type": "priceProtect" if protects else "",
        "status": TAOBAO_REFUND_STATUS[refund.status],
        "refund_fee": yuan(refund.amount_fen),
        "created": clock(refund.applied),
        "modified": clock(refund.updated),
        "refund_phase": "onsale" if refund.kind == "refund_before_ship" else "aftersale",
    }


TBK_HEADER = [
    "trade_parent_id", "trade_id", "click_time", "tb_paid_time", "adzone_id",
    "alipay_total_price", "tk_total_rate", "pub_share_pre_fee", "tk_status", "refund_tag",
]  # fmt: skip


def taobaoke_row(claim: Claim, order: Order) -> list[str]:
    """One row of the alliance's order details."""
    status = {"estimated": "12", "confirmed": "14", "refunded": "13"}[claim.state]
    return [
        claim.order, claim.line, clock(claim.at), clock(order.paid),
        account(claim.streamer, "tb_adzone", "taobao"), yuan(claim.amount_fen), "20.00",
        yuan(claim.commission_fen), status, str(int(claim.state == "refunded")),
    ]  # fmt: skip
