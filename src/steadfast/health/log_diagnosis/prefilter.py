"""Finds the few lines of a block that can matter, without looking at the others one by one.

A block is first reduced to its vocabulary, the different words in it, which is small: logs repeat themselves.
A literal whose longest word does not occur there is not searched for. Those that are left are searched in the
whole block, which is faster than trying one regular expression on every line.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from steadfast.health.log_diagnosis.rule import Rule

_BLANKS = bytes(code if chr(code).isalpha() and code < 128 else 32 for code in range(256))
"""Makes of everything that is no letter a blank: numbers and ids would swell a vocabulary."""
_LONG_WORD = 256
_LONGEST_LITERAL = 64
_WORDS = re.compile("[a-z]+")


@dataclass(slots=True)
class Candidate:
    """A line that holds literals."""

    start: int
    end: int
    near: int
    """Where in the line the first of them stands."""
    literals: set[bytes]


class Vocabulary:
    """The words of a block, in lower case."""

    def __init__(self, lowered: bytes) -> None:
        words = set(lowered.translate(_BLANKS).split())
        long = [word for word in words if len(word) > _LONG_WORD]
        if long:  # a line without an end: its pieces repeat themselves, it does not
            words.difference_update(long)
            words.update(piece for word in long for piece in _pieces(word))
        self._words = b" ".join(words)

    def may_hold(self, word: bytes) -> bool:
        """Whether some word contains this one."""
        return word in self._words


def _pieces(word: bytes) -> Iterator[bytes]:
    """Overlapping ones: what a literal may be is whole in one of them."""
    for start in range(0, len(word), _LONG_WORD):
        yield word[start : start + _LONG_WORD + _LONGEST_LITERAL]


class Prefilter:
    """The literals of all rules."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._always = [rule for rule in rules if not rule.literals]
        self._of: dict[bytes, list[Rule]] = {}
        for rule in rules:
            for literal in rule.literals:
                self._of.setdefault(literal.encode(), []).append(rule)
        self._words = {literal: longest_word(literal) for literal in self._of}
        self._order = {rule.name: index for index, rule in enumerate(rules)}

    def candidates(self, block: bytes, lowered: bytes, vocabulary: Vocabulary) -> Iterator[Candidate]:
        """The lines of a block that hold literals, in order."""
        found: dict[int, Candidate] = {}
        if self._always:
            for start, end in _lines(block):
                found[start] = Candidate(start, end, 0, set())
        for literal, word in self._words.items():
            if vocabulary.may_hold(word):
                _search(literal, lowered, found)
        for start in sorted(found):
            yield found[start]

    def literals_in(self, lowered: bytes) -> set[bytes]:
        """The literals of one line, given in lower case."""
        return {literal for literal in self._of if literal in lowered}

    def rules_of(self, literals: set[bytes]) -> list[Rule]:
        """The rules that a line with these literals may match, in their order."""
        rules = {rule.name: rule for literal in literals for rule in self._of[literal]}
        rules |= {rule.name: rule for rule in self._always}
        return sorted(rules.values(), key=lambda rule: self._order[rule.name])


def longest_word(literal: bytes) -> bytes:
    """The longest run of letters; every block with the literal has a word that contains it."""
    return max(_WORDS.findall(literal.decode()), key=len, default="").encode()


def _search(literal: bytes, lowered: bytes, found: dict[int, Candidate]) -> None:
    at = lowered.find(literal)
    while at >= 0:
        start = lowered.rfind(b"\n", 0, at) + 1
        candidate = found.get(start)
        if candidate is None:
            end = lowered.find(b"\n", at)
            end = end if end >= 0 else len(lowered)
            candidate = found[start] = Candidate(start, end, at - start, set())
        candidate.literals.add(literal)
        at = lowered.find(literal, candidate.end)


def _lines(block: bytes) -> Iterator[tuple[int, int]]:
    start = 0
    while start < len(block):
        end = block.find(b"\n", start)
        end = end if end >= 0 else len(block)
        yield start, end
        start = end + 1
