"""Ratios of two rates, compared like with like, and what to make of many of them at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["corrected", "expected_least", "layered_p", "log_ratio", "t_p", "wilson"]


def log_ratio(cases: Floats, totals: Floats, other_cases: Floats, other_totals: Floats) -> Floats:
    """Return (...) the log of the ratio of two rates within layers, such as lengths of journeys.

    Parameters
    ----------
    cases, totals, other_cases, other_totals
        (..., layers) how many there are in each of the two groups, and how many of them count.

    Returns
    -------
    (...) the logarithm; not finite where the groups share no layer.

    Notes
    -----
    With a of n1 in one group, c of n0 in the other and N = n1 + n0, by layer, the ratio is that of
    Mantel and Haenszel for rates (Greenland & Robins, Biometrics 41, 1985, pp. 55-68):

        sum of a n0 / N over sum of c n1 / N.

    Half a case is added to both groups, spread over the layers as the group is. In one layer the
    ratio is ((a + 1/2) / (n1 + 1/2)) / ((c + 1/2) / (n0 + 1/2)), Walter's (Biometrika 62, 1975,
    pp. 371-374), which is finite where there are no cases.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        share = totals / totals.sum(axis=-1, keepdims=True) / 2
        other_share = other_totals / other_totals.sum(axis=-1, keepdims=True) / 2
        a, n1 = cases + share, totals + share
        c, n0 = other_cases + other_share, other_totals + other_share
        both = np.where((n1 > 0) & (n0 > 0), n1 + n0, np.inf)
        return np.asarray(
            np.log((a * n0 / both).sum(axis=-1)) - np.log((c * n1 / both).sum(axis=-1))
        )


def expected_least(
    cases: Floats, totals: Floats, other_cases: Floats, other_totals: Floats
) -> Floats:
    """Return (...) the smallest of the four counts to expect if the two rates are one.

    Cases and others of both groups, over the layers that both have. The usual rule asks for five
    before a normal approximation is trusted (Cochran, Biometrics 10, 1954, pp. 417-451).
    """
    shared = (totals > 0) & (other_totals > 0)
    both = np.where(shared, totals + other_totals, 1.0)
    rate = np.where(shared, (cases + other_cases) / both, 0.0)
    counts = [
        (np.where(shared, size, 0.0) * part).sum(axis=-1)
        for size in (totals, other_totals)
        for part in (rate, 1.0 - rate)
    ]
    return np.asarray(np.min(counts, axis=0))


def t_p(estimates: Floats, errors: Floats, blocks: int) -> Floats:
    """Return the two-sided p-values of estimates that are 0 by chance: t, blocks - 1 degrees.

    1 where an error is none: everything hangs on one block.
    """
    from scipy.special import stdtr

    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(estimates) / errors
    known = np.isfinite(t)
    return np.where(known, 2.0 * stdtr(blocks - 1, -np.where(known, t, 0.0)), 1.0)


def layered_p(cases: Floats, totals: Floats, other_cases: Floats, other_totals: Floats) -> Floats:
    """Return (...) the p-values of two rates being one in every layer, as `log_ratio` takes them.

    The variance is that of drawing the cases without replacement from both groups (Mantel &
    Haenszel, Journal of the National Cancer Institute 22, 1959, pp. 719-748); no continuity
    correction.
    """
    from scipy.special import ndtr

    both, hits = totals + other_totals, cases + other_cases
    some = both > 1
    size = np.where(some, both, 2.0)
    excess = np.where(some, cases - totals * hits / size, 0.0).sum(axis=-1)
    spread = np.where(
        some, totals * other_totals * hits * (both - hits) / (size**2 * (size - 1.0)), 0.0
    ).sum(axis=-1)
    z = np.abs(excess) / np.sqrt(np.where(spread > 0, spread, np.inf))
    return np.asarray(2.0 * ndtr(-z))


def corrected(p: Floats) -> Floats:
    """Return (m,) p-values corrected for how many there are.

    Those at most q have, on average, at most a share q of chance findings among them (Benjamini &
    Hochberg, Journal of the Royal Statistical Society B 57, 1995, pp. 289-300).
    """
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    out = np.empty(len(p))
    out[order] = np.minimum.accumulate(scaled[::-1])[::-1] if len(p) else scaled
    return np.minimum(out, 1.0)


def wilson(cases: Floats, totals: Floats, level: float) -> tuple[Floats, Floats]:
    """Return the ends of the interval of a rate (Wilson, JASA 22, 1927); NaN of nothing."""
    from scipy.special import ndtri

    z = float(ndtri((1 + level) / 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = cases / totals
        centre = share + z**2 / (2 * totals)
        half = z * np.sqrt(np.maximum(share * (1 - share), 0) / totals + z**2 / (4 * totals**2))
        scale = 1 + z**2 / totals
        low, high = (centre - half) / scale, (centre + half) / scale
    some = totals > 0
    return np.where(some, low, np.nan), np.where(some, high, np.nan)
