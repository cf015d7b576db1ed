"""Measurements: each module prints one table and compares with something outside the project."""
