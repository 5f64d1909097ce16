"""Worlds of which everything is known: simulated ones, the sample brand, and their exports."""
