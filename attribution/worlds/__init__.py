"""Simulated worlds of a live-commerce brand, whose effect of every channel is known."""
