"""Rules that are made from a table; the others are written by hand in `rules/`."""
