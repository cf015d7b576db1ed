"""A service-level report: what was promised, what was kept, what ate the rest."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Final

from steadfast.settings import ObjectiveSettings
from steadfast.sla.achievement import Achievement, Standing, achievements, outcomes
from steadfast.sla.evidence import Absence, Evidence
from steadfast.sla.intervals import Interval
from steadfast.sla.maintenance import Maintenance
from steadfast.sla.quantiles import quantile_s
from steadfast.sla.tally import ANSWERED, LATENCY, MINUTE_US, OURS

_DOWN_S: Final = 30.0
"""So much of a minute without a server makes it one in which the service was down."""
_POINTS: Final = 240


class MinuteState(IntEnum):
    """What a minute was like."""

    UNKNOWN = 0  # the ledger did not exist yet
    IDLE = 1  # a server was there, and nobody asked
    GOOD = 2  # everything was answered
    IMPAIRED = 3  # something failed by our fault
    DOWN = 4  # no server for half of it, or more failed than was answered
    MAINTENANCE = 5  # announced


@dataclass(frozen=True, kw_only=True, slots=True)
class Eater:
    """What a part of the error budget went to."""

    what: str
    severity: str
    begins_us: int
    ends_us: int
    bad_requests: int
    absent_s: float
    evidence: str
    """What was seen, in words."""

    def as_dict(self) -> dict[str, object]:
        """Plain data."""
        return {
            "what": self.what,
            "severity": self.severity,
            "from": moment(self.begins_us).isoformat(),
            "until": moment(self.ends_us).isoformat(),
            "bad_requests": self.bad_requests,
            "seconds_without_a_server": round(self.absent_s, 3),
            "evidence": self.evidence,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeSpeed:
    """How fast one class of work was answered."""

    task: str
    engine: str
    size_class: str
    answers: int
    p50_s: float
    p90_s: float
    p99_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class BurnPoint:
    """How much of the budget of availability was left at a moment."""

    at_us: int
    left: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """Everything that is shown."""

    service: str
    period: Interval
    made_at: datetime
    objectives: Sequence[Achievement]
    outcomes: dict[str, int]
    errors: Sequence[tuple[str, str, int]]
    """Task, code, requests; the most frequent first."""
    eaters: Sequence[Eater]
    unexplained: int
    """Bad requests outside of every incident and outage."""
    speeds: Sequence[SizeSpeed]
    """The slowest first."""
    burn_down: Sequence[BurnPoint]
    minutes: Sequence[MinuteState]
    """From the first minute of the period on."""
    absences: Sequence[Absence]
    maintenance: Sequence[Maintenance]

    @property
    def first_minute(self) -> int:
        """Number of the first of `minutes`."""
        return self.period[0] // MINUTE_US

    @property
    def standing(self) -> Standing:
        """Of all objectives together."""
        standings = {one.standing for one in self.objectives}
        if Standing.MISSED in standings:
            return Standing.MISSED
        return Standing.MET if Standing.MET in standings else Standing.NOT_MEASURED

    def as_dict(self) -> dict[str, object]:
        """Plain data."""
        return {
            "service": self.service,
            "from": moment(self.period[0]).isoformat(),
            "until": moment(self.period[1]).isoformat(),
            "made_at": self.made_at.isoformat(),
            "standing": self.standing.value,
            "objectives": [one.as_dict() for one in self.objectives],
            "outcomes": self.outcomes,
            "errors": [{"task": task, "code": code, "requests": n} for task, code, n in self.errors],
            "what_ate_the_budget": [one.as_dict() for one in self.eaters],
            "bad_requests_outside_of_these": self.unexplained,
            "slowest": list(self.speeds),
            "burn_down": [{"at": moment(p.at_us).isoformat(), "left": p.left} for p in self.burn_down],
            "minutes": dict(Counter(state.name.lower() for state in self.minutes)),
            "outages": [
                {
                    "from": moment(one.begins_us).isoformat(),
                    "until": moment(one.ends_us).isoformat(),
                    "seconds": (one.ends_us - one.begins_us) / 1e6,
                    "why": one.why,
                }
                for one in self.absences
            ],
            "maintenance": [one.as_dict() for one in self.maintenance],
        }


def moment(at_us: int) -> datetime:
    """As a date."""
    return datetime.fromtimestamp(at_us / 1e6, UTC)


def make_report(
    evidence: Evidence, settings: ObjectiveSettings, *, service: str, made_at: datetime
) -> Report:
    """The report of a period."""
    bad = _bad_by_minute(evidence)
    eaters, unexplained = _eaters(evidence, bad)
    return Report(
        service=service,
        period=evidence.period,
        made_at=made_at,
        objectives=achievements(evidence, settings),
        outcomes=dict(outcomes(evidence)),
        errors=[(*key, n) for key, n in Counter(evidence.errors).most_common(20)],
        eaters=eaters,
        unexplained=unexplained,
        speeds=_speeds(evidence),
        burn_down=_burn_down(evidence, bad, settings.availability),
        minutes=_minutes(evidence),
        absences=evidence.absences,
        maintenance=evidence.maintenance,
    )


def _bad_by_minute(evidence: Evidence) -> dict[int, int]:
    excluded = evidence.excluded_minutes
    found = {
        minute: sum(n for (_, outcome), n in counts.items() if outcome in OURS)
        for minute, counts in evidence.minutes.items()
        if minute not in excluded
    }
    return {minute: n for minute, n in found.items() if n}


def _eaters(evidence: Evidence, bad: dict[int, int]) -> tuple[list[Eater], int]:
    """Outages and incidents by what they cost, and the bad requests that none of them explains."""
    explained: set[int] = set()

    def within(begin_us: int, end_us: int) -> int:
        minutes = [minute for minute in bad if begin_us // MINUTE_US <= minute <= end_us // MINUTE_US]
        explained.update(minutes)
        return sum(bad[minute] for minute in minutes)

    found = [
        Eater(
            what=f"no server ({one.why})",
            severity="fatal",
            begins_us=one.begins_us,
            ends_us=one.ends_us,
            bad_requests=within(one.begins_us, one.ends_us),
            absent_s=(one.ends_us - one.begins_us) / 1e6,
            evidence=_ABSENT[one.why],
        )
        for one in evidence.absences
    ]
    for incident in evidence.incidents:
        begin_us = round(incident.detected_at.timestamp() * 1e6)
        ended = incident.recovered_at
        end_us = round(ended.timestamp() * 1e6) if ended is not None else evidence.period[1]
        found.append(
            Eater(
                what=f"{incident.kind}: {incident.subject}",
                severity=incident.severity.value,
                begins_us=begin_us,
                ends_us=end_us,
                bad_requests=within(begin_us, end_us),
                absent_s=0.0,
                evidence=incident.evidence[0] if incident.evidence else "",
            )
        )
    found.sort(key=lambda one: (-one.absent_s, -one.bad_requests, one.begins_us))
    costly = [one for one in found if one.bad_requests or one.absent_s]
    return costly, sum(n for minute, n in bad.items() if minute not in explained)


_ABSENT: Final = {
    "died": "The server ended without warning; from its last sign of life until another one answered.",
    "stopped": "The server was stopped in order, and no maintenance had been announced.",
    "silent": "The server's process lived, but gave no sign of life.",
}


def _speeds(evidence: Evidence) -> list[SizeSpeed]:
    found = []
    for (measure, task, engine, size), buckets in evidence.durations.items():
        if measure == LATENCY and (p99_s := quantile_s(buckets, 0.99)) is not None:
            found.append(
                SizeSpeed(
                    task=task,
                    engine=engine,
                    size_class=size,
                    answers=sum(buckets.values()),
                    p50_s=quantile_s(buckets, 0.5) or 0.0,
                    p90_s=quantile_s(buckets, 0.9) or 0.0,
                    p99_s=p99_s,
                )
            )
    return sorted(found, key=lambda one: -one.p99_s)


def _burn_down(evidence: Evidence, bad: dict[int, int], target: float) -> list[BurnPoint]:
    excluded = evidence.excluded_minutes
    total = sum(
        n
        for minute, counts in evidence.minutes.items()
        if minute not in excluded
        for (_, outcome), n in counts.items()
        if outcome in OURS or outcome in ANSWERED
    )
    if not total:
        return []
    budget, spent = (1 - target) * total, 0
    first, last = evidence.period[0] // MINUTE_US, evidence.period[1] // MINUTE_US
    every = max(1, (last - first) // _POINTS)
    points = [BurnPoint(at_us=evidence.period[0], left=1.0)]
    for minute in range(first, last + 1):
        spent += bad.get(minute, 0)
        if (minute - first + 1) % every == 0 or minute == last:
            at_us = min(evidence.period[1], (minute + 1) * MINUTE_US)
            points.append(BurnPoint(at_us=at_us, left=1 - spent / budget))
    return points


def _minutes(evidence: Evidence) -> list[MinuteState]:
    first, last = evidence.period[0] // MINUTE_US, -(-evidence.period[1] // MINUTE_US)
    absent: Counter[int] = Counter()
    for one in evidence.absences:
        for minute in range(one.begins_us // MINUTE_US, -(-one.ends_us // MINUTE_US)):
            begin, end = minute * MINUTE_US, (minute + 1) * MINUTE_US
            absent[minute] += min(one.ends_us, end) - max(one.begins_us, begin)
    excluded = evidence.excluded_minutes
    return [
        MinuteState.MAINTENANCE
        if minute in excluded
        else _minute_state(evidence, minute, absent[minute] / 1e6)
        for minute in range(first, last)
    ]


def _minute_state(evidence: Evidence, minute: int, absent_s: float) -> MinuteState:
    counts = evidence.minutes.get(minute, {})
    good = sum(n for (_, outcome), n in counts.items() if outcome in ANSWERED)
    bad = sum(n for (_, outcome), n in counts.items() if outcome in OURS)
    if absent_s >= _DOWN_S or bad > good:
        return MinuteState.DOWN
    if bad or absent_s:
        return MinuteState.IMPAIRED
    return MinuteState.GOOD if good else MinuteState.IDLE
