"""Decides which signs count: those that last, until they have been gone for a while.

A sign must be seen in as many looks in a row as it says, so that one odd reading wakes nobody; it is over
when it has been absent for three. The detector never acts: it says what has begun and what is over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from steadfast.events import Event
from steadfast.health.detection.facts import EventPolicy
from steadfast.health.detection.instability import FlappingPolicy, ReloadPolicy
from steadfast.health.detection.sign import GRADE, Policy, Scene, Sign
from steadfast.health.detection.slopes import SlopePolicy
from steadfast.health.detection.thresholds import ThresholdPolicy
from steadfast.health.detection.waiting import DeadlockPolicy, QueuePolicy
from steadfast.health.detection.work import LatencyPolicy, RatePolicy

QUIET_LOOKS = 3


@dataclass(kw_only=True, slots=True)
class Findings:
    """What one look, or one event, has changed."""

    signs: list[Sign] = field(default_factory=list)
    """What counts now: begun in this look, or seen again."""
    over: list[tuple[str, str]] = field(default_factory=list)
    """Kind and subject of what has ended."""


@dataclass(kw_only=True, slots=True)
class _Suspicion:
    sign: Sign
    seen: int = 0
    absent: int = 0
    counts: bool = False


class Detector:
    """Every policy behind one door."""

    def __init__(self, policies: Sequence[Policy] = ()) -> None:
        """`policies` join the built-in ones."""
        self._events = EventPolicy()
        self._reloads = ReloadPolicy()
        self._flapping = FlappingPolicy()
        self._policies: tuple[Policy, ...] = (
            ThresholdPolicy(),
            SlopePolicy(),
            LatencyPolicy(),
            RatePolicy(),
            QueuePolicy(),
            DeadlockPolicy(),
            self._events,
            self._reloads,
            self._flapping,
            *policies,
        )
        self._suspicions: dict[tuple[str, str], _Suspicion] = {}

    def look(self, scene: Scene) -> Findings:
        """One look at everything."""
        found: dict[tuple[str, str], Sign] = {}
        for policy in self._policies:
            for sign in policy.look(scene):
                other = found.get(sign.key)
                if other is None or GRADE[sign.severity] > GRADE[other.severity]:
                    found[sign.key] = sign
        findings = Findings()
        for sign in found.values():
            self._see(sign, findings)
        self._forget(found, findings)
        return findings

    def hear(self, event: Event) -> Findings:
        """One fact, at once."""
        self._reloads.hear(event)
        findings = Findings()
        sign = self._events.hear(event)
        if sign is not None:
            self.report(sign, findings)
        return findings

    def report(self, sign: Sign, findings: Findings | None = None) -> Findings:
        """A sign that somebody else has found, as the diagnosis of logs does."""
        findings = findings if findings is not None else Findings()
        if not sign.is_moment:
            self._see(sign, findings)
            return findings
        findings.signs.append(sign)
        findings.over.append(sign.key)
        return findings

    def _see(self, sign: Sign, findings: Findings) -> None:
        suspicion = self._suspicions.setdefault(sign.key, _Suspicion(sign=sign))
        suspicion.sign, suspicion.absent = sign, 0
        suspicion.seen += 1
        if suspicion.seen >= sign.looks:
            if not suspicion.counts and sign.kind != "flapping":
                self._flapping.count(sign.kind)
            suspicion.counts = True
            findings.signs.append(sign)

    def _forget(self, found: Iterable[tuple[str, str]], findings: Findings) -> None:
        present = set(found)
        for key, suspicion in tuple(self._suspicions.items()):
            if key in present:
                continue
            suspicion.absent += 1
            if not suspicion.counts:
                del self._suspicions[key]
            elif suspicion.absent >= QUIET_LOOKS:
                del self._suspicions[key]
                findings.over.append(key)
