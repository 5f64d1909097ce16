"""A comparison as a picture, for a notebook of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attribution.present.credit_sections import credit_by_model, exact_and_distances
from attribution.present.markup import Fragment, page, style
from attribution.present.report import Report
from attribution.present.words import words_in

if TYPE_CHECKING:
    from attribution.evaluate.compare import Comparison
    from attribution.journeys import Journeys

__all__ = ["plot_comparison"]


def plot_comparison(
    journeys: Journeys,
    comparison: Comparison,
    *,
    headline: str | None = None,
    language: str = "en",
    currency: str = "¥",
) -> Fragment:
    """Return the range plot, the exact table and the distances of `compare(journeys, models)`.

    A notebook shows the result as HTML; `_repr_html_()` returns its text.

    Parameters
    ----------
    headline
        Name of the model whose figures lead; see `Comparison.headline`.
    language
        "en" or "zh".
    currency
        Sign before amounts; empty if the value is no money.
    """
    words = words_in(language, currency)
    report = Report(
        journeys, comparison, (), words, headline=comparison.headline(headline), source=""
    )
    parts = (credit_by_model(report), exact_and_distances(report))
    return page(language, style(), *(part.html for part in parts))
