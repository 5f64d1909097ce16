"""Which model, how sure: models side by side, and why they differ."""
