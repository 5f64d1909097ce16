"""Worlds of which everything is known: what happened, and how platforms would export it."""
