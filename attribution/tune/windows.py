"""For how long touchpoints count, and whether repeats of one live session count once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from attribution.columns import duration_ms
from attribution.credit import checked_level
from attribution.errors import ConfigError, ModelError
from attribution.models.hazard import Hazard
from attribution.tune.held import Merged, Recent, compared, gathered, merged
from attribution.tune.verdict import Finding, Tuned, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from attribution.journeys import Journeys

__all__ = ["GAPS", "LOOKBACKS", "lookback", "sessions"]

LOOKBACKS = ("1D", "3D", "7D", "14D", "30D", "60D", "90D")
GAPS = ("30min", "2h", "12h")


def lookback(
    journeys: Journeys | Iterable[Journeys],
    *,
    model: Hazard | None = None,
    candidates: Sequence[str] = LOOKBACKS,
    held: float = 0.3,
    level: float = 0.95,
) -> Tuned:
    """Return for how long before an order touchpoints should count.

    Each candidate is a hazard model, half-life and all, in which a touchpoint acts no longer than
    that. Longer ones than the journeys were built with cannot be tried. `low` and `high` are the
    candidates around the best one that do not tell the held-out days worse; `high` is NaT where
    they reach to the longest.

    Parameters
    ----------
    candidates
        Such as "7D"; the journeys' own is always one.
    journeys, model, held, level
        As in `half_life`.

    Raises
    ------
    MissingAges, DataError, ModelError
        As in `half_life`; ModelError also for a model that is not additive.
    """
    level = checked_level(level)
    base = model or Hazard()
    if base.link != "additive":
        raise ModelError(
            f"tune.lookback tries Hazard(link='additive'); found link={base.link!r}. Leave model "
            "out, or build journeys with each look-back and compare them yourself."
        )
    whole = gathered(journeys, "A look-back")
    assert whole.ages is not None  # noqa: S101
    given = [duration_ms(each, "candidates", least=1) for each in candidates]
    longest = whole.lookback or int(whole.ages.max(initial=1))
    tried = sorted({each for each in given if each < longest} | {longest})
    models = {pd.Timedelta(each, unit="ms"): Recent(base, each) for each in tried}
    seen = compared(whole, models, held, level)
    curve = seen.frame("lookback")
    end = {"longest": pd.Timedelta(longest, unit="ms")}
    orders = _orders(whole)
    if len(tried) == 1:
        verdict = Verdict(False, (Finding("lookback_one", end),))
        return Tuned(end["longest"], pd.NaT, pd.NaT, curve, verdict)
    if not seen.tells:
        verdict = Verdict(False, seen.doubts(Finding("lookback_flat", end), orders))
        return Tuned(pd.NaT, pd.NaT, pd.NaT, curve, verdict)
    low, high = seen.supported()
    value = seen.names[seen.best]
    if high == end["longest"]:
        finding = Finding("lookback_least", {"low": low, "value": high})
        return Tuned(value, low, pd.NaT, curve, Verdict(True, (finding,)))
    found = Finding("lookback_found", {"value": value})
    return Tuned(value, low, high, curve, Verdict(True, (found, seen.beside())))


def sessions(
    journeys: Journeys | Iterable[Journeys],
    *,
    model: Hazard | None = None,
    gaps: Sequence[str] = GAPS,
    by: Sequence[str] = (),
    held: float = 0.3,
    level: float = 0.95,
) -> Tuned:
    """Return whether repeats of one live session should count once.

    Each candidate keeps, of touchpoints of one channel that follow each other within a gap, the
    first. `value` is the gap whose model tells the held-out days best, zero for keeping all; NaT
    where the data cannot tell.

    Parameters
    ----------
    gaps
        Candidates besides keeping all, such as "30min".
    by
        Touchpoint columns that tell sessions of one channel apart, such as "session_id"; the
        journeys must carry them.
    journeys, model, held, level
        As in `half_life`.

    Raises
    ------
    ConfigError
        For a column that the journeys do not carry.
    MissingAges, DataError, ModelError
        As in `half_life`.
    """
    level = checked_level(level)
    whole = gathered(journeys, "Merging repeats")
    for name in by:
        if name not in whole.touch:
            raise ConfigError(
                f"by={list(by)!r}: the journeys carry no touchpoint column {name!r}; there are: "
                f"{', '.join(whole.touch) or 'none'}. Name it in columns= when you build them."
            )
    tried = sorted({0, *(duration_ms(each, "gaps", least=1) for each in gaps)})
    base = model or Hazard()
    names = [pd.Timedelta(each, unit="ms") for each in tried]
    if len(merged(whole.observed, tried[-1], by).codes) == len(whole.observed.codes):
        verdict = Verdict(False, (Finding("sessions_none", {"longest": names[-1]}),))
        nothing = np.full(len(names), np.nan)
        curve = pd.DataFrame({"gap": names} | dict.fromkeys(("loglik", "low", "high"), nothing))
        return Tuned(names[0], pd.NaT, pd.NaT, curve.assign(gain=np.nan), verdict)
    models = {name: Merged(base, gap, tuple(by)) for name, gap in zip(names, tried, strict=True)}
    seen = compared(whole, models, held, level)
    curve = seen.frame("gap")
    if not seen.tells:
        verdict = Verdict(False, seen.doubts(Finding("sessions_flat"), _orders(whole)))
        return Tuned(pd.NaT, pd.NaT, pd.NaT, curve, verdict)
    low, high = seen.supported()
    value = seen.names[seen.best]
    if low == names[0]:
        # Nothing speaks clearly for merging, and something against some of it.
        return Tuned(names[0], low, high, curve, Verdict(True, (Finding("sessions_keep"),)))
    found = Finding("sessions_merge", {"value": value})
    return Tuned(value, low, high, curve, Verdict(True, (found, seen.beside())))


def _orders(journeys: Journeys) -> float:
    return float(journeys.amounts()[:, 0].sum())
