"""The scoreboard: models against worlds whose truth is known."""
