"""The command line: one file per command group, one place where errors become sentences."""

from steadfast.cli.application import main

__all__ = ["main"]
