"""The queue: how many wait, for how long, how much is let in, and how well that was foretold."""

from collections.abc import Callable, Iterator
from typing import Final

from steadfast.admission.snapshot import GateSnapshot
from steadfast.observability.metrics.family import Family, Kind, Label
from steadfast.observability.metrics.instrument import Readings, Sample
from steadfast.observability.metrics.labels import PRIORITY, TASK

_WHAT: Final = Label(
    name="what", meaning="`work` (time in a worker) or `wait`.", values=frozenset({"work", "wait"})
)

DEPTH: Final = Family(
    name="steadfast_queue_depth",
    kind=Kind.GAUGE,
    meaning="Requests that wait to be let in.",
    labels=(TASK, PRIORITY),
)
AGE: Final = Family(
    name="steadfast_queue_age_seconds",
    kind=Kind.GAUGE,
    meaning="How long the one that came first has waited.",
    labels=(TASK, PRIORITY),
)
FORETOLD: Final = Family(
    name="steadfast_queue_predicted_wait_seconds",
    kind=Kind.GAUGE,
    meaning="How long a new client's request would wait if it came now.",
    labels=(TASK, PRIORITY),
)
INSIDE: Final = Family(
    name="steadfast_requests_inside",
    kind=Kind.GAUGE,
    meaning="Requests that were let in and are not done.",
    labels=(TASK,),
)
LIMIT: Final = Family(
    name="steadfast_concurrency_limit",
    kind=Kind.GAUGE,
    meaning="Requests that may be inside together.",
    labels=(TASK,),
)
ERROR: Final = Family(
    name="steadfast_prediction_error_ratio",
    kind=Kind.GAUGE,
    meaning="Median error of the last predictions, as a part of what came true; absent before there are any.",
    labels=(TASK, _WHAT),
)
PACE: Final = Family(
    name="steadfast_predicted_work_pace",
    kind=Kind.GAUGE,
    meaning="Predicted work done per second of busy workers: 1 where predictions hold, less while workers "
    "hang or are missing.",
    labels=(TASK,),
)
FAMILIES: Final = (DEPTH, AGE, FORETOLD, INSIDE, LIMIT, ERROR, PACE)


def gate_readings(gate: Callable[[], GateSnapshot]) -> Readings:
    """How the queue stands, asked at each scrape."""
    return Readings(
        {
            DEPTH: lambda: [
                ((lane.task, priority.value), float(count))
                for lane in gate().lanes
                for priority, count in lane.waiting.items()
            ],
            AGE: lambda: [
                ((lane.task, priority.value), wait_s)
                for lane in gate().lanes
                for priority, wait_s in lane.oldest_wait_s.items()
            ],
            FORETOLD: lambda: [
                ((lane.task, priority.value), wait_s)
                for lane in gate().lanes
                for priority, wait_s in lane.predicted_wait_s.items()
            ],
            INSIDE: lambda: [((lane.task,), float(lane.inside)) for lane in gate().lanes],
            LIMIT: lambda: [((lane.task,), float(lane.limit)) for lane in gate().lanes],
            ERROR: lambda: list(_errors(gate())),
            PACE: lambda: [((lane.task,), lane.pace) for lane in gate().lanes],
        }
    )


def _errors(gate: GateSnapshot) -> Iterator[Sample]:
    for lane in gate.lanes:
        if lane.service_error is not None:
            yield (lane.task, "work"), lane.service_error
        if lane.wait_error is not None:
            yield (lane.task, "wait"), lane.wait_error
