"""From credit to money and action: what was earned, what will stay, what to do."""
