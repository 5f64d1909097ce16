"""A mapping proposed for a file nobody has described."""
