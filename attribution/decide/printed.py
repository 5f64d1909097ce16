"""ROAS as platforms print it, beside what is left of it once every order counts once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from attribution.decide.claims import Claims

__all__ = ["printed_roas"]

_PARTED = ", "  # between the platforms of one claimer


def printed_roas(claims: Claims, costs: pd.DataFrame) -> pd.DataFrame:
    """Return what each claimer's ads cost, and its sales per fen of that by three readings.

    Parameters
    ----------
    claims
        Of the days in question; with `credits`, what a model credits to the claimers' channels.
    costs
        Of `cost_rows`, of the same days.

    Returns
    -------
    DataFrame
        One row per claimer on whose platforms ads were paid for: claimer, ads_fen, says_fen,
        stands_fen (missing where it names no orders), credited_fen (missing without credits),
        printed, standing, credited: each of these over the ads. Claimers that share a platform
        share its ads.
    """
    ads = costs[costs["kind"] == "ads"].groupby("platform")["amount_fen"].sum()
    found = claims.claimers[["claimer", "platforms", "says_fen", "stands_fen", "credited_fen"]]
    parts = found["platforms"].str.split(_PARTED).explode()
    paid = parts.map(ads).fillna(0).groupby(level=0).sum()
    found = found.assign(ads_fen=paid.reindex(found.index, fill_value=0).astype(np.int64))
    found = found[found["ads_fen"] > 0].reset_index(drop=True)
    for name, amount in (
        ("printed", "says_fen"),
        ("standing", "stands_fen"),
        ("credited", "credited_fen"),
    ):
        found[name] = found[amount].astype("Float64") / found["ads_fen"]
    return found.drop(columns="platforms")
