"""Why two models differ: from one to the other, changing one named habit at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from attribution.errors import ConfigError, ModelError, quoted
from attribution.evaluate.habits import Step, climbed, end_of, named_way, spoken, to_own_family
from attribution.model import label
from attribution.names import ORGANIC, UNATTRIBUTED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from attribution.journeys import Journeys
    from attribution.model import Model
    from attribution.tally import Tally

    Floats = NDArray[np.float64]

__all__ = ["difference_steps", "explain_difference"]

NOT_CREDITED = "(not credited)"
_NOTHING = 1e-12  # of all credit: rounding, not a reason


class _Change(NamedTuple):
    """How credit changes by row: channels, organic, unattributed, not credited."""

    reason: str
    by: Floats


def explain_difference(
    a: Model, b: Model, journeys: Journeys, *, measure: str = "conversions"
) -> pd.DataFrame:
    """Say why two models' numbers differ on these journeys.

    The way from `a` to `b` leads over models that differ by one habit each: what counts, where a
    walk ends, what a removal does. Where no such way is known, as between a rule and a chain, the
    difference is split by journeys instead: those with one touchpoint (on which all models that
    share out what they see agree), with two, with more, with repeats, and last those that did not
    convert. Each of those rows says what changes as these journeys join the ones above. A habit
    that moves nothing on these journeys is left out.

    Parameters
    ----------
    a, b
        Two models; from a profile, this package's or your own.
    journeys
        What both attribute.
    measure
        `conversions`, `value` or a further money column.

    Returns
    -------
    DataFrame
        Columns step ("1", "2" ..., "offset", "total"), reason, moved (share of the attributed
        conversions that changes channel: half the sum of absolute changes), gains and gains_by
        (the channel that gains most, and how many conversions), loses and loses_by. The changes
        of a channel add up over the steps to its total change exactly (`difference_steps` lists
        them). The shares moved do not, because one step can take back what another gave: the row
        "offset", where it is not zero, is what they lack, so that `moved` of all rows above adds
        up to `moved` of the last. The order of the steps is a choice; another one would share
        the difference otherwise.

    Raises
    ------
    ModelError
        If `a` or `b` itself gives no credit on these journeys. Models between them that give
        none are passed over, and their step is told together with the next.
    """
    names, changes = _changes(a, b, journeys, measure)
    scale = _attributed(journeys, measure)
    whole = _Change(
        f"{label(b)} instead of {label(a)}",
        sum((change.by for change in changes), np.zeros(len(names))),
    )
    rows = [_row(str(i), change, names, scale) for i, change in enumerate(changes, start=1)]
    total = _row("total", whole, names, scale)
    offset = total["moved"] - sum(row["moved"] for row in rows)
    if abs(offset) > _NOTHING:
        rows.append(
            {
                "step": "offset",
                "reason": "what one step moves and another moves back",
                "moved": offset,
                "gains": "",
                "gains_by": 0.0,
                "loses": "",
                "loses_by": 0.0,
            }
        )
    return pd.DataFrame([*rows, total])


def difference_steps(
    a: Model, b: Model, journeys: Journeys, *, measure: str = "conversions"
) -> pd.DataFrame:
    """Return the steps of `explain_difference` by channel.

    Columns step, reason, channel, change. Beside the channels, (organic), (unattributed) and
    (not credited: what a model loses) stand where they change.
    """
    names, changes = _changes(a, b, journeys, measure)
    parts = [
        pd.DataFrame(
            {"step": str(i), "reason": change.reason, "channel": names, "change": change.by}
        )
        for i, change in enumerate(changes, start=1)
    ]
    empty = pd.DataFrame({"step": [], "reason": [], "channel": []}, dtype="str")
    frame = pd.concat(parts, ignore_index=True) if parts else empty.assign(change=np.zeros(0))
    apart = frame["channel"].isin([ORGANIC, UNATTRIBUTED, NOT_CREDITED])
    return frame[~apart | (frame["change"].abs() > _NOTHING)].reset_index(drop=True)


def _row(step: str, change: _Change, names: list[str], scale: float) -> dict[str, Any]:
    most, least = int(change.by.argmax()), int(change.by.argmin())
    gain, loss = max(0.0, float(change.by[most])), max(0.0, -float(change.by[least]))
    least_seen = _NOTHING * scale
    return {
        "step": step,
        "reason": change.reason,
        "moved": float(np.abs(change.by).sum() / 2 / scale),
        "gains": names[most] if gain > least_seen else "",
        "gains_by": gain,
        "loses": names[least] if loss > least_seen else "",
        "loses_by": loss,
    }


# ---------------------------------------------------------------------- what each step changes


def _changes(
    a: Model, b: Model, journeys: Journeys, measure: str
) -> tuple[list[str], list[_Change]]:
    if measure not in journeys.measures:
        raise ConfigError(
            f"measure={quoted(measure)} is none of these journeys' measures: "
            f"{', '.join(journeys.measures)}."
        )
    names = [*journeys.channels, ORGANIC, UNATTRIBUTED, NOT_CREDITED]
    named = named_way(a, b, journeys)
    if named is not None:
        found = list(_followed(a, named, journeys, measure))
    else:
        down, up = to_own_family(a, journeys), to_own_family(b, journeys)
        first, last = end_of(a, down), end_of(b, up)
        found = [
            *_followed(
                a, [Step(habit.given_up, habit.plainer) for habit in down], journeys, measure
            ),
            *_by_journeys(first, last, journeys, measure),
            *_followed(last, climbed(b, up), journeys, measure),
        ]
    return names, found


def _followed(
    start: Model, steps: Sequence[Step], journeys: Journeys, measure: str
) -> Iterator[_Change]:
    """Yield what each step changes; a model that gives no credit is passed over."""
    before = _credited(start, start.tally(journeys), journeys, measure)
    least, reasons = _NOTHING * _attributed(journeys, measure), []
    for i, step in enumerate(steps, start=1):
        reasons.append(step.reason)
        try:
            after = _credited(step.model, step.model.tally(journeys), journeys, measure)
        except ModelError:
            if i == len(steps):
                raise
            continue
        if np.abs(after - before).max(initial=0.0) > least:
            yield _Change(" and ".join(reasons), after - before)
            before = after
        reasons = []


def _by_journeys(a: Model, b: Model, journeys: Journeys, measure: str) -> Iterator[_Change]:
    """Yield how b differs from a as one kind of journeys after the other joins in."""
    kinds = list(_kinds(journeys))
    before = np.zeros(len(journeys.channels) + 3)
    seen: list[Journeys] = []
    tallies: list[tuple[Tally, Tally]] = []
    waiting: list[str] = []
    for i, (words, part) in enumerate(kinds, start=1):
        waiting.append(words)
        seen.append(part)
        tallies.append((a.tally(part), b.tally(part)))
        if i < len(kinds):
            whole = sum(_total(each, measure) for each in seen)
            both = [sum(side[1:], start=side[0]) for side in zip(*tallies, strict=True)]
        else:  # the journeys as they are, so that the last row is exact for any model
            whole, both = _total(journeys, measure), [a.tally(journeys), b.tally(journeys)]
        try:
            after = _vector(b, both[1], whole, journeys, measure) - _vector(
                a, both[0], whole, journeys, measure
            )
        except ModelError:
            if i == len(kinds):
                raise
            continue
        reason = f"{spoken(b)} instead of {spoken(a)}, {' and '.join(waiting)}"
        yield _Change(reason, after - before)
        before, waiting = after, []


def _kinds(journeys: Journeys) -> Iterator[tuple[str, Journeys]]:
    """Split what converted by its path; what did not convert comes last."""
    bought = journeys.conversions != 0
    repeats = np.bincount(journeys.rows[~journeys.distinct], minlength=len(journeys)) > 0
    lengths = journeys.lengths
    buyers = replace(journeys, nulls=np.where(bought, 0, journeys.nulls))
    for words, rows in (
        ("orders without a touchpoint", lengths == 0),
        ("journeys with one touchpoint", lengths == 1),
        ("journeys with two touchpoints", (lengths == 2) & ~repeats),
        ("longer journeys without repeats", (lengths > 2) & ~repeats),
        ("journeys in which a channel repeats", repeats),
    ):
        if (rows & bought).any():
            yield words, buyers.take(rows & bought)
    others = (journeys.nulls != 0) | ~bought
    if others.any():
        columns = journeys.values.items()
        values = {name: np.where(bought, 0.0, money) for name, money in columns}
        rest = replace(journeys, conversions=np.zeros_like(journeys.conversions), values=values)
        yield "journeys that did not convert", rest.take(others)


def _credited(model: Model, tally: Tally, journeys: Journeys, measure: str) -> Floats:
    return _vector(model, tally, _total(journeys, measure), journeys, measure)


def _vector(model: Model, tally: Tally, total: float, journeys: Journeys, measure: str) -> Floats:
    """Return credit by row: channels, organic, unattributed, and what the model loses."""
    credit = model.credit(tally)
    place = credit.measures.index(measure)
    given = dict(zip(credit.channels, credit.amounts[:, place], strict=True))
    organic = 0.0 if credit.organic is None else float(credit.organic[place])
    rows = [given.get(name, 0.0) for name in journeys.channels]
    rows += [organic, float(credit.unattributed[place])]
    return np.array([*rows, total - sum(rows)])


def _total(journeys: Journeys, measure: str) -> float:
    return float(journeys.amounts()[:, journeys.measures.index(measure)].sum())


def _attributed(journeys: Journeys, measure: str) -> float:
    """Return the amount that has a touchpoint, which shares are told of; 1 where there is none."""
    amounts = journeys.amounts()[:, journeys.measures.index(measure)]
    return float(amounts[journeys.lengths > 0].sum()) or 1.0
