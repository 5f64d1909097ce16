"""UTM links out of a table of placements, and UTM values back out of links.

What the parameters mean: `utm_source` is the platform, `utm_medium` the form of the content,
`utm_campaign` the campaign, `utm_content` the session, or else the creative, or else the
placement, and `utm_term` the streamer. Where a row has more than one of session, creative and
placement, the others follow as `utm_creative` and `utm_placement`.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections import Counter
from difflib import get_close_matches
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, unquote_plus

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution.columns import identifiers, names_of
from attribution.errors import DataError, quoted
from attribution.mapping.vocabulary import folded, known_value, words
from attribution.store.tables import CONTENT_FORMS, PLATFORMS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["parse_utm", "tag_links", "untagged", "write_links"]

_LONGEST = 2048
_GIVEN = ("platform", "content_form", "campaign", "session", "creative", "placement", "streamer")
_UTM = ("source", "medium", "campaign", "content", "term", "creative", "placement")
_CLICK_IDS = ("clickid", "gdt_vid", "qz_gdt", "callback", "pid")
_PHONE = r"(^|[^0-9])(\+?86)?1[3-9][0-9]{9}([^0-9]|$)"
_HTTP = r"^(?i:https?)://[^\s/?#\pZ\pC]+[^\s\pZ\pC]*$"
# A spreadsheet runs text that begins so as a formula.
_FORMULA = r"^[=+\-@\t\r\n|%＝＋－＠]"


def tag_links(table: pa.Table, url: str | None = None) -> pa.Table:
    """Make one tagged link for each row of a table of placements.

    Parameters
    ----------
    table
        Columns url, platform, content_form, and any of streamer, session, placement, campaign and
        creative, under these or Chinese names (链接, 平台, 形式, 主播, 场次, 资源位, 活动, 素材);
        others are left aside. Platform and form may be written in Chinese.
    url
        Where the links lead if the table has no such column.

    Returns
    -------
    pa.Table
        The columns above, then `link` and `code`: ten letters and digits that depend on the link
        alone, for a short-link service or a QR code. Rows keep their order.

    Raises
    ------
    DataError
        Naming the row: no url, or none a link can be made of; a platform or form that is not
        known; a url that already has another value for one of the parameters; a phone number in a
        name; a link above 2,048 bytes.
    """
    columns = _columns(table, url)
    for name, allowed in (("platform", PLATFORMS), ("content_form", CONTENT_FORMS)):
        columns[name] = _meant(columns[name], name, allowed)
    for name in _GIVEN:
        _refuse(
            pc.match_substring_regex(columns[name], _PHONE),
            "what looks like a phone number",
            "a name or an id",
            "Leave phones out: everybody can read a link.",
            name,
        )
    urls = columns["url"]
    _refuse(pc.is_null(urls), "an empty cell", "a link", "Fill in the page to lead to.", "url")
    _refuse(
        pc.invert(pc.match_substring_regex(urls, _HTTP)),
        "text that is no link",
        "a link that begins with https:// and has no blanks",
        "Copy the address out of a browser.",
        "url",
    )
    page = pc.extract_regex(urls, r"^(?P<base>[^#]*)(?P<fragment>.*)$")
    base, fragment = pc.struct_field(page, "base"), pc.struct_field(page, "fragment")
    parts = [_parameter(name, wanted, base) for name, wanted in _wanted(columns).items()]
    added = pc.utf8_slice_codeunits(pc.binary_join_element_wise(*parts, _text("")), 1)
    link = pc.binary_join_element_wise(base, _glue(base, added), added, fragment, _text(""))
    _refuse(
        pc.greater(pc.binary_length(link), _LONGEST),
        f"a link of more than {_LONGEST} bytes",
        f"at most {_LONGEST}: longer ones are cut on their way",
        "Shorten the names, or lead to a shorter address.",
        "url",
    )
    return pa.table({**columns, "link": link, "code": _by_value(link, _code)})


def write_links(links: pa.Table, file: Path) -> None:
    """Write a table of links as CSV: UTF-8 with BOM, no text a spreadsheet runs as a formula.

    The file gets its name only when it is complete.
    """
    from pyarrow import csv

    safe = pa.table(
        {
            name: pc.if_else(
                pc.match_substring_regex(column, _FORMULA),
                pc.binary_join_element_wise(_text("'"), column, _text("")),
                column,
            )
            for name, column in zip(links.column_names, links.columns, strict=True)
        }
    )
    part = file.with_name(f".{file.name}.part")
    with part.open("wb") as opened:
        opened.write(b"\xef\xbb\xbf")
        csv.write_csv(safe, opened, csv.WriteOptions(quoting_style="needed"))
    os.replace(part, file)


def parse_utm(urls: pa.Array | pa.ChunkedArray) -> pa.Table:
    """Return what links say of where their visitor came from.

    Parameters
    ----------
    urls
        (n,) links as text, absolute or not; null where there is none.

    Returns
    -------
    pa.Table
        n rows of text: `utm_source` to `utm_term`, `utm_creative`, `utm_placement`, the click ids
        `clickid` (ocean engine), `gdt_vid`, `qz_gdt` (Tencent), `callback` (Kuaishou) and `pid`
        (Taobao), `click_ref` (the first of these that is there) and `spm`. Null where a link does
        not say it, and where what it says looks like a phone number. A parameter behind `#` counts
        as well, since many mobile pages keep their address there.
    """
    text = pa.chunked_array([urls]) if isinstance(urls, pa.Array) else urls
    text = text.cast(pa.large_string()).combine_chunks()
    found = {f"utm_{name}": _said(text, f"utm_{name}", unquote_plus) for name in _UTM}
    # A plus sign belongs to a click id; in a name it stands for a blank.
    clicks = {name: _said(text, name, unquote) for name in _CLICK_IDS}
    spm = _said(text, "spm", unquote)
    return pa.table({**found, **clicks, "click_ref": pc.coalesce(*clicks.values()), "spm": spm})


def untagged(touchpoints: pa.Table, timezone: str) -> Counter[tuple[str, str | None, bool]]:
    """Count the touchpoints of the own mall without utm_source.

    Parameters
    ----------
    touchpoints
        Columns platform, at (UTC epoch ms), utm_source, product_id, click_ref.
    timezone
        Whose days are counted.

    Returns
    -------
    Counter
        By (day, product whose page it was or None, whether an ad's click id explains the visit).
    """
    there = touchpoints.filter(_untagged(touchpoints))
    local = there["at"].cast(pa.timestamp("ms", "UTC")).cast(pa.timestamp("ms", timezone))
    rows = pa.table(
        {
            "day": pc.strftime(local, "%Y-%m-%d"),
            "product": there["product_id"].cast(pa.string()),
            "clicked": pc.is_valid(there["click_ref"]),
        }
    )
    counted = rows.group_by(rows.column_names).aggregate([([], "count_all")]).to_pylist()
    return Counter({(r["day"], r["product"], r["clicked"]): r["count_all"] for r in counted})


def _columns(table: pa.Table, url: str | None) -> dict[str, pa.Array]:
    """Return every column by its plain name, as text; null where the table has none."""
    names = names_of(table)
    found: dict[str, pa.Array] = {}
    for column, known in words()["tag"].items():
        meant = {folded(word) for word in known}
        there = [name for name in names if folded(name) in meant]
        if len(there) > 1:
            raise DataError(
                f"the columns {quoted(there[0])} and {quoted(there[1])}, which mean the same",
                f"one column for {column}",
                "Remove one of them.",
            )
        if there:
            found[column] = identifiers(table, there[0]).cast(pa.large_string())
    rows = len(table)
    if url is not None and "url" not in found:
        found["url"] = pa.array([url], pa.large_string()).take(pa.array(np.zeros(rows, np.int64)))
    for column in ("url", "platform", "content_form"):
        if column not in found:
            raise DataError(
                f"the columns {', '.join(quoted(name) for name in names)}",
                f"a column {column}, under a name such as {', '.join(words()['tag'][column][:3])}",
                "Add it, or rename the one that is meant.",
            )
    return {n: found.get(n, pa.nulls(rows, pa.large_string())) for n in ("url", *_GIVEN)}


def _meant(column: pa.Array, name: str, allowed: tuple[str, ...]) -> pa.Array:
    """Return the allowed values that words stand for."""
    _refuse(
        pc.is_null(column),
        "an empty cell",
        f"one of {', '.join(allowed)}",
        "Fill it in.",
        name,
    )
    known = _by_value(column, lambda word: known_value(name, word))
    unknown = np.flatnonzero(pc.is_null(known).to_numpy(zero_copy_only=False))
    if len(unknown):
        row = int(unknown[0])
        word = column[row].as_py()
        near = get_close_matches(word.casefold(), allowed, n=1)
        raise DataError(
            quoted(word),
            f"one of {', '.join(allowed)}",
            f"Did you mean {near[0]!r}?" if near else "Use one of these words.",
            row=row + 1,
            column=name,
        )
    return known


def _wanted(columns: dict[str, pa.Array]) -> dict[str, pa.Array]:
    session, creative, place = (columns[n] for n in ("session", "creative", "placement"))
    none = _text(None)
    return {
        "utm_source": columns["platform"],
        "utm_medium": columns["content_form"],
        "utm_campaign": columns["campaign"],
        "utm_content": pc.coalesce(session, creative, place),
        "utm_term": columns["streamer"],
        "utm_creative": pc.if_else(pc.is_valid(session), creative, none),
        "utm_placement": pc.if_else(
            pc.or_(pc.is_valid(session), pc.is_valid(creative)), place, none
        ),
    }


def _parameter(name: str, wanted: pa.Array, base: pa.Array) -> pa.Array:
    """Return `&name=value` where a link needs it; refuse one that says something else."""
    there = _raw(base, name)
    same = pc.equal(_by_value(there, unquote_plus), wanted)
    clash = pc.and_(pc.is_valid(there), pc.invert(pc.fill_null(same, False)))
    twice = pc.greater(pc.count_substring_regex(base, rf"(?i)[?&]{name}="), 1)
    _refuse(
        pc.or_(pc.and_(clash, pc.is_valid(wanted)), twice),
        f"a link that already has another {name}",
        f"a link without {name}, or with the one the row says",
        f"Remove {name} from the link.",
        "url",
    )
    needed = pc.and_(pc.is_valid(wanted), pc.is_null(there))
    text = _by_value(wanted, lambda value: f"&{name}={quote(value, safe='')}")
    return pc.if_else(needed, text, _text(""))


def _glue(base: pa.Array, added: pa.Array) -> pa.Array:
    plain = pc.invert(pc.match_substring(base, "?"))
    open_ended = pc.match_substring_regex(base, r"[?&]$")
    mark = pc.if_else(plain, _text("?"), pc.if_else(open_ended, _text(""), _text("&")))
    return pc.if_else(pc.equal(added, ""), _text(""), mark)


def _raw(text: pa.Array, name: str) -> pa.Array:
    """Return the first value of a parameter as it stands in links, null where there is none."""
    pattern = rf"(?i)[?&#]{name}=(?P<value>[^&#]*)"
    return pc.struct_field(pc.extract_regex(text, pattern), "value")


def _said(text: pa.Array, name: str, decode: Callable[..., str]) -> pa.Array:
    """Return what a parameter says; nothing where it is empty or looks like a phone number."""

    def read(value: str) -> str | None:
        try:
            return decode(value, errors="strict").strip() or None
        except UnicodeDecodeError:
            pass
        try:
            return decode(value, encoding="gb18030", errors="strict").strip() or None
        except UnicodeDecodeError:
            return None

    raw = _raw(text, name)
    if raw.null_count == len(raw):
        return raw
    encoded = pc.match_substring_regex(raw, r"[%+\s]|^$")
    plain = raw
    if pc.any(encoded).as_py():
        chosen = _by_value(raw.filter(encoded), read)
        plain = pc.replace_with_mask(raw, pc.fill_null(encoded, False), chosen)
    phone = pc.match_substring_regex(plain, r"^(\+?86)?1[3-9][0-9]{9}$")
    return pc.if_else(pc.fill_null(phone, False), pa.scalar(None, plain.type), plain)


def _untagged(touchpoints: pa.Table) -> pa.ChunkedArray:
    own = pc.equal(touchpoints["platform"], "own_mall")
    return pc.fill_null(pc.and_(own, pc.is_null(touchpoints["utm_source"])), False)


def _text(value: str | None) -> pa.Scalar:
    return pa.scalar(value, pa.large_string())


def _by_value(array: pa.Array, function: Callable[[str], str | None]) -> pa.Array:
    """Apply a function once to each distinct value; null stays null."""
    encoded = array.dictionary_encode()
    found = [None if v is None else function(v) for v in encoded.dictionary.to_pylist()]
    return pa.array(found, pa.large_string()).take(encoded.indices)


def _code(link: str) -> str:
    return base64.b32encode(hashlib.sha256(link.encode()).digest()[:7]).decode()[:10].lower()


def _refuse(bad: pa.Array, found: str, expected: str, remedy: str, column: str) -> None:
    rows = np.flatnonzero(pc.fill_null(bad, False).to_numpy(zero_copy_only=False))
    if len(rows):
        raise DataError(found, expected, remedy, row=int(rows[0]) + 1, column=column)
