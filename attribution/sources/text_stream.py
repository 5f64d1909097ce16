"""A file's text as UTF-8, whatever it was written in, checked as it is read."""

from __future__ import annotations

import codecs
import gzip
import re
import zlib
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from attribution.errors import DataError
from attribution.sources.file_heads import SAVE_AS_UTF8

if TYPE_CHECKING:
    import io
    from pathlib import Path

__all__ = ["TextStream"]

_BLOCK = 1 << 22  # bytes, where no size is asked for
# A GB18030 text is rarely valid UTF-8 for a character or two, and never for this many bytes.
_SURELY_UTF8 = 8
# Four Chinese characters in UTF-8 between ASCII: next to impossible in GB18030.
_UTF8_WORD = re.compile(  # looks back only from a likely first byte: eight times as fast
    rb"[\xe4-\xe9](?<=[\x00-\x7f].)[\x80-\xbf]{2}(?:[\xe4-\xe9][\x80-\xbf]{2}){3,}(?![\x80-\xff])",
    re.DOTALL,
)


class _UndecodableError(Exception):
    """A byte that is no text."""

    def __init__(self, offset: int, what: str) -> None:
        super().__init__(offset, what)
        self.offset, self.what = offset, what


class TextStream:
    """The text of a file as UTF-8, checked block by block, without its byte order mark.

    It reads like a binary file. Encodings are told apart at the first bytes beyond ASCII.

    Raises
    ------
    DataError
        While reading, if the text is neither UTF-8 nor GB18030, or is no text at all.
    """

    closed = False

    def __init__(self, file: Path) -> None:
        self._file = file
        self._raw = _opened(file)
        self._ready = b""  # UTF-8 that waits to be handed out
        self._tail = b""  # bytes of a character the last block cut
        self._gb18030: codecs.IncrementalDecoder | None = None
        self._wide = 0  # bytes beyond one per character in UTF-8 so far, as far as they matter
        self._offset = 0  # of the next byte to be read, less the tail
        self._ended = False
        self._last = b""

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes of UTF-8 (all of them if negative); b"" at the end."""
        if size < 0:
            return b"".join(iter(lambda: self.read(_BLOCK), b""))
        pieces, lacking = [self._ready], size - len(self._ready)
        # Nearly full is full: a block of a few bytes would hold no end of a row.
        while lacking > size // 8 and not self._ended:
            # GB18030 grows by up to one half.
            pieces.append(self._next(max(lacking // 2, 16) if self._gb18030 else lacking))
            lacking -= len(pieces[-1])
        found = b"".join(pieces) if pieces[0] or len(pieces) > 2 else pieces[-1]
        self._ready = found[size:]
        return found[:size]

    def put_back(self, text: bytes) -> None:
        """Return what was read too far."""
        self._ready = text + self._ready

    def end_with(self, last: bytes) -> None:
        """Append `last` to the text."""
        if self._ended:
            self._ready += last
        self._last = last

    def readable(self) -> bool:
        """Whether it can be read: always."""
        return True

    def close(self) -> None:
        """Close the file."""
        self.closed = True
        self._raw.close()

    def _next(self, size: int) -> bytes:
        try:
            block = self._raw.read(max(size - len(self._tail), 1))
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise DataError(
                "a gzip archive that is cut short or damaged",
                "a complete archive",
                "Export or copy it again.",
            ) from None
        if b"\0" in block:
            raise DataError(
                "binary data, or text in UTF-16", "text in UTF-8 or GB18030", SAVE_AS_UTF8
            )
        if not block:
            self._ended = True
        try:
            text = self._as_utf8(block)
        except _UndecodableError as error:
            raise self._undecodable(error.offset, error.what) from None
        return text if block else text + self._last

    def _as_utf8(self, block: bytes) -> bytes:
        if self._gb18030 is not None:
            return self._from_gb18030(self._gb18030, block)
        whole = self._tail + block if self._tail else block
        if self._offset == 0 and whole.startswith(codecs.BOM_UTF8):
            self._offset, whole = len(codecs.BOM_UTF8), whole[len(codecs.BOM_UTF8) :]
        if whole.isascii():
            self._tail = b""
            self._offset += len(whole)
            return whole
        cut = _whole_characters(whole) if block else len(whole)
        if _is_utf8(whole, cut):
            if self._wide < _SURELY_UTF8:
                self._wide += cut - len(whole[:cut].decode())
            self._tail = whole[cut:]
            self._offset += cut
            return whole[:cut]
        return self._other_encoding(whole)

    def _other_encoding(self, whole: bytes) -> bytes:
        """Take text that is not UTF-8 for GB18030, unless some of it surely was UTF-8."""
        good = _valid_prefix(whole)
        # What was handed out as UTF-8 already cannot become GB18030.
        surely = self._wide > 0 or good - len(whole[:good].decode()) >= _SURELY_UTF8
        if not surely:
            self._gb18030 = codecs.getincrementaldecoder("gb18030")()
            self._tail = b""
            try:
                return self._from_gb18030(self._gb18030, whole)
            except _UndecodableError as error:
                if error.offset > self._offset + good:
                    raise
        than = ", after text that is" if surely else " and no GB18030"
        raise _UndecodableError(self._offset + good, f"that is no UTF-8{than}")

    def _from_gb18030(self, decoder: codecs.IncrementalDecoder, block: bytes) -> bytes:
        held = len(decoder.getstate()[0])
        try:
            text = decoder.decode(block, final=self._ended)
        except UnicodeDecodeError as error:
            raise _UndecodableError(
                self._offset - held + error.start, "that is no GB18030, after text that is"
            ) from None
        utf8 = _UTF8_WORD.search(block)
        if utf8:
            raise _UndecodableError(
                self._offset + utf8.start(), "that is UTF-8, after text in GB18030"
            )
        self._offset += len(block)
        return text.encode()

    def _undecodable(self, offset: int, what: str) -> DataError:
        line = 1
        with _opened(self._file) as again:
            while offset > 0 and (block := again.read(min(offset, _BLOCK))):
                line += block.count(b"\n")
                offset -= len(block)
        return DataError(
            f"a byte in line {line} {what}",
            "text in UTF-8 or GB18030 (GBK)",
            'Save the file again as "CSV UTF-8"; export it anew if it was cut short.',
        )


def _opened(file: Path) -> io.BufferedIOBase:
    return gzip.open(file) if file.suffix.lower() == ".gz" else file.open("rb")


def _whole_characters(block: bytes) -> int:
    """Return the length of a block of UTF-8 without a last character that was cut."""
    for back in range(1, min(4, len(block)) + 1):
        byte = block[-back]
        if byte & 0xC0 != 0x80:
            needs = 1 + (byte >= 0xC0) + (byte >= 0xE0) + (byte >= 0xF0)
            return len(block) - back if needs > back else len(block)
    return len(block)


def _is_utf8(block: bytes, length: int) -> bool:
    # Arrow's check takes a tenth of the time Python needs to decode.
    ends = pa.py_buffer(np.array([0, length], np.int64))
    text = pa.Array.from_buffers(pa.large_string(), 1, [None, ends, pa.py_buffer(block)])
    try:
        text.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _valid_prefix(block: bytes) -> int:
    try:
        return len(block.decode().encode())
    except UnicodeDecodeError as error:
        return error.start
