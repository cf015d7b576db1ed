"""One span over a whole job, above those of its steps.

A job outlives servers, so its span is not kept open: it is made when the job ends, with an id that follows
from the job's. Steps name it as their parent from the first one on, whichever server does them.
"""

from collections import OrderedDict
from collections.abc import Callable
from contextvars import ContextVar
from hashlib import blake2b
from typing import Final

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from steadfast.events import subscribe_to
from steadfast.jobs.events import JobStateChanged
from steadfast.jobs.job import ENDED
from steadfast.observability.traces.tracing import Tracing

_MOST_JOBS: Final = 10_000
_CHOSEN: ContextVar[int] = ContextVar("chosen_span_id", default=0)


class ChosenIds(RandomIdGenerator):
    """Span ids by chance, or the one that was chosen."""

    def generate_span_id(self) -> int:
        """The id of the next span."""
        return _CHOSEN.get() or super().generate_span_id()


class JobTraces:
    """Knows which jobs are traced; listens from `listen` on."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._traced: OrderedDict[str, str] = OrderedDict()

    def listen(self) -> Callable[[], None]:
        """Begins; the answer ends it."""
        return subscribe_to(JobStateChanged, self._changed)

    def parent_of_steps(self, job_id: str, submitted: str) -> str:
        """Trace Context of a job's own span, from that of its submission."""
        self._traced[job_id] = submitted
        self._traced.move_to_end(job_id)
        while len(self._traced) > _MOST_JOBS:
            self._traced.popitem(last=False)
        return f"{submitted[:36]}{span_id_of(job_id):016x}{submitted[52:]}"

    def _changed(self, event: JobStateChanged) -> None:
        if event.after not in ENDED:
            return
        submitted = self._traced.pop(event.job_id, "")
        if not submitted or event.took_s is None:
            return
        said = {
            "steadfast.job": event.job_id,
            "steadfast.task": event.task,
            "steadfast.state": event.after.value,
            "steadfast.degraded": event.degraded,
        }
        chosen = _CHOSEN.set(span_id_of(event.job_id))
        try:
            self._tracing.tell_job(submitted, said, took_s=event.took_s, code=event.code)
        finally:
            _CHOSEN.reset(chosen)


def span_id_of(job_id: str) -> int:
    """64 bits, never 0."""
    return int.from_bytes(blake2b(job_id.encode(), digest_size=8).digest(), "big") or 1
