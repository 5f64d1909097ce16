"""From journeys and credit to money and action."""
