"""The models: frozen dataclasses with `tally` and `credit`."""
