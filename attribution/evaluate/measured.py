"""How models do in worlds like the user's own, where the truth is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from attribution.errors import AttributionError
from attribution.evaluate.fitted_world import VARIANTS, seeder_of, slow_of
from attribution.model import attribute
from attribution.worlds.truth import truth
from attribution.worlds.world import simulate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from attribution.model import Model
    from attribution.worlds.settings import WorldSettings

__all__ = ["TABLE", "measured", "selection_table"]

_REPLICATES = 4  # of orders, for a truth whose noise is well below that of credit
_WEIGHTY = 0.02  # share of what is caused, below which a channel is not named
TABLE = (
    "model",
    "tv",
    "tv_se",
    "over_claim",
    "overvalues",
    "overvalued_by",
    "undervalues",
    "undervalued_by",
    "seeder",
    "late",
    *(f"tv_{name}" for name in VARIANTS[1:]),
)


def measured(
    worlds: Mapping[str, WorldSettings],
    models: Mapping[str, Model],
    *,
    people: int,
    seeds: int = 3,
    seed: int = 0,
) -> pd.DataFrame:
    """Return what models credit in simulated worlds beside what channels caused there.

    Parameters
    ----------
    seeds
        How often the first world is simulated; each other one is once.
    seed
        Of the first simulation of each world.

    Returns
    -------
    DataFrame
        A row for each world, seed, model and channel: `credited` and `caused` orders. Models that
        a world cannot feed are left out.
    """
    parts = []
    for number, (name, settings) in enumerate(worlds.items()):
        for draw in range(seed, seed + (1 if number else seeds)):
            world = simulate(settings, people, draw)
            caused = truth(settings, world.exposure, draw, _REPLICATES).set_index("channel")
            for label, model in models.items():
                try:
                    credit = attribute(world.journeys, model)
                except AttributionError:
                    continue
                own = pd.Series(credit.amounts[:, 0], credit.channels)
                frame = pd.DataFrame({"channel": settings.names})
                frame["credited"] = own.reindex(settings.names).fillna(0.0).to_numpy()
                frame["caused"] = caused["conversions"].reindex(settings.names).to_numpy()
                parts.append(frame.assign(world=name, seed=draw, model=label))
    columns = ["world", "seed", "model", "channel", "credited", "caused"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def selection_table(found: pd.DataFrame, worlds: Mapping[str, WorldSettings]) -> pd.DataFrame:
    """Return one row for each model; what it is worth in the user's own kind of world.

    Parameters
    ----------
    found
        As `measured` returns it.
    worlds
        What it was measured in, by name.

    Returns
    -------
    DataFrame
        Columns `TABLE`. `tv`: total variation distance of credited shares from true ones in the
        fitted world, mean and standard error over seeds; `tv_quick` and so on in the others.
        `over_claim`: orders credited to channels for one that they caused. `overvalues`,
        `undervalues`: the channel whose share lies furthest above and below the true one, by how
        much. `seeder`: credited share over true share of the channel that seeds, in the seeder's
        world; `late`: of the channels that act slowly, in the late world. Below one, the model
        undervalues what builds demand; above, what harvests it.
    """
    if not len(found):
        return pd.DataFrame(columns=list(TABLE))
    shares = found.assign(
        credited_share=_share(found, "credited"), true_share=_share(found, "caused")
    )
    apart = (shares["credited_share"] - shares["true_share"]).abs() / 2
    tv = apart.groupby([shares["world"], shares["model"], shares["seed"]]).sum()
    rows = [
        _row(str(model), shares[shares["model"] == model], tv, worlds)
        for model in found["model"].unique()
    ]
    return pd.DataFrame(rows, columns=list(TABLE)).sort_values(
        "tv", kind="stable", ignore_index=True
    )


def _share(found: pd.DataFrame, column: str) -> pd.Series[Any]:
    total = found.groupby(["world", "seed", "model"])[column].transform("sum")
    return (found[column] / total.where(total != 0)).fillna(0.0)


def _row(
    model: str, own: pd.DataFrame, tv: pd.Series[Any], worlds: Mapping[str, WorldSettings]
) -> dict[str, Any]:
    here = own[own["world"] == "fitted"]
    each = tv.loc["fitted", model] if ("fitted", model) in tv.index else pd.Series(dtype=float)
    means = here.groupby("channel")[["credited_share", "true_share"]].mean()
    gap = (means["credited_share"] - means["true_share"]).sort_values()
    base = worlds["fitted"]
    seeder = seeder_of(base)[:1] if "seeder" in worlds else ()
    slow = [name for name, late in zip(base.names, slow_of(base), strict=True) if late]
    row: dict[str, Any] = {
        "model": model,
        "tv": each.mean(),
        "tv_se": each.std() / np.sqrt(len(each)) if len(each) > 1 else np.nan,
        "over_claim": here["credited"].sum() / max(here["caused"].sum(), 1e-300),
        "overvalues": gap.index[-1] if len(gap) and gap.iloc[-1] > 0 else "",
        "overvalued_by": gap.iloc[-1] if len(gap) else np.nan,
        "undervalues": gap.index[0] if len(gap) and gap.iloc[0] < 0 else "",
        "undervalued_by": gap.iloc[0] if len(gap) else np.nan,
        "seeder": _ratio(own, "seeder", seeder),
        "late": _ratio(own, "late", slow),
    }
    for name in VARIANTS[1:]:
        row[f"tv_{name}"] = tv.loc[name, model].mean() if (name, model) in tv.index else np.nan
    return row


def _ratio(own: pd.DataFrame, world: str, channels: Sequence[str]) -> float:
    """Return the credited share of channels over the true one; none where that is small."""
    rows = own[(own["world"] == world) & own["channel"].isin(channels)]
    true = float(rows["true_share"].sum())
    return float(rows["credited_share"].sum()) / true if true > _WEIGHTY else float("nan")
