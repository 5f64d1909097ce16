"""Rows of the page: what was measured, what was found, what was promised."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from benchmarks import measure

if TYPE_CHECKING:
    from pathlib import Path

SLOW = 1  # runs of what takes minutes


class Chosen(NamedTuple):
    """What the command line asks for."""

    repeats: int
    skip_slow: bool
    skip_large: bool
    paths: Path | None
    oracle: Path | None
    write: bool


class Row(NamedTuple):
    """One figure. Without a bar it is told and not judged; without a finding it was left out."""

    what: str
    found: str = ""
    bar: str = ""
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        """Return the row as it is printed."""
        word = {True: "yes", False: "**no**", None: "" if self.found else "not run"}[self.met]
        return (self.what, self.found, self.bar, word)


def error(what: str, found: float, bar: float) -> Row:
    """Return a row for a distance from the truth."""
    return Row(what, f"{found:.1e}", f"≤ {bar:.0e}".replace("e-0", "e-"), found <= bar)


def ratio(what: str, mine: float, theirs: float, bar: float, written: str = "") -> Row:
    """Return a row for our CPU seconds against theirs; the bar is written as given, if given."""
    found = f"{mine / theirs:.3f} ({mine:.2f} s / {theirs:.2f} s)"
    return Row(what, found, f"≤ {written or format(bar, 'g')}", mine / theirs <= bar)


def seconds(what: str, found: float, bar: float | None = None) -> Row:
    """Return a row for seconds, judged if there is a bar."""
    if bar is None:
        return Row(what, f"{found:.2f} s")
    return Row(what, f"{found:.2f} s", f"≤ {bar:g} s", found <= bar)


def memory(what: str, runs: list[measure.Run], bar: float | None = None) -> Row:
    """Return a row for the largest peak memory of some runs, judged if there is a bar."""
    found = measure.peak(runs)
    if bar is None:
        return Row(what, f"{found:.2f} GB")
    return Row(what, f"{found:.2f} GB", f"≤ {bar:g} GB", found <= bar)
