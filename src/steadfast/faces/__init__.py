"""Finding, describing and exchanging faces."""
