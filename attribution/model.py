"""What a model is, how journeys become credit, and the axioms a model must obey."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from attribution.credit import Credit
from attribution.errors import ModelError
from attribution.journeys import Journeys
from attribution.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["Model", "attribute", "check_model", "label", "tallies"]


@runtime_checkable
class Model(Protocol):
    """Any value with these two methods is a model; a frozen dataclass is the usual form."""

    def tally(self, journeys: Journeys) -> Tally:
        """Return the model's sufficient statistic, a sum over the journeys."""
        ...

    def credit(self, tally: Tally) -> Credit:
        """Return what the model gives each channel."""
        ...


def attribute(journeys: Journeys | Iterable[Journeys], model: Model) -> Credit:
    """Return the model's credit for one batch of journeys or for many."""
    return model.credit(tallies(journeys, [model])[0])


def tallies(journeys: Journeys | Iterable[Journeys], models: Sequence[Model]) -> list[Tally]:
    """Return each model's tally over one batch of journeys or many, in one pass over them."""
    found: list[Tally] = []
    for batch in [journeys] if isinstance(journeys, Journeys) else journeys:
        part = [model.tally(batch) for model in models]
        found = [a + b for a, b in zip(found, part, strict=True)] if found else part
    if not found:
        raise ModelError("There is nothing to attribute: no batch of journeys, or no model.")
    return found


def label(model: Model) -> str:
    """Return the model's class with its non-default parameters: "TimeDecay(half_life='3D')"."""
    name = type(model).__name__
    if not is_dataclass(model):
        return name
    own_name = getattr(model, "name", None)
    if isinstance(own_name, str) and own_name:
        return own_name
    changed = [
        f"{f.name}={getattr(model, f.name)!r}"
        for f in fields(model)
        if f.init and getattr(model, f.name) != f.default
    ]
    return f"{name}({', '.join(changed)})" if changed else name


def check_model(
    model: Model,
    journeys: Journeys | None = None,
    *,
    named: Sequence[str] = (),
    seed: int = 0,
    tolerance: float = 1e-9,
) -> pd.DataFrame:
    """Check the axioms every model must obey, and return what was checked.

    Additive over a random split into batches; blind to the order of journeys; blind to the names
    of channels; proportional to the amounts; nothing for a silent channel; every conversion and
    all money accounted for; and the same journeys always give the same credit.

    Parameters
    ----------
    model
        Any value with `tally` and `credit`.
    journeys
        What to check it on; made-up journeys with times, repeats, unattributed orders and
        non-converting journeys if not given. They must leave the model something to credit.
    named
        Channels that the model's parameters name; they keep their names.
    seed
        Of the random split, order and made-up journeys.
    tolerance
        Largest difference accepted, relative to the total.

    Returns
    -------
    DataFrame
        One row per axiom: `axiom`, `difference`.

    Raises
    ------
    ModelError
        Naming every axiom that fails and by how much.
    """
    data = example_journeys(seed) if journeys is None else journeys
    found = pd.DataFrame(
        _differences(model, data, set(named), np.random.default_rng(seed)),
        columns=["axiom", "difference"],
    )
    broken = found[~(found["difference"] <= tolerance)]
    if len(broken):
        lines = "; ".join(f"{a} (off by {d:.3g})" for a, d in broken.itertuples(index=False))
        raise ModelError(f"{label(model)} breaks: {lines}.")
    return found


def _differences(
    model: Model, journeys: Journeys, named: set[str], rng: np.random.Generator
) -> Iterator[tuple[str, float]]:
    base = attribute(journeys, model)
    reference = _table(base)
    totals = journeys.amounts().sum(axis=0)
    scale = np.maximum(np.abs(totals), 1.0)

    def apart(credit: Credit) -> float:
        other = _table(credit)
        if set(other.index) != set(reference.index):
            return float("inf")
        gap = np.abs(other.loc[reference.index].to_numpy() - reference.to_numpy()) / scale
        return float(gap.max(initial=0.0))

    yield "repeatable", apart(attribute(journeys, model))
    batch = rng.integers(0, 3, len(journeys))
    parts = [journeys.take(batch == i) for i in range(3)]
    yield "additive over batches", apart(attribute(parts, model))
    whole = model.tally(parts[0]) + model.tally(parts[1]) - model.tally(parts[1])
    alone = model.credit(model.tally(parts[0]))
    yield "subtractable", _gap(_table(model.credit(whole)), _table(alone), scale)
    yield "blind to order", apart(attribute(journeys.take(rng.permutation(len(journeys))), model))
    renamed, names = _renamed(journeys, named)
    back = _table(attribute(renamed, model)).rename(index=names)
    yield "blind to names", _gap(back, reference, scale)
    weight = np.ones(len(journeys)) if journeys.weight is None else journeys.weight
    tripled = _table(attribute(replace(journeys, weight=weight * 3.0), model)) / 3.0
    yield "proportional", _gap(tripled, reference, scale)
    silent = "~silent~"
    wider = replace(journeys, channels=(*journeys.channels, silent))
    with_silent = _table(attribute(wider, model))
    yield (
        "silent channel",
        max(
            float(np.abs(with_silent.loc[silent].to_numpy()).max()),
            _gap(with_silent.drop(index=silent), reference, scale),
        ),
    )
    yield "conservation", float((np.abs(reference.sum().to_numpy() - totals) / scale).max())


def _table(credit: Credit) -> pd.DataFrame:
    return credit.frame().set_index("channel")[list(credit.measures)]


def _gap(one: pd.DataFrame, other: pd.DataFrame, scale: np.ndarray) -> float:
    if set(one.index) != set(other.index):
        return float("inf")
    apart = np.abs(one.loc[other.index].to_numpy() - other.to_numpy())
    return float((apart / scale).max(initial=0.0))


def _renamed(journeys: Journeys, named: set[str]) -> tuple[Journeys, dict[str, str]]:
    """Rename the channels, reversing their sorted order; return the way back too."""
    n = len(journeys.channels)
    new = [name if name in named else f"~{n - i:09d}" for i, name in enumerate(journeys.channels)]
    channels = tuple(sorted(new))
    codes = np.array([channels.index(name) for name in new], dtype=np.int32)[journeys.codes]
    names = dict(zip(new, journeys.channels, strict=True))
    return replace(journeys, channels=channels, codes=codes), names


def example_journeys(seed: int = 0, rows: int = 300) -> Journeys:
    """Return made-up journeys with times, repeats, unattributed orders and nulls."""
    rng = np.random.default_rng(seed)
    channels = ("ads", "group", "live", "search", "video")
    lengths = np.minimum(rng.integers(0, 7, rows), rng.integers(0, 9, rows))
    offsets = np.append(0, np.cumsum(lengths)).astype(np.int64)
    gaps = rng.integers(0, 3 * 86_400_000, offsets[-1])
    closing = np.cumsum(gaps[::-1])[::-1]
    ages = closing - np.append(closing, 0)[np.repeat(offsets[1:], lengths)]
    converted = (rng.random(rows) < 0.5).astype(np.int64)
    return Journeys(
        channels=channels,
        offsets=offsets,
        codes=rng.integers(0, len(channels), offsets[-1]).astype(np.int32),
        conversions=converted,
        nulls=1 - converted,
        values={"value": converted * rng.integers(1, 50_000, rows).astype(float)},
        ages=ages,
    )
