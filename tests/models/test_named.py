"""Models by name, as a report's parameters write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from attribution import (
    ConfigError,
    CounterfactualShapley,
    Journeys,
    Logistic,
    Markov,
    Model,
    ShaoLi,
    Shapley,
    TimeDecay,
    attribute,
    default_models,
    label,
    model_from_text,
    usable_models,
)
from attribution.model import example_journeys


@pytest.mark.parametrize(
    "model",
    [
        *default_models("36h"),
        Markov(order=3, removal="reconnect", nulls=False),
        Shapley("rate", exact=5, seed=7),
        TimeDecay("2D"),
        ShaoLi(),
        CounterfactualShapley(grid="6h", states=3),
        Logistic(bags=40, ridge=0.001),
    ],
    ids=label,
)
def test_a_label_reads_back_as_the_model(model: Model) -> None:
    assert model_from_text(label(model)) == model


def test_positional_parameters_and_blanks_are_taken() -> None:
    assert model_from_text(" Markov( 2 ) ") == Markov(2)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Markof", "Did you mean Markov"),
        ("markov(order=2)", "Did you mean Markov"),
        ("Markov(order=", "is no model"),
        ("__import__('os').getcwd()", "is no model"),
        ("Markov(order=len('ab'))", "cannot be made"),
        ("Markov(depth=2)", "unexpected keyword"),
        ("", "is no model"),
    ],
)
def test_what_is_no_model_is_refused_and_never_run(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        model_from_text(text)


def test_a_rule_file_is_a_model(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[position]\nfirst = 1.0\nmiddle = 0.0\nlast = 1.0\n", encoding="utf-8")
    rule = model_from_text(str(file))
    assert attribute(example_journeys(), rule).frame()["conversions"].sum() > 0


def test_models_that_need_times_are_left_out_of_path_counts() -> None:
    timed = example_journeys()
    counted = Journeys.from_paths(timed.paths())
    models = [*default_models(), TimeDecay("1D")]
    assert usable_models(timed, models) == (models, [])
    usable, left_out = usable_models(counted, models)
    assert left_out == [TimeDecay(), TimeDecay("1D")]
    assert len(usable) == len(models) - 2
