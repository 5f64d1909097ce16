"""What MAM and do-attribution call a Shapley value: games over sets met exactly as they stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attribution.credit import Credit
from attribution.errors import ModelError
from attribution.models.peers.chains import signed_shares
from attribution.models.peers.paths import PathModel, shared
from attribution.numerics import sequences
from attribution.tally import Tally, tally_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.journeys import Journeys

__all__ = ["ExactSetShapley", "LocalShapley"]

_LARGEST = 12
_BLOCK = 24_000_000


@dataclass(frozen=True)
class LocalShapley(PathModel):
    """One small game per set of channels, worth the conversion rate of exactly that set (MAM).

    A journey's set is its distinct channels, cut to the last `max_size` of them in the alphabet
    (not in time). v(S) is conversions / journeys of the set S; sets never seen to convert are
    worth nothing. Each set's conversions and money are shared by the Shapley value of the game
    among its own members, so credit can be negative. Money of a set without conversions is lost.
    """

    max_size: int = 4

    def __post_init__(self) -> None:
        if not 1 <= self.max_size <= _LARGEST:
            raise ModelError(
                f"LocalShapley(max_size={self.max_size!r}): between 1 and {_LARGEST}; a set of n "
                "channels has 2^n coalitions."
            )

    def solve(self, paths: Journeys) -> Credit:
        """Return every set's amounts, shared by its own game."""
        sets = _sets(paths, self.max_size)
        bought = sets.column("conversions")
        journeys = bought + sets.column("null")
        worth = np.divide(bought, journeys, out=np.zeros(len(sets)), where=bought > 0)
        amounts = np.zeros((len(paths.channels), len(paths.measures)))
        for size in range(1, self.max_size + 1):
            rows = np.flatnonzero((sets.lengths == size) & (bought > 0))
            step = max(1, _BLOCK // (size << size))
            for low in range(0, len(rows), step):
                chosen = rows[low : low + step]
                members = sets.codes[sets.offsets[chosen][:, None] + np.arange(size)]
                share = _own_game(sets, worth, members) / worth[chosen][:, None]
                given = share[:, :, None] * sets.measured[chosen][:, None, :]
                amounts += sequences.sum_by(
                    members.ravel(), given.reshape(-1, amounts.shape[1]), len(amounts)
                )
        return Credit(paths.channels, paths.measures, amounts, sets.unattributed)


@dataclass(frozen=True)
class ExactSetShapley(PathModel):
    """One game of all channels, worth the conversions of exactly the coalition (do-attribution).

    Its values sum to the conversions of journeys that met every channel, often to none; `credit`
    raises ModelError where the package refuses to make shares of them. The package knows no
    money: it is shared like conversions.

    Notes
    -----
    v is zero but for the sets seen, so Shapley's formula is a sum over these: with n players, a
    set S gives (s - 1)! (n - s)! / n! of its worth to each member, and takes s! (n - s - 1)! / n!
    from each of the others. No coalition need be enumerated.
    """

    def solve(self, paths: Journeys) -> Credit:
        """Return the attributed totals by the shares of the Shapley values."""
        sets = _sets(paths, None)
        bought, lengths = sets.column("conversions"), sets.lengths
        players = np.unique(sets.codes)
        n = len(players)
        known = lengths > 0
        size = lengths[known]
        joining, staying = (bought[known] * _weights(n)[place] for place in (size - 1, size))
        values = np.zeros(len(sets.channels))
        values[players] = -staying.sum()
        values += np.bincount(
            sets.codes, weights=np.repeat(joining + staying, size), minlength=len(values)
        )
        weight = signed_shares(values, sets.channels, "Shapley (do-attribution 0.0.2)")
        return shared(
            sets.channels,
            sets.measures,
            weight,
            sets.measured[known].sum(axis=0),
            sets.unattributed,
        )


def _sets(paths: Journeys, most: int | None) -> Tally:
    """Return the sums of every set of channels, cut to its last `most` in the alphabet."""
    first = np.flatnonzero(paths.distinct)
    rows, codes = paths.rows[first], paths.codes[first]
    order = np.lexsort((codes, rows))
    rows, codes = rows[order], codes[order]
    if most is not None:
        offsets = sequences.offsets_of(np.bincount(rows, minlength=len(paths)))
        keep = offsets[1:][rows] - np.arange(len(rows)) <= most
        rows, codes = rows[keep], codes[keep]
    return tally_rows(
        paths.channels,
        ("null", *paths.measures),
        paths.measures,
        sequences.offsets_of(np.bincount(rows, minlength=len(paths))),
        codes,
        np.column_stack([paths.weighted_nulls(), paths.amounts()]),
    )


def _own_game(
    sets: Tally, worth: NDArray[np.float64], members: NDArray[np.int32]
) -> NDArray[np.float64]:
    """Return (s, n) the Shapley values of each set's game among its n members."""
    count, n = members.shape
    bits = (np.arange(1 << n)[:, None] >> np.arange(n)) & 1 == 1
    wide = (count, 1 << n, n)
    inside = np.broadcast_to(members[:, None, :], wide)[np.broadcast_to(bits, wide)]
    lengths = np.concatenate([sets.lengths, np.tile(bits.sum(axis=1), count)])
    # One grouping finds each coalition among the sets seen; those not among them are worth 0.
    first, group = sequences.group(
        sequences.offsets_of(lengths), np.concatenate([sets.codes, inside])
    )
    known = np.zeros(len(first))
    known[group[: len(sets)]] = np.where(sets.lengths > 0, worth, 0.0)
    game = known[group[len(sets) :]].reshape(count, 1 << n)
    size = bits.sum(axis=1)[:, None]
    return np.asarray(game @ np.where(bits, _weights(n)[size - 1], -_weights(n)[size]))


def _weights(n: int) -> NDArray[np.float64]:
    """Return s! (n - s - 1)! / n! for s = 0 ... n - 1, and 0 for s = n."""
    s = np.arange(1, n)
    return np.append(np.cumprod(np.append(1.0 / max(n, 1), s / (n - s))), 0.0)
