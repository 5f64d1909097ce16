"""Anything outside, row by row: files of every kind, and databases."""
