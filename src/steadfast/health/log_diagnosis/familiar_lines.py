"""Remembers what came of lines, so that one which says the same again is not tried on every rule again.

Logs repeat themselves, in a storm of one error above all. Two lines say the same if they differ in long
numbers only: times, ids, addresses, amounts. Short numbers stay, because an exit code or an errno is what a
rule looks for; rules that look for long numbers are tried on every line.
"""

import re
from collections.abc import Sequence

from steadfast.health.log_diagnosis.rule import Rule

_LONG_NUMBER = re.compile(rb"0x[0-9a-f]+|[0-9a-f][0-9a-f-]{10,}[0-9a-f]|\d[\d:.,/T+-]{2,}\d", re.IGNORECASE)
_LONGEST_LINE_BYTES = 1000
_MOST_LINES = 4096
_COUNTS_OF_OTHERS = re.compile(r"(?<!\\d)(?<!\])\{\d*,?\d*\}")
_READS_LONG_NUMBERS = re.compile(r"\d[\\\d:.,/T+-]{2,}\d|\\d\{|\\d\\d|0x")
"""In the source of an expression, without how often other things may come: long or counted digits."""


class FamiliarLines:
    """At most some thousand shapes of lines, each with the rules that are worth trying on it."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._worth: dict[bytes, tuple[Rule, ...]] = {}
        self._always = frozenset(rule.name for rule in rules if _is_always_tried(rule))

    def shape(self, raw: bytes) -> bytes | None:
        """What lines that say the same have in common; None for a line too long to be kept."""
        return _LONG_NUMBER.sub(b"#", raw) if len(raw) <= _LONGEST_LINE_BYTES else None

    def worth_trying(self, shape: bytes | None) -> tuple[Rule, ...] | None:
        """The rules to try on a line of this shape; None: it is new."""
        return self._worth.get(shape) if shape is not None else None

    def remember(self, shape: bytes | None, tried: Sequence[Rule], matched: Sequence[Rule]) -> None:
        """Of the rules that were tried on a line, those that matched it are worth trying on the next."""
        if shape is None:
            return
        if len(self._worth) >= _MOST_LINES:
            self._worth.clear()
        names = {rule.name for rule in matched}
        self._worth[shape] = tuple(rule for rule in tried if rule.name in names or rule.name in self._always)


def _is_always_tried(rule: Rule) -> bool:
    if rule.undone_by is not None:
        return True
    patterns = (rule.pattern, rule.unless, *rule.fields.values())
    sources = [pattern.pattern for pattern in patterns if pattern is not None]
    return any(
        _READS_LONG_NUMBERS.search(_COUNTS_OF_OTHERS.sub("", source)) for source in (*sources, *rule.literals)
    )
