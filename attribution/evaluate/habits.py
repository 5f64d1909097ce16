"""What models do that plainer ones do not, one named habit at a time, and the way between two.

A model with habits of its own, such as a peer's, gets its case in `_habit`.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from attribution.errors import ModelError
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

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attribution.journeys import Journeys
    from attribution.model import Model

__all__ = ["Habit", "Step", "climbed", "end_of", "named_way", "spoken", "to_own_family"]

_ENDLESS = 1_000_000_000  # states: no walk is that long
_LARGEST_SET = 12


class Step(NamedTuple):
    """A model, and what is different now that it has been reached."""

    reason: str
    model: Model


class Habit(NamedTuple):
    """What one model does and a plainer one does not; and the words for taking it up, or not."""

    plainer: Model
    taken_up: str
    given_up: str


def named_way(a: Model, b: Model, journeys: Journeys) -> list[Step] | None:
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
                *(Step(habit.given_up, habit.plainer) for habit in down[:i]),
                *across,
                *climbed(b, up[:j]),
            ]
    return None


def climbed(model: Model, way: Sequence[Habit]) -> list[Step]:
    """Return the steps from the plain end of a model's way back to the model."""
    models = [model, *(habit.plainer for habit in way)]
    return [Step(way[i].taken_up, models[i]) for i in reversed(range(len(way)))]


def end_of(model: Model, way: Sequence[Habit]) -> Model:
    """Return the model at the plain end of a way."""
    return way[-1].plainer if way else model


def _way_down(model: Model, journeys: Journeys) -> list[Habit]:
    """Return the habits of a model one by one, down to a rule, to a Markov chain or to itself."""
    way: list[Habit] = []
    habit = _habit(model, journeys)
    while habit is not None:
        way.append(habit)
        habit = _habit(habit.plainer, journeys)
    return way


def to_own_family(model: Model, journeys: Journeys) -> list[Habit]:
    """Return the way down without the last step from a game to a rule: no rule waits there."""
    way = _way_down(model, journeys)
    return way[:-1] if way and way[-1].plainer == Linear() and _is_game(model, way) else way


def _is_game(model: Model, way: Sequence[Habit]) -> bool:
    return isinstance([model, *(habit.plainer for habit in way)][-2], Shapley)


def _habit(model: Model, journeys: Journeys) -> Habit | None:
    match model:
        case TruncatedMarkov():
            return _limit_of(model, journeys)
        case MoneyMarkov():
            return Habit(
                Markov(nulls=False),
                "each journey counts by its money",
                "each journey counts by its conversions",
            )
        case ResharedMarkov():
            return Habit(
                Markov(),
                "every journey is shared again over its own touchpoints",
                "removal effects share the total at once, not journey by journey",
            )
        case ObservedPaths():
            return Habit(
                Markov(),
                "only the converting paths seen count, not every walk",
                "every walk the chain can take counts, not only the paths seen",
            )
        case Participation():
            return Habit(
                Markov(),
                _STRATEGIES[model.strategy],
                "removal ends a walk at its first step into the channel",
            )
        case MoneyFollows():
            return Habit(model.model, "money follows conversions", "money has effects of its own")
        case Buyers():
            return Habit(
                model.model,
                "money without a conversion is left out",
                "money without a conversion counts too",
            )
        case Collapsed():
            return Habit(
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


def _limit_of(model: TruncatedMarkov, journeys: Journeys) -> Habit:
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
        return Habit(exact, f"the channels share {what} too", f"{what} set apart")
    limit = model.longest(model.tally(journeys))
    seen = ", one more than the longest path seen" if model.max_step is None else ""
    return Habit(
        endless if extra else exact,
        f"walks are cut at {limit} states{seen}",
        f"walks go on until they end, instead of being cut at {limit} states{seen}",
    )


def _game_habit(model: LocalShapley | ExactSetShapley | Shapley, journeys: Journeys) -> Habit:
    if isinstance(model, ExactSetShapley):
        return Habit(
            Shapley(),
            "a set is worth the conversions of exactly its channels",
            "a set is worth the conversions of all journeys inside it",
        )
    if isinstance(model, LocalShapley):
        most = np.bincount(journeys.rows, weights=journeys.distinct).max(initial=0.0)
        if model.max_size < min(most, _LARGEST_SET):
            return Habit(
                LocalShapley(_LARGEST_SET),
                f"only a journey's last {model.max_size} channels in the alphabet get credit",
                "all channels of a journey get credit",
            )
        return Habit(
            Shapley("rate"),
            "each set has a game of its own, for the rate of exactly that set",
            "all channels play one game, for the rate of all journeys inside a set",
        )
    if model.worth == "rate":
        return Habit(Shapley(), _worth("rate"), _worth("conversions"))
    evidence = "" if journeys.evidence is None else ", and an order's own evidence is left out"
    return Habit(Linear(), f"repeats count once{evidence}", "repeats count each")


def _worth(worth: str) -> str:
    if worth == "rate":
        return "a set is worth its conversion rate, so that journeys without an order count"
    return "a set is worth its conversions, so that each journey is split equally"


# ---------------------------------------------------------------------- models of one family


def _across(a: Model, b: Model, journeys: Journeys) -> list[Step] | None:
    """Return the steps between two models of one family, or None."""
    for kind in (Buyers, Collapsed, MoneyFollows):
        if isinstance(a, kind) and isinstance(b, kind):
            inner = named_way(a.model, b.model, journeys)
            return (
                None if inner is None else [Step(step.reason, kind(step.model)) for step in inner]
            )
    if type(a) is type(b) and is_dataclass(a):
        return _parameters(a, b)
    if _is_rule(a) and _is_rule(b):
        return [Step(f"{spoken(b)} instead of {spoken(a)}", b)]
    return None


def _parameters(a: Model, b: Model) -> list[Step]:
    """Change one parameter after the other; pairs that cannot stand alone change together."""
    assert is_dataclass(a)  # noqa: S101
    steps: list[Step] = []
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
        steps.append(Step(" and ".join(reasons), now))
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
    return isinstance(model, TouchpointModel)


def spoken(model: Model) -> str:
    """Return what a model does, in plain words."""
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
