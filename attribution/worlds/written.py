"""A simulated world, written down as its platforms export it: a workspace to be ingested."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from attribution.errors import DataError, quoted
from attribution.names import DEFAULT_TIMEZONE
from attribution.workspace import FILE
from attribution.worlds.brand.formats import Document, Records, encode, member_id
from attribution.worlds.brand.shops import (
    member_sheet,
    product_sheet,
    session_sheet,
    shop_documents,
    streamer_sheet,
    touch_documents,
)
from attribution.worlds.places import places
from attribution.worlds.retold import (
    milliseconds,
    retold_orders,
    retold_people,
    touched,
)

__all__ = ["write_files", "write_world"]

# Name of the source, its mapping, and its files below `raw/`.
_SOURCES = (
    ("抖店 订单", "doudian_orders", "douyin/orders_*.json"),
    ("抖店 售后", "doudian_refunds", "douyin/refunds.json"),
    ("抖音 直播推送", "douyin_live_events", "douyin/live_events/*.jsonl"),
    ("快手 订单", "kuaishou_orders", "kuaishou/orders.json"),
    ("快手 售后", "kuaishou_refunds", "kuaishou/refunds.json"),
    ("淘宝 订单", "taobao_orders_export", "taobao/trades.csv"),
    ("淘宝 宝贝", "taobao_lines_export", "taobao/items.csv"),
    ("淘宝 退款", "taobao_refunds", "taobao/refunds.json"),
    ("微信小店 订单", "wechat_orders", "wechat/orders.json"),
    ("微信小店 售后", "wechat_refunds", "wechat/refunds.json"),
    ("腾讯广告 点击", "tencent_ads_clicks", "tencent/ad_clicks.jsonl"),
    ("商城 埋点", "own_mall_events", "mall/events.jsonl"),
    ("商城 订单", "own_mall_lines", "mall/orders.csv"),
    ("商城 退款", "generic_refunds", "mall/refunds.csv"),
    ("商城 会员", "own_mall_members", "mall/members.csv"),
    ("场次", "sessions", "sessions.csv"),
    ("主播", "streamers", "streamers.csv"),
    ("商品", "products", "products.csv"),
)


def write_world(
    folder: str | os.PathLike[str],
    touchpoints: pd.DataFrame,
    orders: pd.DataFrame,
    people: pd.DataFrame,
    *,
    name: str = "world",
    lookback: str = "30D",
    known: Mapping[str, Any] | None = None,
) -> Path:
    """Write a world of touchpoints, orders and people as exports, with the truth beside them.

    The folder becomes a workspace: `attribution ingest --workspace FOLDER` reads it (with a key of
    your own in ATTRIBUTION_KEY, as members have phones), and `open_journeys(FOLDER)` has its
    journeys, channels at the level of streamers. Platforms know a person by different ids, and
    only the members' file binds them, so identity resolution has its work to do; everybody is a
    member, also who was never touched. Orders say nothing of their source, and no costs are
    written. Instants are kept to the second.

    Parameters
    ----------
    folder
        Gets `raw/`, `attribution.toml`, `truth.json`, `people.csv` (each member's id as
        `open_journeys` takes it, start, end and what else is known), and three tables to find
        one's way back: `channels.csv` (channel, what a store calls it, touchpoints),
        `members.csv` (a member's id, the world's own) and `orders.csv` (a store's order id, the
        world's own, the member's). Files of these names are overwritten.
    touchpoints
        Person, at, channel. A channel's name says where it is written; see `worlds.places`.
    orders
        Order_id, person, at, value in whole fen, and if anything came back refunded_fen and
        refunded_at.
    people
        Person, start, end, and what else is known of each.
    name
        What the brand is called.
    lookback
        Time before an order in which touchpoints count.
    known
        What is true of the world, for `truth.json`; frames become lists of rows.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        If somebody is touched or orders who is not among the people, or an amount is not whole fen.
    """
    ids = pd.Index(people["person"])
    who_orders = _numbers(ids, orders["person"], "orders")
    who_meets = _numbers(ids, touchpoints["person"], "touchpoints")
    channel = pd.Categorical(touchpoints["channel"])
    names = [str(each) for each in channel.categories]
    where = places(names)
    start, end = (int(milliseconds(people[side]).min()) // 1_000 for side in ("start", "end"))

    members = retold_people(len(people), start)
    sold = retold_orders(orders, who_orders, members)
    met = touched(milliseconds(touchpoints["at"]), channel.codes.astype(np.int64), who_meets, where)
    documents: dict[str, Document] = {
        **shop_documents(sold.orders, sold.refunds, members, start),
        **touch_documents(met.live, met.pages, met.clicks, members),
        "mall/members.csv": member_sheet((person, start) for person in members),
        "sessions.csv": session_sheet(met.sessions, end),
        "streamers.csv": streamer_sheet(met.streamers),
        "products.csv": product_sheet(),
    }
    documents = {file: each for file, each in documents.items() if _holds_rows(each)}
    member = [member_id(number) for number in range(len(people))]
    count = np.bincount(channel.codes, minlength=len(names))
    tables = {
        "channels.csv": pd.DataFrame(
            {"channel": names, "label": [place.name for place in where], "touchpoints": count}
        ),
        "people.csv": pd.DataFrame({"id_type": "member_id", "id_value": member}).join(
            people.drop(columns="person").reset_index(drop=True)
        ),
        "members.csv": pd.DataFrame(
            {"person": member, "world_person": people["person"].to_numpy()}
        ),
        "orders.csv": pd.DataFrame(
            {
                "order_id": [f"{order.platform}:{order.id}" for order in sold.orders],
                "world_order_id": orders["order_id"].to_numpy(),
                "person": [member[number] for number in who_orders.tolist()],
            }
        ),
    }
    return write_files(
        folder,
        {f"raw/{file}": encode(document) for file, document in documents.items()}
        | {file: table.to_csv(index=False).encode("utf-8-sig") for file, table in tables.items()}
        | {
            FILE: _settings(name, lookback, documents).encode(),
            "truth.json": _truth(known or {}).encode(),
        },
    )


def write_files(folder: str | os.PathLike[str], files: Mapping[str, bytes]) -> Path:
    """Write files by their path below a folder, and return the folder."""
    root = Path(folder)
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return root


def _numbers(ids: pd.Index[Any], person: pd.Series[Any], source: str) -> np.ndarray[Any, Any]:
    """Return the place of each row's person among the people, (n,)."""
    found = ids.get_indexer(pd.Index(person))
    if (found < 0).any():
        raise DataError(
            f"the person {quoted(person.iloc[int((found < 0).argmax())])}",
            "persons that are among the people",
            "Add the missing ones to the people, each with the time he was watched.",
            row=int((found < 0).argmax()) + 1,
            column="person",
            source=source,
        )
    return found.astype(np.int64)


def _holds_rows(document: Document) -> bool:
    return bool(document.records if isinstance(document, Records) else document.rows)


def _settings(name: str, lookback: str, documents: Mapping[str, Document]) -> str:
    """Return the workspace's configuration: the files there are, and the world's lookback."""
    text = [
        "# A simulated world: what is true of it stands in truth.json.",
        f"[brand]\nname = {json.dumps(name, ensure_ascii=False)}",
        f'timezone = "{DEFAULT_TIMEZONE}"\nlanguage = "zh"\n',
        f'[journeys]\nlevel = "streamer"\nlookback = "{lookback}"\n',
        '[people]\nfile = "people.csv"\n',
    ]
    for source, mapping, files in _SOURCES:
        if any(Path(document).match(files) for document in documents):
            text.append(
                f'[[source]]\nname = "{source}"\nmapping = "{mapping}"\nfiles = "raw/{files}"\n'
            )
    return "\n".join(text)


def _truth(known: Mapping[str, Any]) -> str:
    """Return what is known as JSON, one line for each entry."""

    def plain(value: Any) -> Any:
        if isinstance(value, pd.DataFrame):
            return json.loads(value.to_json(orient="records", date_format="iso", force_ascii=False))
        return value

    entries = (
        f"{json.dumps(key)}:{json.dumps(plain(value), ensure_ascii=False, default=str)}"
        for key, value in known.items()
    )
    return "{" + ",\n".join(entries) + "}\n"
