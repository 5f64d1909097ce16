"""Every step from the store's tables to journeys, as text that a data engineer can read and run."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from attribution.assemble.dialect import DUCKDB
from attribution.assemble.inputs import input_steps, place_step, relation_steps
from attribution.assemble.steps import journey_steps
from attribution.errors import ConfigError, quoted
from attribution.store.channels import in_language
from attribution.store.steps import ViewOptions
from attribution.store.views import steps as store_steps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from attribution.store.steps import Step
    from attribution.workspace import Workspace

__all__ = ["one_step", "step_texts"]

# Stands for the instant of reading while the steps are made.
_AS_OF = 9_007_199_254_740_993
_SHOWN_AS_OF = "$as_of"


def step_texts(workspace: Workspace, *, store: bool = False) -> list[str]:
    """Return each step's name, why it is there, and its SQL, in order.

    Parameters
    ----------
    workspace
        Its [journeys] say which steps there are.
    store
        Whether the steps from stored rows to the store's tables come first.
    """
    steps = _journey_steps(workspace)
    return [_text(step) for step in ([*_store_steps(workspace), *steps] if store else steps)]


def one_step(workspace: Workspace, name: str) -> str:
    """Return one step as text, of the store or of journeys.

    Raises
    ------
    ConfigError
        If there is no such step; names the nearest.
    """
    steps = {step.name: step for step in [*_store_steps(workspace), *_journey_steps(workspace)]}
    if name not in steps:
        near = get_close_matches(name, steps, n=1)
        raise ConfigError(
            f"Found no step {quoted(name)}. "
            + (f"Did you mean {near[0]!r}? " if near else "")
            + "`attribution explain --store` prints all of them."
        )
    return _text(steps[name])


def _store_steps(workspace: Workspace) -> list[Step]:
    options = ViewOptions(
        timezone=workspace.timezone, excludes=workspace.excludes, language=workspace.language
    )
    return store_steps(options)


def _journey_steps(workspace: Workspace) -> list[Step]:
    definition = in_language(workspace.journeys, workspace.language)
    return [
        *input_steps(definition),
        place_step(definition, workspace.language),
        *relation_steps(definition),
        *journey_steps(definition, DUCKDB, _AS_OF),
    ]


def _text(step: Step) -> str:
    sql = step.sql.replace(str(_AS_OF), _SHOWN_AS_OF)
    return "\n".join(_printable([f"-- {step.name}", f"-- {step.why}", *_lines(sql)])) + ";\n"


def _lines(sql: str) -> list[str]:
    return [line.rstrip() for line in sql.splitlines() if line.strip()]


def _printable(lines: Iterable[str]) -> list[str]:
    """Return lines without characters that a terminal would obey: names in them are anybody's."""
    return [
        "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)
        for line in lines
    ]
