"""A user's own rule: touchpoint weights from a function, or declared in TOML with no code."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.columns import duration_ms
from attribution.errors import DataError, MissingAges, ModelError, quoted
from attribution.model import label
from attribution.models.heuristic import TouchpointModel, decay_weights
from attribution.models.rule_file import FromEnd, Shares, Terms, read_terms
from attribution.numerics import sequences

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from attribution.journeys import Journeys

__all__ = ["DeclaredWeights", "FromEnd", "Rule", "Shares", "Terms", "deciding", "read_rule"]

_EVENT = "event"
_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Rule(TouchpointModel):
    """Credit by a rule of one's own: a function from journeys to touchpoint weights.

    Parameters
    ----------
    weigh
        Takes Journeys and returns (T,) numbers of 0 or more, one per touchpoint. They need not
        add up to one; a journey whose weights are all 0 is left unattributed.
    name
        What tables and charts call the rule; the function's name if not given.

    Examples
    --------
    >>> def clicks_only(journeys):
    ...     return journeys.touch["event"] == "click"
    >>> rule = Rule(clicks_only, name="clicks only")

    The same without code, in a file read by `Rule.from_toml` (every term is optional)::

        name = "live first"          # the file's name, if left out
        half_life = "7D"             # weights fall by half in this time
        ignore = ["direct", "搜索*"]  # do not count unless nothing else is left
        priority = ["广告*", ["社群*", "短视频*"]]  # only the highest tier present counts

        [lookback]                   # or lookback = "30D" for every channel
        "抖音*" = "7D"
        "*" = "30D"

        [position]                   # or from_end = [0.5, 0.3, 0.2] and rest = 0
        first = 0.4
        middle = 0.2                 # divided between the touchpoints in the middle
        last = 0.4
        only = 1

        [channel]
        "抖音*" = 2
        "抖音·品牌自播" = 1.5

        [event]                      # needs columns=["event"] in Journeys.from_touchpoints
        click = 1
        exposure = 0.2
    """

    weigh: Callable[[Journeys], NDArray[np.float64]]
    name: str = ""

    def __post_init__(self) -> None:
        if not callable(self.weigh):
            raise ModelError(
                f"Rule(weigh={quoted(self.weigh)}): found {type(self.weigh).__name__}, expected a "
                "function from journeys to touchpoint weights. "
                "Read a rule from a file with Rule.from_toml(path)."
            )
        if not self.name:
            own = getattr(self.weigh, "__name__", type(self.weigh).__name__)
            object.__setattr__(self, "name", own if own.isidentifier() else "Rule")

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> Rule:
        """Read a rule declared in TOML; see `DeclaredWeights` for what its terms mean.

        Raises
        ------
        ConfigError
            Naming file, line, what was found, what was expected, and the remedy.
        """
        name, terms = read_terms(path)
        return cls(DeclaredWeights(terms), name)

    def weights(self, journeys: Journeys) -> NDArray[np.float64]:
        """Return the rule's weight of each touchpoint."""
        try:
            given = self.weigh(journeys)
        except MissingAges:
            raise MissingAges(label(self)) from None
        try:
            weights = np.asarray(given, dtype=float)
        except (TypeError, ValueError) as error:
            raise ModelError(
                f"{label(self)} gave {type(given).__name__}, expected (T,) numbers. "
                "Return one number per touchpoint."
            ) from error
        expected = f"expected one number of 0 or more for each of {len(journeys.codes)} touchpoints"
        if weights.shape != journeys.codes.shape:
            raise ModelError(
                f"{label(self)} gave weights of shape {weights.shape}, {expected}. "
                "Return an array as long as journeys.codes."
            )
        bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
        if len(bad):
            where = int(bad[0])
            raise ModelError(
                f"{label(self)} gave the weight {weights[where]} to touchpoint {where} "
                f"(channel {quoted(journeys.channels[journeys.codes[where]])}), {expected}. "
                "Return 0 for a touchpoint that earns nothing."
            )
        return weights


def read_rule(path: str | os.PathLike[str]) -> Rule:
    """Read a rule declared in TOML; the same as `Rule.from_toml`."""
    return Rule.from_toml(path)


@dataclass(frozen=True)
class DeclaredWeights:
    """The function from journeys to weights that a rule's terms declare.

    First it is settled which touchpoints count, each step choosing among those that are left:

    1. not those older than their channel's lookback (an age equal to it counts), nor those whose
       channel or type weighs 0;
    2. not those of an ignored channel, unless the journey has no others;
    3. only those of the highest tier of the priority that the journey has. Channels of no tier
       stand below the last one.

    Steps 2 and 3 therefore never leave a journey without a touchpoint. Positions are then counted
    among those that count (so that `last = 1` with an ignored channel is the last of the others),
    and the weights of position, channel, type and age are multiplied. A journey in which nothing
    counts is left unattributed.

    A pattern is a name in which `*` stands for any text and `?` for any one character; all else,
    brackets included, stands for itself, and case matters. Where several match, the exact name
    decides, then the pattern with most characters that are not wildcards, then the first written.
    What no pattern matches weighs 1 and has no lookback.
    """

    terms: Terms

    def __call__(self, journeys: Journeys) -> NDArray[np.float64]:
        """Return (T,) the weight of each touchpoint.

        Raises
        ------
        MissingAges
            If the terms hold a lookback or a half-life and the journeys carry no times.
        DataError
            If they weigh types and the journeys do not carry the column `event`.
        """
        terms = self.terms
        ages = journeys.ages
        if ages is None and (terms.lookback or terms.half_life is not None):
            raise MissingAges("A rule with a lookback or a half-life")
        weights = _by_pattern(terms.channel, journeys.channels)[journeys.codes]
        if terms.event:
            weights = weights * _by_type(terms.event, journeys)
        counts = weights > 0
        if terms.lookback and ages is not None:
            counts &= ages <= _lookbacks(terms.lookback, journeys.channels)[journeys.codes]
        counts = _narrowed(journeys, counts, terms)
        if terms.position is not None:
            weights[counts] *= _by_position(terms.position, journeys.rows[counts], len(journeys))
        weights[~counts] = 0.0
        if terms.half_life is not None and ages is not None:
            # Ages are taken from the youngest touchpoint that has weight: none underflows.
            aged = np.where(weights > 0, ages, _NEVER)
            weights = weights * decay_weights(
                journeys, aged, duration_ms(terms.half_life, "half_life", least=1)
            )
        return weights

    def unmatched(self, journeys: Journeys) -> list[str]:
        """Return the channel patterns that match none of the journeys' channels."""
        terms = self.terms
        patterns = dict.fromkeys(
            [
                *(pattern for pattern, _ in terms.channel),
                *(pattern for pattern, _ in terms.lookback),
                *terms.ignore,
                *(pattern for tier in terms.priority for pattern in tier),
            ]
        )
        return [p for p in patterns if (deciding([p], journeys.channels) < 0).all()]


def deciding(patterns: Sequence[str], names: Iterable[str]) -> NDArray[np.int64]:
    """Return, for each name, which of the patterns decides on it; -1 where none matches."""
    exact: dict[str, int] = {}
    for i, pattern in enumerate(patterns):
        exact.setdefault(pattern, i)
    order = sorted(range(len(patterns)), key=lambda i: -len(re.sub(r"[*?]", "", patterns[i])))
    regexes = [(i, _regex(patterns[i])) for i in order]
    return np.array(
        [
            exact[name]
            if name in exact
            else next((i for i, regex in regexes if regex.fullmatch(name)), -1)
            for name in names
        ],
        dtype=np.int64,
    )


def _regex(pattern: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(c, re.escape(c)) for c in pattern), re.DOTALL)


def _by_pattern(weights: Sequence[tuple[str, float]], names: Sequence[str]) -> NDArray[np.float64]:
    """Return the weight of each name, 1 where no pattern matches."""
    table = np.array([*(weight for _, weight in weights), 1.0])
    return np.asarray(table[deciding([pattern for pattern, _ in weights], names)])


def _by_type(weights: Sequence[tuple[str, float]], journeys: Journeys) -> NDArray[np.float64]:
    """Return (T,) the weight of each touchpoint's type; a missing type is the empty name."""
    if _EVENT not in journeys.touch:
        carried = ", ".join(map(repr, journeys.touch)) or "none"
        raise DataError(
            f"no touchpoint column {_EVENT!r} (carried: {carried})",
            "the type of each touchpoint, because the rule has a table [event]",
            f'Carry it with Journeys.from_touchpoints(..., columns=["{_EVENT}"]), or remove '
            "[event] from the rule; path counts hold no types.",
        )
    codes, found = pd.factorize(np.asarray(journeys.touch[_EVENT], dtype=object))
    names = [*map(str, found), ""]
    return np.asarray(_by_pattern(weights, names)[codes])  # code -1, a missing type, is the last


def _lookbacks(lookback: Sequence[tuple[str, str]], channels: Sequence[str]) -> NDArray[np.int64]:
    limits = [duration_ms(duration, "lookback", least=1) for _, duration in lookback]
    table = np.array([*limits, _NEVER], dtype=np.int64)
    return np.asarray(table[deciding([pattern for pattern, _ in lookback], channels)])


def _narrowed(journeys: Journeys, counts: NDArray[np.bool_], terms: Terms) -> NDArray[np.bool_]:
    """Return which touchpoints still count: of each journey, those of the best rank it has."""
    ranks = []
    if terms.ignore:
        ranks.append((deciding(terms.ignore, journeys.channels) >= 0).astype(np.int64))
    if terms.priority:
        tiers = [tier for tier, patterns in enumerate(terms.priority) for _ in patterns]
        table = np.array([*tiers, len(terms.priority)])
        patterns = [pattern for tier in terms.priority for pattern in tier]
        ranks.append(table[deciding(patterns, journeys.channels)])
    for by_channel in ranks:
        rank = by_channel[journeys.codes]
        best = np.full(len(journeys), _NEVER)
        np.minimum.at(best, journeys.rows[counts], rank[counts])
        counts = counts & (rank == best[journeys.rows])
    return counts


def _by_position(
    position: Shares | FromEnd, rows: NDArray[np.int64], journeys: int
) -> NDArray[np.float64]:
    """Return the weight of each of a sorted run of touchpoints, by its place in its journey."""
    lengths = np.bincount(rows, minlength=journeys)
    place, length = sequences.positions(sequences.offsets_of(lengths)), lengths[rows]
    if isinstance(position, FromEnd):
        table = np.array([*position.weights, position.rest])
        return np.asarray(table[np.minimum(length - 1 - place, len(position.weights))])
    weights = position.middle / np.maximum(length - 2, 1)
    weights[place == 0] = position.first
    weights[place == length - 1] = position.last
    weights[length == 1] = position.only
    return np.asarray(weights)
