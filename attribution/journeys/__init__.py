"""Journeys: the one value every model reads."""

from attribution.journeys.batch import Journeys

__all__ = ["Journeys"]
