"""What came of one fault, held against what was expected."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from steadfast.drill.client import LOST, TURNED_AWAY, Answer
from steadfast.drill.fault import Expectation, Fault, Group
from steadfast.drill.traffic import FollowedJob, Sent

_OF_AN_OUTAGE = frozenset({LOST, TURNED_AWAY, 503})


class Verdict(StrEnum):
    """How it ended."""

    HELD = "held"  # every expectation
    BROKEN = "broken"  # at least one expectation was not met
    NOT_RUN = "not run"  # this machine or this service cannot show it


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed:
    """What was seen of one fault, in plain values; seconds are on one monotonic clock."""

    injected_at_s: float
    ended_at_s: float
    """When the fault was over: that of the injection, where it was only a moment."""
    closed_at_s: float
    """When looking at it ended."""
    detected_at_s: float | None = None
    detected_by: str = ""
    whole_at_s: float | None = None
    """When every worker and spare served again."""
    silence_s: float = 0.0
    """The longest time that the port was silent."""
    sent: Sequence[Sent] = ()
    """Ordinary requests that were under way at some moment of it."""
    carriers: Sequence[Answer] = ()
    """Answers to requests that carried the fault."""
    jobs: Sequence[FollowedJob] = ()
    """Jobs that were confirmed before its end and had not ended before its beginning."""
    incidents: Sequence[str] = ()
    """Kinds of incidents that the service opened."""
    broken: Sequence[str] = ()
    """Promises that the fault itself has seen broken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One line of the table."""

    fault: str
    group: Group
    what: str
    verdict: Verdict
    at_s: float
    """Since the drill began."""
    ended_s: float = 0.0
    closed_s: float = 0.0
    detected_s: float | None = None
    """After the injection."""
    detected_by: str = ""
    recovered_s: float | None = None
    """After the fault's end."""
    requests: int = 0
    failed: int = 0
    failures: dict[str, int] = field(default_factory=dict)
    refused: int = 0
    """With a code that is expected while the fault lasts."""
    retried_unseen: int = 0
    wrong: int = 0
    carriers: dict[str, int] = field(default_factory=dict)
    jobs: int = 0
    jobs_lost: int = 0
    p99_ms: float | None = None
    silence_s: float = 0.0
    incidents: dict[str, int] = field(default_factory=dict)
    why: tuple[str, ...] = ()
    """What was not met, or why it was not run."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}


def not_run(fault: type[Fault], at_s: float, why: str) -> Outcome:
    """A fault that could not be shown."""
    return Outcome(
        fault=fault.name,
        group=fault.group,
        what=fault.what,
        verdict=Verdict.NOT_RUN,
        at_s=at_s,
        ended_s=at_s,
        closed_s=at_s,
        why=(why,),
    )


def judge(fault: Fault, expected: Expectation, seen: Observed, *, began_at_s: float) -> Outcome:
    """The verdict; `began_at_s` is when the drill began."""
    bad = [one for one in seen.sent if not one.answer.is_good]
    refused = [one for one in bad if one.answer.code in expected.refusals]
    failed = [one for one in bad if one.answer.code not in expected.refusals]
    lost = [job for job in seen.jobs if job.is_lost]
    detected_s = None if seen.detected_at_s is None else max(0.0, seen.detected_at_s - seen.injected_at_s)
    recovered_s = None if seen.whole_at_s is None else max(0.0, seen.whole_at_s - seen.ended_at_s)
    wrong = sum(one.is_wrong for one in seen.sent)
    why = [
        *_of_detection(expected, detected_s),
        *_of_recovery(expected, recovered_s),
        *_of_requests(expected, failed, wrong),
        *_of_outage(expected, seen.silence_s),
        *_of_carriers(expected, seen.carriers),
        *_of_jobs(lost),
        *seen.broken,
    ]
    return Outcome(
        fault=fault.name,
        group=fault.group,
        what=fault.what,
        verdict=Verdict.BROKEN if why else Verdict.HELD,
        at_s=seen.injected_at_s - began_at_s,
        ended_s=seen.ended_at_s - began_at_s,
        closed_s=seen.closed_at_s - began_at_s,
        detected_s=detected_s,
        detected_by=seen.detected_by,
        recovered_s=recovered_s,
        requests=len(seen.sent),
        failed=len(failed),
        failures=dict(Counter(one.answer.words() for one in failed)),
        refused=len(refused),
        retried_unseen=sum(one.retried_unseen for one in seen.sent),
        wrong=wrong,
        carriers=dict(Counter(answer.words() for answer in seen.carriers)),
        jobs=len(seen.jobs),
        jobs_lost=len(lost),
        p99_ms=p99_ms(seen.sent),
        silence_s=seen.silence_s,
        incidents=dict(Counter(seen.incidents)),
        why=tuple(why),
    )


def _of_detection(expected: Expectation, detected_s: float | None) -> list[str]:
    if not expected.signs:
        return []
    signs = " or ".join(sign.removeprefix("incident:") for sign in expected.signs)
    if detected_s is None:
        return [f"It was not detected (expected: {signs})."]
    if detected_s > expected.detect_within_s:
        return [f"It was detected after {detected_s:.1f} s (expected: {expected.detect_within_s:g})."]
    return []


def _of_recovery(expected: Expectation, recovered_s: float | None) -> list[str]:
    if recovered_s is None:
        return ["The service was not whole again."]
    if recovered_s > expected.recover_within_s:
        return [f"It was whole again after {recovered_s:.1f} s (expected: {expected.recover_within_s:g})."]
    return []


def _of_requests(expected: Expectation, failed: Sequence[Sent], wrong: int) -> list[str]:
    why = []
    if expected.outage_s is not None:  # a server that is gone answers nothing, and no wrong thing either
        failed = [one for one in failed if one.answer.status not in _OF_AN_OUTAGE]
    if len(failed) > expected.most_failed:
        told = ", ".join(
            f"{n} × {words}" for words, n in Counter(one.answer.words() for one in failed).items()
        )
        why.append(f"{len(failed)} requests failed ({told}; expected: {expected.most_failed}).")
    if expected.most_wrong is not None and wrong > expected.most_wrong:
        why.append(f"{wrong} answers were wrong (expected: {expected.most_wrong}).")
    return why


def _of_outage(expected: Expectation, silence_s: float) -> list[str]:
    if expected.outage_s is not None and silence_s > expected.outage_s:
        return [f"The port was silent for {silence_s:.1f} s (expected: {expected.outage_s:g} at most)."]
    return []


def _of_carriers(expected: Expectation, carriers: Sequence[Answer]) -> list[str]:
    if not expected.carriers:
        return []
    if not carriers:
        return ["No request that carries the fault was answered."]
    others = Counter(
        answer.words()
        for answer in carriers
        if not any(answer.words() == wanted or str(answer.status) == wanted for wanted in expected.carriers)
    )
    wanted = " or ".join(expected.carriers)
    return [f"{n} × {words} to what carries the fault (expected: {wanted})." for words, n in others.items()]


def _of_jobs(lost: Sequence[FollowedJob]) -> list[str]:
    return [f"Job {job.id} was lost ({job.state} {job.why}".rstrip() + ")." for job in lost]


def p99_ms(sent: Sequence[Sent]) -> float | None:
    """Of good answers; None: there was none."""
    times = sorted(one.answer.took_ms for one in sent if one.answer.is_good)
    return times[min(len(times) - 1, int(len(times) * 0.99))] if times else None


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 3)
    return list(value) if isinstance(value, tuple) else value
