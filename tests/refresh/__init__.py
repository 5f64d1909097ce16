"""Tests of exact refresh."""
