"""From the outside world to journeys: files, and what ships with the package."""
