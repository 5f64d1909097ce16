"""Models by name: the text a report's parameters use, and the set compared by default."""

from __future__ import annotations

import ast
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from attribution.errors import AttributionError, ConfigError, MissingAges, quoted
from attribution.models.counterfactual_shapley import CounterfactualShapley
from attribution.models.hazard import Hazard
from attribution.models.heuristic import (
    FirstTouch,
    LastNonDirect,
    LastTouch,
    Linear,
    PositionBased,
    TimeDecay,
)
from attribution.models.logistic import Logistic
from attribution.models.markov import Markov
from attribution.models.rule import read_rule
from attribution.models.shao_li import ShaoLi
from attribution.models.shapley import Shapley

if TYPE_CHECKING:
    from collections.abc import Sequence

    from attribution.journeys import Journeys
    from attribution.model import Model

__all__ = ["default_models", "model_from_text", "usable_models"]

_CLASSES: dict[str, Any] = {
    cls.__name__: cls
    for cls in (
        FirstTouch,
        LastTouch,
        LastNonDirect,
        Linear,
        TimeDecay,
        PositionBased,
        Markov,
        Shapley,
        Hazard,
        ShaoLi,
        Logistic,
        CounterfactualShapley,
    )
}


def default_models(half_life: str = "7D") -> list[Model]:
    """Return the models a comparison shows unless told otherwise."""
    return [
        FirstTouch(),
        LastTouch(),
        LastNonDirect(),
        Linear(),
        TimeDecay(half_life),
        PositionBased(),
        Markov(),
        Shapley(),
    ]


def model_from_text(text: str) -> Model:
    """Return the model that `label` would call so: "Markov(order=2)", or a rule's "FILE.toml".

    Raises
    ------
    ConfigError
        Naming the models there are, or the parameter that does not fit.
    """
    if text.strip().endswith(".toml"):
        return read_rule(text.strip())
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as error:
        raise _not_a_model(text) from error
    call = tree if isinstance(tree, ast.Call) else ast.Call(tree, [], [])
    if not isinstance(call.func, ast.Name) or call.func.id not in _CLASSES:
        raise _not_a_model(text)
    try:
        positional = [ast.literal_eval(item) for item in call.args]
        named = {str(item.arg): ast.literal_eval(item.value) for item in call.keywords}
        model: Model = _CLASSES[call.func.id](*positional, **named)
    except (TypeError, ValueError, AttributionError) as error:
        raise ConfigError(
            f"models: {quoted(text)} cannot be made: {error}. "
            f"Write its parameters as in {call.func.id}({_example(call.func.id)})."
        ) from error
    return model


def usable_models(journeys: Journeys, models: Sequence[Model]) -> tuple[list[Model], list[Model]]:
    """Return the models these journeys can feed, and those left out because they need times."""
    usable: list[Model] = []
    left_out: list[Model] = []
    empty = journeys.take(slice(0, 0))
    for model in models:
        try:
            model.tally(empty)
        except MissingAges:
            left_out.append(model)
        else:
            usable.append(model)
    return usable, left_out


def _example(name: str) -> str:
    fields = _CLASSES[name].__dataclass_fields__
    return ", ".join(f"{field}={spec.default!r}" for field, spec in fields.items())


def _not_a_model(text: str) -> ConfigError:
    near = get_close_matches(text.split("(")[0].strip(), list(_CLASSES), n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]}?" if near else ""
    return ConfigError(
        f"models: {quoted(text)} is no model.{hint} "
        f"There are {', '.join(_CLASSES)}, or a rule file ending in .toml."
    )
