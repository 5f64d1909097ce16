"""Rows as a source gives them to canonical rows, by mappings that are data."""
