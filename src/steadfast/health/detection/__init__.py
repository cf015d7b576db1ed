"""Turns readings, counts and events into signs that something is wrong, or about to be."""
