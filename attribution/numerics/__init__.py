"""Pure array mathematics: sequences, absorbing chains, cooperative games."""
