# ruff: noqa: E501  (exports have long lines)
"""Headers and rows as platforms, shops and ERPs export them, all fictional, and what they mean.

Each set is a name of a file, its rows as CSV text, and for each table the fields its columns are
read from; behind the field stands the unit or form, where one must be said.
"""

from __future__ import annotations

from typing import NamedTuple


class Export(NamedTuple):
    file: str
    text: str
    meaning: dict[str, dict[str, str]]
    personal: tuple[str, ...] = ()
    platform: str = "other"


EXPORTS = (
    Export(
        "抖店订单.csv",
        """主订单编号,子订单编号,选购商品,商品数量,商品ID,商家编码,商品单价,订单应付金额,运费,平台优惠,商家优惠,达人优惠,收件人,收件人手机号,省,详细地址,买家留言,订单提交时间,订单完成时间,支付完成时间,订单状态,达人ID,达人昵称,流量体裁
"\t6920000000000000001","\t6920000000000000011",冲锋衣,1,3600000000000000001,SL-001,399.00,379.00,0.00,10.00,10.00,0.00,李**,138****0001,浙江省,西湖区某路1号,快,2025-11-11 20:01:02,2025-11-20 10:00:00,2025-11-11 20:02:00,已完成,68000000001,晚晴,直播
"\t6920000000000000002","\t6920000000000000012",帽子,2,3600000000000000002,SL-002,59.00,118.00,0.00,0.00,0.00,0.00,王*,139****0002,浙江省,西湖区某路2号,,2025-11-11 20:03:02,-,2025-11-11 20:04:00,已发货,-,-,短视频
"\t6920000000000000003","\t6920000000000000013",袜子,1,3600000000000000003,SL-003,19.90,19.90,0.00,0.00,0.00,0.00,王*,139****0002,浙江省,西湖区某路2号,,2025-11-11 20:05:02,-,2025-11-11 20:06:00,待发货,-,-,橱窗
""",
        {
            "orders": {
                "order_id": "主订单编号",
                "status": "订单状态",
                "created_at": "订单提交时间 time",
                "paid_at": "支付完成时间 time",
                "completed_at": "订单完成时间 time",
                "paid_fen": "订单应付金额 yuan",
                "freight_fen": "运费 yuan",
                "discount_shop_fen": "商家优惠 yuan",
                "discount_platform_fen": "平台优惠 yuan",
                "discount_streamer_fen": "达人优惠 yuan",
                "province": "省",
            },
            "order_lines": {
                "line_id": "子订单编号",
                "order_id": "主订单编号",
                "product_id": "商品ID",
                "merchant_sku": "商家编码",
                "qty": "商品数量",
                "list_price_fen": "商品单价 yuan",
                "paid_fen": "订单应付金额 yuan",
                "discount_platform_fen": "平台优惠 yuan",
                "content_form": "流量体裁",
                "streamer": "达人ID",
            },
        },
        ("收件人", "收件人手机号", "详细地址", "买家留言", "达人昵称"),
        "douyin",
    ),
    Export(
        "快手小店.csv",
        """订单编号,订单创建时间,订单支付时间,订单状态,实付款,快递费,商品ID,SKU编码,商品单价,成交数量,CPS达人ID,收货人姓名,收货人电话,收货地址
2530000000000001,2025/11/11 20:00:00,2025/11/11 20:00:30,已付款,129.00,0.00,880001,KS-1,129.00,1,550001,张三丰,13800001111,杭州市西湖区某路1号
2530000000000002,2025/11/11 20:05:00,2025/11/11 20:05:30,已发货,258.00,6.00,880001,KS-1,129.00,2,550001,赵敏,13800002222,杭州市西湖区某路2号
""",
        {
            "orders": {
                "order_id": "订单编号",
                "status": "订单状态",
                "created_at": "订单创建时间 time",
                "paid_at": "订单支付时间 time",
                "paid_fen": "实付款 yuan",
                "freight_fen": "快递费 yuan",
                "ids": "收货人电话 phone",
            },
            "order_lines": {
                "line_id": "SKU编码",
                "order_id": "订单编号",
                "product_id": "商品ID",
                "merchant_sku": "SKU编码",
                "qty": "成交数量",
                "list_price_fen": "商品单价 yuan",
                "paid_fen": "实付款 yuan",
                "streamer": "CPS达人ID",
            },
        },
        ("收货人姓名", "收货地址"),
        "kuaishou",
    ),
    Export(
        "ExportOrderList.csv",
        """订单编号,买家会员名,买家支付宝账号,买家应付货款,买家应付邮费,总金额,买家实际支付金额,订单状态,买家留言,收货人姓名,收货地址,联系手机,订单创建时间,订单付款时间,宝贝总数量,店铺名称,确认收货时间
="3900000000000000001",tb**1,a@b.cn,199.00,0.00,199.00,189.00,"卖家已发货,等待买家确认",,李四,浙江省 杭州市某路3号,'13900001111,2025-11-11 00:01:02,2025-11-11 00:01:30,1,山岚旗舰店,
="3900000000000000002",tb**2,c@d.cn,399.00,0.00,399.00,379.00,交易成功,,王五,浙江省 杭州市某路4号,'13900002222,2025-11-11 00:02:02,2025-11-11 00:02:30,2,山岚旗舰店,2025-11-18 10:00:00
""",
        {
            "orders": {
                "order_id": "订单编号",
                "shop_id": "店铺名称",
                "status": "订单状态",
                "created_at": "订单创建时间 time",
                "paid_at": "订单付款时间 time",
                "completed_at": "确认收货时间 time",
                "paid_fen": "买家实际支付金额 yuan",
                "freight_fen": "买家应付邮费 yuan",
                "ids": "联系手机 phone",
            },
            "order_lines": {
                "line_id": "订单编号",
                "order_id": "订单编号",
                "qty": "宝贝总数量",
                "paid_fen": "买家实际支付金额 yuan",
            },
        },
        ("买家会员名", "买家支付宝账号", "买家留言", "收货人姓名", "收货地址"),
        "taobao",
    ),
    Export(
        "微信小店订单.csv",
        """订单号,下单时间,支付时间,订单状态,商品数量,商品总价,订单实际支付金额,运费,收件人姓名,收件人手机,带货账号昵称,openid,unionid
3705000000000000001,2025-11-11 12:00:00,2025-11-11 12:00:10,待发货,1,99.00,99.00,0.00,林晓,138****1111,晚晴,oABC1,uABC1
3705000000000000002,2025-11-11 12:10:00,2025-11-11 12:10:10,已完成,3,297.00,287.00,0.00,林晓梅,138****2222,晚晴,oABC2,uABC2
""",
        {
            "orders": {
                "order_id": "订单号",
                "status": "订单状态",
                "created_at": "下单时间 time",
                "paid_at": "支付时间 time",
                "paid_fen": "订单实际支付金额 yuan",
                "freight_fen": "运费 yuan",
                "ids": "unionid",
            },
            "order_lines": {
                "line_id": "订单号",
                "order_id": "订单号",
                "qty": "商品数量",
                "paid_fen": "商品总价 yuan",
            },
        },
        ("收件人姓名", "收件人手机", "带货账号昵称"),
        "wechat",
    ),
    Export(
        "聚水潭.csv",
        """内部订单号,线上订单号,店铺,订单类型,状态,订单日期,付款日期,应付金额,已付金额,商品编码,数量,成本价,买家账号,收货人,手机
100001,6920000000000000001,抖音店,普通订单,已发货,2025-11-11 20:01:02,2025-11-11 20:02:00,399.00,379.00,SL-001,1,120.00,abc,李**,138****0001
100002,"6920000000000000002,6920000000000000003",抖音店,普通订单,已发货,2025-11-11 20:03:02,2025-11-11 20:04:00,137.90,137.90,SL-002,2,20.00,abd,王*,139****0002
""",
        {
            "erp_orders": {
                "erp_order_id": "内部订单号",
                "order_id": "线上订单号",
                "shop_id": "店铺",
                "order_type": "订单类型",
                "status": "状态",
                "created_at": "订单日期 time",
                "paid_at": "付款日期 time",
                "paid_fen": "已付金额 yuan",
            },
            "erp_lines": {
                "erp_order_id": "内部订单号",
                "order_id": "线上订单号",
                "merchant_sku": "商品编码",
                "qty": "数量",
                "unit_cost_fen": "成本价 yuan",
            },
        },
        ("买家账号", "收货人", "手机"),
    ),
    Export(
        "退款列表.csv",
        """售后单号,订单编号,子订单编号,售后类型,售后状态,退款金额,申请时间,退款完结时间
7001,6920000000000000001,6920000000000000011,退货退款,退款成功,379.00,2025-11-15 10:00:00,2025-11-18 10:00:00
7002,6920000000000000002,6920000000000000012,仅退款,待处理,50.00,2025-11-16 10:00:00,-
7003,6920000000000000003,6920000000000000013,换货,售后关闭,0.00,2025-11-16 11:00:00,2025-11-17 10:00:00
""",
        {
            "refunds": {
                "refund_id": "售后单号",
                "line_id": "子订单编号",
                "order_id": "订单编号",
                "kind": "售后类型",
                "status": "售后状态",
                "amount_fen": "退款金额 yuan",
                "applied_at": "申请时间 time",
                "final_at": "退款完结时间 time",
            }
        },
    ),
    Export(
        "千川消耗.csv",
        """日期,计划ID,计划名称,消耗(元),展示次数,点击次数,支付ROI
2025-11-11,1790000000000001,双11冲量,1234.56,10000,300,4.6
2025-11-12,1790000000000001,双11冲量,999.00,9000,200,3.4
""",
        {
            "costs": {
                "kind": '"ads"',
                "amount_fen": "消耗(元) yuan",
                "at": "日期 time",
                "scope": '"campaign"',
                "scope_id": "计划ID",
            }
        },
        (),
        "douyin",
    ),
    Export(
        "spend.csv",
        """Reporting starts,Reporting ends,Campaign ID,Campaign name,Impressions,Amount spent (CNY)
2025-11-10,2025-11-16,120000000000001,Winter,10000,8800
2025-11-10,2025-11-16,120000000000002,Brand,9000,4310
""",
        {
            "costs": {
                "kind": '"ads"',
                "amount_fen": "Amount spent (CNY) yuan",
                "from": "Reporting starts time",
                "to": "Reporting ends time",
                "scope": '"campaign"',
                "scope_id": "Campaign ID",
            }
        },
    ),
    Export(
        "orders_export_1.csv",
        """Name,Email,Financial Status,Paid at,Fulfillment Status,Currency,Subtotal,Shipping,Taxes,Total,Discount Code,Discount Amount,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Billing Name,Shipping Street,Notes,Id,Phone
#1001,a@x.com,paid,2025-11-11 20:00:01 +0800,fulfilled,CNY,399.00,10.00,0.00,409.00,,0.00,2025-11-11 20:00:00 +0800,1,Jacket,399.00,SL-001,Li Lei,Some Street 1,,5400000000001,13800001111
#1002,b@x.com,refunded,2025-11-11 21:00:01 +0800,,CNY,78.90,0.00,0.00,78.90,,0.00,2025-11-11 21:00:00 +0800,1,Cap,59.00,SL-002,Han Mei,Some Street 2,,5400000000002,13800002222
#1002,b@x.com,,,,,,,,,,,2025-11-11 21:00:00 +0800,1,Socks,19.90,SL-003,,,,,
""",
        {
            "orders": {
                "order_id": "Name",
                "status": "Financial Status",
                "created_at": "Created at time",
                "paid_at": "Paid at time",
                "paid_fen": "Total yuan",
                "freight_fen": "Shipping yuan",
                "discount_shop_fen": "Discount Amount yuan",
                "skip": "Total",
                "currency": "Currency",
                "ids": "Phone phone",
            }
        },
        ("Email", "Billing Name", "Shipping Street", "Notes"),
        "own_mall",
    ),
    Export(
        "wc-orders.csv",
        """Order Number,Order Status,Order Date,Paid Date,Customer Note,First Name (Billing),Last Name (Billing),Email (Billing),Phone (Billing),Customer User ID,Order Subtotal Amount,Order Shipping Amount,Order Total Amount,SKU,Item #,Item Name,Quantity,Item Cost
5001,completed,2025-11-11 20:00:00,2025-11-11 20:00:30,,Lei,Li,a@x.com,13800001111,77,399.00,10.00,409.00,SL-001,1,Jacket,1,399.00
5002,processing,2025-11-11 21:00:00,2025-11-11 21:00:30,,Mei,Han,b@x.com,13800002222,78,118.00,0.00,118.00,SL-002,1,Cap,2,59.00
""",
        {
            "orders": {
                "order_id": "Order Number",
                "status": "Order Status",
                "created_at": "Order Date time",
                "paid_at": "Paid Date time",
                "paid_fen": "Order Total Amount yuan",
                "freight_fen": "Order Shipping Amount yuan",
                "ids": "Customer User ID",
            },
            "order_lines": {
                "line_id": "SKU",
                "order_id": "Order Number",
                "merchant_sku": "SKU",
                "qty": "Quantity",
                "list_price_fen": "Item Cost yuan",
                "paid_fen": "Order Subtotal Amount yuan",
            },
        },
        (
            "Customer Note",
            "First Name (Billing)",
            "Last Name (Billing)",
            "Email (Billing)",
        ),
    ),
    Export(
        "直播场次.csv",
        """直播间ID,直播标题,主播昵称,主播ID,开播时间,关播时间,观看人数,观看次数,最高在线人数,人均观看时长(秒),商品点击次数,成交订单数,直播间成交金额,退款金额,新增粉丝数,评论次数,点赞次数
7400000000000000001,双11专场,晚晴,68000000001,2025-11-11 19:58:00,2025-11-12 00:30:00,12000,15000,900,61.5,3300,410,88888.00,1200.50,320,5100,90000
7400000000000000002,返场,阿岚,68000000002,2025-11-12 19:58:00,2025-11-12 23:30:00,8000,9500,500,55.0,2100,250,45678.00,900.00,120,2600,40000
""",
        {
            "sessions": {
                "session_id": "直播间ID",
                "start_at": "开播时间 time",
                "end_at": "关播时间 time",
                "title": "直播标题",
                "streamer": "主播ID",
            },
            "session_metrics": {
                "session_id": "直播间ID",
                "views": "观看次数",
                "uv": "观看人数",
                "peak_online": "最高在线人数",
                "avg_watch_s": "人均观看时长(秒) number",
                "product_clicks": "商品点击次数",
                "paid_orders": "成交订单数",
                "gmv_total_fen": "直播间成交金额 yuan",
                "refund_fen": "退款金额 yuan",
                "follows": "新增粉丝数",
                "comments": "评论次数",
                "likes": "点赞次数",
            },
        },
        ("主播昵称",),
    ),
    Export(
        "pixel_events.csv",
        """event_id,event_time,event_name,anonymous_id,user_id,page_url,utm_source,utm_medium,utm_campaign,utm_content,utm_term,product_id,gdt_vid
e1,1762862400123,page_view,a1,,https://m.mall.cn/,douyin,live,d11,s1,晚晴,,
e2,1762862460456,add_to_cart,a1,u1,https://m.mall.cn/p/1,douyin,live,d11,s1,晚晴,p1,
e3,1762862999000,view_item,a2,u2,https://m.mall.cn/p/1,,,,,,p1,g77
""",
        {
            "touchpoints": {
                "event_id": "event_id",
                "at": "event_time epoch_ms",
                "event": "event_name",
                "click_ref": "gdt_vid",
                "utm_source": "utm_source",
                "utm_medium": "utm_medium",
                "utm_campaign": "utm_campaign",
                "utm_content": "utm_content",
                "utm_term": "utm_term",
                "product_id": "product_id",
                "content_form": "utm_medium",
                "ids": "user_id",
            }
        },
        (),
        "own_mall",
    ),
    Export(
        "费用.csv",
        """日期,主播ID,坑位费,佣金,福袋
2025-11-11,68000000001,20000,3500.50,300
2025-11-12,68000000002,0,1200.00,0
""",
        {
            "costs": {
                "kind": '"slot_fee"',
                "amount_fen": "坑位费 yuan",
                "at": "日期 time",
                "streamer": "主播ID",
            }
        },
    ),
    Export(
        "商品.xlsx",
        """商品ID,商家编码,类目,品牌,吊牌价,成本价
36001,SL-001,外套,山岚,599,180.5
36002,SL-002,配饰,山岚,89,20
""",
        {
            "products": {
                "product_id": "商品ID",
                "merchant_sku": "商家编码",
                "category": "类目",
                "brand": "品牌",
                "list_price_fen": "吊牌价 yuan",
                "cost_fen": "成本价 yuan",
            }
        },
    ),
)
