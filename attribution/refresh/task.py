"""What is to be refreshed: a store as it is now, by some settings, and what is kept of it."""

from __future__ import annotations

import inspect
import secrets
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from attribution.errors import ConfigError
from attribution.journeys import Journeys
from attribution.model import label
from attribution.models.named import default_models
from attribution.names import VALUE
from attribution.refresh.state import FORM, Manifest, digest_of, is_whole, state_folder
from attribution.refresh.world import View
from attribution.store.channels import in_language
from attribution.store.parts import layout
from attribution.store.steps import ViewOptions
from attribution.store.store import filled_store
from attribution.store.suppression import suppressed
from attribution.tally import Tally
from attribution.workspace import Workspace, read_workspace

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from attribution.journeys.definition import JourneyDefinition
    from attribution.model import Model
    from attribution.store.parts import Marker
    from attribution.store.store import Store

__all__ = ["Listing", "NotLocalError", "Task", "listing_of", "task_of", "why_full"]

# Their version is a part of every digest.
_OURS = ("attribution", "builtins", "typing")


class Task(NamedTuple):
    """What is to be refreshed, by what settings, and where it is kept."""

    store: Store
    view: View
    models: tuple[Model, ...]
    folder: Path
    settings: dict[str, str]


class Listing(NamedTuple):
    """The store at one moment."""

    markers: tuple[Marker, ...]
    hidden: pa.Array


def task_of(workspace: Workspace | str | os.PathLike[str], models: Sequence[Model] | None) -> Task:
    """Return what is to be refreshed; the models compared by default if none are given."""
    if not isinstance(workspace, Workspace):
        workspace = read_workspace(workspace)
    store = filled_store(workspace)
    options = ViewOptions(None, store.timezone, store.excludes, store.language)
    view = View(options, in_language(workspace.journeys, store.language))
    chosen = _checked(default_models() if models is None else models, view.definition)
    settings = _settings(store, view, chosen)
    return Task(store, view, chosen, state_folder(store.folder), settings)


def _checked(models: Sequence[Model], definition: JourneyDefinition) -> tuple[Model, ...]:
    """Return the models; there must be one, no two of one name, and their sums must be kept."""
    names = [label(model) for model in models]
    if not names:
        raise ConfigError("Found no model to refresh. Name at least one, or leave models out.")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"Found {twice[0]} twice among the models. Name each once.")
    nothing = _nothing(definition)
    for model, name in zip(models, names, strict=True):
        if not isinstance(model.tally(nothing), Tally):
            raise ConfigError(
                f"Found {name} among the models to refresh. A model of rates in time adds up how "
                "long people were at risk, which grows for everybody until the time of reading, so "
                "no sums of it can be kept. Leave it out, and take its credit from all journeys: "
                "attribution.attribute(attribution.open_journeys(workspace), model)."
            )
    return tuple(models)


def _nothing(definition: JourneyDefinition) -> Journeys:
    """Return no journeys, with every column that some of this definition have."""
    none, numbers = np.zeros(0, np.int64), np.zeros(0)
    texts = np.zeros(0, object)
    return Journeys(
        channels=(),
        offsets=np.zeros(1, np.int64),
        codes=np.zeros(0, np.int32),
        conversions=none,
        nulls=none,
        values={VALUE: numbers},
        ages=none,
        evidence=np.zeros(0, bool),
        touch=dict.fromkeys(definition.columns, texts)
        | ({"weight": numbers} if definition.weights else {})
        | ({"lookback_ms": none} if definition.lookback_by else {}),
        block=np.zeros(0, np.uint8),
        closed_at=none,
        day=np.zeros(0, np.int32),
        order_id=texts,
        open=np.zeros(0, bool),
        segments=dict.fromkeys((*definition.segments, "match"), texts),
        watched_from=none,
        watched_until=none,
        risk_from=none,
        risk_until=none,
        lookback=definition.longest_lookback_ms,
    )


def listing_of(store: Store) -> Listing:
    """Return the store as it is now."""
    return Listing(store.batches(), suppressed(store.folder))


def _settings(store: Store, view: View, models: Sequence[Model]) -> dict[str, str]:
    """Return a digest of each thing that decides what the sums are."""
    import duckdb

    return {
        "the package": digest_of(duckdb.__version__, layout()),
        "[journeys]": digest_of(view.definition),
        "the models": digest_of(*models, *map(_written, models)),
        "[identity]": digest_of(store.rules),
        "the time zone": digest_of(store.timezone),
        "[[exclude]]": digest_of(store.excludes),
        "the language": digest_of(store.language),
    }


def _written(model: Model) -> tuple[str, ...]:
    """Return how a model of one's own is written: it may have been changed since.

    Where its source cannot be read, nothing that was kept fits it.
    """
    own = [each for each in type(model).__mro__ if each.__module__.split(".")[0] not in _OURS]
    parts = [
        inspect.unwrap(getattr(each, "__func__", getattr(each, "fget", None) or each))
        for kind in own
        for each in vars(kind).values()
    ]
    methods = [each for each in parts if inspect.isfunction(each)]
    # What a dataclass writes itself has no source, and follows from the fields.
    written = [
        each
        for each in methods
        if not (each.__name__.startswith("__") and each.__code__.co_filename == "<string>")
    ]
    try:
        return tuple(map(inspect.getsource, written))
    except (OSError, TypeError):
        return (secrets.token_hex(16),)


class NotLocalError(Exception):
    """A change that only a full run can follow; says why."""


def why_full(task: Task, listing: Listing, kept: Manifest | None) -> str:
    """Return why everything has to be read; empty if it has not."""
    if task.view.definition.value == "net_expected_fen":
        return "what is still to be refunded is estimated over all orders"
    if kept is None:
        return "nothing was kept of an earlier run"
    if kept.form != FORM:
        return "what is kept is of another version"
    other = [name for name, digest in task.settings.items() if kept.settings.get(name) != digest]
    if other:
        return f"changed since: {', '.join(other)}"
    if kept.undated:
        return "links without any time, whose place among others everybody's decide"
    if not is_whole(task.folder, kept):
        return "files of what is kept are missing or damaged"
    if not {*kept.suppressed} <= {*listing.hidden.to_pylist()}:
        return "somebody who was forgotten is listed no more"
    return ""
