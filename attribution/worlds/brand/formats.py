"""What the exports share: documents and their bytes, and how values and ids are written."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from xml.sax.saxutils import escape

from attribution.worlds.brand.records import (
    BEIJING,
    Line,
    digits,
    token,
)

__all__ = [
    "WECHAT_APP",
    "Document",
    "Record",
    "Records",
    "Sheet",
    "clock",
    "encode",
    "envelope",
    "floating",
    "listing",
    "masked",
    "member_id",
    "merchant_sku",
    "open_id",
    "sealed",
    "search_index",
    "sku_listing",
    "yuan",
]

WECHAT_APP = "wx5a1de2c07b9f3340"
Record = dict[str, Any]


class Records(NamedTuple):
    """JSON records between two pieces of text; both empty: one record per line (JSONL)."""

    before: str
    records: list[Record]
    after: str


class Sheet(NamedTuple):
    """A table of text."""

    form: Literal["csv", "excel-csv", "xlsx"]
    header: list[str]
    rows: list[list[str]]


Document = Records | Sheet


def clock(at: int | None) -> str:
    """Beijing time as most exports write it, without a zone."""
    return "" if at is None else datetime.fromtimestamp(at, BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def yuan(fen: int) -> str:
    """Yuan with two decimals."""
    sign, fen = ("-", -fen) if fen < 0 else ("", fen)
    return f"{sign}{fen // 100}.{fen % 100:02d}"


def floating(fen: int) -> float:
    """Yuan as a number, as ad systems and one of the ERPs write amounts."""
    return fen / 100


def masked(phone: str) -> str:
    """A phone as platforms show it."""
    return f"{phone[:3]}****{phone[-4:]}"


def search_index(platform: str, phone: str) -> str:
    """What a shop's order search turns a phone into: the same for the same phone and shop."""
    return token("search-index", platform, phone, length=16)


def sealed(platform: str, phone: str, order: str) -> str:
    """An encrypted phone: the cipher changes with the order, the part for searching does not."""
    return f"${search_index(platform, phone)}${token('cipher', order, length=12)}$1$"


def open_id(kind: str, person: int) -> str:
    """The id of a kind a person is known by."""
    lead, length = {
        "doudian_open_id": ("", 16),
        "sec_openid": ("_000", 18),
        "ks_open_id": ("", 20),
        "tb_open_uid": ("AAG", 18),
        "wx_openid": ("oShan", 28),
        "wx_unionid": ("", 28),
    }[kind]
    return lead + token(kind, person, length=length - len(lead))


def member_id(person: int) -> str:
    """The brand's own number of a member."""
    return f"M{100_000 + person}"


def listing(platform: str, product: str) -> str:
    """The id a platform gives a product of the brand."""
    return {"douyin": "36", "kuaishou": "21", "taobao": "69", "wechat": "100", "own_mall": ""}[
        platform
    ] + (digits("listing", platform, product, length=14) if platform != "own_mall" else product)


def sku_listing(platform: str, line: Line) -> str:
    """The id a platform gives one size of a product."""
    return "17" + digits("sku", platform, line.product.id, line.size, length=14)


def merchant_sku(line: Line) -> str:
    """The merchant's code of a product and size."""
    return f"{line.product.sku}-{line.size}"


def envelope(path: str, records: list[Record], **head: Any) -> Records:
    """Put records where an interface puts them, at `data.shop_order_list` for example."""
    inner: Any = "@"
    for name in reversed(path.split(".")):
        inner = {name: inner}
    text = json.dumps({**head, **inner}, ensure_ascii=False, separators=(",", ":"))
    before, after = text.split('"@"')
    return Records(before + "[", records, "]" + after)


def encode(document: Document) -> bytes:
    """The bytes of a document; the same on every machine."""
    if isinstance(document, Records):
        text = [json.dumps(r, ensure_ascii=False, separators=(",", ":")) for r in document.records]
        if not document.before:
            return "".join(f"{line}\n" for line in text).encode()
        return "\n".join([document.before, ",\n".join(text), document.after, ""]).encode()
    if document.form == "xlsx":
        return _workbook([document.header, *document.rows])
    out = io.StringIO()
    excel = document.form == "excel-csv"
    writer = csv.writer(out, lineterminator="\r\n" if excel else "\n")
    writer.writerow(document.header)
    writer.writerows(document.rows)
    return out.getvalue().encode("gb18030" if excel else "utf-8-sig")


_PARTS = {
    "[Content_Types].xml": (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Override PartName="/xl/workbook.xml" ContentType='
        '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
        '<Override PartName="/xl/worksheets/sheet1.xml" ContentType='
        '"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>'
    ),
    "_rels/.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Target="xl/workbook.xml" Type='
        '"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/>'
        "</Relationships>"
    ),
    "xl/workbook.xml": (
        '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r='
        '"http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
        '<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Target="worksheets/sheet1.xml" Type='
        '"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"/>'
        "</Relationships>"
    ),
}


def _workbook(rows: Iterable[Sequence[str]]) -> bytes:
    """A workbook of text cells: no clock, no compression, so no library can change a byte."""
    cells = "".join(
        "<row>"
        + "".join(f'<c t="str"><v>{escape(cell)}</v></c>' if cell else "<c/>" for cell in row)
        + "</row>"
        for row in rows
    )
    sheet = (
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<sheetData>{cells}</sheetData></worksheet>"
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, text in {**_PARTS, "xl/worksheets/sheet1.xml": sheet}.items():
            entry = zipfile.ZipInfo(name, (2026, 11, 16, 9, 0, 0))
            entry.create_system = 3
            archive.writestr(entry, '<?xml version="1.0" encoding="UTF-8"?>\n' + text)
    return out.getvalue()
