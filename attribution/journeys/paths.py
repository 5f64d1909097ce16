"""Path counts: text such as "A > B > A" to channel codes, and back."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from attribution import columns
from attribution.errors import ConfigError, DataError, quoted
from attribution.names import RESERVED
from attribution.numerics.sequences import offsets_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

__all__ = ["ParsedPaths", "check_roles", "checked_channels", "join", "parse", "sorted_channels"]

_OTHER_SEPARATORS = ("->", "=>", "→", ">", "＞", "|", "｜", "»", ";", "；", ",", "，", "、")


_ANOTHER = 'write the paths with another separator and pass it, such as sep=" | "'
# What no step of a path may be: a test of (name, separator), and how to say it.
_BAD_STEPS: tuple[tuple[Callable[[str, str], bool], str, str, str], ...] = (
    (
        lambda name, _: not name,
        "an empty step",
        "a channel name in every step",
        "Remove the extra separator or name the missing channel; leave the whole cell empty for "
        f"an order without a touchpoint. If a channel's name holds the separator, {_ANOTHER}.",
    ),
    (
        lambda name, mark: ">" in mark and "<" in name,  # the end of a tag would part the path
        "'<' in a name",
        "channel names that do not hold the separator",
        f"{_ANOTHER[0].upper()}{_ANOTHER[1:]}.",
    ),
    (
        lambda name, _: name in RESERVED,
        "a channel named like a row of the results",
        "channel names other than " + " and ".join(RESERVED),
        "Rename that channel: these rows stand for orders without a channel.",
    ),
)


class ParsedPaths(NamedTuple):
    """Channel names in sorted order, and each path's codes."""

    channels: tuple[str, ...]
    offsets: NDArray[np.int64]
    codes: NDArray[np.int32]


def parse(frame: Any, column: str, sep: str) -> ParsedPaths:
    """Split a column of paths; blanks around names do not count, an empty path has no step.

    Raises
    ------
    DataError
        For an empty step, a reserved channel name, or a separator that is not the file's.
    """
    mark = sep.strip() or sep
    if not mark:
        raise ConfigError("sep is empty. Give the text that stands between two channels.")
    paths = pc.fill_null(columns.text(frame, column), "")
    empty = pc.equal(pc.utf8_trim_whitespace(paths), "").to_numpy(zero_copy_only=False)
    steps = pc.split_pattern(paths, mark)
    lengths = pc.list_value_length(steps).to_numpy(zero_copy_only=False).astype(np.int64)
    _check_separator(paths, lengths, mark, column)
    encoded = steps.flatten().dictionary_encode()
    raw = encoded.indices.to_numpy(zero_copy_only=False)
    found = [name.strip() for name in encoded.dictionary.to_pylist()]
    if empty.any():
        raw = raw[~np.repeat(empty, lengths)]
        lengths = np.where(empty, 0, lengths)
    offsets = offsets_of(lengths)
    used = np.zeros(len(found), bool)
    used[raw] = True
    for bad, what, expected, remedy in _BAD_STEPS:
        named = np.array([bad(name, mark) for name in found], bool)
        if (named & used).any():
            _refuse_steps(paths, offsets, named[raw], column, what, expected, remedy)
    channels, recode = sorted_channels([n if u else "" for n, u in zip(found, used, strict=True)])
    return ParsedPaths(channels, offsets, recode[raw])


def sorted_channels(found: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
    """Return the distinct non-empty names in sorted order, and the new code of each given name."""
    channels = checked_channels(tuple(sorted({name for name in found if name})))
    code = {name: position for position, name in enumerate(channels)}
    return channels, np.array([code.get(name, -1) for name in found], dtype=np.int32)


def checked_channels(channels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names if none is reserved for a row of the results."""
    for name in channels:
        if name in RESERVED:
            raise DataError(
                f"a channel named {name!r}",
                "channel names other than " + " and ".join(RESERVED),
                "Rename that channel: these rows stand for orders without a channel.",
            )
    return channels


def join(
    channels: tuple[str, ...], offsets: NDArray[np.int64], codes: NDArray[np.integer], sep: str
) -> pa.Array:
    """Return each path as text, with the separator between names."""
    mark = sep.strip() or sep
    for name in channels:
        if mark in name:
            raise DataError(
                f"a channel named {quoted(name)}, which holds the separator {mark!r}",
                "a separator that no channel name holds",
                'Pass another one, such as sep=" | ".',
            )
    names = pa.DictionaryArray.from_arrays(
        pa.array(codes, pa.int32()), pa.array(channels, pa.string())
    ).dictionary_decode()
    return pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), names), sep)


def _check_separator(paths: pa.Array, lengths: NDArray[np.int64], mark: str, column: str) -> None:
    """Refuse a separator that splits nothing while another known one would, or half of one."""
    if (lengths > 1).any():
        holding = [s for s in _OTHER_SEPARATORS if len(s) > len(mark) and mark in s]
        counts = {s: pc.sum(pc.count_substring(paths, s)).as_py() or 0 for s in holding}
        longer = max(counts, key=lambda s: counts[s], default=mark)
        whole = counts.get(longer, 0)
        if whole < (lengths - 1).sum():
            return
    else:
        counts = {
            s: pc.sum(pc.match_substring(paths, s)).as_py() or 0
            for s in _OTHER_SEPARATORS
            if s != mark
        }
        longer = max(counts, key=lambda s: counts[s])
        whole = counts[longer]
        if whole < max(2, 0.2 * len(paths)):
            return
    row = int(np.flatnonzero(pc.match_substring(paths, longer).to_numpy(zero_copy_only=False))[0])
    raise DataError(
        f"{quoted(paths[row].as_py())}, with {longer!r} between names in {whole} places",
        f"channel names separated by {mark!r}",
        f'If {longer!r} separates the channels, pass sep="{longer}"; '
        "if it belongs to the names, rename them.",
        row=row + 1,
        column=column,
    )


def _refuse_steps(
    paths: pa.Array,
    offsets: NDArray[np.int64],
    bad: NDArray[np.bool_],
    column: str,
    found: str,
    expected: str,
    remedy: str,
) -> None:
    """Refuse the first path that holds a bad step, if there is one."""
    steps = np.flatnonzero(bad)
    if len(steps):
        row = int(np.searchsorted(offsets, steps[0], side="right")) - 1
        raise DataError(
            f"{quoted(paths[row].as_py())}, with {found}",
            expected,
            remedy,
            row=row + 1,
            column=column,
        )


def check_roles(
    names: Sequence[str], path: str, conversions: str, value: str | None, nulls: str | None
) -> None:
    """Refuse one column in two roles, and say how to do without an optional one."""
    given = [name for name in (path, conversions, value, nulls) if name is not None]
    twice = [name for name in given if given.count(name) > 1]
    if twice:
        raise DataError(
            f"column {twice[0]!r} named for two things",
            "a column of its own for each",
            "Name another column, or pass value=None or nulls=None if there is none.",
        )
    for role, setting, name in (("value", "path_value", value), ("nulls", "nulls", nulls)):
        if name is not None and name not in names and conversions in names:
            unused = [other for other in names if other not in given]
            near = get_close_matches(name, unused, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            raise DataError(
                f"no column {name!r} among {quoted(list(names))}",
                f"the column of {role}",
                f"{hint}Name it with {role}=..., or pass {role}=None if there is none "
                f"(in a report: --set {setting}=).",
            )
