"""What MAM, mta and do-attribution call a Markov model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from attribution.credit import Credit
from attribution.errors import ModelError
from attribution.journeys import Journeys
from attribution.models.markov import Markov
from attribution.models.peers.paths import PathModel, collapsed, merged, shared
from attribution.numerics import sequences
from attribution.tally import tally_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MoneyMarkov", "ObservedPaths", "Participation", "ResharedMarkov", "signed_shares"]

Strategy = Literal["fail", "fail_refit", "detour"]
_TINY = 1e-12  # do-attribution's tolerance


@dataclass(frozen=True)
class MoneyMarkov(PathModel):
    """The exact chain of buyers, weighted by what is shared out (MAM 1.0).

    Conversions come from `Markov(nulls=False)`; money from the same chain with every journey
    counted by its money instead of its conversions. Money on a row without conversions is lost.
    """

    def solve(self, paths: Journeys) -> Credit:
        """Return the credit of one chain per measure."""
        model, amounts = Markov(nulls=False), paths.amounts()
        found = [
            model.credit(
                model.tally(
                    Journeys(
                        paths.channels,
                        paths.offsets,
                        paths.codes,
                        column,
                        np.zeros(len(paths)),
                        {"value": np.zeros(len(paths))},
                    )
                )
            )
            for column in np.where(paths.conversions[:, None] > 0, amounts, 0.0).T
        ]
        effects = [credit.removals[:, 0] for credit in found if credit.removals is not None]
        return Credit(
            paths.channels,
            paths.measures,
            np.column_stack([credit.amounts[:, 0] for credit in found]),
            np.array([credit.unattributed[0] for credit in found]),
            removals=np.column_stack(effects),
        )


@dataclass(frozen=True)
class ResharedMarkov(PathModel):
    """Exact removal effects, by which every journey is shared over its touchpoints (MAM 2.1).

    Effects come from conversions and nulls and share money too. Repeats count. A journey none of
    whose channels has an effect loses its credit, which can only happen to money without a
    conversion.
    """

    def solve(self, paths: Journeys) -> Credit:
        """Return each journey's amounts over its touchpoints by their removal effects."""
        chain = Markov()
        found = chain.credit(chain.tally(paths))
        given = tally_weights(paths, found.amounts[:, 0][paths.codes])
        unknown = paths.amounts()[paths.lengths == 0].sum(axis=0)
        return Credit(
            paths.channels, paths.measures, given.by_channel(), unknown, removals=found.removals
        )


@dataclass(frozen=True)
class ObservedPaths(PathModel):
    """The chain's probability of the converting paths seen, instead of all it can walk (mta 0.0.9).

    Neighbouring repeats are one touchpoint. The mass of a path is the product of its transition
    probabilities; removal effect = mass of the converting paths that contain the channel / mass
    of all of them. Nulls count. The package knows no money: it is shared like conversions.
    """

    def solve(self, paths: Journeys) -> Credit:
        """Return the attributed totals by the shares of the observed mass."""
        seen = merged(collapsed(paths))
        mass = _path_mass(seen)
        first = np.flatnonzero(seen.distinct)
        met = sequences.sum_by(seen.codes[first], mass[seen.rows[first], None], len(seen.channels))[
            :, 0
        ]
        effect = met / mass.sum() if mass.any() else met
        amounts, known = seen.amounts(), seen.lengths > 0
        return shared(
            seen.channels,
            seen.measures,
            met,
            amounts[known].sum(axis=0),
            amounts[~known].sum(axis=0),
            np.repeat(effect[:, None], amounts.shape[1], axis=1),
        )


def _path_mass(paths: Journeys) -> NDArray[np.float64]:
    """Return (n,) the chain's probability of walking each path and converting; else 0."""
    n, rows, lengths = len(paths.channels), paths.rows, paths.lengths
    converted = paths.amounts()[:, 0]
    weight = converted + paths.weighted_nulls()
    begins = sequences.positions(paths.offsets) == 0
    source = np.where(begins, n, np.roll(paths.codes, 1)).astype(np.int64)
    _, edge = np.unique(source * n + paths.codes, return_inverse=True)
    taken = np.bincount(edge, weights=weight[rows])[edge]
    last = paths.codes[paths.offsets[1:][lengths > 0] - 1]
    # Every visit leaves by one edge, so what comes in is what goes out.
    visits = np.bincount(paths.codes, weights=weight[rows], minlength=n)
    leaving = np.append(visits, weight[lengths > 0].sum())[source]
    buying = np.bincount(last, weights=converted[lengths > 0], minlength=n)
    mass = np.zeros(len(paths))
    with np.errstate(divide="ignore", invalid="ignore"):  # only where nothing converts
        walked = np.bincount(rows, weights=np.log(taken / leaving), minlength=len(paths))
        mass[lengths > 0] = np.exp(walked[lengths > 0]) * (buying / visits)[last]
    return np.where((converted > 0) & (lengths > 0), mass, 0.0)


@dataclass(frozen=True)
class Participation(PathModel):
    """Removal of journeys instead of steps (do-attribution 0.0.2), in closed form.

    A chain fitted by counting converts exactly as often as the journeys did, whatever its order,
    so fitting again after a removal needs no chain. With C conversions in N journeys:

    - "fail": journeys with the channel fail. Effect = their conversions / C.
    - "fail_refit": so they do, and those left without a state (all their states contain the
      channel, N_e of them) are forgotten. Effect = 1 - (C without them / (N - N_e)) / (C / N).
    - "detour": the channel is cut out of its journeys, which keep their outcome; those made of
      nothing else (C_o of N_o) are forgotten. Effect = ((C - C_o) / (N - N_o)) / (C / N) - 1.

    The package knows no money: it is shared like conversions. Where the package gives effects
    but refuses to turn them into shares, `credit` raises ModelError.

    Parameters
    ----------
    strategy
        What becomes of a journey that met the removed channel.
    order
        Touchpoints per state; only "fail_refit" depends on it.
    """

    strategy: Strategy = "fail"
    order: int = 1

    def __post_init__(self) -> None:
        if self.strategy not in get_args(Strategy):
            raise ModelError(
                f"Participation(strategy={self.strategy!r}): write one of "
                f"{', '.join(get_args(Strategy))}."
            )
        if self.order < 1 or int(self.order) != self.order:
            raise ModelError(f"Participation(order={self.order!r}): it must be 1, 2, 3 ...")

    def solve(self, paths: Journeys) -> Credit:
        """Return the attributed totals by the shares of the effects."""
        amounts, known = paths.amounts(), paths.lengths > 0
        effects = self._effects(paths)
        weight = signed_shares(effects, paths.channels, f"{self.strategy} (do-attribution 0.0.2)")
        return shared(
            paths.channels,
            paths.measures,
            weight,
            amounts[known].sum(axis=0),
            amounts[~known].sum(axis=0),
            np.repeat(effects[:, None], amounts.shape[1], axis=1),
        )

    def _effects(self, paths: Journeys) -> NDArray[np.float64]:
        n, known = len(paths.channels), paths.lengths > 0
        sums = np.column_stack([paths.amounts()[:, 0], paths.weighted_nulls()])
        sums[:, 1] += sums[:, 0]
        bought, journeys = sums[known].sum(axis=0)
        first = np.flatnonzero(paths.distinct)
        rows, codes = paths.rows[first], paths.codes[first]
        if not bought:
            return np.zeros(n)
        if self.strategy == "detour":
            alone = np.bincount(rows, minlength=len(paths))[rows] == 1
            gone = sequences.sum_by(codes[alone], sums[rows[alone]], n)
            kept_bought, kept = bought - gone[:, 0], journeys - gone[:, 1]
        else:
            kept_bought = bought - sequences.sum_by(codes, sums[rows], n)[:, 0]
            kept = np.full(n, journeys)
            if self.strategy == "fail_refit":
                kept = journeys - _filled(paths, sums[:, 1], self.order)
        rate = np.divide(kept_bought, kept, out=np.zeros(n), where=kept > 0) / (bought / journeys)
        if self.strategy == "detour":
            effects = np.where(kept > 0, rate - 1.0, 1.0)
        else:
            effects = 1.0 - rate
            effects[(effects < 0) & (effects > -_TINY)] = 0.0
        effects[np.bincount(codes, minlength=n) == 0] = 0.0
        return np.asarray(effects)


def _filled(paths: Journeys, weight: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """Return (channels,) the weight of journeys in which every run of `order` has the channel.

    So it is when the channel is never further than `order` from itself and from both ends.
    """
    n = len(paths.channels)
    pair = paths.rows * n + paths.codes
    at = np.argsort(pair, kind="stable")
    pair, place = pair[at], sequences.positions(paths.offsets)[at]
    begins = np.diff(pair, prepend=-1) != 0
    ends = np.append(begins[1:], True)[: len(begins)]
    gap = place - np.where(begins, -1, np.roll(place, 1))
    gap = np.maximum(gap, np.where(ends, paths.lengths[pair // n] - place, 0))
    pairs = pair[begins]
    widest = np.maximum.reduceat(gap, np.flatnonzero(begins)) if len(gap) else gap
    filled = pairs[widest <= order]
    return np.asarray(np.bincount(filled % n, weights=weight[filled // n], minlength=n), float)


def signed_shares(
    raw: NDArray[np.float64], channels: tuple[str, ...], what: str
) -> NDArray[np.float64]:
    """Return raw / sum, as do-attribution does; raise ModelError where it refuses to."""
    size, total = np.abs(raw).sum(), raw.sum()
    if not size:
        raise ModelError(f"{what} gives no shares here: no channel has any effect.")
    if abs(total) <= _TINY * size:
        raise ModelError(
            f"{what} gives no shares here: the channels' effects cancel out, so that dividing by "
            "their sum means nothing."
        )
    share = raw / total
    if share.min() < -_TINY or share.max() > 1 + _TINY:
        against = channels[int(share.argmin())]
        raise ModelError(
            f"{what} gives no shares here: {against!r} works against the others, so its share "
            "would be negative."
        )
    return np.asarray(np.clip(share, 0.0, 1.0))
