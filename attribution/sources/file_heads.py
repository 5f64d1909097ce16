"""The first bytes of a file: whether it is there, holds anything, and is what its name says."""

from __future__ import annotations

import codecs
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING

from attribution.errors import DataError, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = [
    "SAVE_AS_UTF8",
    "head_of",
    "refuse_doubled",
    "refuse_other_kinds",
    "unreadable_as_data_error",
]

SAVE_AS_UTF8 = 'Save it as "CSV UTF-8" (Excel: Save as, CSV UTF-8).'
_MAGIC = (
    (
        b"PK\x03\x04",
        "an Excel workbook or a zip archive",
        "If it is a workbook, give the file the ending .xlsx; otherwise unpack it first.",
    ),
    (
        b"\xd0\xcf\x11\xe0",
        "an old (.xls) or password-protected Excel workbook",
        "Open it in Excel and save it as .xlsx without a password.",
    ),
    (b"PAR1", "a Parquet file", "Give the file the ending .parquet."),
    (b"\x1f\x8b", "a gzip archive", "Unpack it first."),
    (b"\xff\xfe", "text in UTF-16", SAVE_AS_UTF8),
    (b"\xfe\xff", "text in UTF-16", SAVE_AS_UTF8),
)


def head_of(file: Path, ending: str, known: Sequence[str]) -> bytes:
    """Return the first bytes of a file that exists, is not empty, and has a known ending.

    Raises
    ------
    DataError
        If it does not, with the remedy.
    """
    if file.is_dir():
        raise DataError("a directory", "a file", "Name the file inside it.")
    if not file.exists():
        siblings = [each.name for each in file.parent.iterdir()] if file.parent.is_dir() else []
        near = get_close_matches(file.name, siblings, n=1, cutoff=0.6)
        raise DataError(
            "no such file",
            "a file to read",
            f"Did you mean {near[0]!r}?" if near else "Check the path.",
        )
    if ending not in known:
        raise DataError(
            f"the ending {ending!r}" if ending else "a name without an ending",
            f"one of {', '.join(known)}",
            "Save it as .xlsx."
            if ending == ".xls"
            else "Give the file the ending of its kind, or save it as one of these.",
        )
    with file.open("rb") as opened:
        head = opened.read(1 << 16)
    if not head.strip(codecs.BOM_UTF8 + b" \t\r\n"):
        raise DataError("an empty file", "a header and rows", "Check that the export finished.")
    return head


def refuse_other_kinds(head: bytes, kind: str) -> None:
    """Refuse a file whose first bytes are those of another kind than its name says.

    Raises
    ------
    DataError
        Naming what it is and what to do.
    """
    for magic, found, remedy in _MAGIC:
        if head.startswith(magic):
            raise DataError(found, kind, remedy)


def refuse_doubled(names: Sequence[str], remedy: str) -> None:
    """Refuse columns of one name; those without a name do not count.

    Raises
    ------
    DataError
        Naming the first that stands twice.
    """
    for name in names:
        if name and names.count(name) > 1:
            raise DataError(
                f"{names.count(name)} columns named {quoted(name)}",
                "a name of its own for every column",
                remedy,
            )


@contextmanager
def unreadable_as_data_error(source: str) -> Iterator[None]:
    """Name the file in every DataError, and turn what the system refuses into one."""
    try:
        yield
    except DataError as error:
        raise error.at(source) from None
    except OSError as error:
        raise DataError(
            f"a file that cannot be read ({error.strerror or type(error).__name__})",
            "a readable file",
            "Close it in other programs and check that you may read it.",
            source=source,
        ) from None
