"""One person behind many identifiers, without ever storing a phone."""
