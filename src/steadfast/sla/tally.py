"""Frames added up: what the rollups of the ledger are increased by."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from steadfast.observability.quality import Verdict
from steadfast.observability.requests import RequestOutcome, SizeClass
from steadfast.readings import QualityReading
from steadfast.sla.frames import Frame, FrameKind
from steadfast.sla.intervals import Interval

LOST: Final = "lost"
"""Outcome of a request that ended with its server."""
OUTCOMES: Final = (*(outcome.value for outcome in RequestOutcome), LOST)
SIZES: Final = tuple(size.value for size in SizeClass)
READINGS: Final = tuple(reading.value for reading in QualityReading)
VERDICTS: Final = tuple(verdict.value for verdict in Verdict)
MINUTE_US: Final = 60_000_000
HOUR_US: Final = 60 * MINUTE_US
SILENCE_US: Final = 3_000_000
"""So long without a frame, and the server is taken for dead although its process may live."""

_GROWTH: Final = math.log(1.02)
LATENCY: Final = "latency"
TAKEOVER: Final = "takeover"
FRAME: Final = "frame"
"""Time in a worker."""


def bucket_of(took_us: float) -> int:
    """Number of the bucket of a duration; they grow by 2 %, so a quantile of them is 1 % off at most."""
    return math.ceil(math.log(took_us) / _GROWTH) if took_us > 1 else 0


def seconds_of(bucket: int) -> float:
    """The duration in the middle of a bucket."""
    return math.exp(_GROWTH * bucket) * 2 / (1 + math.exp(_GROWTH)) / 1e6


@dataclass(kw_only=True, slots=True)
class ReadingSum:
    """Readings of one kind, of one engine, in one hour."""

    measured: int = 0
    met: int = 0
    missed: int = 0
    total: float = 0.0
    least: float = math.inf
    most: float = -math.inf

    def add(self, value: float, verdict: str) -> None:
        """One more."""
        self.measured += 1
        self.met += verdict == Verdict.MET
        self.missed += verdict == Verdict.MISSED
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)

    def merge(self, other: "ReadingSum") -> None:
        """Those of another, too."""
        self.measured += other.measured
        self.met += other.met
        self.missed += other.missed
        self.total += other.total
        self.least, self.most = min(self.least, other.least), max(self.most, other.most)


@dataclass(kw_only=True, slots=True)
class LifeSeen:
    """What one file shows of its server."""

    listening_us: int | None = None
    first_us: int = 0
    last_us: int = 0
    stopped: bool = False
    silences: list[tuple[int, int]] = field(default_factory=list)
    """From the last sign of life to the next, where that took too long."""

    def see(self, frame: Frame) -> None:
        """One more sign of life."""
        if frame.kind is FrameKind.LISTENING:
            self.listening_us = frame.at_us
        self.stopped |= frame.kind is FrameKind.STOPPED
        if not self.last_us:
            self.first_us = self.last_us = frame.at_us
        elif frame.at_us > self.last_us:
            if frame.at_us - self.last_us > SILENCE_US:
                self.silences.append((self.last_us, frame.at_us))
            self.last_us = frame.at_us


@dataclass(kw_only=True, slots=True)
class Tally:
    """Sums of any number of files."""

    minutes: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    """(minute, task, outcome) → requests."""
    durations: Counter[tuple[int, str, str, str, str, int]] = field(default_factory=Counter)
    """(hour, measure, task, engine, size class, bucket) → how many."""
    errors: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    """(hour, task, code) → requests that failed by our fault."""
    readings: dict[tuple[int, str, str], ReadingSum] = field(default_factory=dict)
    """(hour, engine, reading) → sums."""
    requests: int = 0
    """That are over."""
    first_us: int = 0
    """When the first of them was; 0: there are none."""
    excluded: Sequence[Interval] = ()
    """Times of which nothing is counted."""
    lost: list[Frame] = field(default_factory=list)
    """Requests that ended with their server; no journal holds their ends."""

    def add(self, frame: Frame) -> None:
        """One frame of any kind."""
        if any(begin <= frame.at_us < end for begin, end in self.excluded):
            return
        if frame.kind is FrameKind.END:
            self._count_end(frame)
        elif frame.kind is FrameKind.TAKEOVER:
            hour = frame.at_us // HOUR_US
            self.durations[hour, TAKEOVER, frame.task, "", "", bucket_of(frame.took_us)] += 1
        elif frame.kind is FrameKind.READING:
            key = (frame.at_us // HOUR_US, frame.engine, READINGS[frame.size_class])
            self.readings.setdefault(key, ReadingSum()).add(frame.value, VERDICTS[frame.outcome])

    def _count_end(self, frame: Frame) -> None:
        self.requests += 1
        self.first_us = min(self.first_us or frame.at_us, frame.at_us)
        outcome = OUTCOMES[frame.outcome]
        self.minutes[frame.at_us // MINUTE_US, frame.task, outcome] += 1
        hour = frame.at_us // HOUR_US
        if outcome in ANSWERED:
            if not frame.took_us:
                return  # a job was submitted: how long that took is its client's affair
            size = SIZES[frame.size_class]
            task, engine = frame.task, frame.engine
            self.durations[hour, LATENCY, task, engine, size, bucket_of(frame.took_us)] += 1
            self.durations[hour, FRAME, task, engine, size, bucket_of(frame.worked_us)] += 1
        elif outcome in OURS:
            self.errors[hour, frame.task, frame.code or outcome] += 1


ANSWERED: Final = frozenset({RequestOutcome.OK.value, RequestOutcome.DEGRADED.value})
OURS: Final = frozenset(
    {RequestOutcome.SHED.value, RequestOutcome.TIMEOUT.value, RequestOutcome.ERROR.value, LOST}
)
"""Outcomes that are our fault."""
ACCEPTED_AND_FAILED: Final = OURS - {RequestOutcome.SHED.value}


def tally_file(frames: Iterable[Frame], tally: Tally, *, is_last_of_dead: bool) -> LifeSeen:
    """Adds a file up; `is_last_of_dead`: what is unfinished in it was lost with its server."""
    seen, open_us = LifeSeen(), dict[int, int]()
    for frame in frames:
        if frame.kind is FrameKind.START:
            open_us[frame.serial] = frame.at_us
            if seen.last_us and frame.at_us < seen.last_us:
                continue  # carried over from the file before: no sign of life
        elif frame.kind is FrameKind.END:
            open_us.pop(frame.serial, None)
        seen.see(frame)
        tally.add(frame)
    if is_last_of_dead:
        tally.lost += [_lost(serial, at_us, seen.last_us) for serial, at_us in open_us.items()]
        for frame in tally.lost:
            tally.add(frame)
    return seen


def _lost(serial: int, at_us: int, died_us: int) -> Frame:
    return Frame(
        kind=FrameKind.END,
        at_us=max(at_us, died_us),
        serial=serial,
        outcome=OUTCOMES.index(LOST),
        took_us=max(0, died_us - at_us),
        code=LOST,
    )
