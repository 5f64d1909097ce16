"""What models have in common that weigh channels by comparing orders with other journeys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from attribution.credit import Credit
from attribution.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from attribution.tally import Tally

__all__ = ["proportional", "require_nulls"]


def proportional(
    tally: Tally,
    weight: NDArray[np.float64],
    totals: NDArray[np.float64],
    touched: NDArray[np.float64],
) -> Credit:
    """Return totals (measures,) shared in proportion to weights (channels, measures), if positive.

    A total that no channel has a positive weight for is organic. Channels credited with more than
    the conversions `touched` (channels,) are marked.
    """
    weight = np.maximum(weight, 0.0)
    whole = weight.sum(axis=0)
    amounts = weight * np.divide(totals, whole, out=np.zeros_like(totals), where=whole > 0)
    return Credit(
        tally.channels,
        tally.measures,
        amounts,
        tally.unattributed,
        organic=np.where(whole > 0, 0.0, totals),
        caution=amounts[:, 0] > touched * (1 + 1e-9),
    )


def require_nulls(model: str, conversions: float, nulls: float) -> None:
    """Refuse conversions with nothing to compare them with.

    Raises
    ------
    ModelError
        If there are conversions and no journey that did not convert.
    """
    if conversions > 0 and nulls <= 0:
        raise ModelError(
            f"{model} compares journeys that converted with journeys that did not, and found none "
            "that did not. Read them too (path counts: a column of nulls; touchpoints: of people "
            "who did not order), or use Linear or Shapley, which need none."
        )
