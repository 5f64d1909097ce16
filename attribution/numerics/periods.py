"""Journeys cut into periods of equal length: in what state, with which contacts or with none."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from attribution.numerics import sequences

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

__all__ = ["Periods", "sum_periods"]


class Periods(NamedTuple):
    """Sums over periods, by action (a code; last: none) and state (last: before any contact).

    Attributes
    ----------
    often
        (codes + 1, states + 1) how many periods, weighted by the journeys' trials.
    shares
        (codes + 1, states + 1, r) the journeys' amounts, each divided equally among the actions
        of all its periods.
    """

    often: Floats
    shares: Floats


def sum_periods(
    offsets: Ints,
    codes: NDArray[np.integer],
    ages: Ints,
    trials: Floats,
    amounts: Floats,
    size: tuple[int, int],
    length: int,
) -> Periods:
    """Cut journeys into periods, from the first touchpoint to the close, and sum them up.

    A period's state says how many periods ago the last one with a touchpoint was: 1, 2, 3 to 4,
    5 to 8 ..., doubling, the last state open. Its actions are the distinct codes that touched in
    it; where none did, one action: none.

    Parameters
    ----------
    offsets, codes, ages
        Touchpoints in time order, and their time before the close.
    trials, amounts
        (n,) and (n, r), by journey.
    size
        The numbers of codes and of states.
    length
        Of a period, in the unit of ages.
    """
    symbols, states = size
    some = np.flatnonzero(np.diff(offsets))
    rows = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    longest = np.zeros(len(offsets) - 1, np.int64)
    longest[some] = ages[offsets[:-1][some]]
    when = (longest[rows] - ages) // length

    # A contact is a period with touchpoints.
    fresh = np.append(True, (np.diff(rows) != 0) | (np.diff(when) != 0))[: len(rows)]
    row, at = rows[fresh], when[fresh]
    begins = np.append(True, np.diff(row) != 0)[: len(row)]
    ends = np.append(begins[1:], True)[: len(row)]
    since = at - np.append(0, at[:-1])[: len(at)]
    bounds = np.left_shift(1, np.arange(states - 1))
    state = np.where(begins, states, np.searchsorted(bounds, since))
    pairs = np.sort((np.cumsum(fresh) - 1) * max(1, symbols) + codes)
    pairs = pairs[np.append(True, np.diff(pairs) != 0)[: len(pairs)]]
    contact, action = pairs // max(1, symbols), pairs % max(1, symbols)

    # Periods without a touchpoint that follow a contact, by state.
    until = np.where(ends, longest[row] // length + 1, np.append(at[1:], 0)[: len(at)])
    idle = until - at - 1
    reach = np.minimum(idle[:, None], np.concatenate([[0], bounds, [np.iinfo(np.int64).max]]))
    idle_in = np.diff(reach, axis=1).astype(float)

    players = np.bincount(row, idle, minlength=len(trials))
    players += np.bincount(row[contact], minlength=len(trials))
    share = np.divide(
        amounts, players[:, None], out=np.zeros_like(amounts), where=players[:, None] > 0
    )
    cells = action * (states + 1) + state[contact]
    owner = row[contact]
    column = np.column_stack([trials[owner], share[owner]])
    touched = sequences.sum_by(cells, column, symbols * (states + 1))
    untouched = idle_in.T @ np.column_stack([trials[row], share[row]])
    # Before any contact no period is without one: journeys begin with a touchpoint.
    together = np.vstack([touched, untouched, np.zeros((1, untouched.shape[1]))])
    table = together.reshape(symbols + 1, states + 1, -1)
    return Periods(table[:, :, 0], table[:, :, 1:])
