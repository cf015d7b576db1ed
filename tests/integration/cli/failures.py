"""What a command line says when it fails."""

from collections.abc import Callable, Sequence
from typing import Any

Failure = Callable[[Sequence[str]], dict[str, Any]]
"""Runs a command line that must fail; the answer is the error that it printed as JSON."""
