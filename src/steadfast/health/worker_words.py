"""Diagnoses what workers print while they live, and what native code left when they fell.

A worker that parses hostile media may print anything, and as much as it likes: it gets a budget, and what it
seems to say can only warn. Evidence names the rule, never the line.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence

from steadfast.errors import Severity
from steadfast.events import Event
from steadfast.health.detection.sign import Sign
from steadfast.health.log_diagnosis.findings import Finding, FindingKind
from steadfast.health.log_diagnosis.online import OnlineDiagnosis
from steadfast.health.log_diagnosis.rule import Rule
from steadfast.runtime.events import WorkerDied, WorkerPrinted

_MOST_WORKERS = 64
_CHARACTERS_PER_S = 16_384
_BURST = 65_536
_COST_OF_A_LINE = 200


class WorkerWords:
    """One diagnosis per worker."""

    def __init__(self, rules: Sequence[Rule], *, clock: Callable[[], float]) -> None:
        self._rules = rules
        self._clock = clock
        self._listeners: OrderedDict[str, _Listener] = OrderedDict()

    def hear(self, event: Event) -> list[Sign]:
        """What this event newly shows; mostly nothing."""
        if isinstance(event, WorkerPrinted):
            found = self._listener(event.worker).take(event.text)
            return [_sign(event.task, event.worker, finding) for finding in found]
        if isinstance(event, WorkerDied):
            listener = self._listener(event.worker)
            found = listener.take("\n" + event.report.native_traceback + "\n") if not event.wanted else []
            del self._listeners[event.worker]
            # That it fell is told already, by its death.
            news = [finding for finding in found if finding.kind is not FindingKind.SEGFAULT]
            return [_sign(event.task, event.worker, finding) for finding in news]
        return []

    def _listener(self, worker: str) -> "_Listener":
        listener = self._listeners.get(worker)
        if listener is None:
            diagnosis = OnlineDiagnosis(worker, self._rules, clock=self._clock)
            listener = self._listeners[worker] = _Listener(diagnosis, self._clock)
            if len(self._listeners) > _MOST_WORKERS:
                self._listeners.popitem(last=False)
        return listener


class _Listener:
    """Makes lines of pieces, within a budget."""

    def __init__(self, diagnosis: OnlineDiagnosis, clock: Callable[[], float]) -> None:
        self._diagnosis = diagnosis
        self._clock = clock
        self._begun = ""
        self._budget = float(_BURST)
        self._filled_at_s = clock()

    def take(self, text: str) -> list[Finding]:
        """What the lines that end in this piece show."""
        now_s = self._clock()
        self._budget = min(_BURST, self._budget + (now_s - self._filled_at_s) * _CHARACTERS_PER_S)
        self._filled_at_s = now_s
        if self._budget <= 0:
            return []
        *lines, begun = (self._begun + text[: int(self._budget)]).split("\n")
        self._begun = begun[-_BURST:]
        found: list[Finding] = []
        for line in lines:
            # A line costs more than its characters: a million empty ones would hold up the loop.
            self._budget -= len(line) + _COST_OF_A_LINE
            if self._budget < 0:
                break
            found += self._diagnosis.feed(line)
        return found


def _sign(task: str, worker: str, finding: Finding) -> Sign:
    return Sign(
        kind=f"log_{finding.kind.value}",
        subject=worker,
        severity=Severity.WARNING,
        evidence=f"what it printed shows {finding.kind.value} (rule {finding.rule})",
        is_moment=True,
        task=task,
    )
