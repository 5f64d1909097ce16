"""The sample brand: what happened, what goes wrong, and how each platform writes it."""
