"""What was kept of each objective, worked out from the evidence."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from steadfast.readings import QualityReading
from steadfast.settings import ObjectiveSettings
from steadfast.sla.evidence import Evidence
from steadfast.sla.frames import kept_name
from steadfast.sla.intervals import clipped, total_us, without
from steadfast.sla.quantiles import count_within, quantile_s
from steadfast.sla.tally import ACCEPTED_AND_FAILED, ANSWERED, FRAME, LATENCY, OURS, TAKEOVER, ReadingSum
from steadfast.sla.targets import AT_LEAST, bound_of, quality_targets


class Standing(StrEnum):
    """What became of an objective."""

    MET = "met"  # as promised
    MISSED = "missed"  # not
    NOT_MEASURED = "not measured"  # nothing was seen that could be judged: never met


@dataclass(frozen=True, kw_only=True, slots=True)
class Achievement:
    """One objective and what was kept of it."""

    name: str
    says: str
    """The promise in one sentence."""
    target: float
    """Part that must be good; for `lost jobs`, how many may be lost."""
    good: float
    total: float
    unit: str
    """Of `good` and `total`."""
    shown: str = ""
    """The achieved figure in its own unit, where it is more than a part."""
    is_count: bool = False
    """Whether `target` is a number of bad ones and not a part of good ones."""

    @property
    def bad(self) -> float:
        """What was not good."""
        return self.total - self.good

    @property
    def achieved(self) -> float | None:
        """The part that was good; None: nothing was measured."""
        return self.good / self.total if self.total > 0 else None

    @property
    def budget(self) -> float:
        """How much may be bad."""
        return self.target if self.is_count else (1 - self.target) * self.total

    @property
    def budget_left(self) -> float | None:
        """Part of the budget that is left; below 0: more was spent than there was."""
        if not self.total:
            return None
        if not self.budget:
            return 1.0 if not self.bad else 0.0
        return 1 - self.bad / self.budget

    @property
    def standing(self) -> Standing:
        """Whether it was kept."""
        if not self.total:
            return Standing.NOT_MEASURED
        return Standing.MET if self.bad <= self.budget * (1 + 1e-12) else Standing.MISSED

    def as_dict(self) -> dict[str, object]:
        """Plain data."""
        return {
            "name": self.name,
            "promise": self.says,
            "target": self.target,
            "achieved": self.achieved,
            "shown": self.shown,
            "standing": self.standing.value,
            "good": self.good,
            "bad": self.bad,
            "total": self.total,
            "unit": self.unit,
            "budget": self.budget,
            "budget_left": self.budget_left,
        }


def achievements(evidence: Evidence, settings: ObjectiveSettings) -> list[Achievement]:
    """Every objective, the gravest first."""
    return [
        _availability(evidence, settings),
        _presence(evidence, settings),
        _success(evidence, settings),
        *_latencies(evidence, settings),
        _turnaround(evidence, settings),
        _takeover(evidence, settings),
        _durability(evidence, settings),
        *_qualities(evidence, settings),
    ]


def outcomes(evidence: Evidence) -> Counter[str]:
    """Requests by outcome, without maintenance."""
    found: Counter[str] = Counter()
    excluded = evidence.excluded_minutes
    for minute, counts in evidence.minutes.items():
        if minute not in excluded:
            for (_, outcome), requests in counts.items():
                found[outcome] += requests
    return found


def _sum(counts: Mapping[str, int], names: Iterable[str]) -> int:
    return sum(counts.get(name, 0) for name in names)


def _availability(evidence: Evidence, settings: ObjectiveSettings) -> Achievement:
    counts = outcomes(evidence)
    good = _sum(counts, ANSWERED)
    return Achievement(
        name="availability",
        says=f"{settings.availability:.2%} of the requests that are not the caller's fault are answered",
        target=settings.availability,
        good=good,
        total=good + _sum(counts, OURS),
        unit="requests",
    )


def _presence(evidence: Evidence, settings: ObjectiveSettings) -> Achievement:
    counted = without([evidence.period], evidence.excluded)
    absent = without(((one.begins_us, one.ends_us) for one in evidence.absences), evidence.excluded)
    total_s, absent_s = total_us(counted) / 1e6, total_us(clipped(absent, evidence.period)) / 1e6
    return Achievement(
        name="presence",
        says=f"a server is there {settings.availability:.2%} of the time",
        target=settings.availability,
        good=total_s - absent_s,
        total=total_s,
        unit="seconds",
        shown=f"{absent_s:.1f} s without a server",
    )


def _success(evidence: Evidence, settings: ObjectiveSettings) -> Achievement:
    counts = outcomes(evidence)
    good = _sum(counts, ANSWERED)
    return Achievement(
        name="success",
        says=f"{settings.success:.2%} of the requests that were accepted are answered",
        target=settings.success,
        good=good,
        total=good + _sum(counts, ACCEPTED_AND_FAILED),
        unit="requests",
    )


def of_measure(evidence: Evidence, measure: str, size: str | None = None) -> Counter[int]:
    """Buckets of one measure, of one class of size or of all."""
    found: Counter[int] = Counter()
    for (kind, _, _, class_), buckets in evidence.durations.items():
        if kind == measure and size in {None, class_}:
            found.update(buckets)
    return found


def _latencies(evidence: Evidence, settings: ObjectiveSettings) -> Iterator[Achievement]:
    for share, bounds in ((0.90, settings.latency_p90_s), (0.99, settings.latency_p99_s)):
        for size, bound_s in bounds.items():
            buckets = of_measure(evidence, LATENCY, size)
            yield Achievement(
                name=f"latency p{share * 100:.0f} {size}",
                says=f"{share:.0%} of the answers to {size} inputs come within {bound_s:g} s",
                target=share,
                good=count_within(buckets, bound_s),
                total=buckets.total(),
                unit="answers",
                shown=_seconds(quantile_s(buckets, share)),
            )


def _turnaround(evidence: Evidence, settings: ObjectiveSettings) -> Achievement:
    took_s = [job.took_s for job in evidence.jobs if job.took_s is not None and job.state in _FINISHED]
    within = sum(one <= settings.turnaround_s for one in took_s)
    shown = sorted(took_s)[min(len(took_s) - 1, int(settings.turnaround * len(took_s)))] if took_s else None
    return Achievement(
        name="turnaround",
        says=f"{settings.turnaround:.0%} of the jobs are done within {settings.turnaround_s:g} s",
        target=settings.turnaround,
        good=within,
        total=len(took_s),
        unit="jobs",
        shown=_seconds(shown),
    )


_FINISHED: Final = frozenset({"succeeded", "failed"})


def _takeover(evidence: Evidence, settings: ObjectiveSettings) -> Achievement:
    buckets = of_measure(evidence, TAKEOVER)
    return Achievement(
        name="takeover",
        says=f"{settings.takeover:.0%} of the workers that end are relieved within {settings.takeover_s:g} s",
        target=settings.takeover,
        good=count_within(buckets, settings.takeover_s),
        total=buckets.total(),
        unit="takeovers",
        shown=_seconds(quantile_s(buckets, settings.takeover)),
    )


def _durability(evidence: Evidence, settings: ObjectiveSettings) -> Achievement:
    lost = sum(job.is_lost for job in evidence.jobs)
    return Achievement(
        name="durability",
        says=f"at most {settings.lost_jobs} accepted jobs are lost",
        target=settings.lost_jobs,
        good=len(evidence.jobs) - lost,
        total=len(evidence.jobs),
        unit="jobs",
        shown=f"{lost} lost" if evidence.jobs else "",
        is_count=True,
    )


def _qualities(evidence: Evidence, settings: ObjectiveSettings) -> Iterator[Achievement]:
    for engine, targets in quality_targets(settings).items():
        for reading in QualityReading:
            bound = bound_of(targets, reading)
            if bound is None:
                continue
            sums = evidence.readings.get((kept_name(engine), reading.value), ReadingSum())
            which = "at least" if reading in AT_LEAST else "at most"
            name = reading.value.replace("_", " ")
            yield Achievement(
                name=f"{name} {engine}",
                says=f"{name} of {which} {bound:g} in {settings.quality_kept:.0%} of the sampled results",
                target=settings.quality_kept,
                good=sums.met,
                total=sums.met + sums.missed,
                unit="results",
                shown=f"mean {sums.total / sums.measured:.3g}" if sums.measured else "",
            )
        if targets.frame_s is not None:
            yield _frame_latency(evidence, engine, targets.frame_s)


def _frame_latency(evidence: Evidence, engine: str, bound_s: float) -> Achievement:
    buckets: Counter[int] = Counter()
    for (measure, _, of_engine, size), found in evidence.durations.items():
        if measure == FRAME and of_engine == kept_name(engine) and size == "small":
            buckets.update(found)
    return Achievement(
        name=f"frame {engine}",
        says=f"99% of the small pictures are done in a worker within {bound_s * 1000:g} ms",
        target=0.99,
        good=count_within(buckets, bound_s),
        total=buckets.total(),
        unit="pictures",
        shown=_seconds(quantile_s(buckets, 0.99)),
    )


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"
