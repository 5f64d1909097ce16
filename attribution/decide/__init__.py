"""From credit and the store's tables to money and action."""
