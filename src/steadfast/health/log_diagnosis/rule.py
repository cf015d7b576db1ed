"""A rule: which lines are signs of what, why that happens, and what to do."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from steadfast.errors import Severity
from steadfast.health.log_diagnosis.findings import FindingKind
from steadfast.health.log_diagnosis.log_line import LogLine

_AROUND = 4000  # characters of a long line before and after a sign in which a pattern is tried


class Statistic(StrEnum):
    """What is measured over many requests, where no single line is a sign."""

    DURATION_STEP = "duration_step"  # the same work takes longer from one moment on
    DURATION_TREND = "duration_trend"  # the same work takes longer and longer
    MEMORY_TREND = "memory_trend"  # a process holds more and more
    QUEUE_GROWTH = "queue_growth"  # waiting takes the time, not working


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """One rule, as its table in a TOML file describes it."""

    name: str
    kind: FindingKind
    severity: Severity
    confidence: float
    """From 0 to 1: how sure one satisfied rule is of its cause."""
    cause: str
    """A sentence; `{library}` stands for what the pattern's group of that name caught."""
    remedy: str
    pattern: re.Pattern[str] | None = None
    """Searched in the text of a line, upper and lower case alike."""
    fields: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    """Fields that a JSON line must have, and what they must be, whole."""
    unless: re.Pattern[str] | None = None
    """A line that holds this is no sign."""
    undone_by: re.Pattern[str] | None = None
    """A line that takes back the sign before it: an orderly stop before a start."""
    literals: tuple[str, ...] = ()
    """In lower case; every line that matches holds one of them. Lines without any are not looked at."""
    min_count: int = 1
    """Signs that are needed …"""
    window_s: float = 600.0
    """… within this many seconds …"""
    window_lines: int = 400
    """… or, where lines carry no time, within this many lines."""
    statistic: Statistic | None = None
    """For a rule that has no lines but a measurement."""
    leads_to: tuple[str, ...] = ()
    """Kinds and names of rules that it explains."""
    examples: tuple[str, ...] = ()
    """Lines that are signs."""
    counterexamples: tuple[str, ...] = ()
    """Lines that look like it and are none."""

    def find(self, line: LogLine, near: int = 0) -> "Sign | None":
        """The sign in this line, if there is one; `near` is where in a very long line a literal stands."""
        if not all(self._holds(line, name, wanted) for name, wanted in self.fields.items()):
            return None
        start, end = (
            (max(0, near - _AROUND), near + _AROUND) if len(line.text) > 2 * _AROUND else (0, 1 << 30)
        )
        found = self.pattern.search(line.text, start, end) if self.pattern is not None else None
        if found is None and (self.pattern is not None or not self.fields):
            return None
        if self.unless is not None and self.unless.search(line.text, start, end):
            return None
        caught = _caught(found) if found else {}
        return Sign(at=found.start() if found else 0, caught=caught)

    def takes_back(self, line: LogLine) -> bool:
        """Whether this line undoes the sign before it."""
        return self.undone_by is not None and self.undone_by.search(line.text[: 2 * _AROUND]) is not None

    @staticmethod
    def _holds(line: LogLine, name: str, wanted: re.Pattern[str]) -> bool:
        value: Any = line.fields.get(name)
        if isinstance(value, bool):
            value = str(value).lower()
        return value is not None and wanted.fullmatch(str(value)) is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class Sign:
    """A match of a rule in a line."""

    at: int
    """Where in the line's text."""
    caught: dict[str, str]
    """What the pattern's named groups caught."""


def _caught(found: re.Match[str]) -> dict[str, str]:
    """What the groups caught; `codec2` is another place for `codec`: a pattern may name a group only once."""
    return {name.rstrip("0123456789"): text for name, text in found.groupdict().items() if text}
