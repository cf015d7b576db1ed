"""The same rules on lines as they are written: on what workers print, while they run."""

import time
from collections.abc import Callable, Sequence

from steadfast.health.log_diagnosis.findings import Finding, Place
from steadfast.health.log_diagnosis.log_line import LogLine, read_line
from steadfast.health.log_diagnosis.prefilter import Prefilter
from steadfast.health.log_diagnosis.rule import Rule
from steadfast.health.log_diagnosis.rule_files import builtin_rules
from steadfast.health.log_diagnosis.tally import Tally

_LONGEST_LINE = 16_384  # characters; what a worker prints is not trusted


class OnlineDiagnosis:
    """Takes lines of one source and answers with what they newly show.

    A rule speaks once when it is satisfied, and again only after `quiet_s` (at least its window) without a
    sign. Times are those of the clock that is passed in, not those the lines claim. Memory does not grow with
    the number of lines.
    """

    def __init__(
        self,
        source: str,
        rules: Sequence[Rule] | None = None,
        *,
        quiet_s: float = 300.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`source` names where the lines come from, a worker for one, and stands in the findings."""
        chosen = builtin_rules() if rules is None else rules
        self._source = source
        self._quiet_s = quiet_s
        self._clock = clock
        self._prefilter = Prefilter([rule for rule in chosen if rule.statistic is None])
        self._tallies: dict[str, Tally] = {}
        self._last_sign_s: dict[str, float] = {}
        self._lines = 0

    def feed(self, line: bytes | str) -> list[Finding]:
        """What this line newly shows; mostly nothing."""
        self._lines += 1
        raw = (line.encode("utf-8", "replace") if isinstance(line, str) else line)[:_LONGEST_LINE]
        rules = self._prefilter.rules_of(self._prefilter.literals_in(raw.lower()))
        if not rules:
            return []
        read = read_line(raw)
        if read.is_chatter:
            return []
        place = Place(file=self._source, line=self._lines, at_s=self._clock())
        tallies = (self._tried(rule, read, place) for rule in rules)
        return [tally.finding() for tally in tallies if tally is not None]

    def _tried(self, rule: Rule, line: LogLine, place: Place) -> Tally | None:
        """The rule's tally, if this line satisfies it anew."""
        tally = self._tallies.get(rule.name)
        sign = rule.find(line)
        if sign is None:
            if tally is not None and rule.takes_back(line):
                tally.take_back()
            return None
        if tally is None or self._was_quiet(rule):
            tally = self._tallies[rule.name] = Tally(rule)
        self._last_sign_s[rule.name] = self._clock()
        return tally if tally.add(sign, line, place) else None

    def _was_quiet(self, rule: Rule) -> bool:
        return self._clock() - self._last_sign_s[rule.name] >= max(self._quiet_s, rule.window_s)
