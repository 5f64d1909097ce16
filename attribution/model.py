"""What a model is, how journeys become credit, and the axioms a model must obey."""

from __future__ import annotations

import os
from dataclasses import fields, is_dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
import pandas as pd

from attribution.credit import Credit, checked_level
from attribution.errors import ModelError
from attribution.journeys import Journeys
from attribution.journeys.blocks import by_block
from attribution.names import BLOCKS
from attribution.numerics import jackknife
from attribution.tally import RunningTally, sum_tallies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

T = TypeVar("T")

__all__ = [
    "Distributed",
    "Model",
    "Sloped",
    "Slopes",
    "Summed",
    "attribute",
    "block_tallies",
    "check_model",
    "credit_with_interval",
    "credit_with_slopes",
    "label",
    "reduced",
    "tallies",
]

# Operations, of about a nanosecond, above which solving once for each block is dear: what takes
# less than a third of a second is not worth an approximation.
_DEAR = 3e8


@runtime_checkable
class Summed(Protocol):
    """Whatever is a sum over journeys: all that one pass over them needs of a model."""

    def tally(self, journeys: Journeys) -> Any:
        """Return the sufficient statistic, a sum over the journeys: a `Tally`, or `Additive`."""
        ...


@runtime_checkable
class Model(Summed, Protocol):
    """Any value with these two methods is a model; a frozen dataclass is the usual form."""

    def credit(self, tally: Any) -> Credit:
        """Return what the model gives each channel."""
        ...


class Slopes(NamedTuple):
    """How credit moves along each part of a tally.

    Attributes
    ----------
    rows
        (parts, rows, measures): of the channels, and of organic where the model has it.
    removals
        (parts, channels, measures) of removal effects; None for models without.
    """

    rows: NDArray[np.float64]
    removals: NDArray[np.float64] | None = None


@runtime_checkable
class Distributed(Protocol):
    """Journeys that lie on other machines: what is wanted of them is worked out there."""

    def reduced(self, work: Callable[[Iterable[Journeys]], T], add: Callable[[T, T], T]) -> T:
        """Return the sum, by `add`, of what `work` finds in batches that make up the journeys."""
        ...


@runtime_checkable
class Sloped(Protocol):
    """A model whose credit has a derivative, for intervals where solving again is dear.

    Its credit must leave `tally.unattributed` unattributed.
    """

    def operations(self, tally: Any) -> float:
        """Return about how many arithmetic operations `credit(tally)` takes."""
        ...

    def sloped(self, tally: Any, parts: Sequence[Any]) -> tuple[Credit, Slopes]:
        """Return credit, and its derivative along each part of the tally.

        The parts add up to the tally and know the same channels.
        """
        ...


def attribute(
    journeys: Journeys | Iterable[Journeys], model: Model, interval: float | None = None
) -> Credit:
    """Return the model's credit for one batch of journeys or for many.

    Parameters
    ----------
    interval
        Level of intervals, such as 0.95: sampling error only, by leaving out one of 64 blocks of
        persons at a time (see `attribution.numerics.jackknife`). Path counts have no persons, so
        each journey counts as one. None: no intervals.

    Raises
    ------
    ConfigError
        For a level that is not between 0 and 1.
    ModelError
        If there is no batch.
    """
    if interval is None:
        return model.credit(tallies(journeys, [model])[0])
    level = checked_level(interval)
    return credit_with_interval(model, block_tallies(journeys, [model])[0], level)


def tallies(journeys: Journeys | Iterable[Journeys], models: Sequence[Summed]) -> list[Any]:
    """Return each model's tally over one batch of journeys or many, in one pass over them."""
    return _some(reduced(journeys, partial(_sums, models), _added))


def block_tallies(
    journeys: Journeys | Iterable[Journeys], models: Sequence[Summed]
) -> list[list[Any]]:
    """Return, for each model, its tallies of the 64 blocks of persons, in one pass.

    They know the same channels, and their sum is the tally of all journeys.
    """
    found = reduced(journeys, partial(_block_sums, models), _blocks_added)
    none = [sum_tallies(parts) * 0.0 for parts in _some([*zip(*found.values(), strict=True)])]
    return [
        [
            part if part.channels == empty.channels else part + empty
            for part in (found[b][place] if b in found else empty for b in range(BLOCKS))
        ]
        for place, empty in enumerate(none)
    ]


def credit_with_interval(model: Model, parts: Sequence[Any], interval: float) -> Credit:
    """Return the credit of a tally given by blocks of persons, with intervals.

    The model is solved again without each block; or, where that is dear and the model is `Sloped`,
    the blocks enter through its derivative.
    """
    whole = sum_tallies(parts)
    if isinstance(model, Sloped) and len(parts) * model.operations(whole) > _DEAR:
        return credit_with_slopes(*model.sloped(whole, parts), parts, interval)
    credit = model.credit(whole)
    factor = jackknife.scale(len(parts))
    without = [model.credit((whole - part) * factor) for part in parts]
    removals = [each.removals for each in without if each.removals is not None]
    return replace(
        credit,
        replicates=np.stack([each.rows for each in without]),
        removal_replicates=np.stack(removals) if removals else None,
        interval=checked_level(interval),
    )


def credit_with_slopes(
    credit: Credit, slopes: Slopes, parts: Sequence[Any], interval: float
) -> Credit:
    """Return credit with intervals, by its derivative along each block of persons: see `Sloped`."""
    unmoved = np.zeros((len(parts), len(credit.rows) - slopes.rows.shape[1], len(credit.measures)))
    unmoved[:, -1] = [part.unattributed for part in parts]
    moved = np.concatenate([slopes.rows, unmoved], axis=1)
    removals = slopes.removals
    if credit.removals is not None and removals is not None:
        removals = jackknife.first_order(credit.removals, removals)
    return replace(
        credit,
        replicates=jackknife.first_order(credit.rows, moved),
        removal_replicates=removals,
        interval=checked_level(interval),
    )


def reduced(
    journeys: Journeys | Iterable[Journeys],
    work: Callable[[Iterable[Journeys]], T],
    add: Callable[[T, T], T],
) -> T:
    """Return what `work` finds in the journeys, here or where they lie."""
    if isinstance(journeys, str | os.PathLike):
        raise ModelError(
            f"Found the name {os.fspath(journeys)!r} instead of journeys. Open it first: "
            "attribution.open_journeys, read_paths or read_touchpoints."
        )
    if isinstance(journeys, Distributed):
        return journeys.reduced(work, add)
    return work([journeys] if isinstance(journeys, Journeys) else journeys)


def _sums(models: Sequence[Summed], batches: Iterable[Journeys]) -> list[Any]:
    found: list[RunningTally[Any]] = [RunningTally() for _ in models]
    batch = None
    for batch in batches:
        for model, running in zip(models, found, strict=True):
            running.add(model.tally(batch))
    return [] if batch is None else [running.total() for running in found]


def _added(one: list[Any], other: list[Any]) -> list[Any]:
    return [a + b for a, b in zip(one, other, strict=True)]


def _block_sums(models: Sequence[Summed], batches: Iterable[Journeys]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for block, batch in by_block(batches):
        found = _blocks_added(found, {block: [model.tally(batch) for model in models]})
    return found


def _blocks_added(one: dict[int, list[Any]], other: dict[int, list[Any]]) -> dict[int, list[Any]]:
    both = {block: _added(one[block], other[block]) for block in one.keys() & other.keys()}
    return one | other | both


def _some(found: list[T]) -> list[T]:
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
        f"{f.name}={_short(getattr(model, f.name))}"
        for f in fields(model)
        if f.init and getattr(model, f.name) != f.default
    ]
    return f"{name}({', '.join(changed)})" if changed else name


def _short(value: object) -> str:
    """Return a parameter as it is written; of many values only how many."""
    if isinstance(value, tuple) and len(value) and is_dataclass(value[0]):
        return f"{len(value)} of {type(value[0]).__name__}"
    return repr(value)


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
