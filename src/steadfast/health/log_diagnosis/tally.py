"""The signs of one rule as they come in: counted, with a few of them kept, and judged within its window."""

from collections import Counter, deque
from collections.abc import Sequence

from steadfast.health.log_diagnosis.findings import Evidence, Finding, Place
from steadfast.health.log_diagnosis.log_line import LogLine
from steadfast.health.log_diagnosis.rule import Rule, Sign

_KEPT_FIRST = 3
_MOST_VALUES = 50  # different values that are counted of one group: a hostile log could name millions
_LONGEST_TEXT = 300
_BEFORE_SIGN = 100
_PER_EXTRA_SIGN = 0.02
_UNTIMED_DISCOUNT = 0.9
_FLOOD = 1000  # signs after which only every eighth line is tried
_FLOOD_STEP = 8


class Tally:
    """Of one rule, over one log or many."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.count = 0
        self.satisfied = False
        """Whether there were once enough signs within a window."""
        self._tried = 0
        self._passed_over = 0
        self._recent: deque[Place] = deque(maxlen=rule.min_count)
        self._first: list[Evidence] = []
        self._last: Evidence | None = None
        self._caught: dict[str, Counter[str]] = {}

    def may_pass_over(self) -> bool:
        """Whether the next line need not be tried: in a flood of one error some lines stand for all."""
        if self.count < _FLOOD or not self.satisfied:
            return False
        self._tried += 1
        if self._tried % _FLOOD_STEP == 1:
            return False
        self._passed_over += 1
        return True

    def add(self, sign: Sign, line: LogLine, place: Place) -> bool:
        """Counts a sign; whether the rule is satisfied by it for the first time."""
        self.count += 1
        evidence = Evidence(place=place, text=_cut(line.text, sign.at))
        if len(self._first) < _KEPT_FIRST:
            self._first.append(evidence)
        self._last = evidence
        for name, text in sign.caught.items():
            values = self._caught.setdefault(name, Counter())
            if text in values or len(values) < _MOST_VALUES:
                values[text] += 1
        self._recent.append(place)
        is_news = not self.satisfied and self._is_enough()
        self.satisfied = self.satisfied or is_news
        return is_news

    def take_back(self) -> None:
        """Forgets the sign before, which an orderly stop explains."""
        if self._recent:
            self._recent.pop()

    def _is_enough(self) -> bool:
        if len(self._recent) < self.rule.min_count:
            return False
        oldest, newest = self._recent[0], self._recent[-1]
        if oldest.at_s is not None and newest.at_s is not None:
            return abs(newest.at_s - oldest.at_s) <= self.rule.window_s
        return oldest.file == newest.file and newest.line - oldest.line <= self.rule.window_lines

    def finding(self) -> Finding:
        """What the signs say."""
        assert self._last is not None
        details = {name: values.most_common(1)[0][0] for name, values in self._caught.items()}
        evidence = (*self._first, *([self._last] if self.count > len(self._first) else []))
        return Finding(
            rule=self.rule.name,
            kind=self.rule.kind,
            severity=self.rule.severity,
            confidence=self._confidence(),
            cause=filled(self.rule.cause, details),
            remedy=filled(self.rule.remedy, details),
            count=self._estimate(),
            first=self._first[0].place,
            last=self._last.place,
            evidence=evidence,
            details={
                name: [text for text, _ in values.most_common(5)] for name, values in self._caught.items()
            },
            leads_to=self.rule.leads_to,
        )

    def _estimate(self) -> int:
        """All signs: beyond a flood's begin as many of the lines passed over as of those tried."""
        tried_late = self._tried - self._passed_over
        if not tried_late:
            return self.count
        return self.count + round(self._passed_over * (self.count - _FLOOD) / tried_late)

    def _confidence(self) -> float:
        """More signs make it surer; many that may lie far apart, because no line has a time, less sure."""
        extra = min(self.count - self.rule.min_count, 5) * _PER_EXTRA_SIGN
        untimed = self.rule.min_count > 1 and self._first[0].place.at_s is None
        return round(min(0.99, (self.rule.confidence + extra) * (_UNTIMED_DISCOUNT if untimed else 1.0)), 3)


def merged(findings: Sequence[Finding]) -> Finding:
    """Findings of one kind as one: the surest speaks, the others are its evidence."""
    surest = max(findings, key=lambda finding: (finding.confidence, finding.count))
    others = [finding for finding in findings if finding is not surest]
    evidence = (*surest.evidence, *(other.evidence[0] for other in others if other.evidence))
    return Finding(
        rule=surest.rule,
        kind=surest.kind,
        severity=surest.severity,
        confidence=surest.confidence,
        cause=surest.cause,
        remedy=surest.remedy,
        count=sum(finding.count for finding in findings),
        first=min((finding.first for finding in findings), key=_order_of),
        last=max((finding.last for finding in findings), key=_order_of),
        evidence=evidence,
        details={name: value for finding in (*others, surest) for name, value in finding.details.items()},
        leads_to=tuple(dict.fromkeys(name for finding in (surest, *others) for name in finding.leads_to)),
    )


def filled(sentence: str, details: dict[str, str]) -> str:
    """The sentence with what the lines name; what they do not name is left out with its blank."""
    for name, value in details.items():
        sentence = sentence.replace(f"{{{name}}}", value[:120])
    while (start := sentence.find("{")) >= 0 and (end := sentence.find("}", start)) >= 0:
        sentence = sentence[:start].rstrip() + sentence[end + 1 :]
    return sentence


def _order_of(place: Place) -> tuple[float, str, int]:
    return (place.at_s if place.at_s is not None else 0.0, place.file, place.line)


def _cut(text: str, at: int) -> str:
    if len(text) <= _LONGEST_TEXT:
        return text
    start = max(0, at - _BEFORE_SIGN)
    piece = text[start : start + _LONGEST_TEXT]
    return ("…" if start else "") + piece + ("…" if start + _LONGEST_TEXT < len(text) else "")
