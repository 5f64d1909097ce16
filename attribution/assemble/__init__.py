"""Canonical tables and long files to journeys, on one machine or many."""
