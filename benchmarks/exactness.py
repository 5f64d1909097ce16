"""How far the models are from other ways to compute the same numbers."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

import attribution

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    State = tuple[str, ...]

COUNTS = ["total_conversions", "total_conversion_value", "total_null"]

# Eight systems give this fixture's A between 0 % and 39 %; the exact absorbing chain gives 36.15 %.
FIXTURE = pd.DataFrame(
    [("A > A > B", 3, 5), ("A > B", 2, 3), ("B", 4, 10), ("B > A > B > A", 1, 6), ("C", 0, 7)],
    columns=["path", "total_conversions", "total_null"],
)


def fixture_share() -> float:
    """Return A's share of credit in the fixture under Markov(1)."""
    journeys = attribution.Journeys.from_paths(FIXTURE, value=None)
    credit = attribution.attribute(journeys, attribution.Markov(order=1))
    return float(credit.frame().set_index("channel")["share"]["A"])


def markov_error(paths: pd.DataFrame, order: int, oracle: Path | None = None) -> float:
    """Return the largest error of removal effects, conversions and value, absolute.

    They are compared with a chain counted path by path and solved anew without each channel, and
    with a file of known effects if there is one.
    """
    journeys = attribution.Journeys.from_paths(paths)
    credit = attribution.attribute(journeys, attribution.Markov(order=order))
    found = credit.removal_effects
    assert found is not None
    found = found[["conversions", "value"]]
    known = [removal_effects(paths, order)]
    if oracle is not None:
        columns = [f"m{order}_re_conv", f"m{order}_re_val"]
        known.append(pd.read_csv(oracle).set_index("channel")[columns])
    return max(_apart(found, each) for each in known)


def removal_effects(paths: pd.DataFrame, order: int) -> pd.DataFrame:
    """Delete each channel's states in turn and solve what is left of the chain."""
    begins, moves, ends = _chain(paths, order)
    place = {state: i for i, state in enumerate(ends)}
    start, reward = np.zeros(len(place)), np.zeros((len(place), 2))
    q, visits = np.zeros((len(place), len(place))), np.zeros(len(place))
    for state, count in begins.items():
        start[place[state]] = count
    for state, (null, conversions, value) in ends.items():
        reward[place[state]] = conversions, value
        visits[place[state]] += null + conversions
    for (source, target), count in moves.items():
        q[place[source], place[target]] = count
        visits[place[source]] += count
    q, reward = q / visits[:, None], reward / visits[:, None]

    def worth(kept: NDArray[np.bool_]) -> NDArray[np.float64]:
        inner = np.eye(kept.sum()) - q[np.ix_(kept, kept)]
        return np.asarray(start[kept] @ np.linalg.solve(inner, reward[kept]))

    whole = worth(np.ones(len(place), bool))
    channels = sorted({channel for state in place for channel in state})
    left = [worth(np.array([channel not in state for state in place])) for channel in channels]
    return pd.DataFrame(1.0 - np.array(left) / whole, index=channels)


def _chain(
    paths: pd.DataFrame, order: int
) -> tuple[dict[State, float], dict[tuple[State, State], float], dict[State, NDArray[np.float64]]]:
    """Count where journeys begin, how they move between runs of channels, and how they end."""
    begins: dict[State, float] = defaultdict(float)
    moves: dict[tuple[State, State], float] = defaultdict(float)
    ends: dict[State, NDArray[np.float64]] = defaultdict(lambda: np.zeros(3))
    for path, conversions, value, null in paths[["path", *COUNTS]].itertuples(index=False):
        steps = path.split(" > ")
        runs = max(len(steps) - order + 1, 1)
        states = [tuple(steps[i : i + order]) for i in range(runs)]
        begins[states[0]] += conversions + null
        for pair in pairwise(states):
            moves[pair] += conversions + null
            ends[pair[0]] += 0.0
        ends[states[-1]] += (null, conversions, value)
    return begins, moves, ends


def shapley_rate_error(paths: pd.DataFrame) -> float:
    """Return the largest error of Shapley("rate") against shapiq's exact computer, relative."""
    from shapiq import ExactComputer

    found, channels, sets = _credit_and_sets(paths, "rate")
    counts = paths[COUNTS].to_numpy(float)
    inside = np.array([[channel in members for channel in channels] for members in sets])
    journeys = counts[:, 0] + counts[:, 2]
    expected = np.empty((len(channels), 2))
    for measure in (0, 1):

        def worth(coalitions: NDArray[np.bool_], gained: NDArray[np.float64]) -> object:
            fits = [~(inside & ~coalition).any(axis=1) for coalition in coalitions]
            return np.array([gained[f].sum() / max(journeys[f].sum(), 1.0) for f in fits])

        gained = counts[:, measure]
        game = ExactComputer(lambda c, gained=gained: worth(c, gained), n_players=len(channels))
        values = game("SV")
        expected[:, measure] = [values[(player,)] for player in range(len(channels))]
    return _relative(found, expected * journeys.sum())


def equal_split_error(paths: pd.DataFrame) -> float:
    """Return the largest error of Shapley("conversions") against an equal split, relative."""
    found, channels, sets = _credit_and_sets(paths, "conversions")
    place = {channel: i for i, channel in enumerate(channels)}
    expected = np.zeros((len(channels), 2))
    for members, counts in zip(sets, paths[COUNTS[:2]].to_numpy(float), strict=True):
        for channel in members:
            expected[place[channel]] += counts / len(members)
    return _relative(found, expected)


def _credit_and_sets(
    paths: pd.DataFrame, worth: str
) -> tuple[NDArray[np.float64], Sequence[str], list[set[str]]]:
    journeys = attribution.Journeys.from_paths(paths)
    credit = attribution.attribute(journeys, attribution.Shapley(worth=worth))  # type: ignore[arg-type]
    frame = credit.frame().set_index("channel")[["conversions", "value"]]
    sets = [set(path.split(" > ")) for path in paths["path"]]
    return frame.to_numpy(), list(frame.index), sets


def _apart(one: pd.DataFrame, other: pd.DataFrame) -> float:
    assert set(one.index) == set(other.index)
    return float(np.abs(one.loc[other.index].to_numpy() - other.to_numpy()).max())


def _relative(found: NDArray[np.float64], expected: NDArray[np.float64]) -> float:
    return float((np.abs(found - expected).max(axis=0) / expected.sum(axis=0)).max())
