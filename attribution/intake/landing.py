"""A landing folder: where pushed events wait for ingest, as JSON lines in files that never change.

Records are collected in a hidden file of their minute. When the minute is over, the file gets its
visible name by one rename. So whoever lists the folder sees whole files only. See docs/landing.md.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attribution.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["PERSONAL", "append", "is_landing", "publish"]

# Fields that say who somebody is, or that he wrote himself. They never reach the disk.
PERSONAL = frozenset(
    {
        "address",
        "avatar",
        "avatar_url",
        "avatarurl",
        "content",
        "email",
        "mobile",
        "nick_name",
        "nickname",
        "phone",
        "real_name",
        "realname",
        "tel",
        "user_name",
        "username",
    }
)

_OPEN = ".open"
_PART = re.compile(r"(?P<minute>\d{8}T\d{4})-(?P<worker>[0-9a-f]+-\d+)\.part")
# Another worker's file is taken over only when no request it could still serve is that old.
_ABANDONED_S = 300.0
_WORKER = secrets.token_hex(4)
_LOCK = threading.Lock()


def append(
    folder: Path,
    records: Iterable[Mapping[str, Any]],
    clock: Callable[[], float] = time.time,
) -> None:
    """Add records to a landing folder, without the fields named in `PERSONAL`.

    When this returns, the records outlive the process. They become visible when their minute is
    over and `append` or `publish` is called again. Threads and processes may call it at once.

    Parameters
    ----------
    folder
        Made if it does not exist.
    records
        Such as `{"header": {...}, "body": ...}`; written in this order, all or none.
    clock
        Gives the time in epoch seconds.

    Raises
    ------
    DataError
        If a record cannot be written as JSON, or the disk does not take it.
    """
    try:
        lines = [
            json.dumps(_plain(record), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            for record in records
        ]
        data = "".join(f"{line}\n" for line in lines).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(
            f"a record that is no JSON ({type(error).__name__})",
            "objects, lists, text, finite numbers, true, false and null",
            "Correct the record, or leave the field out.",
            source=folder.name,
        ) from None
    with _LOCK:
        # The minute is read under the lock: no record enters a file that is being published.
        now = clock()
        _publish(folder, now)
        if data:
            _write(folder / _OPEN / f"{_minute(now)}-{_worker()}.part", data)


def is_landing(folder: Path) -> bool:
    """Whether a receiver has written into a folder."""
    return (folder / _OPEN).is_dir()


def publish(folder: Path, clock: Callable[[], float] = time.time) -> None:
    """Give the files of past minutes their visible names.

    A worker publishes its own; what a worker that was killed has left is published after five
    minutes by any other, so call this before a landing folder is read.

    Raises
    ------
    DataError
        If the folder does not allow it.
    """
    with _LOCK:
        _publish(folder, clock())


def _publish(folder: Path, now: float) -> None:
    try:
        for part in sorted((folder / _OPEN).glob("*.part")):
            named = _PART.fullmatch(part.name)
            if named is None:
                continue
            age = 0.0 if named["worker"] == _worker() else _ABANDONED_S
            if named["minute"] < _minute(now - age):
                _show(part, folder / f"{named['minute']}-{named['worker']}.jsonl")
    except OSError as error:
        raise _refused(folder, error) from None


def _show(part: Path, visible: Path) -> None:
    """Rename a finished file; where a clock went back, under a name that is not taken."""
    for number in range(1, 1_000_000):
        if not visible.exists():
            break
        visible = visible.with_name(f"{part.stem}-{number}.jsonl")
    with suppress(FileNotFoundError):  # another worker was quicker
        with part.open("rb") as opened:
            os.fsync(opened.fileno())
        part.rename(visible)


def _write(part: Path, data: bytes) -> None:
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("ab", buffering=0) as opened:
            start, done = opened.seek(0, os.SEEK_END), 0
            try:
                while done < len(data):
                    done += opened.write(data[done:])
            except OSError:
                opened.truncate(start)  # all or none
                raise
    except OSError as error:
        raise _refused(part.parent.parent, error) from None


def _refused(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"a folder that takes no file ({error.strerror})",
        "a landing folder with room in it",
        "Free some space, and check that you may write there.",
        source=folder.name,
    )


def _worker() -> str:
    return f"{_WORKER}-{os.getpid()}"


def _minute(at: float) -> str:
    return time.strftime("%Y%m%dT%H%M", time.gmtime(at))


def _plain(value: Any) -> Any:
    """Return a value without its personal fields, at every depth."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if str(k).casefold() not in PERSONAL}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
