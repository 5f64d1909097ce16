"""Models held against experiments: what each credits to a channel, and what a lift test found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from attribution.errors import ConfigError, DataError, quoted
from attribution.evaluate.compare import named_models
from attribution.journeys.window import between
from attribution.model import attribute
from attribution.models.hazard import Hazard
from attribution.models.lift_tests import read_lift_tests
from attribution.numerics import jackknife
from attribution.sources.table import read_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attribution.journeys import Journeys
    from attribution.model import Model
    from attribution.models.lift_tests import LiftTest
    from attribution.workspace import Workspace

__all__ = ["COLUMNS", "score", "tests_in"]

COLUMNS = (
    "model",
    "channel",
    "start",
    "end",
    "credit",
    "credit_se",
    "found",
    "se",
    "z",
    "over_claim",
    "left_out",
)
_LEVEL = 0.95
_HALF = 1.959963984540054  # half the width of a 95 % interval, in standard errors


class _Credited(NamedTuple):
    """Orders that a model credits to a tested channel in the test's window; their error."""

    orders: float
    error: float


def score(
    journeys: Journeys,
    models: Mapping[str, Model] | Sequence[Model],
    lift_tests: Any,
) -> pd.DataFrame:
    """Return what each model credits to a channel where an experiment says what it caused.

    An additive `Hazard` is held against a test by the orders it expects the channel to have
    caused in the window; a multiplicative one by the same, fitted to the window alone; any other
    model by its credit for the orders of the window. A model that has lift tests of its own is
    fitted without the one it is held against: each is left out in turn.

    Parameters
    ----------
    models
        Models, or models by name.
    lift_tests
        Experiments, see `read_lift_tests`: a frame, or values.

    Returns
    -------
    DataFrame
        A row for each model and test: `model`, `channel`, `start`, `end` (missing: all the time),
        `credit` and its standard error `credit_se` (sampling error only), `found` and `se` (of
        the test), `z` = (credit - found) / sqrt(credit_se^2 + se^2), `over_claim` = credit /
        found (missing where the test found nothing), and `left_out`: whether the model uses other
        tests.

    Raises
    ------
    DataError
        For a test of a channel that the journeys do not know, or a window in journeys without
        times.
    """
    tests = lift_tests if isinstance(lift_tests, tuple) else read_lift_tests(lift_tests)
    _check(journeys, tests)
    rows = []
    for name, model in named_models(models).items():
        if isinstance(model, Hazard) and model.link == "additive":
            found = _expected(journeys, model, tests)
        else:
            found = [_credited(journeys, model, test) for test in tests]
        own = isinstance(model, Hazard) and len(model.lift_tests) > 0
        rows += [_row(name, *pair, own) for pair in zip(tests, found, strict=True)]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"model": "str", "channel": "str"})


def _check(journeys: Journeys, tests: Sequence[LiftTest]) -> None:
    for number, test in enumerate(tests, 1):
        if test.channel not in journeys.channels:
            raise DataError(
                f"a lift test of {quoted(test.channel)}",
                f"a channel of the journeys: {quoted(list(journeys.channels))}",
                "Name it as the journeys do.",
                row=number,
                column="channel",
                source="lift_tests",
            )
        if test.start is not None and journeys.closed_at is None:
            raise DataError(
                "a window",
                "journeys with times, or a test of all the time",
                "Leave out start and end, or build the journeys from touchpoints.",
                row=number,
                source="lift_tests",
            )


def _expected(journeys: Journeys, model: Hazard, tests: Sequence[LiftTest]) -> list[_Credited]:
    """Return what a fit expects in each window, without the test itself in the likelihood."""
    # A test of infinite error says nothing, and its window is known.
    silent = tuple(replace(test, se=np.inf) for test in tests)
    if not model.lift_tests:
        asked = replace(model, lift_tests=silent)
        fit = asked.fitted(asked.tally(journeys))
        return [_Credited(*fit.in_test(number)) for number in range(len(tests))]
    found = []
    for test, mute in zip(tests, silent, strict=True):
        others = tuple(each for each in model.lift_tests if each != test)
        asked = replace(model, lift_tests=(mute, *others))
        found.append(_Credited(*asked.fitted(asked.tally(journeys)).in_test(0)))
    return found


def _credited(journeys: Journeys, model: Model, test: LiftTest) -> _Credited:
    code = journeys.channels.index(test.channel)
    if isinstance(model, Hazard):
        inside = journeys
        if test.start is not None and test.end is not None:
            inside = between(journeys, test.start, test.end)
        effects = attribute(inside, model).effects
        assert effects is not None  # noqa: S101
        orders, low, high = effects.loc[code, ["conversions", "low", "high"]].to_numpy(float)
        return _Credited(float(orders), float((high - low) / (2 * _HALF)))
    credit = attribute(_closing(journeys, test), model, interval=_LEVEL)
    assert credit.replicates is not None  # noqa: S101
    error = jackknife.standard_errors(credit.replicates[:, code, 0])
    return _Credited(float(credit.amounts[code, 0]), float(error))


def _closing(journeys: Journeys, test: LiftTest) -> Journeys:
    """Return the journeys that close in a test's window."""
    if test.start is None or test.end is None or journeys.closed_at is None:
        return journeys
    return journeys.take((journeys.closed_at >= test.start) & (journeys.closed_at < test.end))


def _row(name: str, test: LiftTest, credited: _Credited, left_out: bool) -> tuple[object, ...]:
    apart = float(np.hypot(credited.error, test.se))
    start, end = (
        pd.NaT if ms is None else pd.Timestamp(ms, unit="ms", tz="UTC")
        for ms in (test.start, test.end)
    )
    return (
        name,
        test.channel,
        start,
        end,
        credited.orders,
        credited.error,
        test.conversions,
        test.se,
        (credited.orders - test.conversions) / apart,
        credited.orders / test.conversions if test.conversions > 0 else np.nan,
        left_out,
    )


def tests_in(workspace: Workspace, name: str) -> tuple[LiftTest, ...]:
    """Return the lift tests of a file of a workspace; none for an empty name.

    Parameters
    ----------
    name
        The file, from the workspace's folder: CSV, Excel or Parquet with the columns of
        `read_lift_tests`.

    Raises
    ------
    ConfigError
        For a file outside of the workspace, or one that is not there.
    """
    if not name:
        return ()
    home = workspace.folder.resolve()
    file = (home / name).resolve()
    if not file.is_relative_to(home):
        raise ConfigError(
            f"lift_tests={quoted(name)}: found a file outside of the workspace; expected one in "
            "it. Move it there."
        )
    if not file.is_file():
        raise ConfigError(
            f"lift_tests={quoted(name)}: found no such file in the workspace. Write its name from "
            "the workspace's folder."
        )
    try:
        return read_lift_tests(read_table(file), tz=workspace.timezone)
    except DataError as error:
        raise error.at(name) from None
