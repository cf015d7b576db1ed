"""Wires the parts together; only the command line and the server import it."""
