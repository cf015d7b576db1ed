"""Reads logs once, from the first byte to the last, and says what is wrong."""

from collections.abc import Iterable, Sequence

from steadfast.errors import SteadfastError
from steadfast.health.log_diagnosis.behaviour import Behaviour
from steadfast.health.log_diagnosis.familiar_lines import FamiliarLines
from steadfast.health.log_diagnosis.findings import Diagnosis, Place, SkippedLog
from steadfast.health.log_diagnosis.log_files import Block, open_log, read_blocks
from steadfast.health.log_diagnosis.log_line import LogLine, read_line
from steadfast.health.log_diagnosis.prefilter import Candidate, Prefilter, Vocabulary, longest_word
from steadfast.health.log_diagnosis.ranking import ranked
from steadfast.health.log_diagnosis.request_samples import SAMPLE_LITERALS, sample_of
from steadfast.health.log_diagnosis.rule import Rule
from steadfast.health.log_diagnosis.rule_files import builtin_rules
from steadfast.health.log_diagnosis.tally import Tally

_ALL_SAMPLES_UP_TO = 50_000
"""Lines; beyond them only some are read for durations and memory, and a median is no worse for it."""
_LONGEST_SAMPLE = 20_000  # bytes of a line; a longer one tells of no request

_SAMPLE_WORDS = {literal: longest_word(literal) for literal in SAMPLE_LITERALS}


def diagnose(names: Iterable[str], rules: Sequence[Rule] | None = None) -> Diagnosis:
    """The diagnosis of these logs together; `-` is standard input.

    A log that cannot be read is told in `skipped`, and the others are read. Raises `InputMissing` or
    `LogUnreadable` where nothing could be read at all.
    """
    reading = _Reading(builtin_rules() if rules is None else rules)
    names = list(names)
    failures: list[SteadfastError] = []
    for name in names:
        try:
            reading.read(name)
        except SteadfastError as error:
            failures.append(error)
            reading.skipped.append(SkippedLog(file=name, reason=error.detail, remedy=error.remedy))
    if failures and len(failures) == len(names) and not reading.lines:
        raise failures[0]
    return reading.diagnosis()


class _Reading:
    def __init__(self, rules: Sequence[Rule]) -> None:
        self.lines = 0
        self.size_bytes = 0
        self.skipped: list[SkippedLog] = []
        self._rules = rules
        self._prefilter = Prefilter([rule for rule in rules if rule.statistic is None])
        self._familiar = FamiliarLines(rules)
        self._tallies: dict[str, Tally] = {}
        self._behaviour = Behaviour()
        self._read_for_samples = 0

    def read(self, name: str) -> None:
        with open_log(name) as stream:
            last_line = 0
            for block in read_blocks(stream, name):
                self._read_block(block, name)
                self.size_bytes += len(block.data)
                last_line = block.first_line + block.data.count(b"\n") - block.data.endswith(b"\n")
                self.lines += last_line - block.first_line + (not block.continues)

    def diagnosis(self) -> Diagnosis:
        found = [tally.finding() for tally in self._tallies.values() if tally.satisfied]
        return Diagnosis(
            findings=ranked([*found, *self._behaviour.findings(self._rules)]),
            lines=self.lines,
            size_bytes=self.size_bytes,
            requests=self._behaviour.requests,
            skipped=self.skipped,
        )

    def _read_block(self, block: Block, name: str) -> None:
        lowered = block.data.lower()
        vocabulary = Vocabulary(lowered)
        number, counted_to = block.first_line, 0
        for candidate in self._prefilter.candidates(block.data, lowered, vocabulary):
            number += block.data.count(b"\n", counted_to, candidate.start)
            counted_to = candidate.start
            self._try_rules(block.data[candidate.start : candidate.end], candidate, name, number)
        telling = [
            text for text, word in _SAMPLE_WORDS.items() if vocabulary.may_hold(word) and text in lowered
        ]
        if telling:
            self._take_samples(block, lowered, telling, name)

    def _try_rules(self, raw: bytes, candidate: Candidate, name: str, number: int) -> None:
        shape = self._familiar.shape(raw)
        known = self._familiar.worth_trying(shape)
        rules = self._prefilter.rules_of(candidate.literals) if known is None else known
        tried = [rule for rule in rules if self._is_worth(rule)]
        if not tried:
            return
        line = read_line(raw)
        matched = (
            ()
            if line.is_chatter
            else [rule for rule in tried if self._is_sign(rule, line, candidate.near, (name, number))]
        )
        if known is None and len(tried) == len(rules):
            self._familiar.remember(shape, rules, matched)

    def _is_sign(self, rule: Rule, line: LogLine, near: int, where: tuple[str, int]) -> bool:
        """Tries a rule on a line, and counts."""
        sign = rule.find(line, near)
        tally = self._tallies.get(rule.name)
        if sign is not None:
            tally = self._tallies.setdefault(rule.name, tally or Tally(rule))
            tally.add(sign, line, Place(file=where[0], line=where[1], at_s=line.at_s))
        elif tally is not None and rule.takes_back(line):
            tally.take_back()
        return sign is not None

    def _is_worth(self, rule: Rule) -> bool:
        """Whether the rule is to be tried on the next line; not on all of a flood."""
        tally = self._tallies.get(rule.name)
        return tally is None or not tally.may_pass_over()

    def _take_samples(self, block: Block, lowered: bytes, telling: Sequence[bytes], name: str) -> None:
        every = 1 + self._read_for_samples // _ALL_SAMPLES_UP_TO
        number = block.first_line
        for index, (raw, low) in enumerate(zip(block.data.split(b"\n"), lowered.split(b"\n"), strict=True)):
            if index % every or len(raw) > _LONGEST_SAMPLE:
                continue
            if any(map(low.__contains__, telling)):
                self._take_sample(raw, name, number + index)

    def _take_sample(self, raw: bytes, name: str, number: int) -> None:
        self._read_for_samples += 1
        line = read_line(raw)
        sample = sample_of(line)
        if sample is not None:
            self._behaviour.add(sample, lambda: Place(file=name, line=number, at_s=line.at_s))
