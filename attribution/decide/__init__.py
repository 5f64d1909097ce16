"""Credit to money and action: the ledger, return on cost, platform claims, key paths."""
