"""Why two models differ: from one to the other, changing one named habit at a time."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from attribution.errors import ConfigError, ModelError, quoted
from attribution.model import label
from attribution.models.heuristic import (
    FirstTouch,
    LastNonDirect,
    LastTouch,
    Linear,
    PositionBased,
    TimeDecay,
    TouchpointModel,
)
from attribution.models.markov import Markov
from attribution.models.peers.chains import (
    MoneyMarkov,
    ObservedPaths,
    Participation,
    ResharedMarkov,
)
from attribution.models.peers.games import ExactSetShapley, LocalShapley
from attribution.models.peers.paths import Buyers, Collapsed, MoneyFollows
from attribution.models.peers.rules import RankDecay, StepDecay
from attribution.models.peers.walks import TruncatedMarkov
from attribution.models.shapley import Shapley
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
_ENDLESS = 1_000_000_000  # states: no walk is that long
_LARGEST_SET = 12
_NOTHING = 1e-12  # of all credit: rounding, not a reason


class _Step(NamedTuple):
    """A model, and what is different now that it has been reached."""

    reason: str
    model: Model


class _Habit(NamedTuple):
    """What one model does and a plainer one does not; and the words for taking it up, or not."""

    plainer: Model
    taken_up: str
    given_up: str


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
    named = _named_way(a, b, journeys)
    if named is not None:
        found = list(_followed(a, named, journeys, measure))
    else:
        down, up = _to_own_family(a, journeys), _to_own_family(b, journeys)
        first, last = _end(a, down), _end(b, up)
        found = [
            *_followed(
                a, [_Step(habit.given_up, habit.plainer) for habit in down], journeys, measure
            ),
            *_by_journeys(first, last, journeys, measure),
            *_followed(last, _climbed(b, up), journeys, measure),
        ]
    return names, found


def _followed(
    start: Model, steps: Sequence[_Step], journeys: Journeys, measure: str
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
        reason = f"{_words(b)} instead of {_words(a)}, {' and '.join(waiting)}"
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


# ---------------------------------------------------------------------- the way between models


def _named_way(a: Model, b: Model, journeys: Journeys) -> list[_Step] | None:
    """Return the shortest known way from a to b, or None if the two have no family in common."""
    down, up = _way_down(a, journeys), _way_down(b, journeys)
    left = [a, *(habit.plainer for habit in down)]
    right = [b, *(habit.plainer for habit in up)]
    meetings = sorted(
        ((i, j) for i in range(len(left)) for j in range(len(right))), key=lambda at: sum(at)
    )
    for i, j in meetings:
        across = _across(left[i], right[j], journeys)
        if across is not None:
            return [
                *(_Step(habit.given_up, habit.plainer) for habit in down[:i]),
                *across,
                *_climbed(b, up[:j]),
            ]
    return None


def _climbed(model: Model, way: Sequence[_Habit]) -> list[_Step]:
    """Return the steps from the plain end of a model's way back to the model."""
    models = [model, *(habit.plainer for habit in way)]
    return [_Step(way[i].taken_up, models[i]) for i in reversed(range(len(way)))]


def _end(model: Model, way: Sequence[_Habit]) -> Model:
    return way[-1].plainer if way else model


def _way_down(model: Model, journeys: Journeys) -> list[_Habit]:
    """Return the habits of a model one by one, down to a rule, to a Markov chain or to itself."""
    way: list[_Habit] = []
    habit = _habit(model, journeys)
    while habit is not None:
        way.append(habit)
        habit = _habit(habit.plainer, journeys)
    return way


def _to_own_family(model: Model, journeys: Journeys) -> list[_Habit]:
    """Return the way down without the last step from a game to a rule: no rule waits there."""
    way = _way_down(model, journeys)
    return way[:-1] if way and way[-1].plainer == Linear() and _is_game(model, way) else way


def _is_game(model: Model, way: Sequence[_Habit]) -> bool:
    return isinstance([model, *(habit.plainer for habit in way)][-2], Shapley)


def _habit(model: Model, journeys: Journeys) -> _Habit | None:
    match model:
        case TruncatedMarkov():
            return _limit_of(model, journeys)
        case MoneyMarkov():
            return _Habit(
                Markov(nulls=False),
                "each journey counts by its money",
                "each journey counts by its conversions",
            )
        case ResharedMarkov():
            return _Habit(
                Markov(),
                "every journey is shared again over its own touchpoints",
                "removal effects share the total at once, not journey by journey",
            )
        case ObservedPaths():
            return _Habit(
                Markov(),
                "only the converting paths seen count, not every walk",
                "every walk the chain can take counts, not only the paths seen",
            )
        case Participation():
            return _Habit(
                Markov(),
                _STRATEGIES[model.strategy],
                "removal ends a walk at its first step into the channel",
            )
        case MoneyFollows():
            return _Habit(model.model, "money follows conversions", "money has effects of its own")
        case Buyers():
            return _Habit(
                model.model,
                "money without a conversion is left out",
                "money without a conversion counts too",
            )
        case Collapsed():
            return _Habit(
                model.model, "neighbouring repeats count once", "neighbouring repeats count each"
            )
        case LocalShapley() | ExactSetShapley() | Shapley():
            return _game_habit(model, journeys)
    return None


_STRATEGIES = {
    "fail": "removal fails every journey that met the channel, whole",
    "fail_refit": "removal fails every journey that met the channel, and forgets those of it alone",
    "detour": "removal cuts the channel out of its journeys, which end as they did",
}


def _limit_of(model: TruncatedMarkov, journeys: Journeys) -> _Habit:
    endless = replace(model, max_step=_ENDLESS)
    exact = Markov(model.order, nulls=model.nulls)
    extra = []
    if (journeys.conversions[journeys.lengths == 0] != 0).any():
        extra.append("orders without a touchpoint")
    unsold = journeys.amounts()[journeys.conversions <= 0, 1:]
    if unsold.any():
        extra.append("money without a conversion")
    if model.max_step == _ENDLESS:
        what = " and ".join(extra) or "nothing else"
        return _Habit(exact, f"the channels share {what} too", f"{what} set apart")
    limit = model.longest(model.tally(journeys))
    seen = ", one more than the longest path seen" if model.max_step is None else ""
    return _Habit(
        endless if extra else exact,
        f"walks are cut at {limit} states{seen}",
        f"walks go on until they end, instead of being cut at {limit} states{seen}",
    )


def _game_habit(model: LocalShapley | ExactSetShapley | Shapley, journeys: Journeys) -> _Habit:
    if isinstance(model, ExactSetShapley):
        return _Habit(
            Shapley(),
            "a set is worth the conversions of exactly its channels",
            "a set is worth the conversions of all journeys inside it",
        )
    if isinstance(model, LocalShapley):
        most = np.bincount(journeys.rows, weights=journeys.distinct).max(initial=0.0)
        if model.max_size < min(most, _LARGEST_SET):
            return _Habit(
                LocalShapley(_LARGEST_SET),
                f"only a journey's last {model.max_size} channels in the alphabet get credit",
                "all channels of a journey get credit",
            )
        return _Habit(
            Shapley("rate"),
            "each set has a game of its own, for the rate of exactly that set",
            "all channels play one game, for the rate of all journeys inside a set",
        )
    if model.worth == "rate":
        return _Habit(Shapley(), _worth("rate"), _worth("conversions"))
    evidence = "" if journeys.evidence is None else ", and an order's own evidence is left out"
    return _Habit(Linear(), f"repeats count once{evidence}", "repeats count each")


def _worth(worth: str) -> str:
    if worth == "rate":
        return "a set is worth its conversion rate, so that journeys without an order count"
    return "a set is worth its conversions, so that each journey is split equally"


# ---------------------------------------------------------------------- models of one family


def _across(a: Model, b: Model, journeys: Journeys) -> list[_Step] | None:
    """Return the steps between two models of one family, or None."""
    for kind in (Buyers, Collapsed, MoneyFollows):
        if isinstance(a, kind) and isinstance(b, kind):
            inner = _named_way(a.model, b.model, journeys)
            return (
                None if inner is None else [_Step(step.reason, kind(step.model)) for step in inner]
            )
    if type(a) is type(b) and is_dataclass(a):
        return _parameters(a, b)
    if _is_rule(a) and _is_rule(b):
        return [_Step(f"{_words(b)} instead of {_words(a)}", b)]
    return None


def _parameters(a: Model, b: Model) -> list[_Step]:
    """Change one parameter after the other; pairs that cannot stand alone change together."""
    assert is_dataclass(a)  # noqa: S101
    steps: list[_Step] = []
    now: Any = a
    waiting: dict[str, Any] = {}
    reasons: list[str] = []
    for field in sorted(fields(a), key=lambda f: f.name == "order"):
        old, new = getattr(a, field.name), getattr(b, field.name)
        if not field.init or old == new:
            continue
        waiting[field.name] = new
        reasons.append(_parameter_words(field.name, old, new))
        try:
            now = replace(now, **waiting)
        except ModelError:
            continue
        steps.append(_Step(" and ".join(reasons), now))
        waiting, reasons = {}, []
    return steps


def _parameter_words(name: str, old: object, new: object) -> str:
    if name == "nulls":
        return (
            "journeys that did not convert count too"
            if new
            else "journeys that did not convert are left out of the chain"
        )
    if name == "removal":
        return (
            "removal reconnects instead of ending the journey"
            if new == "reconnect"
            else "removal ends the journey instead of reconnecting"
        )
    if name == "order":
        return f"order {old} -> order {new}"
    if name == "half_life":
        return f"half-life {old} -> {new}"
    if name == "worth":
        return _worth(str(new))
    if name == "strategy":
        return _STRATEGIES[str(new)]
    if name == "max_step":
        old, new = ("the longest path seen" if x is None else f"{x} states" for x in (old, new))
        return f"walks are cut at {new} instead of {old}"
    return f"{name} {old!r} -> {new!r}"


def _is_rule(model: Model) -> bool:
    return TouchpointModel in type(model).__mro__


def _words(model: Model) -> str:
    match model:
        case FirstTouch():
            return "first touch"
        case LastTouch():
            return "last touch"
        case LastNonDirect():
            return "last touch that is not direct"
        case Linear():
            return "equal shares"
        case PositionBased():
            return f"shares by position ({model.first:g} first, {model.last:g} last)"
        case TimeDecay():
            return f"half-life {model.half_life}"
        case StepDecay():
            return f"half-life {model.half_life} in whole steps"
        case RankDecay():
            return "a rising share for each new channel"
        case Shapley(worth="conversions"):
            return "an equal split over the channels met"
    return label(model)
